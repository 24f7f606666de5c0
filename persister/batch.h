/* batch: a run of events with their texts, copied out of messages, that will become one transaction. The persister has
 * two: one is filled while the other is being stored and is kept until its COMMIT is known. Owned by struct persister.
 * Pure memory, of fixed capacity; untouched pages cost nothing. */
#ifndef PM_PERSISTER_BATCH_H
#define PM_PERSISTER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/event.h"

/* The sender's digest after the first events_count events of the batch. */
struct batch_mark {
        uint32_t events_count;
        struct digest digest;
};

struct batch {
        uint64_t first_seq; /* of events[0] */
        struct event *events;
        uint32_t count;
        uint32_t capacity;
        struct batch_mark *marks;
        uint32_t marks_count;
        char *texts; /* what the events' texts point into */
        size_t texts_size;
        size_t texts_capacity;
};

enum batch_status {
        BATCH_OK = 0,
        BATCH_FULL, /* nothing was added: no room for the events or their texts */
        BATCH_NO_MEMORY,
};

PM_MUST_CHECK enum batch_status batch_init(struct batch *batch, uint32_t events_max, size_t texts_size_max);
void batch_fini(struct batch *batch); /* a zeroed one is fine */
void batch_clear(struct batch *batch);

/* Appends copies of the events from skip on; first_seq is the number of the first that is copied and must follow on what is
 * there. digest is the sender's after the last. */
PM_MUST_CHECK enum batch_status batch_add(struct batch *batch, uint64_t first_seq, struct event_span events, uint32_t skip,
                                          struct digest digest);
/* One event without a digest to compare with: what the persister itself appends. */
PM_MUST_CHECK enum batch_status batch_add_own(struct batch *batch, uint64_t seq, const struct event *event);

static inline bool
batch_is_empty(const struct batch *batch)
{
        return batch->count == 0;
}

/* The number of the last event; first_seq - 1 when empty. */
static inline uint64_t
batch_last_seq(const struct batch *batch)
{
        return batch->first_seq + batch->count - 1;
}

/* How many events from index on belong to one signal. */
uint32_t batch_signal_events(const struct batch *batch, uint32_t index);

#endif
