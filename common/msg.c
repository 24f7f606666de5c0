/* msg: the table behind msg.h: name, who may send it to whom, fields. */
#include "common/msg.h"

#include "common/check.h"

#define OF(member) (uint32_t) offsetof(struct msg, member)
#define F(type_, member)                                                                                                                   \
        {                                                                                                                                  \
                .name = #member, .type = type_, .offset = OF(member)                                                                       \
        }
#define F_ENUM(member, end, names)                                                                                                         \
        {                                                                                                                                  \
                .name = #member, .type = FIELD_ENUM, .offset = OF(member), .limit = end, .enum_name = names                                \
        }
#define F_TEXT(member, max)                                                                                                                \
        {                                                                                                                                  \
                .name = #member, .type = FIELD_TEXT, .offset = OF(member), .limit = max                                                    \
        }

/* Texts for people: a sentence or two, never a document. */
#define SENTENCE_SIZE_MAX 1024
#define SQLSTATE_SIZE_MAX 5

static const char *
command_name(int kind)
{
        static const char *const names[COMMAND_KIND_END] = {
                [COMMAND_NONE] = "none",   [COMMAND_DEPOSIT] = "deposit", [COMMAND_WITHDRAW] = "withdraw",
                [COMMAND_PAUSE] = "pause", [COMMAND_RESUME] = "resume",
        };
        return kind >= 0 && kind < COMMAND_KIND_END ? names[kind] : NULL;
}

const char *
msg_role_name(int role)
{
        static const char *const names[ROLE_END] = {
                [ROLE_NONE] = "none",           [ROLE_SUPERVISOR] = "supervisor", [ROLE_WORKER] = "worker",
                [ROLE_PERSISTER] = "persister", [ROLE_DATABASE] = "database",
        };
        return role >= 0 && role < ROLE_END ? names[role] : NULL;
}

const char *
msg_store_problem_name(int problem)
{
        static const char *const names[STORE_PROBLEM_END] = {
                [STORE_PROBLEM_NONE] = "none",
                [STORE_PROBLEM_STARTING] = "starting",
                [STORE_PROBLEM_UNREACHABLE] = "unreachable",
                [STORE_PROBLEM_AUTH] = "auth",
                [STORE_PROBLEM_NO_DATABASE] = "no_database",
                [STORE_PROBLEM_TOO_MANY] = "too_many",
                [STORE_PROBLEM_READ_ONLY] = "read_only",
                [STORE_PROBLEM_DISK_FULL] = "disk_full",
                [STORE_PROBLEM_LOCKED] = "locked",
                [STORE_PROBLEM_SCHEMA] = "schema",
                [STORE_PROBLEM_OTHER_OWNER] = "other_owner",
                [STORE_PROBLEM_REFUSED] = "refused",
                [STORE_PROBLEM_OTHER] = "other",
        };
        return problem >= 0 && problem < STORE_PROBLEM_END ? names[problem] : NULL;
}

const char *
msg_recovery_problem_name(int problem)
{
        static const char *const names[RECOVERY_PROBLEM_END] = {
                [RECOVERY_OK] = "OK",
                [RECOVERY_DB_UNAVAILABLE] = "DB_UNAVAILABLE",
                [RECOVERY_DATA_CORRUPT] = "DATA_CORRUPT",
                [RECOVERY_VALIDATION_FAILED] = "VALIDATION_FAILED",
        };
        return problem >= 0 && problem < RECOVERY_PROBLEM_END ? names[problem] : NULL;
}

const char *
msg_batch_refusal_name(int refusal)
{
        static const char *const names[BATCH_REFUSAL_END] = {
                [BATCH_REFUSAL_NONE] = "none",
                [BATCH_REFUSAL_INCARNATION] = "incarnation",
                [BATCH_REFUSAL_CONTENTS] = "contents",
                [BATCH_REFUSAL_DIGEST] = "digest",
        };
        return refusal >= 0 && refusal < BATCH_REFUSAL_END ? names[refusal] : NULL;
}

