#include "worker/http_limits.h"

#include <string.h>

#define SECOND_US 1000000

void
http_limits_init(struct http_limits *limits, int64_t per_second, uint64_t seed)
{
        memset(limits, 0, sizeof(*limits));
        limits->per_second = per_second;
        limits->seed = seed;
}

/* One household is one source: the low half of an IPv6 address is its own to choose. */
static struct http_source
source_of_limit(const struct http_source *source)
{
        static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        struct http_source wide = *source;
        if (memcmp(source->bytes, mapped_prefix, sizeof(mapped_prefix)) != 0)
                memset(wide.bytes + 8, 0, 8);
        return wide;
}

static uint32_t
place_of(const struct http_limits *limits, const struct http_source *source)
{
        uint64_t words[2];
        memcpy(words, source->bytes, sizeof(words));
        uint64_t hash = (words[0] ^ limits->seed) * 0x9e3779b97f4a7c15U;
        hash = (hash ^ (hash >> 29) ^ words[1]) * 0xbf58476d1ce4e5b9U;
        hash ^= hash >> 32;
        return (uint32_t)(hash % HTTP_LIMITS_SOURCES_MAX);
}

bool
http_limits_allow(struct http_limits *limits, const struct http_source *source, int64_t now_us)
{
        struct http_bucket *bucket = NULL;
        if (limits->per_second == 0)
                return true;
        struct http_source wide = source_of_limit(source);
        uint32_t place = place_of(limits, &wide);
        for (uint32_t i = 0; i < HTTP_LIMITS_NEIGHBOURS; i++) {
                struct http_bucket *candidate = &limits->buckets[(place + i) % HTTP_LIMITS_SOURCES_MAX];
                if (candidate->full_at_us != 0 && memcmp(&candidate->source, &wide, sizeof(wide)) == 0) {
                        bucket = candidate;
                        break;
                }
                if (bucket == NULL || candidate->full_at_us < bucket->full_at_us)
                        bucket = candidate;
        }
        if (bucket->full_at_us == 0 || memcmp(&bucket->source, &wide, sizeof(wide)) != 0)
                *bucket = (struct http_bucket){wide, now_us};
        if (bucket->full_at_us < now_us)
                bucket->full_at_us = now_us;
        int64_t full_at_us = bucket->full_at_us + SECOND_US / limits->per_second;
        if (full_at_us > now_us + SECOND_US)
                return false;
        bucket->full_at_us = full_at_us;
        return true;
}
