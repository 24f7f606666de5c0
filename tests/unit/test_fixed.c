/* Exact numbers: what is read and written, and each rounding, also against a second opinion by schoolbook arithmetic. */
#include "common/fixed.h"

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t
parsed(const char *text)
{
        int64_t value;
        ck_assert_msg(fixed_parse(text, strlen(text), &value) == FIXED_OK, "%s was refused", text);
        return value;
}

START_TEST(fixed_parse_reads_what_is_written)
{
        static const struct {
                const char *text;
                int64_t value_e6;
        } cases[] = {
                {"0", 0},
                {"-0", 0},
                {"+0.000000", 0},
                {"1", 1000000},
                {"-1.5", -1500000},
                {"72000", 72000000000},
                {"0.000001", 1},
                {"00012.50", 12500000},
                {"1e3", 1000000000},
                {"1E+3", 1000000000},
                {"1500000e-6", 1500000},
                {"1e-400", 0},
                {"0e400", 0},
                {"0.0000004", 0},
                {"0.0000005", 1},
                {"-0.0000005", -1},
                {"0.00000049999999999999999999999999999", 0},
                {"71666.6634999", 71666663500},
                {"9223372036854.775807", INT64_MAX},
                {"-9223372036854.775808", INT64_MIN},
                {"9223372036854.7758074", INT64_MAX},
                {"0.9999995", 1000000},
                {"5e-7", 1},
                {"4.9e-7", 0},
                {"0.00000000000000000000000000000000000000000001e44", 1000000},
        };
        for (size_t i = 0; i < countof(cases); i++)
                ck_assert_msg(parsed(cases[i].text) == cases[i].value_e6, "%s", cases[i].text);
}
END_TEST

START_TEST(fixed_parse_refuses_what_is_no_number)
{
        static const char *const cases[] = {"",   "+",     "-",    ".",   ".5",       "5.",  "1e",  "1e+",   "1.e3", " 1",
                                            "1 ", "1_000", "0x10", "NaN", "Infinity", "1,5", "--1", "1e1.5", "१"};
        int64_t value;
        for (size_t i = 0; i < countof(cases); i++)
                ck_assert_msg(fixed_parse(cases[i], strlen(cases[i]), &value) == FIXED_SYNTAX, "%s", cases[i]);
        ck_assert_int_eq(fixed_parse("1\0", 2, &value), FIXED_SYNTAX);
}
END_TEST

START_TEST(fixed_parse_refuses_what_does_not_fit)
{
        static const char *const cases[] = {
                "9223372036854.775808",   "-9223372036854.775809", "1e400", "-1e400", "1e13", "99999999999999999999999999999999999999999",
                "1e99999999999999999999", "9223372036854.7758075"};
        int64_t value;
        for (size_t i = 0; i < countof(cases); i++)
                ck_assert_msg(fixed_parse(cases[i], strlen(cases[i]), &value) == FIXED_RANGE, "%s", cases[i]);
}
END_TEST

START_TEST(fixed_format_is_read_back_to_the_same)
{
        char text[FIXED_TEXT_SIZE];
        static const int64_t edges[] = {0, 1, -1, 999999, 1000000, -1000000, 1500000, INT64_MAX, INT64_MIN, INT64_MIN + 1};
        uint64_t state = 88172645463325252;
        for (size_t i = 0; i < 100000; i++) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                int64_t value = i < countof(edges) ? edges[i] : (int64_t)state >> (state % 60);
                ck_assert_uint_eq(fixed_format(value, text), strlen(text));
                ck_assert_int_eq(parsed(text), value);
                ck_assert_uint_eq(fixed_format_short(value, text), strlen(text));
                ck_assert_int_eq(parsed(text), value);
        }
        fixed_format(-1500000, text);
        ck_assert_str_eq(text, "-1.500000");
        fixed_format_short(-1500000, text);
        ck_assert_str_eq(text, "-1.5");
        fixed_format_short(72000000000, text);
        ck_assert_str_eq(text, "72000");
        fixed_format(0, text);
        ck_assert_str_eq(text, "0.000000");
}
END_TEST

