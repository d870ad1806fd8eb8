"""`teelog quote collateral` against a server on this machine that answers as Intel's
PCS and as a PCCS do, and against ones that fail, lie, stall and never end."""
import json
import os
import pathlib
import pty
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
import time
import unittest
import warnings

from pcs_server import INTEL_HOSTS, PARTS, Certificates, Server, drip, head, made, pem_crl
from teelogtest import TEELOG, Case, main

MAKEDCAP = os.path.realpath(os.environ["MAKEDCAP"])
CAN_FETCH = os.environ.get("PCS", "true") == "true"
DAY = 86400
KINDS = ["sgx-v3", "sgx-v4", "sgx-v5", "tdx-v4", "tdx-v5-10", "tdx-v5-15"]


def setUpModule():
    if not CAN_FETCH:
        return
    Shared.dir = tempfile.mkdtemp(prefix="teelog-test-")
    Shared.certificates = Certificates(Shared.dir)


def tearDownModule():
    if Shared.dir:
        shutil.rmtree(Shared.dir, ignore_errors=True)


class Shared:
    dir = None
    certificates = None
    pieces = {}

    @classmethod
    def made(cls, kind, days_ago=0):
        """As of now, or as of some days ago; made once."""
        key = f"{kind}-{days_ago}"
        if key not in cls.pieces:
            cls.pieces[key] = made(MAKEDCAP, kind, os.path.join(cls.dir, key),
                                   time.time() - days_ago * DAY)
        return cls.pieces[key]


@unittest.skipIf(CAN_FETCH, "this build can fetch")
class CannotFetch(Case):
    def test_says_so(self):
        made(MAKEDCAP, "sgx-v3", self.path("x"), time.time())
        done = self.teelog("quote", "collateral", self.path("x/quote.bin"), "-o", "out",
                           "--no-cache", code=3)
        self.assertIn("cannot fetch", done.stderr)
        self.assertFalse(os.path.exists(self.path("out")))


@unittest.skipUnless(CAN_FETCH, "skipped: this build cannot fetch")
class Fetching(Case):
    def setUp(self):
        super().setUp()
        self.env = {k: v for k, v in self.env.items() if not k.lower().endswith("_proxy")}
        self.env["HOME"] = self.path("home")
        self.env.pop("XDG_CACHE_HOME", None)
        self.pieces = Shared.made("sgx-v3")

    def server(self, pieces=None, **options):
        server = Server(Shared.certificates, pieces or self.pieces, **options)
        self.addCleanup(server.close)
        return server

    def proxy(self, pieces=None, answer=lambda target, text: 200):
        return self.server(pieces, pccs=False, proxy=answer)

    def run_it(self, *options, pieces=None, out="out", ca=True, code=0):
        """Runs the command; what it says. Where it fails, it leaves no file."""
        pieces = pieces or self.pieces
        args = ["quote", "collateral", str(pieces.dir / "quote.bin"), "-o", out,
                "--root", str(pieces.dir / "root.pem"), *options]
        if ca:
            args += ["--ca", str(Shared.certificates.ca)]
        done = subprocess.run([TEELOG, *args], capture_output=True, text=True, env=self.env,
                              cwd=self.dir, timeout=120)
        self.assertEqual(done.returncode, code, done.stderr)
        if code:
            self.assertTrue(done.stderr.startswith("teelog: "), done.stderr)
            self.assertFalse(os.path.exists(self.path(out)), "a file in spite of an error")
        return done.stderr if out != "-" else done.stdout

    def fetch(self, server, *options, **more):
        return self.run_it("--pccs", server.url, *self.uncached(options), **more)

    @staticmethod
    def uncached(options):
        return options if "--cache" in options else ("--no-cache", *options)

    def assert_fetched(self, pieces=None, out="out"):
        with open(self.path(out), encoding="utf-8") as f:
            self.assertEqual(json.load(f), (pieces or self.pieces).expected())
        os.unlink(self.path(out))

    def changed(self, part, change, *options, code, says=""):
        """One part of the answers changed; what is said then."""
        server = self.server()
        server.change[part] = change
        said = self.fetch(server, *options, code=code)
        self.assertIn(says, said)
        server.close()
        return server


