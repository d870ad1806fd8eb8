"""The Merkle tree of RFC 6962 section 2.1, over nodes that are hashed already."""
import hashlib


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_at(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def root(hashes):
    if len(hashes) == 1:
        return hashes[0]
    k = split_at(len(hashes))
    return node(root(hashes[:k]), root(hashes[k:]))


def consistency(m, hashes, whole=True):
    """RFC 6962 section 2.1.2."""
    if m == len(hashes):
        return [] if whole else [root(hashes)]
    k = split_at(len(hashes))
    if m <= k:
        return consistency(m, hashes[:k], whole) + [root(hashes[k:])]
    return consistency(m - k, hashes[k:], False) + [root(hashes[:k])]
