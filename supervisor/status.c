#include "supervisor/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/fixed.h"

/* What the operator can do about each problem of the store. */
struct problem_help {
        const char *text;
        const char *command;
};
static const struct problem_help problem_helps[STORE_PROBLEM_END] = {
        [STORE_PROBLEM_STARTING] = {"the database is not connected yet", "pm-supervisor check-db"},
        [STORE_PROBLEM_UNREACHABLE] = {"the database cannot be reached; it is tried again all the time", "pm-supervisor check-db"},
        [STORE_PROBLEM_AUTH] = {"the database refuses our user or password", "pm-supervisor check-db"},
        [STORE_PROBLEM_NO_DATABASE] = {"the database does not exist on the server", "pm-supervisor check-db"},
        [STORE_PROBLEM_TOO_MANY] = {"the server takes no more connections",
                                    "psql -c 'SELECT usename, count(*) FROM pg_stat_activity GROUP BY 1'"},
        [STORE_PROBLEM_READ_ONLY] = {"the server is read-only (a standby?)", "pm-supervisor check-db"},
        [STORE_PROBLEM_DISK_FULL] = {"the database's disk is full", "df -h"},
        [STORE_PROBLEM_LOCKED] = {"the database holds our statements up",
                                  "psql -c 'SELECT * FROM pg_stat_activity WHERE wait_event_type = $$Lock$$'"},
        [STORE_PROBLEM_SCHEMA] = {"the schema is missing or not of this version", "pm-supervisor migrate"},
        [STORE_PROBLEM_OTHER_OWNER] = {"another instance owns this portfolio", "pm-supervisor check-db"},
        [STORE_PROBLEM_REFUSED] = {"the database refuses what is to be stored", "pm-supervisor verify"},
        [STORE_PROBLEM_OTHER] = {"the database answers with an error", "pm-supervisor check-db"},
};

static void copy_text(char *out, size_t out_size, struct text text);
static void judge_state(struct status *status);
static void add_warnings(struct status *status);

void
status_set_worker_report(struct status *status, const struct msg_worker_report *report)
{
        /* A worker that has not been rehydrated yet has no portfolio to speak of. */
        status->portfolio = (struct status_portfolio){
                .known = report->incarnation != 0,
                .initial_capital_e6 = report->initial_capital_e6,
                .closed_equity_e6 = report->closed_equity_e6,
                .equity_high_e6 = report->equity_high_e6,
                .blended_equity_e6 = report->blended_equity_e6,
                .unrealized_e6 = report->unrealized_e6,
                .positions_count = report->positions_count,
                .risk_amount_e6 = report->risk_amount_e6,
                .risk_percent_e6 = report->risk_percent_e6,
                .vol_percent_e6 = report->vol_percent_e6,
                .margin_used_e6 = report->margin_used_e6,
                .margin_percent_e6 = report->margin_percent_e6,
                .paused = report->paused,
                .accepting = report->accepting,
                .incarnation = report->incarnation,
                .decided_seq = report->decided_seq,
                .acked_seq = report->acked_seq,
                .digest = report->digest,
        };
        status->signals = (struct status_signals){
                .known = true,
                .received_count = report->received_count,
                .executed_count = report->executed_count,
                .blocked_count = report->blocked_count,
                .rejected_count = report->rejected_count,
                .duplicate_count = report->duplicate_count,
                .ignored_count = report->ignored_count,
                .processed_count = report->processed_count,
                .invalid_count = report->invalid_count,
                .unavailable_count = report->unavailable_count,
                .outbox_count = report->outbox_count,
                .waiting_count = report->waiting_count,
                .kept_count = report->kept_count,
                .last_signal_at_us = report->last_signal_at_us,
        };
}

void
status_set_persister_report(struct status *status, const struct msg_persister_report *report)
{
        struct status_storage *storage = &status->storage;
        storage->known = true;
        storage->problem = report->problem;
        storage->commit_p50_us = report->commit_p50_us;
        storage->commit_p99_us = report->commit_p99_us;
        storage->queued_events = report->queued_events;
        storage->stored_seq = report->stored_seq;
        storage->database_size = report->database_size;
}

void
status_set_store_state(struct status *status, const struct msg_store_state *state)
{
        struct status_storage *storage = &status->storage;
        storage->known = true;
        storage->problem = state->problem;
        copy_text(storage->sqlstate, sizeof(storage->sqlstate), state->sqlstate);
        copy_text(storage->message, sizeof(storage->message), state->message);
}

void
status_set_persister_ready(struct status *status, const struct msg_persister_ready *ready)
{
        struct status_storage *storage = &status->storage;
        storage->known = true;
        storage->fsync_off = ready->fsync_off;
        storage->stored_seq = ready->last_seq;
        copy_text(storage->server, sizeof(storage->server), ready->server);
}

