"""`teelog backup` and `restore`: of a service while it is used, and of a stopped log."""
import json
import os
import pathlib
import socket
import stat
import subprocess
import threading
import time

import host
from teelogtest import TEELOG, Case, Service, lines, main, record


class Backup(Case):
    def backup(self, *args, code=0):
        return self.teelog("backup", "--data", self.data, *args, code=code)

    def restore(self, name, *args, code=0, to="restored/log"):
        os.makedirs(os.path.dirname(self.path(to)), exist_ok=True)
        return self.teelog("restore", self.path(name), "--data", self.path(to), *args, code=code)

    def bundle(self, data, name):
        self.teelog("export", "--data", data, "--tee", "sim", "-o", self.path(name))
        return host.Bundle(pathlib.Path(self.path(name)))

    def test_while_the_service_is_used(self):
        service = self.serve("--origin", "test/host")
        self.append([record(requestId=f"{i}", content="x" * 5000) for i in range(300)])
        stop, appended = threading.Event(), []

        def go_on():
            while not stop.is_set():
                appended.extend(self.append([record(agent="bob")]))

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            said = [json.loads(self.backup("--json", "-o", f"b{i}").stdout) for i in range(5)]
            self.assertIn("backup of test/host", self.backup("-o", "b").stdout)
            piped = self.teelog("backup", "--data", self.data, "-o", "-", text=False).stdout
        finally:
            stop.set()
            thread.join()
        self.assertEqual(stat.S_IMODE(os.stat(self.path("b0")).st_mode), 0o600)
        self.assertTrue(appended)
        self.assertEqual(service.stop(), 0)
        whole = self.bundle(self.data, "whole")
        with open(self.path("piped"), "wb") as f:
            f.write(piped)
        sizes = [s["size"] for s in said]
        self.assertEqual(sizes, sorted(sizes))
        for i, name in enumerate(["b0", "b4", "piped"]):
            self.restore(name, "--accept-rollback", to=f"r{i}")
            self.teelog("fsck", "--data", self.path(f"r{i}"), "--tee", "sim")
            part = self.bundle(self.path(f"r{i}"), "part")
            if name != "piped":
                self.assertEqual(part.size, said[int(name[1])]["size"])
            self.assertEqual([leaf.hash for leaf in part.leaves],
                             [leaf.hash for leaf in whole.leaves[:part.size]])

    def test_a_rollback_is_accepted_by_word_only(self):
        service = self.serve("--origin", "test/host")
        self.append([record(content="before")])
        before = service.get("/checkpoint")[2]
        self.backup("-o", "b")
        self.append([record(content="after")])
        after = service.get("/checkpoint")[2]
        service.stop()
        self.teelog("export", "--data", self.data, "--tee", "sim", "-o", "old")
        self.teelog("policy", "init", "old", "-o", "policy")
        said = json.loads(self.teelog("restore", self.path("b"), "--check", "--json").stdout)
        self.assertEqual((said["size"], said["final"]), (3, False))
        done = self.restore("b", code=2)
        for words in ("3 statements", "not a final one", "lost for ever", "fork",
                      "--accept-rollback"):
            self.assertIn(words, done.stderr)
        self.assertFalse(os.path.exists(self.path("restored/log")))
        self.restore("b", "--accept-rollback")
        with Service(self.path("restored"), env=self.env) as service:
            again = json.loads(self.teelog("append", "--socket", service.socket,
                                           stdin=lines([record(content="instead")] * 3)
                                           ).stdout.splitlines()[-1])
            self.assertEqual(service.stop(), 0)
        new = self.bundle(self.path("restored/log"), "new")
        # One log, one policy, TRUSTED both; what is known from before is in both,
        for bundle in ("old", "new"):
            self.assertEqual(self.verdict(self.path(bundle), "--policy", self.path("policy"))
                             ["verdict"], "TRUSTED")
        size, root = host.parse_checkpoint(before)
        self.assertEqual(new.roots([size])[size], root)
        # and who holds what was later sees that it is another history.
        size, root = host.parse_checkpoint(after)
        self.assertLess(size, again["treeSize"])
        self.assertNotEqual(new.roots([size])[size], root)

    def test_a_final_backup(self):
        with self.serve("--origin", "test/host") as service:
            first = self.append([record(requestId="r")])[0]
            self.backup("--final", "-o", "f", code=2)
            service.stop()
        said = json.loads(self.backup("--tee", "sim", "--final", "--json", "-o", "f").stdout)
        self.assertTrue(said["final"])
        done = self.teelog("serve", "--data", self.data, "--tee", "sim", code=3)
        self.assertIn('to the backup "f"', done.stderr)
        done = self.backup("--tee", "sim", "-o", "g", code=3)
        self.assertIn("handed over", done.stderr)
        self.assertFalse(os.path.exists(self.path("g")))
        # It can be read, and written again where it was lost.
        self.teelog("agents", "--data", self.data, "--tee", "sim")
        self.backup("--tee", "sim", "--final", "-o", "f2")
        self.restore("f2")
        with Service(self.path("restored"), env=self.env) as service:
            done = self.teelog("append", "--socket", service.socket,
                               stdin=lines([record(requestId="r")]))
            self.assertEqual(json.loads(done.stdout)["index"], first["index"])
            self.assertEqual(service.stop(), 0)
        self.teelog("fsck", "--data", self.path("restored/log"), "--tee", "sim")

    def test_what_is_stopped_or_killed(self):
        for kill in (False, True):
            with self.serve("--origin", "test/host") as service:
                self.append([record()])
                service.process.kill() if kill else service.stop()
                service.process.wait()
            self.backup("--tee", "sim", "-o", "b")
            self.restore("b", "--accept-rollback", to=f"r{kill}")
            self.assertEqual(self.bundle(self.path(f"r{kill}"), "x").size,
                             self.bundle(self.data, "y").size)

    def slow_reader(self, service):
        s = socket.socket(socket.AF_UNIX)
        s.connect(service.socket)
        s.sendall(b"GET /v1/backup HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"200 OK", s.recv(1000))
        return s

    def test_one_at_a_time_and_who_leaves_is_forgotten(self):
        service = self.serve("--origin", "test/host")
        self.append([record(content="x" * 60000) for _ in range(150)])  # more than is sent ahead
        with self.slow_reader(service):
            done = self.backup("-o", "b", code=3)
            self.assertIn("another backup is being made", done.stderr)
            self.assertFalse(os.path.exists(self.path("b")))
            self.append([record(content="nobody waits for it")])
        end = time.monotonic() + 20
        while service.get("/v1/backup")[0] != 200:
            self.assertLess(time.monotonic(), end)
        self.backup("-o", "b")
        with self.slow_reader(service):  # an erasure ends it, and waits for nobody
            self.teelog("erase", "5", "--data", self.data, "--yes")
            self.backup("-o", "c")
        with self.slow_reader(service):
            self.assertEqual(service.stop(), 0)

    def test_it_needs_admin(self):
        service = self.serve()
        token = {}
        for scope in ("read", "append", "erase", "admin"):
            self.teelog("token", "create", "--data", self.data, "--scope", scope, "-o", scope)
            with open(self.path(scope), encoding="utf-8") as f:
                token[scope] = f.read().strip()
            status = service.ask("GET /v1/backup HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                 f"Authorization: Bearer {token[scope]}\r\n\r\n")[0]
            self.assertEqual(status, 200 if scope == "admin" else 403)
        self.backup("--token-file", self.path("read"), "-o", "b", code=3)
        self.backup("--token-file", self.path("admin"), "-o", "b")

    def test_run_gives_none(self):
        done = subprocess.run(
            [TEELOG, "run", "--data", self.data, "--tee", "sim", "--", TEELOG, "backup", "-o",
             self.path("b")], env=self.env, capture_output=True, text=True, timeout=60,
            check=False)
        self.assertEqual(done.returncode, 3)
        self.assertFalse(os.path.exists(self.path("b")))

    def test_usage(self):
        self.teelog("backup", "--data", self.data, code=2)
        self.teelog("backup", "-o", "b", "--final", "--data", self.data, code=2)
        self.teelog("backup", "-o", "b", "x", "--data", self.data, code=2)
        self.teelog("restore", code=2)
        self.teelog("restore", "a", "b", "--data", self.data, code=2)
        self.teelog("restore", "nowhere", "--data", self.data, code=3)
        self.teelog("restore", "-", "--data", self.data, stdin="teelog", code=1)
        self.teelog("restore", "-", code=2)
        self.teelog("restore", "-", "--check", stdin="teelog", code=1)
        self.teelog("backup", "--data", self.data, "--tee", "sim", "-o", "b", code=3)
        with self.serve() as service:
            self.backup("-o", self.path("none/b"), code=3)
            self.backup("-o", self.path("b"))
            self.assertEqual(self.backup("-o", "/dev/null").stdout, "")
            done = self.restore("b", "--accept-rollback", to="log", code=3)
            self.assertIn("is not empty", done.stderr)
            self.assertEqual(service.stop(), 0)


if __name__ == "__main__":
    main()
