/* msg: the messages between the three processes, one struct and one table row each. Who may send what to whom
 * stands in the table (msg.c); wire.h turns a message into bytes and back. Links, in LAYOUT terms:
 * control-p supervisor-persister, control-w supervisor-worker, data worker-persister. The longer-lived listens.
 *
 * Numbers are never reused. A change of meaning raises MSG_PROTOCOL; HELLO carries it. */
#ifndef PM_COMMON_MSG_H
#define PM_COMMON_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/event.h"
#include "common/field.h"

#define MSG_PROTOCOL 1

enum role {
        ROLE_NONE = 0,
        ROLE_SUPERVISOR = 1,
        ROLE_WORKER = 2,
        ROLE_PERSISTER = 3,
        ROLE_DATABASE = 4, /* the embedded PostgreSQL: a child, sends no messages */
        ROLE_END
};

/* Told apart by SQLSTATE; each has its message and the command that mends it. */
enum store_problem {
        STORE_PROBLEM_NONE = 0,
        STORE_PROBLEM_STARTING = 1,    /* not connected yet since our start */
        STORE_PROBLEM_UNREACHABLE = 2, /* no server, connection lost, server starting or stopping */
        STORE_PROBLEM_AUTH = 3,
        STORE_PROBLEM_NO_DATABASE = 4,
        STORE_PROBLEM_TOO_MANY = 5, /* connections */
        STORE_PROBLEM_READ_ONLY = 6,
        STORE_PROBLEM_DISK_FULL = 7,
        STORE_PROBLEM_LOCKED = 8,       /* lock or statement timeout */
        STORE_PROBLEM_SCHEMA = 9,       /* tables missing, too new, edited migration */
        STORE_PROBLEM_OTHER_OWNER = 10, /* another instance holds the advisory lock */
        STORE_PROBLEM_REFUSED = 11,     /* the server refuses these contents for good */
        STORE_PROBLEM_OTHER = 12,
        STORE_PROBLEM_END
};

/* Why a rehydration could not give the whole state (DESIGN 3, 5). */
enum recovery_problem {
        RECOVERY_OK = 0,
        RECOVERY_DB_UNAVAILABLE = 1,
        RECOVERY_DATA_CORRUPT = 2,
        RECOVERY_VALIDATION_FAILED = 3,
        RECOVERY_PROBLEM_END
};

enum batch_refusal {
        BATCH_REFUSAL_NONE = 0,
        BATCH_REFUSAL_INCARNATION = 1, /* the sender is an older writer */
        BATCH_REFUSAL_CONTENTS = 2,    /* the database will not take them */
        BATCH_REFUSAL_DIGEST = 3,      /* the persister's replica comes to another digest */
        BATCH_REFUSAL_END
};

enum msg_type {
        MSG_NONE = 0,
        MSG_HELLO = 1,
        MSG_PERSISTER_READY = 2,
        MSG_STORE_STATE = 3,
        MSG_REHYDRATE = 4,
        MSG_SNAPSHOT_BEGIN = 5,
        MSG_SNAPSHOT_PART = 6,
        MSG_SNAPSHOT_END = 7,
        MSG_WORKER_READY = 8,
        MSG_GO = 9,
        MSG_EVENT_BATCH = 10,
        MSG_BATCH_ACK = 11,
        MSG_BATCH_REFUSED = 12,
        MSG_HEARTBEAT = 13,
        MSG_DRAIN = 14,
        MSG_DRAINED = 15,
        MSG_MAINTENANCE = 16,
        MSG_RECOVERY_FAILED = 17,
        MSG_RECOVERY_RECORD = 18,
        MSG_REPORT_ASK = 19,
        MSG_WORKER_REPORT = 20,
        MSG_PERSISTER_REPORT = 21,
        MSG_COMMAND = 22, /* capital, pause: the operator's orders that become events */
        MSG_COMMAND_RESULT = 23,
        MSG_TYPE_END
};

/* First on every link, by the one that dials. spawn_no is the number the supervisor gave on the command line:
 * messages of an earlier child are told apart by it. */
struct msg_hello {
        uint32_t protocol;
        enum role role;
        uint64_t spawn_no;
        uint32_t pid;
        uint64_t incarnation; /* data link: 0 while the worker has no state */
        uint64_t last_seq;    /* data link: newest decided by the worker */
};

/* The persister has its state from the database and can rehydrate a worker. */
struct msg_persister_ready {
        uint64_t spawn_no;
        uint64_t last_incarnation;
        uint64_t last_seq;
        struct digest digest;
        uint64_t positions_count;
        int64_t connect_us; /* spawn to connected and locked */
        int64_t load_us;    /* reading and checking */
        bool fsync_off;     /* a standing warning (P1) */
        struct text server; /* "PostgreSQL 15.8 on /run/…" */
};

/* Persister to supervisor and worker, at every change. */
struct msg_store_state {
        enum store_problem problem; /* NONE: available */
        struct text sqlstate;       /* five characters or empty */
        struct text message;        /* what is wrong, and what mends it; no secret */
};

struct msg_rehydrate {
        uint64_t incarnation;
        uint64_t worker_spawn_no;
};

struct msg_snapshot_begin {
        uint64_t incarnation;
        uint64_t worker_spawn_no; /* a worker with another number drops the snapshot */
        uint64_t through_seq;
        uint32_t parts_count;
        uint64_t events_count;
        enum recovery_problem problem; /* not OK: entries get 503, exits and stops of sound positions go on */
        struct text detail;
};

struct msg_snapshot_part {
        uint64_t incarnation;
        uint32_t part_no;         /* from 0 */
        struct event_span events; /* LOAD events */
};

struct msg_snapshot_end {
        uint64_t incarnation;
        uint32_t parts_count;
        struct digest digest; /* what the worker's state must come to */
};

