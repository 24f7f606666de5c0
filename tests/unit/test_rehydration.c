/* The supervisor's part in giving a worker its state, with played children on real links. The processes behind the units are
 * shells that sleep: only their pids and deaths count here. */
#include "supervisor/rehydration.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/orders.h"

#define PATIENCE_MS 3000

/* What a played child has been told. */
struct peer {
        struct link *link;
        bool is_up;
        struct msg last[MSG_TYPE_END]; /* without its texts */
        unsigned counts[MSG_TYPE_END];
};

static char folder[64];
static struct config config;
static struct supervisor *supervisor;
static struct peer persister;
static struct peer worker;
static int log_fd;

static void
on_peer_message(void *owner, struct link *link, const struct msg *msg)
{
        struct peer *peer = owner;
        (void)link;
        peer->last[msg->type] = *msg;
        peer->counts[msg->type]++;
}

static void
on_peer_up(void *owner, struct link *link)
{
        (void)link;
        ((struct peer *)owner)->is_up = true;
}

static void
on_peer_down(void *owner, struct link *link)
{
        (void)link;
        ((struct peer *)owner)->is_up = false;
}

static const struct link_handler peer_handler = {.on_message = on_peer_message, .on_up = on_peer_up, .on_down = on_peer_down};

static enum unit_spawn
on_spawn(void *owner, struct unit *unit, struct unit_launch *launch)
{
        const char *argv[] = {"sh", "-c", "exec sleep 600", NULL};
        struct supervisor *self = owner;
        struct spawn_request request = {.program_fd = -1,
                                        .path = "/bin/sh",
                                        .argv = argv,
                                        .identity = &self->identity,
                                        .death_signal = SIGKILL,
                                        .stdin_fd = -1,
                                        .log_fd = unit->log.write_fd};
        unit->spawn_no = ++self->last_spawn_no;
        return spawn_process(&request, &launch->pid, &launch->pidfd) == SPAWN_OK ? UNIT_SPAWNED : UNIT_NOT_STARTED;
}

static void
on_spawned(void *owner, struct unit *unit)
{
        rehydration_on_spawned(owner, unit);
}

static void
on_gone(void *owner, struct unit *unit, const char *cause)
{
        rehydration_on_exit(owner, unit, cause);
}

static bool
on_drain(void *owner, struct unit *unit)
{
        (void)owner;
        (void)unit;
        return false;
}

static void
on_change(void *owner, struct unit *unit)
{
        (void)owner;
        (void)unit;
}

static const struct unit_ops ops = {
        .spawn = on_spawn, .on_spawned = on_spawned, .on_exit = on_gone, .drain = on_drain, .on_change = on_change};

