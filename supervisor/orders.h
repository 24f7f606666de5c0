/* orders: what the operator asks over the control socket, carried out. */
#ifndef PM_SUPERVISOR_ORDERS_H
#define PM_SUPERVISOR_ORDERS_H

#include "supervisor/state.h"

extern const struct control_handler orders_handler; /* its owner is the struct supervisor */

void orders_init(struct supervisor *supervisor);
void orders_fini(struct supervisor *supervisor);

/* What the children answer. */
void orders_on_worker_report(struct supervisor *supervisor, const struct msg_worker_report *report);
void orders_on_persister_report(struct supervisor *supervisor, const struct msg_persister_report *report);
void orders_on_command_result(struct supervisor *supervisor, const struct msg_command_result *result);
/* A worker, or the persister, is at work again: restarts that waited are over, commands are sent (again). */
void orders_on_ready(struct supervisor *supervisor);
/* The state has changed so that a restart's end is not to be expected soon. */
void orders_on_trouble(struct supervisor *supervisor, const char *reason);

void orders_send_maintenance(struct supervisor *supervisor);

/* Reads the configuration again (reload, SIGHUP). False: nothing was changed; message says why, or what changed. */
bool orders_reload(struct supervisor *supervisor, char *message, size_t message_size);

#endif
