/* recovery: how long a return to READY took, step by step. Begun when a death or an outage is noticed (or at start), ended by
 * the message that says READY; then it is one log line and one RECOVERY_RECORD. Pure but for the log line. */
#ifndef PM_SUPERVISOR_RECOVERY_H
#define PM_SUPERVISOR_RECOVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"

#define RECOVERY_CAUSE_SIZE 160

struct recovery {
        bool pending;
        enum role role; /* SUPERVISOR: the start of all */
        char cause[RECOVERY_CAUSE_SIZE];
        int64_t began_us;   /* monotonic: noticed, or started */
        int64_t detect_us;  /* before it: from the cause to the notice, 0 when that cannot be known */
        int64_t spawned_us; /* monotonic: the new process was there; 0: not yet, or none was needed */
};

/* A death while the recovery from an earlier one still runs: the clock goes on from the first, the cause is the newest. */
void recovery_begin(struct recovery *recovery, enum role role, const char *cause, int64_t now_us, int64_t detect_us);
void recovery_spawned(struct recovery *recovery, int64_t now_us);

/* What the other end measured of itself. */
struct recovery_steps {
        uint64_t incarnation;
        uint64_t through_seq;
        struct digest digest;
        uint64_t positions_count;
        int64_t connect_us;
        int64_t load_us;
        int64_t verify_us;
};

/* Fills the record (its cause points into recovery: valid until the next begin). Recovery is over then. */
void recovery_end(struct recovery *recovery, const struct recovery_steps *steps, int64_t now_us, struct msg_recovery_record *record);

/* "start", "worker", "persister", "database" */
const char *recovery_what(const struct msg_recovery_record *record);

/* The line that other tools grep for: msg="Recovery successful: loaded N positions in 4.213ms" */
void recovery_log(const struct msg_recovery_record *record);

#define RECOVERY_SUMMARY_SIZE 96
/* "loaded 3 positions in 4.213ms" */
char *recovery_summary(const struct msg_recovery_record *record, char out[RECOVERY_SUMMARY_SIZE]);

#endif
