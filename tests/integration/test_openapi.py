"""docs/openapi.json held against the running service: every route is in it, good requests
are answered as it says, bad ones refused as it says. A refused request changes nothing,
there is no 5xx but 503, and nobody without the scope sees what records say.

Ten minutes where TEELOG_LONG=1, else some seconds. TEELOG_SEED repeats a run."""
import base64
import http.client
import json
import os
import random
import re
import socket
import time
import unittest

from openapi import KNOWN, Spec
from teelogtest import ROOT, Case, main, record

try:
    from jsonschema import Draft202012Validator
except ImportError:
    Draft202012Validator = None

SPEC = Spec(ROOT / "docs" / "openapi.json")
SECRET = "7hoVeryPrivateIndeed"
SECONDS = 600 if os.environ.get("TEELOG_LONG") else 12
SEED = int(os.environ.get("TEELOG_SEED") or random.SystemRandom().randrange(1 << 32))
SCOPES = ("append", "read", "erase", "admin")


def shapes(text):
    """The text as it is, in hex, and in base64 wherever it may stand."""
    yield text.encode()
    yield text.encode().hex().encode()
    for shift in range(3):
        code = base64.b64encode(b"\0" * shift + text.encode())
        yield code[4:-4]


SHAPES = list(shapes(SECRET))


class Answer:
    def __init__(self, got, limit=64 << 20):
        self.status, self.fields = got.status, got.headers
        self.media = (got.headers.get("Content-Type") or "").partition(";")[0]
        self.body = b""
        try:
            if self.media == "text/event-stream":
                got.fp.raw._sock.settimeout(0.05) if hasattr(got.fp, "raw") else None
            while len(self.body) < limit and (part := got.read1(1 << 16)):
                self.body += part
        except (TimeoutError, socket.timeout):
            pass


