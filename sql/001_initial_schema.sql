-- pm-supervisor, schema 001: the portfolio and its history. Plain psql can run it; pm-persister applies it as well.
--
-- portfolio_events holds the facts, append-only and numbered without gaps. portfolio_state, portfolio_positions,
-- pyramiding_state, signal_log and equity_ledger are projections of them, written in the same transaction.
-- One portfolio a schema: every name is unqualified and lives in the role's own schema, which a grant on the database suffices to make.

BEGIN;

CREATE SCHEMA IF NOT EXISTS AUTHORIZATION CURRENT_USER;

CREATE TABLE schema_migrations (
    version             integer PRIMARY KEY,
    name                text NOT NULL,
    checksum            text,               -- SHA-256 of the file, hex; NULL until a program has seen it
    min_program_version text NOT NULL,      -- a program below this refuses to run on the schema
    applied_at          timestamptz NOT NULL DEFAULT now()
);

-- What columns may hold. As domains: the CHECK of a column is read from its text by every statement that writes, which takes longer than
-- writing the row; that of a domain is kept by the session. The lists are the words of the program's enums.
CREATE DOMAIN event_kind AS text CHECK (VALUE IN (
    'PORTFOLIO_CREATED', 'PORTFOLIO_RESET', 'PORTFOLIO_ADJUSTED', 'CAPITAL', 'PAUSE', 'SIGNAL',
    'POSITION_OPENED', 'POSITION_TRAILED', 'POSITION_CLOSED', 'TICK', 'KEPT_EVICTED', 'PROBE',
    'LOAD_PORTFOLIO', 'LOAD_INSTRUMENT', 'LOAD_POSITION', 'LOAD_KEPT', 'LOAD_PROBE'));
CREATE DOMAIN signal_kind AS text CHECK (VALUE IN ('BASE_ENTRY', 'PYRAMID', 'EXIT', 'MARKET_DATA', 'EOD_MONITOR', 'PROBE'));
CREATE DOMAIN signal_outcome AS text CHECK (VALUE IN ('executed', 'blocked', 'rejected', 'duplicate', 'ignored', 'processed', 'invalid'));
CREATE DOMAIN signal_reason AS text CHECK (VALUE IN (
    '', 'layer_mismatch', 'already_open', 'zero_atr', 'invalid_risk', 'zero_lots_risk',
    'zero_lots_margin', 'invalid_initial_stop', 'portfolio_risk', 'portfolio_vol', 'no_equity',
    'no_base', 'max_pyramids', 'layer_open', 'invalid_initial_risk', 'below_1r', 'atr_spacing',
    'pyramid_risk', 'pyramid_vol', 'not_profitable', 'no_position', 'zero_lots_geometric',
    'zero_lots_risk_budget', 'position_not_open', 'stale', 'future', 'beyond_memory', 'overflow',
    'eod_not_supported', 'instrument_retired', 'paused', 'store_refused'));
CREATE DOMAIN entry_limiter AS text CHECK (VALUE IN ('', 'risk', 'margin', 'geometric', 'risk_budget', 'invalid_risk'));
CREATE DOMAIN position_status AS text CHECK (VALUE IN ('open', 'closed'));
CREATE DOMAIN ledger_kind AS text CHECK (VALUE IN ('TRADING_PNL', 'DEPOSIT', 'WITHDRAW', 'RESET'));
CREATE DOMAIN hex_digest AS text CHECK (octet_length(VALUE) = 32); -- 128 bits
CREATE DOMAIN hex_sha256 AS text CHECK (octet_length(VALUE) = 64);
CREATE DOMAIN layer_of_position AS smallint CHECK (VALUE BETWEEN 1 AND 6);
CREATE DOMAIN layer_of_signal AS smallint CHECK (VALUE BETWEEN 0 AND 6); -- 0: ALL
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE DOMAIN only_one AS integer CHECK (VALUE = 1);

-- The facts. kind and payload are those of common/event.h; more: the next event belongs to the same signal.
CREATE TABLE portfolio_events (
    seq         positive PRIMARY KEY,
    incarnation positive NOT NULL,
    kind        event_kind NOT NULL,
    more        boolean NOT NULL,
    at          timestamptz NOT NULL,
    payload     jsonb NOT NULL
);
CREATE INDEX portfolio_events_probes ON portfolio_events (seq) WHERE kind IN ('PROBE', 'CAPITAL');

