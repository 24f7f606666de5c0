"""The deployment guide's SQL, typed as it stands there, works on the database as it stands."""
import subprocess
from decimal import Decimal

import pm
import pytest
from pm import TOP
from signals import DAY, clock, entry


@pytest.fixture
def by_hand(private):
    """The three migrations run by hand with psql, as the guide does, and nothing else."""
    one = private(migrate=False)
    for name in ("001_initial_schema.sql", "002_add_heartbeat_index.sql", "003_add_leadership_history.sql"):
        done = subprocess.run(["psql", "-h", str(one.server.folder), "-U", one.user, "-d", one.database, "-v", "ON_ERROR_STOP=1",
                               "-f", TOP / "sql" / name], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return one.run()


def test_the_three_files_run_by_hand_are_enough(by_hand):
    tables = by_hand.psql("\\dt").stdout
    for table in ("portfolio_state", "portfolio_positions", "instance_heartbeat", "leadership_history"):
        assert table in tables
    assert by_hand.post(entry())[1]["result"]["status"] == "executed"
    by_hand.check_books()
    assert by_hand.sql("SELECT count(*) FROM schema_migrations WHERE checksum IS NULL") == [(0,)], "the first contact fills the checksums"


def test_the_queries_of_the_guide_show_the_day(by_hand):
    for body, _, _ in DAY:
        by_hand.post(body)
    shown = by_hand.psql("SELECT position_id, instrument, lots, entry_price, status FROM portfolio_positions;").stdout
    assert "GOLD_MINI_Long_1" in shown and "(3 rows)" in shown
    shown = by_hand.psql("SELECT closed_equity, total_risk_amount, margin_used, updated_at FROM portfolio_state;").stdout
    assert "5008000.000000" in shown and "(1 row)" in shown
    shown = by_hand.psql("SELECT COUNT(*) FROM portfolio_positions WHERE status='open';").stdout
    assert shown.split()[2] == str(by_hand.get("/health")[1]["positions"])
    shown = by_hand.psql("""SELECT COUNT(*), DATE_TRUNC('hour', updated_at) as hour
FROM portfolio_state
GROUP BY hour
ORDER BY hour DESC
LIMIT 24;""").stdout
    assert "(1 row)" in shown


def test_clean_state_starts_a_fresh_portfolio(instance):
    for body, _, _ in DAY:
        instance.post(body)
    newest = instance.sql("SELECT max(seq) FROM portfolio_events")[0][0]
    instance.stop()
    if instance.mode == "embedded":
        pytest.skip("the embedded server is down with the service; the external one shows it")
    instance.psql("\nDELETE FROM portfolio_positions;\nDELETE FROM portfolio_state;\n")
    instance.run()
    _, health = instance.get("/health")
    assert (health["positions"], Decimal(str(health["equity"]))) == (0, Decimal(5000000))
    instance.check_books()
    assert instance.sql("SELECT count(*) FROM portfolio_events WHERE kind = 'PORTFOLIO_RESET' AND seq > %s", (newest,)) == [(1,)]
    # The memory of duplicates stays: the day's entry is still known.
    assert instance.post(DAY[0][0])[1]["result"]["status"] == "duplicate"
    assert instance.post(entry(at=clock(500)))[1]["result"]["status"] == "executed"
    instance.check_books()


def test_positions_closed_by_hand_are_accepted_and_recorded(private):
    one = private()
    one.run()
    for body, _, _ in DAY:
        one.post(body)
    one.stop()
    one.psql("UPDATE portfolio_positions SET status='closed' WHERE status='open';")
    one.run()
    assert one.get("/health")[1]["positions"] == 0
    assert one.sql("SELECT count(*) FROM portfolio_events WHERE kind = 'PORTFOLIO_ADJUSTED'") == [(1,)]
    one.check_books()


def test_an_unbalanced_ledger_stops_entries_by_the_rules_name(private):
    one = private()
    one.run()
    for body, _, _ in DAY:
        one.post(body)
    one.stop()
    one.psql("UPDATE portfolio_state SET closed_equity = closed_equity + 1;")
    one.run(ready=False)
    pm.wait_until("it is logged", lambda: one.log_count("Recovery failed: VALIDATION_FAILED"))
    pm.wait_until("health says why", lambda: health_reason(one) == "validation_failed")
    status, answer = one.post(entry("COPPER", 900, 890, atr=5, at=clock(400)))
    assert (status, answer["reason"]) == (503, "validation_failed")
    assert "closed_equity_is_ledger_sum" in one.read_log()
    assert one.get("/status")[0] == 200


def health_reason(one):
    try:
        status, answer = one.get("/health")
        return answer.get("reason") if status == 503 else None
    except OSError:
        return None


def test_a_bad_position_row_is_quarantined_by_name(private):
    one = private()
    one.run()
    for body, _, _ in DAY:
        one.post(body)
    one.stop()
    one.psql("ALTER TABLE portfolio_positions ALTER COLUMN entry_price DROP NOT NULL;"
             "UPDATE portfolio_positions SET entry_price = NULL WHERE position_id = 'GOLD_MINI_Long_2' AND status = 'open';")
    one.run(ready=False)
    pm.wait_until("it is logged", lambda: one.log_count("Recovery failed: DATA_CORRUPT"))
    assert "GOLD_MINI_Long_2" in one.read_log()
    pm.wait_until("health says why", lambda: health_reason(one) == "data_corrupt")
    status, answer = one.post_until_answered(
        '{"type":"EXIT","instrument":"GOLD_MINI","position":"Long_1","price":73500,"stop":0,"lots":1,"atr":400,"er":0.5,"supertrend":1,'
        '"timestamp":"2026-03-02T16:00:00","reason":"by hand"}')
    assert answer["result"]["status"] == "executed", "exits of sound positions go on"


def test_a_plain_dump_restores_into_an_empty_database(private):
    one = private()
    one.run()
    for body, _, _ in DAY:
        one.post(body)
    digest = one.check_books()
    one.stop()
    dump = one.folder / "backup.sql"
    subprocess.run(["pg_dump", "-h", str(one.server.folder), "-U", one.user, "-d", one.database, "-f", dump], check=True)
    other = private(migrate=False)
    done = subprocess.run(["psql", "-q", "-h", str(other.server.folder), "-U", other.user, "-d", other.database, "-v", "ON_ERROR_STOP=1", "-f", dump],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    other.sets["instance.name"] = one.sets["instance.name"]
    other.run()
    assert other.check_books() == digest
