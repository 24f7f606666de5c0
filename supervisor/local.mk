noinst_LIBRARIES += supervisor/libsupervisor.a
supervisor_libsupervisor_a_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(SYSTEMD_CFLAGS)
supervisor_libsupervisor_a_SOURCES =

sbin_PROGRAMS += pm-supervisor
pm_supervisor_SOURCES = %D%/main.c
pm_supervisor_LDADD = supervisor/libsupervisor.a $(COMMON_LIBS) $(SYSTEMD_LIBS)

# The operator's side: command line, control socket, status.
supervisor_libsupervisor_a_SOURCES += \
	%D%/control.c %D%/control.h %D%/control_request.c %D%/control_request.h \
	%D%/status.c %D%/status.h %D%/status_json.c %D%/status_json.h %D%/status_screen.c %D%/status_screen.h
