#include "supervisor/rehydration.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/orders.h"

/* A worker that has not got its state after so long, with persister and database at work, is asked for anew. 100,000 positions
 * take 150 ms. */
#define REHYDRATION_TIMEOUT_MS 10000
/* Within this after the embedded server's READY the persister's next try has succeeded. */
#define SERVER_SETTLES_US 1000000

static void on_message_of_persister(void *owner, struct link *link, const struct msg *msg);
static void on_message_of_worker(void *owner, struct link *link, const struct msg *msg);
static void on_up(void *owner, struct link *link);
static void on_down(void *owner, struct link *link);
static void on_garbage_of_persister(void *owner, struct link *link, enum wire_status status, const char *field);
static void on_garbage_of_worker(void *owner, struct link *link, enum wire_status status, const char *field);
static void on_timeout(void *owner);

const struct link_handler rehydration_persister_handler = {
        .on_message = on_message_of_persister,
        .on_up = on_up,
        .on_down = on_down,
        .on_garbage = on_garbage_of_persister,
};
const struct link_handler rehydration_worker_handler = {
        .on_message = on_message_of_worker,
        .on_up = on_up,
        .on_down = on_down,
        .on_garbage = on_garbage_of_worker,
};

void
rehydration_init(struct supervisor *supervisor)
{
        supervisor->rehydration.timer = loop_timer_new(supervisor->loop, on_timeout, supervisor);
}

void
rehydration_fini(struct supervisor *supervisor)
{
        loop_timer_free(supervisor->rehydration.timer);
        supervisor->rehydration.timer = NULL;
}

bool
rehydration_is_store_there(const struct supervisor *supervisor)
{
        return supervisor->rehydration.persister_ready && supervisor->status.storage.problem == STORE_PROBLEM_NONE;
}

/* Asks the persister to give the worker with the unit's number its state, once. */
static void
ask_rehydration(struct supervisor *supervisor)
{
        struct rehydration *re = &supervisor->rehydration;
        const struct unit *worker = &supervisor->units[UNIT_WORKER];
        const struct unit *persister = &supervisor->units[UNIT_PERSISTER];
        if (re->worker_open || !re->persister_ready || !link_is_up(supervisor->link_persister))
                return;
        if (re->asked_incarnation != 0 && re->asked_of_spawn_no == persister->spawn_no)
                return;
        struct msg msg = {.type = MSG_REHYDRATE,
                          .rehydrate = {.incarnation = re->incarnation_max + 1, .worker_spawn_no = worker->spawn_no}};
        if (link_send(supervisor->link_persister, &msg) != LINK_OK)
                return; /* the link's return or the timer tries again */
        re->incarnation_max++;
        re->asked_incarnation = re->incarnation_max;
        re->asked_of_spawn_no = persister->spawn_no;
        re->problem = RECOVERY_OK;
        re->detail[0] = '\0';
        loop_timer_start_us(re->timer, REHYDRATION_TIMEOUT_MS * 1000LL);
        LOG_DEBUG("event=rehydrate incarnation=%" PRIu64 " worker_spawn_no=%" PRIu64, re->asked_incarnation, worker->spawn_no);
}

/* As soon as both are there. */
static void
try_rehydrate(struct supervisor *supervisor)
{
        if (supervisor->units[UNIT_WORKER].pid > 0)
                ask_rehydration(supervisor);
}

void
rehydration_on_spawning(struct supervisor *supervisor)
{
        ask_rehydration(supervisor);
}

static void
on_timeout(void *owner)
{
        struct supervisor *supervisor = owner;
        struct rehydration *re = &supervisor->rehydration;
        if (re->worker_open || re->asked_incarnation == 0)
                return;
        if (rehydration_is_store_there(supervisor)) {
                LOG_WARNING("event=rehydration_timeout incarnation=%" PRIu64 " timeout_ms=%d msg=\"asked for anew\"", re->asked_incarnation,
                            REHYDRATION_TIMEOUT_MS);
                re->asked_incarnation = 0;
                try_rehydrate(supervisor);
        }
        loop_timer_start_us(re->timer, REHYDRATION_TIMEOUT_MS * 1000LL);
}

