# Unit tests of the impure half of common/.
platform_tests = tests/unit/test_log tests/unit/test_loop tests/unit/test_config tests/unit/test_link
check_PROGRAMS += $(platform_tests)
TESTS += $(platform_tests)
tests_unit_test_log_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_log_LDADD = common/libcommon.a $(CHECK_LIBS)
tests_unit_test_loop_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_loop_LDADD = common/libcommon.a $(LIBEVENT_LIBS) $(CHECK_LIBS)
tests_unit_test_config_CPPFLAGS = $(AM_CPPFLAGS) -DPM_TEST_SRCDIR='"$(abs_top_srcdir)"'
tests_unit_test_config_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_config_LDADD = common/libcommon.a $(JSONC_LIBS) $(INIH_LIBS) $(CHECK_LIBS)
tests_unit_test_link_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_link_LDADD = common/libcommon.a $(LIBEVENT_LIBS) $(MSGPACK_LIBS) $(NNG_LIBS) $(CHECK_LIBS)
