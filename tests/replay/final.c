#include "tests/replay/final.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/fixed.h"

json_object *
final_e6(int64_t value_e6)
{
        char text[FIXED_TEXT_SIZE];
        size_t size = fixed_format(value_e6, text);
        return json_object_new_string_len(text, (int)size);
}

json_object *
final_time(int64_t at_us)
{
        char text[CLOCK_TEXT_SIZE];
        clock_format_us(at_us, text);
        return json_object_new_string(text);
}

json_object *
final_position_id(const char *instrument, uint8_t layer)
{
        char text[PM_INSTRUMENT_NAME_SIZE + 16];
        snprintf(text, sizeof text, "%s_%s", instrument, event_layer_name(layer));
        return json_object_new_string(text);
}

static json_object *
position_json(const struct core_position *view)
{
        const struct event_position *p = &view->position;
        json_object *json = json_object_new_object();
        json_object_object_add(json, "position_id", final_position_id(p->instrument, p->layer));
        json_object_object_add(json, "instrument", json_object_new_string(p->instrument));
        json_object_object_add(json, "lots", json_object_new_int64(p->lots));
        json_object_object_add(json, "quantity", json_object_new_int64(p->lots * p->lot_size));
        json_object_object_add(json, "entry_price", final_e6(p->entry_price_e6));
        json_object_object_add(json, "entry_timestamp", final_time(p->entry_at_us));
        json_object_object_add(json, "initial_stop", final_e6(p->initial_stop_e6));
        json_object_object_add(json, "current_stop", final_e6(p->current_stop_e6));
        json_object_object_add(json, "highest_close", final_e6(p->highest_close_e6));
        json_object_object_add(json, "atr", final_e6(p->atr_e6));
        json_object_object_add(json, "unrealized_pnl", final_e6(view->unrealized_e6));
        json_object_object_add(json, "is_base", json_object_new_boolean(p->layer == 1));
        json_object_object_add(json, "limiter", json_object_new_string(event_limiter_name((int)p->limiter)));
        return json;
}

static json_object *
pyramiding_json(const struct core *core, const char *instrument)
{
        struct event_load_instrument state;
        json_object *json = json_object_new_object();
        if (core_instrument_state(core, instrument, &state)) {
                json_object_object_add(json, "base_position_id", final_position_id(instrument, 1));
                json_object_object_add(json, "last_pyramid_price", final_e6(state.last_pyramid_price_e6));
        }
        return json;
}

json_object *
final_json(const struct player *player)
{
        struct core_figures f;
        core_figures(player->core, &f);

        json_object *json = json_object_new_object();
        const struct {
                const char *name;
                int64_t value_e6;
        } figures[] = {
                {"closed_equity", f.closed_equity_e6},       {"open_equity", f.open_equity_e6},
                {"blended_equity", f.blended_equity_e6},     {"total_risk_amount", f.risk_amount_e6},
                {"total_risk_percent", f.risk_percent_e6},   {"total_vol_amount", f.vol_amount_e6},
                {"total_vol_percent", f.vol_percent_e6},     {"margin_used", f.margin_used_e6},
                {"margin_available", f.margin_available_e6}, {"margin_utilization_percent", f.margin_percent_e6},
                {"equity_high", f.equity_high_e6},           {"realized_pnl", player->realized_e6},
        };
        for (size_t i = 0; i < countof(figures); i++)
                json_object_object_add(json, figures[i].name, final_e6(figures[i].value_e6));
        json_object_object_add(json, "closed_trades", json_object_new_int64(player->closed_count));

        json_object *positions = json_object_new_array();
        json_object *pyramiding = json_object_new_object();
        struct core_position view;
        for (uint64_t cursor = 0; core_next_position(player->core, &cursor, &view);) {
                json_object_array_add(positions, position_json(&view));
                if (view.position.layer == 1)
                        json_object_object_add(pyramiding, view.position.instrument,
                                               pyramiding_json(player->core, view.position.instrument));
        }
        json_object_object_add(json, "positions", positions);
        json_object_object_add(json, "pyramiding", pyramiding);
        return json;
}
