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

static uint32_t *
head_of_record(const struct kept *kept, const struct kept_record *record)
{
        return head_of(kept, record->type, record->instrument, record->layer, minute_of(record->signal_at_us));
}

const struct kept_record *
kept_at(const struct kept *kept, uint64_t kept_no)
{
        return &kept->places[kept_no & (kept->places_count - 1)];
}

void
kept_add(struct kept *kept, uint64_t kept_no, const struct kept_record *record)
{
        uint32_t at = (uint32_t)(kept_no & (kept->places_count - 1));
        struct kept_record *place = &kept->places[at];

        PM_ASSERT(place->type == 0 && record->type != 0);
        uint32_t *head = head_of_record(kept, record);
        *place = *record;
        place->next = *head;
        *head = at + 1;
        kept->count++;
}

void
kept_remove(struct kept *kept, uint64_t kept_no)
{
        uint32_t at = (uint32_t)(kept_no & (kept->places_count - 1));
        struct kept_record *place = &kept->places[at];

        if (place->type == 0)
                return;
        uint32_t *link = head_of_record(kept, place);
        while (*link != at + 1) {
                PM_ASSERT(*link != 0);
                link = &kept->places[*link - 1].next;
        }
        *link = place->next;
        *place = (struct kept_record){0};
        kept->count--;
}

static int64_t
distance(int64_t a_us, int64_t b_us)
{
        return a_us > b_us ? a_us - b_us : b_us - a_us;
}

uint64_t
kept_find(const struct kept *kept, uint64_t newest_no, enum signal_type type, uint32_t instrument, uint8_t layer, int64_t signal_at_us)
{
        int64_t minute = minute_of(signal_at_us);
        int64_t best_us = PM_DEDUPE_WINDOW_US + 1;
        uint64_t best_no = 0;

        for (int64_t m = minute - 1; m <= minute + 1; m++) {
                for (uint32_t i = *head_of(kept, (uint8_t)type, instrument, layer, m); i != 0; i = kept->places[i - 1].next) {
                        const struct kept_record *place = &kept->places[i - 1];
                        int64_t away_us = distance(place->signal_at_us, signal_at_us);
                        uint64_t no = newest_no - ((newest_no - (i - 1)) & (kept->places_count - 1));

                        if (place->type != type || place->instrument != instrument || place->layer != layer)
                                continue;
                        if (away_us < best_us || (away_us == best_us && no < best_no)) {
                                best_us = away_us;
                                best_no = no;
                        }
                }
        }
        return best_us <= PM_DEDUPE_WINDOW_US ? best_no : 0;
}
