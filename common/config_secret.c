/* config_secret: files that hold secrets, and the one of the database. No message holds a value. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <json-c/printbuf.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config_table.h"

#define FILE_SIZE_MAX 65536

int
config_open_secret(const char *path, unsigned owner_uid, char error[CONFIG_ERROR_SIZE])
{
        error[0] = '\0';
        /* Without O_NONBLOCK a fifo of this name would hang us. A link is followed: what counts is the file that was opened. */
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0) {
                config_say(error, CONFIG_ERROR_SIZE, CONFIG_UNREADABLE, "%.400s: %s", path, strerror(errno));
                return -1;
        }
        struct stat info;
        if (fstat(fd, &info) != 0) {
                config_say(error, CONFIG_ERROR_SIZE, CONFIG_UNREADABLE, "%.400s: %s", path, strerror(errno));
        } else if (!S_ISREG(info.st_mode)) {
                config_say(error, CONFIG_ERROR_SIZE, CONFIG_PERMISSION, "%.300s is not a regular file; a secret must be in one", path);
        } else if ((info.st_mode & 0177) != 0) {
                config_say(error, CONFIG_ERROR_SIZE, CONFIG_PERMISSION,
                           "%.200s holds a secret and has mode %04o; others must not be able to read it: chmod 600 %.200s", path,
                           (unsigned)(info.st_mode & 07777), path);
        } else if (info.st_uid != geteuid() && info.st_uid != 0 && info.st_uid != owner_uid) {
                const struct passwd *user = getpwuid(owner_uid);
                char uid_text[16];
                snprintf(uid_text, sizeof uid_text, "%u", owner_uid);
                config_say(error, CONFIG_ERROR_SIZE, CONFIG_PERMISSION,
                           "%.200s holds a secret and belongs to uid %u, who could change it: chown %s %.200s", path, (unsigned)info.st_uid,
                           user != NULL ? user->pw_name : uid_text, path);
        } else {
                return fd;
        }
        close(fd);
        return -1;
}

/* libpq's keywords that an operator may set. */
static const char *const keywords[] = {
        "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "password",
        "passfile",
        "channel_binding",
        "options",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "sslmode",
        "sslcompression",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslrootcert",
        "sslcrl",
        "sslcrldir",
        "sslsni",
        "requirepeer",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "krbsrvname",
        "gsslib",
        "gssencmode",
        "service",
        "target_session_attrs",
};
static_assert(countof(keywords) <= CONFIG_CONNINFO_MAX, "every keyword may be given once");

/* What the persister sets itself. */
static const char *const own_keywords[] = {"connect_timeout", "application_name", "fallback_application_name", "client_encoding",
                                           "replication"};

#define INVALID(...) config_say(error, CONFIG_ERROR_SIZE, CONFIG_INVALID, __VA_ARGS__)

/* The whole file into *text, with a NUL. */
static enum config_status
read_whole(int fd, const char *path, char **text, size_t *size, char error[CONFIG_ERROR_SIZE])
{
        *size = 0;
        *text = malloc(FILE_SIZE_MAX + 1);
        if (*text == NULL)
                return config_say(error, CONFIG_ERROR_SIZE, CONFIG_UNREADABLE, "%.300s: out of memory", path);
        for (;;) {
                ssize_t got = read(fd, *text + *size, FILE_SIZE_MAX - *size);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return config_say(error, CONFIG_ERROR_SIZE, CONFIG_UNREADABLE, "%.300s: %s", path, strerror(errno));
                *size += (size_t)got;
                if (*size == FILE_SIZE_MAX)
                        return INVALID("%.300s is longer than %d bytes", path, FILE_SIZE_MAX - 1);
                if (got == 0)
                        break;
        }
        (*text)[*size] = '\0';
        return CONFIG_OK;
}

/* json-c keeps the last of two equal keys and says nothing. In a text that it has found to be JSON, every string before a colon is a key;
 * they are counted here and compared with what it kept. */
