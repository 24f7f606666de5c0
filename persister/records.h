/* records: rows that no trade waits for: the heartbeat of the instance, who leads since when, recoveries, checksums of migrations,
 * and the size of the database. They are written when the connection has nothing else to do, without waiting for the
 * disk; one that is refused is logged and dropped. Owned by struct persister. */
#ifndef PM_PERSISTER_RECORDS_H
#define PM_PERSISTER_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"
#include "persister/db_conn.h"

#define RECORDS_RECOVERIES_MAX 64
#define RECORDS_CAUSE_SIZE 128
#define RECORDS_HOSTNAME_SIZE 256
#define RECORDS_DETAIL_MAX 3

/* What the row of instance_heartbeat says beside the times. */
struct records_now {
        uint64_t incarnation;
        uint64_t last_seq;
        int64_t last_signal_at_us; /* 0: none since our start */
};

struct records {
        struct db_port db;
        const char *name; /* the instance's; borrowed for life */
        char hostname[RECORDS_HOSTNAME_SIZE];
        int64_t started_at_us;  /* wall clock */
        int64_t acquired_at_us; /* of the lock; 0: not yet */
        uint64_t acquired_incarnation;
        int64_t heartbeat_due_us; /* monotonic */
        int64_t size_due_us;
        int64_t database_size;
        bool leadership_due;
        bool release_due;
        bool released;
        bool checksums_due;
        bool on_way;
        uint64_t edits_through; /* LOAD_ACTION_ACCEPT: edits are marked as seen with this seq */
        bool edits_due;
        struct msg_recovery_record recoveries[RECORDS_RECOVERIES_MAX]; /* a ring */
        char causes[RECORDS_RECOVERIES_MAX][RECORDS_CAUSE_SIZE];
        uint32_t recoveries_first;
        uint32_t recoveries_count;
        struct params params;
        struct column versions;
        struct column checksums;
};

void records_init(struct records *records, struct db_port db, const char *name, int64_t wall_us);
void records_fini(struct records *records);

/* Each notes what is due; records_pump writes. */
void records_own(struct records *records, uint64_t incarnation, int64_t wall_us);
void records_release(struct records *records);
void records_checksums(struct records *records);
void records_edits(struct records *records, uint64_t seq);
void records_recovery(struct records *records, const struct msg_recovery_record *record);

/* Nothing that should be written before an orderly end is left. */
bool records_are_written(const struct records *records);
/* Sends one thing that is due, when the connection is idle. true: it is busy now. */
bool records_pump(struct records *records, const struct records_now *now, int64_t monotonic_us);
/* Something is due that does not wait for the clock. */
bool records_are_due(const struct records *records);
/* When to pump again at the latest, if nothing else happens; monotonic. */
int64_t records_next_due_us(const struct records *records);

#endif
