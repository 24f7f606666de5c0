/* The command line as a user meets it: the whole program called with arguments, its output caught, a fake daemon behind it. */
#include "supervisor/cli.h"

#include <check.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/exit_code.h"
#include "config.h"
#include "supervisor/cli_help.h"
#include "supervisor/cli_table.h"
#include "supervisor/daemon.h"

static char folder[64];
static char run_dir[128];
static char out[65536];

struct run_seen {
        int count;
        int ready_fd;
        int64_t log_level;
        char name[64];
        char path[128];
        uint32_t sets_count;
};
static struct run_seen *run_seen;

static int
fake_run(struct config *config, const struct config_source *source, int ready_fd)
{
        run_seen->count++;
        run_seen->ready_fd = ready_fd;
        run_seen->log_level = config->log_level;
        run_seen->sets_count = source->sets_count;
        snprintf(run_seen->name, sizeof(run_seen->name), "%s", config->name);
        snprintf(run_seen->path, sizeof(run_seen->path), "%.100s", source->path);
        return 42;
}

static int
fake_dump(FILE *to)
{
        fprintf(to, "digraph child {}\n");
        return VERB_OK;
}

static const struct cli_hooks hooks = {fake_run, fake_dump};

static void
set_up(void)
{
        static struct run_seen seen;
        seen = (struct run_seen){0};
        run_seen = &seen;
        snprintf(folder, sizeof(folder), "/tmp/test_cli.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(run_dir, sizeof(run_dir), "instance.run_dir=%s", folder);
}

static void
tear_down(void)
{
        static const char *const names[] = {"pm-supervisor.pid", "worker.lock", "pm.conf", "secret", "output"};
        char path[128];
        for (size_t i = 0; i < countof(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                (void)unlink(path);
        }
        (void)rmdir(folder);
}

static void
write_file(const char *name, const char *text, mode_t mode)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        close(fd);
}

/* pm.conf with these lines of [http], and a user for the children whom even root may start an embedded database as. */
static void
write_config(const char *http_lines)
{
        char text[512];
        const struct passwd *self = getpwuid(geteuid());
        snprintf(text, sizeof(text), "[instance]\nuser = %s\n[http]\n%s", geteuid() == 0 || self == NULL ? "nobody" : self->pw_name,
                 http_lines);
        write_file("pm.conf", text, 0600);
}

/* Calls the program with the words, stdout and stderr together in out. */
#define call(...) call_words((const char *const[]){__VA_ARGS__, NULL})

static int
call_words(const char *const *words)
{
        char *argv[32] = {(char *)"pm-supervisor"};
        char path[128];
        int argc = 1;
        for (; *words != NULL; words++)
                argv[argc++] = (char *)*words;
        snprintf(path, sizeof(path), "%s/output", folder);
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int kept_out = dup(1);
        int kept_err = dup(2);
        fflush(NULL);
        dup2(fd, 1);
        dup2(fd, 2);
        int code = cli_main(argc, argv, &hooks);
        fflush(NULL);
        dup2(kept_out, 1);
        dup2(kept_err, 2);
        close(kept_out);
        close(kept_err);
        ssize_t size = pread(fd, out, sizeof(out) - 1, 0);
        out[size > 0 ? size : 0] = '\0';
        close(fd);
        return code;
}

static void
expect_output(const char *text)
{
        ck_assert_msg(strstr(out, text) != NULL, "\"%s\" is not in: %s", text, out);
}

START_TEST(every_verb_has_help)
{
        const struct cli_verb *verb = &cli_verbs[_i];
        char usage[64];
        ck_assert_int_eq(call(verb->name, "--help"), VERB_OK);
        snprintf(usage, sizeof(usage), "usage: pm-supervisor %s", verb->name);
        expect_output(usage);
        expect_output(verb->details);
        expect_output("--config FILE");
        for (size_t i = 0; i < cli_options_count; i++)
                ck_assert_int_eq(strstr(out, cli_options[i].name) != NULL,
                                 cli_options[i].bit == 0 || (cli_options[i].bit & verb->options) != 0);
        ck_assert(verb->summary[0] >= 'a' && verb->summary[0] <= 'z');
        ck_assert_int_eq(call("--help"), VERB_OK);
        expect_output(verb->summary);
        ck_assert_uint_le(verb->args_min, verb->args_max);
}
END_TEST

START_TEST(the_version_is_printed)
{
        ck_assert_int_eq(call("--version"), VERB_OK);
        ck_assert_str_eq(out, "pm-supervisor " PACKAGE_VERSION "\n");
        ck_assert_int_eq(call("status", "--version"), VERB_OK);
}
END_TEST

static const struct {
        const char *words[5];
        const char *message;
} usage_cases[] = {
        {{NULL}, "a verb is missing"},
        {{"--config", "x"}, "a verb is missing"},
        {{"dance"}, "no such verb: dance"},
        {{"status", "--frob"}, "no such option: --frob"},
        {{"status", "-j"}, "no such option: -j"},
        {{"status", "--config"}, "this option needs a value: --config"},
        {{"status", "--json=yes"}, "this option takes no value: --json=yes"},
        {{"stop", "--json"}, "this verb does not take: --json"},
        {{"status", "now"}, "one argument too many: now"},
        {{"maintenance"}, "an argument is missing: on|off"},
        {{"capital", "deposit"}, "an argument is missing: deposit|withdraw AMOUNT"},
        {{"run", "--log-level", "LOUD"}, "--log-level must be DEBUG, INFO, WARNING or ERROR, not: LOUD"},
        {{"wait", "--timeout", "soon"}, "--timeout must be seconds from 0.001 to 86400, not: soon"},
        {{"wait", "--timeout", "-1"}, "--timeout must be seconds from 0.001 to 86400, not: -1"},
        {{"wait", "--timeout=1e9"}, "--timeout must be seconds from 0.001 to 86400, not: 1e9"},
        {{"pause", "--request-id", "12x"}, "--request-id must be a whole number above 0, not: 12x"},
        {{"stop", "--", "-x", "-y", "-z"}, "one argument too many: -x"},
};

START_TEST(a_wrong_command_line_is_refused_with_usage)
{
        const char *const *words = usage_cases[_i].words;
        ck_assert_int_eq(call(words[0], words[1], words[2], words[3], words[4]), VERB_USAGE);
        expect_output(usage_cases[_i].message);
        expect_output("usage: pm-supervisor ");
        ck_assert_int_eq(run_seen->count, 0);
}
END_TEST

static const struct {
        const char *words[4];
        const char *message;
} value_cases[] = {
        {{"maintenance", "maybe"}, "maintenance on or off, not maybe"},
        {{"restart", "database"}, "restart worker, persister, or nothing for both; not database"},
        {{"capital", "steal", "5"}, "capital deposit or withdraw, not steal"},
        {{"capital", "deposit", "-5"}, "no such option"},
        {{"capital", "deposit", "0"}, "the amount must be a number above 0"},
        {{"capital", "deposit", "0.0000001"}, "the amount must be a number above 0"},
        {{"capital", "deposit", "1e12"}, "the amount must be a number above 0"},
        {{"capital", "deposit", "all"}, "the amount must be a number above 0"},
        {{"wait"}, "wait needs --ready"},
};

START_TEST(a_wrong_value_is_refused)
{
        const char *const *words = value_cases[_i].words;
        ck_assert_int_eq(call("--set", "http.allow_unauthenticated=yes", words[0], words[1], words[2], words[3]), VERB_USAGE);
        expect_output(value_cases[_i].message);
}
END_TEST

START_TEST(run_gets_the_file_then_each_set_then_the_level)
{
        char path[128];
        write_config("allow_unauthenticated = yes\n[instance]\nname = filed\nlog_level = ERROR\n");
        snprintf(path, sizeof(path), "%s/pm.conf", folder);
        ck_assert_int_eq(call("run", "--config", path), 42);
        ck_assert_str_eq(run_seen->name, "filed");
        ck_assert_int_eq(run_seen->log_level, LOG_ERROR);
        ck_assert_int_eq(run_seen->ready_fd, -1);
        ck_assert_str_eq(run_seen->path, path);
        ck_assert_int_eq(call("--set=instance.name=first", "--log-level", "debug", "run", "--config", path, "--set", "instance.name=set"),
                         42);
        ck_assert_str_eq(run_seen->name, "set");
        ck_assert_int_eq(run_seen->log_level, LOG_DEBUG);
        ck_assert_uint_eq(run_seen->sets_count, 3);
}
END_TEST

START_TEST(a_relative_config_becomes_absolute)
{
        char path[128];
        char before[4096];
        ck_assert_ptr_nonnull(getcwd(before, sizeof(before)));
        write_config("allow_unauthenticated = yes\n");
        ck_assert_int_eq(chdir(folder), 0);
        ck_assert_int_eq(call("run", "--config", "pm.conf"), 42);
        ck_assert_int_eq(chdir(before), 0);
        snprintf(path, sizeof(path), "%s/pm.conf", folder);
        ck_assert_str_eq(run_seen->path, path);
}
END_TEST

START_TEST(a_wrong_configuration_is_refused_with_line_and_key)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/pm.conf", folder);
        write_file("pm.conf", "[instance]\nnmae = x\n", 0600);
        ck_assert_int_eq(call("check-config", "--config", path), VERB_NOT_CONFIGURED);
        expect_output("pm.conf");
        expect_output("2");
        expect_output("nmae");
        ck_assert_int_eq(call("run", "--config", path), VERB_NOT_CONFIGURED);
        ck_assert_int_eq(call("status", "--config", path), STATUS_UNKNOWN);
        ck_assert_int_eq(call("check-config", "--config", "/nonexistent/pm.conf"), VERB_NOT_CONFIGURED);
        expect_output("/nonexistent/pm.conf");
        ck_assert_int_eq(call("run", "--set", "instance.colour=red"), VERB_NOT_CONFIGURED);
        expect_output("colour");
        ck_assert_int_eq(run_seen->count, 0);
}
END_TEST

