#include "persister/rows.h"

#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* The statements of a batch in their order; each has parameters and columns of its own. */
enum rows_query {
        QUERY_STATE = 0,
        QUERY_POSITIONS_CLEAR,
        QUERY_INSTRUMENTS_CLEAR,
        QUERY_LEDGER_RESET,
        QUERY_EDITS,
        QUERY_PROBLEM_CLEAR,
        QUERY_EVENTS,
        QUERY_SIGNALS,
        QUERY_CLOSE,
        QUERY_OPEN,
        QUERY_TRAIL,
        QUERY_INSTRUMENTS,
        QUERY_LEDGER,
        QUERY_END
};
static_assert(QUERY_END <= ROWS_QUERIES_MAX, "every query has its parameters");

enum rows_status
rows_init(struct rows *rows, uint32_t events_max)
{
        memset(rows, 0, sizeof(*rows));
        rows->capacity = events_max;
        rows->positions = calloc(events_max, sizeof(rows->positions[0]));
        rows->signals = calloc(events_max, sizeof(rows->signals[0]));
        rows->instruments = calloc(events_max, sizeof(rows->instruments[0]));
        rows->ledger = calloc(events_max, sizeof(rows->ledger[0]));
        if (rows->positions == NULL || rows->signals == NULL || rows->instruments == NULL || rows->ledger == NULL ||
            row_index_init(&rows->positions_index, events_max) != ROW_INDEX_OK ||
            row_index_init(&rows->signals_index, events_max) != ROW_INDEX_OK ||
            row_index_init(&rows->instruments_index, events_max) != ROW_INDEX_OK) {
                rows_fini(rows);
                return ROWS_NO_MEMORY;
        }
        return ROWS_OK;
}

void
rows_fini(struct rows *rows)
{
        free(rows->positions);
        free(rows->signals);
        free(rows->instruments);
        free(rows->ledger);
        row_index_fini(&rows->positions_index);
        row_index_fini(&rows->signals_index);
        row_index_fini(&rows->instruments_index);
        for (int query = 0; query < ROWS_QUERIES_MAX; query++)
                for (int column = 0; column < ROWS_COLUMNS_MAX; column++)
                        column_fini(&rows->columns[query][column]);
        json_text_fini(&rows->json);
        memset(rows, 0, sizeof(*rows));
}

static int64_t
closed_equity_of(const struct core *core)
{
        struct core_figures figures;
        core_figures(core, &figures);
        return figures.closed_equity_e6;
}

void
rows_begin(struct rows *rows, const struct core *core)
{
        rows->positions_count = 0;
        rows->signals_count = 0;
        rows->instruments_count = 0;
        rows->ledger_count = 0;
        row_index_clear(&rows->positions_index);
        row_index_clear(&rows->signals_index);
        row_index_clear(&rows->instruments_index);
        rows->created = false;
        rows->reset = false;
        rows->adjusted = false;
        rows->closed_equity_e6 = closed_equity_of(core);
}

/* Rows by key. */

static bool
is_same_position(const void *rows, uint32_t row, const void *key)
{
        return ((const struct position_row *)rows)[row].position_no == *(const uint64_t *)key;
}

static bool
is_same_signal(const void *rows, uint32_t row, const void *key)
{
        return strcmp(((const struct signal_row *)rows)[row].fingerprint, key) == 0;
}

static bool
is_same_instrument(const void *rows, uint32_t row, const void *key)
{
        return memcmp(((const struct instrument_row *)rows)[row].name, key, PM_INSTRUMENT_NAME_SIZE) == 0;
}

static struct position_row *
position_row(struct rows *rows, uint64_t position_no)
{
        uint32_t row =
                row_index_find(&rows->positions_index, position_no, is_same_position, rows->positions, &position_no, rows->positions_count);

        if (row != ROW_NONE)
                return &rows->positions[row];
        PM_ASSERT(rows->positions_count < rows->capacity);
        struct position_row *fresh = &rows->positions[rows->positions_count++];
        *fresh = (struct position_row){.position_no = position_no};
        return fresh;
}

