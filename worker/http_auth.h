/* http_auth: who may ask: source addresses by allow list, senders by a shared secret. Pure. Used by pm-worker. */
#ifndef PM_WORKER_HTTP_AUTH_H
#define PM_WORKER_HTTP_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/field.h"
#include "common/limits.h"

struct sockaddr;

/* A source as 16 bytes; IPv4 as ::ffff:a.b.c.d, so that one list serves both families. */
struct http_source {
        uint8_t bytes[16];
};
/* false for families that have no address (a unix socket): the source is all zero then. */
bool http_source_of(const struct sockaddr *address, struct http_source *source);

#define HTTP_ALLOW_MAX 64

struct http_allow {
        uint32_t count; /* 0: everyone */
        struct {
                struct http_source network;
                uint8_t bits;
        } ranges[HTTP_ALLOW_MAX];
};

/* Reads CIDRs ("10.0.0.0/8", "::1", "2001:db8::/32") separated by commas or spaces. false when one is not readable or there
 * are too many; *wrong is then the place in list. */
PM_MUST_CHECK bool http_allow_parse(struct http_allow *allow, const char *list, const char **wrong);
bool http_allow_has(const struct http_allow *allow, const struct http_source *source);

struct http_secret {
        size_t size; /* 0: none configured, everyone is let in */
        uint8_t bytes[PM_SECRET_SIZE_MAX];
};

/* Compares in a time that depends neither on the bytes nor on how many are right. */
bool http_secret_equals(const struct http_secret *secret, struct text given);

#endif
