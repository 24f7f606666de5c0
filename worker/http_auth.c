#include "worker/http_auth.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool
http_source_of(const struct sockaddr *address, struct http_source *source)
{
        memset(source, 0, sizeof(*source));
        if (address == NULL)
                return false;
        if (address->sa_family == AF_INET) {
                struct sockaddr_in in;
                memcpy(&in, address, sizeof(in));
                memcpy(source->bytes, mapped_prefix, sizeof(mapped_prefix));
                memcpy(source->bytes + sizeof(mapped_prefix), &in.sin_addr, 4);
                return true;
        }
        if (address->sa_family == AF_INET6) {
                struct sockaddr_in6 in6;
                memcpy(&in6, address, sizeof(in6));
                memcpy(source->bytes, &in6.sin6_addr, 16);
                return true;
        }
        return false;
}

/* "address" or "address/bits" into a range; bits of an IPv4 address count from its own first. */
static bool
parse_range(const char *text, struct http_source *network, uint8_t *bits)
{
        char address[64];
        const char *slash = strchr(text, '/');
        size_t size = slash != NULL ? (size_t)(slash - text) : strlen(text);
        unsigned bits_max, offset, value = 0;
        if (size == 0 || size >= sizeof(address))
                return false;
        memcpy(address, text, size);
        address[size] = '\0';
        memset(network, 0, sizeof(*network));
        if (inet_pton(AF_INET, address, network->bytes + sizeof(mapped_prefix)) == 1) {
                memcpy(network->bytes, mapped_prefix, sizeof(mapped_prefix));
                bits_max = 32;
                offset = 96;
        } else if (inet_pton(AF_INET6, address, network->bytes) == 1) {
                bits_max = 128;
                offset = 0;
        } else {
                return false;
        }
        if (slash == NULL) {
                value = bits_max;
        } else {
                const char *digit = slash + 1;
                if (*digit == '\0' || strlen(digit) > 3)
                        return false;
                for (; *digit != '\0'; digit++) {
                        if (*digit < '0' || *digit > '9')
                                return false;
                        value = value * 10 + (unsigned)(*digit - '0');
                }
        }
        if (value > bits_max)
                return false;
        *bits = (uint8_t)(value + offset);
        return true;
}

bool
http_allow_parse(struct http_allow *allow, const char *list, const char **wrong)
{
        const char *at = list;
        allow->count = 0;
        for (;;) {
                char item[96];
                at += strspn(at, ", \t");
                size_t size = strcspn(at, ", \t");
                *wrong = at;
                if (size == 0)
                        return true;
                if (size >= sizeof(item) || allow->count == HTTP_ALLOW_MAX)
                        return false;
                memcpy(item, at, size);
                item[size] = '\0';
                if (!parse_range(item, &allow->ranges[allow->count].network, &allow->ranges[allow->count].bits))
                        return false;
                allow->count++;
                at += size;
        }
}

static bool
is_within(const struct http_source *source, const struct http_source *network, unsigned bits)
{
        unsigned whole = bits / 8, rest = bits % 8;
        if (memcmp(source->bytes, network->bytes, whole) != 0)
                return false;
        return rest == 0 || (source->bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}

bool
http_allow_has(const struct http_allow *allow, const struct http_source *source)
{
        for (uint32_t i = 0; i < allow->count; i++)
                if (is_within(source, &allow->ranges[i].network, allow->ranges[i].bits))
                        return true;
        return allow->count == 0;
}

bool
http_secret_equals(const struct http_secret *secret, struct text given)
{
        uint8_t padded[PM_SECRET_SIZE_MAX] = {0};
        size_t size = given.size <= sizeof(padded) ? given.size : 0;
        volatile uint8_t difference = (uint8_t)(size != secret->size || size != given.size);
        if (size > 0)
                memcpy(padded, given.data, size);
        for (size_t i = 0; i < sizeof(padded); i++)
                difference = (uint8_t)(difference | (padded[i] ^ secret->bytes[i]));
        explicit_bzero(padded, sizeof(padded));
        return difference == 0;
}
