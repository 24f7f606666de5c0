#include "worker/http_server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"

/* Between requests a connection may rest so long; also how long one read or write may take. */
#define IDLE_TIMEOUT_S 60
/* Bodies between PM_BODY_SIZE_MAX and this get a JSON 413 from us, larger ones evhttp's own at the header. */
#define BODY_READ_SIZE_MAX (64 * 1024)
/* Descriptors that are not for connections: links, log, listener, evhttp's and nng's own. */
#define DESCRIPTORS_RESERVED 64
#define CONNECTIONS_LEAST 16
#define SWEEP_MS 250
#define SWEEP_FULL_MS 20 /* while connections wait in the kernel's queue */
/* However long the request took to come in, so much of its answer's time is left. */
#define ANSWER_TIME_LEFT_US (1500 * 1000)
#define RETRY_AFTER_S "5"

/* A connection and the one request on it. evhttp tells of a connection's end through its close callback, but shows the
 * connection only with its first request. So we take it from its bufferevent, whose callbacks' argument it is, at the end
 * of the turn in which it was accepted. (A reference on the bufferevent instead would keep its events alive after the
 * descriptor was closed and given to somebody else.) */
struct http_request {
        struct http_server *server;
        TAILQ_ENTRY(http_request) link;
        struct bufferevent *bufferevent;      /* NULL: the connection is gone */
        struct evhttp_connection *connection; /* its close callback is ours; NULL: not known yet, or gone */
        struct evhttp_request *evrequest;     /* being handled, or its answer is on its way */
        bool answered;
        int kept_status;
        int64_t reading_since_us; /* the read deadline counts from here; 0: nothing is being read */
        int64_t first_byte_us;    /* of the request that is being read or handled; 0: none yet */
        int64_t started_us;
        int fd; /* -1: not known yet */
        uint32_t id;
        struct http_source source;
        struct http_cursor stream_cursor;
        http_piece_fn *stream_next;
};

TAILQ_HEAD(request_list, http_request);

struct http_server {
        struct loop *loop;
        struct evhttp *http;
        struct evconnlistener *listener;
        struct loop_timer *sweep_timer;
        struct http_options options;
        bool accepting; /* the listener is on */
        bool stopped;
        uint32_t next_id;
        uint32_t busy_count;
        uint32_t open_count;
        uint32_t new_count;  /* the last so many of open have no connection yet */
        uint32_t never_used; /* places of pool from here on were never touched */
        struct request_list open;
        struct request_list unused;
        struct http_request *pool;
        struct http_request **by_fd;
        uint32_t by_fd_count;
        char piece[HTTP_PIECE_SIZE_MAX];
};

static struct bufferevent *on_accept(struct event_base *base, void *owner);
static void on_accept_error(struct evconnlistener *listener, void *not_ours);
static void on_evrequest(struct evhttp_request *evrequest, void *owner);
static void on_sweep(void *owner);
static void on_turn_end(void *owner);
static void on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *owner);

/* -------- life of the server -------- */

/* As many as are wanted, or as the limit of open files allows; our own is raised when the system's lets us. */
static uint32_t
connections_limit(uint32_t wanted)
{
        struct rlimit limit;
        rlim_t needed = (rlim_t)wanted + DESCRIPTORS_RESERVED;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
                return wanted;
        limit.rlim_cur = limit.rlim_max < needed ? limit.rlim_max : needed;
        if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= needed)
                return wanted;
        uint32_t possible = limit.rlim_cur > DESCRIPTORS_RESERVED + CONNECTIONS_LEAST ? (uint32_t)limit.rlim_cur - DESCRIPTORS_RESERVED
                                                                                      : CONNECTIONS_LEAST;
        LOG_WARNING("event=connections_limited wanted=%u possible=%u msg=\"raise the limit of open files (ulimit -n) or lower "
                    "http.connections_max\"",
                    wanted, possible);
        return possible;
}

