/* wire: see wire.h. msgpack-c packs; reading walks the bytes with a cursor of our own, because its unpacker allocates what a
 * hostile size field asks for (five bytes can ask for gigabytes) before one element is read. The cursor allocates nothing. */
#include "common/wire.h"

#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE_FIRST 4096
#define EVENTS_CAPACITY_FIRST 16
/* An event's own array header and kind, more, at_us; and for each field its longest number with its type byte. */
#define EVENT_HEAD_SIZE_MAX 24
#define NUMBER_SIZE_MAX 9

const char *
wire_status_name(enum wire_status status)
{
        switch (status) {
        case WIRE_OK: return "ok";
        case WIRE_TOO_LARGE: return "too_large";
        case WIRE_SYNTAX: return "syntax";
        case WIRE_TYPE: return "type";
        case WIRE_VALUE: return "value";
        case WIRE_NO_MEMORY: return "no_memory";
        }
        return "unknown";
}

void
wire_buffer_init(struct wire_buffer *buffer)
{
        *buffer = (struct wire_buffer){0};
}

void
wire_buffer_fini(struct wire_buffer *buffer)
{
        free(buffer->data);
        *buffer = (struct wire_buffer){0};
}

void
wire_decoder_init(struct wire_decoder *decoder)
{
        *decoder = (struct wire_decoder){0};
}

void
wire_decoder_fini(struct wire_decoder *decoder)
{
        free(decoder->events);
        *decoder = (struct wire_decoder){0};
}

/* Encoding. */

struct writer {
        struct wire_buffer *buffer;
        enum wire_status status; /* why writing stopped: the packer only hands -1 through */
};

static int
writer_put(void *owner, const char *bytes, size_t size)
{
        struct writer *writer = owner;
        struct wire_buffer *buffer = writer->buffer;
        size_t wanted = buffer->size + size;
        if (wanted > PM_MESSAGE_SIZE_MAX) {
                writer->status = WIRE_TOO_LARGE;
                return -1;
        }
        if (wanted > buffer->capacity) {
                size_t capacity = buffer->capacity > 0 ? buffer->capacity : BUFFER_SIZE_FIRST;
                while (capacity < wanted)
                        capacity *= 2;
                uint8_t *data = realloc(buffer->data, capacity);
                if (data == NULL) {
                        writer->status = WIRE_NO_MEMORY;
                        return -1;
                }
                buffer->data = data;
                buffer->capacity = capacity;
        }
        memcpy(buffer->data + buffer->size, bytes, size);
        buffer->size = wanted;
        return 0;
}

static int put_events(msgpack_packer *packer, const struct event_span *span, uint32_t count_max);

static int
put_text(msgpack_packer *packer, const char *data, size_t size)
{
        return msgpack_pack_str(packer, size) != 0 || (size > 0 && msgpack_pack_str_body(packer, data, size) != 0) ? -1 : 0;
}

/* Sentences for people (a server's own words among them) are cut at the message's limit, between characters: whoever receives
 * a longer one would take the sender for broken. What is stored must not be cut: it was bounded where it came in. */
static int
put_limited(msgpack_packer *packer, const struct text *text, uint32_t limit, bool cut)
{
        PM_ASSERT(cut || text->size <= limit);
        uint32_t size = text->size;
        if (size > limit) {
                size = limit;
                while (size > 0 && ((uint8_t)text->data[size] & 0xc0) == 0x80)
                        size--;
        }
        return put_text(packer, text->data, size);
}

static int
put_figures(msgpack_packer *packer, const struct figures *figures)
{
        PM_ASSERT(figures->count <= PM_FIGURES_MAX);
        int bad = msgpack_pack_array(packer, 2 * (size_t)figures->count);
        for (uint8_t i = 0; i < figures->count; i++) {
                bad |= msgpack_pack_uint32(packer, (uint32_t)figures->items[i].id);
                bad |= msgpack_pack_int64(packer, figures->items[i].value_e6);
        }
        return bad;
}

