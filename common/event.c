/* event: the table of fields behind event.h, and the names that travel. A field's name is its key in
 * portfolio_events.payload, so it is as stable as the numbers. */
#include "common/event.h"

#include <string.h>

#include "common/check.h"

#define OF(member) (uint32_t) offsetof(struct event, member)
#define F(type_, member, name_)                                                                                                            \
        {                                                                                                                                  \
                .name = name_, .type = type_, .offset = OF(member)                                                                         \
        }
#define F_ENUM(member, name_, end, names)                                                                                                  \
        {                                                                                                                                  \
                .name = name_, .type = FIELD_ENUM, .offset = OF(member), .limit = end, .enum_name = names                                  \
        }
#define F_TEXT(member, name_, max)                                                                                                         \
        {                                                                                                                                  \
                .name = name_, .type = FIELD_TEXT, .offset = OF(member), .limit = max                                                      \
        }

#define NOTE_SIZE_MAX PM_REASON_SIZE_MAX

static const struct field portfolio_fields[] = {
        F(FIELD_E6, portfolio.initial_capital_e6, "initial_capital"),
};
static const struct field capital_fields[] = {
        F(FIELD_U64, capital.request_id, "request_id"),
        F(FIELD_E6, capital.amount_e6, "amount"),
        F_TEXT(capital.note, "note", NOTE_SIZE_MAX),
};
static const struct field pause_fields[] = {
        F(FIELD_BOOL, pause.paused, "paused"),
        F_TEXT(pause.note, "note", NOTE_SIZE_MAX),
};
static const struct field signal_fields[] = {
        F_ENUM(signal.type, "type", SIGNAL_TYPE_END, event_signal_type_name),
        F(FIELD_NAME, signal.instrument, "instrument"),
        F(FIELD_U8, signal.layer, "layer"),
        F(FIELD_TIME_US, signal.signal_at_us, "signal_at"),
        F_ENUM(signal.outcome, "outcome", OUTCOME_END, event_outcome_name),
        F_ENUM(signal.reason, "reason", REASON_END, event_reason_name),
        F(FIELD_U64, signal.kept_no, "kept_no"),
        F(FIELD_I64, signal.lots, "lots"),
        F_ENUM(signal.limiter, "limiter", LIMITER_END, event_limiter_name),
        F(FIELD_E6, signal.price_e6, "price"),
        F(FIELD_E6, signal.pnl_e6, "pnl"),
        F(FIELD_FIGURES, signal.figures, "figures"),
        F_TEXT(signal.payload, "payload", PM_BODY_SIZE_MAX),
};
static const struct field position_fields[] = {
        F(FIELD_U64, position.position_no, "position_no"),
        F(FIELD_NAME, position.instrument, "instrument"),
        F(FIELD_U8, position.layer, "layer"),
        F(FIELD_I64, position.lots, "lots"),
        F(FIELD_TIME_US, position.entry_at_us, "entry_at"),
        F(FIELD_E6, position.entry_price_e6, "entry_price"),
        F(FIELD_E6, position.signal_price_e6, "signal_price"),
        F(FIELD_E6, position.initial_stop_e6, "initial_stop"),
        F(FIELD_E6, position.current_stop_e6, "current_stop"),
        F(FIELD_E6, position.highest_close_e6, "highest_close"),
        F(FIELD_E6, position.atr_e6, "atr"),
        F_ENUM(position.limiter, "limiter", LIMITER_END, event_limiter_name),
        F(FIELD_I64, position.lot_size, "lot_size"),
        F(FIELD_I64, position.point_value, "point_value"),
        F(FIELD_I64, position.margin_per_lot, "margin_per_lot"),
        F(FIELD_I64, position.trailing_atr_x10, "trailing_atr_x10"),
        F(FIELD_E6, position.standin_atr_e6, "standin_atr"),
};
static const struct field trailed_fields[] = {
        F(FIELD_U64, trailed.position_no, "position_no"),
        F(FIELD_NAME, trailed.instrument, "instrument"),
        F(FIELD_U8, trailed.layer, "layer"),
        F(FIELD_E6, trailed.highest_close_e6, "highest_close"),
        F(FIELD_E6, trailed.current_stop_e6, "current_stop"),
};
static const struct field closed_fields[] = {
        F(FIELD_U64, closed.position_no, "position_no"),
        F(FIELD_NAME, closed.instrument, "instrument"),
        F(FIELD_U8, closed.layer, "layer"),
        F(FIELD_TIME_US, closed.exit_at_us, "exit_at"),
        F(FIELD_E6, closed.exit_price_e6, "exit_price"),
        F(FIELD_E6, closed.pnl_e6, "pnl"),
        F(FIELD_E6, closed.highest_close_e6, "highest_close"),
        F(FIELD_E6, closed.current_stop_e6, "current_stop"),
        F_ENUM(closed.cause, "cause", CLOSE_END, event_close_cause_name),
        F_TEXT(closed.reason, "reason", PM_REASON_SIZE_MAX),
};
static const struct field tick_fields[] = {
        F(FIELD_NAME, tick.instrument, "instrument"),
        F(FIELD_TIME_US, tick.tick_at_us, "tick_at"),
        F(FIELD_E6, tick.price_e6, "price"),
};
static const struct field evicted_fields[] = {
        F(FIELD_U64, evicted.through_kept_no, "through_kept_no"),
        F(FIELD_TIME_US, evicted.horizon_us, "horizon"),
};
static const struct field probe_fields[] = {
        F_TEXT(probe.id, "id", PM_PROBE_ID_SIZE_MAX),
};
static const struct field load_portfolio_fields[] = {
        F(FIELD_E6, load_portfolio.initial_capital_e6, "initial_capital"),
        F(FIELD_E6, load_portfolio.closed_equity_e6, "closed_equity"),
        F(FIELD_E6, load_portfolio.equity_high_e6, "equity_high"),
        F(FIELD_U64, load_portfolio.positions_opened, "positions_opened"),
        F(FIELD_U64, load_portfolio.kept_no, "kept_no"),
        F(FIELD_U64, load_portfolio.evicted_through_kept_no, "evicted_through_kept_no"),
        F(FIELD_TIME_US, load_portfolio.horizon_us, "horizon"),
        F(FIELD_BOOL, load_portfolio.paused, "paused"),
};
static const struct field load_instrument_fields[] = {
        F(FIELD_NAME, load_instrument.instrument, "instrument"),
        F(FIELD_U64, load_instrument.base_position_no, "base_position_no"),
        F(FIELD_E6, load_instrument.last_pyramid_price_e6, "last_pyramid_price"),
        F(FIELD_TIME_US, load_instrument.tick_at_us, "tick_at"),
        F(FIELD_E6, load_instrument.mark_e6, "mark"),
        F(FIELD_U64, load_instrument.marked_through_no, "marked_through_no"),
};
static const struct field load_kept_fields[] = {
        F(FIELD_U64, load_kept.kept_no, "kept_no"),
        F_ENUM(load_kept.type, "type", SIGNAL_TYPE_END, event_signal_type_name),
        F(FIELD_NAME, load_kept.instrument, "instrument"),
        F(FIELD_U8, load_kept.layer, "layer"),
        F(FIELD_TIME_US, load_kept.signal_at_us, "signal_at"),
        F(FIELD_TIME_US, load_kept.arrived_at_us, "arrived_at"),
        F(FIELD_U64, load_kept.seq, "seq"),
        F_ENUM(load_kept.outcome, "outcome", OUTCOME_END, event_outcome_name),
        F_ENUM(load_kept.reason, "reason", REASON_END, event_reason_name),
        F_ENUM(load_kept.limiter, "limiter", LIMITER_END, event_limiter_name),
        F(FIELD_I64, load_kept.lots, "lots"),
        F(FIELD_E6, load_kept.pnl_e6, "pnl"),
};

