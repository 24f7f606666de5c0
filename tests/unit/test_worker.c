/* A real pm-worker process between played peers: what its senders, the persister and the supervisor can rely on. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit_code.h"
#include "tests/support/fake_peers.h"
#include "worker/worker.h"

static struct fake_peers peers;
static char response[FAKE_RESPONSE_SIZE];

#define ENTRY(instrument, timestamp)                                                                                                       \
        "{\"type\":\"BASE_ENTRY\",\"instrument\":\"" instrument "\",\"position\":\"Long_1\",\"price\":72000,\"stop\":71000,\"lots\":5,"    \
        "\"atr\":700,\"er\":0.8,\"supertrend\":71000,\"timestamp\":\"" timestamp "\"}"
#define EXIT(instrument, timestamp)                                                                                                        \
        "{\"type\":\"EXIT\",\"instrument\":\"" instrument "\",\"position\":\"ALL\",\"price\":72500,\"stop\":0,\"lots\":0,"                 \
        "\"atr\":700,\"er\":0.8,\"supertrend\":71000,\"timestamp\":\"" timestamp "\",\"reason\":\"target\"}"
#define TICK(instrument, timestamp, price)                                                                                                 \
        "{\"type\":\"MARKET_DATA\",\"instrument\":\"" instrument "\",\"price\":" price                                                     \
        ",\"atr\":700,\"supertrend\":71000,\"timestamp\":\"" timestamp "\"}"
#define FIRST_ENTRY ENTRY("GOLD_MINI", "2025-11-28T10:30:00Z")

static void
expect_in(const char *needle)
{
        ck_assert_msg(strstr(response, needle) != NULL, "no %s in %s", needle, response);
}

static void
start(void)
{
        fake_peers_start(&peers, NULL);
}

static void
start_open(void)
{
        fake_peers_start(&peers, NULL);
        fake_peers_open(&peers);
        ck_assert_int_eq(fake_peers_post(&peers, "{\"type\":\"PROBE\",\"id\":\"open\"}", response), 200);
}

static void
stop(void)
{
        fake_peers_stop(&peers);
}

static void
send_store_state(enum store_problem problem)
{
        struct msg msg = {.type = MSG_STORE_STATE};
        msg.store_state.problem = problem;
        fake_peers_send_data(&peers, &msg);
        fake_peers_turn(&peers, 50);
}

START_TEST(worker_says_hello_on_both_links)
{
        ck_assert_uint_eq(peers.control_hello.spawn_no, 7);
        ck_assert_int_eq(peers.control_hello.role, ROLE_WORKER);
        ck_assert_int_eq(peers.control_hello.pid, peers.worker);
        ck_assert_uint_eq(peers.data_hello.incarnation, 0);
        ck_assert_uint_eq(peers.data_hello.protocol, MSG_PROTOCOL);
        fake_peers_wait_u64(&peers, &peers.heartbeats, 2, 5000);
        ck_assert_int_eq(fake_peers_get(&peers, "/health", response), 503);
        expect_in("\"status\":\"recovering\"");
        ck_assert_int_eq(fake_peers_get(&peers, "/health/live", response), 200);
        ck_assert_int_eq(fake_peers_get(&peers, "/status", response), 200);
        ck_assert_int_eq(fake_peers_get(&peers, "/positions", response), 503);
}
END_TEST

START_TEST(worker_answers_an_entry_after_its_commit)
{
        fake_peers_open(&peers);
        ck_assert(core_digest_equal(peers.ready.digest, core_digest(peers.replica)));
        ck_assert_uint_eq(peers.ready.incarnation, 3);
        peers.acks = false;
        int fd = fake_peers_connect(&peers);
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        fake_peers_wait_u64(&peers, &peers.batches_count, 1, 2000);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 300), -1);
        fake_peers_ack(&peers, peers.stored_seq);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 200);
        expect_in("Content-Type: application/json");
        expect_in("{\"status\":\"processed\",\"seq\":2,\"result\":{\"status\":\"executed\",\"position_id\":\"GOLD_MINI_Long_1\",\"lots\":4,"
                  "\"limiter\":\"risk\",\"execution\":{\"price\":72000,\"lots\":4},\"figures\":{");
        expect_in("\"request_id\":\"");
        /* The connection is kept. */
        peers.acks = true;
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 200);
        expect_in("\"status\":\"ignored\",\"error_type\":\"duplicate\"");
        expect_in("\"original\":{\"status\":\"executed\",\"lots\":4,\"limiter\":\"risk\"");
        expect_in("\"seq\":2},\"result\":{\"status\":\"duplicate\"}");
        (void)close(fd);
        ck_assert_int_eq(fake_peers_get(&peers, "/positions", response), 200);
        expect_in("\"positions\":{\"GOLD_MINI_Long_1\":{\"instrument\":\"GOLD_MINI\",\"status\":\"open\",\"lots\":4,\"quantity\":400,"
                  "\"entry_price\":72000,");
        ck_assert_int_eq(fake_peers_get(&peers, "/health", response), 200);
        expect_in("\"status\":\"healthy\",\"positions\":1,\"risk_pct\":");
        ck_assert_int_eq(fake_peers_get(&peers, "/status", response), 200);
        expect_in("\"entries_executed\":1");
        expect_in("\"pending\":0");
}
END_TEST

