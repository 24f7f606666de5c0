#include "persister/cell.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fixed.h"

bool
cell_text(const PGresult *result, int row, int column, const char **text)
{
        *text = PQgetvalue(result, row, column);
        return !PQgetisnull(result, row, column);
}

bool
cell_i64(const PGresult *result, int row, int column, int64_t *value)
{
        const char *text;
        char *end;
        if (!cell_text(result, row, column, &text))
                return false;
        *value = strtoll(text, &end, 10);
        return *end == '\0' && end != text;
}

bool
cell_i64_or_0(const PGresult *result, int row, int column, int64_t *value)
{
        *value = 0;
        return PQgetisnull(result, row, column) || cell_i64(result, row, column, value);
}

bool
cell_u64_or_0(const PGresult *result, int row, int column, uint64_t *value)
{
        int64_t number;
        if (!cell_i64_or_0(result, row, column, &number) || number < 0)
                return false;
        *value = (uint64_t)number;
        return true;
}

bool
cell_e6(const PGresult *result, int row, int column, int64_t *value_e6)
{
        const char *text;
        return cell_text(result, row, column, &text) && fixed_parse(text, strlen(text), value_e6) == FIXED_OK;
}

bool
cell_layer(const PGresult *result, int row, int column, uint8_t *layer)
{
        uint64_t number;
        if (!cell_u64_or_0(result, row, column, &number) || number > PM_LAYERS_MAX)
                return false;
        *layer = (uint8_t)number;
        return true;
}

bool
cell_name(const PGresult *result, int row, int column, char name[PM_INSTRUMENT_NAME_SIZE])
{
        const char *text;
        memset(name, 0, PM_INSTRUMENT_NAME_SIZE);
        if (!cell_text(result, row, column, &text) || strlen(text) >= PM_INSTRUMENT_NAME_SIZE)
                return false;
        memcpy(name, text, strlen(text));
        return true;
}

bool
cell_enum(const PGresult *result, int row, int column, const char *(*name_of)(int), int end, uint32_t *value)
{
        const char *text;
        if (!cell_text(result, row, column, &text))
                return false;
        for (int i = 0; i < end; i++) {
                const char *name = name_of(i);
                if (name != NULL && strcmp(name, text) == 0) {
                        *value = (uint32_t)i;
                        return true;
                }
        }
        return false;
}

bool
cell_digest(const PGresult *result, int row, int column, struct digest *digest)
{
        const char *text;
        return cell_text(result, row, column, &text) && sscanf(text, "%16" SCNx64 "%16" SCNx64, &digest->high, &digest->low) == 2;
}
