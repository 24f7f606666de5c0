/* unit: one child with all that belongs to its present process: pid, death watch, timer, words, heartbeats. Carries out what the
 * table of child.h says; what is special to a role (how it is started, how it is told to drain) is asked of the owner. */
#ifndef PM_SUPERVISOR_UNIT_H
#define PM_SUPERVISOR_UNIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/check.h"
#include "common/loop.h"
#include "common/msg.h"
#include "supervisor/child.h"
#include "supervisor/child_log.h"
#include "supervisor/watchdog.h"

#define UNIT_TEXT_SIZE 256

struct unit;

enum unit_spawn {
        UNIT_SPAWNED = 0,
        UNIT_BLOCKED,     /* not yet; asked again soon */
        UNIT_NOT_STARTED, /* the reason is in error, exit_code says what it means for a retry (0: nothing special) */
};

struct unit_launch {
        pid_t pid;
        int pidfd; /* the unit's from then on */
        int exit_code;
        char error[UNIT_TEXT_SIZE * 2];
};

struct unit_ops {
        enum unit_spawn (*spawn)(void *owner, struct unit *unit, struct unit_launch *launch);
        void (*on_spawned)(void *owner, struct unit *unit);
        /* The process is gone (or was not started); the next may be spawned when this returns. cause: "killed by SIGKILL". */
        void (*on_exit)(void *owner, struct unit *unit, const char *cause);
        bool (*drain)(void *owner, struct unit *unit); /* false: the unit sends SIGTERM instead */
        void (*on_change)(void *owner, struct unit *unit);
};

struct unit {
        enum role role; /* NONE: not used */
        struct loop *loop;
        const struct unit_ops *ops;
        void *owner;
        struct child child;
        struct child_log log;
        struct watchdog watchdog;
        struct loop_timer *timer;
        struct loop_watch *death_watch;

        pid_t pid; /* 0: no process */
        int pidfd;
        uint64_t spawn_no;
        int64_t spawned_at_us;
        int64_t blocked_since_us;         /* 0: not blocked */
        int64_t fault_at_us;              /* when what will be the cause of death happened, 0: not known */
        char kill_reason[UNIT_TEXT_SIZE]; /* why we end it; empty: we do not */

        uint64_t restarts_count; /* deaths that nobody asked for */
        char last_exit[UNIT_TEXT_SIZE];
};

enum unit_status { UNIT_OK = 0, UNIT_FAILED };

PM_MUST_CHECK enum unit_status unit_init(struct unit *unit, struct loop *loop, enum role role, const struct child_limits *limits,
                                         const struct unit_ops *ops, void *owner, child_log_fn *on_words);
/* Kills a process that is still there and waits for its end (SIGKILL: at once). */
void unit_fini(struct unit *unit);

/* An event of the table, by the supervisor or the operator. */
void unit_event(struct unit *unit, enum child_event event);
/* CHILD_KILL_ASKED with the reason for the log. */
void unit_kill(struct unit *unit, const char *reason);
/* CHILD_RESTART_ASKED with the reason for the log. */
void unit_restart(struct unit *unit, const char *reason);
/* CHILD_STUCK with the reason. since_us: when it began. */
void unit_is_stuck(struct unit *unit, const char *reason, int64_t since_us);
/* A plain signal. is_free: the death that follows is not counted (a drill). False: there is no process. */
bool unit_signal(struct unit *unit, int number, const char *reason, bool is_free);
/* Whether a message with that number is of the present process. */
bool unit_is_present(const struct unit *unit, uint64_t spawn_no);

#endif
