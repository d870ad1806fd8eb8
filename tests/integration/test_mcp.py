"""`teelog mcp` over stdio, between an agent and a server that are both this test: each byte is known."""
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import liar
from mcp_lines import PATIENCE, SANITIZED, Lines, records
from teelogtest import TEELOG, Case, main
from test_usage import KEY

RELAY = pathlib.Path(__file__).with_name("mcp_relay.py")


def call(number, tool="pay", arguments='{"to": "bob"}', more=""):
    return (f'{{"jsonrpc":"2.0","id":{number},"method":"tools/call",'
            f'"params":{{"name":"{tool}","arguments":{arguments}{more}}}}}\n').encode()


def result(number, body='"content":[]'):
    return f'{{"jsonrpc":"2.0","id":{number},"result":{{{body}}}}}\n'.encode()


def digest(text):
    text = text if isinstance(text, bytes) else text.encode()
    return {"sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text)}


class Proxy(Case):
    """A service, the proxy, and both of its ends."""

    def start(self, *options, code=0, key=True, log=None):
        """log: its socket, where that is not the service's own."""
        if not hasattr(self, "service"):
            self.service = self.serve("--origin", "example.org/log")
        self.key = self.service.status()["logKey"]
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        path = self.path(f"relay-{time.monotonic_ns()}")
        listener.bind(path)
        listener.listen(1)
        pin = ["--log-key", self.key] if key else []
        self.proxy = subprocess.Popen(
            [TEELOG, "mcp", *(["--socket", log] if log else ["--data", self.data]), "--agent", "alice", "--name", "bank", *pin, *options,
             "--", sys.executable, str(RELAY), path, str(code)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env)
        self.addCleanup(self.end)
        listener.settimeout(PATIENCE)
        self.server = listener.accept()[0]
        self.addCleanup(self.server.close)
        self.to_server = Lines(self.server.fileno())
        self.to_agent = Lines(self.proxy.stdout.fileno())
        self.server_pid = int(self.to_server.read())

    def end(self):
        if self.proxy.poll() is None:
            self.proxy.kill()
        self.proxy.wait()
        for pipe in (self.proxy.stdin, self.proxy.stdout, self.proxy.stderr):
            pipe.close()

    def say(self, data):
        self.proxy.stdin.write(data)
        self.proxy.stdin.flush()

    def hears(self, data):
        self.assertEqual(self.to_server.read(), data)

    def records(self):
        return records(self, "alice")

    def phases(self):
        return [(r["type"].removeprefix("mcp."), r["content"]["phase"]) for r in self.records()]

    def finish(self, code=0):
        """The agent goes, then the server; the exit code of the proxy."""
        self.proxy.stdin.close()
        self.assertEqual(self.to_server.read(), b"")
        self.server.close()
        self.assertEqual(self.to_agent.read(), b"")
        self.errors = self.proxy.stderr.read().decode()
        self.assertEqual(self.proxy.wait(PATIENCE), code, self.errors)

    def refused(self, line, number):
        """The agent got an error in place of an answer; its message."""
        error = json.loads(line)
        self.assertEqual((error["id"], error["error"]["code"]), (number, -31001))
        return error["error"]["message"]

    def receipt(self, line):
        return json.loads(line)["result"]["_meta"]["teelog/receipt"]

    def gets(self, want):
        """The agent gets these bytes, and the receipt that stands in place of @ in them."""
        line = self.to_agent.read()
        before, after = want.split(b"@")
        self.assertTrue(line.startswith(before), line)
        self.assertTrue(line.endswith(after), line)
        return json.loads(line[len(before):len(line) - len(after)])


class Calls(Proxy):
    def test_a_call_is_logged_before_and_after(self):
        self.start()
        self.say(call(1))
        self.hears(call(1))
        [intent] = self.records()
        self.assertEqual((intent["type"], intent["roomId"], intent["userId"]), ("mcp.tools/call", "bank", ""))
        self.assertEqual(intent["content"], {"phase": "intent", "server": "bank", "tool": "pay",
                                             "requestId": 1, "arguments": {"to": "bob"}})
        self.server.sendall(result(1))
        receipt = self.gets(b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"_meta":{"teelog/receipt":@}}}\n')
        intent, outcome = self.records()
        self.assertEqual(outcome["content"], {"phase": "result", "server": "bank", "tool": "pay",
                                              "requestId": 1, "result": {"content": []}})
        self.assertEqual(outcome["ref"], intent["index"])
        name, key_id, _ = self.key.split("+", 2)
        self.assertEqual(receipt, {"intent": intent["index"], "result": outcome["index"],
                                   "log": f"{name}+{key_id}", "class": "signed", "simulated": True})
        self.finish()
        self.assertEqual(len(self.records()), 2)

    def test_errors_and_errors_of_the_tool(self):
        self.start()
        self.say(call(1) + call(2))
        self.hears(call(1))
        self.hears(call(2))
        error = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"_meta":{}}}}\n'
        self.server.sendall(error + result(2, '"content":[],"isError":true'))
        self.assertEqual(self.to_agent.read(), error)
        self.assertIn("result", self.receipt(self.to_agent.read()))
        contents = [r["content"] for r in self.records()[2:]]
        self.assertEqual([c["phase"] for c in contents], ["error", "result"])
        self.assertEqual(contents[0]["error"]["code"], -32602)
        self.assertIs(contents[1]["isError"], True)

    def test_where_the_receipt_goes(self):
        self.start()
        cases = [('', b'"_meta":{"teelog/receipt":@}'),
                 (' ', b' "_meta":{"teelog/receipt":@}'),
                 ('"n":1.50e+3 ', b'"n":1.50e+3 ,"_meta":{"teelog/receipt":@}'),
                 ('"_meta":{},"a":1', b'"_meta":{"teelog/receipt":@},"a":1'),
                 ('"_meta" : { "x" : {"_meta":7} } ,"a":1', b'"_meta" : { "x" : {"_meta":7} ,"teelog/receipt":@} ,"a":1'),
                 (r'"\u005fmeta":{"x":2}', rb'"\u005fmeta":{"x":2,"teelog/receipt":@}'),
                 ('"_meta":{"teelog/receipt": {"intent":0} }', b'"_meta":{"teelog/receipt": @ }'),
                 ('"a":1,"a":2,"deep":' + "[" * 400 + "]" * 400,
                  b'"a":1,"a":2,"deep":' + b"[" * 400 + b"]" * 400 + b',"_meta":{"teelog/receipt":@}')]
        for i, (body, want) in enumerate(cases):
            self.say(call(i))
            self.hears(call(i))
            self.server.sendall(result(i, body))
            head, tail = result(i, "@").split(b"@")
            self.assertEqual(self.gets(head + want + tail)["result"], self.records()[-1]["index"])

    def test_no_receipt_where_there_is_no_place(self):
        self.start()
        for i, body in enumerate(['"_meta":null', '"_meta":{},"_meta":[]', '"_meta":{"a":1},"_meta":7']):
            self.say(call(i))
            self.hears(call(i))
            self.server.sendall(result(i, body))
            self.assertEqual(self.to_agent.read(), result(i, body))
        self.say(call(9))
        self.hears(call(9))
        self.server.sendall(b'{"id":9,"result":[1]}\n')
        self.assertEqual(self.to_agent.read(), b'{"id":9,"result":[1]}\n')
        self.assertEqual([p for _, p in self.phases()], ["intent", "result"] * 4)

    def test_receipts_of_others(self):
        self.start()
        forged = '"teelog/receipt":{"intent":1,"result":2,"log":"x","class":"signed"}'
        for i, body in enumerate(['"_meta":{' + forged + '}', '"_meta":{},"_meta":{' + forged + '}', '"_meta":{' + forged + '},"_meta":{}',
                                  '"_meta":{' + forged + ',' + forged + '}', '"_meta":{"teelog\\/receipt":7}', '"_meta":{' + forged + '},"_meta":null']):
            self.say(call(i))
            self.hears(call(i))
            self.server.sendall(result(i, body))
            line = self.to_agent.read()
            self.assertNotIn(forged.encode(), line)
            self.assertIn(b'"result":%d,"log"' % self.records()[-1]["index"], line)
            if not body.endswith("null"):
                self.assertEqual(self.receipt(line)["result"], self.records()[-1]["index"])

    def test_ids(self):
        self.start()
        # Clients take a text for the number that it says, and so do we.
        for mine, theirs in [('"a"', '"a"'), ('"\\u0061b"', '"ab"'), ("1.0", "1"), ("1e2", "100"), ("0", "-0"),
                             ("9007199254740993", "9007199254740992"), ('"1"', '"1"'), ("7", '"7"'), ("16", '" 0x10"'),
                             ('"8"', "8")]:
            self.say(call(mine))
            self.hears(call(mine))
            self.server.sendall(result(theirs))
            self.assertIn("result", self.receipt(self.to_agent.read()))
        self.say(call(1))
        self.hears(call(1))
        self.server.sendall(result('"1x"'))
        self.assertEqual(self.to_agent.read(), result('"1x"'))  # another's

    def test_an_id_twice(self):
        self.start()
        ping = b'{"jsonrpc":"2.0","id":%s,"method":"ping"}\n'
        self.say(call(1))
        self.hears(call(1))
        for line in (call(1, "second"), ping % b"1", ping % b'"1"', b"[" + call(5).strip() + b"," + call(5).strip() + b"]\n"):
            self.say(line)
            for answer in [answer for answer in [json.loads(self.to_agent.read())] for answer in (answer if isinstance(answer, list) else [answer])]:
                self.assertIn("with its id", answer["error"]["message"])
        self.say(ping % b"2")
        self.hears(ping % b"2")
        self.say(call(2))
        self.assertIn("with its id", self.refused(self.to_agent.read(), 2))
        self.server.sendall(result(2, ""))
        self.assertEqual(self.to_agent.read(), result(2, ""))
        self.say(call(2))  # now nobody else waits with it
        self.hears(call(2))
        self.server.sendall(result(1) + result(2))
        first, second = self.receipt(self.to_agent.read()), self.receipt(self.to_agent.read())
        self.assertLess(first["intent"], second["intent"])
        self.assertEqual([(r["content"]["requestId"], r["content"]["phase"]) for r in self.records() if r["content"]["requestId"] != 5],
                         [(1, "intent"), (2, "intent"), (1, "result"), (2, "result")])

    def test_who_answers_twice(self):
        self.start()
        self.say(call(1))
        self.hears(call(1))
        # A decoy that a strict client does not take, and then the answer.
        forged = '"content":[],"_meta":{"teelog/receipt":{"intent":1}}'
        self.server.sendall(b'{"id":1,"result":{}}\n' + result(1, forged) + b'{"id":"1","error":{"code":1}}\n')
        first, second = self.receipt(self.to_agent.read()), self.receipt(self.to_agent.read())
        self.assertEqual(json.loads(self.to_agent.read())["error"], {"code": 1})
        intent, *answers = self.records()
        self.assertEqual([(r["ref"], r["content"]["phase"], r["content"].get("again")) for r in answers],
                         [(intent["index"], "result", None), (intent["index"], "result", True), (intent["index"], "error", True)])
        self.assertEqual([r["result"] for r in (first, second)], [r["index"] for r in answers[:2]])
        self.assertEqual(answers[1]["content"]["result"], json.loads("{" + forged + "}"))

    def test_answers_to_nothing(self):
        self.start()
        stray = result('"0b1"')  # which JavaScript's Number reads
        self.server.sendall(stray)
        self.assertEqual(self.to_agent.read(), stray)  # nothing is awaited
        self.say(call(1))
        self.hears(call(1))
        for line in [stray, *[b"%d\n" % i for i in range(40)]]:
            self.server.sendall(line)
            self.assertEqual(self.to_agent.read(), line)
        self.server.sendall(result(1))
        self.assertIn("result", self.receipt(self.to_agent.read()))
        strays = [r["content"] for r in self.records() if r["type"] == "mcp.unreadable"]
        self.assertEqual(strays[0], {"phase": "result", "server": "bank", "from": "server", "why": "it is an answer to no request",
                                     "message": stray.decode()})
        self.assertEqual(len(strays), 18)
        self.assertIn("not recorded", strays[-1]["why"])
    def test_answers_without_end(self):
        self.start()
        self.say(call(1))
        self.hears(call(1))
        for _ in range(40):  # who has no brace in it is no answer to anybody
            self.server.sendall(b"x\n")
            self.assertEqual(self.to_agent.read(), b"x\n")
        decoy, forged = b'{"id":1,"result":{}}\n', result(1, '"_meta":{"teelog/receipt":{"intent":1}}')
        self.server.sendall(decoy + forged)
        self.receipt(self.to_agent.read())
        self.assertNotEqual(self.receipt(self.to_agent.read()), {"intent": 1})
        # Those of others' spellings count where all that was asked has been answered, too.
        nan = b'{"id":1,"result":{"x":NaN}}\n'
        for line in (result('"0b1"'), nan):
            self.server.sendall(line)
            self.assertEqual(self.to_agent.read(), line)
        self.assertEqual([r["content"]["message"] for r in self.records()[-2:]], [result('"0b1"').decode(), nan.decode()])
        # Beyond what is recorded nothing goes on that may be taken for an answer.
        self.server.sendall((forged + nan) * 20)
        last = b'{"jsonrpc":"2.0","method":"notifications/progress"}\n'
        self.server.sendall(last)
        passed = 0
        while (line := self.to_agent.read()) != last:
            passed += 1
        self.assertLessEqual(passed, 16)
        self.assertLessEqual(len([r for r in self.records() if r["content"]["phase"] != "intent"]), 60)
        self.say(call(2))
        self.hears(call(2))
        self.server.sendall(result(2))
        self.assertIn("result", self.receipt(self.to_agent.read()))
        self.finish()
        self.assertIn("withheld", self.errors)

    def test_calls_that_nobody_waits_for(self):
        self.start()
        line = b'{"method":"tools/call","params":{"name":"a"}}\n'
        self.say(line)
        self.hears(line)
        for number in (b"null", b"{}", b"[1]", b"true", b'"\\ud83d"'):
            self.say(b'{"id":' + number + b',"method":"tools\\/call","params":{"name":"b"}}\n')
            self.refused(self.to_agent.read(), None)
        self.assertEqual([(r["content"]["tool"], r["content"].get("requestId", 0)) for r in self.records()], [("a", 0)])
        self.finish()
        self.assertEqual(len(self.records()), 1)

    def test_rules(self):
        self.start("--rule", "get-*=digest", "--rule", "quiet=none", "--rule", "ping=pass", "--rule",
                   "half=text,digest", "--text-max", "40")
        arguments, body = '{"key": "s3"}', '"content":["x"]'
        for i, tool in enumerate(["get-env", "quiet", "ping", "half", "pay"]):
            self.say(call(i, tool, arguments))
            self.hears(call(i, tool, arguments))
            self.server.sendall(result(i, body))
            line = self.to_agent.read()
            self.assertEqual(line == result(i, body), tool == "ping")
        kept = [(r["content"]["tool"], r["content"].get("arguments"), r["content"].get("result"))
                for r in self.records()]
        sent = json.loads(arguments)
        self.assertEqual(kept, [
            ("get-env", digest(arguments), None), ("get-env", None, digest("{" + body + "}")),
            ("quiet", None, None), ("quiet", None, None),
            ("half", sent, None), ("half", None, digest("{" + body + "}")),
            ("pay", sent, None), ("pay", None, {"content": ["x"]})])
        # A name that is no name to fnmatch is no way around a rule for another.
        for name in ("ping\\u0000x", "quiet\\u0000", "ping" + "x" * 1100, "\\ud83d"):
            self.say(call(8, name, arguments))
            self.hears(call(8, name, arguments))
            self.server.sendall(result(8, body))
            self.assertIn("result", self.receipt(self.to_agent.read()))
            self.assertEqual([r["content"].get("arguments", r["content"].get("result")) for r in self.records()[-2:]],
                             [digest(arguments), digest("{" + body + "}")])
        long = json.dumps({"a": "x" * 40})
        self.say(call(9, "pay", long))
        self.hears(call(9, "pay", long))
        self.assertEqual(self.records()[-1]["content"]["arguments"], digest(long))
        # What cannot be read may be of a tool whose arguments are hidden.
        self.say(b"garbage\n")
        self.hears(b"garbage\n")
        self.assertEqual(self.records()[-1]["content"]["message"], digest("garbage\n"))

    def test_a_log_of_one_tool_alone(self):
        self.start("--rule", "pay=text", "--rule", "*=pass")
        for i, name in enumerate(("pay", "get", "pay\\u0000", "P\\u0061y")):
            self.say(call(i, name))
            self.hears(call(i, name))
        self.assertEqual([r["content"]["tool"] for r in self.records()], ["pay", "pay\0"])
        self.say(b"garbage\n")
        self.hears(b"garbage\n")
        self.assertEqual(self.records()[-1]["content"]["message"], digest("garbage\n"))

    def test_params_with_more(self):
        self.start()
        line = call(1, more=',"task":{"ttl":1},"_meta":{"progressToken":1}')
        self.say(line)
        self.hears(line)
        content = self.records()[0]["content"]
        self.assertNotIn("arguments", content)
        self.assertEqual(content["params"], json.loads(line)["params"])


