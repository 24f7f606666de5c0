/* db_conn: the one connection to PostgreSQL, kept up for ever: asynchronous libpq in the loop as a table of states. It
 * connects (host after host, back-off with jitter), takes the advisory lock of the portfolio, judges the schema, and
 * then carries one flight at a time (db_flight.h). Everything has a deadline; nothing blocks. Owned by struct persister.
 *
 * The lock belongs to the session, so it is held until the server has ended that session, whatever was under way in it. Who
 * has the lock therefore knows that no earlier commit of ours is still to come: what it reads is the truth about an
 * unknown commit. */
#ifndef PM_PERSISTER_DB_CONN_H
#define PM_PERSISTER_DB_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/config.h"
#include "common/loop.h"
#include "persister/db_flight.h"
#include "persister/db_problem.h"

struct db_conn;

/* What the store needs of a connection: tests give it a fake. */
struct db_port {
        void *conn;
        bool (*is_idle)(void *conn); /* ready, and no flight under way */
        void (*send)(void *conn, const struct db_query *queries, uint32_t count, const struct db_flight_handler *handler, void *owner);
        /* Prepares what no flight has needed yet, when the connection is idle. true: it is busy now. */
        bool (*prepare)(void *conn);
        void (*extend)(void *conn, int64_t deadline_ms);            /* the flight just sent may take longer: it reads much */
        void (*settled)(void *conn);                                /* work was committed: the back-off starts small again */
        void (*drop)(void *conn, const struct db_problem *problem); /* give this connection up and make another */
};

/* Facts about the server, as of on_ready. */
struct db_server {
        bool fsync_off;
        bool checksums_missing; /* migrations that psql has applied: STATEMENT_CHECKSUM_FILL is due */
        char version[32];
        char place[160];
};

struct db_conn_handler {
        void (*on_ready)(void *owner);                                     /* connected, locked, idle */
        void (*on_problem)(void *owner, const struct db_problem *problem); /* no host gave a session, or the one in use went */
        void (*on_fenced)(void *owner, const char *detail);                /* a newer writer of our own instance holds the lock */
};

struct db_conn_options {
        const struct config_conninfo *conninfo; /* borrowed for life */
        const char *name;                       /* the instance's */
        int64_t connect_timeout_ms;             /* of each host, to ready */
        int64_t statement_timeout_ms;           /* of each flight */
};

/* NULL when the conninfo cannot be used (error says why) or memory is short. */
struct db_conn *db_conn_new(struct loop *loop, const struct db_conn_options *options, const struct db_conn_handler *handler, void *owner,
                            char error[CONFIG_ERROR_SIZE]);
void db_conn_free(struct db_conn *conn); /* NULL is fine */

void db_conn_start(struct db_conn *conn);
/* The port for store.c; see struct db_port for what each does. */
struct db_port db_conn_port(struct db_conn *conn);
/* A session of our own instance that holds the lock is ended unless the portfolio's incarnation is above this: then a
 * newer persister than we owns it. 0 (at first): we are the newest. */
void db_conn_set_incarnation(struct db_conn *conn, uint64_t incarnation);
const struct db_server *db_conn_server(const struct db_conn *conn);
const char *db_conn_place(const struct db_conn *conn);
const char *db_conn_application_name(const struct db_conn *conn);

#endif
