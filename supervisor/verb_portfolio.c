#include "supervisor/verb_portfolio.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/fixed.h"
#include "supervisor/http_client.h"

/* The worker answers a command when its event is stored, which takes as long as the database does. */
#define COMMAND_TIMEOUT_MS 30000
#define HTTP_TIMEOUT_MS 10000

static int carry_out(struct verb_call *call, enum control_verb verb, int64_t amount_e6);
static int read_file(const char *path, char *bytes, size_t bytes_size, size_t *size);
static int read_secret(const struct config *config, char secret[PM_SECRET_SIZE_MAX + 2]);
static void print_positions(struct json_object *positions);

int
verb_portfolio_pause(struct verb_call *call)
{
        return carry_out(call, strcmp(call->verb, "pause") == 0 ? CONTROL_PAUSE : CONTROL_RESUME, 0);
}

int
verb_portfolio_capital(struct verb_call *call)
{
        int64_t amount_e6;
        enum control_verb verb;
        if (strcmp(call->args[0], "deposit") == 0)
                verb = CONTROL_DEPOSIT;
        else if (strcmp(call->args[0], "withdraw") == 0)
                verb = CONTROL_WITHDRAW;
        else
                return verb_call_fail(VERB_USAGE, "capital deposit or withdraw, not %s", call->args[0]);
        if (fixed_parse(call->args[1], strlen(call->args[1]), &amount_e6) != FIXED_OK || amount_e6 <= 0 || amount_e6 > FIXED_MONEY_MAX_E6)
                return verb_call_fail(VERB_USAGE, "the amount must be a number above 0 and at most 100000000000, not %s", call->args[1]);
        return carry_out(call, verb, amount_e6);
}

/* The command carries a number of its own, so that giving it again with the same one changes nothing twice. */
static int
carry_out(struct verb_call *call, enum control_verb verb, int64_t amount_e6)
{
        struct control_request request = {
                .verb = verb,
                .amount_e6 = amount_e6,
                .request_id = call->options.request_id,
                .timeout_ms = call->options.timeout_ms != 0 ? call->options.timeout_ms : COMMAND_TIMEOUT_MS,
        };
        if (call->options.note != NULL) {
                if (strlen(call->options.note) >= sizeof(request.note))
                        return verb_call_fail(VERB_USAGE, "the note is longer than %zu bytes", sizeof(request.note) - 1);
                snprintf(request.note, sizeof(request.note), "%s", call->options.note);
        }
        while (request.request_id == 0) {
                if (getrandom(&request.request_id, sizeof(request.request_id), 0) != (ssize_t)sizeof(request.request_id))
                        return verb_call_fail(VERB_FAILED, "no random numbers: %s", strerror(errno));
                request.request_id >>= 1; /* a BIGINT in the database */
        }
        int code = verb_call_command(call, &request);
        if (call->outcome_unknown)
                fprintf(stderr, "pm-supervisor: to be sure give it again with --request-id %" PRIu64 ": it is done once\n",
                        request.request_id);
        return code;
}

/* A body may end with newlines of its own, or not. */
static void
cut_line_ends(struct http_client_answer *answer)
{
        while (answer->body_size > 0 && (answer->body[answer->body_size - 1] == '\n' || answer->body[answer->body_size - 1] == '\r'))
                answer->body[--answer->body_size] = '\0';
}

int
verb_portfolio_positions(struct verb_call *call)
{
        char error[HTTP_CLIENT_ERROR_SIZE];
        struct http_client_answer answer;
        struct http_client_request request = {
                .listen = call->config.listen, .method = "GET", .path = "/positions", .timeout_ms = HTTP_TIMEOUT_MS};
        enum http_client_status status = http_client_call(&request, &answer, error);
        if (status == HTTP_CLIENT_UNREACHABLE)
                return verb_call_fail(VERB_NOT_RUNNING, "%s", error);
        if (status != HTTP_CLIENT_OK)
                return verb_call_fail(VERB_FAILED, "%s", error);
        cut_line_ends(&answer);
        struct json_object *object = json_tokener_parse(answer.body);
        struct json_object *positions = NULL;
        int code = VERB_OK;
        if (answer.code != 200 || !json_object_object_get_ex(object, "positions", &positions) ||
            !json_object_is_type(positions, json_type_object))
                code = verb_call_fail(VERB_FAILED, "the service answers %d: %s", answer.code, answer.body);
        else if (call->options.json)
                printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                              JSON_C_TO_STRING_NOSLASHESCAPE));
        else
                print_positions(positions);
        json_object_put(object);
        http_client_answer_fini(&answer);
        return code;
}

