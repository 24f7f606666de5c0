"""Whatever dies, the service comes back with exactly the state that it had acknowledged."""
import os
import signal
import time

import pm
import pytest
from pm import process_alive, wait_until
from signals import DAY, clock, entry, leave, pyramid


def with_a_day(instance):
    for body, _, _ in DAY:
        assert instance.post(body)[0] == 200
    return instance.check_books()


def assert_recovered(instance, digest, before):
    """Same digest, balanced books, one more recovery line that tells the positions and a time."""
    wait_until("a recovery line", lambda: len(instance.recoveries()) > before)
    instance.wait_ready()
    assert instance.check_books() == digest
    positions, ms = instance.recoveries()[-1]
    assert positions == 2 and 0 < ms < 60000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_killed_worker_comes_back_with_the_same_digest(instance, number):
    digest = with_a_day(instance)
    before = len(instance.recoveries())
    old = instance.kill("worker", number)
    assert_recovered(instance, digest, before)
    assert instance.pid("worker") != old and not process_alive(old)
    # And it goes on trading: the same day's exit of everything.
    assert instance.post(leave("ALL", 73500, at=clock(300)))[1]["result"]["status"] == "executed"
    instance.check_books()


def test_killed_persister_comes_back_under_a_living_worker(instance):
    digest = with_a_day(instance)
    before = len(instance.recoveries())
    worker = instance.pid("worker")
    instance.kill("persister")
    assert_recovered(instance, digest, before)
    assert instance.pid("worker") == worker
    assert instance.post_until_answered(leave("ALL", 73500, at=clock(300)))[1]["result"]["status"] == "executed"
    instance.check_books()


def test_killed_worker_and_persister_come_back(instance):
    digest = with_a_day(instance)
    before = len(instance.recoveries())
    worker, persister = instance.pid("worker"), instance.pid("persister")
    os.kill(worker, signal.SIGKILL)
    os.kill(persister, signal.SIGKILL)
    assert_recovered(instance, digest, before)


def test_killed_supervisor_leaves_no_orphan_and_starts_anew(instance):
    digest = with_a_day(instance)
    family = instance.processes()
    assert len(family) >= 3
    before = len(instance.recoveries())
    instance.process.kill()
    instance.process.wait()
    wait_until("children are gone within a second", lambda: not any(process_alive(pid) for pid in family), timeout=1.0)
    instance.run()
    assert_recovered(instance, digest, before)


def test_killed_embedded_database_is_started_again_by_itself():
    with pm.Instance("embedded") as one:
        one.run()
        digest = with_a_day(one)
        before = len(one.recoveries())
        persister = one.pid("persister")
        one.kill("database", signal.SIGQUIT)
        assert_recovered(one, digest, before)
        assert one.pid("persister") == persister, "the database's death must not cost the persister its life"


def test_killed_postmaster_by_sigkill_is_started_again():
    with pm.Instance("embedded") as one:
        one.run()
        digest = with_a_day(one)
        before = len(one.recoveries())
        one.kill("database", signal.SIGKILL)
        assert_recovered(one, digest, before)


def test_database_away_and_back_needs_no_restart():
    server = pm.PostgresServer()
    try:
        with pm.Instance("external", server) as one:
            one.run()
            digest = with_a_day(one)
            pids = one.pid("worker"), one.pid("persister")
            before = len(one.recoveries())
            server.kill()
            wait_until("it is known to be away", lambda: one.get("/health")[0] == 503)
            began = time.monotonic()
            status, answer = one.post(entry("COPPER", 900, 890, atr=5, at=clock(400)))
            assert (status, answer["reason"]) == (503, "database_unavailable"), "entries are refused at once while it is away"
            assert time.monotonic() - began < 2 * pm.SLOW
            assert one.headers["Retry-After"]
            assert one.verb("status").returncode == 150
            server.start()
            assert_recovered(one, digest, before)
            assert (one.pid("worker"), one.pid("persister")) == pids, "nothing of ours was restarted"
    finally:
        server.close()


