#include "persister/persister.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit_code.h"
#include "common/limits.h"
#include "common/log.h"
#include "persister/conninfo.h"
#include "persister/inbox.h"
#include "persister/outlet.h"

/* A record that is overdue by this much goes before trades: under full load there is no idle moment. */
#define RECORD_OVERDUE_US (6 * 1000000LL)
/* For DRAINED to leave the process. */
#define DRAINED_LEAVES_MS 20
/* Records go when nothing else went for so long. */
#define QUIET_US 20000
#define PULSE_LATE_US 1000000
/* A snapshot waits for room in the link. */
#define SNAPSHOT_PAUSE_US 500

static const char *const phase_names[PERSISTER_PHASE_END] = {
        [PERSISTER_DOWN] = "down",       [PERSISTER_LOADING] = "loading", [PERSISTER_APPENDING] = "appending",
        [PERSISTER_SERVING] = "serving", [PERSISTER_AWAY] = "away",       [PERSISTER_CHECKING] = "checking",
};

static const char *const event_names[PERSISTER_EVENT_END] = {
        [PERSISTER_CONNECTED] = "connected",         [PERSISTER_LOST] = "lost",         [PERSISTER_LOADED] = "loaded",
        [PERSISTER_LOADED_APPEND] = "loaded_append", [PERSISTER_APPENDED] = "appended", [PERSISTER_CHECKED] = "checked",
        [PERSISTER_CHECKED_OWN] = "checked_own",     [PERSISTER_DOUBT] = "doubt",       [PERSISTER_RELOAD] = "reload",
};

typedef void act_fn(struct persister *persister);
static act_fn act_load, act_append, act_serve, act_check, act_doubt, act_forget;

/* Phases by events. An empty cell cannot happen. */
static const struct {
        bool has;
        enum persister_phase next;
        act_fn *act;
} phase_table[PERSISTER_PHASE_END][PERSISTER_EVENT_END] = {
        [PERSISTER_DOWN] = {[PERSISTER_CONNECTED] = {true, PERSISTER_LOADING, act_load}, [PERSISTER_LOST] = {true, PERSISTER_DOWN, NULL}},
        [PERSISTER_LOADING] = {[PERSISTER_LOADED] = {true, PERSISTER_SERVING, act_serve},
                               [PERSISTER_LOADED_APPEND] = {true, PERSISTER_APPENDING, act_append},
                               [PERSISTER_LOST] = {true, PERSISTER_DOWN, act_forget}},
        [PERSISTER_APPENDING] = {[PERSISTER_APPENDED] = {true, PERSISTER_SERVING, act_serve},
                                 [PERSISTER_DOUBT] = {true, PERSISTER_CHECKING, act_doubt},
                                 [PERSISTER_RELOAD] = {true, PERSISTER_LOADING, act_load},
                                 [PERSISTER_LOST] = {true, PERSISTER_AWAY, NULL}},
        [PERSISTER_SERVING] = {[PERSISTER_DOUBT] = {true, PERSISTER_CHECKING, act_doubt},
                               [PERSISTER_RELOAD] = {true, PERSISTER_LOADING, act_load},
                               [PERSISTER_LOST] = {true, PERSISTER_AWAY, NULL}},
        [PERSISTER_AWAY] = {[PERSISTER_CONNECTED] = {true, PERSISTER_CHECKING, act_check}, [PERSISTER_LOST] = {true, PERSISTER_AWAY, NULL}},
        [PERSISTER_CHECKING] = {[PERSISTER_CHECKED] = {true, PERSISTER_SERVING, act_serve},
                                [PERSISTER_CHECKED_OWN] = {true, PERSISTER_APPENDING, NULL},
                                [PERSISTER_RELOAD] = {true, PERSISTER_LOADING, act_load},
                                [PERSISTER_LOST] = {true, PERSISTER_AWAY, NULL}},
};

const char *
persister_phase_name(enum persister_phase phase)
{
        return phase_names[phase];
}

