#include "persister/params.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/fixed.h"

/* Array header: dimensions, has-null, element type, length, lower bound. */
#define HEADER_SIZE 20
#define COLUMN_CAPACITY_FIRST 1024

/* PostgreSQL counts time from 2000-01-01. */
#define EPOCH_2000_US 946684800000000LL

/* Type numbers of PostgreSQL's catalogue; they never change. */
static const uint32_t element_oids[] = {
        [COLUMN_NONE] = 0, [COLUMN_BOOL] = 16, [COLUMN_INT] = 20, [COLUMN_E6] = 1700, [COLUMN_TIME] = 1184, [COLUMN_TEXT] = 25,
};

static void
put_u16(uint8_t *place, uint16_t value)
{
        place[0] = (uint8_t)(value >> 8);
        place[1] = (uint8_t)value;
}

static void
put_u32(uint8_t *place, uint32_t value)
{
        put_u16(place, (uint16_t)(value >> 16));
        put_u16(place + 2, (uint16_t)value);
}

static void
put_u64(uint8_t *place, uint64_t value)
{
        put_u32(place, (uint32_t)(value >> 32));
        put_u32(place + 4, (uint32_t)value);
}

static uint8_t *
column_room(struct column *column, size_t size)
{
        if (column->capacity - column->size < size) {
                size_t capacity = column->capacity == 0 ? COLUMN_CAPACITY_FIRST : column->capacity;
                while (capacity - column->size < size)
                        capacity *= 2;
                column->data = realloc(column->data, capacity);
                PM_ASSERT(column->data != NULL);
                column->capacity = capacity;
        }
        uint8_t *place = column->data + column->size;
        column->size += size;
        return place;
}

void
column_begin(struct column *column, enum column_type type)
{
        PM_ASSERT(type != COLUMN_NONE);
        column->type = type;
        column->count = 0;
        column->has_null = false;
        column->size = 0;
        (void)column_room(column, HEADER_SIZE);
}

void
column_fini(struct column *column)
{
        free(column->data);
        *column = (struct column){0};
}

/* Room for the next element of this size; returns where its bytes go. */
static uint8_t *
element_room(struct column *column, enum column_type type, size_t size)
{
        PM_ASSERT(column->type == type);
        uint8_t *place = column_room(column, 4 + size);
        put_u32(place, (uint32_t)size);
        column->count++;
        return place + 4;
}

void
column_add_bool(struct column *column, bool value)
{
        *element_room(column, COLUMN_BOOL, 1) = value ? 1 : 0;
}

void
column_add_int(struct column *column, int64_t value)
{
        put_u64(element_room(column, COLUMN_INT, 8), (uint64_t)value);
}

/* numeric's binary form: number of digit groups, weight of the first, sign, scale, then groups of four decimal digits.
 * Always four groups before the point and two after it; the server strips the zeros. */
void
column_add_e6(struct column *column, int64_t value_e6)
{
        uint8_t *place = element_room(column, COLUMN_E6, 8 + 6 * 2);
        uint64_t amount = value_e6 < 0 ? 0 - (uint64_t)value_e6 : (uint64_t)value_e6;
        uint64_t whole = amount / FIXED_ONE_E6;
        uint64_t part = amount % FIXED_ONE_E6;

        put_u16(place, 6);
        put_u16(place + 2, 3);
        put_u16(place + 4, value_e6 < 0 ? 0x4000 : 0);
        put_u16(place + 6, 6);
        for (int group = 3; group >= 0; group--) {
                put_u16(place + 8 + 2 * group, (uint16_t)(whole % 10000));
                whole /= 10000;
        }
        put_u16(place + 16, (uint16_t)(part / 100));
        put_u16(place + 18, (uint16_t)(part % 100 * 100));
}

void
column_add_time(struct column *column, int64_t time_us)
{
        if (time_us == 0) {
                column_add_null(column);
                return;
        }
        put_u64(element_room(column, COLUMN_TIME, 8), (uint64_t)(time_us - EPOCH_2000_US));
}

void
column_add_text(struct column *column, const char *data, size_t size)
{
        uint8_t *place = element_room(column, COLUMN_TEXT, size);
        if (size > 0)
                memcpy(place, data, size);
}

void
column_add_string(struct column *column, const char *text)
{
        if (text == NULL)
                column_add_null(column);
        else
                column_add_text(column, text, strlen(text));
}

void
column_add_null(struct column *column)
{
        put_u32(column_room(column, 4), UINT32_MAX);
        column->has_null = true;
        column->count++;
}

void
params_clear(struct params *params)
{
        params->count = 0;
        params->scratch_size = 0;
}

static void
add(struct params *params, const char *value, int length, int format)
{
        PM_ASSERT(params->count < PARAMS_MAX);
        params->values[params->count] = value;
        params->lengths[params->count] = length;
        params->formats[params->count] = format;
        params->count++;
}

/* A copy in the scratch space, NUL-terminated. */
static void
add_scratch(struct params *params, const char *data, size_t size)
{
        char *place = params->scratch + params->scratch_size;

        PM_ASSERT(PARAMS_SCRATCH_SIZE - params->scratch_size > size);
        if (size > 0)
                memcpy(place, data, size);
        place[size] = '\0';
        params->scratch_size += size + 1;
        add(params, place, 0, 0);
}

void
params_int(struct params *params, int64_t value)
{
        char text[24];
        int size = snprintf(text, sizeof(text), "%" PRId64, value);
        add_scratch(params, text, (size_t)size);
}

void
params_seq(struct params *params, uint64_t value)
{
        PM_ASSERT(value <= INT64_MAX);
        params_int(params, (int64_t)value);
}

void
params_bool(struct params *params, bool value)
{
        add(params, value ? "t" : "f", 0, 0);
}

void
params_e6(struct params *params, int64_t value_e6)
{
        char text[FIXED_TEXT_SIZE] = "";
        add_scratch(params, text, fixed_format(value_e6, text));
}

void
params_time(struct params *params, int64_t time_us)
{
        char text[CLOCK_TEXT_SIZE];

        if (time_us == 0) {
                add(params, NULL, 0, 0);
                return;
        }
        clock_format_us(time_us, text);
        add_scratch(params, text, strlen(text));
}

void
params_digest(struct params *params, struct digest digest)
{
        char text[PARAMS_DIGEST_SIZE];
        add_scratch(params, params_digest_text(digest, text), PARAMS_DIGEST_SIZE - 1);
}

void
params_text(struct params *params, struct text text)
{
        add_scratch(params, text.data, text.size);
}

void
params_string(struct params *params, const char *text)
{
        add(params, text, 0, 0);
}

void
params_column(struct params *params, struct column *column)
{
        PM_ASSERT(column->type != COLUMN_NONE && column->count > 0);
        put_u32(column->data, 1);
        put_u32(column->data + 4, column->has_null ? 1 : 0);
        put_u32(column->data + 8, element_oids[column->type]);
        put_u32(column->data + 12, column->count);
        put_u32(column->data + 16, 1);
        add(params, (const char *)column->data, (int)column->size, 1);
}

void
params_element(struct params *params, const struct column *column)
{
        PM_ASSERT(column->count == 1);
        if (column->has_null)
                add(params, NULL, 0, 1);
        else
                add(params, (const char *)column->data + HEADER_SIZE + 4, (int)(column->size - HEADER_SIZE - 4), 1);
}

char *
params_digest_text(struct digest digest, char text[PARAMS_DIGEST_SIZE])
{
        (void)snprintf(text, PARAMS_DIGEST_SIZE, "%016" PRIx64 "%016" PRIx64, digest.high, digest.low);
        return text;
}
