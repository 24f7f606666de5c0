/* rules.c: which check refuses an entry, and with which figures. */
#include "tests/unit/core_fixture.h"
#include "worker/core/rules.h"

static void
open_gold(struct fixture *f)
{
        struct signal signal = gold_base(0);
        fixture_init(f, E6(5000000));
        fixture_expect(f, &signal, OUTCOME_EXECUTED, REASON_NONE);
}

static int64_t
figure(const struct fixture *f, enum figure_id id)
{
        for (uint8_t i = 0; i < f->decision.figures.count; i++)
                if (f->decision.figures.items[i].id == id)
                        return f->decision.figures.items[i].value_e6;
        ck_abort_msg("no figure %s", event_figure_name((int)id));
        return 0;
}

START_TEST(every_row_names_its_section_and_a_reason)
{
        const enum signal_type types[] = {SIGNAL_BASE_ENTRY, SIGNAL_PYRAMID};
        for (size_t t = 0; t < countof(types); t++) {
                const char *section;
                enum reason reason;
                uint32_t rows = 0;
                for (; rules_row(types[t], rows, &section, &reason); rows++) {
                        ck_assert(section[0] >= '1' && section[0] <= '9');
                        ck_assert(reason > REASON_NONE && reason < REASON_END);
                }
                ck_assert_uint_gt(rows, 10);
        }
}
END_TEST

/* The page that traders read, whole. */
static char *
read_page(void)
{
        static char page[65536];
        char path[4096];
        const char *srcdir = getenv("srcdir");
        snprintf(path, sizeof path, "%s/docs/TRADING_RULES.md", srcdir != NULL ? srcdir : ".");
        FILE *file = fopen(path, "r");
        ck_assert_msg(file != NULL, "%s cannot be read", path);
        page[fread(page, 1, sizeof page - 1, file)] = '\0';
        fclose(file);
        return page;
}

START_TEST(page_has_every_reason_and_every_cited_section)
{
        const enum signal_type types[] = {SIGNAL_BASE_ENTRY, SIGNAL_PYRAMID};
        const char *page = read_page();
        char text[64];
        for (int reason = REASON_NONE + 1; reason < REASON_END; reason++) {
                if (reason == REASON_PAUSED)
                        continue; /* answered trading_paused */
                snprintf(text, sizeof text, "`%s`", event_reason_name(reason));
                ck_assert_msg(strstr(page, text) != NULL, "%s is not explained", text);
        }
        for (size_t t = 0; t < countof(types); t++) {
                const char *section;
                enum reason reason;
                for (uint32_t i = 0; rules_row(types[t], i, &section, &reason); i++) {
                        int number = atoi(section);
                        const char *step = strchr(section, '.');
                        snprintf(text, sizeof text, "\n## %d. ", number);
                        const char *found = strstr(page, text);
                        ck_assert_msg(found != NULL, "section %d is not there", number);
                        if (step == NULL)
                                continue;
                        const char *end = strstr(found + 1, "\n## ");
                        snprintf(text, sizeof text, "\n%s. ", step + 1);
                        found = strstr(found, text);
                        ck_assert_msg(found != NULL && (end == NULL || found < end), "step %s is not there", section);
                }
        }
}
END_TEST

START_TEST(base_goes_to_the_first_layer_of_a_flat_instrument)
{
        struct fixture f;
        struct signal signal = gold_base(0);
        fixture_init(&f, E6(5000000));
        signal.layer = 2;
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_LAYER_MISMATCH);
        signal.layer = 0;
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_LAYER_MISMATCH);
        signal.layer = 1;
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert_int_eq(f.decision.lots, 7);
        ck_assert_int_eq(figure(&f, FIGURE_LOTS_BY_RISK), 7500000);
        ck_assert_int_eq(figure(&f, FIGURE_USABLE_MARGIN), E6(3000000));
        signal.signal_at_us += SECONDS_US(61);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ALREADY_OPEN);
        fixture_fini(&f);
}
END_TEST

