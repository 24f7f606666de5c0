#include "persister/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persister/event_json.h"
#include "persister/load.h"
#include "persister/replay.h"

/* The newest event before which rows may have been changed or deleted by hand. */
#define SINCE "(SELECT coalesce(max(seq), 0) FROM portfolio_events WHERE kind IN ('PORTFOLIO_RESET', 'PORTFOLIO_ADJUSTED'))"

/* What sets say. Each query returns a row for the first difference, or none. */
static const struct {
        const char *rule;
        const char *sql;
} set_checks[] = {
        {"events_are_gapless", "SELECT format('seq %s follows %s', seq, before) FROM"
                               " (SELECT seq, lag(seq, 1, 0::bigint) OVER (ORDER BY seq) AS before FROM portfolio_events) e"
                               " WHERE seq <> before + 1 ORDER BY seq LIMIT 1"},
        {"ledger_has_each_close",
         "SELECT format('event %s closed with %s, the ledger has %s', e.seq, e.payload->>'pnl', l.amount) FROM portfolio_events e"
         " LEFT JOIN equity_ledger l USING (seq)"
         " WHERE e.kind = 'POSITION_CLOSED' AND l.amount IS DISTINCT FROM (e.payload->>'pnl')::numeric ORDER BY e.seq LIMIT 1"},
        {"ledger_has_each_capital_move",
         "SELECT format('event %s moved %s, the ledger has %s', e.seq, e.payload->>'amount', l.amount) FROM portfolio_events e"
         " LEFT JOIN equity_ledger l USING (seq)"
         " WHERE e.kind = 'CAPITAL' AND l.amount IS DISTINCT FROM (e.payload->>'amount')::numeric ORDER BY e.seq LIMIT 1"},
        {"ledger_rows_have_events",
         "SELECT format('ledger row %s has no event that moves money', l.seq) FROM equity_ledger l"
         " LEFT JOIN portfolio_events e USING (seq)"
         " WHERE l.seq > " SINCE
         " AND (e.kind IS NULL OR e.kind NOT IN ('POSITION_CLOSED', 'CAPITAL', 'PORTFOLIO_RESET')) ORDER BY l.seq LIMIT 1"},
        {"ledger_is_a_chain",
         "SELECT format('ledger row %s begins at %s, the one before ends at %s', seq, equity_before, before) FROM"
         " (SELECT seq, equity_before, lag(equity_after) OVER (ORDER BY seq) AS before, lag(seq) OVER (ORDER BY seq) AS before_seq"
         " FROM equity_ledger) l WHERE before_seq >= " SINCE " AND equity_before <> before ORDER BY seq LIMIT 1"},
        {"ledger_totals_are_sums",
         "SELECT format('ledger row %s has the total %s, the amounts come to %s', seq, total, sum) FROM"
         " (SELECT seq, total, sum(amount) OVER (ORDER BY seq) AS sum FROM equity_ledger) l WHERE total <> sum ORDER BY seq LIMIT 1"},
        {"closed_equity_is_ledger_sum",
         "SELECT format('closed_equity is %s, initial_capital and the ledger come to %s', closed_equity, initial_capital + total)"
         " FROM portfolio_state, (SELECT coalesce(sum(amount), 0) AS total FROM equity_ledger) l"
         " WHERE closed_equity <> initial_capital + total"},
        {"closed_positions_are_as_their_events",
         "SELECT format('position_no %s (%s): the row has exit %s and pnl %s, event %s says %s and %s', p.position_no, p.position_id,"
         " p.exit_price, p.realized_pnl, e.seq, e.payload->>'exit_price', e.payload->>'pnl') FROM portfolio_events e"
         " JOIN portfolio_positions p ON p.position_no = (e.payload->>'position_no')::bigint"
         " WHERE e.kind = 'POSITION_CLOSED' AND (p.status <> 'closed'"
         " OR p.exit_price IS DISTINCT FROM (e.payload->>'exit_price')::numeric"
         " OR p.exit_timestamp IS DISTINCT FROM (e.payload->>'exit_at')::timestamptz"
         " OR p.realized_pnl IS DISTINCT FROM (e.payload->>'pnl')::numeric"
         " OR p.highest_close IS DISTINCT FROM (e.payload->>'highest_close')::numeric"
         " OR p.current_stop IS DISTINCT FROM (e.payload->>'current_stop')::numeric"
         " OR p.closed_seq IS DISTINCT FROM e.seq) ORDER BY e.seq LIMIT 1"},
        {"opened_positions_have_rows",
         "SELECT format('event %s opened position_no %s (%s lots of %s at %s), its row says %s lots of %s at %s', e.seq,"
         " e.payload->>'position_no', e.payload->>'lots', e.payload->>'instrument', e.payload->>'entry_price', p.lots, p.instrument,"
         " p.entry_price) FROM portfolio_events e"
         " LEFT JOIN portfolio_positions p ON p.position_no = (e.payload->>'position_no')::bigint"
         " WHERE e.kind = 'POSITION_OPENED' AND e.seq > " SINCE " AND (p.position_no IS NULL"
         " OR p.instrument <> e.payload->>'instrument' OR p.layer <> (e.payload->>'layer')::int"
         " OR p.lots <> (e.payload->>'lots')::bigint OR p.entry_timestamp <> (e.payload->>'entry_at')::timestamptz"
         " OR p.entry_price <> (e.payload->>'entry_price')::numeric OR p.initial_stop <> (e.payload->>'initial_stop')::numeric"
         " OR p.atr <> (e.payload->>'atr')::numeric OR p.limiter <> e.payload->>'limiter'"
         " OR p.opened_seq <> e.seq) ORDER BY e.seq LIMIT 1"},
        {"positions_have_events",
         "SELECT format('position_no %s (%s) has no event that opened it', p.position_no, p.position_id) FROM portfolio_positions p"
         " LEFT JOIN portfolio_events e ON e.seq = p.opened_seq AND e.kind = 'POSITION_OPENED'"
         " WHERE p.opened_seq > " SINCE " AND e.seq IS NULL ORDER BY p.position_no LIMIT 1"},
        {"signals_are_as_their_events",
         "SELECT format('signal_log row of seq %s says %s %s, its event %s %s', s.seq, s.outcome, s.reason, e.payload->>'outcome',"
         " e.payload->>'reason') FROM signal_log s LEFT JOIN portfolio_events e USING (seq)"
         " WHERE e.kind IS DISTINCT FROM 'SIGNAL' OR s.outcome <> e.payload->>'outcome' OR s.reason <> e.payload->>'reason'"
         " OR s.lots <> (e.payload->>'lots')::bigint OR s.price <> (e.payload->>'price')::numeric"
         " OR s.pnl <> (e.payload->>'pnl')::numeric OR s.figures <> e.payload->'figures' OR s.arrived_at <> e.at"
         " OR s.payload <> e.payload->>'payload' ORDER BY s.seq LIMIT 1"},
};

