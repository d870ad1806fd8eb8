"""`teelog records` and `teelog tail`: what they show, in both forms, of a running service
and of a stopped log; and that following loses nothing and shows nothing twice."""
import base64
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

from teelogtest import TEELOG, Case, Service, lines, main, record

LONG = os.environ.get("TEELOG_LONG") == "1"


def numbered(numbers, agent="alice", **more):
    return [record(agent, f"n{i}", **more) for i in numbers]


class Records(Case):
    def fill(self):
        self.append([record("alice", "One", type="note", roomId="r 1"),
                     record("alice", "two\nlines \u009b \u202e\x1b[2J \U0001f600",
                            attributes={"a": [1, {"b": None}]}),
                     record("bob", "three", type="note", userId="ü")])
        self.append([record("bob", "x" * 5000, ref=5)])

    def records(self, *args, code=0):
        done = self.teelog("records", "--data", self.data, *args, "--json", code=code)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def check_filters(self, *how):
        cases = {(): ["One", "two", "three", "xx"], ("--newest",): ["xx", "three", "two", "One"],
                 ("--oldest",): ["One", "two", "three", "xx"],
                 ("--agent", "bob"): ["three", "xx"], ("--room", "r 1"): ["One"],
                 ("--user", "ü"): ["three"], ("--type", "note"): ["One", "three"],
                 ("--text", "ONE"): ["One"], ("--text", "%"): [],
                 ("--after", "2020-01-01T00:00:00Z", "--before", "9007199254740991"):
                     ["One", "two", "three", "xx"],
                 ("--before", "2020-01-01T00:00:00Z"): [], ("--from", "3"): ["two", "three", "xx"],
                 ("--to", "3"): ["One"], ("--from", "3", "--to", "4"): ["two"],
                 ("--limit", "2"): ["One", "two"], ("--limit", "1", "--newest"): ["xx"],
                 ("--agent", "nobody"): []}
        for args, want in cases.items():
            with self.subTest(args=args, how=how):
                got = self.records(*how, *args)
                self.assertEqual([r["content"][:max(3, len(w))].strip()[:len(w)]
                                  for r, w in zip(got, want)], want)
                self.assertEqual(len(got), len(want))
                self.assertTrue(all(r["simulated"] for r in got))
                if "--limit" not in args:
                    total = self.teelog("records", "--data", self.data, *how, *args, "--total",
                                        "--json").stdout
                    self.assertEqual(json.loads(total), {"simulated": True, "total": len(want)})
        self.assertEqual([r["type"] for r in self.records(*how, "--type", "teelog.session")],
                         ["teelog.session"] * 2)
        self.assertEqual(self.teelog("records", "--data", self.data, *how, "--agent", "bob",
                                     "--total").stdout, "SIMULATED platform\n2\n")

    def test_running_and_stopped_are_the_same(self):
        with self.serve():
            self.fill()
            self.check_filters()
            running = self.records(), self.teelog("records", "--data", self.data).stdout
            one = self.records("3")
        self.check_filters("--tee", "sim")
        stopped = (self.records("--tee", "sim"),
                   self.teelog("records", "--data", self.data, "--tee", "sim").stdout)
        self.assertEqual(running, stopped)
        again = self.records("3", "--tee", "sim")
        for name in ("treeSize", "checkpoint", "path"):  # the log has ended since
            del one[0][name], again[0][name]
        self.assertEqual(one, again)

    def test_for_people(self):
        with self.serve():
            self.fill()
            text = self.teelog("records", "--data", self.data).stdout
            one = self.teelog("records", "--data", self.data, "3").stdout
            page = self.records()
        first, *rest = text.splitlines()
        self.assertEqual(first, "SIMULATED platform")
        self.assertRegex(rest[0], r"^ {7}2  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  alice  note"
                                  r"  room r 1  user user$")
        self.assertEqual(rest[1], "          One")
        self.assertEqual(rest[3:6], ["          two", "          lines ? ??[2J \U0001f600",
                                     '          {"a":[1,{"b":null}]}'])
        self.assertIn("user ü", rest[6])
        self.assertTrue(rest[8].endswith("  answers 5"))
        self.assertEqual(rest[9:], ["          " + "x" * 4096,
                                    "          (4096 bytes of 5000; --json shows all)"])
        self.assertNotIn("\x1b", text)
        self.assertIn(page[1]["leafHash"], one)
        self.assertIn(page[1]["keyId"], one)
        self.assertIn("to the root of 7 statements\n", one)
        self.assertIn("checkpoint\n          ", one)

    def test_proof(self):
        with self.serve() as service:
            self.fill()
            for index in range(7):
                one, = self.records(str(index))
                statement = base64.b64decode(one["statement"])
                node = hashlib.sha256(b"\0" + statement).digest()
                self.assertEqual(one["leafHash"], node.hex())
                at, last = index, one["treeSize"] - 1
                for sibling in map(base64.b64decode, one["path"]):  # RFC 9162 section 2.1.3.2
                    if at % 2 or at == last:
                        node = hashlib.sha256(b"\1" + sibling + node).digest()
                        while at % 2 == 0 and at:
                            at, last = at // 2, last // 2
                    else:
                        node = hashlib.sha256(b"\1" + node + sibling).digest()
                    at, last = at // 2, last // 2
                self.assertEqual(last, 0)
                root = one["checkpoint"].split("\n")[2]
                self.assertEqual(base64.b64decode(root), node)
                self.assertEqual(one["checkpoint"], service.get("/checkpoint")[2].decode())
                body = hashlib.sha256(base64.b64decode(one["body"])).digest()
                self.assertIn(body, statement)
            self.teelog("records", "--data", self.data, "7", code=3)
        self.teelog("records", "--data", self.data, "--tee", "sim", "99", code=3)

    def test_pages(self):
        """More than a page holds, and more bytes."""
        with self.serve():
            self.append(numbered(range(2500)))
            self.append([record("bob", "y" * 1048576) for _ in range(20)])
            want = [f"n{i}" for i in range(2500)]
            self.assertEqual([r["content"] for r in self.records("--agent", "alice")], want)
            self.assertEqual([r["content"] for r in self.records("--agent", "alice", "--newest")],
                             want[::-1])
            self.assertEqual([r["content"] for r in self.records("--limit", "1001")], want[:1001])
            self.assertEqual(len(self.records("--agent", "bob")), 20)
            self.assertEqual(len(self.records("--agent", "bob", "--limit", "13")), 13)
        self.assertEqual([r["content"] for r in self.records("--agent", "alice", "--tee", "sim")],
                         want)
        self.assertEqual(len(self.records("--tee", "sim", "--agent", "bob", "--newest")), 20)

    def test_nothing_there(self):
        done = self.teelog("records", "--data", self.data, code=3)
        self.assertIn("cannot reach a service", done.stderr)
        self.teelog("records", "--data", self.data, "--tee", "sim", code=3)
        self.teelog("tail", "--data", self.data, code=3)
        self.assertFalse(os.path.exists(self.data))

    def test_run_does_not_read(self):
        done = self.teelog("run", "--data", self.data, "--tee", "sim", "--", TEELOG, "records",
                           code=3)
        self.assertIn("Authorization", done.stderr)
        self.teelog("run", "--data", self.data, "--tee", "sim", "--", TEELOG, "tail", code=3)