static const struct field hello_fields[] = {
        F(FIELD_U32, hello.protocol),    F_ENUM(hello.role, ROLE_END, msg_role_name),
        F(FIELD_U64, hello.spawn_no),    F(FIELD_U32, hello.pid),
        F(FIELD_U64, hello.incarnation), F(FIELD_U64, hello.last_seq),
};
static const struct field persister_ready_fields[] = {
        F(FIELD_U64, persister_ready.spawn_no),
        F(FIELD_U64, persister_ready.last_incarnation),
        F(FIELD_U64, persister_ready.last_seq),
        F(FIELD_DIGEST, persister_ready.digest),
        F(FIELD_U64, persister_ready.positions_count),
        F(FIELD_I64, persister_ready.connect_us),
        F(FIELD_I64, persister_ready.load_us),
        F(FIELD_BOOL, persister_ready.fsync_off),
        F_TEXT(persister_ready.server, SENTENCE_SIZE_MAX),
};
static const struct field store_state_fields[] = {
        F_ENUM(store_state.problem, STORE_PROBLEM_END, msg_store_problem_name),
        F_TEXT(store_state.sqlstate, SQLSTATE_SIZE_MAX),
        F_TEXT(store_state.message, SENTENCE_SIZE_MAX),
};
static const struct field rehydrate_fields[] = {
        F(FIELD_U64, rehydrate.incarnation),
        F(FIELD_U64, rehydrate.worker_spawn_no),
};
static const struct field snapshot_begin_fields[] = {
        F(FIELD_U64, snapshot_begin.incarnation),         F(FIELD_U64, snapshot_begin.worker_spawn_no),
        F(FIELD_U64, snapshot_begin.through_seq),         F(FIELD_U32, snapshot_begin.parts_count),
        F(FIELD_U64, snapshot_begin.events_count),        F_ENUM(snapshot_begin.problem, RECOVERY_PROBLEM_END, msg_recovery_problem_name),
        F_TEXT(snapshot_begin.detail, SENTENCE_SIZE_MAX),
};
static const struct field snapshot_part_fields[] = {
        F(FIELD_U64, snapshot_part.incarnation),
        F(FIELD_U32, snapshot_part.part_no),
        {.name = "snapshot_part.events", .type = FIELD_EVENTS, .offset = OF(snapshot_part.events), .limit = PM_SNAPSHOT_PART_EVENTS},
};
static const struct field snapshot_end_fields[] = {
        F(FIELD_U64, snapshot_end.incarnation),
        F(FIELD_U32, snapshot_end.parts_count),
        F(FIELD_DIGEST, snapshot_end.digest),
};
static const struct field worker_ready_fields[] = {
        F(FIELD_U64, worker_ready.spawn_no),  F(FIELD_U64, worker_ready.incarnation),     F(FIELD_U64, worker_ready.through_seq),
        F(FIELD_DIGEST, worker_ready.digest), F(FIELD_U64, worker_ready.positions_count), F(FIELD_I64, worker_ready.link_us),
        F(FIELD_I64, worker_ready.load_us),   F(FIELD_I64, worker_ready.check_us),
};
static const struct field go_fields[] = {
        F(FIELD_U64, go.incarnation),
};
static const struct field event_batch_fields[] = {
        F(FIELD_U64, event_batch.incarnation),
        F(FIELD_U64, event_batch.first_seq),
        F(FIELD_DIGEST, event_batch.digest),
        {.name = "event_batch.events", .type = FIELD_EVENTS, .offset = OF(event_batch.events), .limit = PM_BATCH_EVENTS_MAX},
};
static const struct field batch_ack_fields[] = {
        F(FIELD_U64, batch_ack.incarnation),
        F(FIELD_U64, batch_ack.through_seq),
};
static const struct field batch_refused_fields[] = {
        F(FIELD_U64, batch_refused.incarnation),
        F(FIELD_U64, batch_refused.first_seq),
        F_ENUM(batch_refused.refusal, BATCH_REFUSAL_END, msg_batch_refusal_name),
        F_TEXT(batch_refused.detail, SENTENCE_SIZE_MAX),
};
static const struct field heartbeat_fields[] = {
        F(FIELD_U64, heartbeat.spawn_no),
        F(FIELD_U64, heartbeat.progress),
        F(FIELD_U64, heartbeat.through_seq),
        F(FIELD_U64, heartbeat.queued),
};
static const struct field drain_fields[] = {
        F(FIELD_U32, drain.deadline_ms),
};
static const struct field drained_fields[] = {
        F(FIELD_U64, drained.spawn_no),
        F(FIELD_U64, drained.through_seq),
};
static const struct field maintenance_fields[] = {
        F(FIELD_BOOL, maintenance.on),
};
static const struct field recovery_failed_fields[] = {
        F(FIELD_U64, recovery_failed.spawn_no),
        F_ENUM(recovery_failed.problem, RECOVERY_PROBLEM_END, msg_recovery_problem_name),
        F_TEXT(recovery_failed.rule, SENTENCE_SIZE_MAX),
        F_TEXT(recovery_failed.detail, SENTENCE_SIZE_MAX),
};
static const struct field recovery_record_fields[] = {
        F_ENUM(recovery_record.role, ROLE_END, msg_role_name),
        F_TEXT(recovery_record.cause, SENTENCE_SIZE_MAX),
        F(FIELD_U64, recovery_record.incarnation),
        F(FIELD_U64, recovery_record.through_seq),
        F(FIELD_DIGEST, recovery_record.digest),
        F(FIELD_U64, recovery_record.positions_count),
        F(FIELD_I64, recovery_record.detect_us),
        F(FIELD_I64, recovery_record.spawn_us),
        F(FIELD_I64, recovery_record.connect_us),
        F(FIELD_I64, recovery_record.load_us),
        F(FIELD_I64, recovery_record.verify_us),
        F(FIELD_I64, recovery_record.total_us),
};
static const struct field report_ask_fields[] = {
        F(FIELD_U64, report_ask.request_id),
};
static const struct field worker_report_fields[] = {
        F(FIELD_U64, worker_report.request_id),
        F(FIELD_U64, worker_report.incarnation),
        F(FIELD_U64, worker_report.decided_seq),
        F(FIELD_U64, worker_report.acked_seq),
        F(FIELD_DIGEST, worker_report.digest),
        F(FIELD_U64, worker_report.positions_count),
        F(FIELD_E6, worker_report.initial_capital_e6),
        F(FIELD_E6, worker_report.closed_equity_e6),
        F(FIELD_E6, worker_report.equity_high_e6),
        F(FIELD_E6, worker_report.blended_equity_e6),
        F(FIELD_E6, worker_report.unrealized_e6),
        F(FIELD_E6, worker_report.risk_amount_e6),
        F(FIELD_E6, worker_report.risk_percent_e6),
        F(FIELD_E6, worker_report.vol_percent_e6),
        F(FIELD_E6, worker_report.margin_used_e6),
        F(FIELD_E6, worker_report.margin_percent_e6),
        F(FIELD_BOOL, worker_report.paused),
        F(FIELD_BOOL, worker_report.accepting),
        F(FIELD_U64, worker_report.kept_count),
        F(FIELD_U64, worker_report.received_count),
        F(FIELD_U64, worker_report.executed_count),
        F(FIELD_U64, worker_report.blocked_count),
        F(FIELD_U64, worker_report.rejected_count),
        F(FIELD_U64, worker_report.duplicate_count),
        F(FIELD_U64, worker_report.ignored_count),
        F(FIELD_U64, worker_report.processed_count),
        F(FIELD_U64, worker_report.invalid_count),
        F(FIELD_U64, worker_report.unavailable_count),
        F(FIELD_U64, worker_report.outbox_count),
        F(FIELD_U64, worker_report.waiting_count),
        F(FIELD_TIME_US, worker_report.last_signal_at_us),
};
static const struct field persister_report_fields[] = {
        F(FIELD_U64, persister_report.request_id),
        F(FIELD_U64, persister_report.stored_seq),
        F(FIELD_U64, persister_report.batches_count),
        F(FIELD_U64, persister_report.events_count),
        F(FIELD_U64, persister_report.queued_events),
        F(FIELD_I64, persister_report.commit_p50_us),
        F(FIELD_I64, persister_report.commit_p99_us),
        F(FIELD_I64, persister_report.database_size),
        F_ENUM(persister_report.problem, STORE_PROBLEM_END, msg_store_problem_name),
};
static const struct field command_fields[] = {
        F(FIELD_U64, command.request_id),
        F_ENUM(command.kind, COMMAND_KIND_END, command_name),
        F(FIELD_E6, command.amount_e6),
        F_TEXT(command.note, PM_REASON_SIZE_MAX),
};
static const struct field command_result_fields[] = {
        F(FIELD_U64, command_result.request_id),
        F(FIELD_BOOL, command_result.done),
        F_TEXT(command_result.message, SENTENCE_SIZE_MAX),
};

