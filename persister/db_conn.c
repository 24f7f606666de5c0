#include "persister/db_conn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "persister/db_dial.h"
#include "persister/db_target.h"
#include "persister/migrate.h"

#define BACK_OFF_FIRST_MS 10
#define BACK_OFF_MAX_MS 1000
/* A server that says it is starting up is soon there. */
#define BACK_OFF_STARTING_MAX_MS 50
/* How long to let an ended session go before the lock is tried again. */
#define LOCK_PAUSE_FIRST_MS 2
#define LOCK_PAUSE_MAX_MS 100

/* The states of the connection. Only step() changes them.
 *   CLOSED     at rest, before start and after stop.
 *   WAITING    between two attempts.
 *   DIALING    one address of one host is asked for a session (db_dial.h).
 *   OPENING    one flight: the lock, facts about the server, the schema's version, all statements prepared.
 *   LOOKING    the lock is taken: by whom? A session of our own instance is ended.
 *   PAUSING    that session ends; then
 *   LOCKING    the lock is tried again.
 *   IDLE       ready for a flight.       BUSY  one is under way. */
enum db_state { DB_CLOSED = 0, DB_WAITING, DB_DIALING, DB_OPENING, DB_LOOKING, DB_PAUSING, DB_LOCKING, DB_IDLE, DB_BUSY, DB_STATE_END };

enum db_event {
        DB_START = 0,
        DB_WAITED,    /* the pause is over */
        DB_CONNECTED, /* there is a session */
        DB_LOCKED,    /* the lock is ours */
        DB_LOCK_HELD, /* it is not */
        DB_HOLDER_OURS,
        DB_SENT,
        DB_ANSWERED, /* the flight is over */
        DB_BROKEN,   /* anything that costs the connection; conn->problem says what */
        DB_STOP,
        DB_EVENT_END
};

static const char *const state_names[DB_STATE_END] = {
        [DB_CLOSED] = "closed",   [DB_WAITING] = "waiting", [DB_DIALING] = "dialing", [DB_OPENING] = "opening", [DB_LOOKING] = "looking",
        [DB_PAUSING] = "pausing", [DB_LOCKING] = "locking", [DB_IDLE] = "idle",       [DB_BUSY] = "busy",
};

static const char *const event_names[DB_EVENT_END] = {
        [DB_START] = "start",   [DB_WAITED] = "waited",     [DB_CONNECTED] = "connected",
        [DB_LOCKED] = "locked", [DB_LOCK_HELD] = "held",    [DB_HOLDER_OURS] = "holder_ours",
        [DB_SENT] = "sent",     [DB_ANSWERED] = "answered", [DB_BROKEN] = "broken",
        [DB_STOP] = "stop",
};

struct db_conn {
        struct loop *loop;
        const struct db_conn_handler *handler;
        void *owner;
        struct db_target target;
        enum db_state state;
        uint64_t generation; /* grows with every new or dropped session: callbacks may change it under a reader */

        PGconn *pg;
        struct db_flight flight;
        struct loop_watch *watch;
        int watch_fd;
        struct loop_timer *pause;
        struct loop_timer *deadline;

        struct db_dial dial;
        int64_t back_off_ms;
        int64_t lock_pause_ms;
        uint64_t jitter;
        uint64_t incarnation;
        struct db_server server;
        struct db_problem problem;
        struct db_problem last_words;   /* of a server that ended an idle session */
        struct db_problem open_problem; /* what the opening flight found, before its end */

        bool lock_taken;
        bool was_ready;
        bool must_prepare; /* a statement was refused: all must fit before we call ourselves ready again */
};

typedef void act_fn(struct db_conn *conn);
static act_fn act_dial, act_open, act_look, act_pause, act_try_lock, act_ready, act_back_off, act_close;

