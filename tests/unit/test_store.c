/* store.c over a played database: what is acknowledged, what is written again after an unknown commit, who is fenced, and how a refused
 * signal is found. The fake keeps the one row of portfolio_state and can lose the answer before or after the commit. */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "persister/store.h"
#include "tests/unit/core_fixture.h"

#define CAPITAL_E6 E6(5000000)

enum fate {
        FATE_COMMIT = 0,
        FATE_LOST_BEFORE, /* the connection goes, nothing is stored */
        FATE_LOST_AFTER,  /* it is stored, the answer is lost */
        FATE_ERROR,       /* refused with fake.sqlstate */
};

struct fake {
        bool connected;
        bool busy;
        const struct db_flight_handler *handler;
        void *owner;
        bool takes_incarnation;
        uint32_t flights;
        uint32_t dropped;
        uint32_t settled;
        enum fate fate;
        const char *sqlstate;
        struct store_position row;
        bool has_row;
        struct store_position wanted; /* what the flight under way would make of the row */
};

static struct fake fake;
static struct store store;
static struct core *replica;
static struct fixture worker;
static uint64_t sent_through; /* newest event offered */

/* What the handlers saw. */
static uint64_t acked;
static uint32_t acks;
static enum store_trouble trouble;
static uint64_t trouble_seq;
static uint64_t refused_seq;
static bool refused_reload;
static uint64_t incarnation;

static bool
fake_is_idle(void *conn)
{
        (void)conn;
        return fake.connected && !fake.busy;
}

static void
fake_send(void *conn, const struct db_query *queries, uint32_t count, const struct db_flight_handler *handler, void *owner)
{
        const struct params *params = queries[0].params;

        (void)conn;
        ck_assert(fake_is_idle(NULL));
        fake.busy = true;
        fake.flights++;
        fake.handler = handler;
        fake.owner = owner;
        fake.takes_incarnation = queries[0].statement == statement_of(STATEMENT_INCARNATION_TAKE);
        fake.wanted = fake.row;
        if (fake.takes_incarnation) {
                ck_assert_uint_eq(count, 1);
                fake.wanted.incarnation = strtoull(params->values[0], NULL, 10);
                return;
        }
        bool creates = queries[0].statement == statement_of(STATEMENT_STATE_CREATE);
        int first = creates ? 0 : 2;
        if (!creates && fake.fate == FATE_COMMIT) {
                ck_assert_uint_eq(strtoull(params->values[0], NULL, 10), fake.row.last_seq);
                ck_assert_uint_eq(strtoull(params->values[1], NULL, 10), fake.row.incarnation);
        }
        fake.wanted.last_seq = strtoull(params->values[first + 12], NULL, 10);
        fake.wanted.incarnation = strtoull(params->values[first + 13], NULL, 10);
        ck_assert_int_eq(sscanf(params->values[first + 14], "%16" SCNx64 "%16" SCNx64, &fake.wanted.digest.high, &fake.wanted.digest.low),
                         2);
}

static bool
fake_prepare(void *conn)
{
        (void)conn;
        return false;
}

static void
fake_extend(void *conn, int64_t deadline_ms)
{
        (void)conn;
        (void)deadline_ms;
}

static void
fake_settled(void *conn)
{
        (void)conn;
        fake.settled++;
}

static void
fake_drop(void *conn, const struct db_problem *problem)
{
        (void)conn;
        (void)problem;
        fake.connected = false;
        fake.dropped++;
}

/* The answer to the flight comes. */
static void
answer(void)
{
        struct db_problem problem = {.message = "played"};
        const struct db_flight_handler *handler = fake.handler;

        ck_assert(fake.busy);
        fake.busy = false;
        switch (fake.fate) {
        case FATE_COMMIT:
                fake.row = fake.wanted;
                fake.has_row = true;
                handler->on_done(fake.owner, DB_DONE, NULL, 0);
                break;
        case FATE_LOST_AFTER:
                fake.row = fake.wanted;
                fake.has_row = true;
                fake.connected = false;
                handler->on_done(fake.owner, DB_LOST, &problem, 0);
                break;
        case FATE_LOST_BEFORE:
                fake.connected = false;
                handler->on_done(fake.owner, DB_LOST, &problem, 0);
                break;
        case FATE_ERROR:
                strcpy(problem.sqlstate, fake.sqlstate);
                handler->on_done(fake.owner, DB_FAILED, &problem, 0);
                break;
        }
}

