/* The command line's HTTP client against a server that says what the test wants, whole or not. */
#include "supervisor/http_client.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"

/* Takes one connection, reads the request until it is whole, says its piece and closes. */
struct server {
        int fd;
        char listen[64];
        const char *says; /* NULL: nothing, until the client goes */
        char heard[4096];
        pthread_t thread;
};

static struct server server;

static void *
serve(void *owner)
{
        struct server *self = owner;
        size_t heard = 0;
        struct pollfd waiting = {.fd = self->fd, .events = POLLIN};
        if (poll(&waiting, 1, 5000) != 1)
                return NULL;
        int fd = accept(self->fd, NULL, NULL);
        const char *body = NULL;
        while (heard < sizeof(self->heard) - 1) {
                ssize_t got = recv(fd, self->heard + heard, sizeof(self->heard) - 1 - heard, 0);
                if (got <= 0)
                        break;
                heard += (size_t)got;
                body = strstr(self->heard, "\r\n\r\n");
                const char *length = strstr(self->heard, "Content-Length: ");
                if (self->says != NULL && body != NULL && strlen(body + 4) >= (length != NULL ? strtoul(length + 16, NULL, 10) : 0))
                        break;
        }
        if (self->says != NULL)
                (void)!send(fd, self->says, strlen(self->says), MSG_NOSIGNAL);
        close(fd);
        return NULL;
}

static void
start_server(const char *says)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        memset(&server, 0, sizeof(server));
        server.says = says;
        server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(server.fd, (const struct sockaddr *)&address, size), 0);
        ck_assert_int_eq(getsockname(server.fd, (struct sockaddr *)&address, &size), 0);
        ck_assert_int_eq(listen(server.fd, 4), 0);
        snprintf(server.listen, sizeof(server.listen), "0.0.0.0:%d", ntohs(address.sin_port));
        ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, &server), 0);
}

static void
stop_server(void)
{
        pthread_join(server.thread, NULL);
        close(server.fd);
}

START_TEST(a_request_goes_out_whole_and_the_answer_comes_back)
{
        char error[HTTP_CLIENT_ERROR_SIZE] = "";
        struct http_client_answer answer;
        start_server("HTTP/1.1 503 Unavailable\r\nContent-Type: application/json\r\ncontent-length: 13\r\n\r\n{\"status\":\"x\"");
        struct http_client_request request = {.listen = server.listen,
                                              .method = "POST",
                                              .path = "/webhook",
                                              .secret = "s3",
                                              .body = "{\"a\":1}",
                                              .body_size = 7,
                                              .timeout_ms = 5000};
        ck_assert_msg(http_client_call(&request, &answer, error) == HTTP_CLIENT_OK, "%s", error);
        stop_server();
        ck_assert_int_eq(answer.code, 503);
        ck_assert_str_eq(answer.body, "{\"status\":\"x\"");
        ck_assert_uint_eq(answer.body_size, 13);
        ck_assert_int_eq(strncmp(server.heard, "POST /webhook HTTP/1.0\r\n", 24), 0);
        ck_assert_ptr_nonnull(strstr(server.heard, "X-PM-Secret: s3\r\n"));
        ck_assert_ptr_nonnull(strstr(server.heard, "Content-Length: 7\r\n"));
        ck_assert_ptr_nonnull(strstr(server.heard, "\r\n\r\n{\"a\":1}"));
        http_client_answer_fini(&answer);
}
END_TEST

START_TEST(a_get_has_neither_body_nor_secret)
{
        char error[HTTP_CLIENT_ERROR_SIZE] = "";
        struct http_client_answer answer;
        start_server("HTTP/1.0 200 OK\r\n\r\n{}");
        struct http_client_request request = {.listen = server.listen, .method = "GET", .path = "/positions", .timeout_ms = 5000};
        ck_assert_int_eq((int)http_client_call(&request, &answer, error), HTTP_CLIENT_OK);
        stop_server();
        ck_assert_str_eq(answer.body, "{}");
        ck_assert_ptr_null(strstr(server.heard, "Content-Length"));
        ck_assert_ptr_null(strstr(server.heard, "Secret"));
        http_client_answer_fini(&answer);
}
END_TEST

static const char *const broken_answers[] = {
        "", "hello", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 two OK\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", NULL,
};

START_TEST(an_answer_that_is_not_whole_is_broken)
{
        char error[HTTP_CLIENT_ERROR_SIZE] = "";
        struct http_client_answer answer;
        start_server(broken_answers[_i]);
        struct http_client_request request = {
                .listen = server.listen, .method = "GET", .path = "/", .timeout_ms = broken_answers[_i] != NULL ? 5000 : 50};
        ck_assert_int_eq((int)http_client_call(&request, &answer, error), HTTP_CLIENT_BROKEN);
        stop_server();
        ck_assert_str_ne(error, "");
        ck_assert_ptr_null(answer.body);
        http_client_answer_fini(&answer);
}
END_TEST

static const char *const unreachable[] = {"127.0.0.1:1", "[::1]:1",  "[::]:1",          ":1",
                                          "nonsense",    "1.2.3.4:", "host.invalid:80", "127.0.0.1:x"};

START_TEST(nobody_there_is_unreachable)
{
        char error[HTTP_CLIENT_ERROR_SIZE] = "";
        struct http_client_answer answer;
        struct http_client_request request = {.listen = unreachable[_i], .method = "GET", .path = "/", .timeout_ms = 2000};
        ck_assert_int_eq((int)http_client_call(&request, &answer, error), HTTP_CLIENT_UNREACHABLE);
        ck_assert_ptr_nonnull(strstr(error, unreachable[_i]));
}
END_TEST

START_TEST(a_secret_cannot_smuggle_a_header)
{
        char error[HTTP_CLIENT_ERROR_SIZE] = "";
        struct http_client_answer answer;
        struct http_client_request request = {
                .listen = "127.0.0.1:1", .method = "GET", .path = "/", .secret = "a\r\nX: b", .timeout_ms = 2000};
        ck_assert_int_eq((int)http_client_call(&request, &answer, error), HTTP_CLIENT_BROKEN);
        ck_assert_ptr_null(strstr(error, "X: b"));
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("http_client");
        TCase *tests = tcase_create("http_client");
        tcase_set_timeout(tests, 20);
        tcase_add_test(tests, a_request_goes_out_whole_and_the_answer_comes_back);
        tcase_add_test(tests, a_get_has_neither_body_nor_secret);
        tcase_add_loop_test(tests, an_answer_that_is_not_whole_is_broken, 0, (int)countof(broken_answers));
        tcase_add_loop_test(tests, nobody_there_is_unreachable, 0, (int)countof(unreachable));
        tcase_add_test(tests, a_secret_cannot_smuggle_a_header);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
