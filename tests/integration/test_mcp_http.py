"""`teelog mcp --url` between an agent and a server that are both this test: each byte is known."""
import contextlib
import json
import os
import pathlib
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest

from doors import make_certificate
from mcp_lines import PATIENCE, SANITIZED, records
from teelogtest import TEELOG, Case, main
from test_mcp import call, digest, result

JSON = b"Content-Type: application/json\r\n"
EVENTS = b"Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n"


class Http:
    """One end of a connection: heads and bodies of messages."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""
        sock.settimeout(PATIENCE)

    def more(self):
        chunk = self.sock.recv(1 << 20)
        self.rest += chunk
        return chunk

    def until(self, mark):
        while mark not in self.rest:
            if not self.more():
                raise EOFError(self.rest)
        piece, _, self.rest = self.rest.partition(mark)
        return piece + mark

    def exactly(self, n):
        while len(self.rest) < n:
            if not self.more():
                raise EOFError(self.rest)
        piece, self.rest = self.rest[:n], self.rest[n:]
        return piece

    def head(self):
        """The first line, and the fields by their names in lower case."""
        first, *lines = self.until(b"\r\n\r\n").decode().split("\r\n")[:-2]
        return first, {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}

    def chunk(self):
        n = int(self.until(b"\r\n"), 16)
        piece = self.exactly(n)
        assert self.exactly(2) == b"\r\n"
        return piece

    def message(self):
        """(first line, fields, body)."""
        first, fields = self.head()
        body = b""
        if fields.get("transfer-encoding") == "chunked":
            while piece := self.chunk():
                body += piece
        elif "content-length" in fields:
            body = self.exactly(int(fields["content-length"]))
        return first, fields, body

    def send(self, data):
        self.sock.sendall(data)

    def ended(self):
        return not self.rest and select.select([self.sock], [], [], PATIENCE)[0] and self.sock.recv(1) == b""


def post(body, fields=b"", path=b"/mcp"):
    return (b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/event-stream\r\n"
            b"Content-Type: application/json\r\n" + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def get(fields=b"", path=b"/mcp"):
    return b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAccept: text/event-stream\r\n" + fields + b"\r\n"


def answer(body, fields=JSON, status=b"200 OK"):
    return b"HTTP/1.1 " + status + b"\r\n" + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


class Proxy(Case):
    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def start(self, *options, scheme="http", query=""):
        self.proxy = subprocess.Popen(
            [TEELOG, "mcp", "--data", self.data, "--agent", "alice", "--name", "bank", "--log-key",
             self.service.status()["logKey"], *options, "--url", f"{scheme}://127.0.0.1:{self.port}/mcp{query}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(self.end)
        ready = self.proxy.stdout.readline()
        self.assertRegex(ready, r"^ready: http://127.0.0.1:\d+/mcp\n$")
        self.address = ("127.0.0.1", int(ready.split(":")[3].split("/")[0]))

    def end(self):
        if self.proxy.poll() is None:
            self.proxy.kill()
        self.proxy.wait()
        self.proxy.stdout.close()
        self.proxy.stderr.close()

    def agent(self):
        sock = socket.create_connection(self.address)
        self.addCleanup(sock.close)
        return Http(sock)

    def server(self):
        sock = self.listener.accept()[0]
        self.addCleanup(sock.close)
        return Http(sock)

    def nobody_comes(self):
        self.assertEqual(select.select([self.listener], [], [], 0.2)[0], [])

    def records(self):
        return records(self, "alice")

    def phases(self):
        return [r["content"]["phase"] for r in self.records()]

    def wait_for(self, phases):
        until = time.monotonic() + PATIENCE
        while self.phases() != phases and time.monotonic() < until:
            time.sleep(0.05)
        self.assertEqual(self.phases(), phases)


class Requests(Proxy):
    def test_a_call_answered_in_json(self):
        self.start()
        agent = self.agent()
        body = call(1).rstrip() + b"\r\n "
        agent.send(post(body, b"Mcp-Session-Id: s1\r\nMCP-Protocol-Version: 2025-06-18\r\nX-Own:  v \r\n"
                        b"Authorization: Bearer b\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n"))
        server = self.server()
        first, fields, got = server.message()
        self.assertEqual(self.phases(), ["intent"])  # before it is here
        self.assertEqual((first, got), ("POST /mcp HTTP/1.1", body))
        self.assertEqual(fields, {
            "host": f"127.0.0.1:{self.port}", "accept": "application/json, text/event-stream", "content-type": "application/json",
            "mcp-session-id": "s1", "mcp-protocol-version": "2025-06-18", "x-own": " v ", "authorization": "Bearer b",
            "content-length": str(len(body)), "connection": "close", "accept-encoding": "identity"})
        server.send(answer(b" " + result(1), JSON + b"Mcp-Session-Id: s1\r\nX-Theirs: 1\r\n"))
        first, fields, got = agent.message()
        receipt = json.loads(got)["result"]["_meta"]["teelog/receipt"]
        member = b',"_meta":{"teelog/receipt":' + json.dumps(receipt, separators=(",", ":")).encode() + b"}"
        self.assertEqual(got.replace(member, b""), b" " + result(1))
        self.assertEqual((first, fields["mcp-session-id"], fields["x-theirs"]), ("HTTP/1.1 200 OK", "s1", "1"))
        intent, outcome = self.records()
        self.assertEqual((receipt["intent"], receipt["result"], outcome["ref"]),
                         (intent["index"], outcome["index"], intent["index"]))
        # The connection is kept.
        agent.send(post(call(2)))
        server = self.server()
        server.message()
        server.send(answer(result(2)))
        self.assertIn("teelog/receipt", agent.message()[2].decode())

    def test_events(self):
        self.start()
        agent = self.agent()
        agent.send(post(call(1)))
        server = self.server()
        server.message()
        progress = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}'
        events = [b": ping\n\n", b"id: 1\nretry: 10\ndata:\n\n", b"event: message\r\ndata:" + progress + b"\r\n\r\n", b"data: x\r\r",
                  b"event: other\ndata: " + result(1).strip() + b"\n\n"]
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"Connection: close\r\n\r\n" + events[0])
        first, fields = agent.head()
        self.assertEqual((first, fields["content-type"], fields["cache-control"]),
                         ("HTTP/1.1 200 OK", "text/event-stream", "no-cache"))
        self.assertEqual(agent.chunk(), events[0])
        for event in events[1:3]:
            server.send(event)  # each goes on when it is here
            self.assertEqual(agent.chunk(), event)
        server.send(events[3] + events[4])
        self.assertEqual(agent.chunk() + agent.chunk(), events[3] + events[4])
        server.send(b"event: message\nid: 2\ndata: " + result(1).strip() + b"\n\nunfinished")
        line = agent.chunk()
        receipt = json.loads(line.split(b"data: ")[1])["result"]["_meta"]["teelog/receipt"]
        member = b',"_meta":{"teelog/receipt":' + json.dumps(receipt, separators=(",", ":")).encode() + b"}"
        self.assertEqual(line.replace(member, b""), b"event: message\nid: 2\ndata: " + result(1).strip() + b"\n\n")
        server.sock.close()
        self.assertEqual(agent.chunk(), b"unfinished")
        self.assertEqual(agent.chunk(), b"")
        self.assertEqual(self.records()[-1]["index"], receipt["result"])

    def test_an_event_of_several_lines(self):
        self.start()
        agent = self.agent()
        agent.send(post(call(1)))
        server = self.server()
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"Transfer-Encoding: chunked\r\n\r\n")
        event = b'data: {"jsonrpc":"2.0",\nid: 7\ndata: "id":1,\ndata:  "result":{}}\n\n'
        for piece in (event[:11], event[11:]):
            server.send(b"%x;x=y\r\n" % len(piece) + piece + b"\r\n")
        server.send(b"0\r\n\r\n")
        body = agent.message()[2]
        lines = body.split(b"\n")
        self.assertEqual(lines[:3], [b'data: {"jsonrpc":"2.0",', b'data: "id":1,', lines[2]])
        self.assertTrue(lines[2].startswith(b'data:  "result":{"_meta":{"teelog/receipt":{"intent":'))
        self.assertEqual(lines[3:], [b"id: 7", b"", b""])

    def test_all_else_passes(self):
        self.start()
        agent = self.agent()
        ping = b'{ "jsonrpc":"2.0","id":1,"method":"ping" }'
        agent.send(post(ping))
        server = self.server()
        self.assertEqual(server.message()[2], ping)
        server.send(answer(b"\x00\xff not JSON", JSON))
        self.assertEqual(agent.message()[2], b"\x00\xff not JSON")
        note = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
        agent.send(post(note))
        server = self.server()
        server.message()
        server.send(b"HTTP/1.1 202 Accepted\r\n\r\n")
        server.sock.close()
        self.assertEqual(agent.message()[0::2], ("HTTP/1.1 202 Accepted", b""))
        agent.send(b"DELETE /mcp HTTP/1.1\r\nHost: [::1]\r\nMcp-Session-Id: s\r\n\r\n")
        server = self.server()
        first, fields, _ = server.message()
        self.assertEqual((first, fields["mcp-session-id"]), ("DELETE /mcp HTTP/1.1", "s"))
        server.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 405 No\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n")
        first, fields, _ = agent.message()
        self.assertEqual((first, fields["allow"]), ("HTTP/1.1 405 No", "POST"))
        agent.send(get())
        server = self.server()
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\n: here\n\n")
        agent.head()
        self.assertEqual(agent.chunk(), b": here\n\n")
        agent.sock.close()
        self.assertTrue(server.ended())
        self.assertEqual(self.records(), [])
        # A body in chunks, and a client that waits to be asked for it.
        agent = self.agent()
        agent.send(b"POST /mcp?x=1 HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertEqual(agent.head()[0], "HTTP/1.1 100 Continue")
        agent.send(b"5\r\n" + ping[:5] + b"\r\n%X\r\n" % (len(ping) - 5) + ping[5:] + b"\r\n0\r\n\r\n")
        server = self.server()
        first, fields, body = server.message()
        self.assertEqual((first, body, "expect" in fields), ("POST /mcp?x=1 HTTP/1.1", ping, False))

    def test_batches_and_what_cannot_be_read(self):
        self.start()
        agent = self.agent()
        batch = b"[" + call(1).strip() + b",\r\n" + call(2).strip() + b"]"
        agent.send(post(batch))
        server = self.server()
        self.assertEqual(server.message()[2], batch)
        server.send(answer(b"[" + result(2).strip() + b"," + result(1).strip() + b"]"))
        answers = json.loads(agent.message()[2])
        intents = [r["index"] for r in self.records()[:2]]
        self.assertEqual([a["result"]["_meta"]["teelog/receipt"]["intent"] for a in answers], intents[::-1])
        agent.send(post(b"{bad"))
        server = self.server()
        self.assertEqual(server.message()[2], b"{bad")
        self.assertEqual(self.records()[-1]["type"], "mcp.unreadable")

    def test_a_server_under_tls(self):
        cert, key = make_certificate(self.dir)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.start("--ca", cert, scheme="https")
        agent = self.agent()
        agent.send(post(call(1)))
        server = Http(context.wrap_socket(self.listener.accept()[0], server_side=True))
        self.addCleanup(server.sock.close)
        self.assertEqual(server.message()[2], call(1))
        # More than one record of TLS, and than one read.
        pings = b"".join(b": %d\n\n" % i for i in range(30000))
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\n" + pings + b"data: " + result(1) + b"\n")
        with contextlib.suppress(OSError):
            server.sock.unwrap()
        body = agent.message()[2]
        self.assertTrue(body.startswith(pings))
        self.assertIn(b'"teelog/receipt":{"intent":', body[len(pings):])
        # Another's certificate.
        self.end()
        self.start(scheme="https")
        agent = self.agent()
        agent.send(post(call(2)))
        with self.assertRaises(OSError):
            context.wrap_socket(self.listener.accept()[0], server_side=True)
        self.assertEqual(agent.message()[0], "HTTP/1.1 502 Bad Gateway")
        self.wait_for(["intent", "result", "intent", "failure"])

    def test_large_messages(self):
        self.start()
        text = "x" * (8 << 20)
        agent = self.agent()
        body = call(1, "write", json.dumps({"text": text}))
        agent.send(post(body))
        server = self.server()
        self.assertEqual(server.message()[2], body)
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\ndata: ")
        large = result(1, '"text":"' + text + '"').strip()
        server.send(large + b"\n\n")
        server.sock.close()
        got = agent.message()[2]
        self.assertTrue(got.startswith(b"data: " + large[:-2]))
        self.assertEqual(self.records()[1]["content"]["result"], digest('{"text":"' + text + '"}'))


class Agents(Proxy):
    def test_two_with_the_same_id(self):
        self.start()
        one, two = self.agent(), self.agent()
        one.send(post(call(1, "first")))
        first = self.server()
        first.message()
        two.send(post(call(1, "second")))
        second = self.server()
        second.message()
        second.send(answer(result(1)))
        intents = {r["content"]["tool"]: r["index"] for r in self.records() if r["content"]["phase"] == "intent"}
        self.assertEqual(json.loads(two.message()[2])["result"]["_meta"]["teelog/receipt"]["intent"], intents["second"])
        first.send(answer(result(1)))
        self.assertEqual(json.loads(one.message()[2])["result"]["_meta"]["teelog/receipt"]["intent"], intents["first"])

    def test_cancellation_comes_on_another_connection(self):
        self.start()
        agent, other = self.agent(), self.agent()
        agent.send(post(call(1), b"Mcp-Session-Id: s\r\n"))
        server = self.server()
        server.message()
        note = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'
        other.send(post(note, b"Mcp-Session-Id: t\r\n"))  # of another
        self.server().message()
        other = self.agent()
        other.send(post(note, b"Mcp-Session-Id: s\r\n"))
        self.server().message()
        self.wait_for(["intent", "cancelled"])

    def test_a_stream_that_is_taken_up_again(self):
        self.start()
        agent = self.agent()
        agent.send(post(call(1), b"Mcp-Session-Id: s\r\n"))
        server = self.server()
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\nid: 1\ndata:\n\n")
        server.sock.close()
        self.assertEqual(agent.message()[2], b"id: 1\ndata:\n\n")
        self.assertEqual(self.phases(), ["intent"])
        agent.send(get(b"Mcp-Session-Id: s\r\nLast-Event-ID: 1\r\n"))
        server = self.server()
        self.assertEqual(server.message()[1]["last-event-id"], "1")
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\nid: 2\ndata: " + result(1).strip() + b"\n\n")
        agent.head()
        self.assertIn(b'"teelog/receipt":{"intent":', agent.chunk())
        self.assertEqual(self.phases(), ["intent", "result"])

    def test_origins_hosts_and_paths(self):
        self.start()
        for request, status in [
                (post(call(1), b"Origin: http://evil.example\r\n"), "403 Forbidden"),
                (post(call(1), b"Origin: null\r\n"), "403 Forbidden"),
                (post(call(1), b"Origin: http://localhost.evil.example\r\n"), "403 Forbidden"),
                (post(call(1)).replace(b"Host: localhost", b"Host: evil.example:80"), "403 Forbidden"),
                (post(call(1), path=b"/other"), "404 Not Found"), (post(call(1), path=b"/mcpx"), "404 Not Found"),
                (b"OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", "405 Method Not Allowed"),
                (b"POST /mcp HTTP/1.1\r\n\r\n", "400 Bad Request"), (b"POST /mcp HTTP/1.0\r\nHost: localhost\r\n\r\n", "400 Bad Request"),
                (post(call(1), b"Content-Length: 1\r\n"), "400 Bad Request"), (post(call(1), b"Transfer-Encoding: chunked\r\n"), "400 Bad Request"),
                (post(call(1), b"Sec-Fetch-Site: cross-site\r\n"), "403 Forbidden"),
                (post(call(1), b"Content-Encoding: gzip\r\n"), "415 Unsupported Media Type"),
                (post(call(1)).replace(b"/json", b"/json; charset=utf-7"), "415 Unsupported Media Type"),
                (post(call(1)).replace(b"application/json\r\nC", b"text/plain; a=application/json\r\nC"), "415 Unsupported Media Type"),
                (post(call(1)).replace(b"POST", b"GET"), "400 Bad Request"), (post(call(1)).replace(b"POST", b"DELETE"), "400 Bad Request"),
                (get(b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", "400 Bad Request"),
                (post(call(1), b" folded\r\n"), "400 Bad Request"), (post(call(1)).replace(b"\r\n", b"\n"), None)]:
            agent = self.agent()
            agent.send(request)
            if status is None:
                agent.sock.shutdown(socket.SHUT_WR)
                self.assertTrue(agent.ended())
                continue
            first, _, body = agent.message()
            self.assertEqual(first, "HTTP/1.1 " + status)
            self.assertEqual(json.loads(body)["error"]["code"], -31001)
        self.nobody_comes()
        agent = self.agent()
        agent.send(post(call(1), b"Origin: http://localhost:6274\r\nContent-Encoding: identity\r\n").replace(b"/json", b"/json; charset=UTF-8"))
        self.server().message()
        self.assertEqual(self.phases(), ["intent"])

    def test_an_address_with_a_query(self):
        self.start(query="?only=reading")
        agent = self.agent()
        agent.send(post(call(1)))
        self.assertEqual(self.server().message()[0], "POST /mcp?only=reading HTTP/1.1")
        agent = self.agent()
        agent.send(post(call(2), path=b"/mcp?only=writing"))
        self.assertEqual(agent.message()[0], "HTTP/1.1 404 Not Found")

    def test_answers_on_other_streams(self):
        self.start()
        agent, other = self.agent(), self.agent()
        session = b"Mcp-Session-Id: s\r\n"
        other.send(get(session))
        stream = self.server()
        stream.message()
        stream.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\n: here\n\n")
        other.head()
        self.assertEqual(other.chunk(), b": here\n\n")
        # On the session's own stream, which was there before; then on that of a request of another kind.
        for number in (1, 2):
            agent.send(post(call(number), session))
            server = self.server()
            server.message()
            if number == 1:
                stream.send(b"data: " + result(1) + b"\n")
                self.assertIn(b'"teelog/receipt":{"intent":', other.chunk())
            else:
                third = self.agent()
                third.send(post(b'{"jsonrpc":"2.0","id":7,"method":"ping"}', session))
                ping = self.server()
                ping.message()
                ping.send(answer(result(2)))
                self.assertIn(b'"teelog/receipt":{"intent":', third.message()[2])
            server.send(answer(b"", b"", b"202 Accepted"))
            self.assertEqual(agent.message()[0], "HTTP/1.1 202 Accepted")
        # Of another session, with the same id, it is none.
        self.assertEqual(self.phases(), ["intent", "result"] * 2)
        agent.send(post(call(3), session))
        self.server().message()
        third = self.agent()
        third.send(post(b'{"jsonrpc":"2.0","id":3,"method":"ping"}', b"Mcp-Session-Id: t\r\n"))
        ping = self.server()
        ping.message()
        ping.send(answer(result(3)))
        self.assertEqual(third.message()[2], result(3))
        self.assertEqual(self.phases(), ["intent", "result"] * 2 + ["intent"])

    def test_answers_without_sessions(self):
        self.start()
        one, two, three = self.agent(), self.agent(), self.agent()
        one.send(post(call(1)))
        self.server().message()
        # Another agent's request of the same id is answered where it was made;
        two.send(post(b'{"jsonrpc":"2.0","id":1,"method":"ping"}'))
        server = self.server()
        server.message()
        server.send(answer(result(1)))
        self.assertEqual(two.message()[2], result(1))
        self.assertEqual(self.phases(), ["intent"])
        # what comes on a stream of its own may be anybody's.
        three.send(get())
        server = self.server()
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\ndata: " + result(1) + b"\n")
        three.head()
        self.assertEqual(three.chunk(), b"data: " + result(1) + b"\n")
        self.assertEqual([(r["type"], r["content"].get("why")) for r in self.records()[1:]],
                         [("mcp.unreadable", "it is an answer to no request")])

    def test_answers_without_end(self):
        self.start()
        agent = self.agent()
        agent.send(post(call(1)))
        server = self.server()
        server.message()
        forged = b"data: " + result(1, '"_meta":{"teelog/receipt":{"intent":1}}').strip() + b"\n\n"
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\n" + b"data: " + result(1).strip() + b"\n\n" + forged * 40 + b": end\n\n")
        server.sock.close()
        body = agent.message()[2]
        self.assertEqual((body.count(b"data:"), body[-7:]), (17, b": end\n\n"))
        self.assertNotIn(forged, body)
        other = self.agent()
        other.send(post(b'{"jsonrpc":"2.0","id":5,"method":"ping"}'))
        server = self.server()
        server.message()
        server.send(answer(result(1)))
        self.assertEqual(other.message()[0], "HTTP/1.1 502 Bad Gateway")

    def test_ids_of_what_was_answered(self):
        self.start()
        agent, session = self.agent(), b"Mcp-Session-Id: s\r\n"
        agent.send(post(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}', session))
        server = self.server()
        server.message()
        server.send(answer(result(1)))  # which nobody looks at
        agent.message()
        agent.send(post(call(1), session))
        server = self.server()
        self.assertEqual(server.message()[2], call(1))
        other = self.agent()  # now another waits with it
        other.send(post(call(1), session))
        self.assertIn("with its id", json.loads(other.message()[2])["error"]["message"])

    def test_a_stream_that_is_compressed(self):
        self.start()
        agent = self.agent()
        agent.send(get())
        server = self.server()
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"Content-Encoding: gzip\r\n\r\nx")
        self.assertEqual(agent.message()[0], "HTTP/1.1 502 Bad Gateway")

    def test_agents_that_do_not_wait(self):
        cert, _ = make_certificate(self.dir)
        self.start("--ca", cert, scheme="https")
        self.listener.listen(200)
        for _ in range(100):
            agent = self.agent()
            agent.send(get())
            agent.sock.shutdown(socket.SHUT_WR)
            agent.ended()
        self.assertLess(len(os.listdir(f"/proc/{self.proxy.pid}/task")), 70)
        agent = self.agent()
        agent.send(get())
        self.assertEqual(agent.message()[0], "HTTP/1.1 502 Bad Gateway")

    def test_the_last_event(self):
        self.start()
        agent = self.agent()
        agent.send(post(call(1)))
        server = self.server()
        server.message()
        decoy = b"\xef\xbb\xbfdata: " + result(1, '"decoy":1').strip() + b"\n\n"
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\n: \n\n" + decoy + b"data: " + result(1).strip())
        server.sock.close()
        body = agent.message()[2]
        self.assertTrue(body.startswith(b": \n\n" + decoy + b"data: " + result(1).strip()[:-2]))
        self.assertEqual(self.records()[-1]["content"]["result"], {"content": []})

    def test_an_answer_of_another_type(self):
        self.start()
        agent = self.agent()
        agent.send(post(call(1)))
        server = self.server()
        server.message()
        server.send(answer(result(1), b"Content-Type: text/plain\r\n"))
        self.assertIn(b'"teelog/receipt":{"intent":', agent.message()[2])

    def test_a_server_that_does_not_shake_hands(self):
        cert, _ = make_certificate(self.dir)
        self.start("--ca", cert, scheme="https")
        stuck, other = self.agent(), self.agent()
        stuck.send(post(call(1)))
        self.server()  # and not a byte of TLS
        other.send(get(path=b"/elsewhere"))
        self.assertEqual(other.message()[0], "HTTP/1.1 404 Not Found")
        began = time.monotonic()
        self.proxy.send_signal(signal.SIGTERM)
        self.assertEqual(self.proxy.wait(PATIENCE), 0)
        self.assertLess(time.monotonic() - began, 20)
        self.assertEqual(self.phases(), ["intent", "failure"])

    @unittest.skipIf(SANITIZED, "skipped: a sanitizer's build")
    def test_an_agent_that_reads_slowly(self):
        self.start()
        agent = self.agent()
        agent.send(get())
        server = self.server()
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"\r\n")
        agent.head()
        piece, n = b": " + b"x" * 65530 + b"\n\n", 5000  # more than may wait
        threading.Thread(target=lambda: [server.send(piece) for _ in range(n)], daemon=True).start()
        for _ in range(n):
            self.assertEqual(len(agent.chunk()), len(piece))
        status = pathlib.Path(f"/proc/{self.proxy.pid}/status").read_text(encoding="ascii")
        self.assertLess(int(status.split("VmHWM:")[1].split()[0]) >> 10, 200)


class Ends(Proxy):
    def test_what_is_no_answer(self):
        self.start()
        for n, (reply, status, reason) in enumerate([
                (b"", "502 Bad Gateway", "ended the connection"), (b"nonsense\r\n\r\n", "502 Bad Gateway", "no HTTP"),
                (answer(b"no", b"", b"401 No"), "401 No", "status 401"), (answer(b"{}"), "200 OK", "no result"),
                (b"HTTP/1.1 200 OK\r\n" + JSON + b"Content-Length: 99\r\n\r\n{", "502 Bad Gateway", "ended the connection"),
                (answer(b"x", JSON + b"Content-Encoding: gzip\r\n"), "502 Bad Gateway", "compressed"),
                (answer(b"", b"Location: http://elsewhere.example/mcp/\r\n", b"307 There"), "502 Bad Gateway", "status 307")]):
            agent = self.agent()
            agent.send(post(call(n)))
            server = self.server()
            server.message()
            server.send(reply)
            server.sock.close()
            self.assertEqual(agent.message()[0], "HTTP/1.1 " + status)
            self.wait_for(["intent", "failure"] * (n + 1))
            self.assertIn(reason, self.records()[-1]["content"]["reason"])

    def test_a_stream_that_breaks_off(self):
        self.start()
        agent = self.agent()
        agent.send(post(call(1)))
        server = self.server()
        server.message()
        server.send(b"HTTP/1.1 200 OK\r\n" + EVENTS + b"Transfer-Encoding: chunked\r\n\r\n3\r\n: \n\r\n")
        server.sock.close()
        agent.head()
        self.assertTrue(agent.ended())  # without the last chunk
        self.wait_for(["intent", "failure"])

    def test_a_server_that_is_not_there(self):
        self.start()
        self.listener.close()
        agent = self.agent()
        agent.send(post(call(1)))
        self.assertEqual(agent.message()[0], "HTTP/1.1 502 Bad Gateway")
        self.wait_for(["intent", "failure"])

    def test_an_agent_that_goes(self):
        self.start()
        agent = self.agent()
        agent.send(post(call(1)))
        server = self.server()
        server.message()
        agent.sock.close()
        self.assertTrue(server.ended())
        self.wait_for(["intent", "failure"])

    def test_sigterm(self):
        self.start()
        agent = self.agent()
        agent.send(post(call(1)))
        self.server().message()
        self.proxy.send_signal(signal.SIGTERM)
        self.assertEqual(self.proxy.wait(PATIENCE), 0)
        self.assertEqual(self.phases(), ["intent", "failure"])

    def test_no_log_no_call(self):
        self.start("--log-timeout", "1")
        self.service.stop()
        agent = self.agent()
        agent.send(post(call(1)))
        first, fields, body = agent.message()
        self.assertEqual((first, fields["content-type"]), ("HTTP/1.1 200 OK", "application/json"))
        self.assertEqual((json.loads(body)["id"], json.loads(body)["error"]["code"]), (1, -31001))
        agent.send(post(b'{"method":"tools/call","params":{"name":"a"}}'))  # nobody waits for an answer
        self.assertEqual(agent.message()[0], "HTTP/1.1 503 Service Unavailable")
        self.nobody_comes()
        self.service = self.serve()
        agent.send(post(call(2)))
        self.server().message()
        self.assertEqual([r["content"]["requestId"] for r in self.records()], [2])

    def test_the_line_that_says_where(self):
        self.proxy = subprocess.Popen([TEELOG, "mcp", "--data", self.data, "--trust-on-first-use", "--json", "--listen", "127.0.0.2:0", "--url",
                                       f"http://127.0.0.1:{self.port}/a?b"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(self.end)
        ready = json.loads(self.proxy.stdout.readline())
        self.assertEqual(ready["event"], "ready")
        self.assertRegex(ready["url"], r"^http://127.0.0.2:\d+/a$")
        self.address = ("127.0.0.2", int(ready["url"].split(":")[2].split("/")[0]))
        agent = self.agent()
        agent.send(get(path=b"/a").replace(b"127.0.0.1:80", b"127.0.0.2:80"))
        self.assertEqual(self.server().message()[0], "GET /a?b HTTP/1.1")

    def test_where_it_listens(self):
        done = self.teelog("mcp", "--data", self.data, "--trust-on-first-use", "--url", "http://localhost:1/", "--listen",
                           "0.0.0.0:0", code=2)
        self.assertIn("loopback", done.stderr)
        for url in ("http://example.org/mcp", "ftp://localhost/", "http://localhost/a b", "http://user:pass@localhost/"):
            self.teelog("mcp", "--data", self.data, "--trust-on-first-use", "--url", url, code=2)


if __name__ == "__main__":
    main()
