#include "supervisor/status_json.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/fixed.h"

/* How one member is written. Decimals keep their own text: no binary floating point on the way. */
enum cell_type {
        CELL_TEXT,     /* char[size] */
        CELL_BOOL,     /* bool */
        CELL_U32,      /* uint32_t */
        CELL_U64,      /* uint64_t */
        CELL_I64,      /* int64_t */
        CELL_E6,       /* int64_t micro-units: exact decimal */
        CELL_MS,       /* int64_t microseconds: milliseconds with three decimals; null when negative */
        CELL_SECONDS,  /* int64_t microseconds: whole seconds */
        CELL_TIME,     /* int64_t microseconds since 1970: ISO text; null when 0 */
        CELL_DIGEST,   /* struct digest: 32 hex digits */
        CELL_STATE,    /* enum status_state */
        CELL_ROLE,     /* enum role */
        CELL_PROBLEM,  /* enum store_problem */
        CELL_STORE,    /* the same as "available" or "away": written, not read */
        CELL_RECOVERY, /* enum recovery_problem */
};

struct cell {
        const char *key;
        enum cell_type type;
        size_t offset;
        size_t size;
};

#define CELL(owner, type, key, member)                                                                                                     \
        {                                                                                                                                  \
                key, type, offsetof(struct owner, member), sizeof(((struct owner *)0)->member)                                             \
        }

static const struct cell top_cells[] = {
        CELL(status, CELL_TEXT, "instance", instance),
        CELL(status, CELL_TEXT, "version", version),
        CELL(status, CELL_STATE, "state", state),
        CELL(status, CELL_TEXT, "reason", reason),
        CELL(status, CELL_BOOL, "ready", ready),
        CELL(status, CELL_BOOL, "ready_ever", ready_ever),
        CELL(status, CELL_BOOL, "maintenance", maintenance),
        CELL(status, CELL_BOOL, "stopping", stopping),
        CELL(status, CELL_SECONDS, "uptime_s", uptime_us),
        CELL(status, CELL_U32, "pid", pid),
        CELL(status, CELL_TEXT, "listen", listen),
        CELL(status, CELL_TEXT, "config", config_path),
        CELL(status, CELL_TEXT, "log_file", log_file),
        CELL(status, CELL_RECOVERY, "recovery_problem", recovery_problem),
        CELL(status, CELL_TEXT, "recovery_detail", recovery_detail),
};

static const struct cell child_cells[] = {
        CELL(status_child, CELL_ROLE, "role", role),
        CELL(status_child, CELL_TEXT, "state", state),
        CELL(status_child, CELL_BOOL, "hold", in_hold),
        CELL(status_child, CELL_U32, "pid", pid),
        CELL(status_child, CELL_SECONDS, "uptime_s", uptime_us),
        CELL(status_child, CELL_U64, "restarts", restarts_count),
        CELL(status_child, CELL_TEXT, "last_exit", last_exit),
        CELL(status_child, CELL_MS, "heartbeat_age_ms", heartbeat_age_us),
        CELL(status_child, CELL_U64, "progress", progress),
        CELL(status_child, CELL_U64, "queued", queued),
        CELL(status_child, CELL_MS, "retry_in_ms", retry_in_us),
};

static const struct cell recovery_cells[] = {
        CELL(status_recovery, CELL_TEXT, "what", what),
        CELL(status_recovery, CELL_TEXT, "cause", cause),
        CELL(status_recovery, CELL_TIME, "at", at_us),
        CELL(status_recovery, CELL_U64, "positions", positions_count),
        CELL(status_recovery, CELL_MS, "detect_ms", detect_us),
        CELL(status_recovery, CELL_MS, "spawn_ms", spawn_us),
        CELL(status_recovery, CELL_MS, "connect_ms", connect_us),
        CELL(status_recovery, CELL_MS, "load_ms", load_us),
        CELL(status_recovery, CELL_MS, "verify_ms", verify_us),
        CELL(status_recovery, CELL_MS, "total_ms", total_us),
        CELL(status_recovery, CELL_U64, "incarnation", incarnation),
        CELL(status_recovery, CELL_U64, "seq", seq),
        CELL(status_recovery, CELL_DIGEST, "digest", digest),
};

