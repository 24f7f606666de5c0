#include "supervisor/cli_help.h"

#include <string.h>

static void
print_option(FILE *out, const struct cli_option *option)
{
        char left[64];
        snprintf(left, sizeof(left), "%s%s%s", option->name, option->argument != NULL ? " " : "",
                 option->argument != NULL ? option->argument : "");
        fprintf(out, "  %-26s %s\n", left, option->help);
}

static bool
takes(const struct cli_verb *verb, const struct cli_option *option)
{
        return (option->bit & verb->options) != 0;
}

void
cli_help_usage(FILE *out)
{
        fprintf(out, "usage: pm-supervisor VERB [--config FILE] [--set SECTION.KEY=VALUE]... [options]\n\nVerbs:\n");
        for (size_t i = 0; i < cli_verbs_count; i++) {
                char left[64];
                snprintf(left, sizeof(left), "%s %s", cli_verbs[i].name, cli_verbs[i].args);
                fprintf(out, "  %-32s %s\n", left, cli_verbs[i].summary);
        }
        fprintf(out, "\nOptions of every verb:\n");
        for (size_t i = 0; i < cli_options_count; i++) {
                if (cli_options[i].bit == OPTION_EVERYWHERE)
                        print_option(out, &cli_options[i]);
        }
        fprintf(out, "\npm-supervisor VERB --help says more about one verb.\n");
}

void
cli_help_verb(FILE *out, const struct cli_verb *verb)
{
        fprintf(out, "usage: pm-supervisor %s%s%s", verb->name, verb->args[0] != '\0' ? " " : "", verb->args);
        for (size_t i = 0; i < cli_options_count; i++) {
                const struct cli_option *option = &cli_options[i];
                if (takes(verb, option))
                        fprintf(out, " [%s%s%s]", option->name, option->argument != NULL ? " " : "",
                                option->argument != NULL ? option->argument : "");
        }
        fprintf(out, "\n\n%c%s.\n%s\n\nOptions:\n", verb->summary[0] - 'a' + 'A', verb->summary + 1, verb->details);
        for (size_t i = 0; i < cli_options_count; i++) {
                if (takes(verb, &cli_options[i]) || cli_options[i].bit == OPTION_EVERYWHERE)
                        print_option(out, &cli_options[i]);
        }
}

/* What may follow the verb beside the options of every verb. */
static void
print_words(FILE *out, const struct cli_verb *verb)
{
        const char *space = verb->words[0] != '\0' ? " " : "";
        fputs(verb->words, out);
        for (size_t i = 0; i < cli_options_count; i++) {
                if (takes(verb, &cli_options[i])) {
                        fprintf(out, "%s%s", space, cli_options[i].name);
                        space = " ";
                }
        }
}

void
cli_help_completion(FILE *out)
{
        fprintf(out, "# Completion of pm-supervisor for bash; printed by `pm-supervisor completion`.\n"
                     "_pm_supervisor()\n{\n"
                     "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb='' i\n"
                     "    COMPREPLY=()\n"
                     "    local every='");
        for (size_t i = 0, printed = 0; i < cli_options_count; i++) {
                if (cli_options[i].bit == OPTION_EVERYWHERE)
                        fprintf(out, "%s%s", printed++ > 0 ? " " : "", cli_options[i].name);
        }
        fprintf(out, "' words=''\n"
                     "    case $prev in\n"
                     "    --config) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n"
                     "    --log-level) mapfile -t COMPREPLY < <(compgen -W 'DEBUG INFO WARNING ERROR' -- \"$cur\"); return ;;\n");
        for (size_t i = 0; i < cli_options_count; i++) {
                const struct cli_option *option = &cli_options[i];
                if (option->argument != NULL && strcmp(option->name, "--config") != 0 && strcmp(option->name, "--log-level") != 0)
                        fprintf(out, "    %s) return ;;\n", option->name);
        }
        fprintf(out, "    esac\n"
                     "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "        case ${COMP_WORDS[i]} in\n        ");
        for (size_t i = 0; i < cli_verbs_count; i++)
                fprintf(out, "%s%s", i > 0 ? "|" : "", cli_verbs[i].name);
        fprintf(out, ")\n            verb=${COMP_WORDS[i]}; break ;;\n        esac\n    done\n    case $verb in\n    '') words='");
        for (size_t i = 0; i < cli_verbs_count; i++)
                fprintf(out, "%s%s", i > 0 ? " " : "", cli_verbs[i].name);
        fprintf(out, "' ;;\n");
        for (size_t i = 0; i < cli_verbs_count; i++) {
                const struct cli_verb *verb = &cli_verbs[i];
                if (verb->options == 0 && verb->words[0] == '\0' && verb->words_kind == WORDS_FIXED)
                        continue;
                fprintf(out, "    %s) words='", verb->name);
                print_words(out, verb);
                fprintf(out, "'%s ;;\n", verb->words_kind == WORDS_FILE ? "; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")" : "");
        }
        fprintf(out, "    esac\n"
                     "    mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -W \"$words $every\" -- \"$cur\")\n"
                     "}\ncomplete -F _pm_supervisor pm-supervisor\n");
}

int
cli_help_completion_verb(struct verb_call *call)
{
        (void)call;
        cli_help_completion(stdout);
        return VERB_OK;
}
