#!/usr/bin/env python3
"""Writes bundle_refused.json beside itself: bundles that docs/format.md section
10 does not allow by the form, order or number of their items, as one fault each
in a good bundle (make_vectors.fault), with the error that our reader names and
the number of items that it gives before.
"""
import copy

import make_vectors as v
from make_refused import LONG, raw_array, wrong_values
from make_vectors import AGENT, ITEMS, ORIGIN, PATH, Raw, enc, fixed

HEADER, EVIDENCE, LEAF, FILL, CONSISTENCY, HEAD, ANCHOR, FRESH = 0, 1, 3, 6, 8, 10, 12, 14
END = len(ITEMS)
NAMES = {
    HEADER: "header",
    EVIDENCE: "evidence",
    LEAF: "leaf",
    FILL: "fill",
    CONSISTENCY: "consistency",
    HEAD: "head",
    ANCHOR: "anchor",
    FRESH: "fresh",
}


def with_item(i, item):
    return ITEMS[:i] + [item] + ITEMS[i + 1 :]


def member(i, k, x):
    """The good bundle with member k of item i replaced."""
    return with_item(i, ITEMS[i][:k] + [x] + ITEMS[i][k + 1 :])


def recounted(items):
    """With a header whose counts are right."""
    counts = [sum(i[0] == kind for i in items) for kind in (1, 2, 3, 4)]
    return [items[0][:5] + [counts]] + items[1:]


def renumbered(items):
    out, n = copy.deepcopy(items), 0
    for item in out:
        if item[0] == 3:
            item[1], n = n, n + 1
    return recounted(out)


def form_faults():
    """(name, error, items given before, items)"""
    allowed = {(EVIDENCE, 3): ("null", "bytes", "uint"), (LEAF, 3): ("null", "bytes")}
    allowed |= {(FRESH, 4): ("null",)}
    # Of another type than that, but one that each could have by itself.
    disagrees = {(FRESH, 5): "null", (FRESH, 6): "null", (FRESH, 7): "null"}
    for i, what in NAMES.items():
        item = ITEMS[i]
        for n in (len(item) - 1, len(item) + 1):
            yield f"{what}: {n} members counted", "E_BUNDLE", i, with_item(i, raw_array(item, n))
        yield f"{what}: a member too many", "E_BUNDLE", i, with_item(i, item + [0])
        for k, x in enumerate(item):
            for kind, wrong, error in wrong_values(x, allowed.get((i, k), ())):
                if disagrees.get((i, k)) == kind:
                    error = "E_BUNDLE"
                yield f"{what}: member {k} {kind}", error, i, member(i, k, wrong)
            if type(x) is int:
                yield f"{what}: member {k} of 2^53", "E_RANGE", i, member(i, k, LONG)
    for kind, wrong, error in wrong_values([1]):
        yield f"item: {kind}", error, LEAF, with_item(LEAF, wrong)
    yield "an empty array", "E_SHORT", END, ITEMS + [Raw(b"\x80")]


