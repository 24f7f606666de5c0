/* portfolio: the arithmetic of positions and of the portfolio's figures (docs/TRADING_RULES.md 6 and 7). Pure functions
 * of their arguments; the state they are applied to is in state.h. Amounts of money that are not yet known to be within
 * bounds travel in 128 bits. */
#ifndef PM_CORE_PORTFOLIO_H
#define PM_CORE_PORTFOLIO_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/event.h"
#include "common/fixed.h"

/* What is true of the portfolio as a whole; sums over open positions. */
struct portfolio_totals {
        int64_t closed_equity_e6;
        int64_t equity_high_e6;
        fixed_wide unrealized_e6; /* gains and losses in any order: on the way the sum may pass the bounds of money */
        int64_t risk_e6;
        int64_t vol_e6;
        int64_t margin_e6;
};

/* What one open position adds to them. */
struct portfolio_amounts {
        fixed_wide unrealized_e6;
        fixed_wide risk_e6;
        fixed_wide vol_e6;
        fixed_wide margin_e6;
};

/* What is derived from the totals. Percentages in micro-percent. */
struct portfolio_figures {
        int64_t open_equity_e6;
        int64_t blended_equity_e6;
        int64_t risk_percent_e6;
        int64_t vol_percent_e6;
        int64_t margin_available_e6;
        int64_t margin_percent_e6;
};

/* Whether an amount is within the bounds of section 1. */
bool portfolio_is_money(fixed_wide amount_e6);
/* The same of an equity, which many amounts went into. */
bool portfolio_is_equity(fixed_wide amount_e6);

/* Rupees of a move of `move_e6` points. */
fixed_wide portfolio_worth(fixed_wide move_e6, int64_t lots, int64_t point_value);

/* What a position loses when its stop is hit, 0 when the stop is above its entry. */
fixed_wide portfolio_risk(const struct event_position *position);
/* Of a position by its own constants; unrealized is 0 unless marked. */
void portfolio_amounts_of(const struct event_position *position, bool marked, int64_t mark_e6, struct portfolio_amounts *out);
/* sign 1 adds, -1 takes away. false when an amount, or a sum other than unrealized, leaves the bounds: totals are then
 * unspecified. */
PM_MUST_CHECK bool portfolio_add(struct portfolio_totals *totals, const struct portfolio_amounts *amounts, int sign);

int64_t portfolio_blended(const struct portfolio_totals *totals);
/* amount as micro-percent of blended, rounded, saturated; 0 when blended is not positive. */
int64_t portfolio_percent(fixed_wide amount_e6, int64_t blended_e6);
/* a / b in micro-units, rounded, saturated; b > 0. */
int64_t portfolio_ratio(fixed_wide a, fixed_wide b);
void portfolio_figures_of(const struct portfolio_totals *totals, struct portfolio_figures *out);

/* Margin that a new entry may use (section 8, step 4). */
int64_t portfolio_usable_margin(int64_t equity_high_e6, int64_t margin_used_e6);

/* Books the result of one close: closed equity moves, the high-water mark follows it upward. false: out of bounds, nothing changed. */
PM_MUST_CHECK bool portfolio_book(struct portfolio_totals *totals, fixed_wide pnl_e6);
/* Deposit (amount > 0) or withdrawal. Not REASON_NONE: refused, nothing changed. */
PM_MUST_CHECK enum reason portfolio_move_capital(struct portfolio_totals *totals, int64_t amount_e6);

#endif