static const struct {
        enum db_state next;
        act_fn *act;
        bool possible;
} transitions[DB_STATE_END][DB_EVENT_END] = {
        [DB_CLOSED] = {[DB_START] = {DB_DIALING, act_dial, true}, [DB_STOP] = {DB_CLOSED, NULL, true}},
        [DB_WAITING] = {[DB_WAITED] = {DB_DIALING, act_dial, true}, [DB_STOP] = {DB_CLOSED, act_close, true}},
        [DB_DIALING] = {[DB_CONNECTED] = {DB_OPENING, act_open, true},
                        [DB_BROKEN] = {DB_WAITING, act_back_off, true},
                        [DB_STOP] = {DB_CLOSED, act_close, true}},
        [DB_OPENING] = {[DB_LOCKED] = {DB_IDLE, act_ready, true},
                        [DB_LOCK_HELD] = {DB_LOOKING, act_look, true},
                        [DB_BROKEN] = {DB_WAITING, act_back_off, true},
                        [DB_STOP] = {DB_CLOSED, act_close, true}},
        [DB_LOOKING] = {[DB_HOLDER_OURS] = {DB_PAUSING, act_pause, true},
                        [DB_BROKEN] = {DB_WAITING, act_back_off, true},
                        [DB_STOP] = {DB_CLOSED, act_close, true}},
        [DB_PAUSING] = {[DB_WAITED] = {DB_LOCKING, act_try_lock, true},
                        [DB_BROKEN] = {DB_WAITING, act_back_off, true},
                        [DB_STOP] = {DB_CLOSED, act_close, true}},
        [DB_LOCKING] = {[DB_LOCKED] = {DB_IDLE, act_ready, true},
                        [DB_LOCK_HELD] = {DB_LOOKING, act_look, true},
                        [DB_BROKEN] = {DB_WAITING, act_back_off, true},
                        [DB_STOP] = {DB_CLOSED, act_close, true}},
        [DB_IDLE] = {[DB_SENT] = {DB_BUSY, NULL, true},
                     [DB_BROKEN] = {DB_WAITING, act_back_off, true},
                     [DB_STOP] = {DB_CLOSED, act_close, true}},
        [DB_BUSY] = {[DB_ANSWERED] = {DB_IDLE, NULL, true},
                     [DB_BROKEN] = {DB_WAITING, act_back_off, true},
                     [DB_STOP] = {DB_CLOSED, act_close, true}},
};

static void
step(struct db_conn *conn, enum db_event event)
{
        enum db_state from = conn->state;

        if (!transitions[from][event].possible) {
                LOG_ERROR("event=db_conn_impossible state=%s on=%s", state_names[from], event_names[event]);
                return;
        }
        conn->state = transitions[from][event].next;
        if (conn->state != DB_BUSY && from != DB_BUSY)
                LOG_DEBUG("event=db_conn state=%s from=%s on=%s place=%s", state_names[conn->state], state_names[from], event_names[event],
                          conn->target.place);
        if (transitions[from][event].act != NULL)
                transitions[from][event].act(conn);
}

/* conn->problem from what libpq or the server said; the connection is given up. */
static void
break_open(struct db_conn *conn, const char *sqlstate, const char *text)
{
        db_problem_set(&conn->problem, sqlstate, text, conn->target.place);
        step(conn, DB_BROKEN);
}

static void
on_timer_deadline(void *owner)
{
        struct db_conn *conn = owner;
        char text[96];

        (void)snprintf(text, sizeof(text), "no answer within %" PRId64 " ms",
                       conn->state == DB_BUSY ? conn->target.statement_timeout_ms : conn->target.connect_timeout_ms);
        break_open(conn, "", text);
}

static void
on_timer_pause(void *owner)
{
        step(owner, DB_WAITED);
}

static void on_socket(void *owner, int fd, bool readable, bool writable);

static void
watch_socket(struct db_conn *conn, bool writable)
{
        int fd = PQsocket(conn->pg);

        if (conn->watch != NULL && conn->watch_fd == fd) {
                loop_watch_change(conn->watch, true, writable);
                return;
        }
        loop_watch_free(conn->watch);
        conn->watch = loop_watch_new(conn->loop, fd, true, writable, on_socket, conn);
        conn->watch_fd = fd;
}

