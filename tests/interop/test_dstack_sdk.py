"""dstack's own SDK for JavaScript (@phala/dstack-sdk) against the stand-in of its guest
agent: what it reads there is what an application reads of dstack, so what teelog is
tested with is no agent of our own imagination. Skipped where there is no npm, or nowhere
to install from."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from dstack_agent import Agent  # noqa: E402
from npm.install import install  # noqa: E402

TEELOG = os.path.realpath(os.environ["TEELOG"])
MAKEDCAP = os.path.realpath(os.environ["MAKEDCAP"])

class Sdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="teelog-test-")
        cls.addClassCleanup(shutil.rmtree, cls.dir, ignore_errors=True)
        missing = install("dstack_sdk", cls.dir)
        if missing:
            raise unittest.SkipTest(missing)
        shutil.copy(HERE / "dstack_sdk.mjs", cls.dir)
        cls.agent = Agent(cls.dir, MAKEDCAP)
        cls.addClassCleanup(cls.agent.close)
        done = subprocess.run(["node", "dstack_sdk.mjs", *cls.agent.paths], cwd=cls.dir, check=False,
                              capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        cls.said = json.loads(done.stdout)

    def shown(self, quote):
        path = os.path.join(self.dir, "quote")
        pathlib.Path(path).write_bytes(bytes.fromhex(quote))
        done = subprocess.run([TEELOG, "quote", "show", path, "--json"], check=True,
                              capture_output=True, text=True)
        return done.stdout

    def test_quotes(self):
        for quote, rtmrs in (("quote", "rtmrs"), ("legacy", "legacy_rtmrs")):
            shown = self.shown(self.said[quote])
            self.assertIn("5c" * 64, shown)
            self.assertEqual(len(self.said[rtmrs]), 4)
            for rtmr in self.said[rtmrs]:
                self.assertIn(rtmr, shown)
        self.assertEqual(self.said["short"], b"short".ljust(64, b"\0").hex())
        self.assertIn(hashlib.sha512(b"app-data:text").hexdigest(), self.shown(self.said["hashed"]))

    def test_keys(self):
        self.assertEqual(self.said["key"], self.agent.derive("teelog/sealing/v1").hex())
        self.assertEqual(self.said["other"], self.agent.derive("another/path").hex())
        self.assertEqual(len(self.said["derived"]), 64)

    def test_info(self):
        self.assertTrue(self.said["reachable"])
        self.assertEqual((self.said["app_id"], self.said["compose_hash"]),
                         ("a1" * 20, "c2" * 32))


if __name__ == "__main__":
    unittest.main()
