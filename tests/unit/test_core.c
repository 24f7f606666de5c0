/* core as a whole: properties that hold after any signals in any order, by seed, and the events that core_apply refuses.
 * PM_SEED=N repeats one seed; a failure prints its own. */
#include <inttypes.h>

#include "tests/unit/core_fixture.h"

#define STEPS 600
#define EVENTS_MAX (STEPS * PM_EVENTS_PER_SIGNAL_MAX)

/* One long-lived run: a core that decides, and everything it said. Texts of events are static, so copies stay valid. */
struct run {
        uint64_t random;
        struct fixture f;
        struct event events[EVENTS_MAX];
        uint32_t events_count;
        int64_t initial_e6;
        int64_t ledger_e6;
        struct signal sent[32]; /* what came before, to come again */
        struct core_options options;
        bool is_extreme; /* instruments and prices at their bounds */
        struct instrument instruments[8];
};
static struct run run;
static struct run again;

static uint64_t
draw(struct run *r, uint64_t below)
{
        r->random += 0x9e3779b97f4a7c15ULL;
        uint64_t x = r->random;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
        return (x ^ (x >> 31)) % below;
}

/* Of any size that the parser lets through. */
static int64_t
draw_size(struct run *r, int64_t max_e6)
{
        int64_t value = 1;
        for (uint64_t digits = draw(r, 14); digits > 0; digits--)
                value *= 10;
        value += (int64_t)draw(r, (uint64_t)value);
        return value < max_e6 ? value : max_e6;
}

static void
draw_extreme_prices(struct run *r, struct signal *s)
{
        s->price_e6 = draw_size(r, FIXED_PRICE_MAX_E6);
        s->stop_e6 = draw(r, 3) == 0 ? s->price_e6 - 1 : draw_size(r, s->price_e6);
        s->atr_e6 = draw(r, 3) == 0 ? 1 : draw_size(r, FIXED_PRICE_MAX_E6);
        if (draw(r, 2) == 0)
                s->er_e6 = FIXED_ONE_E6;
}

static struct signal
draw_signal(struct run *r)
{
        static const enum signal_type types[] = {SIGNAL_BASE_ENTRY,  SIGNAL_BASE_ENTRY, SIGNAL_PYRAMID,     SIGNAL_PYRAMID,
                                                 SIGNAL_PYRAMID,     SIGNAL_EXIT,       SIGNAL_MARKET_DATA, SIGNAL_MARKET_DATA,
                                                 SIGNAL_MARKET_DATA, SIGNAL_PROBE};
        static char ids[26][2];
        const struct instrument *instrument = &r->instruments[draw(r, instrument_defaults_count)];
        struct signal s = {.type = types[draw(r, countof(types))]};
        int64_t scale = instrument->standin_atr_e6;

        memcpy(s.instrument, instrument->name, sizeof s.instrument);
        s.layer = (uint8_t)draw(r, PM_LAYERS_MAX + 1);
        if (s.type == SIGNAL_BASE_ENTRY && draw(r, 8) != 0)
                s.layer = 1;
        /* Times wander forward, and often a little or very far back. */
        s.signal_at_us = r->f.now_us + (int64_t)draw(r, SECONDS_US(200)) - (draw(r, 4) == 0 ? (int64_t)draw(r, SECONDS_US(100000)) : 0);
        s.price_e6 = 100 * scale + (int64_t)draw(r, (uint64_t)scale * 40);
        s.stop_e6 = s.price_e6 - (int64_t)draw(r, (uint64_t)scale * 3) + scale / 10;
        s.atr_e6 = draw(r, 30) == 0 ? 0 : 1 + (int64_t)draw(r, (uint64_t)scale * 2);
        s.er_e6 = (int64_t)draw(r, FIXED_ONE_E6 + 1);
        if (r->is_extreme)
                draw_extreme_prices(r, &s);
        if (s.type == SIGNAL_MARKET_DATA) {
                s.layer = 0;
                s.atr_e6 += s.atr_e6 == 0;
        }
        if (s.type == SIGNAL_PROBE) {
                char *id = ids[draw(r, countof(ids))];
                id[0] = (char)('a' + (id - ids[0]) / 2);
                s.probe_id = (struct text){id, 1};
        }
        if (s.type == SIGNAL_EXIT)
                s.reason = (struct text){"seeded", 6};
        return s;
}

