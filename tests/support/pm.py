"""A private pm-supervisor, with everything a test wants to ask it: HTTP, SQL, processes, logs.

An Instance has folders of its own below /tmp, a free port, and either its own embedded PostgreSQL or a database of its own on the
scratch server of the test run. Whatever it starts it stops by pid.
"""
import ctypes
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import psycopg2

LIBC = ctypes.CDLL(None)
SYS_PIDFD_GETFD = 438

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PM_BUILD_DIR") or TOP).resolve()
SUPERVISOR = BUILD / "pm-supervisor"
# The user that children run as when the tests run as root: PostgreSQL refuses root.
CHILD_USER = "postgres" if os.geteuid() == 0 else None
# A SIGSEGV that a test sends is a death like any other, not a finding of the sanitizer.
os.environ["ASAN_OPTIONS"] = "handle_segv=0:" + os.environ.get("ASAN_OPTIONS", "")
# A build with sanitizers, or under valgrind, is slower; deadlines are generous by this factor.
SLOW = 4 if "asan" in BUILD.name else 1


def wait_until(what, predicate, timeout=30.0, interval=0.01):
    """Polls predicate until it is true; its last value. The timeout is a generous deadline, never a measurement."""
    deadline = time.monotonic() + timeout * SLOW
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout * SLOW:.0f} s in vain: {what}")
        time.sleep(interval)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def scratch_folder(prefix="pm-test-"):
    """A folder that the children's user can traverse (pytest's own tmp_path is closed to others)."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    folder.chmod(0o755)
    return folder


def process_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state not in ("Z", "X")


def postgres_bin():
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    assert folders, "no PostgreSQL server below /usr/lib/postgresql"
    return folders[-1]


def as_child_user():
    """For subprocess: become the user that PostgreSQL may run as."""
    if CHILD_USER is None:
        return {}
    entry = pwd.getpwnam(CHILD_USER)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class PostgresServer:
    """A scratch PostgreSQL, unix socket only, fsync on; can be killed and started again."""

    def __init__(self, settings=()):
        self.folder = scratch_folder("pm-pg-")
        if CHILD_USER:
            shutil.chown(self.folder, CHILD_USER)
        self.data = self.folder / "data"
        self.settings = list(settings)
        subprocess.run([postgres_bin() / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"],
                       check=True, capture_output=True, cwd=self.folder, **as_child_user())
        self.process = None
        self.start()

    def start(self):
        argv = [postgres_bin() / "postgres", "-D", self.data, "-k", self.folder, "-c", "listen_addresses=", "-c", "shared_buffers=16MB"]
        for setting in self.settings:
            argv += ["-c", setting]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.folder, **as_child_user())
        wait_until("the scratch PostgreSQL accepts", self.accepts)

    def accepts(self):
        try:
            self.connect("postgres", "postgres").close()
            return True
        except psycopg2.OperationalError:
            return False

    def connect(self, database, user):
        connection = psycopg2.connect(host=str(self.folder), dbname=database, user=user, password="not asked for")
        connection.autocommit = True
        return connection

    def kill(self):
        """Immediate stop: no checkpoint, no goodbye."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)

    def create_database(self, name, user):
        """What the deployment guide types by hand."""
        admin = self.connect("postgres", "postgres")
        try:
            with admin.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name}")
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (user,))
                if not cursor.fetchone():
                    cursor.execute(f"CREATE USER {user} WITH PASSWORD 'your_secure_password'")
                cursor.execute(f"GRANT ALL PRIVILEGES ON DATABASE {name} TO {user}")
        finally:
            admin.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Instance:
    """One private service. mode is embedded or external; server is a PostgresServer for the latter."""

    count = 0

    def __init__(self, mode="embedded", server=None, migrate=True, **sets):
        Instance.count += 1
        self.mode = mode
        self.server = server
        self.folder = scratch_folder()
        self.run_dir = self.folder / "run"
        self.state_dir = self.folder / "state"
        self.log = self.folder / "portfolio_manager.log"
        self.port = free_port()
        self.process = None
        self.sets = {
            "instance.name": f"test{Instance.count}",
            "instance.run_dir": self.run_dir,
            "instance.state_dir": self.state_dir,
            "instance.log_file": self.log,
            "http.listen": f"127.0.0.1:{self.port}",
            "http.allow_unauthenticated": "yes",
            "database.mode": mode,
        }
        if CHILD_USER:
            self.sets["instance.user"] = CHILD_USER
        if mode == "external":
            self.database = f"pm_{os.getpid()}_{Instance.count}"
            self.user = "portfolio_user"
            server.create_database(self.database, self.user)
            self.database_config = self.folder / "database_config.json"
            self.write_database_config()
            self.sets["database.config"] = self.database_config
        else:
            self.database, self.user = "portfolio_manager", "portfolio_user"
        self.sets.update({key.replace("__", "."): value for key, value in sets.items()})
        if mode == "external" and migrate:
            self.verb("migrate", check=True)

    def write_database_config(self, **changes):
        config = {"host": str(self.server.folder), "port": 5432, "database": self.database, "user": self.user,
                  "password": "your_secure_password"}
        config.update(changes)
        self.database_config.touch(mode=0o600)
        self.database_config.write_text(json.dumps(config))

    # -- the program

    def options(self):
        return [option for key, value in self.sets.items() for option in ("--set", f"{key}={value}")]

    def verb(self, *words, check=False, timeout=60, input=None):
        """Runs `pm-supervisor WORDS`; the finished process with its text."""
        done = subprocess.run([SUPERVISOR, *words, *self.options()], capture_output=True, text=True, timeout=timeout * SLOW, input=input,
                              stdin=None if input is not None else subprocess.DEVNULL)
        if check:
            assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def run(self, ready=True):
        """`pm-supervisor run` in the background of the test."""
        self.stderr = open(self.folder / "stderr", "ab")
        self.process = subprocess.Popen([SUPERVISOR, "run", *self.options()], stdin=subprocess.DEVNULL, stdout=self.stderr, stderr=self.stderr)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, timeout=60):
        def ready():
            assert self.process is None or self.process.poll() is None, f"pm-supervisor ended with {self.process.returncode}:\n{self.read_log()[-4000:]}"
            return self.healthy()
        return wait_until("the service is healthy", ready, timeout)

    def healthy(self):
        try:
            status, _ = self.get("/health")
            return status == 200
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30 * SLOW)
        return self.process.returncode if self.process else None

    def close(self):
        try:
            self.stop()
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.stop_daemon()
            self.faults = self.sanitizer_faults()
            if not os.environ.get("PM_KEEP"):
                shutil.rmtree(self.folder, ignore_errors=True)

    def stop_daemon(self):
        """Ends what `start` left, also when a test failed half-way."""
        try:
            pid = int((self.run_dir / "pm-supervisor.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if not process_alive(pid) or str(self.folder) not in Path(f"/proc/{pid}/cmdline").read_text():
            return
        os.kill(pid, signal.SIGTERM)
        try:
            wait_until("the daemon ends", lambda: not process_alive(pid), 20)
        except AssertionError:
            os.kill(pid, signal.SIGKILL)

    def sanitizer_faults(self):
        text = self.read_log()
        return [line for line in text.splitlines() if re.search(r"ERROR: AddressSanitizer|LeakSanitizer|runtime error:|PM_ASSERT|invariant broke", line)]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
        assert not self.faults, "\n".join(self.faults)

    # -- HTTP

    def request(self, method, path, body=None, headers=None, timeout=10):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout * SLOW)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            raw = answer.read()
            self.headers = answer.headers
            try:
                return answer.status, json.loads(raw, parse_float=Decimal)
            except ValueError:
                return answer.status, raw
        finally:
            connection.close()

    def get(self, path):
        try:
            return self.request("GET", path)
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error

    def post(self, body, **options):
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return self.request("POST", "/webhook", body, **options)

    def post_until_answered(self, body, deadline_s=30):
        """What a sender that never gives up does: again after a refused or reset connection, a timeout or a 503."""
        end = time.monotonic() + deadline_s * SLOW
        while time.monotonic() < end:
            try:
                status, answer = self.post(body, timeout=5)
                if status != 503:
                    return status, answer
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.005)
        raise AssertionError(f"no answer within {deadline_s} s: {body}")

    # -- processes

    def status(self):
        done = self.verb("status", "--json")
        return json.loads(done.stdout, parse_float=Decimal)

    def pid(self, role):
        if role == "supervisor":
            return self.process.pid if self.process else int((self.run_dir / "pm-supervisor.pid").read_text().split()[0])
        pid = next(child["pid"] for child in self.status()["children"] if child["role"] == role)
        if not pid:
            raise ProcessLookupError(f"no {role} lives now")  # and never a kill of pid 0, which is ourselves
        return pid

    def kill(self, role, number=signal.SIGKILL):
        pid = self.pid(role)
        os.kill(pid, number)
        return pid

    def processes(self):
        """Pids of everything that belongs to this instance: whatever has its run folder on the command line."""
        needle = str(self.folder).encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if needle in (entry / "cmdline").read_bytes() and process_alive(int(entry.name)):
                        found.append(int(entry.name))
                except OSError:
                    pass
        return found

    def cut(self, role, name):
        """Breaks the connections that a child has on the socket of this name, as if the kernel had; both peers live on."""
        pidfd = os.pidfd_open(self.pid(role))
        count = 0
        try:
            for entry in Path(f"/proc/{self.pid(role)}/fd").iterdir():
                if not os.readlink(entry).startswith("socket:"):
                    continue
                fd = LIBC.syscall(SYS_PIDFD_GETFD, pidfd, int(entry.name), 0)
                if fd < 0:
                    raise PermissionError("pidfd_getfd is not allowed here")
                with socket.socket(fileno=fd) as one:
                    if one.family != socket.AF_UNIX or one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        continue
                    if name in (Path(os.fsdecode(ask() or "")).name for ask in (one.getsockname, one.getpeername)):
                        one.shutdown(socket.SHUT_RDWR)
                        count += 1
        finally:
            os.close(pidfd)
        return count

    # -- database

    def connect(self):
        host = self.server.folder if self.mode == "external" else self.run_dir
        connection = psycopg2.connect(host=str(host), dbname=self.database, user=self.user, password="your_secure_password")
        connection.autocommit = True
        return connection

    def sql(self, text, values=None):
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def psql(self, text, check=True):
        """The same with the psql program, as an operator types it."""
        host = self.server.folder if self.mode == "external" else self.run_dir
        done = subprocess.run(["psql", "-h", str(host), "-U", self.user, "-d", self.database, "-v", "ON_ERROR_STOP=1", "-c", text],
                              capture_output=True, text=True, env={**os.environ, "PGPASSWORD": "your_secure_password"}, timeout=30)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    # -- logs

    def read_log(self):
        text = ""
        for path in (self.log, self.folder / "stderr"):
            try:
                text += path.read_text(errors="replace")
            except OSError:
                pass
        return text

    def log_count(self, pattern):
        try:
            return len(re.findall(pattern, self.log.read_text(errors="replace")))
        except OSError:
            return 0

    def recoveries(self):
        """Every recovery line: (positions, milliseconds)."""
        return [(int(n), Decimal(ms)) for n, ms in
                re.findall(r"Recovery successful: loaded (\d+) positions in (\d+\.\d{3})ms", self.log.read_text(errors="replace"))]

    # -- what must always hold

    def check_books(self):
        """P2 to P6 as far as SQL and HTTP show them. The service must be quiet and healthy."""
        health = wait_until("nothing is pending", lambda: (lambda s, h: h if s == 200 and h["pending"] == 0 else None)(*self.get("/health")))
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("SELECT count(*), coalesce(max(seq), 0), coalesce(min(seq), 1) FROM portfolio_events")
                count, newest, oldest = cursor.fetchone()
                assert (count, oldest) == (newest, 1), f"a gap: {count} events, seq {oldest} to {newest}"
                cursor.execute("SELECT last_seq, digest, closed_equity, initial_capital FROM portfolio_state")
                [(last_seq, digest, closed, initial)] = cursor.fetchall()
                assert last_seq == newest, f"portfolio_state says {last_seq}, the events end at {newest}"
                cursor.execute("SELECT coalesce(sum(amount), 0) FROM equity_ledger")
                assert closed == initial + cursor.fetchone()[0], "the books do not balance"
                cursor.execute("SELECT count(*) FROM portfolio_positions WHERE status = 'open'")
                assert cursor.fetchone()[0] == health["positions"]
                cursor.execute("SELECT fingerprint FROM signal_log GROUP BY fingerprint HAVING count(*) > 1")
                assert cursor.fetchall() == []
        finally:
            connection.close()
        assert (health["stored_seq"], health["digest"]) == (last_seq, digest), "the worker's state is not the stored one"
        assert Decimal(str(health["equity"])) == closed
        done = self.verb("verify")
        assert done.returncode == 0, done.stdout + done.stderr
        return digest
