#include "persister/intake.h"

void
intake_init(struct intake *intake)
{
        *intake = (struct intake){.incarnation = 0, .next_seq = 1};
}

void
intake_open(struct intake *intake, uint64_t incarnation, uint64_t stored_seq)
{
        PM_ASSERT(stored_seq < UINT64_MAX);
        intake->incarnation = incarnation;
        intake->next_seq = stored_seq + 1;
}

enum intake_verdict
intake_check(const struct intake *intake, uint64_t incarnation, uint64_t first_seq, struct event_span events, uint32_t *skip)
{
        *skip = 0;
        if (intake->incarnation == 0 || incarnation != intake->incarnation)
                return INTAKE_OLD;
        if (first_seq == 0 || first_seq > UINT64_MAX - events.count)
                return INTAKE_BROKEN;
        if (events.count > 0 && events.items[events.count - 1].more)
                return INTAKE_BROKEN;
        if (first_seq > intake->next_seq)
                return INTAKE_GAP;
        if (first_seq + events.count <= intake->next_seq)
                return INTAKE_KNOWN;

        uint32_t known = (uint32_t)(intake->next_seq - first_seq);
        /* What is here ends with a whole signal, so the rest must begin with one. */
        if (known > 0 && events.items[known - 1].more)
                return INTAKE_BROKEN;
        *skip = known;
        return INTAKE_TAKE;
}

void
intake_taken(struct intake *intake, uint32_t count)
{
        PM_ASSERT(intake->incarnation != 0);
        intake->next_seq += count;
}
