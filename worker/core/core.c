/* core: making and reading the state. Deciding is in decide.c, changing in apply.c, snapshots in snapshot.c, checking
 * in audit.c. */
#include "worker/core/core.h"

#include <stdlib.h>
#include <string.h>

#include "worker/core/book.h"
#include "worker/core/digest.h"
#include "worker/core/state.h"

static uint32_t
power_of_two_from(uint32_t count)
{
        uint32_t power = 1;
        while (power < count)
                power *= 2;
        return power;
}

/* Everything that the core will ever need, as zeroed memory: pages that nothing is written to cost nothing. */
static bool
allocate(struct core *core, const struct core_options *options)
{
        /* Whatever was ever configured may come back from the database as retired. */
        core->instruments_max = options->instruments_count + PM_INSTRUMENTS_MAX;
        core->names_count = power_of_two_from(2 * core->instruments_max);
        /* A smaller dedupe_max than before must not keep older memories from being loaded. */
        core->kept.places_count = core->dedupe_max > PM_DEDUPE_MAX ? core->dedupe_max : PM_DEDUPE_MAX;
        core->kept.heads_count = power_of_two_from(core->kept.places_count);

        core->instruments = calloc(core->instruments_max, sizeof *core->instruments);
        core->slots = calloc(core->instruments_max, sizeof *core->slots);
        core->marks = calloc(core->instruments_max, sizeof *core->marks);
        core->names = calloc(core->names_count, sizeof *core->names);
        core->kept.places = calloc(core->kept.places_count, sizeof *core->kept.places);
        core->kept.heads = calloc(core->kept.heads_count, sizeof *core->kept.heads);
        core->probes.places = calloc(PM_PROBES_MAX, sizeof *core->probes.places);
        core->probes.heads = calloc(PM_PROBES_MAX, sizeof *core->probes.heads);
        return core->instruments != NULL && core->slots != NULL && core->marks != NULL && core->names != NULL &&
               core->kept.places != NULL && core->kept.heads != NULL && core->probes.places != NULL && core->probes.heads != NULL;
}

struct core *
core_new(const struct core_options *options)
{
        PM_ASSERT(options->instruments_count <= PM_INSTRUMENTS_MAX);
        struct core *core = calloc(1, sizeof *core);
        if (core == NULL)
                return NULL;
        core->max_future_us = options->max_future_us;
        core->dedupe_max = options->dedupe_max != 0 ? options->dedupe_max : PM_DEDUPE_MAX;
        if (!allocate(core, options)) {
                core_free(core);
                return NULL;
        }
        for (uint32_t i = 0; i < options->instruments_count; i++) {
                PM_ASSERT(book_name_is_valid(options->instruments[i].name));
                uint32_t index = book_reach(core, options->instruments[i].name);
                PM_ASSERT(index == i); /* no name comes twice */
                core->instruments[i] = options->instruments[i];
        }
        core->instruments_configured = options->instruments_count;
        return core;
}

void
core_free(struct core *core)
{
        if (core == NULL)
                return;
        free(core->probes.heads);
        free(core->probes.places);
        free(core->kept.heads);
        free(core->kept.places);
        free(core->names);
        free(core->marks);
        free(core->slots);
        free(core->instruments);
        free(core);
}

void
core_clear(struct core *core)
{
        for (uint64_t no = core->evicted_through_kept_no + 1; core->kept.count > 0; no++)
                kept_remove(&core->kept, no);
        probes_clear(&core->probes);
        book_clear(core);
        book_forget_retired(core);
        memset(&core->totals, 0, sizeof core->totals);
        core->records_digest = (struct digest){0, 0};
        core->exists = false;
        core->paused = false;
        core->initial_capital_e6 = 0;
        core->positions_opened = 0;
        core->kept_no = 0;
        core->evicted_through_kept_no = 0;
        core->horizon_us = 0;
}

struct digest
core_digest(const struct core *core)
{
        struct digest sum = core->records_digest;
        if (core->exists) {
                struct event_load_portfolio record;
                state_portfolio(core, &record);
                digest_add(&sum, digest_of_portfolio(&record));
        }
        return sum;
}

