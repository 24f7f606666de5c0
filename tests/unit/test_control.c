/* The control socket with real clients on a real socket, in one process: the loop is turned by hand between their steps.
 * What cannot be tried as root, as tests often run: a peer of another user, since root is welcome everywhere. */
#include "supervisor/control.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/control_client.h"

/* The supervisor's place: keeps what was asked and answers as the test wants it. */
struct asked {
        struct control_request last;
        int count;
        bool answer_at_once;
};

static char folder[64];
static char path[96];
static int log_fd;
static struct loop *loop;
static struct control *control;
static struct asked asked;

static void
on_request(void *owner, struct control *to, const struct control_request *request)
{
        struct asked *self = owner;
        self->last = *request;
        self->count++;
        if (!self->answer_at_once)
                return;
        if (request->verb == CONTROL_STATUS)
                control_answer_status(to, request->ticket, &(struct status){.instance = "test", .pid = 1});
        else
                control_answer(to, request->ticket, true, "done: %s", control_verb_name((int)request->verb));
}

static const struct control_handler handler = {on_request};

static void
set_up(void)
{
        snprintf(folder, sizeof(folder), "/tmp/test_control.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/control.sock", folder);
        char log_path[96];
        snprintf(log_path, sizeof(log_path), "%s/log", folder);
        log_fd = open(log_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        ck_assert_int_ge(log_fd, 0);
        log_init("test", LOG_DEBUG);
        log_set_fd(log_fd);
        asked = (struct asked){.answer_at_once = true};
        loop = loop_new();
        ck_assert_int_eq((int)control_new(&control, loop, path, &handler, &asked), CONTROL_OK);
}

static void
tear_down(void)
{
        char command[96];
        control_free(control);
        control = NULL;
        ck_assert_int_ne(access(path, F_OK), 0);
        loop_free(loop);
        log_set_fd(2);
        close(log_fd);
        snprintf(command, sizeof(command), "%s/log", folder);
        (void)unlink(command);
        (void)rmdir(folder);
}

static int
dial(void)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static void
turn(void)
{
        for (int i = 0; i < 6; i++)
                loop_turn(loop, 0);
}

static void
say(int fd, const char *bytes)
{
        ck_assert_int_eq(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), (ssize_t)strlen(bytes));
        turn();
}

