/* load: the stored state becomes the replica core, with every check that can be made on the way. The rows of a few SELECTs, all
 * of one snapshot of the database, are taken one result at a time and turned into LOAD events; core_apply() folds them in. The
 * cost grows with open positions and kept signals, not with history. Knows no connection; used at start, after a lost
 * connection when the state moved, and by verify. */
#ifndef PM_PERSISTER_LOAD_H
#define PM_PERSISTER_LOAD_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/msg.h"
#include "persister/statements.h"
#include "worker/core/core.h"

/* The SELECTs, in the order in which their results must be taken; without parameters, results as text. */
enum load_query {
        LOAD_QUERY_STATE = 0,
        LOAD_QUERY_NEWEST_EVENT,
        LOAD_QUERY_LEDGER,
        LOAD_QUERY_EDITS,
        LOAD_QUERY_INSTRUMENTS,
        LOAD_QUERY_POSITIONS,
        LOAD_QUERY_KEPT,
        LOAD_QUERY_PROBES,
        LOAD_QUERY_END
};
extern const struct statement load_statements[LOAD_QUERY_END];
/* What the persister must append before it serves (DESIGN 5). */
enum load_action {
        LOAD_ACTION_NONE = 0,
        LOAD_ACTION_CREATE, /* an empty database: PORTFOLIO_CREATED */
        LOAD_ACTION_RESET,  /* portfolio_state was deleted by hand: replay (REPLAY_RESET_FOLLOWS), then PORTFOLIO_RESET */
        LOAD_ACTION_ADJUST, /* consistent edits by hand: PORTFOLIO_ADJUSTED and what is there now */
        LOAD_ACTION_ACCEPT, /* edits that changed nothing that counts: only portfolio_edits is to be marked */
};

/* An adjustment tells all that is open, in one transaction. */
#define LOAD_ADJUST_EVENTS_MAX PM_OUTBOX_EVENTS_MAX

#define LOAD_RULE_SIZE 64
#define LOAD_DETAIL_SIZE 512

struct load_report {
        enum recovery_problem problem;
        char rule[LOAD_RULE_SIZE];     /* the first rule that failed, "closed_equity_is_ledger_sum" */
        char detail[LOAD_DETAIL_SIZE]; /* both values, and the position */
        uint32_t quarantined_count;    /* position rows that were left out */
        enum load_action action;
        uint64_t last_seq;    /* of portfolio_state, or of the newest event when that row is missing */
        uint64_t incarnation; /* the newest that ever wrote */
        struct digest digest_stored;
        struct digest digest; /* of the core as loaded */
        uint64_t positions_count;
};

struct load; /* between the first result and the last */

/* core is cleared and kept until load_finish. NULL when memory is short. */
struct load *load_begin(struct core *core);
/* The result of load_statements[query], which has succeeded (PGRES_TUPLES_OK). Borrowed. */
void load_take(struct load *load, enum load_query query, const PGresult *result);
/* After the last result. Frees load. */
void load_finish(struct load *load, struct load_report *report);
void load_abandon(struct load *load); /* NULL is fine */

/* Appends to list the events that a report's action asks for, through add(): events borrow from core. For ADJUST the core is the one
 * just loaded. initial_capital_e6 is the config's. Returns false when add() did. */
PM_MUST_CHECK bool load_events(enum load_action action, const struct core *core, int64_t initial_capital_e6, int64_t now_us,
                               bool (*add)(void *owner, const struct event *event), void *owner);

#endif