#define S (1U << ROLE_SUPERVISOR)
#define W (1U << ROLE_WORKER)
#define P (1U << ROLE_PERSISTER)
#define MSG(name_, from_, to_, fields_)                                                                                                    \
        {                                                                                                                                  \
                .name = name_, .from = from_, .to = to_, .fields = fields_, .fields_count = countof(fields_)                               \
        }

static const struct msg_desc msg_table[MSG_TYPE_END] = {
        [MSG_HELLO] = MSG("HELLO", W | P, S | P, hello_fields),
        [MSG_PERSISTER_READY] = MSG("PERSISTER_READY", P, S, persister_ready_fields),
        [MSG_STORE_STATE] = MSG("STORE_STATE", P, S | W, store_state_fields),
        [MSG_REHYDRATE] = MSG("REHYDRATE", S, P, rehydrate_fields),
        [MSG_SNAPSHOT_BEGIN] = MSG("SNAPSHOT_BEGIN", P, W, snapshot_begin_fields),
        [MSG_SNAPSHOT_PART] = MSG("SNAPSHOT_PART", P, W, snapshot_part_fields),
        [MSG_SNAPSHOT_END] = MSG("SNAPSHOT_END", P, W, snapshot_end_fields),
        [MSG_WORKER_READY] = MSG("WORKER_READY", W, S, worker_ready_fields),
        [MSG_GO] = MSG("GO", S, W, go_fields),
        [MSG_EVENT_BATCH] = MSG("EVENT_BATCH", W, P, event_batch_fields),
        [MSG_BATCH_ACK] = MSG("BATCH_ACK", P, W, batch_ack_fields),
        [MSG_BATCH_REFUSED] = MSG("BATCH_REFUSED", P, W, batch_refused_fields),
        [MSG_HEARTBEAT] = MSG("HEARTBEAT", W | P, S, heartbeat_fields),
        [MSG_DRAIN] = MSG("DRAIN", S, W | P, drain_fields),
        [MSG_DRAINED] = MSG("DRAINED", W | P, S, drained_fields),
        [MSG_MAINTENANCE] = MSG("MAINTENANCE", S, W, maintenance_fields),
        [MSG_RECOVERY_FAILED] = MSG("RECOVERY_FAILED", P, S, recovery_failed_fields),
        [MSG_RECOVERY_RECORD] = MSG("RECOVERY_RECORD", S, P, recovery_record_fields),
        [MSG_REPORT_ASK] = MSG("REPORT_ASK", S, W | P, report_ask_fields),
        [MSG_WORKER_REPORT] = MSG("WORKER_REPORT", W, S, worker_report_fields),
        [MSG_PERSISTER_REPORT] = MSG("PERSISTER_REPORT", P, S, persister_report_fields),
        [MSG_COMMAND] = MSG("COMMAND", S, W, command_fields),
        [MSG_COMMAND_RESULT] = MSG("COMMAND_RESULT", W, S, command_result_fields),
};

const struct msg_desc *
msg_desc_of(int type)
{
        if (type <= MSG_NONE || type >= MSG_TYPE_END || msg_table[type].name == NULL)
                return NULL;
        return &msg_table[type];
}
