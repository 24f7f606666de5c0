/* event_json: the fields of an event as one JSON object, by walking the event's table: the column portfolio_events.payload.
 * Amounts are decimals of six places, times ISO in UTC, enums their stable names. The store writes, verify and repair
 * read. No I/O. */
#ifndef PM_PERSISTER_EVENT_JSON_H
#define PM_PERSISTER_EVENT_JSON_H

#include <stddef.h>

#include "common/check.h"
#include "common/event.h"

/* Text that grows and is used again. A zeroed one is valid. Memory that runs out ends the process: it is bounded by the event. */
struct json_text {
        char *data;
        size_t size;
        size_t capacity;
};
void json_text_fini(struct json_text *text);

/* Replaces the text by the object. */
void event_json_write(const struct event *event, struct json_text *text);
/* The figures alone, {"lots_by_risk":16.000000,…}: the column signal_log.figures. */
void event_json_write_figures(const struct figures *figures, struct json_text *text);

enum event_json_status {
        EVENT_JSON_OK = 0,
        EVENT_JSON_SYNTAX, /* no JSON object */
        EVENT_JSON_FIELD,  /* a field is missing, of a wrong type or out of its limit */
};

struct json_object; /* json-c's */

/* Holds what the last event's texts point into. A zeroed one is valid. */
struct event_json_reader {
        struct json_object *object;
};
void event_json_reader_fini(struct event_json_reader *reader);

/* Fills the fields of *event, whose kind, more and at_us the caller has set. Fields that are not in the table are ignored: a later
 * version may have added them. Texts are valid until the reader's next use. *field, when not NULL, names what was wrong. */
PM_MUST_CHECK enum event_json_status event_json_read(struct event_json_reader *reader, const char *json, size_t size, struct event *event,
                                                     const char **field);

#endif