static const struct cell storage_cells[] = {
        CELL(status_storage, CELL_STORE, "state", problem),
        CELL(status_storage, CELL_TEXT, "server", server),
        CELL(status_storage, CELL_PROBLEM, "problem", problem),
        CELL(status_storage, CELL_TEXT, "sqlstate", sqlstate),
        CELL(status_storage, CELL_TEXT, "message", message),
        CELL(status_storage, CELL_BOOL, "embedded", embedded),
        CELL(status_storage, CELL_BOOL, "fsync_off", fsync_off),
        CELL(status_storage, CELL_MS, "commit_p50_ms", commit_p50_us),
        CELL(status_storage, CELL_MS, "commit_p99_ms", commit_p99_us),
        CELL(status_storage, CELL_U64, "queued", queued_events),
        CELL(status_storage, CELL_U64, "stored_seq", stored_seq),
        CELL(status_storage, CELL_I64, "database_size", database_size),
};

static const struct cell portfolio_cells[] = {
        CELL(status_portfolio, CELL_E6, "initial_capital", initial_capital_e6),
        CELL(status_portfolio, CELL_E6, "closed_equity", closed_equity_e6),
        CELL(status_portfolio, CELL_E6, "equity_high", equity_high_e6),
        CELL(status_portfolio, CELL_E6, "blended_equity", blended_equity_e6),
        CELL(status_portfolio, CELL_E6, "unrealized", unrealized_e6),
        CELL(status_portfolio, CELL_U64, "positions", positions_count),
        CELL(status_portfolio, CELL_E6, "risk_amount", risk_amount_e6),
        CELL(status_portfolio, CELL_E6, "risk_percent", risk_percent_e6),
        CELL(status_portfolio, CELL_E6, "vol_percent", vol_percent_e6),
        CELL(status_portfolio, CELL_E6, "margin_used", margin_used_e6),
        CELL(status_portfolio, CELL_E6, "margin_percent", margin_percent_e6),
        CELL(status_portfolio, CELL_BOOL, "paused", paused),
        CELL(status_portfolio, CELL_BOOL, "accepting", accepting),
        CELL(status_portfolio, CELL_U64, "incarnation", incarnation),
        CELL(status_portfolio, CELL_U64, "decided_seq", decided_seq),
        CELL(status_portfolio, CELL_U64, "acked_seq", acked_seq),
        CELL(status_portfolio, CELL_DIGEST, "digest", digest),
};

static const struct cell signals_cells[] = {
        CELL(status_signals, CELL_U64, "received", received_count),
        CELL(status_signals, CELL_U64, "executed", executed_count),
        CELL(status_signals, CELL_U64, "blocked", blocked_count),
        CELL(status_signals, CELL_U64, "rejected", rejected_count),
        CELL(status_signals, CELL_U64, "duplicates", duplicate_count),
        CELL(status_signals, CELL_U64, "ignored", ignored_count),
        CELL(status_signals, CELL_U64, "processed", processed_count),
        CELL(status_signals, CELL_U64, "invalid", invalid_count),
        CELL(status_signals, CELL_U64, "unavailable", unavailable_count),
        CELL(status_signals, CELL_U64, "outbox", outbox_count),
        CELL(status_signals, CELL_U64, "waiting", waiting_count),
        CELL(status_signals, CELL_U64, "kept", kept_count),
        CELL(status_signals, CELL_TIME, "last_signal_at", last_signal_at_us),
};

static const struct cell warning_cells[] = {
        CELL(status_warning, CELL_TEXT, "text", text),
        CELL(status_warning, CELL_TEXT, "command", command),
};

