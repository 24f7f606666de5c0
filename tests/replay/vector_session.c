/* vector_session: a session is played twice: straight through, and again with a rehydration after every signal. */
#include <stdio.h>
#include <stdlib.h>

#include "common/fixed.h"
#include "tests/replay/final.h"
#include "tests/replay/vector.h"

/* Sessions have no clock: arrivals follow each other, and nothing grows a week old. */
#define FIRST_ARRIVAL_US 1764547200000000LL

static void
add(json_object *json, const char *name, const char *text)
{
        json_object_object_add(json, name, text != NULL ? json_object_new_string(text) : NULL);
}

static void
add_layers(json_object *json, const char *name, const struct player *player)
{
        json_object *ids = json_object_new_array();
        for (uint32_t i = 0; i < player->decision.closed_count; i++)
                json_object_array_add(ids, final_position_id(player->json.signal.instrument, player->decision.closed_layers[i]));
        json_object_object_add(json, name, ids);
}

/* What became of the newest body, in the words of the sessions. */
static json_object *
outcome_json(const struct player *player)
{
        const struct core_decision *decision = &player->decision;
        const struct signal *signal = &player->json.signal;
        json_object *json = json_object_new_object();

        if (player->code != SIGNAL_CODE_OK) {
                add(json, "outcome", event_outcome_name(OUTCOME_INVALID));
                add(json, "reason", signal_code_name((int)player->code));
                return json;
        }
        add(json, "outcome", event_outcome_name((int)decision->outcome));
        if (decision->reason != REASON_NONE)
                add(json, "reason", event_reason_name((int)decision->reason));
        if (decision->outcome == OUTCOME_EXECUTED && signal->type != SIGNAL_EXIT) {
                json_object_object_add(json, "position_id", final_position_id(signal->instrument, signal->layer));
                json_object_object_add(json, "lots", json_object_new_int64(decision->lots));
                add(json, "limiter", event_limiter_name((int)decision->limiter));
        } else if (decision->closed_count > 0) {
                add_layers(json, signal->type == SIGNAL_EXIT ? "closed" : "stopped", player);
                json_object_object_add(json, "pnl", final_e6(decision->pnl_e6));
        }
        return json;
}

static json_object *
after_json(const struct player *player)
{
        struct core_figures figures;
        core_figures(player->core, &figures);
        json_object *json = json_object_new_array();
        json_object_array_add(json, final_e6(figures.closed_equity_e6));
        json_object_array_add(json, final_e6(figures.equity_high_e6));
        json_object_array_add(json, json_object_new_int64(figures.positions_count));
        json_object_array_add(json, final_e6(figures.risk_amount_e6));
        return json;
}

static void
compare_and_put(struct vector *vector, const char *field, json_object *expected, json_object *got)
{
        vector_compare(vector, field, expected, got);
        json_object_put(got);
}

static void
play_signal(struct vector *vector, struct player *player, json_object *signal, size_t i, bool rehydrate)
{
        json_object *body = vector_member(vector, signal, "body");
        const char *wrong = NULL;
        char field[64];
        snprintf(field, sizeof field, "%ssignals[%zu]", rehydrate ? "rehydrated " : "", i);

        if (player_parse(player, json_object_get_string(body), (size_t)json_object_get_string_len(body)) == SIGNAL_CODE_OK)
                wrong = player_play(player, FIRST_ARRIVAL_US + (int64_t)i);
        json_object *outcome = outcome_json(player);
        if (wrong == NULL && rehydrate)
                wrong = player_rehydrate(player);
        if (wrong == NULL)
                wrong = player_check(player);
        if (wrong != NULL)
                vector_mismatch(vector, field, "a sound state", wrong);
        compare_and_put(vector, field, vector_member(vector, signal, "expect"), outcome);
        snprintf(field, sizeof field, "%safter[%zu]", rehydrate ? "rehydrated " : "", i);
        compare_and_put(vector, field, vector_member(vector, signal, "after"), after_json(player));
}

static void
play(struct vector *vector, struct player *player, json_object *session, bool rehydrate)
{
        json_object *signals = vector_member(vector, session, "signals");
        size_t count = json_object_is_type(signals, json_type_array) ? json_object_array_length(signals) : 0;
        int64_t capital_e6 = vector_e6(vector, session, "initial_capital");

        if (!player_init(player, instrument_defaults, (uint32_t)instrument_defaults_count, 0, capital_e6, FIRST_ARRIVAL_US)) {
                vector_mismatch(vector, "initial_capital", "a portfolio", "none");
                return;
        }
        for (size_t i = 0; i < count; i++)
                play_signal(vector, player, json_object_array_get_idx(signals, i), i, rehydrate);
        compare_and_put(vector, rehydrate ? "rehydrated final" : "final", vector_member(vector, session, "final"), final_json(player));
        player_fini(player);
}

void
vector_session(struct vector *vector, json_object *session)
{
        struct player *player = calloc(1, sizeof *player);
        if (player == NULL) {
                vector_mismatch(vector, "session", "memory", "none");
                return;
        }
        play(vector, player, session, false);
        play(vector, player, session, true);
        free(player);
}
