/* embedded_db: a private PostgreSQL as one more child: its cluster is made once (initdb, role, database), then the server is
 * started on a unix socket in run_dir. All steps are processes that the loop waits for; nothing blocks. Crash-only: a cluster that
 * is not finished has another name, so an interrupted making begins anew.
 *
 * Every process of it inherits the lock of run_dir/database.lock, so the lock is free exactly when the last one is gone. */
#ifndef PM_SUPERVISOR_EMBEDDED_DB_H
#define PM_SUPERVISOR_EMBEDDED_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/check.h"
#include "common/config.h"
#include "common/loop.h"
#include "supervisor/spawn.h"

#define EMBEDDED_DB_ROLE "portfolio_user"
#define EMBEDDED_DB_NAME "portfolio_manager"
#define EMBEDDED_DB_VERSIONS_DIR "/usr/lib/postgresql"
#define EMBEDDED_DB_ERROR_SIZE 512
/* The line of the server's log that says it takes connections. */
#define EMBEDDED_DB_READY_LINE "database system is ready to accept connections"

enum embedded_db_status {
        EMBEDDED_DB_OK = 0,
        EMBEDDED_DB_BUSY,   /* a step is under way, or an old server has not ended yet: try again soon */
        EMBEDDED_DB_FAILED, /* error says why and what to do */
};

struct embedded_db;

/* config, identity and log_fd (where all its processes write) are kept. on_step is called whenever a step is over, so
 * that the owner tries again at once. */
struct embedded_db *embedded_db_new(struct loop *loop, const struct config *config, const struct spawn_identity *identity, int log_fd,
                                    loop_fn *on_step, void *owner);
void embedded_db_free(struct embedded_db *db); /* kills a step that runs; NULL is fine */

/* Does the next step towards a running server. EMBEDDED_DB_OK: the server was started as *pid, *pidfd. */
PM_MUST_CHECK enum embedded_db_status embedded_db_start(struct embedded_db *db, pid_t *pid, int *pidfd, char error[EMBEDDED_DB_ERROR_SIZE]);

/* The folder with initdb and postgres: bin_dir; when that is empty, version `wanted` (0: the newest) of those below
 * versions_dir, or the first in PATH. *major is its version, 0 when the folder does not tell. False: none, and error says
 * what to install. */
bool embedded_db_find_bin(const char *bin_dir, const char *versions_dir, int wanted, char *out, size_t out_size, int *major,
                          char error[EMBEDDED_DB_ERROR_SIZE]);

/* The version of the cluster there, 0: there is none. */
int embedded_db_version_of(const char *pgdata);

#endif