/* Sections that are one object or null. */
struct section {
        const char *key;
        size_t offset;
        size_t known_offset;
        const struct cell *cells;
        size_t cells_count;
};

#define SECTION(name)                                                                                                                      \
        {                                                                                                                                  \
#name, offsetof(struct status, name), offsetof(struct status, name.known), name##_cells, countof(name##_cells)             \
        }
static const struct section sections[] = {
        SECTION(recovery),
        SECTION(storage),
        SECTION(portfolio),
        SECTION(signals),
};

static struct json_object *cell_new(const struct cell *cell, const char *owner);
static bool cell_read(const struct cell *cell, struct json_object *value, char *owner);

static void
add(struct json_object *object, const char *key, struct json_object *value)
{
        PM_ASSERT(json_object_object_add(object, key, value) == 0);
}

static struct json_object *
object_new(const struct cell *cells, size_t cells_count, const void *owner)
{
        struct json_object *object = json_object_new_object();
        PM_ASSERT(object != NULL);
        for (size_t i = 0; i < cells_count; i++)
                add(object, cells[i].key, cell_new(&cells[i], owner));
        return object;
}

static struct json_object *
array_new(const struct cell *cells, size_t cells_count, const void *rows, size_t row_size, size_t rows_count)
{
        struct json_object *array = json_object_new_array();
        PM_ASSERT(array != NULL);
        for (size_t i = 0; i < rows_count; i++)
                PM_ASSERT(json_object_array_add(array, object_new(cells, cells_count, (const char *)rows + i * row_size)) == 0);
        return array;
}

struct json_object *
status_json_new(const struct status *status)
{
        struct json_object *object = object_new(top_cells, countof(top_cells), status);
        add(object, "children",
            array_new(child_cells, countof(child_cells), status->children, sizeof(status->children[0]), status->children_count));
        for (size_t i = 0; i < countof(sections); i++) {
                const struct section *section = &sections[i];
                const char *base = (const char *)status;
                bool known = *(const bool *)(base + section->known_offset);
                add(object, section->key, known ? object_new(section->cells, section->cells_count, base + section->offset) : NULL);
        }
        add(object, "warnings",
            array_new(warning_cells, countof(warning_cells), status->warnings, sizeof(status->warnings[0]), status->warnings_count));
        return object;
}

static bool
read_object(const struct cell *cells, size_t cells_count, struct json_object *object, void *owner, const char **field)
{
        if (!json_object_is_type(object, json_type_object))
                return false;
        for (size_t i = 0; i < cells_count; i++) {
                struct json_object *value;
                if (!json_object_object_get_ex(object, cells[i].key, &value))
                        continue;
                *field = cells[i].key;
                if (!cell_read(&cells[i], value, owner))
                        return false;
        }
        return true;
}

static bool
read_array(const struct cell *cells, size_t cells_count, struct json_object *array, void *rows, size_t row_size, size_t rows_max,
           uint32_t *rows_count, const char **field)
{
        if (!json_object_is_type(array, json_type_array))
                return false;
        size_t count = json_object_array_length(array);
        if (count > rows_max)
                return false;
        for (size_t i = 0; i < count; i++) {
                if (!read_object(cells, cells_count, json_object_array_get_idx(array, i), (char *)rows + i * row_size, field))
                        return false;
        }
        *rows_count = (uint32_t)count;
        return true;
}

