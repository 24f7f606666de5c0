/* signal_json.c with json_scan.c and signal_time.c: what a body means, and what it is refused for. */
#include <check.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "worker/json_scan.h"
#include "worker/signal_json.h"
#include "worker/signal_time.h"

static bool
is_shipped(const void *owner, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        (void)owner;
        return strcmp(name, "GOLD_MINI") == 0 || strcmp(name, "COPPER") == 0;
}

static const struct signal_instruments instruments = {is_shipped, NULL};
static struct signal_json parsed;

static enum signal_code
parse(const char *body)
{
        return signal_from_json(&parsed, body, strlen(body), &instruments);
}

static void
expect(const char *body, const char *code, const char *field)
{
        enum signal_code got = parse(body);
        ck_assert_msg(strcmp(signal_code_name((int)got), code) == 0, "%s: %s, not %s", body, signal_code_name((int)got), code);
        if (field != NULL)
                ck_assert_msg(strcmp(parsed.field, field) == 0, "%s: field %s, not %s", body, parsed.field, field);
}

#define ENTRY_WITH(member)                                                                                                                 \
        "{\"type\":\"BASE_ENTRY\",\"instrument\":\"GOLD_MINI\",\"position\":\"Long_1\",\"price\":72000,\"stop\":71000,\"lots\":5,"         \
        "\"atr\":700,\"er\":0.8,\"supertrend\":71000,\"timestamp\":\"2025-11-28T10:30:00Z\"," member "}"
#define EXIT_WITH(member)                                                                                                                  \
        "{\"type\":\"EXIT\",\"instrument\":\"GOLD_MINI\",\"position\":\"ALL\",\"price\":72000,\"stop\":0,\"lots\":0,"                      \
        "\"atr\":700,\"er\":0.8,\"supertrend\":71000,\"timestamp\":\"2025-11-28T10:30:00Z\",\"reason\":\"x\"," member "}"
#define TICK_WITH(member)                                                                                                                  \
        "{\"type\":\"MARKET_DATA\",\"instrument\":\"COPPER\",\"price\":720,\"atr\":7,\"supertrend\":710,\"timestamp\":\"2025-11-28T10:30:" \
        "00Z\"," member "}"

START_TEST(signal_json_reads_a_whole_entry)
{
        expect("{\"type\":\"base_Entry\",\"instrument\":\"gold_mini\",\"position\":\"Long_1\",\"price\":\"72000.25\",\"stop\":7.1e4,"
               "\"lots\":5.0,"
               "\"atr\":700.0000005,\"er\":0.8,\"supertrend\":71000,\"roc\":-1.5,\"timestamp\":\"2025-11-28 10:30:00.1234569\"}",
               "", "");
        ck_assert_int_eq(parsed.signal.type, SIGNAL_BASE_ENTRY);
        ck_assert_str_eq(parsed.signal.instrument, "GOLD_MINI");
        ck_assert_int_eq(parsed.signal.layer, 1);
        ck_assert_int_eq(parsed.signal.price_e6, 72000250000);
        ck_assert_int_eq(parsed.signal.stop_e6, 71000000000);
        ck_assert_int_eq(parsed.signal.atr_e6, 700000001);
        ck_assert_int_eq(parsed.signal.er_e6, 800000);
        ck_assert_int_eq(parsed.signal.lots_suggested, 5);
        ck_assert(parsed.signal.has_roc);
        ck_assert_int_eq(parsed.signal.roc_e6, -1500000);
        ck_assert_int_eq(parsed.signal.signal_at_us, 1764306000123456); /* 05:00:00.123456 UTC */
        for (size_t i = strlen("GOLD_MINI"); i < PM_INSTRUMENT_NAME_SIZE; i++)
                ck_assert_int_eq(parsed.signal.instrument[i], 0);
}
END_TEST