static void
expect_rising_stops(const struct run *r, const struct event *event)
{
        struct core_position position;
        if (event->kind == EVENT_POSITION_TRAILED) {
                ck_assert(core_position_of(r->f.core, event->trailed.instrument, event->trailed.layer, &position));
                ck_assert_int_ge(event->trailed.current_stop_e6, position.position.current_stop_e6);
                ck_assert_int_ge(event->trailed.highest_close_e6, position.position.highest_close_e6);
        } else if (event->kind == EVENT_POSITION_CLOSED) {
                ck_assert(core_position_of(r->f.core, event->closed.instrument, event->closed.layer, &position));
                ck_assert_int_ge(event->closed.current_stop_e6, position.position.current_stop_e6);
        }
}

static void
take_list(struct run *r)
{
        struct event_list *list = &r->f.list;
        for (uint32_t i = 0; i < list->count; i++) {
                const struct event *event = &list->items[i];
                const char *why = "";
                ck_assert_msg(event->more == (i + 1 < list->count), "all but the last event of a signal have more");
                expect_rising_stops(r, event);
                ck_assert_msg(core_apply(r->f.core, event, ++r->f.seq, &why) == CORE_OK, "%s", why);
                r->events[r->events_count++] = *event;
                if (event->kind == EVENT_POSITION_CLOSED)
                        r->ledger_e6 += event->closed.pnl_e6;
                if (event->kind == EVENT_CAPITAL)
                        r->ledger_e6 += event->capital.amount_e6;
        }
}

static void
expect_sound(const struct run *r)
{
        struct core_figures figures;
        int64_t held;
        int64_t found;
        const char *rule = core_check(r->f.core, &held, &found);
        ck_assert_msg(rule == NULL, "%s: %" PRId64 " is not %" PRId64, rule, held, found);
        core_figures(r->f.core, &figures);
        ck_assert_int_eq(figures.closed_equity_e6, r->initial_e6 + r->ledger_e6);
        ck_assert_int_ge(figures.equity_high_e6, figures.closed_equity_e6);
        ck_assert_uint_le(figures.kept_count, r->options.dedupe_max);
}

static void
step(struct run *r)
{
        struct fixture *f = &r->f;
        f->now_us += (int64_t)draw(r, SECONDS_US(300));
        uint64_t kind = draw(r, 40);
        if (kind == 0) {
                int64_t amount_e6 = (int64_t)draw(r, (uint64_t)E6(4000000)) - E6(2000000);
                core_decide_capital(f->core, amount_e6, draw(r, 1000), (struct text){NULL, 0}, f->now_us, &f->list, &f->decision);
        } else if (kind == 1) {
                core_decide_pause(f->core, draw(r, 3) == 0, (struct text){NULL, 0}, f->now_us, &f->list, &f->decision);
        } else {
                struct signal *sent = &r->sent[draw(r, countof(r->sent))];
                if (sent->type == SIGNAL_NONE || draw(r, 5) != 0)
                        *sent = draw_signal(r);
                const struct signal signal = *sent;
                struct digest before = core_digest(f->core);
                core_decide(f->core, &signal, f->now_us, &f->list, &f->decision);
                ck_assert(core_digest_equal(before, core_digest(f->core))); /* deciding changes nothing */
                if (f->list.count == 0)
                        return;
        }
        take_list(r);
        expect_sound(r);
}

static void
run_begin(struct run *r, uint64_t seed)
{
        memset(r, 0, sizeof *r);
        r->random = seed;
        r->is_extreme = seed % 4 == 0;
        for (size_t i = 0; i < instrument_defaults_count; i++) {
                r->instruments[i] = instrument_defaults[i];
                if (r->is_extreme) {
                        r->instruments[i].point_value = i % 2 == 0 ? 10000 : 1;
                        r->instruments[i].margin_per_lot = i % 3 == 0 ? 1 : 1000000000;
                        r->instruments[i].initial_risk_bp = 10000;
                }
        }
        r->options = (struct core_options){
                .instruments = r->instruments,
                .instruments_count = (uint32_t)instrument_defaults_count,
                .dedupe_max = (uint32_t)(5 + draw(r, 60)),
        };
        r->initial_e6 = E6(1000000) + (int64_t)draw(r, (uint64_t)E6(90000000));
        if (r->is_extreme)
                r->initial_e6 = FIXED_MONEY_MAX_E6;
        fixture_init_with(&r->f, r->initial_e6, &r->options);
        r->events[r->events_count++] = r->f.list.items[0];
}