enum status_json_status
status_json_read(struct status *status, struct json_object *object, const char **field)
{
        const char *unused = NULL;
        const char **where = field != NULL ? field : &unused;
        struct json_object *value;
        memset(status, 0, sizeof(*status));
        *where = "status";
        if (!read_object(top_cells, countof(top_cells), object, status, where))
                return STATUS_JSON_BAD;
        for (size_t i = 0; i < countof(sections); i++) {
                const struct section *section = &sections[i];
                if (!json_object_object_get_ex(object, section->key, &value) || value == NULL)
                        continue;
                *where = section->key;
                if (!read_object(section->cells, section->cells_count, value, (char *)status + section->offset, where))
                        return STATUS_JSON_BAD;
                *(bool *)((char *)status + section->known_offset) = true;
        }
        *where = "children";
        if (json_object_object_get_ex(object, "children", &value) &&
            !read_array(child_cells, countof(child_cells), value, status->children, sizeof(status->children[0]), STATUS_CHILDREN_MAX,
                        &status->children_count, where))
                return STATUS_JSON_BAD;
        *where = "warnings";
        if (json_object_object_get_ex(object, "warnings", &value) &&
            !read_array(warning_cells, countof(warning_cells), value, status->warnings, sizeof(status->warnings[0]), STATUS_WARNINGS_MAX,
                        &status->warnings_count, where))
                return STATUS_JSON_BAD;
        return STATUS_JSON_OK;
}

/* json-c prints the text as it stands; the double beside it is never looked at. */
static struct json_object *
decimal_new(const char *text)
{
        return json_object_new_double_s(0, text);
}

static struct json_object *
ms_new(int64_t us)
{
        char text[FIXED_TEXT_SIZE];
        if (us < 0)
                return NULL;
        snprintf(text, sizeof(text), "%" PRId64 ".%03d", us / 1000, (int)(us % 1000));
        return decimal_new(text);
}

static struct json_object *
time_new(int64_t at_us)
{
        char text[CLOCK_TEXT_SIZE];
        if (at_us == 0)
                return NULL;
        clock_format_us(at_us, text);
        return json_object_new_string(text);
}

static struct json_object *
digest_new(const struct digest *digest)
{
        char text[33];
        snprintf(text, sizeof(text), "%016" PRIx64 "%016" PRIx64, digest->high, digest->low);
        return json_object_new_string(text);
}

static struct json_object *
name_new(const char *name)
{
        return name != NULL ? json_object_new_string(name) : NULL;
}

static struct json_object *
cell_new(const struct cell *cell, const char *owner)
{
        const void *at = owner + cell->offset;
        char text[FIXED_TEXT_SIZE];
        switch (cell->type) {
        case CELL_TEXT: return json_object_new_string_len(at, (int)strnlen(at, cell->size));
        case CELL_BOOL: return json_object_new_boolean(*(const bool *)at);
        case CELL_U32: return json_object_new_int64(*(const uint32_t *)at);
        case CELL_U64: return json_object_new_uint64(*(const uint64_t *)at);
        case CELL_I64: return json_object_new_int64(*(const int64_t *)at);
        case CELL_E6: fixed_format_short(*(const int64_t *)at, text); return decimal_new(text);
        case CELL_MS: return ms_new(*(const int64_t *)at);
        case CELL_SECONDS: return json_object_new_int64(*(const int64_t *)at / 1000000);
        case CELL_TIME: return time_new(*(const int64_t *)at);
        case CELL_DIGEST: return digest_new(at);
        case CELL_STATE: return name_new(status_state_name((int)*(const enum status_state *)at));
        case CELL_ROLE: return name_new(msg_role_name((int)*(const enum role *)at));
        case CELL_STORE: return name_new(*(const enum store_problem *)at == STORE_PROBLEM_NONE ? "available" : "away");
        case CELL_PROBLEM: return name_new(msg_store_problem_name((int)*(const enum store_problem *)at));
        case CELL_RECOVERY: return name_new(msg_recovery_problem_name((int)*(const enum recovery_problem *)at));
        }
        PM_UNREACHABLE();
}

static bool
read_decimal(struct json_object *value, int64_t *value_e6)
{
        enum json_type type = json_object_get_type(value);
        if (type != json_type_int && type != json_type_double)
                return false;
        const char *text = json_object_to_json_string(value);
        return fixed_parse(text, strlen(text), value_e6) == FIXED_OK;
}

static bool
read_ms(struct json_object *value, int64_t *us)
{
        int64_t ms_e6;
        *us = -1;
        if (value == NULL)
                return true;
        if (!read_decimal(value, &ms_e6))
                return false;
        *us = ms_e6 / 1000;
        return true;
}

