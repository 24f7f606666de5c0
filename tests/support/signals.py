"""Signals as the alert scripts send them."""
import json


def entry(instrument="GOLD_MINI", price=72000, stop=71750, atr=400, er=0.8, at="2026-03-02T10:00:00+05:30", **changes):
    body = {"type": "BASE_ENTRY", "instrument": instrument, "position": "Long_1", "price": price, "stop": stop, "lots": 1, "atr": atr,
            "er": er, "supertrend": stop, "roc": 1.5, "timestamp": at}
    body.update(changes)
    return json.dumps(body)


def pyramid(layer, price, stop, instrument="GOLD_MINI", atr=400, er=0.8, at="2026-03-02T11:00:00+05:30", **changes):
    return entry(instrument, price, stop, atr, er, at, type="PYRAMID", position=f"Long_{layer}", **changes)


def leave(position="ALL", price=73000, instrument="GOLD_MINI", at="2026-03-02T15:00:00+05:30", **changes):
    body = json.loads(entry(instrument, price, 0, at=at, type="EXIT", position=position, reason="SUPERTREND_FLIP"))
    body.update(changes)
    return json.dumps(body)


def tick(price, instrument="GOLD_MINI", atr=400, at="2026-03-02T12:00:00+05:30"):
    return json.dumps({"type": "MARKET_DATA", "instrument": instrument, "price": price, "atr": atr, "supertrend": price - 100, "timestamp": at})


def clock(minute, day=2):
    """Minute after 09:15 of a trading day in March 2026, Indian time."""
    total = 9 * 60 + 15 + minute
    return f"2026-03-{day + total // 1440:02d}T{total % 1440 // 60:02d}:{total % 60:02d}:00+05:30"


# A small day in gold: a base, two pyramids, one refused for its spacing, a repeat, an exit of the last layer.
# (body, expected outcome, expected reason)
DAY = [
    (entry(at=clock(0)), "executed", None),
    (pyramid(2, 72600, 72400, at=clock(60)), "executed", None),
    (pyramid(3, 73200, 73000, at=clock(120)), "executed", None),
    (pyramid(4, 73300, 73100, at=clock(130)), "blocked", "atr_spacing"),
    (entry(at=clock(0)), "duplicate", None),
    (leave("Long_3", 73400, at=clock(200)), "executed", None),
]
