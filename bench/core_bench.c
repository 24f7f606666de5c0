/* core_bench: what one signal costs in the core, decided and applied, with few and with many open positions; and
 * that it allocates nothing.
 *
 *   core_bench [SECONDS]     one line a case and size, then one a case with the ratio many / few
 *
 * The two sizes run interleaved, so that a noisy machine disturbs both alike. Exit code 1 when anything was allocated while
 * signals were decided. Linked with --wrap for malloc, calloc and realloc, which are counted here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/fixed.h"
#include "worker/core/core.h"

#define ROUNDS 20
#define SIZES_COUNT 3
#define HOT_INSTRUMENTS 2
#define START_US 1764547200000000LL

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static uint64_t allocations;

void *
__wrap_malloc(size_t size)
{
        allocations++;
        return __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
        allocations++;
        return __real_calloc(count, size);
}

void *
__wrap_realloc(void *block, size_t size)
{
        allocations++;
        return __real_realloc(block, size);
}

/* A portfolio with five layers open in each of its instruments, and as many flat instruments to trade in. */
struct portfolio {
        const char *name;
        uint32_t positions_wanted;
        bool is_spread; /* signals go to all instruments, not to the first few */
        struct instrument *instruments;
        uint32_t instruments_count; /* with positions; as many flat ones follow */
        struct core *core;
        uint64_t seq;
        uint64_t step;
        int64_t at_us;
        uint32_t flat;
        bool is_trading;
        bool has_first;
};

static void
die(const char *what)
{
        fprintf(stderr, "core_bench: %s\n", what);
        exit(2);
}

static void
fold(struct portfolio *portfolio, const struct event *event)
{
        const char *why = "";
        if (core_apply(portfolio->core, event, ++portfolio->seq, &why) != CORE_OK)
                die(why);
}

static void
open_layers(struct portfolio *portfolio, uint32_t i, uint64_t *position_no)
{
        const struct instrument *instrument = &portfolio->instruments[i];
        for (uint8_t layer = 1; layer < PM_LAYERS_MAX; layer++) {
                struct event event = {.kind = EVENT_POSITION_OPENED, .at_us = START_US};
                event.position = (struct event_position){
                        .position_no = ++*position_no,
                        .layer = layer,
                        .lots = 8,
                        .entry_at_us = START_US,
                        .entry_price_e6 = 72000 * FIXED_ONE_E6,
                        .signal_price_e6 = 72000 * FIXED_ONE_E6,
                        .initial_stop_e6 = 71500 * FIXED_ONE_E6,
                        .current_stop_e6 = 71500 * FIXED_ONE_E6,
                        .highest_close_e6 = 72000 * FIXED_ONE_E6,
                        .atr_e6 = 500 * FIXED_ONE_E6,
                        .limiter = LIMITER_RISK,
                        .lot_size = instrument->lot_size,
                        .point_value = instrument->point_value,
                        .margin_per_lot = instrument->margin_per_lot,
                        .trailing_atr_x10 = instrument->trailing_atr_x10,
                        .standin_atr_e6 = instrument->standin_atr_e6,
                };
                memcpy(event.position.instrument, instrument->name, sizeof instrument->name);
                fold(portfolio, &event);
        }
}

static void
portfolio_begin(struct portfolio *portfolio)
{
        uint64_t position_no = 0;
        portfolio->instruments_count = portfolio->positions_wanted / (PM_LAYERS_MAX - 1);
        portfolio->instruments = calloc(2 * portfolio->instruments_count, sizeof *portfolio->instruments);
        if (portfolio->instruments == NULL)
                die("no memory");
        for (uint32_t i = 0; i < 2 * portfolio->instruments_count; i++) {
                struct instrument *instrument = &portfolio->instruments[i];
                *instrument = instrument_defaults[1];
                instrument->margin_per_lot = 1;
                memset(instrument->name, 0, sizeof instrument->name);
                snprintf(instrument->name, sizeof instrument->name, "BENCH_%" PRIu32, i);
        }
        const struct core_options options = {.instruments = portfolio->instruments, .instruments_count = 2 * portfolio->instruments_count};
        struct event_list list;
        portfolio->core = core_new(&options);
        if (portfolio->core == NULL)
                die("no memory");
        portfolio->at_us = START_US;
        core_decide_create(FIXED_MONEY_MAX_E6, START_US, &list);
        fold(portfolio, &list.items[0]);
        for (uint32_t i = 0; i < portfolio->instruments_count; i++)
                open_layers(portfolio, i, &position_no);
}