START_TEST(worker_tells_503_when_the_commit_is_late_and_never_200)
{
        fake_peers_open(&peers);
        peers.acks = false;
        int64_t begun_us = clock_monotonic_us();
        int fd = fake_peers_connect(&peers);
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 4000), 503);
        int64_t took_us = clock_monotonic_us() - begun_us;
        ck_assert_int_ge(took_us, 2400000);
        ck_assert_int_le(took_us, 2800000);
        expect_in("\"reason\":\"deadline\"");
        expect_in("Retry-After: 5");
        /* The repeat waits for the same number and gets the first outcome. */
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 300), -1);
        fake_peers_ack(&peers, peers.stored_seq);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 200);
        expect_in("\"error_type\":\"duplicate\"");
        expect_in("\"original\":{\"status\":\"executed\"");
        (void)close(fd);
}
END_TEST

START_TEST(worker_sends_again_what_a_lost_persister_had_not_stored)
{
        peers.acks = false;
        int fd = fake_peers_connect(&peers);
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        fake_peers_wait_u64(&peers, &peers.batches_count, 2, 2000);
        uint64_t stored_seq = peers.stored_seq, hellos = peers.data_hellos;
        fake_peers_drop_data(&peers);
        fake_peers_turn(&peers, 50);
        peers.acks = true;
        fake_peers_listen_data(&peers);
        fake_peers_wait_u64(&peers, &peers.data_hellos, hellos + 1, 2000);
        ck_assert_uint_eq(peers.data_hello.incarnation, 3);
        ck_assert_uint_eq(peers.data_hello.last_seq, stored_seq);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 200);
        expect_in("\"status\":\"executed\"");
        (void)close(fd);
}
END_TEST

START_TEST(worker_goes_back_when_an_acknowledgement_is_repeated)
{
        peers.acks = false;
        uint64_t before = peers.stored_seq;
        int fd = fake_peers_connect(&peers);
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        fake_peers_wait_u64(&peers, &peers.batches_count, 2, 2000);
        fake_peers_ack(&peers, before);
        fake_peers_wait_u64(&peers, &peers.batches_count, 3, 2000);
        ck_assert_uint_eq(peers.resent_events, 2);
        fake_peers_ack(&peers, peers.stored_seq);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 200);
        (void)close(fd);
}
END_TEST

START_TEST(worker_keeps_early_requests_waiting_till_it_is_open)
{
        int fd = fake_peers_connect(&peers);
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        fake_peers_turn(&peers, 200);
        fake_peers_open(&peers);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 200);
        expect_in("\"status\":\"executed\"");
        (void)close(fd);
}
END_TEST

START_TEST(worker_tells_503_when_it_does_not_open_in_time)
{
        int64_t begun_us = clock_monotonic_us();
        ck_assert_int_eq(fake_peers_post(&peers, FIRST_ENTRY, response), 503);
        int64_t took_us = clock_monotonic_us() - begun_us;
        ck_assert_int_ge(took_us, 1400000);
        ck_assert_int_le(took_us, 1900000);
        expect_in("\"reason\":\"recovering\"");
        ck_assert_int_eq(fake_peers_post(&peers, "{", response), 400);
        expect_in("\"code\":\"bad_json\"");
}
END_TEST

