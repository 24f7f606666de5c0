# Unit tests of the operator's side of supervisor/.
check_PROGRAMS += tests/unit/test_status
TESTS += tests/unit/test_status
EXTRA_DIST += %D%/status.golden

tests_unit_test_status_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_SRCDIR='"$(abs_srcdir)"'
tests_unit_test_status_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JSONC_CFLAGS)
tests_unit_test_status_LDADD = supervisor/libsupervisor.a common/libcommon.a $(JSONC_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_control
TESTS += tests/unit/test_control
tests_unit_test_control_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JSONC_CFLAGS)
tests_unit_test_control_LDADD = supervisor/libsupervisor.a common/libcommon.a $(LIBEVENT_LIBS) $(JSONC_LIBS) $(CHECK_LIBS) -lpthread

check_PROGRAMS += tests/unit/test_cli
TESTS += tests/unit/test_cli
tests_unit_test_cli_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_SRCDIR='"$(abs_srcdir)"'
tests_unit_test_cli_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JSONC_CFLAGS)
tests_unit_test_cli_LDADD = supervisor/libsupervisor.a $(COMMON_LIBS) $(SYSTEMD_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/test_http_client
TESTS += tests/unit/test_http_client
tests_unit_test_http_client_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_test_http_client_LDADD = supervisor/libsupervisor.a common/libcommon.a $(CHECK_LIBS) -lpthread

check_PROGRAMS += tests/unit/test_verb
TESTS += tests/unit/test_verb
tests_unit_test_verb_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JSONC_CFLAGS)
tests_unit_test_verb_LDADD = supervisor/libsupervisor.a $(COMMON_LIBS) $(SYSTEMD_LIBS) $(CHECK_LIBS)