static struct core *
replayed(const struct run *r)
{
        struct core *core = core_new(&r->options);
        for (uint32_t i = 0; i < r->events_count; i++)
                ck_assert_int_eq(core_apply(core, &r->events[i], i + 1, NULL), CORE_OK);
        return core;
}

static struct core *
reloaded(const struct core *core, const struct core_options *options)
{
        struct core *fresh = core_new(options);
        struct event events[7];
        uint64_t cursor = 0;
        uint64_t total = 0;
        uint32_t count;
        while ((count = core_export(core, &cursor, events, 7)) > 0) {
                for (uint32_t i = 0; i < count; i++)
                        ck_assert_int_eq(core_apply(fresh, &events[i], 0, NULL), CORE_OK);
                total += count;
        }
        ck_assert_uint_eq(total, core_export_count(core));
        return fresh;
}

static uint64_t
first_seed(int i)
{
        const char *text = getenv("PM_SEED");
        return text != NULL ? strtoull(text, NULL, 10) : 20251128 + (uint64_t)i;
}

START_TEST(any_signals_leave_a_sound_state)
{
        uint64_t seed = first_seed(_i);
        fprintf(stderr, "seed %" PRIu64 "\n", seed);
        run_begin(&run, seed);
        run_begin(&again, seed);
        for (int i = 0; i < STEPS; i++) {
                step(&run);
                step(&again);
                ck_assert(core_digest_equal(core_digest(run.f.core), core_digest(again.f.core)));
                if (i % 50 == 0) { /* go on from a snapshot, as after a crash */
                        struct core *fresh = reloaded(run.f.core, &run.options);
                        ck_assert(core_digest_equal(core_digest(run.f.core), core_digest(fresh)));
                        core_free(run.f.core);
                        run.f.core = fresh;
                        expect_sound(&run);
                }
        }
        struct core *core = replayed(&run);
        ck_assert(core_digest_equal(core_digest(run.f.core), core_digest(core)));
        core_clear(core);
        struct core *empty = core_new(&run.options);
        ck_assert(core_digest_equal(core_digest(empty), core_digest(core)));
        ck_assert_uint_eq(core_export_count(core), 0);
        for (uint32_t i = 0; i < run.events_count; i++)
                ck_assert_int_eq(core_apply(core, &run.events[i], i + 1, NULL), CORE_OK);
        ck_assert(core_digest_equal(core_digest(run.f.core), core_digest(core)));
        core_free(empty);
        core_free(core);
        fixture_fini(&run.f);
        fixture_fini(&again.f);
}
END_TEST

START_TEST(reset_forgets_trades_and_keeps_the_memory)
{
        struct fixture f;
        struct core_figures figures;
        struct signal signal = gold_base(0);
        const struct event reset = {.kind = EVENT_PORTFOLIO_RESET, .portfolio = {.initial_capital_e6 = E6(7)}};
        fixture_init(&f, E6(5000000));
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert_int_eq(core_apply(f.core, &reset, ++f.seq, NULL), CORE_OK);
        core_figures(f.core, &figures);
        ck_assert_int_eq(figures.positions_count, 0);
        ck_assert_int_eq(figures.closed_equity_e6, E6(7));
        ck_assert_int_eq(figures.equity_high_e6, E6(7));
        ck_assert_int_eq(figures.risk_amount_e6, 0);
        ck_assert_uint_eq(figures.positions_opened, 1);
        fixture_expect(&f, &signal, OUTCOME_DUPLICATE, REASON_NONE);
        fixture_fini(&f);
}
END_TEST

