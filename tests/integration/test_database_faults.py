"""What a database can do to its one client: end it, freeze, restart, fill up, refuse contents, be edited under it, have another owner.
After each the service heals by itself, and the books agree."""
import http.client
import os
import signal
import threading

import pm
import pytest
from pm import wait_until
from signals import clock, entry, leave, tick

OURS = "application_name LIKE 'pm-persister/%'"
LOCK = "pg_advisory_lock(hashtextextended('pm-supervisor ' || current_schema(), 0))"


@pytest.fixture
def one(private):
    """A running instance with one open position, on a database of its own."""
    one = private(database__statement_timeout_ms=1000).run()
    assert one.post(entry(at=clock(0)))[1]["result"]["status"] == "executed"
    return one


def as_admin(one, text, values=None):
    """As the superuser, in the instance's database."""
    connection = one.server.connect(one.database, "postgres")
    try:
        with connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else None
    finally:
        connection.close()


def session_of(one):
    rows = as_admin(one, f"SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND {OURS}")
    return rows[0][0] if rows else None


def reason_of(one):
    return one.get("/health")[1].get("reason")


def storage_of(one):
    return one.status()["storage"]


def test_an_ended_session_is_replaced_at_once(one):
    for round_no in range(5):
        as_admin(one, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND {OURS}")
        status, answer = one.post_until_answered(tick(72100 + round_no, at=clock(10 + round_no)))
        assert (status, answer["result"]["status"]) == (200, "processed")
    one.check_books()


def test_sessions_ended_under_load_lose_and_double_nothing(one):
    """Every answer that says executed is in the books once, wherever the connection was cut."""
    done = threading.Event()
    closed = []

    def trade():
        for number in range(60):
            at = 100 + 4 * number
            one.post_until_answered(entry("SILVER_MINI", 90000, 89000, 500, at=clock(at)))
            status, answer = one.post_until_answered(leave("Long_1", 90100, "SILVER_MINI", at=clock(at + 2)))
            assert status == 200, answer
            closed.append(answer)
        done.set()

    trader = threading.Thread(target=trade)
    trader.start()
    while not done.wait(0.03):
        as_admin(one, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND {OURS}")
    trader.join()
    rows = one.sql("SELECT count(*) FROM portfolio_positions WHERE instrument = 'SILVER_MINI' AND status = 'closed'")[0][0]
    assert rows == len(closed) == 60
    one.check_books()


def test_a_crash_of_the_server_is_survived_by_worker_and_persister(private):
    server = pm.PostgresServer()
    try:
        one = pm.Instance("external", server)
        with one.run():
            one.post(entry(at=clock(0)))
            pids = one.pid("worker"), one.pid("persister")
            server.kill()
            wait_until("the loss is told", lambda: reason_of(one) == "database_unavailable")
            assert one.post(entry("SILVER_MINI", 90000, 89000, 500, at=clock(1)))[0] == 503
            server.start()
            one.wait_ready()
            assert (one.pid("worker"), one.pid("persister")) == pids, "no restart for a database that was away"
            assert one.post(leave("Long_1", 72500, at=clock(5)))[1]["result"]["status"] == "executed"
            one.check_books()
    finally:
        server.close()


def test_an_exit_waits_for_a_database_that_comes_back_in_time(private):
    server = pm.PostgresServer()
    try:
        one = pm.Instance("external", server)
        with one.run():
            one.post(entry(at=clock(0)))
            server.kill()
            wait_until("the loss is told", lambda: reason_of(one) == "database_unavailable")
            answers = []
            sender = threading.Thread(target=lambda: answers.append(one.post_until_answered(leave("Long_1", 72500, at=clock(5)))))
            sender.start()
            server.start()
            sender.join()
            result = answers[0][1].get("original") or answers[0][1]["result"]
            assert result["status"] == "executed"
            one.check_books()
    finally:
        server.close()


def test_a_frozen_session_is_a_problem_by_the_deadline_and_never_an_orphan(one):
    session = session_of(one)
    os.kill(session, signal.SIGSTOP)
    try:
        assert one.post(tick(72500, at=clock(20)))[0] == 503
        wait_until("it is told", lambda: reason_of(one) == "database_unavailable")
    finally:
        os.kill(session, signal.SIGCONT)
    one.wait_ready()
    assert session_of(one) != session
    one.check_books()


def test_a_full_disk_is_told_and_what_waits_is_stored_afterwards(one):
    as_admin(one, """SET search_path = portfolio_user;
        CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END$$;
        CREATE TRIGGER is_full BEFORE INSERT ON portfolio_events FOR EACH STATEMENT EXECUTE FUNCTION is_full()""")
    assert one.post(leave("Long_1", 72500, at=clock(30)))[0] == 503
    wait_until("it is told by name", lambda: storage_of(one)["problem"] == "disk_full")
    assert "df -h" in storage_of(one)["message"]
    as_admin(one, "DROP TRIGGER is_full ON portfolio_user.portfolio_events")
    one.wait_ready()
    _, answer = one.post_until_answered(leave("Long_1", 72500, at=clock(30)))
    assert answer["original"]["status"] == "executed", "decided before, stored by itself, found again"
    one.check_books()


def test_contents_that_are_refused_cost_that_signal_alone(one):
    as_admin(one, "ALTER TABLE portfolio_user.signal_log ADD CONSTRAINT no_poison CHECK (payload NOT LIKE '%poison%')")
    good = [threading.Thread(target=one.post_until_answered, args=(tick(72200 + i, at=clock(40 + i)),)) for i in range(4)]
    for thread in good:
        thread.start()
    with pytest.raises((OSError, http.client.HTTPException)):
        one.post(leave("Long_1", 72500, at=clock(50), reason="poison"))  # the worker is replaced: a repeat is safe
    for thread in good:
        thread.join()
    _, answer = one.post_until_answered(leave("Long_1", 72500, at=clock(50), reason="poison"))
    assert (answer["original"]["status"], answer["original"]["reason"]) == ("blocked", "store_refused")
    assert one.get("/health")[1]["positions"] == 1
    one.check_books()


def test_rows_deleted_under_the_service_are_noticed_and_recorded(one):
    one.psql("DELETE FROM portfolio_positions WHERE position_id = 'GOLD_MINI_Long_1'")
    _, answer = one.post_until_answered(leave("Long_1", 72500, at=clock(60)))
    assert answer["result"] == {"status": "rejected", "reason": "position_not_open"}
    assert one.sql("SELECT count(*) FROM portfolio_edits WHERE handled_seq IS NULL") == [(0,)]
    one.check_books()


def test_a_clean_state_under_the_service_starts_a_fresh_portfolio(one):
    one.psql("DELETE FROM portfolio_positions; DELETE FROM portfolio_state")
    _, answer = one.post_until_answered(entry("SILVER_MINI", 90000, 89000, 500, at=clock(70)))
    assert answer["result"]["status"] == "executed"
    assert one.get("/health")[1]["positions"] == 1
    one.check_books()


def test_another_owner_is_named_and_waited_for(one):
    os.kill(one.pid("persister"), signal.SIGSTOP)
    as_admin(one, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND {OURS}")
    other = one.connect()
    try:
        with other.cursor() as cursor:
            cursor.execute("SET application_name = 'pm-persister/another'")
            cursor.execute(f"SELECT {LOCK}")
        os.kill(one.pid("persister"), signal.SIGCONT)
        wait_until("the owner is named", lambda: storage_of(one)["problem"] == "other_owner")
        assert "pm-persister/another" in storage_of(one)["message"]
    finally:
        other.close()
    one.wait_ready()
    one.check_books()


def test_a_left_over_session_of_our_own_is_ended(one):
    name = as_admin(one, f"SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND {OURS}")[0][0]
    os.kill(one.pid("persister"), signal.SIGSTOP)
    as_admin(one, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND {OURS}")
    stale = one.connect()
    with stale.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, false)", (name,))
        cursor.execute(f"SELECT {LOCK}")
    os.kill(one.pid("persister"), signal.SIGCONT)
    one.wait_ready()
    assert one.post_until_answered(tick(72600, at=clock(80)))[0] == 200
    with pytest.raises(Exception):
        with stale.cursor() as cursor:
            cursor.execute("SELECT 1")
    one.check_books()


def test_a_newer_writer_fences_the_older(one):
    one.sql("UPDATE portfolio_state SET incarnation = incarnation + 100")
    try:
        one.post(tick(72700, at=clock(90)))
    except (OSError, http.client.HTTPException):
        pass
    wait_until("the persister ends with its own code", lambda: one.log_count(r"exit code 72"))


def test_a_missing_migration_is_mended_without_a_restart(private):
    one = private(migrate=False)
    one.run(ready=False)
    wait_until("the schema is missed", lambda: one.log_count("lacks migration|schema_migrations"))
    wait_until("status names it", lambda: storage_of(one)["problem"] == "schema")
    assert "pm-supervisor migrate" in storage_of(one)["message"]
    one.verb("migrate", check=True)
    one.wait_ready()
    assert one.post(entry(at=clock(0)))[1]["result"]["status"] == "executed"


def test_who_leads_and_lives_is_recorded(one):
    name = one.sets["instance.name"]
    wait_until("a heartbeat row", lambda: one.sql("SELECT count(*) FROM instance_heartbeat WHERE instance_id = %s AND is_leader", (name,)) == [(1,)])
    assert one.sql("SELECT instance_id FROM leadership_history WHERE released_leader_at IS NULL") == [(name,)]
    one.stop()
    assert one.sql("SELECT count(*) FROM leadership_history WHERE released_leader_at IS NULL") == [(0,)], "an orderly end gives up the lead"
