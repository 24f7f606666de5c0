/* load.c and replay.c: rows of the database become the core they came from; what cannot be is named, and what is sound goes on. The rows
 * are made from a core's own snapshot, so a fresh load must come to its digest; then single cells are spoiled. */
#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fixed.h"
#include "common/instrument.h"
#include "persister/event_json.h"
#include "persister/load.h"
#include "persister/replay.h"

#define T0 1795489200000000LL /* 2026-11-24T03:00:00Z */
#define CAPITAL_E6 (5000000 * FIXED_ONE_E6)

/* A query's rows as text; a NULL cell is SQL's NULL. */
#define COLUMNS_MAX 20
#define ROWS_MAX 64
struct table {
        int columns;
        int rows;
        char *cells[ROWS_MAX][COLUMNS_MAX];
};

static struct core *live;   /* the portfolio as a worker has it */
static struct core *loaded; /* what load makes of its rows */
static uint64_t live_seq;
static int64_t ledger_e6;
static struct table tables[LOAD_QUERY_END];
static struct table log_table; /* portfolio_events, for a replay */
static struct load_report report;

static const int columns_of[LOAD_QUERY_END] = {
        [LOAD_QUERY_STATE] = 15,      [LOAD_QUERY_NEWEST_EVENT] = 2, [LOAD_QUERY_LEDGER] = 2, [LOAD_QUERY_EDITS] = 3,
        [LOAD_QUERY_INSTRUMENTS] = 6, [LOAD_QUERY_POSITIONS] = 19,   [LOAD_QUERY_KEPT] = 12,  [LOAD_QUERY_PROBES] = 2,
};

static void __attribute__((format(printf, 3, 4))) set(struct table *table, int column, const char *format, ...)
{
        va_list args;
        char **cell = &table->cells[table->rows - 1][column];
        free(*cell);
        *cell = NULL;
        va_start(args, format);
        ck_assert_int_ge(vasprintf(cell, format, args), 0);
        va_end(args);
}

static void
set_e6(struct table *table, int column, int64_t value_e6)
{
        char text[FIXED_TEXT_SIZE];
        fixed_format(value_e6, text);
        set(table, column, "%s", text);
}

/* Puts another value into one cell; NULL is SQL's. */
static void
spoil(enum load_query query, int row, int column, const char *value)
{
        char **cell = &tables[query].cells[row][column];
        free(*cell);
        *cell = value != NULL ? strdup(value) : NULL;
}

static struct table *
add_row(enum load_query query)
{
        struct table *table = &tables[query];
        ck_assert_int_lt(table->rows, ROWS_MAX);
        table->rows++;
        return table;
}

static void
empty(struct table *table)
{
        for (int row = 0; row < ROWS_MAX; row++) {
                for (int column = 0; column < COLUMNS_MAX; column++) {
                        free(table->cells[row][column]);
                        table->cells[row][column] = NULL;
                }
        }
        table->rows = 0;
}

static PGresult *
result_of(const struct table *table)
{
        static char names[COLUMNS_MAX][16];
        PGresAttDesc attributes[COLUMNS_MAX] = {0};
        PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
        ck_assert_ptr_nonnull(result);
        for (int column = 0; column < table->columns; column++) {
                snprintf(names[column], sizeof names[column], "c%d", column);
                attributes[column] = (PGresAttDesc){.name = names[column], .typid = 25};
        }
        ck_assert(PQsetResultAttrs(result, table->columns, attributes) != 0);
        for (int row = 0; row < table->rows; row++) {
                for (int column = 0; column < table->columns; column++) {
                        char *text = table->cells[row][column];
                        ck_assert(PQsetvalue(result, row, column, text, text != NULL ? (int)strlen(text) : -1) != 0);
                }
        }
        return result;
}

/* A life before the load. */

static void
record(const struct event *event)
{
        struct json_text text = {0};
        const char *why = "";
        live_seq++;
        ck_assert_msg(core_apply(live, event, live_seq, &why) == CORE_OK, "seq %" PRIu64 ": %s", live_seq, why);
        if (event->kind == EVENT_POSITION_CLOSED)
                ledger_e6 += event->closed.pnl_e6;
        if (event->kind == EVENT_CAPITAL)
                ledger_e6 += event->capital.amount_e6;
        ck_assert_int_lt(log_table.rows, ROWS_MAX);
        log_table.rows++;
        event_json_write(event, &text);
        set(&log_table, 0, "%" PRIu64, live_seq);
        set(&log_table, 1, "%s", event_desc_of((int)event->kind)->name);
        set(&log_table, 2, "%s", event->more ? "t" : "f");
        set(&log_table, 3, "%" PRId64, event->at_us);
        set(&log_table, 4, "%s", text.data);
        json_text_fini(&text);
}

static void
record_list(const struct event_list *list)
{
        ck_assert_uint_gt(list->count, 0);
        for (uint32_t i = 0; i < list->count; i++)
                record(&list->items[i]);
}

