/* signal_time: the timestamp of a signal (rules 3.5) as microseconds since 1970 UTC. Pure. Used by pm-worker. */
#ifndef PM_WORKER_SIGNAL_TIME_H
#define PM_WORKER_SIGNAL_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* YYYY-MM-DD, T or a space, HH:MM[:SS[.1-9 digits]], then nothing, Z, ±HH, ±HHMM or ±HH:MM. Without an offset it is Indian
 * time, +05:30. Digits beyond microseconds are cut. false, and *at_us not written, when text is anything else, names no
 * real moment, or lies outside the years 2000 to 2099. */
bool signal_time_parse(const char *text, size_t size, int64_t *at_us);

#endif
