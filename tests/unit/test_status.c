/* The status model: what is judged from the facts, the golden screen and JSON of every state, and JSON read back. The golden
 * texts are in status.golden; GOLDEN_WRITE=1 tests/unit/test_status writes them anew, for the eye to compare in the diff. */
#include "supervisor/status.h"

#include <check.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/status_json.h"
#include "supervisor/status_screen.h"

#define TEXT(s) ((struct text){s, sizeof(s) - 1})

static const struct digest some_digest = {0x0123456789abcdef, 0xfedcba9876543210};

static struct status
running(void)
{
        static struct status status;
        memset(&status, 0, sizeof(status));
        snprintf(status.instance, sizeof(status.instance), "main");
        snprintf(status.version, sizeof(status.version), "0.1.0");
        snprintf(status.listen, sizeof(status.listen), "127.0.0.1:5000");
        snprintf(status.config_path, sizeof(status.config_path), "/etc/pm-supervisor/pm-supervisor.conf");
        snprintf(status.log_file, sizeof(status.log_file), "/var/log/pm-supervisor/portfolio_manager.log");
        status.pid = 4711;
        status.uptime_us = 8000000000;
        status.ready = status.ready_ever = true;
        status.children_count = 3;
        status.children[0] = (struct status_child){
                .role = ROLE_DATABASE, .state = "ready", .pid = 4712, .uptime_us = 8000000000, .heartbeat_age_us = -1, .retry_in_us = -1};
        status.children[1] = (struct status_child){.role = ROLE_PERSISTER,
                                                   .state = "ready",
                                                   .pid = 4713,
                                                   .uptime_us = 7990000000,
                                                   .heartbeat_age_us = 412000,
                                                   .retry_in_us = -1,
                                                   .progress = 99};
        status.children[2] = (struct status_child){.role = ROLE_WORKER,
                                                   .state = "ready",
                                                   .pid = 4999,
                                                   .uptime_us = 75000000,
                                                   .heartbeat_age_us = 12000,
                                                   .restarts_count = 3,
                                                   .last_exit = "killed by SIGKILL",
                                                   .retry_in_us = -1,
                                                   .progress = 7,
                                                   .queued = 1};
        struct msg_recovery_record record = {.role = ROLE_WORKER,
                                             .cause = TEXT("killed by SIGKILL"),
                                             .incarnation = 12,
                                             .through_seq = 1042,
                                             .digest = some_digest,
                                             .positions_count = 3,
                                             .detect_us = 81,
                                             .spawn_us = 912,
                                             .connect_us = 1100,
                                             .load_us = 1620,
                                             .verify_us = 500,
                                             .total_us = 4213};
        status_set_recovery(&status, "worker", &record, 1795489200000000);
        struct msg_persister_ready ready = {.last_seq = 1042, .server = TEXT("PostgreSQL 15.8 on /run/pm-supervisor")};
        status_set_persister_ready(&status, &ready);
        struct msg_persister_report persister = {.stored_seq = 1050, .commit_p50_us = 350, .commit_p99_us = 1200, .database_size = 8493465};
        status_set_persister_report(&status, &persister);
        status.storage.embedded = true;
        struct msg_worker_report worker = {
                .incarnation = 12,
                .decided_seq = 1051,
                .acked_seq = 1050,
                .digest = some_digest,
                .positions_count = 3,
                .initial_capital_e6 = 5000000000000,
                .closed_equity_e6 = 5012345500000,
                .equity_high_e6 = 5012345500000,
                .blended_equity_e6 = 5000000123456,
                .unrealized_e6 = -12345376544,
                .risk_amount_e6 = 75185182500,
                .risk_percent_e6 = 1499996,
                .vol_percent_e6 = 2000000,
                .margin_used_e6 = 840000000000,
                .margin_percent_e6 = 16758621,
                .accepting = true,
                .kept_count = 20,
                .received_count = 31,
                .executed_count = 4,
                .blocked_count = 2,
                .rejected_count = 1,
                .duplicate_count = 3,
                .ignored_count = 5,
                .processed_count = 10,
                .invalid_count = 6,
                .unavailable_count = 7,
                .outbox_count = 1,
                .waiting_count = 1,
                .last_signal_at_us = 1795492800000000,
        };
        status_set_worker_report(&status, &worker);
        return status;
}

