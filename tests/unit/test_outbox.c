/* outbox.c: numbers, batches of whole signals, acknowledgements, resending, bounds. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/wire.h"
#include "worker/outbox.h"

static struct outbox box;
static bool ends_signal[1 << 16]; /* by the low bits of the number */

static void
setup(void)
{
        ck_assert_int_eq(outbox_init(&box), OUTBOX_OK);
        outbox_reset(&box, 100);
}

static void
teardown(void)
{
        outbox_fini(&box);
}

static struct digest
digest_of(uint64_t seq)
{
        return (struct digest){seq * 3, seq * 7};
}

/* One signal of count events; its first has a payload of size bytes, all of them filled with the low byte of its number. */
static void
append_signal(uint32_t count, uint32_t size)
{
        static char payload[PM_BODY_SIZE_MAX];
        for (uint32_t i = 0; i < count; i++) {
                struct event event = {.kind = i == 0 ? EVENT_SIGNAL : EVENT_POSITION_TRAILED, .more = i + 1 < count, .at_us = 5};
                uint64_t seq, expected = box.last_seq + 1;
                if (i == 0) {
                        memset(payload, (int)(expected & 0xff), size);
                        event.signal.payload = (struct text){payload, size};
                }
                ck_assert_int_eq(outbox_append(&box, &event, digest_of(expected), &seq), OUTBOX_OK);
                ck_assert_uint_eq(seq, expected);
                ends_signal[seq % countof(ends_signal)] = !event.more;
        }
        memset(payload, 0, sizeof(payload));
}

static void
check_batch(const struct msg_event_batch *batch)
{
        ck_assert_uint_gt(batch->events.count, 0);
        ck_assert(!batch->events.items[batch->events.count - 1].more);
        ck_assert_uint_eq(batch->digest.high, digest_of(batch->first_seq + batch->events.count - 1).high);
        for (uint32_t i = 0; i < batch->events.count; i++) {
                const struct event *event = &batch->events.items[i];
                if (event->kind != EVENT_SIGNAL)
                        continue;
                for (uint32_t at = 0; at < event->signal.payload.size; at += 97)
                        ck_assert_uint_eq((unsigned char)event->signal.payload.data[at], (batch->first_seq + i) & 0xff);
        }
}

START_TEST(outbox_numbers_go_on_after_reset)
{
        append_signal(2, 10);
        ck_assert_uint_eq(box.last_seq, 102);
        outbox_reset(&box, 7);
        append_signal(1, 0);
        ck_assert_uint_eq(box.last_seq, 8);
        ck_assert_uint_eq(outbox_count(&box), 1);
}
END_TEST

START_TEST(outbox_sends_whole_signals_in_one_batch)
{
        struct msg_event_batch batch;
        ck_assert(!outbox_next_batch(&box, &batch));
        append_signal(3, 100);
        append_signal(2, 50);
        ck_assert(outbox_next_batch(&box, &batch));
        ck_assert_uint_eq(batch.first_seq, 101);
        ck_assert_uint_eq(batch.events.count, 5);
        check_batch(&batch);
        outbox_mark_sent(&box, &batch);
        ck_assert(!outbox_next_batch(&box, &batch));
        ck_assert_uint_eq(outbox_count(&box), 5);
}
END_TEST

START_TEST(outbox_holds_back_a_signal_that_is_not_whole)
{
        struct event event = {.kind = EVENT_POSITION_TRAILED, .more = true};
        struct msg_event_batch batch;
        uint64_t seq;
        append_signal(1, 0);
        ck_assert_int_eq(outbox_append(&box, &event, digest_of(102), &seq), OUTBOX_OK);
        ck_assert(outbox_next_batch(&box, &batch));
        ck_assert_uint_eq(batch.events.count, 1);
        outbox_mark_sent(&box, &batch);
        ck_assert(!outbox_next_batch(&box, &batch));
}
END_TEST

START_TEST(outbox_keeps_events_until_acked)
{
        struct msg_event_batch batch;
        append_signal(2, 10);
        append_signal(2, 10);
        ck_assert(outbox_next_batch(&box, &batch));
        outbox_mark_sent(&box, &batch);
        ck_assert_int_eq(outbox_release(&box, 102), OUTBOX_OK);
        ck_assert_int_eq(outbox_release(&box, 102), OUTBOX_REPEATED);
        ck_assert_int_eq(outbox_release(&box, 99), OUTBOX_REPEATED);
        ck_assert_int_eq(outbox_release(&box, 105), OUTBOX_UNKNOWN);
        outbox_rewind(&box);
        ck_assert(outbox_next_batch(&box, &batch));
        ck_assert_uint_eq(batch.first_seq, 103);
        ck_assert_uint_eq(batch.events.count, 2);
        check_batch(&batch);
        ck_assert_int_eq(outbox_release(&box, 104), OUTBOX_OK);
        ck_assert(!outbox_next_batch(&box, &batch));
        ck_assert_uint_eq(outbox_count(&box), 0);
}
END_TEST

START_TEST(outbox_takes_an_ack_of_what_it_has_not_sent_again_yet)
{
        struct msg_event_batch batch;
        append_signal(2, 10);
        append_signal(2, 10);
        ck_assert(outbox_next_batch(&box, &batch));
        outbox_mark_sent(&box, &batch);
        outbox_rewind(&box);
        ck_assert_int_eq(outbox_release(&box, 102), OUTBOX_OK);
        ck_assert(outbox_next_batch(&box, &batch));
        ck_assert_uint_eq(batch.first_seq, 103);
}
END_TEST

