"""Erasure as users have it: over HTTP, from the command line, and what is left of it in
bundles, queries and files."""
import json
import os
import pty
import signal
import socket
import subprocess
import threading
import time

from teelogtest import TEELOG, Case, main, record

KILLS = 60 if os.environ.get("TEELOG_LONG") else 8


def people(n=12):
    """Records of two agents about three users in two rooms: content says which."""
    return [record(agent=("alice", "bob")[i % 2], userId=f"u{i % 3}", roomId=f"r{i % 2}",
                   content=f"private {i} of u{i % 3}", requestId=f"q{i}") for i in range(n)]


class Erasure(Case):
    def post(self, service, body, path="/v1/erasures", token=None):
        text = body if isinstance(body, str) else json.dumps(body)
        field = f"Authorization: Bearer {token}\r\n" if token else ""
        status, _, answer = service.ask(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{field}"
            f"Content-Length: {len(text.encode())}\r\n\r\n{text}")
        return status, json.loads(answer)

    def erase(self, service, body, token=None):
        status, answer = self.post(service, body, token=token)
        self.assertEqual(status, 200, answer)
        return answer

    def export(self, name, *options):
        self.teelog("export", "--data", self.data, "-o", name, *options)
        return name

    def report(self, name):
        if not os.path.exists(self.path("p.json")):
            self.teelog("policy", "init", name, "-o", "p.json")
        report = self.verdict(name, "--policy", "p.json")
        self.assertEqual(report["verdict"], "TRUSTED", report)
        return report

    def contents(self, *filters):
        done = self.teelog("records", "--data", self.data, "--json", *filters)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_a_user_is_forgotten_and_the_log_verifies(self):
        with self.serve() as service:
            receipts = self.append(people())
            before = self.export("before")
            self.report(before)
            size = service.status()["size"]
            dry = self.erase(service, {"user": "u1", "dryRun": True})
            self.assertEqual((dry["dryRun"], dry["erased"], dry["statements"]), (True, 4, []))
            self.assertEqual(len(self.contents("--user", "u1")), 4)
            size = service.status()["size"]
            done = self.erase(service, {"user": "u1", "reason": "on request"})
            self.assertEqual(done["erased"], 4)
            self.assertEqual(done["already"], 0)
            self.assertEqual(done["statements"], [size])
            self.assertEqual(done["treeSize"], size + 1)
            self.assertEqual(done["checkpoint"].split("\n")[1], str(size + 1))
            self.assertTrue(done["simulated"])
            self.assertEqual(self.contents("--user", "u1"), [])
            self.assertEqual(self.contents("--text", "of u1"), [])
            self.assertEqual(len(self.contents()), 12)
            after = self.export("after")
            # The same request id has its receipt still, and no other record comes of it.
            again = self.append(people())
            self.assertEqual([(r["index"], r["leafHash"]) for r in again],
                             [(r["index"], r["leafHash"]) for r in receipts])
            self.assertTrue(all(r["repeated"] for r in again))
        erased = sorted(r["index"] for i, r in enumerate(receipts) if i % 3 == 1)
        report = self.report(after)
        self.assertEqual(sum(a["erased"] for a in report["scope"]["agents"]), 4)
        self.assertEqual(sum(a["withheld"] for a in report["scope"]["agents"]), 0)
        text = self.teelog("verify", after, "--policy", "p.json").stdout
        for index in erased:
            self.assertIn(str(index), text)
        report = self.report(before)
        self.assertEqual(sum(a["erased"] + a["withheld"] for a in report["scope"]["agents"]), 0)
        with open(self.path(after), "rb") as f:
            bundle = f.read()
        self.assertNotIn(b"of u1", bundle)
        self.assertIn(b"of u2", bundle)
        self.assertIn(b"on request", bundle)
        said = self.teelog("fsck", "--data", self.data, "--tee", "sim").stdout
        self.assertIn("4 of the bodies erased", said)
        stopped = self.teelog("records", "--data", self.data, "--tee", "sim", "--json").stdout
        self.assertNotIn("of u1", stopped)

    def test_filters_and_indexes(self):
        with self.serve() as service:
            receipts = self.append(people())
            self.assertEqual(self.erase(service, {"room": "r0", "user": "u0"})["erased"], 2)
            self.assertEqual(self.erase(service, {"agent": "alice"})["erased"], 4)
            self.assertEqual(self.erase(service, {"agent": "alice"})["already"], 6)
            nothing = self.erase(service, {"user": "nobody"})
            self.assertEqual((nothing["erased"], nothing["statements"]), (0, []))
            self.assertEqual(nothing["treeSize"], service.status()["size"])
            self.assertEqual(self.erase(service, {"agent": "bob", "before": 1})["erased"], 0)
            at = receipts[1]["index"]
            done = self.erase(service, {"indexes": [at, receipts[0]["index"], at]})
            self.assertEqual((done["erased"], done["already"]), (1, 1))
            later = int(time.time() * 1000) + 60000
            self.assertEqual(self.erase(service, {"agent": "bob", "before": later})["erased"], 5)
            self.assertEqual(len([r for r in self.contents() if r.get("content")]), 0)

    def test_more_than_a_page(self):
        with self.serve() as service:
            self.append([record(userId=f"u{i % 5 == 0}", content=f"{i}") for i in range(4000)])
            self.assertEqual(self.erase(service, {"room": "room", "dryRun": True})["erased"], 4000)
            done = self.erase(service, {"user": "uFalse"})
            self.assertEqual(done["erased"], 3200)
            self.assertEqual(done["statements"], sorted(set(done["statements"])))
            done = self.erase(service, {"agent": "alice"})
            self.assertEqual((done["erased"], done["already"]), (800, 3200))
            report = self.report(self.export("after"))
            self.assertEqual(report["scope"]["agents"][0]["erased"], 4000)
        self.teelog("fsck", "--data", self.data, "--tee", "sim")

    def test_wrong_requests_change_nothing(self):
        wrong = [("", "the body must be"), ("[]", "the body must be"), ("{}", "indexes"), ('{"indexes":[]}', "indexes"),
                 ('{"indexes":[2],"user":"u"}', "indexes"), ('{"indexes":[2],"before":5}', "indexes"),
                 ('{"before":5}', "indexes"), ('{"reason":"x"}', "indexes"),
                 ('{"indexes":[-1]}', "indexes"), ('{"indexes":["1"]}', "indexes"),
                 ('{"indexes":[1.0]}', "indexes"), ('{"indexes":[9007199254740992]}', "indexes"),
                 ('{"indexes":[0]}', "own"), ('{"indexes":[2,1]}', "own"),
                 ('{"indexes":[2,999]}', "no statement 999"), ('{"user":5}', "user"),
                 ('{"user":"u1","user":"u2"}', "user"), ('{"indexes":[2],"indexes":[3]}', "indexes"),
                 ('{"user":"u1","what":1}', "what"), ('{"user":"u1","dryRun":1}', "dryRun"),
                 ('{"user":"u1","before":"x"}', "before"), ('{"user":"%s"}' % ("u" * 300), "256"),
                 ('{"room":"%s"}' % ("u" * 300), "256"),
                 ('{"user":"%s"}' % ("u" * 5000), "user"), ('{"agent":"u 1"}', "agent"),
                 ('{"indexes":[2],"reason":"%s"}' % ("r" * 257), "reason"),
                 ('{"indexes":[2],"reason":"\\ud800"}', "reason"),
                 ('{"user":"u1"}x', "the body must be"), ('{"indexes":[%s]}' % ",".join(["2"] * 65537), "long")]
        with self.serve() as service:
            self.append(people())
            size = service.status()["size"]
            for body, words in wrong:
                with self.subTest(body=body[:60]):
                    status, answer = self.post(service, body)
                    self.assertIn(status, (400, 413), answer)
                    self.assertIn(words.lower(), json.dumps(answer).lower())
            self.assertEqual(service.status()["size"], size)
            self.assertEqual(len([r for r in self.contents() if r.get("content")]), 12)
            self.assertEqual(service.get("/v1/erasures")[0], 405)

    def test_tokens(self):
        with self.serve() as service:
            receipts = self.append(people())

            def token(*scopes, agents=()):
                status, made = self.post(service, {"scopes": scopes, "agents": list(agents)},
                                         path="/v1/tokens")
                self.assertEqual(status, 201, made)
                return made["token"]
            reader = token("append", "read", "admin")
            self.assertEqual(self.post(service, {"user": "u1"}, token=reader)[0], 403)
            self.assertEqual(self.post(service, {"user": "u1"}, token="x" * 60)[0], 401)
            alice = token("erase", agents=["alice"])
            both = token("erase", agents=["alice", "carol"])
            bobs, alices = receipts[1]["index"], receipts[0]["index"]
            for body in ({"indexes": [alices, bobs]}, {"agent": "bob"}):
                self.assertEqual(self.post(service, body, token=alice)[0], 403)
            self.assertEqual(self.post(service, {"user": "u1"}, token=both)[0], 400)
            self.assertEqual(self.erase(service, {"user": "u1"}, token=alice)["erased"], 2)
            self.assertEqual(self.erase(service, {"indexes": [alices]}, token=both)["erased"], 1)
            self.assertEqual(self.erase(service, {"user": "u1"}, token=token("erase"))["erased"], 2)
            for r in self.contents("--agent", "bob", "--user", "u0"):
                self.assertTrue(r["content"])

    def test_a_token_revoked_meanwhile(self):
        with self.serve() as service:
            self.append(people())
            _, made = self.post(service, {"scopes": ["erase"]}, path="/v1/tokens")
            body = b'{"user":"u1"}'
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(service.socket)
                s.sendall(b"POST /v1/erasures HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
                          % (made["token"].encode(), len(body)))
                time.sleep(0.3)
                status = service.ask(f"DELETE /v1/tokens/{made['id']} HTTP/1.1\r\nHost: x\r\n"
                                     "Connection: close\r\n\r\n")[0]
                self.assertEqual(status, 200)
                s.sendall(body)
                answer = b"".join(iter(lambda: s.recv(65536), b""))
            self.assertIn(b" 401 ", answer.split(b"\r\n")[0])
            self.assertEqual(len(self.contents("--user", "u1")), 4)

    def test_command_line(self):
        with self.serve():
            receipts = self.append(people())
            usage = [[], ["x"], ["-1"], ["1", "--user", "u1"], ["1", "--before", "5"],
                     ["--before", "5"], ["--user", ""], ["--user", "u1", "--before", "soon"],
                     ["--user", "u1"]]  # nobody to ask
            for args in usage:
                self.teelog("erase", "--data", self.data, *args, code=2)
            said = self.teelog("erase", "--data", self.data, "--user", "u1", "--dry-run").stdout
            self.assertEqual(said, "4 records would be erased (SIMULATED platform)\n")
            self.teelog("erase", "--data", self.data, "0", "--yes", code=2)
            done = json.loads(self.teelog("erase", "--data", self.data, "--user", "u1", "--yes",
                                          "--reason", "on request", "--json").stdout)
            self.assertEqual(done["erased"], 4)
            said = self.teelog("erase", "--data", self.data, str(receipts[0]["index"]),
                               str(receipts[1]["index"]), "--yes").stdout
            self.assertRegex(said, r"^1 record erased: statement \d+; 1 had been erased before")

    def test_it_asks_on_a_terminal(self):
        with self.serve():
            self.append(people())
            for answer, code, left in ((b"n\n", 2, 12), (b"\n", 2, 12), (b"y\n", 0, 8)):
                ours, theirs = pty.openpty()
                p = subprocess.Popen([TEELOG, "erase", "--data", self.data, "--user", "u1"],
                                     stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     text=True, env=self.env)
                os.write(ours, answer)
                _, err = p.communicate(timeout=60)
                os.close(ours)
                os.close(theirs)
                self.assertEqual(p.returncode, code, err)
                self.assertIn("bodies of 4 records?", err)
                self.assertEqual(len([r for r in self.contents() if r.get("content")]), left)

    def test_killed_while_it_erases(self):
        """Both the statement and its effect, or neither; and what was answered is so."""
        told = set()
        for round_number in range(KILLS):
            service = self.serve()
            mine = [r["index"] for r in self.append(
                [record(content=f"{round_number}-{i}" + "x" * 2000) for i in range(200)])]

            def work():
                for i in range(0, 200, 5):
                    try:
                        self.erase(service, {"indexes": mine[i:i + 5]})
                    except (OSError, ValueError, IndexError):
                        return
                    told.update(mine[i:i + 5])
            thread = threading.Thread(target=work)
            thread.start()
            time.sleep(0.01 + 0.02 * round_number)
            service.stop(signal.SIGKILL)
            thread.join()
            service.__exit__()
            self.teelog("fsck", "--data", self.data, "--tee", "sim")
        with self.serve():
            rows = {r["index"]: r for r in self.contents()}
            for index in told:
                self.assertFalse(rows[index].get("content"))
            self.report(self.export("after"))
        self.assertTrue(told)

    def test_retention(self):
        with self.serve("--retain", "note=2s", "--retain", "*=3650", "--retain", "keep: a/b=36500") as service:
            self.append([record(type="note", content=f"note {i}") for i in range(30)] +
                        [record(type="keep: a/b"), record(type="other")])
            end = time.monotonic() + 30
            while len([r for r in self.contents("--type", "note") if r.get("content")]):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.3)
            self.append([record(type="note", content="young")])
            self.assertEqual(sorted(r["content"] for r in self.contents() if r.get("content")),
                             ["5 USDC to bob", "5 USDC to bob", "young"])
            service.stop()
            self.assertRegex(service.process.stderr.read(), r"erased 30 records, as --retain says")
        # What was too old when nobody was there, and every type.
        time.sleep(1)
        with self.serve("--retain", "*=1s") as service:
            end = time.monotonic() + 30
            while len([r for r in self.contents() if r.get("content")]):
                self.assertLess(time.monotonic(), end)
                time.sleep(0.3)
            report = self.report(self.export("after"))
            self.assertEqual(report["scope"]["agents"][0]["erased"], 33)
            service.stop()
            self.assertRegex(service.process.stderr.read(), r"erased 3 records, as --retain says")
        self.teelog("fsck", "--data", self.data, "--tee", "sim")
        for wrong in ("", "note", "=5", "note=", "note=x", "note=-1", "note=5y", "note=1.5", "note=s",
                      "teelog.end=5", "no,te=5", "note=36501", "note=36501d", "x" * 65 + "=1"):
            self.teelog("serve", "--data", self.data, "--tee", "sim", "--retain", wrong, code=2)
        self.teelog("serve", "--data", self.data, "--tee", "sim", "--retain", "a=1", "--retain",
                    "a=2", code=2)


if __name__ == "__main__":
    main()
