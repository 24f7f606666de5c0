/* config_table: what the files of config share, and nobody else: the rows of the table, values to and from text, and
 * the keys of [instrument NAME]. Callers use config.h. */
#ifndef PM_COMMON_CONFIG_TABLE_H
#define PM_COMMON_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/config.h"

/* Longest text of a value with its NUL, and of what is wrong with one. */
#define CONFIG_VALUE_SIZE 1024
#define CONFIG_PROBLEM_SIZE 384
/* "[instrument NAME]" with a name of any length that can be right. */
#define CONFIG_SECTION_SIZE 64

enum config_type {
        CONFIG_INT = 0,
        CONFIG_BOOL,
        CONFIG_AMOUNT, /* decimal, micro-units */
        CONFIG_TEXT,
        CONFIG_PATH,   /* becomes absolute */
        CONFIG_LISTEN, /* ADDRESS:PORT */
        CONFIG_CIDRS,  /* addresses and CIDRs */
        CONFIG_NAME,   /* letters, digits, _, - and . */
        CONFIG_CHOICE, /* one of names; its index */
};

struct config_row {
        const char *section;
        const char *key;
        enum config_type type;
        size_t offset;
        size_t size; /* of the member, for texts */
        const char *value_default;
        int64_t min; /* number: the least, text: the least length */
        int64_t max;
        const char *const *names; /* CONFIG_CHOICE: NULL-terminated */
        bool reloadable;
        const char *help;
};

extern const struct config_row config_table[];
extern const size_t config_table_count;

/* NULL when there is none. */
const struct config_row *config_table_find(const char *section, const char *key);

/* Text to value. A relative path is taken from folder. On CONFIG_INVALID problem says what is wrong, to be read after the key's name:
 * "must be …". */
PM_MUST_CHECK enum config_status config_table_parse(struct config *config, const struct config_row *row, const char *value,
                                                    const char *folder, char problem[CONFIG_PROBLEM_SIZE]);
/* Value to the text that parses to the same. */
void config_table_format(const struct config *config, const struct config_row *row, char out[CONFIG_VALUE_SIZE]);

/* The same for [instrument NAME]. */
struct config_instrument_key {
        const char *key;
        size_t offset;
        int64_t unit_e6; /* micro-units that one of the member stands for: 1,000,000 an integer, 10,000 hundredths, 1 an amount */
        int64_t min;     /* in units of the member */
        int64_t max;
        int64_t value_new; /* of an instrument that is not shipped; 0: must be given */
        const char *help;
};
#define CONFIG_INSTRUMENT_PREFIX "instrument "
#define CONFIG_INSTRUMENT_KEYS_COUNT 12
extern const struct config_instrument_key config_instrument_keys[CONFIG_INSTRUMENT_KEYS_COUNT];

/* Finds instruments by name; positions in config->instruments. Zeroed is an empty one. */
struct config_index {
        uint32_t *slots; /* position + 1, 0: free */
        size_t capacity; /* a power of two */
};
/* Position, or UINT32_MAX. */
uint32_t config_index_find(const struct config_index *index, const struct config *config, const char *name);
PM_MUST_CHECK enum config_status config_index_build(struct config_index *index, const struct config *config);
void config_index_fini(struct config_index *index);

/* The instrument that a section means (after its prefix), added when it is new; *position tells where. index may be NULL. */
PM_MUST_CHECK enum config_status config_instrument_open(struct config *config, struct config_index *index, const char *name,
                                                        uint32_t *position, char problem[CONFIG_PROBLEM_SIZE]);
/* Number of the key in config_instrument_keys, or CONFIG_INSTRUMENT_KEYS_COUNT. */
size_t config_instrument_key_of(const char *key);
PM_MUST_CHECK enum config_status config_instrument_parse(struct instrument *instrument, size_t key_no, const char *value,
                                                         char problem[CONFIG_PROBLEM_SIZE]);
void config_instrument_format(const struct instrument *instrument, size_t key_no, char out[CONFIG_VALUE_SIZE]);
/* Every constant is there; problem names the section and key. */
PM_MUST_CHECK enum config_status config_instrument_check(const struct instrument *instrument, char problem[CONFIG_PROBLEM_SIZE]);
/* What an instrument of this name is before a section says otherwise: one of the shipped, or value_new of every key. */
void config_instrument_base(const char name[PM_INSTRUMENT_NAME_SIZE], struct instrument *base);
/* The shipped four. CONFIG_UNREADABLE: no memory. */
PM_MUST_CHECK enum config_status config_instrument_defaults(struct config *config);

/* printf into a buffer of CONFIG_ERROR_SIZE or CONFIG_PROBLEM_SIZE; returns status, so that it reads as an answer. */
enum config_status config_say(char *out, size_t out_size, enum config_status status, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

#endif
