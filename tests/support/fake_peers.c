#include "tests/support/fake_peers.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define INITIAL_CAPITAL_E6 5000000000000LL

static void on_message(void *owner, struct link *link, const struct msg *msg);

static void
on_up(void *owner, struct link *link)
{
        (void)owner;
        (void)link;
}

static const struct link_handler handler = {on_message, on_up, on_up, NULL};

void
fake_peers_send_data(struct fake_peers *peers, const struct msg *msg)
{
        ck_assert_int_eq(link_send(peers->data, msg), LINK_OK);
}

void
fake_peers_send_control(struct fake_peers *peers, const struct msg *msg)
{
        ck_assert_int_eq(link_send(peers->control, msg), LINK_OK);
}

void
fake_peers_ack(struct fake_peers *peers, uint64_t through_seq)
{
        struct msg msg = {.type = MSG_BATCH_ACK};
        msg.batch_ack = (struct msg_batch_ack){peers->incarnation, through_seq};
        fake_peers_send_data(peers, &msg);
}

/* As the real intake: known events are skipped, a gap gets the last acknowledgement again, the digest must agree. */
static void
on_batch(struct fake_peers *peers, const struct msg_event_batch *batch)
{
        peers->batches_count++;
        ck_assert_uint_eq(batch->incarnation, peers->incarnation);
        ck_assert(!batch->events.items[batch->events.count - 1].more);
        for (uint32_t i = 0; i < batch->events.count; i++) {
                const char *why = "";
                uint64_t seq = batch->first_seq + i;
                if (seq <= peers->stored_seq) {
                        peers->resent_events++;
                        continue;
                }
                ck_assert_uint_eq(seq, peers->stored_seq + 1);
                enum core_status status = core_apply(peers->replica, &batch->events.items[i], seq, &why);
                ck_assert_msg(status == CORE_OK, "%s", why);
                peers->stored_seq = seq;
        }
        ck_assert(core_digest_equal(core_digest(peers->replica), batch->digest));
        if (peers->acks)
                fake_peers_ack(peers, peers->stored_seq);
}

static void
on_message(void *owner, struct link *link, const struct msg *msg)
{
        struct fake_peers *peers = owner;
        switch ((int)msg->type) {
        case MSG_HELLO:
                if (link == peers->control) {
                        peers->control_hello = msg->hello;
                        break;
                }
                peers->data_hello = msg->hello;
                peers->data_hellos++;
                if (peers->answers_hello && msg->hello.incarnation != 0)
                        fake_peers_ack(peers, peers->stored_seq);
                break;
        case MSG_HEARTBEAT:
                peers->heartbeat = msg->heartbeat;
                peers->heartbeats++;
                break;
        case MSG_WORKER_READY:
                peers->ready = msg->worker_ready;
                peers->is_ready = true;
                break;
        case MSG_EVENT_BATCH: on_batch(peers, &msg->event_batch); break;
        case MSG_DRAINED:
                peers->drained = msg->drained;
                peers->is_drained = true;
                break;
        case MSG_COMMAND_RESULT:
                peers->result = msg->command_result;
                peers->result.message = (struct text){NULL, 0};
                (void)snprintf(peers->result_message, sizeof(peers->result_message), "%.*s", (int)msg->command_result.message.size,
                               msg->command_result.message.data);
                peers->results_count++;
                break;
        case MSG_WORKER_REPORT:
                peers->report = msg->worker_report;
                peers->is_reported = true;
                break;
        default: ck_abort_msg("unexpected message %s", msg_desc_of((int)msg->type)->name);
        }
}

static void
listen_http(struct fake_peers *peers)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        peers->http_fd = socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_ge(peers->http_fd, 0);
        ck_assert_int_eq(bind(peers->http_fd, (struct sockaddr *)&address, size), 0);
        ck_assert_int_eq(listen(peers->http_fd, 128), 0);
        ck_assert_int_eq(getsockname(peers->http_fd, (struct sockaddr *)&address, &size), 0);
        peers->port = ntohs(address.sin_port);
}

