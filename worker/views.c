#include "worker/views.h"

#include <stdio.h>
#include <string.h>

#include "common/fixed.h"
#include "worker/json_out.h"

/* One position's JSON is well below this. */
#define POSITION_SIZE_MAX 2048

static void
begin(struct json_out *out, struct answer *answer, int status)
{
        answer->status = status;
        json_out_init(out, answer->data, sizeof(answer->data));
        json_out_begin(out, NULL, '{');
}

static void
write_request_id(struct json_out *out, uint32_t request_id)
{
        char id[9];
        (void)snprintf(id, sizeof(id), "%08x", request_id);
        json_out_string(out, "request_id", id);
}

static void
end(struct json_out *out, struct answer *answer, uint32_t request_id)
{
        write_request_id(out, request_id);
        json_out_end(out, '}');
        PM_ASSERT(!out->overflowed);
        answer->size = out->size;
}

static void
write_stored(struct json_out *out, const struct view *view)
{
        const struct outbox *outbox = &view->ingest->outbox;
        json_out_uint(out, "stored_seq", outbox->acked_seq);
        json_out_uint(out, "pending", outbox_count(outbox));
        if (view->has_state)
                json_out_digest(out, "digest", core_digest(view->ingest->core));
        json_out_uint(out, "incarnation", view->incarnation);
}

/* The word of /health, and why it is not "healthy". An entry is what shows whether it can trade. */
static const char *
health_of(const struct view *view, bool is_paused, const char **reason)
{
        enum unavailable refusal = ingest_gate(view->ingest, SIGNAL_BASE_ENTRY);
        *reason = answers_unavailable_name(refusal);
        if (refusal == UNAVAILABLE_NONE && is_paused) {
                *reason = answers_unavailable_name(UNAVAILABLE_PAUSED);
                return "degraded";
        }
        if (refusal == UNAVAILABLE_NONE)
                return "healthy";
        if (refusal == UNAVAILABLE_RECOVERING)
                return "recovering";
        if (refusal == UNAVAILABLE_MAINTENANCE)
                return "maintenance";
        return "unhealthy";
}

void
views_health(const struct view *view, uint32_t request_id, struct answer *answer)
{
        struct json_out out;
        struct core_figures figures = {.exists = false};
        const char *reason;
        if (view->has_state)
                core_figures(view->ingest->core, &figures);
        const char *status = health_of(view, figures.paused, &reason);
        begin(&out, answer, reason == NULL || strcmp(status, "degraded") == 0 ? 200 : 503);
        json_out_string(&out, "status", status);
        if (reason != NULL)
                json_out_string(&out, "reason", reason);
        json_out_uint(&out, "positions", figures.positions_count);
        json_out_e6(&out, "risk_pct", figures.risk_percent_e6);
        json_out_e6(&out, "equity", figures.closed_equity_e6);
        json_out_e6(&out, "blended_equity", figures.blended_equity_e6);
        json_out_e6(&out, "equity_high", figures.equity_high_e6);
        json_out_string(&out, "database", view->has_state && !view->ingest->is_store_away ? "online" : "offline");
        json_out_string(&out, "broker", "paper");
        json_out_bool(&out, "trading_paused", figures.paused);
        json_out_time(&out, "last_signal_timestamp", view->ingest->counts.last_signal_at_us);
        write_stored(&out, view);
        if (view->recovery_us > 0)
                json_out_e6(&out, "recovery_ms", view->recovery_us * 1000);
        json_out_time(&out, "timestamp", view->now_us);
        end(&out, answer, request_id);
}

void
views_live(uint32_t request_id, struct answer *answer)
{
        struct json_out out;
        begin(&out, answer, 200);
        json_out_string(&out, "status", "alive");
        end(&out, answer, request_id);
}

/* Risk and volatility of one instrument, as percentages of the blended equity (rules 7). */
static void
write_instrument_percents(struct json_out *out, const struct core *core, const char *name, const struct core_figures *figures,
                          const char *risk_key, const char *vol_key)
{
        char instrument[PM_INSTRUMENT_NAME_SIZE] = {0};
        fixed_wide risk_e6 = 0, vol_e6 = 0;
        memcpy(instrument, name, strlen(name));
        for (uint8_t layer = 1; layer <= PM_LAYERS_MAX; layer++) {
                struct core_position position;
                if (!core_position_of(core, instrument, layer, &position))
                        continue;
                risk_e6 += position.risk_e6;
                vol_e6 += position.vol_e6;
        }
        fixed_wide blended_e6 = figures->blended_equity_e6;
        fixed_wide scale = 100 * (fixed_wide)FIXED_ONE_E6;
        json_out_e6(out, risk_key, blended_e6 <= 0 ? 0 : fixed_clamp(fixed_div_round(risk_e6 * scale, blended_e6), 0, FIXED_RATIO_MAX_E6));
        json_out_e6(out, vol_key, blended_e6 <= 0 ? 0 : fixed_clamp(fixed_div_round(vol_e6 * scale, blended_e6), 0, FIXED_RATIO_MAX_E6));
}

