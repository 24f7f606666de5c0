/* cell: one value of a PostgreSQL result in text format, read strictly. Each function returns false for what does not fit the type, and
 * for NULL unless it says otherwise; the value is then unspecified. Pure. */
#ifndef PM_PERSISTER_CELL_H
#define PM_PERSISTER_CELL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/event.h"

PM_MUST_CHECK bool cell_text(const PGresult *result, int row, int column, const char **text); /* borrowed from result */
PM_MUST_CHECK bool cell_i64(const PGresult *result, int row, int column, int64_t *value);
/* NULL reads as 0: a number or a time that is not there. */
PM_MUST_CHECK bool cell_i64_or_0(const PGresult *result, int row, int column, int64_t *value);
PM_MUST_CHECK bool cell_u64_or_0(const PGresult *result, int row, int column, uint64_t *value);
PM_MUST_CHECK bool cell_e6(const PGresult *result, int row, int column, int64_t *value_e6);
PM_MUST_CHECK bool cell_layer(const PGresult *result, int row, int column, uint8_t *layer);
PM_MUST_CHECK bool cell_name(const PGresult *result, int row, int column, char name[PM_INSTRUMENT_NAME_SIZE]);
/* The number of a stable name. */
PM_MUST_CHECK bool cell_enum(const PGresult *result, int row, int column, const char *(*name_of)(int), int end, uint32_t *value);
/* 32 hex digits. */
PM_MUST_CHECK bool cell_digest(const PGresult *result, int row, int column, struct digest *digest);

#endif