const char *
persister_event_name(enum persister_event event)
{
        return event_names[event];
}

enum persister_phase
persister_phase_after(enum persister_phase phase, enum persister_event event)
{
        return phase_table[phase][event].has ? phase_table[phase][event].next : PERSISTER_PHASE_END;
}

static void
step(struct persister *persister, enum persister_event event)
{
        enum persister_phase from = persister->phase;

        if (!phase_table[from][event].has) {
                LOG_ERROR("event=phase_impossible phase=%s on=%s", phase_names[from], event_names[event]);
                return;
        }
        persister->phase = phase_table[from][event].next;
        persister->progress++;
        if (persister->phase != from)
                LOG_DEBUG("event=phase phase=%s from=%s on=%s", phase_names[persister->phase], phase_names[from], event_names[event]);
        if (phase_table[from][event].act != NULL)
                phase_table[from][event].act(persister);
}

static void
leave(struct persister *persister, int exit_code)
{
        persister->exit_code = exit_code;
        loop_stop(persister->loop);
}

/* -------- the database comes and goes -------- */

static void on_db_ready(void *owner);
static void on_db_problem(void *owner, const struct db_problem *problem);
static void on_db_fenced(void *owner, const char *detail);
static const struct db_conn_handler db_handler = {on_db_ready, on_db_problem, on_db_fenced};

static void
on_db_ready(void *owner)
{
        struct persister *persister = owner;
        const struct db_server *server = db_conn_server(persister->db);

        persister->connect_us = clock_monotonic_us() - persister->away_since_us;
        LOG_DEBUG("event=database_connected server=%s place=%s connect_us=%" PRId64 " fsync_off=%d", server->version, server->place,
                  persister->connect_us, server->fsync_off);
        if (server->fsync_off)
                LOG_WARNING(
                        "event=fsync_off msg=\"the server runs with fsync off: a power failure may lose what was acknowledged; set fsync = "
                        "on in postgresql.conf\"");
        if (server->checksums_missing)
                records_checksums(&persister->records);
        step(persister, PERSISTER_CONNECTED);
}

static void
tell_failure(struct persister *persister)
{
        if (persister->rehydrate.wanted && !persister->rehydrate.failure_told) {
                persister->rehydrate.failure_told = true;
                outlet_recovery_failed(persister, RECOVERY_DB_UNAVAILABLE, msg_store_problem_name((int)persister->problem.problem),
                                       persister->problem.message);
        }
}

static void
on_db_problem(void *owner, const struct db_problem *problem)
{
        struct persister *persister = owner;
        bool changed = problem->problem != persister->problem.problem || strcmp(problem->sqlstate, persister->problem.sqlstate) != 0;
        char quoted[2 * DB_MESSAGE_SIZE];
        struct db_problem failure = {0};

        persister->progress++;
        /* An embedded database has its schema from us: only a migration that fails is news. */
        if (problem->problem == STORE_PROBLEM_SCHEMA && persister->config->database_mode == DATABASE_EMBEDDED) {
                if (conninfo_migrate(persister->config, persister->options.conninfo, &failure)) {
                        step(persister, PERSISTER_LOST);
                        return;
                }
                problem = &failure;
                changed = true;
        }
        if (persister->phase != PERSISTER_DOWN && persister->phase != PERSISTER_AWAY)
                persister->away_since_us = clock_monotonic_us();
        persister->announced = false;
        persister->problem = *problem;
        if (changed) {
                LOG_WARNING("event=database_problem problem=%s sqlstate=%s msg=%s", msg_store_problem_name((int)problem->problem),
                            problem->sqlstate, log_quote(quoted, sizeof(quoted), problem->message, strlen(problem->message)));
                outlet_store_state(persister);
        }
        tell_failure(persister);
        step(persister, PERSISTER_LOST);
}

static void
on_db_fenced(void *owner, const char *detail)
{
        char quoted[512];

        LOG_ERROR("event=fenced msg=%s", log_quote(quoted, sizeof(quoted), detail, strlen(detail)));
        leave(owner, EXIT_CODE_FENCED);
}

