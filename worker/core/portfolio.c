#include "worker/core/portfolio.h"

/* Sizing uses this share of the equity high as margin. */
#define USABLE_MARGIN_TENTHS 6
/* Equity is a sum of amounts over all time, so its bound is wider than a single amount's; open and blended equity, which
 * are derived, saturate at twice that. */
#define EQUITY_MAX_E6 (10 * FIXED_MONEY_MAX_E6)
#define DERIVED_MAX_E6 (2 * EQUITY_MAX_E6)

bool
portfolio_is_money(fixed_wide amount_e6)
{
        return amount_e6 >= -FIXED_MONEY_MAX_E6 && amount_e6 <= FIXED_MONEY_MAX_E6;
}

bool
portfolio_is_equity(fixed_wide amount_e6)
{
        return amount_e6 >= -EQUITY_MAX_E6 && amount_e6 <= EQUITY_MAX_E6;
}

fixed_wide
portfolio_worth(fixed_wide move_e6, int64_t lots, int64_t point_value)
{
        /* |move| <= 2e13, lots <= 1e6, point value <= 1e4: 2e23 at most. */
        return move_e6 * lots * point_value;
}

fixed_wide
portfolio_risk(const struct event_position *position)
{
        int64_t distance_e6 = position->entry_price_e6 - position->current_stop_e6;
        return distance_e6 > 0 ? portfolio_worth(distance_e6, position->lots, position->point_value) : 0;
}

void
portfolio_amounts_of(const struct event_position *position, bool marked, int64_t mark_e6, struct portfolio_amounts *out)
{
        int64_t lots = position->lots;
        int64_t value = position->point_value;
        int64_t atr_e6 = position->atr_e6 != 0 ? position->atr_e6 : position->standin_atr_e6;

        out->unrealized_e6 = marked ? portfolio_worth((fixed_wide)mark_e6 - position->entry_price_e6, lots, value) : 0;
        out->risk_e6 = portfolio_risk(position);
        out->vol_e6 = portfolio_worth(atr_e6, lots, value);
        out->margin_e6 = (fixed_wide)lots * position->margin_per_lot * FIXED_ONE_E6;
}

static bool
add_money(int64_t *total_e6, fixed_wide amount_e6, int sign)
{
        fixed_wide sum_e6 = *total_e6 + sign * amount_e6;
        if (!portfolio_is_money(amount_e6) || !portfolio_is_money(sum_e6))
                return false;
        *total_e6 = (int64_t)sum_e6;
        return true;
}

static bool
add_equity(int64_t *equity_e6, fixed_wide amount_e6)
{
        fixed_wide sum_e6 = *equity_e6 + amount_e6;
        if (!portfolio_is_money(amount_e6) || !portfolio_is_equity(sum_e6))
                return false;
        *equity_e6 = (int64_t)sum_e6;
        return true;
}

bool
portfolio_add(struct portfolio_totals *totals, const struct portfolio_amounts *amounts, int sign)
{
        struct portfolio_totals sum = *totals;
        sum.unrealized_e6 += sign * amounts->unrealized_e6;
        if (!portfolio_is_money(amounts->unrealized_e6) || !add_money(&sum.risk_e6, amounts->risk_e6, sign) ||
            !add_money(&sum.vol_e6, amounts->vol_e6, sign) || !add_money(&sum.margin_e6, amounts->margin_e6, sign))
                return false;
        *totals = sum;
        return true;
}

int64_t
portfolio_blended(const struct portfolio_totals *totals)
{
        return fixed_clamp(totals->closed_equity_e6 + fixed_div_round(totals->unrealized_e6, 2), -DERIVED_MAX_E6, DERIVED_MAX_E6);
}

int64_t
portfolio_percent(fixed_wide amount_e6, int64_t blended_e6)
{
        if (blended_e6 <= 0)
                return 0;
        return portfolio_ratio(amount_e6 * 100, blended_e6);
}

int64_t
portfolio_ratio(fixed_wide a, fixed_wide b)
{
        return fixed_clamp(fixed_div_round(a * FIXED_ONE_E6, b), -FIXED_RATIO_MAX_E6, FIXED_RATIO_MAX_E6);
}

void
portfolio_figures_of(const struct portfolio_totals *totals, struct portfolio_figures *out)
{
        int64_t blended_e6 = portfolio_blended(totals);
        int64_t available_e6 = blended_e6 - totals->margin_e6;

        out->open_equity_e6 = fixed_clamp(totals->closed_equity_e6 + totals->unrealized_e6, -DERIVED_MAX_E6, DERIVED_MAX_E6);
        out->blended_equity_e6 = blended_e6;
        out->risk_percent_e6 = portfolio_percent(totals->risk_e6, blended_e6);
        out->vol_percent_e6 = portfolio_percent(totals->vol_e6, blended_e6);
        out->margin_available_e6 = available_e6 > 0 ? available_e6 : 0;
        out->margin_percent_e6 = portfolio_percent(totals->margin_e6, blended_e6);
}

int64_t
portfolio_usable_margin(int64_t equity_high_e6, int64_t margin_used_e6)
{
        fixed_wide usable_e6 = fixed_div_floor((fixed_wide)equity_high_e6 * USABLE_MARGIN_TENTHS, 10) - margin_used_e6;
        return usable_e6 > 0 ? (int64_t)usable_e6 : 0;
}

bool
portfolio_book(struct portfolio_totals *totals, fixed_wide pnl_e6)
{
        if (!add_equity(&totals->closed_equity_e6, pnl_e6))
                return false;
        if (totals->closed_equity_e6 > totals->equity_high_e6)
                totals->equity_high_e6 = totals->closed_equity_e6;
        return true;
}

enum reason
portfolio_move_capital(struct portfolio_totals *totals, int64_t amount_e6)
{
        struct portfolio_totals moved = *totals;

        if (amount_e6 == 0 || !add_equity(&moved.closed_equity_e6, amount_e6) || !add_equity(&moved.equity_high_e6, amount_e6))
                return REASON_OVERFLOW;
        if (amount_e6 < 0 && moved.closed_equity_e6 < 0)
                return REASON_NO_EQUITY;
        *totals = moved;
        return REASON_NONE;
}
