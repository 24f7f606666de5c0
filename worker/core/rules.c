#include "worker/core/rules.h"

#include <string.h>

#include "worker/core/book.h"
#include "worker/core/stops.h"

struct rule {
        const char *section;                   /* of docs/TRADING_RULES.md */
        enum reason reason;                    /* what the entry is blocked with */
        void (*compute)(struct rules_entry *); /* before the question, when there is something to compute */
        bool (*fails)(const struct rules_entry *, enum reason);
};

static void
note(struct rules_entry *entry, enum figure_id id, fixed_wide value_e6)
{
        entry->figures_e6[id] = fixed_clamp(value_e6, -FIXED_RATIO_MAX_E6, FIXED_RATIO_MAX_E6);
        entry->figures_known |= 1u << id;
}

static const struct instrument *
instrument_of(const struct rules_entry *entry)
{
        return &entry->core->instruments[entry->index];
}

static const struct slot *
slot_of(const struct rules_entry *entry)
{
        return &entry->core->slots[entry->index];
}

/* Defined only while the base is open. */
static const struct event_position *
base_of(const struct rules_entry *entry)
{
        return &slot_of(entry)->positions[0];
}

static int64_t
pyramid_number(const struct rules_entry *entry)
{
        return entry->signal->layer - 1;
}

/* Questions of the first steps. */

static bool
is_retired(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return entry->index >= entry->core->instruments_configured;
}

static bool
is_not_base_layer(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return entry->signal->layer != 1;
}

static bool
is_not_pyramid_layer(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return entry->signal->layer < 2;
}

static bool
has_open_layer(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return (entry->core->marks[entry->index] & MARK_LAYERS) != 0;
}

static bool
has_no_base(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return !book_is_open(entry->core, entry->index, 1);
}

static bool
is_over_max_pyramids(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return pyramid_number(entry) > instrument_of(entry)->max_pyramids;
}

static bool
is_layer_open(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return book_is_open(entry->core, entry->index, entry->signal->layer);
}

static bool
has_no_atr(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return entry->signal->atr_e6 == 0;
}

/* Sizing. */

static void
compute_usable_margin(struct rules_entry *entry)
{
        const struct portfolio_totals *totals = &entry->core->totals;
        entry->usable_margin_e6 = portfolio_usable_margin(totals->equity_high_e6, totals->margin_e6);
        note(entry, FIGURE_EQUITY_HIGH, totals->equity_high_e6);
        note(entry, FIGURE_USABLE_MARGIN, entry->usable_margin_e6);
}

static void
size_base(struct rules_entry *entry)
{
        const struct signal *signal = entry->signal;
        struct sizing_base size;

        compute_usable_margin(entry);
        const struct sizing_base_input in = {
                .price_e6 = signal->price_e6,
                .stop_e6 = signal->stop_e6,
                .atr_e6 = signal->atr_e6,
                .er_e6 = signal->er_e6,
                .equity_high_e6 = entry->core->totals.equity_high_e6,
                .usable_margin_e6 = entry->usable_margin_e6,
        };
        sizing_base_lots(instrument_of(entry), &in, &size);
        entry->lots = size.lots;
        entry->limiter = size.limiter;
        note(entry, FIGURE_LOTS_BY_RISK, size.by_risk_e6);
        note(entry, FIGURE_LOTS_BY_VOL, size.by_vol_e6);
        note(entry, FIGURE_LOTS_BY_MARGIN, size.by_margin_e6);
}

static void
size_pyramid(struct rules_entry *entry)
{
        const struct signal *signal = entry->signal;
        const struct event_position *base = base_of(entry);
        struct sizing_pyramid size;

        compute_usable_margin(entry);
        const struct sizing_pyramid_input in = {
                .price_e6 = signal->price_e6,
                .stop_e6 = signal->stop_e6,
                .usable_margin_e6 = entry->usable_margin_e6,
                .base_lots = base->lots,
                .excess_e6 = sizing_excess(signal->price_e6, base->entry_price_e6, base->initial_stop_e6, base->lots, base->point_value),
                .halvings = pyramid_number(entry) - 1,
        };
        sizing_pyramid_lots(instrument_of(entry), &in, &size);
        entry->lots = size.lots;
        entry->limiter = size.limiter;
        note(entry, FIGURE_LOTS_BY_MARGIN, (fixed_wide)size.by_margin * FIXED_ONE_E6);
        note(entry, FIGURE_LOTS_BY_GEOMETRY, (fixed_wide)size.by_geometry * FIXED_ONE_E6);
        note(entry, FIGURE_LOTS_BY_BUDGET, (fixed_wide)size.by_budget * FIXED_ONE_E6);
}

