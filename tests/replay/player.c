#include "tests/replay/player.h"

#include <string.h>

static bool
is_known(const void *owner, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        bool configured;
        return core_instrument_known(owner, name, &configured);
}

static const char *
apply(struct player *player, const struct event *event)
{
        const char *why = "?";
        player->seq++;
        if (core_apply(player->core, event, player->seq, &why) != CORE_OK ||
            core_apply(player->mirror, event, player->seq, &why) != CORE_OK)
                return why;
        if (event->kind == EVENT_POSITION_CLOSED) {
                player->realized_e6 += event->closed.pnl_e6;
                player->closed_count++;
        }
        return NULL;
}

bool
player_init(struct player *player, const struct instrument *instruments, uint32_t count, uint32_t dedupe_max, int64_t capital_e6,
            int64_t now_us)
{
        memset(player, 0, sizeof *player);
        player->options = (struct core_options){.instruments = instruments, .instruments_count = count, .dedupe_max = dedupe_max};
        player->core = core_new(&player->options);
        player->mirror = core_new(&player->options);
        player->spare = core_new(&player->options);
        if (player->core == NULL || player->mirror == NULL || player->spare == NULL) {
                player_fini(player);
                return false;
        }
        core_decide_create(capital_e6, now_us, &player->list);
        return apply(player, &player->list.items[0]) == NULL;
}

void
player_fini(struct player *player)
{
        core_free(player->core);
        core_free(player->mirror);
        core_free(player->spare);
        player->core = NULL;
        player->mirror = NULL;
        player->spare = NULL;
}

enum signal_code
player_parse(struct player *player, const char *body, size_t size)
{
        const struct signal_instruments instruments = {.is_known = is_known, .owner = player->core};
        memset(&player->decision, 0, sizeof player->decision);
        player->list.count = 0;
        player->code = signal_from_json(&player->json, body, size, &instruments);
        return player->code;
}

const char *
player_play(struct player *player, int64_t now_us)
{
        core_decide(player->core, &player->json.signal, now_us, &player->list, &player->decision);
        for (uint32_t i = 0; i < player->list.count; i++) {
                const char *wrong = apply(player, &player->list.items[i]);
                if (wrong != NULL)
                        return wrong;
        }
        return NULL;
}

const char *
player_rehydrate(struct player *player)
{
        struct event events[64];
        struct core *fresh = player->spare;
        uint64_t cursor = 0;
        uint64_t loaded = 0;
        uint32_t count;
        const char *why = NULL;

        while ((count = core_export(player->core, &cursor, events, 64)) > 0)
                for (uint32_t i = 0; i < count; i++, loaded++)
                        if (core_apply(fresh, &events[i], 0, &why) != CORE_OK)
                                return why;
        if (loaded != core_export_count(player->core))
                return "export_count_is_exported";
        if (!core_digest_equal(core_digest(fresh), core_digest(player->core)))
                return "snapshot_keeps_the_digest";
        core_clear(player->core);
        player->spare = player->core;
        player->core = fresh;
        return NULL;
}

const char *
player_check(const struct player *player)
{
        int64_t held;
        int64_t found;
        const char *rule = core_check(player->core, &held, &found);
        if (rule == NULL)
                rule = core_check(player->mirror, &held, &found);
        if (rule == NULL && !core_digest_equal(core_digest(player->core), core_digest(player->mirror)))
                rule = "events_alone_give_the_digest";
        return rule;
}