/* -------- loading -------- */

static void on_loaded(void *owner, const struct load_report *report, int64_t took_us);
static const struct loader_handler loader_handler = {on_loaded};

static void
act_load(struct persister *persister)
{
        snapshot_cancel(&persister->snapshot);
        persister->rehydrate.sent = false;
        persister->fresh = true;
        loader_start(&persister->loader);
}

/* The connection went while the rows came. */
static void
act_forget(struct persister *persister)
{
        core_clear(persister->core);
}

static bool
add_own(void *owner, const struct event *event)
{
        return store_own_event(owner, event) == STORE_OK;
}

static void
on_loaded(void *owner, const struct load_report *report, int64_t took_us)
{
        static const char *const action_names[] = {
                [LOAD_ACTION_NONE] = "none",     [LOAD_ACTION_CREATE] = "create", [LOAD_ACTION_RESET] = "reset",
                [LOAD_ACTION_ADJUST] = "adjust", [LOAD_ACTION_ACCEPT] = "accept",
        };
        struct persister *persister = owner;
        struct core_figures figures;
        char digest[PARAMS_DIGEST_SIZE];
        char quoted[2 * LOAD_DETAIL_SIZE];

        persister->report = *report;
        persister->load_us = took_us;
        core_figures(persister->core, &figures);
        LOG_INFO("event=loaded positions=%" PRIu32 " seq=%" PRIu64 " incarnation=%" PRIu64 " digest=%s action=%s load_us=%" PRId64,
                 figures.positions_count, report->last_seq, report->incarnation, params_digest_text(core_digest(persister->core), digest),
                 action_names[report->action], took_us);
        if (report->problem != RECOVERY_OK)
                LOG_ERROR("event=load_problem problem=%s rule=%s msg=%s", msg_recovery_problem_name((int)report->problem), report->rule,
                          log_quote(quoted, sizeof(quoted), report->detail, strlen(report->detail)));
        db_conn_set_incarnation(persister->db, report->incarnation);
        store_loaded(&persister->store, (struct store_position){report->last_seq, report->incarnation, report->digest_stored});
        if (report->action == LOAD_ACTION_ACCEPT)
                records_edits(&persister->records, report->last_seq);
        bool append = report->action == LOAD_ACTION_CREATE || report->action == LOAD_ACTION_RESET || report->action == LOAD_ACTION_ADJUST;
        step(persister, append ? PERSISTER_LOADED_APPEND : PERSISTER_LOADED);
}

/* Before it is sent: when its answer is lost, what is stored may be this, and our old session may hold the lock still. That is
 * no newer writer. */
static void
expect_incarnation(struct persister *persister, uint64_t incarnation)
{
        db_conn_set_incarnation(persister->db, incarnation);
}

/* What the load asks for is stored before anything else, under a new incarnation: a worker that knows the state before it is fenced. */
static void
act_append(struct persister *persister)
{
        if (!load_events(persister->report.action, persister->core, persister->config->initial_capital_e6, clock_wall_us(), add_own,
                         &persister->store)) {
                LOG_ERROR("event=adjustment_too_large msg=\"more open positions than one transaction holds\"");
                leave(persister, EXIT_CODE_RESOURCE);
                return;
        }
        expect_incarnation(persister, persister->store.stored.incarnation + 1);
        store_own_send(&persister->store);
}

/* -------- checking -------- */

static void on_row(void *owner, uint32_t index, const PGresult *result);
static void on_row_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
static const struct db_flight_handler row_handler = {on_row, on_row_done};

static void
read_row(struct persister *persister, bool in_doubt)
{
        struct db_query query = {.statement = statement_of(STATEMENT_STATE_READ)};

        persister->in_doubt = in_doubt;
        persister->has_row = false;
        persister->row_is_readable = true;
        persister->port.send(persister->port.conn, &query, 1, &row_handler, persister);
}

