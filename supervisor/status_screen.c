#include "supervisor/status_screen.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/fixed.h"

enum colour { COLOUR_NONE = 0, COLOUR_GOOD, COLOUR_CARE, COLOUR_BAD, COLOUR_FAINT };

/* The screen being printed. */
struct screen {
        FILE *out;
        bool colour;
};

#define DURATION_SIZE 32
#define MONEY_SIZE 48

static void print_head(const struct screen *screen, const struct status *status);
static void print_children(const struct screen *screen, const struct status *status);
static void print_recovery(const struct screen *screen, const struct status *status);
static void print_storage(const struct screen *screen, const struct status *status);
static void print_portfolio(const struct screen *screen, const struct status *status);
static void print_signals(const struct screen *screen, const struct status *status);
static void print_warnings(const struct screen *screen, const struct status *status);

void
status_screen_print(const struct status *status, FILE *out, bool colour)
{
        struct screen screen = {out, colour};
        print_head(&screen, status);
        if (status->children_count > 0) {
                print_children(&screen, status);
                print_recovery(&screen, status);
                print_storage(&screen, status);
                print_portfolio(&screen, status);
                print_signals(&screen, status);
        }
        print_warnings(&screen, status);
}

static const char *
paint(const struct screen *screen, enum colour colour)
{
        static const char *const codes[] = {
                [COLOUR_NONE] = "\033[0m", [COLOUR_GOOD] = "\033[32m", [COLOUR_CARE] = "\033[33m",
                [COLOUR_BAD] = "\033[31m", [COLOUR_FAINT] = "\033[2m",
        };
        return screen->colour ? codes[colour] : "";
}

static enum colour
colour_of_state(enum status_state state)
{
        switch (status_exit_code(&(struct status){.state = state})) {
        case STATUS_RUNNING: return COLOUR_GOOD;
        case STATUS_STARTING:
        case STATUS_DEGRADED:
        case STATUS_MAINTENANCE: return COLOUR_CARE;
        case STATUS_HOLD:
        case STATUS_DEAD_PID_FILE:
        case STATUS_DEAD_LOCK_FILE:
        case STATUS_NOT_RUNNING:
        case STATUS_UNKNOWN: break;
        }
        return COLOUR_BAD;
}

/* "3d 4h", "2h 13m", "5m 7s", "12s": two units are enough for a person. */
static char *
format_duration(int64_t us, char out[DURATION_SIZE])
{
        int64_t s = us > 0 ? us / 1000000 : 0;
        if (s >= 86400)
                snprintf(out, DURATION_SIZE, "%" PRId64 "d %" PRId64 "h", s / 86400, s / 3600 % 24);
        else if (s >= 3600)
                snprintf(out, DURATION_SIZE, "%" PRId64 "h %" PRId64 "m", s / 3600, s / 60 % 60);
        else if (s >= 60)
                snprintf(out, DURATION_SIZE, "%" PRId64 "m %" PRId64 "s", s / 60, s % 60);
        else
                snprintf(out, DURATION_SIZE, "%" PRId64 "s", s);
        return out;
}

static char *
format_age(int64_t us, char out[DURATION_SIZE])
{
        if (us < 0)
                snprintf(out, DURATION_SIZE, "-");
        else if (us < 10000000)
                snprintf(out, DURATION_SIZE, "%" PRId64 ".%01ds ago", us / 1000000, (int)(us / 100000 % 10));
        else
                snprintf(out, DURATION_SIZE, "%" PRId64 "s ago", us / 1000000);
        return out;
}

/* At least two decimals, digits in groups of three: "5,000,000.00", "-1,250.125". */
static char *
format_money(int64_t value_e6, char out[MONEY_SIZE])
{
        char text[FIXED_TEXT_SIZE];
        fixed_format(value_e6, text);
        size_t size = strlen(text);
        size_t point = (size_t)(strchr(text, '.') - text);
        while (text[size - 1] == '0' && size - point > 3)
                size--;
        size_t at = 0;
        for (size_t i = 0; i < size; i++) {
                if (i > 0 && i < point && (point - i) % 3 == 0 && text[i - 1] != '-')
                        out[at++] = ',';
                out[at++] = text[i];
        }
        out[at] = '\0';
        return out;
}

/* Two decimals, rounded: for percentages on a screen. */
static char *
format_percent(int64_t value_e6, char out[MONEY_SIZE])
{
        return format_money((int64_t)fixed_div_round(value_e6, 10000) * 10000, out);
}

static char *
format_size(int64_t bytes, char out[DURATION_SIZE])
{
        static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
        size_t unit = 0;
        int64_t tenths = bytes > 0 && bytes < INT64_MAX / 10 ? bytes * 10 : 0;
        while (tenths >= 10240 && unit + 1 < countof(units)) {
                tenths /= 1024;
                unit++;
        }
        if (unit == 0)
                snprintf(out, DURATION_SIZE, "%" PRId64 " B", tenths / 10);
        else
                snprintf(out, DURATION_SIZE, "%" PRId64 ".%d %s", tenths / 10, (int)(tenths % 10), units[unit]);
        return out;
}

