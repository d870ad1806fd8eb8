"""Clients for agents, in C, Python and shell, each by its example: an agent that pays people. Whatever stands
between it and its log, it pays only once that is logged, and nothing is logged twice."""
import json
import os
import pathlib
import re
import subprocess
import time

import liar
from doors import Door, make_certificate
from liar import Liar
from teelogtest import TEELOG, Case, lines, main, not_in_gramine, piped, record

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"
AGENTS = {
    "C": [os.environ["AGENT_C"]],
    "Python": ["python3", str(EXAMPLES / "agent.py")],
    "shell": ["sh", str(EXAMPLES / "agent.sh")],
}
REPEATING = ("C", "Python")  # the others give up where an answer was lost


class Agents(Case):
    agents, repeating, between = AGENTS, REPEATING, Liar

    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")
        self.key = self.service.status()["logKey"]

    def agent(self, name, socket, payments, code, key=None):
        """(standard output, standard error) of an agent that ends with this code."""
        env = {**self.env, "TEELOG_SOCKET": socket, "TEELOG_LOG_KEY": key or self.key}
        done = subprocess.run(self.agents[name], input=payments, capture_output=True, text=True, env=env,
                              cwd=self.dir, timeout=120)
        self.assertEqual(done.returncode, code, f"{name}: {done.stdout} {done.stderr}")
        return done.stdout, done.stderr

    def liar(self, *lies):
        it = self.between(self.path("between"), self.service.socket, *lies)
        self.addCleanup(it.close)
        return it

    def records(self):
        """(phase, ref) of what is logged of the payer, and their indexes."""
        out = self.teelog("records", "--data", self.data, "--json", "--agent", "payer").stdout
        rows = [json.loads(line) for line in out.splitlines()]
        rows = [r for r in rows if r["type"] == "Action:PAY"]
        return [(json.loads(r["content"])["phase"], r.get("ref")) for r in rows], [r["index"] for r in rows]

    def test_they_log_before_and_after(self):
        for n, name in enumerate(self.agents):
            out, err = self.agent(name, self.service.socket, "bob 5\nnobody 7\nal 1\n", 0)
            self.assertEqual(err, "", name)
            self.assertEqual([line for line in out.splitlines() if "paid" in line], ["paid bob 5", "paid al 1"])
            said, at = self.records()
            said, at = said[6 * n:], at[6 * n:]
            self.assertEqual(said, [("intent", None), ("result", at[0]), ("intent", None), ("failure", at[2]),
                                    ("intent", None), ("result", at[4])], name)
            self.assertIn(f"statement {at[0]}, and {at[1]} that answers it: signed", out)

    def refused(self, lies, words, payments="bob 5\n", paid="", names=None, key=None):
        """Each agent meets these lies, and pays no more than that."""
        for name in names or self.agents:
            with self.subTest(agent=name):
                between = self.liar(*lies)
                out, err = self.agent(name, between.path, payments, 1, key)
                between.close()
                self.assertEqual("".join(line + "\n" for line in out.splitlines() if "paid" in line), paid)
                self.assertIn("not logged", err)
                self.assertRegex(err, words)

    def test_another_log(self):
        """Genuine, of the same code and the same name."""
        self.data = self.path("other/log")
        os.mkdir(self.path("other"))
        home, self.dir = self.dir, self.path("other")
        other = self.serve("--origin", "example.org/log")
        self.dir, self.data = home, os.path.join(home, "log")
        self.refused([liar.other_log_(other.socket)], "another log|not signed by a log")
        self.assertEqual(self.records()[0], [])

    def test_an_older_receipt(self):
        """Of the same words, which it has seen before."""
        self.refused([None, None, liar.older_receipt], "another record|other content|older one|another content",
                     "bob 5\nbob 5\n", "paid bob 5\n")

        def again(between, connection, _):
            connection.sendall(between.answers[0])

        words = "another record|another content|older one|was there before"
        self.refused([None, None, again], words, "bob 5\nbob 5\n", "paid bob 5\n")
        # Nor one of before it began.
        for name in self.agents:
            with self.subTest(agent=name):
                between = self.liar()
                self.agent(name, between.path, "bob 5\n", 0)
                between.lies = [again]
                out, err = self.agent(name, between.path, "bob 5\n", 1)
                between.close()
                self.assertNotIn("paid", out)
                self.assertRegex(err, words)

    def test_another_record(self):
        self.refused([liar.other_record_(b"bob", b"eve")], "of another record|another content")
        self.refused([liar.other_record_(b"Action:PAY", b"Action:GET")], "another record")
        self.refused([liar.other_record_(b'"payer"', b'"prayer"')], "another record")

    def test_altered_receipts(self):
        def with_(**members):
            return liar.altered_(lambda receipt: receipt.update(members))

        def bend(receipt):
            receipt["path"] = receipt["path"][::-1] + receipt["path"][:1]

        for lie in (with_(index=1), with_(statement="AAAA"), with_(checkpoint="none"), with_(path=[]),
                    with_(salt="AAAAAAAAAAAAAAAAAAAAAA=="), liar.altered_(bend),
                    liar.altered_(lambda receipt: receipt.pop("salt"))):
            self.refused([lie], "not hold|receipt")
        for lie in (with_(leafHash="00" * 32), with_(treeSize=9), with_(seq=8), with_(agentId="bob"),
                    with_(**{"class": "\x1b[2J"}), with_(index=1.0)):
            self.refused([lie], "receipt", names=self.repeating)

    def test_no_receipts(self):
        for body in (b"", b'{"index":1}\n'):
            self.refused([liar.says_(body)], "not logged")
        self.refused([liar.no_http, liar.no_http], "HTTP", names=self.repeating)

    def test_endless_answers(self):
        for lie in (liar.endless, liar.endless_head):
            began = time.monotonic()
            self.refused([lie], "longer than receipts|HTTP", names=self.repeating)
            self.assertLess(time.monotonic() - began, 30)

    def test_a_frozen_log(self):
        self.refused([liar.frozen], "frozen")

    def test_silence(self):
        self.refused([liar.silent], "time is up|has not moved|not answered whole|timed out", names=self.repeating)

    def once(self, lies, names=None):
        """Each agent meets these and goes on; all is logged once."""
        for name in names or self.repeating:
            with self.subTest(agent=name):
                before = len(self.records()[1])
                between = self.liar(*lies)
                out, _ = self.agent(name, between.path, "bob 5\nal 1\n", 0)
                between.close()
                self.assertEqual([line for line in out.splitlines() if "paid" in line], ["paid bob 5", "paid al 1"])
                said, at = self.records()
                said, at = said[before:], at[before:]
                self.assertEqual(said, [("intent", None), ("result", at[0]), ("intent", None), ("result", at[2])])
                bodies = [liar.body_of(r) for r in between.requests]
                self.assertEqual(len(bodies), 4 + len([lie for lie in lies if lie]))
                self.assertEqual(len(set(bodies)), 4)  # the same bytes, with the same ids

    def test_lost_requests_and_answers(self):
        self.once([liar.lose_request])
        self.once([liar.lose_answer])
        self.once([None, liar.lose_answer, liar.lose_request, liar.lose_answer])

    def test_a_busy_service(self):
        began = time.monotonic()
        self.once([liar.busy, None, liar.busy])
        self.assertGreater(time.monotonic() - began, 2 * len(self.repeating))

    @not_in_gramine("the service is killed, and started again")
    def test_the_service_is_killed_in_the_middle(self):
        for name in self.repeating:
            with self.subTest(agent=name):
                env = {**self.env, "TEELOG_SOCKET": self.service.socket, "TEELOG_LOG_KEY": self.key}
                before = len(self.records()[1])
                with piped(self.agents[name], env) as agent:
                    agent.stdin.write("bob 5\n")
                    agent.stdin.flush()
                    self.assertEqual(agent.stdout.readline(), "paid bob 5\n")
                    self.assertIn("answers it", agent.stdout.readline())
                    self.service.process.kill()
                    self.service.process.wait()
                    agent.stdin.write("al 1\n")  # it waits for the log
                    agent.stdin.flush()
                    self.service = self.serve()
                    self.assertEqual(agent.stdout.readline(), "paid al 1\n")
                    agent.stdin.close()
                    self.assertIn("answers it", agent.stdout.readline())
                    self.assertEqual(agent.wait(60), 0)
                said, _ = self.records()
                self.assertEqual([phase for phase, _ in said[before:]], ["intent", "result"] * 2)

    def test_no_service(self):
        for name in self.agents:
            out, err = self.agent(name, self.path("nowhere"), "bob 5\n", 1)
            self.assertEqual(out, "", name)
            self.assertIn("not logged", err)

    def test_without_a_pin(self):
        for name in self.agents:
            env = {**self.env, "TEELOG_SOCKET": self.service.socket}
            done = subprocess.run(self.agents[name], input="bob 5\n", capture_output=True, text=True, env=env)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (name, done.stderr))
            self.assertIn("which log?", done.stderr)

    def test_another_pin(self):
        for name in self.agents:
            key = self.key.replace("example.org/log", "example.org/lag")
            out, err = self.agent(name, self.service.socket, "bob 5\n", 2 if name != "shell" else 1, key)
            self.assertEqual(out, "", name)

    def test_under_teelog_run(self):
        for name in self.agents:
            done = self.teelog("run", "--data", self.path("run"), "--tee", "sim", "--export", "bundle", "--",
                               *self.agents[name], stdin="bob 5\n")
            self.assertIn("paid bob 5\n", done.stdout)
        self.teelog("policy", "init", "bundle", "-o", "policy")
        agents = {a["agent"]: a for a in self.verdict("bundle", "--policy", "policy")["scope"]["agents"]}
        self.assertEqual(agents["payer"]["count"], 3 * 4)  # session, intent, result, end


