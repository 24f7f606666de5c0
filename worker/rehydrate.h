/* rehydrate: a snapshot from the persister into the core: parts in order, all of them, to the promised digest, and
 * figures that agree when they are computed anew. Owned by struct worker. Time is handed in; no I/O. */
#ifndef PM_WORKER_REHYDRATE_H
#define PM_WORKER_REHYDRATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/msg.h"
#include "worker/core/core.h"

enum rehydrate_status {
        REHYDRATE_OK = 0,
        REHYDRATE_STRANGE, /* not the snapshot that was begun, or not for this worker: dropped, nothing changed */
        REHYDRATE_BROKEN,  /* parts missing, an event that does not fit, another digest, figures that disagree */
};

#define REHYDRATE_DETAIL_SIZE 256

struct rehydrate {
        struct core *core;
        bool is_loading;
        uint64_t incarnation;
        uint64_t through_seq;
        uint32_t parts_count;
        uint32_t parts_taken;
        uint64_t events_count;
        uint64_t events_taken;
        enum recovery_problem problem;
        int64_t begun_us;
        int64_t load_us;                    /* begin to end */
        int64_t check_us;                   /* recomputation and comparison */
        char detail[REHYDRATE_DETAIL_SIZE]; /* why it is BROKEN */
};

/* core is kept, and cleared at each begin. */
void rehydrate_init(struct rehydrate *rehydrate, struct core *core);
PM_MUST_CHECK enum rehydrate_status rehydrate_begin(struct rehydrate *rehydrate, const struct msg_snapshot_begin *begin, uint64_t spawn_no,
                                                    int64_t now_us);
PM_MUST_CHECK enum rehydrate_status rehydrate_part(struct rehydrate *rehydrate, const struct msg_snapshot_part *part);
/* clock_us gives monotonic time: the loading ends when this is called, the checks take their own time. */
PM_MUST_CHECK enum rehydrate_status rehydrate_end(struct rehydrate *rehydrate, const struct msg_snapshot_end *end,
                                                  int64_t (*clock_us)(void));
/* The link went down meanwhile: what was loaded is dropped. */
void rehydrate_abandon(struct rehydrate *rehydrate);

#endif
