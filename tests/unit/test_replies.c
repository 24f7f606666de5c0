/* replies.c: who waits for what, and until when. */
#include <check.h>
#include <stdlib.h>

#include "common/limits.h"
#include "worker/replies.h"

static struct replies replies;
static int requests[PM_REPLIES_MAX + 1];

static void
setup(void)
{
        ck_assert_int_eq(replies_init(&replies), REPLIES_OK);
}

static void
teardown(void)
{
        replies_fini(&replies);
}

static void
wait_for(int request, uint64_t seq, int64_t deadline_us)
{
        ck_assert_int_eq(replies_wait(&replies, &requests[request], seq, deadline_us), REPLIES_OK);
}

START_TEST(replies_leave_in_order_when_their_number_is_stored)
{
        wait_for(0, 5, 1000);
        wait_for(1, 5, 1000);
        wait_for(2, 7, 1000);
        ck_assert_ptr_null(replies_take_stored(&replies, 4, 0));
        ck_assert_ptr_eq(replies_take_stored(&replies, 6, 0), &requests[0]);
        ck_assert_ptr_eq(replies_take_stored(&replies, 6, 0), &requests[1]);
        ck_assert_ptr_null(replies_take_stored(&replies, 6, 0));
        ck_assert_uint_eq(replies_count(&replies), 1);
        ck_assert_ptr_eq(replies_take_stored(&replies, 100, 0), &requests[2]);
        ck_assert_uint_eq(replies_count(&replies), 0);
        ck_assert_int_eq(replies_deadline_us(&replies), INT64_MAX);
}
END_TEST

START_TEST(replies_give_no_late_request_to_an_acknowledgement)
{
        wait_for(0, 5, 1000);
        wait_for(1, 6, 2000);
        ck_assert_ptr_eq(replies_take_stored(&replies, 9, 1000), &requests[1]);
        ck_assert_ptr_null(replies_take_stored(&replies, 9, 1000));
        ck_assert_ptr_eq(replies_take_expired(&replies, 1000), &requests[0]);
        ck_assert_uint_eq(replies_count(&replies), 0);
}
END_TEST

START_TEST(replies_expire_at_their_deadline_in_any_order)
{
        wait_for(0, 5, 3000);
        wait_for(1, 6, 1000);
        wait_for(2, 7, 2000);
        ck_assert_int_eq(replies_deadline_us(&replies), 1000);
        ck_assert_ptr_null(replies_take_expired(&replies, 999));
        ck_assert_ptr_eq(replies_take_expired(&replies, 2000), &requests[1]);
        ck_assert_ptr_eq(replies_take_expired(&replies, 2000), &requests[2]);
        ck_assert_ptr_null(replies_take_expired(&replies, 2000));
        ck_assert_int_eq(replies_deadline_us(&replies), 3000);
        ck_assert_ptr_eq(replies_take_stored(&replies, 5, 2000), &requests[0]);
        ck_assert_int_eq(replies_deadline_us(&replies), INT64_MAX);
}
END_TEST

START_TEST(replies_full_is_told_and_ends)
{
        for (int i = 0; i < PM_REPLIES_MAX; i++) {
                ck_assert(replies_has_room(&replies));
                wait_for(i, (uint64_t)i, 1000 + i);
        }
        ck_assert(!replies_has_room(&replies));
        ck_assert_int_eq(replies_wait(&replies, &requests[PM_REPLIES_MAX], PM_REPLIES_MAX, 1), REPLIES_FULL);
        ck_assert_ptr_eq(replies_take_expired(&replies, 1000), &requests[0]);
        ck_assert(replies_has_room(&replies));
        wait_for(PM_REPLIES_MAX, PM_REPLIES_MAX, 9000);
        for (int i = 1; i <= PM_REPLIES_MAX; i++)
                ck_assert_ptr_eq(replies_take_stored(&replies, PM_REPLIES_MAX, 0), &requests[i]);
        ck_assert_ptr_null(replies_take_stored(&replies, UINT64_MAX, 0));
}
END_TEST

START_TEST(replies_take_all_at_the_end_of_time)
{
        wait_for(0, 1, 5);
        wait_for(1, 1, INT64_MAX);
        ck_assert_ptr_eq(replies_take_expired(&replies, INT64_MAX), &requests[0]);
        ck_assert_ptr_eq(replies_take_expired(&replies, INT64_MAX), &requests[1]);
        ck_assert_ptr_null(replies_take_expired(&replies, INT64_MAX));
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("replies");
        TCase *tcase = tcase_create("replies");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, replies_leave_in_order_when_their_number_is_stored);
        tcase_add_test(tcase, replies_give_no_late_request_to_an_acknowledgement);
        tcase_add_test(tcase, replies_expire_at_their_deadline_in_any_order);
        tcase_add_test(tcase, replies_full_is_told_and_ends);
        tcase_add_test(tcase, replies_take_all_at_the_end_of_time);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