def value_faults():
    yield "kind 6", "E_RANGE", LEAF, member(LEAF, 0, 6)
    yield "header's key 1", "E_RANGE", 0, member(HEADER, 1, 1)
    for version in (0, 2):
        yield f"version {version}", "E_BUNDLE", 0, member(HEADER, 2, version)
    yield "collateral of item 2^53", "E_RANGE", EVIDENCE, member(EVIDENCE, 3, LONG)
    yield "scope 3", "E_RANGE", 0, member(HEADER, 3, 3)
    yield "three counts", "E_TYPE", 0, member(HEADER, 5, v.COUNTS[:3])
    yield "five counts", "E_TYPE", 0, member(HEADER, 5, v.COUNTS + [0])
    for k in range(4):
        for kind, wrong, error in wrong_values(1):
            counts = v.COUNTS[:k] + [wrong] + v.COUNTS[k + 1 :]
            yield f"count {k}: {kind}", error, 0, member(HEADER, 5, counts)
        counts = v.COUNTS[:k] + [LONG] + v.COUNTS[k + 1 :]
        yield f"count {k} of 2^53", "E_RANGE", 0, member(HEADER, 5, counts)
    for n in (31, 33):
        yield f"digest of {n} bytes", "E_RANGE", EVIDENCE, member(EVIDENCE, 1, bytes(n))
        yield f"fill of {n} bytes", "E_RANGE", FILL, member(FILL, 5, bytes(n))
        for i, k in ((CONSISTENCY, 4), (HEAD, 6), (ANCHOR, 3)):
            yield f"{NAMES[i]}: hash of {n} bytes", "E_RANGE", i, member(i, k, [bytes(n)])
    for i, k in ((CONSISTENCY, 4), (HEAD, 6), (ANCHOR, 3)):
        yield f"{NAMES[i]}: path of 64", "E_BUNDLE", i, member(i, k, [bytes(32)] * 64)
        yield f"{NAMES[i]}: hash a text", "E_TYPE", i, member(i, k, ["x"])
    yield "proof type 3", "E_RANGE", CONSISTENCY, member(CONSISTENCY, 2, 3)
    yield "level 63", "E_RANGE", FILL, member(FILL, 3, 63)
    yield "fill that ends beyond 2^53", "E_RANGE", FILL, with_item(
        FILL, [3, 0, 0, 10, 2**43, bytes(32)]
    )
    yield "fresh answer's key 1", "E_RANGE", FRESH, member(FRESH, 1, 1)
    yield "mode 4", "E_RANGE", FRESH, member(FRESH, 3, 4)
    yield "agent of 129 bytes", "E_BUNDLE", FRESH, member(FRESH, 5, "a" * 129)
    yield "agent not UTF-8", "E_UTF8", FRESH, member(FRESH, 5, Raw(b"\x61\xff"))
    for agent, count, last in ((None, 3, None), (None, None, bytes(32)), (AGENT, None, None),
                               (AGENT, 0, bytes(32)), (AGENT, 1, None)):
        item = ITEMS[FRESH][:5] + [agent, count, last] + ITEMS[FRESH][8:]
        named = "an agent" if agent else "no agent"
        yield (f"{named}, count {count}, {'a' if last else 'no'} last hash", "E_BUNDLE", FRESH,
               with_item(FRESH, item))
    for n in (31, 33):
        yield f"last hash of {n} bytes", "E_RANGE", FRESH, member(FRESH, 7, bytes(n))
        yield f"fresh answer: digest of {n} bytes", "E_RANGE", FRESH, member(FRESH, 2, bytes(n))
    for n in (0, 15, 65):
        yield f"nonce of {n} bytes", "E_BUNDLE", FRESH, member(FRESH, 8, bytes(n))
    yield "subject of 129 bytes", "E_BUNDLE", HEAD, member(HEAD, 4, "a" * 129)
    yield "subject not UTF-8", "E_UTF8", HEAD, member(HEAD, 4, Raw(b"\x61\xff"))


def count_faults():
    """A surplus item fails itself; a missing one only the end can show."""
    first = {0: 1, 1: 3, 2: 6, 3: 12}
    for k, what in enumerate(("evidence", "leaves", "proofs", "anchors")):
        n = v.COUNTS[k]
        less = v.COUNTS[:k] + [n - 1] + v.COUNTS[k + 1 :]
        more = v.COUNTS[:k] + [n + 1] + v.COUNTS[k + 1 :]
        yield f"{what}: one more than counted", "E_BUNDLE", first[k] + n - 1, member(HEADER, 5, less)
        yield f"{what}: one less than counted", "E_BUNDLE", END, member(HEADER, 5, more)
    yield "nothing at all", "E_BUNDLE", 0, []
    yield "a fresh answer for a header", "E_BUNDLE", 0, ITEMS[FRESH:]
    yield "only a header that promises more", "E_BUNDLE", 1, ITEMS[:1]
    yield "no header", "E_BUNDLE", 0, ITEMS[1:]


