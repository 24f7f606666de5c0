/* The port is bound once; without a worker the supervisor answers on it. */
#include "supervisor/listener.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

static struct loop *loop;

static void
setup(void)
{
        log_init("supervisor", LOG_WARNING);
        loop = loop_new();
}

static void
teardown(void)
{
        loop_free(loop);
}

/* A port that is free now, and the listener on it. */
static int
bind_somewhere(char address[64])
{
        char error[LISTENER_ERROR_SIZE];
        int fd = -1;
        for (int port = 20000 + getpid() % 20000; port < 60000; port++) {
                snprintf(address, 64, "127.0.0.1:%d", port);
                if (listener_bind(address, &fd, error) == LISTENER_OK)
                        break;
        }
        ck_assert_int_ge(fd, 0);
        return fd;
}

static int
knock(const char *address)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1))};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
        return fd;
}

/* Turns the loop until something can be read, at most so long. */
static ssize_t
hear(int fd, char *text, size_t size, int64_t limit_ms)
{
        int64_t end_us = clock_monotonic_us() + limit_ms * 1000;
        ssize_t got = -1;
        while (got < 0 && clock_monotonic_us() < end_us) {
                loop_turn(loop, 20);
                got = recv(fd, text, size - 1, MSG_DONTWAIT);
        }
        text[got > 0 ? got : 0] = '\0';
        return got;
}

START_TEST(listener_says_who_can_be_asked_about_a_port_in_use)
{
        char address[64];
        char error[LISTENER_ERROR_SIZE];
        char wanted[64];
        int other;
        int fd = bind_somewhere(address);
        ck_assert_int_eq(listener_bind(address, &other, error), LISTENER_IN_USE);
        snprintf(wanted, sizeof wanted, "ss -ltnp 'sport = :%s'", strrchr(address, ':') + 1);
        ck_assert_msg(strncmp(error, "port in use", 11) == 0 && strstr(error, wanted) != NULL, "%s", error);
        ck_assert_int_eq(other, -1);
        close(fd);
        ck_assert_int_eq(listener_bind(address, &fd, error), LISTENER_OK);
        close(fd);
}
END_TEST

START_TEST(listener_refuses_what_is_no_address)
{
        static const char *const wrong[] = {
                "",         "5000",  "localhost:5000",   "127.0.0.1:",    "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:5x",
                "::1:5000", "[::1]", "[127.0.0.1]:5000", "192.0.2.1:5000"};
        for (size_t i = 0; i < countof(wrong); i++) {
                char error[LISTENER_ERROR_SIZE];
                int fd;
                ck_assert_msg(listener_bind(wrong[i], &fd, error) == LISTENER_FAILED, "%s", wrong[i]);
                ck_assert_str_ne(error, "");
        }
}
END_TEST

START_TEST(listener_answers_503_when_no_worker_is_there_for_a_second)
{
        char address[64];
        char text[1024];
        struct listener *listener = listener_new(loop, bind_somewhere(address));
        int early = knock(address);
        ck_assert_int_eq(send(early, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
        ck_assert_int_eq(hear(early, text, sizeof text, 300), -1); /* not yet */
        ck_assert_int_gt(hear(early, text, sizeof text, 2000), 0);
        ck_assert_msg(strncmp(text, "HTTP/1.1 503 ", 13) == 0, "%s", text);
        ck_assert_ptr_nonnull(strstr(text, "\r\nRetry-After: 5\r\n"));
        ck_assert_ptr_nonnull(strstr(text, "\"reason\":\"recovering\""));
        ck_assert_int_eq(hear(early, text, sizeof text, 500), 0); /* and an end */
        close(early);

        listener_set_reason(listener, "draining");
        int late = knock(address);
        ck_assert_int_eq(send(late, "POST", 4, 0), 4);
        ck_assert_int_gt(hear(late, text, sizeof text, 500), 0);
        ck_assert_ptr_nonnull(strstr(text, "\"reason\":\"draining\""));
        close(late);
        ck_assert_uint_eq(listener_guests_count(listener), 2);
        listener_free(listener);
}
END_TEST

START_TEST(listener_leaves_the_port_to_a_worker)
{
        char address[64];
        char text[1024];
        struct listener *listener = listener_new(loop, bind_somewhere(address));
        listener_set_worker(listener, true);
        int fd = knock(address);
        ck_assert_int_eq(send(fd, "GET", 3, 0), 3);
        ck_assert_int_eq(hear(fd, text, sizeof text, 1500), -1);
        /* The worker dies: what waits is answered after the second. */
        listener_set_worker(listener, false);
        ck_assert_int_gt(hear(fd, text, sizeof text, 2000), 0);
        /* A new worker ends the standing-in at once. */
        listener_set_worker(listener, true);
        int other = knock(address);
        ck_assert_int_eq(send(other, "GET", 3, 0), 3);
        ck_assert_int_eq(hear(other, text, sizeof text, 100), -1);
        close(fd);
        close(other);
        listener_free(listener);
}
END_TEST

START_TEST(listener_cuts_off_silent_guests_so_that_others_get_in)
{
        char address[64];
        char text[1024];
        int fds[LISTENER_GUESTS_MAX + 1];
        struct listener *listener = listener_new(loop, bind_somewhere(address));
        for (size_t i = 0; i < countof(fds); i++)
                fds[i] = knock(address); /* nobody says a word but the last */
        ck_assert_int_eq(send(fds[LISTENER_GUESTS_MAX], "GET", 3, 0), 3);
        ck_assert_int_gt(hear(fds[LISTENER_GUESTS_MAX], text, sizeof text, 4000), 0);
        ck_assert_int_eq(strncmp(text, "HTTP/1.1 503 ", 13), 0);
        for (size_t i = 0; i < countof(fds); i++)
                close(fds[i]);
        listener_free(listener);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("listener");
        TCase *port = tcase_create("port");
        tcase_set_timeout(port, 20);
        tcase_add_checked_fixture(port, setup, teardown);
        tcase_add_test(port, listener_says_who_can_be_asked_about_a_port_in_use);
        tcase_add_test(port, listener_refuses_what_is_no_address);
        tcase_add_test(port, listener_answers_503_when_no_worker_is_there_for_a_second);
        tcase_add_test(port, listener_leaves_the_port_to_a_worker);
        tcase_add_test(port, listener_cuts_off_silent_guests_so_that_others_get_in);
        suite_add_tcase(suite, port);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
