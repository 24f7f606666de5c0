/* book: instruments and their open positions inside struct core, with totals and digest kept up at every change.
 * Seen by worker/core/ alone. */
#ifndef PM_CORE_BOOK_H
#define PM_CORE_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "worker/core/state.h"

#define BOOK_NONE UINT32_MAX

bool book_name_is_valid(const char name[PM_INSTRUMENT_NAME_SIZE]);
/* Index of an instrument, BOOK_NONE when nothing is known of it. */
uint32_t book_find(const struct core *core, const char name[PM_INSTRUMENT_NAME_SIZE]);
/* The same, made if need be: a retired one. BOOK_NONE when there is no room. */
uint32_t book_reach(struct core *core, const char name[PM_INSTRUMENT_NAME_SIZE]);
/* Forgets every record and position; names stay known. */
void book_clear(struct core *core);
/* Forgets the names that are not configured. Nothing may refer to them any more. */
void book_forget_retired(struct core *core);

bool book_is_open(const struct core *core, uint32_t index, uint8_t layer);
bool book_is_marked(const struct slot *slot, const struct event_position *position);
void book_amounts(const struct slot *slot, const struct event_position *position, struct portfolio_amounts *out);

/* The layer is free. false: a total left its bounds; the state is then unspecified (as in all of these). */
PM_MUST_CHECK bool book_open(struct core *core, uint32_t index, const struct event_position *position);
/* Moves highest close and stop of an open layer. */
PM_MUST_CHECK bool book_trail(struct core *core, uint32_t index, uint8_t layer, int64_t highest_e6, int64_t stop_e6);
PM_MUST_CHECK bool book_close(struct core *core, uint32_t index, uint8_t layer);
/* Replaces what is remembered of the instrument; its positions' unrealized follows the mark. */
PM_MUST_CHECK bool book_record(struct core *core, uint32_t index, const struct event_load_instrument *record);
/* Unrealized P&L of the instrument's positions if this were its record. false: not an amount of money. */
PM_MUST_CHECK bool book_unrealized(const struct core *core, uint32_t index, const struct event_load_instrument *record, fixed_wide *sum_e6);

/* What is wrong with a position by itself: the name of the rule, or NULL. */
const char *book_position_flaw(const struct event_position *position);

#endif