class Doors(Case):
    """The C client on every way to a service."""

    def tool(self, *words, code=0):
        env = {k: v for k, v in self.env.items() if k != "SSL_CERT_FILE"}
        done = subprocess.run([os.environ["APPENDTOOL"], *words, "x"], capture_output=True, text=True, env=env,
                              cwd=self.dir, timeout=120)
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done.stdout

    def test_what_it_is_linked_with(self):
        library = os.environ["CLIENT_LIBRARY"]
        needed = subprocess.run(["ldd", library], capture_output=True, text=True, check=True).stdout
        self.assertIn("libssl", needed)
        for name in ("event", "sqlite", "curl"):
            self.assertNotIn(name, needed)

    def test_the_socket(self):
        service = self.serve()
        key = service.status()["logKey"]
        self.assertEqual(self.tool("socket", service.socket, "first_use", "1"), f"2 signed {key}\n")
        self.assertEqual(self.tool("socket", service.socket, "log_key", key), f"3 signed {key}\n")
        self.assertIn("E_USAGE: which log?", self.tool("socket", service.socket, code=1))

    def test_tls(self):
        door = Door(self, "tls")
        url, key = f"https://localhost:{door.address[1]}", door.service.status()["logKey"]
        token = self.teelog("token", "create", "--scope", "append", "--data", self.data).stdout.strip()
        at = ("url", url, "log_key", key, "token", token)
        self.assertEqual(self.tool(*at, "ca_file", door.cert), f"2 signed {key}\n")
        self.assertIn("E_AUTH: the certificate of", self.tool(*at, code=1))
        other, _ = make_certificate(self.dir, "other")
        self.assertIn("E_AUTH: the certificate of", self.tool(*at, "ca_file", other, code=1))
        self.assertIn("E_USAGE: none holds no certificates", self.tool(*at, "ca_file", "none", code=1))
        self.assertIn("E_AUTH: ", self.tool("url", url, "log_key", key, "ca_file", door.cert, code=1))
        self.assertIn("E_AUTH: ", self.tool(*at[:-1], "teelog_" + token[:6:-1], "ca_file", door.cert, code=1))

    def test_attested_tls(self):
        service = self.serve("--listen", "127.0.0.1:0", "--ra-tls", "full")
        url, key = "https://" + re.search(r"listening on (\S+?:\d+)", service.ready)[1], service.status()["logKey"]
        self.teelog("export", "--data", self.data, "-o", "bundle")
        self.teelog("policy", "init", "bundle", "-o", "policy")
        token = self.teelog("token", "create", "--scope", "append", "--data", self.data).stdout.strip()
        at = ("url", url, "log_key", key, "token", token)
        self.assertRegex(self.tool(*at, "peer_policy", "policy"), r"^\d+ signed ")
        with open(self.path("policy"), encoding="utf-8") as f:
            policy = json.load(f)
        policy["evidence"][0]["mrenclave"] = ["ab" * 32]
        with open(self.path("other"), "w", encoding="utf-8") as f:
            json.dump(policy, f)
        self.assertIn("E_AUTH: the certificate of", self.tool(*at, "peer_policy", "other", code=1))
        with open(self.path("no"), "w", encoding="utf-8") as f:
            f.write("{}")
        self.assertIn("E_USAGE: ", self.tool(*at, "peer_policy", "no", code=1))


