/* worker: pm-worker's life: from a state that is not there yet, through rehydration, to deciding signals, and out again.
 * Owns everything below; made and run by main.c.
 *
 * Phases, in sentences: a worker begins in WAIT_HELLO, linked or not, without state. A snapshot takes it to REHYDRATING, and
 * back when the data link breaks meanwhile. With the whole snapshot in and checked it is READY, and says so. GO opens it. A
 * DRAIN, in any phase, ends it: what waits is stored and answered, then it leaves. A second snapshot for a worker that has state
 * means that somebody else decides now: it exits to be rehydrated. */
#ifndef PM_WORKER_WORKER_H
#define PM_WORKER_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/link.h"
#include "common/loop.h"
#include "worker/commands.h"
#include "worker/http_server.h"
#include "worker/ingest.h"
#include "worker/rehydrate.h"
#include "worker/webhook.h"

enum worker_phase { WORKER_WAIT_HELLO = 0, WORKER_REHYDRATING, WORKER_READY, WORKER_OPEN, WORKER_DRAINING, WORKER_PHASE_END };

enum worker_event { WORKER_SNAPSHOT_BEGUN = 0, WORKER_SNAPSHOT_LOST, WORKER_SNAPSHOT_WHOLE, WORKER_GO, WORKER_DRAIN, WORKER_EVENT_END };

struct worker {
        struct loop *loop;
        const struct config *config;
        uint64_t spawn_no;
        int64_t started_us; /* monotonic, as main() began */
        int exit_code;

        enum worker_phase phase;
        struct link *control;
        struct link *data;
        int64_t linked_us;   /* main() to the data link up, the first time */
        int64_t recovery_us; /* main() to GO */
        bool was_linked;     /* the control link was up once */
        bool is_data_agreed; /* the persister has told where it stands since the data link came up: batches may flow */
        bool is_work_done;   /* in this turn */
        bool has_state;      /* a whole snapshot is in the core */
        bool is_drained;     /* nothing is waited for any more: only the last answers are on their way */
        uint64_t progress;
        int64_t timer_due_us; /* what deadline_timer is set to; INT64_MAX: idle */

        struct loop_timer *heartbeat_timer;
        struct loop_timer *link_lost_timer;
        struct loop_timer *deadline_timer; /* the earliest deadline of a reply */
        struct loop_timer *drain_timer;

        struct core *core;
        struct ingest ingest;
        struct webhook webhook;
        struct commands commands;
        struct rehydrate rehydrate;
        struct http_allow allow;
        struct http_server *http;
        struct answer answer; /* scratch of the GET handlers */
};

struct worker_options {
        uint64_t spawn_no;
        int http_fd;
        const struct http_secret *secret;
        int64_t started_us;
};

/* Starts dialling first, then makes everything else while the peers answer. config is kept, options borrowed. Returns an
 * exit code: EXIT_CODE_OK, or why it cannot run (logged). */
PM_MUST_CHECK int worker_init(struct worker *worker, struct loop *loop, const struct config *config, const struct worker_options *options);
/* Runs until drained or lost; returns the exit code. */
int worker_run(struct worker *worker);
void worker_fini(struct worker *worker);

/* SIGTERM: as if DRAIN had come. */
void worker_stop(struct worker *worker);

const char *worker_phase_name(enum worker_phase phase);
/* The phase after event, or WORKER_PHASE_END where that cannot happen. For the tests too. */
enum worker_phase worker_phase_after(enum worker_phase phase, enum worker_event event);

#endif
