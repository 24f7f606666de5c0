/* snapshot: the LOAD events, which say what the state is instead of what happened. core_export() writes them,
 * core_apply() hands them to the functions here. Seen by worker/core/ alone. */
#ifndef PM_CORE_SNAPSHOT_H
#define PM_CORE_SNAPSHOT_H

#include <stdint.h>

#include "worker/core/core.h"

enum core_status snapshot_load_portfolio(struct core *core, const struct event *event, uint64_t seq, const char **why);
enum core_status snapshot_load_instrument(struct core *core, const struct event *event, uint64_t seq, const char **why);
enum core_status snapshot_load_position(struct core *core, const struct event *event, uint64_t seq, const char **why);
enum core_status snapshot_load_kept(struct core *core, const struct event *event, uint64_t seq, const char **why);
enum core_status snapshot_load_probe(struct core *core, const struct event *event, uint64_t seq, const char **why);

#endif
