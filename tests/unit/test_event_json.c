/* event_json.c: what is written into portfolio_events.payload reads back to the same event, for every kind. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "persister/event_json.h"

#define SEEDS 400

static uint64_t random_state;

static uint64_t
random_u64(void)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state;
}

static uint64_t
random_below(uint64_t end)
{
        return random_u64() % end;
}

/* Text of every kind that JSON must escape, and of two and four bytes a character. */
static struct text
random_text(char *room, uint32_t limit)
{
        static const char *const pieces[] = {"a", "\"", "\\", "\n", "\t", "\x01", "\x1f", "é", "𝄞", "/", "{}", "\\u0041", "0", " "};
        uint32_t size = 0;
        for (uint64_t n = random_below(40); n > 0; n--) {
                const char *piece = pieces[random_below(sizeof pieces / sizeof pieces[0])];
                if (size + strlen(piece) > limit)
                        break;
                memcpy(room + size, piece, strlen(piece));
                size += (uint32_t)strlen(piece);
        }
        return (struct text){size > 0 ? room : NULL, size};
}

static int64_t
random_i64(void)
{
        static const int64_t edges[] = {0, 1, -1, 999999, -999999, 1000000, INT64_MAX, INT64_MIN, 72000000000};
        uint64_t pick = random_below(20);
        return pick < sizeof edges / sizeof edges[0] ? edges[pick] : (int64_t)random_u64() >> random_below(64);
}

static void
fill_figures(struct figures *figures)
{
        uint32_t first = (uint32_t)random_below(FIGURE_END - PM_FIGURES_MAX - 1) + 1;
        figures->count = (uint8_t)random_below(PM_FIGURES_MAX + 1);
        for (uint32_t i = 0; i < figures->count; i++)
                figures->items[i] = (struct figure){(enum figure_id)(first + i), random_i64()};
}

static void
fill(struct event *event, const struct field *field, char *room)
{
        void *at = (char *)event + field->offset;
        switch (field->type) {
        case FIELD_BOOL: *(bool *)at = random_below(2) != 0; return;
        case FIELD_U8: *(uint8_t *)at = (uint8_t)random_u64(); return;
        case FIELD_U32: *(uint32_t *)at = (uint32_t)random_u64(); return;
        case FIELD_U64: *(uint64_t *)at = random_u64() >> random_below(64); return;
        case FIELD_I64:
        case FIELD_E6: *(int64_t *)at = random_i64(); return;
        case FIELD_TIME_US: *(int64_t *)at = random_below(4) == 0 ? 0 : (int64_t)random_below(4102444800000000ULL); return;
        case FIELD_ENUM: {
                uint32_t value;
                do
                        value = (uint32_t)random_below(field->limit);
                while (value != 0 && field->enum_name((int)value) == NULL);
                memcpy(at, &value, sizeof value);
                return;
        }
        case FIELD_NAME: snprintf(at, PM_INSTRUMENT_NAME_SIZE, "I%llu", (unsigned long long)random_below(1000000)); return;
        case FIELD_TEXT: *(struct text *)at = random_text(room, field->limit); return;
        case FIELD_FIGURES: fill_figures(at); return;
        case FIELD_DIGEST:
        case FIELD_EVENTS:
        case FIELD_NONE: break;
        }
        ck_abort_msg("a field type that events do not have");
}

START_TEST(event_json_reads_back_what_it_wrote)
{
        struct json_text first = {0};
        struct json_text again = {0};
        struct event_json_reader reader = {0};
        char room[256];
        random_state = 88172645463325252ULL + (unsigned)_i;
        for (int kind = 0; kind < EVENT_KIND_END; kind++) {
                const struct event_desc *desc = event_desc_of(kind);
                if (desc == NULL)
                        continue;
                struct event written = {.kind = (enum event_kind)kind};
                struct event read = {.kind = (enum event_kind)kind};
                const char *field = NULL;
                for (uint32_t i = 0; i < desc->fields_count; i++)
                        fill(&written, &desc->fields[i], room);
                event_json_write(&written, &first);
                ck_assert_msg(event_json_read(&reader, first.data, first.size, &read, &field) == EVENT_JSON_OK, "seed %d, %s, field %s: %s",
                              _i, desc->name, field, first.data);
                event_json_write(&read, &again);
                ck_assert_msg(strcmp(first.data, again.data) == 0, "seed %d, %s: %s became %s", _i, desc->name, first.data, again.data);
        }
        event_json_reader_fini(&reader);
        json_text_fini(&first);
        json_text_fini(&again);
}
END_TEST

static enum event_json_status
read_tick(const char *json, struct event *event, const char **field)
{
        struct event_json_reader reader = {0};
        *event = (struct event){.kind = EVENT_TICK};
        enum event_json_status status = event_json_read(&reader, json, strlen(json), event, field);
        event_json_reader_fini(&reader);
        return status;
}

START_TEST(event_json_is_exact_and_plain)
{
        struct event event = {.kind = EVENT_TICK,
                              .tick = {.instrument = "COPPER", .tick_at_us = 1795489200000001, .price_e6 = 72000250000}};
        struct json_text text = {0};
        event_json_write(&event, &text);
        ck_assert_str_eq(text.data, "{\"instrument\":\"COPPER\",\"tick_at\":\"2026-11-24T03:00:00.000001Z\",\"price\":72000.250000}");
        json_text_fini(&text);
}
END_TEST

