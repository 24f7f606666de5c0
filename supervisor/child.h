/* child: the life of one child process as a table of states and events. Pure: time and randomness come in, what is to be
 * done goes out; unit.c does it. Used by the supervisor alone.
 *
 * The rules:
 * - A death that nobody asked for spends one restart of the budget. The first restart is at once; each further one waits
 *   twice as long as the one before, up to a cap, with jitter. A child that lived READY for healthy_us has its budget back.
 * - A death that was asked for (an operator's restart, a drill, a state that must be loaded anew) is free and restarts at once.
 * - When the budget is spent, or the child says itself that a restart cannot help (exit codes config, schema, fenced), it is in
 *   HOLD: tried again slowly for ever. An operator's restart ends HOLD and gives the budget back.
 * - Stopping goes DRAIN, SIGTERM, SIGKILL, each with a deadline. A stuck child gets SIGABRT, so that its handler writes the
 *   stack, and SIGKILL when that took too long. */
#ifndef PM_SUPERVISOR_CHILD_H
#define PM_SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/config.h"

enum child_state {
        CHILD_DOWN = 0,    /* no process, none wanted */
        CHILD_WAITING,     /* no process; a start is due now or after a delay */
        CHILD_STARTING,    /* a process that has not said it is ready */
        CHILD_READY,       /* at work */
        CHILD_DRAINING,    /* told to finish and end */
        CHILD_TERMINATING, /* got SIGTERM */
        CHILD_ABORTING,    /* stuck: got SIGABRT */
        CHILD_KILLING,     /* got SIGKILL */
        CHILD_HOLD,        /* no process; the operator must act, retries are slow */
        CHILD_STATE_END
};

enum child_event {
        CHILD_START_ASKED = 0, /* also by the operator: gives the budget back, ends HOLD */
        CHILD_STOP_ASKED,      /* drain, then stay down */
        CHILD_RESTART_ASKED,   /* drain, then start: free */
        CHILD_KILL_ASKED,      /* kill, then start: free */
        CHILD_STUCK,           /* no heartbeat or no progress */
        CHILD_TIMER,           /* child.timer_at_us is reached */
        CHILD_SPAWNED,
        CHILD_SPAWN_BLOCKED, /* cannot start yet: a process of an earlier life holds its lock; free */
        CHILD_BECAME_READY,
        /* Ends of a process, or a start that failed; which one says child_exit_event(). */
        CHILD_EXIT_DOWN,
        CHILD_EXIT_AT_ONCE,
        CHILD_EXIT_LATER,
        CHILD_EXIT_HOLD,
        CHILD_EVENT_END
};

enum child_action {
        CHILD_DO_NOTHING = 0,
        CHILD_DO_SPAWN, /* answer with SPAWNED, SPAWN_BLOCKED or an exit event */
        CHILD_DO_DRAIN,
        CHILD_DO_TERM,
        CHILD_DO_ABORT,
        CHILD_DO_KILL,
        CHILD_DO_COMPLAIN, /* cannot happen here: log both names, change nothing */
        CHILD_ACTION_END
};

struct child_limits {
        uint32_t restart_budget; /* restarts in a row before HOLD */
        int64_t delay_first_us;  /* before the second restart in a row */
        int64_t delay_max_us;
        int64_t healthy_us;
        int64_t hold_retry_us;
        int64_t drain_us;
        int64_t term_us;
        int64_t abort_us;
        int64_t kill_us;    /* SIGKILL is repeated so often */
        int64_t blocked_us; /* a blocked start is tried again so often */
};

struct child {
        enum child_state state;
        struct child_limits limits;
        bool wanted;         /* a process should be there */
        bool free_death;     /* the coming death was asked for */
        uint32_t deaths;     /* in a row, since the budget was full */
        int64_t ready_at_us; /* 0: not ready in this life */
        int64_t timer_at_us; /* when CHILD_TIMER is due; 0: never */
};

/* How a process ended, for child_exit_event(). */
enum child_end {
        CHILD_END_EXITED = 0,  /* value: exit code */
        CHILD_END_SIGNALED,    /* value: signal number */
        CHILD_END_NOT_STARTED, /* value: 0, or an exit code that says whether a retry can help */
};

void child_init(struct child *child, const struct child_limits *limits);
struct child_limits child_limits_of(const struct config *config);

/* Counts the death against the budget (or not) and says which of the four events it is. */
enum child_event child_exit_event(struct child *child, enum child_end end, int value, int64_t now_us);

/* The only function that changes the state. random: any number, for the jitter of a delay. */
enum child_action child_step(struct child *child, enum child_event event, int64_t now_us, uint32_t random);

/* Delay before restart number `deaths` in a row: 0 for the first, then doubling up to the cap; between half and all of it. */
int64_t child_delay_us(const struct child_limits *limits, uint32_t deaths, uint32_t random);

/* The coming death is somebody's order (a drill): free, and no other event tells of it. */
void child_expect_death(struct child *child);

bool child_has_process(const struct child *child);

const char *child_state_name(int state); /* "ready" */
const char *child_event_name(int event); /* "stop_asked" */
const char *child_action_name(int action);

/* The table as a graph for Graphviz. Returns VERB_OK or VERB_FAILED. */
int child_print_table(FILE *out);

#endif
