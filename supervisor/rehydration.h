/* rehydration: how a worker gets its state back: what the children say on the control links, and what is said to them. */
#ifndef PM_SUPERVISOR_REHYDRATION_H
#define PM_SUPERVISOR_REHYDRATION_H

#include "supervisor/state.h"

/* Handlers of the two control links; their owner is the struct supervisor. */
extern const struct link_handler rehydration_persister_handler;
extern const struct link_handler rehydration_worker_handler;

void rehydration_init(struct supervisor *supervisor);
void rehydration_fini(struct supervisor *supervisor);

/* The worker with the unit's new number is about to be started: its incarnation can be stored while it boots. When the start
 * fails, that number is forgotten by rehydration_on_exit(). */
void rehydration_on_spawning(struct supervisor *supervisor);
/* A process is there, or gone: called from the units. */
void rehydration_on_spawned(struct supervisor *supervisor, struct unit *unit);
void rehydration_on_exit(struct supervisor *supervisor, struct unit *unit, const char *cause);

/* Whether work that waits in a child is the child's own matter: the store takes what it is given. */
bool rehydration_is_store_there(const struct supervisor *supervisor);

#endif