static int
put_digest(msgpack_packer *packer, const struct digest *digest)
{
        return msgpack_pack_array(packer, 2) | msgpack_pack_uint64(packer, digest->high) | msgpack_pack_uint64(packer, digest->low);
}

static int
put_field(msgpack_packer *packer, const struct field *field, const void *base, bool in_event)
{
        const void *at = (const char *)base + field->offset;
        switch (field->type) {
        case FIELD_BOOL: return *(const bool *)at ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        case FIELD_U8: return msgpack_pack_uint8(packer, *(const uint8_t *)at);
        case FIELD_U32: return msgpack_pack_uint32(packer, *(const uint32_t *)at);
        case FIELD_U64: return msgpack_pack_uint64(packer, *(const uint64_t *)at);
        case FIELD_I64:
        case FIELD_E6:
        case FIELD_TIME_US: return msgpack_pack_int64(packer, *(const int64_t *)at);
        case FIELD_ENUM: return msgpack_pack_uint32(packer, *(const uint32_t *)at);
        case FIELD_NAME: return put_text(packer, at, strnlen(at, PM_INSTRUMENT_NAME_SIZE));
        case FIELD_TEXT: return put_limited(packer, at, field->limit, !in_event);
        case FIELD_FIGURES: return put_figures(packer, at);
        case FIELD_DIGEST: return put_digest(packer, at);
        case FIELD_EVENTS: return put_events(packer, at, field->limit);
        case FIELD_NONE: break;
        }
        PM_UNREACHABLE();
}

static int
put_event(msgpack_packer *packer, const struct event *event)
{
        const struct event_desc *desc = event_desc_of((int)event->kind);
        PM_ASSERT(desc != NULL);
        int bad = msgpack_pack_array(packer, 3 + desc->fields_count);
        bad |= msgpack_pack_uint32(packer, (uint32_t)event->kind);
        bad |= event->more ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
        bad |= msgpack_pack_int64(packer, event->at_us);
        for (uint32_t i = 0; i < desc->fields_count && bad == 0; i++)
                bad = put_field(packer, &desc->fields[i], event, true);
        return bad;
}

static int
put_events(msgpack_packer *packer, const struct event_span *span, uint32_t count_max)
{
        PM_ASSERT(span->count <= count_max);
        int bad = msgpack_pack_array(packer, span->count);
        for (uint32_t i = 0; i < span->count && bad == 0; i++)
                bad = put_event(packer, &span->items[i]);
        return bad;
}

enum wire_status
wire_encode(const struct msg *msg, struct wire_buffer *buffer)
{
        const struct msg_desc *desc = msg_desc_of((int)msg->type);
        PM_ASSERT(desc != NULL);
        msgpack_packer packer;
        struct writer writer = {.buffer = buffer, .status = WIRE_OK};
        msgpack_packer_init(&packer, &writer, writer_put);
        buffer->size = 0;
        int bad = msgpack_pack_array(&packer, 1 + desc->fields_count) | msgpack_pack_uint32(&packer, (uint32_t)msg->type);
        for (uint32_t i = 0; i < desc->fields_count && bad == 0; i++)
                bad = put_field(&packer, &desc->fields[i], msg, false);
        return writer.status;
}

size_t
wire_event_size_max(const struct event *event)
{
        const struct event_desc *desc = event_desc_of((int)event->kind);
        PM_ASSERT(desc != NULL);
        size_t size = EVENT_HEAD_SIZE_MAX;
        for (uint32_t i = 0; i < desc->fields_count; i++) {
                const struct field *field = &desc->fields[i];
                size += NUMBER_SIZE_MAX;
                if (field->type == FIELD_TEXT)
                        size += ((const struct text *)((const char *)event + field->offset))->size;
                else if (field->type == FIELD_NAME)
                        size += PM_INSTRUMENT_NAME_SIZE;
                else if (field->type == FIELD_FIGURES)
                        size += 2 * PM_FIGURES_MAX * NUMBER_SIZE_MAX;
                else if (field->type == FIELD_DIGEST)
                        size += 2 * NUMBER_SIZE_MAX;
        }
        return size;
}

