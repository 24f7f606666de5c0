/* rows.c: several events about one thing become one row; statements without rows are left out; the order is that of the transaction. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "persister/rows.h"
#include "tests/unit/core_fixture.h"

#define CAPITAL_E6 E6(5000000)

static struct fixture worker; /* decides */
static struct core *replica;
static struct rows rows;
static struct batch batch;
static struct db_query queries[ROWS_QUERIES_MAX];
static uint32_t queries_count;

static void
setup(void)
{
        const struct core_options options = {.instruments = instrument_defaults, .instruments_count = (uint32_t)instrument_defaults_count};
        struct event created = {.kind = EVENT_PORTFOLIO_CREATED, .at_us = START_US, .portfolio = {CAPITAL_E6}};

        fixture_init(&worker, CAPITAL_E6);
        replica = core_new(&options);
        ck_assert_int_eq(core_apply(replica, &created, 1, NULL), CORE_OK);
        ck_assert_int_eq(rows_init(&rows, 256), ROWS_OK);
        ck_assert_int_eq(batch_init(&batch, 256, 65536), BATCH_OK);
        batch.first_seq = 2;
}

static void
teardown(void)
{
        fixture_fini(&worker);
        core_free(replica);
        rows_fini(&rows);
        batch_fini(&batch);
}

static void
take(void)
{
        struct event_span span = {worker.list.items, worker.list.count};
        uint64_t first_seq = worker.seq + 1;

        fixture_apply(&worker);
        ck_assert_int_eq(batch_add(&batch, first_seq, span, 0, core_digest(worker.core)), BATCH_OK);
}

static void
play(enum signal_type type, uint8_t layer, int64_t second, int64_t price)
{
        struct signal signal = {.type = type,
                                .instrument = "GOLD_MINI",
                                .layer = layer,
                                .signal_at_us = START_US + SECONDS_US(second),
                                .price_e6 = E6(price),
                                .stop_e6 = E6(price - 1000),
                                .atr_e6 = E6(500),
                                .er_e6 = 800000,
                                .supertrend_e6 = E6(price - 1000),
                                .reason = {"target", 6},
                                .payload = {"{}", 2}};

        core_decide(worker.core, &signal, worker.now_us, &worker.list, &worker.decision);
        take();
}

static void
fold(void)
{
        rows_begin(&rows, replica);
        for (uint32_t i = 0; i < batch.count; i++)
                ck_assert_int_eq(rows_fold(&rows, replica, &batch.events[i], batch.first_seq + i, NULL), CORE_OK);
        ck_assert(core_digest_equal(core_digest(replica), core_digest(worker.core)));
}

static void
make(void)
{
        struct rows_state state = {
                .from_seq = 1, .from_incarnation = 1, .incarnation = 1, .last_seq = batch_last_seq(&batch), .digest = core_digest(replica)};

        fold();
        core_figures(replica, &state.figures);
        queries_count = rows_queries(&rows, &batch, replica, &state, queries);
}

static const struct params *
params_of(enum statement_id id)
{
        for (uint32_t i = 0; i < queries_count; i++)
                if (queries[i].statement == statement_of(id))
                        return queries[i].params;
        return NULL;
}

static void
expect_order(const enum statement_id *ids, uint32_t count)
{
        ck_assert_uint_eq(queries_count, count);
        for (uint32_t i = 0; i < count; i++) {
                ck_assert_str_eq(queries[i].statement->name, statement_of(ids[i])->name);
                ck_assert_int_eq(queries[i].statement->params_count, queries[i].params == NULL ? 0 : queries[i].params->count);
        }
}

START_TEST(an_entry_writes_event_signal_position_and_instrument)
{
        static const enum statement_id ids[] = {STATEMENT_STATE_MOVE, STATEMENT_EVENTS_INSERT, STATEMENT_SIGNAL_UPSERT,
                                                STATEMENT_POSITION_OPEN, STATEMENT_INSTRUMENT_UPSERT};

        play(SIGNAL_BASE_ENTRY, 1, 0, 72000);
        make();
        expect_order(ids, countof(ids));
        const struct params *state = params_of(STATEMENT_STATE_MOVE);
        ck_assert_str_eq(state->values[0], "1"); /* last_seq before */
        ck_assert_str_eq(state->values[1], "1");
        ck_assert_str_eq(state->values[3], "5000000.000000");
        ck_assert_str_eq(state->values[14], "3");
}
END_TEST

