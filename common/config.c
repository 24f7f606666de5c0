#include "common/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config_table.h"

#define INVALID(...) config_say(error, CONFIG_ERROR_SIZE, CONFIG_INVALID, __VA_ARGS__)

void
config_init(struct config *config)
{
        char problem[CONFIG_PROBLEM_SIZE];
        *config = (struct config){0};
        for (size_t i = 0; i < config_table_count; i++)
                PM_ASSERT(config_table_parse(config, &config_table[i], config_table[i].value_default, "/", problem) == CONFIG_OK);
        PM_ASSERT(config_instrument_defaults(config) == CONFIG_OK); /* four small rows at the start of a process */
}

void
config_fini(struct config *config)
{
        free(config->instruments);
        config->instruments = NULL;
        config->instruments_count = 0;
}

/* --set section.key=value */

static char *
trim(char *text)
{
        while (isspace((unsigned char)*text))
                text++;
        size_t size = strlen(text);
        while (size > 0 && isspace((unsigned char)text[size - 1]))
                text[--size] = '\0';
        return text;
}

static enum config_status
set_instrument(struct config *config, const char *name, const char *key, const char *value, char problem[CONFIG_PROBLEM_SIZE])
{
        size_t key_no = config_instrument_key_of(key);
        uint32_t position;
        if (key_no == CONFIG_INSTRUMENT_KEYS_COUNT)
                return config_say(problem, CONFIG_PROBLEM_SIZE, CONFIG_INVALID,
                                  "there is no such key; see [instrument GOLD_MINI] in the sample");
        enum config_status status = config_instrument_open(config, NULL, name, &position, problem);
        return status == CONFIG_OK ? config_instrument_parse(&config->instruments[position], key_no, value, problem) : status;
}

enum config_status
config_set(struct config *config, const char *assignment, char error[CONFIG_ERROR_SIZE])
{
        char copy[CONFIG_SECTION_SIZE + CONFIG_VALUE_SIZE];
        char folder[CONFIG_TEXT_SIZE];
        char problem[CONFIG_PROBLEM_SIZE] = "there is no such key; `pm-supervisor check-config --help` lists them";
        size_t size = strlen(assignment);
        error[0] = '\0';
        if (size >= sizeof copy)
                return INVALID("--set takes at most %zu bytes", sizeof copy - 1);
        memcpy(copy, assignment, size + 1);
        char *equals = strchr(copy, '=');
        if (equals != NULL)
                *equals = '\0';
        char *name = trim(copy);
        char *dot = strchr(name, '.');
        if (equals == NULL || dot == NULL)
                return INVALID("--set takes section.key=value, not \"%.100s\"", name);
        char *value = trim(equals + 1);
        *dot = '\0';
        const char *key = dot + 1;

        enum config_status status = CONFIG_INVALID;
        const size_t prefix_size = strlen(CONFIG_INSTRUMENT_PREFIX);
        const struct config_row *row = config_table_find(name, key);
        if (getcwd(folder, sizeof folder) == NULL)
                status = config_say(problem, sizeof problem, CONFIG_UNREADABLE, "the working folder cannot be told: %s", strerror(errno));
        else if (strncmp(name, CONFIG_INSTRUMENT_PREFIX, prefix_size) == 0)
                status = set_instrument(config, trim(name + prefix_size), key, value, problem);
        else if (row != NULL)
                status = config_table_parse(config, row, value, folder, problem);
        if (status != CONFIG_OK)
                return config_say(error, CONFIG_ERROR_SIZE, status, "--set %.60s.%.60s: %s", name, key, problem);
        return CONFIG_OK;
}

/* Rules between keys. */

/* Every name that is made in run_dir, sockets first. */
static enum config_status
check_folders(const struct config *config, char error[CONFIG_ERROR_SIZE])
{
        static const char *const names[] = {"control-p.sock", "control-w.sock",    "control.sock",      "data.sock",
                                            ".s.PGSQL.5432",  "pm-supervisor.pid", "effective.conf.new"};
        for (size_t i = 0; i < countof(names); i++) {
                size_t size = strlen(config->run_dir) + 1 + strlen(names[i]);
                if (size > PM_UNIX_PATH_MAX)
                        return INVALID(
                                "instance.run_dir: the path %s/%s has %zu bytes and a unix socket's at most %d; choose a shorter folder",
                                config->run_dir, names[i], size, PM_UNIX_PATH_MAX);
        }
        if (strcmp(config->run_dir, config->state_dir) == 0)
                return INVALID("instance.run_dir and instance.state_dir are both %s; they must be two folders", config->run_dir);
        return CONFIG_OK;
}

