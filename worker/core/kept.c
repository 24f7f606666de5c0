#include "worker/core/kept.h"

#include "common/fixed.h"

/* A bucket is as wide as the window, so what is near is in this one or one of its neighbours. */
static int64_t
minute_of(int64_t at_us)
{
        return (int64_t)fixed_div_floor(at_us, PM_DEDUPE_WINDOW_US);
}

/* Neighbouring minutes of one key are neighbours in the table too: few pages are touched while few signals are kept. */
static uint32_t *
head_of(const struct kept *kept, uint8_t type, uint32_t instrument, uint8_t layer, int64_t minute)
{
        uint64_t key = ((uint64_t)instrument << 8) | ((uint64_t)type << 4) | layer;
        uint64_t spread = (key * 0x9e3779b97f4a7c15ULL) >> 32;
        return &kept->heads[(spread + (uint64_t)minute) & (kept->heads_count - 1)];
}

/* Packing. The shifts leave each number the bits that its bound needs; the asserts are the bounds. */

static_assert(SIGNAL_TYPE_END <= 8 && PM_LAYERS_MAX < 8 && LIMITER_END <= 8 && OUTCOME_END <= 8, "three bits each");
static_assert(REASON_END <= 256, "eight bits");

static void
pack(const struct kept_record *record, struct kept_place *out)
{
        PM_ASSERT(record->signal_at_us >= 0 && record->signal_at_us < KEPT_TIME_END_US);
        PM_ASSERT(record->arrived_at_us >= 0 && record->arrived_at_us < KEPT_TIME_END_US);
        PM_ASSERT(record->seq < KEPT_SEQ_END && record->instrument <= UINT16_MAX);
        PM_ASSERT(record->type != 0 && record->type < 8 && record->layer < 8 && record->limiter < 8 && record->outcome < 8);
        out->key = (uint64_t)record->signal_at_us << 12 | (uint64_t)record->outcome << 9 | (uint64_t)record->limiter << 6 |
                   (uint64_t)record->layer << 3 | record->type;
        out->arrival = (uint64_t)record->arrived_at_us << 8 | record->reason;
        out->origin = record->seq << 16 | record->instrument;
        out->pnl_e6 = record->pnl_e6;
        out->lots = record->lots;
}

static void
unpack(const struct kept_place *place, struct kept_record *out)
{
        out->signal_at_us = (int64_t)(place->key >> 12);
        out->outcome = place->key >> 9 & 7;
        out->limiter = place->key >> 6 & 7;
        out->layer = place->key >> 3 & 7;
        out->type = place->key & 7;
        out->arrived_at_us = (int64_t)(place->arrival >> 8);
        out->reason = place->arrival & 255;
        out->seq = place->origin >> 16;
        out->instrument = place->origin & UINT16_MAX;
        out->pnl_e6 = place->pnl_e6;
        out->lots = place->lots;
}

static struct kept_place *
place_of(const struct kept *kept, uint64_t kept_no)
{
        return &kept->places[kept_no % kept->places_count];
}

static uint32_t *
head_of_place(const struct kept *kept, const struct kept_place *place)
{
        struct kept_record record;
        unpack(place, &record);
        return head_of(kept, record.type, record.instrument, record.layer, minute_of(record.signal_at_us));
}

bool
kept_has(const struct kept *kept, uint64_t kept_no)
{
        return place_of(kept, kept_no)->key != 0;
}

bool
kept_at(const struct kept *kept, uint64_t kept_no, struct kept_record *out)
{
        const struct kept_place *place = place_of(kept, kept_no);
        unpack(place, out);
        return place->key != 0;
}

void
kept_add(struct kept *kept, uint64_t kept_no, const struct kept_record *record)
{
        struct kept_place *place = place_of(kept, kept_no);

        PM_ASSERT(place->key == 0);
        pack(record, place);
        uint32_t *head = head_of_place(kept, place);
        place->next = *head;
        *head = (uint32_t)(place - kept->places) + 1;
        kept->count++;
}

void
kept_remove(struct kept *kept, uint64_t kept_no)
{
        struct kept_place *place = place_of(kept, kept_no);
        uint32_t link_to_it = (uint32_t)(place - kept->places) + 1;

        if (place->key == 0)
                return;
        uint32_t *link = head_of_place(kept, place);
        while (*link != link_to_it) {
                PM_ASSERT(*link != 0);
                link = &kept->places[*link - 1].next;
        }
        *link = place->next;
        *place = (struct kept_place){0};
        kept->count--;
}

static int64_t
distance(int64_t a_us, int64_t b_us)
{
        return a_us > b_us ? a_us - b_us : b_us - a_us;
}

/* The newest number that belongs into a place. */
static uint64_t
number_at(const struct kept *kept, uint64_t newest_no, uint32_t place)
{
        uint32_t newest_place = (uint32_t)(newest_no % kept->places_count);
        uint32_t back = newest_place >= place ? newest_place - place : newest_place + kept->places_count - place;
        return newest_no - back;
}

uint64_t
kept_find(const struct kept *kept, uint64_t newest_no, enum signal_type type, uint32_t instrument, uint8_t layer, int64_t signal_at_us)
{
        int64_t minute = minute_of(signal_at_us);
        int64_t best_us = PM_DEDUPE_WINDOW_US + 1;
        uint64_t best_no = 0;

        for (int64_t m = minute - 1; m <= minute + 1; m++) {
                for (uint32_t i = *head_of(kept, (uint8_t)type, instrument, layer, m); i != 0; i = kept->places[i - 1].next) {
                        struct kept_record record;
                        unpack(&kept->places[i - 1], &record);
                        int64_t away_us = distance(record.signal_at_us, signal_at_us);

                        if (record.type != type || record.instrument != instrument || record.layer != layer || away_us > best_us)
                                continue;
                        uint64_t no = number_at(kept, newest_no, i - 1);
                        if (away_us < best_us || no < best_no) {
                                best_us = away_us;
                                best_no = no;
                        }
                }
        }
        return best_us <= PM_DEDUPE_WINDOW_US ? best_no : 0;
}