START_TEST(worker_refuses_entries_and_takes_exits_while_the_store_is_away)
{
        ck_assert_int_eq(fake_peers_post(&peers, FIRST_ENTRY, response), 200);
        send_store_state(STORE_PROBLEM_UNREACHABLE);
        peers.acks = false;
        ck_assert_int_eq(fake_peers_post(&peers, ENTRY("COPPER", "2025-11-28T10:31:00Z"), response), 503);
        expect_in("\"reason\":\"database_unavailable\"");
        ck_assert_int_eq(fake_peers_post(&peers, "{\"type\":\"PROBE\",\"id\":\"x\"}", response), 503);
        ck_assert_int_eq(fake_peers_get(&peers, "/health", response), 503);
        expect_in("\"status\":\"unhealthy\",\"reason\":\"database_unavailable\"");
        expect_in("\"database\":\"offline\"");
        int fd = fake_peers_connect(&peers);
        uint64_t batches = peers.batches_count;
        fake_peers_send_post(&peers, fd, EXIT("GOLD_MINI", "2025-11-28T10:32:00Z"));
        fake_peers_wait_u64(&peers, &peers.batches_count, batches + 1, 2000);
        send_store_state(STORE_PROBLEM_NONE);
        fake_peers_ack(&peers, peers.stored_seq);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 200);
        expect_in("\"result\":{\"status\":\"executed\",\"closed\":[\"GOLD_MINI_Long_1\"],\"lots\":4,\"pnl\":20000}");
        peers.acks = true;
        (void)close(fd);
        ck_assert_int_eq(fake_peers_post(&peers, ENTRY("COPPER", "2025-11-28T10:31:00Z"), response), 200);
}
END_TEST

START_TEST(worker_lets_exits_go_on_when_stored_data_is_damaged)
{
        fake_peers_rehydrate(&peers, RECOVERY_DATA_CORRUPT);
        fake_peers_go(&peers);
        ck_assert_int_eq(fake_peers_post(&peers, EXIT("GOLD_MINI", "2025-11-28T10:32:00Z"), response), 200);
        expect_in("\"reason\":\"position_not_open\"");
        ck_assert_int_eq(fake_peers_post(&peers, FIRST_ENTRY, response), 503);
        expect_in("\"reason\":\"data_corrupt\"");
        ck_assert_int_eq(fake_peers_get(&peers, "/health", response), 503);
        expect_in("\"reason\":\"data_corrupt\"");
        ck_assert_int_eq(fake_peers_get(&peers, "/status", response), 200);
}
END_TEST

START_TEST(worker_answers_ticks_duplicates_and_refusals)
{
        ck_assert_int_eq(fake_peers_post(&peers, FIRST_ENTRY, response), 200);
        ck_assert_int_eq(fake_peers_post(&peers, TICK("GOLD_MINI", "2025-11-28T10:40:00Z", "74000"), response), 200);
        expect_in("\"signal_type\":\"market_data\"");
        expect_in("\"stops_updated\":[{\"position_id\":\"GOLD_MINI_Long_1\",\"old_stop\":71300,\"new_stop\":72600}]");
        ck_assert_int_eq(fake_peers_post(&peers, TICK("GOLD_MINI", "2025-11-28T10:39:00Z", "74000"), response), 200);
        expect_in("{\"status\":\"ignored\",\"signal_type\":\"market_data\",\"reason\":\"stale\",\"result\":{\"status\":\"ignored\","
                  "\"reason\":\"stale\"}");
        ck_assert_int_eq(fake_peers_post(&peers, TICK("GOLD_MINI", "2025-11-28T10:41:00Z", "72599"), response), 200);
        expect_in("\"exits_triggered\":[\"GOLD_MINI_Long_1\"],\"stopped\":[\"GOLD_MINI_Long_1\"],\"pnl\":23960");
        ck_assert_int_eq(fake_peers_post(&peers, "{\"type\":\"EOD_MONITOR\"}", response), 200);
        expect_in("\"reason\":\"eod_not_supported\"");
        ck_assert_int_eq(fake_peers_post(&peers, "{\"type\":\"PROBE\",\"id\":\"p\"}", response), 200);
        expect_in("\"signal_type\":\"probe\"");
        ck_assert_int_eq(fake_peers_post(&peers, "{\"type\":\"PROBE\",\"id\":\"p\"}", response), 200);
        expect_in("\"error_type\":\"duplicate\"");
        ck_assert_int_eq(fake_peers_post(&peers, "[]", response), 400);
        expect_in("{\"status\":\"error\",\"error_type\":\"validation_error\",\"code\":\"not_object\",\"message\":");
}
END_TEST

START_TEST(worker_refuses_wrong_paths_methods_and_sizes)
{
        static char large[12000];
        ck_assert_int_eq(fake_peers_get(&peers, "/signals", response), 404);
        expect_in("\"error_type\":\"not_found\"");
        ck_assert_int_eq(fake_peers_get(&peers, "/webhook", response), 405);
        expect_in("Allow: POST");
        int fd = fake_peers_connect(&peers);
        fake_peers_send(&peers, fd, "HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 405);
        (void)close(fd);
        memset(large, ' ', sizeof(large) - 1);
        ck_assert_int_eq(fake_peers_post(&peers, large, response), 413);
        expect_in("\"code\":\"too_large\"");
        fd = fake_peers_connect(&peers);
        fake_peers_send(&peers, fd, "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 413);
        (void)close(fd);
        fd = fake_peers_connect(&peers);
        memset(large, 'a', sizeof(large) - 1);
        fake_peers_send(&peers, fd, "GET /health HTTP/1.1\r\nX: ");
        fake_peers_send(&peers, fd, large);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 400);
        (void)close(fd);
        fd = fake_peers_connect(&peers);
        fake_peers_send(&peers, fd, "POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n");
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 400);
        expect_in("not_object");
        (void)close(fd);
}
END_TEST