/* Turns the loop until the condition holds. */
#define UNTIL(condition)                                                                                                                   \
        do {                                                                                                                               \
                int64_t until_us = clock_monotonic_us() + PATIENCE_MS * 1000;                                                              \
                while (!(condition) && clock_monotonic_us() < until_us)                                                                    \
                        loop_turn(supervisor->loop, 10);                                                                                   \
                ck_assert_msg((condition), "waited in vain: %s", #condition);                                                              \
        } while (0)

static void
turn_a_while(void)
{
        for (int i = 0; i < 10; i++)
                loop_turn(supervisor->loop, 10);
}

static void
dial(struct peer *peer, const char *name, enum role role)
{
        char path[PM_UNIX_PATH_MAX + 1];
        ck_assert_int_eq(
                link_dial(&peer->link, supervisor->loop, config_run_path(&config, name, path), role, ROLE_SUPERVISOR, &peer_handler, peer),
                LINK_OK);
}

static void
say(struct peer *peer, const struct msg *msg)
{
        ck_assert_int_eq(link_send(peer->link, msg), LINK_OK);
}

static void
setup(void)
{
        char path[PM_UNIX_PATH_MAX + 1];
        char error[LISTENER_ERROR_SIZE];
        char address[64];
        int fd = -1;
        snprintf(folder, sizeof folder, "/tmp/pm-rehydration-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/log", folder);
        log_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        log_init("supervisor", LOG_DEBUG);
        log_set_fd(log_fd);
        config_init(&config);
        snprintf(config.run_dir, sizeof config.run_dir, "%s", folder);
        snprintf(config.state_dir, sizeof config.state_dir, "%s", folder);
        supervisor = calloc(1, sizeof *supervisor);
        ck_assert_ptr_nonnull(supervisor);
        supervisor->config = &config;
        supervisor->loop = loop_new();
        supervisor->started_at_us = clock_monotonic_us();
        ck_assert_int_eq(spawn_identity_of("", &supervisor->identity, error, sizeof error), SPAWN_OK);
        for (int port = 20000 + getpid() % 20000; fd < 0 && port < 60000; port++) {
                snprintf(address, sizeof address, "127.0.0.1:%d", port);
                (void)!listener_bind(address, &fd, error);
        }
        supervisor->listener = listener_new(supervisor->loop, fd);
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, NULL);
        ck_assert_int_eq(link_listen(&supervisor->link_persister, supervisor->loop, config_run_path(&config, "control-p.sock", path),
                                     ROLE_SUPERVISOR, ROLE_PERSISTER, &rehydration_persister_handler, supervisor),
                         LINK_OK);
        ck_assert_int_eq(link_listen(&supervisor->link_worker, supervisor->loop, config_run_path(&config, "control-w.sock", path),
                                     ROLE_SUPERVISOR, ROLE_WORKER, &rehydration_worker_handler, supervisor),
                         LINK_OK);
        struct child_limits limits = child_limits_of(&config);
        ck_assert_int_eq(unit_init(&supervisor->units[UNIT_PERSISTER], supervisor->loop, ROLE_PERSISTER, &limits, &ops, supervisor, NULL),
                         UNIT_OK);
        ck_assert_int_eq(unit_init(&supervisor->units[UNIT_WORKER], supervisor->loop, ROLE_WORKER, &limits, &ops, supervisor, NULL),
                         UNIT_OK);
        orders_init(supervisor);
        rehydration_init(supervisor);
        recovery_begin(&supervisor->recovery_start, ROLE_SUPERVISOR, "start", supervisor->started_at_us, 0);
        memset(&persister, 0, sizeof persister);
        memset(&worker, 0, sizeof worker);
        unit_event(&supervisor->units[UNIT_PERSISTER], CHILD_START_ASKED);
        unit_event(&supervisor->units[UNIT_WORKER], CHILD_START_ASKED);
        dial(&persister, "control-p.sock", ROLE_PERSISTER);
        dial(&worker, "control-w.sock", ROLE_WORKER);
        UNTIL(persister.is_up && worker.is_up && link_is_up(supervisor->link_persister) && link_is_up(supervisor->link_worker));
}

static void
teardown(void)
{
        char command[128];
        unit_fini(&supervisor->units[UNIT_WORKER]);
        unit_fini(&supervisor->units[UNIT_PERSISTER]);
        link_free(persister.link);
        link_free(worker.link);
        link_free(supervisor->link_worker);
        link_free(supervisor->link_persister);
        listener_free(supervisor->listener);
        rehydration_fini(supervisor);
        orders_fini(supervisor);
        loop_free(supervisor->loop);
        free(supervisor);
        config_fini(&config);
        log_set_fd(2);
        close(log_fd);
        snprintf(command, sizeof command, "rm -rf %s", folder);
        ck_assert_int_eq(system(command), 0);
}

static unsigned
logged(const char *text)
{
        static char whole[256 * 1024];
        ssize_t size = pread(log_fd, whole, sizeof whole - 1, 0);
        unsigned count = 0;
        whole[size > 0 ? size : 0] = '\0';
        for (const char *at = whole; (at = strstr(at, text)) != NULL; at++)
                count++;
        return count;
}

static void
say_persister_ready(uint64_t last_incarnation)
{
        struct msg msg = {.type = MSG_PERSISTER_READY,
                          .persister_ready = {.spawn_no = supervisor->units[UNIT_PERSISTER].spawn_no,
                                              .last_incarnation = last_incarnation,
                                              .last_seq = 12,
                                              .positions_count = 3,
                                              .server = {.data = "PostgreSQL", .size = 10}}};
        say(&persister, &msg);
}

static void
say_worker_ready(uint64_t spawn_no, uint64_t incarnation)
{
        struct msg msg = {.type = MSG_WORKER_READY,
                          .worker_ready = {.spawn_no = spawn_no, .incarnation = incarnation, .through_seq = 12, .positions_count = 3}};
        say(&worker, &msg);
}

static void
say_store_state(enum store_problem problem, const char *text)
{
        struct msg msg = {.type = MSG_STORE_STATE,
                          .store_state = {.problem = problem, .message = {.data = text, .size = (uint32_t)strlen(text)}}};
        say(&persister, &msg);
}