START_TEST(signal_json_refuses_what_is_not_json)
{
        static const char *const bad[] = {
                "",
                " ",
                "{",
                "}",
                "{\"a\":1,}",
                "{'a':1}",
                "{\"a\":NaN}",
                "{\"a\":nan}",
                "{\"a\":Infinity}",
                "{\"a\":-Infinity}",
                "{\"a\":+1}",
                "{\"a\":01}",
                "{\"a\":1.}",
                "{\"a\":.5}",
                "{\"a\":1e}",
                "{\"a\":-}",
                "{\"a\":0x10}",
                "{\"a\":True}",
                "{\"a\":tru}",
                "{\"a\":1} x",
                "{\"a\":1}{}",
                "{\"a\":1}//c",
                "/*c*/{\"a\":1}",
                "{\"a\" 1}",
                "{a:1}",
                "{\"a\":[1,]}",
                "{\"a\":\"\t\"}",
                "{\"a\":\"\\x\"}",
                "{\"a\":\"\\u12g4\"}",
                "{\"a\":\"\\u12",
                "{\"a\":\"\\",
                "{\"a\":\"\xff\"}",
                "{\"a\":\"\xc0\xaf\"}",
                "{\"a\":\"\xed\xa0\x80\"}",
                "{\"a\":\"\xf4\x90\x80\x80\"}",
                "{\"a\":\"\xe2\x82\"}",
                "\xef\xbb\xbf{\"a\":1}",
        };
        for (size_t i = 0; i < countof(bad); i++)
                expect(bad[i], "bad_json", "");
        ck_assert_int_eq(signal_from_json(&parsed, "{\"a\":\"\0\"}", 9, &instruments), SIGNAL_BAD_JSON);
        ck_assert_int_eq(signal_from_json(&parsed, "{}\0", 3, &instruments), SIGNAL_BAD_JSON);
        expect("[1]", "not_object", "");
        expect("null", "not_object", "");
        expect(" \"BASE_ENTRY\"\n", "not_object", "");
        expect("-0.5e+3", "not_object", "");
}
END_TEST

START_TEST(signal_json_bounds_nesting_and_size)
{
        char body[PM_BODY_SIZE_MAX + 2];
        char deep[256];
        size_t n = 0;
        /* The object itself is one level. */
        for (int levels = JSON_SCAN_DEPTH_MAX - 1; levels <= JSON_SCAN_DEPTH_MAX; levels++) {
                n = (size_t)levels;
                strcpy(deep, "{\"a\":");
                memset(deep + 5, '[', n);
                memset(deep + 5 + n, ']', n);
                strcpy(deep + 5 + 2 * n, "}");
                expect(deep, levels < JSON_SCAN_DEPTH_MAX ? "missing_field" : "bad_json", NULL);
        }
        memset(body, '[', sizeof(body));
        ck_assert_int_eq(signal_from_json(&parsed, body, PM_BODY_SIZE_MAX, &instruments), SIGNAL_BAD_JSON);
        memset(body, ' ', sizeof(body));
        memcpy(body, EXIT_WITH("\"x\":1"), strlen(EXIT_WITH("\"x\":1")));
        ck_assert_int_eq(signal_from_json(&parsed, body, PM_BODY_SIZE_MAX, &instruments), SIGNAL_CODE_OK);
        ck_assert_int_eq(signal_from_json(&parsed, body, PM_BODY_SIZE_MAX + 1, &instruments), SIGNAL_TOO_LARGE);
        /* A payload as long as a body may be. */
        n = strlen(EXIT_WITH("\"x\":\"\""));
        memcpy(body, EXIT_WITH("\"x\":\""), n - 2);
        memset(body + n - 2, 'y', PM_BODY_SIZE_MAX - n);
        memcpy(body + PM_BODY_SIZE_MAX - 2, "\"}", 2);
        ck_assert_int_eq(signal_from_json(&parsed, body, PM_BODY_SIZE_MAX, &instruments), SIGNAL_CODE_OK);
        ck_assert_uint_eq(parsed.signal.payload.size, PM_BODY_SIZE_MAX);
        ck_assert_mem_eq(parsed.signal.payload.data, body, PM_BODY_SIZE_MAX);
}
END_TEST