START_TEST(worker_survives_clients_that_leave_before_the_answer)
{
        peers.acks = false;
        for (int i = 0; i < 50; i++) {
                char body[64];
                int fd = fake_peers_connect(&peers);
                (void)snprintf(body, sizeof(body), "{\"type\":\"PROBE\",\"id\":\"gone-%d\"}", i);
                fake_peers_send_post(&peers, fd, body);
                fake_peers_turn(&peers, 2);
                (void)close(fd);
        }
        fake_peers_turn(&peers, 100);
        fake_peers_ack(&peers, peers.stored_seq);
        peers.acks = true;
        fake_peers_turn(&peers, 600);
        ck_assert_int_eq(fake_peers_post(&peers, FIRST_ENTRY, response), 200);
}
END_TEST

START_TEST(worker_drains_and_exits_with_0)
{
        struct msg msg = {.type = MSG_DRAIN};
        msg.drain.deadline_ms = 2000;
        peers.acks = false;
        int fd = fake_peers_connect(&peers);
        uint64_t batches = peers.batches_count;
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        fake_peers_wait_u64(&peers, &peers.batches_count, batches + 1, 2000);
        fake_peers_send_control(&peers, &msg);
        fake_peers_turn(&peers, 100);
        ck_assert_int_eq(fake_peers_post(&peers, ENTRY("COPPER", "2025-11-28T10:31:00Z"), response), 503);
        expect_in("\"reason\":\"draining\"");
        ck_assert(!peers.is_drained);
        fake_peers_ack(&peers, peers.stored_seq);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 200);
        (void)close(fd);
        fake_peers_wait_exit(&peers, 2000);
        ck_assert_int_eq(peers.exit_code, EXIT_CODE_OK);
        ck_assert(peers.is_drained);
        ck_assert_uint_eq(peers.drained.through_seq, peers.stored_seq);
}
END_TEST

START_TEST(worker_drains_on_sigterm)
{
        ck_assert_int_eq(kill(peers.worker, SIGTERM), 0);
        fake_peers_wait_exit(&peers, 2000);
        ck_assert_int_eq(peers.exit_code, EXIT_CODE_OK);
}
END_TEST

START_TEST(worker_ends_its_drain_at_the_deadline)
{
        struct msg msg = {.type = MSG_DRAIN};
        msg.drain.deadline_ms = 300;
        peers.acks = false;
        int fd = fake_peers_connect(&peers);
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        fake_peers_turn(&peers, 50);
        fake_peers_send_control(&peers, &msg);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 503);
        (void)close(fd);
        fake_peers_wait_exit(&peers, 2000);
        ck_assert_int_eq(peers.exit_code, EXIT_CODE_OK);
}
END_TEST

START_TEST(worker_exits_to_be_rehydrated_when_a_batch_is_refused)
{
        struct msg msg = {.type = MSG_BATCH_REFUSED};
        msg.batch_refused = (struct msg_batch_refused){3, 2, BATCH_REFUSAL_DIGEST, {"no", 2}};
        fake_peers_send_data(&peers, &msg);
        fake_peers_wait_exit(&peers, 2000);
        ck_assert_int_eq(peers.exit_code, EXIT_CODE_REHYDRATE);
}
END_TEST

START_TEST(worker_exits_to_be_rehydrated_when_more_is_stored_than_it_decided)
{
        fake_peers_ack(&peers, peers.stored_seq + 1);
        fake_peers_wait_exit(&peers, 2000);
        ck_assert_int_eq(peers.exit_code, EXIT_CODE_REHYDRATE);
}
END_TEST

START_TEST(worker_exits_to_be_rehydrated_when_less_is_stored_than_was_acknowledged)
{
        int fd = fake_peers_connect(&peers);
        fake_peers_send_post(&peers, fd, FIRST_ENTRY);
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 200);
        fake_peers_ack(&peers, peers.stored_seq - 1); /* a standby without the last commits took over */
        fake_peers_wait_exit(&peers, 2000);
        ck_assert_int_eq(peers.exit_code, EXIT_CODE_REHYDRATE);
        (void)close(fd);
}
END_TEST

