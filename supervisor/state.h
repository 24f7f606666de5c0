/* state: what the supervisor knows, for the files that share the work: supervisor.c (start, stop, watch), launch.c (how each child
 * is started), rehydration.c (the children's messages), orders.c (the operator's requests), announce.c (who is told). */
#ifndef PM_SUPERVISOR_STATE_H
#define PM_SUPERVISOR_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/link.h"
#include "common/loop.h"
#include "common/msg.h"
#include "supervisor/config_source.h"
#include "supervisor/control.h"
#include "supervisor/embedded_db.h"
#include "supervisor/listener.h"
#include "supervisor/recovery.h"
#include "supervisor/rundir.h"
#include "supervisor/spawn.h"
#include "supervisor/status.h"
#include "supervisor/unit.h"

/* In the order of starting; stopping goes backwards. */
enum unit_no { UNIT_DATABASE = 0, UNIT_PERSISTER, UNIT_WORKER, UNITS_COUNT };

/* Orders of the operator that wait for something. */
#define ORDERS_MAX CONTROL_CLIENTS_MAX
struct order {
        uint64_t ticket;       /* 0: free */
        int64_t expires_at_us; /* control has answered for us then */
        enum control_verb verb;
        enum role role;
        uint64_t request_id;          /* of a command to the worker */
        struct msg_command command;   /* sent again to the next worker */
        char note[CONTROL_NOTE_SIZE]; /* command.note points here */
        uint64_t old_worker_spawn_no; /* restart: done when READY with others than these */
        uint64_t old_persister_spawn_no;
};

/* What is known of the state's way from the persister to the worker. */
struct rehydration {
        bool persister_ready;       /* this life of the persister has said PERSISTER_READY */
        uint64_t incarnation_max;   /* the highest number that is known to be used */
        uint64_t asked_incarnation; /* of the REHYDRATE for the present worker; 0: none */
        uint64_t asked_of_spawn_no; /* which persister was asked */
        bool worker_open;           /* GO was sent */
        uint64_t confirm_id;        /* of the REPORT_ASK behind GO: its answer says that GO was heard */
        bool worker_heard_go;
        uint64_t worker_incarnation;   /* with it */
        enum recovery_problem problem; /* of the present state */
        char detail[STATUS_MESSAGE_SIZE];
        char logged[STATUS_MESSAGE_SIZE]; /* the failure that was logged last, so that each is logged once */
        struct loop_timer *timer;         /* a rehydration that takes too long */
};

struct supervisor {
        struct config *config;
        const struct config_source *source;
        struct loop *loop;
        bool is_daemon;
        int ready_fd; /* of `start`, until it was told; -1 */
        int exit_code;
        int64_t started_at_us;
        int64_t config_mtime_ns; /* of the file that was read; 0: none */

        struct spawn_identity identity;
        struct rundir rundir;
        char program_dir[4096];
        struct control *control;
        struct listener *listener; /* NULL until the port is ours */
        int64_t port_asked_at_us;
        struct loop_timer *port_timer;
        struct loop_timer *watch_timer;
        int64_t watched_at_us;
        struct link *link_persister;
        struct link *link_worker;
        struct embedded_db *db; /* NULL: the database is somebody else's */
        struct unit units[UNITS_COUNT];
        uint64_t last_spawn_no;
        bool stopping;
        bool restart_persister_next; /* when the worker has drained */

        struct rehydration rehydration;
        struct recovery recovery_start;
        struct recovery recoveries[UNITS_COUNT];

        /* Announced: what others were told last. */
        bool changed;
        bool ready_ever;
        bool told_ready;
        enum status_state told_state;
        char told_reason[STATUS_MESSAGE_SIZE];
        char summary[RECOVERY_SUMMARY_SIZE]; /* "loaded 3 positions in 4.213ms" */
        struct status status;                /* gathered; the rest is filled in when asked */

        struct order orders[ORDERS_MAX];
        uint64_t report_id; /* of the REPORT_ASK that is out; 0: none */
        bool reports_wanted[UNITS_COUNT];
        struct loop_timer *report_timer;
};

#endif
