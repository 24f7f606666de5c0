/* config: pm-supervisor.conf and database_config.json into one struct. Every key is one row of config_table: type,
 * default, range, whether `reload` may change it, whether it is secret, and its help text. The parser, --set, the
 * checks, `check-config`, the printed effective config and the sample file's test come from the rows.
 *
 * The supervisor reads the operator's files and writes the effective result to run_dir/effective.conf, which the
 * children read: so a half-edited file never reaches a restarted child. */
#ifndef PM_COMMON_CONFIG_H
#define PM_COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/check.h"
#include "common/instrument.h"
#include "common/limits.h"
#include "common/log.h"

#define CONFIG_PATH_DEFAULT "/etc/pm-supervisor/pm-supervisor.conf"
#define CONFIG_TEXT_SIZE 256
#define CONFIG_ERROR_SIZE 512

enum database_mode { DATABASE_EMBEDDED = 0, DATABASE_EXTERNAL = 1 };

struct config {
        /* [instance] */
        char name[64];
        char run_dir[CONFIG_TEXT_SIZE];
        char state_dir[CONFIG_TEXT_SIZE];
        char log_file[CONFIG_TEXT_SIZE]; /* empty: the default below the log folder for `start`, stderr for `run` */
        int64_t log_level;               /* enum log_level */
        char user[64];                   /* empty: stay who we are */
        /* [http] */
        char listen[64]; /* "127.0.0.1:5000", "[::1]:5000", "0.0.0.0:80" */
        char secret_file[CONFIG_TEXT_SIZE];
        char allow[1024]; /* CIDRs, separated by commas or spaces; empty: every source */
        bool allow_unauthenticated;
        int64_t connections_max;
        int64_t requests_per_second; /* of one source before authentication; 0: no limit */
        /* [database] */
        int64_t database_mode; /* enum database_mode */
        char database_config[CONFIG_TEXT_SIZE];
        char database_bin_dir[CONFIG_TEXT_SIZE]; /* embedded: where postgres and initdb are; empty: newest found */
        int64_t connect_timeout_ms;
        int64_t statement_timeout_ms;
        /* [portfolio] */
        int64_t initial_capital_e6;
        int64_t max_future_s;
        int64_t dedupe_max;
        /* [supervision] */
        int64_t heartbeat_ms;
        int64_t watchdog_ms;    /* no progress for so long: the child is killed */
        int64_t restart_budget; /* restarts in a row before HOLD */
        int64_t restart_delay_max_ms;
        int64_t restart_healthy_ms; /* living so long refills the budget */
        int64_t hold_retry_ms;
        int64_t start_timeout_ms;
        int64_t stop_timeout_ms;
        /* [instrument NAME]: the shipped four, changed and added to */
        struct instrument *instruments;
        uint32_t instruments_count;

        char path[CONFIG_TEXT_SIZE]; /* the file that was read, absolute; empty: built-in defaults */
};

enum config_status {
        CONFIG_OK = 0,
        CONFIG_UNREADABLE,
        CONFIG_INVALID,    /* syntax, unknown key, out of range, rule between keys */
        CONFIG_PERMISSION, /* a file with a secret is not 0600 or belongs to somebody else */
};

void config_init(struct config *config); /* the defaults of the table */
void config_fini(struct config *config);

/* Reads the file over what is there. error (always NUL-terminated) is one sentence with file, line, key, and what to
 * do. Relative paths in the file are taken from the file's own folder and become absolute. */
PM_MUST_CHECK enum config_status config_load(struct config *config, const char *path, char error[CONFIG_ERROR_SIZE]);
/* One "section.key=value", or "instrument NAME.key=value"; relative paths from the working folder. */
PM_MUST_CHECK enum config_status config_set(struct config *config, const char *assignment, char error[CONFIG_ERROR_SIZE]);
/* Rules between keys, path lengths (a unix socket path over PM_UNIX_PATH_MAX bytes is refused by name). */
PM_MUST_CHECK enum config_status config_check(const struct config *config, char error[CONFIG_ERROR_SIZE]);
/* What must hold beside that before the webhook is served: a secret, or the word that none is wanted. */
PM_MUST_CHECK enum config_status config_check_serve(const struct config *config, char error[CONFIG_ERROR_SIZE]);
/* Writes every key, and of instruments what differs from the built-in, as a file that config_load reads back to the same.
 * No secret is in it. */
PM_MUST_CHECK enum config_status config_write(const struct config *config, FILE *out);

/* For help texts and the sample's test: row i, false when there are no more. */
struct config_row_view {
        const char *section;
        const char *key;
        const char *value_default;
        const char *help;
        bool reloadable;
};
bool config_row(size_t i, struct config_row_view *view);

/* Names of rows that differ between two configs, with whether a running service can take the new value. Calls fn for each. */
void config_diff(const struct config *a, const struct config *b,
                 void (*fn)(void *owner, const char *name, const char *from, const char *to, bool reloadable), void *owner);

/* Places inside run_dir and state_dir. Each returns out. */
char *config_run_path(const struct config *config, const char *name, char out[PM_UNIX_PATH_MAX + 1]);
char *config_state_path(const struct config *config, const char *name, char out[CONFIG_TEXT_SIZE]);

/* Opens a file that holds a secret: it must be a regular file, mode 0600 or stricter, owned by us or by root or by owner_uid.
 * On failure returns -1 and error names the command that mends it (chmod 600 …). The descriptor is close-on-exec. */
int config_open_secret(const char *path, unsigned owner_uid, char error[CONFIG_ERROR_SIZE]);

/* database_config.json: the seed's five keys and further libpq keywords, as two parallel NULL-terminated arrays for
 * PQconnectdbParams. A JSON number is taken as text. */
#define CONFIG_CONNINFO_MAX 32
struct config_conninfo {
        const char *keywords[CONFIG_CONNINFO_MAX + 1];
        const char *values[CONFIG_CONNINFO_MAX + 1];
        uint32_t count;
};
/* fd is read to its end and closed. Unknown keywords are refused by name. */
PM_MUST_CHECK enum config_status config_read_conninfo(int fd, const char *path, struct config_conninfo *conninfo,
                                                      char error[CONFIG_ERROR_SIZE]);
void config_conninfo_fini(struct config_conninfo *conninfo); /* wipes the password first */

#endif
