#!/usr/bin/env python3
"""What a contract is given to check one statement of a log (docs/contracts.md).

usage: contract_inputs.py BUNDLE INDEX [--json]

Prints the bytes that the agent signed, their digest, the input and the output of the
precompile that checks the signature, and the path from the statement to the root of
the checkpoint. Whether the bundle is to be believed is not for this program to say:
`teelog verify` it first. Standard library only.
"""
import hashlib
import json
import sys

# --- CBOR, as far as bundles have it --------------------------------------------------


class Tag:
    def __init__(self, number, value):
        self.number, self.value = number, value


def read(data, at):
    """The item at data[at], and where the next one begins."""
    major, n = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return {20: False, 21: True, 22: None}[n], at
    if n > 23:
        size = 1 << n - 24
        n, at = int.from_bytes(data[at : at + size], "big"), at + size
    if major in (0, 1):
        return n if major == 0 else -1 - n, at
    if major in (2, 3):
        piece = data[at : at + n]
        return piece if major == 2 else piece.decode(), at + n
    if major == 6:
        value, at = read(data, at)
        return Tag(n, value), at
    items = []
    for _ in range(n if major == 4 else 2 * n):
        item, at = read(data, at)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at


def whole(data):
    return read(data, 0)[0]


def byte_string(b):
    """b as CBOR has it; shorter than 64 KiB."""
    n = len(b)
    head = bytes([0x40 | n]) if n < 24 else bytes([0x58, n]) if n < 256 else b"\x59" + n.to_bytes(2, "big")
    return head + b


# --- the bundle ------------------------------------------------------------------------


class Statement:
    def __init__(self, leaf):
        self.bytes, self.body = leaf[2], leaf[3]
        self.protected, _, self.payload, self.signature = whole(self.bytes).value
        header = whole(self.protected)
        self.alg, self.agent = header[1], header[15][2]
        _, self.type, self.seq, _, self.session = header[-70001][:5]

    def sig_structure(self):
        """RFC 9052 section 4.4: the bytes whose SHA-256 is signed."""
        return b"\x84\x6aSignature1" + byte_string(self.protected) + b"\x40" + byte_string(self.payload)


class Bundle:
    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        self.leaves, self.fills, at = {}, {}, 0
        while at < len(data):
            item, at = read(data, at)
            if item[0] == 0:
                self.size = int(item[4].split(b"\n")[1])
            elif item[0] == 2:
                self.leaves[item[1]] = item
            elif item[0] == 3 and item[2] == 0:
                self.fills[item[3], item[4]] = item[5]

    def root(self, start, end):
        """Of the leaves from start to before end (RFC 6962 section 2.1)."""
        level = (end - start - 1).bit_length()
        if end - start == 1 << level and (level, start >> level) in self.fills:
            return self.fills[level, start >> level]
        if end - start == 1:
            return sha(b"\0", self.leaves[start][2])
        middle = start + (1 << level - 1)
        return sha(b"\1", self.root(start, middle), self.root(middle, end))

    def path(self, index, start, end):
        if end - start == 1:
            return []
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            return self.path(index, start, middle) + [self.root(middle, end)]
        return self.path(index, middle, end) + [self.root(start, middle)]


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# --- ecrecover's v, and addresses --------------------------------------------------------

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def add(a, b):
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0] and a[1] != b[1]:
        return None
    slope = 3 * a[0] ** 2 * pow(2 * a[1], -1, P) if a == b else (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope**2 - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k, point):
    out = None
    for bit in bin(k % N)[2:]:
        out = add(out, out)
        if bit == "1":
            out = add(out, point)
    return out


def recovery(digest, r, s, key):
    """27 or 28: which half of the curve the nonce's point lies on. A contract may also
    try the one and then the other."""
    w = pow(s, -1, N)
    nonce = add(times(int.from_bytes(digest, "big") * w, G), times(r * w, key))
    if nonce is None or nonce[0] != r:
        sys.exit("contract_inputs: the signature is not by the session's key")
    return 27 + nonce[1] % 2


