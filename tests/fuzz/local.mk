# libFuzzer targets; ./configure --enable-fuzzers --enable-sanitizers=address,undefined CC=clang, then tests/fuzz/run BUILD SECONDS.
EXTRA_DIST += %D%/run
if FUZZERS
FUZZ_CFLAGS = $(AM_CFLAGS) -fsanitize=fuzzer-no-link
FUZZ_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_PROGRAMS += tests/fuzz/fuzz_wire
tests_fuzz_fuzz_wire_SOURCES = %D%/fuzz_wire.c
tests_fuzz_fuzz_wire_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_wire_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_wire_LDADD = common/libcommon.a $(MSGPACK_LIBS)
endif