static enum store_resolution
reconnect(void)
{
        fake.connected = true;
        fake.fate = FATE_COMMIT;
        return store_resolve(&store, fake.has_row ? &fake.row : NULL, false);
}

static void
on_stored(void *owner, uint64_t through_seq, uint32_t events_count)
{
        (void)owner;
        ck_assert_uint_gt(events_count, 0);
        ck_assert_uint_gt(through_seq, acked);
        acked = through_seq;
        acks++;
}

static void
on_trouble(void *owner, enum store_trouble what, uint64_t first_seq, const char *detail)
{
        (void)owner;
        ck_assert_ptr_nonnull(detail);
        trouble = what;
        trouble_seq = first_seq;
}

static void
on_refused(void *owner, uint64_t first_seq, const char *detail, bool reload)
{
        (void)owner;
        ck_assert_ptr_nonnull(detail);
        refused_seq = first_seq;
        refused_reload = reload;
}

static void
on_incarnation(void *owner, uint64_t which)
{
        (void)owner;
        incarnation = which;
}

static const struct store_handler handler = {on_stored, on_trouble, on_refused, on_incarnation};

/* What a reload does: the stored events folded in again. The log is what was committed, taken from the worker's own list. */
static struct event log_events[8192];
static uint64_t log_count;

static void
setup(void)
{
        const struct core_options options = {.instruments = instrument_defaults, .instruments_count = (uint32_t)instrument_defaults_count};
        struct db_port port = {NULL, fake_is_idle, fake_send, fake_prepare, fake_extend, fake_settled, fake_drop};
        struct event created = {.kind = EVENT_PORTFOLIO_CREATED, .at_us = START_US, .portfolio = {CAPITAL_E6}};

        memset(&fake, 0, sizeof(fake));
        acked = acks = 0;
        trouble = STORE_TROUBLE_NONE;
        trouble_seq = refused_seq = incarnation = 0;
        fixture_init(&worker, CAPITAL_E6);
        replica = core_new(&options);
        ck_assert_int_eq(core_apply(replica, &created, 1, NULL), CORE_OK);
        log_events[0] = created;
        log_count = 1;
        ck_assert_int_eq(store_init(&store, port, replica, &handler, NULL), STORE_OK);
        fake.connected = true;
        fake.has_row = true;
        fake.row = (struct store_position){1, 5, core_digest(replica)};
        store_loaded(&store, fake.row);
        sent_through = 1;
        acked = 1;
}

static void
teardown(void)
{
        store_fini(&store);
        core_free(replica);
        fixture_fini(&worker);
}

/* The worker decides a tick at this price (a signal of its own) and offers it. */
static void
offer_at(int64_t second, int64_t price, bool honest)
{
        struct signal signal = {.type = SIGNAL_MARKET_DATA,
                                .instrument = "GOLD_MINI",
                                .signal_at_us = START_US + SECONDS_US(second),
                                .price_e6 = E6(price),
                                .atr_e6 = E6(500),
                                .supertrend_e6 = E6(price)};
        struct event_span span;

        core_decide(worker.core, &signal, worker.now_us, &worker.list, &worker.decision);
        span = (struct event_span){worker.list.items, worker.list.count};
        for (uint32_t i = 0; i < span.count; i++)
                log_events[log_count++] = span.items[i];
        fixture_apply(&worker);
        struct digest digest = core_digest(worker.core);
        if (!honest)
                digest.low ^= 1;
        ck_assert_int_eq(store_offer(&store, sent_through + 1, span, 0, digest), STORE_OK);
        sent_through += span.count;
}

static void
offer_entry(int64_t second, const char *payload)
{
        struct signal signal = {.type = SIGNAL_BASE_ENTRY,
                                .instrument = "GOLD_MINI",
                                .layer = 1,
                                .signal_at_us = START_US + SECONDS_US(second),
                                .price_e6 = E6(72000),
                                .stop_e6 = E6(71000),
                                .atr_e6 = E6(500),
                                .er_e6 = 800000,
                                .payload = {payload, (uint32_t)strlen(payload)}};
        struct event_span span;

        core_decide(worker.core, &signal, worker.now_us, &worker.list, &worker.decision);
        span = (struct event_span){worker.list.items, worker.list.count};
        for (uint32_t i = 0; i < span.count; i++)
                log_events[log_count++] = span.items[i];
        fixture_apply(&worker);
        ck_assert_int_eq(store_offer(&store, sent_through + 1, span, 0, core_digest(worker.core)), STORE_OK);
        sent_through += span.count;
}

static void
offer(int64_t second)
{
        offer_at(second, 72000 + second, true);
}