START_TEST(no_secret_must_be_meant)
{
        ck_assert_int_eq(call("run", "--set", run_dir), VERB_NOT_CONFIGURED);
        expect_output("http.secret_file");
        ck_assert_int_eq(call("start", "--set", run_dir), VERB_NOT_CONFIGURED);
        ck_assert_int_eq(call("check-config", "--set", run_dir), VERB_NOT_CONFIGURED);
        ck_assert_int_eq(call("status", "--set", run_dir), STATUS_NOT_RUNNING);
        ck_assert_int_eq(run_seen->count, 0);
}
END_TEST

START_TEST(check_config_says_good_or_prints_what_is_in_effect)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/pm.conf", folder);
        write_config("allow_unauthenticated = yes\n[instance]\nname = abc\n");
        ck_assert_int_eq(call("check-config", "--config", path), VERB_OK);
        expect_output("pm.conf: good");
        ck_assert_int_eq(call("check-config", "--print", "--config", path), VERB_OK);
        expect_output("[instance]");
        expect_output("abc");
        write_file("output", out, 0600);
}
END_TEST

START_TEST(a_secret_that_others_can_read_is_refused)
{
        char path[128];
        char secret[160];
        snprintf(path, sizeof(path), "%s/pm.conf", folder);
        snprintf(secret, sizeof(secret), "secret_file = %s/secret\n", folder);
        write_config(secret);
        ck_assert_int_eq(call("check-config", "--config", path), VERB_NOT_CONFIGURED);
        write_file("secret", "hunter2\n", 0600);
        ck_assert_int_eq(call("check-config", "--config", path), VERB_OK);
        snprintf(secret, sizeof(secret), "%s/secret", folder);
        ck_assert_int_eq(chmod(secret, 0644), 0);
        ck_assert_int_eq(call("check-config", "--config", path), VERB_NOT_CONFIGURED);
        expect_output("chmod 600");
        ck_assert_ptr_null(strstr(out, "hunter2"));
}
END_TEST

