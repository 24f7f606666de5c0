# The pure trading core. It links with nothing but the pure part of common.
noinst_LIBRARIES += worker/core/libcore.a
worker_core_libcore_a_SOURCES = \
	%D%/core.c %D%/core.h %D%/signal.h %D%/state.c %D%/state.h %D%/book.c %D%/book.h \
	%D%/apply.c %D%/snapshot.c %D%/snapshot.h %D%/refuse.h %D%/audit.c %D%/digest.c %D%/digest.h \
	%D%/kept.c %D%/kept.h %D%/probes.c %D%/probes.h \
	%D%/decide.c %D%/decide.h %D%/decide_tick.c %D%/rules.c %D%/rules.h %D%/gates.c %D%/gates.h \
	%D%/sizing.c %D%/sizing.h %D%/stops.c %D%/stops.h %D%/portfolio.c %D%/portfolio.h %D%/peel.c %D%/peel.h \
	%D%/quote.c %D%/quote.h

# The rules in words; the tables of rules.c cite its sections.
EXTRA_DIST += docs/TRADING_RULES.md
