/* child_log: what one child writes to its stdout and stderr. The child's end of a pipe is lent at every spawn; whole lines
 * go on to the log: as they are when they are logfmt already, else wrapped with time, level, role and pid. The last lines are
 * kept for the record of its death. One pipe serves all lives of a role, so that late words of an old process are read too. */
#ifndef PM_SUPERVISOR_CHILD_LOG_H
#define PM_SUPERVISOR_CHILD_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/check.h"
#include "common/loop.h"
#include "common/msg.h"

#define CHILD_LOG_LINES_MAX 20
#define CHILD_LOG_LINE_SIZE 4000 /* a longer line is cut in pieces */
#define CHILD_LOG_KEPT_SIZE 240

enum child_log_status { CHILD_LOG_OK = 0, CHILD_LOG_FAILED };

/* Called for each line that was not logfmt, before it goes to the log. */
typedef void child_log_fn(void *owner, const char *line);

struct child_log {
        enum role role;
        pid_t pid; /* of the present process, for wrapped lines */
        int read_fd;
        int write_fd; /* to lend */
        struct loop_watch *watch;
        child_log_fn *fn; /* may be NULL */
        void *owner;
        uint32_t partial_size;
        char partial[CHILD_LOG_LINE_SIZE + 1];
        uint32_t lines_count; /* kept */
        uint32_t lines_first; /* a ring */
        char lines[CHILD_LOG_LINES_MAX][CHILD_LOG_KEPT_SIZE];
};

PM_MUST_CHECK enum child_log_status child_log_init(struct child_log *log, struct loop *loop, enum role role, child_log_fn *fn, void *owner);
void child_log_fini(struct child_log *log);

/* A new process writes from now on; the kept lines are the old one's and go. */
void child_log_begin(struct child_log *log, pid_t pid);
/* The process is gone: takes what is still in the pipe, also a last line without its end. */
void child_log_end(struct child_log *log);

/* Line i of those kept, 0 the oldest; NULL: no more. */
const char *child_log_line(const struct child_log *log, uint32_t i);

/* The kept lines that were not logfmt (a stack, a loader's complaint), joined with " | ", the newest kept when it is too much.
 * Returns out. */
char *child_log_words(const struct child_log *log, char *out, size_t out_size);

#endif