static void
say_recovery_failed(enum recovery_problem problem, const char *rule, const char *detail)
{
        struct msg msg = {.type = MSG_RECOVERY_FAILED,
                          .recovery_failed = {.spawn_no = supervisor->units[UNIT_PERSISTER].spawn_no,
                                              .problem = problem,
                                              .rule = {.data = rule, .size = (uint32_t)strlen(rule)},
                                              .detail = {.data = detail, .size = (uint32_t)strlen(detail)}}};
        say(&persister, &msg);
}

/* To a worker that is open with the incarnation after this one. */
static void
open_worker(uint64_t last_incarnation)
{
        unsigned asked = persister.counts[MSG_REHYDRATE];
        unsigned gone = worker.counts[MSG_GO];
        say_persister_ready(last_incarnation);
        UNTIL(persister.counts[MSG_REHYDRATE] == asked + 1);
        say_worker_ready(supervisor->units[UNIT_WORKER].spawn_no, last_incarnation + 1);
        UNTIL(worker.counts[MSG_GO] == gone + 1);
}

START_TEST(rehydration_leads_from_persister_ready_to_go)
{
        turn_a_while();
        ck_assert_uint_eq(persister.counts[MSG_REHYDRATE], 0); /* not before the persister can */
        open_worker(41);
        ck_assert_uint_eq(persister.last[MSG_REHYDRATE].rehydrate.incarnation, 42);
        ck_assert_uint_eq(persister.last[MSG_REHYDRATE].rehydrate.worker_spawn_no, supervisor->units[UNIT_WORKER].spawn_no);
        ck_assert_uint_eq(worker.last[MSG_GO].go.incarnation, 42);
        ck_assert_uint_eq(worker.counts[MSG_MAINTENANCE], 1);
        ck_assert(!worker.last[MSG_MAINTENANCE].maintenance.on);
        ck_assert_int_eq(supervisor->units[UNIT_WORKER].child.state, CHILD_READY);
        ck_assert_int_eq(supervisor->units[UNIT_PERSISTER].child.state, CHILD_READY);
        ck_assert_uint_eq(logged("msg=\"Recovery successful: loaded 3 positions in "), 1);
        ck_assert_uint_eq(logged(" what=start cause=\"start\" "), 1);
        UNTIL(persister.counts[MSG_RECOVERY_RECORD] == 1);
        ck_assert_int_eq(persister.last[MSG_RECOVERY_RECORD].recovery_record.role, ROLE_SUPERVISOR);
        /* Others are told when the worker has answered what was asked behind GO. */
        UNTIL(worker.counts[MSG_REPORT_ASK] == 1);
        ck_assert(!supervisor->rehydration.worker_heard_go);
        struct msg report = {.type = MSG_WORKER_REPORT, .worker_report = {.request_id = worker.last[MSG_REPORT_ASK].report_ask.request_id}};
        say(&worker, &report);
        UNTIL(supervisor->rehydration.worker_heard_go && supervisor->ready_ever);
}
END_TEST

START_TEST(rehydration_of_a_new_worker_is_asked_in_the_turn_of_the_death)
{
        open_worker(1);
        kill(supervisor->units[UNIT_WORKER].pid, SIGKILL);
        UNTIL(persister.counts[MSG_REHYDRATE] == 2);
        ck_assert_uint_eq(persister.last[MSG_REHYDRATE].rehydrate.incarnation, 3);
        ck_assert_uint_eq(persister.last[MSG_REHYDRATE].rehydrate.worker_spawn_no, supervisor->units[UNIT_WORKER].spawn_no);
        /* Words of the dead one, and of an incarnation that nobody asked for, are no READY. */
        say_worker_ready(supervisor->units[UNIT_WORKER].spawn_no - 1, 3);
        say_worker_ready(supervisor->units[UNIT_WORKER].spawn_no, 2);
        turn_a_while();
        ck_assert_uint_eq(worker.counts[MSG_GO], 1);
        say_worker_ready(supervisor->units[UNIT_WORKER].spawn_no, 3);
        UNTIL(worker.counts[MSG_GO] == 2);
        ck_assert_uint_eq(logged(" what=worker cause=\"killed by SIGKILL\" "), 1);
        UNTIL(persister.counts[MSG_RECOVERY_RECORD] == 2);
        ck_assert_int_eq(persister.last[MSG_RECOVERY_RECORD].recovery_record.role, ROLE_WORKER);
}
END_TEST

