/* loop.c: timers, descriptors, signals and the end of each turn, in one thread. */
#include "common/loop.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

static struct loop *loop;

static void
setup(void)
{
        loop = loop_new();
}

static void
teardown(void)
{
        loop_free(loop);
}

static void
count(void *owner)
{
        int *counter = owner;
        ++*counter;
}

START_TEST(timer_runs_once_after_its_delay)
{
        int runs = 0;
        struct loop_timer *timer = loop_timer_new(loop, count, &runs);
        ck_assert(!loop_timer_is_running(timer));
        int64_t begin_us = clock_monotonic_us();
        loop_timer_start_us(timer, 3000);
        ck_assert(loop_timer_is_running(timer));
        while (runs == 0)
                loop_turn(loop, 1000);
        ck_assert_int_ge(clock_monotonic_us() - begin_us, 3000);
        ck_assert(!loop_timer_is_running(timer));
        loop_turn(loop, 5);
        ck_assert_int_eq(runs, 1);
        loop_timer_free(timer);
}
END_TEST

/* What a long handler takes before it starts a timer is not taken off the delay. */
static void
start_late(void *owner)
{
        int64_t until_us = clock_monotonic_us() + 5000;
        while (clock_monotonic_us() < until_us)
                ;
        loop_timer_start_us(owner, 4000);
}

START_TEST(timer_counts_from_its_start_not_from_the_turn)
{
        int runs = 0;
        struct loop_timer *late = loop_timer_new(loop, count, &runs);
        struct loop_timer *first = loop_timer_new(loop, start_late, late);
        int64_t begin_us = clock_monotonic_us();
        loop_timer_start_us(first, 0);
        while (runs == 0)
                loop_turn(loop, 1000);
        ck_assert_int_ge(clock_monotonic_us() - begin_us, 9000);
        loop_timer_free(first);
        loop_timer_free(late);
}
END_TEST

START_TEST(timer_started_again_replaces)
{
        int runs = 0;
        struct loop_timer *timer = loop_timer_new(loop, count, &runs);
        loop_timer_start_us(timer, 3600LL * 1000000);
        loop_timer_start_us(timer, -5);
        loop_turn(loop, 1000);
        ck_assert_int_eq(runs, 1);
        loop_timer_repeat_ms(timer, 1);
        for (int i = 0; i < 3; i++)
                loop_turn(loop, 1000);
        ck_assert_int_eq(runs, 4);
        ck_assert(loop_timer_is_running(timer));
        loop_timer_stop(timer);
        ck_assert(!loop_timer_is_running(timer));
        loop_turn(loop, 5);
        ck_assert_int_eq(runs, 4);
        loop_timer_free(timer);
        loop_timer_free(NULL);
}
END_TEST

struct pair_of_timers {
        struct loop_timer *own;
        struct loop_timer *other;
        int runs;
};

static void
free_both(void *owner)
{
        struct pair_of_timers *pair = owner;
        pair->runs++;
        loop_timer_free(pair->own);
        loop_timer_free(pair->other);
}

/* Both are ready in the same turn; whichever comes first frees both. */
START_TEST(timer_may_free_itself_and_others_that_are_ready)
{
        struct pair_of_timers pair = {0};
        pair.own = loop_timer_new(loop, free_both, &pair);
        pair.other = loop_timer_new(loop, free_both, &pair);
        loop_timer_repeat_ms(pair.own, 1);
        loop_timer_start_us(pair.other, 1000);
        usleep(3000);
        loop_turn(loop, 0);
        loop_turn(loop, 5);
        ck_assert_int_eq(pair.runs, 1);
}
END_TEST

struct reader {
        struct loop_watch *own;
        struct loop_watch *other;
        int calls;
        bool readable;
        bool writable;
        bool frees;
};

static void
on_fd(void *owner, int fd, bool readable, bool writable)
{
        struct reader *reader = owner;
        char byte;
        reader->calls++;
        reader->readable = readable;
        reader->writable = writable;
        if (reader->frees) {
                loop_watch_free(reader->own);
                loop_watch_free(reader->other);
        } else if (readable) {
                ck_assert_int_eq(read(fd, &byte, 1), 1);
        }
}

START_TEST(watch_is_level_triggered_and_can_be_paused)
{
        int ends[2];
        struct reader reader = {0};
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        reader.own = loop_watch_new(loop, ends[0], true, false, on_fd, &reader);
        loop_turn(loop, 0);
        ck_assert_int_eq(reader.calls, 0);
        ck_assert_int_eq(write(ends[1], "abc", 3), 3);
        for (int i = 1; i <= 2; i++) {
                loop_turn(loop, 1000);
                ck_assert_int_eq(reader.calls, i);
        }
        ck_assert(reader.readable && !reader.writable);
        loop_watch_change(reader.own, false, false);
        loop_turn(loop, 5);
        ck_assert_int_eq(reader.calls, 2);
        loop_watch_change(reader.own, true, false);
        loop_turn(loop, 1000);
        ck_assert_int_eq(reader.calls, 3);
        loop_watch_free(reader.own);
        close(ends[0]);

        struct reader writer = {0};
        writer.own = loop_watch_new(loop, ends[1], false, false, on_fd, &writer);
        loop_turn(loop, 0);
        ck_assert_int_eq(writer.calls, 0);
        loop_watch_change(writer.own, false, true);
        loop_turn(loop, 1000);
        ck_assert_int_eq(writer.calls, 1);
        loop_watch_free(writer.own);
        close(ends[1]);
        loop_watch_free(NULL);
}
END_TEST

