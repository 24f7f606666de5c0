#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit_code.h"
#include "common/limits.h"
#include "common/log.h"
#include "worker/routes.h"
#include "worker/views.h"

#define LINK_LOST_MS 500
#define FIRST_LINK_MS 10000              /* to the first contact with the supervisor */
#define DRAIN_OWN_MS 3000                /* after SIGTERM, with nobody telling a deadline */
#define FLUSH_MS 500                     /* for the last answers to reach the kernel */
#define DATA_QUEUE_MAX (8 * 1024 * 1024) /* bytes on the data link's own queue that we add batches to */

static const char *const phase_names[WORKER_PHASE_END] = {
        [WORKER_WAIT_HELLO] = "wait_hello", [WORKER_REHYDRATING] = "rehydrating", [WORKER_READY] = "ready", [WORKER_OPEN] = "open",
        [WORKER_DRAINING] = "draining",
};

static const char *const event_names[WORKER_EVENT_END] = {
        [WORKER_SNAPSHOT_BEGUN] = "snapshot_begun",
        [WORKER_SNAPSHOT_LOST] = "snapshot_lost",
        [WORKER_SNAPSHOT_WHOLE] = "snapshot_whole",
        [WORKER_GO] = "go",
        [WORKER_DRAIN] = "drain",
};

/* Phases by events. An empty cell cannot happen. */
static const struct {
        bool has;
        enum worker_phase next;
} phase_table[WORKER_PHASE_END][WORKER_EVENT_END] = {
        [WORKER_WAIT_HELLO] = {[WORKER_SNAPSHOT_BEGUN] = {true, WORKER_REHYDRATING}, [WORKER_DRAIN] = {true, WORKER_DRAINING}},
        [WORKER_REHYDRATING] = {[WORKER_SNAPSHOT_BEGUN] = {true, WORKER_REHYDRATING},
                                [WORKER_SNAPSHOT_LOST] = {true, WORKER_WAIT_HELLO},
                                [WORKER_SNAPSHOT_WHOLE] = {true, WORKER_READY},
                                [WORKER_DRAIN] = {true, WORKER_DRAINING}},
        [WORKER_READY] = {[WORKER_GO] = {true, WORKER_OPEN}, [WORKER_DRAIN] = {true, WORKER_DRAINING}},
        [WORKER_OPEN] = {[WORKER_GO] = {true, WORKER_OPEN}, [WORKER_DRAIN] = {true, WORKER_DRAINING}},
        [WORKER_DRAINING] = {[WORKER_DRAIN] = {true, WORKER_DRAINING}},
};

static void send_ready(struct worker *worker);

typedef void message_fn(struct worker *worker, const struct msg *msg);

static void on_store_state(struct worker *worker, const struct msg *msg);
static void on_snapshot_begin(struct worker *worker, const struct msg *msg);
static void on_snapshot_part(struct worker *worker, const struct msg *msg);
static void on_snapshot_end(struct worker *worker, const struct msg *msg);
static void on_batch_ack(struct worker *worker, const struct msg *msg);
static void on_batch_refused(struct worker *worker, const struct msg *msg);
static void on_go(struct worker *worker, const struct msg *msg);
static void on_drain(struct worker *worker, const struct msg *msg);
static void on_maintenance(struct worker *worker, const struct msg *msg);
static void on_report_ask(struct worker *worker, const struct msg *msg);
static void on_command(struct worker *worker, const struct msg *msg);

static message_fn *const data_handlers[MSG_TYPE_END] = {
        [MSG_STORE_STATE] = on_store_state,   [MSG_SNAPSHOT_BEGIN] = on_snapshot_begin, [MSG_SNAPSHOT_PART] = on_snapshot_part,
        [MSG_SNAPSHOT_END] = on_snapshot_end, [MSG_BATCH_ACK] = on_batch_ack,           [MSG_BATCH_REFUSED] = on_batch_refused,
};

