"""The commands against a service elsewhere: --url, --ca, and whose certificate it is."""
import json
import os
import socket
import ssl
import subprocess
import threading

from doors import Door, make_certificate
from teelogtest import Case, lines, main, record


class Url(Case):
    def open(self, kind):
        door = Door(self, kind)
        self.port = door.address[1]
        if kind == "tls":
            self.at = ("--url", f"https://localhost:{self.port}", "--ca", door.cert)
        else:
            self.at = ("--url", f"http://127.0.0.1:{self.port}")
        for scope in ("append", "read", "erase", "admin"):
            self.teelog("token", "create", "--data", self.data, "--scope", scope, "-o", self.path(scope))
        return door

    def ask(self, command, *args, scope=None, stdin="", code=0):
        if scope:
            args += ("--token-file", self.path(scope))
        return self.teelog(command, *args, *self.at, stdin=stdin, code=code)

    def test_every_command(self):
        for kind in ("tls", "tcp"):
            door = self.open(kind)
            text = lines([record(content=f"{i} " + "x" * 3000) for i in range(4000)])
            got = self.ask("append", scope="append", stdin=text).stdout.splitlines()
            self.assertEqual([json.loads(r)["seq"] for r in got], list(range(1, 4001)))
            self.ask("append", stdin=text, code=3)
            self.assertIn("alice", self.ask("agents").stdout)
            self.assertEqual(len(self.ask("records", "--json", scope="read").stdout.splitlines()), 4000)
            self.ask("records", scope="append", code=3)
            self.ask("export", "-o", self.path("b"), scope="read")
            self.assertEqual(self.verdict(self.path("b"))["verdict"], "UNPINNED")
            nonce = self.ask("attest", "-o", self.path("f"), scope="read").stdout.strip()
            self.assertEqual(self.verdict(self.path("f"), "--nonce", nonce)["verdict"], "UNPINNED")
            self.ask("erase", "2", "--yes", scope="erase")
            self.ask("erase", "3", "--yes", scope="read", code=3)
            self.assertEqual(len(json.loads(self.ask("token", "list", "--json", scope="admin").stdout)["tokens"]), 4)
            self.env["TEELOG_URL"] = self.at[1]
            ca = ("--ca", door.cert) if kind == "tls" else ()
            if kind == "tcp":
                self.assertIn("alice", self.teelog("agents").stdout)
            self.assertIn("alice", self.teelog("agents", "--data", self.data).stdout)  # what is given counts
            self.teelog("agents", *ca, "--socket", self.path("no"), code=2 if ca else 3)
            del self.env["TEELOG_URL"]
            door.service.stop()
            subprocess.run(["rm", "-rf", self.data], check=True)
            for scope in ("append", "read", "erase", "admin"):
                os.unlink(self.path(scope))

    def test_whose_certificate(self):
        door = self.open("tls")
        cert = door.cert
        self.ask("agents")
        other = make_certificate(self.dir, "other")[0]
        for url, ca, words in (
                (f"https://localhost:{self.port}", None, "not good"),
                (f"https://localhost:{self.port}", other, "not good"),
                (f"https://127.0.0.1:{self.port}", cert, None),
                (f"https://127.0.0.2:{self.port}", cert, "cannot reach")):
            args = ["agents", "--url", url] + (["--ca", ca] if ca else [])
            done = self.teelog(*args, code=0 if words is None else 3)
            self.assertIn(words or "", done.stderr)
        self.teelog("agents", "--url", f"https://localhost:{self.port}", "--ca", self.path("no"), code=2)
        # A name that is not in it.
        door.service.stop()
        cert, key = make_certificate(self.dir, "example.org")
        service = self.serve("--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
        port = service.ready.split("listening on ")[1].split(",")[0].split(":")[1]
        done = self.teelog("agents", "--url", f"https://localhost:{port}", "--ca", cert, code=3)
        self.assertIn("hostname mismatch", done.stderr)
        self.teelog("agents", "--url", f"https://127.0.0.1:{port}", "--ca", cert)

    def test_wrong_addresses(self):
        for url in ("", "localhost:1", "https://", "https://:443", "https://x:0", "https://x:65536", "https://x:y",
                    "https://u:p@x", "https://x/path", "https://x?q", "https://[::1", "https://x y", "ftp://x",
                    "http://example.org", "http://192.0.2.1", "http://[2001:db8::1]:80", "http://localhost.example",
                    "https://x\r\nX: y", "https://" + "x" * 300, "HTTPS://x"):
            done = self.teelog("agents", "--url", url, code=2)
            self.assertIn("https://HOST:PORT", done.stderr)
        for more in (("--socket", "s"), ("--data", "d")):
            self.teelog("agents", "--url", "https://localhost", *more, code=2)
            self.teelog("agents", "--ca", "f", *more, code=2)
        self.teelog("agents", "--url", "http://127.0.0.1:1", code=3)
        self.teelog("agents", "--url", "https://name.invalid:1", code=3)

    def answer(self, context, say):
        """A server of ours that says this to one request; its port."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def serve():
            try:
                s, _ = listener.accept()
                with context.wrap_socket(s, server_side=True) as t:
                    t.recv(65536)
                    t.sendall(say)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        return listener.getsockname()[1]

    def test_what_answers_otherwise(self):
        cert, key = make_certificate(self.dir)
        good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
        body = b'{"simulated":true,"agents":[]}\n'
        for say, code in ((good % len(body) + body, 0), (good % (len(body) + 1) + body, 3),
                          (b"", 3), (b"nonsense\r\n", 3)):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            port = self.answer(context, say)
            self.teelog("agents", "--url", f"https://localhost:{port}", "--ca", cert, code=code)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        old.load_cert_chain(cert, key)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        done = self.teelog("agents", "--url", f"https://localhost:{self.answer(old, b'')}", "--ca", cert, code=3)
        self.assertIn("no TLS 1.3", done.stderr)


if __name__ == "__main__":
    main()
