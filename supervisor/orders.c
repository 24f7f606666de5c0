#include "supervisor/orders.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/announce.h"
#include "supervisor/supervisor.h"

/* The children answer a report from their loops in well under a millisecond; one that is stuck shall not hold the screen up. */
#define REPORT_WAIT_US 200000
#define RELOAD_TEXT_SIZE 900

static void on_request(void *owner, struct control *control, const struct control_request *request);
static void on_reports_late(void *owner);

const struct control_handler orders_handler = {.on_request = on_request};

void
orders_init(struct supervisor *supervisor)
{
        supervisor->report_timer = loop_timer_new(supervisor->loop, on_reports_late, supervisor);
}

void
orders_fini(struct supervisor *supervisor)
{
        loop_timer_free(supervisor->report_timer);
        supervisor->report_timer = NULL;
}

/* One that nobody waits for any more is forgotten. */
static bool
is_waiting(struct order *order)
{
        if (order->ticket != 0 && clock_monotonic_us() >= order->expires_at_us)
                order->ticket = 0;
        return order->ticket != 0;
}

/* NULL: too many wait already (no more than there are clients of the control socket, so hardly ever). */
static struct order *
add_order(struct supervisor *supervisor, const struct control_request *request)
{
        for (size_t i = 0; i < ORDERS_MAX; i++) {
                struct order *order = &supervisor->orders[i];
                if (is_waiting(order))
                        continue;
                *order = (struct order){
                        .ticket = request->ticket,
                        .expires_at_us = clock_monotonic_us() + request->timeout_ms * 1000,
                        .verb = request->verb,
                        .role = request->role,
                        .request_id = request->request_id,
                };
                return order;
        }
        control_answer(supervisor->control, request->ticket, false, "too many orders wait already; try again");
        return NULL;
}

/* Status: both children are asked, and the answer waits for theirs a little. */

static void
answer_status(struct supervisor *supervisor)
{
        struct status status;
        announce_fill_status(supervisor, &status);
        supervisor->report_id = 0;
        loop_timer_stop(supervisor->report_timer);
        for (size_t i = 0; i < ORDERS_MAX; i++) {
                struct order *order = &supervisor->orders[i];
                if (!is_waiting(order) || order->verb != CONTROL_STATUS)
                        continue;
                control_answer_status(supervisor->control, order->ticket, &status);
                order->ticket = 0;
        }
}

static void
on_reports_late(void *owner)
{
        answer_status(owner);
}

static void
ask_reports(struct supervisor *supervisor)
{
        struct msg msg = {.type = MSG_REPORT_ASK, .report_ask = {.request_id = (uint64_t)clock_monotonic_us()}};
        supervisor->report_id = msg.report_ask.request_id;
        supervisor->reports_wanted[UNIT_WORKER] = link_send(supervisor->link_worker, &msg) == LINK_OK;
        supervisor->reports_wanted[UNIT_PERSISTER] = link_send(supervisor->link_persister, &msg) == LINK_OK;
        /* What a child that is gone said before is not what is. */
        if (!supervisor->reports_wanted[UNIT_WORKER]) {
                supervisor->status.portfolio.known = false;
                supervisor->status.signals.known = false;
        }
        loop_timer_start_us(supervisor->report_timer, REPORT_WAIT_US);
}

static void
answer_if_complete(struct supervisor *supervisor)
{
        if (supervisor->report_id != 0 && !supervisor->reports_wanted[UNIT_WORKER] && !supervisor->reports_wanted[UNIT_PERSISTER])
                answer_status(supervisor);
}

static void
on_status(struct supervisor *supervisor, const struct control_request *request)
{
        if (add_order(supervisor, request) == NULL || supervisor->report_id != 0)
                return;
        ask_reports(supervisor);
        answer_if_complete(supervisor);
}

void
orders_on_worker_report(struct supervisor *supervisor, const struct msg_worker_report *report)
{
        if (report->request_id != supervisor->report_id)
                return;
        status_set_worker_report(&supervisor->status, report);
        supervisor->reports_wanted[UNIT_WORKER] = false;
        answer_if_complete(supervisor);
}

void
orders_on_persister_report(struct supervisor *supervisor, const struct msg_persister_report *report)
{
        if (report->request_id != supervisor->report_id)
                return;
        status_set_persister_report(&supervisor->status, report);
        supervisor->reports_wanted[UNIT_PERSISTER] = false;
        answer_if_complete(supervisor);
}

/* Restart of children. */

static bool
is_restarted(const struct supervisor *supervisor, const struct order *order)
{
        const struct unit *worker = &supervisor->units[UNIT_WORKER];
        const struct unit *persister = &supervisor->units[UNIT_PERSISTER];
        bool worker_done = order->role == ROLE_PERSISTER || worker->spawn_no != order->old_worker_spawn_no;
        bool persister_done = order->role == ROLE_WORKER || persister->spawn_no != order->old_persister_spawn_no;
        return worker_done && persister_done && supervisor->rehydration.worker_heard_go && supervisor->rehydration.persister_ready;
}

