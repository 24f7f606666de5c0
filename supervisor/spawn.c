#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/exit_code.h"
#include "common/log.h"

/* Above every number that the child's descriptors get, so that moving them never hits one that is still to be moved. */
#define FD_PARKING 100

extern char **environ;

enum spawn_status
spawn_identity_of(const char *user, struct spawn_identity *identity, char *error, size_t error_size)
{
        *identity = (struct spawn_identity){.uid = geteuid(), .gid = getegid()};
        if (user[0] == '\0')
                return SPAWN_OK;
        errno = 0;
        const struct passwd *entry = getpwnam(user);
        if (entry == NULL) {
                snprintf(error, error_size, "there is no user %s (instance.user)%s%s; create it: useradd --system %s", user,
                         errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "", user);
                return SPAWN_FAILED;
        }
        identity->uid = entry->pw_uid;
        identity->gid = entry->pw_gid;
        if (geteuid() == entry->pw_uid)
                return SPAWN_OK;
        if (geteuid() != 0) {
                snprintf(error, error_size, "only root can run the children as instance.user=%s; start as root or as that user", user);
                return SPAWN_FAILED;
        }
        int count = SPAWN_GROUPS_MAX;
        if (getgrouplist(user, entry->pw_gid, identity->groups, &count) < 0)
                count = SPAWN_GROUPS_MAX; /* the first ones are there */
        identity->groups_count = (uint32_t)count;
        identity->change = true;
        return SPAWN_OK;
}

/* Between fork and exec only async-signal-safe calls are allowed: another thread of ours may have held any lock. */

static size_t
append(char *line, size_t size, size_t used, const char *text)
{
        while (*text != '\0' && used < size)
                line[used++] = *text++;
        return used;
}

static _Noreturn void
fail_in_child(const char *step, int error)
{
        char line[160];
        char digits[12];
        size_t used = 0;
        size_t n = sizeof digits;
        digits[--n] = '\0';
        do
                digits[--n] = (char)('0' + error % 10);
        while ((error /= 10) > 0 && n > 0);
        used = append(line, sizeof line, used, "could not start: ");
        used = append(line, sizeof line, used, step);
        used = append(line, sizeof line, used, ": error ");
        used = append(line, sizeof line, used, digits + n);
        used = append(line, sizeof line, used, "\n");
        ssize_t written = write(STDERR_FILENO, line, used);
        (void)written;
        _exit(EXIT_CODE_RESOURCE);
}

static int
park(int fd)
{
        return fcntl(fd, F_DUPFD_CLOEXEC, FD_PARKING);
}

