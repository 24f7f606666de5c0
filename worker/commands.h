/* commands: the operator's orders that become events (deposit, withdraw, pause, resume): decided once each, answered when
 * stored. A repeated request_id gets the first result: from the memory here, which a restart clears, or from the core, which
 * keeps what it can. Owned by struct worker. No I/O and no clock. */
#ifndef PM_WORKER_COMMANDS_H
#define PM_WORKER_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"
#include "worker/ingest.h"

#define COMMANDS_REMEMBERED 64
#define COMMAND_MESSAGE_SIZE 160

struct command {
        uint64_t request_id;
        uint64_t seq; /* stored with this one */
        bool is_used;
        bool is_answered;
        bool done;
        char message[COMMAND_MESSAGE_SIZE];
};

struct commands {
        struct ingest *ingest;
        uint32_t next; /* the place of the next new one */
        uint32_t waiting;
        struct command ring[COMMANDS_REMEMBERED];
};

void commands_init(struct commands *commands, struct ingest *ingest); /* ingest is kept */

/* Decides the order, or finds what became of it. The result is given out by commands_next_result(). */
void commands_take(struct commands *commands, const struct msg_command *order, int64_t now_us);
/* A result that can be told, everything up to through_seq being stored; false when there is none. message is valid until the
 * next call of commands_take. */
bool commands_next_result(struct commands *commands, uint64_t through_seq, struct msg_command_result *result);
/* Results that wait for their storing. */
uint32_t commands_waiting(const struct commands *commands);

#endif
