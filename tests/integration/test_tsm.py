"""A service in a TDX guest without dstack, on a stand-in of configfs-tsm that is loaded into
it (tests/lib/configfs_preload.c): logs that end with their boot, and reports that go wrong."""
import json
import os
import pathlib
import subprocess
import tempfile
import time

from teelogtest import TEELOG, Case, lines, main, record

MAKEDCAP = os.path.realpath(os.environ["MAKEDCAP"])
PRELOAD = os.path.realpath(os.environ["CONFIGFS"])
TEE = "tdx-tsm:/fake/tsm/report"
EIO, ENXIO, EACCES = 5, 6, 13


class Tsm(Case):
    def setUp(self):
        super().setUp()
        self.manner = pathlib.Path(self.path("manner"))
        self.env.update(LD_PRELOAD=PRELOAD, FAKE_CONFIGFS=str(self.manner),
                        # The stand-in comes before the sanitizer's own functions.
                        ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0")
        # What Intel's service says of the platform comes by file.
        folder = pathlib.Path(self.data, "collateral")
        folder.mkdir(mode=0o700, parents=True)
        folder.parent.chmod(0o700)
        with tempfile.TemporaryDirectory(prefix="teelog-test-") as out:
            subprocess.run([MAKEDCAP, "tdx-v4", out, str(int(time.time()))], check=True)
            (folder / "tsm.json").write_bytes(pathlib.Path(out, "collateral.json").read_bytes())

    def goes(self, text=""):
        other = self.manner.with_suffix(".new")
        other.write_text(text, encoding="ascii")
        other.rename(self.manner)

    def quotes(self):
        """How many were asked for."""
        counted = pathlib.Path(f"{self.manner}.count")
        return counted.stat().st_size if counted.exists() else 0

    def serve(self, *options):
        return super().serve("--tee", TEE, "--origin", "example.org/tsm", *options)

    def trusted(self, bundle):
        """The verdict of who pins what the bundle shows."""
        policy = self.path("policy.json")
        self.teelog("policy", "init", bundle, "-o", policy)
        with open(policy, encoding="utf-8") as f:
            self.assertEqual(json.load(f)["evidence"][0]["platform"], "simulator")
        report = self.verdict(bundle, "--policy", policy)
        self.assertEqual(report["verdict"], "TRUSTED", report)
        self.assertTrue(report["simulated"])
        return report

    def export(self, name):
        self.teelog("export", "--data", self.data, "-o", self.path(name))
        return self.path(name)

    def said(self, service):
        return service.process.stderr.read()

    def refused(self, says, code=2):
        """A start that does not come about, and makes no log."""
        done = self.teelog("serve", "--data", self.data, "--tee", TEE, code=code)
        self.assertIn(says, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual([p for p in pathlib.Path(self.data).glob("*.db") if p.stat().st_size], [])

    def test_a_log_a_boot(self):
        """Each start begins another log, and the one before lies aside, whole."""
        keys, kept = [], []
        for boot in range(3):
            service = self.serve()
            self.assertIn("SIMULATED", service.ready)
            self.assertTrue(service.status()["simulated"])
            keys.append(service.status()["logKey"])
            self.append([record(agent=a) for a in ("alice", "bob", "alice")])
            self.trusted(self.export(f"{boot}.teelog"))
            self.assertEqual(service.stop(), 0)
            kept.append(pathlib.Path(self.data, "teelog.db").read_bytes())
            says = self.said(service)
            self.assertIn("a stand-in that was named: SIMULATED", says)
            self.assertIn("it keeps no keys", says)
            for n in range(1, 4):
                aside = pathlib.Path(self.data, f"unsealable-{n:04}")
                self.assertEqual(aside.exists(), n <= boot)
                if n <= boot:
                    self.assertEqual((aside / "teelog.db").read_bytes(), kept[n - 1])
            self.assertEqual(f"unsealable-{boot:04}" in says, boot > 0)
            self.assertEqual("this is a new log, with a new key" in says, boot > 0)
        self.assertEqual(len(set(keys)), 3)
        # What was exported while its log lived goes on being good.
        for boot in range(3):
            self.trusted(self.path(f"{boot}.teelog"))

    def test_run(self):
        """Its export comes after the end of the service, but not of its process."""
        with open(self.path("records"), "w", encoding="utf-8") as f:
            f.write(lines([record()]))
        done = self.teelog("run", "--data", self.data, "--tee", TEE, "--export", self.path("b"),
                           "--", "sh", "-c", "teelog append < records")
        self.assertIn("exported", done.stderr)
        self.trusted(self.path("b"))

    def test_nobody_reads_it_later(self):
        self.serve().stop()
        before = pathlib.Path(self.data, "teelog.db").read_bytes()
        for args, code in ((["export", "-o", self.path("b")], 3), (["records"], 3),
                           (["agents"], 3), (["fsck"], 1)):
            done = self.teelog(*args, "--data", self.data, "--tee", TEE, code=code)
            self.assertIn("keeps no keys", done.stdout + done.stderr)
        self.assertEqual(pathlib.Path(self.data, "teelog.db").read_bytes(), before)

    def test_another_platforms_log_is_left_alone(self):
        data = self.path("other")
        self.teelog("run", "--data", data, "--tee", "sim", "--", "true")
        before = pathlib.Path(data, "teelog.db").read_bytes()
        done = self.teelog("serve", "--data", data, "--tee", TEE, code=3)
        self.assertNotEqual(done.stderr, "")
        self.assertEqual(pathlib.Path(data, "teelog.db").read_bytes(), before)
        self.assertEqual(list(pathlib.Path(data).glob("unsealable-*")), [])

    def test_a_bad_start(self):
        for manner, says in (("provider", "this is no TDX guest"),
                             (f"mkdir {ENXIO}", "Linux 6.7 or later"),
                             (f"mkdir {EACCES}", "it takes root"),
                             (f"outblob {EIO}", "quote generation service"),
                             ("half", "cannot be read"),
                             ("stale", "other report data"),
                             ("endless", "outblob"),
                             ("deaf", "somebody else wrote"),
                             ("busy", "somebody else wrote")):
            self.goes(manner)
            self.refused(says)

    def test_others_in_between(self):
        """Somebody writes behind our back, and reads come in pieces: right quotes all the same."""
        for manner in ("race 1", "pieces 1", "pieces 100"):
            self.goes(manner)
            service = self.serve()
            self.append([record(agent=a) for a in ("alice", "bob", "carol")])
            self.trusted(self.export("b"))
            self.assertEqual(service.stop(), 0)

    def test_goes_bad_and_well_again(self):
        """Sessions fail while it is bad; what is in the log verifies."""
        service = self.serve()
        self.append([record(agent="alice")])
        for i, manner in enumerate((f"outblob {EIO}", "stale", "half", "deaf", "provider")):
            self.goes(manner)
            got = self.append([record(agent=f"bad{i}"), record(agent="alice")], code=3)
            self.assertIn("error", got[0])
            self.goes()
            self.append([record(agent=f"bad{i}"), record(agent="alice")])
        report = self.trusted(self.export("b"))
        self.assertEqual(len(report["scope"]["agents"]), 6)
        self.assertEqual(service.stop(), 0)

    def test_ends_while_it_hangs(self):
        """An answer that somebody waits for fails; the service does not wait for it."""
        service = self.serve()
        self.append([record(agent="alice")])
        before = self.quotes()
        self.goes("hold")
        asking = subprocess.Popen([TEELOG, "attest", "--data", self.data, "-o", self.path("a")],
                                  env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 30
        while self.quotes() == before and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(self.quotes(), before + 1)
        began = time.monotonic()
        self.append([record(agent="alice")])  # appends go on meanwhile
        self.assertEqual(service.stop(), 0)
        self.assertLess(time.monotonic() - began, 20)
        self.assertNotEqual(asking.wait(30), 0)
        asking.communicate()


if __name__ == "__main__":
    main()