enum http_status
http_server_new(struct http_server **result, struct loop *loop, const struct http_options *options)
{
        struct http_server *server = calloc(1, sizeof(*server));
        *result = server;
        if (server == NULL)
                goto no_memory;
        server->loop = loop;
        server->options = *options;
        server->options.connections_max = connections_limit(options->connections_max);
        server->accepting = true;
        TAILQ_INIT(&server->open);
        TAILQ_INIT(&server->unused);
        if (getrandom(&server->next_id, sizeof(server->next_id), GRND_NONBLOCK) < 0)
                server->next_id = (uint32_t)clock_wall_us();
        server->by_fd_count = server->options.connections_max + 2 * DESCRIPTORS_RESERVED;
        server->pool = calloc(server->options.connections_max, sizeof(*server->pool));
        server->by_fd = calloc(server->by_fd_count, sizeof(struct http_request *));
        server->http = evhttp_new(loop_base(loop));
        if (server->pool == NULL || server->by_fd == NULL || server->http == NULL)
                goto no_memory;
        evhttp_set_max_headers_size(server->http, PM_HEADERS_SIZE_MAX);
        evhttp_set_max_body_size(server->http, BODY_READ_SIZE_MAX);
        evhttp_set_timeout(server->http, IDLE_TIMEOUT_S);
        evhttp_set_default_content_type(server->http, "application/json");
        evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                                         EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
        evhttp_set_bevcb(server->http, on_accept, server);
        evhttp_set_gencb(server->http, on_evrequest, server);
        server->sweep_timer = loop_timer_new(loop, on_sweep, server);
        loop_timer_repeat_ms(server->sweep_timer, SWEEP_MS);
        if (evutil_make_socket_nonblocking(options->listen_fd) != 0) {
                LOG_ERROR("event=http_failed fd=%d msg=\"the inherited listening socket cannot be used: %s\"", options->listen_fd,
                          strerror(errno));
                goto failed;
        }
        server->listener = evconnlistener_new(loop_base(loop), NULL, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, options->listen_fd);
        if (server->listener == NULL || evhttp_bind_listener(server->http, server->listener) == NULL)
                goto no_memory;
        evconnlistener_set_error_cb(server->listener, on_accept_error);
        loop_at_turn_end(loop, on_turn_end, server);
        return HTTP_SERVER_OK;
no_memory:
        LOG_ERROR("event=http_failed msg=\"no memory for the HTTP server\"");
failed:
        http_server_free(server);
        *result = NULL;
        return HTTP_SERVER_ERROR;
}

static void
let_go(struct http_request *request)
{
        struct http_server *server = request->server;
        if (request->bufferevent == NULL)
                return;
        if (request->fd >= 0 && server->by_fd[request->fd] == request)
                server->by_fd[request->fd] = NULL;
        if (request->connection != NULL)
                evhttp_connection_set_closecb(request->connection, NULL, NULL);
        (void)evbuffer_remove_cb(bufferevent_get_input(request->bufferevent), on_input, request);
        request->connection = NULL;
        request->bufferevent = NULL;
}

void
http_server_free(struct http_server *server)
{
        if (server == NULL)
                return;
        struct http_request *request;
        while ((request = TAILQ_FIRST(&server->open)) != NULL) {
                TAILQ_REMOVE(&server->open, request, link);
                let_go(request);
        }
        loop_timer_free(server->sweep_timer);
        if (server->http != NULL)
                evhttp_free(server->http); /* frees the listener too */
        free(server->pool);
        free((void *)server->by_fd);
        free(server);
}

void
http_server_stop_accepting(struct http_server *server)
{
        server->stopped = true;
        server->accepting = false;
        (void)evconnlistener_disable(server->listener);
}

uint32_t
http_server_busy_count(const struct http_server *server)
{
        return server->busy_count;
}

/* -------- connections -------- */

static void
pause_accepting(struct http_server *server)
{
        server->accepting = false;
        (void)evconnlistener_disable(server->listener);
        loop_timer_repeat_ms(server->sweep_timer, SWEEP_FULL_MS);
}

static void
resume_accepting(struct http_server *server)
{
        if (server->accepting || server->stopped || server->open_count >= server->options.connections_max)
                return;
        server->accepting = true;
        (void)evconnlistener_enable(server->listener);
        loop_timer_repeat_ms(server->sweep_timer, SWEEP_MS);
}

/* Out of descriptors or memory: that comes again at once and for ever, so the listener rests till the next sweep. (libevent
 * hands the argument of evhttp's own callback to this one: there is no server in it.) */
static void
on_accept_error(struct evconnlistener *listener, void *not_ours)
{
        int error = EVUTIL_SOCKET_ERROR();
        (void)not_ours;
        LOG_WARNING("event=accept_failed msg=\"%s; connections wait in the kernel's queue\"", strerror(error));
        (void)evconnlistener_disable(listener);
}

