/* The folders of an instance: made, private, reachable; one supervisor at a time. */
#include "supervisor/rundir.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/lock_file.h"

static char folder[64];
static struct config config;
static struct spawn_identity identity;
static struct rundir rundir;
static char error[RUNDIR_ERROR_SIZE];

static void
setup(void)
{
        char text[256];
        snprintf(folder, sizeof folder, "/tmp/pm-rundir-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(chmod(folder, 0755), 0);
        config_init(&config);
        snprintf(config.run_dir, sizeof config.run_dir, "%s/a/run", folder);
        snprintf(config.state_dir, sizeof config.state_dir, "%s/a/state", folder);
        ck_assert_int_eq(spawn_identity_of("", &identity, text, sizeof text), SPAWN_OK);
        umask(022);
        rundir = (struct rundir){.pid_fd = -1, .log_fd = -1};
}

static void
teardown(void)
{
        char command[128];
        rundir_fini(&rundir);
        config_fini(&config);
        snprintf(command, sizeof command, "rm -rf %s", folder);
        ck_assert_int_eq(system(command), 0);
}

static mode_t
mode_of(const char *path)
{
        struct stat file;
        ck_assert_msg(stat(path, &file) == 0, "%s: %s", path, strerror(errno));
        return file.st_mode & 07777;
}

static uid_t
owner_of(const char *path)
{
        struct stat file;
        ck_assert_int_eq(stat(path, &file), 0);
        return file.st_uid;
}

START_TEST(rundir_makes_private_folders_with_what_is_above)
{
        ck_assert_msg(rundir_init(&rundir, &config, &identity, error) == RUNDIR_OK, "%s", error);
        ck_assert_int_eq(mode_of(config.run_dir), 0700);
        ck_assert_int_eq(mode_of(config.state_dir), 0700);
        /* One that is there and too open is made private. */
        rundir_fini(&rundir);
        ck_assert_int_eq(chmod(config.state_dir, 0755), 0);
        ck_assert_msg(rundir_init(&rundir, &config, &identity, error) == RUNDIR_OK, "%s", error);
        ck_assert_int_eq(mode_of(config.state_dir), 0700);
}
END_TEST

START_TEST(rundir_gives_the_folders_to_the_childrens_user)
{
        char text[256];
        char path[PM_UNIX_PATH_MAX + 1];
        if (geteuid() != 0)
                return; /* only root can */
        snprintf(config.user, sizeof config.user, "nobody");
        ck_assert_int_eq(spawn_identity_of("nobody", &identity, text, sizeof text), SPAWN_OK);
        ck_assert_msg(rundir_init(&rundir, &config, &identity, error) == RUNDIR_OK, "%s", error);
        ck_assert_uint_eq(owner_of(config.run_dir), identity.uid);
        ck_assert_uint_eq(owner_of(config.state_dir), identity.uid);
        ck_assert_msg(rundir_write_effective(&rundir, error) == RUNDIR_OK, "%s", error);
        config_run_path(&config, "effective.conf", path);
        ck_assert_uint_eq(owner_of(path), identity.uid);
        ck_assert_int_eq(mode_of(path), 0600);
        /* And our own file stays ours. */
        config_run_path(&config, "pm-supervisor.pid", path);
        ck_assert_uint_eq(owner_of(path), 0);
}
END_TEST

START_TEST(rundir_names_the_folder_that_cannot_be_passed)
{
        char closed[CONFIG_TEXT_SIZE];
        char wanted[128];
        struct spawn_identity stranger = {.uid = 54321, .gid = 54321};
        ck_assert_msg(rundir_init(&rundir, &config, &identity, error) == RUNDIR_OK, "%s", error);
        snprintf(wanted, sizeof wanted, "%s/a", folder);
        ck_assert_int_eq(chmod(config.run_dir, 0755), 0);
        ck_assert(!rundir_find_closed_folder(config.run_dir, &stranger, closed, sizeof closed));
        ck_assert_int_eq(chmod(wanted, 0750), 0);
        ck_assert(rundir_find_closed_folder(config.run_dir, &stranger, closed, sizeof closed));
        ck_assert_str_eq(closed, wanted);
        /* Its group may pass. */
        struct stat file;
        ck_assert_int_eq(stat(wanted, &file), 0);
        stranger.groups[0] = file.st_gid;
        stranger.groups_count = 1;
        ck_assert(!rundir_find_closed_folder(config.run_dir, &stranger, closed, sizeof closed));
        ck_assert_int_eq(chmod(wanted, 0755), 0);
}
END_TEST

START_TEST(rundir_says_the_command_when_the_user_cannot_reach_it)
{
        char text[256];
        char wanted[128];
        if (geteuid() != 0)
                return;
        snprintf(config.user, sizeof config.user, "nobody");
        ck_assert_int_eq(spawn_identity_of("nobody", &identity, text, sizeof text), SPAWN_OK);
        ck_assert_int_eq(chmod(folder, 0700), 0);
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_FAILED);
        snprintf(wanted, sizeof wanted, "run: chmod o+x %s", folder);
        ck_assert_msg(strstr(error, wanted) != NULL && strstr(error, "nobody") != NULL, "%s", error);
}
END_TEST

