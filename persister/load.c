#include "persister/load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fixed.h"
#include "persister/cell.h"

/* A timestamptz as whole microseconds; round() because before PostgreSQL 14 extract() is binary floating point. */
#define US(column) "round(extract(epoch FROM " column ") * 1000000)::bigint"

const struct statement load_statements[LOAD_QUERY_END] = {
        [LOAD_QUERY_STATE] =
                {"load_state",
                 "SELECT initial_capital, closed_equity, equity_high, positions_opened, kept_no, evicted_through_kept_no, " US(
                         "horizon") ", paused, last_seq, incarnation, digest, total_risk_amount, total_vol_amount, margin_used, problem "
                                    "FROM portfolio_state",
                 0},
        [LOAD_QUERY_NEWEST_EVENT] = {"load_newest_event", "SELECT seq, incarnation FROM portfolio_events ORDER BY seq DESC LIMIT 1", 0},
        /* The running sum; a row made by hand has none, and then all amounts are summed. */
        [LOAD_QUERY_LEDGER] = {"load_ledger",
                               "SELECT seq, coalesce(total, (SELECT sum(amount) FROM equity_ledger)) FROM equity_ledger "
                               "ORDER BY seq DESC LIMIT 1",
                               0},
        [LOAD_QUERY_EDITS] = {"load_edits",
                              "SELECT count(*), min(edited_at)::text, string_agg(DISTINCT by_role || ' with ' || application_name, ', ') "
                              "FROM portfolio_edits WHERE handled_seq IS NULL",
                              0},
        [LOAD_QUERY_INSTRUMENTS] = {"load_instruments",
                                    "SELECT instrument, base_position_no, last_pyramid_price, " US(
                                            "tick_at") ", mark, marked_through_no "
                                                       "FROM pyramiding_state ORDER BY instrument",
                                    0},
        [LOAD_QUERY_POSITIONS] =
                {"load_positions",
                 "SELECT position_no, instrument, layer, lots, " US(
                         "entry_timestamp") ", entry_price, signal_price, initial_stop, current_stop, highest_close, atr, limiter, "
                                            "lot_size, point_value, margin_per_lot, trailing_atr_x10, standin_atr, position_id, quantity "
                                            "FROM portfolio_positions WHERE status <> 'closed' ORDER BY position_no",
                 0},
        [LOAD_QUERY_KEPT] = {"load_kept",
                             "SELECT kept_no, signal_type, instrument, layer, " US("signal_timestamp") ", " US(
                                     "arrived_at") ", seq, outcome, reason, limiter, lots, pnl FROM signal_log "
                                                   "WHERE kept_no > 0 AND kept_no > (SELECT coalesce(max(evicted_through_kept_no), 0) "
                                                   "FROM portfolio_state) ORDER BY kept_no",
                             0},
        [LOAD_QUERY_PROBES] =
                {"load_probes",
                 "SELECT kind, coalesce(payload->>'id', payload->>'request_id') FROM (SELECT seq, kind, payload FROM portfolio_events "
                 "WHERE kind IN ('PROBE', 'CAPITAL') ORDER BY seq DESC LIMIT 4096) newest ORDER BY seq",
                 0},
};

struct load {
        struct core *core;
        struct load_report report;
        bool has_state;
        bool has_events;
        bool is_derived;    /* an instrument's base was taken from what is open: its row must be written again */
        bool is_unreadable; /* the row of portfolio_state: there is nothing to fold the others into */
        uint64_t newest_seq;
        uint64_t newest_incarnation;
        uint64_t newest_ledger_seq;
        uint64_t edits_count;
        char edits_by[128];
        char problem_before[LOAD_RULE_SIZE];
        int64_t closed_equity_e6;
        int64_t equity_high_e6;
        int64_t initial_capital_e6;
        int64_t ledger_total_e6;
        int64_t risk_e6;
        int64_t vol_e6;
        int64_t margin_e6;
        /* Instruments wait for the positions: after an edit their base may be gone. */
        struct event_load_instrument *instruments;
        uint32_t instruments_count;
};

/* A copy into size bytes; what does not fit is cut, not in the middle of a character. */
static void
copy_text(char *to, size_t size, const char *from)
{
        int n = snprintf(to, size, "%s", from);
        if (n < (int)size)
                return;
        size_t end = size - 1;
        while (end > 0 && (from[end] & 0xC0) == 0x80)
                end--;
        to[end] = '\0';
}

/* Problems. */