#define QUIET "--set", "http.allow_unauthenticated=yes", "--set", run_dir

START_TEST(nothing_there_is_not_running)
{
        ck_assert_int_eq(call("status", QUIET), STATUS_NOT_RUNNING);
        expect_output("not running");
        ck_assert_int_eq(call("status", "--json", QUIET), STATUS_NOT_RUNNING);
        expect_output("\"state\": \"not_running\"");
        ck_assert_int_eq(call("stop", QUIET), VERB_OK);
        expect_output("is not running");
        ck_assert_int_eq(call("reload", QUIET), VERB_NOT_RUNNING);
        ck_assert_int_eq(call("restart", "worker", QUIET), VERB_NOT_RUNNING);
        ck_assert_int_eq(call("capital", "deposit", "5", QUIET), VERB_NOT_RUNNING);
        ck_assert_int_eq(call("wait", "--ready", "--timeout", "0.05", QUIET), VERB_NOT_RUNNING);
}
END_TEST

START_TEST(a_pid_file_without_its_lock_is_dead)
{
        write_file("pm-supervisor.pid", "4711\n", 0600);
        ck_assert_int_eq(call("status", QUIET), STATUS_DEAD_PID_FILE);
        expect_output("pid 4711");
        ck_assert_int_eq(call("stop", QUIET), VERB_OK);
}
END_TEST

