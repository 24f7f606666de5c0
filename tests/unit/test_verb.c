/* The verbs against a daemon that is a process of its own with a real control socket, and answers as the test wants. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/check.h"
#include "common/exit_code.h"
#include "common/log.h"
#include "supervisor/cli.h"
#include "supervisor/control.h"

static char folder[64];
static char run_dir[128];
static char output_path[96];
static char out[65536];
static pid_t daemon_pid;

static int
no_run(struct config *config, const struct config_source *source, int ready_fd)
{
        (void)config;
        (void)source;
        (void)ready_fd;
        return VERB_FAILED;
}

static const struct cli_hooks hooks = {.run = no_run};

static void
on_request(void *owner, struct control *control, const struct control_request *request)
{
        struct loop *loop = owner;
        struct status status = {.instance = "main", .version = "0.1.0", .ready = true, .ready_ever = true, .pid = 1, .children_count = 1};
        status.children[0] =
                (struct status_child){.role = ROLE_WORKER, .state = "ready", .pid = 2, .heartbeat_age_us = 5000, .retry_in_us = -1};
        status_judge(&status);
        switch (request->verb) {
        case CONTROL_STATUS: control_answer_status(control, request->ticket, &status); return;
        case CONTROL_STOP:
                control_answer(control, request->ticket, true, "stopping");
                loop_stop(loop);
                return;
        case CONTROL_RESTART:
                control_answer(control, request->ticket, true, "ready again: %s",
                               request->role == ROLE_NONE ? "both" : msg_role_name((int)request->role));
                return;
        case CONTROL_RELOAD: control_answer(control, request->ticket, false, "nothing is changed: line 3"); return;
        case CONTROL_MAINTENANCE: control_answer(control, request->ticket, true, "maintenance is %s", request->on ? "on" : "off"); return;
        case CONTROL_DEPOSIT:
        case CONTROL_WITHDRAW:
                /* 13 brings bad luck: its answer never comes. */
                if (request->amount_e6 == 14000000)
                        control_answer(control, request->ticket, false, "not so much is there");
                else if (request->amount_e6 != 13000000)
                        control_answer(control, request->ticket, true, "%s of %lld, number %s", control_verb_name((int)request->verb),
                                       (long long)request->amount_e6, request->request_id == 77 ? "77" : "random");
                return;
        case CONTROL_PAUSE:
        case CONTROL_RESUME:
                control_answer(control, request->ticket, true, "%s: %s", control_verb_name((int)request->verb), request->note);
                return;
        case CONTROL_NONE:
        case CONTROL_WAIT_READY:
        case CONTROL_KILL:
        case CONTROL_VERB_END: break;
        }
        PM_UNREACHABLE();
}

static _Noreturn void
be_daemon(bool ready)
{
        static const struct control_handler handler = {on_request};
        struct control *control;
        char path[128];
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        log_set_fd(fd);
        struct loop *loop = loop_new();
        snprintf(path, sizeof(path), "%s/control.sock", folder);
        if (control_new(&control, loop, path, &handler, loop) != CONTROL_OK)
                _exit(9);
        control_set_ready(control, ready, "database unreachable");
        loop_run(loop);
        control_free(control);
        loop_free(loop);
        _exit(0);
}

static void
start_daemon(bool ready)
{
        fflush(NULL);
        daemon_pid = fork();
        ck_assert_int_ge(daemon_pid, 0);
        if (daemon_pid == 0)
                be_daemon(ready);
}

