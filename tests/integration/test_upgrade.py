"""A log of an earlier version: today's opens it, finds everything that was there, and goes
on; also where it is killed over it. A later version's is refused, and left as it is."""
import contextlib
import copy
import hashlib
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import tarfile
import time

import host
from teelogtest import ROOT, TEELOG, Case, main, record

FIXTURE = ROOT / "tests" / "fixtures" / "schema-1"
KNOWN = json.loads((FIXTURE / "known.json").read_text(encoding="utf-8"))
APPENDED = KNOWN["appended"]
CELL = 4096  # leaves after which there is an index


class Upgrade(Case):
    def setUp(self):
        super().setUp()
        self.unpack(self.data)

    def unpack(self, to):
        with tarfile.open(FIXTURE / "log.tar.xz") as tar:
            for member in tar:
                path = pathlib.Path(to, member.name)
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                if member.isfile():
                    path.write_bytes(tar.extractfile(member).read())
                    path.chmod(0o600)

    def host_sql(self, *statements):
        """Each one's first value."""
        with contextlib.closing(sqlite3.connect(self.path("log/teelog.db"), isolation_level=None)) as db:
            return [(db.execute(sql).fetchone() or (None,))[0] for sql in statements]

    def version(self):
        return self.host_sql("PRAGMA user_version")[0]

    def digests(self):
        return {p: hashlib.sha256(p.read_bytes()).hexdigest()
                for p in pathlib.Path(self.data).iterdir() if p.is_file() and p.stat().st_size}

    def records(self, *args):
        done = self.teelog("records", "--data", self.data, "--limit", "1000000", "--json", *args)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def assert_same(self, shown, appended):
        """What is shown of records is what was appended, in that order."""
        self.assertEqual([r["index"] for r in shown], [a["receipt"]["index"] for a in appended])
        for got, known in zip(shown, appended):
            want = {**known["record"], "leafHash": known["receipt"]["leafHash"],
                    "seq": known["receipt"]["seq"]}
            want.pop("requestId", None)
            self.assertEqual({k: got.get(k) for k in want}, want)

    def check_queries(self, appended, *how):
        """Each against a look at all of them."""
        for name, option in (("agentId", "--agent"), ("roomId", "--room"), ("userId", "--user"),
                             ("type", "--type")):
            for value in {a["record"][name] for a in appended}:
                want = [a for a in appended if a["record"][name] == value]
                self.assert_same(self.records(*how, option, value), want)
        for text in ("usdc", "STRA", "%", "refused: ", "é", "long long", "no such thing"):
            want = [a for a in appended if text.lower() in a["record"]["content"].lower()]
            self.assert_same(self.records(*how, "--text", text), want)
        want = [a for a in appended if a["record"]["agentId"] == "bob" and "5" in a["record"]["content"]]
        self.assert_same(self.records(*how, "--agent", "bob", "--text", "5", "--newest"), want[::-1])
        shown = self.records(*how)
        self.assert_same(shown, appended)
        middle = shown[len(shown) // 2]["time"]
        self.assert_same(self.records(*how, "--after", str(middle)),
                         [a for a, s in zip(appended, shown) if s["time"] >= middle])

    def verdict_under(self, policy, bundle):
        with open(self.path("policy"), "w", encoding="utf-8") as f:
            json.dump(policy, f)
        return self.verdict(self.path(bundle), "--policy", self.path("policy"))

    def check_old_history(self, goes_on=True):
        """One log, the key that was pinned then, and the tree of then within it."""
        self.teelog("export", "--data", self.data, "--tee", "sim", "-o", "bundle")
        report = self.verdict_under(KNOWN["policy"], "bundle")
        self.assertEqual(report["verdict"], "REJECTED" if goes_on else "TRUSTED", report)
        if goes_on:  # today's code is another, and has to be trusted as well
            policy = copy.deepcopy(KNOWN["policy"])
            policy["evidence"][0]["mrenclave"] = [e["mrenclave"] for e in report["evidence"]]
            self.assertIn(KNOWN["policy"]["evidence"][0]["mrenclave"][0],
                          policy["evidence"][0]["mrenclave"])
            report = self.verdict_under(policy, "bundle")
            self.assertEqual(report["verdict"], "TRUSTED", report)
        size, root = host.parse_checkpoint(KNOWN["checkpoint"].encode())
        bundle = host.Bundle(pathlib.Path(self.path("bundle")))
        self.assertEqual(bundle.roots([size])[size], root)
        return bundle

    def test_to_read_it_changes_nothing(self):
        self.check_queries(APPENDED, "--tee", "sim")
        self.check_old_history(goes_on=False)
        self.teelog("fsck", "--data", self.data, "--tee", "sim")
        self.teelog("agents", "--data", self.data, "--tee", "sim")
        self.teelog("backup", "--data", self.data, "--tee", "sim", "-o", "b")
        self.assertEqual(self.version(), 1)
        self.teelog("restore", "b", "--data", self.path("r"), "--accept-rollback")
        self.teelog("fsck", "--data", self.path("r"), "--tee", "sim")

    def test_a_service_goes_on_with_it(self):
        self.assertEqual(self.version(), 1)
        with self.serve() as service:
            self.check_queries(APPENDED)
            # What was asked for then is known now,
            again = self.append([a["record"] for a in APPENDED if "requestId" in a["record"]])
            self.assertTrue(all(r["repeated"] for r in again))
            self.assertEqual([r["index"] for r in again],
                             [a["receipt"]["index"] for a in APPENDED if "requestId" in a["record"]])
            # what came then can be answered, and agents' numbers go on.
            intent = APPENDED[0]["receipt"]
            new = {**record(APPENDED[0]["record"]["agentId"], ref=intent["index"], type="late")}
            receipt, = self.append([new])
            last = max(a["receipt"]["seq"] for a in APPENDED if a["record"]["agentId"] == new["agentId"])
            self.assertGreater(receipt["seq"], last)
            self.teelog("token", "create", "--data", self.data, "--scope", "read", "-o", "t")
            self.teelog("erase", str(APPENDED[3]["receipt"]["index"]), "--data", self.data, "--yes")
            self.assertEqual(service.stop(), 0)
            self.assertIn("of version 1", service.process.stderr.read())
        self.assertEqual(self.version(), 2)
        bundle = self.check_old_history()
        self.assertGreater(bundle.size, receipt["index"])
        self.teelog("fsck", "--data", self.data, "--tee", "sim")
        with self.serve() as service:
            shown = self.records()
            self.assertTrue(shown[3]["erased"])
            self.assert_same(shown[:3] + shown[4:], APPENDED[:3] + APPENDED[4:] +
                             [{"record": new, "receipt": receipt}])
            self.assertEqual(service.stop(), 0)
            self.assertEqual(service.process.stderr.read(), "")

    def grow(self, service, first, count):
        more = [record(("bob", "dora")[i % 2], f"{i} Straße 5", roomId=f"room {i % 7}", type="more")
                for i in range(first, first + count)]
        receipts = self.append(more)
        self.assertEqual(len(receipts), count)
        return [{"record": m, "receipt": r} for m, r in zip(more, receipts)]

    def test_it_is_indexed(self):
        with self.serve() as service:
            grown = APPENDED + self.grow(service, 0, CELL + 100)
            end = time.monotonic() + 60
            while service.status()["indexed"] < CELL and time.monotonic() < end:
                time.sleep(0.05)
            self.assertGreaterEqual(service.status()["indexed"], CELL)
            self.check_queries(grown)
        self.check_queries(grown, "--tee", "sim")

    def kill_while_it_starts(self, seconds):
        p = subprocess.Popen([TEELOG, "serve", "--data", self.data, "--tee", "sim"], env=self.env,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        p.kill()
        p.wait()

    def test_killed_while_it_is_upgraded(self):
        r, versions = random.Random(), {1: 0, 2: 0}
        begin = time.monotonic()
        with self.serve():
            took = time.monotonic() - begin
        rounds = 200 if os.environ.get("TEELOG_LONG") else 15
        for i in range(rounds):
            self.unpack(self.data)
            for _ in range(r.randint(1, 2)):
                self.kill_while_it_starts(r.uniform(0, took))
            version, tables = self.host_sql("PRAGMA user_version",
                                            "SELECT count(*) FROM sqlite_master WHERE name = 'block'")
            self.assertEqual((version, tables), (1, 0) if version == 1 else (2, 1))  # whole
            versions[version] += 1
            with self.serve():
                self.assert_same(self.records(), APPENDED)
            self.assertEqual(self.version(), 2)
        print(f"killed {rounds} times within {took:.3f} s: left as version 1 and 2: {versions}")
        self.check_old_history()
        self.teelog("fsck", "--data", self.data, "--tee", "sim")

    def test_a_newer_one_is_left_as_it_is(self):
        self.teelog("fsck", "--data", self.data, "--tee", "sim")
        self.host_sql("PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA user_version = 3")
        before = self.digests()
        for command in (["serve"], ["records"], ["agents"], ["fsck"], ["export", "-o", "x"],
                        ["backup", "-o", "x"], ["backup", "--final", "-o", "x"],
                        ["run", "--", "true"]):
            with self.subTest(command=command):
                at = command.index("--") if "--" in command else len(command)
                code = 125 if command[0] == "run" else 3
                done = self.teelog(*command[:at], "--data", self.data, "--tee", "sim", *command[at:],
                                   code=code)
                self.assertIn("of version 3, which a newer teelog made", done.stderr)
                self.assertIn("run the newer one", done.stderr)
                self.assertEqual(self.digests(), before)
        self.assertFalse(os.path.exists(self.path("x")))

    def test_what_is_no_version_of_ours(self):
        for pragma in ("user_version = 0", "user_version = -1", "application_id = 1"):
            with self.subTest(pragma=pragma):
                self.unpack(self.data)
                self.host_sql(f"PRAGMA {pragma}")
                done = self.teelog("serve", "--data", self.data, "--tee", "sim", code=3)
                self.assertIn("is not a teelog database", done.stderr)


if __name__ == "__main__":
    main()
