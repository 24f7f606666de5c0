#include "persister/verbs.h"

#include <getopt.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/exit_code.h"
#include "persister/conninfo.h"
#include "persister/db_problem.h"
#include "persister/db_target.h"
#include "persister/migrate.h"
#include "persister/params.h"
#include "persister/statements.h"
#include "persister/verify.h"

struct verb_args {
        struct config config;
        struct config_conninfo conninfo;
        int conninfo_fd;
        bool json;
};

/* One attempt of at most timeout_ms. Verbose while connecting, because only then libpq tells the SQLSTATE of a refusal. */
static PGconn *
connect_within(const char *const *keywords, const char *const *values, int64_t timeout_ms, bool *in_time)
{
        int64_t deadline_us = clock_monotonic_us() + timeout_ms * 1000;
        PGconn *connection = PQconnectStartParams(keywords, values, 0);
        PM_ASSERT(connection != NULL);
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
        PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
        *in_time = true;
        while (PQstatus(connection) != CONNECTION_BAD && wants != PGRES_POLLING_OK && wants != PGRES_POLLING_FAILED) {
                struct pollfd socket = {.fd = PQsocket(connection), .events = wants == PGRES_POLLING_READING ? POLLIN : POLLOUT};
                int64_t left_ms = (deadline_us - clock_monotonic_us()) / 1000;
                if (left_ms <= 0) {
                        *in_time = false;
                        return connection;
                }
                int ready = poll(&socket, 1, (int)(left_ms < INT32_MAX ? left_ms : INT32_MAX));
                if (ready > 0)
                        wants = PQconnectPoll(connection);
        }
        PQsetErrorVerbosity(connection, PQERRORS_DEFAULT);
        return connection;
}

/* Host after host, as the service does; the last problem is told when none answers. */
static PGconn *
connect_to(const struct verb_args *args, struct db_problem *problem)
{
        struct db_target target;
        if (db_target_init(&target, &args->conninfo, args->config.name, args->config.connect_timeout_ms,
                           args->config.statement_timeout_ms) != DB_TARGET_OK) {
                db_problem_set(problem, NULL, "the lists of hosts and ports in the database config do not fit together",
                               "the database config");
                return NULL;
        }
        for (uint32_t host_no = 0; host_no < target.hosts_count; host_no++) {
                const char *keywords[DB_TARGET_PARAMS_MAX + 1];
                const char *values[DB_TARGET_PARAMS_MAX + 1];
                bool in_time;
                db_target_select(&target, host_no);
                for (uint32_t i = 0; i < target.count; i++) {
                        keywords[i] = target.keywords[i];
                        /* Not the persister's name: what a verb writes is an edit like any other, and it holds no lock of the service. */
                        values[i] = strcmp(keywords[i], "application_name") == 0 ? "pm-supervisor verb" : target.values[i];
                }
                keywords[target.count] = NULL;
                values[target.count] = NULL;
                PGconn *connection = connect_within(keywords, values, args->config.connect_timeout_ms, &in_time);
                if (in_time && PQstatus(connection) == CONNECTION_OK)
                        return connection;
                db_problem_set_connect(problem, in_time ? PQerrorMessage(connection) : "no answer within database.connect_timeout_ms",
                                       target.place);
                PQfinish(connection);
        }
        return NULL;
}

static int
run_check_db(PGconn *connection, const struct verb_args *args)
{
        char error[MIGRATE_ERROR_SIZE];
        int applied = 0;
        int version = PQserverVersion(connection);
        (void)args;
        printf("Connection successful!\n");
        printf("server    PostgreSQL %d.%d, database %s, user %s\n", version / 10000, version % 10000, PQdb(connection),
               PQuser(connection));
        const char *standby = PQparameterStatus(connection, "in_hot_standby");
        if (standby != NULL && strcmp(standby, "on") == 0)
                printf("warning   the server is a read-only standby\n");
        PGresult *rows = PQexec(connection, "SHOW fsync");
        if (PQresultStatus(rows) == PGRES_TUPLES_OK && strcmp(PQgetvalue(rows, 0, 0), "off") == 0)
                printf("warning   fsync is off: a power failure may lose what was acknowledged; set fsync = on in postgresql.conf\n");
        PQclear(rows);
        if (version < 130000) {
                fprintf(stderr, "pm-supervisor: PostgreSQL 13 or newer is needed, this is %d\n", version / 10000);
                return VERB_FAILED;
        }
        enum migrate_status status = migrate_check(connection, &applied, error);
        if (status != MIGRATE_OK) {
                fprintf(stderr, "pm-supervisor: %s\n", error);
                return VERB_FAILED;
        }
        const char *refused = statements_prepare_all(connection);
        if (refused != NULL) {
                fprintf(stderr, "pm-supervisor: the schema does not fit this program: statement %s: %s", refused,
                        PQerrorMessage(connection));
                return VERB_FAILED;
        }
        printf("schema    %d migrations, all statements fit\n", applied);
        return VERB_OK;
}

