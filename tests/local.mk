# One list a kind of test; each folder below adds to it.
include %D%/unit/local.mk
include %D%/replay/local.mk
include %D%/fuzz/local.mk
