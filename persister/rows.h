/* rows: what a batch of events does to the tables. Each event is folded into the replica core and noted in the rows of its
 * projections; several events about one position, instrument or signal become one row, so that a set-based statement
 * meets each row once. rows_queries() then makes the transaction: the statements in order, with their columns.
 * Owned by struct store. Pure memory. */
#ifndef PM_PERSISTER_ROWS_H
#define PM_PERSISTER_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/event.h"
#include "persister/batch.h"
#include "persister/db_conn.h"
#include "persister/event_json.h"
#include "persister/params.h"
#include "persister/row_index.h"
#include "worker/core/core.h"

#define ROWS_FINGERPRINT_SIZE 65
#define ROWS_QUERIES_MAX 16
#define ROWS_COLUMNS_MAX 32

/* A position that this batch opened, moved or closed. */
struct position_row {
        uint64_t position_no;
        bool opened;
        bool closed;
        uint64_t opened_seq;
        uint64_t closed_seq;
        int64_t highest_close_e6;
        int64_t current_stop_e6;
        const struct event_position *position; /* opened */
        const struct event_closed *close;      /* closed */
};

struct signal_row {
        char fingerprint[ROWS_FINGERPRINT_SIZE];
        uint64_t seq;
        int64_t arrived_at_us;
        const struct event_signal *signal;
};

struct ledger_row {
        uint64_t seq;
        const char *kind;
        int64_t amount_e6;
        int64_t before_e6;
        int64_t after_e6;
        uint64_t position_no; /* 0: none */
        struct text note;
        int64_t at_us;
};

struct instrument_row {
        char name[PM_INSTRUMENT_NAME_SIZE];
};

/* Compare-and-set of portfolio_state, and what it becomes. */
struct rows_state {
        uint64_t from_seq;
        uint64_t from_incarnation;
        uint64_t incarnation;
        uint64_t last_seq;
        struct digest digest;
        struct core_figures figures;
};

struct rows {
        uint32_t capacity;
        struct position_row *positions;
        uint32_t positions_count;
        struct signal_row *signals;
        uint32_t signals_count;
        struct instrument_row *instruments;
        uint32_t instruments_count;
        struct ledger_row *ledger;
        uint32_t ledger_count;
        struct row_index positions_index;
        struct row_index signals_index;
        struct row_index instruments_index;
        bool created;  /* the row of portfolio_state does not exist yet */
        bool reset;    /* begun anew: at reset_seq */
        bool adjusted; /* edits by hand are recorded */
        uint64_t reset_seq;
        int64_t reset_at_us;
        int64_t reset_capital_e6;
        int64_t closed_equity_e6; /* running */

        /* The parameters of the statements; filled by rows_queries(). */
        struct params params[ROWS_QUERIES_MAX];
        struct column columns[ROWS_QUERIES_MAX][ROWS_COLUMNS_MAX];
        struct json_text json;
};

enum rows_status { ROWS_OK = 0, ROWS_NO_MEMORY };

PM_MUST_CHECK enum rows_status rows_init(struct rows *rows, uint32_t events_max);
void rows_fini(struct rows *rows); /* a zeroed one is fine */

/* Starts a transaction on top of core's state. */
void rows_begin(struct rows *rows, const struct core *core);
/* Applies the event to core and notes what it does. The event must live until rows_queries() has been called. On a failure core is
 * unspecified, *why names the rule. */
PM_MUST_CHECK enum core_status rows_fold(struct rows *rows, struct core *core, const struct event *event, uint64_t seq, const char **why);
/* Makes the statements; core is as of the batch's last event. Returns how many. */
uint32_t rows_queries(struct rows *rows, const struct batch *batch, const struct core *core, const struct rows_state *state,
                      struct db_query queries[ROWS_QUERIES_MAX]);

/* Rules 4.5: lower-case hex SHA-256 of INSTRUMENT:TYPE:POSITION:time in whole seconds. Returns text. */
char *rows_fingerprint(const struct event_signal *signal, char text[ROWS_FINGERPRINT_SIZE]);

#endif
