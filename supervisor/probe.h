/* probe: what can be seen of an instance from outside when its control socket is silent: pid file and locks. */
#ifndef PM_SUPERVISOR_PROBE_H
#define PM_SUPERVISOR_PROBE_H

#include <stdint.h>

#include "common/config.h"
#include "supervisor/status.h"

/* Sets instance, version, state (one of the last four), reason, pid (of the pid file, 0 when unknown) and a warning with the
 * command that helps. silence is what the control socket said: "connection refused". */
void probe_instance(const struct config *config, const char *silence, struct status *status);

#endif
