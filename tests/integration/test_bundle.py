"""`export`, `verify`, `policy init` and `fsck`: verdicts and exit codes."""
import json
import os
import sqlite3
import stat
import subprocess

from teelogtest import TEELOG, Case, main, record


class Bundle(Case):
    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")
        self.append([record(f"agent-{i % 2}", f"content {i}") for i in range(40)])

    def export(self, name, *options, code=0):
        self.teelog("export", "--data", self.data, "-o", self.path(name), *options, code=code)
        return self.path(name)

    def trusting(self, bundle):
        self.teelog("policy", "init", bundle, "-o", self.path("policy.json"))
        return self.path("policy.json")

    def test_every_scope_verifies(self):
        whole = self.export("whole")
        policy = self.trusting(whole)
        for options in ([], ["--agent", "agent-1"], ["--from", "5", "--to", "9"],
                        ["--withhold-bodies"], ["--from", "10"], ["--to", "3"],
                        ["--agent", "agent-0", "--from", "3", "--to", "20"]):
            with self.subTest(options=options):
                report = self.verdict(self.export("b", *options), "--policy", policy)
                self.assertEqual(report["verdict"], "TRUSTED")
                self.assertTrue(all(c["ok"] for c in report["checks"]))
        self.assertEqual(self.verdict(whole)["verdict"], "UNPINNED")

    def test_a_stopped_log_gives_the_same(self):
        policy = self.trusting(self.export("running"))
        self.service.stop()
        stopped = self.export("stopped", "--tee", "sim")
        self.assertEqual(self.verdict(stopped, "--policy", policy)["verdict"], "TRUSTED")
        self.teelog("fsck", "--data", self.data, "--tee", "sim")

    def test_standard_output_and_input(self):
        done = subprocess.run([TEELOG, "export", "--data", self.data, "-o", "-"], env=self.env,
                              capture_output=True, timeout=60, check=True)
        checked = subprocess.run([TEELOG, "verify", "-"], input=done.stdout, env=self.env,
                                 capture_output=True, timeout=60, check=False)
        self.assertEqual(checked.returncode, 4)
        self.assertIn(b"UNPINNED", checked.stdout)
        self.assertIn(b"simulated", checked.stdout)

    def test_an_altered_bundle_is_rejected_by_name(self):
        whole = self.export("whole")
        policy = self.trusting(whole)
        with open(whole, "rb") as f:
            data = f.read()
        altered = self.path("altered")
        with open(altered, "wb") as f:
            f.write(data.replace(b"content 7", b"content 8", 1))
        report = self.verdict(altered, "--policy", policy)
        self.assertEqual(report["verdict"], "REJECTED")
        failed = [c for c in report["checks"] if not c["ok"] and "index" in c]
        self.assertEqual([(c["name"], c["index"]) for c in failed], [("body", 10)])
        with open(altered, "wb") as f:
            f.write(data[:-1])
        self.assertEqual(self.verdict(altered, "--policy", policy)["verdict"], "REJECTED")
        done = self.teelog("policy", "init", altered, "-o", self.path("none"), code=1)
        self.assertIn("teelog: no policy was written", done.stderr)
        self.assertFalse(os.path.exists(self.path("none")))

    def test_another_log_is_not_trusted(self):
        policy = self.trusting(self.export("whole"))
        self.service.stop()
        os.rename(self.data, self.data + "-old")
        self.serve("--origin", "example.org/log")
        self.append([record()])
        report = self.verdict(self.export("other"), "--policy", policy)
        self.assertNotEqual(report["verdict"], "TRUSTED")

    def test_policy_files(self):
        whole = self.export("whole")
        policy = self.trusting(whole)
        with open(policy, encoding="utf-8") as f:
            good = json.load(f)
        bad = [b"", b"{}", b"null", b"\xff", json.dumps({**good, "extra": 1}).encode(),
               json.dumps({**good, "teelog_policy": 2}).encode(), b"x" * (2 << 20)]
        for content in bad:
            with open(self.path("bad"), "wb") as f:
                f.write(content)
            done = self.teelog("verify", whole, "--policy", self.path("bad"), code=2)
            self.assertRegex(done.stderr, "teelog: the policy|bad is larger than 1048576 bytes")
            self.assertEqual(done.stdout, "")
        self.teelog("verify", whole, "--policy", self.path("nowhere"), code=3)

    def test_the_time_of_judgement(self):
        whole = self.export("whole")
        policy = self.trusting(whole)
        report = self.verdict(whole, "--policy", policy, "--at", "4102444800")
        self.assertEqual(report["verdict"], "REJECTED")  # certificates have run out by 2100
        for at in ("now", "-1", "1.5", ""):
            self.teelog("verify", whole, "--at", at, code=2)

    def test_exports_that_are_refused(self):
        for options in (["--agent", "nobody"], ["--agent", "a b"], ["--from", "9", "--to", "9"],
                        ["--from", "x"], ["--to", "-1"]):
            with self.subTest(options=options):
                done = subprocess.run([TEELOG, "export", "--data", self.data, "-o",
                                       self.path("none"), *options], env=self.env,
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertIn(done.returncode, (2, 3))
                self.assertTrue(done.stderr.startswith("teelog: "))
                self.assertFalse(os.path.exists(self.path("none")))
                self.assertFalse(os.path.exists(self.path("none.part")))
        self.teelog("export", "--data", self.data, "-o", "/proc/nowhere/b", code=3)

    def test_what_was_exported(self):
        size = self.verdict(self.export("first"))["log"]["size"]
        for options in ([], ["--cosigned", "60"]):  # nobody is waited for: it has no witnesses
            said = json.loads(self.teelog("export", "--data", self.data, "-o", self.path("b"),
                                          "--json", *options).stdout)
            self.assertEqual(said, {"size": size})
        said = self.service.get("/v1/export?cosigned=61")
        self.assertEqual((said[0], json.loads(said[2])["field"]), (400, "cosigned"))
        self.teelog("export", "--data", self.data, "-o", "-", "--json", code=2)
        self.service.stop()
        said = json.loads(self.teelog("export", "--data", self.data, "--tee", "sim", "-o",
                                      self.path("b"), "--json").stdout)
        self.assertGreater(said["size"], size)
        self.teelog("export", "--data", self.data, "--tee", "sim", "-o", self.path("b"),
                    "--cosigned", "1", code=2)

    def test_an_answer_that_breaks_off_leaves_nothing(self):
        # The first slice of this bundle is on its way before the last body is looked at.
        receipts = self.append([record(content=f"{i} " + "x" * 8000) for i in range(200)])
        self.service.stop()
        with sqlite3.connect(os.path.join(self.data, "teelog.db")) as db:
            db.execute("UPDATE leaf SET body = zeroblob(length(body)) WHERE idx = ?",
                       (receipts[-1]["index"],))
        db.close()
        self.service = self.serve()
        for name in ("cut", "-"):
            done = self.teelog("export", "--data", self.data, "-o", name, code=3, text=False)
            self.assertRegex(done.stderr.decode(), "^teelog: no whole bundle was exported: the "
                             "answer of .* broke off after [1-9][0-9]+ bytes; its log may say why")
        self.assertFalse(os.path.exists(self.path("cut")))
        self.assertFalse(os.path.exists(self.path("cut.part")))
        with open(self.path("half"), "wb") as f:
            f.write(done.stdout)
        self.assertEqual(self.verdict(self.path("half"))["verdict"], "REJECTED")
        self.service.stop()
        said = self.service.process.stderr.read()
        self.assertEqual(said.count(f"teelog: GET /v1/export broke off: statement "
                                    f"{receipts[-1]['index']}: "), 2, said)

    def test_a_pipe_is_written_to_and_stays_one(self):
        pipe, copy = self.path("pipe"), self.path("copy")
        os.mkfifo(pipe)
        with open(copy, "wb") as f, subprocess.Popen(["cat", pipe], stdout=f) as reader:
            self.export("pipe")
            self.assertEqual(reader.wait(timeout=30), 0)
        self.assertTrue(stat.S_ISFIFO(os.stat(pipe).st_mode))
        self.assertEqual(self.verdict(copy)["verdict"], "UNPINNED")

    def test_what_is_written_is_its_owners(self):
        victim = self.path("victim")
        with open(victim, "w", encoding="ascii") as f:
            f.write("precious")
        os.chmod(victim, 0o644)
        umask = os.umask(0)
        self.addCleanup(os.umask, umask)

        def check(name, mode):
            with open(victim, encoding="ascii") as f:
                self.assertEqual(f.read(), "precious")
            self.assertFalse(os.path.islink(self.path(name)))
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), mode)

        os.symlink(victim, self.path("running.part"))
        self.export("running")
        check("running", 0o600)
        os.symlink(victim, self.path("policy.part"))
        self.teelog("policy", "init", self.path("running"), "-o", self.path("policy"))
        check("policy", 0o644)
        self.service.stop()
        os.link(victim, self.path("stopped.part"))
        self.teelog("export", "--data", self.data, "--tee", "sim", "-o", self.path("stopped"))
        check("stopped", 0o600)

    def test_what_is_no_bundle(self):
        for content in (b"", b"\x00", b"{}", os.urandom(1000), b"\x85" * 100000):
            with open(self.path("junk"), "wb") as f:
                f.write(content)
            self.assertEqual(self.verdict(self.path("junk"))["verdict"], "REJECTED")
        self.teelog("verify", self.path("nowhere"), code=3)
        self.teelog("verify", self.dir, code=3)

    def test_fsck_finds_an_altered_body(self):
        self.service.stop()
        path = os.path.join(self.data, "teelog.db")
        with sqlite3.connect(path) as db:
            db.execute("UPDATE leaf SET body = zeroblob(length(body)) WHERE idx = 9")
        db.close()
        done = self.teelog("fsck", "--data", self.data, "--tee", "sim", code=1)
        self.assertIn("9", done.stdout)
        self.assertIn("NOT CLEAN", done.stdout)
        said = [json.loads(line) for line in self.teelog(
            "fsck", "--data", self.data, "--tee", "sim", "--json", code=1).stdout.splitlines()]
        self.assertEqual(said[-1], {"clean": False, "findings": 1, "simulated": True})
        bad, = [s["text"] for s in said if s.get("bad")]
        self.assertIn("statement 9", bad)


if __name__ == "__main__":
    main()
