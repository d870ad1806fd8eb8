"""Logs with witnesses, for tests of what becomes of both: each witness behind a door of the
test's own, at which all that passes is written down, and at which it can be made to lie. What was
seen is held against the model (docs/model.md)."""
import base64
import contextlib
import functools
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import host
from teelogtest import ROOT, TEELOG, Case, Service, lines, record

sys.path.insert(0, str(ROOT / "tests" / "model"))
import trace  # noqa: E402, pylint: disable=wrong-import-position

threading.excepthook = threading.__excepthook__  # host has one that ends the whole test

LONG = 120  # seconds that something may take on a slow machine
ORIGIN = "example.org/log"
SIZE_TYPE = "text/x.tlog.size"


@functools.cache
def say_once(text):
    print(text, file=sys.stderr)


def note_of(note):
    """[size, root in hex] of a note, bytes or text."""
    text = note.decode() if isinstance(note, bytes) else note
    size, root = text.split("\n")[1:3]
    return [int(size), base64.b64decode(root).hex()]


@contextlib.contextmanager
def database_of(data):
    """A copy of it, with what was not moved out of the write-ahead log."""
    with tempfile.TemporaryDirectory(prefix="teelog-test-") as folder:
        for name in os.listdir(data):
            if name.startswith("teelog.db"):
                shutil.copy(os.path.join(data, name), folder)
        db = sqlite3.connect(os.path.join(folder, "teelog.db"))
        yield db
        db.close()


def disk_of(data):
    """(head, leaves) of a stopped service's folder: what a trace has of them."""
    if not os.path.exists(os.path.join(data, "teelog.db")):
        return None, []
    with database_of(data) as db:
        (head,) = db.execute("SELECT value FROM meta WHERE name = 'head'").fetchone()
        rows = db.execute("SELECT statement FROM leaf ORDER BY idx").fetchall()
    (size, root, *_), _ = host.cbor(head)
    return [size, root.hex()], [
        [hashlib.sha256(b"\0" + s).hexdigest(),
         "boot" if b"teelog.boot" in s else "heads" if b"teelog.heads" in s else ""] for (s,) in rows]


class Witness:
    """`teelog witness`, which can be stopped, put back and started again."""

    def __init__(self, case, number, log_key):
        self.case, self.number, self.process = case, number, None
        self.data = case.path(f"w{number}")
        self.log_key, self.listen = log_key, "127.0.0.1:0"
        self.passing = threading.Lock()  # what is asked of it and what was seen of that are one step
        self.start()

    def start(self):
        args = [TEELOG, "witness", "--data", self.data, "--name", f"w{self.number}.example", "--listen",
                self.listen, "--log", self.log_key, "--json"]
        self.process = subprocess.Popen(args, stdout=subprocess.PIPE, text=True, env=self.case.env)
        ready = json.loads(self.process.stdout.readline())
        self.listen, self.key = ready["listening"], ready["key"]

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(LONG)
        self.process.stdout.close()

    def ask(self, method, path, body=None):
        """(status, Content-Type, body), or None where it is down."""
        c = http.client.HTTPConnection(self.listen, timeout=LONG)
        try:
            c.request(method, path, body)
            answer = c.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        except OSError:
            return None
        finally:
            c.close()


class Door(http.server.ThreadingHTTPServer):
    """Where one log reaches one witness. behave(method, path, body, pass_on) answers in its place;
    pass_on() asks the witness. None is a connection that is cut."""

    daemon_threads = True

    def __init__(self, case, log, witness):
        super().__init__(("127.0.0.1", 0), Passage)
        self.case, self.log, self.witness = case, log, witness
        self.behave = None
        self.run = 0  # of the service: odd while one runs
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a service that was killed

    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, method, path, body):
        with self.witness.passing:
            run = self.run
            if run % 2 == 0:
                return None
            if method == "POST":
                size, root = note_of(body.split(b"\n\n", 1)[1])
                self.case.saw("note", self.log, size=size, root=root)

        def pass_on():
            with self.witness.passing:
                if self.run != run:
                    return None  # cut off with the service that asked
                got = self.witness.ask(method, path, body)
                if method == "POST" and got and got[0] == 200:
                    self.case.saw("cosigned", self.log, witness=self.witness.number, size=size, root=root)
                return got
        return self.behave(method, path, body, pass_on) if self.behave else pass_on()