START_TEST(adjusted_state_is_what_its_load_events_say)
{
        struct fixture f;
        struct signal signal = gold_base(0);
        struct event events[4];
        uint64_t cursor = 0;
        const struct event adjusted = {.kind = EVENT_PORTFOLIO_ADJUSTED, .more = true};
        struct core_position position;
        fixture_init(&f, E6(5000000));
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert_uint_eq(core_export(f.core, &cursor, events, 3), 3);
        ck_assert_int_eq(events[2].kind, EVENT_LOAD_POSITION);
        events[2].position.current_stop_e6 = E6(71000); /* an operator may lower a stop by hand */
        ck_assert_int_eq(core_apply(f.core, &adjusted, ++f.seq, NULL), CORE_OK);
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(core_apply(f.core, &events[i], ++f.seq, NULL), CORE_OK);
        ck_assert(core_position_of(f.core, signal.instrument, 1, &position));
        ck_assert_int_eq(position.risk_e6, E6(1000 * 7 * 10));
        fixture_expect(&f, &signal, OUTCOME_DUPLICATE, REASON_NONE);
        fixture_fini(&f);
}
END_TEST

static struct event
opened(uint64_t no, uint8_t layer)
{
        struct event event = {.kind = EVENT_POSITION_OPENED};
        event.position = (struct event_position){.position_no = no,
                                                 .instrument = "GOLD_MINI",
                                                 .layer = layer,
                                                 .lots = 2,
                                                 .entry_at_us = START_US,
                                                 .entry_price_e6 = E6(72000),
                                                 .signal_price_e6 = E6(72000),
                                                 .initial_stop_e6 = E6(71500),
                                                 .current_stop_e6 = E6(71500),
                                                 .highest_close_e6 = E6(72000),
                                                 .atr_e6 = E6(500),
                                                 .limiter = LIMITER_RISK,
                                                 .lot_size = 100,
                                                 .point_value = 10,
                                                 .margin_per_lot = 105000,
                                                 .trailing_atr_x10 = 20,
                                                 .standin_atr_e6 = E6(450)};
        return event;
}

static struct event
closed(uint64_t no, int64_t pnl)
{
        struct event event = {.kind = EVENT_POSITION_CLOSED};
        event.closed = (struct event_closed){.position_no = no,
                                             .instrument = "GOLD_MINI",
                                             .layer = 1,
                                             .exit_at_us = START_US,
                                             .exit_price_e6 = E6(72100),
                                             .pnl_e6 = E6(pnl),
                                             .highest_close_e6 = E6(72000),
                                             .current_stop_e6 = E6(71500),
                                             .cause = CLOSE_EXIT_SIGNAL};
        return event;
}

static void
expect_refusal(const struct event *event, const char *rule)
{
        struct fixture f;
        const char *why = "nothing";
        struct event base = opened(1, 1);
        fixture_init(&f, E6(5000000));
        ck_assert_int_eq(core_apply(f.core, &base, 2, NULL), CORE_OK);
        ck_assert_msg(core_apply(f.core, event, 3, &why) != CORE_OK, "%s was not refused", rule);
        ck_assert_str_eq(why, rule);
        fixture_fini(&f);
}

#define EXPECT_REFUSAL(made, change, rule)                                                                                                 \
        do {                                                                                                                               \
                struct event event = made;                                                                                                 \
                change;                                                                                                                    \
                expect_refusal(&event, rule);                                                                                              \
        } while (0)

