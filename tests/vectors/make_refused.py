#!/usr/bin/env python3
"""Writes statement_refused.json, body_refused.json and attributes_refused.json
beside itself: bytes that docs/format.md does not allow, as one fault each in
good bytes (make_vectors.fault), with the error that our reader names for it.
Another implementation need only refuse them.
"""
import make_vectors as v
from make_vectors import Raw, enc, fixed, head

NAN = Raw(b"\xf9\x7e\x00")
LONG = 2**53  # the first integer too large

# A value of each type; one of these in the place of another type is a fault.
SAMPLES = {
    "uint": 1,
    "nint": -1,
    "bytes": b"\1" * 32,
    "text": "x",
    "array": [1],
    "map": {1: 1},
    "true": True,
    "null": None,
    "float": NAN,
    "tag": Raw(b"\xc0\x61x"),
    "undefined": Raw(b"\xf7"),
}


def pair(k, x):
    return enc(k) + enc(x)


def raw_map(pairs, count=None):
    """A map as the pairs stand, sorted or not."""
    n = len(pairs) if count is None else count
    return Raw(head(5, n) + b"".join(pair(k, x) for k, x in pairs))


def raw_array(values, count=None):
    n = len(values) if count is None else count
    return Raw(head(4, n) + b"".join(enc(x) for x in values))


def long_form(n):
    """An integer one size longer than it needs."""
    b = enc(n)
    if len(b) == 1:
        return Raw(bytes([b[0] & 0xE0 | 24, b[0] & 31]))
    size = len(b) - 1
    return Raw(bytes([b[0] + 1]) + bytes(size) + b[1:])


def wrong_values(x, allowed=()):
    """Values of other types than x's, and its longer forms."""
    kinds = {int: ("uint", "nint"), bytes: ("bytes",), str: ("text",), list: ("array",)}
    kinds.update({dict: ("map",), bool: ("true",), type(None): ("null",)})
    own = kinds[type(x)] + tuple(allowed)
    for name, sample in SAMPLES.items():
        if name not in own:
            yield name, sample, "E_TYPE"
    if type(x) is int:
        yield "long form", long_form(x), "E_CBOR"


def map_faults(pairs, count_error, allowed):
    """Faults of a closed map whose pairs are all required."""
    for i, (k, x) in enumerate(pairs):
        yield f"without label {k}", count_error, raw_map(pairs[:i] + pairs[i + 1 :])
        broken = i > 0 and enc(99) <= enc(pairs[i - 1][0])
        yield f"label 99 for {k}", "E_CBOR" if broken else "E_TYPE", raw_map(
            pairs[:i] + [(99, x)] + pairs[i + 1 :]
        )
        if i + 1 < len(pairs):
            swapped = pairs[:i] + [pairs[i + 1], pairs[i]] + pairs[i + 2 :]
            yield f"label {k} after the next", "E_TYPE", raw_map(swapped)
            yield f"label {k} twice", "E_CBOR", raw_map(
                pairs[: i + 1] + [(k, pairs[i + 1][1])] + pairs[i + 2 :]
            )
        yield f"label {k} in the long form", "E_CBOR", raw_map(
            pairs[:i] + [(long_form(k), x)] + pairs[i + 1 :]
        )
        for name, wrong, error in wrong_values(x, allowed.get(k, ())):
            yield f"label {k}: {name}", error, raw_map(pairs[:i] + [(k, wrong)] + pairs[i + 1 :])
    yield "an extra label", "E_TYPE", raw_map(pairs + [(-70002, 1)])
    yield "indefinite length", "E_CBOR", Raw(
        b"\xbf" + b"".join(pair(k, x) for k, x in pairs) + b"\xff"
    )
    yield "not a map", "E_TYPE", Raw(enc([1]))
    yield "empty input", "E_SHORT", Raw(b"")
    yield "a byte too many", "E_TRAILING", Raw(raw_map(pairs) + b"\0")


def put(pairs, k, x):
    return [(a, x if a == k else b) for a, b in pairs]


# --- statements --------------------------------------------------------------------

OWN = [1, "action", 1, v.T, 7, fixed("prev")]
TYP = "application/teelog-%s+cose"


def header_pairs(own=None, typ="statement", subject=v.AGENT, origin=v.ORIGIN, alg=-7):
    return [
        (1, alg),
        (4, fixed("kid")),
        (15, {1: origin, 2: subject}),
        (16, TYP % typ),
        (258, -16),
        (259, "application/teelog-body+cbor"),
        (-70001, OWN if own is None else own),
    ]


