#include "supervisor/supervisor.h"

#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit_code.h"
#include "common/log.h"
#include "supervisor/announce.h"
#include "supervisor/launch.h"
#include "supervisor/orders.h"
#include "supervisor/rehydration.h"
#include "supervisor/state.h"

/* The worker of a supervisor that was killed may hold the port until the kernel has ended it (P8). */
#define PORT_WAIT_US (2 * 1000000LL)
#define PORT_RETRY_US 10000
/* A child gets a little less than the unit's own deadline, so that it can end by itself. */
#define DRAIN_PART_PERCENT 90
/* The watchdog looks this often within its limit. */
#define WATCH_PARTS 10

static enum unit_spawn on_unit_spawn(void *owner, struct unit *unit, struct unit_launch *launch);
static void on_unit_spawned(void *owner, struct unit *unit);
static void on_unit_exit(void *owner, struct unit *unit, const char *cause);
static bool on_unit_drain(void *owner, struct unit *unit);
static void on_unit_change(void *owner, struct unit *unit);

static const struct unit_ops unit_ops = {
        .spawn = on_unit_spawn,
        .on_spawned = on_unit_spawned,
        .on_exit = on_unit_exit,
        .drain = on_unit_drain,
        .on_change = on_unit_change,
};

/* Start. */

static void
fail(struct supervisor *supervisor, const char *reason)
{
        supervisor->exit_code = VERB_FAILED;
        announce_failure(supervisor, reason);
}

static bool
find_identity(struct supervisor *supervisor)
{
        char error[CONFIG_ERROR_SIZE];
        if (spawn_identity_of(supervisor->config->user, &supervisor->identity, error, sizeof error) == SPAWN_OK)
                return true;
        fail(supervisor, error);
        return false;
}

static bool
open_log(struct supervisor *supervisor)
{
        char error[RUNDIR_ERROR_SIZE];
        int before = supervisor->rundir.log_fd;
        if (rundir_open_log(&supervisor->rundir, error) != RUNDIR_OK) {
                LOG_ERROR("event=log_file msg=\"%s\"", error);
                return before >= 0; /* at a reopening the old file goes on */
        }
        if (supervisor->rundir.log_fd < 0)
                return true;
        /* In the foreground stderr goes on; a daemon's is /dev/null. */
        if (supervisor->is_daemon)
                log_set_fd(supervisor->rundir.log_fd);
        else
                log_set_second_fd(supervisor->rundir.log_fd);
        return true;
}

void
supervisor_complete_config(const struct supervisor *supervisor, struct config *config)
{
        if (supervisor->is_daemon && config->log_file[0] == '\0')
                rundir_default_log(config, config->log_file);
}

static bool
make_places(struct supervisor *supervisor)
{
        char error[RUNDIR_ERROR_SIZE];
        struct config *config = supervisor->config;
        supervisor_complete_config(supervisor, config);
        mode_t before = umask(022); /* what stands above our folders is open to all */
        enum rundir_status status = rundir_init(&supervisor->rundir, config, &supervisor->identity, error);
        bool has_log = status == RUNDIR_OK && open_log(supervisor);
        umask(before | 077);
        if (status == RUNDIR_OK && has_log)
                status = rundir_write_effective(&supervisor->rundir, error);
        else if (status == RUNDIR_OK)
                snprintf(error, sizeof error, "cannot open the log file %.300s: %s", config->log_file, strerror(errno));
        if (status == RUNDIR_OK && has_log)
                return true;
        fail(supervisor, error);
        return false;
}

/* A listening link's socket file is ours; the child that dials runs as somebody else. */
static bool
listen_for(struct supervisor *supervisor, const char *name, enum role role, const struct link_handler *handler, struct link **link)
{
        char path[PM_UNIX_PATH_MAX + 1];
        config_run_path(supervisor->config, name, path);
        if (link_listen(link, supervisor->loop, path, ROLE_SUPERVISOR, role, handler, supervisor) != LINK_OK) {
                fail(supervisor, "a control socket could not be made; see the line above");
                return false;
        }
        if (supervisor->identity.change && lchown(path, supervisor->identity.uid, supervisor->identity.gid) != 0) {
                fail(supervisor, "a control socket could not be given to instance.user");
                return false;
        }
        return true;
}