static void
send(enum signal_type type, const char *instrument, uint8_t layer, int64_t price, int64_t stop, int64_t atr, int minute)
{
        struct event_list list;
        struct core_decision decision;
        struct signal signal = {.type = type,
                                .layer = layer,
                                .signal_at_us = T0 + minute * 60000000LL,
                                .price_e6 = price * FIXED_ONE_E6,
                                .stop_e6 = stop * FIXED_ONE_E6,
                                .atr_e6 = atr * FIXED_ONE_E6,
                                .er_e6 = 800000,
                                .supertrend_e6 = stop * FIXED_ONE_E6,
                                .reason = {"TREND", 5},
                                .payload = {"{}", 2}};
        snprintf(signal.instrument, sizeof signal.instrument, "%s", instrument);
        core_decide(live, &signal, signal.signal_at_us + 1500000, &list, &decision);
        ck_assert_msg(decision.outcome == OUTCOME_EXECUTED || decision.outcome == OUTCOME_PROCESSED, "%s: %s", instrument,
                      event_reason_name((int)decision.reason));
        record_list(&list);
}

/* Two bases and a pyramid open, one trade closed, one deposit, a mark, a probe. */
static void
live_a_little(void)
{
        struct event_list list;
        struct core_decision decision;
        core_decide_create(CAPITAL_E6, T0, &list);
        record_list(&list);
        send(SIGNAL_BASE_ENTRY, "COPPER", 1, 720, 712, 8, 1);
        send(SIGNAL_EXIT, "COPPER", 0, 731, 712, 8, 2);
        send(SIGNAL_BASE_ENTRY, "GOLD_MINI", 1, 72000, 71500, 500, 3);
        send(SIGNAL_BASE_ENTRY, "BANK_NIFTY", 1, 52000, 51650, 350, 4);
        send(SIGNAL_MARKET_DATA, "GOLD_MINI", 0, 73500, 71500, 500, 5);
        send(SIGNAL_PYRAMID, "GOLD_MINI", 2, 73600, 72900, 500, 6);
        core_decide_capital(live, 250000 * FIXED_ONE_E6, UINT64_MAX - 1, (struct text){"more", 4}, T0, &list, &decision);
        record_list(&list);
        record(&(struct event){.kind = EVENT_PROBE, .at_us = T0, .probe.id = {"probe-1", 7}});
}

/* Its rows. */

static void
row_of_state(const struct event_load_portfolio *state)
{
        struct core_figures figures;
        struct digest digest = core_digest(live);
        struct table *table = add_row(LOAD_QUERY_STATE);
        core_figures(live, &figures);
        set_e6(table, 0, state->initial_capital_e6);
        set_e6(table, 1, state->closed_equity_e6);
        set_e6(table, 2, state->equity_high_e6);
        set(table, 3, "%" PRIu64, state->positions_opened);
        set(table, 4, "%" PRIu64, state->kept_no);
        set(table, 5, "%" PRIu64, state->evicted_through_kept_no);
        if (state->horizon_us != 0)
                set(table, 6, "%" PRId64, state->horizon_us);
        set(table, 7, "%s", state->paused ? "t" : "f");
        set(table, 8, "%" PRIu64, live_seq);
        set(table, 9, "7");
        set(table, 10, "%016" PRIx64 "%016" PRIx64, digest.high, digest.low);
        set_e6(table, 11, figures.risk_amount_e6);
        set_e6(table, 12, figures.vol_amount_e6);
        set_e6(table, 13, figures.margin_used_e6);
        set(table, 14, "%s", "");
}

static void
row_of_instrument(const struct event_load_instrument *record)
{
        struct table *table = add_row(LOAD_QUERY_INSTRUMENTS);
        set(table, 0, "%s", record->instrument);
        if (record->base_position_no != 0)
                set(table, 1, "%" PRIu64, record->base_position_no);
        set_e6(table, 2, record->last_pyramid_price_e6);
        if (record->tick_at_us != 0)
                set(table, 3, "%" PRId64, record->tick_at_us);
        set_e6(table, 4, record->mark_e6);
        set(table, 5, "%" PRIu64, record->marked_through_no);
}

static void
row_of_position(const struct event_position *position)
{
        struct table *table = add_row(LOAD_QUERY_POSITIONS);
        const int64_t prices[] = {position->entry_price_e6,  position->signal_price_e6,  position->initial_stop_e6,
                                  position->current_stop_e6, position->highest_close_e6, position->atr_e6};
        set(table, 0, "%" PRIu64, position->position_no);
        set(table, 1, "%s", position->instrument);
        set(table, 2, "%u", position->layer);
        set(table, 3, "%" PRId64, position->lots);
        set(table, 4, "%" PRId64, position->entry_at_us);
        for (int i = 0; i < (int)countof(prices); i++)
                set_e6(table, 5 + i, prices[i]);
        set(table, 11, "%s", event_limiter_name((int)position->limiter));
        set(table, 12, "%" PRId64, position->lot_size);
        set(table, 13, "%" PRId64, position->point_value);
        set(table, 14, "%" PRId64, position->margin_per_lot);
        set(table, 15, "%" PRId64, position->trailing_atr_x10);
        set_e6(table, 16, position->standin_atr_e6);
        set(table, 17, "%s_%s", position->instrument, event_layer_name(position->layer));
        set(table, 18, "%" PRId64, position->lots * position->lot_size);
}

