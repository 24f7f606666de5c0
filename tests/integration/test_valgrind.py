"""A short run of each program under valgrind: no error, no leak."""
import re
import subprocess

import pm
from signals import DAY

VALGRIND = ["valgrind", "--quiet", "--vgdb=no", "--trace-children=yes", "--child-silent-after-fork=yes", "--leak-check=full", "--show-leak-kinds=definite,indirect",
            "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99", "--trace-children-skip=/usr/lib/postgresql/*"]


def test_valgrind_finds_nothing_in_a_day_a_kill_and_a_stop(private):
    pm.SLOW = 20
    one = private(supervision__watchdog_ms=60000, supervision__start_timeout_ms=60000, supervision__stop_timeout_ms=60000)
    reports = one.folder / "valgrind"
    reports.mkdir()
    reports.chmod(0o777)
    stderr = open(one.folder / "stderr", "ab")
    one.process = subprocess.Popen([*VALGRIND, f"--log-file={reports}/%p", pm.SUPERVISOR, "run", *one.options()],
                                   stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    one.wait_ready()
    for body, outcome, _ in DAY:
        status, answer = one.post_until_answered(body)
        assert status == 200 and answer["result"]["status"] == outcome
    one.kill("worker")
    one.wait_ready()
    one.verb("restart", "persister")
    one.wait_ready()
    assert one.stop() == 0
    text = "".join(path.read_text() for path in reports.iterdir())
    assert not re.search(r"==\d+== \S", text), text[:6000]
    assert len(list(reports.iterdir())) >= 5, "supervisor, two workers and two persisters ran under valgrind"
