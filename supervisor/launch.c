#include "supervisor/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit_code.h"
#include "common/log.h"
#include "supervisor/lock_file.h"
#include "supervisor/rehydration.h"

/* An orphan of a supervisor that was killed dies by the kernel's hand within a second (P8); after two it is helped. */
#define ORPHAN_WAIT_US (2 * 1000000LL)
#define ARGS_MAX 16
#define NUMBER_SIZE 24

/* A command line and the descriptors that it names, grown together. */
struct command_line {
        struct spawn_request request;
        const char *argv[ARGS_MAX + 1];
        uint32_t args_count;
        char numbers[SPAWN_FDS_MAX][NUMBER_SIZE];
        int owned[SPAWN_FDS_MAX]; /* to be closed by us afterwards */
        uint32_t owned_count;
};

static void
add_arg(struct command_line *line, const char *arg)
{
        PM_ASSERT(line->args_count < ARGS_MAX);
        line->argv[line->args_count++] = arg;
}

/* The child finds fd under the number that stands on its command line. option NULL: only held open. */
static void
add_fd(struct command_line *line, const char *option, int fd, bool is_owned)
{
        uint32_t i = line->request.fds_count;
        PM_ASSERT(i < SPAWN_FDS_MAX);
        line->request.fds[i] = fd;
        line->request.fds_count++;
        if (is_owned)
                line->owned[line->owned_count++] = fd;
        if (option != NULL) {
                snprintf(line->numbers[i], NUMBER_SIZE, "%d", SPAWN_FIRST_FD + (int)i);
                add_arg(line, option);
                add_arg(line, line->numbers[i]);
        }
}

static void
close_owned(struct command_line *line)
{
        while (line->owned_count > 0)
                close(line->owned[--line->owned_count]);
        if (line->request.program_fd >= 0)
                close(line->request.program_fd);
        line->request.program_fd = -1;
}

void
launch_find_programs(struct supervisor *supervisor)
{
        char path[sizeof supervisor->program_dir];
        ssize_t size = readlink("/proc/self/exe", path, sizeof path - sizeof "/pm-worker");
        if (size > 0) {
                path[size] = '\0';
                char *slash = strrchr(path, '/');
                if (slash != NULL) {
                        *slash = '\0';
                        snprintf(supervisor->program_dir, sizeof supervisor->program_dir, "%s", path);
                        memcpy(slash, "/pm-worker", sizeof "/pm-worker");
                        if (access(path, X_OK) == 0)
                                return;
                }
        }
        snprintf(supervisor->program_dir, sizeof supervisor->program_dir, "%s", PM_LIBEXECDIR);
}

