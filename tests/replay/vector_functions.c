/* vector_functions: the functions that vectors name, each a thin call of the core's own. */
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/event.h"
#include "common/fixed.h"
#include "tests/replay/final.h"
#include "tests/replay/vector.h"
#include "worker/core/gates.h"
#include "worker/core/kept.h"
#include "worker/core/peel.h"
#include "worker/core/portfolio.h"
#include "worker/core/quote.h"
#include "worker/core/sizing.h"
#include "worker/core/stops.h"
#include "worker/signal_time.h"

static void
add_e6(json_object *out, const char *name, int64_t value_e6)
{
        json_object_object_add(out, name, final_e6(value_e6));
}

static void
add_int(json_object *out, const char *name, int64_t value)
{
        json_object_object_add(out, name, json_object_new_int64(value));
}

static void
add_bool(json_object *out, const char *name, bool value)
{
        json_object_object_add(out, name, json_object_new_boolean(value));
}

/* NULL is JSON's null. */
static void
add_text(json_object *out, const char *name, const char *value)
{
        json_object_object_add(out, name, value != NULL ? json_object_new_string(value) : NULL);
}

static json_object *
call_base_size(struct vector *vector, json_object *in)
{
        const struct sizing_base_input input = {
                .price_e6 = vector_e6(vector, in, "price"),
                .stop_e6 = vector_e6(vector, in, "stop"),
                .atr_e6 = vector_e6(vector, in, "atr"),
                .er_e6 = vector_e6(vector, in, "er"),
                .equity_high_e6 = vector_e6(vector, in, "equity"),
                .usable_margin_e6 = vector_e6(vector, in, "available_margin"),
        };
        struct sizing_base size;
        sizing_base_lots(vector_instrument(vector, in), &input, &size);

        json_object *out = json_object_new_object();
        add_int(out, "lots", size.lots);
        add_text(out, "limiter", event_limiter_name((int)size.limiter));
        add_e6(out, "lot_r", size.by_risk_e6);
        add_e6(out, "lot_v", size.by_vol_e6);
        add_e6(out, "lot_m", size.by_margin_e6);
        return out;
}

static json_object *
call_pyramid_size(struct vector *vector, json_object *in)
{
        const struct sizing_pyramid_input input = {
                .price_e6 = vector_e6(vector, in, "price"),
                .stop_e6 = vector_e6(vector, in, "stop"),
                .usable_margin_e6 = vector_e6(vector, in, "available_margin"),
                .base_lots = vector_int(vector, in, "base_lots"),
                .excess_e6 = vector_e6(vector, in, "profit_after_base_risk"),
                .halvings = vector_int(vector, in, "pyramid_count"),
        };
        struct sizing_pyramid size;
        sizing_pyramid_lots(vector_instrument(vector, in), &input, &size);

        json_object *out = json_object_new_object();
        add_int(out, "lots", size.lots);
        add_text(out, "limiter", event_limiter_name((int)size.limiter));
        add_int(out, "lot_a", size.by_margin);
        add_int(out, "lot_b", size.by_geometry);
        add_int(out, "lot_c", size.by_budget);
        return out;
}

static json_object *
call_peel_off(struct vector *vector, json_object *in)
{
        struct peel peel;
        peel_off(vector_instrument(vector, in), vector_e6(vector, in, "position_risk"), vector_e6(vector, in, "position_vol"),
                 vector_e6(vector, in, "equity"), vector_int(vector, in, "lots"), &peel);

        json_object *out = json_object_new_object();
        add_int(out, "peel_lots", peel.lots);
        add_bool(out, "by_risk", peel.by_risk);
        add_bool(out, "by_vol", peel.by_vol);
        return out;
}

static bool
is_counted(struct vector *vector, json_object *position)
{
        return strcmp(vector_text(vector, position, "status"), "closed") != 0;
}

