# Unit tests with Check: one program a module, test_X.c for X.c. Each part adds its own to TESTS and check_PROGRAMS.
include %D%/foundations.mk
include %D%/platform.mk
include %D%/trading.mk
include %D%/edges.mk
include %D%/store_read.mk
include %D%/store_write.mk
include %D%/supervision.mk
include %D%/operator.mk
