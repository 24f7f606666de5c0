/* Real children: what they inherit, and what becomes of them when the one that started them is gone. */
#include "supervisor/spawn.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/exit_code.h"
#include "common/limits.h"
#include "supervisor/lock_file.h"

#define WAIT_MS 5000

static char folder[64];
static struct spawn_identity ourselves;

static void
setup(void)
{
        char error[256];
        snprintf(folder, sizeof folder, "/tmp/pm-spawn-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(spawn_identity_of("", &ourselves, error, sizeof error), SPAWN_OK);
}

static void
teardown(void)
{
        char path[96];
        snprintf(path, sizeof path, "%s/lock", folder);
        (void)unlink(path);
        ck_assert_int_eq(rmdir(folder), 0);
}

static char *
lock_path(char path[96])
{
        snprintf(path, 96, "%s/lock", folder);
        return path;
}

/* /bin/sh -c script, by its descriptor, with its output in a pipe whose reading end is returned. */
static int
start_shell(const char *script, const struct spawn_identity *identity, const int *fds, uint32_t fds_count, pid_t *pid, int *pidfd)
{
        const char *argv[] = {"sh", "-c", script, NULL};
        int ends[2];
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        struct spawn_request request = {.program_fd = open("/bin/sh", O_PATH | O_CLOEXEC),
                                        .argv = argv,
                                        .identity = identity,
                                        .death_signal = SIGKILL,
                                        .stdin_fd = -1,
                                        .log_fd = ends[1],
                                        .fds_count = fds_count};
        for (uint32_t i = 0; i < fds_count; i++)
                request.fds[i] = fds[i];
        ck_assert_int_eq(spawn_process(&request, pid, pidfd), SPAWN_OK);
        close(request.program_fd);
        close(ends[1]);
        return ends[0];
}

/* Everything until the last writer is gone. */
static void
read_all(int fd, char *text, size_t size)
{
        size_t used = 0;
        ssize_t got;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        while (poll(&ready, 1, WAIT_MS) == 1 && (got = read(fd, text + used, size - 1 - used)) > 0)
                used += (size_t)got;
        text[used] = '\0';
        close(fd);
}

static int
wait_end(pid_t pid, int pidfd)
{
        int status = -1;
        struct pollfd end = {.fd = pidfd, .events = POLLIN};
        ck_assert_int_eq(poll(&end, 1, WAIT_MS), 1);
        ck_assert(spawn_reap(pid, &status));
        close(pidfd);
        return status;
}

START_TEST(spawn_gives_exactly_the_named_descriptors)
{
        char text[2048];
        pid_t pid;
        int pidfd;
        /* Sources in the way of their own targets, and one that must not be seen. */
        int secret = open("/dev/zero", O_RDONLY);
        int fds[3];
        for (int i = 0; i < 3; i++)
                fds[i] = open(i == 1 ? "/dev/full" : "/dev/null", O_RDONLY | O_CLOEXEC);
        int swapped[3] = {fds[2], fds[1], fds[0]};
        int out = start_shell("ls -l /proc/$$/fd | sed -n 's/.* \\([0-9]*\\) -> /\\1=/p'", &ourselves, swapped, 3, &pid, &pidfd);
        read_all(out, text, sizeof text);
        ck_assert_int_eq(wait_end(pid, pidfd), 0);
        ck_assert_msg(strstr(text, "0=/dev/null\n1=pipe:") != NULL, "%s", text);
        ck_assert_msg(strstr(text, "\n3=/dev/null\n4=/dev/full\n5=/dev/null\n") != NULL, "%s", text);
        ck_assert_msg(strstr(text, "/dev/zero") == NULL, "%s", text);
        ck_assert_msg(strstr(text, "\n6=") == NULL, "%s", text);
        close(secret);
        for (int i = 0; i < 3; i++)
                close(fds[i]);
}
END_TEST

START_TEST(spawn_cleans_what_a_child_inherits)
{
        char text[2048];
        pid_t pid;
        int pidfd;
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGTERM);
        sigprocmask(SIG_BLOCK, &blocked, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
        setenv("PGPASSWORD", "secret", 1);
        setenv("NOTIFY_SOCKET", "/nowhere", 1);
        setenv("PM_KEPT", "yes", 1);
        int out =
                start_shell("pwd; umask; echo kept=$PM_KEPT pg=$PGPASSWORD notify=$NOTIFY_SOCKET; grep -E '^Sig(Blk|Ign)' /proc/$$/status; "
                            "cut -d' ' -f1,5,6 /proc/$$/stat",
                            &ourselves, NULL, 0, &pid, &pidfd);
        read_all(out, text, sizeof text);
        ck_assert_int_eq(wait_end(pid, pidfd), 0);
        char session[64];
        snprintf(session, sizeof session, "\n%d %d %d\n", pid, pid, pid);
        ck_assert_msg(strncmp(text, "/\n0077\nkept=yes pg= notify=\n", 28) == 0, "%s", text);
        ck_assert_msg(strstr(text, "SigBlk:\t0000000000000000\n") != NULL, "%s", text);
        /* 32 and 33 belong to the C library, which lets nobody touch them: whoever started us may have had them ignored. */
        const char *ignored = strstr(text, "SigIgn:\t");
        ck_assert_ptr_nonnull(ignored);
        ck_assert_uint_eq(strtoull(ignored + strlen("SigIgn:\t"), NULL, 16) & ~(3ULL << 31), 0);
        ck_assert_msg(strstr(text, session) != NULL, "%s", text);
}
END_TEST

START_TEST(spawn_changes_user_and_groups)
{
        char text[512];
        char error[256];
        char wanted[64];
        pid_t pid;
        int pidfd;
        struct spawn_identity nobody;
        if (geteuid() != 0)
                return; /* only root can */
        ck_assert_int_eq(spawn_identity_of("nobody", &nobody, error, sizeof error), SPAWN_OK);
        int out = start_shell("id -u; id -ru; id -g", &nobody, NULL, 0, &pid, &pidfd);
        read_all(out, text, sizeof text);
        ck_assert_int_eq(wait_end(pid, pidfd), 0);
        snprintf(wanted, sizeof wanted, "%u\n%u\n%u\n", nobody.uid, nobody.uid, nobody.gid);
        ck_assert_str_eq(text, wanted);
}
END_TEST

START_TEST(spawn_names_an_unknown_user)
{
        char error[256];
        struct spawn_identity identity;
        ck_assert_int_eq(spawn_identity_of("pm-no-such-user", &identity, error, sizeof error), SPAWN_FAILED);
        ck_assert_msg(strstr(error, "pm-no-such-user") != NULL && strstr(error, "useradd") != NULL, "%s", error);
}
END_TEST

START_TEST(spawn_tells_in_the_log_what_failed_before_exec)
{
        char text[512];
        pid_t pid;
        int pidfd;
        int ends[2];
        const char *argv[] = {"nothing", NULL};
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        struct spawn_request request = {.program_fd = -1,
                                        .path = "/nowhere/program",
                                        .argv = argv,
                                        .identity = &ourselves,
                                        .death_signal = SIGKILL,
                                        .stdin_fd = -1,
                                        .log_fd = ends[1]};
        ck_assert_int_eq(spawn_process(&request, &pid, &pidfd), SPAWN_OK);
        close(ends[1]);
        read_all(ends[0], text, sizeof text);
        int status = wait_end(pid, pidfd);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), EXIT_CODE_RESOURCE);
        ck_assert_str_eq(text, "could not start: exec: error 2\n");
}
END_TEST

