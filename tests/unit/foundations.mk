# Unit tests of the pure half of common/.
foundations_tests = tests/unit/test_fixed tests/unit/test_clock tests/unit/test_instrument tests/unit/test_event tests/unit/test_msg \
	tests/unit/test_wire
check_PROGRAMS += $(foundations_tests)
TESTS += $(foundations_tests)
tests_unit_test_fixed_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_fixed_LDADD = common/libcommon.a $(CHECK_LIBS)
tests_unit_test_clock_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_clock_LDADD = common/libcommon.a $(CHECK_LIBS)
tests_unit_test_wire_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_wire_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=realloc
tests_unit_test_wire_LDADD = common/libcommon.a $(MSGPACK_LIBS) $(CHECK_LIBS)
tests_unit_test_instrument_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_instrument_LDADD = common/libcommon.a $(CHECK_LIBS)
# It compares the names with those in the CHECKs of the schema.
tests_unit_test_event_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_SCHEMA='"$(abs_top_srcdir)/sql/001_initial_schema.sql"'
tests_unit_test_event_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_event_LDADD = common/libcommon.a $(CHECK_LIBS)
tests_unit_test_msg_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_msg_LDADD = common/libcommon.a $(CHECK_LIBS)