static const char *
text_of(struct json_object *position, const char *key)
{
        struct json_object *value;
        if (!json_object_object_get_ex(position, key, &value) || value == NULL)
                return "-";
        return json_object_get_string(value);
}

static void
print_positions(struct json_object *positions)
{
        static const char *const columns[] = {"lots", "entry_price", "current_stop", "highest_close", "unrealized_pnl"};
        printf("%-28s", "POSITION");
        for (size_t i = 0; i < countof(columns); i++)
                printf(" %15s", columns[i]);
        putchar('\n');
        json_object_object_foreach(positions, id, position)
        {
                printf("%-28s", id);
                for (size_t i = 0; i < countof(columns); i++)
                        printf(" %15s", text_of(position, columns[i]));
                putchar('\n');
        }
        printf("%d open\n", json_object_object_length(positions));
}

int
verb_portfolio_send(struct verb_call *call)
{
        char secret[PM_SECRET_SIZE_MAX + 2] = "";
        char error[HTTP_CLIENT_ERROR_SIZE];
        struct http_client_answer answer;
        /* One byte more than the service takes, so that it says by itself what is too large. */
        char *body = malloc(PM_BODY_SIZE_MAX + 1);
        size_t body_size = 0;
        if (body == NULL)
                return verb_call_fail(VERB_FAILED, "no memory");
        int code = read_file(call->args[0], body, PM_BODY_SIZE_MAX + 1, &body_size);
        if (code == VERB_OK && call->config.secret_file[0] != '\0')
                code = read_secret(&call->config, secret);
        if (code == VERB_OK) {
                struct http_client_request request = {
                        .listen = call->config.listen,
                        .method = "POST",
                        .path = "/webhook",
                        .secret = secret[0] != '\0' ? secret : NULL,
                        .body = body,
                        .body_size = body_size,
                        .timeout_ms = HTTP_TIMEOUT_MS,
                };
                enum http_client_status status = http_client_call(&request, &answer, error);
                if (status != HTTP_CLIENT_OK) {
                        code = verb_call_fail(status == HTTP_CLIENT_UNREACHABLE ? VERB_NOT_RUNNING : VERB_FAILED, "%s", error);
                } else {
                        cut_line_ends(&answer);
                        printf("%d %s\n", answer.code, answer.body);
                        code = answer.code >= 200 && answer.code < 300 ? VERB_OK : VERB_FAILED;
                        http_client_answer_fini(&answer);
                }
        }
        explicit_bzero(secret, sizeof(secret));
        free(body);
        return code;
}

static int
read_all(int fd, char *bytes, size_t bytes_size, size_t *size)
{
        *size = 0;
        while (*size < bytes_size) {
                ssize_t got = read(fd, bytes + *size, bytes_size - *size);
                if (got == 0)
                        break;
                if (got < 0 && errno != EINTR)
                        return -1;
                if (got > 0)
                        *size += (size_t)got;
        }
        return 0;
}

static int
read_file(const char *path, char *bytes, size_t bytes_size, size_t *size)
{
        int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return verb_call_fail(VERB_FAILED, "cannot open %s: %s", path, strerror(errno));
        int code = VERB_OK;
        if (read_all(fd, bytes, bytes_size, size) != 0)
                code = verb_call_fail(VERB_FAILED, "cannot read %s: %s", path, strerror(errno));
        if (fd != STDIN_FILENO)
                close(fd);
        return code;
}

static int
read_secret(const struct config *config, char secret[PM_SECRET_SIZE_MAX + 2])
{
        char error[CONFIG_ERROR_SIZE];
        size_t size = 0;
        const struct passwd *owner = config->user[0] != '\0' ? getpwnam(config->user) : NULL;
        int fd = config_open_secret(config->secret_file, owner != NULL ? owner->pw_uid : geteuid(), error);
        if (fd < 0)
                return verb_call_fail(VERB_NO_PERMISSION, "%s", error);
        int problem = read_all(fd, secret, PM_SECRET_SIZE_MAX + 1, &size);
        close(fd);
        if (problem != 0)
                return verb_call_fail(VERB_FAILED, "cannot read %s: %s", config->secret_file, strerror(errno));
        secret[size] = '\0';
        secret[strcspn(secret, "\r\n")] = '\0';
        return VERB_OK;
}
