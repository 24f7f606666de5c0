/* sizing.c, gates.c, portfolio.c, peel.c, quote.c: exact at the boundaries. The vectors of tests/replay cover the rest. */
#include <check.h>
#include <stdlib.h>

#include "common/fixed.h"
#include "worker/core/gates.h"
#include "worker/core/peel.h"
#include "worker/core/quote.h"
#include "worker/core/sizing.h"

#define E6(x) ((int64_t)((x)*FIXED_ONE_E6))
#define GOLD (&instrument_defaults[1])

static struct sizing_base_input
base_input(void)
{
        return (struct sizing_base_input){.price_e6 = E6(72000),
                                          .stop_e6 = E6(71500),
                                          .atr_e6 = E6(500),
                                          .er_e6 = E6(1),
                                          .equity_high_e6 = E6(5000000),
                                          .usable_margin_e6 = E6(3000000)};
}

START_TEST(base_lots_are_floored)
{
        struct sizing_base_input in = base_input();
        struct sizing_base size;
        sizing_base_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.lots, 10); /* 50,000 / 5,000 exactly */
        in.equity_high_e6 -= 1;
        sizing_base_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.lots, 9);
        ck_assert_int_eq(size.by_risk_e6, E6(10)); /* reported rounded, decided exactly */
}
END_TEST

START_TEST(equal_limits_name_risk)
{
        struct sizing_base_input in = base_input();
        struct sizing_base size;
        in.usable_margin_e6 = E6(1050000); /* ten lots too */
        sizing_base_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.limiter, LIMITER_RISK);
        in.usable_margin_e6 -= 1;
        sizing_base_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.limiter, LIMITER_MARGIN);
        ck_assert_int_eq(size.lots, 9);
}
END_TEST

START_TEST(largest_inputs_do_not_wrap)
{
        struct instrument most = *GOLD;
        most.point_value = 10000;
        most.margin_per_lot = 1000000000;
        most.initial_risk_bp = 10000;
        most.initial_vol_bp = 10000;
        const struct sizing_base_input in = {.price_e6 = FIXED_PRICE_MAX_E6,
                                             .stop_e6 = 1,
                                             .atr_e6 = 1,
                                             .er_e6 = E6(1),
                                             .equity_high_e6 = 10 * FIXED_MONEY_MAX_E6,
                                             .usable_margin_e6 = 6 * FIXED_MONEY_MAX_E6};
        struct sizing_base size;
        sizing_base_lots(&most, &in, &size);
        ck_assert_int_eq(size.limiter, LIMITER_RISK);
        ck_assert_int_eq(size.lots, 10);
        ck_assert_int_eq(size.by_vol_e6, FIXED_RATIO_MAX_E6); /* saturated */
}
END_TEST

START_TEST(smallest_distance_gives_too_many_lots_not_a_wrap)
{
        struct sizing_base_input in = base_input();
        struct sizing_base size;
        in.stop_e6 = in.price_e6 - 1;
        in.usable_margin_e6 = FIXED_MONEY_MAX_E6;
        in.equity_high_e6 = FIXED_MONEY_MAX_E6;
        sizing_base_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.limiter, LIMITER_MARGIN);
        ck_assert_int_eq(size.lots, 952380);
}
END_TEST

START_TEST(stop_above_price_is_invalid_risk)
{
        struct sizing_base_input in = base_input();
        struct sizing_base size;
        in.stop_e6 = in.price_e6;
        sizing_base_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.limiter, LIMITER_INVALID_RISK);
        ck_assert_int_eq(size.lots, 0);
}
END_TEST

START_TEST(pyramid_names_the_first_smallest)
{
        struct sizing_pyramid_input in = {
                .price_e6 = E6(73000), .stop_e6 = E6(72500), .usable_margin_e6 = E6(525000), .base_lots = 10, .halvings = 0};
        struct sizing_pyramid size;
        in.excess_e6 = E6(50000); /* 5 = 5 = 5 */
        sizing_pyramid_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.lots, 5);
        ck_assert_int_eq(size.limiter, LIMITER_MARGIN);
        in.usable_margin_e6 += E6(105000);
        sizing_pyramid_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.limiter, LIMITER_GEOMETRIC);
        in.excess_e6 -= 1;
        sizing_pyramid_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.limiter, LIMITER_RISK_BUDGET);
        ck_assert_int_eq(size.lots, 4);
        in.halvings = 4;
        sizing_pyramid_lots(GOLD, &in, &size);
        ck_assert_int_eq(size.lots, 0);
}
END_TEST

