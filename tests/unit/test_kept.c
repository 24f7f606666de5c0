/* kept.c, probes.c and the memory against duplicates in the core. */
#include "tests/unit/core_fixture.h"
#include "worker/core/kept.h"
#include "worker/core/probes.h"

#define PLACES 64

struct memory {
        struct kept kept;
        struct kept_place places[PLACES];
        uint32_t heads[PLACES];
        uint64_t newest;
};

static void
memory_init(struct memory *memory)
{
        memset(memory, 0, sizeof *memory);
        memory->kept = (struct kept){.places = memory->places, .heads = memory->heads, .places_count = PLACES, .heads_count = PLACES};
}

static uint64_t
keep(struct memory *memory, enum signal_type type, uint32_t instrument, uint8_t layer, int64_t at_us)
{
        const struct kept_record record = {.type = (uint8_t)type, .instrument = instrument, .layer = layer, .signal_at_us = at_us};
        kept_add(&memory->kept, ++memory->newest, &record);
        return memory->newest;
}

static uint64_t
find(const struct memory *memory, int64_t at_us)
{
        return kept_find(&memory->kept, memory->newest, SIGNAL_EXIT, 3, 2, at_us);
}

START_TEST(window_is_sixty_seconds_on_either_side)
{
        struct memory memory;
        memory_init(&memory);
        uint64_t no = keep(&memory, SIGNAL_EXIT, 3, 2, START_US + 123);
        ck_assert_uint_eq(find(&memory, START_US + 123 + SECONDS_US(60)), no);
        ck_assert_uint_eq(find(&memory, START_US + 123 + SECONDS_US(60) + 1), 0);
        ck_assert_uint_eq(find(&memory, START_US + 123 - SECONDS_US(60)), no);
        ck_assert_uint_eq(find(&memory, START_US + 123 - SECONDS_US(60) - 1), 0);
}
END_TEST

START_TEST(key_is_instrument_type_and_position)
{
        struct memory memory;
        memory_init(&memory);
        keep(&memory, SIGNAL_EXIT, 3, 1, START_US);
        keep(&memory, SIGNAL_EXIT, 2, 2, START_US);
        keep(&memory, SIGNAL_PYRAMID, 3, 2, START_US);
        ck_assert_uint_eq(find(&memory, START_US), 0);
}
END_TEST

START_TEST(nearest_is_found_and_of_two_the_older)
{
        struct memory memory;
        memory_init(&memory);
        uint64_t late = keep(&memory, SIGNAL_EXIT, 3, 2, START_US + SECONDS_US(100));
        uint64_t early = keep(&memory, SIGNAL_EXIT, 3, 2, START_US);
        ck_assert_uint_eq(find(&memory, START_US + SECONDS_US(51)), late);
        ck_assert_uint_eq(find(&memory, START_US + SECONDS_US(49)), early);
        ck_assert_uint_eq(find(&memory, START_US + SECONDS_US(50)), late); /* its number is lower */
}
END_TEST

START_TEST(ring_is_reused_over_and_over)
{
        struct memory memory;
        memory_init(&memory);
        for (int64_t i = 0; i < 1000; i++) {
                if (memory.kept.count == PLACES)
                        kept_remove(&memory.kept, memory.newest + 1 - PLACES);
                uint64_t no = keep(&memory, SIGNAL_EXIT, 3, 2, START_US + SECONDS_US(61 * (i * 7919 % 1000)));
                ck_assert_uint_eq(find(&memory, START_US + SECONDS_US(61 * (i * 7919 % 1000))), no);
        }
        ck_assert_uint_eq(memory.kept.count, PLACES);
        for (uint64_t no = memory.newest + 1 - PLACES; no <= memory.newest; no++)
                kept_remove(&memory.kept, no);
        ck_assert_uint_eq(memory.kept.count, 0);
        for (int i = 0; i < PLACES; i++)
                ck_assert_uint_eq(memory.heads[i], 0);
}
END_TEST

START_TEST(duplicate_is_answered_with_the_first_outcome)
{
        struct fixture f;
        struct signal signal = gold_base(0);
        fixture_init(&f, E6(5000000));
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        int64_t arrived_at_us = f.now_us;
        struct digest before = core_digest(f.core);
        signal.signal_at_us += SECONDS_US(60);
        signal.price_e6 += E6(10);
        fixture_expect(&f, &signal, OUTCOME_DUPLICATE, REASON_NONE);
        ck_assert_int_eq(f.list.count, 0);
        ck_assert(core_digest_equal(before, core_digest(f.core)));
        ck_assert_int_eq(f.decision.original.outcome, OUTCOME_EXECUTED);
        ck_assert_int_eq(f.decision.original.lots, 7);
        ck_assert_uint_eq(f.decision.original.seq, 2);
        ck_assert_int_eq(f.decision.original.arrived_at_us, arrived_at_us);
        ck_assert_str_eq(f.decision.original.instrument, "GOLD_MINI");
        signal.signal_at_us += 1;
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ALREADY_OPEN);
        fixture_expect(&f, &signal, OUTCOME_DUPLICATE, REASON_NONE); /* blocked is kept too */
        ck_assert_int_eq(f.decision.original.reason, REASON_ALREADY_OPEN);
        fixture_fini(&f);
}
END_TEST

