/* ingest: the way of one signal from typed struct to a reply that waits for its storing. The only place that knows the
 * order: may it come in, decide, answer text, apply, number, wait. Owned by struct worker. No I/O and no clock. */
#ifndef PM_WORKER_INGEST_H
#define PM_WORKER_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/msg.h"
#include "worker/answers.h"
#include "worker/core/core.h"
#include "worker/outbox.h"
#include "worker/replies.h"

/* Since the worker's start. */
struct ingest_counts {
        uint64_t received;
        uint64_t by_outcome[OUTCOME_END]; /* OUTCOME_INVALID: answered 400 and its like */
        uint64_t entries_executed;
        uint64_t entries_blocked;
        uint64_t pyramids_executed;
        uint64_t pyramids_blocked;
        uint64_t exits_executed;
        uint64_t positions_closed;
        uint64_t unavailable;      /* answered 503 */
        int64_t last_signal_at_us; /* wall clock, of the last one decided; 0: none */
};

struct ingest {
        struct core *core;
        struct outbox outbox;
        struct replies replies;
        struct ingest_counts counts;

        /* What the gate looks at; set by worker.c. */
        bool is_open;
        bool is_draining;
        bool is_maintenance;
        bool is_store_away; /* the persister has said so; a link that is down is not enough */
        enum recovery_problem problem;

        struct event_list list; /* scratch */
        struct core_decision decision;
};

/* core is kept. false: out of memory. */
PM_MUST_CHECK bool ingest_init(struct ingest *ingest, struct core *core);
void ingest_fini(struct ingest *ingest);

/* Whether a signal of this type may be decided now; UNAVAILABLE_NONE: yes. */
enum unavailable ingest_gate(const struct ingest *ingest, enum signal_type type);

/* Decides signal and takes it in, or says why a repeat may have more luck. On UNAVAILABLE_NONE the answer is complete and
 * request is among ingest->replies, until everything decided so far is stored or deadline_us (monotonic) has come.
 * Otherwise nothing has changed. now_us is the wall clock. */
enum unavailable ingest_signal(struct ingest *ingest, const struct signal *signal, int64_t now_us, void *request, uint32_t request_id,
                               int64_t deadline_us, struct answer *answer);

/* Applies events that core decided (of a signal or a command) and appends them to the outbox, which has room for them. */
void ingest_take_in(struct ingest *ingest, const struct event_list *list);

#endif
