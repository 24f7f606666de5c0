/* verb_life: the verbs over the service's life: run, start, stop, restart, reload, wait, maintenance. */
#ifndef PM_SUPERVISOR_VERB_LIFE_H
#define PM_SUPERVISOR_VERB_LIFE_H

#include "supervisor/verb_call.h"

/* Each carries the call out, blocking, and returns the exit code. */
int verb_life_run(struct verb_call *call);
int verb_life_start(struct verb_call *call);
int verb_life_stop(struct verb_call *call);
int verb_life_restart(struct verb_call *call);
int verb_life_reload(struct verb_call *call);
int verb_life_wait(struct verb_call *call);
int verb_life_maintenance(struct verb_call *call);

#endif
