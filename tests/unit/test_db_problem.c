/* db_problem.c: an SQLSTATE becomes a problem, and a sentence that names what mends it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "persister/db_problem.h"

static const struct {
        const char *sqlstate;
        enum store_problem problem;
        const char *helps; /* part of the sentence */
} cases[] = {
        {"", STORE_PROBLEM_UNREACHABLE, "pm-supervisor check-db"},
        {"08006", STORE_PROBLEM_UNREACHABLE, "tries again by itself"},
        {"57P01", STORE_PROBLEM_UNREACHABLE, "tries again by itself"},
        {"57P03", STORE_PROBLEM_UNREACHABLE, "tries again by itself"},
        {"57P04", STORE_PROBLEM_NO_DATABASE, "createdb"},
        {"28P01", STORE_PROBLEM_AUTH, "database_config.json"},
        {"28000", STORE_PROBLEM_AUTH, "pg_hba.conf"},
        {"42501", STORE_PROBLEM_AUTH, "grants"},
        {"3D000", STORE_PROBLEM_NO_DATABASE, "createdb"},
        {"53300", STORE_PROBLEM_TOO_MANY, "max_connections"},
        {"25006", STORE_PROBLEM_READ_ONLY, "target_session_attrs=read-write"},
        {"53100", STORE_PROBLEM_DISK_FULL, "df -h"},
        {"53200", STORE_PROBLEM_OTHER, "server's log"},
        {"55P03", STORE_PROBLEM_LOCKED, "pg_stat_activity"},
        {"57014", STORE_PROBLEM_LOCKED, "pg_stat_activity"},
        {"40001", STORE_PROBLEM_LOCKED, "pg_stat_activity"},
        {"40P01", STORE_PROBLEM_LOCKED, "pg_stat_activity"},
        {"42P01", STORE_PROBLEM_SCHEMA, "pm-supervisor migrate"},
        {"42703", STORE_PROBLEM_SCHEMA, "pm-supervisor migrate"},
        {"3F000", STORE_PROBLEM_SCHEMA, "pm-supervisor migrate"},
        {"22003", STORE_PROBLEM_REFUSED, "store_refused"},
        {"23514", STORE_PROBLEM_REFUSED, "store_refused"},
        {"54000", STORE_PROBLEM_REFUSED, "store_refused"},
        {"58030", STORE_PROBLEM_OTHER, "server's log"},
        {"XX000", STORE_PROBLEM_OTHER, "server's log"},
};

START_TEST(every_state_has_its_problem_and_its_help)
{
        struct db_problem problem;

        db_problem_set(&problem, cases[_i].sqlstate, "what the server said\nDETAIL: more", "db1:5432");
        ck_assert_int_eq(problem.problem, cases[_i].problem);
        ck_assert_str_eq(problem.sqlstate, cases[_i].sqlstate);
        ck_assert_ptr_nonnull(strstr(problem.message, cases[_i].helps));
        ck_assert_ptr_nonnull(strstr(problem.message, "database at db1:5432: what the server said; "));
        ck_assert_ptr_null(strchr(problem.message, '\n'));
}
END_TEST

START_TEST(only_contents_are_refused_for_good)
{
        ck_assert(db_problem_is_contents("23505"));
        ck_assert(db_problem_is_contents("22P05"));
        ck_assert(!db_problem_is_contents(""));
        ck_assert(!db_problem_is_contents("53100"));
        ck_assert(!db_problem_is_contents("40001"));
        ck_assert(!db_problem_is_contents("42P01"));
}
END_TEST

START_TEST(a_refused_connect_tells_its_state_in_the_text)
{
        struct db_problem problem;

        db_problem_set_connect(
                &problem,
                "connection to server at \"db1\" (10.0.0.1), port 5432 failed: FATAL:  28P01: password authentication failed for "
                "user \"x\"\nLOCATION:  auth_failed, auth.c:334\n",
                "db1:5432");
        ck_assert_int_eq(problem.problem, STORE_PROBLEM_AUTH);
        ck_assert_str_eq(problem.sqlstate, "28P01");
        ck_assert_ptr_nonnull(strstr(problem.message, ": password authentication failed for user \"x\"; "));
        ck_assert_ptr_null(strstr(problem.message, "LOCATION"));
        /* In the server's own language. */
        db_problem_set_connect(&problem, "FATAL:  57P03: das Datenbanksystem startet\n", "x");
        ck_assert_int_eq(problem.problem, STORE_PROBLEM_UNREACHABLE);
        ck_assert_str_eq(problem.sqlstate, "57P03");
        db_problem_set_connect(&problem, "connection to server on socket \"/x/.s.PGSQL.5432\" failed: No such file or directory\n", "/x");
        ck_assert_int_eq(problem.problem, STORE_PROBLEM_UNREACHABLE);
        ck_assert_str_eq(problem.sqlstate, "");
        db_problem_set_connect(&problem, "connection to server failed: fe_sendauth: no password supplied\n", "x");
        ck_assert_int_eq(problem.problem, STORE_PROBLEM_AUTH);
        db_problem_set_connect(&problem, "connection to server at \"db2\" failed: session is read-only\n", "x");
        ck_assert_int_eq(problem.problem, STORE_PROBLEM_READ_ONLY);
}
END_TEST

START_TEST(another_owner_and_a_wrong_schema_have_their_own_words)
{
        struct db_problem problem;

        db_problem_set_other_owner(&problem, "owned by session 5", "x");
        ck_assert_int_eq(problem.problem, STORE_PROBLEM_OTHER_OWNER);
        ck_assert_ptr_nonnull(strstr(problem.message, "one portfolio has one writer"));
        db_problem_set_schema(&problem, "the schema lacks migration 002: run `pm-supervisor migrate`", "x");
        ck_assert_int_eq(problem.problem, STORE_PROBLEM_SCHEMA);
        ck_assert_ptr_nonnull(strstr(problem.message, "lacks migration 002"));
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("db_problem");
        TCase *tests = tcase_create("db_problem");

        tcase_add_loop_test(tests, every_state_has_its_problem_and_its_help, 0, countof(cases));
        tcase_add_test(tests, only_contents_are_refused_for_good);
        tcase_add_test(tests, a_refused_connect_tells_its_state_in_the_text);
        tcase_add_test(tests, another_owner_and_a_wrong_schema_have_their_own_words);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
