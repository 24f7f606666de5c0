/* peel: how many lots would bring a position back under its ongoing limits (docs/TRADING_RULES.md 12). Reported, never
 * acted on. Pure function. */
#ifndef PM_CORE_PEEL_H
#define PM_CORE_PEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/instrument.h"

struct peel {
        int64_t lots; /* 0: within both limits */
        bool by_risk;
        bool by_vol;
};

/* equity_e6 and lots are positive. */
void peel_off(const struct instrument *instrument, int64_t risk_e6, int64_t vol_e6, int64_t equity_e6, int64_t lots, struct peel *out);

#endif