static void
write_figures(struct json_out *out, const struct core *core, const struct core_figures *figures)
{
        json_out_e6(out, "initialCapital", figures->initial_capital_e6);
        json_out_e6(out, "equity", figures->blended_equity_e6);
        json_out_e6(out, "closedEquity", figures->closed_equity_e6);
        json_out_e6(out, "openEquity", figures->open_equity_e6);
        json_out_e6(out, "blendedEquity", figures->blended_equity_e6);
        json_out_e6(out, "equityHigh", figures->equity_high_e6);
        json_out_e6(out, "unrealizedPnl", figures->unrealized_e6);
        json_out_uint(out, "positionCount", figures->positions_count);
        json_out_e6(out, "totalRiskAmount", figures->risk_amount_e6);
        json_out_e6(out, "totalRiskPercent", figures->risk_percent_e6);
        json_out_e6(out, "totalVolAmount", figures->vol_amount_e6);
        json_out_e6(out, "totalVolPercent", figures->vol_percent_e6);
        write_instrument_percents(out, core, "GOLD_MINI", figures, "goldRiskPercent", "goldVolPercent");
        write_instrument_percents(out, core, "BANK_NIFTY", figures, "bankniftyRiskPercent", "bankniftyVolPercent");
        json_out_e6(out, "marginUsed", figures->margin_used_e6);
        json_out_e6(out, "marginAvailable", figures->margin_available_e6);
        json_out_e6(out, "marginUtilizationPercent", figures->margin_percent_e6);
        json_out_bool(out, "tradingPaused", figures->paused);
        json_out_uint(out, "keptSignals", figures->kept_count);
}

/* orders_placed counts paper fills: each executed entry is one, each closed position another. */
static void
write_stats(struct json_out *out, const struct ingest_counts *counts)
{
        json_out_begin(out, "stats", '{');
        json_out_uint(out, "signals_received", counts->received);
        json_out_uint(out, "entries_executed", counts->entries_executed);
        json_out_uint(out, "entries_blocked", counts->entries_blocked);
        json_out_uint(out, "pyramids_executed", counts->pyramids_executed);
        json_out_uint(out, "pyramids_blocked", counts->pyramids_blocked);
        json_out_uint(out, "exits_executed", counts->exits_executed);
        json_out_uint(out, "orders_placed", counts->entries_executed + counts->pyramids_executed + counts->positions_closed);
        json_out_uint(out, "orders_failed", 0);
        json_out_uint(out, "rollovers_executed", 0);
        json_out_uint(out, "rollovers_failed", 0);
        json_out_uint(out, "rollover_cost_total", 0);
        json_out_uint(out, "duplicates", counts->by_outcome[OUTCOME_DUPLICATE]);
        json_out_uint(out, "rejected", counts->by_outcome[OUTCOME_REJECTED]);
        json_out_uint(out, "ignored", counts->by_outcome[OUTCOME_IGNORED]);
        json_out_uint(out, "invalid", counts->by_outcome[OUTCOME_INVALID]);
        json_out_uint(out, "unavailable", counts->unavailable);
        json_out_time(out, "last_signal_timestamp", counts->last_signal_at_us);
        json_out_end(out, '}');
}

void
views_status(const struct view *view, uint32_t request_id, struct answer *answer)
{
        struct json_out out;
        struct core_figures figures = {.exists = false};
        const char *reason;
        if (view->has_state)
                core_figures(view->ingest->core, &figures);
        begin(&out, answer, 200);
        json_out_string(&out, "status", health_of(view, figures.paused, &reason));
        if (reason != NULL)
                json_out_string(&out, "reason", reason);
        if (figures.exists)
                write_figures(&out, view->ingest->core, &figures);
        write_stats(&out, &view->ingest->counts);
        write_stored(&out, view);
        json_out_time(&out, "timestamp", view->now_us);
        end(&out, answer, request_id);
}