def keccak256(data):
    """Ethereum's: the permutation of SHA-3 with another padding."""
    data += b"\1" + bytes(-(len(data) + 1) % 136)
    data = data[:-1] + bytes([data[-1] | 0x80])
    a = [[0] * 5 for _ in range(5)]
    for at in range(0, len(data), 136):
        for i in range(17):
            a[i % 5][i // 5] ^= int.from_bytes(data[at + 8 * i : at + 8 * i + 8], "little")
        a = permuted(a)
    return b"".join(a[i][0].to_bytes(8, "little") for i in range(4))


def permuted(a):
    def turned(x, n):
        return (x << n % 64 | x >> -n % 64) & 2**64 - 1

    bits = 1  # of the register that makes the round constants
    for _ in range(24):
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        a = [[a[x][y] ^ c[x - 1] ^ turned(c[(x + 1) % 5], 1) for y in range(5)] for x in range(5)]
        x, y, moved = 1, 0, a[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            moved, a[x][y] = a[x][y], turned(moved, (t + 1) * (t + 2) // 2)
        for y in range(5):
            row = [a[x][y] for x in range(5)]
            for x in range(5):
                a[x][y] = row[x] ^ ~row[(x + 1) % 5] & row[(x + 2) % 5]
        for j in range(7):
            a[0][0] ^= (bits & 1) << (1 << j) - 1
            bits = bits << 1 ^ (bits >> 7) * 0x171
    return a


# --- what the contract is given -----------------------------------------------------------


def inputs(bundle, index):
    if index not in bundle.leaves:
        sys.exit(f"contract_inputs: the bundle does not hold the statement at index {index}")
    st = Statement(bundle.leaves[index])
    if st.session not in bundle.leaves or st.alg not in (-7, -9, -47):
        sys.exit("contract_inputs: not a statement of a bundle that teelog made")
    opening = whole(bundle.leaves[st.session][3])
    key = opening[1] if isinstance(opening[1], dict) else opening[3]  # a session's, a boot's
    x, y = key[-2], key[-3]
    message = st.sig_structure()
    digest, r, s = sha(message), st.signature[:32], st.signature[32:]
    out = {
        "index": index,
        "subject": st.agent,
        "type": st.type,
        "seq": st.seq,
        "protected": st.protected,
        "payload": st.payload,
        "sig_structure": message,
        "digest": digest,
    }
    if st.alg == -47:
        point = int.from_bytes(x, "big"), int.from_bytes(y, "big")
        v = recovery(digest, int.from_bytes(r, "big"), int.from_bytes(s, "big"), point)
        address = keccak256(x + y)[12:]
        out |= {
            "alg": "ES256K",
            "precompile": (1).to_bytes(20, "big"),
            "input": digest + v.to_bytes(32, "big") + r + s,
            "output": bytes(12) + address,
            "address": address,
        }
    else:
        out |= {
            "alg": "ES256",
            "precompile": (256).to_bytes(20, "big"),
            "input": digest + r + s + x + y,
            "output": (1).to_bytes(32, "big"),
        }
    return out | {
        "statement": st.bytes,
        "leaf": sha(b"\0", st.bytes),
        "size": bundle.size,
        "path": bundle.path(index, 0, bundle.size),
        "root": bundle.root(0, bundle.size),
    }


def shown(value):
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return [shown(v) for v in value] if isinstance(value, list) else value


def main(args):
    as_json = "--json" in args
    args = [a for a in args if a != "--json"]
    if len(args) != 2 or not args[1].isdecimal():
        sys.exit(__doc__.split("\n\n")[1])
    out = {k: shown(v) for k, v in inputs(Bundle(args[0]), int(args[1])).items()}
    if as_json:
        print(json.dumps(out, indent=1))
        return
    for name, value in out.items():
        if isinstance(value, list):
            value = "".join("\n  " + v for v in value)
        print(f"{name}: {value}")


if __name__ == "__main__":
    main(sys.argv[1:])