static void
reload(void)
{
        core_clear(replica);
        for (uint64_t seq = 1; seq <= fake.row.last_seq; seq++)
                ck_assert_int_eq(core_apply(replica, &log_events[seq - 1], seq, NULL), CORE_OK);
        ck_assert(core_digest_equal(core_digest(replica), fake.row.digest));
        store_loaded(&store, fake.row);
}

START_TEST(everything_that_waits_is_one_transaction)
{
        offer(1);
        ck_assert(store_pump(&store));
        offer(2);
        offer(3);
        ck_assert(!store_pump(&store)); /* busy */
        answer();
        ck_assert_uint_eq(acked, 2);
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(acked, sent_through);
        ck_assert_uint_eq(acks, 2);
        ck_assert_uint_eq(fake.flights, 2);
        ck_assert(store_is_empty(&store));
        ck_assert(core_digest_equal(fake.row.digest, core_digest(worker.core)));
}
END_TEST

START_TEST(what_waits_for_long_is_stored_in_pieces)
{
        for (int64_t second = 1; second <= 3000; second++)
                offer(second);
        while (store_pump(&store))
                answer();
        ck_assert_uint_eq(acked, 3001);
        ck_assert_uint_eq(fake.flights, 3);
        ck_assert_uint_eq(acks, 3);
        ck_assert(store_is_empty(&store));
        ck_assert(core_digest_equal(fake.row.digest, core_digest(worker.core)));
}
END_TEST

START_TEST(a_piece_ends_with_a_whole_signal)
{
        offer_entry(0, "x"); /* two events, so that the bound falls into a tick's */
        for (int64_t second = 1; second <= 1000; second++)
                offer(second); /* a tick and the stop it moves */
        while (store_pump(&store)) {
                ck_assert(!store.unit.events[store.unit.count - 1].more);
                answer();
        }
        ck_assert_uint_eq(acked, sent_through);
        ck_assert_uint_eq(fake.flights, 2);
}
END_TEST

START_TEST(nothing_is_sent_without_a_connection_or_events)
{
        ck_assert(!store_pump(&store));
        fake.connected = false;
        offer(1);
        ck_assert(!store_pump(&store));
        ck_assert_uint_eq(store_queued_events(&store), 1);
}
END_TEST

START_TEST(an_unknown_commit_that_was_stored_is_acknowledged_once)
{
        offer(1);
        fake.fate = FATE_LOST_AFTER;
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(acks, 0);
        offer(2); /* while the connection is away */
        ck_assert_int_eq(reconnect(), STORE_COMMITTED);
        ck_assert_uint_eq(acked, 2);
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(acked, 3);
        ck_assert_uint_eq(fake.flights, 2);
}
END_TEST

START_TEST(an_unknown_commit_that_was_not_stored_is_written_again)
{
        offer(1);
        fake.fate = FATE_LOST_BEFORE;
        ck_assert(store_pump(&store));
        answer();
        ck_assert_int_eq(reconnect(), STORE_AS_WAS);
        ck_assert_uint_eq(acks, 0);
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(acked, 2);
        ck_assert_uint_eq(acks, 1);
        ck_assert_uint_eq(fake.flights, 2);
}
END_TEST

START_TEST(an_answer_may_be_lost_many_times)
{
        offer(1);
        for (int i = 0; i < 5; i++) {
                fake.fate = FATE_LOST_BEFORE;
                ck_assert(store_pump(&store));
                answer();
                ck_assert_int_eq(reconnect(), STORE_AS_WAS);
        }
        fake.fate = FATE_LOST_AFTER;
        ck_assert(store_pump(&store));
        answer();
        ck_assert_int_eq(reconnect(), STORE_COMMITTED);
        ck_assert_uint_eq(acks, 1);
        ck_assert_uint_eq(acked, 2);
}
END_TEST

START_TEST(a_full_disk_is_tried_again_on_a_new_connection)
{
        offer(1);
        fake.fate = FATE_ERROR;
        fake.sqlstate = "53100";
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(fake.dropped, 1);
        ck_assert_int_eq(trouble, STORE_TROUBLE_NONE);
        ck_assert_int_eq(reconnect(), STORE_AS_WAS);
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(acked, 2);
}
END_TEST

START_TEST(a_newer_incarnation_fences)
{
        offer(1);
        fake.fate = FATE_ERROR;
        fake.sqlstate = "22012";
        ck_assert(store_pump(&store));
        answer();
        ck_assert_int_eq(trouble, STORE_TROUBLE_MOVED);
        fake.row.incarnation = 6;
        ck_assert_int_eq(store_resolve(&store, &fake.row, true), STORE_FENCED);
}
END_TEST

