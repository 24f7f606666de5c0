#include "persister/db_resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define NAME_SIZE 256

struct db_resolve {
        char name[NAME_SIZE];
        struct addrinfo hints;
        struct gaicb request;
        struct gaicb *list[1];
};

bool
db_resolve_is_name(const char *host)
{
        unsigned char address[sizeof(struct in6_addr)];

        /* localhost stands in a file. '@' is an abstract unix socket. A scope ("fe80::1%eth0") stands behind an address. */
        return host[0] != '\0' && host[0] != '/' && host[0] != '@' && strcmp(host, "localhost") != 0 && strchr(host, ':') == NULL &&
               strlen(host) < NAME_SIZE && inet_pton(AF_INET, host, address) != 1;
}

struct db_resolve *
db_resolve_new(const char *name)
{
        struct db_resolve *resolve = calloc(1, sizeof(*resolve));

        if (resolve == NULL)
                return NULL;
        (void)snprintf(resolve->name, sizeof(resolve->name), "%s", name);
        resolve->hints.ai_socktype = SOCK_STREAM;
        resolve->hints.ai_flags = AI_ADDRCONFIG;
        resolve->request.ar_name = resolve->name;
        resolve->request.ar_request = &resolve->hints;
        resolve->list[0] = &resolve->request;
        if (getaddrinfo_a(GAI_NOWAIT, resolve->list, 1, NULL) != 0) {
                free(resolve);
                return NULL;
        }
        return resolve;
}

void
db_resolve_free(struct db_resolve *resolve)
{
        if (resolve == NULL)
                return;
        /* A question that a helper thread is asking cannot be taken back: its memory is left to it. This happens at the end of the process.
         */
        if (gai_error(&resolve->request) == EAI_INPROGRESS && gai_cancel(&resolve->request) != EAI_CANCELED &&
            gai_error(&resolve->request) == EAI_INPROGRESS)
                return;
        if (resolve->request.ar_result != NULL)
                freeaddrinfo(resolve->request.ar_result);
        free(resolve);
}

enum db_resolve_status
db_resolve_look(struct db_resolve *resolve, struct db_addresses *list, const char **words)
{
        int status = gai_error(&resolve->request);

        list->count = 0;
        if (status == EAI_INPROGRESS)
                return DB_RESOLVE_WAITING;
        if (status != 0) {
                *words = gai_strerror(status);
                return DB_RESOLVE_FAILED;
        }
        for (const struct addrinfo *info = resolve->request.ar_result; info != NULL && list->count < DB_RESOLVE_ADDRESSES_MAX;
             info = info->ai_next)
                if (getnameinfo(info->ai_addr, info->ai_addrlen, list->items[list->count], DB_RESOLVE_ADDRESS_SIZE, NULL, 0,
                                NI_NUMERICHOST) == 0)
                        list->count++;
        *words = "the name has no address";
        return list->count > 0 ? DB_RESOLVE_OK : DB_RESOLVE_FAILED;
}
