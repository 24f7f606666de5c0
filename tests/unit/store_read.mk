# Unit tests of persister/'s reading side: the schema's files, events as JSON, stored state.
store_read_tests = tests/unit/test_event_json tests/unit/test_migrate tests/unit/test_load
check_PROGRAMS += $(store_read_tests)
TESTS += $(store_read_tests)
store_read_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS) $(LIBPQ_CFLAGS)
store_read_libs = persister/libpersister.a worker/core/libcore.a common/libcommon.a $(LIBPQ_LIBS) $(JSONC_LIBS) $(LIBMD_LIBS) $(CHECK_LIBS)
tests_unit_test_event_json_CFLAGS = $(store_read_cflags)
tests_unit_test_event_json_LDADD = $(store_read_libs)
tests_unit_test_migrate_CFLAGS = $(store_read_cflags)
tests_unit_test_migrate_LDADD = $(store_read_libs)
tests_unit_test_load_CFLAGS = $(store_read_cflags)
tests_unit_test_load_LDADD = $(store_read_libs)