static message_fn *const control_handlers[MSG_TYPE_END] = {
        [MSG_GO] = on_go,           [MSG_DRAIN] = on_drain, [MSG_MAINTENANCE] = on_maintenance, [MSG_REPORT_ASK] = on_report_ask,
        [MSG_COMMAND] = on_command,
};

static void on_message(void *owner, struct link *link, const struct msg *msg);
static void on_garbage(void *owner, struct link *link, enum wire_status status, const char *field);
static void on_data_up(void *owner, struct link *link);
static void on_data_down(void *owner, struct link *link);
static void on_control_up(void *owner, struct link *link);
static void send_ready(struct worker *worker);
static void on_control_down(void *owner, struct link *link);
static void on_heartbeat(void *owner);
static void on_link_lost(void *owner);
static void on_deadline(void *owner);
static void on_drain_over(void *owner);
static void on_turn_end(void *owner);
static const struct link_handler data_link_handler = {on_message, on_data_up, on_data_down, on_garbage};
static const struct link_handler control_link_handler = {on_message, on_control_up, on_control_down, on_garbage};

const char *
worker_phase_name(enum worker_phase phase)
{
        return phase_names[phase];
}

enum worker_phase
worker_phase_after(enum worker_phase phase, enum worker_event event)
{
        return phase_table[phase][event].has ? phase_table[phase][event].next : WORKER_PHASE_END;
}

/* -------- life -------- */

static int
dial(struct worker *worker)
{
        char path[PM_UNIX_PATH_MAX + 1];
        config_run_path(worker->config, "data.sock", path);
        if (link_dial(&worker->data, worker->loop, path, ROLE_WORKER, ROLE_PERSISTER, &data_link_handler, worker) != LINK_OK)
                return EXIT_CODE_RESOURCE;
        config_run_path(worker->config, "control-w.sock", path);
        if (link_dial(&worker->control, worker->loop, path, ROLE_WORKER, ROLE_SUPERVISOR, &control_link_handler, worker) != LINK_OK)
                return EXIT_CODE_RESOURCE;
        return EXIT_CODE_OK;
}

static int
make_core(struct worker *worker)
{
        const struct config *config = worker->config;
        struct core_options options = {
                .instruments = config->instruments,
                .instruments_count = config->instruments_count,
                .dedupe_max = (uint32_t)config->dedupe_max,
                .max_future_us = config->max_future_s * 1000000,
        };
        worker->core = core_new(&options);
        if (worker->core == NULL || !ingest_init(&worker->ingest, worker->core)) {
                LOG_ERROR("event=no_memory msg=\"the portfolio does not fit into memory\"");
                return EXIT_CODE_RESOURCE;
        }
        rehydrate_init(&worker->rehydrate, worker->core);
        commands_init(&worker->commands, &worker->ingest);
        return EXIT_CODE_OK;
}

static int
make_http(struct worker *worker, const struct worker_options *options)
{
        const struct config *config = worker->config;
        const char *wrong;
        if (!http_allow_parse(&worker->allow, config->allow, &wrong)) {
                char quoted[128];
                LOG_ERROR("event=config_invalid key=http.allow at=%s msg=\"not an address or network, or more than %d of them\"",
                          log_quote(quoted, sizeof(quoted), wrong, strlen(wrong)), HTTP_ALLOW_MAX);
                return EXIT_CODE_CONFIG;
        }
        if (!webhook_init(&worker->webhook, &worker->ingest, options->secret, config->requests_per_second)) {
                LOG_ERROR("event=no_memory msg=\"no memory for waiting requests\"");
                return EXIT_CODE_RESOURCE;
        }
        struct http_options http_options = {
                .listen_fd = options->http_fd,
                .connections_max = (uint32_t)config->connections_max,
                .allow = &worker->allow,
                .routes = routes_table,
                .routes_count = routes_count,
                .owner = worker,
        };
        return http_server_new(&worker->http, worker->loop, &http_options) == HTTP_SERVER_OK ? EXIT_CODE_OK : EXIT_CODE_RESOURCE;
}

