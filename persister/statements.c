#include "persister/statements.h"

#include <stdbool.h>

#include "persister/load.h"
#include "persister/replay.h"

/* A compare-and-set inside a pipeline cannot be looked at before the next statement is sent. So a count that is not the
 * expected one divides by zero, which aborts the transaction (SQLSTATE 22012, see store.c). */
#define MUST_MOVE_ONE "SELECT 1 / count(*) FROM moved"
#define MUST_MOVE_ALL "SELECT 1 / (CASE WHEN count(*) = cardinality($1::bigint[]) THEN 1 ELSE 0 END) FROM moved"

/* The ledger's running sum so far: that of the newest row, or counted once after a row that was put in by hand. */
#define LEDGER_BASE                                                                                                                        \
        "(SELECT coalesce((SELECT coalesce(total, (SELECT sum(amount) FROM equity_ledger)) FROM equity_ledger"                             \
        " ORDER BY seq DESC LIMIT 1), 0) AS total) AS base"

#define LOCK_KEY "hashtextextended('pm-supervisor ' || current_schema(), 0)"

/* The parts that a statement for many rows and that for one have in common. */

#define EVENTS_INTO "INSERT INTO portfolio_events (seq, incarnation, kind, more, at, payload)"

#define SIGNALS_INTO                                                                                                                       \
        "INSERT INTO signal_log (seq, fingerprint, instrument, signal_type, position, layer, signal_timestamp, arrived_at, outcome,"       \
        " reason, kept_no, lots, limiter, price, pnl, figures, payload)"
/* A signal that was kept has met its fate; a later one that was not does not take its row. */
#define SIGNALS_CONFLICT                                                                                                                   \
        " ON CONFLICT (fingerprint) DO UPDATE SET seq = excluded.seq, instrument = excluded.instrument,"                                   \
        " signal_type = excluded.signal_type, position = excluded.position, layer = excluded.layer,"                                       \
        " signal_timestamp = excluded.signal_timestamp, arrived_at = excluded.arrived_at, outcome = excluded.outcome,"                     \
        " reason = excluded.reason, kept_no = excluded.kept_no, lots = excluded.lots, limiter = excluded.limiter,"                         \
        " price = excluded.price, pnl = excluded.pnl, figures = excluded.figures, payload = excluded.payload"                              \
        " WHERE signal_log.kept_no = 0 OR excluded.kept_no > 0"

#define CLOSE_SET                                                                                                                          \
        "WITH moved AS (UPDATE portfolio_positions AS p SET status = 'closed', realized_pnl = t.pnl,"                                      \
        " exit_timestamp = t.exit_timestamp, exit_price = t.exit_price, exit_reason = t.exit_reason,"                                      \
        " highest_close = t.highest_close, current_stop = t.current_stop, closed_seq = t.closed_seq, updated_at = now()"
#define CLOSE_AS " AS t (position_no, pnl, exit_timestamp, exit_price, exit_reason, highest_close, current_stop, closed_seq)"
#define TRAIL_SET                                                                                                                          \
        "WITH moved AS (UPDATE portfolio_positions AS p SET highest_close = t.highest_close, current_stop = t.current_stop,"               \
        " updated_at = now()"
#define TRAIL_AS " AS t (position_no, highest_close, current_stop)"
#define MOVE_OPEN " WHERE p.position_no = t.position_no AND p.status <> 'closed' RETURNING 1) "

#define POSITIONS_INTO                                                                                                                     \
        "INSERT INTO portfolio_positions (position_no, position_id, instrument, layer, is_base_position, status, lots, quantity,"          \
        " entry_timestamp, entry_price, signal_price, initial_stop, current_stop, highest_close, atr, limiter, lot_size,"                  \
        " point_value, margin_per_lot, trailing_atr_x10, standin_atr, realized_pnl, exit_timestamp, exit_price, exit_reason,"              \
        " opened_seq, closed_seq)"

