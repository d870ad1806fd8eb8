"""COSE libraries of others (@auth0/cose and cose-js, for JavaScript) verify our statements, and our
receipts over roots that are computed here. Skipped where there is no npm, or nowhere to install
from."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from cbor_read import Cbor, byte_string, decode  # noqa: E402
from npm.install import install  # noqa: E402
from rfc6962 import consistency_roots, inclusion_root  # noqa: E402
from teelogtest import Case, record  # noqa: E402


def parts(message):
    """Where the protected header, the payload and the signature are in an encoded COSE_Sign1."""
    c = Cbor(message)
    assert c.head() == (6, 18) and c.head() == (4, 4)
    found = []
    for _ in range(4):
        c.item()
        found.append(c.at)
    header, unprotected, payload, end = found
    return (2, header), (unprotected, payload), (payload, end)


class Libraries(Case):
    @classmethod
    def setUpClass(cls):
        cls.modules = tempfile.mkdtemp(prefix="teelog-test-")
        cls.addClassCleanup(shutil.rmtree, cls.modules, ignore_errors=True)
        missing = install("cose_libraries", cls.modules)
        if missing:
            raise unittest.SkipTest(missing)
        shutil.copy(HERE / "cose_libraries.mjs", cls.modules)

    def ask(self, cases):
        done = subprocess.run(["node", "cose_libraries.mjs"], cwd=self.modules, check=False, capture_output=True,
                              text=True, timeout=300, input=json.dumps(cases))
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def entry(self, index):
        body = self.service.get(f"/v1/records/{index}")[2]
        found = json.loads(body)
        return base64.b64decode(found["statement"]), found["body"] and base64.b64decode(found["body"])

    def encoded_key(self, body, label):
        """The COSE_Key in a boot's or a session's body, as it stands there."""
        c = Cbor(body)
        _, n = c.head()
        for _ in range(n):
            at = c.item()
            start = c.at
            c.item()
            if at == label:
                return body[start:c.at]
        raise AssertionError(label)

    def case(self, name, message, key, other, payload=None):
        header, body, signature = parts(message)
        attached = message if payload is None else message[:body[0]] + byte_string(payload) + message[body[1]:]
        return {"name": name, "message": message.hex(), "attached": attached.hex(),
                "payload": payload and payload.hex(), "key": key.hex(), "other": other.hex(),
                "signed": [header, signature] + ([body] if payload is None else [])}

    def test_statements_and_receipts(self):
        self.service = self.serve("--origin", "example.org/log")
        index = self.append([record("alice", "one"), record("bob", "two")])[0]["index"]
        older_size, older = self.checkpoint()
        self.append([record("alice", str(i)) for i in range(9)])
        statement, _ = self.entry(index)
        session, session_body = self.entry(index - 1)
        boot, boot_body = self.entry(0)
        agent, service = self.encoded_key(session_body, 1), self.encoded_key(boot_body, 3)
        # The key in the set is the boot's, beside its kid; they read it as it is there.
        [key] = decode(self.service.get("/.well-known/scitt-keys")[2])
        kid = base64.urlsafe_b64encode(key[2]).decode().rstrip("=")
        served = self.service.get("/.well-known/scitt-keys/" + kid)[2]
        self.assertEqual({k: v for k, v in decode(served).items() if k != 2}, decode(service))
        size, root = self.checkpoint()
        receipt = self.service.get(f"/entries/{index}")[2]
        growth = self.service.get(f"/v1/consistency?from={older_size}")[2]
        leaf = hashlib.sha256(b"\0" + statement).digest()
        tree_size, at, path = decode(decode(receipt)[1][1][396][-1][0])
        self.assertEqual((tree_size, at), (size, index))
        self.assertEqual(inclusion_root(at, tree_size, leaf, path), root)
        m, n, path = decode(decode(growth)[1][1][396][-2][0])
        self.assertEqual((m, n), (older_size, size))
        self.assertEqual(consistency_roots(m, n, older, path), (older, root))
        # A transparent statement's signature is the statement's: it stands in no one's way.
        whole = statement[:parts(statement)[0][1]] + b"\xa1\x19\x01\x8a\x81" + byte_string(receipt) \
            + statement[parts(statement)[1][0]:]
        said = self.ask([
            self.case("record", statement, agent, service), self.case("session", session, agent, service),
            self.case("boot", boot, service, agent), self.case("boot by the served key", boot, served, agent),
            self.case("transparent", whole, agent, service),
            self.case("inclusion", receipt, served, agent, root),
            self.case("consistency", growth, served, agent, root)])
        self.assertEqual(len(said), 7)
        for name, got in said.items():
            for what, value in got.items():
                with self.subTest(name=name, what=what):
                    want = [] if "changed" in what else "another" not in what
                    self.assertEqual(value, want)

    def checkpoint(self):
        _, size, root = self.service.get("/checkpoint")[2].decode().split("\n")[:3]
        return int(size), base64.b64decode(root)


if __name__ == "__main__":
    unittest.main()
