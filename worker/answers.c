#include "worker/answers.h"

#include <stdio.h>
#include <string.h>

#include "worker/json_out.h"

static const char *const code_messages[SIGNAL_CODE_END] = {
        [SIGNAL_CODE_OK] = "",
        [SIGNAL_TOO_LARGE] = "the body is longer than 10240 bytes",
        [SIGNAL_BAD_JSON] = "the body is not JSON (NaN and Infinity are no JSON numbers)",
        [SIGNAL_NOT_OBJECT] = "the body is JSON but not an object",
        [SIGNAL_MISSING_FIELD] = "a required field is missing",
        [SIGNAL_BAD_TYPE] = "type is none of BASE_ENTRY, PYRAMID, EXIT, MARKET_DATA",
        [SIGNAL_BAD_INSTRUMENT] = "there is no such instrument in the configuration",
        [SIGNAL_BAD_POSITION] = "position is none of Long_1 to Long_6 and ALL (case matters)",
        [SIGNAL_BAD_TIMESTAMP] = "not a real time of the form YYYY-MM-DDTHH:MM[:SS[.fraction]] with nothing, Z or an offset behind it",
        [SIGNAL_BAD_NUMBER] = "neither a JSON number nor a string that is wholly a decimal number",
        [SIGNAL_OUT_OF_RANGE] = "outside the range of what can be traded",
        [SIGNAL_BAD_PRICE] = "price must be greater than 0",
        [SIGNAL_BAD_STOP] = "stop must be greater than 0",
        [SIGNAL_BAD_ATR] = "atr must not be negative; in MARKET_DATA it must be greater than 0",
        [SIGNAL_BAD_SUPERTREND] = "supertrend must be greater than 0",
        [SIGNAL_BAD_ER] = "er must be between 0 and 1",
        [SIGNAL_BAD_LOTS] = "lots must be a whole number from 0 to 1000000",
        [SIGNAL_MISSING_REASON] = "an EXIT needs a reason: a string that is not empty",
};

static const struct {
        const char *name;
        const char *message;
} unavailable_texts[UNAVAILABLE_END] = {
        [UNAVAILABLE_NONE] = {NULL, NULL},
        [UNAVAILABLE_RECOVERING] = {"recovering", "the portfolio is being loaded; send it again"},
        [UNAVAILABLE_DATABASE] = {"database_unavailable", "the database is away, so nothing new can be stored; send it again"},
        [UNAVAILABLE_MAINTENANCE] = {"maintenance", "maintenance mode is on; send it again"},
        [UNAVAILABLE_QUEUE_FULL] = {"queue_full", "too much waits to be stored already; send it again"},
        [UNAVAILABLE_DEADLINE] = {"deadline", "not known to be stored within the time of an answer; send it again, it counts once"},
        [UNAVAILABLE_DRAINING] = {"draining", "the service is stopping or restarting; send it again"},
        [UNAVAILABLE_DATA_CORRUPT] = {"data_corrupt", "stored data is damaged: entries wait for the operator, exits go on"},
        [UNAVAILABLE_VALIDATION_FAILED] = {"validation_failed", "stored figures do not agree: entries wait for the operator, exits go on"},
        [UNAVAILABLE_PAUSED] = {"trading_paused", "trading is paused by the operator: entries wait, exits go on"},
};

const char *
answers_unavailable_name(enum unavailable reason)
{
        return unavailable_texts[reason].name;
}

static void
begin(struct json_out *out, struct answer *answer, int status, const char *status_word)
{
        answer->status = status;
        json_out_init(out, answer->data, sizeof(answer->data));
        json_out_begin(out, NULL, '{');
        json_out_string(out, "status", status_word);
}

static void
end(struct json_out *out, struct answer *answer, uint32_t request_id)
{
        char id[9];
        (void)snprintf(id, sizeof(id), "%08x", request_id);
        json_out_string(out, "request_id", id);
        json_out_end(out, '}');
        PM_ASSERT(!out->overflowed);
        answer->size = out->size;
}

