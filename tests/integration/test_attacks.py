"""What a host can do to a log with witnesses, and what witnesses can do to it: of each the outcome
that docs/threat-model.md says, never a silent one. What was seen is held against the model."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import threading
import unittest

import host
from teelogtest import main, record
from witnessed import ORIGIN, SIZE_TYPE, WitnessedCase, note_of


def placed(answers):
    """How many of them are receipts."""
    return sum("class" in a for a in answers)


def cut_off(*_):
    """Of a door: nothing passes."""


def all_cosigned(status):
    return status["cosignedSize"] == status["size"] and all(w["size"] == status["size"] for w in status["witnesses"])


class Host(WitnessedCase):
    """2 of 3 witnesses, all honest, and a host that is not."""

    def history(self):
        """A policy of a relying party: the log, its code and its witnesses."""
        with open(self.logs[0].policy, encoding="utf-8") as f:
            quorum = f.read()
        bundle, policy = self.path("pin.teelog"), self.path("policy.json")
        self.teelog("export", "--data", self.logs[0].data, "-o", bundle)
        self.teelog("policy", "init", bundle, "-o", policy)
        with open(policy, encoding="utf-8") as f:
            told = json.load(f)
        told["history"] = {"quorum": quorum, "faulty": 0, "max_age_s": 3600}
        with open(policy, "w", encoding="utf-8") as f:
            json.dump(told, f)
        return policy

    def test_an_older_disk_put_back(self):
        log = self.begin()
        log.append(record("alice", "x"), cosigned=True)
        log.stop()
        old = log.keep("old")
        log.start().until_open()
        log.append(record("alice", "what the host regrets"), cosigned=True)
        log.stop(signal.SIGKILL)
        new = log.keep("new")
        log.put_back(old)
        log.start()
        status = log.until_frozen()
        self.assertNotIn("boot", status)
        self.assertEqual(note_of(status["fork"]["ours"])[0], status["size"])
        self.assertGreater(note_of(status["fork"]["theirs"])[0], status["size"])
        self.assertEqual(placed(log.append(record("alice", "another story"), code=3)), 0)
        self.assertIn("frozen", log.error)
        self.teelog("export", "--data", log.data, "-o", self.path("b.teelog"))  # it can be read
        log.stop()
        self.assertIn("THE LOG IS FROZEN", log.said)
        # Who has the newest disk goes on with it.
        log.put_back(new)
        log.start().until_open()
        log.append(record("alice", "z"), cosigned=True)
        self.judge()

    def test_an_older_disk_with_the_witnesses_cut_off(self):
        log = self.begin()
        log.stop()
        old = log.keep("old")
        log.start().until_open()
        log.append(record("alice", "x"), cosigned=True)
        log.stop()
        log.put_back(old)
        for door in log.doors:
            door.behave = cut_off
        log.start()
        status = log.until(lambda s: sum("why" in w for w in s["witnesses"]) == 3, "cut off")
        self.assertEqual((status["fence"], status["frozen"], "boot" in status), ("proving", False, False))
        self.assertEqual(placed(log.append(record("alice", "y"), code=3)), 0)
        for door in log.doors:
            door.behave = None
        log.until_frozen()
        self.judge()

    def test_an_older_disk_with_the_answers_of_then(self):
        """They let it prove its disk. Its boot they have never seen."""
        log = self.begin()
        kept = {}

        def keeping(door):
            def behave(method, _, body, pass_on):
                got = pass_on()
                if method == "POST" and got and got[0] == 200:
                    kept[door, body.split(b"\n\n", 1)[1]] = got
                return got
            return behave

        def replaying(door):
            return lambda method, path, body, pass_on: kept.get((door, body.split(b"\n\n", 1)[-1]))
        for door in log.doors:
            door.behave = keeping(door)
        log.append(record("alice", "x"), cosigned=True)
        log.until(all_cosigned, "cosigned by all")
        log.stop()
        old = log.keep("old")
        log.start().until_open()
        log.append(record("alice", "y"), cosigned=True)
        log.stop()
        log.put_back(old)
        for door in log.doors:
            door.behave = replaying(door)
        log.start()
        log.until(lambda s: sum("why" in w for w in s["witnesses"]) == 3, "out of answers")
        self.assertNotEqual(log.status()["fence"], "open")
        self.assertEqual(placed(log.append(record("alice", "z"), code=3)), 0)
        self.assertIn("waits until 2 of its 3 witnesses", log.error)
        self.judge(replays=True)

    def test_a_copy_started_beside_the_original(self):
        log = self.begin()
        log.append(record("alice", "x"), cosigned=True)
        copy = self.another()
        log.stop()
        log.copy_to(copy)
        log.start().until_open()
        copy.start().until_frozen()
        log.append(record("alice", "y"), cosigned=True)
        self.assertFalse(log.status()["frozen"])
        self.assertEqual(placed(copy.append(record("alice", "z"), code=3)), 0)
        self.judge()

    def test_a_copy_that_overtakes_the_original(self):
        """What the original says meanwhile is `signed`, and lost; `cosigned` it does not say."""
        log = self.begin()
        log.append(record("alice", "x"), cosigned=True)
        log.until(all_cosigned, "cosigned by all")
        copy = self.another()
        log.service.process.send_signal(signal.SIGSTOP)
        log.copy_to(copy)
        for door in log.doors:
            door.behave = cut_off
        log.service.process.send_signal(signal.SIGCONT)
        copy.start().until_open()
        copy.append(record("alice", "the copy's"), cosigned=True)
        self.assertEqual(log.append(record("alice", "lost"))[0]["class"], "signed")
        self.assertEqual(placed(log.append(record("alice", "lost"), cosigned=True, timeout=1, code=3)), 0)
        self.assertIn("signed and durable, and not cosigned", log.error)
        for door in log.doors:
            door.behave = None
        status = log.until_frozen()
        self.assertIn("boot", status)
        self.assertEqual(placed(log.append(record("alice", "more"), code=3)), 0)
        self.assertEqual(log.status()["size"], status["size"])
        self.judge()

    def test_a_store_cut_at_the_tail(self):
        log = self.begin()
        log.append(record("alice", "x"), cosigned=True)
        log.stop()
        old = log.keep("old")
        log.start().until_open()
        log.append(record("alice", "y"), record("bob", "z"), cosigned=True)
        log.stop()
        new = log.keep("new")
        db = sqlite3.connect(os.path.join(log.data, "teelog.db"))
        with db:
            db.execute("DELETE FROM leaf WHERE idx = (SELECT max(idx) FROM leaf)")
        db.close()
        done = self.teelog("serve", "--data", log.data, "--tee", "sim", "--witnesses", log.policy, code=3)
        self.assertIn("altered", done.stderr)
        # As far as an older head, which is all that can be authentic.
        log.put_back(new)
        before = sqlite3.connect(os.path.join(old, "teelog.db"))
        rows = before.execute("SELECT name, value FROM meta").fetchall()
        (size,) = before.execute("SELECT count(*) FROM leaf").fetchone()
        tiles = before.execute("SELECT id, hashes FROM tile").fetchall()
        before.close()
        db = sqlite3.connect(os.path.join(log.data, "teelog.db"))
        with db:
            db.execute("DELETE FROM meta")
            db.execute("DELETE FROM leaf WHERE idx >= ?", (size,))
            db.execute("DELETE FROM tile")
            db.executemany("INSERT INTO meta VALUES (?, ?)", rows)
            db.executemany("INSERT INTO tile VALUES (?, ?)", tiles)
        db.close()
        log.start()
        self.assertEqual(log.until_frozen()["size"], size)
        self.judge()

    def test_one_agents_records_dropped(self):
        log = self.begin()
        log.append(record("alice", "x"), record("bob", "a"), cosigned=True)
        log.stop()
        old = log.keep("old")
        log.start().until_open()
        log.append(record("bob", "b"), cosigned=True)
        policy = self.history()
        log.until(all_cosigned, "cosigned by all")
        self.teelog("export", "--data", log.data, "--agent", "bob", "-o", self.path("now.teelog"))
        kept = self.path("kept")
        pathlib.Path(kept).write_bytes(log.service.get("/checkpoint")[2])
        log.stop()
        report = self.verdict(self.path("now.teelog"), "--policy", policy, "--since", kept)
        self.assertEqual(report["verdict"], "TRUSTED", report)
        # Out of the store: the start refuses.
        db = sqlite3.connect(os.path.join(log.data, "teelog.db"))
        with db:
            self.assertGreater(db.execute("DELETE FROM leaf WHERE instr(statement, 'bob')").rowcount, 1)
        db.close()
        done = self.teelog("serve", "--data", log.data, "--tee", "sim", "--witnesses", log.policy, code=3)
        self.assertIn("fsck", done.stderr)
        # By what the log was before them: it is frozen, and its bundle the older one.
        log.put_back(old)
        log.start().until_frozen()
        self.teelog("export", "--data", log.data, "--agent", "bob", "-o", self.path("then.teelog"))
        log.stop()
        report = self.verdict(self.path("then.teelog"), "--since", kept)
        self.assertEqual(report["verdict"], "REJECTED")
        self.assertIn("the bundle is older, or the log was rolled back", str(report))
        # To who has kept nothing it is the log as of then, which its witnesses have seen to the end,
        # and nothing newer: a frozen log answers no nonce.
        then = self.verdict(self.path("then.teelog"), "--policy", policy)
        self.assertEqual(then["verdict"], "TRUSTED", then)
        now = self.verdict(self.path("now.teelog"), "--policy", policy)
        self.assertLess(then["history"]["size"], now["history"]["size"])
        self.assertLessEqual(then["history"]["current"], now["history"]["current"])
        # Out of a bundle: its heads say how many there are.
        self.assertEqual(self.verdict(self.without_last(self.path("now.teelog")), "--policy", policy)["verdict"],
                         "REJECTED")
        self.judge()

    def without_last(self, bundle):
        """The bundle less the last statement of bob's."""
        data, at, items = pathlib.Path(bundle).read_bytes(), 0, []
        while at < len(data):
            value, end = host.cbor(data, at)
            items.append((value, data[at:end]))
            at = end
        last = max(i for i, (value, _) in enumerate(items) if value[0] == 2 and b"bob" in value[2])
        shorter = self.path("shorter.teelog")
        pathlib.Path(shorter).write_bytes(b"".join(raw for i, (_, raw) in enumerate(items) if i != last))
        return shorter

    def test_a_checkpoint_signed_again_over_other_leaves(self):
        """By who has the log's key, which on hardware nobody has."""
        log = self.begin()
        log.append(record("alice", "x"), cosigned=True)
        size = log.until(all_cosigned, "cosigned by all")["size"]
        forged = {n: self.sign(log, n, hashlib.sha256(b"other leaves").digest()) for n in (size - 1, size, size + 50)}
        latest = "/" + hashlib.sha256(ORIGIN.encode()).hexdigest() + "/checkpoint"
        for w in self.witnesses:
            before = w.ask("GET", latest)[2]
            for n, proof in ((size, b""), (size + 50, base64.b64encode(bytes(32)) + b"\n")):
                status, _, _ = w.ask("POST", "/add-checkpoint", b"old %d\n%s\n" % (size, proof) + forged[n])
                self.assertEqual(status, 422)
            self.assertEqual(w.ask("GET", latest)[2], before)
        # To a reader: two histories, and both files to prove it.
        self.teelog("export", "--data", log.data, "-o", self.path("b.teelog"))
        pathlib.Path(self.path("forged")).write_bytes(forged[size - 1])
        report = self.verdict(self.path("b.teelog"), "--since", self.path("forged"))
        self.assertEqual(report["verdict"], "REJECTED")
        self.assertIn("two histories", str(report))
        # To the log itself: somebody signs in its name.
        log.doors[0].behave = lambda method, path, body, pass_on: (
            (409, SIZE_TYPE, b"%d\n" % (size + 50)) if method == "POST" else (200, "text/plain", forged[size + 50]))
        answers = log.append(record("alice", "y"))
        self.assertEqual(placed(answers), 1)
        status = log.until(lambda s: s["frozen"], "frozen")
        self.assertEqual(status["fork"]["theirs"].encode(), forged[size + 50])
        self.assertEqual(status["fork"]["from"], "w0.example")
        log.stop()
        log.start()
        self.assertTrue(log.status()["frozen"])  # it is kept, and no witness is asked for it

    def test_a_witness_is_down(self):
        log = self.begin()
        self.witnesses[0].stop(signal.SIGKILL)
        (receipt,) = log.append(record("alice", "x"), cosigned=True)
        self.assertEqual(receipt["class"], "cosigned 2 of 3")
        self.witnesses[1].stop(signal.SIGKILL)
        self.assertEqual(log.append(record("alice", "y"))[0]["class"], "signed")
        waits = record("alice", "z", requestId="z")
        self.assertEqual(placed(log.append(waits, cosigned=True, timeout=1, code=3)), 0)
        self.assertIn("signed and durable, and not cosigned", log.error)
        size = log.status()["size"]
        for w in self.witnesses[:2]:
            w.start()
        (receipt,) = log.append(waits, cosigned=True)
        self.assertTrue(receipt["repeated"])
        self.assertRegex(receipt["class"], "^cosigned [23] of 3$")
        self.assertEqual(receipt["treeSize"], size)
        log.until(lambda s: all(w["good"] for w in s["witnesses"]), "well")
        log.stop()
        self.assertIn("witness w0.example gives no answer", log.said)
        self.assertIn("witness w0.example cosigns again", log.said)
        self.judge()

    def test_a_witness_is_slow(self):
        log = self.begin()
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        log.doors[1].behave = lambda method, path, body, pass_on: (go_on.wait(900), pass_on())[1]
        for i in range(5):
            (receipt,) = log.append(record("alice", str(i)), cosigned=True)
            self.assertEqual(receipt["class"], "cosigned 2 of 3")
        self.assertLess(log.status()["witnesses"][1]["size"], receipt["treeSize"])
        go_on.set()
        log.doors[1].behave = None
        log.until(all_cosigned, "cosigned by all")
        self.judge()

    def test_a_witness_answers_what_is_none(self):
        """The others are a quorum; it is marked."""
        log = self.begin()
        first = []

        def another_note(method, path, body, pass_on):
            first.append(pass_on())
            return first[0]
        for what, behave in (
                ("garbage", lambda *_: (200, "text/plain", b"\x00garbage" * 100)),
                ("no line", lambda *_: (200, "text/plain", b"")),
                ("of another note", another_note),
                ("500", lambda *_: (500, "text/plain", b"no")),
                ("a size that is none", lambda *_: (409, SIZE_TYPE, b"-1\n")),
                ("its own size", lambda method, path, body, pass_on: (
                    409, SIZE_TYPE, body.split(b"\n")[0][4:] + b"\n"))):
            with self.subTest(what):
                log.doors[2].behave = behave
                for i in range(1000):
                    (receipt,) = log.append(record("alice", f"{what} {i}"), cosigned=True)
                    if not log.status()["witnesses"][2]["good"]:
                        break
                (receipt,) = log.append(record("alice", what), cosigned=True)
                self.assertEqual(receipt["class"], "cosigned 2 of 3")
                status = log.status()
                self.assertTrue(status["witnesses"][2]["why"])
                self.assertFalse(status["frozen"] or status["witnesses"][2]["ahead"])
                log.doors[2].behave = None
                log.until(lambda s: s["witnesses"][2]["good"], "well")
        self.judge()

    def test_witnesses_whose_word_must_count(self):
        """Where none of them is taken to lie two are enough: it is said, and not kept. One is not,
        since whoever is on the way to it could say so in its name."""
        log = self.begin()
        log.doors[0].behave = lambda method, path, body, pass_on: (
            (409, SIZE_TYPE, b"1000\n") if method == "POST" else (404, "text/plain", b""))
        log.append(record("alice", "x"))
        status = log.until(lambda s: s["witnesses"][0]["ahead"], "marked")
        self.assertFalse(status["frozen"])
        (receipt,) = log.append(record("alice", "y"), cosigned=True)
        self.assertEqual(receipt["class"], "cosigned 2 of 3")
        log.doors[1].behave = log.doors[0].behave
        log.append(record("alice", "x"))
        status = log.until(lambda s: s["frozen"], "frozen")
        self.assertNotIn("fork", status)
        self.assertTrue(status["witnesses"][0]["ahead"] and status["witnesses"][1]["ahead"])
        self.assertEqual(placed(log.append(record("alice", "y"), code=3)), 0)
        self.assertIn("show no proof", log.error)
        log.stop()
        log.doors[0].behave = log.doors[1].behave = None
        log.start().until_open()
        log.append(record("alice", "z"), cosigned=True)


