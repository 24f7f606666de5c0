#include "supervisor/child.h"

#include "common/check.h"
#include "common/exit_code.h"
#include "common/limits.h"

enum timer_kind { TIMER_NONE = 0, TIMER_DELAY, TIMER_BLOCKED, TIMER_HOLD, TIMER_DRAIN, TIMER_TERM, TIMER_ABORT, TIMER_KILL, TIMER_KEEP };

struct cell {
        bool possible;
        enum child_state next;
        enum child_action action;
        enum timer_kind timer;
};

#define GO(state, action, timer)                                                                                                           \
        {                                                                                                                                  \
                true, CHILD_##state, CHILD_DO_##action, TIMER_##timer                                                                      \
        }
/* Nothing changes, and the timer that runs goes on. */
#define STAY(state) GO(state, NOTHING, KEEP)

/* The four ends, the same from wherever a process can end. */
#define ENDS                                                                                                                               \
        [CHILD_EXIT_DOWN] = GO(DOWN, NOTHING, NONE), [CHILD_EXIT_AT_ONCE] = GO(WAITING, SPAWN, NONE),                                      \
        [CHILD_EXIT_LATER] = GO(WAITING, NOTHING, DELAY), [CHILD_EXIT_HOLD] = GO(HOLD, NOTHING, HOLD)

/* A cell that is not here cannot happen. */
static const struct cell table[CHILD_STATE_END][CHILD_EVENT_END] =
        {
                [CHILD_DOWN] =
                        {
                                [CHILD_START_ASKED] = GO(WAITING, SPAWN, NONE),
                                [CHILD_STOP_ASKED] = STAY(DOWN),
                                [CHILD_RESTART_ASKED] = GO(WAITING, SPAWN, NONE),
                                [CHILD_KILL_ASKED] = STAY(DOWN),
                        },
                [CHILD_WAITING] =
                        {
                                [CHILD_START_ASKED] = GO(WAITING, SPAWN, NONE),
                                [CHILD_STOP_ASKED] = GO(DOWN, NOTHING, NONE),
                                [CHILD_RESTART_ASKED] = GO(WAITING, SPAWN, NONE),
                                [CHILD_KILL_ASKED] = STAY(WAITING),
                                [CHILD_TIMER] = GO(WAITING, SPAWN, NONE),
                                [CHILD_SPAWNED] = GO(STARTING, NOTHING, NONE),
                                [CHILD_SPAWN_BLOCKED] = GO(WAITING, NOTHING, BLOCKED),
                                ENDS,
                        },
                [CHILD_STARTING] =
                        {
                                [CHILD_START_ASKED] = STAY(STARTING),
                                [CHILD_STOP_ASKED] = GO(DRAINING, DRAIN, DRAIN),
                                [CHILD_RESTART_ASKED] = GO(DRAINING, DRAIN, DRAIN),
                                [CHILD_KILL_ASKED] = GO(KILLING, KILL, KILL),
                                [CHILD_STUCK] = GO(ABORTING, ABORT, ABORT),
                                [CHILD_BECAME_READY] = GO(READY, NOTHING, NONE),
                                ENDS,
                        },
                [CHILD_READY] =
                        {
                                [CHILD_START_ASKED] = STAY(READY),
                                [CHILD_STOP_ASKED] = GO(DRAINING, DRAIN, DRAIN),
                                [CHILD_RESTART_ASKED] = GO(DRAINING, DRAIN, DRAIN),
                                [CHILD_KILL_ASKED] = GO(KILLING, KILL, KILL),
                                [CHILD_STUCK] = GO(ABORTING, ABORT, ABORT),
                                [CHILD_BECAME_READY] = STAY(READY),
                                ENDS,
                        },
                [CHILD_DRAINING] =
                        {
                                [CHILD_START_ASKED] = STAY(DRAINING),
                                [CHILD_STOP_ASKED] = STAY(DRAINING),
                                [CHILD_RESTART_ASKED] = STAY(DRAINING),
                                [CHILD_KILL_ASKED] = GO(KILLING, KILL, KILL),
                                [CHILD_STUCK] = GO(ABORTING, ABORT, ABORT),
                                [CHILD_TIMER] = GO(TERMINATING, TERM, TERM),
                                [CHILD_BECAME_READY] = STAY(DRAINING),
                                ENDS,
                        },
                [CHILD_TERMINATING] =
                        {
                                [CHILD_START_ASKED] = STAY(TERMINATING),
                                [CHILD_STOP_ASKED] = STAY(TERMINATING),
                                [CHILD_RESTART_ASKED] = STAY(TERMINATING),
                                [CHILD_KILL_ASKED] = GO(KILLING, KILL, KILL),
                                [CHILD_STUCK] = STAY(TERMINATING),
                                [CHILD_TIMER] = GO(KILLING, KILL, KILL),
                                [CHILD_BECAME_READY] = STAY(TERMINATING),
                                ENDS,
                        },
                [CHILD_ABORTING] =
                        {
                                [CHILD_START_ASKED] = STAY(ABORTING),
                                [CHILD_STOP_ASKED] = STAY(ABORTING),
                                [CHILD_RESTART_ASKED] = STAY(ABORTING),
                                [CHILD_KILL_ASKED] = GO(KILLING, KILL, KILL),
                                [CHILD_STUCK] = STAY(ABORTING),
                                [CHILD_TIMER] = GO(KILLING, KILL, KILL),
                                [CHILD_BECAME_READY] = STAY(ABORTING),
                                ENDS,
                        },
                [CHILD_KILLING] =
                        {
                                [CHILD_START_ASKED] = STAY(KILLING),
                                [CHILD_STOP_ASKED] = STAY(KILLING),
                                [CHILD_RESTART_ASKED] = STAY(KILLING),
                                [CHILD_KILL_ASKED] = STAY(KILLING),
                                [CHILD_STUCK] = STAY(KILLING),
                                [CHILD_TIMER] = GO(KILLING, KILL, KILL),
                                [CHILD_BECAME_READY] = STAY(KILLING),
                                ENDS,
                        },
                [CHILD_HOLD] =
                        {
                                [CHILD_START_ASKED] = GO(WAITING, SPAWN, NONE),
                                [CHILD_STOP_ASKED] = GO(DOWN, NOTHING, NONE),
                                [CHILD_RESTART_ASKED] = GO(WAITING, SPAWN, NONE),
                                [CHILD_KILL_ASKED] = STAY(HOLD),
                                [CHILD_TIMER] = GO(WAITING, SPAWN, NONE),
                        },
};

