#include "supervisor/embedded_db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/lock_file.h"

/* initdb syncs some 40 MB; a slow disk may take its time, but not for ever. */
#define STEP_DEADLINE_MS 120000
/* An old server gets that long to end by itself before its lock file's pid is killed. */
#define OLD_SERVER_DEADLINE_US (10 * 1000000LL)

/* The making of a cluster. What is there on disk decides where it begins: pgdata is finished, pgdata.new is not. */
enum step { STEP_REMOVE = 0, STEP_INIT, STEP_FILL, STEP_RENAME };

struct embedded_db {
        struct loop *loop;
        const struct config *config;
        const struct spawn_identity *identity;
        int log_fd;
        loop_fn *on_step;
        void *owner;

        int lock_fd; /* -1: not held by us */
        int64_t blocked_since_us;
        enum step step;
        const char *failed; /* the program that failed; NULL: none */
        char failure[64];
        pid_t pid; /* of the step that runs; 0: none */
        int pidfd;
        struct loop_watch *watch;
        struct loop_timer *deadline;
        char bin_dir[CONFIG_TEXT_SIZE];
        char pgdata[CONFIG_TEXT_SIZE];
        char unfinished[CONFIG_TEXT_SIZE];
};

static void on_step_deadline(void *owner);

struct embedded_db *
embedded_db_new(struct loop *loop, const struct config *config, const struct spawn_identity *identity, int log_fd, loop_fn *on_step,
                void *owner)
{
        struct embedded_db *db = calloc(1, sizeof *db);
        PM_ASSERT(db != NULL);
        db->loop = loop;
        db->config = config;
        db->identity = identity;
        db->log_fd = log_fd;
        db->on_step = on_step;
        db->owner = owner;
        db->lock_fd = -1;
        db->pidfd = -1;
        db->deadline = loop_timer_new(loop, on_step_deadline, db);
        config_state_path(config, "pgdata", db->pgdata);
        config_state_path(config, "pgdata.new", db->unfinished);
        return db;
}

static void
release_lock(struct embedded_db *db)
{
        if (db->lock_fd >= 0)
                close(db->lock_fd);
        db->lock_fd = -1;
}

static void
forget_process(struct embedded_db *db)
{
        loop_watch_free(db->watch);
        db->watch = NULL;
        loop_timer_stop(db->deadline);
        if (db->pidfd >= 0)
                close(db->pidfd);
        db->pidfd = -1;
        db->pid = 0;
}

void
embedded_db_free(struct embedded_db *db)
{
        if (db == NULL)
                return;
        if (db->pid > 0)
                (void)kill(db->pid, SIGKILL); /* what it made is unfinished, and so removed next time */
        forget_process(db);
        release_lock(db);
        loop_timer_free(db->deadline);
        free(db);
}

int
embedded_db_version_of(const char *pgdata)
{
        char path[PATH_MAX];
        char text[16] = "";
        snprintf(path, sizeof path, "%s/PG_VERSION", pgdata);
        FILE *file = fopen(path, "re");
        if (file == NULL)
                return 0;
        if (fgets(text, sizeof text, file) == NULL)
                text[0] = '\0';
        fclose(file);
        return (int)strtol(text, NULL, 10);
}

static bool
has_programs(const char *dir)
{
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/initdb", dir);
        if (access(path, X_OK) != 0)
                return false;
        snprintf(path, sizeof path, "%s/postgres", dir);
        return access(path, X_OK) == 0;
}

/* The newest below versions_dir, or exactly `wanted`. */
static int
find_version(const char *versions_dir, int wanted, char *out, size_t out_size)
{
        int best = 0;
        DIR *dir = opendir(versions_dir);
        if (dir == NULL)
                return 0;
        const struct dirent *entry;
        while ((entry = readdir(dir)) != NULL) {
                char path[PATH_MAX];
                char *end;
                long version = strtol(entry->d_name, &end, 10);
                if (*end != '\0' || version <= best || version > 1000 || (wanted != 0 && version != wanted))
                        continue;
                snprintf(path, sizeof path, "%s/%s/bin", versions_dir, entry->d_name);
                if (!has_programs(path))
                        continue;
                best = (int)version;
                snprintf(out, out_size, "%s", path);
        }
        closedir(dir);
        return best;
}

