#include "common/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "common/exit_code.h"
#include "common/log.h"

#define TURN_ENDS_MAX 8
#define SIGNALS_MAX 16

struct turn_end {
        loop_fn *fn;
        void *owner;
};

struct signal_row {
        int number;
        loop_signal_fn *fn;
        void *owner;
        struct event *event;
};

struct loop {
        struct event_base *base;
        struct event *wait_end; /* of loop_turn() */
        bool is_stopped;
        struct turn_end turn_ends[TURN_ENDS_MAX];
        uint32_t turn_ends_count;
        struct signal_row signals[SIGNALS_MAX];
        uint32_t signals_count;
};

/* In the callbacks below the owner's function comes last: it may free the timer or watch that called it. libevent takes an
 * event that was freed out of the list of those that are ready, so one may free another's, too. */
struct loop_timer {
        struct event *event;
        loop_fn *fn;
        void *owner;
        bool is_repeating;
        bool is_running;
        struct event_base *base;
};

struct loop_watch {
        struct event *event;
        struct event_base *base;
        int fd;
        bool readable;
        bool writable;
        loop_fd_fn *fn;
        void *owner;
};

static _Noreturn void
end_without(const char *what)
{
        LOG_ERROR("event=loop_failed msg=\"no memory or descriptor for %s\"", what);
        exit(EXIT_CODE_RESOURCE);
}

static void *
allocate(size_t size, const char *what)
{
        void *p = calloc(1, size);
        if (p == NULL)
                end_without(what);
        return p;
}

static void
on_library_log(int severity, const char *text)
{
        static const enum log_level levels[] = {
                [EVENT_LOG_DEBUG] = LOG_DEBUG, [EVENT_LOG_MSG] = LOG_INFO, [EVENT_LOG_WARN] = LOG_WARNING, [EVENT_LOG_ERR] = LOG_ERROR};
        char quoted[512];
        enum log_level level = severity >= 0 && (size_t)severity < countof(levels) ? levels[severity] : LOG_WARNING;
        log_write(level, "event=libevent msg=%s", log_quote(quoted, sizeof quoted, text, strlen(text)));
}

static void
on_wait_end(evutil_socket_t fd, short what, void *owner)
{
        (void)fd;
        (void)what;
        (void)owner;
}

struct loop *
loop_new(void)
{
        event_set_log_callback(on_library_log);
        signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(), not our death */
        struct loop *loop = allocate(sizeof *loop, "a loop");
        struct event_config *config = event_config_new();
        if (config == NULL)
                end_without("a loop");
        /* Coarse timers are 4 ms late and the cached time makes a timer that a long handler starts end early; we promise
         * recoveries of a few milliseconds. */
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
        event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
        loop->base = event_base_new_with_config(config);
        event_config_free(config);
        if (loop->base == NULL)
                end_without("a loop");
        loop->wait_end = evtimer_new(loop->base, on_wait_end, loop);
        if (loop->wait_end == NULL)
                end_without("a loop");
        return loop;
}

void
loop_free(struct loop *loop)
{
        if (loop == NULL)
                return;
        for (uint32_t i = 0; i < loop->signals_count; i++)
                event_free(loop->signals[i].event);
        event_free(loop->wait_end);
        event_base_free(loop->base);
        free(loop);
}

static void
end_turn(struct loop *loop)
{
        for (uint32_t i = 0; i < loop->turn_ends_count; i++)
                loop->turn_ends[i].fn(loop->turn_ends[i].owner);
}

void
loop_run(struct loop *loop)
{
        while (!loop->is_stopped) {
                int result = event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
                PM_ASSERT(result >= 0);
                end_turn(loop);
        }
        loop->is_stopped = false;
}

void
loop_stop(struct loop *loop)
{
        loop->is_stopped = true;
}

void
loop_turn(struct loop *loop, int64_t wait_ms)
{
        int flags = EVLOOP_NONBLOCK;
        if (wait_ms > 0) {
                struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
                evtimer_add(loop->wait_end, &wait);
                flags = EVLOOP_ONCE;
        }
        int result = event_base_loop(loop->base, flags);
        PM_ASSERT(result >= 0);
        evtimer_del(loop->wait_end);
        end_turn(loop);
}

void
loop_at_turn_end(struct loop *loop, loop_fn *fn, void *owner)
{
        PM_ASSERT(loop->turn_ends_count < TURN_ENDS_MAX);
        loop->turn_ends[loop->turn_ends_count++] = (struct turn_end){.fn = fn, .owner = owner};
}

struct event_base *
loop_base(struct loop *loop)
{
        return loop->base;
}

