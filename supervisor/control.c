#include "supervisor/control.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fixed.h"
#include "common/log.h"
#include "supervisor/status_json.h"

/* With no descriptor left, accept() fails at once for ever: the listener rests this long. */
#define ACCEPT_REST_US 100000
#define READ_SIZE 4096

enum client_state {
        CLIENT_FREE = 0,
        CLIENT_READING,   /* a line is to come, within the deadline */
        CLIENT_WAITING,   /* its request is not answered yet */
        CLIENT_ANSWERING, /* the answer is on its way, within the deadline */
};

struct client {
        struct control *control;
        enum client_state state;
        int fd;
        struct loop_watch *watch;
        struct loop_timer *timer;
        char *input; /* of PM_CONTROL_LINE_MAX + 1 bytes */
        size_t input_size;
        char *output;
        size_t output_size;
        size_t output_sent;
        bool closing; /* after the answer: it broke the protocol */
        struct control_request request;
        uint32_t uid;
        uint32_t pid;
};

struct control {
        struct loop *loop;
        const struct control_handler *handler;
        void *owner;
        int fd;
        char path[PM_UNIX_PATH_MAX + 1];
        struct loop_watch *watch;
        struct loop_timer *rest; /* the listener's */
        uint64_t last_ticket;
        bool ready;
        char reason[CONTROL_MESSAGE_SIZE];
        struct client clients[CONTROL_CLIENTS_MAX];
};

static enum control_status bind_socket(struct control *control);
static void on_connection(void *owner, int fd, bool readable, bool writable);
static void on_rest_over(void *owner);
static void on_client(void *owner, int fd, bool readable, bool writable);
static void on_deadline(void *owner);
static void client_take(struct control *control, int fd, const struct ucred *peer);
static void client_close(struct client *client);
static void client_look(struct client *client);
static void client_read(struct client *client);
static void client_take_lines(struct client *client);
static void client_send(struct client *client);
static void client_answer(struct client *client, bool ok, bool known, const char *message, struct json_object *status);
static void answer_if_ready(struct client *client);
static void audit(const struct client *client, const char *event, const char *ok, const char *message);

enum control_status
control_new(struct control **made, struct loop *loop, const char *path, const struct control_handler *handler, void *owner)
{
        struct control *control = calloc(1, sizeof(*control));
        if (control == NULL) {
                LOG_ERROR("msg=\"no memory for the control socket\"");
                return CONTROL_FAILED;
        }
        control->loop = loop;
        control->handler = handler;
        control->owner = owner;
        control->fd = -1;
        snprintf(control->path, sizeof(control->path), "%s", path);
        snprintf(control->reason, sizeof(control->reason), "starting");
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                struct client *client = &control->clients[i];
                client->control = control;
                client->fd = -1;
                client->timer = loop_timer_new(loop, on_deadline, client);
        }
        control->rest = loop_timer_new(loop, on_rest_over, control);
        if (bind_socket(control) != CONTROL_OK) {
                control_free(control);
                return CONTROL_FAILED;
        }
        control->watch = loop_watch_new(loop, control->fd, true, false, on_connection, control);
        *made = control;
        return CONTROL_OK;
}

void
control_free(struct control *control)
{
        if (control == NULL)
                return;
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                struct client *client = &control->clients[i];
                if (client->state == CLIENT_WAITING)
                        client_answer(client, false, false, "the supervisor ends: not known to be done", NULL);
                if (client->state == CLIENT_ANSWERING)
                        client_send(client);
                if (client->state != CLIENT_FREE)
                        client_close(client);
                loop_timer_free(client->timer);
        }
        loop_timer_free(control->rest);
        loop_watch_free(control->watch);
        if (control->fd >= 0) {
                (void)unlink(control->path);
                close(control->fd);
        }
        free(control);
}