/* 0, 1, 2, then the lent ones; the program's own descriptor stays parked, close-on-exec, and everything else goes. */
static int
arrange_fds(const struct spawn_request *request)
{
        int parked[SPAWN_FDS_MAX];
        int input = request->stdin_fd >= 0 ? park(request->stdin_fd) : open("/dev/null", O_RDWR | O_CLOEXEC);
        int log = park(request->log_fd);
        int program = request->program_fd >= 0 ? park(request->program_fd) : -1;
        for (uint32_t i = 0; i < request->fds_count; i++) {
                parked[i] = park(request->fds[i]);
                if (parked[i] < 0)
                        fail_in_child("fcntl", errno);
        }
        if (input < 0 || log < 0 || (program < 0 && request->program_fd >= 0))
                fail_in_child("fcntl", errno);
        if (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
                fail_in_child("dup2", errno);
        if (input != STDIN_FILENO && dup2(input, STDIN_FILENO) < 0)
                fail_in_child("dup2", errno);
        if (input == STDIN_FILENO && fcntl(input, F_SETFD, 0) != 0)
                fail_in_child("fcntl", errno);
        for (uint32_t i = 0; i < request->fds_count; i++) {
                if (dup2(parked[i], SPAWN_FIRST_FD + (int)i) < 0)
                        fail_in_child("dup2", errno);
        }
        unsigned first = SPAWN_FIRST_FD + request->fds_count;
        if (program < 0) {
                syscall(SYS_close_range, first, ~0U, 0);
        } else {
                syscall(SYS_close_range, first, (unsigned)program - 1, 0);
                syscall(SYS_close_range, (unsigned)program + 1, ~0U, 0);
        }
        return program;
}

static void
become(const struct spawn_identity *identity)
{
        if (!identity->change)
                return;
        if (setgroups(identity->groups_count, identity->groups) != 0)
                fail_in_child("setgroups", errno);
        if (setresgid(identity->gid, identity->gid, identity->gid) != 0)
                fail_in_child("setresgid", errno);
        if (setresuid(identity->uid, identity->uid, identity->uid) != 0)
                fail_in_child("setresuid", errno);
}

static void
reset_signals(void)
{
        struct sigaction ordinary = {.sa_handler = SIG_DFL};
        for (int number = 1; number < NSIG; number++)
                (void)sigaction(number, &ordinary, NULL); /* SIGKILL, SIGSTOP and the library's own refuse: fine */
        sigset_t none;
        sigemptyset(&none);
        if (sigprocmask(SIG_SETMASK, &none, NULL) != 0)
                fail_in_child("sigprocmask", errno);
}

static _Noreturn void
run_child(const struct spawn_request *request, pid_t parent, char *const *environment)
{
        int program = arrange_fds(request);
        become(request->identity);
        /* After the change of uid, which clears it. */
        if (prctl(PR_SET_PDEATHSIG, request->death_signal) != 0)
                fail_in_child("prctl", errno);
        /* The parent may have died before that. */
        if (getppid() != parent)
                _exit(EXIT_CODE_LINK_LOST);
        (void)setsid(); /* a terminal's Ctrl-C is for the supervisor, which stops us in order */
        (void)umask(077);
        if (chdir("/") != 0)
                fail_in_child("chdir", errno);
        reset_signals();
        union {
                const char *const *given;
                char *const *wanted;
        } argv = {.given = request->argv}; /* exec promises in words only that it leaves the strings alone */
        if (program >= 0)
                syscall(SYS_execveat, program, "", argv.wanted, environment, AT_EMPTY_PATH);
        else
                execve(request->path, argv.wanted, environment);
        fail_in_child("exec", errno);
}

/* Without what would reach into the children from our surroundings: libpq's variables, systemd's sockets. */
static char **
make_environment(void)
{
        static const char *const unwanted[] = {"PG", "NOTIFY_SOCKET=", "LISTEN_", "WATCHDOG_", "INVOCATION_ID="};
        size_t count = 0;
        while (environ[count] != NULL)
                count++;
        char **kept = calloc(count + 1, sizeof *kept);
        if (kept == NULL)
                return NULL;
        size_t n = 0;
        for (size_t i = 0; i < count; i++) {
                bool keep = true;
                for (size_t k = 0; k < countof(unwanted); k++) {
                        if (strncmp(environ[i], unwanted[k], strlen(unwanted[k])) == 0)
                                keep = false;
                }
                if (keep)
                        kept[n++] = environ[i];
        }
        return kept;
}

/* Where there is no pidfd (before Linux 5.3, under valgrind), the child holds one end of a pipe, and its death is the end of that. */
static bool
has_pidfd(void)
{
        int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
        if (fd < 0)
                return errno != ENOSYS;
        close(fd);
        return true;
}

static pid_t
fork_child(const struct spawn_request *request, char *const *environment)
{
        pid_t parent = getpid();
        /* No handler of ours may run in the child. */
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pid_t child = fork();
        int why = errno;
        if (child == 0)
                run_child(request, parent, environment);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        errno = why;
        return child;
}

static enum spawn_status
spawn_with_pipe(const struct spawn_request *request, char *const *environment, pid_t *pid, int *pidfd)
{
        struct spawn_request with_pipe = *request;
        int ends[2];
        PM_ASSERT(request->fds_count < SPAWN_FDS_MAX);
        if (pipe2(ends, O_CLOEXEC) != 0) {
                LOG_ERROR("event=spawn_failed program=%s error=\"pipe: %s\"", request->argv[0], strerror(errno));
                return SPAWN_FAILED;
        }
        with_pipe.fds[with_pipe.fds_count++] = ends[1];
        *pid = fork_child(&with_pipe, environment);
        int why = errno;
        close(ends[1]);
        if (*pid < 0) {
                LOG_ERROR("event=spawn_failed program=%s error=\"fork: %s\"", request->argv[0], strerror(why));
                close(ends[0]);
                *pid = 0;
                return SPAWN_FAILED;
        }
        *pidfd = ends[0];
        return SPAWN_OK;
}

enum spawn_status
spawn_process(const struct spawn_request *request, pid_t *pid, int *pidfd)
{
        PM_ASSERT(request->fds_count <= SPAWN_FDS_MAX);
        *pid = 0;
        *pidfd = -1;
        char **environment = make_environment();
        if (environment == NULL) {
                LOG_ERROR("event=spawn_failed program=%s error=\"out of memory\"", request->argv[0]);
                return SPAWN_FAILED;
        }
        if (!has_pidfd()) {
                enum spawn_status status = spawn_with_pipe(request, environment, pid, pidfd);
                free(environment);
                return status;
        }
        pid_t child = fork_child(request, environment);
        int why = errno;
        free(environment);
        if (child < 0) {
                LOG_ERROR("event=spawn_failed program=%s error=\"fork: %s\"", request->argv[0], strerror(why));
                return SPAWN_FAILED;
        }
        int fd = (int)syscall(SYS_pidfd_open, child, 0);
        if (fd < 0) {
                /* Nobody would hear of its death, so it must not live. */
                LOG_ERROR("event=spawn_failed program=%s error=\"pidfd_open: %s\"", request->argv[0], strerror(errno));
                kill(child, SIGKILL);
                waitpid(child, NULL, 0);
                return SPAWN_FAILED;
        }
        *pid = child;
        *pidfd = fd;
        return SPAWN_OK;
}

bool
spawn_reap(pid_t pid, int *status)
{
        pid_t got;
        do
                got = waitpid(pid, status, WNOHANG);
        while (got < 0 && errno == EINTR);
        return got == pid;
}
