#include "supervisor/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

struct guest {
        struct listener *listener;
        int fd; /* -1: free */
        bool answered;
        struct loop_watch *watch;
        struct loop_timer *deadline;
};

struct listener {
        struct loop *loop;
        int fd;
        const char *reason;
        bool worker_is_there;
        struct loop_timer *stand_in_timer;
        struct loop_watch *watch; /* NULL while a worker is there */
        uint32_t guests_count;
        uint64_t guests_total;
        struct guest guests[LISTENER_GUESTS_MAX];
};

static void on_connection(void *owner, int fd, bool readable, bool writable);

/* "HOST:PORT" with a numeric host, the IPv6 one in brackets. */
static bool
parse_address(const char *address, struct sockaddr_storage *out, socklen_t *size)
{
        char host[64];
        const char *colon = strrchr(address, ':');
        if (colon == NULL || (size_t)(colon - address) >= sizeof host)
                return false;
        char *end;
        unsigned long port = strtoul(colon + 1, &end, 10);
        if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port == 0 || port > 65535)
                return false;
        bool bracketed = address[0] == '[' && colon > address + 1 && colon[-1] == ']';
        snprintf(host, sizeof host, "%.*s", (int)(colon - address - (bracketed ? 2 : 0)), address + (bracketed ? 1 : 0));
        memset(out, 0, sizeof *out);
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        if (!bracketed && inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
                memcpy(out, &v4, sizeof v4);
                *size = sizeof v4;
                return true;
        }
        if (bracketed && inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
                memcpy(out, &v6, sizeof v6);
                *size = sizeof v6;
                return true;
        }
        return false;
}

static enum listener_status
explain(const char *address, int why, char error[LISTENER_ERROR_SIZE])
{
        const char *port = strrchr(address, ':') + 1;
        if (why == EADDRINUSE) {
                snprintf(error, LISTENER_ERROR_SIZE,
                         "port in use: another program listens on %s; find it with: ss -ltnp 'sport = :%s', or choose another port with "
                         "--set http.listen=ADDRESS:PORT",
                         address, port);
                return LISTENER_IN_USE;
        }
        if (why == EADDRNOTAVAIL)
                snprintf(error, LISTENER_ERROR_SIZE, "http.listen=%s: this machine has no such address; see: ip address", address);
        else if (why == EACCES)
                snprintf(error, LISTENER_ERROR_SIZE, "http.listen=%s: ports below 1024 are root's; choose a higher one or start as root",
                         address);
        else
                snprintf(error, LISTENER_ERROR_SIZE, "http.listen=%s: %s", address, strerror(why));
        return LISTENER_FAILED;
}

enum listener_status
listener_bind(const char *address, int *fd, char error[LISTENER_ERROR_SIZE])
{
        struct sockaddr_storage storage;
        socklen_t size;
        const int on = 1;
        *fd = -1;
        error[0] = '\0';
        if (!parse_address(address, &storage, &size)) {
                snprintf(error, LISTENER_ERROR_SIZE, "http.listen=%s is not ADDRESS:PORT with a numeric address, such as 127.0.0.1:5000",
                         address);
                return LISTENER_FAILED;
        }
        int made = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (made < 0)
                return explain(address, errno, error);
        /* Connections of the last run that linger in TIME_WAIT are no reason to refuse. */
        (void)setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (storage.ss_family == AF_INET6)
                (void)setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(made, (const struct sockaddr *)&storage, size) != 0 || listen(made, LISTENER_BACKLOG) != 0) {
                int why = errno;
                close(made);
                return explain(address, why, error);
        }
        *fd = made;
        return LISTENER_OK;
}

static void
watch_port(struct listener *listener)
{
        if (listener->watch == NULL)
                listener->watch = loop_watch_new(listener->loop, listener->fd, true, false, on_connection, listener);
        loop_watch_change(listener->watch, listener->guests_count < LISTENER_GUESTS_MAX, false);
}

static void
on_stand_in_due(void *owner)
{
        struct listener *listener = owner;
        LOG_INFO("event=stand_in msg=\"no worker: the supervisor answers 503 on the HTTP port\"");
        watch_port(listener);
}

