#!/usr/bin/env python3
"""Verifies an answer of /tee/agents, /tee/agents/ID or /tee/logs (docs/rest.md).

Standard library only. Quotes themselves are checked by `teelog quote verify`, where a
policy and collateral are given; without them this program says so."""
import argparse
import base64
import hashlib
import json
import pathlib
import subprocess
import sys

# p, a, b, n, x, y: SEC 2, sections 2.4.2 and 2.4.1; COSE's numbers of algorithm and curve.
CURVES = {
    "ES256": (2**256 - 2**224 + 2**192 + 2**96 - 1, -3,
              0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b,
              0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551,
              0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
              0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5, -7, 1),
    "ES256K": (2**256 - 2**32 - 977, 0, 7,
               0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141,
               0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798,
               0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8, -47, 8),
}


class Refused(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Refused(text)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# Deterministic CBOR, as far as statements have it (RFC 8949).

def put(value):
    def head(major, n):
        for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
            if n < 24:
                return bytes([major << 5 | n])
            if n < 1 << 8 * size:
                return bytes([major << 5 | code]) + n.to_bytes(size, "big")
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(put, value))
    return head(5, len(value)) + b"".join(put(k) + put(v) for k, v in value.items())


def take(data, at):
    """(value, where it ends)"""
    major, n = data[at] >> 5, data[at] & 31
    at += 1
    if n > 23:
        need(n < 28, "a CBOR length")
        size = 1 << n - 24
        n, at = int.from_bytes(data[at:at + size], "big"), at + size
    if major < 2:
        return (-1 - n if major else n), at
    if major < 4:
        need(at + n <= len(data), "a CBOR string ends too late")
        return (data[at:at + n] if major == 2 else data[at:at + n].decode()), at + n
    if major == 6:
        return take(data, at)
    if major == 7:
        return {20: False, 21: True, 22: None}[n], at
    items = []
    for _ in range(n * (major - 3)):
        item, at = take(data, at)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at


def cbor(data):
    value, end = take(data, 0)
    need(end == len(data), "bytes after the end of CBOR")
    return value


# ECDSA (SEC 1, section 4.1.4).

def add(curve, p, q):
    m, a = CURVES[curve][:2]
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % m == 0:
        return None
    if p == q:
        slope = (3 * p[0] * p[0] + a) * pow(2 * p[1], -1, m)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, m)
    x = (slope * slope - p[0] - q[0]) % m
    return x, (slope * (p[0] - x) - p[1]) % m


def times(curve, k, p):
    sum_ = None
    for bit in bin(k)[2:]:
        sum_ = add(curve, sum_, sum_)
        if bit == "1":
            sum_ = add(curve, sum_, p)
    return sum_


