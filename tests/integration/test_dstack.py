"""A service on dstack, with a stand-in of its guest agent: both interfaces, restarts,
and an agent that goes bad while a log is open."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import time

from dstack_agent import Agent
from teelogtest import TEELOG, Case, main, record

MAKEDCAP = os.path.realpath(os.environ["MAKEDCAP"])


class Dstack(Case):
    def setUp(self):
        super().setUp()
        self.agent = self.start()
        self.socket = self.agent.paths[0]
        # What Intel's service says of the platform comes by file.
        folder = pathlib.Path(self.data, "collateral")
        folder.mkdir(mode=0o700, parents=True)
        folder.parent.chmod(0o700)
        (folder / "agent.json").write_bytes(self.agent.collateral)

    def start(self, **more):
        directory = self.path("run")
        os.makedirs(directory, exist_ok=True)
        agent = Agent(directory, MAKEDCAP, **more)
        self.addCleanup(agent.close)
        return agent

    @property
    def tee(self):
        return f"tdx-dstack:{self.socket}"

    def serve(self, *options):
        return super().serve("--tee", self.tee, "--origin", "example.org/dstack", *options)

    def refused(self, code=3):
        """What a start says that does not come about."""
        began = time.monotonic()
        done = self.teelog("serve", "--data", self.data, "--tee", self.tee, code=code)
        self.assertLess(time.monotonic() - began, 20)
        return done.stderr

    def bundle(self, name="b"):
        path = self.path(name + ".teelog")
        self.teelog("export", "--data", self.data, "--tee", self.tee, "-o", path)
        return path

    def trusted(self):
        """The verdict of who pins what the bundle shows."""
        bundle = self.bundle()
        self.teelog("policy", "init", bundle, "-o", "policy.json")
        report = self.verdict(bundle, "--policy", "policy.json")
        self.assertEqual(report["verdict"], "TRUSTED", report)
        self.assertTrue(report["simulated"])
        return report

    def lifecycle(self):
        service = self.serve()
        self.append([record(agent=a) for a in ("alice", "bob", "alice")])
        self.assertEqual(service.stop(), 0)
        service = self.serve()  # the same log: the same sealing key
        self.append([record(agent="carol")])
        self.assertEqual(service.stop(), 0)
        self.trusted()

    def test_current(self):
        self.lifecycle()
        self.assertEqual(set(self.agent.asked) - {"/Info"}, {"/GetQuote", "/GetKey"})

    def test_legacy(self):
        self.socket = self.agent.paths[1]
        self.lifecycle()
        self.assertEqual(set(self.agent.asked) - {"/prpc/Tappd.Info?json"},
                         {"/prpc/Tappd.TdxQuote?json", "/prpc/Tappd.DeriveKey?json"})

    def test_many_at_once(self):
        """64 agents at once: 64 sessions, each of a quote of its own that verifies."""
        service = self.serve()
        agents = [f"agent-{i}" for i in range(64)]
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            list(pool.map(lambda agent: self.append([record(agent=agent)]), agents))
        self.assertEqual(self.agent.asked.count("/GetQuote"), 65)  # and the boot's
        self.assertEqual(service.stop(), 0)
        self.trusted()

    def test_environment_is_not_read(self):
        self.env["DSTACK_SIMULATOR_ENDPOINT"] = self.env["TAPPD_SIMULATOR_ENDPOINT"] = self.socket
        done = subprocess.run([TEELOG, "serve", "--data", self.data, "--tee", "auto"],
                              capture_output=True, text=True, env=self.env, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.agent.asked, [])

    def test_another_key(self):
        """An agent that derives other keys (another app, another KMS): nothing is lost."""
        self.serve().stop()
        self.agent.seed = b"other"
        before = self.files()
        self.assertNotEqual(self.refused(), "")
        self.assertEqual(self.files(), before)
        self.agent.seed = b"seed"
        self.assertEqual(self.serve().stop(), 0)

    def files(self):
        return {p.name: p.read_bytes() for p in pathlib.Path(self.data).iterdir()
                if p.suffix == ".db"}

    def test_a_bad_start(self):
        def other_data(target, said):
            if target == "/GetQuote":
                said["quote"] = self.agent.made["quote.bin"].hex()
            return said

        def other_log(target, said):
            if target == "/GetQuote":
                log = json.loads(said["event_log"])
                log[-1]["imr"] = 2
                said["event_log"] = json.dumps(log)
            return said

        for change, says in ((other_data, "other report data"), (other_log, "cannot be used"),
                             (lambda *_: {"error": "no TD"}, "is missing"),
                             (lambda *_: b"[" * 100000, "the JSON")):
            self.agent.change = change
            self.assertIn(says, self.refused(code=2))
        self.agent.change = None
        self.agent.close()
        self.assertIn("cannot reach the platform's agent", self.refused(code=2))

    def test_goes_bad_and_well_again(self):
        """Sessions fail while it is bad; what is in the log verifies."""
        def early(connection, answer):
            connection.sendall(answer[:-10])

        def other_data(target, said):
            if target == "/GetQuote":
                said["quote"] = self.agent.made["quote.bin"].hex()
            return said

        service = self.serve()
        self.append([record(agent="alice")])
        for i, (manner, change) in enumerate(((early, None), (None, other_data))):
            self.agent.manner, self.agent.change = manner, change
            lines = self.append([record(agent=f"bad{i}"), record(agent="alice")], code=3)
            self.assertIn("error", lines[0])
            self.agent.manner = self.agent.change = None
            self.append([record(agent=f"bad{i}"), record(agent="alice")])
        self.assertEqual(service.stop(), 0)
        self.trusted()


if __name__ == "__main__":
    main()
