#include "worker/commands.h"

#include <stdio.h>
#include <string.h>

#include "common/fixed.h"

void
commands_init(struct commands *commands, struct ingest *ingest)
{
        *commands = (struct commands){.ingest = ingest};
}

static struct command *
find(struct commands *commands, uint64_t request_id)
{
        for (uint32_t i = 0; i < COMMANDS_REMEMBERED; i++)
                if (commands->ring[i].is_used && commands->ring[i].request_id == request_id)
                        return &commands->ring[i];
        return NULL;
}

static void
set_result(struct commands *commands, struct command *command, bool done, const char *message)
{
        command->done = done;
        command->is_answered = false;
        commands->waiting++;
        (void)snprintf(command->message, sizeof(command->message), "%s", message);
}

/* Why an order cannot be decided now, NULL when it can. */
static const char *
refusal(const struct ingest *ingest)
{
        if (ingest->is_draining)
                return "the worker is stopping";
        if (!ingest->is_open)
                return "the worker is recovering; try again when it is ready";
        if (ingest->is_store_away)
                return "the database is away; nothing was changed";
        if (ingest->problem != RECOVERY_OK)
                return "stored data did not pass its checks; nothing was changed";
        if (!outbox_has_room(&ingest->outbox))
                return "too much waits to be stored already; nothing was changed";
        return NULL;
}

static void
decide(struct ingest *ingest, const struct msg_command *order, int64_t now_us)
{
        int64_t amount_e6 = order->amount_e6;
        struct event_list *list = &ingest->list;
        struct core_decision *decision = &ingest->decision;
        list->count = 0;
        decision->outcome = OUTCOME_REJECTED;
        decision->reason = REASON_OVERFLOW;
        switch (order->kind) {
        case COMMAND_DEPOSIT:
        case COMMAND_WITHDRAW:
                if (amount_e6 <= 0 || amount_e6 > FIXED_MONEY_MAX_E6)
                        return;
                core_decide_capital(ingest->core, order->kind == COMMAND_DEPOSIT ? amount_e6 : -amount_e6, order->request_id, order->note,
                                    now_us, list, decision);
                return;
        case COMMAND_PAUSE:
        case COMMAND_RESUME: core_decide_pause(ingest->core, order->kind == COMMAND_PAUSE, order->note, now_us, list, decision); return;
        case COMMAND_NONE:
        case COMMAND_KIND_END: return;
        }
}

static void
describe_done(const struct ingest *ingest, const struct msg_command *order, char message[COMMAND_MESSAGE_SIZE])
{
        char amount[FIXED_TEXT_SIZE], equity[FIXED_TEXT_SIZE];
        struct core_figures figures;
        core_figures(ingest->core, &figures);
        fixed_format_short(order->amount_e6, amount);
        fixed_format_short(figures.closed_equity_e6, equity);
        if (order->kind == COMMAND_DEPOSIT)
                (void)snprintf(message, COMMAND_MESSAGE_SIZE, "deposited %s; closed equity is %s", amount, equity);
        else if (order->kind == COMMAND_WITHDRAW)
                (void)snprintf(message, COMMAND_MESSAGE_SIZE, "withdrew %s; closed equity is %s", amount, equity);
        else if (order->kind == COMMAND_PAUSE)
                (void)snprintf(message, COMMAND_MESSAGE_SIZE, "trading is paused: entries are refused, exits and stops go on");
        else
                (void)snprintf(message, COMMAND_MESSAGE_SIZE, "trading goes on");
}

static void
describe_refused(const struct ingest *ingest, const struct msg_command *order, char message[COMMAND_MESSAGE_SIZE])
{
        char equity[FIXED_TEXT_SIZE];
        struct core_figures figures;
        core_figures(ingest->core, &figures);
        fixed_format_short(figures.closed_equity_e6, equity);
        if (order->kind == COMMAND_PAUSE || order->kind == COMMAND_RESUME)
                (void)snprintf(message, COMMAND_MESSAGE_SIZE, "%s",
                               order->kind == COMMAND_PAUSE ? "trading is paused already" : "trading is not paused");
        else if (order->amount_e6 <= 0)
                (void)snprintf(message, COMMAND_MESSAGE_SIZE, "the amount must be greater than 0");
        else
                (void)snprintf(message, COMMAND_MESSAGE_SIZE, "refused (%s): closed equity is %s and would leave its bounds",
                               event_reason_name((int)ingest->decision.reason), equity);
}

void
commands_take(struct commands *commands, const struct msg_command *order, int64_t now_us)
{
        struct ingest *ingest = commands->ingest;
        struct command *command = find(commands, order->request_id);
        if (command != NULL) {
                if (command->is_answered) {
                        command->is_answered = false;
                        commands->waiting++;
                }
                return;
        }
        command = &commands->ring[commands->next];
        commands->next = (commands->next + 1) % COMMANDS_REMEMBERED;
        if (command->message[0] != '\0' && !command->is_answered)
                commands->waiting--; /* so many at once: the oldest loses its answer, not its effect */
        *command = (struct command){.request_id = order->request_id, .is_used = true, .seq = ingest->outbox.last_seq};
        const char *why = refusal(ingest);
        if (why != NULL) {
                set_result(commands, command, false, why);
                command->is_used = false; /* no decision to remember: a repeat is decided anew */
                return;
        }
        decide(ingest, order, now_us);
        bool is_repeat = ingest->decision.outcome == OUTCOME_DUPLICATE;
        bool done = ingest->decision.outcome == OUTCOME_EXECUTED || is_repeat;
        char message[COMMAND_MESSAGE_SIZE];
        ingest_take_in(ingest, &ingest->list);
        command->seq = ingest->outbox.last_seq;
        if (is_repeat)
                (void)snprintf(message, sizeof(message), "this order had been carried out already; nothing was changed");
        else if (done)
                describe_done(ingest, order, message);
        else
                describe_refused(ingest, order, message);
        set_result(commands, command, done, message);
}

bool
commands_next_result(struct commands *commands, uint64_t through_seq, struct msg_command_result *result)
{
        for (uint32_t i = 0; commands->waiting > 0 && i < COMMANDS_REMEMBERED; i++) {
                struct command *command = &commands->ring[i];
                if (command->message[0] == '\0' || command->is_answered || command->seq > through_seq)
                        continue;
                command->is_answered = true;
                commands->waiting--;
                *result = (struct msg_command_result){.request_id = command->request_id,
                                                      .done = command->done,
                                                      .message = {command->message, (uint32_t)strlen(command->message)}};
                return true;
        }
        return false;
}

uint32_t
commands_waiting(const struct commands *commands)
{
        return commands->waiting;
}
