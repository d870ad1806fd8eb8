"""COSE receipts, their keys and tlog-proofs, as a service gives them (draft-ietf-scitt-scrapi,
RFC 9942), and as `teelog verify` judges them."""
import base64
import hashlib
import http.client
import json
import re

from cbor_read import decode
from teelogtest import Case, main, record


def url64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Receipts(Case):
    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")

    def get(self, target, media, code=200):
        status, fields, body = self.service.get(target)
        self.assertEqual((status, fields["Content-Type"]), (code, media), body)
        self.assertEqual(fields["Cache-Control"], "no-store")
        if code == 200:
            self.assertEqual(fields["Teelog-Platform"], "simulator")
        return body

    def problem(self, target, code, title):
        body = decode(self.get(target, "application/concise-problem-details+cbor", code))
        self.assertEqual(set(body), {-1, -2})
        self.assertEqual(body[-1], title)
        return body[-2]

    def receipt(self, target):
        body = self.get(target, "application/cose")
        tag, (protected, unprotected, payload, signature) = decode(body)
        self.assertEqual((tag, payload, len(signature)), (18, None, 64))
        return body, decode(protected), unprotected

    def keep(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def statement(self, index):
        proof = self.get(f"/v1/proof/{index}", "text/plain; charset=utf-8").decode()
        return base64.b64decode(proof.split("\n")[1].removeprefix("extra "))

    def pinned(self):
        key = self.service.status()["logKey"]
        return self.keep("policy", f"log {key}\nquorum none\n".encode())

    def test_of_an_entry(self):
        index = self.append([record("alice", "one"), record("alice", "two")])[0]["index"]
        body, header, unprotected = self.receipt(f"/entries/{index}")
        size = self.service.status()["size"]
        keys = decode(self.get("/.well-known/scitt-keys", "application/cbor"))
        self.assertEqual(list(header), [1, 4, 15, 395, -70001])
        self.assertEqual((header[1], header[395], header[-70001]), (-7, 1, [1, size]))
        self.assertEqual(header[15], {1: "example.org/log", 2: "alice"})
        self.assertEqual(header[4], keys[0][2])
        [proof] = unprotected[396][-1]
        self.assertEqual(list(unprotected), [396])
        got_size, got_index, path = decode(proof)
        self.assertEqual((got_size, got_index), (size, index))
        self.assertGreater(len(path), 0)
        statement = self.keep("entry", self.statement(index))
        receipt, keys = self.keep("receipt", body), self.keep(
            "keys", self.get("/.well-known/scitt-keys", "application/cbor"))
        done = self.teelog("verify", receipt, "--entry", statement, "--service-keys", keys, "--policy",
                           self.pinned(), code=4)
        self.assertIn("UNPINNED: signed by a key of the set that you brought", done.stdout)
        self.assertIn(f"index {index} of size {size}", done.stdout)
        other = self.keep("other", self.statement(index + 1))
        self.teelog("verify", receipt, "--entry", other, "--service-keys", keys, "--policy", self.pinned(), code=1)

    def test_of_the_logs_own_statements(self):
        self.append([record()])
        _, header, _ = self.receipt("/entries/0")
        self.assertEqual(header[15], {1: "example.org/log", 2: "example.org/log"})

    def test_that_it_grew(self):
        self.append([record()])
        older = self.service.status()
        self.append([record() for _ in range(9)])
        newer = self.service.status()
        _, header, unprotected = self.receipt(f"/v1/consistency?from={older['size']}")
        self.assertEqual(header[15], {1: "example.org/log", 2: "example.org/log"})
        m, n, path = decode(unprotected[396][-2][0])
        self.assertEqual((m, n), (older["size"], newer["size"]))
        self.assertGreater(len(path), 0)
        for target, code in ((f"from={newer['size']}", 404), (f"from={2 ** 53 - 1}", 404), ("from=0", 400),
                             ("from=01", 400), ("", 400), ("from=-1", 400), ("from=1&to=2", 400)):
            status, fields, body = self.service.get("/v1/consistency?" + target)
            self.assertEqual((status, fields["Content-Type"]), (code, "application/json"), target)
            self.assertTrue(json.loads(body)["error"])

    def test_keys_of_former_boots(self):
        self.append([record()])
        first, header, _ = self.receipt("/entries/1")
        old_kid, entry = header[4], self.keep("entry", self.statement(1))
        for _ in range(2):
            self.service.stop()
            self.service = self.serve()
        data = self.get("/.well-known/scitt-keys", "application/cbor")
        keys = decode(data)
        self.assertEqual(len(keys), 3)
        self.assertEqual(keys[2][2], old_kid)
        self.assertEqual(len({k[2] for k in keys}), 3)
        for key in keys:
            self.assertEqual((list(key), key[1], key[-1]), ([1, 2, -1, -2, -3], 2, 1))
            thumbprint = hashlib.sha256(b"\xa4\x01\x02\x20\x01\x21\x58\x20" + key[-2]
                                        + b"\x22\x58\x20" + key[-3]).digest()
            self.assertEqual(thumbprint, key[2])
            one = decode(self.get("/.well-known/scitt-keys/" + url64(key[2]), "application/cbor"))
            self.assertEqual(one, key)
        # A former boot's receipt is as good as before.
        self.teelog("verify", self.keep("r", first), "--entry", entry, "--service-keys", self.keep("k", data),
                    "--policy", self.pinned(), code=4)
        # A second time, when it is kept.
        self.assertEqual(self.get("/.well-known/scitt-keys", "application/cbor"), data)

    def test_what_there_is_not(self):
        for target in ("/entries/0", "/entries/1", "/entries/9007199254740990"):
            self.problem(target, 404, "Not Found")
        self.assertIn("a tree of one entry has no path", self.problem("/entries/0", 404, "Not Found"))
        self.append([record()])
        size = self.service.status()["size"]
        self.assertIn(f"{size} statements", self.problem(f"/entries/{size}", 404, "Not Found"))
        for bad in ("00", "-1", "+1", "0x1", "1/", "1.0", "a", "%31", "9007199254740991", "18446744073709551616",
                    hashlib.sha256(b"").hexdigest()):
            self.problem("/entries/" + bad, 400, "Invalid locator")
        self.problem("/entries/1?x=1", 400, "Invalid locator")
        self.problem("/entries/", 404, "Not Found")
        kid = decode(self.get("/.well-known/scitt-keys", "application/cbor"))[0][2]
        for bad in (url64(kid) + "=", url64(kid)[:-1], url64(kid[:-1] + bytes([kid[-1] ^ 1])), kid.hex(), "",
                    base64.b64encode(b"\xff" * 32).decode().rstrip("=").replace("/", "%2F"), "+" * 43, "A" * 44):
            self.problem("/.well-known/scitt-keys/" + bad, 404, "No such key")
        self.problem("/.well-known/scitt-keys?x=1", 400, "Malformed request")
        for bad in ("00", "", "x", str(size)):
            status, fields, _ = self.service.get("/v1/proof/" + bad)
            self.assertIn((status, fields["Content-Type"]),
                          ((400, "application/json"), (404, "application/json")))

    def test_a_bad_token_and_too_many_requests(self):
        self.service.stop()
        self.service = self.serve("--listen", "127.0.0.1:0", "--request-rate", "1")
        status, fields, body = self.service.ask(
            "GET /entries/0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nConnection: close\r\n\r\n")
        self.assertEqual((status, fields["Content-Type"]), (401, "application/concise-problem-details+cbor"))
        self.assertEqual(decode(body)[-1], "Unauthorized")
        host, port = re.search(r"listening on (\S+):(\d+)", self.service.ready).groups()
        status = 0
        for _ in range(1000):
            connection = http.client.HTTPConnection(host, int(port), timeout=60)
            connection.request("GET", "/entries/0")
            got = connection.getresponse()
            status, fields, body = got.status, got.headers, got.read()
            connection.close()
            if status == 429:
                break
        self.assertEqual((status, fields["Content-Type"]), (429, "application/concise-problem-details+cbor"))
        self.assertTrue(fields["Retry-After"])
        self.assertEqual(decode(body)[-1], "Too Many Requests")

    def test_the_text_is_what_verify_takes(self):
        index = self.append([record("alice", "one")])[0]["index"]
        self.append([record("alice", "two")])
        proof = self.keep("p.tlog-proof", self.get(f"/v1/proof/{index}", "text/plain; charset=utf-8"))
        done = self.teelog("verify", proof, "--policy", self.pinned())
        self.assertIn("entry: Action:PAY of alice, seq 1\n", done.stdout)


if __name__ == "__main__":
    main()
