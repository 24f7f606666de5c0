-- pm-supervisor, schema 002: who leads now, found without reading every instance's row.

BEGIN;

CREATE INDEX instance_heartbeat_leader ON instance_heartbeat (last_heartbeat DESC, is_leader) WHERE is_leader;

INSERT INTO schema_migrations (version, name, min_program_version) VALUES (2, '002_add_heartbeat_index', '0.1.0');

COMMIT;
