/* event: the facts that are decided by the worker's core and stored by the persister. portfolio_events holds
 * exactly these; the other tables are projections of them. core_apply() is the only thing that turns an event
 * into state. An event that was stored must stay readable for ever: kinds and enum values are never reused,
 * fields are only added at the end.
 *
 * Money and prices are micro-units (_e6), times are microseconds since 1970 UTC (_us). */
#ifndef PM_COMMON_EVENT_H
#define PM_COMMON_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/field.h"
#include "common/limits.h"

enum signal_type {
        SIGNAL_NONE = 0,
        SIGNAL_BASE_ENTRY = 1,
        SIGNAL_PYRAMID = 2,
        SIGNAL_EXIT = 3,
        SIGNAL_MARKET_DATA = 4,
        SIGNAL_EOD_MONITOR = 5,
        SIGNAL_PROBE = 6,
        SIGNAL_TYPE_END
};

/* What became of a signal. Kept (remembered against duplicates) are executed and blocked only (rules 4.2). */
enum outcome {
        OUTCOME_NONE = 0,
        OUTCOME_EXECUTED = 1,
        OUTCOME_BLOCKED = 2,
        OUTCOME_REJECTED = 3,
        OUTCOME_DUPLICATE = 4,
        OUTCOME_IGNORED = 5,
        OUTCOME_PROCESSED = 6, /* MARKET_DATA */
        OUTCOME_INVALID = 7,   /* 400; never an event */
        OUTCOME_END
};

/* Why. The text of each is its stable code in answers and in signal_log: event_reason_name(). */
enum reason {
        REASON_NONE = 0,
        /* base entry, rules 8 */
        REASON_LAYER_MISMATCH = 1,
        REASON_ALREADY_OPEN = 2,
        REASON_ZERO_ATR = 3,
        REASON_INVALID_RISK = 4,
        REASON_ZERO_LOTS_RISK = 5,
        REASON_ZERO_LOTS_MARGIN = 6,
        REASON_INVALID_INITIAL_STOP = 7,
        REASON_PORTFOLIO_RISK = 8,
        REASON_PORTFOLIO_VOL = 9,
        REASON_NO_EQUITY = 10,
        /* pyramid, rules 9 */
        REASON_NO_BASE = 11,
        REASON_MAX_PYRAMIDS = 12,
        REASON_LAYER_OPEN = 13,
        REASON_INVALID_INITIAL_RISK = 14,
        REASON_BELOW_1R = 15,
        REASON_ATR_SPACING = 16,
        REASON_PYRAMID_RISK = 17,
        REASON_PYRAMID_VOL = 18,
        REASON_NOT_PROFITABLE = 19,
        REASON_NO_POSITION = 20,
        REASON_ZERO_LOTS_GEOMETRIC = 21,
        REASON_ZERO_LOTS_RISK_BUDGET = 22,
        /* exit, ticks, memory, numbers */
        REASON_POSITION_NOT_OPEN = 23,
        REASON_STALE = 24,
        REASON_FUTURE = 25,
        REASON_BEYOND_MEMORY = 26,
        REASON_OVERFLOW = 27,
        REASON_EOD_NOT_SUPPORTED = 28,
        REASON_INSTRUMENT_RETIRED = 29, /* no longer configured: entries are blocked, exits and stops run */
        REASON_PAUSED = 30,
        REASON_STORE_REFUSED = 31, /* the database will not take the contents (DESIGN 5) */
        REASON_END
};

/* What limited the size of an entry (rules 8.4 and 9.7). */
enum limiter {
        LIMITER_NONE = 0,
        LIMITER_RISK = 1,
        LIMITER_MARGIN = 2,
        LIMITER_GEOMETRIC = 3,
        LIMITER_RISK_BUDGET = 4,
        LIMITER_INVALID_RISK = 5,
        LIMITER_END
};

/* Why a position closed. */
enum close_cause { CLOSE_NONE = 0, CLOSE_EXIT_SIGNAL = 1, CLOSE_PM_STOP_HIT = 2, CLOSE_END };

