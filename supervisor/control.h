/* control: the server side of run_dir/control.sock, where the operator's verbs are heard. Owned by the supervisor.
 *
 * A unix stream socket, 0600; the peer must be root or our own effective user (SO_PEERCRED). Lines of JSON, at most
 * PM_CONTROL_LINE_MAX bytes: {"verb":"restart","role":"worker"} gets {"ok":true,"message":"…"}; when it is not
 * known whether the command was done, {"ok":false,"known":false,"message":"…"}. One request at a time a
 * connection; a client has CONTROL_CLIENT_DEADLINE_MS to send its line and to take its answer, so that a slow one
 * blocks nobody. Every command goes to the log with who gave it and how it ended. */
#ifndef PM_SUPERVISOR_CONTROL_H
#define PM_SUPERVISOR_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/loop.h"
#include "supervisor/control_request.h"
#include "supervisor/status.h"

#define CONTROL_CLIENTS_MAX 32
#define CONTROL_CLIENT_DEADLINE_MS 5000
#define CONTROL_MESSAGE_SIZE 1024

struct control;

enum control_status {
        CONTROL_OK = 0,
        CONTROL_FAILED, /* the socket could not be made; logged */
};

struct control_handler {
        /* Must be answered exactly once with one of the control_answer functions: now, or later by the ticket. A request that
         * is not answered within its timeout_ms is answered by control: "not known to be done". Valid until return. */
        void (*on_request)(void *owner, struct control *control, const struct control_request *request);
};

/* path is at most PM_UNIX_PATH_MAX bytes. A socket file that is there already is removed: the caller holds the pid file's
 * lock, so nobody listens on it. handler is kept, owner is given back. */
PM_MUST_CHECK enum control_status control_new(struct control **control, struct loop *loop, const char *path,
                                              const struct control_handler *handler, void *owner);
/* Closes everything and removes the socket file. Answers that wait are sent as far as the socket takes them. NULL is fine. */
void control_free(struct control *control);

/* Answers. A ticket whose client has gone is fine: nothing happens beside the log line. */
void control_answer(struct control *control, uint64_t ticket, bool ok, const char *message, ...) __attribute__((format(printf, 4, 5)));
void control_answer_status(struct control *control, uint64_t ticket, const struct status *status);

/* To be called whenever readiness or the reason against it changes; answers those that `wait --ready`. reason is copied. */
void control_set_ready(struct control *control, bool ready, const char *reason);

#endif
