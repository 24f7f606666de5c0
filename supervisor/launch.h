/* launch: how each child is started: program, command line, descriptors, lock. */
#ifndef PM_SUPERVISOR_LAUNCH_H
#define PM_SUPERVISOR_LAUNCH_H

#include "supervisor/state.h"

/* The folder of pm-worker and pm-persister: beside our own binary (a build tree), else where they are installed. */
void launch_find_programs(struct supervisor *supervisor);

/* unit_ops.spawn of the three. */
enum unit_spawn launch_unit(struct supervisor *supervisor, struct unit *unit, struct unit_launch *launch);

#endif
