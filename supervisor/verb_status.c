#include "supervisor/verb_status.h"

#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/control_client.h"
#include "supervisor/probe.h"
#include "supervisor/status_json.h"
#include "supervisor/status_screen.h"

#define STATUS_ANSWER_MS 5000
#define WATCH_INTERVAL_MS 1000

static void
ask(const struct verb_call *call, struct status *status)
{
        char path[PM_UNIX_PATH_MAX + 1];
        struct control_client client;
        struct control_request request = {.verb = CONTROL_STATUS, .timeout_ms = STATUS_ANSWER_MS};
        struct json_object *answer = NULL;
        struct json_object *object = NULL;
        const char *message = "";
        const char *field = "";
        bool ok = false;
        enum control_client_status got = control_client_open(&client, config_run_path(&call->config, "control.sock", path));
        if (got == CONTROL_CLIENT_OK)
                got = control_client_call(&client, &request, &answer, &ok, &message);
        if (got != CONTROL_CLIENT_OK) {
                probe_instance(&call->config, client.error, status);
        } else if (!ok || !json_object_object_get_ex(answer, "status", &object)) {
                probe_instance(&call->config, message, status);
        } else if (status_json_read(status, object, &field) != STATUS_JSON_OK) {
                char why[STATUS_TEXT_SIZE];
                snprintf(why, sizeof(why), "its status is not of this program's version (%s)", field);
                probe_instance(&call->config, why, status);
        }
        json_object_put(answer);
        control_client_close(&client);
}

static void
print_json(const struct status *status, bool pretty)
{
        struct json_object *object = status_json_new(status);
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE | (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN);
        printf("%s\n", json_object_to_json_string_ext(object, flags));
        json_object_put(object);
}

int
verb_status(struct verb_call *call)
{
        struct status *status = calloc(1, sizeof(*status));
        const char *no_color = getenv("NO_COLOR");
        bool terminal = isatty(STDOUT_FILENO) == 1;
        bool colour = terminal && (no_color == NULL || no_color[0] == '\0');
        if (status == NULL)
                return verb_call_fail(STATUS_UNKNOWN, "no memory");
        for (;;) {
                ask(call, status);
                if (call->options.json) {
                        print_json(status, !call->options.watch);
                } else {
                        if (call->options.watch && terminal)
                                fputs("\033[H\033[2J", stdout);
                        status_screen_print(status, stdout, colour);
                }
                if (!call->options.watch || fflush(stdout) != 0)
                        break;
                (void)poll(NULL, 0, WATCH_INTERVAL_MS);
        }
        int code = (int)status_exit_code(status);
        free(status);
        return code;
}
