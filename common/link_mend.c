#include "common/link_mend.h"

#include <dlfcn.h>
#include <nng/nng.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "common/check.h"

typedef void step_fn(nng_stream *stream, nng_aio *aio);

/* Written once, before nng has a thread: functions that a library calls cannot be handed a struct. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static step_fn *library_receive;
static step_fn *library_send;
static bool is_needed;

static step_fn *
find(const char *name)
{
        step_fn *function;
        void *symbol = dlsym(RTLD_NEXT, name);
        PM_ASSERT(symbol != NULL);
        memcpy(&function, &symbol, sizeof function); /* ISO C has no cast between the two */
        return function;
}

static void
find_all(void)
{
        library_receive = find("nng_stream_recv");
        library_send = find("nng_stream_send");
        is_needed = strcmp(nng_version(), "1.5.2") == 0;
}

void
link_mend_begin(void)
{
        PM_ASSERT(pthread_once(&once, find_all) == 0);
}

/* NNG_ECANCELED is what a step has that could not begin. A step that did begin may end with other errors, and not before its
 * caller, who holds the lock that the callback needs, has returned. */
static void
finish_if_not_begun(nng_aio *aio)
{
        if (is_needed && nng_aio_result(aio) == NNG_ECANCELED)
                nng_aio_finish(aio, NNG_ECLOSED);
}

void
nng_stream_recv(nng_stream *stream, nng_aio *aio)
{
        library_receive(stream, aio);
        finish_if_not_begun(aio);
}

void
nng_stream_send(nng_stream *stream, nng_aio *aio)
{
        library_send(stream, aio);
        finish_if_not_begun(aio);
}