static enum control_status
bind_socket(struct control *control)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t size = strlen(control->path);
        if (size == 0 || size >= sizeof(address.sun_path)) {
                LOG_ERROR("msg=\"path of the control socket is too long\" path=%s", control->path);
                return CONTROL_FAILED;
        }
        memcpy(address.sun_path, control->path, size + 1);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
                LOG_ERROR("msg=\"cannot make the control socket: %s\"", strerror(errno));
                return CONTROL_FAILED;
        }
        (void)unlink(control->path);
        /* fchmod before bind sets the file's mode on Linux without a moment in which others could connect. */
        if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || chmod(control->path, 0600) != 0 ||
            listen(fd, CONTROL_CLIENTS_MAX) != 0) {
                LOG_ERROR("msg=\"cannot listen on the control socket: %s\" path=%s", strerror(errno), control->path);
                close(fd);
                return CONTROL_FAILED;
        }
        control->fd = fd;
        return CONTROL_OK;
}

static struct client *
client_of(struct control *control, uint64_t ticket)
{
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                struct client *client = &control->clients[i];
                if (client->state == CLIENT_WAITING && client->request.ticket == ticket)
                        return client;
        }
        return NULL;
}

void
control_answer(struct control *control, uint64_t ticket, bool ok, const char *message, ...)
{
        char text[CONTROL_MESSAGE_SIZE];
        va_list args;
        va_start(args, message);
        (void)vsnprintf(text, sizeof(text), message, args);
        va_end(args);
        struct client *client = client_of(control, ticket);
        if (client != NULL)
                client_answer(client, ok, true, text, NULL);
        else
                LOG_INFO("event=control_answer_unheard ticket=%llu ok=%d", (unsigned long long)ticket, ok);
}

void
control_answer_status(struct control *control, uint64_t ticket, const struct status *status)
{
        struct client *client = client_of(control, ticket);
        if (client != NULL)
                client_answer(client, true, true, status_state_name((int)status->state), status_json_new(status));
}

void
control_set_ready(struct control *control, bool ready, const char *reason)
{
        control->ready = ready;
        snprintf(control->reason, sizeof(control->reason), "%s", reason != NULL ? reason : "");
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
                answer_if_ready(&control->clients[i]);
}

static void
answer_if_ready(struct client *client)
{
        if (client->control->ready && client->state == CLIENT_WAITING && client->request.verb == CONTROL_WAIT_READY)
                client_answer(client, true, true, "ready", NULL);
}

static bool
is_welcome(const struct ucred *peer)
{
        return peer->uid == 0 || peer->uid == geteuid();
}

static void
on_connection(void *owner, int fd, bool readable, bool writable)
{
        struct control *control = owner;
        (void)readable;
        (void)writable;
        /* As many as there are places: a flood gets its turn, the loop too. */
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                struct ucred peer;
                socklen_t size = sizeof(peer);
                int client_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (client_fd < 0) {
                        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                                LOG_WARNING("msg=\"control socket rests: %s\"", strerror(errno));
                                loop_watch_change(control->watch, false, false);
                                loop_timer_start_us(control->rest, ACCEPT_REST_US);
                        }
                        return;
                }
                if (getsockopt(client_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || !is_welcome(&peer)) {
                        LOG_WARNING("event=control_refused uid=%u pid=%d msg=\"only root and our own user may command\"", peer.uid,
                                    (int)peer.pid);
                        close(client_fd);
                        continue;
                }
                client_take(control, client_fd, &peer);
        }
}

static void
on_rest_over(void *owner)
{
        struct control *control = owner;
        loop_watch_change(control->watch, true, false);
}

