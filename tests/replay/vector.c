#include "tests/replay/vector.h"

#include <stdio.h>
#include <string.h>

#include "common/fixed.h"

void
vector_mismatch(struct vector *vector, const char *field, const char *expected, const char *got)
{
        printf("%s: %s: expected %s, got %s\n", vector->id, field, expected, got);
        vector->mismatches++;
}

/* A decimal in a string, or a JSON number's own text. */
static bool
as_e6(json_object *json, int64_t *value_e6)
{
        enum json_type type = json_object_get_type(json);
        if (type != json_type_string && type != json_type_int && type != json_type_double)
                return false;
        const char *text = type == json_type_string ? json_object_get_string(json) : json_object_to_json_string(json);
        return fixed_parse(text, strlen(text), value_e6) == FIXED_OK;
}

static bool
is_same_scalar(json_object *expected, json_object *got)
{
        int64_t a;
        int64_t b;
        if (as_e6(expected, &a) && as_e6(got, &b))
                return a == b;
        return json_object_equal(expected, got) != 0;
}

static void
compare_arrays(struct vector *vector, const char *field, json_object *expected, json_object *got)
{
        size_t count = json_object_array_length(expected);
        char name[256];
        if (count != json_object_array_length(got)) {
                vector_mismatch(vector, field, json_object_to_json_string(expected), json_object_to_json_string(got));
                return;
        }
        for (size_t i = 0; i < count; i++) {
                snprintf(name, sizeof name, "%s[%zu]", field, i);
                vector_compare(vector, name, json_object_array_get_idx(expected, i), json_object_array_get_idx(got, i));
        }
}

void
vector_compare(struct vector *vector, const char *field, json_object *expected, json_object *got)
{
        if (json_object_is_type(expected, json_type_object) && json_object_is_type(got, json_type_object)) {
                json_object_object_foreach(expected, key, value)
                {
                        char name[256];
                        json_object *found = NULL;
                        snprintf(name, sizeof name, "%s%s%s", field, field[0] != '\0' ? "." : "", key);
                        if (!json_object_object_get_ex(got, key, &found))
                                vector_mismatch(vector, name, json_object_to_json_string(value), "nothing");
                        else
                                vector_compare(vector, name, value, found);
                }
        } else if (json_object_is_type(expected, json_type_array) && json_object_is_type(got, json_type_array)) {
                compare_arrays(vector, field, expected, got);
        } else if (!is_same_scalar(expected, got)) {
                vector_mismatch(vector, field, json_object_to_json_string(expected), json_object_to_json_string(got));
        }
}

json_object *
vector_member(struct vector *vector, json_object *object, const char *name)
{
        json_object *value = NULL;
        if (!json_object_object_get_ex(object, name, &value))
                vector_mismatch(vector, name, "a member of the case", "nothing");
        return value;
}

int64_t
vector_e6(struct vector *vector, json_object *object, const char *name)
{
        json_object *value = vector_member(vector, object, name);
        int64_t value_e6 = 0;
        if (value != NULL && !as_e6(value, &value_e6))
                vector_mismatch(vector, name, "a decimal in the case", json_object_to_json_string(value));
        return value_e6;
}

int64_t
vector_int(struct vector *vector, json_object *object, const char *name)
{
        return vector_e6(vector, object, name) / FIXED_ONE_E6;
}

bool
vector_bool(struct vector *vector, json_object *object, const char *name)
{
        return json_object_get_boolean(vector_member(vector, object, name)) != 0;
}

const char *
vector_text(struct vector *vector, json_object *object, const char *name)
{
        json_object *value = vector_member(vector, object, name);
        if (json_object_is_type(value, json_type_string))
                return json_object_get_string(value);
        if (value != NULL)
                vector_mismatch(vector, name, "a text in the case", json_object_to_json_string(value));
        return "";
}

const struct instrument *
vector_instrument(struct vector *vector, json_object *object)
{
        const char *name = vector_text(vector, object, "instrument");
        for (size_t i = 0; i < instrument_defaults_count; i++)
                if (strcmp(instrument_defaults[i].name, name) == 0)
                        return &instrument_defaults[i];
        vector_mismatch(vector, "instrument", "one of the four", name);
        return &instrument_defaults[0];
}
