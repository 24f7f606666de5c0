/* fixed: exact decimal numbers, see fixed.h. */
#include "common/fixed.h"

#include <stdbool.h>

#define DECIMALS 6

static bool
is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* The parts of a decimal number's text. */
struct decimal {
        bool negative;
        const char *whole; /* digits before the point */
        size_t whole_count;
        const char *fraction; /* digits after it */
        size_t fraction_count;
        int64_t exponent; /* held at ±EXPONENT_MAX, far beyond what any text of digits can bring back */
};
#define EXPONENT_MAX (1LL << 40)

static size_t
digits_count(const char *text, size_t size)
{
        size_t n = 0;
        while (n < size && is_digit(text[n]))
                n++;
        return n;
}

static enum fixed_status
split(const char *text, size_t size, struct decimal *out)
{
        *out = (struct decimal){0};
        size_t at = 0;
        if (at < size && (text[at] == '+' || text[at] == '-'))
                out->negative = text[at++] == '-';
        out->whole = text + at;
        out->whole_count = digits_count(text + at, size - at);
        if (out->whole_count == 0)
                return FIXED_SYNTAX;
        at += out->whole_count;
        if (at < size && text[at] == '.') {
                at++;
                out->fraction = text + at;
                out->fraction_count = digits_count(text + at, size - at);
                if (out->fraction_count == 0)
                        return FIXED_SYNTAX;
                at += out->fraction_count;
        }
        if (at < size && (text[at] == 'e' || text[at] == 'E')) {
                at++;
                bool down = false;
                if (at < size && (text[at] == '+' || text[at] == '-'))
                        down = text[at++] == '-';
                size_t count = digits_count(text + at, size - at);
                if (count == 0)
                        return FIXED_SYNTAX;
                int64_t value = 0;
                for (size_t i = 0; i < count && value < EXPONENT_MAX; i++)
                        value = value * 10 + (text[at + i] - '0');
                if (value > EXPONENT_MAX)
                        value = EXPONENT_MAX;
                out->exponent = down ? -value : value;
                at += count;
        }
        return at == size ? FIXED_OK : FIXED_SYNTAX;
}

static int
digit_at(const struct decimal *number, size_t i)
{
        return i < number->whole_count ? number->whole[i] - '0' : number->fraction[i - number->whole_count] - '0';
}

enum fixed_status
fixed_parse(const char *text, size_t size, int64_t *value_e6)
{
        struct decimal number;
        enum fixed_status status = split(text, size, &number);
        if (status != FIXED_OK)
                return status;

        /* Digit i stands for 10^(place - i) micro-units; what is below place 0 only decides the rounding. */
        size_t count = number.whole_count + number.fraction_count;
        int64_t place = (int64_t)number.whole_count - 1 + number.exponent + DECIMALS;
        fixed_wide value = 0;
        size_t i = 0;
        while (i < count && digit_at(&number, i) == 0) {
                i++;
                place--;
        }
        if (i == count) { /* zero, whatever its exponent */
                *value_e6 = 0;
                return FIXED_OK;
        }
        if (place > 18) /* over 10^19 micro-units */
                return FIXED_RANGE;
        for (; i < count && place >= 0; i++, place--)
                value = value * 10 + digit_at(&number, i);
        if (place == -1 && i < count && digit_at(&number, i) >= 5)
                value++;
        for (; place >= 0; place--)
                value *= 10;
        return fixed_narrow(number.negative ? -value : value, value_e6);
}

size_t
fixed_format(int64_t value_e6, char text[FIXED_TEXT_SIZE])
{
        uint64_t rest = value_e6 < 0 ? 0 - (uint64_t)value_e6 : (uint64_t)value_e6;
        char reversed[FIXED_TEXT_SIZE];
        size_t n = 0;
        for (int i = 0; i < DECIMALS; i++, rest /= 10)
                reversed[n++] = (char)('0' + rest % 10);
        reversed[n++] = '.';
        do {
                reversed[n++] = (char)('0' + rest % 10);
                rest /= 10;
        } while (rest > 0);
        if (value_e6 < 0)
                reversed[n++] = '-';
        for (size_t i = 0; i < n; i++)
                text[i] = reversed[n - 1 - i];
        text[n] = '\0';
        return n;
}

size_t
fixed_format_short(int64_t value_e6, char text[FIXED_TEXT_SIZE])
{
        size_t n = fixed_format(value_e6, text);
        while (text[n - 1] == '0')
                n--;
        if (text[n - 1] == '.')
                n--;
        text[n] = '\0';
        return n;
}

enum fixed_status
fixed_add(int64_t a, int64_t b, int64_t *result)
{
        int64_t sum;
        if (__builtin_add_overflow(a, b, &sum))
                return FIXED_RANGE;
        *result = sum;
        return FIXED_OK;
}

enum fixed_status
fixed_sub(int64_t a, int64_t b, int64_t *result)
{
        int64_t difference;
        if (__builtin_sub_overflow(a, b, &difference))
                return FIXED_RANGE;
        *result = difference;
        return FIXED_OK;
}

enum fixed_status
fixed_wide_mul(fixed_wide a, fixed_wide b, fixed_wide *result)
{
        fixed_wide product;
        if (__builtin_mul_overflow(a, b, &product))
                return FIXED_RANGE;
        *result = product;
        return FIXED_OK;
}

enum fixed_status
fixed_wide_add(fixed_wide a, fixed_wide b, fixed_wide *result)
{
        fixed_wide sum;
        if (__builtin_add_overflow(a, b, &sum))
                return FIXED_RANGE;
        *result = sum;
        return FIXED_OK;
}

enum fixed_status
fixed_narrow(fixed_wide a, int64_t *result)
{
        if (a < INT64_MIN || a > INT64_MAX)
                return FIXED_RANGE;
        *result = (int64_t)a;
        return FIXED_OK;
}

fixed_wide
fixed_div_floor(fixed_wide n, fixed_wide d)
{
        PM_ASSERT(d != 0);
        fixed_wide quotient = n / d;
        return n % d != 0 && (n < 0) != (d < 0) ? quotient - 1 : quotient;
}

fixed_wide
fixed_div_ceil(fixed_wide n, fixed_wide d)
{
        PM_ASSERT(d != 0);
        fixed_wide quotient = n / d;
        return n % d != 0 && (n < 0) == (d < 0) ? quotient + 1 : quotient;
}

fixed_wide
fixed_div_round(fixed_wide n, fixed_wide d)
{
        PM_ASSERT(d != 0);
        fixed_wide quotient = n / d;
        fixed_wide rest = n % d;
        if (rest == 0)
                return quotient;
        /* |rest| * 2 >= |d| without leaving 128 bits: |rest| >= |d| - |rest|, and both sides below zero, where a type has one value more.
         */
        fixed_wide rest_below = rest < 0 ? rest : -rest;
        fixed_wide d_below = d < 0 ? d : -d;
        if (rest_below <= d_below - rest_below)
                quotient += (n < 0) == (d < 0) ? 1 : -1;
        return quotient;
}

int64_t
fixed_clamp(fixed_wide a, int64_t low, int64_t high)
{
        return a < low ? low : a > high ? high : (int64_t)a;
}
