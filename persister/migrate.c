#include "persister/migrate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sha256.h>

#include "config.h"

/* Two migrators wait for each other; the number is arbitrary and only ours. */
#define LOCK_SQL "SELECT pg_advisory_lock(5062600917)"
#define UNLOCK_SQL "SELECT pg_advisory_unlock(5062600917)"

int
migrate_compare_versions(const char *a, const char *b)
{
        while (*a != '\0' || *b != '\0') {
                char *a_end;
                char *b_end;
                unsigned long x = strtoul(a, &a_end, 10);
                unsigned long y = strtoul(b, &b_end, 10);
                if (x != y)
                        return x < y ? -1 : 1;
                a = *a_end == '.' ? a_end + 1 : a_end + strlen(a_end);
                b = *b_end == '.' ? b_end + 1 : b_end + strlen(b_end);
        }
        return 0;
}

char *
migrate_checksum(const struct migration *migration, char text[MIGRATE_CHECKSUM_SIZE])
{
        return SHA256Data((const uint8_t *)migration->text, migration->size, text);
}

/* The server's last words without their newline. */
static const char *
server_words(PGconn *connection, char words[MIGRATE_ERROR_SIZE])
{
        snprintf(words, MIGRATE_ERROR_SIZE, "%s", PQerrorMessage(connection));
        size_t size = strlen(words);
        while (size > 0 && words[size - 1] == '\n')
                words[--size] = '\0';
        for (size_t i = 0; i < size; i++) {
                if (words[i] == '\n')
                        words[i] = ' ';
        }
        return words;
}

static enum migrate_status
failed(PGconn *connection, const char *what, char error[MIGRATE_ERROR_SIZE])
{
        char words[MIGRATE_ERROR_SIZE];
        int n = snprintf(error, MIGRATE_ERROR_SIZE, "%s: ", what);
        snprintf(error + n, (size_t)(MIGRATE_ERROR_SIZE - n), "%s", server_words(connection, words));
        return MIGRATE_FAILED;
}