/* Fixed deadlines; those that an operator may move are in the config. */
#define DELAY_FIRST_MS 50
#define TERM_MS 1000
#define KILL_AGAIN_MS 1000
#define BLOCKED_MS 10

struct child_limits
child_limits_of(const struct config *config)
{
        return (struct child_limits){
                .restart_budget = (uint32_t)config->restart_budget,
                .delay_first_us = DELAY_FIRST_MS * 1000,
                .delay_max_us = config->restart_delay_max_ms * 1000,
                .healthy_us = config->restart_healthy_ms * 1000,
                .hold_retry_us = config->hold_retry_ms * 1000,
                .drain_us = config->stop_timeout_ms * 1000,
                .term_us = TERM_MS * 1000,
                .abort_us = PM_ABORT_DUMP_MS * 1000,
                .kill_us = KILL_AGAIN_MS * 1000,
                .blocked_us = BLOCKED_MS * 1000,
        };
}

void
child_init(struct child *child, const struct child_limits *limits)
{
        *child = (struct child){.limits = *limits};
}

int64_t
child_delay_us(const struct child_limits *limits, uint32_t deaths, uint32_t random)
{
        if (deaths <= 1)
                return 0;
        int64_t delay_us = limits->delay_first_us;
        for (uint32_t i = 2; i < deaths && delay_us < limits->delay_max_us; i++)
                delay_us *= 2;
        if (delay_us > limits->delay_max_us)
                delay_us = limits->delay_max_us;
        /* Two instances that fell together shall not come back together. */
        return delay_us / 2 + (int64_t)(((uint64_t)delay_us / 2 * random) >> 32);
}

/* The child says that a restart cannot help before somebody acts. */
static bool
is_hopeless(enum child_end end, int value)
{
        return end != CHILD_END_SIGNALED && (value == EXIT_CODE_CONFIG || value == EXIT_CODE_SCHEMA || value == EXIT_CODE_FENCED);
}

enum child_event
child_exit_event(struct child *child, enum child_end end, int value, int64_t now_us)
{
        bool was_healthy = child->ready_at_us != 0 && now_us - child->ready_at_us >= child->limits.healthy_us;
        bool free_death = child->free_death;
        child->free_death = false;
        child->ready_at_us = 0;
        if (was_healthy)
                child->deaths = 0;
        if (!child->wanted)
                return CHILD_EXIT_DOWN;
        if (free_death)
                return CHILD_EXIT_AT_ONCE;
        if (is_hopeless(end, value))
                return CHILD_EXIT_HOLD;
        if (child->deaths <= child->limits.restart_budget)
                child->deaths++;
        if (child->deaths > child->limits.restart_budget)
                return CHILD_EXIT_HOLD;
        /* A worker that must load its state anew is not ill: the state is refused, not the process. */
        bool again = child->deaths <= 1 || (end == CHILD_END_EXITED && value == EXIT_CODE_REHYDRATE);
        return again ? CHILD_EXIT_AT_ONCE : CHILD_EXIT_LATER;
}

static int64_t
timer_us(const struct child *child, enum timer_kind kind, uint32_t random)
{
        const struct child_limits *limits = &child->limits;
        switch (kind) {
        case TIMER_DELAY: return child_delay_us(limits, child->deaths, random);
        case TIMER_BLOCKED: return limits->blocked_us;
        case TIMER_HOLD: return limits->hold_retry_us;
        case TIMER_DRAIN: return limits->drain_us;
        case TIMER_TERM: return limits->term_us;
        case TIMER_ABORT: return limits->abort_us;
        case TIMER_KILL: return limits->kill_us;
        case TIMER_NONE:
        case TIMER_KEEP: break;
        }
        PM_UNREACHABLE();
}

