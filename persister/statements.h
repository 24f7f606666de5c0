/* statements: every SQL statement that pm-persister runs, as one table: name, text, number of parameters. Prepared at
 * connect, so schema and program cannot drift apart unseen. No SQL stands elsewhere, migrations (sql/) and the session
 * settings of db_target.c apart. Values are always parameters; rows travel as arrays through unnest(), so one execution
 * of a statement serves a batch of any size. */
#ifndef PM_PERSISTER_STATEMENTS_H
#define PM_PERSISTER_STATEMENTS_H

#include <libpq-fe.h>

#include "common/check.h"

enum statement_id {
        STATEMENT_NONE = 0,

        /* Ownership: the lock of the portfolio, and what kind of server this is. */
        STATEMENT_LOCK_TRY,
        STATEMENT_LOCK_HOLDER,
        STATEMENT_SERVER_FACTS,
        STATEMENT_SCHEMA_VERSIONS,
        STATEMENT_CHECKSUM_FILL,
        STATEMENT_STATE_READ,
        STATEMENT_INCARNATION_TAKE,
        STATEMENT_LEADERSHIP_END,
        STATEMENT_LEADERSHIP_TAKE,

        /* A batch of events, in this order. A statement without rows is left out. */
        STATEMENT_STATE_MOVE,
        STATEMENT_STATE_CREATE, /* instead: created, or begun anew */
        STATEMENT_POSITIONS_CLEAR,
        STATEMENT_INSTRUMENTS_CLEAR,
        STATEMENT_LEDGER_RESET,
        STATEMENT_EDITS_HANDLED,
        STATEMENT_PROBLEM_CLEAR,
        STATEMENT_EVENTS_INSERT,
        STATEMENT_SIGNALS_UPSERT,
        STATEMENT_POSITIONS_CLOSE,
        STATEMENT_POSITIONS_OPEN,
        STATEMENT_POSITIONS_TRAIL,
        STATEMENT_INSTRUMENTS_UPSERT,
        STATEMENT_LEDGER_INSERT,
        /* The same for a single row, with plain values for arrays of one: opening an array takes longer than writing a row, and a lone
         * client's trade is all single rows. In the order of those above. */
        STATEMENT_EVENT_INSERT,
        STATEMENT_SIGNAL_UPSERT,
        STATEMENT_POSITION_CLOSE,
        STATEMENT_POSITION_OPEN,
        STATEMENT_POSITION_TRAIL,
        STATEMENT_INSTRUMENT_UPSERT,
        STATEMENT_LEDGER_ROW_INSERT,

        /* Records that no trade waits for. */
        STATEMENT_NO_FLUSH, /* this transaction may commit without waiting for the disk */
        STATEMENT_HEARTBEAT,
        STATEMENT_RECOVERY_INSERT,
        STATEMENT_DATABASE_SIZE,

        /* Reading at start: around the statements of load.c, in one snapshot. */
        STATEMENT_BEGIN_READ,
        STATEMENT_NO_TIMEOUT, /* this transaction may read for as long as db_conn's deadline allows */
        STATEMENT_COMMIT,
        STATEMENT_PROBLEM_NOTE,
        STATEMENT_END
};

struct statement {
        const char *name;
        const char *text;
        int params_count;
};

/* The row of an id; never NULL for the ids above. */
const struct statement *statement_of(enum statement_id id);
/* And back: the id of a row of this table. */
enum statement_id statement_id_of(const struct statement *statement);

/* Prepares every row, and those of load.c, on a blocking connection (check-db, tests). Returns NULL when all are accepted, else the name of
 * the first that is not; the server's message is then in PQerrorMessage(). */
PM_MUST_CHECK const char *statements_prepare_all(PGconn *connection);

#endif
