/* core: the portfolio as a pure state machine. core_decide() reads state and answers with events, a refusal being an
 * event too; core_apply() folds one event in and is the only way into the state: live, rehydration and replay
 * all use it. No clock, socket, file, log or double here; the only allocation is in core_new(). Used by pm-worker
 * (which decides), pm-persister (a replica that checks and rehydrates) and the tests.
 *
 * Cost of a signal does not depend on how many positions are open: totals and the digest are kept up by core_apply. */
#ifndef PM_CORE_CORE_H
#define PM_CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/event.h"
#include "common/instrument.h"
#include "worker/core/signal.h"

struct core;

struct core_options {
        const struct instrument *instruments; /* borrowed only during core_new */
        uint32_t instruments_count;
        uint32_t dedupe_max;   /* kept signals remembered; 0: PM_DEDUPE_MAX */
        int64_t max_future_us; /* entries and ticks further ahead of now are ignored; 0: off. Not part of the digest */
};

/* NULL when memory is short. Holds nothing until PORTFOLIO_CREATED or LOAD_PORTFOLIO is applied. */
struct core *core_new(const struct core_options *options);
void core_free(struct core *core);
/* Back to the state after core_new, for loading again. */
void core_clear(struct core *core);

/* What the answer to the sender shows beside the events. */
struct core_decision {
        enum outcome outcome;
        enum reason reason;
        enum limiter limiter;
        int64_t lots;
        int64_t pnl_e6;
        struct figures figures;
        uint32_t closed_count; /* exits and stops: layers in order */
        uint8_t closed_layers[PM_LAYERS_MAX];
        uint32_t checked_count;          /* MARKET_DATA: open positions looked at */
        struct event_load_kept original; /* DUPLICATE: the first outcome */
};

/* Decides one signal at now_us (wall clock, microseconds). Fills *list (texts borrowed from signal) and *decision. Never
 * changes the state. list->count 0: nothing changes and nothing is stored. In order, all but the last with `more`:
 *
 *   EXECUTED entry    [KEPT_EVICTED] SIGNAL POSITION_OPENED        EXIT  [KEPT_EVICTED] SIGNAL POSITION_CLOSED…
 *   BLOCKED           [KEPT_EVICTED] SIGNAL                        REJECTED position_not_open  SIGNAL (not kept)
 *   PROCESSED tick    TICK, then of each layer that moved POSITION_TRAILED or POSITION_CLOSED
 *   PROCESSED probe   PROBE
 *   nothing           DUPLICATE, IGNORED (stale, future, beyond_memory, eod_not_supported), REJECTED paused or of an
 *                     unknown instrument, BLOCKED overflow of a tick
 *
 * A portfolio exists, and the signal is what signal_json.c lets through. Repeats are found before anything else, also while
 * paused. */
void core_decide(const struct core *core, const struct signal *signal, int64_t now_us, struct event_list *list,
                 struct core_decision *decision);

/* Operator's orders (rules 6, R-CAP). EXECUTED with one event, or none and: REJECTED overflow (an amount of 0, or one that leaves
 * the bounds of money), REJECTED no_equity (more is withdrawn than there is), DUPLICATE (this request_id was carried out; the
 * newest PM_PROBES_MAX ids are remembered, among the snapshot's LOAD_PROBEs). amount_e6 is negative for a withdrawal. A pause
 * is always EXECUTED, also when it changes nothing. */
void core_decide_capital(const struct core *core, int64_t amount_e6, uint64_t request_id, struct text note, int64_t now_us,
                         struct event_list *list, struct core_decision *decision);
void core_decide_pause(const struct core *core, bool paused, struct text note, int64_t now_us, struct event_list *list,
                       struct core_decision *decision);
/* The id under which a capital command is remembered beside the probes; written to id and borrowed from it. It begins with a
 * byte that no sender's id has, so the two kinds never meet. */
#define CORE_COMMAND_ID_SIZE 17
struct text core_command_id(uint64_t request_id, char id[CORE_COMMAND_ID_SIZE]);
void core_decide_create(int64_t initial_capital_e6, int64_t now_us, struct event_list *list);

enum core_status {
        CORE_OK = 0,
        CORE_UNKNOWN_KIND,
        CORE_CONTRADICTION, /* the event does not fit the state: closing what is not open, a number out of order, a total out of range */
        CORE_FULL,          /* more instruments or kept signals than core_new made room for */
};

/* Folds one event in, seq being its sequence number (0 for LOAD events of a snapshot). On a failure the state is
 * unspecified and must be cleared; *why (when not NULL) names the rule. A refused LOAD event changes nothing, so a
 * loader may leave a bad record out and go on. */
PM_MUST_CHECK enum core_status core_apply(struct core *core, const struct event *event, uint64_t seq, const char **why);

struct digest core_digest(const struct core *core);
bool core_digest_equal(struct digest a, struct digest b);

/* The state as LOAD events, for a snapshot: first LOAD_PORTFOLIO, then instruments with anything to say, open positions by
 * instrument and layer, kept signals by number, probes. Call with *cursor 0 first; fills up to capacity events and moves the
 * cursor; returns how many, 0 at the end. Texts are borrowed from the core. */
uint32_t core_export(const struct core *core, uint64_t *cursor, struct event *events, uint32_t capacity);
uint64_t core_export_count(const struct core *core);

/* Recomputes every total and the digest from the records and compares. NULL when they agree, else the name of the first
 * rule that does not hold, with both values. */
const char *core_check(const struct core *core, int64_t *kept_value, int64_t *recomputed_value);

/* Figures of rules 6 and 7. Percentages in micro-percent (15 % = 15000000). */
struct core_figures {
        bool exists; /* a portfolio was created or loaded */
        bool paused;
        int64_t initial_capital_e6;
        int64_t closed_equity_e6;
        int64_t equity_high_e6;
        int64_t unrealized_e6;
        int64_t open_equity_e6;
        int64_t blended_equity_e6;
        int64_t risk_amount_e6;
        int64_t risk_percent_e6;
        int64_t vol_amount_e6;
        int64_t vol_percent_e6;
        int64_t margin_used_e6;
        int64_t margin_available_e6;
        int64_t margin_percent_e6;
        uint32_t positions_count;
        uint64_t positions_opened;
        uint64_t kept_no;
        uint64_t evicted_through_kept_no;
        uint32_t kept_count;
        int64_t horizon_us;
};
void core_figures(const struct core *core, struct core_figures *figures);

/* Open positions in the order of instruments (configured order, then retired ones) and layer. */
struct core_position {
        struct event_position position;
        int64_t unrealized_e6;
        int64_t risk_e6;
        int64_t vol_e6;
        int64_t margin_e6;
        bool marked;
        int64_t mark_e6;
};
/* Position at *cursor (0 first), false at the end. */
bool core_next_position(const struct core *core, uint64_t *cursor, struct core_position *out);
/* By number; false when it is not open. */
bool core_position_of(const struct core *core, const char instrument[PM_INSTRUMENT_NAME_SIZE], uint8_t layer, struct core_position *out);

/* The instrument's row of pyramiding_state. false when there is no such instrument. */
bool core_instrument_state(const struct core *core, const char instrument[PM_INSTRUMENT_NAME_SIZE], struct event_load_instrument *out);
/* Instruments known at all (configured, or with something open), and whether entries are allowed in it. */
bool core_instrument_known(const struct core *core, const char instrument[PM_INSTRUMENT_NAME_SIZE], bool *configured);

#endif