static void
row_of_kept(const struct event_load_kept *kept)
{
        struct table *table = add_row(LOAD_QUERY_KEPT);
        set(table, 0, "%" PRIu64, kept->kept_no);
        set(table, 1, "%s", event_signal_type_name((int)kept->type));
        set(table, 2, "%s", kept->instrument);
        set(table, 3, "%u", kept->layer);
        set(table, 4, "%" PRId64, kept->signal_at_us);
        set(table, 5, "%" PRId64, kept->arrived_at_us);
        set(table, 6, "%" PRIu64, kept->seq);
        set(table, 7, "%s", event_outcome_name((int)kept->outcome));
        set(table, 8, "%s", event_reason_name((int)kept->reason));
        set(table, 9, "%s", event_limiter_name((int)kept->limiter));
        set(table, 10, "%" PRId64, kept->lots);
        set_e6(table, 11, kept->pnl_e6);
}

static void
row_of(const struct event *event)
{
        if (event->kind == EVENT_LOAD_PORTFOLIO)
                row_of_state(&event->load_portfolio);
        else if (event->kind == EVENT_LOAD_INSTRUMENT)
                row_of_instrument(&event->load_instrument);
        else if (event->kind == EVENT_LOAD_POSITION)
                row_of_position(&event->position);
        else if (event->kind == EVENT_LOAD_KEPT)
                row_of_kept(&event->load_kept);
}

static void
make_rows(void)
{
        uint64_t cursor = 0;
        struct event event;
        struct table *table;
        for (int query = 0; query < LOAD_QUERY_END; query++) {
                empty(&tables[query]);
                tables[query].columns = columns_of[query];
        }
        while (core_export(live, &cursor, &event, 1) == 1)
                row_of(&event);
        table = add_row(LOAD_QUERY_NEWEST_EVENT);
        set(table, 0, "%" PRIu64, live_seq);
        set(table, 1, "7");
        table = add_row(LOAD_QUERY_LEDGER);
        set(table, 0, "%" PRIu64, live_seq - 1);
        set_e6(table, 1, ledger_e6);
        table = add_row(LOAD_QUERY_EDITS);
        set(table, 0, "0");
        table = add_row(LOAD_QUERY_PROBES);
        set(table, 0, "CAPITAL");
        set(table, 1, "%" PRIu64, UINT64_MAX - 1);
        table = add_row(LOAD_QUERY_PROBES);
        set(table, 0, "PROBE");
        set(table, 1, "probe-1");
}

static void
note_edits(void)
{
        spoil(LOAD_QUERY_EDITS, 0, 0, "2");
        spoil(LOAD_QUERY_EDITS, 0, 1, "2026-11-24 03:00:00+00");
        spoil(LOAD_QUERY_EDITS, 0, 2, "portfolio_user with psql");
}

static void
load_all(void)
{
        struct load *load = load_begin(loaded);
        ck_assert_ptr_nonnull(load);
        for (int query = 0; query < LOAD_QUERY_END; query++) {
                PGresult *result = result_of(&tables[query]);
                load_take(load, (enum load_query)query, result);
                PQclear(result);
        }
        load_finish(load, &report);
}

static void
expect_problem(enum recovery_problem problem, const char *rule)
{
        ck_assert_msg(report.problem == problem && strcmp(report.rule, rule) == 0, "problem %d, rule %s (%s); expected %d, %s",
                      (int)report.problem, report.rule, report.detail, (int)problem, rule);
        ck_assert_int_eq(report.action, LOAD_ACTION_NONE);
}

static void
setup(void)
{
        struct core_options options = {.instruments = instrument_defaults, .instruments_count = (uint32_t)instrument_defaults_count};
        live = core_new(&options);
        loaded = core_new(&options);
        ck_assert(live != NULL && loaded != NULL);
        live_seq = 0;
        ledger_e6 = 0;
        log_table.columns = 5;
        empty(&log_table);
        live_a_little();
        make_rows();
}

static void
teardown(void)
{
        for (int query = 0; query < LOAD_QUERY_END; query++)
                empty(&tables[query]);
        empty(&log_table);
        core_free(live);
        core_free(loaded);
}

/* The rows of positions are in the order of the snapshot: by configured instrument. */
static int
row_of_id(const char *position_id)
{
        for (int row = 0; row < tables[LOAD_QUERY_POSITIONS].rows; row++) {
                if (strcmp(tables[LOAD_QUERY_POSITIONS].cells[row][17], position_id) == 0)
                        return row;
        }
        ck_abort_msg("no position %s", position_id);
}

static int
row_of_name(const char *instrument)
{
        for (int row = 0; row < tables[LOAD_QUERY_INSTRUMENTS].rows; row++) {
                if (strcmp(tables[LOAD_QUERY_INSTRUMENTS].cells[row][0], instrument) == 0)
                        return row;
        }
        ck_abort_msg("no instrument %s", instrument);
}

