/* decide: shared by the files that decide (decide.c, decide_tick.c). Seen by worker/core/ alone. */
#ifndef PM_CORE_DECIDE_H
#define PM_CORE_DECIDE_H

#include <stdint.h>

#include "worker/core/state.h"

/* One decision being written. */
struct decide {
        const struct core *core;
        const struct signal *signal;
        int64_t now_us;
        uint32_t index; /* of the signal's instrument, BOOK_NONE when it is unknown */
        struct event_list *list;
        struct core_decision *out;
};

/* The next event of the list, zeroed, with its kind and time. */
struct event *decide_event(struct decide *decide, enum event_kind kind);

/* Closes an open layer at a price. totals follow; false: the equity left its bounds, and what is in the list is void. */
bool decide_close(struct decide *decide, const struct event_load_instrument *record, const struct event_position *position,
                  int64_t price_e6, enum close_cause cause, struct portfolio_totals *totals);

/* MARKET_DATA. */
void decide_tick(struct decide *decide);

#endif
