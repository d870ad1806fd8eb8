"""docs/contracts.md and examples/contract_inputs.py: what a contract would do with the
inputs, done here by another implementation of both curves (tests/vectors/curves.py).
"""
import hashlib
import json
import pathlib
import subprocess
import sys

from teelogtest import Case, lines, main, record

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "examples" / "contract_inputs.py"
sys.path.append(str(ROOT / "tests" / "vectors"))
import curves  # noqa: E402
from make_vectors import enc, head  # noqa: E402


def words(data):
    return [curves.number(data[i : i + 32]) for i in range(0, len(data), 32)]


def ecrecover(data):
    """The precompile at 1."""
    digest, v, r, s = words(data)
    if len(data) != 128 or v not in (27, 28):
        return b""
    point = curves.recover(curves.SECP256K1, curves.b32(digest), v, r, s)
    return bytes(12) + curves.address(point) if point else b""


def p256verify(data):
    """The precompile at 0x100 (EIP-7951)."""
    if len(data) != 160:
        return b""
    digest, r, s, x, y = words(data)
    good = curves.verify(curves.P256, (x, y), curves.b32(digest), r, s)
    return curves.b32(1) if good else b""


PRECOMPILES = {"0x" + "00" * 19 + "01": ecrecover, "0x" + "00" * 18 + "0100": p256verify}


def header(alg, kid, origin, agent, type_, seq, time_ms, session, prev, ref=None):
    """The protected header, put together by docs/contracts.md from what a contract wants
    to hear."""
    integer = lambda n: head(0, n)
    text = lambda s: head(3, len(s)) + s.encode()
    out = b"\xa7\x01" + {"ES256": b"\x26", "ES256K": b"\x38\x2e"}[alg]
    out += b"\x04\x58\x20" + kid
    out += b"\x0f\xa2\x01" + text(origin) + b"\x02" + text(agent)
    out += b"\x10" + text("application/teelog-statement+cose")
    out += b"\x19\x01\x02\x2f" + b"\x19\x01\x03" + text("application/teelog-body+cbor")
    out += b"\x3a\x00\x01\x11\x70" + (b"\x86" if ref is None else b"\x87") + b"\x01"
    out += text(type_) + integer(seq) + integer(time_ms) + integer(session) + b"\x58\x20" + prev
    return out + (b"" if ref is None else integer(ref))


def root_of(leaf, index, size, path):
    """RFC 9162 section 2.1.3.2, as a contract walks it."""
    fn, sn, node = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        fn, sn = fn >> 1, sn >> 1
    return node if sn == 0 else None


def raw(out):
    """What is hex, as bytes."""
    def one(v):
        if isinstance(v, list):
            return [one(x) for x in v]
        return bytes.fromhex(v[2:]) if isinstance(v, str) and v.startswith("0x") else v
    return {k: one(v) for k, v in out.items()}