/* nng's threads inherit the mask of whoever makes the first socket: with all signals blocked, ours come to the loop's thread. */
static bool
make_links(struct supervisor *supervisor)
{
        sigset_t all;
        sigset_t before;
        char path[PM_UNIX_PATH_MAX + 1];
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        bool made = listen_for(supervisor, "control-p.sock", ROLE_PERSISTER, &rehydration_persister_handler, &supervisor->link_persister) &&
                    listen_for(supervisor, "control-w.sock", ROLE_WORKER, &rehydration_worker_handler, &supervisor->link_worker);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (made && control_new(&supervisor->control, supervisor->loop, config_run_path(supervisor->config, "control.sock", path),
                                &orders_handler, supervisor) != CONTROL_OK) {
                fail(supervisor, "the operator's socket could not be made; see the line above");
                return false;
        }
        return made;
}

static void
on_database_step(void *owner)
{
        struct supervisor *supervisor = owner;
        struct unit *unit = &supervisor->units[UNIT_DATABASE];
        if (unit->child.state == CHILD_WAITING)
                unit_event(unit, CHILD_TIMER);
}

/* The server says it in its log; nobody asks it again and again. */
static void
on_words(void *owner, const char *line)
{
        struct supervisor *supervisor = owner;
        struct unit *unit = &supervisor->units[UNIT_DATABASE];
        if (unit->role == ROLE_DATABASE && unit->child.state == CHILD_STARTING && strstr(line, EMBEDDED_DB_READY_LINE) != NULL)
                unit_event(unit, CHILD_BECAME_READY);
}

static bool
make_units(struct supervisor *supervisor)
{
        static const enum role roles[UNITS_COUNT] = {ROLE_DATABASE, ROLE_PERSISTER, ROLE_WORKER};
        struct child_limits limits = child_limits_of(supervisor->config);
        bool embedded = supervisor->config->database_mode == DATABASE_EMBEDDED;
        for (size_t i = 0; i < UNITS_COUNT; i++) {
                if (i == UNIT_DATABASE && !embedded)
                        continue;
                if (unit_init(&supervisor->units[i], supervisor->loop, roles[i], &limits, &unit_ops, supervisor,
                              i == UNIT_DATABASE ? on_words : NULL) != UNIT_OK) {
                        fail(supervisor, "no descriptors for the children's output (ulimit -n)");
                        return false;
                }
        }
        if (embedded)
                supervisor->db = embedded_db_new(supervisor->loop, supervisor->config, &supervisor->identity,
                                                 supervisor->units[UNIT_DATABASE].log.write_fd, on_database_step, supervisor);
        return true;
}

static void
start_children(struct supervisor *supervisor)
{
        for (size_t i = 0; i < UNITS_COUNT; i++) {
                if (supervisor->units[i].role != ROLE_NONE)
                        unit_event(&supervisor->units[i], CHILD_START_ASKED);
        }
}

static void
ask_port(void *owner)
{
        struct supervisor *supervisor = owner;
        char error[LISTENER_ERROR_SIZE];
        int fd;
        if (supervisor->stopping)
                return;
        switch (listener_bind(supervisor->config->listen, &fd, error)) {
        case LISTENER_OK:
                supervisor->listener = listener_new(supervisor->loop, fd);
                start_children(supervisor);
                return;
        case LISTENER_IN_USE:
                if (clock_monotonic_us() - supervisor->port_asked_at_us < PORT_WAIT_US) {
                        loop_timer_start_us(supervisor->port_timer, PORT_RETRY_US);
                        return;
                }
                break;
        case LISTENER_FAILED: break;
        }
        fail(supervisor, error);
        loop_stop(supervisor->loop);
}

/* Watching. */

/* One that drains has time until its deadline as long as it lives; a restart does not wait that long for one that hangs. */
static bool
is_watched(const struct unit *unit)
{
        return unit->role != ROLE_NONE && unit->role != ROLE_DATABASE && unit->pid > 0 &&
               (unit->child.state == CHILD_STARTING || unit->child.state == CHILD_READY || unit->child.state == CHILD_DRAINING);
}

