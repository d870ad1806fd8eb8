"""The Python client: what it reads of hostile bytes, held to the vectors that the C code is held to, and what
its own tests of whole agents (test_clients.py) do not reach."""
import contextlib
import hashlib
import json
import os
import pathlib
import sys
import threading

import liar
from doors import Door, make_certificate
from teelogtest import Case, main

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "clients" / "python"))
import teelog_client as t


def vectors(name):
    return json.loads((ROOT / "tests" / "vectors" / f"{name}.json").read_text())


class Bytes(Case):
    def test_cbor(self):
        taken = refused = 0
        for item in vectors("cbor")["items"]:
            data = bytes.fromhex(item["hex"])
            if "error" in item:
                self.assertRaises(ValueError, t.decode, data)
                refused += 1
            elif item["name"] != "arrays as keys in order":  # none of ours has
                self.assertEqual(t.encode(t.decode(data)), data, item["name"])
                taken += 1
        self.assertGreater(min(taken, refused), 10)
        for bad in (1.5, {1.5}, 2**53, -2**53, "\ud800", [object()]):
            self.assertRaises(ValueError, t.encode, bad)
        self.assertRaises(ValueError, t.decode, b"\x81" * 5000)
        self.assertRaises(ValueError, t.decode, b"\x9b" + b"\x7f" + b"\xff" * 7)

    def test_bodies(self):
        for name, body in vectors("body")["bodies"].items():
            if not name.startswith("record"):
                continue
            data = bytes.fromhex(body["body"])
            members = t.decode(data)
            made = t.Record("t", members[4], "a", members[2], members[3], attributes=members.get(5))
            made.check()
            self.assertEqual(made.body(members[1]), data, name)

    def test_statements(self):
        for name, st in vectors("statement")["statements"].items():
            data = bytes.fromhex(st["statement"])
            if st["type"].startswith("teelog."):
                self.assertRaises(ValueError, t._statement, data)
                continue
            got = t._statement(data)
            self.assertEqual((got["agent"], got["type"], got["seq"], got["time_ms"], got["ref"]),
                             (st["subject"], st["type"], st["seq"], st["time_ms"], st["ref"]), name)
            self.assertEqual(got["payload"].hex(), st["payload"])
            for n in range(len(data)):
                self.assertRaises((ValueError, KeyError, TypeError, IndexError), t._statement, data[:n])

    def test_notes(self):
        v, taken = vectors("checkpoint"), 0
        for case in v["signed"]:
            key = t.LogKey(case.get("key", v["key"]))
            if case["error"] == "OK":
                size, root = key.open(case["note"])
                self.assertEqual([str(size), t.base64.b64encode(root).decode()], case["note"].split("\n")[1:3])
                taken += 1
            else:
                self.assertRaises(ValueError, key.open, case["note"])
        self.assertGreater(taken, 1)
        # Bit for bit: the text and our line are all signed, or decide whose line it is.
        key, good = t.LogKey(v["key"]), v["signed"][0]["note"]
        for at in range(0, len(good), 3):
            bent = good[:at] + chr(ord(good[at]) ^ 1) + good[at + 1:]
            self.assertRaises(ValueError, key.open, bent)
        for text in ("", "a", "a+b+c", v["key"][:-1], v["key"].replace("+", "+0", 1), "x" + v["key"],
                     v["key"] + "=", "\u00e9+00000000+AA==", " " + v["key"]):
            self.assertRaises(ValueError, t.LogKey, text)

    def test_paths(self):
        v = vectors("merkle")
        leaves = [hashlib.sha256(b"\0entry %d" % i).digest() for i in range(len(v["roots"]))]
        self.assertEqual([leaf.hex() for leaf in leaves[:len(v["leaves"])]], v["leaves"])
        for case in v["inclusion"]:
            got = t._root_of(case["index"], case["size"], leaves[case["index"]],
                             [bytes.fromhex(p) for p in case["path"]])
            self.assertEqual(got.hex(), v["roots"][case["size"]])
        for case in v["bad_inclusion"]:
            got = t._root_of(case["index"], case["size"], bytes.fromhex(case["leaf"]),
                             [bytes.fromhex(p) for p in case["path"]])
            self.assertNotEqual(got, bytes.fromhex(case["root"]), case["name"])

    def test_signatures(self):
        """RFC 8032 section 7.1, and what must not verify, by our own arithmetic and by the package."""
        key = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        good = bytes.fromhex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e"
                             "458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
        later = int.from_bytes(good[32:], "little") + t._L
        small = bytes([1]) + bytes(31)
        for verify in (t.ed25519_good, t._verify):
            self.assertTrue(verify(key, good, b"\x72"))
            for bad in ((key, good, b"\x73"), (key, good[:63], b"\x72"), (key, good + b"\0", b"\x72"),
                        (key, b"", b"\x72"), (key, good[:32] + later.to_bytes(32, "little"), b"\x72"),
                        (small, small + bytes(32), b"\x72"), (key, b"\xff" * 32 + good[32:], b"\x72"),
                        (b"\xff" * 32, good, b"\x72"), (key[:-1] + b"\x8c", good, b"\x72")):
                self.assertFalse(verify(*bad))
            for bit in range(0, 512, 31):
                bent = bytearray(good)
                bent[bit // 8] ^= 1 << bit % 8
                self.assertFalse(verify(key, bytes(bent), b"\x72"))


class Services(Case):
    def open(self, **more):
        """A client of self.service, which may have stopped."""
        self.key = getattr(self, "key", None) or self.service.status()["logKey"]
        return t.Client(socket=self.service.socket, log_key=self.key, agent="alice", **more)

    def test_records(self):
        self.service = self.serve()
        with self.open() as log:
            first = log.append("t", {"a": 1}, room="r", user="u", attributes={"n": [1, None, {"b": -1}], "aa": "\u20ac"})
            second = log.append("t", "x", ref=first.index, agent="alice")
            self.assertEqual((second.index, second.seq), (first.index + 1, first.seq + 1))
            self.assertTrue(second.simulated and not second.repeated)
            self.assertEqual(json.loads(second.line)["leafHash"], second.leaf_hash)
            many = log.append_records([t.Record("t", str(i), "alice") for i in range(300)] +
                                      [t.Record("t", "x", "alice", ref=9999), t.Record("t", "y", "bob")])
            self.assertEqual([r.index for r in many[:300]], list(range(second.index + 1, second.index + 301)))
            self.assertIsInstance(many[300], t.Refused)
            self.assertIn("no statement 9999", str(many[300]))
            self.assertGreater(many[301].index, many[299].index)
            self.assertRaisesRegex(t.Refused, "type", log.append, "teelog.x", "")
            for wrong in ({"attributes": {}}, {"attributes": {"a": 1.5}}, {"attributes": {1: 2}},
                          {"attributes": {"a": 2**53}}, {"attributes": {"a": {2: 1}}}, {"room": "\ud800"}):
                self.assertRaises(ValueError, log.append, "t", "x", **wrong)
            self.assertRaises(ValueError, log.append_records, [])
            size = self.service.status()["size"]
            record = t.Record("t", "once", "alice")
            [one] = log.append_records([record])
            [two] = log.append_records([record])
            self.assertEqual((one.index, one.repeated, two.repeated, two.index), (size, False, True, size))
            with self.open() as another:  # a restarted agent that keeps its ids
                [three] = another.append_records([t.Record("t", "once", "alice", request_id=record.request_id)])
                self.assertTrue(three.repeated and three.index == size)
                self.assertRaises(t.Refused, another.append, "t", "other", request_id=record.request_id)

    def test_actions(self):
        self.service = self.serve()
        with self.open() as log:
            with log.action("Action:A", [1]) as done:
                done.result("ok")
            with log.action("Action:A") as quiet:
                pass
            with self.assertRaises(ZeroDivisionError), log.action("Action:A") as failed:
                1 // 0
            with log.action("Action:A") as refused:
                refused.refuse("too much")
        out = self.teelog("records", "--data", self.data, "--json", "--agent", "alice", "--type", "Action:A").stdout
        rows = [json.loads(line) for line in out.splitlines()]
        phases = [json.loads(r["content"])["phase"] for r in rows]
        self.assertEqual(phases, ["intent", "result", "intent", "result", "intent", "failure", "intent", "refusal"])
        for i, action in enumerate((done, quiet, failed, refused)):
            self.assertEqual((action.intent.index, action.outcome.index, rows[2 * i + 1]["ref"]),
                             (rows[2 * i]["index"], rows[2 * i + 1]["index"], rows[2 * i]["index"]))
        self.service.stop()
        with self.open(timeout=0.5) as log:
            ran = False
            with self.assertRaises(t.NotLogged):
                with log.action("Action:A"):
                    ran = True
            self.assertFalse(ran)

    def test_an_outcome_that_could_not_be_logged(self):
        """It is kept, and no other action begins before it is logged, once."""
        self.service = self.serve()
        ran = []
        with self.open(timeout=1) as log:
            with self.assertRaises(t.NotLogged), log.action("Action:A") as first:
                self.service.stop()
                ran.append(1)
                first.result("done")
            with self.assertRaises(t.NotLogged), log.action("Action:A"):
                ran.append(2)
            self.assertEqual(ran, [1])
            log.timeout = 20
            self.service = self.serve()
            with log.action("Action:A"):
                ran.append(3)
        self.assertEqual(ran, [1, 3])
        out = self.teelog("records", "--data", self.data, "--json", "--agent", "alice", "--type", "Action:A").stdout
        rows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([(json.loads(r["content"])["phase"], r.get("ref")) for r in rows],
                         [("intent", None), ("result", first.intent.index), ("intent", None),
                          ("result", rows[2]["index"])])

    def rows(self):
        """(phase, ref) of what is logged of actions, and their indexes."""
        out = self.teelog("records", "--data", self.data, "--json", "--agent", "alice", "--type", "Action:A").stdout
        rows = [json.loads(line) for line in out.splitlines()]
        return [(json.loads(r["content"])["phase"], r.get("ref")) for r in rows], [r["index"] for r in rows]

    def between(self, *lies):
        """A client through what stands between."""
        it = liar.Liar(self.path("between"), self.service.socket, *lies)
        self.addCleanup(it.close)
        return it, t.Client(socket=it.path, log_key=self.service.status()["logKey"], agent="alice", timeout=1)

    def test_outcomes_are_owed_whatever_is_said(self):
        """No action begins before the outcome of the one before is logged."""
        self.service = self.serve()
        no = liar.answer(b'{"error":"no token"}\n', "403 Forbidden")
        for lie in (liar.frozen, liar.busy, liar.lose_request, lambda _, c, __: c.sendall(no),
                    liar.says_(b'{"error":' + b"[" * 100000 + b"\n"), liar.says_(b'{"error":"wait","later":true}\n'),
                    liar.says_(b'{"error":"no"}\n'),
                    liar.altered_(lambda r: r.update(index=1))):
            before = len(self.rows()[1])
            it, log = self.between(None, *[lie] * 40)
            with self.assertRaises(t.NotLogged), log.action("Action:A"):
                pass
            self.assertEqual(len(log.owed), 1)
            with self.assertRaises(t.NotLogged), log.action("Action:A"):
                self.fail("it ran")
            self.assertRaises(t.NotLogged, log.close)
            self.assertEqual(len(log.owed), 1)
            it.lies.clear()
            with log.action("Action:A"):
                pass
            log.close()
            it.close()
            said, at = self.rows()
            self.assertEqual(said[before:], [("intent", None), ("result", at[before]), ("intent", None),
                                             ("result", at[before + 2])])

    def test_what_is_hard_to_tell(self):
        """A result that is too long is told by its digest, and parameters that are not are not acted on."""
        self.service = self.serve()
        circle = []
        circle.append(circle)
        with self.open() as log:
            with log.action("Action:A") as action:
                action.result("x" * (2 << 20))
            for odd in (circle, {(1, 2): 3}):
                with log.action("Action:A") as action:
                    action.result(odd)
            for odd in (circle, "x" * (2 << 20)):
                with self.assertRaises(ValueError), log.action("Action:A", odd):
                    self.fail("it ran")
            self.assertRaises(ValueError, log.append, "t", "x" * (2 << 20))
        out = self.teelog("records", "--data", self.data, "--json", "--agent", "alice", "--type", "Action:A").stdout
        said = [json.loads(json.loads(line)["content"]) for line in out.splitlines()]
        self.assertEqual([r["phase"] for r in said], ["intent", "result"] * 3)
        self.assertGreater(said[1]["bytes"], 2 << 20)
        self.assertEqual(said[3], {"phase": "result", "unreadable": True})

    def test_outcomes_are_told_once(self):
        self.service = self.serve()
        it, log = self.between(None, *[liar.frozen] * 2)
        with log.action("Action:A") as action, contextlib.suppress(t.NotLogged):
            action.result("done")
        with self.assertRaises(t.NotLogged), log.action("Action:A"):
            pass
        it.lies.clear()
        log.settle()
        self.assertEqual([phase for phase, _ in self.rows()[0]], ["intent", "result"])
        # What is not logged in the block is another's.
        with self.assertRaises(t.Refused), log.action("Action:A"):
            log.append("teelog.no", "x")
        self.assertEqual([phase for phase, _ in self.rows()[0]], ["intent", "result", "intent", "failure"])

        class Odd(Exception):
            def __str__(self):
                raise ZeroDivisionError

        for error in (OSError("\udcff\udc00"), Odd(), ValueError("x" * (2 << 20))):
            with self.assertRaises(type(error)), log.action("Action:A", {"a": {1, 2}, "b": "\ud800"}) as action:
                raise error
            self.assertTrue(action.outcome)
        with log.action("Action:A") as action:
            action.result(b"bytes")
        log.close()

    def test_receipts_of_before(self):
        """Of the same words, by the same agent: within one client, and in one that has just begun."""
        self.service = self.serve()
        it, log = self.between(None, liar.older_receipt)
        log.append("t", "the same")
        with self.assertRaisesRegex(t.Untrue, "was there before"):
            log.append("t", "the same")
        it.lies = [None, None]
        with log.action("Action:A", {"to": "bob"}):
            pass
        intent = it.answers[-2]
        log.close()
        it.lies = [lambda _, connection, __: connection.sendall(intent)]
        log = t.Client(socket=it.path, log_key=self.service.status()["logKey"], agent="alice", timeout=1)
        with self.assertRaisesRegex(t.Untrue, "another record"), log.action("Action:A", {"to": "bob"}):
            self.fail("it ran")

    def test_what_is_no_receipt(self):
        self.service = self.serve()
        for body in (b"", b"{}\n", b"[]\n", b"{\n", b"null\n", b"\xff\n", b'{"index":1}\n', b'{"error":7',
                     b'{"error":[]}', b"{}\n{}\n", b'{"index":1}', b"[" * 100000 + b"\n", b"\x1b[2J\n"):
            it, log = self.between(liar.says_(body))
            with self.assertRaises(t.NotLogged) as caught:
                log.append("t", "x")
            self.assertTrue(str(caught.exception).isprintable(), body)
            it.close()
        it, log = self.between(liar.says_(b'{"error":"\\u001b[2J"}\n'))
        with self.assertRaisesRegex(t.Refused, r"^\?\[2J$"):
            log.append("t", "x")
        log.close()

    def test_a_lost_try_is_not_forgotten(self):
        """What is said to the second try does not tell what became of the first."""
        self.service = self.serve()
        for lie in (liar.frozen, liar.busy):
            it, log = self.between(liar.lose_answer, *[lie] * 9)
            with self.assertRaisesRegex(t.NotLogged, "is not known") as caught:
                log.append("t", "x")
            self.assertNotIsInstance(caught.exception, t.Refused)
            it.close()

    def test_interrupted(self):
        """What comes then of an answer is not taken for the next one's."""
        self.service = self.serve()

        class Stop(BaseException):
            pass

        it, log = self.between()
        log.append("t", "1")
        log._connection._more = lambda until: (_ for _ in ()).throw(Stop())
        self.assertRaises(Stop, log.append, "t", "1")
        self.assertIsNone(log._connection)
        log.append("t", "1")
        first, log._connection.rest = log._connection, b"x"
        log.append("t", "1")
        self.assertIsNot(log._connection, first)
        log.close()

    def test_after_a_fork(self):
        self.service = self.serve()
        with self.open() as log:
            log.append("t", "1")
            child = os.fork()
            if child == 0:
                try:
                    log.append("t", "the child's")
                    os._exit(0)
                finally:
                    os._exit(1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            log.append("t", "the parent's")

    def test_the_token(self):
        self.service = self.serve()
        key = self.service.status()["logKey"]
        for bad in ("a\n", "a b", "\u20ac"):
            self.assertRaisesRegex(ValueError, "token", t.Client, socket="s", log_key=key, token=bad)
        path = self.path("token")
        pathlib.Path(path).write_text("abc\n")
        os.environ["TEELOG_TOKEN_FILE"] = path
        self.addCleanup(os.environ.pop, "TEELOG_TOKEN_FILE")
        self.assertEqual(t.Client(socket="s", log_key=key)._token, "abc")

    def test_threads_take_turns(self):
        self.service = self.serve()
        with self.open() as log:
            got, threads = [], []
            for i in range(8):
                threads.append(threading.Thread(target=lambda i=i: got.append(
                    [log.append("t", f"{i} {k}").index for k in range(10)])))
                threads[-1].start()
            for thread in threads:
                thread.join()
            self.assertEqual(len({i for some in got for i in some}), 80)

    def test_the_pin(self):
        self.service = self.serve()
        key = self.service.status()["logKey"]
        self.assertRaisesRegex(ValueError, "which log", t.Client, socket=self.service.socket)
        self.assertRaisesRegex(ValueError, "no verifier key", t.Client, socket=self.service.socket, log_key="x")
        self.assertRaisesRegex(ValueError, "where is the log", t.Client, log_key=key)
        with t.Client(socket=self.service.socket, first_use=True) as log:
            self.assertEqual(str(log.log_key), key)
            log.append("t", "x", agent="a")
        with self.assertRaises(t.NotLogged):
            t.Client(socket=self.path("nowhere"), first_use=True, timeout=0.3)

    def test_over_tls(self):
        door = Door(self, "tls")
        self.service = door.service
        key, url = self.service.status()["logKey"], "https://localhost:%d" % door.address[1]
        token = self.teelog("token", "create", "--scope", "append", "--data", self.data).stdout.strip()
        with t.Client(url=url, ca_file=door.cert, token=token, log_key=key) as log:
            self.assertEqual(log.append("t", "x", agent="a").log_class, "signed")
        with t.Client(url=url, ca_file=door.cert, log_key=key) as log:
            self.assertRaises(t.Refused, log.append, "t", "x", agent="a")
        other, _ = make_certificate(self.dir, "other")
        with t.Client(url=url, ca_file=other, token=token, log_key=key) as log:
            self.assertRaisesRegex(t.NotLogged, "certificate is not good", log.append, "t", "x", agent="a")
        for bad in ("http://example.org", "https://", "https://h/x", "https://u@h", "https://:p@h", "https://h#x",
                    "https://h:0", "https://h:99999", "ftp://h", "https://h?x", "x"):
            self.assertRaises(ValueError, t.Client, url=bad, log_key=key)


if __name__ == "__main__":
    main()