static void
write_config(struct fake_peers *peers, const char *const *assignments, char path[128])
{
        char error[CONFIG_ERROR_SIZE], assignment[256];
        config_init(&peers->config);
        (void)snprintf(assignment, sizeof(assignment), "instance.run_dir=%s", peers->dir);
        ck_assert_msg(config_set(&peers->config, assignment, error) == CONFIG_OK, "%s", error);
        (void)snprintf(assignment, sizeof(assignment), "instance.state_dir=%s/state", peers->dir);
        ck_assert_msg(config_set(&peers->config, assignment, error) == CONFIG_OK, "%s", error);
        ck_assert_msg(config_set(&peers->config, "http.allow_unauthenticated=yes", error) == CONFIG_OK, "%s", error);
        ck_assert_msg(config_set(&peers->config, "http.requests_per_second=0", error) == CONFIG_OK, "%s", error);
        for (; assignments != NULL && *assignments != NULL; assignments++)
                ck_assert_msg(config_set(&peers->config, *assignments, error) == CONFIG_OK, "%s", error);
        ck_assert_msg(config_check(&peers->config, error) == CONFIG_OK, "%s", error);
        (void)snprintf(path, 128, "%s/effective.conf", peers->dir);
        FILE *file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_eq(config_write(&peers->config, file), CONFIG_OK);
        ck_assert_int_eq(fclose(file), 0);
}

void
fake_peers_listen_control(struct fake_peers *peers)
{
        char path[PM_UNIX_PATH_MAX + 1];
        (void)snprintf(path, sizeof(path), "%s/control-w.sock", peers->dir);
        ck_assert_int_eq(link_listen(&peers->control, peers->loop, path, ROLE_SUPERVISOR, ROLE_WORKER, &handler, peers), LINK_OK);
}

void
fake_peers_listen_data(struct fake_peers *peers)
{
        char path[PM_UNIX_PATH_MAX + 1];
        (void)snprintf(path, sizeof(path), "%s/data.sock", peers->dir);
        ck_assert_int_eq(link_listen(&peers->data, peers->loop, path, ROLE_PERSISTER, ROLE_WORKER, &handler, peers), LINK_OK);
}

void
fake_peers_drop_data(struct fake_peers *peers)
{
        link_free(peers->data);
        peers->data = NULL;
}

static void
spawn_worker(struct fake_peers *peers, const char *config_path)
{
        char spawn_no[24], http_fd[12], secret_fd[12];
        (void)snprintf(spawn_no, sizeof(spawn_no), "%llu", (unsigned long long)peers->spawn_no);
        (void)snprintf(http_fd, sizeof(http_fd), "%d", peers->http_fd);
        int secret = -1;
        if (peers->config.secret_file[0] != '\0') {
                secret = open(peers->config.secret_file, O_RDONLY);
                ck_assert_int_ge(secret, 0);
        }
        (void)snprintf(secret_fd, sizeof(secret_fd), "%d", secret);
        peers->worker = fork();
        ck_assert_int_ge(peers->worker, 0);
        if (peers->worker == 0) {
                execl(PM_WORKER_PROGRAM, "pm-worker", "--config", config_path, "--spawn-no", spawn_no, "--http-fd", http_fd,
                      secret >= 0 ? "--secret-fd" : NULL, secret_fd, NULL);
                _exit(127);
        }
        if (secret >= 0)
                (void)close(secret);
}

