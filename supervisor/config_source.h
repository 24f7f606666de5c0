/* config_source: where the configuration comes from: one file (or none) and the --set options over it. Made by the command
 * line once, used at start and again at every `reload`. */
#ifndef PM_SUPERVISOR_CONFIG_SOURCE_H
#define PM_SUPERVISOR_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/config.h"

#define CONFIG_SOURCE_SETS_MAX 256

struct config_source {
        char path[4096];                          /* absolute; empty: no --config and no default file, so built-in defaults */
        const char *sets[CONFIG_SOURCE_SETS_MAX]; /* "section.key=value", borrowed from argv, in order */
        uint32_t sets_count;
};

/* defaults, then the file, then each --set, then config_check. config is initialised here, and on a failure already
 * finalised; error is one sentence for the operator. */
PM_MUST_CHECK enum config_status config_source_load(const struct config_source *source, struct config *config,
                                                    char error[CONFIG_ERROR_SIZE]);

#endif