START_TEST(signal_json_names_code_and_field)
{
        expect("{}", "missing_field", "type");
        expect("{\"type\":5}", "bad_type", "type");
        expect("{\"type\":\"BUY\"}", "bad_type", "type");
        expect("{\"type\":\"EXIT\"}", "missing_field", "instrument");
        expect(TICK_WITH("\"instrument\":null"), "bad_instrument", "instrument");
        expect(TICK_WITH("\"instrument\":\"SILVER\""), "bad_instrument", "instrument");
        expect(TICK_WITH("\"instrument\":\"COPPER\\u0000\""), "bad_instrument", "instrument");
        expect(TICK_WITH("\"instrument\":\"AVERYVERYLONGNAMEOFMETAL\""), "bad_instrument", "instrument");
        expect(ENTRY_WITH("\"position\":\"long_1\""), "bad_position", "position");
        expect(ENTRY_WITH("\"position\":\"Long_7\""), "bad_position", "position");
        expect(ENTRY_WITH("\"position\":\"Long_10000\""), "bad_position", "position");
        expect(ENTRY_WITH("\"timestamp\":17"), "bad_timestamp", "timestamp");
        expect(ENTRY_WITH("\"price\":true"), "bad_number", "price");
        expect(ENTRY_WITH("\"price\":\" 1\""), "bad_number", "price");
        expect(ENTRY_WITH("\"price\":\"1_0\""), "bad_number", "price");
        expect(ENTRY_WITH("\"price\":\"\""), "bad_number", "price");
        expect(ENTRY_WITH("\"price\":\"nan\""), "bad_number", "price");
        expect(ENTRY_WITH("\"roc\":{}"), "bad_number", "roc");
        expect(ENTRY_WITH("\"roc\":null"), "", "");
        expect(ENTRY_WITH("\"price\":10000000.000001"), "out_of_range", "price");
        expect(ENTRY_WITH("\"price\":10000000"), "", "");
        expect(ENTRY_WITH("\"price\":1e400"), "out_of_range", "price");
        expect(ENTRY_WITH("\"price\":1000000000000000000000000"), "out_of_range", "price");
        expect(ENTRY_WITH("\"price\":9223372036854775808"), "out_of_range", "price");
        expect(ENTRY_WITH("\"price\":-0"), "bad_price", "price");
        expect(ENTRY_WITH("\"price\":1e-400"), "bad_price", "price");
        expect(ENTRY_WITH("\"price\":0.0000004"), "bad_price", "price");
        expect(ENTRY_WITH("\"price\":0.0000005"), "", "");
        expect(ENTRY_WITH("\"stop\":0"), "bad_stop", "stop");
        expect(ENTRY_WITH("\"atr\":-1"), "bad_atr", "atr");
        expect(ENTRY_WITH("\"atr\":0"), "", "");
        expect(TICK_WITH("\"atr\":0"), "bad_atr", "atr");
        expect(TICK_WITH("\"supertrend\":0"), "bad_supertrend", "supertrend");
        expect(ENTRY_WITH("\"er\":1.000001"), "bad_er", "er");
        expect(ENTRY_WITH("\"er\":-0.1"), "bad_er", "er");
        expect(ENTRY_WITH("\"lots\":1.5"), "bad_lots", "lots");
        expect(ENTRY_WITH("\"lots\":-1"), "bad_lots", "lots");
        expect(ENTRY_WITH("\"lots\":1000001"), "bad_lots", "lots");
        expect(ENTRY_WITH("\"lots\":1000000"), "", "");
        expect(EXIT_WITH("\"reason\":\"\""), "missing_reason", "reason");
        expect(EXIT_WITH("\"reason\":[]"), "missing_reason", "reason");
        expect("{\"type\":\"EOD_MONITOR\"}", "", "");
        expect("{\"type\":\"PROBE\"}", "missing_field", "id");
        expect("{\"type\":\"PROBE\",\"id\":7}", "bad_type", "id");
        expect("{\"type\":\"PROBE\",\"id\":\"\"}", "out_of_range", "id");
        expect("{\"type\":\"probe\",\"id\":\"drill-1\"}", "", "");
        ck_assert_uint_eq(parsed.signal.probe_id.size, 7);
}
END_TEST

START_TEST(signal_json_never_refuses_an_exit_on_what_it_does_not_use)
{
        expect(EXIT_WITH("\"lots\":1.5"), "", "");
        expect(EXIT_WITH("\"lots\":1e30"), "", "");
        expect(EXIT_WITH("\"er\":7"), "", "");
        expect(EXIT_WITH("\"er\":-1e99"), "", "");
        expect(EXIT_WITH("\"stop\":-5"), "", "");
        expect(EXIT_WITH("\"stop\":1e99"), "", "");
        expect(EXIT_WITH("\"roc\":1e99"), "", "");
        expect(EXIT_WITH("\"lots\":null"), "bad_number", "lots");
}
END_TEST