START_TEST(a_row_that_went_or_moved_is_read_again)
{
        offer(1);
        fake.fate = FATE_ERROR;
        fake.sqlstate = "22012";
        ck_assert(store_pump(&store));
        answer();
        ck_assert_int_eq(store_resolve(&store, NULL, true), STORE_RELOAD);
        /* The row is as we think, yet the set was refused: other rows are not what we think. */
        ck_assert_int_eq(store_resolve(&store, &fake.row, true), STORE_RELOAD);
        fake.row.last_seq = 77;
        ck_assert_int_eq(store_resolve(&store, &fake.row, false), STORE_RELOAD);
}
END_TEST

START_TEST(a_hand_edit_during_a_lost_connection_is_seen)
{
        fake.row.digest.low ^= 1;
        ck_assert_int_eq(store_resolve(&store, &fake.row, false), STORE_RELOAD);
}
END_TEST

START_TEST(another_digest_is_refused_before_anything_is_sent)
{
        offer(1);
        offer_at(2, 73000, false);
        ck_assert(!store_pump(&store));
        ck_assert_int_eq(trouble, STORE_TROUBLE_DIGEST);
        ck_assert_uint_eq(trouble_seq, 2);
        ck_assert_uint_eq(fake.flights, 0);
        ck_assert(store_is_empty(&store));
}
END_TEST

START_TEST(an_incarnation_is_stored_and_may_be_unknown_too)
{
        store_take_incarnation(&store, 9);
        answer();
        ck_assert_uint_eq(incarnation, 9);
        ck_assert_uint_eq(fake.row.incarnation, 9);
        fake.fate = FATE_LOST_AFTER;
        store_take_incarnation(&store, 10);
        answer();
        ck_assert_uint_eq(incarnation, 9);
        ck_assert_int_eq(reconnect(), STORE_COMMITTED);
        ck_assert_uint_eq(incarnation, 10);
        fake.fate = FATE_LOST_BEFORE;
        store_take_incarnation(&store, 11);
        answer();
        ck_assert_int_eq(reconnect(), STORE_AS_WAS);
        ck_assert_uint_eq(incarnation, 10);
        store_take_incarnation(&store, 11);
        answer();
        ck_assert_uint_eq(incarnation, 11);
}
END_TEST

START_TEST(a_refused_signal_is_found_and_recorded)
{
        offer(1);
        offer_entry(100, "the culprit");
        offer(3);
        fake.fate = FATE_ERROR;
        fake.sqlstate = "23514";
        ck_assert(store_pump(&store));
        answer();
        ck_assert_int_eq(trouble, STORE_TROUBLE_CONTENTS);
        reload();
        ck_assert_int_eq(store.mode, STORE_SINGLE);

        fake.fate = FATE_COMMIT; /* the tick passes */
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(acked, 2);
        trouble = STORE_TROUBLE_NONE;
        fake.fate = FATE_ERROR; /* the entry does not */
        ck_assert(store_pump(&store));
        answer();
        ck_assert_int_eq(trouble, STORE_TROUBLE_CONTENTS);
        ck_assert_uint_eq(trouble_seq, 3);
        reload();
        ck_assert_int_eq(store.mode, STORE_SUBSTITUTE);

        fake.fate = FATE_COMMIT;
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(fake.row.last_seq, 3);
        ck_assert_uint_eq(fake.row.incarnation, 6); /* its writer is fenced */
        ck_assert_uint_eq(refused_seq, 3);
        ck_assert(!refused_reload);
        ck_assert(store_is_empty(&store)); /* what came after it is the worker's to forget */
        struct core_figures figures;
        core_figures(replica, &figures);
        ck_assert_uint_eq(figures.kept_no, 1);
        ck_assert_uint_eq(figures.positions_count, 0);
}
END_TEST

START_TEST(a_refused_signal_without_a_log_row_leaves_nothing)
{
        offer(1);
        fake.fate = FATE_ERROR;
        fake.sqlstate = "22003";
        ck_assert(store_pump(&store));
        answer();
        ck_assert_int_eq(store.mode, STORE_SUBSTITUTE); /* it was alone */
        reload();
        ck_assert(!store_pump(&store));
        ck_assert_uint_eq(refused_seq, 2);
        ck_assert_uint_eq(fake.row.last_seq, 1);
        ck_assert(store_is_empty(&store));
}
END_TEST

