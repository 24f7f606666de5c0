#include "worker/core/peel.h"

#include "common/fixed.h"

/* Lots to sell so that amount comes under percent of equity; 0 when it is under already. */
static int64_t
lots_over(int64_t amount_e6, int64_t equity_e6, int64_t percent_bp, int64_t lots)
{
        fixed_wide scaled = (fixed_wide)amount_e6 * 10000;
        fixed_wide over = scaled - (fixed_wide)equity_e6 * percent_bp;
        if (over <= 0)
                return 0;
        return (int64_t)fixed_div_ceil(over * lots, scaled);
}

void
peel_off(const struct instrument *instrument, int64_t risk_e6, int64_t vol_e6, int64_t equity_e6, int64_t lots, struct peel *out)
{
        int64_t for_risk = lots_over(risk_e6, equity_e6, instrument->ongoing_risk_bp, lots);
        int64_t for_vol = lots_over(vol_e6, equity_e6, instrument->ongoing_vol_bp, lots);
        int64_t most = for_risk > for_vol ? for_risk : for_vol;

        out->lots = most < lots ? most : lots;
        out->by_risk = for_risk > 0;
        out->by_vol = for_vol > 0;
}
