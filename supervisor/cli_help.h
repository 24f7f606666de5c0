/* cli_help: what the command line says about itself, all from cli_table. */
#ifndef PM_SUPERVISOR_CLI_HELP_H
#define PM_SUPERVISOR_CLI_HELP_H

#include <stdio.h>

#include "supervisor/cli_table.h"

void cli_help_usage(FILE *out); /* every verb, one line each */
void cli_help_verb(FILE *out, const struct cli_verb *verb);
void cli_help_completion(FILE *out); /* the script that packaging/bash-completion holds */
int cli_help_completion_verb(struct verb_call *call);

#endif