static void
on_restart(struct supervisor *supervisor, const struct control_request *request)
{
        struct unit *units = supervisor->units;
        if (supervisor->stopping) {
                control_answer(supervisor->control, request->ticket, false, "the service is stopping");
                return;
        }
        struct order *order = add_order(supervisor, request);
        if (order == NULL)
                return;
        order->old_worker_spawn_no = units[UNIT_WORKER].spawn_no;
        order->old_persister_spawn_no = units[UNIT_PERSISTER].spawn_no;
        /* A held database is the operator's too, and it has no name of its own in the request. */
        if (supervisor->db != NULL && units[UNIT_DATABASE].child.state == CHILD_HOLD)
                unit_restart(&units[UNIT_DATABASE], "restart asked");
        if (request->role == ROLE_NONE) {
                /* The worker first: to drain it needs the persister. */
                supervisor->restart_persister_next = true;
                unit_restart(&units[UNIT_WORKER], "restart asked");
                supervisor_advance(supervisor);
        } else {
                unit_restart(&units[request->role == ROLE_WORKER ? UNIT_WORKER : UNIT_PERSISTER], "restart asked");
        }
}

/* A drill: what comes of it is a recovery like any other, but free. */
static void
on_kill(struct supervisor *supervisor, const struct control_request *request)
{
        int pids[UNITS_COUNT] = {0};
        if (!supervisor->rehydration.worker_open || !supervisor->rehydration.persister_ready || supervisor->stopping) {
                control_answer(supervisor->control, request->ticket, false, "not ready: a drill begins only when all is well");
                return;
        }
        for (size_t i = UNIT_PERSISTER; i < UNITS_COUNT; i++) {
                struct unit *unit = &supervisor->units[i];
                if (request->role != ROLE_NONE && request->role != unit->role)
                        continue;
                pids[i] = (int)unit->pid;
                (void)unit_signal(unit, request->signal_number, "drill", true);
        }
        if (pids[UNIT_WORKER] != 0 && pids[UNIT_PERSISTER] != 0)
                control_answer(supervisor->control, request->ticket, true, "signal %d sent to worker %d and persister %d",
                               request->signal_number, pids[UNIT_WORKER], pids[UNIT_PERSISTER]);
        else
                control_answer(supervisor->control, request->ticket, true, "signal %d sent to %s %d", request->signal_number,
                               msg_role_name(request->role), pids[UNIT_WORKER] + pids[UNIT_PERSISTER]);
}

/* Commands that the worker decides. */

static void
send_command(struct supervisor *supervisor, const struct order *order)
{
        struct msg msg = {.type = MSG_COMMAND, .command = order->command};
        msg.command.note = (struct text){.data = order->note, .size = (uint32_t)strlen(order->note)};
        if (link_send(supervisor->link_worker, &msg) != LINK_OK)
                LOG_WARNING("event=command_not_sent msg=\"the worker's link is down; it is sent again when a worker is ready\"");
}

static void
on_command(struct supervisor *supervisor, const struct control_request *request, enum command_kind kind)
{
        if (!supervisor->rehydration.worker_open) {
                struct status status;
                announce_fill_status(supervisor, &status);
                control_answer(supervisor->control, request->ticket, false, "not ready: %s", status.reason);
                return;
        }
        struct order *order = add_order(supervisor, request);
        if (order == NULL)
                return;
        snprintf(order->note, sizeof order->note, "%s", request->note);
        order->command = (struct msg_command){.request_id = request->request_id, .kind = kind, .amount_e6 = request->amount_e6};
        send_command(supervisor, order);
}

static bool
is_command(struct order *order)
{
        return is_waiting(order) && order->command.kind != COMMAND_NONE;
}

void
orders_on_command_result(struct supervisor *supervisor, const struct msg_command_result *result)
{
        for (size_t i = 0; i < ORDERS_MAX; i++) {
                struct order *order = &supervisor->orders[i];
                if (!is_command(order) || order->request_id != result->request_id)
                        continue;
                control_answer(supervisor->control, order->ticket, result->done, "%.*s", (int)result->message.size,
                               result->message.size > 0 ? result->message.data : "");
                order->ticket = 0;
        }
}

void
orders_on_ready(struct supervisor *supervisor)
{
        for (size_t i = 0; i < ORDERS_MAX; i++) {
                struct order *order = &supervisor->orders[i];
                /* A worker that died between a command and its answer: the request id makes the repeat safe. */
                if (is_command(order) && supervisor->rehydration.worker_open)
                        send_command(supervisor, order);
                if (!is_waiting(order) || order->verb != CONTROL_RESTART || !is_restarted(supervisor, order))
                        continue;
                control_answer(supervisor->control, order->ticket, true, "ready again: %s", supervisor->summary);
                order->ticket = 0;
        }
}

void
orders_on_trouble(struct supervisor *supervisor, const char *reason)
{
        for (size_t i = 0; i < ORDERS_MAX; i++) {
                struct order *order = &supervisor->orders[i];
                if (!is_waiting(order) || order->verb != CONTROL_RESTART)
                        continue;
                control_answer(supervisor->control, order->ticket, false, "not ready yet: %s", reason);
                order->ticket = 0;
        }
}