static enum unit_spawn
open_program(const struct supervisor *supervisor, const char *name, struct command_line *line, struct unit_launch *launch)
{
        char path[PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s", supervisor->program_dir, name) >= (int)sizeof path)
                path[sizeof path - 1] = '\0';
        line->request.program_fd = open(path, O_PATH | O_CLOEXEC);
        if (line->request.program_fd >= 0)
                return UNIT_SPAWNED;
        snprintf(launch->error, sizeof launch->error, "cannot open the program %.300s: %s", path, strerror(errno));
        return UNIT_NOT_STARTED;
}

/* The lock proves that no earlier process of the role lives, whoever started it. */
static enum unit_spawn
take_lock(const struct supervisor *supervisor, const struct unit *unit, const char *name, int *fd, struct unit_launch *launch)
{
        char path[PM_UNIX_PATH_MAX + 1];
        pid_t holder;
        config_run_path(supervisor->config, name, path);
        switch (lock_file_take(path, fd, &holder)) {
        case LOCK_FILE_OK: return UNIT_SPAWNED;
        case LOCK_FILE_ERROR:
                snprintf(launch->error, sizeof launch->error, "cannot lock %s: %s", path, strerror(errno));
                return UNIT_NOT_STARTED;
        case LOCK_FILE_HELD: break;
        }
        int64_t now_us = clock_monotonic_us();
        if (unit->blocked_since_us == 0)
                LOG_INFO("event=orphan_waits child=%s holder=%d msg=\"an earlier process has not ended yet\"", msg_role_name(unit->role),
                         (int)holder);
        else if (now_us - unit->blocked_since_us >= ORPHAN_WAIT_US && holder != unit->pid && lock_file_is_open_in(path, holder) &&
                 kill(holder, SIGKILL) == 0)
                LOG_WARNING("event=orphan_killed child=%s holder=%d", msg_role_name(unit->role), (int)holder);
        return UNIT_BLOCKED;
}

/* A secret is opened by us, since the child's user may not, at every start, so that a changed one is taken. */
static enum unit_spawn
add_secret(const struct supervisor *supervisor, struct command_line *line, const char *option, const char *path, struct unit_launch *launch)
{
        char error[CONFIG_ERROR_SIZE];
        int fd = config_open_secret(path, supervisor->identity.uid, error);
        if (fd < 0) {
                snprintf(launch->error, sizeof launch->error, "%s", error);
                launch->exit_code = EXIT_CODE_CONFIG;
                return UNIT_NOT_STARTED;
        }
        add_fd(line, option, fd, true);
        return UNIT_SPAWNED;
}

static enum unit_spawn
start(struct command_line *line, struct unit *unit, int lock_fd, struct unit_launch *launch)
{
        line->request.argv = line->argv;
        if (spawn_process(&line->request, &launch->pid, &launch->pidfd) != SPAWN_OK) {
                snprintf(launch->error, sizeof launch->error, "no process to be had; see the log");
                return UNIT_NOT_STARTED;
        }
        if (lock_file_write_pid(lock_fd, launch->pid) != LOCK_FILE_OK)
                LOG_WARNING("event=lock_pid_not_written child=%s error=\"%s\"", msg_role_name(unit->role), strerror(errno));
        return UNIT_SPAWNED;
}

static enum unit_spawn
launch_own(struct supervisor *supervisor, struct unit *unit, struct unit_launch *launch)
{
        bool is_worker = unit->role == ROLE_WORKER;
        const char *name = is_worker ? "pm-worker" : "pm-persister";
        const struct config *config = supervisor->config;
        struct command_line line = {
                .request = {.program_fd = -1,
                            .identity = &supervisor->identity,
                            .death_signal = SIGKILL,
                            .stdin_fd = -1,
                            .log_fd = unit->log.write_fd},
        };
        char effective[PM_UNIX_PATH_MAX + 1];
        char spawn_no[NUMBER_SIZE];
        int lock_fd;
        enum unit_spawn status = take_lock(supervisor, unit, is_worker ? "worker.lock" : "persister.lock", &lock_fd, launch);
        if (status != UNIT_SPAWNED)
                return status;
        unit->spawn_no = ++supervisor->last_spawn_no;
        snprintf(spawn_no, sizeof spawn_no, "%" PRIu64, unit->spawn_no);
        if (is_worker)
                rehydration_on_spawning(supervisor);
        add_arg(&line, name);
        if (!is_worker)
                add_arg(&line, "serve");
        add_arg(&line, "--config");
        add_arg(&line, config_run_path(config, "effective.conf", effective));
        add_arg(&line, "--spawn-no");
        add_arg(&line, spawn_no);
        if (is_worker)
                add_fd(&line, "--http-fd", listener_fd(supervisor->listener), false);
        if (is_worker && config->secret_file[0] != '\0')
                status = add_secret(supervisor, &line, "--secret-fd", config->secret_file, launch);
        if (!is_worker && config->database_mode == DATABASE_EXTERNAL)
                status = add_secret(supervisor, &line, "--conninfo-fd", config->database_config, launch);
        add_fd(&line, NULL, lock_fd, true);
        if (status == UNIT_SPAWNED)
                status = open_program(supervisor, name, &line, launch);
        if (status == UNIT_SPAWNED)
                status = start(&line, unit, lock_fd, launch);
        close_owned(&line);
        return status;
}

static enum unit_spawn
launch_database(struct supervisor *supervisor, struct unit *unit, struct unit_launch *launch)
{
        char error[EMBEDDED_DB_ERROR_SIZE];
        switch (embedded_db_start(supervisor->db, &launch->pid, &launch->pidfd, error)) {
        case EMBEDDED_DB_OK: unit->spawn_no = ++supervisor->last_spawn_no; return UNIT_SPAWNED;
        case EMBEDDED_DB_BUSY: return UNIT_BLOCKED;
        case EMBEDDED_DB_FAILED: break;
        }
        /* What stands in the way stays there until somebody acts. */
        snprintf(launch->error, sizeof launch->error, "%s", error);
        launch->exit_code = EXIT_CODE_CONFIG;
        return UNIT_NOT_STARTED;
}

enum unit_spawn
launch_unit(struct supervisor *supervisor, struct unit *unit, struct unit_launch *launch)
{
        return unit->role == ROLE_DATABASE ? launch_database(supervisor, unit, launch) : launch_own(supervisor, unit, launch);
}
