#include "supervisor/http_client.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

/* 20,000 instruments with six layers each, and room. */
#define ANSWER_SIZE_MAX (128 * 1024 * 1024)
#define HEAD_SIZE_MAX 2048

struct call {
        int fd;
        int64_t deadline_us;
        char *bytes;
        size_t size;
        size_t capacity;
        char *error;
};

static enum http_client_status
fail(struct call *call, enum http_client_status status, const char *what, const char *why)
{
        snprintf(call->error, HTTP_CLIENT_ERROR_SIZE, "%s: %s", what, why);
        return status;
}

static bool
wait_for(struct call *call, short events)
{
        for (;;) {
                struct pollfd poll_fd = {.fd = call->fd, .events = events};
                int64_t left_us = call->deadline_us - clock_monotonic_us();
                int got = left_us > 0 ? poll(&poll_fd, 1, (int)(left_us / 1000 + 1)) : 0;
                if (got >= 0 || errno != EINTR)
                        return got > 0;
        }
}

/* "[::1]:5000" to host and port; what listens on every address is reached by the loopback of its family. */
static bool
split_listen(const char *listen, char host[64], char port[8])
{
        const char *colon = strrchr(listen, ':');
        if (colon == NULL || strlen(colon + 1) >= 8 || colon[1] == '\0')
                return false;
        snprintf(port, 8, "%s", colon + 1);
        size_t size = (size_t)(colon - listen);
        if (size >= 2 && listen[0] == '[' && listen[size - 1] == ']') {
                listen++;
                size -= 2;
        }
        if (size >= 64)
                return false;
        memcpy(host, listen, size);
        host[size] = '\0';
        if (size == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "*") == 0)
                snprintf(host, 64, "127.0.0.1");
        else if (strcmp(host, "::") == 0)
                snprintf(host, 64, "::1");
        return true;
}

static enum http_client_status
connect_to(struct call *call, const char *listen)
{
        char host[64];
        char port[8];
        struct addrinfo *found = NULL;
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
        if (!split_listen(listen, host, port))
                return fail(call, HTTP_CLIENT_UNREACHABLE, listen, "not ADDRESS:PORT");
        int problem = getaddrinfo(host, port, &hints, &found);
        if (problem != 0)
                return fail(call, HTTP_CLIENT_UNREACHABLE, listen, gai_strerror(problem));
        enum http_client_status status = HTTP_CLIENT_OK;
        int socket_error = 0;
        socklen_t size = sizeof(socket_error);
        call->fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (call->fd < 0 || (connect(call->fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS))
                status = fail(call, HTTP_CLIENT_UNREACHABLE, listen, strerror(errno));
        else if (!wait_for(call, POLLOUT))
                status = fail(call, HTTP_CLIENT_UNREACHABLE, listen, "no connection in time");
        else if (getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &socket_error, &size) != 0 || socket_error != 0)
                status = fail(call, HTTP_CLIENT_UNREACHABLE, listen, strerror(socket_error != 0 ? socket_error : errno));
        freeaddrinfo(found);
        return status;
}

static enum http_client_status
send_bytes(struct call *call, const char *bytes, size_t size)
{
        while (size > 0) {
                ssize_t sent = send(call->fd, bytes, size, MSG_NOSIGNAL);
                if (sent > 0) {
                        bytes += sent;
                        size -= (size_t)sent;
                } else if (errno != EAGAIN && errno != EINTR) {
                        return fail(call, HTTP_CLIENT_BROKEN, "cannot send the request", strerror(errno));
                } else if (!wait_for(call, POLLOUT)) {
                        return fail(call, HTTP_CLIENT_BROKEN, "cannot send the request", "it took too long");
                }
        }
        return HTTP_CLIENT_OK;
}