static bool
has_no_lots(const struct rules_entry *entry, enum reason reason)
{
        static const enum reason reasons[LIMITER_END] = {
                [LIMITER_RISK] = REASON_ZERO_LOTS_RISK,           [LIMITER_MARGIN] = REASON_ZERO_LOTS_MARGIN,
                [LIMITER_GEOMETRIC] = REASON_ZERO_LOTS_GEOMETRIC, [LIMITER_RISK_BUDGET] = REASON_ZERO_LOTS_RISK_BUDGET,
                [LIMITER_INVALID_RISK] = REASON_INVALID_RISK,
        };
        return entry->lots == 0 && reasons[entry->limiter] == reason;
}

static bool
has_too_many_lots(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return entry->lots > FIXED_LOTS_MAX;
}

/* Stops and gates. */

static void
compute_initial_stop(struct rules_entry *entry)
{
        const struct signal *signal = entry->signal;
        entry->initial_stop_e6 = stops_initial(signal->price_e6, signal->atr_e6, instrument_of(entry)->initial_atr_x10);
        note(entry, FIGURE_INITIAL_STOP, entry->initial_stop_e6);
}

static bool
has_no_initial_stop(const struct rules_entry *entry, enum reason reason)
{
        (void)reason;
        return entry->initial_stop_e6 <= 0;
}

static void
note_gate(struct rules_entry *entry, const struct gates_limits *limits, bool by_vol, fixed_wide risk_added_e6, fixed_wide vol_added_e6)
{
        const struct portfolio_totals *totals = &entry->core->totals;
        note(entry, FIGURE_LIMIT_PERCENT, (by_vol ? limits->vol_percent : limits->risk_percent) * FIXED_ONE_E6);
        note(entry, FIGURE_BLENDED_EQUITY, portfolio_blended(totals));
        note(entry, FIGURE_RISK_BEFORE, totals->risk_e6);
        note(entry, FIGURE_RISK_ADDED, risk_added_e6);
        note(entry, FIGURE_VOL_BEFORE, totals->vol_e6);
        note(entry, FIGURE_VOL_ADDED, vol_added_e6);
}

static void
gate_lots(struct rules_entry *entry, const struct gates_limits *limits)
{
        const struct signal *signal = entry->signal;
        int64_t point_value = instrument_of(entry)->point_value;
        fixed_wide risk_e6 = portfolio_worth((fixed_wide)signal->price_e6 - signal->stop_e6, entry->lots, point_value);
        fixed_wide vol_e6 = portfolio_worth(signal->atr_e6, entry->lots, point_value);
        gates_portfolio(&entry->core->totals, limits, risk_e6, vol_e6, &entry->portfolio_gate);
        note_gate(entry, limits, entry->portfolio_gate.verdict == GATES_VOL, risk_e6, vol_e6);
}

static void
gate_base(struct rules_entry *entry)
{
        gate_lots(entry, &gates_base_limits);
}

/* The gate of step 6 has looked at the assumed lots; more than those are looked at again. */
static void
gate_pyramid_lots(struct rules_entry *entry)
{
        if (entry->lots > GATES_ASSUMED_LOTS)
                gate_lots(entry, &gates_pyramid_limits);
}

static bool
is_gated(const struct rules_entry *entry, enum reason reason)
{
        static const enum gates_verdict verdicts[REASON_END] = {
                [REASON_NO_EQUITY] = GATES_NO_EQUITY, [REASON_OVERFLOW] = GATES_OVERFLOW, [REASON_PORTFOLIO_RISK] = GATES_RISK,
                [REASON_PORTFOLIO_VOL] = GATES_VOL,   [REASON_PYRAMID_RISK] = GATES_RISK, [REASON_PYRAMID_VOL] = GATES_VOL,
        };
        return entry->portfolio_gate.verdict != GATES_PASS && entry->portfolio_gate.verdict == verdicts[reason];
}