START_TEST(worker_exits_when_the_snapshot_has_another_digest)
{
        struct msg msg = {.type = MSG_SNAPSHOT_BEGIN};
        msg.snapshot_begin = (struct msg_snapshot_begin){.incarnation = 3, .worker_spawn_no = 7, .through_seq = 1, .parts_count = 0};
        fake_peers_send_data(&peers, &msg);
        msg = (struct msg){.type = MSG_SNAPSHOT_END};
        msg.snapshot_end.incarnation = 3;
        fake_peers_send_data(&peers, &msg);
        fake_peers_wait_exit(&peers, 2000);
        ck_assert_int_eq(peers.exit_code, EXIT_CODE_REHYDRATE);
}
END_TEST

START_TEST(worker_tells_ready_when_the_control_link_comes_after_the_snapshot)
{
        link_free(peers.control);
        peers.control = NULL;
        fake_peers_send_snapshot(&peers, RECOVERY_OK);
        fake_peers_turn(&peers, 100);
        fake_peers_listen_control(&peers);
        fake_peers_wait_bool(&peers, &peers.is_ready, 2000);
        fake_peers_go(&peers);
        ck_assert_int_eq(fake_peers_post(&peers, FIRST_ENTRY, response), 200);
}
END_TEST

START_TEST(worker_exits_when_the_supervisor_is_gone)
{
        link_free(peers.control);
        peers.control = NULL;
        int64_t begun_us = clock_monotonic_us();
        fake_peers_wait_exit(&peers, 2000);
        ck_assert_int_ge(clock_monotonic_us() - begun_us, 450000);
        ck_assert_int_eq(peers.exit_code, EXIT_CODE_LINK_LOST);
}
END_TEST

START_TEST(worker_carries_out_an_order_once)
{
        struct msg msg = {.type = MSG_COMMAND};
        msg.command = (struct msg_command){42, COMMAND_DEPOSIT, 1000000000, {"gift", 4}};
        peers.acks = false;
        uint64_t batches = peers.batches_count;
        fake_peers_send_control(&peers, &msg);
        fake_peers_send_control(&peers, &msg);
        fake_peers_wait_u64(&peers, &peers.batches_count, batches + 1, 2000);
        fake_peers_turn(&peers, 100);
        ck_assert_uint_eq(peers.results_count, 0);
        fake_peers_ack(&peers, peers.stored_seq);
        fake_peers_wait_u64(&peers, &peers.results_count, 1, 2000);
        ck_assert(peers.result.done);
        ck_assert_uint_eq(peers.result.request_id, 42);
        ck_assert_str_eq(peers.result_message, "deposited 1000; closed equity is 5001000");
        fake_peers_send_control(&peers, &msg);
        fake_peers_wait_u64(&peers, &peers.results_count, 2, 2000);
        ck_assert(peers.result.done);
        struct core_figures figures;
        core_figures(peers.replica, &figures);
        ck_assert_int_eq(figures.closed_equity_e6, 5001000000000);
        msg.command = (struct msg_command){43, COMMAND_WITHDRAW, 6000000000000, {NULL, 0}};
        fake_peers_send_control(&peers, &msg);
        fake_peers_wait_u64(&peers, &peers.results_count, 3, 2000);
        ck_assert(!peers.result.done);
}
END_TEST

START_TEST(worker_answers_503_to_entries_while_paused)
{
        struct msg msg = {.type = MSG_COMMAND};
        msg.command = (struct msg_command){44, COMMAND_PAUSE, 0, {NULL, 0}};
        fake_peers_send_control(&peers, &msg);
        fake_peers_wait_u64(&peers, &peers.results_count, 1, 2000);
        ck_assert_int_eq(fake_peers_post(&peers, FIRST_ENTRY, response), 503);
        expect_in("\"reason\":\"trading_paused\"");
        ck_assert_int_eq(fake_peers_get(&peers, "/health", response), 200);
        expect_in("\"status\":\"degraded\",\"reason\":\"trading_paused\"");
        msg.command = (struct msg_command){45, COMMAND_RESUME, 0, {NULL, 0}};
        fake_peers_send_control(&peers, &msg);
        fake_peers_wait_u64(&peers, &peers.results_count, 2, 2000);
        ck_assert_int_eq(fake_peers_post(&peers, FIRST_ENTRY, response), 200);
}
END_TEST