static void
write_figures(struct json_out *out, const struct figures *figures)
{
        if (figures->count == 0)
                return;
        json_out_begin(out, "figures", '{');
        for (uint8_t i = 0; i < figures->count; i++)
                json_out_e6(out, event_figure_name((int)figures->items[i].id), figures->items[i].value_e6);
        json_out_end(out, '}');
}

static void
write_closed(struct json_out *out, const char *key, const struct signal *signal, const struct core_decision *decision)
{
        json_out_begin(out, key, '[');
        for (uint32_t i = 0; i < decision->closed_count; i++)
                json_out_position_id(out, NULL, signal->instrument, decision->closed_layers[i]);
        json_out_end(out, ']');
}

static const struct event *
find_event(const struct event_list *list, enum event_kind kind)
{
        for (uint32_t i = 0; i < list->count; i++)
                if (list->items[i].kind == kind)
                        return &list->items[i];
        return NULL;
}

static void
write_executed(struct json_out *out, const struct signal *signal, const struct event_list *list, const struct core_decision *decision)
{
        const struct event *opened = find_event(list, EVENT_POSITION_OPENED);
        if (opened == NULL) {
                write_closed(out, "closed", signal, decision);
                json_out_int(out, "lots", decision->lots);
                json_out_e6(out, "pnl", decision->pnl_e6);
                return;
        }
        json_out_position_id(out, "position_id", opened->position.instrument, opened->position.layer);
        json_out_int(out, "lots", decision->lots);
        json_out_string(out, "limiter", event_limiter_name((int)decision->limiter));
        json_out_begin(out, "execution", '{');
        json_out_e6(out, "price", opened->position.entry_price_e6);
        json_out_int(out, "lots", opened->position.lots);
        json_out_end(out, '}');
        write_figures(out, &decision->figures);
}

static void
write_tick(struct json_out *out, const struct core *core, const struct signal *signal, const struct event_list *list,
           const struct core_decision *decision)
{
        json_out_string(out, "instrument", signal->instrument);
        json_out_uint(out, "positions_checked", decision->checked_count);
        json_out_begin(out, "stops_updated", '[');
        for (uint32_t i = 0; i < list->count; i++) {
                struct core_position before;
                const struct event_trailed *trailed = &list->items[i].trailed;
                if (list->items[i].kind != EVENT_POSITION_TRAILED ||
                    !core_position_of(core, trailed->instrument, trailed->layer, &before) ||
                    before.position.current_stop_e6 == trailed->current_stop_e6)
                        continue;
                json_out_begin(out, NULL, '{');
                json_out_position_id(out, "position_id", trailed->instrument, trailed->layer);
                json_out_e6(out, "old_stop", before.position.current_stop_e6);
                json_out_e6(out, "new_stop", trailed->current_stop_e6);
                json_out_end(out, '}');
        }
        json_out_end(out, ']');
        write_closed(out, "exits_triggered", signal, decision);
        write_closed(out, "stopped", signal, decision);
        json_out_e6(out, "pnl", decision->pnl_e6);
}

static void
write_duplicate(struct json_out *out, const struct signal *signal, const struct core_decision *decision)
{
        const struct event_load_kept *original = &decision->original;
        json_out_string(out, "error_type", "duplicate");
        if (signal->type == SIGNAL_PROBE) {
                json_out_string(out, "message", "a probe with this id was stored before");
                json_out_begin(out, "details", '{');
                json_out_text(out, "id", signal->probe_id);
                json_out_end(out, '}');
                return;
        }
        json_out_string(out, "message", "a signal of this instrument, type and position within 60 s of this one was decided before");
        json_out_begin(out, "details", '{');
        json_out_string(out, "instrument", signal->instrument);
        json_out_string(out, "position", event_layer_name(signal->layer));
        json_out_time(out, "timestamp", signal->signal_at_us);
        json_out_end(out, '}');
        json_out_begin(out, "original", '{');
        json_out_string(out, "status", event_outcome_name((int)original->outcome));
        if (original->reason != REASON_NONE)
                json_out_string(out, "reason", event_reason_name((int)original->reason));
        json_out_int(out, "lots", original->lots);
        if (original->limiter != LIMITER_NONE)
                json_out_string(out, "limiter", event_limiter_name((int)original->limiter));
        if (original->type == SIGNAL_EXIT)
                json_out_e6(out, "pnl", original->pnl_e6);
        json_out_time(out, "timestamp", original->signal_at_us);
        json_out_time(out, "arrived", original->arrived_at_us);
        json_out_uint(out, "seq", original->seq);
        json_out_end(out, '}');
}

