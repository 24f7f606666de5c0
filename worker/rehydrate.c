#include "worker/rehydrate.h"

#include <stdarg.h>
#include <stdio.h>

static enum rehydrate_status broken(struct rehydrate *rehydrate, const char *format, ...) __attribute__((format(printf, 2, 3)));

static enum rehydrate_status
broken(struct rehydrate *rehydrate, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(rehydrate->detail, sizeof(rehydrate->detail), format, arguments);
        va_end(arguments);
        rehydrate->is_loading = false;
        return REHYDRATE_BROKEN;
}

void
rehydrate_init(struct rehydrate *rehydrate, struct core *core)
{
        *rehydrate = (struct rehydrate){.core = core};
}

enum rehydrate_status
rehydrate_begin(struct rehydrate *rehydrate, const struct msg_snapshot_begin *begin, uint64_t spawn_no, int64_t now_us)
{
        if (begin->worker_spawn_no != spawn_no)
                return REHYDRATE_STRANGE;
        core_clear(rehydrate->core);
        rehydrate->is_loading = true;
        rehydrate->incarnation = begin->incarnation;
        rehydrate->through_seq = begin->through_seq;
        rehydrate->parts_count = begin->parts_count;
        rehydrate->parts_taken = 0;
        rehydrate->events_count = begin->events_count;
        rehydrate->events_taken = 0;
        rehydrate->problem = begin->problem;
        rehydrate->begun_us = now_us;
        rehydrate->detail[0] = '\0';
        return REHYDRATE_OK;
}

enum rehydrate_status
rehydrate_part(struct rehydrate *rehydrate, const struct msg_snapshot_part *part)
{
        if (!rehydrate->is_loading || part->incarnation != rehydrate->incarnation)
                return REHYDRATE_STRANGE;
        if (part->part_no != rehydrate->parts_taken)
                return broken(rehydrate, "part %u came when part %u was due", part->part_no, rehydrate->parts_taken);
        for (uint32_t i = 0; i < part->events.count; i++) {
                const struct event *event = &part->events.items[i];
                const char *why = NULL;
                enum core_status status = core_apply(rehydrate->core, event, 0, &why);
                if (status != CORE_OK)
                        return broken(rehydrate, "event %llu of the snapshot, %s, does not fit: %s",
                                      (unsigned long long)rehydrate->events_taken + i, event_desc_of((int)event->kind)->name,
                                      why != NULL ? why : "unknown kind");
        }
        rehydrate->parts_taken++;
        rehydrate->events_taken += part->events.count;
        return REHYDRATE_OK;
}

enum rehydrate_status
rehydrate_end(struct rehydrate *rehydrate, const struct msg_snapshot_end *end, int64_t (*clock_us)(void))
{
        int64_t kept_value = 0, recomputed_value = 0;
        struct core_figures figures;
        if (!rehydrate->is_loading || end->incarnation != rehydrate->incarnation)
                return REHYDRATE_STRANGE;
        if (rehydrate->parts_taken != rehydrate->parts_count || rehydrate->events_taken != rehydrate->events_count)
                return broken(rehydrate, "%u of %u parts and %llu of %llu events came", rehydrate->parts_taken, rehydrate->parts_count,
                              (unsigned long long)rehydrate->events_taken, (unsigned long long)rehydrate->events_count);
        int64_t loaded_us = clock_us();
        rehydrate->load_us = loaded_us - rehydrate->begun_us;
        core_figures(rehydrate->core, &figures);
        if (!figures.exists)
                return broken(rehydrate, "the snapshot holds no portfolio");
        const char *rule = core_check(rehydrate->core, &kept_value, &recomputed_value);
        if (rule != NULL)
                return broken(rehydrate, "rule %s: kept %lld, recomputed %lld", rule, (long long)kept_value, (long long)recomputed_value);
        struct digest digest = core_digest(rehydrate->core);
        if (!core_digest_equal(digest, end->digest))
                return broken(rehydrate, "digest %016llx%016llx, promised %016llx%016llx", (unsigned long long)digest.high,
                              (unsigned long long)digest.low, (unsigned long long)end->digest.high, (unsigned long long)end->digest.low);
        rehydrate->check_us = clock_us() - loaded_us;
        rehydrate->is_loading = false;
        return REHYDRATE_OK;
}

void
rehydrate_abandon(struct rehydrate *rehydrate)
{
        rehydrate->is_loading = false;
}