static void
act_check(struct persister *persister)
{
        read_row(persister, false);
}

static void
act_doubt(struct persister *persister)
{
        read_row(persister, true);
}

static void
on_row(void *owner, uint32_t index, const PGresult *result)
{
        struct persister *persister = owner;

        (void)index;
        if (PQntuples(result) == 0)
                return;
        persister->has_row = true;
        persister->row_is_readable =
                sscanf(PQgetvalue(result, 0, 0), "%" SCNu64, &persister->row.last_seq) == 1 &&
                sscanf(PQgetvalue(result, 0, 1), "%" SCNu64, &persister->row.incarnation) == 1 &&
                sscanf(PQgetvalue(result, 0, 2), "%16" SCNx64 "%16" SCNx64, &persister->row.digest.high, &persister->row.digest.low) == 2;
}

static void
on_row_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct persister *persister = owner;
        enum store_resolution resolution = STORE_RELOAD;

        (void)failed_index;
        if (outcome == DB_LOST)
                return;
        if (outcome == DB_FAILED) {
                persister->port.drop(persister->port.conn, problem);
                return;
        }
        if (persister->row_is_readable)
                resolution = store_resolve(&persister->store, persister->has_row ? &persister->row : NULL, persister->in_doubt);
        switch (resolution) {
        case STORE_FENCED:
                on_db_fenced(persister, "portfolio_state carries a newer incarnation than ours: another persister writes this portfolio");
                return;
        case STORE_RELOAD:
                LOG_WARNING("event=stored_state_moved msg=\"portfolio_state is not what was written last: everything is read again\"");
                step(persister, PERSISTER_RELOAD);
                return;
        case STORE_COMMITTED: LOG_INFO("event=unknown_commit_was_stored seq=%" PRIu64, persister->store.stored.last_seq); break;
        case STORE_AS_WAS: break;
        }
        step(persister, persister->store.formed && persister->store.is_own ? PERSISTER_CHECKED_OWN : PERSISTER_CHECKED);
}

/* -------- serving -------- */

static void
act_serve(struct persister *persister)
{
        const struct store_position *stored = &persister->store.stored;

        if (persister->fresh) {
                persister->fresh = false;
                /* While a refused signal is looked for, what is queued stays queued. */
                if (persister->store.mode == STORE_PLAIN)
                        intake_open(&persister->intake, stored->incarnation, stored->last_seq);
                records_own(&persister->records, stored->incarnation, clock_wall_us());
        }
        persister->busy_until_us = clock_monotonic_us() + QUIET_US;
        /* What a full disk refused may be refused again: available is only who has stored it. */
        if (!persister->store.formed)
                outlet_available(persister);
}

static void on_stored(void *owner, uint64_t through_seq, uint32_t events_count);
static void on_trouble(void *owner, enum store_trouble trouble, uint64_t first_seq, const char *detail);
static void on_refused(void *owner, uint64_t first_seq, const char *detail, bool reload);
static void on_incarnation(void *owner, uint64_t incarnation);
static const struct store_handler store_handler = {on_stored, on_trouble, on_refused, on_incarnation};

static void
on_stored(void *owner, uint64_t through_seq, uint32_t events_count)
{
        struct persister *persister = owner;

        (void)through_seq;
        (void)events_count;
        persister->progress++;
        db_conn_set_incarnation(persister->db, persister->store.stored.incarnation);
        if (persister->phase == PERSISTER_APPENDING) {
                step(persister, PERSISTER_APPENDED);
                return;
        }
        if (!persister->store.is_own)
                outlet_ack(persister);
        if (persister->phase == PERSISTER_SERVING && !persister->announced)
                outlet_available(persister);
}