static void
remove_row(enum load_query query, int row)
{
        struct table *table = &tables[query];
        for (int column = 0; column < table->columns; column++) {
                free(table->cells[row][column]);
                table->cells[row][column] = table->cells[table->rows - 1][column];
                table->cells[table->rows - 1][column] = NULL;
        }
        table->rows--;
}

static void
expect_same_state(void)
{
        ck_assert(core_digest_equal(core_digest(live), core_digest(loaded)));
        ck_assert_uint_eq(core_export_count(live), core_export_count(loaded));
}

START_TEST(load_comes_to_the_same_digest)
{
        load_all();
        ck_assert_msg(report.problem == RECOVERY_OK, "%s: %s", report.rule, report.detail);
        ck_assert_int_eq(report.action, LOAD_ACTION_NONE);
        ck_assert_uint_eq(report.last_seq, live_seq);
        ck_assert_uint_eq(report.incarnation, 7);
        ck_assert_uint_eq(report.positions_count, 3);
        ck_assert_uint_eq(report.quarantined_count, 0);
        expect_same_state();
        load_all(); /* again */
        expect_same_state();
}
END_TEST

START_TEST(load_remembers_commands_and_probes)
{
        struct event_list list;
        struct core_decision decision;
        load_all();
        core_decide_capital(loaded, FIXED_ONE_E6, UINT64_MAX - 1, (struct text){"", 0}, T0, &list, &decision);
        ck_assert_int_eq(decision.outcome, OUTCOME_DUPLICATE);
        struct signal probe = {.type = SIGNAL_PROBE, .probe_id = {"probe-1", 7}};
        core_decide(loaded, &probe, T0, &list, &decision);
        ck_assert_int_eq(decision.outcome, OUTCOME_DUPLICATE);
}
END_TEST

START_TEST(load_takes_the_newest_incarnation_that_wrote)
{
        spoil(LOAD_QUERY_NEWEST_EVENT, 0, 1, "9");
        load_all();
        ck_assert_uint_eq(report.incarnation, 9);
}
END_TEST

/* One bad cell of one position: it is named, the others live. */
static const struct {
        int column;
        const char *value;
        const char *rule;
} corrupt[] = {
        {3, "0", "lots_are_positive"},
        {3, "-7", "lots_are_positive"},
        {3, NULL, "lots_are_positive"},
        {5, NULL, "entry_price_is_set"},
        {5, "-1.000000", "entry_price_is_positive"},
        {5, "NaN", "position_row_is_readable"},
        {7, NULL, "initial_stop_is_set"},
        {8, NULL, "current_stop_is_set"},
        {8, "-5.000000", "stops_are_positive"},
        {7, "0.000000", "stops_are_positive"},
        {7, "52000.000001", "initial_stop_is_not_above_the_price"},
        {9, "99999999.000000", "stops_are_prices"},
        {10, NULL, "atr_is_set"},
        {11, "boredom", "position_row_is_readable"},
        {12, "0", "instrument_constants_are_in_range"},
        {13, NULL, "position_row_is_readable"},
        {13, "10001", "instrument_constants_are_in_range"},
        {1, "A_NAME_OF_MORE_THAN_TWENTY_THREE", "position_row_is_readable"},
        {2, "3", "position_id_is_instrument_and_layer"},
        {2, "7", "position_row_is_readable"},
        {17, "GOLD_MINI_Long_9", "position_id_is_instrument_and_layer"},
        {0, "4000000000", "position_was_opened"},
        {3, "1000000", "totals_are_money"},
};

START_TEST(load_quarantines_a_position_that_cannot_be)
{
        int row = row_of_id("BANK_NIFTY_Long_1");
        int64_t kept = 0;
        int64_t recomputed = 0;
        spoil(LOAD_QUERY_POSITIONS, row, corrupt[_i].column, corrupt[_i].value);
        load_all();
        expect_problem(RECOVERY_DATA_CORRUPT, corrupt[_i].rule);
        ck_assert_uint_eq(report.quarantined_count, 1);
        ck_assert_uint_eq(report.positions_count, 2);
        ck_assert_msg(strstr(report.detail, tables[LOAD_QUERY_POSITIONS].cells[row][17]) != NULL, "%s", report.detail);
        /* What is left is sound, the base of what was left out is forgotten: a worker can be rehydrated with it. */
        const char *rule = core_check(loaded, &kept, &recomputed);
        ck_assert_msg(rule == NULL, "%s", rule);
}
END_TEST

START_TEST(load_keeps_pyramids_of_a_base_that_cannot_be)
{
        int64_t kept = 0;
        int64_t recomputed = 0;
        spoil(LOAD_QUERY_POSITIONS, row_of_id("GOLD_MINI_Long_1"), 5, NULL);
        load_all();
        expect_problem(RECOVERY_DATA_CORRUPT, "entry_price_is_set");
        ck_assert_uint_eq(report.positions_count, 2);
        ck_assert_ptr_null(core_check(loaded, &kept, &recomputed));
}
END_TEST

