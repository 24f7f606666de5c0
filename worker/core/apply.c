/* apply: core_apply(), the only way into the state. Each kind of event has one function here or in snapshot.c; the
 * table at the end says which. What an event must satisfy is checked first, so that a state is never half changed by
 * an event that is refused for its own contents. */
#include <string.h>

#include "worker/core/book.h"
#include "worker/core/core.h"
#include "worker/core/digest.h"
#include "worker/core/refuse.h"
#include "worker/core/snapshot.h"

static void
begin_with(struct core *core, int64_t capital_e6)
{
        core->initial_capital_e6 = capital_e6;
        core->totals.closed_equity_e6 = capital_e6;
        core->totals.equity_high_e6 = capital_e6;
}

static enum core_status
apply_created(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        int64_t capital_e6 = event->portfolio.initial_capital_e6;
        (void)seq;

        REFUSE_UNLESS(!core->exists, "portfolio_is_new");
        REFUSE_UNLESS(capital_e6 >= 0 && portfolio_is_money(capital_e6), "initial_capital_is_money");
        core->exists = true;
        begin_with(core, capital_e6);
        return CORE_OK;
}

static enum core_status
apply_reset(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        int64_t capital_e6 = event->portfolio.initial_capital_e6;
        (void)seq;

        REFUSE_UNLESS(capital_e6 >= 0 && portfolio_is_money(capital_e6), "initial_capital_is_money");
        book_clear(core);
        core->paused = false;
        begin_with(core, capital_e6);
        return CORE_OK;
}

static enum core_status
apply_adjusted(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        (void)event;
        (void)seq;
        (void)why;
        book_clear(core);
        return CORE_OK;
}

static enum core_status
apply_capital(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        (void)seq;
        REFUSE_UNLESS(portfolio_move_capital(&core->totals, event->capital.amount_e6) == REASON_NONE, "capital_stays_money");
        char id[CORE_COMMAND_ID_SIZE];
        struct text command = core_command_id(event->capital.request_id, id);
        if (!probes_has(&core->probes, command))
                probes_add(&core->probes, command);
        return CORE_OK;
}

static enum core_status
apply_pause(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        (void)seq;
        (void)why;
        core->paused = event->pause.paused;
        return CORE_OK;
}

static enum core_status
apply_signal(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_signal *signal = &event->signal;
        bool keeps = signal->outcome == OUTCOME_EXECUTED || signal->outcome == OUTCOME_BLOCKED;

        REFUSE_UNLESS(book_name_is_valid(signal->instrument), "instrument_has_a_name");
        REFUSE_UNLESS(signal->type == SIGNAL_BASE_ENTRY || signal->type == SIGNAL_PYRAMID || signal->type == SIGNAL_EXIT,
                      "signal_type_is_logged");
        REFUSE_UNLESS(keeps || signal->outcome == OUTCOME_REJECTED || signal->outcome == OUTCOME_IGNORED, "signal_outcome_is_logged");
        REFUSE_UNLESS(signal->layer <= PM_LAYERS_MAX && signal->reason < REASON_END && signal->limiter < LIMITER_END,
                      "signal_enums_are_known");
        REFUSE_UNLESS(signal->lots >= 0 && signal->lots <= PM_LAYERS_MAX * FIXED_LOTS_MAX, "signal_lots_are_lots");
        REFUSE_UNLESS(state_time_is_known(signal->signal_at_us) && state_time_is_known(event->at_us), "signal_times_are_known");
        REFUSE_UNLESS(seq < KEPT_SEQ_END, "signal_seq_is_a_number");
        REFUSE_UNLESS(signal->kept_no == (keeps ? core->kept_no + 1 : 0), "kept_number_is_next");
        if (!keeps)
                return CORE_OK;
        if (signal->kept_no - core->evicted_through_kept_no > core->kept.places_count)
                return refuse(why, CORE_FULL, "kept_signals_fit");
        uint32_t index = book_reach(core, signal->instrument);
        if (index == BOOK_NONE)
                return refuse(why, CORE_FULL, "instruments_fit");

        struct event_load_kept record = {
                .kept_no = signal->kept_no,
                .type = signal->type,
                .layer = signal->layer,
                .signal_at_us = signal->signal_at_us,
                .arrived_at_us = event->at_us,
                .seq = seq,
                .outcome = signal->outcome,
                .reason = signal->reason,
                .limiter = signal->limiter,
                .lots = signal->lots,
                .pnl_e6 = signal->pnl_e6,
        };
        memcpy(record.instrument, signal->instrument, PM_INSTRUMENT_NAME_SIZE);
        core->kept_no = signal->kept_no;
        state_keep(core, index, &record);
        return CORE_OK;
}

