#include "persister/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"

/* What MUST_MOVE of statements.c raises when a compare-and-set found another row than expected. */
#define SQLSTATE_MOVED "22012"
/* Events of one transaction, rounded up to a whole signal: larger ones are no cheaper an event, and on a slow disk one that takes
 * longer than the statement deadline would be given up and begun again for ever. */
#define UNIT_EVENTS_MAX 1024
#define MOVED_DETAIL "a stored row is not what was written last"

static void on_batch_result(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
static void on_take_result(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
static const struct db_flight_handler batch_handler = {NULL, on_batch_result};
static const struct db_flight_handler take_handler = {NULL, on_take_result};

enum store_status
store_init(struct store *store, struct db_port db, struct core *core, const struct store_handler *handler, void *owner)
{
        memset(store, 0, sizeof(*store));
        store->db = db;
        store->core = core;
        store->handler = handler;
        store->owner = owner;
        if (batch_init(&store->waiting, PM_OUTBOX_EVENTS_MAX, PM_OUTBOX_TEXT_SIZE_MAX) != BATCH_OK ||
            batch_init(&store->flying, PM_OUTBOX_EVENTS_MAX, PM_OUTBOX_TEXT_SIZE_MAX) != BATCH_OK ||
            rows_init(&store->rows, PM_OUTBOX_EVENTS_MAX) != ROWS_OK) {
                store_fini(store);
                return STORE_NO_MEMORY;
        }
        return STORE_OK;
}

void
store_fini(struct store *store)
{
        batch_fini(&store->waiting);
        batch_fini(&store->flying);
        rows_fini(&store->rows);
}

/* Forgets everything that is not stored: the worker's outbox, or nobody, will bring it again. */
static void
forget(struct store *store)
{
        batch_clear(&store->waiting);
        batch_clear(&store->flying);
        store->flying_done = 0;
        store->formed = false;
        store->was_sent = false;
        store->mode = STORE_PLAIN;
}

void
store_loaded(struct store *store, struct store_position position)
{
        store->stored = position;
        store->formed = false;
        store->was_sent = false;
        store->taking = 0;
        if (store->mode == STORE_PLAIN || store->flying.count == 0 || store->flying.first_seq + store->flying_done != position.last_seq + 1)
                forget(store);
}

enum store_status
store_offer(struct store *store, uint64_t first_seq, struct event_span events, uint32_t skip, struct digest digest)
{
        /* Together both batches hold no more than one outbox can. */
        if (store_queued_events(store) + (events.count - skip) > PM_OUTBOX_EVENTS_MAX)
                return STORE_FULL;
        return batch_add(&store->waiting, first_seq + skip, events, skip, digest) == BATCH_OK ? STORE_OK : STORE_FULL;
}

enum store_status
store_own_event(struct store *store, const struct event *event)
{
        uint64_t seq = store->stored.last_seq + store->flying.count + 1;

        PM_ASSERT(!store->formed);
        return batch_add_own(&store->flying, seq, event) == BATCH_OK ? STORE_OK : STORE_FULL;
}

/* Forming. */

static void
send(struct store *store)
{
        store->on_way = true;
        store->was_sent = true;
        store->db.send(store->db.conn, store->queries, store->queries_count, &batch_handler, store);
}

static void
trouble(struct store *store, enum store_trouble kind, uint64_t first_seq, const char *detail)
{
        store->handler->on_trouble(store->owner, kind, first_seq, detail);
}

/* Folds the unit into the replica. false: the replica is spoiled; detail says by what. */
static bool
fold_unit(struct store *store, char *detail, size_t detail_size)
{
        const struct batch *unit = &store->unit;
        uint32_t offset = store->flying_done;
        uint32_t mark = 0;
        const char *why = NULL;

        rows_begin(&store->rows, store->core);
        while (mark < store->flying.marks_count && store->flying.marks[mark].events_count <= offset)
                mark++;
        for (uint32_t i = 0; i < unit->count; i++) {
                uint64_t seq = unit->first_seq + i;
                if (rows_fold(&store->rows, store->core, &unit->events[i], seq, &why) != CORE_OK) {
                        (void)snprintf(detail, detail_size, "event %" PRIu64 " (%s) does not fit the stored state: %s", seq,
                                       event_desc_of((int)unit->events[i].kind)->name, why == NULL ? "unknown" : why);
                        return false;
                }
                if (mark == store->flying.marks_count || store->flying.marks[mark].events_count != offset + i + 1)
                        continue;
                char ours[PARAMS_DIGEST_SIZE];
                char theirs[PARAMS_DIGEST_SIZE];
                struct digest digest = core_digest(store->core);
                if (!core_digest_equal(digest, store->flying.marks[mark].digest)) {
                        (void)snprintf(detail, detail_size, "after event %" PRIu64 " the digest is %s here and %s at the worker", seq,
                                       params_digest_text(digest, ours), params_digest_text(store->flying.marks[mark].digest, theirs));
                        return false;
                }
                mark++;
        }
        return true;
}

/* Makes the transaction for the next count events of flying, and sends it. */
static void
form(struct store *store, uint32_t count, uint64_t incarnation)
{
        char detail[256];
        uint64_t first_seq = store->flying.first_seq + store->flying_done;

        store->unit = (struct batch){.first_seq = first_seq, .events = store->flying.events + store->flying_done, .count = count};
        store->formed_at_us = clock_monotonic_us();
        if (!fold_unit(store, detail, sizeof(detail))) {
                forget(store);
                trouble(store, STORE_TROUBLE_DIGEST, first_seq, detail);
                return;
        }
        struct rows_state state = {
                .from_seq = store->stored.last_seq,
                .from_incarnation = store->stored.incarnation,
                .incarnation = incarnation,
                .last_seq = first_seq + count - 1,
                .digest = core_digest(store->core),
        };
        core_figures(store->core, &state.figures);
        store->target = (struct store_position){state.last_seq, incarnation, state.digest};
        store->queries_count = rows_queries(&store->rows, &store->unit, store->core, &state, store->queries);
        store->formed = true;
        store->was_sent = false;
        send(store);
}

void
store_own_send(struct store *store)
{
        PM_ASSERT(!store->formed && store->flying.count > 0);
        store->is_own = true;
        form(store, store->flying.count, store->stored.incarnation + 1);
}

/* How much of flying the next transaction takes. */
static uint32_t
unit_events(const struct store *store)
{
        uint32_t left = store->flying.count - store->flying_done;

        if (left <= UNIT_EVENTS_MAX)
                return left;
        return UNIT_EVENTS_MAX - 1 + batch_signal_events(&store->flying, store->flying_done + UNIT_EVENTS_MAX - 1);
}

static void form_substitute(struct store *store);

bool
store_pump(struct store *store)
{
        if (store->on_way || !store->db.is_idle(store->db.conn))
                return false;
        if (store->formed) {
                send(store); /* written again */
                return true;
        }
        if (store->mode == STORE_SUBSTITUTE) {
                form_substitute(store);
                return store->on_way;
        }
        if (store->flying.count == 0) {
                PM_ASSERT(store->mode == STORE_PLAIN);
                struct batch swapped = store->waiting;
                store->is_own = false;
                store->waiting = store->flying;
                store->flying = swapped;
        }
        if (store->flying.count == 0)
                return false;
        form(store, store->mode == STORE_SINGLE ? batch_signal_events(&store->flying, store->flying_done) : unit_events(store),
             store->stored.incarnation);
        return store->on_way;
}

/* Outcomes. */

static void
note_latency(struct store *store)
{
        store->latencies_us[store->latencies_next] = clock_monotonic_us() - store->formed_at_us;
        store->latencies_next = (store->latencies_next + 1) % STORE_LATENCIES_COUNT;
        if (store->latencies_count < STORE_LATENCIES_COUNT)
                store->latencies_count++;
}

/* The unit is stored. */
static void
committed(struct store *store)
{
        uint32_t count = store->unit.count;
        bool was_substitute = store->mode == STORE_SUBSTITUTE;

        store->stored = store->target;
        store->formed = false;
        store->was_sent = false;
        store->batches_count++;
        store->events_count += count;
        note_latency(store);
        LOG_INFO("event=stored msg=\"Portfolio state saved to database\" seq=%" PRIu64 " events=%" PRIu32, store->stored.last_seq, count);
        store->flying_done += count;
        if (was_substitute) {
                forget(store);
        } else if (store->flying_done == store->flying.count) {
                batch_clear(&store->flying);
                store->flying_done = 0;
                store->mode = STORE_PLAIN; /* or none was refused this time */
        }
        store->db.settled(store->db.conn);
        store->handler->on_stored(store->owner, store->stored.last_seq, count);
        if (was_substitute)
                store->handler->on_refused(store->owner, store->refused_seq, store->refused_detail, false);
}

/* The database will never take this unit. What now depends on how much of it there is. */
static void
refused(struct store *store, const struct db_problem *problem)
{
        uint64_t first_seq = store->unit.first_seq;
        bool is_one = store->mode == STORE_SINGLE || batch_signal_events(&store->flying, store->flying_done) == store->unit.count;

        LOG_ERROR("event=contents_refused seq=%" PRIu64 " events=%" PRIu32 " sqlstate=%s", first_seq, store->unit.count, problem->sqlstate);
        store->formed = false;
        store->was_sent = false;
        if (store->mode == STORE_SUBSTITUTE) {
                forget(store); /* not even that: the signal leaves no trace but the log's */
                store->handler->on_refused(store->owner, store->refused_seq, store->refused_detail, true);
                return;
        }
        store->refused_seq = first_seq;
        (void)snprintf(store->refused_detail, sizeof(store->refused_detail), "%s %.200s", problem->sqlstate, problem->message);
        store->mode = is_one ? STORE_SUBSTITUTE : STORE_SINGLE;
        trouble(store, STORE_TROUBLE_CONTENTS, first_seq, store->refused_detail);
}

static void
on_batch_result(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct store *store = owner;

        (void)failed_index;
        store->on_way = false;
        if (outcome == DB_DONE)
                committed(store);
        else if (outcome == DB_LOST)
                return; /* kept: store_resolve() will tell */
        else if (strcmp(problem->sqlstate, SQLSTATE_MOVED) == 0)
                trouble(store, STORE_TROUBLE_MOVED, store->unit.first_seq, MOVED_DETAIL);
        else if (db_problem_is_contents(problem->sqlstate) && !store->is_own)
                refused(store, problem);
        else
                store->db.drop(store->db.conn, problem); /* tried again on a new connection, after a pause */
}

/* The refused signal in the eyes of the database: blocked, store_refused, without the payload. Ticks and orders of the operator leave
 * nothing; what was forgotten of the memory to make room is forgotten here too. */
static void
form_substitute(struct store *store)
{
        struct batch *flying = &store->flying;
        const struct event *signal_events = flying->events + store->flying_done;
        uint32_t count = batch_signal_events(flying, store->flying_done);
        struct core_figures figures;
        uint32_t kept = 0;
        bool found = false;

        core_figures(store->core, &figures);
        for (uint32_t i = 0; i < count; i++) {
                struct event event = signal_events[i];
                if (event.kind == EVENT_SIGNAL) {
                        event.signal.outcome = OUTCOME_BLOCKED;
                        event.signal.reason = REASON_STORE_REFUSED;
                        event.signal.kept_no = figures.kept_no + 1;
                        event.signal.lots = 0;
                        event.signal.limiter = LIMITER_NONE;
                        event.signal.pnl_e6 = 0;
                        event.signal.figures = (struct figures){0};
                        event.signal.payload = (struct text){"{}", 2};
                        found = true;
                } else if (event.kind != EVENT_KEPT_EVICTED) {
                        continue;
                }
                event.more = true;
                flying->events[kept++] = event;
        }
        if (!found) {
                forget(store);
                store->handler->on_refused(store->owner, store->refused_seq, store->refused_detail, false);
                return;
        }
        flying->events[kept - 1].more = false;
        flying->first_seq += store->flying_done;
        flying->count = kept;
        flying->marks_count = 0; /* the worker knows nothing of this */
        store->flying_done = 0;
        /* Its writer, who decided otherwise, is fenced in the same transaction: he may not learn from an acknowledgement that these
         * numbers are stored, should we end before we have refused his batch. */
        form(store, kept, store->stored.incarnation + 1);
}

/* Incarnations. */

void
store_take_incarnation(struct store *store, uint64_t incarnation)
{
        PM_ASSERT(store_is_empty(store) && incarnation > store->stored.incarnation);
        store->taking = incarnation;
        store->on_way = true;
        params_clear(&store->take_params);
        params_seq(&store->take_params, incarnation);
        params_seq(&store->take_params, store->stored.last_seq);
        struct db_query query = {.statement = statement_of(STATEMENT_INCARNATION_TAKE), .params = &store->take_params};
        store->db.send(store->db.conn, &query, 1, &take_handler, store);
}

static void
taken(struct store *store)
{
        store->stored.incarnation = store->taking;
        store->taking = 0;
        store->db.settled(store->db.conn);
        store->handler->on_incarnation(store->owner, store->stored.incarnation);
}

static void
on_take_result(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct store *store = owner;

        (void)failed_index;
        store->on_way = false;
        if (outcome == DB_DONE)
                taken(store);
        else if (outcome == DB_LOST)
                return;
        else if (strcmp(problem->sqlstate, SQLSTATE_MOVED) == 0)
                trouble(store, STORE_TROUBLE_MOVED, store->stored.last_seq + 1, MOVED_DETAIL);
        else
                store->db.drop(store->db.conn, problem);
}

/* Unknown commits. */

static bool
is_same(const struct store_position *a, const struct store_position *b)
{
        return a->last_seq == b->last_seq && a->incarnation == b->incarnation && core_digest_equal(a->digest, b->digest);
}

enum store_resolution
store_resolve(struct store *store, const struct store_position *row, bool after_moved)
{
        struct store_position with_taking = store->stored;
        uint64_t newest = store->stored.incarnation;

        PM_ASSERT(!store->on_way);
        if (row == NULL) {
                /* Deleted by hand; or our own creation that was not stored. */
                if (store->formed && (store->rows.created || store->rows.reset) && !after_moved)
                        return STORE_AS_WAS;
                return STORE_RELOAD;
        }
        if (store->formed && store->was_sent && is_same(row, &store->target)) {
                committed(store);
                return STORE_COMMITTED;
        }
        with_taking.incarnation = store->taking;
        if (store->taking != 0 && is_same(row, &with_taking)) {
                taken(store);
                return STORE_COMMITTED;
        }
        if (store->taking > newest)
                newest = store->taking;
        if (store->formed && store->target.incarnation > newest)
                newest = store->target.incarnation;
        if (row->incarnation > newest)
                return STORE_FENCED;
        if (is_same(row, &store->stored) && !after_moved) {
                store->taking = 0; /* it was not stored; the persister asks again */
                return STORE_AS_WAS;
        }
        return STORE_RELOAD;
}

/* Questions. */

bool
store_is_empty(const struct store *store)
{
        return !store->on_way && !store->formed && store->flying.count == 0 && store->waiting.count == 0 && store->mode == STORE_PLAIN;
}

uint64_t
store_queued_events(const struct store *store)
{
        return (uint64_t)store->flying.count - store->flying_done + store->waiting.count;
}

static int
compare_i64(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a;
        int64_t y = *(const int64_t *)b;
        return x < y ? -1 : x > y;
}

void
store_latency(const struct store *store, int64_t *p50_us, int64_t *p99_us)
{
        int64_t sorted[STORE_LATENCIES_COUNT];
        uint32_t count = store->latencies_count;

        *p50_us = 0;
        *p99_us = 0;
        if (count == 0)
                return;
        memcpy(sorted, store->latencies_us, count * sizeof(sorted[0]));
        qsort(sorted, count, sizeof(sorted[0]), compare_i64);
        *p50_us = sorted[count / 2];
        *p99_us = sorted[count * 99 / 100];
}