static void
on_input(struct evbuffer *buffer, const struct evbuffer_cb_info *info, void *owner)
{
        struct http_request *request = owner;
        (void)buffer;
        if (info->n_added == 0 || request->bufferevent == NULL)
                return;
        if (request->fd < 0) {
                int fd = (int)bufferevent_getfd(request->bufferevent);
                if (fd < 0 || (uint32_t)fd >= request->server->by_fd_count)
                        return;
                request->fd = fd;
                request->server->by_fd[fd] = request;
        }
        if (request->first_byte_us == 0)
                request->first_byte_us = clock_monotonic_us();
        if (request->reading_since_us == 0 && request->evrequest == NULL)
                request->reading_since_us = request->first_byte_us;
}

static struct http_request *
take_place(struct http_server *server)
{
        struct http_request *request = TAILQ_FIRST(&server->unused);
        if (request != NULL)
                TAILQ_REMOVE(&server->unused, request, link);
        else if (server->never_used < server->options.connections_max)
                request = &server->pool[server->never_used++];
        else
                return NULL;
        *request = (struct http_request){.server = server, .fd = -1};
        TAILQ_INSERT_TAIL(&server->open, request, link);
        server->open_count++;
        return request;
}

static void
give_place_back(struct http_request *request)
{
        struct http_server *server = request->server;
        TAILQ_REMOVE(&server->open, request, link);
        TAILQ_INSERT_HEAD(&server->unused, request, link);
        server->open_count--;
        resume_accepting(server);
}

/* evhttp asks for the bufferevent of a connection that was just accepted. Without a place it gets one that nobody
 * watches; its request is refused. That cannot last: the listener was turned off when the last place went. */
static struct bufferevent *
on_accept(struct event_base *base, void *owner)
{
        struct http_server *server = owner;
        struct bufferevent *bufferevent = bufferevent_socket_new(base, -1, 0);
        if (bufferevent == NULL)
                return NULL;
        struct http_request *request = take_place(server);
        if (request == NULL)
                return bufferevent;
        bufferevent_incref(bufferevent); /* till the end of the turn: evhttp may yet fail for memory, and free it */
        request->bufferevent = bufferevent;
        server->new_count++;
        request->reading_since_us = clock_monotonic_us();
        (void)evbuffer_add_cb(bufferevent_get_input(bufferevent), on_input, request);
        if (server->open_count >= server->options.connections_max && server->accepting)
                pause_accepting(server);
        return bufferevent;
}

static void
forget_connection(struct http_request *request)
{
        struct http_server *server = request->server;
        let_go(request);
        if (request->evrequest != NULL && !request->answered)
                return; /* its handler answers into the void, later */
        if (request->evrequest != NULL)
                server->busy_count--; /* the answer was on its way; evhttp frees it with the connection */
        request->evrequest = NULL;
        give_place_back(request);
}

static void
on_close(struct evhttp_connection *connection, void *owner)
{
        struct http_request *request = owner;
        (void)connection;
        request->connection = NULL; /* evhttp is freeing it */
        if (request->stream_next != NULL) {
                /* evhttp has cut the stream's request off from the connection, and leaves it to us. */
                struct evhttp_request *evrequest = request->evrequest;
                request->stream_next = NULL;
                forget_connection(request);
                evhttp_request_free(evrequest);
                return;
        }
        forget_connection(request);
}

/* Connections of this turn get their close callback. */
static void
on_turn_end(void *owner)
{
        struct http_server *server = owner;
        struct http_request *request = TAILQ_LAST(&server->open, request_list);
        for (; server->new_count > 0; server->new_count--) {
                struct http_request *before = TAILQ_PREV(request, request_list, link);
                struct bufferevent *bufferevent = request->bufferevent;
                bufferevent_data_cb on_read, on_write;
                bufferevent_event_cb on_event;
                void *connection;
                bufferevent_getcb(bufferevent, &on_read, &on_write, &on_event, &connection);
                if (connection == NULL) {
                        forget_connection(request);
                } else {
                        request->connection = connection;
                        evhttp_connection_set_closecb(connection, on_close, request);
                        (void)http_source_of(evhttp_connection_get_addr(connection), &request->source);
                }
                bufferevent_decref(bufferevent);
                request = before;
        }
}

