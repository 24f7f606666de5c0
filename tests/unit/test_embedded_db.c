/* Which PostgreSQL is taken, and what is said when there is none that fits. The making of a cluster itself is walked by the process tests.
 */
#include "supervisor/embedded_db.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char versions[96];
static char bin[CONFIG_TEXT_SIZE];
static char error[EMBEDDED_DB_ERROR_SIZE];

static void
run(const char *command)
{
        char whole[256];
        snprintf(whole, sizeof whole, "cd %s && %s", folder, command);
        ck_assert_int_eq(system(whole), 0);
}

static void
setup(void)
{
        snprintf(folder, sizeof folder, "/tmp/pm-embedded-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(versions, sizeof versions, "%s/versions", folder);
        run("mkdir -p versions/13/bin versions/15/bin versions/9.6/bin versions/17/bin empty");
        /* 17 has lost its server; 9.6 is not a version of today. */
        run("for v in 13 15 9.6 17; do install -m 755 /dev/null versions/$v/bin/initdb; done");
        run("for v in 13 15 9.6; do install -m 755 /dev/null versions/$v/bin/postgres; done");
        setenv("PATH", "/nowhere", 1);
}

static void
teardown(void)
{
        setenv("PATH", "/usr/bin:/bin", 1);
        run("rm -rf versions empty data && cd / && rmdir $OLDPWD");
}

START_TEST(embedded_db_takes_the_newest_whole_version)
{
        char wanted[128];
        int major;
        ck_assert(embedded_db_find_bin("", versions, 0, bin, sizeof bin, &major, error));
        ck_assert_int_eq(major, 15);
        snprintf(wanted, sizeof wanted, "%s/15/bin", versions);
        ck_assert_str_eq(bin, wanted);
}
END_TEST

START_TEST(embedded_db_takes_the_version_of_the_cluster)
{
        int major;
        ck_assert(embedded_db_find_bin("", versions, 13, bin, sizeof bin, &major, error));
        ck_assert_int_eq(major, 13);
}
END_TEST

START_TEST(embedded_db_names_the_version_that_is_missing)
{
        int major;
        ck_assert(!embedded_db_find_bin("", versions, 14, bin, sizeof bin, &major, error));
        ck_assert_msg(strstr(error, "made by PostgreSQL 14") != NULL && strstr(error, "only PostgreSQL 15") != NULL &&
                              strstr(error, "postgresql-14") != NULL,
                      "%s", error);
}
END_TEST

START_TEST(embedded_db_takes_a_named_folder_or_says_why_not)
{
        char dir[256];
        int major;
        snprintf(dir, sizeof dir, "%s/13/bin", versions);
        ck_assert(embedded_db_find_bin(dir, "/nowhere", 13, bin, sizeof bin, &major, error));
        ck_assert(embedded_db_find_bin(dir, "/nowhere", 0, bin, sizeof bin, &major, error));
        ck_assert(!embedded_db_find_bin(dir, "/nowhere", 15, bin, sizeof bin, &major, error));
        ck_assert_msg(strstr(error, "PostgreSQL 15") != NULL && strstr(error, "is PostgreSQL 13") != NULL, "%s", error);
        snprintf(dir, sizeof dir, "%s/empty", folder);
        ck_assert(!embedded_db_find_bin(dir, versions, 0, bin, sizeof bin, &major, error));
        ck_assert_msg(strstr(error, "database.bin_dir") != NULL, "%s", error);
}
END_TEST

START_TEST(embedded_db_looks_in_path_last_and_says_what_to_install)
{
        char dir[256];
        int major;
        ck_assert(!embedded_db_find_bin("", "/nowhere", 0, bin, sizeof bin, &major, error));
        ck_assert_msg(strstr(error, "apt-get install postgresql") != NULL, "%s", error);
        snprintf(dir, sizeof dir, "relative:%s/empty:%s/15/bin", folder, versions);
        setenv("PATH", dir, 1);
        ck_assert(embedded_db_find_bin("", "/nowhere", 0, bin, sizeof bin, &major, error));
        snprintf(dir, sizeof dir, "%s/15/bin", versions);
        ck_assert_str_eq(bin, dir);
        ck_assert_int_eq(major, 0);
        setenv("PATH", "/usr/bin:/bin", 1);
}
END_TEST

START_TEST(embedded_db_reads_the_version_of_a_cluster)
{
        char data[128];
        snprintf(data, sizeof data, "%s/data", folder);
        ck_assert_int_eq(embedded_db_version_of(data), 0);
        setenv("PATH", "/usr/bin:/bin", 1);
        run("mkdir data && echo 15 >data/PG_VERSION");
        ck_assert_int_eq(embedded_db_version_of(data), 15);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("embedded_db");
        TCase *programs = tcase_create("programs");
        tcase_add_checked_fixture(programs, setup, teardown);
        tcase_add_test(programs, embedded_db_takes_the_newest_whole_version);
        tcase_add_test(programs, embedded_db_takes_the_version_of_the_cluster);
        tcase_add_test(programs, embedded_db_names_the_version_that_is_missing);
        tcase_add_test(programs, embedded_db_takes_a_named_folder_or_says_why_not);
        tcase_add_test(programs, embedded_db_looks_in_path_last_and_says_what_to_install);
        tcase_add_test(programs, embedded_db_reads_the_version_of_a_cluster);
        suite_add_tcase(suite, programs);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