START_TEST(a_tick_that_moves_a_stop_writes_one_position_row)
{
        static const enum statement_id ids[] = {STATEMENT_STATE_MOVE, STATEMENT_EVENTS_INSERT, STATEMENT_POSITION_TRAIL,
                                                STATEMENT_INSTRUMENT_UPSERT};

        play(SIGNAL_BASE_ENTRY, 1, 0, 72000);
        fold();
        batch_clear(&batch);
        play(SIGNAL_MARKET_DATA, 0, 10, 74000);
        make();
        expect_order(ids, countof(ids));
        ck_assert_uint_eq(rows.positions_count, 1);
        ck_assert_uint_eq(rows.columns[10][0].count, 1);
}
END_TEST

START_TEST(what_is_opened_moved_and_closed_in_one_batch_is_one_row)
{
        static const enum statement_id ids[] = {STATEMENT_STATE_MOVE,    STATEMENT_EVENTS_INSERT,     STATEMENT_SIGNALS_UPSERT,
                                                STATEMENT_POSITION_OPEN, STATEMENT_INSTRUMENT_UPSERT, STATEMENT_LEDGER_ROW_INSERT};

        play(SIGNAL_BASE_ENTRY, 1, 0, 72000);
        play(SIGNAL_MARKET_DATA, 0, 10, 73000);
        play(SIGNAL_EXIT, 1, 20, 73000);
        make();
        expect_order(ids, countof(ids));
        ck_assert_uint_eq(rows.positions_count, 1);
        ck_assert(rows.positions[0].opened && rows.positions[0].closed);
        ck_assert_int_eq(rows.positions[0].highest_close_e6, E6(73000));
        ck_assert_uint_eq(rows.instruments_count, 1);
        ck_assert_uint_eq(rows.signals_count, 2);
}
END_TEST

START_TEST(closing_comes_before_opening_under_the_same_id)
{
        static const enum statement_id ids[] = {STATEMENT_STATE_MOVE,       STATEMENT_EVENTS_INSERT, STATEMENT_SIGNALS_UPSERT,
                                                STATEMENT_POSITION_CLOSE,   STATEMENT_POSITION_OPEN, STATEMENT_INSTRUMENT_UPSERT,
                                                STATEMENT_LEDGER_ROW_INSERT};

        play(SIGNAL_BASE_ENTRY, 1, 0, 72000);
        fold();
        batch_clear(&batch);
        play(SIGNAL_EXIT, 1, 100, 73000);
        play(SIGNAL_BASE_ENTRY, 1, 200, 72000);
        make();
        expect_order(ids, countof(ids));
        ck_assert_uint_eq(rows.positions_count, 2);
}
END_TEST

START_TEST(two_things_travel_as_columns)
{
        static const enum statement_id ids[] = {STATEMENT_STATE_MOVE, STATEMENT_EVENTS_INSERT, STATEMENT_SIGNALS_UPSERT,
                                                STATEMENT_POSITIONS_OPEN, STATEMENT_INSTRUMENT_UPSERT};

        play(SIGNAL_BASE_ENTRY, 1, 0, 72000);
        play(SIGNAL_MARKET_DATA, 0, 10, 74000);
        play(SIGNAL_PYRAMID, 2, 20, 75000);
        make();
        expect_order(ids, countof(ids));
        const struct params *opened = params_of(STATEMENT_POSITIONS_OPEN);
        ck_assert_int_eq(opened->formats[0], 1);
        ck_assert_uint_eq(rows.positions_count, 2);
}
END_TEST

START_TEST(the_ledger_runs_through_the_batch)
{
        play(SIGNAL_BASE_ENTRY, 1, 0, 72000);
        play(SIGNAL_EXIT, 1, 100, 73000);
        core_decide_capital(worker.core, -E6(1000), 7, (struct text){"rent", 4}, worker.now_us, &worker.list, &worker.decision);
        take();
        make();
        ck_assert_uint_eq(rows.ledger_count, 2);
        ck_assert_str_eq(rows.ledger[0].kind, "TRADING_PNL");
        ck_assert_int_eq(rows.ledger[0].before_e6, CAPITAL_E6);
        ck_assert_int_eq(rows.ledger[0].after_e6 - rows.ledger[0].before_e6, rows.ledger[0].amount_e6);
        ck_assert_str_eq(rows.ledger[1].kind, "WITHDRAW");
        ck_assert_int_eq(rows.ledger[1].before_e6, rows.ledger[0].after_e6);
        ck_assert_int_eq(rows.ledger[1].amount_e6, -E6(1000));
        ck_assert_uint_eq(rows.ledger[1].note.size, 4);
}
END_TEST

START_TEST(a_retry_of_what_was_not_kept_is_one_row)
{
        play(SIGNAL_EXIT, 2, 0, 72000);
        play(SIGNAL_EXIT, 2, 0, 72000);
        play(SIGNAL_EXIT, 3, 0, 72000);
        make();
        ck_assert_uint_eq(rows.signals_count, 2);
        ck_assert_uint_eq(rows.signals[0].seq, 3); /* the newest fate */
}
END_TEST

