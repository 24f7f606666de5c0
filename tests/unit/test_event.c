/* The table of events. What was stored must stay readable for ever, so names and fields stand here a second time: a change that
 * is not an addition at an end breaks a test. */
#include "common/event.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

START_TEST(event_kinds_and_payload_keys_are_those_that_are_stored)
{
        static const struct {
                int kind;
                const char *name;
                const char *keys; /* may grow at its end */
        } rows[] = {
                {1, "PORTFOLIO_CREATED", "initial_capital"},
                {2, "PORTFOLIO_RESET", "initial_capital"},
                {3, "PORTFOLIO_ADJUSTED", ""},
                {4, "CAPITAL", "request_id amount note"},
                {5, "PAUSE", "paused note"},
                {10, "SIGNAL", "type instrument layer signal_at outcome reason kept_no lots limiter price pnl figures payload"},
                {11, "POSITION_OPENED",
                 "position_no instrument layer lots entry_at entry_price signal_price initial_stop current_stop highest_close atr limiter "
                 "lot_size point_value margin_per_lot trailing_atr_x10 standin_atr"},
                {12, "POSITION_TRAILED", "position_no instrument layer highest_close current_stop"},
                {13, "POSITION_CLOSED", "position_no instrument layer exit_at exit_price pnl highest_close current_stop cause reason"},
                {14, "TICK", "instrument tick_at price"},
                {15, "KEPT_EVICTED", "through_kept_no horizon"},
                {16, "PROBE", "id"},
                {40, "LOAD_PORTFOLIO",
                 "initial_capital closed_equity equity_high positions_opened kept_no evicted_through_kept_no horizon paused"},
                {41, "LOAD_INSTRUMENT", "instrument base_position_no last_pyramid_price tick_at mark marked_through_no"},
                {42, "LOAD_POSITION",
                 "position_no instrument layer lots entry_at entry_price signal_price initial_stop current_stop highest_close atr limiter "
                 "lot_size point_value margin_per_lot trailing_atr_x10 standin_atr"},
                {43, "LOAD_KEPT", "kept_no type instrument layer signal_at arrived_at seq outcome reason limiter lots pnl"},
                {44, "LOAD_PROBE", "id"},
        };
        int known = 0;
        for (int kind = -1; kind <= EVENT_KIND_END; kind++)
                known += event_desc_of(kind) != NULL;
        ck_assert_int_eq(known, (int)countof(rows));
        for (size_t i = 0; i < countof(rows); i++) {
                const struct event_desc *desc = event_desc_of(rows[i].kind);
                char keys[1024] = "";
                ck_assert_ptr_nonnull(desc);
                ck_assert_str_eq(desc->name, rows[i].name);
                ck_assert_int_eq((int)event_kind_of(rows[i].name), rows[i].kind);
                for (uint32_t f = 0; f < desc->fields_count; f++) {
                        size_t used = strlen(keys);
                        snprintf(keys + used, sizeof keys - used, "%s%s", f > 0 ? " " : "", desc->fields[f].name);
                }
                ck_assert_msg(strncmp(keys, rows[i].keys, strlen(rows[i].keys)) == 0, "%s: %s", rows[i].name, keys);
        }
        ck_assert_int_eq(event_kind_of("no_such_kind"), EVENT_NONE);
        ck_assert_int_eq(event_kind_of(""), EVENT_NONE);
}
END_TEST

START_TEST(event_fields_lie_in_their_struct_and_have_their_limits)
{
        for (int kind = 1; kind < EVENT_KIND_END; kind++) {
                const struct event_desc *desc = event_desc_of(kind);
                for (uint32_t i = 0; desc != NULL && i < desc->fields_count; i++) {
                        const struct field *field = &desc->fields[i];
                        ck_assert_msg(field->offset >= offsetof(struct event, portfolio) && field->offset < sizeof(struct event), "%s",
                                      field->name);
                        ck_assert_msg(field->type != FIELD_NONE && field->type != FIELD_EVENTS, "%s", field->name);
                        if (field->type == FIELD_ENUM)
                                ck_assert_msg(field->limit > 0 && field->enum_name != NULL, "%s", field->name);
                        if (field->type == FIELD_TEXT)
                                ck_assert_msg(field->limit > 0 && field->limit <= PM_BODY_SIZE_MAX, "%s", field->name);
                        for (uint32_t j = 0; j < i; j++) {
                                ck_assert_str_ne(field->name, desc->fields[j].name);
                                ck_assert_uint_ne(field->offset, desc->fields[j].offset);
                        }
                }
        }
}
END_TEST

