#include "worker/core/gates.h"

#include <string.h>

const struct gates_limits gates_base_limits = {.risk_percent = 15, .vol_percent = 5};
const struct gates_limits gates_pyramid_limits = {.risk_percent = 12, .vol_percent = 4};

static enum gates_verdict
verdict_of(const struct gates_limits *limits, int64_t blended_e6, fixed_wide risk_e6, fixed_wide vol_e6)
{
        if (risk_e6 * 100 > (fixed_wide)limits->risk_percent * blended_e6)
                return GATES_RISK;
        if (vol_e6 * 100 > (fixed_wide)limits->vol_percent * blended_e6)
                return GATES_VOL;
        return GATES_PASS;
}

void
gates_portfolio(const struct portfolio_totals *totals, const struct gates_limits *limits, fixed_wide risk_added_e6, fixed_wide vol_added_e6,
                struct gates_portfolio *out)
{
        int64_t blended_e6 = portfolio_blended(totals);
        fixed_wide risk_e6 = totals->risk_e6 + risk_added_e6;
        fixed_wide vol_e6 = totals->vol_e6 + vol_added_e6;

        out->risk_percent_e6 = portfolio_percent(risk_e6, blended_e6);
        out->vol_percent_e6 = portfolio_percent(vol_e6, blended_e6);
        if (blended_e6 <= 0)
                out->verdict = GATES_NO_EQUITY;
        else if (!portfolio_is_money(risk_added_e6) || !portfolio_is_money(vol_added_e6))
                out->verdict = GATES_OVERFLOW;
        else
                out->verdict = verdict_of(limits, blended_e6, risk_e6, vol_e6);
}

static enum reason
instrument_part(const struct gates_pyramid_input *in, int64_t one_r_e6, int64_t move_e6, int64_t gap_e6)
{
        if (one_r_e6 <= 0)
                return REASON_INVALID_INITIAL_RISK;
        if (move_e6 <= one_r_e6)
                return REASON_BELOW_1R;
        /* Without an ATR there is no spacing to speak of. */
        if (in->atr_e6 <= 0 || 2 * (fixed_wide)gap_e6 < in->atr_e6)
                return REASON_ATR_SPACING;
        return REASON_NONE;
}

static enum reason
portfolio_part(enum gates_verdict verdict)
{
        static const enum reason reasons[] = {
                [GATES_PASS] = REASON_NONE,         [GATES_NO_EQUITY] = REASON_NO_EQUITY, [GATES_OVERFLOW] = REASON_OVERFLOW,
                [GATES_RISK] = REASON_PYRAMID_RISK, [GATES_VOL] = REASON_PYRAMID_VOL,
        };
        return reasons[verdict];
}

static enum reason
profit_part(const struct gates_pyramid_input *in)
{
        if (!in->has_position)
                return REASON_NO_POSITION;
        return in->profit_e6 <= 0 ? REASON_NOT_PROFITABLE : REASON_NONE;
}

void
gates_pyramid(const struct portfolio_totals *totals, const struct gates_pyramid_input *in, struct gates_pyramid *out)
{
        int64_t gap_e6 = in->price_e6 - in->last_pyramid_e6;
        int64_t blended_e6 = portfolio_blended(totals);
        struct gates_portfolio portfolio;

        memset(out, 0, sizeof *out);
        out->one_r_e6 = in->base_entry_e6 - in->base_stop_e6;
        out->move_e6 = in->price_e6 - in->base_entry_e6;
        out->move_r_e6 = out->one_r_e6 > 0 ? portfolio_ratio(out->move_e6, out->one_r_e6) : 0;
        out->spacing_e6 = in->atr_e6 > 0 ? portfolio_ratio(gap_e6, in->atr_e6) : 0;
        out->risk_added_e6 = portfolio_worth((fixed_wide)in->price_e6 - in->stop_e6, GATES_ASSUMED_LOTS, in->point_value);
        out->vol_added_e6 = portfolio_worth(in->atr_e6, GATES_ASSUMED_LOTS, in->point_value);
        out->risk_percent_e6 = portfolio_percent(totals->risk_e6, blended_e6);
        out->vol_percent_e6 = portfolio_percent(totals->vol_e6, blended_e6);

        gates_portfolio(totals, &gates_pyramid_limits, out->risk_added_e6, out->vol_added_e6, &portfolio);
        out->instrument = instrument_part(in, out->one_r_e6, out->move_e6, gap_e6);
        out->portfolio = portfolio_part(portfolio.verdict);
        out->profit = profit_part(in);
}
