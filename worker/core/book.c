#include "worker/core/book.h"

#include <string.h>

#include "worker/core/digest.h"

bool
book_name_is_valid(const char name[PM_INSTRUMENT_NAME_SIZE])
{
        static const char zeros[PM_INSTRUMENT_NAME_SIZE];
        size_t size = strnlen(name, PM_INSTRUMENT_NAME_SIZE);
        return size > 0 && size < PM_INSTRUMENT_NAME_SIZE && memcmp(name + size, zeros, PM_INSTRUMENT_NAME_SIZE - size) == 0;
}

/* Where the name is in the table of names, or where it would go. The table is never full. */
static uint32_t *
name_place(const struct core *core, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        uint64_t hash = 0;
        for (size_t i = 0; i < PM_INSTRUMENT_NAME_SIZE; i += 8) {
                uint64_t word;
                memcpy(&word, name + i, sizeof word);
                hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
                hash ^= hash >> 32;
        }
        for (;; hash++) {
                uint32_t *place = &core->names[hash & (core->names_count - 1)];
                if (*place == 0 || memcmp(core->instruments[*place - 1].name, name, PM_INSTRUMENT_NAME_SIZE) == 0)
                        return place;
        }
}

uint32_t
book_find(const struct core *core, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        uint32_t place = *name_place(core, name);
        return place == 0 ? BOOK_NONE : place - 1;
}

uint32_t
book_reach(struct core *core, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        uint32_t *place = name_place(core, name);
        if (*place != 0)
                return *place - 1;
        if (core->instruments_count == core->instruments_max)
                return BOOK_NONE;
        uint32_t index = core->instruments_count++;
        memcpy(core->instruments[index].name, name, PM_INSTRUMENT_NAME_SIZE);
        *place = index + 1;
        return index;
}

static void
add_position(struct core *core, const struct event_position *position)
{
        digest_add(&core->records_digest, digest_of_position(position));
        digest_add(&core->records_digest, digest_of_stop(position));
}

static void
take_position(struct core *core, const struct event_position *position)
{
        digest_take(&core->records_digest, digest_of_position(position));
        digest_take(&core->records_digest, digest_of_stop(position));
}

/* Later names may have been pushed past this one's place: those that were added after it go first, so going backward
 * leaves no hole in anyone's way. */
void
book_forget_retired(struct core *core)
{
        while (core->instruments_count > core->instruments_configured) {
                struct instrument *last = &core->instruments[core->instruments_count - 1];
                *name_place(core, last->name) = 0;
                memset(last, 0, sizeof *last);
                core->instruments_count--;
        }
}

void
book_clear(struct core *core)
{
        for (uint32_t i = 0; i < core->instruments_count; i++) {
                struct slot *slot = &core->slots[i];
                if (core->marks[i] == 0)
                        continue;
                digest_take(&core->records_digest, digest_of_instrument(&slot->record));
                for (uint8_t layer = 1; layer <= PM_LAYERS_MAX; layer++)
                        if (book_is_open(core, i, layer))
                                take_position(core, &slot->positions[layer - 1]);
                memset(slot, 0, sizeof *slot);
                core->marks[i] = 0;
        }
        core->positions_count = 0;
        core->records_count = 0;
        core->totals.unrealized_e6 = 0;
        core->totals.risk_e6 = 0;
        core->totals.vol_e6 = 0;
        core->totals.margin_e6 = 0;
}

bool
book_is_open(const struct core *core, uint32_t index, uint8_t layer)
{
        return layer >= 1 && layer <= PM_LAYERS_MAX && (core->marks[index] & MARK_LAYER(layer)) != 0;
}

bool
book_is_marked(const struct slot *slot, const struct event_position *position)
{
        return position->position_no <= slot->record.marked_through_no;
}

void
book_amounts(const struct slot *slot, const struct event_position *position, struct portfolio_amounts *out)
{
        portfolio_amounts_of(position, book_is_marked(slot, position), slot->record.mark_e6, out);
}

static bool
count_position(struct core *core, const struct slot *slot, const struct event_position *position, int sign)
{
        struct portfolio_amounts amounts;
        book_amounts(slot, position, &amounts);
        if (!portfolio_add(&core->totals, &amounts, sign))
                return false;
        if (sign > 0)
                add_position(core, position);
        else
                take_position(core, position);
        return true;
}

bool
book_open(struct core *core, uint32_t index, const struct event_position *position)
{
        struct slot *slot = &core->slots[index];
        struct event_position *place = &slot->positions[position->layer - 1];

        /* A refused one changes nothing: the persister leaves such a stored position out and goes on with the others. */
        if (!count_position(core, slot, position, 1))
                return false;
        *place = *position;
        core->marks[index] |= (uint8_t)MARK_LAYER(position->layer);
        core->positions_count++;
        return true;
}

