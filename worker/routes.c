#include "worker/routes.h"

#include "common/clock.h"

static void on_webhook(void *owner, struct http_request *request);
static void on_health(void *owner, struct http_request *request);
static void on_live(void *owner, struct http_request *request);
static void on_status(void *owner, struct http_request *request);
static void on_positions(void *owner, struct http_request *request);

const struct http_route routes_table[] = {
        {"/webhook", HTTP_METHOD_POST, on_webhook}, {"/health", HTTP_METHOD_GET, on_health},
        {"/health/live", HTTP_METHOD_GET, on_live}, {"/health/ready", HTTP_METHOD_GET, on_health},
        {"/status", HTTP_METHOD_GET, on_status},    {"/positions", HTTP_METHOD_GET, on_positions},
};
const uint32_t routes_count = countof(routes_table);

struct view
routes_view(const struct worker *worker)
{
        return (struct view){
                .ingest = &worker->ingest,
                .has_state = worker->has_state,
                .incarnation = worker->rehydrate.incarnation,
                .recovery_us = worker->recovery_us,
                .now_us = clock_wall_us(),
        };
}

static void
send_answer(struct worker *worker, struct http_request *request)
{
        http_request_answer(request, worker->answer.status, worker->answer.data, worker->answer.size);
}

static void
on_webhook(void *owner, struct http_request *request)
{
        struct worker *worker = owner;
        worker->is_work_done = true;
        webhook_on_request(&worker->webhook, request);
}

static void
on_health(void *owner, struct http_request *request)
{
        struct worker *worker = owner;
        struct view view = routes_view(worker);
        views_health(&view, http_request_id(request), &worker->answer);
        send_answer(worker, request);
}

static void
on_live(void *owner, struct http_request *request)
{
        struct worker *worker = owner;
        views_live(http_request_id(request), &worker->answer);
        send_answer(worker, request);
}

static void
on_status(void *owner, struct http_request *request)
{
        struct worker *worker = owner;
        struct view view = routes_view(worker);
        views_status(&view, http_request_id(request), &worker->answer);
        send_answer(worker, request);
}

static size_t
next_positions(void *owner, const struct http_request *request, struct http_cursor *cursor, char *buffer, size_t capacity)
{
        struct view view = routes_view(owner);
        return views_positions(&view, http_request_id(request), cursor, buffer, capacity);
}

/* What fits in one piece is an ordinary answer; more is sent piece by piece, so that reading a large portfolio holds up no
 * signal. */
static void
on_positions(void *owner, struct http_request *request)
{
        struct worker *worker = owner;
        struct http_cursor cursor = {0, 0};
        char *piece = http_request_piece(request);
        if (!worker->has_state) {
                answers_unavailable(&worker->answer, http_request_id(request), ingest_gate(&worker->ingest, SIGNAL_NONE));
                send_answer(worker, request);
                return;
        }
        size_t size = next_positions(worker, request, &cursor, piece, HTTP_PIECE_SIZE_MAX);
        if (views_positions_are_done(&cursor))
                http_request_answer(request, 200, piece, size);
        else
                http_request_stream(request, next_positions);
}
