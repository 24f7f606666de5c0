#include "common/config_table.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/fixed.h"

#define AT(member) offsetof(struct config, member)
#define TEXT_AT(member) offsetof(struct config, member), sizeof(((struct config *)0)->member)
#define RELOAD true
#define START false /* takes effect when the service starts again */

static const char *const level_names[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error", [LOG_LEVEL_END] = NULL};
static const char *const mode_names[] = {[DATABASE_EMBEDDED] = "embedded", [DATABASE_EXTERNAL] = "external", NULL};

/* clang-format off: a table reads in columns. */
const struct config_row config_table[] = {
        {"instance", "name", CONFIG_NAME, TEXT_AT(name), "main", 1, 48, NULL, START,
         "name of this portfolio in logs, in status and at the database server (application_name)"},
        {"instance", "run_dir", CONFIG_PATH, TEXT_AT(run_dir), "/run/pm-supervisor", 1, 0, NULL, START,
         "sockets, locks and the pid file; made with mode 0700"},
        {"instance", "state_dir", CONFIG_PATH, TEXT_AT(state_dir), "/var/lib/pm-supervisor", 1, 200, NULL, START,
         "what outlives a reboot: the embedded database, the maintenance mark"},
        {"instance", "log_file", CONFIG_PATH, TEXT_AT(log_file), "", 0, 0, NULL, START,
         "log file; empty: /var/log/pm-supervisor/portfolio_manager.log, or state_dir/portfolio_manager.log when state_dir was moved"},
        {"instance", "log_level", CONFIG_CHOICE, AT(log_level), 0, "info", 0, 0, level_names, RELOAD, "debug, info, warning or error"},
        {"instance", "user", CONFIG_NAME, TEXT_AT(user), "", 0, 0, NULL, START,
         "when started by root: the user that the worker, the persister and the embedded database run as; empty: root"},

        {"http", "listen", CONFIG_LISTEN, TEXT_AT(listen), "127.0.0.1:5000", 1, 0, NULL, START,
         "address and port of the webhook: 127.0.0.1:5000, 0.0.0.0:80, [::1]:5000"},
        {"http", "secret_file", CONFIG_PATH, TEXT_AT(secret_file), "", 0, 0, NULL, START,
         "file with the webhook's shared secret, mode 0600; senders put it into the field \"secret\" or the header X-PM-Secret"},
        {"http", "allow", CONFIG_CIDRS, TEXT_AT(allow), "", 0, 0, NULL, START,
         "sources that may send, as addresses or CIDRs with spaces or commas between; empty: every source"},
        {"http", "allow_unauthenticated", CONFIG_BOOL, AT(allow_unauthenticated), 0, "no", 0, 0, NULL, START,
         "yes: serve without a secret; anybody who reaches the port can trade"},
        {"http", "connections_max", CONFIG_INT, AT(connections_max), 0, "512", 1, 16384, NULL, START,
         "connections at once; further ones wait in the kernel"},
        {"http", "requests_per_second", CONFIG_INT, AT(requests_per_second), 0, "100", 0, 1000000, NULL, START,
         "requests of one source a second before authentication, more are answered 429; 0: no limit"},

        {"database", "mode", CONFIG_CHOICE, AT(database_mode), 0, "embedded", 0, 0, mode_names, START,
         "embedded: a private PostgreSQL in state_dir; external: the server that database.config names"},
        {"database", "config", CONFIG_PATH, TEXT_AT(database_config), "/etc/pm-supervisor/database_config.json", 0, 0, NULL, START,
         "external: JSON file with host, port, database, user, password; mode 0600"},
        {"database", "bin_dir", CONFIG_PATH, TEXT_AT(database_bin_dir), "", 0, 0, NULL, START,
         "embedded: folder of postgres and initdb; empty: the newest that is installed"},
        {"database", "connect_timeout_ms", CONFIG_INT, AT(connect_timeout_ms), 0, "3000", 100, 60000, NULL, START,
         "an attempt to connect is given up after this"},
        {"database", "statement_timeout_ms", CONFIG_INT, AT(statement_timeout_ms), 0, "5000", 100, 600000, NULL, START,
         "the server gives up a statement after this; the batch is tried again"},

        {"portfolio", "initial_capital", CONFIG_AMOUNT, AT(initial_capital_e6), 0, "5000000", FIXED_ONE_E6, FIXED_MONEY_MAX_E6, NULL, START,
         "starting capital in rupees; read only when the portfolio is created or reset"},
        {"portfolio", "max_future_s", CONFIG_INT, AT(max_future_s), 0, "86400", 0, 31536000, NULL, START,
         "entries and ticks dated further ahead of the clock than this are ignored; 0: none is"},
        {"portfolio", "dedupe_max", CONFIG_INT, AT(dedupe_max), 0, "100000", 1, PM_DEDUPE_MAX, NULL, START,
         "signals remembered against duplicates, for at most 7 days"},

        {"supervision", "heartbeat_ms", CONFIG_INT, AT(heartbeat_ms), 0, "100", 10, 60000, NULL, START,
         "interval between the heartbeats of a child"},
        {"supervision", "watchdog_ms", CONFIG_INT, AT(watchdog_ms), 0, "2000", 100, 600000, NULL, RELOAD,
         "a child that is silent or makes no progress for so long is killed; at least three heartbeats"},
        {"supervision", "restart_budget", CONFIG_INT, AT(restart_budget), 0, "10", 1, 1000, NULL, RELOAD,
         "restarts in a row before a child goes to HOLD"},
        {"supervision", "restart_delay_max_ms", CONFIG_INT, AT(restart_delay_max_ms), 0, "5000", 10, 600000, NULL, RELOAD,
         "the first restart is at once, the delay then doubles up to this"},
        {"supervision", "restart_healthy_ms", CONFIG_INT, AT(restart_healthy_ms), 0, "10000", 100, 86400000, NULL, RELOAD,
         "a child that lived so long gets its restarts back"},
        {"supervision", "hold_retry_ms", CONFIG_INT, AT(hold_retry_ms), 0, "30000", 100, 86400000, NULL, RELOAD,
         "in HOLD a start is tried this often"},
        {"supervision", "start_timeout_ms", CONFIG_INT, AT(start_timeout_ms), 0, "30000", 100, 3600000, NULL, RELOAD,
         "`start` waits so long for READY; the service goes on trying after that"},
        {"supervision", "stop_timeout_ms", CONFIG_INT, AT(stop_timeout_ms), 0, "10000", 100, 3600000, NULL, RELOAD,
         "each step of a stop may take so long, then TERM, then KILL"},
};
/* clang-format on */
const size_t config_table_count = countof(config_table);

enum config_status
config_say(char *out, size_t out_size, enum config_status status, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vsnprintf(out, out_size, format, args);
        va_end(args);
        return status;
}

const struct config_row *
config_table_find(const char *section, const char *key)
{
        for (size_t i = 0; i < config_table_count; i++)
                if (strcmp(config_table[i].section, section) == 0 && strcmp(config_table[i].key, key) == 0)
                        return &config_table[i];
        return NULL;
}

#define INVALID(...) config_say(problem, CONFIG_PROBLEM_SIZE, CONFIG_INVALID, __VA_ARGS__)

static enum config_status
parse_int(const struct config_row *row, const char *value, int64_t *out, char problem[CONFIG_PROBLEM_SIZE])
{
        char *end;
        errno = 0;
        long long number = strtoll(value, &end, 10);
        if (!isdigit((unsigned char)value[value[0] == '-']) || *end != '\0' || errno != 0 || number < row->min || number > row->max)
                return INVALID("must be a whole number from %lld to %lld, not \"%.64s\"", (long long)row->min, (long long)row->max, value);
        *out = number;
        return CONFIG_OK;
}

static enum config_status
parse_amount(const struct config_row *row, const char *value, int64_t *out, char problem[CONFIG_PROBLEM_SIZE])
{
        char low[FIXED_TEXT_SIZE];
        char high[FIXED_TEXT_SIZE];
        int64_t amount_e6;
        fixed_format_short(row->min, low);
        fixed_format_short(row->max, high);
        if (fixed_parse(value, strlen(value), &amount_e6) != FIXED_OK || amount_e6 < row->min || amount_e6 > row->max)
                return INVALID("must be a decimal number from %s to %s, not \"%.64s\"", low, high, value);
        *out = amount_e6;
        return CONFIG_OK;
}

static enum config_status
parse_bool(const char *value, bool *out, char problem[CONFIG_PROBLEM_SIZE])
{
        static const char *const yes[] = {"yes", "true", "on", "1"};
        static const char *const no[] = {"no", "false", "off", "0"};
        for (size_t i = 0; i < countof(yes); i++) {
                bool is_yes = strcasecmp(value, yes[i]) == 0;
                if (is_yes || strcasecmp(value, no[i]) == 0) {
                        *out = is_yes;
                        return CONFIG_OK;
                }
        }
        return INVALID("must be yes or no, not \"%.64s\"", value);
}

static enum config_status
parse_choice(const struct config_row *row, const char *value, int64_t *out, char problem[CONFIG_PROBLEM_SIZE])
{
        char known[128] = "";
        for (size_t i = 0; row->names[i] != NULL; i++) {
                if (strcasecmp(value, row->names[i]) == 0) {
                        *out = (int64_t)i;
                        return CONFIG_OK;
                }
                size_t at = strlen(known);
                snprintf(known + at, sizeof known - at, "%s%s", i > 0 ? ", " : "", row->names[i]);
        }
        return INVALID("must be one of %s, not \"%.64s\"", known, value);
}

/* What an INI file could not give back: it would be read as a comment, or trimmed. */
static bool
is_writable_text(const char *value)
{
        if (value[0] == ';' || strstr(value, " ;") != NULL)
                return false;
        if (value[0] != '\0' && (isspace((unsigned char)value[0]) || isspace((unsigned char)value[strlen(value) - 1])))
                return false;
        for (const char *c = value; *c != '\0'; c++)
                if (iscntrl((unsigned char)*c))
                        return false;
        return true;
}

static bool
is_address(const char *text, size_t size, int *bits_max)
{
        char copy[INET6_ADDRSTRLEN + 1];
        unsigned char bytes[sizeof(struct in6_addr)];
        if (size >= sizeof copy)
                return false;
        memcpy(copy, text, size);
        copy[size] = '\0';
        *bits_max = strchr(copy, ':') != NULL ? 128 : 32;
        return inet_pton(*bits_max == 128 ? AF_INET6 : AF_INET, copy, bytes) == 1;
}

static bool
is_number_to(const char *text, size_t size, int max)
{
        int value = 0;
        for (size_t i = 0; i < size; i++) {
                if (!isdigit((unsigned char)text[i]) || size > 5)
                        return false;
                value = value * 10 + (text[i] - '0');
        }
        return size > 0 && value <= max;
}

static enum config_status
check_listen(const char *text, char problem[CONFIG_PROBLEM_SIZE])
{
        const char *colon = strrchr(text, ':');
        int bits;
        bool is_good = colon != NULL && is_number_to(colon + 1, strlen(colon + 1), 65535) && strspn(colon + 1, "0") < strlen(colon + 1);
        if (is_good && text[0] == '[')
                is_good = colon > text + 1 && colon[-1] == ']' && is_address(text + 1, (size_t)(colon - text) - 2, &bits) && bits == 128;
        else if (is_good)
                is_good = is_address(text, (size_t)(colon - text), &bits) && bits == 32;
        return is_good ? CONFIG_OK : INVALID("must be ADDRESS:PORT like 127.0.0.1:5000 or [::1]:5000, not \"%.64s\"", text);
}

static enum config_status
check_cidrs(const char *at, char problem[CONFIG_PROBLEM_SIZE])
{
        for (;;) {
                at += strspn(at, ", \t");
                size_t size = strcspn(at, ", \t");
                if (size == 0)
                        return CONFIG_OK;
                const char *slash = memchr(at, '/', size);
                size_t address_size = slash != NULL ? (size_t)(slash - at) : size;
                int bits;
                if (!is_address(at, address_size, &bits) || (slash != NULL && !is_number_to(slash + 1, size - address_size - 1, bits)))
                        return INVALID("\"%.*s\" is no address and no CIDR like 10.0.0.0/8 or fd00::/8", (int)(size < 64 ? size : 64), at);
                at += size;
        }
}

static enum config_status
check_name(const char *text, char problem[CONFIG_PROBLEM_SIZE])
{
        bool is_good = text[0] != '-';
        for (const char *c = text; *c != '\0' && is_good; c++)
                is_good = isalnum((unsigned char)*c) || strchr("_-.", *c) != NULL;
        return is_good ? CONFIG_OK : INVALID("must be letters, digits, _, - and ., and not begin with -, not \"%.64s\"", text);
}

/* What a text must look like, beside its length. */
static enum config_status
check_shape(const struct config_row *row, const char *value, char problem[CONFIG_PROBLEM_SIZE])
{
        if (!is_writable_text(value))
                return INVALID("must not begin or end with a space, begin with ;, hold a space and ; together, or control characters");
        if (row->type == CONFIG_LISTEN && value[0] != '\0')
                return check_listen(value, problem);
        if (row->type == CONFIG_CIDRS)
                return check_cidrs(value, problem);
        if (row->type == CONFIG_NAME)
                return check_name(value, problem);
        return CONFIG_OK;
}

static enum config_status
parse_text(const struct config_row *row, const char *value, const char *folder, char *out, char problem[CONFIG_PROBLEM_SIZE])
{
        char whole[2 * CONFIG_VALUE_SIZE];
        enum config_status status = check_shape(row, value, problem);
        if (status != CONFIG_OK)
                return status;
        bool is_relative = row->type == CONFIG_PATH && value[0] != '/' && value[0] != '\0';
        while (is_relative && strncmp(value, "./", 2) == 0)
                value += 2;
        int size = snprintf(whole, sizeof whole, "%s%s%s", is_relative ? folder : "",
                            is_relative && folder[strlen(folder) - 1] != '/' ? "/" : "", value);
        size_t max = row->max > 0 ? (size_t)row->max : row->size - 1;
        if (size < 0 || (size_t)size > max)
                return INVALID("is %d bytes long%s; at most %zu are possible", size, is_relative ? " with its folder" : "", max);
        if ((int64_t)size < row->min)
                return INVALID("must not be empty");
        memcpy(out, whole, (size_t)size + 1);
        return CONFIG_OK;
}

enum config_status
config_table_parse(struct config *config, const struct config_row *row, const char *value, const char *folder,
                   char problem[CONFIG_PROBLEM_SIZE])
{
        void *at = (char *)config + row->offset;
        switch (row->type) {
        case CONFIG_INT: return parse_int(row, value, at, problem);
        case CONFIG_BOOL: return parse_bool(value, at, problem);
        case CONFIG_AMOUNT: return parse_amount(row, value, at, problem);
        case CONFIG_TEXT:
        case CONFIG_LISTEN:
        case CONFIG_CIDRS:
        case CONFIG_NAME:
        case CONFIG_PATH: return parse_text(row, value, folder, at, problem);
        case CONFIG_CHOICE: return parse_choice(row, value, at, problem);
        }
        PM_UNREACHABLE();
}

void
config_table_format(const struct config *config, const struct config_row *row, char out[CONFIG_VALUE_SIZE])
{
        const void *at = (const char *)config + row->offset;
        switch (row->type) {
        case CONFIG_INT: snprintf(out, CONFIG_VALUE_SIZE, "%lld", (long long)*(const int64_t *)at); return;
        case CONFIG_BOOL: snprintf(out, CONFIG_VALUE_SIZE, "%s", *(const bool *)at ? "yes" : "no"); return;
        case CONFIG_AMOUNT: fixed_format_short(*(const int64_t *)at, out); return;
        case CONFIG_TEXT:
        case CONFIG_LISTEN:
        case CONFIG_CIDRS:
        case CONFIG_NAME:
        case CONFIG_PATH: snprintf(out, CONFIG_VALUE_SIZE, "%s", (const char *)at); return;
        case CONFIG_CHOICE: snprintf(out, CONFIG_VALUE_SIZE, "%s", row->names[*(const int64_t *)at]); return;
        }
        PM_UNREACHABLE();
}