static void
on_notice(void *owner, const PGresult *result)
{
        struct db_conn *conn = owner;
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        char quoted[256];

        /* An idle session that is ended is told so in a notice, before the socket closes. */
        const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
        if (severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
                db_problem_set(&conn->last_words, PQresultErrorField(result, PG_DIAG_SQLSTATE), text == NULL ? severity : text,
                               conn->target.place);
        LOG_DEBUG("event=database_notice msg=%s",
                  log_quote(quoted, sizeof(quoted), text == NULL ? "" : text, text == NULL ? 0 : strlen(text)));
}

static void
act_dial(struct db_conn *conn)
{
        conn->lock_taken = false;
        conn->last_words.problem = STORE_PROBLEM_NONE;
        conn->lock_pause_ms = LOCK_PAUSE_FIRST_MS;
        loop_timer_start_us(conn->deadline, conn->target.connect_timeout_ms * 1000);
        db_dial_begin(&conn->dial);
}

static void
on_dial_session(void *owner, PGconn *pg)
{
        struct db_conn *conn = owner;

        conn->generation++;
        conn->pg = pg;
        (void)PQsetNoticeReceiver(pg, on_notice, conn);
        watch_socket(conn, false);
        step(conn, DB_CONNECTED);
}

static void
on_dial_failed(void *owner, const char *text)
{
        struct db_conn *conn = owner;

        db_problem_set_connect(&conn->problem, text, conn->target.place);
        step(conn, DB_BROKEN);
}

static void
flush(struct db_conn *conn)
{
        int waiting = PQflush(conn->pg);

        if (waiting < 0)
                break_open(conn, "", PQerrorMessage(conn->pg));
        else
                watch_socket(conn, waiting > 0);
}

static void
send_flight(struct db_conn *conn, const struct db_query *queries, uint32_t count, bool all, const struct db_flight_handler *handler,
            void *owner)
{
        if (db_flight_send(&conn->flight, queries, count, all, handler, owner) == DB_FLIGHT_OK)
                flush(conn);
        else
                break_open(conn, "", PQerrorMessage(conn->pg));
}

enum { OPENING_LOCK = 0, OPENING_FACTS = 1, OPENING_SCHEMA = 2, OPENING_COUNT = 3 };

static void on_open_result(void *owner, uint32_t index, const PGresult *result);
static void on_open_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
static const struct db_flight_handler open_handler = {on_open_result, on_open_done};

static void
act_open(struct db_conn *conn)
{
        const struct db_query queries[OPENING_COUNT] = {
                [OPENING_LOCK] = {.statement = statement_of(STATEMENT_LOCK_TRY), .once = true},
                [OPENING_FACTS] = {.statement = statement_of(STATEMENT_SERVER_FACTS), .once = true},
                [OPENING_SCHEMA] = {.statement = statement_of(STATEMENT_SCHEMA_VERSIONS), .once = true},
        };

        conn->open_problem.problem = STORE_PROBLEM_NONE;
        if (db_flight_begin(&conn->flight, conn->pg, conn->target.place) != DB_FLIGHT_OK)
                break_open(conn, "", PQerrorMessage(conn->pg));
        else
                send_flight(conn, queries, OPENING_COUNT, conn->must_prepare, &open_handler, conn);
}

static bool
is_true(const PGresult *result, int column)
{
        return PQntuples(result) == 1 && PQgetvalue(result, 0, column)[0] == 't';
}

static void
take_facts(struct db_conn *conn, const PGresult *result)
{
        if (PQntuples(result) != 1)
                return;
        conn->server.fsync_off = strcmp(PQgetvalue(result, 0, 0), "off") == 0;
        (void)snprintf(conn->server.version, sizeof(conn->server.version), "%.*s", (int)strcspn(PQgetvalue(result, 0, 1), " "),
                       PQgetvalue(result, 0, 1)); /* "15.8", without the packager's words */
        (void)snprintf(conn->server.place, sizeof(conn->server.place), "%s", conn->target.place);
        if (is_true(result, 2))
                db_problem_set(&conn->open_problem, "25006", "the server only takes reads", conn->target.place);
        else if (PQgetisnull(result, 0, 3))
                db_problem_set(&conn->open_problem, "3F000", "no schema of the search path exists", conn->target.place);
}

static void
take_schema(struct db_conn *conn, const PGresult *result)
{
        char error[MIGRATE_ERROR_SIZE];

        conn->server.checksums_missing = false;
        for (int row = 0; row < PQntuples(result); row++)
                conn->server.checksums_missing |= PQgetisnull(result, row, 2) == 1;
        if (migrate_judge(result, error) != MIGRATE_OK && conn->open_problem.problem == STORE_PROBLEM_NONE)
                db_problem_set_schema(&conn->open_problem, error, conn->target.place);
}

static void
on_open_result(void *owner, uint32_t index, const PGresult *result)
{
        struct db_conn *conn = owner;

        if (index == OPENING_LOCK)
                conn->lock_taken = is_true(result, 0);
        else if (index == OPENING_FACTS)
                take_facts(conn, result);
        else if (index == OPENING_SCHEMA)
                take_schema(conn, result);
}

static void
on_open_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct db_conn *conn = owner;

        (void)failed_index;
        if (outcome == DB_LOST)
                return; /* the connection is being given up already */
        /* A schema that is not the right one explains what it refuses. */
        if (outcome == DB_FAILED && conn->open_problem.problem == STORE_PROBLEM_NONE)
                conn->open_problem = *problem;
        if (conn->open_problem.problem != STORE_PROBLEM_NONE) {
                conn->problem = conn->open_problem;
                step(conn, DB_BROKEN);
                return;
        }
        step(conn, conn->lock_taken ? DB_LOCKED : DB_LOCK_HELD);
}