START_TEST(fixed_divisions_round_each_its_way)
{
        static const struct {
                int n;
                int d;
                int round;
                int floor;
                int ceil;
        } cases[] = {
                {7, 2, 4, 3, 4},   {-7, 2, -4, -4, -3}, {7, -2, -4, -4, -3}, {-7, -2, 4, 3, 4}, {6, 3, 2, 2, 2},     {1, 3, 0, 0, 1},
                {-1, 3, 0, -1, 0}, {2, 3, 1, 0, 1},     {0, 5, 0, 0, 0},     {5, 10, 1, 0, 1},  {-5, 10, -1, -1, 0}, {4, 10, 0, 0, 1},
        };
        for (size_t i = 0; i < countof(cases); i++) {
                ck_assert_int_eq((int)fixed_div_round(cases[i].n, cases[i].d), cases[i].round);
                ck_assert_int_eq((int)fixed_div_floor(cases[i].n, cases[i].d), cases[i].floor);
                ck_assert_int_eq((int)fixed_div_ceil(cases[i].n, cases[i].d), cases[i].ceil);
        }
        /* Also where twice the rest would leave 128 bits. */
        fixed_wide huge = (fixed_wide)1 << 126;
        ck_assert(fixed_div_round(huge + huge / 2, huge) == 2);
        ck_assert(fixed_div_round(huge - 1, huge) == 1);
        ck_assert(fixed_div_round(-(huge - 1), huge) == -1);
}
END_TEST

static uint64_t random_state;

static uint64_t
random_u64(void)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state;
}

static void
seed_from_environment(void)
{
        const char *seed = getenv("PM_SEED");
        random_state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
        printf("PM_SEED=%llu\n", (unsigned long long)random_state);
}

/* The micro-units of ±digits × 10^(exponent - fraction_count), as one does it on paper: the point is moved over a row of digits, the row
 * is cut behind the sixth, and a digit of five or more behind the cut adds one. False when that does not fit. */
static bool
on_paper(bool negative, const char *digits, size_t count, int point, int64_t *value_e6)
{
        const fixed_wide limit = negative ? -(fixed_wide)INT64_MIN : INT64_MAX;
        fixed_wide value = 0;
        for (int place = 0; place < point + 6; place++) {
                value = value * 10 + (place < (int)count ? digits[place] - '0' : 0);
                if (value > limit)
                        return false;
        }
        int cut = point + 6;
        value += cut >= 0 && cut < (int)count && digits[cut] >= '5';
        if (value > limit)
                return false;
        *value_e6 = (int64_t)(negative ? -value : value);
        return true;
}

START_TEST(fixed_parse_agrees_with_paper)
{
        seed_from_environment();
        for (int round = 0; round < 50000; round++) {
                char digits[48];
                char text[80];
                size_t count = 1 + random_u64() % 40;
                for (size_t i = 0; i < count; i++) /* many zeros, fives and nines: there the roundings part */
                        digits[i] = "0123456789000555999"[random_u64() % 19];
                size_t whole = 1 + random_u64() % count;
                bool negative = random_u64() & 1;
                int exponent = random_u64() & 1 ? (int)(random_u64() % 80) - 40 : 0;
                int size = snprintf(text, sizeof text, "%s%.*s%s%.*s", negative ? "-" : "", (int)whole, digits, whole < count ? "." : "",
                                    (int)(count - whole), digits + whole);
                if (exponent != 0)
                        size += snprintf(text + size, sizeof text - (size_t)size, "e%d", exponent);
                int64_t expected = 0;
                int64_t value = 0;
                bool fits = on_paper(negative, digits, count, (int)whole + exponent, &expected);
                enum fixed_status status = fixed_parse(text, (size_t)size, &value);
                ck_assert_msg(status == (fits ? FIXED_OK : FIXED_RANGE), "%s: status %d", text, (int)status);
                if (fits)
                        ck_assert_msg(value == expected, "%s: %lld, on paper %lld", text, (long long)value, (long long)expected);
        }
}
END_TEST

START_TEST(fixed_parse_reads_very_long_rows_of_digits)
{
        enum { LONG = 100000 };
        char *text = malloc(LONG);
        int64_t value;
        memset(text, '0', LONG);
        ck_assert_int_eq(fixed_parse(text, LONG, &value), FIXED_OK);
        ck_assert_int_eq(value, 0);
        text[LONG - 1] = '7'; /* 000…07 */
        ck_assert_int_eq(fixed_parse(text, LONG, &value), FIXED_OK);
        ck_assert_int_eq(value, 7000000);
        text[1] = '.'; /* 0.000…07 */
        ck_assert_int_eq(fixed_parse(text, LONG, &value), FIXED_OK);
        ck_assert_int_eq(value, 0);
        memset(text + 2, '9', LONG - 2); /* 0.999… */
        ck_assert_int_eq(fixed_parse(text, LONG, &value), FIXED_OK);
        ck_assert_int_eq(value, 1000000);
        memset(text, '9', LONG);
        ck_assert_int_eq(fixed_parse(text, LONG, &value), FIXED_RANGE);
        memcpy(text + LONG - 7, "e-99992", 7); /* 99,993 nines less 99,992 places: 9.999… */
        ck_assert_int_eq(fixed_parse(text, LONG, &value), FIXED_OK);
        ck_assert_int_eq(value, 10000000);
        memset(text, '0', LONG); /* an exponent of many digits */
        memcpy(text, "0e", 2);
        memset(text + 2, '9', LONG - 2);
        ck_assert_int_eq(fixed_parse(text, LONG, &value), FIXED_OK);
        ck_assert_int_eq(value, 0);
        text[0] = '1';
        ck_assert_int_eq(fixed_parse(text, LONG, &value), FIXED_RANGE);
        text[2] = '-';
        ck_assert_int_eq(fixed_parse(text, LONG, &value), FIXED_OK);
        ck_assert_int_eq(value, 0);
        free(text);
}
END_TEST

