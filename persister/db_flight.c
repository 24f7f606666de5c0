#include "persister/db_flight.h"

#include <string.h>

#include "common/log.h"

enum db_flight_status
db_flight_begin(struct db_flight *flight, PGconn *pg, const char *place)
{
        memset(flight, 0, sizeof(*flight));
        flight->pg = pg;
        flight->place = place;
        return PQenterPipelineMode(pg) == 1 && PQsetnonblocking(pg, 1) == 0 ? DB_FLIGHT_OK : DB_FLIGHT_BROKEN;
}

static void
add_command(struct db_flight *flight, enum statement_id prepares, uint32_t query)
{
        PM_ASSERT(flight->commands_count < DB_COMMANDS_MAX);
        flight->commands[flight->commands_count++] = (struct db_command){prepares, query};
}

static bool
send_prepare(struct db_flight *flight, enum statement_id id, uint32_t query)
{
        const struct statement *statement = statement_of(id);

        add_command(flight, id, query);
        return PQsendPrepare(flight->pg, statement->name, statement->text, 0, NULL) == 1;
}

static bool
send_query(struct db_flight *flight, const struct db_query *query, uint32_t index)
{
        const struct statement *statement = query->statement;
        const struct params *params = query->params;
        const char *const *values = params == NULL ? NULL : params->values;
        const int *lengths = params == NULL ? NULL : params->lengths;
        const int *formats = params == NULL ? NULL : params->formats;
        bool sent = true;

        PM_ASSERT(statement->params_count == (params == NULL ? 0 : params->count));
        if (query->once) {
                add_command(flight, STATEMENT_NONE, index);
                return PQsendQueryParams(flight->pg, statement->text, statement->params_count, NULL, values, lengths, formats, 0) == 1;
        }
        enum statement_id id = statement_id_of(statement);
        if (!flight->is_prepared[id])
                sent = send_prepare(flight, id, index);
        add_command(flight, STATEMENT_NONE, index);
        return sent && PQsendQueryPrepared(flight->pg, statement->name, statement->params_count, values, lengths, formats, 0) == 1;
}

enum db_flight_status
db_flight_send(struct db_flight *flight, const struct db_query *queries, uint32_t count, bool all, const struct db_flight_handler *handler,
               void *owner)
{
        bool sent = true;

        PM_ASSERT(flight->handler == NULL);
        flight->handler = handler;
        flight->owner = owner;
        flight->commands_count = 0;
        flight->command_no = 0;
        flight->failed = false;
        for (uint32_t i = 0; sent && i < count; i++)
                sent = send_query(flight, &queries[i], i);
        for (int id = STATEMENT_NONE + 1; all && sent && id < STATEMENT_END; id++)
                if (!flight->is_prepared[id])
                        sent = send_prepare(flight, (enum statement_id)id, count);
        return sent && PQpipelineSync(flight->pg) == 1 ? DB_FLIGHT_OK : DB_FLIGHT_BROKEN;
}

static void
note_failure(struct db_flight *flight, const struct db_command *command, const PGresult *result)
{
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

        if (flight->failed)
                return;
        flight->failed = true;
        /* An error after the last statement is that of the commit itself. */
        flight->failed_index = command == NULL ? UINT32_MAX : command->query;
        db_problem_set(&flight->problem, PQresultErrorField(result, PG_DIAG_SQLSTATE), text == NULL ? PQresultErrorMessage(result) : text,
                       flight->place);
        if (command != NULL && command->prepares != STATEMENT_NONE)
                LOG_WARNING("event=statement_refused statement=%s sqlstate=%s", statement_of(command->prepares)->name,
                            flight->problem.sqlstate);
}

static void
take_result(struct db_flight *flight, const PGresult *result)
{
        const struct db_command *command = flight->command_no < flight->commands_count ? &flight->commands[flight->command_no] : NULL;

        switch (PQresultStatus(result)) {
        case PGRES_COMMAND_OK:
        case PGRES_TUPLES_OK:
        case PGRES_SINGLE_TUPLE:
        case PGRES_EMPTY_QUERY:
                if (command == NULL)
                        break;
                if (command->prepares != STATEMENT_NONE)
                        flight->is_prepared[command->prepares] = true;
                else if (flight->handler->on_result != NULL && !flight->failed)
                        flight->handler->on_result(flight->owner, command->query, result);
                break;
        case PGRES_PIPELINE_ABORTED: /* behind the failure */
        case PGRES_PIPELINE_SYNC: /* the caller's */ break;
        case PGRES_COPY_OUT:
        case PGRES_COPY_IN:
        case PGRES_COPY_BOTH:
        case PGRES_BAD_RESPONSE:
        case PGRES_NONFATAL_ERROR:
        case PGRES_FATAL_ERROR:
        default: note_failure(flight, command, result); break;
        }
}

/* In pipeline mode PQgetResult answers NULL after each statement's result, and Sync's own result has no such end. */
enum db_flight_status
db_flight_read(struct db_flight *flight)
{
        while (flight->handler != NULL && !PQisBusy(flight->pg)) {
                PGresult *result = PQgetResult(flight->pg);
                if (result == NULL) {
                        if (PQstatus(flight->pg) == CONNECTION_BAD)
                                return DB_FLIGHT_BROKEN;
                        flight->command_no++;
                        continue;
                }
                bool is_sync = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
                take_result(flight, result);
                PQclear(result);
                if (is_sync)
                        return DB_FLIGHT_ANSWERED;
        }
        return PQstatus(flight->pg) == CONNECTION_BAD ? DB_FLIGHT_BROKEN : DB_FLIGHT_OK;
}

void
db_flight_finish(struct db_flight *flight)
{
        const struct db_flight_handler *handler = flight->handler;
        struct db_problem problem = flight->problem;
        bool failed = flight->failed;

        flight->handler = NULL;
        flight->are_all_prepared = true;
        for (int id = STATEMENT_NONE + 1; id < STATEMENT_END; id++)
                flight->are_all_prepared &= flight->is_prepared[id];
        handler->on_done(flight->owner, failed ? DB_FAILED : DB_DONE, failed ? &problem : NULL, flight->failed_index);
}

void
db_flight_lose(struct db_flight *flight, const struct db_problem *problem)
{
        const struct db_flight_handler *handler = flight->handler;

        flight->handler = NULL;
        flight->pg = NULL;
        if (handler != NULL)
                handler->on_done(flight->owner, DB_LOST, problem, 0);
}