/* Keeps the first problem; a corrupt row outweighs a difference of totals, which it would explain. */
static void __attribute__((format(printf, 4, 5)))
found(struct load *load, enum recovery_problem problem, const char *rule, const char *detail, ...)
{
        struct load_report *report = &load->report;
        if (report->problem != RECOVERY_OK && !(report->problem == RECOVERY_VALIDATION_FAILED && problem == RECOVERY_DATA_CORRUPT))
                return;
        va_list args;
        char whole[2 * LOAD_DETAIL_SIZE];
        report->problem = problem;
        snprintf(report->rule, sizeof report->rule, "%s", rule);
        va_start(args, detail);
        vsnprintf(whole, sizeof whole, detail, args);
        va_end(args);
        copy_text(report->detail, sizeof report->detail, whole);
}

static bool
fold(struct load *load, struct event *event, const char *what)
{
        const char *why = "unknown";
        bool folded = core_apply(load->core, event, 0, &why) == CORE_OK;
        if (!folded)
                found(load, RECOVERY_VALIDATION_FAILED, why, "%s does not fit the rest of the stored state", what);
        return folded;
}

/* A row of portfolio_positions that cannot be: left out, and named. */
static void
quarantine(struct load *load, const char *position_id, const char *position_no, const char *rule)
{
        load->report.quarantined_count++;
        found(load, RECOVERY_DATA_CORRUPT, rule,
              "position %s (position_no %s) is left out: mend or close its row in portfolio_positions, then restart", position_id,
              position_no);
}

/* Results. */

static void
take_state(struct load *load, const PGresult *result)
{
        if (PQntuples(result) == 0)
                return;
        struct event event = {.kind = EVENT_LOAD_PORTFOLIO};
        struct event_load_portfolio *state = &event.load_portfolio;
        load->has_state = true;
        const char *paused = PQgetvalue(result, 0, 7);
        state->paused = paused[0] == 't';
        bool good = cell_e6(result, 0, 0, &state->initial_capital_e6) && cell_e6(result, 0, 1, &state->closed_equity_e6) &&
                    cell_e6(result, 0, 2, &state->equity_high_e6) && cell_u64_or_0(result, 0, 3, &state->positions_opened) &&
                    cell_u64_or_0(result, 0, 4, &state->kept_no) && cell_u64_or_0(result, 0, 5, &state->evicted_through_kept_no) &&
                    cell_i64_or_0(result, 0, 6, &state->horizon_us) && cell_u64_or_0(result, 0, 8, &load->report.last_seq) &&
                    cell_u64_or_0(result, 0, 9, &load->report.incarnation) && cell_digest(result, 0, 10, &load->report.digest_stored) &&
                    cell_e6(result, 0, 11, &load->risk_e6) && cell_e6(result, 0, 12, &load->vol_e6) &&
                    cell_e6(result, 0, 13, &load->margin_e6);
        load->is_unreadable = !good;
        if (!good) {
                found(load, RECOVERY_DATA_CORRUPT, "portfolio_state_is_readable",
                      "the row of portfolio_state has a NULL or a value out of range: mend it, then restart");
                return;
        }
        copy_text(load->problem_before, sizeof load->problem_before, PQgetvalue(result, 0, 14));
        load->closed_equity_e6 = state->closed_equity_e6;
        load->initial_capital_e6 = state->initial_capital_e6;
        load->equity_high_e6 = state->equity_high_e6;
        if (state->equity_high_e6 < state->closed_equity_e6)
                state->equity_high_e6 = state->closed_equity_e6; /* a portfolio there must be, for the exits; check_tables() has the word */
        load->is_unreadable = !fold(load, &event, "portfolio_state");
}

static void
take_newest_event(struct load *load, const PGresult *result)
{
        load->has_events = PQntuples(result) > 0;
        if (load->has_events &&
            (!cell_u64_or_0(result, 0, 0, &load->newest_seq) || !cell_u64_or_0(result, 0, 1, &load->newest_incarnation)))
                found(load, RECOVERY_DATA_CORRUPT, "events_are_numbered", "the newest row of portfolio_events has no number");
}

static void
take_ledger(struct load *load, const PGresult *result)
{
        if (PQntuples(result) > 0 &&
            (!cell_u64_or_0(result, 0, 0, &load->newest_ledger_seq) || !cell_e6(result, 0, 1, &load->ledger_total_e6)))
                found(load, RECOVERY_DATA_CORRUPT, "ledger_is_readable", "the newest row of equity_ledger has no number or no amount");
}

