#include "worker/ingest.h"

#include "common/log.h"

bool
ingest_init(struct ingest *ingest, struct core *core)
{
        *ingest = (struct ingest){.core = core};
        return outbox_init(&ingest->outbox) == OUTBOX_OK && replies_init(&ingest->replies) == REPLIES_OK;
}

void
ingest_fini(struct ingest *ingest)
{
        outbox_fini(&ingest->outbox);
        replies_fini(&ingest->replies);
}

static bool
is_exit_or_tick(enum signal_type type)
{
        return type == SIGNAL_EXIT || type == SIGNAL_MARKET_DATA;
}

/* Exits are let in wherever they can be: a lost exit costs money. Ticks move stops, so they come next. */
enum unavailable
ingest_gate(const struct ingest *ingest, enum signal_type type)
{
        if (ingest->is_draining)
                return UNAVAILABLE_DRAINING;
        if (!ingest->is_open)
                return ingest->is_store_away ? UNAVAILABLE_DATABASE : UNAVAILABLE_RECOVERING;
        if (ingest->is_maintenance)
                return UNAVAILABLE_MAINTENANCE;
        if (ingest->is_store_away && !is_exit_or_tick(type))
                return UNAVAILABLE_DATABASE;
        if (ingest->is_store_away && type == SIGNAL_MARKET_DATA && outbox_is_half_full(&ingest->outbox))
                return UNAVAILABLE_DATABASE;
        if (ingest->problem != RECOVERY_OK && !is_exit_or_tick(type))
                return ingest->problem == RECOVERY_DATA_CORRUPT ? UNAVAILABLE_DATA_CORRUPT : UNAVAILABLE_VALIDATION_FAILED;
        if (!outbox_has_room(&ingest->outbox) || !replies_has_room(&ingest->replies))
                return UNAVAILABLE_QUEUE_FULL;
        return UNAVAILABLE_NONE;
}

static void
count_decision(struct ingest_counts *counts, enum signal_type type, const struct core_decision *decision, int64_t now_us)
{
        counts->by_outcome[decision->outcome]++;
        counts->positions_closed += decision->closed_count;
        counts->last_signal_at_us = now_us;
        if (decision->outcome == OUTCOME_EXECUTED) {
                counts->entries_executed += type == SIGNAL_BASE_ENTRY;
                counts->pyramids_executed += type == SIGNAL_PYRAMID;
                counts->exits_executed += type == SIGNAL_EXIT;
        } else if (decision->outcome == OUTCOME_BLOCKED) {
                counts->entries_blocked += type == SIGNAL_BASE_ENTRY;
                counts->pyramids_blocked += type == SIGNAL_PYRAMID;
        }
}

enum unavailable
ingest_signal(struct ingest *ingest, const struct signal *signal, int64_t now_us, void *request, uint32_t request_id, int64_t deadline_us,
              struct answer *answer)
{
        struct event_list *list = &ingest->list;
        struct core_decision *decision = &ingest->decision;
        enum unavailable refusal = ingest_gate(ingest, signal->type);
        if (refusal != UNAVAILABLE_NONE)
                return refusal;

        core_decide(ingest->core, signal, now_us, list, decision);
        /* A pause is no decision about the signal: it is not kept, and its sender may try again (rules 13). */
        if (decision->reason == REASON_PAUSED && decision->outcome != OUTCOME_DUPLICATE)
                return UNAVAILABLE_PAUSED;

        answers_decision(answer, request_id, ingest->core, signal, list, decision, ingest->outbox.last_seq + 1);
        ingest_take_in(ingest, list);
        count_decision(&ingest->counts, signal->type, decision, now_us);

        /* Without an event of its own (a duplicate, a stale tick) it waits for what was decided before it: its original may be
         * on its way still. */
        enum replies_status waits = replies_wait(&ingest->replies, request, ingest->outbox.last_seq, deadline_us);
        PM_ASSERT(waits == REPLIES_OK);
        return UNAVAILABLE_NONE;
}

void
ingest_take_in(struct ingest *ingest, const struct event_list *list)
{
        for (uint32_t i = 0; i < list->count; i++) {
                const struct event *event = &list->items[i];
                const char *why = NULL;
                uint64_t seq;
                enum core_status applied = core_apply(ingest->core, event, ingest->outbox.last_seq + 1, &why);
                if (applied != CORE_OK)
                        LOG_ERROR("event=apply_failed kind=%d rule=\"%s\" msg=\"an event of our own does not fit our state\"",
                                  (int)event->kind, why != NULL ? why : "");
                PM_ASSERT(applied == CORE_OK);
                enum outbox_status appended = outbox_append(&ingest->outbox, event, core_digest(ingest->core), &seq);
                PM_ASSERT(appended == OUTBOX_OK);
        }
}
