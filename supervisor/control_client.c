#include "supervisor/control_client.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"

/* An answer holds a status with all its texts. */
#define ANSWER_SIZE_MAX (1024 * 1024)
/* What the server may be late beyond the deadline it keeps itself. */
#define GRACE_MS 1000

static enum control_client_status
fail(struct control_client *client, enum control_client_status status, const char *what, const char *why)
{
        snprintf(client->error, sizeof(client->error), "%s: %s", what, why);
        return status;
}

enum control_client_status
control_client_open(struct control_client *client, const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        struct ucred peer;
        socklen_t peer_size = sizeof(peer);
        size_t size = strlen(path);
        *client = (struct control_client){.fd = -1};
        if (size >= sizeof(address.sun_path))
                return fail(client, CONTROL_CLIENT_ABSENT, path, "the path is too long for a unix socket");
        memcpy(address.sun_path, path, size + 1);
        client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (client->fd < 0)
                return fail(client, CONTROL_CLIENT_BROKEN, "socket", strerror(errno));
        /* On a unix socket this succeeds or fails at once; a full backlog is EAGAIN. */
        if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
                int problem = errno;
                control_client_close(client);
                if (problem == ENOENT || problem == ECONNREFUSED || problem == ENOTDIR)
                        return fail(client, CONTROL_CLIENT_ABSENT, path, strerror(problem));
                if (problem == EACCES || problem == EPERM)
                        return fail(client, CONTROL_CLIENT_DENIED, path, "permission denied: run this as root or as the service's user");
                return fail(client, CONTROL_CLIENT_BROKEN, path,
                            problem == EAGAIN ? "it is too busy to take a connection" : strerror(problem));
        }
        if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) == 0)
                client->peer_pid = peer.pid;
        return CONTROL_CLIENT_OK;
}

static enum control_client_status
wait_for(struct control_client *client, short events, int64_t deadline_us)
{
        for (;;) {
                int64_t left_us = deadline_us - clock_monotonic_us();
                struct pollfd poll_fd = {.fd = client->fd, .events = events};
                if (left_us <= 0)
                        return fail(client, CONTROL_CLIENT_TIMEOUT, "the supervisor does not answer", "not known to be done");
                int got = poll(&poll_fd, 1, (int)(left_us / 1000 + 1));
                if (got > 0)
                        return CONTROL_CLIENT_OK;
                if (got < 0 && errno != EINTR)
                        return fail(client, CONTROL_CLIENT_BROKEN, "poll", strerror(errno));
        }
}

static enum control_client_status
send_line(struct control_client *client, const char *line, int64_t deadline_us)
{
        size_t size = strlen(line);
        size_t at = 0;
        /* The newline goes last and alone: a request is whole or is none. */
        while (at <= size) {
                ssize_t sent = at < size ? send(client->fd, line + at, size - at, MSG_NOSIGNAL) : send(client->fd, "\n", 1, MSG_NOSIGNAL);
                if (sent > 0) {
                        at += (size_t)sent;
                        continue;
                }
                if (sent < 0 && errno != EAGAIN && errno != EINTR)
                        return fail(client, CONTROL_CLIENT_BROKEN, "cannot send to the supervisor", strerror(errno));
                enum control_client_status status = wait_for(client, POLLOUT, deadline_us);
                if (status != CONTROL_CLIENT_OK)
                        return status;
        }
        return CONTROL_CLIENT_OK;
}

static enum control_client_status
receive_object(struct control_client *client, struct json_tokener *tokener, int64_t deadline_us, struct json_object **answer)
{
        char buffer[4096];
        size_t total = 0;
        while (total < ANSWER_SIZE_MAX) {
                ssize_t got = recv(client->fd, buffer, sizeof(buffer), 0);
                if (got == 0)
                        return fail(client, CONTROL_CLIENT_BROKEN, "the supervisor ended the connection", "not known to be done");
                if (got < 0 && errno != EAGAIN && errno != EINTR)
                        return fail(client, CONTROL_CLIENT_BROKEN, "cannot read from the supervisor", strerror(errno));
                if (got < 0) {
                        enum control_client_status status = wait_for(client, POLLIN, deadline_us);
                        if (status != CONTROL_CLIENT_OK)
                                return status;
                        continue;
                }
                total += (size_t)got;
                *answer = json_tokener_parse_ex(tokener, buffer, (int)got);
                if (json_tokener_get_error(tokener) == json_tokener_success)
                        return CONTROL_CLIENT_OK;
                if (json_tokener_get_error(tokener) != json_tokener_continue)
                        return fail(client, CONTROL_CLIENT_BROKEN, "the supervisor's answer",
                                    json_tokener_error_desc(json_tokener_get_error(tokener)));
        }
        return fail(client, CONTROL_CLIENT_BROKEN, "the supervisor's answer", "too long");
}

enum control_client_status
control_client_call(struct control_client *client, const struct control_request *request, struct json_object **answer, bool *ok,
                    const char **message)
{
        struct json_object *value;
        int64_t deadline_us = clock_monotonic_us() + (request->timeout_ms + GRACE_MS) * 1000;
        char *line = control_request_format(request);
        struct json_tokener *tokener = json_tokener_new();
        enum control_client_status status = CONTROL_CLIENT_BROKEN;
        *answer = NULL;
        *ok = false;
        *message = "";
        if (line == NULL || tokener == NULL) {
                status = fail(client, CONTROL_CLIENT_BROKEN, "request", "no memory");
                goto out;
        }
        client->unknown = true;
        status = send_line(client, line, deadline_us);
        if (status == CONTROL_CLIENT_OK)
                status = receive_object(client, tokener, deadline_us, answer);
        if (status != CONTROL_CLIENT_OK)
                goto out;
        if (!json_object_object_get_ex(*answer, "ok", &value)) {
                json_object_put(*answer);
                *answer = NULL;
                status = fail(client, CONTROL_CLIENT_BROKEN, "the supervisor's answer", "not of this protocol");
                goto out;
        }
        *ok = json_object_get_boolean(value);
        client->unknown = json_object_object_get_ex(*answer, "known", &value) && !json_object_get_boolean(value);
        if (json_object_object_get_ex(*answer, "message", &value) && json_object_is_type(value, json_type_string))
                *message = json_object_get_string(value);
out:
        if (tokener != NULL)
                json_tokener_free(tokener);
        free(line);
        return status;
}

void
control_client_close(struct control_client *client)
{
        if (client->fd >= 0)
                close(client->fd);
        client->fd = -1;
}