/* A named figure that led to a decision; shown in the answer and in signal_log. Micro-units all. */
enum figure_id {
        FIGURE_NONE = 0,
        FIGURE_LOTS_BY_RISK = 1,
        FIGURE_LOTS_BY_VOL = 2,
        FIGURE_LOTS_BY_MARGIN = 3,
        FIGURE_LOTS_BY_GEOMETRY = 4,
        FIGURE_LOTS_BY_BUDGET = 5,
        FIGURE_EQUITY_HIGH = 6,
        FIGURE_BLENDED_EQUITY = 7,
        FIGURE_USABLE_MARGIN = 8,
        FIGURE_RISK_BEFORE = 9,
        FIGURE_RISK_ADDED = 10,
        FIGURE_VOL_BEFORE = 11,
        FIGURE_VOL_ADDED = 12,
        FIGURE_LIMIT_PERCENT = 13,
        FIGURE_ONE_R = 14,
        FIGURE_PRICE_MOVE = 15,
        FIGURE_PRICE_MOVE_R = 16,
        FIGURE_ATR_SPACING = 17,
        FIGURE_PROFIT = 18,
        FIGURE_INITIAL_STOP = 19,
        FIGURE_PYRAMIDS_MAX = 20,
        FIGURE_HORIZON_S = 21,
        FIGURE_END
};

struct figure {
        enum figure_id id;
        int64_t value_e6;
};

struct figures {
        uint8_t count;
        struct figure items[PM_FIGURES_MAX];
};

/* A 128-bit wrapping sum of record hashes (core_digest). */
struct digest {
        uint64_t high;
        uint64_t low;
};

enum event_kind {
        EVENT_NONE = 0,

        /* The portfolio as a whole. */
        EVENT_PORTFOLIO_CREATED = 1,  /* the first event ever */
        EVENT_PORTFOLIO_RESET = 2,    /* clean state: nothing open, equity back to a starting capital; kept signals stay */
        EVENT_PORTFOLIO_ADJUSTED = 3, /* an operator's consistent edit: positions and instruments are forgotten;
                                         the LOAD events that follow it (more) say what is there now */
        EVENT_CAPITAL = 4,            /* deposit or withdrawal */
        EVENT_PAUSE = 5,              /* entries blocked, or again allowed */

        /* Signals and what they did. */
        EVENT_SIGNAL = 10, /* the fate of one logged signal */
        EVENT_POSITION_OPENED = 11,
        EVENT_POSITION_TRAILED = 12, /* highest close or stop moved */
        EVENT_POSITION_CLOSED = 13,
        EVENT_TICK = 14,         /* a processed MARKET_DATA */
        EVENT_KEPT_EVICTED = 15, /* the oldest kept signals are forgotten */
        EVENT_PROBE = 16,        /* a drill's signal: touches no money, left out of the digest */

        /* State as it is. Sent in snapshots; stored only after PORTFOLIO_ADJUSTED and in checkpoints. */
        EVENT_LOAD_PORTFOLIO = 40,
        EVENT_LOAD_INSTRUMENT = 41,
        EVENT_LOAD_POSITION = 42,
        EVENT_LOAD_KEPT = 43,
        EVENT_LOAD_PROBE = 44,
        EVENT_KIND_END
};

/* PORTFOLIO_CREATED, PORTFOLIO_RESET */
struct event_portfolio {
        int64_t initial_capital_e6;
};

struct event_capital {
        uint64_t request_id; /* the operator's command, for idempotency */
        int64_t amount_e6;   /* signed: deposit > 0 */
        struct text note;
};

struct event_pause {
        bool paused;
        struct text note;
};

struct event_signal {
        enum signal_type type;
        char instrument[PM_INSTRUMENT_NAME_SIZE];
        uint8_t layer; /* 1 to 6; 0 is ALL */
        int64_t signal_at_us;
        enum outcome outcome;
        enum reason reason;
        uint64_t kept_no; /* number in the memory of kept signals, from 1 upward; 0: not kept */
        int64_t lots;     /* executed entries: bought; exits: sold in all */
        enum limiter limiter;
        int64_t price_e6;
        int64_t pnl_e6; /* exits: sum over the closed layers */
        struct figures figures;
        struct text payload; /* the body as JSON, without the secret */
};

/* One open position, whole. It keeps the constants it was opened with. POSITION_OPENED and LOAD_POSITION. */
struct event_position {
        uint64_t position_no; /* never reused; grows by one with each position of the portfolio */
        char instrument[PM_INSTRUMENT_NAME_SIZE];
        uint8_t layer;
        int64_t lots;
        int64_t entry_at_us;    /* the signal's time */
        int64_t entry_price_e6; /* the fill */
        int64_t signal_price_e6;
        int64_t initial_stop_e6;
        int64_t current_stop_e6;
        int64_t highest_close_e6;
        int64_t atr_e6; /* 0: standin_atr_e6 counts */
        enum limiter limiter;
        int64_t lot_size;
        int64_t point_value;
        int64_t margin_per_lot;
        int64_t trailing_atr_x10;
        int64_t standin_atr_e6;
};