/* The line that is grepped for; each cause once, until all is well again. */
static void
log_failure(struct supervisor *supervisor, enum recovery_problem problem, struct text rule, struct text detail)
{
        char cause[STATUS_MESSAGE_SIZE];
        char quoted[2 * STATUS_MESSAGE_SIZE];
        bool is_outage_itself = problem == RECOVERY_DB_UNAVAILABLE; /* its words change from try to try */
        snprintf(cause, sizeof cause, "%s %.*s %.*s", msg_recovery_problem_name(problem), is_outage_itself ? 0 : (int)rule.size,
                 rule.data != NULL ? rule.data : "", is_outage_itself ? 0 : (int)detail.size, detail.data != NULL ? detail.data : "");
        if (strcmp(cause, supervisor->rehydration.logged) == 0)
                return;
        memcpy(supervisor->rehydration.logged, cause, sizeof cause);
        LOG_ERROR("msg=\"Recovery failed: %s\" rule=%.*s detail=%s", msg_recovery_problem_name(problem), rule.size > 0 ? (int)rule.size : 4,
                  rule.size > 0 ? rule.data : "none", log_quote(quoted, sizeof quoted, detail.data, detail.size));
}

static void
finish_recovery(struct supervisor *supervisor, struct recovery *recovery, const struct recovery_steps *steps)
{
        struct msg msg = {.type = MSG_RECOVERY_RECORD};
        if (!recovery->pending)
                return;
        recovery_end(recovery, steps, clock_monotonic_us(), &msg.recovery_record);
        recovery_log(&msg.recovery_record);
        recovery_summary(&msg.recovery_record, supervisor->summary);
        status_set_recovery(&supervisor->status, recovery_what(&msg.recovery_record), &msg.recovery_record, clock_wall_us());
        if (link_send(supervisor->link_persister, &msg) != LINK_OK)
                LOG_WARNING("event=recovery_record_lost msg=\"the persister is away; the log line above is the record\"");
}

/* The question behind GO is answered by a worker that has heard GO before: only then others are told that it is READY, so that
 * nobody who was told can find it still recovering. */
static enum link_status
send_go(struct supervisor *supervisor, uint64_t incarnation)
{
        struct msg go = {.type = MSG_GO, .go = {.incarnation = incarnation}};
        struct msg ask = {.type = MSG_REPORT_ASK, .report_ask = {.request_id = (uint64_t)clock_monotonic_us()}};
        supervisor->rehydration.confirm_id = ask.report_ask.request_id;
        enum link_status status = link_send(supervisor->link_worker, &go);
        return status == LINK_OK ? link_send(supervisor->link_worker, &ask) : status;
}

static void
on_worker_report(struct supervisor *supervisor, const struct msg_worker_report *report)
{
        struct rehydration *re = &supervisor->rehydration;
        if (report->request_id != re->confirm_id) {
                orders_on_worker_report(supervisor, report);
                return;
        }
        re->worker_heard_go = re->worker_open;
        supervisor->ready_ever = supervisor->ready_ever || re->worker_heard_go;
        supervisor->changed = true;
        orders_on_ready(supervisor);
}

/* The numbers that the supervisor gave out tell a child's words from those of the one before. */
static bool
is_present(const struct unit *unit, uint64_t spawn_no, const char *what)
{
        if (unit_is_present(unit, spawn_no))
                return true;
        LOG_INFO("event=old_message child=%s message=%s spawn_no=%" PRIu64, msg_role_name(unit->role), what, spawn_no);
        return false;
}

static void
on_hello(struct supervisor *supervisor, struct unit *unit, const struct msg_hello *hello)
{
        if (hello->pid != (uint32_t)unit->pid || !is_present(unit, hello->spawn_no, "HELLO"))
                return;
        if (hello->protocol != MSG_PROTOCOL) {
                LOG_ERROR("event=wrong_protocol child=%s protocol=%u expected=%d msg=\"programs of different versions: install them "
                          "together\"",
                          msg_role_name(unit->role), hello->protocol, MSG_PROTOCOL);
                unit_signal(unit, SIGKILL, "other protocol version", false);
                return;
        }
        /* A link that came again has dropped what was under way. */
        if (unit->role == ROLE_PERSISTER && !supervisor->rehydration.worker_open)
                supervisor->rehydration.asked_incarnation = 0;
        if (unit->role == ROLE_WORKER)
                orders_send_maintenance(supervisor);
        if (unit->role == ROLE_WORKER && supervisor->rehydration.worker_open &&
            send_go(supervisor, supervisor->rehydration.worker_incarnation) != LINK_OK)
                LOG_WARNING("event=go_not_sent");
        try_rehydrate(supervisor);
}