/* Maintenance: a file, and the worker is told. */

void
orders_send_maintenance(struct supervisor *supervisor)
{
        struct msg msg = {.type = MSG_MAINTENANCE, .maintenance = {.on = rundir_is_maintenance_on(supervisor->config)}};
        if (link_is_up(supervisor->link_worker) && link_send(supervisor->link_worker, &msg) != LINK_OK)
                LOG_WARNING("event=maintenance_not_sent");
}

static void
on_maintenance(struct supervisor *supervisor, const struct control_request *request)
{
        char error[RUNDIR_ERROR_SIZE];
        if (rundir_set_maintenance(supervisor->config, request->on, error) != RUNDIR_OK) {
                control_answer(supervisor->control, request->ticket, false, "%s", error);
                return;
        }
        orders_send_maintenance(supervisor);
        supervisor->changed = true;
        control_answer(supervisor->control, request->ticket, true, "maintenance is %s",
                       request->on ? "on: signals get 503" : "off: signals are taken");
}

/* Reload. */

struct reload {
        struct supervisor *supervisor;
        char taken[RELOAD_TEXT_SIZE / 2];
        char refused[RELOAD_TEXT_SIZE / 2];
};

static void
append_name(char *list, size_t list_size, const char *name)
{
        size_t used = strlen(list);
        if (used + strlen(name) + 8 > list_size) {
                if (used + 5 <= list_size && strstr(list, ", …") == NULL)
                        snprintf(list + used, list_size - used, ", …");
                return;
        }
        snprintf(list + used, list_size - used, "%s%s", used > 0 ? ", " : "", name);
}

static void
on_difference(void *owner, const char *name, const char *from, const char *to, bool reloadable)
{
        struct reload *reload = owner;
        char assignment[2 * CONFIG_TEXT_SIZE];
        char error[CONFIG_ERROR_SIZE];
        (void)from;
        snprintf(assignment, sizeof assignment, "%s=%s", name, to);
        bool taken = reloadable && config_set(reload->supervisor->config, assignment, error) == CONFIG_OK;
        append_name(taken ? reload->taken : reload->refused, RELOAD_TEXT_SIZE / 2, taken ? assignment : name);
}

bool
orders_reload(struct supervisor *supervisor, char *message, size_t message_size)
{
        struct reload reload = {.supervisor = supervisor};
        struct config fresh;
        char error[CONFIG_ERROR_SIZE];
        char file_error[RUNDIR_ERROR_SIZE];
        if (config_source_load(supervisor->source, &fresh, error) != CONFIG_OK) {
                snprintf(message, message_size, "nothing is changed: %s", error);
                return false;
        }
        supervisor_complete_config(supervisor, &fresh);
        config_diff(supervisor->config, &fresh, on_difference, &reload);
        config_fini(&fresh);
        supervisor_config_changed(supervisor);
        if (rundir_write_effective(&supervisor->rundir, file_error) != RUNDIR_OK) {
                snprintf(message, message_size, "%s", file_error);
                return false;
        }
        if (reload.taken[0] == '\0' && reload.refused[0] == '\0')
                snprintf(message, message_size, "read again: nothing has changed");
        else
                snprintf(message, message_size, "%s%s%s%s%s", reload.taken[0] != '\0' ? "taken: " : "", reload.taken,
                         reload.taken[0] != '\0' && reload.refused[0] != '\0' ? "; " : "",
                         reload.refused[0] != '\0' ? "only after stop and start: " : "", reload.refused);
        return true;
}

static void
on_reload(struct supervisor *supervisor, const struct control_request *request)
{
        char message[CONTROL_MESSAGE_SIZE];
        bool done = orders_reload(supervisor, message, sizeof message);
        control_answer(supervisor->control, request->ticket, done, "%s", message);
}

static void
on_request(void *owner, struct control *control, const struct control_request *request)
{
        struct supervisor *supervisor = owner;
        switch (request->verb) {
        case CONTROL_STATUS: on_status(supervisor, request); return;
        case CONTROL_STOP:
                control_answer(control, request->ticket, true, "stopping");
                supervisor_stop(supervisor, "asked by the operator");
                return;
        case CONTROL_RESTART: on_restart(supervisor, request); return;
        case CONTROL_RELOAD: on_reload(supervisor, request); return;
        case CONTROL_MAINTENANCE: on_maintenance(supervisor, request); return;
        case CONTROL_PAUSE: on_command(supervisor, request, COMMAND_PAUSE); return;
        case CONTROL_RESUME: on_command(supervisor, request, COMMAND_RESUME); return;
        case CONTROL_DEPOSIT: on_command(supervisor, request, COMMAND_DEPOSIT); return;
        case CONTROL_WITHDRAW: on_command(supervisor, request, COMMAND_WITHDRAW); return;
        case CONTROL_KILL: on_kill(supervisor, request); return;
        case CONTROL_NONE:
        case CONTROL_WAIT_READY:
        case CONTROL_VERB_END: break;
        }
        control_answer(control, request->ticket, false, "not known here");
}
