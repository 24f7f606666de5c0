#include "supervisor/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "config.h"

enum lock_sight {
        LOCK_ABSENT = 0, /* no such file */
        LOCK_FREE,
        LOCK_HELD,
        LOCK_UNREADABLE,
};

/* Asks without keeping: a shared lock is taken and let go by the close. */
static enum lock_sight
look_at_lock(const char *path, uint32_t *pid)
{
        char text[32] = "";
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT || errno == ENOTDIR ? LOCK_ABSENT : LOCK_UNREADABLE;
        enum lock_sight sight = flock(fd, LOCK_SH | LOCK_NB) == 0 ? LOCK_FREE : errno == EWOULDBLOCK ? LOCK_HELD : LOCK_UNREADABLE;
        ssize_t got = read(fd, text, sizeof(text) - 1);
        close(fd);
        if (pid != NULL)
                *pid = got > 0 ? (uint32_t)strtoul(text, NULL, 10) : 0;
        return sight;
}

void
probe_instance(const struct config *config, const char *silence, struct status *status)
{
        static const char *const child_locks[] = {"worker.lock", "persister.lock", "database.lock"};
        char path[PM_UNIX_PATH_MAX + 1];
        memset(status, 0, sizeof(*status));
        snprintf(status->instance, sizeof(status->instance), "%s", config->name);
        snprintf(status->version, sizeof(status->version), "%s", PACKAGE_VERSION);
        enum lock_sight sight = look_at_lock(config_run_path(config, "pm-supervisor.pid", path), &status->pid);
        switch (sight) {
        case LOCK_HELD:
                status->state = STATUS_STATE_UNKNOWN;
                snprintf(status->reason, sizeof(status->reason), "pid %u holds %s, but its control socket does not answer: %.200s",
                         status->pid, path, silence);
                status_warn(status, "pm-supervisor status", "it may be starting or stopping; if this stays, see its log");
                return;
        case LOCK_UNREADABLE:
                status->state = STATUS_STATE_UNKNOWN;
                snprintf(status->reason, sizeof(status->reason), "cannot read %s: run this as root or as the service's user", path);
                return;
        case LOCK_FREE:
                status->state = STATUS_STATE_DEAD_PID_FILE;
                snprintf(status->reason, sizeof(status->reason), "pid %u of %s is gone without a clean end", status->pid, path);
                status_warn(status, "pm-supervisor start", "a start takes the portfolio up again from what is stored");
                status->pid = 0;
                return;
        case LOCK_ABSENT: break;
        }
        status->pid = 0;
        for (size_t i = 0; i < countof(child_locks); i++) {
                if (look_at_lock(config_run_path(config, child_locks[i], path), NULL) == LOCK_HELD) {
                        status->state = STATUS_STATE_DEAD_LOCK_FILE;
                        snprintf(status->reason, sizeof(status->reason), "no supervisor, but a process still holds %s", path);
                        status_warn(status, "fuser -v RUN_DIR/*.lock", "a child has outlived its supervisor; a start waits for it to end");
                        return;
                }
        }
        status->state = STATUS_STATE_NOT_RUNNING;
        snprintf(status->reason, sizeof(status->reason), "no pid file in %s", config->run_dir);
}
