# Unit tests of the pure half of common/.
foundations_tests = tests/unit/test_fixed tests/unit/test_clock tests/unit/test_wire tests/unit/test_instrument
check_PROGRAMS += $(foundations_tests)
TESTS += $(foundations_tests)
tests_unit_test_fixed_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_fixed_LDADD = common/libcommon.a $(CHECK_LIBS)
tests_unit_test_clock_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_clock_LDADD = common/libcommon.a $(CHECK_LIBS)
tests_unit_test_wire_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_wire_LDADD = common/libcommon.a $(MSGPACK_LIBS) $(CHECK_LIBS)
tests_unit_test_instrument_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_instrument_LDADD = common/libcommon.a $(CHECK_LIBS)