static void
touch_instrument(struct rows *rows, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        uint64_t words[PM_INSTRUMENT_NAME_SIZE / 8];

        memcpy(words, name, PM_INSTRUMENT_NAME_SIZE);
        uint64_t hash = words[0] ^ words[1] * 31 ^ words[2] * 1009;
        if (row_index_find(&rows->instruments_index, hash, is_same_instrument, rows->instruments, name, rows->instruments_count) !=
            ROW_NONE)
                return;
        PM_ASSERT(rows->instruments_count < rows->capacity);
        memcpy(rows->instruments[rows->instruments_count++].name, name, PM_INSTRUMENT_NAME_SIZE);
}

char *
rows_fingerprint(const struct event_signal *signal, char text[ROWS_FINGERPRINT_SIZE])
{
        char key[128];
        char when[CLOCK_TEXT_SIZE];

        clock_format_s(signal->signal_at_us, when);
        int size = snprintf(key, sizeof(key), "%.*s:%s:%s:%s", PM_INSTRUMENT_NAME_SIZE, signal->instrument,
                            event_signal_type_name((int)signal->type), event_layer_name(signal->layer), when);
        return SHA256Data((const uint8_t *)key, (size_t)size, text);
}

static void
note_signal(struct rows *rows, const struct event *event, uint64_t seq)
{
        struct signal_row fresh = {.seq = seq, .arrived_at_us = event->at_us, .signal = &event->signal};
        uint64_t hash;

        rows_fingerprint(&event->signal, fresh.fingerprint);
        memcpy(&hash, fresh.fingerprint, sizeof(hash));
        uint32_t row = row_index_find(&rows->signals_index, hash, is_same_signal, rows->signals, fresh.fingerprint, rows->signals_count);
        if (row == ROW_NONE) {
                PM_ASSERT(rows->signals_count < rows->capacity);
                rows->signals[rows->signals_count++] = fresh;
        } else if (rows->signals[row].signal->kept_no == 0 || fresh.signal->kept_no > 0) {
                rows->signals[row] = fresh; /* as the statement does between batches */
        }
}

static void
note_money(struct rows *rows, const struct core *core, const struct event *event, uint64_t seq, const char *kind, uint64_t position_no,
           struct text note)
{
        int64_t after_e6 = closed_equity_of(core);

        PM_ASSERT(rows->ledger_count < rows->capacity);
        rows->ledger[rows->ledger_count++] = (struct ledger_row){
                .seq = seq,
                .kind = kind,
                .amount_e6 = after_e6 - rows->closed_equity_e6,
                .before_e6 = rows->closed_equity_e6,
                .after_e6 = after_e6,
                .position_no = position_no,
                .note = note,
                .at_us = event->at_us,
        };
        rows->closed_equity_e6 = after_e6;
}

static void
note_opened(struct rows *rows, const struct event *event, uint64_t seq)
{
        struct position_row *row = position_row(rows, event->position.position_no);

        row->opened = true;
        row->opened_seq = seq;
        row->position = &event->position;
        row->highest_close_e6 = event->position.highest_close_e6;
        row->current_stop_e6 = event->position.current_stop_e6;
        touch_instrument(rows, event->position.instrument);
}

static void
note_trailed(struct rows *rows, const struct event *event)
{
        struct position_row *row = position_row(rows, event->trailed.position_no);

        row->highest_close_e6 = event->trailed.highest_close_e6;
        row->current_stop_e6 = event->trailed.current_stop_e6;
}

static void
note_closed(struct rows *rows, const struct core *core, const struct event *event, uint64_t seq)
{
        struct position_row *row = position_row(rows, event->closed.position_no);

        row->closed = true;
        row->closed_seq = seq;
        row->close = &event->closed;
        row->highest_close_e6 = event->closed.highest_close_e6;
        row->current_stop_e6 = event->closed.current_stop_e6;
        touch_instrument(rows, event->closed.instrument);
        note_money(rows, core, event, seq, "TRADING_PNL", event->closed.position_no, (struct text){NULL, 0});
}

