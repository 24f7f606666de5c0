"""kill -9 of the worker under load: what was acknowledged is stored exactly once, and the state is a replay of what is stored."""
import json
import os
import queue
import random
import signal
import subprocess
import threading
import time
from decimal import Decimal

import pm
import pytest
from pm import wait_until
from signals import clock, entry, leave, pyramid

ROUNDS = 20 if pm.SLOW == 1 else 3
SIGNALS = 200
CLIENTS = 4
INSTRUMENTS = {"GOLD_MINI": (72000, 400), "SILVER_MINI": (90000, 900), "COPPER": (900, 5), "BANK_NIFTY": (52000, 300)}


def some_signals(rng, day):
    """Entries, pyramids and exits in all four instruments, 200 of them, each with a time of its own."""
    made = []
    for n in range(SIGNALS):
        instrument, (price, atr) = rng.choice(list(INSTRUMENTS.items()))
        price = round(price * (1 + rng.uniform(-0.02, 0.06)), 2)
        at = clock(2 * n % 1380, day=day + 2 * n // 1380)
        kind = rng.random()
        if kind < 0.35:
            made.append(entry(instrument, price, round(price - atr, 2), atr, round(rng.uniform(0.1, 0.9), 3), at))
        elif kind < 0.7:
            made.append(pyramid(rng.randint(2, 5), price, round(price - atr / 2, 2), instrument, atr, round(rng.uniform(0.1, 0.9), 3), at))
        else:
            made.append(leave(rng.choice(["ALL", "Long_1", "Long_2", "Long_3"]), price, instrument, at))
    return made


def replayed_digest(one, folder):
    """The stored signals in sequence order through a fresh core."""
    rows = one.sql("SELECT to_char(arrived_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), payload::text FROM signal_log ORDER BY seq")
    path = folder / "session.jsonl"
    path.write_text("".join(json.dumps({"arrived_at": at, "body": body}) + "\n" for at, body in rows))
    done = subprocess.run([pm.BUILD / "tests/replay/pm-replay", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["digest"]


@pytest.mark.parametrize("mode", ["external", "embedded"])
def test_kill_under_load_loses_and_doubles_nothing(mode, server):
    rounds = ROUNDS if mode == "external" else max(2, ROUNDS // 5)
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    with pm.Instance(mode, server if mode == "external" else None, supervision__restart_budget=1000) as one:
        one.run()
        for round_no in range(rounds):
            run_round(one, rng, 1 + (round_no * 3) % 26, f"seed {seed} round {round_no}")
            if round_no % 5 == 4:
                assert replayed_digest(one, one.folder) == one.check_books(), f"seed {seed} round {round_no}"
        assert replayed_digest(one, one.folder) == one.check_books(), f"seed {seed}"


def run_round(one, rng, day, label):
    bodies = some_signals(rng, day)
    todo = queue.Queue()
    for body in bodies:
        todo.put(body)
    acknowledged = []
    failures = []

    def client():
        while True:
            try:
                body = todo.get_nowait()
            except queue.Empty:
                return
            try:
                status, answer = one.post_until_answered(body)
                acknowledged.append((body, status, answer))
            except AssertionError as error:
                failures.append(error)
                return

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in clients:
        thread.start()
    kill_after = rng.uniform(0.0, 0.15)
    time.sleep(kill_after)
    one.kill("worker")
    for thread in clients:
        thread.join()
    assert not failures, label
    assert len(acknowledged) == SIGNALS
    one.wait_ready()
    one.check_books()
    check_acknowledged(one, acknowledged, label)


def check_acknowledged(one, acknowledged, label):
    """Every 200 that executed or blocked something is in signal_log exactly once, with the outcome that was answered."""
    stored = {}
    for signal_type, instrument, position, at, outcome, lots, seq in one.sql(
            "SELECT signal_type, instrument, position, signal_timestamp, outcome, lots, seq FROM signal_log"):
        key = (signal_type, instrument, position, at.timestamp())
        assert key not in stored, f"{label}: {key} is stored twice"
        stored[key] = (outcome, lots, seq)
    from datetime import datetime
    for body, status, answer in acknowledged:
        assert status == 200, f"{label}: {answer}"
        sent = json.loads(body)
        key = (sent["type"], sent["instrument"], sent["position"], datetime.fromisoformat(sent["timestamp"]).timestamp())
        result = answer["result"]
        if result["status"] == "duplicate":
            continue  # of an earlier signal within the window, or of its own first try
        if result["status"] in ("executed", "blocked"):
            assert stored[key][0] == result["status"], f"{label}: answered {result}, stored {stored.get(key)}"
            assert stored[key][2] == answer["seq"], f"{label}: {answer} {stored[key]}"
            if sent["type"] != "EXIT" and result["status"] == "executed":
                assert stored[key][1] == result["lots"]
