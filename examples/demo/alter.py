#!/usr/bin/env python3
"""Alters what one record of a bundle says, and nothing else.

A bundle is a sequence of CBOR items (docs/format.md section 10). This reads
them, changes the text inside the body of one leaf, and writes all of them back
as correctly encoded as they were: what a verifier finds is the lie, not a
broken file.

usage: alter.py BUNDLE OUT INDEX OLD NEW
"""
import sys

LEAF, BODY, CONTENT = 2, 3, 4  # kind of item; its body; the content in a record's body


class Reader:
    """Deterministic CBOR, as far as bundles use it."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def item(self):
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            return {20: False, 21: True, 22: None}[info]
        n = info if info < 24 else int.from_bytes(self.take(1 << (info - 24)), "big")
        if major == 0:
            return n
        if major == 1:
            return -1 - n
        if major == 2:
            return self.take(n)
        if major == 3:
            return self.take(n).decode()
        if major == 4:
            return [self.item() for _ in range(n)]
        if major == 5:
            return dict((self.item(), self.item()) for _ in range(n))
        sys.exit(f"alter: an item of major type {major} in a bundle")


def head(major, n):
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if n < 24:
            return bytes([major << 5 | n])
        if n < 1 << 8 * size:
            return bytes([major << 5 | info]) + n.to_bytes(size, "big")


def encode(value):
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    pairs = sorted((encode(k), encode(v)) for k, v in value.items())
    return head(5, len(value)) + b"".join(k + v for k, v in pairs)


def alter(body, old, new):
    record = Reader(body).item()
    if old not in record[CONTENT]:
        sys.exit(f"alter: that record does not say {old!r}")
    print(f"  it said   {record[CONTENT]}")
    record[CONTENT] = record[CONTENT].replace(old, new)
    print(f"  it says   {record[CONTENT]}")
    return encode(record)


def main():
    bundle, out, index, old, new = sys.argv[1:]
    with open(bundle, "rb") as f:
        reader = Reader(f.read())
    altered = 0
    with open(out, "wb") as f:
        while reader.at < len(reader.data):
            item = reader.item()
            if item[0] == LEAF and item[1] == int(index):
                item[BODY] = alter(item[BODY], old, new)
                altered += 1
            f.write(encode(item))
    if altered != 1:
        sys.exit(f"alter: the bundle has no statement {index}")


if __name__ == "__main__":
    main()
