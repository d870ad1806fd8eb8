"""What one caller can take from the others: places, memory, the time of the service."""
import json
import os
import socket
import sqlite3
import time

from doors import Door, read_all
from teelogtest import Case, lines, main, record

MIB = 1 << 20


def request(method, target, token, body=None, more=""):
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{more}"
    if body is not None:
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + (body or b"")


def answer(s):
    """The status and the first bytes of what comes."""
    got = s.recv(4096)
    return int(got.split()[1]), got


class Shares(Case):
    def create(self, *args):
        return self.teelog("token", "create", "--data", self.data, *args).stdout.strip()

    def dials(self, door, text, count):
        """So many connections, each with this request, and their statuses."""
        streams = []
        for _ in range(count):
            streams.append(door.dial())
            self.addCleanup(streams[-1].close)
            streams[-1].sendall(text)
        return streams, [answer(s)[0] for s in streams]

    def test_questions_are_small(self):
        door = Door(self, "tcp")
        token = self.create("--scope", "append", "--scope", "read", "--scope", "erase", "--scope", "admin")
        for target, most in (("/tee/logs", 32768), ("/v1/attest", 32768), ("/v1/tokens", 32768),
                             ("/v1/erasures", 2 * MIB), ("/v1/records", 8 * MIB)):
            for more, want in ((0, b"100 Continue"), (1, b"413 Content Too Large")):
                with door.dial() as s:
                    s.sendall(request("POST", target, token,
                                      more=f"Content-Length: {most + more}\r\nExpect: 100-continue\r\n"))
                    self.assertIn(want, s.recv(4096), (target, more))

    def test_places(self):
        door = Door(self, "tcp")
        self.append([record(content="x" * 60000)] * 300)  # more than a connection's buffers hold
        one, two, three = (self.create("--scope", "read") for _ in range(3))
        for target, places in (("/v1/export", 4), ("/v1/tail", 32)):
            half = places // 2
            streams, got = self.dials(door, request("GET", target, one), half + 1)
            self.assertEqual(got, [200] * half + [503], target)
            others, got = self.dials(door, request("GET", target, two), half)
            self.assertEqual(got, [200] * half, target)
            self.assertIn(b" are under way", door.ask(request("GET", target, three, more="Connection: close\r\n")))
            for s in streams + others:
                s.close()

    def test_what_is_sent(self):
        """Half of the room for bodies is left to others."""
        door = Door(self, "tcp")
        one, two = self.create("--scope", "append"), self.create("--scope", "append")
        head = request("POST", "/v1/records", one, more=f"Content-Length: {8 * MIB}\r\n")
        for _ in range(4):
            s = door.dial()
            self.addCleanup(s.close)
            s.sendall(head)
            s.sendall(bytes(8 * MIB - 1))
        small = lines([record()]).encode()
        got = b""
        end = time.monotonic() + 60
        while b"\nteelog_http_body_bytes 33554432\n" not in door.service.get("/metrics")[2]:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        got = door.ask(request("POST", "/v1/records", one, small, "Connection: close\r\n"))
        self.assertIn(b"too much of yours is waiting", got)
        self.assertIn(b"Retry-After: 1\r\n", got)
        self.assertIn(b" 200 OK", door.ask(request("POST", "/v1/records", two, small, "Connection: close\r\n")))
        self.append([record()])

    def test_what_is_not_read(self):
        door = Door(self, "tcp")
        self.append([record(content="x" * 1000000)] * 8)
        one, two = self.create("--scope", "read"), self.create("--scope", "read")
        page = request("GET", "/v1/records?limit=1000", one)
        held = []
        for _ in range(8):
            with_pages = door.raw()
            self.addCleanup(with_pages.close)
            with_pages.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with_pages.sendall(page * 4)
            held.append(with_pages)
            with_pages.recv(1)  # the first page is made
        got = door.ask(request("GET", "/v1/records?limit=1", one, more="Connection: close\r\n"))
        self.assertIn(b" 503 ", got)
        self.assertIn(b"read the answers that you have", got)
        self.assertIn(b" 200 OK", door.ask(request("GET", "/v1/records?limit=1", two, more="Connection: close\r\n")))
        self.assertIn(b" 200 OK", door.ask(request("GET", "/v1/status", one, more="Connection: close\r\n")))
        for s in held:
            s.close()

    def test_what_nobody_reads(self):
        """Those without limits do not fill the memory either."""
        service = self.serve()
        self.append([record(content="x" * 1000000)] * 8)
        held = []
        for _ in range(18):
            held.append(socket.socket(socket.AF_UNIX))
            self.addCleanup(held[-1].close)
            held[-1].connect(service.socket)
            held[-1].sendall(b"GET /v1/records?limit=1000 HTTP/1.1\r\nHost: x\r\n\r\n")
            held[-1].recv(1)
        for target in ("/v1/records?limit=1", "/v1/agents"):
            status, fields, body = service.get(target)
            self.assertEqual((status, fields["Retry-After"]), (503, "1"), target)
            self.assertIn("too many answers wait to be read", json.loads(body)["error"])
        self.append([record()])
        for s in held:
            s.close()
        end = time.monotonic() + 60
        while service.get("/v1/agents")[0] != 200:
            self.assertLess(time.monotonic(), end)

    def test_a_revoked_export_ends(self):
        door = Door(self, "tcp")
        self.append([record(content="x" * 60000)] * 300)
        token = self.create("--scope", "read")
        s = door.dial()
        self.addCleanup(s.close)
        s.sendall(request("GET", "/v1/export", token, more="Connection: close\r\n"))
        self.assertEqual(answer(s)[0], 200)
        self.teelog("token", "revoke", "--data", self.data, token.split("_")[1])
        got = read_all(s)
        self.assertLess(len(got), 300 * 60000)
        self.assertFalse(got.endswith(b"\r\n0\r\n\r\n"))

    def test_strangers_have_no_body_opened(self):
        """What lies there instead of a body is not found out on their behalf."""
        service = self.serve("--origin", "example.org/shares")
        self.append([record()])
        token = self.create("--scope", "read")
        service.stop()
        with sqlite3.connect(os.path.join(self.data, "teelog.db")) as db:
            self.assertEqual(db.execute("UPDATE leaf SET body = zeroblob(length(body)) WHERE idx = 2").rowcount, 1)
        db.close()
        door = Door(self, "tcp")
        status, body = door.get("/v1/records/2")
        self.assertEqual((status, json.loads(body)["withheld"], json.loads(body)["body"]), (200, True, None))
        self.assertEqual(door.get("/v1/records/2", token)[0], 500)

    def test_a_long_list_costs_more(self):
        door = Door(self, "tcp", "--request-rate", "2")
        self.append([record(agent=f"a{i}") for i in range(1000)])
        status, body = door.get("/v1/agents")
        self.assertEqual((status, len(json.loads(body)["agents"])), (200, 1000))
        self.assertNotIn(b" 200 OK", door.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
        for _ in range(5):  # the socket's own have no limit
            self.assertEqual(door.service.get("/v1/agents")[0], 200)

    def test_attributes_are_counted_before_they_are_read(self):
        self.serve("--origin", "example.org/shares")
        most = {"a": [[]] * 65530}  # with its name, and the array's head, 65,536 bytes
        got = self.append([record(attributes=most)])
        self.assertEqual(got[0]["seq"], 1)
        got = self.append([record(attributes={"a": [[]] * 65531})], code=3)
        self.assertIn("longer than 65536 bytes", json.dumps(got))
        got = self.append([record(attributes={"a": [[]] * 140000})], code=3)
        self.assertIn("attributes have more values", json.dumps(got))
        text = "[,{\\\"" * 40000  # within a string they are nothing
        self.assertEqual(self.append([record(content=text)])[0]["seq"], 2)


if __name__ == "__main__":
    main()