static void on_look_result(void *owner, uint32_t index, const PGresult *result);
static void on_look_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
static const struct db_flight_handler look_handler = {on_look_result, on_look_done};

/* Who holds the lock? The statement ends a session of our own instance in the same breath, unless the stored incarnation is
 * above ours. */
static void
act_look(struct db_conn *conn)
{
        struct params params;

        params_clear(&params);
        params_string(&params, conn->target.application_name);
        params_seq(&params, conn->incarnation);
        struct db_query query = {.statement = statement_of(STATEMENT_LOCK_HOLDER), .params = &params, .once = true};
        conn->open_problem.problem = STORE_PROBLEM_NONE;
        send_flight(conn, &query, 1, false, &look_handler, conn);
}

enum { HOLDER_PID = 0, HOLDER_NAME = 1, HOLDER_ADDRESS = 2, HOLDER_OURS = 3, HOLDER_FENCED = 4 };

static void
on_look_result(void *owner, uint32_t index, const PGresult *result)
{
        struct db_conn *conn = owner;
        char text[256];

        (void)index;
        if (PQntuples(result) == 0)
                return; /* it has just gone */
        const char *name = PQgetvalue(result, 0, HOLDER_NAME);
        if (is_true(result, HOLDER_FENCED)) {
                (void)snprintf(text, sizeof(text), "session %s (%s) of a newer persister owns the portfolio",
                               PQgetvalue(result, 0, HOLDER_PID), name);
                conn->handler->on_fenced(conn->owner, text);
        } else if (!is_true(result, HOLDER_OURS)) {
                (void)snprintf(text, sizeof(text), "the portfolio is owned by session %s, application \"%s\", from %s",
                               PQgetvalue(result, 0, HOLDER_PID), name, PQgetvalue(result, 0, HOLDER_ADDRESS));
                db_problem_set_other_owner(&conn->open_problem, text, conn->target.place);
        } else {
                LOG_INFO("event=old_session_ended pid=%s name=%s", PQgetvalue(result, 0, HOLDER_PID), name);
        }
}

static void
on_look_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct db_conn *conn = owner;

        (void)failed_index;
        if (outcome == DB_LOST)
                return;
        conn->problem = outcome == DB_FAILED ? *problem : conn->open_problem;
        step(conn, conn->problem.problem == STORE_PROBLEM_NONE ? DB_HOLDER_OURS : DB_BROKEN);
}

static void
act_pause(struct db_conn *conn)
{
        loop_timer_start_us(conn->pause, conn->lock_pause_ms * 1000);
        conn->lock_pause_ms = conn->lock_pause_ms * 2 > LOCK_PAUSE_MAX_MS ? LOCK_PAUSE_MAX_MS : conn->lock_pause_ms * 2;
}

static void on_lock_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index);
static const struct db_flight_handler lock_handler = {on_open_result, on_lock_done};

static void
act_try_lock(struct db_conn *conn)
{
        struct db_query query = {.statement = statement_of(STATEMENT_LOCK_TRY), .once = true};

        send_flight(conn, &query, 1, false, &lock_handler, conn);
}

static void
on_lock_done(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct db_conn *conn = owner;

        (void)failed_index;
        if (outcome == DB_LOST)
                return;
        if (outcome == DB_FAILED) {
                conn->problem = *problem;
                step(conn, DB_BROKEN);
                return;
        }
        step(conn, conn->lock_taken ? DB_LOCKED : DB_LOCK_HELD);
}