START_TEST(a_locked_pid_file_without_an_answer_is_unknown)
{
        char path[128];
        write_file("pm-supervisor.pid", "4711\n", 0600);
        snprintf(path, sizeof(path), "%s/pm-supervisor.pid", folder);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
        ck_assert_int_eq(call("status", QUIET), STATUS_UNKNOWN);
        expect_output("4711");
        ck_assert_int_eq(call("stop", QUIET), VERB_FAILED);
        close(fd);
}
END_TEST

START_TEST(a_held_lock_of_a_child_is_dead_but_lock_file)
{
        char path[128];
        write_file("worker.lock", "", 0600);
        ck_assert_int_eq(call("status", QUIET), STATUS_NOT_RUNNING);
        snprintf(path, sizeof(path), "%s/worker.lock", folder);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
        ck_assert_int_eq(call("status", QUIET), STATUS_DEAD_LOCK_FILE);
        close(fd);
}
END_TEST

START_TEST(dump_fsm_prints_what_main_lends)
{
        ck_assert_int_eq(call("dump-fsm"), VERB_OK);
        ck_assert_str_eq(out, "digraph child {}\n");
}
END_TEST

static char *
read_tree_file(const char *name)
{
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", TEST_SRCDIR, name);
        FILE *in = fopen(path, "r");
        ck_assert_msg(in != NULL, "cannot open %s", path);
        char *text = calloc(1, 1 << 18);
        ck_assert_uint_gt(fread(text, 1, (1 << 18) - 1, in), 0);
        fclose(in);
        return text;
}

START_TEST(the_packaged_completion_is_the_printed_one)
{
        char *packaged = read_tree_file("packaging/bash-completion/pm-supervisor");
        ck_assert_int_eq(call("completion"), VERB_OK);
        ck_assert_str_eq(out, packaged);
        for (size_t i = 0; i < cli_verbs_count; i++)
                expect_output(cli_verbs[i].name);
        for (size_t i = 0; i < cli_options_count; i++)
                expect_output(cli_options[i].name);
        free(packaged);
}
END_TEST

/* mdoc writes "--json" as "-json" after .Fl and in the source as "Fl -json". */
START_TEST(the_manual_and_the_readme_name_every_verb)
{
        char wanted[128];
        char *manual = read_tree_file("packaging/man/pm-supervisor.8");
        char *readme = read_tree_file("README.md");
        for (size_t i = 0; i < cli_verbs_count; i++) {
                snprintf(wanted, sizeof(wanted), "`%s", cli_verbs[i].name);
                ck_assert_msg(strstr(readme, wanted) != NULL, "README.md has no \"%s\"", wanted);
                snprintf(wanted, sizeof(wanted), ".It Cm %s", cli_verbs[i].name);
                ck_assert_msg(strstr(manual, wanted) != NULL, "the manual has no \"%s\"", wanted);
        }
        for (size_t i = 0; i < cli_options_count; i++) {
                snprintf(wanted, sizeof(wanted), "Fl %s", cli_options[i].name + 1);
                ck_assert_msg(strstr(manual, wanted) != NULL, "the manual has no \"%s\"", wanted);
        }
        free(readme);
        free(manual);
}
END_TEST

static const struct {
        const char *told;
        int code;
        const char *message;
} daemon_cases[] = {
        {"READY loaded 3 positions in 4.213ms\n", VERB_OK, "ready: loaded 3 positions in 4.213ms"},
        {"READY\n", VERB_OK, "pm-supervisor: ready\n"},
        {"WAITING a\nWAITING b\nWAITING b\nREADY\n", VERB_OK, "pm-supervisor: ready\n"},
        {"WAITING a\nHOLD the schema is missing\n", STATUS_HOLD, "on HOLD: the schema is missing"},
        {"FAILED already running: pid 4711\n", VERB_FAILED, "not started: already running: pid 4711"},
        {"WAITING a\nREA", VERB_FAILED, "ended before it was ready: a"},
        {"", VERB_FAILED, "ended before it was ready; its last words are in the.log"},
};

START_TEST(start_understands_what_the_daemon_tells)
{
        int ends[2];
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        ck_assert_int_eq(write(ends[1], daemon_cases[_i].told, strlen(daemon_cases[_i].told)), (ssize_t)strlen(daemon_cases[_i].told));
        close(ends[1]);
        ck_assert_int_eq(daemon_wait(ends[0], "the.log", 5000, to, to), daemon_cases[_i].code);
        fclose(to);
        ck_assert_msg(strstr(text, daemon_cases[_i].message) != NULL, "%s", text);
        close(ends[0]);
        free(text);
}
END_TEST