struct event_trailed {
        uint64_t position_no;
        char instrument[PM_INSTRUMENT_NAME_SIZE];
        uint8_t layer;
        int64_t highest_close_e6;
        int64_t current_stop_e6;
};

struct event_closed {
        uint64_t position_no;
        char instrument[PM_INSTRUMENT_NAME_SIZE];
        uint8_t layer;
        int64_t exit_at_us; /* the signal's time */
        int64_t exit_price_e6;
        int64_t pnl_e6;
        int64_t highest_close_e6; /* as they were at the close */
        int64_t current_stop_e6;
        enum close_cause cause;
        struct text reason; /* the exit signal's reason, cleaned and cut (rules 3.8) */
};

struct event_tick {
        char instrument[PM_INSTRUMENT_NAME_SIZE];
        int64_t tick_at_us;
        int64_t price_e6;
};

struct event_evicted {
        uint64_t through_kept_no; /* kept signals up to here are forgotten */
        int64_t horizon_us;       /* newest min(signal time, arrival) ever evicted */
};

struct event_probe {
        struct text id; /* at most PM_PROBE_ID_SIZE_MAX bytes */
};
#define PM_PROBE_ID_SIZE_MAX 64

struct event_load_portfolio {
        int64_t initial_capital_e6;
        int64_t closed_equity_e6;
        int64_t equity_high_e6;
        uint64_t positions_opened; /* the newest position_no */
        uint64_t kept_no;          /* the newest kept_no */
        uint64_t evicted_through_kept_no;
        int64_t horizon_us;
        bool paused;
};

struct event_load_instrument {
        char instrument[PM_INSTRUMENT_NAME_SIZE];
        uint64_t base_position_no; /* the open base, 0: none */
        int64_t last_pyramid_price_e6;
        int64_t tick_at_us; /* 0: no tick yet */
        int64_t mark_e6;
        uint64_t marked_through_no; /* positions opened up to this one have seen the mark; later ones count 0 */
};

struct event_load_kept {
        uint64_t kept_no;
        enum signal_type type;
        char instrument[PM_INSTRUMENT_NAME_SIZE];
        uint8_t layer;
        int64_t signal_at_us;
        int64_t arrived_at_us;
        uint64_t seq; /* of its EVENT_SIGNAL */
        enum outcome outcome;
        enum reason reason;
        enum limiter limiter;
        int64_t lots;
        int64_t pnl_e6;
};

struct event {
        enum event_kind kind;
        bool more;     /* the next event belongs to the same signal: one transaction, one batch */
        int64_t at_us; /* wall clock when it was decided; an EVENT_SIGNAL's arrival */
        union {
                struct event_portfolio portfolio;
                struct event_capital capital;
                struct event_pause pause;
                struct event_signal signal;
                struct event_position position;
                struct event_trailed trailed;
                struct event_closed closed;
                struct event_tick tick;
                struct event_evicted evicted;
                struct event_probe probe;
                struct event_load_portfolio load_portfolio;
                struct event_load_instrument load_instrument;
                struct event_load_kept load_kept;
        };
};

/* Everything one signal decides, in order. Storage of the caller; items borrow the signal's text. */
struct event_list {
        uint32_t count;
        struct event items[PM_EVENTS_PER_SIGNAL_MAX];
};

/* A run of events that somebody else owns (FIELD_EVENTS). */
struct event_span {
        struct event *items;
        uint32_t count;
};

struct event_desc {
        const char *name; /* stable: the column portfolio_events.kind */
        const struct field *fields;
        uint32_t fields_count;
};

/* The row of a kind, NULL when there is no such kind. Offsets are from the start of struct event. */
const struct event_desc *event_desc_of(int kind);
/* The kind with this name, EVENT_NONE when there is none. */
enum event_kind event_kind_of(const char *name);

/* Stable names, as they stand in SQL CHECKs and in answers; NULL for an unknown value. "" for the 0 of reason,
 * limiter and close cause. */
const char *event_signal_type_name(int type);  /* "BASE_ENTRY" */
const char *event_outcome_name(int outcome);   /* "executed" */
const char *event_reason_name(int reason);     /* "zero_lots_risk" */
const char *event_limiter_name(int limiter);   /* "risk_budget" */
const char *event_close_cause_name(int cause); /* "EXIT_SIGNAL", "PM_STOP_HIT" */
const char *event_figure_name(int figure);     /* "lots_by_risk" */

/* "Long_1" … "Long_6", "ALL" for 0. */
const char *event_layer_name(uint8_t layer);

#endif
