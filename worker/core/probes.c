#include "worker/core/probes.h"

#include <string.h>

#include "common/check.h"

static_assert((PM_PROBES_MAX & (PM_PROBES_MAX - 1)) == 0, "a hash is cut to a place by a mask");
static_assert(PM_PROBES_MAX < UINT16_MAX, "places are counted in 16 bits");

static uint16_t *
head_of(const struct probes *probes, struct text id)
{
        uint64_t hash = 0xcbf29ce484222325ULL;
        for (uint32_t i = 0; i < id.size; i++)
                hash = (hash ^ (unsigned char)id.data[i]) * 0x100000001b3ULL;
        return &probes->heads[(hash ^ (hash >> 32)) & (PM_PROBES_MAX - 1)];
}

static struct text
id_of(const struct probes_place *place)
{
        return (struct text){place->id, place->size};
}

bool
probes_id_is_valid(struct text id)
{
        return id.size >= 1 && id.size <= PM_PROBE_ID_SIZE_MAX;
}

bool
probes_has(const struct probes *probes, struct text id)
{
        for (uint16_t i = *head_of(probes, id); i != 0; i = probes->places[i - 1].next) {
                const struct probes_place *place = &probes->places[i - 1];
                if (place->size == id.size && memcmp(place->id, id.data, id.size) == 0)
                        return true;
        }
        return false;
}

static void
forget(struct probes *probes, uint16_t at)
{
        struct probes_place *place = &probes->places[at];
        uint16_t *link = head_of(probes, id_of(place));
        while (*link != at + 1) {
                PM_ASSERT(*link != 0);
                link = &probes->places[*link - 1].next;
        }
        *link = place->next;
        place->size = 0;
}

void
probes_add(struct probes *probes, struct text id)
{
        PM_ASSERT(probes_id_is_valid(id));
        uint16_t at = (uint16_t)(probes->added % PM_PROBES_MAX);
        struct probes_place *place = &probes->places[at];

        if (place->size != 0)
                forget(probes, at);
        memcpy(place->id, id.data, id.size);
        place->size = (uint8_t)id.size;
        uint16_t *head = head_of(probes, id);
        place->next = *head;
        *head = (uint16_t)(at + 1);
        probes->added++;
}

void
probes_clear(struct probes *probes)
{
        uint32_t count = probes_count(probes);
        for (uint16_t at = 0; at < count; at++)
                forget(probes, at);
        probes->added = 0;
}

uint32_t
probes_count(const struct probes *probes)
{
        return probes->added < PM_PROBES_MAX ? (uint32_t)probes->added : PM_PROBES_MAX;
}

struct text
probes_at(const struct probes *probes, uint32_t n)
{
        uint64_t oldest = probes->added - probes_count(probes);
        return id_of(&probes->places[(oldest + n) % PM_PROBES_MAX]);
}
