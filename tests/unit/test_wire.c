/* The tables of events and messages, and the codec that walks them: round trips of everything by seed, and hostile bytes. */
#include "common/wire.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/event.h"

#define ROUNDS 200
#define EVENTS_MAX 5

static uint64_t random_state;

static uint64_t
random_u64(void)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return random_state;
}

/* Numbers of every length. */
static uint64_t
random_number(void)
{
        return random_u64() >> (random_u64() % 64);
}

static void
seed_from_environment(void)
{
        const char *seed = getenv("PM_SEED");
        random_state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
        printf("PM_SEED=%llu\n", (unsigned long long)random_state);
}

static const char pool[] = "a text that many fields may point into, with \"quotes\" and \xe2\x82\xb9";

static void
fill_field(const struct field *field, void *base)
{
        void *at = (char *)base + field->offset;
        switch (field->type) {
        case FIELD_BOOL: *(bool *)at = random_u64() & 1; break;
        case FIELD_U8: *(uint8_t *)at = (uint8_t)random_u64(); break;
        case FIELD_U32: *(uint32_t *)at = (uint32_t)random_number(); break;
        case FIELD_U64: *(uint64_t *)at = random_number(); break;
        case FIELD_I64:
        case FIELD_E6:
        case FIELD_TIME_US: *(int64_t *)at = (int64_t)random_u64() >> (random_u64() % 64); break;
        case FIELD_ENUM: *(uint32_t *)at = (uint32_t)(random_u64() % field->limit); break;
        case FIELD_NAME: {
                char *name = at;
                size_t size = random_u64() % PM_INSTRUMENT_NAME_SIZE;
                memset(name, 0, PM_INSTRUMENT_NAME_SIZE);
                for (size_t i = 0; i < size; i++)
                        name[i] = (char)('A' + random_u64() % 26);
                break;
        }
        case FIELD_TEXT: {
                struct text *text = at;
                uint32_t max = field->limit < sizeof pool - 1 ? field->limit : (uint32_t)sizeof pool - 1;
                text->size = (uint32_t)(random_u64() % (max + 1));
                text->data = text->size > 0 ? pool : NULL;
                break;
        }
        case FIELD_FIGURES: {
                struct figures *figures = at;
                figures->count = (uint8_t)(random_u64() % (PM_FIGURES_MAX + 1));
                for (uint8_t i = 0; i < figures->count; i++) {
                        figures->items[i].id = (enum figure_id)(1 + random_u64() % (FIGURE_END - 1));
                        figures->items[i].value_e6 = (int64_t)random_number();
                }
                break;
        }
        case FIELD_DIGEST:
                ((struct digest *)at)->high = random_u64();
                ((struct digest *)at)->low = random_u64();
                break;
        case FIELD_EVENTS:
        case FIELD_NONE: break;
        }
}

static void
fill_event(struct event *event)
{
        const struct event_desc *desc;
        memset(event, 0, sizeof *event);
        do
                event->kind = (enum event_kind)(random_u64() % EVENT_KIND_END);
        while ((desc = event_desc_of((int)event->kind)) == NULL);
        event->more = random_u64() & 1;
        event->at_us = (int64_t)random_number();
        for (uint32_t i = 0; i < desc->fields_count; i++)
                fill_field(&desc->fields[i], event);
}

static void
fill_message(struct msg *msg, enum msg_type type, struct event events[EVENTS_MAX])
{
        const struct msg_desc *desc = msg_desc_of((int)type);
        memset(msg, 0, sizeof *msg);
        msg->type = type;
        for (uint32_t i = 0; i < desc->fields_count; i++) {
                fill_field(&desc->fields[i], msg);
                if (desc->fields[i].type == FIELD_EVENTS) {
                        struct event_span *span = (struct event_span *)((char *)msg + desc->fields[i].offset);
                        span->count = (uint32_t)(random_u64() % (EVENTS_MAX + 1));
                        span->items = events;
                        for (uint32_t n = 0; n < span->count; n++)
                                fill_event(&events[n]);
                }
        }
}

static enum role
any_role(uint32_t set)
{
        for (int role = 1; role < ROLE_END; role++) {
                if (set & 1U << role)
                        return (enum role)role;
        }
        return ROLE_NONE;
}

