/* What a child says, as it arrives in our log. */
#include "supervisor/child_log.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

static struct loop *loop;
static struct child_log child;
static int log_ends[2];
static char heard[256];

static void
on_words(void *owner, const char *line)
{
        (void)owner;
        snprintf(heard, sizeof heard, "%.200s", line);
}

static void
setup(void)
{
        ck_assert_int_eq(pipe2(log_ends, O_NONBLOCK), 0);
        ck_assert_int_gt(fcntl(log_ends[1], F_SETPIPE_SZ, 1024 * 1024), 0);
        log_init("supervisor", LOG_INFO);
        log_set_fd(log_ends[1]);
        loop = loop_new();
        heard[0] = '\0';
        ck_assert_int_eq(child_log_init(&child, loop, ROLE_WORKER, on_words, NULL), CHILD_LOG_OK);
        child_log_begin(&child, 4711);
}

static void
teardown(void)
{
        child_log_fini(&child);
        loop_free(loop);
        log_set_fd(2);
        close(log_ends[0]);
        close(log_ends[1]);
}

static void
say(const char *text)
{
        ck_assert_int_eq(write(child.write_fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* The log so far, whole lines. */
static const char *
logged(void)
{
        static char text[512 * 1024];
        ssize_t size = read(log_ends[0], text, sizeof text - 1);
        text[size > 0 ? size : 0] = '\0';
        return text;
}

START_TEST(child_log_passes_logfmt_on_as_it_is)
{
        say("time=2026-11-24T03:00:00.000000Z level=info role=worker pid=12 event=x\n");
        loop_turn(loop, 1000);
        ck_assert_str_eq(logged(), "time=2026-11-24T03:00:00.000000Z level=info role=worker pid=12 event=x\n");
        ck_assert_str_eq(heard, "");
}
END_TEST

START_TEST(child_log_wraps_other_lines)
{
        say("free(): \"invalid\" pointer\r\n\nLOG:  ready\nERROR:  no\n");
        loop_turn(loop, 1000);
        const char *text = logged();
        ck_assert_msg(strstr(text, " level=warning role=worker pid=4711 msg=\"free(): \\\"invalid\\\" pointer\"\n") != NULL, "%s", text);
        ck_assert_msg(strstr(text, " level=info role=worker pid=4711 msg=\"LOG:  ready\"\n") != NULL, "%s", text);
        ck_assert_msg(strstr(text, " level=error role=worker pid=4711 msg=\"ERROR:  no\"\n") != NULL, "%s", text);
        ck_assert_str_eq(heard, "ERROR:  no");
        ck_assert_ptr_null(strstr(text, "msg=\"\""));
}
END_TEST

START_TEST(child_log_joins_pieces_and_ends_the_last_line_with_its_child)
{
        say("half a ");
        loop_turn(loop, 1000);
        ck_assert_str_eq(logged(), "");
        say("line\nand a last one");
        loop_turn(loop, 1000);
        ck_assert_ptr_nonnull(strstr(logged(), "msg=\"half a line\"\n"));
        child_log_end(&child);
        ck_assert_ptr_nonnull(strstr(logged(), "msg=\"and a last one\"\n"));
        ck_assert_str_eq(child_log_line(&child, 1), "and a last one");
}
END_TEST

START_TEST(child_log_cuts_a_line_without_end)
{
        char block[1000];
        memset(block, 'x', sizeof block);
        block[500] = '\0'; /* a NUL is not the end of a line */
        for (int i = 0; i < 10; i++)
                ck_assert_int_eq(write(child.write_fd, block, sizeof block), (ssize_t)sizeof block);
        child_log_end(&child);
        ck_assert_ptr_nonnull(child_log_line(&child, 2));
        ck_assert_ptr_null(child_log_line(&child, 3));
}
END_TEST

START_TEST(child_log_keeps_the_last_lines_only)
{
        char line[64];
        for (int i = 1; i <= 57; i++) {
                snprintf(line, sizeof line, "%s %d\n", i % 2 == 0 ? "time=x" : "word", i);
                say(line);
        }
        child_log_end(&child);
        ck_assert_str_eq(child_log_line(&child, 0), "time=x 38");
        ck_assert_str_eq(child_log_line(&child, CHILD_LOG_LINES_MAX - 1), "word 57");
        ck_assert_ptr_null(child_log_line(&child, CHILD_LOG_LINES_MAX));
        char words[32];
        ck_assert_str_eq(child_log_words(&child, words, sizeof words), "word 53 | word 55 | word 57");
        child_log_begin(&child, 4712);
        ck_assert_ptr_null(child_log_line(&child, 0));
        ck_assert_str_eq(child_log_words(&child, words, sizeof words), "");
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("child_log");
        TCase *lines = tcase_create("lines");
        tcase_add_checked_fixture(lines, setup, teardown);
        tcase_add_test(lines, child_log_passes_logfmt_on_as_it_is);
        tcase_add_test(lines, child_log_wraps_other_lines);
        tcase_add_test(lines, child_log_joins_pieces_and_ends_the_last_line_with_its_child);
        tcase_add_test(lines, child_log_cuts_a_line_without_end);
        tcase_add_test(lines, child_log_keeps_the_last_lines_only);
        suite_add_tcase(suite, lines);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