class Transparent(Proxy):
    def test_the_same_bytes(self):
        self.start()
        others = [
            b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}\n',
            b' {"id" : 1.50e+3,\t"method":"tools\\/list"}\r\n', b'\n', b'  \r\n',
            b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"a":1,"a":2,"\\u0061":3}}\n',
            b'{"jsonrpc":"2.0","id":7,"result":{"roots":[]}}\n', b'[]\n',
            b'{"jsonrpc":"2.0","id":3,"method":"tools/callx"}\n',
            '{"jsonrpc":"2.0","id":4,"method":"x","params":"ü\u2028😀"}\n'.encode(),
        ]
        for line in others:
            self.say(line)
        self.server.sendall(b"".join(others))
        for line in others:
            self.hears(line)
            self.assertEqual(self.to_agent.read(), line)
        self.server.sendall(b"not JSON at all \xff\n")  # nobody waits for an answer
        self.assertEqual(self.to_agent.read(), b"not JSON at all \xff\n")
        self.assertEqual(self.records(), [])
        # Last lines without their ends, both ways.
        self.say(b'{"id":5,"method":"ping"}')
        self.proxy.stdin.close()
        self.assertEqual(self.to_server.read(), b'{"id":5,"method":"ping"}')
        self.server.sendall(b'{"id":5,"result":{}}')
        self.server.close()
        self.assertEqual(self.to_agent.read(), b'{"id":5,"result":{}}')
        self.assertEqual(self.proxy.wait(PATIENCE), 0)

    def test_what_cannot_be_read_is_logged_and_passed(self):
        self.start()
        lines = [b"garbage\n", b"{\n", b'"x"\n', b"\xff\n", b'{"jsonrpc":"2.0","id":1,\n', b"{}{}\n", b"1\n", b'{"a":\r1}\n']
        for line in lines:
            self.say(line)
            self.hears(line)
        found = self.records()
        self.assertEqual({r["type"] for r in found}, {"mcp.unreadable"})
        self.assertEqual([r["content"]["message"] for r in found],
                         [digest(line) if line == b"\xff\n" else line.decode() for line in lines])
        self.assertEqual({r["content"]["from"] for r in found}, {"agent"})
        # The same of the server counts where it may be an answer.
        self.say(call(1))
        self.hears(call(1))
        for line in (b'{"id":1,"result":{},"result":{}}\n', b"oops\n", b'{"id":1,"result":{},"error":{}}\n', b'{"ID":1,"result":{}}\n'):
            self.server.sendall(line)
            self.assertEqual(self.to_agent.read(), line)
        tail = self.records()[len(lines):]
        self.assertEqual([(r["type"], r["content"]["phase"]) for r in tail],
                         [("mcp.tools/call", "intent")] + [("mcp.unreadable", "result")] * 4)

    def test_what_may_be_a_call_to_another_is_refused(self):
        self.start()
        lines = [
            b'{"id":1,"method":"tools/call","params":{"name":"a"}}}\n', b'\xef\xbb\xbf{"id":1,"method":"tools/call","params":{"name":"a"}}\n',
            b'{"id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":NaN}}}\n',
            b'{"id":1,"method":"tools/call","params":{"name":"a","arguments":{"x":"\xff"}}}\n',
            b'{"id":1,"method":"ping","method":"tools/call","params":{"name":"a"}}\n',
            b'{"id":1,"Method":"tools/call","params":{"name":"a"}}\n', b'{"id":1,"m\\u0065thod":"tools/call","params":{"name":"a"}}\n',
            b'{"id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}\n',
            b'{"id":1,"method":"tools/call","params":{"name":"a","name":"b"}}\n',
            '{"id":1,"method":"tools/call","params":{"name":"a","argumentſ":{}}}\n'.encode(),
            b'{"id":1,"method":"tools/call","params":{"n\\u0061me":"a"}}\n', b'{"id":1,"method":"tools/call\\u0000","params":{"name":"a"}}\n',
            b'{"id":1,"method":"Tools/Call","params":{"name":"a"}}\n', b'{"id":1,"method":["tools/call"],"params":{"name":"a"}}\n',
            b'{"id":1,"method":"tools/call","params":{"name":7}}\n', b'{"id":1,"method":"tools/call"}\n',
            b'{"id":1,"method":"tools/call","params":[]}\n',
            b'{"a":\r{"id":1,"method":"tools/call","params":{"name":"a"}}\r}\n',
            b'{"id":1,"method":"x","params":' + b"[" * 600 + b"]" * 600 + b"}\n",
            b'[{"id":1,"method":"ping"},[]]\n', b'[[{"id":1,"method":"tools/call","params":{"name":"a"}}]]\n',
            b'{"id":"' + b"x" * 300 + b'","method":"ping"}\n', '{"id":1,"method":"tools/call","params":{"name":"a"}}\n'.encode("utf-16-le"),
            b'{"id":1,"method":"tools/call","params":{"name":"' + b"x" * 5000 + b'"}}\n',
        ]
        for line in lines:
            self.say(line)
            self.assertIn("may be a call", self.refused(self.to_agent.read(), None))
        self.say(call(2))
        self.hears(call(2))  # and nothing before
        self.assertEqual(self.phases(), [("tools/call", "intent")])

    def test_a_call_over_several_lines(self):
        self.start()
        lines = [b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete","arguments":\n', b'{"id":"the thing"}\n', b"}}\n"]
        self.say(b"".join(lines))
        self.refused(self.to_agent.read(), None)
        self.hears(lines[1])
        self.hears(lines[2])

    def test_what_others_add(self):
        self.start()
        line = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay"},"trace":"x"}\n'
        self.say(line)
        self.hears(line)
        # JavaScript writes half of a pair where it has cut a text.
        self.server.sendall(result(1, '"text":"\\ud83d"'))
        self.gets(result(1, '"text":"\\ud83d","_meta":{"teelog/receipt":@}'))
        self.assertEqual(self.phases(), [("tools/call", "intent"), ("tools/call", "result")])
        # Clients read something in place of what is no UTF-8.
        self.say(call(2))
        self.hears(call(2))
        bad = result(2, '"text":"@"').replace(b"@", b"a\xff\xe2\x82z")
        self.server.sendall(bad)
        line = self.to_agent.read()
        receipt = json.loads(line.decode(errors="replace"))["result"]["_meta"]["teelog/receipt"]
        member = b',"_meta":{"teelog/receipt":' + json.dumps(receipt, separators=(",", ":")).encode() + b"}"
        self.assertEqual(line.replace(member, b""), bad)
        self.assertEqual(self.records()[-1]["content"]["result"], digest(bad[bad.index(b'{"text'):-2]))

    def test_byte_by_byte(self):
        self.start()
        for i in range(len(call(1))):
            self.say(call(1)[i:i + 1])
            time.sleep(0.001)
        self.hears(call(1))
        for i in range(len(result(1))):
            self.server.sendall(result(1)[i:i + 1])
        self.gets(b'{"jsonrpc":"2.0","id":1,"result":{"content":[],"_meta":{"teelog/receipt":@}}}\n')

    def memory(self):
        """What the proxy uses, in MiB."""
        status = pathlib.Path(f"/proc/{self.proxy.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) >> 10

    def flood(self, line):
        """The server writes as much as is taken, of 128 MiB, until nothing is for half a second; how much."""
        self.server.settimeout(0.5)
        data, written = line * (65536 // len(line)), 0
        with contextlib.suppress(TimeoutError):
            while written < 128 << 20:
                written += self.server.send(data)
        return written

    @unittest.skipIf(SANITIZED, "skipped: a sanitizer's build")
    def test_memory_where_the_agent_does_not_read(self):
        self.start()
        self.assertLess(self.flood(b"\n"), 16 << 20)  # 16 million lines
        self.assertLess(self.memory(), 400)

    @unittest.skipIf(SANITIZED, "skipped: a sanitizer's build")
    def test_memory_where_the_log_does_not_answer(self):
        self.start()
        self.say(call(1))
        self.hears(call(1))
        self.service.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.service.process.send_signal, signal.SIGCONT)
        self.assertLess(self.flood(b"x\n"), 16 << 20)
        self.assertLess(self.memory(), 400)

    def test_large_messages(self):
        self.start()
        text = "x" * (20 << 20)
        large = call(1, "write", json.dumps({"text": text}))
        self.proxy.stdin.write(large)  # the relay reads meanwhile
        self.proxy.stdin.flush()
        self.hears(large)
        body = '"content":[{"type":"text","text":"' + text + '"}]'
        sender = threading.Thread(target=self.server.sendall, args=(result(1, body),))
        sender.start()
        self.gets(result(1, body + ',"_meta":{"teelog/receipt":@}'))
        sender.join()
        intent, outcome = self.records()
        self.assertEqual(intent["content"]["arguments"], digest(json.dumps({"text": text})))
        self.assertEqual(outcome["content"]["result"], digest("{" + body + "}"))

    def test_a_message_beyond_the_limit(self):
        self.start()
        piece = b" " * (1 << 20)
        for _ in range(65):
            self.proxy.stdin.write(piece)
        self.say(b'{"id":1,"method":"tools/call","params":{"name":"a"}}\n' + call(2))
        error = json.loads(self.to_agent.read())
        self.assertEqual((error["id"], error["error"]["code"]), (None, -31001))
        self.hears(call(2))
        self.assertEqual(self.phases(), [("tools/call", "intent")])

    def test_order_progress_and_cancellation(self):
        self.start()
        cancel = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"late"}}\n'
        ping = b'{"jsonrpc":"2.0","id":9,"method":"ping"}\n'
        self.say(call(1) + cancel + ping + call(2))
        for line in (call(1), cancel, ping, call(2)):
            self.hears(line)
        progress = b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":2,"progress":1}}\n'
        self.server.sendall(progress + result(2) + progress + result(1))
        self.assertEqual(self.to_agent.read(), progress)
        self.assertEqual(self.receipt(self.to_agent.read())["intent"], self.records()[1]["index"])
        self.assertEqual(self.to_agent.read(), progress)
        self.assertIn("result", self.receipt(self.to_agent.read()))
        phases = {(r["content"]["requestId"], r["content"]["phase"], r["content"].get("late")) for r in self.records()}
        self.assertEqual(phases, {(1, "intent", None), (2, "intent", None), (1, "cancelled", None),
                                  (2, "result", None), (1, "result", True)})
        cancelled = next(r for r in self.records() if r["content"]["phase"] == "cancelled")
        self.assertEqual((cancelled["ref"], cancelled["content"]["reason"]), (self.records()[0]["index"], "late"))
        self.say(call(3) + cancel.replace(b"1,", b"3,"))
        self.hears(call(3))
        self.hears(cancel.replace(b"1,", b"3,"))
        self.finish()  # one that was cancelled, and never answered, has not failed
        self.assertNotIn("failure", [p for _, p in self.phases()])

    def test_batches(self):
        self.start()
        batch = b"[" + call(1).strip() + b', {"jsonrpc":"2.0","id":2,"method":"ping"} ,' + call(3, "b").strip() + b"]\n"
        self.say(batch)
        self.hears(batch)
        self.assertEqual([r["content"]["requestId"] for r in self.records()], [1, 3])
        ping = result(2, "").strip()
        self.server.sendall(b"[ " + result(3).strip() + b"," + ping + b" ,\t" + result(1, "").strip() + b"]\n")
        line = self.to_agent.read()
        intents = [r["index"] for r in self.records()[:2]]
        answers = json.loads(line)
        receipts = [a["result"].get("_meta", {}).get("teelog/receipt") for a in answers]
        self.assertEqual([r and r["intent"] for r in receipts], [intents[1], None, intents[0]])
        for receipt in (receipts[0], receipts[2]):
            member = '"_meta":{"teelog/receipt":' + json.dumps(receipt, separators=(",", ":")) + "}"
            line = line.replace(b"," + member.encode(), b"").replace(member.encode(), b"")
        self.assertEqual(line, b"[ " + result(3).strip() + b"," + ping + b" ,\t" + result(1, "").strip() + b"]\n")