static enum verify_status __attribute__((format(printf, 4, 5)))
differ(struct verify_report *report, enum verify_status status, const char *rule, const char *text, ...)
{
        va_list args;
        snprintf(report->rule, sizeof report->rule, "%s", rule);
        va_start(args, text);
        vsnprintf(report->difference, sizeof report->difference, text, args);
        va_end(args);
        return status;
}

static enum verify_status
server_failed(PGconn *connection, struct verify_report *report, const char *what)
{
        enum verify_status status = differ(report, VERIFY_FAILED, "database", "%s: %s", what, PQerrorMessage(connection));
        size_t size = strlen(report->difference);
        if (size > 0 && report->difference[size - 1] == '\n')
                report->difference[size - 1] = '\0';
        return status;
}

static bool
command(PGconn *connection, const char *sql)
{
        PGresult *result = PQexec(connection, sql);
        bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        return good;
}

static enum verify_status
find_reset(PGconn *connection, uint64_t *reset_seq, struct verify_report *report)
{
        PGresult *rows = PQexec(connection, "SELECT coalesce(max(seq), 0) FROM portfolio_events WHERE kind = 'PORTFOLIO_RESET'");
        bool good = PQresultStatus(rows) == PGRES_TUPLES_OK;
        if (good)
                *reset_seq = strtoull(PQgetvalue(rows, 0, 0), NULL, 10);
        PQclear(rows);
        return good ? VERIFY_OK : server_failed(connection, report, "looking for the newest reset");
}

static enum verify_status
replay(PGconn *connection, struct core *core, uint64_t reset_seq, struct verify_report *report)
{
        for (;;) {
                char after[24];
                const char *values[] = {after};
                snprintf(after, sizeof after, "%" PRIu64, report->last_seq);
                PGresult *rows = PQexecParams(connection, replay_statement.text, 1, NULL, values, NULL, NULL, 0);
                int count = PQntuples(rows);
                const char *why = "unknown";
                bool read = PQresultStatus(rows) == PGRES_TUPLES_OK;
                bool good = read && replay_take(core, rows, reset_seq, &report->last_seq, &why);
                PQclear(rows);
                if (!read)
                        return server_failed(connection, report, "reading portfolio_events");
                if (!good)
                        return differ(report, VERIFY_DIFFERENCE, why, "event %" PRIu64 " does not fit what came before it",
                                      report->last_seq);
                report->events_count += (uint64_t)count;
                if (count == 0)
                        return VERIFY_OK;
        }
}

