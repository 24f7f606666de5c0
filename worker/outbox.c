#include "worker/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/wire.h"

/* One signal's slots never straddle the end of the ring, so up to so many may be left unused there. */
#define RING_SIZE (PM_OUTBOX_EVENTS_MAX + PM_EVENTS_PER_SIGNAL_MAX)
/* The payload, a reason for each closed layer, a probe's id. */
#define SIGNAL_TEXT_SIZE_MAX (PM_BODY_SIZE_MAX + PM_LAYERS_MAX * PM_REASON_SIZE_MAX + PM_PROBE_ID_SIZE_MAX)

static_assert(PM_EVENTS_PER_SIGNAL_MAX <= PM_BATCH_EVENTS_MAX, "one signal must fit in a batch");
static_assert(SIGNAL_TEXT_SIZE_MAX + PM_EVENTS_PER_SIGNAL_MAX * 512 < PM_BATCH_SIZE_MAX, "one signal must fit in a batch");
static_assert(2 * SIGNAL_TEXT_SIZE_MAX < PM_OUTBOX_TEXT_SIZE_MAX / 2, "half an outbox must hold a signal");

enum outbox_status
outbox_init(struct outbox *box)
{
        *box = (struct outbox){.events = NULL};
        box->events = malloc(RING_SIZE * sizeof(*box->events));
        box->slots = malloc(RING_SIZE * sizeof(*box->slots));
        box->texts = malloc(PM_OUTBOX_TEXT_SIZE_MAX);
        if (box->events == NULL || box->slots == NULL || box->texts == NULL) {
                outbox_fini(box);
                return OUTBOX_NO_MEMORY;
        }
        return OUTBOX_OK;
}

void
outbox_fini(struct outbox *box)
{
        free(box->events);
        free(box->slots);
        free(box->texts);
        *box = (struct outbox){.events = NULL};
}

void
outbox_reset(struct outbox *box, uint64_t last_seq)
{
        box->head = box->tail = box->wrap = 0;
        box->text_head = box->text_tail = 0;
        box->acked_seq = box->sent_seq = box->last_seq = last_seq;
        box->in_signal = false;
}

uint32_t
outbox_count(const struct outbox *box)
{
        return (uint32_t)(box->last_seq - box->acked_seq);
}

/* The slot of a number that is kept. */
static uint32_t
index_of(const struct outbox *box, uint64_t seq)
{
        uint64_t index = box->head + (seq - box->acked_seq - 1);
        if (box->tail < box->head && index >= box->wrap)
                index -= box->wrap;
        return (uint32_t)index;
}

static bool
text_fits(const struct outbox *box, size_t size)
{
        if (box->text_tail < box->text_head)
                return box->text_tail + size < box->text_head;
        return box->text_tail + size <= PM_OUTBOX_TEXT_SIZE_MAX || size < box->text_head;
}

bool
outbox_has_room(const struct outbox *box)
{
        return outbox_count(box) + PM_EVENTS_PER_SIGNAL_MAX <= PM_OUTBOX_EVENTS_MAX && text_fits(box, SIGNAL_TEXT_SIZE_MAX);
}

bool
outbox_is_half_full(const struct outbox *box)
{
        size_t text_size = box->text_tail - box->text_head;
        if (box->text_tail < box->text_head)
                text_size += PM_OUTBOX_TEXT_SIZE_MAX;
        return outbox_count(box) > PM_OUTBOX_EVENTS_MAX / 2 || text_size > PM_OUTBOX_TEXT_SIZE_MAX / 2;
}

/* Text that fits is copied; the end of the ring is left unused when it is too short for it. */
static void
keep_text(struct outbox *box, struct text *text)
{
        if (text->size == 0) {
                text->data = NULL;
                return;
        }
        if (box->text_tail >= box->text_head && box->text_tail + text->size > PM_OUTBOX_TEXT_SIZE_MAX)
                box->text_tail = 0;
        memcpy(box->texts + box->text_tail, text->data, text->size);
        text->data = box->texts + box->text_tail;
        box->text_tail += text->size;
}