static void
make_starting(struct status *status)
{
        *status = (struct status){
                .instance = "main", .version = "0.1.0", .listen = "127.0.0.1:5000", .pid = 4711, .uptime_us = 1200000, .children_count = 2};
        status->children[0] = (struct status_child){.role = ROLE_PERSISTER,
                                                    .state = "starting",
                                                    .pid = 4713,
                                                    .uptime_us = 1100000,
                                                    .heartbeat_age_us = 50000,
                                                    .retry_in_us = -1};
        status->children[1] = (struct status_child){
                .role = ROLE_WORKER, .state = "waiting", .pid = 4714, .uptime_us = 1100000, .heartbeat_age_us = 50000, .retry_in_us = -1};
        struct msg_store_state state = {.problem = STORE_PROBLEM_UNREACHABLE,
                                        .message = TEXT("connection to server at \"db1\" failed:\n\tConnection refused")};
        status_set_store_state(status, &state);
}

static void
make_recovering(struct status *status)
{
        status->ready = false;
        status->portfolio.known = status->signals.known = false;
        status->children[2] = (struct status_child){.role = ROLE_WORKER,
                                                    .state = "down",
                                                    .heartbeat_age_us = -1,
                                                    .restarts_count = 4,
                                                    .last_exit = "killed by SIGSEGV",
                                                    .retry_in_us = 40000};
}

static void
make_degraded(struct status *status)
{
        struct msg_store_state state = {.problem = STORE_PROBLEM_DISK_FULL,
                                        .sqlstate = TEXT("53100"),
                                        .message = TEXT("could not extend file: No space left on device")};
        status_set_store_state(status, &state);
        status->portfolio.paused = true;
        status->storage.fsync_off = true;
}

static void
make_hold(struct status *status)
{
        status->ready = false;
        status->portfolio.known = status->signals.known = false;
        status->children[1] = (struct status_child){.role = ROLE_PERSISTER,
                                                    .state = "hold",
                                                    .in_hold = true,
                                                    .heartbeat_age_us = -1,
                                                    .restarts_count = 6,
                                                    .last_exit = "exit code 75 (schema)",
                                                    .retry_in_us = 29000000};
        status->storage.problem = STORE_PROBLEM_SCHEMA;
}

static void
make_maintenance(struct status *status)
{
        status->maintenance = true;
}

static void
make_stopping(struct status *status)
{
        status->stopping = true;
}

/* The four that no daemon says, as probe.c makes them. */
static void
make_gone(struct status *status, enum status_state state, const char *reason)
{
        *status = (struct status){.instance = "main", .version = "0.1.0", .state = state};
        snprintf(status->reason, sizeof(status->reason), "%s", reason);
}

static void
make_dead_pid_file(struct status *status)
{
        make_gone(status, STATUS_STATE_DEAD_PID_FILE, "pid 4711 of /run/pm-supervisor/pm-supervisor.pid is gone without a clean end");
        status_warn(status, "pm-supervisor start", "a start takes the portfolio up again from what is stored");
}

static void
make_dead_lock_file(struct status *status)
{
        make_gone(status, STATUS_STATE_DEAD_LOCK_FILE, "no supervisor, but a process still holds /run/pm-supervisor/worker.lock");
}

static void
make_not_running(struct status *status)
{
        make_gone(status, STATUS_STATE_NOT_RUNNING, "no pid file in /run/pm-supervisor");
}

static void
make_unknown(struct status *status)
{
        make_gone(status, STATUS_STATE_UNKNOWN,
                  "cannot read /run/pm-supervisor/pm-supervisor.pid: run this as root or as the service's user");
}