START_TEST(events_that_contradict_the_state_are_refused_by_name)
{
        EXPECT_REFUSAL(opened(2, 1), (void)0, "layer_is_free");
        EXPECT_REFUSAL(opened(3, 2), (void)0, "position_number_is_next");
        EXPECT_REFUSAL(opened(2, 7), (void)0, "layer_is_one_to_six");
        EXPECT_REFUSAL(opened(2, 2), event.position.lots = 0, "lots_are_positive");
        EXPECT_REFUSAL(opened(2, 2), event.position.entry_price_e6 = 0, "entry_price_is_positive");
        EXPECT_REFUSAL(opened(2, 2), event.position.atr_e6 = -1, "atr_is_not_negative");
        EXPECT_REFUSAL(opened(2, 2), event.position.point_value = 10001, "instrument_constants_are_in_range");
        EXPECT_REFUSAL(opened(2, 2), memset(event.position.instrument, 0, PM_INSTRUMENT_NAME_SIZE), "instrument_has_a_name");
        EXPECT_REFUSAL(opened(2, 2), memcpy(event.position.instrument, "COPPER\0\0\0", 9), "pyramid_has_a_base");
        EXPECT_REFUSAL(opened(2, 2), event.position.lots = FIXED_LOTS_MAX; event.position.atr_e6 = E6(100000), "totals_are_money");
        EXPECT_REFUSAL(closed(1, 2000), event.closed.pnl_e6++, "pnl_is_the_price_move");
        EXPECT_REFUSAL(closed(2, 2000), (void)0, "position_number_is_the_open_one");
        EXPECT_REFUSAL(closed(1, 2000), event.closed.layer = 2, "position_is_open");
        EXPECT_REFUSAL(closed(1, 2000), event.closed.current_stop_e6--, "stop_never_falls");
        EXPECT_REFUSAL(closed(1, 2000), event.closed.cause = CLOSE_NONE, "close_has_a_cause");
        EXPECT_REFUSAL(((struct event){.kind = EVENT_PORTFOLIO_CREATED}), (void)0, "portfolio_is_new");
        EXPECT_REFUSAL(((struct event){.kind = EVENT_CAPITAL}), event.capital.amount_e6 = -E6(5000001), "capital_stays_money");
        EXPECT_REFUSAL(((struct event){.kind = EVENT_KEPT_EVICTED}), event.evicted.through_kept_no = 1, "evicted_are_the_oldest");
        EXPECT_REFUSAL(((struct event){.kind = EVENT_TICK, .tick = {.instrument = "COPPER", .price_e6 = 1}}), (void)0, "tick_is_not_older");
        EXPECT_REFUSAL(((struct event){.kind = EVENT_PROBE}), (void)0, "probe_is_new");
        EXPECT_REFUSAL(((struct event){.kind = EVENT_KIND_END}), (void)0, "event_kind_is_known");
        EXPECT_REFUSAL(((struct event){.kind = EVENT_NONE}), (void)0, "event_kind_is_known");
}
END_TEST

START_TEST(signals_out_of_order_are_refused_by_name)
{
        struct event signal = {.kind = EVENT_SIGNAL};
        signal.signal =
                (struct event_signal){.type = SIGNAL_EXIT, .instrument = "GOLD_MINI", .layer = 1, .outcome = OUTCOME_BLOCKED, .kept_no = 2};
        EXPECT_REFUSAL(signal, (void)0, "kept_number_is_next");
        EXPECT_REFUSAL(signal, event.signal.outcome = OUTCOME_DUPLICATE, "signal_outcome_is_logged");
        EXPECT_REFUSAL(signal, event.signal.type = SIGNAL_MARKET_DATA, "signal_type_is_logged");
        EXPECT_REFUSAL(signal, event.signal.layer = 7, "signal_enums_are_known");
        EXPECT_REFUSAL(signal, event.signal.lots = -1, "signal_lots_are_lots");
        EXPECT_REFUSAL(signal, event.signal.outcome = OUTCOME_REJECTED, "kept_number_is_next");
}
END_TEST

START_TEST(load_events_are_checked_too)
{
        struct event load = {.kind = EVENT_LOAD_PORTFOLIO};
        load.load_portfolio = (struct event_load_portfolio){.closed_equity_e6 = 1, .equity_high_e6 = 1, .positions_opened = 1};
        EXPECT_REFUSAL(load, event.load_portfolio.equity_high_e6 = 0, "equity_high_covers_closed_equity");
        EXPECT_REFUSAL(load, event.load_portfolio.positions_opened = 0, "position_numbers_never_fall");
        EXPECT_REFUSAL(load, event.load_portfolio.kept_no = 1, "kept_numbers_stay");
        EXPECT_REFUSAL(load, event.load_portfolio.evicted_through_kept_no = 1, "evicted_were_kept");
        EXPECT_REFUSAL(opened(2, 2), event.kind = EVENT_LOAD_POSITION, "position_was_opened");
        EXPECT_REFUSAL(opened(1, 1), event.kind = EVENT_LOAD_POSITION, "layer_is_free");
        EXPECT_REFUSAL(((struct event){.kind = EVENT_LOAD_KEPT}), (void)0, "instrument_has_a_name");
        EXPECT_REFUSAL(((struct event){.kind = EVENT_LOAD_INSTRUMENT, .load_instrument = {.instrument = "COPPER", .base_position_no = 2}}),
                       (void)0, "base_was_opened");
        struct core_options options = {.instruments = instrument_defaults, .instruments_count = 4};
        struct core *core = core_new(&options);
        struct event position = opened(1, 1);
        const char *why;
        ck_assert_int_eq(core_apply(core, &position, 0, &why), CORE_CONTRADICTION);
        ck_assert_str_eq(why, "portfolio_exists");
        load.load_portfolio.kept_no = 200000;
        ck_assert_int_eq(core_apply(core, &load, 0, &why), CORE_FULL);
        core_free(core);
}
END_TEST

