/* store: batches of events become transactions, and their COMMIT becomes an answer. It folds a batch into the replica core when its
 * transaction is formed (so the figures written are those of the batch's last event), compares the worker's digest,
 * sends one flight, and keeps the batch until it is known to be stored. The row of portfolio_state moves by
 * compare-and-set on last_seq and incarnation. While one batch is being stored, the next one gathers.
 * Owned by struct persister; talks to the database through struct db_port only.
 *
 * Unknown commits: when the connection goes, the batch stays. The persister reads the row after it has the lock again and
 * store_resolve() says which: stored (acknowledge), not stored (write again), or something else (reload).
 *
 * Contents that the database refuses for good: the replica is reloaded and the batch's signals are stored one by one; the
 * one that is refused is stored as blocked, store_refused, in its place and as a newer incarnation's; then the worker must
 * rehydrate. */
#ifndef PM_PERSISTER_STORE_H
#define PM_PERSISTER_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/msg.h"
#include "persister/batch.h"
#include "persister/db_conn.h"
#include "persister/rows.h"
#include "worker/core/core.h"

#define STORE_LATENCIES_COUNT 1000

/* Why the replica cannot go on as it is. */
enum store_trouble {
        STORE_TROUBLE_NONE = 0,
        STORE_TROUBLE_DIGEST,   /* a batch does not lead to the worker's state: refuse it, reload */
        STORE_TROUBLE_MOVED,    /* the stored state is not what we think: read portfolio_state, then store_resolve() */
        STORE_TROUBLE_CONTENTS, /* a signal is refused by the database: reload, then pump again */
};

struct store_handler {
        /* Everything up to through_seq is stored. */
        void (*on_stored)(void *owner, uint64_t through_seq, uint32_t events_count);
        void (*on_trouble)(void *owner, enum store_trouble trouble, uint64_t first_seq, const char *detail);
        /* The refused signal was recorded (or could not be): tell the worker. reload: the replica must be read again first. */
        void (*on_refused)(void *owner, uint64_t first_seq, const char *detail, bool reload);
        void (*on_incarnation)(void *owner, uint64_t incarnation); /* stored: older writers are fenced */
};

/* What is in portfolio_state, as far as we know. */
struct store_position {
        uint64_t last_seq;
        uint64_t incarnation;
        struct digest digest;
};

enum store_mode {
        STORE_PLAIN = 0, /* all that waits is one transaction, up to a bound */
        STORE_SINGLE,    /* one signal each, to find the one that is refused */
        STORE_SUBSTITUTE /* the refused one, as blocked */
};

struct store {
        struct db_port db;
        struct core *core; /* borrowed: the replica */
        const struct store_handler *handler;
        void *owner;

        struct store_position stored;
        struct batch waiting; /* gathers */
        struct batch flying;  /* is being stored */
        uint32_t flying_done; /* its first events that are stored already */
        bool is_own;          /* flying holds the persister's own events, not a worker's */
        enum store_mode mode;

        /* The transaction that was formed last. */
        bool formed;       /* it is not known to be stored */
        bool on_way;       /* its answer is awaited */
        bool was_sent;     /* it may have been stored by a connection that went */
        struct batch unit; /* a view into flying: no memory of its own */
        struct store_position target;
        struct rows rows;
        struct db_query queries[ROWS_QUERIES_MAX];
        uint32_t queries_count;
        int64_t formed_at_us;

        uint64_t taking; /* incarnation that is being stored, 0: none */
        struct params take_params;

        uint64_t refused_seq; /* first of the signal that the database refused */
        char refused_detail[256];

        uint64_t batches_count;
        uint64_t events_count;
        int64_t latencies_us[STORE_LATENCIES_COUNT]; /* a ring */
        uint32_t latencies_next;
        uint32_t latencies_count;
};

enum store_status {
        STORE_OK = 0,
        STORE_FULL, /* nothing was taken: more than the worker's whole outbox waits */
        STORE_NO_MEMORY,
};

PM_MUST_CHECK enum store_status store_init(struct store *store, struct db_port db, struct core *core, const struct store_handler *handler,
                                           void *owner);
void store_fini(struct store *store); /* a zeroed one is fine */

/* The replica was loaded and is at this position. Plain mode: what waited is forgotten (the worker's outbox has it). While a
 * refused signal is looked for: goes on with that. */
void store_loaded(struct store *store, struct store_position position);

/* Takes a batch that intake judged INTAKE_TAKE. */
PM_MUST_CHECK enum store_status store_offer(struct store *store, uint64_t first_seq, struct event_span events, uint32_t skip,
                                            struct digest digest);
/* An event of the persister's own (created, reset, adjusted), before store_own_send(). */
PM_MUST_CHECK enum store_status store_own_event(struct store *store, const struct event *event);
/* Stores the own events as incarnation + 1. The connection is idle. */
void store_own_send(struct store *store);

/* Sends what can be sent now. true: a flight was sent, the connection is busy. Never call while the replica is not loaded. */
bool store_pump(struct store *store);
/* Stores a newer incarnation; nothing waits (store_is_empty) and the connection is idle. */
void store_take_incarnation(struct store *store, uint64_t incarnation);

/* Nothing waits or flies. */
bool store_is_empty(const struct store *store);
uint64_t store_queued_events(const struct store *store);

/* The connection is new, or on_trouble said MOVED: row is what portfolio_state says, NULL when there is none. */
enum store_resolution {
        STORE_AS_WAS = 0, /* what we thought: go on (what flew is written again) */
        STORE_COMMITTED,  /* the unknown commit was stored; on_stored was called */
        STORE_RELOAD,     /* somebody else wrote: read everything again */
        STORE_FENCED,     /* a newer incarnation than any of ours: end */
};
enum store_resolution store_resolve(struct store *store, const struct store_position *row, bool after_moved);

/* Over the last STORE_LATENCIES_COUNT transactions, formed to committed. 0 when there was none. */
void store_latency(const struct store *store, int64_t *p50_us, int64_t *p99_us);

#endif