static void
gate_pyramid(struct rules_entry *entry)
{
        const struct core *core = entry->core;
        const struct slot *slot = slot_of(entry);
        const struct signal *signal = entry->signal;
        struct gates_pyramid_input in = {
                .price_e6 = signal->price_e6,
                .stop_e6 = signal->stop_e6,
                .atr_e6 = signal->atr_e6,
                .point_value = instrument_of(entry)->point_value,
                .base_entry_e6 = base_of(entry)->entry_price_e6,
                .base_stop_e6 = base_of(entry)->initial_stop_e6,
                .last_pyramid_e6 = slot->record.last_pyramid_price_e6,
        };
        for (uint8_t layer = 1; layer <= PM_LAYERS_MAX; layer++) {
                const struct event_position *position = &slot->positions[layer - 1];
                if (!book_is_open(core, entry->index, layer))
                        continue;
                in.has_position = true;
                in.profit_e6 +=
                        portfolio_worth((fixed_wide)signal->price_e6 - position->entry_price_e6, position->lots, position->point_value);
        }
        gates_pyramid(&core->totals, &in, &entry->pyramid_gate);

        const struct gates_pyramid *gate = &entry->pyramid_gate;
        note_gate(entry, &gates_pyramid_limits, gate->portfolio == REASON_PYRAMID_VOL, gate->risk_added_e6, gate->vol_added_e6);
        note(entry, FIGURE_ONE_R, gate->one_r_e6);
        note(entry, FIGURE_PRICE_MOVE, gate->move_e6);
        note(entry, FIGURE_PRICE_MOVE_R, gate->move_r_e6);
        note(entry, FIGURE_ATR_SPACING, gate->spacing_e6);
        note(entry, FIGURE_PROFIT, in.profit_e6);
}

static bool
is_pyramid_gated(const struct rules_entry *entry, enum reason reason)
{
        const struct gates_pyramid *gate = &entry->pyramid_gate;
        enum reason first = gate->instrument;
        if (first == REASON_NONE)
                first = gate->portfolio;
        if (first == REASON_NONE)
                first = gate->profit;
        return first == reason;
}

/* What the position adds by its own stop must leave every total an amount of money (section 1). */
static bool
is_beyond_bounds(const struct rules_entry *entry, enum reason reason)
{
        struct portfolio_totals totals = entry->core->totals;
        struct portfolio_amounts amounts;
        struct event_position position;
        (void)reason;

        rules_position(entry, &position);
        portfolio_amounts_of(&position, false, 0, &amounts);
        return !portfolio_add(&totals, &amounts, 1);
}

static const struct rule base_rules[] = {
        {"2", REASON_INSTRUMENT_RETIRED, NULL, is_retired},
        {"8.1", REASON_LAYER_MISMATCH, NULL, is_not_base_layer},
        {"8.2", REASON_ALREADY_OPEN, NULL, has_open_layer},
        {"8.3", REASON_ZERO_ATR, NULL, has_no_atr},
        {"8.4", REASON_INVALID_RISK, size_base, has_no_lots},
        {"8.4", REASON_ZERO_LOTS_RISK, NULL, has_no_lots},
        {"8.4", REASON_ZERO_LOTS_MARGIN, NULL, has_no_lots},
        {"1", REASON_OVERFLOW, NULL, has_too_many_lots},
        {"8.5", REASON_INVALID_INITIAL_STOP, compute_initial_stop, has_no_initial_stop},
        {"8.6", REASON_NO_EQUITY, gate_base, is_gated},
        {"1", REASON_OVERFLOW, NULL, is_gated},
        {"8.6", REASON_PORTFOLIO_RISK, NULL, is_gated},
        {"8.6", REASON_PORTFOLIO_VOL, NULL, is_gated},
        {"1", REASON_OVERFLOW, NULL, is_beyond_bounds},
};