enum core_status
rows_fold(struct rows *rows, struct core *core, const struct event *event, uint64_t seq, const char **why)
{
        enum core_status status = core_apply(core, event, seq, why);

        if (status != CORE_OK)
                return status;
        switch (event->kind) {
        case EVENT_PORTFOLIO_CREATED:
                rows->created = true;
                rows->closed_equity_e6 = closed_equity_of(core);
                break;
        case EVENT_PORTFOLIO_RESET:
                rows->reset = true;
                rows->reset_seq = seq;
                rows->reset_at_us = event->at_us;
                rows->reset_capital_e6 = event->portfolio.initial_capital_e6;
                rows->closed_equity_e6 = closed_equity_of(core);
                break;
        case EVENT_PORTFOLIO_ADJUSTED: rows->adjusted = true; break;
        case EVENT_CAPITAL:
                note_money(rows, core, event, seq, event->capital.amount_e6 < 0 ? "WITHDRAW" : "DEPOSIT", 0, event->capital.note);
                break;
        case EVENT_SIGNAL: note_signal(rows, event, seq); break;
        case EVENT_POSITION_OPENED: note_opened(rows, event, seq); break;
        case EVENT_POSITION_TRAILED: note_trailed(rows, event); break;
        case EVENT_POSITION_CLOSED: note_closed(rows, core, event, seq); break;
        case EVENT_TICK: touch_instrument(rows, event->tick.instrument); break;
        case EVENT_LOAD_INSTRUMENT: touch_instrument(rows, event->load_instrument.instrument); break;
        case EVENT_LOAD_PORTFOLIO: rows->closed_equity_e6 = closed_equity_of(core); break;
        case EVENT_PAUSE:         /* portfolio_state */
        case EVENT_KEPT_EVICTED:  /* portfolio_state */
        case EVENT_PROBE:         /* portfolio_events alone */
        case EVENT_LOAD_POSITION: /* tells of a row that is there already */
        case EVENT_LOAD_KEPT:
        case EVENT_LOAD_PROBE:
        case EVENT_NONE:
        case EVENT_KIND_END:
        default: break;
        }
        return CORE_OK;
}

/* Columns. */

/* The parameters and columns of one statement while they are made. */
struct maker {
        struct params *params;
        struct column *columns;
};

static struct maker
make(struct rows *rows, enum rows_query query, const enum column_type *types, size_t types_count)
{
        struct maker maker = {&rows->params[query], rows->columns[query]};

        PM_ASSERT(types_count <= ROWS_COLUMNS_MAX);
        params_clear(maker.params);
        for (size_t i = 0; i < types_count; i++)
                column_begin(&maker.columns[i], types[i]);
        return maker;
}

static void
push_columns(struct maker *maker, uint32_t from, uint32_t to)
{
        for (uint32_t i = from; i < to; i++) {
                if (maker->columns[i].count == 1)
                        params_element(maker->params, &maker->columns[i]);
                else
                        params_column(maker->params, &maker->columns[i]);
        }
}

static void
add_seq(struct column *column, uint64_t seq)
{
        PM_ASSERT(seq <= INT64_MAX);
        column_add_int(column, (int64_t)seq);
}

static void
add_seq_or_null(struct column *column, uint64_t seq)
{
        if (seq == 0)
                column_add_null(column);
        else
                add_seq(column, seq);
}

static void
add_name(struct column *column, const char name[PM_INSTRUMENT_NAME_SIZE])
{
        column_add_text(column, name, strnlen(name, PM_INSTRUMENT_NAME_SIZE));
}

