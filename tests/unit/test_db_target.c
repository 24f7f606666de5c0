/* db_target.c: the operator's conninfo, one host at a time, with our settings over it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "persister/db_target.h"

static const char *
value_of(const struct db_target *target, const char *keyword)
{
        const char *value = NULL;

        for (uint32_t i = 0; i < target->count; i++) {
                if (strcmp(target->keywords[i], keyword) == 0) {
                        ck_assert_ptr_null(value); /* given once */
                        value = target->values[i];
                }
        }
        ck_assert_ptr_null(target->keywords[target->count]);
        return value;
}

START_TEST(hosts_are_walked_with_their_ports)
{
        struct config_conninfo conninfo = {
                {"host", "port", "dbname", "target_session_attrs"}, {"db1,db2", "5432,5433", "pm", "read-write"}, 4};
        struct db_target target;

        ck_assert_int_eq(db_target_init(&target, &conninfo, "main", 2000, 5000), DB_TARGET_OK);
        ck_assert_uint_eq(target.hosts_count, 2);
        db_target_select(&target, 0);
        ck_assert_str_eq(value_of(&target, "host"), "db1");
        ck_assert_str_eq(value_of(&target, "port"), "5432");
        db_target_select(&target, 1);
        ck_assert_str_eq(value_of(&target, "host"), "db2");
        ck_assert_str_eq(value_of(&target, "port"), "5433");
        ck_assert_str_eq(value_of(&target, "target_session_attrs"), "read-write");
        ck_assert_str_eq(target.place, "db2:5433");
}
END_TEST

START_TEST(one_port_serves_all_hosts)
{
        struct config_conninfo conninfo = {{"host", "port"}, {"db1,db2,db3", "6000"}, 2};
        struct db_target target;

        ck_assert_int_eq(db_target_init(&target, &conninfo, "main", 2000, 5000), DB_TARGET_OK);
        db_target_select(&target, 2);
        ck_assert_str_eq(value_of(&target, "host"), "db3");
        ck_assert_str_eq(value_of(&target, "port"), "6000");
}
END_TEST

START_TEST(our_settings_win_and_the_rest_is_kept)
{
        struct config_conninfo conninfo = {
                {"host", "options", "application_name", "connect_timeout", "keepalives_idle", "sslmode"},
                {"/run/x", "-c search_path=pm -c synchronous_commit=off", "mine", "99", "60", "require"},
                6,
        };
        struct db_target target;

        ck_assert_int_eq(db_target_init(&target, &conninfo, "main", 2000, 5000), DB_TARGET_OK);
        db_target_select(&target, 0);
        const char *options = value_of(&target, "options");
        ck_assert_ptr_nonnull(strstr(options, "-c search_path=pm"));
        ck_assert_ptr_nonnull(strstr(strstr(options, "synchronous_commit=off"), "synchronous_commit=on"));
        ck_assert_ptr_nonnull(strstr(options, "TimeZone=UTC"));
        ck_assert_ptr_nonnull(strstr(options, "statement_timeout=5000"));
        ck_assert_ptr_nonnull(strstr(options, "tcp_user_timeout=5000"));
        ck_assert_str_eq(value_of(&target, "application_name"), "pm-persister/main");
        ck_assert_ptr_null(value_of(&target, "connect_timeout"));
        ck_assert_str_eq(value_of(&target, "keepalives_idle"), "60");
        ck_assert_str_eq(value_of(&target, "keepalives_count"), "3");
        ck_assert_str_eq(value_of(&target, "sslmode"), "require");
        ck_assert_str_eq(target.place, "/run/x");
}
END_TEST

START_TEST(lists_that_do_not_fit_are_refused)
{
        struct config_conninfo ports = {{"host", "port"}, {"db1,db2,db3", "1,2"}, 2};
        struct config_conninfo addrs = {{"host", "hostaddr"}, {"db1,db2", "10.0.0.1"}, 2};
        struct config_conninfo many = {{"host"}, {"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q"}, 1};
        struct db_target target;

        ck_assert_int_eq(db_target_init(&target, &ports, "main", 1, 1), DB_TARGET_INVALID);
        ck_assert_int_eq(db_target_init(&target, &addrs, "main", 1, 1), DB_TARGET_INVALID);
        ck_assert_int_eq(db_target_init(&target, &many, "main", 1, 1), DB_TARGET_INVALID);
}
END_TEST

START_TEST(no_host_is_the_default_socket)
{
        struct config_conninfo conninfo = {{"dbname"}, {"pm"}, 1};
        struct db_target target;

        ck_assert_int_eq(db_target_init(&target, &conninfo, "main", 1, 1), DB_TARGET_OK);
        db_target_select(&target, 0);
        ck_assert_uint_eq(target.hosts_count, 1);
        ck_assert_str_eq(value_of(&target, "host"), "");
        ck_assert_str_eq(target.place, "the default socket");
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("db_target");
        TCase *tests = tcase_create("db_target");

        tcase_add_test(tests, hosts_are_walked_with_their_ports);
        tcase_add_test(tests, one_port_serves_all_hosts);
        tcase_add_test(tests, our_settings_win_and_the_rest_is_kept);
        tcase_add_test(tests, lists_that_do_not_fit_are_refused);
        tcase_add_test(tests, no_host_is_the_default_socket);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