static void
act_ready(struct db_conn *conn)
{
        loop_timer_stop(conn->deadline);
        conn->must_prepare = false;
        conn->was_ready = true;
        conn->handler->on_ready(conn->owner);
}

static void
forget_session(struct db_conn *conn)
{
        conn->generation++;
        loop_timer_stop(conn->pause);
        loop_timer_stop(conn->deadline);
        loop_watch_free(conn->watch);
        conn->watch = NULL;
        conn->watch_fd = -1;
        db_dial_cancel(&conn->dial);
        PQfinish(conn->pg);
        conn->pg = NULL;
}

static int64_t
with_jitter(struct db_conn *conn, int64_t delay_us)
{
        /* xorshift: a quarter either way, so that many instances do not knock together after a server's restart. */
        conn->jitter ^= conn->jitter << 13;
        conn->jitter ^= conn->jitter >> 7;
        conn->jitter ^= conn->jitter << 17;
        return delay_us - delay_us / 4 + (int64_t)(conn->jitter % (uint64_t)(delay_us / 2 + 1));
}

/* The session is over: tell the flight, tell the owner, and wait. The other hosts of the conninfo are asked at once. */
static void
act_back_off(struct db_conn *conn)
{
        bool round_is_over = db_dial_next(&conn->dial);
        int64_t delay_ms = round_is_over ? conn->back_off_ms : 0;

        forget_session(conn);
        if (strcmp(conn->problem.sqlstate, "57P03") == 0 && delay_ms > BACK_OFF_STARTING_MAX_MS)
                delay_ms = BACK_OFF_STARTING_MAX_MS;
        if (round_is_over)
                conn->back_off_ms = conn->back_off_ms * 2 > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : conn->back_off_ms * 2;
        loop_timer_start_us(conn->pause, with_jitter(conn, delay_ms * 1000));

        db_flight_lose(&conn->flight, &conn->problem);
        /* Of several hosts one that does not answer is no problem yet; a session that was in use is one at once. */
        if (round_is_over || conn->was_ready) {
                conn->was_ready = false;
                conn->handler->on_problem(conn->owner, &conn->problem);
        }
}

static void
act_close(struct db_conn *conn)
{
        forget_session(conn);
        conn->flight.handler = NULL;
}

static void
end_flight(struct db_conn *conn)
{
        if (conn->state == DB_BUSY) {
                loop_timer_stop(conn->deadline);
                step(conn, DB_ANSWERED);
        }
        db_flight_finish(&conn->flight);
}

/* The socket is closed. The server may have told why: in the flight's error, or in a notice. */
static void
break_lost(struct db_conn *conn)
{
        if (conn->flight.handler != NULL && conn->flight.failed) {
                conn->problem = conn->flight.problem;
                step(conn, DB_BROKEN);
        } else if (conn->last_words.problem != STORE_PROBLEM_NONE) {
                conn->problem = conn->last_words;
                step(conn, DB_BROKEN);
        } else {
                break_open(conn, "", PQerrorMessage(conn->pg));
        }
}

static void
on_readable(struct db_conn *conn)
{
        if (PQconsumeInput(conn->pg) == 0) {
                break_lost(conn);
                return;
        }
        if (conn->flight.handler == NULL)
                PQfreemem(PQnotifies(conn->pg)); /* reads what an idle session is told: parameters, or its end */
        switch (db_flight_read(&conn->flight)) {
        case DB_FLIGHT_OK: break;
        case DB_FLIGHT_ANSWERED: end_flight(conn); break;
        case DB_FLIGHT_BROKEN: break_lost(conn); break;
        }
}

static void
on_socket(void *owner, int fd, bool readable, bool writable)
{
        struct db_conn *conn = owner;
        uint64_t generation = conn->generation;

        (void)fd;
        if (writable)
                flush(conn);
        if (readable && conn->generation == generation)
                on_readable(conn);
}

static bool
port_is_idle(void *owner)
{
        const struct db_conn *conn = owner;
        return conn->state == DB_IDLE;
}