static void
on_timer(evutil_socket_t fd, short what, void *owner)
{
        (void)fd;
        (void)what;
        struct loop_timer *timer = owner;
        if (!timer->is_repeating)
                timer->is_running = false;
        timer->fn(timer->owner);
}

struct loop_timer *
loop_timer_new(struct loop *loop, loop_fn *fn, void *owner)
{
        struct loop_timer *timer = allocate(sizeof *timer, "a timer");
        timer->fn = fn;
        timer->owner = owner;
        timer->base = loop->base;
        timer->event = event_new(loop->base, -1, 0, on_timer, timer);
        if (timer->event == NULL)
                end_without("a timer");
        return timer;
}

static void
timer_start(struct loop_timer *timer, int64_t delay_us, bool is_repeating)
{
        if (delay_us < 0)
                delay_us = 0;
        event_del(timer->event);
        PM_ASSERT(event_assign(timer->event, timer->base, -1, is_repeating ? EV_PERSIST : 0, on_timer, timer) == 0);
        struct timeval delay = {.tv_sec = delay_us / 1000000, .tv_usec = delay_us % 1000000};
        if (event_add(timer->event, &delay) != 0)
                end_without("a timer");
        timer->is_repeating = is_repeating;
        timer->is_running = true;
}

void
loop_timer_start_us(struct loop_timer *timer, int64_t delay_us)
{
        timer_start(timer, delay_us, false);
}

void
loop_timer_repeat_ms(struct loop_timer *timer, int64_t interval_ms)
{
        PM_ASSERT(interval_ms > 0);
        timer_start(timer, interval_ms * 1000, true);
}

void
loop_timer_stop(struct loop_timer *timer)
{
        event_del(timer->event);
        timer->is_running = false;
}

bool
loop_timer_is_running(const struct loop_timer *timer)
{
        return timer->is_running;
}

void
loop_timer_free(struct loop_timer *timer)
{
        if (timer == NULL)
                return;
        event_free(timer->event);
        free(timer);
}

static void
on_fd(evutil_socket_t fd, short what, void *owner)
{
        struct loop_watch *watch = owner;
        watch->fn(watch->owner, (int)fd, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

static void
watch_arm(struct loop_watch *watch)
{
        if (!watch->readable && !watch->writable)
                return;
        int what = EV_PERSIST | (watch->readable ? EV_READ : 0) | (watch->writable ? EV_WRITE : 0);
        PM_ASSERT(event_assign(watch->event, watch->base, watch->fd, (short)what, on_fd, watch) == 0);
        if (event_add(watch->event, NULL) != 0)
                end_without("a watched descriptor");
}

struct loop_watch *
loop_watch_new(struct loop *loop, int fd, bool readable, bool writable, loop_fd_fn *fn, void *owner)
{
        struct loop_watch *watch = allocate(sizeof *watch, "a watched descriptor");
        *watch = (struct loop_watch){.base = loop->base, .fd = fd, .readable = readable, .writable = writable, .fn = fn, .owner = owner};
        watch->event = event_new(loop->base, fd, EV_PERSIST, on_fd, watch);
        if (watch->event == NULL)
                end_without("a watched descriptor");
        watch_arm(watch);
        return watch;
}

void
loop_watch_change(struct loop_watch *watch, bool readable, bool writable)
{
        if (watch->readable == readable && watch->writable == writable)
                return;
        event_del(watch->event);
        watch->readable = readable;
        watch->writable = writable;
        watch_arm(watch);
}

void
loop_watch_free(struct loop_watch *watch)
{
        if (watch == NULL)
                return;
        event_free(watch->event);
        free(watch);
}

static void
on_signal(evutil_socket_t number, short what, void *owner)
{
        (void)what;
        struct signal_row *row = owner;
        row->fn(row->owner, (int)number);
}

void
loop_on_signal(struct loop *loop, int signal_number, loop_signal_fn *fn, void *owner)
{
        for (uint32_t i = 0; i < loop->signals_count; i++) {
                if (loop->signals[i].number == signal_number) {
                        loop->signals[i].fn = fn;
                        loop->signals[i].owner = owner;
                        return;
                }
        }
        PM_ASSERT(loop->signals_count < SIGNALS_MAX);
        struct signal_row *row = &loop->signals[loop->signals_count++];
        *row = (struct signal_row){.number = signal_number, .fn = fn, .owner = owner};
        row->event = evsignal_new(loop->base, signal_number, on_signal, row);
        if (row->event == NULL || evsignal_add(row->event, NULL) != 0)
                end_without("a signal");
}
