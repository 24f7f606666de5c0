#include "worker/signal_time.h"

#include "common/clock.h"

#define INDIA_OFFSET_MINUTES (5 * 60 + 30)
#define OFFSET_MINUTES_MAX (14 * 60)

struct reader {
        const char *at;
        const char *end;
};

static bool
take(struct reader *reader, char c)
{
        if (reader->at == reader->end || *reader->at != c)
                return false;
        reader->at++;
        return true;
}

/* Exactly count digits, with a value of at most max. */
static bool
take_number(struct reader *reader, int count, int max, int *value)
{
        *value = 0;
        for (int i = 0; i < count; i++) {
                if (reader->at == reader->end || *reader->at < '0' || *reader->at > '9')
                        return false;
                *value = *value * 10 + (*reader->at++ - '0');
        }
        return *value <= max;
}

/* After the point: 1 to 9 digits, of which six count. */
static bool
take_fraction(struct reader *reader, int *micros)
{
        int count = 0;
        *micros = 0;
        while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
                if (count < 6)
                        *micros = *micros * 10 + (*reader->at - '0');
                count++;
                reader->at++;
        }
        for (int i = count; i < 6; i++)
                *micros *= 10;
        return count >= 1 && count <= 9;
}

static bool
take_offset(struct reader *reader, int *offset_minutes)
{
        int sign, hours, minutes = 0;
        *offset_minutes = INDIA_OFFSET_MINUTES;
        if (reader->at == reader->end)
                return true;
        *offset_minutes = 0;
        if (take(reader, 'Z'))
                return true;
        if (take(reader, '+'))
                sign = 1;
        else if (take(reader, '-'))
                sign = -1;
        else
                return false;
        if (!take_number(reader, 2, 14, &hours))
                return false;
        if (reader->at < reader->end) {
                (void)take(reader, ':');
                if (!take_number(reader, 2, 59, &minutes))
                        return false;
        }
        *offset_minutes = sign * (hours * 60 + minutes);
        return hours * 60 + minutes <= OFFSET_MINUTES_MAX;
}

bool
signal_time_parse(const char *text, size_t size, int64_t *at_us)
{
        struct reader reader = {text, text + size};
        int year, month, day, hour, minute, second = 0, micros = 0, offset_minutes;
        if (!take_number(&reader, 4, 2099, &year) || !take(&reader, '-') || !take_number(&reader, 2, 12, &month) || !take(&reader, '-') ||
            !take_number(&reader, 2, 31, &day))
                return false;
        if (year < 2000 || month < 1 || day < 1 || day > clock_month_days(year, month))
                return false;
        if (!take(&reader, 'T') && !take(&reader, ' '))
                return false;
        if (!take_number(&reader, 2, 23, &hour) || !take(&reader, ':') || !take_number(&reader, 2, 59, &minute))
                return false;
        if (take(&reader, ':')) {
                if (!take_number(&reader, 2, 59, &second))
                        return false;
                if (take(&reader, '.') && !take_fraction(&reader, &micros))
                        return false;
        }
        if (!take_offset(&reader, &offset_minutes) || reader.at != reader.end)
                return false;
        int64_t minutes = clock_days_of(year, month, day) * 24 * 60 + hour * 60 + minute - offset_minutes;
        *at_us = (minutes * 60 + second) * 1000000 + micros;
        return true;
}
