#include "persister/row_index.h"

#include <stdlib.h>
#include <string.h>

enum row_index_status
row_index_init(struct row_index *index, uint32_t rows_max)
{
        uint32_t count = 2;

        PM_ASSERT(rows_max < UINT32_MAX / 4);
        while (count < 2 * rows_max)
                count *= 2;
        *index = (struct row_index){.slots = calloc(count, sizeof(index->slots[0])), .slots_count = count, .generation = 1};
        return index->slots == NULL ? ROW_INDEX_NO_MEMORY : ROW_INDEX_OK;
}

void
row_index_fini(struct row_index *index)
{
        free(index->slots);
        *index = (struct row_index){0};
}

void
row_index_clear(struct row_index *index)
{
        index->generation++;
        if (index->generation == 0) {
                memset(index->slots, 0, index->slots_count * sizeof(index->slots[0]));
                index->generation = 1;
        }
}

uint32_t
row_index_find(struct row_index *index, uint64_t hash, bool (*is_same)(const void *rows, uint32_t row, const void *key), const void *rows,
               const void *key, uint32_t new_row)
{
        /* Spread the low bits: keys may be small numbers. */
        uint64_t spread = hash * 0x9E3779B97F4A7C15U;
        uint32_t at = (uint32_t)(spread >> 32) & (index->slots_count - 1);

        for (;; at = (at + 1) & (index->slots_count - 1)) {
                struct row_slot *slot = &index->slots[at];
                if (slot->generation != index->generation) {
                        *slot = (struct row_slot){index->generation, new_row};
                        return ROW_NONE;
                }
                if (is_same(rows, slot->row, key))
                        return slot->row;
        }
}
