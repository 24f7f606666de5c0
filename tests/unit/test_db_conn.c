/* db_conn.c over played servers: sockets that refuse, are silent, or say one message of PostgreSQL's protocol. What comes after a good
 * connect is tested with a real server (tests/integration). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "persister/db_conn.h"
#include "persister/db_resolve.h"

#define SERVERS_MAX 3

enum play { PLAY_SILENT = 0, PLAY_STARTING, PLAY_BAD_PASSWORD, PLAY_GARBAGE, PLAY_CLOSE };

struct server {
        char folder[64];
        int fd;
        struct loop_watch *watch;
        enum play play;
        int clients[64];
        int clients_count;
};

static struct loop *loop;
static struct server servers[SERVERS_MAX];
static int servers_count;
static struct db_conn *conn;
static struct config_conninfo conninfo;
static char hosts[256];

static int problems_count;
static struct db_problem last;
static int64_t problem_times_us[64];
static bool is_ready;

static void
on_ready(void *owner)
{
        (void)owner;
        is_ready = true;
}

static void
on_problem(void *owner, const struct db_problem *problem)
{
        (void)owner;
        last = *problem;
        if (problems_count < 64)
                problem_times_us[problems_count] = clock_monotonic_us();
        problems_count++;
}

static void
on_fenced(void *owner, const char *detail)
{
        (void)owner;
        (void)detail;
        ck_abort();
}

static const struct db_conn_handler handler = {on_ready, on_problem, on_fenced};

/* ErrorResponse with severity, SQLSTATE and message. */
static void
say_error(int fd, const char *sqlstate, const char *words)
{
        unsigned char message[256] = {'E'};
        size_t size = 5;

        size += (size_t)sprintf((char *)message + size, "SFATAL") + 1;
        size += (size_t)sprintf((char *)message + size, "VFATAL") + 1;
        size += (size_t)sprintf((char *)message + size, "C%s", sqlstate) + 1;
        size += (size_t)sprintf((char *)message + size, "M%s", words) + 1;
        message[size++] = '\0';
        message[4] = (unsigned char)(size - 1);
        message[3] = (unsigned char)((size - 1) >> 8);
        ck_assert_int_eq(send(fd, message, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void
on_client(void *owner, int fd, bool readable, bool writable)
{
        struct server *server = owner;
        int client = accept(fd, NULL, NULL);

        (void)readable;
        (void)writable;
        ck_assert_int_ge(client, 0);
        ck_assert_int_lt(server->clients_count, 64);
        server->clients[server->clients_count++] = client;
        switch (server->play) {
        case PLAY_SILENT: break;
        case PLAY_STARTING: say_error(client, "57P03", "the database system is starting up"); break;
        case PLAY_BAD_PASSWORD: say_error(client, "28P01", "password authentication failed"); break;
        case PLAY_GARBAGE: ck_assert_int_eq(send(client, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, MSG_NOSIGNAL), 28); break;
        case PLAY_CLOSE: (void)shutdown(client, SHUT_RDWR); break;
        }
}

/* Another host of the conninfo. listens: a server is there. */
static struct server *
add_host(bool listens, enum play play)
{
        struct server *server = &servers[servers_count++];
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        strcpy(server->folder, "/tmp/pm-db-conn-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(server->folder));
        server->fd = -1;
        server->play = play;
        if (listens) {
                server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                (void)snprintf(address.sun_path, sizeof(address.sun_path), "%.63s/.s.PGSQL.5432", server->folder);
                ck_assert_int_eq(bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
                ck_assert_int_eq(listen(server->fd, 64), 0);
                server->watch = loop_watch_new(loop, server->fd, true, false, on_client, server);
        }
        if (hosts[0] != '\0')
                strcat(hosts, ",");
        strcat(hosts, server->folder);
        return server;
}

static void
start(int64_t connect_timeout_ms)
{
        char error[CONFIG_ERROR_SIZE];
        const struct db_conn_options options = {&conninfo, "unit", connect_timeout_ms, 1000};

        conninfo = (struct config_conninfo){{"host", "port", "user", "password"}, {hosts, "5432", "x", "y"}, 4};
        conn = db_conn_new(loop, &options, &handler, NULL, error);
        ck_assert_ptr_nonnull(conn);
        db_conn_start(conn);
}

static void
turn_until(int problems)
{
        int64_t end_us = clock_monotonic_us() + 20 * 1000000LL;

        while (problems_count < problems) {
                ck_assert_int_lt(clock_monotonic_us(), end_us);
                loop_turn(loop, 20);
        }
}

static void
setup(void)
{
        loop = loop_new();
        memset(servers, 0, sizeof(servers));
        servers_count = 0;
        hosts[0] = '\0';
        problems_count = 0;
        is_ready = false;
}

static void
teardown(void)
{
        char path[128];

        ck_assert(!is_ready);
        db_conn_free(conn);
        for (int i = 0; i < servers_count; i++) {
                struct server *server = &servers[i];
                loop_watch_free(server->watch);
                for (int client = 0; client < server->clients_count; client++)
                        close(server->clients[client]);
                if (server->fd >= 0)
                        close(server->fd);
                (void)snprintf(path, sizeof(path), "%.63s/.s.PGSQL.5432", server->folder);
                (void)unlink(path);
                (void)rmdir(server->folder);
        }
        loop_free(loop);
}

START_TEST(a_server_that_is_not_there_is_asked_again_more_and_more_seldom)
{
        add_host(false, PLAY_SILENT);
        start(1000);
        turn_until(6);
        ck_assert_int_eq(last.problem, STORE_PROBLEM_UNREACHABLE);
        ck_assert_ptr_nonnull(strstr(last.message, servers[0].folder));
        /* 10, 20, 40, 80, 160 ms, a quarter either way. */
        int64_t early_us = problem_times_us[1] - problem_times_us[0];
        int64_t late_us = problem_times_us[5] - problem_times_us[4];
        ck_assert_int_ge(early_us, 7000);
        ck_assert_int_ge(late_us, 119000);
}
END_TEST

START_TEST(a_silent_server_is_given_up_by_the_deadline)
{
        add_host(true, PLAY_SILENT);
        int64_t started_us = clock_monotonic_us();
        start(100);
        turn_until(1);
        ck_assert_int_ge(problem_times_us[0] - started_us, 99000);
        ck_assert_int_eq(last.problem, STORE_PROBLEM_UNREACHABLE);
        ck_assert_ptr_nonnull(strstr(last.message, "no answer within 100 ms"));
}
END_TEST

START_TEST(a_server_that_starts_is_asked_often)
{
        add_host(true, PLAY_STARTING);
        start(1000);
        turn_until(8);
        ck_assert_str_eq(last.sqlstate, "57P03");
        ck_assert_ptr_nonnull(strstr(last.message, "the database system is starting up"));
        ck_assert_int_le(problem_times_us[7] - problem_times_us[6], 500000); /* 50 ms and what a busy machine adds */
}
END_TEST

START_TEST(a_refusal_is_told_by_its_state)
{
        add_host(true, PLAY_BAD_PASSWORD);
        start(1000);
        turn_until(1);
        ck_assert_int_eq(last.problem, STORE_PROBLEM_AUTH);
        ck_assert_str_eq(last.sqlstate, "28P01");
        ck_assert_ptr_null(strstr(last.message, "LOCATION"));
}
END_TEST

START_TEST(another_program_on_the_port_is_no_crash)
{
        add_host(true, _i == 0 ? PLAY_GARBAGE : PLAY_CLOSE);
        start(1000);
        turn_until(2);
        ck_assert_int_eq(last.problem, STORE_PROBLEM_UNREACHABLE);
}
END_TEST

START_TEST(a_silent_first_host_does_not_keep_us_from_the_second)
{
        add_host(true, PLAY_SILENT);
        add_host(true, PLAY_BAD_PASSWORD);
        int64_t started_us = clock_monotonic_us();
        start(100);
        turn_until(1);
        ck_assert_int_eq(last.problem, STORE_PROBLEM_AUTH); /* that of the round's end */
        ck_assert_ptr_nonnull(strstr(last.message, servers[1].folder));
        ck_assert_int_eq(servers[0].clients_count, 1);
        ck_assert_int_ge(problem_times_us[0] - started_us, 99000);
        turn_until(2);
        ck_assert_int_eq(servers[0].clients_count, 2); /* and around again */
}
END_TEST

START_TEST(a_name_that_nobody_knows_is_a_problem_and_no_wait)
{
        strcpy(hosts, "no-such-host.invalid");
        start(2000);
        turn_until(1);
        ck_assert_int_eq(last.problem, STORE_PROBLEM_UNREACHABLE);
}
END_TEST

START_TEST(names_are_told_from_addresses)
{
        strcpy(hosts, "/nowhere");
        start(1000);
        ck_assert(db_resolve_is_name("db1"));
        ck_assert(db_resolve_is_name("db1.example.org"));
        ck_assert(!db_resolve_is_name(""));
        ck_assert(!db_resolve_is_name("/run/postgresql"));
        ck_assert(!db_resolve_is_name("@abstract"));
        ck_assert(!db_resolve_is_name("10.0.0.1"));
        ck_assert(!db_resolve_is_name("::1"));
        ck_assert(!db_resolve_is_name("fe80::1%eth0"));
        ck_assert(!db_resolve_is_name("localhost"));
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("db_conn");
        TCase *tests = tcase_create("db_conn");

        tcase_add_checked_fixture(tests, setup, teardown);
        tcase_set_timeout(tests, 60);
        tcase_add_test(tests, a_server_that_is_not_there_is_asked_again_more_and_more_seldom);
        tcase_add_test(tests, a_silent_server_is_given_up_by_the_deadline);
        tcase_add_test(tests, a_server_that_starts_is_asked_often);
        tcase_add_test(tests, a_refusal_is_told_by_its_state);
        tcase_add_loop_test(tests, another_program_on_the_port_is_no_crash, 0, 2);
        tcase_add_test(tests, a_silent_first_host_does_not_keep_us_from_the_second);
        tcase_add_test(tests, a_name_that_nobody_knows_is_a_problem_and_no_wait);
        tcase_add_test(tests, names_are_told_from_addresses);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