static void
take_edits(struct load *load, const PGresult *result)
{
        if (PQntuples(result) > 0 && cell_u64_or_0(result, 0, 0, &load->edits_count) && load->edits_count > 0)
                copy_text(load->edits_by, sizeof load->edits_by, PQgetvalue(result, 0, 2));
}

static void
take_instruments(struct load *load, const PGresult *result)
{
        int rows = PQntuples(result);
        load->instruments = calloc((size_t)rows + 1, sizeof *load->instruments);
        PM_ASSERT(load->instruments != NULL);
        for (int row = 0; row < rows; row++) {
                struct event_load_instrument *record = &load->instruments[load->instruments_count];
                if (cell_name(result, row, 0, record->instrument) && cell_u64_or_0(result, row, 1, &record->base_position_no) &&
                    cell_e6(result, row, 2, &record->last_pyramid_price_e6) && cell_i64_or_0(result, row, 3, &record->tick_at_us) &&
                    cell_e6(result, row, 4, &record->mark_e6) && cell_u64_or_0(result, row, 5, &record->marked_through_no))
                        load->instruments_count++;
                else
                        found(load, RECOVERY_DATA_CORRUPT, "instrument_row_is_readable", "the row %s of pyramiding_state cannot be read",
                              PQgetvalue(result, row, 0));
        }
}

/* The open first layer is the base. After an edit by hand, or when the base's own row is left out, what is open decides. */
static void
fold_instrument(struct load *load, const struct event_load_instrument *stored)
{
        struct event event = {.kind = EVENT_LOAD_INSTRUMENT, .load_instrument = *stored};
        struct event_load_instrument *record = &event.load_instrument;
        struct core_position base;
        uint64_t open_no = core_position_of(load->core, record->instrument, 1, &base) ? base.position.position_no : 0;
        if (record->base_position_no != open_no) {
                if (load->edits_count == 0)
                        found(load, RECOVERY_VALIDATION_FAILED, "base_is_the_open_first_layer",
                              "%s: pyramiding_state names position_no %" PRIu64 " as its base, open as Long_1 is %" PRIu64,
                              record->instrument, record->base_position_no, open_no);
                load->is_derived = true;
                record->base_position_no = open_no;
                record->last_pyramid_price_e6 = open_no == 0 ? 0 : base.position.signal_price_e6;
        }
        fold(load, &event, record->instrument);
}

/* Instruments that are open but have no row of pyramiding_state. */
static void
fold_missing_instruments(struct load *load)
{
        struct core_position open;
        uint64_t cursor = 0;
        while (core_next_position(load->core, &cursor, &open)) {
                struct event_load_instrument record;
                bool known = core_instrument_state(load->core, open.position.instrument, &record);
                if (open.position.layer != 1 || (known && record.base_position_no == open.position.position_no))
                        continue;
                record = (struct event_load_instrument){0};
                memcpy(record.instrument, open.position.instrument, PM_INSTRUMENT_NAME_SIZE);
                fold_instrument(load, &record);
        }
}

static bool
read_position(const PGresult *result, int row, struct event_position *position, int64_t *quantity)
{
        uint32_t limiter = 0;
        bool good = cell_u64_or_0(result, row, 0, &position->position_no) && cell_name(result, row, 1, position->instrument) &&
                    cell_layer(result, row, 2, &position->layer) && cell_i64(result, row, 3, &position->lots) &&
                    cell_i64(result, row, 4, &position->entry_at_us) && cell_e6(result, row, 5, &position->entry_price_e6) &&
                    cell_e6(result, row, 6, &position->signal_price_e6) && cell_e6(result, row, 7, &position->initial_stop_e6) &&
                    cell_e6(result, row, 8, &position->current_stop_e6) && cell_e6(result, row, 9, &position->highest_close_e6) &&
                    cell_e6(result, row, 10, &position->atr_e6) && cell_enum(result, row, 11, event_limiter_name, LIMITER_END, &limiter) &&
                    cell_i64(result, row, 12, &position->lot_size) && cell_i64(result, row, 13, &position->point_value) &&
                    cell_i64(result, row, 14, &position->margin_per_lot) && cell_i64(result, row, 15, &position->trailing_atr_x10) &&
                    cell_e6(result, row, 16, &position->standin_atr_e6) && cell_i64(result, row, 18, quantity);
        position->limiter = (enum limiter)limiter;
        return good;
}