START_TEST(outbox_cuts_batches_by_count_and_size)
{
        struct msg_event_batch batch;
        uint64_t sent = 0;
        uint32_t batches = 0;
        for (uint32_t i = 0; i < PM_BATCH_EVENTS_MAX / 3 + 10; i++)
                append_signal(3, 4);
        while (outbox_next_batch(&box, &batch)) {
                ck_assert_uint_le(batch.events.count, PM_BATCH_EVENTS_MAX);
                check_batch(&batch);
                sent += batch.events.count;
                batches++;
                outbox_mark_sent(&box, &batch);
        }
        ck_assert_uint_eq(batches, 2);
        ck_assert_uint_eq(sent, outbox_count(&box));
        outbox_reset(&box, 0);
        for (uint32_t i = 0; i < 600; i++)
                append_signal(1, PM_BODY_SIZE_MAX);
        struct wire_buffer buffer;
        wire_buffer_init(&buffer);
        for (batches = 0; outbox_next_batch(&box, &batch); batches++) {
                struct msg msg = {.type = MSG_EVENT_BATCH, .event_batch = batch};
                check_batch(&batch);
                ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
                ck_assert_uint_le(buffer.size, PM_BATCH_SIZE_MAX + 1024);
                outbox_mark_sent(&box, &batch);
        }
        ck_assert_uint_eq(batches, 2);
        wire_buffer_fini(&buffer);
}
END_TEST

START_TEST(outbox_full_is_told_before_a_signal_and_ends_with_an_ack)
{
        uint32_t signals = 0;
        while (outbox_has_room(&box)) {
                append_signal(PM_EVENTS_PER_SIGNAL_MAX, 1);
                signals++;
        }
        ck_assert_uint_eq(signals, PM_OUTBOX_EVENTS_MAX / PM_EVENTS_PER_SIGNAL_MAX);
        ck_assert(outbox_is_half_full(&box));
        struct event event = {.kind = EVENT_POSITION_TRAILED};
        uint64_t seq;
        ck_assert_int_eq(outbox_append(&box, &event, digest_of(0), &seq), OUTBOX_FULL);
        ck_assert_int_eq(outbox_release(&box, 100 + PM_EVENTS_PER_SIGNAL_MAX), OUTBOX_OK);
        ck_assert(outbox_has_room(&box));
        append_signal(PM_EVENTS_PER_SIGNAL_MAX, 1);
        ck_assert(!outbox_has_room(&box));
}
END_TEST

START_TEST(outbox_bounds_its_texts)
{
        uint32_t signals = 0;
        while (outbox_has_room(&box)) {
                append_signal(1, PM_BODY_SIZE_MAX);
                signals++;
        }
        ck_assert_uint_ge(signals, PM_OUTBOX_TEXT_SIZE_MAX / PM_BODY_SIZE_MAX - 2);
        ck_assert_uint_le(signals, PM_OUTBOX_TEXT_SIZE_MAX / PM_BODY_SIZE_MAX);
        ck_assert(outbox_is_half_full(&box));
        /* The room comes back at the low end only when a whole signal's texts fit there. */
        ck_assert_int_eq(outbox_release(&box, 100 + 10), OUTBOX_OK);
        ck_assert(outbox_has_room(&box));
}
END_TEST

/* A long random life: whatever is sent was appended so, whole, in order, with its texts, wherever the rings turn. */
START_TEST(outbox_survives_a_long_random_life)
{
        uint64_t state = 42, next_expected = 101;
        uint64_t turns = 0;
        for (int round = 0; round < 60000; round++) {
                state = state * 6364136223846793005U + 1442695040888963407U;
                uint32_t dice = (uint32_t)(state >> 33);
                if (dice % 4 < 2 && outbox_has_room(&box)) {
                        append_signal(1 + dice / 8 % PM_EVENTS_PER_SIGNAL_MAX, dice / 512 % 7 == 0 ? 0 : dice / 4096 % PM_BODY_SIZE_MAX);
                } else if (dice % 4 == 2) {
                        struct msg_event_batch batch;
                        if (!outbox_next_batch(&box, &batch))
                                continue;
                        ck_assert_uint_eq(batch.first_seq, next_expected);
                        check_batch(&batch);
                        outbox_mark_sent(&box, &batch);
                        next_expected = batch.first_seq + batch.events.count;
                        turns += batch.events.items == box.events;
                        if (dice / 8 % 16 == 0) {
                                outbox_rewind(&box);
                                next_expected = box.acked_seq + 1;
                        }
                } else if (box.sent_seq > box.acked_seq && dice / 8 % 8 == 0) {
                        uint64_t through = box.acked_seq + 1 + dice / 64 % (box.sent_seq - box.acked_seq);
                        while (!ends_signal[through % countof(ends_signal)])
                                through++;
                        ck_assert_uint_le(through, box.sent_seq);
                        ck_assert_int_eq(outbox_release(&box, through), OUTBOX_OK);
                }
        }
        ck_assert_uint_gt(box.last_seq, 3 * PM_OUTBOX_EVENTS_MAX);
        ck_assert_uint_gt(turns, 1);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("outbox");
        TCase *tcase = tcase_create("outbox");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, outbox_numbers_go_on_after_reset);
        tcase_add_test(tcase, outbox_sends_whole_signals_in_one_batch);
        tcase_add_test(tcase, outbox_holds_back_a_signal_that_is_not_whole);
        tcase_add_test(tcase, outbox_keeps_events_until_acked);
        tcase_add_test(tcase, outbox_takes_an_ack_of_what_it_has_not_sent_again_yet);
        tcase_add_test(tcase, outbox_cuts_batches_by_count_and_size);
        tcase_add_test(tcase, outbox_full_is_told_before_a_signal_and_ends_with_an_ack);
        tcase_add_test(tcase, outbox_bounds_its_texts);
        tcase_add_test(tcase, outbox_survives_a_long_random_life);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
