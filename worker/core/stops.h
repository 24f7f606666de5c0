/* stops: where a position's stop begins and how it follows the price (docs/TRADING_RULES.md 10). Pure functions. */
#ifndef PM_CORE_STOPS_H
#define PM_CORE_STOPS_H

#include <stdbool.h>
#include <stdint.h>

/* The stop at the opening; may be zero or less, which refuses the entry. Multiples are times ten. */
int64_t stops_initial(int64_t price_e6, int64_t atr_e6, int64_t multiple_x10);

/* Moves highest and stop for a tick; neither ever falls. Returns whether the price is then below the stop. */
bool stops_trail(int64_t *highest_e6, int64_t *stop_e6, int64_t price_e6, int64_t atr_e6, int64_t multiple_x10);

#endif
