/* loop: one libevent base with timers, descriptors, signals and a hook at the end of every turn. Everything of ours
 * runs in the thread that calls loop_run(). Used by all three processes. */
#ifndef PM_COMMON_LOOP_H
#define PM_COMMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"

struct event_base; /* libevent's */
struct loop;
struct loop_timer;
struct loop_watch;

typedef void loop_fn(void *owner);
typedef void loop_fd_fn(void *owner, int fd, bool readable, bool writable);
typedef void loop_signal_fn(void *owner, int signal_number);

/* Ends the process with EXIT_CODE_RESOURCE and a log line when no loop can be made. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Runs until loop_stop(). After each batch of events that were ready the end-of-turn functions run in the order they
 * were added: this is where what was gathered is sent. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
void loop_at_turn_end(struct loop *loop, loop_fn *fn, void *owner); /* at most 8 */
/* One turn: waits at most wait_ms (0: not at all) for events, runs them and the hooks. For tests and start-up. */
void loop_turn(struct loop *loop, int64_t wait_ms);

/* For evhttp and evutil in the places that may see libevent. */
struct event_base *loop_base(struct loop *loop);

/* Timers: created idle; started for one shot or as a repeating one; starting again replaces. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *owner);
void loop_timer_start_us(struct loop_timer *timer, int64_t delay_us);
void loop_timer_repeat_ms(struct loop_timer *timer, int64_t interval_ms);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_is_running(const struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is fine */

/* Descriptors, level triggered. The watch does not close the descriptor. */
struct loop_watch *loop_watch_new(struct loop *loop, int fd, bool readable, bool writable, loop_fd_fn *fn, void *owner);
void loop_watch_change(struct loop_watch *watch, bool readable, bool writable); /* both false: paused */
void loop_watch_free(struct loop_watch *watch);

/* Signals, delivered as plain calls from the loop. */
void loop_on_signal(struct loop *loop, int signal_number, loop_signal_fn *fn, void *owner);

#endif
