#include "persister/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

/* Bytes that may wait in the link before the next part, and parts a step: the worker decodes one part while we encode the next. */
#define QUEUED_SIZE_MAX (4 * 1024 * 1024)
#define PARTS_A_STEP 2

enum snapshot_status
snapshot_init(struct snapshot *snapshot, const struct core *core)
{
        memset(snapshot, 0, sizeof(*snapshot));
        snapshot->core = core;
        snapshot->events = calloc(PM_SNAPSHOT_PART_EVENTS, sizeof(snapshot->events[0]));
        return snapshot->events == NULL ? SNAPSHOT_NO_MEMORY : SNAPSHOT_OK;
}

void
snapshot_fini(struct snapshot *snapshot)
{
        free(snapshot->events);
        memset(snapshot, 0, sizeof(*snapshot));
}

void
snapshot_cancel(struct snapshot *snapshot)
{
        snapshot->active = false;
}

static enum snapshot_status
fail(struct snapshot *snapshot)
{
        snapshot->active = false;
        return SNAPSHOT_FAILED;
}

enum snapshot_status
snapshot_begin(struct snapshot *snapshot, struct link *link, const struct snapshot_head *head)
{
        uint64_t count = core_export_count(snapshot->core);
        struct msg msg = {.type = MSG_SNAPSHOT_BEGIN};

        snapshot->active = true;
        snapshot->incarnation = head->incarnation;
        snapshot->cursor = 0;
        snapshot->part_no = 0;
        snapshot->parts_count = (uint32_t)((count + PM_SNAPSHOT_PART_EVENTS - 1) / PM_SNAPSHOT_PART_EVENTS);
        snapshot->events_left = count;
        msg.snapshot_begin = (struct msg_snapshot_begin){
                .incarnation = head->incarnation,
                .worker_spawn_no = head->worker_spawn_no,
                .through_seq = head->through_seq,
                .parts_count = snapshot->parts_count,
                .events_count = count,
                .problem = head->problem,
                .detail = head->detail,
        };
        return link_send(link, &msg) == LINK_OK ? SNAPSHOT_MORE : fail(snapshot);
}

/* The export may give fewer events than asked for without being at its end. */
static uint32_t
fill_part(struct snapshot *snapshot)
{
        uint32_t filled = 0;
        uint32_t got;

        do {
                got = core_export(snapshot->core, &snapshot->cursor, snapshot->events + filled, PM_SNAPSHOT_PART_EVENTS - filled);
                filled += got;
        } while (got > 0 && filled < PM_SNAPSHOT_PART_EVENTS);
        return filled;
}

static enum snapshot_status
send_end(struct snapshot *snapshot, struct link *link)
{
        struct msg msg = {.type = MSG_SNAPSHOT_END};

        msg.snapshot_end = (struct msg_snapshot_end){
                .incarnation = snapshot->incarnation,
                .parts_count = snapshot->parts_count,
                .digest = core_digest(snapshot->core),
        };
        snapshot->active = false;
        return link_send(link, &msg) == LINK_OK ? SNAPSHOT_OK : SNAPSHOT_FAILED;
}

enum snapshot_status
snapshot_step(struct snapshot *snapshot, struct link *link)
{
        struct msg msg = {.type = MSG_SNAPSHOT_PART};

        if (!snapshot->active)
                return SNAPSHOT_OK;
        for (int i = 0; i < PARTS_A_STEP && snapshot->part_no < snapshot->parts_count; i++) {
                if (link_queued_size(link) > QUEUED_SIZE_MAX)
                        return SNAPSHOT_MORE;
                uint32_t count = fill_part(snapshot);
                PM_ASSERT(count > 0 && count <= snapshot->events_left);
                snapshot->events_left -= count;
                msg.snapshot_part = (struct msg_snapshot_part){
                        .incarnation = snapshot->incarnation,
                        .part_no = snapshot->part_no++,
                        .events = {.items = snapshot->events, .count = count},
                };
                if (link_send(link, &msg) != LINK_OK)
                        return fail(snapshot);
        }
        return snapshot->part_no < snapshot->parts_count ? SNAPSHOT_MORE : send_end(snapshot, link);
}
