#include "worker/core/digest.h"

#include <string.h>

/* Two multiply-and-fold lanes over 64-bit words. Not meant to withstand an attacker: it finds mistakes. */
struct lanes {
        uint64_t a;
        uint64_t b;
};

enum record_tag { TAG_PORTFOLIO = 1, TAG_INSTRUMENT = 2, TAG_POSITION = 3, TAG_KEPT = 4, TAG_STOP = 5 };

static void
take(struct lanes *lanes, uint64_t word)
{
        lanes->a = (lanes->a ^ word) * 0x9e3779b97f4a7c15ULL;
        lanes->a ^= lanes->a >> 32;
        lanes->b = (lanes->b + word) * 0xc2b2ae3d27d4eb4fULL;
        lanes->b ^= lanes->b >> 29;
}

static void
take_i64(struct lanes *lanes, int64_t value)
{
        take(lanes, (uint64_t)value);
}

/* Bytes are put together by value, so that every machine gets the same words. */
static void
take_name(struct lanes *lanes, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        for (size_t i = 0; i < PM_INSTRUMENT_NAME_SIZE; i += 8) {
                uint64_t word = 0;
                for (size_t j = 0; j < 8; j++)
                        word |= (uint64_t)(unsigned char)name[i + j] << (8 * j);
                take(lanes, word);
        }
}

static struct lanes
start(enum record_tag tag)
{
        struct lanes lanes = {0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL};
        take(&lanes, tag);
        return lanes;
}

static uint64_t
avalanche(uint64_t x)
{
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
        return x ^ (x >> 31);
}

static struct digest
finish(const struct lanes *lanes)
{
        return (struct digest){.high = avalanche(lanes->a + (lanes->b << 1)), .low = avalanche(lanes->b ^ (lanes->a >> 3))};
}

struct digest
digest_of_portfolio(const struct event_load_portfolio *record)
{
        struct lanes lanes = start(TAG_PORTFOLIO);
        take_i64(&lanes, record->initial_capital_e6);
        take_i64(&lanes, record->closed_equity_e6);
        take_i64(&lanes, record->equity_high_e6);
        take(&lanes, record->positions_opened);
        take(&lanes, record->kept_no);
        take(&lanes, record->evicted_through_kept_no);
        take_i64(&lanes, record->horizon_us);
        take(&lanes, record->paused);
        return finish(&lanes);
}

bool
digest_instrument_says(const struct event_load_instrument *record)
{
        return record->base_position_no != 0 || record->last_pyramid_price_e6 != 0 || record->tick_at_us != 0 || record->mark_e6 != 0 ||
               record->marked_through_no != 0;
}

struct digest
digest_of_instrument(const struct event_load_instrument *record)
{
        if (!digest_instrument_says(record))
                return (struct digest){0, 0};
        struct lanes lanes = start(TAG_INSTRUMENT);
        take_name(&lanes, record->instrument);
        take(&lanes, record->base_position_no);
        take_i64(&lanes, record->last_pyramid_price_e6);
        take_i64(&lanes, record->tick_at_us);
        take_i64(&lanes, record->mark_e6);
        take(&lanes, record->marked_through_no);
        return finish(&lanes);
}

struct digest
digest_of_position(const struct event_position *record)
{
        struct lanes lanes = start(TAG_POSITION);
        take(&lanes, record->position_no);
        take_name(&lanes, record->instrument);
        take(&lanes, record->layer);
        take_i64(&lanes, record->lots);
        take_i64(&lanes, record->entry_at_us);
        take_i64(&lanes, record->entry_price_e6);
        take_i64(&lanes, record->signal_price_e6);
        take_i64(&lanes, record->initial_stop_e6);
        take_i64(&lanes, record->atr_e6);
        take(&lanes, record->limiter);
        take_i64(&lanes, record->lot_size);
        take_i64(&lanes, record->point_value);
        take_i64(&lanes, record->margin_per_lot);
        take_i64(&lanes, record->trailing_atr_x10);
        take_i64(&lanes, record->standin_atr_e6);
        return finish(&lanes);
}

struct digest
digest_of_stop(const struct event_position *record)
{
        struct lanes lanes = start(TAG_STOP);
        take(&lanes, record->position_no);
        take_i64(&lanes, record->current_stop_e6);
        take_i64(&lanes, record->highest_close_e6);
        return finish(&lanes);
}

/* Without seq: it says where a signal stands in the log, not what became of it. */
struct digest
digest_of_kept(const struct event_load_kept *record)
{
        struct lanes lanes = start(TAG_KEPT);
        take(&lanes, record->kept_no);
        take(&lanes, record->type);
        take_name(&lanes, record->instrument);
        take(&lanes, record->layer);
        take_i64(&lanes, record->signal_at_us);
        take_i64(&lanes, record->arrived_at_us);
        take(&lanes, record->outcome);
        take(&lanes, record->reason);
        take(&lanes, record->limiter);
        take_i64(&lanes, record->lots);
        take_i64(&lanes, record->pnl_e6);
        return finish(&lanes);
}

void
digest_add(struct digest *sum, struct digest part)
{
        sum->low += part.low;
        sum->high += part.high + (sum->low < part.low);
}

void
digest_take(struct digest *sum, struct digest part)
{
        sum->high -= part.high + (sum->low < part.low);
        sum->low -= part.low;
}
