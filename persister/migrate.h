/* migrate: the files of sql/, compiled in, applied in order. A file that psql has run left its row without a checksum, which is filled
 * at first contact; one that was edited since is refused by name; a schema that needs a newer program is refused with both versions.
 * Blocking: for the operator's verbs, and for the embedded database before it serves. */
#ifndef PM_PERSISTER_MIGRATE_H
#define PM_PERSISTER_MIGRATE_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

struct migration {
        int version;
        const char *name; /* "001_initial_schema" */
        const char *text;
        size_t size;
};

/* Made from sql/ at build time, in order of version. */
extern const struct migration migration_table[];
extern const size_t migration_table_count;

enum migrate_status {
        MIGRATE_OK = 0,
        MIGRATE_MISSING, /* not all are applied: run `pm-supervisor migrate` */
        MIGRATE_EDITED,  /* an applied file is not the one we know */
        MIGRATE_TOO_NEW, /* the schema needs a newer program */
        MIGRATE_FAILED,  /* the server refused or went away */
};

#define MIGRATE_ERROR_SIZE 1024
#define MIGRATE_CHECKSUM_SIZE 65

/* SHA-256 of a file's text, lower-case hex. Returns text. */
char *migrate_checksum(const struct migration *migration, char text[MIGRATE_CHECKSUM_SIZE]);

/* Compares schema_migrations with the table. Fills missing checksums. error is one sentence with what mends it. */
PM_MUST_CHECK enum migrate_status migrate_check(PGconn *connection, int *applied, char error[MIGRATE_ERROR_SIZE]);
/* Applies what is missing, under an advisory lock, each file one transaction. applied: how many were. */
PM_MUST_CHECK enum migrate_status migrate_apply(PGconn *connection, int *applied, char error[MIGRATE_ERROR_SIZE]);

/* Judges rows of schema_migrations (version, name, checksum, min_program_version; newest first) without a connection: pm-persister does
 * so at every connect. A missing checksum passes. Pure. */
PM_MUST_CHECK enum migrate_status migrate_judge(const PGresult *rows, char error[MIGRATE_ERROR_SIZE]);

/* Is version a (of a program) at least b? Numbers between dots, "1.10.0" > "1.9". Pure. */
int migrate_compare_versions(const char *a, const char *b);

#endif
