"""Recovery times of a real service, beside the floor measured in the same run.

    recovery.py --build-dir DIR [--rounds N] [--json]

For 10 open positions: from SIGKILL of the worker to READY with its parts, to the next /health 200, and of the persister to READY; beside
bench/floor: the least that a restarted child with nng and libevent can take for as many bytes. Rounds are interleaved: floor, ours, floor, ours.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests" / "support"))

SNAPSHOT_BYTES = 2048  # ten positions, four instruments, the portfolio, as msgpack


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def open_ten_positions(one, signals):
    """Two layers in each of five instruments: the four that are shipped and one of the config."""
    minute = 0
    for instrument, price, atr in (("GOLD_MINI", 72000, 40), ("SILVER_MINI", 90000, 40), ("COPPER", 900, 0.5), ("BANK_NIFTY", 52000, 20), ("TIN", 1000, 4)):
        for position, at_price in (("Long_1", price), ("Long_2", price + 4 * atr)):
            kind = signals.entry if position == "Long_1" else lambda i, p, s, a, e, t: signals.pyramid(2, p, s, i, a, e, t)
            status, answer = one.post(kind(instrument, at_price, at_price - 2 * atr, atr, 0.02, signals.clock(minute)))
            assert answer["result"]["status"] == "executed", (instrument, position, answer)
            minute += 2


def measure(build_dir, rounds):
    os.environ["PM_BUILD_DIR"] = str(build_dir)
    import pm
    import signals
    floor, parts, health, knock, persister = [], [], [], [], []
    sets = {"portfolio.initial_capital": 500000000, "supervision.restart_budget": 1000, "supervision.restart_healthy_ms": 100}
    for key, value in (("lot_size", 1), ("point_value", 1), ("margin_per_lot", 1000), ("initial_risk_percent", 1)):
        sets[f"instrument TIN.{key}"] = value
    with pm.Instance("embedded") as one:
        one.sets.update(sets)
        one.run()
        open_ten_positions(one, signals)
        assert one.get("/health")[1]["positions"] == 10
        for _ in range(rounds):
            done = subprocess.run([build_dir / "bench" / "floor", "1", str(SNAPSHOT_BYTES)], capture_output=True, text=True, check=True)
            floor.append(int(done.stdout) / 1000)
            before = len(one.recoveries())
            pid = one.pid("worker")
            began = time.monotonic()
            os.kill(pid, 9)
            while True:  # queued on the held socket, never refused
                try:
                    if one.get("/health")[0] == 200:
                        break
                except ConnectionResetError:
                    pass
            health.append((time.monotonic() - began) * 1000)
            pm.wait_until("the line", lambda: len(one.recoveries()) > before)
            recovery = one.status()["recovery"]
            parts.append({key: float(recovery[key]) for key in recovery if key.endswith("_ms")})
            time.sleep(0.25)  # healthy again: the next restart is a first one
        for _ in range(rounds):
            before = len(one.recoveries())
            os.kill(one.pid("persister"), 9)
            pm.wait_until("the line", lambda: len(one.recoveries()) > before, interval=0.001)
            persister.append(float(one.recoveries()[-1][1]))
            one.wait_ready()
            time.sleep(0.25)  # healthy again: the next restart is a first one
    return floor, parts, health, persister


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build-dir", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    floor, parts, health, persister = measure(options.build_dir.resolve(), options.rounds)
    names = ["detect_ms", "spawn_ms", "connect_ms", "load_ms", "verify_ms", "total_ms"]
    result = {
        "rounds": options.rounds,
        "floor_ms": {"p50": statistics.median(floor), "p99": percentile(floor, 0.99)},
        "worker_killed": {name: {"p50": statistics.median(p[name] for p in parts), "p99": percentile([p[name] for p in parts], 0.99)} for name in names},
        "killed_to_health_200_ms": {"p50": statistics.median(health), "p99": percentile(health, 0.99)},
        "persister_killed_to_ready_ms": {"p50": statistics.median(persister), "p99": percentile(persister, 0.99)},
    }
    result["ratio_to_floor"] = result["worker_killed"]["total_ms"]["p50"] / result["floor_ms"]["p50"]
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"recovery with 10 open positions, {options.rounds} rounds (milliseconds)\n")
    print(f"{'':38}{'p50':>9}{'p99':>9}")
    row = "{:38}{:9.3f}{:9.3f}".format
    print(row("floor: bare nng child, as many bytes", *result["floor_ms"].values()))
    for name in names:
        label = "worker killed -> READY" if name == "total_ms" else "  " + name[:-3]
        print(row(label, *result["worker_killed"][name].values()))
    print(row("worker killed -> /health 200", *result["killed_to_health_200_ms"].values()))
    print(row("persister killed -> READY", *result["persister_killed_to_ready_ms"].values()))
    print(f"\nworker killed -> READY is {result['ratio_to_floor']:.2f} x the floor (target: at most 1.5, and at most 5 ms)")


if __name__ == "__main__":
    main()