START_TEST(load_leaves_out_the_second_of_two_in_one_layer)
{
        int row = row_of_id("GOLD_MINI_Long_2");
        spoil(LOAD_QUERY_POSITIONS, row, 2, "1");
        spoil(LOAD_QUERY_POSITIONS, row, 17, "GOLD_MINI_Long_1");
        load_all();
        expect_problem(RECOVERY_DATA_CORRUPT, "layer_is_free");
        ck_assert_uint_eq(report.positions_count, 2);
}
END_TEST

/* Differences of totals and between tables, without an edit noted. */
static const struct {
        enum load_query query;
        int column;
        const char *value;
        enum recovery_problem problem;
        const char *rule;
} wrong[] = {
        {LOAD_QUERY_STATE, 1, "1.000000", RECOVERY_VALIDATION_FAILED, "closed_equity_is_ledger_sum"},
        {LOAD_QUERY_STATE, 0, "1.000000", RECOVERY_VALIDATION_FAILED, "closed_equity_is_ledger_sum"},
        {LOAD_QUERY_STATE, 2, "1.000000", RECOVERY_VALIDATION_FAILED, "equity_high_covers_closed_equity"},
        {LOAD_QUERY_STATE, 2, "99000000.000000", RECOVERY_VALIDATION_FAILED, "digest_is_the_stored_one"},
        {LOAD_QUERY_STATE, 1, NULL, RECOVERY_DATA_CORRUPT, "portfolio_state_is_readable"},
        {LOAD_QUERY_STATE, 10, "zz", RECOVERY_DATA_CORRUPT, "portfolio_state_is_readable"},
        {LOAD_QUERY_STATE, 7, "t", RECOVERY_VALIDATION_FAILED, "digest_is_the_stored_one"},
        {LOAD_QUERY_STATE, 8, "3", RECOVERY_VALIDATION_FAILED, "last_seq_is_newest_event"},
        {LOAD_QUERY_STATE, 11, "0.000001", RECOVERY_VALIDATION_FAILED, "total_risk_amount_is_sum_of_positions"},
        {LOAD_QUERY_STATE, 12, "0.000001", RECOVERY_VALIDATION_FAILED, "total_vol_amount_is_sum_of_positions"},
        {LOAD_QUERY_STATE, 13, "0.000001", RECOVERY_VALIDATION_FAILED, "margin_used_is_sum_of_positions"},
        {LOAD_QUERY_STATE, 14, "some_rule", RECOVERY_VALIDATION_FAILED, "some_rule"},
        {LOAD_QUERY_LEDGER, 1, "-1.000000", RECOVERY_VALIDATION_FAILED, "closed_equity_is_ledger_sum"},
        {LOAD_QUERY_LEDGER, 1, "9223372036854.000000", RECOVERY_VALIDATION_FAILED, "closed_equity_is_ledger_sum"},
        {LOAD_QUERY_LEDGER, 0, "4000000000", RECOVERY_VALIDATION_FAILED, "ledger_rows_have_events"},
        {LOAD_QUERY_POSITIONS, 18, "1", RECOVERY_VALIDATION_FAILED, "quantity_is_lots_times_lot_size"},
        {LOAD_QUERY_POSITIONS, 9, "72999.000000", RECOVERY_VALIDATION_FAILED, "digest_is_the_stored_one"},
        {LOAD_QUERY_INSTRUMENTS, 1, "999", RECOVERY_VALIDATION_FAILED, "base_is_the_open_first_layer"},
        {LOAD_QUERY_INSTRUMENTS, 2, NULL, RECOVERY_DATA_CORRUPT, "instrument_row_is_readable"},
        {LOAD_QUERY_INSTRUMENTS, 4, "-1.000000", RECOVERY_VALIDATION_FAILED, "mark_is_a_price"},
        {LOAD_QUERY_KEPT, 10, "99", RECOVERY_VALIDATION_FAILED, "digest_is_the_stored_one"},
        {LOAD_QUERY_KEPT, 7, "rejected", RECOVERY_VALIDATION_FAILED, "kept_outcome_is_kept"},
        {LOAD_QUERY_KEPT, 7, "lost", RECOVERY_DATA_CORRUPT, "kept_signal_is_readable"},
};

START_TEST(load_names_the_rule_that_does_not_hold)
{
        spoil(wrong[_i].query, 0, wrong[_i].column, wrong[_i].value);
        load_all();
        expect_problem(wrong[_i].problem, wrong[_i].rule);
}
END_TEST

START_TEST(load_tells_both_values)
{
        spoil(LOAD_QUERY_STATE, 0, 11, "12.000000");
        load_all();
        struct core_figures figures;
        char computed[FIXED_TEXT_SIZE];
        core_figures(live, &figures);
        fixed_format(figures.risk_amount_e6, computed);
        ck_assert_ptr_nonnull(strstr(report.detail, "stored 12.000000"));
        ck_assert_ptr_nonnull(strstr(report.detail, computed));
}
END_TEST

START_TEST(load_misses_a_row_that_is_gone)
{
        remove_row(LOAD_QUERY_POSITIONS, row_of_id("GOLD_MINI_Long_2"));
        load_all();
        expect_problem(RECOVERY_VALIDATION_FAILED, "total_risk_amount_is_sum_of_positions");
}
END_TEST

