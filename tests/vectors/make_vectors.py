#!/usr/bin/env python3
"""Writes statement.json, body.json, binding.json and bundle.json beside itself.

A second implementation of docs/format.md, sections 3, 4, 5, 8 and 10, written
from the page and not from the C code. Standard library only. The signatures
are fixed bytes and the keys fixed numbers: these vectors are about encodings,
and nothing in them verifies.
"""
import base64
import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).parent

# --- deterministic CBOR (RFC 8949 section 4.2.1) -----------------------------


class Raw(bytes):
    """Bytes that are encoded already."""


def head(major, n):
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << 8 * size:
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")
    raise ValueError(n)


def enc(v):
    if isinstance(v, Raw):
        return bytes(v)
    if v is None:
        return b"\xf6"
    if isinstance(v, bool):
        return b"\xf5" if v else b"\xf4"
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(enc, v))
    if isinstance(v, dict):
        pairs = sorted((enc(k), enc(x)) for k, x in v.items())
        return head(5, len(pairs)) + b"".join(k + x for k, x in pairs)
    raise TypeError(type(v))


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def fixed(name, n=32):
    """n bytes that look random and are always the same."""
    return hashlib.shake_128(name.encode()).digest(n)


# --- keys ----------------------------------------------------------------------


def ec2(name, curve=1):
    return {1: 2, -1: curve, -2: fixed(name + " x"), -3: fixed(name + " y")}


def thumbprint(key):
    return sha(enc(key))


def verifier_key(name, public):
    key_id = sha(name.encode(), b"\n\x01", public)[:4]
    return f"{name}+{key_id.hex()}+{base64.b64encode(bytes([1]) + public).decode()}"


ORIGIN = "log.example/teelog-1"
AGENT = "agent:alpha@example"
LOG_PUBLIC = fixed("log key")
LOG_TP = thumbprint({1: 1, -1: 6, -2: LOG_PUBLIC})
SERVICE = ec2("service")
AGENT_KEY = ec2("agent")

# --- bodies (section 5) ---------------------------------------------------------

EMPTY_ROOT = sha()
CONFIG = {
    1: "sgx-gramine",
    2: None,
    3: 0,
    4: False,
    5: False,
    6: None,
    7: "_sgx_mrenclave",
    8: [1, 3],
}
CONFIG_FULL = {
    1: "simulator",
    2: "quorum 2 of a b c",
    3: 2**53 - 1,
    4: True,
    5: True,
    6: ec2("recovery"),
    7: "file",
    8: [1, 2, 3],
    9: sha(enc(["/usr/bin/agent", "--serve"])),
}
ATTRIBUTES = {
    "n": -(2**53 - 1),
    "ok": True,
    "no": False,
    "nil": None,
    "tools": ["search", 3, [], {"deep": {}}],
    "größe": 2**53 - 1,
}


def boot_body(size, root, heads, config, note=None):
    body = {
        1: fixed("log id"),
        2: verifier_key(ORIGIN, LOG_PUBLIC),
        3: SERVICE,
        4: fixed("boot id"),
        5: size,
        6: root,
        7: heads,
        8: config,
        9: fixed("boot evidence"),
        10: "teelog 0.1.0",
    }
    if note is not None:
        body[11] = note
    return body


def session_body(boot, size, root, admission, peer, key=AGENT_KEY):
    return {
        1: key,
        2: boot,
        3: size,
        4: root,
        5: sha(enc([fixed("session salt", 16), "alpha", ["/usr/bin/agent"]])),
        6: admission,
        7: peer,
        8: fixed("session evidence"),
    }


def record_body(name, room, user, content, attributes=None):
    body = {1: fixed(name, 16), 2: room, 3: user, 4: content}
    if attributes is not None:
        body[5] = attributes
    return body


PEER = [fixed("peer evidence"), fixed("peer spki", 91), b""]
BODIES = {
    "record": record_body("salt 1", "room-1", "user-1", "SEND_TOKEN 1 SOL"),
    "record with attributes": record_body("salt 2", "", "", "", ATTRIBUTES),
    "record, longest": record_body("salt 3", "r" * 256, "ü" * 128, "c" * 300),
    "genesis": boot_body(0, EMPTY_ROOT, [0, 0, EMPTY_ROOT], CONFIG),
    "boot": boot_body(700, fixed("root 700"), [700, 3, fixed("heads 700")], CONFIG_FULL),
    "successor": boot_body(0, EMPTY_ROOT, [0, 0, EMPTY_ROOT], CONFIG_FULL, b"old note\n"),
    "session": session_body(0, 1, fixed("root 1"), 1, None),
    "session of a peer": session_body(
        256, 70000, fixed("root 70000"), 2, PEER, ec2("agent", 8)
    ),
    "heads": {1: [5, 2, fixed("heads 5")]},
    "end": {},
    "erasure": {1: [3, 4, 70000, 2**53 - 1]},
    "erasure with reason": {1: [3], 2: "asked by the user"},
}

