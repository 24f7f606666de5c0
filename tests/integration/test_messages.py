"""What an operator gets wrong: one clear message, the right exit or HTTP code, and the command that mends it."""
import os
import shutil
import socket
import subprocess
import time

import pm
import pytest
from pm import SUPERVISOR, wait_until
from signals import entry


def refused(one, *verb, code=None):
    done = one.verb(*verb)
    text = done.stdout + done.stderr
    assert done.returncode != 0, text
    if code is not None:
        assert done.returncode == code, text
    wait_until("a refused start leaves nothing running", lambda: one.processes() == [], timeout=3)
    return text


@pytest.fixture
def config_file(private):
    one = private(migrate=False)
    path = one.folder / "dev.conf"

    def write(text):
        path.write_text(text)
        return subprocess.run([SUPERVISOR, "check-config", "--config", path], capture_output=True, text=True)

    return write


@pytest.mark.parametrize("text, said", [
    ("[http]\nlisten = 127.0.0.1:5000\nlissten = x\n", ["dev.conf", "3", "lissten"]),
    ("[http]\nlisten = nowhere\n", ["dev.conf", "2", "listen"]),
    ("[portfolio]\ninitial_capital = -5\n", ["dev.conf", "2", "initial_capital"]),
    ("[nosuch]\na = 1\n", ["dev.conf", "nosuch"]),
    ("[instrument GOLD_MINI]\npoint_value = 10001\n", ["dev.conf", "2", "point_value"]),
    ("[instance]\nrun_dir = /tmp/" + "x" * 120 + "\n", ["run_dir", "107"]),
])
def test_a_wrong_config_names_file_line_and_key(config_file, text, said):
    done = config_file(text + "[http]\nallow_unauthenticated = yes\n" if "[http]" not in text else text + "allow_unauthenticated = yes\n")
    assert done.returncode == 6, done.stdout + done.stderr
    for word in said:
        assert word in done.stdout + done.stderr


def test_a_missing_config_is_named():
    done = subprocess.run([SUPERVISOR, "check-config", "--config", "/nonexistent/pm.conf"], capture_output=True, text=True)
    assert done.returncode == 6 and "/nonexistent/pm.conf" in done.stderr


def test_readable_database_config_is_refused_with_the_chmod(private):
    one = private()
    one.database_config.chmod(0o644)
    text = refused(one, "start", code=6)
    assert f"chmod 600 {one.database_config}" in text
    text = refused(one, "check-db")
    assert f"chmod 600 {one.database_config}" in text


def test_missing_or_garbled_database_config_is_named(private):
    one = private()
    one.database_config.unlink()
    assert str(one.database_config) in refused(one, "start", code=6)
    one.database_config.touch(mode=0o600)
    one.database_config.write_text("{ not json")
    assert str(one.database_config) in refused(one, "start", code=6)
    one.write_database_config(pasword="x")
    assert "pasword" in refused(one, "start", code=6)


def test_readable_secret_is_refused_with_the_chmod(private):
    one = private()
    secret = one.folder / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(0o644)
    one.sets["http.secret_file"] = secret
    assert f"chmod 600 {secret}" in refused(one, "start", code=6)


def test_no_secret_is_refused_unless_allowed(private):
    one = private()
    one.sets["http.allow_unauthenticated"] = "no"
    text = refused(one, "start", code=6)
    assert "secret_file" in text and "allow_unauthenticated" in text


def test_a_port_in_use_is_named(private):
    one = private()
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", one.port))
        holder.listen()
        text = refused(one, "start")
    assert str(one.port) in text and "in use" in text