/* Decoding. */

struct cursor {
        const uint8_t *at;
        const uint8_t *end;
        struct wire_decoder *decoder;
        const char *field; /* what is being read, for the caller's log */
};

static size_t
left(const struct cursor *cursor)
{
        return (size_t)(cursor->end - cursor->at);
}

/* The next count bytes as a big-endian number. */
static enum wire_status
take_bytes(struct cursor *cursor, size_t count, uint64_t *value)
{
        if (left(cursor) < count)
                return WIRE_SYNTAX;
        *value = 0;
        for (size_t i = 0; i < count; i++)
                *value = *value << 8 | *cursor->at++;
        return WIRE_OK;
}

/* An integer of msgpack: its 64 bits, and whether they mean a negative number. */
static enum wire_status
take_integer(struct cursor *cursor, uint64_t *bits, bool *negative)
{
        uint64_t head = 0;
        enum wire_status status = take_bytes(cursor, 1, &head);
        if (status != WIRE_OK)
                return status;
        *negative = false;
        if (head <= 0x7f) {
                *bits = head;
                return WIRE_OK;
        }
        if (head >= 0xe0) {
                *bits = (uint64_t)(int64_t)(int8_t)(uint8_t)head;
                *negative = true;
                return WIRE_OK;
        }
        if (head < 0xcc || head > 0xd3)
                return WIRE_SYNTAX;
        bool is_signed = head >= 0xd0;
        size_t count = (size_t)1 << ((head - 0xcc) & 3);
        status = take_bytes(cursor, count, bits);
        if (status == WIRE_OK && is_signed) {
                unsigned shift = (unsigned)(64 - 8 * count);
                *bits = (uint64_t)((int64_t)(*bits << shift) >> shift);
                *negative = (int64_t)*bits < 0;
        }
        return status;
}

static enum wire_status
take_unsigned(struct cursor *cursor, uint64_t max, uint64_t *value)
{
        bool negative;
        enum wire_status status = take_integer(cursor, value, &negative);
        if (status != WIRE_OK)
                return status;
        return negative || *value > max ? WIRE_VALUE : WIRE_OK;
}

static enum wire_status
take_signed(struct cursor *cursor, int64_t *value)
{
        bool negative;
        uint64_t bits;
        enum wire_status status = take_integer(cursor, &bits, &negative);
        if (status != WIRE_OK)
                return status;
        if (!negative && bits > INT64_MAX)
                return WIRE_VALUE;
        *value = (int64_t)bits;
        return WIRE_OK;
}

static enum wire_status
take_bool(struct cursor *cursor, bool *value)
{
        uint64_t head = 0;
        enum wire_status status = take_bytes(cursor, 1, &head);
        if (status != WIRE_OK)
                return status;
        if (head != 0xc2 && head != 0xc3)
                return WIRE_SYNTAX;
        *value = head == 0xc3;
        return WIRE_OK;
}

/* A header that counts elements or bytes. fix..fix+fix_max holds the count itself; from first on come longer forms. Each
 * element takes at least one byte, so a count above what is left is refused here, before anybody makes room for it. */
static enum wire_status
take_count(struct cursor *cursor, uint8_t fix, uint8_t fix_max, uint8_t first, size_t first_size, int forms, uint64_t *count)
{
        uint64_t head = 0;
        enum wire_status status = take_bytes(cursor, 1, &head);
        if (status != WIRE_OK)
                return status;
        if (head >= fix && head <= (uint64_t)fix + fix_max)
                *count = head - fix;
        else if (head >= first && head < (uint64_t)first + (uint64_t)forms)
                status = take_bytes(cursor, first_size << (head - first), count);
        else
                return WIRE_SYNTAX;
        if (status == WIRE_OK && *count > left(cursor))
                status = WIRE_SYNTAX;
        return status;
}

