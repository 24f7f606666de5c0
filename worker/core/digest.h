/* digest: a 128-bit hash of each record of the state, summed with wrap-around, so that a change costs one record's
 * hash and the order in which records came to be does not matter. Left out: who wrote (incarnation), sequence numbers,
 * drill probes. The digest of every transaction is stored, so what a record's words are must never change. */
#ifndef PM_CORE_DIGEST_H
#define PM_CORE_DIGEST_H

#include "common/event.h"

struct digest digest_of_portfolio(const struct event_load_portfolio *record);
struct digest digest_of_instrument(const struct event_load_instrument *record); /* zero when it says nothing */
/* A position is two records: what it was opened with, and what a tick moves. */
struct digest digest_of_position(const struct event_position *record);
struct digest digest_of_stop(const struct event_position *record);
struct digest digest_of_kept(const struct event_load_kept *record);

void digest_add(struct digest *sum, struct digest part);
void digest_take(struct digest *sum, struct digest part);

/* Whether there is anything to remember of an instrument beside its positions. */
bool digest_instrument_says(const struct event_load_instrument *record);

#endif
