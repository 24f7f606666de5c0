/* decide: core_decide() for signals that are logged, and the operator's orders. Nothing here changes the state: what is
 * decided is written down as events, which core_apply() then carries out. */
#include "worker/core/decide.h"

#include <string.h>

#include "worker/core/book.h"
#include "worker/core/rules.h"

/* Kept signals that one signal may evict: enough to shrink the memory, and bounded work. */
#define EVICTED_PER_SIGNAL_MAX 256

struct event *
decide_event(struct decide *decide, enum event_kind kind)
{
        struct event_list *list = decide->list;
        PM_ASSERT(list->count < PM_EVENTS_PER_SIGNAL_MAX);
        struct event *event = &list->items[list->count++];
        memset(event, 0, sizeof *event);
        event->kind = kind;
        event->at_us = decide->now_us;
        return event;
}

/* All events of one signal belong together. */
static void
tie(struct event_list *list)
{
        for (uint32_t i = 0; i + 1 < list->count; i++)
                list->items[i].more = true;
}

static void
answer(struct decide *decide, enum outcome outcome, enum reason reason)
{
        decide->out->outcome = outcome;
        decide->out->reason = reason;
}

/* Room is made by arrival: what is over a week old, and the oldest when the memory is full. */
static void
evict(struct decide *decide)
{
        const struct core *core = decide->core;
        int64_t oldest_us = decide->now_us - PM_DEDUPE_AGE_S * 1000000LL;
        uint64_t through = core->evicted_through_kept_no;
        uint64_t last = through + EVICTED_PER_SIGNAL_MAX;

        while (through < core->kept_no && through < last) {
                struct kept_record record;
                bool full = core->kept_no - through >= core->dedupe_max;
                if (kept_at(&core->kept, through + 1, &record) && !full && record.arrived_at_us >= oldest_us)
                        break;
                through++;
        }
        if (through == core->evicted_through_kept_no)
                return;
        struct event_evicted *evicted = &decide_event(decide, EVENT_KEPT_EVICTED)->evicted;
        evicted->through_kept_no = through;
        evicted->horizon_us = state_horizon(core, through);
}

/* Writes the signal's own event from the answer so far. What the signal does follows it. */
static struct event_signal *
log_signal(struct decide *decide, enum outcome outcome, enum reason reason)
{
        const struct signal *signal = decide->signal;
        bool keeps = outcome == OUTCOME_EXECUTED || outcome == OUTCOME_BLOCKED;

        answer(decide, outcome, reason);
        decide->list->count = 0;
        if (keeps)
                evict(decide);
        struct event_signal *logged = &decide_event(decide, EVENT_SIGNAL)->signal;
        logged->type = signal->type;
        memcpy(logged->instrument, signal->instrument, PM_INSTRUMENT_NAME_SIZE);
        logged->layer = signal->layer;
        logged->signal_at_us = signal->signal_at_us;
        logged->outcome = outcome;
        logged->reason = reason;
        logged->kept_no = keeps ? decide->core->kept_no + 1 : 0;
        logged->limiter = decide->out->limiter;
        logged->price_e6 = signal->price_e6;
        logged->figures = decide->out->figures;
        logged->payload = signal->payload;
        return logged;
}

static void
decide_entry(struct decide *decide)
{
        struct rules_entry entry;
        rules_begin(&entry, decide->core, decide->signal, decide->index);
        enum reason reason = decide->signal->type == SIGNAL_BASE_ENTRY ? rules_check_base(&entry) : rules_check_pyramid(&entry);

        rules_explain(&entry, reason, &decide->out->figures);
        decide->out->limiter = entry.limiter;
        if (reason != REASON_NONE) {
                log_signal(decide, OUTCOME_BLOCKED, reason);
                return;
        }
        decide->out->lots = entry.lots;
        log_signal(decide, OUTCOME_EXECUTED, REASON_NONE)->lots = entry.lots;
        rules_position(&entry, &decide_event(decide, EVENT_POSITION_OPENED)->position);
}

bool
decide_close(struct decide *decide, const struct event_load_instrument *record, const struct event_position *position, int64_t price_e6,
             enum close_cause cause, struct portfolio_totals *totals)
{
        fixed_wide pnl_e6 = portfolio_worth((fixed_wide)price_e6 - position->entry_price_e6, position->lots, position->point_value);
        struct portfolio_amounts amounts;
        int64_t sum_e6;

