# Unit tests of worker/.
check_PROGRAMS += tests/unit/test_signal_json
TESTS += tests/unit/test_signal_json
tests_unit_test_signal_json_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JSONC_CFLAGS)
tests_unit_test_signal_json_LDADD = worker/libworker.a common/libcommon.a $(JSONC_LIBS) $(CHECK_LIBS)
