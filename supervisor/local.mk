noinst_LIBRARIES += supervisor/libsupervisor.a
supervisor_libsupervisor_a_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(SYSTEMD_CFLAGS)
supervisor_libsupervisor_a_SOURCES =

sbin_PROGRAMS += pm-supervisor
pm_supervisor_SOURCES = %D%/main.c
pm_supervisor_LDADD = supervisor/libsupervisor.a $(COMMON_LIBS) $(SYSTEMD_LIBS)

# The operator's side: command line, control socket, status.
supervisor_libsupervisor_a_SOURCES += \
	%D%/cli.c %D%/cli.h %D%/cli_help.c %D%/cli_help.h %D%/cli_table.c %D%/cli_table.h \
	%D%/config_source.c %D%/config_source.h %D%/control.c %D%/control.h %D%/control_client.c %D%/control_client.h \
	%D%/control_request.c %D%/control_request.h %D%/daemon.c %D%/daemon.h %D%/http_client.c %D%/http_client.h \
	%D%/probe.c %D%/probe.h %D%/status.c %D%/status.h %D%/status_json.c %D%/status_json.h \
	%D%/status_screen.c %D%/status_screen.h %D%/verb_call.c %D%/verb_call.h %D%/verb_check.c %D%/verb_check.h \
	%D%/verb_life.c %D%/verb_life.h %D%/verb_portfolio.c %D%/verb_portfolio.h %D%/verb_status.c %D%/verb_status.h
