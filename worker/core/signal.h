/* signal: one typed, complete, validated signal, as the core takes it (rules 3). Made by signal_json.c or a test. */
#ifndef PM_CORE_SIGNAL_H
#define PM_CORE_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/event.h"

struct signal {
        enum signal_type type;
        char instrument[PM_INSTRUMENT_NAME_SIZE]; /* upper case, zero-padded */
        uint8_t layer;                            /* 1 to 6; 0 is ALL */
        int64_t signal_at_us;
        int64_t price_e6;
        int64_t stop_e6;
        int64_t atr_e6;
        int64_t er_e6;
        int64_t supertrend_e6;
        int64_t roc_e6; /* has_roc */
        bool has_roc;
        int64_t lots_suggested; /* logged, never traded */
        struct text reason;     /* EXIT: cleaned and cut already; borrowed */
        struct text probe_id;   /* PROBE */
        struct text payload;    /* the body without the secret; borrowed, goes into EVENT_SIGNAL */
};

#endif
