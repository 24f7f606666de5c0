/* snapshot: the replica core becomes SNAPSHOT messages for a worker that starts: BEGIN, parts of LOAD events, END with the digest. Sent
 * in steps, so that the link's queue stays bounded and the loop turns. The core must not change until it is done.
 * Owned by struct persister. */
#ifndef PM_PERSISTER_SNAPSHOT_H
#define PM_PERSISTER_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/link.h"
#include "common/msg.h"
#include "worker/core/core.h"

struct snapshot_head {
        uint64_t incarnation;
        uint64_t worker_spawn_no;
        uint64_t through_seq;
        enum recovery_problem problem;
        struct text detail; /* borrowed until snapshot_begin returns */
};

struct snapshot {
        const struct core *core;
        struct event *events; /* one part */
        bool active;
        uint64_t incarnation;
        uint64_t cursor;
        uint32_t part_no;
        uint32_t parts_count;
        uint64_t events_left;
};

enum snapshot_status {
        SNAPSHOT_OK = 0, /* all is handed over (or nothing was to do) */
        SNAPSHOT_MORE,   /* call again: at the end of the next turn, or when the link has room */
        SNAPSHOT_FAILED, /* the link would not take it: the worker is gone, and will say HELLO again */
        SNAPSHOT_NO_MEMORY,
};

PM_MUST_CHECK enum snapshot_status snapshot_init(struct snapshot *snapshot, const struct core *core);
void snapshot_fini(struct snapshot *snapshot); /* a zeroed one is fine */

PM_MUST_CHECK enum snapshot_status snapshot_begin(struct snapshot *snapshot, struct link *link, const struct snapshot_head *head);
PM_MUST_CHECK enum snapshot_status snapshot_step(struct snapshot *snapshot, struct link *link);
void snapshot_cancel(struct snapshot *snapshot);

#endif