/* 15 of "/usr/lib/postgresql/15/bin"; 0: the path does not say. */
static int
version_in_path(const char *bin_dir)
{
        for (const char *slash = strchr(bin_dir, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
                char *end;
                long version = strtol(slash + 1, &end, 10);
                if (end > slash + 1 && strncmp(end, "/bin", 4) == 0 && version > 0 && version < 1000)
                        return (int)version;
        }
        return 0;
}

static bool
find_in_path(char *out, size_t out_size)
{
        char dirs[PATH_MAX];
        char *rest = NULL;
        const char *path = getenv("PATH");
        snprintf(dirs, sizeof dirs, "%s", path != NULL ? path : "/usr/local/bin:/usr/bin");
        for (char *dir = strtok_r(dirs, ":", &rest); dir != NULL; dir = strtok_r(NULL, ":", &rest)) {
                if (dir[0] == '/' && has_programs(dir)) {
                        snprintf(out, out_size, "%s", dir);
                        return true;
                }
        }
        return false;
}

bool
embedded_db_find_bin(const char *bin_dir, const char *versions_dir, int wanted, char *out, size_t out_size, int *major,
                     char error[EMBEDDED_DB_ERROR_SIZE])
{
        *major = 0;
        error[0] = '\0';
        if (bin_dir[0] != '\0') {
                snprintf(out, out_size, "%s", bin_dir);
                *major = version_in_path(bin_dir);
                bool fits = has_programs(bin_dir) && (wanted == 0 || *major == 0 || *major == wanted);
                if (!has_programs(bin_dir))
                        snprintf(error, EMBEDDED_DB_ERROR_SIZE, "there is no initdb and postgres in database.bin_dir=%.300s", bin_dir);
                else if (!fits)
                        snprintf(error, EMBEDDED_DB_ERROR_SIZE,
                                 "the embedded database was made by PostgreSQL %d, but database.bin_dir=%.300s is PostgreSQL %d", wanted,
                                 bin_dir, *major);
                return fits;
        }
        *major = find_version(versions_dir, wanted, out, out_size);
        if (*major != 0)
                return true;
        int newest = wanted != 0 ? find_version(versions_dir, 0, out, out_size) : 0;
        if (newest != 0) {
                snprintf(error, EMBEDDED_DB_ERROR_SIZE,
                         "the embedded database was made by PostgreSQL %d, and only PostgreSQL %d is installed; install postgresql-%d "
                         "(or move the data with pg_upgrade)",
                         wanted, newest, wanted);
                return false;
        }
        if (find_in_path(out, out_size))
                return true;
        snprintf(error, EMBEDDED_DB_ERROR_SIZE,
                 "PostgreSQL is not installed here (database.mode=embedded): apt-get install postgresql, or name its programs' folder with "
                 "--set database.bin_dir=…");
        return false;
}

static void
on_step_gone(void *owner, int fd, bool readable, bool writable)
{
        struct embedded_db *db = owner;
        int status;
        (void)fd;
        (void)readable;
        (void)writable;
        if (!spawn_reap(db->pid, &status))
                return;
        forget_process(db);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
                db->failed = NULL;
                db->step++;
        } else {
                snprintf(db->failure, sizeof db->failure, WIFEXITED(status) ? "exit code %d" : "signal %d",
                         WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
                db->step = STEP_REMOVE;
        }
        db->on_step(db->owner);
}

static void
on_step_deadline(void *owner)
{
        struct embedded_db *db = owner;
        LOG_ERROR("event=database_step_timeout program=%s timeout_ms=%d", db->failed != NULL ? db->failed : "none", STEP_DEADLINE_MS);
        if (db->pid > 0)
                (void)kill(db->pid, SIGKILL);
}

/* program names itself as failed until it has ended well. */
static enum embedded_db_status
run_step(struct embedded_db *db, const char *program, const char *path, const char *const *argv, int stdin_fd)
{
        struct spawn_request request = {
                .program_fd = -1,
                .path = path,
                .argv = argv,
                .identity = db->identity,
                .death_signal = SIGKILL,
                .stdin_fd = stdin_fd,
                .log_fd = db->log_fd,
                .fds = {db->lock_fd},
                .fds_count = 1,
        };
        LOG_INFO("event=database_step program=%s", program);
        if (spawn_process(&request, &db->pid, &db->pidfd) != SPAWN_OK) {
                db->pid = 0;
                return EMBEDDED_DB_FAILED;
        }
        db->failed = program;
        db->failure[0] = '\0';
        db->watch = loop_watch_new(db->loop, db->pidfd, true, false, on_step_gone, db);
        loop_timer_start_us(db->deadline, STEP_DEADLINE_MS * 1000LL);
        return EMBEDDED_DB_BUSY;
}

/* As the children's user, so that no link in there leads root astray. */
static enum embedded_db_status
step_remove(struct embedded_db *db)
{
        const char *argv[] = {"rm", "-rf", "--", db->unfinished, NULL};
        return run_step(db, "rm", "/bin/rm", argv, -1);
}

/* trust: only the folder's owner and root can reach the socket, and there is no other way in. */
static enum embedded_db_status
step_init(struct embedded_db *db)
{
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/initdb", db->bin_dir);
        const char *argv[] = {path,
                              "--pgdata",
                              db->unfinished,
                              "--username=postgres",
                              "--auth=trust",
                              "--encoding=UTF8",
                              "--locale=C",
                              "--data-checksums",
                              "--no-instructions",
                              NULL};
        return run_step(db, "initdb", path, argv, -1);
}

/* A statement a line; the first that fails ends the server with an error. */
static enum embedded_db_status
step_fill(struct embedded_db *db)
{
        static const char statements[] = "CREATE ROLE " EMBEDDED_DB_ROLE " LOGIN\n"
                                         "CREATE DATABASE " EMBEDDED_DB_NAME " OWNER " EMBEDDED_DB_ROLE "\n";
        char path[PATH_MAX];
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
                return EMBEDDED_DB_FAILED;
        /* Far below a pipe's capacity, so this does not block. */
        ssize_t written = write(ends[1], statements, sizeof statements - 1);
        close(ends[1]);
        snprintf(path, sizeof path, "%s/postgres", db->bin_dir);
        const char *argv[] = {path,       "--single", "-D", db->unfinished, "-c", "exit_on_error=on", "-c", "log_checkpoints=off",
                              "postgres", NULL};
        enum embedded_db_status status =
                written == (ssize_t)(sizeof statements - 1) ? run_step(db, "postgres --single", path, argv, ends[0]) : EMBEDDED_DB_FAILED;
        close(ends[0]);
        return status;
}

static enum embedded_db_status
step_rename(struct embedded_db *db)
{
        if (rename(db->unfinished, db->pgdata) != 0) {
                db->failed = "rename";
                snprintf(db->failure, sizeof db->failure, "%s", strerror(errno));
                return EMBEDDED_DB_FAILED;
        }
        int folder = open(db->config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder >= 0) {
                (void)fsync(folder);
                close(folder);
        }
        LOG_INFO("event=database_made path=%s", db->pgdata);
        return EMBEDDED_DB_OK;
}

static enum embedded_db_status
make_cluster(struct embedded_db *db, char error[EMBEDDED_DB_ERROR_SIZE])
{
        enum embedded_db_status status = EMBEDDED_DB_FAILED;
        switch (db->step) {
        case STEP_REMOVE: status = step_remove(db); break;
        case STEP_INIT: status = step_init(db); break;
        case STEP_FILL: status = step_fill(db); break;
        case STEP_RENAME:
                status = step_rename(db);
                db->step = STEP_REMOVE;
                break;
        }
        if (status == EMBEDDED_DB_FAILED)
                snprintf(error, EMBEDDED_DB_ERROR_SIZE, "the embedded database could not be made in %.300s: %s", db->unfinished,
                         db->failed != NULL && db->failure[0] != '\0' ? db->failure : strerror(errno));
        return status;
}

/* Free when no process of an old server lives. */
static enum embedded_db_status
take_lock(struct embedded_db *db, char error[EMBEDDED_DB_ERROR_SIZE])
{
        char path[PM_UNIX_PATH_MAX + 1];
        pid_t holder;
        if (db->lock_fd >= 0)
                return EMBEDDED_DB_OK;
        config_run_path(db->config, "database.lock", path);
        switch (lock_file_take(path, &db->lock_fd, &holder)) {
        case LOCK_FILE_OK: db->blocked_since_us = 0; return EMBEDDED_DB_OK;
        case LOCK_FILE_ERROR:
                snprintf(error, EMBEDDED_DB_ERROR_SIZE, "cannot lock %s: %s", path, strerror(errno));
                return EMBEDDED_DB_FAILED;
        case LOCK_FILE_HELD: break;
        }
        int64_t now_us = clock_monotonic_us();
        if (db->blocked_since_us == 0) {
                db->blocked_since_us = now_us;
                LOG_INFO("event=database_waits msg=\"an old PostgreSQL has not ended yet\" holder=%d", (int)holder);
        } else if (now_us - db->blocked_since_us >= OLD_SERVER_DEADLINE_US) {
                bool killed = lock_file_is_open_in(path, holder) && kill(holder, SIGKILL) == 0;
                LOG_WARNING("event=database_old_server holder=%d killed=%s msg=\"an old PostgreSQL does not end; see: fuser -v %s\"",
                            (int)holder, killed ? "yes" : "no", path);
                db->blocked_since_us = now_us;
        }
        return EMBEDDED_DB_BUSY;
}

/* PostgreSQL trusts a pid in its own lock files; after a crash that pid may be anybody's. Ours says that none of its processes
 * lives; one that was started by hand (its working folder is the cluster) is left to PostgreSQL's own refusal. */
static bool
is_server_of_somebody(const char *pid_path, const char *pgdata)
{
        char text[32] = "";
        char link[64];
        char folder[PATH_MAX];
        FILE *file = fopen(pid_path, "re");
        if (file == NULL)
                return false;
        if (fgets(text, sizeof text, file) == NULL)
                text[0] = '\0';
        fclose(file);
        snprintf(link, sizeof link, "/proc/%ld/cwd", strtol(text, NULL, 10));
        ssize_t size = readlink(link, folder, sizeof folder - 1);
        folder[size > 0 ? size : 0] = '\0';
        return strcmp(folder, pgdata) == 0;
}

static void
remove_stale_files(const struct embedded_db *db)
{
        char path[PATH_MAX];
        char socket_lock[PM_UNIX_PATH_MAX + 1];
        snprintf(path, sizeof path, "%s/postmaster.pid", db->pgdata);
        if (is_server_of_somebody(path, db->pgdata))
                return;
        if (unlink(path) == 0)
                LOG_INFO("event=database_stale_pid path=%s", path);
        (void)unlink(config_run_path(db->config, ".s.PGSQL.5432.lock", socket_lock));
}

/* Small and quiet, and durable whatever its config files say: command line settings win. */
static enum embedded_db_status
start_server(struct embedded_db *db, pid_t *pid, int *pidfd, char error[EMBEDDED_DB_ERROR_SIZE])
{
        static const char *const settings[] = {
                "listen_addresses=",
                "port=5432",
                "unix_socket_permissions=0700",
                "fsync=on",
                "full_page_writes=on",
                "synchronous_commit=on",
                "shared_buffers=16MB",
                "max_connections=20",
                "max_wal_senders=2",
                "max_wal_size=256MB",
                "min_wal_size=32MB",
                "max_worker_processes=2",
                "max_parallel_workers=0",
                "autovacuum_max_workers=1",
                "jit=off",
                "logging_collector=off",
                "log_destination=stderr",
                "log_line_prefix=",
                "lc_messages=C",
                "log_checkpoints=off",
                "log_timezone=UTC",
                "TimeZone=UTC",
                "restart_after_crash=on",
                "dynamic_shared_memory_type=posix",
        };
        char path[PATH_MAX];
        char sockets[CONFIG_TEXT_SIZE + 32];
        const char *argv[2 * (countof(settings) + 1) + 4];
        size_t n = 0;
        snprintf(path, sizeof path, "%s/postgres", db->bin_dir);
        snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", db->config->run_dir);
        argv[n++] = path;
        argv[n++] = "-D";
        argv[n++] = db->pgdata;
        for (size_t i = 0; i <= countof(settings); i++) {
                argv[n++] = "-c";
                argv[n++] = i < countof(settings) ? settings[i] : sockets;
        }
        argv[n] = NULL;
        remove_stale_files(db);
        struct spawn_request request = {
                .program_fd = -1,
                .path = path,
                .argv = argv,
                .identity = db->identity,
                .death_signal = SIGQUIT,
                .stdin_fd = -1,
                .log_fd = db->log_fd,
                .fds = {db->lock_fd},
                .fds_count = 1,
        };
        if (spawn_process(&request, pid, pidfd) != SPAWN_OK) {
                snprintf(error, EMBEDDED_DB_ERROR_SIZE, "PostgreSQL could not be started; see the log");
                return EMBEDDED_DB_FAILED;
        }
        if (lock_file_write_pid(db->lock_fd, *pid) != LOCK_FILE_OK) /* only for whoever waits for it later */
                LOG_WARNING("event=database_lock_pid error=\"%s\"", strerror(errno));
        release_lock(db); /* the server has it now */
        return EMBEDDED_DB_OK;
}

enum embedded_db_status
embedded_db_start(struct embedded_db *db, pid_t *pid, int *pidfd, char error[EMBEDDED_DB_ERROR_SIZE])
{
        int major;
        error[0] = '\0';
        if (db->pid > 0)
                return EMBEDDED_DB_BUSY;
        if (db->failed != NULL) {
                snprintf(error, EMBEDDED_DB_ERROR_SIZE, "the embedded database could not be made: %s failed (%s); its words are in the log",
                         db->failed, db->failure);
                db->failed = NULL;
                release_lock(db);
                return EMBEDDED_DB_FAILED;
        }
        enum embedded_db_status status = take_lock(db, error);
        if (status != EMBEDDED_DB_OK)
                return status;
        int version = embedded_db_version_of(db->pgdata);
        if (!embedded_db_find_bin(db->config->database_bin_dir, EMBEDDED_DB_VERSIONS_DIR, version, db->bin_dir, sizeof db->bin_dir, &major,
                                  error)) {
                release_lock(db);
                return EMBEDDED_DB_FAILED;
        }
        if (version == 0) {
                status = make_cluster(db, error);
                if (status != EMBEDDED_DB_OK) {
                        if (status == EMBEDDED_DB_FAILED) {
                                db->failed = NULL;
                                release_lock(db);
                        }
                        return status;
                }
        }
        return start_server(db, pid, pidfd, error);
}
