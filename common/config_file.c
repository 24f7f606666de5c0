/* config_file: the configuration as an INI file, read and written. */
#include <config.h>
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config_table.h"

/* Longest line that is read: a key, a value of any key, and a comment. */
#define LINE_SIZE_MAX 2048

/* One reading of one file. The first problem ends it. */
struct reading {
        struct config *config;
        const char *path;
        char folder[CONFIG_TEXT_SIZE];
        FILE *file;
        char *line; /* getline()'s */
        size_t line_capacity;
        int line_no;
        struct config_index index;
        char section[CONFIG_SECTION_SIZE]; /* the instrument section that position stands for, empty: none */
        uint32_t position;
        int *lines_of_rows; /* where each row was set, to name a repetition; 0: not yet */
        int (*lines_of_instruments)[CONFIG_INSTRUMENT_KEYS_COUNT];
        uint32_t instruments_capacity;
        enum config_status status;
        char *error;
};

/* Of section.key or, without a key, the line as a whole. */
static void
refuse(struct reading *reading, enum config_status status, const char *section, const char *key, const char *problem)
{
        if (reading->status != CONFIG_OK)
                return;
        if (key != NULL)
                reading->status = config_say(reading->error, CONFIG_ERROR_SIZE, status, "%s:%d: %.50s.%.60s: %s", reading->path,
                                             reading->line_no, section, key, problem);
        else
                reading->status =
                        config_say(reading->error, CONFIG_ERROR_SIZE, status, "%s:%d: %s", reading->path, reading->line_no, problem);
}

/* inih reads lines through this, so that we count them. It takes an indented line as a continuation of the one above, which is hardly ever
 * meant in a file of short values: the indentation is taken away. Lines that its buffer would split are refused by name. */
static char *
read_line(char *out, int out_size, void *owner)
{
        struct reading *reading = owner;
        if (reading->status != CONFIG_OK)
                return NULL;
        ssize_t got = getline(&reading->line, &reading->line_capacity, reading->file);
        if (got < 0) {
                if (ferror(reading->file))
                        refuse(reading, CONFIG_UNREADABLE, NULL, NULL, strerror(errno));
                return NULL;
        }
        reading->line_no++;
        size_t size = (size_t)got;
        const char *start = reading->line;
        if (memchr(start, '\0', size) != NULL) {
                refuse(reading, CONFIG_INVALID, NULL, NULL, "the line holds a NUL byte; this is no text file");
                return NULL;
        }
        while (*start == ' ' || *start == '\t') {
                start++;
                size--;
        }
        while (size > 0 && isspace((unsigned char)start[size - 1]))
                size--;
        if (size + 3 > (size_t)out_size) {
                if (*start != '#' && *start != ';') {
                        char problem[64];
                        snprintf(problem, sizeof problem, "the line is longer than %d bytes", out_size - 3);
                        refuse(reading, CONFIG_INVALID, NULL, NULL, problem);
                        return NULL;
                }
                size = 1; /* a comment, however long */
        }
        memcpy(out, start, size);
        memcpy(out + size, "\n", 2);
        return out;
}

/* "listen, secret_file, …" of a section, or the sections, to say what is possible. */
static void
list_known(const char *section, char out[CONFIG_PROBLEM_SIZE])
{
        size_t at = 0;
        const char *last = "";
        out[0] = '\0';
        for (size_t i = 0; i < config_table_count && at < CONFIG_PROBLEM_SIZE - 64; i++) {
                const struct config_row *row = &config_table[i];
                if (section != NULL ? strcmp(row->section, section) != 0 : strcmp(row->section, last) == 0)
                        continue;
                last = row->section;
                at += (size_t)snprintf(out + at, CONFIG_PROBLEM_SIZE - at, "%s%s", at > 0 ? ", " : "",
                                       section != NULL ? row->key : row->section);
        }
}

static void
refuse_unknown(struct reading *reading, const char *section, const char *key)
{
        char known[CONFIG_PROBLEM_SIZE];
        char problem[CONFIG_PROBLEM_SIZE];
        list_known(section, known);
        if (known[0] != '\0') {
                snprintf(problem, sizeof problem, "there is no such key; [%s] has %.300s", section, known);
        } else {
                list_known(NULL, known);
                snprintf(problem, sizeof problem, "there is no such section; there are %.200s and instrument NAME", known);
        }
        refuse(reading, CONFIG_INVALID, section, key, problem);
}