START_TEST(base_is_refused_by_the_first_check_that_fails)
{
        struct fixture f;
        struct signal good = gold_base(0);
        struct signal signal = good;
        fixture_init(&f, E6(5000000));
        signal.atr_e6 = 0;
        signal.stop_e6 = E6(73000);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ZERO_ATR);
        signal = good;
        signal.signal_at_us += SECONDS_US(61);
        signal.stop_e6 = E6(72000);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_INVALID_RISK);
        ck_assert_int_eq(f.decision.limiter, LIMITER_INVALID_RISK);
        signal = good;
        signal.signal_at_us += SECONDS_US(122);
        signal.er_e6 = 0;
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ZERO_LOTS_RISK);
        ck_assert_int_eq(figure(&f, FIGURE_LOTS_BY_RISK), 0);
        signal = good;
        signal.signal_at_us += SECONDS_US(183);
        signal.atr_e6 = E6(72000);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_INVALID_INITIAL_STOP);
        ck_assert_int_eq(figure(&f, FIGURE_INITIAL_STOP), 0);
        signal = good;
        signal.signal_at_us += SECONDS_US(244);
        signal.atr_e6 = E6(3572); /* 7 lots x 10 x 3,572 is 5 % and more */
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_PORTFOLIO_VOL);
        ck_assert_int_eq(figure(&f, FIGURE_LIMIT_PERCENT), E6(5));
        ck_assert_int_eq(figure(&f, FIGURE_VOL_ADDED), E6(250040));
        fixture_fini(&f);
}
END_TEST

START_TEST(margin_that_is_used_is_not_used_again)
{
        struct fixture f;
        struct signal signal = signal_of(SIGNAL_BASE_ENTRY, "SILVER_MINI", 1, 0);
        fixture_init(&f, E6(1000000));
        signal.price_e6 = E6(95000);
        signal.stop_e6 = E6(94900);
        signal.atr_e6 = E6(900);
        signal.er_e6 = E6(1);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert_int_eq(f.decision.lots, 1);
        ck_assert_int_eq(f.decision.limiter, LIMITER_MARGIN);
        signal = gold_base(61);
        signal.stop_e6 = E6(71900);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE); /* 215,000 are left: two lots */
        ck_assert_int_eq(f.decision.lots, 2);
        signal = signal_of(SIGNAL_BASE_ENTRY, "COPPER", 1, 0);
        signal.price_e6 = E6(900);
        signal.stop_e6 = E6(899);
        signal.atr_e6 = E6(1);
        signal.er_e6 = E6(1);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ZERO_LOTS_MARGIN);
        ck_assert_int_eq(figure(&f, FIGURE_USABLE_MARGIN), E6(5000));
        fixture_fini(&f);
}
END_TEST

START_TEST(pyramid_needs_a_base_and_its_own_free_layer)
{
        struct fixture f;
        struct signal signal = gold_pyramid(2, 73000, 0);
        fixture_init(&f, E6(5000000));
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_NO_BASE);
        fixture_fini(&f);
        open_gold(&f);
        signal = gold_pyramid(1, 73000, 0);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_LAYER_MISMATCH);
        signal = gold_pyramid(0, 73000, 0);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_LAYER_MISMATCH);
        signal = gold_pyramid(5, 73000, 0);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_MAX_PYRAMIDS);
        ck_assert_int_eq(figure(&f, FIGURE_PYRAMIDS_MAX), E6(3));
        signal = gold_pyramid(3, 74000, 0); /* layers need not follow each other */
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert_int_eq(f.decision.lots, 1);
        ck_assert_int_eq(f.decision.limiter, LIMITER_GEOMETRIC);
        signal.signal_at_us += SECONDS_US(61);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_LAYER_OPEN);
        signal = gold_pyramid(2, 74100, 0); /* the spacing counts from the layer that was opened last */
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ATR_SPACING);
        ck_assert_int_eq(figure(&f, FIGURE_ATR_SPACING), 200000);
        fixture_fini(&f);
}
END_TEST

START_TEST(pyramid_below_one_r_says_how_far_it_was)
{
        struct fixture f;
        struct signal signal = gold_pyramid(2, 72500, 0);
        open_gold(&f);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_BELOW_1R);
        ck_assert_int_eq(figure(&f, FIGURE_ONE_R), E6(500));
        ck_assert_int_eq(figure(&f, FIGURE_PRICE_MOVE), E6(500));
        ck_assert_int_eq(figure(&f, FIGURE_PRICE_MOVE_R), E6(1));
        fixture_fini(&f);
}
END_TEST

