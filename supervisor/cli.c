#include "supervisor/cli.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fixed.h"
#include "config.h"
#include "supervisor/cli_help.h"
#include "supervisor/cli_table.h"
#include "supervisor/verb_call.h"

#define TIMEOUT_MAX_E6 (86400 * FIXED_ONE_E6)

/* What the parser found beside the call itself. */
struct parsed {
        const struct cli_verb *verb;
        bool help;
        bool version;
        unsigned bits; /* options of the verb that were given */
        const char *config_path;
        char log_level[64];
};

static bool parse(int argc, char **argv, struct parsed *parsed, struct verb_call *call);
static bool check(const struct parsed *parsed, const struct verb_call *call);
static bool find_config(const struct parsed *parsed, struct config_source *source);
static int carry_out(const struct cli_verb *verb, struct verb_call *call);

int
cli_main(int argc, char **argv, const struct cli_hooks *hooks)
{
        struct verb_call call = {.hooks = hooks};
        struct parsed parsed = {0};
        if (!parse(argc, argv, &parsed, &call))
                return VERB_USAGE;
        if (parsed.version) {
                printf("pm-supervisor %s\n", PACKAGE_VERSION);
                return VERB_OK;
        }
        if (parsed.help) {
                if (parsed.verb != NULL)
                        cli_help_verb(stdout, parsed.verb);
                else
                        cli_help_usage(stdout);
                return VERB_OK;
        }
        if (!check(&parsed, &call))
                return VERB_USAGE;
        if (!find_config(&parsed, &call.source))
                return parsed.verb->config_code != 0 ? parsed.verb->config_code : VERB_NOT_CONFIGURED;
        return carry_out(parsed.verb, &call);
}

static int
carry_out(const struct cli_verb *verb, struct verb_call *call)
{
        char error[CONFIG_ERROR_SIZE];
        call->verb = verb->name;
        if (verb->needs_config && config_source_load(&call->source, &call->config, error) != CONFIG_OK)
                return verb_call_fail(verb->config_code != 0 ? verb->config_code : VERB_NOT_CONFIGURED, "%s", error);
        int code = verb->handler(call);
        if (verb->needs_config)
                config_fini(&call->config);
        if (fflush(stdout) != 0 && code == VERB_OK)
                code = verb_call_fail(VERB_FAILED, "cannot write the output: %s", strerror(errno));
        return code;
}

static bool
fail_usage(const struct cli_verb *verb, const char *what, const char *which)
{
        verb_call_fail(VERB_USAGE, "%s%s%s", what, which[0] != '\0' ? ": " : "", which);
        if (verb != NULL)
                cli_help_verb(stderr, verb);
        else
                cli_help_usage(stderr);
        return false;
}

static bool
take_set(struct verb_call *call, const char *assignment)
{
        if (call->source.sets_count == CONFIG_SOURCE_SETS_MAX)
                return fail_usage(NULL, "too many --set options", "");
        call->source.sets[call->source.sets_count++] = assignment;
        return true;
}

static bool
take_option(struct parsed *parsed, struct verb_call *call, const struct cli_option *option, const char *value)
{
        int64_t number_e6;
        parsed->bits |= option->bit;
        switch ((enum option_bit)option->bit) {
        case OPTION_JSON: call->options.json = true; return true;
        case OPTION_WATCH: call->options.watch = true; return true;
        case OPTION_READY: call->options.ready = true; return true;
        case OPTION_PRINT: call->options.print = true; return true;
        case OPTION_NOTE: call->options.note = value; return true;
        case OPTION_TIMEOUT:
                if (fixed_parse(value, strlen(value), &number_e6) != FIXED_OK || number_e6 < 1000 || number_e6 > TIMEOUT_MAX_E6)
                        return fail_usage(NULL, "--timeout must be seconds from 0.001 to 86400, not", value);
                call->options.timeout_ms = number_e6 / 1000;
                return true;
        case OPTION_REQUEST_ID: {
                char *end;
                errno = 0;
                long long number = strtoll(value, &end, 10);
                if (errno != 0 || *end != '\0' || number <= 0)
                        return fail_usage(NULL, "--request-id must be a whole number above 0, not", value);
                call->options.request_id = (uint64_t)number;
                return true;
        }
        case OPTION_EVERYWHERE: break;
        }
        if (strcmp(option->name, "--help") == 0)
                parsed->help = true;
        else if (strcmp(option->name, "--version") == 0)
                parsed->version = true;
        else if (strcmp(option->name, "--config") == 0)
                parsed->config_path = value;
        else if (strcmp(option->name, "--set") == 0)
                return take_set(call, value);
        else if (strcmp(option->name, "--log-level") == 0) {
                if (log_level_of(value) == LOG_LEVEL_END)
                        return fail_usage(NULL, "--log-level must be DEBUG, INFO, WARNING or ERROR, not", value);
                snprintf(parsed->log_level, sizeof(parsed->log_level), "instance.log_level=%s", value);
        }
        return true;
}