static enum wire_status
take_array(struct cursor *cursor, uint64_t *count)
{
        return take_count(cursor, 0x90, 15, 0xdc, 2, 2, count);
}

static enum wire_status
take_text(struct cursor *cursor, uint64_t size_max, struct text *text)
{
        uint64_t size = 0;
        enum wire_status status = take_count(cursor, 0xa0, 31, 0xd9, 1, 3, &size);
        if (status != WIRE_OK)
                return status;
        if (size > size_max)
                return WIRE_VALUE;
        *text = (struct text){.data = size > 0 ? (const char *)cursor->at : NULL, .size = (uint32_t)size};
        cursor->at += size;
        return WIRE_OK;
}

static enum wire_status
take_name(struct cursor *cursor, char name[PM_INSTRUMENT_NAME_SIZE])
{
        struct text text;
        enum wire_status status = take_text(cursor, PM_INSTRUMENT_NAME_SIZE - 1, &text);
        if (status != WIRE_OK)
                return status;
        memset(name, 0, PM_INSTRUMENT_NAME_SIZE);
        for (uint32_t i = 0; i < text.size; i++) {
                if (text.data[i] <= ' ' || text.data[i] > '~')
                        return WIRE_VALUE;
                name[i] = text.data[i];
        }
        return WIRE_OK;
}

static enum wire_status
take_figures(struct cursor *cursor, struct figures *figures)
{
        uint64_t count = 0;
        enum wire_status status = take_array(cursor, &count);
        if (status != WIRE_OK)
                return status;
        if (count % 2 != 0 || count / 2 > PM_FIGURES_MAX)
                return WIRE_VALUE;
        *figures = (struct figures){.count = (uint8_t)(count / 2)};
        for (uint8_t i = 0; i < figures->count && status == WIRE_OK; i++) {
                uint64_t id = 0;
                status = take_unsigned(cursor, FIGURE_END - 1, &id);
                if (status == WIRE_OK && id == FIGURE_NONE)
                        status = WIRE_VALUE;
                figures->items[i].id = (enum figure_id)id;
                if (status == WIRE_OK)
                        status = take_signed(cursor, &figures->items[i].value_e6);
        }
        return status;
}

static enum wire_status
take_digest(struct cursor *cursor, struct digest *digest)
{
        uint64_t count = 0;
        enum wire_status status = take_array(cursor, &count);
        if (status == WIRE_OK && count != 2)
                status = WIRE_SYNTAX;
        if (status == WIRE_OK)
                status = take_unsigned(cursor, UINT64_MAX, &digest->high);
        if (status == WIRE_OK)
                status = take_unsigned(cursor, UINT64_MAX, &digest->low);
        return status;
}

static enum wire_status take_events(struct cursor *cursor, uint32_t count_max, struct event_span *span);

static enum wire_status
take_field(struct cursor *cursor, const struct field *field, void *base)
{
        void *at = (char *)base + field->offset;
        uint64_t value = 0;
        enum wire_status status = WIRE_SYNTAX;
        cursor->field = field->name;
        switch (field->type) {
        case FIELD_BOOL: return take_bool(cursor, at);
        case FIELD_U8:
                status = take_unsigned(cursor, UINT8_MAX, &value);
                *(uint8_t *)at = (uint8_t)value;
                return status;
        case FIELD_U32:
                status = take_unsigned(cursor, UINT32_MAX, &value);
                *(uint32_t *)at = (uint32_t)value;
                return status;
        case FIELD_U64: return take_unsigned(cursor, UINT64_MAX, at);
        case FIELD_I64:
        case FIELD_E6:
        case FIELD_TIME_US: return take_signed(cursor, at);
        case FIELD_ENUM:
                status = take_unsigned(cursor, field->limit - 1, &value);
                if (status == WIRE_OK && field->enum_name((int)value) == NULL)
                        status = WIRE_VALUE; /* a signal of no type, say: it has no name to be stored under */
                *(uint32_t *)at = (uint32_t)value;
                return status;
        case FIELD_NAME: return take_name(cursor, at);
        case FIELD_TEXT: return take_text(cursor, field->limit, at);
        case FIELD_FIGURES: return take_figures(cursor, at);
        case FIELD_DIGEST: return take_digest(cursor, at);
        case FIELD_EVENTS: return take_events(cursor, field->limit, at);
        case FIELD_NONE: break;
        }
        PM_UNREACHABLE();
}

