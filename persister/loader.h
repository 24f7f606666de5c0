/* loader: reads the stored state into the replica core over the connection: one flight in one snapshot of the database (load.c
 * judges it), after a clean state as many flights as the history needs, and a flight that notes what was found wrong. Owned by
 * struct persister. */
#ifndef PM_PERSISTER_LOADER_H
#define PM_PERSISTER_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "persister/db_conn.h"
#include "persister/load.h"

struct loader_handler {
        /* The replica holds what report says; the connection is idle. */
        void (*on_loaded)(void *owner, const struct load_report *report, int64_t took_us);
};

struct loader {
        struct db_port db;
        struct core *core;
        const struct loader_handler *handler;
        void *owner;
        struct load *load; /* while the rows come */
        struct load_report report;
        struct params params;
        uint64_t replay_seq;
        bool replay_ended;
        const char *replay_why; /* the rule that an event of the history broke */
        int64_t started_us;
};

void loader_init(struct loader *loader, struct db_port db, struct core *core, const struct loader_handler *handler, void *owner);
void loader_fini(struct loader *loader);

/* The connection is idle. A connection that goes ends it silently: start again on the next one. */
void loader_start(struct loader *loader);

#endif
