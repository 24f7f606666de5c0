/* preflight: whether a start with this configuration can work, as far as that is seen without making anything: the children's
 * user, the files that hold secrets, a way of knowing who sends signals. Used by `check-config`, and by `run` and `start` before
 * anything is made. */
#ifndef PM_SUPERVISOR_PREFLIGHT_H
#define PM_SUPERVISOR_PREFLIGHT_H

#include "common/check.h"
#include "common/config.h"

enum preflight_status {
        PREFLIGHT_OK = 0,
        PREFLIGHT_REFUSED, /* error is one sentence with what mends it */
};

PM_MUST_CHECK enum preflight_status preflight_check(const struct config *config, char error[CONFIG_ERROR_SIZE]);

#endif