static enum core_status
apply_opened(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_position *position = &event->position;
        const char *flaw = book_position_flaw(position);
        (void)seq;

        REFUSE_UNLESS(flaw == NULL, flaw);
        REFUSE_UNLESS(position->position_no == core->positions_opened + 1, "position_number_is_next");
        uint32_t index = book_reach(core, position->instrument);
        if (index == BOOK_NONE)
                return refuse(why, CORE_FULL, "instruments_fit");
        REFUSE_UNLESS(!book_is_open(core, index, position->layer), "layer_is_free");
        REFUSE_UNLESS(position->layer != 1 || (core->marks[index] & MARK_LAYERS) == 0, "base_opens_when_flat");
        REFUSE_UNLESS(position->layer == 1 || book_is_open(core, index, 1), "pyramid_has_a_base");

        struct event_load_instrument record = core->slots[index].record;
        memcpy(record.instrument, position->instrument, PM_INSTRUMENT_NAME_SIZE);
        record.last_pyramid_price_e6 = position->signal_price_e6;
        if (position->layer == 1)
                record.base_position_no = position->position_no;
        core->positions_opened = position->position_no;
        REFUSE_UNLESS(book_record(core, index, &record) && book_open(core, index, position), "totals_are_money");
        return CORE_OK;
}

/* The open position that an event speaks of, NULL with *why when there is none of that number. */
static const struct event_position *
position_meant(const struct core *core, const char name[PM_INSTRUMENT_NAME_SIZE], uint8_t layer, uint64_t position_no, uint32_t *index,
               const char **why)
{
        *index = book_find(core, name);
        if (*index == BOOK_NONE || !book_is_open(core, *index, layer)) {
                *why = "position_is_open";
                return NULL;
        }
        const struct event_position *position = &core->slots[*index].positions[layer - 1];
        if (position->position_no != position_no) {
                *why = "position_number_is_the_open_one";
                return NULL;
        }
        return position;
}

static bool
stops_rise(const struct event_position *position, int64_t highest_e6, int64_t stop_e6)
{
        return highest_e6 >= position->highest_close_e6 && stop_e6 >= position->current_stop_e6 && highest_e6 <= FIXED_PRICE_MAX_E6 &&
               stop_e6 <= FIXED_PRICE_MAX_E6;
}

static enum core_status
apply_trailed(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_trailed *trailed = &event->trailed;
        uint32_t index;
        const struct event_position *position =
                position_meant(core, trailed->instrument, trailed->layer, trailed->position_no, &index, why);
        (void)seq;

        if (position == NULL)
                return CORE_CONTRADICTION;
        REFUSE_UNLESS(stops_rise(position, trailed->highest_close_e6, trailed->current_stop_e6), "stop_never_falls");
        REFUSE_UNLESS(book_trail(core, index, trailed->layer, trailed->highest_close_e6, trailed->current_stop_e6), "totals_are_money");
        return CORE_OK;
}

static enum core_status
apply_closed(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_closed *closed = &event->closed;
        uint32_t index;
        const struct event_position *position = position_meant(core, closed->instrument, closed->layer, closed->position_no, &index, why);
        (void)seq;

        if (position == NULL)
                return CORE_CONTRADICTION;
        REFUSE_UNLESS(closed->exit_price_e6 > 0 && closed->exit_price_e6 <= FIXED_PRICE_MAX_E6, "exit_price_is_positive");
        REFUSE_UNLESS(closed->cause > CLOSE_NONE && closed->cause < CLOSE_END, "close_has_a_cause");
        REFUSE_UNLESS(stops_rise(position, closed->highest_close_e6, closed->current_stop_e6), "stop_never_falls");
        fixed_wide pnl_e6 =
                portfolio_worth((fixed_wide)closed->exit_price_e6 - position->entry_price_e6, position->lots, position->point_value);
        REFUSE_UNLESS(pnl_e6 == closed->pnl_e6, "pnl_is_the_price_move");
        REFUSE_UNLESS(book_close(core, index, closed->layer) && portfolio_book(&core->totals, pnl_e6), "totals_are_money");
        if (closed->layer == 1) {
                struct event_load_instrument record = core->slots[index].record;
                record.base_position_no = 0;
                record.last_pyramid_price_e6 = 0;
                REFUSE_UNLESS(book_record(core, index, &record), "totals_are_money");
        }
        return CORE_OK;
}

