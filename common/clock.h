/* clock: the only place that asks what time it is. The core never does: it gets time as a parameter. */
#ifndef PM_COMMON_CLOCK_H
#define PM_COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* For elapsed time; never goes back, counts no time that the machine slept. */
int64_t clock_monotonic_us(void);
/* Microseconds since 1970 UTC. */
int64_t clock_wall_us(void);

#define CLOCK_TEXT_SIZE 28
/* "2026-11-24T03:00:00.000000Z" with its NUL. Proleptic Gregorian, years 1 to 9999; pure. */
void clock_format_us(int64_t wall_us, char text[CLOCK_TEXT_SIZE]);
/* "2026-11-24T03:00:00Z", as the fingerprint wants it (whole seconds, cut). */
void clock_format_s(int64_t wall_us, char text[CLOCK_TEXT_SIZE]);

/* Days since 1970-01-01 of a calendar date, and whether it is a date at all (month, day, leap years). Pure. */
int64_t clock_days_of(int year, int month, int day);
int clock_month_days(int year, int month);

#endif