def test_crash_in_every_phase_of_a_start(private):
    """The worker is killed again and again while it comes back; the state holds."""
    instance = private(supervision__restart_budget=1000).run()
    digest = with_a_day(instance)
    for round_no in range(4):
        before = len(instance.recoveries())
        old = instance.kill("worker")
        wait_until("the old one is gone", lambda: not process_alive(old))
        time.sleep(0.002 * round_no)
        try:
            instance.kill("worker")
        except (ProcessLookupError, TypeError):
            pass
        instance.wait_ready()
        wait_until("a recovery line", lambda: len(instance.recoveries()) > before)
    assert instance.check_books() == digest


def test_a_hanging_worker_is_found_and_replaced(private):
    one = private(supervision__heartbeat_ms=100, supervision__watchdog_ms=1000)
    one.run()
    digest = with_a_day(one)
    old = one.kill("worker", signal.SIGSTOP)
    wait_until("another worker", lambda: not process_alive(old), timeout=10)
    one.wait_ready()
    assert one.check_books() == digest


@pytest.mark.parametrize("role, name", [("persister", "data.sock"), ("worker", "control-w.sock"), ("persister", "control-p.sock")])
def test_a_broken_link_is_dialled_again_and_costs_nobody_his_life(instance, role, name):
    digest = with_a_day(instance)
    pids = instance.pid("worker"), instance.pid("persister")
    downs = instance.log_count("event=data_link_down")
    try:
        assert instance.cut(role, name) == 1
    except PermissionError as error:
        pytest.skip(str(error))
    if name == "data.sock":
        wait_until("the worker has seen it", lambda: instance.log_count("event=data_link_down") > downs)
    assert instance.post_until_answered(leave("ALL", 73500, at=clock(300)))[1]["result"]["status"] == "executed"
    assert instance.check_books() != digest
    assert (instance.pid("worker"), instance.pid("persister")) == pids


def test_a_worker_killed_after_a_clean_state_waits_for_no_timeout(instance):
    """The reset takes the incarnation that the supervisor has just given to the next worker; it is told, and gives another."""
    with_a_day(instance)
    instance.psql("DELETE FROM portfolio_positions; DELETE FROM portfolio_state;")
    old = instance.kill("worker")
    wait_until("the old one is gone", lambda: not process_alive(old))
    instance.wait_ready()
    assert instance.get("/health")[1]["positions"] == 0
    instance.check_books()
    assert instance.log_count("event=rehydration_timeout") == 0


@pytest.mark.parametrize("role", ["worker", "persister"])
def test_a_restart_does_not_wait_out_the_drain_of_a_hanging_child(private, role):
    one = private(supervision__heartbeat_ms=100, supervision__watchdog_ms=1000, supervision__stop_timeout_ms=60000)
    one.run()
    digest = with_a_day(one)
    old = one.kill(role, signal.SIGSTOP)
    one.verb("restart", role, check=True, timeout=30)
    assert not process_alive(old)
    one.wait_ready()
    assert one.check_books() == digest


def test_sigterm_stops_in_order_and_leaves_nothing(instance):
    with_a_day(instance)
    family = instance.processes()
    assert instance.stop() == 0
    assert not any(process_alive(pid) for pid in family)
    assert not (instance.run_dir / "pm-supervisor.pid").exists()


def test_one_worker_and_one_persister_at_a_time(private):
    """P8: while a worker is killed ten times nobody ever sees two."""
    instance = private(supervision__restart_budget=1000).run()
    for _ in range(10):
        instance.kill("worker")
        for _ in range(20):
            names = [open(f"/proc/{pid}/comm").read().strip() for pid in instance.processes() if os.path.exists(f"/proc/{pid}/comm")]
            assert names.count("pm-worker") <= 1 and names.count("pm-persister") <= 1
            time.sleep(0.001)
        instance.wait_ready()


def test_start_and_stop_as_a_daemon(private):
    one = private()
    done = one.verb("start", check=True)
    try:
        assert one.healthy(), done.stdout + done.stderr
        assert one.verb("status").returncode == 0
        again = one.verb("start")
        assert again.returncode != 0 and str(one.pid("supervisor")) in again.stdout + again.stderr
        one.verb("restart", "worker", check=True)
        one.wait_ready()
        one.verb("restart", check=True)
        one.wait_ready()
    finally:
        stopped = one.verb("stop")
    assert stopped.returncode == 0
    assert one.verb("status").returncode == 3
    assert one.processes() == []
