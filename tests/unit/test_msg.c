/* The table of messages: a row each, and who may send it to whom, written down a second time from the protocol's description. */
#include "common/msg.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define S (1U << ROLE_SUPERVISOR)
#define W (1U << ROLE_WORKER)
#define P (1U << ROLE_PERSISTER)

START_TEST(msg_goes_only_the_ways_of_the_protocol)
{
        static const struct {
                const char *name;
                uint32_t from;
                uint32_t to;
        } rows[MSG_TYPE_END] = {
                [1] = {"HELLO", W | P, S | P},   [2] = {"PERSISTER_READY", P, S},  [3] = {"STORE_STATE", P, S | W},
                [4] = {"REHYDRATE", S, P},       [5] = {"SNAPSHOT_BEGIN", P, W},   [6] = {"SNAPSHOT_PART", P, W},
                [7] = {"SNAPSHOT_END", P, W},    [8] = {"WORKER_READY", W, S},     [9] = {"GO", S, W},
                [10] = {"EVENT_BATCH", W, P},    [11] = {"BATCH_ACK", P, W},       [12] = {"BATCH_REFUSED", P, W},
                [13] = {"HEARTBEAT", W | P, S},  [14] = {"DRAIN", S, W | P},       [15] = {"DRAINED", W | P, S},
                [16] = {"MAINTENANCE", S, W},    [17] = {"RECOVERY_FAILED", P, S}, [18] = {"RECOVERY_RECORD", S, P},
                [19] = {"REPORT_ASK", S, W | P}, [20] = {"WORKER_REPORT", W, S},   [21] = {"PERSISTER_REPORT", P, S},
                [22] = {"COMMAND", S, W},        [23] = {"COMMAND_RESULT", W, S},
        };
        ck_assert_ptr_null(msg_desc_of(-1));
        ck_assert_ptr_null(msg_desc_of(MSG_NONE));
        ck_assert_ptr_null(msg_desc_of(MSG_TYPE_END));
        for (int type = 1; type < MSG_TYPE_END; type++) {
                const struct msg_desc *desc = msg_desc_of(type);
                ck_assert_ptr_nonnull(desc);
                ck_assert_str_eq(desc->name, rows[type].name);
                ck_assert_msg(desc->from == rows[type].from && desc->to == rows[type].to, "%s", desc->name);
        }
}
END_TEST

START_TEST(msg_fields_lie_in_their_struct)
{
        static const uint32_t sizes[] = {
                [FIELD_BOOL] = sizeof(bool),
                [FIELD_U8] = sizeof(uint8_t),
                [FIELD_U32] = sizeof(uint32_t),
                [FIELD_U64] = sizeof(uint64_t),
                [FIELD_I64] = sizeof(int64_t),
                [FIELD_E6] = sizeof(int64_t),
                [FIELD_TIME_US] = sizeof(int64_t),
                [FIELD_ENUM] = sizeof(enum role),
                [FIELD_NAME] = PM_INSTRUMENT_NAME_SIZE,
                [FIELD_TEXT] = sizeof(struct text),
                [FIELD_FIGURES] = sizeof(struct figures),
                [FIELD_DIGEST] = sizeof(struct digest),
                [FIELD_EVENTS] = sizeof(struct event_span),
        };
        for (int type = 1; type < MSG_TYPE_END; type++) {
                const struct msg_desc *desc = msg_desc_of(type);
                uint32_t end = offsetof(struct msg, hello);
                ck_assert_uint_gt(desc->fields_count, 0);
                for (uint32_t i = 0; i < desc->fields_count; i++) {
                        const struct field *field = &desc->fields[i];
                        ck_assert_msg(field->type > FIELD_NONE && field->type <= FIELD_EVENTS, "%s", field->name);
                        /* In the order of the struct, so none is left out by mistake at a place where padding would not hide it. */
                        ck_assert_msg(field->offset >= end && field->offset < end + 8, "%s leaves a gap", field->name);
                        end = field->offset + sizes[field->type];
                        if (field->type == FIELD_ENUM)
                                ck_assert_msg(field->limit > 0 && field->enum_name != NULL, "%s", field->name);
                        if (field->type == FIELD_TEXT || field->type == FIELD_EVENTS)
                                ck_assert_msg(field->limit > 0, "%s", field->name);
                }
                ck_assert_uint_le(end, sizeof(struct msg));
        }
}
END_TEST

START_TEST(msg_names_are_whole_and_end_where_the_enum_ends)
{
        static const struct {
                const char *(*name)(int);
                int end;
        } enums[] = {
                {msg_role_name, ROLE_END},
                {msg_store_problem_name, STORE_PROBLEM_END},
                {msg_recovery_problem_name, RECOVERY_PROBLEM_END},
                {msg_batch_refusal_name, BATCH_REFUSAL_END},
        };
        for (size_t e = 0; e < countof(enums); e++) {
                ck_assert_ptr_null(enums[e].name(-1));
                ck_assert_ptr_null(enums[e].name(enums[e].end));
                for (int i = 0; i < enums[e].end; i++) {
                        ck_assert_ptr_nonnull(enums[e].name(i));
                        for (int j = 0; j < i; j++)
                                ck_assert_str_ne(enums[e].name(i), enums[e].name(j));
                }
        }
        ck_assert_str_eq(msg_recovery_problem_name(RECOVERY_DB_UNAVAILABLE), "DB_UNAVAILABLE");
        ck_assert_str_eq(msg_role_name(ROLE_WORKER), "worker");
}
END_TEST

int
main(void)
{
        Suite *suite = suite_create("msg");
        TCase *tcase = tcase_create("msg");
        tcase_add_test(tcase, msg_goes_only_the_ways_of_the_protocol);
        tcase_add_test(tcase, msg_fields_lie_in_their_struct);
        tcase_add_test(tcase, msg_names_are_whole_and_end_where_the_enum_ends);
        suite_add_tcase(suite, tcase);
        SRunner *runner = srunner_create(suite);
        srunner_run_all(runner, CK_ENV);
        int failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
