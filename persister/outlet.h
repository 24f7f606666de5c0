/* outlet: every message that the persister sends, put together from its state. A link that is down is no error here: its next
 * coming up, or the other side's HELLO, leads to what matters being sent again. */
#ifndef PM_PERSISTER_OUTLET_H
#define PM_PERSISTER_OUTLET_H

#include <stdint.h>

#include "common/link.h"
#include "common/msg.h"

struct persister;

/* To the supervisor. */
void outlet_hello(struct persister *persister);
void outlet_ready(struct persister *persister); /* PERSISTER_READY */
void outlet_recovery_failed(struct persister *persister, enum recovery_problem problem, const char *rule, const char *detail);
void outlet_heartbeat(struct persister *persister);
void outlet_report(struct persister *persister, uint64_t request_id);
void outlet_drained(struct persister *persister);

/* To the worker. */
void outlet_ack(struct persister *persister); /* through what is stored */
void outlet_refuse(struct persister *persister, enum batch_refusal refusal, uint64_t first_seq, const char *detail);
/* To its HELLO: where to go on from, or that it is an older writer; nothing while that cannot be judged. */
void outlet_answer_hello(struct persister *persister);

/* To both. */
void outlet_store_state(struct persister *persister);
void outlet_store_state_to(struct persister *persister, struct link *link);
/* We are connected, loaded and ready to store: STORE_STATE, PERSISTER_READY, and the answer to a HELLO that waited. */
void outlet_available(struct persister *persister);

#endif