static void
on_persister_ready(struct supervisor *supervisor, const struct msg_persister_ready *ready)
{
        struct rehydration *re = &supervisor->rehydration;
        struct unit *units = supervisor->units;
        if (!is_present(&units[UNIT_PERSISTER], ready->spawn_no, "PERSISTER_READY"))
                return;
        re->persister_ready = true;
        re->logged[0] = '\0';
        if (ready->last_incarnation > re->incarnation_max)
                re->incarnation_max = ready->last_incarnation;
        status_set_persister_ready(&supervisor->status, ready);
        supervisor->status.storage.problem = STORE_PROBLEM_NONE;
        if (units[UNIT_PERSISTER].child.state == CHILD_STARTING)
                unit_event(&units[UNIT_PERSISTER], CHILD_BECAME_READY);
        if (units[UNIT_DATABASE].child.state == CHILD_STARTING)
                unit_event(&units[UNIT_DATABASE], CHILD_BECAME_READY);
        struct recovery_steps steps = {.incarnation = ready->last_incarnation,
                                       .through_seq = ready->last_seq,
                                       .digest = ready->digest,
                                       .positions_count = ready->positions_count,
                                       .connect_us = ready->connect_us,
                                       .load_us = ready->load_us};
        if (re->worker_open && re->worker_incarnation != ready->last_incarnation)
                unit_kill(&units[UNIT_WORKER], "what is stored is of another incarnation");
        /* The persister's own events (a reset, an adjustment) took the number that we gave out: it refuses that as too old. */
        if (!re->worker_open && ready->last_incarnation >= re->asked_incarnation)
                re->asked_incarnation = 0;
        try_rehydrate(supervisor);
        finish_recovery(supervisor, &supervisor->recoveries[UNIT_PERSISTER], &steps);
        finish_recovery(supervisor, &supervisor->recoveries[UNIT_DATABASE], &steps);
        supervisor->changed = true;
        orders_on_ready(supervisor);
}

/* The embedded server that is still on its way up is no outage yet; what the persister saw just before is on its way to us. */
static bool
is_outage(const struct supervisor *supervisor, enum store_problem problem)
{
        const struct child *database = &supervisor->units[UNIT_DATABASE].child;
        if (problem == STORE_PROBLEM_NONE || problem == STORE_PROBLEM_STARTING)
                return false;
        if (supervisor->db == NULL || problem != STORE_PROBLEM_UNREACHABLE || database->state == CHILD_HOLD)
                return true;
        return database->state == CHILD_READY && clock_monotonic_us() - database->ready_at_us > SERVER_SETTLES_US;
}

/* Until our own server is up, its being away is the start and no problem that anybody could mend. */
static struct msg_store_state
soften(const struct supervisor *supervisor, const struct msg_store_state *state)
{
        static const char text[] = "the embedded database is on its way up";
        if (state->problem != STORE_PROBLEM_UNREACHABLE || is_outage(supervisor, state->problem))
                return *state;
        return (struct msg_store_state){.problem = STORE_PROBLEM_STARTING, .message = {.data = text, .size = sizeof text - 1}};
}

static void
on_store_state(struct supervisor *supervisor, const struct msg_store_state *said)
{
        struct rehydration *re = &supervisor->rehydration;
        enum store_problem before = supervisor->status.storage.problem;
        char quoted[2 * STATUS_MESSAGE_SIZE];
        const struct msg_store_state softened = soften(supervisor, said);
        const struct msg_store_state *state = &softened;
        status_set_store_state(&supervisor->status, state);
        supervisor->changed = true;
        if (state->problem == before)
                return;
        if (state->problem == STORE_PROBLEM_NONE) {
                LOG_INFO("event=store_available");
                re->logged[0] = '\0';
                return;
        }
        if (state->problem == STORE_PROBLEM_STARTING)
                return;
        LOG_WARNING("event=store_problem problem=%s sqlstate=%.*s msg=%s", msg_store_problem_name(state->problem),
                    (int)state->sqlstate.size, state->sqlstate.size > 0 ? state->sqlstate.data : "",
                    log_quote(quoted, sizeof quoted, state->message.data, state->message.size));
        if (state->problem == STORE_PROBLEM_UNREACHABLE && re->persister_ready && !supervisor->recovery_start.pending &&
            !supervisor->recoveries[UNIT_DATABASE].pending)
                recovery_begin(&supervisor->recoveries[UNIT_DATABASE], ROLE_DATABASE, "connection lost", clock_monotonic_us(), 0);
        if (!re->worker_open && is_outage(supervisor, state->problem))
                log_failure(supervisor, RECOVERY_DB_UNAVAILABLE, (struct text){0}, state->message);
}