static void
on_trouble(void *owner, enum store_trouble trouble, uint64_t first_seq, const char *detail)
{
        struct persister *persister = owner;
        char quoted[600];

        LOG_ERROR("event=store_trouble first_seq=%" PRIu64 " msg=%s", first_seq, log_quote(quoted, sizeof(quoted), detail, strlen(detail)));
        if (trouble == STORE_TROUBLE_MOVED) {
                step(persister, PERSISTER_DOUBT);
                return;
        }
        if (trouble == STORE_TROUBLE_DIGEST) {
                outlet_refuse(persister, BATCH_REFUSAL_DIGEST, first_seq, detail);
                intake_init(&persister->intake);
        }
        step(persister, PERSISTER_RELOAD);
}

static void
on_refused(void *owner, uint64_t first_seq, const char *detail, bool reload)
{
        struct persister *persister = owner;

        outlet_refuse(persister, BATCH_REFUSAL_CONTENTS, first_seq, detail);
        intake_init(&persister->intake); /* until the worker comes again with a new incarnation */
        if (reload)
                step(persister, PERSISTER_RELOAD);
}

static void
on_incarnation(void *owner, uint64_t incarnation)
{
        struct persister *persister = owner;

        persister->progress++;
        LOG_INFO("event=incarnation_stored incarnation=%" PRIu64 " seq=%" PRIu64, incarnation, persister->store.stored.last_seq);
        db_conn_set_incarnation(persister->db, incarnation);
        intake_open(&persister->intake, incarnation, persister->store.stored.last_seq);
        if (persister->rehydrate.wanted && persister->rehydrate.incarnation == incarnation) {
                persister->rehydrate.wanted = false;
                persister->rehydrate.stored = true;
                persister->rehydrate.sent = false;
        }
}

/* -------- what is done next: at the end of every turn -------- */

/* Stores the incarnation that the supervisor asked for, once all that older writers have sent is stored. */
static bool
take_incarnation(struct persister *persister)
{
        struct persister_rehydrate *rehydrate = &persister->rehydrate;

        if (!rehydrate->wanted || !store_is_empty(&persister->store))
                return false;
        if (rehydrate->incarnation <= persister->store.stored.incarnation) {
                LOG_WARNING("event=rehydrate_too_old incarnation=%" PRIu64 " stored=%" PRIu64, rehydrate->incarnation,
                            persister->store.stored.incarnation);
                rehydrate->wanted = false;
                outlet_ready(persister);
                return false;
        }
        expect_incarnation(persister, rehydrate->incarnation);
        store_take_incarnation(&persister->store, rehydrate->incarnation);
        return true;
}

static bool
has_state(const struct persister *persister)
{
        struct core_figures figures;

        core_figures(persister->core, &figures);
        return figures.exists;
}

static void
send_snapshot(struct persister *persister)
{
        struct persister_rehydrate *rehydrate = &persister->rehydrate;
        enum snapshot_status status = SNAPSHOT_OK;
        /* What was formed is in the replica, and not known to be stored. */
        bool is_valid = (persister->phase == PERSISTER_SERVING || persister->phase == PERSISTER_AWAY) && !persister->store.formed;

        if (persister->snapshot.active) {
                status = snapshot_step(&persister->snapshot, persister->data);
        } else if (rehydrate->stored && !rehydrate->sent && rehydrate->incarnation == persister->store.stored.incarnation && is_valid &&
                   persister->peer_here && persister->peer.spawn_no == rehydrate->worker_spawn_no && has_state(persister)) {
                const struct load_report *report = &persister->report;
                struct snapshot_head head = {
                        .incarnation = rehydrate->incarnation,
                        .worker_spawn_no = rehydrate->worker_spawn_no,
                        .through_seq = persister->store.stored.last_seq,
                        .problem = report->problem,
                        .detail = {report->detail, report->problem == RECOVERY_OK ? 0 : (uint32_t)strlen(report->detail)},
                };
                rehydrate->sent = true;
                status = snapshot_begin(&persister->snapshot, persister->data, &head);
                if (status == SNAPSHOT_MORE)
                        status = snapshot_step(&persister->snapshot, persister->data);
        }
        if (status == SNAPSHOT_MORE)
                loop_timer_start_us(persister->pulse, link_queued_size(persister->data) > 0 ? SNAPSHOT_PAUSE_US : 0);
        else if (status == SNAPSHOT_FAILED)
                rehydrate->sent = false;
}

