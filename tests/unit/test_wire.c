/* The codec: round trips of every message and event by seed, fields out of their limits, hostile bytes, missing memory. */
#include "common/wire.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/event.h"

/* The linker sends every realloc of the codec through here (foundations.mk): it is counted, and the nth can fail. */
void *__real_realloc(void *at, size_t size);
void *__wrap_realloc(void *at, size_t size);
static int reallocs;
static int realloc_to_fail = -1;

void *
__wrap_realloc(void *at, size_t size)
{
        return ++reallocs == realloc_to_fail ? NULL : __real_realloc(at, size);
}

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
        case FIELD_ENUM:
                do
                        *(uint32_t *)at = (uint32_t)(random_u64() % field->limit);
                while (field->enum_name(*(int *)at) == NULL);
                break;
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

static bool
is_same_text(const struct text *a, const struct text *b)
{
        return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static bool is_same_event(const struct event *a, const struct event *b);

static bool
is_same_field(const struct field *field, const void *base_a, const void *base_b)
{
        const void *a = (const char *)base_a + field->offset;
        const void *b = (const char *)base_b + field->offset;
        switch (field->type) {
        case FIELD_BOOL: return *(const bool *)a == *(const bool *)b;
        case FIELD_U8: return *(const uint8_t *)a == *(const uint8_t *)b;
        case FIELD_ENUM:
        case FIELD_U32: return *(const uint32_t *)a == *(const uint32_t *)b;
        case FIELD_U64:
        case FIELD_I64:
        case FIELD_E6:
        case FIELD_TIME_US: return memcmp(a, b, sizeof(int64_t)) == 0;
        case FIELD_NAME: return memcmp(a, b, PM_INSTRUMENT_NAME_SIZE) == 0;
        case FIELD_TEXT: return is_same_text(a, b);
        case FIELD_DIGEST: return memcmp(a, b, sizeof(struct digest)) == 0;
        case FIELD_FIGURES: {
                const struct figures *figures_a = a;
                const struct figures *figures_b = b;
                bool same = figures_a->count == figures_b->count;
                for (uint8_t i = 0; same && i < figures_a->count; i++)
                        same = figures_a->items[i].id == figures_b->items[i].id &&
                               figures_a->items[i].value_e6 == figures_b->items[i].value_e6;
                return same;
        }
        case FIELD_EVENTS: {
                const struct event_span *span_a = a;
                const struct event_span *span_b = b;
                bool same = span_a->count == span_b->count;
                for (uint32_t i = 0; same && i < span_a->count; i++)
                        same = is_same_event(&span_a->items[i], &span_b->items[i]);
                return same;
        }
        case FIELD_NONE: break;
        }
        return false;
}

static bool
is_same_event(const struct event *a, const struct event *b)
{
        const struct event_desc *desc = event_desc_of((int)a->kind);
        bool same = a->kind == b->kind && a->more == b->more && a->at_us == b->at_us;
        for (uint32_t i = 0; same && i < desc->fields_count; i++)
                same = is_same_field(&desc->fields[i], a, b);
        return same;
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
                        ck_assert_int_eq(back.type, type);
                        for (uint32_t i = 0; i < desc->fields_count; i++)
                                ck_assert_msg(is_same_field(&desc->fields[i], &msg, &back), "%s", desc->fields[i].name);
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

START_TEST(wire_lets_a_message_pass_only_as_the_table_says)
{
        struct wire_buffer buffer;
        struct wire_decoder decoder;
        struct event events[EVENTS_MAX];
        struct msg msg;
        struct msg back;
        seed_from_environment();
        wire_buffer_init(&buffer);
        wire_decoder_init(&decoder);
        for (int type = 1; type < MSG_TYPE_END; type++) {
                const struct msg_desc *desc = msg_desc_of(type);
                fill_message(&msg, (enum msg_type)type, events);
                ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
                for (int ends = 0; ends < ROLE_END * ROLE_END; ends++) {
                        int from = ends / ROLE_END;
                        int to = ends % ROLE_END;
                        bool allowed = (desc->from >> from & 1) != 0 && (desc->to >> to & 1) != 0;
                        enum wire_status status =
                                wire_decode(&decoder, buffer.data, buffer.size, (enum role)from, (enum role)to, &back, NULL);
                        ck_assert_msg(status == (allowed ? WIRE_OK : WIRE_TYPE), "%s from %d to %d", desc->name, from, to);
                }
        }
        wire_buffer_fini(&buffer);
        wire_decoder_fini(&decoder);
}
END_TEST

START_TEST(wire_makes_no_room_for_a_size_that_is_not_there)
{
        static const uint8_t hostile[][13] = {
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
        reallocs = 0;
        bool refused = true;
        for (size_t i = 0; i < countof(hostile); i++) {
                refused &= wire_decode(&decoder, hostile[i], sizeof hostile[i], ROLE_WORKER, ROLE_PERSISTER, &msg, NULL) != WIRE_OK;
                refused &= wire_decode(&decoder, hostile[i], sizeof hostile[i], ROLE_PERSISTER, ROLE_WORKER, &msg, NULL) != WIRE_OK;
        }
        int allocations = reallocs;
        ck_assert(refused);
        ck_assert_int_eq(allocations, 0);
        ck_assert_uint_eq(decoder.events_capacity, 0);
        wire_decoder_fini(&decoder);
}
END_TEST

/* The ends of a link, and a writer of raw msgpack for what the encoder would never say. */
static enum wire_status
decode_bytes(const uint8_t *bytes, size_t size, enum role from, enum role to, const char **field)
{
        struct wire_decoder decoder;
        struct msg msg;
        wire_decoder_init(&decoder);
        enum wire_status status = wire_decode(&decoder, bytes, size, from, to, &msg, field);
        wire_decoder_fini(&decoder);
        return status;
}
#define REFUSED(status_, field_, from, to, ...)                                                                                            \
        do {                                                                                                                               \
                const uint8_t bytes[] = {__VA_ARGS__};                                                                                     \
                const char *at = NULL;                                                                                                     \
                enum wire_status got = decode_bytes(bytes, sizeof bytes, from, to, &at);                                                   \
                ck_assert_msg(got == (status_) && strcmp(at, field_) == 0, "%s at %s", wire_status_name(got), at);                         \
        } while (0)

START_TEST(wire_refuses_fields_out_of_their_limits)
{
        REFUSED(WIRE_SYNTAX, "maintenance.on", ROLE_SUPERVISOR, ROLE_WORKER, 0x92, MSG_MAINTENANCE, 0x01); /* 1 is not true */
        REFUSED(WIRE_SYNTAX, "maintenance.on", ROLE_SUPERVISOR, ROLE_WORKER, 0x92, MSG_MAINTENANCE, 0xc0);
        REFUSED(WIRE_VALUE, "go.incarnation", ROLE_SUPERVISOR, ROLE_WORKER, 0x92, MSG_GO, 0xff);              /* -1 */
        REFUSED(WIRE_SYNTAX, "go.incarnation", ROLE_SUPERVISOR, ROLE_WORKER, 0x92, MSG_GO, 0xca, 0, 0, 0, 0); /* a float */
        REFUSED(WIRE_VALUE, "drain.deadline_ms", ROLE_SUPERVISOR, ROLE_WORKER, 0x92, MSG_DRAIN, 0xcf, 0, 0, 0, 1, 0, 0, 0, 0);
        REFUSED(WIRE_VALUE, "store_state.problem", ROLE_PERSISTER, ROLE_WORKER, 0x94, MSG_STORE_STATE, STORE_PROBLEM_END, 0xa0, 0xa0);
        REFUSED(WIRE_VALUE, "store_state.sqlstate", ROLE_PERSISTER, ROLE_WORKER, 0x94, MSG_STORE_STATE, 0, 0xa6, '1', '2', '3', '4', '5',
                '6', 0xa0);
        REFUSED(WIRE_VALUE, "command.amount_e6", ROLE_SUPERVISOR, ROLE_WORKER, 0x95, MSG_COMMAND, 1, COMMAND_DEPOSIT, 0xcf, 0x80, 0, 0, 0,
                0, 0, 0, 0, 0xa0);
        REFUSED(WIRE_SYNTAX, "type", ROLE_SUPERVISOR, ROLE_WORKER, 0x91, MSG_GO);
        REFUSED(WIRE_SYNTAX, "type", ROLE_SUPERVISOR, ROLE_WORKER, 0x93, MSG_GO, 1, 2);
        REFUSED(WIRE_TYPE, "type", ROLE_SUPERVISOR, ROLE_WORKER, 0x92, MSG_NONE, 1);
        REFUSED(WIRE_TYPE, "type", ROLE_SUPERVISOR, ROLE_WORKER, 0x92, MSG_TYPE_END, 1);
        REFUSED(WIRE_VALUE, "type", ROLE_SUPERVISOR, ROLE_WORKER, 0x92, 0xff, 1);
        REFUSED(WIRE_SYNTAX, "type", ROLE_SUPERVISOR, ROLE_WORKER, 0x81, MSG_GO, 1);
        REFUSED(WIRE_SYNTAX, "type", ROLE_SUPERVISOR, ROLE_WORKER, 0xc1);
}
END_TEST

#define BATCH_HEAD 0x95, MSG_EVENT_BATCH, 1, 1, 0x92, 1, 1

START_TEST(wire_refuses_events_out_of_their_limits)
{
        /* TICK: kind more at instrument tick_at price. The first is right, the others have one fault each. */
        const uint8_t right[] = {BATCH_HEAD, 0x91, 0x96, EVENT_TICK, 0xc2, 1, 0xa1, 'G', 1, 1};
        ck_assert_int_eq(decode_bytes(right, sizeof right, ROLE_WORKER, ROLE_PERSISTER, NULL), WIRE_OK);
        REFUSED(WIRE_SYNTAX, "event", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, 0x91, 0x95, EVENT_TICK, 0xc2, 1, 0xa1, 'G', 1);
        REFUSED(WIRE_SYNTAX, "event", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, 0x91, 0x96, EVENT_TICK, 2, 1, 0xa1, 'G', 1, 1);
        REFUSED(WIRE_VALUE, "event", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, 0x91, 0x96, EVENT_NONE, 0xc2, 1, 0xa1, 'G', 1, 1);
        REFUSED(WIRE_VALUE, "event", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, 0x91, 0x96, 6, 0xc2, 1, 0xa1, 'G', 1, 1); /* a gap */
        REFUSED(WIRE_VALUE, "event", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, 0x91, 0x96, EVENT_KIND_END, 0xc2, 1, 0xa1, 'G', 1, 1);
        REFUSED(WIRE_VALUE, "instrument", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, 0x91, 0x96, EVENT_TICK, 0xc2, 1, 0xa1, 0, 1, 1);
        REFUSED(WIRE_VALUE, "instrument", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, 0x91, 0x96, EVENT_TICK, 0xc2, 1, 0xa1, 0x80, 1, 1);
        REFUSED(WIRE_VALUE, "instrument", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, 0x91, 0x96, EVENT_TICK, 0xc2, 1, 0xb8, 'A', 'B', 'C',
                'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 1, 1);
        /* SIGNAL: its type is named or the event is refused; so are too many figures, half a figure, one of no id. */
#define SIGNAL_TO_PNL(type, reason) 0x91, 0xdc, 0, 16, EVENT_SIGNAL, 0xc2, 1, type, 0xa1, 'G', 1, 1, OUTCOME_EXECUTED, reason, 1, 1, 1, 1, 1
        const uint8_t signal[] = {BATCH_HEAD, SIGNAL_TO_PNL(SIGNAL_EXIT, 0), 0x92, FIGURE_ONE_R, 1, 0xa0};
        ck_assert_int_eq(decode_bytes(signal, sizeof signal, ROLE_WORKER, ROLE_PERSISTER, NULL), WIRE_OK);
        REFUSED(WIRE_VALUE, "type", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, SIGNAL_TO_PNL(SIGNAL_NONE, 0), 0x90, 0xa0);
        REFUSED(WIRE_VALUE, "reason", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, SIGNAL_TO_PNL(SIGNAL_EXIT, REASON_END), 0x90, 0xa0);
        REFUSED(WIRE_VALUE, "figures", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, SIGNAL_TO_PNL(SIGNAL_EXIT, 0), 0x91, 1, 0xa0);
        REFUSED(WIRE_VALUE, "figures", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, SIGNAL_TO_PNL(SIGNAL_EXIT, 0), 0x92, 0, 1, 0xa0);
        REFUSED(WIRE_VALUE, "figures", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, SIGNAL_TO_PNL(SIGNAL_EXIT, 0), 0x92, FIGURE_END, 1, 0xa0);
        REFUSED(WIRE_VALUE, "figures", ROLE_WORKER, ROLE_PERSISTER, BATCH_HEAD, SIGNAL_TO_PNL(SIGNAL_EXIT, 0), 0xdc, 0, 18, 1, 1, 1, 1, 1,
                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0xa0);
}
END_TEST

START_TEST(wire_takes_integers_of_every_length)
{
        static const struct {
                uint8_t bytes[9];
                uint8_t size;
                int64_t value;
        } cases[] = {
                {{0x00}, 1, 0},
                {{0x7f}, 1, 127},
                {{0xff}, 1, -1},
                {{0xe0}, 1, -32},
                {{0xcc, 0xff}, 2, 255},
                {{0xcd, 0xff, 0xff}, 3, 65535},
                {{0xce, 0xff, 0xff, 0xff, 0xff}, 5, 4294967295},
                {{0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9, INT64_MAX},
                {{0xd0, 0x80}, 2, -128},
                {{0xd1, 0x80, 0x00}, 3, -32768},
                {{0xd2, 0x80, 0x00, 0x00, 0x00}, 5, INT32_MIN},
                {{0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0}, 9, INT64_MIN},
                {{0xd3, 0, 0, 0, 0, 0, 0, 0, 1}, 9, 1},
        };
        for (size_t i = 0; i < countof(cases); i++) {
                uint8_t bytes[32] = {0x95, MSG_COMMAND, 1, COMMAND_DEPOSIT};
                struct wire_decoder decoder = {0};
                struct msg msg;
                memcpy(bytes + 4, cases[i].bytes, cases[i].size);
                bytes[4 + cases[i].size] = 0xa0;
                ck_assert_int_eq(wire_decode(&decoder, bytes, 5u + cases[i].size, ROLE_SUPERVISOR, ROLE_WORKER, &msg, NULL), WIRE_OK);
                ck_assert_int_eq(msg.command.amount_e6, cases[i].value);
        }
}
END_TEST

START_TEST(wire_cuts_long_sentences_between_characters)
{
        /* A rupee sign of three bytes lies across the limit of 1024: it goes as a whole. */
        char sentence[2000];
        struct wire_buffer buffer;
        struct wire_decoder decoder;
        struct msg msg = {.type = MSG_STORE_STATE, .store_state.problem = STORE_PROBLEM_OTHER};
        struct msg back;
        memset(sentence, 'x', sizeof sentence);
        memcpy(sentence + 1022, "\xe2\x82\xb9", 3);
        msg.store_state.message = (struct text){sentence, sizeof sentence};
        msg.store_state.sqlstate = (struct text){"XX000, and more", 15};
        wire_buffer_init(&buffer);
        wire_decoder_init(&decoder);
        ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
        ck_assert_int_eq(wire_decode(&decoder, buffer.data, buffer.size, ROLE_PERSISTER, ROLE_SUPERVISOR, &back, NULL), WIRE_OK);
        ck_assert_uint_eq(back.store_state.message.size, 1022);
        ck_assert_mem_eq(back.store_state.message.data, sentence, 1022);
        ck_assert_uint_eq(back.store_state.sqlstate.size, 5);
        memset(sentence, 'x', sizeof sentence);
        memcpy(sentence + 1021, "\xe2\x82\xb9", 3); /* one byte earlier it fits */
        ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
        ck_assert_int_eq(wire_decode(&decoder, buffer.data, buffer.size, ROLE_PERSISTER, ROLE_SUPERVISOR, &back, NULL), WIRE_OK);
        ck_assert_uint_eq(back.store_state.message.size, 1024);
        wire_buffer_fini(&buffer);
        wire_decoder_fini(&decoder);
}
END_TEST

/* A batch as large as they come: every event a signal with a body of size bytes. */
static void
fill_batch(struct msg *msg, struct event *events, uint32_t count, const char *body, uint32_t size)
{
        for (uint32_t i = 0; i < count; i++) {
                events[i] = (struct event){.kind = EVENT_SIGNAL, .more = i + 1 < count};
                events[i].signal.type = SIGNAL_EXIT;
                events[i].signal.outcome = OUTCOME_EXECUTED;
                events[i].signal.payload = (struct text){body, size};
        }
        *msg = (struct msg){.type = MSG_EVENT_BATCH, .event_batch.first_seq = 1, .event_batch.events = {events, count}};
}

START_TEST(wire_dies_rather_than_cut_what_is_stored)
{
        static char body[PM_BODY_SIZE_MAX + 1];
        struct event event;
        struct wire_buffer buffer;
        struct msg msg;
        wire_buffer_init(&buffer);
        fill_batch(&msg, &event, 1, body, sizeof body);
        (void)!wire_encode(&msg, &buffer);
        wire_buffer_fini(&buffer);
}
END_TEST

START_TEST(wire_refuses_what_is_over_a_message)
{
        struct event *events = calloc(PM_BATCH_EVENTS_MAX, sizeof *events);
        char *body = calloc(1, PM_BODY_SIZE_MAX);
        struct wire_buffer buffer;
        struct wire_decoder decoder;
        struct msg msg;
        wire_buffer_init(&buffer);
        wire_decoder_init(&decoder);
        fill_batch(&msg, events, PM_BATCH_EVENTS_MAX, body, PM_BODY_SIZE_MAX);
        ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_TOO_LARGE);
        fill_batch(&msg, events, PM_BATCH_EVENTS_MAX, body, 100); /* and the buffer is as good as before */
        ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
        ck_assert_int_eq(wire_decode(&decoder, buffer.data, buffer.size, ROLE_WORKER, ROLE_PERSISTER, &msg, NULL), WIRE_OK);
        ck_assert_uint_eq(msg.event_batch.events.count, PM_BATCH_EVENTS_MAX);
        uint8_t *large = calloc(1, PM_MESSAGE_SIZE_MAX + 1);
        large[0] = 0x90;
        ck_assert_int_eq(wire_decode(&decoder, large, PM_MESSAGE_SIZE_MAX + 1, ROLE_WORKER, ROLE_PERSISTER, &msg, NULL), WIRE_TOO_LARGE);
        /* One event more than a batch may have, each a byte: refused before there is room for them. */
        wire_decoder_fini(&decoder);
        const uint8_t head[] = {BATCH_HEAD, 0xdc, PM_BATCH_EVENTS_MAX >> 8, 1};
        memcpy(large, head, sizeof head);
        ck_assert_int_eq(wire_decode(&decoder, large, sizeof head + PM_BATCH_EVENTS_MAX + 1, ROLE_WORKER, ROLE_PERSISTER, &msg, NULL),
                         WIRE_VALUE);
        ck_assert_uint_eq(decoder.events_capacity, 0);
        free(large);
        free(body);
        free(events);
        wire_buffer_fini(&buffer);
        wire_decoder_fini(&decoder);
}
END_TEST

START_TEST(wire_does_not_allocate_once_it_is_warm)
{
        struct event events[64];
        struct wire_buffer buffer;
        struct wire_decoder decoder;
        struct msg msg;
        struct msg back;
        wire_buffer_init(&buffer);
        wire_decoder_init(&decoder);
        for (int round = 0; round < 100; round++) {
                fill_batch(&msg, events, round == 0 ? 64 : 1 + (uint32_t)round % 64, "{}", 2);
                reallocs = 0;
                bool done = wire_encode(&msg, &buffer) == WIRE_OK &&
                            wire_decode(&decoder, buffer.data, buffer.size, ROLE_WORKER, ROLE_PERSISTER, &back, NULL) == WIRE_OK;
                int allocations = reallocs;
                ck_assert(done);
                if (round > 0)
                        ck_assert_int_eq(allocations, 0);
        }
        wire_buffer_fini(&buffer);
        wire_decoder_fini(&decoder);
}
END_TEST

START_TEST(wire_without_memory_says_so_and_goes_on)
{
        struct event events[64];
        struct wire_buffer buffer;
        struct wire_decoder decoder;
        struct msg msg;
        struct msg back;
        static char body[1000];
        int failures = 0;
        wire_buffer_init(&buffer);
        wire_decoder_init(&decoder);
        fill_batch(&msg, events, 64, body, sizeof body);
        for (int nth = 1;; nth++) {
                wire_buffer_fini(&buffer);
                wire_decoder_fini(&decoder);
                reallocs = 0;
                realloc_to_fail = nth;
                enum wire_status status = wire_encode(&msg, &buffer);
                if (status == WIRE_OK)
                        status = wire_decode(&decoder, buffer.data, buffer.size, ROLE_WORKER, ROLE_PERSISTER, &back, NULL);
                realloc_to_fail = -1;
                if (reallocs < nth)
                        break;
                ck_assert_int_eq(status, WIRE_NO_MEMORY);
                failures++;
                ck_assert_int_eq(wire_encode(&msg, &buffer), WIRE_OK);
                ck_assert_int_eq(wire_decode(&decoder, buffer.data, buffer.size, ROLE_WORKER, ROLE_PERSISTER, &back, NULL), WIRE_OK);
                ck_assert(is_same_event(&events[63], &back.event_batch.events.items[63]));
        }
        ck_assert_int_ge(failures, 3);
        wire_buffer_fini(&buffer);
        wire_decoder_fini(&decoder);
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
        tcase_add_test(tcase, wire_lets_a_message_pass_only_as_the_table_says);
        tcase_add_test(tcase, wire_makes_no_room_for_a_size_that_is_not_there);
        tcase_add_test(tcase, wire_refuses_fields_out_of_their_limits);
        tcase_add_test(tcase, wire_refuses_events_out_of_their_limits);
        tcase_add_test(tcase, wire_takes_integers_of_every_length);
        tcase_add_test(tcase, wire_cuts_long_sentences_between_characters);
        tcase_add_test_raise_signal(tcase, wire_dies_rather_than_cut_what_is_stored, SIGABRT);
        tcase_add_test(tcase, wire_refuses_what_is_over_a_message);
        tcase_add_test(tcase, wire_does_not_allocate_once_it_is_warm);
        tcase_add_test(tcase, wire_without_memory_says_so_and_goes_on);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