START_TEST(check_finds_a_base_that_is_not_open)
{
        struct core_options options = {.instruments = instrument_defaults, .instruments_count = 4};
        struct core *core = core_new(&options);
        const struct event events[] = {
                {.kind = EVENT_LOAD_PORTFOLIO, .load_portfolio = {.closed_equity_e6 = 1, .equity_high_e6 = 1, .positions_opened = 5}},
                {.kind = EVENT_LOAD_INSTRUMENT, .load_instrument = {.instrument = "COPPER", .base_position_no = 5}},
        };
        int64_t held;
        int64_t found;
        for (size_t i = 0; i < countof(events); i++)
                ck_assert_int_eq(core_apply(core, &events[i], 0, NULL), CORE_OK);
        ck_assert_str_eq(core_check(core, &held, &found), "base_is_the_open_first_layer");
        core_free(core);
}
END_TEST

START_TEST(positions_come_in_order_of_instrument_and_layer)
{
        struct fixture f;
        struct core_position position;
        uint64_t cursor = 0;
        struct signal signal = gold_base(0);
        fixture_init(&f, E6(50000000));
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        signal = gold_pyramid(3, 73000, 0);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        signal = gold_base(0);
        memcpy(signal.instrument, "BANK_NIFTY", 10);
        fixture_expect(&f, &signal, OUTCOME_EXECUTED, REASON_NONE);
        ck_assert(core_next_position(f.core, &cursor, &position));
        ck_assert_str_eq(position.position.instrument, "BANK_NIFTY");
        ck_assert(core_next_position(f.core, &cursor, &position));
        ck_assert_int_eq(position.position.layer, 1);
        ck_assert(core_next_position(f.core, &cursor, &position));
        ck_assert_int_eq(position.position.layer, 3);
        ck_assert(!core_next_position(f.core, &cursor, &position));
        ck_assert(!core_next_position(f.core, &cursor, &position));
        fixture_fini(&f);
}
END_TEST

START_TEST(twenty_thousand_instruments_fit)
{
        static struct instrument many[PM_INSTRUMENTS_MAX];
        for (uint32_t i = 0; i < PM_INSTRUMENTS_MAX; i++) {
                many[i] = instrument_defaults[1];
                memset(many[i].name, 0, sizeof many[i].name);
                snprintf(many[i].name, sizeof many[i].name, "I%u", i);
        }
        const struct core_options options = {.instruments = many, .instruments_count = PM_INSTRUMENTS_MAX};
        struct fixture f;
        bool configured;
        fixture_init_with(&f, E6(50000000000), &options);
        for (uint32_t i = 0; i < PM_INSTRUMENTS_MAX; i += 1999) {
                struct signal signal = gold_base(0);
                signal.er_e6 = 1;
                memcpy(signal.instrument, many[i].name, sizeof signal.instrument);
                ck_assert(core_instrument_known(f.core, many[i].name, &configured) && configured);
                fixture_expect(&f, &signal, OUTCOME_BLOCKED, REASON_ZERO_LOTS_RISK);
        }
        fixture_fini(&f);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("core");
        TCase *properties = tcase_create("properties");
        tcase_set_timeout(properties, 120);
        tcase_add_loop_test(properties, any_signals_leave_a_sound_state, 0, 25);
        suite_add_tcase(suite, properties);
        TCase *states = tcase_create("states");
        tcase_add_test(states, reset_forgets_trades_and_keeps_the_memory);
        tcase_add_test(states, adjusted_state_is_what_its_load_events_say);
        tcase_add_test(states, positions_come_in_order_of_instrument_and_layer);
        tcase_add_test(states, twenty_thousand_instruments_fit);
        suite_add_tcase(suite, states);
        TCase *refusals = tcase_create("refusals");
        tcase_add_test(refusals, events_that_contradict_the_state_are_refused_by_name);
        tcase_add_test(refusals, signals_out_of_order_are_refused_by_name);
        tcase_add_test(refusals, load_events_are_checked_too);
        tcase_add_test(refusals, check_finds_a_base_that_is_not_open);
        suite_add_tcase(suite, refusals);

        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
