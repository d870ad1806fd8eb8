#!/usr/bin/env python3
"""Writes merkle.json, note.json and checkpoint.json beside itself.

The trees follow the recursive definitions of RFC 6962 section 2.1, not the
loops that the library uses. Needs the package "cryptography" for Ed25519.
"""
import base64
import hashlib
import json
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HERE = pathlib.Path(__file__).parent
L = 2**252 + 27742317777372353535851937790883648493  # the order of the group


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def leaf(i):
    return sha(b"\0", b"entry %d" % i)


def node(a, b):
    return sha(b"\1", a, b)


def split(n):
    return 1 << (n - 1).bit_length() - 1


def root(d):
    if len(d) < 2:
        return d[0] if d else sha()
    k = split(len(d))
    return node(root(d[:k]), root(d[k:]))


def path(m, d):
    if len(d) == 1:
        return []
    k = split(len(d))
    if m < k:
        return path(m, d[:k]) + [root(d[k:])]
    return path(m - k, d[k:]) + [root(d[:k])]


def subproof(m, d, whole):
    if m == len(d):
        return [] if whole else [root(d)]
    k = split(len(d))
    if m <= k:
        return subproof(m, d[:k], whole) + [root(d[k:])]
    return subproof(m - k, d[k:], False) + [root(d[:k])]


def hexes(items):
    return [i.hex() for i in items]


