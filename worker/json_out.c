#include "worker/json_out.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/fixed.h"

void
json_out_init(struct json_out *out, char *data, size_t capacity)
{
        *out = (struct json_out){.data = data, .capacity = capacity};
}

static void
put(struct json_out *out, const char *bytes, size_t size)
{
        if (out->capacity - out->size < size) {
                out->overflowed = true;
                return;
        }
        memcpy(out->data + out->size, bytes, size);
        out->size += size;
}

static void
put_escaped(struct json_out *out, const char *bytes, size_t size)
{
        put(out, "\"", 1);
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char)bytes[i];
                char escape[8];
                if (c == '"' || c == '\\') {
                        escape[0] = '\\';
                        escape[1] = (char)c;
                        put(out, escape, 2);
                } else if (c < 0x20) {
                        int length = snprintf(escape, sizeof(escape), "\\u%04x", c);
                        put(out, escape, (size_t)length);
                } else {
                        put(out, bytes + i, 1);
                }
        }
        put(out, "\"", 1);
}

static void
put_key(struct json_out *out, const char *key)
{
        if (out->needs_comma)
                put(out, ",", 1);
        out->needs_comma = true;
        if (key == NULL)
                return;
        put(out, "\"", 1);
        put(out, key, strlen(key));
        put(out, "\":", 2);
}

void
json_out_begin(struct json_out *out, const char *key, char bracket)
{
        put_key(out, key);
        put(out, &bracket, 1);
        out->needs_comma = false;
}

void
json_out_end(struct json_out *out, char bracket)
{
        put(out, &bracket, 1);
        out->needs_comma = true;
}

void
json_out_string(struct json_out *out, const char *key, const char *value)
{
        put_key(out, key);
        put_escaped(out, value, strlen(value));
}

void
json_out_text(struct json_out *out, const char *key, struct text value)
{
        put_key(out, key);
        put_escaped(out, value.data, value.size);
}

void
json_out_int(struct json_out *out, const char *key, int64_t value)
{
        char text[24];
        int length = snprintf(text, sizeof(text), "%lld", (long long)value);
        put_key(out, key);
        put(out, text, (size_t)length);
}

void
json_out_uint(struct json_out *out, const char *key, uint64_t value)
{
        char text[24];
        int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
        put_key(out, key);
        put(out, text, (size_t)length);
}

void
json_out_e6(struct json_out *out, const char *key, int64_t value_e6)
{
        char text[FIXED_TEXT_SIZE];
        size_t length = fixed_format_short(value_e6, text);
        put_key(out, key);
        put(out, text, length);
}

void
json_out_bool(struct json_out *out, const char *key, bool value)
{
        put_key(out, key);
        put(out, value ? "true" : "false", value ? 4 : 5);
}

void
json_out_null(struct json_out *out, const char *key)
{
        put_key(out, key);
        put(out, "null", 4);
}

void
json_out_time(struct json_out *out, const char *key, int64_t at_us)
{
        char text[CLOCK_TEXT_SIZE];
        if (at_us == 0) {
                json_out_null(out, key);
                return;
        }
        clock_format_us(at_us, text);
        json_out_string(out, key, text);
}

void
json_out_digest(struct json_out *out, const char *key, struct digest digest)
{
        char text[40];
        (void)snprintf(text, sizeof(text), "%016llx%016llx", (unsigned long long)digest.high, (unsigned long long)digest.low);
        json_out_string(out, key, text);
}

#define POSITION_ID_SIZE (PM_INSTRUMENT_NAME_SIZE + 16)

static void
format_position_id(const char *instrument, uint8_t layer, char id[POSITION_ID_SIZE])
{
        (void)snprintf(id, POSITION_ID_SIZE, "%s_%s", instrument, event_layer_name(layer));
}

void
json_out_position_id(struct json_out *out, const char *key, const char *instrument, uint8_t layer)
{
        char id[POSITION_ID_SIZE];
        format_position_id(instrument, layer, id);
        json_out_string(out, key, id);
}

void
json_out_position_key(struct json_out *out, const char *instrument, uint8_t layer)
{
        json_out_position_id(out, NULL, instrument, layer);
        put(out, ":", 1);
        out->needs_comma = false;
}
