/* core_fixture: a core with the shipped instruments, and signals that are quickly written. For the unit tests of
 * worker/core/. Prices in whole points, times in seconds after START_US. */
#ifndef PM_TESTS_CORE_FIXTURE_H
#define PM_TESTS_CORE_FIXTURE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fixed.h"
#include "worker/core/core.h"

#define START_US 1764547200000000LL
#define E6(points) ((int64_t)((points)*FIXED_ONE_E6))
#define SECONDS_US(s) ((int64_t)(s)*1000000)

struct fixture {
        struct core *core;
        uint64_t seq;
        int64_t now_us;
        struct event_list list;
        struct core_decision decision;
};

static inline void
fixture_apply(struct fixture *f)
{
        for (uint32_t i = 0; i < f->list.count; i++) {
                const char *why = "";
                enum core_status status = core_apply(f->core, &f->list.items[i], ++f->seq, &why);
                ck_assert_msg(status == CORE_OK, "event %d: %s", (int)f->list.items[i].kind, why);
        }
}

static inline void
fixture_init_with(struct fixture *f, int64_t capital_e6, const struct core_options *options)
{
        memset(f, 0, sizeof *f);
        f->core = core_new(options);
        ck_assert_ptr_nonnull(f->core);
        f->now_us = START_US;
        core_decide_create(capital_e6, f->now_us, &f->list);
        fixture_apply(f);
}

static inline void
fixture_init(struct fixture *f, int64_t capital_e6)
{
        const struct core_options options = {.instruments = instrument_defaults, .instruments_count = (uint32_t)instrument_defaults_count};
        fixture_init_with(f, capital_e6, &options);
}

static inline void
fixture_fini(struct fixture *f)
{
        core_free(f->core);
}

static inline void
fixture_play(struct fixture *f, const struct signal *signal)
{
        f->now_us++;
        core_decide(f->core, signal, f->now_us, &f->list, &f->decision);
        fixture_apply(f);
        int64_t held;
        int64_t found;
        const char *rule = core_check(f->core, &held, &found);
        ck_assert_msg(rule == NULL, "%s: %lld is not %lld", rule, (long long)held, (long long)found);
}

static inline void
fixture_expect(struct fixture *f, const struct signal *signal, enum outcome outcome, enum reason reason)
{
        fixture_play(f, signal);
        ck_assert_msg(f->decision.outcome == outcome && f->decision.reason == reason, "%s %s, not %s %s",
                      event_outcome_name((int)f->decision.outcome), event_reason_name((int)f->decision.reason),
                      event_outcome_name((int)outcome), event_reason_name((int)reason));
}

static inline struct signal
signal_of(enum signal_type type, const char *instrument, uint8_t layer, int64_t at_s)
{
        struct signal signal = {.type = type, .layer = layer, .signal_at_us = START_US + SECONDS_US(at_s)};
        memcpy(signal.instrument, instrument, strlen(instrument));
        return signal;
}

/* A gold entry whose numbers are good: 7 lots by risk with five million. */
static inline struct signal
gold_base(int64_t at_s)
{
        struct signal signal = signal_of(SIGNAL_BASE_ENTRY, "GOLD_MINI", 1, at_s);
        signal.price_e6 = E6(72000);
        signal.stop_e6 = E6(71500);
        signal.atr_e6 = E6(500);
        signal.er_e6 = 750000;
        signal.supertrend_e6 = E6(71500);
        return signal;
}

static inline struct signal
gold_pyramid(uint8_t layer, int64_t price, int64_t at_s)
{
        struct signal signal = gold_base(at_s);
        signal.type = SIGNAL_PYRAMID;
        signal.layer = layer;
        signal.price_e6 = E6(price);
        signal.stop_e6 = E6(price - 500);
        return signal;
}

static inline struct signal
gold_tick(int64_t price, int64_t at_s)
{
        struct signal signal = signal_of(SIGNAL_MARKET_DATA, "GOLD_MINI", 0, at_s);
        signal.price_e6 = E6(price);
        signal.atr_e6 = E6(500);
        signal.supertrend_e6 = E6(price);
        return signal;
}

static inline struct signal
gold_exit(uint8_t layer, int64_t price, int64_t at_s)
{
        struct signal signal = signal_of(SIGNAL_EXIT, "GOLD_MINI", layer, at_s);
        signal.price_e6 = E6(price);
        signal.reason = (struct text){"by hand", 7};
        return signal;
}

#endif
