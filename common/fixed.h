/* fixed: exact decimal numbers. Every price, amount of money, ATR, ratio and percentage is an int64_t of
 * micro-units (1 = 0.000001, suffix _e6); products live in 128 bits. This module holds the only roundings
 * of the product (rules 1). Pure: no I/O, no locale, no binary floating point. */
#ifndef PM_COMMON_FIXED_H
#define PM_COMMON_FIXED_H

#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

typedef __int128 fixed_wide; /* the one typedef: a type that C has no short name for */

#define FIXED_ONE_E6 1000000LL
#define FIXED_PRICE_MAX_E6 (10000000LL * FIXED_ONE_E6)      /* rules 1.5 */
#define FIXED_MONEY_MAX_E6 (100000000000LL * FIXED_ONE_E6)  /* 1e11 rupees */
#define FIXED_RATIO_MAX_E6 (1000000000000LL * FIXED_ONE_E6) /* reported ratios saturate here (rules 3.8) */
#define FIXED_LOTS_MAX 1000000LL
#define FIXED_TEXT_SIZE 32 /* longest text of fixed_format with its NUL fits */

enum fixed_status {
        FIXED_OK = 0,
        FIXED_SYNTAX, /* not a decimal number: [+-]digits[.digits][e[+-]digits] */
        FIXED_RANGE,  /* does not fit in int64_t micro-units, or a result left 64 or 128 bits */
};

/* Reads the whole of text[0..size) as a decimal number; more than six decimals are rounded to nearest, ties away
 * from zero. Any exponent is allowed: 1e400 is FIXED_RANGE, 1e-400 is 0. */
PM_MUST_CHECK enum fixed_status fixed_parse(const char *text, size_t size, int64_t *value_e6);

/* Six decimals, "-1.500000"; never an exponent, never "-0.000000". Returns the length. */
size_t fixed_format(int64_t value_e6, char text[FIXED_TEXT_SIZE]);

/* The same with trailing zeros (and a bare point) removed: "-1.5", "72000". */
size_t fixed_format_short(int64_t value_e6, char text[FIXED_TEXT_SIZE]);

/* Checked arithmetic on 64 bits. On FIXED_RANGE *result is not written. */
PM_MUST_CHECK enum fixed_status fixed_add(int64_t a, int64_t b, int64_t *result);
PM_MUST_CHECK enum fixed_status fixed_sub(int64_t a, int64_t b, int64_t *result);

/* Checked arithmetic on 128 bits, and the way back to 64. */
PM_MUST_CHECK enum fixed_status fixed_wide_mul(fixed_wide a, fixed_wide b, fixed_wide *result);
PM_MUST_CHECK enum fixed_status fixed_wide_add(fixed_wide a, fixed_wide b, fixed_wide *result);
PM_MUST_CHECK enum fixed_status fixed_narrow(fixed_wide a, int64_t *result);

/* Division, d != 0. round: nearest, ties away from zero; floor: toward minus infinity; ceil: toward plus infinity. */
fixed_wide fixed_div_round(fixed_wide n, fixed_wide d);
fixed_wide fixed_div_floor(fixed_wide n, fixed_wide d);
fixed_wide fixed_div_ceil(fixed_wide n, fixed_wide d);

/* a held between low and high. */
int64_t fixed_clamp(fixed_wide a, int64_t low, int64_t high);

#endif