int
worker_init(struct worker *worker, struct loop *loop, const struct config *config, const struct worker_options *options)
{
        *worker = (struct worker){.loop = loop, .config = config, .spawn_no = options->spawn_no, .started_us = options->started_us};
        worker->timer_due_us = INT64_MAX;
        worker->heartbeat_timer = loop_timer_new(loop, on_heartbeat, worker);
        worker->link_lost_timer = loop_timer_new(loop, on_link_lost, worker);
        worker->deadline_timer = loop_timer_new(loop, on_deadline, worker);
        worker->drain_timer = loop_timer_new(loop, on_drain_over, worker);
        int code = dial(worker);
        if (code == EXIT_CODE_OK)
                code = make_core(worker);
        if (code == EXIT_CODE_OK)
                code = make_http(worker, options);
        if (code != EXIT_CODE_OK)
                return code;
        loop_timer_repeat_ms(worker->heartbeat_timer, config->heartbeat_ms);
        loop_timer_start_us(worker->link_lost_timer, FIRST_LINK_MS * 1000LL);
        loop_at_turn_end(loop, on_turn_end, worker);
        return EXIT_CODE_OK;
}

int
worker_run(struct worker *worker)
{
        loop_run(worker->loop);
        return worker->exit_code;
}

void
worker_fini(struct worker *worker)
{
        webhook_refuse_all(&worker->webhook);
        link_free(worker->data);
        link_free(worker->control);
        loop_timer_free(worker->heartbeat_timer);
        loop_timer_free(worker->link_lost_timer);
        loop_timer_free(worker->deadline_timer);
        loop_timer_free(worker->drain_timer);
        http_server_free(worker->http);
        webhook_fini(&worker->webhook);
        ingest_fini(&worker->ingest);
        core_free(worker->core);
}

static void
leave(struct worker *worker, int code)
{
        worker->exit_code = code;
        loop_stop(worker->loop);
}

/* The only place that changes the phase. false, and logged, when the event cannot happen now. */
static bool
step(struct worker *worker, enum worker_event event)
{
        enum worker_phase next = worker_phase_after(worker->phase, event);
        if (next == WORKER_PHASE_END) {
                LOG_WARNING("event=unexpected phase=%s what=%s", phase_names[worker->phase], event_names[event]);
                return false;
        }
        LOG_DEBUG("event=phase from=%s to=%s what=%s", phase_names[worker->phase], phase_names[next], event_names[event]);
        worker->phase = next;
        worker->ingest.is_open = next == WORKER_OPEN;
        worker->ingest.is_draining = next == WORKER_DRAINING;
        return true;
}

static void
send_control(struct worker *worker, const struct msg *msg)
{
        enum link_status status = link_send(worker->control, msg);
        if (status != LINK_OK && status != LINK_DOWN)
                LOG_WARNING("event=control_send_failed type=%s status=%d", msg_desc_of((int)msg->type)->name, (int)status);
}

/* -------- links -------- */

static void
on_message(void *owner, struct link *link, const struct msg *msg)
{
        struct worker *worker = owner;
        bool is_data = link == worker->data;
        message_fn *handler = is_data ? data_handlers[msg->type] : control_handlers[msg->type];
        worker->is_work_done = true;
        if (handler != NULL)
                handler(worker, msg);
        else
                LOG_WARNING("event=unhandled_message link=%s type=%s", is_data ? "data" : "control", msg_desc_of((int)msg->type)->name);
}

/* Our peers are of our own build: bytes that are no message mean that one of us is not what it should be. */
static void
on_garbage(void *owner, struct link *link, enum wire_status status, const char *field)
{
        struct worker *worker = owner;
        LOG_ERROR("event=garbage link=%s status=%s field=%s", link == worker->data ? "data" : "control", wire_status_name(status), field);
        leave(worker, EXIT_CODE_PROTOCOL);
}

static struct msg
hello(const struct worker *worker)
{
        struct msg msg = {.type = MSG_HELLO};
        msg.hello.protocol = MSG_PROTOCOL;
        msg.hello.role = ROLE_WORKER;
        msg.hello.spawn_no = worker->spawn_no;
        msg.hello.pid = (uint32_t)getpid();
        return msg;
}

