/* params: the parameters of one execution of a prepared statement. Single values travel as text; columns of rows as arrays
 * in PostgreSQL's binary form, built in buffers that are used again and again, so that nothing has to be quoted and the
 * steady state does not allocate. Owned by struct store. Pure memory. */
#ifndef PM_PERSISTER_PARAMS_H
#define PM_PERSISTER_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/event.h"
#include "common/field.h"

#define PARAMS_MAX 40
#define PARAMS_SCRATCH_SIZE 2048

/* What the elements of a column are in SQL. */
enum column_type {
        COLUMN_NONE = 0,
        COLUMN_BOOL, /* bool[] */
        COLUMN_INT,  /* bigint[] */
        COLUMN_E6,   /* numeric[], from micro-units */
        COLUMN_TIME, /* timestamptz[], from microseconds since 1970 UTC; 0 is NULL */
        COLUMN_TEXT, /* text[] */
};

struct column {
        enum column_type type;
        uint32_t count;
        bool has_null;
        uint8_t *data;
        size_t size;
        size_t capacity;
};

/* Makes it empty and of this type; keeps the memory. A zeroed column is valid. */
void column_begin(struct column *column, enum column_type type);
void column_fini(struct column *column);
/* Memory that runs out ends the process: it is the store's buffer, bounded by the batch. */
void column_add_bool(struct column *column, bool value);
void column_add_int(struct column *column, int64_t value);
void column_add_e6(struct column *column, int64_t value_e6);
void column_add_time(struct column *column, int64_t time_us);
void column_add_text(struct column *column, const char *data, size_t size);
void column_add_string(struct column *column, const char *text); /* NULL is NULL */
void column_add_null(struct column *column);

struct params {
        int count;
        const char *values[PARAMS_MAX];
        int lengths[PARAMS_MAX];
        int formats[PARAMS_MAX];
        char scratch[PARAMS_SCRATCH_SIZE];
        size_t scratch_size;
};

void params_clear(struct params *params);
void params_int(struct params *params, int64_t value);
void params_seq(struct params *params, uint64_t value); /* at most INT64_MAX */
void params_bool(struct params *params, bool value);
void params_e6(struct params *params, int64_t value_e6);
void params_time(struct params *params, int64_t time_us); /* 0 is NULL */
void params_digest(struct params *params, struct digest digest);
void params_text(struct params *params, struct text text);        /* copied */
void params_string(struct params *params, const char *text);      /* kept until the statement is sent; NULL is NULL */
void params_column(struct params *params, struct column *column); /* finishes the array; kept until the statement is sent */
/* The only element of a column of one, as a plain value; kept until the statement is sent. */
void params_element(struct params *params, const struct column *column);

#define PARAMS_DIGEST_SIZE 33
/* 32 lower-case hex digits, high then low, as it stands in SQL and in logs. Returns text. */
char *params_digest_text(struct digest digest, char text[PARAMS_DIGEST_SIZE]);

#endif
