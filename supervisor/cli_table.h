/* cli_table: the verbs and options of the command line as data. Parser, help, completion and their tests walk it. */
#ifndef PM_SUPERVISOR_CLI_TABLE_H
#define PM_SUPERVISOR_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/verb_call.h"

enum option_bit {
        OPTION_EVERYWHERE = 0, /* every verb takes it */
        OPTION_JSON = 1 << 0,
        OPTION_WATCH = 1 << 1,
        OPTION_READY = 1 << 2,
        OPTION_TIMEOUT = 1 << 3,
        OPTION_NOTE = 1 << 4,
        OPTION_REQUEST_ID = 1 << 5,
        OPTION_PRINT = 1 << 6,
};

struct cli_option {
        const char *name;     /* "--json" */
        const char *argument; /* "SECONDS"; NULL: takes none */
        unsigned bit;
        const char *help;
};

enum cli_words { WORDS_FIXED = 0, WORDS_FILE };

struct cli_verb {
        const char *name;
        const char *args; /* as shown: "[worker|persister]" */
        uint32_t args_min;
        uint32_t args_max;
        unsigned options;
        bool needs_config; /* loaded and checked before the handler is called */
        int config_code;   /* exit code when it cannot be; 0: VERB_NOT_CONFIGURED */
        int (*handler)(struct verb_call *call);
        const char *words; /* the first argument's values for completion; "" none */
        enum cli_words words_kind;
        const char *summary; /* one line */
        const char *details; /* sentences; each line at most 100 characters */
};

extern const struct cli_verb cli_verbs[];
extern const size_t cli_verbs_count;
extern const struct cli_option cli_options[];
extern const size_t cli_options_count;

const struct cli_verb *cli_table_verb(const char *name);                  /* NULL: none */
const struct cli_option *cli_table_option(const char *name, size_t size); /* name[0..size) */

#endif
