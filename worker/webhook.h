/* webhook: POST /webhook from request to answer: reads the body, asks for the secret, parks what comes too early, hands
 * signals to ingest and sends the answers once they are stored. Owned by struct worker. */
#ifndef PM_WORKER_WEBHOOK_H
#define PM_WORKER_WEBHOOK_H

#include <stdint.h>

#include "worker/http_auth.h"
#include "worker/http_limits.h"
#include "worker/http_server.h"
#include "worker/ingest.h"
#include "worker/replies.h"
#include "worker/signal_json.h"

struct webhook {
        struct ingest *ingest;
        struct http_secret secret;
        struct http_limits limits;
        struct replies parked;     /* requests that wait for the worker to be open */
        struct signal_json parsed; /* scratch */
        struct answer answer;      /* scratch */
};

/* ingest is kept. secret->size 0: everyone is let in. false: out of memory. */
PM_MUST_CHECK bool webhook_init(struct webhook *webhook, struct ingest *ingest, const struct http_secret *secret,
                                int64_t requests_per_second);
void webhook_fini(struct webhook *webhook);

void webhook_on_request(struct webhook *webhook, struct http_request *request);

/* The worker is open now: what was parked goes its way, in order of arrival. */
void webhook_open(struct webhook *webhook);
/* Everything up to through_seq is stored: these answers leave. */
void webhook_stored(struct webhook *webhook, uint64_t through_seq);
/* Requests whose time is over get 503. */
void webhook_expire(struct webhook *webhook);
/* All parked requests get 503 now. */
void webhook_refuse_parked(struct webhook *webhook);
/* And everyone who waits for a commit, too: it is not known to be stored. */
void webhook_refuse_all(struct webhook *webhook);

/* When webhook_expire has work next (monotonic); INT64_MAX: never. */
int64_t webhook_deadline_us(const struct webhook *webhook);

#endif
