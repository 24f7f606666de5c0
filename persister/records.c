#include "persister/records.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "config.h"
#include "persister/migrate.h"

#define HEARTBEAT_EVERY_US (3 * 1000000LL)
#define SIZE_EVERY_US (60 * 1000000LL)

static void on_size(void *owner, uint32_t index, const PGresult *result);
static void on_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
static const struct db_flight_handler write_handler = {NULL, on_done};
static const struct db_flight_handler size_handler = {on_size, on_done};

void
records_init(struct records *records, struct db_port db, const char *name, int64_t wall_us)
{
        memset(records, 0, sizeof(*records));
        records->db = db;
        records->name = name;
        records->started_at_us = wall_us;
        if (gethostname(records->hostname, sizeof(records->hostname) - 1) != 0)
                (void)snprintf(records->hostname, sizeof(records->hostname), "unknown");
}

void
records_fini(struct records *records)
{
        column_fini(&records->versions);
        column_fini(&records->checksums);
}

void
records_own(struct records *records, uint64_t incarnation, int64_t wall_us)
{
        if (records->acquired_at_us != 0)
                return; /* a new connection of the same owner */
        records->acquired_at_us = wall_us;
        records->acquired_incarnation = incarnation;
        records->leadership_due = true;
}

void
records_release(struct records *records)
{
        records->release_due = records->acquired_at_us != 0 && !records->released;
}

void
records_checksums(struct records *records)
{
        records->checksums_due = true;
}

void
records_edits(struct records *records, uint64_t seq)
{
        records->edits_due = true;
        records->edits_through = seq;
}

void
records_recovery(struct records *records, const struct msg_recovery_record *record)
{
        if (records->recoveries_count == RECORDS_RECOVERIES_MAX) {
                LOG_WARNING("event=recovery_record_dropped msg=\"too many wait for the database\"");
                return;
        }
        uint32_t at = (records->recoveries_first + records->recoveries_count++) % RECORDS_RECOVERIES_MAX;
        records->recoveries[at] = *record;
        (void)snprintf(records->causes[at], RECORDS_CAUSE_SIZE, "%.*s", (int)record->cause.size,
                       record->cause.data == NULL ? "" : record->cause.data);
}

bool
records_are_written(const struct records *records)
{
        return !records->on_way && records->recoveries_count == 0 && !records->leadership_due && !records->release_due;
}

/* A transaction that is committed without waiting for the disk: the next trade's COMMIT is not held up behind it. */
static void
send(struct records *records, const struct db_query *queries, uint32_t count, const struct db_flight_handler *handler)
{
        struct db_query all[RECORDS_DETAIL_MAX + 1] = {{.statement = statement_of(STATEMENT_NO_FLUSH)}};

        PM_ASSERT(count <= RECORDS_DETAIL_MAX);
        memcpy(all + 1, queries, count * sizeof(queries[0]));
        records->on_way = true;
        records->db.send(records->db.conn, all, count + 1, handler, records);
}

static void
send_leadership(struct records *records)
{
        struct db_query queries[] = {
                {.statement = statement_of(STATEMENT_LEADERSHIP_END)},
                {.statement = statement_of(STATEMENT_LEADERSHIP_TAKE), .params = &records->params},
        };

        records->leadership_due = false;
        params_clear(&records->params);
        params_string(&records->params, records->name);
        params_seq(&records->params, records->acquired_incarnation);
        params_string(&records->params, records->hostname);
        send(records, queries, countof(queries), &write_handler);
}

static void
send_release(struct records *records)
{
        struct db_query query = {.statement = statement_of(STATEMENT_LEADERSHIP_END)};

        records->release_due = false;
        records->released = true;
        send(records, &query, 1, &write_handler);
}

static void
send_checksums(struct records *records)
{
        struct db_query query = {.statement = statement_of(STATEMENT_CHECKSUM_FILL), .params = &records->params};
        char checksum[MIGRATE_CHECKSUM_SIZE];

        records->checksums_due = false;
        column_begin(&records->versions, COLUMN_INT);
        column_begin(&records->checksums, COLUMN_TEXT);
        for (size_t i = 0; i < migration_table_count; i++) {
                column_add_int(&records->versions, migration_table[i].version);
                column_add_string(&records->checksums, migrate_checksum(&migration_table[i], checksum));
        }
        params_clear(&records->params);
        params_column(&records->params, &records->versions);
        params_column(&records->params, &records->checksums);
        send(records, &query, 1, &write_handler);
}

