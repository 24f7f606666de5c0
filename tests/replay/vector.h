/* vector: one case of a vector file: inputs out of its JSON, and the comparison with what is expected. A case that
 * cannot be read is a failed case, never a crash. */
#ifndef PM_TESTS_VECTOR_H
#define PM_TESTS_VECTOR_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/instrument.h"

struct vector {
        const char *id;
        uint32_t mismatches; /* printed already */
};

/* Prints "ID: field: expected E, got G" and counts it. */
void vector_mismatch(struct vector *vector, const char *field, const char *expected, const char *got);
/* Everything that expected has must be in got with the same value: numbers and decimals by value, not by spelling. */
void vector_compare(struct vector *vector, const char *field, json_object *expected, json_object *got);

/* Members of an object; a missing or malformed one is a mismatch and reads as 0, "" or NULL. */
json_object *vector_member(struct vector *vector, json_object *object, const char *name);
int64_t vector_e6(struct vector *vector, json_object *object, const char *name);
int64_t vector_int(struct vector *vector, json_object *object, const char *name);
bool vector_bool(struct vector *vector, json_object *object, const char *name);
const char *vector_text(struct vector *vector, json_object *object, const char *name);
/* One of the shipped instruments, by the object's member `instrument`; the first when it is none of them. */
const struct instrument *vector_instrument(struct vector *vector, json_object *object);

/* The functions that vectors speak of: fn's result for `in`, to be compared with `out`. NULL when fn is unknown. */
json_object *vector_call(struct vector *vector, const char *fn, json_object *in);
/* A whole session, which compares as it goes. */
void vector_session(struct vector *vector, json_object *session);

#endif
