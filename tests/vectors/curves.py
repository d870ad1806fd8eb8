"""ECDSA over P-256 and secp256k1, and Keccak-256: a second implementation for
vectors and tests, in plain Python and in affine coordinates. It is slow, and tells
its private keys to anyone who holds a clock: for tests alone.
"""
import hashlib
import hmac
from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """y^2 = x^3 + ax + b modulo p, with the generator g of order n."""

    p: int
    a: int
    b: int
    n: int
    g: tuple

    def has(self, point):
        x, y = point
        return 0 <= x < self.p and 0 <= y < self.p and not (y * y - x**3 - self.a * x - self.b) % self.p

    def add(self, one, two):
        """None is the point at infinity."""
        if one is None or two is None:
            return two if one is None else one
        if one[0] == two[0]:
            if (one[1] + two[1]) % self.p == 0:
                return None
            slope = (3 * one[0] ** 2 + self.a) * pow(2 * one[1], -1, self.p)
        else:
            slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, self.p)
        x = (slope * slope - one[0] - two[0]) % self.p
        return x, (slope * (one[0] - x) - one[1]) % self.p

    def times(self, k, point):
        out = None
        for bit in bin(k % self.n)[2:]:
            out = self.add(out, out)
            if bit == "1":
                out = self.add(out, point)
        return out

    def public(self, private):
        return self.times(private, self.g)


P256 = Curve(
    p=2**256 - 2**224 + 2**192 + 2**96 - 1,
    a=-3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    g=(
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
)
SECP256K1 = Curve(
    p=2**256 - 2**32 - 977,
    a=0,
    b=7,
    n=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    g=(
        0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
    ),
)


def b32(x):
    return x.to_bytes(32, "big")


def number(b):
    return int.from_bytes(b, "big")


def nonce(curve, private, digest):
    """RFC 6979 section 3.2, for orders of 256 bits and SHA-256."""
    seed = b32(private) + b32(number(digest) % curve.n)
    k, v = bytes(32), b"\1" * 32
    for byte in b"\0\1":
        k = hmac.digest(k, v + bytes([byte]) + seed, "sha256")
        v = hmac.digest(k, v, "sha256")
    while True:
        v = hmac.digest(k, v, "sha256")
        if 0 < number(v) < curve.n:
            return number(v)
        k = hmac.digest(k, v + b"\0", "sha256")
        v = hmac.digest(k, v, "sha256")


def sign(curve, private, digest, low=False):
    """(r, s); low: of s and n - s the smaller one."""
    k = nonce(curve, private, digest)
    r = curve.times(k, curve.g)[0] % curve.n
    s = pow(k, -1, curve.n) * (number(digest) + r * private) % curve.n
    return r, min(s, curve.n - s) if low else s


def verify(curve, point, digest, r, s):
    """Without a rule about low s."""
    if not (0 < r < curve.n and 0 < s < curve.n and curve.has(point)):
        return False
    w = pow(s, -1, curve.n)
    sum_ = curve.add(curve.times(number(digest) * w, curve.g), curve.times(r * w, point))
    return sum_ is not None and sum_[0] % curve.n == r


def recover(curve, digest, v, r, s):
    """The public key that this signature is by, where v (27 or 28) tells which half
    of the curve the nonce's point lies on; None where there is none. SEC 1 section
    4.1.6, for r below n."""
    x = r
    y = pow(x**3 + curve.a * x + curve.b, (curve.p + 1) // 4, curve.p)
    if not (0 < r < curve.n and 0 < s < curve.n and curve.has((x, y))):
        return None
    if y % 2 != v - 27:
        y = curve.p - y
    w = pow(r, -1, curve.n)
    return curve.add(curve.times(-number(digest) * w, curve.g), curve.times(s * w, (x, y)))


# --- Keccak-256, as Ethereum has it: SHA-3's permutation with the older padding -----

ROTATIONS = [[0, 36, 3, 41, 18], [1, 44, 10, 45, 2], [62, 6, 43, 15, 61], [28, 55, 25, 21, 56], [27, 20, 39, 8, 14]]
MASK = 2**64 - 1


def rotate(x, n):
    return (x << n | x >> 64 - n) & MASK if n else x


def permute(a):
    lfsr = 1
    for _ in range(24):
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[x - 1] ^ rotate(c[(x + 1) % 5], 1) for x in range(5)]
        b = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                b[y][(2 * x + 3 * y) % 5] = rotate(a[x][y] ^ d[x], ROTATIONS[x][y])
        a = [[b[x][y] ^ ~b[(x + 1) % 5][y] & b[(x + 2) % 5][y] & MASK for y in range(5)] for x in range(5)]
        for j in range(7):
            if lfsr & 1:
                a[0][0] ^= 1 << (1 << j) - 1
            lfsr = lfsr << 1 ^ (lfsr >> 7) * 0x171
    return a


def keccak256(data, pad=b"\1"):
    """pad b"\\6" makes it SHA3-256, which hashlib has: the tests hold one to the other."""
    data += pad + bytes(-(len(data) + 1) % 136)
    data = data[:-1] + bytes([data[-1] | 0x80])
    a = [[0] * 5 for _ in range(5)]
    for at in range(0, len(data), 136):
        for i in range(17):
            a[i % 5][i // 5] ^= int.from_bytes(data[at + 8 * i : at + 8 * i + 8], "little")
        a = permute(a)
    return b"".join(a[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def address(point):
    """Of an Ethereum account with this key."""
    return keccak256(b32(point[0]) + b32(point[1]))[12:]


def self_test():
    for n in (0, 1, 135, 136, 137, 300):
        data = bytes(i % 251 for i in range(n))
        assert keccak256(data, b"\6") == hashlib.sha3_256(data).digest()
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert address(SECP256K1.g).hex() == "7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    # RFC 6979 appendix A.2.5, "sample" with SHA-256.
    d = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    digest = hashlib.sha256(b"sample").digest()
    r, s = sign(P256, d, digest)
    assert b32(r).hex() == "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    assert b32(s).hex() == "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    for curve in (P256, SECP256K1):
        assert curve.has(curve.g) and curve.times(curve.n - 1, curve.g)[0] == curve.g[0]
        r, s = sign(curve, d, digest)
        point = curve.public(d)
        assert verify(curve, point, digest, r, s) and verify(curve, point, digest, r, curve.n - s)
        assert not verify(curve, point, digest, r, s - 1)
        assert point in [recover(curve, digest, v, r, s) for v in (27, 28)]


if __name__ == "__main__":
    self_test()
