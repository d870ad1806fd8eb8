"""Collateral for a service's own evidence: fetched from a PCCS, kept, and carried in
what it exports; and newer collateral that a verifier brings."""
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest
import urllib.parse

from pcs_server import PARTS, Certificates, Server, made
from teelogtest import TEELOG, Case, main, not_in_gramine, record

MAKEDCAP = os.path.realpath(os.environ["MAKEDCAP"])
CAN_FETCH = os.environ.get("PCS", "true") == "true"
DAY = 86400


def setUpModule():
    if CAN_FETCH:
        Shared.dir = tempfile.mkdtemp(prefix="teelog-test-")
        Shared.certificates = Certificates(Shared.dir)


def tearDownModule():
    if Shared.dir:
        shutil.rmtree(Shared.dir, ignore_errors=True)


class Shared:
    dir = None
    certificates = None


class Held:
    """Collateral as a PCCS answers with it."""

    def __init__(self, collateral):
        self.collateral = collateral

    def signed(self, member, text):
        return (f'{{"{member}":{self.collateral[text]},'
                f'"signature":"{self.collateral[text + "_signature"]}"}}')

    def answer(self, part, _pccs):
        """status, headers, body."""
        def chain(name):
            return urllib.parse.quote(self.collateral[name + "_issuer_chain"], safe="")
        if part == "tcb":
            return (200, {"TCB-Info-Issuer-Chain": chain("tcb_info")},
                    self.signed("tcbInfo", "tcb_info"))
        if part == "qe":
            return (200, {"SGX-Enclave-Identity-Issuer-Chain": chain("qe_identity")},
                    self.signed("enclaveIdentity", "qe_identity"))
        if part == "pckcrl":
            return (200, {"SGX-PCK-CRL-Issuer-Chain": chain("pck_crl")},
                    self.collateral["pck_crl"])
        return 200, {}, self.collateral["root_ca_crl"]


def carried(bundle):
    """The texts of the collateral that a bundle carries."""
    with open(bundle, "rb") as f:
        text = f.read().decode("latin-1")
    found = []
    for begin in re.finditer(r'\{"[a-z_]+(chain|crl|info|identity|signature)":"', text):
        whole, end = json.JSONDecoder().raw_decode(text, begin.start())
        if "tcb_info" in whole:
            found.append(text[begin.start():end])
    return found


def next_update(collateral):
    """Unix seconds."""
    then = json.loads(collateral["tcb_info"])["nextUpdate"]
    return int(time.mktime(time.strptime(then + "+0000", "%Y-%m-%dT%H:%M:%SZ%z"))) - time.timezone


class Log(Case):
    def export(self, name, *options):
        self.teelog("export", "--data", self.data, "-o", self.path(name), *options)
        return self.path(name)

    def begin(self):
        """A log of two boots with a session each; it stands still. Its collateral."""
        for i in range(2):
            with self.serve():
                self.append([record(content=f"content {i}")])
        bundle = self.export("begin", "--tee", "sim")
        self.teelog("policy", "init", bundle, "-o", self.path("policy.json"))
        texts = carried(bundle)
        self.assertEqual(len(texts), 1, "four pieces of evidence share one collateral")
        return json.loads(texts[0])

    def judge(self, bundle, *options):
        return self.verdict(bundle, "--policy", self.path("policy.json"), *options)

    def assert_trusted(self, bundle, *options):
        report = self.judge(bundle, *options)
        self.assertEqual(report["verdict"], "TRUSTED", report["checks"])


