/* config_instrument: the sections [instrument NAME]. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_table.h"
#include "common/fixed.h"

#define AT(member) offsetof(struct instrument, member)
#define WHOLE FIXED_ONE_E6             /* an integer */
#define HUNDREDTH (FIXED_ONE_E6 / 100) /* percent x 100 */
#define TENTH (FIXED_ONE_E6 / 10)      /* ATR multiple x 10 */
#define MICRO 1                        /* a price */

/* clang-format off: a table reads in columns. */
const struct config_instrument_key config_instrument_keys[CONFIG_INSTRUMENT_KEYS_COUNT] = {
        {"lot_size", AT(lot_size), WHOLE, 1, 1000000, 0, "units a lot"},
        {"point_value", AT(point_value), WHOLE, 1, 10000, 0, "rupees a point a lot"},
        {"margin_per_lot", AT(margin_per_lot), WHOLE, 1, 1000000000, 0, "rupees"},
        {"initial_risk_percent", AT(initial_risk_bp), HUNDREDTH, 1, 10000, 100, "equity an entry may risk, percent"},
        {"ongoing_risk_percent", AT(ongoing_risk_bp), HUNDREDTH, 1, 10000, 100, "the same while it is open"},
        {"initial_vol_percent", AT(initial_vol_bp), HUNDREDTH, 1, 10000, 20, "equity an entry may move by one ATR, percent"},
        {"ongoing_vol_percent", AT(ongoing_vol_bp), HUNDREDTH, 1, 10000, 30, "the same while it is open"},
        {"initial_atr_multiple", AT(initial_atr_x10), TENTH, 1, 1000, 10, "first stop, in ATR below the entry"},
        {"trailing_atr_multiple", AT(trailing_atr_x10), TENTH, 1, 1000, 20, "trailing stop, in ATR below the highest close"},
        {"max_pyramids", AT(max_pyramids), WHOLE, 0, PM_LAYERS_MAX - 1, 3, "layers above the base"},
        {"tick", AT(tick_e6), MICRO, 1, FIXED_PRICE_MAX_E6, FIXED_ONE_E6 / 20, "least price step"},
        {"standin_atr", AT(standin_atr_e6), MICRO, 1, FIXED_PRICE_MAX_E6, FIXED_ONE_E6, "ATR of a stored position without one"},
};
/* clang-format on */

#define INVALID(...) config_say(problem, CONFIG_PROBLEM_SIZE, CONFIG_INVALID, __VA_ARGS__)

static int64_t *
member_of(struct instrument *instrument, size_t key_no)
{
        return (int64_t *)((char *)instrument + config_instrument_keys[key_no].offset);
}

static int64_t
value_of(const struct instrument *instrument, size_t key_no)
{
        return *(const int64_t *)((const char *)instrument + config_instrument_keys[key_no].offset);
}

/* The index. Names are zero-padded, so three words are a name. */

static size_t
hash_of(const char name[PM_INSTRUMENT_NAME_SIZE])
{
        uint64_t hash = 0x9e3779b97f4a7c15u;
        for (size_t i = 0; i < PM_INSTRUMENT_NAME_SIZE; i += sizeof(uint64_t)) {
                uint64_t word;
                memcpy(&word, name + i, sizeof word);
                hash = (hash ^ word) * 0xff51afd7ed558ccdu;
                hash ^= hash >> 32;
        }
        return (size_t)hash;
}

uint32_t
config_index_find(const struct config_index *index, const struct config *config, const char *name)
{
        char padded[PM_INSTRUMENT_NAME_SIZE] = "";
        size_t size = strlen(name);
        if (index->capacity == 0 || size >= sizeof padded)
                return UINT32_MAX;
        memcpy(padded, name, size);
        for (size_t at = hash_of(padded) & (index->capacity - 1); index->slots[at] != 0; at = (at + 1) & (index->capacity - 1))
                if (memcmp(config->instruments[index->slots[at] - 1].name, padded, sizeof padded) == 0)
                        return index->slots[at] - 1;
        return UINT32_MAX;
}

/* There is always a free slot: the capacity is more than PM_INSTRUMENTS_MAX. */
static void
index_put(struct config_index *index, const struct config *config, uint32_t position)
{
        size_t at = hash_of(config->instruments[position].name) & (index->capacity - 1);
        while (index->slots[at] != 0)
                at = (at + 1) & (index->capacity - 1);
        index->slots[at] = position + 1;
}

enum config_status
config_index_build(struct config_index *index, const struct config *config)
{
        enum { CAPACITY = 65536 };
        static_assert((int)CAPACITY > 2 * PM_INSTRUMENTS_MAX, "the index stays half empty");
        index->slots = calloc(CAPACITY, sizeof *index->slots);
        if (index->slots == NULL)
                return CONFIG_UNREADABLE;
        index->capacity = CAPACITY;
        for (uint32_t i = 0; i < config->instruments_count; i++)
                index_put(index, config, i);
        return CONFIG_OK;
}

void
config_index_fini(struct config_index *index)
{
        free(index->slots);
        *index = (struct config_index){0};
}

/* The list in struct config has no capacity of its own: it is the next power of two. */
static enum config_status
append(struct config *config, const struct instrument *instrument)
{
        uint32_t count = config->instruments_count;
        if ((count & (count - 1)) == 0) {
                size_t capacity = count == 0 ? 1 : 2 * (size_t)count;
                struct instrument *grown = realloc(config->instruments, capacity * sizeof *grown);
                if (grown == NULL)
                        return CONFIG_UNREADABLE;
                config->instruments = grown;
        }
        config->instruments[config->instruments_count++] = *instrument;
        return CONFIG_OK;
}