static bool
run(PGconn *connection, const char *sql)
{
        PGresult *result = PQexec(connection, sql);
        ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

static const struct migration *
by_version(int version)
{
        for (size_t i = 0; i < migration_table_count; i++) {
                if (migration_table[i].version == version)
                        return &migration_table[i];
        }
        return NULL;
}

static bool
fill_checksum(PGconn *connection, int version, const char *checksum)
{
        char number[16];
        snprintf(number, sizeof number, "%d", version);
        const char *values[] = {number, checksum};
        PGresult *result =
                PQexecParams(connection, "UPDATE schema_migrations SET checksum = $2 WHERE version = $1::int AND checksum IS NULL", 2, NULL,
                             values, NULL, NULL, 0);
        bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        return good;
}

/* One row of schema_migrations against the table. *unknown_checksum: the row's file is ours and its checksum was never filled. */
static enum migrate_status
judge_row(const PGresult *rows, int row, const struct migration **unknown_checksum, char error[MIGRATE_ERROR_SIZE])
{
        const char *needs = PQgetvalue(rows, row, 3);
        const char *name = PQgetvalue(rows, row, 1);
        *unknown_checksum = NULL;
        if (migrate_compare_versions(PACKAGE_VERSION, needs) < 0) {
                snprintf(error, MIGRATE_ERROR_SIZE,
                         "migration %s needs pm-supervisor %s or newer and this is %s: install the newer version", name, needs,
                         PACKAGE_VERSION);
                return MIGRATE_TOO_NEW;
        }
        const struct migration *known = by_version(atoi(PQgetvalue(rows, row, 0)));
        if (known == NULL)
                return MIGRATE_OK; /* a later one that we can run on */
        char checksum[MIGRATE_CHECKSUM_SIZE];
        migrate_checksum(known, checksum);
        if (PQgetisnull(rows, row, 2)) {
                *unknown_checksum = known;
                return MIGRATE_OK;
        }
        if (strcmp(checksum, PQgetvalue(rows, row, 2)) != 0) {
                snprintf(error, MIGRATE_ERROR_SIZE,
                         "migration %s was applied with other contents than this program has: restore the file and the schema it made, or "
                         "install the version that applied it",
                         known->name);
                return MIGRATE_EDITED;
        }
        return MIGRATE_OK;
}

static enum migrate_status
check_row(PGconn *connection, const PGresult *rows, int row, char error[MIGRATE_ERROR_SIZE])
{
        const struct migration *unfilled;
        char checksum[MIGRATE_CHECKSUM_SIZE];
        enum migrate_status status = judge_row(rows, row, &unfilled, error);
        if (status != MIGRATE_OK || unfilled == NULL)
                return status;
        return fill_checksum(connection, unfilled->version, migrate_checksum(unfilled, checksum))
                       ? MIGRATE_OK
                       : failed(connection, "filling a checksum", error);
}

static bool
has_version(const PGresult *rows, int version)
{
        for (int row = 0; row < PQntuples(rows); row++) {
                if (atoi(PQgetvalue(rows, row, 0)) == version)
                        return true;
        }
        return false;
}

enum migrate_status
migrate_judge(const PGresult *rows, char error[MIGRATE_ERROR_SIZE])
{
        const struct migration *unfilled;
        enum migrate_status status = MIGRATE_OK;
        error[0] = '\0';
        for (int row = 0; status == MIGRATE_OK && row < PQntuples(rows); row++)
                status = judge_row(rows, row, &unfilled, error);
        for (size_t i = 0; status == MIGRATE_OK && i < migration_table_count; i++) {
                if (!has_version(rows, migration_table[i].version)) {
                        snprintf(error, MIGRATE_ERROR_SIZE, "the schema lacks migration %s: run `pm-supervisor migrate`",
                                 migration_table[i].name);
                        status = MIGRATE_MISSING;
                }
        }
        return status;
}

/* present[i]: migration_table[i] is applied. */
static enum migrate_status
look(PGconn *connection, bool *present, char error[MIGRATE_ERROR_SIZE])
{
        PGresult *rows = PQexec(connection, "SELECT to_regclass('schema_migrations') IS NOT NULL");
        bool asked = PQresultStatus(rows) == PGRES_TUPLES_OK;
        bool exists = asked && PQgetvalue(rows, 0, 0)[0] == 't';
        PQclear(rows);
        if (!asked)
                return failed(connection, "asking for the schema", error);
        if (!exists)
                return MIGRATE_OK;
        rows = PQexec(connection, "SELECT version, name, checksum, min_program_version FROM schema_migrations ORDER BY version DESC");
        enum migrate_status status =
                PQresultStatus(rows) == PGRES_TUPLES_OK ? MIGRATE_OK : failed(connection, "reading schema_migrations", error);
        for (int row = 0; status == MIGRATE_OK && row < PQntuples(rows); row++) {
                status = check_row(connection, rows, row, error);
                for (size_t i = 0; i < migration_table_count; i++)
                        present[i] |= migration_table[i].version == atoi(PQgetvalue(rows, row, 0));
        }
        PQclear(rows);
        return status;
}

enum migrate_status
migrate_check(PGconn *connection, int *applied, char error[MIGRATE_ERROR_SIZE])
{
        bool *present = calloc(migration_table_count, sizeof *present);
        PM_ASSERT(present != NULL);
        error[0] = '\0';
        *applied = 0;
        enum migrate_status status = look(connection, present, error);
        for (size_t i = 0; i < migration_table_count; i++) {
                if (present[i])
                        ++*applied;
                else if (status == MIGRATE_OK) {
                        snprintf(error, MIGRATE_ERROR_SIZE, "the schema lacks migration %s: run `pm-supervisor migrate`",
                                 migration_table[i].name);
                        status = MIGRATE_MISSING;
                }
        }
        free(present);
        return status;
}

static enum migrate_status
apply_one(PGconn *connection, const struct migration *migration, char error[MIGRATE_ERROR_SIZE])
{
        char checksum[MIGRATE_CHECKSUM_SIZE];
        char what[128];
        /* The file brings its own BEGIN and COMMIT; what fails inside leaves an open transaction. */
        if (!run(connection, migration->text)) {
                snprintf(what, sizeof what, "migration %s was refused", migration->name);
                enum migrate_status status = failed(connection, what, error);
                if (PQstatus(connection) == CONNECTION_OK && PQtransactionStatus(connection) != PQTRANS_IDLE)
                        run(connection, "ROLLBACK");
                return status;
        }
        return fill_checksum(connection, migration->version, migrate_checksum(migration, checksum))
                       ? MIGRATE_OK
                       : failed(connection, "filling a checksum", error);
}

enum migrate_status
migrate_apply(PGconn *connection, int *applied, char error[MIGRATE_ERROR_SIZE])
{
        error[0] = '\0';
        *applied = 0;
        if (!run(connection, LOCK_SQL))
                return failed(connection, "waiting for the migration lock", error);
        bool *present = calloc(migration_table_count, sizeof *present);
        PM_ASSERT(present != NULL);
        enum migrate_status status = look(connection, present, error);
        for (size_t i = 0; status == MIGRATE_OK && i < migration_table_count; i++) {
                if (present[i])
                        continue;
                status = apply_one(connection, &migration_table[i], error);
                *applied += status == MIGRATE_OK;
        }
        free(present);
        run(connection, UNLOCK_SQL); /* the end of the connection would do it too */
        return status;
}