START_TEST(event_names_are_whole_unique_and_end_where_the_enum_ends)
{
        static const struct {
                const char *(*name)(int);
                int first; /* with a name that is not empty */
                int end;
                const char *zero;
        } enums[] = {
                {event_signal_type_name, 1, SIGNAL_TYPE_END, NULL},
                {event_outcome_name, 1, OUTCOME_END, NULL},
                {event_reason_name, 1, REASON_END, ""},
                {event_limiter_name, 1, LIMITER_END, ""},
                {event_close_cause_name, 1, CLOSE_END, ""},
                {event_figure_name, 1, FIGURE_END, NULL},
        };
        for (size_t e = 0; e < countof(enums); e++) {
                ck_assert_ptr_null(enums[e].name(-1));
                ck_assert_ptr_null(enums[e].name(enums[e].end));
                ck_assert_pstr_eq(enums[e].name(0), enums[e].zero);
                for (int i = enums[e].first; i < enums[e].end; i++) {
                        ck_assert_ptr_nonnull(enums[e].name(i));
                        ck_assert_str_ne(enums[e].name(i), "");
                        for (int j = enums[e].first; j < i; j++)
                                ck_assert_str_ne(enums[e].name(i), enums[e].name(j));
                }
        }
        ck_assert_str_eq(event_reason_name(1), "layer_mismatch");
        ck_assert_str_eq(event_reason_name(15), "below_1r");
        ck_assert_str_eq(event_reason_name(31), "store_refused");
}
END_TEST

START_TEST(event_layers_are_named_as_in_signals)
{
        ck_assert_str_eq(event_layer_name(0), "ALL");
        ck_assert_str_eq(event_layer_name(1), "Long_1");
        ck_assert_str_eq(event_layer_name(6), "Long_6");
        ck_assert_ptr_null(event_layer_name(7));
        ck_assert_ptr_null(event_layer_name(255));
}
END_TEST

/* What the CHECKs allow. */

static const char *
kind_name(int kind)
{
        const struct event_desc *desc = event_desc_of(kind);
        return desc != NULL ? desc->name : NULL;
}

/* Each "CHECK (VALUE IN (…))" of this text names exactly what name() names below end. */
static void
compare_check(const char *schema, const char *check, const char *(*name)(int), int end, int times)
{
        const char *at = schema;
        for (int found = 0; found < times; found++) {
                at = strstr(at, check);
                ck_assert_msg(at != NULL, "no %s", check);
                at += strlen(check);
                const char *list_end = strstr(at, "))");
                ck_assert_ptr_nonnull(list_end);
                int listed = 0;
                for (const char *c = at; c < list_end; c++)
                        listed += *c == '\'';
                int named = 0;
                for (int i = 0; i < end; i++) {
                        char quoted[64];
                        if (name(i) == NULL)
                                continue;
                        named++;
                        snprintf(quoted, sizeof quoted, "'%s'", name(i));
                        const char *place = strstr(at, quoted);
                        ck_assert_msg(place != NULL && place < list_end, "%s lacks %s", check, quoted);
                }
                ck_assert_msg(listed == 2 * named, "%s: %d names, the code has %d", check, listed / 2, named);
        }
}

START_TEST(event_names_are_those_the_schema_allows)
{
        static char schema[65536];
        FILE *file = fopen(TEST_SCHEMA, "r");
        ck_assert_msg(file != NULL, "%s", TEST_SCHEMA);
        size_t size = fread(schema, 1, sizeof schema - 1, file);
        ck_assert(feof(file));
        fclose(file);
        schema[size] = '\0';
        compare_check(schema, "DOMAIN event_kind AS text CHECK (VALUE IN (", kind_name, EVENT_KIND_END, 1);
        compare_check(schema, "DOMAIN signal_kind AS text CHECK (VALUE IN (", event_signal_type_name, SIGNAL_TYPE_END, 1);
        compare_check(schema, "DOMAIN signal_outcome AS text CHECK (VALUE IN (", event_outcome_name, OUTCOME_END, 1);
        compare_check(schema, "DOMAIN signal_reason AS text CHECK (VALUE IN (", event_reason_name, REASON_END, 1);
        compare_check(schema, "DOMAIN entry_limiter AS text CHECK (VALUE IN (", event_limiter_name, LIMITER_END, 1);
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("event");
        TCase *tcase = tcase_create("event");
        tcase_add_test(tcase, event_kinds_and_payload_keys_are_those_that_are_stored);
        tcase_add_test(tcase, event_fields_lie_in_their_struct_and_have_their_limits);
        tcase_add_test(tcase, event_names_are_whole_unique_and_end_where_the_enum_ends);
        tcase_add_test(tcase, event_layers_are_named_as_in_signals);
        tcase_add_test(tcase, event_names_are_those_the_schema_allows);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
