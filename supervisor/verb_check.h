/* verb_check: the verbs that look at configuration and database, and tell of the program itself. */
#ifndef PM_SUPERVISOR_VERB_CHECK_H
#define PM_SUPERVISOR_VERB_CHECK_H

#include "supervisor/verb_call.h"

int verb_check_config(struct verb_call *call);
int verb_check_by_persister(struct verb_call *call); /* check-db, migrate, verify: returns only when it cannot be run */
int verb_check_dump_fsm(struct verb_call *call);

#endif