/* Edits by hand. */

START_TEST(load_accepts_an_edit_that_changed_nothing)
{
        note_edits();
        load_all();
        ck_assert_int_eq(report.problem, RECOVERY_OK);
        ck_assert_int_eq(report.action, LOAD_ACTION_ACCEPT);
        ck_assert_str_eq(report.detail, "2 edits by portfolio_user with psql");
}
END_TEST

/* Events of an action, as the store would append them. */
static struct event appended[32];
static uint32_t appended_count;

static bool
append(void *owner, const struct event *event)
{
        (void)owner;
        if (appended_count == countof(appended))
                return false;
        appended[appended_count++] = *event;
        return true;
}

/* An adjustment's events, applied to what was there before, make what was loaded. */
static void
expect_adjustment(void)
{
        const char *why = "";
        ck_assert_msg(report.problem == RECOVERY_OK, "%s: %s", report.rule, report.detail);
        ck_assert_int_eq(report.action, LOAD_ACTION_ADJUST);
        appended_count = 0;
        ck_assert(load_events(report.action, loaded, CAPITAL_E6, T0, append, NULL));
        ck_assert_int_eq(appended[0].kind, EVENT_PORTFOLIO_ADJUSTED);
        for (uint32_t i = 0; i < appended_count; i++) {
                ck_assert_int_eq(appended[i].more, i + 1 < appended_count);
                ck_assert_int_eq(appended[i].at_us, T0);
                ck_assert_msg(core_apply(live, &appended[i], ++live_seq, &why) == CORE_OK, "%s", why);
        }
        expect_same_state();
        /* Rows stored after it load without a word. */
        make_rows();
        load_all();
        ck_assert_msg(report.problem == RECOVERY_OK, "%s: %s", report.rule, report.detail);
        ck_assert_int_eq(report.action, LOAD_ACTION_NONE);
}

START_TEST(load_adjusts_to_positions_closed_by_hand)
{
        tables[LOAD_QUERY_POSITIONS].rows = 0; /* the runbook's UPDATE … SET status='closed' */
        note_edits();
        load_all();
        ck_assert_uint_eq(report.positions_count, 0);
        expect_adjustment();
}
END_TEST

START_TEST(load_adjusts_to_a_base_closed_by_hand)
{
        struct event_load_instrument record;
        remove_row(LOAD_QUERY_POSITIONS, row_of_id("BANK_NIFTY_Long_1"));
        note_edits();
        load_all();
        ck_assert(core_instrument_state(loaded, "BANK_NIFTY\0\0\0\0\0\0\0\0\0\0\0\0\0", &record));
        ck_assert_uint_eq(record.base_position_no, 0);
        ck_assert_int_eq(record.last_pyramid_price_e6, 0);
        expect_adjustment();
}
END_TEST

START_TEST(load_finds_the_base_when_its_instrument_row_was_deleted)
{
        struct event_load_instrument record;
        remove_row(LOAD_QUERY_INSTRUMENTS, row_of_name("BANK_NIFTY"));
        note_edits();
        load_all();
        ck_assert(core_instrument_state(loaded, "BANK_NIFTY\0\0\0\0\0\0\0\0\0\0\0\0\0", &record));
        ck_assert_uint_gt(record.base_position_no, 0);
        ck_assert_int_eq(record.last_pyramid_price_e6, 52000 * FIXED_ONE_E6);
        /* The same record as before, so the digest is the stored one; yet the row must come back. */
        expect_adjustment();
}
END_TEST

START_TEST(load_adjusts_to_a_stop_moved_by_hand)
{
        spoil(LOAD_QUERY_POSITIONS, row_of_id("BANK_NIFTY_Long_1"), 8, "51900.000000");
        note_edits();
        load_all();
        expect_adjustment();
}
END_TEST

START_TEST(load_raises_the_high_after_a_deposit_by_hand)
{
        struct core_figures figures;
        core_figures(live, &figures);
        int64_t more_e6 = figures.equity_high_e6 - figures.closed_equity_e6 + 1000 * FIXED_ONE_E6;
        char text[FIXED_TEXT_SIZE];
        fixed_format(figures.closed_equity_e6 + more_e6, text);
        spoil(LOAD_QUERY_STATE, 0, 1, text);
        fixed_format(ledger_e6 + more_e6, text);
        spoil(LOAD_QUERY_LEDGER, 0, 1, text);
        note_edits();
        load_all();
        ledger_e6 += more_e6;
        expect_adjustment();
        core_figures(loaded, &figures);
        ck_assert_int_eq(figures.equity_high_e6, figures.closed_equity_e6);
}
END_TEST

START_TEST(load_lets_exits_go_on_when_closed_equity_is_wrong)
{
        spoil(LOAD_QUERY_STATE, 0, 1, "99000000.000000"); /* above equity_high too */
        note_edits();
        load_all();
        expect_problem(RECOVERY_VALIDATION_FAILED, "closed_equity_is_ledger_sum");
        ck_assert_uint_eq(report.positions_count, 3);
}
END_TEST

