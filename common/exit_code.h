/* exit_code: the contract between a child that ends and the supervisor that restarts it,
 * and between `pm-supervisor` and the scripts that call it. */
#ifndef PM_COMMON_EXIT_CODE_H
#define PM_COMMON_EXIT_CODE_H

/* Of pm-worker and pm-persister, with what the supervisor does. */
enum exit_code {
        EXIT_CODE_OK = 0,         /* drained as asked: nothing */
        EXIT_CODE_USAGE = 64,     /* bad command line, a bug of ours: restart under the budget */
        EXIT_CODE_CONFIG = 78,    /* configuration cannot work: HOLD, the operator must act */
        EXIT_CODE_LINK_LOST = 70, /* the supervisor's control link is gone: no restart of our own making */
        EXIT_CODE_REHYDRATE = 71, /* worker: its state is ahead of, or differs from, what is stored: restart at once */
        EXIT_CODE_FENCED = 72,    /* persister: a newer writer owns the portfolio: HOLD */
        EXIT_CODE_PROTOCOL = 73,  /* wrong bytes on a link: restart under the budget */
        EXIT_CODE_RESOURCE = 74,  /* no descriptor, memory or folder: restart under the budget */
        EXIT_CODE_SCHEMA = 75,    /* persister: schema missing, too new or edited: HOLD, `pm-supervisor migrate` */
};

/* Of `pm-supervisor status` (LSB, then our own from 150). */
enum status_code {
        STATUS_RUNNING = 0,
        STATUS_DEAD_PID_FILE = 1,
        STATUS_DEAD_LOCK_FILE = 2,
        STATUS_NOT_RUNNING = 3,
        STATUS_UNKNOWN = 4,
        STATUS_DEGRADED = 150,
        STATUS_STARTING = 151, /* or recovering */
        STATUS_HOLD = 152,
        STATUS_MAINTENANCE = 153,
};

/* Of the other verbs (LSB init script actions). */
enum verb_code {
        VERB_OK = 0,
        VERB_FAILED = 1,
        VERB_USAGE = 2,
        VERB_UNIMPLEMENTED = 3,
        VERB_NO_PERMISSION = 4,
        VERB_NOT_INSTALLED = 5,
        VERB_NOT_CONFIGURED = 6, /* config missing or wrong */
        VERB_NOT_RUNNING = 7,
};

#endif