class Append(Case):
    """teelog append --log-key."""

    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")
        self.key = self.service.status()["logKey"]

    def through(self, lies, records, code=3, *options):
        """(the lines that it answers, standard error, what came in between)"""
        between = Liar(self.path("between"), self.service.socket, *lies)
        try:
            done = self.teelog("append", "--socket", between.path, "--log-key", self.key, *options,
                               stdin=lines(records), code=code)
        finally:
            between.close()
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr, between

    def test_what_holds(self):
        records = [record("alice", str(i), ref=2 if i == 7 else None, requestId="q" if i in (3, 5) else None)
                   for i in range(1500)]
        records[2]["attributes"] = {"b": [1, "\u20ac\u0000"], "aa": {"x": None}}
        records[3]["content"] = records[5]["content"] = "the same"
        records[9]["type"] = "teelog.boot"
        self.append([record("alice")])  # statement 2
        plain = self.append(records, code=3)
        for r in records:
            r.update(requestId="again" if "requestId" in r else None)
        records = [{k: v for k, v in r.items() if v is not None} for r in records]
        pinned = self.append(records, "--log-key", self.key, code=3)
        self.assertEqual([list(r) for r in pinned], [list(r) for r in plain])
        self.assertEqual(pinned[8]["index"] - pinned[0]["index"], plain[8]["index"] - plain[0]["index"])
        self.assertEqual(pinned[5]["repeated"], True)
        full = self.append([record()], "--log-key", self.key, "--full")[0]
        self.assertLessEqual({"salt", "statement", "checkpoint", "path"}, set(full))
        self.env["TEELOG_LOG_KEY"] = self.key
        self.assertNotIn("salt", self.append([record()])[0])
        self.env["TEELOG_LOG_KEY"] = self.key.replace("example.org/log", "example.org/lag")
        self.append([record()], code=2)

    def test_what_does_not(self):
        two = [record("alice", "5 to bob"), record("alice", "7 to al")]
        for lies, words in (([liar.other_record_(b"bob", b"eve")], "of another record than was sent"),
                            ([liar.altered_(lambda r: r.update(index=1))], "path does not lead to the checkpoint"),
                            ([liar.altered_(lambda r: r.pop("salt"))], "has no salt"),
                            ([liar.says_(b"{}\n{}\n")], "no index")):
            got, err, between = self.through(lies, two)
            self.assertEqual([r["line"] for r in got], [1, 2])
            for r in got:
                self.assertIn("not to be taken as logged", r["error"])
            self.assertIn(words, err)
            self.assertEqual(len(between.requests), 1)

    def test_one_receipt_for_two(self):
        def twice(between, connection, request):
            first = liar.body_of(request).splitlines(True)[0]
            got = liar.body_of(between.truth(liar.with_body(request, first)))
            connection.sendall(liar.answer(got * 2))

        for ids in (("a", "b"), ("c", None), (None, "d"), (None, None)):
            two = [record("alice", "5 to bob", requestId=i) for i in ids]
            got, err, _ = self.through([twice], two)
            self.assertIn("not to be taken as logged", got[0]["error"])
            self.assertRegex(err, "another record's of the same request|an older one's")

    def test_an_older_receipt(self):
        """The second request, of the same words, is answered as the first was."""
        between = Liar(self.path("between"), self.service.socket, None, liar.older_receipt)
        self.addCleanup(between.close)
        with piped([TEELOG, "append", "--socket", between.path, "--log-key", self.key], self.env) as p:
            for _ in range(2):
                p.stdin.write(lines([record()]))
                p.stdin.flush()
                said = json.loads(p.stdout.readline())
            p.stdin.close()
            self.assertIn("not to be taken as logged", said["error"])
            self.assertEqual(p.wait(60), 3)
            self.assertIn("it is an older one's", p.stderr.read())


if __name__ == "__main__":
    main()
