#include "persister/conninfo.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "persister/db_target.h"
#include "persister/migrate.h"

static enum config_status
embedded(const struct config *config, struct config_conninfo *conninfo, char error[CONFIG_ERROR_SIZE])
{
        static const char *const keywords[] = {"host", "port", "dbname", "user"};
        const char *const values[] = {config->run_dir, "5432", "portfolio_manager", "portfolio_user"};

        /* As config_read_conninfo() makes it: keywords are constants, values are freed by config_conninfo_fini(). */
        memset(conninfo, 0, sizeof(*conninfo));
        for (uint32_t i = 0; i < countof(keywords); i++) {
                conninfo->keywords[i] = keywords[i];
                conninfo->values[i] = strdup(values[i]);
                if (conninfo->values[i] == NULL) {
                        (void)snprintf(error, CONFIG_ERROR_SIZE, "out of memory");
                        return CONFIG_INVALID;
                }
                conninfo->count = i + 1;
        }
        return CONFIG_OK;
}

enum config_status
conninfo_read(const struct config *config, int fd, struct config_conninfo *conninfo, char error[CONFIG_ERROR_SIZE])
{
        if (config->database_mode == DATABASE_EMBEDDED)
                return embedded(config, conninfo, error);
        if (fd < 0)
                fd = config_open_secret(config->database_config, geteuid(), error);
        if (fd < 0)
                return CONFIG_UNREADABLE;
        return config_read_conninfo(fd, config->database_config, conninfo, error);
}

bool
conninfo_migrate(const struct config *config, const struct config_conninfo *conninfo, struct db_problem *problem)
{
        struct db_target target;
        const char *keywords[DB_TARGET_PARAMS_MAX + 2];
        const char *values[DB_TARGET_PARAMS_MAX + 2];
        char timeout[24];
        char error[MIGRATE_ERROR_SIZE];
        int applied = 0;
        bool done = false;

        if (db_target_init(&target, conninfo, config->name, config->connect_timeout_ms, config->statement_timeout_ms) != DB_TARGET_OK) {
                db_problem_set_schema(problem, "the conninfo cannot be used", "the embedded database");
                return false;
        }
        db_target_select(&target, 0);
        memcpy(keywords, target.keywords, (target.count + 1) * sizeof(keywords[0]));
        memcpy(values, target.values, (target.count + 1) * sizeof(values[0]));
        (void)snprintf(timeout, sizeof(timeout), "%" PRId64, (config->connect_timeout_ms + 999) / 1000);
        keywords[target.count] = "connect_timeout";
        values[target.count] = timeout;
        keywords[target.count + 1] = NULL;
        values[target.count + 1] = NULL;

        PGconn *connection = PQconnectdbParams(keywords, values, 0);
        if (PQstatus(connection) != CONNECTION_OK) {
                db_problem_set_connect(problem, PQerrorMessage(connection), target.place);
        } else if (migrate_apply(connection, &applied, error) != MIGRATE_OK) {
                db_problem_set_schema(problem, error, target.place);
        } else {
                done = true;
                LOG_INFO("event=migrated applied=%d", applied);
        }
        PQfinish(connection);
        return done;
}