class Ends(Proxy):
    def test_a_server_that_dies(self):
        for how, code, word in [(None, 3, "exit code 3"), (signal.SIGKILL, 137, "signal 9")]:
            self.start(code=3)
            before = len(self.records())
            self.say(call(1))
            self.hears(call(1))
            if how:
                os.kill(self.server_pid, how)
            else:
                self.server.close()
            self.assertEqual(self.to_agent.read(), b"")
            self.assertEqual(self.proxy.wait(PATIENCE), code)
            intent, outcome = self.records()[before:]
            self.assertEqual((outcome["content"]["phase"], outcome["ref"]), ("failure", intent["index"]))
            self.assertIn(word, outcome["content"]["reason"])

    def test_a_server_that_is_not_there(self):
        self.serve()
        key = "--trust-on-first-use"
        done = self.teelog("mcp", "--data", self.data, key, "--", "/nowhere/server", code=125)
        self.assertIn("cannot start /nowhere/server", done.stderr)

    def test_an_agent_that_goes(self):
        self.start(code=7)
        self.say(call(1))
        self.hears(call(1))
        self.proxy.stdin.close()
        self.assertEqual(self.to_server.read(), b"")
        self.server.sendall(result(1))  # still for the log, and for who reads on
        self.assertIn("result", self.receipt(self.to_agent.read()))
        self.server.close()
        self.assertEqual(self.proxy.wait(PATIENCE), 7)
        self.assertEqual([p for _, p in self.phases()], ["intent", "result"])

    def test_an_agent_that_reads_no_more(self):
        self.start()
        self.say(call(1))
        self.hears(call(1))
        self.proxy.stdout.close()
        self.server.sendall(result(1))
        self.assertEqual(self.to_server.read(), b"")
        self.server.close()
        self.assertEqual(self.proxy.wait(PATIENCE), 0)
        self.assertEqual([p for _, p in self.phases()], ["intent", "result"])

    def test_sigterm(self):
        self.start()
        self.say(call(1))
        self.hears(call(1))
        self.proxy.send_signal(signal.SIGTERM)
        self.assertEqual(self.proxy.wait(PATIENCE), 128 + signal.SIGTERM)
        self.assertEqual([p for _, p in self.phases()], ["intent", "failure"])
        with self.assertRaises(ProcessLookupError):
            os.kill(self.server_pid, 0)

    def test_the_server_has_no_token(self):
        self.service = self.serve()
        self.env["TEELOG_LOG_KEY"] = self.service.status()["logKey"]
        done = subprocess.run([TEELOG, "mcp", "--data", self.data, "--", "env"], env=self.env | {"TEELOG_TOKEN": "secret"},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
        self.assertIn("PATH=", done.stdout)
        self.assertNotIn("TEELOG_", done.stdout)


class Fails(Proxy):
    def test_no_key(self):
        done = self.teelog("mcp", "--data", self.data, "--", "true", code=2)
        self.assertIn("--log-key", done.stderr)

    def test_first_use(self):
        self.start("--trust-on-first-use", key=False)
        self.say(call(1))
        self.hears(call(1))
        self.finish()
        self.assertIn(self.key, self.errors)
        self.assertEqual([p for _, p in self.phases()], ["intent", "failure"])

    def test_a_log_that_is_gone(self):
        self.start("--log-timeout", "1")
        self.service.stop()
        self.say(call(1))
        self.assertIn("not logged", self.refused(self.to_agent.read(), 1))
        ping = b'{"jsonrpc":"2.0","id":5,"method":"ping"}\n'
        self.say(ping)
        self.hears(ping)  # and nothing of the call
        self.service = self.serve()
        self.say(call(2))
        self.hears(call(2))
        self.assertEqual([(r["content"]["requestId"], r["content"]["phase"]) for r in self.records()], [(2, "intent")])

    def test_an_outcome_that_waits(self):
        self.start("--log-timeout", "3")
        self.say(call(1))
        self.hears(call(1))
        self.service.stop()
        self.server.sendall(result(1))
        receipt = self.receipt(self.to_agent.read())
        self.assertEqual((receipt["result"], receipt["pending"]), (None, True))
        self.say(call(2))
        self.refused(self.to_agent.read(), 2)  # behind it
        self.service = self.serve()
        self.say(call(3))
        self.hears(call(3))
        found = self.records()
        self.assertEqual([(r["content"]["requestId"], r["content"]["phase"]) for r in found],
                         [(1, "intent"), (1, "result"), (3, "intent")])
        self.assertEqual(found[1]["ref"], found[0]["index"])

    def test_a_log_that_stalls(self):
        self.start("--log-timeout", "1")
        self.service.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.service.process.send_signal, signal.SIGCONT)
        self.say(b"[" + call(1).strip() + b"," + call(2).strip() + b"]\n")
        answers = json.loads(self.to_agent.read())
        self.assertEqual([a["id"] for a in answers], [1, 2])
        self.service.process.send_signal(signal.SIGCONT)
        self.say(call(3))
        self.hears(call(3))  # the first that it hears
        until = time.monotonic() + PATIENCE
        while len(self.records()) < 5 and time.monotonic() < until:
            time.sleep(0.05)
        found = [(r["content"]["requestId"], r["content"]["phase"]) for r in self.records()]
        self.assertEqual(sorted(found), [(1, "intent"), (1, "refusal"), (2, "intent"), (2, "refusal"), (3, "intent")])

    def test_a_log_that_takes_no_connections(self):
        path = self.path("full.sock")
        with socket.socket(socket.AF_UNIX) as full:
            full.bind(path)
            full.listen(0)
            waiting = [socket.socket(socket.AF_UNIX) for _ in range(4)]
            for one in waiting:
                self.addCleanup(one.close)
                one.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    one.connect(path)
            self.start("--log-timeout", "1", log=path)
            self.say(call(1) + b'{"jsonrpc":"2.0","id":2,"method":"ping"}\n')
            self.assertIn("not logged", self.refused(self.to_agent.read(), 1))
            self.hears(b'{"jsonrpc":"2.0","id":2,"method":"ping"}\n')
            began = time.monotonic()
            self.server.sendall(result(2))
            self.assertEqual(self.to_agent.read(), result(2))
            self.assertLess(time.monotonic() - began, 10)
            self.proxy.send_signal(signal.SIGTERM)
            self.assertEqual(self.proxy.wait(PATIENCE), 128 + signal.SIGTERM)

    def test_the_key_of_another_log(self):
        self.start("--log-key", KEY, key=False)
        self.say(call(1))
        self.assertIn("another log", self.refused(self.to_agent.read(), 1))
        self.say(call(2))  # and none after it
        self.refused(self.to_agent.read(), 2)

    def test_too_many_in_flight(self):
        self.start()
        for i in range(256):
            self.say(call(i))
            self.hears(call(i))
        self.say(call("256"))
        self.assertIn("in flight", self.refused(self.to_agent.read(), 256))
        cancel = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}\n'
        self.say(cancel)
        self.hears(cancel)
        self.say(call(257))
        self.hears(call(257))
        self.say(call(258))
        self.refused(self.to_agent.read(), 258)

    def test_a_record_that_is_refused(self):
        self.start("--agent", "no spaces")
        self.say(call(1))
        self.assertIn("agentId", self.refused(self.to_agent.read(), 1))

    def test_another_log(self):
        self.start()
        self.say(call(1))
        self.hears(call(1))
        self.service.stop()
        os.rename(self.data, self.data + ".old")
        self.service = self.serve("--origin", "example.org/other")
        self.server.sendall(result(1))
        receipt = self.receipt(self.to_agent.read())
        self.assertIsNone(receipt["result"])
        self.say(call(2))
        self.assertIn("earlier call", self.refused(self.to_agent.read(), 2))