struct msg_worker_ready {
        uint64_t spawn_no;
        uint64_t incarnation;
        uint64_t through_seq;
        struct digest digest;
        uint64_t positions_count;
        int64_t link_us;  /* main() to data link up */
        int64_t load_us;  /* SNAPSHOT_BEGIN to SNAPSHOT_END applied */
        int64_t check_us; /* recomputation and comparison */
};

struct msg_go {
        uint64_t incarnation;
};

struct msg_event_batch {
        uint64_t incarnation;
        uint64_t first_seq;
        struct digest digest;     /* of the sender's state after the last event */
        struct event_span events; /* whole signals only */
};

struct msg_batch_ack {
        uint64_t incarnation;
        uint64_t through_seq;
};

struct msg_batch_refused {
        uint64_t incarnation;
        uint64_t first_seq;
        enum batch_refusal refusal;
        struct text detail;
};

struct msg_heartbeat {
        uint64_t spawn_no;
        uint64_t progress;    /* grows with every turn of useful work; see queued */
        uint64_t through_seq; /* worker: newest acknowledged; persister: newest stored */
        uint64_t queued;      /* work that waits; progress must move while this is not 0 */
};

struct msg_drain {
        uint32_t deadline_ms;
};

struct msg_drained {
        uint64_t spawn_no;
        uint64_t through_seq;
};

struct msg_maintenance {
        bool on;
};

struct msg_recovery_failed {
        uint64_t spawn_no;
        enum recovery_problem problem;
        struct text rule;   /* the named rule that failed, "closed_equity_is_ledger_sum" */
        struct text detail; /* both values and the position */
};

/* Supervisor to persister: one row for recovery_log. */
struct msg_recovery_record {
        enum role role;
        struct text cause; /* "killed by SIGKILL", "start", "drill" */
        uint64_t incarnation;
        uint64_t through_seq;
        struct digest digest;
        uint64_t positions_count;
        int64_t detect_us;
        int64_t spawn_us;
        int64_t connect_us;
        int64_t load_us;
        int64_t verify_us;
        int64_t total_us;
};

struct msg_report_ask {
        uint64_t request_id;
};

struct msg_worker_report {
        uint64_t request_id;
        uint64_t incarnation;
        uint64_t decided_seq;
        uint64_t acked_seq;
        struct digest digest;
        uint64_t positions_count;
        int64_t initial_capital_e6;
        int64_t closed_equity_e6;
        int64_t equity_high_e6;
        int64_t blended_equity_e6;
        int64_t unrealized_e6;
        int64_t risk_amount_e6;
        int64_t risk_percent_e6;
        int64_t vol_percent_e6;
        int64_t margin_used_e6;
        int64_t margin_percent_e6;
        bool paused;
        bool accepting; /* READY, store available, no maintenance */
        uint64_t kept_count;
        uint64_t received_count; /* since the worker's start, as all below */
        uint64_t executed_count;
        uint64_t blocked_count;
        uint64_t rejected_count;
        uint64_t duplicate_count;
        uint64_t ignored_count;
        uint64_t processed_count;
        uint64_t invalid_count;
        uint64_t unavailable_count; /* answered 503 */
        uint64_t outbox_count;
        uint64_t waiting_count;
        int64_t last_signal_at_us;
};

struct msg_persister_report {
        uint64_t request_id;
        uint64_t stored_seq;
        uint64_t batches_count;
        uint64_t events_count;
        uint64_t queued_events;
        int64_t commit_p50_us; /* over the last 1,000 commits */
        int64_t commit_p99_us;
        int64_t database_size; /* bytes, as of the last minute */
        enum store_problem problem;
};

enum command_kind { COMMAND_NONE = 0, COMMAND_DEPOSIT = 1, COMMAND_WITHDRAW = 2, COMMAND_PAUSE = 3, COMMAND_RESUME = 4, COMMAND_KIND_END };

struct msg_command {
        uint64_t request_id;
        enum command_kind kind;
        int64_t amount_e6;
        struct text note;
};

struct msg_command_result {
        uint64_t request_id;
        bool done; /* stored, or found stored already */
        struct text message;
};

struct msg {
        enum msg_type type;
        union {
                struct msg_hello hello;
                struct msg_persister_ready persister_ready;
                struct msg_store_state store_state;
                struct msg_rehydrate rehydrate;
                struct msg_snapshot_begin snapshot_begin;
                struct msg_snapshot_part snapshot_part;
                struct msg_snapshot_end snapshot_end;
                struct msg_worker_ready worker_ready;
                struct msg_go go;
                struct msg_event_batch event_batch;
                struct msg_batch_ack batch_ack;
                struct msg_batch_refused batch_refused;
                struct msg_heartbeat heartbeat;
                struct msg_drain drain;
                struct msg_drained drained;
                struct msg_maintenance maintenance;
                struct msg_recovery_failed recovery_failed;
                struct msg_recovery_record recovery_record;
                struct msg_report_ask report_ask;
                struct msg_worker_report worker_report;
                struct msg_persister_report persister_report;
                struct msg_command command;
                struct msg_command_result command_result;
        };
};

struct msg_desc {
        const char *name; /* "HELLO" */
        uint32_t from;    /* bit set of 1 << enum role */
        uint32_t to;
        const struct field *fields; /* offsets from the start of struct msg */
        uint32_t fields_count;
};

/* The row of a type, NULL when there is no such type. */
const struct msg_desc *msg_desc_of(int type);
const char *msg_role_name(int role);                /* "worker" */
const char *msg_store_problem_name(int problem);    /* "unreachable" */
const char *msg_recovery_problem_name(int problem); /* "DB_UNAVAILABLE" */
const char *msg_batch_refusal_name(int refusal);    /* "incarnation" */

#endif