#define EVENT(name_, fields_)                                                                                                              \
        {                                                                                                                                  \
                .name = name_, .fields = fields_, .fields_count = countof(fields_)                                                         \
        }

static const struct event_desc event_table[EVENT_KIND_END] = {
        [EVENT_PORTFOLIO_CREATED] = EVENT("PORTFOLIO_CREATED", portfolio_fields),
        [EVENT_PORTFOLIO_RESET] = EVENT("PORTFOLIO_RESET", portfolio_fields),
        [EVENT_PORTFOLIO_ADJUSTED] = {.name = "PORTFOLIO_ADJUSTED"},
        [EVENT_CAPITAL] = EVENT("CAPITAL", capital_fields),
        [EVENT_PAUSE] = EVENT("PAUSE", pause_fields),
        [EVENT_SIGNAL] = EVENT("SIGNAL", signal_fields),
        [EVENT_POSITION_OPENED] = EVENT("POSITION_OPENED", position_fields),
        [EVENT_POSITION_TRAILED] = EVENT("POSITION_TRAILED", trailed_fields),
        [EVENT_POSITION_CLOSED] = EVENT("POSITION_CLOSED", closed_fields),
        [EVENT_TICK] = EVENT("TICK", tick_fields),
        [EVENT_KEPT_EVICTED] = EVENT("KEPT_EVICTED", evicted_fields),
        [EVENT_PROBE] = EVENT("PROBE", probe_fields),
        [EVENT_LOAD_PORTFOLIO] = EVENT("LOAD_PORTFOLIO", load_portfolio_fields),
        [EVENT_LOAD_INSTRUMENT] = EVENT("LOAD_INSTRUMENT", load_instrument_fields),
        [EVENT_LOAD_POSITION] = EVENT("LOAD_POSITION", position_fields),
        [EVENT_LOAD_KEPT] = EVENT("LOAD_KEPT", load_kept_fields),
        [EVENT_LOAD_PROBE] = EVENT("LOAD_PROBE", probe_fields),
};