static void
send_data_hello(struct worker *worker)
{
        struct msg msg = hello(worker);
        if (worker->has_state) {
                msg.hello.incarnation = worker->rehydrate.incarnation;
                msg.hello.last_seq = worker->ingest.outbox.last_seq;
        }
        if (link_send(worker->data, &msg) != LINK_OK)
                LOG_DEBUG("event=hello_not_sent link=data");
}

static void
on_data_up(void *owner, struct link *link)
{
        struct worker *worker = owner;
        (void)link;
        if (worker->linked_us == 0)
                worker->linked_us = clock_monotonic_us() - worker->started_us;
        worker->is_data_agreed = false;
        outbox_rewind(&worker->ingest.outbox);
        send_data_hello(worker);
}

static void
on_data_down(void *owner, struct link *link)
{
        struct worker *worker = owner;
        (void)link;
        LOG_INFO("event=data_link_down phase=%s pending=%u", phase_names[worker->phase], outbox_count(&worker->ingest.outbox));
        worker->is_data_agreed = false;
        outbox_rewind(&worker->ingest.outbox);
        if (worker->phase == WORKER_REHYDRATING) {
                rehydrate_abandon(&worker->rehydrate);
                (void)step(worker, WORKER_SNAPSHOT_LOST);
        }
}

static void
on_control_up(void *owner, struct link *link)
{
        struct worker *worker = owner;
        struct msg msg = hello(worker);
        (void)link;
        worker->was_linked = true;
        loop_timer_stop(worker->link_lost_timer);
        send_control(worker, &msg);
        /* The snapshot may have been quicker over its own link than this one was to come up. */
        if (worker->phase == WORKER_READY)
                send_ready(worker);
}

static void
on_control_down(void *owner, struct link *link)
{
        struct worker *worker = owner;
        (void)link;
        loop_timer_start_us(worker->link_lost_timer, LINK_LOST_MS * 1000LL);
}

static void
on_link_lost(void *owner)
{
        struct worker *worker = owner;
        LOG_ERROR("event=link_lost link=control msg=\"%s\"", worker->was_linked ? "the supervisor is gone" : "no supervisor answered");
        leave(worker, EXIT_CODE_LINK_LOST);
}

/* -------- from the persister -------- */

static void
on_store_state(struct worker *worker, const struct msg *msg)
{
        /* A persister that starts is not away: it will tell in a moment, and there is time to wait for it. */
        bool is_away = msg->store_state.problem != STORE_PROBLEM_NONE && msg->store_state.problem != STORE_PROBLEM_STARTING;
        if (is_away != worker->ingest.is_store_away)
                LOG_INFO("event=store_state problem=%s", msg_store_problem_name((int)msg->store_state.problem));
        worker->ingest.is_store_away = is_away;
}

static void
on_snapshot_begin(struct worker *worker, const struct msg *msg)
{
        if (worker->phase == WORKER_READY || worker->phase == WORKER_OPEN) {
                LOG_ERROR("event=snapshot_for_a_live_worker incarnation=%llu own=%llu msg=\"another incarnation was begun\"",
                          (unsigned long long)msg->snapshot_begin.incarnation, (unsigned long long)worker->rehydrate.incarnation);
                leave(worker, EXIT_CODE_REHYDRATE);
                return;
        }
        if (worker->phase == WORKER_DRAINING)
                return;
        if (rehydrate_begin(&worker->rehydrate, &msg->snapshot_begin, worker->spawn_no, clock_monotonic_us()) == REHYDRATE_OK)
                (void)step(worker, WORKER_SNAPSHOT_BEGUN);
        else
                LOG_WARNING("event=snapshot_dropped spawn_no=%llu own=%llu", (unsigned long long)msg->snapshot_begin.worker_spawn_no,
                            (unsigned long long)worker->spawn_no);
}

