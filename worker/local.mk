# pm-worker: signals in over HTTP, decisions by the core, answers out after the commit.
noinst_LIBRARIES += worker/libworker.a
worker_libworker_a_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_EXTRA_CFLAGS)
worker_libworker_a_SOURCES = \
	%D%/json_scan.c %D%/json_scan.h %D%/signal_time.c %D%/signal_time.h %D%/signal_json.c %D%/signal_json.h

pmlibexec_PROGRAMS += pm-worker
pm_worker_SOURCES = %D%/main.c
pm_worker_LDADD = worker/libworker.a worker/core/libcore.a $(COMMON_LIBS) $(LIBEVENT_EXTRA_LIBS)
