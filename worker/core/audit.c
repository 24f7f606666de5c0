/* audit: core_check(), which trusts no sum. */
#include <string.h>

#include "worker/core/book.h"
#include "worker/core/core.h"
#include "worker/core/digest.h"

/* What the records add up to. */
struct audit {
        struct portfolio_amounts sums;
        struct digest digest;
        uint64_t positions;
        uint64_t records;
        uint64_t kept;
        uint64_t position_no_max;
        uint64_t bases_wrong; /* instruments whose remembered base is not the open Long_1 */
};

static int64_t
narrow(fixed_wide sum_e6)
{
        return fixed_clamp(sum_e6, INT64_MIN, INT64_MAX);
}

static void
audit_instruments(const struct core *core, struct audit *audit)
{
        for (uint32_t i = 0; i < core->instruments_count; i++) {
                const struct slot *slot = &core->slots[i];
                if (core->marks[i] == 0)
                        continue;
                if ((core->marks[i] & MARK_RECORD) != 0) {
                        audit->records++;
                        digest_add(&audit->digest, digest_of_instrument(&slot->record));
                }
                uint64_t base_no = book_is_open(core, i, 1) ? slot->positions[0].position_no : 0;
                audit->bases_wrong += slot->record.base_position_no != base_no;
                for (uint8_t layer = 1; layer <= PM_LAYERS_MAX; layer++) {
                        const struct event_position *position = &slot->positions[layer - 1];
                        struct portfolio_amounts amounts;
                        if (!book_is_open(core, i, layer))
                                continue;
                        book_amounts(slot, position, &amounts);
                        audit->sums.unrealized_e6 += amounts.unrealized_e6;
                        audit->sums.risk_e6 += amounts.risk_e6;
                        audit->sums.vol_e6 += amounts.vol_e6;
                        audit->sums.margin_e6 += amounts.margin_e6;
                        digest_add(&audit->digest, digest_of_position(position));
                        digest_add(&audit->digest, digest_of_stop(position));
                        audit->positions++;
                        if (position->position_no > audit->position_no_max)
                                audit->position_no_max = position->position_no;
                }
        }
}

static void
audit_kept(const struct core *core, struct audit *audit)
{
        for (uint64_t no = core->evicted_through_kept_no + 1; no <= core->kept_no; no++) {
                struct event_load_kept record;
                if (!kept_has(&core->kept, no))
                        continue;
                state_kept(core, no, &record);
                digest_add(&audit->digest, digest_of_kept(&record));
                audit->kept++;
        }
}

const char *
core_check(const struct core *core, int64_t *kept_value, int64_t *recomputed_value)
{
        struct audit audit = {0};
        audit_instruments(core, &audit);
        audit_kept(core, &audit);

        const struct portfolio_totals *totals = &core->totals;
        const struct {
                const char *rule;
                int64_t held;
                int64_t found;
        } sums[] = {
                {"positions_count_is_open_positions", core->positions_count, (int64_t)audit.positions},
                {"unrealized_is_sum_of_positions", narrow(totals->unrealized_e6), narrow(audit.sums.unrealized_e6)},
                {"risk_is_sum_of_positions", totals->risk_e6, narrow(audit.sums.risk_e6)},
                {"vol_is_sum_of_positions", totals->vol_e6, narrow(audit.sums.vol_e6)},
                {"margin_is_sum_of_positions", totals->margin_e6, narrow(audit.sums.margin_e6)},
                {"base_is_the_open_first_layer", 0, (int64_t)audit.bases_wrong},
                {"records_count_is_records", core->records_count, (int64_t)audit.records},
                {"kept_count_is_kept_signals", core->kept.count, (int64_t)audit.kept},
                {"digest_is_sum_of_records_high", (int64_t)core->records_digest.high, (int64_t)audit.digest.high},
                {"digest_is_sum_of_records_low", (int64_t)core->records_digest.low, (int64_t)audit.digest.low},
        };
        for (size_t i = 0; i < countof(sums); i++) {
                if (sums[i].held == sums[i].found)
                        continue;
                *kept_value = sums[i].held;
                *recomputed_value = sums[i].found;
                return sums[i].rule;
        }
        *kept_value = totals->equity_high_e6;
        *recomputed_value = totals->closed_equity_e6;
        if (totals->equity_high_e6 < totals->closed_equity_e6)
                return "equity_high_covers_closed_equity";
        *kept_value = (int64_t)core->positions_opened;
        *recomputed_value = (int64_t)audit.position_no_max;
        if (audit.position_no_max > core->positions_opened)
                return "position_numbers_were_given";
        return NULL;
}