static bool
is_repeated(struct reading *reading, const char *section, const char *key, int *line_no)
{
        if (*line_no != 0) {
                char problem[CONFIG_PROBLEM_SIZE];
                snprintf(problem, sizeof problem, "is given twice; line %d has it already", *line_no);
                refuse(reading, CONFIG_INVALID, section, key, problem);
                return true;
        }
        *line_no = reading->line_no;
        return false;
}

/* Room to note the lines of every instrument that there is now. */
static enum config_status
follow_instruments(struct reading *reading)
{
        uint32_t count = reading->config->instruments_count;
        if (count <= reading->instruments_capacity)
                return CONFIG_OK;
        uint32_t capacity = 2 * count;
        void *grown = realloc(reading->lines_of_instruments, capacity * sizeof *reading->lines_of_instruments);
        if (grown == NULL)
                return CONFIG_UNREADABLE;
        reading->lines_of_instruments = grown;
        memset(reading->lines_of_instruments + reading->instruments_capacity, 0,
               (capacity - reading->instruments_capacity) * sizeof *reading->lines_of_instruments);
        reading->instruments_capacity = capacity;
        return CONFIG_OK;
}

static void
take_instrument(struct reading *reading, const char *section, const char *key, const char *value)
{
        char problem[CONFIG_PROBLEM_SIZE];
        enum config_status status = CONFIG_OK;
        if (strcmp(reading->section, section) != 0) {
                const char *name = section + strlen(CONFIG_INSTRUMENT_PREFIX);
                name += strspn(name, " \t");
                status = config_instrument_open(reading->config, &reading->index, name, &reading->position, problem);
                if (status == CONFIG_OK && follow_instruments(reading) != CONFIG_OK)
                        status = config_say(problem, sizeof problem, CONFIG_UNREADABLE, "out of memory");
                snprintf(reading->section, sizeof reading->section, "%s", section);
        }
        size_t key_no = config_instrument_key_of(key);
        if (status == CONFIG_OK && key_no == CONFIG_INSTRUMENT_KEYS_COUNT)
                status = config_say(problem, sizeof problem, CONFIG_INVALID,
                                    "there is no such key; an instrument has lot_size, point_value, margin_per_lot, initial_risk_percent, "
                                    "ongoing_risk_percent, initial_vol_percent, ongoing_vol_percent, initial_atr_multiple, "
                                    "trailing_atr_multiple, max_pyramids, tick, standin_atr");
        if (status == CONFIG_OK && is_repeated(reading, section, key, &reading->lines_of_instruments[reading->position][key_no]))
                return;
        if (status == CONFIG_OK)
                status = config_instrument_parse(&reading->config->instruments[reading->position], key_no, value, problem);
        if (status != CONFIG_OK)
                refuse(reading, status, section, key, problem);
}

/* One "key = value" of inih's. 0 tells it that the line was bad. */
static int
on_value(void *owner, const char *section, const char *key, const char *value)
{
        struct reading *reading = owner;
        char problem[CONFIG_PROBLEM_SIZE];
        if (reading->status != CONFIG_OK)
                return 0;
        if (strncmp(section, CONFIG_INSTRUMENT_PREFIX, strlen(CONFIG_INSTRUMENT_PREFIX)) == 0) {
                take_instrument(reading, section, key, value);
                return reading->status == CONFIG_OK;
        }
        const struct config_row *row = config_table_find(section, key);
        if (row == NULL) {
                refuse_unknown(reading, section, key);
        } else if (!is_repeated(reading, section, key, &reading->lines_of_rows[row - config_table])) {
                enum config_status status = config_table_parse(reading->config, row, value, reading->folder, problem);
                if (status != CONFIG_OK)
                        refuse(reading, status, section, key, problem);
        }
        return reading->status == CONFIG_OK;
}

