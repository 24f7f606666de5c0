#include "supervisor/child_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

/* Bytes read before other descriptors get their turn; a child that floods its pipe delays nobody. */
#define READ_BUDGET (64 * 1024)
/* At its end the pipe's whole contents: the kernel's default capacity, with room. */
#define END_BUDGET (256 * 1024)

static void take(struct child_log *log, size_t budget);

static void
on_readable(void *owner, int fd, bool readable, bool writable)
{
        (void)fd;
        (void)readable;
        (void)writable;
        take(owner, READ_BUDGET);
}

enum child_log_status
child_log_init(struct child_log *log, struct loop *loop, enum role role, child_log_fn *fn, void *owner)
{
        int fds[2];
        *log = (struct child_log){.role = role, .read_fd = -1, .write_fd = -1, .fn = fn, .owner = owner};
        if (pipe2(fds, O_CLOEXEC) != 0) {
                LOG_ERROR("event=pipe_failed error=\"%s\"", strerror(errno));
                return CHILD_LOG_FAILED;
        }
        log->read_fd = fds[0];
        log->write_fd = fds[1];
        /* Only our end: the child's end blocks or not as the child wishes. */
        if (fcntl(log->read_fd, F_SETFL, O_NONBLOCK) != 0) {
                LOG_ERROR("event=pipe_failed error=\"%s\"", strerror(errno));
                child_log_fini(log);
                return CHILD_LOG_FAILED;
        }
        log->watch = loop_watch_new(loop, log->read_fd, true, false, on_readable, log);
        return CHILD_LOG_OK;
}

void
child_log_fini(struct child_log *log)
{
        loop_watch_free(log->watch);
        if (log->read_fd > 0)
                close(log->read_fd);
        if (log->write_fd > 0)
                close(log->write_fd);
        *log = (struct child_log){.read_fd = -1, .write_fd = -1};
}

void
child_log_begin(struct child_log *log, pid_t pid)
{
        log->pid = pid;
        log->lines_count = 0;
        log->lines_first = 0;
}

static bool
is_logfmt(const char *line)
{
        return strncmp(line, "time=", 5) == 0;
}

static void
keep(struct child_log *log, const char *line)
{
        uint32_t slot = (log->lines_first + log->lines_count) % CHILD_LOG_LINES_MAX;
        if (log->lines_count < CHILD_LOG_LINES_MAX)
                log->lines_count++;
        else
                log->lines_first = (log->lines_first + 1) % CHILD_LOG_LINES_MAX;
        snprintf(log->lines[slot], CHILD_LOG_KEPT_SIZE, "%.*s", CHILD_LOG_KEPT_SIZE - 1, line);
}

/* PostgreSQL says the level first; what else writes here unformatted is a stack or a complaint. */
static enum log_level
level_of(const struct child_log *log, const char *line)
{
        static const struct {
                const char *prefix;
                enum log_level level;
        } prefixes[] = {
                /* Answers to the persister's own tries while the server starts or ends. */
                {"FATAL:  the database system is ", LOG_DEBUG},
                {"LOG:", LOG_INFO},
                {"NOTICE:", LOG_INFO},
                {"INFO:", LOG_INFO},
                {"DETAIL:", LOG_INFO},
                {"HINT:", LOG_INFO},
                {"DEBUG", LOG_DEBUG},
                {"ERROR:", LOG_ERROR},
                {"FATAL:", LOG_ERROR},
                {"PANIC:", LOG_ERROR},
                {"WARNING:", LOG_WARNING},
                {"STATEMENT:", LOG_INFO},
        };
        for (size_t i = 0; i < countof(prefixes); i++) {
                if (strncmp(line, prefixes[i].prefix, strlen(prefixes[i].prefix)) == 0)
                        return prefixes[i].level;
        }
        return log->role == ROLE_DATABASE ? LOG_INFO : LOG_WARNING;
}

static void
write_wrapped(const struct child_log *log, const char *line, size_t size)
{
        static const char *const level_names[LOG_LEVEL_END] = {"debug", "info", "warning", "error"};
        enum log_level level = level_of(log, line);
        char time[CLOCK_TEXT_SIZE];
        char quoted[2048];
        char whole[sizeof quoted + 128];
        if (!log_is_on(level))
                return;
        clock_format_us(clock_wall_us(), time);
        log_quote(quoted, sizeof quoted, line, size);
        int length = snprintf(whole, sizeof whole, "time=%s level=%s role=%s pid=%d msg=%s", time, level_names[level],
                              msg_role_name((int)log->role), (int)log->pid, quoted);
        log_raw_line(whole, (size_t)length);
}

static void
on_line(struct child_log *log)
{
        size_t size = log->partial_size;
        log->partial_size = 0;
        while (size > 0 && (log->partial[size - 1] == '\r' || log->partial[size - 1] == ' '))
                size--;
        if (size == 0)
                return;
        for (size_t i = 0; i < size; i++) {
                if (log->partial[i] == '\0')
                        log->partial[i] = ' ';
        }
        log->partial[size] = '\0';
        keep(log, log->partial);
        if (is_logfmt(log->partial)) {
                log_raw_line(log->partial, size);
                return;
        }
        if (log->fn != NULL)
                log->fn(log->owner, log->partial);
        write_wrapped(log, log->partial, size);
}

static void
take(struct child_log *log, size_t budget)
{
        char bytes[8192];
        ssize_t got;
        while (budget >= sizeof bytes && (got = read(log->read_fd, bytes, sizeof bytes)) > 0) {
                budget -= (size_t)got;
                for (ssize_t i = 0; i < got; i++) {
                        if (bytes[i] == '\n') {
                                on_line(log);
                                continue;
                        }
                        if (log->partial_size == CHILD_LOG_LINE_SIZE)
                                on_line(log);
                        log->partial[log->partial_size++] = bytes[i];
                }
        }
}

void
child_log_end(struct child_log *log)
{
        take(log, END_BUDGET);
        on_line(log);
}

const char *
child_log_line(const struct child_log *log, uint32_t i)
{
        return i < log->lines_count ? log->lines[(log->lines_first + i) % CHILD_LOG_LINES_MAX] : NULL;
}

char *
child_log_words(const struct child_log *log, char *out, size_t out_size)
{
        /* From the newest back, to find how many fit; then forward. */
        uint32_t first = log->lines_count;
        size_t size = 1;
        while (first > 0) {
                const char *line = child_log_line(log, first - 1);
                size_t more = is_logfmt(line) ? 0 : strlen(line) + 3;
                if (size + more > out_size)
                        break;
                size += more;
                first--;
        }
        size_t used = 0;
        out[0] = '\0';
        for (uint32_t i = first; i < log->lines_count; i++) {
                const char *line = child_log_line(log, i);
                if (!is_logfmt(line))
                        used += (size_t)snprintf(out + used, out_size - used, "%s%s", used > 0 ? " | " : "", line);
        }
        return out;
}