static void
send_edits(struct records *records)
{
        struct db_query query = {.statement = statement_of(STATEMENT_EDITS_HANDLED), .params = &records->params};

        records->edits_due = false;
        params_clear(&records->params);
        params_seq(&records->params, records->edits_through);
        send(records, &query, 1, &write_handler);
}

static void
send_recovery(struct records *records)
{
        const struct msg_recovery_record *record = &records->recoveries[records->recoveries_first];
        struct params *params = &records->params;
        struct db_query query = {.statement = statement_of(STATEMENT_RECOVERY_INSERT), .params = params};

        params_clear(params);
        params_string(params, msg_role_name((int)record->role));
        params_string(params, records->causes[records->recoveries_first]);
        params_seq(params, record->incarnation);
        params_seq(params, record->through_seq);
        params_digest(params, record->digest);
        params_seq(params, record->positions_count);
        params_int(params, record->detect_us);
        params_int(params, record->spawn_us);
        params_int(params, record->connect_us);
        params_int(params, record->load_us);
        params_int(params, record->verify_us);
        params_int(params, record->total_us);
        records->recoveries_first = (records->recoveries_first + 1) % RECORDS_RECOVERIES_MAX;
        records->recoveries_count--;
        send(records, &query, 1, &write_handler);
}

static void
send_heartbeat(struct records *records, const struct records_now *now)
{
        struct params *params = &records->params;
        struct db_query query = {.statement = statement_of(STATEMENT_HEARTBEAT), .params = params};

        params_clear(params);
        params_string(params, records->name);
        params_time(params, records->started_at_us);
        params_time(params, now->last_signal_at_us);
        params_time(params, records->acquired_at_us);
        params_string(params, records->hostname);
        params_string(params, PACKAGE_VERSION);
        params_seq(params, now->incarnation);
        params_seq(params, now->last_seq);
        send(records, &query, 1, &write_handler);
}

bool
records_pump(struct records *records, const struct records_now *now, int64_t monotonic_us)
{
        if (records->on_way || !records->db.is_idle(records->db.conn))
                return false;
        if (records->leadership_due) {
                send_leadership(records);
        } else if (records->recoveries_count > 0) {
                send_recovery(records);
        } else if (records->edits_due) {
                send_edits(records);
        } else if (records->checksums_due) {
                send_checksums(records);
        } else if (records->release_due) {
                send_release(records);
        } else if (!records->released && monotonic_us >= records->heartbeat_due_us) {
                records->heartbeat_due_us = monotonic_us + HEARTBEAT_EVERY_US;
                send_heartbeat(records, now);
        } else if (!records->released && monotonic_us >= records->size_due_us) {
                struct db_query query = {.statement = statement_of(STATEMENT_DATABASE_SIZE)};
                records->size_due_us = monotonic_us + SIZE_EVERY_US;
                send(records, &query, 1, &size_handler);
        } else {
                return false;
        }
        return true;
}

bool
records_are_due(const struct records *records)
{
        return records->recoveries_count > 0 || records->leadership_due || records->edits_due || records->checksums_due ||
               records->release_due;
}

int64_t
records_next_due_us(const struct records *records)
{
        return records->heartbeat_due_us < records->size_due_us ? records->heartbeat_due_us : records->size_due_us;
}

static void
on_size(void *owner, uint32_t index, const PGresult *result)
{
        struct records *records = owner;
        long long size;

        if (index == 1 && PQntuples(result) == 1 && sscanf(PQgetvalue(result, 0, 0), "%lld", &size) == 1)
                records->database_size = size;
}

static void
on_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct records *records = owner;

        (void)failed_index;
        records->on_way = false;
        if (outcome != DB_DONE)
                LOG_WARNING("event=record_not_written sqlstate=%s", problem->sqlstate);
}