/* What was asked changes what the next end means, in every state. */
static void
note_wish(struct child *child, enum child_event event)
{
        if (event == CHILD_START_ASKED || event == CHILD_RESTART_ASKED) {
                child->wanted = true;
                child->deaths = 0;
        }
        if (event == CHILD_STOP_ASKED)
                child->wanted = false;
        if ((event == CHILD_RESTART_ASKED || event == CHILD_KILL_ASKED) && child_has_process(child))
                child->free_death = true;
}

enum child_action
child_step(struct child *child, enum child_event event, int64_t now_us, uint32_t random)
{
        PM_ASSERT(event < CHILD_EVENT_END);
        const struct cell *cell = &table[child->state][event];
        if (!cell->possible)
                return CHILD_DO_COMPLAIN;
        note_wish(child, event);
        if (event == CHILD_BECAME_READY && child->ready_at_us == 0)
                child->ready_at_us = now_us;
        child->state = cell->next;
        if (cell->timer == TIMER_NONE)
                child->timer_at_us = 0;
        else if (cell->timer != TIMER_KEEP)
                child->timer_at_us = now_us + timer_us(child, cell->timer, random);
        return cell->action;
}

void
child_expect_death(struct child *child)
{
        if (child_has_process(child))
                child->free_death = true;
}

bool
child_has_process(const struct child *child)
{
        switch (child->state) {
        case CHILD_STARTING:
        case CHILD_READY:
        case CHILD_DRAINING:
        case CHILD_TERMINATING:
        case CHILD_ABORTING:
        case CHILD_KILLING: return true;
        case CHILD_DOWN:
        case CHILD_WAITING:
        case CHILD_HOLD:
        case CHILD_STATE_END: break;
        }
        return false;
}

const char *
child_state_name(int state)
{
        static const char *const names[CHILD_STATE_END] = {
                [CHILD_DOWN] = "down",         [CHILD_WAITING] = "waiting",   [CHILD_STARTING] = "starting",
                [CHILD_READY] = "ready",       [CHILD_DRAINING] = "draining", [CHILD_TERMINATING] = "terminating",
                [CHILD_ABORTING] = "aborting", [CHILD_KILLING] = "killing",   [CHILD_HOLD] = "hold",
        };
        return state >= 0 && state < CHILD_STATE_END ? names[state] : NULL;
}

const char *
child_event_name(int event)
{
        static const char *const names[CHILD_EVENT_END] = {
                [CHILD_START_ASKED] = "start_asked",
                [CHILD_STOP_ASKED] = "stop_asked",
                [CHILD_RESTART_ASKED] = "restart_asked",
                [CHILD_KILL_ASKED] = "kill_asked",
                [CHILD_STUCK] = "stuck",
                [CHILD_TIMER] = "timer",
                [CHILD_SPAWNED] = "spawned",
                [CHILD_SPAWN_BLOCKED] = "spawn_blocked",
                [CHILD_BECAME_READY] = "became_ready",
                [CHILD_EXIT_DOWN] = "exit_down",
                [CHILD_EXIT_AT_ONCE] = "exit_at_once",
                [CHILD_EXIT_LATER] = "exit_later",
                [CHILD_EXIT_HOLD] = "exit_hold",
        };
        return event >= 0 && event < CHILD_EVENT_END ? names[event] : NULL;
}

const char *
child_action_name(int action)
{
        static const char *const names[CHILD_ACTION_END] = {
                [CHILD_DO_NOTHING] = "nothing", [CHILD_DO_SPAWN] = "spawn", [CHILD_DO_DRAIN] = "drain",       [CHILD_DO_TERM] = "term",
                [CHILD_DO_ABORT] = "abort",     [CHILD_DO_KILL] = "kill",   [CHILD_DO_COMPLAIN] = "complain",
        };
        return action >= 0 && action < CHILD_ACTION_END ? names[action] : NULL;
}

int
child_print_table(FILE *out)
{
        fprintf(out, "digraph child {\n        rankdir=LR;\n        node [shape=box];\n");
        for (int state = 0; state < CHILD_STATE_END; state++) {
                for (int event = 0; event < CHILD_EVENT_END; event++) {
                        const struct cell *cell = &table[state][event];
                        if (!cell->possible || (cell->next == (enum child_state)state && cell->action == CHILD_DO_NOTHING))
                                continue;
                        fprintf(out, "        %s -> %s [label=\"%s", child_state_name(state), child_state_name((int)cell->next),
                                child_event_name(event));
                        if (cell->action != CHILD_DO_NOTHING)
                                fprintf(out, " / %s", child_action_name((int)cell->action));
                        fprintf(out, "\"];\n");
                }
        }
        fprintf(out, "}\n");
        return ferror(out) ? VERB_FAILED : VERB_OK;
}