static void
make_state(struct rows *rows, const struct rows_state *state)
{
        struct params *params = &rows->params[QUERY_STATE];
        const struct core_figures *figures = &state->figures;

        params_clear(params);
        if (!rows->created && !rows->reset) {
                params_seq(params, state->from_seq);
                params_seq(params, state->from_incarnation);
        }
        params_e6(params, figures->initial_capital_e6);
        params_e6(params, figures->closed_equity_e6);
        params_e6(params, figures->equity_high_e6);
        params_e6(params, figures->risk_amount_e6);
        params_e6(params, figures->risk_percent_e6);
        params_e6(params, figures->vol_amount_e6);
        params_e6(params, figures->margin_used_e6);
        params_bool(params, figures->paused);
        params_seq(params, figures->positions_opened);
        params_seq(params, figures->kept_no);
        params_seq(params, figures->evicted_through_kept_no);
        params_time(params, figures->horizon_us);
        params_seq(params, state->last_seq);
        params_seq(params, state->incarnation);
        params_digest(params, state->digest);
}

static void
make_events(struct rows *rows, const struct batch *batch, uint64_t incarnation)
{
        static const enum column_type types[] = {COLUMN_INT, COLUMN_TEXT, COLUMN_BOOL, COLUMN_TIME, COLUMN_TEXT};
        struct maker maker = make(rows, QUERY_EVENTS, types, countof(types));

        for (uint32_t i = 0; i < batch->count; i++) {
                const struct event *event = &batch->events[i];
                event_json_write(event, &rows->json);
                add_seq(&maker.columns[0], batch->first_seq + i);
                column_add_string(&maker.columns[1], event_desc_of((int)event->kind)->name);
                column_add_bool(&maker.columns[2], event->more);
                column_add_time(&maker.columns[3], event->at_us);
                column_add_text(&maker.columns[4], rows->json.data, rows->json.size);
        }
        push_columns(&maker, 0, 1);
        params_seq(maker.params, incarnation);
        push_columns(&maker, 1, countof(types));
}

/* Returns how many. */
static uint32_t
make_signals(struct rows *rows)
{
        static const enum column_type types[] = {
                COLUMN_INT,  COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_INT, COLUMN_TIME, COLUMN_TIME, COLUMN_TEXT,
                COLUMN_TEXT, COLUMN_INT,  COLUMN_INT,  COLUMN_TEXT, COLUMN_E6,   COLUMN_E6,  COLUMN_TEXT, COLUMN_TEXT,
        };
        struct maker maker = make(rows, QUERY_SIGNALS, types, countof(types));

        for (uint32_t i = 0; i < rows->signals_count; i++) {
                const struct signal_row *row = &rows->signals[i];
                const struct event_signal *signal = row->signal;
                struct column *column = maker.columns;
                event_json_write_figures(&signal->figures, &rows->json);
                add_seq(column++, row->seq);
                column_add_string(column++, row->fingerprint);
                add_name(column++, signal->instrument);
                column_add_string(column++, event_signal_type_name((int)signal->type));
                column_add_string(column++, event_layer_name(signal->layer));
                column_add_int(column++, signal->layer);
                column_add_time(column++, signal->signal_at_us);
                column_add_time(column++, row->arrived_at_us);
                column_add_string(column++, event_outcome_name((int)signal->outcome));
                column_add_string(column++, event_reason_name((int)signal->reason));
                add_seq(column++, signal->kept_no);
                column_add_int(column++, signal->lots);
                column_add_string(column++, event_limiter_name((int)signal->limiter));
                column_add_e6(column++, signal->price_e6);
                column_add_e6(column++, signal->pnl_e6);
                column_add_text(column++, rows->json.data, rows->json.size);
                column_add_text(column++, signal->payload.data, signal->payload.size);
        }
        if (rows->signals_count > 0)
                push_columns(&maker, 0, countof(types));
        return rows->signals_count;
}

static void
add_exit_reason(struct column *column, const struct event_closed *closed)
{
        if (closed->cause == CLOSE_EXIT_SIGNAL)
                column_add_text(column, closed->reason.data, closed->reason.size);
        else
                column_add_string(column, event_close_cause_name((int)closed->cause));
}

