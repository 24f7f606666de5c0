/* intake: what to do with a batch of events that came over the data link: is it of this incarnation, in order, a
 * repeat, whole? Owned by struct persister. Pure: no I/O, no clock; the events themselves are not looked into. */
#ifndef PM_PERSISTER_INTAKE_H
#define PM_PERSISTER_INTAKE_H

#include <stdint.h>

#include "common/check.h"
#include "common/event.h"

struct intake {
        uint64_t incarnation; /* of the one writer whose batches are taken; 0: of nobody */
        uint64_t next_seq;    /* the first sequence number that is not here yet, stored or queued */
};

enum intake_verdict {
        INTAKE_TAKE = 0, /* the events from *skip on are new: queue them, then intake_taken() */
        INTAKE_KNOWN,    /* all of it is here already: a resend, acknowledged again once stored */
        INTAKE_GAP,      /* something before it is missing: repeat the last BATCH_ACK, the outbox goes back */
        INTAKE_OLD,      /* of an older writer, or of one we do not know: refuse */
        INTAKE_BROKEN,   /* splits a signal, or numbers that wrap: the sender has a bug, refuse */
};

/* Nothing is taken until the first intake_open(). */
void intake_init(struct intake *intake);
/* From now on incarnation alone may write, and stored_seq is the newest there is. What waited from others is forgotten. */
void intake_open(struct intake *intake, uint64_t incarnation, uint64_t stored_seq);

/* Judges; changes nothing. *skip is how many of the leading events are known already (INTAKE_TAKE). */
PM_MUST_CHECK enum intake_verdict intake_check(const struct intake *intake, uint64_t incarnation, uint64_t first_seq,
                                               struct event_span events, uint32_t *skip);
/* count events from next_seq on were queued. */
void intake_taken(struct intake *intake, uint32_t count);

#endif