static size_t
keys_count(const char *text)
{
        size_t count = 0;
        while (*text != '\0') {
                if (*text++ != '"')
                        continue;
                while (*text != '"' && *text != '\0')
                        text += text[0] == '\\' && text[1] != '\0' ? 2 : 1;
                if (*text == '"')
                        text++;
                count += text[strspn(text, " \t\r\n")] == ':';
        }
        return count;
}

static const char *
keyword_of(const char *key)
{
        if (strcmp(key, "database") == 0)
                key = "dbname";
        for (size_t i = 0; i < countof(keywords); i++)
                if (strcmp(keywords[i], key) == 0)
                        return keywords[i];
        return NULL;
}

static const char *
value_of(const struct config_conninfo *conninfo, const char *keyword)
{
        for (uint32_t i = 0; i < conninfo->count; i++)
                if (strcmp(conninfo->keywords[i], keyword) == 0 && conninfo->values[i][0] != '\0')
                        return conninfo->values[i];
        return NULL;
}

static enum config_status
take_pair(struct config_conninfo *conninfo, const char *path, const char *key, struct json_object *value, char error[CONFIG_ERROR_SIZE])
{
        const char *keyword = keyword_of(key);
        for (size_t i = 0; i < countof(own_keywords); i++)
                if (strcmp(key, own_keywords[i]) == 0)
                        return INVALID("%.200s: %s is set by pm-supervisor itself; remove it", path, key);
        if (keyword == NULL)
                return INVALID("%.200s: there is no key \"%.60s\"; use host, port, database, user, password, or a keyword of libpq such as "
                               "sslmode",
                               path, key);
        if (json_object_is_type(value, json_type_object))
                return INVALID("%.200s: %s must be text, not an object; the keys stand at the top of the file", path, key);
        if (!json_object_is_type(value, json_type_string) && !json_object_is_type(value, json_type_int) &&
            !json_object_is_type(value, json_type_double))
                return INVALID("%.200s: %s must be text or a number", path, key);
        for (uint32_t i = 0; i < conninfo->count; i++)
                if (strcmp(conninfo->keywords[i], keyword) == 0)
                        return INVALID("%.200s: %s is given twice (database and dbname are the same)", path, key);
        const char *text = json_object_get_string(value);
        if (json_object_is_type(value, json_type_string) && strlen(text) != (size_t)json_object_get_string_len(value))
                return INVALID("%.200s: %s holds a NUL character", path, key);
        char *copy = strdup(text);
        if (copy == NULL)
                return config_say(error, CONFIG_ERROR_SIZE, CONFIG_UNREADABLE, "%.200s: out of memory", path);
        conninfo->keywords[conninfo->count] = keyword;
        conninfo->values[conninfo->count++] = copy;
        return CONFIG_OK;
}

static enum config_status
check_required(const struct config_conninfo *conninfo, const char *path, char error[CONFIG_ERROR_SIZE])
{
        if (value_of(conninfo, "service") != NULL)
                return CONFIG_OK; /* libpq's service file has the rest */
        const char *missing = value_of(conninfo, "host") == NULL && value_of(conninfo, "hostaddr") == NULL ? "host"
                              : value_of(conninfo, "dbname") == NULL                                       ? "database"
                              : value_of(conninfo, "user") == NULL                                         ? "user"
                                                                                                           : NULL;
        if (missing != NULL)
                return INVALID("%.200s: \"%s\" is missing; the file needs host, database and user", path, missing);
        return CONFIG_OK;
}

