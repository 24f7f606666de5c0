/* kept: the memory of kept signals, against duplicates (docs/TRADING_RULES.md 4). Numbers grow by one with each kept
 * signal; a ring holds the newest, a hash of key and minute finds one near a time. Pure memory, given by the caller. */
#ifndef PM_CORE_KEPT_H
#define PM_CORE_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/event.h"

/* What is remembered of a signal. */
struct kept_record {
        int64_t signal_at_us; /* both times less than KEPT_TIME_END_US and not negative */
        int64_t arrived_at_us;
        int64_t pnl_e6;
        uint64_t seq;        /* less than KEPT_SEQ_END */
        uint32_t instrument; /* the caller's index, 16 bits */
        uint32_t lots;       /* six layers of FIXED_LOTS_MAX at most */
        uint8_t type;        /* not 0 */
        uint8_t layer;
        uint8_t outcome;
        uint8_t reason;
        uint8_t limiter;
};
#define KEPT_TIME_END_US (1LL << 52) /* the year 2112 */
#define KEPT_SEQ_END (1ULL << 48)

/* A record packed, since a hundred thousand of them are in memory twice. All zero: an empty place. */
struct kept_place {
        uint64_t key; /* signal time and four small numbers */
        uint64_t arrival;
        uint64_t origin;
        int64_t pnl_e6;
        uint32_t lots;
        uint32_t next; /* place + 1 of the next in this bucket */
};

/* places and heads are zeroed memory, heads a power of two long. */
struct kept {
        struct kept_place *places;
        uint32_t *heads;
        uint32_t places_count;
        uint32_t heads_count;
        uint32_t count;
};

/* The caller sees to it that the numbers in use span no more than places_count. */
bool kept_has(const struct kept *kept, uint64_t kept_no);
/* false, and *out all zero: nothing is remembered under this number. */
bool kept_at(const struct kept *kept, uint64_t kept_no, struct kept_record *out);
/* The place must be empty. */
void kept_add(struct kept *kept, uint64_t kept_no, const struct kept_record *record);
/* Nothing happens when it is empty already. */
void kept_remove(struct kept *kept, uint64_t kept_no);

/* The kept signal of the same key that is nearest to signal_at_us and at most PM_DEDUPE_WINDOW_US away; of two as
 * near the older. newest_no is the newest number in use. 0: none. */
uint64_t kept_find(const struct kept *kept, uint64_t newest_no, enum signal_type type, uint32_t instrument, uint8_t layer,
                   int64_t signal_at_us);

#endif