def service_pairs(type_="teelog.heads", subject=v.ORIGIN, **more):
    return header_pairs([1, type_] + OWN[2:], "service", subject, **more)


def sealed(header):
    """A statement around these bytes of a header."""
    return Raw(head(6, 18) + enc([bytes(header), {}, fixed("payload"), fixed("signature", 64)]))


def own_with(i, x):
    return OWN[:i] + [x] + OWN[i + 1 :]


def outer_faults():
    good = [bytes(raw_map(header_pairs())), {}, fixed("payload"), fixed("signature", 64)]
    tag = head(6, 18)
    yield "no tag", "E_TYPE", enc(good)
    yield "tag of COSE_Sign", "E_TYPE", head(6, 98) + enc(good)
    yield "tag twice", "E_TYPE", tag + tag + enc(good)
    yield "three members", "E_TYPE", tag + enc(good[:3])
    yield "five members", "E_TYPE", tag + enc(good + [b""])
    yield "unprotected alg", "E_TYPE", tag + enc([good[0], {1: -7}] + good[2:])
    yield "payload of 31 bytes", "E_STATEMENT", tag + enc(good[:2] + [good[2][:31], good[3]])
    yield "payload of 33 bytes", "E_STATEMENT", tag + enc(good[:2] + [good[2] + b"\0", good[3]])
    yield "no payload", "E_TYPE", tag + enc(good[:2] + [None, good[3]])
    yield "signature of 63 bytes", "E_COSE", tag + enc(good[:3] + [good[3][:63]])
    yield "signature of 65 bytes", "E_COSE", tag + enc(good[:3] + [good[3] + b"\0"])
    yield "a byte after the statement", "E_TRAILING", tag + enc(good) + b"\0"


def own_label_faults():
    yield "five members", "E_STATEMENT", raw_array(OWN[:5])
    yield "five counted, six there", "E_STATEMENT", raw_array(OWN, 5)
    yield "eight members", "E_STATEMENT", OWN + [0, 0]
    for version in (0, 2):
        yield f"version {version}", "E_STATEMENT", own_with(0, version)
    for i, name in enumerate(("version", "type", "seq", "time", "session", "prev")):
        for kind, wrong, error in wrong_values(OWN[i], ("null",) if i == 5 else ()):
            yield f"{name}: {kind}", error, own_with(i, wrong)
        if i in (2, 3, 4):
            yield f"{name} of 2^53", "E_RANGE", own_with(i, LONG)
    yield "ref of 2^53", "E_RANGE", OWN + [LONG]
    for kind, wrong, error in wrong_values(0):
        yield f"ref: {kind}", error, OWN + [wrong]
    for n in (31, 33):
        yield f"prev of {n} bytes", "E_RANGE", own_with(5, bytes(n))
    yield "no prev at seq 1", "E_STATEMENT", own_with(5, None)
    yield "prev at seq 0", "E_STATEMENT", own_with(2, 0)
    for t in ("", "t" * 65, "a@b", "tab\t", "a\0", "è", "a+b", "a~", "`", "["):
        yield f"type {t!r}", "E_STATEMENT", own_with(1, t)
    for t in ("teelog.", "teelog.boot2", "teelog.boo", "teelog.Boot", "teelog.x", "teelog.session "):
        yield f"type {t!r}", "E_STATEMENT", own_with(1, t)
    for t in ("teelog.session", "teelog.end"):
        yield f"ref in a {t}", "E_STATEMENT", own_with(1, t) + [0]


def agreement_faults():
    for t in v.SERVICE_KINDS:
        yield f"{t} as an agent's", header_pairs(own_with(1, t))
        yield f"ref in a {t}", service_pairs()[:6] + [(-70001, own_with(1, t) + [0])]
    for t in ("teelog.session", "teelog.end", "action"):
        yield f"{t} as the service's", service_pairs(t)
    yield "service with an agent's subject", service_pairs(subject=v.AGENT)
    yield "service with a longer subject", service_pairs(subject=v.ORIGIN + "1")
    yield "agent with the origin as subject", header_pairs(subject=v.ORIGIN)
    yield "ES256K by the service", service_pairs(alg=-47)
    for alg in (-8, -257, -35, -19, 7, 0):
        yield f"alg {alg}", header_pairs(alg=alg)
    for bad in ("", "o" * 129, "a b", "a\n", "ö", "a+b", "a,b", "a[", "`", "a{"):
        yield f"origin {bad!r}", header_pairs(origin=bad)
        yield f"agent id {bad!r}", header_pairs(subject=bad)
        yield f"both names {bad!r}", service_pairs(subject=bad, origin=bad)


