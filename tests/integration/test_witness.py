"""`teelog witness` with a real log: cosignatures over its checkpoints, which OpenSSL verifies,
and none over a second history."""
import base64
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from rfc6962 import consistency
from teelogtest import TEELOG, Case, main, record


class Unix(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Witness(Case):
    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")
        self.append([record("alice", f"content {i}") for i in range(20)])
        self.log_key = self.service.status()["logKey"]
        self.start()

    def start(self, *options, code=None):
        args = [TEELOG, "witness", "--data", self.path("w"), "--json", *(options or (
            "--name", "example.org/witness", "--log", self.log_key, "--listen", "127.0.0.1:0"))]
        self.witness = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(self.stop, self.witness)
        line = self.witness.stdout.readline()
        if code is None:
            self.ready = json.loads(line)
        else:
            self.assertEqual(line, "")
            self.assertEqual(self.witness.wait(30), code)

    def stop(self, process, number=signal.SIGTERM):
        if process.poll() is None:
            process.send_signal(number)
            process.wait(30)
        process.stdout.close()
        process.stderr.close()

    def ask(self, method, path, body=None, tcp=False):
        c = http.client.HTTPConnection(self.ready["listening"], timeout=30) if tcp else Unix(self.ready["socket"])
        c.request(method, path, body)
        answer = c.getresponse()
        data = answer.read()
        c.close()
        return answer.status, answer.headers, data

    def head(self):
        """The service's note, and the leaf hashes below it."""
        note = self.service.get("/checkpoint")[2]
        size = int(note.split(b"\n")[1])
        data = self.service.get(f"/tile/0/000.p/{size}")[2]
        return note, [data[i:i + 32] for i in range(0, len(data), 32)]

    def submit(self, old, note, hashes, tcp=False):
        proof = consistency(old, hashes) if 0 < old <= len(hashes) else []
        lines = "".join(base64.b64encode(h).decode() + "\n" for h in proof)
        return self.ask("POST", "/add-checkpoint", f"old {old}\n{lines}\n".encode() + note, tcp)

    def verify(self, public, message, signature):
        """With OpenSSL, by RFC 8410's form of the key."""
        paths = [self.path(name) for name in ("key.der", "message", "signature")]
        for path, data in zip(paths, (bytes.fromhex("302a300506032b6570032100") + public, message, signature)):
            with open(path, "wb") as f:
                f.write(data)
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0], "-rawin",
                        "-in", paths[1], "-sigfile", paths[2]], check=True, stdout=subprocess.DEVNULL, timeout=60)

    def is_cosigned(self, note, lines):
        """By the key that the witness showed, now."""
        name, _, key = self.ready["key"].split("+", 2)
        (line,) = lines.decode().splitlines()
        dash, who, signature = line.split(" ")
        self.assertEqual((dash, who), ("\u2014", name))
        blob, public = base64.b64decode(signature), base64.b64decode(key)
        self.assertEqual(blob[:4], hashlib.sha256(name.encode() + b"\n" + public).digest()[:4])
        self.assertEqual(public[0], 4)
        at = int.from_bytes(blob[4:12], "big")
        self.assertLess(abs(at - time.time()), 60)
        text = note.split(b"\n\n")[0] + b"\n"
        self.verify(public[1:], b"cosignature/v1\ntime %d\n" % at + text, blob[12:])

    def test_cosigns_what_grows(self):
        note, hashes = self.head()
        status, fields, lines = self.submit(0, note, hashes, tcp=True)
        self.assertEqual((status, fields["Content-Type"]), (200, "text/plain; charset=utf-8"))
        self.is_cosigned(note, lines)
        old = len(hashes)
        status, fields, body = self.submit(0, note, hashes)
        self.assertEqual((status, fields["Content-Type"], body), (409, "text/x.tlog.size", b"%d\n" % old))
        self.append([record("bob", f"content {i}") for i in range(7)])
        note, hashes = self.head()
        self.assertEqual(self.submit(old, note, hashes)[0], 200)
        self.assertEqual(self.submit(len(hashes), note, hashes)[0], 200)  # the same, with a new time
        name = hashlib.sha256(b"example.org/log").hexdigest()
        status, fields, latest = self.ask("GET", f"/{name}/checkpoint", tcp=True)
        self.assertEqual((status, fields["Content-Type"]), (200, "text/plain; charset=utf-8"))
        self.assertTrue(latest.startswith(note))
        self.is_cosigned(note, latest[len(note):])

    def test_refuses_with_the_specified_status(self):
        note, hashes = self.head()
        name = hashlib.sha256(b"example.org/log").hexdigest()
        for path in ("/", "/checkpoint", f"/{name}", f"/{name}/", f"/{name}/checkpoint", f"/{name.upper()}/checkpoint",
                     f"/{name}/checkpoint/", f"/{name[:-1]}/checkpoint", "/x" + name[1:] + "/checkpoint"):
            with self.subTest(path=path):
                self.assertEqual(self.ask("GET", path)[0], 404)
        self.assertEqual(self.ask("GET", "/healthz")[0], 200)
        for body in (b"old 0\n", b"old 00\n\n" + note, b"old 0\n" + note, b"old 9999\n\n" + note, b"x"):
            self.assertEqual(self.ask("POST", "/add-checkpoint", body)[0], 400)
        self.assertEqual(self.ask("POST", "/add-checkpoint", b"x" * 80000)[0], 413)
        self.assertEqual(self.submit(0, note.replace(b"example.org/log\n", b"example.com/log\n", 1), hashes)[0], 404)
        self.assertEqual(self.submit(0, note.replace(b"\n\n", b"\nextension\n\n", 1), hashes)[0], 403)
        self.assertEqual(self.submit(0, note, hashes)[0], 200)
        self.assertEqual(self.ask("POST", "/add-checkpoint",
                                  b"old %d\n%s\n\n" % (len(hashes), base64.b64encode(bytes(32))) + note)[0], 422)

    def test_a_copied_log_gets_one_history_cosigned(self):
        self.service.stop()
        shutil.copytree(self.data, self.path("copy"))
        self.service = self.serve("--origin", "example.org/log")
        self.append([record("alice", "paid 5")])
        note, hashes = self.head()
        self.assertEqual(self.submit(0, note, hashes)[0], 200)
        old = len(hashes)
        self.service.stop()
        shutil.rmtree(self.data)
        shutil.move(self.path("copy"), self.data)
        self.service = self.serve("--origin", "example.org/log")
        for n in (1, 3, 5):
            note, hashes = self.head()
            behind = len(hashes) < old
            self.assertEqual(self.submit(0 if behind else old, note, hashes)[0], 409 if behind else 422)
            self.append([record("alice", f"paid {i}") for i in range(n)])
        self.stop(self.witness, signal.SIGKILL)
        self.start()
        note, hashes = self.head()
        self.assertEqual(self.submit(old, note, hashes)[0], 422)

    def test_starts_as_it_was_or_not_at_all(self):
        first = self.ready["key"]
        note, hashes = self.head()
        self.assertEqual(self.submit(0, note, hashes)[0], 200)
        running = self.witness
        self.start("--log", self.log_key, code=3)  # the other one has the folder
        self.stop(running)
        policy = self.path("policy")
        with open(policy, "w", encoding="utf-8") as f:
            f.write(f"log {self.log_key} https://log.example\nquorum none\n")
        self.start("--policy", policy)
        self.assertEqual((self.ready["key"], self.ready["logs"]), (first, 1))
        self.assertEqual(self.submit(0, note, hashes)[0], 409)
        self.stop(self.witness)
        self.start("--log", self.log_key, "--name", "example.org/another", code=2)
        path = self.path(os.path.join("w", hashlib.sha256(b"example.org/log").hexdigest()))
        with open(path, "r+b") as f:
            f.seek(20)
            f.write(b"9")
        self.start("--log", self.log_key, code=3)
        self.assertIn("put back the newest copy", self.witness.stderr.read())


if __name__ == "__main__":
    main()