class OneLies(WitnessedCase):
    """3 of 4 witnesses, of which the first may do as it likes."""

    count, quorum, faulty, liars = 4, 3, 1, (0,)

    def test_a_witness_says_that_it_has_more(self):
        log = self.begin()
        log.doors[0].behave = lambda method, path, body, pass_on: (
            (409, SIZE_TYPE, b"1000\n") if method == "POST" else (404, "text/plain", b""))
        log.append(record("alice", "x"))
        status = log.until(lambda s: s["witnesses"][0]["ahead"], "marked")
        self.assertIn("1000", status["witnesses"][0]["why"])
        (receipt,) = log.append(record("alice", "y"), cosigned=True)
        self.assertEqual(receipt["class"], "cosigned 3 of 4")
        self.assertFalse(log.status()["frozen"])
        log.stop()
        self.assertIn("witness w0.example says that it has cosigned 1000 entries", log.said)
        # One more than can be faulty.
        log.start().until_open()
        log.doors[1].behave = log.doors[0].behave
        log.append(record("alice", "z"))
        log.until(lambda s: s["frozen"], "frozen")
        self.assertEqual(placed(log.append(record("alice", "z"), code=3)), 0)

    def test_a_witness_forgets(self):
        log = self.begin()
        log.append(record("alice", "x"), cosigned=True)
        log.until(all_cosigned, "cosigned by all")
        w = self.witnesses[0]
        w.stop()
        kept = self.path("w0-then")
        subprocess.run(["cp", "-a", w.data, kept], check=True)
        log.stop()
        old = log.keep("old")
        w.start()
        log.start().until_open()
        log.append(record("alice", "y"), cosigned=True)
        log.until(all_cosigned, "cosigned by all")
        w.stop()
        subprocess.run(["rm", "-rf", w.data], check=True)
        subprocess.run(["cp", "-a", kept, w.data], check=True)
        w.start()
        log.append(record("alice", "z"), cosigned=True)
        log.until(all_cosigned, "cosigned by all")  # it is told again what it has forgotten
        log.stop()
        self.assertIn("witness w0.example had", log.said)
        self.assertIn("it forgets", log.said)
        # Nor does it help the host: it alone takes the older disk.
        w.stop()
        subprocess.run(["rm", "-rf", w.data], check=True)
        subprocess.run(["cp", "-a", kept, w.data], check=True)
        w.start()
        log.put_back(old)
        log.start()
        log.until_frozen()
        self.assertEqual(placed(log.append(record("alice", "another story"), code=3)), 0)
        self.judge()


