#include "common/link_mend.h"

#include <dlfcn.h>
#include <errno.h>
#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "common/check.h"

typedef void step_fn(nng_stream *stream, nng_aio *aio);
typedef ssize_t sendmsg_fn(int fd, const struct msghdr *message, int flags);

/* Written once: functions that a library calls cannot be handed a struct. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static step_fn *real_receive;
static step_fn *real_send;
static sendmsg_fn *real_sendmsg;
static bool is_needed;

/* function is a pointer to a function; ISO C has no cast from dlsym's to one. */
static void
find(const char *name, void *function)
{
        void *symbol = dlsym(RTLD_NEXT, name);
        PM_ASSERT(symbol != NULL);
        memcpy(function, &symbol, sizeof symbol);
}

static void
find_all(void)
{
        find("nng_stream_recv", &real_receive);
        find("nng_stream_send", &real_send);
        find("sendmsg", &real_sendmsg);
        is_needed = strcmp(nng_version(), "1.5.2") == 0;
}

void
link_mend_begin(void)
{
        PM_ASSERT(pthread_once(&once, find_all) == 0);
}

/* NNG_ECANCELED is what a step has that could not begin. A step that did begin may end with other errors, and its callback
 * does not run before the caller, who holds the lock that it needs, has returned. */
static void
finish_if_not_begun(nng_aio *aio)
{
        if (is_needed && nng_aio_result(aio) == NNG_ECANCELED)
                nng_aio_finish(aio, NNG_ECONNRESET);
}

void
nng_stream_recv(nng_stream *stream, nng_aio *aio)
{
        link_mend_begin();
        real_receive(stream, aio);
        finish_if_not_begun(aio);
}

void
nng_stream_send(nng_stream *stream, nng_aio *aio)
{
        link_mend_begin();
        real_send(stream, aio);
        finish_if_not_begun(aio);
}

/* Everybody's in this program, not nng's alone: so it changes nothing but the name of this one error. */
ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
        link_mend_begin();
        ssize_t sent = real_sendmsg(fd, message, flags);
        if (sent < 0 && errno == EPIPE && is_needed)
                errno = ECONNRESET;
        return sent;
}

#if defined(__SANITIZE_ADDRESS__)
#define HAS_LEAK_CHECK 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_LEAK_CHECK 1
#endif
#endif

#ifdef HAS_LEAK_CHECK
/* The same version loses the memory of a message that is sent in the moment in which its pipe closes: one message at most for
 * each peer that dies, some hundred bytes as a rule. Nothing outside nng can free it, so the leak check leaves it out. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
        return "leak:libnng.so\n";
}
#endif
