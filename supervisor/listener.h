/* listener: the HTTP port. Bound once by the supervisor and lent to each worker, so that no connection is refused while a worker
 * is replaced: it waits in the kernel's queue. When no worker has been there for a while, the supervisor itself takes the
 * connections and answers a constant 503, so that a sender tries again instead of hanging. */
#ifndef PM_SUPERVISOR_LISTENER_H
#define PM_SUPERVISOR_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/loop.h"

#define LISTENER_BACKLOG 1024
#define LISTENER_ERROR_SIZE 512
/* Connections that the supervisor answers at the same time; more wait. */
#define LISTENER_GUESTS_MAX 64
#define LISTENER_GUEST_DEADLINE_MS 1000
/* So long no worker may be there before the supervisor answers (P14). */
#define LISTENER_STAND_IN_DELAY_MS 1000

enum listener_status {
        LISTENER_OK = 0,
        LISTENER_IN_USE, /* another process has the port, perhaps our predecessor's worker for a moment yet */
        LISTENER_FAILED,
};

/* address is "127.0.0.1:5000", "[::1]:5000". error is one sentence, with the command that finds who is there. The
 * descriptor is non-blocking and close-on-exec. */
PM_MUST_CHECK enum listener_status listener_bind(const char *address, int *fd, char error[LISTENER_ERROR_SIZE]);

struct listener;

/* Keeps fd. */
struct listener *listener_new(struct loop *loop, int fd);
void listener_free(struct listener *listener); /* closes the port; NULL is fine */
int listener_fd(const struct listener *listener);

/* To be told when a worker takes connections, and when none does any more. */
void listener_set_worker(struct listener *listener, bool is_there);
/* The reason in the 503's body: "recovering", "draining". A constant. */
void listener_set_reason(struct listener *listener, const char *reason);
uint64_t listener_guests_count(const struct listener *listener); /* answered by the supervisor, in all */

#endif
