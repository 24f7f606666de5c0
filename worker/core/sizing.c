#include "worker/core/sizing.h"

#include <string.h>

#include "worker/core/portfolio.h"

/* A floor of a quotient that may be far above any lot count; the caller only needs to see that it is too large. */
static int64_t
lots_of(fixed_wide quotient)
{
        return fixed_clamp(quotient, -FIXED_RATIO_MAX_E6, FIXED_RATIO_MAX_E6);
}

/* a / b <= c / d, all not negative, without the products of the whole numbers: they need not fit in 128 bits. */
static bool
is_quotient_at_most(fixed_wide a, fixed_wide b, fixed_wide c, fixed_wide d)
{
        fixed_wide left = fixed_div_floor(a, b);
        fixed_wide right = fixed_div_floor(c, d);
        if (left != right)
                return left < right;
        return (a - left * b) * d <= (c - right * d) * b;
}

void
sizing_base_lots(const struct instrument *instrument, const struct sizing_base_input *in, struct sizing_base *out)
{
        memset(out, 0, sizeof *out);
        fixed_wide distance_e6 = (fixed_wide)in->price_e6 - in->stop_e6;
        if (distance_e6 <= 0) {
                out->limiter = LIMITER_INVALID_RISK;
                return;
        }

        /* Largest values: equity 1e18, 1e4 basis points, er 1e6: 1e28; distance 1e13, point value 1e4: 1e17. */
        fixed_wide risk = (fixed_wide)in->equity_high_e6 * instrument->initial_risk_bp * in->er_e6;
        fixed_wide loss = distance_e6 * instrument->point_value;
        fixed_wide margin_e6 = (fixed_wide)instrument->margin_per_lot * FIXED_ONE_E6;

        bool risk_limits = is_quotient_at_most(risk, loss * 10000, in->usable_margin_e6, instrument->margin_per_lot);
        fixed_wide lots = risk_limits ? fixed_div_floor(risk, loss * 10000000000LL) : fixed_div_floor(in->usable_margin_e6, margin_e6);

        out->limiter = risk_limits ? LIMITER_RISK : LIMITER_MARGIN;
        out->lots = lots > 0 ? lots_of(lots) : 0;
        out->by_risk_e6 = portfolio_ratio(risk, loss * 10000000000LL);
        out->by_margin_e6 = portfolio_ratio(in->usable_margin_e6, margin_e6);
        if (in->atr_e6 > 0)
                out->by_vol_e6 = portfolio_ratio((fixed_wide)in->equity_high_e6 * instrument->initial_vol_bp,
                                                 (fixed_wide)in->atr_e6 * instrument->point_value * 10000);
}

void
sizing_pyramid_lots(const struct instrument *instrument, const struct sizing_pyramid_input *in, struct sizing_pyramid *out)
{
        fixed_wide distance_e6 = (fixed_wide)in->price_e6 - in->stop_e6;

        memset(out, 0, sizeof *out);
        out->by_margin = lots_of(fixed_div_floor(in->usable_margin_e6, (fixed_wide)instrument->margin_per_lot * FIXED_ONE_E6));
        out->by_geometry = in->base_lots >> (in->halvings + 1);
        if (distance_e6 <= 0) {
                out->limiter = LIMITER_INVALID_RISK;
                return;
        }
        out->by_budget = lots_of(fixed_div_floor(in->excess_e6, 2 * distance_e6 * instrument->point_value));

        /* The first of the smallest, in this order, is named. */
        out->lots = out->by_margin;
        out->limiter = LIMITER_MARGIN;
        if (out->by_geometry < out->lots) {
                out->lots = out->by_geometry;
                out->limiter = LIMITER_GEOMETRIC;
        }
        if (out->by_budget < out->lots) {
                out->lots = out->by_budget;
                out->limiter = LIMITER_RISK_BUDGET;
        }
        if (out->lots < 0)
                out->lots = 0;
}

fixed_wide
sizing_excess(int64_t price_e6, int64_t base_entry_e6, int64_t base_stop_e6, int64_t base_lots, int64_t base_point_value)
{
        fixed_wide move_e6 = (fixed_wide)price_e6 - base_entry_e6;
        fixed_wide one_r_e6 = (fixed_wide)base_entry_e6 - base_stop_e6;
        fixed_wide excess_e6 = portfolio_worth(move_e6 - one_r_e6, base_lots, base_point_value);
        return excess_e6 > 0 ? excess_e6 : 0;
}
