/* answers: what the sender of a webhook is told, as JSON text in a buffer of fixed size (spec/http-api.md, section 3).
 * Every answer has a request_id of 8 hex digits. Pure. Used by pm-worker. */
#ifndef PM_WORKER_ANSWERS_H
#define PM_WORKER_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

#include "worker/core/core.h"
#include "worker/signal_json.h"

/* The longest answer: a tick that moves and closes all layers of an instrument, with its figures. */
#define ANSWER_SIZE_MAX 8192

struct answer {
        int status; /* HTTP */
        size_t size;
        char data[ANSWER_SIZE_MAX];
};

/* Why a repeat may succeed where this request did not: HTTP 503. The names are part of the contract. */
enum unavailable {
        UNAVAILABLE_NONE = 0,
        UNAVAILABLE_RECOVERING,
        UNAVAILABLE_DATABASE,
        UNAVAILABLE_MAINTENANCE,
        UNAVAILABLE_QUEUE_FULL,
        UNAVAILABLE_DEADLINE,
        UNAVAILABLE_DRAINING,
        UNAVAILABLE_DATA_CORRUPT,
        UNAVAILABLE_VALIDATION_FAILED,
        UNAVAILABLE_PAUSED,
        UNAVAILABLE_END
};
const char *answers_unavailable_name(enum unavailable reason); /* "recovering"; NULL for NONE */

/* The decision of core_decide, before its events are applied: old stops are read from core. first_seq is the number that
 * the first event of list will get. */
void answers_decision(struct answer *answer, uint32_t request_id, const struct core *core, const struct signal *signal,
                      const struct event_list *list, const struct core_decision *decision, uint64_t first_seq);

/* 400, or 413 for SIGNAL_TOO_LARGE. */
void answers_invalid(struct answer *answer, uint32_t request_id, enum signal_code code, const char *field);
/* 503 */
void answers_unavailable(struct answer *answer, uint32_t request_id, enum unavailable reason);
/* Any other refusal: error_type and message are static text. */
void answers_error(struct answer *answer, uint32_t request_id, int status, const char *error_type, const char *message);

#endif