static enum verify_status
load_rows(PGconn *connection, struct core *core, struct load_report *loaded, struct verify_report *report)
{
        struct load *load = load_begin(core);
        PM_ASSERT(load != NULL);
        for (int query = 0; query < LOAD_QUERY_END; query++) {
                PGresult *rows = PQexec(connection, load_statements[query].text);
                bool read = PQresultStatus(rows) == PGRES_TUPLES_OK;
                if (read)
                        load_take(load, (enum load_query)query, rows);
                PQclear(rows);
                if (!read) {
                        load_abandon(load);
                        return server_failed(connection, report, load_statements[query].name);
                }
        }
        load_finish(load, loaded);
        return VERIFY_OK;
}

/* The next record of a snapshot. The order of instruments that are not configured is that of their first mention, which differs
 * between a replay and a load: so instruments and positions are looked up by name, and only the rest is compared in order. */
static bool
next_record(const struct core *core, uint64_t *cursor, bool by_name, struct event *record)
{
        while (core_export(core, cursor, record, 1) == 1) {
                bool is_named = record->kind == EVENT_LOAD_INSTRUMENT || record->kind == EVENT_LOAD_POSITION;
                if (is_named == by_name)
                        return true;
        }
        *record = (struct event){0};
        return false;
}

/* The record of the same name in another core; kind EVENT_NONE when there is none. */
static struct event
counterpart(const struct core *core, const struct event *record)
{
        struct event event = {0};
        struct core_position position;
        if (record->kind == EVENT_LOAD_INSTRUMENT &&
            core_instrument_state(core, record->load_instrument.instrument, &event.load_instrument)) {
                event.kind = EVENT_LOAD_INSTRUMENT;
        } else if (record->kind == EVENT_LOAD_POSITION &&
                   core_position_of(core, record->position.instrument, record->position.layer, &position)) {
                event.kind = EVENT_LOAD_POSITION;
                event.position = position.position;
        }
        return event;
}

/* Which record it is, for people. */
static void
name_record(const struct event *record, char name[VERIFY_TEXT_SIZE])
{
        if (record->kind == EVENT_LOAD_POSITION)
                snprintf(name, VERIFY_TEXT_SIZE, "position %s_%s (position_no %" PRIu64 ")", record->position.instrument,
                         event_layer_name(record->position.layer), record->position.position_no);
        else if (record->kind == EVENT_LOAD_INSTRUMENT)
                snprintf(name, VERIFY_TEXT_SIZE, "pyramiding_state of %s", record->load_instrument.instrument);
        else if (record->kind == EVENT_LOAD_KEPT)
                snprintf(name, VERIFY_TEXT_SIZE, "signal_log with kept_no %" PRIu64, record->load_kept.kept_no);
        else if (record->kind == EVENT_LOAD_PORTFOLIO)
                snprintf(name, VERIFY_TEXT_SIZE, "portfolio_state");
        else
                snprintf(name, VERIFY_TEXT_SIZE, "memory of probes and commands");
}

/* From at, the end of a member of a JSON object whose values are plain. */
static int
member_size(const char *at)
{
        const char *end = strstr(at + 1, ",\"");
        return (int)(end != NULL ? end - at : (ptrdiff_t)strcspn(at, "}"));
}

/* Two objects of the same members: the first that differs, as "lots":8 and "lots":9. */
static enum verify_status
differ_in_member(const char *name, const char *replayed, const char *stored, struct verify_report *report)
{
        size_t at = 0;
        while (replayed[at] == stored[at])
                at++;
        while (at > 1 && !(replayed[at] == '"' && (replayed[at - 1] == ',' || replayed[at - 1] == '{')))
                at--;
        return differ(report, VERIFY_DIFFERENCE, "rows_are_what_the_events_come_to", "%s: the events say %.*s, the tables %.*s", name,
                      member_size(replayed + at), replayed + at, member_size(stored + at), stored + at);
}

/* A record as the events tell it and as the tables do; kind EVENT_NONE where there is none. */
static enum verify_status
compare_record(const struct event *replayed, const struct event *stored, struct verify_report *report)
{
        char name[VERIFY_TEXT_SIZE];
        name_record(replayed->kind != EVENT_NONE ? replayed : stored, name);
        if (replayed->kind != stored->kind)
                return differ(report, VERIFY_DIFFERENCE, "rows_are_what_the_events_come_to", "%s is only in the %s", name,
                              stored->kind == EVENT_NONE ? "events" : "tables");
        struct json_text a = {0};
        struct json_text b = {0};
        event_json_write(replayed, &a);
        event_json_write(stored, &b);
        enum verify_status status = VERIFY_OK;
        if (strcmp(a.data, b.data) != 0)
                status = differ_in_member(name, a.data, b.data, report);
        json_text_fini(&a);
        json_text_fini(&b);
        return status;
}

