# What two processes share; knows no process.
noinst_LIBRARIES += common/libcommon.a
common_libcommon_a_CFLAGS = $(AM_CFLAGS) $(MSGPACK_CFLAGS) $(JSONC_CFLAGS) $(INIH_CFLAGS)
common_libcommon_a_SOURCES = \
	%D%/check.c %D%/check.h %D%/limits.h %D%/exit_code.h %D%/field.h \
	%D%/fixed.c %D%/fixed.h %D%/instrument.c %D%/instrument.h \
	%D%/event.c %D%/event.h %D%/msg.c %D%/msg.h %D%/wire.c %D%/wire.h \
	%D%/link.c %D%/link.h %D%/link_mend.c %D%/link_mend.h %D%/loop.c %D%/loop.h %D%/clock.c %D%/clock.h \
	%D%/config.c %D%/config.h %D%/config_table.c %D%/config_table.h \
	%D%/config_file.c %D%/config_instrument.c %D%/config_secret.c %D%/log.c %D%/log.h

# What a program that has a loop, links and a config needs beside its own libraries.
COMMON_LIBS = common/libcommon.a $(LIBEVENT_LIBS) $(MSGPACK_LIBS) $(JSONC_LIBS) $(INIH_LIBS) $(NNG_LIBS)
