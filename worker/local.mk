noinst_LIBRARIES += worker/libworker.a
worker_libworker_a_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_EXTRA_CFLAGS) $(JSONC_CFLAGS)
worker_libworker_a_SOURCES =

pmlibexec_PROGRAMS += pm-worker
pm_worker_SOURCES = %D%/main.c
pm_worker_LDADD = worker/libworker.a worker/core/libcore.a $(COMMON_LIBS) $(LIBEVENT_EXTRA_LIBS)