static fixed_wide
random_wide(void)
{
        unsigned __int128 bits = (unsigned __int128)random_u64() << 64 | random_u64();
        return (fixed_wide)bits >> (random_u64() % 127);
}

START_TEST(fixed_divisions_keep_their_definitions)
{
        const fixed_wide least = (fixed_wide)((unsigned __int128)1 << 127);
        seed_from_environment();
        for (int round = 0; round < 50000; round++) {
                fixed_wide n = round % 10 == 0 ? least : random_wide();
                fixed_wide d = round % 11 == 0 ? least : random_wide();
                if (d == 0 || (n == least && d == -1))
                        continue;
                fixed_wide down = fixed_div_floor(n, d);
                fixed_wide up = fixed_div_ceil(n, d);
                fixed_wide near = fixed_div_round(n, d);
                fixed_wide cut = n / d;
                fixed_wide rest = n % d;
                bool same_signs = (n < 0) == (d < 0);
                ck_assert(down == cut - (rest != 0 && !same_signs));
                ck_assert(up == cut + (rest != 0 && same_signs));
                /* Sizes without a sign have room for twice the rest. */
                unsigned __int128 rest_size = rest < 0 ? -(unsigned __int128)rest : (unsigned __int128)rest;
                unsigned __int128 d_size = d < 0 ? -(unsigned __int128)d : (unsigned __int128)d;
                ck_assert(near == (2 * rest_size >= d_size ? (same_signs ? cut + 1 : cut - 1) : cut));
        }
}
END_TEST

START_TEST(fixed_division_by_zero_ends_the_process)
{
        /* On every machine: arm64 divides by zero without a word. */
        static volatile int zero;
        (void)fixed_div_round(1, zero);
}
END_TEST

START_TEST(fixed_arithmetic_refuses_to_wrap)
{
        int64_t small = 42;
        fixed_wide wide = 42;
        ck_assert_int_eq(fixed_add(INT64_MAX, 1, &small), FIXED_RANGE);
        ck_assert_int_eq(fixed_sub(INT64_MIN, 1, &small), FIXED_RANGE);
        ck_assert_int_eq(small, 42);
        ck_assert_int_eq(fixed_add(INT64_MAX, -1, &small), FIXED_OK);
        ck_assert_int_eq(small, INT64_MAX - 1);
        ck_assert_int_eq(fixed_wide_mul((fixed_wide)1 << 100, (fixed_wide)1 << 30, &wide), FIXED_RANGE);
        ck_assert_int_eq(fixed_wide_add((((fixed_wide)1 << 126) - 1) * 2 + 1, 1, &wide), FIXED_RANGE);
        ck_assert(wide == 42);
        ck_assert_int_eq(fixed_narrow((fixed_wide)INT64_MAX + 1, &small), FIXED_RANGE);
        ck_assert_int_eq(fixed_narrow(INT64_MIN, &small), FIXED_OK);
        ck_assert_int_eq(fixed_clamp((fixed_wide)1 << 100, -5, 5), 5);
        ck_assert_int_eq(fixed_clamp(-((fixed_wide)1 << 100), -5, 5), -5);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("fixed");
        TCase *tcase = tcase_create("fixed");
        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, fixed_parse_reads_what_is_written);
        tcase_add_test(tcase, fixed_parse_refuses_what_is_no_number);
        tcase_add_test(tcase, fixed_parse_refuses_what_does_not_fit);
        tcase_add_test(tcase, fixed_format_is_read_back_to_the_same);
        tcase_add_test(tcase, fixed_divisions_round_each_its_way);
        tcase_add_test(tcase, fixed_parse_agrees_with_paper);
        tcase_add_test(tcase, fixed_parse_reads_very_long_rows_of_digits);
        tcase_add_test(tcase, fixed_divisions_keep_their_definitions);
        tcase_add_test_raise_signal(tcase, fixed_division_by_zero_ends_the_process, SIGABRT);
        tcase_add_test(tcase, fixed_arithmetic_refuses_to_wrap);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
