/* http_server: HTTP over the listening socket that the supervisor lends: connections with a cap and deadlines, routes as
 * a table, requests that are answered now or later. It knows no signal. Owned by struct worker; runs in the loop, on
 * evhttp.
 *
 * Limits (all in limits.h or the config): open connections (at the cap the listener rests and the kernel queues), size of
 * headers and body, idle time, and the time from a request's first byte to its last. */
#ifndef PM_WORKER_HTTP_SERVER_H
#define PM_WORKER_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/field.h"
#include "common/loop.h"
#include "worker/answers.h"
#include "worker/http_auth.h"

struct http_server;
struct http_request; /* from its handler's call until its answer */

enum http_method { HTTP_METHOD_GET = 0, HTTP_METHOD_POST };

/* The request is the handler's until it is answered, by exactly one call below, in the handler or later. */
typedef void http_handler_fn(void *owner, struct http_request *request);

struct http_route {
        const char *path;
        enum http_method method;
        http_handler_fn *on_request;
};

struct http_options {
        int listen_fd; /* listening already; not closed */
        uint32_t connections_max;
        const struct http_allow *allow;  /* kept */
        const struct http_route *routes; /* kept */
        uint32_t routes_count;
        void *owner; /* of the handlers */
};

enum http_status {
        HTTP_SERVER_OK = 0,
        HTTP_SERVER_ERROR, /* logged */
};

PM_MUST_CHECK enum http_status http_server_new(struct http_server **server, struct loop *loop, const struct http_options *options);
/* Every request must have been answered. */
void http_server_free(struct http_server *server);

/* New connections stay in the kernel's queue from now on. */
void http_server_stop_accepting(struct http_server *server);
/* Requests that are being handled, and answers that are not yet in the kernel's hands. */
uint32_t http_server_busy_count(const struct http_server *server);

/* Monotonic time of the request's first byte (of a slow sender: later, so that some time to answer is left). */
int64_t http_request_started_us(const struct http_request *request);
uint32_t http_request_id(const struct http_request *request);
const struct http_source *http_request_source(const struct http_request *request);
/* Valid until the answer. */
struct text http_request_body(const struct http_request *request);
/* A header's value, {NULL, 0} when it is not there. name in any case. */
struct text http_request_header(const struct http_request *request, const char *name);

/* Keeps a copy of the answer with the request; http_request_send_kept() sends it, any other answer replaces it. */
void http_request_keep(struct http_request *request, const struct answer *answer);
void http_request_send_kept(struct http_request *request);
/* Sends the answer and ends the request. A client that left already is no error. */
void http_request_answer(struct http_request *request, int status, const char *body, size_t size);

/* Where an answer in pieces stands; all zero first. */
struct http_cursor {
        uint64_t place;
        uint64_t step;
};
/* A long 200 in pieces, each made when the one before has left: next fills buffer, moves *cursor and returns the size; 0 ends
 * the answer. */
typedef size_t http_piece_fn(void *owner, const struct http_request *request, struct http_cursor *cursor, char *buffer, size_t capacity);
#define HTTP_PIECE_SIZE_MAX 65536
/* The buffer that pieces are made in, for one that is the whole answer: valid until the handler returns. */
char *http_request_piece(const struct http_request *request);
void http_request_stream(struct http_request *request, http_piece_fn *next);

#endif