class Description(unittest.TestCase):
    def test_every_route_is_in_it_and_no_other(self):
        text = (ROOT / "src" / "http" / "routes.c").read_text(encoding="utf-8")
        table = text[text.index("http_route rows[] = {"):]
        table = table[:table.index("\n};")]
        routes = {(p, m) for p, m in re.findall(r'\{"([^"]+)",\s*"([A-Z]+)"', table)}
        described = {(re.sub(r"\{.*", "", o.path), o.method) for o in SPEC.operations}
        self.assertEqual(routes, described)

    def test_each_operation_says_what_a_caller_needs(self):
        names = [o.name for o in SPEC.operations]
        self.assertEqual(len(names), len(set(names)))
        for o in SPEC.operations:
            self.assertTrue(set(o.scopes) <= set(SCOPES), o.name)
            self.assertIn("400", o.doc["responses"])
            if o.scopes:
                self.assertTrue({"401", "403"} <= set(o.doc["responses"]), o.name)

    @unittest.skipUnless(Draft202012Validator, "no jsonschema (Debian: python3-jsonschema)")
    def test_its_schemas_are_schemas(self):
        for schema in SPEC.doc["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)


@unittest.skipUnless(Draft202012Validator, "no jsonschema (Debian: python3-jsonschema)")
class Driven(Case):
    def setUp(self):
        super().setUp()
        self.service = self.serve("--listen", "127.0.0.1:0")
        host, self.port = re.search(r"listening on (\S+):(\d+)", self.service.ready).groups()
        self.host = host.strip("[]")
        self.append_secrets()
        keys = self.service.get("/.well-known/scitt-keys")[2]
        kid = keys[keys.index(b"\x02\x58\x20") + 3:][:32]
        KNOWN["kids"] = [base64.urlsafe_b64encode(kid).decode().rstrip("=")]
        self.tokens = {None: None, "bad": "teelog_%s_%s" % ("0" * 16, "A" * 43)}
        for scope in SCOPES:
            body = json.dumps({"scopes": [scope]})
            status, _, made = self.service.ask(
                "POST /v1/tokens HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}")
            self.assertEqual(status, 201, made)
            self.tokens[scope] = json.loads(made)["token"]
        self.validators = {}
        self.counts = {}

    def append_secrets(self):
        self.append([record(agent=a, content=f"{SECRET} {i}", roomId=f"room {SECRET}", userId=SECRET,
                            attributes={"k": SECRET}) for i, a in enumerate(["alice", "bob"] * 5)])

    def unseen(self):
        """What was not driven to an answer, or not to a refusal."""
        return [(o.name, status) for o in SPEC.operations for status in (2, 4)
                if not self.counts.get((o.name, status))]

    def ask(self, operation, target, headers, body, who):
        connection = http.client.HTTPConnection(self.host, int(self.port), timeout=60)
        headers = dict(headers)
        if self.tokens[who]:
            headers["Authorization"] = "Bearer " + self.tokens[who]
        if operation.name == "tail":
            connection.timeout = 0.2
        try:
            connection.putrequest(operation.method, target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value.encode("latin-1", "replace"))
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            return Answer(connection.getresponse())
        except (UnicodeError, http.client.InvalidURL, ValueError):
            return None  # the client's own library refuses to send it
        finally:
            connection.close()

    def state(self):
        status = self.service.status()
        tokens = json.loads(self.service.get("/v1/tokens")[2])["tokens"]
        # Those that the driver goes by itself are not to be revoked.
        KNOWN["tokens"] = [t["id"] for t in tokens[len(SCOPES):]]
        return status["size"], status["root"], [(t["id"], t["scopes"]) for t in tokens]

    def validator(self, operation, status, media):
        key = operation.name, status, media
        if key not in self.validators:
            content = operation.doc["responses"][status].get("content", {})
            self.assertIn(media, content, f"{operation.name}: {status} as {media}")
            self.validators[key] = Draft202012Validator(SPEC.whole(content[media]["schema"]))
        return self.validators[key]

    def check_answer(self, operation, answer):
        status = str(answer.status)
        common = {"404", "405"}  # of no such path
        if status in common and status not in operation.doc["responses"]:
            json.loads(answer.body)
            return
        self.assertIn(status, operation.doc["responses"])
        check = self.validator(operation, status, answer.media)
        if answer.media == "application/json":
            check.validate(json.loads(answer.body))
        elif answer.media == "application/x-ndjson":
            for line in answer.body.splitlines():
                check.validate(json.loads(line))
        elif answer.media == "text/plain":
            check.validate(answer.body.decode())
        if answer.status in (429, 503):
            self.assertTrue(answer.fields.get("Retry-After"), answer.body)

    def check(self, operation, target, answer, who, before):
        self.assertTrue(answer.status < 500 or answer.status in (503, 507), answer.body)
        self.check_answer(operation, answer)
        if answer.status == 404 and b"nothing at this path" in answer.body:
            self.assertTrue(target.endswith("/"), target)
        elif operation.scopes and who in (None, "bad"):
            self.assertEqual(answer.status, 401)
        elif operation.scopes and who not in operation.scopes:
            self.assertEqual(answer.status, 403)
        elif who == "bad":
            self.assertEqual(answer.status, 401)
        if answer.status >= 400:
            self.assertEqual(self.state(), before)
        if who != "read":
            for shape in SHAPES:
                self.assertNotIn(shape, answer.body)

    def one(self, r):
        operation = r.choice(SPEC.operations)
        who = r.choice((*self.tokens, *operation.scopes, *operation.scopes, "read"))
        good = r.random() < 0.4
        target, headers, body = operation.good(r) if good else operation.bad(r)
        before = self.state()
        answer = self.ask(operation, target, headers, body, who)
        if answer is None:
            return
        with self.subTest(operation=operation.name, who=who, target=target, body=body and body[:300],
                          status=answer.status, answer=answer.body[:300], seed=SEED):
            self.check(operation, target, answer, who, before)
        key = operation.name, answer.status // 100
        self.counts[key] = self.counts.get(key, 0) + 1

    def test_random_requests(self):
        r = random.Random(SEED)
        end = time.monotonic() + SECONDS
        n = 0
        # A slow machine gets longer to see each route.
        while time.monotonic() < end or (self.unseen() and time.monotonic() < end + 10 * SECONDS):
            self.one(r)
            n += 1
            if n % 500 == 0:
                self.append_secrets()  # erasures have taken some
        print(f"{n} requests in {SECONDS} s, seed {SEED}: " + ", ".join(
            f"{name} {status}xx {count}" for (name, status), count in sorted(self.counts.items())))
        # It drives each route to an answer and to a refusal.
        self.assertEqual(self.unseen(), [])
        self.assertEqual(self.service.process.poll(), None)
        self.service.stop()
        self.teelog("fsck", "--data", self.data, "--tee", "sim")


if __name__ == "__main__":
    main()