START_TEST(base_closed_alone_leaves_its_pyramids)
{
        struct fixture f;
        struct signal signal = gold_pyramid(2, 73000, 0);
        struct event_load_instrument state;
        open_gold(&f);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        signal = gold_exit(1, 73000, 10);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert_int_eq(f.decision.pnl_e6, E6(1000 * 7 * 10));
        ck_assert(core_instrument_state(f.core, signal.instrument, &state));
        ck_assert_uint_eq(state.base_position_no, 0);
        ck_assert_int_eq(state.last_pyramid_price_e6, 0);
        signal = gold_pyramid(3, 74000, 20);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_NO_BASE);
        signal = gold_base(100);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ALREADY_OPEN);
        signal = gold_exit(0, 73500, 100);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert_int_eq(f.decision.closed_count, 1);
        ck_assert_int_eq(f.decision.closed_layers[0], 2);
        signal = gold_base(200);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert_uint_eq(f.list.items[1].position.position_no, 3); /* numbers are never used again */
        fixture_fini(&f);
}
END_TEST

START_TEST(exit_closes_all_layers_in_order)
{
        struct fixture f;
        struct signal signal = gold_pyramid(3, 73000, 0);
        open_gold(&f);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        signal = gold_exit(2, 73000, 0);
        fixture_expect(&f, &signal, OUTCOME_REJECTED, REASON_POSITION_NOT_OPEN);
        signal = gold_exit(0, 73100, 0);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert_int_eq(f.decision.closed_count, 2);
        ck_assert_int_eq(f.list.count, 3);
        ck_assert_int_eq(f.list.items[0].signal.lots, 8);
        ck_assert_int_eq(f.list.items[0].signal.pnl_e6, E6(1100 * 7 * 10 + 100 * 1 * 10));
        ck_assert_int_eq(f.list.items[1].closed.layer, 1);
        ck_assert_int_eq(f.list.items[2].closed.layer, 3);
        ck_assert_int_eq(f.list.items[2].closed.reason.size, 7);
        fixture_fini(&f);
}
END_TEST

