"""`teelog serve --listen`: TCP and TLS beside the socket, and who is let in."""
import json
import os
import socket
import ssl
import subprocess
import time

from doors import Door, make_certificate, read_all
from teelogtest import TEELOG, Case, lines, main, record

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


class Listen(Case):
    def refused(self, *options, words, code=2):
        done = self.teelog("serve", "--data", self.data, "--tee", "sim", *options, code=code)
        self.assertIn(words, done.stderr)
        self.assertEqual(done.stdout, "")

    def create(self, *args):
        return self.teelog("token", "create", "--data", self.data, *args).stdout.strip()

    def test_plain_tcp_is_for_loopback_alone(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[2001:db8::1]:0", "128.0.0.1:0"):
            self.refused("--listen", address, words="plain TCP is for loopback")
        for address in ("localhost:0", "127.0.0.1", "127.0.0.1:", ":0", "127.0.0.1:65536", "127.0.0.1:-1",
                        "127.0.0.1:x", "::1:0", "[127.0.0.1]:0", "[::1]", "[]:0", "[::1%lo]:0", "127.1:0",
                        "0x7f.0.0.1:0", "x" * 100 + ":0", "[::1:0", ""):
            self.refused("--listen", address, words="--listen takes an address")
        self.assertFalse(os.path.exists(os.path.join(self.data, "teelog.db")))
        for address in ("127.0.0.1:0", "127.255.255.254:0", "[::1]:0"):
            try:
                with self.serve("--listen", address) as service:
                    self.assertIn(f"listening on {address[:-1]}", service.ready)
            except AssertionError:
                if address[0] != "[":  # a machine without IPv6
                    raise

    def test_the_address_is_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            self.refused("--listen", "127.0.0.1:%d" % s.getsockname()[1], words="cannot listen on", code=3)
        self.assertFalse(os.path.exists(os.path.join(self.data, "teelog.sock")))

    def test_tls_files(self):
        cert, key = make_certificate(self.dir)
        other = make_certificate(self.dir, "other")[1]
        here = ["--listen", "127.0.0.1:0"]
        self.refused("--tls-cert", cert, "--tls-key", key, words="--listen")
        self.refused(*here, "--tls-cert", cert, words="go together")
        self.refused(*here, "--tls-key", key, words="go together")
        self.refused(*here, "--tls-cert", cert, "--tls-key", other, words="goes with")
        self.refused(*here, "--tls-cert", key, "--tls-key", key, words="no certificate")
        self.refused(*here, "--tls-cert", self.path("no"), "--tls-key", key, words="cannot read", code=3)
        self.refused(*here, "--tls-cert", cert, "--tls-key", self.path("no"), words="cannot read", code=3)
        self.refused(*here, "--tls-cert", cert, "--tls-key", self.dir, words="cannot read", code=3)
        locked = self.path("locked.key")
        subprocess.run(["openssl", "ec", "-in", key, "-aes128", "-passout", "pass:x", "-out", locked],
                       check=True, capture_output=True)
        os.chmod(locked, 0o600)
        self.refused(*here, "--tls-cert", cert, "--tls-key", locked, words="password")
        large = self.path("large")
        with open(large, "w", encoding="ascii") as f:
            f.write("x" * 65537)
        self.refused(*here, "--tls-cert", large, "--tls-key", key, words="longer than")
        for mode in (0o644, 0o640, 0o602, 0o601):
            os.chmod(key, mode)
            self.refused(*here, "--tls-cert", cert, "--tls-key", key, words="chmod 600")
        self.assertFalse(os.path.exists(os.path.join(self.data, "teelog.db")))

    def test_tcp_gives_nothing_without_a_token(self):
        for kind in ("tcp", "tls"):
            door = Door(self, kind)
            self.append([record(content="a secret")])
            for target in ("/v1/status", "/v1/agents", "/checkpoint", "/healthz", "/v1/records/2"):
                status, body = door.get(target)
                self.assertEqual(status, 200, target)
                self.assertNotIn(b"a secret", body)
            for target in ("/v1/records", "/v1/export", "/v1/tokens", "/v1/tail", "/metrics"):
                self.assertEqual(door.get(target)[0], 401, target)
            reader = self.create("--scope", "read")
            self.assertIn(b"a secret", door.get("/v1/records", reader)[1])
            self.assertEqual(door.get("/v1/tokens", reader)[0], 403)
            self.assertEqual(door.get("/healthz", reader[:-1] + "-")[0], 401)
            door.service.stop()

    def test_tls_is_1_3_and_http_1_1(self):
        door = Door(self, "tls")

        def shake(change, refused):
            context = ssl.create_default_context(cafile=door.cert)
            change(context)
            with door.raw() as s:
                try:
                    with context.wrap_socket(s, server_hostname="localhost") as t:
                        t.sendall(GET)
                        t.recv(1)
                        self.assertFalse(refused)
                        return t.version(), t.selected_alpn_protocol(), t.session_reused
                except ssl.SSLError:
                    self.assertTrue(refused)
                    return None

        self.assertEqual(shake(lambda c: None, False), ("TLSv1.3", None, False))
        self.assertEqual(shake(lambda c: c.set_alpn_protocols(["h2", "http/1.1"]), False)[1], "http/1.1")
        shake(lambda c: c.set_alpn_protocols(["h2"]), True)
        shake(lambda c: setattr(c, "maximum_version", ssl.TLSVersion.TLSv1_2), True)
        with door.raw() as s:  # no plain HTTP on that port
            s.sendall(GET)
            self.assertNotIn(b"HTTP", read_all(s))
        # No ticket has come, so there is nothing to resume.
        with door.dial() as s:
            s.sendall(GET)
            s.recv(65536)
            self.assertFalse(s.session and s.session.has_ticket)

    def test_the_end_is_said(self):
        """TLS ends with an alert; a client that is cut off can tell."""
        door = Door(self, "tls")
        with door.raw() as raw:
            with door.context.wrap_socket(raw, server_hostname="localhost",
                                          suppress_ragged_eofs=False) as s:
                s.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                while s.recv(65536):
                    pass  # an SSLEOFError without the alert
        with door.raw() as raw:
            with door.context.wrap_socket(raw, server_hostname="localhost",
                                          suppress_ragged_eofs=False) as s:
                s.sendall(GET)
                self.assertTrue(s.recv(65536))
                door.service.stop()
                self.assertEqual(s.recv(65536), b"")

    def test_a_client_may_close_its_sending_half(self):
        """With requests under way, whose answers it waits for."""
        for kind in ("tcp", "tls"):
            door = Door(self, kind)
            text = lines([record(content="x" * 1000)] * 2000).encode()
            token = self.create("--scope", "append")
            request = (f"POST /v1/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                       f"Content-Length: {len(text)}\r\n\r\n").encode() + text
            with door.raw() as s:
                if kind == "tcp":
                    s.sendall(request)
                    s.shutdown(socket.SHUT_WR)
                    got = read_all(s)
                else:
                    got = self.half_closed_tls(door, s, request)
            self.assertEqual(got.count(b"leafHash"), 2000)
            door.service.stop()

    @staticmethod
    def half_closed_tls(door, s, request):
        """Python's own sockets cannot: they wait for the other side's alert."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = door.context.wrap_bio(incoming, outgoing, server_hostname="localhost")

        def until_done(what):
            while True:
                try:
                    done = what()
                    s.sendall(outgoing.read())
                    return done
                except ssl.SSLWantReadError:
                    s.sendall(outgoing.read())
                    incoming.write(s.recv(65536))

        until_done(tls.do_handshake)
        until_done(lambda: tls.write(request))
        try:
            tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        s.sendall(outgoing.read())
        got = b""
        while more := s.recv(65536):
            incoming.write(more)
            try:
                while part := tls.read(65536):
                    got += part
            except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                pass
        return got

    def test_much_over_tls(self):
        door = Door(self, "tls")
        token = self.create("--scope", "append", "--scope", "read")
        text = lines([record(content="y" * 8000)] * 900).encode()
        request = (f"POST /v1/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                   f"Content-Length: {len(text)}\r\n\r\n").encode() + text
        with door.dial() as s:  # two requests at once, and answers that are read late
            s.sendall(request + request)
            time.sleep(0.5)
            s.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            got = read_all(s)
        self.assertEqual(got.count(b"leafHash"), 1800)
        status, bundle = door.get("/v1/export", token)
        self.assertEqual(status, 200)
        self.assertGreater(len(bundle), 14 << 20)
        self.assertTrue(bundle.endswith(b"\r\n0\r\n\r\n"))

    def test_connections_of_one_peer(self):
        for kind in ("tcp", "tls"):
            door = Door(self, kind, "--max-peer-connections", "3")
            held = [door.dial() for _ in range(3)]
            for s in held:
                s.sendall(GET)
                self.assertIn(b"200 OK", s.recv(65536))
            with door.raw() as s:
                got = read_all(s)
            self.assertEqual(b"503" in got, kind == "tcp")
            self.assertEqual(json.loads(door.service.get("/v1/status")[2])["size"], door.service.status()["size"])
            with socket.create_connection(door.address, source_address=("127.0.0.2", 0)) as s:
                s.settimeout(30)
                if kind == "tls":
                    s = door.context.wrap_socket(s, server_hostname="localhost")
                s.sendall(GET)
                self.assertIn(b"200 OK", s.recv(65536))
                s.close()
            held.pop().close()
            self.await_room(door)
            for s in held:
                s.close()
            door.service.stop()

    def await_room(self, door):
        for _ in range(100):
            with door.raw() as s:
                try:
                    t = door.context.wrap_socket(s, server_hostname="localhost") if door.kind == "tls" else s
                    t.sendall(GET)
                    if b"200 OK" in t.recv(65536):
                        t.close()
                        return
                except OSError:
                    pass
            time.sleep(0.05)
        self.fail("there is still no room")

    def test_connections_in_all(self):
        """An idle one makes room; the socket's are counted apart."""
        door = Door(self, "tcp", "--max-connections", "2")
        held = [door.dial(), door.dial()]
        for s in held:
            s.sendall(GET)
            self.assertIn(b"200 OK", s.recv(65536))
        held[1].sendall(b"GET /he")  # not idle
        time.sleep(0.2)
        with door.dial() as s:
            s.sendall(GET)
            self.assertIn(b"200 OK", s.recv(65536))
            self.assertEqual(held[0].recv(1), b"")
            s.sendall(b"G")
            time.sleep(0.2)
            with door.raw() as late:
                self.assertIn(b"503", read_all(late))
            self.assertEqual(door.service.get("/healthz")[0], 200)
        for s in held:
            s.close()

    def test_stopping_with_handshakes_under_way(self):
        door = Door(self, "tls")
        held = [door.raw() for _ in range(3)]
        held[1].sendall(b"\x16\x03\x01")
        time.sleep(0.1)
        start = time.monotonic()
        self.assertEqual(door.service.stop(), 0)
        self.assertLess(time.monotonic() - start, 5)
        for s in held:
            s.close()


if __name__ == "__main__":
    main()