const struct event_desc *
event_desc_of(int kind)
{
        if (kind <= EVENT_NONE || kind >= EVENT_KIND_END || event_table[kind].name == NULL)
                return NULL;
        return &event_table[kind];
}

enum event_kind
event_kind_of(const char *name)
{
        for (int kind = EVENT_NONE + 1; kind < EVENT_KIND_END; kind++) {
                if (event_table[kind].name != NULL && strcmp(event_table[kind].name, name) == 0)
                        return (enum event_kind)kind;
        }
        return EVENT_NONE;
}

/* The name at index value; NULL when the table has none. */
static const char *
name_in(const char *const *names, size_t count, int value)
{
        return value >= 0 && (size_t)value < count ? names[value] : NULL;
}

const char *
event_signal_type_name(int type)
{
        static const char *const names[SIGNAL_TYPE_END] = {
                [SIGNAL_BASE_ENTRY] = "BASE_ENTRY",   [SIGNAL_PYRAMID] = "PYRAMID",         [SIGNAL_EXIT] = "EXIT",
                [SIGNAL_MARKET_DATA] = "MARKET_DATA", [SIGNAL_EOD_MONITOR] = "EOD_MONITOR", [SIGNAL_PROBE] = "PROBE",
        };
        return name_in(names, countof(names), type);
}

const char *
event_outcome_name(int outcome)
{
        static const char *const names[OUTCOME_END] = {
                [OUTCOME_EXECUTED] = "executed",   [OUTCOME_BLOCKED] = "blocked", [OUTCOME_REJECTED] = "rejected",
                [OUTCOME_DUPLICATE] = "duplicate", [OUTCOME_IGNORED] = "ignored", [OUTCOME_PROCESSED] = "processed",
                [OUTCOME_INVALID] = "invalid",
        };
        return name_in(names, countof(names), outcome);
}

