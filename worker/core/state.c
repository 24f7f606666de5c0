#include "worker/core/state.h"

#include <string.h>

#include "worker/core/digest.h"

void
state_portfolio(const struct core *core, struct event_load_portfolio *out)
{
        *out = (struct event_load_portfolio){
                .initial_capital_e6 = core->initial_capital_e6,
                .closed_equity_e6 = core->totals.closed_equity_e6,
                .equity_high_e6 = core->totals.equity_high_e6,
                .positions_opened = core->positions_opened,
                .kept_no = core->kept_no,
                .evicted_through_kept_no = core->evicted_through_kept_no,
                .horizon_us = core->horizon_us,
                .paused = core->paused,
        };
}

void
state_kept(const struct core *core, uint64_t kept_no, struct event_load_kept *out)
{
        struct kept_record place;
        bool there = kept_at(&core->kept, kept_no, &place);

        PM_ASSERT(there);
        memset(out, 0, sizeof *out);
        out->kept_no = kept_no;
        out->type = (enum signal_type)place.type;
        memcpy(out->instrument, core->instruments[place.instrument].name, PM_INSTRUMENT_NAME_SIZE);
        out->layer = place.layer;
        out->signal_at_us = place.signal_at_us;
        out->arrived_at_us = place.arrived_at_us;
        out->seq = place.seq;
        out->outcome = place.outcome;
        out->reason = place.reason;
        out->limiter = place.limiter;
        out->lots = place.lots;
        out->pnl_e6 = place.pnl_e6;
}

bool
state_time_is_known(int64_t at_us)
{
        return at_us >= 0 && at_us < KEPT_TIME_END_US;
}

void
state_keep(struct core *core, uint32_t index, const struct event_load_kept *record)
{
        struct kept_record place = {
                .signal_at_us = record->signal_at_us,
                .arrived_at_us = record->arrived_at_us,
                .pnl_e6 = record->pnl_e6,
                .seq = record->seq,
                .instrument = index,
                .lots = (uint32_t)record->lots,
                .type = (uint8_t)record->type,
                .layer = record->layer,
                .outcome = (uint8_t)record->outcome,
                .reason = (uint8_t)record->reason,
                .limiter = (uint8_t)record->limiter,
        };
        kept_add(&core->kept, record->kept_no, &place);
        digest_add(&core->records_digest, digest_of_kept(record));
}

int64_t
state_horizon(const struct core *core, uint64_t through_kept_no)
{
        int64_t horizon_us = core->horizon_us;
        for (uint64_t no = core->evicted_through_kept_no + 1; no <= through_kept_no; no++) {
                struct kept_record record;
                if (!kept_at(&core->kept, no, &record))
                        continue;
                int64_t known_us = record.signal_at_us < record.arrived_at_us ? record.signal_at_us : record.arrived_at_us;
                if (known_us > horizon_us)
                        horizon_us = known_us;
        }
        return horizon_us;
}

void
state_evict(struct core *core, uint64_t through_kept_no)
{
        for (uint64_t no = core->evicted_through_kept_no + 1; no <= through_kept_no; no++) {
                if (!kept_has(&core->kept, no))
                        continue;
                struct event_load_kept record;
                state_kept(core, no, &record);
                digest_take(&core->records_digest, digest_of_kept(&record));
                kept_remove(&core->kept, no);
        }
        core->evicted_through_kept_no = through_kept_no;
}