-- The portfolio as a whole: one row. last_seq moves by compare-and-set; an incarnation older than the stored one is refused.
CREATE TABLE portfolio_state (
    id                      only_one PRIMARY KEY DEFAULT 1,
    initial_capital         numeric(20,6) NOT NULL,
    closed_equity           numeric(20,6) NOT NULL,
    equity_high             numeric(20,6) NOT NULL,
    total_risk_amount       numeric(20,6) NOT NULL DEFAULT 0,
    total_risk_percent      numeric(20,6) NOT NULL DEFAULT 0,
    total_vol_amount        numeric(20,6) NOT NULL DEFAULT 0,
    margin_used             numeric(20,6) NOT NULL DEFAULT 0,
    paused                  boolean NOT NULL DEFAULT false,
    positions_opened        bigint NOT NULL DEFAULT 0,  -- the newest position_no
    kept_no                 bigint NOT NULL DEFAULT 0,  -- the newest number in the memory of kept signals
    evicted_through_kept_no bigint NOT NULL DEFAULT 0,  -- forgotten up to here
    horizon                 timestamptz,                -- newest min(signal time, arrival) ever forgotten
    last_seq                bigint NOT NULL,
    incarnation             bigint NOT NULL,
    digest                  hex_digest NOT NULL,
    problem                 text NOT NULL DEFAULT '',   -- the check that a start failed; an edit by hand that mends it empties this
    updated_at              timestamptz NOT NULL DEFAULT now()
);

