#include "supervisor/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/exit_code.h"
#include "common/log.h"
#include "supervisor/spawn.h"

/* A SIGKILLed process is gone in milliseconds, unless the kernel itself is stuck (a dead disk). */
#define FINI_WAIT_MS 2000
/* Words of a dead child in the record of its death. */
#define WORDS_SIZE 1400

static void on_timer(void *owner);
static void on_death(void *owner, int fd, bool readable, bool writable);

enum unit_status
unit_init(struct unit *unit, struct loop *loop, enum role role, const struct child_limits *limits, const struct unit_ops *ops, void *owner,
          child_log_fn *on_words)
{
        *unit = (struct unit){.role = role, .loop = loop, .ops = ops, .owner = owner, .pidfd = -1};
        child_init(&unit->child, limits);
        if (child_log_init(&unit->log, loop, role, on_words, owner) != CHILD_LOG_OK)
                return UNIT_FAILED;
        unit->timer = loop_timer_new(loop, on_timer, unit);
        return UNIT_OK;
}

static void
forget_process(struct unit *unit)
{
        loop_watch_free(unit->death_watch);
        unit->death_watch = NULL;
        if (unit->pidfd >= 0)
                close(unit->pidfd);
        unit->pidfd = -1;
        unit->pid = 0;
}

void
unit_fini(struct unit *unit)
{
        if (unit->role == ROLE_NONE)
                return;
        if (unit->pid > 0) {
                int status;
                struct pollfd end = {.fd = unit->pidfd, .events = POLLIN};
                (void)kill(unit->pid, SIGKILL);
                if (poll(&end, 1, FINI_WAIT_MS) == 1)
                        (void)spawn_reap(unit->pid, &status);
        }
        forget_process(unit);
        loop_timer_free(unit->timer);
        child_log_fini(&unit->log);
        *unit = (struct unit){.pidfd = -1};
}

/* SIGTERM and the like to the process as it is; one that is gone is noticed by its pidfd. */
static void
send_signal(const struct unit *unit, int number)
{
        if (unit->pid > 0 && kill(unit->pid, number) != 0 && errno != ESRCH)
                LOG_ERROR("event=kill_failed child=%s signal=SIG%s error=\"%s\"", msg_role_name(unit->role), sigabbrev_np(number),
                          strerror(errno));
}

static const char *
exit_code_name(int code)
{
        switch (code) {
        case EXIT_CODE_OK: return "ended";
        case EXIT_CODE_USAGE: return "usage";
        case EXIT_CODE_CONFIG: return "config";
        case EXIT_CODE_LINK_LOST: return "link lost";
        case EXIT_CODE_REHYDRATE: return "state must be loaded again";
        case EXIT_CODE_FENCED: return "fenced";
        case EXIT_CODE_PROTOCOL: return "protocol";
        case EXIT_CODE_RESOURCE: return "resource";
        case EXIT_CODE_SCHEMA: return "schema";
        default: return "unknown";
        }
}

/* "killed by SIGKILL", "exit code 75 (schema)", "drill (killed by SIGKILL)" */
static void
describe_end(const struct unit *unit, int status, char *out, size_t out_size)
{
        char end[64];
        if (WIFSIGNALED(status)) {
                const char *name = sigabbrev_np(WTERMSIG(status));
                snprintf(end, sizeof end, "killed by SIG%s%s", name != NULL ? name : "RT", WCOREDUMP(status) ? ", core dumped" : "");
        } else {
                snprintf(end, sizeof end, "exit code %d (%s)", WEXITSTATUS(status), exit_code_name(WEXITSTATUS(status)));
        }
        if (unit->kill_reason[0] != '\0')
                snprintf(out, out_size, "%.150s (%s)", unit->kill_reason, end);
        else
                snprintf(out, out_size, "%s", end);
}