START_TEST(spawn_death_is_noticed_and_told_apart)
{
        pid_t pid;
        int pidfd;
        int status;
        close(start_shell("exec sleep 60", &ourselves, NULL, 0, &pid, &pidfd));
        ck_assert(!spawn_reap(pid, &status));
        kill(pid, SIGSEGV);
        status = wait_end(pid, pidfd);
        ck_assert(WIFSIGNALED(status));
        ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
}
END_TEST

START_TEST(spawn_lock_is_held_as_long_as_the_child_lives)
{
        char path[96];
        pid_t pid;
        pid_t holder;
        int pidfd;
        int fd;
        int other;
        lock_path(path);
        ck_assert_int_eq(lock_file_take(path, &fd, &holder), LOCK_FILE_OK);
        int out = start_shell("exec sleep 60", &ourselves, &fd, 1, &pid, &pidfd);
        ck_assert_int_eq(lock_file_write_pid(fd, pid), LOCK_FILE_OK);
        close(fd); /* the child's copy remains */
        ck_assert_int_eq(lock_file_take(path, &other, &holder), LOCK_FILE_HELD);
        ck_assert_int_eq(holder, pid);
        ck_assert(lock_file_is_open_in(path, pid));
        ck_assert(!lock_file_is_open_in(path, getpid()));
        kill(pid, SIGKILL);
        wait_end(pid, pidfd);
        ck_assert_int_eq(lock_file_take(path, &other, &holder), LOCK_FILE_OK);
        close(other);
        close(out);
}
END_TEST

