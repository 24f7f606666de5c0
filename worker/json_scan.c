#include "worker/json_scan.h"

#include <stdint.h>
#include <string.h>

#define CODEPOINT_REPLACEMENT 0xfffdU

/* Where the walk stands. at == end means that nothing is left. */
struct walk {
        const char *at;
        const char *end;
        json_member_fn *on_member;
        void *owner;
};

static enum json_status walk_value(struct walk *walk, int depth, struct json_value *value);

static bool
is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static void
skip_space(struct walk *walk)
{
        while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\t' || *walk->at == '\n' || *walk->at == '\r'))
                walk->at++;
}

static bool
take(struct walk *walk, char c)
{
        if (walk->at == walk->end || *walk->at != c)
                return false;
        walk->at++;
        return true;
}

enum json_status
json_scan(const char *text, size_t size, enum json_kind *kind, json_member_fn *on_member, void *owner)
{
        struct walk walk = {.at = text, .end = text + size, .on_member = on_member, .owner = owner};
        struct json_value value = {JSON_NONE, NULL, 0};
        *kind = JSON_NONE;
        skip_space(&walk);
        enum json_status status = walk_value(&walk, 0, &value);
        if (status != JSON_SCAN_OK)
                return status;
        skip_space(&walk);
        if (walk.at != walk.end)
                return JSON_SCAN_SYNTAX;
        *kind = value.kind;
        return JSON_SCAN_OK;
}

static bool
walk_word(struct walk *walk, const char *word)
{
        size_t size = strlen(word);
        if ((size_t)(walk->end - walk->at) < size || memcmp(walk->at, word, size) != 0)
                return false;
        walk->at += size;
        return true;
}

static bool
walk_digits(struct walk *walk)
{
        if (walk->at == walk->end || !is_digit(*walk->at))
                return false;
        while (walk->at < walk->end && is_digit(*walk->at))
                walk->at++;
        return true;
}

static bool
walk_number(struct walk *walk)
{
        (void)take(walk, '-');
        if (!take(walk, '0') && !walk_digits(walk))
                return false;
        if (take(walk, '.') && !walk_digits(walk))
                return false;
        if (take(walk, 'e') || take(walk, 'E')) {
                if (!take(walk, '+'))
                        (void)take(walk, '-');
                return walk_digits(walk);
        }
        return true;
}

/* Length of the well-formed UTF-8 character at at, 0 when there is none: no overlong forms, no surrogates, at most
 * U+10FFFF (Unicode, table 3-7). */
static size_t
utf8_length(const char *at, const char *end)
{
        const unsigned char *s = (const unsigned char *)at;
        size_t left = (size_t)(end - at);
        unsigned char low = 0x80, high = 0xbf;
        size_t length;
        if (s[0] < 0x80)
                return 1;
        if (s[0] >= 0xc2 && s[0] <= 0xdf)
                length = 2;
        else if (s[0] >= 0xe0 && s[0] <= 0xef)
                length = 3;
        else if (s[0] >= 0xf0 && s[0] <= 0xf4)
                length = 4;
        else
                return 0;
        if (s[0] == 0xe0)
                low = 0xa0;
        else if (s[0] == 0xed)
                high = 0x9f;
        else if (s[0] == 0xf0)
                low = 0x90;
        else if (s[0] == 0xf4)
                high = 0x8f;
        if (left < length || s[1] < low || s[1] > high)
                return 0;
        for (size_t i = 2; i < length; i++)
                if (s[i] < 0x80 || s[i] > 0xbf)
                        return 0;
        return length;
}

/* The value of four hex digits at at, or -1. */
static int
hex4(const char *at, const char *end)
{
        int value = 0;
        if (end - at < 4)
                return -1;
        for (int i = 0; i < 4; i++) {
                char c = at[i];
                int digit;
                if (is_digit(c))
                        digit = c - '0';
                else if (c >= 'a' && c <= 'f')
                        digit = c - 'a' + 10;
                else if (c >= 'A' && c <= 'F')
                        digit = c - 'A' + 10;
                else
                        return -1;
                value = value * 16 + digit;
        }
        return value;
}

static bool
walk_string(struct walk *walk)
{
        if (!take(walk, '"'))
                return false;
        while (walk->at < walk->end) {
                unsigned char c = (unsigned char)*walk->at;
                if (c == '"') {
                        walk->at++;
                        return true;
                }
                if (c < 0x20)
                        return false;
                if (c != '\\') {
                        size_t length = utf8_length(walk->at, walk->end);
                        if (length == 0)
                                return false;
                        walk->at += length;
                        continue;
                }
                walk->at++;
                if (walk->at == walk->end)
                        return false;
                if (*walk->at == 'u') {
                        if (hex4(walk->at + 1, walk->end) < 0)
                                return false;
                        walk->at += 5;
                } else if (*walk->at != '\0' && strchr("\"\\/bfnrt", *walk->at) != NULL) {
                        walk->at++;
                } else {
                        return false;
                }
        }
        return false;
}

static enum json_status
walk_array(struct walk *walk, int depth)
{
        walk->at++;
        skip_space(walk);
        if (take(walk, ']'))
                return JSON_SCAN_OK;
        for (;;) {
                struct json_value value;
                skip_space(walk);
                enum json_status status = walk_value(walk, depth + 1, &value);
                if (status != JSON_SCAN_OK)
                        return status;
                skip_space(walk);
                if (take(walk, ']'))
                        return JSON_SCAN_OK;
                if (!take(walk, ','))
                        return JSON_SCAN_SYNTAX;
        }
}