        portfolio_amounts_of(position, position->position_no <= record->marked_through_no, record->mark_e6, &amounts);
        if (!portfolio_add(totals, &amounts, -1) || !portfolio_book(totals, pnl_e6) ||
            fixed_add(decide->out->pnl_e6, (int64_t)pnl_e6, &sum_e6) != FIXED_OK)
                return false;

        struct event_closed *closed = &decide_event(decide, EVENT_POSITION_CLOSED)->closed;
        closed->position_no = position->position_no;
        memcpy(closed->instrument, position->instrument, PM_INSTRUMENT_NAME_SIZE);
        closed->layer = position->layer;
        closed->exit_at_us = decide->signal->signal_at_us;
        closed->exit_price_e6 = price_e6;
        closed->pnl_e6 = (int64_t)pnl_e6;
        closed->highest_close_e6 = position->highest_close_e6;
        closed->current_stop_e6 = position->current_stop_e6;
        closed->cause = cause;
        closed->reason = cause == CLOSE_EXIT_SIGNAL ? decide->signal->reason : (struct text){NULL, 0};

        decide->out->pnl_e6 = sum_e6;
        decide->out->lots += position->lots;
        decide->out->closed_layers[decide->out->closed_count++] = position->layer;
        return true;
}

static bool
is_meant(const struct decide *decide, uint8_t layer)
{
        uint8_t wanted = decide->signal->layer;
        return (wanted == 0 || wanted == layer) && book_is_open(decide->core, decide->index, layer);
}

static void
decide_exit(struct decide *decide)
{
        const struct core *core = decide->core;
        struct portfolio_totals totals = core->totals;
        struct event_signal *logged = log_signal(decide, OUTCOME_EXECUTED, REASON_NONE);

        for (uint8_t layer = 1; layer <= PM_LAYERS_MAX; layer++) {
                const struct slot *slot = &core->slots[decide->index];
                if (!is_meant(decide, layer))
                        continue;
                if (!decide_close(decide, &slot->record, &slot->positions[layer - 1], decide->signal->price_e6, CLOSE_EXIT_SIGNAL,
                                  &totals)) {
                        decide->out->pnl_e6 = 0;
                        decide->out->lots = 0;
                        decide->out->closed_count = 0;
                        log_signal(decide, OUTCOME_BLOCKED, REASON_OVERFLOW);
                        return;
                }
        }
        if (decide->out->closed_count == 0) {
                log_signal(decide, OUTCOME_REJECTED, REASON_POSITION_NOT_OPEN);
                return;
        }
        logged->lots = decide->out->lots;
        logged->pnl_e6 = decide->out->pnl_e6;
}

static bool
is_future(const struct decide *decide)
{
        int64_t limit_us = decide->core->max_future_us;
        return limit_us > 0 && decide->signal->signal_at_us > decide->now_us && decide->signal->signal_at_us - decide->now_us > limit_us;
}

/* A signal so old that a copy of it may have been forgotten. */
static bool
is_beyond_memory(const struct decide *decide)
{
        int64_t horizon_us = decide->core->horizon_us;
        return horizon_us != 0 && decide->signal->signal_at_us <= horizon_us + PM_DEDUPE_WINDOW_US;
}

/* BASE_ENTRY, PYRAMID, EXIT: first what needs no business rule. */
static void
decide_trade(struct decide *decide)
{
        const struct core *core = decide->core;
        const struct signal *signal = decide->signal;
        bool is_exit = signal->type == SIGNAL_EXIT;

        if (decide->index == BOOK_NONE) {
                /* The parser lets only known instruments through; nothing may be remembered of another. */
                answer(decide, OUTCOME_REJECTED, is_exit ? REASON_POSITION_NOT_OPEN : REASON_INSTRUMENT_RETIRED);
                return;
        }
        uint64_t kept_no = kept_find(&core->kept, core->kept_no, signal->type, decide->index, signal->layer, signal->signal_at_us);
        if (kept_no != 0) {
                answer(decide, OUTCOME_DUPLICATE, REASON_NONE);
                state_kept(core, kept_no, &decide->out->original);
        } else if (is_beyond_memory(decide)) {
                answer(decide, OUTCOME_IGNORED, REASON_BEYOND_MEMORY);
                decide->out->figures.count = 1;
                decide->out->figures.items[0] = (struct figure){FIGURE_HORIZON_S, core->horizon_us};
        } else if (is_exit) {
                decide_exit(decide);
        } else if (is_future(decide)) {
                answer(decide, OUTCOME_IGNORED, REASON_FUTURE);
        } else if (core->paused) {
                answer(decide, OUTCOME_REJECTED, REASON_PAUSED);
        } else {
                decide_entry(decide);
        }
}