START_TEST(excess_is_never_negative)
{
        ck_assert(sizing_excess(E6(72500), E6(72000), E6(71500), 7, 10) == 0);
        ck_assert(sizing_excess(E6(72501), E6(72000), E6(71500), 7, 10) == E6(70));
        ck_assert(sizing_excess(E6(70000), E6(72000), E6(71500), 7, 10) == 0);
}
END_TEST

START_TEST(gate_passes_exactly_at_its_limit)
{
        const struct portfolio_totals totals = {.closed_equity_e6 = E6(1000000), .risk_e6 = E6(100000)};
        struct gates_portfolio gate;
        gates_portfolio(&totals, &gates_base_limits, E6(50000), E6(50000), &gate);
        ck_assert_int_eq(gate.verdict, GATES_PASS);
        ck_assert_int_eq(gate.risk_percent_e6, E6(15));
        gates_portfolio(&totals, &gates_base_limits, E6(50000) + 1, E6(50000) + 1, &gate);
        ck_assert_int_eq(gate.verdict, GATES_RISK); /* risk is named before volatility */
        gates_portfolio(&totals, &gates_base_limits, E6(50000), E6(50000) + 1, &gate);
        ck_assert_int_eq(gate.verdict, GATES_VOL);
        gates_portfolio(&totals, &gates_base_limits, FIXED_MONEY_MAX_E6 + (fixed_wide)1, 0, &gate);
        ck_assert_int_eq(gate.verdict, GATES_OVERFLOW);
}
END_TEST

START_TEST(gate_is_shut_without_equity)
{
        struct portfolio_totals totals = {.closed_equity_e6 = E6(1), .unrealized_e6 = E6(-2)};
        struct gates_portfolio gate;
        gates_portfolio(&totals, &gates_base_limits, 0, 0, &gate);
        ck_assert_int_eq(gate.verdict, GATES_NO_EQUITY);
        totals.unrealized_e6 = E6(-2) + 2;
        gates_portfolio(&totals, &gates_base_limits, 0, 0, &gate);
        ck_assert_int_eq(gate.verdict, GATES_PASS);
}
END_TEST

START_TEST(pyramid_gate_wants_more_than_one_r)
{
        const struct portfolio_totals totals = {.closed_equity_e6 = E6(5000000)};
        struct gates_pyramid_input in = {.price_e6 = E6(72500),
                                         .stop_e6 = E6(72000),
                                         .atr_e6 = E6(500),
                                         .point_value = 10,
                                         .base_entry_e6 = E6(72000),
                                         .base_stop_e6 = E6(71500),
                                         .last_pyramid_e6 = E6(72000),
                                         .has_position = true,
                                         .profit_e6 = 1};
        struct gates_pyramid gate;
        gates_pyramid(&totals, &in, &gate);
        ck_assert_int_eq(gate.instrument, REASON_BELOW_1R);
        in.price_e6 += 1;
        gates_pyramid(&totals, &in, &gate);
        ck_assert_int_eq(gate.instrument, REASON_NONE);
        in.last_pyramid_e6 = in.price_e6 - E6(250);
        gates_pyramid(&totals, &in, &gate);
        ck_assert_int_eq(gate.instrument, REASON_NONE); /* half an ATR is enough */
        in.last_pyramid_e6 += 1;
        in.profit_e6 = 0;
        gates_pyramid(&totals, &in, &gate);
        ck_assert_int_eq(gate.instrument, REASON_ATR_SPACING);
        ck_assert_int_eq(gate.portfolio, REASON_NONE);
        ck_assert_int_eq(gate.profit, REASON_NOT_PROFITABLE);
        in.base_stop_e6 = in.base_entry_e6;
        gates_pyramid(&totals, &in, &gate);
        ck_assert_int_eq(gate.instrument, REASON_INVALID_INITIAL_RISK);
}
END_TEST

START_TEST(usable_margin_is_sixty_percent_less_what_is_used)
{
        ck_assert_int_eq(portfolio_usable_margin(E6(5000000), E6(1000000)), E6(2000000));
        ck_assert_int_eq(portfolio_usable_margin(E6(5000000), E6(3000001)), 0);
        ck_assert_int_eq(portfolio_usable_margin(1, 0), 0); /* floored to the micro */
}
END_TEST