/* Columns that every position must have, by the name of the rule. */
static const char *
missing_value(const PGresult *result, int row)
{
        static const struct {
                int column;
                const char *rule;
        } must[] = {{3, "lots_are_positive"},
                    {5, "entry_price_is_set"},
                    {7, "initial_stop_is_set"},
                    {8, "current_stop_is_set"},
                    {10, "atr_is_set"}};
        for (size_t i = 0; i < countof(must); i++) {
                if (PQgetisnull(result, row, must[i].column))
                        return must[i].rule;
        }
        return "position_row_is_readable";
}

/* Stops as the rules make them: above zero, the first not above the price. An operator may have lowered one since. NULL when they are. */
static const char *
stop_flaw(const struct event_position *position)
{
        if (position->initial_stop_e6 <= 0 || position->current_stop_e6 <= 0)
                return "stops_are_positive";
        return position->initial_stop_e6 > position->signal_price_e6 ? "initial_stop_is_not_above_the_price" : NULL;
}

static void
take_position(struct load *load, const PGresult *result, int row)
{
        struct event event = {.kind = EVENT_LOAD_POSITION};
        struct event_position *position = &event.position;
        const char *id = PQgetvalue(result, row, 17);
        const char *number = PQgetvalue(result, row, 0);
        int64_t quantity = 0;
        char expected[PM_INSTRUMENT_NAME_SIZE + 16];
        const char *why = NULL;
        if (!read_position(result, row, position, &quantity)) {
                quarantine(load, id, number, missing_value(result, row));
                return;
        }
        const char *flaw = stop_flaw(position);
        snprintf(expected, sizeof expected, "%s_%s", position->instrument, event_layer_name(position->layer));
        if (strcmp(expected, id) != 0)
                quarantine(load, id, number, "position_id_is_instrument_and_layer");
        else if (flaw != NULL)
                quarantine(load, id, number, flaw);
        else if (core_apply(load->core, &event, 0, &why) != CORE_OK)
                quarantine(load, id, number, why != NULL ? why : "position_fits");
        else if (quantity != position->lots * position->lot_size)
                found(load, RECOVERY_VALIDATION_FAILED, "quantity_is_lots_times_lot_size",
                      "position %s: quantity is %" PRId64 ", lots x lot size is %" PRId64, id, quantity,
                      position->lots * position->lot_size);
}

static void
take_positions(struct load *load, const PGresult *result)
{
        for (int row = 0; row < PQntuples(result); row++)
                take_position(load, result, row);
        for (uint32_t i = 0; i < load->instruments_count; i++)
                fold_instrument(load, &load->instruments[i]);
        fold_missing_instruments(load);
}

static void
take_kept(struct load *load, const PGresult *result)
{
        for (int row = 0; row < PQntuples(result); row++) {
                struct event event = {.kind = EVENT_LOAD_KEPT};
                struct event_load_kept *kept = &event.load_kept;
                uint32_t type = 0;
                uint32_t outcome = 0;
                uint32_t reason = 0;
                uint32_t limiter = 0;
                bool good = cell_u64_or_0(result, row, 0, &kept->kept_no) &&
                            cell_enum(result, row, 1, event_signal_type_name, SIGNAL_TYPE_END, &type) &&
                            cell_name(result, row, 2, kept->instrument) && cell_layer(result, row, 3, &kept->layer) &&
                            cell_i64(result, row, 4, &kept->signal_at_us) && cell_i64(result, row, 5, &kept->arrived_at_us) &&
                            cell_u64_or_0(result, row, 6, &kept->seq) &&
                            cell_enum(result, row, 7, event_outcome_name, OUTCOME_END, &outcome) &&
                            cell_enum(result, row, 8, event_reason_name, REASON_END, &reason) &&
                            cell_enum(result, row, 9, event_limiter_name, LIMITER_END, &limiter) &&
                            cell_i64(result, row, 10, &kept->lots) && cell_e6(result, row, 11, &kept->pnl_e6);
                kept->type = (enum signal_type)type;
                kept->outcome = (enum outcome)outcome;
                kept->reason = (enum reason)reason;
                kept->limiter = (enum limiter)limiter;
                if (good)
                        fold(load, &event, "a kept signal of signal_log");
                else
                        found(load, RECOVERY_DATA_CORRUPT, "kept_signal_is_readable",
                              "the row with kept_no %s of signal_log cannot be read", PQgetvalue(result, row, 0));
        }
}