START_TEST(watch_may_free_itself_and_others_that_are_ready)
{
        int a[2];
        int b[2];
        struct reader reader = {.frees = true};
        ck_assert_int_eq(pipe2(a, O_CLOEXEC), 0);
        ck_assert_int_eq(pipe2(b, O_CLOEXEC), 0);
        reader.own = loop_watch_new(loop, a[0], true, false, on_fd, &reader);
        reader.other = loop_watch_new(loop, b[0], true, false, on_fd, &reader);
        ck_assert_int_eq(write(a[1], "x", 1), 1);
        ck_assert_int_eq(write(b[1], "x", 1), 1);
        loop_turn(loop, 1000);
        loop_turn(loop, 5);
        ck_assert_int_eq(reader.calls, 1);
        for (int i = 0; i < 2; i++) {
                close(a[i]);
                close(b[i]);
        }
}
END_TEST

static void
on_signal(void *owner, int number)
{
        int *seen = owner;
        *seen = number;
}

START_TEST(signals_come_as_plain_calls)
{
        int first = 0;
        int second = 0;
        loop_on_signal(loop, SIGUSR1, on_signal, &first);
        raise(SIGUSR1);
        ck_assert_int_eq(first, 0);
        loop_turn(loop, 1000);
        ck_assert_int_eq(first, SIGUSR1);
        loop_on_signal(loop, SIGUSR1, on_signal, &second); /* the last one counts */
        raise(SIGUSR1);
        loop_turn(loop, 1000);
        ck_assert_int_eq(second, SIGUSR1);
}
END_TEST

static char order[16];

static void
note_a(void *owner)
{
        (void)owner;
        strcat(order, "a");
}

static void
note_b(void *owner)
{
        strcat(order, "b");
        if (strlen(order) >= 4)
                loop_stop(owner);
}

START_TEST(turn_ends_run_in_order_after_each_turn_also_the_last)
{
        int runs = 0;
        struct loop_timer *timer = loop_timer_new(loop, count, &runs);
        order[0] = '\0';
        loop_at_turn_end(loop, note_a, NULL);
        loop_at_turn_end(loop, note_b, loop);
        loop_timer_repeat_ms(timer, 1);
        loop_run(loop);
        ck_assert_str_eq(order, "abab");
        ck_assert_int_ge(runs, 2);
        loop_timer_free(timer);
}
END_TEST

static void
stop_it(void *owner)
{
        loop_stop(owner);
}

START_TEST(turn_that_stops_the_loop_is_finished)
{
        int runs = 0;
        struct loop_timer *stopper = loop_timer_new(loop, stop_it, loop);
        struct loop_timer *counter = loop_timer_new(loop, count, &runs);
        loop_timer_start_us(stopper, 100);
        loop_timer_start_us(counter, 200);
        usleep(2000);
        order[0] = '\0';
        loop_at_turn_end(loop, note_a, NULL);
        loop_run(loop);
        ck_assert_int_eq(runs, 1);
        ck_assert_str_eq(order, "a");
        loop_stop(loop); /* asked before it runs: it does not wait */
        loop_run(loop);
        loop_timer_free(stopper);
        loop_timer_free(counter);
}
END_TEST

START_TEST(turn_waits_no_longer_than_asked)
{
        int64_t begin_us = clock_monotonic_us();
        loop_turn(loop, 0);
        ck_assert_int_lt(clock_monotonic_us() - begin_us, 500000);
        begin_us = clock_monotonic_us();
        loop_turn(loop, 10);
        ck_assert_int_ge(clock_monotonic_us() - begin_us, 10000);
}
END_TEST

int
main(void)
{
        TCase *tcase = tcase_create("loop");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, timer_runs_once_after_its_delay);
        tcase_add_test(tcase, timer_counts_from_its_start_not_from_the_turn);
        tcase_add_test(tcase, timer_started_again_replaces);
        tcase_add_test(tcase, timer_may_free_itself_and_others_that_are_ready);
        tcase_add_test(tcase, watch_is_level_triggered_and_can_be_paused);
        tcase_add_test(tcase, watch_may_free_itself_and_others_that_are_ready);
        tcase_add_test(tcase, signals_come_as_plain_calls);
        tcase_add_test(tcase, turn_ends_run_in_order_after_each_turn_also_the_last);
        tcase_add_test(tcase, turn_that_stops_the_loop_is_finished);
        tcase_add_test(tcase, turn_waits_no_longer_than_asked);
        Suite *suite = suite_create("loop");
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
