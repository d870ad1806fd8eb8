"""How often and how much: limits of `teelog serve`, and who has none."""
import json
import socket
import time

from doors import Door, read_all
from teelogtest import Case, lines, main, record


class Limits(Case):
    def create(self, *args):
        return self.teelog("token", "create", "--data", self.data, *args).stdout.strip()

    def test_requests_of_a_peer(self):
        door = Door(self, "tcp", "--request-rate", "5")
        start = time.monotonic()
        got = [door.ask(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") for _ in range(20)]
        # A connection costs one and its request another: five pairs at once, and a little more.
        answered = [g for g in got if b" 404 " in g]
        most = 5 + 5 * (time.monotonic() - start) / 2 + 1
        self.assertTrue(4 <= len(answered) <= most, (len(answered), most))
        self.assertTrue(all(b" 404 " in g or b" 503 " in g or b" 429 " in g or not g for g in got))
        # Others are not held up: another address, a token on the socket, nobody on the socket.
        with socket.create_connection(door.address, source_address=("127.0.0.2", 0)) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"200 OK", s.recv(4096))
        for _ in range(30):
            self.assertEqual(door.service.get("/healthz")[0], 200)
        time.sleep(1)
        self.assertEqual(door.get("/healthz")[0], 200)

    def test_one_connection_that_asks_and_asks(self):
        door = Door(self, "tcp", "--request-rate", "5")
        start = time.monotonic()
        with door.dial() as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
            got = read_all(s)
        self.assertTrue(9 <= got.count(b"200 OK") <= 10 + 5 * (time.monotonic() - start))
        self.assertEqual(got.count(b"429 Too Many Requests"), 1)  # and nothing behind it
        self.assertIn(b"Retry-After: 1\r\n", got)
        self.assertIn(b"too many requests", got)

    def test_requests_of_a_token(self):
        """One measure, wherever it comes in; tokens that are not good are their peer's."""
        door = Door(self, "tcp", "--request-rate", "5")
        one, two = self.create("--scope", "read"), self.create("--scope", "read")

        def ask(where, token):
            text = f"GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
            return where(text)

        def over_socket(text):
            return door.service.ask(text)[0]

        def over_tcp(text):
            got = door.ask(text.encode())
            return int(got.split()[1]) if got else 0

        got = [ask(over_socket, one) for _ in range(16)]
        self.assertEqual(got[:10], [200] * 10)
        self.assertIn(429, got)
        for _ in range(4):  # some time has passed
            tcp = ask(over_tcp, one)
        self.assertEqual(tcp, 429)
        self.assertEqual(ask(over_tcp, two), 200)
        bad = [ask(over_tcp, one[:-1] + "-") for _ in range(8)]
        self.assertEqual(bad[0], 401)
        self.assertNotIn(bad[-1], (200, 401))
        self.assertEqual(ask(over_socket, two), 200)

    def test_records(self):
        service = self.serve("--record-rate", "100")
        token = self.create("--scope", "append")

        def post(n):
            text = lines([record()] * n)
            status, fields, body = service.ask(
                f"POST /v1/records HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n"
                f"Content-Length: {len(text)}\r\n\r\n{text}")
            return status, fields, body.decode()

        size = service.status()["size"]
        self.assertEqual(post(400)[0], 200)  # at once, and paid for later
        after = service.status()["size"]
        status, fields, body = post(1)
        self.assertEqual((status, json.loads(body)["error"]), (429, "too many records; come back later"))
        self.assertIn(int(fields["Retry-After"]), (1, 2, 3))
        self.assertEqual((size + 401, service.status()["size"]), (after, after))
        self.append([record()] * 1000)  # the socket's own have no limit
        time.sleep(int(fields["Retry-After"]))
        self.assertEqual(post(1)[0], 200)

    def test_append_waits(self):
        self.serve("--record-rate", "1000")
        with open(self.path("t"), "w", encoding="ascii") as f:
            f.write(self.create("--scope", "append"))
        start = time.monotonic()
        got = self.append([record()] * 4000, "--token-file", self.path("t"))
        self.assertEqual([r["seq"] for r in got], list(range(1, 4001)))
        self.assertGreater(time.monotonic() - start, 1)

    def test_sessions(self):
        service = self.serve("--session-rate", "2")
        with open(self.path("t"), "w", encoding="ascii") as f:
            f.write(self.create("--scope", "append"))
        start = time.monotonic()
        got = self.append([record(agent=f"a{i}") for i in range(60)], "--token-file", self.path("t"), code=3)
        good = [r for r in got if "seq" in r]
        self.assertTrue(20 <= len(good) <= 21 + 2 * (time.monotonic() - start), len(good))
        self.assertIn("2 new sessions a second", got[-1]["error"])
        self.assertEqual(got[-1]["field"], "agentId")
        # Of those that were refused there is no trace; of the others a session each.
        self.assertEqual(service.status()["size"], 1 + 2 * len(good))
        self.assertEqual(service.status()["subjects"], 1 + len(good))
        # Who has a session goes on; who has no limits as well.
        self.append([record(agent="a0")] * 100, "--token-file", self.path("t"))
        self.append([record(agent=f"b{i}") for i in range(100)])
        time.sleep(0.6)
        self.append([record(agent="late")], "--token-file", self.path("t"))

    def test_quotes(self):
        service = self.serve("--quote-rate", "1")
        body = json.dumps({"nonce": "00" * 16})
        request = f"POST /v1/attest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        got = [service.ask(request)[0] for _ in range(6)]
        self.assertEqual(got[:3], [200] * 3)
        self.assertEqual(got[-1], 503)

    def test_agents(self):
        self.serve("--max-agents", "2")
        got = self.append([record(agent=f"a{i}") for i in range(3)], code=3)
        self.assertEqual(["seq" in r for r in got], [True, True, False])
        self.assertIn("2 agents", got[2]["error"])
        self.append([record(agent="a0"), record(agent="a1")])

    def test_memory(self):
        service = self.serve("--memory", "16M")
        status, _, body = service.ask("POST /v1/records HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                      "Content-Length: 1048577\r\n\r\n")
        self.assertEqual((status, json.loads(body)["field"]), (413, "Content-Length"))
        self.assertIn("1048576 bytes", json.loads(body)["error"])
        self.append([record(content="x" * 1000000)])
        for value in ("15M", "2T", "x", "", "-1"):
            done = self.teelog("serve", "--data", self.data, "--tee", "sim", "--memory", value, code=2)
            self.assertIn("--memory takes", done.stderr)

    def test_what_the_flags_take(self):
        for flag in ("--request-rate", "--record-rate", "--session-rate", "--quote-rate", "--max-connections",
                     "--max-peer-connections"):
            for value in ("0", "-1", "x", "", "1.5", "1000001"):
                done = self.teelog("serve", "--data", self.data, "--tee", "sim", flag, value, code=2)
                self.assertIn(f"{flag} takes a number", done.stderr)


if __name__ == "__main__":
    main()
