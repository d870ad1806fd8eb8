"""The original's routes: a client as its users have one, an answer that a stranger
verifies and whose every altered member he refuses, and the original's findings 5 to 7
(reference: docs/rest.md)."""
import copy
import importlib.util
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

from teelogtest import ROOT, TEELOG, Case, Service, main, not_in_gramine, record

VERIFIER = ROOT / "examples" / "rest_verify.py"
spec = importlib.util.spec_from_file_location("rest_verify", VERIFIER)
rest_verify = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(rest_verify)

CONTENTS = {7: "7 100% sure", 9: "9 \u2028\"\\\n\u0000\u007f\U0001f980"}


def records(count=25):
    for i in range(count):
        yield record("b/o:b" if i % 2 else "alice", CONTENTS.get(i, f"{i} text"),
                     roomId=f"room {i % 3}", userId="üser",
                     type="Action:PAY" if i % 5 else "Action:ASK")


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Rest(Case):
    def ask(self, service, method, target, body=b"", token=None, patient=True):
        """(status, body); asks again where the service says that it is to wait."""
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        if method == "POST":
            head += f"Content-Length: {len(body)}\r\n"
        while True:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(service.socket)
                s.sendall(head.encode() + b"\r\n" + body)
                answer = b"".join(iter(lambda: s.recv(65536), b""))
            fields, _, got = answer.partition(b"\r\n\r\n")
            status = int(fields.split()[1])
            if status != 503 or not patient:
                return status, got
            wait = re.search(rb"\r\nRetry-After: (\d+)", fields)
            self.assertTrue(wait, fields)
            time.sleep(int(wait[1]))

    def get(self, service, target, **more):
        status, got = self.ask(service, "GET", target, **more)
        self.assertEqual(status, 200, got)
        return got

    def logs(self, service, status=200, raw=None, **body):
        got = self.ask(service, "POST", "/tee/logs", compact(body) if raw is None else raw)
        self.assertEqual(got[0], status, got[1])
        return got[1]

    def token(self, *options):
        made = self.teelog("token", "create", "--data", self.data, "--json", *options)
        return json.loads(made.stdout)

    def filled(self, *options):
        service = self.serve("--origin", "example.org/rest", *options)
        everything = list(records())
        self.append(everything[:1])
        self.append(everything[1:2], "--alg", "ES256K")  # its session's key is of that curve
        self.append(everything[2:])
        return service

    def refused(self, function, *args, **more):
        with self.assertRaises((rest_verify.Refused, ValueError, KeyError, TypeError, IndexError,
                                AttributeError)):
            function(*args, **more)

    def trust(self, bundle="log.teelog"):
        """Options that pin this log's code, with collateral for its quotes."""
        self.teelog("export", "--data", self.data, "-o", bundle)
        self.teelog("policy", "init", bundle, "-o", "policy.json")
        data = pathlib.Path(self.path(bundle)).read_bytes()
        found = re.search(rb'\{"pck_crl_[ -~]*\}', data)
        pathlib.Path(self.path("collateral.json")).write_bytes(found[0])
        return ["--policy", "policy.json", "--collateral", "collateral.json", "--teelog", TEELOG]

    def verifier(self, answer, *options, code=0):
        pathlib.Path(self.path("answer.json")).write_bytes(answer)
        done = subprocess.run([sys.executable, VERIFIER, "answer.json", *options], cwd=self.dir,
                              capture_output=True, text=True, env=self.env, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout


class Verifier(Rest):
    def test_good_answers(self):
        service = self.filled()
        options = self.trust() + ["--log-key", service.status()["logKey"]]
        nonce = secrets.token_hex(24)
        for answer in (self.get(service, f"/tee/agents?nonce={nonce}"),
                       self.get(service, f"/tee/agents/b%2Fo:b?nonce={nonce}"),
                       self.logs(service, nonce=nonce, pageSize=100)):
            self.assertIn("with your nonce", self.verifier(answer, "--nonce", nonce, *options))
        answer = self.logs(service, query={"agentId": "alice"})
        self.assertIn("may be an old one", self.verifier(answer, *options))
        self.verifier(answer, "--query", '{"agentId": "alice"}', *options)
        self.assertIn("another question", self.verifier(answer, "--query", "{}", *options, code=1))
        self.assertIn("another log", self.verifier(answer, "--log-key", "x+y+z", code=1))
        self.assertIn("this nonce", self.verifier(answer, "--nonce", nonce, code=1))

    def test_quotes_of_trust_domains(self):
        for tee in ("sim-tdx", "sim-tdx-v5"):
            with self.subTest(tee):
                service = self.filled("--tee", tee)
                nonce = secrets.token_hex(16)
                answer = self.get(service, f"/tee/agents?nonce={nonce}")
                self.verifier(answer, "--nonce", nonce, *self.trust())
                service.stop()
                shutil.rmtree(self.data)

    def test_altered_quotes(self):
        """What is signed, and the signature."""
        service = self.filled()
        options = self.trust()
        answer = self.logs(service, pageSize=1)
        self.verifier(answer, *options)
        start = answer.rindex(b"0x") + 2
        for at in (0, 4, 48, 48 + 64, 48 + 256, 440, 500, 600, 1000, 2000):
            i = start + 2 * at
            other = b"1" if answer[i:i + 1] == b"0" else b"0"
            self.verifier(answer[:i] + other + answer[i + 1:], *options, code=1)
        i = start + 2 * 368
        self.verifier(answer[:start] + answer[i:], *options, code=1)


def members(value, path=()):
    """The paths to every member and item, however deep."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield path + (key,)
        if isinstance(inner, (dict, list)):
            yield from members(inner, path + (key,))


def parent_of(value, path):
    for key in path[:-1]:
        value = value[key]
    return value


def altered(value):
    """Other values of the same type, however little they differ."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, str):
        return [value + "x", value[:-1] if value else "y", value.swapcase() + " ",
                ("0" if value[-1:] != "0" else "1").join([value[:-1], ""])]
    if isinstance(value, list):
        return [value[:-1], value[::-1] + ["x"]]
    return [{}, {**value, "x": 1}]


class Altered(Rest):
    """Every member of every answer, changed and taken out."""

    def each(self, value, check):
        check(copy.deepcopy(value))
        for path in members(value):
            for other in altered(parent_of(value, path)[path[-1]]):
                changed = copy.deepcopy(value)
                parent_of(changed, path)[path[-1]] = other
                if changed != value:
                    with self.subTest(path=path, other=other):
                        self.refused(check, changed)
            changed = copy.deepcopy(value)
            del parent_of(changed, path)[path[-1]]
            with self.subTest(path=path, other="nothing"):
                self.refused(check, changed)

    def answers(self):
        service = self.filled()
        nonce = secrets.token_bytes(16)
        targets = (f"/tee/agents?nonce={nonce.hex()}", f"/tee/agents/alice?nonce={nonce.hex()}")
        return nonce, [self.get(service, t) for t in targets] + [
            self.logs(service, nonce=nonce.hex(), pageSize=2, page=4, query={"userId": "üser"})]

    def test_whole_answers(self):
        nonce, answers = self.answers()
        for answer in answers:
            self.assertEqual(compact(json.loads(answer)), answer)
            self.each(json.loads(answer),
                      lambda a: rest_verify.check_answer(compact(a), nonce))
            self.refused(rest_verify.check_answer, answer + b" ", nonce)
            self.refused(rest_verify.check_answer, b" " + answer, nonce)
            self.refused(rest_verify.check_answer, answer, nonce + b"\0")
            self.refused(rest_verify.check_answer, answer)

    def test_attestations(self):
        """The members of the attestation, which is a text."""
        nonce, answers = self.answers()
        for answer in answers:
            whole = json.loads(answer)

            def check(attestation):
                text = compact(attestation).decode()
                rest_verify.check_answer(compact({**whole, "attestation": text}), nonce)
            quoted = json.loads(whole["attestation"])
            check(quoted)
            for other in ({**quoted, "timestamp": quoted["timestamp"] + 1},
                          {**quoted, "x": 1}, {"quote": quoted["quote"]},
                          {**quoted, "quote": quoted["quote"][2:]},
                          {**quoted, "quote": quoted["quote"][:700]}):
                self.refused(check, other)

    def test_a_record_alone(self):
        """id stands in no record: the answer's quote vouches for it."""
        _, answers = self.answers()
        for row in json.loads(answers[2])["logs"]["data"]:
            self.each({k: v for k, v in row.items() if k != "id"}, rest_verify.check_record)

    def test_an_agent_alone(self):
        _, answers = self.answers()
        key = json.loads(answers[1])["log"]["logKey"]
        agent = json.loads(answers[1])["agent"]
        self.each({k: v for k, v in agent.items() if k != "attestation"},
                  lambda a: rest_verify.check_agent({**a, "attestation": agent["attestation"]},
                                                    key))
        other = json.loads(answers[0])["agents"][1]
        self.refused(rest_verify.check_agent, {**agent, "attestation": other["attestation"]}, key)
        self.refused(rest_verify.check_agent, agent, "x" + key)


class Findings(Rest):
    """What was found wrong in the original, against the running service."""

    def test_5_quotes_are_whole_and_of_their_own_answers(self):
        """There: the quote was cut at a zero byte, and requests raced for its report
        data. Here: 64 at once, each with its own nonce and question."""
        service = self.filled()
        options = self.trust()
        asks = [(secrets.token_bytes(16 + i % 49), {"containsContent": f"{i % 25} "})
                for i in range(64)]
        answers = [None] * 64
        gate = threading.Barrier(64)

        def one(i):
            nonce, query = asks[i]
            body = compact({"query": query, "nonce": nonce.hex()})
            gate.wait()
            answers[i] = self.ask(service, "POST", "/tee/logs", body, patient=False)
        threads = [threading.Thread(target=one, args=(i,)) for i in range(64)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for (nonce, query), (status, answer) in zip(asks, answers):
            self.assertEqual(status, 200, answer)
            says, _ = rest_verify.check_answer(answer, nonce, query=query)
            self.assertIn(query["containsContent"], says["logs"]["data"][0]["content"])
            # Whole: its own lengths reach exactly to its end.
            quote, _ = rest_verify.attestation(json.loads(answer)["attestation"])
            self.assertEqual(int.from_bytes(quote[432:436], "little"), len(quote) - 436)
        for i in (0, 31, 63):
            self.verifier(answers[i][1], "--nonce", asks[i][0].hex(), *options)

    def test_6_nothing_without_a_token(self):
        """There: anyone read everything. Here the token of `teelog run` only appends, and
        without one there is nothing at all."""
        script = self.path("child.py")
        with open(script, "w", encoding="utf-8") as f:
            f.write("import os, socket, sys\n"
                    "for auth in ('', 'Authorization: Bearer %s\\r\\n' % os.environ['TEELOG_TOKEN']):\n"
                    "    for first in ('GET /tee/agents', 'GET /tee/agents/alice', 'POST /tee/logs'):\n"
                    "        s = socket.socket(socket.AF_UNIX)\n"
                    "        s.connect(os.environ['TEELOG_SOCKET'])\n"
                    "        s.sendall((first + ' HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n'\n"
                    "                   + 'Content-Length: 0\\r\\n' + auth + '\\r\\n').encode())\n"
                    "        print(s.makefile('rb').read().split()[1].decode())\n")
        done = self.teelog("run", "--data", self.data, "--tee", "sim", "--", sys.executable,
                           script)
        self.assertEqual(done.stdout.split(), 3 * ["401"] + 3 * ["403"])

    def test_6_agents_of_others_stay_closed(self):
        """There: every caller read every agent."""
        service = self.filled()
        made = self.token("--scope", "read", "--agent", "alice")
        token = made["token"]
        says, _ = rest_verify.check_answer(self.get(service, "/tee/agents", token=token))
        self.assertEqual([a["agentId"] for a in says["agents"]], ["alice"])
        self.assertEqual(says["query"]["agentIds"], ["alice"])
        for query in ({}, {"agentId": "alice"}, {"userId": "üser"}):
            status, answer = self.ask(service, "POST", "/tee/logs",
                                      compact({"query": query, "pageSize": 100}), token)
            self.assertEqual(status, 200, answer)
            says, _ = rest_verify.check_answer(answer, query={**query, "agentId": "alice"})
            self.assertEqual({r["agentId"] for r in says["logs"]["data"]}, {"alice"})
            self.assertEqual(says["logs"]["total"], 13)
        for request in (("GET", "/tee/agents/b%2Fo:b", b""),
                        ("POST", "/tee/logs", b'{"query":{"agentId":"b/o:b"}}')):
            status, answer = self.ask(service, *request, token)
            self.assertEqual((status, json.loads(answer)["field"]), (403, "agentId"))
        self.teelog("token", "revoke", made["id"], "--data", self.data)
        for request in (("GET", "/tee/agents"), ("GET", "/tee/agents/alice"), ("POST", "/tee/logs")):
            self.assertEqual(self.ask(service, *request, token=token)[0], 401)

    def test_6_pages_are_bounded(self):
        service = self.filled()
        for bad in ({"pageSize": -1}, {"pageSize": 0}, {"pageSize": 1001}, {"page": -1}):
            error = json.loads(self.logs(service, status=400, **bad))
            self.assertEqual(error["field"], next(iter(bad)))

    def test_6_wildcards_are_characters(self):
        service = self.filled()
        for text, total in (("%", 1), ("_", 0), ("1__%", 0), ("100%", 1), ("*", 0), ("\\", 1)):
            answer = json.loads(self.logs(service, query={"containsContent": text}))
            self.assertEqual(answer["logs"]["total"], total, text)

    def test_6_wrong_types_are_400(self):
        service = self.filled()
        before = service.status()["size"]
        values = [True, False, 7, -7, 1.5, 1e300, "7", [], [7], {}, {"$gt": ""}, 2**70]
        names = ["agentId", "roomId", "userId", "type", "containsContent", "startTimestamp",
                 "endTimestamp"]
        texts = names[:5]
        for value in values:
            for name in names:
                good = isinstance(value, str) if name in texts else type(value) is int and \
                    0 <= value < 2**53
                if not good:
                    self.logs(service, status=400, query={name: value})
            for name in ("page", "pageSize"):
                if not (type(value) is int and 0 < value <= 1000):
                    self.logs(service, status=400, **{name: value})
            if value != {}:
                self.logs(service, status=400, query=value)
            self.logs(service, status=400, nonce=value)
        for raw in (b"{", b"[]", b"7", b"\xff", b"{}{}", b'{"page":1,"page":1}', b"[" * 32768):
            self.logs(service, status=400, raw=raw)
        self.logs(service, status=413, raw=b"[" * 32769)
        self.assertEqual(service.status()["size"], before)

    def test_6_an_empty_page_does_not_replay(self):
        """There: an attested empty page was an answer to any question, for ever."""
        service = self.filled()
        old, new = secrets.token_bytes(32), secrets.token_bytes(32)
        query = {"agentId": "mallory"}
        empty = self.logs(service, query=query, nonce=old.hex())
        self.assertEqual(json.loads(empty)["logs"]["total"], 0)
        rest_verify.check_answer(empty, old, query=query)
        self.refused(rest_verify.check_answer, empty, new, query=query)   # later
        self.refused(rest_verify.check_answer, empty, old, query={"agentId": "alice"})
        without = self.logs(service, query=query)
        self.refused(rest_verify.check_answer, without, new, query=query)
        self.refused(rest_verify.check_answer, without, query={})
        # Nor from another log, with the same code on the same machine.
        key = service.status()["logKey"]
        service.stop()
        shutil.rmtree(self.data)
        other = self.serve("--origin", "example.org/other")
        foreign = self.logs(other, query={"agentId": "alice"}, nonce=old.hex())
        rest_verify.check_answer(foreign, old, query={"agentId": "alice"})
        self.refused(rest_verify.check_answer, foreign, old, log_key=key)

    # What the host does to the database, and whether pages without that record can still be
    # answered: a statement decides whether it belongs to a page, so nothing can be said
    # of any page without it.
    EDITS = {
        "a sealed body": ("body = zeroblob(length(body))", "record", True),
        "swapped bodies": ("body = (SELECT body FROM leaf WHERE idx = {record} + 1)", "record",
                           True),
        "a statement": ("statement = (SELECT statement FROM leaf WHERE idx = {record} + 1)",
                        "record", False),
        "a record taken out": (None, "record", False),
        "a session's body": ("body = zeroblob(length(body))", "session", False),
    }

    def edited(self, sql, kept):
        """A service over the database after an edit of the host's."""
        directory = pathlib.Path(self.data)
        for name, data in kept.items():
            (directory / name).write_bytes(data)
        db = sqlite3.connect(directory / "teelog.db")
        self.assertGreater(db.execute(sql).rowcount, 0)
        db.commit()
        db.close()
        return self.serve()

    def refuses(self, service, *request):
        status, answer = self.ask(service, *request)
        self.assertEqual(status, 500, answer)
        self.assertNotIn(b"attestation", answer)
        self.assertEqual(list(json.loads(answer)), ["error"])

    def test_6_a_host_cannot_have_its_edits_attested(self):
        service = self.serve("--origin", "example.org/rest")
        self.append(records(600))
        row = json.loads(self.logs(service, pageSize=2))["logs"]["data"][1]
        at = {"record": row["id"], "session": row["session"]}
        service.stop()
        kept = {p.name: p.read_bytes() for p in pathlib.Path(self.data).glob("teelog.db*")}
        for name, (change, where, others) in self.EDITS.items():
            what = f"UPDATE leaf SET {change.format(**at)}" if change else "DELETE FROM leaf"
            with self.subTest(name), self.edited(f"{what} WHERE idx = {at[where]}", kept) as service:
                self.refuses(service, "POST", "/tee/logs", b"{}")
                if others:
                    rest_verify.check_answer(self.logs(service, page=50))
        # A key is shown with its evidence, or not at all.
        with self.edited("UPDATE evidence SET item = zeroblob(length(item))", kept) as service:
            self.append([record("carol")])
            self.refuses(service, "GET", "/tee/agents/alice")
            self.refuses(service, "GET", "/tee/agents")
            rest_verify.check_answer(self.get(service, "/tee/agents/carol"))

    QUESTIONS = ({}, {"agentId": "alice"}, {"roomId": "room 1"}, {"type": "Action:ASK"},
                 {"agentId": "b/o:b", "containsContent": "7"}, {"userId": "nobody"})

    def right_or_refused(self, service, said):
        """Asks everything; what is answered must be all that was logged."""
        for query in self.QUESTIONS:
            status, answer = self.ask(service, "POST", "/tee/logs",
                                      compact({"query": query, "pageSize": 1000}))
            if status == 200:
                says = json.loads(answer)  # signatures of hundreds of rows take their time
                self.assertEqual(says["query"], query)
                want = [r for r in said if all(
                    v in r["content"] if k == "containsContent" else r[k] == v
                    for k, v in query.items())]
                self.assertEqual([r["content"] for r in says["logs"]["data"]],
                                 [r["content"] for r in want[:1000]], query)
                self.assertEqual(says["logs"]["total"], len(want))
            else:
                self.assertEqual(status, 500, answer)
                self.assertNotIn(b"attestation", answer)

    def edit_tables(self, said, chosen):
        """Whatever the host empties, halves, overwrites or puts back from before, in the
        tables whose name is chosen: how many edits the service started with."""
        service = self.serve("--origin", "example.org/rest")
        self.append(said[:len(said) // 2])
        service.stop()
        database = pathlib.Path(self.data) / "teelog.db"
        shutil.copy(database, self.path("older"))
        service = self.serve()
        self.append(said[len(said) // 2:])
        service.stop()
        kept = database.read_bytes()
        db = sqlite3.connect(database)
        tables = {name: [r[1] for r in db.execute(f"PRAGMA table_info({name})") if r[2] == "BLOB"]
                  for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        db.close()
        started = 0
        for table, blobs in sorted(t for t in tables.items() if chosen(t[0])):
            edits = [f"DELETE FROM {table}", f"DELETE FROM {table} WHERE random() % 2 = 0",
                     f"INSERT OR REPLACE INTO {table} SELECT * FROM older.{table}",
                     f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM older.{table}"]
            edits += [f"UPDATE {table} SET {b} = zeroblob(length({b}))" for b in blobs]
            edits += [f"UPDATE OR REPLACE {table} SET {b} = (SELECT {b} FROM {table} ORDER BY random())"
                      for b in blobs]
            for edit in edits:
                database.write_bytes(kept)
                db = sqlite3.connect(database)
                db.execute("ATTACH ? AS older", (self.path("older"),))
                try:
                    db.executescript(edit)
                    db.commit()
                except sqlite3.IntegrityError:
                    continue
                finally:
                    db.close()
                with self.subTest(edit), Service(self.dir, env=self.env) as service:
                    if "ready" in service.ready:
                        started += 1
                        self.right_or_refused(service, said)
        return started

    @not_in_gramine("slow")
    def test_6_no_table_is_believed(self):
        self.assertGreater(self.edit_tables(list(records(700)), lambda t: t != "block"), 5)

    @not_in_gramine("slow")
    def test_6_no_index_is_believed(self):
        """With enough records that there are blocks of it, and older ones."""
        self.assertEqual(self.edit_tables(list(records(9000)), lambda t: t == "block"), 6)
        db = sqlite3.connect(self.path("older"))
        self.assertGreater(db.execute("SELECT count(*) FROM block").fetchone()[0], 0)
        db.close()

    def test_6_edits_under_a_running_service(self):
        """Parts of the database's files turned over: what is answered then is what was
        logged, or nothing."""
        service = self.serve("--origin", "example.org/rest")
        said = [f"{i} " + 20000 * "x" for i in range(700)]  # more than is kept in memory
        self.append(record(content=text) for text in said)
        for name in sorted(os.listdir(self.data)):
            if name.startswith("teelog.db"):
                with open(os.path.join(self.data, name), "r+b") as f:
                    for at in range(100000, os.path.getsize(f.name), 400000):
                        f.seek(at)
                        data = f.read(20000)
                        f.seek(at)
                        f.write(bytes(255 - b for b in data))
        refusals = 0
        for page in range(1, 71, 2):
            status, answer = self.ask(service, "POST", "/tee/logs", compact({"page": page}))
            if status == 200:
                says, _ = rest_verify.check_answer(answer)
                self.assertEqual([r["content"] for r in says["logs"]["data"]],
                                 said[10 * page - 10:10 * page])
            else:
                refusals += 1
                self.assertEqual(status, 500)
                self.assertNotIn(b"attestation", answer)
        self.assertGreater(refusals, 0)

    def test_7_every_agent_registers(self):
        """There: a second agent in the process never did."""
        service = self.serve("--origin", "example.org/rest")
        names = [f"agent-{i}" for i in range(12)]
        self.append(record(n, n) for n in names)
        answer = self.get(service, "/tee/agents")
        says, quotes = rest_verify.check_answer(answer)
        self.assertEqual([a["agentId"] for a in says["agents"]], sorted(names))
        self.assertEqual(len({a["publicKey"] for a in says["agents"]}), 12)
        self.assertEqual(len(quotes), 13)
        # And again after a restart, with other keys; those of closed sessions are shown too.
        service.stop()
        service = self.serve()
        self.append([record("agent-3", "again")])
        again, _ = rest_verify.check_answer(self.get(service, "/tee/agents"))
        changed = [a["agentId"] for a, b in zip(again["agents"], says["agents"])
                   if a["publicKey"] != b["publicKey"]]
        self.assertEqual(changed, ["agent-3"])


class Client(Rest):
    def client(self, *args):
        node = shutil.which("node")
        if not node:
            self.skipTest("node is not here")
        done = subprocess.run([node, ROOT / "tests" / "integration" / "rest_client.mjs", *args],
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "good\n"), done.stderr)

    def test_javascript(self):
        service = self.filled("--listen", "127.0.0.1:0")
        token = self.token("--scope", "read")["token"]
        listens = re.search(r"listening on (127\.0\.0\.1:\d+)", service.ready)
        self.client("http://" + listens[1], "", token)

    def test_javascript_over_the_socket(self):
        self.client("http://log", self.filled().socket)


if __name__ == "__main__":
    main()
