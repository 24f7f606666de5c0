/* rules: the checks that an entry passes, in their order, as two tables: section of docs/TRADING_RULES.md, what is
 * computed at that point, what fails, and the reason it gives. The first row that fails decides. */
#ifndef PM_CORE_RULES_H
#define PM_CORE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/core/gates.h"
#include "worker/core/sizing.h"
#include "worker/core/state.h"

/* An entry on its way through the table. */
struct rules_entry {
        /* given */
        const struct core *core;
        const struct signal *signal;
        uint32_t index; /* of its instrument */

        /* found on the way */
        int64_t usable_margin_e6;
        int64_t lots;
        enum limiter limiter;
        int64_t initial_stop_e6;
        struct gates_pyramid pyramid_gate;
        struct gates_portfolio portfolio_gate;

        /* every figure computed so far; which of them explain the decision is chosen by its reason */
        int64_t figures_e6[FIGURE_END];
        uint32_t figures_known;
};

void rules_begin(struct rules_entry *entry, const struct core *core, const struct signal *signal, uint32_t index);

/* REASON_NONE: the entry may be executed with entry->lots, limiter and initial_stop. */
enum reason rules_check_base(struct rules_entry *entry);
enum reason rules_check_pyramid(struct rules_entry *entry);

/* The position that the entry would open, filled at the signal's price. */
void rules_position(const struct rules_entry *entry, struct event_position *out);

/* The figures that led to the decision. */
void rules_explain(const struct rules_entry *entry, enum reason reason, struct figures *out);

/* Row i of the table of a type (BASE_ENTRY, PYRAMID), for tests and documents; false when there are no more. */
bool rules_row(enum signal_type type, uint32_t i, const char **section, enum reason *reason);

#endif
