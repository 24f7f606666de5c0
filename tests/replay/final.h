/* final: the state of a portfolio as the JSON that sessions end with, and small helpers for exact numbers in JSON. */
#ifndef PM_TESTS_FINAL_H
#define PM_TESTS_FINAL_H

#include <json-c/json.h>
#include <stdint.h>

#include "tests/replay/player.h"

/* A decimal with six digits, as text; a time as ISO text. */
json_object *final_e6(int64_t value_e6);
json_object *final_time(int64_t at_us);
/* "GOLD_MINI_Long_1" */
json_object *final_position_id(const char *instrument, uint8_t layer);

json_object *final_json(const struct player *player);

#endif