static void
on_watch(void *owner)
{
        struct supervisor *supervisor = owner;
        int64_t limit_us = supervisor->config->watchdog_ms * 1000;
        int64_t interval_us = limit_us / WATCH_PARTS;
        int64_t now_us = clock_monotonic_us();
        int64_t lost_us = now_us - supervisor->watched_at_us - interval_us;
        supervisor->watched_at_us = now_us;
        for (size_t i = 0; i < UNITS_COUNT; i++) {
                struct unit *unit = &supervisor->units[i];
                if (!is_watched(unit))
                        continue;
                if (lost_us > interval_us)
                        watchdog_forgive(&unit->watchdog, lost_us, now_us);
                if (!rehydration_is_store_there(supervisor))
                        watchdog_excuse(&unit->watchdog, now_us);
                enum watchdog_verdict verdict = watchdog_check(&unit->watchdog, now_us, limit_us);
                if (verdict == WATCHDOG_FINE)
                        continue;
                LOG_ERROR("event=stuck child=%s child_pid=%d why=\"%s\" limit_ms=%lld", msg_role_name(unit->role), (int)unit->pid,
                          watchdog_verdict_name(verdict), (long long)supervisor->config->watchdog_ms);
                unit_is_stuck(unit, watchdog_verdict_name(verdict),
                              verdict == WATCHDOG_SILENT ? unit->watchdog.beat_at_us : unit->watchdog.moved_at_us);
        }
}

static void
start_watching(struct supervisor *supervisor)
{
        supervisor->watched_at_us = clock_monotonic_us();
        loop_timer_repeat_ms(supervisor->watch_timer, supervisor->config->watchdog_ms / WATCH_PARTS);
}

/* What the units ask. */

static enum unit_spawn
on_unit_spawn(void *owner, struct unit *unit, struct unit_launch *launch)
{
        return launch_unit(owner, unit, launch);
}

static void
on_unit_spawned(void *owner, struct unit *unit)
{
        rehydration_on_spawned(owner, unit);
}

static void
on_unit_exit(void *owner, struct unit *unit, const char *cause)
{
        rehydration_on_exit(owner, unit, cause);
}

static bool
on_unit_drain(void *owner, struct unit *unit)
{
        struct supervisor *supervisor = owner;
        if (unit->role == ROLE_DATABASE)
                return kill(unit->pid, SIGINT) == 0; /* PostgreSQL's fast shutdown */
        struct link *link = unit->role == ROLE_WORKER ? supervisor->link_worker : supervisor->link_persister;
        int64_t deadline_ms = unit->child.limits.drain_us / 1000 * DRAIN_PART_PERCENT / 100;
        struct msg msg = {.type = MSG_DRAIN, .drain = {.deadline_ms = (uint32_t)deadline_ms}};
        return link_send(link, &msg) == LINK_OK;
}

static void
on_unit_change(void *owner, struct unit *unit)
{
        struct supervisor *supervisor = owner;
        (void)unit;
        supervisor->changed = true;
        supervisor_advance(supervisor);
}

static void
on_turn_end(void *owner)
{
        announce_changes(owner);
}

/* Stop. */

static bool
is_ending(const struct unit *unit)
{
        return unit->child.state == CHILD_DRAINING || unit->child.state == CHILD_TERMINATING || unit->child.state == CHILD_ABORTING ||
               unit->child.state == CHILD_KILLING;
}

void
supervisor_advance(struct supervisor *supervisor)
{
        if (supervisor->restart_persister_next && !is_ending(&supervisor->units[UNIT_WORKER])) {
                supervisor->restart_persister_next = false;
                unit_restart(&supervisor->units[UNIT_PERSISTER], "restart asked");
        }
        if (!supervisor->stopping)
                return;
        for (size_t i = UNITS_COUNT; i-- > 0;) {
                struct unit *unit = &supervisor->units[i];
                if (unit->role != ROLE_NONE && unit->child.wanted)
                        unit_event(unit, CHILD_STOP_ASKED); /* comes back here by on_unit_change */
                if (unit->child.state != CHILD_DOWN)
                        return;
        }
        loop_stop(supervisor->loop);
}

/* The operator is impatient: no step waits longer than this. */
static void
hurry(struct supervisor *supervisor)
{
        LOG_WARNING("event=hurry msg=\"asked to stop again: what still runs is terminated\"");
        for (size_t i = 0; i < UNITS_COUNT; i++) {
                struct unit *unit = &supervisor->units[i];
                unit->child.limits.drain_us = unit->child.limits.term_us;
                if (is_ending(unit))
                        unit_event(unit, CHILD_TIMER);
        }
}

void
supervisor_stop(struct supervisor *supervisor, const char *reason)
{
        if (supervisor->stopping) {
                hurry(supervisor);
                return;
        }
        LOG_INFO("event=stopping reason=\"%s\"", reason);
        supervisor->stopping = true;
        supervisor->restart_persister_next = false;
        supervisor->changed = true;
        supervisor_advance(supervisor);
}

static void
on_stop_signal(void *owner, int number)
{
        supervisor_stop(owner, number == SIGINT ? "SIGINT" : "SIGTERM");
}

