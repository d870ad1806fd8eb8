"""A service on SGX under Gramine, with a stand-in of /dev/attestation: restarts, another
sealing key, manifests that lack something, and a device that goes bad or hangs while a
log is open."""
import json
import os
import pathlib
import re
import socket
import subprocess
import time

from gramine_device import Device
from teelogtest import ROOT, TEELOG, Case, lines, main, record

MAKEDCAP = os.path.realpath(os.environ["MAKEDCAP"])


class Gramine(Case):
    def setUp(self):
        super().setUp()
        self.device = Device(self.path("attestation"), MAKEDCAP)
        self.addCleanup(self.device.close)
        self.tee = "sgx-gramine:" + self.path("attestation")
        # What Intel's service says of the platform comes by file.
        folder = pathlib.Path(self.data, "collateral")
        folder.mkdir(mode=0o700, parents=True)
        folder.parent.chmod(0o700)
        (folder / "device.json").write_bytes(self.device.make(bytes(64))["collateral.json"])

    def serve(self, *options):
        return super().serve("--tee", self.tee, "--origin", "example.org/gramine", *options)

    def post(self, service, *records, behind=""):
        """One request, and what is sent behind it: status and text of the first answer."""
        body = lines(records)
        request = f"POST /v1/records HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}{behind}"
        got = b""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(service.socket)
            s.sendall(request.encode())
            while not got.endswith(b"}\n"):
                more = s.recv(65536)
                self.assertTrue(more)
                got += more
        return int(got.split()[1]), got.decode()

    def refused(self, code=2):
        """What a start says that does not come about, and changes nothing."""
        before = self.files()
        done = self.teelog("serve", "--data", self.data, "--tee", self.tee, code=code)
        self.assertEqual(done.stdout, "")
        self.assertEqual(self.files(), before)
        return done.stderr

    def files(self):
        return {p.name: p.read_bytes() for p in pathlib.Path(self.data).iterdir()
                if p.suffix == ".db" and p.stat().st_size}

    def trusted(self):
        """The verdict of who pins what the bundle shows."""
        bundle = self.path("b.teelog")
        self.teelog("export", "--data", self.data, "--tee", self.tee, "-o", bundle)
        self.teelog("policy", "init", bundle, "-o", "policy.json")
        report = self.verdict(bundle, "--policy", "policy.json")
        self.assertEqual(report["verdict"], "TRUSTED", report)
        self.assertTrue(report["simulated"])

    def test_lifecycle(self):
        service = self.serve()
        self.assertIn("SIMULATED", service.ready)
        self.assertTrue(service.status()["simulated"])
        self.append([record(agent=a) for a in ("alice", "bob", "alice")])
        self.assertEqual(service.stop(), 0)
        self.assertIn("a stand-in that was named: SIMULATED", service.process.stderr.read())
        service = self.serve()  # the same log: the same sealing key
        self.append([record(agent="carol")])
        self.assertEqual(service.stop(), 0)
        self.trusted()

    def test_run(self):
        bundle = self.path("run.teelog")
        pathlib.Path(self.path("records")).write_text(lines([record()]), encoding="utf-8")
        done = self.teelog("run", "--data", self.data, "--tee", self.tee, "--export", bundle, "--",
                           "sh", "-c", "teelog append < records")
        self.assertIn("exported", done.stderr)
        self.assertTrue(self.verdict(bundle)["simulated"])

    def test_another_key(self):
        """A microcode update, or a new build: refused, and nothing is lost."""
        self.serve().stop()
        self.device.file("keys/_sgx_mrenclave", b"another sixteen!")
        self.assertNotEqual(self.refused(code=3), "")
        self.device.file("keys/_sgx_mrenclave", b"sixteen bytes it")
        service = self.serve()
        self.append([record()])
        self.assertEqual(service.stop(), 0)
        self.trusted()

    def test_manifests(self):
        for name, contents, says in (
                ("attestation_type", b"none", 'sgx.remote_attestation = "none"'),
                ("attestation_type", b"epid", "set sgx.remote_attestation"),
                ("keys/_sgx_mrenclave", b"", "gramine-direct"),
                ("keys/_sgx_mrenclave", b"15 bytes of the", "15 bytes instead of 16")):
            kept = (self.device.directory / name).read_bytes()
            self.device.file(name, contents)
            self.assertIn(says, self.refused())
            self.device.file(name, kept)
        os.unlink(self.device.directory / "attestation_type")
        self.assertIn("gramine-direct", self.refused())

    def test_a_bad_start(self):
        for change, says in ((lambda q: q[:-1], "not the length that it tells"),
                             (lambda q: q + bytes(8192), "more than the 8192 bytes"),
                             (lambda q: b"", "not the length that it tells")):
            self.device.change = change
            self.assertIn(says, self.refused())
        self.device.change = lambda q: q
        self.device.report_data = lambda asked: bytes(64)
        self.assertIn("other report data", self.refused())

    def test_goes_bad_and_well_again(self):
        """Sessions fail while it is bad; what is in the log verifies."""
        service = self.serve()
        self.append([record(agent="alice")])
        self.device.report_data = lambda asked: asked[::-1]
        got = self.append([record(agent="bad"), record(agent="alice")], code=3)
        self.assertIn("other report data", got[0]["error"])
        self.assertEqual(got[1]["seq"], 2)
        self.assertEqual(self.post(service, record(agent="bad"), record(agent="alice"))[0], 200)
        # Where there is nothing of it in the log, the whole can be sent again.
        status, answer = self.post(service, record(agent="bad"), record(agent="worse"))
        self.assertEqual(status, 503)
        self.assertIn("retry-after: 1\r\n", answer.lower())
        self.assertIn("nothing of this record was stored", answer)
        status, answer = self.post(service, record(agent="bad"), behind="GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(status, 200)  # another request may have been served
        self.assertIn("nothing of this record was stored", answer)
        self.device.report_data = lambda asked: asked
        self.append([record(agent="bad"), record(agent="alice")])
        self.assertEqual(service.stop(), 0)
        self.trusted()

    def test_comes_back_while_a_client_tries_again(self):
        service = self.serve()
        self.device.report_data = lambda asked: asked[::-1]
        made = self.device.made
        asking = subprocess.Popen([TEELOG, "append", "--data", self.data], env=self.env, text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        asking.stdin.write(lines([record(agent="alice")]))
        asking.stdin.close()
        asking.stdin = None
        while self.device.made < made + 2:
            time.sleep(0.01)
        self.device.report_data = lambda asked: asked
        self.assertEqual(json.loads(asking.communicate()[0])["seq"], 1)
        self.assertEqual(asking.returncode, 0)
        self.assertEqual(service.stop(), 0)
        self.trusted()

    def test_agents_wait_for_their_own_sessions_alone(self):
        service = self.serve()
        self.append([record(agent="alice")])
        self.device.hold()
        late = subprocess.Popen([TEELOG, "append", "--data", self.data], env=self.env, text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        made = self.device.made
        late.stdin.write(lines([record(agent="late"), record(agent="alice", content="after")]))
        late.stdin.close()
        late.stdin = None
        while self.device.made == made:
            time.sleep(0.01)
        for i in range(20):
            self.assertEqual(self.append([record(agent="alice")])[0]["seq"], 2 + i)
        self.assertEqual(service.status()["subjects"], 2)
        self.assertIsNone(late.poll())
        self.device.release()
        got = [json.loads(line) for line in late.communicate()[0].splitlines()]
        self.assertEqual([r["seq"] for r in got], [1, 22])
        self.assertEqual(service.stop(), 0)
        self.trusted()

    def test_collateral_that_is_put_into_the_cache(self):
        """Under the cache's own name it is taken while nobody can be asked, as in an enclave:
        into the service's certificate too, where files of other names do not come."""
        options = ("--listen", "127.0.0.1:0", "--ra-tls", "full", "--pccs", "https://127.0.0.1:1")

        def ask(service):
            at = re.search(r"listening on (\S+:\d+)", service.ready)[1]
            return subprocess.run([TEELOG, "agents", "--url", f"https://{at}", "--peer-policy",
                                   "policy.json"], env=self.env, cwd=self.dir, text=True,
                                  capture_output=True, timeout=60, check=False)

        with self.serve(*options) as service:
            self.append([record()])
            self.teelog("export", "--data", self.data, "-o", self.path("b"))
            self.teelog("policy", "init", self.path("b"), "-o", "policy.json")
            done = ask(service)
            self.assertEqual(done.returncode, 3)
            self.assertIn("there is no collateral", done.stderr)
        made = self.device.make(bytes(64))
        about = json.loads(made["about.json"])
        name = f"{about['tee']}-{about['fmspc']}-{about['ca']}.json"
        pathlib.Path(self.data, "collateral", name).write_bytes(made["collateral.json"])
        with self.serve(*options) as service:
            # A certificate is made anew when there is collateral for it, beside the service's work.
            for _ in range(100):
                done = ask(service)
                if done.returncode == 0:
                    break
                time.sleep(0.1)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_threads(self):
        """With all that makes one: not more than the manifest allows, however many processors."""
        template = (ROOT / "deploy" / "gramine" / "teelog.manifest.template").read_text(encoding="utf-8")
        allowed = int(re.search(r"^sgx.max_threads = (\d+)$", template, re.M)[1])
        service = self.serve("--listen", "127.0.0.1:0", "--ra-tls", "full", "--retain", "*=30",
                             "--pccs", "https://127.0.0.1:1")
        self.append([record(agent=a) for a in ("alice", "bob")])
        self.teelog("attest", "--data", self.data, "-o", self.path("a"))
        signers = min(len(os.sched_getaffinity(0)), 8)
        now = len(os.listdir(f"/proc/{service.process.pid}/task"))
        # main, commits, network, collateral, retention, renewal, and two at least for quotes
        self.assertGreaterEqual(now, signers + 8)
        # Eight signers, a resolver of libcurl's, and Gramine's three.
        self.assertLessEqual(now - signers + 8 + 1 + 3, allowed)
        self.assertEqual(service.stop(), 0)

    def test_ends_while_it_hangs(self):
        """An answer that somebody waits for fails; the service does not wait for it."""
        service = self.serve()
        self.append([record(agent="alice")])
        self.device.hold()
        asking = subprocess.Popen([TEELOG, "attest", "--data", self.data, "-o", self.path("a")],
                                  env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        made = self.device.made
        end = time.monotonic() + 30
        while self.device.made == made and time.monotonic() < end:
            time.sleep(0.01)
        self.assertGreater(self.device.made, made)
        began = time.monotonic()
        self.append([record(agent="alice")])  # appends go on meanwhile
        self.assertEqual(service.stop(), 0)
        self.assertLess(time.monotonic() - began, 20)
        self.assertNotEqual(asking.wait(30), 0)
        asking.communicate()
        self.device.release()
        self.serve().stop()
        self.trusted()


if __name__ == "__main__":
    main()
