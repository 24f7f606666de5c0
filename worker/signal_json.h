/* signal_json: the body of a webhook to one typed, complete signal (rules 3), or a refusal with its code and field.
 * The only place that knows how a signal is spelt in JSON. Pure, no allocation. Used by pm-worker and the tests. */
#ifndef PM_WORKER_SIGNAL_JSON_H
#define PM_WORKER_SIGNAL_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "common/check.h"
#include "common/event.h"
#include "common/limits.h"
#include "worker/core/signal.h"

/* Why a body is no signal; the name of each is its stable code in the answer 400 (413 for too_large). */
enum signal_code {
        SIGNAL_CODE_OK = 0,
        SIGNAL_TOO_LARGE,
        SIGNAL_BAD_JSON,
        SIGNAL_NOT_OBJECT,
        SIGNAL_MISSING_FIELD,
        SIGNAL_BAD_TYPE,
        SIGNAL_BAD_INSTRUMENT,
        SIGNAL_BAD_POSITION,
        SIGNAL_BAD_TIMESTAMP,
        SIGNAL_BAD_NUMBER,
        SIGNAL_OUT_OF_RANGE,
        SIGNAL_BAD_PRICE,
        SIGNAL_BAD_STOP,
        SIGNAL_BAD_ATR,
        SIGNAL_BAD_SUPERTREND,
        SIGNAL_BAD_ER,
        SIGNAL_BAD_LOTS,
        SIGNAL_MISSING_REASON,
        SIGNAL_CODE_END
};
const char *signal_code_name(int code); /* "bad_json", "" for OK, NULL for an unknown value */

/* Which instruments there are. name is upper case and zero-padded. */
struct signal_instruments {
        bool (*is_known)(const void *owner, const char name[PM_INSTRUMENT_NAME_SIZE]);
        const void *owner;
};

/* Room for one parsed body. signal's texts point into this struct: it must not be moved or copied while they are used. */
struct signal_json {
        struct signal signal;
        const char *field; /* of a refusal: the field that was wrong, "" when it was the body as a whole; static text */

        /* The member `secret` of the body; found also when the body is refused for something after it. */
        bool has_secret;
        struct text secret; /* empty when it is no string or longer than any secret we take */

        char secret_bytes[PM_SECRET_SIZE_MAX];
        char reason_bytes[PM_REASON_SIZE_MAX];
        char probe_id_bytes[PM_PROBE_ID_SIZE_MAX];
        char payload_bytes[PM_BODY_SIZE_MAX];
};

/* Reads body[0..size). On SIGNAL_CODE_OK out->signal is complete, its payload being the body without the secret, compact
 * between its members, and acceptable to PostgreSQL (json_copy_mended). An EOD_MONITOR is complete with its type
 * alone; the core answers it. When a key comes twice the last one counts, as in every common JSON reader. */
PM_MUST_CHECK enum signal_code signal_from_json(struct signal_json *out, const char *body, size_t size,
                                                const struct signal_instruments *instruments);

#endif
