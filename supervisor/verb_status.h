/* verb_status: `pm-supervisor status`: asks the daemon, or looks at pid file and locks when it is silent. */
#ifndef PM_SUPERVISOR_VERB_STATUS_H
#define PM_SUPERVISOR_VERB_STATUS_H

#include "supervisor/verb_call.h"

int verb_status(struct verb_call *call);

#endif
