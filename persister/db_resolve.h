/* db_resolve: a host name becomes addresses without blocking. libpq's own asynchronous connect blocks in getaddrinfo(), and a name
 * server that is away would hold up the heartbeats until the watchdog kills a healthy process. glibc's helper thread asks; the loop
 * looks for the answer. Owned by struct db_dial. */
#ifndef PM_PERSISTER_DB_RESOLVE_H
#define PM_PERSISTER_DB_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/check.h"

#define DB_RESOLVE_ADDRESSES_MAX 4
#define DB_RESOLVE_ADDRESS_SIZE 64

struct db_resolve; /* one question */

enum db_resolve_status {
        DB_RESOLVE_OK = 0,
        DB_RESOLVE_WAITING,
        DB_RESOLVE_FAILED, /* why is in words */
};

/* Is it a name to be looked up? Not a folder of a unix socket, not an address, not empty. */
bool db_resolve_is_name(const char *host);
/* NULL when memory or threads are short. name is copied. */
struct db_resolve *db_resolve_new(const char *name);
/* Does not block; the question is abandoned if it is still under way. NULL is fine. */
void db_resolve_free(struct db_resolve *resolve);

/* DB_RESOLVE_OK: list has the addresses. FAILED: words say why. */
struct db_addresses {
        unsigned count;
        char items[DB_RESOLVE_ADDRESSES_MAX][DB_RESOLVE_ADDRESS_SIZE];
};
PM_MUST_CHECK enum db_resolve_status db_resolve_look(struct db_resolve *resolve, struct db_addresses *list, const char **words);

#endif