class Degraded(WitnessedCase):
    """The configuration lets a start go on without a quorum, and receipts say so."""

    options = ("--degraded-starts", "--witness-wait", "1")

    def test_an_older_disk_goes_on_degraded_and_then_freezes(self):
        log = self.begin()
        log.stop()
        old = log.keep("old")
        log.start().until_open()
        log.append(record("alice", "x"), cosigned=True)
        log.stop()
        log.put_back(old)
        for door in log.doors:
            door.behave = cut_off
        log.start().until_open()
        self.assertEqual(log.append(record("alice", "y"))[0]["class"], "degraded")
        self.assertEqual(placed(log.append(record("alice", "z"), cosigned=True, timeout=1, code=3)), 0)
        for door in log.doors:
            door.behave = None
        log.until_frozen()
        self.assertEqual(placed(log.append(record("alice", "more"), code=3)), 0)
        log.stop()
        self.assertIn("DEGRADED", log.said)
        for door in log.doors:
            door.behave = cut_off
        log.start()
        self.assertTrue(log.status()["frozen"])  # what it has seen it remembers
        self.judge()


@unittest.skipUnless(shutil.which("spin"), "spin is not installed")
class Doctored(WitnessedCase):
    """The model refuses what did not happen, also in a trace of a real service."""

    def test_a_trace_that_was_changed(self):
        log = self.begin()
        log.append(record("alice", "x"), cosigned=True)
        log.stop(signal.SIGKILL)
        log.start().until_open()
        log.append(record("alice", "y"), cosigned=True)
        self.judge()
        good = list(self.events)

        def without(which):
            self.events = [e for i, e in enumerate(good) if not which(i, e)]
            with self.assertRaises(self.refused):
                self.judge()
        acks = [i for i, e in enumerate(good) if e["do"] == "ack"]
        begins = [i for i, e in enumerate(good) if e["do"] == "begin"]
        # Two of three have not answered before the receipt; nor before the second boot.
        without(lambda i, e: e["do"] == "cosigned" and e["witness"] and i < acks[0])
        without(lambda i, e: e["do"] == "cosigned" and i > begins[-1] and e["size"] == good[begins[-1]]["head"][0])
        # A start that nobody saw.
        without(lambda i, e: i == begins[-1])
        # A receipt that says more than there is, or less.
        for kind in ("cosigned 3 of 3", "cosigned 2 of 2", "degraded"):
            self.events = [dict(e, **{"class": kind}) if i == acks[0] else e for i, e in enumerate(good)
                           if not (e["do"] == "cosigned" and e["witness"] == 2)]
            with self.assertRaises(self.refused):
                self.judge()


if __name__ == "__main__":
    main()
