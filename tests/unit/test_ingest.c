/* ingest.c, answers.c, json_out.c, commands.c, rehydrate.c and views.c over a real core: the gate, the order of steps, the texts. */
#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/instrument.h"
#include "worker/commands.h"
#include "worker/ingest.h"
#include "worker/json_out.h"
#include "worker/rehydrate.h"
#include "worker/views.h"

#define NOW_US 1764324000000000LL /* 2025-11-28T10:00:00Z */

static struct core *core;
static struct ingest ingest;
static struct answer answer;
static int request;

static struct core *
make_core(void)
{
        struct core_options options = {.instruments = instrument_defaults, .instruments_count = (uint32_t)instrument_defaults_count};
        struct core *made = core_new(&options);
        ck_assert_ptr_nonnull(made);
        return made;
}

static void
setup(void)
{
        struct event_list list;
        core = make_core();
        core_decide_create(5000000000000, NOW_US, &list);
        ck_assert_int_eq(core_apply(core, &list.items[0], 1, NULL), CORE_OK);
        ck_assert(ingest_init(&ingest, core));
        outbox_reset(&ingest.outbox, 1);
        ingest.is_open = true;
}

static void
teardown(void)
{
        ingest_fini(&ingest);
        core_free(core);
}

static struct signal
entry(const char *instrument)
{
        struct signal signal = {.type = SIGNAL_BASE_ENTRY,
                                .layer = 1,
                                .signal_at_us = NOW_US,
                                .price_e6 = 72000000000,
                                .stop_e6 = 71000000000,
                                .atr_e6 = 700000000,
                                .er_e6 = 800000,
                                .supertrend_e6 = 71000000000,
                                .payload = {"{}", 2}};
        memcpy(signal.instrument, instrument, strlen(instrument));
        return signal;
}

static enum unavailable
take(const struct signal *signal)
{
        return ingest_signal(&ingest, signal, NOW_US, &request, 0xabc, 99, &answer);
}

/* Every answer is one JSON object for a reader that is not ours. */
static struct json_object *
read_answer(void)
{
        struct json_tokener *tokener = json_tokener_new();
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
        struct json_object *object = json_tokener_parse_ex(tokener, answer.data, (int)answer.size);
        ck_assert_msg(object != NULL && json_tokener_get_parse_end(tokener) == answer.size, "%.*s", (int)answer.size, answer.data);
        json_tokener_free(tokener);
        ck_assert_int_eq(json_object_get_string_len(json_object_object_get(object, "request_id")), 8);
        return object;
}

static void
expect_in(const char *needle)
{
        json_object_put(read_answer());
        ck_assert_msg(memmem(answer.data, answer.size, needle, strlen(needle)) != NULL, "no %s in %.*s", needle, (int)answer.size,
                      answer.data);
}

START_TEST(ingest_applies_numbers_and_waits_in_one_step)
{
        struct signal signal = entry("GOLD_MINI");
        struct core_figures figures;
        ck_assert_int_eq(take(&signal), UNAVAILABLE_NONE);
        core_figures(core, &figures);
        ck_assert_uint_eq(figures.positions_count, 1);
        ck_assert_uint_eq(ingest.outbox.last_seq, 3);
        ck_assert_ptr_null(replies_take_stored(&ingest.replies, 2, 0));
        ck_assert_ptr_eq(replies_take_stored(&ingest.replies, 3, 0), &request);
        ck_assert_uint_eq(ingest.counts.entries_executed, 1);
        expect_in("\"seq\":2,\"result\":{\"status\":\"executed\",\"position_id\":\"GOLD_MINI_Long_1\"");
        expect_in("\"request_id\":\"00000abc\"");
        struct msg_event_batch batch;
        ck_assert(outbox_next_batch(&ingest.outbox, &batch));
        ck_assert(core_digest_equal(batch.digest, core_digest(core)));
}
END_TEST

START_TEST(ingest_lets_a_duplicate_wait_for_its_original)
{
        struct signal signal = entry("GOLD_MINI");
        struct digest before;
        ck_assert_int_eq(take(&signal), UNAVAILABLE_NONE);
        before = core_digest(core);
        ck_assert_int_eq(take(&signal), UNAVAILABLE_NONE);
        ck_assert(core_digest_equal(before, core_digest(core)));
        ck_assert_uint_eq(ingest.outbox.last_seq, 3);
        expect_in("\"error_type\":\"duplicate\"");
        ck_assert_uint_eq(replies_count(&ingest.replies), 2);
        ck_assert_ptr_null(replies_take_stored(&ingest.replies, 2, 0));
}
END_TEST

