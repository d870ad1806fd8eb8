"""A log whose platform opens it no more, read by its owner's recovery key; and the rows of the
table in docs/operations.md, "A log that does not open", played through the binary."""
import base64
import hashlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess

from teelogtest import TEELOG, Case, main, record


class Sealed(Case):
    def setUp(self):
        super().setUp()
        self.key, self.public = self.path("owner.key"), self.path("owner.pub")
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                     self.key)
        self.openssl("pkey", "-in", self.key, "-pubout", "-out", self.public)
        self.out = self.path("out")

    @staticmethod
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    def make(self, *options, n=250):
        with self.serve("--recovery-key", self.public, *options):
            self.append([record(content=f"payment {i}") for i in range(n)])

    def lose(self):
        """As a microcode update does it."""
        with open(os.path.join(self.data, "sim", "sealing.key"), "wb") as f:
            f.write(os.urandom(32))

    def recover(self, *options, code=0, key=None, data=None):
        shutil.rmtree(self.out, ignore_errors=True)
        return self.teelog("recover", "--data", data or self.data, "--key", key or self.key, "-o",
                           self.out, *options, code=code)

    def rows(self):
        with open(os.path.join(self.out, "records.jsonl"), encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def sql(self, text):
        db = sqlite3.connect(os.path.join(self.data, "teelog.db"))
        db.execute(text)
        db.commit()
        db.close()

    def policy(self):
        """What the owner pinned while the log ran."""
        bundle, policy = self.path("before.teelog"), self.path("policy.json")
        self.teelog("export", "--data", self.data, "--tee", "sim", "-o", bundle)
        self.teelog("policy", "init", bundle, "-o", policy)
        return bundle, policy


class Recover(Sealed):
    def test_all_that_was_logged(self):
        self.make()
        _, policy = self.policy()
        self.lose()
        said = self.recover().stderr
        rows = self.rows()
        self.assertEqual([r["index"] for r in rows], list(range(len(rows))))
        self.assertEqual([r["content"] for r in rows if "content" in r],
                         [f"payment {i}" for i in range(250)])
        for r in rows:
            self.assertIs(r["simulated"], True)
            self.assertEqual(r["proof"], "checkpoint")
            self.assertEqual(hashlib.sha256(b"\0" + base64.b64decode(r["statement"])).hexdigest(),
                             r["leafHash"])
            self.assertIn(hashlib.sha256(base64.b64decode(r["body"])).digest(),
                          base64.b64decode(r["statement"]))
        self.assertIn("SIMULATED", said)
        self.assertIn(f"{len(rows)} statements, of them 250 records: 250 with their bodies", said)
        report = self.verdict(os.path.join(self.out, "log.teelog"), "--policy", policy)
        self.assertEqual(report["verdict"], "TRUSTED")
        self.assertEqual(report["log"]["size"], len(rows))
        with open(os.path.join(self.out, "checkpoint"), encoding="utf-8") as f:
            self.assertEqual(f.read().splitlines()[1], str(len(rows)))
        self.assertEqual(os.stat(self.out).st_mode & 0o777, 0o700)
        for name in os.listdir(self.out):
            self.assertEqual(os.stat(os.path.join(self.out, name)).st_mode & 0o777, 0o600)

    def test_the_report_names_the_key(self):
        self.make(n=1)
        bundle, _ = self.policy()
        keys = self.verdict(bundle)["log"]["recovery_keys"]
        self.assertEqual([k["boots"] for k in keys], [1])
        done = self.teelog("verify", bundle, code=4)
        self.assertIn("bodies can be read by the holder of " + keys[0]["thumbprint"], done.stdout)
        summary = json.loads(self.recover("--json").stdout)
        self.assertEqual(summary["recoveryKey"], keys[0]["thumbprint"])

    def test_what_is_damaged_is_named(self):
        self.make()
        self.sql("UPDATE leaf SET body = NULL WHERE idx = 7")
        self.sql("UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 8) WHERE idx = 120")
        said = self.recover(code=3).stderr
        self.assertEqual([r["index"] for r in self.rows() if "bodyLost" in r], [7, 120])
        self.assertEqual(sum("content" in r for r in self.rows()), 248)
        self.assertIn("the body of statement 7: it is missing", said)
        self.assertIn("the body of statement 120: it does not open", said)
        report = self.verdict(os.path.join(self.out, "log.teelog"))
        self.assertEqual(report["scope"]["agents"][0]["withheld"], 2)
        self.sql("DELETE FROM leaf WHERE idx = 200")
        said = self.recover(code=3).stderr
        self.assertIn("statement 200: it is missing", said)
        self.assertIn("no bundle of all of it was made", said)
        self.assertEqual([r for r in self.rows() if "lost" in r],
                         [{"from": 200, "to": 201, "lost": "it is missing, or cannot be read"}])
        self.assertFalse(os.path.exists(os.path.join(self.out, "log.teelog")))
        done = self.recover("--json", code=3)
        self.assertEqual(json.loads(done.stdout)["lostStatements"], 1)

    def test_parts(self):
        """Where statements are missing, bundles of what lies between, as far as the tree goes."""
        self.make(n=600)
        _, policy = self.policy()
        self.sql("DELETE FROM leaf WHERE idx BETWEEN 100 AND 119")
        self.sql("UPDATE leaf SET statement = zeroblob(300) WHERE idx = 300")
        said = self.recover("--json", code=3)
        summary = json.loads(said.stdout)
        self.assertEqual(summary["lostStatements"], 21)
        self.assertIs(summary["bundle"], False)
        parts = sorted(n for n in os.listdir(self.out) if n.startswith("log"))
        self.assertEqual(summary["parts"], 3)
        end = max(r["index"] for r in self.rows() if "index" in r) + 1
        self.assertEqual(parts, ["log-0-100.teelog", "log-120-300.teelog", f"log-301-{end}.teelog"])
        for name in parts:
            report = self.verdict(os.path.join(self.out, name), "--policy", policy)
            self.assertEqual(report["verdict"], "TRUSTED")
            self.assertEqual(report["scope"]["kind"], "records")
        self.sql("DELETE FROM evidence")
        said = self.recover(code=3).stderr
        self.assertIn("evidence of a boot or session is missing", said)
        self.assertIn("0 bundles hold parts", said)
        self.assertEqual(len(self.rows()), end - 20 + 1)

    def test_a_full_disk(self):
        """Nothing is left that looks like a recovery and is none."""
        self.make(n=50)

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))

        done = subprocess.run([TEELOG, "recover", "--data", self.data, "--key", self.key, "-o",
                               self.out], preexec_fn=limit, capture_output=True, text=True,
                              env=self.env)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertFalse(os.path.exists(self.out))

    def test_checkpoints_of_the_owner(self):
        self.make(n=3)
        bundle, _ = self.policy()
        self.sql("DELETE FROM meta WHERE name = 'checkpoint'")
        said = self.recover(code=3).stderr
        self.assertEqual({r["proof"] for r in self.rows()}, {"signature"})
        self.assertFalse(any("index" in r for r in self.rows()))
        self.assertIn("the checkpoint in the database: it is not there", said)
        self.recover("--checkpoint", bundle, code=3)  # for the stored one is still missing
        self.assertEqual({r["proof"] for r in self.rows()}, {"checkpoint"})
        self.assertTrue(os.path.exists(os.path.join(self.out, "log.teelog")))
        note = self.path("note")
        shutil.copy(os.path.join(self.out, "checkpoint"), note)
        key = json.loads(self.recover("--checkpoint", note, "--json", code=3).stdout)["logKey"]
        self.recover("--checkpoint", note, "--log-key", key, code=3)
        self.recover("--checkpoint", self.key, code=3)
        self.recover("--checkpoint", self.path("nothing"), code=3)
        self.recover("--log-key", "nonsense", code=2)

    def test_nothing_is_written_over(self):
        self.make(n=1)
        target = self.path("elsewhere")
        for make in (lambda: os.mkdir(self.out), lambda: os.symlink(target, self.out),
                     lambda: open(self.out, "wb").close()):
            make()
            self.teelog("recover", "--data", self.data, "--key", self.key, "-o", self.out, code=2)
            self.assertFalse(os.path.exists(target))
            (os.rmdir if os.path.isdir(self.out) else os.unlink)(self.out)
        self.teelog("recover", "--data", self.data, "--key", self.key, "-o",
                    self.path("no/such/folder"), code=3)

    def test_refusals(self):
        self.make(n=1)
        other = self.path("other.key")
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                     other)
        self.assertIn("recovery key", self.recover(code=3, key=other).stderr)
        os.chmod(self.public, 0o600)
        self.recover(code=2, key=self.public)
        os.chmod(other, 0o640)
        self.assertIn("chmod 600", self.recover(code=2, key=other).stderr)
        self.recover(code=3, key=self.path("nothing"))
        self.recover(code=3, key=self.dir)
        self.recover(code=3, data=self.path("nowhere"))
        for left_out in "--data", "--key", "-o":
            args = {"--data": self.data, "--key": self.key, "-o": self.out}
            del args[left_out]
            self.teelog("recover", *[a for pair in args.items() for a in pair], code=2)
        self.recover("more", code=2)
        self.assertFalse(os.path.exists(self.out))

    def test_only_a_public_key_starts(self):
        for path, code in (self.key, 2), (self.path("nothing"), 3), (self.dir, 3):
            self.teelog("serve", "--data", self.data, "--tee", "sim", "--recovery-key", path,
                        code=code)
        self.assertFalse(os.path.exists(os.path.join(self.data, "teelog.db")))


if __name__ == "__main__":
    main()