/* jsonb gives the fields back in its own order, numbers as numeric prints them; a later version may have added some. */
START_TEST(event_json_reads_what_jsonb_makes_of_it)
{
        struct event event;
        const char *field;
        ck_assert_int_eq(read_tick("{\"new\": [1, {\"a\": null}], \"price\": 72000.25, \"tick_at\": \"2026-11-24T03:00:00.000001Z\", "
                                   "\"instrument\": \"COPPER\"}",
                                   &event, &field),
                         EVENT_JSON_OK);
        ck_assert_str_eq(event.tick.instrument, "COPPER");
        ck_assert_int_eq(event.tick.tick_at_us, 1795489200000001);
        ck_assert_int_eq(event.tick.price_e6, 72000250000);
}
END_TEST

#define TICK(instrument, at, price) "{\"instrument\":" instrument ",\"tick_at\":" at ",\"price\":" price "}"
#define NAME "\"COPPER\""
#define AT "\"2026-11-24T03:00:00.000001Z\""

static const struct {
        const char *json;
        enum event_json_status status;
        const char *field;
} refusals[] = {
        {"", EVENT_JSON_SYNTAX, "payload"},
        {"[]", EVENT_JSON_SYNTAX, "payload"},
        {"null", EVENT_JSON_SYNTAX, "payload"},
        {"{\"instrument\":", EVENT_JSON_SYNTAX, "payload"},
        {"{}", EVENT_JSON_FIELD, "instrument"},
        {TICK("7", AT, "1"), EVENT_JSON_FIELD, "instrument"},
        {TICK("\"A_NAME_OF_TWENTY_FOUR_CH\"", AT, "1"), EVENT_JSON_FIELD, "instrument"},
        {TICK(NAME, "7", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, "\"2026-11-24\"", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, "\"2026-02-29T03:00:00.000001Z\"", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, "\"2026-13-24T03:00:00.000001Z\"", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, "\"2026-11-24T24:00:00.000001Z\"", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, "\"2026-11-24T03:60:00.000001Z\"", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, "\"2026-11-24T03:00:60.000001Z\"", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, "\"2026-11-24T03:00:00.5Z\"", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, "\"2026-11-24T03:00:-1.000001Z\"", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, "\"2026-11-24T03:00:00.000001Z \"", "1"), EVENT_JSON_FIELD, "tick_at"},
        {TICK(NAME, AT, "\"1\""), EVENT_JSON_FIELD, "price"},
        {TICK(NAME, AT, "null"), EVENT_JSON_FIELD, "price"},
        {TICK(NAME, AT, "9223372036854.775808"), EVENT_JSON_FIELD, "price"},
        {TICK(NAME, AT, "92233720368547758080000"), EVENT_JSON_FIELD, "price"},
};

START_TEST(event_json_refuses_what_is_no_event)
{
        struct event event;
        const char *field = "";
        ck_assert_int_eq(read_tick(refusals[_i].json, &event, &field), refusals[_i].status);
        ck_assert_str_eq(field, refusals[_i].field);
}
END_TEST

START_TEST(event_json_refuses_unknown_names_of_enums)
{
        struct event_json_reader reader = {0};
        struct event event = {.kind = EVENT_POSITION_CLOSED};
        const char *field = NULL;
        const char *json = "{\"position_no\":1,\"instrument\":\"COPPER\",\"layer\":1,\"exit_at\":null,\"exit_price\":1,\"pnl\":1,"
                           "\"highest_close\":1,\"current_stop\":1,\"cause\":\"BOREDOM\",\"reason\":\"\"}";
        ck_assert_int_eq(event_json_read(&reader, json, strlen(json), &event, &field), EVENT_JSON_FIELD);
        ck_assert_str_eq(field, "cause");
        event_json_reader_fini(&reader);
}
END_TEST

START_TEST(event_json_holds_the_largest_signal)
{
        static char body[PM_BODY_SIZE_MAX];
        struct event event = {.kind = EVENT_SIGNAL, .signal = {.type = SIGNAL_EXIT, .outcome = OUTCOME_EXECUTED}};
        struct event read = {.kind = EVENT_SIGNAL};
        struct json_text text = {0};
        struct event_json_reader reader = {0};
        memset(body, '\x02', sizeof body); /* six bytes each in JSON */
        event.signal.payload = (struct text){body, sizeof body};
        event_json_write(&event, &text);
        ck_assert_int_eq(event_json_read(&reader, text.data, text.size, &read, NULL), EVENT_JSON_OK);
        ck_assert_uint_eq(read.signal.payload.size, sizeof body);
        ck_assert(memcmp(read.signal.payload.data, body, sizeof body) == 0);
        event_json_reader_fini(&reader);
        json_text_fini(&text);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("event_json");
        TCase *tcase = tcase_create("event_json");
        suite_add_tcase(suite, tcase);
        tcase_add_loop_test(tcase, event_json_reads_back_what_it_wrote, 0, SEEDS);
        tcase_add_test(tcase, event_json_is_exact_and_plain);
        tcase_add_test(tcase, event_json_reads_what_jsonb_makes_of_it);
        tcase_add_loop_test(tcase, event_json_refuses_what_is_no_event, 0, (int)(sizeof refusals / sizeof refusals[0]));
        tcase_add_test(tcase, event_json_refuses_unknown_names_of_enums);
        tcase_add_test(tcase, event_json_holds_the_largest_signal);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
