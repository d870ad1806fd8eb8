"""What callers who mean harm can make a service hold: each way that there is, all together,
under the memory that deploy/gramine's manifest leaves to teelog. And the same against a
service without --memory, which shows that the load is one."""
import json
import os
import pathlib
import re
import resource
import socket
import ssl
import unittest

from doors import make_certificate
from teelogtest import ROOT, TEELOG, Case, Service, lines, main, record

TEMPLATE = (ROOT / "deploy" / "gramine" / "teelog.manifest.template").read_text(encoding="utf-8")
ENCLAVE, GRAMINES = 128 << 20, 20 << 20  # of the enclave's memory Gramine takes some
SIZE = 900000  # of a record


def measured(option):
    """What the manifest gives for an option."""
    return re.search(rf'"{option}", "(\w+)"', TEMPLATE)[1]


class Memory(Case):
    def setUp(self):
        super().setUp()
        self.open = []
        self.addCleanup(lambda: [s.close() for s in self.open])
        self.cert, self.key = make_certificate(self.dir)

    def start(self, *options, limit=None):
        def as_in_an_enclave():
            resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, 256 << 10))
            if limit:
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

        service = Service(self.dir, "--listen", "127.0.0.1:0", "--tls-cert", self.cert, "--tls-key",
                          self.key, "--request-rate", "100000", *options,
                          env={**self.env, "MALLOC_ARENA_MAX": "1"}, preexec_fn=as_in_an_enclave)
        self.addCleanup(service.__exit__)
        self.assertIn("ready", service.ready, service.ready or service.process.stderr.read())
        self.port = int(re.search(r"listening on \S+:(\d+)", service.ready)[1])
        self.token = self.teelog("token", "create", "--data", self.data, "--scope", "append", "--scope",
                                 "read").stdout.strip()
        return service

    @staticmethod
    def held(service):
        """The most that it has had: address space, which in an enclave is memory."""
        status = pathlib.Path(f"/proc/{service.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"^VmPeak:\s+(\d+) kB", status, re.M)[1]) << 10

    def dial(self, i):
        """A connection under TLS, from one of many addresses; None where there is none left."""
        context = ssl.create_default_context(cafile=self.cert)
        try:
            raw = socket.create_connection(("127.0.0.1", self.port), timeout=5,
                                           source_address=(f"127.0.1.{i % 200 + 1}", 0))
            s = context.wrap_socket(raw, server_hostname="localhost")
        except OSError:
            return None
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.open.append(s)
        return s

    def send(self, i, head, body=b"", announced=None):
        """A request whose answer nobody reads."""
        s = self.dial(i)
        if not s:
            return
        text = f"{head} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n"
        if announced or body:
            text += f"Content-Length: {announced or len(body)}\r\n"
        try:
            s.settimeout(2)
            s.sendall(text.encode() + b"\r\n" + body)
        except OSError:
            pass  # it would not have it

    def push(self, service):
        """All of it. What is refused is refused; what was let in stays."""
        post = "POST /v1/records"
        small = b'{"agentId":"a","roomId":"","userId":"","type":"x","content":""}\n'
        bad = b'{"agentId":""}\n'
        values = b'{"agentId":"a","attributes":{"a":[' + b"0," * 400000 + b"0]}}\n"
        for i in range(200):
            self.dial(i)
            if i % 40 == 0:
                self.send(i, "GET /v1/export")
                self.send(i, "GET /v1/tail?from=0")
            self.send(i, "GET /v1/records?limit=1000")
            self.send(i, post, b" " * 700000, announced=1400000)
            if i % 10 == 0:
                self.send(i, post, small * 16000)
                self.send(i, post, bad * 16000)
                self.send(i, post, values)
            self.send(i, "GET /v1/agents\0"[:-1])
            self.send(i, "GET /" + "x" * 12000)
            if service.process.poll() is not None:
                return

    def fill(self):
        """Records that pages are large of, each character escaped."""
        for _ in range(12):
            self.append([record(content="\x01" * (SIZE // 6))])
        self.append([record(agent=f"agent-{i}") for i in range(500)])

    @unittest.skipIf(b"__asan_" in pathlib.Path(TEELOG).read_bytes(), "skipped: a sanitizer's build")
    def test_what_the_enclave_promises(self):
        service = self.start("--memory", measured("--memory"), "--max-agents",
                             measured("--max-agents"), limit=ENCLAVE - GRAMINES)
        self.fill()
        self.push(service)
        self.assertIsNone(service.process.poll(), "it has ended")
        self.assertEqual(service.get("/healthz")[0], 200)
        peak = self.held(service)
        for s in self.open:
            s.close()
        done = self.append([record(agent="afterwards")])
        self.assertIn("index", done[0])
        bundle = self.path("b")
        self.teelog("export", "--data", self.data, "-o", bundle)
        self.assertEqual(service.stop(), 0)
        said = service.process.stderr.read()
        self.assertNotIn("memory", said)
        print(f"at most {peak >> 20} MiB of {(ENCLAVE - GRAMINES) >> 20}")

    @unittest.skipIf(b"__asan_" in pathlib.Path(TEELOG).read_bytes(), "skipped: a sanitizer's build")
    def test_without_the_measure(self):
        service = self.start("--memory", "1G", "--max-connections", "1000")
        self.fill()
        self.push(service)
        self.assertGreater(self.held(service), ENCLAVE * 5 // 4)


if __name__ == "__main__":
    main()