enum config_status
config_check(const struct config *config, char error[CONFIG_ERROR_SIZE])
{
        char problem[CONFIG_PROBLEM_SIZE];
        error[0] = '\0';
        enum config_status status = check_folders(config, error);
        if (status != CONFIG_OK)
                return status;
        if (config->watchdog_ms < 3 * config->heartbeat_ms)
                return INVALID(
                        "supervision.watchdog_ms: %lld is less than three times supervision.heartbeat_ms (%lld); one late heartbeat would "
                        "kill a healthy child",
                        (long long)config->watchdog_ms, (long long)config->heartbeat_ms);
        if (config->database_mode == DATABASE_EXTERNAL && config->database_config[0] == '\0')
                return INVALID("database.config: must name the JSON file of the database, since database.mode is external");
        for (uint32_t i = 0; i < config->instruments_count; i++)
                if (config_instrument_check(&config->instruments[i], problem) != CONFIG_OK)
                        return INVALID("%s", problem);
        return CONFIG_OK;
}

enum config_status
config_check_serve(const struct config *config, char error[CONFIG_ERROR_SIZE])
{
        error[0] = '\0';
        if (config->secret_file[0] == '\0' && !config->allow_unauthenticated)
                return INVALID(
                        "http.secret_file is empty: name a file with the webhook's secret there, or set http.allow_unauthenticated = yes "
                        "when everybody who reaches %s may trade",
                        config->listen);
        return CONFIG_OK;
}

/* Views. */

bool
config_row(size_t i, struct config_row_view *view)
{
        if (i >= config_table_count)
                return false;
        const struct config_row *row = &config_table[i];
        *view = (struct config_row_view){.section = row->section,
                                         .key = row->key,
                                         .value_default = row->value_default,
                                         .help = row->help,
                                         .reloadable = row->reloadable};
        return true;
}

typedef void diff_fn(void *owner, const char *name, const char *from, const char *to, bool reloadable);

static void
diff_instrument(const struct instrument *a, const struct instrument *b, diff_fn *fn, void *owner)
{
        char name[CONFIG_SECTION_SIZE + 32];
        for (size_t i = 0; i < CONFIG_INSTRUMENT_KEYS_COUNT; i++) {
                char from[CONFIG_VALUE_SIZE];
                char to[CONFIG_VALUE_SIZE];
                config_instrument_format(a, i, from);
                config_instrument_format(b, i, to);
                snprintf(name, sizeof name, CONFIG_INSTRUMENT_PREFIX "%s.%s", a->name, config_instrument_keys[i].key);
                if (strcmp(from, to) != 0)
                        fn(owner, name, from, to, false);
        }
}

/* Instruments of a against those of b. without b: only those that b lacks, as told by the texts. */
static void
diff_instruments(const struct config *a, const struct config *b, bool is_forward, diff_fn *fn, void *owner)
{
        struct config_index index = {0};
        char name[CONFIG_SECTION_SIZE];
        if (config_index_build(&index, b) != CONFIG_OK) {
                fn(owner, "instrument", "known", "not compared: out of memory", false);
                return;
        }
        for (uint32_t i = 0; i < a->instruments_count; i++) {
                uint32_t other = config_index_find(&index, b, a->instruments[i].name);
                snprintf(name, sizeof name, CONFIG_INSTRUMENT_PREFIX "%s", a->instruments[i].name);
                if (other == UINT32_MAX)
                        fn(owner, name, is_forward ? "configured" : "absent", is_forward ? "absent" : "configured", false);
                else if (is_forward)
                        diff_instrument(&a->instruments[i], &b->instruments[other], fn, owner);
        }
        config_index_fini(&index);
}

void
config_diff(const struct config *a, const struct config *b,
            void (*fn)(void *owner, const char *name, const char *from, const char *to, bool reloadable), void *owner)
{
        char name[CONFIG_SECTION_SIZE];
        for (size_t i = 0; i < config_table_count; i++) {
                const struct config_row *row = &config_table[i];
                char from[CONFIG_VALUE_SIZE];
                char to[CONFIG_VALUE_SIZE];
                config_table_format(a, row, from);
                config_table_format(b, row, to);
                snprintf(name, sizeof name, "%s.%s", row->section, row->key);
                if (strcmp(from, to) != 0)
                        fn(owner, name, from, to, row->reloadable);
        }
        diff_instruments(a, b, true, fn, owner);
        diff_instruments(b, a, false, fn, owner);
}

char *
config_run_path(const struct config *config, const char *name, char out[PM_UNIX_PATH_MAX + 1])
{
        int size = snprintf(out, PM_UNIX_PATH_MAX + 1, "%s/%s", config->run_dir, name);
        PM_ASSERT(size > 0 && size <= PM_UNIX_PATH_MAX); /* config_check has seen to it */
        return out;
}

char *
config_state_path(const struct config *config, const char *name, char out[CONFIG_TEXT_SIZE])
{
        int size = snprintf(out, CONFIG_TEXT_SIZE, "%s/%s", config->state_dir, name);
        PM_ASSERT(size > 0 && size < CONFIG_TEXT_SIZE); /* the table holds state_dir to 200 bytes */
        return out;
}