const char *
event_reason_name(int reason)
{
        static const char *const names[REASON_END] = {
                [REASON_NONE] = "",
                [REASON_LAYER_MISMATCH] = "layer_mismatch",
                [REASON_ALREADY_OPEN] = "already_open",
                [REASON_ZERO_ATR] = "zero_atr",
                [REASON_INVALID_RISK] = "invalid_risk",
                [REASON_ZERO_LOTS_RISK] = "zero_lots_risk",
                [REASON_ZERO_LOTS_MARGIN] = "zero_lots_margin",
                [REASON_INVALID_INITIAL_STOP] = "invalid_initial_stop",
                [REASON_PORTFOLIO_RISK] = "portfolio_risk",
                [REASON_PORTFOLIO_VOL] = "portfolio_vol",
                [REASON_NO_EQUITY] = "no_equity",
                [REASON_NO_BASE] = "no_base",
                [REASON_MAX_PYRAMIDS] = "max_pyramids",
                [REASON_LAYER_OPEN] = "layer_open",
                [REASON_INVALID_INITIAL_RISK] = "invalid_initial_risk",
                [REASON_BELOW_1R] = "below_1r",
                [REASON_ATR_SPACING] = "atr_spacing",
                [REASON_PYRAMID_RISK] = "pyramid_risk",
                [REASON_PYRAMID_VOL] = "pyramid_vol",
                [REASON_NOT_PROFITABLE] = "not_profitable",
                [REASON_NO_POSITION] = "no_position",
                [REASON_ZERO_LOTS_GEOMETRIC] = "zero_lots_geometric",
                [REASON_ZERO_LOTS_RISK_BUDGET] = "zero_lots_risk_budget",
                [REASON_POSITION_NOT_OPEN] = "position_not_open",
                [REASON_STALE] = "stale",
                [REASON_FUTURE] = "future",
                [REASON_BEYOND_MEMORY] = "beyond_memory",
                [REASON_OVERFLOW] = "overflow",
                [REASON_EOD_NOT_SUPPORTED] = "eod_not_supported",
                [REASON_INSTRUMENT_RETIRED] = "instrument_retired",
                [REASON_PAUSED] = "paused",
                [REASON_STORE_REFUSED] = "store_refused",
        };
        return name_in(names, countof(names), reason);
}

const char *
event_limiter_name(int limiter)
{
        static const char *const names[LIMITER_END] = {
                [LIMITER_NONE] = "",
                [LIMITER_RISK] = "risk",
                [LIMITER_MARGIN] = "margin",
                [LIMITER_GEOMETRIC] = "geometric",
                [LIMITER_RISK_BUDGET] = "risk_budget",
                [LIMITER_INVALID_RISK] = "invalid_risk",
        };
        return name_in(names, countof(names), limiter);
}

const char *
event_close_cause_name(int cause)
{
        static const char *const names[CLOSE_END] = {
                [CLOSE_NONE] = "",
                [CLOSE_EXIT_SIGNAL] = "EXIT_SIGNAL",
                [CLOSE_PM_STOP_HIT] = "PM_STOP_HIT",
        };
        return name_in(names, countof(names), cause);
}

const char *
event_figure_name(int figure)
{
        static const char *const names[FIGURE_END] = {
                [FIGURE_LOTS_BY_RISK] = "lots_by_risk",     [FIGURE_LOTS_BY_VOL] = "lots_by_vol",
                [FIGURE_LOTS_BY_MARGIN] = "lots_by_margin", [FIGURE_LOTS_BY_GEOMETRY] = "lots_by_geometry",
                [FIGURE_LOTS_BY_BUDGET] = "lots_by_budget", [FIGURE_EQUITY_HIGH] = "equity_high",
                [FIGURE_BLENDED_EQUITY] = "blended_equity", [FIGURE_USABLE_MARGIN] = "usable_margin",
                [FIGURE_RISK_BEFORE] = "risk_before",       [FIGURE_RISK_ADDED] = "risk_added",
                [FIGURE_VOL_BEFORE] = "vol_before",         [FIGURE_VOL_ADDED] = "vol_added",
                [FIGURE_LIMIT_PERCENT] = "limit_percent",   [FIGURE_ONE_R] = "one_r",
                [FIGURE_PRICE_MOVE] = "price_move",         [FIGURE_PRICE_MOVE_R] = "price_move_r",
                [FIGURE_ATR_SPACING] = "atr_spacing",       [FIGURE_PROFIT] = "profit",
                [FIGURE_INITIAL_STOP] = "initial_stop",     [FIGURE_PYRAMIDS_MAX] = "pyramids_max",
                [FIGURE_HORIZON_S] = "horizon_s",
        };
        return name_in(names, countof(names), figure);
}

const char *
event_layer_name(uint8_t layer)
{
        static const char *const names[PM_LAYERS_MAX + 1] = {"ALL", "Long_1", "Long_2", "Long_3", "Long_4", "Long_5", "Long_6"};
        return name_in(names, countof(names), layer);
}