START_TEST(a_record_that_is_refused_too_is_given_up)
{
        offer_entry(1, "x");
        fake.fate = FATE_ERROR;
        fake.sqlstate = "23514";
        ck_assert(store_pump(&store));
        answer();
        reload();
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(refused_seq, 2);
        ck_assert(refused_reload);
        ck_assert(store_is_empty(&store));
}
END_TEST

START_TEST(own_events_raise_the_incarnation)
{
        struct event event = {.kind = EVENT_PAUSE, .at_us = START_US, .pause = {.paused = true}};

        ck_assert_int_eq(store_own_event(&store, &event), STORE_OK);
        store_own_send(&store);
        fake.fate = FATE_LOST_BEFORE;
        answer();
        ck_assert_int_eq(reconnect(), STORE_AS_WAS);
        ck_assert(store_pump(&store));
        answer();
        ck_assert_uint_eq(fake.row.last_seq, 2);
        ck_assert_uint_eq(fake.row.incarnation, 6);
}
END_TEST

START_TEST(more_than_an_outbox_is_full)
{
        static struct event many[PM_BATCH_EVENTS_MAX];
        struct digest digest = {0, 0};

        for (uint32_t i = 0; i < countof(many); i++)
                many[i] = (struct event){.kind = EVENT_TICK, .at_us = START_US};
        for (uint32_t i = 0; i < PM_OUTBOX_EVENTS_MAX / PM_BATCH_EVENTS_MAX; i++)
                ck_assert_int_eq(
                        store_offer(&store, 2 + i * PM_BATCH_EVENTS_MAX, (struct event_span){many, PM_BATCH_EVENTS_MAX}, 0, digest),
                        STORE_OK);
        ck_assert_int_eq(store_offer(&store, 2 + PM_OUTBOX_EVENTS_MAX, (struct event_span){many, 1}, 0, digest), STORE_FULL);
        ck_assert_uint_eq(store_queued_events(&store), PM_OUTBOX_EVENTS_MAX);
}
END_TEST

START_TEST(latencies_are_sorted)
{
        int64_t p50;
        int64_t p99;

        store_latency(&store, &p50, &p99);
        ck_assert_int_eq(p50, 0);
        for (int i = 0; i < 1500; i++) {
                store.latencies_us[store.latencies_next] = (i * 7919) % 1500;
                store.latencies_next = (store.latencies_next + 1) % STORE_LATENCIES_COUNT;
                store.latencies_count = i < STORE_LATENCIES_COUNT ? (uint32_t)i + 1 : STORE_LATENCIES_COUNT;
        }
        store_latency(&store, &p50, &p99);
        ck_assert_int_gt(p50, 600);
        ck_assert_int_lt(p50, 900);
        ck_assert_int_gt(p99, 1400);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("store");
        TCase *tests = tcase_create("store");

        tcase_add_checked_fixture(tests, setup, teardown);
        tcase_add_test(tests, everything_that_waits_is_one_transaction);
        tcase_add_test(tests, what_waits_for_long_is_stored_in_pieces);
        tcase_add_test(tests, a_piece_ends_with_a_whole_signal);
        tcase_add_test(tests, nothing_is_sent_without_a_connection_or_events);
        tcase_add_test(tests, an_unknown_commit_that_was_stored_is_acknowledged_once);
        tcase_add_test(tests, an_unknown_commit_that_was_not_stored_is_written_again);
        tcase_add_test(tests, an_answer_may_be_lost_many_times);
        tcase_add_test(tests, a_full_disk_is_tried_again_on_a_new_connection);
        tcase_add_test(tests, a_newer_incarnation_fences);
        tcase_add_test(tests, a_row_that_went_or_moved_is_read_again);
        tcase_add_test(tests, a_hand_edit_during_a_lost_connection_is_seen);
        tcase_add_test(tests, another_digest_is_refused_before_anything_is_sent);
        tcase_add_test(tests, an_incarnation_is_stored_and_may_be_unknown_too);
        tcase_add_test(tests, a_refused_signal_is_found_and_recorded);
        tcase_add_test(tests, a_refused_signal_without_a_log_row_leaves_nothing);
        tcase_add_test(tests, a_record_that_is_refused_too_is_given_up);
        tcase_add_test(tests, own_events_raise_the_incarnation);
        tcase_add_test(tests, more_than_an_outbox_is_full);
        tcase_add_test(tests, latencies_are_sorted);
        suite_add_tcase(suite, tests);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