START_TEST(spawn_lock_follows_no_symbolic_link)
{
        char path[96];
        pid_t holder;
        int fd;
        ck_assert_int_eq(symlink("/dev/null", lock_path(path)), 0);
        ck_assert_int_eq(lock_file_take(path, &fd, &holder), LOCK_FILE_ERROR);
        ck_assert_int_eq(errno, ELOOP);
}
END_TEST

/* P8: the kernel ends the children of a supervisor that was killed. */
START_TEST(spawn_child_dies_with_its_parent)
{
        int ends[2];
        pid_t grandchild = 0;
        ck_assert_int_eq(pipe(ends), 0);
        pid_t parent = fork();
        if (parent == 0) {
                int pidfd;
                (void)start_shell("exec sleep 60", &ourselves, NULL, 0, &grandchild, &pidfd);
                if (write(ends[1], &grandchild, sizeof grandchild) != (ssize_t)sizeof grandchild)
                        _exit(1);
                for (;;)
                        pause();
        }
        ck_assert_int_eq(read(ends[0], &grandchild, sizeof grandchild), sizeof grandchild);
        struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, grandchild, 0), .events = POLLIN};
        ck_assert_int_ge(end.fd, 0);
        ck_assert_int_eq(poll(&end, 1, 0), 0);
        kill(parent, SIGKILL);
        waitpid(parent, NULL, 0);
        ck_assert_int_eq(poll(&end, 1, PM_ORPHAN_DEADLINE_MS), 1);
        close(end.fd);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("spawn");
        TCase *spawn = tcase_create("spawn");
        tcase_add_checked_fixture(spawn, setup, teardown);
        tcase_add_test(spawn, spawn_gives_exactly_the_named_descriptors);
        tcase_add_test(spawn, spawn_cleans_what_a_child_inherits);
        tcase_add_test(spawn, spawn_changes_user_and_groups);
        tcase_add_test(spawn, spawn_names_an_unknown_user);
        tcase_add_test(spawn, spawn_tells_in_the_log_what_failed_before_exec);
        tcase_add_test(spawn, spawn_death_is_noticed_and_told_apart);
        suite_add_tcase(suite, spawn);
        TCase *locks = tcase_create("locks");
        tcase_add_checked_fixture(locks, setup, teardown);
        tcase_add_test(locks, spawn_lock_is_held_as_long_as_the_child_lives);
        tcase_add_test(locks, spawn_lock_follows_no_symbolic_link);
        tcase_add_test(locks, spawn_child_dies_with_its_parent);
        suite_add_tcase(suite, locks);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
