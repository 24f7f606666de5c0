/* link: see link.h.
 *
 * nng runs threads of its own. They touch only struct gate, under its mutex, and wake the loop through an eventfd; all
 * else happens in the loop.
 *
 * Nothing that was meant for one peer, or came from it, may be taken for the next one's. Three things see to that. A new pipe
 * is let in only after the loop has seen the old one go (on_pipe_add_pre); until then its dialer is turned away and comes
 * again. The socket has no send buffer (NNG_OPT_SENDBUF 0): nng holds the one message that it is writing to this pipe,
 * the rest is in our queue, which go_down() empties. And a received message tells its pipe, so a late one is dropped.
 *
 * What a peer sent and its death may overtake each other in the kernel: the last words of a process that was killed can be
 * lost although its send was complete. Only an answer proves anything. */
#include "common/link.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/link_mend.h"
#include "common/log.h"

/* Messages that nng may hold for us while the loop is busy; more wait in the kernel and then at the sender. */
#define RECEIVE_BUFFER_COUNT 64
/* Messages handled before other descriptors get their turn. */
#define RECEIVE_BUDGET 128
#define QUEUE_COUNT_FIRST 64

/* What nng's threads tell the loop. */
struct gate {
        pthread_mutex_t mutex;
        int wake_fd;
        uint32_t pipe_id; /* let in and not yet seen off by the loop; 0: none */
        bool added;
        bool removed;
};

struct queue {
        nng_msg **items; /* a ring */
        size_t capacity;
        size_t first;
        size_t count;
        size_t size; /* bytes */
};

struct link {
        struct loop *loop;
        const struct link_handler *handler;
        void *owner;
        enum role own;
        enum role peer;
        nng_socket socket;
        bool open;
        bool up;
        bool failed; /* an error other than "later" was logged for this peer */
        int dispatching;
        bool doomed; /* link_free() was called from a handler of ours */
        struct gate gate;
        struct loop_watch *watch_gate;
        struct loop_watch *watch_receive;
        struct loop_watch *watch_send;
        struct queue queue;
        struct wire_buffer buffer;
        struct wire_decoder decoder;
};

/* nng's threads. */

static void
wake(struct gate *gate)
{
        const uint64_t one = 1;
        /* The counter cannot be full; EAGAIN would mean the loop is being woken anyway. */
        ssize_t written = write(gate->wake_fd, &one, sizeof one);
        (void)written;
}

static void
on_pipe_add_pre(nng_pipe pipe, nng_pipe_ev event, void *owner)
{
        struct gate *gate = owner;
        (void)event;
        pthread_mutex_lock(&gate->mutex);
        bool welcome = gate->pipe_id == 0;
        if (welcome)
                gate->pipe_id = (uint32_t)nng_pipe_id(pipe);
        pthread_mutex_unlock(&gate->mutex);
        if (!welcome)
                nng_pipe_close(pipe); /* the dialer comes again within PM_RECONNECT_MAX_MS */
}

static void
on_pipe_change(nng_pipe pipe, nng_pipe_ev event, void *owner)
{
        struct gate *gate = owner;
        pthread_mutex_lock(&gate->mutex);
        if (gate->pipe_id == (uint32_t)nng_pipe_id(pipe)) {
                if (event == NNG_PIPE_EV_ADD_POST)
                        gate->added = true;
                else
                        gate->removed = true;
                wake(gate);
        }
        pthread_mutex_unlock(&gate->mutex);
}

/* The queue. */

static bool
queue_push(struct queue *queue, nng_msg *message)
{
        if (queue->count == queue->capacity) {
                size_t capacity = queue->capacity > 0 ? 2 * queue->capacity : QUEUE_COUNT_FIRST;
                nng_msg **items = malloc(capacity * sizeof(nng_msg *));
                if (items == NULL)
                        return false;
                for (size_t i = 0; i < queue->count; i++)
                        items[i] = queue->items[(queue->first + i) % queue->capacity];
                free(queue->items);
                queue->items = items;
                queue->capacity = capacity;
                queue->first = 0;
        }
        queue->items[(queue->first + queue->count) % queue->capacity] = message;
        queue->count++;
        queue->size += nng_msg_len(message);
        return true;
}