/* Opened before this batch, closed in it. Returns how many. */
static uint32_t
make_close(struct rows *rows)
{
        static const enum column_type types[] = {COLUMN_INT,  COLUMN_E6, COLUMN_TIME, COLUMN_E6,
                                                 COLUMN_TEXT, COLUMN_E6, COLUMN_E6,   COLUMN_INT};
        struct maker maker = make(rows, QUERY_CLOSE, types, countof(types));

        for (uint32_t i = 0; i < rows->positions_count; i++) {
                const struct position_row *row = &rows->positions[i];
                if (row->opened || !row->closed)
                        continue;
                add_seq(&maker.columns[0], row->position_no);
                column_add_e6(&maker.columns[1], row->close->pnl_e6);
                column_add_time(&maker.columns[2], row->close->exit_at_us);
                column_add_e6(&maker.columns[3], row->close->exit_price_e6);
                add_exit_reason(&maker.columns[4], row->close);
                column_add_e6(&maker.columns[5], row->highest_close_e6);
                column_add_e6(&maker.columns[6], row->current_stop_e6);
                add_seq(&maker.columns[7], row->closed_seq);
        }
        if (maker.columns[0].count > 0)
                push_columns(&maker, 0, countof(types));
        return maker.columns[0].count;
}

static void
add_exit(struct column *column, const struct position_row *row)
{
        if (!row->closed) {
                for (int i = 0; i < 4; i++)
                        column_add_null(column++);
                return;
        }
        column_add_e6(column++, row->close->pnl_e6);
        column_add_time(column++, row->close->exit_at_us);
        column_add_e6(column++, row->close->exit_price_e6);
        add_exit_reason(column, row->close);
}

/* Opened in this batch, whatever became of them in it. Returns how many. */
static uint32_t
make_open(struct rows *rows)
{
        static const enum column_type types[] = {
                COLUMN_INT, COLUMN_TEXT, COLUMN_TEXT, COLUMN_INT, COLUMN_BOOL, COLUMN_TEXT, COLUMN_INT,  COLUMN_INT, COLUMN_TIME,
                COLUMN_E6,  COLUMN_E6,   COLUMN_E6,   COLUMN_E6,  COLUMN_E6,   COLUMN_E6,   COLUMN_TEXT, COLUMN_INT, COLUMN_INT,
                COLUMN_INT, COLUMN_INT,  COLUMN_E6,   COLUMN_E6,  COLUMN_TIME, COLUMN_E6,   COLUMN_TEXT, COLUMN_INT, COLUMN_INT,
        };
        struct maker maker = make(rows, QUERY_OPEN, types, countof(types));
        char id[PM_INSTRUMENT_NAME_SIZE + 16];

        for (uint32_t i = 0; i < rows->positions_count; i++) {
                const struct position_row *row = &rows->positions[i];
                const struct event_position *position = row->position;
                struct column *column = maker.columns;
                if (!row->opened)
                        continue;
                (void)snprintf(id, sizeof(id), "%s_%s", position->instrument, event_layer_name(position->layer));
                add_seq(column++, row->position_no);
                column_add_string(column++, id);
                add_name(column++, position->instrument);
                column_add_int(column++, position->layer);
                column_add_bool(column++, position->layer == 1);
                column_add_string(column++, row->closed ? "closed" : "open");
                column_add_int(column++, position->lots);
                column_add_int(column++, position->lots * position->lot_size);
                column_add_time(column++, position->entry_at_us);
                column_add_e6(column++, position->entry_price_e6);
                column_add_e6(column++, position->signal_price_e6);
                column_add_e6(column++, position->initial_stop_e6);
                column_add_e6(column++, row->current_stop_e6);
                column_add_e6(column++, row->highest_close_e6);
                column_add_e6(column++, position->atr_e6);
                column_add_string(column++, event_limiter_name((int)position->limiter));
                column_add_int(column++, position->lot_size);
                column_add_int(column++, position->point_value);
                column_add_int(column++, position->margin_per_lot);
                column_add_int(column++, position->trailing_atr_x10);
                column_add_e6(column++, position->standin_atr_e6);
                add_exit(column, row);
                column += 4;
                add_seq(column++, row->opened_seq);
                add_seq_or_null(column++, row->closed_seq);
        }
        if (maker.columns[0].count > 0)
                push_columns(&maker, 0, countof(types));
        return maker.columns[0].count;
}

