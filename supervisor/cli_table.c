#include "supervisor/cli_table.h"

#include <string.h>

#include "supervisor/cli_help.h"
#include "supervisor/verb_check.h"
#include "supervisor/verb_life.h"
#include "supervisor/verb_portfolio.h"
#include "supervisor/verb_status.h"

const struct cli_option cli_options[] = {
        {"--config", "FILE", OPTION_EVERYWHERE, "configuration file (default " CONFIG_PATH_DEFAULT ")"},
        {"--set", "SECTION.KEY=VALUE", OPTION_EVERYWHERE, "override one key; may be given again"},
        {"--log-level", "LEVEL", OPTION_EVERYWHERE, "DEBUG, INFO, WARNING or ERROR; the same as --set instance.log_level=LEVEL"},
        {"--json", NULL, OPTION_JSON, "JSON instead of text"},
        {"--watch", NULL, OPTION_WATCH, "again every second, until interrupted"},
        {"--ready", NULL, OPTION_READY, "until the service has its portfolio and takes signals"},
        {"--timeout", "SECONDS", OPTION_TIMEOUT, "give up waiting after so long"},
        {"--note", "TEXT", OPTION_NOTE, "kept with the change"},
        {"--request-id", "NUMBER", OPTION_REQUEST_ID, "of a command given before whose outcome is not known: it is done once"},
        {"--print", NULL, OPTION_PRINT, "print the configuration in effect, every key"},
        {"--help", NULL, OPTION_EVERYWHERE, "help on the verb"},
        {"--version", NULL, OPTION_EVERYWHERE, "print the version"},
};
const size_t cli_options_count = countof(cli_options);