/* Of an end that nobody asked for, with the last words. */
static void
log_end(const struct unit *unit, const char *cause, bool was_asked, enum child_event event, int64_t uptime_us)
{
        const char *name = msg_role_name(unit->role);
        char words[WORDS_SIZE];
        char quoted[2 * WORDS_SIZE];
        char quoted_cause[2 * UNIT_TEXT_SIZE];
        log_quote(quoted_cause, sizeof quoted_cause, cause, strlen(cause));
        child_log_words(&unit->log, words, sizeof words);
        log_quote(quoted, sizeof quoted, words, strlen(words));
        if (was_asked)
                LOG_INFO("event=child_ended child=%s child_pid=%d cause=%s uptime_ms=%" PRId64, name, (int)unit->pid, quoted_cause,
                         uptime_us / 1000);
        else
                LOG_WARNING("event=child_died child=%s child_pid=%d cause=%s uptime_ms=%" PRId64
                            " deaths_in_a_row=%u next=%s last_words=%s",
                            name, (int)unit->pid, quoted_cause, uptime_us / 1000, unit->child.deaths, child_event_name(event), quoted);
        if (event == CHILD_EXIT_HOLD)
                LOG_ERROR("event=hold child=%s cause=%s msg=\"tried slowly from now on; mend the cause, then: pm-supervisor restart%s%s\"",
                          name, quoted_cause, unit->role == ROLE_DATABASE ? "" : " ", unit->role == ROLE_DATABASE ? "" : name);
}

static void
on_death(void *owner, int fd, bool readable, bool writable)
{
        struct unit *unit = owner;
        char cause[UNIT_TEXT_SIZE];
        int status;
        (void)fd;
        (void)readable;
        (void)writable;
        if (unit->pid == 0 || !spawn_reap(unit->pid, &status))
                return;
        int64_t now_us = clock_monotonic_us();
        bool was_asked = unit->child.free_death || !unit->child.wanted;
        enum child_event event = child_exit_event(&unit->child, WIFSIGNALED(status) ? CHILD_END_SIGNALED : CHILD_END_EXITED,
                                                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), now_us);
        describe_end(unit, status, cause, sizeof cause);
        if (!was_asked)
                unit->restarts_count++;
        child_log_end(&unit->log);
        log_end(unit, cause, was_asked, event, now_us - unit->spawned_at_us);
        forget_process(unit);
        snprintf(unit->last_exit, sizeof unit->last_exit, "%s", cause);
        unit->ops->on_exit(unit->owner, unit, cause);
        unit->kill_reason[0] = '\0';
        unit->fault_at_us = 0;
        unit_event(unit, event);
}

static void
on_spawned(struct unit *unit, const struct unit_launch *launch)
{
        unit->pid = launch->pid;
        unit->pidfd = launch->pidfd;
        unit->spawned_at_us = clock_monotonic_us();
        unit->blocked_since_us = 0;
        watchdog_begin(&unit->watchdog, unit->spawned_at_us);
        child_log_begin(&unit->log, unit->pid);
        unit->death_watch = loop_watch_new(unit->loop, unit->pidfd, true, false, on_death, unit);
        unit->ops->on_spawned(unit->owner, unit);
        LOG_INFO("event=child_spawned child=%s child_pid=%d spawn_no=%" PRIu64, msg_role_name(unit->role), (int)unit->pid, unit->spawn_no);
}

static void
spawn(struct unit *unit)
{
        struct unit_launch launch = {.pidfd = -1};
        switch (unit->ops->spawn(unit->owner, unit, &launch)) {
        case UNIT_SPAWNED:
                unit_event(unit, CHILD_SPAWNED);
                on_spawned(unit, &launch);
                return;
        case UNIT_BLOCKED:
                if (unit->blocked_since_us == 0)
                        unit->blocked_since_us = clock_monotonic_us();
                unit_event(unit, CHILD_SPAWN_BLOCKED);
                return;
        case UNIT_NOT_STARTED: break;
        }
        char quoted[2 * sizeof launch.error];
        snprintf(unit->last_exit, sizeof unit->last_exit, "not started: %.230s", launch.error);
        enum child_event event = child_exit_event(&unit->child, CHILD_END_NOT_STARTED, launch.exit_code, clock_monotonic_us());
        unit->restarts_count++;
        LOG_ERROR("event=child_not_started child=%s next=%s msg=%s", msg_role_name(unit->role), child_event_name(event),
                  log_quote(quoted, sizeof quoted, launch.error, strlen(launch.error)));
        unit->ops->on_exit(unit->owner, unit, unit->last_exit);
        unit_event(unit, event);
}

