# What is measured, and the programs it is measured against; see bench/README.md.
EXTRA_PROGRAMS += bench/floor
bench_floor_SOURCES = %D%/floor.c
bench_floor_LDADD = common/libcommon.a $(LIBEVENT_LIBS) $(NNG_LIBS)
CLEANFILES += bench/floor
EXTRA_DIST += %D%/README.md %D%/recovery.py

.PHONY: bench
bench: all bench/floor
	$(AM_V_GEN)/usr/bin/python3 $(srcdir)/bench/recovery.py --build-dir $(abs_builddir)
