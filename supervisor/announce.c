#include "supervisor/announce.h"

#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "common/clock.h"
#include "common/log.h"
#include "supervisor/daemon.h"
#include "supervisor/orders.h"
#include "supervisor/supervisor.h"

static void
fill_child(const struct unit *unit, int64_t now_us, struct status_child *row)
{
        const struct child *child = &unit->child;
        *row = (struct status_child){
                .role = unit->role,
                .in_hold = child->state == CHILD_HOLD,
                .pid = (uint32_t)unit->pid,
                .uptime_us = unit->pid > 0 ? now_us - unit->spawned_at_us : 0,
                .restarts_count = unit->restarts_count,
                .heartbeat_age_us = unit->pid > 0 && unit->watchdog.heard ? now_us - unit->watchdog.beat_at_us : -1,
                .progress = unit->watchdog.progress,
                .queued = unit->watchdog.queued,
                .retry_in_us = unit->pid == 0 && child->timer_at_us != 0 ? child->timer_at_us - now_us : -1,
        };
        snprintf(row->state, sizeof row->state, "%s", child_state_name(child->state));
        snprintf(row->last_exit, sizeof row->last_exit, "%s", unit->last_exit);
}

void
announce_fill_status(const struct supervisor *supervisor, struct status *status)
{
        const struct config *config = supervisor->config;
        int64_t now_us = clock_monotonic_us();
        *status = supervisor->status;
        snprintf(status->instance, sizeof status->instance, "%s", config->name);
        snprintf(status->version, sizeof status->version, "%s", PACKAGE_VERSION);
        snprintf(status->listen, sizeof status->listen, "%s", config->listen);
        snprintf(status->config_path, sizeof status->config_path, "%s", config->path);
        snprintf(status->log_file, sizeof status->log_file, "%s", config->log_file);
        status->pid = (uint32_t)getpid();
        status->uptime_us = now_us - supervisor->started_at_us;
        status->ready = supervisor->rehydration.worker_heard_go;
        status->ready_ever = supervisor->ready_ever;
        status->stopping = supervisor->stopping;
        status->maintenance = rundir_is_maintenance_on(config);
        status->config_changed = supervisor->config_mtime_ns != supervisor_config_mtime_ns(supervisor);
        status->initial_capital_config_e6 = config->initial_capital_e6;
        status->recovery_problem = supervisor->rehydration.problem;
        snprintf(status->recovery_detail, sizeof status->recovery_detail, "%s", supervisor->rehydration.detail);
        status->storage.embedded = config->database_mode == DATABASE_EMBEDDED;
        status->children_count = 0;
        for (size_t i = 0; i < UNITS_COUNT; i++) {
                if (supervisor->units[i].role != ROLE_NONE)
                        fill_child(&supervisor->units[i], now_us, &status->children[status->children_count++]);
        }
        status_judge(status);
}

static void
tell_systemd(const struct supervisor *supervisor, const struct status *status)
{
#ifdef HAVE_LIBSYSTEMD
        sd_notifyf(0, "%sSTATUS=%s%s%s", status->ready && !supervisor->told_ready ? "READY=1\n" : "", status_state_name(status->state),
                   status->reason[0] != '\0' ? ": " : "", status->reason);
        if (status->stopping)
                sd_notify(0, "STOPPING=1");
#else
        (void)supervisor;
        (void)status;
#endif
}

/* The end of what `start` waits for. */
static void
tell_starter_last(struct supervisor *supervisor, const char *word, const char *reason)
{
        daemon_tell(supervisor->ready_fd, word, reason);
        if (supervisor->ready_fd >= 0)
                close(supervisor->ready_fd);
        supervisor->ready_fd = -1;
}

static void
tell_starter(struct supervisor *supervisor, const struct status *status)
{
        if (status->ready)
                tell_starter_last(supervisor, "READY", supervisor->summary);
        else if (status->state == STATUS_STATE_HOLD)
                tell_starter_last(supervisor, "HOLD", status->reason);
        else if (status->stopping)
                tell_starter_last(supervisor, "FAILED", "it was told to stop");
        else
                daemon_tell(supervisor->ready_fd, "WAITING", status->reason);
}

void
announce_changes(struct supervisor *supervisor)
{
        struct status status;
        if (!supervisor->changed)
                return;
        supervisor->changed = false;
        announce_fill_status(supervisor, &status);
        bool is_trouble = status.state == STATUS_STATE_HOLD || status.storage.problem > STORE_PROBLEM_STARTING;
        if (is_trouble && !(status.ready && status.state != STATUS_STATE_HOLD))
                orders_on_trouble(supervisor, status.reason);
        if (supervisor->listener != NULL)
                listener_set_reason(supervisor->listener, status.stopping ? "draining" : "recovering");
        if (status.state == supervisor->told_state && strcmp(status.reason, supervisor->told_reason) == 0 &&
            supervisor->told_ready == status.ready)
                return;
        LOG_INFO("event=state state=%s%s%s%s", status_state_name(status.state), status.reason[0] != '\0' ? " reason=\"" : "", status.reason,
                 status.reason[0] != '\0' ? "\"" : "");
        tell_systemd(supervisor, &status);
        tell_starter(supervisor, &status);
        control_set_ready(supervisor->control, status.ready && !status.stopping, status.reason);
        supervisor->told_ready = status.ready;
        supervisor->told_state = status.state;
        memcpy(supervisor->told_reason, status.reason, sizeof supervisor->told_reason);
}

void
announce_failure(struct supervisor *supervisor, const char *reason)
{
        char quoted[2048];
        LOG_ERROR("event=start_failed msg=%s", log_quote(quoted, sizeof quoted, reason, strlen(reason)));
        tell_starter_last(supervisor, "FAILED", reason);
}
