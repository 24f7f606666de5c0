#include "persister/db_dial.h"

#include <stdio.h>
#include <string.h>

/* How often to look whether a name is resolved. */
#define LOOK_FIRST_MS 1
#define LOOK_MAX_MS 20

static void look_up(void *owner);

void
db_dial_init(struct db_dial *dial, struct loop *loop, struct db_target *target, const struct db_dial_handler *handler, void *owner)
{
        memset(dial, 0, sizeof(*dial));
        dial->loop = loop;
        dial->target = target;
        dial->handler = handler;
        dial->owner = owner;
        dial->look = loop_timer_new(loop, look_up, dial);
        db_target_select(target, 0);
}

void
db_dial_fini(struct db_dial *dial)
{
        db_dial_cancel(dial);
        for (int host_no = 0; host_no < DB_TARGET_HOSTS_MAX; host_no++) {
                db_resolve_free(dial->resolves[host_no]);
                dial->resolves[host_no] = NULL;
        }
        loop_timer_free(dial->look);
        dial->look = NULL;
}

static void
unwatch(struct db_dial *dial)
{
        loop_watch_free(dial->watch);
        dial->watch = NULL;
}

void
db_dial_cancel(struct db_dial *dial)
{
        loop_timer_stop(dial->look);
        unwatch(dial);
        PQfinish(dial->pg);
        dial->pg = NULL;
}

static void
fail(struct db_dial *dial, const char *text)
{
        char copy[1024];

        /* The text may be the session's, which goes now. */
        (void)snprintf(copy, sizeof(copy), "%s", text);
        db_dial_cancel(dial);
        dial->handler->on_failed(dial->owner, copy);
}

static void on_socket(void *owner, int fd, bool readable, bool writable);

/* libpq may close a socket and open another under the same number between two polls: it is watched anew each time. */
static void
watch(struct db_dial *dial, bool readable, bool writable)
{
        unwatch(dial);
        dial->watch = loop_watch_new(dial->loop, PQsocket(dial->pg), readable, writable, on_socket, dial);
}

static void
connect_to_address(struct db_dial *dial)
{
        dial->pg = PQconnectStartParams(dial->target->keywords, dial->target->values, 0);
        if (dial->pg == NULL) {
                fail(dial, "out of memory");
                return;
        }
        if (PQstatus(dial->pg) == CONNECTION_BAD) {
                fail(dial, PQerrorMessage(dial->pg));
                return;
        }
        /* The only way to the SQLSTATE of a refused connect is the verbose text. */
        (void)PQsetErrorVerbosity(dial->pg, PQERRORS_VERBOSE);
        /* As libpq asks: before the first poll, behave as if it had answered "writing". */
        watch(dial, false, true);
}

static void
on_socket(void *owner, int fd, bool readable, bool writable)
{
        struct db_dial *dial = owner;
        PostgresPollingStatusType status = PQconnectPoll(dial->pg);

        (void)fd;
        (void)readable;
        (void)writable;
        if (status == PGRES_POLLING_FAILED) {
                fail(dial, PQerrorMessage(dial->pg));
        } else if (status == PGRES_POLLING_OK) {
                PGconn *pg = dial->pg;
                unwatch(dial);
                dial->pg = NULL;
                dial->reached = true;
                (void)PQsetErrorVerbosity(pg, PQERRORS_DEFAULT);
                dial->handler->on_session(dial->owner, pg);
        } else {
                watch(dial, status == PGRES_POLLING_READING, status == PGRES_POLLING_WRITING);
        }
}

static void
look_up(void *owner)
{
        struct db_dial *dial = owner;
        const char *words = "out of memory";
        struct db_resolve **resolve = &dial->resolves[dial->host_no];
        enum db_resolve_status status = *resolve == NULL ? DB_RESOLVE_FAILED : db_resolve_look(*resolve, &dial->addresses, &words);
        char text[256];

        if (status == DB_RESOLVE_WAITING) {
                loop_timer_start_us(dial->look, dial->look_ms * 1000);
                dial->look_ms = dial->look_ms * 2 > LOOK_MAX_MS ? LOOK_MAX_MS : dial->look_ms * 2;
                return;
        }
        db_resolve_free(*resolve);
        *resolve = NULL;
        dial->address_no = 0;
        if (status == DB_RESOLVE_FAILED) {
                (void)snprintf(text, sizeof(text), "the host's name cannot be looked up: %s", words);
                fail(dial, text);
                return;
        }
        db_target_set_address(dial->target, dial->addresses.items[0]);
        connect_to_address(dial);
}

void
db_dial_begin(struct db_dial *dial)
{
        struct db_target *target = dial->target;

        db_target_select(target, dial->host_no);
        dial->reached = false;
        if (dial->address_no < dial->addresses.count) {
                db_target_set_address(target, dial->addresses.items[dial->address_no]);
                connect_to_address(dial);
        } else if (target->hostaddr[0] != '\0' || !db_resolve_is_name(target->host)) {
                connect_to_address(dial);
        } else {
                if (dial->resolves[dial->host_no] == NULL)
                        dial->resolves[dial->host_no] = db_resolve_new(target->host);
                dial->look_ms = LOOK_FIRST_MS;
                look_up(dial);
        }
}

bool
db_dial_next(struct db_dial *dial)
{
        if (!dial->reached && dial->address_no + 1 < dial->addresses.count) {
                dial->address_no++;
                return false;
        }
        dial->addresses.count = 0;
        dial->address_no = 0;
        dial->host_no = (dial->host_no + 1) % dial->target->hosts_count;
        return dial->host_no == 0;
}
