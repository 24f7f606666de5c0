/* json_scan: a strict walk over one JSON text (RFC 8259) that allocates nothing and changes nothing. It tells whether the
 * text is JSON at all and shows the members of the outermost object as spans of the text itself, so numbers keep every digit
 * they were sent with. Used by pm-worker on bytes from outside, so it is pure, bounded, and fuzzed.
 *
 * Why not json-c here: even in its strict mode it lets NaN, Infinity, leading zeros and raw control characters through,
 * replaces lone surrogates silently, clamps integers to 64 bits, and allocates for every value. The tests hold the two
 * against each other: what this module accepts, json-c reads to the same. */
#ifndef PM_WORKER_JSON_SCAN_H
#define PM_WORKER_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/check.h"

#define JSON_SCAN_DEPTH_MAX 32 /* arrays and objects within each other; also keeps the recursion small */

enum json_kind {
        JSON_NONE = 0,
        JSON_NULL,
        JSON_BOOL,
        JSON_NUMBER,
        JSON_STRING,
        JSON_ARRAY,
        JSON_OBJECT,
};

enum json_status {
        JSON_SCAN_OK = 0,
        JSON_SCAN_SYNTAX, /* not JSON: grammar, bad UTF-8, something after the value */
        JSON_SCAN_DEPTH,  /* nested deeper than JSON_SCAN_DEPTH_MAX */
};

/* A value as it stands in the text; a string with its quotes. */
struct json_value {
        enum json_kind kind;
        const char *start;
        size_t size;
};

struct json_member {
        struct json_value key; /* a string */
        struct json_value value;
        const char *start; /* from the key's quote to the end of the value */
        size_t size;
};

typedef void json_member_fn(void *owner, const struct json_member *member);

/* Walks text[0..size), which need not end in NUL. *kind is what the text as a whole is. on_member is called for each member
 * of the outermost object, in order, as soon as it is complete: also before an error further on is met. */
PM_MUST_CHECK enum json_status json_scan(const char *text, size_t size, enum json_kind *kind, json_member_fn *on_member, void *owner);

/* Writes the characters of a JSON_STRING as UTF-8 into out, at most capacity bytes and never a part of a character, without a
 * NUL of its own; *out_size is how many. A lone surrogate becomes U+FFFD; \u0000 becomes a zero byte. Returns whether all
 * of it fitted. string is one that json_scan has shown. */
bool json_string_decode(struct json_value string, char *out, size_t capacity, size_t *out_size);

/* Copies raw text that json_scan has walked, with each \u0000 and each lone surrogate written as \ufffd: PostgreSQL's jsonb
 * and text take neither. out has room for size bytes and gets exactly size. */
void json_copy_mended(const char *raw, size_t size, char *out);

#endif