# --- statements (sections 3 and 4) ------------------------------------------------

SERVICE_KINDS = ("teelog.boot", "teelog.heads", "teelog.erasure")


def statement(type_, seq, time_ms, session, prev, body, ref=None, subject=None, alg=-7, kid=None):
    service = type_ in SERVICE_KINDS
    if subject is None:
        subject = ORIGIN if service else AGENT
    if kid is None:
        kid = thumbprint(SERVICE if service else AGENT_KEY)
    own = [1, type_, seq, time_ms, session, prev]
    if ref is not None:
        own.append(ref)
    # Label -70001 sorts last: its encoding begins with 3a, the others with 0 to 1a.
    protected = enc(
        {
            1: alg,
            4: kid,
            15: {1: ORIGIN, 2: subject},
            16: f"application/teelog-{'service' if service else 'statement'}+cose",
            258: -16,
            259: "application/teelog-body+cbor",
            -70001: own,
        }
    )
    payload = sha(enc(body))
    signature = fixed(f"signature {type_} {seq}", 64)
    return {
        "alg": alg,
        "kid": kid,
        "subject": subject,
        "type": type_,
        "seq": seq,
        "time_ms": time_ms,
        "session": session,
        "prev": prev,
        "ref": ref,
        "payload": payload,
        "signature": signature,
        "header": protected,
        "digest": sha(enc(["Signature1", protected, b"", payload])),
        "statement": head(6, 18) + enc([protected, {}, payload, signature]),
    }


T = 1700000000000
S = {}
S["genesis"] = statement("teelog.boot", 0, T, 0, None, BODIES["genesis"])
S["session"] = statement("teelog.session", 0, T + 5, 1, None, BODIES["session"])
S["record"] = statement("action", 1, T + 6, 1, S["session"]["digest"], BODIES["record"])
S["record with ref"] = statement(
    "tool.call/result: ok", 2, T + 7, 1, S["record"]["digest"], BODIES["record with attributes"], 2
)
S["end"] = statement("teelog.end", 3, T + 8, 1, S["record with ref"]["digest"], {})
S["heads"] = statement(
    "teelog.heads", 1, T + 9, 0, S["genesis"]["digest"], {1: [5, 2, fixed("heads 5")]}
)
S["erasure"] = statement("teelog.erasure", 2, T + 9, 0, S["heads"]["digest"], BODIES["erasure"])
M = 2**53 - 1
S["longest"] = statement(
    "t" * 64, M, M, M, fixed("prev"), BODIES["record"], M, subject="a" * 128, alg=-47
)
S["fully specified alg"] = statement("x", 0, 0, 0, None, {}, alg=-9)

# --- bindings (section 8) -----------------------------------------------------------


def boot_binding(body):
    pre = [ORIGIN, body[1], LOG_TP, thumbprint(body[3]), body[4], body[5], body[6]]
    pre.append(sha(enc(body[8])))
    return {
        "origin": ORIGIN,
        "log_id": body[1],
        "log_tp": LOG_TP,
        "service_tp": thumbprint(body[3]),
        "boot_id": body[4],
        "size": body[5],
        "root": body[6],
        "config": enc(body[8]),
        "report_data": hashlib.sha512(b"teelog/boot/v1\0" + enc(pre)).digest(),
    }


def session_binding(body, agent, alg):
    leaf = sha(b"\0", S["genesis"]["statement"])
    pre = [ORIGIN, LOG_TP, leaf, agent, thumbprint(body[1]), alg, body[3], body[4]]
    return {
        "origin": ORIGIN,
        "log_tp": LOG_TP,
        "boot_leaf": leaf,
        "agent": agent,
        "agent_tp": thumbprint(body[1]),
        "alg": alg,
        "size": body[3],
        "root": body[4],
        "report_data": hashlib.sha512(b"teelog/session/v1\0" + enc(pre)).digest(),
    }


def fresh_binding(mode, cosigned, agent, count, last, nonce, origin=ORIGIN):
    leaf = sha(b"\0", S["genesis"]["statement"])
    text = f"{origin}\n6\n{base64.b64encode(fixed('root 6')).decode()}\n".encode()
    pre = [origin, LOG_TP, leaf, sha(text), mode, cosigned, agent, count, last, nonce]
    return {
        "origin": origin,
        "log_tp": LOG_TP,
        "boot_leaf": leaf,
        "text": text,
        "members": enc(pre[4:]),
        "report_data": hashlib.sha512(b"teelog/fresh/v1\0" + enc(pre)).digest(),
    }


