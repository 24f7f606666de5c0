/* json_out: writes one JSON text into a buffer of fixed size. Commas come by themselves; what does not fit is noticed once,
 * at the end. Amounts are exact decimals, never exponents. Pure. Used by pm-worker's answers and views. */
#ifndef PM_WORKER_JSON_OUT_H
#define PM_WORKER_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/event.h"
#include "common/field.h"

struct json_out {
        char *data;
        size_t capacity;
        size_t size;
        bool needs_comma;
        bool overflowed; /* something did not fit: the text is useless */
};

void json_out_init(struct json_out *out, char *data, size_t capacity);

/* key is NULL inside an array and for the outermost value; otherwise plain ASCII that needs no escape. */
void json_out_begin(struct json_out *out, const char *key, char bracket); /* '{' or '[' */
void json_out_end(struct json_out *out, char bracket);                    /* '}' or ']' */
void json_out_string(struct json_out *out, const char *key, const char *value);
void json_out_text(struct json_out *out, const char *key, struct text value); /* UTF-8; escaped as needed */
void json_out_int(struct json_out *out, const char *key, int64_t value);
void json_out_uint(struct json_out *out, const char *key, uint64_t value);
void json_out_e6(struct json_out *out, const char *key, int64_t value_e6);
void json_out_bool(struct json_out *out, const char *key, bool value);
void json_out_null(struct json_out *out, const char *key);
void json_out_time(struct json_out *out, const char *key, int64_t at_us); /* null when 0 */
void json_out_digest(struct json_out *out, const char *key, struct digest digest);
/* "GOLD_MINI_Long_1" */
void json_out_position_id(struct json_out *out, const char *key, const char *instrument, uint8_t layer);

/* A member whose value is written next, by json_out_begin with key NULL; for keys that are data. */
void json_out_position_key(struct json_out *out, const char *instrument, uint8_t layer);

#endif
