#include "common/log.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"

/* What a pipe takes in one piece, however many write to it. */
#define LINE_SIZE_MAX PIPE_BUF
/* Kept free at the end of a line for what says that it was cut, and for the newline. */
#define CUT_MARK " cut=true"
#define TAIL_SIZE (sizeof("\"" CUT_MARK))

struct sink {
        int fd; /* -1: none */
        uint64_t dropped_count;
        bool is_torn; /* the last line was written in part: the next begins with a newline */
};

static struct {
        const char *role;
        enum log_level level;
        struct sink sinks[2];
} state = {.role = "-", .level = LOG_INFO, .sinks = {{.fd = STDERR_FILENO}, {.fd = -1}}};

static const char *const level_names[LOG_LEVEL_END] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error"};

void
log_init(const char *role, enum log_level level)
{
        state.role = role;
        state.level = level;
}

void
log_set_fd(int fd)
{
        state.sinks[0] = (struct sink){.fd = fd};
}

void
log_set_second_fd(int fd)
{
        state.sinks[1] = (struct sink){.fd = fd};
}

void
log_set_level(enum log_level level)
{
        state.level = level;
}

bool
log_is_on(enum log_level level)
{
        return level >= state.level;
}

enum log_level
log_level_of(const char *name)
{
        for (int level = 0; level < LOG_LEVEL_END; level++)
                if (strcasecmp(name, level_names[level]) == 0)
                        return (enum log_level)level;
        return LOG_LEVEL_END;
}

/* The descriptor is often shared (a terminal, the pipe of a parent), so O_NONBLOCK, which would hold for all who share it, is
 * not ours to set: poll() is asked instead. A pipe that polls writable has a free page, and so takes a whole line. */