static void
on_sweep(void *owner)
{
        struct http_server *server = owner;
        int64_t now_us = clock_monotonic_us();
        struct http_request *request, *next;
        for (request = TAILQ_FIRST(&server->open); request != NULL; request = next) {
                next = TAILQ_NEXT(request, link);
                if (request->bufferevent == NULL)
                        continue;
                if (request->reading_since_us != 0 && now_us - request->reading_since_us > PM_CLIENT_DEADLINE_MS * 1000LL) {
                        request->reading_since_us = 0;
                        (void)shutdown(bufferevent_getfd(request->bufferevent), SHUT_RDWR); /* evhttp sees the end and cleans up */
                }
        }
        resume_accepting(server);
        if (server->accepting)
                (void)evconnlistener_enable(server->listener); /* it may rest after an error */
}

/* -------- requests -------- */

static void
send_now(struct http_request *request, int status)
{
        struct evhttp_request *evrequest = request->evrequest;
        request->answered = true;
        if (evhttp_request_get_connection(evrequest) == NULL) {
                /* The client left: nobody to answer. */
                evhttp_request_free(evrequest);
                forget_connection(request);
                return;
        }
        if (status == 503)
                (void)evhttp_add_header(evhttp_request_get_output_headers(evrequest), "Retry-After", RETRY_AFTER_S);
        if (evhttp_request_get_command(evrequest) == EVHTTP_REQ_HEAD) {
                struct evbuffer *body = evhttp_request_get_output_buffer(evrequest);
                (void)evbuffer_drain(body, evbuffer_get_length(body));
        }
        evhttp_send_reply(evrequest, status, NULL, NULL);
}

static void
keep_body(struct http_request *request, int status, const char *body, size_t size)
{
        struct evbuffer *buffer = evhttp_request_get_output_buffer(request->evrequest);
        (void)evbuffer_drain(buffer, evbuffer_get_length(buffer));
        if (evbuffer_add(buffer, body, size) != 0 || evbuffer_add(buffer, "\n", 1) != 0)
                LOG_ERROR("event=http_no_memory msg=\"an answer could not be written\"");
        request->kept_status = status;
}

void
http_request_keep(struct http_request *request, const struct answer *answer)
{
        keep_body(request, answer->status, answer->data, answer->size);
}

void
http_request_send_kept(struct http_request *request)
{
        send_now(request, request->kept_status);
}

void
http_request_answer(struct http_request *request, int status, const char *body, size_t size)
{
        keep_body(request, status, body, size);
        send_now(request, status);
}

/* The answer is with the kernel: the connection is free for its next request, which may be in the buffer already. */
static void
on_answer_sent(struct evhttp_request *evrequest, void *owner)
{
        struct http_request *request = owner;
        bool has_more = evbuffer_get_length(bufferevent_get_input(request->bufferevent)) > 0;
        (void)evrequest;
        request->server->busy_count--;
        request->evrequest = NULL;
        request->answered = false;
        request->first_byte_us = has_more ? clock_monotonic_us() : 0;
        request->reading_since_us = request->first_byte_us;
}

static void
refuse(struct http_request *request, int status, const char *error_type, const char *message)
{
        struct answer answer;
        answers_error(&answer, request->id, status, error_type, message);
        http_request_answer(request, answer.status, answer.data, answer.size);
}

static struct http_request *
find_request(struct http_server *server, struct bufferevent *bufferevent)
{
        int fd = (int)bufferevent_getfd(bufferevent);
        if (fd < 0 || (uint32_t)fd >= server->by_fd_count)
                return NULL;
        struct http_request *request = server->by_fd[fd];
        return request != NULL && request->bufferevent == bufferevent ? request : NULL;
}

/* Whose request it is, from when its time counts, and by which number it is known. */
static void
begin_request(struct http_request *request, struct evhttp_request *evrequest)
{
        int64_t now_us = clock_monotonic_us();
        int64_t latest_us = now_us + ANSWER_TIME_LEFT_US - PM_ANSWER_DEADLINE_MS * 1000LL;
        request->evrequest = evrequest;
        request->reading_since_us = 0;
        request->started_us = request->first_byte_us > latest_us ? request->first_byte_us : latest_us;
        request->id = request->server->next_id;
        request->server->next_id += 0x9e3779b1U; /* odd: all numbers come before one comes again */
        request->server->busy_count++;
        evhttp_request_set_on_complete_cb(evrequest, on_answer_sent, request);
}

