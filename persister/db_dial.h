/* db_dial: from "where" to an open session, without blocking: the host's name is looked up by a helper thread, then libpq is polled. One
 * attempt is one address of one host; the caller has the deadline, and decides what an attempt's failure means. Owned
 * by struct db_conn. */
#ifndef PM_PERSISTER_DB_DIAL_H
#define PM_PERSISTER_DB_DIAL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/loop.h"
#include "persister/db_resolve.h"
#include "persister/db_target.h"

struct db_dial_handler {
        /* The session is there and the caller's to keep (PQfinish). */
        void (*on_session)(void *owner, PGconn *pg);
        /* text is libpq's, with the SQLSTATE in it when the server has answered. */
        void (*on_failed)(void *owner, const char *text);
};

struct db_dial {
        struct loop *loop;
        struct db_target *target; /* borrowed for life */
        const struct db_dial_handler *handler;
        void *owner;
        uint32_t host_no;
        /* The questions under way, one a host at most: one outlives the attempt that asked it. */
        struct db_resolve *resolves[DB_TARGET_HOSTS_MAX];
        struct db_addresses addresses; /* of this host's name */
        unsigned address_no;
        struct loop_timer *look;
        int64_t look_ms;
        PGconn *pg;
        struct loop_watch *watch;
        bool reached; /* this address has given us a session */
};

void db_dial_init(struct db_dial *dial, struct loop *loop, struct db_target *target, const struct db_dial_handler *handler, void *owner);
void db_dial_fini(struct db_dial *dial);

/* Begins an attempt; exactly one of the handler's functions is called, perhaps before this returns. */
void db_dial_begin(struct db_dial *dial);
/* Gives the attempt up; no function is called. */
void db_dial_cancel(struct db_dial *dial);
/* Chooses what the next attempt is for: another address of a name that gave no session, then the next host. true: all have been
 * asked, and it begins from the first. */
bool db_dial_next(struct db_dial *dial);

#endif
