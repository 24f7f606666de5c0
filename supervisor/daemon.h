/* daemon: `pm-supervisor start`. Forks before any thread or nng socket exists; the child becomes a daemon and goes on, the
 * parent waits at a pair of sockets for the word that it is READY and turns it into an exit code.
 *
 * What the daemon writes to ready_fd, one line each:
 *     WAITING reason    not ready yet, and why; at every change ("WAITING database unreachable: connection refused")
 *     READY message     ready; the parent returns 0. "READY loaded 3 positions in 48.120ms"
 *     HOLD reason       a child needs the operator; the parent returns 152, the daemon stays
 *     FAILED reason     the daemon gives up; the parent returns 1 ("FAILED already running: pid 4711")
 * After READY, HOLD or FAILED it closes the descriptor. When the pair ends without one of them the daemon has died: 1.
 * When timeout_ms passes first, the parent returns 151 with the last reason; the daemon stays and heals. */
#ifndef PM_SUPERVISOR_DAEMON_H
#define PM_SUPERVISOR_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* In the parent: waits and returns the exit code in *exit_code. In the child: returns with *ready_fd ≥ 0. keep_folder: stay in
 * the working folder, which relative paths of --set are taken from at a reload; else the daemon moves to /. */
enum daemon_side { DAEMON_FAILED = 0, DAEMON_PARENT, DAEMON_CHILD };
enum daemon_side daemon_start(const char *log_file, int64_t timeout_ms, bool keep_folder, int *ready_fd, int *exit_code);

/* The parent's half, for tests: reads lines from fd until the end is known. */
int daemon_wait(int fd, const char *log_file, int64_t timeout_ms, FILE *out, FILE *error_out);

/* For the daemon: writes one line ("READY …") with control characters made spaces, at most 1,000 bytes. fd < 0: does nothing.
 * A parent that has gone is fine. */
void daemon_tell(int ready_fd, const char *word, const char *reason);

#endif
