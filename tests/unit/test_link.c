/* link.c: one peer at a time, everything in order, nothing of an old peer's for the next. Real sockets; where two processes are
 * needed this program runs itself again: test_link peer PATH IN_FLIGHT. */
#include "common/link.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define DEADLINE_US 10000000
#define NEWS_MAX 65536

extern char **environ;

static char folder[] = "/tmp/pm-test-link-XXXXXX";
static char path[64];
static struct loop *loop;

/* One end and what it heard: U(p), D(own), G(arbage), M(essage) with the number that it carries. */
struct end {
        struct link *link;
        char kinds[NEWS_MAX];
        uint64_t numbers[NEWS_MAX];
        int news_count;
        uint64_t hello_on_up; /* sent when a peer is there; 0: nothing */
        char free_on;         /* the link is freed from the handler of this kind */
        size_t batch_size;    /* text bytes of the last batch */
        bool batch_is_good;
        bool echoes;
};

static void
note(struct end *end, char kind, uint64_t number)
{
        ck_assert_int_lt(end->news_count, NEWS_MAX);
        end->kinds[end->news_count] = kind;
        end->numbers[end->news_count++] = number;
        if (end->free_on == kind) {
                link_free(end->link);
                end->link = NULL;
        }
}

static int
count_of(const struct end *end, char kind)
{
        int count = 0;
        for (int i = 0; i < end->news_count; i++)
                count += end->kinds[i] == kind;
        return count;
}

static enum link_status
send_number(struct link *link, uint64_t number)
{
        struct msg msg = {.type = MSG_BATCH_ACK, .batch_ack = {.incarnation = 1, .through_seq = number}};
        return link_send(link, &msg);
}

/* What a worker may send: HELLO. */
static enum link_status
send_hello(struct link *link, uint64_t number)
{
        struct msg msg = {.type = MSG_HELLO, .hello = {.protocol = MSG_PROTOCOL, .role = ROLE_WORKER, .spawn_no = number}};
        return link_send(link, &msg);
}

static void
look_at_batch(struct end *end, const struct event_span *span)
{
        end->batch_size = 0;
        end->batch_is_good = true;
        for (uint32_t i = 0; i < span->count; i++) {
                const struct text *text = &span->items[i].signal.payload;
                end->batch_size += text->size;
                for (uint32_t k = 0; k < text->size; k += 997)
                        end->batch_is_good &= text->data[k] == (char)('a' + i % 26);
        }
}

static void
on_message(void *owner, struct link *link, const struct msg *msg)
{
        struct end *end = owner;
        uint64_t number = 0;
        switch ((int)msg->type) {
        case MSG_HELLO: number = msg->hello.spawn_no; break;
        case MSG_BATCH_ACK: number = msg->batch_ack.through_seq; break;
        case MSG_EVENT_BATCH:
                number = msg->event_batch.first_seq;
                look_at_batch(end, &msg->event_batch.events);
                break;
        default: ck_abort_msg("message %d", (int)msg->type);
        }
        note(end, 'M', number);
        if (end->echoes)
                ck_assert_int_eq(send_number(link, number), LINK_OK);
}

static void
on_up(void *owner, struct link *link)
{
        struct end *end = owner;
        ck_assert(link_is_up(link));
        if (end->hello_on_up != 0)
                ck_assert_int_eq(send_hello(link, end->hello_on_up), LINK_OK);
        note(end, 'U', 0);
}

static void
on_down(void *owner, struct link *link)
{
        ck_assert(!link_is_up(link));
        ck_assert_uint_eq(link_queued_size(link), 0);
        ck_assert_int_eq(send_number(link, 1), LINK_DOWN);
        note(owner, 'D', 0);
}

static void
on_garbage(void *owner, struct link *link, enum wire_status status, const char *field)
{
        (void)link;
        (void)field;
        note(owner, 'G', (uint64_t)status);
}

static const struct link_handler handler = {.on_message = on_message, .on_up = on_up, .on_down = on_down, .on_garbage = on_garbage};

static struct end *
end_new(void)
{
        struct end *end = calloc(1, sizeof *end);
        ck_assert_ptr_nonnull(end);
        return end;
}

static void
end_free(struct end *end)
{
        link_free(end->link);
        free(end);
}