static const struct rule pyramid_rules[] = {
        {"2", REASON_INSTRUMENT_RETIRED, NULL, is_retired},
        {"9.1", REASON_LAYER_MISMATCH, NULL, is_not_pyramid_layer},
        {"9.2", REASON_NO_BASE, NULL, has_no_base},
        {"9.3", REASON_MAX_PYRAMIDS, NULL, is_over_max_pyramids},
        {"9.4", REASON_LAYER_OPEN, NULL, is_layer_open},
        {"9.5", REASON_ZERO_ATR, NULL, has_no_atr},
        {"9.6", REASON_INVALID_INITIAL_RISK, gate_pyramid, is_pyramid_gated},
        {"9.6", REASON_BELOW_1R, NULL, is_pyramid_gated},
        {"9.6", REASON_ATR_SPACING, NULL, is_pyramid_gated},
        {"9.6", REASON_NO_EQUITY, NULL, is_pyramid_gated},
        {"1", REASON_OVERFLOW, NULL, is_pyramid_gated},
        {"9.6", REASON_PYRAMID_RISK, NULL, is_pyramid_gated},
        {"9.6", REASON_PYRAMID_VOL, NULL, is_pyramid_gated},
        {"9.6", REASON_NOT_PROFITABLE, NULL, is_pyramid_gated},
        {"9.6", REASON_NO_POSITION, NULL, is_pyramid_gated},
        {"9.7", REASON_INVALID_RISK, size_pyramid, has_no_lots},
        {"9.7", REASON_ZERO_LOTS_MARGIN, NULL, has_no_lots},
        {"9.7", REASON_ZERO_LOTS_GEOMETRIC, NULL, has_no_lots},
        {"9.7", REASON_ZERO_LOTS_RISK_BUDGET, NULL, has_no_lots},
        {"1", REASON_OVERFLOW, NULL, has_too_many_lots},
        {"9.8", REASON_INVALID_INITIAL_STOP, compute_initial_stop, has_no_initial_stop},
        {"9.9", REASON_NO_EQUITY, gate_pyramid_lots, is_gated},
        {"1", REASON_OVERFLOW, NULL, is_gated},
        {"9.9", REASON_PYRAMID_RISK, NULL, is_gated},
        {"9.9", REASON_PYRAMID_VOL, NULL, is_gated},
        {"1", REASON_OVERFLOW, NULL, is_beyond_bounds},
};

static enum reason
check(struct rules_entry *entry, const struct rule *rules, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                if (rules[i].compute != NULL)
                        rules[i].compute(entry);
                if (rules[i].fails(entry, rules[i].reason))
                        return rules[i].reason;
        }
        return REASON_NONE;
}

void
rules_begin(struct rules_entry *entry, const struct core *core, const struct signal *signal, uint32_t index)
{
        memset(entry, 0, sizeof *entry);
        entry->core = core;
        entry->signal = signal;
        entry->index = index;
}

enum reason
rules_check_base(struct rules_entry *entry)
{
        return check(entry, base_rules, countof(base_rules));
}

enum reason
rules_check_pyramid(struct rules_entry *entry)
{
        note(entry, FIGURE_PYRAMIDS_MAX, instrument_of(entry)->max_pyramids * FIXED_ONE_E6);
        return check(entry, pyramid_rules, countof(pyramid_rules));
}

bool
rules_row(enum signal_type type, uint32_t i, const char **section, enum reason *reason)
{
        const struct rule *rules = type == SIGNAL_BASE_ENTRY ? base_rules : pyramid_rules;
        size_t count = type == SIGNAL_BASE_ENTRY ? countof(base_rules) : countof(pyramid_rules);
        if (i >= count)
                return false;
        *section = rules[i].section;
        *reason = rules[i].reason;
        return true;
}

void
rules_position(const struct rules_entry *entry, struct event_position *out)
{
        const struct signal *signal = entry->signal;
        const struct instrument *instrument = instrument_of(entry);

        memset(out, 0, sizeof *out);
        out->position_no = entry->core->positions_opened + 1;
        memcpy(out->instrument, instrument->name, PM_INSTRUMENT_NAME_SIZE);
        out->layer = signal->layer;
        out->lots = entry->lots;
        out->entry_at_us = signal->signal_at_us;
        out->entry_price_e6 = signal->price_e6;
        out->signal_price_e6 = signal->price_e6;
        out->initial_stop_e6 = entry->initial_stop_e6;
        out->current_stop_e6 = entry->initial_stop_e6;
        out->highest_close_e6 = signal->price_e6;
        out->atr_e6 = signal->atr_e6;
        out->limiter = entry->limiter;
        out->lot_size = instrument->lot_size;
        out->point_value = instrument->point_value;
        out->margin_per_lot = instrument->margin_per_lot;
        out->trailing_atr_x10 = instrument->trailing_atr_x10;
        out->standin_atr_e6 = instrument->standin_atr_e6;
}