START_TEST(ingest_blocks_with_reason_and_figures)
{
        struct signal signal = entry("GOLD_MINI");
        signal.er_e6 = 0;
        ck_assert_int_eq(take(&signal), UNAVAILABLE_NONE);
        expect_in("{\"status\":\"processed\",\"seq\":2,\"result\":{\"status\":\"blocked\",\"reason\":\"zero_lots_risk\",\"figures\":{");
        ck_assert_uint_eq(ingest.counts.entries_blocked, 1);
}
END_TEST

START_TEST(ingest_gate_keeps_exits_longest)
{
        static const enum signal_type types[] = {SIGNAL_BASE_ENTRY, SIGNAL_PROBE, SIGNAL_MARKET_DATA, SIGNAL_EXIT};
        for (size_t i = 0; i < countof(types); i++) {
                bool is_entry = i < 2;
                ck_assert_int_eq(ingest_gate(&ingest, types[i]), UNAVAILABLE_NONE);
                ingest.is_store_away = true;
                ck_assert_int_eq(ingest_gate(&ingest, types[i]), is_entry ? UNAVAILABLE_DATABASE : UNAVAILABLE_NONE);
                ingest.is_store_away = false;
                ingest.problem = RECOVERY_VALIDATION_FAILED;
                ck_assert_int_eq(ingest_gate(&ingest, types[i]), is_entry ? UNAVAILABLE_VALIDATION_FAILED : UNAVAILABLE_NONE);
                ingest.problem = RECOVERY_DATA_CORRUPT;
                ck_assert_int_eq(ingest_gate(&ingest, types[i]), is_entry ? UNAVAILABLE_DATA_CORRUPT : UNAVAILABLE_NONE);
                ingest.problem = RECOVERY_OK;
                ingest.is_maintenance = true;
                ck_assert_int_eq(ingest_gate(&ingest, types[i]), UNAVAILABLE_MAINTENANCE);
                ingest.is_maintenance = false;
                ingest.is_open = false;
                ck_assert_int_eq(ingest_gate(&ingest, types[i]), UNAVAILABLE_RECOVERING);
                ingest.is_draining = true;
                ck_assert_int_eq(ingest_gate(&ingest, types[i]), UNAVAILABLE_DRAINING);
                ingest.is_draining = false;
                ingest.is_open = true;
        }
}
END_TEST

START_TEST(ingest_refuses_when_full_and_changes_nothing)
{
        struct signal signal = entry("GOLD_MINI");
        struct digest before = core_digest(core);
        for (uint64_t seq = 1; replies_has_room(&ingest.replies);)
                ck_assert_int_eq(replies_wait(&ingest.replies, &request, seq, 1), REPLIES_OK);
        ck_assert_int_eq(take(&signal), UNAVAILABLE_QUEUE_FULL);
        ck_assert(core_digest_equal(before, core_digest(core)));
        answers_unavailable(&answer, 1, UNAVAILABLE_QUEUE_FULL);
        expect_in("\"reason\":\"queue_full\"");
        ck_assert_int_eq(answer.status, 503);
}
END_TEST

START_TEST(ingest_takes_ticks_till_half_the_outbox_while_the_store_is_away)
{
        struct signal probe = {.type = SIGNAL_PROBE};
        char id[PM_PROBE_ID_SIZE_MAX];
        while (!outbox_is_half_full(&ingest.outbox)) {
                int size = snprintf(id, sizeof(id), "p%llu", (unsigned long long)ingest.outbox.last_seq);
                probe.probe_id = (struct text){id, (uint32_t)size};
                ck_assert_int_eq(take(&probe), UNAVAILABLE_NONE);
                while (replies_take_expired(&ingest.replies, 1000) != NULL)
                        ;
        }
        ck_assert_int_eq(ingest_gate(&ingest, SIGNAL_MARKET_DATA), UNAVAILABLE_NONE);
        ingest.is_store_away = true;
        ck_assert_int_eq(ingest_gate(&ingest, SIGNAL_MARKET_DATA), UNAVAILABLE_DATABASE);
        ck_assert_int_eq(ingest_gate(&ingest, SIGNAL_EXIT), UNAVAILABLE_NONE);
}
END_TEST

