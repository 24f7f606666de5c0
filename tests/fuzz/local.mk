# libFuzzer targets; ./configure --enable-fuzzers --enable-sanitizers=address,undefined CC=clang, then tests/fuzz/run BUILD SECONDS.
EXTRA_DIST += %D%/run %D%/corpus
if FUZZERS
fuzz_compile = $(AM_CFLAGS) -fsanitize=fuzzer-no-link
fuzz_link = $(AM_LDFLAGS) -fsanitize=fuzzer

EXTRA_PROGRAMS += tests/fuzz/fuzz_wire
tests_fuzz_fuzz_wire_SOURCES = %D%/fuzz_wire.c
tests_fuzz_fuzz_wire_CFLAGS = $(fuzz_compile)
tests_fuzz_fuzz_wire_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_wire_LDADD = common/libcommon.a $(MSGPACK_LIBS)
endif

# A body through the parser, the core and a replay of its events.
if FUZZERS
EXTRA_PROGRAMS += tests/fuzz/fuzz_signal
tests_fuzz_fuzz_signal_SOURCES = %D%/fuzz_signal.c
tests_fuzz_fuzz_signal_CFLAGS = $(fuzz_compile)
tests_fuzz_fuzz_signal_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_signal_LDADD = worker/libworker.a worker/core/libcore.a common/libcommon.a
endif

# The configuration file, --set and database_config.json.
if FUZZERS
EXTRA_PROGRAMS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = %D%/fuzz_config.c
tests_fuzz_fuzz_config_CFLAGS = $(fuzz_compile)
tests_fuzz_fuzz_config_LDFLAGS = $(fuzz_link)
tests_fuzz_fuzz_config_LDADD = common/libcommon.a $(JSONC_LIBS) $(INIH_LIBS)
endif