START_TEST(rejected_is_not_kept)
{
        struct fixture f;
        struct signal signal = gold_exit(0, 72000, 0);
        fixture_init(&f, E6(5000000));
        fixture_expect(&f, &signal, OUTCOME_REJECTED, REASON_POSITION_NOT_OPEN);
        ck_assert_int_eq(f.list.count, 1);
        ck_assert_uint_eq(f.list.items[0].signal.kept_no, 0);
        fixture_expect(&f, &signal, OUTCOME_REJECTED, REASON_POSITION_NOT_OPEN);
        fixture_fini(&f);
}
END_TEST

START_TEST(full_memory_forgets_the_oldest_arrival_and_remembers_the_horizon)
{
        const struct core_options options = {
                .instruments = instrument_defaults, .instruments_count = (uint32_t)instrument_defaults_count, .dedupe_max = 2};
        struct fixture f;
        struct signal signal = gold_base(1000);
        struct core_figures figures;
        fixture_init_with(&f, E6(5000000), &options);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        signal = gold_base(2000);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ALREADY_OPEN);
        ck_assert_int_eq(f.list.count, 1);
        signal = gold_base(3000);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ALREADY_OPEN);
        ck_assert_int_eq(f.list.count, 2);
        ck_assert_int_eq(f.list.items[0].kind, EVENT_KEPT_EVICTED);
        ck_assert(f.list.items[0].more);
        core_figures(f.core, &figures);
        ck_assert_int_eq(figures.kept_count, 2);
        ck_assert_int_eq(figures.horizon_us, START_US + 1); /* it arrived before its own time */
        signal = gold_base(60);
        signal.signal_at_us += 1;
        fixture_expect(&f, &signal, OUTCOME_IGNORED, REASON_BEYOND_MEMORY);
        ck_assert_int_eq(f.list.count, 0);
        signal.signal_at_us += 1;
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ALREADY_OPEN);
        fixture_fini(&f);
}
END_TEST

START_TEST(a_week_old_arrival_is_forgotten)
{
        struct fixture f;
        struct signal signal = gold_base(0);
        struct core_figures figures;
        fixture_init(&f, E6(5000000));
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        f.now_us += SECONDS_US(PM_DEDUPE_AGE_S) - 1;
        signal = gold_base(5000);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ALREADY_OPEN);
        core_figures(f.core, &figures);
        ck_assert_int_eq(figures.kept_count, 2);
        signal = gold_base(6000);
        fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ALREADY_OPEN);
        core_figures(f.core, &figures);
        ck_assert_int_eq(figures.kept_count, 2);
        ck_assert_uint_eq(figures.evicted_through_kept_no, 1);
        fixture_fini(&f);
}
END_TEST

START_TEST(newest_probes_are_remembered)
{
        static struct probes_place places[PM_PROBES_MAX];
        static uint16_t heads[PM_PROBES_MAX];
        struct probes probes = {.places = places, .heads = heads};
        char text[32];
        for (int i = 0; i < 2 * PM_PROBES_MAX + 5; i++) {
                snprintf(text, sizeof text, "probe-%d", i);
                struct text id = {text, (uint32_t)strlen(text)};
                ck_assert(!probes_has(&probes, id));
                probes_add(&probes, id);
                ck_assert(probes_has(&probes, id));
        }
        ck_assert_uint_eq(probes_count(&probes), PM_PROBES_MAX);
        struct text oldest = probes_at(&probes, 0);
        ck_assert_int_eq(oldest.size, 10);
        ck_assert_int_eq(memcmp(oldest.data, "probe-4101", 10), 0);
        probes_clear(&probes);
        ck_assert_uint_eq(probes_count(&probes), 0);
        for (int i = 0; i < PM_PROBES_MAX; i++)
                ck_assert_uint_eq(heads[i], 0);
}
END_TEST

START_TEST(probe_touches_nothing_and_comes_once)
{
        struct fixture f;
        struct signal signal = {.type = SIGNAL_PROBE, .probe_id = {"drill-1", 7}};
        fixture_init(&f, E6(5000000));
        struct digest before = core_digest(f.core);
        fixture_expect(&f, &signal, OUTCOME_PROCESSED, REASON_NONE);
        ck_assert_int_eq(f.list.count, 1);
        fixture_expect(&f, &signal, OUTCOME_DUPLICATE, REASON_NONE);
        ck_assert_int_eq(f.list.count, 0);
        ck_assert(core_digest_equal(before, core_digest(f.core)));
        fixture_fini(&f);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("kept");
        TCase *tcase = tcase_create("kept");
        tcase_add_test(tcase, window_is_sixty_seconds_on_either_side);
        tcase_add_test(tcase, key_is_instrument_type_and_position);
        tcase_add_test(tcase, nearest_is_found_and_of_two_the_older);
        tcase_add_test(tcase, ring_is_reused_over_and_over);
        tcase_add_test(tcase, duplicate_is_answered_with_the_first_outcome);
        tcase_add_test(tcase, rejected_is_not_kept);
        tcase_add_test(tcase, full_memory_forgets_the_oldest_arrival_and_remembers_the_horizon);
        tcase_add_test(tcase, a_week_old_arrival_is_forgotten);
        tcase_add_test(tcase, newest_probes_are_remembered);
        tcase_add_test(tcase, probe_touches_nothing_and_comes_once);
        suite_add_tcase(suite, tcase);

        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
