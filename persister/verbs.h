/* verbs: the operator's verbs that need the database: check-db, migrate, verify. One blocking connection, plain words on standard output,
 * an exit code of exit_code.h. `pm-supervisor VERB` execs this program, since only it is linked with libpq. */
#ifndef PM_PERSISTER_VERBS_H
#define PM_PERSISTER_VERBS_H

#include <stdbool.h>

/* Is argv[1] one of the verbs here? */
bool verbs_has(const char *name);
/* argv[1] is the verb; then --config F, --set section.key=value, --conninfo-fd N, and the verb's own --json. Returns the exit code. */
int verbs_main(int argc, char **argv);

#endif