static nng_msg *
queue_head(const struct queue *queue)
{
        return queue->items[queue->first];
}

/* Forgets the head, which somebody else has now. size is what it had when it was pushed. */
static void
queue_pop(struct queue *queue, size_t size)
{
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        queue->size -= size;
}

static void
queue_clear(struct queue *queue)
{
        while (queue->count > 0) {
                nng_msg *message = queue_head(queue);
                queue_pop(queue, nng_msg_len(message));
                nng_msg_free(message);
        }
}

/* The loop. */

static void
destroy(struct link *link)
{
        loop_watch_free(link->watch_send);
        loop_watch_free(link->watch_receive);
        loop_watch_free(link->watch_gate);
        if (link->open)
                nng_close(link->socket);
        queue_clear(&link->queue);
        free(link->queue.items);
        if (link->gate.wake_fd >= 0)
                close(link->gate.wake_fd);
        pthread_mutex_destroy(&link->gate.mutex);
        wire_buffer_fini(&link->buffer);
        wire_decoder_fini(&link->decoder);
        free(link);
}

/* Around everything that calls a handler, since a handler may call link_free. leave: false when the link is gone. */
static void
enter(struct link *link)
{
        link->dispatching++;
}

static bool
leave(struct link *link)
{
        if (--link->dispatching == 0 && link->doomed) {
                destroy(link);
                return false;
        }
        return true;
}

static void
go_up(struct link *link)
{
        link->up = true;
        link->failed = false;
        LOG_DEBUG("event=link_up peer=%s", msg_role_name(link->peer));
        if (link->handler->on_up != NULL && !link->doomed)
                link->handler->on_up(link->owner, link);
}

static void
on_bytes(struct link *link, const uint8_t *bytes, size_t size)
{
        struct msg msg;
        const char *field = NULL;
        msg.type = MSG_NONE;
        enum wire_status status = wire_decode(&link->decoder, bytes, size, link->peer, link->own, &msg, &field);
        if (status == WIRE_OK) {
                link->handler->on_message(link->owner, link, &msg);
                return;
        }
        const struct msg_desc *desc = msg_desc_of((int)msg.type);
        LOG_ERROR("event=link_garbage peer=%s status=%s message=%s field=%s size=%zu", msg_role_name(link->peer), wire_status_name(status),
                  desc != NULL ? desc->name : "none", field != NULL ? field : "none", size);
        if (link->handler->on_garbage != NULL)
                link->handler->on_garbage(link->owner, link, status, field);
}

/* Takes what has arrived from the peer that is let in. */
static void
receive(struct link *link, int budget)
{
        nng_msg *message;
        while (budget-- > 0 && !link->doomed && nng_recvmsg(link->socket, &message, NNG_FLAG_NONBLOCK) == 0) {
                pthread_mutex_lock(&link->gate.mutex);
                bool current = link->gate.pipe_id == (uint32_t)nng_pipe_id(nng_msg_get_pipe(message));
                pthread_mutex_unlock(&link->gate.mutex);
                if (current && !link->up)
                        go_up(link); /* its first message overtook the news of its arrival */
                if (current && !link->doomed)
                        on_bytes(link, nng_msg_body(message), nng_msg_len(message));
                nng_msg_free(message);
        }
}

static void
go_down(struct link *link)
{
        receive(link, RECEIVE_BUFFER_COUNT + 2); /* its last words come before on_down */
        queue_clear(&link->queue);
        loop_watch_change(link->watch_send, false, false);
        bool was_up = link->up;
        link->up = false;
        pthread_mutex_lock(&link->gate.mutex);
        link->gate.pipe_id = 0;
        link->gate.added = false;
        link->gate.removed = false;
        pthread_mutex_unlock(&link->gate.mutex);
        LOG_DEBUG("event=link_down peer=%s", msg_role_name(link->peer));
        if (was_up && link->handler->on_down != NULL && !link->doomed)
                link->handler->on_down(link->owner, link);
}