START_TEST(answers_name_every_code_and_reason)
{
        for (int code = SIGNAL_CODE_OK + 1; code < SIGNAL_CODE_END; code++) {
                answers_invalid(&answer, 7, (enum signal_code)code, "price");
                ck_assert_int_eq(answer.status, code == SIGNAL_TOO_LARGE ? 413 : 400);
                expect_in("{\"status\":\"error\",\"error_type\":\"validation_error\",\"code\":\"");
                expect_in("\"field\":\"price\",\"message\":\"");
        }
        for (int reason = UNAVAILABLE_NONE + 1; reason < UNAVAILABLE_END; reason++) {
                answers_unavailable(&answer, 7, (enum unavailable)reason);
                expect_in(answers_unavailable_name((enum unavailable)reason));
        }
        answers_error(&answer, 7, 404, "not_found", "a \"quoted\" \\ text");
        expect_in("a \\\"quoted\\\" \\\\ text");
}
END_TEST

START_TEST(json_out_notices_what_does_not_fit)
{
        char small[16];
        struct json_out out;
        json_out_init(&out, small, sizeof(small));
        json_out_begin(&out, NULL, '{');
        json_out_string(&out, "key", "a value that is long");
        ck_assert(out.overflowed);
}
END_TEST

static struct msg_command_result
order(struct commands *commands, uint64_t id, enum command_kind kind, int64_t amount_e6)
{
        struct msg_command command = {id, kind, amount_e6, {NULL, 0}};
        struct msg_command_result result = {.request_id = 0};
        commands_take(commands, &command, NOW_US);
        ck_assert(commands_next_result(commands, UINT64_MAX, &result));
        ck_assert_uint_eq(result.request_id, id);
        return result;
}

START_TEST(commands_remember_results_and_bounds)
{
        static struct commands commands;
        struct core_figures figures;
        commands_init(&commands, &ingest);
        ck_assert(order(&commands, 1, COMMAND_DEPOSIT, 1000000).done);
        ck_assert(order(&commands, 1, COMMAND_DEPOSIT, 1000000).done);
        ck_assert(!order(&commands, 2, COMMAND_DEPOSIT, 0).done);
        ck_assert(!order(&commands, 3, COMMAND_WITHDRAW, -5).done);
        ck_assert(order(&commands, 4, COMMAND_WITHDRAW, 1000000).done);
        ck_assert(!order(&commands, 5, COMMAND_WITHDRAW, 9000000000000).done);
        ck_assert(!order(&commands, 6, COMMAND_NONE, 0).done);
        ingest.is_store_away = true;
        ck_assert(!order(&commands, 7, COMMAND_DEPOSIT, 1000000).done);
        ingest.is_store_away = false;
        ck_assert(order(&commands, 7, COMMAND_DEPOSIT, 1000000).done);
        core_figures(core, &figures);
        ck_assert_int_eq(figures.closed_equity_e6, 5000001000000);
        /* Forgotten here after many others, but not by the core. */
        for (uint64_t id = 100; id < 100 + COMMANDS_REMEMBERED; id++)
                ck_assert(order(&commands, id, COMMAND_PAUSE, 0).done);
        ck_assert(order(&commands, 7, COMMAND_DEPOSIT, 1000000).done);
        core_figures(core, &figures);
        ck_assert_int_eq(figures.closed_equity_e6, 5000001000000);
        ck_assert_uint_eq(commands_waiting(&commands), 0);
}
END_TEST

static int64_t
zero_us(void)
{
        return 0;
}

