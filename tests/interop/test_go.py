"""Programs in Go that others wrote, with a log of ours: the checksum database's own packages
(golang.org/x/mod/sumdb/note and tlog) read its notes and tiles, and torchwood's litewitness
cosigns its checkpoints. Skipped where there is no Go, or nowhere to get the modules from; go.sum
pins them."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from rfc6962 import consistency  # noqa: E402
from teelogtest import Case, record  # noqa: E402
from tiles_server import Key, Server, Tree, entries_of  # noqa: E402

ORIGIN = "example.org/log"
WITNESS = "filippo.io/torchwood/cmd/litewitness"
built = None  # a folder, or why there is none


def build():
    """What Go makes of tests/interop/go, once: (folder, None) or (None, why not)."""
    if not shutil.which("go"):
        return None, "there is no Go"
    out = tempfile.mkdtemp(prefix="teelog-test-")
    unittest.addModuleCleanup(shutil.rmtree, out, ignore_errors=True)
    env = dict(os.environ, GOFLAGS="-mod=readonly", GOTOOLCHAIN="local", CGO_ENABLED="0")
    done = subprocess.run(["go", "build", "-o", out + "/", ".", WITNESS], cwd=HERE / "go", env=env, check=False,
                          capture_output=True, text=True, timeout=1500)
    return (out, None) if done.returncode == 0 else (None, "Go cannot build: " + done.stderr[-300:])


class Go(Case):
    def setUp(self):
        global built
        super().setUp()
        built = built or build()
        if built[1]:
            self.skipTest(built[1])
        self.bin = built[0]
        self.service = self.serve("--origin", ORIGIN, "--listen", "127.0.0.1:0")
        self.url = "http://" + self.service.ready.split("listening on ")[1].split(",")[0]
        self.key = self.service.status()["logKey"]

    def grow(self, n):
        self.append([record(f"agent-{i % 3}", f"content {i}") for i in range(n)])

    def go(self, *args, good=True):
        done = subprocess.run([os.path.join(self.bin, "interop"), *args], capture_output=True, text=True, timeout=300,
                              check=False)
        self.assertEqual(done.returncode == 0, good, done.stderr)
        return done.stdout if good else done.stderr

    def entries(self):
        size = int(self.service.get("/checkpoint")[2].split(b"\n")[1])
        return entries_of(lambda path: self.service.get(path)[2], size)


class Tiles(Go):
    def test_every_record_is_in_the_tree(self):
        self.grow(600)
        entries = self.entries()
        said = self.go("read", self.url, self.key).splitlines()
        self.assertEqual(said[-1], f"size {len(entries)}")
        self.assertEqual(said[:-1], [f"{base64.b64encode(hashlib.sha256(bytes(1) + e).digest()).decode()} {len(e)}"
                                     for e in entries])

    def test_it_only_grew(self):
        for n in (1, 260, 300, 5):
            note = self.service.get("/checkpoint")[2]
            with open(self.path("note"), "wb") as f:
                f.write(note)
            self.grow(n)
            old, size = int(note.split(b"\n")[1]), len(self.entries())
            self.assertEqual(self.go("grown", self.url, self.key, self.path("note")), f"grown from {old} to {size}\n")

    def test_a_proof_of_theirs_verifies_here(self):
        self.grow(300)
        for index in (0, 255, 256, 301):
            proof = self.go("prove", self.url, self.key, str(index))
            with open(self.path("p.tlog-proof"), "w") as f:
                f.write(proof)
            with open(self.path("policy"), "w") as f:
                f.write(f"log {self.key}\nquorum none\n")
            self.teelog("verify", self.path("p.tlog-proof"), "--policy", self.path("policy"))
            with open(self.path("p.tlog-proof"), "w") as f:
                f.write(proof.replace(f"index {index}\n", f"index {index + 1}\n"))
            self.teelog("verify", self.path("p.tlog-proof"), "--policy", self.path("policy"), code=1)

    def test_they_refuse_what_is_altered(self):
        """The same log from a server that alters one file at a time."""
        self.grow(600)
        entries = self.entries()
        key = Key(ORIGIN, self.dir)
        tree = Tree(key, entries)
        server = Server()
        self.addCleanup(server.close)
        server.put(tree)
        self.go("read", server.url, key.verifier())
        self.go("read", server.url, self.key, good=False)  # the note is another key's
        flip = lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:]  # noqa: E731
        for path, good in tree.files().items():
            with self.subTest(path=path):
                server.hook = lambda p: flip(good) if p == "/" + path else None
                self.go("read", server.url, key.verifier(), good=False)
        server.hook = None
        with open(self.path("note"), "wb") as f:
            f.write(Tree(key, [b"another"] + entries, 300).note())
        self.go("grown", server.url, key.verifier(), self.path("note"), good=False)
        with open(self.path("note"), "wb") as f:
            f.write(Tree(key, entries, 300).note())
        self.go("grown", server.url, key.verifier(), self.path("note"))


class Litewitness(Go):
    """Its key is in an ssh-agent, and its logs are rows in its database."""

    NAME = "example.com/litewitness"

    def setUp(self):
        super().setUp()
        agent = subprocess.Popen([os.path.join(self.bin, "interop"), "agent", self.path("agent"), "5e" * 32],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, agent)
        self.fingerprint = agent.stdout.readline().strip()
        self.witness = None
        self.start()

    def tell(self):
        """It knows our log from now on."""
        db = sqlite3.connect(self.path("witness.db"), timeout=60)
        with db:
            empty = base64.b64encode(hashlib.sha256().digest()).decode()
            db.execute("INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", (ORIGIN, empty))
            db.execute("INSERT INTO key (origin, key) VALUES (?, ?)", (ORIGIN, self.key))
        db.close()

    def end(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()

    def start(self):
        """It does not say which port it has of 0: one that was free a moment ago, until it gets it."""
        for _ in range(10):
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
            if self.answers():
                return
        self.fail("no port is free for long enough")

    def answers(self):
        """Starts it, until it answers; its verifier key is in what it says. False where its port is another's."""
        log = open(self.path("witness.log"), "w")  # noqa: SIM115
        self.addCleanup(log.close)
        self.witness = subprocess.Popen([os.path.join(self.bin, "litewitness"), "-name", self.NAME, "-db",
                                         self.path("witness.db"), "-ssh-agent", self.path("agent"), "-key",
                                         self.fingerprint, "-listen", f"127.0.0.1:{self.port}"], stderr=log, cwd=self.dir)
        self.addCleanup(self.end, self.witness)
        until = time.monotonic() + 120
        while time.monotonic() < until:
            if self.witness.poll() is not None:
                said = pathlib.Path(self.path("witness.log")).read_text()
                self.assertIn("address already in use", said)
                return False
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10).close()
                break
            except OSError:
                time.sleep(0.1)
        said = pathlib.Path(self.path("witness.log")).read_text()
        self.vkey = said.split("vkey=")[1].split()[0].strip('"')
        return True

    def submit(self, old, note, hashes):
        lines = "".join(base64.b64encode(h).decode() + "\n" for h in (consistency(old, hashes) if old else []))
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/add-checkpoint", method="POST",
                                         data=f"old {old}\n{lines}\n".encode() + note)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read()

    def cosigned(self, note, lines, good=True):
        """Whether our verifier, under a quorum of this witness alone, takes the note with these lines."""
        with open(self.path("policy"), "w") as f:
            f.write(f"log {self.key}\nwitness w {self.vkey}\nquorum w\n")
        server = Server()
        server.files = Tree(Key(ORIGIN, self.dir), self.entries()).files()
        server.files["checkpoint"] = note + lines
        done = self.teelog("monitor", server.url, "--state", self.path("state"), "--policy", self.path("policy"), "--once",
                           "--json", "--lag", "0", "--max-age", "600", code=0 if good else 1)
        server.close()
        shutil.rmtree(self.path("state"))
        return [e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "log"]

    def test_cosigns_our_checkpoints(self):
        self.tell()
        self.grow(20)
        note, entries = self.service.get("/checkpoint")[2], self.entries()
        hashes = [hashlib.sha256(b"\0" + e).digest() for e in entries]
        status, lines = self.submit(0, note, hashes)
        self.assertEqual(status, 200)
        (log,) = self.cosigned(note, lines)
        self.assertEqual(log["cosignedSize"], len(entries))
        self.assertLess(abs(log["cosignedTime"] - time.time()), 600)
        self.assertEqual(self.cosigned(note, b"", good=False)[0]["size"], len(entries))  # stale: no quorum
        self.grow(300)
        old, note, entries = len(entries), self.service.get("/checkpoint")[2], self.entries()
        hashes = [hashlib.sha256(b"\0" + e).digest() for e in entries]
        self.assertEqual(self.submit(0, note, hashes), (409, b"%d\n" % old))
        broken = [bytes(32)] + hashes[1:]
        self.assertEqual(self.submit(old, note, broken)[0], 422)
        self.assertEqual(self.submit(old, note, hashes)[0], 200)
        # It keeps that over a restart, and takes an older checkpoint from nobody.
        self.end(self.witness)
        self.start()
        self.assertEqual(self.submit(old, note, hashes), (409, b"%d\n" % len(entries)))
        self.assertEqual(self.submit(len(entries), note, hashes)[0], 200)

    def begin(self):
        """The service once more, with this witness."""
        with open(self.path("witnesses"), "w") as f:
            f.write(f"witness w {self.vkey} http://127.0.0.1:{self.port}\nquorum w\n")
        self.service = self.serve("--origin", ORIGIN, "--witnesses", self.path("witnesses"))

    def until(self, condition):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            status = self.service.status()
            if condition(status):
                return status
            time.sleep(0.1)
        self.fail(f"not in 120 s: {status}")

    def pay(self):
        (receipt,) = self.append([record("alice", "pay")], "--wait-cosigned", "--full", "--timeout", "120")
        self.assertEqual(receipt["class"], "cosigned 1 of 1")
        self.assertIn(f"\u2014 {self.NAME} ", receipt["checkpoint"])
        return receipt

    def test_cosigns_for_our_service(self):
        self.grow(3)
        self.service.stop()
        self.begin()
        status = self.until(lambda s: s["witnesses"] and s["witnesses"][0].get("why"))  # it does not know us
        self.assertEqual(status["fence"], "proving")
        self.append([record("alice", "too early")], code=3)
        self.tell()
        self.until(lambda s: s["fence"] == "open")
        for _ in range(3):
            self.pay()
        # An older disk is put back: the witness has seen more, and says so.
        self.service.stop()
        shutil.copytree(self.data, self.path("old"))
        self.begin()
        self.until(lambda s: s["fence"] == "open")
        self.pay()
        self.service.stop(signal.SIGKILL)
        shutil.rmtree(self.data)
        shutil.copytree(self.path("old"), self.data)
        self.begin()
        status = self.until(lambda s: s["witnesses"] and s["witnesses"][0].get("ahead"))
        self.assertEqual((status["fence"], status["frozen"]), ("proving", False))  # the word of a single one, unproven
        self.append([record("alice", "after it")], code=3)


if __name__ == "__main__":
    unittest.main()
