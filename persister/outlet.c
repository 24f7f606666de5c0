#include "persister/outlet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "persister/persister.h"

static struct text
text_of(const char *words)
{
        return (struct text){words, (uint32_t)strlen(words)};
}

static void
send(struct link *link, const struct msg *msg)
{
        if (link == NULL || !link_is_up(link))
                return;
        enum link_status status = link_send(link, msg);
        if (status != LINK_OK && status != LINK_DOWN)
                LOG_ERROR("event=not_sent type=%s status=%d", msg_desc_of((int)msg->type)->name, (int)status);
}

void
outlet_hello(struct persister *persister)
{
        struct msg msg = {.type = MSG_HELLO};

        msg.hello = (struct msg_hello){
                .protocol = MSG_PROTOCOL, .role = ROLE_PERSISTER, .spawn_no = persister->options.spawn_no, .pid = (uint32_t)getpid()};
        send(persister->control, &msg);
}

void
outlet_ready(struct persister *persister)
{
        struct msg msg = {.type = MSG_PERSISTER_READY};
        const struct db_server *server = db_conn_server(persister->db);
        struct core_figures figures;
        char place[224];

        core_figures(persister->core, &figures);
        (void)snprintf(place, sizeof(place), "PostgreSQL %s on %s", server->version, server->place);
        msg.persister_ready = (struct msg_persister_ready){
                .spawn_no = persister->options.spawn_no,
                .last_incarnation = persister->store.stored.incarnation,
                .last_seq = persister->store.stored.last_seq,
                .digest = core_digest(persister->core),
                .positions_count = figures.positions_count,
                .connect_us = persister->connect_us,
                .load_us = persister->load_us,
                .fsync_off = server->fsync_off,
                .server = text_of(place),
        };
        send(persister->control, &msg);
}

void
outlet_recovery_failed(struct persister *persister, enum recovery_problem problem, const char *rule, const char *detail)
{
        struct msg msg = {.type = MSG_RECOVERY_FAILED};

        msg.recovery_failed = (struct msg_recovery_failed){
                .spawn_no = persister->options.spawn_no, .problem = problem, .rule = text_of(rule), .detail = text_of(detail)};
        send(persister->control, &msg);
}

void
outlet_heartbeat(struct persister *persister)
{
        struct msg msg = {.type = MSG_HEARTBEAT};
        bool waits_for_us = persister->phase == PERSISTER_SERVING && !persister->store.on_way;

        /* What the database has in hand is bounded by the statement deadline, and no work of ours that is left undone. */
        msg.heartbeat = (struct msg_heartbeat){
                .spawn_no = persister->options.spawn_no,
                .progress = persister->progress,
                .through_seq = persister->store.stored.last_seq,
                .queued = waits_for_us ? store_queued_events(&persister->store) : 0,
        };
        send(persister->control, &msg);
}

void
outlet_report(struct persister *persister, uint64_t request_id)
{
        struct msg msg = {.type = MSG_PERSISTER_REPORT};
        struct msg_persister_report *report = &msg.persister_report;

        *report = (struct msg_persister_report){
                .request_id = request_id,
                .stored_seq = persister->store.stored.last_seq,
                .batches_count = persister->store.batches_count,
                .events_count = persister->store.events_count,
                .queued_events = store_queued_events(&persister->store),
                .database_size = persister->records.database_size,
                .problem = persister->problem.problem,
        };
        store_latency(&persister->store, &report->commit_p50_us, &report->commit_p99_us);
        send(persister->control, &msg);
}

void
outlet_drained(struct persister *persister)
{
        struct msg msg = {.type = MSG_DRAINED};

        msg.drained = (struct msg_drained){.spawn_no = persister->options.spawn_no, .through_seq = persister->store.stored.last_seq};
        send(persister->control, &msg);
}

void
outlet_ack(struct persister *persister)
{
        struct msg msg = {.type = MSG_BATCH_ACK};

        msg.batch_ack =
                (struct msg_batch_ack){.incarnation = persister->store.stored.incarnation, .through_seq = persister->store.stored.last_seq};
        send(persister->data, &msg);
}

void
outlet_refuse(struct persister *persister, enum batch_refusal refusal, uint64_t first_seq, const char *detail)
{
        struct msg msg = {.type = MSG_BATCH_REFUSED};

        LOG_WARNING("event=batch_refused refusal=%s first_seq=%" PRIu64, msg_batch_refusal_name((int)refusal), first_seq);
        msg.batch_refused = (struct msg_batch_refused){
                .incarnation = persister->store.stored.incarnation, .first_seq = first_seq, .refusal = refusal, .detail = text_of(detail)};
        send(persister->data, &msg);
}

void
outlet_answer_hello(struct persister *persister)
{
        bool is_known = persister->phase == PERSISTER_SERVING || persister->phase == PERSISTER_AWAY;

        if (!persister->peer_here || !is_known || persister->peer.incarnation == 0)
                return;
        if (persister->intake.incarnation == persister->peer.incarnation)
                outlet_ack(persister);
        else
                outlet_refuse(persister, BATCH_REFUSAL_INCARNATION, persister->peer.last_seq, "another writer owns the portfolio now");
}

void
outlet_store_state_to(struct persister *persister, struct link *link)
{
        struct msg msg = {.type = MSG_STORE_STATE};

        msg.store_state = (struct msg_store_state){
                .problem = persister->problem.problem,
                .sqlstate = text_of(persister->problem.sqlstate),
                .message = text_of(persister->problem.message),
        };
        send(link, &msg);
}

void
outlet_store_state(struct persister *persister)
{
        outlet_store_state_to(persister, persister->control);
        outlet_store_state_to(persister, persister->data);
}

void
outlet_available(struct persister *persister)
{
        const struct load_report *report = &persister->report;

        if (persister->problem.problem != STORE_PROBLEM_NONE) {
                persister->problem = (struct db_problem){.problem = STORE_PROBLEM_NONE};
                LOG_INFO("event=database_available server=\"PostgreSQL %s on %s\" seq=%" PRIu64 " connect_us=%" PRId64 " load_us=%" PRId64,
                         db_conn_server(persister->db)->version, db_conn_server(persister->db)->place, persister->store.stored.last_seq,
                         persister->connect_us, persister->load_us);
                outlet_store_state(persister);
        }
        persister->announced = true;
        outlet_ready(persister);
        outlet_answer_hello(persister);
        if (persister->rehydrate.wanted && report->problem != RECOVERY_OK)
                outlet_recovery_failed(persister, report->problem, report->rule, report->detail);
}
