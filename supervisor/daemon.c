#include "supervisor/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit_code.h"

#define LINE_SIZE_MAX 1024
#define REASON_STANDS_US 1000000

/* What the daemon has told so far. */
struct waiter {
        char line[LINE_SIZE_MAX];
        size_t line_size;
        char reason[LINE_SIZE_MAX];
        int64_t reason_at_us;
        bool reason_due; /* not printed yet */
        bool over;
        int exit_code;
        const char *log_file;
        FILE *out;
        FILE *error_out;
};

static bool become_daemon(bool keep_folder);

enum daemon_side
daemon_start(const char *log_file, int64_t timeout_ms, bool keep_folder, int *ready_fd, int *exit_code)
{
        int ends[2];
        *ready_fd = -1;
        *exit_code = VERB_FAILED;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
                fprintf(stderr, "pm-supervisor: cannot make a pair of sockets: %s\n", strerror(errno));
                return DAEMON_FAILED;
        }
        fflush(NULL);
        pid_t pid = fork();
        if (pid < 0) {
                fprintf(stderr, "pm-supervisor: cannot fork: %s\n", strerror(errno));
                close(ends[0]);
                close(ends[1]);
                return DAEMON_FAILED;
        }
        if (pid > 0) {
                close(ends[1]);
                *exit_code = daemon_wait(ends[0], log_file, timeout_ms, stdout, stderr);
                close(ends[0]);
                return DAEMON_PARENT;
        }
        close(ends[0]);
        if (!become_daemon(keep_folder)) {
                daemon_tell(ends[1], "FAILED", strerror(errno));
                _exit(VERB_FAILED);
        }
        *ready_fd = ends[1];
        return DAEMON_CHILD;
}

/* A session of its own and nothing of the terminal left. */
static bool
become_daemon(bool keep_folder)
{
        int null_fd = open("/dev/null", O_RDWR | O_NOCTTY);
        if (null_fd < 0 || setsid() < 0)
                return false;
        for (int fd = 0; fd <= 2; fd++) {
                if (dup2(null_fd, fd) < 0)
                        return false;
        }
        if (null_fd > 2)
                close(null_fd);
        umask(027);
        return keep_folder || chdir("/") == 0;
}

static bool
starts_with(const char *text, const char *word, const char **rest)
{
        size_t size = strlen(word);
        if (strncmp(text, word, size) != 0 || (text[size] != ' ' && text[size] != '\0'))
                return false;
        *rest = text + size + (text[size] == ' ');
        return true;
}

static void
end_wait(struct waiter *waiter, int exit_code)
{
        waiter->over = true;
        waiter->exit_code = exit_code;
}

static void
take_line(struct waiter *waiter)
{
        const char *rest;
        if (starts_with(waiter->line, "READY", &rest)) {
                fprintf(waiter->out, "pm-supervisor: ready%s%s\n", rest[0] != '\0' ? ": " : "", rest);
                end_wait(waiter, VERB_OK);
        } else if (starts_with(waiter->line, "WAITING", &rest)) {
                if (strcmp(rest, waiter->reason) != 0) {
                        waiter->reason_at_us = clock_monotonic_us();
                        waiter->reason_due = true;
                }
                snprintf(waiter->reason, sizeof(waiter->reason), "%s", rest);
        } else if (starts_with(waiter->line, "HOLD", &rest)) {
                fprintf(waiter->error_out, "pm-supervisor: started, but on HOLD: %s\n", rest);
                end_wait(waiter, STATUS_HOLD);
        } else if (starts_with(waiter->line, "FAILED", &rest)) {
                fprintf(waiter->error_out, "pm-supervisor: not started: %s\n", rest);
                end_wait(waiter, VERB_FAILED);
        }
}

static void
take_bytes(struct waiter *waiter, const char *bytes, size_t size)
{
        for (size_t i = 0; i < size && !waiter->over; i++) {
                if (bytes[i] == '\n') {
                        waiter->line[waiter->line_size] = '\0';
                        take_line(waiter);
                        waiter->line_size = 0;
                } else if (waiter->line_size + 1 < sizeof(waiter->line)) {
                        waiter->line[waiter->line_size++] = bytes[i];
                }
        }
}

/* A reason that stands for a while is worth a line; those that pass in a start that goes well are not. */
static int64_t
print_reason_if_due(struct waiter *waiter, int64_t now_us)
{
        int64_t left_us = waiter->reason_at_us + REASON_STANDS_US - now_us;
        if (!waiter->reason_due)
                return INT64_MAX;
        if (left_us > 0)
                return left_us;
        fprintf(waiter->error_out, "pm-supervisor: not ready yet: %s\n", waiter->reason);
        waiter->reason_due = false;
        return INT64_MAX;
}

int
daemon_wait(int fd, const char *log_file, int64_t timeout_ms, FILE *out, FILE *error_out)
{
        struct waiter waiter = {.log_file = log_file, .out = out, .error_out = error_out};
        int64_t deadline_us = clock_monotonic_us() + timeout_ms * 1000;
        char bytes[LINE_SIZE_MAX];
        while (!waiter.over) {
                struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
                int64_t now_us = clock_monotonic_us();
                int64_t left_us = deadline_us - now_us;
                if (left_us <= 0) {
                        fprintf(error_out,
                                "pm-supervisor: started, but not ready after %lld ms: %s; it goes on trying (pm-supervisor status)\n",
                                (long long)timeout_ms, waiter.reason[0] != '\0' ? waiter.reason : "still starting");
                        end_wait(&waiter, STATUS_STARTING);
                        break;
                }
                int64_t due_us = print_reason_if_due(&waiter, now_us);
                int ready = poll(&poll_fd, 1, (int)((due_us < left_us ? due_us : left_us) / 1000 + 1));
                if (ready == 0 || (ready < 0 && errno == EINTR))
                        continue;
                ssize_t got = ready > 0 ? read(fd, bytes, sizeof(bytes)) : -1;
                if (got > 0) {
                        take_bytes(&waiter, bytes, (size_t)got);
                } else if (got == 0 || errno != EINTR) {
                        fprintf(error_out, "pm-supervisor: the daemon ended before it was ready%s%s; its last words are in %s\n",
                                waiter.reason[0] != '\0' ? ": " : "", waiter.reason, log_file);
                        end_wait(&waiter, VERB_FAILED);
                }
        }
        return waiter.exit_code;
}

void
daemon_tell(int ready_fd, const char *word, const char *reason)
{
        char line[1002];
        if (ready_fd < 0)
                return;
        int printed = snprintf(line, sizeof(line) - 1, "%s %s", word, reason != NULL ? reason : "");
        size_t size = printed < 0 ? 0 : (size_t)printed < sizeof(line) - 1 ? (size_t)printed : sizeof(line) - 2;
        for (size_t i = 0; i < size; i++) {
                if ((unsigned char)line[i] < ' ')
                        line[i] = ' ';
        }
        line[size] = '\n';
        /* A parent that has gone or does not listen has its exit code already: the daemon neither dies of it nor waits. */
        (void)!send(ready_fd, line, size + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}
