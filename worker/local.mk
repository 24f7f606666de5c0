# pm-worker: signals in over HTTP, decisions by the core, answers out after the commit.
noinst_LIBRARIES += worker/libworker.a
worker_libworker_a_CFLAGS = $(AM_CFLAGS) $(LIBEVENT_EXTRA_CFLAGS)
worker_libworker_a_SOURCES = \
	%D%/json_scan.c %D%/json_scan.h %D%/signal_time.c %D%/signal_time.h %D%/signal_json.c %D%/signal_json.h \
	%D%/json_out.c %D%/json_out.h %D%/answers.c %D%/answers.h %D%/outbox.c %D%/outbox.h %D%/replies.c %D%/replies.h \
	%D%/ingest.c %D%/ingest.h %D%/commands.c %D%/commands.h %D%/rehydrate.c %D%/rehydrate.h %D%/views.c %D%/views.h \
	%D%/http_auth.c %D%/http_auth.h %D%/http_limits.c %D%/http_limits.h %D%/http_server.c %D%/http_server.h \
	%D%/webhook.c %D%/webhook.h %D%/routes.c %D%/routes.h %D%/worker.c %D%/worker.h

pmlibexec_PROGRAMS += pm-worker
pm_worker_SOURCES = %D%/main.c
pm_worker_LDADD = worker/libworker.a worker/core/libcore.a $(COMMON_LIBS) $(LIBEVENT_EXTRA_LIBS)