static void
portfolio_end(struct portfolio *portfolio)
{
        core_free(portfolio->core);
        free(portfolio->instruments);
}

static struct signal
signal_for(struct portfolio *portfolio, enum signal_type type)
{
        struct signal signal = {.type = type, .layer = 1};
        /* A stride that meets every instrument, neighbours far apart. */
        uint32_t range = portfolio->is_spread ? portfolio->instruments_count : HOT_INSTRUMENTS;
        uint32_t i = (uint32_t)((portfolio->step * 1000003) % range);
        memcpy(signal.instrument, portfolio->instruments[i].name, sizeof signal.instrument);
        portfolio->at_us += 1000;
        signal.signal_at_us = portfolio->at_us;
        signal.price_e6 = 72000 * FIXED_ONE_E6;
        signal.stop_e6 = 71500 * FIXED_ONE_E6;
        signal.atr_e6 = 500 * FIXED_ONE_E6;
        signal.er_e6 = 750000;
        return signal;
}

static void
play(struct portfolio *portfolio, const struct signal *signal, enum outcome outcome)
{
        struct event_list list;
        struct core_decision decision;
        core_decide(portfolio->core, signal, portfolio->at_us, &list, &decision);
        if (decision.outcome != outcome)
                die(event_reason_name((int)decision.reason));
        for (uint32_t i = 0; i < list.count; i++)
                fold(portfolio, &list.items[i]);
}

/* Cases: each plays one signal, or for trades one after the other. */

static void
step_tick(struct portfolio *portfolio)
{
        struct signal signal = signal_for(portfolio, SIGNAL_MARKET_DATA);
        signal.layer = 0;
        /* Every visit is a micro-unit higher than the one before: five layers trail. */
        signal.price_e6 = 72000 * FIXED_ONE_E6 + (int64_t)portfolio->step;
        portfolio->step++;
        play(portfolio, &signal, OUTCOME_PROCESSED);
}

static void
step_blocked(struct portfolio *portfolio)
{
        struct signal signal = signal_for(portfolio, SIGNAL_BASE_ENTRY);
        portfolio->step++;
        signal.signal_at_us += (int64_t)portfolio->step * 61000000;
        play(portfolio, &signal, OUTCOME_BLOCKED);
}

/* An entry, then the exit of what it opened. */
static void
step_trade(struct portfolio *portfolio)
{
        bool opens = !portfolio->is_trading;
        struct signal signal = signal_for(portfolio, opens ? SIGNAL_BASE_ENTRY : SIGNAL_EXIT);
        memcpy(signal.instrument, portfolio->instruments[portfolio->instruments_count + portfolio->flat].name, sizeof signal.instrument);
        signal.layer = opens ? 1 : 0;
        portfolio->is_trading = opens;
        if (!opens)
                portfolio->flat = (portfolio->flat + 7) % (portfolio->is_spread ? portfolio->instruments_count : HOT_INSTRUMENTS);
        portfolio->step++;
        signal.signal_at_us += (int64_t)portfolio->step * 61000000;
        play(portfolio, &signal, OUTCOME_EXECUTED);
}

static void
step_nothing_open(struct portfolio *portfolio)
{
        struct signal signal = signal_for(portfolio, SIGNAL_EXIT);
        portfolio->step++;
        signal.layer = PM_LAYERS_MAX;
        play(portfolio, &signal, OUTCOME_REJECTED);
}