void
status_set_recovery(struct status *status, const char *what, const struct msg_recovery_record *record, int64_t at_us)
{
        struct status_recovery *recovery = &status->recovery;
        *recovery = (struct status_recovery){
                .known = true,
                .at_us = at_us,
                .positions_count = record->positions_count,
                .detect_us = record->detect_us,
                .spawn_us = record->spawn_us,
                .connect_us = record->connect_us,
                .load_us = record->load_us,
                .verify_us = record->verify_us,
                .total_us = record->total_us,
                .incarnation = record->incarnation,
                .seq = record->through_seq,
                .digest = record->digest,
        };
        snprintf(recovery->what, sizeof(recovery->what), "%s", what);
        copy_text(recovery->cause, sizeof(recovery->cause), record->cause);
}

void
status_warn(struct status *status, const char *command, const char *text, ...)
{
        struct status_warning warning = {0};
        va_list args;
        va_start(args, text);
        (void)vsnprintf(warning.text, sizeof(warning.text), text, args);
        va_end(args);
        snprintf(warning.command, sizeof(warning.command), "%s", command);
        for (uint32_t i = 0; i < status->warnings_count; i++) {
                if (strcmp(status->warnings[i].text, warning.text) == 0)
                        return;
        }
        if (status->warnings_count < STATUS_WARNINGS_MAX)
                status->warnings[status->warnings_count++] = warning;
}

void
status_judge(struct status *status)
{
        judge_state(status);
        add_warnings(status);
}

enum status_code
status_exit_code(const struct status *status)
{
        static const enum status_code codes[STATUS_STATE_END] = {
                [STATUS_STATE_STARTING] = STATUS_STARTING,
                [STATUS_STATE_RECOVERING] = STATUS_STARTING,
                [STATUS_STATE_RUNNING] = STATUS_RUNNING,
                [STATUS_STATE_DEGRADED] = STATUS_DEGRADED,
                [STATUS_STATE_HOLD] = STATUS_HOLD,
                [STATUS_STATE_MAINTENANCE] = STATUS_MAINTENANCE,
                [STATUS_STATE_STOPPING] = STATUS_STARTING,
                [STATUS_STATE_DEAD_PID_FILE] = STATUS_DEAD_PID_FILE,
                [STATUS_STATE_DEAD_LOCK_FILE] = STATUS_DEAD_LOCK_FILE,
                [STATUS_STATE_NOT_RUNNING] = STATUS_NOT_RUNNING,
                [STATUS_STATE_UNKNOWN] = STATUS_UNKNOWN,
        };
        return status->state < STATUS_STATE_END ? codes[status->state] : STATUS_UNKNOWN;
}

const char *
status_state_name(int state)
{
        static const char *const names[STATUS_STATE_END] = {
                [STATUS_STATE_STARTING] = "starting",
                [STATUS_STATE_RECOVERING] = "recovering",
                [STATUS_STATE_RUNNING] = "running",
                [STATUS_STATE_DEGRADED] = "degraded",
                [STATUS_STATE_HOLD] = "hold",
                [STATUS_STATE_MAINTENANCE] = "maintenance",
                [STATUS_STATE_STOPPING] = "stopping",
                [STATUS_STATE_DEAD_PID_FILE] = "dead_pid_file",
                [STATUS_STATE_DEAD_LOCK_FILE] = "dead_lock_file",
                [STATUS_STATE_NOT_RUNNING] = "not_running",
                [STATUS_STATE_UNKNOWN] = "unknown",
        };
        return state >= 0 && state < STATUS_STATE_END ? names[state] : NULL;
}

static const struct status_child *
child_in_hold(const struct status *status)
{
        for (uint32_t i = 0; i < status->children_count; i++) {
                if (status->children[i].in_hold)
                        return &status->children[i];
        }
        return NULL;
}

static const struct status_child *
child_that_is_down(const struct status *status)
{
        for (uint32_t i = 0; i < status->children_count; i++) {
                if (status->children[i].role != ROLE_NONE && status->children[i].pid == 0)
                        return &status->children[i];
        }
        return NULL;
}

static bool
is_state_unsound(const struct status *status)
{
        return status->recovery_problem == RECOVERY_DATA_CORRUPT || status->recovery_problem == RECOVERY_VALIDATION_FAILED;
}

static void
set_storage_reason(struct status *status)
{
        const struct status_storage *storage = &status->storage;
        snprintf(status->reason, sizeof(status->reason), "database %s: %.400s", msg_store_problem_name((int)storage->problem),
                 storage->message[0] != '\0' ? storage->message : problem_helps[storage->problem].text);
}

static void
set_recovery_reason(struct status *status)
{
        snprintf(status->reason, sizeof(status->reason), "%s: %.450s", msg_recovery_problem_name((int)status->recovery_problem),
                 status->recovery_detail[0] != '\0' ? status->recovery_detail : "see the log");
}

