#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"

/* A pipe takes a line of up to PIPE_BUF bytes whole, so lines of several writers never mix. */
#define LINE_SIZE_MAX 4096

static const char *const level_names[LOG_LEVEL_END] = {"debug", "info", "warning", "error"};

struct sink {
        int fd; /* -1: none */
        bool is_file;
        unsigned long dropped; /* lines that found the pipe full */
};

/* The one mutable thing at file level, see log.h. */
static struct {
        const char *role;
        enum log_level level;
        struct sink sinks[2];
} logger = {.role = "main", .level = LOG_INFO, .sinks = {{.fd = STDERR_FILENO}, {.fd = -1}}};

static struct sink
sink_of(int fd)
{
        struct stat stat;
        return (struct sink){.fd = fd, .is_file = fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)};
}

void
log_init(const char *role, enum log_level level)
{
        logger.role = role;
        logger.level = level;
        logger.sinks[0] = sink_of(STDERR_FILENO);
}

void
log_set_fd(int fd)
{
        logger.sinks[0] = sink_of(fd);
}

void
log_set_second_fd(int fd)
{
        logger.sinks[1] = sink_of(fd);
}

void
log_set_level(enum log_level level)
{
        logger.level = level;
}

bool
log_is_on(enum log_level level)
{
        return level >= logger.level;
}

/* Whether a whole line goes in at once. Files always take it; a pipe that polls writable has room for PIPE_BUF bytes. The
 * descriptor may be shared with others, so it is not made non-blocking. */
static bool
has_room(const struct sink *sink)
{
        if (sink->is_file)
                return true;
        struct pollfd ask = {.fd = sink->fd, .events = POLLOUT};
        return poll(&ask, 1, 0) == 1 && (ask.revents & POLLOUT) != 0;
}

static bool
write_whole(int fd, const char *line, size_t size)
{
        ssize_t written;
        do
                written = write(fd, line, size);
        while (written < 0 && errno == EINTR);
        return written >= 0;
}

static int
format_head(char *line, size_t size, enum log_level level)
{
        char time[CLOCK_TEXT_SIZE];
        clock_format_us(clock_wall_us(), time);
        return snprintf(line, size, "time=%s level=%s role=%s pid=%d ", time, level_names[level], logger.role, (int)getpid());
}

static void
emit(struct sink *sink, const char *line, size_t size)
{
        if (sink->fd < 0)
                return;
        if (!has_room(sink)) {
                sink->dropped++;
                return;
        }
        if (sink->dropped > 0) {
                char note[256];
                int head = format_head(note, sizeof note, LOG_WARNING);
                int tail = snprintf(note + head, sizeof note - (size_t)head, "event=log_lines_dropped count=%lu\n", sink->dropped);
                if (write_whole(sink->fd, note, (size_t)(head + tail)))
                        sink->dropped = 0;
                if (!has_room(sink)) {
                        sink->dropped++;
                        return;
                }
        }
        if (!write_whole(sink->fd, line, size))
                sink->dropped++;
}

void
log_write(enum log_level level, const char *fields, ...)
{
        if (!log_is_on(level))
                return;
        int saved = errno;
        char line[LINE_SIZE_MAX];
        size_t size = (size_t)format_head(line, sizeof line, level);
        va_list args;
        va_start(args, fields);
        int wanted = vsnprintf(line + size, sizeof line - size - 1, fields, args);
        va_end(args);
        if (wanted > 0)
                size += (size_t)wanted < sizeof line - size - 1 ? (size_t)wanted : sizeof line - size - 2;
        for (size_t i = 0; i < size; i++) {
                if (line[i] == '\n' || line[i] == '\r')
                        line[i] = ' '; /* one line a fact, whatever was in it */
        }
        line[size++] = '\n';
        for (size_t i = 0; i < countof(logger.sinks); i++)
                emit(&logger.sinks[i], line, size);
        errno = saved;
}

void
log_raw_line(const char *line, size_t size)
{
        char whole[LINE_SIZE_MAX];
        if (size > sizeof whole - 1)
                size = sizeof whole - 1;
        memcpy(whole, line, size);
        whole[size++] = '\n';
        for (size_t i = 0; i < countof(logger.sinks); i++)
                emit(&logger.sinks[i], whole, size);
}

char *
log_quote(char *out, size_t out_size, const char *text, size_t text_size)
{
        static const char hex[] = "0123456789abcdef";
        size_t n = 0;
        PM_ASSERT(out_size >= 3);
        out[n++] = '"';
        for (size_t i = 0; i < text_size; i++) {
                unsigned char c = (unsigned char)text[i];
                /* The longest escape, the closing quote and the NUL must fit. */
                if (n + 4 + 2 > out_size)
                        break;
                if (c == '"' || c == '\\') {
                        out[n++] = '\\';
                        out[n++] = (char)c;
                } else if (c < 0x20 || c == 0x7f) {
                        out[n++] = '\\';
                        out[n++] = 'x';
                        out[n++] = hex[c >> 4];
                        out[n++] = hex[c & 15];
                } else {
                        out[n++] = (char)c;
                }
        }
        out[n++] = '"';
        out[n] = '\0';
        return out;
}

enum log_level
log_level_of(const char *name)
{
        for (int level = 0; level < LOG_LEVEL_END; level++) {
                if (strcasecmp(name, level_names[level]) == 0)
                        return (enum log_level)level;
        }
        return LOG_LEVEL_END;
}
