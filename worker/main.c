/* pm-worker: takes signals over HTTP, decides them, and answers when they are stored. Started by pm-supervisor. */
#include <errno.h>
#include <execinfo.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/exit_code.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "worker/worker.h"

#define STACK_DEPTH_MAX 64

struct arguments {
        const char *config_path;
        uint64_t spawn_no;
        int http_fd;
        int secret_fd; /* -1: none */
};

/* The supervisor's watchdog, or an invariant of ours: leave a trace of where, then die as the signal says. */
static void
on_abort(int signal_number)
{
        void *frames[STACK_DEPTH_MAX];
        int count = backtrace(frames, STACK_DEPTH_MAX);
        backtrace_symbols_fd(frames, count, STDERR_FILENO);
        (void)signal(signal_number, SIG_DFL);
        (void)raise(signal_number);
}

/* SIGTERM and SIGINT come through the loop; a broken connection is an error of write(). All others stay blocked until nng has
 * made its threads, which inherit the mask: signals are for this thread only. */
static void
prepare_signals(void)
{
        struct sigaction action = {.sa_handler = on_abort};
        sigset_t all;
        (void)sigfillset(&all);
        (void)sigprocmask(SIG_SETMASK, &all, NULL);
        (void)sigaction(SIGABRT, &action, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
}

static void
open_signals(void)
{
        sigset_t none;
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool
parse_number(const char *text, uint64_t max, uint64_t *value)
{
        char *end;
        errno = 0;
        *value = strtoull(text, &end, 10);
        return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *value <= max;
}

static bool
parse_arguments(int argc, char **argv, struct arguments *arguments)
{
        static const struct option options[] = {
                {"config", required_argument, NULL, 'c'},
                {"spawn-no", required_argument, NULL, 'n'},
                {"http-fd", required_argument, NULL, 'f'},
                {"secret-fd", required_argument, NULL, 's'},
                {NULL, 0, NULL, 0},
        };
        bool has_spawn_no = false;
        int option;
        *arguments = (struct arguments){.http_fd = -1, .secret_fd = -1};
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                uint64_t number;
                switch (option) {
                case 'c': arguments->config_path = optarg; break;
                case 'n': has_spawn_no = parse_number(optarg, UINT64_MAX, &arguments->spawn_no); break;
                case 'f':
                        if (parse_number(optarg, 1 << 20, &number))
                                arguments->http_fd = (int)number;
                        break;
                case 's':
                        if (!parse_number(optarg, 1 << 20, &number))
                                return false;
                        arguments->secret_fd = (int)number;
                        break;
                default: return false;
                }
        }
        return optind == argc && arguments->config_path != NULL && has_spawn_no && arguments->http_fd >= 0;
}

/* The secret is what the file holds, without line ends behind it. */
static int
read_secret(int fd, struct http_secret *secret)
{
        uint8_t bytes[PM_SECRET_SIZE_MAX + 2] = {0};
        size_t size = 0;
        *secret = (struct http_secret){.size = 0};
        while (size < sizeof(bytes)) {
                ssize_t got = read(fd, bytes + size, sizeof(bytes) - size);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0) {
                        LOG_ERROR("event=config_invalid key=http.secret_file msg=\"cannot be read: %s\"", strerror(errno));
                        return EXIT_CODE_CONFIG;
                }
                if (got == 0)
                        break;
                size += (size_t)got;
        }
        (void)close(fd);
        while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r'))
                size--;
        if (size == 0 || size > PM_SECRET_SIZE_MAX) {
                explicit_bzero(bytes, sizeof(bytes));
                LOG_ERROR("event=config_invalid key=http.secret_file msg=\"%s\"",
                          size == 0 ? "the file is empty: put the secret into it" : "the secret is longer than 256 bytes");
                return EXIT_CODE_CONFIG;
        }
        memcpy(secret->bytes, bytes, size);
        secret->size = size;
        explicit_bzero(bytes, sizeof(bytes));
        return EXIT_CODE_OK;
}

static int
get_secret(const struct config *config, int fd, struct http_secret *secret)
{
        *secret = (struct http_secret){.size = 0};
        if (fd >= 0)
                return read_secret(fd, secret);
        if (config->allow_unauthenticated)
                return EXIT_CODE_OK;
        LOG_ERROR("event=config_invalid key=http.secret_file msg=\"no secret: name a file with one, or set http.allow_unauthenticated = "
                  "yes\"");
        return EXIT_CODE_CONFIG;
}

static void
on_stop_signal(void *owner, int signal_number)
{
        LOG_INFO("event=signal signal=%d", signal_number);
        worker_stop(owner);
}

int
main(int argc, char **argv)
{
        struct worker_options options = {.started_us = clock_monotonic_us()};
        struct arguments arguments;
        struct http_secret secret;
        struct config config;
        char error[CONFIG_ERROR_SIZE];
        static struct worker worker; /* large: scratch buffers of the longest answer and body */

        (void)prctl(PR_SET_NAME, "pm-worker");
        log_init("worker", LOG_INFO);
        prepare_signals();
        if (!parse_arguments(argc, argv, &arguments)) {
                LOG_ERROR(
                        "event=usage msg=\"pm-worker --config FILE --spawn-no N --http-fd FD [--secret-fd FD]; pm-supervisor starts it\"");
                return EXIT_CODE_USAGE;
        }
        config_init(&config);
        if (config_load(&config, arguments.config_path, error) != CONFIG_OK || config_check(&config, error) != CONFIG_OK) {
                char quoted[2 * CONFIG_ERROR_SIZE];
                LOG_ERROR("event=config_invalid msg=%s", log_quote(quoted, sizeof(quoted), error, strlen(error)));
                return EXIT_CODE_CONFIG;
        }
        log_set_level((enum log_level)config.log_level);
        int code = get_secret(&config, arguments.secret_fd, &secret);
        if (code != EXIT_CODE_OK)
                return code;

        struct loop *loop = loop_new();
        options.spawn_no = arguments.spawn_no;
        options.http_fd = arguments.http_fd;
        options.secret = &secret;
        loop_on_signal(loop, SIGTERM, on_stop_signal, &worker);
        loop_on_signal(loop, SIGINT, on_stop_signal, &worker);
        code = worker_init(&worker, loop, &config, &options);
        explicit_bzero(&secret, sizeof(secret));
        if (code != EXIT_CODE_OK)
                return code;
        open_signals();

        code = worker_run(&worker);
        LOG_INFO("event=exit code=%d", code);
        if (code != EXIT_CODE_OK)
                _exit(code); /* the next worker waits for our death, not for our tidiness */
        worker_fini(&worker);
        loop_free(loop);
        config_fini(&config);
        return code;
}
