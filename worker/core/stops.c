#include "worker/core/stops.h"

#include "common/fixed.h"

/* ATR times the multiple, to the nearest micro. */
static int64_t
reach(int64_t atr_e6, int64_t multiple_x10)
{
        return (int64_t)fixed_div_round((fixed_wide)atr_e6 * multiple_x10, 10);
}

int64_t
stops_initial(int64_t price_e6, int64_t atr_e6, int64_t multiple_x10)
{
        return price_e6 - reach(atr_e6, multiple_x10);
}

bool
stops_trail(int64_t *highest_e6, int64_t *stop_e6, int64_t price_e6, int64_t atr_e6, int64_t multiple_x10)
{
        if (price_e6 > *highest_e6)
                *highest_e6 = price_e6;
        int64_t trailed_e6 = *highest_e6 - reach(atr_e6, multiple_x10);
        if (trailed_e6 > *stop_e6)
                *stop_e6 = trailed_e6;
        return price_e6 < *stop_e6;
}
