/* persister: the process that remembers. It keeps the connection, the replica and the links together: which phase it is in,
 * what each message does, what is written next. Everything it knows hangs on one struct; nothing blocks. */
#ifndef PM_PERSISTER_PERSISTER_H
#define PM_PERSISTER_PERSISTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/config.h"
#include "common/link.h"
#include "common/loop.h"
#include "persister/db_conn.h"
#include "persister/intake.h"
#include "persister/loader.h"
#include "persister/records.h"
#include "persister/snapshot.h"
#include "persister/store.h"
#include "worker/core/core.h"

/* DOWN      no connection, and no replica that could be trusted.
 * LOADING   the stored state is being read into the replica.
 * APPENDING events of our own (created, reset, adjusted) are being stored first.
 * SERVING   connected, replica valid: batches are stored.
 * AWAY      the connection went; the replica is valid, batches wait.
 * CHECKING  connected again, or in doubt: portfolio_state is read and compared with what we think. */
enum persister_phase {
        PERSISTER_DOWN = 0,
        PERSISTER_LOADING,
        PERSISTER_APPENDING,
        PERSISTER_SERVING,
        PERSISTER_AWAY,
        PERSISTER_CHECKING,
        PERSISTER_PHASE_END
};

enum persister_event {
        PERSISTER_CONNECTED = 0,
        PERSISTER_LOST,
        PERSISTER_LOADED,
        PERSISTER_LOADED_APPEND, /* and something must be appended first */
        PERSISTER_APPENDED,
        PERSISTER_CHECKED,     /* it is what we think */
        PERSISTER_CHECKED_OWN, /* the same, and our own events are still to be written */
        PERSISTER_DOUBT,       /* a compare-and-set found something else */
        PERSISTER_RELOAD,      /* the replica must be read again */
        PERSISTER_EVENT_END
};

struct persister_options {
        uint64_t spawn_no;
        int64_t started_us;                     /* monotonic, of main() */
        const struct config_conninfo *conninfo; /* borrowed for life */
};

/* The supervisor's wish: a worker with this number gets the state under this incarnation. */
struct persister_rehydrate {
        bool wanted;
        bool stored; /* the incarnation is in the database: older writers are fenced */
        bool sent;   /* the snapshot was begun, and the link has held since */
        bool failure_told;
        uint64_t incarnation;
        uint64_t worker_spawn_no;
};

struct persister {
        struct loop *loop;
        const struct config *config;
        struct persister_options options;
        enum persister_phase phase;
        int exit_code;

        struct core *core;
        struct db_conn *db;
        struct db_port port;
        struct store store;
        struct intake intake;
        struct loader loader;
        struct records records;
        struct snapshot snapshot;

        struct link *control;
        struct link *data;
        struct loop_timer *heartbeat;
        struct loop_timer *link_lost;
        struct loop_timer *drain_over;
        struct loop_timer *pulse; /* the next thing that is due by the clock */

        struct db_problem problem; /* of now; NONE: available */
        bool fresh;                /* loaded, and not yet served from */
        bool announced;            /* the others know that we are available */
        bool in_doubt;             /* CHECKING after a compare-and-set, not after a reconnect */
        struct load_report report; /* of the last load */
        int64_t away_since_us;     /* monotonic: our start, or when the connection went */
        int64_t busy_until_us;     /* records wait until then */
        int64_t connect_us;
        int64_t load_us;
        bool has_row; /* of portfolio_state, while CHECKING */
        bool row_is_readable;
        struct store_position row;

        struct persister_rehydrate rehydrate;
        bool peer_here; /* the worker has said HELLO over data since the link came up */
        struct msg_hello peer;
        int64_t last_signal_at_us;
        uint64_t progress;

        bool draining;
        bool drained;
};

/* EXIT_CODE_OK, or why it cannot start (logged). */
PM_MUST_CHECK int persister_init(struct persister *persister, struct loop *loop, const struct config *config,
                                 const struct persister_options *options);
/* Until drained, or until something ends it. Returns the exit code. */
int persister_run(struct persister *persister);
void persister_fini(struct persister *persister);

/* SIGTERM: as if the supervisor had said DRAIN. */
void persister_stop(struct persister *persister);

/* The table, for its test and for drawing: PERSISTER_PHASE_END when the event cannot happen there. */
enum persister_phase persister_phase_after(enum persister_phase phase, enum persister_event event);
const char *persister_phase_name(enum persister_phase phase);
const char *persister_event_name(enum persister_event event);

#endif