START_TEST(load_rewrites_totals_spoiled_by_hand)
{
        spoil(LOAD_QUERY_STATE, 0, 11, "0.000000");
        note_edits();
        load_all();
        expect_adjustment();
}
END_TEST

START_TEST(load_takes_an_edit_for_the_mending_of_an_earlier_problem)
{
        spoil(LOAD_QUERY_STATE, 0, 14, "some_rule");
        note_edits();
        load_all();
        expect_adjustment();
}
END_TEST

START_TEST(load_refuses_an_edit_that_does_not_hold)
{
        spoil(LOAD_QUERY_STATE, 0, 1, "1.000000");
        note_edits();
        load_all();
        expect_problem(RECOVERY_VALIDATION_FAILED, "closed_equity_is_ledger_sum");
}
END_TEST

/* So many bases in instruments of their own, like the first position but for number and name. */
static PGresult *
many_positions(int count)
{
        struct table *table = &tables[LOAD_QUERY_POSITIONS];
        char text[3][40];
        table->rows = 1;
        PGresult *result = result_of(table);
        for (int row = 0; row < count; row++) {
                snprintf(text[0], sizeof text[0], "%d", 1000 + row);
                snprintf(text[1], sizeof text[1], "I%d", row);
                snprintf(text[2], sizeof text[2], "I%d_Long_1", row);
                for (int column = 0; column < table->columns; column++) {
                        char *cell = column == 0 ? text[0] : column == 1 ? text[1] : column == 17 ? text[2] : table->cells[0][column];
                        ck_assert(PQsetvalue(result, row, column, cell, (int)strlen(cell)) != 0);
                }
        }
        return result;
}

START_TEST(load_refuses_an_edit_too_large_to_record)
{
        spoil(LOAD_QUERY_POSITIONS, 0, 2, "1");
        spoil(LOAD_QUERY_STATE, 0, 3, "100000");
        tables[LOAD_QUERY_INSTRUMENTS].rows = 0;
        note_edits();
        struct load *load = load_begin(loaded);
        for (int query = 0; query < LOAD_QUERY_END; query++) {
                PGresult *result = query == LOAD_QUERY_POSITIONS ? many_positions(LOAD_ADJUST_EVENTS_MAX) : result_of(&tables[query]);
                load_take(load, (enum load_query)query, result);
                PQclear(result);
        }
        load_finish(load, &report);
        expect_problem(RECOVERY_VALIDATION_FAILED, "edit_fits_one_transaction");
        ck_assert_uint_eq(report.positions_count, LOAD_ADJUST_EVENTS_MAX);
}
END_TEST

/* Nothing stored, and the clean state. */

START_TEST(load_creates_a_portfolio_in_an_empty_database)
{
        for (int query = 0; query < LOAD_QUERY_END; query++)
                empty(&tables[query]);
        load_all();
        ck_assert_int_eq(report.problem, RECOVERY_OK);
        ck_assert_int_eq(report.action, LOAD_ACTION_CREATE);
        appended_count = 0;
        ck_assert(load_events(report.action, loaded, CAPITAL_E6, T0, append, NULL));
        ck_assert_uint_eq(appended_count, 1);
        ck_assert_int_eq(appended[0].kind, EVENT_PORTFOLIO_CREATED);
        ck_assert_int_eq(appended[0].portfolio.initial_capital_e6, CAPITAL_E6);
}
END_TEST

static bool
replay_log(uint64_t reset_seq, uint64_t *seq, const char **why)
{
        *seq = 0;
        *why = "";
        core_clear(loaded);
        PGresult *rows = result_of(&log_table);
        bool good = replay_take(loaded, rows, reset_seq, seq, why);
        PQclear(rows);
        return good;
}

START_TEST(load_resets_after_the_clean_state_and_keeps_the_memory)
{
        struct core_figures before;
        struct core_figures after;
        const char *why;
        uint64_t seq;
        tables[LOAD_QUERY_POSITIONS].rows = 0;
        tables[LOAD_QUERY_STATE].rows = 0;
        note_edits();
        load_all();
        ck_assert_int_eq(report.action, LOAD_ACTION_RESET);
        ck_assert_uint_eq(report.last_seq, live_seq);
        ck_assert_uint_eq(report.incarnation, 7);

        ck_assert_msg(replay_log(REPLAY_RESET_FOLLOWS, &seq, &why), "%s", why);
        ck_assert_uint_eq(seq, live_seq);
        appended_count = 0;
        ck_assert(load_events(report.action, loaded, 2 * CAPITAL_E6, T0, append, NULL));
        ck_assert_uint_eq(appended_count, 1);
        ck_assert_int_eq(core_apply(loaded, &appended[0], seq + 1, &why), CORE_OK);
        core_figures(live, &before);
        core_figures(loaded, &after);
        ck_assert_uint_eq(after.positions_count, 0);
        ck_assert_int_eq(after.closed_equity_e6, 2 * CAPITAL_E6);
        ck_assert_uint_eq(after.kept_count, before.kept_count);
        ck_assert_uint_eq(after.positions_opened, before.positions_opened);

        /* The same as a worker that lived through it, and as verify's replay from the reset. */
        record(&appended[0]);
        expect_same_state();
        ck_assert_msg(replay_log(live_seq, &seq, &why), "%s", why);
        expect_same_state();
        ck_assert_msg(replay_log(0, &seq, &why), "%s", why);
        expect_same_state();
}
END_TEST

