#include "supervisor/verb_life.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "supervisor/control_client.h"
#include "supervisor/daemon.h"
#include "supervisor/preflight.h"
#include "supervisor/probe.h"
#include "supervisor/rundir.h"

/* After its own deadline a stop still has to end by TERM and KILL, and the database closes last. */
#define STOP_GRACE_MS 10000
/* How often `wait --ready` looks for a daemon that is not there yet. */
#define APPEAR_INTERVAL_MS 20
#define STOP_ANSWER_MS 5000

/* Before anything is made, and before a daemon is forked: what is wrong is said here, on the operator's terminal. */
static int
check_start(const struct verb_call *call)
{
        char error[CONFIG_ERROR_SIZE];
        return preflight_check(&call->config, error) == PREFLIGHT_OK ? VERB_OK : verb_call_fail(VERB_NOT_CONFIGURED, "%s", error);
}

int
verb_life_run(struct verb_call *call)
{
        int code = check_start(call);
        if (code != VERB_OK)
                return code;
        return call->hooks->run(&call->config, &call->source, -1);
}

int
verb_life_start(struct verb_call *call)
{
        int ready_fd;
        int exit_code = check_start(call);
        if (exit_code != VERB_OK)
                return exit_code;
        int64_t timeout_ms = call->options.timeout_ms != 0 ? call->options.timeout_ms : call->config.start_timeout_ms;
        /* The daemon has no stderr, so it always has a log file. */
        if (call->config.log_file[0] == '\0')
                rundir_default_log(&call->config, call->config.log_file);
        switch (daemon_start(call->config.log_file, timeout_ms, call->source.sets_count > 0, &ready_fd, &exit_code)) {
        case DAEMON_FAILED:
        case DAEMON_PARENT: return exit_code;
        case DAEMON_CHILD: break;
        }
        return call->hooks->run(&call->config, &call->source, ready_fd);
}

static int
fail_stop(const struct verb_call *call, const struct control_client *client, enum control_client_status status)
{
        struct status seen;
        if (status == CONTROL_CLIENT_DENIED)
                return verb_call_fail(VERB_NO_PERMISSION, "%s", client->error);
        if (status != CONTROL_CLIENT_ABSENT)
                return verb_call_fail(VERB_FAILED, "%s", client->error);
        probe_instance(&call->config, client->error, &seen);
        if (seen.state == STATUS_STATE_UNKNOWN)
                return verb_call_fail(VERB_FAILED, "%s", seen.reason);
        printf("instance %s is not running: %s\n", call->config.name, seen.reason);
        return VERB_OK;
}

/* True when the process is gone. A pidfd is sure of the process, a number is not. */
static bool
wait_for_end(int pid_fd, int64_t timeout_ms)
{
        int64_t deadline_us = clock_monotonic_us() + timeout_ms * 1000;
        for (;;) {
                struct pollfd poll_fd = {.fd = pid_fd, .events = POLLIN};
                int64_t left_us = deadline_us - clock_monotonic_us();
                int got = left_us > 0 ? poll(&poll_fd, 1, (int)(left_us / 1000 + 1)) : 0;
                if (got > 0)
                        return true;
                if (got == 0 || errno != EINTR)
                        return false;
        }
}

int
verb_life_stop(struct verb_call *call)
{
        char path[PM_UNIX_PATH_MAX + 1];
        struct control_client client;
        struct json_object *answer = NULL;
        const char *message = "";
        bool ok = false;
        int pid_fd = -1;
        int code = VERB_FAILED;
        int64_t timeout_ms = call->options.timeout_ms != 0 ? call->options.timeout_ms : call->config.stop_timeout_ms + STOP_GRACE_MS;
        struct control_request request = {.verb = CONTROL_STOP, .timeout_ms = STOP_ANSWER_MS};
        int64_t begin_us = clock_monotonic_us();
        enum control_client_status status = control_client_open(&client, config_run_path(&call->config, "control.sock", path));
        if (status != CONTROL_CLIENT_OK) {
                code = fail_stop(call, &client, status);
                goto out;
        }
        /* Before the request, so that the number still means this process. */
        pid_fd = (int)syscall(SYS_pidfd_open, client.peer_pid, 0);
        if (pid_fd < 0) {
                code = verb_call_fail(VERB_FAILED, "cannot watch process %d: %s", client.peer_pid, strerror(errno));
                goto out;
        }
        status = control_client_call(&client, &request, &answer, &ok, &message);
        /* A supervisor that ends at once may do so before its answer leaves. */
        if (status == CONTROL_CLIENT_OK && !ok)
                code = verb_call_fail(VERB_FAILED, "%s", message);
        else if (status == CONTROL_CLIENT_TIMEOUT)
                code = verb_call_fail(VERB_FAILED, "%s", client.error);
        else if (!wait_for_end(pid_fd, timeout_ms))
                code = verb_call_fail(VERB_FAILED,
                                      "pid %d is still stopping after %lld s; kill -KILL %d is safe, what was answered is stored",
                                      client.peer_pid, (long long)(timeout_ms / 1000), client.peer_pid);
        else
                code = VERB_OK;
        if (code == VERB_OK)
                printf("stopped: pid %d, in %lld ms\n", client.peer_pid, (long long)((clock_monotonic_us() - begin_us) / 1000));
out:
        json_object_put(answer);
        if (pid_fd >= 0)
                close(pid_fd);
        control_client_close(&client);
        return code;
}

