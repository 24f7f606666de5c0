/* The calendar against the C library's, and a clock that does not go back. */
#include "common/clock.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

START_TEST(clock_counts_days_as_the_c_library_does)
{
        for (int64_t day = -720000; day < 2900000; day += 37) {
                time_t seconds = (time_t)(day * 86400);
                struct tm tm;
                ck_assert_ptr_nonnull(gmtime_r(&seconds, &tm));
                if (tm.tm_year + 1900 < 1 || tm.tm_year + 1900 > 9999)
                        continue;
                ck_assert_int_eq(clock_days_of(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday), day);
                char expected[64];
                char text[CLOCK_TEXT_SIZE];
                snprintf(expected, sizeof expected, "%04d-%02d-%02dT23:59:59.999999Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
                clock_format_us((day + 1) * 86400000000LL - 1, text);
                ck_assert_str_eq(text, expected);
        }
}
END_TEST

START_TEST(clock_knows_leap_years)
{
        ck_assert_int_eq(clock_month_days(2024, 2), 29);
        ck_assert_int_eq(clock_month_days(2026, 2), 28);
        ck_assert_int_eq(clock_month_days(2000, 2), 29);
        ck_assert_int_eq(clock_month_days(2100, 2), 28);
        ck_assert_int_eq(clock_month_days(2026, 0), 0);
        ck_assert_int_eq(clock_month_days(2026, 13), 0);
}
END_TEST

START_TEST(clock_cuts_to_whole_seconds)
{
        char text[CLOCK_TEXT_SIZE];
        clock_format_s(1795489200999999, text);
        ck_assert_str_eq(text, "2026-11-24T03:00:00Z");
}
END_TEST

START_TEST(clock_monotonic_never_goes_back)
{
        int64_t before = clock_monotonic_us();
        for (int i = 0; i < 1000; i++) {
                int64_t now = clock_monotonic_us();
                ck_assert_int_ge(now, before);
                before = now;
        }
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("clock");
        TCase *tcase = tcase_create("clock");
        tcase_add_test(tcase, clock_counts_days_as_the_c_library_does);
        tcase_add_test(tcase, clock_knows_leap_years);
        tcase_add_test(tcase, clock_cuts_to_whole_seconds);
        tcase_add_test(tcase, clock_monotonic_never_goes_back);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