START_TEST(start_gives_up_waiting_with_the_reason)
{
        int ends[2];
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        daemon_tell(ends[1], "WAITING", "database\nunreachable");
        ck_assert_int_eq(daemon_wait(ends[0], "the.log", 10, to, to), STATUS_STARTING);
        fclose(to);
        ck_assert_ptr_null(strstr(text, "not ready yet"));
        ck_assert_ptr_nonnull(strstr(text, "not ready after 10 ms: database unreachable"));
        close(ends[0]);
        /* The parent has gone: the daemon neither dies nor waits. */
        daemon_tell(ends[1], "READY", "");
        daemon_tell(-1, "READY", "");
        close(ends[1]);
        free(text);
}
END_TEST

START_TEST(start_prints_a_reason_that_stands)
{
        int ends[2];
        char *text = NULL;
        size_t size = 0;
        FILE *to = open_memstream(&text, &size);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        daemon_tell(ends[1], "WAITING", "passing");
        daemon_tell(ends[1], "WAITING", "database unreachable");
        ck_assert_int_eq(daemon_wait(ends[0], "the.log", 1200, to, to), STATUS_STARTING);
        fclose(to);
        ck_assert_ptr_nonnull(strstr(text, "not ready yet: database unreachable\n"));
        ck_assert_ptr_null(strstr(text, "passing"));
        close(ends[0]);
        close(ends[1]);
        free(text);
}
END_TEST

/* In the daemon, which has a session of its own and no terminal left. */
static int
run_daemon(struct config *config, const struct config_source *source, int ready_fd)
{
        char where[4096];
        struct stat null_info;
        struct stat info;
        (void)config;
        (void)source;
        bool good = getsid(0) == getpid() && stat("/dev/null", &null_info) == 0;
        for (int fd = 0; fd <= 2; fd++)
                good = good && fstat(fd, &info) == 0 && info.st_rdev == null_info.st_rdev;
        good = good && getcwd(where, sizeof(where)) != NULL && strcmp(where, "/") == 0;
        daemon_tell(ready_fd, good ? "READY" : "FAILED", "told");
        return VERB_OK;
}

START_TEST(start_makes_a_daemon_and_reports)
{
        static const struct cli_hooks daemon_hooks = {run_daemon, NULL};
        char path[128];
        write_config("allow_unauthenticated = yes\n");
        snprintf(path, sizeof(path), "%s/pm.conf", folder);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                char *argv[] = {(char *)"pm-supervisor", (char *)"start", (char *)"--config", path, NULL};
                _exit(cli_main(4, argv, &daemon_hooks));
        }
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        ck_assert_int_eq(WEXITSTATUS(status), VERB_OK);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("cli");
        TCase *tests = tcase_create("cli");
        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_set_timeout(tests, 20);
        tcase_add_loop_test(tests, every_verb_has_help, 0, (int)cli_verbs_count);
        tcase_add_test(tests, the_version_is_printed);
        tcase_add_loop_test(tests, a_wrong_command_line_is_refused_with_usage, 0, (int)countof(usage_cases));
        tcase_add_loop_test(tests, a_wrong_value_is_refused, 0, (int)countof(value_cases));
        tcase_add_test(tests, run_gets_the_file_then_each_set_then_the_level);
        tcase_add_test(tests, a_relative_config_becomes_absolute);
        tcase_add_test(tests, a_wrong_configuration_is_refused_with_line_and_key);
        tcase_add_test(tests, no_secret_must_be_meant);
        tcase_add_test(tests, check_config_says_good_or_prints_what_is_in_effect);
        tcase_add_test(tests, a_secret_that_others_can_read_is_refused);
        tcase_add_test(tests, nothing_there_is_not_running);
        tcase_add_test(tests, a_pid_file_without_its_lock_is_dead);
        tcase_add_test(tests, a_locked_pid_file_without_an_answer_is_unknown);
        tcase_add_test(tests, a_held_lock_of_a_child_is_dead_but_lock_file);
        tcase_add_test(tests, dump_fsm_prints_what_main_lends);
        tcase_add_test(tests, the_packaged_completion_is_the_printed_one);
        tcase_add_test(tests, the_manual_and_the_readme_name_every_verb);
        tcase_add_loop_test(tests, start_understands_what_the_daemon_tells, 0, (int)countof(daemon_cases));
        tcase_add_test(tests, start_gives_up_waiting_with_the_reason);
        tcase_add_test(tests, start_prints_a_reason_that_stands);
        tcase_add_test(tests, start_makes_a_daemon_and_reports);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