/* Sums over the open positions of a case, each by its instrument's constants. */
static void
read_totals(struct vector *vector, json_object *in, struct portfolio_totals *totals)
{
        json_object *positions = vector_member(vector, in, "positions");
        size_t count = json_object_is_type(positions, json_type_array) ? json_object_array_length(positions) : 0;

        memset(totals, 0, sizeof *totals);
        totals->closed_equity_e6 = vector_e6(vector, in, "closed_equity");
        for (size_t i = 0; i < count; i++) {
                json_object *json = json_object_array_get_idx(positions, i);
                const struct instrument *instrument = vector_instrument(vector, json);
                struct event_position position = {
                        .lots = vector_int(vector, json, "lots"),
                        .entry_price_e6 = vector_e6(vector, json, "entry_price"),
                        .current_stop_e6 = vector_e6(vector, json, "current_stop"),
                        .atr_e6 = vector_e6(vector, json, "atr"),
                        .point_value = instrument->point_value,
                        .margin_per_lot = instrument->margin_per_lot,
                        .standin_atr_e6 = instrument->standin_atr_e6,
                };
                struct portfolio_amounts amounts;
                if (!is_counted(vector, json))
                        continue;
                portfolio_amounts_of(&position, false, 0, &amounts);
                amounts.unrealized_e6 = vector_e6(vector, json, "unrealized_pnl");
                if (!portfolio_add(totals, &amounts, 1))
                        vector_mismatch(vector, "positions", "sums within bounds", "an overflow");
        }
}

static json_object *
call_portfolio_metrics(struct vector *vector, json_object *in)
{
        struct portfolio_totals totals;
        struct portfolio_figures figures;
        read_totals(vector, in, &totals);
        portfolio_figures_of(&totals, &figures);

        json_object *out = json_object_new_object();
        add_e6(out, "closed_equity", totals.closed_equity_e6);
        add_e6(out, "open_equity", figures.open_equity_e6);
        add_e6(out, "blended_equity", figures.blended_equity_e6);
        add_e6(out, "total_risk_amount", totals.risk_e6);
        add_e6(out, "total_risk_percent", figures.risk_percent_e6);
        add_e6(out, "total_vol_amount", totals.vol_e6);
        add_e6(out, "total_vol_percent", figures.vol_percent_e6);
        add_e6(out, "margin_used", totals.margin_e6);
        add_e6(out, "margin_available", figures.margin_available_e6);
        add_e6(out, "margin_utilization_percent", figures.margin_percent_e6);
        return out;
}

static json_object *
call_portfolio_gate(struct vector *vector, json_object *in)
{
        static const char *const causes[] = {
                [GATES_PASS] = NULL, [GATES_NO_EQUITY] = "no_equity", [GATES_OVERFLOW] = "overflow", [GATES_RISK] = "risk",
                [GATES_VOL] = "vol",
        };
        struct portfolio_totals totals;
        struct gates_portfolio gate;
        read_totals(vector, in, &totals);
        gates_portfolio(&totals, &gates_base_limits, vector_e6(vector, in, "new_risk"), vector_e6(vector, in, "new_vol"), &gate);

        json_object *out = json_object_new_object();
        add_bool(out, "allowed", gate.verdict == GATES_PASS);
        add_text(out, "blocked_by", causes[gate.verdict]);
        add_e6(out, "projected_risk_percent", gate.risk_percent_e6);
        add_e6(out, "projected_vol_percent", gate.vol_percent_e6);
        return out;
}

static void
read_profit(struct vector *vector, json_object *in, struct gates_pyramid_input *input)
{
        json_object *positions = vector_member(vector, in, "positions");
        size_t count = json_object_is_type(positions, json_type_array) ? json_object_array_length(positions) : 0;
        const struct instrument *instrument = vector_instrument(vector, in);

        for (size_t i = 0; i < count; i++) {
                json_object *json = json_object_array_get_idx(positions, i);
                if (vector_instrument(vector, json) != instrument || !is_counted(vector, json))
                        continue;
                input->has_position = true;
                input->profit_e6 += portfolio_worth((fixed_wide)input->price_e6 - vector_e6(vector, json, "entry_price"),
                                                    vector_int(vector, json, "lots"), instrument->point_value);
        }
}