START_TEST(wire_round_trip_of_every_message_is_the_same)
{
        struct wire_buffer buffer;
        struct wire_buffer again;
        struct wire_decoder decoder;
        struct event events[EVENTS_MAX];
        seed_from_environment();
        wire_buffer_init(&buffer);
        wire_buffer_init(&again);
        wire_decoder_init(&decoder);
        for (int type = 1; type < MSG_TYPE_END; type++) {
                const struct msg_desc *desc = msg_desc_of(type);
                if (desc == NULL)
                        continue;
                for (int round = 0; round < ROUNDS; round++) {
                        struct msg msg;
                        struct msg back;
                        const char *field;
                        fill_message(&msg, (enum msg_type)type, events);
                        ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
                        enum wire_status status =
                                wire_decode(&decoder, buffer.data, buffer.size, any_role(desc->from), any_role(desc->to), &back, &field);
                        ck_assert_msg(status == WIRE_OK, "%s: %s at %s", desc->name, wire_status_name(status), field);
                        ck_assert_int_eq(wire_encode(&back, &again), WIRE_OK);
                        ck_assert_uint_eq(buffer.size, again.size);
                        ck_assert_mem_eq(buffer.data, again.data, buffer.size);
                }
        }
        wire_buffer_fini(&buffer);
        wire_buffer_fini(&again);
        wire_decoder_fini(&decoder);
}
END_TEST

START_TEST(wire_event_size_max_covers_the_encoded_size)
{
        struct wire_buffer buffer;
        seed_from_environment();
        wire_buffer_init(&buffer);
        for (int round = 0; round < 20000; round++) {
                struct event event;
                fill_event(&event);
                struct msg empty = {.type = MSG_EVENT_BATCH};
                struct msg one = {.type = MSG_EVENT_BATCH, .event_batch.events = {&event, 1}};
                ck_assert_int_eq(wire_encode(&empty, &buffer), WIRE_OK);
                size_t without = buffer.size;
                ck_assert_int_eq(wire_encode(&one, &buffer), WIRE_OK);
                ck_assert_uint_le(buffer.size - without, wire_event_size_max(&event));
        }
        wire_buffer_fini(&buffer);
}
END_TEST

START_TEST(wire_refuses_every_cut_and_every_excess)
{
        struct wire_buffer buffer;
        struct wire_decoder decoder;
        struct event events[EVENTS_MAX];
        seed_from_environment();
        wire_buffer_init(&buffer);
        wire_decoder_init(&decoder);
        for (int type = 1; type < MSG_TYPE_END; type++) {
                const struct msg_desc *desc = msg_desc_of(type);
                struct msg msg;
                struct msg back;
                if (desc == NULL)
                        continue;
                fill_message(&msg, (enum msg_type)type, events);
                ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
                for (size_t size = 0; size < buffer.size; size++) {
                        uint8_t *cut = malloc(size + 1); /* of its own, so that a sanitizer sees a read past its end */
                        memcpy(cut, buffer.data, size);
                        cut = realloc(cut, size > 0 ? size : 1);
                        ck_assert_int_ne(wire_decode(&decoder, cut, size, any_role(desc->from), any_role(desc->to), &back, NULL), WIRE_OK);
                        free(cut);
                }
                uint8_t *more = malloc(buffer.size + 1);
                memcpy(more, buffer.data, buffer.size);
                more[buffer.size] = 0;
                ck_assert_int_eq(wire_decode(&decoder, more, buffer.size + 1, any_role(desc->from), any_role(desc->to), &back, NULL),
                                 WIRE_SYNTAX);
                free(more);
        }
        wire_buffer_fini(&buffer);
        wire_decoder_fini(&decoder);
}
END_TEST

START_TEST(wire_survives_changed_bytes)
{
        struct wire_buffer buffer;
        struct wire_decoder decoder;
        struct event events[EVENTS_MAX];
        seed_from_environment();
        wire_buffer_init(&buffer);
        wire_decoder_init(&decoder);
        for (int round = 0; round < 20000; round++) {
                struct msg msg;
                struct msg back;
                int type;
                do
                        type = (int)(random_u64() % MSG_TYPE_END);
                while (msg_desc_of(type) == NULL);
                fill_message(&msg, (enum msg_type)type, events);
                ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
                for (int changes = 1 + (int)(random_u64() % 4); changes > 0; changes--)
                        buffer.data[random_u64() % buffer.size] = (uint8_t)random_u64();
                const struct msg_desc *desc = msg_desc_of(type);
                if (wire_decode(&decoder, buffer.data, buffer.size, any_role(desc->from), any_role(desc->to), &back, NULL) == WIRE_OK) {
                        struct wire_buffer again;
                        wire_buffer_init(&again);
                        ck_assert_int_eq(wire_encode(&back, &again), WIRE_OK);
                        wire_buffer_fini(&again);
                }
        }
        wire_buffer_fini(&buffer);
        wire_decoder_fini(&decoder);
}
END_TEST