static void
arm_timer(struct unit *unit)
{
        if (unit->child.timer_at_us == 0)
                loop_timer_stop(unit->timer);
        else
                loop_timer_start_us(unit->timer, unit->child.timer_at_us - clock_monotonic_us());
}

static void
act(struct unit *unit, enum child_action action)
{
        switch (action) {
        case CHILD_DO_NOTHING:
        case CHILD_DO_COMPLAIN:
        case CHILD_ACTION_END: return;
        case CHILD_DO_SPAWN: spawn(unit); return;
        case CHILD_DO_DRAIN:
                if (!unit->ops->drain(unit->owner, unit))
                        send_signal(unit, SIGTERM);
                return;
        case CHILD_DO_TERM: send_signal(unit, unit->role == ROLE_DATABASE ? SIGQUIT : SIGTERM); return;
        case CHILD_DO_ABORT: send_signal(unit, SIGABRT); return;
        case CHILD_DO_KILL: send_signal(unit, SIGKILL); return;
        }
}

void
unit_event(struct unit *unit, enum child_event event)
{
        uint32_t random = 0;
        enum child_state before = unit->child.state;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
                random = (uint32_t)clock_monotonic_us(); /* only a jitter */
        enum child_action action = child_step(&unit->child, event, clock_monotonic_us(), random);
        if (action == CHILD_DO_COMPLAIN) {
                LOG_ERROR("event=impossible child=%s state=%s what=%s", msg_role_name(unit->role), child_state_name(before),
                          child_event_name(event));
                return;
        }
        if (unit->child.state != before)
                LOG_DEBUG("event=child_state child=%s from=%s to=%s by=%s", msg_role_name(unit->role), child_state_name(before),
                          child_state_name(unit->child.state), child_event_name(event));
        arm_timer(unit);
        act(unit, action);
        unit->ops->on_change(unit->owner, unit);
}

static void
on_timer(void *owner)
{
        struct unit *unit = owner;
        if (unit->child.timer_at_us != 0)
                unit_event(unit, CHILD_TIMER);
}

void
unit_kill(struct unit *unit, const char *reason)
{
        if (unit->pid == 0)
                return;
        snprintf(unit->kill_reason, sizeof unit->kill_reason, "%s", reason);
        unit_event(unit, CHILD_KILL_ASKED);
}

void
unit_restart(struct unit *unit, const char *reason)
{
        snprintf(unit->kill_reason, sizeof unit->kill_reason, "%s", unit->pid > 0 ? reason : "");
        unit_event(unit, CHILD_RESTART_ASKED);
}

void
unit_is_stuck(struct unit *unit, const char *reason, int64_t since_us)
{
        if (unit->pid == 0)
                return;
        snprintf(unit->kill_reason, sizeof unit->kill_reason, "%s", reason);
        unit->fault_at_us = since_us;
        unit_event(unit, CHILD_STUCK);
}

bool
unit_signal(struct unit *unit, int number, const char *reason, bool is_free)
{
        if (unit->pid == 0)
                return false;
        snprintf(unit->kill_reason, sizeof unit->kill_reason, "%s", reason);
        unit->fault_at_us = clock_monotonic_us();
        if (is_free)
                child_expect_death(&unit->child);
        send_signal(unit, number);
        return true;
}

bool
unit_is_present(const struct unit *unit, uint64_t spawn_no)
{
        return unit->pid > 0 && unit->spawn_no == spawn_no;
}