-- Every position ever opened. position_id is used again by later trades, so the row's key is a number of its own.
CREATE TABLE portfolio_positions (
    position_no       bigint PRIMARY KEY,
    position_id       text NOT NULL,                    -- GOLD_MINI_Long_1
    instrument        text NOT NULL,
    layer             layer_of_position NOT NULL,
    is_base_position  boolean NOT NULL,
    status            position_status NOT NULL,
    lots              positive NOT NULL,
    quantity          bigint NOT NULL,                  -- lots x lot_size
    entry_timestamp   timestamptz NOT NULL,
    entry_price       numeric(20,6) NOT NULL,
    signal_price      numeric(20,6) NOT NULL,
    initial_stop      numeric(20,6) NOT NULL,
    current_stop      numeric(20,6) NOT NULL,
    highest_close     numeric(20,6) NOT NULL,
    atr               numeric(20,6) NOT NULL,
    limiter           entry_limiter NOT NULL,
    lot_size          bigint NOT NULL,                  -- the constants it was opened with, from here
    point_value       bigint NOT NULL,
    margin_per_lot    bigint NOT NULL,
    trailing_atr_x10  bigint NOT NULL,
    standin_atr       numeric(20,6) NOT NULL,
    realized_pnl      numeric(20,6),
    exit_timestamp    timestamptz,
    exit_price        numeric(20,6),
    exit_reason       text,
    opened_seq        bigint NOT NULL,
    closed_seq        bigint,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX portfolio_positions_open_id ON portfolio_positions (position_id) WHERE status <> 'closed';

-- An instrument's row: its open base, the price of the last base or pyramid, the newest tick and mark.
CREATE TABLE pyramiding_state (
    instrument         text PRIMARY KEY,
    base_position_no   bigint,
    last_pyramid_price numeric(20,6) NOT NULL DEFAULT 0,
    tick_at            timestamptz,
    mark               numeric(20,6) NOT NULL DEFAULT 0,
    marked_through_no  bigint NOT NULL DEFAULT 0,
    updated_at         timestamptz NOT NULL DEFAULT now()
);

-- The one final fate of each signal that is deduplicated. A retry of one that was not kept takes its row over.
CREATE TABLE signal_log (
    fingerprint      hex_sha256 PRIMARY KEY,
    seq              bigint NOT NULL,                   -- of its SIGNAL event
    instrument       text NOT NULL,
    signal_type      signal_kind NOT NULL,
    position         text NOT NULL,                     -- Long_1 … Long_6, ALL
    layer            layer_of_signal NOT NULL,
    signal_timestamp timestamptz NOT NULL,
    arrived_at       timestamptz NOT NULL,
    outcome          signal_outcome NOT NULL,
    reason           signal_reason NOT NULL,
    kept_no          bigint NOT NULL DEFAULT 0,         -- 0: not remembered against repeats
    lots             bigint NOT NULL DEFAULT 0,
    limiter          entry_limiter NOT NULL DEFAULT '',
    price            numeric(20,6) NOT NULL DEFAULT 0,
    pnl              numeric(20,6) NOT NULL DEFAULT 0,
    figures          jsonb NOT NULL DEFAULT '{}',       -- what led to the decision
    payload          text NOT NULL                      -- the body as it came, without the secret
);
CREATE INDEX signal_log_kept ON signal_log (kept_no) WHERE kept_no > 0;
CREATE INDEX signal_log_seq ON signal_log (seq);

-- Signed amounts; closed_equity = initial_capital + sum(amount), always.
CREATE TABLE equity_ledger (
    seq           bigint PRIMARY KEY,                   -- of the event that moved the money
    kind          ledger_kind NOT NULL,
    amount        numeric(20,6) NOT NULL,
    equity_before numeric(20,6) NOT NULL,
    equity_after  numeric(20,6) NOT NULL,
    total         numeric(20,6),                        -- sum of all amounts so far; NULL in a row made by hand
    position_no   bigint,
    note          text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    CHECK (equity_after = equity_before + amount)
);

CREATE TABLE recovery_log (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recovered_at    timestamptz NOT NULL DEFAULT now(),
    role            text NOT NULL,
    cause           text NOT NULL,
    incarnation     bigint NOT NULL,
    through_seq     bigint NOT NULL,
    digest          text NOT NULL,
    positions_count bigint NOT NULL,
    detect_us       bigint NOT NULL,
    spawn_us        bigint NOT NULL,
    connect_us      bigint NOT NULL,
    load_us         bigint NOT NULL,
    verify_us       bigint NOT NULL,
    total_us        bigint NOT NULL
);

CREATE TABLE instance_heartbeat (
    instance_id           text PRIMARY KEY,
    started_at            timestamptz NOT NULL,
    last_heartbeat        timestamptz NOT NULL,
    last_signal_processed timestamptz,
    is_leader             boolean NOT NULL,
    leader_acquired_at    timestamptz,
    status                text NOT NULL CHECK (status IN ('active', 'standby', 'recovering', 'crashed')),
    hostname              text NOT NULL,
    version               text NOT NULL,
    incarnation           bigint NOT NULL,
    last_seq              bigint NOT NULL
);

-- Writes by anybody but the persister: noted here, looked at by the next start, which then accepts or refuses them by their contents.
CREATE TABLE portfolio_edits (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    edited_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    table_name       text NOT NULL,
    operation        text NOT NULL,
    by_role          text NOT NULL DEFAULT session_user,
    application_name text NOT NULL,
    handled_seq      bigint                             -- the event that recorded it
);
CREATE INDEX portfolio_edits_unhandled ON portfolio_edits (id) WHERE handled_seq IS NULL;

-- The table of edits is named through the trigger's own schema: whoever edits may have another search path. Who writes is asked by the
-- triggers themselves, so that the persister's own writes do not pay for a call.
CREATE FUNCTION note_portfolio_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I.portfolio_edits (table_name, operation, application_name) VALUES ($1, $2, $3)', TG_TABLE_SCHEMA)
        USING TG_TABLE_NAME, TG_OP, current_setting('application_name');
    RETURN NULL;
END
$$;

CREATE TRIGGER note_edit AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON portfolio_state
    FOR EACH STATEMENT WHEN (current_setting('application_name') NOT LIKE 'pm-persister/%') EXECUTE FUNCTION note_portfolio_edit();
CREATE TRIGGER note_edit AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON portfolio_positions
    FOR EACH STATEMENT WHEN (current_setting('application_name') NOT LIKE 'pm-persister/%') EXECUTE FUNCTION note_portfolio_edit();
CREATE TRIGGER note_edit AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON pyramiding_state
    FOR EACH STATEMENT WHEN (current_setting('application_name') NOT LIKE 'pm-persister/%') EXECUTE FUNCTION note_portfolio_edit();
CREATE TRIGGER note_edit AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON signal_log
    FOR EACH STATEMENT WHEN (current_setting('application_name') NOT LIKE 'pm-persister/%') EXECUTE FUNCTION note_portfolio_edit();
CREATE TRIGGER note_edit AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON equity_ledger
    FOR EACH STATEMENT WHEN (current_setting('application_name') NOT LIKE 'pm-persister/%') EXECUTE FUNCTION note_portfolio_edit();

-- Facts are not rewritten.
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('application_name') LIKE 'pm-persister/%' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING HINT = 'Correct a portfolio by editing portfolio_state and portfolio_positions; the next start records the edit.';
END
$$;

CREATE TRIGGER append_only AFTER UPDATE OR DELETE OR TRUNCATE ON portfolio_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only AFTER UPDATE OR DELETE OR TRUNCATE ON equity_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

INSERT INTO schema_migrations (version, name, min_program_version) VALUES (1, '001_initial_schema', '0.1.0');

COMMIT;