static void
dispatch(struct http_request *request, const char *path)
{
        const struct http_options *options = &request->server->options;
        enum evhttp_cmd_type command = evhttp_request_get_command(request->evrequest);
        bool path_known = false;
        for (uint32_t i = 0; i < options->routes_count; i++) {
                const struct http_route *route = &options->routes[i];
                if (strcmp(route->path, path) != 0)
                        continue;
                path_known = true;
                if (command != (route->method == HTTP_METHOD_GET ? EVHTTP_REQ_GET : EVHTTP_REQ_POST)) {
                        (void)evhttp_add_header(evhttp_request_get_output_headers(request->evrequest), "Allow",
                                                route->method == HTTP_METHOD_GET ? "GET" : "POST");
                        continue;
                }
                route->on_request(options->owner, request);
                return;
        }
        if (path_known)
                refuse(request, 405, "method_not_allowed", "this path takes another method");
        else
                refuse(request, 404, "not_found", "there is no such path");
}

static void
on_evrequest(struct evhttp_request *evrequest, void *owner)
{
        struct http_server *server = owner;
        struct evhttp_connection *connection = evhttp_request_get_connection(evrequest);
        const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(evrequest);
        const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
        struct http_request *request = find_request(server, evhttp_connection_get_bufferevent(connection));
        if (request == NULL) {
                (void)evhttp_add_header(evhttp_request_get_output_headers(evrequest), "Retry-After", RETRY_AFTER_S);
                (void)evhttp_add_header(evhttp_request_get_output_headers(evrequest), "Connection", "close");
                evhttp_send_reply(evrequest, 503, NULL, NULL);
                return;
        }
        begin_request(request, evrequest);
        if (!http_allow_has(server->options.allow, &request->source))
                refuse(request, 403, "forbidden", "this source address is not on the allow list (http.allow)");
        else if (evbuffer_get_length(evhttp_request_get_input_buffer(evrequest)) > PM_BODY_SIZE_MAX) {
                struct answer answer;
                answers_invalid(&answer, request->id, SIGNAL_TOO_LARGE, "");
                http_request_answer(request, answer.status, answer.data, answer.size);
        } else
                dispatch(request, path != NULL ? path : "");
}

int64_t
http_request_started_us(const struct http_request *request)
{
        return request->started_us;
}

uint32_t
http_request_id(const struct http_request *request)
{
        return request->id;
}

const struct http_source *
http_request_source(const struct http_request *request)
{
        return &request->source;
}

struct text
http_request_body(const struct http_request *request)
{
        struct evbuffer *buffer = evhttp_request_get_input_buffer(request->evrequest);
        size_t size = evbuffer_get_length(buffer);
        const char *data = size > 0 ? (const char *)evbuffer_pullup(buffer, -1) : NULL;
        return data != NULL ? (struct text){data, (uint32_t)size} : (struct text){NULL, 0};
}

struct text
http_request_header(const struct http_request *request, const char *name)
{
        const char *value = evhttp_find_header(evhttp_request_get_input_headers(request->evrequest), name);
        return value != NULL ? (struct text){value, (uint32_t)strlen(value)} : (struct text){NULL, 0};
}

/* -------- answers in pieces -------- */

static void on_piece_sent(struct evhttp_connection *connection, void *owner);

static void
send_piece(struct http_request *request)
{
        struct http_server *server = request->server;
        size_t size = request->stream_next(server->options.owner, request, &request->stream_cursor, server->piece, sizeof(server->piece));
        struct evbuffer *buffer = size > 0 ? evbuffer_new() : NULL;
        if (buffer == NULL || evbuffer_add(buffer, server->piece, size) != 0) {
                request->stream_next = NULL;
                request->answered = true;
                evhttp_send_reply_end(request->evrequest);
        } else {
                evhttp_send_reply_chunk_with_cb(request->evrequest, buffer, on_piece_sent, request);
        }
        if (buffer != NULL)
                evbuffer_free(buffer);
}

static void
on_piece_sent(struct evhttp_connection *connection, void *owner)
{
        (void)connection;
        send_piece(owner);
}

char *
http_request_piece(const struct http_request *request)
{
        return request->server->piece;
}

void
http_request_stream(struct http_request *request, http_piece_fn *next)
{
        /* The length is not known, and an HTTP/1.0 client has no other sign of the end. */
        (void)evhttp_add_header(evhttp_request_get_output_headers(request->evrequest), "Connection", "close");
        request->stream_cursor = (struct http_cursor){0, 0};
        request->stream_next = next;
        evhttp_send_reply_start(request->evrequest, 200, "OK");
        send_piece(request);
}
