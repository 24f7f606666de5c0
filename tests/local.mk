# One list a kind of test; each folder below adds to it.
include %D%/unit/local.mk
include %D%/replay/local.mk
include %D%/fuzz/local.mk

EXTRA_DIST += %D%/README.md %D%/lint/run %D%/lint/rules.py %D%/lint/core-symbols %D%/support/pm.py %D%/support/signals.py \
	%D%/integration/conftest.py %D%/integration/test_database_faults.py %D%/integration/test_kills.py %D%/integration/test_load_kills.py \
	%D%/integration/test_messages.py %D%/integration/test_seed_sql.py %D%/integration/test_signals.py \
	%D%/integration/test_valgrind.py %D%/integration/test_verify.py