#define INSTRUMENTS_INTO "INSERT INTO pyramiding_state (instrument, base_position_no, last_pyramid_price, tick_at, mark, marked_through_no)"
#define INSTRUMENTS_CONFLICT                                                                                                               \
        " ON CONFLICT (instrument) DO UPDATE SET base_position_no = excluded.base_position_no,"                                            \
        " last_pyramid_price = excluded.last_pyramid_price, tick_at = excluded.tick_at, mark = excluded.mark,"                             \
        " marked_through_no = excluded.marked_through_no, updated_at = now()"

#define LEDGER_INTO "INSERT INTO equity_ledger (seq, kind, amount, equity_before, equity_after, position_no, note, created_at, total)"

#define ROW(id, statement_name, count, statement_text) [id] = {.name = statement_name, .params_count = count, .text = statement_text}

static const struct statement statement_table[STATEMENT_END] = {
        ROW(STATEMENT_LOCK_TRY, "lock_try", 0, "SELECT coalesce(pg_try_advisory_lock(" LOCK_KEY "), false)"),

        /* Who holds the lock; a session with our own name is ended, unless the portfolio has an incarnation above ours. */
        ROW(STATEMENT_LOCK_HOLDER, "lock_holder", 2,
            "WITH lock_key AS (SELECT " LOCK_KEY " AS k),"
            " holder AS ("
            "  SELECT l.pid, a.application_name, coalesce(host(a.client_addr), 'this machine') AS address"
            "    FROM lock_key, pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
            "   WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
            "     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            "     AND l.classid::bigint = (k >> 32) & 4294967295 AND l.objid::bigint = k & 4294967295),"
            " fence AS (SELECT $2::bigint > 0 AND EXISTS (SELECT 1 FROM portfolio_state WHERE incarnation > $2::bigint) AS fenced)"
            " SELECT pid, application_name, address, application_name = $1::text AS ours, fenced AND application_name = $1::text,"
            "        CASE WHEN application_name = $1::text AND NOT fenced THEN pg_terminate_backend(pid) END"
            "   FROM holder, fence LIMIT 1"),

        ROW(STATEMENT_SERVER_FACTS, "server_facts", 0,
            "SELECT current_setting('fsync'), current_setting('server_version'),"
            " pg_is_in_recovery() OR current_setting('transaction_read_only')::bool, current_schema()"),

        ROW(STATEMENT_SCHEMA_VERSIONS, "schema_versions", 0,
            "SELECT version, name, checksum, min_program_version FROM schema_migrations ORDER BY version DESC"),

        ROW(STATEMENT_CHECKSUM_FILL, "checksum_fill", 2,
            "UPDATE schema_migrations SET checksum = t.checksum FROM unnest($1::bigint[], $2::text[]) AS t (version, checksum)"
            " WHERE schema_migrations.version = t.version AND schema_migrations.checksum IS NULL"),

        ROW(STATEMENT_STATE_READ, "state_read", 0, "SELECT last_seq, incarnation, digest FROM portfolio_state WHERE id = 1"),

        ROW(STATEMENT_INCARNATION_TAKE, "incarnation_take", 2,
            "WITH moved AS (UPDATE portfolio_state SET incarnation = $1::bigint"
            " WHERE id = 1 AND incarnation < $1::bigint AND last_seq = $2::bigint RETURNING 1) " MUST_MOVE_ONE),

        ROW(STATEMENT_LEADERSHIP_END, "leadership_end", 0,
            "UPDATE leadership_history SET released_leader_at = now(),"
            " leadership_duration_seconds = extract(epoch FROM now() - became_leader_at)::numeric WHERE released_leader_at IS NULL"),

        ROW(STATEMENT_LEADERSHIP_TAKE, "leadership_take", 3,
            "INSERT INTO leadership_history (instance_id, incarnation, hostname) VALUES ($1::text, $2::bigint, $3::text)"),

        ROW(STATEMENT_STATE_MOVE, "state_move", 17,
            "WITH moved AS (UPDATE portfolio_state SET initial_capital = $3::numeric, closed_equity = $4::numeric,"
            " equity_high = $5::numeric, total_risk_amount = $6::numeric, total_risk_percent = $7::numeric, total_vol_amount = "
            "$8::numeric, margin_used = $9::numeric,"
            " paused = $10::boolean, positions_opened = $11::bigint, kept_no = $12::bigint, evicted_through_kept_no = $13::bigint,"
            " horizon = $14::timestamptz, last_seq = $15::bigint, incarnation = $16::bigint, digest = $17::text, updated_at = now()"
            " WHERE id = 1 AND last_seq = $1::bigint AND incarnation = $2::bigint RETURNING 1) " MUST_MOVE_ONE),

        ROW(STATEMENT_STATE_CREATE, "state_create", 15,
            "INSERT INTO portfolio_state (id, initial_capital, closed_equity, equity_high, total_risk_amount, total_risk_percent,"
            " total_vol_amount, margin_used, paused, positions_opened, kept_no, evicted_through_kept_no, horizon, last_seq, incarnation,"
            " digest) VALUES (1, $1::numeric, $2::numeric, $3::numeric, $4::numeric, $5::numeric, $6::numeric, $7::numeric, $8::boolean,"
            " $9::bigint, $10::bigint, $11::bigint, $12::timestamptz, $13::bigint, $14::bigint, $15::text)"),

        /* Begun anew: what still says open belongs to the portfolio before. */
        ROW(STATEMENT_POSITIONS_CLEAR, "positions_clear", 0,
            "UPDATE portfolio_positions SET status = 'closed', exit_reason = 'PORTFOLIO_RESET', updated_at = now()"
            " WHERE status <> 'closed'"),

        ROW(STATEMENT_INSTRUMENTS_CLEAR, "instruments_clear", 0, "DELETE FROM pyramiding_state"),

        ROW(STATEMENT_LEDGER_RESET, "ledger_reset", 3,
            "INSERT INTO equity_ledger (seq, kind, amount, equity_before, equity_after, created_at, total)"
            " SELECT $1::bigint, 'RESET', -base.total, $2::numeric + base.total, $2::numeric, $3::timestamptz, 0 FROM " LEDGER_BASE),

        ROW(STATEMENT_EDITS_HANDLED, "edits_handled", 1, "UPDATE portfolio_edits SET handled_seq = $1::bigint WHERE handled_seq IS NULL"),

        ROW(STATEMENT_PROBLEM_CLEAR, "problem_clear", 0, "UPDATE portfolio_state SET problem = '' WHERE problem <> ''"),

        ROW(STATEMENT_EVENTS_INSERT, "events_insert", 6,
            EVENTS_INTO " SELECT seq, $2::bigint, kind, more, at, payload::jsonb"
                        " FROM unnest($1::bigint[], $3::text[], $4::boolean[], $5::timestamptz[], $6::text[])"
                        " AS t (seq, kind, more, at, payload)"),
        ROW(STATEMENT_EVENT_INSERT, "event_insert", 6,
            EVENTS_INTO " VALUES ($1::bigint, $2::bigint, $3::text, $4::boolean, $5::timestamptz, $6::text::jsonb)"),

        ROW(STATEMENT_SIGNALS_UPSERT, "signals_upsert", 17,
            SIGNALS_INTO " SELECT seq, fingerprint, instrument, signal_type, position_name, layer, signal_timestamp, arrived_at, outcome,"
                         " reason, kept_no, lots, limiter, price, pnl, figures::jsonb, payload"
                         " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[],"
                         " $8::timestamptz[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::numeric[],"
                         " $15::numeric[], $16::text[], $17::text[])"
                         " AS t (seq, fingerprint, instrument, signal_type, position_name, layer, signal_timestamp, arrived_at, outcome,"
                         " reason, kept_no, lots, limiter, price, pnl, figures, payload)" SIGNALS_CONFLICT),
        ROW(STATEMENT_SIGNAL_UPSERT, "signal_upsert", 17,
            SIGNALS_INTO " VALUES ($1::bigint, $2::text, $3::text, $4::text, $5::text, $6::bigint, $7::timestamptz, $8::timestamptz,"
                         " $9::text, $10::text, $11::bigint, $12::bigint, $13::text, $14::numeric, $15::numeric, $16::text::jsonb,"
                         " $17::text)" SIGNALS_CONFLICT),

        ROW(STATEMENT_POSITIONS_CLOSE, "positions_close", 8,
            CLOSE_SET " FROM unnest($1::bigint[], $2::numeric[], $3::timestamptz[], $4::numeric[], $5::text[], $6::numeric[],"
                      " $7::numeric[], $8::bigint[])" CLOSE_AS MOVE_OPEN MUST_MOVE_ALL),
        ROW(STATEMENT_POSITION_CLOSE, "position_close", 8,
            CLOSE_SET " FROM (VALUES ($1::bigint, $2::numeric, $3::timestamptz, $4::numeric, $5::text, $6::numeric, $7::numeric,"
                      " $8::bigint))" CLOSE_AS MOVE_OPEN MUST_MOVE_ONE),

        ROW(STATEMENT_POSITIONS_OPEN, "positions_open", 27,
            POSITIONS_INTO " SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::boolean[], $6::text[],"
                           " $7::bigint[], $8::bigint[], $9::timestamptz[], $10::numeric[], $11::numeric[], $12::numeric[],"
                           " $13::numeric[], $14::numeric[], $15::numeric[], $16::text[], $17::bigint[], $18::bigint[], $19::bigint[],"
                           " $20::bigint[], $21::numeric[], $22::numeric[], $23::timestamptz[], $24::numeric[], $25::text[],"
                           " $26::bigint[], $27::bigint[])"),
        ROW(STATEMENT_POSITION_OPEN, "position_open", 27,
            POSITIONS_INTO " VALUES ($1::bigint, $2::text, $3::text, $4::bigint, $5::boolean, $6::text, $7::bigint, $8::bigint,"
                           " $9::timestamptz, $10::numeric, $11::numeric, $12::numeric, $13::numeric, $14::numeric, $15::numeric,"
                           " $16::text, $17::bigint, $18::bigint, $19::bigint, $20::bigint, $21::numeric, $22::numeric,"
                           " $23::timestamptz, $24::numeric, $25::text, $26::bigint, $27::bigint)"),

        ROW(STATEMENT_POSITIONS_TRAIL, "positions_trail", 3,
            TRAIL_SET " FROM unnest($1::bigint[], $2::numeric[], $3::numeric[])" TRAIL_AS MOVE_OPEN MUST_MOVE_ALL),
        ROW(STATEMENT_POSITION_TRAIL, "position_trail", 3,
            TRAIL_SET " FROM (VALUES ($1::bigint, $2::numeric, $3::numeric))" TRAIL_AS MOVE_OPEN MUST_MOVE_ONE),

        ROW(STATEMENT_INSTRUMENTS_UPSERT, "instruments_upsert", 6,
            INSTRUMENTS_INTO " SELECT * FROM unnest($1::text[], $2::bigint[], $3::numeric[], $4::timestamptz[], $5::numeric[],"
                             " $6::bigint[])" INSTRUMENTS_CONFLICT),
        ROW(STATEMENT_INSTRUMENT_UPSERT, "instrument_upsert", 6,
            INSTRUMENTS_INTO " VALUES ($1::text, $2::bigint, $3::numeric, $4::timestamptz, $5::numeric, $6::bigint)" INSTRUMENTS_CONFLICT),

        ROW(STATEMENT_LEDGER_INSERT, "ledger_insert", 8,
            LEDGER_INTO
            " SELECT t.*, base.total + sum(t.amount) OVER (ORDER BY t.seq)"
            " FROM unnest($1::bigint[], $2::text[], $3::numeric[], $4::numeric[], $5::numeric[], $6::bigint[], $7::text[],"
            " $8::timestamptz[]) AS t (seq, kind, amount, equity_before, equity_after, position_no, note, created_at), " LEDGER_BASE),
        ROW(STATEMENT_LEDGER_ROW_INSERT, "ledger_row_insert", 8,
            LEDGER_INTO " SELECT $1::bigint, $2::text, $3::numeric, $4::numeric, $5::numeric, $6::bigint, $7::text, $8::timestamptz,"
                        " base.total + $3::numeric FROM " LEDGER_BASE),

        ROW(STATEMENT_NO_FLUSH, "no_flush", 0, "SELECT set_config('synchronous_commit', 'off', true)"),

        ROW(STATEMENT_HEARTBEAT, "heartbeat", 8,
            "INSERT INTO instance_heartbeat (instance_id, started_at, last_heartbeat, last_signal_processed, is_leader, leader_acquired_at,"
            " status, hostname, version, incarnation, last_seq)"
            " VALUES ($1::text, $2::timestamptz, now(), $3::timestamptz, true, $4::timestamptz, 'active', $5::text, $6::text, $7::bigint,"
            " $8::bigint)"
            " ON CONFLICT (instance_id) DO UPDATE SET started_at = excluded.started_at, last_heartbeat = now(),"
            " last_signal_processed = coalesce(excluded.last_signal_processed, instance_heartbeat.last_signal_processed), is_leader = true,"
            " leader_acquired_at = excluded.leader_acquired_at, status = 'active', hostname = excluded.hostname,"
            " version = excluded.version, incarnation = excluded.incarnation, last_seq = excluded.last_seq"),

        ROW(STATEMENT_RECOVERY_INSERT, "recovery_insert", 12,
            "INSERT INTO recovery_log (role, cause, incarnation, through_seq, digest, positions_count, detect_us, spawn_us, connect_us,"
            " load_us, verify_us, total_us)"
            " VALUES ($1::text, $2::text, $3::bigint, $4::bigint, $5::text, $6::bigint, $7::bigint, $8::bigint, $9::bigint, $10::bigint,"
            " $11::bigint, $12::bigint)"),

        ROW(STATEMENT_DATABASE_SIZE, "database_size", 0, "SELECT pg_database_size(current_database())"),

        ROW(STATEMENT_BEGIN_READ, "begin_read", 0, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),

        ROW(STATEMENT_NO_TIMEOUT, "no_timeout", 0, "SELECT set_config('statement_timeout', '0', true)"),

        ROW(STATEMENT_COMMIT, "commit", 0, "COMMIT"),

        /* What a load found wrong stays found until somebody has mended it, however much is stored meanwhile. */
        ROW(STATEMENT_PROBLEM_NOTE, "problem_note", 1, "UPDATE portfolio_state SET problem = $1::text WHERE problem = ''"),
};

const struct statement *
statement_of(enum statement_id id)
{
        PM_ASSERT(id > STATEMENT_NONE && id < STATEMENT_END);
        return &statement_table[id];
}

enum statement_id
statement_id_of(const struct statement *statement)
{
        PM_ASSERT(statement > statement_table && statement < statement_table + STATEMENT_END);
        return (enum statement_id)(statement - statement_table);
}

static bool
prepare(PGconn *connection, const struct statement *statement)
{
        PGresult *result = PQprepare(connection, statement->name, statement->text, 0, NULL);
        bool accepted = PQresultStatus(result) == PGRES_COMMAND_OK;

        PQclear(result);
        return accepted;
}

const char *
statements_prepare_all(PGconn *connection)
{
        for (int id = STATEMENT_NONE + 1; id < STATEMENT_END; id++)
                if (!prepare(connection, &statement_table[id]))
                        return statement_table[id].name;
        for (int query = 0; query < LOAD_QUERY_END; query++)
                if (!prepare(connection, &load_statements[query]))
                        return load_statements[query].name;
        return prepare(connection, &replay_statement) ? NULL : replay_statement.name;
}
