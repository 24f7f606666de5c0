/* log.c: one line a fact, in one write, that never blocks. */
#include "common/log.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends[2]; /* a pipe: the log writes to [1] */
static char got[2 * 65536];

static void
setup(void)
{
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0); /* the reading end only */
        log_init("tester", LOG_INFO);
        log_set_fd(ends[1]);
}

static void
teardown(void)
{
        log_set_fd(STDERR_FILENO);
        log_set_second_fd(-1);
        close(ends[0]);
        close(ends[1]);
}

/* Everything that waits in the pipe, as text. */
static const char *
take(int fd)
{
        size_t size = 0;
        ssize_t more;
        while ((more = read(fd, got + size, sizeof got - 1 - size)) > 0)
                size += (size_t)more;
        got[size] = '\0';
        return got;
}

START_TEST(log_line_has_time_level_role_pid_and_fields)
{
        char wanted[128];
        LOG_WARNING("event=test count=%d", 3);
        take(ends[0]);
        snprintf(wanted, sizeof wanted, " level=warning role=tester pid=%ld event=test count=3\n", (long)getpid());
        ck_assert_int_eq(strncmp(got, "time=20", 7), 0);
        ck_assert_int_eq(got[strlen("time=2026-11-24T03:00:00.000000")], 'Z');
        ck_assert_str_eq(got + strlen("time=2026-11-24T03:00:00.000000Z"), wanted);
}
END_TEST

START_TEST(log_drops_levels_that_are_off)
{
        LOG_DEBUG("event=unseen");
        ck_assert_str_eq(take(ends[0]), "");
        log_set_level(LOG_DEBUG);
        LOG_DEBUG("event=seen");
        ck_assert_ptr_nonnull(strstr(take(ends[0]), "level=debug"));
        log_set_level(LOG_ERROR);
        LOG_WARNING("event=unseen");
        ck_assert_str_eq(take(ends[0]), "");
        ck_assert(log_is_on(LOG_ERROR) && !log_is_on(LOG_WARNING));
}
END_TEST

START_TEST(log_line_stays_one_line_whatever_is_in_it)
{
        LOG_INFO("event=test text=%s", "a\nb\rc\x1b[31m");
        take(ends[0]);
        ck_assert_ptr_eq(strchr(got, '\n'), got + strlen(got) - 1);
        ck_assert_ptr_nonnull(strstr(got, "text=a b c [31m\n"));
}
END_TEST

/* The cut falls into a quoted value, into an escape, and between the bytes of a character. */
START_TEST(log_line_that_is_too_long_is_cut_and_stays_logfmt)
{
        static const char *const pieces[] = {"x", "\\\"", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
        char *text = malloc(3 * PIPE_BUF);
        for (int shift = 0; shift < 5; shift++) {
                size_t size = 0;
                for (int i = 0; i < shift; i++)
                        text[size++] = 's';
                while (size < 2 * PIPE_BUF) {
                        memcpy(text + size, pieces[_i], strlen(pieces[_i]));
                        size += strlen(pieces[_i]);
                }
                text[size] = '\0';
                LOG_INFO("event=test text=\"%s\"", text);
                take(ends[0]);
                ck_assert_uint_le(strlen(got), PIPE_BUF);
                ck_assert_uint_gt(strlen(got), PIPE_BUF - 20);
                const char *end = strstr(got, "\" cut=true\n");
                ck_assert_ptr_nonnull(end);
                ck_assert_uint_eq(((size_t)(end - strchr(got, '"')) - 1 - (size_t)shift) % strlen(pieces[_i]), 0);
                LOG_INFO("event=test text=%s", text + shift + (_i == 1));
                ck_assert_ptr_nonnull(strstr(take(ends[0]), " cut=true\n"));
        }
        free(text);
}
END_TEST

START_TEST(log_never_blocks_and_says_how_many_lines_it_dropped)
{
        char text[3000];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        const int lines_count = 500; /* far more than a pipe holds */
        errno = ERANGE;
        for (int i = 0; i < lines_count; i++)
                LOG_INFO("no=%d text=%s", i, text);
        ck_assert_int_eq(errno, ERANGE);
        ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0); /* not ours to set */
        take(ends[0]);
        int lines_got = 0;
        for (const char *c = got; (c = strchr(c, '\n')) != NULL; c++)
                lines_got++;
        ck_assert_int_gt(lines_got, 10);
        ck_assert_int_lt(lines_got, lines_count);
        LOG_INFO("event=after");
        char wanted[64];
        snprintf(wanted, sizeof wanted, " dropped=%d\n", lines_count - lines_got);
        take(ends[0]);
        ck_assert_ptr_nonnull(strstr(got, wanted));
        ck_assert_ptr_nonnull(strstr(got, "event=after\n"));
        LOG_INFO("event=last");
        ck_assert_ptr_null(strstr(take(ends[0]), "dropped"));
}
END_TEST

