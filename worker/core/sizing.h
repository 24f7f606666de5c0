/* sizing: how many lots an entry buys (docs/TRADING_RULES.md 8 step 4 and 9 step 7). Pure functions. */
#ifndef PM_CORE_SIZING_H
#define PM_CORE_SIZING_H

#include <stdint.h>

#include "common/event.h"
#include "common/fixed.h"
#include "common/instrument.h"

struct sizing_base_input {
        int64_t price_e6;
        int64_t stop_e6; /* the signal's: the chart's stop sizes, the ATR stop protects */
        int64_t atr_e6;
        int64_t er_e6;
        int64_t equity_high_e6;
        int64_t usable_margin_e6;
};

struct sizing_base {
        int64_t lots; /* may exceed FIXED_LOTS_MAX: then the signal overflows */
        enum limiter limiter;
        int64_t by_risk_e6; /* the ratios before the floor, rounded; for the answer only */
        int64_t by_vol_e6;
        int64_t by_margin_e6;
};

/* LIMITER_INVALID_RISK, all else 0: the signal's stop is not below its price. */
void sizing_base_lots(const struct instrument *instrument, const struct sizing_base_input *in, struct sizing_base *out);

struct sizing_pyramid_input {
        int64_t price_e6;
        int64_t stop_e6;
        int64_t usable_margin_e6;
        int64_t base_lots;
        fixed_wide excess_e6; /* the base's profit above one R, not negative */
        int64_t halvings;     /* Long_2 is the first pyramid: 0 */
};

struct sizing_pyramid {
        int64_t lots;
        enum limiter limiter;
        int64_t by_margin;
        int64_t by_geometry;
        int64_t by_budget;
};

void sizing_pyramid_lots(const struct instrument *instrument, const struct sizing_pyramid_input *in, struct sizing_pyramid *out);

/* The base's profit above one R at this price (section 9 step 7). */
fixed_wide sizing_excess(int64_t price_e6, int64_t base_entry_e6, int64_t base_stop_e6, int64_t base_lots, int64_t base_point_value);

#endif
