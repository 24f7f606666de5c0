/* log: one line a fact, in logfmt: time, level, role, pid, then what the caller says, in one write(2), so that
 * lines of several processes never mix. A child's stderr is a pipe to the supervisor, which adds the line to the
 * log file (and, in the foreground, to its own stderr). A full pipe drops the line and counts it: logging never blocks
 * trading. The sink is the one mutable thing at file level in the product: every module logs, and none is asked
 * to carry it. */
#ifndef PM_COMMON_LOG_H
#define PM_COMMON_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_DEBUG = 0, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_LEVEL_END };

/* role is kept. Lines go to descriptor fd (2 by default). */
void log_init(const char *role, enum log_level level);
void log_set_fd(int fd);
void log_set_second_fd(int fd); /* -1: none. The supervisor in the foreground with a log file has two. */
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

/* fields is logfmt text: "event=batch_sent count=%u". Values with spaces are the caller's to quote; log_quote helps. */
void log_write(enum log_level level, const char *fields, ...) __attribute__((format(printf, 2, 3)));

#define LOG_DEBUG(...)                                                                                                                     \
        do {                                                                                                                               \
                if (log_is_on(LOG_DEBUG))                                                                                                  \
                        log_write(LOG_DEBUG, __VA_ARGS__);                                                                                 \
        } while (0)
#define LOG_INFO(...) log_write(LOG_INFO, __VA_ARGS__)
#define LOG_WARNING(...) log_write(LOG_WARNING, __VA_ARGS__)
#define LOG_ERROR(...) log_write(LOG_ERROR, __VA_ARGS__)

/* A line that is written as it is, with a newline added: what a child has already formatted. */
void log_raw_line(const char *line, size_t size);

/* Text as a logfmt value: in quotes, with quotes, backslashes and control characters escaped, cut to fit. Returns out. */
char *log_quote(char *out, size_t out_size, const char *text, size_t text_size);

/* "DEBUG", "INFO", "WARNING", "ERROR", any case; LOG_LEVEL_END when it is none of them. */
enum log_level log_level_of(const char *name);

#endif
