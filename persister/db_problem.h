/* db_problem: what is wrong with the database, told from an SQLSTATE, in a sentence that names what mends it.
 * Used by db_conn, and by check-db and migrate. Pure. */
#ifndef PM_PERSISTER_DB_PROBLEM_H
#define PM_PERSISTER_DB_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/msg.h"

#define DB_MESSAGE_SIZE 640
#define DB_SQLSTATE_SIZE 6

struct db_problem {
        enum store_problem problem;
        char sqlstate[DB_SQLSTATE_SIZE]; /* "" when none was told */
        char message[DB_MESSAGE_SIZE];   /* what is wrong; what mends it */
};

/* The class of an SQLSTATE; "" is a server that did not answer. */
enum store_problem db_problem_of_sqlstate(const char *sqlstate);

/* Errors that will not go away by trying the same contents again (integrity, data, program errors). */
bool db_problem_is_contents(const char *sqlstate);

/* Fills *problem. text is the server's or libpq's own (its first line is used); sqlstate may be NULL or "". place is
 * where the server was looked for, "/run/pm-supervisor" or "db1:5432". */
void db_problem_set(struct db_problem *problem, const char *sqlstate, const char *text, const char *place);

/* The same for a failed connect, where libpq gives the SQLSTATE only inside its text (PQERRORS_VERBOSE). */
void db_problem_set_connect(struct db_problem *problem, const char *text, const char *place);

/* Another program holds the portfolio's lock; text says which. */
void db_problem_set_other_owner(struct db_problem *problem, const char *text, const char *place);
/* The schema is not the one this program runs on; text says what mends it. */
void db_problem_set_schema(struct db_problem *problem, const char *text, const char *place);

#endif