static json_object *
call_pyramid_gate(struct vector *vector, json_object *in)
{
        json_object *base = vector_member(vector, in, "base");
        struct portfolio_totals totals;
        struct gates_pyramid gate;
        struct gates_pyramid_input input = {
                .price_e6 = vector_e6(vector, in, "price"),
                .stop_e6 = vector_e6(vector, in, "stop"),
                .atr_e6 = vector_e6(vector, in, "atr"),
                .point_value = vector_instrument(vector, in)->point_value,
                .base_entry_e6 = vector_e6(vector, base, "entry_price"),
                .base_stop_e6 = vector_e6(vector, base, "initial_stop"),
                .last_pyramid_e6 = vector_e6(vector, in, "last_pyramid_price"),
        };
        read_totals(vector, in, &totals);
        read_profit(vector, in, &input);
        gates_pyramid(&totals, &input, &gate);

        json_object *out = json_object_new_object();
        json_object *fail = json_object_new_array();
        const enum reason reasons[] = {gate.instrument, gate.portfolio, gate.profit};
        for (size_t i = 0; i < countof(reasons); i++)
                if (reasons[i] != REASON_NONE)
                        json_object_array_add(fail, json_object_new_string(event_reason_name((int)reasons[i])));
        add_bool(out, "allowed", json_object_array_length(fail) == 0);
        add_bool(out, "instrument_gate", gate.instrument == REASON_NONE);
        add_bool(out, "portfolio_gate", gate.portfolio == REASON_NONE);
        add_bool(out, "profit_gate", gate.profit == REASON_NONE);
        json_object_object_add(out, "fail", fail);
        add_e6(out, "price_move_r", gate.move_r_e6);
        add_e6(out, "atr_spacing", gate.spacing_e6);
        add_e6(out, "portfolio_risk_percent", gate.risk_percent_e6);
        add_e6(out, "portfolio_vol_percent", gate.vol_percent_e6);
        return out;
}

/* The array `name` of a case, and its length; 0 when there is none. */
static json_object *
read_array(struct vector *vector, json_object *in, const char *name, size_t *count)
{
        json_object *array = vector_member(vector, in, name);
        *count = json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
        return array;
}

static json_object *
new_steps(json_object *out)
{
        json_object *steps = json_object_new_array();
        json_object_object_add(out, "steps", steps);
        return steps;
}

static json_object *
call_pnl_equity(struct vector *vector, json_object *in)
{
        size_t count;
        size_t positions_count;
        json_object *closes = read_array(vector, in, "closes", &count);
        json_object *positions = read_array(vector, in, "positions", &positions_count);
        struct portfolio_totals totals = {0};
        totals.closed_equity_e6 = vector_e6(vector, in, "initial_capital");
        totals.equity_high_e6 = totals.closed_equity_e6;

        json_object *out = json_object_new_object();
        json_object *steps = new_steps(out);
        for (size_t i = 0; i < count; i++) {
                json_object *close = json_object_array_get_idx(closes, i);
                size_t index = (size_t)vector_int(vector, close, "position");
                json_object *position = index < positions_count ? json_object_array_get_idx(positions, index) : NULL;
                fixed_wide pnl_e6 =
                        portfolio_worth((fixed_wide)vector_e6(vector, close, "exit_price") - vector_e6(vector, position, "entry_price"),
                                        vector_int(vector, position, "lots"), vector_instrument(vector, position)->point_value);
                if (!portfolio_book(&totals, pnl_e6))
                        vector_mismatch(vector, "closes", "equity within bounds", "an overflow");
                json_object *step = json_object_new_object();
                add_e6(step, "pnl", (int64_t)pnl_e6);
                add_e6(step, "closed_equity", totals.closed_equity_e6);
                add_e6(step, "equity_high", totals.equity_high_e6);
                json_object_array_add(steps, step);
        }
        return out;
}

static json_object *
call_trailing_stop(struct vector *vector, json_object *in)
{
        size_t count;
        json_object *ticks = read_array(vector, in, "ticks", &count);
        const struct instrument *instrument = vector_instrument(vector, in);
        int64_t highest_e6 = vector_e6(vector, in, "entry_price");
        int64_t stop_e6 = stops_initial(highest_e6, vector_e6(vector, in, "entry_atr"), instrument->initial_atr_x10);

        json_object *out = json_object_new_object();
        add_e6(out, "initial_stop", stop_e6);
        json_object *steps = new_steps(out);
        for (size_t i = 0; i < count; i++) {
                json_object *tick = json_object_array_get_idx(ticks, i);
                bool hit = stops_trail(&highest_e6, &stop_e6, vector_e6(vector, tick, "price"), vector_e6(vector, tick, "atr"),
                                       instrument->trailing_atr_x10);
                json_object *step = json_object_new_object();
                add_e6(step, "highest_close", highest_e6);
                add_e6(step, "current_stop", stop_e6);
                add_bool(step, "stop_hit", hit);
                json_object_array_add(steps, step);
        }
        return out;
}