static void
set_up(void)
{
        snprintf(folder, sizeof(folder), "/tmp/test_verb.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(run_dir, sizeof(run_dir), "instance.run_dir=%s", folder);
        snprintf(output_path, sizeof(output_path), "%s/output", folder);
        daemon_pid = 0;
}

static void
tear_down(void)
{
        char path[128];
        if (daemon_pid > 0) {
                kill(daemon_pid, SIGKILL);
                waitpid(daemon_pid, NULL, 0);
        }
        snprintf(path, sizeof(path), "%s/control.sock", folder);
        (void)unlink(path);
        (void)unlink(output_path);
        (void)rmdir(folder);
}

#define call(...) call_words((const char *const[]){__VA_ARGS__, "--set", run_dir, NULL})

static int
call_words(const char *const *words)
{
        char *argv[32] = {(char *)"pm-supervisor"};
        int argc = 1;
        for (; *words != NULL; words++)
                argv[argc++] = (char *)*words;
        int fd = open(output_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
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

START_TEST(wait_finds_a_daemon_that_is_just_starting)
{
        start_daemon(true);
        ck_assert_int_eq(call("wait", "--ready", "--timeout", "10"), VERB_OK);
        ck_assert_str_eq(out, "ready\n");
}
END_TEST

START_TEST(wait_in_vain_says_why)
{
        start_daemon(false);
        ck_assert_int_eq(call("wait", "--ready", "--timeout", "0.3"), STATUS_STARTING);
        expect_output("database unreachable");
}
END_TEST

START_TEST(status_shows_what_the_daemon_says)
{
        start_daemon(true);
        ck_assert_int_eq(call("wait", "--ready", "--timeout", "10"), VERB_OK);
        ck_assert_int_eq(call("status"), STATUS_RUNNING);
        expect_output("instance main: running\n");
        expect_output("worker     ready");
        ck_assert_ptr_null(strchr(out, '\033'));
        ck_assert_int_eq(call("status", "--json"), STATUS_RUNNING);
        expect_output("\"state\": \"running\"");
}
END_TEST

START_TEST(stop_waits_for_the_end)
{
        start_daemon(true);
        ck_assert_int_eq(call("wait", "--ready", "--timeout", "10"), VERB_OK);
        ck_assert_int_eq(call("stop"), VERB_OK);
        expect_output("stopped: pid ");
        int status;
        ck_assert_int_eq(waitpid(daemon_pid, &status, WNOHANG), daemon_pid);
        ck_assert(WIFEXITED(status));
        daemon_pid = 0;
        ck_assert_int_eq(call("status"), STATUS_NOT_RUNNING);
}
END_TEST

START_TEST(each_command_prints_the_answer_and_returns_its_code)
{
        start_daemon(true);
        ck_assert_int_eq(call("wait", "--ready", "--timeout", "10"), VERB_OK);
        ck_assert_int_eq(call("restart"), VERB_OK);
        ck_assert_str_eq(out, "ready again: both\n");
        ck_assert_int_eq(call("restart", "persister"), VERB_OK);
        ck_assert_str_eq(out, "ready again: persister\n");
        ck_assert_int_eq(call("reload"), VERB_FAILED);
        ck_assert_str_eq(out, "pm-supervisor: nothing is changed: line 3\n");
        ck_assert_int_eq(call("capital", "withdraw", "14"), VERB_FAILED);
        ck_assert_str_eq(out, "pm-supervisor: not so much is there\n");
        ck_assert_int_eq(call("maintenance", "on"), VERB_OK);
        ck_assert_str_eq(out, "maintenance is on\n");
        ck_assert_int_eq(call("maintenance", "off"), VERB_OK);
        ck_assert_str_eq(out, "maintenance is off\n");
        ck_assert_int_eq(call("pause", "--note", "election day"), VERB_OK);
        ck_assert_str_eq(out, "pause: election day\n");
        ck_assert_int_eq(call("resume"), VERB_OK);
        ck_assert_str_eq(out, "resume: \n");
        ck_assert_int_eq(call("capital", "deposit", "250000.000001"), VERB_OK);
        ck_assert_str_eq(out, "deposit of 250000000001, number random\n");
        ck_assert_int_eq(call("capital", "withdraw", "1", "--request-id", "77"), VERB_OK);
        ck_assert_str_eq(out, "withdraw of 1000000, number 77\n");
}
END_TEST

START_TEST(a_command_without_answer_tells_how_to_repeat_it)
{
        start_daemon(true);
        ck_assert_int_eq(call("wait", "--ready", "--timeout", "10"), VERB_OK);
        ck_assert_int_eq(call("capital", "deposit", "13", "--timeout", "0.05", "--request-id", "4242"), VERB_FAILED);
        expect_output("not known to be done");
        expect_output("--request-id 4242");
}
END_TEST

START_TEST(a_stopped_daemon_is_not_waited_for_for_ever)
{
        start_daemon(true);
        ck_assert_int_eq(call("wait", "--ready", "--timeout", "10"), VERB_OK);
        kill(daemon_pid, SIGSTOP);
        ck_assert_int_eq(call("capital", "deposit", "5", "--timeout", "0.05"), VERB_FAILED);
        expect_output("does not answer");
        expect_output("--request-id ");
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("verb");
        TCase *tests = tcase_create("verb");
        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_set_timeout(tests, 30);
        tcase_add_test(tests, wait_finds_a_daemon_that_is_just_starting);
        tcase_add_test(tests, wait_in_vain_says_why);
        tcase_add_test(tests, status_shows_what_the_daemon_says);
        tcase_add_test(tests, stop_waits_for_the_end);
        tcase_add_test(tests, each_command_prints_the_answer_and_returns_its_code);
        tcase_add_test(tests, a_command_without_answer_tells_how_to_repeat_it);
        tcase_add_test(tests, a_stopped_daemon_is_not_waited_for_for_ever);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