static void
client_take(struct control *control, int fd, const struct ucred *peer)
{
        static const char busy[] = "{\"ok\":false,\"message\":\"too many control clients; try again\"}\n";
        for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
                struct client *client = &control->clients[i];
                if (client->state != CLIENT_FREE)
                        continue;
                client->input = malloc(PM_CONTROL_LINE_MAX + 1);
                if (client->input == NULL)
                        break;
                client->state = CLIENT_READING;
                client->fd = fd;
                client->uid = peer->uid;
                client->pid = (uint32_t)peer->pid;
                client->watch = loop_watch_new(control->loop, fd, true, false, on_client, client);
                loop_timer_start_us(client->timer, CONTROL_CLIENT_DEADLINE_MS * 1000LL);
                return;
        }
        LOG_WARNING("event=control_busy uid=%u pid=%d clients=%d", peer->uid, (int)peer->pid, CONTROL_CLIENTS_MAX);
        /* It fits into a fresh socket's buffer; when not, the close says enough. */
        (void)!send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        close(fd);
}

static void
client_close(struct client *client)
{
        loop_timer_stop(client->timer);
        loop_watch_free(client->watch);
        close(client->fd);
        free(client->input);
        free(client->output);
        *client = (struct client){.control = client->control, .timer = client->timer, .fd = -1};
}

static void
on_client(void *owner, int fd, bool readable, bool writable)
{
        struct client *client = owner;
        (void)fd;
        if (writable && client->state == CLIENT_ANSWERING)
                client_send(client);
        else if (readable && client->state == CLIENT_READING)
                client_read(client);
        else if (readable && client->state == CLIENT_WAITING)
                client_look(client);
}

static void
on_deadline(void *owner)
{
        struct client *client = owner;
        char message[CONTROL_MESSAGE_SIZE + 64];
        if (client->state != CLIENT_WAITING) {
                if (client->input_size > 0 || client->state == CLIENT_ANSWERING)
                        LOG_WARNING("event=control_slow_client uid=%u pid=%u", client->uid, client->pid);
                client_close(client);
                return;
        }
        if (client->request.verb == CONTROL_WAIT_READY)
                snprintf(message, sizeof(message), "not ready after %lld ms: %s", (long long)client->request.timeout_ms,
                         client->control->reason);
        else
                snprintf(message, sizeof(message), "no answer after %lld ms: not known to be done", (long long)client->request.timeout_ms);
        client_answer(client, false, client->request.verb == CONTROL_WAIT_READY, message, NULL);
}

/* While its answer is due a client has nothing to say: it went, or its next line is early and waits. */
static void
client_look(struct client *client)
{
        char byte;
        ssize_t got = recv(client->fd, &byte, 1, MSG_PEEK);
        if (got > 0) {
                loop_watch_change(client->watch, false, false);
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
                audit(client, "command_done", "unknown", "who asked went before the answer");
                client_close(client);
        }
}