static void
decide_market_data(struct decide *decide)
{
        if (decide->index == BOOK_NONE)
                answer(decide, OUTCOME_IGNORED, REASON_INSTRUMENT_RETIRED);
        else if (is_future(decide))
                answer(decide, OUTCOME_IGNORED, REASON_FUTURE);
        else
                decide_tick(decide);
}

static void
decide_probe(struct decide *decide)
{
        struct text id = decide->signal->probe_id;
        PM_ASSERT(probes_id_is_valid(id));
        if (probes_has(&decide->core->probes, id)) {
                answer(decide, OUTCOME_DUPLICATE, REASON_NONE);
                return;
        }
        answer(decide, OUTCOME_PROCESSED, REASON_NONE);
        decide_event(decide, EVENT_PROBE)->probe.id = id;
}

static struct decide
begin(const struct core *core, const struct signal *signal, int64_t now_us, struct event_list *list, struct core_decision *decision)
{
        PM_ASSERT(core->exists);
        memset(decision, 0, sizeof *decision);
        list->count = 0;
        return (struct decide){.core = core, .signal = signal, .now_us = now_us, .index = BOOK_NONE, .list = list, .out = decision};
}

void
core_decide(const struct core *core, const struct signal *signal, int64_t now_us, struct event_list *list, struct core_decision *decision)
{
        struct decide decide = begin(core, signal, now_us, list, decision);

        switch (signal->type) {
        case SIGNAL_BASE_ENTRY:
        case SIGNAL_PYRAMID:
        case SIGNAL_EXIT:
                decide.index = book_find(core, signal->instrument);
                decide_trade(&decide);
                break;
        case SIGNAL_MARKET_DATA:
                decide.index = book_find(core, signal->instrument);
                decide_market_data(&decide);
                break;
        case SIGNAL_EOD_MONITOR: answer(&decide, OUTCOME_IGNORED, REASON_EOD_NOT_SUPPORTED); break;
        case SIGNAL_PROBE: decide_probe(&decide); break;
        case SIGNAL_NONE:
        case SIGNAL_TYPE_END:
        default: PM_UNREACHABLE();
        }
        tie(list);
}

struct text
core_command_id(uint64_t request_id, char id[CORE_COMMAND_ID_SIZE])
{
        static const char digits[] = "0123456789abcdef";
        id[0] = '\x01';
        for (int i = 0; i < 16; i++)
                id[1 + i] = digits[(request_id >> (60 - 4 * i)) & 15];
        return (struct text){id, CORE_COMMAND_ID_SIZE};
}

void
core_decide_capital(const struct core *core, int64_t amount_e6, uint64_t request_id, struct text note, int64_t now_us,
                    struct event_list *list, struct core_decision *decision)
{
        struct decide decide = begin(core, NULL, now_us, list, decision);
        struct portfolio_totals totals = core->totals;
        char id[CORE_COMMAND_ID_SIZE];

        if (probes_has(&core->probes, core_command_id(request_id, id))) {
                answer(&decide, OUTCOME_DUPLICATE, REASON_NONE);
                return;
        }
        enum reason reason = portfolio_move_capital(&totals, amount_e6);
        if (reason != REASON_NONE) {
                answer(&decide, OUTCOME_REJECTED, reason);
                return;
        }
        answer(&decide, OUTCOME_EXECUTED, REASON_NONE);
        struct event_capital *capital = &decide_event(&decide, EVENT_CAPITAL)->capital;
        capital->request_id = request_id;
        capital->amount_e6 = amount_e6;
        capital->note = note;
}

void
core_decide_pause(const struct core *core, bool paused, struct text note, int64_t now_us, struct event_list *list,
                  struct core_decision *decision)
{
        struct decide decide = begin(core, NULL, now_us, list, decision);

        answer(&decide, OUTCOME_EXECUTED, REASON_NONE);
        struct event_pause *pause = &decide_event(&decide, EVENT_PAUSE)->pause;
        pause->paused = paused;
        pause->note = note;
}

void
core_decide_create(int64_t initial_capital_e6, int64_t now_us, struct event_list *list)
{
        memset(&list->items[0], 0, sizeof list->items[0]);
        list->items[0].kind = EVENT_PORTFOLIO_CREATED;
        list->items[0].at_us = now_us;
        list->items[0].portfolio.initial_capital_e6 = initial_capital_e6;
        list->count = 1;
}
