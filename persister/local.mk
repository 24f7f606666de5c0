noinst_LIBRARIES += persister/libpersister.a
persister_libpersister_a_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS) $(JSONC_CFLAGS) $(LIBMD_CFLAGS)
persister_libpersister_a_SOURCES = \
	%D%/batch.c %D%/batch.h %D%/db_problem.c %D%/db_problem.h %D%/intake.c %D%/intake.h %D%/params.c %D%/params.h \
	%D%/event_json.c %D%/event_json.h %D%/load.c %D%/load.h

pmlibexec_PROGRAMS += pm-persister
pm_persister_SOURCES = %D%/main.c
pm_persister_LDADD = persister/libpersister.a worker/core/libcore.a $(COMMON_LIBS) $(LIBPQ_LIBS) $(LIBMD_LIBS)