static char *
format_ms(int64_t us, char out[DURATION_SIZE])
{
        if (us < 0)
                snprintf(out, DURATION_SIZE, "-");
        else
                snprintf(out, DURATION_SIZE, "%" PRId64 ".%03d", us / 1000, (int)(us % 1000));
        return out;
}

static const char *
state_text(enum status_state state)
{
        static const char *const texts[STATUS_STATE_END] = {
                [STATUS_STATE_DEAD_PID_FILE] = "dead, but its pid file is there",
                [STATUS_STATE_DEAD_LOCK_FILE] = "dead, but a lock is held",
                [STATUS_STATE_NOT_RUNNING] = "not running",
        };
        return texts[state] != NULL ? texts[state] : status_state_name((int)state);
}

static void
print_head(const struct screen *screen, const struct status *status)
{
        char uptime[DURATION_SIZE];
        fprintf(screen->out, "pm-supervisor %s  instance %s: %s%s%s\n", status->version, status->instance,
                paint(screen, colour_of_state(status->state)), state_text(status->state), paint(screen, COLOUR_NONE));
        if (status->reason[0] != '\0')
                fprintf(screen->out, "  %s\n", status->reason);
        if (status->children_count > 0)
                fprintf(screen->out, "  pid %" PRIu32 ", up %s, http://%s, config %s, log %s\n", status->pid,
                        format_duration(status->uptime_us, uptime), status->listen,
                        status->config_path[0] != '\0' ? status->config_path : "built-in defaults",
                        status->log_file[0] != '\0' ? status->log_file : "stderr");
}

static void
print_children(const struct screen *screen, const struct status *status)
{
        char uptime[DURATION_SIZE];
        char age[DURATION_SIZE];
        char retry[DURATION_SIZE + 16];
        fprintf(screen->out, "\n%s%-10s %-12s %8s %-9s %8s  %-10s %s%s\n", paint(screen, COLOUR_FAINT), "CHILD", "STATE", "PID", "UP",
                "RESTARTS", "HEARTBEAT", "LAST EXIT", paint(screen, COLOUR_NONE));
        for (uint32_t i = 0; i < status->children_count; i++) {
                const struct status_child *child = &status->children[i];
                char pid[16] = "-";
                if (child->pid != 0)
                        snprintf(pid, sizeof(pid), "%" PRIu32, child->pid);
                retry[0] = '\0';
                if (child->retry_in_us >= 0 && child->pid == 0) {
                        snprintf(retry, sizeof(retry), " (next in %" PRId64 ".%d s)", child->retry_in_us / 1000000,
                                 (int)(child->retry_in_us / 100000 % 10));
                }
                enum colour colour = child->in_hold ? COLOUR_BAD : child->pid == 0 ? COLOUR_CARE : COLOUR_GOOD;
                fprintf(screen->out, "%-10s %s%-12s%s %8s %-9s %8" PRIu64 "  %-10s %s%s\n", msg_role_name((int)child->role),
                        paint(screen, colour), child->state, paint(screen, COLOUR_NONE), pid,
                        child->pid != 0 ? format_duration(child->uptime_us, uptime) : "-", child->restarts_count,
                        format_age(child->heartbeat_age_us, age), child->last_exit[0] != '\0' ? child->last_exit : "-", retry);
        }
}

static void
print_recovery(const struct screen *screen, const struct status *status)
{
        const struct status_recovery *recovery = &status->recovery;
        char total[DURATION_SIZE], detect[DURATION_SIZE], spawn[DURATION_SIZE], connect[DURATION_SIZE], load[DURATION_SIZE],
                verify[DURATION_SIZE];
        char at[CLOCK_TEXT_SIZE];
        if (!recovery->known) {
                fprintf(screen->out, "\nRecovery   none yet\n");
                return;
        }
        clock_format_s(recovery->at_us, at);
        bool told = strcmp(recovery->what, recovery->cause) == 0; /* "start" */
        fprintf(screen->out, "\nRecovery   %s%s%s: %" PRIu64 " positions in %s ms, at %s\n", recovery->what, told ? "" : ", ",
                told ? "" : recovery->cause, recovery->positions_count, format_ms(recovery->total_us, total), at);
        fprintf(screen->out, "           detect %s  spawn %s  connect %s  load %s  verify %s  total %s ms\n",
                format_ms(recovery->detect_us, detect), format_ms(recovery->spawn_us, spawn), format_ms(recovery->connect_us, connect),
                format_ms(recovery->load_us, load), format_ms(recovery->verify_us, verify), total);
        fprintf(screen->out, "           incarnation %" PRIu64 ", seq %" PRIu64 ", digest %016" PRIx64 "%016" PRIx64 "\n",
                recovery->incarnation, recovery->seq, recovery->digest.high, recovery->digest.low);
}

