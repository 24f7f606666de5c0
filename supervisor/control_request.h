/* control_request: one command of the operator, as a line of JSON on the control socket and as a struct. The command line
 * writes it, the daemon reads it. Pure.
 *
 * {"verb":"restart","role":"worker","timeout_ms":30000}
 * {"verb":"deposit","amount":250000.50,"note":"March","request_id":81723,"timeout_ms":5000} */
#ifndef PM_SUPERVISOR_CONTROL_REQUEST_H
#define PM_SUPERVISOR_CONTROL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/msg.h"

#define CONTROL_NOTE_SIZE (PM_REASON_SIZE_MAX + 1)
#define CONTROL_REQUEST_ERROR_SIZE 256
#define CONTROL_TIMEOUT_MAX_MS (24LL * 3600 * 1000)

enum control_verb {
        CONTROL_NONE = 0,
        CONTROL_STATUS,      /* answer with control_answer_status() */
        CONTROL_STOP,        /* answer at once, then stop: the client watches the process end */
        CONTROL_RESTART,     /* role: WORKER, PERSISTER or NONE for both. Answer when READY again, or with the reason why not */
        CONTROL_RELOAD,      /* read the config again; the message says what changed and what needs a restart */
        CONTROL_WAIT_READY,  /* answered by control itself: control_set_ready() */
        CONTROL_MAINTENANCE, /* on */
        CONTROL_PAUSE,       /* note */
        CONTROL_RESUME,      /* note */
        CONTROL_DEPOSIT,     /* amount_e6 > 0, note, request_id; answer after COMMAND_RESULT */
        CONTROL_WITHDRAW,
        CONTROL_KILL, /* a drill: role (NONE: worker and persister), signal_number; the deaths spend no restart budget */
        CONTROL_VERB_END
};

/* One command, checked: what does not belong to the verb is zero. */
struct control_request {
        uint64_t ticket; /* to answer with; never 0, never used again */
        enum control_verb verb;
        enum role role;
        bool on;
        int64_t amount_e6;
        uint64_t request_id; /* of capital and pause commands, never 0: chosen by the client, so that a repeat does nothing twice */
        int signal_number;   /* of CONTROL_KILL: 1 to 64 */
        char note[CONTROL_NOTE_SIZE];
        int64_t timeout_ms; /* the client waits so long for the answer */
        uint32_t uid;       /* who asks */
        uint32_t pid;
};

const char *control_verb_name(int verb); /* "restart"; NULL for what is none */

enum control_request_status {
        CONTROL_REQUEST_OK = 0,
        CONTROL_REQUEST_BAD, /* error says what: not JSON, no such verb, a key that does not belong, out of range */
};

/* Strict: exactly the keys of the verb. uid, pid and ticket are left zero. */
PM_MUST_CHECK enum control_request_status control_request_parse(const char *line, size_t size, struct control_request *request,
                                                                char error[CONTROL_REQUEST_ERROR_SIZE]);
/* The line without its newline, malloc'd; NULL without memory. */
char *control_request_format(const struct control_request *request);

#endif