/* HTTP/1.0: no chunks, and the end of the answer is the end of the connection. */
static enum http_client_status
send_request(struct call *call, const struct http_client_request *request)
{
        char head[HEAD_SIZE_MAX];
        char body[64] = "";
        if (request->body != NULL)
                snprintf(body, sizeof(body), "Content-Length: %zu\r\n", request->body_size);
        int size = snprintf(head, sizeof(head), "%s %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n%s%s%s%s%s\r\n", request->method,
                            request->path, request->listen, request->body != NULL ? "Content-Type: application/json\r\n" : "", body,
                            request->secret != NULL ? "X-PM-Secret: " : "", request->secret != NULL ? request->secret : "",
                            request->secret != NULL ? "\r\n" : "");
        enum http_client_status status = HTTP_CLIENT_OK;
        if (size < 0 || (size_t)size >= sizeof(head))
                status = fail(call, HTTP_CLIENT_BROKEN, "request", "too long");
        if (status == HTTP_CLIENT_OK)
                status = send_bytes(call, head, (size_t)size);
        explicit_bzero(head, sizeof(head));
        if (status == HTTP_CLIENT_OK && request->body != NULL)
                status = send_bytes(call, request->body, request->body_size);
        return status;
}

static enum http_client_status
receive_all(struct call *call)
{
        for (;;) {
                if (call->capacity - call->size < 2) {
                        size_t capacity = call->capacity == 0 ? 65536 : call->capacity * 2;
                        char *bytes = capacity <= ANSWER_SIZE_MAX ? realloc(call->bytes, capacity) : NULL;
                        if (bytes == NULL)
                                return fail(call, HTTP_CLIENT_BROKEN, "answer", "too long");
                        call->bytes = bytes;
                        call->capacity = capacity;
                }
                ssize_t got = recv(call->fd, call->bytes + call->size, call->capacity - call->size - 1, 0);
                if (got > 0)
                        call->size += (size_t)got;
                else if (got == 0)
                        break;
                else if (errno != EAGAIN && errno != EINTR)
                        return fail(call, HTTP_CLIENT_BROKEN, "the answer was cut off", strerror(errno));
                else if (!wait_for(call, POLLIN))
                        return fail(call, HTTP_CLIENT_BROKEN, "no answer in time", "not known what became of it; a repeat is safe");
        }
        call->bytes[call->size] = '\0';
        return HTTP_CLIENT_OK;
}

static enum http_client_status
read_answer(struct call *call, struct http_client_answer *answer)
{
        int code = 0;
        const char *body = call->bytes != NULL ? strstr(call->bytes, "\r\n\r\n") : NULL;
        if (body == NULL || sscanf(call->bytes, "HTTP/1.%*d %3d", &code) != 1)
                return fail(call, HTTP_CLIENT_BROKEN, "the answer", "not HTTP");
        body += 4;
        size_t size = call->size - (size_t)(body - call->bytes);
        const char *length = strcasestr(call->bytes, "\r\nContent-Length:");
        if (length != NULL && length < body && strtoull(length + strlen("\r\nContent-Length:"), NULL, 10) != size)
                return fail(call, HTTP_CLIENT_BROKEN, "the answer was cut off", "not known what became of the request; a repeat is safe");
        answer->code = code;
        answer->body_size = size;
        memmove(call->bytes, body, size + 1);
        answer->body = call->bytes;
        call->bytes = NULL;
        return HTTP_CLIENT_OK;
}

enum http_client_status
http_client_call(const struct http_client_request *request, struct http_client_answer *answer, char error[HTTP_CLIENT_ERROR_SIZE])
{
        struct call call = {.fd = -1, .deadline_us = clock_monotonic_us() + request->timeout_ms * 1000, .error = error};
        *answer = (struct http_client_answer){0};
        for (const char *at = request->secret; at != NULL && *at != '\0'; at++) {
                if ((unsigned char)*at < ' ' || *at == 0x7f)
                        return fail(&call, HTTP_CLIENT_BROKEN, "the secret", "it holds a control character");
        }
        enum http_client_status status = connect_to(&call, request->listen);
        if (status == HTTP_CLIENT_OK)
                status = send_request(&call, request);
        if (status == HTTP_CLIENT_OK)
                status = receive_all(&call);
        if (status == HTTP_CLIENT_OK)
                status = read_answer(&call, answer);
        if (call.fd >= 0)
                close(call.fd);
        free(call.bytes);
        return status;
}

void
http_client_answer_fini(struct http_client_answer *answer)
{
        free(answer->body);
        answer->body = NULL;
}