static void
add_fingerprint(json_object *out, const char *instrument, const char *type, const char *position, int64_t signal_at_us)
{
        char time[CLOCK_TEXT_SIZE];
        char text[128];
        char hex[SHA256_DIGEST_STRING_LENGTH];
        clock_format_s(signal_at_us, time);
        int size = snprintf(text, sizeof text, "%s:%s:%s:%s", instrument, type, position, time);
        add_text(out, "fingerprint", SHA256Data((const uint8_t *)text, (size_t)size, hex));
}

static json_object *
call_signal_parse(struct vector *vector, json_object *in)
{
        json_object *body = vector_member(vector, in, "body");
        struct player *player = calloc(1, sizeof *player);
        json_object *out = json_object_new_object();
        const struct signal *s = player != NULL ? &player->json.signal : NULL;

        if (player == NULL || !player_init(player, instrument_defaults, (uint32_t)instrument_defaults_count, 0, FIXED_ONE_E6, 1)) {
                vector_mismatch(vector, "body", "memory", "none");
                free(player);
                return out;
        }
        enum signal_code code = player_parse(player, json_object_get_string(body), (size_t)json_object_get_string_len(body));
        if (code == SIGNAL_CODE_OK && s->type != SIGNAL_EOD_MONITOR) {
                add_bool(out, "accept", true);
                add_text(out, "type", event_signal_type_name((int)s->type));
                add_text(out, "instrument", s->instrument);
                json_object_object_add(out, "timestamp", final_time(s->signal_at_us));
                add_e6(out, "price", s->price_e6);
                add_e6(out, "stop", s->stop_e6);
                add_e6(out, "atr", s->atr_e6);
                add_e6(out, "er", s->er_e6);
                add_e6(out, "supertrend", s->supertrend_e6);
                add_text(out, "position", event_layer_name(s->layer));
                json_object_object_add(out, "roc", s->has_roc ? final_e6(s->roc_e6) : NULL);
                add_int(out, "lots", s->lots_suggested);
                add_fingerprint(out, s->instrument, event_signal_type_name((int)s->type), event_layer_name(s->layer), s->signal_at_us);
        } else {
                add_bool(out, "accept", false);
                add_text(out, "code", code == SIGNAL_CODE_OK ? event_reason_name(REASON_EOD_NOT_SUPPORTED) : signal_code_name((int)code));
        }
        player_fini(player);
        free(player);
        return out;
}

static uint8_t
layer_of(const char *name)
{
        uint8_t layer = 1;
        while (layer <= PM_LAYERS_MAX && strcmp(event_layer_name(layer), name) != 0)
                layer++;
        return layer <= PM_LAYERS_MAX ? layer : 0;
}

static enum signal_type
type_of(const char *name)
{
        int type = SIGNAL_BASE_ENTRY;
        while (type < SIGNAL_TYPE_END && strcmp(event_signal_type_name(type), name) != 0)
                type++;
        return type < SIGNAL_TYPE_END ? (enum signal_type)type : SIGNAL_NONE;
}

