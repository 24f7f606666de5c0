/* http_auth.c and http_limits.c: who is let in, and how often strangers may knock. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "worker/http_limits.h"

static struct http_allow allow;
static struct http_limits limits;

static struct http_source
source(const char *text)
{
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        struct http_source result;
        if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
                ck_assert(http_source_of((struct sockaddr *)&in, &result));
        else if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1)
                ck_assert(http_source_of((struct sockaddr *)&in6, &result));
        else
                ck_abort_msg("%s", text);
        return result;
}

static bool
has(const char *address)
{
        struct http_source from = source(address);
        return http_allow_has(&allow, &from);
}

static bool
parses(const char *list)
{
        const char *wrong;
        return http_allow_parse(&allow, list, &wrong);
}

START_TEST(http_allow_empty_lets_everyone_in)
{
        ck_assert(parses(" , "));
        ck_assert(has("8.8.8.8"));
        ck_assert(has("2001:db8::1"));
}
END_TEST

START_TEST(http_allow_knows_networks_of_both_families)
{
        ck_assert(parses("10.0.0.0/8, 192.168.1.7 172.16.0.0/12,2001:db8::/33 ::1"));
        ck_assert(has("10.255.255.255"));
        ck_assert(!has("11.0.0.0"));
        ck_assert(has("192.168.1.7"));
        ck_assert(!has("192.168.1.6"));
        ck_assert(has("172.31.0.1"));
        ck_assert(!has("172.32.0.1"));
        ck_assert(has("2001:db8:7fff::1"));
        ck_assert(!has("2001:db8:8000::1"));
        ck_assert(has("::1"));
        ck_assert(has("::ffff:10.1.2.3")); /* IPv4 over an IPv6 socket is the same source */
        ck_assert(parses("0.0.0.0/0"));
        ck_assert(has("9.9.9.9"));
        ck_assert(!has("2001:db8::1"));
}
END_TEST

START_TEST(http_allow_names_what_it_cannot_read)
{
        static const char *const bad[] = {"10.0.0.0/33", "10.0.0", "::1/129",    "10.0.0.0/",   "10.0.0.0/8x",
                                          "host",        "/8",     "1.2.3.4/-1", "1.2.3.4/1000"};
        const char *wrong = NULL;
        const char *list = "10.0.0.0/8 nonsense";
        for (size_t i = 0; i < countof(bad); i++)
                ck_assert_msg(!parses(bad[i]), "%s", bad[i]);
        ck_assert(!http_allow_parse(&allow, list, &wrong));
        ck_assert_str_eq(wrong, "nonsense");
        char many[(HTTP_ALLOW_MAX + 1) * 8 + 1] = "";
        for (int i = 0; i <= HTTP_ALLOW_MAX; i++)
                strcat(many, "1.2.3.4 ");
        ck_assert(!parses(many));
}
END_TEST

START_TEST(http_secret_equals_only_itself)
{
        struct http_secret secret = {.size = 4, .bytes = "abcd"};
        ck_assert(http_secret_equals(&secret, (struct text){"abcd", 4}));
        ck_assert(!http_secret_equals(&secret, (struct text){"abce", 4}));
        ck_assert(!http_secret_equals(&secret, (struct text){"abc", 3}));
        ck_assert(!http_secret_equals(&secret, (struct text){"abcd\0", 5}));
        ck_assert(!http_secret_equals(&secret, (struct text){NULL, 0}));
        char large[PM_SECRET_SIZE_MAX + 10] = "abcd";
        ck_assert(!http_secret_equals(&secret, (struct text){large, sizeof(large)}));
}
END_TEST

START_TEST(http_limits_let_a_second_of_requests_through_and_refill)
{
        struct http_source one = source("10.0.0.1"), two = source("10.0.0.2");
        int64_t now_us = 5000000;
        http_limits_init(&limits, 10, 1);
        for (int i = 0; i < 10; i++)
                ck_assert(http_limits_allow(&limits, &one, now_us));
        ck_assert(!http_limits_allow(&limits, &one, now_us));
        ck_assert(http_limits_allow(&limits, &two, now_us));
        ck_assert(http_limits_allow(&limits, &one, now_us + 100000));
        ck_assert(!http_limits_allow(&limits, &one, now_us + 100000));
        for (int i = 0; i < 10; i++)
                ck_assert(http_limits_allow(&limits, &one, now_us + 5000000));
        http_limits_init(&limits, 0, 1);
        for (int i = 0; i < 1000; i++)
                ck_assert(http_limits_allow(&limits, &one, now_us));
}
END_TEST

START_TEST(http_limits_count_an_ipv6_household_as_one)
{
        struct http_source one = source("2001:db8::1"), other = source("2001:db8::ffff"), far = source("2001:db8:0:1::1");
        http_limits_init(&limits, 1, 1);
        ck_assert(http_limits_allow(&limits, &one, 1000));
        ck_assert(!http_limits_allow(&limits, &other, 1000));
        ck_assert(http_limits_allow(&limits, &far, 1000));
}
END_TEST

START_TEST(http_limits_hold_a_flood_of_sources_in_bounded_memory)
{
        struct http_source from = source("10.0.0.0");
        int64_t now_us = 1000000;
        http_limits_init(&limits, 2, 99);
        for (uint32_t i = 0; i < 100000; i++) {
                uint32_t address = htonl(0x0a000000 + i);
                memcpy(from.bytes + 12, &address, 4);
                (void)http_limits_allow(&limits, &from, now_us + i);
        }
        /* One that keeps knocking is still counted, more strictly at worst. */
        int passed = 0;
        for (int i = 0; i < 100; i++)
                passed += http_limits_allow(&limits, &from, now_us + 100000);
        ck_assert_int_le(passed, 2);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("http_edge");
        TCase *auth = tcase_create("http_auth");
        tcase_add_test(auth, http_allow_empty_lets_everyone_in);
        tcase_add_test(auth, http_allow_knows_networks_of_both_families);
        tcase_add_test(auth, http_allow_names_what_it_cannot_read);
        tcase_add_test(auth, http_secret_equals_only_itself);
        suite_add_tcase(suite, auth);
        TCase *rate = tcase_create("http_limits");
        tcase_add_test(rate, http_limits_let_a_second_of_requests_through_and_refill);
        tcase_add_test(rate, http_limits_count_an_ipv6_household_as_one);
        tcase_add_test(rate, http_limits_hold_a_flood_of_sources_in_bounded_memory);
        suite_add_tcase(suite, rate);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
