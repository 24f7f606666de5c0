/* decide_tick: what a MARKET_DATA does to the layers of its instrument (docs/TRADING_RULES.md 10). */
#include <string.h>

#include "worker/core/book.h"
#include "worker/core/decide.h"
#include "worker/core/stops.h"

static void
note_trailed(struct decide *decide, const struct event_position *position)
{
        struct event_trailed *trailed = &decide_event(decide, EVENT_POSITION_TRAILED)->trailed;
        trailed->position_no = position->position_no;
        memcpy(trailed->instrument, position->instrument, PM_INSTRUMENT_NAME_SIZE);
        trailed->layer = position->layer;
        trailed->highest_close_e6 = position->highest_close_e6;
        trailed->current_stop_e6 = position->current_stop_e6;
}

/* Trails one open layer and closes it when its stop is hit. */
static bool
trail(struct decide *decide, const struct event_load_instrument *record, const struct event_position *open, struct portfolio_totals *totals)
{
        const struct signal *signal = decide->signal;
        struct event_position moved = *open;
        struct portfolio_amounts before;
        struct portfolio_amounts after;

        bool hit = stops_trail(&moved.highest_close_e6, &moved.current_stop_e6, signal->price_e6, signal->atr_e6, open->trailing_atr_x10);
        if (hit) {
                /* What the totals hold of it is by the stop it had; the event tells the stop that was hit. */
                portfolio_amounts_of(open, true, record->mark_e6, &before);
                portfolio_amounts_of(&moved, true, record->mark_e6, &after);
                if (!portfolio_add(totals, &before, -1) || !portfolio_add(totals, &after, 1))
                        return false;
                return decide_close(decide, record, &moved, signal->price_e6, CLOSE_PM_STOP_HIT, totals);
        }
        if (moved.highest_close_e6 != open->highest_close_e6 || moved.current_stop_e6 != open->current_stop_e6)
                note_trailed(decide, &moved);
        return true;
}

static void
refuse_overflow(struct decide *decide)
{
        struct core_decision *out = decide->out;
        memset(out, 0, sizeof *out);
        out->outcome = OUTCOME_BLOCKED;
        out->reason = REASON_OVERFLOW;
        decide->list->count = 0;
}

void
decide_tick(struct decide *decide)
{
        const struct core *core = decide->core;
        const struct signal *signal = decide->signal;
        const struct slot *slot = &core->slots[decide->index];
        struct event_load_instrument record = slot->record;
        struct portfolio_totals totals = core->totals;
        fixed_wide before_e6;
        fixed_wide after_e6;

        if (signal->signal_at_us < record.tick_at_us) {
                decide->out->outcome = OUTCOME_IGNORED;
                decide->out->reason = REASON_STALE;
                return;
        }
        decide->out->outcome = OUTCOME_PROCESSED;

        struct event_tick *tick = &decide_event(decide, EVENT_TICK)->tick;
        memcpy(tick->instrument, signal->instrument, PM_INSTRUMENT_NAME_SIZE);
        tick->tick_at_us = signal->signal_at_us;
        tick->price_e6 = signal->price_e6;

        /* As core_apply will see it after the tick: every layer marked. */
        bool ok = book_unrealized(core, decide->index, &record, &before_e6);
        record.mark_e6 = signal->price_e6;
        record.marked_through_no = core->positions_opened;
        ok = ok && book_unrealized(core, decide->index, &record, &after_e6);
        after_e6 = ok ? after_e6 - before_e6 + totals.unrealized_e6 : 0;
        if (!ok || !portfolio_is_money(after_e6)) {
                refuse_overflow(decide);
                return;
        }
        totals.unrealized_e6 = after_e6;

        for (uint8_t layer = 1; layer <= PM_LAYERS_MAX; layer++) {
                if (!book_is_open(core, decide->index, layer))
                        continue;
                decide->out->checked_count++;
                if (!trail(decide, &record, &slot->positions[layer - 1], &totals)) {
                        refuse_overflow(decide);
                        return;
                }
        }
}