static enum config_status
take_object(struct config_conninfo *conninfo, const char *path, const char *text, struct json_object *object, char error[CONFIG_ERROR_SIZE])
{
        if (!json_object_is_type(object, json_type_object))
                return INVALID("%.200s must be one JSON object: {\"host\": …, \"port\": …, \"database\": …, \"user\": …, \"password\": …}",
                               path);
        enum config_status status = CONFIG_OK;
        struct json_object_iterator end = json_object_iter_end(object);
        for (struct json_object_iterator i = json_object_iter_begin(object); status == CONFIG_OK && !json_object_iter_equal(&i, &end);
             json_object_iter_next(&i))
                status = take_pair(conninfo, path, json_object_iter_peek_name(&i), json_object_iter_peek_value(&i), error);
        if (status == CONFIG_OK && keys_count(text) != (size_t)json_object_object_length(object))
                status = INVALID("%.200s: a key is given twice", path);
        return status == CONFIG_OK ? check_required(conninfo, path, error) : status;
}

/* json-c frees its copies of strings as they are; what a core would show is wiped first. */
static void
wipe_object(struct json_object *object)
{
        if (!json_object_is_type(object, json_type_object))
                return;
        struct json_object_iterator end = json_object_iter_end(object);
        for (struct json_object_iterator i = json_object_iter_begin(object); !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
                struct json_object *value = json_object_iter_peek_value(&i);
                if (json_object_is_type(value, json_type_string))
                        explicit_bzero((char *)json_object_get_string(value), (size_t)json_object_get_string_len(value));
        }
}

/* Place of a byte, for people. */
static void
locate(const char *text, size_t offset, int *line, int *column)
{
        *line = 1;
        *column = 1;
        for (size_t i = 0; i < offset; i++) {
                *column = text[i] == '\n' ? 1 : *column + 1;
                *line += text[i] == '\n';
        }
}

static enum config_status
parse_text(struct config_conninfo *conninfo, const char *path, const char *text, size_t size, char error[CONFIG_ERROR_SIZE])
{
        struct json_tokener *tokener = json_tokener_new_ex(4);
        if (tokener == NULL)
                return config_say(error, CONFIG_ERROR_SIZE, CONFIG_UNREADABLE, "%.200s: out of memory", path);
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        struct json_object *object = json_tokener_parse_ex(tokener, text, (int)size + 1); /* with the NUL, which ends a bare number */
        size_t end = json_tokener_get_parse_end(tokener);
        enum config_status status;
        if (json_tokener_get_error(tokener) != json_tokener_success) {
                int line;
                int column;
                locate(text, end < size ? end : size, &line, &column);
                status = INVALID("%.200s:%d:%d: not JSON: %s", path, line, column,
                                 json_tokener_get_error(tokener) == json_tokener_continue
                                         ? "it ends too early"
                                         : json_tokener_error_desc(json_tokener_get_error(tokener)));
        } else if (strspn(text + end, " \t\r\n") + end < size) {
                status = INVALID("%.200s: there is more after the JSON object", path);
        } else {
                status = take_object(conninfo, path, text, object, error);
        }
        wipe_object(object);
        json_object_put(object);
        explicit_bzero(tokener->pb->buf, (size_t)tokener->pb->size);
        json_tokener_free(tokener);
        return status;
}

enum config_status
config_read_conninfo(int fd, const char *path, struct config_conninfo *conninfo, char error[CONFIG_ERROR_SIZE])
{
        char *text = NULL;
        size_t size;
        *conninfo = (struct config_conninfo){0};
        error[0] = '\0';
        enum config_status status = read_whole(fd, path, &text, &size, error);
        close(fd);
        if (status == CONFIG_OK)
                status = parse_text(conninfo, path, text, size, error);
        if (text != NULL)
                explicit_bzero(text, FILE_SIZE_MAX + 1);
        free(text);
        if (status != CONFIG_OK)
                config_conninfo_fini(conninfo);
        return status;
}

void
config_conninfo_fini(struct config_conninfo *conninfo)
{
        for (uint32_t i = 0; i < conninfo->count; i++) {
                explicit_bzero((char *)conninfo->values[i], strlen(conninfo->values[i]));
                free((char *)conninfo->values[i]);
        }
        *conninfo = (struct config_conninfo){0};
}
