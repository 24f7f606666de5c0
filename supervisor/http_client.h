/* http_client: one HTTP request to the service's own port, for the verbs that speak to the worker. Blocking, with a deadline. */
#ifndef PM_SUPERVISOR_HTTP_CLIENT_H
#define PM_SUPERVISOR_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

#define HTTP_CLIENT_ERROR_SIZE 256

struct http_client_request {
        const char *listen; /* "127.0.0.1:5000" as in the config; an address that means every one is reached by loopback */
        const char *method;
        const char *path;
        const char *secret; /* sent as X-PM-Secret; NULL: none. No control characters. */
        const char *body;
        size_t body_size;
        int64_t timeout_ms;
};

struct http_client_answer {
        int code;
        char *body; /* malloc'd, NUL-terminated */
        size_t body_size;
};

enum http_client_status {
        HTTP_CLIENT_OK = 0,
        HTTP_CLIENT_UNREACHABLE, /* nobody took the connection */
        HTTP_CLIENT_BROKEN,      /* no whole answer in time: not known what became of the request */
};

PM_MUST_CHECK enum http_client_status http_client_call(const struct http_client_request *request, struct http_client_answer *answer,
                                                       char error[HTTP_CLIENT_ERROR_SIZE]);
void http_client_answer_fini(struct http_client_answer *answer);

#endif