static void
take_probes(struct load *load, const PGresult *result)
{
        for (int row = 0; row < PQntuples(result); row++) {
                struct event event = {.kind = EVENT_LOAD_PROBE};
                char id[CORE_COMMAND_ID_SIZE];
                const char *text = PQgetvalue(result, row, 1);
                if (strcmp(PQgetvalue(result, row, 0), "CAPITAL") == 0)
                        event.probe.id = core_command_id(strtoull(text, NULL, 10), id);
                else
                        event.probe.id = (struct text){text, (uint32_t)strlen(text)};
                fold(load, &event, "a probe of portfolio_events");
        }
}

struct load *
load_begin(struct core *core)
{
        struct load *load = calloc(1, sizeof *load);
        if (load != NULL) {
                load->core = core;
                core_clear(core);
        }
        return load;
}

void
load_take(struct load *load, enum load_query query, const PGresult *result)
{
        static void (*const takers[LOAD_QUERY_END])(struct load *, const PGresult *) = {
                [LOAD_QUERY_STATE] = take_state,
                [LOAD_QUERY_NEWEST_EVENT] = take_newest_event,
                [LOAD_QUERY_LEDGER] = take_ledger,
                [LOAD_QUERY_EDITS] = take_edits,
                [LOAD_QUERY_INSTRUMENTS] = take_instruments,
                [LOAD_QUERY_POSITIONS] = take_positions,
                [LOAD_QUERY_KEPT] = take_kept,
                [LOAD_QUERY_PROBES] = take_probes,
        };
        /* Without the row of portfolio_state nothing can be folded in. When there is none, load_finish asks for a replay. */
        if ((!load->has_state || load->is_unreadable) && query >= LOAD_QUERY_INSTRUMENTS)
                return;
        takers[query](load, result);
}

void
load_abandon(struct load *load)
{
        if (load == NULL)
                return;
        free(load->instruments);
        free(load);
}

/* The end: what the rows say against what was stored about them. */

static void
compare_money(struct load *load, const char *rule, int64_t stored_e6, int64_t computed_e6)
{
        char stored[FIXED_TEXT_SIZE];
        char computed[FIXED_TEXT_SIZE];
        if (stored_e6 == computed_e6)
                return;
        fixed_format(stored_e6, stored);
        fixed_format(computed_e6, computed);
        found(load, RECOVERY_VALIDATION_FAILED, rule, "stored %s, computed %s; pm-supervisor verify names the row", stored, computed);
}

/* What the tables say of each other. */
static void
check_tables(struct load *load)
{
        struct load_report *report = &load->report;
        if (report->last_seq != load->newest_seq)
                found(load, RECOVERY_VALIDATION_FAILED, "last_seq_is_newest_event",
                      "portfolio_state says %" PRIu64 ", portfolio_events end at %" PRIu64, report->last_seq, load->newest_seq);
        /* Each row has the number of its event: one beyond the events would collide with what comes. */
        if (load->newest_ledger_seq > load->newest_seq)
                found(load, RECOVERY_VALIDATION_FAILED, "ledger_rows_have_events",
                      "equity_ledger ends at seq %" PRIu64 ", portfolio_events end at %" PRIu64, load->newest_ledger_seq, load->newest_seq);
        int64_t computed_e6;
        if (fixed_add(load->initial_capital_e6, load->ledger_total_e6, &computed_e6) == FIXED_OK)
                compare_money(load, "closed_equity_is_ledger_sum", load->closed_equity_e6, computed_e6);
        else
                found(load, RECOVERY_VALIDATION_FAILED, "closed_equity_is_ledger_sum", "the ledger's sum is out of range");
        /* After a deposit by hand the high follows as it would have done by itself. */
        if (load->equity_high_e6 < load->closed_equity_e6 && load->edits_count == 0)
                compare_money(load, "equity_high_covers_closed_equity", load->equity_high_e6, load->closed_equity_e6);
}

static bool
count_event(void *owner, const struct event *event)
{
        uint64_t *count = owner;
        (void)event;
        ++*count;
        return true;
}

