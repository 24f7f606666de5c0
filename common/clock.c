/* clock: the two clocks of the system, and the calendar without them. */
#include "common/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "common/check.h"

static int64_t
read_us(clockid_t id)
{
        struct timespec now;
        PM_ASSERT(clock_gettime(id, &now) == 0);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_monotonic_us(void)
{
        return read_us(CLOCK_MONOTONIC);
}

int64_t
clock_wall_us(void)
{
        return read_us(CLOCK_REALTIME);
}

static bool
is_leap(int year)
{
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int
clock_month_days(int year, int month)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        if (month < 1 || month > 12)
                return 0;
        return days[month - 1] + (month == 2 && is_leap(year));
}

/* Counts in eras of 400 years that begin on the first of March, so that the leap day is the last of a year. */
int64_t
clock_days_of(int year, int month, int day)
{
        int64_t y = month <= 2 ? (int64_t)year - 1 : year;
        int64_t era = (y >= 0 ? y : y - 399) / 400;
        int64_t year_of_era = y - era * 400;
        int64_t month_from_march = (month + 9) % 12;
        int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        return era * 146097 + day_of_era - 719468;
}

/* A moment as people write it. */
struct civil {
        int year;
        int month;
        int day;
        int hour;
        int minute;
        int second;
        int micro;
};

static struct civil
civil_of(int64_t wall_us)
{
        const int64_t day_us = 86400LL * 1000000;
        int64_t days = wall_us / day_us;
        int64_t rest = wall_us % day_us;
        if (rest < 0) {
                rest += day_us;
                days--;
        }
        int64_t z = days + 719468;
        int64_t era = (z >= 0 ? z : z - 146096) / 146097;
        int64_t day_of_era = z - era * 146097;
        int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int64_t month_from_march = (5 * day_of_year + 2) / 153;
        int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
        return (struct civil){
                .year = (int)(year_of_era + era * 400 + (month <= 2)),
                .month = month,
                .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
                .hour = (int)(rest / 3600000000LL),
                .minute = (int)(rest / 60000000LL % 60),
                .second = (int)(rest / 1000000 % 60),
                .micro = (int)(rest % 1000000),
        };
}

void
clock_format_us(int64_t wall_us, char text[CLOCK_TEXT_SIZE])
{
        struct civil c = civil_of(wall_us);
        /* The remainders hold every number to its width, which the compiler otherwise cannot know. */
        snprintf(text, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)c.year % 10000, (unsigned)c.month % 100,
                 (unsigned)c.day % 100, (unsigned)c.hour % 100, (unsigned)c.minute % 100, (unsigned)c.second % 100,
                 (unsigned)c.micro % 1000000);
}

void
clock_format_s(int64_t wall_us, char text[CLOCK_TEXT_SIZE])
{
        struct civil c = civil_of(wall_us);
        snprintf(text, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)c.year % 10000, (unsigned)c.month % 100,
                 (unsigned)c.day % 100, (unsigned)c.hour % 100, (unsigned)c.minute % 100, (unsigned)c.second % 100);
}
