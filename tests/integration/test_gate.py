"""The gate: heads that two parties could read in two ways are refused, and the connection
ends; and who may pass by which route. Over the socket, TCP and TLS alike."""
import json
import re
import socket

from doors import DOORS, Door, read_all
from teelogtest import ROOT, Case, lines, main, record

BODY = lines([record(content="smuggled")]).encode()
N = len(BODY)
POST = b"POST /v1/records HTTP/1.1\r\nHost: x\r\n"
NEXT = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n"


def post(fields, body=BODY):
    return POST + fields + b"\r\n" + body


LENGTH = b"Content-Length: %d\r\n" % N
REFUSED = {
    # Host
    "no Host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "the same Host twice": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "a Host with a path": b"GET /healthz HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "a Host with a user": b"GET /healthz HTTP/1.1\r\nHost: u@x\r\n\r\n",
    "two names in a Host": b"GET /healthz HTTP/1.1\r\nHost: x y\r\n\r\n",
    "a Host with a bad port": b"GET /healthz HTTP/1.1\r\nHost: x:65536\r\n\r\n",
    "a Host with an open bracket": b"GET /healthz HTTP/1.1\r\nHost: [::1\r\n\r\n",
    # Content-Length
    "two lengths": post(LENGTH + b"Content-Length: 0\r\n"),
    "the same length twice": post(LENGTH + LENGTH),
    "a list of lengths": post(b"Content-Length: %d, %d\r\n" % (N, N)),
    "a length with a sign": post(b"Content-Length: +%d\r\n" % N),
    "a negative length": post(b"Content-Length: -1\r\n"),
    "a length in hex": post(b"Content-Length: 0x%x\r\n" % N),
    "an empty length": post(b"Content-Length: \r\n"),
    "a length of two numbers": post(b"Content-Length: %d 0\r\n" % N),
    "a length that is too large": post(b"Content-Length: 18446744073709551617\r\n"),
    # Transfer-Encoding
    "a length and chunks": post(LENGTH + b"Transfer-Encoding: chunked\r\n"),
    "chunks and a length": post(b"Transfer-Encoding: chunked\r\n" + LENGTH),
    "chunks": post(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "chunks by another name": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "identity and a length": post(LENGTH + b"Transfer-Encoding: identity\r\n"),
    "a body that is not taken": b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(NEXT),
    # names
    "a space before the colon": post(b"Content-Length : %d\r\n" % N),
    "a tab before the colon": post(b"Content-Length\t: %d\r\n" % N),
    "a space in a name": post(LENGTH + b"X Y: z\r\n"),
    "no colon": post(LENGTH + b"XY\r\n"),
    "no name": post(LENGTH + b": y\r\n"),
    "a NUL in a name": post(LENGTH + b"X\0Y: z\r\n"),
    "a folded line": post(LENGTH + b"X: y\r\n Content-Length: 0\r\n"),
    "a folded line with a tab": post(LENGTH + b"X: y\r\n\tz\r\n"),
    "a first line that is folded": b"GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n",
    # values and line ends
    "a NUL in a value": post(LENGTH + b"X: y\0z\r\n"),
    "a CR in a value": post(LENGTH + b"X: y\rZ: 1\r\n"),
    "bare LF": POST.replace(b"\r\n", b"\n") + LENGTH.replace(b"\r\n", b"\n") + b"\n" + BODY,
    "one bare LF": post(LENGTH + b"X: y\nZ: 1\r\n"),
    "LF CR": post(LENGTH + b"X: y\n\rZ: 1\r\n"),
    "an empty line first": b"\r\n" + NEXT,
    # the request line
    "absolute form": b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "authority form": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/1.0": b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "http in small letters": b"GET /healthz http/1.1\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space at the end": b"GET /healthz HTTP/1.1 \r\nHost: x\r\n\r\n",
    "a tab for a space": b"GET\t/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment": b"GET /healthz#x HTTP/1.1\r\nHost: x\r\n\r\n",
    "a NUL in the target": b"GET /healthz\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a byte above ASCII": b"GET /healthz\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method that is no word": b"G(T /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    # sizes
    "a long head": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 17000 + b"\r\n\r\n",
    "a long line without an end": b"GET /" + b"y" * 20000,
    "many fields": b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 64 + b"\r\n",
    # tokens
    "two tokens": post(LENGTH + b"Authorization: Bearer x\r\nAuthorization: Bearer x\r\n"),
}
TAKEN = {
    "an empty Host": b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n",
    "names in any case": b"GET /healthz HTTP/1.1\r\nhOST: x\r\n\r\n",
    "an address and a port": b"GET /healthz HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n",
    "a name and a port": b"GET /healthz HTTP/1.1\r\nHost: a-b.example:80\r\n\r\n",
    "no space after the colon": b"GET /healthz HTTP/1.1\r\nHost:x\r\n\r\n",
}


class Gate(Case):
    def test_refused_and_closed(self):
        for kind in DOORS:
            door = Door(self, kind)
            before = door.service.status()
            for name, request in REFUSED.items():
                with self.subTest(door=kind, name=name):
                    got = door.ask(request + NEXT)
                    head = got.partition(b"\r\n\r\n")[0]
                    self.assertRegex(head, rb"^HTTP/1\.1 4(00|11) ", got[:200])
                    self.assertIn(b"Connection: close", head)
                    self.assertEqual(got.count(b"HTTP/1.1 "), 1)  # what came behind is not looked at
            for name, request in TAKEN.items():
                with self.subTest(door=kind, name=name):
                    self.assertIn(b"200 OK", door.ask(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))
            after = door.service.status()
            self.assertEqual((before["size"], before["root"]), (after["size"], after["root"]))
            self.assertEqual(door.service.stop(), 0)

    def test_byte_by_byte(self):
        """However a bad head is cut into packets, it is the same."""
        door = Door(self, "tcp")
        for name in ("a length and chunks", "one bare LF", "two Hosts", "a folded line"):
            with self.subTest(name=name), door.dial() as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                got = b""
                try:
                    for i in range(len(REFUSED[name])):
                        s.sendall(REFUSED[name][i:i + 1])
                    s.sendall(NEXT)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                got = read_all(s)
                self.assertEqual(got.count(b"HTTP/1.1 "), 1)
                self.assertIn(b"HTTP/1.1 400 ", got)

    def test_behind_a_refusal(self):
        """401, 403, 404, 405 and 413 with a body under way: what follows cannot be told from it."""
        for kind in ("tcp", "tls"):
            door = Door(self, kind)
            reader = self.teelog("token", "create", "--data", self.data, "--scope", "read").stdout.strip()
            size = door.service.status()["size"]
            hidden = post(LENGTH)
            length = b"Content-Length: %d\r\n" % len(hidden)
            bearer = b"Authorization: Bearer " + reader.encode() + b"\r\n"
            for status, request in {
                    401: POST + length, 403: POST + bearer + length,
                    404: b"POST /nothing HTTP/1.1\r\nHost: x\r\n" + length,
                    405: b"POST /healthz HTTP/1.1\r\nHost: x\r\n" + length,
                    413: POST + b"Content-Length: 9000000\r\n"}.items():
                got = door.ask(request + b"\r\n" + hidden + NEXT)
                self.assertTrue(got.startswith(b"HTTP/1.1 %d " % status), got[:100])
                self.assertEqual(got.count(b"HTTP/1.1 "), 1, got)
            self.assertEqual(door.service.status()["size"], size)
            door.service.stop()

    def test_pipelined_requests_are_answered_in_turn(self):
        for kind in DOORS:
            door = Door(self, kind)
            got = door.ask(NEXT * 3 + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + NEXT)
            self.assertEqual(got.count(b"HTTP/1.1 200 OK"), 4)
            self.assertTrue(got.endswith(b'{"ok":true}\n'))
            door.service.stop()


# A good request for each route of src/http/routes.c. A route without one fails the test.
REQUESTS = {
    ("POST", "/v1/records"): ("", lines([record(agent="carol")])),
    ("GET", "/v1/records"): ("", None),
    ("GET", "/v1/records/"): ("2", None),
    ("GET", "/v1/tail"): ("", None),
    ("GET", "/v1/agents"): ("", None),
    ("GET", "/v1/status"): ("", None),
    ("GET", "/v1/export"): ("?bodies=0", None),
    ("GET", "/v1/tokens"): ("", None),
    ("POST", "/v1/tokens"): ("", '{"scopes":["read"]}'),
    ("DELETE", "/v1/tokens/"): ("0123456789abcdef", None),
    ("POST", "/v1/erasures"): ("", '{"user":"nobody"}'),
    ("POST", "/v1/attest"): ("", json.dumps({"nonce": "00" * 16})),
    ("GET", "/tee/agents"): ("", None),
    ("GET", "/tee/agents/"): ("alice", None),
    ("POST", "/tee/logs"): ("", "{}"),
    ("GET", "/v1/backup"): ("", None),
    ("GET", "/checkpoint"): ("", None),
    ("GET", "/tile/"): ("entries/000.p/1", None),
    ("GET", "/v1/proof/"): ("1", None),
    ("GET", "/v1/consistency"): ("?from=1", None),
    ("GET", "/entries/"): ("1", None),
    ("GET", "/.well-known/scitt-keys"): ("", None),
    ("GET", "/.well-known/scitt-keys/"): ("A" * 43, None),
    ("GET", "/healthz"): ("", None),
    ("GET", "/metrics"): ("", None),
}
SCOPES = ("append", "read", "erase", "admin")
SECRET = "what alice said to nobody else"


def routes():
    """(method, path): the scopes of which one is needed."""
    text = (ROOT / "src" / "http" / "routes.c").read_text(encoding="utf-8")
    table = text[text.index("http_route rows[] = {"):]
    found = re.findall(r'\{"([^"]+)",\s*"([A-Z]+)",[^{},]*,[^{},]*,\s*([A-Z_0 |]+),[^{},]*\}', table[:table.index("\n};")])
    if len(found) != table[:table.index("\n};")].count('{"'):
        raise ValueError("the table in routes.c is not of the form that this test reads")
    return {(method, path): [s for s in SCOPES if f"SCOPE_{s.upper()}" in needs or "SCOPE_ALL" in needs]
            for path, method, needs in found}


class Scopes(Case):
    def ask(self, door, method, target, body, token):
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        if token:
            head += f"Authorization: Bearer {token}\r\n"
        if body is not None:
            head += f"Content-Length: {len(body)}\r\n"
        with door.dial() as s:
            s.sendall((head + "\r\n" + (body or "")).encode())
            if target.startswith("/v1/tail"):  # it goes on until somebody ends it
                s.settimeout(0.2)
            got = b""
            try:
                while more := s.recv(65536):
                    got += more
            except TimeoutError:
                pass
        return int(got.split()[1]), got

    def test_every_route_and_every_scope(self):
        table = routes()
        self.assertEqual(set(table), set(REQUESTS))
        for kind in DOORS:
            door = Door(self, kind)
            self.append([record(content=SECRET)])
            tokens = {None: None, "bad": "teelog_0123456789abcdef_" + "A" * 43, "none": "x"}
            for scope in SCOPES:
                tokens[scope] = self.teelog("token", "create", "--data", self.data, "--scope",
                                            scope).stdout.strip()
            for (method, path), needs in table.items():
                more, body = REQUESTS[method, path]
                for who, token in tokens.items():
                    with self.subTest(door=kind, route=f"{method} {path}", who=who):
                        before = door.service.status()["size"]
                        status, got = self.ask(door, method, path + more, body, token)
                        if who in ("bad", "none") or (who is None and needs and kind != "socket"):
                            self.assertEqual(status, 401)
                            self.assertIn(b"WWW-Authenticate: Bearer", got)
                        elif who is not None and needs and who not in needs:
                            self.assertEqual(status, 403)
                        else:
                            self.assertNotIn(status, (401, 403, 405, 500))
                        if status in (401, 403):
                            self.assertEqual(door.service.status()["size"], before)
                        if who != "read" and (kind != "socket" or who is not None):
                            self.assertNotIn(SECRET.encode(), got)
            self.assertEqual(door.service.stop(), 0)

    def test_a_token_for_one_agent(self):
        """Nothing of another agent's, by any route."""
        door = Door(self, "tcp")
        self.append([record(content=SECRET), record(agent="bob", content="what bob said")])
        bound = self.teelog("token", "create", "--data", self.data, "--agent", "bob", "--scope", "append",
                            "--scope", "read", "--scope", "erase").stdout.strip()
        size = door.service.status()["size"]
        self.assertIn(b"what bob said", self.ask(door, "GET", "/v1/records?agent=bob", None, bound)[1])
        asked = {("POST", "/v1/records", lines([record(agent="alice")])): 403,
                 ("GET", "/v1/records", None): 403, ("GET", "/v1/records?agent=alice", None): 403,
                 ("GET", "/v1/tail", None): 403, ("GET", "/v1/tail?from=0&agent=alice", None): 403,
                 ("GET", "/v1/export", None): 403, ("GET", "/v1/export?agent=alice", None): 403,
                 ("GET", "/v1/export?from=2&to=3", None): 403,
                 ("POST", "/v1/erasures", '{"user":"user"}'): None, ("POST", "/v1/erasures", '{"indexes":[2]}'): 403,
                 ("GET", "/v1/records/2", None): 200, ("GET", "/tee/agents/alice", None): 403,
                 ("POST", "/tee/logs", '{"query":{"agentId":"alice"}}'): 403, ("GET", "/tee/agents", None): None,
                 ("POST", "/tee/logs", "{}"): None,
                 ("POST", "/v1/attest", json.dumps({"nonce": "00" * 16, "agent": "alice", "chain": True})): None}
        for (method, target, body), status in asked.items():
            with self.subTest(target=target, body=body):
                got, text = self.ask(door, method, target, body, bound)
                if status:
                    self.assertEqual(got, status, text)
                self.assertNotIn(SECRET.encode(), text)
        self.assertIn(SECRET, json.dumps(json.loads(door.service.get("/v1/records/2")[2])))  # nothing was erased
        self.assertGreaterEqual(door.service.status()["size"], size)


if __name__ == "__main__":
    main()