@unittest.skipUnless(CAN_FETCH, "skipped: this build cannot fetch")
class Keeping(Log):
    def setUp(self):
        super().setUp()
        self.env = {k: v for k, v in self.env.items() if not k.lower().endswith("_proxy")}
        self.collateral = self.begin()
        self.server = Server(Shared.certificates, Held(self.collateral))
        self.addCleanup(self.server.close)

    def keep(self, url=None):
        return self.serve("--pccs", url or self.server.url, "--ca", str(Shared.certificates.ca))

    def kept(self):
        folder = pathlib.Path(self.data, "collateral")
        return sorted(folder.iterdir()) if folder.exists() else []

    def current(self):
        """What the cache has, beside a file of which a part is written."""
        [file] = [file for file in self.kept() if not file.name.startswith(".")]
        return json.loads(file.read_text())

    def said(self, service):
        """What a service has said on standard error, once it is stopped."""
        self.assertEqual(service.stop(), 0)
        text = service.process.stderr.read()
        for line in text.splitlines():
            self.assertTrue(line.startswith("teelog: collateral for this platform's"), line)
        return text

    def assert_exports(self, collateral, name="exported"):
        bundle = self.export(name)
        self.assertEqual([json.loads(text) for text in carried(bundle)], [collateral])
        self.assert_trusted(bundle)

    def assert_exports_own(self):
        bundle = self.export("own")
        texts = carried(bundle)
        self.assertEqual(len(texts), 1)
        self.assertNotEqual(json.loads(texts[0])["tcb_info_signature"],
                            self.collateral["tcb_info_signature"])
        self.assert_trusted(bundle)

    def test_fetched_kept_and_carried(self):
        service = self.keep()
        self.append([record()])
        self.assert_exports(self.collateral)
        [file] = self.kept()
        self.assertRegex(file.name, r"^sgx-[0-9a-f]{12}-processor\.json$")
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(file.parent.stat().st_mode), 0o700)
        self.assertEqual(json.loads(file.read_text()), self.collateral)
        self.assertEqual(len(self.server.asked), len(PARTS))
        self.assertEqual(self.said(service), "")

    def test_from_the_cache(self):
        self.assertEqual(self.said(self.keep()), "")
        before = self.kept()[0].read_bytes()
        self.server.close()
        service = self.keep()
        self.assert_exports(self.collateral)
        self.await_said_then_stop(service, "still valid collateral is taken from the cache")
        self.assertEqual(self.kept()[0].read_bytes(), before)

    def test_older_than_what_the_cache_has(self):
        newer = self.newer(self.collateral)
        self.server.pieces = Held(newer)
        self.assertEqual(self.said(self.keep()), "")
        before = self.kept()[0].read_bytes()
        self.server.pieces = Held(self.collateral)
        service = self.keep()
        self.assert_exports(newer)
        self.await_said_then_stop(service, "the cache has better")
        self.assertEqual(len(self.server.asked), 2 * len(PARTS))
        self.assertEqual(self.kept()[0].read_bytes(), before)

    def await_said_then_stop(self, service, text):
        """The service says it on the thread that asks: soon, and once."""
        line = service.process.stderr.readline()
        self.assertIn(text, line)
        self.assertEqual(self.said(service), "")

    def test_refreshed_at_a_start(self):
        """What the cache has does for a moment: newer is asked for at once."""
        self.assertEqual(self.said(self.keep()), "")
        newer = self.newer(self.collateral)
        self.server.pieces = Held(newer)
        with self.keep() as service:
            self.await_(lambda: self.current() == newer)
            self.await_(lambda: newer == json.loads(carried(self.export("b"))[0]))
            self.assertEqual(self.said(service), "")
        self.assertEqual(len(self.server.asked), 2 * len(PARTS))

    def newer(self, than):
        """The simulator's own, later than this; a stopped log makes it when asked."""
        while True:
            [text] = carried(self.export("newer", "--tee", "sim"))
            if next_update(json.loads(text)) > next_update(than):
                return json.loads(text)
            os.unlink(self.path("newer"))
            time.sleep(0.3)

    def await_(self, condition):
        end = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), end, "in vain")
            time.sleep(0.05)

    def test_nobody_there(self):
        self.server.close()
        service = self.keep()
        self.append([record()])
        self.assert_exports_own()
        said = self.said(service)
        self.assertIn(f"https://localhost:{self.server.port}", said)
        self.assertEqual(said.count("\n"), 1)
        self.assertEqual(self.kept(), [])

    def test_a_service_that_fails(self):
        for status in (404, 429, 500):
            self.server.change["qe"] = lambda a: (status, {}, b"")
            service = self.keep()
            self.assert_exports_own()
            self.assertIn(f"HTTP {status}", self.said(service))
        self.assertEqual(self.kept(), [])

    def test_not_trusted(self):
        """Neither the system's roots nor another's name do."""
        for options in ([], ["--ca", str(Shared.certificates.ca)]):
            server = Server(Shared.certificates, Held(self.collateral),
                            leaf=Shared.certificates.other)
            self.addCleanup(server.close)
            service = self.serve("--pccs", server.url, *options)
            self.assert_exports_own()
            self.assertIn("is not trusted", self.said(service))
            self.assertEqual(server.asked, [])
        self.assertEqual(self.kept(), [])

    def altered(self):
        """Each part of the collateral with one thing changed, by its name."""
        for name, value in self.collateral.items():
            if name == "pck_crl_issuer_chain":
                continue  # docs/format.md: not needed, and so not judged
            middle = len(value) // 2
            if name.endswith("_issuer_chain"):
                middle = value.index("BEGIN") + len("BEGIN CERTIFICATE-----\n") + 300
            other = "0" if value[middle] != "0" else "1"
            yield name, {**self.collateral, name: value[:middle] + other + value[middle + 1:]}

    def test_altered_is_never_kept(self):
        for name, altered in self.altered():
            with self.subTest(part=name):
                self.server.pieces = Held(altered)
                service = self.keep()
                self.assert_exports_own()
                self.assertNotEqual(self.said(service), "")
                self.assertEqual(self.kept(), [])

    def test_altered_does_not_take_the_place_of_good(self):
        self.assertEqual(self.said(self.keep()), "")
        before = self.kept()[0].read_bytes()
        self.server.pieces = Held(next(altered for name, altered in self.altered()
                                       if name == "tcb_info_signature"))
        service = self.keep()
        self.assert_exports(self.collateral)
        self.await_said_then_stop(service, "the quote is not genuine with what the service gave")
        self.assertEqual([f.read_bytes() for f in self.kept()], [before])

    def test_another_platforms(self):
        for kind in ("sgx-v3", "tdx-v4"):
            self.server.pieces = made(MAKEDCAP, kind, self.path(kind), time.time())
            service = self.keep()
            self.assert_exports_own()
            self.assertIn("nothing is kept", self.said(service))
            self.assertEqual(self.kept(), [])

    def test_an_altered_cache(self):
        """Whoever can write there can make a service ask again, no more."""
        self.assertEqual(self.said(self.keep()), "")
        [file] = self.kept()
        for _, altered in self.altered():
            file.write_text(json.dumps(altered))
            service = self.keep()
            self.assert_exports(self.collateral)
            self.assertEqual(self.said(service), "")
            self.assertEqual(json.loads(file.read_text()), self.collateral)
        self.server.close()
        for text in (json.dumps(altered), "{}", "", "x" * 2000000):
            file.write_text(text)
            service = self.keep()
            self.assert_exports_own()
            self.assertIn("gave no whole answer", self.said(service))

    def test_what_lies_there_is_no_newer_than_the_own(self):
        """A stopped log's export, and a service without a PCCS."""
        folder = pathlib.Path(self.data, "collateral")
        folder.mkdir(mode=0o700)
        foreign = made(MAKEDCAP, "sgx-v3", self.path("foreign"), time.time() - 400 * DAY)
        shutil.copy(foreign.dir / "collateral.json", folder / "sgx-0-processor.json")
        (folder / "junk.json").write_text("junk")
        self.assert_trusted(self.export("stopped", "--tee", "sim"))
        with self.serve():
            self.assert_exports_own()

    def hang(self):
        """A server that takes connections, and says nothing; whether it was asked."""
        def silence(connection):
            while not self.server.stopping:
                time.sleep(0.05)
        self.server.on_accept = silence

    def stop_within(self, service, seconds, code=0):
        start = time.monotonic()
        self.assertEqual(service.stop(), code)
        self.assertLess(time.monotonic() - start, seconds)
        return service.process.stderr.read()

    @not_in_gramine("slow")
    def test_a_server_that_hangs(self):
        self.hang()
        start = time.monotonic()
        service = self.keep()
        waited = time.monotonic() - start
        self.assertGreater(waited, 5)
        self.assertLess(waited, 20, "it starts without, in the end")
        self.append([record()])
        self.assert_exports_own()
        self.assertEqual(self.server.connections, 1)
        self.assertEqual(self.stop_within(service, 3), "")
        self.assertEqual(self.kept(), [])

    def test_a_server_that_hangs_later(self):
        self.assertEqual(self.said(self.keep()), "")
        connections = self.server.connections
        self.hang()
        service = self.keep()
        self.await_(lambda: self.server.connections > connections)
        self.assert_exports(self.collateral)
        self.assertEqual(self.stop_within(service, 3), "")

    def test_a_signal_while_it_starts(self):
        self.hang()
        args = [TEELOG, "serve", "--data", self.data, "--tee", "sim", "--pccs", self.server.url,
                "--ca", str(Shared.certificates.ca)]
        with subprocess.Popen(args, env=self.env, stdout=subprocess.PIPE, text=True) as process:
            self.await_(lambda: self.server.connections)
            start = time.monotonic()
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(30), 0)
            self.assertLess(time.monotonic() - start, 3)

    def test_run(self):
        done = subprocess.run(
            [TEELOG, "run", "--data", self.data, "--tee", "sim", "--pccs", self.server.url,
             "--ca", str(Shared.certificates.ca), "--", TEELOG, "export", "-o",
             self.path("run")], env=self.env, capture_output=True, text=True, timeout=60,
            cwd=self.dir, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([json.loads(t) for t in carried(self.path("run"))], [self.collateral])
        self.assertEqual(len(self.kept()), 1)


class Options(Log):
    """Where the options do not go together."""

    def test_pccs(self):
        for url in ("http://name:hunter2@localhost:1", "localhost:1", "HTTPS//localhost", ""):
            for end in (["serve"], ["run"]):
                args = [*end, "--data", self.data, "--tee", "sim", "--pccs", url]
                done = self.teelog(*args, *(["--", "true"] if end == ["run"] else []), code=2)
                self.assertIn("https://", done.stderr)
                self.assertNotIn("hunter2", done.stderr)
                self.assertFalse(os.path.exists(self.data))

    def test_no_effect(self):
        for options in (["--proxy", "http://127.0.0.1:9"], ["--ca", "missing"]):
            service = self.serve(*options)
            self.append([record()])
            self.assertEqual(service.stop(), 0)
            said = service.process.stderr.read()
            self.assertEqual(said.count("\n"), 1, said)
            self.assertIn("note: --proxy and --ca have no effect", said)
            self.assertIn("--pccs", said)
        with self.serve() as service:
            self.assertEqual(service.stop(), 0)
            self.assertEqual(service.process.stderr.read(), "")


@unittest.skipIf(CAN_FETCH, "this build can fetch")
class CannotKeep(Log):
    def test_says_so(self):
        with self.serve("--pccs", "https://localhost:9") as service:
            self.assert_exported()
            self.assertEqual(service.stop(), 0)
            self.assertIn("cannot fetch", service.process.stderr.read())

    def assert_exported(self):
        self.assertEqual(len(carried(self.export("b"))), 1)


class Brought(Log):
    """teelog verify --collateral"""

    def setUp(self):
        super().setUp()
        self.old = self.begin()
        self.bundle = self.path("begin")

    def write(self, name, collateral):
        pathlib.Path(self.path(name)).write_text(json.dumps(collateral))
        return self.path(name)

    def newer(self):
        while True:
            [text] = carried(self.export("newer", "--tee", "sim"))
            if next_update(json.loads(text)) > next_update(self.old):
                pathlib.Path(self.path("newer.json")).write_text(text)
                return self.path("newer.json")
            os.unlink(self.path("newer"))
            time.sleep(0.3)

    def assert_rejected(self, stage, *options):
        report = self.judge(self.bundle, *options)
        self.assertEqual(report["verdict"], "REJECTED")
        failed = [c for c in report["checks"] if not c["ok"] and "index" in c]
        self.assertEqual({c["name"] for c in failed}, {"genuine"})
        for check in failed:
            self.assertTrue(check["detail"].startswith(stage + ":"), check)

    def test_expired_and_newer(self):
        at = next_update(self.old)
        newer = self.newer()
        self.assert_trusted(self.bundle, "--at", str(at))
        after = str(at + 1)
        self.assert_rejected("validity", "--at", after)
        self.assert_rejected("validity", "--at", str(int(time.time()) + 40 * DAY))
        self.assert_trusted(self.bundle, "--at", after, "--collateral", newer)
        # It is out of date in its turn.
        self.assert_rejected("validity", "--at", str(int(time.time()) + 40 * DAY),
                             "--collateral", newer)
        # Expired where the bundle's is not: what is brought counts.
        self.assert_trusted(self.path("newer"), "--at", after)
        report = self.judge(self.path("newer"), "--at", after, "--collateral",
                            self.write("old.json", self.old))
        self.assertEqual(report["verdict"], "REJECTED")

    def test_another_roots_is_judged(self):
        """It may be the right one, damaged; so it counts, unless a better one is beside it."""
        newer = self.newer()
        after = str(next_update(self.old) + 1)
        others = []
        for kind in ("sgx-v3", "sgx-v3-platform", "tdx-v4"):
            for days in (0, 400):
                pieces = made(MAKEDCAP, kind, self.path(f"{kind}-{days}"),
                              time.time() - days * DAY)
                others.append(str(pieces.dir / "collateral.json"))
        for other in others:
            with self.subTest(other=other):
                self.assert_rejected("pck-crl", "--collateral", other)
                self.assert_rejected("pck-crl", "--at", after, "--collateral", other)
                for both in ([other, newer], [newer, other]):
                    self.assert_trusted(self.bundle, "--at", after, "--collateral", both[0],
                                        "--collateral", both[1])
        every = [o for other in others for o in ("--collateral", other)]
        self.assert_trusted(self.bundle, "--at", after, *every, "--collateral", newer)

    def test_altered(self):
        signature = self.old["tcb_info_signature"]
        other = "0" if signature[0] != "0" else "1"
        self.assert_rejected("tcb-info", "--collateral", self.write(
            "altered", {**self.old, "tcb_info_signature": other + signature[1:]}))

    def test_broken_files(self):
        """No verdict follows from them: it is the caller who is told."""
        for text, says in (("", "one JSON object"), ("{}", "is missing"), ("junk", "one JSON"),
                           ("[]", "one JSON object"), (json.dumps(self.old)[:-1], "JSON"),
                           (json.dumps({**self.old, "pck_crl": "00"}), "DER"),
                           (json.dumps({**self.old, "pck_crl": "0"}), "pck_crl"),
                           (json.dumps({**self.old, "tcb_info": "{}"}), "cannot be used"),
                           (json.dumps({**self.old, "more": ""}), "more"),
                           ("x" * (1 << 20) + "x", "1048576")):
            with self.subTest(text=text[:20]):
                pathlib.Path(self.path("broken")).write_text(text)
                done = self.teelog("verify", self.bundle, "--collateral", self.path("broken"),
                                   code=2)
                self.assertEqual(done.stdout, "")
                self.assertIn(self.path("broken"), done.stderr)
                self.assertIn(says, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)
        self.teelog("verify", self.bundle, "--collateral", self.path("missing"), code=3)
        self.teelog("verify", self.bundle, "--collateral", self.dir, code=3)
        nine = ["--collateral", self.write("good", self.old)] * 9
        self.assert_trusted(self.bundle, *nine[:16])
        self.teelog("verify", self.bundle, *nine, code=2)

    def test_none_in_the_bundle(self):
        """Where nobody had any when it was made, a verifier can bring it."""
        with open(self.bundle, "rb") as f:
            data = f.read()
        [text] = carried(self.bundle)
        head = b"\x59" + len(text).to_bytes(2, "big")
        self.assertEqual(data.count(head + text.encode()), 1)
        # The first item carries it, and the others point to that one: to position 0.
        without, items = data.split(head + text.encode())
        at = 0
        for _ in range(3):
            # [1, digest, item, 0]: a byte string of a digest and one of an item.
            self.assertEqual(items[at:at + 4], b"\x84\x01\x58\x20")
            size = at + 4 + 32
            self.assertEqual(items[size], 0x59)
            last = size + 3 + int.from_bytes(items[size + 1:size + 3], "big")
            self.assertEqual(items[last], 0)
            items = items[:last] + b"\xf6" + items[last + 1:]
            at = last + 1
        self.bundle = self.path("without")
        with open(self.bundle, "wb") as f:
            f.write(without + b"\xf6" + items)
        self.assert_rejected("collateral")
        self.assert_trusted(self.bundle, "--collateral", self.write("good", self.old))


if __name__ == "__main__":
    main()
