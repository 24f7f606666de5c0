/* pm-persister: the only one that talks to PostgreSQL. `serve` is started by pm-supervisor; check-db, migrate and verify are the operator's
 * verbs that need the database. */
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
#include "common/log.h"
#include "common/loop.h"
#include "persister/conninfo.h"
#include "persister/persister.h"
#include "persister/verbs.h"

#define STACK_DEPTH_MAX 64
#define USAGE                                                                                                                              \
        "pm-persister serve --config FILE --spawn-no N [--conninfo-fd FD] | check-db|migrate|verify [--config FILE] [--set KEY=VALUE]…"

struct arguments {
        const char *config_path;
        uint64_t spawn_no;
        int conninfo_fd; /* -1: none */
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

/* All signals stay blocked until nng has made its threads, which inherit the mask: they are for this thread only. */
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
                {"conninfo-fd", required_argument, NULL, 'f'},
                {NULL, 0, NULL, 0},
        };
        bool has_spawn_no = false;
        uint64_t number;
        int option;

        *arguments = (struct arguments){.conninfo_fd = -1};
        optind = 2; /* after the verb */
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                switch (option) {
                case 'c': arguments->config_path = optarg; break;
                case 'n': has_spawn_no = parse_number(optarg, UINT64_MAX, &arguments->spawn_no); break;
                case 'f':
                        if (!parse_number(optarg, 1 << 20, &number))
                                return false;
                        arguments->conninfo_fd = (int)number;
                        break;
                default: return false;
                }
        }
        return optind == argc && arguments->config_path != NULL && has_spawn_no;
}

static void
on_stop_signal(void *owner, int signal_number)
{
        LOG_INFO("event=signal signal=%d", signal_number);
        persister_stop(owner);
}

static int
serve(int argc, char **argv)
{
        struct persister_options options = {.started_us = clock_monotonic_us()};
        struct arguments arguments;
        char error[CONFIG_ERROR_SIZE];
        char quoted[2 * CONFIG_ERROR_SIZE];
        /* Not on the stack: large, and still there when a failure ends the process without tidying up. */
        static struct config config;
        static struct config_conninfo conninfo;
        static struct persister persister;

        log_init("persister", LOG_INFO);
        prepare_signals();
        if (!parse_arguments(argc, argv, &arguments)) {
                LOG_ERROR("event=usage msg=\"" USAGE "\"");
                return EXIT_CODE_USAGE;
        }
        config_init(&config);
        if (config_load(&config, arguments.config_path, error) != CONFIG_OK || config_check(&config, error) != CONFIG_OK ||
            conninfo_read(&config, arguments.conninfo_fd, &conninfo, error) != CONFIG_OK) {
                LOG_ERROR("event=config_invalid msg=%s", log_quote(quoted, sizeof(quoted), error, strlen(error)));
                return EXIT_CODE_CONFIG;
        }
        log_set_level((enum log_level)config.log_level);

        struct loop *loop = loop_new();
        options.spawn_no = arguments.spawn_no;
        options.conninfo = &conninfo;
        loop_on_signal(loop, SIGTERM, on_stop_signal, &persister);
        loop_on_signal(loop, SIGINT, on_stop_signal, &persister);
        int code = persister_init(&persister, loop, &config, &options);
        if (code != EXIT_CODE_OK)
                return code;
        open_signals();

        code = persister_run(&persister);
        LOG_INFO("event=exit code=%d", code);
        if (code != EXIT_CODE_OK)
                return code; /* the next persister waits for our death, not for our tidiness */
        persister_fini(&persister);
        loop_free(loop);
        config_conninfo_fini(&conninfo);
        config_fini(&config);
        return code;
}

int
main(int argc, char **argv)
{
        (void)prctl(PR_SET_NAME, "pm-persister");
        if (argc >= 2 && strcmp(argv[1], "serve") == 0)
                return serve(argc, argv);
        if (argc >= 2 && verbs_has(argv[1]))
                return verbs_main(argc, argv);
        (void)fprintf(stderr, "usage: %s\n", USAGE);
        return EXIT_CODE_USAGE;
}
