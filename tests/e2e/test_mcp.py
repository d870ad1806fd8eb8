"""`teelog mcp` between the MCP SDK's own client and published servers (@modelcontextprotocol/sdk,
server-everything, server-filesystem). Skipped where there is no npm, or nowhere to install from."""
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
sys.path.insert(0, str(HERE.parent / "interop"))
from mcp_lines import Lines, records  # noqa: E402
from npm.install import HERE as PINNED, install  # noqa: E402
from teelogtest import TEELOG, Case, main  # noqa: E402


def installed():
    """The folder with the packages, from the last run where that had the same."""
    folder = pathlib.Path(os.environ.get("TEELOG_E2E", os.path.join(tempfile.gettempdir(), "teelog-e2e")), "mcp")
    marker, lock = folder / "installed", (PINNED / "mcp" / "package-lock.json").read_bytes()
    if not marker.exists() or marker.read_bytes() != lock:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        missing = install("mcp", folder)
        if missing:
            raise unittest.SkipTest(missing)
        marker.write_bytes(lock)
    return folder


def request(number, method, **params):
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def tool(number, name, **arguments):
    return request(number, "tools/call", name=name, arguments=arguments)


class Published(Case):
    @classmethod
    def setUpClass(cls):
        cls.modules = installed()
        shutil.copy(HERE / "mcp_client.mjs", cls.modules)
        published = pathlib.Path(cls.modules, "node_modules", "@modelcontextprotocol")
        cls.everything = ["node", str(published / "server-everything" / "dist" / "index.js")]
        cls.filesystem = ["node", str(published / "server-filesystem" / "dist" / "index.js")]

    def proxied(self, *server, options=()):
        if not hasattr(self, "service"):
            self.service = self.serve("--origin", "example.org/log")
        return [TEELOG, "mcp", "--data", self.data, "--log-key", self.service.status()["logKey"], "--name", "real",
                *options, "--", *server]

    def records(self):
        return records(self, "mcp")

    def wait_for(self, n):
        """Until so many records are there."""
        until = time.monotonic() + 60
        while len(self.records()) < n and time.monotonic() < until:
            time.sleep(0.1)
        return self.records()

    def client(self, cases, **plan):
        done = subprocess.run(["node", "mcp_client.mjs"], cwd=self.modules, check=False, capture_output=True, text=True,
                              timeout=300, input=json.dumps({"cases": cases, "env": self.env, **plan}))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def sdk(self, cases, *server, options=()):
        command, *args = self.proxied(*server, options=options)
        return self.client(cases, command=command, args=args)

    def talk(self, command, script):
        """Says each line once the one before it, where it is a request, has been answered; all that comes back."""
        p = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             env=self.env)
        try:
            lines, heard = Lines(p.stdout.fileno()), []
            for line in script:
                p.stdin.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
                p.stdin.flush()
                while isinstance(line, dict) and "id" in line:
                    heard.append(lines.read())
                    if json.loads(heard[-1]).get("id") == line["id"]:
                        break
            p.stdin.close()
            while line := lines.read():
                heard.append(line)
            return heard, p.wait(30)
        finally:
            p.kill()
            p.wait()
            p.stdin.close()
            p.stdout.close()