static enum json_status
walk_object(struct walk *walk, int depth)
{
        walk->at++;
        skip_space(walk);
        if (take(walk, '}'))
                return JSON_SCAN_OK;
        for (;;) {
                struct json_member member;
                skip_space(walk);
                member.start = walk->at;
                if (!walk_string(walk))
                        return JSON_SCAN_SYNTAX;
                member.key = (struct json_value){JSON_STRING, member.start, (size_t)(walk->at - member.start)};
                skip_space(walk);
                if (!take(walk, ':'))
                        return JSON_SCAN_SYNTAX;
                skip_space(walk);
                enum json_status status = walk_value(walk, depth + 1, &member.value);
                if (status != JSON_SCAN_OK)
                        return status;
                member.size = (size_t)(walk->at - member.start);
                if (depth == 0 && walk->on_member != NULL)
                        walk->on_member(walk->owner, &member);
                skip_space(walk);
                if (take(walk, '}'))
                        return JSON_SCAN_OK;
                if (!take(walk, ','))
                        return JSON_SCAN_SYNTAX;
        }
}

static enum json_status
walk_value(struct walk *walk, int depth, struct json_value *value)
{
        enum json_status status = JSON_SCAN_OK;
        bool good = true;
        value->start = walk->at;
        if (walk->at == walk->end)
                return JSON_SCAN_SYNTAX;
        if ((*walk->at == '{' || *walk->at == '[') && depth >= JSON_SCAN_DEPTH_MAX)
                return JSON_SCAN_DEPTH;
        switch (*walk->at) {
        case '{':
                value->kind = JSON_OBJECT;
                status = walk_object(walk, depth);
                break;
        case '[':
                value->kind = JSON_ARRAY;
                status = walk_array(walk, depth);
                break;
        case '"':
                value->kind = JSON_STRING;
                good = walk_string(walk);
                break;
        case 't':
                value->kind = JSON_BOOL;
                good = walk_word(walk, "true");
                break;
        case 'f':
                value->kind = JSON_BOOL;
                good = walk_word(walk, "false");
                break;
        case 'n':
                value->kind = JSON_NULL;
                good = walk_word(walk, "null");
                break;
        default:
                value->kind = JSON_NUMBER;
                good = walk_number(walk);
                break;
        }
        value->size = (size_t)(walk->at - value->start);
        return good ? status : JSON_SCAN_SYNTAX;
}

static size_t
utf8_encode(uint32_t c, char out[4])
{
        if (c < 0x80) {
                out[0] = (char)c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (char)(0xc0 | c >> 6);
                out[1] = (char)(0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (char)(0xe0 | c >> 12);
                out[1] = (char)(0x80 | (c >> 6 & 0x3f));
                out[2] = (char)(0x80 | (c & 0x3f));
                return 3;
        }
        out[0] = (char)(0xf0 | c >> 18);
        out[1] = (char)(0x80 | (c >> 12 & 0x3f));
        out[2] = (char)(0x80 | (c >> 6 & 0x3f));
        out[3] = (char)(0x80 | (c & 0x3f));
        return 4;
}

/* Reads the \uXXXX at *at (and the low surrogate that belongs to it) and moves *at behind it. */
static uint32_t
take_unicode_escape(const char **at, const char *end)
{
        uint32_t unit = (uint32_t)hex4(*at + 2, end);
        *at += 6;
        if (unit < 0xd800 || unit > 0xdfff)
                return unit;
        if (unit <= 0xdbff && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
                int low = hex4(*at + 2, end);
                if (low >= 0xdc00 && low <= 0xdfff) {
                        *at += 6;
                        return 0x10000 + ((unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
                }
        }
        return CODEPOINT_REPLACEMENT;
}

static char
short_escape(char c)
{
        switch (c) {
        case 'b': return '\b';
        case 'f': return '\f';
        case 'n': return '\n';
        case 'r': return '\r';
        case 't': return '\t';
        default: return c;
        }
}

bool
json_string_decode(struct json_value string, char *out, size_t capacity, size_t *out_size)
{
        const char *at = string.start + 1;
        const char *end = string.start + string.size - 1;
        size_t used = 0;
        PM_ASSERT(string.kind == JSON_STRING && string.size >= 2);
        while (at < end) {
                char bytes[4];
                size_t length;
                if (*at != '\\') {
                        length = utf8_length(at, end);
                        PM_ASSERT(length != 0);
                        memcpy(bytes, at, length);
                        at += length;
                } else if (at[1] == 'u') {
                        length = utf8_encode(take_unicode_escape(&at, end), bytes);
                } else {
                        bytes[0] = short_escape(at[1]);
                        length = 1;
                        at += 2;
                }
                if (capacity - used < length)
                        break;
                memcpy(out + used, bytes, length);
                used += length;
                if (at == end) {
                        *out_size = used;
                        return true;
                }
        }
        *out_size = used;
        return at == end && string.size == 2;
}

void
json_copy_mended(const char *raw, size_t size, char *out)
{
        const char *at = raw;
        const char *end = raw + size;
        while (at < end) {
                size_t length = 1;
                const char *source = at;
                if (*at == '\\' && at[1] != 'u') {
                        length = 2;
                } else if (*at == '\\') {
                        const char *next = at;
                        uint32_t c = take_unicode_escape(&next, end);
                        length = (size_t)(next - at);
                        if (c == 0 || c == CODEPOINT_REPLACEMENT)
                                source = "\\ufffd";
                }
                memcpy(out, source, length);
                out += length;
                at += length;
        }
}
