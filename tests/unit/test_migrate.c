/* migrate.c and embed-sql: the table of migrations, their checksums and versions. That the schema's words are the code's is in
 * test_event.c, what needs a server in tests/integration. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "persister/migrate.h"

START_TEST(migrations_are_in_order_and_named_by_their_number)
{
        ck_assert_uint_ge(migration_table_count, 3);
        for (size_t i = 0; i < migration_table_count; i++) {
                const struct migration *migration = &migration_table[i];
                char number[8];
                snprintf(number, sizeof number, "%03d_", migration->version);
                ck_assert_int_eq(migration->version, (int)i + 1);
                ck_assert_msg(strncmp(migration->name, number, strlen(number)) == 0, "%s", migration->name);
        }
        ck_assert_str_eq(migration_table[0].name, "001_initial_schema");
        ck_assert_str_eq(migration_table[1].name, "002_add_heartbeat_index");
        ck_assert_str_eq(migration_table[2].name, "003_add_leadership_history");
}
END_TEST

START_TEST(migrations_are_whole_and_note_themselves)
{
        for (size_t i = 0; i < migration_table_count; i++) {
                const struct migration *migration = &migration_table[i];
                char row[128];
                snprintf(row, sizeof row, "INSERT INTO schema_migrations (version, name, min_program_version) VALUES (%d, '%s', '",
                         migration->version, migration->name);
                ck_assert_uint_eq(strlen(migration->text), migration->size);
                ck_assert_msg(strstr(migration->text, row) != NULL, "%s does not note itself", migration->name);
                ck_assert_msg(strstr(migration->text, "\nBEGIN;\n") != NULL, "%s does not begin a transaction", migration->name);
                ck_assert_msg(strcmp(migration->text + migration->size - 9, "\nCOMMIT;\n") == 0, "%s does not end with COMMIT",
                              migration->name);
        }
}
END_TEST

START_TEST(migrate_checksum_is_sha256_in_hex)
{
        char text[MIGRATE_CHECKSUM_SIZE];
        struct migration migration = {1, "001_x", "abc", 3};
        ck_assert_str_eq(migrate_checksum(&migration, text), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        migration.size = 2;
        ck_assert_str_ne(migrate_checksum(&migration, text), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

static const struct {
        const char *a;
        const char *b;
        int order;
} versions[] = {
        {"0.1.0", "0.1.0", 0}, {"0.1", "0.1.0", 0},    {"0.1.1", "0.1.0", 1},     {"0.1.0", "0.2", -1},
        {"1.10.0", "1.9", 1},  {"0.9.9", "1.0.0", -1}, {"1.0.0-rc1", "1.0.0", 0}, {"2", "10", -1},
};

START_TEST(migrate_compares_versions_as_numbers)
{
        ck_assert_int_eq(migrate_compare_versions(versions[_i].a, versions[_i].b), versions[_i].order);
        ck_assert_int_eq(migrate_compare_versions(versions[_i].b, versions[_i].a), -versions[_i].order);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("migrate");
        TCase *tcase = tcase_create("migrate");
        suite_add_tcase(suite, tcase);
        tcase_add_test(tcase, migrations_are_in_order_and_named_by_their_number);
        tcase_add_test(tcase, migrations_are_whole_and_note_themselves);
        tcase_add_test(tcase, migrate_checksum_is_sha256_in_hex);
        tcase_add_loop_test(tcase, migrate_compares_versions_as_numbers, 0, (int)countof(versions));
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