/* Which figures a reader wants for which answer: what was compared, both sides of it. */
#define GATE_FIGURES                                                                                                                       \
        {                                                                                                                                  \
                FIGURE_BLENDED_EQUITY, FIGURE_RISK_BEFORE, FIGURE_RISK_ADDED, FIGURE_VOL_BEFORE, FIGURE_VOL_ADDED, FIGURE_LIMIT_PERCENT    \
        }
#define SIZE_FIGURES                                                                                                                       \
        {                                                                                                                                  \
                FIGURE_LOTS_BY_RISK, FIGURE_LOTS_BY_VOL, FIGURE_LOTS_BY_MARGIN, FIGURE_LOTS_BY_GEOMETRY, FIGURE_LOTS_BY_BUDGET,            \
                        FIGURE_EQUITY_HIGH, FIGURE_USABLE_MARGIN                                                                           \
        }
static const enum figure_id figures_of[REASON_END][PM_FIGURES_MAX] = {
        [REASON_NONE] = {FIGURE_LOTS_BY_RISK, FIGURE_LOTS_BY_VOL, FIGURE_LOTS_BY_MARGIN, FIGURE_LOTS_BY_GEOMETRY, FIGURE_LOTS_BY_BUDGET,
                         FIGURE_EQUITY_HIGH, FIGURE_USABLE_MARGIN, FIGURE_INITIAL_STOP},
        [REASON_INVALID_RISK] = {FIGURE_EQUITY_HIGH, FIGURE_USABLE_MARGIN},
        [REASON_ZERO_LOTS_RISK] = SIZE_FIGURES,
        [REASON_ZERO_LOTS_MARGIN] = SIZE_FIGURES,
        [REASON_ZERO_LOTS_GEOMETRIC] = SIZE_FIGURES,
        [REASON_ZERO_LOTS_RISK_BUDGET] = SIZE_FIGURES,
        [REASON_INVALID_INITIAL_STOP] = {FIGURE_INITIAL_STOP},
        [REASON_PORTFOLIO_RISK] = GATE_FIGURES,
        [REASON_PORTFOLIO_VOL] = GATE_FIGURES,
        [REASON_PYRAMID_RISK] = GATE_FIGURES,
        [REASON_PYRAMID_VOL] = GATE_FIGURES,
        [REASON_OVERFLOW] = GATE_FIGURES,
        [REASON_NO_EQUITY] = {FIGURE_BLENDED_EQUITY},
        [REASON_MAX_PYRAMIDS] = {FIGURE_PYRAMIDS_MAX},
        [REASON_INVALID_INITIAL_RISK] = {FIGURE_ONE_R},
        [REASON_BELOW_1R] = {FIGURE_ONE_R, FIGURE_PRICE_MOVE, FIGURE_PRICE_MOVE_R},
        [REASON_ATR_SPACING] = {FIGURE_ATR_SPACING, FIGURE_ONE_R, FIGURE_PRICE_MOVE},
        [REASON_NOT_PROFITABLE] = {FIGURE_PROFIT},
};

static void
add_figure(struct figures *out, enum figure_id id, int64_t value_e6)
{
        if (out->count < PM_FIGURES_MAX)
                out->items[out->count++] = (struct figure){id, value_e6};
}

void
rules_explain(const struct rules_entry *entry, enum reason reason, struct figures *out)
{
        const enum figure_id *ids = figures_of[reason];

        memset(out, 0, sizeof *out);
        for (size_t i = 0; i < PM_FIGURES_MAX && ids[i] != FIGURE_NONE; i++)
                if ((entry->figures_known & (1u << ids[i])) != 0)
                        add_figure(out, ids[i], entry->figures_e6[ids[i]]);
}
