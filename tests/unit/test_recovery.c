/* The arithmetic of a recovery's steps and the line that other tools grep for; and the watchdog's patience. */
#include "supervisor/recovery.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/watchdog.h"

static const struct recovery_steps steps = {
        .incarnation = 7,
        .through_seq = 1042,
        .digest = {.high = 0x1, .low = 0xabcdef},
        .positions_count = 3,
        .connect_us = 900,
        .load_us = 400,
        .verify_us = 30,
};

START_TEST(recovery_counts_from_the_noticed_death_to_ready)
{
        struct recovery recovery = {0};
        struct msg_recovery_record record;
        recovery_begin(&recovery, ROLE_WORKER, "killed by SIGKILL", 1000000, 150);
        recovery_spawned(&recovery, 1000700);
        ck_assert(recovery.pending);
        recovery_end(&recovery, &steps, 1004213, &record);
        ck_assert(!recovery.pending);
        ck_assert_int_eq(record.role, ROLE_WORKER);
        ck_assert_int_eq(record.detect_us, 150);
        ck_assert_int_eq(record.spawn_us, 700);
        ck_assert_int_eq(record.connect_us, 900);
        ck_assert_int_eq(record.load_us, 400);
        ck_assert_int_eq(record.verify_us, 30);
        ck_assert_int_eq(record.total_us, 4213);
        ck_assert_int_eq(strncmp(record.cause.data, "killed by SIGKILL", record.cause.size), 0);
        ck_assert_str_eq(recovery_what(&record), "worker");
}
END_TEST

START_TEST(recovery_goes_on_over_a_second_death)
{
        struct recovery recovery = {0};
        struct msg_recovery_record record;
        recovery_begin(&recovery, ROLE_WORKER, "killed by SIGKILL", 1000, 0);
        recovery_spawned(&recovery, 1500);
        recovery_begin(&recovery, ROLE_WORKER, "killed by SIGSEGV", 3000, 99);
        recovery_spawned(&recovery, 3600);
        recovery_end(&recovery, &steps, 9000, &record);
        ck_assert_int_eq(record.total_us, 8000);
        ck_assert_int_eq(record.spawn_us, 2600);
        ck_assert_int_eq(record.detect_us, 0);
        ck_assert_int_eq(strncmp(record.cause.data, "killed by SIGSEGV", record.cause.size), 0);
}
END_TEST

START_TEST(recovery_of_the_start_stays_the_start)
{
        struct recovery recovery = {0};
        struct msg_recovery_record record;
        recovery_begin(&recovery, ROLE_SUPERVISOR, "start", 0, 0);
        recovery_begin(&recovery, ROLE_WORKER, "killed by SIGSEGV", 10, 0);
        recovery_end(&recovery, &steps, 52123, &record);
        ck_assert_str_eq(recovery_what(&record), "start");
        ck_assert_int_eq(strncmp(record.cause.data, "start", record.cause.size), 0);
        ck_assert_int_eq(record.spawn_us, 0);
}
END_TEST

START_TEST(recovery_line_is_the_one_that_is_grepped)
{
        struct recovery recovery = {0};
        struct msg_recovery_record record;
        char text[1024];
        int ends[2];
        ck_assert_int_eq(pipe(ends), 0);
        log_init("supervisor", LOG_INFO);
        log_set_fd(ends[1]);
        recovery_begin(&recovery, ROLE_WORKER, "killed by SIGKILL", 0, 0);
        recovery_end(&recovery, &steps, 4013, &record);
        recovery_log(&record);
        ssize_t size = read(ends[0], text, sizeof text - 1);
        ck_assert_int_gt(size, 0);
        text[size] = '\0';
        ck_assert_msg(
                strstr(text, " msg=\"Recovery successful: loaded 3 positions in 4.013ms\" what=worker cause=\"killed by SIGKILL\" ") !=
                        NULL,
                "%s", text);
        ck_assert_msg(strstr(text, " incarnation=7 seq=1042 digest=00000000000000010000000000abcdef\n") != NULL, "%s", text);
        close(ends[0]);
        close(ends[1]);
}
END_TEST