def point(curve, compressed):
    m, a, b = CURVES[curve][:3]
    need(len(compressed) == 33 and compressed[0] in (2, 3), "publicKey is no compressed point")
    x = int.from_bytes(compressed[1:], "big")
    y = pow(x**3 + a * x + b, (m + 1) // 4, m)
    need(x < m and (y * y - x**3 - a * x - b) % m == 0, "publicKey is not on the curve")
    return x, (y if y % 2 == compressed[0] % 2 else m - y)


def signed(curve, key, digest, signature):
    n, g = CURVES[curve][3], CURVES[curve][4:6]
    r, s = (int.from_bytes(signature[i:i + 32], "big") for i in (0, 32))
    if not (0 < r < n and 0 < s < n):
        return False
    w = pow(s, -1, n)
    u = times(curve, int.from_bytes(digest, "big") * w % n, g)
    found = add(curve, u, times(curve, r * w % n, key))
    return found is not None and found[0] % n == r


def der(signature):
    def integer(b):
        b = b.lstrip(b"\0") or b"\0"
        b = b"\0" + b if b[0] & 0x80 else b
        return bytes([2, len(b)]) + b
    both = integer(signature[:32]) + integer(signature[32:])
    return bytes([0x30, len(both)]) + both


# Records and keys.

def base64_of(item, name):
    try:
        return base64.b64decode(item[name], validate=True)
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{name} is not base64") from None


def hex_of(item, name):
    data = bytes.fromhex(item[name])
    need(data.hex() == item[name], f"{name} is not hex as it is written")
    return data


def cose_key(curve, key):
    return {1: 2, -1: CURVES[curve][7], -2: key[0].to_bytes(32, "big"),
            -3: key[1].to_bytes(32, "big")}


def check_statement(item, signature):
    """What a TeeLog's or TeeAgent's statement and body say, once signed by its publicKey:
    (label -70001, body or None, label 15)."""
    need(item["alg"] in CURVES, "alg is not one of ours")
    key = point(item["alg"], hex_of(item, "publicKey"))
    statement = base64_of(item, "statement")
    need(statement[:1] == b"\xd2", "statement is no COSE_Sign1")
    protected, unprotected, payload, raw = cbor(statement)
    header = cbor(protected)
    need(unprotected == {} and header[1] == CURVES[item["alg"]][6], "alg is not the statement's")
    need(header[4] == sha256(put(cose_key(item["alg"], key))), "publicKey is not the statement's")
    need(header[15][2] == item["agentId"], "agentId is not the statement's")
    need(signature in (None, "0x" + der(raw).hex()), "signature is not the statement's")
    structure = put(["Signature1", protected, b"", payload])
    need(signed(item["alg"], key, sha256(structure), raw), "the signature does not verify")
    if item.get("erased") is True:
        need("body" not in item, "erased, and yet there is a body")
        return header[-70001], None, header[15]
    body = base64_of(item, "body")
    need(sha256(body) == payload, "body is not the one that was signed")
    return header[-70001], cbor(body), header[15]


def check_record(row):
    """A TeeLog alone. Its id is vouched for by the answer's quote, not by this."""
    at, body, _ = check_statement(row, row["signature"])
    need(at[1] == row["type"], "type is not the statement's")
    need(at[3] == row["timestamp"], "timestamp is not the statement's")
    need(str(at[4]) == row["session"], "session is not the statement's")
    said = [body[2], body[3], body[4]] if body else ["", "", ""]
    for name, text in zip(("roomId", "userId", "content"), said):
        need(row[name] == text, f"{name} is not the body's")


def log_thumbprint(log_key):
    """RFC 9679, of the Ed25519 key in a C2SP verifier key."""
    raw = base64.b64decode(log_key.split("+", 2)[2])
    need(raw[0] == 1 and len(raw) == 33, "logKey is no Ed25519 key")
    return sha256(put({1: 1, -1: 6, -2: raw[1:]}))


def check_agent(agent, log_key):
    """A TeeAgent alone: returns its quote, whose report data binds the key to the log."""
    at, body, names = check_statement(agent, None)
    need(at[1] == "teelog.session" and str(at[4]) == agent["id"], "id is not the statement's")
    need(at[3] == agent["createdAt"], "createdAt is not the statement's")
    need(agent["agentName"] == agent["agentId"], "agentName is not the agent's")
    key = cose_key(agent["alg"], point(agent["alg"], hex_of(agent, "publicKey")))
    need(body[1] == key and names[1] == log_key.split("+")[0], "the key is another's")
    quote, time_ms = attestation(agent["attestation"])
    need(time_ms == agent["createdAt"], "the attestation's timestamp is not createdAt")
    binding = put([names[1], log_thumbprint(log_key), hex_of(agent, "bootLeaf"),
                   agent["agentId"], sha256(put(key)), CURVES[agent["alg"]][6], body[3], body[4]])
    need(report_data(quote) == hashlib.sha512(b"teelog/session/v1\0" + binding).digest(),
         "the quote binds another key")
    return quote


# Quotes and answers.

def report_data(quote):
    version, tee = int.from_bytes(quote[:2], "little"), int.from_bytes(quote[4:8], "little")
    at = (54 if version == 5 else 48) + (520 if tee == 0x81 else 320)
    return quote[at:at + 64]


def strict_json(text):
    def once(pairs):
        need(len(dict(pairs)) == len(pairs), "a member comes twice")
        return dict(pairs)
    return json.loads(text, object_pairs_hook=once)


def attestation(text):
    a = strict_json(text)
    need(a["quote"][:2] == "0x" and text == json.dumps(
        {"quote": a["quote"], "timestamp": a["timestamp"]}, separators=(",", ":")),
        "an attestation is not as it should be")
    return bytes.fromhex(a["quote"][2:]), a["timestamp"]


def check_answer(answer, nonce=None, log_key=None, query=None):
    """The answer's bytes: returns (what it says, [(name, quote, its report data)]). query:
    what was asked, without what means any."""
    cut = answer.rfind(b',"attestation":"')
    need(cut > 0, "there is no attestation")
    attested = answer[:cut] + b"}"
    says, whole = strict_json(attested), strict_json(answer)
    need(answer == attested[:-1] + b',"attestation":%s}' % json.dumps(whole["attestation"]).encode(),
         "there is more in the answer")
    quote, time_ms = attestation(whole["attestation"])
    want = sha256(attested) + (sha256(b"teelog/rest/v1\0", nonce) if nonce else bytes(32))
    need(report_data(quote) == want, "the quote is not over this answer with this nonce")
    need(says["log"]["timestamp"] == time_ms, "the attestation's timestamp is another")
    need(log_key in (None, says["log"]["logKey"]), "another log answers")
    need(query in (None, says.get("query")), "the answer is to another question")
    quotes = [("answer", quote, want)]
    for row in says["logs"]["data"] if "logs" in says else []:
        check_record(row)
    for agent in says.get("agents", [says["agent"]] if "agent" in says else []):
        q = check_agent(agent, says["log"]["logKey"])
        quotes.append((f"agent {agent['agentId']}", q, report_data(q)))
    return says, quotes


def check_quote(quote, want, options):
    """`teelog quote verify`: genuine, and of the code that the policy names."""
    done = subprocess.run(
        [options.teelog, "quote", "verify", "-", "--policy", options.policy, "--collateral",
         options.collateral, "--report-data", want.hex()],
        input=quote, capture_output=True, check=False)
    need(done.returncode == 0, f"the quote is refused:\n{done.stdout.decode()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answer", help="a file with the answer's body, as it came")
    parser.add_argument("--nonce", type=bytes.fromhex, help="that the request had, in hex")
    parser.add_argument("--log-key", help="verifier key of the log that has to answer")
    parser.add_argument("--query", type=json.loads, help="that the request had, in JSON")
    parser.add_argument("--policy", help="what to trust (teelog policy init)")
    parser.add_argument("--collateral", help="of the platform (teelog quote collateral)")
    parser.add_argument("--teelog", default="teelog", help="the program that checks quotes")
    options = parser.parse_args()
    try:
        answer = pathlib.Path(options.answer).read_bytes()
        says, quotes = check_answer(answer, options.nonce, options.log_key,
                                    options.query)
        if options.policy and options.collateral:
            for _, quote, want in quotes:
                check_quote(quote, want, options)
    except (Refused, ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
        print(f"REFUSED: {e}")
        return 1
    print("good: the answer is what its quote is over" + (", with your nonce" if options.nonce
                                                          else "; it may be an old one"))
    print(f"log: {says['log']['logKey']}, {says['log']['size']} statements"
          + ("" if options.log_key else " (compare the key: anyone may run the same code)"))
    if not (options.policy and options.collateral):
        print("The quotes themselves were not checked: give --policy and --collateral.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