static enum wire_status
take_event(struct cursor *cursor, struct event *event)
{
        uint64_t count = 0;
        uint64_t kind = 0;
        *event = (struct event){0};
        cursor->field = "event";
        enum wire_status status = take_array(cursor, &count);
        if (status == WIRE_OK)
                status = take_unsigned(cursor, EVENT_KIND_END - 1, &kind);
        if (status != WIRE_OK)
                return status;
        const struct event_desc *desc = event_desc_of((int)kind);
        if (desc == NULL)
                return WIRE_VALUE;
        if (count != 3 + (uint64_t)desc->fields_count)
                return WIRE_SYNTAX;
        event->kind = (enum event_kind)kind;
        status = take_bool(cursor, &event->more);
        if (status == WIRE_OK)
                status = take_signed(cursor, &event->at_us);
        for (uint32_t i = 0; i < desc->fields_count && status == WIRE_OK; i++)
                status = take_field(cursor, &desc->fields[i], event);
        return status;
}

static enum wire_status
take_events(struct cursor *cursor, uint32_t count_max, struct event_span *span)
{
        uint64_t count = 0;
        enum wire_status status = take_array(cursor, &count);
        if (status != WIRE_OK)
                return status;
        if (count > count_max)
                return WIRE_VALUE;
        struct wire_decoder *decoder = cursor->decoder;
        if (count > decoder->events_capacity) {
                uint32_t capacity = decoder->events_capacity > 0 ? decoder->events_capacity : EVENTS_CAPACITY_FIRST;
                while (capacity < count)
                        capacity *= 2;
                struct event *events = realloc(decoder->events, capacity * sizeof *events);
                if (events == NULL)
                        return WIRE_NO_MEMORY;
                decoder->events = events;
                decoder->events_capacity = capacity;
        }
        for (uint64_t i = 0; i < count && status == WIRE_OK; i++)
                status = take_event(cursor, &decoder->events[i]);
        *span = (struct event_span){.items = decoder->events, .count = (uint32_t)count};
        return status;
}

enum wire_status
wire_decode(struct wire_decoder *decoder, const uint8_t *bytes, size_t size, enum role from, enum role to, struct msg *msg,
            const char **field)
{
        struct cursor cursor = {.at = bytes, .end = bytes + size, .decoder = decoder, .field = "type"};
        uint64_t count = 0;
        uint64_t type = 0;
        *msg = (struct msg){0};
        enum wire_status status = size > PM_MESSAGE_SIZE_MAX ? WIRE_TOO_LARGE : take_array(&cursor, &count);
        if (status == WIRE_OK)
                status = take_unsigned(&cursor, UINT32_MAX, &type);
        if (status == WIRE_OK) {
                const struct msg_desc *desc = type < MSG_TYPE_END ? msg_desc_of((int)type) : NULL;
                if (desc == NULL || (desc->from & 1U << from) == 0 || (desc->to & 1U << to) == 0)
                        status = WIRE_TYPE;
                else if (count != 1 + (uint64_t)desc->fields_count)
                        status = WIRE_SYNTAX;
                msg->type = (enum msg_type)type;
                for (uint32_t i = 0; status == WIRE_OK && i < desc->fields_count; i++)
                        status = take_field(&cursor, &desc->fields[i], msg);
        }
        if (status == WIRE_OK && cursor.at != cursor.end) {
                cursor.field = "end";
                status = WIRE_SYNTAX;
        }
        if (field != NULL)
                *field = cursor.field;
        return status;
}
