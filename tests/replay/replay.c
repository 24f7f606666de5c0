/* pm-replay: what a portfolio comes to when these signals are sent to it, without sockets, clock and database.
 *
 *   pm-replay FILE [--initial-capital X] [--config F]
 *
 * FILE ("-": stdin) has a webhook body a line, or {"arrived_at":"2026-11-24T03:00:00.000000Z","body":"…"}. A line without a time
 * arrives a microsecond after the line before it. Prints the portfolio and its digest as JSON; the same input gives the
 * same bytes. Limits on signals from the future are off: they depend on the clock that was there.
 *
 * Exit code 0; 1 when the events alone do not lead to the same state; 2 when the input or the options are no good. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config.h"
#include "common/fixed.h"
#include "tests/replay/final.h"
#include "worker/signal_time.h"

#define CAPITAL_DEFAULT_E6 (5000000 * FIXED_ONE_E6)
#define FIRST_ARRIVAL_US 946684800000000LL

struct replay {
        struct config config;
        struct player player;
        int64_t arrived_at_us;
        uint64_t lines;
        uint64_t outcomes[OUTCOME_END];
};

static const char *
play_body(struct replay *replay, const char *body, size_t size)
{
        struct player *player = &replay->player;
        const char *wrong = NULL;
        if (player_parse(player, body, size) == SIGNAL_CODE_OK) {
                wrong = player_play(player, replay->arrived_at_us);
                replay->outcomes[player->decision.outcome]++;
        } else {
                replay->outcomes[OUTCOME_INVALID]++;
        }
        return wrong;
}

/* A line is an envelope when it is an object with a text `body` and no `type`; anything else is itself the body. */
static const char *
play_line(struct replay *replay, const char *line, size_t size)
{
        json_object *json = json_tokener_parse(line);
        json_object *body = NULL;
        json_object *time = NULL;
        const char *wrong = NULL;

        replay->arrived_at_us++;
        if (json_object_is_type(json, json_type_object) && !json_object_object_get_ex(json, "type", NULL) &&
            json_object_object_get_ex(json, "body", &body) && json_object_is_type(body, json_type_string)) {
                if (json_object_object_get_ex(json, "arrived_at", &time) &&
                    !signal_time_parse(json_object_get_string(time), (size_t)json_object_get_string_len(time), &replay->arrived_at_us))
                        wrong = "arrived_at is no time";
                else
                        wrong = play_body(replay, json_object_get_string(body), (size_t)json_object_get_string_len(body));
        } else {
                wrong = play_body(replay, line, size);
        }
        json_object_put(json);
        return wrong;
}

static bool
play_file(struct replay *replay, FILE *file)
{
        char *line = NULL;
        size_t capacity = 0;
        ssize_t size;
        const char *wrong = NULL;

        while (wrong == NULL && (size = getline(&line, &capacity, file)) >= 0) {
                replay->lines++;
                while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
                        line[--size] = '\0';
                if (size > 0)
                        wrong = play_line(replay, line, (size_t)size);
        }
        free(line);
        if (wrong != NULL)
                fprintf(stderr, "pm-replay: line %" PRIu64 ": %s\n", replay->lines, wrong);
        else if (ferror(file) != 0)
                fprintf(stderr, "pm-replay: %s\n", strerror(errno));
        return wrong == NULL && ferror(file) == 0;
}

static void
print_result(const struct replay *replay)
{
        struct digest digest = core_digest(replay->player.core);
        char hex[33];
        json_object *json = final_json(&replay->player);
        json_object *outcomes = json_object_new_object();

        for (int i = OUTCOME_NONE + 1; i < OUTCOME_END; i++)
                json_object_object_add(outcomes, event_outcome_name(i), json_object_new_int64((int64_t)replay->outcomes[i]));
        snprintf(hex, sizeof hex, "%016" PRIx64 "%016" PRIx64, digest.high, digest.low);
        json_object_object_add(json, "outcomes", outcomes);
        json_object_object_add(json, "events", json_object_new_int64((int64_t)replay->player.seq));
        json_object_object_add(json, "digest", json_object_new_string(hex));
        puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
        json_object_put(json);
}

static bool
read_options(struct replay *replay, int argc, char **argv, const char **path, int64_t *capital_e6)
{
        static const struct option options[] = {
                {"initial-capital", required_argument, NULL, 'i'}, {"config", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
        bool has_capital = false;
        int option;

        *capital_e6 = CAPITAL_DEFAULT_E6;
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                char error[CONFIG_ERROR_SIZE];
                if (option == 'i') {
                        has_capital = fixed_parse(optarg, strlen(optarg), capital_e6) == FIXED_OK && *capital_e6 > 0;
                        if (!has_capital) {
                                fprintf(stderr, "pm-replay: --initial-capital is no positive amount: %s\n", optarg);
                                return false;
                        }
                } else if (option == 'c') {
                        if (config_load(&replay->config, optarg, error) != CONFIG_OK) {
                                fprintf(stderr, "pm-replay: %s\n", error);
                                return false;
                        }
                        if (!has_capital)
                                *capital_e6 = replay->config.initial_capital_e6;
                } else {
                        return false;
                }
        }
        if (optind + 1 != argc) {
                fprintf(stderr, "usage: pm-replay FILE [--initial-capital X] [--config F]\n");
                return false;
        }
        *path = argv[optind];
        return true;
}

static int
run(struct replay *replay, const char *path, int64_t capital_e6)
{
        FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
        if (file == NULL) {
                fprintf(stderr, "pm-replay: %s: %s\n", path, strerror(errno));
                return 2;
        }
        bool ok = player_init(&replay->player, replay->config.instruments, replay->config.instruments_count,
                              (uint32_t)replay->config.dedupe_max, capital_e6, replay->arrived_at_us);
        if (!ok)
                fprintf(stderr, "pm-replay: no portfolio can be made of this\n");
        ok = ok && play_file(replay, file);
        if (file != stdin)
                fclose(file);
        if (!ok)
                return 2;
        print_result(replay);
        const char *wrong = player_check(&replay->player);
        if (wrong != NULL)
                fprintf(stderr, "pm-replay: %s does not hold\n", wrong);
        return wrong != NULL;
}

int
main(int argc, char **argv)
{
        struct replay *replay = calloc(1, sizeof *replay);
        const char *path;
        int64_t capital_e6;
        int code = 2;

        if (replay == NULL) {
                fprintf(stderr, "pm-replay: no memory\n");
                return 2;
        }
        replay->arrived_at_us = FIRST_ARRIVAL_US;
        config_init(&replay->config);
        if (read_options(replay, argc, argv, &path, &capital_e6))
                code = run(replay, path, capital_e6);
        player_fini(&replay->player);
        config_fini(&replay->config);
        free(replay);
        return code;
}
