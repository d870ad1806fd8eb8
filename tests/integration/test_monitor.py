"""`teelog monitor`: a log followed from outside, and every way in which it can go wrong."""
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

from teelogtest import TEELOG, Case, main, record
from tiles_server import Key, Server, Tree, entries_of

ORIGIN = "example.org/log"


class Reading(Case):
    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()


class Real(Reading):
    """A service, and copies of it."""

    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", ORIGIN)
        self.key = self.service.status()["logKey"]
        self.append([record(f"agent-{i % 3}", f"content {i}") for i in range(300)])

    def monitor(self, *options, code=0, at=None, state="state"):
        done = self.teelog("monitor", *(at or ("--data", self.data)), "--state", self.path(state), "--log-key", self.key,
                           "--lag", "0", "--once", "--json", *options, code=code)
        self.said = [json.loads(line) for line in done.stdout.splitlines()]
        self.stderr = done.stderr
        return {(e["event"], e.get("agent", e.get("alarm"))): e for e in self.said}

    def test_follows_a_log_that_grows(self):
        said = self.monitor()
        log = said["log", None]
        size = int(self.service.get("/checkpoint")[2].split(b"\n")[1])
        self.assertEqual((log["size"], log["added"], log["agents"], log["records"]), (size, size, 3, 300))
        self.assertEqual([said["agent", f"agent-{i}"]["count"] for i in range(3)], [101] * 3)
        for n in (1, 5, 211, 600):
            self.append([record("agent-1", f"content {i}") for i in range(n)])
            before, log = log, self.monitor()["log", None]
            self.assertEqual((log["size"], log["added"]), (before["size"] + n, n))
        self.service.stop()
        self.monitor(code=3)
        self.assertIn("cannot reach", self.stderr)
        self.service = self.serve("--origin", ORIGIN)  # a second boot
        self.append([record("agent-2", "more"), record("zoe", "new", alg="ES256K")][:1])
        self.teelog("append", "--data", self.data, "--alg", "ES256K", stdin=json.dumps(record("zoe", "new")) + "\n")
        log = self.monitor()["log", None]
        self.assertEqual((log["boots"], log["agents"], log["sessions"]), (2, 4, 5))
        self.assertEqual(self.read("state/checkpoint"), self.service.get("/checkpoint")[2])
        self.assertEqual(self.monitor()["log", None]["added"], 0)
        self.assertEqual(self.monitor(state="another")["log", None]["added"], log["size"])

    def test_plain_words(self):
        said = self.teelog("monitor", "--data", self.data, "--state", self.path("state"), "--log-key", self.key,
                           "--once").stdout
        self.assertIn("304 entries, 304 of them new; 3 agents, 300 records", said)
        self.assertRegex(said, r"(?m)^ +101 +\d+ +agent-0$")

    def test_follows_a_mirror(self):
        self.teelog("mirror", self.path("public"), "--log-key", self.key, "--data", self.data)
        self.assertEqual(self.monitor(at=(self.path("public"),))["log", None]["size"], 304)
        self.append([record("agent-1", "more")])
        self.assertEqual(self.monitor(at=("file://" + self.path("public"),))["log", None]["size"], 304)
        self.teelog("mirror", self.path("public"), "--log-key", self.key, "--data", self.data)
        self.assertEqual(self.monitor(at=("file://" + self.path("public"),))["log", None]["added"], 1)
        self.monitor(at=(self.path("nothing"),), code=3)

    def test_a_copied_log_is_a_fork(self):
        self.monitor()
        self.service.stop()
        shutil.copytree(self.data, self.path("copy"))
        self.service = self.serve("--origin", ORIGIN)
        self.append([record("agent-1", "paid 5")])
        self.monitor()
        self.service.stop()
        ours = self.read("state/checkpoint")
        shutil.rmtree(self.data)
        shutil.copytree(self.path("copy"), self.data)
        self.service = self.serve("--origin", ORIGIN)
        for n in (1, 300):  # the same size, and more
            self.append([record("agent-1", "paid 50")] * n)
            said = self.monitor(code=1)
            self.assertIn(("alarm", "fork"), said)
            self.assertIn("ALARM (fork)", self.stderr)
            self.assertEqual(self.read("state/fork.known"), ours)
            theirs = self.read("state/fork.shown")
            self.assertTrue(theirs.startswith(ORIGIN.encode()) and theirs != ours)
            if n == 1:
                self.assertEqual(theirs, self.service.get("/checkpoint")[2])
        self.assertEqual(self.read("state/checkpoint"), ours)

    def test_an_older_disk_is_a_rollback(self):
        self.service.stop()
        shutil.copytree(self.data, self.path("old"))
        self.service = self.serve("--origin", ORIGIN)
        self.append([record("agent-1", "paid 5")] * 5)
        self.monitor()
        self.service.stop()
        shutil.rmtree(self.data)
        shutil.copytree(self.path("old"), self.data)
        self.service = self.serve("--origin", ORIGIN)
        said = self.monitor(code=1)
        self.assertIn(("alarm", "rollback"), said)
        self.assertEqual(self.read("state/rollback.shown"), self.service.get("/checkpoint")[2])

    def test_goes_on_until_it_is_told_to_stop(self):
        args = [TEELOG, "monitor", "--data", self.data, "--state", self.path("state"), "--log-key", self.key, "--lag", "0",
                "--interval", "1", "--json"]
        p = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        for stream in (p.stdout, p.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(p.kill)

        def next_log():
            while True:
                said = json.loads(p.stdout.readline())
                if said["event"] == "log":
                    return said

        self.assertEqual(next_log()["added"], 304)
        self.append([record("agent-1", "more")])
        self.assertEqual(next_log()["added"], 1)
        self.service.stop()
        self.assertIn("trying again every 1 seconds", p.stderr.readline())
        self.service = self.serve("--origin", ORIGIN)
        self.assertGreater(next_log()["added"], 0)  # ends, and the boot
        self.assertIn("another process", self.teelog("monitor", *args[2:], "--once", code=3).stderr)
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(30), 0)