START_TEST(withdrawal_never_goes_below_nothing)
{
        struct portfolio_totals totals = {.closed_equity_e6 = E6(10), .equity_high_e6 = E6(12)};
        ck_assert_int_eq(portfolio_move_capital(&totals, -E6(10) - 1), REASON_NO_EQUITY);
        ck_assert_int_eq(portfolio_move_capital(&totals, 0), REASON_OVERFLOW);
        ck_assert_int_eq(portfolio_move_capital(&totals, FIXED_MONEY_MAX_E6 + 1), REASON_OVERFLOW);
        ck_assert_int_eq(totals.closed_equity_e6, E6(10));
        ck_assert_int_eq(portfolio_move_capital(&totals, -E6(10)), REASON_NONE);
        ck_assert_int_eq(totals.closed_equity_e6, 0);
        ck_assert_int_eq(totals.equity_high_e6, E6(2)); /* the drawdown in rupees stays */
}
END_TEST

START_TEST(peel_off_never_asks_for_more_than_there_is)
{
        struct peel peel;
        peel_off(GOLD, E6(50000), E6(15000), E6(5000000), 10, &peel);
        ck_assert_int_eq(peel.lots, 0);
        peel_off(GOLD, E6(50000) + 1, E6(15000), E6(5000000), 10, &peel);
        ck_assert_int_eq(peel.lots, 1);
        ck_assert(peel.by_risk && !peel.by_vol);
        peel_off(GOLD, FIXED_MONEY_MAX_E6, FIXED_MONEY_MAX_E6, 1, FIXED_LOTS_MAX, &peel);
        ck_assert_int_eq(peel.lots, FIXED_LOTS_MAX);
        ck_assert(peel.by_risk && peel.by_vol);
}
END_TEST

START_TEST(quote_limits_are_inclusive)
{
        struct quote_check check;
        quote_check(SIGNAL_BASE_ENTRY, E6(1000), E6(900), E6(1020), 10, &check);
        ck_assert_int_eq(check.verdict, QUOTE_OK);
        quote_check(SIGNAL_BASE_ENTRY, E6(1000), E6(900), E6(1020) + 1, 10, &check);
        ck_assert_int_eq(check.verdict, QUOTE_DIVERGENCE);
        quote_check(SIGNAL_PYRAMID, E6(1000), E6(950), E6(1010), 12, &check);
        ck_assert_int_eq(check.verdict, QUOTE_OK);
        ck_assert_int_eq(check.lots, 10); /* 12 x 50 / 60 */
        quote_check(SIGNAL_PYRAMID, E6(1000), E6(951), E6(1010), 12, &check);
        ck_assert_int_eq(check.verdict, QUOTE_RISK_INCREASE);
        quote_check(SIGNAL_PYRAMID, E6(1000), E6(995), E6(995), 12, &check);
        ck_assert_int_eq(check.verdict, QUOTE_BELOW_STOP);
        quote_check(SIGNAL_EXIT, E6(1000), 0, E6(990), 12, &check);
        ck_assert_int_eq(check.verdict, QUOTE_OK);
        quote_check(SIGNAL_EXIT, E6(1000), 0, E6(990) - 1, 12, &check);
        ck_assert_int_eq(check.verdict, QUOTE_EXIT_UNFAVOURABLE);
        ck_assert_str_eq(quote_verdict_name(check.verdict), "exit_unfavourable");
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("sizing");
        TCase *sizing = tcase_create("sizing");
        tcase_add_test(sizing, base_lots_are_floored);
        tcase_add_test(sizing, equal_limits_name_risk);
        tcase_add_test(sizing, largest_inputs_do_not_wrap);
        tcase_add_test(sizing, smallest_distance_gives_too_many_lots_not_a_wrap);
        tcase_add_test(sizing, stop_above_price_is_invalid_risk);
        tcase_add_test(sizing, pyramid_names_the_first_smallest);
        tcase_add_test(sizing, excess_is_never_negative);
        suite_add_tcase(suite, sizing);
        TCase *gates = tcase_create("gates");
        tcase_add_test(gates, gate_passes_exactly_at_its_limit);
        tcase_add_test(gates, gate_is_shut_without_equity);
        tcase_add_test(gates, pyramid_gate_wants_more_than_one_r);
        suite_add_tcase(suite, gates);
        TCase *money = tcase_create("money");
        tcase_add_test(money, usable_margin_is_sixty_percent_less_what_is_used);
        tcase_add_test(money, withdrawal_never_goes_below_nothing);
        tcase_add_test(money, peel_off_never_asks_for_more_than_there_is);
        tcase_add_test(money, quote_limits_are_inclusive);
        suite_add_tcase(suite, money);

        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
