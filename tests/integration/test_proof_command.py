"""`teelog proof`: what it writes is what `teelog verify` takes, and what a service that lies
answers is not written."""
import base64
import json
import os
import re
import socket
import threading
import time

from teelogtest import Case, Service, lines, main, record


class Liar:
    """A service in between, which alters answers: {path: body -> body}."""

    def __init__(self, case, to):
        self.to, self.lies = to, {}
        self.socket = case.path("liar.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen(8)
        threading.Thread(target=self.run, daemon=True).start()
        case.addCleanup(self.listener.close)

    def run(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with s:
                while self.answer(s):
                    pass

    def answer(self, s):
        head = b""
        while b"\r\n\r\n" not in head:
            more = s.recv(65536)
            if not more:
                return False
            head += more
        target = head.split()[1].decode()
        status, fields, body = self.to.get(target)
        for path, lie in self.lies.items():
            if re.fullmatch(path, target) and status == 200:
                body = lie(body)
        s.sendall(b"HTTP/1.1 %d OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
                  % (status, fields["Content-Type"].encode(), len(body)) + body)
        return True


def flip(at):
    def lie(body):
        b = bytearray(body)
        b[at] ^= 1
        return bytes(b)
    return lie


class Proof(Case):
    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")
        self.index = self.append([record("alice", "one"), record("bob", "two")])[0]["index"]
        self.key = self.service.status()["logKey"]

    def proof(self, *args, code=0):
        return self.teelog("proof", "--data", self.data, *args, code=code)

    def policy(self):
        with open(self.path("policy"), "w", encoding="utf-8") as f:
            f.write(f"log {self.key}\nquorum none\n")
        return self.path("policy")

    def bundle_policy(self):
        self.teelog("export", "--data", self.data, "-o", self.path("all"))
        self.teelog("policy", "init", self.path("all"), "-o", self.path("policy.json"))
        return self.path("policy.json")

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def test_each_kind_verifies(self):
        size = self.service.status()["size"]
        older = self.path("older")
        with open(older, "wb") as f:
            f.write(self.service.get("/checkpoint")[2])
        self.append([record("alice", str(i)) for i in range(7)])
        policies = self.policy(), self.bundle_policy()
        for trust in (("--log-key", self.key), ("--policy", policies[0]), ("--policy", policies[1]), ()):
            done = self.proof(str(self.index), "-o", "p.tlog-proof", *trust)
            self.assertEqual("note: whose log it is was not checked" in done.stderr, not trust)
            self.assertEqual(done.stdout, "")
            self.proof(str(self.index), "--cose", "-o", "r.cose", "--keys", "keys", *trust)
            self.proof(str(self.index), "--transparent", "-o", "t.cose", "--keys", "keys", *trust)
            self.proof("--since", str(size), "-o", "g.cose", "--keys", "keys", *trust)
            self.proof("--since", older, "-o", "g2.cose", "--keys", "keys", *trust)
            statement = base64.b64decode(self.read("p.tlog-proof").split(b"\n")[1].removeprefix(b"extra "))
            with open(self.path("entry"), "wb") as f:
                f.write(statement)
            for policy in policies:
                done = self.teelog("verify", "p.tlog-proof", "--policy", policy)
                self.assertTrue(done.stdout.startswith("LOGGED: "), done.stdout)
                for args in (("r.cose", "--entry", "entry"), ("t.cose",), ("g.cose", "--since", older),
                             ("g2.cose", "--since", older)):
                    # Nothing shows whose keys a bare set has: fetched with trust or not, it is the same bytes.
                    done = self.teelog("verify", *args, "--service-keys", "keys", "--policy", policy, code=4)
                    self.assertIn("nothing shows that it is of the log that the policy names", done.stdout)
                    if policy == policies[1]:
                        done = self.teelog("verify", *args, "--service-keys", "all", "--policy", policy)
                        self.assertTrue(done.stdout.startswith("LOGGED: "), done.stdout)
        report = json.loads(self.teelog("verify", "t.cose", "--service-keys", "keys", "--policy", policies[0],
                                        "--json", code=4).stdout)
        self.assertEqual((report["kind"], report["index"], report["entry"]["subject"], report["serviceKeys"]),
                         ("transparent statement", self.index, "alice", "brought"))
        report = json.loads(self.teelog("verify", "g.cose", "--service-keys", "all", "--policy", policies[1],
                                        "--since", older, "--json").stdout)
        self.assertEqual((report["kind"], report["index"], report["since"], report["entry"], report["serviceKeys"]),
                         ("receipt of consistency", None, size, None, "bundle"))
        # Told apart by their first bytes; without what has to be beside them it is wrong usage.
        for name in ("r.cose", "t.cose", "g.cose"):
            self.assertIn("needs the", self.teelog("verify", name, code=2).stderr)
        self.teelog("verify", "t.cose", "--service-keys", "keys", code=4)
        self.teelog("verify", "g.cose", "--service-keys", "keys", "--since", "p.tlog-proof", code=2)
        self.teelog("verify", "t.cose", "--service-keys", "keys", "--html", "x", code=2)
        with open(self.path("t.cose"), "r+b") as f:
            f.seek(-1, os.SEEK_END)
            last = f.read(1)[0]
            f.seek(-1, os.SEEK_END)
            f.write(bytes([last ^ 1]))
        self.teelog("verify", "t.cose", "--service-keys", "keys", "--policy", policies[0], code=1)

    def test_another_log_of_that_origin(self):
        """Whoever has its receipts and its keys has nothing that the pinned log has signed."""
        policies = self.policy(), self.bundle_policy()
        os.mkdir(self.path("other"))
        with Service(self.path("other"), "--origin", "example.org/log", env=self.env):
            data = os.path.join(self.path("other"), "log")
            self.teelog("append", "--data", data, stdin=lines([record("mallory", "x")]))
            self.teelog("proof", "2", "--data", data, "--transparent", "-o", "t.cose", "--keys", "keys")
            self.teelog("export", "--data", data, "-o", "b.teelog")
        for policy in policies:
            done = self.teelog("verify", "t.cose", "--service-keys", "keys", "--policy", policy, code=4)
            self.assertIn("UNPINNED: ", done.stdout)
        done = self.teelog("verify", "t.cose", "--service-keys", "b.teelog", "--policy", policies[1], code=1)
        self.assertIn("it is REJECTED under this policy", done.stderr)
        self.teelog("verify", "t.cose", "--service-keys", "all", "--policy", policies[1], code=1)

    def test_keys_out_of_a_bundle(self):
        """The boot statements of a TRUSTED bundle name the keys."""
        policy = self.bundle_policy()
        self.proof(str(self.index), "--transparent", "-o", "t.cose")
        ask = ("verify", "t.cose", "--service-keys", "all")
        self.assertIn("LOGGED: ", self.teelog(*ask, "--policy", policy).stdout)
        self.teelog(*ask, "--policy", policy, "--at", str(int(time.time())))
        self.assertIn("it is REJECTED under this policy", self.teelog(*ask, "--policy", policy, "--at", "1", code=1).stderr)
        self.assertIn("it is UNPINNED under this policy", self.teelog(*ask, code=4).stderr)
        done = self.teelog(*ask, "--policy", self.policy(), code=2)  # that says nothing of code
        self.assertEqual(done.stdout, "")
        with open(self.path("cut"), "wb") as f:
            f.write(self.read("all")[:-1])
        self.teelog("verify", "t.cose", "--service-keys", "cut", "--policy", policy, code=1)
        # A later boot's key is not in it.
        self.service.stop()
        self.service = self.serve()
        self.proof(str(self.index), "--transparent", "-o", "later.cose", "--keys", "keys")
        done = self.teelog("verify", "later.cose", "--service-keys", "all", "--policy", policy, code=1)
        self.assertIn("none of the statement's receipts", done.stdout)
        self.teelog("verify", "later.cose", "--service-keys", "keys", "--policy", policy, code=4)
        done = self.teelog("verify", "later.cose", "--service-keys", "keys", "--policy", policy, "--at", "5", code=2)
        self.assertIn("go with a bundle", done.stderr)

    def test_json_and_standard_output(self):
        done = self.proof(str(self.index), "-o", "p", "--json", "--log-key", self.key)
        size = self.service.status()["size"]
        self.assertEqual(json.loads(done.stdout), {
            "kind": "tlog-proof", "index": self.index, "size": size, "origin": "example.org/log",
            "pinned": True, "file": "p"})
        done = self.proof("--since", "1", "-o", "g", "--json")
        self.assertEqual(json.loads(done.stdout), {
            "kind": "receipt of consistency", "since": 1, "size": size, "origin": "example.org/log",
            "pinned": False, "file": "g"})
        self.assertEqual(self.proof(str(self.index)).stdout.encode(), self.read("p"))

    def test_what_there_is_not(self):
        size = self.service.status()["size"]
        self.assertIn(f"the log has {size} statements", self.proof(str(size), "--cose", "-o", "x", code=3).stderr)
        self.assertIn(f"the log has {size} statements", self.proof(str(size), "-o", "x", code=3).stderr)
        self.assertIn("has not grown beyond", self.proof("--since", str(size), "-o", "x", code=3).stderr)
        self.assertFalse(os.path.exists(self.path("x")))
        with open(self.path("no"), "w", encoding="utf-8") as f:
            f.write("no checkpoint\n")
        self.proof("--since", "no", "-o", "x", code=2)
        self.proof("--since", "nothing there", "-o", "x", code=3)
        os.mkdir(self.path("second"))
        empty = Service(self.path("second"), env=self.env)
        self.addCleanup(empty.__exit__)
        done = self.teelog("proof", "0", "--cose", "--socket", empty.socket, code=3)
        self.assertIn("Not Found: index: a tree of one entry has no path", done.stderr)

    def test_another_logs_key(self):
        os.mkdir(self.path("second"))
        other = Service(self.path("second"), "--origin", "example.org/log", env=self.env)
        self.addCleanup(other.__exit__)
        key = other.status()["logKey"]
        for args in ((str(self.index),), (str(self.index), "--cose"), ("--since", "1")):
            done = self.proof(*args, "-o", "x", "--log-key", key, code=1)
            self.assertIn("not signed by a log that the policy names", done.stderr)
        self.assertFalse(os.path.exists(self.path("x")))

    def refused(self, liar, lies, *args):
        liar.lies = lies
        done = self.teelog("proof", "--socket", liar.socket, "-o", "lie", *args, code=1)
        self.assertFalse(os.path.exists(self.path("lie")), args)
        return done.stderr

    def test_a_service_that_lies(self):
        liar = Liar(self, self.service)
        i = str(self.index)
        self.teelog("proof", i, "--socket", liar.socket, "-o", "truth", "--log-key", self.key)
        of = lambda target: (lambda _: self.service.get(target)[2])  # noqa: E731
        text, entry = rf"/v1/proof/{i}", rf"/entries/{i}"
        # another entry's, as it is
        self.assertIn("another entry", self.refused(liar, {text: of("/v1/proof/1")}, i))
        self.assertIn("no receipt of that entry", self.refused(liar, {entry: of("/entries/1")}, i, "--cose"))
        # its index altered: the path does not fit
        self.refused(liar, {text: lambda _: self.service.get("/v1/proof/1")[2].replace(b"index 1\n", b"index %d\n" % self.index)}, i)
        # the statement taken out, altered
        self.assertIn("does not hold", self.refused(liar, {text: lambda b: re.sub(rb"extra .*\n", b"", b)}, i))
        self.refused(liar, {text: lambda b: re.sub(rb"extra ....", b"extra AAAA", b)}, i)
        self.refused(liar, {text: lambda b: b"nothing"}, i)
        # the log's signature: it matters where a key is pinned
        self.refused(liar, {text: flip(-5)}, i, "--log-key", self.key)
        # the receipt's, its path's, its root's
        for at in (-1, 10, -80):
            self.refused(liar, {entry: flip(at)}, i, "--cose")
        # another kind, another service's key
        self.refused(liar, {entry: of("/v1/consistency?from=1")}, i, "--cose")
        self.assertIn("not among those", self.refused(liar, {"/.well-known/scitt-keys": flip(-1)}, i, "--cose"))
        self.assertIn("not among those", self.refused(liar, {"/.well-known/scitt-keys": flip(60)}, i, "--cose"))
        growth = r"/v1/consistency\?from=1"
        self.refused(liar, {growth: of("/v1/consistency?from=2")}, "--since", "1")
        self.refused(liar, {growth: of(f"/entries/{i}")}, "--since", "1")
        self.refused(liar, {growth: lambda b: b""}, "--since", "1")
        with open(self.path("older"), "wb") as f:
            f.write(self.service.get("/checkpoint")[2])
        size = self.service.status()["size"]
        self.append([record("alice", "three")])
        self.refused(liar, {rf"/v1/consistency\?from={size}": flip(-1)}, "--since", "older")
        # What was kept is the log's own, where its key is given.
        liar.lies = {}
        self.teelog("proof", "--socket", liar.socket, "-o", "truth", "--since", "older", "--log-key", self.key)
        text, signature = self.read("older").split(b"\n\n")[0], self.service.get("/checkpoint")[2].split(b"\n\n")[1]
        with open(self.path("older"), "wb") as f:
            f.write(text + b"\n\n" + signature)
        self.assertIn("older checkpoint is not signed", self.refused(liar, {}, "--since", "older", "--log-key", self.key))
        self.teelog("proof", "--socket", liar.socket, "-o", "x", "--since", "older")  # nothing is pinned
        self.assertFalse(os.path.exists(self.path("lie")))

    def test_a_key_of_no_boot(self):
        """A receipt and a key set that fit each other, and are not this log's."""
        os.mkdir(self.path("second"))
        other = Service(self.path("second"), "--origin", "example.org/log", env=self.env)
        self.addCleanup(other.__exit__)
        self.teelog("append", "--socket", other.socket, stdin=json.dumps(record("alice", "x")) + "\n")
        liar = Liar(self, self.service)
        # The other service's receipts of growth, for who does not hold the older root.
        lies = {r"/v1/consistency.*": lambda _: other.get("/v1/consistency?from=1")[2],
                "/.well-known/scitt-keys": lambda _: other.get("/.well-known/scitt-keys")[2]}
        self.teelog("proof", "--socket", liar.socket, "-o", "x", "--since", "1")
        liar.lies = lies
        self.teelog("proof", "--socket", liar.socket, "-o", "x", "--since", "1")  # nothing is pinned
        self.assertIn("not that of the log's last boot", self.refused(liar, lies, "--since", "1", "--log-key", self.key))
        # The boot's statement and body cannot be others either.
        lies["/v1/records/0"] = lambda _: other.get("/v1/records/0")[2]
        self.assertIn("names is none", self.refused(liar, lies, "--since", "1", "--log-key", self.key))
        lies["/v1/proof/0"] = lambda _: other.get("/v1/proof/0")[2]
        self.assertIn("not signed by a log", self.refused(liar, lies, "--since", "1", "--log-key", self.key))
        # Nor another statement of the log.
        lies = {"/v1/status": lambda b: re.sub(rb'"boot":0', b'"boot":1', b)}
        self.assertIn("names is none", self.refused(liar, lies, "--since", "1", "--log-key", self.key))
        for status in (b"{}", b"no", b'{"boot":-1}', b'{"boot":"0"}'):
            self.assertIn("which its boot is", self.refused(liar, {"/v1/status": lambda _, s=status: s}, "--since", "1",
                                                            "--log-key", self.key))
        self.assertIn("no body", self.refused(liar, {"/v1/records/0": lambda _: b'{"body":null}'}, "--since", "1",
                                              "--log-key", self.key))


if __name__ == "__main__":
    main()