class Base(Reading):
    """Logs under a key of the test's own, made of what a service said."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        case = Real("setUp")
        case.setUp()
        size = 1100
        case.append([record(f"agent-{i % 3}", f"content {i}", ref=None) for i in range(size)])
        cls.entries = entries_of(lambda path: case.service.get(path)[2], size)
        case.doCleanups()

    def setUp(self):
        super().setUp()
        self.key = Key(ORIGIN, self.dir)
        self.server = Server()
        self.addCleanup(self.server.close)

    def tree(self, size, without=None, last=None):
        entries = list(self.entries)
        if without is not None:
            del entries[without]
        if last is not None:
            entries[size - 1] = last
        return Tree(self.key, entries, size)

    def monitor(self, *options, code=0, where="/some/prefix/"):
        key = () if "--policy" in options else ("--log-key", self.key.verifier())
        lag = () if "--lag" in options else ("--lag", "0")
        done = self.teelog("monitor", self.server.url + where, "--state", self.path("state"), *key, *lag, "--once",
                           "--json", *options, code=code)
        self.said = [json.loads(line) for line in done.stdout.splitlines()]
        self.stderr = done.stderr
        return {(e["event"], e.get("agent", e.get("alarm"))): e for e in self.said}

    def put(self, tree):
        self.server.put(tree, "some/prefix/")

    def alarm(self, name, *options):
        """It shouts so, only so, and knows no more than before."""
        before = self.known()
        said = self.monitor(*options, code=1)
        self.assertEqual([k for k in said if k[0] == "alarm"], [("alarm", name)], self.stderr)
        self.assertIn(f"ALARM ({name})", self.stderr)
        self.assertEqual(self.known(), before)
        return said["alarm", name]

    def known(self):
        return self.read("state/state") if os.path.exists(self.path("state/state")) else None


class Dripping(threading.Thread):
    """Answers with lines of a head, and never a last one."""

    def __init__(self, pause):
        super().__init__(daemon=True)
        self.pause = pause
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.answer, args=(self.socket.accept()[0],), daemon=True).start()

    def answer(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                connection.sendall(b"X: y\r\n")
                time.sleep(self.pause)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.join()


class Made(Base):
    def test_grows_tile_by_tile(self):
        for size in (1, 2, 255, 256, 257, 511, 512, 513, 900, 1024, 1100):
            self.put(self.tree(size))
            self.assertEqual(self.monitor()["log", None]["size"], size)
        self.assertFalse([p for p in self.server.asked if not p.startswith("/some/prefix/")])

    def test_connections_that_end(self):
        """As web servers end them after some requests."""
        self.put(self.tree(1100))
        for patience in (1, 2, 3, 5):
            self.server.patience = patience
            shutil.rmtree(self.path("state"), ignore_errors=True)
            self.assertEqual(self.monitor()["log", None]["size"], 1100)

    def test_every_tile_is_looked_at(self):
        for path, good in self.tree(700).files().items():
            if path == "checkpoint":
                continue
            for first in (None, 300, 650):  # of nothing known, or not
                shutil.rmtree(self.path("state"), ignore_errors=True)
                self.server.files, self.server.hook = {}, None
                if first:
                    self.put(self.tree(first))
                    self.monitor()
                self.put(self.tree(700))
                number = int(path.split("/")[2].split(".")[0])
                if first and (path.startswith("tile/1") or number < first // 256):
                    number = None  # not asked for again: it was seen before, or is an older width of it
                with self.subTest(path=path, first=first):
                    seen = "/some/prefix/" + path
                    self.server.hook = lambda p: good[:-1] + bytes([good[-1] ^ 1]) if p == seen else None
                    if path.startswith("tile/1") or number is not None:
                        said = self.monitor(code=1)
                        self.assertIn([k for k in said if k[0] == "alarm"],
                                      ([("alarm", "gap")], [("alarm", "rewrite")]), self.stderr)
                        for change in (good[:-1], good + b"x", b""):
                            self.server.hook = lambda p: change if p == seen else None
                            self.monitor(code=1)
                        self.server.hook = None
                        kept = self.server.files.pop("some/prefix/" + path)
                        self.alarm("gap")
                        self.server.files["some/prefix/" + path] = kept
                    self.server.hook = None
                    self.assertEqual(self.monitor()["log", None]["size"], 700)

    def test_a_record_that_is_left_out(self):
        """The log signs a tree without one statement: what comes after it does not fit any more."""
        for first in (None, 300):
            shutil.rmtree(self.path("state"), ignore_errors=True)
            if first:
                self.put(self.tree(first))
                self.monitor()
            self.put(self.tree(700, without=500))
            said = self.alarm("statement")
            self.assertIn("seq", said["text"])
            self.assertGreaterEqual(said["index"], 500)

    def test_statements_that_a_log_must_not_have(self):
        at = 600
        good = self.entries[at]
        forged = good[:-1] + bytes([good[-1] ^ 1])
        for last, word in ((forged, "signature"), (b"junk", "not a statement"), (b"", "not a statement"),
                           (self.entries[at - 1], "seq"), (self.entries[0], "time")):
            with self.subTest(word=word):
                shutil.rmtree(self.path("state"), ignore_errors=True)
                self.put(self.tree(at + 1, last=last))
                said = self.alarm("statement")
                self.assertIn(word, said["text"])
                self.assertEqual(said["index"], at)

    def test_another_history(self):
        self.put(self.tree(600))
        self.monitor()
        ours = self.tree(600).note()
        for size in (600, 601, 700, 1099):
            with self.subTest(size=size):
                self.server.files = {}
                other = self.tree(size, without=400)
                self.put(other)
                self.alarm("fork")
                self.assertEqual(self.read("state/fork.known"), ours)
                self.assertEqual(self.read("state/fork.shown"), other.note())
                os.unlink(self.path("state/fork.shown"))
        # Its tiles are withheld: then nothing is proven, and it is an alarm all the same.
        self.server.files = {k: v for k, v in self.server.files.items() if "/tile/" not in k}
        self.alarm("gap")
        # They are those of the history that is known: what was signed is not what is shown.
        tiles = self.tree(1099).files()
        self.server.files.update({"some/prefix/" + k: v for k, v in tiles.items() if k != "checkpoint"})
        self.alarm("rewrite")
        self.server.files = {}
        self.put(self.tree(1100))
        self.assertEqual(self.monitor()["log", None]["added"], 500)

    def test_an_older_checkpoint(self):
        self.put(self.tree(600))
        self.monitor()
        self.put(self.tree(599))
        self.alarm("rollback")
        # A cache may be behind for a while.
        notes = [self.tree(599).note()] * 2 + [self.tree(600).note()] * 2
        self.server.hook = lambda p: notes.pop(0) if p.endswith("checkpoint") and len(notes) > 1 else None
        self.put(self.tree(600))
        self.assertEqual(self.monitor("--lag", "20")["log", None]["size"], 600)

    def test_a_smaller_checkpoint_of_another_history(self):
        """Two copies behind one address: it is no cache, however soon the known one is there again."""
        self.put(self.tree(600))
        self.monitor()
        other = Tree(self.key, [b"another"] + self.entries, 599).note()
        notes = [other]
        self.server.hook = lambda p: notes.pop() if notes and p.endswith("checkpoint") else None
        self.alarm("fork", "--lag", "20")
        self.assertEqual(self.read("state/fork.known"), other)
        # And where it stays there it is not only a rollback.
        shutil.rmtree(self.path("state"))
        self.monitor()
        self.server.hook = lambda p: other if p.endswith("checkpoint") else None
        self.alarm("fork")

    def test_a_tile_that_a_cache_has_not_yet(self):
        self.put(self.tree(600))
        bundle = "some/prefix/tile/entries/001"
        late = [threading.Timer(0.5, self.server.files.__setitem__, (bundle, self.server.files.pop(bundle)))]

        def hook(path):
            if path == "/" + bundle and late:
                late.pop().start()
        self.server.hook = hook
        self.assertEqual(self.monitor("--lag", "4")["log", None]["size"], 600)

    def test_a_fork_is_never_over(self):
        self.put(self.tree(600))
        self.monitor()
        self.put(self.tree(700, without=400))
        self.alarm("fork")
        self.server.files = {}
        self.put(self.tree(600))
        for _ in range(2):
            self.assertIn("until you have moved", self.alarm("fork")["text"])
        self.put(self.tree(650))
        said = self.monitor(code=1)  # it goes on, and says so
        self.assertEqual((said["log", None]["added"], ("alarm", "fork") in said), (50, True))
        for name in ("known", "shown"):
            os.rename(self.path("state/fork." + name), self.path(name))
        self.monitor()

    def test_proof_is_not_kept_out_by_what_is_none(self):
        self.put(self.tree(600))
        self.monitor()
        self.put(self.tree(700))
        self.server.hook = lambda p: bytes(32 * 188) if "/tile/0/002" in p or "/tile/1/" in p else None
        self.alarm("rewrite")  # damaged on the way
        self.server.hook = None
        self.monitor()
        other = Tree(self.key, [b"another"] + self.entries, 710).note()
        self.put(self.tree(710))
        self.server.files["some/prefix/checkpoint"] = other
        self.alarm("rewrite")
        self.assertEqual(self.read("state/rewrite.2.shown"), other)
        self.assertEqual(self.read("state/rewrite.shown"), self.tree(700).note())

    def test_a_fault_is_not_forgotten_when_the_log_goes_silent(self):
        self.put(self.tree(600))
        self.monitor()
        self.put(self.tree(701, last=b"junk"))

        def silent(path):
            if "/tile/0/" in path or "/tile/1/" in path:
                raise ConnectionError
        self.server.hook = silent
        self.assertIn("index 700", self.alarm("gap")["text"])

    def test_what_cannot_be_said_is_an_error(self):
        self.put(self.tree(600))
        with open("/dev/full", "w") as full:
            done = subprocess.run([TEELOG, "monitor", self.server.url + "/some/prefix", "--state", self.path("state"),
                                   "--log-key", self.key.verifier(), "--json"], stdout=full, stderr=subprocess.PIPE,
                                  text=True, env=self.env, timeout=120)
        self.assertEqual(done.returncode, 3)
        self.assertIn("standard output", done.stderr)

    def test_what_is_no_file_is_not_waited_for(self):
        os.mkdir(self.path("public"))
        os.mkfifo(self.path("public/checkpoint"))
        folder = ("--state", self.path("state"), "--log-key", self.key.verifier(), "--once")
        self.assertIn("not a file", self.teelog("monitor", self.path("public"), *folder, code=3).stderr)
        os.mkfifo(self.path("state/state"))
        self.assertIn("not a file", self.teelog("monitor", self.path("public"), *folder, code=3).stderr)

    def test_checkpoints_that_do_not_verify(self):
        self.put(self.tree(600))
        self.monitor()
        good = self.tree(700).note()
        other = Key(ORIGIN, self.dir, seed=b"\x08" * 32)
        for note in (good[:-4] + b"AA==\n", good.replace(b"700\n", b"701\n"), Tree(other, self.entries, 700).note(),
                     b"", b"junk", good.replace(b"\n\n", b"\nextension\n\n"), good * 2, b"x" * 70000,
                     Tree(Key("example.org/other", self.dir), self.entries, 700).note()):
            self.put(self.tree(700))
            self.server.files["some/prefix/checkpoint"] = note
            self.alarm("checkpoint")
        self.server.files["some/prefix/checkpoint"] = good
        self.monitor()

    def test_an_alarm_lasts_as_long_as_its_cause(self):
        """It is told once, and so is its end; the exit code remembers it."""
        self.put(self.tree(600))
        p = subprocess.Popen([TEELOG, "monitor", self.server.url + "/some/prefix", "--state", self.path("state"),
                              "--log-key", self.key.verifier(), "--lag", "0", "--interval", "1", "--json"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.env)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.kill)

        def until(event):
            while True:
                said = json.loads(p.stdout.readline())
                seen.append(said["event"])
                if said["event"] == event:
                    return said

        seen = []
        self.assertEqual(until("log")["size"], 600)
        self.server.files["some/prefix/checkpoint"] = b"junk"
        self.assertEqual(until("alarm")["alarm"], "checkpoint")
        looks = len(self.server.asked)
        while len(self.server.asked) < looks + 3:  # it looks again, and says nothing more
            time.sleep(0.05)
        self.put(self.tree(700))
        self.assertEqual(until("log")["size"], 700)
        self.assertEqual(until("over")["alarm"], "checkpoint")
        self.assertEqual(seen.count("alarm"), 1)
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(60), 1)

    def test_a_service_that_is_no_log(self):
        self.monitor(code=3)
        self.server.close()
        self.monitor(code=3)
        self.server = Server()

    def test_a_static_copy_that_moves_on(self):
        """Between checkpoint and tiles the copy has grown, and dropped the tiles that it needs no more."""
        old, new = self.tree(600), self.tree(700)
        self.server.put(new, "some/prefix/")
        notes = [old.note()]
        self.server.hook = lambda p: notes.pop() if notes and p.endswith("checkpoint") else None
        self.assertEqual(self.monitor()["log", None]["size"], 700)

    def test_a_state_that_was_altered(self):
        self.put(self.tree(600))
        self.monitor()
        good = self.known()
        note = good.index(b"\n")
        for data in (b"", good[:-1], good + b"\0", good[:note] + b"x" + good[note + 1:],
                     good.replace(b"600\n", b"601\n", 1), good.replace(self.tree(600).hashes[599], bytes(32)),
                     good.replace(b"agent-1", b"agent-\xff"), good.replace(b"agent-1", b"agent-2")):
            self.assertNotEqual(data, good)
            with open(self.path("state/state"), "wb") as f:
                f.write(data)
            done = self.monitor(code=3)
            self.assertEqual(done, {})
            self.assertIn("not what a monitor of this log left", self.stderr)
        with open(self.path("state/state"), "wb") as f:
            f.write(good)
        other = self.key
        self.key = Key("example.org/other", self.dir)
        self.monitor(code=3)
        self.key = other
        self.monitor()


class Witnessed(Base):
    """Witnesses are this test: what they show is what it says."""

    def setUp(self):
        super().setUp()
        self.witnesses = [Key(f"w{i}.example", self.dir, 4, bytes([i + 1]) * 32) for i in range(3)]
        hexed = hashlib.sha256(ORIGIN.encode()).hexdigest()
        self.shown = [f"w{i}/{hexed}/checkpoint" for i in range(3)]
        with open(self.path("policy"), "w") as f:
            f.write(f"log {self.key.verifier()}\n")
            for i, w in enumerate(self.witnesses):
                f.write(f"witness w{i} {w.verifier()} {self.server.url}/w{i}/\n")
            f.write("group g 2 w0 w1 w2\nquorum g\n")

    def witness(self, i, tree, when):
        self.server.files[self.shown[i]] = tree.note() + self.witnesses[i].line(tree.text(), when)

    def monitor(self, *options, **more):
        return super().monitor("--policy", self.path("policy"), *options, **more)

    def test_quorum_and_age(self):
        now = int(time.time())
        tree = self.tree(600)
        self.put(tree)
        said = self.monitor()  # nobody shows anything
        self.assertNotIn("cosignedSize", said["log", None])
        self.assertIn("no quorum", self.monitor("--max-age", "60", code=1)["alarm", "stale"]["text"])
        self.witness(0, tree, now - 1000)
        self.assertNotIn("cosignedSize", self.monitor()["log", None])
        self.witness(2, self.tree(590), now - 10)
        self.assertNotIn("cosignedSize", self.monitor()["log", None])  # of two trees
        self.witness(2, tree, now - 10)
        log = self.monitor("--max-age", "2000")["log", None]
        self.assertEqual((log["cosignedSize"], log["cosignedTime"]), (600, now - 1000))
        self.assertIn("stale", [k[1] for k in self.monitor("--max-age", "900", code=1)])
        self.witness(1, tree, now - 5)
        self.assertEqual(self.monitor("--max-age", "900")["log", None]["cosignedTime"], now - 10)
        # In the log's own note they count as well, and a false one there spoils it.
        lines = [w.line(tree.text(), now) for w in self.witnesses]
        self.server.files["some/prefix/checkpoint"] = tree.note() + lines[0] + lines[1]
        self.assertEqual(self.monitor()["log", None]["cosignedTime"], now)
        self.server.files["some/prefix/checkpoint"] = tree.note() + lines[0] + self.witnesses[1].line(b"x", now)
        self.alarm("checkpoint")

    def test_a_split_view_is_found(self):
        """The log tells us one history, and a witness another."""
        now = int(time.time())
        self.put(self.tree(600))
        self.monitor()
        for size in (1, 300, 599, 600):
            other = Tree(self.key, [b"another"] + self.entries, size)
            self.witness(1, other, now)
            self.alarm("fork")
            self.assertEqual({self.read("state/fork.known"), self.read("state/fork.shown")},
                             {self.tree(600).note(), self.server.files[self.shown[1]]})
            os.unlink(self.path("state/fork.shown"))
        # More than the log shows: it was put back, or keeps something from us.
        self.witness(1, self.tree(601), now)
        self.alarm("rollback")
        self.put(self.tree(601))
        self.monitor()
        self.witness(1, self.tree(300), now)  # behind, and no harm
        self.monitor()

    def test_a_split_view_is_found_while_the_log_is_away(self):
        now = int(time.time())
        self.put(self.tree(600))
        self.monitor()
        self.server.files = {}
        other = Tree(self.key, [b"another"] + self.entries, 600)
        self.witness(2, other, now)
        self.alarm("fork")
        self.assertEqual(self.read("state/fork.known"), self.tree(600).note())
        self.assertEqual(self.read("state/fork.shown"), self.server.files[self.shown[2]])
        shutil.rmtree(self.path("state"))
        self.witness(1, self.tree(600), now)  # of nothing known: two witnesses are enough
        self.server.files["some/prefix/checkpoint"] = b""
        self.assertIn(("alarm", "fork"), self.monitor(code=1))
        self.assertTrue(os.path.exists(self.path("state/fork.shown")))

    def test_a_split_view_is_found_where_the_tree_is_withheld(self):
        self.put(self.tree(600))
        self.monitor()
        self.put(self.tree(650))
        self.witness(1, Tree(self.key, [b"another"] + self.entries, 650), int(time.time()))

        def silent(path):
            if "/tile/" in path:
                raise ConnectionError
        self.server.hook = silent
        self.alarm("fork")

    def test_a_log_that_is_started_again(self):
        self.put(self.tree(600))
        self.monitor()
        self.server.files = {}
        self.witness(1, self.tree(700), int(time.time()))
        for _ in range(2):
            self.monitor(code=3)
        self.put(self.tree(700))
        self.monitor()

    def test_a_copy_that_is_behind_and_grows(self):
        self.put(self.tree(600))
        self.monitor()
        self.put(self.tree(708))
        self.witness(1, self.tree(708), int(time.time()))
        notes = [self.tree(600 + 9 * i).note() for i in range(13)]
        began = time.monotonic()

        def behind(path):
            return notes[min(int(time.monotonic() - began), 12)] if path.endswith("prefix/checkpoint") else None
        self.server.hook = behind
        self.server.asked.clear()
        self.assertEqual(self.monitor("--lag", "60")["log", None]["added"], 108)
        self.assertLess(self.server.asked.count("/some/prefix/checkpoint"), 8)  # less and less often

    def alarm_before(self, held, slow, *options):
        """It is said that there is no quorum once slow was answered, and before held is; each is asked of a path."""
        heard, in_time = threading.Event(), []

        def hook(path):
            if slow(path):
                time.sleep(2.5)
            if held(path):
                in_time.append(heard.wait(15))
            return None
        self.server.hook = hook
        args = ["--log-key", self.key.verifier(), "--policy", self.path("policy"), "--max-age", "1", "--json", "--once"]
        p = subprocess.Popen([TEELOG, "monitor", self.server.url + "/some/prefix", "--state", self.path("state"), *args,
                              *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.env)
        with p:
            for line in p.stdout:
                if json.loads(line).get("alarm") == "stale":
                    heard.set()
        self.assertEqual(p.returncode, 1)
        self.assertEqual(in_time[:1], [True])

    def test_age_is_looked_at_while_it_takes_long(self):
        self.put(self.tree(600))
        for i in range(2):
            self.witness(i, self.tree(600), int(time.time()) + 3600)
        self.alarm_before(lambda p: p.endswith("entries/001"), lambda p: p.endswith("entries/000"))  # a tree without end
        self.alarm_before(lambda p: p.endswith("prefix/checkpoint"), lambda p: p.startswith("/w0/"))
        smaller, asked = self.tree(590).note(), []
        self.server.files["some/prefix/checkpoint"] = smaller
        self.alarm_before(lambda p: p.endswith("prefix/checkpoint") and (asked.append(p) or len(asked) == 4),
                          lambda p: False, "--lag", "20")

    def test_a_head_without_end(self):
        with open(self.path("policy")) as f:
            text = f.read()
        self.put(self.tree(600))
        url = self.server.url
        # Of too many lines; and of fewer in all the time that there is.
        for pause, what in (0.01, "does not speak"), (0.4, "not answered whole"):
            drips = Dripping(pause)
            self.addCleanup(drips.close)
            with open(self.path("policy"), "w") as f:
                f.write(text.replace(url + "/w1/", drips.url + "/"))
            self.server.url = drips.url
            self.monitor(code=3)
            witness, log = [line for line in self.stderr.splitlines() if what in line]
            self.assertIn("w1.example cannot be asked", witness)
            self.assertNotIn("w1.example", log)
        self.server.url = url
        with open(self.path("policy"), "w") as f:
            f.write(text)
        self.monitor()

    def test_witnesses_at_fault(self):
        """No alarm: nothing in it is of the log's making."""
        now = int(time.time())
        tree = self.tree(600)
        self.put(tree)
        for note in (b"", b"junk", Tree(Key(ORIGIN, self.dir, seed=b"\x09" * 32), self.entries, 10).note(), b"x" * 70000):
            self.server.files[self.shown[0]] = note
            self.monitor()
            self.assertIn("the witness w0.example", self.stderr)
        self.witness(0, tree, now)
        self.server.files[self.shown[1]] = tree.note() + self.witnesses[1].line(b"x", now)
        self.assertNotIn("cosignedSize", self.monitor()["log", None])
        self.witness(2, tree, now)
        self.assertEqual(self.monitor()["log", None]["cosignedTime"], now)  # of the two others
        with open(self.path("policy")) as f:
            text = f.read()
        with open(self.path("policy"), "w") as f:
            f.write(text.replace(self.server.url + "/w1/", "http://127.0.0.1:1/"))
        self.monitor()
        self.assertIn("w1.example cannot be asked", self.stderr)


if __name__ == "__main__":
    main()