static void
write_result(struct json_out *out, const struct core *core, const struct signal *signal, const struct event_list *list,
             const struct core_decision *decision)
{
        json_out_begin(out, "result", '{');
        json_out_string(out, "status", event_outcome_name((int)decision->outcome));
        if (decision->reason != REASON_NONE)
                json_out_string(out, "reason", event_reason_name((int)decision->reason));
        if (decision->outcome == OUTCOME_EXECUTED)
                write_executed(out, signal, list, decision);
        else if (decision->outcome == OUTCOME_PROCESSED && signal->type == SIGNAL_MARKET_DATA)
                write_tick(out, core, signal, list, decision);
        else if (decision->outcome == OUTCOME_BLOCKED)
                write_figures(out, &decision->figures);
        json_out_end(out, '}');
}

/* The number of the signal's own event; a tick has none and is known by its last. */
static uint64_t
seq_of(const struct event_list *list, uint64_t first_seq)
{
        const struct event *signal = find_event(list, EVENT_SIGNAL);
        return signal != NULL ? first_seq + (uint64_t)(signal - list->items) : first_seq + list->count - 1;
}

void
answers_decision(struct answer *answer, uint32_t request_id, const struct core *core, const struct signal *signal,
                 const struct event_list *list, const struct core_decision *decision, uint64_t first_seq)
{
        struct json_out out;
        bool is_ignored = decision->outcome == OUTCOME_IGNORED || decision->outcome == OUTCOME_DUPLICATE;
        begin(&out, answer, 200, is_ignored ? "ignored" : "processed");
        if (signal->type == SIGNAL_MARKET_DATA)
                json_out_string(&out, "signal_type", "market_data");
        else if (signal->type == SIGNAL_EOD_MONITOR)
                json_out_string(&out, "signal_type", "eod_monitor");
        else if (signal->type == SIGNAL_PROBE)
                json_out_string(&out, "signal_type", "probe");
        if (decision->outcome == OUTCOME_DUPLICATE)
                write_duplicate(&out, signal, decision);
        else if (decision->outcome == OUTCOME_IGNORED)
                json_out_string(&out, "reason", event_reason_name((int)decision->reason));
        if (list->count > 0)
                json_out_uint(&out, "seq", seq_of(list, first_seq));
        write_result(&out, core, signal, list, decision);
        end(&out, answer, request_id);
}

void
answers_invalid(struct answer *answer, uint32_t request_id, enum signal_code code, const char *field)
{
        struct json_out out;
        begin(&out, answer, code == SIGNAL_TOO_LARGE ? 413 : 400, "error");
        json_out_string(&out, "error_type", "validation_error");
        json_out_string(&out, "code", signal_code_name((int)code));
        if (field[0] != '\0')
                json_out_string(&out, "field", field);
        json_out_string(&out, "message", code_messages[code]);
        end(&out, answer, request_id);
}

void
answers_unavailable(struct answer *answer, uint32_t request_id, enum unavailable reason)
{
        struct json_out out;
        begin(&out, answer, 503, "error");
        json_out_string(&out, "error_type", "unavailable");
        json_out_string(&out, "reason", unavailable_texts[reason].name);
        json_out_string(&out, "message", unavailable_texts[reason].message);
        end(&out, answer, request_id);
}

void
answers_error(struct answer *answer, uint32_t request_id, int status, const char *error_type, const char *message)
{
        struct json_out out;
        begin(&out, answer, status, "error");
        json_out_string(&out, "error_type", error_type);
        json_out_string(&out, "message", message);
        end(&out, answer, request_id);
}
