/* field: how one member of a struct travels. Tables of fields describe events (event.h) and messages (msg.h);
 * one encoder and one decoder (wire.c) and one JSON writer and reader (persister) walk them. */
#ifndef PM_COMMON_FIELD_H
#define PM_COMMON_FIELD_H

#include <stddef.h>
#include <stdint.h>

enum field_type {
        FIELD_NONE = 0,
        FIELD_BOOL,    /* bool */
        FIELD_U8,      /* uint8_t */
        FIELD_U32,     /* uint32_t */
        FIELD_U64,     /* uint64_t */
        FIELD_I64,     /* int64_t, a plain integer */
        FIELD_E6,      /* int64_t micro-units; a decimal in JSON */
        FIELD_TIME_US, /* int64_t microseconds since 1970 UTC; an ISO time in JSON, null when 0 */
        FIELD_ENUM,    /* any C enum; values 0 to limit - 1; its name in JSON, by field.enum_name */
        FIELD_NAME,    /* char[PM_INSTRUMENT_NAME_SIZE], zero-padded, with its NUL */
        FIELD_TEXT,    /* struct text: borrowed bytes, UTF-8, at most limit bytes */
        FIELD_FIGURES, /* struct figures */
        FIELD_DIGEST,  /* struct digest */
        FIELD_EVENTS,  /* struct event_span: messages only */
};

/* Bytes that somebody else owns; not NUL-terminated. {NULL, 0} is the empty text. */
struct text {
        const char *data;
        uint32_t size;
};

struct field {
        const char *name;
        enum field_type type;
        uint32_t offset;
        uint32_t limit;                /* FIELD_ENUM, FIELD_TEXT */
        const char *(*enum_name)(int); /* FIELD_ENUM: stable lower-case name, NULL for an unknown value */
};

#endif
