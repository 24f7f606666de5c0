/* The table of a child's life: every cell is walked, and the budget is counted by hand. */
#include "supervisor/child.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/exit_code.h"

#define MS 1000LL
#define NOW 5000000LL

static const struct child_limits limits = {
        .restart_budget = 4,
        .delay_first_us = 50 * MS,
        .delay_max_us = 300 * MS,
        .healthy_us = 10000 * MS,
        .hold_retry_us = 30000 * MS,
        .drain_us = 9000 * MS,
        .term_us = 1000 * MS,
        .abort_us = 300 * MS,
        .kill_us = 700 * MS,
        .blocked_us = 10 * MS,
};

static struct child
child_in(enum child_state state)
{
        struct child child;
        child_init(&child, &limits);
        child.state = state;
        child.wanted = state != CHILD_DOWN;
        return child;
}

/* What must come of each cell: next state, action, and after how long the timer is due (0: none, -1: as before). */
struct wanted {
        enum child_state state;
        enum child_event event;
        enum child_state next;
        enum child_action action;
        int64_t timer_us;
};

#define KEEP (-1)
#define STAY(state, event)                                                                                                                 \
        {                                                                                                                                  \
                CHILD_##state, CHILD_##event, CHILD_##state, CHILD_DO_NOTHING, KEEP                                                        \
        }
