/* rundir: the folders and files of an instance: run_dir and state_dir (0700, owned by whom the children run as), the pid file
 * whose flock says that this instance runs, effective.conf for the children, the log file. Every message names the path and
 * the command that mends it. Called once at start, before any child lives. */
#ifndef PM_SUPERVISOR_RUNDIR_H
#define PM_SUPERVISOR_RUNDIR_H

#include <stdbool.h>

#include "common/check.h"
#include "common/config.h"
#include "supervisor/spawn.h"

#define RUNDIR_ERROR_SIZE 768

enum rundir_status {
        RUNDIR_OK = 0,
        RUNDIR_RUNNING, /* another supervisor has the pid file's lock */
        RUNDIR_FAILED,
};

struct rundir {
        const struct config *config;
        const struct spawn_identity *identity;
        int pid_fd; /* held, locked; -1: none */
        int log_fd; /* -1: no log file */
};

/* Makes run_dir and state_dir with what is missing above them, checks that the children's user reaches them, takes the pid file.
 * config and identity are kept. error is one sentence: "already running: pid 4711 (instance main)". */
PM_MUST_CHECK enum rundir_status rundir_init(struct rundir *rundir, const struct config *config, const struct spawn_identity *identity,
                                             char error[RUNDIR_ERROR_SIZE]);
/* Removes the pid file (a clean end) and closes. */
void rundir_fini(struct rundir *rundir);

/* run_dir/effective.conf, 0600, by a temporary file and a rename: a child reads the old one or the new one. */
PM_MUST_CHECK enum rundir_status rundir_write_effective(const struct rundir *rundir, char error[RUNDIR_ERROR_SIZE]);

/* Opens (again, after a rotation) the log file, with its folder, for appending. The earlier descriptor is closed only when the new
 * one is there. config->log_file empty: RUNDIR_OK and log_fd stays -1. */
PM_MUST_CHECK enum rundir_status rundir_open_log(struct rundir *rundir, char error[RUNDIR_ERROR_SIZE]);

/* Where a daemon logs when the config does not say: the log folder, or beside the state when that was moved. */
void rundir_default_log(const struct config *config, char out[CONFIG_TEXT_SIZE]);

/* The first folder on the way to path (path itself too) that the identity may not pass through, copied to out; false: none. */
bool rundir_find_closed_folder(const char *path, const struct spawn_identity *identity, char *out, size_t out_size);

/* Maintenance is a file, so it outlives us. */
bool rundir_is_maintenance_on(const struct config *config);
PM_MUST_CHECK enum rundir_status rundir_set_maintenance(const struct config *config, bool on, char error[RUNDIR_ERROR_SIZE]);

#endif