class Stdio(Published):
    def test_byte_for_byte(self):
        script = [request(0, "initialize", protocolVersion="2025-06-18", capabilities={},
                          clientInfo={"name": "e2e", "version": "1"}),
                  {"jsonrpc": "2.0", "method": "notifications/initialized"},
                  request("list", "tools/list"), request(2, "resources/list"), request(3, "prompts/list"),
                  tool(4, "echo", message="ü \u2028 \"x\" \\ 😀"), tool("five", "get-sum", a=1, b=2.5),
                  tool(6, "get-tiny-image"), tool(7, "get-structured-content", location="New York"),
                  tool(8, "echo"), tool(9, "no-such-tool"), request(10, "no/such/method"),
                  b"this is not JSON\n", b"{\"jsonrpc\":\"2.0\",\"id\":11,\n", b"[]\n",
                  tool(12, "get-annotated-message", messageType="success", includeImage=True),
                  {"jsonrpc": "2.0", "id": 13, "method": "tools/call", "params": {
                      "name": "trigger-long-running-operation", "arguments": {"duration": 0.3, "steps": 3},
                      "_meta": {"progressToken": "p"}}},
                  request(14, "ping")]
        direct, direct_code = self.talk(self.everything, script)
        through, through_code = self.talk(self.proxied(*self.everything), script)
        self.assertEqual(direct_code, through_code)
        self.assertEqual(len(direct), len(through))
        receipts = 0
        for plain, line in zip(direct, through):
            receipt = json.loads(line).get("result", {}).get("_meta", {}).get("teelog/receipt")
            if receipt:
                receipts += 1
                member = b'"teelog/receipt":' + json.dumps(receipt, separators=(",", ":")).encode()
                for added in (b',"_meta":{' + member + b"}", b'"_meta":{' + member + b"}", b"," + member, member):
                    if added in line:
                        line = line.replace(added, b"")
                        break
            self.assertEqual(plain, line)
        calls = [r for r in self.records() if r["type"] == "mcp.tools/call"]
        outcomes = [r for r in calls if r["content"]["phase"] != "intent"]
        self.assertEqual([r["content"]["requestId"] for r in outcomes], [4, "five", 6, 7, 8, 9, 12, 13])
        self.assertEqual(receipts, sum(r["content"]["phase"] == "result" for r in outcomes))
        self.assertEqual(len([r for r in self.records() if r["type"] == "mcp.unreadable"]), 2)
        # What the log has of each result is what the server said.
        for record in outcomes:
            answer = next(json.loads(a) for a in direct if json.loads(a).get("id") == record["content"]["requestId"])
            self.assertEqual(record["content"][record["content"]["phase"]],
                             answer.get("result", answer.get("error")))

    def test_the_sdks_client(self):
        said = self.sdk([
            {"list": True},
            {"call": {"name": "echo", "arguments": {"message": "hello"}}},
            {"call": {"name": "get-structured-content", "arguments": {"location": "Chicago"}}},
            {"call": {"name": "trigger-long-running-operation", "arguments": {"duration": 0.4, "steps": 4}}, "progress": True},
            {"call": {"name": "trigger-long-running-operation", "arguments": {"duration": 4, "steps": 40}}, "abort": True},
            {"call": {"name": "echo", "arguments": {"message": "still there"}}},
        ], *self.everything)
        tools, echo, structured, long, aborted, last = said["said"]
        # Of the call that was given up, the server goes on to tell.
        self.assertEqual([e for e in said["errors"] if "for an unknown token" not in e], [])
        self.assertIn("echo", tools)
        self.assertEqual(echo["text"], "Echo: hello")
        self.assertIn("temperature", structured["structured"])
        self.assertEqual(long["progress"], [1, 2, 3, 4])
        self.assertIn("failed", aborted)
        self.assertEqual(last["text"], "Echo: still there")
        found = {r["index"]: r for r in self.records()}
        for case in (echo, structured, long, last):
            intent, result = (found[case["receipt"][k]] for k in ("intent", "result"))
            self.assertEqual((intent["content"]["phase"], result["content"]["phase"], result["ref"]),
                             ("intent", "result", intent["index"]))
        phases = [r["content"]["phase"] for r in found.values()]
        self.assertEqual((phases.count("intent"), phases.count("cancelled")), (5, 1))
        bundle = self.path("b.teelog")
        self.teelog("export", "--data", self.data, "-o", bundle)
        self.assertEqual(self.verdict(bundle)["verdict"], "UNPINNED")

    def test_a_large_result(self):
        folder = os.path.realpath(self.path("files"))
        os.mkdir(folder)
        size = 3 << 20
        pathlib.Path(folder, "large.txt").write_text("0123456789abcdef" * (size // 16), encoding="ascii")
        said = self.sdk([{"call": {"name": "read_text_file", "arguments": {"path": folder + "/large.txt"}}}],
                        *self.filesystem, folder)
        [read] = said["said"]
        self.assertGreater(read["sizes"][0], size)
        self.assertEqual(self.records()[-1]["index"], read["receipt"]["result"])
        self.assertGreater(self.records()[-1]["content"]["result"]["bytes"], size)

    def test_a_server_that_is_killed(self):
        pid = self.path("pid")
        command, *args = self.proxied("sh", "-c", f"echo $$ > {pid}; exec \"$@\"", "sh", *self.everything)
        said = self.client([{"call": {"name": "trigger-long-running-operation", "arguments": {"duration": 60, "steps": 600}},
                             "kill": True}], command=command, args=args, pid_file=pid)
        self.assertEqual(said["said"], [{"failed": -32000}])  # the connection has closed
        intent, failure = self.wait_for(2)
        self.assertEqual((failure["content"]["phase"], failure["ref"]), ("failure", intent["index"]))
        self.assertIn("signal 9", failure["content"]["reason"])

    def test_a_call_that_cannot_be_logged(self):
        folder = os.path.realpath(self.path("files"))
        os.mkdir(folder)
        command, *args = self.proxied(*self.filesystem, folder, options=("--log-timeout", "1"))
        self.service.stop()
        said = self.client([{"list": True}, {"call": {"name": "write_file", "arguments": {
            "path": folder + "/x", "content": "y"}}}], command=command, args=args)
        self.assertIn("write_file", said["said"][0])
        self.assertEqual(said["said"][1]["failed"], -31001)
        self.assertIn("not logged", said["said"][1]["message"])
        self.assertEqual(os.listdir(folder), [])


class Http(Published):
    def setUp(self):
        super().setUp()
        for _ in range(5):  # another may take the port meanwhile
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            self.server = subprocess.Popen([*self.everything, "streamableHttp"], env=self.env | {"PORT": str(self.port)},
                                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.addCleanup(self.server.stderr.close)
            self.addCleanup(self.server.wait)
            self.addCleanup(self.server.kill)
            if b"listening" in self.server.stderr.readline():
                break
        else:
            self.fail("the server does not listen")
        self.service = self.serve("--origin", "example.org/log")
        self.proxy = subprocess.Popen(
            [TEELOG, "mcp", "--data", self.data, "--log-key", self.service.status()["logKey"], "--url",
             f"http://127.0.0.1:{self.port}/mcp"], stdout=subprocess.PIPE, env=self.env, text=True)
        self.addCleanup(self.proxy.stdout.close)
        self.addCleanup(self.proxy.wait)
        self.addCleanup(self.proxy.terminate)
        self.url = self.proxy.stdout.readline().removeprefix("ready: ").strip()

    def post(self, url, message, session=None):
        """(session, what the events of the answer hold)."""
        fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if session:
            fields |= {"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-03-26"}
        asked = urllib.request.Request(url, json.dumps(message).encode(), fields)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            body = answer.read().decode()
            data = [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]
            return answer.headers["Mcp-Session-Id"], [d for d in data if d]

    def test_the_sdks_client(self):
        said = self.client([
            {"list": True}, {"call": {"name": "echo", "arguments": {"message": "hello"}}},
            {"call": {"name": "trigger-long-running-operation", "arguments": {"duration": 0.4, "steps": 4}}, "progress": True},
            {"call": {"name": "trigger-long-running-operation", "arguments": {"duration": 4, "steps": 40}}, "abort": True},
            {"call": {"name": "get-tiny-image", "arguments": {}}}], url=self.url)
        tools, echo, long, aborted, image = said["said"]
        self.assertIn("echo", tools)
        self.assertEqual((echo["text"], long["progress"]), ("Echo: hello", [1, 2, 3, 4]))
        self.assertIn("failed", aborted)
        found = {r["index"]: r for r in self.records()}
        for case in (echo, long, image):
            self.assertEqual(found[case["receipt"]["result"]]["ref"], case["receipt"]["intent"])
        self.assertEqual([r["content"]["phase"] for r in found.values()].count("cancelled"), 1)

    def test_batches(self):
        heard = []
        for url in (f"http://127.0.0.1:{self.port}/mcp", self.url):
            session, _ = self.post(url, request(0, "initialize", protocolVersion="2025-03-26", capabilities={},
                                                clientInfo={"name": "e2e", "version": "1"}))
            self.post(url, {"jsonrpc": "2.0", "method": "notifications/initialized"}, session)
            heard.append(self.post(url, [tool(1, "echo", message="a"), request(2, "ping"), tool("b", "get-sum", a=1, b=2)],
                                   session)[1])
        direct, through = heard
        receipts = []
        for i, line in enumerate(through):
            receipt = json.loads(line).get("result", {}).get("_meta", {}).get("teelog/receipt")
            if receipt:
                receipts.append(receipt)
                member = '"_meta":{"teelog/receipt":' + json.dumps(receipt, separators=(",", ":")) + "}"
                through[i] = line.replace("," + member, "").replace(member, "")
        self.assertEqual(sorted(direct), sorted(through))
        self.assertEqual(len(receipts), 2)
        self.assertEqual([r["content"]["phase"] for r in self.records()], ["intent", "intent", "result", "result"])

    def test_a_server_that_is_killed(self):
        session, _ = self.post(self.url, request(0, "initialize", protocolVersion="2025-03-26", capabilities={},
                                                 clientInfo={"name": "e2e", "version": "1"}))

        def kill():
            self.wait_for(1)
            self.server.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with self.assertRaises((http.client.HTTPException, OSError)):
            self.post(self.url, tool(1, "trigger-long-running-operation", duration=60, steps=1), session)
        killer.join()
        self.proxy.terminate()  # its stream could be taken up again: until here its answer is awaited
        self.assertEqual(self.proxy.wait(30), 0)
        intent, failure = self.records()
        self.assertEqual((failure["content"]["phase"], failure["ref"]), ("failure", intent["index"]))


if __name__ == "__main__":
    main()
