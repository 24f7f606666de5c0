#include "persister/loader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "persister/replay.h"

/* Reading is bounded by this and not by the statement timeout: a hundred thousand positions take a tenth of a second here, on
 * a cold disk a hundred times that. Heartbeats go on meanwhile. */
#define LOAD_DEADLINE_MS 60000

/* The flight: begin, no timeout, the queries of load.c, commit. */
#define QUERIES_BEFORE 2
#define QUERIES_COUNT (QUERIES_BEFORE + LOAD_QUERY_END + 1)

static void on_load_result(void *owner, uint32_t index, const PGresult *result);
static void on_load_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
static void on_replay_result(void *owner, uint32_t index, const PGresult *result);
static void on_replay_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
static void on_noted(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);

static const struct db_flight_handler load_handler = {on_load_result, on_load_done};
static const struct db_flight_handler replay_handler = {on_replay_result, on_replay_done};
static const struct db_flight_handler note_handler = {NULL, on_noted};

void
loader_init(struct loader *loader, struct db_port db, struct core *core, const struct loader_handler *handler, void *owner)
{
        memset(loader, 0, sizeof(*loader));
        loader->db = db;
        loader->core = core;
        loader->handler = handler;
        loader->owner = owner;
}

void
loader_fini(struct loader *loader)
{
        load_abandon(loader->load);
        loader->load = NULL;
}

void
loader_start(struct loader *loader)
{
        struct db_query queries[QUERIES_COUNT] = {{.statement = statement_of(STATEMENT_BEGIN_READ)}};

        queries[1].statement = statement_of(STATEMENT_NO_TIMEOUT);
        for (int query = 0; query < LOAD_QUERY_END; query++)
                queries[QUERIES_BEFORE + query] = (struct db_query){.statement = &load_statements[query], .once = true};
        queries[QUERIES_COUNT - 1].statement = statement_of(STATEMENT_COMMIT);
        loader_fini(loader);
        loader->started_us = clock_monotonic_us();
        loader->load = load_begin(loader->core);
        PM_ASSERT(loader->load != NULL);
        loader->db.send(loader->db.conn, queries, QUERIES_COUNT, &load_handler, loader);
        loader->db.extend(loader->db.conn, LOAD_DEADLINE_MS);
}

static void
on_load_result(void *owner, uint32_t index, const PGresult *result)
{
        struct loader *loader = owner;

        if (index >= QUERIES_BEFORE && index < QUERIES_BEFORE + LOAD_QUERY_END)
                load_take(loader->load, (enum load_query)(index - QUERIES_BEFORE), result);
}

static void
finish(struct loader *loader)
{
        loader->handler->on_loaded(loader->owner, &loader->report, clock_monotonic_us() - loader->started_us);
}

/* What is wrong stays noted, so that storing goes on without covering it up. */
static void
note_problem(struct loader *loader)
{
        struct db_query query = {.statement = statement_of(STATEMENT_PROBLEM_NOTE), .params = &loader->params};

        params_clear(&loader->params);
        params_string(&loader->params, loader->report.rule);
        loader->db.send(loader->db.conn, &query, 1, &note_handler, loader);
}

static void
on_noted(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct loader *loader = owner;

        (void)failed_index;
        if (outcome == DB_LOST)
                return;
        if (outcome == DB_FAILED)
                LOG_WARNING("event=problem_not_noted rule=%s sqlstate=%s", loader->report.rule, problem->sqlstate);
        finish(loader);
}

static void send_replay(struct loader *loader);

static void
on_load_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct loader *loader = owner;

        (void)failed_index;
        if (outcome != DB_DONE) {
                loader_fini(loader);
                if (outcome == DB_FAILED)
                        loader->db.drop(loader->db.conn, problem);
                return;
        }
        load_finish(loader->load, &loader->report);
        loader->load = NULL;
        if (loader->report.problem != RECOVERY_OK) {
                note_problem(loader);
        } else if (loader->report.action == LOAD_ACTION_RESET) {
                core_clear(loader->core);
                loader->replay_seq = 0;
                loader->replay_why = NULL;
                send_replay(loader);
        } else {
                finish(loader);
        }
}

/* The history, piece by piece: it gives back the memory of kept signals, which outlives a clean state. */
static void
send_replay(struct loader *loader)
{
        struct db_query queries[] = {
                {.statement = statement_of(STATEMENT_NO_TIMEOUT)},
                {.statement = &replay_statement, .params = &loader->params, .once = true},
        };

        params_clear(&loader->params);
        params_seq(&loader->params, loader->replay_seq);
        loader->replay_ended = true;
        loader->db.send(loader->db.conn, queries, countof(queries), &replay_handler, loader);
        loader->db.extend(loader->db.conn, LOAD_DEADLINE_MS);
}

static void
on_replay_result(void *owner, uint32_t index, const PGresult *result)
{
        struct loader *loader = owner;

        if (index != 1 || PQntuples(result) == 0)
                return;
        loader->replay_ended = !replay_take(loader->core, result, REPLAY_RESET_FOLLOWS, &loader->replay_seq, &loader->replay_why);
        if (!loader->replay_ended)
                loader->replay_why = NULL;
}

static void
on_replay_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct loader *loader = owner;

        (void)failed_index;
        if (outcome == DB_LOST)
                return;
        if (outcome == DB_FAILED) {
                loader->db.drop(loader->db.conn, problem);
                return;
        }
        if (!loader->replay_ended) {
                send_replay(loader);
                return;
        }
        if (loader->replay_why != NULL) {
                loader->report.problem = RECOVERY_VALIDATION_FAILED;
                loader->report.action = LOAD_ACTION_NONE;
                (void)snprintf(loader->report.rule, sizeof(loader->report.rule), "%s", loader->replay_why);
                (void)snprintf(loader->report.detail, sizeof(loader->report.detail),
                               "event %" PRIu64
                               " of portfolio_events cannot be replayed: restore a backup, or move the table away to begin "
                               "from nothing",
                               loader->replay_seq);
                core_clear(loader->core);
        }
        loader->report.digest = core_digest(loader->core);
        finish(loader);
}