static json_object *
call_duplicates(struct vector *vector, json_object *in)
{
        size_t count;
        json_object *signals = read_array(vector, in, "signals", &count);
        struct kept kept = {.places_count = 4096, .heads_count = 4096};
        uint64_t kept_no = 0;
        kept.places = calloc(kept.places_count, sizeof *kept.places);
        kept.heads = calloc(kept.heads_count, sizeof *kept.heads);

        json_object *out = json_object_new_object();
        json_object *steps = new_steps(out);
        for (size_t i = 0; i < count && i + 1 < kept.places_count && kept.places != NULL && kept.heads != NULL; i++) {
                json_object *json = json_object_array_get_idx(signals, i);
                const char *name = vector_text(vector, json, "instrument");
                const char *type = vector_text(vector, json, "type");
                const char *position = vector_text(vector, json, "position");
                const char *time = vector_text(vector, json, "timestamp");
                struct kept_record record = {
                        .type = (uint8_t)type_of(type),
                        .layer = layer_of(position),
                        .instrument = (uint32_t)(vector_instrument(vector, json) - instrument_defaults),
                };
                if (!signal_time_parse(time, strlen(time), &record.signal_at_us) || record.type == SIGNAL_NONE)
                        vector_mismatch(vector, "signals", "a signal", json_object_to_json_string(json));
                bool duplicate =
                        kept_find(&kept, kept_no, (enum signal_type)record.type, record.instrument, record.layer, record.signal_at_us) != 0;
                if (!duplicate && vector_bool(vector, json, "kept") && record.type != SIGNAL_NONE)
                        kept_add(&kept, ++kept_no, &record);
                json_object *step = json_object_new_object();
                add_bool(step, "duplicate", duplicate);
                add_fingerprint(step, name, type, position, record.signal_at_us);
                json_object_array_add(steps, step);
        }
        free(kept.places);
        free(kept.heads);
        return out;
}

static json_object *
call_capital(struct vector *vector, json_object *in)
{
        size_t count;
        json_object *ops = read_array(vector, in, "ops", &count);
        struct portfolio_totals totals = {0};
        totals.closed_equity_e6 = vector_e6(vector, in, "closed_equity");
        totals.equity_high_e6 = vector_e6(vector, in, "equity_high");

        json_object *out = json_object_new_object();
        json_object *steps = new_steps(out);
        for (size_t i = 0; i < count; i++) {
                json_object *json = json_object_array_get_idx(ops, i);
                const char *op = vector_text(vector, json, "op");
                int64_t amount_e6 = vector_e6(vector, json, "amount");
                bool accept;
                if (strcmp(op, "PNL") == 0)
                        accept = portfolio_book(&totals, amount_e6);
                else
                        accept = amount_e6 > 0 &&
                                 portfolio_move_capital(&totals, strcmp(op, "DEPOSIT") == 0 ? amount_e6 : -amount_e6) == REASON_NONE;
                json_object *step = json_object_new_object();
                add_bool(step, "accept", accept);
                add_e6(step, "closed_equity", totals.closed_equity_e6);
                add_e6(step, "equity_high", totals.equity_high_e6);
                json_object_array_add(steps, step);
        }
        return out;
}

static json_object *
call_exec_validate(struct vector *vector, json_object *in)
{
        struct quote_check check;
        quote_check(type_of(vector_text(vector, in, "type")), vector_e6(vector, in, "price"), vector_e6(vector, in, "stop"),
                    vector_e6(vector, in, "broker_price"), vector_int(vector, in, "lots"), &check);

        json_object *out = json_object_new_object();
        add_bool(out, "valid", check.verdict == QUOTE_OK);
        add_text(out, "code", quote_verdict_name(check.verdict));
        add_e6(out, "divergence", check.divergence_e6);
        json_object_object_add(out, "risk_increase", check.has_risk_increase ? final_e6(check.risk_increase_e6) : NULL);
        add_int(out, "adjusted_lots", check.lots);
        return out;
}

json_object *
vector_call(struct vector *vector, const char *fn, json_object *in)
{
        static const struct {
                const char *fn;
                json_object *(*call)(struct vector *, json_object *);
        } calls[] = {
                {"base_size", call_base_size},
                {"pyramid_size", call_pyramid_size},
                {"peel_off", call_peel_off},
                {"portfolio_metrics", call_portfolio_metrics},
                {"portfolio_gate", call_portfolio_gate},
                {"pyramid_gate", call_pyramid_gate},
                {"pnl_equity", call_pnl_equity},
                {"trailing_stop", call_trailing_stop},
                {"signal_parse", call_signal_parse},
                {"duplicates", call_duplicates},
                {"capital", call_capital},
                {"exec_validate", call_exec_validate},
        };
        for (size_t i = 0; i < countof(calls); i++)
                if (strcmp(calls[i].fn, fn) == 0)
                        return calls[i].call(vector, in);
        return NULL;
}
