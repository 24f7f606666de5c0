/* floor: the least that a restart over nng can cost. A parent that does nothing else starts a child that does nothing
 * else, receives as many bytes as a snapshot has, says ready, and is killed; again and again. What our supervisor, worker
 * and persister take above this is ours to answer for.
 *
 *   floor ROUNDS BYTES        prints one line a round: microseconds from SIGKILL to ready
 */
#include <errno.h>
#include <event2/event.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/check.h"

#define PART_SIZE (256 * 1024)

extern char **environ;

static int64_t
now_us(void)
{
        struct timespec ts;
        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct child {
        nng_socket socket;
        size_t wanted;
        size_t received;
        struct event_base *base;
};

static void
on_readable(evutil_socket_t fd, short what, void *owner)
{
        struct child *child = owner;
        (void)fd;
        (void)what;
        void *data;
        size_t size;
        while (nng_recv(child->socket, &data, &size, NNG_FLAG_ALLOC | NNG_FLAG_NONBLOCK) == 0) {
                child->received += size;
                nng_free(data, size);
        }
        if (child->received >= child->wanted) {
                PM_ASSERT(nng_send(child->socket, (void *)"ready", 5, 0) == 0);
                child->wanted = SIZE_MAX;
        }
}

static int
run_child(const char *url, size_t wanted)
{
        struct child child = {.wanted = wanted, .base = event_base_new()};
        int fd;
        PM_ASSERT(nng_pair0_open(&child.socket) == 0);
        PM_ASSERT(nng_socket_get_int(child.socket, NNG_OPT_RECVFD, &fd) == 0);
        PM_ASSERT(nng_dial(child.socket, url, NULL, 0) == 0);
        PM_ASSERT(nng_send(child.socket, (void *)"hello", 5, 0) == 0);
        struct event *event = event_new(child.base, fd, EV_READ | EV_PERSIST, on_readable, &child);
        event_add(event, NULL);
        event_base_dispatch(child.base);
        return 0;
}

static pid_t
start_child(const char *self, const char *url, const char *bytes)
{
        pid_t pid;
        char *argv[] = {(char *)self, (char *)"child", (char *)url, (char *)bytes, NULL};
        PM_ASSERT(posix_spawn(&pid, self, NULL, NULL, argv, environ) == 0);
        return pid;
}

static void
expect(nng_socket socket, const char *word)
{
        void *data;
        size_t size;
        PM_ASSERT(nng_recv(socket, &data, &size, NNG_FLAG_ALLOC) == 0);
        PM_ASSERT(size == strlen(word) && memcmp(data, word, size) == 0);
        nng_free(data, size);
}

static void
serve_child(nng_socket socket, size_t bytes)
{
        static uint8_t part[PART_SIZE];
        expect(socket, "hello");
        for (size_t sent = 0; sent < bytes;) {
                size_t size = bytes - sent < PART_SIZE ? bytes - sent : PART_SIZE;
                PM_ASSERT(nng_send(socket, part, size, 0) == 0);
                sent += size;
        }
        expect(socket, "ready");
}

int
main(int argc, char **argv)
{
        if (argc == 4 && strcmp(argv[1], "child") == 0)
                return run_child(argv[2], strtoul(argv[3], NULL, 10));
        if (argc != 3) {
                fprintf(stderr, "usage: %s ROUNDS BYTES\n", argv[0]);
                return 2;
        }
        long rounds = strtol(argv[1], NULL, 10);
        size_t bytes = strtoul(argv[2], NULL, 10);
        char folder[] = "/tmp/pm-floor-XXXXXX";
        PM_ASSERT(mkdtemp(folder) != NULL);
        char url[128];
        snprintf(url, sizeof url, "ipc://%s/s", folder);
        nng_socket socket;
        PM_ASSERT(nng_pair0_open(&socket) == 0);
        PM_ASSERT(nng_listen(socket, url, NULL, 0) == 0);
        pid_t pid = start_child("/proc/self/exe", url, argv[2]);
        serve_child(socket, bytes);
        for (long i = 0; i < rounds; i++) {
                usleep(30000);
                int64_t killed_us = now_us();
                kill(pid, SIGKILL);
                PM_ASSERT(waitpid(pid, NULL, 0) == pid);
                pid = start_child("/proc/self/exe", url, argv[2]);
                serve_child(socket, bytes);
                printf("%lld\n", (long long)(now_us() - killed_us));
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        nng_close(socket);
        unlink(url + strlen("ipc://"));
        rmdir(folder);
        return 0;
}
