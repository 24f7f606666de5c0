/* instrument: the constants of one tradable instrument, and the four that are shipped (rules 2).
 * Read by the config parser and the trading core. Integers only: percentages as basis points of a percent
 * (percent x 100), ATR multiples x 10. */
#ifndef PM_COMMON_INSTRUMENT_H
#define PM_COMMON_INSTRUMENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"

struct instrument {
        char name[PM_INSTRUMENT_NAME_SIZE]; /* upper case, zero-padded */
        int64_t lot_size;                   /* units a lot */
        int64_t point_value;                /* rupees a point a lot, 1 to 10,000 */
        int64_t margin_per_lot;             /* rupees, 1 to 1e9 */
        int64_t initial_risk_bp;            /* percent x 100 */
        int64_t ongoing_risk_bp;
        int64_t initial_vol_bp;
        int64_t ongoing_vol_bp;
        int64_t initial_atr_x10; /* ATR multiple x 10 */
        int64_t trailing_atr_x10;
        int64_t max_pyramids; /* 0 to 5 */
        int64_t tick_e6;
        int64_t standin_atr_e6; /* volatility of a position that has no ATR */
};

/* The shipped table, in the order of the rules. */
extern const struct instrument instrument_defaults[];
extern const size_t instrument_defaults_count;

#endif