static int
run_migrate(PGconn *connection, const struct verb_args *args)
{
        char error[MIGRATE_ERROR_SIZE];
        int applied = 0;
        (void)args;
        enum migrate_status status = migrate_apply(connection, &applied, error);
        if (status != MIGRATE_OK) {
                fprintf(stderr, "pm-supervisor: %s\n", error);
                return VERB_FAILED;
        }
        if (applied == 0)
                printf("nothing to do: all %zu migrations are applied\n", migration_table_count);
        else
                printf("applied %d of %zu migrations\n", applied, migration_table_count);
        return VERB_OK;
}

static void
print_verify_json(enum verify_status status, const struct verify_report *report)
{
        char digest[PARAMS_DIGEST_SIZE];
        struct json_object *object = json_object_new_object();
        json_object_object_add(object, "ok", json_object_new_boolean(status == VERIFY_OK));
        json_object_object_add(object, "events", json_object_new_uint64(report->events_count));
        json_object_object_add(object, "last_seq", json_object_new_uint64(report->last_seq));
        json_object_object_add(object, "positions", json_object_new_uint64(report->positions_count));
        json_object_object_add(object, "digest", json_object_new_string(params_digest_text(report->digest, digest)));
        json_object_object_add(object, "rule", status == VERIFY_OK ? NULL : json_object_new_string(report->rule));
        json_object_object_add(object, "difference", status == VERIFY_OK ? NULL : json_object_new_string(report->difference));
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
        json_object_put(object);
}

static int
run_verify(PGconn *connection, const struct verb_args *args)
{
        struct verify_report report;
        char digest[PARAMS_DIGEST_SIZE];
        enum verify_status status = verify_run(connection, &args->config, &report);
        if (args->json)
                print_verify_json(status, &report);
        else if (status == VERIFY_OK)
                printf("verified: %" PRIu64 " events replayed, %" PRIu64 " open positions, every row agrees, digest %s\n",
                       report.events_count, report.positions_count, params_digest_text(report.digest, digest));
        if (status != VERIFY_OK)
                fprintf(stderr, "pm-supervisor: %s: %s\n", report.rule, report.difference);
        return status == VERIFY_OK ? VERB_OK : VERB_FAILED;
}

static const struct {
        const char *name;
        int (*run)(PGconn *connection, const struct verb_args *args);
} verbs[] = {
        {"check-db", run_check_db},
        {"migrate", run_migrate},
        {"verify", run_verify},
};

bool
verbs_has(const char *name)
{
        for (size_t i = 0; i < countof(verbs); i++) {
                if (strcmp(verbs[i].name, name) == 0)
                        return true;
        }
        return false;
}

/* Fills args from the command line. Not VERB_OK: error says why. */
static int
parse(int argc, char **argv, struct verb_args *args, char error[CONFIG_ERROR_SIZE])
{
        static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                                {"set", required_argument, NULL, 's'},
                                                {"conninfo-fd", required_argument, NULL, 'f'},
                                                {"json", no_argument, NULL, 'j'},
                                                {NULL, 0, NULL, 0}};
        const char *path = NULL;
        int option;
        optind = 2;
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                switch (option) {
                case 'c': path = optarg; break;
                case 's': break; /* after the file, below */
                case 'f': args->conninfo_fd = atoi(optarg); break;
                case 'j': args->json = true; break;
                default:
                        snprintf(error, CONFIG_ERROR_SIZE, "usage: %s %s [--config F] [--set section.key=value]… [--json]", argv[0],
                                 argv[1]);
                        return VERB_USAGE;
                }
        }
        if (path == NULL && access(CONFIG_PATH_DEFAULT, F_OK) == 0)
                path = CONFIG_PATH_DEFAULT;
        if (path != NULL && config_load(&args->config, path, error) != CONFIG_OK)
                return VERB_NOT_CONFIGURED;
        optind = 2;
        while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
                if (option == 's' && config_set(&args->config, optarg, error) != CONFIG_OK)
                        return VERB_NOT_CONFIGURED;
        }
        return config_check(&args->config, error) == CONFIG_OK ? VERB_OK : VERB_NOT_CONFIGURED;
}

int
verbs_main(int argc, char **argv)
{
        char error[CONFIG_ERROR_SIZE] = "";
        struct verb_args args = {.conninfo_fd = -1};
        struct db_problem problem = {0};
        config_init(&args.config);
        int code = parse(argc, argv, &args, error);
        if (code == VERB_OK && conninfo_read(&args.config, args.conninfo_fd, &args.conninfo, error) != CONFIG_OK)
                code = VERB_NOT_CONFIGURED;
        if (code != VERB_OK) {
                fprintf(stderr, "pm-supervisor: %s\n", error);
        } else {
                PGconn *connection = connect_to(&args, &problem);
                if (connection == NULL) {
                        fprintf(stderr, "pm-supervisor: %s\n", problem.message);
                        code = VERB_FAILED;
                }
                for (size_t i = 0; connection != NULL && i < countof(verbs); i++) {
                        if (strcmp(verbs[i].name, argv[1]) == 0)
                                code = verbs[i].run(connection, &args);
                }
                PQfinish(connection);
        }
        config_conninfo_fini(&args.conninfo);
        config_fini(&args.config);
        return code;
}