/* The persister's end listens, the worker's dials. */
static struct end *
listen_end(void)
{
        struct end *end = end_new();
        ck_assert_int_eq(link_listen(&end->link, loop, path, ROLE_PERSISTER, ROLE_WORKER, &handler, end), LINK_OK);
        return end;
}

static struct end *
dial_end(void)
{
        struct end *end = end_new();
        ck_assert_int_eq(link_dial(&end->link, loop, path, ROLE_WORKER, ROLE_PERSISTER, &handler, end), LINK_OK);
        return end;
}

#define turn_until(condition)                                                                                                              \
        do {                                                                                                                               \
                int64_t deadline_us = clock_monotonic_us() + DEADLINE_US;                                                                  \
                while (!(condition)) {                                                                                                     \
                        ck_assert_msg(clock_monotonic_us() < deadline_us, "not in time: %s", #condition);                                  \
                        loop_turn(loop, 100);                                                                                              \
                }                                                                                                                          \
        } while (0)

static void
turn_for_ms(int64_t wait_ms)
{
        int64_t until_us = clock_monotonic_us() + wait_ms * 1000;
        while (clock_monotonic_us() < until_us)
                loop_turn(loop, 1);
}

static void
connect_both(struct end **listener, struct end **dialer)
{
        *listener = listen_end();
        *dialer = dial_end();
        turn_until(link_is_up((*listener)->link) && link_is_up((*dialer)->link));
}

static void
setup(void)
{
        strcpy(folder + strlen(folder) - 6, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(path, sizeof path, "%s/data.sock", folder);
        log_set_fd(-1);
        loop = loop_new();
}

static void
teardown(void)
{
        loop_free(loop);
        unlink(path);
        ck_assert_int_eq(rmdir(folder), 0);
}

/* A peer that speaks nng and not our messages, or does not read. */
static nng_socket
raw_open(void)
{
        char url[80];
        nng_socket raw;
        snprintf(url, sizeof url, "ipc://%s", path);
        ck_assert_int_eq(nng_pair0_open(&raw), 0);
        ck_assert_int_eq(nng_dial(raw, url, NULL, 0), 0);
        return raw;
}

static void
raw_send_number(nng_socket raw, uint64_t number)
{
        struct wire_buffer buffer;
        struct msg msg = {.type = MSG_HELLO, .hello = {.protocol = MSG_PROTOCOL, .role = ROLE_WORKER, .spawn_no = number}};
        wire_buffer_init(&buffer);
        ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
        ck_assert_int_eq(nng_send(raw, buffer.data, buffer.size, 0), 0);
        wire_buffer_fini(&buffer);
}

START_TEST(link_carries_messages_in_order_both_ways)
{
        enum { COUNT = 5000 };
        struct end *listener;
        struct end *dialer;
        connect_both(&listener, &dialer);
        for (uint64_t i = 1; i <= COUNT; i++) {
                ck_assert_int_eq(send_number(listener->link, i), LINK_OK);
                ck_assert_int_eq(send_hello(dialer->link, i), LINK_OK);
        }
        ck_assert_uint_gt(link_queued_size(listener->link), 0); /* more than nng takes at once */
        turn_until(listener->news_count == COUNT + 1 && dialer->news_count == COUNT + 1);
        ck_assert_uint_eq(link_queued_size(listener->link), 0);
        ck_assert_uint_eq(link_queued_size(dialer->link), 0);
        for (int i = 0; i <= COUNT; i++) {
                ck_assert_int_eq(listener->kinds[i], i == 0 ? 'U' : 'M');
                ck_assert_uint_eq(listener->numbers[i], (uint64_t)i);
                ck_assert_uint_eq(dialer->numbers[i], (uint64_t)i);
        }
        end_free(dialer);
        turn_until(count_of(listener, 'D') == 1);
        end_free(listener);
}
END_TEST

/* count signals with 10,000 bytes of text each. */
static enum link_status
send_batch(struct link *link, uint64_t number, uint32_t count)
{
        static char text[26][10000];
        static struct event events[800];
        ck_assert_uint_le(count, countof(events));
        for (uint32_t i = 0; i < count; i++) {
                memset(text[i % 26], (char)('a' + i % 26), sizeof text[0]);
                events[i] = (struct event){.kind = EVENT_SIGNAL,
                                           .signal = {.type = SIGNAL_EXIT,
                                                      .instrument = "GOLD_MINI",
                                                      .outcome = OUTCOME_EXECUTED,
                                                      .payload = {.data = text[i % 26], .size = sizeof text[0]}}};
        }
        struct msg msg = {.type = MSG_EVENT_BATCH, .event_batch = {.first_seq = number, .events = {.items = events, .count = count}}};
        return link_send(link, &msg);
}

START_TEST(link_carries_batches_of_every_size_up_to_4_mib)
{
        static const uint32_t counts[] = {0, 1, 7, 26, 100, 419};
        struct end *listener;
        struct end *dialer;
        connect_both(&listener, &dialer);
        for (size_t i = 0; i < countof(counts); i++) {
                ck_assert_int_eq(send_batch(dialer->link, i + 1, counts[i]), LINK_OK);
                turn_until(count_of(listener, 'M') == (int)i + 1);
                ck_assert_uint_eq(listener->batch_size, counts[i] * 10000UL);
                ck_assert(listener->batch_is_good);
        }
        ck_assert_int_eq(send_batch(dialer->link, 9, 800), LINK_OK); /* nearly the largest message */
        turn_until(count_of(listener, 'M') == (int)countof(counts) + 1);
        ck_assert_uint_eq(listener->batch_size, 8000000);
        ck_assert_int_eq(count_of(listener, 'G') + count_of(listener, 'D'), 0);
        end_free(dialer);
        end_free(listener);
}
END_TEST

START_TEST(link_queue_is_bounded_and_drains)
{
        struct end *listener;
        struct end *dialer;
        connect_both(&listener, &dialer);
        uint64_t sent_count = 0;
        enum link_status status;
        while ((status = send_batch(dialer->link, sent_count + 1, 400)) == LINK_OK)
                sent_count++;
        ck_assert_int_eq(status, LINK_FULL);
        ck_assert_uint_ge(link_queued_size(dialer->link), PM_LINK_QUEUE_SIZE_MAX);
        ck_assert_uint_lt(link_queued_size(dialer->link), PM_LINK_QUEUE_SIZE_MAX + PM_MESSAGE_SIZE_MAX);
        turn_until(count_of(listener, 'M') == (int)sent_count);
        ck_assert_uint_eq(link_queued_size(dialer->link), 0);
        for (int i = 1; i < listener->news_count; i++)
                ck_assert_uint_eq(listener->numbers[i], (uint64_t)i);
        ck_assert_int_eq(send_batch(dialer->link, 1, 1), LINK_OK);
        end_free(dialer);
        end_free(listener);
}
END_TEST

START_TEST(link_without_a_peer_sends_nothing)
{
        struct end *listener = listen_end();
        ck_assert(!link_is_up(listener->link));
        ck_assert_int_eq(send_number(listener->link, 1), LINK_DOWN);
        end_free(listener);
        struct end *dialer = dial_end();
        ck_assert_int_eq(send_hello(dialer->link, 1), LINK_DOWN);
        turn_for_ms(20);
        ck_assert_int_eq(dialer->news_count, 0);
        end_free(dialer);
}
END_TEST

START_TEST(link_dialer_may_come_first)
{
        struct end *dialer = dial_end();
        dialer->hello_on_up = 7;
        turn_for_ms(50);
        struct end *listener = listen_end();
        int64_t begin_us = clock_monotonic_us();
        turn_until(count_of(listener, 'M') == 1);
        ck_assert_int_lt(clock_monotonic_us() - begin_us, 1000000); /* nng's own default would be a second and more */
        ck_assert_int_eq(memcmp(listener->kinds, "UM", 2), 0);
        end_free(dialer);
        end_free(listener);
}
END_TEST

/* Up, what it said, down: for each of the peers that follow one another. One that leaves as soon as it has come may be missed. */
START_TEST(link_tells_up_first_and_down_last)
{
        enum { ROUNDS = 100, SAID = 20 };
        struct end *listener = listen_end();
        for (uint64_t round = 1; round <= ROUNDS; round++) {
                nng_socket raw = raw_open();
                if (round % 4 != 0)
                        turn_until(link_is_up(listener->link));
                for (int i = 0; i < SAID; i++)
                        raw_send_number(raw, round);
                if (round % 2 == 0)
                        turn_for_ms(1);
                nng_close(raw);
                turn_for_ms(1);
                turn_until(!link_is_up(listener->link));
        }
        uint64_t said_by = 0;
        char last = 'D';
        for (int i = 0; i < listener->news_count; i++) {
                char kind = listener->kinds[i];
                ck_assert_int_eq(kind == 'U', last == 'D');
                if (kind == 'M' && last == 'U')
                        ck_assert_uint_gt(listener->numbers[i], said_by);
                if (kind == 'M' && last == 'M')
                        ck_assert_uint_eq(listener->numbers[i], said_by);
                if (kind == 'M')
                        said_by = listener->numbers[i];
                last = kind;
        }
        ck_assert_int_eq(last, 'D');
        ck_assert_int_ge(count_of(listener, 'U'), ROUNDS * 3 / 4);
        ck_assert_int_gt(count_of(listener, 'M'), 0);
        end_free(listener);
}
END_TEST

/* The old peer does not read; what waits for it must not reach the one that comes after it. */
START_TEST(link_drops_what_was_queued_for_a_peer_that_went_away)
{
        struct end *listener = listen_end();
        for (uint64_t round = 1; round <= 30; round++) {
                nng_socket raw = raw_open();
                turn_until(link_is_up(listener->link));
                for (int i = 0; i < 3000; i++)
                        ck_assert_int_eq(send_number(listener->link, 1000000), LINK_OK);
                ck_assert_uint_gt(link_queued_size(listener->link), 0);
                if (round % 3 == 0)
                        turn_for_ms(2);
                nng_close(raw);
                struct end *dialer = dial_end(); /* at once, before the listener has seen the other go */
                dialer->hello_on_up = round;
                turn_until(count_of(listener, 'M') == (int)round);
                ck_assert_int_eq(send_number(listener->link, round), LINK_OK);
                turn_until(count_of(dialer, 'M') == 1);
                for (int i = 0; i < dialer->news_count; i++)
                        ck_assert_uint_ne(dialer->numbers[i], 1000000);
                end_free(dialer);
                turn_until(!link_is_up(listener->link));
        }
        end_free(listener);
}
END_TEST

START_TEST(link_turns_a_second_peer_away_until_the_first_has_gone)
{
        struct end *listener;
        struct end *first;
        connect_both(&listener, &first);
        struct end *second = dial_end();
        second->hello_on_up = 2;
        turn_for_ms(100);
        ck_assert_int_eq(listener->news_count, 1); /* has heard of nobody else */
        ck_assert_int_eq(first->news_count, 1);
        ck_assert_int_eq(send_hello(first->link, 1), LINK_OK);
        ck_assert_int_eq(send_number(listener->link, 5), LINK_OK);
        turn_until(count_of(first, 'M') == 1 && count_of(listener, 'M') == 1);
        ck_assert_uint_eq(listener->numbers[1], 1);
        ck_assert_int_eq(count_of(second, 'M'), 0);
        end_free(first);
        int64_t begin_us = clock_monotonic_us();
        turn_until(count_of(listener, 'M') == 2);
        ck_assert_int_lt(clock_monotonic_us() - begin_us, 1000000);
        ck_assert_int_eq(memcmp(listener->kinds, "UMDU", 4), 0);
        ck_assert_uint_eq(listener->numbers[listener->news_count - 1], 2);
        end_free(second);
        end_free(listener);
}
END_TEST

START_TEST(link_reports_garbage_and_goes_on)
{
        struct end *listener = listen_end();
        nng_socket raw = raw_open();
        struct wire_buffer buffer;
        struct msg wrong_way = {.type = MSG_BATCH_ACK}; /* a worker does not acknowledge */
        wire_buffer_init(&buffer);
        ck_assert_int_eq(wire_encode(&wrong_way, &buffer), WIRE_OK);
        ck_assert_int_eq(nng_send(raw, (void *)"", 0, 0), 0);
        ck_assert_int_eq(nng_send(raw, (void *)"\xdd\xff\xff\xff\xff", 5, 0), 0);
        ck_assert_int_eq(nng_send(raw, (void *)"GET / HTTP/1.1\r\n\r\n", 18, 0), 0);
        ck_assert_int_eq(nng_send(raw, buffer.data, buffer.size, 0), 0);
        wire_buffer_fini(&buffer);
        raw_send_number(raw, 3);
        turn_until(count_of(listener, 'M') == 1);
        ck_assert_int_eq(memcmp(listener->kinds, "UGGGGM", 6), 0);
        ck_assert_uint_eq(listener->numbers[4], WIRE_TYPE);
        ck_assert(link_is_up(listener->link));
        nng_close(raw);
        end_free(listener);
}
END_TEST

START_TEST(link_cuts_a_peer_that_sends_too_much_and_takes_the_next)
{
        struct end *listener = listen_end();
        nng_socket raw = raw_open();
        turn_until(link_is_up(listener->link));
        char *bytes = calloc(1, PM_MESSAGE_SIZE_MAX + 1);
        ck_assert_ptr_nonnull(bytes);
        ck_assert_int_eq(nng_send(raw, bytes, PM_MESSAGE_SIZE_MAX + 1, 0), 0);
        free(bytes);
        turn_until(count_of(listener, 'D') >= 1);
        ck_assert_int_eq(count_of(listener, 'M') + count_of(listener, 'G'), 0);
        nng_close(raw);
        struct end *dialer = dial_end();
        dialer->hello_on_up = 4;
        turn_until(count_of(listener, 'M') == 1);
        end_free(dialer);
        end_free(listener);
}
END_TEST

static int
plain_socket(struct sockaddr_un *address)
{
        *address = (struct sockaddr_un){.sun_family = AF_UNIX};
        snprintf(address->sun_path, sizeof address->sun_path, "%s", path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(fd, 0);
        return fd;
}

/* As a process does that is killed while it dials. nng 1.5.2 alone would stop to accept. */
START_TEST(link_listener_survives_dialers_that_leave_at_once)
{
        static const char hello[] = {0, 'S', 'P', 0, 0, 16, 0, 0};
        struct end *listener = listen_end();
        for (size_t i = 0; i < 300; i++) {
                struct sockaddr_un address;
                int fd = plain_socket(&address);
                ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
                if (i % 3 != 0)
                        ck_assert_int_gt(send(fd, hello, 1 + i % sizeof hello, MSG_NOSIGNAL), 0);
                close(fd);
        }
        struct end *dialer = dial_end();
        dialer->hello_on_up = 9;
        turn_until(count_of(listener, 'M') == 1);
        end_free(dialer);
        end_free(listener);
}
END_TEST

/* As a process does that is killed while it accepts. nng 1.5.2 alone would stop to dial. */
START_TEST(link_dialer_survives_listeners_that_leave_at_once)
{
        struct sockaddr_un address;
        int fd = plain_socket(&address);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        ck_assert_int_eq(listen(fd, 16), 0);
        struct end *dialer = dial_end();
        dialer->hello_on_up = 9;
        for (int i = 0; i < 100; i++) {
                int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
                ck_assert_int_ge(connection, 0);
                close(connection);
        }
        close(fd);
        struct end *listener = listen_end();
        turn_until(count_of(listener, 'M') == 1);
        end_free(dialer);
        end_free(listener);
}
END_TEST

/* Every handler may free the link that called it. */
START_TEST(link_may_be_freed_from_its_handlers)
{
        struct end *listener = listen_end();
        listener->free_on = "UMGD"[_i];
        nng_socket raw = raw_open();
        raw_send_number(raw, 1);
        ck_assert_int_eq(nng_send(raw, (void *)"x", 1, 0), 0);
        raw_send_number(raw, 2);
        if (listener->free_on == 'D') {
                turn_until(count_of(listener, 'M') == 2);
                nng_close(raw);
        }
        turn_until(listener->link == NULL);
        turn_for_ms(5);
        ck_assert_int_eq(listener->kinds[listener->news_count - 1], listener->free_on); /* silent after that */
        if (listener->free_on != 'D')
                nng_close(raw);
        end_free(listener);
}
END_TEST

START_TEST(link_replaces_a_stale_socket_file_and_keeps_it_private)
{
        struct sockaddr_un address;
        struct stat info;
        int fd = plain_socket(&address);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        close(fd); /* nobody listens there, and the file stays */
        ck_assert_int_eq(access(path, F_OK), 0);
        struct end *listener;
        struct end *dialer;
        connect_both(&listener, &dialer);
        ck_assert_int_eq(stat(path, &info), 0);
        ck_assert(S_ISSOCK(info.st_mode));
        ck_assert_uint_eq(info.st_mode & 07777, 0600);
        end_free(dialer);
        end_free(listener);
}
END_TEST

START_TEST(link_refuses_places_that_cannot_be)
{
        struct link *link = (struct link *)1;
        char bad[PM_UNIX_PATH_MAX + 2];
        memset(bad, 'x', sizeof bad - 1);
        bad[0] = '/';
        bad[sizeof bad - 1] = '\0';
        ck_assert_int_eq(link_listen(&link, loop, bad, ROLE_PERSISTER, ROLE_WORKER, &handler, NULL), LINK_ERROR);
        ck_assert_ptr_null(link);
        ck_assert_int_eq(link_dial(&link, loop, bad, ROLE_WORKER, ROLE_PERSISTER, &handler, NULL), LINK_ERROR);
        snprintf(bad, sizeof bad, "%s/none/s", folder);
        ck_assert_int_eq(link_listen(&link, loop, bad, ROLE_PERSISTER, ROLE_WORKER, &handler, NULL), LINK_ERROR);
        struct end *listener = listen_end();
        ck_assert_int_eq(link_listen(&link, loop, path, ROLE_PERSISTER, ROLE_WORKER, &handler, NULL),
                         LINK_ERROR); /* somebody lives there */
        end_free(listener);
        link_free(NULL);
}
END_TEST

static uint64_t
blocked_signals_of(const char *task)
{
        char name[300];
        char line[256];
        unsigned long long blocked = 0;
        snprintf(name, sizeof name, "/proc/self/task/%s/status", task);
        FILE *status = fopen(name, "re");
        if (status == NULL)
                return UINT64_MAX; /* it has just ended */
        while (fgets(line, sizeof line, status) != NULL)
                if (sscanf(line, "SigBlk: %llx", &blocked) == 1)
                        break;
        fclose(status);
        return blocked;
}

START_TEST(link_threads_take_no_signals_of_ours)
{
        struct end *listener;
        struct end *dialer;
        connect_both(&listener, &dialer);
        DIR *tasks = opendir("/proc/self/task");
        ck_assert_ptr_nonnull(tasks);
        int threads_count = 0;
        for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
                if (entry->d_name[0] == '.' || atoi(entry->d_name) == (int)getpid())
                        continue;
                threads_count++;
                static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1};
                for (size_t i = 0; i < countof(numbers); i++)
                        ck_assert_msg((blocked_signals_of(entry->d_name) & (1ULL << (numbers[i] - 1))) != 0, "thread %s takes signal %d",
                                      entry->d_name, numbers[i]);
        }
        closedir(tasks);
        sigset_t own;
        pthread_sigmask(SIG_SETMASK, NULL, &own);
        ck_assert_int_eq(sigismember(&own, SIGTERM), 0); /* and ours is as it was */
        ck_assert_int_gt(threads_count, 0);
        end_free(dialer);
        end_free(listener);
}
END_TEST

/* The other process: dials, says HELLO, and echoes what it hears. Check's words are not for it. */
static void
peer_on_up(void *owner, struct link *link)
{
        const int *in_flight = owner;
        for (int i = 0; i < *in_flight; i++)
                if (send_hello(link, (uint64_t)getpid()) != LINK_OK)
                        abort();
}

static void
peer_on_message(void *owner, struct link *link, const struct msg *msg)
{
        (void)owner;
        if (send_hello(link, msg->batch_ack.through_seq) != LINK_OK)
                abort();
}

static int
run_peer(const char *where, int in_flight)
{
        static const struct link_handler peer_handler = {.on_message = peer_on_message, .on_up = peer_on_up};
        struct link *link;
        loop = loop_new();
        if (link_dial(&link, loop, where, ROLE_WORKER, ROLE_PERSISTER, &peer_handler, &in_flight) != LINK_OK)
                return EXIT_FAILURE;
        loop_run(loop);
        return EXIT_SUCCESS;
}

static pid_t
spawn_peer(int in_flight)
{
        char self[] = "/proc/self/exe";
        char word[] = "peer";
        char number[16];
        char *argv[] = {self, word, path, number, NULL};
        snprintf(number, sizeof number, "%d", in_flight);
        pid_t pid;
        ck_assert_int_eq(posix_spawn(&pid, self, NULL, NULL, argv, environ), 0);
        return pid;
}

START_TEST(link_survives_the_kills_of_its_peers)
{
        enum { ROUNDS = 20 };
        struct end *listener = listen_end();
        int64_t down_us = 0;
        int64_t back_us = 0;
        for (int round = 0; round < ROUNDS; round++) {
                pid_t pid = spawn_peer(1);
                int64_t spawned_us = clock_monotonic_us();
                turn_until(count_of(listener, 'M') == round + 1);
                back_us += clock_monotonic_us() - spawned_us;
                ck_assert_uint_eq(listener->numbers[listener->news_count - 1], (uint64_t)pid);
                kill(pid, SIGKILL);
                int64_t killed_us = clock_monotonic_us();
                turn_until(count_of(listener, 'D') == round + 1);
                down_us += clock_monotonic_us() - killed_us;
                ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        }
        printf("link: kill to down %lld us, spawn to first message %lld us (means of %d)\n", (long long)down_us / ROUNDS,
               (long long)back_us / ROUNDS, (int)ROUNDS);
        end_free(listener);
}
END_TEST

/* Peers that are killed while messages go both ways: without link_mend.c nng 1.5.2 hangs after some dozens of them. */
START_TEST(link_survives_kills_under_traffic)
{
        enum { ROUNDS = 400 };
        struct end *listener = listen_end();
        listener->echoes = true;
        for (int round = 0; round < ROUNDS; round++) {
                listener->news_count = 0;
                pid_t pid = spawn_peer(8);
                turn_until(count_of(listener, 'M') > 0);
                int64_t until_us = clock_monotonic_us() + round * 7919 % 2500;
                while (clock_monotonic_us() < until_us)
                        loop_turn(loop, 1);
                kill(pid, SIGKILL);
                turn_until(count_of(listener, 'D') == 1);
                ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
                ck_assert_int_eq(count_of(listener, 'U'), 1);
        }
        end_free(listener);
}
END_TEST

static int
compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a;
        int64_t y = *(const int64_t *)b;
        return (x > y) - (x < y);
}