static void
finish_drain(struct persister *persister)
{
        persister->drained = true;
        outlet_drained(persister);
        loop_timer_start_us(persister->drain_over, DRAINED_LEAVES_MS * 1000);
}

/* Everything is stored, and our leadership ended; or nothing waits and there is no database to tell. */
static void
drain(struct persister *persister)
{
        if (!persister->draining || persister->drained)
                return;
        if (persister->phase == PERSISTER_SERVING) {
                if (!store_is_empty(&persister->store))
                        return;
                records_release(&persister->records);
                if (!records_are_written(&persister->records))
                        return;
        } else if (store_queued_events(&persister->store) > 0) {
                return;
        }
        finish_drain(persister);
}

/* Records wait for a quiet moment, so that a trade, or a worker that starts, is not held up behind one. */
static bool
records_may_go(const struct persister *persister, int64_t now_us)
{
        return persister->draining || now_us >= persister->busy_until_us ||
               records_next_due_us(&persister->records) + RECORD_OVERDUE_US < now_us;
}

static void
arm_pulse(struct persister *persister, int64_t now_us)
{
        int64_t due_us = records_next_due_us(&persister->records);

        if (loop_timer_is_running(persister->pulse))
                return;
        if (records_are_due(&persister->records) || due_us < persister->busy_until_us)
                due_us = persister->busy_until_us;
        /* What is due and cannot be sent waits for the connection, whose answer turns the loop. */
        loop_timer_start_us(persister->pulse, due_us > now_us ? due_us - now_us : PULSE_LATE_US);
}

static void
on_pulse(void *owner)
{
        (void)owner; /* the end of this turn does what is due */
}

static void
on_turn_end(void *owner)
{
        struct persister *persister = owner;
        int64_t now_us = clock_monotonic_us();
        struct records_now now = {persister->store.stored.incarnation, persister->store.stored.last_seq, persister->last_signal_at_us};

        /* One flight at a time; the first of these that has something to send has it. */
        bool can_send = persister->phase == PERSISTER_SERVING || persister->phase == PERSISTER_APPENDING;
        can_send = can_send && persister->port.is_idle(persister->port.conn);
        if (can_send && records_next_due_us(&persister->records) + RECORD_OVERDUE_US < now_us)
                can_send = !records_pump(&persister->records, &now, now_us);
        if (can_send && (store_pump(&persister->store) || persister->phase != PERSISTER_SERVING || take_incarnation(persister))) {
                can_send = false;
                persister->busy_until_us = now_us + QUIET_US;
        }
        if (persister->data != NULL)
                send_snapshot(persister);
        drain(persister);
        if (can_send && records_may_go(persister, now_us) && !persister->port.prepare(persister->port.conn))
                (void)records_pump(&persister->records, &now, now_us);
        arm_pulse(persister, now_us);
}

/* -------- life -------- */

static void
on_heartbeat(void *owner)
{
        outlet_heartbeat(owner);
}

static void
on_link_lost(void *owner)
{
        LOG_ERROR("event=link_lost msg=\"the supervisor is gone\"");
        leave(owner, EXIT_CODE_LINK_LOST);
}

static void
on_drain_over(void *owner)
{
        struct persister *persister = owner;

        if (!persister->drained) {
                LOG_WARNING("event=drain_deadline queued=%" PRIu64
                            " msg=\"not everything could be stored in time; none of it was acknowledged\"",
                            store_queued_events(&persister->store));
                finish_drain(persister);
                return;
        }
        leave(persister, EXIT_CODE_OK);
}

void
persister_stop(struct persister *persister)
{
        inbox_drain(persister, persister->config->stop_timeout_ms);
}

