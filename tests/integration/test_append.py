"""`teelog append`: receipts in order, bad lines named, nothing lost or doubled."""
import json
import os
import socket
import threading
import time

from teelogtest import TEELOG, TRANSCRIPT, Case, lines, main, piped, record


class Append(Case):
    def test_receipts_come_in_the_order_of_the_lines(self):
        service = self.serve()
        got = self.append([record("alice"), record("bob"), record("alice")])
        self.assertEqual([(r["index"], r["seq"], r["agentId"]) for r in got],
                         [(2, 1, "alice"), (4, 1, "bob"), (5, 2, "alice")])
        for r in got:
            self.assertEqual(set(r), {"index", "seq", "agentId", "leafHash", "treeSize", "class",
                                      "simulated"})
            self.assertRegex(r["leafHash"], "^[0-9a-f]{64}$")
            self.assertEqual(r["class"], "signed")
            self.assertIs(r["simulated"], True)
            self.assertGreater(r["treeSize"], r["index"])
        self.assertEqual(service.status()["size"], 6)

    def test_a_real_transcript(self):
        self.serve()
        got = self.append(TRANSCRIPT.read_text(encoding="utf-8"))
        self.assertEqual(len(got), 229)
        self.assertEqual([r["seq"] for r in got], list(range(1, 230)))

    def test_a_new_session_for_who_was_started_again(self):
        service = self.serve()

        def post(query, *records, token=None):
            body = lines(records)
            allowed = f"Authorization: Bearer {token}\r\n" if token else ""
            status, _, answer = service.ask(f"POST /v1/records{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{allowed}"
                                            f"Content-Length: {len(body)}\r\n\r\n{body}")
            return status, [json.loads(line) for line in answer.decode().splitlines()]

        first, second = record("alice", "one", requestId="1"), record("alice", "two", requestId="2")
        self.assertEqual([r["index"] for r in post("", first)[1]], [2])
        # A batch opens one session of an agent, however many records it has, and a repeat none.
        self.assertEqual([r["index"] for r in post("?session=new", second, record("alice"), record("bob"))[1]], [4, 5, 7])
        self.assertEqual([r["index"] for r in post("?session=new", second)[1]], [4])
        self.assertEqual([r["index"] for r in post("", record("alice"))[1]], [8])
        self.assertEqual(post("?session=old", first)[0], 400)
        sessions = [json.loads(service.get(f"/v1/records/{i}")[2])["session"] for i in (2, 4, 5, 8)]
        self.assertEqual(sessions, [1, 3, 3, 3])
        # Nobody closes a session of an agent that he may not append for.
        self.teelog("token", "create", "--data", self.data, "--scope", "append", "--agent", "bob", "-o", "token")
        with open(self.path("token"), encoding="utf-8") as f:
            token = f.read().strip()
        self.assertEqual(post("?session=new", record("alice"), token=token)[0], 403)
        self.assertEqual(post("?session=new&partial=1", record("alice"), token=token)[1][0]["line"], 1)
        self.assertEqual([r["index"] for r in post("", record("alice"))[1]], [9])

    def test_bad_lines_are_named_and_the_rest_goes_on(self):
        service = self.serve()
        good = json.dumps(record())
        bad = [
            ("", None), ("{", None), ("null", None), ("[1]", None), (good + good, None),
            (json.dumps(record(agent=None)), "agentId"), (json.dumps(record(agent=7)), "agentId"),
            (json.dumps(record(agent="")), "agentId"),
            (json.dumps(record(agent="a b")), "agentId"),
            (json.dumps(record(agent="a" * 129)), "agentId"),
            (json.dumps(record(agent="ü")), "agentId"),
            (json.dumps(record(roomId="x" * 257)), "roomId"),
            (json.dumps(record(roomId=["x"])), "roomId"),
            (json.dumps(record(userId="x" * 257)), "userId"),
            (json.dumps(record(userId=None)), "userId"),
            (json.dumps(record(type="teelog.end")), "type"),
            (json.dumps(record(type="")), "type"), (json.dumps(record(type="a\nb")), "type"),
            (json.dumps(record(type="x" * 65)), "type"),
            (json.dumps(record(content=5)), "content"),
            (json.dumps(record(content="x" * 1048577)), "content"),
            (json.dumps(record(ref=-1)), "ref"), (json.dumps(record(ref="0")), "ref"),
            (json.dumps(record(ref=0)), "ref"), (json.dumps(record(ref=10 ** 6)), "ref"),
            (json.dumps(record(ref=2 ** 60)), "ref"),
            (json.dumps(record(attributes={})), "attributes"),
            (json.dumps(record(attributes=[])), "attributes"),
            (json.dumps(record(attributes={"x": 0.5})), "attributes"),
            (json.dumps(record(attributes={"x": 2 ** 53})), "attributes"),
            (json.dumps(record(attributes={"x": "y" * 65536})), "attributes"),
            (json.dumps(record(requestId="")), "requestId"),
            (json.dumps(record(requestId="x" * 129)), "requestId"),
            (json.dumps(record(extra=1)), "extra"),
            (good[:-1] + ',"type":"x"}', "type"),
            ('{"agentId":"\\ud800"}', None),
        ]
        text = good + "\n" + "".join(line + "\n" + good + "\n" for line, _ in bad)
        got = self.append(text, code=3)
        self.assertEqual(len(got), 2 * len(bad) + 1)
        for i, (line, field) in enumerate(bad):
            with self.subTest(line=line[:80]):
                self.assertEqual(got[2 * i + 1].get("line"), 2 * i + 2)
                self.assertEqual(got[2 * i + 1].get("field"), field)
                self.assertTrue(got[2 * i + 1]["error"])
        self.assertEqual([r["seq"] for r in got[::2]], list(range(1, len(bad) + 2)))
        self.assertEqual(service.status()["size"], len(bad) + 3)

    def test_agents_sign_by_es256k_where_they_ask(self):
        service = self.serve()
        self.append([record("alice"), record("bob")])
        got = self.append([record("bob"), record("bob")], "--alg", "ES256K")
        self.assertEqual([r["seq"] for r in got], [3, 4])  # after bob's second session
        self.assertEqual(self.append([record("bob")])[0]["seq"], 5)  # which goes on

        def agents_now():
            listed = json.loads(service.get("/v1/agents")[-1])["agents"]
            return {a["id"]: a for a in listed}

        agents = agents_now()
        self.assertEqual({k: a["alg"] for k, a in agents.items()}, {"alice": "ES256", "bob": "ES256K"})
        for a in agents.values():
            self.assertRegex(a["publicKey"], "^0[23][0-9a-f]{64}$")
        self.assertRegex(self.teelog("agents", "--data", self.data).stdout,
                         r"bob .* open since 5, ES256K\n")
        self.append([record("bob")], "--alg", "ES256")
        self.assertEqual(agents_now()["bob"]["alg"], "ES256")
        bundle = self.path("mixed.teelog")
        self.teelog("export", "--data", self.data, "-o", bundle)
        report = json.loads(self.teelog("verify", bundle, "--json", code=4).stdout)
        self.assertEqual([(a["agent"], a["sessions"], a["sessions_es256k"])
                          for a in report["scope"]["agents"]], [("alice", 1, 0), ("bob", 3, 1)])
        self.assertIn("bob: 8 statements, seq 0..7, 3 sessions (1 by ES256K)",
                      self.teelog("verify", bundle, code=4).stdout)
        done = self.teelog("append", "--data", self.data, "--alg", "ES384", code=2)
        self.assertIn("--alg is ES256 or ES256K, not ES384", done.stderr)

    def test_bytes_that_are_not_utf8(self):
        self.serve()
        line = json.dumps(record()).encode().replace(b"USDC", b"\xff\xfe")
        done = self.teelog("append", "--data", self.data, stdin=line + b"\n", code=3, text=False)
        self.assertEqual(json.loads(done.stdout)["line"], 1)

    def test_lines_of_every_length(self):
        self.serve()
        good = json.dumps(record())
        long = json.dumps(record(content="x" * (9 << 20)))
        most = json.dumps(record(content="\x01" * (1 << 20)))  # 6 MiB of JSON
        got = self.append("\n".join([good, long, most, good, long]), code=3)
        self.assertEqual([r.get("seq", r.get("line")) for r in got], [1, 2, 2, 3, 5])

    def test_the_last_line_needs_no_newline(self):
        self.serve()
        self.assertEqual(len(self.append(json.dumps(record()))), 1)
        self.assertEqual(self.append(""), [])

    def test_many_batches_keep_their_order(self):
        service = self.serve()
        records = [record(f"agent-{i % 3}", f"n{i}") for i in range(5000)]
        records[2500] = {}
        got = self.append(records, code=3)
        self.assertEqual(got[2500]["line"], 2501)
        del got[2500]
        self.assertEqual([r["index"] for r in got], sorted(r["index"] for r in got))
        self.assertEqual(len(got), 4999)
        self.assertEqual(service.status()["size"], 1 + 3 + 4999)

    def test_more_than_one_request_takes_is_split(self):
        """8 MiB and 16384 lines are the most; one line may have all of that by itself."""
        service = self.serve()
        text = lines([record()] * 40000)
        self.assertGreater(text.count("\n"), 2 * 16384)
        got = self.append(text)
        self.assertEqual([r["seq"] for r in got], list(range(1, 40001)))
        large = lines([record(content="x" * 1000000)] * 20)
        self.assertGreater(len(large), 2 * (8 << 20))
        got = self.append(large)
        self.assertEqual([r["seq"] for r in got], list(range(40001, 40021)))
        for body, status in ((lines([record()] * 16384), 200), (lines([record()] * 16385), 413), (large, 413)):
            answer = service.ask("POST /v1/records HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                 f"Content-Length: {len(body)}\r\n\r\n{body if len(body) < 8 << 20 else ''}")
            self.assertEqual(answer[0], status)

    def test_one_record_is_answered_before_the_next_is_written(self):
        self.serve()
        with piped([TEELOG, "append", "--data", self.data], self.env) as p:
            slowest = 0
            for i in range(20):
                start = time.monotonic()
                p.stdin.write(lines([record(content=f"n{i}")]))
                p.stdin.flush()
                self.assertEqual(json.loads(p.stdout.readline())["seq"], i + 1)
                slowest = max(slowest, time.monotonic() - start)
            self.assertLess(slowest, 5)
            p.stdin.close()
            self.assertEqual(p.wait(30), 0)

    def test_the_agent_may_come_from_the_command(self):
        self.serve()
        got = self.append([record(agent=None), record(agent="bob")], "--agent", "7b/a:2@x.y")
        self.assertEqual([r["agentId"] for r in got], ["7b/a:2@x.y", "bob"])

    def test_ref_attributes_and_request_ids(self):
        self.serve()
        first = self.append([record(requestId="q1")])[0]
        got = self.append([record(ref=first["index"], attributes={"tx": "0x1", "n": [1, None]})])
        self.assertEqual(got[0]["seq"], 2)
        again = self.append([record(requestId="q1")])[0]
        self.assertTrue(again["repeated"])
        self.assertEqual(again["index"], first["index"])
        other = self.append([record(requestId="q1", content="something else")], code=3)[0]
        self.assertEqual(other["line"], 1)
        self.assertIn("request", other["error"])

    def test_full_receipts(self):
        service = self.serve()
        got = self.append([record(), {}], "--full", code=3)
        self.assertEqual(got[0]["checkpoint"].encode(), service.get("/checkpoint")[2])
        self.assertTrue(got[0]["statement"])
        self.assertIsInstance(got[0]["path"], list)
        self.assertEqual(got[1]["field"], "agentId")

    def test_a_busy_service_is_asked_again(self):
        """Two batches under way: the first refused for now, both sent again in order."""
        path = self.path("fake")
        bodies = []

        def busy(connection):
            connection.recv(1 << 20)
            connection.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 3\r\n"
                               b"Connection: close\r\n\r\n{}\n")
            connection.close()

        def good(connection):
            stream = connection.makefile("rb")
            while head := stream.readline():
                while head != b"\r\n":
                    if head.lower().startswith(b"content-length:"):
                        size = int(head.split(b":")[1])
                    head = stream.readline()
                bodies.append(stream.read(size))
                answer = b"".join(b'{"n":%s}\n' % json.loads(line)["content"].encode()
                                  for line in bodies[-1].splitlines())
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
                                   + answer)
            connection.close()

        def serve():
            busy(listener.accept()[0])
            good(listener.accept()[0])

        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            thread = threading.Thread(target=serve)
            thread.start()
            done = self.teelog("append", "--socket", path,
                               stdin=lines(record(content=str(i)) for i in range(1500)))
            thread.join()
        self.assertEqual([json.loads(line)["n"] for line in done.stdout.splitlines()],
                         list(range(1500)))
        self.assertEqual(sum(b.count(b"\n") for b in bodies), 1500)

    def answered(self, answer, records):
        """What `append` says where this is the answer to all that it sends, and how
        often it has connected."""
        connections = []
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path("once"))
            listener.listen()

            def serve():
                while True:
                    with listener.accept()[0] as connection:
                        if not connection.recv(1 << 20):
                            return
                        connections.append(1)
                        connection.sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            try:
                done = self.teelog("append", "--socket", self.path("once"), stdin=lines(records),
                                   code=3)
            finally:
                with socket.socket(socket.AF_UNIX) as last:
                    last.connect(self.path("once"))
                thread.join()
        os.unlink(self.path("once"))
        return [json.loads(line) for line in done.stdout.splitlines()], len(connections)

    def test_what_may_have_been_appended_is_not_sent_again(self):
        for status in (b"503 No", b"500 No"):
            said, connections = self.answered(
                b"HTTP/1.1 " + status + b"\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}\n",
                [record()] * 2)
            self.assertEqual(connections, 1)
            self.assertEqual([r["line"] for r in said], [1, 2])
            for r in said:
                self.assertEqual(r["error"], "the outcome is unknown; repeat it with a requestId")

    def test_what_was_refused_is_not_called_unknown(self):
        for status in (b"401 No", b"507 No"):
            said, connections = self.answered(
                b"HTTP/1.1 " + status + b"\r\nContent-Length: 3\r\nConnection: close\r\n\r\n{}\n",
                [record()])
            self.assertEqual((said[0]["line"], connections), (1, 1))
            self.assertIn("not appended", said[0]["error"])

    def test_a_service_that_answers_nonsense(self):
        for answer in (b"", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                       b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n{}",
                       b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"n":1}\n' * 2):
            path = self.path("nonsense")
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path)
                listener.listen()

                def serve(answer=answer, listener=listener):
                    connection = listener.accept()[0]
                    connection.recv(1 << 20)
                    connection.sendall(answer)
                    connection.close()

                thread = threading.Thread(target=serve)
                thread.start()
                done = self.teelog("append", "--socket", path, stdin=lines([record()] * 2), code=3)
                thread.join()
            os.unlink(path)
            self.assertTrue(done.stderr.startswith("teelog: append"), done.stderr)
            said = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual([r["line"] for r in said], [1, 2])

    def test_without_a_service(self):
        done = self.teelog("append", "--data", self.data, stdin=lines([record()]), code=3)
        self.assertIn("teelog: ", done.stderr)
        self.assertIn("teelog serve", done.stderr)
        done = self.teelog("append", "--socket", "/" + "x" * 200, code=3)
        self.assertIn("107", done.stderr)

    def test_a_service_that_is_killed_leaves_no_line_unanswered(self):
        service = self.serve()
        with piped([TEELOG, "append", "--data", self.data], self.env) as p:
            p.stdin.write(lines([record()]))
            p.stdin.flush()
            p.stdout.readline()
            service.process.kill()
            service.process.wait()
            out, err = p.communicate(lines([record(), record()]), timeout=60)
        self.assertEqual(p.returncode, 3)
        self.assertIn("teelog: append", err)
        for line in out.splitlines():
            self.assertIn("error", json.loads(line))


if __name__ == "__main__":
    main()
