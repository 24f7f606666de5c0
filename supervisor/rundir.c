#include "supervisor/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "supervisor/lock_file.h"

#define PATH_SIZE 4096

static enum rundir_status
fail(char error[RUNDIR_ERROR_SIZE], const char *what, const char *path, int why)
{
        const char *help = "";
        if (why == ENOSPC || why == EDQUOT)
                help = "; the disk is full: make room (df -h)";
        else if (why == EROFS)
                help = "; the file system is mounted read-only: mount it for writing (mount -o remount,rw)";
        else if (why == EACCES || why == EPERM)
                help = "; start as root, or move the folder with --set instance.run_dir=… and --set instance.state_dir=…";
        else if (why == ELOOP)
                help = "; it is a symbolic link, which is not followed here: remove it";
        snprintf(error, RUNDIR_ERROR_SIZE, "cannot %s %.300s: %s%s", what, path, strerror(why), help);
        return RUNDIR_FAILED;
}

void
rundir_default_log(const struct config *config, char out[CONFIG_TEXT_SIZE])
{
        struct config defaults;
        config_init(&defaults);
        if (strcmp(config->state_dir, defaults.state_dir) == 0)
                snprintf(out, CONFIG_TEXT_SIZE, "/var/log/pm-supervisor/portfolio_manager.log");
        else
                config_state_path(config, "portfolio_manager.log", out);
        config_fini(&defaults);
}

/* mkdir -p of what stands above the last part; those folders are open to all, as /var/lib is. */
static enum rundir_status
make_parents(const char *path, char error[RUNDIR_ERROR_SIZE])
{
        char partial[PATH_SIZE];
        snprintf(partial, sizeof partial, "%s", path);
        for (char *slash = strchr(partial + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(partial, 0755) != 0 && errno != EEXIST)
                        return fail(error, "make the folder", partial, errno);
                *slash = '/';
        }
        return RUNDIR_OK;
}

/* A folder of ours alone: 0700 and owned by whom the children run as. */
static enum rundir_status
make_private_folder(const char *path, const char *key, const struct spawn_identity *identity, char error[RUNDIR_ERROR_SIZE])
{
        enum rundir_status status = make_parents(path, error);
        if (status != RUNDIR_OK)
                return status;
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
                return fail(error, "make the folder", path, errno);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return fail(error, "open the folder", path, errno);
        struct stat stat;
        status = RUNDIR_OK;
        if (fstat(fd, &stat) != 0) {
                status = fail(error, "look at the folder", path, errno);
        } else if ((stat.st_mode & S_ISVTX) != 0) {
                snprintf(error, RUNDIR_ERROR_SIZE, "%s=%.300s is a folder that many share; choose one of its own below it", key, path);
                status = RUNDIR_FAILED;
        } else if (stat.st_uid != identity->uid && stat.st_uid != geteuid()) {
                snprintf(error, RUNDIR_ERROR_SIZE, "%s=%.300s belongs to another user (uid %u); run: chown -R %u %.200s", key, path,
                         (unsigned)stat.st_uid, (unsigned)identity->uid, path);
                status = RUNDIR_FAILED;
        } else if (stat.st_uid != identity->uid && fchown(fd, identity->uid, identity->gid) != 0) {
                status = fail(error, "give to instance.user the folder", path, errno);
        } else if ((stat.st_mode & 07777) != 0700 && fchmod(fd, 0700) != 0) {
                status = fail(error, "make private (0700) the folder", path, errno);
        }
        close(fd);
        return status;
}

static bool
may_pass(const struct stat *stat, const struct spawn_identity *identity)
{
        if (identity->uid == 0)
                return true;
        if (stat->st_uid == identity->uid)
                return (stat->st_mode & S_IXUSR) != 0;
        bool in_group = stat->st_gid == identity->gid;
        for (uint32_t i = 0; i < identity->groups_count; i++)
                in_group = in_group || identity->groups[i] == stat->st_gid;
        return (stat->st_mode & (in_group ? S_IXGRP : S_IXOTH)) != 0;
}

bool
rundir_find_closed_folder(const char *path, const struct spawn_identity *identity, char *out, size_t out_size)
{
        char partial[PATH_SIZE];
        size_t size = strlen(path);
        if (size >= sizeof partial)
                return false;
        for (size_t i = 1; i <= size; i++) {
                struct stat folder;
                if (path[i] != '/' && path[i] != '\0')
                        continue;
                snprintf(partial, sizeof partial, "%.*s", (int)i, path);
                if (stat(partial, &folder) == 0 && S_ISDIR(folder.st_mode) && !may_pass(&folder, identity)) {
                        snprintf(out, out_size, "%s", partial);
                        return true;
                }
        }
        return false;
}

static enum rundir_status
check_reach(const char *path, const char *key, const struct rundir *rundir, char error[RUNDIR_ERROR_SIZE])
{
        char closed[CONFIG_TEXT_SIZE];
        if (!rundir_find_closed_folder(path, rundir->identity, closed, sizeof closed))
                return RUNDIR_OK;
        snprintf(error, RUNDIR_ERROR_SIZE, "user %s (instance.user) cannot reach %s=%s: it may not pass through %s; run: chmod o+x %s",
                 rundir->config->user[0] != '\0' ? rundir->config->user : "we run as", key, path, closed, closed);
        return RUNDIR_FAILED;
}