static void
client_read(struct client *client)
{
        size_t room = PM_CONTROL_LINE_MAX + 1 - client->input_size;
        ssize_t got = recv(client->fd, client->input + client->input_size, room < READ_SIZE ? room : READ_SIZE, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (got <= 0) {
                client_close(client);
                return;
        }
        client->input_size += (size_t)got;
        client_take_lines(client);
}

/* Takes at most one line: the next waits until this one is answered. */
static void
client_take_lines(struct client *client)
{
        char error[CONTROL_REQUEST_ERROR_SIZE];
        char *end = memchr(client->input, '\n', client->input_size);
        if (end == NULL) {
                if (client->input_size > PM_CONTROL_LINE_MAX) {
                        LOG_WARNING("event=control_line_too_long uid=%u pid=%u", client->uid, client->pid);
                        client->closing = true;
                        client_answer(client, false, true, "the line is too long", NULL);
                }
                return;
        }
        size_t line_size = (size_t)(end - client->input);
        enum control_request_status status = control_request_parse(client->input, line_size, &client->request, error);
        client->input_size -= line_size + 1;
        memmove(client->input, end + 1, client->input_size);
        if (status != CONTROL_REQUEST_OK) {
                char quoted[2 * CONTROL_REQUEST_ERROR_SIZE];
                LOG_WARNING("event=control_bad_request uid=%u pid=%u msg=%s", client->uid, client->pid,
                            log_quote(quoted, sizeof(quoted), error, strlen(error)));
                client->request = (struct control_request){0};
                client_answer(client, false, true, error, NULL);
                return;
        }
        struct control *control = client->control;
        client->request.ticket = ++control->last_ticket;
        client->request.uid = client->uid;
        client->request.pid = client->pid;
        client->state = CLIENT_WAITING;
        audit(client, "command", NULL, client->request.note);
        loop_timer_start_us(client->timer, client->request.timeout_ms * 1000);
        if (client->request.verb == CONTROL_WAIT_READY) {
                answer_if_ready(client);
                return;
        }
        /* A copy: the answer may come within the call. */
        struct control_request request = client->request;
        control->handler->on_request(control->owner, control, &request);
}

/* Commands that change something are told at info, when they come and when they are done; questions at debug. */
static void
audit(const struct client *client, const char *event, const char *ok, const char *message)
{
        char quoted[2 * CONTROL_MESSAGE_SIZE];
        char figure[FIXED_TEXT_SIZE + 16] = "";
        const struct control_request *request = &client->request;
        bool question = request->verb == CONTROL_STATUS || request->verb == CONTROL_WAIT_READY;
        enum log_level level = question ? LOG_DEBUG : LOG_INFO;
        if (request->verb == CONTROL_NONE || !log_is_on(level))
                return;
        if (request->amount_e6 != 0) {
                char text[FIXED_TEXT_SIZE];
                fixed_format_short(request->amount_e6, text);
                snprintf(figure, sizeof(figure), " amount=%s", text);
        }
        if (request->signal_number != 0)
                snprintf(figure, sizeof(figure), " signal=%d", request->signal_number);
        log_write(level, "event=%s verb=%s%s%s%s%s uid=%u pid=%u%s%s msg=%s", event, control_verb_name((int)request->verb),
                  request->role != ROLE_NONE ? " role=" : "", request->role != ROLE_NONE ? msg_role_name((int)request->role) : "",
                  request->verb == CONTROL_MAINTENANCE ? (request->on ? " on=yes" : " on=no") : "", figure, client->uid, client->pid,
                  ok != NULL ? " ok=" : "", ok != NULL ? ok : "", log_quote(quoted, sizeof(quoted), message, strlen(message)));
}

/* Puts the answer in the way; it leaves from the loop, so that nothing here closes the client under its caller. */
static void
client_answer(struct client *client, bool ok, bool known, const char *message, struct json_object *status)
{
        struct json_object *object = json_object_new_object();
        PM_ASSERT(object != NULL);
        audit(client, "command_done", ok ? "yes" : "no", message);
        json_object_object_add(object, "ok", json_object_new_boolean(ok));
        json_object_object_add(object, "message", json_object_new_string(message));
        if (!known)
                json_object_object_add(object, "known", json_object_new_boolean(false));
        if (status != NULL)
                json_object_object_add(object, "status", status);
        size_t size;
        const char *text = json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        client->output = malloc(size + 1);
        PM_ASSERT(client->output != NULL);
        memcpy(client->output, text, size);
        client->output[size] = '\n';
        client->output_size = size + 1;
        client->output_sent = 0;
        json_object_put(object);
        client->state = CLIENT_ANSWERING;
        loop_watch_change(client->watch, false, true);
        loop_timer_start_us(client->timer, CONTROL_CLIENT_DEADLINE_MS * 1000LL);
}

static void
client_send(struct client *client)
{
        ssize_t sent = send(client->fd, client->output + client->output_sent, client->output_size - client->output_sent, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (sent < 0) {
                client_close(client);
                return;
        }
        client->output_sent += (size_t)sent;
        if (client->output_sent < client->output_size)
                return;
        if (client->closing) {
                client_close(client);
                return;
        }
        free(client->output);
        client->output = NULL;
        client->request = (struct control_request){0};
        client->state = CLIENT_READING;
        loop_watch_change(client->watch, true, false);
        loop_timer_start_us(client->timer, CONTROL_CLIENT_DEADLINE_MS * 1000LL);
        client_take_lines(client);
}
