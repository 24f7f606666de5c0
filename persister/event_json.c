#include "persister/event_json.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fixed.h"

#define TEXT_SIZE_FIRST 1024
#define NESTING_MAX 8

/* Writing. */

void
json_text_fini(struct json_text *text)
{
        free(text->data);
        *text = (struct json_text){0};
}

static void
put(struct json_text *text, const char *bytes, size_t size)
{
        if (text->size + size + 1 > text->capacity) {
                size_t capacity = text->capacity > 0 ? text->capacity : TEXT_SIZE_FIRST;
                while (capacity < text->size + size + 1)
                        capacity *= 2;
                char *data = realloc(text->data, capacity);
                PM_ASSERT(data != NULL);
                text->data = data;
                text->capacity = capacity;
        }
        memcpy(text->data + text->size, bytes, size);
        text->size += size;
        text->data[text->size] = '\0';
}

static void
put_text(struct json_text *text, const char *words)
{
        put(text, words, strlen(words));
}

static void
put_string(struct json_text *text, const char *bytes, size_t size)
{
        if (bytes == NULL) /* an empty text may have no bytes at all */
                bytes = "";
        put(text, "\"", 1);
        size_t from = 0;
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char)bytes[i];
                if (c >= 0x20 && c != '"' && c != '\\')
                        continue;
                char escape[8];
                int n = c < 0x20 ? snprintf(escape, sizeof escape, "\\u%04x", c) : snprintf(escape, sizeof escape, "\\%c", c);
                put(text, bytes + from, i - from);
                put(text, escape, (size_t)n);
                from = i + 1;
        }
        put(text, bytes + from, size - from);
        put(text, "\"", 1);
}

static void
put_e6(struct json_text *text, int64_t value_e6)
{
        char number[FIXED_TEXT_SIZE];
        put(text, number, fixed_format(value_e6, number));
}

static void
put_figures(struct json_text *text, const struct figures *figures)
{
        put(text, "{", 1);
        for (uint8_t i = 0; i < figures->count; i++) {
                const char *name = event_figure_name((int)figures->items[i].id);
                PM_ASSERT(name != NULL);
                put_text(text, i > 0 ? ",\"" : "\"");
                put_text(text, name);
                put_text(text, "\":");
                put_e6(text, figures->items[i].value_e6);
        }
        put(text, "}", 1);
}

static void
put_value(struct json_text *text, const struct field *field, const struct event *event)
{
        const void *at = (const char *)event + field->offset;
        char number[CLOCK_TEXT_SIZE + 2];
        switch (field->type) {
        case FIELD_BOOL: put_text(text, *(const bool *)at ? "true" : "false"); return;
        case FIELD_U8: put(text, number, (size_t)snprintf(number, sizeof number, "%u", *(const uint8_t *)at)); return;
        case FIELD_U32: put(text, number, (size_t)snprintf(number, sizeof number, "%" PRIu32, *(const uint32_t *)at)); return;
        case FIELD_U64: put(text, number, (size_t)snprintf(number, sizeof number, "%" PRIu64, *(const uint64_t *)at)); return;
        case FIELD_I64: put(text, number, (size_t)snprintf(number, sizeof number, "%" PRId64, *(const int64_t *)at)); return;
        case FIELD_E6: put_e6(text, *(const int64_t *)at); return;
        case FIELD_TIME_US:
                if (*(const int64_t *)at == 0) {
                        put_text(text, "null");
                        return;
                }
                clock_format_us(*(const int64_t *)at, number);
                put_string(text, number, strlen(number));
                return;
        case FIELD_ENUM: {
                const char *name = field->enum_name((int)*(const uint32_t *)at);
                if (name == NULL)
                        put_text(text, "null"); /* the 0 of an enum whose 0 has no name */
                else
                        put_string(text, name, strlen(name));
                return;
        }
        case FIELD_NAME: put_string(text, at, strnlen(at, PM_INSTRUMENT_NAME_SIZE)); return;
        case FIELD_TEXT: put_string(text, ((const struct text *)at)->data, ((const struct text *)at)->size); return;
        case FIELD_FIGURES: put_figures(text, at); return;
        case FIELD_DIGEST:
        case FIELD_EVENTS:
        case FIELD_NONE: break; /* not in events */
        }
        PM_UNREACHABLE();
}

void
event_json_write(const struct event *event, struct json_text *text)
{
        const struct event_desc *desc = event_desc_of((int)event->kind);
        PM_ASSERT(desc != NULL);
        text->size = 0;
        put(text, "{", 1);
        for (uint32_t i = 0; i < desc->fields_count; i++) {
                put_text(text, i > 0 ? ",\"" : "\"");
                put_text(text, desc->fields[i].name);
                put_text(text, "\":");
                put_value(text, &desc->fields[i], event);
        }
        put(text, "}", 1);
}

void
event_json_write_figures(const struct figures *figures, struct json_text *text)
{
        text->size = 0;
        put_figures(text, figures);
}

/* Reading. Numbers are taken from their text: json-c keeps the text of a decimal. */

void
event_json_reader_fini(struct event_json_reader *reader)
{
        json_object_put(reader->object);
        reader->object = NULL;
}

static bool
read_e6(struct json_object *value, int64_t *e6)
{
        if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
                return false;
        const char *words = json_object_to_json_string(value);
        return fixed_parse(words, strlen(words), e6) == FIXED_OK;
}

