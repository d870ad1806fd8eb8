"""`teelog mirror`: a folder of static files that is the log's tree, whatever the service, the
folder's other writers or a kill do to it."""
import base64
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


def files(folder):
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, folder)] = f.read()
    return found


class Liar:
    """A service in front of the service, that changes its answers."""

    def __init__(self, directory, behind, change):
        self.path, self.behind, self.change = os.path.join(directory, "liar.sock"), behind, change
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(8)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s, _ = self.server.accept()
            except OSError:
                return
            with s, contextlib.suppress(ConnectionError):
                self.answer(s)

    def answer(self, s):
        seen = b""
        while data := s.recv(65536):
            seen += data
            while b"\r\n\r\n" in seen:
                head, _, seen = seen.partition(b"\r\n\r\n")
                target = head.split()[1].decode()
                status, _, body = self.behind.get(target)
                body = self.change(target, body)
                s.sendall(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)

    def close(self):
        self.server.close()
        os.unlink(self.path)


class Mirror(Case):
    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")
        self.key = self.service.status()["logKey"]
        self.public = self.path("public")
        self.grow(300)

    def grow(self, n):
        self.append([record(f"agent-{i % 3}", f"content {i}") for i in range(n)])

    def mirror(self, *options, code=0, at=None):
        at = at or ("--data", self.data)
        return self.teelog("mirror", self.public, "--log-key", self.key, *at, *options, code=code)

    def is_the_service(self):
        """Each file is what the service gives for its path; all that it needs is there."""
        there = files(self.public)
        for path, data in there.items():
            status, _, body = self.service.get("/" + path)
            self.assertEqual((status, body), (200, data), path)
        size = int(there["checkpoint"].split(b"\n")[1])
        wanted = {"checkpoint"}
        for name, count in (("entries", size), ("0", size), ("1", size // 256)):
            wanted |= {f"tile/{name}/{n:03}" for n in range(count // 256)}
            if count % 256:
                wanted.add(f"tile/{name}/{count // 256:03}.p/{count % 256}")
        self.assertLessEqual(wanted, set(there))
        return size, set(there) - wanted

    def test_grows_with_the_log(self):
        self.mirror()
        size, more = self.is_the_service()
        self.assertEqual(more, set())
        self.assertIn("0 of them new", self.mirror().stdout)
        for n in (1, 5, 211, 600):
            self.grow(n)
            grown = json.loads(self.mirror("--json").stdout)
            before, (size, more) = size, self.is_the_service()
            self.assertEqual((grown["size"], grown["added"]), (size, size - before))
            # What was served narrower, of tiles that are not full yet, is still there.
            for path in more:
                self.assertRegex(path, r"\.p/")
                self.assertNotIn(path.split(".p/")[0], files(self.public))

    def test_says_whose_word_the_key_is(self):
        done = self.teelog("mirror", self.public, "--data", self.data)
        self.assertIn("--log-key pins it", done.stderr)
        self.is_the_service()

    def test_another_logs_key(self):
        other = self.key.split("+")[0] + "x"
        key = b"\x01" + bytes(32)
        made = hashlib.sha256(other.encode() + b"\n" + key).hexdigest()[:8]
        self.key = f"{other}+{made}+{base64.b64encode(key).decode()}"
        self.assertIn("not signed by the log's key", self.mirror(code=1).stderr)
        self.assertEqual(files(self.public), {})

    def lies(self, change, code=1, words="two histories"):
        """Of a service that answers so: the folder stays as it is."""
        before = {k: v for k, v in files(self.public).items() if not k.endswith(".part")}
        liar = Liar(self.dir, self.service, change)
        done = self.mirror(code=code, at=("--socket", liar.path))
        liar.close()
        self.assertIn(words, done.stderr)
        after = {k: v for k, v in files(self.public).items() if not k.endswith(".part")}
        self.assertEqual(before, after)

    def test_what_is_no_entry_of_the_tree_is_not_kept(self):
        self.mirror()
        self.grow(300)

        def entries(change):
            return lambda target, body: change(body) if "/entries/" in target else body

        first = lambda b: b[2:2 + int.from_bytes(b[:2], "big")]  # noqa: E731
        self.lies(entries(lambda b: b[:-1] + bytes([b[-1] ^ 1])))
        self.lies(entries(lambda b: b[:2] + bytes([b[2] ^ 1]) + b[3:]))
        self.lies(entries(lambda b: b[:-1]))
        self.lies(entries(lambda b: b + b"\0"))
        self.lies(entries(lambda b: b + b"\0\0"))
        self.lies(entries(lambda b: b + b[:2 + len(first(b))]))
        self.lies(entries(lambda b: b[2 + len(first(b)):]))
        self.lies(entries(lambda b: b""))
        self.mirror()
        self.is_the_service()

    def test_an_older_or_another_history_is_an_alarm(self):
        self.service.stop()
        shutil.copytree(self.data, self.path("old"))
        self.service = self.serve("--origin", "example.org/log")
        self.grow(40)
        self.mirror()
        kept = files(self.public)
        self.service.stop()
        shutil.rmtree(self.data)
        shutil.copytree(self.path("old"), self.data)
        self.service = self.serve("--origin", "example.org/log")
        done = self.mirror(code=1)
        self.assertIn("rolled back", done.stderr)
        self.assertIn(self.service.get("/checkpoint")[2].decode().split("\n")[2], done.stderr)
        self.grow(100)  # longer, and not what it was
        self.assertIn("ALARM", self.mirror(code=1).stderr)
        self.assertEqual({k: v for k, v in files(self.public).items() if not k.endswith(".part")}, kept)

    def test_an_altered_folder_is_noticed(self):
        self.mirror()
        size, _ = self.is_the_service()
        partial = f"tile/0/{size // 256:03}.p/{size % 256}"
        for path, change in ((partial, lambda b: b[:-1] + bytes([b[-1] ^ 1])), (partial, lambda b: b[:-1]),
                             (partial, lambda b: b + b"x"), (partial, None), ("tile/1/000.p/1", lambda b: bytes(32)),
                             ("checkpoint", lambda b: b.replace(b"\n", b"\n1", 1)), ("checkpoint", lambda b: b"")):
            with self.subTest(path=path):
                full = os.path.join(self.public, path)
                with open(full, "rb") as f:
                    was = f.read()
                os.unlink(full)
                if change:
                    with open(full, "wb") as f:
                        f.write(change(was))
                self.assertIn("not what was mirrored", self.mirror(code=3).stderr)
                with open(full, "wb") as f:
                    f.write(was)
        self.mirror()

    def test_a_killed_one_goes_on(self):
        self.grow(20000)
        for delay in (0.01, 0.03, 0.05, 0.08, 0.13, 0.2):
            p = subprocess.Popen([TEELOG, "mirror", self.public, "--log-key", self.key, "--data", self.data],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.env)
            time.sleep(delay)
            p.kill()
            p.wait()
        self.mirror()
        _, more = self.is_the_service()
        self.assertEqual([p for p in more if not p.endswith(".part")], [])

    def test_follows(self):
        p = subprocess.Popen([TEELOG, "mirror", self.public, "--log-key", self.key, "--data", self.data, "--follow",
                              "--every", "1", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=self.env)
        self.addCleanup(p.stderr.close)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.kill)
        first = json.loads(p.stdout.readline())
        self.assertIn("another process writes", self.mirror(code=3).stderr)
        self.service.stop()
        self.assertIn("trying again every 1 seconds", p.stderr.readline())
        self.service = self.serve("--origin", "example.org/log")
        self.grow(3)
        second = json.loads(p.stdout.readline())
        self.assertGreater(second["size"], first["size"])
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(30), 0)
        self.mirror()
        self.is_the_service()


if __name__ == "__main__":
    main()