/* path, absolute, into config->path; its folder into reading. */
static enum config_status
locate(struct reading *reading, const char *path)
{
        char cwd[PATH_MAX] = "";
        char *out = reading->config->path;
        if (path[0] != '/' && getcwd(cwd, sizeof cwd) == NULL)
                return config_say(reading->error, CONFIG_ERROR_SIZE, CONFIG_UNREADABLE, "the working folder cannot be told: %s",
                                  strerror(errno));
        while (path[0] == '.' && path[1] == '/')
                path += 2;
        if ((size_t)snprintf(out, CONFIG_TEXT_SIZE, "%s%s%s", cwd, cwd[0] != '\0' ? "/" : "", path) >= CONFIG_TEXT_SIZE)
                return config_say(reading->error, CONFIG_ERROR_SIZE, CONFIG_INVALID,
                                  "the path of the config file, %.200s…, has more than %d bytes", out, CONFIG_TEXT_SIZE - 1);
        memcpy(reading->folder, out, CONFIG_TEXT_SIZE);
        char *slash = strrchr(reading->folder, '/');
        slash[slash == reading->folder] = '\0';
        return CONFIG_OK;
}

static void
parse(struct reading *reading)
{
        /* Debian's inih takes its limits at run time, elsewhere they are fixed when it is built; read_line() keeps within either. */
#ifdef HAVE_INI_MAX_LINE
        ini_max_line = LINE_SIZE_MAX;
#endif
        int bad_line_no = ini_parse_stream(read_line, reading, on_value, reading);
        /* inih goes on after a bad line: one of its own comes before ours, or there is none of ours. */
        if (bad_line_no > 0 && (reading->status == CONFIG_OK || bad_line_no < reading->line_no)) {
                reading->status = CONFIG_OK;
                reading->line_no = bad_line_no;
                refuse(reading, CONFIG_INVALID, NULL, NULL, "a line must be \"key = value\", \"[section]\", or a comment after #");
        } else if (bad_line_no < 0) {
                refuse(reading, CONFIG_UNREADABLE, NULL, NULL, "out of memory");
        }
}

enum config_status
config_load(struct config *config, const char *path, char error[CONFIG_ERROR_SIZE])
{
        struct reading reading = {.config = config, .path = path, .error = error};
        error[0] = '\0';
        reading.status = locate(&reading, path);
        if (reading.status != CONFIG_OK)
                return reading.status;
        reading.file = fopen(path, "re");
        if (reading.file == NULL)
                return config_say(error, CONFIG_ERROR_SIZE, CONFIG_UNREADABLE, "%.300s: %s", path, strerror(errno));
        reading.lines_of_rows = calloc(config_table_count, sizeof *reading.lines_of_rows);
        if (reading.lines_of_rows == NULL || config_index_build(&reading.index, config) != CONFIG_OK ||
            follow_instruments(&reading) != CONFIG_OK)
                refuse(&reading, CONFIG_UNREADABLE, NULL, NULL, "out of memory");
        else
                parse(&reading);
        free(reading.lines_of_instruments);
        config_index_fini(&reading.index);
        free(reading.lines_of_rows);
        free(reading.line);
        fclose(reading.file);
        return reading.status;
}

/* What differs from the base alone: children read this at every restart, and there may be 20,000. */
static void
write_instrument(const struct instrument *instrument, FILE *out)
{
        struct instrument base;
        bool has_section = false;
        config_instrument_base(instrument->name, &base);
        for (size_t i = 0; i < CONFIG_INSTRUMENT_KEYS_COUNT; i++) {
                char value[CONFIG_VALUE_SIZE];
                char value_base[CONFIG_VALUE_SIZE];
                config_instrument_format(instrument, i, value);
                config_instrument_format(&base, i, value_base);
                if (strcmp(value, value_base) == 0)
                        continue;
                if (!has_section)
                        fprintf(out, "\n[" CONFIG_INSTRUMENT_PREFIX "%s]\n", instrument->name);
                has_section = true;
                fprintf(out, "%s = %s\n", config_instrument_keys[i].key, value);
        }
}

enum config_status
config_write(const struct config *config, FILE *out)
{
        char value[CONFIG_VALUE_SIZE];
        const char *section = "";
        fprintf(out, "# The configuration in effect. Written by pm-supervisor at each start and reload; changes here are lost.\n");
        for (size_t i = 0; i < config_table_count; i++) {
                const struct config_row *row = &config_table[i];
                if (strcmp(section, row->section) != 0)
                        fprintf(out, "\n[%s]\n", row->section);
                section = row->section;
                config_table_format(config, row, value);
                fprintf(out, "%s = %s\n", row->key, value);
        }
        for (uint32_t i = 0; i < config->instruments_count; i++)
                write_instrument(&config->instruments[i], out);
        return fflush(out) == 0 && !ferror(out) ? CONFIG_OK : CONFIG_UNREADABLE;
}