START_TEST(rundir_refuses_shared_and_foreign_folders)
{
        ck_assert_int_eq(mkdir(strcpy(config.run_dir, folder), 0755) == 0 || errno == EEXIST, 1);
        ck_assert_int_eq(chmod(folder, 01777), 0);
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_FAILED);
        ck_assert_msg(strstr(error, "many share") != NULL, "%s", error);
        ck_assert_int_eq(chmod(folder, 0755), 0);
        if (geteuid() != 0)
                return;
        ck_assert_int_eq(chown(folder, 54321, 54321), 0);
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_FAILED);
        ck_assert_msg(strstr(error, "belongs to another user (uid 54321); run: chown -R") != NULL, "%s", error);
}
END_TEST

START_TEST(rundir_refuses_a_second_start_by_the_pid_of_the_first)
{
        char path[PM_UNIX_PATH_MAX + 1];
        char wanted[64];
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_OK);
        pid_t other = fork();
        if (other == 0) {
                struct rundir second;
                snprintf(wanted, sizeof wanted, "already running: pid %d (instance main)", getppid());
                _exit(rundir_init(&second, &config, &identity, error) == RUNDIR_RUNNING && strcmp(error, wanted) == 0 ? 0 : 1);
        }
        int status;
        ck_assert_int_eq(waitpid(other, &status, 0), other);
        ck_assert_int_eq(status, 0);
        /* A clean end takes the file away, and the next start finds nothing in its way. */
        rundir_fini(&rundir);
        ck_assert_int_ne(access(config_run_path(&config, "pm-supervisor.pid", path), F_OK), 0);
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_OK);
}
END_TEST

START_TEST(rundir_starts_over_the_pid_file_of_a_crash)
{
        char path[PM_UNIX_PATH_MAX + 1];
        char text[32] = "";
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_OK);
        close(rundir.pid_fd); /* as a SIGKILL does: the file stays, its lock goes */
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_OK);
        int fd = open(config_run_path(&config, "pm-supervisor.pid", path), O_RDONLY);
        ck_assert_int_gt(read(fd, text, sizeof text - 1), 0);
        close(fd);
        ck_assert_int_eq(atoi(text), getpid());
}
END_TEST

START_TEST(rundir_effective_conf_reads_back)
{
        char path[PM_UNIX_PATH_MAX + 1];
        char text[CONFIG_ERROR_SIZE];
        struct config again;
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_OK);
        config.watchdog_ms = 1234;
        ck_assert_msg(rundir_write_effective(&rundir, error) == RUNDIR_OK, "%s", error);
        config_init(&again);
        ck_assert_msg(config_load(&again, config_run_path(&config, "effective.conf", path), text) == CONFIG_OK, "%s", text);
        ck_assert_int_eq(again.watchdog_ms, 1234);
        config_fini(&again);
        ck_assert_int_ne(access(config_run_path(&config, "effective.new", path), F_OK), 0);
}
END_TEST

START_TEST(rundir_does_not_write_through_a_trap)
{
        char path[PM_UNIX_PATH_MAX + 1];
        char prey[96];
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_OK);
        snprintf(prey, sizeof prey, "%s/prey", folder);
        ck_assert_int_eq(symlink(prey, config_run_path(&config, "effective.new", path)), 0);
        ck_assert_int_eq(rundir_write_effective(&rundir, error), RUNDIR_OK);
        ck_assert_int_ne(access(prey, F_OK), 0);
        ck_assert_int_eq(mode_of(config_run_path(&config, "effective.conf", path)), 0600);
}
END_TEST

