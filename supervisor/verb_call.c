#include "supervisor/verb_call.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>

#include "supervisor/control_client.h"

int
verb_call_fail(int code, const char *text, ...)
{
        va_list args;
        fflush(stdout);
        fprintf(stderr, "pm-supervisor: ");
        va_start(args, text);
        vfprintf(stderr, text, args);
        va_end(args);
        fputc('\n', stderr);
        return code;
}

static int
fail_client(const struct verb_call *call, const struct control_client *client, enum control_client_status status)
{
        switch (status) {
        case CONTROL_CLIENT_ABSENT:
                return verb_call_fail(VERB_NOT_RUNNING, "instance %s is not running (%s)", call->config.name, client->error);
        case CONTROL_CLIENT_DENIED: return verb_call_fail(VERB_NO_PERMISSION, "%s", client->error);
        case CONTROL_CLIENT_OK:
        case CONTROL_CLIENT_TIMEOUT:
        case CONTROL_CLIENT_BROKEN: break;
        }
        return verb_call_fail(VERB_FAILED, "%s", client->error);
}

int
verb_call_command(struct verb_call *call, const struct control_request *request)
{
        char path[PM_UNIX_PATH_MAX + 1];
        struct control_client client;
        struct json_object *answer = NULL;
        const char *message = "";
        bool ok = false;
        int code = VERB_OK;
        enum control_client_status status = control_client_open(&client, config_run_path(&call->config, "control.sock", path));
        if (status == CONTROL_CLIENT_OK)
                status = control_client_call(&client, request, &answer, &ok, &message);
        if (status != CONTROL_CLIENT_OK)
                code = fail_client(call, &client, status);
        else if (!ok)
                code = verb_call_fail(VERB_FAILED, "%s", message);
        else
                printf("%s\n", message);
        call->outcome_unknown = client.unknown;
        json_object_put(answer);
        control_client_close(&client);
        return code;
}
