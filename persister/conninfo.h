/* conninfo: where the service's database is: the embedded server's socket, or the operator's file; and the one blocking
 * connection that is made outside the loop, to migrate. Used by pm-persister's service. */
#ifndef PM_PERSISTER_CONNINFO_H
#define PM_PERSISTER_CONNINFO_H

#include <stdbool.h>

#include "common/check.h"
#include "common/config.h"
#include "persister/db_problem.h"

/* fd: the open file of an external database (closed here), -1: opened by its name. config_conninfo_fini() frees. */
PM_MUST_CHECK enum config_status conninfo_read(const struct config *config, int fd, struct config_conninfo *conninfo,
                                               char error[CONFIG_ERROR_SIZE]);

/* Brings the embedded database's schema to this program's version. Blocks, for the fraction of a second that the files need;
 * connecting is bounded by the connect timeout. false: problem says why. */
PM_MUST_CHECK bool conninfo_migrate(const struct config *config, const struct config_conninfo *conninfo, struct db_problem *problem);

#endif