#define LIMIT 2000000

START_TEST(watchdog_wants_heartbeats)
{
        struct watchdog dog;
        watchdog_begin(&dog, 1000);
        ck_assert_int_eq(watchdog_check(&dog, 1000 + LIMIT - 1, LIMIT), WATCHDOG_FINE);
        ck_assert_int_eq(watchdog_check(&dog, 1000 + LIMIT, LIMIT), WATCHDOG_SILENT);
        watchdog_beat(&dog, 1, 0, 1000 + LIMIT);
        ck_assert_int_eq(watchdog_check(&dog, 1000 + LIMIT, LIMIT), WATCHDOG_FINE);
}
END_TEST

START_TEST(watchdog_wants_progress_while_work_waits)
{
        struct watchdog dog;
        watchdog_begin(&dog, 0);
        watchdog_beat(&dog, 5, 3, 100);
        for (int64_t now_us = 200; now_us < LIMIT + 100; now_us += 100)
                watchdog_beat(&dog, 5, 3, now_us);
        ck_assert_int_eq(watchdog_check(&dog, LIMIT + 100, LIMIT), WATCHDOG_NO_PROGRESS);
        watchdog_beat(&dog, 6, 3, LIMIT + 100);
        ck_assert_int_eq(watchdog_check(&dog, LIMIT + 100, LIMIT), WATCHDOG_FINE);
        watchdog_beat(&dog, 6, 0, 2 * LIMIT); /* nothing waits: idle is no fault */
        ck_assert_int_eq(watchdog_check(&dog, 2 * LIMIT + 200, LIMIT), WATCHDOG_FINE);
}
END_TEST

START_TEST(watchdog_excuses_what_waits_for_the_database)
{
        struct watchdog dog;
        watchdog_begin(&dog, 0);
        for (int64_t now_us = 100; now_us < 3 * LIMIT; now_us += 100) {
                watchdog_beat(&dog, 5, 3, now_us);
                watchdog_excuse(&dog, now_us);
        }
        ck_assert_int_eq(watchdog_check(&dog, 3 * LIMIT, LIMIT), WATCHDOG_FINE);
}
END_TEST

START_TEST(watchdog_subtracts_time_in_which_we_did_not_run)
{
        struct watchdog dog;
        watchdog_begin(&dog, 0);
        watchdog_beat(&dog, 1, 1, 100);
        int64_t woke_us = 10 * LIMIT; /* we slept for most of this */
        watchdog_forgive(&dog, woke_us - 500, woke_us);
        ck_assert_int_eq(watchdog_check(&dog, woke_us, LIMIT), WATCHDOG_FINE);
        ck_assert_int_eq(watchdog_check(&dog, woke_us + LIMIT, LIMIT), WATCHDOG_SILENT);
        watchdog_forgive(&dog, 100 * LIMIT, woke_us); /* never into the future */
        ck_assert_int_eq(dog.beat_at_us, woke_us);
        ck_assert_str_eq(watchdog_verdict_name(WATCHDOG_SILENT), "no heartbeat");
        ck_assert_str_eq(watchdog_verdict_name(WATCHDOG_NO_PROGRESS), "no progress");
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("recovery");
        TCase *recovery = tcase_create("recovery");
        tcase_add_test(recovery, recovery_counts_from_the_noticed_death_to_ready);
        tcase_add_test(recovery, recovery_goes_on_over_a_second_death);
        tcase_add_test(recovery, recovery_of_the_start_stays_the_start);
        tcase_add_test(recovery, recovery_line_is_the_one_that_is_grepped);
        suite_add_tcase(suite, recovery);
        TCase *watchdog = tcase_create("watchdog");
        tcase_add_test(watchdog, watchdog_wants_heartbeats);
        tcase_add_test(watchdog, watchdog_wants_progress_while_work_waits);
        tcase_add_test(watchdog, watchdog_excuses_what_waits_for_the_database);
        tcase_add_test(watchdog, watchdog_subtracts_time_in_which_we_did_not_run);
        suite_add_tcase(suite, watchdog);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
