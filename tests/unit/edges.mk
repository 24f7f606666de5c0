# Unit tests of worker/. test_worker runs a real pm-worker between played peers.
edges_tests = tests/unit/test_signal_json tests/unit/test_outbox tests/unit/test_replies tests/unit/test_http_edge tests/unit/test_ingest \
	tests/unit/test_worker
check_PROGRAMS += $(edges_tests)
TESTS += $(edges_tests)
tests_unit_test_signal_json_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JSONC_CFLAGS)
tests_unit_test_signal_json_LDADD = worker/libworker.a common/libcommon.a $(JSONC_LIBS) $(CHECK_LIBS)
tests_unit_test_outbox_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_outbox_LDADD = worker/libworker.a common/libcommon.a $(MSGPACK_LIBS) $(CHECK_LIBS)
tests_unit_test_replies_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_replies_LDADD = worker/libworker.a common/libcommon.a $(CHECK_LIBS)
tests_unit_test_http_edge_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_http_edge_LDADD = worker/libworker.a common/libcommon.a $(CHECK_LIBS)
tests_unit_test_ingest_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JSONC_CFLAGS)
tests_unit_test_ingest_LDADD = worker/libworker.a worker/core/libcore.a common/libcommon.a $(MSGPACK_LIBS) $(JSONC_LIBS) $(CHECK_LIBS)
tests_unit_test_worker_SOURCES = tests/unit/test_worker.c tests/support/fake_peers.c tests/support/fake_peers.h
tests_unit_test_worker_CPPFLAGS = $(AM_CPPFLAGS) -DPM_WORKER_PROGRAM='"$(abs_top_builddir)/pm-worker"'
tests_unit_test_worker_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_worker_LDADD = worker/libworker.a worker/core/libcore.a $(COMMON_LIBS) $(LIBEVENT_EXTRA_LIBS) $(CHECK_LIBS)
EXTRA_tests_unit_test_worker_DEPENDENCIES = pm-worker$(EXEEXT)