START_TEST(rehydrate_takes_only_the_whole_snapshot)
{
        static struct event events[64];
        struct rehydrate rehydrate;
        struct signal signal = entry("GOLD_MINI");
        uint64_t cursor = 0;
        ck_assert_int_eq(take(&signal), UNAVAILABLE_NONE);
        uint32_t count = core_export(core, &cursor, events, countof(events));
        struct core *other = make_core();
        struct msg_snapshot_begin begin = {
                .incarnation = 5, .worker_spawn_no = 1, .through_seq = 3, .parts_count = 1, .events_count = count};
        struct msg_snapshot_part part = {5, 0, {events, count}};
        struct msg_snapshot_end end = {5, 1, core_digest(core)};
        rehydrate_init(&rehydrate, other);
        ck_assert_int_eq(rehydrate_part(&rehydrate, &part), REHYDRATE_STRANGE);
        ck_assert_int_eq(rehydrate_begin(&rehydrate, &begin, 2, 0), REHYDRATE_STRANGE);
        ck_assert_int_eq(rehydrate_begin(&rehydrate, &begin, 1, 0), REHYDRATE_OK);
        ck_assert_int_eq(rehydrate_end(&rehydrate, &end, zero_us), REHYDRATE_BROKEN);
        ck_assert_int_eq(rehydrate_begin(&rehydrate, &begin, 1, 0), REHYDRATE_OK);
        part.part_no = 1;
        ck_assert_int_eq(rehydrate_part(&rehydrate, &part), REHYDRATE_BROKEN);
        part.part_no = 0;
        ck_assert_int_eq(rehydrate_begin(&rehydrate, &begin, 1, 0), REHYDRATE_OK);
        ck_assert_int_eq(rehydrate_part(&rehydrate, &part), REHYDRATE_OK);
        end.digest.low++;
        ck_assert_int_eq(rehydrate_end(&rehydrate, &end, zero_us), REHYDRATE_BROKEN);
        end.digest.low--;
        for (int twice = 0; twice < 2; twice++) {
                ck_assert_int_eq(rehydrate_begin(&rehydrate, &begin, 1, 0), REHYDRATE_OK);
                ck_assert_int_eq(rehydrate_part(&rehydrate, &part), REHYDRATE_OK);
                ck_assert_int_eq(rehydrate_end(&rehydrate, &end, zero_us), REHYDRATE_OK);
                ck_assert(core_digest_equal(core_digest(other), core_digest(core)));
        }
        core_free(other);
}
END_TEST

START_TEST(views_are_json_in_every_state)
{
        struct view view = {.ingest = &ingest, .has_state = false, .now_us = NOW_US};
        struct signal signal = entry("GOLD_MINI");
        static char piece[VIEWS_PIECE_SIZE_MIN];
        ingest.is_open = false;
        views_health(&view, 1, &answer);
        ck_assert_int_eq(answer.status, 503);
        expect_in("\"status\":\"recovering\",\"reason\":\"recovering\",\"positions\":0,\"risk_pct\":0,");
        views_status(&view, 1, &answer);
        expect_in("\"stats\":{");
        ingest.is_open = true;
        view.has_state = true;
        view.recovery_us = 4213;
        ck_assert_int_eq(take(&signal), UNAVAILABLE_NONE);
        views_health(&view, 1, &answer);
        ck_assert_int_eq(answer.status, 200);
        expect_in("{\"status\":\"healthy\",\"positions\":1,\"risk_pct\":");
        expect_in("\"recovery_ms\":4.213");
        expect_in("\"stored_seq\":1,\"pending\":2,\"digest\":\"");
        views_status(&view, 1, &answer);
        expect_in("\"positionCount\":1");
        expect_in("\"goldRiskPercent\":0.");
        struct http_cursor cursor = {0, 0};
        answer.size = views_positions(&view, 1, &cursor, piece, sizeof(piece));
        memcpy(answer.data, piece, answer.size);
        ck_assert(views_positions_are_done(&cursor));
        ck_assert_uint_eq(views_positions(&view, 1, &cursor, piece, sizeof(piece)), 0);
        expect_in("\"positions\":{\"GOLD_MINI_Long_1\":{");
        views_live(1, &answer);
        expect_in("alive");
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("ingest");
        TCase *tcase = tcase_create("ingest");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, ingest_applies_numbers_and_waits_in_one_step);
        tcase_add_test(tcase, ingest_lets_a_duplicate_wait_for_its_original);
        tcase_add_test(tcase, ingest_blocks_with_reason_and_figures);
        tcase_add_test(tcase, ingest_gate_keeps_exits_longest);
        tcase_add_test(tcase, ingest_refuses_when_full_and_changes_nothing);
        tcase_add_test(tcase, ingest_takes_ticks_till_half_the_outbox_while_the_store_is_away);
        tcase_add_test(tcase, answers_name_every_code_and_reason);
        tcase_add_test(tcase, json_out_notices_what_does_not_fit);
        tcase_add_test(tcase, commands_remember_results_and_bounds);
        tcase_add_test(tcase, rehydrate_takes_only_the_whole_snapshot);
        tcase_add_test(tcase, views_are_json_in_every_state);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