class Lies(Proxy):
    """Something between the proxy and its log."""

    def between(self, *lies, timeout="2"):
        self.service = getattr(self, "service", None) or self.serve("--origin", "example.org/log")
        self.liar = liar.Liar(self.path("between"), self.service.socket, *lies)
        self.addCleanup(self.liar.close)
        self.start("--log-timeout", timeout, log=self.liar.path)

    def test_lost_requests_and_answers(self):
        self.between(liar.lose_request, liar.lose_answer, None, liar.lose_answer, timeout="20")
        self.say(call(1))
        self.hears(call(1))
        self.server.sendall(result(1))
        receipt = self.receipt(self.to_agent.read())
        self.assertEqual([r["index"] for r in self.records()], [receipt["intent"], receipt["result"]])  # nothing twice

    def test_a_busy_log(self):
        later = liar.says_(b'{"error":"repeat it later","line":1,"later":true}\n')
        self.between(liar.busy, later, None, later, liar.busy, timeout="20")
        self.say(call(1))
        self.hears(call(1))
        self.server.sendall(result(1))
        self.to_agent.read()
        self.say(call(2))  # and what came of the first is no reason to make none any more
        self.hears(call(2))
        self.assertEqual([(r["content"]["requestId"], r["content"]["phase"]) for r in self.records()],
                         [(1, "intent"), (1, "result"), (2, "intent")])

    def test_what_is_no_receipt_of_the_call(self):
        for lie in (liar.frozen, liar.other_record_(b"bob", b"eve"), liar.altered_(lambda r: r.update(index=1)),
                    liar.altered_(lambda r: r.update(path=[])), liar.altered_(lambda r: r.pop("salt")),
                    liar.says_(b'{"index":1}\n'), liar.says_(b'{"error":"no","line":1}\n')):
            self.between(lie)
            self.say(call(1))
            self.refused(self.to_agent.read(), 1)
            self.finish()
            self.liar.close()

    def test_no_answers(self):
        for lie in (liar.says_(b""), liar.no_http, liar.endless, liar.silent):
            self.between(*[lie] * 100, timeout="1")
            self.say(call(1))
            self.assertIn("not logged in 1 seconds", self.refused(self.to_agent.read(), 1))
            self.proxy.kill()
            self.proxy.wait()
            self.liar.close()

    def test_a_receipt_of_before_it_began(self):
        self.between()
        self.say(call(1))
        self.hears(call(1))
        [first] = self.liar.answers
        self.finish()
        self.liar.close()
        self.between(lambda _, connection, __: connection.sendall(first))
        self.say(call(1))
        self.refused(self.to_agent.read(), 1)


if __name__ == "__main__":
    main()
