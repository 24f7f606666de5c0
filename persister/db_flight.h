/* db_flight: some statements in pipeline mode with one Sync: one transaction, one round trip. One flight at a time over one session.
 * A statement is prepared in the flight that first uses it, so a session that has just been made can work at once; what is
 * left is prepared in a quiet moment. Owned by struct db_conn, which has the socket, the deadlines and the states. Never blocks. */
#ifndef PM_PERSISTER_DB_FLIGHT_H
#define PM_PERSISTER_DB_FLIGHT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "persister/db_problem.h"
#include "persister/params.h"
#include "persister/statements.h"

struct db_query {
        const struct statement *statement;
        const struct params *params; /* NULL: none. Borrowed until it is sent */
        bool once;                   /* sent with its text: a statement that is seldom run and not in the table */
};

enum db_outcome {
        DB_DONE = 0, /* committed */
        DB_FAILED,   /* refused by the server and rolled back: problem says why, failed_index which query */
        DB_LOST,     /* the connection went, or the deadline passed: whether it was committed is unknown */
};

/* Of one flight. Kept by pointer until on_done. */
struct db_flight_handler {
        /* Results in the order of the queries, each once; may be NULL. Valid until return. The connection must not be given up here. */
        void (*on_result)(void *owner, uint32_t index, const PGresult *result);
        /* The flight is over; another may be sent from here. problem is NULL for DB_DONE. */
        void (*on_done)(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
};

/* One message of the pipeline that is answered with a result. */
struct db_command {
        enum statement_id prepares; /* STATEMENT_NONE: it runs the query */
        uint32_t query;
};
#define DB_COMMANDS_MAX 128

struct db_flight {
        PGconn *pg;
        const char *place; /* for problems; borrowed */
        bool is_prepared[STATEMENT_END];
        bool are_all_prepared;

        /* The flight under way; handler NULL: none. */
        const struct db_flight_handler *handler;
        void *owner;
        struct db_command commands[DB_COMMANDS_MAX];
        uint32_t commands_count;
        uint32_t command_no;
        bool failed;
        uint32_t failed_index;
        struct db_problem problem; /* of the first failure */
};

enum db_flight_status {
        DB_FLIGHT_OK = 0,   /* sent; or read what there was, and more is to come */
        DB_FLIGHT_ANSWERED, /* all results are there: db_flight_finish() */
        DB_FLIGHT_BROKEN,   /* the connection does not work: PQerrorMessage() */
};

/* A new session, connected: into pipeline mode. */
PM_MUST_CHECK enum db_flight_status db_flight_begin(struct db_flight *flight, PGconn *pg, const char *place);
/* Sends the queries and Sync into libpq's buffer; the caller flushes. all: and prepares every statement of the table that is not. */
PM_MUST_CHECK enum db_flight_status db_flight_send(struct db_flight *flight, const struct db_query *queries, uint32_t count, bool all,
                                                   const struct db_flight_handler *handler, void *owner);
/* Takes the results that have come, after PQconsumeInput(). */
PM_MUST_CHECK enum db_flight_status db_flight_read(struct db_flight *flight);
/* The flight is over: forgets it, then tells its handler. */
void db_flight_finish(struct db_flight *flight);
/* The session is gone: forgets the flight, then tells its handler, if there was one, that it is lost. */
void db_flight_lose(struct db_flight *flight, const struct db_problem *problem);

#endif
