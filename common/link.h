/* link: one nng pair socket in the loop, carrying msg.h messages between two processes over a unix socket.
 * The only place with nng. Exactly one peer at a time. "Sent" promises nothing: only an answer does.
 *
 * The survivor listens, the restarted process dials at once and then every 1 to 10 ms. What was queued for a peer that
 * went away is dropped with it, so a new peer never reads an old one's messages. */
#ifndef PM_COMMON_LINK_H
#define PM_COMMON_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/check.h"
#include "common/loop.h"
#include "common/msg.h"
#include "common/wire.h"

struct link;

enum link_status {
        LINK_OK = 0,
        LINK_DOWN,  /* no peer: not sent */
        LINK_FULL,  /* PM_LINK_QUEUE_SIZE_MAX bytes wait already: not sent */
        LINK_ERROR, /* could not be opened, or the message could not be encoded */
};

struct link_handler {
        /* A message that decoded well. Valid until return. */
        void (*on_message)(void *owner, struct link *link, const struct msg *msg);
        void (*on_up)(void *owner, struct link *link);   /* a peer is there */
        void (*on_down)(void *owner, struct link *link); /* it went away */
        /* Bytes that are no message: field says what was wrong. The link has dropped them. May be NULL: logged only. */
        void (*on_garbage)(void *owner, struct link *link, enum wire_status status, const char *field);
};

/* path is a file name of at most PM_UNIX_PATH_MAX bytes, without ipc://. handler is kept, owner is given back in every
 * call. own and peer name the ends, for decoding and logs. A listening link removes a stale socket file and makes the
 * file 0600. LINK_ERROR is logged with nng's text. */
PM_MUST_CHECK enum link_status link_listen(struct link **link, struct loop *loop, const char *path, enum role own, enum role peer,
                                           const struct link_handler *handler, void *owner);
PM_MUST_CHECK enum link_status link_dial(struct link **link, struct loop *loop, const char *path, enum role own, enum role peer,
                                         const struct link_handler *handler, void *owner);
void link_free(struct link *link); /* NULL is fine */

bool link_is_up(const struct link *link);
/* Encodes and hands over; what the socket does not take now waits in the link's own queue, in order. */
PM_MUST_CHECK enum link_status link_send(struct link *link, const struct msg *msg);
/* Bytes that wait in the link's queue; senders of streams (snapshots, batches) look before they add. */
size_t link_queued_size(const struct link *link);

#endif