/* Found here, at start, rather than by a child or by PostgreSQL in the middle of a write. */
static enum rundir_status
check_room(const char *path, char error[RUNDIR_ERROR_SIZE])
{
        struct statvfs room;
        if (statvfs(path, &room) != 0)
                return RUNDIR_OK;
        if ((room.f_flag & ST_RDONLY) != 0)
                return fail(error, "write to", path, EROFS);
        if (room.f_blocks > 0 && room.f_bavail == 0 && geteuid() != 0)
                return fail(error, "write to", path, ENOSPC);
        return RUNDIR_OK;
}

static enum rundir_status
make_folders(const struct rundir *rundir, char error[RUNDIR_ERROR_SIZE])
{
        const struct {
                const char *path;
                const char *key;
        } folders[] = {{rundir->config->run_dir, "instance.run_dir"}, {rundir->config->state_dir, "instance.state_dir"}};
        for (size_t i = 0; i < countof(folders); i++) {
                enum rundir_status status = make_private_folder(folders[i].path, folders[i].key, rundir->identity, error);
                if (status == RUNDIR_OK)
                        status = check_reach(folders[i].path, folders[i].key, rundir, error);
                if (status == RUNDIR_OK)
                        status = check_room(folders[i].path, error);
                if (status != RUNDIR_OK)
                        return status;
        }
        return RUNDIR_OK;
}

static enum rundir_status
take_pid_file(struct rundir *rundir, char error[RUNDIR_ERROR_SIZE])
{
        char path[PM_UNIX_PATH_MAX + 1];
        pid_t other;
        config_run_path(rundir->config, "pm-supervisor.pid", path);
        switch (lock_file_take(path, &rundir->pid_fd, &other)) {
        case LOCK_FILE_OK: break;
        case LOCK_FILE_HELD:
                snprintf(error, RUNDIR_ERROR_SIZE, "already running: pid %d (instance %s)", (int)other, rundir->config->name);
                return RUNDIR_RUNNING;
        case LOCK_FILE_ERROR: return fail(error, "open the pid file", path, errno);
        }
        if (lock_file_write_pid(rundir->pid_fd, getpid()) != LOCK_FILE_OK)
                return fail(error, "write the pid file", path, errno);
        return RUNDIR_OK;
}

enum rundir_status
rundir_init(struct rundir *rundir, const struct config *config, const struct spawn_identity *identity, char error[RUNDIR_ERROR_SIZE])
{
        *rundir = (struct rundir){.config = config, .identity = identity, .pid_fd = -1, .log_fd = -1};
        error[0] = '\0';
        enum rundir_status status = make_folders(rundir, error);
        return status == RUNDIR_OK ? take_pid_file(rundir, error) : status;
}

void
rundir_fini(struct rundir *rundir)
{
        if (rundir->pid_fd >= 0) {
                char path[PM_UNIX_PATH_MAX + 1];
                (void)unlink(config_run_path(rundir->config, "pm-supervisor.pid", path));
                close(rundir->pid_fd);
                rundir->pid_fd = -1;
        }
        if (rundir->log_fd >= 0) {
                close(rundir->log_fd);
                rundir->log_fd = -1;
        }
}

enum rundir_status
rundir_write_effective(const struct rundir *rundir, char error[RUNDIR_ERROR_SIZE])
{
        char path[PM_UNIX_PATH_MAX + 1];
        char temporary[PM_UNIX_PATH_MAX + 1];
        config_run_path(rundir->config, "effective.conf", path);
        config_run_path(rundir->config, "effective.new", temporary);
        /* One that was left by a crash, or laid out by somebody as a trap. */
        (void)unlink(temporary);
        int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return fail(error, "write", temporary, errno);
        FILE *file = fdopen(fd, "w");
        if (file == NULL) {
                int why = errno;
                close(fd);
                return fail(error, "write", temporary, why);
        }
        bool written = config_write(rundir->config, file) == CONFIG_OK && fflush(file) == 0 &&
                       fchown(fd, rundir->identity->uid, rundir->identity->gid) == 0;
        int why = errno;
        if (fclose(file) != 0 && written) {
                why = errno;
                written = false;
        }
        if (written && rename(temporary, path) == 0)
                return RUNDIR_OK;
        if (written)
                why = errno;
        (void)unlink(temporary);
        return fail(error, "write", path, why);
}

enum rundir_status
rundir_open_log(struct rundir *rundir, char error[RUNDIR_ERROR_SIZE])
{
        const char *path = rundir->config->log_file;
        if (path[0] == '\0')
                return RUNDIR_OK;
        enum rundir_status status = make_parents(path, error);
        if (status != RUNDIR_OK)
                return status;
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
        if (fd < 0)
                return fail(error, "open the log file", path, errno);
        if (rundir->log_fd >= 0)
                close(rundir->log_fd);
        rundir->log_fd = fd;
        return RUNDIR_OK;
}

bool
rundir_is_maintenance_on(const struct config *config)
{
        char path[CONFIG_TEXT_SIZE];
        return access(config_state_path(config, "maintenance", path), F_OK) == 0;
}

enum rundir_status
rundir_set_maintenance(const struct config *config, bool on, char error[RUNDIR_ERROR_SIZE])
{
        char path[CONFIG_TEXT_SIZE];
        config_state_path(config, "maintenance", path);
        if (!on)
                return unlink(path) == 0 || errno == ENOENT ? RUNDIR_OK : fail(error, "remove", path, errno);
        int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return fail(error, "write", path, errno);
        close(fd);
        return RUNDIR_OK;
}