/* What has arrived: a text, "" for nothing yet, NULL when the other end closed. */
static const char *
hear(int fd)
{
        static char bytes[2 * PM_CONTROL_LINE_MAX];
        ssize_t got = recv(fd, bytes, sizeof(bytes) - 1, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
                return NULL;
        if (got < 0)
                ck_assert_int_eq(errno, EAGAIN);
        bytes[got > 0 ? got : 0] = '\0';
        return bytes;
}

static bool
log_has(const char *text)
{
        static char log[65536];
        ssize_t size = pread(log_fd, log, sizeof(log) - 1, 0);
        log[size > 0 ? size : 0] = '\0';
        return strstr(log, text) != NULL;
}

static void
expect_private_socket(void)
{
        struct stat found;
        ck_assert_int_eq(stat(path, &found), 0);
        ck_assert(S_ISSOCK(found.st_mode));
        ck_assert_uint_eq(found.st_mode & 07777, 0600);
}

START_TEST(the_socket_is_ours_alone)
{
        expect_private_socket();
}
END_TEST

START_TEST(a_request_gets_its_answer_and_an_audit_line)
{
        int fd = dial();
        say(fd, "{\"verb\":\"restart\",\"role\":\"worker\"}\n");
        ck_assert_str_eq(hear(fd), "{\"ok\":true,\"message\":\"done: restart\"}\n");
        ck_assert_int_eq((int)asked.last.verb, CONTROL_RESTART);
        ck_assert_int_eq((int)asked.last.role, ROLE_WORKER);
        ck_assert_uint_eq(asked.last.uid, geteuid());
        ck_assert_uint_eq(asked.last.pid, (unsigned)getpid());
        ck_assert(log_has("level=info"));
        ck_assert(log_has("event=command verb=restart role=worker uid="));
        ck_assert(log_has("event=command_done verb=restart role=worker uid="));
        ck_assert(log_has("ok=yes msg=\"done: restart\""));
        close(fd);
}
END_TEST

START_TEST(several_requests_on_one_connection_are_answered_in_order)
{
        int fd = dial();
        say(fd, "{\"verb\":\"reload\"}\n{\"verb\":\"maintenance\",\"on\":true}\n{\"verb\":\"sto");
        for (int i = 0; i < 4; i++)
                turn();
        ck_assert_str_eq(hear(fd), "{\"ok\":true,\"message\":\"done: reload\"}\n{\"ok\":true,\"message\":\"done: maintenance\"}\n");
        ck_assert(asked.last.on);
        say(fd, "p\"}\n");
        ck_assert_str_eq(hear(fd), "{\"ok\":true,\"message\":\"done: stop\"}\n");
        ck_assert_int_eq(asked.count, 3);
        close(fd);
}
END_TEST

START_TEST(a_drill_names_role_and_signal)
{
        int fd = dial();
        say(fd, "{\"verb\":\"kill\",\"role\":\"persister\",\"signal\":11}\n");
        ck_assert_str_eq(hear(fd), "{\"ok\":true,\"message\":\"done: kill\"}\n");
        ck_assert_int_eq((int)asked.last.role, ROLE_PERSISTER);
        ck_assert_int_eq(asked.last.signal_number, 11);
        ck_assert(log_has("event=command verb=kill role=persister signal=11 uid="));
        close(fd);
}
END_TEST

START_TEST(an_answer_may_come_later_and_goes_to_its_own_client)
{
        asked.answer_at_once = false;
        int first = dial();
        int second = dial();
        say(first, "{\"verb\":\"deposit\",\"amount\":250000.000001,\"note\":\"March\",\"request_id\":7}\n");
        struct control_request deposit = asked.last;
        say(second, "{\"verb\":\"pause\",\"request_id\":8}\n");
        struct control_request pause = asked.last;
        ck_assert_int_eq(deposit.amount_e6, 250000000001);
        ck_assert_str_eq(deposit.note, "March");
        ck_assert_uint_eq(deposit.request_id, 7);
        ck_assert_uint_ne(deposit.ticket, pause.ticket);
        ck_assert_str_eq(hear(first), "");
        control_answer(control, pause.ticket, false, "no");
        control_answer(control, deposit.ticket, true, "yes");
        turn();
        ck_assert_str_eq(hear(first), "{\"ok\":true,\"message\":\"yes\"}\n");
        ck_assert_str_eq(hear(second), "{\"ok\":false,\"message\":\"no\"}\n");
        ck_assert(log_has("verb=deposit amount=250000.000001 uid="));
        close(first);
        close(second);
}
END_TEST

START_TEST(an_answer_to_a_client_that_went_is_dropped)
{
        asked.answer_at_once = false;
        int fd = dial();
        say(fd, "{\"verb\":\"reload\"}\n");
        close(fd);
        turn();
        control_answer(control, asked.last.ticket, true, "done");
        control_answer(control, asked.last.ticket + 99, true, "done");
        turn();
        ck_assert(log_has("event=command_done verb=reload"));
        ck_assert(log_has("ok=unknown"));
}
END_TEST

START_TEST(an_unanswered_request_ends_by_itself)
{
        asked.answer_at_once = false;
        int fd = dial();
        say(fd, "{\"verb\":\"reload\",\"timeout_ms\":1}\n");
        loop_turn(loop, 1000);
        turn();
        ck_assert_str_eq(hear(fd), "{\"ok\":false,\"message\":\"no answer after 1 ms: not known to be done\",\"known\":false}\n");
        control_answer(control, asked.last.ticket, true, "late");
        close(fd);
}
END_TEST

START_TEST(waiting_for_ready_ends_when_it_is_ready)
{
        int fd = dial();
        say(fd, "{\"verb\":\"wait_ready\"}\n");
        control_set_ready(control, false, "database unreachable");
        turn();
        ck_assert_str_eq(hear(fd), "");
        control_set_ready(control, true, NULL);
        turn();
        ck_assert_str_eq(hear(fd), "{\"ok\":true,\"message\":\"ready\"}\n");
        say(fd, "{\"verb\":\"wait_ready\"}\n");
        ck_assert_str_eq(hear(fd), "{\"ok\":true,\"message\":\"ready\"}\n");
        ck_assert_int_eq(asked.count, 0);
        close(fd);
}
END_TEST

START_TEST(waiting_in_vain_gets_the_reason)
{
        int fd = dial();
        control_set_ready(control, false, "database unreachable");
        say(fd, "{\"verb\":\"wait_ready\",\"timeout_ms\":1}\n");
        loop_turn(loop, 1000);
        turn();
        ck_assert_str_eq(hear(fd), "{\"ok\":false,\"message\":\"not ready after 1 ms: database unreachable\"}\n");
        close(fd);
}
END_TEST

START_TEST(status_comes_as_an_object)
{
        struct json_object *status;
        int fd = dial();
        say(fd, "{\"verb\":\"status\"}\n");
        struct json_object *answer = json_tokener_parse(hear(fd));
        ck_assert(json_object_object_get_ex(answer, "status", &status));
        ck_assert(json_object_object_get_ex(status, "instance", &status));
        ck_assert_str_eq(json_object_get_string(status), "test");
        ck_assert(log_has("level=debug"));
        json_object_put(answer);
        close(fd);
}
END_TEST

/* What no client of ours sends; each is refused and changes nothing. */
static const struct {
        const char *line;
        const char *message;
} bad_lines[] = {
        {"", "not a JSON object on one line"},
        {"hello", "not a JSON object on one line"},
        {"[1]", "not a JSON object on one line"},
        {"{\"verb\":\"stop\"} x", "not a JSON object on one line"},
        {"{\"verb\":\"stop\"", "not a JSON object on one line"},
        {"{\"verb\":{\"a\":{\"b\":{\"c\":{\"d\":1}}}}}", "not a JSON object on one line"},
        {"{\"verb\":\"st\xff\"}", "not a JSON object on one line"},
        {"{}", "no such verb"},
        {"{\"verb\":7}", "no such verb"},
        {"{\"verb\":\"explode\"}", "no such verb"},
        {"{\"verb\":\"stop\",\"role\":\"worker\"}", "stop takes no key role"},
        {"{\"verb\":\"stop\",\"colour\":1}", "stop takes no key colour"},
        {"{\"verb\":\"restart\",\"role\":\"database\"}", "role must be \\\"worker\\\" or \\\"persister\\\""},
        {"{\"verb\":\"maintenance\"}", "maintenance needs the key on"},
        {"{\"verb\":\"maintenance\",\"on\":1}", "on must be true or false"},
        {"{\"verb\":\"deposit\",\"amount\":0,\"request_id\":1}", "amount must be a number above 0 and at most 100000000000"},
        {"{\"verb\":\"deposit\",\"amount\":-5,\"request_id\":1}", "amount must be a number above 0 and at most 100000000000"},
        {"{\"verb\":\"deposit\",\"amount\":1e12,\"request_id\":1}", "amount must be a number above 0 and at most 100000000000"},
        {"{\"verb\":\"deposit\",\"amount\":\"5\",\"request_id\":1}", "amount must be a number above 0 and at most 100000000000"},
        {"{\"verb\":\"deposit\",\"amount\":5}", "deposit needs the key request_id"},
        {"{\"verb\":\"deposit\",\"request_id\":5}", "deposit needs the key amount"},
        {"{\"verb\":\"deposit\",\"amount\":5,\"request_id\":0}", "request_id must be an integer above 0"},
        {"{\"verb\":\"pause\",\"request_id\":1,\"note\":7}", "note must be text of at most 800 bytes"},
        {"{\"verb\":\"pause\",\"request_id\":1,\"note\":\"a\\u0000b\"}", "note must be text of at most 800 bytes"},
        {"{\"verb\":\"kill\",\"role\":\"worker\"}", "kill needs the key signal"},
        {"{\"verb\":\"kill\",\"signal\":0}", "signal must be a signal's number, from 1 to 64"},
        {"{\"verb\":\"kill\",\"signal\":65}", "signal must be a signal's number, from 1 to 64"},
        {"{\"verb\":\"stop\",\"timeout_ms\":0}", "timeout_ms must be an integer from 1 to 86400000"},
        {"{\"verb\":\"stop\",\"timeout_ms\":86400001}", "timeout_ms must be an integer from 1 to 86400000"},
};

START_TEST(wrong_lines_are_refused_and_the_connection_goes_on)
{
        char wanted[256];
        int fd = dial();
        say(fd, bad_lines[_i].line);
        say(fd, "\n");
        snprintf(wanted, sizeof(wanted), "{\"ok\":false,\"message\":\"%s\"}\n", bad_lines[_i].message);
        ck_assert_str_eq(hear(fd), wanted);
        ck_assert_int_eq(asked.count, 0);
        say(fd, "{\"verb\":\"stop\"}\n");
        ck_assert_str_eq(hear(fd), "{\"ok\":true,\"message\":\"done: stop\"}\n");
        close(fd);
}
END_TEST

START_TEST(a_line_without_end_is_cut_off)
{
        static char bytes[PM_CONTROL_LINE_MAX + 1];
        int fd = dial();
        memset(bytes, ' ', sizeof(bytes));
        for (size_t at = 0; at < sizeof(bytes);) {
                ssize_t sent = send(fd, bytes + at, sizeof(bytes) - at, MSG_NOSIGNAL);
                if (sent > 0)
                        at += (size_t)sent;
                turn();
        }
        for (int i = 0; i < 20; i++)
                turn();
        ck_assert_str_eq(hear(fd), "{\"ok\":false,\"message\":\"the line is too long\"}\n");
        ck_assert_ptr_null(hear(fd));
        ck_assert_int_eq(asked.count, 0);
        close(fd);
}
END_TEST

START_TEST(a_slow_client_holds_up_nobody_and_is_dropped)
{
        int slow = dial();
        say(slow, "{\"verb\":");
        int quick = dial();
        say(quick, "{\"verb\":\"reload\"}\n");
        ck_assert_str_eq(hear(quick), "{\"ok\":true,\"message\":\"done: reload\"}\n");
        int64_t begin_us = clock_monotonic_us();
        /* A byte now and then does not move the deadline. */
        for (int64_t now_us = begin_us, said_us = 0; now_us - begin_us < (CONTROL_CLIENT_DEADLINE_MS + 500) * 1000LL;
             now_us = clock_monotonic_us()) {
                if (now_us - said_us > 100000) {
                        (void)!send(slow, " ", 1, MSG_NOSIGNAL);
                        said_us = now_us;
                }
                loop_turn(loop, 20);
        }
        ck_assert_ptr_null(hear(slow));
        ck_assert(log_has("event=control_slow_client"));
        close(slow);
        close(quick);
}
END_TEST

START_TEST(a_client_that_does_not_read_its_answer_is_dropped)
{
        int deaf = dial();
        int small = 2048;
        ck_assert_int_eq(setsockopt(deaf, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
        /* Many requests in one go: the answers fill what the kernel keeps, the server never blocks. */
        for (int i = 0; i < 3000; i++) {
                if (send(deaf, "{\"verb\":\"status\"}\n", 18, MSG_NOSIGNAL) != 18)
                        break;
                turn();
        }
        int64_t begin_us = clock_monotonic_us();
        while (clock_monotonic_us() - begin_us < (CONTROL_CLIENT_DEADLINE_MS + 300) * 1000LL)
                loop_turn(loop, 100);
        int other = dial();
        say(other, "{\"verb\":\"reload\"}\n");
        ck_assert_str_eq(hear(other), "{\"ok\":true,\"message\":\"done: reload\"}\n");
        ck_assert(log_has("event=control_slow_client"));
        close(other);
        close(deaf);
}
END_TEST

START_TEST(more_clients_than_places_are_told_so)
{
        int fds[CONTROL_CLIENTS_MAX + 3];
        for (size_t i = 0; i < countof(fds); i++) {
                fds[i] = dial();
                turn();
        }
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                ck_assert_str_eq(hear(fds[i]), "");
        for (size_t i = CONTROL_CLIENTS_MAX; i < countof(fds); i++) {
                ck_assert_str_eq(hear(fds[i]), "{\"ok\":false,\"message\":\"too many control clients; try again\"}\n");
                ck_assert_ptr_null(hear(fds[i]));
        }
        say(fds[CONTROL_CLIENTS_MAX - 1], "{\"verb\":\"reload\"}\n");
        ck_assert_str_eq(hear(fds[CONTROL_CLIENTS_MAX - 1]), "{\"ok\":true,\"message\":\"done: reload\"}\n");
        close(fds[0]);
        turn();
        int late = dial();
        say(late, "{\"verb\":\"reload\"}\n");
        ck_assert_str_eq(hear(late), "{\"ok\":true,\"message\":\"done: reload\"}\n");
        close(late);
        for (size_t i = 1; i < countof(fds); i++)
                close(fds[i]);
}
END_TEST

START_TEST(a_stale_socket_file_is_replaced)
{
        control_free(control);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
        ck_assert_int_eq((int)control_new(&control, loop, path, &handler, &asked), CONTROL_OK);
        expect_private_socket();
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_a_failure_with_a_log_line)
{
        struct control *none = NULL;
        ck_assert_int_eq((int)control_new(&none, loop, "/nonexistent/control.sock", &handler, &asked), CONTROL_FAILED);
        ck_assert_ptr_null(none);
        ck_assert(log_has("cannot listen on the control socket"));
}
END_TEST

START_TEST(the_end_answers_those_who_wait)
{
        asked.answer_at_once = false;
        int fd = dial();
        say(fd, "{\"verb\":\"reload\"}\n");
        control_free(control);
        control = NULL;
        ck_assert_str_eq(hear(fd), "{\"ok\":false,\"message\":\"the supervisor ends: not known to be done\",\"known\":false}\n");
        ck_assert_ptr_null(hear(fd));
        close(fd);
}
END_TEST

static void *
turn_until_asked(void *unused)
{
        int64_t begin_us = clock_monotonic_us();
        while (asked.count == 0 && clock_monotonic_us() - begin_us < 5000000)
                loop_turn(loop, 10);
        for (int i = 0; i < 5; i++)
                loop_turn(loop, 10);
        return unused;
}

START_TEST(the_command_lines_own_client_is_understood)
{
        pthread_t thread;
        struct control_client client;
        struct json_object *answer = NULL;
        const char *message;
        bool ok = false;
        struct control_request request = {
                .verb = CONTROL_WITHDRAW, .amount_e6 = 12345678901, .note = "für \"Steuern\"", .request_id = INT64_MAX, .timeout_ms = 5000};
        ck_assert_int_eq((int)control_client_open(&client, path), CONTROL_CLIENT_OK);
        ck_assert_int_eq(client.peer_pid, getpid());
        ck_assert_int_eq(pthread_create(&thread, NULL, turn_until_asked, NULL), 0);
        enum control_client_status status = control_client_call(&client, &request, &answer, &ok, &message);
        pthread_join(thread, NULL);
        ck_assert_int_eq((int)status, CONTROL_CLIENT_OK);
        ck_assert(ok);
        ck_assert_str_eq(message, "done: withdraw");
        ck_assert_int_eq(asked.last.amount_e6, 12345678901);
        ck_assert_str_eq(asked.last.note, request.note);
        ck_assert_uint_eq(asked.last.request_id, INT64_MAX);
        json_object_put(answer);
        control_client_close(&client);
}
END_TEST

START_TEST(the_client_gives_up_when_nobody_answers)
{
        struct control_client client;
        struct json_object *answer = NULL;
        const char *message;
        bool ok = true;
        struct control_request request = {.verb = CONTROL_STATUS, .timeout_ms = 1};
        ck_assert_int_eq((int)control_client_open(&client, path), CONTROL_CLIENT_OK);
        ck_assert_int_eq((int)control_client_call(&client, &request, &answer, &ok, &message), CONTROL_CLIENT_TIMEOUT);
        ck_assert(!ok);
        ck_assert_ptr_null(answer);
        control_client_close(&client);
        ck_assert_int_eq((int)control_client_open(&client, "/nonexistent/control.sock"), CONTROL_CLIENT_ABSENT);
        control_client_close(&client);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("control");
        TCase *tests = tcase_create("control");
        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_set_timeout(tests, 30);
        tcase_add_test(tests, the_socket_is_ours_alone);
        tcase_add_test(tests, a_request_gets_its_answer_and_an_audit_line);
        tcase_add_test(tests, several_requests_on_one_connection_are_answered_in_order);
        tcase_add_test(tests, a_drill_names_role_and_signal);
        tcase_add_test(tests, an_answer_may_come_later_and_goes_to_its_own_client);
        tcase_add_test(tests, an_answer_to_a_client_that_went_is_dropped);
        tcase_add_test(tests, an_unanswered_request_ends_by_itself);
        tcase_add_test(tests, waiting_for_ready_ends_when_it_is_ready);
        tcase_add_test(tests, waiting_in_vain_gets_the_reason);
        tcase_add_test(tests, status_comes_as_an_object);
        tcase_add_loop_test(tests, wrong_lines_are_refused_and_the_connection_goes_on, 0, (int)countof(bad_lines));
        tcase_add_test(tests, a_line_without_end_is_cut_off);
        tcase_add_test(tests, a_slow_client_holds_up_nobody_and_is_dropped);
        tcase_add_test(tests, a_client_that_does_not_read_its_answer_is_dropped);
        tcase_add_test(tests, more_clients_than_places_are_told_so);
        tcase_add_test(tests, a_stale_socket_file_is_replaced);
        tcase_add_test(tests, a_folder_that_is_not_there_is_a_failure_with_a_log_line);
        tcase_add_test(tests, the_end_answers_those_who_wait);
        tcase_add_test(tests, the_command_lines_own_client_is_understood);
        tcase_add_test(tests, the_client_gives_up_when_nobody_answers);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