def rest_binding(answer, nonce):
    second = sha(b"teelog/rest/v1\0", nonce) if nonce else bytes(32)
    return {"answer": answer, "nonce": nonce, "report_data": sha(answer) + second}


# --- bundles (section 10) -------------------------------------------------------------

CHECKPOINT = b"log.example/teelog-1\n6\nAAAA\n\n\xe2\x80\x94 signature\n"
EVIDENCE = {sha(i): i for i in (enc(["simulator", b"quote " + bytes([n]), None]) for n in (1, 2))}
PATH = [fixed("path 0"), fixed("path 1")]

ITEMS = [[1, d, EVIDENCE[d], None] for d in sorted(EVIDENCE)]
ITEMS[1][3] = b"collateral"
ITEMS += [
    [2, 0, S["genesis"]["statement"], enc(BODIES["genesis"])],
    [2, 1, S["session"]["statement"], enc(BODIES["session"])],
    [2, 3, S["record with ref"]["statement"], None],
    [3, 0, 0, 0, 2, fixed("fill 2")],
    [3, 1, 0, 1, 2, fixed("fill 4")],
    [3, 2, 1, 1, PATH],
    [3, 3, 1, 3, []],
    [3, 4, 2, 5, AGENT, 0, PATH[:1]],
    [3, 5, 2, 5, ORIGIN, 1, PATH],
    [4, 2, CHECKPOINT, PATH],
    [4, 4, CHECKPOINT, []],
    [5, 0, sorted(EVIDENCE)[1], 2, 4, AGENT, 3, S["record with ref"]["digest"], fixed("nonce", 16)],
]
COUNTS = [sum(i[0] == kind for i in ITEMS) for kind in (1, 2, 3, 4)]
ITEMS.insert(0, [0, 0, 1, 1, CHECKPOINT, COUNTS])

# --- out --------------------------------------------------------------------------------


def plain(v):
    """JSON has no byte strings: hex stands for them."""
    if isinstance(v, bytes):
        return v.hex()
    if isinstance(v, list):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return {str(k): plain(x) for k, x in v.items()}
    return v


def fault(good, bad, **about):
    """What to do to the good bytes: put these in the place of cut bytes at at."""
    at = 0
    while at < min(len(good), len(bad)) and good[at] == bad[at]:
        at += 1
    same = 0
    while same < min(len(good), len(bad)) - at and good[-1 - same] == bad[-1 - same]:
        same += 1
    return about | {"at": at, "cut": len(good) - at - same, "put": bad[at : len(bad) - same]}


def write(name, value):
    text = json.dumps(plain(value), indent=1, ensure_ascii=False)
    (HERE / name).write_text(text + "\n")


def main():
    write("statement.json", {"origin": ORIGIN, "statements": S})
    write(
        "body.json",
        {
            "attributes": enc(ATTRIBUTES),
            "configs": {
                "plain": {"config": enc(CONFIG), "digest": sha(enc(CONFIG)), "labels": CONFIG},
                "full": {
                    "config": enc(CONFIG_FULL),
                    "digest": sha(enc(CONFIG_FULL)),
                    "labels": CONFIG_FULL,
                },
            },
            "bodies": {
                k: {"body": enc(v), "digest": sha(enc(v)), "labels": v} for k, v in BODIES.items()
            },
        },
    )
    write(
        "binding.json",
        {
            "boot": [boot_binding(BODIES["genesis"]), boot_binding(BODIES["boot"])],
            "session": [
                session_binding(BODIES["session"], AGENT, -7),
                session_binding(BODIES["session of a peer"], "b" * 128, -47),
            ],
            "fresh": [
                fresh_binding(3, None, None, None, None, fixed("nonce", 16)),
                fresh_binding(3, None, AGENT, 3, S["record with ref"]["digest"], fixed("nonce")),
                fresh_binding(2, None, AGENT, 0, None, fixed("nonce", 20)),
                fresh_binding(
                    0, M, "b" * 128, M, fixed("last"), fixed("nonce", 64), origin="o" * 128
                ),
            ],
            "rest": [
                rest_binding(b'{"agents":[],"total":0}', b""),
                rest_binding('{"logs":{"data":["é\\n"]}}'.encode(), fixed("nonce", 16)),
                rest_binding(b"{}", fixed("nonce", 64)),
            ],
        },
    )
    write(
        "bundle.json",
        {
            "items": [enc(i) for i in ITEMS],
            "bundle": b"".join(enc(i) for i in ITEMS),
            "checkpoint": CHECKPOINT,
            "leaves": [i for i in ITEMS if i[0] == 2],
            "path 0": PATH[0],
            "path 1": PATH[1],
            "fill 2": fixed("fill 2"),
            "fill 4": fixed("fill 4"),
            "last hash": S["record with ref"]["digest"],
            "nonce": fixed("nonce", 16),
        },
    )


if __name__ == "__main__":
    main()