static void
on_recovery_failed(struct supervisor *supervisor, const struct msg_recovery_failed *failed)
{
        struct rehydration *re = &supervisor->rehydration;
        if (!is_present(&supervisor->units[UNIT_PERSISTER], failed->spawn_no, "RECOVERY_FAILED"))
                return;
        re->problem = failed->problem;
        snprintf(re->detail, sizeof re->detail, "%.*s%s%.*s", (int)failed->rule.size, failed->rule.size > 0 ? failed->rule.data : "",
                 failed->rule.size > 0 && failed->detail.size > 0 ? ": " : "", (int)failed->detail.size,
                 failed->detail.size > 0 ? failed->detail.data : "");
        log_failure(supervisor, failed->problem, failed->rule, failed->detail);
        supervisor->changed = true;
}

static void
on_worker_ready(struct supervisor *supervisor, const struct msg_worker_ready *ready)
{
        struct rehydration *re = &supervisor->rehydration;
        struct unit *worker = &supervisor->units[UNIT_WORKER];
        if (!is_present(worker, ready->spawn_no, "WORKER_READY"))
                return;
        if (ready->incarnation != re->asked_incarnation) {
                LOG_INFO("event=old_incarnation incarnation=%" PRIu64 " wanted=%" PRIu64, ready->incarnation, re->asked_incarnation);
                return;
        }
        orders_send_maintenance(supervisor);
        if (send_go(supervisor, ready->incarnation) != LINK_OK) {
                LOG_WARNING("event=go_not_sent msg=\"the worker's link went down\"");
                return; /* its HELLO, or its death, comes next */
        }
        re->worker_open = true;
        re->worker_incarnation = ready->incarnation;
        if (re->problem == RECOVERY_DB_UNAVAILABLE)
                re->problem = RECOVERY_OK;
        loop_timer_stop(re->timer);
        supervisor->changed = true;
        struct recovery_steps steps = {.incarnation = ready->incarnation,
                                       .through_seq = ready->through_seq,
                                       .digest = ready->digest,
                                       .positions_count = ready->positions_count,
                                       .connect_us = ready->link_us,
                                       .load_us = ready->load_us,
                                       .verify_us = ready->check_us};
        struct recovery *recovery = supervisor->recovery_start.pending ? &supervisor->recovery_start : &supervisor->recoveries[UNIT_WORKER];
        finish_recovery(supervisor, recovery, &steps);
        if (worker->child.state == CHILD_STARTING)
                unit_event(worker, CHILD_BECAME_READY);
}

static void
on_drained(const struct unit *unit, const struct msg_drained *drained)
{
        if (is_present(unit, drained->spawn_no, "DRAINED"))
                LOG_INFO("event=drained child=%s seq=%" PRIu64, msg_role_name(unit->role), drained->through_seq);
}

static void
on_heartbeat(struct unit *unit, const struct msg_heartbeat *beat)
{
        if (unit_is_present(unit, beat->spawn_no))
                watchdog_beat(&unit->watchdog, beat->progress, beat->queued, clock_monotonic_us());
}

static void
complain(const struct unit *unit, const struct msg *msg)
{
        LOG_ERROR("event=unexpected_message child=%s message=%s", msg_role_name(unit->role), msg_desc_of(msg->type)->name);
}