START_TEST(rehydration_leaves_a_worker_alone_whose_incarnation_is_the_stored_one)
{
        open_worker(7);
        pid_t pid = supervisor->units[UNIT_WORKER].pid;
        kill(supervisor->units[UNIT_PERSISTER].pid, SIGKILL);
        UNTIL(!supervisor->rehydration.persister_ready && supervisor->units[UNIT_PERSISTER].pid > 0);
        say_persister_ready(8);
        UNTIL(logged(" what=persister cause=\"killed by SIGKILL\" ") == 1);
        turn_a_while();
        ck_assert_int_eq(supervisor->units[UNIT_WORKER].pid, pid);
        ck_assert_uint_eq(persister.counts[MSG_REHYDRATE], 1);
}
END_TEST

START_TEST(rehydration_replaces_a_worker_of_another_incarnation_for_free)
{
        open_worker(7);
        pid_t pid = supervisor->units[UNIT_WORKER].pid;
        say_persister_ready(11); /* somebody else wrote meanwhile */
        UNTIL(supervisor->units[UNIT_WORKER].pid != pid && supervisor->units[UNIT_WORKER].pid > 0);
        UNTIL(persister.counts[MSG_REHYDRATE] == 2);
        ck_assert_uint_eq(persister.last[MSG_REHYDRATE].rehydrate.incarnation, 12);
        ck_assert_uint_eq(supervisor->units[UNIT_WORKER].restarts_count, 0);
}
END_TEST

START_TEST(rehydration_is_asked_again_of_the_next_persister)
{
        say_persister_ready(1);
        UNTIL(persister.counts[MSG_REHYDRATE] == 1);
        kill(supervisor->units[UNIT_PERSISTER].pid, SIGKILL); /* before the worker has its state */
        UNTIL(!supervisor->rehydration.persister_ready && supervisor->units[UNIT_PERSISTER].pid > 0);
        say_persister_ready(1);
        UNTIL(persister.counts[MSG_REHYDRATE] == 2);
        ck_assert_uint_eq(persister.last[MSG_REHYDRATE].rehydrate.incarnation, 3); /* 2 may be used already */
        say_persister_ready(1); /* the same persister again: what it was asked is pending there */
        turn_a_while();
        ck_assert_uint_eq(persister.counts[MSG_REHYDRATE], 2);
}
END_TEST

START_TEST(rehydration_is_asked_again_when_the_persister_used_the_number_itself)
{
        say_persister_ready(1);
        UNTIL(persister.counts[MSG_REHYDRATE] == 1);
        say_persister_ready(2); /* a reset by hand, stored under the number that was asked for */
        UNTIL(persister.counts[MSG_REHYDRATE] == 2);
        ck_assert_uint_eq(persister.last[MSG_REHYDRATE].rehydrate.incarnation, 3);
}
END_TEST

START_TEST(rehydration_says_why_it_failed_once_an_outage)
{
        say_store_state(STORE_PROBLEM_UNREACHABLE, "connection refused");
        UNTIL(logged("msg=\"Recovery failed: DB_UNAVAILABLE\"") == 1);
        say_store_state(STORE_PROBLEM_TOO_MANY, "too many clients");
        say_recovery_failed(RECOVERY_DB_UNAVAILABLE, "", "still away");
        turn_a_while();
        ck_assert_uint_eq(logged("msg=\"Recovery failed: DB_UNAVAILABLE\""), 1);
        ck_assert_int_eq(supervisor->status.storage.problem, STORE_PROBLEM_TOO_MANY);
        open_worker(1);
        ck_assert_int_eq(supervisor->status.storage.problem, STORE_PROBLEM_NONE);
        ck_assert_int_eq(supervisor->rehydration.problem, RECOVERY_OK);
        /* The next outage is told anew, and its end is a recovery. */
        say_store_state(STORE_PROBLEM_UNREACHABLE, "server closed the connection");
        UNTIL(supervisor->status.storage.problem == STORE_PROBLEM_UNREACHABLE);
        ck_assert(!rehydration_is_store_there(supervisor));
        say_persister_ready(2);
        UNTIL(logged(" what=database cause=\"connection lost\" ") == 1);
}
END_TEST

