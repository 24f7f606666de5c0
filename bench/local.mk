# What is measured, and the programs it is measured against; see bench/README.md.
EXTRA_PROGRAMS += bench/floor
bench_floor_SOURCES = %D%/floor.c
bench_floor_LDADD = common/libcommon.a $(LIBEVENT_LIBS) $(NNG_LIBS)
CLEANFILES += bench/floor

# The core alone: decide and apply, and that nothing is allocated meanwhile.
EXTRA_PROGRAMS += bench/core_bench
bench_core_bench_SOURCES = %D%/core_bench.c
bench_core_bench_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
bench_core_bench_LDADD = worker/core/libcore.a common/libcommon.a
CLEANFILES += bench/core_bench

EXTRA_DIST += %D%/README.md %D%/recovery.py

.PHONY: bench
bench: all bench/floor bench/core_bench
	$(AM_V_GEN)bench/core_bench
	$(AM_V_GEN)/usr/bin/python3 $(srcdir)/bench/recovery.py --build-dir $(abs_builddir)
