/* outbox: the events that the worker has decided and the persister has not yet acknowledged, with their texts, in order.
 * Gives each its sequence number, cuts them into batches of whole signals, and keeps them till their acknowledgement; after
 * a lost link everything kept is sent again. Owned by struct worker. Pure memory: no I/O, no clock, no allocation after
 * outbox_init(). Capacities are PM_OUTBOX_EVENTS_MAX and PM_OUTBOX_TEXT_SIZE_MAX. */
#ifndef PM_WORKER_OUTBOX_H
#define PM_WORKER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/event.h"
#include "common/msg.h"

enum outbox_status {
        OUTBOX_OK = 0,
        OUTBOX_FULL,      /* no room for a whole signal */
        OUTBOX_REPEATED,  /* release: this was acknowledged before; the peer wants to be sent what follows it */
        OUTBOX_UNKNOWN,   /* release: a number that was never given */
        OUTBOX_NO_MEMORY, /* init only */
};

struct outbox_slot {
        struct digest digest; /* of the state after this event */
        size_t text_end;      /* where the text ring stood after this event's texts */
        size_t wire_size;     /* encoded, at most */
};

/* A ring that is never split inside a signal, so each batch is one run of events. Indices: acknowledged events leave
 * at head, new ones come at tail; wrap is where the writer turned back to 0 (valid while tail < head). When the ring runs
 * empty it starts at 0 again: a quiet worker touches few pages. */
struct outbox {
        struct event *events;
        struct outbox_slot *slots;
        char *texts;
        uint32_t head;
        uint32_t tail;
        uint32_t wrap;
        size_t text_head;
        size_t text_tail;
        uint64_t acked_seq; /* newest acknowledged */
        uint64_t sent_seq;  /* newest handed to the link since it came up */
        uint64_t last_seq;  /* newest given */
        bool in_signal;     /* the newest event says that more follow */
};

PM_MUST_CHECK enum outbox_status outbox_init(struct outbox *box);
void outbox_fini(struct outbox *box);
/* Empties it; the next event gets last_seq + 1. */
void outbox_reset(struct outbox *box, uint64_t last_seq);

/* Whether all events and texts that one signal can have still fit. Asked before a signal is decided. */
bool outbox_has_room(const struct outbox *box);
/* Events or text beyond half of what it takes: ticks are refused from here on while the store is away. */
bool outbox_is_half_full(const struct outbox *box);
uint32_t outbox_count(const struct outbox *box);

/* Appends a copy of event and of its texts, and gives it the next sequence number in *seq (the first ever is 1). digest is
 * the state's after it. OUTBOX_FULL: nothing was appended; never after outbox_has_room() for the events of one signal. */
PM_MUST_CHECK enum outbox_status outbox_append(struct outbox *box, const struct event *event, struct digest digest, uint64_t *seq);

/* The next events to send, whole signals only, within PM_BATCH_EVENTS_MAX and PM_BATCH_SIZE_MAX; false when there are none.
 * batch->incarnation is the caller's. Its events are valid until the next release, rewind or reset. */
bool outbox_next_batch(const struct outbox *box, struct msg_event_batch *batch);
void outbox_mark_sent(struct outbox *box, const struct msg_event_batch *batch);

/* Forgets everything up to through_seq. Older acknowledgements than the newest are OUTBOX_REPEATED. */
PM_MUST_CHECK enum outbox_status outbox_release(struct outbox *box, uint64_t through_seq);
/* Everything that is kept will be sent again. */
void outbox_rewind(struct outbox *box);

#endif