void
views_report(const struct view *view, struct msg_worker_report *report)
{
        const struct ingest *ingest = view->ingest;
        const struct ingest_counts *counts = &ingest->counts;
        struct core_figures figures = {.exists = false};
        if (view->has_state)
                core_figures(ingest->core, &figures);
        *report = (struct msg_worker_report){
                .incarnation = view->incarnation,
                .decided_seq = ingest->outbox.last_seq,
                .acked_seq = ingest->outbox.acked_seq,
                .digest = view->has_state ? core_digest(ingest->core) : (struct digest){0, 0},
                .positions_count = figures.positions_count,
                .initial_capital_e6 = figures.initial_capital_e6,
                .closed_equity_e6 = figures.closed_equity_e6,
                .equity_high_e6 = figures.equity_high_e6,
                .blended_equity_e6 = figures.blended_equity_e6,
                .unrealized_e6 = figures.unrealized_e6,
                .risk_amount_e6 = figures.risk_amount_e6,
                .risk_percent_e6 = figures.risk_percent_e6,
                .vol_percent_e6 = figures.vol_percent_e6,
                .margin_used_e6 = figures.margin_used_e6,
                .margin_percent_e6 = figures.margin_percent_e6,
                .paused = figures.paused,
                .accepting = ingest_gate(ingest, SIGNAL_BASE_ENTRY) == UNAVAILABLE_NONE,
                .kept_count = figures.kept_count,
                .received_count = counts->received,
                .executed_count = counts->by_outcome[OUTCOME_EXECUTED],
                .blocked_count = counts->by_outcome[OUTCOME_BLOCKED],
                .rejected_count = counts->by_outcome[OUTCOME_REJECTED],
                .duplicate_count = counts->by_outcome[OUTCOME_DUPLICATE],
                .ignored_count = counts->by_outcome[OUTCOME_IGNORED],
                .processed_count = counts->by_outcome[OUTCOME_PROCESSED],
                .invalid_count = counts->by_outcome[OUTCOME_INVALID],
                .unavailable_count = counts->unavailable,
                .outbox_count = outbox_count(&ingest->outbox),
                .waiting_count = replies_count(&ingest->replies),
                .last_signal_at_us = counts->last_signal_at_us,
        };
}

static void
write_position(struct json_out *out, const struct core_position *position)
{
        const struct event_position *fixed = &position->position;
        json_out_position_key(out, fixed->instrument, fixed->layer);
        json_out_begin(out, NULL, '{');
        json_out_string(out, "instrument", fixed->instrument);
        json_out_string(out, "status", "open");
        json_out_int(out, "lots", fixed->lots);
        json_out_int(out, "quantity", fixed->lots * fixed->lot_size);
        json_out_e6(out, "entry_price", fixed->entry_price_e6);
        json_out_time(out, "entry_timestamp", fixed->entry_at_us);
        json_out_e6(out, "initial_stop", fixed->initial_stop_e6);
        json_out_e6(out, "current_stop", fixed->current_stop_e6);
        json_out_e6(out, "highest_close", fixed->highest_close_e6);
        json_out_e6(out, "atr", fixed->atr_e6);
        json_out_e6(out, "unrealized_pnl", position->unrealized_e6);
        json_out_e6(out, "risk", position->risk_e6);
        json_out_e6(out, "vol", position->vol_e6);
        json_out_e6(out, "margin", position->margin_e6);
        if (position->marked)
                json_out_e6(out, "mark", position->mark_e6);
        else
                json_out_null(out, "mark");
        json_out_bool(out, "is_base", fixed->layer == 1);
        json_out_string(out, "limiter", event_limiter_name((int)fixed->limiter));
        json_out_uint(out, "position_no", fixed->position_no);
        json_out_null(out, "expiry");
        json_out_null(out, "strike");
        json_out_string(out, "rollover_status", "none");
        json_out_uint(out, "rollover_count", 0);
        json_out_end(out, '}');
}

enum positions_step { STEP_BEGIN = 0, STEP_FIRST, STEP_NEXT, STEP_DONE };

size_t
views_positions(const struct view *view, uint32_t request_id, struct http_cursor *cursor, char *buffer, size_t capacity)
{
        struct json_out out;
        struct core_position position;
        if (cursor->step == STEP_DONE)
                return 0;
        json_out_init(&out, buffer, capacity);
        if (cursor->step == STEP_BEGIN) {
                json_out_begin(&out, NULL, '{');
                write_request_id(&out, request_id);
                write_stored(&out, view);
                json_out_begin(&out, "positions", '{');
                cursor->step = STEP_FIRST;
        }
        out.needs_comma = cursor->step == STEP_NEXT;
        while (capacity - out.size > 2 * POSITION_SIZE_MAX) {
                if (!core_next_position(view->ingest->core, &cursor->place, &position)) {
                        json_out_end(&out, '}');
                        json_out_end(&out, '}');
                        cursor->step = STEP_DONE;
                        break;
                }
                write_position(&out, &position);
                cursor->step = STEP_NEXT;
        }
        PM_ASSERT(!out.overflowed);
        return out.size;
}

bool
views_positions_are_done(const struct http_cursor *cursor)
{
        return cursor->step == STEP_DONE;
}