static struct text *
text_of(struct event *event, const struct field *field)
{
        return (struct text *)(void *)((char *)event + field->offset);
}

enum outbox_status
outbox_append(struct outbox *box, const struct event *event, struct digest digest, uint64_t *seq)
{
        const struct event_desc *desc = event_desc_of((int)event->kind);
        struct event copy = *event;
        size_t text_size = 0;
        PM_ASSERT(desc != NULL);
        for (uint32_t i = 0; i < desc->fields_count; i++)
                if (desc->fields[i].type == FIELD_TEXT)
                        text_size += text_of(&copy, &desc->fields[i])->size;
        if (outbox_count(box) >= PM_OUTBOX_EVENTS_MAX || (text_size > 0 && !text_fits(box, text_size)))
                return OUTBOX_FULL;
        if (!box->in_signal && box->tail >= box->head && box->tail + PM_EVENTS_PER_SIGNAL_MAX > RING_SIZE) {
                box->wrap = box->tail;
                box->tail = 0;
        }
        if (box->tail >= RING_SIZE || (box->tail + 1 == box->head && outbox_count(box) > 0))
                return OUTBOX_FULL;
        for (uint32_t i = 0; i < desc->fields_count; i++)
                if (desc->fields[i].type == FIELD_TEXT)
                        keep_text(box, text_of(&copy, &desc->fields[i]));
        box->events[box->tail] = copy;
        box->slots[box->tail] = (struct outbox_slot){.digest = digest, .text_end = box->text_tail, .wire_size = wire_event_size_max(&copy)};
        box->tail++;
        box->in_signal = event->more;
        *seq = ++box->last_seq;
        return OUTBOX_OK;
}

bool
outbox_next_batch(const struct outbox *box, struct msg_event_batch *batch)
{
        size_t size = 0;
        uint32_t count = 0, whole = 0;
        if (box->sent_seq == box->last_seq)
                return false;
        uint32_t first = index_of(box, box->sent_seq + 1);
        uint32_t end = box->tail > first ? box->tail : box->wrap; /* a batch ends where the writer turned back */
        while (first + count < end && count < PM_BATCH_EVENTS_MAX) {
                size += box->slots[first + count].wire_size;
                if (size > PM_BATCH_SIZE_MAX)
                        break;
                count++;
                if (!box->events[first + count - 1].more)
                        whole = count;
        }
        if (whole == 0)
                return false;
        batch->first_seq = box->sent_seq + 1;
        batch->digest = box->slots[first + whole - 1].digest;
        batch->events = (struct event_span){box->events + first, whole};
        return true;
}

void
outbox_mark_sent(struct outbox *box, const struct msg_event_batch *batch)
{
        PM_ASSERT(batch->first_seq == box->sent_seq + 1);
        box->sent_seq += batch->events.count;
}

enum outbox_status
outbox_release(struct outbox *box, uint64_t through_seq)
{
        if (through_seq > box->last_seq)
                return OUTBOX_UNKNOWN;
        if (through_seq <= box->acked_seq)
                return OUTBOX_REPEATED;
        if (through_seq == box->last_seq) {
                bool in_signal = box->in_signal;
                outbox_reset(box, box->last_seq);
                box->in_signal = in_signal;
                return OUTBOX_OK;
        }
        uint32_t newest = index_of(box, through_seq);
        uint32_t next = index_of(box, through_seq + 1);
        box->text_head = box->slots[newest].text_end;
        box->head = next;
        box->acked_seq = through_seq;
        if (box->sent_seq < through_seq)
                box->sent_seq = through_seq;
        return OUTBOX_OK;
}

void
outbox_rewind(struct outbox *box)
{
        box->sent_seq = box->acked_seq;
}