START_TEST(replay_comes_to_the_same_state)
{
        const char *why;
        uint64_t seq;
        ck_assert_msg(replay_log(0, &seq, &why), "%s", why);
        ck_assert_uint_eq(seq, live_seq);
        expect_same_state();
}
END_TEST

START_TEST(replay_goes_on_after_a_piece)
{
        static const struct event reset = {.kind = EVENT_PORTFOLIO_RESET, .portfolio.initial_capital_e6 = CAPITAL_E6};
        const char *why = "";
        uint64_t seq = 0;
        struct table row = {.columns = log_table.columns, .rows = 1};
        record(&reset);
        for (int i = 0; i < log_table.rows; i++) {
                memcpy(row.cells[0], log_table.cells[i], sizeof row.cells[0]);
                PGresult *rows = result_of(&row);
                ck_assert_msg(replay_take(loaded, rows, live_seq, &seq, &why), "%s", why);
                PQclear(rows);
                ck_assert_uint_eq(seq, (uint64_t)i + 1);
        }
        expect_same_state();
}
END_TEST

/* The fourth event made another: what the history says does not matter once it was reset. */
START_TEST(replay_names_what_does_not_fit_unless_a_reset_came_after)
{
        static const struct event reset = {.kind = EVENT_PORTFOLIO_RESET, .portfolio.initial_capital_e6 = CAPITAL_E6};
        const char *why;
        uint64_t seq;
        char **kind = &log_table.cells[3][1];
        ck_assert_str_eq(*kind, "SIGNAL"); /* the exit's; its close follows */
        kind = &log_table.cells[4][1];
        ck_assert_str_eq(*kind, "POSITION_CLOSED");
        free(*kind);
        *kind = strdup("TICK");
        ck_assert(!replay_log(0, &seq, &why));
        ck_assert_uint_eq(seq, 5);
        ck_assert_str_eq(why, "tick_at");
        record(&reset);
        ck_assert_msg(replay_log(live_seq, &seq, &why), "%s", why);
        expect_same_state();
}
END_TEST

START_TEST(load_can_be_abandoned_anywhere)
{
        for (int last = 0; last <= LOAD_QUERY_END; last++) {
                struct load *load = load_begin(loaded);
                for (int query = 0; query < last; query++) {
                        PGresult *result = result_of(&tables[query]);
                        load_take(load, (enum load_query)query, result);
                        PQclear(result);
                }
                load_abandon(load);
        }
        load_abandon(NULL);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("load");
        TCase *tcase = tcase_create("load");
        suite_add_tcase(suite, tcase);
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, load_comes_to_the_same_digest);
        tcase_add_test(tcase, load_remembers_commands_and_probes);
        tcase_add_test(tcase, load_takes_the_newest_incarnation_that_wrote);
        tcase_add_loop_test(tcase, load_quarantines_a_position_that_cannot_be, 0, (int)countof(corrupt));
        tcase_add_test(tcase, load_keeps_pyramids_of_a_base_that_cannot_be);
        tcase_add_test(tcase, load_leaves_out_the_second_of_two_in_one_layer);
        tcase_add_loop_test(tcase, load_names_the_rule_that_does_not_hold, 0, (int)countof(wrong));
        tcase_add_test(tcase, load_tells_both_values);
        tcase_add_test(tcase, load_misses_a_row_that_is_gone);
        tcase_add_test(tcase, load_accepts_an_edit_that_changed_nothing);
        tcase_add_test(tcase, load_adjusts_to_positions_closed_by_hand);
        tcase_add_test(tcase, load_adjusts_to_a_base_closed_by_hand);
        tcase_add_test(tcase, load_finds_the_base_when_its_instrument_row_was_deleted);
        tcase_add_test(tcase, load_adjusts_to_a_stop_moved_by_hand);
        tcase_add_test(tcase, load_raises_the_high_after_a_deposit_by_hand);
        tcase_add_test(tcase, load_lets_exits_go_on_when_closed_equity_is_wrong);
        tcase_add_test(tcase, load_rewrites_totals_spoiled_by_hand);
        tcase_add_test(tcase, load_takes_an_edit_for_the_mending_of_an_earlier_problem);
        tcase_add_test(tcase, load_refuses_an_edit_that_does_not_hold);
        tcase_add_test(tcase, load_refuses_an_edit_too_large_to_record);
        tcase_add_test(tcase, load_creates_a_portfolio_in_an_empty_database);
        tcase_add_test(tcase, load_resets_after_the_clean_state_and_keeps_the_memory);
        tcase_add_test(tcase, replay_comes_to_the_same_state);
        tcase_add_test(tcase, replay_goes_on_after_a_piece);
        tcase_add_test(tcase, replay_names_what_does_not_fit_unless_a_reset_came_after);
        tcase_add_test(tcase, load_can_be_abandoned_anywhere);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