def header_faults():
    good = header_pairs()
    yield from map_faults(good, "E_TYPE", {1: ("nint", "uint"), 258: ("uint", "nint")})
    claims = [(1, v.ORIGIN), (2, v.AGENT)]
    for name, error, bad in map_faults(claims, "E_TYPE", {}):
        if error not in ("E_SHORT", "E_TRAILING"):  # those depend on what comes after
            yield f"names: {name}", error, raw_map(put(good, 15, bad))
    for n in (0, 31, 33):
        yield f"kid of {n} bytes", "E_RANGE", raw_map(put(good, 4, bytes(n)))
    for typ in ("", "application/teelog-statement+cose ", "application/teelog-body+cbor"):
        yield f"typ {typ!r}", "E_STATEMENT", raw_map(put(good, 16, typ))
    for h in (-43, -15, 16, -18):
        yield f"hash {h}", "E_STATEMENT", raw_map(put(good, 258, h))
    for t in ("", "application/cbor", "application/teelog-body+cborx"):
        yield f"preimage type {t!r}", "E_STATEMENT", raw_map(put(good, 259, t))
    for name, error, own in own_label_faults():
        yield name, error, raw_map(put(good, -70001, own))
    for name, pairs in agreement_faults():
        yield name, "E_STATEMENT", raw_map(pairs)


def statement_refused():
    good = bytes(sealed(raw_map(header_pairs())))
    faults = [(n, e, bytes(b)) for n, e, b in outer_faults()]
    faults += [(f"header: {n}", e, bytes(sealed(b))) for n, e, b in header_faults()]
    return {"good": good, "faults": [v.fault(good, b, name=n, error=e) for n, e, b in faults]}


# --- bodies ---------------------------------------------------------------------------


def nested(depth, leaf, array):
    x = leaf
    for _ in range(depth):
        x = [x] if array else {"k": x}
    return x