/* A delayed restart in these walks is the first (deaths 0), so its delay is 0. */
#define ENDS(state)                                                                                                                        \
        {CHILD_##state, CHILD_EXIT_DOWN, CHILD_DOWN, CHILD_DO_NOTHING, 0},                                                                 \
                {CHILD_##state, CHILD_EXIT_AT_ONCE, CHILD_WAITING, CHILD_DO_SPAWN, 0},                                                     \
                {CHILD_##state, CHILD_EXIT_LATER, CHILD_WAITING, CHILD_DO_NOTHING, NOW},                                                   \
        {                                                                                                                                  \
                CHILD_##state, CHILD_EXIT_HOLD, CHILD_HOLD, CHILD_DO_NOTHING, NOW + 30000 * MS                                             \
        }
#define ENDING(state) STAY(state, START_ASKED), STAY(state, STOP_ASKED), STAY(state, RESTART_ASKED), STAY(state, BECAME_READY), ENDS(state)

static const struct wanted walk[] = {
        {CHILD_DOWN, CHILD_START_ASKED, CHILD_WAITING, CHILD_DO_SPAWN, 0},
        STAY(DOWN, STOP_ASKED),
        {CHILD_DOWN, CHILD_RESTART_ASKED, CHILD_WAITING, CHILD_DO_SPAWN, 0},
        STAY(DOWN, KILL_ASKED),

        {CHILD_WAITING, CHILD_START_ASKED, CHILD_WAITING, CHILD_DO_SPAWN, 0},
        {CHILD_WAITING, CHILD_STOP_ASKED, CHILD_DOWN, CHILD_DO_NOTHING, 0},
        {CHILD_WAITING, CHILD_RESTART_ASKED, CHILD_WAITING, CHILD_DO_SPAWN, 0},
        STAY(WAITING, KILL_ASKED),
        {CHILD_WAITING, CHILD_TIMER, CHILD_WAITING, CHILD_DO_SPAWN, 0},
        {CHILD_WAITING, CHILD_SPAWNED, CHILD_STARTING, CHILD_DO_NOTHING, 0},
        {CHILD_WAITING, CHILD_SPAWN_BLOCKED, CHILD_WAITING, CHILD_DO_NOTHING, NOW + 10 * MS},
        ENDS(WAITING),

        STAY(STARTING, START_ASKED),
        {CHILD_STARTING, CHILD_STOP_ASKED, CHILD_DRAINING, CHILD_DO_DRAIN, NOW + 9000 * MS},
        {CHILD_STARTING, CHILD_RESTART_ASKED, CHILD_DRAINING, CHILD_DO_DRAIN, NOW + 9000 * MS},
        {CHILD_STARTING, CHILD_KILL_ASKED, CHILD_KILLING, CHILD_DO_KILL, NOW + 700 * MS},
        {CHILD_STARTING, CHILD_STUCK, CHILD_ABORTING, CHILD_DO_ABORT, NOW + 300 * MS},
        {CHILD_STARTING, CHILD_BECAME_READY, CHILD_READY, CHILD_DO_NOTHING, 0},
        ENDS(STARTING),

        STAY(READY, START_ASKED),
        {CHILD_READY, CHILD_STOP_ASKED, CHILD_DRAINING, CHILD_DO_DRAIN, NOW + 9000 * MS},
        {CHILD_READY, CHILD_RESTART_ASKED, CHILD_DRAINING, CHILD_DO_DRAIN, NOW + 9000 * MS},
        {CHILD_READY, CHILD_KILL_ASKED, CHILD_KILLING, CHILD_DO_KILL, NOW + 700 * MS},
        {CHILD_READY, CHILD_STUCK, CHILD_ABORTING, CHILD_DO_ABORT, NOW + 300 * MS},
        STAY(READY, BECAME_READY),
        ENDS(READY),

        ENDING(DRAINING),
        {CHILD_DRAINING, CHILD_KILL_ASKED, CHILD_KILLING, CHILD_DO_KILL, NOW + 700 * MS},
        {CHILD_DRAINING, CHILD_STUCK, CHILD_ABORTING, CHILD_DO_ABORT, NOW + 300 * MS},
        {CHILD_DRAINING, CHILD_TIMER, CHILD_TERMINATING, CHILD_DO_TERM, NOW + 1000 * MS},

        ENDING(TERMINATING),
        {CHILD_TERMINATING, CHILD_KILL_ASKED, CHILD_KILLING, CHILD_DO_KILL, NOW + 700 * MS},
        STAY(TERMINATING, STUCK),
        {CHILD_TERMINATING, CHILD_TIMER, CHILD_KILLING, CHILD_DO_KILL, NOW + 700 * MS},

        ENDING(ABORTING),
        {CHILD_ABORTING, CHILD_KILL_ASKED, CHILD_KILLING, CHILD_DO_KILL, NOW + 700 * MS},
        STAY(ABORTING, STUCK),
        {CHILD_ABORTING, CHILD_TIMER, CHILD_KILLING, CHILD_DO_KILL, NOW + 700 * MS},

        ENDING(KILLING),
        STAY(KILLING, KILL_ASKED),
        STAY(KILLING, STUCK),
        {CHILD_KILLING, CHILD_TIMER, CHILD_KILLING, CHILD_DO_KILL, NOW + 700 * MS},

        {CHILD_HOLD, CHILD_START_ASKED, CHILD_WAITING, CHILD_DO_SPAWN, 0},
        {CHILD_HOLD, CHILD_STOP_ASKED, CHILD_DOWN, CHILD_DO_NOTHING, 0},
        {CHILD_HOLD, CHILD_RESTART_ASKED, CHILD_WAITING, CHILD_DO_SPAWN, 0},
        STAY(HOLD, KILL_ASKED),
        {CHILD_HOLD, CHILD_TIMER, CHILD_WAITING, CHILD_DO_SPAWN, 0},
};

static const struct wanted *
find(enum child_state state, enum child_event event)
{
        for (size_t i = 0; i < countof(walk); i++) {
                if (walk[i].state == state && walk[i].event == event)
                        return &walk[i];
        }
        return NULL;
}

START_TEST(child_every_cell_does_what_it_should)
{
        for (int state = 0; state < CHILD_STATE_END; state++) {
                for (int event = 0; event < CHILD_EVENT_END; event++) {
                        const struct wanted *wanted = find((enum child_state)state, (enum child_event)event);
                        struct child child = child_in((enum child_state)state);
                        child.timer_at_us = 77;
                        enum child_action action = child_step(&child, (enum child_event)event, NOW, 0);
                        const char *where = child_state_name(state);
                        if (wanted == NULL) {
                                ck_assert_msg(action == CHILD_DO_COMPLAIN, "%s + %s should be impossible", where, child_event_name(event));
                                ck_assert_int_eq(child.state, state);
                                ck_assert_int_eq(child.timer_at_us, 77);
                                continue;
                        }
                        ck_assert_msg(child.state == wanted->next && action == wanted->action, "%s + %s leads to %s / %s", where,
                                      child_event_name(event), child_state_name(child.state), child_action_name(action));
                        ck_assert_msg(child.timer_at_us == (wanted->timer_us == KEEP ? 77 : wanted->timer_us), "%s + %s: timer %lld", where,
                                      child_event_name(event), (long long)child.timer_at_us);
                }
        }
}
END_TEST

START_TEST(child_names_everything)
{
        for (int i = 0; i < CHILD_STATE_END; i++)
                ck_assert_ptr_nonnull(child_state_name(i));
        for (int i = 0; i < CHILD_EVENT_END; i++)
                ck_assert_ptr_nonnull(child_event_name(i));
        for (int i = 0; i < CHILD_ACTION_END; i++)
                ck_assert_ptr_nonnull(child_action_name(i));
        ck_assert_ptr_null(child_state_name(CHILD_STATE_END));
        ck_assert_ptr_null(child_event_name(-1));
        ck_assert_ptr_null(child_action_name(CHILD_ACTION_END));
}
END_TEST

START_TEST(child_delay_doubles_to_its_cap_with_jitter)
{
        /* random 0 is half of the delay, the largest random just below all of it. */
        static const int64_t whole_ms[] = {0, 0, 50, 100, 200, 300, 300, 300};
        for (uint32_t deaths = 0; deaths < countof(whole_ms); deaths++) {
                ck_assert_int_eq(child_delay_us(&limits, deaths, 0), whole_ms[deaths] * MS / 2);
                int64_t most = child_delay_us(&limits, deaths, UINT32_MAX);
                ck_assert_int_le(most, whole_ms[deaths] * MS);
                ck_assert_int_ge(most, whole_ms[deaths] * MS - 1);
        }
        ck_assert_int_le(child_delay_us(&limits, UINT32_MAX, UINT32_MAX), limits.delay_max_us);
}
END_TEST

/* One death of a process that was ready for so long. */
static enum child_event
die(struct child *child, int64_t lived_us, enum child_end end, int value)
{
        child->state = CHILD_READY;
        child->ready_at_us = NOW;
        enum child_event event = child_exit_event(child, end, value, NOW + lived_us);
        child_step(child, event, NOW + lived_us, 0);
        return event;
}

START_TEST(child_spends_its_budget_then_holds_and_tries_slowly)
{
        struct child child = child_in(CHILD_READY);
        ck_assert_int_eq(die(&child, 1, CHILD_END_SIGNALED, SIGKILL), CHILD_EXIT_AT_ONCE);
        ck_assert_int_eq(die(&child, 1, CHILD_END_SIGNALED, SIGSEGV), CHILD_EXIT_LATER);
        ck_assert_int_eq(child.timer_at_us, NOW + 1 + 25 * MS);
        ck_assert_int_eq(die(&child, 1, CHILD_END_EXITED, EXIT_CODE_PROTOCOL), CHILD_EXIT_LATER);
        ck_assert_int_eq(die(&child, 1, CHILD_END_NOT_STARTED, 0), CHILD_EXIT_LATER);
        for (int i = 0; i < 3; i++) { /* each slow retry that fails leads back */
                ck_assert_int_eq(die(&child, 1, CHILD_END_SIGNALED, SIGKILL), CHILD_EXIT_HOLD);
                ck_assert_int_eq(child.state, CHILD_HOLD);
                ck_assert_int_eq(child_step(&child, CHILD_TIMER, NOW, 0), CHILD_DO_SPAWN);
        }
}
END_TEST

START_TEST(child_has_its_budget_back_after_health_or_by_the_operator)
{
        struct child child = child_in(CHILD_READY);
        for (int i = 0; i < 5; i++)
                die(&child, 1, CHILD_END_SIGNALED, SIGKILL);
        ck_assert_int_eq(child.state, CHILD_HOLD);
        ck_assert_int_eq(die(&child, limits.healthy_us, CHILD_END_SIGNALED, SIGKILL), CHILD_EXIT_AT_ONCE);
        ck_assert_int_eq(die(&child, limits.healthy_us - 1, CHILD_END_SIGNALED, SIGKILL), CHILD_EXIT_LATER);
        for (int i = 0; i < 5; i++)
                die(&child, 1, CHILD_END_SIGNALED, SIGKILL);
        ck_assert_int_eq(child.state, CHILD_HOLD);
        ck_assert_int_eq(child_step(&child, CHILD_RESTART_ASKED, NOW, 0), CHILD_DO_SPAWN);
        ck_assert_int_eq(die(&child, 1, CHILD_END_SIGNALED, SIGKILL), CHILD_EXIT_AT_ONCE);
}
END_TEST

START_TEST(child_holds_at_once_when_a_restart_cannot_help)
{
        static const int codes[] = {EXIT_CODE_CONFIG, EXIT_CODE_SCHEMA, EXIT_CODE_FENCED};
        for (size_t i = 0; i < countof(codes); i++) {
                struct child child = child_in(CHILD_READY);
                ck_assert_int_eq(die(&child, 1, CHILD_END_EXITED, codes[i]), CHILD_EXIT_HOLD);
                ck_assert_int_eq(die(&child, 1, CHILD_END_NOT_STARTED, codes[i]), CHILD_EXIT_HOLD);
                /* A signal with that number is no exit code. */
                ck_assert_int_eq(die(&child, 1, CHILD_END_SIGNALED, codes[i]), CHILD_EXIT_AT_ONCE);
        }
}
END_TEST

START_TEST(child_that_must_load_anew_restarts_at_once_within_the_budget)
{
        struct child child = child_in(CHILD_READY);
        for (uint32_t i = 0; i < limits.restart_budget; i++)
                ck_assert_int_eq(die(&child, 1, CHILD_END_EXITED, EXIT_CODE_REHYDRATE), CHILD_EXIT_AT_ONCE);
        ck_assert_int_eq(die(&child, 1, CHILD_END_EXITED, EXIT_CODE_REHYDRATE), CHILD_EXIT_HOLD);
}
END_TEST

START_TEST(child_deaths_that_were_asked_for_are_free)
{
        struct child child = child_in(CHILD_READY);
        for (int i = 0; i < 20; i++) {
                child.state = CHILD_READY;
                child_step(&child, i % 2 == 0 ? CHILD_RESTART_ASKED : CHILD_KILL_ASKED, NOW, 0);
                ck_assert_int_eq(child_exit_event(&child, CHILD_END_SIGNALED, SIGKILL, NOW), CHILD_EXIT_AT_ONCE);
                child.state = CHILD_READY;
                child_expect_death(&child);
                ck_assert_int_eq(child_exit_event(&child, CHILD_END_SIGNALED, SIGKILL, NOW), CHILD_EXIT_AT_ONCE);
        }
        ck_assert_int_eq(child.deaths, 0);
        /* Only the one death that was asked for. */
        ck_assert_int_eq(die(&child, 1, CHILD_END_SIGNALED, SIGKILL), CHILD_EXIT_AT_ONCE);
        ck_assert_int_eq(child.deaths, 1);
}
END_TEST

START_TEST(child_stays_down_when_stopped_and_starts_when_asked_meanwhile)
{
        struct child child = child_in(CHILD_READY);
        child_step(&child, CHILD_STOP_ASKED, NOW, 0);
        ck_assert_int_eq(child_exit_event(&child, CHILD_END_EXITED, EXIT_CODE_CONFIG, NOW), CHILD_EXIT_DOWN);
        child = child_in(CHILD_READY);
        child_step(&child, CHILD_STOP_ASKED, NOW, 0);
        child_step(&child, CHILD_START_ASKED, NOW, 0);
        ck_assert_int_eq(child_exit_event(&child, CHILD_END_EXITED, 0, NOW), CHILD_EXIT_AT_ONCE);
}
END_TEST

START_TEST(child_prints_its_table)
{
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        ck_assert_int_eq(child_print_table(out), VERB_OK);
        fclose(out);
        ck_assert_ptr_nonnull(strstr(text, "ready -> draining [label=\"stop_asked / drain\"];"));
        ck_assert_ptr_null(strstr(text, "(null)"));
        free(text);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("child");
        TCase *table = tcase_create("table");
        tcase_add_test(table, child_every_cell_does_what_it_should);
        tcase_add_test(table, child_names_everything);
        tcase_add_test(table, child_prints_its_table);
        suite_add_tcase(suite, table);
        TCase *budget = tcase_create("budget");
        tcase_add_test(budget, child_delay_doubles_to_its_cap_with_jitter);
        tcase_add_test(budget, child_spends_its_budget_then_holds_and_tries_slowly);
        tcase_add_test(budget, child_has_its_budget_back_after_health_or_by_the_operator);
        tcase_add_test(budget, child_holds_at_once_when_a_restart_cannot_help);
        tcase_add_test(budget, child_that_must_load_anew_restarts_at_once_within_the_budget);
        tcase_add_test(budget, child_deaths_that_were_asked_for_are_free);
        tcase_add_test(budget, child_stays_down_when_stopped_and_starts_when_asked_meanwhile);
        suite_add_tcase(suite, budget);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