static bool
has_room(int fd)
{
        struct pollfd ask = {.fd = fd, .events = POLLOUT};
        return poll(&ask, 1, 0) == 1 && (ask.revents & POLLOUT) != 0 && (ask.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0;
}

/* line ends with its newline. Returns whether it went out whole. */
static bool
sink_put(struct sink *sink, const char *line, size_t size)
{
        if (!has_room(sink->fd))
                return false;
        if (sink->is_torn) {
                if (write(sink->fd, "\n", 1) != 1 || !has_room(sink->fd))
                        return false;
                sink->is_torn = false;
        }
        ssize_t written;
        do
                written = write(sink->fd, line, size);
        while (written < 0 && errno == EINTR);
        if (written > 0 && (size_t)written < size)
                sink->is_torn = true; /* a full disk */
        return written == (ssize_t)size;
}

static size_t
put_head(char line[LINE_SIZE_MAX], enum log_level level)
{
        char time[CLOCK_TEXT_SIZE];
        clock_format_us(clock_wall_us(), time);
        int size =
                snprintf(line, LINE_SIZE_MAX, "time=%s level=%s role=%.32s pid=%ld ", time, level_names[level], state.role, (long)getpid());
        PM_ASSERT(size > 0 && size < LINE_SIZE_MAX);
        return (size_t)size;
}

static void
sink_write(struct sink *sink, const char *line, size_t size)
{
        if (sink->fd < 0)
                return;
        if (sink->dropped_count > 0) {
                char notice[LINE_SIZE_MAX];
                size_t at = put_head(notice, LOG_WARNING);
                int more =
                        snprintf(notice + at, sizeof notice - at, "msg=\"log lines were dropped, nobody took them in time\" dropped=%llu\n",
                                 (unsigned long long)sink->dropped_count);
                if (!sink_put(sink, notice, at + (size_t)more)) {
                        sink->dropped_count++;
                        return;
                }
                sink->dropped_count = 0;
        }
        if (!sink_put(sink, line, size))
                sink->dropped_count++;
}

static void
write_all(const char *line, size_t size)
{
        for (size_t i = 0; i < countof(state.sinks); i++)
                sink_write(&state.sinks[i], line, size);
}

static bool
is_continuation(char c)
{
        return ((unsigned char)c & 0xc0) == 0x80;
}

/* Largest place at or before size where text may be cut without splitting a UTF-8 character. */
static size_t
cut_at(const char *text, size_t size)
{
        size_t at = size;
        while (at > 0 && size - at < 4 && is_continuation(text[at]))
                at--;
        return at;
}

/* A line that is too long ends early, with an open quote closed again, so that it still reads as logfmt. */
static size_t
cut_line(char *line, size_t start)
{
        size_t end = cut_at(line, LINE_SIZE_MAX - TAIL_SIZE);
        bool is_quoted = false;
        for (size_t i = start; i < end; i++) {
                if (is_quoted && line[i] == '\\') {
                        if (i + 1 == end)
                                end--; /* half an escape */
                        i++;
                } else if (line[i] == '"') {
                        is_quoted = !is_quoted;
                }
        }
        const char *mark = is_quoted ? "\"" CUT_MARK : CUT_MARK;
        memcpy(line + end, mark, strlen(mark));
        return end + strlen(mark);
}

void
log_write(enum log_level level, const char *fields, ...)
{
        if (!log_is_on(level))
                return;
        int saved_errno = errno;
        char line[LINE_SIZE_MAX];
        size_t start = put_head(line, level);
        va_list args;
        va_start(args, fields);
        int wanted = vsnprintf(line + start, sizeof line - start, fields, args);
        va_end(args);
        size_t size = wanted < 0 ? start : start + (size_t)wanted;
        if (size > LINE_SIZE_MAX - 1)
                size = cut_line(line, start);
        for (size_t i = start; i < size; i++)
                if (iscntrl((unsigned char)line[i]))
                        line[i] = ' '; /* a line is one line, whatever somebody else's text holds */
        line[size++] = '\n';
        write_all(line, size);
        errno = saved_errno;
}

void
log_raw_line(const char *line, size_t size)
{
        int saved_errno = errno;
        char copy[LINE_SIZE_MAX];
        if (size > sizeof copy - 1)
                size = cut_at(line, sizeof copy - 1);
        memcpy(copy, line, size);
        copy[size++] = '\n';
        write_all(copy, size);
        errno = saved_errno;
}

/* Bytes of the well-formed UTF-8 character at text, 0 when there is none. */
static size_t
utf8_size(const char *text, size_t size)
{
        unsigned char first = (unsigned char)text[0];
        size_t wanted = first < 0x80                    ? 1
                        : first >= 0xc2 && first < 0xe0 ? 2
                        : first >= 0xe0 && first < 0xf0 ? 3
                        : first >= 0xf0 && first < 0xf5 ? 4
                                                        : 0;
        if (wanted == 0 || wanted > size)
                return 0;
        for (size_t i = 1; i < wanted; i++)
                if (!is_continuation(text[i]))
                        return 0;
        return wanted;
}

/* The text that stands for the character at text in a quoted value; *taken is its size in the input. */
static size_t
quote_one(const char *text, size_t size, size_t *taken, char out[8])
{
        unsigned char c = (unsigned char)text[0];
        *taken = 1;
        switch (c) {
        case '"':
        case '\\': return (size_t)snprintf(out, 8, "\\%c", c);
        case '\n': return (size_t)snprintf(out, 8, "\\n");
        case '\r': return (size_t)snprintf(out, 8, "\\r");
        case '\t': return (size_t)snprintf(out, 8, "\\t");
        default: break;
        }
        size_t whole = utf8_size(text, size);
        if (whole == 0 || iscntrl(c))
                return (size_t)snprintf(out, 8, "\\x%02x", c);
        memcpy(out, text, whole);
        *taken = whole;
        return whole;
}

char *
log_quote(char *out, size_t out_size, const char *text, size_t text_size)
{
        PM_ASSERT(out_size >= 3);
        size_t at = 0;
        out[at++] = '"';
        for (size_t i = 0; i < text_size;) {
                char piece[8];
                size_t taken;
                size_t size = quote_one(text + i, text_size - i, &taken, piece);
                if (at + size > out_size - 2)
                        break;
                memcpy(out + at, piece, size);
                at += size;
                i += taken;
        }
        out[at++] = '"';
        out[at] = '\0';
        return out;
}
