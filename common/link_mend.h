/* link_mend: mends faults of nng 1.5.2 (Debian 12, Ubuntu 22.04) that end a link for good when a peer is killed at a bad moment.
 * Used by link.c alone. The three were seen here; each has a test in test_link that fails without this file.
 *
 * 1. A message is read in two steps, header and body, and a long one is written in several. When the pipe is closed between two
 *    steps, because a write to a peer that died fails while its last messages are being read, the next step is begun on a
 *    stopped operation: it is not started, and nobody is told. The pipe then waits for it for ever, and with it nng's one
 *    thread that takes pipes down, in the whole process: no later peer is ever seen to leave, no dialer connects again, and
 *    nng_close does not return. Killing a busy worker again and again did that within 24 to 1,300 kills.
 * 2. A listener whose greeting fails with EPIPE, since the dialer died while it connected, takes that for its own closing and
 *    accepts nobody any more.
 * 3. A dialer does the same when the listening process dies while it connects.
 *
 * A program may replace functions that a library calls by its own of the same name. Ours call the real ones. Those of the steps,
 * nng_stream_recv and nng_stream_send, then finish a step that was not started with an error, which is what its callback
 * expects. sendmsg, which nng writes with, says ECONNRESET for EPIPE: the same news, and an error after which nng goes on.
 * Other versions of nng are left as they are; the tests tell whether that is right. */
#ifndef PM_COMMON_LINK_MEND_H
#define PM_COMMON_LINK_MEND_H

/* Finds the real functions. Before the first socket is opened; again is fine. */
void link_mend_begin(void);

#endif
