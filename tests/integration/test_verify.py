"""`verify`, `migrate` and `check-db` say what is wrong by name. Nothing runs here but the verbs, on a day that was stored before."""
import json

import pytest
from signals import DAY

# What is done to the tables behind the persister's back, and the words that verify must find for it.
SPOILED = {
    "a stop": ("UPDATE portfolio_positions SET current_stop = current_stop + 1 WHERE position_id = 'GOLD_MINI_Long_2' AND status = 'open'",
               ["rows_are_what_the_events_come_to", "GOLD_MINI_Long_2", '"current_stop"']),
    "the pause": ("UPDATE portfolio_state SET paused = true", ["portfolio_state", '"paused":false', '"paused":true']),
    "a total": ("UPDATE portfolio_state SET margin_used = margin_used + 1", ["margin_used_is_sum_of_positions"]),
    "the capital": ("UPDATE portfolio_state SET initial_capital = initial_capital + 1", ['"initial_capital"']),
    "a mark": ("DELETE FROM pyramiding_state WHERE instrument = 'GOLD_MINI'", ["pyramiding_state of GOLD_MINI"]),
    "a fate": ("UPDATE signal_log SET reason = 'below_1r' WHERE seq = (SELECT min(seq) FROM signal_log)", ["signal_log"]),
    "a trade": ("UPDATE portfolio_positions SET realized_pnl = 1 WHERE status = 'closed'", ["closed_positions_are_as_their_events"]),
    "a lost event": ("DELETE FROM portfolio_events WHERE seq = 2", ["event ", "does not fit what came before it"]),
    "the digest": (f"UPDATE portfolio_state SET digest = '{'0' * 32}'", ["digest"]),
}


@pytest.fixture
def stored(private):
    one = private()
    one.run()
    for body, _, _ in DAY:
        one.post(body)
    one.stop()
    return one


def as_persister(one, text):
    one.sql("SET application_name = 'pm-persister/test'; " + text)


def test_verify_names_the_first_difference(stored):
    whole = stored.verb("verify", "--json", check=True)
    assert json.loads(whole.stdout)["ok"] is True
    database = stored.database
    for what, (spoil, words) in SPOILED.items():
        copy = f"{database}_copy"
        admin = stored.server.connect("postgres", "postgres")
        with admin.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {copy}")
            cursor.execute(f"CREATE DATABASE {copy} TEMPLATE {database} OWNER {stored.user}")
        admin.close()
        stored.database = copy
        stored.write_database_config(database=copy)
        as_persister(stored, spoil)
        done = stored.verb("verify")
        stored.database = database
        assert done.returncode == 1, f"{what}: {done.stdout}{done.stderr}"
        for word in words:
            assert word in done.stderr, f"{what}: {word} is not in {done.stderr}"
    stored.write_database_config()


def test_an_edited_and_a_too_new_migration_are_refused_by_name(stored):
    stored.sql("UPDATE schema_migrations SET checksum = 'edited' WHERE version = 2")
    for verb in ("check-db", "migrate"):
        done = stored.verb(verb)
        assert done.returncode == 1 and "002_add_heartbeat_index" in done.stderr, done.stderr
    stored.sql("UPDATE schema_migrations SET checksum = NULL WHERE version = 2")
    stored.verb("check-db", check=True)
    assert stored.sql("SELECT checksum ~ '^[0-9a-f]{64}$' FROM schema_migrations") == [(True,)] * 3
    stored.sql("INSERT INTO schema_migrations VALUES (4, '004_later', NULL, '99.1')")
    done = stored.verb("check-db")
    assert done.returncode == 1 and "004_later" in done.stderr and "99.1" in done.stderr
    stored.sql("UPDATE schema_migrations SET min_program_version = '0.0.1' WHERE version = 4")
    assert "Connection successful!" in stored.verb("check-db", check=True).stdout


@pytest.mark.parametrize("wrong, word", [
    ({"database": "no_such_database"}, "does not exist"),
    ({"user": "no_such_user"}, "no_such_user"),
    ({"host": "/nowhere"}, "/nowhere"),
])
def test_check_db_says_why_not(stored, wrong, word):
    stored.write_database_config(**wrong)
    done = stored.verb("check-db")
    assert done.returncode == 1 and word in done.stderr, done.stderr
