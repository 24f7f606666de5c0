/* supervisor: keeps the children alive, in order, and stops them in order. The life of the daemon from its folders to its end. */
#ifndef PM_SUPERVISOR_SUPERVISOR_H
#define PM_SUPERVISOR_SUPERVISOR_H

#include <stdint.h>

#include "common/config.h"
#include "supervisor/config_source.h"

struct supervisor;

/* Runs the service until it is told to stop; returns the exit code. config is checked; it is changed by a reload. source is
 * borrowed. ready_fd: -1 in the foreground, else where daemon.h's lines go. */
int supervisor_run(struct config *config, const struct config_source *source, int ready_fd);

/* Begins the stop: worker, persister, database, each with its deadlines. Again: hurries. */
void supervisor_stop(struct supervisor *supervisor, const char *reason);
/* The next step of a stop, or of a restart of both, when a child's state allows it. */
void supervisor_advance(struct supervisor *supervisor);
/* What the config leaves to us: where a daemon logs. */
void supervisor_complete_config(const struct supervisor *supervisor, struct config *config);
/* The config has other values: limits, log level. */
void supervisor_config_changed(struct supervisor *supervisor);
/* Of the config file as it is now; 0: there is none. */
int64_t supervisor_config_mtime_ns(const struct supervisor *supervisor);

#endif