struct state_case {
        enum status_state state;
        enum status_code code;
        void (*make)(struct status *status);
        bool judged;
};
static const struct state_case state_cases[] = {
        {STATUS_STATE_RUNNING, STATUS_RUNNING, NULL, true},
        {STATUS_STATE_STARTING, STATUS_STARTING, make_starting, true},
        {STATUS_STATE_RECOVERING, STATUS_STARTING, make_recovering, true},
        {STATUS_STATE_DEGRADED, STATUS_DEGRADED, make_degraded, true},
        {STATUS_STATE_HOLD, STATUS_HOLD, make_hold, true},
        {STATUS_STATE_MAINTENANCE, STATUS_MAINTENANCE, make_maintenance, true},
        {STATUS_STATE_STOPPING, STATUS_STARTING, make_stopping, true},
        {STATUS_STATE_DEAD_PID_FILE, STATUS_DEAD_PID_FILE, make_dead_pid_file, false},
        {STATUS_STATE_DEAD_LOCK_FILE, STATUS_DEAD_LOCK_FILE, make_dead_lock_file, false},
        {STATUS_STATE_NOT_RUNNING, STATUS_NOT_RUNNING, make_not_running, false},
        {STATUS_STATE_UNKNOWN, STATUS_UNKNOWN, make_unknown, false},
};

static struct status
status_of(const struct state_case *state_case)
{
        struct status status = running();
        if (state_case->make != NULL)
                state_case->make(&status);
        if (state_case->judged)
                status_judge(&status);
        return status;
}

START_TEST(each_state_is_judged_and_has_its_exit_code)
{
        const struct state_case *state_case = &state_cases[_i];
        struct status status = status_of(state_case);
        ck_assert_str_eq(status_state_name((int)status.state), status_state_name((int)state_case->state));
        ck_assert_int_eq((int)status_exit_code(&status), (int)state_case->code);
        ck_assert_int_eq(status.state == STATUS_STATE_RUNNING, status.reason[0] == '\0');
}
END_TEST

START_TEST(every_state_has_a_case_here)
{
        ck_assert_uint_eq(countof(state_cases), STATUS_STATE_END);
        for (int state = 0; state < STATUS_STATE_END; state++) {
                size_t found = 0;
                for (size_t i = 0; i < countof(state_cases); i++)
                        found += (int)state_cases[i].state == state;
                ck_assert_uint_eq(found, 1);
        }
        ck_assert_ptr_null(status_state_name(STATUS_STATE_END));
        ck_assert_ptr_null(status_state_name(-1));
}
END_TEST

static char *
json_text(const struct status *status, int flags)
{
        struct json_object *object = status_json_new(status);
        char *text = strdup(json_object_to_json_string_ext(object, flags));
        json_object_put(object);
        return text;
}

