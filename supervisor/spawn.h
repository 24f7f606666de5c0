/* spawn: starts a program as a child of ours and collects it when it is gone. The only place with fork, exec and waitpid.
 *
 * Always fork and exec: after nng was used a forked child must not touch it. Always from the main thread: the parent
 * death signal is sent when the *thread* that forked ends. */
#ifndef PM_SUPERVISOR_SPAWN_H
#define PM_SUPERVISOR_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/check.h"

#define SPAWN_FDS_MAX 6
#define SPAWN_GROUPS_MAX 64
#define SPAWN_FIRST_FD 3

enum spawn_status {
        SPAWN_OK = 0,
        SPAWN_FAILED, /* no process or descriptor to be had; logged */
};

/* Who the child is to be. */
struct spawn_identity {
        bool change; /* false: stay who we are */
        uid_t uid;
        gid_t gid;
        gid_t groups[SPAWN_GROUPS_MAX];
        uint32_t groups_count;
};

struct spawn_request {
        /* The program: a descriptor opened before (so that the child's user need not reach its folder), or a path when program_fd
         * is -1. argv[0] is what the program takes for its own name. */
        int program_fd;
        const char *path;
        const char *const *argv;
        const struct spawn_identity *identity;
        int death_signal; /* sent to the child by the kernel when we die */
        int stdin_fd;     /* -1: /dev/null */
        int log_fd;       /* its stdout and stderr */
        /* Handed to the child as 3, 4, … in this order; nothing else is open there. */
        int fds[SPAWN_FDS_MAX];
        uint32_t fds_count;
};

/* An empty name: who we are. An unknown user, or no right to become it: SPAWN_FAILED, and error says what to do. */
PM_MUST_CHECK enum spawn_status spawn_identity_of(const char *user, struct spawn_identity *identity, char *error, size_t error_size);

/* *pidfd becomes readable when the child is gone; the caller closes it. What fails in the child before the program runs
 * is written to log_fd, and the child ends with exit code EXIT_CODE_RESOURCE. */
PM_MUST_CHECK enum spawn_status spawn_process(const struct spawn_request *request, pid_t *pid, int *pidfd);

/* After pidfd became readable: collects the child. False: it still lives. status is waitpid's. */
bool spawn_reap(pid_t pid, int *status);

#endif