/* What nng's threads have told since last time. */
static void
look_at_gate(struct link *link)
{
        pthread_mutex_lock(&link->gate.mutex);
        bool added = link->gate.added;
        bool removed = link->gate.removed;
        link->gate.added = false;
        pthread_mutex_unlock(&link->gate.mutex);
        if (added && !link->up)
                go_up(link);
        if (removed && !link->doomed)
                go_down(link);
}

static void
on_gate(void *owner, int fd, bool readable, bool writable)
{
        struct link *link = owner;
        uint64_t count;
        (void)readable;
        (void)writable;
        ssize_t got = read(fd, &count, sizeof count);
        (void)got; /* only a wake-up; the gate has the news */
        enter(link);
        look_at_gate(link);
        leave(link);
}

static void
on_receivable(void *owner, int fd, bool readable, bool writable)
{
        struct link *link = owner;
        (void)fd;
        (void)readable;
        (void)writable;
        enter(link);
        receive(link, RECEIVE_BUDGET);
        leave(link);
}

/* Sends from the queue until nng says later. */
static void
flush(struct link *link)
{
        while (link->queue.count > 0) {
                nng_msg *message = queue_head(&link->queue);
                size_t size = nng_msg_len(message);
                int error = nng_sendmsg(link->socket, message, NNG_FLAG_NONBLOCK);
                if (error == NNG_EAGAIN)
                        break;
                queue_pop(&link->queue, size);
                if (error != 0) {
                        nng_msg_free(message);
                        if (!link->failed)
                                LOG_ERROR("event=link_send_failed peer=%s error=\"%s\"", msg_role_name(link->peer), nng_strerror(error));
                        link->failed = true;
                }
        }
        loop_watch_change(link->watch_send, link->queue.count > 0, false);
}

static void
on_sendable(void *owner, int fd, bool readable, bool writable)
{
        (void)fd;
        (void)readable;
        (void)writable;
        flush(owner);
}

enum link_status
link_send(struct link *link, const struct msg *msg)
{
        if (!link->up)
                return LINK_DOWN;
        if (link->queue.size >= PM_LINK_QUEUE_SIZE_MAX)
                return LINK_FULL;
        enum wire_status encoded = wire_encode(msg, &link->buffer);
        if (encoded != WIRE_OK) {
                LOG_ERROR("event=link_encode_failed peer=%s message=%s status=%s", msg_role_name(link->peer),
                          msg_desc_of((int)msg->type)->name, wire_status_name(encoded));
                return LINK_ERROR;
        }
        nng_msg *message;
        int error = nng_msg_alloc(&message, link->buffer.size);
        if (error != 0)
                return LINK_FULL;
        memcpy(nng_msg_body(message), link->buffer.data, link->buffer.size);
        if (!queue_push(&link->queue, message)) {
                nng_msg_free(message);
                return LINK_FULL;
        }
        if (link->queue.count == 1)
                flush(link);
        return LINK_OK;
}

bool
link_is_up(const struct link *link)
{
        return link->up;
}

size_t
link_queued_size(const struct link *link)
{
        return link->queue.size;
}

void
link_free(struct link *link)
{
        if (link == NULL)
                return;
        if (link->dispatching > 0)
                link->doomed = true;
        else
                destroy(link);
}

/* Opening. */

static int
set_options(nng_socket socket, struct gate *gate, int *receive_fd, int *send_fd)
{
        int error = nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, PM_MESSAGE_SIZE_MAX);
        if (error == 0)
                error = nng_socket_set_int(socket, NNG_OPT_RECVBUF, RECEIVE_BUFFER_COUNT);
        if (error == 0)
                error = nng_socket_set_int(socket, NNG_OPT_SENDBUF, 0);
        if (error == 0)
                error = nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, PM_RECONNECT_MIN_MS);
        if (error == 0)
                error = nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, PM_RECONNECT_MAX_MS);
        if (error == 0)
                error = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_PRE, on_pipe_add_pre, gate);
        if (error == 0)
                error = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_POST, on_pipe_change, gate);
        if (error == 0)
                error = nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, on_pipe_change, gate);
        if (error == 0)
                error = nng_socket_get_int(socket, NNG_OPT_RECVFD, receive_fd);
        if (error == 0)
                error = nng_socket_get_int(socket, NNG_OPT_SENDFD, send_fd);
        return error;
}