static void
step_duplicate(struct portfolio *portfolio)
{
        struct signal signal = signal_for(portfolio, SIGNAL_BASE_ENTRY);
        memcpy(signal.instrument, portfolio->instruments[0].name, sizeof signal.instrument);
        signal.signal_at_us = START_US;
        play(portfolio, &signal, portfolio->has_first ? OUTCOME_DUPLICATE : OUTCOME_BLOCKED);
        portfolio->has_first = true;
}

static const struct {
        const char *name;
        void (*step)(struct portfolio *);
} cases[] = {
        {"duplicate", step_duplicate},   {"tick_trails_five_layers", step_tick}, {"exit_of_nothing", step_nothing_open},
        {"entry_blocked", step_blocked}, {"entry_or_exit_executed", step_trade},
};

/* Adds to *sum_ns, one a size, what a step of this case took. */
static void
run_case(size_t c, struct portfolio *sizes, size_t sizes_count, int64_t round_us, int64_t *sum_ns)
{
        uint64_t steps[SIZES_COUNT] = {0};
        int64_t took_us[SIZES_COUNT] = {0};
        for (int round = 0; round < ROUNDS; round++) {
                for (size_t s = 0; s < sizes_count; s++) {
                        int64_t begin_us = clock_monotonic_us();
                        int64_t now_us = begin_us;
                        while (now_us - begin_us < round_us) {
                                for (int i = 0; i < 256; i++)
                                        cases[c].step(&sizes[s]);
                                steps[s] += 256;
                                now_us = clock_monotonic_us();
                        }
                        took_us[s] += now_us - begin_us;
                }
        }
        int64_t ns[SIZES_COUNT] = {0};
        for (size_t s = 0; s < sizes_count; s++) {
                ns[s] = took_us[s] * 1000 / (int64_t)steps[s];
                sum_ns[s] += ns[s];
                printf("core case=%s set=%s positions=%" PRIu32 " steps_per_s=%" PRIu64 " ns=%" PRId64 "\n", cases[c].name, sizes[s].name,
                       sizes[s].positions_wanted, steps[s] * 1000000 / (uint64_t)took_us[s], ns[s]);
        }
        printf("core case=%s ratio_percent=%" PRId64 "\n", cases[c].name, ns[1] * 100 / (ns[0] > 0 ? ns[0] : 1));
}

int
main(int argc, char **argv)
{
        /* The same signals with 10 and with 10,000 open positions; then signals over all of the 10,000, which is as much about the
         * processor's caches as about us. */
        struct portfolio sizes[SIZES_COUNT] = {
                {.name = "few", .positions_wanted = 10},
                {.name = "many", .positions_wanted = 10000},
                {.name = "spread", .positions_wanted = 10000, .is_spread = true},
        };
        long seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 4;
        if (seconds < 1 || seconds > 3600)
                die("usage: core_bench [SECONDS]");

        for (size_t s = 0; s < countof(sizes); s++)
                portfolio_begin(&sizes[s]);
        printf("core warm-up\n"); /* stdio has its buffer now */
        uint64_t before = allocations;
        int64_t sum_ns[SIZES_COUNT] = {0};
        int64_t round_us = seconds * 1000000 / (ROUNDS * (int64_t)(countof(sizes) * countof(cases)));
        for (size_t c = 0; c < countof(cases); c++)
                run_case(c, sizes, countof(sizes), round_us, sum_ns);
        for (size_t s = 0; s < countof(sizes); s++)
                printf("core case=all set=%s positions=%" PRIu32 " steps_per_s=%" PRId64 "\n", sizes[s].name, sizes[s].positions_wanted,
                       (int64_t)countof(cases) * 1000000000 / (sum_ns[s] > 0 ? sum_ns[s] : 1));
        uint64_t allocated = allocations - before;
        printf("core allocations=%" PRIu64 "\n", allocated);
        for (size_t s = 0; s < countof(sizes); s++)
                portfolio_end(&sizes[s]);
        return allocated != 0;
}