static bool
read_time(struct json_object *value, int64_t *at_us)
{
        int year, month, day, hour, minute, second;
        int micros;
        char zone;
        *at_us = 0;
        if (value == NULL)
                return true;
        if (!json_object_is_type(value, json_type_string) ||
            sscanf(json_object_get_string(value), "%4d-%2d-%2dT%2d:%2d:%2d.%6d%c", &year, &month, &day, &hour, &minute, &second, &micros,
                   &zone) != 8 ||
            zone != 'Z' || day < 1 || day > clock_month_days(year, month))
                return false;
        *at_us = ((clock_days_of(year, month, day) * 24 + hour) * 60 + minute) * 60000000LL + second * 1000000LL + micros;
        return true;
}

static bool
read_digest(struct json_object *value, struct digest *digest)
{
        return json_object_is_type(value, json_type_string) && json_object_get_string_len(value) == 32 &&
               sscanf(json_object_get_string(value), "%16" SCNx64 "%16" SCNx64, &digest->high, &digest->low) == 2;
}

static bool
read_name(struct json_object *value, const char *(*name_of)(int), int end, int *found)
{
        if (!json_object_is_type(value, json_type_string))
                return false;
        for (int i = 0; i < end; i++) {
                const char *name = name_of(i);
                if (name != NULL && strcmp(name, json_object_get_string(value)) == 0) {
                        *found = i;
                        return true;
                }
        }
        return false;
}

static bool
read_text(struct json_object *value, char *out, size_t out_size)
{
        if (!json_object_is_type(value, json_type_string))
                return false;
        snprintf(out, out_size, "%s", json_object_get_string(value));
        return true;
}

static bool
read_integer(struct json_object *value, int64_t *number)
{
        if (!json_object_is_type(value, json_type_int))
                return false;
        *number = json_object_get_int64(value);
        return true;
}

static bool
cell_read(const struct cell *cell, struct json_object *value, char *owner)
{
        void *at = owner + cell->offset;
        int64_t number = 0;
        int name = 0;
        bool good = false;
        switch (cell->type) {
        case CELL_TEXT: return read_text(value, at, cell->size);
        case CELL_BOOL: *(bool *)at = json_object_get_boolean(value); return json_object_is_type(value, json_type_boolean);
        case CELL_U32:
                good = read_integer(value, &number) && number >= 0 && number <= UINT32_MAX;
                *(uint32_t *)at = good ? (uint32_t)number : 0;
                return good;
        case CELL_U64: *(uint64_t *)at = json_object_get_uint64(value); return json_object_is_type(value, json_type_int);
        case CELL_I64: return read_integer(value, at);
        case CELL_E6: return read_decimal(value, at);
        case CELL_MS: return read_ms(value, at);
        case CELL_SECONDS:
                good = read_integer(value, &number) && number >= 0 && number <= INT64_MAX / 1000000;
                *(int64_t *)at = good ? number * 1000000 : 0;
                return good;
        case CELL_TIME: return read_time(value, at);
        case CELL_DIGEST: return read_digest(value, at);
        case CELL_STATE:
                good = read_name(value, status_state_name, STATUS_STATE_END, &name);
                *(enum status_state *)at = (enum status_state)name;
                return good;
        case CELL_ROLE:
                good = read_name(value, msg_role_name, ROLE_END, &name);
                *(enum role *)at = (enum role)name;
                return good;
        case CELL_STORE: return true;
        case CELL_PROBLEM:
                good = read_name(value, msg_store_problem_name, STORE_PROBLEM_END, &name);
                *(enum store_problem *)at = (enum store_problem)name;
                return good;
        case CELL_RECOVERY:
                good = read_name(value, msg_recovery_problem_name, RECOVERY_PROBLEM_END, &name);
                *(enum recovery_problem *)at = (enum recovery_problem)name;
                return good;
        }
        PM_UNREACHABLE();
}
