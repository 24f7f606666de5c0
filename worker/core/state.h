/* state: the inside of struct core, seen by worker/core/ alone. core_new() makes it, core_apply() changes it, all
 * else reads it. */
#ifndef PM_CORE_STATE_H
#define PM_CORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/event.h"
#include "common/instrument.h"
#include "worker/core/core.h"
#include "worker/core/kept.h"
#include "worker/core/portfolio.h"
#include "worker/core/probes.h"

/* What is remembered of an instrument. A position's layer n is in positions[n - 1]. */
struct slot {
        struct event_load_instrument record;
        struct event_position positions[PM_LAYERS_MAX];
};

/* Bits of core.marks: layer n is open, the instrument's own record says something. */
#define MARK_LAYER(layer) (1u << ((layer)-1))
#define MARK_LAYERS ((1u << PM_LAYERS_MAX) - 1)
#define MARK_RECORD (1u << 7)

static_assert(2 * PM_INSTRUMENTS_MAX <= UINT16_MAX, "kept signals hold an instrument's index in 16 bits");

struct core {
        int64_t max_future_us;
        uint32_t dedupe_max;

        /* Instruments by index: the configured ones, then retired ones as they turn up (name only). The three arrays go
         * together; slots of instruments that nothing happened in stay untouched memory. */
        struct instrument *instruments;
        struct slot *slots;
        uint8_t *marks;
        uint32_t instruments_configured;
        uint32_t instruments_count;
        uint32_t instruments_max;
        uint32_t *names; /* open addressing: index + 1 */
        uint32_t names_count;

        bool exists;
        bool paused;
        int64_t initial_capital_e6;
        uint64_t positions_opened;
        uint64_t kept_no;
        uint64_t evicted_through_kept_no;
        int64_t horizon_us;

        struct portfolio_totals totals;
        uint32_t positions_count;
        uint32_t records_count;
        struct digest records_digest; /* of all records but the portfolio's own */
        struct kept kept;
        struct probes probes;
};

/* The portfolio's own record, and a kept signal's (its place is not empty), as LOAD events carry them. */
void state_portfolio(const struct core *core, struct event_load_portfolio *out);
void state_kept(const struct core *core, uint64_t kept_no, struct event_load_kept *out);

/* A time that a kept signal may have. */
bool state_time_is_known(int64_t at_us);

/* Remembers a kept signal; record->kept_no is in use and its place is empty. */
void state_keep(struct core *core, uint32_t instrument, const struct event_load_kept *record);
/* What the horizon would be if all up to this number were forgotten; forgetting them. */
int64_t state_horizon(const struct core *core, uint64_t through_kept_no);
void state_evict(struct core *core, uint64_t through_kept_no);

#endif
