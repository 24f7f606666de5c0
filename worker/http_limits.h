/* http_limits: how often one source may knock before it has shown the secret. A bucket a source, refilled with the clock,
 * in a table of fixed size: a new source takes the place of the one that was quiet longest among a few neighbours.
 * Pure: time is handed in. Used by pm-worker. */
#ifndef PM_WORKER_HTTP_LIMITS_H
#define PM_WORKER_HTTP_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "worker/http_auth.h"

#define HTTP_LIMITS_SOURCES_MAX 1024
#define HTTP_LIMITS_NEIGHBOURS 8

struct http_bucket {
        struct http_source source;
        int64_t full_at_us; /* when it will be full again; 0: unused. Now or earlier: a whole second's worth may come at once */
};

struct http_limits {
        int64_t per_second; /* 0: no limit */
        uint64_t seed;      /* so that nobody outside can choose whose place he takes */
        struct http_bucket buckets[HTTP_LIMITS_SOURCES_MAX];
};

void http_limits_init(struct http_limits *limits, int64_t per_second, uint64_t seed);
/* Whether this request of source is within its rate; takes from its bucket when it is. IPv6 sources count by /64. */
bool http_limits_allow(struct http_limits *limits, const struct http_source *source, int64_t now_us);

#endif
