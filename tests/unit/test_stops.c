/* stops.c and what a MARKET_DATA does with it. */
#include "tests/unit/core_fixture.h"
#include "worker/core/stops.h"

START_TEST(initial_stop_rounds_to_the_nearest_micro)
{
        ck_assert_int_eq(stops_initial(E6(72000), E6(500), 10), E6(71500));
        ck_assert_int_eq(stops_initial(100, 3, 15), 95); /* 4.5 away: five */
        ck_assert_int_eq(stops_initial(100, 1, 14), 99); /* 1.4 away: one */
        ck_assert_int_eq(stops_initial(E6(1), E6(2), 10), E6(-1));
}
END_TEST

START_TEST(stop_never_falls)
{
        int64_t highest_e6 = E6(100);
        int64_t stop_e6 = E6(90);
        ck_assert(!stops_trail(&highest_e6, &stop_e6, E6(110), E6(5), 20));
        ck_assert_int_eq(highest_e6, E6(110));
        ck_assert_int_eq(stop_e6, E6(100));
        ck_assert(!stops_trail(&highest_e6, &stop_e6, E6(105), E6(50), 20)); /* a wider ATR does not lower it */
        ck_assert_int_eq(highest_e6, E6(110));
        ck_assert_int_eq(stop_e6, E6(100));
}
END_TEST

START_TEST(price_at_the_stop_is_no_hit)
{
        int64_t highest_e6 = E6(110);
        int64_t stop_e6 = E6(100);
        ck_assert(!stops_trail(&highest_e6, &stop_e6, E6(100), E6(5), 20));
        ck_assert(stops_trail(&highest_e6, &stop_e6, E6(100) - 1, E6(5), 20));
}
END_TEST

START_TEST(stop_is_moved_before_it_is_compared)
{
        int64_t highest_e6 = E6(110);
        int64_t stop_e6 = E6(100);
        /* A narrower ATR lifts the stop to 108 and the price is then below it. */
        ck_assert(stops_trail(&highest_e6, &stop_e6, E6(107), E6(1), 20));
        ck_assert_int_eq(stop_e6, E6(108));
}
END_TEST

START_TEST(tick_trails_marks_and_stops)
{
        struct fixture f;
        struct signal signal = gold_base(0);
        struct core_position position;
        struct core_figures figures;

        fixture_init(&f, E6(5000000));
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        signal = gold_tick(73200, 60);
        fixture_expect(&f, &signal, OUTCOME_PROCESSED, REASON_NONE);
        ck_assert_int_eq(f.list.count, 2);
        ck_assert_int_eq(f.list.items[0].kind, EVENT_TICK);
        ck_assert(f.list.items[0].more && !f.list.items[1].more);
        ck_assert_int_eq(f.list.items[1].kind, EVENT_POSITION_TRAILED);
        ck_assert(core_position_of(f.core, signal.instrument, 1, &position));
        ck_assert_int_eq(position.position.current_stop_e6, E6(72200));
        ck_assert_int_eq(position.unrealized_e6, E6(1200 * 7 * 10));
        core_figures(f.core, &figures);
        ck_assert_int_eq(figures.blended_equity_e6, E6(5000000 + 42000));
        ck_assert_int_eq(figures.risk_amount_e6, 0);

        signal = gold_tick(72300, 120); /* nothing moves but the mark */
        fixture_expect(&f, &signal, OUTCOME_PROCESSED, REASON_NONE);
        ck_assert_int_eq(f.list.count, 1);
        signal = gold_tick(72199, 180);
        fixture_expect(&f, &signal, OUTCOME_PROCESSED, REASON_NONE);
        ck_assert_int_eq(f.decision.closed_count, 1);
        ck_assert_int_eq(f.decision.closed_layers[0], 1);
        ck_assert_int_eq(f.decision.pnl_e6, E6(199 * 7 * 10));
        ck_assert_int_eq(f.list.items[1].closed.cause, CLOSE_PM_STOP_HIT);
        ck_assert_int_eq(f.list.items[1].closed.exit_at_us, signal.signal_at_us);
        fixture_fini(&f);
}
END_TEST

START_TEST(older_tick_is_stale_an_equal_one_is_not)
{
        struct fixture f;
        struct signal signal = gold_tick(72000, 60);
        fixture_init(&f, E6(5000000));
        fixture_expect(&f, &signal, OUTCOME_PROCESSED, REASON_NONE);
        signal.signal_at_us -= 1;
        fixture_expect(&f, &signal, OUTCOME_IGNORED, REASON_STALE);
        ck_assert_int_eq(f.list.count, 0);
        signal.signal_at_us += 1;
        fixture_expect(&f, &signal, OUTCOME_PROCESSED, REASON_NONE);
        fixture_fini(&f);
}
END_TEST

START_TEST(position_is_marked_by_ticks_after_its_opening_only)
{
        struct fixture f;
        struct signal signal = gold_tick(72500, 0);
        struct core_position position;
        fixture_init(&f, E6(5000000));
        fixture_play(&f, &signal);
        signal = gold_base(1);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert(core_position_of(f.core, signal.instrument, 1, &position));
        ck_assert(!position.marked);
        ck_assert_int_eq(position.unrealized_e6, 0);
        signal = gold_tick(72100, 2);
        fixture_play(&f, &signal);
        ck_assert(core_position_of(f.core, signal.instrument, 1, &position));
        ck_assert(position.marked);
        ck_assert_int_eq(position.unrealized_e6, E6(100 * 7 * 10));
        fixture_fini(&f);
}
END_TEST

START_TEST(absurd_tick_is_refused_whole)
{
        struct fixture f;
        struct signal signal = gold_base(0);
        fixture_init(&f, E6(50000000000));
        signal.price_e6 = E6(50);
        signal.stop_e6 = E6(49);
        signal.atr_e6 = E6(1);
        signal.er_e6 = E6(1);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        struct digest before = core_digest(f.core);
        signal = gold_tick(10000000, 1); /* 285,714 lots x 10 x 1e7 */
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_OVERFLOW);
        ck_assert_int_eq(f.list.count, 0);
        ck_assert(core_digest_equal(before, core_digest(f.core)));
        signal = gold_exit(1, 10000000, 2);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_OVERFLOW);
        signal = gold_exit(1, 60, 200);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        fixture_fini(&f);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("stops");
        TCase *tcase = tcase_create("stops");
        tcase_add_test(tcase, initial_stop_rounds_to_the_nearest_micro);
        tcase_add_test(tcase, stop_never_falls);
        tcase_add_test(tcase, price_at_the_stop_is_no_hit);
        tcase_add_test(tcase, stop_is_moved_before_it_is_compared);
        tcase_add_test(tcase, tick_trails_marks_and_stops);
        tcase_add_test(tcase, older_tick_is_stale_an_equal_one_is_not);
        tcase_add_test(tcase, position_is_marked_by_ticks_after_its_opening_only);
        tcase_add_test(tcase, absurd_tick_is_refused_whole);
        suite_add_tcase(suite, tcase);

        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
