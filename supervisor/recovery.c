#include "supervisor/recovery.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

void
recovery_begin(struct recovery *recovery, enum role role, const char *cause, int64_t now_us, int64_t detect_us)
{
        if (!recovery->pending) {
                *recovery = (struct recovery){.pending = true, .began_us = now_us, .detect_us = detect_us};
                recovery->role = role;
        }
        recovery->spawned_us = 0;
        /* The start stays the start: what failed on the way is in the log. */
        if (recovery->role != ROLE_SUPERVISOR || recovery->cause[0] == '\0')
                snprintf(recovery->cause, sizeof recovery->cause, "%s", cause);
}

void
recovery_spawned(struct recovery *recovery, int64_t now_us)
{
        if (recovery->pending)
                recovery->spawned_us = now_us;
}

void
recovery_end(struct recovery *recovery, const struct recovery_steps *steps, int64_t now_us, struct msg_recovery_record *record)
{
        *record = (struct msg_recovery_record){
                .role = recovery->role,
                .cause = {.data = recovery->cause, .size = (uint32_t)strlen(recovery->cause)},
                .incarnation = steps->incarnation,
                .through_seq = steps->through_seq,
                .digest = steps->digest,
                .positions_count = steps->positions_count,
                .detect_us = recovery->detect_us,
                .spawn_us = recovery->spawned_us != 0 ? recovery->spawned_us - recovery->began_us : 0,
                .connect_us = steps->connect_us,
                .load_us = steps->load_us,
                .verify_us = steps->verify_us,
                .total_us = now_us - recovery->began_us,
        };
        recovery->pending = false;
}

const char *
recovery_what(const struct msg_recovery_record *record)
{
        return record->role == ROLE_SUPERVISOR ? "start" : msg_role_name((int)record->role);
}

char *
recovery_summary(const struct msg_recovery_record *record, char out[RECOVERY_SUMMARY_SIZE])
{
        snprintf(out, RECOVERY_SUMMARY_SIZE, "loaded %" PRIu64 " positions in %" PRId64 ".%03" PRId64 "ms", record->positions_count,
                 record->total_us / 1000, record->total_us % 1000);
        return out;
}

void
recovery_log(const struct msg_recovery_record *record)
{
        char summary[RECOVERY_SUMMARY_SIZE];
        char cause[2 * RECOVERY_CAUSE_SIZE];
        LOG_INFO("msg=\"Recovery successful: %s\" what=%s cause=%s detect_us=%" PRId64 " spawn_us=%" PRId64 " connect_us=%" PRId64
                 " load_us=%" PRId64 " verify_us=%" PRId64 " total_us=%" PRId64 " incarnation=%" PRIu64 " seq=%" PRIu64
                 " digest=%016" PRIx64 "%016" PRIx64,
                 recovery_summary(record, summary), recovery_what(record),
                 log_quote(cause, sizeof cause, record->cause.data, record->cause.size), record->detect_us, record->spawn_us,
                 record->connect_us, record->load_us, record->verify_us, record->total_us, record->incarnation, record->through_seq,
                 record->digest.high, record->digest.low);
}
