#!/usr/bin/env python3
"""Writes es256k.json beside itself: keys and signatures of docs/format.md section 1 on
secp256k1, good and refused, and statements that verify (sections 3 and 8). The
arithmetic is that of curves.py.
"""
import hashlib

import curves
import make_vectors as v
from curves import P256, SECP256K1, b32, number
from make_vectors import enc, fixed, sha

N, P = SECP256K1.n, SECP256K1.p


def cose_key(point, curve=8):
    return {1: 2, -1: curve, -2: b32(point[0]), -3: b32(point[1])}


def raw(r, s):
    return b32(r) + b32(s)


def key(name, scalar):
    point = SECP256K1.public(scalar)
    encoded = enc(cose_key(point))
    return {
        "name": name,
        "scalar": b32(scalar),
        "x": b32(point[0]),
        "y": b32(point[1]),
        "key": encoded,
        "thumbprint": sha(encoded),
        "signatures": [
            {"digest": d, "signature": raw(*curves.sign(SECP256K1, scalar, d, low=True))}
            for d in (sha(b"sample"), sha(b"test"), bytes(32), fixed(name))
        ],
    }


AGENT = number(fixed("agent scalar")) % N
POINT = SECP256K1.public(AGENT)
DIGEST = sha(b"sample")


def refused_points():
    x, y = POINT
    yield "zeros", (0, 0)
    yield "y and x", (y, x)
    yield "y + 1", (x, y + 1)
    yield "x of the field's order", (P, y)
    # A point with a small x, which has a second form below 2^256.
    low = (1, pow(8, (P + 1) // 4, P))
    assert SECP256K1.has(low)
    yield "x + p", (low[0] + P, low[1])
    yield "the generator of P-256", P256.g
    yield "all ones", (2**256 - 1, 2**256 - 1)


def refused_signatures():
    r, s = curves.sign(SECP256K1, AGENT, DIGEST, low=True)
    assert curves.verify(SECP256K1, POINT, DIGEST, r, N - s)
    yield "s in its upper half", r, N - s
    yield "r and s exchanged", s, r
    for name, x in (("0", 0), ("n", N), ("all ones", 2**256 - 1)):
        yield f"r of {name}", x, s
        yield f"s of {name}", r, x
    if r + N < 2**256:
        yield "r + n", r + N, s
    yield "r of P-256's order", P256.n, s
    yield "nothing", 0, 0
    # u1 G + u2 Q is the point at infinity where r = -H / d, whatever s is.
    yield "a sum at infinity", -number(DIGEST) * pow(AGENT, -1, N) % N, 1
    yield "another key's", *curves.sign(SECP256K1, 1, DIGEST, low=True)
    yield "one on P-256", *curves.sign(P256, AGENT % P256.n, DIGEST)


def signed(st):
    """The statement with a signature that verifies, and what a stranger hashes."""
    signature = raw(*curves.sign(SECP256K1, AGENT, st["digest"], low=True))
    st["signature"] = signature
    st["statement"] = v.head(6, 18) + enc([st["header"], {}, st["payload"], signature])
    st["sig_structure"] = enc(["Signature1", st["header"], b"", st["payload"]])
    assert sha(st["sig_structure"]) == st["digest"]
    return st


def statements():
    body = {**v.BODIES["session"], 1: cose_key(POINT)}
    kid = v.thumbprint(cose_key(POINT))
    session = signed(v.statement("teelog.session", 0, v.T, 1, None, body, alg=-47, kid=kid))
    record = v.statement(
        "action", 1, v.T + 1, 1, session["digest"], v.BODIES["record"], alg=-47, kid=kid
    )
    return {
        "session": {**session, "body": enc(body), "binding": v.session_binding(body, v.AGENT, -47)},
        "record": {**signed(record), "body": enc(v.BODIES["record"])},
    }


def main():
    curves.self_test()
    v.write(
        "es256k.json",
        {
            "about": "ES256K: RFC 6979 nonces, the smaller s; refused ones are by the agent key "
            "over the first digest, unless they say otherwise",
            "keys": [
                key("agent", AGENT),
                key("one", 1),
                key("the greatest", N - 1),
                key("small", 2**200 + 12345),
            ],
            "refused_scalars": [bytes(32), b32(N), b"\xff" * 32],
            "refused_points": [
                {"name": n, "x": b32(x), "y": b32(y)} for n, (x, y) in refused_points()
            ],
            "refused_signatures": [
                {"name": n, "signature": raw(r, s)} for n, r, s in refused_signatures()
            ],
            "statements": statements(),
        },
    )


if __name__ == "__main__":
    main()
