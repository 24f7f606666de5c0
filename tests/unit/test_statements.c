/* statements.c: the table is whole. That PostgreSQL accepts it is tested against a database by check-db. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "persister/statements.h"

/* The highest $n of a text. */
static int
highest_param(const char *text)
{
        int highest = 0;

        for (const char *at = strchr(text, '$'); at != NULL; at = strchr(at + 1, '$')) {
                int number = atoi(at + 1);
                ck_assert_int_gt(number, 0);
                if (number > highest)
                        highest = number;
        }
        return highest;
}

START_TEST(every_statement_has_name_text_and_its_parameters)
{
        const struct statement *statement = statement_of((enum statement_id)_i);

        ck_assert_ptr_nonnull(statement->name);
        ck_assert_ptr_nonnull(statement->text);
        ck_assert_int_eq(statement->params_count, highest_param(statement->text));
        for (int other = STATEMENT_NONE + 1; other < _i; other++)
                ck_assert_str_ne(statement->name, statement_of((enum statement_id)other)->name);
        ck_assert_ptr_null(strchr(statement->text, ';'));
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("statements");
        TCase *tests = tcase_create("statements");

        tcase_add_loop_test(tests, every_statement_has_name_text_and_its_parameters, STATEMENT_NONE + 1, STATEMENT_END);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