START_TEST(signal_json_takes_the_secret_out_of_what_is_stored)
{
        expect("{\"secret\":\"s3cret\",\"type\":\"PROBE\",\"id\":\"a\"}", "", "");
        ck_assert(parsed.has_secret);
        ck_assert_uint_eq(parsed.secret.size, 6);
        ck_assert_mem_eq(parsed.secret.data, "s3cret", 6);
        ck_assert_mem_eq(parsed.signal.payload.data, "{\"type\":\"PROBE\",\"id\":\"a\"}", parsed.signal.payload.size);
        expect(" { \"type\" : \"PROBE\" , \"secret\" : \"one\" , \"id\":\"a\", \"\\u0073ecret\":\"two\" } ", "", "");
        ck_assert_mem_eq(parsed.secret.data, "two", 3);
        ck_assert_mem_eq(parsed.signal.payload.data, "{\"type\" : \"PROBE\",\"id\":\"a\"}", parsed.signal.payload.size);
        /* Found although the body is refused for what comes after it. */
        expect("{\"secret\":\"s\",\"atr\":NaN}", "bad_json", "");
        ck_assert(parsed.has_secret);
        ck_assert_uint_eq(parsed.secret.size, 1);
        expect("{\"secret\":5}", "missing_field", "type");
        ck_assert(parsed.has_secret);
        ck_assert_uint_eq(parsed.secret.size, 0);
        expect("{\"x\":{\"secret\":\"s\"}}", "missing_field", "type");
        ck_assert(!parsed.has_secret);
}
END_TEST

START_TEST(signal_json_cleans_and_cuts_the_reason)
{
        expect(EXIT_WITH("\"reason\":\"a\\u0000b\\u001b\\n\\u0085c\\ud800\""), "", "");
        ck_assert_uint_eq(parsed.signal.reason.size, 11);
        ck_assert_mem_eq(parsed.signal.reason.data,
                         "a b  \xc2\xa0"
                         "c\xef\xbf\xbd",
                         11);
        char body[2048] = EXIT_WITH("\"reason\":\"");
        char *at = body + strlen(body) - 1;
        for (int i = 0; i < PM_REASON_CHARS_MAX + 5; i++, at += 4)
                memcpy(at, "\xf0\x9f\x98\x80", 4);
        strcpy(at, "\"}");
        expect(body, "", "");
        ck_assert_uint_eq(parsed.signal.reason.size, PM_REASON_SIZE_MAX);
        ck_assert_mem_eq(parsed.signal.reason.data + PM_REASON_SIZE_MAX - 4, "\xf0\x9f\x98\x80", 4);
}
END_TEST

START_TEST(signal_json_mends_what_postgresql_would_refuse)
{
        const char *mended = "{\"type\":\"PROBE\",\"id\":\"a\",\"x\":\"\\ufffd \\\\u0000 \\ufffd \\ud83d\\ude00 \\ufffdq\"}";
        expect("{\"type\":\"PROBE\",\"id\":\"a\",\"x\":\"\\u0000 \\\\u0000 \\udc00 \\ud83d\\ude00 \\ud800q\"}", "", "");
        ck_assert_uint_eq(parsed.signal.payload.size, strlen(mended));
        ck_assert_mem_eq(parsed.signal.payload.data, mended, strlen(mended));
}
END_TEST

START_TEST(signal_json_takes_the_last_of_doubled_keys)
{
        expect(ENTRY_WITH("\"price\":1,\"price\":2"), "", "");
        ck_assert_int_eq(parsed.signal.price_e6, 2000000);
}
END_TEST

