/* views: what GET shows of the portfolio and of the worker (spec/http-api.md, sections 2, 4, 5), as JSON. Reads only: amounts
 * are of what was decided; stored_seq and pending say how much of it is stored. Pure. Used by pm-worker. */
#ifndef PM_WORKER_VIEWS_H
#define PM_WORKER_VIEWS_H

#include <stdint.h>

#include "common/msg.h"
#include "worker/answers.h"
#include "worker/http_server.h"
#include "worker/ingest.h"

struct view {
        const struct ingest *ingest;
        bool has_state; /* the core is loaded */
        uint64_t incarnation;
        int64_t recovery_us; /* main() to GO; 0: not yet */
        int64_t now_us;      /* wall clock */
};

/* 200 when it can trade, else 503 with the reason. */
void views_health(const struct view *view, uint32_t request_id, struct answer *answer);
/* Always 200: the process lives and its loop turns. */
void views_live(uint32_t request_id, struct answer *answer);
void views_status(const struct view *view, uint32_t request_id, struct answer *answer);
/* The same for the operator's status; request_id is the caller's. */
void views_report(const struct view *view, struct msg_worker_report *report);
/* The open positions, a piece at a time; the core must be loaded. capacity is at least VIEWS_PIECE_SIZE_MIN. */
size_t views_positions(const struct view *view, uint32_t request_id, struct http_cursor *cursor, char *buffer, size_t capacity);
bool views_positions_are_done(const struct http_cursor *cursor);
#define VIEWS_PIECE_SIZE_MIN 8192

#endif
