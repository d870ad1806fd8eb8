"""The Python client: what it reads of hostile bytes, held to the vectors that the C code is held to, and what
its own tests of whole agents (test_clients.py) do not reach."""
import hashlib
import json
import pathlib
import sys
import threading

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
                     v["key"] + "=", "\u00e9+00000000+AA=="):
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
        for bad in ("http://example.org", "https://", "https://h/x", "https://u@h", "ftp://h", "https://h?x", "x"):
            self.assertRaises(ValueError, t.Client, url=bad, log_key=key)


if __name__ == "__main__":
    main()
