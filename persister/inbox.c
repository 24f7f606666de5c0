#include "persister/inbox.h"

#include <inttypes.h>

#include "common/clock.h"
#include "common/exit_code.h"
#include "common/log.h"
#include "persister/outlet.h"
#include "persister/persister.h"

/* A control link that was up and stays down for so long means that the supervisor is gone (P8). */
#define LINK_LOST_MS 500

typedef void message_fn(struct persister *persister, const struct msg *msg);
static message_fn on_data_hello, on_event_batch, on_rehydrate, on_recovery_record, on_report_ask, on_drain;

static message_fn *const data_handlers[MSG_TYPE_END] = {
        [MSG_HELLO] = on_data_hello,
        [MSG_EVENT_BATCH] = on_event_batch,
};

static message_fn *const control_handlers[MSG_TYPE_END] = {
        [MSG_REHYDRATE] = on_rehydrate,
        [MSG_RECOVERY_RECORD] = on_recovery_record,
        [MSG_REPORT_ASK] = on_report_ask,
        [MSG_DRAIN] = on_drain,
};

static void
dispatch(struct persister *persister, message_fn *const handlers[MSG_TYPE_END], const struct msg *msg)
{
        persister->progress++;
        if (handlers[msg->type] == NULL)
                LOG_ERROR("event=unexpected_message type=%s", msg_desc_of((int)msg->type)->name);
        else
                handlers[msg->type](persister, msg);
}

/* -------- the worker -------- */

static void
on_data_message(void *owner, struct link *link, const struct msg *msg)
{
        (void)link;
        dispatch(owner, data_handlers, msg);
}

static void
on_data_up(void *owner, struct link *link)
{
        struct persister *persister = owner;

        (void)link;
        persister->peer_here = false;
        outlet_store_state_to(persister, persister->data);
}

static void
on_data_down(void *owner, struct link *link)
{
        struct persister *persister = owner;

        (void)link;
        persister->peer_here = false;
        snapshot_cancel(&persister->snapshot);
        persister->rehydrate.sent = false;
}

/* The worker's bytes are wrong: what it decided since cannot be known. It comes again with the stored state. */
static void
on_data_garbage(void *owner, struct link *link, enum wire_status status, const char *field)
{
        struct persister *persister = owner;

        (void)link;
        LOG_ERROR("event=garbage link=data status=%s field=%s", wire_status_name(status), field == NULL ? "" : field);
        outlet_refuse(persister, BATCH_REFUSAL_CONTENTS, persister->intake.next_seq, "bytes that are no message");
        intake_init(&persister->intake);
}

static void
on_data_hello(struct persister *persister, const struct msg *msg)
{
        const struct msg_hello *hello = &msg->hello;

        if (hello->protocol != MSG_PROTOCOL || hello->role != ROLE_WORKER) {
                LOG_ERROR("event=protocol_mismatch theirs=%" PRIu32 " ours=%d role=%s", hello->protocol, MSG_PROTOCOL,
                          msg_role_name((int)hello->role));
                return;
        }
        persister->peer = *hello;
        persister->peer_here = true;
        /* A worker without this state wants it (again); one that has it, and whose link only broke, would take another for its end. */
        if (!persister->snapshot.active)
                persister->rehydrate.sent = hello->incarnation == persister->rehydrate.incarnation;
        outlet_answer_hello(persister);
}

static void
on_event_batch(struct persister *persister, const struct msg *msg)
{
        const struct msg_event_batch *batch = &msg->event_batch;
        uint32_t skip = 0;

        switch (intake_check(&persister->intake, batch->incarnation, batch->first_seq, batch->events, &skip)) {
        case INTAKE_TAKE:
                persister->last_signal_at_us = clock_wall_us();
                if (store_offer(&persister->store, batch->first_seq, batch->events, skip, batch->digest) == STORE_OK)
                        intake_taken(&persister->intake, batch->events.count - skip);
                else
                        LOG_WARNING("event=batch_dropped first_seq=%" PRIu64 " queued=%" PRIu64, batch->first_seq,
                                    store_queued_events(&persister->store));
                return;
        case INTAKE_KNOWN:
                /* Its COMMIT acknowledges what is only queued. */
                if (store_is_empty(&persister->store) && batch->first_seq + batch->events.count == persister->intake.next_seq)
                        outlet_ack(persister);
                return;
        case INTAKE_GAP:
                LOG_WARNING("event=batch_gap first_seq=%" PRIu64 " expected=%" PRIu64, batch->first_seq, persister->intake.next_seq);
                outlet_ack(persister);
                return;
        case INTAKE_OLD:
                /* Not judged before the state is known: the worker asks again with HELLO. */
                if (persister->phase == PERSISTER_SERVING || persister->phase == PERSISTER_AWAY)
                        outlet_refuse(persister, BATCH_REFUSAL_INCARNATION, batch->first_seq, "another writer owns the portfolio now");
                return;
        case INTAKE_BROKEN:
                outlet_refuse(persister, BATCH_REFUSAL_CONTENTS, batch->first_seq, "a batch that splits a signal");
                intake_init(&persister->intake);
                return;
        }
}