bool
book_trail(struct core *core, uint32_t index, uint8_t layer, int64_t highest_e6, int64_t stop_e6)
{
        struct event_position *place = &core->slots[index].positions[layer - 1];
        int64_t before_e6;
        int64_t after_e6;

        /* Of the totals only the risk knows the stop, and it falls when the stop rises. */
        digest_take(&core->records_digest, digest_of_stop(place));
        if (fixed_narrow(portfolio_risk(place), &before_e6) != FIXED_OK)
                return false;
        place->highest_close_e6 = highest_e6;
        place->current_stop_e6 = stop_e6;
        if (fixed_narrow(portfolio_risk(place), &after_e6) != FIXED_OK)
                return false;
        digest_add(&core->records_digest, digest_of_stop(place));
        core->totals.risk_e6 += after_e6 - before_e6;
        return true;
}

bool
book_close(struct core *core, uint32_t index, uint8_t layer)
{
        struct slot *slot = &core->slots[index];
        struct event_position *place = &slot->positions[layer - 1];

        if (!count_position(core, slot, place, -1))
                return false;
        memset(place, 0, sizeof *place);
        core->marks[index] &= (uint8_t)~MARK_LAYER(layer);
        core->positions_count--;
        return true;
}

/* The sum over an instrument's layers at a mark. false: one of them is no amount of money any more. */
bool
book_unrealized(const struct core *core, uint32_t index, const struct event_load_instrument *record, fixed_wide *sum_e6)
{
        *sum_e6 = 0;
        for (uint8_t layer = 1; layer <= PM_LAYERS_MAX; layer++) {
                const struct event_position *position = &core->slots[index].positions[layer - 1];
                if (!book_is_open(core, index, layer) || position->position_no > record->marked_through_no)
                        continue;
                fixed_wide one_e6 =
                        portfolio_worth((fixed_wide)record->mark_e6 - position->entry_price_e6, position->lots, position->point_value);
                if (!portfolio_is_money(one_e6))
                        return false;
                *sum_e6 += one_e6;
        }
        return true;
}

bool
book_record(struct core *core, uint32_t index, const struct event_load_instrument *record)
{
        struct slot *slot = &core->slots[index];
        fixed_wide before_e6;
        fixed_wide after_e6;

        if (!book_unrealized(core, index, &slot->record, &before_e6) || !book_unrealized(core, index, record, &after_e6))
                return false;
        core->totals.unrealized_e6 += after_e6 - before_e6;

        core->records_count -= (core->marks[index] & MARK_RECORD) != 0;
        digest_take(&core->records_digest, digest_of_instrument(&slot->record));
        slot->record = *record;
        digest_add(&core->records_digest, digest_of_instrument(record));
        core->marks[index] &= (uint8_t)~MARK_RECORD;
        if (digest_instrument_says(record)) {
                core->marks[index] |= (uint8_t)MARK_RECORD;
                core->records_count++;
        }
        return true;
}

static bool
is_between(int64_t value, int64_t low, int64_t high)
{
        return value >= low && value <= high;
}

static bool
is_price(int64_t value_e6)
{
        return is_between(value_e6, -FIXED_PRICE_MAX_E6, FIXED_PRICE_MAX_E6);
}

const char *
book_position_flaw(const struct event_position *p)
{
        if (!book_name_is_valid(p->instrument))
                return "instrument_has_a_name";
        if (p->layer < 1 || p->layer > PM_LAYERS_MAX)
                return "layer_is_one_to_six";
        if (p->position_no == 0)
                return "position_has_a_number";
        if (!is_between(p->lots, 1, FIXED_LOTS_MAX))
                return "lots_are_positive";
        if (!is_between(p->entry_price_e6, 1, FIXED_PRICE_MAX_E6) || !is_between(p->signal_price_e6, 1, FIXED_PRICE_MAX_E6))
                return "entry_price_is_positive";
        if (!is_price(p->initial_stop_e6) || !is_price(p->current_stop_e6) || !is_price(p->highest_close_e6))
                return "stops_are_prices";
        if (!is_between(p->atr_e6, 0, FIXED_PRICE_MAX_E6) || !is_between(p->standin_atr_e6, 0, FIXED_PRICE_MAX_E6))
                return "atr_is_not_negative";
        if (!is_between(p->lot_size, 1, INT32_MAX) || !is_between(p->point_value, 1, 10000) ||
            !is_between(p->margin_per_lot, 1, 1000000000) || !is_between(p->trailing_atr_x10, 0, 100000))
                return "instrument_constants_are_in_range";
        if (p->limiter >= LIMITER_END)
                return "limiter_is_known";
        return NULL;
}
