/* verify: does what is stored hold together? All events are replayed through a fresh core and every projection is compared with
 * what they come to: the state row by row and its digest, positions, ledger and signal log by set queries. Blocking, one
 * snapshot of the database; for the operator's verb. */
#ifndef PM_PERSISTER_VERIFY_H
#define PM_PERSISTER_VERIFY_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/config.h"
#include "common/event.h"

enum verify_status {
        VERIFY_OK = 0,     /* all agrees */
        VERIFY_DIFFERENCE, /* something does not: report.difference names the first */
        VERIFY_FAILED,     /* it could not be found out: report.difference says why */
};

#define VERIFY_TEXT_SIZE 1024

struct verify_report {
        uint64_t events_count;
        uint64_t last_seq;
        uint64_t positions_count;
        struct digest digest;
        char rule[64];
        char difference[VERIFY_TEXT_SIZE];
};

PM_MUST_CHECK enum verify_status verify_run(PGconn *connection, const struct config *config, struct verify_report *report);

#endif