START_TEST(rundir_log_file_is_opened_again_after_a_rotation)
{
        char rotated[CONFIG_TEXT_SIZE + 8];
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_OK);
        ck_assert_int_eq(rundir_open_log(&rundir, error), RUNDIR_OK);
        ck_assert_int_eq(rundir.log_fd, -1); /* none configured */
        snprintf(config.log_file, sizeof config.log_file, "%s/log/deep/pm.log", folder);
        ck_assert_msg(rundir_open_log(&rundir, error) == RUNDIR_OK, "%s", error);
        ck_assert_int_eq(mode_of(config.log_file), 0640);
        snprintf(rotated, sizeof rotated, "%s.1", config.log_file);
        ck_assert_int_eq(rename(config.log_file, rotated), 0);
        ck_assert_int_eq(rundir_open_log(&rundir, error), RUNDIR_OK);
        ck_assert_int_eq(access(config.log_file, F_OK), 0);
        ck_assert_int_eq(write(rundir.log_fd, "x", 1), 1);
}
END_TEST

START_TEST(rundir_tells_what_cannot_be_made)
{
        snprintf(config.run_dir, sizeof config.run_dir, "/proc/pm-run");
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_FAILED);
        ck_assert_msg(strncmp(error, "cannot make the folder /proc/pm-run: ", 37) == 0, "%s", error);
}
END_TEST

START_TEST(rundir_knows_where_a_daemon_logs)
{
        char path[CONFIG_TEXT_SIZE];
        char wanted[CONFIG_TEXT_SIZE];
        rundir_default_log(&config, path);
        ck_assert_str_eq(path, config_state_path(&config, "portfolio_manager.log", wanted));
        snprintf(config.state_dir, sizeof config.state_dir, "/var/lib/pm-supervisor");
        rundir_default_log(&config, path);
        ck_assert_str_eq(path, "/var/log/pm-supervisor/portfolio_manager.log");
}
END_TEST

START_TEST(rundir_maintenance_outlives_us)
{
        ck_assert_int_eq(rundir_init(&rundir, &config, &identity, error), RUNDIR_OK);
        ck_assert(!rundir_is_maintenance_on(&config));
        ck_assert_int_eq(rundir_set_maintenance(&config, true, error), RUNDIR_OK);
        ck_assert_int_eq(rundir_set_maintenance(&config, true, error), RUNDIR_OK);
        rundir_fini(&rundir);
        ck_assert(rundir_is_maintenance_on(&config));
        ck_assert_int_eq(rundir_set_maintenance(&config, false, error), RUNDIR_OK);
        ck_assert_int_eq(rundir_set_maintenance(&config, false, error), RUNDIR_OK);
        ck_assert(!rundir_is_maintenance_on(&config));
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("rundir");
        TCase *folders = tcase_create("folders");
        tcase_add_checked_fixture(folders, setup, teardown);
        tcase_add_test(folders, rundir_makes_private_folders_with_what_is_above);
        tcase_add_test(folders, rundir_gives_the_folders_to_the_childrens_user);
        tcase_add_test(folders, rundir_names_the_folder_that_cannot_be_passed);
        tcase_add_test(folders, rundir_says_the_command_when_the_user_cannot_reach_it);
        tcase_add_test(folders, rundir_refuses_shared_and_foreign_folders);
        tcase_add_test(folders, rundir_tells_what_cannot_be_made);
        suite_add_tcase(suite, folders);
        TCase *files = tcase_create("files");
        tcase_add_checked_fixture(files, setup, teardown);
        tcase_add_test(files, rundir_refuses_a_second_start_by_the_pid_of_the_first);
        tcase_add_test(files, rundir_starts_over_the_pid_file_of_a_crash);
        tcase_add_test(files, rundir_effective_conf_reads_back);
        tcase_add_test(files, rundir_does_not_write_through_a_trap);
        tcase_add_test(files, rundir_log_file_is_opened_again_after_a_rotation);
        tcase_add_test(files, rundir_knows_where_a_daemon_logs);
        tcase_add_test(files, rundir_maintenance_outlives_us);
        suite_add_tcase(suite, files);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
