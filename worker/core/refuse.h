/* refuse: how an event is refused that does not fit the state. Seen by worker/core/ alone. */
#ifndef PM_CORE_REFUSE_H
#define PM_CORE_REFUSE_H

#include "worker/core/core.h"

static inline enum core_status
refuse(const char **why, enum core_status status, const char *rule)
{
        *why = rule;
        return status;
}

/* In a function with a parameter why: the rule holds, or the event contradicts the state. */
#define REFUSE_UNLESS(condition, rule)                                                                                                     \
        do {                                                                                                                               \
                if (!(condition))                                                                                                          \
                        return refuse(why, CORE_CONTRADICTION, rule);                                                                      \
        } while (0)

#endif
