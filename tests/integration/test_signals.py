"""The way of one signal: from a POST to rows that SQL shows."""
import http.client
import json
import threading
from decimal import Decimal

import pytest
import signals
from signals import DAY, clock, entry, leave, pyramid, tick


def test_a_day_of_signals_is_decided_stored_and_shown(instance):
    for body, outcome, reason in DAY:
        status, answer = instance.post(body)
        assert status == 200, answer
        assert answer["result"]["status"] == outcome, answer
        assert answer["result"].get("reason") == reason
        assert len(answer["request_id"]) == 8 and int(answer["request_id"], 16) >= 0
    rows = instance.sql("SELECT position_id, lots, status, entry_price, realized_pnl FROM portfolio_positions ORDER BY layer")
    assert [(r[0], r[1], r[2]) for r in rows] == [("GOLD_MINI_Long_1", 16, "open"), ("GOLD_MINI_Long_2", 8, "open"), ("GOLD_MINI_Long_3", 4, "closed")]
    assert rows[2][4] == Decimal(8000)
    _, health = instance.get("/health")
    assert (health["status"], health["positions"], Decimal(str(health["equity"]))) == ("healthy", 2, Decimal(5008000))
    _, positions = instance.get("/positions")
    assert set(positions["positions"]) == {"GOLD_MINI_Long_1", "GOLD_MINI_Long_2"}
    assert positions["positions"]["GOLD_MINI_Long_1"]["lots"] == 16
    _, status = instance.get("/status")
    assert status["positionCount"] == 2 and Decimal(str(status["closedEquity"])) == Decimal(5008000)
    instance.check_books()


def test_an_answer_is_sent_only_after_the_commit(instance):
    status, answer = instance.post(entry())
    # A second connection sees the row at once: the commit came first.
    assert instance.sql("SELECT count(*) FROM portfolio_events WHERE seq = %s", (answer["seq"],)) == [(1,)]
    assert instance.sql("SELECT outcome, lots FROM signal_log") == [("executed", 16)]


def test_a_repeat_gets_the_first_outcome_and_changes_nothing(instance):
    _, first = instance.post(entry())
    digest = instance.check_books()
    for _ in range(3):
        status, again = instance.post(entry())
        assert status == 200
        assert (again["status"], again["error_type"]) == ("ignored", "duplicate")
        assert again["original"]["status"] == "executed" and again["original"]["lots"] == first["result"]["lots"]
    assert instance.check_books() == digest


def test_many_copies_at_once_have_one_effect(instance):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(instance_post(instance, entry()))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes = [answer["result"]["status"] for status, answer in answers if status == 200]
    assert len(outcomes) == 16 and outcomes.count("executed") == 1 and outcomes.count("duplicate") == 15
    assert instance.sql("SELECT count(*) FROM portfolio_positions") == [(1,)]