START_TEST(wire_refuses_the_wrong_direction)
{
        struct wire_buffer buffer;
        struct wire_decoder decoder;
        struct msg msg = {.type = MSG_GO, .go.incarnation = 7};
        struct msg back;
        wire_buffer_init(&buffer);
        wire_decoder_init(&decoder);
        ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
        ck_assert_int_eq(wire_decode(&decoder, buffer.data, buffer.size, ROLE_SUPERVISOR, ROLE_WORKER, &back, NULL), WIRE_OK);
        ck_assert_uint_eq(back.go.incarnation, 7);
        ck_assert_int_eq(wire_decode(&decoder, buffer.data, buffer.size, ROLE_PERSISTER, ROLE_WORKER, &back, NULL), WIRE_TYPE);
        ck_assert_int_eq(wire_decode(&decoder, buffer.data, buffer.size, ROLE_WORKER, ROLE_SUPERVISOR, &back, NULL), WIRE_TYPE);
        wire_buffer_fini(&buffer);
        wire_decoder_fini(&decoder);
}
END_TEST

START_TEST(wire_makes_no_room_for_a_size_that_is_not_there)
{
        static const uint8_t hostile[][12] = {
                {0xdd, 0x04, 0x00, 0x00, 0x00},
                {0xdd, 0xff, 0xff, 0xff, 0xff},
                {0xdf, 0xff, 0xff, 0xff, 0xff},
                {0x94, 0x07, 0x01, 0x00, 0xdd, 0x7f, 0xff, 0xff, 0xff},
                {0x95, 0x0a, 0x01, 0x01, 0x92, 0x01, 0x01, 0xdd, 0xff, 0xff, 0xff, 0xff},
                {0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91, 0x91},
        };
        struct wire_decoder decoder;
        struct msg msg;
        wire_decoder_init(&decoder);
        for (size_t i = 0; i < countof(hostile); i++) {
                ck_assert_int_ne(wire_decode(&decoder, hostile[i], sizeof hostile[i], ROLE_WORKER, ROLE_PERSISTER, &msg, NULL), WIRE_OK);
                ck_assert_int_ne(wire_decode(&decoder, hostile[i], sizeof hostile[i], ROLE_PERSISTER, ROLE_WORKER, &msg, NULL), WIRE_OK);
        }
        ck_assert_uint_eq(decoder.events_capacity, 0);
        wire_decoder_fini(&decoder);
}
END_TEST

START_TEST(tables_have_unique_stable_names)
{
        for (int kind = 0; kind < EVENT_KIND_END; kind++) {
                const struct event_desc *desc = event_desc_of(kind);
                if (desc == NULL)
                        continue;
                ck_assert_int_eq((int)event_kind_of(desc->name), kind);
                for (uint32_t i = 0; i < desc->fields_count; i++) {
                        for (uint32_t j = 0; j < i; j++)
                                ck_assert_str_ne(desc->fields[i].name, desc->fields[j].name);
                }
        }
        for (int type = 1; type < MSG_TYPE_END; type++) {
                const struct msg_desc *desc = msg_desc_of(type);
                ck_assert_ptr_nonnull(desc);
                for (int other = 1; other < type; other++)
                        ck_assert_str_ne(desc->name, msg_desc_of(other)->name);
        }
        for (int i = 1; i < REASON_END; i++)
                ck_assert_msg(event_reason_name(i) != NULL && event_reason_name(i)[0] != '\0', "reason %d", i);
        for (int i = 1; i < OUTCOME_END; i++)
                ck_assert_ptr_nonnull(event_outcome_name(i));
        for (int i = 1; i < FIGURE_END; i++)
                ck_assert_ptr_nonnull(event_figure_name(i));
        for (int i = 0; i < STORE_PROBLEM_END; i++)
                ck_assert_ptr_nonnull(msg_store_problem_name(i));
        ck_assert_ptr_null(event_reason_name(REASON_END));
        ck_assert_ptr_null(event_reason_name(-1));
        ck_assert_ptr_null(event_layer_name(7));
        ck_assert_str_eq(event_layer_name(0), "ALL");
        ck_assert_str_eq(event_layer_name(6), "Long_6");
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("wire");
        TCase *tcase = tcase_create("wire");
        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, wire_round_trip_of_every_message_is_the_same);
        tcase_add_test(tcase, wire_event_size_max_covers_the_encoded_size);
        tcase_add_test(tcase, wire_refuses_every_cut_and_every_excess);
        tcase_add_test(tcase, wire_survives_changed_bytes);
        tcase_add_test(tcase, wire_refuses_the_wrong_direction);
        tcase_add_test(tcase, wire_makes_no_room_for_a_size_that_is_not_there);
        tcase_add_test(tcase, tables_have_unique_stable_names);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
