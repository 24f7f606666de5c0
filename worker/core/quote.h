/* quote: whether a broker's quote still allows the order that a signal asks for (docs/TRADING_RULES.md 13). For live
 * brokers; the paper broker fills at the signal's price. Pure function. */
#ifndef PM_CORE_QUOTE_H
#define PM_CORE_QUOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/event.h"

enum quote_verdict {
        QUOTE_OK = 0,
        QUOTE_DIVERGENCE,        /* an entry too far from its signal */
        QUOTE_BELOW_STOP,        /* an entry at or below its stop */
        QUOTE_RISK_INCREASE,     /* an entry that would risk too much more than its signal said */
        QUOTE_EXIT_UNFAVOURABLE, /* an exit too far below its signal; never asked for a stop */
        QUOTE_VERDICT_END
};
const char *quote_verdict_name(enum quote_verdict verdict);

struct quote_check {
        enum quote_verdict verdict;
        int64_t divergence_e6; /* of the price: without its sign for entries, with it for exits */
        bool has_risk_increase;
        int64_t risk_increase_e6; /* of the signal's risk */
        int64_t lots;             /* a pyramid whose risk grew buys fewer */
};

/* price_e6 > 0; type is BASE_ENTRY, PYRAMID or EXIT. */
void quote_check(enum signal_type type, int64_t price_e6, int64_t stop_e6, int64_t quote_e6, int64_t lots, struct quote_check *out);

#endif