static void
rehydration_broken(struct worker *worker)
{
        char quoted[2 * REHYDRATE_DETAIL_SIZE];
        LOG_ERROR("event=rehydration_failed incarnation=%llu msg=%s", (unsigned long long)worker->rehydrate.incarnation,
                  log_quote(quoted, sizeof(quoted), worker->rehydrate.detail, strlen(worker->rehydrate.detail)));
        leave(worker, EXIT_CODE_REHYDRATE);
}

static void
on_snapshot_part(struct worker *worker, const struct msg *msg)
{
        if (worker->phase == WORKER_REHYDRATING && rehydrate_part(&worker->rehydrate, &msg->snapshot_part) == REHYDRATE_BROKEN)
                rehydration_broken(worker);
}

static void
send_ready(struct worker *worker)
{
        struct msg msg = {.type = MSG_WORKER_READY};
        struct core_figures figures;
        core_figures(worker->core, &figures);
        msg.worker_ready = (struct msg_worker_ready){
                .spawn_no = worker->spawn_no,
                .incarnation = worker->rehydrate.incarnation,
                .through_seq = worker->rehydrate.through_seq,
                .digest = core_digest(worker->core),
                .positions_count = figures.positions_count,
                .link_us = worker->linked_us,
                .load_us = worker->rehydrate.load_us,
                .check_us = worker->rehydrate.check_us,
        };
        send_control(worker, &msg);
}

static void
on_snapshot_end(struct worker *worker, const struct msg *msg)
{
        if (worker->phase != WORKER_REHYDRATING)
                return;
        switch (rehydrate_end(&worker->rehydrate, &msg->snapshot_end, clock_monotonic_us)) {
        case REHYDRATE_STRANGE: return;
        case REHYDRATE_BROKEN: rehydration_broken(worker); return;
        case REHYDRATE_OK: break;
        }
        outbox_reset(&worker->ingest.outbox, worker->rehydrate.through_seq);
        worker->has_state = true;
        worker->ingest.problem = worker->rehydrate.problem;
        worker->ingest.is_store_away = false;
        worker->is_data_agreed = true;
        if (step(worker, WORKER_SNAPSHOT_WHOLE))
                send_ready(worker);
}

static void
on_batch_ack(struct worker *worker, const struct msg *msg)
{
        struct outbox *outbox = &worker->ingest.outbox;
        if (!worker->has_state || msg->batch_ack.incarnation != worker->rehydrate.incarnation) {
                LOG_WARNING("event=ack_dropped incarnation=%llu own=%llu", (unsigned long long)msg->batch_ack.incarnation,
                            (unsigned long long)worker->rehydrate.incarnation);
                return;
        }
        if (msg->batch_ack.through_seq < outbox->acked_seq) {
                LOG_ERROR("event=stored_went_back through_seq=%llu acked=%llu msg=\"less is stored than was acknowledged: the database was "
                          "restored, or its standby took over too early\"",
                          (unsigned long long)msg->batch_ack.through_seq, (unsigned long long)outbox->acked_seq);
                leave(worker, EXIT_CODE_REHYDRATE);
                return;
        }
        bool is_first = !worker->is_data_agreed;
        worker->is_data_agreed = true;
        worker->ingest.is_store_away = false;
        switch (outbox_release(outbox, msg->batch_ack.through_seq)) {
        case OUTBOX_OK: break;
        case OUTBOX_REPEATED:
                /* Nothing new is stored: where a batch went missing everything after it is sent again. */
                if (!is_first) {
                        LOG_INFO("event=resend after=%llu pending=%u", (unsigned long long)outbox->acked_seq, outbox_count(outbox));
                        outbox_rewind(outbox);
                }
                break;
        case OUTBOX_UNKNOWN:
        case OUTBOX_FULL:
        case OUTBOX_NO_MEMORY:
                LOG_ERROR("event=ack_of_the_unknown through_seq=%llu decided=%llu msg=\"more is stored than we decided\"",
                          (unsigned long long)msg->batch_ack.through_seq, (unsigned long long)outbox->last_seq);
                leave(worker, EXIT_CODE_REHYDRATE);
                return;
        }
        webhook_stored(&worker->webhook, outbox->acked_seq);
}

