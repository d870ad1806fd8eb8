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


def inclusion_root(index, size, leaf, path):
    """The root that a path leads to (RFC 9162 section 2.1.3.2)."""
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            raise ValueError("the path is too long")
        if fn % 2 or fn == sn:
            r = node(p, r)
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            r = node(r, p)
        fn, sn = fn // 2, sn // 2
    if sn:
        raise ValueError("the path is too short")
    return r


def consistency_roots(m, n, older, path):
    """The older and the newer root that a path leads to (section 2.1.4.2)."""
    path = list(path)
    if m & (m - 1) == 0:
        path.insert(0, older)
    fn, sn = m - 1, n - 1
    while fn % 2:
        fn, sn = fn // 2, sn // 2
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise ValueError("the path is too long")
        if fn % 2 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            sr = node(sr, c)
        fn, sn = fn // 2, sn // 2
    if sn:
        raise ValueError("the path is too short")
    return fr, sr