class Good(Fetching):
    def test_pccs(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                pieces = Shared.made(kind)
                server = self.server(pieces)
                self.fetch(server, pieces=pieces)
                done = self.teelog("quote", "verify", str(pieces.dir / "quote.bin"),
                                   "--collateral", "out", "--root", str(pieces.dir / "root.pem"),
                                   "--json", code=4)
                self.assertEqual(json.loads(done.stdout)["tcb_status"], "UpToDate")
                self.assert_fetched(pieces)
                about = json.loads(pieces.read("about.json"))
                tee = about["tee"]
                self.assertEqual(server.targets(), [
                    f"/{tee}/certification/v4/tcb?fmspc={about['fmspc']}",
                    f"/{tee}/certification/v4/qe/identity",
                    f"/sgx/certification/v4/pckcrl?ca={about['ca']}&encoding=der",
                    "/sgx/certification/v4/rootcacrl"])
                self.assertEqual(server.connections, 1, "one connection for all")

    def test_encrypted_ppid(self):
        for kind in ("sgx-v3-ppid", "tdx-v4-ppid"):
            with self.subTest(kind=kind):
                pieces = Shared.made(kind)
                server = self.server(pieces)
                self.fetch(server, pieces=pieces)
                self.assert_fetched(pieces)
                quote = pieces.read("quote.bin")
                self.assertRegex(server.targets()[0],
                                 r"^/sgx/certification/v4/pckcert\?encrypted_ppid=[0-9a-f]{768}"
                                 r"&cpusvn=[0-9a-f]{32}&pcesvn=[0-9a-f]{4}&pceid=[0-9a-f]{4}"
                                 rf"&qeid={quote[28:44].hex()}$")
                self.assertEqual(len(server.asked), 5)

    def test_intel_through_a_proxy(self):
        for kind in ("sgx-v3", "tdx-v4", "sgx-v3-ppid"):
            with self.subTest(kind=kind):
                pieces = Shared.made(kind)
                proxy = self.proxy(pieces)
                self.run_it("--no-cache", "--proxy", f"http://127.0.0.1:{proxy.port}",
                            pieces=pieces)
                self.assert_fetched(pieces)
                self.assertEqual(proxy.tunnels, [f"{host}:443" for host in INTEL_HOSTS])
                self.assertEqual(proxy.targets()[-1], "/IntelSGXRootCA.der")
                self.assertNotIn("qeid", proxy.targets()[0])

    def test_proxy_of_the_environment(self):
        proxy, pccs = self.proxy(), self.server()
        for name in ("https_proxy", "HTTPS_PROXY"):
            self.env[name] = f"http://127.0.0.1:{proxy.port}"
            self.run_it("--no-cache")
            self.assert_fetched()
            del self.env[name]
        self.assertEqual(len(proxy.tunnels), 4)
        self.env["https_proxy"] = f"http://127.0.0.1:{proxy.port}"
        self.env["no_proxy"] = "example.com,localhost"
        self.fetch(pccs)
        self.assertEqual(len(proxy.tunnels), 4)
        # A flag counts for more, and an empty one means none.
        self.fetch(pccs, "--proxy", f"http://127.0.0.1:{proxy.port}")
        self.assertEqual(proxy.tunnels[4:], [f"localhost:{pccs.port}"])
        del self.env["no_proxy"]
        self.fetch(pccs, "--proxy", "")
        self.assertEqual(len(proxy.tunnels), 5)
        # Other variables that libcurl reads by itself are not listened to.
        del self.env["https_proxy"]
        self.env["ALL_PROXY"] = self.env["all_proxy"] = "http://127.0.0.1:9"
        self.fetch(pccs)

    def test_early(self):
        server = self.server()
        self.fetch(server, "--update", "early")
        self.assertTrue(server.targets()[0].endswith("&update=early"))
        self.assertTrue(server.targets()[1].endswith("?update=early"))
        self.fetch(server, "--update", "standard")
        self.assertNotIn("update", "".join(server.targets()[4:]))

    def test_addresses(self):
        server = self.server()
        for end in ("/", "/sgx/certification/v4", "/sgx/certification/v4/"):
            self.run_it("--no-cache", "--pccs", server.url + end)
            self.assert_fetched()

    def test_forms(self):
        def headers(change):
            return lambda a: (a[0], {change(k): v for k, v in a[1].items()}, a[2])

        def body(change):
            return lambda a: (a[0], a[1], change(bytes.fromhex(a[2])))

        def chain(change):
            return lambda a: (a[0], {k: change(v) for k, v in a[1].items()}, a[2])

        def chunked(answer):
            status, more, text = answer
            text = text.encode() if isinstance(text, str) else text
            parts = [text[i:i + 100] for i in range(0, len(text), 100)]
            whole = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"
            return lambda tls: tls.sendall(
                head(status, {**more, "Transfer-Encoding": "chunked"}) + whole)

        def to_the_end(answer):
            status, more, text = answer
            text = text.encode() if isinstance(text, str) else text

            def send(tls):
                tls.sendall(head(status, {**more, "Connection": "close"}) + text)
                tls.unwrap()
            return send

        for part, change in [
                ("all", headers(str.upper)), ("all", headers(str.lower)),
                ("tcb", headers(lambda k: "TCB-Info-Issuer-Chain")),
                ("all", chain(lambda v: v.replace("%2B", "+"))),
                ("tcb", chain(lambda v: "".join(
                    c.lower() if i and "%" in v[max(0, i - 2):i] else c
                    for i, c in enumerate(v)))),
                ("pckcrl", body(bytes)), ("rootcrl", body(bytes)),
                ("pckcrl", body(pem_crl)), ("rootcrl", body(lambda b: pem_crl(b, "\r\n"))),
                ("rootcrl", body(lambda b: b.hex().upper() + "\n")),
                ("all", chunked), ("all", to_the_end)]:
            server = self.server()
            server.change[part] = change
            self.fetch(server)
            self.assert_fetched()

    def test_to_standard_output(self):
        out = self.fetch(self.server(), out="-")
        self.assertEqual(json.loads(out), self.pieces.expected())


    def test_progress_on_a_terminal(self):
        server = self.server()

        def late(answer):
            time.sleep(0.3)
            return answer
        server.change["all"] = late
        ours, theirs = pty.openpty()
        args = [TEELOG, "quote", "collateral", str(self.pieces.dir / "quote.bin"), "-o", "out",
                "--no-cache", "--root", str(self.pieces.dir / "root.pem"), "--pccs", server.url,
                "--ca", str(Shared.certificates.ca)]
        done = subprocess.run(args, stderr=theirs, env=self.env, cwd=self.dir, timeout=60,
                              check=False)
        os.close(theirs)
        said = os.read(ours, 65536).decode()
        os.close(ours)
        self.assertEqual(done.returncode, 0, said)
        for number in range(4):
            self.assertIn(f"fetched {number} of 4 documents", said)
        self.assertIn("wrote out, fresh", said)
        self.assert_fetched()


class Refused(Fetching):
    def test_usage(self):
        quote = str(self.pieces.dir / "quote.bin")
        for args in ([], [quote], ["-o", "out"], [quote, quote, "-o", "out"],
                     [quote, "-o", "out", "--pccs", "http://localhost:1"],
                     [quote, "-o", "out", "--update", "never"],
                     [quote, "-o", "out", "--timeout", "0"],
                     [quote, "-o", "out", "--timeout", "soon"],
                     [quote, "-o", "out", "--cache", "c", "--no-cache"],
                     [quote, "-o", "out", "--root", quote],
                     [quote, "-o", "out", "--nonsense"]):
            with self.subTest(args=args):
                done = self.teelog("quote", "collateral", *args, code=2)
                self.assertTrue(done.stderr.startswith("teelog: "), done.stderr)
        done = self.teelog("quote", "collateral", quote, "-o", "out", "--no-cache", "--pccs",
                           self.server().url, "--ca", quote, code=2)
        self.assertIn("CA file", done.stderr)
        for url in ("http://name:hunter2@localhost:1", "https://na/me:hunter2@localhost:1"):
            done = self.teelog("quote", "collateral", quote, "-o", "out", "--no-cache", "--pccs",
                               url, code=2)
            self.assertNotIn("hunter2", done.stderr)
        self.teelog("quote", "collateral", "missing", "-o", "out", code=3)
        pathlib.Path(self.path("bad")).write_bytes(b"\x03\x00 not a quote")
        self.teelog("quote", "collateral", "bad", "-o", "out", code=1)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_statuses(self):
        for status, code, says in [
                (204, 3, "HTTP 204"), (400, 3, "HTTP 400"), (401, 3, "HTTP 401"),
                (403, 3, "HTTP 403"), (404, 3, "HTTP 404"), (410, 3, "HTTP 410"),
                (429, 3, "120"), (461, 3, "HTTP 461"), (500, 3, "HTTP 500"), (503, 3, "120")]:
            for part in PARTS:
                with self.subTest(status=status, part=part):
                    server = self.changed(part, lambda a: (status, {"Retry-After": "120"}, b""),
                                          code=code, says=says)
                    self.assertEqual(len(server.asked), PARTS.index(part) + 1)

    def test_redirects_are_not_followed(self):
        elsewhere = self.server()
        for status in (301, 302, 303, 307, 308):
            server = self.changed("all", lambda a: (status, {"Location": elsewhere.url + "/x"}, b""),
                                  code=3, says=elsewhere.url)
            self.assertEqual(len(server.asked), 1)
        self.assertEqual(elsewhere.connections, 0)

    def test_unknown_platform(self):
        about = json.loads(self.pieces.read("about.json"))
        self.changed("tcb", lambda a: (404, {}, b"No cache data"), code=3, says=about["fmspc"])

    def test_headers(self):
        for change in (lambda v: v[:-1] + "%", lambda v: v.replace("%20", "%2", 1),
                       lambda v: v.replace("%0A", "%zz", 1), lambda v: v[: len(v) // 3],
                       lambda v: "", lambda v: "text", lambda v: v + "%00%00x"):
            for part in PARTS[:3]:
                self.changed(part, lambda a: (a[0], {k: change(v) for k, v in a[1].items()}, a[2]),
                             code=1, says="Issuer-Chain")
        for part in PARTS[:3]:
            self.changed(part, lambda a: (a[0], {}, a[2]), code=1, says="has no header")

    def test_bodies(self):
        def text(a):
            return a[2] if isinstance(a[2], str) else a[2].decode()

        changes = [lambda t: "", lambda t: t[:-1], lambda t: t[: len(t) // 2], lambda t: t + "}",
                   lambda t: "<html>not here</html>", lambda t: "null", lambda t: "{}",
                   lambda t: "[" * 100000, lambda t: "\x00" + t, lambda t: "0" + t]
        for part in PARTS:
            for change in changes:
                self.changed(part, lambda a: (a[0], a[1], change(text(a))), code=1)
        for part in PARTS[:2]:
            for old, new in [('"signature":"', '"signature":"0'), ('"signature":"', '"other":"'),
                             ('"tcbInfo"', '"tcbinfo"'),
                             ('"enclaveIdentity"', '"tcbInfo"')]:
                if old in text(self.pieces.answer(part, True)):
                    self.changed(part, lambda a: (a[0], a[1], text(a).replace(old, new)), code=1)

    def test_large(self):
        def endless(a):
            def send(tls):
                tls.sendall(head(200, {**a[1], "Transfer-Encoding": "chunked"}))
                while True:
                    tls.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
            return send

        def endless_headers(a):
            def send(tls):
                tls.sendall(b"HTTP/1.1 200 x\r\n")
                while True:
                    tls.sendall(b"X: " + b"x" * 1000 + b"\r\n")
            return send

        def long_header(a):
            def send(tls):
                tls.sendall(b"HTTP/1.1 200 x\r\nX: ")
                while True:
                    tls.sendall(b"x" * 1000)
            return send

        def early_hints(a):
            def send(tls):
                while True:
                    tls.sendall(b"HTTP/1.1 103 x\r\nX: " + b"x" * 1000 + b"\r\n\r\n")
            return send

        for part in PARTS:
            for change in (endless, endless_headers, long_header, early_hints):
                self.changed(part, change, code=3)
            self.changed(part, lambda a: (a[0], a[1], b" " * (1 << 20) + b" "), code=3,
                         says="more than")

    def test_largest(self):
        """A body of one MiB is taken."""
        def padded(a):
            return a[0], a[1], a[2] + b" " * ((1 << 20) - len(a[2]))
        server = self.server()
        server.change["tcb"] = padded
        self.fetch(server)
        self.assert_fetched()

    def test_truncated(self):
        def cut(clean, longer):
            def change(a):
                body = a[2].encode() if isinstance(a[2], str) else a[2]

                def send(tls):
                    tls.sendall(head(a[0], a[1], len(body) + longer) +
                                (body if longer else body[:-10]))
                    if clean:
                        tls.unwrap()
                return send
            return change

        def cut_chunk(a):
            return lambda tls: tls.sendall(
                head(200, {**a[1], "Transfer-Encoding": "chunked"}) + b"100\r\n{")

        def bad_chunk(a):
            return lambda tls: tls.sendall(
                head(200, {**a[1], "Transfer-Encoding": "chunked"}) + b"zz\r\n{")

        for part in PARTS:
            for change in (cut(True, 0), cut(False, 0), cut(True, 5), cut(False, 5), cut_chunk,
                           bad_chunk, lambda a: lambda tls: None,
                           lambda a: lambda tls: tls.sendall(b"HTTP/1.1 200"),
                           lambda a: lambda tls: tls.sendall(b"nonsense\r\n\r\n")):
                self.changed(part, change, code=3)

    def test_wrong_lengths(self):
        def short(a):
            body = a[2].encode() if isinstance(a[2], str) else a[2]
            return lambda tls: tls.sendall(head(a[0], a[1], len(body) - 2) + body)

        def without_an_end(a):
            # No length, and no TLS closure either: nobody says where it was to end.
            body = a[2].encode() if isinstance(a[2], str) else a[2]
            return lambda tls: tls.sendall(head(200, {**a[1], "Connection": "close"}) + body[:-2])

        def negative(a):
            return lambda tls: tls.sendall(head(a[0], a[1], -1) + b"{}")

        for part in PARTS:
            for change in (short, negative, without_an_end):
                server = self.server()
                server.change[part] = change
                done = subprocess.run(
                    [TEELOG, "quote", "collateral", str(self.pieces.dir / "quote.bin"), "-o", "out",
                     "--root", str(self.pieces.dir / "root.pem"), "--no-cache", "--pccs",
                     server.url, "--ca", str(Shared.certificates.ca)],
                    capture_output=True, text=True, env=self.env, cwd=self.dir, timeout=60)
                self.assertIn(done.returncode, (1, 3), done.stderr)
                self.assertFalse(os.path.exists(self.path("out")))


class Unverified(Fetching):
    """Well-formed answers that are not the right ones."""

    def swapped(self, part, pieces, code=1):
        server = self.server()
        server.change[part] = lambda a: pieces.answer(part, True)
        said = self.fetch(server, code=code)
        server.close()
        return said

    def test_stale(self):
        for part in PARTS:
            said = self.swapped(part, Shared.made("sgx-v3", 40))
            self.assertIn("not genuine", said)

    def test_not_yet_valid(self):
        for part in PARTS:
            self.swapped(part, Shared.made("sgx-v3", -2))

    def test_of_another_kind(self):
        for part in PARTS[:2]:
            self.swapped(part, Shared.made("tdx-v4"))

    def test_crls_exchanged(self):
        for part, other in (("pckcrl", "rootcrl"), ("rootcrl", "pckcrl")):
            self.changed(part, lambda a: (a[0], a[1], self.pieces.answer(other, True)[2]), code=1,
                         says="not genuine")

    def test_chains_exchanged(self):
        chain = self.pieces.chain("pck_issuer_chain.pem")
        for part in PARTS[:2]:
            self.changed(part, lambda a: (a[0], {k: chain for k in a[1]}, a[2]), code=1,
                         says="not genuine")

    def test_altered(self):
        for part in PARTS[:2]:
            body = self.pieces.answer(part, True)[2]
            for at in (body.index(b'"signature":"') + 20, body.index(b"issueDate") + 15,
                       body.index(b"tcbDate") + 13):
                digit = b"1" if body[at:at + 1] != b"1" else b"2"
                self.changed(part, lambda a: (a[0], a[1], body[:at] + digit + body[at + 1:]),
                             code=1, says="not genuine")
        for part in PARTS[2:]:
            self.changed(part, lambda a: (a[0], a[1], a[2][:-1] + "01"[a[2][-1] == "0"]), code=1,
                         says="not genuine")

    def test_root(self):
        """Without --root, Intel's alone."""
        server = self.server()
        done = self.teelog("quote", "collateral", str(self.pieces.dir / "quote.bin"), "-o", "out",
                           "--no-cache", "--pccs", server.url, "--ca", str(Shared.certificates.ca),
                           code=1)
        self.assertIn("not genuine", done.stderr)
        self.assertFalse(os.path.exists(self.path("out")))


class Transport(Fetching):
    def timed(self, server, *options, code=3, says=""):
        began = time.monotonic()
        said = self.fetch(server, "--timeout", "2", *options, code=code)
        self.assertLess(time.monotonic() - began, 10)
        self.assertIn(says, said)

    def test_stopped(self):
        server = self.server()
        server.close()
        self.timed(server, says="localhost")

    def test_silent(self):
        server = self.server()
        server.on_accept = lambda connection: time.sleep(5)
        self.timed(server, says="2 seconds")
        server = self.server()
        server.change["qe"] = lambda a: lambda tls: time.sleep(5)
        self.timed(server, says="2 seconds")

    def test_slow(self):
        for data in (b"HTTP/1.1 200 x\r\nX: " + b"x" * 10000,
                     head(200, {}, 10000) + b"x" * 10000):
            server = self.server()
            server.change["tcb"] = lambda a: drip(data, 0.1, lambda: server.stopping)
            self.timed(server, says="2 seconds")

    def test_slow_in_sum(self):
        """The time is for all answers together."""
        server = self.server()

        def late(answer):
            time.sleep(0.9)
            return answer
        server.change["all"] = late
        self.timed(server, says="2 seconds")

    def test_full_queue(self):
        """A host that takes no connection."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as s:
            held = []
            for _ in range(4):
                c = socket.socket()
                c.setblocking(False)
                c.connect_ex(s.getsockname())
                held.append(c)
            began = time.monotonic()
            self.run_it("--no-cache", "--timeout", "2", "--pccs",
                        f"https://127.0.0.1:{s.getsockname()[1]}", code=3)
            self.assertLess(time.monotonic() - began, 10)
            for c in held:
                c.close()

    def test_unknown_host(self):
        said = self.run_it("--no-cache", "--timeout", "5", "--pccs", "https://nowhere.invalid",
                           code=3)
        self.assertIn("nowhere.invalid", said)

    def test_untrusted_certificate(self):
        server = self.server()
        said = self.fetch(server, ca=False, code=3)
        self.assertIn("not trusted", said)
        self.assertEqual(server.asked, [])

    def test_certificate_of_another_host(self):
        server = self.server(leaf=Shared.certificates.other)
        self.assertIn("not trusted", self.fetch(server, code=3))
        self.assertEqual(server.asked, [])

    def test_old_tls(self):
        server = self.server()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it is why they are tried
            server.context.minimum_version = ssl.TLSVersion.TLSv1
            server.context.maximum_version = ssl.TLSVersion.TLSv1_1
        server.context.set_ciphers("ALL:@SECLEVEL=0")
        self.fetch(server, code=3)
        self.assertEqual(server.asked, [])
        server = self.server()
        server.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.fetch(server)
        self.assert_fetched()

    def test_no_tls(self):
        server = self.server()
        server.on_accept = lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        self.fetch(server, code=3)

    def test_proxies_that_refuse(self):
        for status in (403, 407, 502):
            proxy = self.proxy(answer=lambda target, text: status)
            said = self.run_it("--no-cache", "--proxy", f"http://127.0.0.1:{proxy.port}", code=3)
            self.assertIn(f"HTTP {status}", said)
            self.assertIn("proxy", said)
            self.assertEqual(proxy.asked, [])
        proxy.close()
        self.run_it("--no-cache", "--proxy", f"http://127.0.0.1:{proxy.port}", code=3)

    def test_proxy_with_a_name(self):
        def answer(_, text):
            return 200 if "Proxy-Authorization: Basic bmFtZTp3b3Jk\r\n" in text else 407
        proxy = self.proxy(answer=answer)
        self.run_it("--no-cache", "--proxy", f"http://name:word@127.0.0.1:{proxy.port}")
        self.assert_fetched()
        for url in (f"http://name:hunter2@127.0.0.1:{proxy.port}", "http://name:hunter2@127.0.0.1:x",
                    "http://name:hunter2@127.0.0.1:1", "nothing://name:hunter2@127.0.0.1"):
            done = subprocess.run([TEELOG, "quote", "collateral", str(self.pieces.dir / "quote.bin"),
                                   "-o", "out", "--no-cache", "--proxy", url],
                                  capture_output=True, text=True, env=self.env, cwd=self.dir,
                                  timeout=60, check=False)
            self.assertIn(done.returncode, (2, 3), done.stderr)
            self.assertNotIn("hunter2", done.stderr)

    def test_service_with_a_name(self):
        server = self.server()
        host = server.url.removeprefix("https://")
        self.run_it("--no-cache", "--pccs", f"https://name:word@{host}")
        self.assert_fetched()
        server.close()
        said = self.run_it("--no-cache", "--pccs", f"https://name:hunter2@{host}", code=3)
        self.assertIn(server.url, said)
        self.assertNotIn("hunter2", said)

    def test_proxy_that_reads_along(self):
        """One that ends the TLS itself, with a certificate that nobody trusts."""
        proxy = self.proxy()
        self.run_it("--no-cache", "--proxy", f"http://127.0.0.1:{proxy.port}", ca=False, code=3)
        self.assertEqual(proxy.asked, [])


class Cache(Fetching):
    def setUp(self):
        super().setUp()
        about = json.loads(self.pieces.read("about.json"))
        self.name = f"sgx-{about['fmspc']}-{about['ca']}.json"

    def test_cached(self):
        server = self.server()
        self.assertIn("fresh", self.fetch(server, "--cache", "c/d"))
        self.assert_fetched()
        self.assertEqual(os.listdir(self.path("c/d")), [self.name])
        status = os.stat(self.path(f"c/d/{self.name}"))
        self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)
        server.close()
        self.assertIn("from the cache", self.fetch(server, "--cache", "c/d"))
        self.assert_fetched()
        self.fetch(server, code=3)

    def test_default_place(self):
        server = self.server()
        self.run_it("--pccs", server.url)
        self.assertEqual(os.listdir(self.path("home/.cache/teelog")), [self.name])
        self.env["XDG_CACHE_HOME"] = self.path("xdg")
        os.unlink(self.path("out"))
        self.run_it("--pccs", server.url)
        self.assertEqual(os.listdir(self.path("xdg/teelog")), [self.name])
        self.env["XDG_CACHE_HOME"] = "relative"
        os.unlink(self.path("out"))
        self.assertIn("from the cache", self.run_it("--pccs", server.url))
        self.assertFalse(os.path.exists(self.path("relative")))
        del self.env["XDG_CACHE_HOME"]
        del self.env["HOME"]
        os.unlink(self.path("out"))
        self.assertIn("fresh", self.run_it("--pccs", server.url))

    def test_nothing_unverified_is_kept(self):
        server = self.server(Shared.made("sgx-v3", 40))
        self.fetch(server, "--cache", "c", code=1)
        self.assertFalse(os.path.exists(self.path("c")))

    def put(self, contents):
        os.makedirs(self.path("c"), exist_ok=True)
        pathlib.Path(self.path(f"c/{self.name}")).write_bytes(contents)

    def test_what_is_there_is_not_believed(self):
        good = self.pieces.read("collateral.json")
        altered = good.replace(b"UpToDate", b"OutOfDat")
        self.assertNotEqual(good, altered)
        for contents in (b"", b"{}", good[:-10], altered, b" " * (2 << 20),
                         Shared.made("sgx-v3", 40).read("collateral.json"),
                         Shared.made("tdx-v4").read("collateral.json")):
            server = self.server()
            self.put(contents)
            self.assertIn("fresh", self.fetch(server, "--cache", "c"))
            self.assert_fetched()
            server.close()
            self.put(contents)
            self.fetch(server, "--cache", "c", code=3)

    def test_aged(self):
        """Little validity is left: asked for again, and taken where that fails."""
        old = Shared.made("sgx-v3", 25).read("collateral.json")
        server = self.server()
        self.put(old)
        self.fetch(server, "--cache", "c")
        self.assert_fetched()
        with open(self.path(f"c/{self.name}"), encoding="utf-8") as f:
            self.assertEqual(json.load(f), self.pieces.expected())
        self.put(old)
        server.change["rootcrl"] = lambda a: (503, {}, b"")
        said = self.fetch(server, "--cache", "c")
        self.assertIn("warning", said)
        self.assertIn("HTTP 503", said)
        self.assertEqual(pathlib.Path(self.path("out")).read_bytes(), old)
        server.close()
        self.assertIn("warning", self.fetch(server, "--cache", "c"))

    def test_refresh(self):
        """Asks though the cache is good; older than that does not take its place."""
        server = self.server()
        self.fetch(server, "--cache", "c")
        self.assertIn("from the cache", self.fetch(server, "--cache", "c"))
        self.assertEqual(len(server.asked), len(PARTS))
        said = self.fetch(server, "--cache", "c", "--refresh")
        self.assertIn("wrote out, fresh", said)
        self.assertEqual(said.count("\n"), 1)
        self.assertEqual(len(server.asked), 2 * len(PARTS))
        kept = pathlib.Path(self.path(f"c/{self.name}")).read_bytes()
        server.pieces = Shared.made("sgx-v3", 5)
        said = self.fetch(server, "--cache", "c", "--refresh")
        self.assertEqual(len(server.asked), 3 * len(PARTS))
        self.assertIn("warning: the service gave collateral issued", said)
        self.assertIn("wrote out, from the cache", said)
        self.assertEqual(pathlib.Path(self.path(f"c/{self.name}")).read_bytes(), kept)
        self.assert_fetched()
        # Where there is no better it is taken, and its date tells.
        said = self.fetch(server)
        self.assertNotIn("warning", said)
        self.assert_fetched(Shared.made("sgx-v3", 5))

    def test_dates_are_told(self):
        for days in (0, 5):
            pieces = Shared.made("sgx-v3", days)
            server = self.server(pieces)
            info = json.loads(pieces.expected()["tcb_info"])
            issued, expires = (info[name].replace("T", " ").replace("Z", " UTC")
                               for name in ("issueDate", "nextUpdate"))
            for source in ("fresh", "from the cache"):
                said = self.fetch(server, "--cache", f"c{days}")
                self.assertIn(f"teelog: wrote out, {source}, issued {issued}, good until {expires}",
                              said)
            done = subprocess.run(
                [TEELOG, "quote", "collateral", str(pieces.dir / "quote.bin"), "-o", "-",
                 "--root", str(pieces.dir / "root.pem"), "--cache", f"c{days}"],
                capture_output=True, text=True, env=self.env, cwd=self.dir, check=True)
            self.assertIn(f"teelog: wrote standard output, from the cache, issued {issued}",
                          done.stderr)
            self.assertEqual(json.loads(done.stdout), pieces.expected())

    def test_unwritable(self):
        pathlib.Path(self.path("file")).write_text("x")
        said = self.fetch(self.server(), "--cache", "file/c")
        self.assertIn("cannot write the cache", said)
        self.assert_fetched()


if __name__ == "__main__":
    main()
