/* params.c: the bytes that PostgreSQL is given. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persister/params.h"

static void
expect_bytes(const struct column *column, const char *hex)
{
        char text[4096];

        ck_assert_uint_lt(2 * column->size, sizeof(text));
        for (size_t i = 0; i < column->size; i++)
                sprintf(text + 2 * i, "%02x", column->data[i]);
        ck_assert_str_eq(text, hex);
}

START_TEST(integers_are_a_bigint_array)
{
        struct column column = {0};
        struct params params;

        column_begin(&column, COLUMN_INT);
        column_add_int(&column, 1);
        column_add_int(&column, -2);
        params_clear(&params);
        params_column(&params, &column);
        expect_bytes(&column, "0000000100000000000000140000000200000001"
                              "000000080000000000000001"
                              "00000008fffffffffffffffe");
        ck_assert_int_eq(params.formats[0], 1);
        ck_assert_int_eq(params.lengths[0], (int)column.size);
        column_fini(&column);
}
END_TEST

START_TEST(amounts_are_numerics_with_six_places)
{
        struct column column = {0};
        struct params params;

        column_begin(&column, COLUMN_E6);
        column_add_e6(&column, 0);
        column_add_e6(&column, 71666663000); /* 71666.663 */
        column_add_e6(&column, -1);          /* -0.000001 */
        column_add_e6(&column, INT64_MIN);   /* -9223372036854.775808 */
        params_clear(&params);
        params_column(&params, &column);
        expect_bytes(&column, "0000000100000000000006a40000000400000001"
                              "000000140006000300000006000000000000000000000000"
                              "000000140006000300000006000000000007068219e60000"
                              "000000140006000340000006000000000000000000000064"
                              "000000140006000340000006000908b91c231ac61e4e0320");
        column_fini(&column);
}
END_TEST

START_TEST(times_count_from_2000_and_none_is_null)
{
        struct column column = {0};
        struct params params;

        column_begin(&column, COLUMN_TIME);
        column_add_time(&column, 946684800000001);
        column_add_time(&column, 0);
        params_clear(&params);
        params_column(&params, &column);
        expect_bytes(&column, "0000000100000001000004a00000000200000001"
                              "000000080000000000000001"
                              "ffffffff");
        column_fini(&column);
}
END_TEST

START_TEST(texts_and_truths_need_no_quoting)
{
        struct column column = {0};
        struct params params;

        column_begin(&column, COLUMN_TEXT);
        column_add_string(&column, "a\"{},\\");
        column_add_text(&column, NULL, 0);
        column_add_string(&column, NULL);
        params_clear(&params);
        params_column(&params, &column);
        expect_bytes(&column, "0000000100000001000000190000000300000001"
                              "0000000661227b7d2c5c"
                              "00000000"
                              "ffffffff");
        column_begin(&column, COLUMN_BOOL); /* the same memory again */
        column_add_bool(&column, true);
        column_add_bool(&column, false);
        params_clear(&params);
        params_column(&params, &column);
        expect_bytes(&column, "0000000100000000000000100000000200000001"
                              "0000000101"
                              "0000000100");
        column_fini(&column);
}
END_TEST

START_TEST(a_column_of_one_is_a_plain_value)
{
        struct column column = {0};
        struct params params;

        params_clear(&params);
        column_begin(&column, COLUMN_INT);
        column_add_int(&column, 258);
        params_element(&params, &column);
        ck_assert_int_eq(params.lengths[0], 8);
        ck_assert_int_eq(params.formats[0], 1);
        ck_assert_mem_eq(params.values[0], "\0\0\0\0\0\0\1\2", 8);
        column_begin(&column, COLUMN_TEXT);
        column_add_null(&column);
        params_element(&params, &column);
        ck_assert_ptr_null(params.values[1]);
        column_fini(&column);
}
END_TEST

START_TEST(a_column_grows)
{
        struct column column = {0};

        column_begin(&column, COLUMN_INT);
        for (int i = 0; i < 10000; i++)
                column_add_int(&column, i);
        ck_assert_uint_eq(column.count, 10000);
        ck_assert_uint_eq(column.size, 20 + 10000 * 12);
        column_fini(&column);
}
END_TEST

START_TEST(single_values_are_text)
{
        struct params params;

        params_clear(&params);
        params_int(&params, -5);
        params_e6(&params, -1500000);
        params_time(&params, 0);
        params_time(&params, 1795489200000000);
        params_bool(&params, true);
        params_digest(&params, (struct digest){1, UINT64_MAX});
        params_text(&params, (struct text){"note", 3});
        params_string(&params, NULL);
        ck_assert_int_eq(params.count, 8);
        ck_assert_str_eq(params.values[0], "-5");
        ck_assert_str_eq(params.values[1], "-1.500000");
        ck_assert_ptr_null(params.values[2]);
        ck_assert_str_eq(params.values[3], "2026-11-24T03:00:00.000000Z");
        ck_assert_str_eq(params.values[4], "t");
        ck_assert_str_eq(params.values[5], "0000000000000001ffffffffffffffff");
        ck_assert_str_eq(params.values[6], "not");
        ck_assert_ptr_null(params.values[7]);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("params");
        TCase *tests = tcase_create("params");

        tcase_add_test(tests, integers_are_a_bigint_array);
        tcase_add_test(tests, amounts_are_numerics_with_six_places);
        tcase_add_test(tests, times_count_from_2000_and_none_is_null);
        tcase_add_test(tests, texts_and_truths_need_no_quoting);
        tcase_add_test(tests, a_column_of_one_is_a_plain_value);
        tcase_add_test(tests, a_column_grows);
        tcase_add_test(tests, single_values_are_text);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