class Tail(Case):
    def follow(self, *args):
        out = open(self.path("seen"), "w+", encoding="utf-8")
        self.addCleanup(out.close)
        tail = subprocess.Popen([TEELOG, "tail", "--data", self.data, "--json", *args], stdout=out,
                                stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(tail.stderr.close)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        return tail

    def seen(self):
        """The contents of the whole lines that are there."""
        with open(self.path("seen"), encoding="utf-8") as f:
            return [json.loads(line)["content"] for line in f.read().split("\n")[:-1]]

    def await_seen(self, want):
        end = time.monotonic() + 60
        while (got := self.seen()) != want and time.monotonic() < end and len(got) <= len(want):
            time.sleep(0.02)
        self.assertEqual(got, want)

    def end(self, tail, number=signal.SIGINT):
        tail.send_signal(number)
        self.assertEqual(tail.wait(10), 0)
        return tail.stderr.read()

    def test_the_last_first(self):
        with self.serve():
            said = [f"n{i}" for i in range(30)]
            self.append(numbered(range(30)))
            for args, first in (((), lambda: said[-10:]), (("-n", "3"), lambda: said[-3:]),
                                (("-n", "0"), list), (("-n", "1000"), lambda: said[:]),
                                (("--from", "0"), lambda: said[:]),
                                (("--from", "31"), lambda: said[29:]),
                                (("-n", "2", "--text", "N1"),
                                 lambda: [t for t in said if "n1" in t][-2:])):
                with self.subTest(args=args):
                    tail = self.follow(*args)
                    want = first()
                    self.await_seen(want)
                    if not want:
                        time.sleep(0.5)  # until it has asked
                    said.append(f"n1 and {len(said)}")
                    self.append([record("alice", said[-1])])
                    self.await_seen(want + said[-1:])
                    self.assertEqual(self.end(tail, signal.SIGTERM if want else signal.SIGINT), "")

    def test_for_people(self):
        with self.serve():
            self.append(numbered(range(2)))
            tail = subprocess.Popen([TEELOG, "tail", "--data", self.data], stdout=subprocess.PIPE,
                                    text=True, env=self.env)
            self.addCleanup(tail.stdout.close)
            self.assertEqual(tail.stdout.readline(), "SIMULATED platform\n")
            self.assertIn("alice  Action:PAY", tail.stdout.readline())
            self.assertEqual(tail.stdout.readline(), "          n0\n")
            tail.send_signal(signal.SIGINT)
            self.assertEqual(tail.wait(10), 0)

    def test_nothing_lost_or_doubled(self):
        """The service is killed and started again, and the client too, while it grows."""
        rounds, at, want = (40 if LONG else 8), 0, []
        chance = random.Random(7)
        service = self.serve()
        self.append(numbered(range(1)))
        want.append("n0")
        at = 1
        tail = self.follow("--from", "0")
        self.await_seen(want)
        for turn in range(rounds):
            count = chance.randrange(1, 400)
            more = numbered(range(at, at + count))
            for r in more:
                r["requestId"] = r["content"]
            writer = subprocess.Popen([TEELOG, "append", "--data", self.data], text=True,
                                      env=self.env, stdin=subprocess.PIPE,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            writer.stdin.write(lines(more))
            writer.stdin.close()
            time.sleep(chance.random() * 0.05)
            if turn % 3 == 2:
                # The client goes on itself behind what it has shown.
                tail.kill()
                tail.wait()
                tail = None
            service.stop(signal.SIGKILL if turn % 2 else signal.SIGTERM)
            writer.wait()
            service.__exit__()
            service = Service(self.dir, env=self.env)
            self.addCleanup(service.__exit__)
            self.append(more)  # again, with its request ids
            want += [r["content"] for r in more]
            at += count
            if not tail:
                tail = self.follow_on(self.whole_lines())
                # One more, which only the new client can show: it has reached the service.
                self.append(numbered([at]))
                want.append(f"n{at}")
                at += 1
            self.await_seen(want)
        self.assertIn("waiting for the service", self.end(tail))
        service.stop()

    def whole_lines(self):
        """What a killed client has left, without a line that it was within."""
        with open(self.path("seen"), "r+", encoding="utf-8") as f:
            text = f.read()
            text = text[:text.rfind("\n") + 1]
            f.truncate(len(text.encode()))
        return [json.loads(line) for line in text.splitlines()]

    def follow_on(self, shown):
        with open(self.path("seen"), "a", encoding="utf-8") as out:
            tail = subprocess.Popen([TEELOG, "tail", "--data", self.data, "--json", "--from",
                                     str(shown[-1]["index"] + 1)], stdout=out,
                                    stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(tail.stderr.close)
        self.addCleanup(tail.wait)
        self.addCleanup(tail.kill)
        return tail

    def test_another_log(self):
        """A service with a shorter log is not followed."""
        with self.serve():
            self.append(numbered(range(50)))
            tail = self.follow("-n", "1")
            self.await_seen(["n49"])
        os.rename(self.data, self.path("old"))
        with self.serve():
            self.assertEqual(tail.wait(30), 3)
            self.assertIn("another log", tail.stderr.read())

    def test_full_output(self):
        with self.serve():
            self.append(numbered(range(2)))
            with open("/dev/full", "w", encoding="utf-8") as full:
                for command in ("records", "tail"):
                    done = subprocess.run([TEELOG, command, "--data", self.data], stdout=full,
                                          stderr=subprocess.PIPE, text=True, env=self.env,
                                          timeout=60, check=False)
                    self.assertEqual(done.returncode, 3)
                    self.assertIn("standard output", done.stderr)


class Lies(Case):
    """What a service answers is for a terminal or for a program, whoever the service is."""

    def answer(self, body):
        """Gives every request this answer; the path of the socket."""
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        path = self.path(f"lies-{time.monotonic_ns()}")
        server.bind(path)
        server.listen()
        body = body.encode()

        def serve():
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
                                       % (len(body), body))

        threading.Thread(target=serve, daemon=True).start()
        return path

    def ask(self, body, command, *args, code=0):
        done = self.teelog(*command.split(), "--socket", self.answer(body), *args, code=code)
        self.assertNotIn("\x1b", done.stdout + done.stderr)
        return done

    def test_nothing_to_act_upon(self):
        act = "\x1b[2J"
        for args in ([], ["--json"]):
            for line in (f'{{"a":"{act}"}}', act, "7", '{"a":1'):
                with self.subTest(args=args, line=line):
                    done = self.ask(f"data: {line}\n\n", "tail -n 0", *args, code=1)
                    self.assertEqual(done.stdout, "")
        for command in ("records", "agents", "token list", "token revoke 00", "erase --yes --user u"):
            for text in (act, "\u009b2J", "\u202e"):
                for line in (f'{{"a":"{text}","size":3,"records":[{{"a":"{text}"}}]}}', text, f'["{text}"]'):
                    with self.subTest(command=command, line=line):
                        done = self.ask(line, command, "--json", code=1)
                        self.assertEqual(done.stdout, "")
        self.assertIn("no list of tokens", self.ask("{}", "token list", code=1).stderr)
        escaped = json.dumps(act)
        done = self.ask(f'{{"agents":[{{"id":{escaped},"count":1}}]}}', "agents")
        self.assertIn("?[2J  ", done.stdout)
        done = self.ask(f'{{"tokens":[{{"id":{escaped}}}]}}', "token list")
        self.assertIn("?[2J  ", done.stdout)
        for text, token_id in ((act, "00"), ("teelog_x", act)):
            answer = json.dumps({"token": text, "id": token_id})
            done = self.ask(answer, "token create --scope read", code=1)
            self.assertIn("holds no token", done.stderr)
        self.assertEqual(self.ask(json.dumps({"token": "teelog_a-Z", "id": "0f"}),
                                  "token create --scope read").stdout, "teelog_a-Z\n")

    def test_receipts(self):
        unknown = "the outcome is unknown; repeat it with a requestId"
        for text in ("\x1b[2J", "\u009b2J", "\u202e"):
            for line in (f'{{"index":"{text}"}}', text, f'["{text}"]', "7", '{"index":1'):
                with self.subTest(line=line):
                    done = self.teelog("append", "--socket", self.answer(line + "\n"), stdin="{}\n",
                                       code=3)
                    self.assertEqual(json.loads(done.stdout)["error"], unknown)
                    self.assertIn("not what was asked", done.stderr)
            done = self.teelog("append", "--socket", self.answer(f'{{"error":{json.dumps(text)}}}\n'),
                               stdin="{}\n", code=3)
            self.assertEqual(json.loads(done.stdout)["line"], 1)
            self.assertTrue(done.stdout.isascii() and done.stdout.strip().isprintable())
        receipt = '{"index":1,"agentId":"a"}\n'
        done = self.teelog("append", "--socket", self.answer(receipt), stdin="{}\n")
        self.assertEqual(done.stdout, receipt)


if __name__ == "__main__":
    main()
