/* The shipped table against the rules, section 2, written down a second time. */
#include "common/instrument.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/fixed.h"

START_TEST(shipped_instruments_are_those_of_the_rules)
{
        static const struct {
                const char *name;
                int64_t lot_size;
                int64_t point_value;
                int64_t margin;
                int64_t initial_x10;
                int64_t trailing_x10;
                int64_t max_pyramids;
                int64_t standin;
                int64_t initial_vol_bp;
                int64_t ongoing_vol_bp;
                int64_t tick_e6;
        } rules[] = {
                {"BANK_NIFTY", 30, 30, 270000, 15, 25, 5, 350, 50, 70, 50000},
                {"GOLD_MINI", 100, 10, 105000, 10, 20, 3, 450, 20, 30, 1000000},
                {"SILVER_MINI", 5, 5, 385000, 20, 30, 5, 1500, 20, 30, 1000000},
                {"COPPER", 2500, 2500, 300000, 30, 50, 3, 3, 20, 30, 50000},
        };
        ck_assert_uint_eq(instrument_defaults_count, countof(rules));
        for (size_t i = 0; i < countof(rules); i++) {
                const struct instrument *one = &instrument_defaults[i];
                ck_assert_str_eq(one->name, rules[i].name);
                ck_assert_int_eq(one->lot_size, rules[i].lot_size);
                ck_assert_int_eq(one->point_value, rules[i].point_value);
                ck_assert_int_eq(one->margin_per_lot, rules[i].margin);
                ck_assert_int_eq(one->initial_atr_x10, rules[i].initial_x10);
                ck_assert_int_eq(one->trailing_atr_x10, rules[i].trailing_x10);
                ck_assert_int_eq(one->max_pyramids, rules[i].max_pyramids);
                ck_assert_int_eq(one->standin_atr_e6, rules[i].standin * FIXED_ONE_E6);
                ck_assert_int_eq(one->initial_risk_bp, 100);
                ck_assert_int_eq(one->ongoing_risk_bp, 100);
                ck_assert_int_eq(one->initial_vol_bp, rules[i].initial_vol_bp);
                ck_assert_int_eq(one->ongoing_vol_bp, rules[i].ongoing_vol_bp);
                ck_assert_int_eq(one->tick_e6, rules[i].tick_e6);
                for (size_t at = strlen(one->name); at < PM_INSTRUMENT_NAME_SIZE; at++)
                        ck_assert_int_eq(one->name[at], 0);
        }
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("instrument");
        TCase *tcase = tcase_create("instrument");
        tcase_add_test(tcase, shipped_instruments_are_those_of_the_rules);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
