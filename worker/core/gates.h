/* gates: what the whole portfolio and the instrument must allow before an entry (docs/TRADING_RULES.md 8 step 6 and
 * 9 step 6). Ratios are compared by cross-multiplication, never by a rounded quotient. Pure functions. */
#ifndef PM_CORE_GATES_H
#define PM_CORE_GATES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/event.h"
#include "common/fixed.h"
#include "worker/core/portfolio.h"

enum gates_verdict {
        GATES_PASS = 0,
        GATES_NO_EQUITY, /* blended equity is not positive */
        GATES_OVERFLOW,  /* what the entry would add is not an amount of money any more */
        GATES_RISK,
        GATES_VOL,
};

struct gates_limits {
        int64_t risk_percent;
        int64_t vol_percent;
};
extern const struct gates_limits gates_base_limits;
extern const struct gates_limits gates_pyramid_limits;

struct gates_portfolio {
        enum gates_verdict verdict;
        int64_t risk_percent_e6; /* with the entry; for the answer only */
        int64_t vol_percent_e6;
};

void gates_portfolio(const struct portfolio_totals *totals, const struct gates_limits *limits, fixed_wide risk_added_e6,
                     fixed_wide vol_added_e6, struct gates_portfolio *out);

/* A pyramid's gate counts on this many lots before its size is known. */
#define GATES_ASSUMED_LOTS 5

struct gates_pyramid_input {
        int64_t price_e6;
        int64_t stop_e6;
        int64_t atr_e6;
        int64_t point_value; /* of the new layer */
        int64_t base_entry_e6;
        int64_t base_stop_e6; /* initial */
        int64_t last_pyramid_e6;
        bool has_position;    /* the instrument has any */
        fixed_wide profit_e6; /* over all of them, at price */
};

struct gates_pyramid {
        enum reason instrument; /* REASON_NONE: this part passes */
        enum reason portfolio;
        enum reason profit;
        fixed_wide risk_added_e6; /* of the assumed lots */
        fixed_wide vol_added_e6;
        int64_t one_r_e6;
        int64_t move_e6;
        int64_t move_r_e6; /* reported: move in R, gap in ATR */
        int64_t spacing_e6;
        int64_t risk_percent_e6; /* before the pyramid */
        int64_t vol_percent_e6;
};

/* All three parts are looked at, whatever the first says. */
void gates_pyramid(const struct portfolio_totals *totals, const struct gates_pyramid_input *in, struct gates_pyramid *out);

#endif