enum config_status
config_instrument_defaults(struct config *config)
{
        enum config_status status = CONFIG_OK;
        for (size_t i = 0; i < instrument_defaults_count && status == CONFIG_OK; i++)
                status = append(config, &instrument_defaults[i]);
        return status;
}

void
config_instrument_base(const char name[PM_INSTRUMENT_NAME_SIZE], struct instrument *base)
{
        *base = (struct instrument){0};
        memcpy(base->name, name, sizeof base->name);
        for (size_t i = 0; i < CONFIG_INSTRUMENT_KEYS_COUNT; i++)
                *member_of(base, i) = config_instrument_keys[i].value_new;
        for (size_t i = 0; i < instrument_defaults_count; i++)
                if (memcmp(instrument_defaults[i].name, name, sizeof base->name) == 0)
                        *base = instrument_defaults[i];
}

/* Upper case, padded with zeros. */
static enum config_status
canonical_name(const char *name, char out[PM_INSTRUMENT_NAME_SIZE], char problem[CONFIG_PROBLEM_SIZE])
{
        size_t size = strlen(name);
        bool is_good = size > 0 && size < PM_INSTRUMENT_NAME_SIZE && isalpha((unsigned char)name[0]);
        memset(out, 0, PM_INSTRUMENT_NAME_SIZE);
        for (size_t i = 0; i < size && is_good; i++) {
                is_good = isalnum((unsigned char)name[i]) || name[i] == '_';
                out[i] = (char)toupper((unsigned char)name[i]);
        }
        if (!is_good)
                return INVALID("the instrument's name must be a letter and then letters, digits and _, at most %d in all, not \"%.40s\"",
                               PM_INSTRUMENT_NAME_SIZE - 1, name);
        return CONFIG_OK;
}

enum config_status
config_instrument_open(struct config *config, struct config_index *index, const char *name, uint32_t *position,
                       char problem[CONFIG_PROBLEM_SIZE])
{
        struct instrument instrument = {0};
        enum config_status status = canonical_name(name, instrument.name, problem);
        if (status != CONFIG_OK)
                return status;
        if (index != NULL) {
                *position = config_index_find(index, config, instrument.name);
        } else {
                *position = UINT32_MAX;
                for (uint32_t i = 0; i < config->instruments_count; i++)
                        if (memcmp(config->instruments[i].name, instrument.name, sizeof instrument.name) == 0)
                                *position = i;
        }
        if (*position != UINT32_MAX)
                return CONFIG_OK;
        if (config->instruments_count == PM_INSTRUMENTS_MAX)
                return INVALID("there are more than %d instruments", PM_INSTRUMENTS_MAX);
        char canonical[PM_INSTRUMENT_NAME_SIZE];
        memcpy(canonical, instrument.name, sizeof canonical);
        config_instrument_base(canonical, &instrument);
        if (append(config, &instrument) != CONFIG_OK)
                return config_say(problem, CONFIG_PROBLEM_SIZE, CONFIG_UNREADABLE, "out of memory");
        *position = config->instruments_count - 1;
        if (index != NULL)
                index_put(index, config, *position);
        return CONFIG_OK;
}

size_t
config_instrument_key_of(const char *key)
{
        size_t i = 0;
        while (i < CONFIG_INSTRUMENT_KEYS_COUNT && strcmp(config_instrument_keys[i].key, key) != 0)
                i++;
        return i;
}

enum config_status
config_instrument_parse(struct instrument *instrument, size_t key_no, const char *value, char problem[CONFIG_PROBLEM_SIZE])
{
        const struct config_instrument_key *key = &config_instrument_keys[key_no];
        int64_t value_e6;
        if (fixed_parse(value, strlen(value), &value_e6) != FIXED_OK || value_e6 % key->unit_e6 != 0 ||
            value_e6 / key->unit_e6 < key->min || value_e6 / key->unit_e6 > key->max) {
                char low[FIXED_TEXT_SIZE];
                char high[FIXED_TEXT_SIZE];
                char step[FIXED_TEXT_SIZE];
                fixed_format_short(key->min * key->unit_e6, low);
                fixed_format_short(key->max * key->unit_e6, high);
                fixed_format_short(key->unit_e6, step);
                return INVALID("must be a number from %s to %s in steps of %s, not \"%.64s\"", low, high, step, value);
        }
        *member_of(instrument, key_no) = value_e6 / key->unit_e6;
        return CONFIG_OK;
}

void
config_instrument_format(const struct instrument *instrument, size_t key_no, char out[CONFIG_VALUE_SIZE])
{
        fixed_format_short(value_of(instrument, key_no) * config_instrument_keys[key_no].unit_e6, out);
}

enum config_status
config_instrument_check(const struct instrument *instrument, char problem[CONFIG_PROBLEM_SIZE])
{
        for (size_t i = 0; i < CONFIG_INSTRUMENT_KEYS_COUNT; i++) {
                const struct config_instrument_key *key = &config_instrument_keys[i];
                if (value_of(instrument, i) < key->min)
                        return INVALID("[instrument %s] %s is missing: add \"%s = …\" (%s) to the section", instrument->name, key->key,
                                       key->key, key->help);
        }
        return CONFIG_OK;
}
