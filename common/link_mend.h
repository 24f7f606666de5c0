/* link_mend: mends a fault of nng 1.5.2 (Debian 12, Ubuntu 22.04) that would end a link for good. Used by link.c alone.
 *
 * A message is read in two steps, header and body, and a long one is written in several. When the pipe is closed between two
 * steps, because a write to a peer that died fails while its last messages are being read, the next step is begun on a
 * stopped operation: it is not started, and nobody is told. The pipe then waits for it for ever, and with it nng's one
 * thread that takes pipes down, in the whole process: no later peer is ever seen to leave, no dialer connects again, and
 * nng_close does not return. A worker under load that was killed again and again did that to us within 24 to 1,300 kills.
 *
 * The steps go through two public functions of nng, which a program may replace with its own of the same name: ours call
 * nng's, and when the step was not started they finish it with NNG_ECLOSED, which is what its callback expects. Other versions of nng
 * are left as they are; link_survives_kills_under_traffic in test_link tells whether that is right. */
#ifndef PM_COMMON_LINK_MEND_H
#define PM_COMMON_LINK_MEND_H

/* Finds nng's own functions. Before the first socket is opened; again is fine. */
void link_mend_begin(void);

#endif