const struct cli_verb cli_verbs[] = {
        {
                .name = "run",
                .args = "",
                .needs_config = true,
                .handler = verb_life_run,
                .words = "",
                .summary = "run the service in the foreground",
                .details = "Starts the database (when it is embedded), the persister and the worker, and keeps them alive until\n"
                           "SIGTERM or SIGINT. Logs to stderr, and to instance.log_file when it is set. For init systems that\n"
                           "watch a process, and for a terminal.",
        },
        {
                .name = "start",
                .args = "",
                .options = OPTION_TIMEOUT,
                .needs_config = true,
                .handler = verb_life_start,
                .words = "",
                .summary = "start the service as a daemon and wait until it is ready",
                .details = "Exit code 0 once it takes signals; 151 when it is not ready in time: the reason is printed, and the\n"
                           "daemon stays and goes on trying; 152 when a child needs the operator; 1 when it could not start or\n"
                           "another one is running with the same run_dir; 6 when the configuration is wrong.",
        },
        {
                .name = "stop",
                .args = "",
                .options = OPTION_TIMEOUT,
                .needs_config = true,
                .handler = verb_life_stop,
                .words = "",
                .summary = "stop the service in order and wait for its end",
                .details = "The worker takes no more signals and finishes its answers, the persister stores what it has, the\n"
                           "embedded database closes last. Exit code 0 also when it was not running.",
        },
        {
                .name = "restart",
                .args = "[worker|persister]",
                .args_max = 1,
                .options = OPTION_TIMEOUT,
                .needs_config = true,
                .handler = verb_life_restart,
                .words = "worker persister",
                .summary = "restart one child, or both, under the running supervisor",
                .details = "Connections wait meanwhile instead of being refused. Spends no restart budget and ends a HOLD. A new\n"
                           "version of the supervisor itself needs stop and start.",
        },
        {
                .name = "reload",
                .args = "",
                .needs_config = true,
                .handler = verb_life_reload,
                .words = "",
                .summary = "read the configuration again",
                .details = "Prints what changed and which keys need a restart. A configuration that is wrong changes nothing.\n"
                           "The log file is opened again.",
        },
        {
                .name = "status",
                .args = "",
                .options = OPTION_JSON | OPTION_WATCH,
                .needs_config = true,
                .config_code = STATUS_UNKNOWN,
                .handler = verb_status,
                .words = "",
                .summary = "show how the service does",
                .details = "Exit codes: 0 running, 1 dead but pid file, 2 dead but lock file, 3 not running, 4 unknown,\n"
                           "150 degraded, 151 starting, recovering or stopping, 152 a child is on HOLD, 153 maintenance.",
        },
        {
                .name = "wait",
                .args = "",
                .options = OPTION_READY | OPTION_TIMEOUT,
                .needs_config = true,
                .handler = verb_life_wait,
                .words = "",
                .summary = "wait until the service is ready",
                .details = "wait --ready returns 0 once signals are taken, 151 with the reason when they are not in time, 7 when\n"
                           "no service appears. Default --timeout: supervision.start_timeout_ms.",
        },
        {
                .name = "maintenance",
                .args = "on|off",
                .args_min = 1,
                .args_max = 1,
                .needs_config = true,
                .handler = verb_life_maintenance,
                .words = "on off",
                .summary = "answer signals with 503, or take them again",
                .details = "For an upgrade of the database: senders repeat what got 503. It outlives a restart.",
        },
        {
                .name = "pause",
                .args = "",
                .options = OPTION_NOTE | OPTION_REQUEST_ID | OPTION_TIMEOUT,
                .needs_config = true,
                .handler = verb_portfolio_pause,
                .words = "",
                .summary = "block entries; exits and stops go on",
                .details = "Stored like a signal, so it holds after any restart.",
        },
        {
                .name = "resume",
                .args = "",
                .options = OPTION_NOTE | OPTION_REQUEST_ID | OPTION_TIMEOUT,
                .needs_config = true,
                .handler = verb_portfolio_pause,
                .words = "",
                .summary = "allow entries again",
                .details = "Ends a pause.",
        },
        {
                .name = "capital",
                .args = "deposit|withdraw AMOUNT",
                .args_min = 2,
                .args_max = 2,
                .options = OPTION_NOTE | OPTION_REQUEST_ID | OPTION_TIMEOUT,
                .needs_config = true,
                .handler = verb_portfolio_capital,
                .words = "deposit withdraw",
                .summary = "book money into or out of the portfolio",
                .details = "Returns 0 when it is stored. When the answer is lost, the number to give with --request-id is printed:\n"
                           "the same number is booked once, however often it is given.",
        },
        {
                .name = "positions",
                .args = "",
                .options = OPTION_JSON,
                .needs_config = true,
                .handler = verb_portfolio_positions,
                .words = "",
                .summary = "list the open positions",
                .details = "As the worker has them, over http.listen.",
        },
        {
                .name = "send",
                .args = "FILE",
                .args_min = 1,
                .args_max = 1,
                .needs_config = true,
                .handler = verb_portfolio_send,
                .words = "",
                .words_kind = WORDS_FILE,
                .summary = "send the signal in FILE to the service and print the answer",
                .details = "FILE holds one JSON object; - is standard input. The secret of http.secret_file goes with it. This is a\n"
                           "real signal: it trades. Exit code 0 when the answer is 200.",
        },
        {
                .name = "check-config",
                .args = "",
                .options = OPTION_PRINT,
                .handler = verb_check_config,
                .words = "",
                .summary = "check the configuration",
                .details = "Exit code 0 when the service can start with it, else 6 and the file, line and key that is wrong. The\n"
                           "files that hold secrets must be there with mode 0600.",
        },
        {
                .name = "check-db",
                .args = "",
                .needs_config = true,
                .handler = verb_check_by_persister,
                .words = "",
                .summary = "check the connection to the database and its schema",
                .details = "Connects as the service does and says what is wrong and what mends it.",
        },
        {
                .name = "migrate",
                .args = "",
                .needs_config = true,
                .handler = verb_check_by_persister,
                .words = "",
                .summary = "bring the database's schema to this version",
                .details = "Applies the files of sql/ that are missing, in order. An embedded database is migrated at start.",
        },
        {
                .name = "verify",
                .args = "",
                .options = OPTION_JSON,
                .needs_config = true,
                .handler = verb_check_by_persister,
                .words = "",
                .summary = "replay all events and compare every stored row and the digest",
                .details = "Changes nothing. Exit code 0 when all is equal.",
        },
        {
                .name = "dump-fsm",
                .args = "",
                .handler = verb_check_dump_fsm,
                .words = "",
                .summary = "print the table of a child's states",
                .details = "As a graph for dot.",
        },
        {
                .name = "completion",
                .args = "",
                .handler = cli_help_completion_verb,
                .words = "",
                .summary = "print the completion script for bash",
                .details = "The package installs it; for a shell of your own: source <(pm-supervisor completion)",
        },
};
const size_t cli_verbs_count = countof(cli_verbs);

const struct cli_verb *
cli_table_verb(const char *name)
{
        for (size_t i = 0; i < cli_verbs_count; i++) {
                if (strcmp(cli_verbs[i].name, name) == 0)
                        return &cli_verbs[i];
        }
        return NULL;
}

const struct cli_option *
cli_table_option(const char *name, size_t size)
{
        for (size_t i = 0; i < cli_options_count; i++) {
                if (strlen(cli_options[i].name) == size && memcmp(cli_options[i].name, name, size) == 0)
                        return &cli_options[i];
        }
        return NULL;
}