START_TEST(worker_reports_and_obeys_maintenance)
{
        struct msg msg = {.type = MSG_MAINTENANCE};
        msg.maintenance.on = true;
        fake_peers_send_control(&peers, &msg);
        fake_peers_turn(&peers, 50);
        ck_assert_int_eq(fake_peers_post(&peers, FIRST_ENTRY, response), 503);
        expect_in("\"reason\":\"maintenance\"");
        ck_assert_int_eq(fake_peers_get(&peers, "/health/ready", response), 503);
        expect_in("\"status\":\"maintenance\"");
        msg = (struct msg){.type = MSG_REPORT_ASK};
        msg.report_ask.request_id = 9;
        fake_peers_send_control(&peers, &msg);
        fake_peers_wait_bool(&peers, &peers.is_reported, 2000);
        ck_assert_uint_eq(peers.report.request_id, 9);
        ck_assert(!peers.report.accepting);
        ck_assert_uint_eq(peers.report.unavailable_count, 1);
        ck_assert(core_digest_equal(peers.report.digest, core_digest(peers.replica)));
}
END_TEST

START_TEST(worker_serves_only_connections_max_and_the_rest_in_turn)
{
        static const char *const few[] = {"http.connections_max=4", NULL};
        int fds[8];
        fake_peers_start(&peers, few);
        fake_peers_open(&peers);
        for (int i = 0; i < 8; i++)
                fds[i] = fake_peers_connect(&peers);
        fake_peers_turn(&peers, 100);
        for (int i = 0; i < 8; i++)
                fake_peers_send(&peers, fds[i], "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < 4; i++)
                ck_assert_int_eq(fake_peers_receive(&peers, fds[i], response, 2000), 200);
        ck_assert_int_eq(fake_peers_receive(&peers, fds[4], response, 300), -1);
        for (int i = 0; i < 4; i++)
                (void)close(fds[i]);
        for (int i = 4; i < 8; i++) {
                ck_assert_int_eq(fake_peers_receive(&peers, fds[i], response, 2000), 200);
                (void)close(fds[i]);
        }
        fake_peers_stop(&peers);
}
END_TEST

START_TEST(worker_frees_places_of_connections_that_never_asked)
{
        static const char *const few[] = {"http.connections_max=4", NULL};
        fake_peers_start(&peers, few);
        for (int round = 0; round < 10; round++) {
                int fds[4];
                for (int i = 0; i < 4; i++)
                        fds[i] = fake_peers_connect(&peers);
                fake_peers_turn(&peers, 20);
                for (int i = 0; i < 4; i++)
                        (void)close(fds[i]);
        }
        ck_assert_int_eq(fake_peers_get(&peers, "/health/live", response), 200);
        fake_peers_stop(&peers);
}
END_TEST

START_TEST(worker_rests_when_descriptors_run_out)
{
        int fds[60];
        struct rlimit low = {48, 48};
        fake_peers_open(&peers);
        ck_assert_int_eq(prlimit(peers.worker, RLIMIT_NOFILE, &low, NULL), 0);
        for (size_t i = 0; i < countof(fds); i++)
                fds[i] = fake_peers_connect(&peers);
        uint64_t heartbeats = peers.heartbeats;
        fake_peers_wait_u64(&peers, &peers.heartbeats, heartbeats + 3, 10000);
        for (size_t i = 0; i < countof(fds); i++)
                (void)close(fds[i]);
        ck_assert_int_eq(fake_peers_get(&peers, "/health", response), 200);
}
END_TEST

START_TEST(worker_cuts_senders_that_trickle)
{
        fake_peers_open(&peers);
        int fd = fake_peers_connect(&peers);
        int64_t begun_us = clock_monotonic_us();
        fake_peers_send(&peers, fd, "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
        int status = -1;
        while (status == -1 && clock_monotonic_us() - begun_us < 13000000) {
                fake_peers_send(&peers, fd, " ");
                status = fake_peers_receive(&peers, fd, response, 400);
        }
        ck_assert_int_eq(status, 0);
        ck_assert_int_ge(clock_monotonic_us() - begun_us, 9500000);
        (void)close(fd);
}
END_TEST

START_TEST(worker_asks_for_the_secret_and_counts_only_strangers)
{
        char path[] = "/tmp/pm-worker-secret.XXXXXX", assignment[128];
        int fd = mkstemp(path);
        ck_assert_int_eq(write(fd, "open sesame\n", 12), 12);
        (void)close(fd);
        (void)snprintf(assignment, sizeof(assignment), "http.secret_file=%s", path);
        const char *const with_secret[] = {assignment, "http.requests_per_second=5", "http.allow_unauthenticated=no", NULL};
        fake_peers_start(&peers, with_secret);
        fake_peers_open(&peers);
        for (int i = 0; i < 20; i++)
                ck_assert_int_eq(fake_peers_post(&peers, "{\"type\":\"PROBE\",\"secret\":\"open sesame\",\"id\":\"x\"}", response), 200);
        fd = fake_peers_connect(&peers);
        fake_peers_send(&peers, fd, "POST /webhook HTTP/1.1\r\nx-pm-secret: open sesame\r\nContent-Length: 2\r\n\r\n{}");
        ck_assert_int_eq(fake_peers_receive(&peers, fd, response, 2000), 400);
        (void)close(fd);
        int unauthorized = 0, limited = 0;
        for (int i = 0; i < 12; i++) {
                int status = fake_peers_post(&peers, "{\"type\":\"PROBE\",\"secret\":\"open sesam\",\"id\":\"x\"}", response);
                unauthorized += status == 401;
                limited += status == 429;
        }
        ck_assert_int_ge(unauthorized, 5);
        ck_assert_int_ge(limited, 1);
        ck_assert_int_eq(unauthorized + limited, 12);
        expect_in("rate_limit_error");
        ck_assert_int_eq(fake_peers_post(&peers, "{\"type\":\"PROBE\",\"secret\":\"open sesame\",\"id\":\"x\"}", response), 200);
        (void)unlink(path);
        fake_peers_stop(&peers);
}
END_TEST

START_TEST(worker_lets_in_only_the_allow_list)
{
        static const char *const allowed[] = {"http.allow=10.0.0.0/8", NULL};
        fake_peers_start(&peers, allowed);
        ck_assert_int_eq(fake_peers_get(&peers, "/health", response), 403);
        fake_peers_stop(&peers);
}
END_TEST

START_TEST(worker_shows_thousands_of_positions_in_pieces)
{
        enum { INSTRUMENTS = 500, KEYS = 4 };
        static const char *const keys[KEYS] = {"point_value=1", "margin_per_lot=1", "lot_size=1", "tick=1"};
        static char texts[INSTRUMENTS * KEYS][64];
        static const char *assignments[INSTRUMENTS * KEYS + 1];
        for (int i = 0; i < INSTRUMENTS * KEYS; i++) {
                (void)snprintf(texts[i], sizeof(texts[i]), "instrument METAL_%d.%s", i / KEYS, keys[i % KEYS]);
                assignments[i] = texts[i];
        }
        fake_peers_start(&peers, assignments);
        struct event opened = {.kind = EVENT_POSITION_OPENED, .at_us = 1};
        for (int i = 0; i < INSTRUMENTS; i++) {
                opened.position = (struct event_position){.position_no = (uint64_t)i + 1,
                                                          .layer = 1,
                                                          .lots = 1,
                                                          .entry_at_us = 1,
                                                          .entry_price_e6 = 1000000,
                                                          .signal_price_e6 = 1000000,
                                                          .initial_stop_e6 = 900000,
                                                          .current_stop_e6 = 900000,
                                                          .highest_close_e6 = 1000000,
                                                          .atr_e6 = 1,
                                                          .limiter = LIMITER_RISK,
                                                          .lot_size = 1,
                                                          .point_value = 1,
                                                          .margin_per_lot = 1,
                                                          .trailing_atr_x10 = 20,
                                                          .standin_atr_e6 = 1};
                (void)snprintf(opened.position.instrument, sizeof(opened.position.instrument), "METAL_%d", i);
                const char *why = "";
                ck_assert_msg(core_apply(peers.replica, &opened, ++peers.stored_seq, &why) == CORE_OK, "%s", why);
        }
        fake_peers_open(&peers);
        fake_peers_turn(&peers, 50);
        ck_assert_int_eq(fake_peers_get(&peers, "/positions", response), 200);
        expect_in("Transfer-Encoding: chunked");
        int count = 0;
        for (const char *at = response; (at = strstr(at, "_Long_1\":{")) != NULL; at++)
                count++;
        ck_assert_int_eq(count, INSTRUMENTS);
        /* A reader that leaves in the middle. */
        int fd = fake_peers_connect(&peers);
        fake_peers_send(&peers, fd, "GET /positions HTTP/1.1\r\nHost: x\r\n\r\n");
        fake_peers_turn(&peers, 5);
        (void)close(fd);
        fake_peers_turn(&peers, 400);
        ck_assert_int_eq(fake_peers_get(&peers, "/health", response), 200);
        fake_peers_stop(&peers);
}
END_TEST

START_TEST(worker_phases_know_every_event)
{
        static const enum worker_phase expected[WORKER_PHASE_END][WORKER_EVENT_END] = {
                [WORKER_WAIT_HELLO] = {WORKER_REHYDRATING, WORKER_PHASE_END, WORKER_PHASE_END, WORKER_PHASE_END, WORKER_DRAINING},
                [WORKER_REHYDRATING] = {WORKER_REHYDRATING, WORKER_WAIT_HELLO, WORKER_READY, WORKER_PHASE_END, WORKER_DRAINING},
                [WORKER_READY] = {WORKER_PHASE_END, WORKER_PHASE_END, WORKER_PHASE_END, WORKER_OPEN, WORKER_DRAINING},
                [WORKER_OPEN] = {WORKER_PHASE_END, WORKER_PHASE_END, WORKER_PHASE_END, WORKER_OPEN, WORKER_DRAINING},
                [WORKER_DRAINING] = {WORKER_PHASE_END, WORKER_PHASE_END, WORKER_PHASE_END, WORKER_PHASE_END, WORKER_DRAINING},
        };
        for (int phase = 0; phase < WORKER_PHASE_END; phase++) {
                ck_assert_ptr_nonnull(worker_phase_name((enum worker_phase)phase));
                for (int event = 0; event < WORKER_EVENT_END; event++)
                        ck_assert_int_eq(worker_phase_after((enum worker_phase)phase, (enum worker_event)event), expected[phase][event]);
        }
}
END_TEST

static TCase *
add_case(Suite *suite, const char *name, void (*setup)(void), double timeout_s)
{
        TCase *tcase = tcase_create(name);
        if (setup != NULL)
                tcase_add_checked_fixture(tcase, setup, stop);
        tcase_set_timeout(tcase, timeout_s);
        suite_add_tcase(suite, tcase);
        return tcase;
}

int
main(void)
{
        Suite *suite = suite_create("worker");
        TCase *phases = add_case(suite, "phases", NULL, 10);
        tcase_add_test(phases, worker_phases_know_every_event);
        TCase *starting = add_case(suite, "starting", start, 30);
        tcase_add_test(starting, worker_says_hello_on_both_links);
        tcase_add_test(starting, worker_answers_an_entry_after_its_commit);
        tcase_add_test(starting, worker_tells_503_when_the_commit_is_late_and_never_200);
        tcase_add_test(starting, worker_keeps_early_requests_waiting_till_it_is_open);
        tcase_add_test(starting, worker_tells_503_when_it_does_not_open_in_time);
        tcase_add_test(starting, worker_lets_exits_go_on_when_stored_data_is_damaged);
        tcase_add_test(starting, worker_exits_when_the_snapshot_has_another_digest);
        tcase_add_test(starting, worker_tells_ready_when_the_control_link_comes_after_the_snapshot);
        tcase_add_test(starting, worker_exits_when_the_supervisor_is_gone);
        tcase_add_test(starting, worker_rests_when_descriptors_run_out);
        tcase_add_test(starting, worker_cuts_senders_that_trickle);
        TCase *open = add_case(suite, "open", start_open, 30);
        tcase_add_test(open, worker_sends_again_what_a_lost_persister_had_not_stored);
        tcase_add_test(open, worker_goes_back_when_an_acknowledgement_is_repeated);
        tcase_add_test(open, worker_refuses_entries_and_takes_exits_while_the_store_is_away);
        tcase_add_test(open, worker_answers_ticks_duplicates_and_refusals);
        tcase_add_test(open, worker_refuses_wrong_paths_methods_and_sizes);
        tcase_add_test(open, worker_survives_clients_that_leave_before_the_answer);
        tcase_add_test(open, worker_drains_and_exits_with_0);
        tcase_add_test(open, worker_drains_on_sigterm);
        tcase_add_test(open, worker_ends_its_drain_at_the_deadline);
        tcase_add_test(open, worker_exits_to_be_rehydrated_when_a_batch_is_refused);
        tcase_add_test(open, worker_exits_to_be_rehydrated_when_more_is_stored_than_it_decided);
        tcase_add_test(open, worker_exits_to_be_rehydrated_when_less_is_stored_than_was_acknowledged);
        tcase_add_test(open, worker_carries_out_an_order_once);
        tcase_add_test(open, worker_answers_503_to_entries_while_paused);
        tcase_add_test(open, worker_reports_and_obeys_maintenance);
        TCase *configured = add_case(suite, "configured", NULL, 30);
        tcase_add_test(configured, worker_serves_only_connections_max_and_the_rest_in_turn);
        tcase_add_test(configured, worker_frees_places_of_connections_that_never_asked);
        tcase_add_test(configured, worker_asks_for_the_secret_and_counts_only_strangers);
        tcase_add_test(configured, worker_lets_in_only_the_allow_list);
        tcase_add_test(configured, worker_shows_thousands_of_positions_in_pieces);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
