#include "supervisor/watchdog.h"

#include <stddef.h>

void
watchdog_begin(struct watchdog *dog, int64_t now_us)
{
        *dog = (struct watchdog){.beat_at_us = now_us, .moved_at_us = now_us};
}

void
watchdog_beat(struct watchdog *dog, uint64_t progress, uint64_t queued, int64_t now_us)
{
        if (!dog->heard || progress != dog->progress || queued == 0)
                dog->moved_at_us = now_us;
        dog->heard = true;
        dog->beat_at_us = now_us;
        dog->progress = progress;
        dog->queued = queued;
}

void
watchdog_excuse(struct watchdog *dog, int64_t now_us)
{
        dog->moved_at_us = now_us;
}

static int64_t
later(int64_t at_us, int64_t lost_us, int64_t now_us)
{
        return at_us + lost_us < now_us ? at_us + lost_us : now_us;
}

void
watchdog_forgive(struct watchdog *dog, int64_t lost_us, int64_t now_us)
{
        dog->beat_at_us = later(dog->beat_at_us, lost_us, now_us);
        dog->moved_at_us = later(dog->moved_at_us, lost_us, now_us);
}

enum watchdog_verdict
watchdog_check(const struct watchdog *dog, int64_t now_us, int64_t limit_us)
{
        if (now_us - dog->beat_at_us >= limit_us)
                return WATCHDOG_SILENT;
        if (now_us - dog->moved_at_us >= limit_us)
                return WATCHDOG_NO_PROGRESS;
        return WATCHDOG_FINE;
}

const char *
watchdog_verdict_name(int verdict)
{
        switch ((enum watchdog_verdict)verdict) {
        case WATCHDOG_FINE: return "fine";
        case WATCHDOG_SILENT: return "no heartbeat";
        case WATCHDOG_NO_PROGRESS: return "no progress";
        }
        return NULL;
}