static const struct link_handler data_handler = {on_data_message, on_data_up, on_data_down, on_data_garbage};

const struct link_handler *
inbox_data_handler(void)
{
        return &data_handler;
}

/* -------- the supervisor -------- */

static void
on_control_message(void *owner, struct link *link, const struct msg *msg)
{
        (void)link;
        dispatch(owner, control_handlers, msg);
}

static void
on_control_up(void *owner, struct link *link)
{
        struct persister *persister = owner;

        loop_timer_stop(persister->link_lost);
        outlet_hello(persister);
        outlet_store_state_to(persister, link);
        if (persister->announced)
                outlet_ready(persister);
}

static void
on_control_down(void *owner, struct link *link)
{
        struct persister *persister = owner;

        (void)link;
        loop_timer_start_us(persister->link_lost, LINK_LOST_MS * 1000);
}

static void
on_control_garbage(void *owner, struct link *link, enum wire_status status, const char *field)
{
        struct persister *persister = owner;

        (void)link;
        LOG_ERROR("event=garbage link=control status=%s field=%s", wire_status_name(status), field == NULL ? "" : field);
        persister->exit_code = EXIT_CODE_PROTOCOL;
        loop_stop(persister->loop);
}

static const struct link_handler control_handler = {on_control_message, on_control_up, on_control_down, on_control_garbage};

const struct link_handler *
inbox_control_handler(void)
{
        return &control_handler;
}

static void
on_rehydrate(struct persister *persister, const struct msg *msg)
{
        const struct load_report *report = &persister->report;

        LOG_INFO("event=rehydrate incarnation=%" PRIu64 " worker_spawn_no=%" PRIu64 " phase=%s", msg->rehydrate.incarnation,
                 msg->rehydrate.worker_spawn_no, persister_phase_name(persister->phase));
        snapshot_cancel(&persister->snapshot);
        persister->rehydrate = (struct persister_rehydrate){
                .wanted = true,
                .incarnation = msg->rehydrate.incarnation,
                .worker_spawn_no = msg->rehydrate.worker_spawn_no,
        };
        if (persister->problem.problem != STORE_PROBLEM_NONE && persister->problem.problem != STORE_PROBLEM_STARTING) {
                persister->rehydrate.failure_told = true;
                outlet_recovery_failed(persister, RECOVERY_DB_UNAVAILABLE, msg_store_problem_name((int)persister->problem.problem),
                                       persister->problem.message);
        } else if (persister->announced && report->problem != RECOVERY_OK) {
                outlet_recovery_failed(persister, report->problem, report->rule, report->detail);
        }
}

static void
on_recovery_record(struct persister *persister, const struct msg *msg)
{
        records_recovery(&persister->records, &msg->recovery_record);
}

static void
on_report_ask(struct persister *persister, const struct msg *msg)
{
        outlet_report(persister, msg->report_ask.request_id);
}

static void
on_drain(struct persister *persister, const struct msg *msg)
{
        inbox_drain(persister, msg->drain.deadline_ms);
}

void
inbox_drain(struct persister *persister, int64_t deadline_ms)
{
        if (persister->draining)
                return;
        LOG_INFO("event=drain queued=%" PRIu64 " deadline_ms=%" PRId64, store_queued_events(&persister->store), deadline_ms);
        persister->draining = true;
        loop_timer_start_us(persister->drain_over, deadline_ms * 1000);
}
