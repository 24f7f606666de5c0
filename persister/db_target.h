/* db_target: where and how to connect: the operator's conninfo with our own settings over it, one host at a time. We walk the
 * hosts of a multi-host conninfo ourselves, because PQconnectPoll() knows no time limit a host: a first host that
 * accepts and never answers would keep us from the second. Owned by struct db_conn. Pure. */
#ifndef PM_PERSISTER_DB_TARGET_H
#define PM_PERSISTER_DB_TARGET_H

#include <stdint.h>

#include "common/check.h"
#include "common/config.h"

#define DB_TARGET_HOSTS_MAX 16
#define DB_TARGET_TEXT_SIZE 1024
#define DB_TARGET_NAME_SIZE 64 /* NAMEDATALEN: the server cuts application_name there */
#define DB_TARGET_PLACE_SIZE 160
#define DB_TARGET_PARAMS_MAX (CONFIG_CONNINFO_MAX + 16)

struct db_target {
        const struct config_conninfo *conninfo; /* borrowed for life */
        uint32_t hosts_count;                   /* at least 1 */
        int64_t statement_timeout_ms;
        int64_t connect_timeout_ms;
        char application_name[DB_TARGET_NAME_SIZE];

        /* The last result of db_target_select(). */
        const char *keywords[DB_TARGET_PARAMS_MAX + 1];
        const char *values[DB_TARGET_PARAMS_MAX + 1];
        uint32_t count;
        char host[DB_TARGET_TEXT_SIZE];
        char hostaddr[DB_TARGET_TEXT_SIZE];
        char port[32];
        char options[DB_TARGET_TEXT_SIZE];
        char user_timeout[24];
        char place[DB_TARGET_PLACE_SIZE]; /* for people: "db1:5432", "/run/pm-supervisor" */
};

enum db_target_status {
        DB_TARGET_OK = 0,
        DB_TARGET_INVALID, /* more hosts than DB_TARGET_HOSTS_MAX, lists of unequal length, too long */
};

/* name is the instance's; the application_name becomes "pm-persister/NAME". */
PM_MUST_CHECK enum db_target_status db_target_init(struct db_target *target, const struct config_conninfo *conninfo, const char *name,
                                                   int64_t connect_timeout_ms, int64_t statement_timeout_ms);
/* Fills keywords and values (NULL-terminated, for PQconnectStartParams) and place for host host_no of hosts_count. */
void db_target_select(struct db_target *target, uint32_t host_no);
/* The selected host at this address, for a name that was looked up already. */
void db_target_set_address(struct db_target *target, const char *address);

#endif
