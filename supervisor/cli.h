/* cli: pm-supervisor's command line. Every verb is one row of a table: name, arguments, what it does, handler. The help
 * texts, the usage line and the shell completion come from the rows. */
#ifndef PM_SUPERVISOR_CLI_H
#define PM_SUPERVISOR_CLI_H

#include <stdio.h>

#include "common/config.h"
#include "supervisor/config_source.h"

/* What main() lends: the daemon itself, so that this module does not depend on it. */
struct cli_hooks {
        /* Runs the service until it is told to stop; returns the exit code. config is checked. source is for `reload`.
         * ready_fd: -1 for `run` (foreground); else this process is the daemon of `start`, already in its own session with
         * /dev/null on 0, 1 and 2, and the parent waits at the other end: see daemon.h for the lines to write there. */
        int (*run)(struct config *config, const struct config_source *source, int ready_fd);
        /* Prints the children's state table as a graph. NULL: the verb is not offered. */
        int (*dump_fsm)(FILE *out);
};

/* The whole program: parses, runs the verb, returns the exit code of exit_code.h. hooks are kept until return. */
int cli_main(int argc, char **argv, const struct cli_hooks *hooks);

#endif
