"""The table in docs/operations.md, "A log that does not open", row by row through the binary:
what it says there is what the commands say."""
import os
import re
import shutil
import sqlite3
import subprocess

from teelogtest import ROOT, Case, lines, main, record


def table():
    """{first cell: the phrases in the second}, of the rows in the page."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    part = text.split("## A log that does not open", 1)[1].split("\n### ", 1)[0]
    rows = [line.split(" | ") for line in part.splitlines() if line.startswith("| ")][1:]
    return {row[0][2:]: re.findall(r"`([^`]+)`", row[1]) for row in rows}


class Sealed(Case):
    def setUp(self):
        super().setUp()
        self.key, self.public = self.path("owner.key"), self.path("owner.pub")
        for args in (("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                      self.key), ("pkey", "-in", self.key, "-pubout", "-out", self.public)):
            subprocess.run(["openssl", *args], check=True, capture_output=True)
        self.policy, self.bundle = self.path("policy.json"), self.path("before.teelog")

    def make(self, n=3):
        with self.serve("--recovery-key", self.public):
            self.append([record(content=f"payment {i}") for i in range(n)])
        self.teelog("export", "--data", self.data, "--tee", "sim", "-o", self.bundle)
        self.teelog("policy", "init", self.bundle, "-o", self.policy)

    def sql(self, text):
        db = sqlite3.connect(os.path.join(self.data, "teelog.db"))
        db.execute(text)
        db.commit()
        db.close()

    def other_key(self, data=None):
        with open(os.path.join(data or self.data, "sim", "sealing.key"), "wb") as f:
            f.write(os.urandom(32))

    def leaves(self):
        """What is in the log, whichever way the file lies."""
        db = sqlite3.connect(os.path.join(self.data, "teelog.db"))
        found = db.execute("SELECT * FROM leaf").fetchall()
        db.close()
        return found

    def refused(self, *options):
        """What a start says that must change nothing."""
        before = self.leaves()
        said = self.teelog("serve", "--data", self.data, "--tee", "sim", *options, code=3).stderr
        self.assertEqual(self.leaves(), before)
        self.assertIn("Nothing was changed", said)
        for choice in "teelog recover", "--set-aside":
            self.assertIn(choice, said)
        return said

    def recover(self, *options, code=0):
        out = self.path("recovered")
        shutil.rmtree(out, ignore_errors=True)
        return self.teelog("recover", "--data", self.data, "--key", self.key, "-o", out, *options,
                           code=code).stderr

    # One for each row; each returns what was said.

    def changed_key(self):
        self.other_key()
        kept = self.path("kept")
        said = self.refused()
        self.recover()  # and it can be read
        self.assertFalse(os.path.exists(kept))
        return said

    def wrong_key(self):
        other = self.path("elsewhere")
        with self.serve():
            pass
        shutil.copytree(self.data, other)
        self.other_key(other)
        for name in os.listdir(other):
            if name.startswith("teelog.db"):
                os.unlink(os.path.join(other, name))
        shutil.copy(os.path.join(self.data, "teelog.db"), other)
        self.data = other
        return self.refused()

    def name_altered(self):
        said = []
        for change in ("SET value = zeroblob(32) WHERE name = 'log_id'",
                       "SET value = CAST('x/y' AS BLOB) WHERE name = 'origin'"):
            kept = self.path("kept.db")
            shutil.copy(os.path.join(self.data, "teelog.db"), kept)
            self.sql("UPDATE meta " + change)
            said.append(self.refused())
            self.recover()
            shutil.copy(kept, os.path.join(self.data, "teelog.db"))
        self.assertEqual(said[0], said[1])
        return said[0]

    def head_altered(self):
        self.sql("UPDATE meta SET value = zeroblob(length(value)) WHERE name = 'head'")
        said = self.refused()
        self.sql("DELETE FROM meta WHERE name = 'head'")
        self.assertEqual(self.refused(), said)
        self.recover()
        return said

    def data_key_altered(self):
        self.sql("UPDATE meta SET value = zeroblob(length(value)) WHERE name = 'data_key'")
        said = self.refused()
        self.sql("DELETE FROM meta WHERE name = 'data_key'")
        self.assertIn("the stored data key is missing", self.refused())
        self.recover()
        return said

    def rolled_back(self):
        older = self.path("older")
        shutil.copytree(self.data, older)
        with self.serve():
            self.append([record(content="the one history")])
        self.teelog("export", "--data", self.data, "--tee", "sim", "-o", self.path("later"))
        shutil.rmtree(self.data)
        os.rename(older, self.data)
        with self.serve("--recovery-key", self.public):  # it starts
            self.append([record(content=f"the other history {i}") for i in range(9)])
        said = self.recover("--checkpoint", self.path("later"), code=3)
        self.assertIn("two histories", said)
        return said

    def copied(self):
        copy = self.path("copy")
        shutil.copytree(self.data, copy)
        with self.serve() as here:
            # Its socket elsewhere: the directory is all that is copied.
            there = subprocess.Popen([shutil.which("teelog", path=self.env["PATH"]), "serve",
                                      "--data", copy, "--tee", "sim"], stdout=subprocess.PIPE,
                                     text=True, env=self.env)
            try:
                self.assertIn("ready", there.stdout.readline())
                self.assertEqual(here.process.poll(), None)
            finally:
                there.terminate()
                there.wait()
                there.stdout.close()
        return ""

    def two_services(self):
        with self.serve():
            said = self.teelog("serve", "--data", self.data, "--tee", "sim", "--socket",
                               self.path("other.sock"), code=3).stderr
            self.append([record(content="the first goes on")])
        return said

    def recovered(self):
        self.other_key()
        self.recover()
        bundle = os.path.join(self.path("recovered"), "log.teelog")
        self.assertEqual(self.verdict(bundle, "--policy", self.policy)["verdict"], "TRUSTED")
        self.assertEqual(sorted(os.listdir(self.path("recovered"))),
                         ["checkpoint", "log.teelog", "records.jsonl"])
        return ""

    def no_recovery_key(self):
        self.sql("CREATE TABLE keep AS SELECT * FROM meta WHERE name = 'recovery'")
        self.sql("DELETE FROM meta WHERE name = 'recovery'")
        said = self.recover(code=3)
        self.sql("INSERT INTO meta SELECT * FROM keep")
        mine = self.key
        self.key = self.path("another.key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-out", self.key], check=True,
                       capture_output=True)
        said += self.recover(code=3)
        self.key = mine
        self.assertFalse(os.path.exists(self.path("recovered")))
        return said

    def set_aside(self):
        with self.serve("--set-aside") as service:  # it opens
            before = service.status()
            service.stop()
            self.assertNotIn("set aside", service.process.stderr.read())
        self.other_key()
        self.refused()
        with self.serve("--set-aside") as service:
            self.assertNotEqual(service.status()["logKey"], before["logKey"])
            self.append([record(content="in the new one")])
            service.stop()
            said = service.process.stderr.read()
        aside = os.path.join(self.data, "unsealable-0001")
        self.teelog("recover", "--data", aside, "--key", self.key, "-o", self.path("aside"))
        self.assertEqual(self.verdict(os.path.join(self.path("aside"), "log.teelog"), "--policy",
                                      self.policy)["verdict"], "TRUSTED")
        return said

    def successor(self, *options, code=0):
        return self.teelog("successor", "--data", self.path("new"), "--tee", "sim", "--origin",
                           "example.org/new", *options, code=code)

    def followed(self):
        before = self.leaves()
        old = self.verdict(self.bundle)["log"]
        # While it opens it says its key itself; but only a new log can follow another.
        self.assertIn("holds a log already",
                      self.teelog("successor", "--data", self.data, "--tee", "sim", "--origin",
                                  "example.org/new", "--old", self.data, "--unwitnessed",
                                  code=3).stderr)
        self.assertIn("needs another", self.successor("--origin", old["origin"], "--old", self.data,
                                                      "--unwitnessed", code=2).stderr)
        self.other_key()
        said = self.successor("--old", self.data, "--log-key", old["key"], "--unwitnessed").stdout
        self.assertEqual(self.leaves(), before)
        self.assertIn("signed by its key alone", said)
        # It goes on, says which log it follows, and is not that one.
        with self.serve("--data", self.path("new")):
            self.teelog("append", "--data", self.path("new"), stdin=lines([record()]))
            new = self.path("new.teelog")
            self.teelog("export", "--data", self.path("new"), "-o", new)
        report = self.verdict(new)
        self.assertEqual(report["verdict"], "UNPINNED")
        self.assertIn(report["log"]["key"], said)
        self.assertEqual(report["log"]["succeeds"],
                         {"origin": old["origin"], "size": old["size"], "root": old["root"]})
        self.assertEqual(self.verdict(new, "--policy", self.policy)["verdict"], "REJECTED")
        self.teelog("policy", "init", new, "-o", self.path("new.json"))
        self.assertEqual(self.verdict(new, "--policy", self.path("new.json"))["verdict"], "TRUSTED")
        return said

    def not_followed(self):
        key = self.verdict(self.bundle)["log"]["key"]
        said = self.successor("--old", self.data, "--log-key", key, code=3).stderr
        said += self.successor("--old", self.data, "--log-key",
                               "example.org/log+89b7ddcc+AcT+Vytqa/tqBZ3d+yLG6M5OvzChyG6oRlFJR/"
                               "yrNOyj", "--unwitnessed", code=1).stderr
        self.assertIn("is no checkpoint under the key", said)
        with self.serve():
            said += self.successor("--old", self.data, "--unwitnessed", code=3).stderr
        self.assertIn("another teelog has this log open", said)
        self.other_key()
        said += self.successor("--old", self.data, "--unwitnessed", code=3).stderr
        self.assertFalse(os.path.exists(os.path.join(self.path("new"), "teelog.db")))
        return said

    PLAYS = {
        "followed:": followed,
        "followed without": not_followed,
        "changed key": changed_key,
        "wrong key": wrong_key,
        "its name or id altered": name_altered,
        "head altered": head_altered,
        "wrapped data key": data_key_altered,
        "rolled back": rolled_back,
        "copied": copied,
        "two services": two_services,
        "recovered": recovered,
        "no recovery key": no_recovery_key,
        "set aside": set_aside,
    }

    def test_each_row(self):
        rows = table()
        self.assertEqual(len(rows), len(self.PLAYS))
        for row, phrases in rows.items():
            play = next(f for name, f in self.PLAYS.items() if row.startswith(name))
            with self.subTest(row=row):
                self.data = os.path.join(self.dir, "log")
                shutil.rmtree(self.data, ignore_errors=True)
                shutil.rmtree(self.path("new"), ignore_errors=True)
                self.make()
                said = play(self)
                for phrase in phrases:
                    self.assertIn(phrase, said)


if __name__ == "__main__":
    main()