START_TEST(signal_time_reads_every_form)
{
        static const struct {
                const char *text;
                int64_t at_us; /* -1: refused */
        } cases[] = {
                {"2000-01-01T00:00Z", 946684800000000},
                {"2000-01-01T00:00", 946684800000000 - 19800000000},
                {"2099-12-31T23:59:59.999999999Z", 4102444799999999},
                {"2024-02-29 12:00:00+14", 1709208000000000 - 14 * 3600000000},
                {"2024-02-29 12:00:00-1400", 1709208000000000 + 14 * 3600000000},
                {"2024-02-29T12:00:00-00:00", 1709208000000000},
                {"2024-02-29T12:00:00.5+05:30", 1709208000500000 - 19800000000},
                {"1999-12-31T23:59:59Z", -1},
                {"2100-01-01T00:00:00Z", -1},
                {"2023-02-29T00:00:00Z", -1},
                {"2024-00-10T00:00:00Z", -1},
                {"2024-01-00T00:00:00Z", -1},
                {"2024-01-01T24:00:00Z", -1},
                {"2024-01-01T00:60:00Z", -1},
                {"2024-01-01T00:00:60Z", -1},
                {"2024-01-01T00:00:00z", -1},
                {"2024-01-01t00:00:00Z", -1},
                {"2024-01-01T00:00:00.Z", -1},
                {"2024-01-01T00:00:00.1234567890Z", -1},
                {"2024-01-01T00:00.5Z", -1},
                {"2024-01-01T00:00:00+14:01", -1},
                {"2024-01-01T00:00:00+1", -1},
                {"2024-01-01T00:00:00+05:3", -1},
                {"2024-01-01T00:00:00+05:60", -1},
                {"2024-01-01T00:00:00+05:", -1},
                {"2024-01-01T00:00:00Z ", -1},
                {"2024-01-01", -1},
                {"2024-1-01T00:00:00", -1},
                {"20240101T000000Z", -1},
                {"", -1},
        };
        for (size_t i = 0; i < countof(cases); i++) {
                int64_t at_us = -1;
                bool good = signal_time_parse(cases[i].text, strlen(cases[i].text), &at_us);
                ck_assert_msg(good == (cases[i].at_us != -1), "%s", cases[i].text);
                if (good)
                        ck_assert_int_eq(at_us, cases[i].at_us);
        }
}
END_TEST

/* Bodies are mutated by a fixed recipe: whatever the strict walk accepts, json-c must accept too. */
START_TEST(json_scan_accepts_only_what_json_c_accepts)
{
        static const char alphabet[] = "{}[]\",:0123456789.-+eE truefalsn\\ud8\x01\x7f\xc3\xa9";
        const char *seed = ENTRY_WITH("\"x\":[1,-2.5e+3,true,false,null,\"\\u00e9\\ud83d\\ude00\",{\"y\":{}}]");
        uint64_t state = 0x9e3779b97f4a7c15U;
        int accepted = 0;
        for (int round = 0; round < 50000; round++) {
                char body[512];
                size_t size = strlen(seed);
                memcpy(body, seed, size);
                for (int changes = round % 3; changes >= 0; changes--) {
                        state = state * 6364136223846793005U + 1442695040888963407U;
                        body[(state >> 33) % size] = alphabet[(state >> 20) % (sizeof(alphabet) - 1)];
                }
                enum json_kind kind;
                if (json_scan(body, size, &kind, NULL, NULL) != JSON_SCAN_OK)
                        continue;
                accepted++;
                struct json_tokener *tokener = json_tokener_new_ex(JSON_SCAN_DEPTH_MAX + 1);
                json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
                struct json_object *object = json_tokener_parse_ex(tokener, body, (int)size);
                ck_assert_msg(json_tokener_get_error(tokener) == json_tokener_success, "round %d: %.*s", round, (int)size, body);
                json_object_put(object);
                json_tokener_free(tokener);
        }
        ck_assert_int_gt(accepted, 1000);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("signal_json");
        TCase *json = tcase_create("signal_json");
        tcase_add_test(json, signal_json_reads_a_whole_entry);
        tcase_add_test(json, signal_json_refuses_what_is_not_json);
        tcase_add_test(json, signal_json_bounds_nesting_and_size);
        tcase_add_test(json, signal_json_names_code_and_field);
        tcase_add_test(json, signal_json_never_refuses_an_exit_on_what_it_does_not_use);
        tcase_add_test(json, signal_json_takes_the_secret_out_of_what_is_stored);
        tcase_add_test(json, signal_json_cleans_and_cuts_the_reason);
        tcase_add_test(json, signal_json_mends_what_postgresql_would_refuse);
        tcase_add_test(json, signal_json_takes_the_last_of_doubled_keys);
        suite_add_tcase(suite, json);
        TCase *time = tcase_create("signal_time");
        tcase_add_test(time, signal_time_reads_every_form);
        suite_add_tcase(suite, time);
        TCase *scan = tcase_create("json_scan");
        tcase_add_test(scan, json_scan_accepts_only_what_json_c_accepts);
        suite_add_tcase(suite, scan);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
