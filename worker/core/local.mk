# The pure trading core. It links with nothing but the pure part of common.
noinst_LIBRARIES += worker/core/libcore.a
worker_core_libcore_a_SOURCES = %D%/core.c %D%/core.h %D%/signal.h
