/* verb_call: one call of the command line, parsed: what every verb's handler gets, and what several of them do. */
#ifndef PM_SUPERVISOR_VERB_CALL_H
#define PM_SUPERVISOR_VERB_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/config.h"
#include "common/exit_code.h"
#include "supervisor/cli.h"
#include "supervisor/config_source.h"
#include "supervisor/control_request.h"

#define VERB_ARGS_MAX 4

struct verb_options {
        bool json;
        bool watch;
        bool ready;
        bool print;
        const char *note;    /* NULL: none */
        int64_t timeout_ms;  /* 0: the verb's own */
        uint64_t request_id; /* 0: a random one */
};

struct verb_call {
        const char *verb;
        const char *args[VERB_ARGS_MAX];
        uint32_t args_count;
        struct verb_options options;
        struct config_source source;
        struct config config; /* loaded before the handler is called when its row asks for it */
        const struct cli_hooks *hooks;
        bool outcome_unknown; /* of verb_call_command: its answer was lost or did not come in time */
};

/* "pm-supervisor: text" on stderr; returns code, so that a handler ends with return verb_call_fail(…). */
int verb_call_fail(int code, const char *text, ...) __attribute__((format(printf, 2, 3)));

/* Sends the request over the control socket, prints the answer's message, and returns the exit code: VERB_OK, VERB_FAILED when
 * the daemon says no or nothing, VERB_NOT_RUNNING, VERB_NO_PERMISSION. */
int verb_call_command(struct verb_call *call, const struct control_request *request);

#endif