static void
check_against_stored(struct load *load)
{
        struct load_report *report = &load->report;
        check_tables(load);

        int64_t kept = 0;
        int64_t recomputed = 0;
        const char *rule = core_check(load->core, &kept, &recomputed);
        if (rule != NULL)
                found(load, RECOVERY_VALIDATION_FAILED, rule, "stored rows come to %" PRId64 ", %" PRId64 " was computed", kept,
                      recomputed);

        struct core_figures figures;
        core_figures(load->core, &figures);
        bool same = core_digest_equal(report->digest, report->digest_stored) && !load->is_derived &&
                    load->risk_e6 == figures.risk_amount_e6 && load->vol_e6 == figures.vol_amount_e6 &&
                    load->margin_e6 == figures.margin_used_e6 && load->problem_before[0] == '\0';
        if (load->edits_count > 0) {
                if (report->problem != RECOVERY_OK)
                        return;
                report->action = same ? LOAD_ACTION_ACCEPT : LOAD_ACTION_ADJUST;
                uint64_t events_count = 0;
                bool counted = load_events(report->action, load->core, 0, 0, count_event, &events_count);
                PM_ASSERT(counted);
                if (events_count > LOAD_ADJUST_EVENTS_MAX) {
                        report->action = LOAD_ACTION_NONE;
                        found(load, RECOVERY_VALIDATION_FAILED, "edit_fits_one_transaction",
                              "recording it takes %" PRIu64
                              " events of at most %d: put the rows back as they were, or begin with a clean state",
                              events_count, LOAD_ADJUST_EVENTS_MAX);
                        return;
                }
                snprintf(report->detail, sizeof report->detail, "%" PRIu64 " edits by %s", load->edits_count, load->edits_by);
                return;
        }
        compare_money(load, "total_risk_amount_is_sum_of_positions", load->risk_e6, figures.risk_amount_e6);
        compare_money(load, "total_vol_amount_is_sum_of_positions", load->vol_e6, figures.vol_amount_e6);
        compare_money(load, "margin_used_is_sum_of_positions", load->margin_e6, figures.margin_used_e6);
        if (!core_digest_equal(report->digest, report->digest_stored))
                found(load, RECOVERY_VALIDATION_FAILED, "digest_is_the_stored_one",
                      "stored %016" PRIx64 "%016" PRIx64 ", computed %016" PRIx64 "%016" PRIx64
                      ", and no edit by hand was noted; pm-supervisor verify names the row",
                      report->digest_stored.high, report->digest_stored.low, report->digest.high, report->digest.low);
        /* What was stored meanwhile (exits go on) has totals and a digest that fit each other, and is no less wrong. */
        if (load->problem_before[0] != '\0')
                found(load, RECOVERY_VALIDATION_FAILED, load->problem_before, "an earlier start found this, and nothing was mended since");
}

void
load_finish(struct load *load, struct load_report *report)
{
        struct core_figures figures;
        load->report.digest = core_digest(load->core);
        core_figures(load->core, &figures);
        load->report.positions_count = figures.positions_count;
        if (load->has_state && !load->is_unreadable) {
                check_against_stored(load);
        } else if (!load->has_state) {
                load->report.action = load->has_events ? LOAD_ACTION_RESET : LOAD_ACTION_CREATE;
                load->report.last_seq = load->newest_seq;
        }
        if (load->report.incarnation < load->newest_incarnation)
                load->report.incarnation = load->newest_incarnation;
        *report = load->report;
        load_abandon(load);
}

bool
load_events(enum load_action action, const struct core *core, int64_t initial_capital_e6, int64_t now_us,
            bool (*add)(void *owner, const struct event *event), void *owner)
{
        struct event event = {.at_us = now_us};
        if (action == LOAD_ACTION_CREATE || action == LOAD_ACTION_RESET) {
                event.kind = action == LOAD_ACTION_CREATE ? EVENT_PORTFOLIO_CREATED : EVENT_PORTFOLIO_RESET;
                event.portfolio.initial_capital_e6 = initial_capital_e6;
                return add(owner, &event);
        }
        if (action != LOAD_ACTION_ADJUST)
                return true;
        /* The memory of kept signals is as it was: only the portfolio, instruments and positions are told. */
        struct core_figures figures;
        core_figures(core, &figures);
        event.kind = EVENT_PORTFOLIO_ADJUSTED;
        event.more = true;
        bool good = add(owner, &event);
        uint64_t cursor = 0;
        struct event held = {0}; /* one behind, since the last must not have more */
        while (good && core_export(core, &cursor, &event, 1) == 1) {
                if (event.kind != EVENT_LOAD_PORTFOLIO && event.kind != EVENT_LOAD_INSTRUMENT && event.kind != EVENT_LOAD_POSITION)
                        break;
                if (held.kind != EVENT_NONE)
                        good = add(owner, &held);
                held = event;
                held.at_us = now_us;
                held.more = true;
        }
        held.more = false;
        return good && add(owner, &held);
}
