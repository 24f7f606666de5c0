/* row_index: finds the row of a key among the rows that one transaction gathers, so that several events about the same thing
 * become one row. Open addressing over row numbers; the keys stay with the caller. Emptied in no time by a new
 * generation. Pure memory, of fixed capacity. */
#ifndef PM_PERSISTER_ROW_INDEX_H
#define PM_PERSISTER_ROW_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"

struct row_slot {
        uint32_t generation; /* of another: empty */
        uint32_t row;
};

struct row_index {
        struct row_slot *slots;
        uint32_t slots_count; /* a power of two, at least twice the rows */
        uint32_t generation;
};

enum row_index_status { ROW_INDEX_OK = 0, ROW_INDEX_NO_MEMORY };

PM_MUST_CHECK enum row_index_status row_index_init(struct row_index *index, uint32_t rows_max);
void row_index_fini(struct row_index *index); /* a zeroed one is fine */
void row_index_clear(struct row_index *index);

/* The row whose key is the same, or ROW_NONE: then new_row is remembered for this key, and the caller fills it. */
#define ROW_NONE UINT32_MAX
uint32_t row_index_find(struct row_index *index, uint64_t hash, bool (*is_same)(const void *rows, uint32_t row, const void *key),
                        const void *rows, const void *key, uint32_t new_row);

#endif