static void
port_send(void *owner, const struct db_query *queries, uint32_t count, const struct db_flight_handler *handler, void *flight_owner)
{
        struct db_conn *conn = owner;

        PM_ASSERT(conn->state == DB_IDLE && count > 0);
        step(conn, DB_SENT);
        loop_timer_start_us(conn->deadline, conn->target.statement_timeout_ms * 1000);
        send_flight(conn, queries, count, false, handler, flight_owner);
}

static void
on_prepared(void *owner, enum db_outcome outcome, const struct db_problem *problem, uint32_t failed_index)
{
        struct db_conn *conn = owner;

        (void)failed_index;
        if (outcome == DB_FAILED && conn->state == DB_IDLE) {
                conn->must_prepare = true;
                conn->problem = *problem;
                step(conn, DB_BROKEN);
        }
}

static bool
port_prepare(void *owner)
{
        static const struct db_flight_handler prepare_handler = {NULL, on_prepared};
        struct db_conn *conn = owner;

        if (conn->state != DB_IDLE || conn->flight.are_all_prepared)
                return false;
        step(conn, DB_SENT);
        loop_timer_start_us(conn->deadline, conn->target.statement_timeout_ms * 1000);
        send_flight(conn, NULL, 0, true, &prepare_handler, conn);
        return true;
}

static void
port_extend(void *owner, int64_t deadline_ms)
{
        struct db_conn *conn = owner;

        if (conn->state == DB_BUSY)
                loop_timer_start_us(conn->deadline, deadline_ms * 1000);
}

static void
port_settled(void *owner)
{
        struct db_conn *conn = owner;
        conn->back_off_ms = BACK_OFF_FIRST_MS;
}

static void
port_drop(void *owner, const struct db_problem *problem)
{
        struct db_conn *conn = owner;

        if (conn->state != DB_IDLE && conn->state != DB_BUSY)
                return;
        if (problem != &conn->problem)
                conn->problem = *problem;
        step(conn, DB_BROKEN);
}

struct db_port
db_conn_port(struct db_conn *conn)
{
        return (struct db_port){conn, port_is_idle, port_send, port_prepare, port_extend, port_settled, port_drop};
}

static const struct db_dial_handler dial_handler = {on_dial_session, on_dial_failed};

struct db_conn *
db_conn_new(struct loop *loop, const struct db_conn_options *options, const struct db_conn_handler *handler, void *owner,
            char error[CONFIG_ERROR_SIZE])
{
        struct db_conn *conn = calloc(1, sizeof(*conn));

        if (conn == NULL) {
                (void)snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
                return NULL;
        }
        conn->loop = loop;
        conn->handler = handler;
        conn->owner = owner;
        conn->watch_fd = -1;
        conn->back_off_ms = BACK_OFF_FIRST_MS;
        conn->jitter = ((uint64_t)getpid() << 32 | (uint64_t)clock_monotonic_us()) | 1;
        if (db_target_init(&conn->target, options->conninfo, options->name, options->connect_timeout_ms, options->statement_timeout_ms) !=
            DB_TARGET_OK) {
                (void)snprintf(
                        error, CONFIG_ERROR_SIZE,
                        "database config: host, hostaddr and port must be lists of the same length (at most %d hosts), options below %d "
                        "bytes",
                        DB_TARGET_HOSTS_MAX, DB_TARGET_TEXT_SIZE / 2);
                free(conn);
                return NULL;
        }
        conn->pause = loop_timer_new(loop, on_timer_pause, conn);
        conn->deadline = loop_timer_new(loop, on_timer_deadline, conn);
        db_dial_init(&conn->dial, loop, &conn->target, &dial_handler, conn);
        return conn;
}

void
db_conn_free(struct db_conn *conn)
{
        if (conn == NULL)
                return;
        step(conn, DB_STOP);
        db_dial_fini(&conn->dial);
        loop_timer_free(conn->pause);
        loop_timer_free(conn->deadline);
        free(conn);
}

void
db_conn_start(struct db_conn *conn)
{
        step(conn, DB_START);
}

void
db_conn_set_incarnation(struct db_conn *conn, uint64_t incarnation)
{
        conn->incarnation = incarnation;
}

const struct db_server *
db_conn_server(const struct db_conn *conn)
{
        return &conn->server;
}

const char *
db_conn_place(const struct db_conn *conn)
{
        return conn->target.place;
}

const char *
db_conn_application_name(const struct db_conn *conn)
{
        return conn->target.application_name;
}
