/* replay: portfolio_events folded into a core once more, piece by piece. What happened before a reset matters only for what outlives it:
 * the memory of signals and commands, and the numbers already given. So a clean state is a way out of any history, and verify
 * begins there. Knows no connection. */
#ifndef PM_PERSISTER_REPLAY_H
#define PM_PERSISTER_REPLAY_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "persister/statements.h"
#include "worker/core/core.h"

/* A piece of portfolio_events in order. Its one parameter is the seq to go on after, 0 first; the end is a result without rows. */
extern const struct statement replay_statement;

/* The reset is yet to come: of all that is stored only the memory is wanted. */
#define REPLAY_RESET_FOLLOWS UINT64_MAX

/* Folds the rows of one result into core, which was cleared before the first. reset_seq: the newest PORTFOLIO_RESET, 0 when there is
 * none. *seq: the last event folded in, to go on after; unchanged when there were no rows. false: *why names the rule, *seq the
 * event; the core must be cleared. */
PM_MUST_CHECK bool replay_take(struct core *core, const PGresult *result, uint64_t reset_seq, uint64_t *seq, const char **why);

#endif