static void
on_batch_refused(struct worker *worker, const struct msg *msg)
{
        const struct msg_batch_refused *refused = &msg->batch_refused;
        char quoted[512];
        LOG_ERROR("event=batch_refused refusal=%s first_seq=%llu incarnation=%llu msg=%s", msg_batch_refusal_name((int)refused->refusal),
                  (unsigned long long)refused->first_seq, (unsigned long long)refused->incarnation,
                  log_quote(quoted, sizeof(quoted), refused->detail.data, refused->detail.size));
        leave(worker, EXIT_CODE_REHYDRATE);
}

/* -------- from the supervisor -------- */

static void
on_go(struct worker *worker, const struct msg *msg)
{
        if (msg->go.incarnation != worker->rehydrate.incarnation) {
                LOG_WARNING("event=go_dropped incarnation=%llu own=%llu", (unsigned long long)msg->go.incarnation,
                            (unsigned long long)worker->rehydrate.incarnation);
                return;
        }
        if (worker->phase == WORKER_DRAINING || !step(worker, WORKER_GO))
                return;
        if (worker->recovery_us == 0) {
                worker->recovery_us = clock_monotonic_us() - worker->started_us;
                LOG_INFO("event=open incarnation=%llu seq=%llu recovery_us=%lld link_us=%lld load_us=%lld check_us=%lld",
                         (unsigned long long)worker->rehydrate.incarnation, (unsigned long long)worker->ingest.outbox.last_seq,
                         (long long)worker->recovery_us, (long long)worker->linked_us, (long long)worker->rehydrate.load_us,
                         (long long)worker->rehydrate.check_us);
        }
        webhook_open(&worker->webhook);
}

static void
drain(struct worker *worker, int64_t deadline_ms)
{
        if (worker->phase == WORKER_DRAINING)
                return;
        LOG_INFO("event=drain pending=%u waiting=%u deadline_ms=%lld", outbox_count(&worker->ingest.outbox),
                 replies_count(&worker->ingest.replies), (long long)deadline_ms);
        (void)step(worker, WORKER_DRAIN);
        webhook_refuse_parked(&worker->webhook);
        loop_timer_start_us(worker->drain_timer, deadline_ms * 1000);
}

static void
on_drain(struct worker *worker, const struct msg *msg)
{
        drain(worker, (int64_t)msg->drain.deadline_ms);
}

void
worker_stop(struct worker *worker)
{
        worker->is_work_done = true;
        drain(worker, DRAIN_OWN_MS);
}

static void
on_maintenance(struct worker *worker, const struct msg *msg)
{
        worker->ingest.is_maintenance = msg->maintenance.on;
}

static void
on_report_ask(struct worker *worker, const struct msg *msg)
{
        struct msg report = {.type = MSG_WORKER_REPORT};
        struct view view = routes_view(worker);
        views_report(&view, &report.worker_report);
        report.worker_report.request_id = msg->report_ask.request_id;
        report.worker_report.waiting_count += replies_count(&worker->webhook.parked);
        send_control(worker, &report);
}

static void
on_command(struct worker *worker, const struct msg *msg)
{
        commands_take(&worker->commands, &msg->command, clock_wall_us());
}

/* -------- timers and the end of a turn -------- */

static void
on_heartbeat(void *owner)
{
        struct worker *worker = owner;
        struct msg msg = {.type = MSG_HEARTBEAT};
        const struct outbox *outbox = &worker->ingest.outbox;
        /* Only what we could send and have not counts as work that waits: for an acknowledgement we can do nothing. */
        uint64_t queued = worker->is_data_agreed ? outbox->last_seq - outbox->sent_seq : 0;
        msg.heartbeat = (struct msg_heartbeat){worker->spawn_no, worker->progress, outbox->acked_seq, queued};
        send_control(worker, &msg);
        if (worker->has_state && !worker->is_data_agreed && link_is_up(worker->data))
                send_data_hello(worker);
}