def test_a_second_instance_is_refused_by_name_of_the_first(private):
    one = private()
    one.run()
    done = subprocess.run([SUPERVISOR, "run", *one.options()], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert str(one.process.pid) in done.stderr and one.sets["instance.name"] in done.stderr
    assert one.healthy(), "the first one is unharmed"


def test_database_down_at_start_says_so_and_heals():
    server = pm.PostgresServer()
    try:
        with pm.Instance("external", server, supervision__start_timeout_ms=3000) as one:
            server.kill()
            done = one.verb("start")
            assert done.returncode == 151, done.stdout + done.stderr
            assert "DB_UNAVAILABLE" in done.stdout + done.stderr or "database" in done.stdout + done.stderr
            assert wait_until("it is logged", lambda: one.log_count("Recovery failed: DB_UNAVAILABLE"))
            status, answer = one.get("/health")
            assert status == 503 and answer["database"] == "offline"
            status, answer = one.post(entry())
            assert status == 503 and answer["reason"] in ("recovering", "database_unavailable")
            server.start()
            one.wait_ready()
            assert one.post(entry())[0] == 200
            assert one.verb("stop").returncode == 0
    finally:
        server.close()


def test_a_wrong_password_or_database_is_told_apart(private):
    one = private()
    one.write_database_config(database="no_such_database")
    done = one.verb("check-db")
    assert done.returncode != 0 and "no_such_database" in done.stdout + done.stderr


def test_check_db_says_connection_successful(private):
    assert "Connection successful!" in private().verb("check-db", check=True).stdout


def test_a_schema_that_is_missing_names_migrate(private):
    one = private(migrate=False)
    one.sets["supervision.start_timeout_ms"] = 3000
    done = one.verb("start")
    assert done.returncode != 0 and "migrate" in done.stdout + done.stderr
    one.verb("migrate", check=True)
    one.verb("restart", "persister")
    one.wait_ready()
    one.verb("stop", check=True)


def test_a_schema_that_needs_a_newer_program_is_refused_by_name(private):
    one = private()
    one.sets["supervision.start_timeout_ms"] = 3000
    one.sql("INSERT INTO schema_migrations (version, name, checksum, min_program_version) VALUES (999, '999_future.sql', NULL, '99.0.0')")
    for verb in ("migrate", "check-db"):
        done = one.verb(verb)
        assert done.returncode != 0 and "99.0.0" in done.stdout + done.stderr
    done = one.verb("start")
    assert done.returncode != 0 and "99.0.0" in done.stdout + done.stderr
    one.verb("stop")


def test_an_edited_migration_is_refused_by_name(private):
    one = private()
    one.sql("UPDATE schema_migrations SET checksum = repeat('0', 64) WHERE version = 2")
    done = one.verb("migrate")
    assert done.returncode != 0 and "002_add_heartbeat_index" in done.stdout + done.stderr


def test_root_without_a_user_for_the_embedded_database_is_told(private):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = private("embedded")
    del one.sets["instance.user"]
    assert "instance.user" in refused(one, "start", code=6)


def test_a_full_or_read_only_folder_is_named(private):
    one = private()
    one.sets["instance.run_dir"] = "/proc/pm"
    assert "/proc/pm" in refused(one, "start")


def test_unknown_verbs_and_options_are_usage_errors():
    for words in (["dance"], ["status", "--jsn"], ["run", "--set"], ["run", "--set", "a.b=c"]):
        done = subprocess.run([SUPERVISOR, *words], capture_output=True, text=True, timeout=20)
        assert done.returncode in (2, 6) and done.stderr, words
    assert subprocess.run([SUPERVISOR, "--help"], capture_output=True, text=True).returncode == 0
    assert "pm-supervisor" in subprocess.run([SUPERVISOR, "--version"], capture_output=True, text=True).stdout


def test_a_full_disk_under_the_log_stops_nothing(private):
    one = private()
    one.sets["instance.log_file"] = "/dev/full"
    one.run()
    assert one.post(entry())[1]["result"]["status"] == "executed"


def test_status_says_not_running_and_dead_but_pid_file(private):
    one = private()
    assert one.verb("status").returncode == 3
    one.run()
    one.process.kill()
    one.process.wait()
    assert one.verb("status").returncode == 1
    one.run()
    assert one.verb("status").returncode == 0


def test_sighup_reopens_the_log(private):
    one = private()
    one.run()
    old = one.log.with_suffix(".1")
    shutil.move(one.log, old)
    one.process.send_signal(1)
    wait_until("a new log file", one.log.exists)
    one.kill("worker")
    one.wait_ready()
    wait_until("it is written to", lambda: len(one.recoveries()) > 0)
    time.sleep(0)
