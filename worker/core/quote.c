#include "worker/core/quote.h"

#include <string.h>

#include "common/fixed.h"
#include "worker/core/portfolio.h"

/* Percent, inclusive. */
struct limits {
        int64_t divergence;
        int64_t risk_increase;
};
static const struct limits base_limits = {.divergence = 2, .risk_increase = 50};
static const struct limits pyramid_limits = {.divergence = 1, .risk_increase = 20};
#define EXIT_BELOW_PERCENT 1

const char *
quote_verdict_name(enum quote_verdict verdict)
{
        static const char *const names[QUOTE_VERDICT_END] = {
                [QUOTE_OK] = "ok",
                [QUOTE_DIVERGENCE] = "divergence",
                [QUOTE_BELOW_STOP] = "below_stop",
                [QUOTE_RISK_INCREASE] = "risk_increase",
                [QUOTE_EXIT_UNFAVOURABLE] = "exit_unfavourable",
        };
        return names[verdict];
}

static void
check_exit(fixed_wide above_e6, int64_t price_e6, struct quote_check *out)
{
        if (-above_e6 * 100 > (fixed_wide)EXIT_BELOW_PERCENT * price_e6)
                out->verdict = QUOTE_EXIT_UNFAVOURABLE;
}

static void
check_entry(const struct limits *limits, fixed_wide above_e6, int64_t price_e6, int64_t stop_e6, int64_t quote_e6, struct quote_check *out)
{
        fixed_wide away_e6 = above_e6 < 0 ? -above_e6 : above_e6;
        fixed_wide risk_e6 = (fixed_wide)price_e6 - stop_e6;

        if (away_e6 * 100 > (fixed_wide)limits->divergence * price_e6) {
                out->verdict = QUOTE_DIVERGENCE;
                return;
        }
        if (quote_e6 <= stop_e6) {
                out->verdict = QUOTE_BELOW_STOP;
                return;
        }
        if (risk_e6 > 0) {
                out->has_risk_increase = true;
                out->risk_increase_e6 = portfolio_ratio(above_e6, risk_e6);
        }
        if (above_e6 * 100 > limits->risk_increase * risk_e6)
                out->verdict = QUOTE_RISK_INCREASE;
}

void
quote_check(enum signal_type type, int64_t price_e6, int64_t stop_e6, int64_t quote_e6, int64_t lots, struct quote_check *out)
{
        fixed_wide above_e6 = (fixed_wide)quote_e6 - price_e6;

        memset(out, 0, sizeof *out);
        out->lots = lots;
        out->divergence_e6 = portfolio_ratio(above_e6, price_e6);
        if (type == SIGNAL_EXIT) {
                check_exit(above_e6, price_e6, out);
                return;
        }
        if (out->divergence_e6 < 0)
                out->divergence_e6 = -out->divergence_e6;
        check_entry(type == SIGNAL_BASE_ENTRY ? &base_limits : &pyramid_limits, above_e6, price_e6, stop_e6, quote_e6, out);
        if (type == SIGNAL_PYRAMID && out->verdict == QUOTE_OK && above_e6 > 0) {
                fixed_wide fewer = fixed_div_floor((fixed_wide)lots * ((fixed_wide)price_e6 - stop_e6), (fixed_wide)quote_e6 - stop_e6);
                out->lots = fewer > 1 ? (int64_t)fewer : 1;
        }
}
