#include "worker/core/snapshot.h"

#include <string.h>

#include "worker/core/book.h"
#include "worker/core/digest.h"
#include "worker/core/refuse.h"

enum core_status
snapshot_load_portfolio(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_load_portfolio *record = &event->load_portfolio;
        (void)seq;

        REFUSE_UNLESS(record->initial_capital_e6 >= 0 && portfolio_is_money(record->initial_capital_e6), "initial_capital_is_money");
        REFUSE_UNLESS(portfolio_is_equity(record->closed_equity_e6) && portfolio_is_equity(record->equity_high_e6), "equity_is_money");
        REFUSE_UNLESS(record->equity_high_e6 >= record->closed_equity_e6, "equity_high_covers_closed_equity");
        REFUSE_UNLESS(record->evicted_through_kept_no <= record->kept_no, "evicted_were_kept");
        REFUSE_UNLESS(record->positions_opened >= core->positions_opened, "position_numbers_never_fall");
        /* After an operator's edit the memory of kept signals is as it was. */
        REFUSE_UNLESS(!core->exists ||
                              (record->kept_no == core->kept_no && record->evicted_through_kept_no == core->evicted_through_kept_no),
                      "kept_numbers_stay");
        if (record->kept_no - record->evicted_through_kept_no > core->kept.places_count)
                return refuse(why, CORE_FULL, "kept_signals_fit");

        core->exists = true;
        core->paused = record->paused;
        core->initial_capital_e6 = record->initial_capital_e6;
        core->totals.closed_equity_e6 = record->closed_equity_e6;
        core->totals.equity_high_e6 = record->equity_high_e6;
        core->positions_opened = record->positions_opened;
        core->kept_no = record->kept_no;
        core->evicted_through_kept_no = record->evicted_through_kept_no;
        core->horizon_us = record->horizon_us;
        return CORE_OK;
}

enum core_status
snapshot_load_instrument(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_load_instrument *record = &event->load_instrument;
        (void)seq;

        REFUSE_UNLESS(book_name_is_valid(record->instrument), "instrument_has_a_name");
        REFUSE_UNLESS(record->last_pyramid_price_e6 >= 0 && record->last_pyramid_price_e6 <= FIXED_PRICE_MAX_E6,
                      "last_pyramid_price_is_a_price");
        REFUSE_UNLESS(record->mark_e6 >= 0 && record->mark_e6 <= FIXED_PRICE_MAX_E6, "mark_is_a_price");
        REFUSE_UNLESS(record->tick_at_us >= 0, "tick_has_a_time");
        REFUSE_UNLESS(record->marked_through_no <= core->positions_opened, "mark_was_seen_by_opened_positions");
        REFUSE_UNLESS(record->base_position_no <= core->positions_opened, "base_was_opened");
        uint32_t index = book_reach(core, record->instrument);
        if (index == BOOK_NONE)
                return refuse(why, CORE_FULL, "instruments_fit");
        REFUSE_UNLESS(book_record(core, index, record), "unrealized_is_money");
        return CORE_OK;
}

enum core_status
snapshot_load_position(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_position *position = &event->position;
        const char *flaw = book_position_flaw(position);
        (void)seq;

        REFUSE_UNLESS(flaw == NULL, flaw);
        REFUSE_UNLESS(position->position_no <= core->positions_opened, "position_was_opened");
        uint32_t index = book_reach(core, position->instrument);
        if (index == BOOK_NONE)
                return refuse(why, CORE_FULL, "instruments_fit");
        REFUSE_UNLESS(!book_is_open(core, index, position->layer), "layer_is_free");
        REFUSE_UNLESS(book_open(core, index, position), "totals_are_money");
        return CORE_OK;
}

enum core_status
snapshot_load_kept(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        const struct event_load_kept *record = &event->load_kept;
        (void)seq;

        REFUSE_UNLESS(book_name_is_valid(record->instrument), "instrument_has_a_name");
        REFUSE_UNLESS(record->type == SIGNAL_BASE_ENTRY || record->type == SIGNAL_PYRAMID || record->type == SIGNAL_EXIT,
                      "kept_type_is_logged");
        REFUSE_UNLESS(record->outcome == OUTCOME_EXECUTED || record->outcome == OUTCOME_BLOCKED, "kept_outcome_is_kept");
        REFUSE_UNLESS(record->layer <= PM_LAYERS_MAX && record->reason < REASON_END && record->limiter < LIMITER_END,
                      "kept_enums_are_known");
        REFUSE_UNLESS(record->lots >= 0 && record->lots <= PM_LAYERS_MAX * FIXED_LOTS_MAX, "kept_lots_are_lots");
        REFUSE_UNLESS(state_time_is_known(record->signal_at_us) && state_time_is_known(record->arrived_at_us), "kept_times_are_known");
        REFUSE_UNLESS(record->seq < KEPT_SEQ_END, "kept_seq_is_a_number");
        REFUSE_UNLESS(record->kept_no > core->evicted_through_kept_no && record->kept_no <= core->kept_no, "kept_number_is_in_use");
        REFUSE_UNLESS(!kept_has(&core->kept, record->kept_no), "kept_number_is_new");
        uint32_t index = book_reach(core, record->instrument);
        if (index == BOOK_NONE)
                return refuse(why, CORE_FULL, "instruments_fit");
        state_keep(core, index, record);
        return CORE_OK;
}

