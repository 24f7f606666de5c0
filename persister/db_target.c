#include "persister/db_target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Server-side keepalives: a persister whose machine vanished must not hold the advisory lock for two hours. The server
 * notices after idle + interval x count = 11 s, or after tcp_user_timeout when something was under way. On a unix
 * socket the kernel tells at once and the server ignores these. */
#define SESSION_SETTINGS                                                                                                                   \
        "-c synchronous_commit=on -c TimeZone=UTC -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"         \
        " -c extra_float_digits=0 -c bytea_output=hex -c DateStyle=ISO -c IntervalStyle=postgres -c standard_conforming_strings=on"        \
        " " PLAN_SETTINGS

/* Every statement finds its rows by an index, however few or many there are. Left to itself the server plans a statement with arrays anew
 * each time (a short array looks cheaper than the unknown one of a generic plan), which costs more than running it; and a plan made for an
 * empty table would scan it when it has grown. Compiling is never worth it here. */
#define PLAN_SETTINGS                                                                                                                      \
        "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"

/* Our side of the same, unless the operator has chosen otherwise. */
static const struct {
        const char *keyword;
        const char *value;
} client_defaults[] = {
        {"keepalives", "1"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
};

static const char *
value_of(const struct config_conninfo *conninfo, const char *keyword)
{
        for (uint32_t i = 0; i < conninfo->count; i++)
                if (strcmp(conninfo->keywords[i], keyword) == 0)
                        return conninfo->values[i];
        return NULL;
}

static uint32_t
list_count(const char *list)
{
        uint32_t count = 1;

        if (list == NULL || list[0] == '\0')
                return 0;
        for (const char *at = list; *at != '\0'; at++)
                if (*at == ',')
                        count++;
        return count;
}

/* Copies item item_no of a list (or its only item) to out; empty when there is none. */
static void
list_item(const char *list, uint32_t item_no, char *out, size_t out_size)
{
        uint32_t count = list_count(list);
        const char *at = list;

        out[0] = '\0';
        if (count == 0)
                return;
        if (count == 1)
                item_no = 0;
        for (uint32_t i = 0; i < item_no; i++)
                at = strchr(at, ',') + 1;
        (void)snprintf(out, out_size, "%.*s", (int)strcspn(at, ","), at);
}

enum db_target_status
db_target_init(struct db_target *target, const struct config_conninfo *conninfo, const char *name, int64_t connect_timeout_ms,
               int64_t statement_timeout_ms)
{
        uint32_t hosts = list_count(value_of(conninfo, "host"));
        uint32_t addrs = list_count(value_of(conninfo, "hostaddr"));
        uint32_t ports = list_count(value_of(conninfo, "port"));
        const char *options = value_of(conninfo, "options");

        *target = (struct db_target){
                .conninfo = conninfo, .connect_timeout_ms = connect_timeout_ms, .statement_timeout_ms = statement_timeout_ms};
        (void)snprintf(target->application_name, sizeof(target->application_name), "pm-persister/%s", name);
        target->hosts_count = hosts > addrs ? hosts : addrs;
        if (target->hosts_count == 0)
                target->hosts_count = 1;
        if (target->hosts_count > DB_TARGET_HOSTS_MAX || (hosts > 0 && addrs > 0 && hosts != addrs) ||
            (ports > 1 && ports != target->hosts_count) || conninfo->count > CONFIG_CONNINFO_MAX)
                return DB_TARGET_INVALID;
        if (options != NULL && strlen(options) + sizeof(SESSION_SETTINGS) + 256 > sizeof(target->options))
                return DB_TARGET_INVALID;
        return DB_TARGET_OK;
}

static void
add(struct db_target *target, const char *keyword, const char *value)
{
        PM_ASSERT(target->count < DB_TARGET_PARAMS_MAX);
        target->keywords[target->count] = keyword;
        target->values[target->count] = value;
        target->count++;
}

/* Keywords that we set ourselves. connect_timeout has no effect on a polled connect: db_conn has a timer. */
static bool
is_ours(const char *keyword)
{
        static const char *const ours[] = {
                "host",           "hostaddr", "port", "options", "application_name", "fallback_application_name", "connect_timeout",
                "client_encoding"};
        for (size_t i = 0; i < countof(ours); i++)
                if (strcmp(keyword, ours[i]) == 0)
                        return true;
        return false;
}

static void
fill_options(struct db_target *target)
{
        const char *options = value_of(target->conninfo, "options");

        /* The operator's come first: ours win. lock_timeout is below statement_timeout so that a lock is named as one. */
        (void)snprintf(target->options, sizeof(target->options),
                       "%s%s" SESSION_SETTINGS " -c tcp_user_timeout=%" PRId64 " -c statement_timeout=%" PRId64 " -c lock_timeout=%" PRId64
                       " -c idle_in_transaction_session_timeout=%" PRId64,
                       options == NULL ? "" : options, options == NULL ? "" : " ", target->statement_timeout_ms,
                       target->statement_timeout_ms, target->statement_timeout_ms / 2 + 1, target->statement_timeout_ms * 2);
}

void
db_target_select(struct db_target *target, uint32_t host_no)
{
        const struct config_conninfo *conninfo = target->conninfo;

        PM_ASSERT(host_no < target->hosts_count);
        target->count = 0;
        list_item(value_of(conninfo, "host"), host_no, target->host, sizeof(target->host));
        list_item(value_of(conninfo, "hostaddr"), host_no, target->hostaddr, sizeof(target->hostaddr));
        list_item(value_of(conninfo, "port"), host_no, target->port, sizeof(target->port));
        fill_options(target);
        (void)snprintf(target->user_timeout, sizeof(target->user_timeout), "%" PRId64, target->statement_timeout_ms);

        for (uint32_t i = 0; i < conninfo->count; i++)
                if (!is_ours(conninfo->keywords[i]))
                        add(target, conninfo->keywords[i], conninfo->values[i]);
        for (size_t i = 0; i < countof(client_defaults); i++)
                if (value_of(conninfo, client_defaults[i].keyword) == NULL)
                        add(target, client_defaults[i].keyword, client_defaults[i].value);
        if (value_of(conninfo, "tcp_user_timeout") == NULL)
                add(target, "tcp_user_timeout", target->user_timeout);
        add(target, "host", target->host);
        add(target, "hostaddr", target->hostaddr);
        add(target, "port", target->port);
        add(target, "options", target->options);
        add(target, "application_name", target->application_name);
        add(target, "client_encoding", "UTF8");
        target->keywords[target->count] = NULL;
        target->values[target->count] = NULL;

        const char *where = target->host[0] != '\0' ? target->host : target->hostaddr[0] != '\0' ? target->hostaddr : "the default socket";
        if (where[0] == '/' || target->port[0] == '\0')
                (void)snprintf(target->place, sizeof(target->place), "%.120s", where);
        else
                (void)snprintf(target->place, sizeof(target->place), "%.120s:%s", where, target->port);
}

void
db_target_set_address(struct db_target *target, const char *address)
{
        /* The values that db_target_select() filled point here. */
        (void)snprintf(target->hostaddr, sizeof(target->hostaddr), "%s", address);
}
