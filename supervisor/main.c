/* pm-supervisor: options, config, log, folders, loop, children: the command line leads to supervisor_run(). */
#include "supervisor/child.h"
#include "supervisor/cli.h"
#include "supervisor/supervisor.h"

int
main(int argc, char **argv)
{
        static const struct cli_hooks hooks = {.run = supervisor_run, .dump_fsm = child_print_table};
        return cli_main(argc, argv, &hooks);
}
