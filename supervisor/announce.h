/* announce: who is told when the service becomes READY or stops being so: the one who started it, those who wait at the
 * control socket, systemd. Also fills in the status model. */
#ifndef PM_SUPERVISOR_ANNOUNCE_H
#define PM_SUPERVISOR_ANNOUNCE_H

#include "supervisor/state.h"

/* Everything that is known, judged. */
void announce_fill_status(const struct supervisor *supervisor, struct status *status);

/* Tells what has changed since last time; cheap when nothing has. Runs at the end of a loop turn. */
void announce_changes(struct supervisor *supervisor);

/* The last word to the one who started us: the service gives up. reason is also logged. */
void announce_failure(struct supervisor *supervisor, const char *reason);

#endif