/* Opened before, moved in this batch and still open. Returns how many. */
static uint32_t
make_trail(struct rows *rows)
{
        static const enum column_type types[] = {COLUMN_INT, COLUMN_E6, COLUMN_E6};
        struct maker maker = make(rows, QUERY_TRAIL, types, countof(types));

        for (uint32_t i = 0; i < rows->positions_count; i++) {
                const struct position_row *row = &rows->positions[i];
                if (row->opened || row->closed)
                        continue;
                add_seq(&maker.columns[0], row->position_no);
                column_add_e6(&maker.columns[1], row->highest_close_e6);
                column_add_e6(&maker.columns[2], row->current_stop_e6);
        }
        if (maker.columns[0].count > 0)
                push_columns(&maker, 0, countof(types));
        return maker.columns[0].count;
}

/* The instruments that were touched, as they are now. Returns how many. */
static uint32_t
make_instruments(struct rows *rows, const struct core *core)
{
        static const enum column_type types[] = {COLUMN_TEXT, COLUMN_INT, COLUMN_E6, COLUMN_TIME, COLUMN_E6, COLUMN_INT};
        struct maker maker = make(rows, QUERY_INSTRUMENTS, types, countof(types));
        struct event_load_instrument state;

        for (uint32_t i = 0; i < rows->instruments_count; i++) {
                if (!core_instrument_state(core, rows->instruments[i].name, &state))
                        continue; /* forgotten again: a retired one that went flat */
                add_name(&maker.columns[0], state.instrument);
                add_seq_or_null(&maker.columns[1], state.base_position_no);
                column_add_e6(&maker.columns[2], state.last_pyramid_price_e6);
                column_add_time(&maker.columns[3], state.tick_at_us);
                column_add_e6(&maker.columns[4], state.mark_e6);
                add_seq(&maker.columns[5], state.marked_through_no);
        }
        if (maker.columns[0].count > 0)
                push_columns(&maker, 0, countof(types));
        return maker.columns[0].count;
}

/* Returns how many. */
static uint32_t
make_ledger(struct rows *rows)
{
        static const enum column_type types[] = {COLUMN_INT, COLUMN_TEXT, COLUMN_E6,   COLUMN_E6,
                                                 COLUMN_E6,  COLUMN_INT,  COLUMN_TEXT, COLUMN_TIME};
        struct maker maker = make(rows, QUERY_LEDGER, types, countof(types));

        for (uint32_t i = 0; i < rows->ledger_count; i++) {
                const struct ledger_row *row = &rows->ledger[i];
                add_seq(&maker.columns[0], row->seq);
                column_add_string(&maker.columns[1], row->kind);
                column_add_e6(&maker.columns[2], row->amount_e6);
                column_add_e6(&maker.columns[3], row->before_e6);
                column_add_e6(&maker.columns[4], row->after_e6);
                add_seq_or_null(&maker.columns[5], row->position_no);
                column_add_text(&maker.columns[6], row->note.data, row->note.size);
                column_add_time(&maker.columns[7], row->at_us);
        }
        if (rows->ledger_count > 0)
                push_columns(&maker, 0, countof(types));
        return rows->ledger_count;
}

/* Appends a statement to the transaction. */
static void
add_query(struct rows *rows, struct db_query *queries, uint32_t *count, enum statement_id id, enum rows_query query)
{
        const struct params *params = statement_of(id)->params_count > 0 ? &rows->params[query] : NULL;
        queries[(*count)++] = (struct db_query){.statement = statement_of(id), .params = params};
}

