noinst_LIBRARIES += persister/libpersister.a
persister_libpersister_a_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS) $(JSONC_CFLAGS) $(LIBMD_CFLAGS)
persister_libpersister_a_SOURCES = \
	%D%/batch.c %D%/batch.h %D%/db_conn.c %D%/db_conn.h %D%/db_dial.c %D%/db_dial.h %D%/db_flight.c %D%/db_flight.h \
	%D%/db_problem.c %D%/db_problem.h %D%/db_resolve.c %D%/db_resolve.h %D%/db_target.c %D%/db_target.h \
	%D%/intake.c %D%/intake.h %D%/params.c %D%/params.h %D%/row_index.c %D%/row_index.h %D%/rows.c %D%/rows.h \
	%D%/statements.c %D%/statements.h %D%/store.c %D%/store.h \
	%D%/conninfo.c %D%/conninfo.h %D%/inbox.c %D%/inbox.h %D%/loader.c %D%/loader.h %D%/outlet.c %D%/outlet.h \
	%D%/persister.c %D%/persister.h %D%/records.c %D%/records.h %D%/snapshot.c %D%/snapshot.h \
	%D%/event_json.c %D%/event_json.h %D%/cell.c %D%/cell.h %D%/load.c %D%/load.h %D%/replay.c %D%/replay.h %D%/migrate.c %D%/migrate.h \
	%D%/verify.c %D%/verify.h %D%/verbs.c %D%/verbs.h

pmlibexec_PROGRAMS += pm-persister
pm_persister_SOURCES = %D%/main.c
pm_persister_CFLAGS = $(AM_CFLAGS) $(LIBPQ_CFLAGS)
pm_persister_LDADD = persister/libpersister.a worker/core/libcore.a $(COMMON_LIBS) $(LIBPQ_LIBS) $(LIBMD_LIBS)

# The migrations are compiled in, so that a program and its schema cannot be parted.
nodist_persister_libpersister_a_SOURCES = %D%/sql_table.c
CLEANFILES += %D%/sql_table.c
EXTRA_DIST += %D%/embed-sql
%D%/sql_table.c: %D%/embed-sql $(dist_sql_DATA)
	$(AM_V_GEN)$(MKDIR_P) %D% && $(srcdir)/%D%/embed-sql $(addprefix $(srcdir)/,$(dist_sql_DATA)) >$@.tmp && mv $@.tmp $@
