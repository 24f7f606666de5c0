/* routes: the paths that pm-worker serves, as a table, and their handlers; the owner of each is a struct worker. */
#ifndef PM_WORKER_ROUTES_H
#define PM_WORKER_ROUTES_H

#include "worker/http_server.h"
#include "worker/views.h"
#include "worker/worker.h"

extern const struct http_route routes_table[];
extern const uint32_t routes_count;

/* What the views show now. */
struct view routes_view(const struct worker *worker);

#endif