bool
core_digest_equal(struct digest a, struct digest b)
{
        return a.high == b.high && a.low == b.low;
}

void
core_figures(const struct core *core, struct core_figures *figures)
{
        struct portfolio_figures derived;
        portfolio_figures_of(&core->totals, &derived);
        *figures = (struct core_figures){
                .exists = core->exists,
                .paused = core->paused,
                .initial_capital_e6 = core->initial_capital_e6,
                .closed_equity_e6 = core->totals.closed_equity_e6,
                .equity_high_e6 = core->totals.equity_high_e6,
                .unrealized_e6 = fixed_clamp(core->totals.unrealized_e6, INT64_MIN, INT64_MAX),
                .open_equity_e6 = derived.open_equity_e6,
                .blended_equity_e6 = derived.blended_equity_e6,
                .risk_amount_e6 = core->totals.risk_e6,
                .risk_percent_e6 = derived.risk_percent_e6,
                .vol_amount_e6 = core->totals.vol_e6,
                .vol_percent_e6 = derived.vol_percent_e6,
                .margin_used_e6 = core->totals.margin_e6,
                .margin_available_e6 = derived.margin_available_e6,
                .margin_percent_e6 = derived.margin_percent_e6,
                .positions_count = core->positions_count,
                .positions_opened = core->positions_opened,
                .kept_no = core->kept_no,
                .evicted_through_kept_no = core->evicted_through_kept_no,
                .kept_count = core->kept.count,
                .horizon_us = core->horizon_us,
        };
}

static void
position_view(const struct core *core, uint32_t index, uint8_t layer, struct core_position *out)
{
        const struct slot *slot = &core->slots[index];
        struct portfolio_amounts amounts;

        out->position = slot->positions[layer - 1];
        book_amounts(slot, &out->position, &amounts);
        /* Each was found within the bounds of money when it went into the totals. */
        out->unrealized_e6 = (int64_t)amounts.unrealized_e6;
        out->risk_e6 = (int64_t)amounts.risk_e6;
        out->vol_e6 = (int64_t)amounts.vol_e6;
        out->margin_e6 = (int64_t)amounts.margin_e6;
        out->marked = book_is_marked(slot, &out->position);
        out->mark_e6 = out->marked ? slot->record.mark_e6 : 0;
}

bool
core_next_position(const struct core *core, uint64_t *cursor, struct core_position *out)
{
        for (uint32_t index = (uint32_t)(*cursor / PM_LAYERS_MAX); index < core->instruments_count; index++) {
                for (uint8_t layer = (uint8_t)(*cursor % PM_LAYERS_MAX + 1); layer <= PM_LAYERS_MAX; layer++) {
                        if (!book_is_open(core, index, layer))
                                continue;
                        position_view(core, index, layer, out);
                        *cursor = (uint64_t)index * PM_LAYERS_MAX + layer;
                        return true;
                }
                *cursor = (uint64_t)(index + 1) * PM_LAYERS_MAX;
        }
        return false;
}

bool
core_position_of(const struct core *core, const char instrument[PM_INSTRUMENT_NAME_SIZE], uint8_t layer, struct core_position *out)
{
        uint32_t index = book_find(core, instrument);
        if (index == BOOK_NONE || !book_is_open(core, index, layer))
                return false;
        position_view(core, index, layer, out);
        return true;
}

bool
core_instrument_state(const struct core *core, const char instrument[PM_INSTRUMENT_NAME_SIZE], struct event_load_instrument *out)
{
        uint32_t index = book_find(core, instrument);
        if (index == BOOK_NONE)
                return false;
        *out = core->slots[index].record;
        memcpy(out->instrument, core->instruments[index].name, PM_INSTRUMENT_NAME_SIZE);
        return true;
}

bool
core_instrument_known(const struct core *core, const char instrument[PM_INSTRUMENT_NAME_SIZE], bool *configured)
{
        uint32_t index = book_find(core, instrument);
        *configured = index != BOOK_NONE && index < core->instruments_configured;
        return *configured || (index != BOOK_NONE && (core->marks[index] & MARK_LAYERS) != 0);
}