/* Why there is no READY: the cause nearest to the ground comes first. */
static void
set_waiting_reason(struct status *status)
{
        const struct status_child *down = child_that_is_down(status);
        if (status->storage.known && status->storage.problem != STORE_PROBLEM_NONE) {
                set_storage_reason(status);
        } else if (status->recovery_problem != RECOVERY_OK) {
                set_recovery_reason(status);
        } else if (down != NULL) {
                snprintf(status->reason, sizeof(status->reason), "the %s is not up%s%s", msg_role_name((int)down->role),
                         down->last_exit[0] != '\0' ? ": " : "", down->last_exit);
        } else if (!status->storage.known) {
                snprintf(status->reason, sizeof(status->reason), "waiting for the persister to load the portfolio");
        } else {
                snprintf(status->reason, sizeof(status->reason), "waiting for the worker to take over the portfolio");
        }
}

/* Maintenance is on purpose, so it hides what is away because of it; a HOLD needs the operator and hides everything but a stop. */
static void
judge_state(struct status *status)
{
        const struct status_child *held = child_in_hold(status);
        const struct status_child *down = child_that_is_down(status);
        status->reason[0] = '\0';
        if (status->stopping) {
                status->state = STATUS_STATE_STOPPING;
                snprintf(status->reason, sizeof(status->reason), "it was told to stop");
        } else if (held != NULL) {
                status->state = STATUS_STATE_HOLD;
                snprintf(status->reason, sizeof(status->reason), "the %s ends again and again (%s); it is tried slowly from now on",
                         msg_role_name((int)held->role), held->last_exit[0] != '\0' ? held->last_exit : "see the log");
        } else if (status->maintenance) {
                status->state = STATUS_STATE_MAINTENANCE;
                snprintf(status->reason, sizeof(status->reason), "maintenance is on: signals get 503");
        } else if (!status->ready) {
                status->state = status->ready_ever ? STATUS_STATE_RECOVERING : STATUS_STATE_STARTING;
                set_waiting_reason(status);
        } else if (status->storage.problem != STORE_PROBLEM_NONE) {
                status->state = STATUS_STATE_DEGRADED;
                set_storage_reason(status);
        } else if (is_state_unsound(status)) {
                status->state = STATUS_STATE_DEGRADED;
                set_recovery_reason(status);
        } else if (down != NULL) {
                status->state = STATUS_STATE_DEGRADED;
                snprintf(status->reason, sizeof(status->reason), "the %s is not up", msg_role_name((int)down->role));
        } else {
                status->state = STATUS_STATE_RUNNING;
        }
}

static void
add_warnings(struct status *status)
{
        const struct status_storage *storage = &status->storage;
        const struct status_child *held = child_in_hold(status);
        if (storage->problem != STORE_PROBLEM_NONE)
                status_warn(status, problem_helps[storage->problem].command, "%s", problem_helps[storage->problem].text);
        if (held != NULL) {
                char command[STATUS_TEXT_SIZE];
                snprintf(command, sizeof(command), held->role == ROLE_DATABASE ? "pm-supervisor restart" : "pm-supervisor restart %s",
                         msg_role_name((int)held->role));
                status_warn(status, command, "the %s is in HOLD; its last lines are in the log", msg_role_name((int)held->role));
        }
        if (is_state_unsound(status))
                status_warn(status, "pm-supervisor verify",
                            "the stored portfolio is not sound: entries are refused, exits and stops go on");
        if (storage->known && storage->fsync_off)
                status_warn(status, "psql -c 'ALTER SYSTEM SET fsync = on' -c 'SELECT pg_reload_conf()'",
                            "the database runs with fsync off: a power cut can lose acknowledged trades");
        if (status->maintenance)
                status_warn(status, "pm-supervisor maintenance off", "maintenance is on: signals get 503");
        if (status->portfolio.known && status->portfolio.paused)
                status_warn(status, "pm-supervisor resume", "trading is paused: entries are blocked, exits and stops go on");
        if (status->config_changed)
                status_warn(status, "pm-supervisor reload", "the config file has changed since it was read");
        if (status->portfolio.known && status->initial_capital_config_e6 != 0 &&
            status->initial_capital_config_e6 != status->portfolio.initial_capital_e6) {
                char configured[FIXED_TEXT_SIZE];
                char created[FIXED_TEXT_SIZE];
                fixed_format_short(status->initial_capital_config_e6, configured);
                fixed_format_short(status->portfolio.initial_capital_e6, created);
                status_warn(status, "pm-supervisor capital deposit AMOUNT",
                            "initial_capital is %s in the config, but the portfolio began with %s, which counts", configured, created);
        }
}

/* Cut to fit, never within a UTF-8 character; a server's message may hold line ends, which would break the screen. */
static void
copy_text(char *out, size_t out_size, struct text text)
{
        size_t size = text.size < out_size ? text.size : out_size - 1;
        if (size < text.size) {
                while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
                        size--;
        }
        for (size_t i = 0; i < size; i++)
                out[i] = (unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f ? ' ' : text.data[i];
        out[size] = '\0';
}