START_TEST(retired_instrument_runs_out_and_takes_no_entries)
{
        struct fixture f;
        struct fixture later;
        struct signal signal = gold_base(0);
        const struct core_options without_gold = {.instruments = instrument_defaults + 2, .instruments_count = 2};
        struct event events[8];
        uint64_t cursor = 0;
        bool configured;

        open_gold(&f);
        memset(&later, 0, sizeof later);
        later.core = core_new(&without_gold);
        uint32_t count = core_export(f.core, &cursor, events, 8);
        for (uint32_t i = 0; i < count; i++)
                ck_assert_int_eq(core_apply(later.core, &events[i], 0, NULL), CORE_OK);
        ck_assert(core_digest_equal(core_digest(f.core), core_digest(later.core)));
        ck_assert(core_instrument_known(later.core, signal.instrument, &configured));
        ck_assert(!configured);
        signal = gold_pyramid(2, 73000, 0);
        fixture_expect(&later, &signal, OUTCOME_BLOCKED, REASON_INSTRUMENT_RETIRED);
        signal = gold_tick(73000, 1);
        fixture_expect(&later, &signal, OUTCOME_PROCESSED, REASON_NONE);
        ck_assert_int_eq(later.list.count, 2); /* it trails by the constants it was opened with */
        signal = gold_exit(0, 73000, 2);
        fixture_expect(&later, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert(!core_instrument_known(later.core, signal.instrument, &configured));
        core_clear(later.core);
        ck_assert(!core_instrument_state(later.core, signal.instrument, &events[0].load_instrument));
        fixture_fini(&later);
        fixture_fini(&f);
}
END_TEST

START_TEST(pause_holds_entries_and_nothing_else)
{
        struct fixture f;
        struct signal signal = gold_pyramid(2, 73000, 0);
        open_gold(&f);
        core_decide_pause(f.core, true, (struct text){"lunch", 5}, f.now_us, &f.list, &f.decision);
        ck_assert_int_eq(f.decision.outcome, OUTCOME_EXECUTED);
        fixture_apply(&f);
        fixture_expect(&f, &signal, OUTCOME_REJECTED, REASON_PAUSED);
        ck_assert_int_eq(f.list.count, 0);
        signal = gold_base(0);
        fixture_expect(&f, &signal, OUTCOME_DUPLICATE, REASON_NONE);
        signal = gold_tick(73000, 1);
        fixture_expect(&f, &signal, OUTCOME_PROCESSED, REASON_NONE);
        core_decide_pause(f.core, false, (struct text){NULL, 0}, f.now_us, &f.list, &f.decision);
        fixture_apply(&f);
        signal = gold_pyramid(2, 73000, 0);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        fixture_fini(&f);
}
END_TEST

START_TEST(future_entries_and_ticks_are_ignored_exits_never)
{
        const struct core_options options = {.instruments = instrument_defaults,
                                             .instruments_count = (uint32_t)instrument_defaults_count,
                                             .max_future_us = SECONDS_US(3600)};
        struct fixture f;
        struct signal signal = gold_base(3601);
        fixture_init_with(&f, E6(5000000), &options);
        fixture_expect(&f, &signal, OUTCOME_IGNORED, REASON_FUTURE);
        signal = gold_tick(72000, 3601);
        fixture_expect(&f, &signal, OUTCOME_IGNORED, REASON_FUTURE);
        ck_assert_int_eq(f.list.count, 0);
        signal = gold_base(3600);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        signal = gold_exit(0, 72000, 2000000000);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        fixture_fini(&f);
}
END_TEST

START_TEST(capital_moves_once_and_keeps_the_drawdown)
{
        struct fixture f;
        struct core_figures figures;
        fixture_init(&f, E6(5000000));
        core_decide_capital(f.core, E6(1000000), 77, (struct text){NULL, 0}, f.now_us, &f.list, &f.decision);
        ck_assert_int_eq(f.decision.outcome, OUTCOME_EXECUTED);
        fixture_apply(&f);
        core_decide_capital(f.core, E6(1000000), 77, (struct text){NULL, 0}, f.now_us, &f.list, &f.decision);
        ck_assert_int_eq(f.decision.outcome, OUTCOME_DUPLICATE);
        ck_assert_int_eq(f.list.count, 0);
        core_decide_capital(f.core, -E6(6000000) - 1, 78, (struct text){NULL, 0}, f.now_us, &f.list, &f.decision);
        ck_assert_int_eq(f.decision.outcome, OUTCOME_REJECTED);
        ck_assert_int_eq(f.decision.reason, REASON_NO_EQUITY);
        core_decide_capital(f.core, 0, 79, (struct text){NULL, 0}, f.now_us, &f.list, &f.decision);
        ck_assert_int_eq(f.decision.outcome, OUTCOME_REJECTED);
        core_figures(f.core, &figures);
        ck_assert_int_eq(figures.closed_equity_e6, E6(6000000));
        ck_assert_int_eq(figures.equity_high_e6, E6(6000000));
        fixture_fini(&f);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("rules");
        TCase *entries = tcase_create("entries");
        tcase_add_test(entries, every_row_names_its_section_and_a_reason);
        tcase_add_test(entries, page_has_every_reason_and_every_cited_section);
        tcase_add_test(entries, base_goes_to_the_first_layer_of_a_flat_instrument);
        tcase_add_test(entries, base_is_refused_by_the_first_check_that_fails);
        tcase_add_test(entries, margin_that_is_used_is_not_used_again);
        tcase_add_test(entries, pyramid_needs_a_base_and_its_own_free_layer);
        tcase_add_test(entries, pyramid_below_one_r_says_how_far_it_was);
        suite_add_tcase(suite, entries);
        TCase *others = tcase_create("others");
        tcase_add_test(others, base_closed_alone_leaves_its_pyramids);
        tcase_add_test(others, exit_closes_all_layers_in_order);
        tcase_add_test(others, retired_instrument_runs_out_and_takes_no_entries);
        tcase_add_test(others, pause_holds_entries_and_nothing_else);
        tcase_add_test(others, future_entries_and_ticks_are_ignored_exits_never);
        tcase_add_test(others, capital_moves_once_and_keeps_the_drawdown);
        suite_add_tcase(suite, others);

        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
