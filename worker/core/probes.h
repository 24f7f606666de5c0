/* probes: ids that were seen once and shall do nothing when they come again: drill probes and the operator's capital
 * commands. The newest PM_PROBES_MAX are remembered. Pure memory, given by the caller; not part of the digest. */
#ifndef PM_CORE_PROBES_H
#define PM_CORE_PROBES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/event.h"
#include "common/field.h"

struct probes_place {
        char id[PM_PROBE_ID_SIZE_MAX];
        uint8_t size;  /* 0: empty */
        uint16_t next; /* place + 1 of the next in this bucket */
};

/* Both arrays are zeroed and PM_PROBES_MAX long. */
struct probes {
        struct probes_place *places;
        uint16_t *heads;
        uint64_t added; /* ever; the next place is added % PM_PROBES_MAX */
};

/* Has a size of 1 to PM_PROBE_ID_SIZE_MAX bytes. */
bool probes_id_is_valid(struct text id);
bool probes_has(const struct probes *probes, struct text id);
/* id is valid and new; the oldest is forgotten when there is no room. */
void probes_add(struct probes *probes, struct text id);
void probes_clear(struct probes *probes);

/* How many are remembered, and the nth of them, oldest first. */
uint32_t probes_count(const struct probes *probes);
struct text probes_at(const struct probes *probes, uint32_t n);

#endif
