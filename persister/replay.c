#include "persister/replay.h"

#include "persister/cell.h"
#include "persister/event_json.h"

const struct statement replay_statement = {
        "replay",
        "SELECT seq, kind, more, round(extract(epoch FROM at) * 1000000)::bigint, payload::text FROM portfolio_events "
        "WHERE seq > $1::bigint ORDER BY seq LIMIT 20000",
        1};

struct replay {
        struct core *core;
        struct event_json_reader reader;
        uint64_t positions_opened; /* before a reset: the newest number that was given */
        const char *why;
};

/* Tells a core that remembers only which numbers of positions are gone. */
static bool
set_positions_opened(struct replay *replay)
{
        struct core_figures figures;
        core_figures(replay->core, &figures);
        struct event event = {.kind = EVENT_LOAD_PORTFOLIO,
                              .load_portfolio = {.positions_opened = replay->positions_opened,
                                                 .kept_no = figures.kept_no,
                                                 .evicted_through_kept_no = figures.evicted_through_kept_no,
                                                 .horizon_us = figures.horizon_us}};
        return core_apply(replay->core, &event, 0, &replay->why) == CORE_OK;
}

static bool
read(struct replay *replay, const PGresult *result, int row, struct event *event)
{
        const char *more;
        const char *json;
        return cell_text(result, row, 2, &more) && cell_i64(result, row, 3, &event->at_us) && cell_text(result, row, 4, &json) &&
               event_json_read(&replay->reader, json, (size_t)PQgetlength(result, row, 4), event, &replay->why) == EVENT_JSON_OK;
}

/* An event before the reset. Those that touch only what the reset forgets are not even read. */
static bool
remember(struct replay *replay, const PGresult *result, int row, struct event *event, uint64_t seq)
{
        uint64_t number = 0;
        switch (event->kind) {
        case EVENT_SIGNAL:
        case EVENT_KEPT_EVICTED:
        case EVENT_PROBE: return read(replay, result, row, event) && core_apply(replay->core, event, seq, &replay->why) == CORE_OK;
        case EVENT_CAPITAL: {
                char id[CORE_COMMAND_ID_SIZE];
                if (!read(replay, result, row, event))
                        return false;
                struct event command = {.kind = EVENT_LOAD_PROBE, .probe.id = core_command_id(event->capital.request_id, id)};
                return core_apply(replay->core, &command, 0, &replay->why) == CORE_OK;
        }
        case EVENT_POSITION_OPENED:
        case EVENT_LOAD_POSITION:
                if (!read(replay, result, row, event))
                        return false;
                number = event->position.position_no;
                break;
        case EVENT_LOAD_PORTFOLIO:
                if (!read(replay, result, row, event))
                        return false;
                number = event->load_portfolio.positions_opened;
                break;
        case EVENT_PORTFOLIO_CREATED:
        case EVENT_PORTFOLIO_RESET:
        case EVENT_PORTFOLIO_ADJUSTED:
        case EVENT_PAUSE:
        case EVENT_POSITION_TRAILED:
        case EVENT_POSITION_CLOSED:
        case EVENT_TICK:
        case EVENT_LOAD_INSTRUMENT:
        case EVENT_LOAD_KEPT:
        case EVENT_LOAD_PROBE:
        case EVENT_NONE:
        case EVENT_KIND_END:
        default: break;
        }
        if (number > replay->positions_opened)
                replay->positions_opened = number;
        return true;
}

static bool
take_row(struct replay *replay, const PGresult *result, int row, uint64_t reset_seq, uint64_t *seq)
{
        struct event event = {0};
        const char *kind;
        const char *more;
        replay->why = "event_is_readable";
        if (!cell_u64_or_0(result, row, 0, seq) || !cell_text(result, row, 1, &kind) || !cell_text(result, row, 2, &more))
                return false;
        event.kind = event_kind_of(kind);
        event.more = more[0] == 't';
        if (event.kind == EVENT_NONE)
                return false;
        if (*seq < reset_seq)
                return remember(replay, result, row, &event, *seq);
        if (*seq == reset_seq && !set_positions_opened(replay))
                return false;
        return read(replay, result, row, &event) && core_apply(replay->core, &event, *seq, &replay->why) == CORE_OK;
}

bool
replay_take(struct core *core, const PGresult *result, uint64_t reset_seq, uint64_t *seq, const char **why)
{
        struct core_figures figures;
        core_figures(core, &figures);
        struct replay replay = {.core = core, .positions_opened = figures.positions_opened};
        int rows = PQntuples(result);
        /* A core that only remembers must exist to do so; its money comes with the reset. */
        bool good = rows == 0 || figures.exists || reset_seq == 0 || set_positions_opened(&replay);
        for (int row = 0; row < rows && good; row++)
                good = take_row(&replay, result, row, reset_seq, seq);
        if (good && rows > 0 && *seq < reset_seq)
                good = set_positions_opened(&replay);
        event_json_reader_fini(&replay.reader);
        *why = replay.why;
        return good;
}
