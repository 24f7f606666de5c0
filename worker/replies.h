/* replies: requests that wait for a sequence number to be stored, each with a deadline. They come in the order of their
 * numbers. A request is the caller's pointer; this module never looks into it. Owned by struct worker. Pure memory: no I/O,
 * no clock, no allocation after replies_init(). Capacity is PM_REPLIES_MAX. */
#ifndef PM_WORKER_REPLIES_H
#define PM_WORKER_REPLIES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"

enum replies_status {
        REPLIES_OK = 0,
        REPLIES_FULL,
        REPLIES_NO_MEMORY, /* init only */
};

struct replies_entry {
        void *request; /* NULL: expired, its place is freed when its turn comes */
        uint64_t seq;
        int64_t deadline_us;
};

struct replies {
        struct replies_entry *ring;
        uint32_t first;
        uint32_t used;       /* places, expired ones included */
        uint32_t waiting;    /* requests */
        int64_t deadline_us; /* no request's deadline is earlier; INT64_MAX: none */
};

PM_MUST_CHECK enum replies_status replies_init(struct replies *replies);
void replies_fini(struct replies *replies);

bool replies_has_room(const struct replies *replies);
uint32_t replies_count(const struct replies *replies);

/* seq must not be lower than that of the request before. */
PM_MUST_CHECK enum replies_status replies_wait(struct replies *replies, void *request, uint64_t seq, int64_t deadline_us);

/* Takes out the next request whose number is at most through_seq and whose deadline is later than now_us; NULL when there is
 * none. One that is too late is left for replies_take_expired: a late acknowledgement answers nobody. */
void *replies_take_stored(struct replies *replies, uint64_t through_seq, int64_t now_us);
/* Takes out a request whose deadline has come; NULL when there is none. */
void *replies_take_expired(struct replies *replies, int64_t now_us);
/* When to look for expired ones; INT64_MAX: nothing waits. May be earlier than any true deadline, never later. */
int64_t replies_deadline_us(const struct replies *replies);

#endif
