#include "persister/db_problem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"

struct sqlstate_row {
        const char *prefix; /* two characters: the class; five: one state. The longest that fits counts */
        enum store_problem problem;
};

static const struct sqlstate_row sqlstate_rows[] = {
        {"08", STORE_PROBLEM_UNREACHABLE},    /* connection exception */
        {"57P01", STORE_PROBLEM_UNREACHABLE}, /* admin shutdown, or pg_terminate_backend */
        {"57P02", STORE_PROBLEM_UNREACHABLE}, /* crash shutdown */
        {"57P03", STORE_PROBLEM_UNREACHABLE}, /* cannot connect now: starting, stopping, in recovery */
        {"57P05", STORE_PROBLEM_UNREACHABLE}, /* idle session timeout */
        {"57P04", STORE_PROBLEM_NO_DATABASE}, /* dropped under us */
        {"58", STORE_PROBLEM_OTHER},          /* system error, such as an I/O error */
        {"28", STORE_PROBLEM_AUTH},           /* password or pg_hba.conf */
        {"42501", STORE_PROBLEM_AUTH},        /* insufficient privilege */
        {"3D000", STORE_PROBLEM_NO_DATABASE}, /* invalid catalog name */
        {"53", STORE_PROBLEM_OTHER},          {"53100", STORE_PROBLEM_DISK_FULL}, {"53200", STORE_PROBLEM_OTHER}, /* server out of memory */
        {"53300", STORE_PROBLEM_TOO_MANY},    {"25006", STORE_PROBLEM_READ_ONLY}, {"55P03", STORE_PROBLEM_LOCKED}, /* lock_timeout */
        {"57014", STORE_PROBLEM_LOCKED},  /* statement_timeout, or cancelled */
        {"25P03", STORE_PROBLEM_LOCKED},  /* idle in transaction timeout */
        {"40", STORE_PROBLEM_LOCKED},     /* serialization, deadlock: written again */
        {"3F000", STORE_PROBLEM_SCHEMA},  /* no schema in the search path */
        {"42P01", STORE_PROBLEM_SCHEMA},  /* undefined table */
        {"42703", STORE_PROBLEM_SCHEMA},  /* undefined column */
        {"42883", STORE_PROBLEM_SCHEMA},  /* undefined function */
        {"42804", STORE_PROBLEM_SCHEMA},  /* datatype mismatch */
        {"42P10", STORE_PROBLEM_SCHEMA},  /* no unique index for ON CONFLICT */
        {"42P18", STORE_PROBLEM_SCHEMA},  /* indeterminate datatype */
        {"42704", STORE_PROBLEM_SCHEMA},  /* undefined object */
        {"0A000", STORE_PROBLEM_SCHEMA},  /* cached plan must not change its result type: altered under us */
        {"22", STORE_PROBLEM_REFUSED},    /* data exception */
        {"23", STORE_PROBLEM_REFUSED},    /* integrity constraint violation */
        {"54", STORE_PROBLEM_REFUSED},    /* program limit exceeded, such as an index row too long */
        {"P0001", STORE_PROBLEM_REFUSED}, /* raised by a trigger */
};

/* What mends it, after "…: ". */
static const char *const advice[STORE_PROBLEM_END] = {
        [STORE_PROBLEM_NONE] = "",
        [STORE_PROBLEM_STARTING] = "wait a moment",
        [STORE_PROBLEM_UNREACHABLE] = "see that the server runs: pg_lsclusters, pm-supervisor check-db; the service tries again by itself",
        [STORE_PROBLEM_AUTH] = "check user and password in database_config.json, pg_hba.conf and the grants, then: pm-supervisor check-db",
        [STORE_PROBLEM_NO_DATABASE] = "create it: createdb -O USER DATABASE, then: pm-supervisor migrate",
        [STORE_PROBLEM_TOO_MANY] = "raise max_connections or end idle sessions (SELECT pid, application_name FROM pg_stat_activity)",
        [STORE_PROBLEM_READ_ONLY] = "connect to the primary: name all hosts and target_session_attrs=read-write in database_config.json",
        [STORE_PROBLEM_DISK_FULL] = "make room on the server's disk (df -h); what waits is stored by itself then",
        [STORE_PROBLEM_LOCKED] = "find who holds locks: SELECT pid, state, query FROM pg_stat_activity WHERE state <> 'idle'",
        [STORE_PROBLEM_SCHEMA] = "run: pm-supervisor migrate",
        [STORE_PROBLEM_OTHER_OWNER] = "one portfolio has one writer: stop the other instance, or give this one its own database or role",
        [STORE_PROBLEM_REFUSED] = "see the server's log for the constraint; the signal is recorded as store_refused",
        [STORE_PROBLEM_OTHER] = "see the server's log; the service tries again by itself",
};

