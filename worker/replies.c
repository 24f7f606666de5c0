#include "worker/replies.h"

#include <stdlib.h>

#include "common/limits.h"

enum replies_status
replies_init(struct replies *replies)
{
        *replies = (struct replies){.deadline_us = INT64_MAX};
        replies->ring = malloc(PM_REPLIES_MAX * sizeof(*replies->ring));
        return replies->ring != NULL ? REPLIES_OK : REPLIES_NO_MEMORY;
}

void
replies_fini(struct replies *replies)
{
        free(replies->ring);
        *replies = (struct replies){.deadline_us = INT64_MAX};
}

bool
replies_has_room(const struct replies *replies)
{
        return replies->used < PM_REPLIES_MAX;
}

uint32_t
replies_count(const struct replies *replies)
{
        return replies->waiting;
}

static struct replies_entry *
entry_at(const struct replies *replies, uint32_t offset)
{
        return &replies->ring[(replies->first + offset) % PM_REPLIES_MAX];
}

/* Expired places at the front are free again. */
static void
drop_front(struct replies *replies)
{
        while (replies->used > 0 && entry_at(replies, 0)->request == NULL) {
                replies->first = (replies->first + 1) % PM_REPLIES_MAX;
                replies->used--;
        }
        if (replies->used == 0) {
                replies->first = 0;
                replies->deadline_us = INT64_MAX;
        }
}

enum replies_status
replies_wait(struct replies *replies, void *request, uint64_t seq, int64_t deadline_us)
{
        PM_ASSERT(request != NULL);
        if (!replies_has_room(replies))
                return REPLIES_FULL;
        PM_ASSERT(replies->used == 0 || seq >= entry_at(replies, replies->used - 1)->seq);
        *entry_at(replies, replies->used) = (struct replies_entry){request, seq, deadline_us};
        replies->used++;
        replies->waiting++;
        if (deadline_us < replies->deadline_us)
                replies->deadline_us = deadline_us;
        return REPLIES_OK;
}

static void *
take(struct replies *replies, struct replies_entry *entry)
{
        void *request = entry->request;
        entry->request = NULL;
        replies->waiting--;
        drop_front(replies);
        return request;
}

void *
replies_take_stored(struct replies *replies, uint64_t through_seq, int64_t now_us)
{
        for (uint32_t i = 0; i < replies->used; i++) {
                struct replies_entry *entry = entry_at(replies, i);
                if (entry->seq > through_seq)
                        return NULL;
                if (entry->request != NULL && entry->deadline_us > now_us)
                        return take(replies, entry);
        }
        return NULL;
}

void *
replies_take_expired(struct replies *replies, int64_t now_us)
{
        int64_t earliest_us = INT64_MAX;
        if (now_us < replies->deadline_us)
                return NULL;
        for (uint32_t i = 0; i < replies->used; i++) {
                struct replies_entry *entry = entry_at(replies, i);
                if (entry->request == NULL)
                        continue;
                if (entry->deadline_us <= now_us)
                        return take(replies, entry);
                if (entry->deadline_us < earliest_us)
                        earliest_us = entry->deadline_us;
        }
        replies->deadline_us = earliest_us;
        return NULL;
}

int64_t
replies_deadline_us(const struct replies *replies)
{
        return replies->deadline_us;
}