enum core_status
snapshot_load_probe(struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        struct text id = event->probe.id;
        (void)seq;

        REFUSE_UNLESS(probes_id_is_valid(id), "probe_has_an_id");
        if (!probes_has(&core->probes, id))
                probes_add(&core->probes, id);
        return CORE_OK;
}

/* A cursor is the part of the snapshot it stands in and a place inside that part. */
enum part { PART_PORTFOLIO, PART_INSTRUMENTS, PART_POSITIONS, PART_KEPT, PART_PROBES, PART_END };
#define CURSOR_PART_SHIFT 56

/* Each writes the event at or after *place and moves *place past it; false at the end of its part. */

static bool
next_portfolio(const struct core *core, uint64_t *place, struct event *out)
{
        if (!core->exists || *place != 0)
                return false;
        out->kind = EVENT_LOAD_PORTFOLIO;
        state_portfolio(core, &out->load_portfolio);
        *place = 1;
        return true;
}

static bool
next_instrument(const struct core *core, uint64_t *place, struct event *out)
{
        for (; *place < core->instruments_count; (*place)++) {
                if ((core->marks[*place] & MARK_RECORD) == 0)
                        continue;
                out->kind = EVENT_LOAD_INSTRUMENT;
                out->load_instrument = core->slots[(*place)++].record;
                return true;
        }
        return false;
}

static bool
next_position(const struct core *core, uint64_t *place, struct event *out)
{
        for (; *place < (uint64_t)core->instruments_count * PM_LAYERS_MAX; (*place)++) {
                uint32_t index = (uint32_t)(*place / PM_LAYERS_MAX);
                uint8_t layer = (uint8_t)(*place % PM_LAYERS_MAX + 1);
                if (!book_is_open(core, index, layer))
                        continue;
                out->kind = EVENT_LOAD_POSITION;
                out->position = core->slots[index].positions[layer - 1];
                (*place)++;
                return true;
        }
        return false;
}

static bool
next_kept(const struct core *core, uint64_t *place, struct event *out)
{
        for (; *place < core->kept_no - core->evicted_through_kept_no; (*place)++) {
                uint64_t no = core->evicted_through_kept_no + 1 + *place;
                if (!kept_has(&core->kept, no))
                        continue;
                out->kind = EVENT_LOAD_KEPT;
                state_kept(core, no, &out->load_kept);
                (*place)++;
                return true;
        }
        return false;
}

static bool
next_probe(const struct core *core, uint64_t *place, struct event *out)
{
        if (*place >= probes_count(&core->probes))
                return false;
        out->kind = EVENT_LOAD_PROBE;
        out->probe.id = probes_at(&core->probes, (uint32_t)*place);
        (*place)++;
        return true;
}

uint32_t
core_export(const struct core *core, uint64_t *cursor, struct event *events, uint32_t capacity)
{
        static bool (*const next[])(const struct core *, uint64_t *, struct event *) = {
                [PART_PORTFOLIO] = next_portfolio, [PART_INSTRUMENTS] = next_instrument, [PART_POSITIONS] = next_position,
                [PART_KEPT] = next_kept,           [PART_PROBES] = next_probe,
        };
        uint64_t part = *cursor >> CURSOR_PART_SHIFT;
        uint64_t place = *cursor & ((1ULL << CURSOR_PART_SHIFT) - 1);
        uint32_t count = 0;

        while (part < PART_END && count < capacity) {
                struct event *out = &events[count];
                memset(out, 0, sizeof *out);
                if (next[part](core, &place, out)) {
                        count++;
                } else {
                        part++;
                        place = 0;
                }
        }
        *cursor = (part << CURSOR_PART_SHIFT) | place;
        return count;
}

uint64_t
core_export_count(const struct core *core)
{
        return (uint64_t)core->exists + core->records_count + core->positions_count + core->kept.count + probes_count(&core->probes);
}
