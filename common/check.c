/* check: where a broken invariant ends. */
#include "common/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void
check_failed(const char *file, int line, const char *what)
{
        fprintf(stderr, "%s:%d: invariant broke: %s\n", file, line, what);
        abort();
}