static void
print_storage(const struct screen *screen, const struct status *status)
{
        const struct status_storage *storage = &status->storage;
        char p50[DURATION_SIZE], p99[DURATION_SIZE], size[DURATION_SIZE];
        if (!storage->known) {
                fprintf(screen->out, "Storage    not known yet\n");
                return;
        }
        bool away = storage->problem != STORE_PROBLEM_NONE;
        fprintf(screen->out, "Storage    %s%s: %s%s%s%s%s%s\n", storage->server[0] != '\0' ? storage->server : "no server yet",
                storage->embedded ? " (embedded)" : "", paint(screen, away ? COLOUR_BAD : COLOUR_GOOD),
                away ? msg_store_problem_name((int)storage->problem) : "available", paint(screen, COLOUR_NONE),
                storage->sqlstate[0] != '\0' ? " SQLSTATE " : "", storage->sqlstate, storage->fsync_off ? ", fsync off" : "");
        if (away && storage->message[0] != '\0')
                fprintf(screen->out, "           %s\n", storage->message);
        fprintf(screen->out, "           commit p50 %s ms, p99 %s ms, queued %" PRIu64 ", stored seq %" PRIu64 ", size %s\n",
                format_ms(storage->commit_p50_us, p50), format_ms(storage->commit_p99_us, p99), storage->queued_events, storage->stored_seq,
                format_size(storage->database_size, size));
}

static void
print_portfolio(const struct screen *screen, const struct status *status)
{
        const struct status_portfolio *portfolio = &status->portfolio;
        char a[MONEY_SIZE], b[MONEY_SIZE], c[MONEY_SIZE], d[MONEY_SIZE];
        if (!portfolio->known) {
                fprintf(screen->out, "Portfolio  not known: no worker has it now\n");
                return;
        }
        fprintf(screen->out, "Portfolio  equity %s closed, %s blended, %s high, %s unrealized\n",
                format_money(portfolio->closed_equity_e6, a), format_money(portfolio->blended_equity_e6, b),
                format_money(portfolio->equity_high_e6, c), format_money(portfolio->unrealized_e6, d));
        fprintf(screen->out, "           positions %" PRIu64 ", risk %s %%, volatility %s %%, margin %s (%s %%)%s\n",
                portfolio->positions_count, format_percent(portfolio->risk_percent_e6, a), format_percent(portfolio->vol_percent_e6, b),
                format_money(portfolio->margin_used_e6, c), format_percent(portfolio->margin_percent_e6, d),
                portfolio->paused ? ", paused" : "");
        fprintf(screen->out, "           decided seq %" PRIu64 ", stored %" PRIu64 ", digest %016" PRIx64 "%016" PRIx64 "\n",
                portfolio->decided_seq, portfolio->acked_seq, portfolio->digest.high, portfolio->digest.low);
}

static void
print_signals(const struct screen *screen, const struct status *status)
{
        const struct status_signals *signals = &status->signals;
        char at[CLOCK_TEXT_SIZE] = "never";
        if (!signals->known) {
                fprintf(screen->out, "Signals    not known: no worker is up\n");
                return;
        }
        if (signals->last_signal_at_us != 0)
                clock_format_s(signals->last_signal_at_us, at);
        fprintf(screen->out,
                "Signals    received %" PRIu64 ": executed %" PRIu64 ", blocked %" PRIu64 ", rejected %" PRIu64 ", processed %" PRIu64
                ", ignored %" PRIu64 ",\n           duplicates %" PRIu64 ", invalid %" PRIu64 ", 503s %" PRIu64
                "  (since the worker's start)\n",
                signals->received_count, signals->executed_count, signals->blocked_count, signals->rejected_count, signals->processed_count,
                signals->ignored_count, signals->duplicate_count, signals->invalid_count, signals->unavailable_count);
        fprintf(screen->out, "           last %s, waiting answers %" PRIu64 ", unstored events %" PRIu64 "\n", at, signals->waiting_count,
                signals->outbox_count);
}

static void
print_warnings(const struct screen *screen, const struct status *status)
{
        if (status->warnings_count == 0)
                return;
        fprintf(screen->out, "\n%sWarnings%s\n", paint(screen, COLOUR_CARE), paint(screen, COLOUR_NONE));
        for (uint32_t i = 0; i < status->warnings_count; i++) {
                fprintf(screen->out, "  ! %s\n", status->warnings[i].text);
                if (status->warnings[i].command[0] != '\0')
                        fprintf(screen->out, "    %s\n", status->warnings[i].command);
        }
}