def attribute_faults():
    yield "empty", "E_BODY", {}
    yield "an integer", "E_BODY", 1
    yield "an array", "E_TYPE", [1]
    yield "a text", "E_TYPE", "text"
    yield "null", "E_BODY", None
    yield "key an integer", "E_TYPE", {1: 1}
    yield "key bytes", "E_TYPE", {b"k": 1}
    yield "inner key an integer", "E_TYPE", {"k": {1: 1}}
    yield "value bytes", "E_TYPE", {"k": b"v"}
    yield "inner value bytes", "E_TYPE", {"k": [b"v"]}
    yield "value a float", "E_TYPE", {"k": NAN}
    yield "value a double", "E_TYPE", {"k": Raw(b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a")}
    yield "value undefined", "E_TYPE", {"k": Raw(b"\xf7")}
    yield "value a tag", "E_TYPE", {"k": Raw(b"\xc1\x01")}
    yield "value of 2^53", "E_RANGE", {"k": LONG}
    yield "value of -2^53", "E_RANGE", {"k": -LONG}
    yield "inner value of 2^53", "E_RANGE", {"k": [LONG]}
    yield "value in the long form", "E_CBOR", {"k": long_form(1)}
    yield "value not UTF-8", "E_UTF8", {"k": Raw(b"\x61\xff")}
    yield "key not UTF-8", "E_UTF8", Raw(b"\xa1\x61\xff\x01")
    yield "keys out of order", "E_CBOR", raw_map([("b", 1), ("a", 2)])
    yield "key twice", "E_CBOR", raw_map([("a", 1), ("a", 2)])
    yield "inner keys out of order", "E_CBOR", {"k": raw_map([("aa", 1), ("b", 2)])}
    yield "maps nested 9 deep", "E_DEPTH", nested(9, 1, False)
    yield "arrays nested 9 deep", "E_DEPTH", {"k": nested(8, 1, True)}
    yield "map in arrays, 9 deep", "E_DEPTH", {"k": nested(7, {"k": 1}, True)}
    yield "an empty array 9 deep", "E_DEPTH", {"k": nested(7, [], True)}
    yield "indefinite", "E_CBOR", Raw(b"\xbf\x61k\x01\xff")


def record_faults():
    good = list(v.BODIES["record"].items())
    yield from map_faults(good, "E_BODY", {})
    for n in (0, 15, 17):
        yield f"salt of {n} bytes", "E_BODY", raw_map(put(good, 1, bytes(n)))
    for k in (2, 3):
        yield f"label {k} of 257 bytes", "E_BODY", raw_map(put(good, k, "x" * 257))
        yield f"label {k} not UTF-8", "E_UTF8", raw_map(put(good, k, Raw(b"\x61\xff")))
    yield "six labels", "E_BODY", raw_map(good + [(5, {"k": 1}), (6, 1)])
    yield "three counted, four there", "E_BODY", raw_map(good, 3)
    yield "label 6 for 5", "E_TYPE", raw_map(good + [(6, {"k": 1})])
    for name, error, bad in attribute_faults():
        yield f"attributes: {name}", error, raw_map(good + [(5, bad)])


def key_faults():
    good = list(v.SERVICE.items())
    for name, error, bad in map_faults(good, "E_TYPE", {1: ("nint", "uint"), -1: ("nint", "uint")}):
        if error not in ("E_SHORT", "E_TRAILING"):
            yield name, error, bad
    yield "an OKP key", "E_KEY", raw_map(put(good, 1, 1))
    yield "curve P-384", "E_KEY", raw_map(put(good, -1, 2))
    yield "x of 31 bytes", "E_RANGE", raw_map(put(good, -2, bytes(31)))
    yield "y of 33 bytes", "E_RANGE", raw_map(put(good, -3, bytes(33)))


def config_faults():
    good = list(v.CONFIG.items())
    allowed = {2: ("text",), 3: (), 4: (), 5: (), 6: ("map",)}
    for name, error, bad in map_faults(good, "E_BODY", allowed):
        if name not in ("empty input", "a byte too many", "label 3: nint"):
            yield name, error, bad
    yield "label 3: nint", "E_TYPE", raw_map(put(good, 3, -1))
    yield "label 3 of 2^53", "E_RANGE", raw_map(put(good, 3, LONG))
    yield "ten labels", "E_BODY", raw_map(list(v.CONFIG_FULL.items()) + [(10, 1)])
    yield "seven counted, eight there", "E_BODY", raw_map(good, 7)
    yield "label 10 for 9", "E_TYPE", raw_map(good + [(10, bytes(32))])
    for n in (31, 33):
        yield f"label 9 of {n} bytes", "E_RANGE", raw_map(good + [(9, bytes(n))])
    for bad in ([], [0], [0, 1], [1, 1], [2, 1], [1, 3, 2]):
        yield f"admissions {bad}", "E_BODY", raw_map(put(good, 8, bad))
    yield "admission 5", "E_RANGE", raw_map(put(good, 8, [5]))
    yield "recovery: an OKP key", "E_KEY", raw_map(put(good, 6, {**v.SERVICE, 1: 1}))


def heads_faults():
    good = [5, 2, fixed("heads 5")]
    yield "two members", "E_TYPE", good[:2]
    yield "four members", "E_TYPE", good + [0]
    yield "size of 2^53", "E_RANGE", [LONG] + good[1:]
    yield "n of 2^53", "E_RANGE", [5, LONG, good[2]]
    for n in (31, 33):
        yield f"root of {n} bytes", "E_RANGE", [5, 2, bytes(n)]
    for i in range(3):
        for kind, wrong, error in wrong_values(good[i]):
            yield f"member {i}: {kind}", error, good[:i] + [wrong] + good[i + 1 :]


def boot_faults():
    good = list(v.BODIES["genesis"].items())
    yield from map_faults(good, "E_BODY", {})
    yield "twelve labels", "E_BODY", raw_map(good + [(11, b"note"), (12, 1)])
    yield "nine counted, ten there", "E_BODY", raw_map(good, 9)
    yield "label 12 for 11", "E_TYPE", raw_map(good + [(12, b"note")])
    yield "an empty old note", "E_BODY", raw_map(good + [(11, b"")])
    yield "an old note in a later boot", "E_BODY", raw_map(
        list(v.BODIES["boot"].items()) + [(11, b"note")]
    )
    yield "old note a text", "E_TYPE", raw_map(good + [(11, "note")])
    for k in (1, 4, 6, 9):
        for n in (31, 33):
            yield f"label {k} of {n} bytes", "E_RANGE", raw_map(put(good, k, bytes(n)))
    yield "size of 2^53", "E_RANGE", raw_map(put(good, 5, LONG))
    yield "heads of another size", "E_BODY", raw_map(put(good, 7, [1, 1, bytes(32)]))
    yield "service key on secp256k1", "E_BODY", raw_map(put(good, 3, {**v.SERVICE, -1: 8}))
    yield "log key without a name", "E_KEY", raw_map(put(good, 2, "+00000000+AA=="))
    yield "log key empty", "E_KEY", raw_map(put(good, 2, ""))
    for name, error, bad in key_faults():
        yield f"service key: {name}", error, raw_map(put(good, 3, bad))
    for name, error, bad in config_faults():
        yield f"config: {name}", error, raw_map(put(good, 8, bad))
    for name, error, bad in heads_faults():
        yield f"heads: {name}", error, raw_map(put(good, 7, bad))


def session_faults():
    good = list(v.BODIES["session"].items())
    yield from map_faults(good, "E_TYPE", {7: ("array",)})
    for k in (4, 5, 8):
        for n in (31, 33):
            yield f"label {k} of {n} bytes", "E_RANGE", raw_map(put(good, k, bytes(n)))
    for k in (2, 3):
        yield f"label {k} of 2^53", "E_RANGE", raw_map(put(good, k, LONG))
    yield "size equal to the boot's index", "E_BODY", raw_map(put(good, 2, 1))
    yield "size below the boot's index", "E_BODY", raw_map(put(good, 2, 2))
    yield "admission 0", "E_BODY", raw_map(put(good, 6, 0))
    yield "admission 5", "E_RANGE", raw_map(put(good, 6, 5))
    yield "admission 2 without a peer", "E_BODY", raw_map(put(good, 6, 2))
    for admission in (1, 3):
        yield f"admission {admission} with a peer", "E_BODY", raw_map(
            put(put(good, 6, admission), 7, v.PEER)
        )
    attested = put(good, 6, 2)
    for i in range(3):
        for kind, wrong, error in wrong_values(v.PEER[i]):
            peer = v.PEER[:i] + [wrong] + v.PEER[i + 1 :]
            yield f"peer member {i}: {kind}", error, raw_map(put(attested, 7, peer))
    yield "peer of two members", "E_TYPE", raw_map(put(attested, 7, v.PEER[:2]))
    yield "peer of four members", "E_TYPE", raw_map(put(attested, 7, v.PEER + [b""]))
    for n in (31, 33):
        peer = [bytes(n)] + v.PEER[1:]
        yield f"peer's evidence of {n} bytes", "E_RANGE", raw_map(put(attested, 7, peer))
    for name, error, bad in key_faults():
        yield f"agent key: {name}", error, raw_map(put(good, 1, bad))


def heads_body_faults():
    good = list(v.BODIES["heads"].items())
    yield from map_faults(good, "E_TYPE", {})
    for name, error, bad in heads_faults():
        yield name, error, raw_map(put(good, 1, bad))


def end_faults():
    yield "not empty", "E_TYPE", {1: 1}
    yield "an array", "E_TYPE", []
    yield "a byte too many", "E_TRAILING", Raw(b"\xa0\xa0")
    yield "empty input", "E_SHORT", Raw(b"")
    yield "long form", "E_CBOR", Raw(b"\xb8\x00")


def erasure_faults():
    good = list(v.BODIES["erasure with reason"].items())
    one = good[:1]
    yield from map_faults(one, "E_BODY", {})
    yield "three labels", "E_BODY", raw_map(good + [(3, 1)])
    yield "none counted, one there", "E_BODY", raw_map(one, 0)
    yield "label 3 for 2", "E_TYPE", raw_map(one + [(3, "x")])
    yield "no index", "E_BODY", raw_map(put(good, 1, []))
    for bad in ([3, 3], [4, 3], [0, 0], [1, 2, 2]):
        yield f"indexes {bad}", "E_BODY", raw_map(put(good, 1, bad))
    yield "index of 2^53", "E_RANGE", raw_map(put(good, 1, [LONG]))
    for kind, wrong, error in wrong_values(3):
        yield f"index: {kind}", error, raw_map(put(good, 1, [wrong]))
    for kind, wrong, error in wrong_values("x"):
        yield f"reason: {kind}", error, raw_map(put(good, 2, wrong))
    yield "reason not UTF-8", "E_UTF8", raw_map(put(good, 2, Raw(b"\x61\xff")))


FAULTS = {
    "record": (record_faults, "record"),
    "boot": (boot_faults, "genesis"),
    "session": (session_faults, "session"),
    "heads": (heads_body_faults, "heads"),
    "end": (end_faults, "end"),
    "erasure": (erasure_faults, "erasure"),
}


def refused(good, faults):
    return {"good": good, "faults": [v.fault(good, enc(b), name=n, error=e) for n, e, b in faults]}


def main():
    v.write("statement_refused.json", statement_refused())
    bodies = {k: refused(enc(v.BODIES[name]), f()) for k, (f, name) in FAULTS.items()}
    v.write("body_refused.json", bodies)
    v.write("attributes_refused.json", refused(enc(v.ATTRIBUTES), attribute_faults()))


if __name__ == "__main__":
    main()