struct listener *
listener_new(struct loop *loop, int fd)
{
        struct listener *listener = calloc(1, sizeof *listener);
        PM_ASSERT(listener != NULL);
        listener->loop = loop;
        listener->fd = fd;
        listener->reason = "recovering";
        listener->stand_in_timer = loop_timer_new(loop, on_stand_in_due, listener);
        for (size_t i = 0; i < LISTENER_GUESTS_MAX; i++)
                listener->guests[i] = (struct guest){.listener = listener, .fd = -1};
        loop_timer_start_us(listener->stand_in_timer, LISTENER_STAND_IN_DELAY_MS * 1000);
        return listener;
}

static void
see_off(struct guest *guest)
{
        loop_watch_free(guest->watch);
        loop_timer_free(guest->deadline);
        close(guest->fd);
        guest->listener->guests_count--;
        *guest = (struct guest){.listener = guest->listener, .fd = -1};
}

void
listener_free(struct listener *listener)
{
        if (listener == NULL)
                return;
        for (size_t i = 0; i < LISTENER_GUESTS_MAX; i++) {
                if (listener->guests[i].fd >= 0)
                        see_off(&listener->guests[i]);
        }
        loop_watch_free(listener->watch);
        loop_timer_free(listener->stand_in_timer);
        close(listener->fd);
        free(listener);
}

int
listener_fd(const struct listener *listener)
{
        return listener->fd;
}

void
listener_set_worker(struct listener *listener, bool is_there)
{
        if (is_there == listener->worker_is_there)
                return;
        listener->worker_is_there = is_there;
        if (!is_there) {
                loop_timer_start_us(listener->stand_in_timer, LISTENER_STAND_IN_DELAY_MS * 1000);
                return;
        }
        loop_timer_stop(listener->stand_in_timer);
        loop_watch_free(listener->watch);
        listener->watch = NULL;
}

void
listener_set_reason(struct listener *listener, const char *reason)
{
        listener->reason = reason;
}

uint64_t
listener_guests_count(const struct listener *listener)
{
        return listener->guests_total;
}

static void
leave(struct guest *guest)
{
        struct listener *listener = guest->listener;
        see_off(guest);
        if (listener->watch != NULL)
                watch_port(listener); /* there is room again */
}

static void
answer(struct guest *guest)
{
        char body[256];
        char text[512];
        int body_size =
                snprintf(body, sizeof body,
                         "{\"status\":\"error\",\"error_type\":\"unavailable\",\"reason\":\"%s\",\"request_id\":\"%08x\",\"message\":\"no "
                         "worker is up; try again\"}\n",
                         guest->listener->reason, (unsigned)(guest->listener->guests_total & 0xffffffffU));
        int size = snprintf(text, sizeof text,
                            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\nRetry-After: "
                            "5\r\nConnection: close\r\n\r\n%s",
                            body_size, body);
        /* Smaller than any socket buffer: one send takes it whole or the peer is gone. */
        ssize_t sent = send(guest->fd, text, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)sent;
        (void)shutdown(guest->fd, SHUT_WR);
        guest->answered = true;
}

/* Reads what the sender says, so that closing does not reset the connection before it has read the answer; until it closes
 * or its deadline passes. */
static void
on_guest(void *owner, int fd, bool readable, bool writable)
{
        struct guest *guest = owner;
        char bytes[16384];
        (void)readable;
        (void)writable;
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
                leave(guest);
                return;
        }
        if (got > 0 && !guest->answered)
                answer(guest);
}

static void
on_guest_deadline(void *owner)
{
        leave(owner);
}

static void
on_connection(void *owner, int fd, bool readable, bool writable)
{
        struct listener *listener = owner;
        (void)readable;
        (void)writable;
        while (listener->guests_count < LISTENER_GUESTS_MAX) {
                int made = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (made < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
                        /* It would fail again at once, for ever: rest, then look again. */
                        loop_watch_change(listener->watch, false, false);
                        loop_timer_start_us(listener->stand_in_timer, LISTENER_STAND_IN_DELAY_MS * 1000);
                        return;
                }
                if (made < 0)
                        break;
                size_t i = 0;
                while (listener->guests[i].fd >= 0)
                        i++;
                struct guest *guest = &listener->guests[i];
                guest->fd = made;
                guest->watch = loop_watch_new(listener->loop, made, true, false, on_guest, guest);
                guest->deadline = loop_timer_new(listener->loop, on_guest_deadline, guest);
                loop_timer_start_us(guest->deadline, LISTENER_GUEST_DEADLINE_MS * 1000);
                listener->guests_count++;
                listener->guests_total++;
        }
        watch_port(listener);
}