START_TEST(a_new_portfolio_makes_its_row_of_state)
{
        static const enum statement_id ids[] = {STATEMENT_STATE_CREATE, STATEMENT_EDITS_HANDLED, STATEMENT_EVENT_INSERT};

        core_clear(replica);
        batch_clear(&batch);
        core_clear(worker.core);
        worker.seq = 0;
        core_decide_create(CAPITAL_E6, START_US, &worker.list);
        batch.first_seq = 1;
        take();
        make();
        expect_order(ids, countof(ids));
}
END_TEST

START_TEST(a_reset_clears_what_was_before)
{
        static const enum statement_id ids[] = {STATEMENT_STATE_CREATE,      STATEMENT_POSITIONS_CLEAR, STATEMENT_LEDGER_RESET,
                                                STATEMENT_INSTRUMENTS_CLEAR, STATEMENT_EDITS_HANDLED,   STATEMENT_EVENT_INSERT};

        play(SIGNAL_BASE_ENTRY, 1, 0, 72000);
        fold();
        batch_clear(&batch);
        worker.list.count = 1;
        worker.list.items[0] = (struct event){.kind = EVENT_PORTFOLIO_RESET, .at_us = START_US, .portfolio = {E6(777)}};
        take();
        make();
        expect_order(ids, countof(ids));
        ck_assert_str_eq(params_of(STATEMENT_LEDGER_RESET)->values[1], "777.000000");
}
END_TEST

START_TEST(an_event_that_does_not_fit_is_named)
{
        struct event event = {
                .kind = EVENT_POSITION_TRAILED, .at_us = START_US, .trailed = {.position_no = 9, .instrument = "GOLD_MINI", .layer = 1}};
        const char *why = NULL;

        rows_begin(&rows, replica);
        ck_assert_int_ne(rows_fold(&rows, replica, &event, 2, &why), CORE_OK);
        ck_assert_ptr_nonnull(why);
}
END_TEST

START_TEST(the_fingerprint_is_that_of_the_rules)
{
        struct event_signal signal = {.type = SIGNAL_BASE_ENTRY, .instrument = "GOLD_MINI", .layer = 1, .signal_at_us = 1795489200999999};
        char text[ROWS_FINGERPRINT_SIZE];

        /* printf 'GOLD_MINI:BASE_ENTRY:Long_1:2026-11-24T03:00:00Z' | sha256sum */
        ck_assert_str_eq(rows_fingerprint(&signal, text), "059727f25876f587b82649e2884a1cdbd2c3f46150e230906f0ce0c1c9f038a9");
}
END_TEST

static bool
is_same_key(const void *keys, uint32_t row, const void *key)
{
        return ((const uint64_t *)keys)[row] == *(const uint64_t *)key;
}

START_TEST(the_index_finds_again_and_forgets_at_once)
{
        struct row_index index;
        uint64_t keys[1000];

        ck_assert_int_eq(row_index_init(&index, countof(keys)), ROW_INDEX_OK);
        for (int round = 0; round < 3; round++) {
                row_index_clear(&index);
                for (uint32_t i = 0; i < countof(keys); i++) {
                        keys[i] = (uint64_t)i * 7919;
                        ck_assert_uint_eq(row_index_find(&index, keys[i] % 13, is_same_key, keys, &keys[i], i), ROW_NONE);
                }
                for (uint32_t i = 0; i < countof(keys); i++)
                        ck_assert_uint_eq(row_index_find(&index, keys[i] % 13, is_same_key, keys, &keys[i], 5000), i);
        }
        row_index_fini(&index);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("rows");
        TCase *tests = tcase_create("rows");

        tcase_add_checked_fixture(tests, setup, teardown);
        tcase_add_test(tests, an_entry_writes_event_signal_position_and_instrument);
        tcase_add_test(tests, a_tick_that_moves_a_stop_writes_one_position_row);
        tcase_add_test(tests, what_is_opened_moved_and_closed_in_one_batch_is_one_row);
        tcase_add_test(tests, closing_comes_before_opening_under_the_same_id);
        tcase_add_test(tests, two_things_travel_as_columns);
        tcase_add_test(tests, the_ledger_runs_through_the_batch);
        tcase_add_test(tests, a_retry_of_what_was_not_kept_is_one_row);
        tcase_add_test(tests, a_new_portfolio_makes_its_row_of_state);
        tcase_add_test(tests, a_reset_clears_what_was_before);
        tcase_add_test(tests, an_event_that_does_not_fit_is_named);
        tcase_add_test(tests, the_fingerprint_is_that_of_the_rules);
        tcase_add_test(tests, the_index_finds_again_and_forgets_at_once);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