/* The same for rows in columns: left out when there are none, the form for a single row when there is one. */
static void
add_rows_query(struct rows *rows, struct db_query *queries, uint32_t *count, enum statement_id many, enum rows_query query,
               uint32_t rows_count)
{
        static_assert(STATEMENT_LEDGER_ROW_INSERT - STATEMENT_EVENT_INSERT == STATEMENT_LEDGER_INSERT - STATEMENT_EVENTS_INSERT,
                      "the forms for one row stand in the order of those for many");
        const enum statement_id one = (enum statement_id)(many - STATEMENT_EVENTS_INSERT + STATEMENT_EVENT_INSERT);

        if (rows_count > 0)
                add_query(rows, queries, count, rows_count == 1 ? one : many, query);
}

/* A portfolio that begins anew, or whose edits are recorded: what clears the tables before the batch's rows. */
static void
add_clearing(struct rows *rows, const struct rows_state *state, struct db_query *queries, uint32_t *count)
{
        if (rows->reset) {
                struct params *params = &rows->params[QUERY_LEDGER_RESET];
                params_clear(params);
                params_seq(params, rows->reset_seq);
                params_e6(params, rows->reset_capital_e6);
                params_time(params, rows->reset_at_us);
                add_query(rows, queries, count, STATEMENT_POSITIONS_CLEAR, QUERY_POSITIONS_CLEAR);
                add_query(rows, queries, count, STATEMENT_LEDGER_RESET, QUERY_LEDGER_RESET);
        }
        if (rows->reset || rows->adjusted)
                add_query(rows, queries, count, STATEMENT_INSTRUMENTS_CLEAR, QUERY_INSTRUMENTS_CLEAR);
        if (rows->adjusted)
                add_query(rows, queries, count, STATEMENT_PROBLEM_CLEAR, QUERY_PROBLEM_CLEAR);
        if (rows->created || rows->reset || rows->adjusted) {
                params_clear(&rows->params[QUERY_EDITS]);
                params_seq(&rows->params[QUERY_EDITS], state->last_seq);
                add_query(rows, queries, count, STATEMENT_EDITS_HANDLED, QUERY_EDITS);
        }
}

uint32_t
rows_queries(struct rows *rows, const struct batch *batch, const struct core *core, const struct rows_state *state,
             struct db_query queries[ROWS_QUERIES_MAX])
{
        uint32_t count = 0;

        make_state(rows, state);
        make_events(rows, batch, state->incarnation);
        add_query(rows, queries, &count, rows->created || rows->reset ? STATEMENT_STATE_CREATE : STATEMENT_STATE_MOVE, QUERY_STATE);
        add_clearing(rows, state, queries, &count);
        add_rows_query(rows, queries, &count, STATEMENT_EVENTS_INSERT, QUERY_EVENTS, batch->count);
        add_rows_query(rows, queries, &count, STATEMENT_SIGNALS_UPSERT, QUERY_SIGNALS, make_signals(rows));
        /* Closing comes first: an id that is free again may be taken again in the same batch. */
        add_rows_query(rows, queries, &count, STATEMENT_POSITIONS_CLOSE, QUERY_CLOSE, make_close(rows));
        add_rows_query(rows, queries, &count, STATEMENT_POSITIONS_OPEN, QUERY_OPEN, make_open(rows));
        add_rows_query(rows, queries, &count, STATEMENT_POSITIONS_TRAIL, QUERY_TRAIL, make_trail(rows));
        add_rows_query(rows, queries, &count, STATEMENT_INSTRUMENTS_UPSERT, QUERY_INSTRUMENTS, make_instruments(rows, core));
        add_rows_query(rows, queries, &count, STATEMENT_LEDGER_INSERT, QUERY_LEDGER, make_ledger(rows));
        return count;
}