START_TEST(rehydration_of_a_bad_state_goes_on_and_is_remembered)
{
        say_persister_ready(1);
        UNTIL(persister.counts[MSG_REHYDRATE] == 1);
        say_recovery_failed(RECOVERY_VALIDATION_FAILED, "closed_equity_is_ledger_sum", "stored 1, computed 2");
        say_recovery_failed(RECOVERY_VALIDATION_FAILED, "closed_equity_is_ledger_sum", "stored 1, computed 2");
        UNTIL(logged("msg=\"Recovery failed: VALIDATION_FAILED\" rule=closed_equity_is_ledger_sum detail=\"stored 1, computed 2\"") == 1);
        say_worker_ready(supervisor->units[UNIT_WORKER].spawn_no, 2);
        UNTIL(worker.counts[MSG_GO] == 1); /* exits and stops go on */
        ck_assert_int_eq(supervisor->rehydration.problem, RECOVERY_VALIDATION_FAILED);
        ck_assert_uint_eq(logged("msg=\"Recovery failed: VALIDATION_FAILED\""), 1);
}
END_TEST

START_TEST(rehydration_tells_a_worker_that_comes_back_on_its_link)
{
        open_worker(4);
        struct msg hello = {.type = MSG_HELLO,
                            .hello = {.protocol = MSG_PROTOCOL,
                                      .role = ROLE_WORKER,
                                      .spawn_no = supervisor->units[UNIT_WORKER].spawn_no,
                                      .pid = (uint32_t)supervisor->units[UNIT_WORKER].pid}};
        say(&worker, &hello);
        UNTIL(worker.counts[MSG_GO] == 2);
        ck_assert_uint_eq(worker.last[MSG_GO].go.incarnation, 5);
        hello.hello.pid++; /* an orphan of another supervisor */
        say(&worker, &hello);
        turn_a_while();
        ck_assert_uint_eq(worker.counts[MSG_GO], 2);
}
END_TEST

START_TEST(rehydration_ends_a_child_of_another_protocol)
{
        pid_t pid = supervisor->units[UNIT_PERSISTER].pid;
        struct msg hello = {.type = MSG_HELLO,
                            .hello = {.protocol = MSG_PROTOCOL + 1,
                                      .role = ROLE_PERSISTER,
                                      .spawn_no = supervisor->units[UNIT_PERSISTER].spawn_no,
                                      .pid = (uint32_t)pid}};
        say(&persister, &hello);
        UNTIL(supervisor->units[UNIT_PERSISTER].pid != pid);
        ck_assert_str_eq(supervisor->units[UNIT_PERSISTER].last_exit, "other protocol version (killed by SIGKILL)");
        ck_assert_uint_eq(supervisor->units[UNIT_PERSISTER].restarts_count, 1); /* and not for free */
}
END_TEST

START_TEST(rehydration_hears_heartbeats_of_the_present_child_only)
{
        struct unit *unit = &supervisor->units[UNIT_WORKER];
        struct msg beat = {.type = MSG_HEARTBEAT, .heartbeat = {.spawn_no = unit->spawn_no + 9, .progress = 5, .queued = 1}};
        say(&worker, &beat);
        turn_a_while();
        ck_assert(!unit->watchdog.heard);
        beat.heartbeat.spawn_no = unit->spawn_no;
        say(&worker, &beat);
        UNTIL(unit->watchdog.heard);
        ck_assert_uint_eq(unit->watchdog.progress, 5);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("rehydration");
        TCase *messages = tcase_create("messages");
        tcase_set_timeout(messages, 30);
        tcase_add_checked_fixture(messages, setup, teardown);
        tcase_add_test(messages, rehydration_leads_from_persister_ready_to_go);
        tcase_add_test(messages, rehydration_of_a_new_worker_is_asked_in_the_turn_of_the_death);
        tcase_add_test(messages, rehydration_leaves_a_worker_alone_whose_incarnation_is_the_stored_one);
        tcase_add_test(messages, rehydration_replaces_a_worker_of_another_incarnation_for_free);
        tcase_add_test(messages, rehydration_is_asked_again_of_the_next_persister);
        tcase_add_test(messages, rehydration_is_asked_again_when_the_persister_used_the_number_itself);
        tcase_add_test(messages, rehydration_says_why_it_failed_once_an_outage);
        tcase_add_test(messages, rehydration_of_a_bad_state_goes_on_and_is_remembered);
        tcase_add_test(messages, rehydration_tells_a_worker_that_comes_back_on_its_link);
        tcase_add_test(messages, rehydration_ends_a_child_of_another_protocol);
        tcase_add_test(messages, rehydration_hears_heartbeats_of_the_present_child_only);
        suite_add_tcase(suite, messages);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