void
fake_peers_start(struct fake_peers *peers, const char *const *assignments)
{
        struct event_list list;
        char config_path[128];
        *peers = (struct fake_peers){.exit_code = -1, .spawn_no = 7, .incarnation = 3, .acks = true, .answers_hello = true};
        (void)snprintf(peers->dir, sizeof(peers->dir), "/tmp/pm-worker-test.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(peers->dir));
        peers->loop = loop_new();
        listen_http(peers);
        write_config(peers, assignments, config_path);
        struct core_options options = {.instruments = peers->config.instruments, .instruments_count = peers->config.instruments_count};
        peers->replica = core_new(&options);
        ck_assert_ptr_nonnull(peers->replica);
        core_decide_create(INITIAL_CAPITAL_E6, clock_wall_us(), &list);
        for (uint32_t i = 0; i < list.count; i++)
                ck_assert_int_eq(core_apply(peers->replica, &list.items[i], ++peers->stored_seq, NULL), CORE_OK);
        fake_peers_listen_control(peers);
        fake_peers_listen_data(peers);
        spawn_worker(peers, config_path);
        fake_peers_wait_u64(peers, &peers->data_hellos, 1, 5000);
        fake_peers_wait_u64(peers, &peers->control_hello.spawn_no, 1, 5000);
}

void
fake_peers_stop(struct fake_peers *peers)
{
        char command[96];
        if (peers->exit_code < 0) {
                (void)kill(peers->worker, SIGKILL);
                (void)waitpid(peers->worker, NULL, 0);
        }
        link_free(peers->data);
        link_free(peers->control);
        core_free(peers->replica);
        loop_free(peers->loop);
        config_fini(&peers->config);
        (void)close(peers->http_fd);
        (void)snprintf(command, sizeof(command), "rm -rf '%s'", peers->dir);
        ck_assert_int_eq(system(command), 0);
}

void
fake_peers_send_snapshot(struct fake_peers *peers, enum recovery_problem problem)
{
        static struct event events[PM_SNAPSHOT_PART_EVENTS];
        uint64_t cursor = 0, total = core_export_count(peers->replica);
        uint32_t parts = (uint32_t)((total + PM_SNAPSHOT_PART_EVENTS - 1) / PM_SNAPSHOT_PART_EVENTS);
        struct msg msg = {.type = MSG_SNAPSHOT_BEGIN};
        peers->is_ready = false;
        msg.snapshot_begin = (struct msg_snapshot_begin){.incarnation = peers->incarnation,
                                                         .worker_spawn_no = peers->spawn_no,
                                                         .through_seq = peers->stored_seq,
                                                         .parts_count = parts,
                                                         .events_count = total,
                                                         .problem = problem};
        fake_peers_send_data(peers, &msg);
        for (uint32_t part = 0; part < parts; part++) {
                uint32_t count = core_export(peers->replica, &cursor, events, PM_SNAPSHOT_PART_EVENTS);
                msg = (struct msg){.type = MSG_SNAPSHOT_PART};
                msg.snapshot_part = (struct msg_snapshot_part){peers->incarnation, part, {events, count}};
                fake_peers_send_data(peers, &msg);
        }
        msg = (struct msg){.type = MSG_SNAPSHOT_END};
        msg.snapshot_end = (struct msg_snapshot_end){peers->incarnation, parts, core_digest(peers->replica)};
        fake_peers_send_data(peers, &msg);
}

void
fake_peers_rehydrate(struct fake_peers *peers, enum recovery_problem problem)
{
        fake_peers_send_snapshot(peers, problem);
        fake_peers_wait_bool(peers, &peers->is_ready, 5000);
}

void
fake_peers_go(struct fake_peers *peers)
{
        struct msg msg = {.type = MSG_GO};
        msg.go.incarnation = peers->incarnation;
        fake_peers_send_control(peers, &msg);
}

void
fake_peers_open(struct fake_peers *peers)
{
        fake_peers_rehydrate(peers, RECOVERY_OK);
        fake_peers_go(peers);
}

/* -------- waiting -------- */

static void
reap(struct fake_peers *peers)
{
        int status;
        if (peers->exit_code < 0 && waitpid(peers->worker, &status, WNOHANG) == peers->worker)
                peers->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

void
fake_peers_turn(struct fake_peers *peers, int64_t ms)
{
        int64_t end_us = clock_monotonic_us() + ms * 1000;
        do {
                loop_turn(peers->loop, 1);
                reap(peers);
        } while (clock_monotonic_us() < end_us);
}

void
fake_peers_wait_u64(struct fake_peers *peers, const uint64_t *value, uint64_t at_least, int64_t ms)
{
        int64_t end_us = clock_monotonic_us() + ms * 1000;
        while (*value < at_least) {
                ck_assert_msg(clock_monotonic_us() < end_us && peers->exit_code < 0, "waited %lld ms for %llu, is %llu (worker: %d)",
                              (long long)ms, (unsigned long long)at_least, (unsigned long long)*value, peers->exit_code);
                fake_peers_turn(peers, 0);
        }
}

void
fake_peers_wait_bool(struct fake_peers *peers, const bool *condition, int64_t ms)
{
        int64_t end_us = clock_monotonic_us() + ms * 1000;
        while (!*condition) {
                ck_assert_msg(clock_monotonic_us() < end_us && peers->exit_code < 0, "waited %lld ms (worker: %d)", (long long)ms,
                              peers->exit_code);
                fake_peers_turn(peers, 0);
        }
}

void
fake_peers_wait_exit(struct fake_peers *peers, int64_t ms)
{
        int64_t end_us = clock_monotonic_us() + ms * 1000;
        while (peers->exit_code < 0) {
                ck_assert_msg(clock_monotonic_us() < end_us, "the worker still lives after %lld ms", (long long)ms);
                fake_peers_turn(peers, 0);
        }
}

/* -------- HTTP -------- */

int
fake_peers_connect(struct fake_peers *peers)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(peers->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

void
fake_peers_send(struct fake_peers *peers, int fd, const char *text)
{
        size_t size = strlen(text), sent = 0;
        int64_t end_us = clock_monotonic_us() + 5000000;
        while (sent < size) {
                ssize_t wrote = send(fd, text + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (wrote < 0 && errno != EAGAIN)
                        return; /* closed against us: receive tells */
                if (wrote > 0)
                        sent += (size_t)wrote;
                ck_assert(clock_monotonic_us() < end_us);
                fake_peers_turn(peers, 0);
        }
}

static bool
is_whole(const char *response, size_t size)
{
        const char *body = strstr(response, "\r\n\r\n");
        const char *length = strcasestr(response, "\r\nContent-Length:");
        if (body == NULL || length == NULL || length > body)
                return false;
        return size >= (size_t)(body + 4 - response) + strtoul(length + 17, NULL, 10);
}

int
fake_peers_receive(struct fake_peers *peers, int fd, char *response, int64_t ms)
{
        size_t size = 0;
        int64_t end_us = clock_monotonic_us() + ms * 1000;
        response[0] = '\0';
        while (clock_monotonic_us() < end_us) {
                ssize_t got = recv(fd, response + size, FAKE_RESPONSE_SIZE - 1 - size, MSG_DONTWAIT);
                if (got > 0) {
                        size += (size_t)got;
                        response[size] = '\0';
                }
                if (got == 0 || (got < 0 && errno != EAGAIN) || is_whole(response, size))
                        return size > 12 ? atoi(response + 9) : 0;
                fake_peers_turn(peers, 0);
        }
        return -1;
}

void
fake_peers_send_post(struct fake_peers *peers, int fd, const char *body)
{
        char head[256];
        (void)snprintf(head, sizeof(head), "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", strlen(body));
        fake_peers_send(peers, fd, head);
        fake_peers_send(peers, fd, body);
}

int
fake_peers_post(struct fake_peers *peers, const char *body, char *response)
{
        int fd = fake_peers_connect(peers);
        fake_peers_send_post(peers, fd, body);
        int status = fake_peers_receive(peers, fd, response, 5000);
        (void)close(fd);
        return status;
}

int
fake_peers_get(struct fake_peers *peers, const char *path, char *response)
{
        char head[256];
        int fd = fake_peers_connect(peers);
        (void)snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
        fake_peers_send(peers, fd, head);
        int status = fake_peers_receive(peers, fd, response, 5000);
        (void)close(fd);
        return status;
}
