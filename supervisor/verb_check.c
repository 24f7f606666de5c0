#include "supervisor/verb_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/preflight.h"

int
verb_check_config(struct verb_call *call)
{
        char error[CONFIG_ERROR_SIZE];
        struct config *config = &call->config;
        if (config_source_load(&call->source, config, error) != CONFIG_OK)
                return verb_call_fail(VERB_NOT_CONFIGURED, "%s", error);
        int code = VERB_OK;
        if (preflight_check(config, error) != PREFLIGHT_OK)
                code = verb_call_fail(VERB_NOT_CONFIGURED, "%s", error);
        if (code == VERB_OK && call->options.print) {
                if (config_write(config, stdout) != CONFIG_OK)
                        code = verb_call_fail(VERB_FAILED, "cannot print the configuration");
        } else if (code == VERB_OK) {
                printf("%s: good\n", config->path[0] != '\0' ? config->path : "built-in defaults");
        }
        config_fini(config);
        return code;
}

/* Beside our own binary in a build tree, else where it is installed. */
static const char *
find_persister(char path[4096])
{
        ssize_t size = readlink("/proc/self/exe", path, 4096 - sizeof("/pm-persister"));
        if (size > 0) {
                path[size] = '\0';
                char *slash = strrchr(path, '/');
                if (slash != NULL) {
                        memcpy(slash, "/pm-persister", sizeof("/pm-persister"));
                        if (access(path, X_OK) == 0)
                                return path;
                }
        }
        return PM_LIBEXECDIR "/pm-persister";
}

int
verb_check_by_persister(struct verb_call *call)
{
        char path[4096];
        const char *argv[6 + 2 * CONFIG_SOURCE_SETS_MAX];
        uint32_t count = 0;
        const char *program = find_persister(path);
        argv[count++] = "pm-persister";
        argv[count++] = call->verb;
        if (call->source.path[0] != '\0') {
                argv[count++] = "--config";
                argv[count++] = call->source.path;
        }
        for (uint32_t i = 0; i < call->source.sets_count; i++) {
                argv[count++] = "--set";
                argv[count++] = call->source.sets[i];
        }
        if (call->options.json)
                argv[count++] = "--json";
        argv[count] = NULL;
        execv(program, (char *const *)argv);
        return verb_call_fail(errno == ENOENT ? VERB_NOT_INSTALLED : VERB_FAILED, "cannot run %s: %s", program, strerror(errno));
}

int
verb_check_dump_fsm(struct verb_call *call)
{
        if (call->hooks->dump_fsm == NULL)
                return verb_call_fail(VERB_UNIMPLEMENTED, "this program has no state table to print");
        return call->hooks->dump_fsm(stdout);
}