START_TEST(log_survives_a_reader_that_went_away)
{
        close(ends[0]);
        LOG_INFO("event=unheard"); /* SIGPIPE would end the test */
        ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}
END_TEST

START_TEST(log_writes_to_two_places)
{
        int second[2];
        ck_assert_int_eq(pipe2(second, O_CLOEXEC | O_NONBLOCK), 0);
        log_set_second_fd(second[1]);
        LOG_INFO("event=both");
        log_raw_line("a child's line", 14);
        for (int i = 0; i < 2; i++) {
                take(i == 0 ? ends[0] : second[0]);
                ck_assert_ptr_nonnull(strstr(got, "event=both\na child's line\n"));
        }
        log_set_second_fd(-1);
        close(second[0]);
        close(second[1]);
}
END_TEST

START_TEST(log_raw_line_is_cut_to_one_write)
{
        static char line[3 * PIPE_BUF];
        memset(line, 'y', sizeof line);
        log_raw_line(line, sizeof line);
        ck_assert_uint_eq(strlen(take(ends[0])), PIPE_BUF);
        ck_assert_int_eq(got[PIPE_BUF - 1], '\n');
}
END_TEST

START_TEST(log_quote_escapes_and_fits)
{
        char out[64];
        const char text[] = "a \"b\" \\ \n\t\x01\x7f\xff \xe2\x82\xac";
        ck_assert_str_eq(log_quote(out, sizeof out, text, sizeof text - 1), "\"a \\\"b\\\" \\\\ \\n\\t\\x01\\x7f\\xff \xe2\x82\xac\"");
        ck_assert_str_eq(log_quote(out, 3, "abc", 3), "\"\"");
        ck_assert_str_eq(log_quote(out, 5, "abc", 3), "\"ab\"");
        ck_assert_str_eq(log_quote(out, 5, "a\"", 2), "\"a\"");
        ck_assert_str_eq(log_quote(out, 6, "\xe2\x82\xac\xe2\x82\xac", 6), "\"\xe2\x82\xac\"");
        ck_assert_str_eq(log_quote(out, sizeof out, "\0x", 2), "\"\\x00x\"");
        ck_assert_str_eq(log_quote(out, sizeof out, NULL, 0), "\"\"");
}
END_TEST

START_TEST(log_level_has_a_name_in_any_case)
{
        ck_assert_int_eq(log_level_of("DEBUG"), LOG_DEBUG);
        ck_assert_int_eq(log_level_of("info"), LOG_INFO);
        ck_assert_int_eq(log_level_of("Warning"), LOG_WARNING);
        ck_assert_int_eq(log_level_of("ERROR"), LOG_ERROR);
        ck_assert_int_eq(log_level_of("loud"), LOG_LEVEL_END);
        ck_assert_int_eq(log_level_of(""), LOG_LEVEL_END);
}
END_TEST

int
main(void)
{
        TCase *tcase = tcase_create("log");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, log_line_has_time_level_role_pid_and_fields);
        tcase_add_test(tcase, log_drops_levels_that_are_off);
        tcase_add_test(tcase, log_line_stays_one_line_whatever_is_in_it);
        tcase_add_loop_test(tcase, log_line_that_is_too_long_is_cut_and_stays_logfmt, 0, 4);
        tcase_add_test(tcase, log_never_blocks_and_says_how_many_lines_it_dropped);
        tcase_add_test(tcase, log_survives_a_reader_that_went_away);
        tcase_add_test(tcase, log_writes_to_two_places);
        tcase_add_test(tcase, log_raw_line_is_cut_to_one_write);
        tcase_add_test(tcase, log_quote_escapes_and_fits);
        tcase_add_test(tcase, log_level_has_a_name_in_any_case);
        Suite *suite = suite_create("log");
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