class Contracts(Case):
    def setUp(self):
        super().setUp()
        curves.self_test()
        service = self.serve("--origin", "log.example/contracts")
        self.append([record("alice", content=str(i)) for i in range(3)])
        self.append([record("bob", content=str(i)) for i in range(4)], "--alg", "ES256K")
        self.append([record("bob", ref=7), record("alice")])
        self.key_of = {a["id"]: a["publicKey"] for a in json.loads(service.get("/v1/agents")[2])["agents"]}
        self.bundles = {}
        for name, options in {"whole": [], "chain": ["--agent", "bob"],
                              "records": ["--from", "7", "--to", "9"]}.items():
            self.bundles[name] = self.path(name)
            self.teelog("export", "--data", self.data, *options, "-o", name)
            self.verdict(name)

    def inputs(self, bundle, index, code=0):
        done = subprocess.run([sys.executable, PROGRAM, bundle, str(index), "--json"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout) if code == 0 else done.stderr

    def check(self, out):
        v = raw(out)
        self.assertEqual(v["sig_structure"], enc(["Signature1", v["protected"], b"", v["payload"]]))
        self.assertEqual(v["digest"], hashlib.sha256(v["sig_structure"]).digest())
        self.assertEqual(v["input"][:32], v["digest"])
        self.assertEqual(len(v["input"]), 128 if out["alg"] == "ES256K" else 160)
        precompile = PRECOMPILES[out["precompile"]]
        self.assertEqual(precompile(v["input"]), v["output"])
        # Nothing else that is signed gives that answer.
        for at in (0, 33 if len(v["input"]) == 160 else 64, 100, len(v["input"]) - 1):
            other = v["input"][:at] + bytes([v["input"][at] ^ 1]) + v["input"][at + 1 :]
            self.assertNotEqual(precompile(other), v["output"])
        self.assertEqual(v["leaf"], hashlib.sha256(b"\0" + v["statement"]).digest())
        self.assertEqual(root_of(v["leaf"], v["index"], v["size"], v["path"]), v["root"])
        self.assertNotEqual(root_of(v["leaf"], v["index"] ^ 1, v["size"], v["path"]), v["root"])

    def test_every_statement_of_the_log(self):
        report = json.loads(self.teelog("verify", self.bundles["whole"], "--json", code=4).stdout)
        algs = []
        for index in range(report["log"]["size"]):
            out = self.inputs(self.bundles["whole"], index)
            self.check(out)
            self.assertEqual(out["root"], "0x" + report["log"]["root"])
            if out["subject"] == "bob":
                # The address is that of the key that /v1/agents shows.
                key = bytes.fromhex(self.key_of["bob"])
                point = curves.number(key[1:])
                y = pow(point**3 + 7, (curves.SECP256K1.p + 1) // 4, curves.SECP256K1.p)
                y = y if y % 2 == key[0] % 2 else curves.SECP256K1.p - y
                self.assertEqual(out["address"], "0x" + curves.address((point, y)).hex())
                self.assertLessEqual(curves.number(raw(out)["input"][96:]), curves.SECP256K1.n // 2)
            algs.append((out["subject"], out["alg"]))
        self.assertEqual(set(algs), {("log.example/contracts", "ES256"), ("alice", "ES256"),
                                     ("bob", "ES256K")})

    def test_parts_of_the_log_show_the_same(self):
        whole = self.inputs(self.bundles["whole"], 8)
        self.check(whole)
        self.assertEqual({self.inputs(self.bundles[b], 8)["input"] for b in self.bundles}, {whole["input"]})
        for name in ("chain", "records"):
            self.check(self.inputs(self.bundles[name], 8))

    def test_a_contract_can_put_the_header_together(self):
        for index, ref in ((4, None), (8, None), (10, 7)):
            out = self.inputs(self.bundles["whole"], index)
            before = index - 1  # of the same agent here
            prev = raw(self.inputs(self.bundles["whole"], before))["digest"]
            v = raw(out)
            kid, time_ms = v["protected"][v["protected"].index(b"\x04\x58\x20") + 3 :][:32], self.time_of(v)
            rebuilt = header(out["alg"], kid, "log.example/contracts", out["subject"], out["type"],
                             out["seq"], time_ms, 1 if out["subject"] == "alice" else 5, prev, ref)
            self.assertEqual(rebuilt.hex(), v["protected"].hex())

    def time_of(self, v):
        after = v["protected"].rindex(v["type"].encode()) + len(v["type"]) + 1  # type, seq
        self.assertEqual(v["protected"][after], 0x1B)
        return curves.number(v["protected"][after + 1 :][:8])

    def test_what_cannot_be_shown_is_said(self):
        self.assertIn("does not hold the statement at index 2", self.inputs(self.bundles["records"], 2, code=1))
        self.assertIn("usage:", subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True).stderr)
        text = subprocess.run([sys.executable, PROGRAM, self.bundles["whole"], "8"],
                              capture_output=True, text=True).stdout
        out = self.inputs(self.bundles["whole"], 8)
        for name in ("digest", "input", "output", "address", "root"):
            self.assertIn(f"{name}: {out[name]}\n", text)


main()
