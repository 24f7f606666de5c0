# Golden cases and recorded signals, played through the real parser and the real core.
check_PROGRAMS += tests/replay/pm-vectors tests/replay/pm-replay
tests_replay_pm_vectors_SOURCES = \
	%D%/vectors.c %D%/vector.c %D%/vector.h %D%/vector_functions.c %D%/vector_session.c \
	%D%/player.c %D%/player.h %D%/final.c %D%/final.h
tests_replay_pm_vectors_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(LIBMD_CFLAGS)
tests_replay_pm_vectors_LDADD = worker/libworker.a worker/core/libcore.a common/libcommon.a $(JSONC_LIBS) $(LIBMD_LIBS)

tests_replay_pm_replay_SOURCES = %D%/replay.c %D%/player.c %D%/player.h %D%/final.c %D%/final.h
tests_replay_pm_replay_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS)
tests_replay_pm_replay_LDADD = worker/libworker.a worker/core/libcore.a $(COMMON_LIBS)

EXTRA_DIST += %D%/vectors %D%/recorded
dist_check_SCRIPTS += %D%/run-vectors
TESTS += %D%/run-vectors