static enum verify_status
compare_records(const struct core *replayed, const struct core *stored, struct verify_report *report)
{
        struct event a;
        struct event b;
        uint64_t a_cursor = 0;
        uint64_t b_cursor = 0;
        enum verify_status status = VERIFY_OK;
        for (bool more = true; more && status == VERIFY_OK;) {
                bool a_more = next_record(replayed, &a_cursor, false, &a);
                bool b_more = next_record(stored, &b_cursor, false, &b);
                more = a_more || b_more;
                if (more)
                        status = compare_record(&a, &b, report);
        }
        a_cursor = 0;
        while (status == VERIFY_OK && next_record(replayed, &a_cursor, true, &a)) {
                b = counterpart(stored, &a);
                status = compare_record(&a, &b, report);
        }
        b_cursor = 0;
        while (status == VERIFY_OK && next_record(stored, &b_cursor, true, &b)) {
                a = counterpart(replayed, &b);
                status = compare_record(&a, &b, report);
        }
        return status;
}

static enum verify_status
compare_sets(PGconn *connection, struct verify_report *report)
{
        for (size_t i = 0; i < countof(set_checks); i++) {
                PGresult *rows = PQexec(connection, set_checks[i].sql);
                enum verify_status status = VERIFY_OK;
                if (PQresultStatus(rows) != PGRES_TUPLES_OK)
                        status = server_failed(connection, report, set_checks[i].rule);
                else if (PQntuples(rows) > 0)
                        status = differ(report, VERIFY_DIFFERENCE, set_checks[i].rule, "%s", PQgetvalue(rows, 0, 0));
                PQclear(rows);
                if (status != VERIFY_OK)
                        return status;
        }
        return VERIFY_OK;
}

static enum verify_status
compare_all(PGconn *connection, struct core *replayed, struct core *stored, struct verify_report *report)
{
        struct load_report loaded;
        uint64_t reset_seq = 0;
        enum verify_status status = find_reset(connection, &reset_seq, report);
        if (status == VERIFY_OK)
                status = replay(connection, replayed, reset_seq, report);
        report->digest = core_digest(replayed);
        if (status == VERIFY_OK)
                status = load_rows(connection, stored, &loaded, report);
        if (status != VERIFY_OK)
                return status;
        report->positions_count = loaded.positions_count;
        if (loaded.action == LOAD_ACTION_CREATE)
                return VERIFY_OK; /* nothing was ever stored */
        if (loaded.action == LOAD_ACTION_RESET)
                return differ(report, VERIFY_DIFFERENCE, "portfolio_state_exists",
                              "portfolio_state is empty: the next start begins a fresh portfolio");
        if (loaded.problem == RECOVERY_DATA_CORRUPT)
                return differ(report, VERIFY_DIFFERENCE, loaded.rule, "%s", loaded.detail);
        if (loaded.last_seq != report->last_seq)
                return differ(report, VERIFY_DIFFERENCE, "last_seq_is_newest_event",
                              "portfolio_state says %" PRIu64 ", the events end at %" PRIu64, loaded.last_seq, report->last_seq);
        status = compare_records(replayed, stored, report); /* before what load found, which may be a total: this names the row */
        if (status == VERIFY_OK && loaded.problem != RECOVERY_OK)
                return differ(report, VERIFY_DIFFERENCE, loaded.rule, "%s", loaded.detail);
        if (status == VERIFY_OK && !core_digest_equal(core_digest(replayed), loaded.digest_stored))
                status = differ(report, VERIFY_DIFFERENCE, "digest", "portfolio_state has another digest than the events come to");
        return status == VERIFY_OK ? compare_sets(connection, report) : status;
}

enum verify_status
verify_run(PGconn *connection, const struct config *config, struct verify_report *report)
{
        struct core_options options = {.instruments = config->instruments,
                                       .instruments_count = config->instruments_count,
                                       .dedupe_max = (uint32_t)config->dedupe_max};
        struct core *replayed = core_new(&options);
        struct core *stored = core_new(&options);
        PM_ASSERT(replayed != NULL && stored != NULL);
        *report = (struct verify_report){0};
        enum verify_status status = VERIFY_FAILED;
        if (!command(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") ||
            !command(connection, "SET LOCAL statement_timeout = 0"))
                status = server_failed(connection, report, "beginning to read");
        else
                status = compare_all(connection, replayed, stored, report);
        command(connection, "ROLLBACK");
        core_free(replayed);
        core_free(stored);
        return status;
}
