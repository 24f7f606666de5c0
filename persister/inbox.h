/* inbox: what each message to the persister does, and what a link's coming and going does. One table of handlers a link. */
#ifndef PM_PERSISTER_INBOX_H
#define PM_PERSISTER_INBOX_H

#include <stdint.h>

#include "common/link.h"

struct persister;

const struct link_handler *inbox_data_handler(void);    /* from the worker */
const struct link_handler *inbox_control_handler(void); /* from the supervisor */

/* DRAIN, or SIGTERM: store what waits, then end. */
void inbox_drain(struct persister *persister, int64_t deadline_ms);

#endif
