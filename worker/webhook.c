#include "worker/webhook.h"

#include <string.h>

#include "common/clock.h"
#include "common/limits.h"

#define SECRET_HEADER "X-PM-Secret"

bool
webhook_init(struct webhook *webhook, struct ingest *ingest, const struct http_secret *secret, int64_t requests_per_second)
{
        webhook->ingest = ingest;
        webhook->secret = *secret;
        http_limits_init(&webhook->limits, requests_per_second, (uint64_t)clock_wall_us());
        return replies_init(&webhook->parked) == REPLIES_OK;
}

void
webhook_fini(struct webhook *webhook)
{
        replies_fini(&webhook->parked);
        explicit_bzero(&webhook->secret, sizeof(webhook->secret));
}

static void
answer_unavailable(struct webhook *webhook, struct http_request *request, enum unavailable reason)
{
        webhook->ingest->counts.unavailable++;
        answers_unavailable(&webhook->answer, http_request_id(request), reason);
        http_request_answer(request, webhook->answer.status, webhook->answer.data, webhook->answer.size);
}

static void
answer_error(struct webhook *webhook, struct http_request *request, int status, const char *error_type, const char *message)
{
        answers_error(&webhook->answer, http_request_id(request), status, error_type, message);
        http_request_answer(request, webhook->answer.status, webhook->answer.data, webhook->answer.size);
}

static bool
is_known_to_core(const void *owner, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        bool configured;
        return core_instrument_known(owner, name, &configured);
}

static enum signal_code
parse(struct webhook *webhook, const struct http_request *request)
{
        struct signal_instruments instruments = {is_known_to_core, webhook->ingest->core};
        struct text body = http_request_body(request);
        return signal_from_json(&webhook->parsed, body.data, body.size, &instruments);
}

/* Whoever shows the secret is never held up by the rate of his source: behind a tunnel all senders are one source, and a 4xx is
 * not sent again, so it could cost an exit. Everyone else is. */
static bool
is_let_in(struct webhook *webhook, struct http_request *request, enum signal_code code)
{
        struct text header = http_request_header(request, SECRET_HEADER);
        const struct signal_json *parsed = &webhook->parsed;
        if (webhook->secret.size == 0)
                return true; /* http.allow_unauthenticated: every sender counts as known */
        if ((header.data != NULL && http_secret_equals(&webhook->secret, header)) ||
            (parsed->has_secret && http_secret_equals(&webhook->secret, parsed->secret)))
                return true;
        if (!http_limits_allow(&webhook->limits, http_request_source(request), clock_monotonic_us())) {
                answer_error(webhook, request, 429, "rate_limit_error", "too many requests from this address (http.requests_per_second)");
                return false;
        }
        answer_error(webhook, request, 401, "unauthorized",
                     code == SIGNAL_BAD_JSON ? "no right secret: the body is not JSON, so no field secret could be read behind the error"
                                             : "the field secret of the body, or the header X-PM-Secret, is missing or wrong");
        return false;
}

static int64_t
answer_deadline_us(const struct http_request *request)
{
        return http_request_started_us(request) + PM_ANSWER_DEADLINE_MS * 1000LL;
}

/* webhook->parsed is request's. */
static void
decide(struct webhook *webhook, struct http_request *request)
{
        enum unavailable refusal = ingest_signal(webhook->ingest, &webhook->parsed.signal, clock_wall_us(), request,
                                                 http_request_id(request), answer_deadline_us(request), &webhook->answer);
        if (refusal != UNAVAILABLE_NONE)
                answer_unavailable(webhook, request, refusal);
        else
                http_request_keep(request, &webhook->answer);
}

static void
answer_invalid(struct webhook *webhook, struct http_request *request, enum signal_code code)
{
        webhook->ingest->counts.by_outcome[OUTCOME_INVALID]++;
        answers_invalid(&webhook->answer, http_request_id(request), code, webhook->parsed.field);
        http_request_answer(request, webhook->answer.status, webhook->answer.data, webhook->answer.size);
}

void
webhook_on_request(struct webhook *webhook, struct http_request *request)
{
        struct ingest *ingest = webhook->ingest;
        enum signal_code code = parse(webhook, request);
        if (!is_let_in(webhook, request, code))
                return;
        ingest->counts.received++;
        /* Which instruments have something open is not known before the state is there. */
        if (code != SIGNAL_CODE_OK && (ingest->is_open || code != SIGNAL_BAD_INSTRUMENT)) {
                answer_invalid(webhook, request, code);
                return;
        }
        if (ingest->is_open || ingest->is_draining) {
                decide(webhook, request);
                return;
        }
        int64_t deadline_us = http_request_started_us(request) + PM_RECOVERING_WAIT_MS * 1000LL;
        if (replies_wait(&webhook->parked, request, 0, deadline_us) != REPLIES_OK)
                answer_unavailable(webhook, request, UNAVAILABLE_QUEUE_FULL);
}

void
webhook_open(struct webhook *webhook)
{
        struct http_request *request;
        webhook_expire(webhook);
        while ((request = replies_take_stored(&webhook->parked, 0, clock_monotonic_us())) != NULL) {
                enum signal_code code = parse(webhook, request);
                if (code != SIGNAL_CODE_OK)
                        answer_invalid(webhook, request, code);
                else
                        decide(webhook, request);
        }
}

void
webhook_stored(struct webhook *webhook, uint64_t through_seq)
{
        struct http_request *request;
        webhook_expire(webhook);
        while ((request = replies_take_stored(&webhook->ingest->replies, through_seq, clock_monotonic_us())) != NULL)
                http_request_send_kept(request);
}

void
webhook_expire(struct webhook *webhook)
{
        struct ingest *ingest = webhook->ingest;
        struct http_request *request;
        int64_t now_us = clock_monotonic_us();
        while ((request = replies_take_expired(&ingest->replies, now_us)) != NULL)
                answer_unavailable(webhook, request, ingest->is_store_away ? UNAVAILABLE_DATABASE : UNAVAILABLE_DEADLINE);
        while ((request = replies_take_expired(&webhook->parked, now_us)) != NULL)
                answer_unavailable(webhook, request, ingest->is_store_away ? UNAVAILABLE_DATABASE : UNAVAILABLE_RECOVERING);
}

void
webhook_refuse_parked(struct webhook *webhook)
{
        struct http_request *request;
        while ((request = replies_take_expired(&webhook->parked, INT64_MAX)) != NULL)
                answer_unavailable(webhook, request, UNAVAILABLE_DRAINING);
}

void
webhook_refuse_all(struct webhook *webhook)
{
        struct http_request *request;
        webhook_refuse_parked(webhook);
        while ((request = replies_take_expired(&webhook->ingest->replies, INT64_MAX)) != NULL)
                answer_unavailable(webhook, request, UNAVAILABLE_DRAINING);
}

int64_t
webhook_deadline_us(const struct webhook *webhook)
{
        int64_t replies_us = replies_deadline_us(&webhook->ingest->replies);
        int64_t parked_us = replies_deadline_us(&webhook->parked);
        return replies_us < parked_us ? replies_us : parked_us;
}