static void
on_hangup(void *owner, int number)
{
        struct supervisor *supervisor = owner;
        char message[CONTROL_MESSAGE_SIZE];
        char quoted[2 * CONTROL_MESSAGE_SIZE];
        (void)number;
        (void)open_log(supervisor);
        bool done = orders_reload(supervisor, message, sizeof message);
        LOG_INFO("event=reload done=%s msg=%s", done ? "yes" : "no", log_quote(quoted, sizeof quoted, message, strlen(message)));
}

int64_t
supervisor_config_mtime_ns(const struct supervisor *supervisor)
{
        struct stat file;
        if (supervisor->config->path[0] == '\0' || stat(supervisor->config->path, &file) != 0)
                return 0;
        return (int64_t)file.st_mtim.tv_sec * 1000000000 + file.st_mtim.tv_nsec;
}

void
supervisor_config_changed(struct supervisor *supervisor)
{
        struct child_limits limits = child_limits_of(supervisor->config);
        for (size_t i = 0; i < UNITS_COUNT; i++)
                supervisor->units[i].child.limits = limits;
        log_set_level((enum log_level)supervisor->config->log_level);
        start_watching(supervisor);
        supervisor->config_mtime_ns = supervisor_config_mtime_ns(supervisor);
        supervisor->changed = true;
}

/* The life of the daemon. */

static bool
begin(struct supervisor *supervisor)
{
        loop_on_signal(supervisor->loop, SIGTERM, on_stop_signal, supervisor);
        loop_on_signal(supervisor->loop, SIGINT, on_stop_signal, supervisor);
        loop_on_signal(supervisor->loop, SIGHUP, on_hangup, supervisor);
        (void)signal(SIGPIPE, SIG_IGN);
        supervisor->port_timer = loop_timer_new(supervisor->loop, ask_port, supervisor);
        supervisor->watch_timer = loop_timer_new(supervisor->loop, on_watch, supervisor);
        loop_at_turn_end(supervisor->loop, on_turn_end, supervisor);
        launch_find_programs(supervisor);
        orders_init(supervisor);
        rehydration_init(supervisor);
        if (!make_links(supervisor) || !make_units(supervisor))
                return false;
        start_watching(supervisor);
        recovery_begin(&supervisor->recovery_start, ROLE_SUPERVISOR, "start", supervisor->started_at_us, 0);
        supervisor->port_asked_at_us = clock_monotonic_us();
        loop_timer_start_us(supervisor->port_timer, 0);
        supervisor->changed = true;
        return true;
}

static void
end(struct supervisor *supervisor)
{
        for (size_t i = UNITS_COUNT; i-- > 0;)
                unit_fini(&supervisor->units[i]);
        embedded_db_free(supervisor->db);
        control_free(supervisor->control);
        link_free(supervisor->link_worker);
        link_free(supervisor->link_persister);
        listener_free(supervisor->listener);
        rehydration_fini(supervisor);
        orders_fini(supervisor);
        loop_timer_free(supervisor->watch_timer);
        loop_timer_free(supervisor->port_timer);
        loop_free(supervisor->loop);
}

int
supervisor_run(struct config *config, const struct config_source *source, int ready_fd)
{
        struct supervisor *supervisor = calloc(1, sizeof *supervisor);
        PM_ASSERT(supervisor != NULL);
        supervisor->config = config;
        supervisor->source = source;
        supervisor->ready_fd = ready_fd;
        supervisor->is_daemon = ready_fd >= 0;
        supervisor->exit_code = VERB_OK;
        supervisor->started_at_us = clock_monotonic_us();
        supervisor->config_mtime_ns = supervisor_config_mtime_ns(supervisor);
        supervisor->told_state = STATUS_STATE_END;
        supervisor->rundir = (struct rundir){.pid_fd = -1, .log_fd = -1};
        log_init("supervisor", (enum log_level)config->log_level);
        if (find_identity(supervisor) && make_places(supervisor)) {
                LOG_INFO("event=start version=%s instance=%s config=\"%s\" listen=%s", PACKAGE_VERSION, config->name, config->path,
                         config->listen);
                supervisor->loop = loop_new();
                if (begin(supervisor))
                        loop_run(supervisor->loop);
                end(supervisor);
                LOG_INFO("event=end exit_code=%d", supervisor->exit_code);
        }
        int exit_code = supervisor->exit_code;
        rundir_fini(&supervisor->rundir);
        if (supervisor->ready_fd >= 0)
                close(supervisor->ready_fd);
        free(supervisor);
        return exit_code;
}