int
verb_life_restart(struct verb_call *call)
{
        struct control_request request = {
                .verb = CONTROL_RESTART,
                .timeout_ms = call->options.timeout_ms != 0 ? call->options.timeout_ms
                                                            : call->config.stop_timeout_ms + call->config.start_timeout_ms,
        };
        if (call->args_count == 1) {
                if (strcmp(call->args[0], "worker") == 0)
                        request.role = ROLE_WORKER;
                else if (strcmp(call->args[0], "persister") == 0)
                        request.role = ROLE_PERSISTER;
                else
                        return verb_call_fail(VERB_USAGE, "restart worker, persister, or nothing for both; not %s", call->args[0]);
        }
        return verb_call_command(call, &request);
}

int
verb_life_reload(struct verb_call *call)
{
        struct control_request request = {.verb = CONTROL_RELOAD, .timeout_ms = call->config.start_timeout_ms};
        return verb_call_command(call, &request);
}

/* The daemon may be a moment from having its socket: looks again until the deadline. */
static enum control_client_status
open_within(struct control_client *client, const char *path, int64_t deadline_us)
{
        for (;;) {
                enum control_client_status status = control_client_open(client, path);
                if (status != CONTROL_CLIENT_ABSENT || clock_monotonic_us() >= deadline_us)
                        return status;
                (void)poll(NULL, 0, APPEAR_INTERVAL_MS);
        }
}

int
verb_life_wait(struct verb_call *call)
{
        char path[PM_UNIX_PATH_MAX + 1];
        struct control_client client;
        struct json_object *answer = NULL;
        const char *message = "";
        bool ok = false;
        int code = VERB_OK;
        if (!call->options.ready)
                return verb_call_fail(VERB_USAGE, "wait needs --ready: it is the only thing to wait for");
        int64_t timeout_ms = call->options.timeout_ms != 0 ? call->options.timeout_ms : call->config.start_timeout_ms;
        int64_t deadline_us = clock_monotonic_us() + timeout_ms * 1000;
        enum control_client_status status = open_within(&client, config_run_path(&call->config, "control.sock", path), deadline_us);
        if (status == CONTROL_CLIENT_OK) {
                int64_t left_ms = (deadline_us - clock_monotonic_us()) / 1000;
                struct control_request request = {.verb = CONTROL_WAIT_READY, .timeout_ms = left_ms > 1 ? left_ms : 1};
                status = control_client_call(&client, &request, &answer, &ok, &message);
        }
        if (status == CONTROL_CLIENT_ABSENT)
                code = verb_call_fail(VERB_NOT_RUNNING, "instance %s is not running (%s)", call->config.name, client.error);
        else if (status == CONTROL_CLIENT_DENIED)
                code = verb_call_fail(VERB_NO_PERMISSION, "%s", client.error);
        else if (status != CONTROL_CLIENT_OK)
                code = verb_call_fail(VERB_FAILED, "%s", client.error);
        else if (!ok)
                code = verb_call_fail(STATUS_STARTING, "%s", message);
        else
                printf("%s\n", message);
        json_object_put(answer);
        control_client_close(&client);
        return code;
}

int
verb_life_maintenance(struct verb_call *call)
{
        struct control_request request = {.verb = CONTROL_MAINTENANCE, .timeout_ms = 5000};
        if (strcmp(call->args[0], "on") == 0)
                request.on = true;
        else if (strcmp(call->args[0], "off") != 0)
                return verb_call_fail(VERB_USAGE, "maintenance on or off, not %s", call->args[0]);
        return verb_call_command(call, &request);
}
