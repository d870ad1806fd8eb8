"""What was found wrong in plugin-tee-log, against an agent with the plugin that takes its place: the
service's methods, the routes, and what becomes of a bundle of its that somebody alters."""
import hashlib
import importlib.util
import json
import unittest

from elizaos import ROOT, Agents, Case, ready

spec = importlib.util.spec_from_file_location("alter", ROOT / "examples" / "demo" / "alter.py")
alter = importlib.util.module_from_spec(spec)
spec.loader.exec_module(alter)

LEAF = 2
SPACES = " " * 80
REPORT_DATA = 368  # where it begins in a quote of SGX


class Original(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = ready("2")

    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")
        self.agents = Agents(self.folder, "2", {**self.env, "TEELOG_SOCKET": self.service.socket,
                                                "TEELOG_LOG_KEY": self.service.status()["logKey"]}, self.path("agent.err"))
        self.addCleanup(self.agents.close)
        self.tee = self.agents.ask("start", agent="Tee")["agentId"]

    def call(self, method, *args, agent="Tee"):
        return self.agents.ask("service", agent=agent, method=method, args=args)

    def route(self, method, path, token=None, **more):
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self.agents.ask("route", agent="Tee", method=method, path=path, headers=headers, **more)

    def token(self, *options):
        self.teelog("token", "create", "--data", self.data, *options, "-o", "token")
        with open(self.path("token"), encoding="utf-8") as f:
            return f.read().strip()

    def test_every_member_is_covered_and_nothing_can_go(self):
        """Findings 1 to 4."""
        self.agents.ask("message", agent="Tee", text=f"pay{SPACES}bob", actions=["TRANSFER_FUNDS"], reply=SPACES)
        # With | between them these were the same.
        self.assertIs(self.call("log", self.tee, "A", "B|C", "t", "x")["value"], True)
        self.assertIs(self.call("log", self.tee, "A|B", "C", "t", "x")["value"], True)
        self.agents.ask("stop", agent="Tee")
        self.teelog("export", "--data", self.data, "-o", "good")
        self.teelog("policy", "init", "good", "-o", "policy")
        self.assertEqual(self.verdict("good", "--policy", "policy")["verdict"], "TRUSTED")
        with open(self.path("good"), "rb") as f:
            data = f.read()
        reader, items = alter.Reader(data), []
        while reader.at < len(data):
            items.append(reader.item())
        self.assertEqual(b"".join(alter.encode(i) for i in items), data)
        records = [i for i, item in enumerate(items) if item[0] == LEAF and item[-1] and b"teelog-statement" in item[2] and b"teelog.session" not in item[2]
                   and b"teelog.end" not in item[2]]
        self.assertGreaterEqual(len(records), 7)
        for what, change in self.changes(records):
            with self.subTest(what=what):
                copy = [list(item) for item in items]
                copy = change(copy) or copy
                with open(self.path("bad"), "wb") as f:
                    f.write(b"".join(alter.encode(i) for i in copy))
                self.assertEqual(self.verdict("bad", "--policy", "policy")["verdict"], "REJECTED")
        with open(self.path("bad"), "wb") as f:
            f.write(data[:-100])
        self.assertEqual(self.verdict("bad", "--policy", "policy")["verdict"], "REJECTED")

    def changes(self, records):
        """What the host could do to a bundle of an agent's, record by record."""
        def member(at, label, value):
            def change(items):
                reader = alter.Reader(items[at][3])
                body = reader.item()
                body[label] = value
                items[at][3] = alter.encode(body)
            return change

        for at in records:
            for label, name in ((2, "room"), (3, "user"), (4, "content")):
                yield f"{name} of item {at}", member(at, label, "another")

            def statement(items, at=at):
                # Any byte of it: type, time, seq, the signature.
                raw = bytearray(items[at][2])
                raw[len(raw) // 2] ^= 1
                items[at][2] = bytes(raw)
            yield f"statement of item {at}", statement
            yield f"without item {at}", lambda items, at=at: items[:at] + items[at + 1:]
            yield f"item {at} twice", lambda items, at=at: items[:at] + [items[at]] + items[at:]

        def swap(items):
            one, two = records[0], records[1]
            items[one][2:], items[two][2:] = items[two][2:], items[one][2:]
        yield "in another order", swap

    def test_attestations_asked_for_together(self):
        """Finding 5: each is over its own data, whole."""
        self.call("log", self.tee, "r", "u", "t", "x")
        for n in range(8):
            self.agents.tell("service", agent="Tee", method="generateAttestation", args=[f"data {n}"])
        for n in range(8):
            attestation = json.loads(self.agents.answer()["value"])
            self.assertEqual(list(attestation), ["quote", "timestamp"])
            quote = bytes.fromhex(attestation["quote"][2:])
            nonce = hashlib.sha256(f"data {n}".encode()).digest()
            self.assertEqual(quote[REPORT_DATA + 32:REPORT_DATA + 64], hashlib.sha256(b"teelog/rest/v1\0" + nonce).digest())

    def test_routes(self):
        """Finding 6, and the original's clients."""
        self.agents.ask("message", agent="Tee", text="100% sure", actions=["CHECK_BALANCE"])
        routes = self.agents.ask("routes", agent="Tee")["routes"]
        for route in ("GET /tee/agents", "GET /tee/agents/:agentId", "POST /tee/logs"):
            self.assertIn(route, routes)
        paths = [r.split(" ") for r in routes if "/tee/" in r]
        for method, path in paths:
            self.assertEqual(self.route(method, path, params={"agentId": self.tee})["code"], 401)
            self.assertEqual(self.route(method, path, token="teelog_0000000000000000_x", params={"agentId": self.tee})["code"], 401)
        append = self.token("--scope", "append")
        self.assertEqual(self.route("GET", "/tee/agents", token=append)["code"], 403)
        other = self.token("--scope", "read", "--agent", "somebody-else")
        self.assertEqual(self.route("POST", "/tee/logs", token=other, body={"query": {"agentId": self.tee}})["code"], 403)
        read = self.token("--scope", "read")
        agents = self.route("GET", "/tee/agents", token=read)["data"]
        self.assertEqual([a["agentId"] for a in agents["agents"]], [self.tee])
        agent = self.route("GET", "/tee/agents/:agentId", token=read, params={"agentId": self.tee})["data"]["agent"]
        self.assertEqual(agent["agentId"], self.tee)
        self.assertEqual(self.route("GET", "/tee/agents/:agentId", token=read, params={"agentId": "nobody"}),
                         {"code": 404, "data": {"error": "Agent not found"}})
        for body in ({"pageSize": -1}, {"page": 0}, {"query": {"type": 7}}, {"query": {"agentid": "x"}}, []):
            self.assertEqual(self.route("POST", "/tee/logs", token=read, body=body)["code"], 400, body)
        for text, count in (("100%", 1), ("100_", 0), ("1%sure", 0)):
            logs = self.route("POST", "/tee/logs", token=read, body={"query": {"containsContent": text, "type": "Message:in"}})["data"]["logs"]
            self.assertEqual((logs["total"], len(logs["data"])), (count, count), text)
        nonce = "ab" * 16
        answer = self.route("POST", "/tee/logs", token=read, body={"nonce": nonce, "query": {"type": "Nothing"}})["data"]
        attestation = json.loads(answer.pop("attestation"))
        quote = bytes.fromhex(attestation["quote"][2:])
        a = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        self.assertEqual(quote[REPORT_DATA:REPORT_DATA + 64],
                         hashlib.sha256(a).digest() + hashlib.sha256(b"teelog/rest/v1\0" + bytes.fromhex(nonce)).digest())

    def test_methods(self):
        """Finding 7: each agent registers, and an error is one."""
        two = self.agents.ask("start", agent="Two")["agentId"]
        self.assertIs(self.call("log", self.tee, "room", "user", "Action:X", "one")["value"], True)
        self.assertIs(self.call("log", two, "room", "user", "Action:X", "two", agent="Two")["value"], True)
        self.assertEqual({a["agentId"] for a in self.call("getAllAgents")["value"]}, {self.tee, two})
        self.assertEqual(self.call("getAgent", self.tee)["value"]["agentId"], self.tee)
        self.assertIsNone(self.call("getAgent", "nobody")["value"])
        page = self.call("getLogs", {"agentId": two, "type": "Action:X"}, 1, 5)["value"]
        self.assertEqual((page["page"], page["pageSize"], page["total"]), (1, 5, 1))
        row = page["data"][0]
        self.assertEqual((row["roomId"], row["userId"], row["content"]), ("room", "user", "two"))
        self.assertIn("type", self.call("log", self.tee, "r", "u", "a|b", "x")["error"])
        self.service.stop()
        self.agents.ask("stop", agent="Two")
        self.assertIn("error", self.call("log", self.tee, "r", "u", "t", "x"))


if __name__ == "__main__":
    unittest.main()