def save(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


D = [leaf(i) for i in range(70)]
X = sha(b"x")


def inc(name, index, size, leaf_hash, proof, want):
    return {"name": name, "index": index, "size": size, "leaf": leaf_hash.hex(),
            "path": hexes(proof), "root": want.hex()}


def con(name, m, n, old, new, proof):
    return {"name": name, "old": m, "new": n, "old_root": old.hex(), "new_root": new.hex(),
            "path": hexes(proof)}


def merkle():
    p3 = subproof(3, D[:5], True)
    save("merkle.json", {
        "about": "entry i is the ASCII text 'entry <i>'",
        "leaves": hexes(D[:4]),
        "roots": [root(D[:n]).hex() for n in range(len(D) + 1)],
        "inclusion": [{"index": i, "size": n, "path": hexes(path(i, D[:n]))}
                      for i, n in [(0, 1), (1, 2), (0, 3), (2, 3), (5, 6), (4, 7), (31, 64),
                                   (63, 64), (64, 65), (33, 70), (69, 70)]],
        "consistency": [{"old": m, "new": n, "path": hexes(subproof(m, D[:n], True))}
                        for m, n in [(1, 1), (1, 2), (2, 3), (3, 4), (4, 7), (6, 7), (6, 8),
                                     (32, 64), (33, 64), (64, 70), (65, 70), (69, 70)]],
        "bad_inclusion": [
            inc("an empty tree", 0, 0, D[0], [], D[0]),
            inc("index equals size", 1, 1, D[0], [], D[0]),
            inc("another leaf", 1, 2, D[0], [D[1]], root(D[:2])),
            inc("another root", 0, 2, D[0], [D[1]], root(D[:3])),
            inc("a hash too many on the left", 0, 1, D[0], [X], node(X, D[0])),
            inc("a hash too many on the right", 0, 2, D[0], [D[1], X], node(root(D[:2]), X)),
            inc("a path that stops below the root", 0, 4, D[0], [D[1]], root(D[:2])),
            inc("no path", 0, 2, D[0], [], D[0]),
            inc("hashes in the wrong order", 0, 4, D[0], path(0, D[:4])[::-1], root(D[:4])),
        ],
        "bad_consistency": [
            con("the old tree is larger", 3, 2, D[0], node(D[0], D[1]), [D[0], D[1]]),
            con("from nothing, with a path", 0, 2, sha(), root(D[:2]), [D[0]]),
            con("from nothing, with another root", 0, 2, D[0], root(D[:2]), []),
            con("equal sizes, other roots", 2, 2, root(D[:2]), root(D[2:4]), []),
            con("equal sizes, with a path", 2, 2, root(D[:2]), root(D[:2]), [D[2]]),
            con("both empty, but one is not", 0, 0, sha(), D[0], []),
            con("another old root", 3, 5, root(D[:2]), root(D[:5]), p3),
            con("another new root", 3, 5, root(D[:3]), root(D[:6]), p3),
            con("another old root, a power of two", 2, 3, root(D[2:4]), root(D[:3]), [D[2]]),
            con("no path", 2, 3, root(D[:2]), root(D[:2]), []),
            con("no path, not a power of two", 3, 5, root(D[:3]), root(D[:5]), []),
            con("a hash too many", 3, 4, node(X, root(D[:3])), node(X, root(D[:4])),
                subproof(3, D[:4], True) + [X]),
            con("a path that stops below the root", 1, 4, D[0], node(D[0], D[1]), [D[1]]),
        ],
    })


SEED = sha(b"teelog test key")
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
PUB = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
ORIGIN = "log.example/teelog"
WITNESS = "witness.example/w"


def key_id(name, public=PUB, kind=1):
    return sha(name.encode(), b"\n", bytes([kind]), public)[:4]


def vkey(name, public=PUB, kind=1, kid=None):
    kid = key_id(name, public, kind) if kid is None else kid
    return f"{name}+{kid.hex()}+{base64.b64encode(bytes([kind]) + public).decode()}"


def line(name, data):
    return f"\u2014 {name} {base64.b64encode(data).decode()}\n"


def signed(text, name=ORIGIN):
    return line(name, key_id(name) + KEY.sign(text.encode()))


def bad(note, error):
    return {"note": note, "error": error}


def note():
    text = "one\n\ntwo\n"
    ours = signed(text)
    whole = text + "\n" + ours
    broken = bytearray(KEY.sign(text.encode()))
    broken[40] ^= 1
    high = KEY.sign(text.encode())
    high = high[:32] + (int.from_bytes(high[32:], "little") + L).to_bytes(32, "little")
    grease = line("grease.example", b"\1\2\3\4" + bytes(300)) + line("gr\u00fcn", b"abcde")
    kid = key_id(ORIGIN)
    # A key whose base64 holds '+'.
    for i in range(1000):
        public = Ed25519PrivateKey.from_private_bytes(sha(b"plus", b"%d" % i)).public_key()
        public = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        if b"+" in base64.b64encode(b"\1" + public):
            break
    good_key = vkey(ORIGIN)
    save("note.json", {
        "about": "keys of type 01 over one seed; verdicts by name of include/teelog/err.h",
        "seed": SEED.hex(), "name": ORIGIN, "public_key": PUB.hex(), "key": good_key,
        "thumbprint": sha(bytes.fromhex("a3010120062158 20".replace(" ", "")), PUB).hex(),
        "text": text, "signed": whole,
        "good_keys": [good_key, vkey(ORIGIN, public), vkey("gr\u00fcn"), vkey("n" * 255)],
        "bad_keys": [
            {"name": "empty", "text": ""},
            {"name": "no separators", "text": ORIGIN},
            {"name": "one separator", "text": ORIGIN + "+" + key_id(ORIGIN).hex()},
            {"name": "an empty name", "text": vkey("")},
            {"name": "a name too long", "text": vkey("n" * 256)},
            {"name": "a space in the name", "text": vkey("a b")},
            {"name": "a no-break space in the name", "text": vkey("a\u00a0b")},
            {"name": "an ideographic space in the name", "text": vkey("a\u3000b")},
            {"name": "a control character in the name", "text": vkey("a\u0001b")},
            {"name": "another key id", "text": vkey(ORIGIN, kid=b"\1\2\3\4")},
            {"name": "upper-case hex", "text": good_key.replace(kid.hex(), kid.hex().upper())},
            {"name": "another type", "text": vkey(ORIGIN, kind=4)},
            {"name": "a short key", "text": vkey(ORIGIN, PUB[:31])},
            {"name": "a long key", "text": vkey(ORIGIN, PUB + b"\0")},
            {"name": "white space after it", "text": good_key + "\n"},
            {"name": "the URL alphabet", "text": vkey(ORIGIN, public).replace("+", "-")
                .replace("-", "+", 2)},
        ],
        "good": [
            {"name": "as signed", "note": whole},
            {"name": "signed twice", "note": whole + ours},
            {"name": "lines of unknown keys", "note": text + "\n" + grease + ours + grease},
            {"name": "our name with another id", "note": whole + line(ORIGIN, b"\0\0\0\0" + broken)},
            {"name": "our id under another name",
             "note": whole + line("other.example", kid + broken)},
            {"name": "empty lines at the end of the text",
             "note": "one\n\n\n\n" + signed("one\n\n\n")},
            {"name": "an empty line for a text", "note": "\n\n" + signed("\n")},
            {"name": "100 signatures", "note": text + "\n" + line("g", b"12345") * 99 + ours},
        ],
        "bad": [
            dict(bad("", "E_NOTE"), name="empty"),
            dict(bad("\n" + ours, "E_NOTE"), name="no text"),
            dict(bad("one\n", "E_NOTE"), name="no signatures"),
            dict(bad("one\n\n", "E_NOTE"), name="no signature lines"),
            dict(bad(whole[:-1], "E_NOTE"), name="no final newline"),
            dict(bad("\u0001" + whole, "E_NOTE"), name="a control character"),
            dict(bad(whole.replace("\n", "\r\n"), "E_NOTE"), name="CRLF"),
            dict(bad(whole + "one more\n", "E_NOTE"), name="a line after the signatures"),
            dict(bad(whole.replace("\u2014 ", "abc "), "E_NOTE"), name="no dash"),
            dict(bad(whole.replace("\u2014 ", "\u2014"), "E_NOTE"), name="no space after the dash"),
            dict(bad(whole + line("", kid + broken), "E_NOTE"), name="an empty name"),
            dict(bad(whole + line("a+b", kid + broken), "E_NOTE"), name="a plus in a name"),
            dict(bad(whole + line("a\u2003b", kid + broken), "E_NOTE"), name="an em space in a name"),
            dict(bad(whole + "\u2014 name\n", "E_NOTE"), name="a name alone"),
            dict(bad(whole + line("short", kid), "E_NOTE"), name="a key id alone"),
            dict(bad(whole + "\u2014 a AAAAAB==\n", "E_NOTE"), name="leftover bits in base64"),
            dict(bad(whole + "\u2014 a AAAA AAAA\n", "E_NOTE"), name="a space in base64"),
            dict(bad(whole + "\u2014 a AAAAAA\n", "E_NOTE"), name="base64 without padding"),
            dict(bad(text + "\n" + line("g", b"12345") * 100 + ours, "E_NOTE"),
                 name="101 signatures"),
            dict(bad(whole.replace("two", "too"), "E_SIGNATURE"), name="another text"),
            dict(bad(text + "\n" + grease, "E_SIGNATURE"), name="no line of ours"),
            dict(bad(whole + line(ORIGIN, kid + broken), "E_SIGNATURE"),
                 name="a good line of ours, and a bad one"),
            dict(bad(text + "\n" + line(ORIGIN, kid + KEY.sign(text.encode()) + b"\0"),
                     "E_SIGNATURE"), name="a byte after the signature"),
            dict(bad(text + "\n" + line(ORIGIN, kid + KEY.sign(text.encode())[:63]),
                     "E_SIGNATURE"), name="a short signature"),
            dict(bad(text + "\n" + line(ORIGIN, kid + high), "E_SIGNATURE"),
                 name="S + L for S"),
            dict(bad("one\n\n" + signed("one\n\n"), "E_SIGNATURE"),
                 name="the separator signed too"),
        ],
    })


def checkpoint():
    d = base64.b64encode(root(D[:5])).decode()
    empty = base64.b64encode(sha()).decode()
    text = f"{ORIGIN}\n5\n{d}\n"

    def no(name, value, foreign="E_CHECKPOINT"):
        return {"name": name, "text": value, "error": "E_CHECKPOINT", "foreign": foreign}

    def signed_by(value, name):
        return value + "\n" + signed(value, name)

    save("checkpoint.json", {
        "about": "texts as checkpoint_read and checkpoint_read_foreign take them; signed ones",
        "seed": SEED.hex(), "key": vkey(ORIGIN), "origin": ORIGIN,
        "good": [
            {"text": text, "size": 5, "root": root(D[:5]).hex()},
            {"text": f"{ORIGIN}\n0\n{empty}\n", "size": 0, "root": sha().hex()},
            {"text": f"{ORIGIN}\n{2**53 - 1}\n{d}\n", "size": 2**53 - 1,
             "root": root(D[:5]).hex()},
        ],
        "bad": [
            no("empty", ""),
            no("no origin", f"\n5\n{d}\n"),
            no("no size", f"{ORIGIN}\n\n{d}\n"),
            no("no hash", f"{ORIGIN}\n5\n"),
            no("an empty hash", f"{ORIGIN}\n5\n\n"),
            no("no final newline", text[:-1]),
            no("a leading zero", f"{ORIGIN}\n05\n{d}\n"),
            no("a sign", f"{ORIGIN}\n+5\n{d}\n"),
            no("a negative size", f"{ORIGIN}\n-5\n{d}\n"),
            no("a space before the size", f"{ORIGIN}\n 5\n{d}\n"),
            no("a space after the size", f"{ORIGIN}\n5 \n{d}\n"),
            no("hex", f"{ORIGIN}\n0x5\n{d}\n"),
            no("a size of 2^53", f"{ORIGIN}\n{2**53}\n{d}\n", "OK"),
            no("a size of 2^63 - 1", f"{ORIGIN}\n{2**63 - 1}\n{d}\n", "OK"),
            no("a size of 2^63", f"{ORIGIN}\n{2**63}\n{d}\n"),
            no("a size of 2^64 + 5", f"{ORIGIN}\n{2**64 + 5}\n{d}\n"),
            no("empty, with a root", f"{ORIGIN}\n0\n{d}\n"),
            no("a hash of 31 bytes", f"{ORIGIN}\n5\n{base64.b64encode(bytes(31)).decode()}\n"),
            no("a hash of 33 bytes", f"{ORIGIN}\n5\n{base64.b64encode(bytes(33)).decode()}\n"),
            no("leftover bits in the hash", f"{ORIGIN}\n5\n{'A' * 42}B=\n"),
            no("no padding", f"{ORIGIN}\n5\n{d[:-1]}\n"),
            no("a space after the hash", f"{ORIGIN}\n5\n{d} \n"),
            no("an extension line", text + "extension\n", "OK"),
            no("two extension lines", text + "a\nb\n", "OK"),
            no("an empty extension line", text + "\n"),
            no("an empty line between extension lines", text + "a\n\nb\n"),
            no("an extension without a newline", text + "a"),
        ],
        "signed": [
            {"name": "as signed", "note": signed_by(text, ORIGIN), "error": "OK"},
            {"name": "with a witness's line",
             "note": signed_by(text, ORIGIN) + line(WITNESS, b"abcd" + bytes(72)), "error": "OK"},
            {"name": "another log's origin under our key",
             "note": signed_by(text.replace(ORIGIN, WITNESS), ORIGIN), "error": "E_CHECKPOINT"},
            {"name": "an extension line", "note": signed_by(text + "a\n", ORIGIN),
             "error": "E_CHECKPOINT"},
            {"name": "another size", "note": signed_by(text, ORIGIN).replace("\n5\n", "\n6\n"),
             "error": "E_SIGNATURE"},
            {"name": "signed by another name", "note": signed_by(text, WITNESS),
             "error": "E_SIGNATURE"},
            {"name": "not a note", "note": text, "error": "E_NOTE"},
        ],
    })


merkle()
note()
checkpoint()