static char *
golden_text(void)
{
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        for (size_t i = 0; i < countof(state_cases); i++) {
                struct status status = status_of(&state_cases[i]);
                char *json = json_text(&status, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
                fprintf(out, "===== %s, exit code %d\n", status_state_name((int)status.state), (int)status_exit_code(&status));
                status_screen_print(&status, out, false);
                fprintf(out, "----- json\n%s\n", json);
                free(json);
        }
        fclose(out);
        return text;
}

START_TEST(screen_and_json_of_every_state_are_the_golden_ones)
{
        static const char path[] = TEST_SRCDIR "/tests/unit/status.golden";
        char *made = golden_text();
        if (getenv("GOLDEN_WRITE") != NULL) {
                FILE *out = fopen(path, "w");
                ck_assert_ptr_nonnull(out);
                fputs(made, out);
                fclose(out);
        }
        FILE *in = fopen(path, "r");
        ck_assert_msg(in != NULL, "cannot open %s", path);
        char *golden = calloc(1, 1 << 20);
        size_t size = fread(golden, 1, (1 << 20) - 1, in);
        fclose(in);
        ck_assert_uint_gt(size, 0);
        ck_assert_str_eq(made, golden);
        free(golden);
        free(made);
}
END_TEST

START_TEST(json_reads_back_to_the_same_model)
{
        struct status status = status_of(&state_cases[_i]);
        struct status back;
        const char *field = "";
        char *text = json_text(&status, JSON_C_TO_STRING_PLAIN);
        struct json_object *object = json_tokener_parse(text);
        ck_assert_int_eq((int)status_json_read(&back, object, &field), STATUS_JSON_OK);
        json_object_put(object);
        char *again = json_text(&back, JSON_C_TO_STRING_PLAIN);
        ck_assert_str_eq(again, text);
        free(again);
        free(text);
}
END_TEST

START_TEST(amounts_stay_exact_in_json)
{
        struct status status = running();
        struct status back;
        status.portfolio.closed_equity_e6 = INT64_MAX;
        status.portfolio.unrealized_e6 = INT64_MIN;
        status.portfolio.equity_high_e6 = 1;
        char *text = json_text(&status, JSON_C_TO_STRING_PLAIN);
        ck_assert_ptr_nonnull(strstr(text, "\"closed_equity\":9223372036854.775807,"));
        ck_assert_ptr_nonnull(strstr(text, "\"unrealized\":-9223372036854.775808,"));
        ck_assert_ptr_nonnull(strstr(text, "\"equity_high\":0.000001,"));
        struct json_object *object = json_tokener_parse(text);
        ck_assert_int_eq((int)status_json_read(&back, object, NULL), STATUS_JSON_OK);
        ck_assert_int_eq(back.portfolio.closed_equity_e6, INT64_MAX);
        ck_assert_int_eq(back.portfolio.unrealized_e6, INT64_MIN);
        ck_assert_int_eq(back.portfolio.equity_high_e6, 1);
        json_object_put(object);
        free(text);
}
END_TEST

START_TEST(json_that_is_no_status_is_refused_with_the_field)
{
        static const struct {
                const char *text;
                const char *field;
        } cases[] = {
                {"[]", "status"},
                {"{\"pid\":-1}", "pid"},
                {"{\"pid\":\"x\"}", "pid"},
                {"{\"state\":\"dancing\"}", "state"},
                {"{\"instance\":7}", "instance"},
                {"{\"ready\":1}", "ready"},
                {"{\"uptime_s\":-3}", "uptime_s"},
                {"{\"recovery\":7}", "recovery"},
                {"{\"recovery\":{\"digest\":\"00\"}}", "digest"},
                {"{\"recovery\":{\"at\":\"2026-02-31T00:00:00.000000Z\"}}", "at"},
                {"{\"recovery\":{\"load_ms\":true}}", "load_ms"},
                {"{\"portfolio\":{\"closed_equity\":1e300}}", "closed_equity"},
                {"{\"children\":[{},{},{},{}]}", "children"},
                {"{\"children\":[7]}", "children"},
                {"{\"warnings\":{}}", "warnings"},
        };
        struct status status;
        const char *field = "";
        struct json_object *object = json_tokener_parse(cases[_i].text);
        ck_assert_ptr_nonnull(object);
        ck_assert_int_eq((int)status_json_read(&status, object, &field), STATUS_JSON_BAD);
        ck_assert_str_eq(field, cases[_i].field);
        json_object_put(object);
}
END_TEST

START_TEST(keys_of_a_newer_version_are_passed_over)
{
        struct status status;
        struct json_object *object = json_tokener_parse("{\"instance\":\"a\",\"moon\":{\"phase\":3},\"recovery\":{\"flavour\":1}}");
        ck_assert_int_eq((int)status_json_read(&status, object, NULL), STATUS_JSON_OK);
        ck_assert_str_eq(status.instance, "a");
        ck_assert(status.recovery.known);
        json_object_put(object);
}
END_TEST

START_TEST(a_warning_is_added_once_and_no_more_than_fit)
{
        struct status status = {0};
        for (int i = 0; i < 3 * STATUS_WARNINGS_MAX; i++)
                status_warn(&status, "help", "warning %d", i / 2);
        ck_assert_uint_eq(status.warnings_count, STATUS_WARNINGS_MAX);
        ck_assert_str_eq(status.warnings[1].text, "warning 1");
}
END_TEST

START_TEST(every_problem_of_the_store_has_a_warning_with_a_command)
{
        struct status status = running();
        status.storage.problem = (enum store_problem)_i;
        status_judge(&status);
        ck_assert_str_eq(status_state_name((int)status.state), "degraded");
        ck_assert_uint_eq(status.warnings_count, 1);
        ck_assert_str_ne(status.warnings[0].text, "");
        ck_assert_str_ne(status.warnings[0].command, "");
}
END_TEST

START_TEST(what_is_worse_hides_what_is_better)
{
        struct status status = running();
        status.storage.problem = STORE_PROBLEM_UNREACHABLE;
        status.maintenance = true;
        status_judge(&status);
        ck_assert_int_eq((int)status.state, STATUS_STATE_MAINTENANCE);
        status.children[2].in_hold = true;
        status_judge(&status);
        ck_assert_int_eq((int)status.state, STATUS_STATE_HOLD);
        status.stopping = true;
        status_judge(&status);
        ck_assert_int_eq((int)status.state, STATUS_STATE_STOPPING);
}
END_TEST

START_TEST(a_portfolio_that_is_not_sound_is_degraded_and_says_the_rule)
{
        struct status status = running();
        status.recovery_problem = RECOVERY_VALIDATION_FAILED;
        snprintf(status.recovery_detail, sizeof(status.recovery_detail), "closed_equity_is_ledger_sum: 5 and 6");
        status_judge(&status);
        ck_assert_int_eq((int)status.state, STATUS_STATE_DEGRADED);
        ck_assert_str_eq(status.reason, "VALIDATION_FAILED: closed_equity_is_ledger_sum: 5 and 6");
        ck_assert_str_eq(status.warnings[0].command, "pm-supervisor verify");
}
END_TEST

START_TEST(another_starting_capital_in_the_config_is_a_warning)
{
        struct status status = running();
        status.initial_capital_config_e6 = 6000000000000;
        status.config_changed = true;
        status_judge(&status);
        ck_assert_int_eq((int)status.state, STATUS_STATE_RUNNING);
        ck_assert_uint_eq(status.warnings_count, 2);
        ck_assert_str_eq(status.warnings[1].text,
                         "initial_capital is 6000000 in the config, but the portfolio began with 5000000, which counts");
}
END_TEST

START_TEST(a_worker_without_state_has_no_portfolio_to_show)
{
        struct status status = running();
        struct msg_worker_report report = {.received_count = 3, .unavailable_count = 3};
        status.initial_capital_config_e6 = 5000000000000;
        status_set_worker_report(&status, &report);
        status_judge(&status);
        ck_assert(!status.portfolio.known);
        ck_assert(status.signals.known);
        ck_assert_uint_eq(status.warnings_count, 0);
}
END_TEST

START_TEST(colour_is_there_only_when_asked_for)
{
        char *text = NULL;
        size_t size = 0;
        struct status status = status_of(&state_cases[0]);
        FILE *out = open_memstream(&text, &size);
        status_screen_print(&status, out, true);
        fclose(out);
        ck_assert_ptr_nonnull(strstr(text, "\033[32mrunning\033[0m"));
        free(text);
        out = open_memstream(&text, &size);
        status_screen_print(&status, out, false);
        fclose(out);
        ck_assert_ptr_null(strchr(text, '\033'));
        free(text);
}
END_TEST

START_TEST(long_texts_are_cut_at_a_character)
{
        struct status status = {0};
        char server[600];
        memset(server, 'a', sizeof(server));
        memcpy(server + STATUS_TEXT_SIZE - 2, "\xc3\xa4", 2);
        struct msg_persister_ready ready = {.server = {server, sizeof(server)}};
        status_set_persister_ready(&status, &ready);
        ck_assert_uint_eq(strlen(status.storage.server), STATUS_TEXT_SIZE - 2);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("status");
        TCase *tests = tcase_create("status");
        tcase_add_test(tests, every_state_has_a_case_here);
        tcase_add_loop_test(tests, each_state_is_judged_and_has_its_exit_code, 0, (int)countof(state_cases));
        tcase_add_test(tests, screen_and_json_of_every_state_are_the_golden_ones);
        tcase_add_loop_test(tests, json_reads_back_to_the_same_model, 0, (int)countof(state_cases));
        tcase_add_test(tests, amounts_stay_exact_in_json);
        tcase_add_loop_test(tests, json_that_is_no_status_is_refused_with_the_field, 0, 15);
        tcase_add_test(tests, keys_of_a_newer_version_are_passed_over);
        tcase_add_test(tests, a_warning_is_added_once_and_no_more_than_fit);
        tcase_add_loop_test(tests, every_problem_of_the_store_has_a_warning_with_a_command, STORE_PROBLEM_STARTING, STORE_PROBLEM_END);
        tcase_add_test(tests, what_is_worse_hides_what_is_better);
        tcase_add_test(tests, a_portfolio_that_is_not_sound_is_degraded_and_says_the_rule);
        tcase_add_test(tests, another_starting_capital_in_the_config_is_a_warning);
        tcase_add_test(tests, a_worker_without_state_has_no_portfolio_to_show);
        tcase_add_test(tests, colour_is_there_only_when_asked_for);
        tcase_add_test(tests, long_texts_are_cut_at_a_character);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
