/* lock_file: a file whose flock says that somebody lives. A child inherits the locked descriptor and keeps it open, so the lock
 * is free exactly when the last process that had it is gone. The pid inside tells who it was. Used by the supervisor. */
#ifndef PM_SUPERVISOR_LOCK_FILE_H
#define PM_SUPERVISOR_LOCK_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/check.h"

enum lock_file_status {
        LOCK_FILE_OK = 0,
        LOCK_FILE_HELD,  /* another process lives */
        LOCK_FILE_ERROR, /* errno says why */
};

/* Opens (creates 0600) and locks without waiting. LOCK_FILE_OK: *fd is the locked descriptor, close-on-exec. A symbolic link
 * is not followed: the folder may belong to a less trusted user. LOCK_FILE_HELD: *pid is what the file says, 0 when nothing. */
PM_MUST_CHECK enum lock_file_status lock_file_take(const char *path, int *fd, pid_t *pid);

/* Writes "PID\n" into the file. */
PM_MUST_CHECK enum lock_file_status lock_file_write_pid(int fd, pid_t pid);

/* Whether the process has this very file open: a pid that was used again for something else does not. Needs to be
 * root or the same user. */
bool lock_file_is_open_in(const char *path, pid_t pid);

#endif