enum store_problem
db_problem_of_sqlstate(const char *sqlstate)
{
        enum store_problem problem = STORE_PROBLEM_OTHER;
        size_t longest = 0;

        if (sqlstate[0] == '\0')
                return STORE_PROBLEM_UNREACHABLE;
        if (strcmp(sqlstate, "00000") == 0)
                return STORE_PROBLEM_NONE;
        for (size_t i = 0; i < countof(sqlstate_rows); i++) {
                size_t size = strlen(sqlstate_rows[i].prefix);
                if (size > longest && strncmp(sqlstate, sqlstate_rows[i].prefix, size) == 0) {
                        longest = size;
                        problem = sqlstate_rows[i].problem;
                }
        }
        return problem;
}

bool
db_problem_is_contents(const char *sqlstate)
{
        return sqlstate[0] != '\0' && db_problem_of_sqlstate(sqlstate) == STORE_PROBLEM_REFUSED;
}

static bool
is_sqlstate(const char *text)
{
        for (int i = 0; i < DB_SQLSTATE_SIZE - 1; i++)
                if (!isdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i]))
                        return false;
        return true;
}

/* Finds ":  28P01: " as PQERRORS_VERBOSE prints it after the (translated) severity. NULL when there is none. */
static const char *
find_sqlstate(const char *text)
{
        for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  "))
                if (is_sqlstate(at + 3) && at[8] == ':' && at[9] == ' ')
                        return at + 3;
        return NULL;
}

static void
set(struct db_problem *problem, const char *text, const char *place)
{
        /* One line, without the name of the source file that a verbose message ends with, and without trailing blanks. */
        size_t size = strcspn(text, "\n");
        while (size > 0 && isspace((unsigned char)text[size - 1]))
                size--;
        if (size > 400)
                size = 400;
        (void)snprintf(problem->message, sizeof(problem->message), "database at %s: %.*s; %s", place, (int)size, text,
                       advice[problem->problem]);
}

void
db_problem_set(struct db_problem *problem, const char *sqlstate, const char *text, const char *place)
{
        (void)snprintf(problem->sqlstate, sizeof(problem->sqlstate), "%s", sqlstate == NULL ? "" : sqlstate);
        problem->problem = db_problem_of_sqlstate(problem->sqlstate);
        set(problem, text, place);
}

void
db_problem_set_connect(struct db_problem *problem, const char *text, const char *place)
{
        const char *found = find_sqlstate(text);

        problem->sqlstate[0] = '\0';
        if (found != NULL) {
                memcpy(problem->sqlstate, found, DB_SQLSTATE_SIZE - 1);
                problem->sqlstate[DB_SQLSTATE_SIZE - 1] = '\0';
                text = found + DB_SQLSTATE_SIZE + 1;
        } else if (strstr(text, "fe_sendauth: no password supplied") != NULL) {
                (void)snprintf(problem->sqlstate, sizeof(problem->sqlstate), "28P01"); /* libpq's own words for it, never translated away */
        } else if (strstr(text, "session is read-only") != NULL || strstr(text, "server is in hot standby") != NULL) {
                (void)snprintf(problem->sqlstate, sizeof(problem->sqlstate), "25006");
        }
        problem->problem = db_problem_of_sqlstate(problem->sqlstate);
        set(problem, text, place);
}

void
db_problem_set_other_owner(struct db_problem *problem, const char *text, const char *place)
{
        problem->sqlstate[0] = '\0';
        problem->problem = STORE_PROBLEM_OTHER_OWNER;
        set(problem, text, place);
}

void
db_problem_set_schema(struct db_problem *problem, const char *text, const char *place)
{
        problem->sqlstate[0] = '\0';
        problem->problem = STORE_PROBLEM_SCHEMA;
        (void)snprintf(problem->message, sizeof(problem->message), "database at %s: %s", place, text);
}