def instance_post(instance, body):
    connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=20)
    connection.request("POST", "/webhook", body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_an_exit_of_something_not_open_is_rejected_and_may_be_sent_again(instance):
    body = leave("Long_1", 72500, at=clock(30))
    status, answer = instance.post(body)
    assert (status, answer["result"]) == (200, {"status": "rejected", "reason": "position_not_open"} | {k: v for k, v in answer["result"].items() if k not in ("status", "reason")})
    instance.post(entry(at=clock(0)))
    status, answer = instance.post(body)
    assert answer["result"]["status"] == "executed", "a refusal must not consume the fingerprint"
    instance.check_books()


def test_a_tick_trails_and_stops_out(instance):
    instance.post(entry(at=clock(0)))
    _, up = instance.post(tick(73000, at=clock(10)))
    assert up["result"]["status"] == "processed" and up["result"]["stops_updated"][0]["position_id"] == "GOLD_MINI_Long_1"
    assert instance.sql("SELECT current_stop, highest_close FROM portfolio_positions") == [(Decimal(72200), Decimal(73000))]
    _, down = instance.post(tick(72100, at=clock(20)))
    assert down["result"]["stopped"] == ["GOLD_MINI_Long_1"]
    assert instance.sql("SELECT status, exit_reason, realized_pnl FROM portfolio_positions") == [("closed", "PM_STOP_HIT", Decimal(16000))]
    instance.check_books()


@pytest.mark.parametrize("body, code", [
    ("{", "bad_json"), ("[]", "not_object"), ('"x"', "not_object"), ("", "bad_json"), ('{"type": 5}', "bad_type"),
    ('{"price": NaN}', "bad_json"),
    (entry(price=-1), "bad_price"), (entry(instrument="TIN"), "bad_instrument"), (entry(position="long_1"), "bad_position"),
    (entry(at="yesterday"), "bad_timestamp"), (entry(price=True), "bad_number"), (entry(er=1.5), "bad_er"),
    (json.dumps({"type": "EXIT"}), "missing_field"),
])
def test_a_malformed_body_is_400_with_its_code(instance_once, body, code):
    status, answer = instance_once.post(body)
    assert (status, answer["status"], answer["error_type"], answer["code"]) == (400, "error", "validation_error", code)
    assert answer["message"]


@pytest.fixture(scope="module")
def instance_once(server):
    import pm
    with pm.Instance("external", server) as one:
        yield one.run()


def test_a_body_over_the_limit_is_413_also_when_chunked(instance_once):
    big = json.dumps({"type": "EXIT", "pad": "x" * 11000})
    assert instance_once.post(big)[0] == 413
    connection = http.client.HTTPConnection("127.0.0.1", instance_once.port, timeout=10)
    connection.request("POST", "/webhook", iter([big.encode()]), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 413


def test_other_routes_and_methods_are_refused(instance_once):
    assert instance_once.get("/nothing")[0] == 404
    assert instance_once.request("GET", "/webhook")[0] == 405
    assert instance_once.request("DELETE", "/positions")[0] == 405
    assert instance_once.get("/health/live")[0] == 200 and instance_once.get("/health/ready")[0] == 200


def test_the_secret_is_asked_for_and_never_stored_or_logged(private):
    one = private()
    secret = "correct horse battery"
    path = one.folder / "secret"
    path.touch(mode=0o600)
    path.write_text(secret + "\n")
    one.sets["http.secret_file"] = path
    one.sets["http.allow_unauthenticated"] = "no"
    one.run()
    assert one.post(entry())[0] == 401
    assert one.post(entry(secret="wrong"))[0] == 401
    assert one.post(entry(secret=secret))[0] == 200
    assert one.post(pyramid(2, 72600, 72400), headers={"X-PM-Secret": secret})[0] == 200
    assert one.sql("SELECT count(*) FROM signal_log WHERE payload::text LIKE %s", (f"%{secret}%",)) == [(0,)]
    assert secret not in one.read_log()
    for pid in one.processes():
        assert secret.encode() not in open(f"/proc/{pid}/cmdline", "rb").read() + open(f"/proc/{pid}/environ", "rb").read()


def test_a_source_outside_the_allow_list_is_refused(private):
    one = private(http__allow="10.0.0.0/8")
    one.run(ready=False)
    import pm
    assert pm.wait_until("an answer", lambda: answered(one)) == 403


def answered(one):
    try:
        return one.post(entry())[0]
    except OSError:
        return None


def test_maintenance_answers_503_and_ends(instance_once):
    one = instance_once
    one.verb("maintenance", "on", check=True)
    status, answer = one.post(entry(instrument="COPPER", price=900, stop=890, atr=5))
    assert (status, answer["reason"], one.headers["Retry-After"]) == (503, "maintenance", "5")
    assert one.verb("status").returncode == 153
    assert one.get("/health")[1]["status"] == "maintenance"
    one.verb("maintenance", "off", check=True)
    status, answer = one.post(entry(instrument="COPPER", price=900, stop=890, atr=5))
    assert status == 200, answer
    assert one.verb("status").returncode == 0
