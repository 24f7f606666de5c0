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

# Supervision: children's lives, and what they stand on.
supervisor_libsupervisor_a_SOURCES += \
	%D%/announce.c %D%/announce.h %D%/child.c %D%/child.h %D%/child_log.c %D%/child_log.h \
	%D%/embedded_db.c %D%/embedded_db.h %D%/launch.c %D%/launch.h %D%/listener.c %D%/listener.h \
	%D%/lock_file.c %D%/lock_file.h %D%/orders.c %D%/orders.h %D%/preflight.c %D%/preflight.h %D%/recovery.c %D%/recovery.h \
	%D%/rehydration.c %D%/rehydration.h %D%/rundir.c %D%/rundir.h %D%/spawn.c %D%/spawn.h %D%/state.h \
	%D%/supervisor.c %D%/supervisor.h %D%/unit.c %D%/unit.h %D%/watchdog.c %D%/watchdog.h
