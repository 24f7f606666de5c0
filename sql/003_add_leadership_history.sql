-- pm-supervisor, schema 003: who wrote when. A row a taking of ownership; it is ended when the next one begins or by a clean stop.

BEGIN;

CREATE TABLE leadership_history (
    id                          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instance_id                 text NOT NULL,
    incarnation                 bigint NOT NULL,
    became_leader_at            timestamptz NOT NULL DEFAULT now(),
    released_leader_at          timestamptz,
    leadership_duration_seconds numeric(20,6),
    hostname                    text NOT NULL,
    created_at                  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX leadership_history_open ON leadership_history (id) WHERE released_leader_at IS NULL;

INSERT INTO schema_migrations (version, name, min_program_version) VALUES (3, '003_add_leadership_history', '0.1.0');

COMMIT;