static bool
read_unsigned(struct json_object *value, uint64_t max, uint64_t *number)
{
        if (!json_object_is_type(value, json_type_int) || (json_object_get_int64(value) < 0))
                return false;
        *number = json_object_get_uint64(value);
        return *number <= max;
}

static bool
read_time(struct json_object *value, int64_t *time_us)
{
        *time_us = 0;
        if (value == NULL) /* JSON's null */
                return true;
        if (!json_object_is_type(value, json_type_string))
                return false;
        const char *words = json_object_get_string(value);
        int year;
        int month;
        int day;
        int hour;
        int minute;
        int second;
        int micro;
        if (sscanf(words, "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ", &year, &month, &day, &hour, &minute, &second, &micro) != 7 || month < 1 ||
            month > 12)
                return false;
        int64_t seconds = (clock_days_of(year, month, day) * 24 + hour) * 3600 + minute * 60LL + second;
        *time_us = seconds * 1000000 + micro;
        /* There is one way to write a time, so what is no date, hour or fraction comes back as another text. */
        char again[CLOCK_TEXT_SIZE];
        clock_format_us(*time_us, again);
        return strcmp(again, words) == 0;
}

static bool
read_enum(struct json_object *value, const struct field *field, uint32_t *number)
{
        *number = 0;
        if (value == NULL)
                return field->enum_name(0) == NULL;
        if (!json_object_is_type(value, json_type_string))
                return false;
        for (uint32_t i = 0; i < field->limit; i++) {
                const char *name = field->enum_name((int)i);
                if (name != NULL && strcmp(name, json_object_get_string(value)) == 0) {
                        *number = i;
                        return true;
                }
        }
        return false;
}

static bool
read_figures(struct json_object *value, struct figures *figures)
{
        *figures = (struct figures){0};
        if (!json_object_is_type(value, json_type_object) || json_object_object_length(value) > PM_FIGURES_MAX)
                return false;
        json_object_object_foreach(value, key, number)
        {
                struct figure *figure = &figures->items[figures->count++];
                for (int id = FIGURE_NONE + 1; id < FIGURE_END; id++) {
                        if (strcmp(event_figure_name(id), key) == 0)
                                figure->id = (enum figure_id)id;
                }
                if (figure->id == FIGURE_NONE || !read_e6(number, &figure->value_e6))
                        return false;
        }
        return true;
}

static bool
read_value(struct json_object *value, const struct field *field, struct event *event)
{
        void *at = (char *)event + field->offset;
        uint64_t number = 0;
        bool good = false;
        switch (field->type) {
        case FIELD_BOOL: *(bool *)at = json_object_get_boolean(value) != 0; return json_object_is_type(value, json_type_boolean);
        case FIELD_U8:
                good = read_unsigned(value, UINT8_MAX, &number);
                *(uint8_t *)at = (uint8_t)number;
                return good;
        case FIELD_U32:
                good = read_unsigned(value, UINT32_MAX, &number);
                *(uint32_t *)at = (uint32_t)number;
                return good;
        case FIELD_U64: return read_unsigned(value, UINT64_MAX, at);
        case FIELD_I64: *(int64_t *)at = json_object_get_int64(value); return json_object_is_type(value, json_type_int);
        case FIELD_E6: return read_e6(value, at);
        case FIELD_TIME_US: return read_time(value, at);
        case FIELD_ENUM: return read_enum(value, field, at);
        case FIELD_NAME: {
                size_t size =
                        json_object_is_type(value, json_type_string) ? (size_t)json_object_get_string_len(value) : PM_INSTRUMENT_NAME_SIZE;
                memset(at, 0, PM_INSTRUMENT_NAME_SIZE);
                if (size >= PM_INSTRUMENT_NAME_SIZE)
                        return false;
                memcpy(at, json_object_get_string(value), size);
                return true;
        }
        case FIELD_TEXT: {
                if (!json_object_is_type(value, json_type_string) || (uint32_t)json_object_get_string_len(value) > field->limit)
                        return false;
                struct text text = {.data = json_object_get_string(value), .size = (uint32_t)json_object_get_string_len(value)};
                *(struct text *)at = text;
                return true;
        }
        case FIELD_FIGURES: return read_figures(value, at);
        case FIELD_DIGEST:
        case FIELD_EVENTS:
        case FIELD_NONE: break;
        }
        PM_UNREACHABLE();
}

enum event_json_status
event_json_read(struct event_json_reader *reader, const char *json, size_t size, struct event *event, const char **field)
{
        const struct event_desc *desc = event_desc_of((int)event->kind);
        PM_ASSERT(desc != NULL);
        event_json_reader_fini(reader);
        const char *unused;
        if (field == NULL)
                field = &unused;
        *field = "payload";
        struct json_tokener *tokener = json_tokener_new_ex(NESTING_MAX);
        PM_ASSERT(tokener != NULL);
        if (size <= INT32_MAX)
                reader->object = json_tokener_parse_ex(tokener, json, (int)size);
        bool good = json_tokener_get_error(tokener) == json_tokener_success && json_object_is_type(reader->object, json_type_object);
        json_tokener_free(tokener);
        if (!good)
                return EVENT_JSON_SYNTAX;
        for (uint32_t i = 0; i < desc->fields_count; i++) {
                struct json_object *value;
                *field = desc->fields[i].name;
                if (!json_object_object_get_ex(reader->object, *field, &value) || !read_value(value, &desc->fields[i], event))
                        return EVENT_JSON_FIELD;
        }
        return EVENT_JSON_OK;
}