/* Printed, not asserted: a shared machine has its moods. */
START_TEST(link_round_trip_is_printed)
{
        enum { ROUNDS = 2000 };
        static int64_t took_us[ROUNDS];
        struct end *listener;
        struct end *dialer;
        connect_both(&listener, &dialer);
        listener->echoes = true;
        for (int i = 0; i < ROUNDS; i++) {
                int64_t begin_us = clock_monotonic_us();
                ck_assert_int_eq(send_hello(dialer->link, (uint64_t)i), LINK_OK);
                turn_until(count_of(dialer, 'M') == 1);
                took_us[i] = clock_monotonic_us() - begin_us;
                dialer->news_count = 0;
        }
        qsort(took_us, ROUNDS, sizeof took_us[0], compare);
        printf("link: round trip in one process p50 %lld us, p99 %lld us\n", (long long)took_us[ROUNDS / 2],
               (long long)took_us[ROUNDS * 99 / 100]);
        end_free(dialer);
        end_free(listener);
}
END_TEST

int
main(int argc, char **argv)
{
        if (argc == 4 && strcmp(argv[1], "peer") == 0)
                return run_peer(argv[2], atoi(argv[3]));
        TCase *tcase = tcase_create("link");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, link_carries_messages_in_order_both_ways);
        tcase_add_test(tcase, link_carries_batches_of_every_size_up_to_4_mib);
        tcase_add_test(tcase, link_queue_is_bounded_and_drains);
        tcase_add_test(tcase, link_without_a_peer_sends_nothing);
        tcase_add_test(tcase, link_dialer_may_come_first);
        tcase_add_test(tcase, link_tells_up_first_and_down_last);
        tcase_add_test(tcase, link_drops_what_was_queued_for_a_peer_that_went_away);
        tcase_add_test(tcase, link_turns_a_second_peer_away_until_the_first_has_gone);
        tcase_add_test(tcase, link_reports_garbage_and_goes_on);
        tcase_add_test(tcase, link_cuts_a_peer_that_sends_too_much_and_takes_the_next);
        tcase_add_test(tcase, link_listener_survives_dialers_that_leave_at_once);
        tcase_add_test(tcase, link_dialer_survives_listeners_that_leave_at_once);
        tcase_add_loop_test(tcase, link_may_be_freed_from_its_handlers, 0, 4);
        tcase_add_test(tcase, link_replaces_a_stale_socket_file_and_keeps_it_private);
        tcase_add_test(tcase, link_refuses_places_that_cannot_be);
        tcase_add_test(tcase, link_threads_take_no_signals_of_ours);
        tcase_add_test(tcase, link_survives_the_kills_of_its_peers);
        tcase_add_test(tcase, link_survives_kills_under_traffic);
        tcase_add_test(tcase, link_round_trip_is_printed);
        Suite *suite = suite_create("link");
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
