/* wire: msg.h structs to msgpack and back, by walking the tables. A message is [type, field, field, …];
 * an event is [kind, more, at_us, field, …]; positional, so small and quick. The only place with msgpack.h.
 *
 * Decoding is strict: known type, right sender and receiver, every field of its type and within its limit, nothing
 * left over, declared sizes checked against the bytes that are there before anything is allocated. Wrong bytes are
 * a status, never a crash (fuzzed). */
#ifndef PM_COMMON_WIRE_H
#define PM_COMMON_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/msg.h"

enum wire_status {
        WIRE_OK = 0,
        WIRE_TOO_LARGE, /* encoding: does not fit in PM_MESSAGE_SIZE_MAX */
        WIRE_SYNTAX,    /* decoding: not msgpack, or not of this shape */
        WIRE_TYPE,      /* no such message, or not from this sender to this receiver */
        WIRE_VALUE,     /* a field out of its limit */
        WIRE_NO_MEMORY,
};
const char *wire_status_name(enum wire_status status);

/* A growing byte buffer that is used again and again: after the first messages it does not allocate. */
struct wire_buffer {
        uint8_t *data;
        size_t size;
        size_t capacity;
};
void wire_buffer_init(struct wire_buffer *buffer);
void wire_buffer_fini(struct wire_buffer *buffer);

/* Replaces the buffer's contents with the encoded message. A message's own texts (sentences for people) are cut at their
 * limit; a text, a figure or an event too many inside an event span is a bug of the caller's and asserted. */
PM_MUST_CHECK enum wire_status wire_encode(const struct msg *msg, struct wire_buffer *buffer);

/* Encoded size of one event, at most; to cut batches before encoding. */
size_t wire_event_size_max(const struct event *event);

/* Decoder with reused storage for the events of a message. */
struct wire_decoder {
        struct event *events;
        uint32_t events_capacity;
};
void wire_decoder_init(struct wire_decoder *decoder);
void wire_decoder_fini(struct wire_decoder *decoder);

/* Fills *msg from bytes[0..size). Texts point into bytes, events into the decoder: both are valid until the bytes go
 * or the decoder is used again. from and to are the ends of the link the bytes came over. On a failure *msg is
 * unspecified, and field (when not NULL) names what was wrong. */
PM_MUST_CHECK enum wire_status wire_decode(struct wire_decoder *decoder, const uint8_t *bytes, size_t size, enum role from, enum role to,
                                           struct msg *msg, const char **field);

#endif
