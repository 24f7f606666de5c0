/* intake.c: only whole batches of the one writer, in order, are new. */
#include <check.h>
#include <stdlib.h>

#include "persister/intake.h"

#define COUNT 6

/* Signals of one, three and two events. */
static struct event items[COUNT] = {
        {.kind = EVENT_TICK, .more = false},           {.kind = EVENT_SIGNAL, .more = true},
        {.kind = EVENT_POSITION_CLOSED, .more = true}, {.kind = EVENT_POSITION_CLOSED, .more = false},
        {.kind = EVENT_SIGNAL, .more = true},          {.kind = EVENT_POSITION_OPENED, .more = false},
};

static struct event_span
span(uint32_t first, uint32_t count)
{
        return (struct event_span){items + first, count};
}

START_TEST(takes_nothing_before_it_is_opened)
{
        struct intake intake;
        uint32_t skip;

        intake_init(&intake);
        ck_assert_int_eq(intake_check(&intake, 1, 1, span(0, 1), &skip), INTAKE_OLD);
        ck_assert_int_eq(intake_check(&intake, 0, 1, span(0, 1), &skip), INTAKE_OLD);
}
END_TEST

START_TEST(takes_what_follows_and_counts_it)
{
        struct intake intake;
        uint32_t skip = 9;

        intake_init(&intake);
        intake_open(&intake, 3, 10);
        ck_assert_int_eq(intake_check(&intake, 3, 11, span(0, 4), &skip), INTAKE_TAKE);
        ck_assert_uint_eq(skip, 0);
        intake_taken(&intake, 4);
        ck_assert_uint_eq(intake.next_seq, 15);
        ck_assert_int_eq(intake_check(&intake, 3, 15, span(4, 2), &skip), INTAKE_TAKE);
}
END_TEST

START_TEST(refuses_older_and_unknown_incarnations)
{
        struct intake intake;
        uint32_t skip;

        intake_init(&intake);
        intake_open(&intake, 3, 10);
        ck_assert_int_eq(intake_check(&intake, 2, 11, span(0, 1), &skip), INTAKE_OLD);
        ck_assert_int_eq(intake_check(&intake, 4, 11, span(0, 1), &skip), INTAKE_OLD);
        intake_open(&intake, 4, 10);
        ck_assert_int_eq(intake_check(&intake, 3, 11, span(0, 1), &skip), INTAKE_OLD);
        ck_assert_int_eq(intake_check(&intake, 4, 11, span(0, 1), &skip), INTAKE_TAKE);
}
END_TEST

START_TEST(knows_repeats_and_skips_their_known_part)
{
        struct intake intake;
        uint32_t skip;

        intake_init(&intake);
        intake_open(&intake, 1, 4);
        ck_assert_int_eq(intake_check(&intake, 1, 1, span(0, 4), &skip), INTAKE_KNOWN);
        ck_assert_int_eq(intake_check(&intake, 1, 1, span(0, 6), &skip), INTAKE_TAKE);
        ck_assert_uint_eq(skip, 4);
        ck_assert_int_eq(intake_check(&intake, 1, 5, span(0, 0), &skip), INTAKE_KNOWN);
}
END_TEST

START_TEST(names_a_gap)
{
        struct intake intake;
        uint32_t skip;

        intake_init(&intake);
        intake_open(&intake, 1, 4);
        ck_assert_int_eq(intake_check(&intake, 1, 6, span(0, 1), &skip), INTAKE_GAP);
}
END_TEST

START_TEST(refuses_to_split_a_signal)
{
        struct intake intake;
        uint32_t skip;

        intake_init(&intake);
        intake_open(&intake, 1, 0);
        ck_assert_int_eq(intake_check(&intake, 1, 1, span(0, 2), &skip), INTAKE_BROKEN);
        intake_open(&intake, 1, 2);
        ck_assert_int_eq(intake_check(&intake, 1, 1, span(0, 4), &skip), INTAKE_BROKEN);
}
END_TEST

START_TEST(refuses_numbers_that_wrap)
{
        struct intake intake;
        uint32_t skip;

        intake_init(&intake);
        intake_open(&intake, 1, 0);
        ck_assert_int_eq(intake_check(&intake, 1, 0, span(0, 1), &skip), INTAKE_BROKEN);
        ck_assert_int_eq(intake_check(&intake, 1, UINT64_MAX, span(0, 4), &skip), INTAKE_BROKEN);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("intake");
        TCase *tests = tcase_create("intake");

        tcase_add_test(tests, takes_nothing_before_it_is_opened);
        tcase_add_test(tests, takes_what_follows_and_counts_it);
        tcase_add_test(tests, refuses_older_and_unknown_incarnations);
        tcase_add_test(tests, knows_repeats_and_skips_their_known_part);
        tcase_add_test(tests, names_a_gap);
        tcase_add_test(tests, refuses_to_split_a_signal);
        tcase_add_test(tests, refuses_numbers_that_wrap);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
