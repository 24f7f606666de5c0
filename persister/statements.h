/* statements: every SQL statement that pm-persister runs, as one table: name, text, number of parameters. Prepared at
 * connect, so schema and program cannot drift apart unseen. No SQL stands elsewhere, migrations (sql/) and the session
 * settings of db_conn.c apart. Values are always parameters; rows travel as arrays through unnest(), so one execution
 * of a statement serves a batch of any size. */
#ifndef PM_PERSISTER_STATEMENTS_H
#define PM_PERSISTER_STATEMENTS_H

#include <libpq-fe.h>

#include "common/check.h"

enum statement_id {
        STATEMENT_NONE = 0,

        /* Transactions that are more than one pipeline, and a snapshot for reading. */
        STATEMENT_BEGIN_READ,
        STATEMENT_COMMIT,

        /* A batch of events, in this order. */
        STATEMENT_STATE_MOVE,
        STATEMENT_EVENTS_INSERT,
        STATEMENT_SIGNALS_UPSERT,
        STATEMENT_SIGNALS_EVICT,
        STATEMENT_POSITIONS_CLOSE,
        STATEMENT_POSITIONS_OPEN,
        STATEMENT_POSITIONS_TRAIL,
        STATEMENT_INSTRUMENTS_UPSERT,
        STATEMENT_LEDGER_INSERT,

        /* A portfolio that is created, reset or adjusted: before the rows of the batch. */
        STATEMENT_STATE_CREATE,
        STATEMENT_POSITIONS_CLEAR,
        STATEMENT_INSTRUMENTS_CLEAR,

        /* Ownership and life. */
        STATEMENT_STATE_READ,
        STATEMENT_INCARNATION_TAKE,
        STATEMENT_LOCK_TRY,
        STATEMENT_LOCK_HOLDERS,
        STATEMENT_LOCK_END_HOLDER,
        STATEMENT_HEARTBEAT,
        STATEMENT_LEADERSHIP_TAKE,
        STATEMENT_LEADERSHIP_RELEASE,
        STATEMENT_RECOVERY_INSERT,
        STATEMENT_DATABASE_SIZE,

        /* Reading at start and for verify: rows of load.c and verify.c. */
        STATEMENT_LOAD_FIRST,
        STATEMENT_END
};

struct statement {
        const char *name;
        const char *text;
        int params_count;
};

/* The row of an id; never NULL for the ids above. */
const struct statement *statement_of(enum statement_id id);

/* Prepares every row on a blocking connection (check-db, tests). Returns NULL when all are accepted, else the name of the
 * first that is not; the server's message is then in PQerrorMessage(). */
PM_MUST_CHECK const char *statements_prepare_all(PGconn *connection);

#endif
