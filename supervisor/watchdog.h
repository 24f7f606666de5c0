/* watchdog: whether a child that lives also gets on. It must send heartbeats, and while work waits its progress must grow. Time
 * in which the supervisor itself did not run is subtracted: a busy machine kills no healthy child. Pure. */
#ifndef PM_SUPERVISOR_WATCHDOG_H
#define PM_SUPERVISOR_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct watchdog {
        bool heard;          /* a heartbeat of this process has come */
        int64_t beat_at_us;  /* the last, or the start */
        int64_t moved_at_us; /* progress grew, or nothing waited, or it was excused */
        uint64_t progress;
        uint64_t queued;
};

enum watchdog_verdict {
        WATCHDOG_FINE = 0,
        WATCHDOG_SILENT,      /* no heartbeat for limit_us */
        WATCHDOG_NO_PROGRESS, /* heartbeats, but what waits does not get less */
};

void watchdog_begin(struct watchdog *dog, int64_t now_us);
void watchdog_beat(struct watchdog *dog, uint64_t progress, uint64_t queued, int64_t now_us);
/* Work that waits for somebody else (the database is away) is no fault: called as long as that is so. */
void watchdog_excuse(struct watchdog *dog, int64_t now_us);
/* We ourselves were not running for that long. */
void watchdog_forgive(struct watchdog *dog, int64_t lost_us, int64_t now_us);
enum watchdog_verdict watchdog_check(const struct watchdog *dog, int64_t now_us, int64_t limit_us);
const char *watchdog_verdict_name(int verdict); /* "no heartbeat" */

#endif
