/* persister.c: the table of phases, walked cell by cell. The rest is tested with processes and a database. */
#include <check.h>
#include <stdlib.h>

#include "persister/persister.h"

START_TEST(a_lost_connection_is_possible_in_every_phase)
{
        enum persister_phase next = persister_phase_after((enum persister_phase)_i, PERSISTER_LOST);

        ck_assert_int_ne(next, PERSISTER_PHASE_END);
        /* Only a replica that was being read is given up. */
        bool had_replica = _i != PERSISTER_DOWN && _i != PERSISTER_LOADING;
        ck_assert_int_eq(next, had_replica ? PERSISTER_AWAY : PERSISTER_DOWN);
}
END_TEST

START_TEST(every_cell_is_as_the_rules_say)
{
        static const struct {
                enum persister_phase from;
                enum persister_event on;
                enum persister_phase to;
        } cells[] = {
                {PERSISTER_DOWN, PERSISTER_CONNECTED, PERSISTER_LOADING},
                {PERSISTER_LOADING, PERSISTER_LOADED, PERSISTER_SERVING},
                {PERSISTER_LOADING, PERSISTER_LOADED_APPEND, PERSISTER_APPENDING},
                {PERSISTER_APPENDING, PERSISTER_APPENDED, PERSISTER_SERVING},
                {PERSISTER_APPENDING, PERSISTER_DOUBT, PERSISTER_CHECKING},
                {PERSISTER_APPENDING, PERSISTER_RELOAD, PERSISTER_LOADING},
                {PERSISTER_SERVING, PERSISTER_DOUBT, PERSISTER_CHECKING},
                {PERSISTER_SERVING, PERSISTER_RELOAD, PERSISTER_LOADING},
                {PERSISTER_AWAY, PERSISTER_CONNECTED, PERSISTER_CHECKING},
                {PERSISTER_CHECKING, PERSISTER_CHECKED, PERSISTER_SERVING},
                {PERSISTER_CHECKING, PERSISTER_CHECKED_OWN, PERSISTER_APPENDING},
                {PERSISTER_CHECKING, PERSISTER_RELOAD, PERSISTER_LOADING},
        };

        for (int phase = 0; phase < PERSISTER_PHASE_END; phase++) {
                ck_assert_ptr_nonnull(persister_phase_name((enum persister_phase)phase));
                for (int event = 0; event < PERSISTER_EVENT_END; event++) {
                        enum persister_phase expected = PERSISTER_PHASE_END;
                        ck_assert_ptr_nonnull(persister_event_name((enum persister_event)event));
                        if (event == PERSISTER_LOST)
                                continue;
                        for (size_t i = 0; i < countof(cells); i++)
                                if ((int)cells[i].from == phase && (int)cells[i].on == event)
                                        expected = cells[i].to;
                        ck_assert_int_eq(persister_phase_after((enum persister_phase)phase, (enum persister_event)event), expected);
                }
        }
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("persister");
        TCase *tests = tcase_create("persister");

        tcase_add_loop_test(tests, a_lost_connection_is_possible_in_every_phase, 0, PERSISTER_PHASE_END);
        tcase_add_test(tests, every_cell_is_as_the_rules_say);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
