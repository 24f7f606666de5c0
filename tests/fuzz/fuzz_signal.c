/* fuzz_signal: lines of arbitrary bytes as webhook bodies. Whatever they are, the parser answers, the core decides, its
 * own events fit its state, and a second core that only sees the events comes to the same digest. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/check.h"
#include "common/fixed.h"
#include "worker/core/core.h"
#include "worker/signal_json.h"

#define START_US 1764547200000000LL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct core *live;
static struct core *mirror;
static uint64_t seq;
static struct signal_json json;
static struct event_list list;
static struct core_decision decision;

static bool
is_known(const void *owner, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        bool configured;
        return core_instrument_known(owner, name, &configured);
}

static void
apply(void)
{
        for (uint32_t i = 0; i < list.count; i++) {
                seq++;
                PM_ASSERT(core_apply(live, &list.items[i], seq, NULL) == CORE_OK);
                PM_ASSERT(core_apply(mirror, &list.items[i], seq, NULL) == CORE_OK);
        }
}

static void
begin(void)
{
        const struct core_options options = {
                .instruments = instrument_defaults, .instruments_count = (uint32_t)instrument_defaults_count, .dedupe_max = 8};
        if (live == NULL) {
                live = core_new(&options);
                mirror = core_new(&options);
                PM_ASSERT(live != NULL && mirror != NULL);
        }
        core_clear(live);
        core_clear(mirror);
        seq = 0;
        core_decide_create(5000000 * FIXED_ONE_E6, START_US, &list);
        apply();
}

static void
play(const char *body, size_t size, int64_t now_us)
{
        const struct signal_instruments instruments = {.is_known = is_known, .owner = live};
        enum signal_code code = signal_from_json(&json, body, size, &instruments);
        PM_ASSERT(signal_code_name((int)code) != NULL);
        if (code != SIGNAL_CODE_OK)
                return;
        core_decide(live, &json.signal, now_us, &list, &decision);
        PM_ASSERT(decision.outcome > OUTCOME_NONE && decision.outcome < OUTCOME_END && event_reason_name((int)decision.reason) != NULL);
        apply();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        int64_t held;
        int64_t found;
        int64_t now_us = START_US;

        begin();
        while (size > 0) {
                const uint8_t *end = memchr(data, '\n', size);
                size_t line = end != NULL ? (size_t)(end - data) : size;
                now_us += 1000000;
                play((const char *)data, line, now_us);
                line += end != NULL;
                data += line;
                size -= line;
        }
        PM_ASSERT(core_check(live, &held, &found) == NULL);
        PM_ASSERT(core_digest_equal(core_digest(live), core_digest(mirror)));
        return 0;
}