static int
open_links(struct persister *persister)
{
        char path[PM_UNIX_PATH_MAX + 1];

        config_run_path(persister->config, "data.sock", path);
        if (link_listen(&persister->data, persister->loop, path, ROLE_PERSISTER, ROLE_WORKER, inbox_data_handler(), persister) != LINK_OK)
                return EXIT_CODE_RESOURCE;
        config_run_path(persister->config, "control-p.sock", path);
        if (link_dial(&persister->control, persister->loop, path, ROLE_PERSISTER, ROLE_SUPERVISOR, inbox_control_handler(), persister) !=
            LINK_OK)
                return EXIT_CODE_RESOURCE;
        return EXIT_CODE_OK;
}

static int
open_memory(struct persister *persister)
{
        const struct config *config = persister->config;
        struct core_options options = {
                .instruments = config->instruments,
                .instruments_count = config->instruments_count,
                .dedupe_max = (uint32_t)config->dedupe_max,
                .max_future_us = config->max_future_s * 1000000,
        };

        persister->core = core_new(&options);
        if (persister->core == NULL || snapshot_init(&persister->snapshot, persister->core) != SNAPSHOT_OK ||
            store_init(&persister->store, persister->port, persister->core, &store_handler, persister) != STORE_OK) {
                LOG_ERROR("event=no_memory msg=\"out of memory at start\"");
                return EXIT_CODE_RESOURCE;
        }
        loader_init(&persister->loader, persister->port, persister->core, &loader_handler, persister);
        records_init(&persister->records, persister->port, config->name, clock_wall_us());
        intake_init(&persister->intake);
        return EXIT_CODE_OK;
}

int
persister_init(struct persister *persister, struct loop *loop, const struct config *config, const struct persister_options *options)
{
        char error[CONFIG_ERROR_SIZE];
        char quoted[2 * CONFIG_ERROR_SIZE];
        struct db_conn_options db_options = {options->conninfo, config->name, config->connect_timeout_ms, config->statement_timeout_ms};

        memset(persister, 0, sizeof(*persister));
        persister->loop = loop;
        persister->config = config;
        persister->options = *options;
        persister->away_since_us = options->started_us;
        persister->problem.problem = STORE_PROBLEM_STARTING;
        (void)snprintf(persister->problem.message, sizeof(persister->problem.message), "the persister is starting");
        persister->db = db_conn_new(loop, &db_options, &db_handler, persister, error);
        if (persister->db == NULL) {
                LOG_ERROR("event=config_invalid msg=%s", log_quote(quoted, sizeof(quoted), error, strlen(error)));
                return EXIT_CODE_CONFIG;
        }
        persister->port = db_conn_port(persister->db);
        persister->heartbeat = loop_timer_new(loop, on_heartbeat, persister);
        persister->link_lost = loop_timer_new(loop, on_link_lost, persister);
        persister->drain_over = loop_timer_new(loop, on_drain_over, persister);
        persister->pulse = loop_timer_new(loop, on_pulse, persister);
        /* The connection first: the server works on it while we make the rest. */
        db_conn_start(persister->db);
        int code = open_memory(persister);
        if (code == EXIT_CODE_OK)
                code = open_links(persister);
        loop_at_turn_end(loop, on_turn_end, persister);
        return code;
}

int
persister_run(struct persister *persister)
{
        loop_timer_repeat_ms(persister->heartbeat, persister->config->heartbeat_ms);
        loop_run(persister->loop);
        return persister->exit_code;
}

void
persister_fini(struct persister *persister)
{
        link_free(persister->control);
        link_free(persister->data);
        db_conn_free(persister->db);
        loader_fini(&persister->loader);
        records_fini(&persister->records);
        snapshot_fini(&persister->snapshot);
        store_fini(&persister->store);
        core_free(persister->core);
        loop_timer_free(persister->heartbeat);
        loop_timer_free(persister->link_lost);
        loop_timer_free(persister->drain_over);
        loop_timer_free(persister->pulse);
}