static void
on_deadline(void *owner)
{
        struct worker *worker = owner;
        worker->timer_due_us = INT64_MAX;
        webhook_expire(&worker->webhook);
}

static void
arm_deadline(struct worker *worker)
{
        int64_t due_us = webhook_deadline_us(&worker->webhook);
        if (due_us >= worker->timer_due_us)
                return; /* it fires early at worst, and is armed again then */
        worker->timer_due_us = due_us;
        int64_t delay_us = due_us - clock_monotonic_us();
        loop_timer_start_us(worker->deadline_timer, delay_us > 0 ? delay_us : 0);
}

/* All events of a turn leave together: one message, one transaction. */
static void
send_batches(struct worker *worker)
{
        struct outbox *outbox = &worker->ingest.outbox;
        struct msg msg = {.type = MSG_EVENT_BATCH};
        if (!worker->is_data_agreed)
                return;
        while (link_queued_size(worker->data) < DATA_QUEUE_MAX && outbox_next_batch(outbox, &msg.event_batch)) {
                msg.event_batch.incarnation = worker->rehydrate.incarnation;
                enum link_status status = link_send(worker->data, &msg);
                if (status == LINK_ERROR) {
                        LOG_ERROR("event=batch_not_encoded first_seq=%llu", (unsigned long long)msg.event_batch.first_seq);
                        leave(worker, EXIT_CODE_PROTOCOL);
                }
                if (status != LINK_OK)
                        return;
                outbox_mark_sent(outbox, &msg.event_batch);
        }
}

static void
send_results(struct worker *worker)
{
        struct msg msg = {.type = MSG_COMMAND_RESULT};
        while (commands_next_result(&worker->commands, worker->ingest.outbox.acked_seq, &msg.command_result))
                send_control(worker, &msg);
}

/* Drained: nothing waits any more for a commit, an answer or a result. Then the last answers get a moment to leave. */
static void
go_on_draining(struct worker *worker)
{
        struct msg msg = {.type = MSG_DRAINED};
        bool is_waited_for = outbox_count(&worker->ingest.outbox) > 0 || replies_count(&worker->ingest.replies) > 0 ||
                             commands_waiting(&worker->commands) > 0;
        if (is_waited_for && !worker->is_drained)
                return;
        if (!worker->is_drained) {
                worker->is_drained = true;
                msg.drained = (struct msg_drained){worker->spawn_no, worker->ingest.outbox.acked_seq};
                send_control(worker, &msg);
                http_server_stop_accepting(worker->http);
                loop_timer_start_us(worker->drain_timer, FLUSH_MS * 1000LL);
        }
        if (http_server_busy_count(worker->http) == 0)
                leave(worker, EXIT_CODE_OK);
}

static void
on_drain_over(void *owner)
{
        struct worker *worker = owner;
        if (worker->is_drained) {
                leave(worker, EXIT_CODE_OK);
                return;
        }
        LOG_WARNING("event=drain_over pending=%u waiting=%u msg=\"decided and not stored within the time of the stop; whoever waits is "
                    "told 503\"",
                    outbox_count(&worker->ingest.outbox), replies_count(&worker->ingest.replies));
        worker->is_drained = true;
        webhook_refuse_all(&worker->webhook);
        loop_timer_start_us(worker->drain_timer, FLUSH_MS * 1000LL);
}

static void
on_turn_end(void *owner)
{
        struct worker *worker = owner;
        if (worker->is_work_done)
                worker->progress++;
        worker->is_work_done = false;
        /* Answers that wait for nothing new, such as a duplicate's when all is stored. */
        if (replies_count(&worker->ingest.replies) > 0)
                webhook_stored(&worker->webhook, worker->ingest.outbox.acked_seq);
        send_batches(worker);
        send_results(worker);
        arm_deadline(worker);
        if (worker->phase == WORKER_DRAINING)
                go_on_draining(worker);
}
