/* limits: every capacity and deadline of the product in one place, with the rules between them.
 * Used by all three processes. A limit that an operator may move is in config.h instead. */
#ifndef PM_COMMON_LIMITS_H
#define PM_COMMON_LIMITS_H

#include <assert.h>

/* Portfolio. A layer is Long_1 (the base) to Long_6 (rules 5). */
#define PM_LAYERS_MAX 6
#define PM_INSTRUMENTS_MAX 20000
#define PM_INSTRUMENT_NAME_SIZE 24 /* with its NUL; zero-padded so that names compare and hash as three words */
#define PM_DEDUPE_MAX 100000       /* kept signals remembered (rules 4) */
#define PM_DEDUPE_AGE_S (7 * 24 * 3600)
#define PM_DEDUPE_WINDOW_US (60 * 1000000LL)
#define PM_PROBES_MAX 4096 /* drill probes remembered */
#define PM_FIGURES_MAX 8   /* figures that explain one decision */
/* Evicted + signal + six closes and six trails, rounded up. */
#define PM_EVENTS_PER_SIGNAL_MAX 16

/* Outside bytes. */
#define PM_BODY_SIZE_MAX 10240 /* rules 3: one signal */
#define PM_HEADERS_SIZE_MAX 8192
#define PM_REASON_CHARS_MAX 200 /* an exit's reason is cut here (rules 3.8), counted in characters */
#define PM_REASON_SIZE_MAX (4 * PM_REASON_CHARS_MAX)
#define PM_SECRET_SIZE_MAX 256
#define PM_UNIX_PATH_MAX 107 /* sun_path of Linux less its NUL */
#define PM_CONTROL_LINE_MAX 65536

/* Links. A message is refused above its size; a batch is cut well below it. */
#define PM_MESSAGE_SIZE_MAX (8 * 1024 * 1024)
#define PM_BATCH_EVENTS_MAX 4096
#define PM_BATCH_SIZE_MAX (4 * 1024 * 1024)
#define PM_SNAPSHOT_PART_EVENTS 2048
#define PM_LINK_QUEUE_SIZE_MAX (64 * 1024 * 1024)
#define PM_RECONNECT_MIN_MS 1
#define PM_RECONNECT_MAX_MS 10

/* Worker. */
#define PM_OUTBOX_EVENTS_MAX 16384
#define PM_OUTBOX_TEXT_SIZE_MAX (16 * 1024 * 1024)
#define PM_REPLIES_MAX 4096

/* Deadlines. The sender gives up after 3 s (TradingView), so every answer leaves before that. */
#define PM_ANSWER_DEADLINE_MS 2500
#define PM_RECOVERING_WAIT_MS 1500
#define PM_CLIENT_DEADLINE_MS 10000 /* from accept to the whole request read */
#define PM_ORPHAN_DEADLINE_MS 1000  /* P8 */
#define PM_ABORT_DUMP_MS 300        /* SIGABRT to SIGKILL */

static_assert(PM_BATCH_SIZE_MAX + PM_BODY_SIZE_MAX < PM_MESSAGE_SIZE_MAX, "a batch must fit in a message");
static_assert(PM_RECOVERING_WAIT_MS < PM_ANSWER_DEADLINE_MS, "waiting for READY is part of the answer's time");
static_assert(PM_OUTBOX_EVENTS_MAX >= PM_BATCH_EVENTS_MAX, "a full batch must fit in the outbox");
static_assert(PM_OUTBOX_TEXT_SIZE_MAX > 2 * PM_BODY_SIZE_MAX, "the outbox must hold at least one signal's text");
static_assert(PM_INSTRUMENT_NAME_SIZE % 8 == 0, "names are hashed by words");

#endif