static enum core_status
apply_tick(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_tick *tick = &event->tick;
        (void)seq;

        REFUSE_UNLESS(book_name_is_valid(tick->instrument), "instrument_has_a_name");
        REFUSE_UNLESS(tick->price_e6 > 0 && tick->price_e6 <= FIXED_PRICE_MAX_E6, "tick_price_is_positive");
        uint32_t index = book_reach(core, tick->instrument);
        if (index == BOOK_NONE)
                return refuse(why, CORE_FULL, "instruments_fit");
        struct event_load_instrument record = core->slots[index].record;
        REFUSE_UNLESS(tick->tick_at_us > 0 && tick->tick_at_us >= record.tick_at_us, "tick_is_not_older");

        memcpy(record.instrument, tick->instrument, PM_INSTRUMENT_NAME_SIZE);
        record.tick_at_us = tick->tick_at_us;
        record.mark_e6 = tick->price_e6;
        record.marked_through_no = core->positions_opened;
        REFUSE_UNLESS(book_record(core, index, &record), "totals_are_money");
        return CORE_OK;
}

static enum core_status
apply_evicted(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_evicted *evicted = &event->evicted;
        (void)seq;

        REFUSE_UNLESS(evicted->through_kept_no > core->evicted_through_kept_no && evicted->through_kept_no <= core->kept_no,
                      "evicted_are_the_oldest");
        REFUSE_UNLESS(state_horizon(core, evicted->through_kept_no) == evicted->horizon_us, "horizon_is_the_newest_evicted");
        state_evict(core, evicted->through_kept_no);
        core->horizon_us = evicted->horizon_us;
        return CORE_OK;
}

static enum core_status
apply_probe(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        REFUSE_UNLESS(probes_id_is_valid(event->probe.id) && !probes_has(&core->probes, event->probe.id), "probe_is_new");
        return snapshot_load_probe(core, event, seq, why);
}

static enum core_status (*const apply_table[EVENT_KIND_END])(struct core *, const struct event *, uint64_t, const char **) = {
        [EVENT_PORTFOLIO_CREATED] = apply_created,
        [EVENT_PORTFOLIO_RESET] = apply_reset,
        [EVENT_PORTFOLIO_ADJUSTED] = apply_adjusted,
        [EVENT_CAPITAL] = apply_capital,
        [EVENT_PAUSE] = apply_pause,
        [EVENT_SIGNAL] = apply_signal,
        [EVENT_POSITION_OPENED] = apply_opened,
        [EVENT_POSITION_TRAILED] = apply_trailed,
        [EVENT_POSITION_CLOSED] = apply_closed,
        [EVENT_TICK] = apply_tick,
        [EVENT_KEPT_EVICTED] = apply_evicted,
        [EVENT_PROBE] = apply_probe,
        [EVENT_LOAD_PORTFOLIO] = snapshot_load_portfolio,
        [EVENT_LOAD_INSTRUMENT] = snapshot_load_instrument,
        [EVENT_LOAD_POSITION] = snapshot_load_position,
        [EVENT_LOAD_KEPT] = snapshot_load_kept,
        [EVENT_LOAD_PROBE] = snapshot_load_probe,
};

enum core_status
core_apply(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const char *rule = NULL;
        const char **named = why != NULL ? why : &rule;
        uint32_t kind = event->kind;

        if (kind >= EVENT_KIND_END || apply_table[kind] == NULL)
                return refuse(named, CORE_UNKNOWN_KIND, "event_kind_is_known");
        if (!core->exists && kind != EVENT_PORTFOLIO_CREATED && kind != EVENT_LOAD_PORTFOLIO)
                return refuse(named, CORE_CONTRADICTION, "portfolio_exists");
        return apply_table[kind](core, event, seq, named);
}