static bool
take_word(struct parsed *parsed, struct verb_call *call, const char *word)
{
        if (parsed->verb == NULL) {
                parsed->verb = cli_table_verb(word);
                return parsed->verb != NULL || fail_usage(NULL, "no such verb", word);
        }
        if (call->args_count == VERB_ARGS_MAX)
                return fail_usage(parsed->verb, "too many arguments", word);
        call->args[call->args_count++] = word;
        return true;
}

/* The first word is the verb; options may stand anywhere; after -- all are words. */
static bool
parse(int argc, char **argv, struct parsed *parsed, struct verb_call *call)
{
        bool words_only = false;
        for (int i = 1; i < argc; i++) {
                const char *word = argv[i];
                if (words_only || word[0] != '-' || word[1] == '\0') {
                        if (!take_word(parsed, call, word))
                                return false;
                        continue;
                }
                if (strcmp(word, "--") == 0) {
                        words_only = true;
                        continue;
                }
                if (strcmp(word, "-h") == 0)
                        word = "--help";
                const char *value = strchr(word, '=');
                const struct cli_option *option = cli_table_option(word, value != NULL ? (size_t)(value - word) : strlen(word));
                if (option == NULL)
                        return fail_usage(parsed->verb, "no such option", word);
                if (option->argument == NULL && value != NULL)
                        return fail_usage(parsed->verb, "this option takes no value", word);
                if (option->argument != NULL) {
                        value = value != NULL ? value + 1 : ++i < argc ? argv[i] : NULL;
                        if (value == NULL)
                                return fail_usage(parsed->verb, "this option needs a value", word);
                }
                if (!take_option(parsed, call, option, value))
                        return false;
        }
        /* Last, so that it wins over the file and over --set. */
        return parsed->log_level[0] == '\0' || take_set(call, parsed->log_level);
}

static bool
check(const struct parsed *parsed, const struct verb_call *call)
{
        const struct cli_verb *verb = parsed->verb;
        if (verb == NULL)
                return fail_usage(NULL, "a verb is missing", "");
        for (size_t i = 0; i < cli_options_count; i++) {
                if ((cli_options[i].bit & parsed->bits & ~verb->options) != 0)
                        return fail_usage(verb, "this verb does not take", cli_options[i].name);
        }
        if (call->args_count < verb->args_min)
                return fail_usage(verb, "an argument is missing", verb->args);
        if (call->args_count > verb->args_max)
                return fail_usage(verb, "one argument too many", call->args[verb->args_max]);
        return true;
}

static bool
fail_config(const char *what, const char *why)
{
        verb_call_fail(VERB_NOT_CONFIGURED, "%s: %s", what, why);
        return false;
}

/* Absolute, because the daemon leaves the working folder and reads the file again at a reload. A link stays a link: where it
 * points then is what counts. */
static bool
find_config(const struct parsed *parsed, struct config_source *source)
{
        char folder[PATH_MAX];
        const char *path = parsed->config_path;
        if (path == NULL) {
                if (access(CONFIG_PATH_DEFAULT, F_OK) != 0 && errno == ENOENT)
                        return true;
                path = CONFIG_PATH_DEFAULT;
        }
        if (path[0] == '/')
                folder[0] = '\0';
        else if (getcwd(folder, sizeof(folder)) == NULL)
                return fail_config("cannot tell the working folder", strerror(errno));
        int size = snprintf(source->path, sizeof(source->path), "%s%s%s", folder, path[0] == '/' ? "" : "/", path);
        return (size > 0 && (size_t)size < sizeof(source->path)) || fail_config("the path of the configuration is too long", path);
}
