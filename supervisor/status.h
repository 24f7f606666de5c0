/* status: what the operator wants to know about the service, as one model. The supervisor fills in the facts and calls
 * status_judge(), which decides the state and the warnings. The model then travels as JSON over the control socket and
 * is shown as a text screen (status_screen.h), as JSON (status_json.h) or as an exit code. Pure: no clock, socket or file.
 *
 * Zeroed is a valid model at rest: an instance that is starting and knows nothing yet. */
#ifndef PM_SUPERVISOR_STATUS_H
#define PM_SUPERVISOR_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/event.h"
#include "common/exit_code.h"
#include "common/msg.h"

#define STATUS_TEXT_SIZE 256
#define STATUS_MESSAGE_SIZE 512
#define STATUS_CHILDREN_MAX 3
#define STATUS_WARNINGS_MAX 16

/* From best to worst to gone; the first that holds, read from below in status_judge(). The last four are never said by a
 * daemon: they are what `pm-supervisor status` finds when nobody answers (probe.h). */
enum status_state {
        STATUS_STATE_STARTING = 0, /* never READY since the supervisor's start */
        STATUS_STATE_RECOVERING,   /* READY before, not now */
        STATUS_STATE_RUNNING,
        STATUS_STATE_DEGRADED, /* READY, but the store is away or the state could not be loaded whole */
        STATUS_STATE_HOLD,     /* a child has spent its restarts */
        STATUS_STATE_MAINTENANCE,
        STATUS_STATE_STOPPING,
        STATUS_STATE_DEAD_PID_FILE,
        STATUS_STATE_DEAD_LOCK_FILE,
        STATUS_STATE_NOT_RUNNING,
        STATUS_STATE_UNKNOWN,
        STATUS_STATE_END
};

struct status_child {
        enum role role; /* NONE: this row is not used */
        char state[24]; /* child.h's own name of it: "down", "ready", "hold", … */
        bool in_hold;
        uint32_t pid; /* 0: no process */
        int64_t uptime_us;
        uint64_t restarts_count;          /* deaths that were not asked for, since the supervisor's start */
        char last_exit[STATUS_TEXT_SIZE]; /* "killed by SIGKILL", "exit code 75 (schema)", empty: none yet */
        int64_t heartbeat_age_us;         /* -1: none yet, or sends none */
        uint64_t progress;
        uint64_t queued;
        int64_t retry_in_us; /* next start, when one is planned; -1: none */
};

/* The last return to READY. */
struct status_recovery {
        bool known;
        char what[24];                /* "worker", "persister", "database", "start" */
        char cause[STATUS_TEXT_SIZE]; /* "killed by SIGKILL", "start" */
        int64_t at_us;                /* wall clock */
        uint64_t positions_count;
        int64_t detect_us;
        int64_t spawn_us;
        int64_t connect_us;
        int64_t load_us;
        int64_t verify_us;
        int64_t total_us;
        uint64_t incarnation;
        uint64_t seq;
        struct digest digest;
};

struct status_storage {
        bool known; /* a persister has told its state, or reported */
        enum store_problem problem;
        char server[STATUS_TEXT_SIZE];
        char sqlstate[8];
        char message[STATUS_MESSAGE_SIZE]; /* with problem: what is wrong, and what mends it */
        bool fsync_off;
        bool embedded;
        int64_t commit_p50_us;
        int64_t commit_p99_us;
        uint64_t queued_events;
        uint64_t stored_seq;
        int64_t database_size; /* bytes */
};

/* From the worker's last WORKER_REPORT. */
struct status_portfolio {
        bool known;
        int64_t initial_capital_e6;
        int64_t closed_equity_e6;
        int64_t equity_high_e6;
        int64_t blended_equity_e6;
        int64_t unrealized_e6;
        uint64_t positions_count;
        int64_t risk_amount_e6;
        int64_t risk_percent_e6;
        int64_t vol_percent_e6;
        int64_t margin_used_e6;
        int64_t margin_percent_e6;
        bool paused;
        bool accepting;
        uint64_t incarnation;
        uint64_t decided_seq;
        uint64_t acked_seq;
        struct digest digest;
};

struct status_signals {
        bool known;
        uint64_t received_count;
        uint64_t executed_count;
        uint64_t blocked_count;
        uint64_t rejected_count;
        uint64_t duplicate_count;
        uint64_t ignored_count;
        uint64_t processed_count;
        uint64_t invalid_count;
        uint64_t unavailable_count;
        uint64_t outbox_count;
        uint64_t waiting_count;
        uint64_t kept_count;
        int64_t last_signal_at_us; /* 0: none */
};

struct status_warning {
        char text[STATUS_MESSAGE_SIZE];
        char command[STATUS_TEXT_SIZE]; /* what helps; may be empty */
};

struct status {
        char instance[64];
        char version[24];
        char listen[64];                    /* where HTTP is served */
        char config_path[STATUS_TEXT_SIZE]; /* empty: built-in defaults */
        char log_file[STATUS_TEXT_SIZE];
        uint32_t pid;
        int64_t uptime_us;

        /* Facts for status_judge(). */
        bool ready;      /* the worker has its state and GO for it was sent */
        bool ready_ever; /* since the supervisor's start */
        bool stopping;
        bool maintenance;
        bool config_changed;                    /* the config file no longer says what runs: a reload or restart is due */
        int64_t initial_capital_config_e6;      /* differs from the portfolio's: a warning. 0: not compared */
        enum recovery_problem recovery_problem; /* of the last rehydration */
        char recovery_detail[STATUS_MESSAGE_SIZE];

        /* Decided by status_judge() (or by probe.h). */
        enum status_state state;
        char reason[STATUS_MESSAGE_SIZE]; /* one sentence why it is not RUNNING; else empty */

        struct status_child children[STATUS_CHILDREN_MAX];
        uint32_t children_count;
        struct status_recovery recovery;
        struct status_storage storage;
        struct status_portfolio portfolio;
        struct status_signals signals;
        struct status_warning warnings[STATUS_WARNINGS_MAX];
        uint32_t warnings_count;
};

/* The parts that come straight from the children's messages. */
void status_set_worker_report(struct status *status, const struct msg_worker_report *report);
void status_set_persister_report(struct status *status, const struct msg_persister_report *report);
void status_set_store_state(struct status *status, const struct msg_store_state *state);
void status_set_persister_ready(struct status *status, const struct msg_persister_ready *ready);
void status_set_recovery(struct status *status, const char *what, const struct msg_recovery_record *record, int64_t at_us);

/* Adds a row to the warnings; the same text is not added twice, and above STATUS_WARNINGS_MAX it is left out. */
void status_warn(struct status *status, const char *command, const char *text, ...) __attribute__((format(printf, 3, 4)));

/* From the facts: state, reason and the warnings (those added before by status_warn() stay). Call it last. */
void status_judge(struct status *status);

/* Of `pm-supervisor status`. */
enum status_code status_exit_code(const struct status *status);
const char *status_state_name(int state); /* "running" */

#endif
