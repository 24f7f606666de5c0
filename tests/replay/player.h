/* player: webhook bodies through the real parser and the real core, one at a time, as pm-worker does it but without
 * sockets, clock and database. Beside the core that decides goes a mirror, which only ever sees the events. */
#ifndef PM_TESTS_PLAYER_H
#define PM_TESTS_PLAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/core/core.h"
#include "worker/signal_json.h"

struct player {
        struct core_options options;
        struct core *core;
        struct core *mirror;
        struct core *spare; /* empty: the next one to rehydrate */
        uint64_t seq;
        int64_t realized_e6;
        int64_t closed_count;

        /* of the newest body */
        enum signal_code code; /* not SIGNAL_CODE_OK: refused by the parser; decision is then empty */
        struct signal_json json;
        struct core_decision decision;
        struct event_list list;
};

/* false when memory is short. instruments must outlive the player. */
bool player_init(struct player *player, const struct instrument *instruments, uint32_t count, uint32_t dedupe_max, int64_t capital_e6,
                 int64_t now_us);
void player_fini(struct player *player);

/* Parses without deciding; player->json.signal is there when SIGNAL_CODE_OK. */
enum signal_code player_parse(struct player *player, const char *body, size_t size);
/* Decides what was parsed and applies it to both cores. NULL, or what went wrong: a broken invariant with its name. */
const char *player_play(struct player *player, int64_t now_us);
/* Takes the state out of the core as a snapshot and loads it into an empty one, which then goes on. */
const char *player_rehydrate(struct player *player);
/* Totals and digest of both cores agree with their records and each other. */
const char *player_check(const struct player *player);

#endif