def order_faults():
    yield "the header twice", "E_BUNDLE", 1, ITEMS[:1] + ITEMS
    yield "the header last", "E_BUNDLE", 0, ITEMS[1:] + ITEMS[:1]
    yield "the header again at the end", "E_BUNDLE", END, ITEMS + ITEMS[:1]
    for i, what in NAMES.items():
        if i > 0:
            twice = recounted(ITEMS[: i + 1] + ITEMS[i:])
            yield f"{what} twice", "E_BUNDLE", i + 1, twice
    for i, what in ((1, "evidence"), (3, "leaves"), (12, "anchors")):
        swapped = ITEMS[:i] + [ITEMS[i + 1], ITEMS[i]] + ITEMS[i + 2 :]
        yield f"{what} in descending order", "E_BUNDLE", i + 1, swapped
    for i, what in ((2, "leaf before evidence"), (5, "proof before leaf"), (11, "anchor before proof"),
                    (13, "fresh answer before anchor")):
        swapped = ITEMS[:i] + [ITEMS[i + 1], ITEMS[i]] + ITEMS[i + 2 :]
        # A proof that follows out of turn has the wrong number as well.
        yield what, "E_BUNDLE", i + 1, swapped
    yield "proofs numbered from 1", "E_BUNDLE", FILL, member(FILL, 1, 1)
    yield "a number left out", "E_BUNDLE", FILL + 1, recounted(ITEMS[: FILL + 1] + ITEMS[FILL + 2 :])
    p = list(range(6, 12))

    def proofs(order, at, what, replace=None):
        items = ITEMS[:6] + [ITEMS[i] for i in order] + ITEMS[12:]
        if replace:
            items[replace[0]] = replace[1]
        return what, "E_BUNDLE", at, renumbered(items)

    yield proofs([7, 6] + p[2:], 7, "fills in descending order")
    yield proofs(p[:2] + [9, 8] + p[4:], 9, "consistency in descending order")
    yield proofs(p[:4] + [11, 10], 11, "heads in descending order of subject")
    yield proofs([8] + p[:2] + p[3:], 7, "consistency before fills")
    yield proofs([10] + p[:4] + [11], 7, "head before fills")
    yield proofs(p[:2] + [10, 8, 9, 11], 9, "head before consistency")
    yield proofs(p, 7, "two fills at one place", (7, [3, 1, 0, 1, 1, fixed("fill")]))
    yield proofs(p, 9, "two consistency proofs of one size", (9, [3, 3, 1, 1, []]))
    yield proofs(p, 11, "two proofs of one head", (11, [3, 5, 2, 5, AGENT, 1, PATH]))
    yield proofs(p, 11, "heads in descending order of index", (11, [3, 5, 2, 4, ORIGIN, 1, PATH]))
    yield proofs(p, 11, "a head's subject cut short", (11, [3, 5, 2, 5, AGENT[:-1], 1, PATH]))


def byte_faults():
    """(name, error, items given before, bytes)"""
    good = b"".join(map(enc, ITEMS))
    for name, error, tail in (
        ("a zero byte", "E_TYPE", b"\0"),
        ("null", "E_TYPE", b"\xf6"),
        ("half an item", "E_SHORT", b"\x84\x02"),
        ("a break", "E_CBOR", b"\xff"),
    ):
        yield f"at the end: {name}", error, END, good + tail
    before = b"".join(map(enc, ITEMS[:LEAF]))
    members, after = enc(ITEMS[LEAF])[1:], b"".join(map(enc, ITEMS[LEAF + 1 :]))
    yield "leaf: long form", "E_CBOR", LEAF, before + b"\x98\x04" + members + after
    yield "leaf: no definite length", "E_CBOR", LEAF, before + b"\x9f" + members + b"\xff" + after


def main():
    good = b"".join(map(enc, ITEMS))
    faults = list(byte_faults())
    for some in (form_faults, value_faults, count_faults, order_faults):
        faults += [(n, e, before, b"".join(map(enc, items))) for n, e, before, items in some()]
    out = [v.fault(good, b, name=n, error=e, items=before) for n, e, before, b in faults]
    v.write("bundle_refused.json", {"good": good, "faults": out})


if __name__ == "__main__":
    main()