static void
on_message_of_persister(void *owner, struct link *link, const struct msg *msg)
{
        struct supervisor *supervisor = owner;
        struct unit *unit = &supervisor->units[UNIT_PERSISTER];
        (void)link;
        if (msg->type == MSG_HELLO)
                on_hello(supervisor, unit, &msg->hello);
        else if (msg->type == MSG_HEARTBEAT)
                on_heartbeat(unit, &msg->heartbeat);
        else if (msg->type == MSG_PERSISTER_READY)
                on_persister_ready(supervisor, &msg->persister_ready);
        else if (msg->type == MSG_STORE_STATE)
                on_store_state(supervisor, &msg->store_state);
        else if (msg->type == MSG_RECOVERY_FAILED)
                on_recovery_failed(supervisor, &msg->recovery_failed);
        else if (msg->type == MSG_PERSISTER_REPORT)
                orders_on_persister_report(supervisor, &msg->persister_report);
        else if (msg->type == MSG_DRAINED)
                on_drained(unit, &msg->drained);
        else
                complain(unit, msg);
}

static void
on_message_of_worker(void *owner, struct link *link, const struct msg *msg)
{
        struct supervisor *supervisor = owner;
        struct unit *unit = &supervisor->units[UNIT_WORKER];
        (void)link;
        if (msg->type == MSG_HELLO)
                on_hello(supervisor, unit, &msg->hello);
        else if (msg->type == MSG_HEARTBEAT)
                on_heartbeat(unit, &msg->heartbeat);
        else if (msg->type == MSG_WORKER_READY)
                on_worker_ready(supervisor, &msg->worker_ready);
        else if (msg->type == MSG_WORKER_REPORT)
                on_worker_report(supervisor, &msg->worker_report);
        else if (msg->type == MSG_COMMAND_RESULT)
                orders_on_command_result(supervisor, &msg->command_result);
        else if (msg->type == MSG_DRAINED)
                on_drained(unit, &msg->drained);
        else
                complain(unit, msg);
}

static void
on_up(void *owner, struct link *link)
{
        /* HELLO comes next and tells who it is. */
        (void)owner;
        (void)link;
}

static void
on_down(void *owner, struct link *link)
{
        /* A death is heard of by the pidfd; a child whose link alone broke dials again and says HELLO. */
        (void)owner;
        (void)link;
}

static void
on_garbage_of_persister(void *owner, struct link *link, enum wire_status status, const char *field)
{
        struct supervisor *supervisor = owner;
        (void)link;
        (void)status;
        (void)field;
        unit_signal(&supervisor->units[UNIT_PERSISTER], SIGKILL, "sent bytes that are no message", false);
}

static void
on_garbage_of_worker(void *owner, struct link *link, enum wire_status status, const char *field)
{
        struct supervisor *supervisor = owner;
        (void)link;
        (void)status;
        (void)field;
        unit_signal(&supervisor->units[UNIT_WORKER], SIGKILL, "sent bytes that are no message", false);
}

void
rehydration_on_spawned(struct supervisor *supervisor, struct unit *unit)
{
        int64_t now_us = clock_monotonic_us();
        if (unit->role == ROLE_WORKER) {
                if (supervisor->recovery_start.pending)
                        recovery_spawned(&supervisor->recovery_start, now_us);
                recovery_spawned(&supervisor->recoveries[UNIT_WORKER], now_us);
                listener_set_worker(supervisor->listener, true);
                try_rehydrate(supervisor);
        } else if (unit->role == ROLE_PERSISTER) {
                recovery_spawned(&supervisor->recoveries[UNIT_PERSISTER], now_us);
        } else {
                recovery_spawned(&supervisor->recoveries[UNIT_DATABASE], now_us);
        }
}

void
rehydration_on_exit(struct supervisor *supervisor, struct unit *unit, const char *cause)
{
        struct rehydration *re = &supervisor->rehydration;
        int64_t now_us = clock_monotonic_us();
        enum unit_no no = UNIT_DATABASE;
        supervisor->changed = true;
        if (unit->role == ROLE_WORKER) {
                no = UNIT_WORKER;
                re->worker_open = false;
                re->worker_heard_go = false;
                re->asked_incarnation = 0;
                loop_timer_stop(re->timer);
                if (supervisor->listener != NULL)
                        listener_set_worker(supervisor->listener, false);
        } else if (unit->role == ROLE_PERSISTER) {
                no = UNIT_PERSISTER;
                re->persister_ready = false;
        }
        if (!supervisor->recovery_start.pending && !supervisor->stopping)
                recovery_begin(&supervisor->recoveries[no], unit->role, cause, now_us,
                               unit->fault_at_us != 0 ? now_us - unit->fault_at_us : 0);
}