static int
start_listening(nng_socket socket, const char *url)
{
        nng_listener listener;
        int error = nng_listener_create(&listener, socket, url);
        if (error == 0)
                error = nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600);
        return error == 0 ? nng_listener_start(listener, 0) : error;
}

static int
connect_socket(struct link *link, const char *url, bool listens)
{
        int receive_fd = -1;
        int send_fd = -1;
        link_mend_begin();
        int error = nng_pair0_open(&link->socket);
        if (error != 0)
                return error;
        link->open = true;
        error = set_options(link->socket, &link->gate, &receive_fd, &send_fd);
        if (error != 0)
                return error;
        link->watch_gate = loop_watch_new(link->loop, link->gate.wake_fd, true, false, on_gate, link);
        link->watch_receive = loop_watch_new(link->loop, receive_fd, true, false, on_receivable, link);
        link->watch_send = loop_watch_new(link->loop, send_fd, false, false, on_sendable, link);
        return listens ? start_listening(link->socket, url) : nng_dial(link->socket, url, NULL, NNG_FLAG_NONBLOCK);
}

static enum link_status
link_open(struct link **out, struct loop *loop, const char *path, enum role own, enum role peer, const struct link_handler *handler,
          void *owner, bool listens)
{
        *out = NULL;
        char url[sizeof "ipc://" + PM_UNIX_PATH_MAX];
        if ((size_t)snprintf(url, sizeof url, "ipc://%s", path) >= sizeof url) {
                LOG_ERROR("event=link_open_failed peer=%s msg=\"the socket path %s is longer than %d bytes\"", msg_role_name(peer), path,
                          PM_UNIX_PATH_MAX);
                return LINK_ERROR;
        }
        struct link *link = calloc(1, sizeof *link);
        if (link == NULL) {
                LOG_ERROR("event=link_open_failed peer=%s error=\"out of memory\"", msg_role_name(peer));
                return LINK_ERROR;
        }
        link->loop = loop;
        link->handler = handler;
        link->owner = owner;
        link->own = own;
        link->peer = peer;
        pthread_mutex_init(&link->gate.mutex, NULL);
        wire_buffer_init(&link->buffer);
        wire_decoder_init(&link->decoder);
        link->gate.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int error = (int)NNG_ESYSERR + errno;
        if (link->gate.wake_fd >= 0) {
                /* nng starts threads in here, which inherit this mask: our signals are not theirs. */
                sigset_t all;
                sigset_t before;
                sigfillset(&all);
                pthread_sigmask(SIG_SETMASK, &all, &before);
                error = connect_socket(link, url, listens);
                pthread_sigmask(SIG_SETMASK, &before, NULL);
        }
        if (error != 0) {
                char quoted[2 * PM_UNIX_PATH_MAX];
                LOG_ERROR("event=link_open_failed peer=%s path=%s error=\"%s\"", msg_role_name(peer),
                          log_quote(quoted, sizeof quoted, path, strlen(path)), nng_strerror(error));
                destroy(link);
                return LINK_ERROR;
        }
        *out = link;
        return LINK_OK;
}

enum link_status
link_listen(struct link **link, struct loop *loop, const char *path, enum role own, enum role peer, const struct link_handler *handler,
            void *owner)
{
        return link_open(link, loop, path, own, peer, handler, owner, true);
}

enum link_status
link_dial(struct link **link, struct loop *loop, const char *path, enum role own, enum role peer, const struct link_handler *handler,
          void *owner)
{
        return link_open(link, loop, path, own, peer, handler, owner, false);
}
