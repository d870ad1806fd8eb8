"""A log whose platform is lost, read by its owner's recovery key."""
import base64
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess

from teelogtest import Case, main, record


class Recover(Case):
    def setUp(self):
        super().setUp()
        self.key, self.public = self.path("owner.key"), self.path("owner.pub")
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                     self.key)
        self.openssl("pkey", "-in", self.key, "-pubout", "-out", self.public)

    @staticmethod
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True)

    def make(self, *options):
        with self.serve("--recovery-key", self.public, *options):
            self.append([record(content=f"payment {i}") for i in range(250)])

    def recover(self, code=0, key=None, data=None):
        done = self.teelog("recover", "--data", data or self.data, "--key", key or self.key,
                           code=code)
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def sql(self, text):
        db = sqlite3.connect(os.path.join(self.data, "teelog.db"))
        db.execute(text)
        db.commit()
        db.close()

    def test_all_that_was_logged(self):
        self.make()
        shutil.rmtree(os.path.join(self.data, "sim"))
        rows, said = self.recover()
        self.assertEqual([r["index"] for r in rows], list(range(len(rows))))
        self.assertEqual([r["content"] for r in rows if "content" in r],
                         [f"payment {i}" for i in range(250)])
        for r in rows:
            self.assertIs(r["simulated"], True)
            self.assertEqual(hashlib.sha256(b"\0" + base64.b64decode(r["statement"])).hexdigest(),
                             r["leafHash"])
            self.assertIn(hashlib.sha256(base64.b64decode(r["body"])).digest(),
                          base64.b64decode(r["statement"]))
        self.assertIn("SIMULATED", said)
        self.assertIn(f"{len(rows)} statements, of them 250 records", said)
        self.assertIn("no checkpoint can be signed", said)

    def test_a_file_of_its_own(self):
        self.make()
        out = self.path("out.jsonl")
        self.teelog("recover", "--data", self.data, "--key", self.key, "-o", out)
        self.assertEqual(os.stat(out).st_mode & 0o777, 0o600)
        with open(out, encoding="utf-8") as f:
            self.assertGreater(len(f.readlines()), 250)

    def test_what_is_damaged_is_counted(self):
        self.make()
        self.sql("UPDATE leaf SET body = NULL WHERE idx = 7")
        self.sql("UPDATE leaf SET body = (SELECT body FROM leaf WHERE idx = 8) WHERE idx = 120")
        rows, said = self.recover(code=3)
        self.assertEqual([r["index"] for r in rows if r.get("withheld")], [7, 120])
        self.assertEqual(sum("content" in r for r in rows), 248)
        self.assertIn("2 bodies could not be opened", said)

    def test_refusals(self):
        self.make()
        other = self.path("other.key")
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                     other)
        self.assertIn("recovery key", self.recover(code=3, key=other)[1])
        self.recover(code=2, key=self.public)
        self.recover(code=3, key=self.path("nothing"))
        self.recover(code=3, data=self.path("nowhere"))
        self.teelog("recover", "--data", self.data, code=2)
        self.teelog("recover", "--key", self.key, code=2)
        with self.serve("--recovery-key", self.public):
            self.assertIn("open", self.recover(code=3)[1])

    def test_only_a_public_key_starts(self):
        for path, code in (self.key, 2), (self.path("nothing"), 3), (self.dir, 3):
            self.teelog("serve", "--data", self.data, "--tee", "sim", "--recovery-key", path,
                        code=code)
        self.assertFalse(os.path.exists(os.path.join(self.data, "teelog.db")))


if __name__ == "__main__":
    main()
