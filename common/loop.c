#include "common/loop.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/time.h>

#include "common/exit_code.h"
#include "common/log.h"

#define TURN_END_MAX 8
#define SIGNALS_MAX 16

struct turn_end {
        loop_fn *fn;
        void *owner;
};

struct loop_signal {
        struct event *event;
        loop_signal_fn *fn;
        void *owner;
};

struct loop {
        struct event_base *base;
        bool stopped;
        uint32_t turn_ends_count;
        struct turn_end turn_ends[TURN_END_MAX];
        uint32_t signals_count;
        struct loop_signal signals[SIGNALS_MAX];
};

struct loop_timer {
        struct event *event;
        loop_fn *fn;
        void *owner;
        bool repeats;
        struct timeval interval;
};

struct loop_watch {
        struct event_base *base;
        struct event *event;
        int fd;
        bool active;
        loop_fd_fn *fn;
        void *owner;
};

static _Noreturn void
out_of_resources(const char *what)
{
        LOG_ERROR("event=no_resources what=\"%s\" msg=\"libevent could not make it: out of memory or descriptors (ulimit -n)\"", what);
        exit(EXIT_CODE_RESOURCE);
}

static void *
allocate(size_t size)
{
        void *memory = calloc(1, size);
        if (memory == NULL)
                out_of_resources("memory");
        return memory;
}

struct loop *
loop_new(void)
{
        struct loop *loop = allocate(sizeof *loop);
        struct event_config *config = event_config_new();
        if (config != NULL) {
                event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
                loop->base = event_base_new_with_config(config);
                event_config_free(config);
        }
        if (loop->base == NULL)
                out_of_resources("event base");
        return loop;
}

void
loop_free(struct loop *loop)
{
        if (loop == NULL)
                return;
        for (uint32_t i = 0; i < loop->signals_count; i++)
                event_free(loop->signals[i].event);
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
        loop->stopped = false;
        while (!loop->stopped) {
                event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
                end_turn(loop);
        }
}

void
loop_stop(struct loop *loop)
{
        loop->stopped = true;
        event_base_loopbreak(loop->base);
}

static void
on_nothing(evutil_socket_t fd, short what, void *owner)
{
        (void)fd;
        (void)what;
        (void)owner;
}

void
loop_turn(struct loop *loop, int64_t wait_ms)
{
        if (wait_ms <= 0) {
                event_base_loop(loop->base, EVLOOP_NONBLOCK);
        } else {
                /* A timer of its own bounds the wait; whatever comes first ends the turn. */
                struct timeval bound = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
                struct event *event = event_new(loop->base, -1, 0, on_nothing, NULL);
                if (event == NULL || event_add(event, &bound) != 0)
                        out_of_resources("timer");
                event_base_loop(loop->base, EVLOOP_ONCE);
                event_free(event);
        }
        end_turn(loop);
}

void
loop_at_turn_end(struct loop *loop, loop_fn *fn, void *owner)
{
        PM_ASSERT(loop->turn_ends_count < TURN_END_MAX);
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
        struct loop_timer *timer = owner;
        (void)fd;
        (void)what;
        if (timer->repeats)
                event_add(timer->event, &timer->interval);
        timer->fn(timer->owner); /* may free the timer */
}

struct loop_timer *
loop_timer_new(struct loop *loop, loop_fn *fn, void *owner)
{
        struct loop_timer *timer = allocate(sizeof *timer);
        timer->fn = fn;
        timer->owner = owner;
        timer->event = event_new(loop->base, -1, 0, on_timer, timer);
        if (timer->event == NULL)
                out_of_resources("timer");
        return timer;
}

static void
start(struct loop_timer *timer, int64_t delay_us, bool repeats)
{
        if (delay_us < 0)
                delay_us = 0;
        timer->repeats = repeats;
        timer->interval = (struct timeval){.tv_sec = delay_us / 1000000, .tv_usec = delay_us % 1000000};
        if (event_add(timer->event, &timer->interval) != 0)
                out_of_resources("timer");
}

void
loop_timer_start_us(struct loop_timer *timer, int64_t delay_us)
{
        start(timer, delay_us, false);
}

void
loop_timer_repeat_ms(struct loop_timer *timer, int64_t interval_ms)
{
        start(timer, interval_ms * 1000, true);
}

void
loop_timer_stop(struct loop_timer *timer)
{
        timer->repeats = false;
        event_del(timer->event);
}

bool
loop_timer_is_running(const struct loop_timer *timer)
{
        return event_pending(timer->event, EV_TIMEOUT, NULL) != 0;
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
        watch->fn(watch->owner, fd, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

void
loop_watch_change(struct loop_watch *watch, bool readable, bool writable)
{
        if (watch->active)
                event_del(watch->event);
        watch->active = readable || writable;
        if (!watch->active)
                return;
        short what = (short)(EV_PERSIST | (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
        if (event_assign(watch->event, watch->base, watch->fd, what, on_fd, watch) != 0 || event_add(watch->event, NULL) != 0)
                out_of_resources("descriptor watch");
}

struct loop_watch *
loop_watch_new(struct loop *loop, int fd, bool readable, bool writable, loop_fd_fn *fn, void *owner)
{
        struct loop_watch *watch = allocate(sizeof *watch);
        watch->base = loop->base;
        watch->fd = fd;
        watch->fn = fn;
        watch->owner = owner;
        watch->event = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_fd, watch);
        if (watch->event == NULL)
                out_of_resources("descriptor watch");
        loop_watch_change(watch, readable, writable);
        return watch;
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
on_signal(evutil_socket_t fd, short what, void *owner)
{
        struct loop_signal *slot = owner;
        (void)what;
        slot->fn(slot->owner, fd);
}

void
loop_on_signal(struct loop *loop, int signal_number, loop_signal_fn *fn, void *owner)
{
        PM_ASSERT(loop->signals_count < SIGNALS_MAX);
        struct loop_signal *slot = &loop->signals[loop->signals_count++];
        slot->fn = fn;
        slot->owner = owner;
        slot->event = evsignal_new(loop->base, signal_number, on_signal, slot);
        if (slot->event == NULL || event_add(slot->event, NULL) != 0)
                out_of_resources("signal");
}
