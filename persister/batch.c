#include "persister/batch.h"

#include <stdlib.h>
#include <string.h>

enum batch_status
batch_init(struct batch *batch, uint32_t events_max, size_t texts_size_max)
{
        *batch = (struct batch){.capacity = events_max, .texts_capacity = texts_size_max};
        batch->events = calloc(events_max, sizeof(batch->events[0]));
        batch->marks = calloc(events_max, sizeof(batch->marks[0]));
        batch->texts = calloc(texts_size_max, 1);
        if (batch->events == NULL || batch->marks == NULL || batch->texts == NULL) {
                batch_fini(batch);
                return BATCH_NO_MEMORY;
        }
        return BATCH_OK;
}

void
batch_fini(struct batch *batch)
{
        free(batch->events);
        free(batch->marks);
        free(batch->texts);
        *batch = (struct batch){0};
}

void
batch_clear(struct batch *batch)
{
        batch->count = 0;
        batch->marks_count = 0;
        batch->texts_size = 0;
}

static struct text *
text_at(struct event *event, const struct field *field)
{
        return (struct text *)(void *)((char *)event + field->offset);
}

static size_t
event_texts_size(const struct event *event)
{
        const struct event_desc *desc = event_desc_of((int)event->kind);
        size_t size = 0;

        PM_ASSERT(desc != NULL);
        for (uint32_t i = 0; i < desc->fields_count; i++)
                if (desc->fields[i].type == FIELD_TEXT)
                        size += ((const struct text *)(const void *)((const char *)event + desc->fields[i].offset))->size;
        return size;
}

static void
append_copy(struct batch *batch, const struct event *event)
{
        struct event *copy = &batch->events[batch->count++];
        const struct event_desc *desc = event_desc_of((int)event->kind);

        *copy = *event;
        for (uint32_t i = 0; i < desc->fields_count; i++) {
                if (desc->fields[i].type != FIELD_TEXT)
                        continue;
                struct text *text = text_at(copy, &desc->fields[i]);
                if (text->size == 0) {
                        *text = (struct text){NULL, 0};
                        continue;
                }
                char *place = batch->texts + batch->texts_size;
                memcpy(place, text->data, text->size);
                batch->texts_size += text->size;
                text->data = place;
        }
}

enum batch_status
batch_add(struct batch *batch, uint64_t first_seq, struct event_span events, uint32_t skip, struct digest digest)
{
        size_t texts_size = 0;

        PM_ASSERT(skip < events.count);
        PM_ASSERT(batch->count == 0 || first_seq == batch_last_seq(batch) + 1);
        for (uint32_t i = skip; i < events.count; i++)
                texts_size += event_texts_size(&events.items[i]);
        if (events.count - skip > batch->capacity - batch->count || texts_size > batch->texts_capacity - batch->texts_size)
                return BATCH_FULL;

        if (batch->count == 0)
                batch->first_seq = first_seq;
        for (uint32_t i = skip; i < events.count; i++)
                append_copy(batch, &events.items[i]);
        batch->marks[batch->marks_count++] = (struct batch_mark){batch->count, digest};
        return BATCH_OK;
}

enum batch_status
batch_add_own(struct batch *batch, uint64_t seq, const struct event *event)
{
        PM_ASSERT(batch->count == 0 || seq == batch_last_seq(batch) + 1);
        if (batch->count == batch->capacity || event_texts_size(event) > batch->texts_capacity - batch->texts_size)
                return BATCH_FULL;
        if (batch->count == 0)
                batch->first_seq = seq;
        append_copy(batch, event);
        return BATCH_OK;
}

uint32_t
batch_signal_events(const struct batch *batch, uint32_t index)
{
        uint32_t end = index;

        PM_ASSERT(index < batch->count);
        while (end + 1 < batch->count && batch->events[end].more)
                end++;
        return end + 1 - index;
}