class Passage(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def pass_through(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        got = self.server.answer(self.command, self.path, body)
        if got is None:
            self.close_connection = True
            return
        status, kind, data = got
        self.wfile.write(b"HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
            status, kind.encode(), len(data), data))

    do_GET = do_POST = pass_through


class Log:
    """A folder on which one service at a time runs, and its doors to the witnesses."""

    def __init__(self, case, number):
        self.case, self.number = case, number
        self.home = case.path(f"p{number}")
        self.data = os.path.join(self.home, "log")
        os.mkdir(self.home)
        self.doors = [Door(case, number, w) for w in case.witnesses]
        self.policy = os.path.join(self.home, "witnesses")
        with open(self.policy, "w", encoding="utf-8") as f:
            for w, door in zip(case.witnesses, self.doors):
                f.write(f"witness w{w.number} {w.key} {door.url()}\n")
            f.write(f"group all {case.quorum} {' '.join(f'w{w.number}' for w in case.witnesses)}\nquorum all\n")
        self.service = None

    def start(self, *options):
        self.case.saw("begin", self.number, head=disk_of(self.data)[0])
        self.turn()
        self.service = Service(self.home, "--origin", ORIGIN, "--witnesses", self.policy, "--faulty",
                               str(self.case.faulty), *self.case.options, *options, env=self.case.env)
        self.case.assertIn("ready", self.service.ready)
        return self

    def stop(self, number=signal.SIGTERM):
        """Stops it, keeps what it said, and looks at what it left."""
        if self.service is None:
            return
        self.service.stop(number)
        self.said = self.service.process.stderr.read()
        self.service.__exit__()
        self.service = None
        self.turn()
        head, leaves = disk_of(self.data)
        self.case.saw("end", self.number, head=head, leaves=leaves)

    def turn(self):
        """The doors open, or close once what is on its way to a witness was seen."""
        for door in self.doors:
            with door.witness.passing:
                door.run += 1

    def status(self):
        return self.service.status()

    def until(self, condition, what):
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            status = self.status()
            if condition(status):
                return status
            time.sleep(0.05)
        self.case.fail(f"not {what} in {LONG} s: {status}")

    def until_open(self):
        return self.until(lambda s: s["fence"] == "open", "open")

    def until_frozen(self):
        status = self.until(lambda s: s["frozen"], "frozen")
        fork = status.get("fork")
        self.case.saw("frozen", self.number, theirs=note_of(fork["theirs"]) if fork else None)
        return status

    def append(self, *records, cosigned=False, timeout=60, code=0):
        """The answers of `teelog append`."""
        options = ["--wait-cosigned", "--timeout", str(timeout)] if cosigned else []
        done = self.case.teelog("append", "--data", self.data, *options, stdin=lines(records), code=code)
        self.error = done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        for a in answers:
            if "class" in a:
                self.case.saw("ack", self.number, index=a["index"], size=a["treeSize"], **{"class": a["class"]})
        return answers

    def copy_to(self, other):
        shutil.rmtree(other.data, ignore_errors=True)
        shutil.copytree(self.data, other.data, ignore=shutil.ignore_patterns("*.sock"))

    def keep(self, name):
        """Its folder as it is now: the host's copy."""
        kept = self.case.path(name)
        shutil.copytree(self.data, kept, ignore=shutil.ignore_patterns("*.sock"))
        return kept

    def put_back(self, kept):
        shutil.rmtree(self.data)
        shutil.copytree(kept, self.data)

    def log_seed(self):
        """Of the log's own key: what a host never has, but of a simulated platform."""
        with database_of(self.data) as db:
            (log_id,) = db.execute("SELECT value FROM meta WHERE name = 'log_id'").fetchone()
        sealing = pathlib.Path(self.data, "sim", "sealing.key").read_bytes()
        extracted = hmac.digest(log_id, sealing, "sha256")
        return hmac.digest(extracted, b"teelog/log-key/v1\0" + ORIGIN.encode() + b"\x01", "sha256")


class WitnessedCase(Case):
    """n witnesses, k of which are a quorum, and logs."""

    count, quorum, faulty, options = 3, 2, 0, ()
    liars = ()  # numbers of witnesses that the model is not to trust

    def setUp(self):
        super().setUp()
        self.events, self.lock = [], threading.Lock()
        self.logs, self.witnesses = [], []

    def saw(self, do, log, **more):
        with self.lock:
            self.events.append({"do": do, "log": log, **more})

    def begin(self, *options):
        """A log that the witnesses know, running."""
        first = self.path("p0")
        os.mkdir(first)
        with Service(first, "--origin", ORIGIN, env=self.env) as service:  # which makes the key
            self.log_key = service.status()["logKey"]
        for number in range(self.count):
            self.witnesses.append(Witness(self, number, self.log_key))
            self.addCleanup(self.witnesses[-1].stop)
        os.rename(first, self.path("genesis"))
        log = self.another()
        os.rename(os.path.join(self.path("genesis"), "log"), log.data)
        head, leaves = disk_of(log.data)
        self.saw("begin", 0, head=None)
        self.saw("end", 0, head=head, leaves=leaves)
        log.start(*options).until_open()
        return log

    def another(self):
        """A folder beside it, empty."""
        log = Log(self, len(self.logs))
        self.logs.append(log)
        self.addCleanup(lambda: log.service and log.service.__exit__())
        for door in log.doors:
            self.addCleanup(door.server_close)
            self.addCleanup(door.shutdown)
        return log

    refused = trace.Refused

    def judge(self, replays=False):
        """Ends the services, and holds what was seen of them against the model."""
        for log in self.logs:
            log.stop()
        if not shutil.which("spin"):
            say_once("spin is not installed: nothing that was seen is held against the model")
            return
        honest = [w.number for w in self.witnesses if w.number not in self.liars]
        trace.check(self.events, honest, self.quorum, self.faulty, "--degraded-starts" in self.options, replays,
                    self.count)

    def sign(self, log, size, root):
        """A checkpoint under the log's key, over a tree that it never had."""
        key = log.log_seed()
        text = f"{ORIGIN}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
        paths = [self.path(name) for name in ("seed.der", "text")]
        for path, data in zip(paths, (bytes.fromhex("302e020100300506032b657004220420") + key, text)):
            pathlib.Path(path).write_bytes(data)
        done = subprocess.run(["openssl", "pkeyutl", "-sign", "-keyform", "DER", "-inkey", paths[0], "-rawin",
                               "-in", paths[1]], check=True, stdout=subprocess.PIPE, timeout=60)
        key_id = bytes.fromhex(self.log_key.split("+")[1])
        return text + b"\n\xe2\x80\x94 " + ORIGIN.encode() + b" " + base64.b64encode(key_id + done.stdout) + b"\n"


__all__ = ["LONG", "ORIGIN", "SIZE_TYPE", "WitnessedCase", "Log", "note_of", "record"]
