"""A client of teelog for agents in Python: one file, nothing but the standard library.

    import teelog_client

    with teelog_client.Client(agent="payer") as log:      # what `teelog run` puts into the environment
        with log.action("Action:PAY", {"to": "bob", "amount": 5}) as action:
            action.result({"tx": pay("bob", 5)})

The intent is durable, and its receipt is checked, before the block runs; where it cannot be logged
NotLogged is raised and the block does not run. Whatever the block raises is logged as a failure.
`log.append(type, content)` logs a single record.

Each receipt is checked under the log's verifier key, the pin, as docs/format.md section 11 ("What a client
checks") has it. The pin is given (log_key, or TEELOG_LOG_KEY); with first_use=True, and not without,
the key that the service shows first is taken, and can be read from Client.log_key.

Over https:// the certificate has to go back to the system's roots or to ca_file. The evidence in an attested
certificate is not judged here: the C client and `teelog append --peer-policy` do that. Receipts hold, or do
not, whatever the connection was; what is sent is seen by its other end.

A client may be used from several threads; they take turns. Python 3.9 or later.
"""
import base64
import binascii
import contextlib
import dataclasses
import hashlib
import ipaddress
import json
import os
import re
import secrets
import select
import socket
import ssl
import threading
import time
import urllib.parse

__all__ = ["Client", "Record", "Receipt", "NotLogged", "Refused", "Untrue", "check_receipt", "LogKey"]

INT_MAX = 2**53 - 1
LINES_MAX = 1024  # records of a request
BODY_MAX = 8 << 20  # bytes of a request
CONTENT_MAX = 1 << 20  # bytes of a record's content
RECEIPT_MAX = 256 << 10  # bytes of a line of an answer
ANSWER_MAX = 64 << 20
HEAD_MAX = 64 << 10
PATH_MAX = 63  # hashes


class NotLogged(Exception):
    """It is not logged, as far as is known. Do not act on it. Unless it is Refused, it may have been logged:
    append the same Record again to find out."""


class Refused(NotLogged):
    """The service did not take the record, or the token, or it takes nothing now; its sentence."""


class Untrue(NotLogged):
    """What answered gave no receipt of this record by the log that is pinned."""


_WRONG = (ValueError, KeyError, TypeError, AttributeError, RecursionError)  # of JSON that is not as it should be
_NAME = r"[^\s+\x00-\x1f\x7f]+"
_UNKNOWN = "Whether it is logged is not known: append the same Record again"


def _shown(text):
    """What comes from outside, for a sentence: no terminal obeys it."""
    return "".join(c if c.isprintable() else "?" for c in str(text))


class _Later(Exception):
    """The service has no time now."""

    def __init__(self, text, seconds, partly=False):
        super().__init__(text)
        self.seconds, self.partly = seconds, partly  # some of the records are logged


# ---- deterministic CBOR, as far as statements and bodies need it (docs/format.md section 1)


def _head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    size = 1 if n < 1 << 8 else 2 if n < 1 << 16 else 4 if n < 1 << 32 else 8
    return bytes([major << 5 | 23 + size.bit_length()]) + n.to_bytes(size, "big")


def encode(value):
    """None, bools, whole numbers below 2^53, bytes, texts, lists and maps."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        if abs(value) > INT_MAX:
            raise ValueError("an integer beyond 2^53 - 1; send it as a text")
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(3, len(text)) + text
    if isinstance(value, (list, tuple)):
        return _head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        members = sorted((encode(k), encode(v)) for k, v in value.items())
        return _head(5, len(members)) + b"".join(k + v for k, v in members)
    raise ValueError(f"a {type(value).__name__} is nothing that a record can hold; "
                     "real numbers go as texts")


def _decode_item(data, at, depth):
    if depth == 16:
        raise ValueError("nested too deeply")
    major, n = data[at] >> 5, data[at] & 31
    at += 1
    if 24 <= n <= 27:
        size = 1 << n - 24
        n, at = int.from_bytes(data[at:at + size], "big"), at + size
    elif n > 27:
        raise ValueError("no deterministic CBOR")
    if major < 2:
        return (n if major == 0 else -1 - n), at
    if major < 4:
        piece, at = data[at:at + n], at + n
        return (piece if major == 2 else piece.decode("utf-8")), at
    if major == 7:
        return {20: False, 21: True, 22: None}[n], at
    if n > len(data):
        raise ValueError("longer than it is")
    items = []
    for _ in range(n * (2 if major == 5 else 1)):
        item, at = _decode_item(data, at, depth + 1)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if major == 5 else items), at


def decode(data):
    """What these bytes encode: deterministic, and nothing behind it. ValueError."""
    try:
        value, _ = _decode_item(data, 0, 0)
        same = encode(value) == data
    except (IndexError, KeyError, TypeError, UnicodeDecodeError) as e:
        raise ValueError("no deterministic CBOR") from e
    if not same:
        raise ValueError("no deterministic CBOR")
    return value


# ---- Ed25519 (RFC 8032 section 5.1), to verify with

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_NEUTRAL = (0, 1, 1, 0)


def _add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e, f = (y1 - x1) * (y2 - x2) % _P, (y1 + x1) * (y2 + x2) % _P
    g, h = 2 * t1 * t2 * _D % _P, 2 * z1 * z2 % _P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(n, point):
    out = _NEUTRAL
    while n:
        if n & 1:
            out = _add(out, point)
        point, n = _add(point, point), n >> 1
    return out


def _same_point(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % _P == 0 and (a[1] * b[2] - b[1] * a[2]) % _P == 0


def _point(data):
    """Section 5.1.3; None for what is no canonical encoding of a point, or of small order."""
    y, sign = int.from_bytes(data, "little") & (1 << 255) - 1, data[31] >> 7
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    point = (x, y, 1, x * y % _P)
    return None if _same_point(_times(8, point), _NEUTRAL) else point


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def ed25519_good(key, signature, message):
    """Whether signature (64 bytes) is that of key (32) over message."""
    if len(signature) != 64:
        return False
    a, r, s = _point(key), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= _L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % _L
    return _same_point(_times(s, _BASE), _add(r, _times(k, a)))


try:  # a hundred times as fast, where it is there
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    def _verify(key, signature, message):
        if len(signature) != 64 or _point(key) is None or _point(signature[:32]) is None:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
            return True
        except InvalidSignature:
            return False
except ImportError:
    _verify = ed25519_good


# ---- notes and trees


def _unbase64(text, size=None):
    data = base64.b64decode(text.encode("ascii"), validate=True)
    if base64.b64encode(data).decode() != text or size not in (None, len(data)):
        raise ValueError("not the base64 that it should be")
    return data


class LogKey:
    """A verifier key of c2sp.org/signed-note, NAME+HASH+BASE64."""

    def __init__(self, text):
        try:
            self.name, key_id, key = text.split("+", 2)
            data = _unbase64(key, 33)
            self.id = bytes.fromhex(key_id)
        except (ValueError, UnicodeEncodeError) as e:
            raise ValueError("the log key is no verifier key; it looks like NAME+HASH+BASE64, as "
                             "`teelog serve` prints it") from e
        digest = hashlib.sha256(self.name.encode() + b"\n" + data).digest()
        if data[0] != 1 or len(key_id) != 8 or self.id != digest[:4] or not re.fullmatch(_NAME, self.name):
            raise ValueError("the log key is no verifier key: its hash is not that of its name and key")
        self.text, self.key, self._last = text, data[1:], (None, None)

    def __str__(self):
        return self.text

    def open(self, note):
        """(size, root) of the checkpoint in a note that this key signed. ValueError."""
        last, checkpoint = self._last
        if note != last:  # the receipts of a request have one
            checkpoint = self._open(note)
            self._last = (note, checkpoint)
        return checkpoint

    def _open(self, note):
        text, blank, lines = note.rpartition("\n\n")
        if not blank or not lines.endswith("\n") or len(note) > 65536:
            raise ValueError("not a signed note")
        signed, found = (text + "\n").encode(), False
        for line in lines[:-1].split("\n")[:100]:
            dash, name, signature = line.split(" ")
            data = _unbase64(signature)
            if dash != "\u2014" or len(data) < 5:
                raise ValueError("not a signed note")
            if name == self.name and data[:4] == self.id:
                if found or not _verify(self.key, data[4:], signed):
                    raise ValueError("the log's signature does not verify")
                found = True
        if not found:
            raise ValueError("not signed by the log that is pinned: the connection leads to another "
                             "log, or the pin is wrong")
        origin, size, root = text.split("\n")
        if origin != self.name or not re.fullmatch("0|[1-9][0-9]{0,15}", size):
            raise ValueError("not a checkpoint of this log")
        return int(size), _unbase64(root, 32)


def _root_of(index, size, leaf, path):
    """RFC 9162 section 2.1.3.2; None where the path does not fit."""
    if index >= size:
        return None
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\x01" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\x01" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


# ---- records, receipts, and the check


def _check_keys(value):
    """In JSON every key is a text."""
    if isinstance(value, dict) and not all(isinstance(k, str) for k in value):
        raise ValueError("attributes have a key that is no text")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ():
        _check_keys(item)


class Record:
    """One record, before it is logged. Keep it and append it again where its outcome is not known: its
    request id stays, and the log takes it once."""

    def __init__(self, type, content, agent, room="", user="", ref=None, attributes=None,
                 request_id=None):
        self.agent, self.room, self.user, self.type = agent, room, user, type
        self.content = content if isinstance(content, str) else json.dumps(
            content, ensure_ascii=False, separators=(",", ":"))
        self.ref, self.attributes = ref, attributes
        self.request_id = request_id or secrets.token_hex(16)
        # The lowest index that it can have: None until it is sent; 0 under an id from elsewhere.
        self.least = 0 if request_id else None

    def check(self):
        """ValueError for what cannot be a record."""
        encode([self.agent, self.room, self.user, self.type, self.content, self.request_id, self.ref])
        if len(self.content.encode()) > CONTENT_MAX:
            raise ValueError("the content is longer than 1 MiB")
        if self.attributes is not None:
            if not isinstance(self.attributes, dict) or not self.attributes:
                raise ValueError("attributes are a map with at least one member")
            _check_keys(self.attributes)
            encode(self.attributes)

    def line(self):
        members = {"agentId": self.agent, "roomId": self.room, "userId": self.user, "type": self.type,
                   "content": self.content, "requestId": self.request_id}
        if self.ref is not None:
            members["ref"] = self.ref
        if self.attributes is not None:
            members["attributes"] = self.attributes
        return json.dumps(members, allow_nan=False).encode() + b"\n"

    def body(self, salt):
        """docs/format.md section 5."""
        body = {1: salt, 2: self.room, 3: self.user, 4: self.content}
        if self.attributes is not None:
            body[5] = self.attributes
        return encode(body)


@dataclasses.dataclass(frozen=True, repr=False)
class Receipt:
    """That a record is logged. Down to leaf_hash it is shown by the log's key; the others are what the service
    says. line: the receipt as it came, to keep, as you keep the content: with its salt a guess at that can be tried."""

    index: int
    seq: int
    time_ms: int
    tree_size: int
    leaf_hash: str  # in hex
    log_class: str  # "signed", "degraded", "cosigned K of N"
    simulated: bool
    repeated: bool  # it was logged by an earlier request
    line: bytes

    def __repr__(self):
        return f"<statement {self.index} of {self.tree_size}, {self.log_class}>"


def _members(line):
    """The members of a receipt, each what it should be (step 1). ValueError."""
    def no_twins(pairs):
        if len({k for k, _ in pairs}) != len(pairs):
            raise ValueError("a member twice")
        return dict(pairs)

    got = json.loads(line, object_pairs_hook=no_twins)
    if not isinstance(got, dict):
        raise ValueError("no object")
    for name, kind in (("index", int), ("seq", int), ("agentId", str), ("leafHash", str),
                       ("treeSize", int), ("class", str), ("salt", str), ("statement", str),
                       ("checkpoint", str), ("path", list)):
        if type(got.get(name)) is not kind or (kind is int and not 0 <= got[name] <= INT_MAX):
            hint = "; the record was erased since, or the service is too old" if name == "salt" else ""
            raise ValueError(f"no {name}{hint}")
    for name in ("simulated", "repeated"):
        if type(got.get(name, False)) is not bool:
            raise ValueError(f"no {name}")
    if not re.fullmatch(r"signed|degraded|cosigned \d{1,3} of \d{1,3}", got["class"], re.ASCII):
        raise ValueError("no class")
    if len(got["path"]) > PATH_MAX or not all(isinstance(p, str) for p in got["path"]):
        raise ValueError("no path")
    return got


def _statement(data):
    """The members that are checked of a record's statement (sections 3 and 4). ValueError."""
    if not data or data[0] != 0xd2 or len(data) > 65535:
        raise ValueError("no statement")
    protected, unprotected, payload, signature = decode(data[1:])
    header = decode(protected)
    own = header[-70001]
    if (list(header) != [1, 4, 15, 16, 258, 259, -70001] or unprotected != {} or len(payload) != 32
            or len(signature) != 64 or len(header[4]) != 32 or header[258] != -16 or len(own) not in (6, 7)
            or header[1] not in (-7, -9, -47) or list(header[15]) != [1, 2]
            or not all(type(n) is int and n >= 0 for n in own[2:5] + own[6:])
            or header[16] != "application/teelog-statement+cose" or own[0] != 1
            or header[259] != "application/teelog-body+cbor" or own[1].startswith("teelog.")):
        raise ValueError("no statement of a record")
    return {"origin": header[15][1], "agent": header[15][2], "type": own[1], "seq": own[2],
            "time_ms": own[3], "ref": own[6] if len(own) == 7 else None, "payload": payload}


def check_receipt(line, record, log_key, seen=(0, b"")):
    """(Receipt, seen) where the line (bytes) is the receipt of this record, by the log of this key, which
    has not grown smaller than seen, its largest (size, root) of before. Else Untrue. The steps are those
    of docs/format.md section 11."""
    try:
        got = _members(line)
        data = _unbase64(got["statement"])
        try:
            st = _statement(data)
        except (KeyError, TypeError, AttributeError, IndexError) as e:
            raise ValueError("no statement of a record") from e
        size, root = log_key.open(got["checkpoint"])
        leaf = hashlib.sha256(b"\0" + data).digest()
        path = [_unbase64(p, 32) for p in got["path"]]
        if _root_of(got["index"], size, leaf, path) != root:
            raise ValueError("its path does not lead to the checkpoint")
        digest = hashlib.sha256(record.body(_unbase64(got["salt"], 16))).digest()
        if (st["origin"], st["agent"], st["type"], st["ref"], st["payload"]) != (
                log_key.name, record.agent, record.type, record.ref, digest):
            raise ValueError("it is of another record than was sent")
        if (got["seq"], got["agentId"], got["leafHash"], got["treeSize"]) != (
                st["seq"], st["agent"], leaf.hex(), size):
            raise ValueError("it says otherwise than its statement and checkpoint")
        if got["index"] < (record.least or 0):
            raise ValueError("it is of a statement that was there before this record was sent")
        if size < seen[0] or (size == seen[0] and root != seen[1]):
            raise ValueError(f"the log had {seen[0]} statements and now shows {size}, or another tree: "
                             "it was rolled back or forked. Keep both checkpoints, and see `teelog monitor`")
    except (ValueError, RecursionError, binascii.Error) as e:
        raise Untrue(_shown(f"the receipt does not hold: {e}")) from None
    return Receipt(index=got["index"], seq=st["seq"], time_ms=st["time_ms"], tree_size=size,
                   leaf_hash=leaf.hex(), log_class=got["class"], simulated=got.get("simulated", False),
                   repeated=got.get("repeated", False), line=line), (size, root)


# ---- the connection


class _Connection:
    """HTTP/1.1 as far as a teelog service speaks it, with one end to all waiting."""

    def __init__(self, where, token, context, until):
        self.token, self.rest, self.process = token, b"", os.getpid()
        self.host, self.flags = where.netloc or "localhost", 0 if where.scheme == "https" else socket.MSG_NOSIGNAL
        if where.scheme == "unix":
            self.socket = self._dial(socket.AF_UNIX, where.path, until)
        else:
            self.socket = self._dial_host(where, until)
        if where.scheme == "https":
            self.socket.settimeout(self._left(until))
            self.socket = context.wrap_socket(self.socket, server_hostname=where.hostname)

    def _dial(self, family, address, until):
        s = socket.socket(family)
        try:
            s.settimeout(self._left(until))
            s.connect(address)
            return s
        except BaseException:
            s.close()
            raise

    def _dial_host(self, where, until):
        error = OSError("the name has no address that can be used")
        port = where.port or (443 if where.scheme == "https" else 80)
        for family, _, _, _, address in socket.getaddrinfo(where.hostname, port, type=socket.SOCK_STREAM):
            if where.scheme == "http" and not ipaddress.ip_address(address[0].split("%")[0]).is_loopback:
                continue  # whatever a name server says of localhost
            try:
                return self._dial(family, address, until)
            except OSError as e:
                error = e
        raise error

    def close(self):
        self.socket.close()

    def stale(self):
        """It is our parent's, or the service has ended it meanwhile, or says what nobody asked it."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return self.process != os.getpid() or bool(self.rest) or bool(poll.poll(0))

    def _send(self, data, until):
        while data:
            self.socket.settimeout(self._left(until))
            data = data[self.socket.send(data[:1 << 16], *([self.flags] if self.flags else [])):]

    @staticmethod
    def _left(until):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is up")
        return left

    def _more(self, until):
        self.socket.settimeout(self._left(until))
        data = self.socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the service ended the connection before it answered")
        self.rest += data

    def ask(self, method, target, body, most, until):
        """(status, fields, body) of one request, the body of at most so many bytes."""
        head = f"{method} {target} HTTP/1.1\r\nHost: {self.host}\r\n"
        head += f"Authorization: Bearer {self.token}\r\n" if self.token else ""
        head += f"Content-Length: {len(body)}\r\n\r\n" if body is not None else "\r\n"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it had all
            self._send(memoryview(head.encode() + (body or b"")), until)
        while b"\r\n\r\n" not in self.rest:
            if len(self.rest) > HEAD_MAX:
                raise Untrue("what answers does not speak teelog's HTTP")
            self._more(until)
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        fields = {n.strip().lower(): v.strip() for n, _, v in (f.partition(":") for f in fields)}
        match = re.fullmatch(r"HTTP/1\.1 ([1-5]\d\d)( .*)?", first)
        length = fields.get("content-length", "")
        if not match or not re.fullmatch(r"[0-9]{1,10}", length) or "transfer-encoding" in fields:
            raise Untrue("what answers does not speak teelog's HTTP")
        if int(length) > most:
            raise Untrue("the answer is longer than receipts can be")
        while len(self.rest) < int(length):
            self._more(until)
        data, self.rest = self.rest[:int(length)], self.rest[int(length):]
        return int(match[1]), fields, data


def _where(address, url):
    if not url:
        if not address:
            raise ValueError("where is the log? Give socket or url (TEELOG_SOCKET, TEELOG_URL)")
        return urllib.parse.SplitResult("unix", "", address, "", "")
    where = urllib.parse.urlsplit(url)
    here = where.hostname in ("localhost", "::1") or re.fullmatch(r"127(\.\d+){3}", where.hostname or "")
    if not where.hostname or where.path not in ("", "/") or where.query or where.fragment or "@" in where.netloc or not (
            where.scheme == "https" or (where.scheme == "http" and here)) or where.port == 0:
        raise ValueError("a service's address is https://HOST:PORT, with nothing behind the port; "
                         "http:// is for this machine alone")
    return where


class Client:
    """A connection to one log, made when it is needed, and again when it was lost.

    socket, url, token, log_key: else TEELOG_SOCKET, TEELOG_URL, TEELOG_TOKEN (or a file, TEELOG_TOKEN_FILE),
    TEELOG_LOG_KEY.
    agent: of records that name none. timeout: seconds for one append, repeats and waiting included.
    ca_file: for https://, in place of the system's roots; or context, an ssl.SSLContext."""

    def __init__(self, socket=None, url=None, token=None, log_key=None, agent=None, first_use=False,
                 ca_file=None, context=None, timeout=30.0):
        env = os.environ.get
        if not socket and not url:
            socket, url = env("TEELOG_SOCKET"), env("TEELOG_URL")
        self._where, self.agent, self.timeout = _where(socket, url), agent, timeout
        self._token = token or self._token_file(env("TEELOG_TOKEN_FILE")) or env("TEELOG_TOKEN")
        if self._token and not re.fullmatch("[!-~]+", self._token):
            raise ValueError("the token has characters of no token")
        self._context = context or (self._tls(ca_file) if self._where.scheme == "https" else None)
        self._connection, self._seen, self._lock = None, (0, b""), threading.RLock()
        self.owed = []  # Records of outcomes that could not be logged
        log_key = log_key or env("TEELOG_LOG_KEY")
        if not log_key and not first_use:
            raise ValueError("which log? Give its key (log_key, TEELOG_LOG_KEY), or say first_use to take "
                             "the one that answers")
        self.log_key = LogKey(log_key or self._keep_trying(self._learn_key))

    @staticmethod
    def _token_file(path):
        if not path:
            return None
        with open(path, encoding="ascii") as f:
            return f.read().strip()

    @staticmethod
    def _tls(ca_file):
        context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connection. Outcomes that could not be logged are tried once more; NotLogged where they still
        cannot, and then they are in `owed`."""
        with self._lock:
            try:
                self.settle()
            finally:
                self._hang_up()

    def _hang_up(self):
        if self._connection:
            self._connection.close()
        self._connection = None

    def _ask(self, method, target, body, most, until):
        """The body of an answer of status 200. _Later, Refused, ConnectionError."""
        if self._connection and self._connection.stale():
            self._hang_up()
        if not self._connection:
            self._connection = _Connection(self._where, self._token, self._context, until)
        self._sent = True
        status, fields, data = self._connection.ask(method, target, body, most, until)
        if fields.get("connection", "").lower() == "close":
            self._hang_up()
        if status == 200:
            return data
        try:
            text = json.loads(data)
            text = f'{text["field"]}: {text["error"]}' if "field" in text else text["error"]
        except _WRONG:
            text = f"the service answered {status} without a reason"
        text = _shown(text)
        after = fields.get("retry-after", "")
        if status in (429, 503) and re.fullmatch("[1-9][0-9]{0,3}", after):
            raise _Later(text, int(after))
        if status >= 500 and status not in (503, 507):
            raise ConnectionError(text)
        if status == 404:  # it has no such route
            raise Untrue(text)
        raise Refused(text)

    def _keep_trying(self, attempt, *args):
        """Until it is done, refused, or the time is up."""
        with self._lock:
            until, pause, lost = time.monotonic() + self.timeout, 0, False
            while True:
                self._sent = False
                try:
                    return attempt(*args, until)
                except _Later as e:
                    wait, lost, error = e.seconds, lost or e.partly, Refused(str(e))
                except ssl.SSLCertVerificationError as e:
                    text = f"the service's certificate is not good: {e.verify_message}"
                    raise NotLogged(f"{text}. {_UNKNOWN}" if lost else text) from e
                except OSError as e:
                    wait, lost = pause, lost or self._sent
                    error = NotLogged(f"the service cannot be reached, or its answer was lost: {e}. {_UNKNOWN}")
                except Refused as e:
                    if not lost:
                        raise
                    wait, error = float("inf"), e
                except BaseException:  # in the middle of an answer, maybe
                    self._hang_up()
                    raise
                self._hang_up()
                if time.monotonic() + wait >= until:
                    # What is said now does not tell whether the try was done whose answer was lost.
                    raise NotLogged(f"{error}. {_UNKNOWN}") if lost and isinstance(error, Refused) else error
                time.sleep(wait)
                pause = min(2 * pause or 0.05, 2)

    def _learn_key(self, until):
        answer = self._ask("GET", "/v1/status", None, 64 << 10, until)
        try:
            return LogKey(json.loads(answer)["logKey"]).text
        except _WRONG as e:
            raise Untrue("what answers is no teelog service: it names no log key") from e

    def _append(self, records, body, until):
        target, most = "/v1/records?partial=1&receipt=full", min(len(records) * RECEIPT_MAX, ANSWER_MAX)
        lines = self._ask("POST", target, body, most, until).split(b"\n")
        if lines.pop() != b"" or len(lines) != len(records):
            raise Untrue(f"{len(records)} records were answered with {len(lines)} lines")
        out, ids = [], {}
        for line, record in zip(lines, records):
            if line.startswith(b'{"error"'):
                out.append(self._refusal(line, bool(ids)))
                continue
            receipt, self._seen = check_receipt(line, record, self.log_key, self._seen)
            if ids.setdefault(receipt.index, record.request_id) != record.request_id:
                raise Untrue(f"statement {receipt.index} was given as two records' of one request")
            out.append(receipt)
        return out

    @staticmethod
    def _refusal(line, partly):
        try:
            said = json.loads(line)
            text = _shown(f'{said["field"]}: {said["error"]}' if "field" in said else said["error"])
            later = said.get("later") is True
        except _WRONG:
            raise Untrue("what answers gave no receipt of teelog's") from None
        if later:  # all of them are sent again, and what is logged by now is only repeated
            raise _Later(text, 1, partly)
        return Refused(text)

    def append_records(self, records):
        """Logs 1 to 1,024 records in their order, and waits until they are durable: a list with a Receipt,
        or a Refused, for each. NotLogged where the request as a whole came to nothing: append the
        same Records again."""
        with self._lock:
            for record in records:
                record.check()
                if record.least is None:
                    record.least = self._seen[0]
            body = b"".join(record.line() for record in records)
            if not 1 <= len(records) <= LINES_MAX or len(body) > BODY_MAX:
                raise ValueError("a request has 1 to 1,024 records, and at most 8 MiB of JSON")
            return self._keep_trying(self._append, records, body)

    def append(self, type, content, agent=None, **more):
        """Logs one record and returns its Receipt; see Record for what more there is. NotLogged."""
        [receipt] = self.append_records([Record(type, content, agent or self.agent, **more)])
        if isinstance(receipt, Refused):
            raise receipt
        return receipt

    def settle(self):
        """Logs the outcomes of actions that could not be logged when they came, for whatever reason that was given.
        No action begins before."""
        with self._lock:
            while self.owed:
                [receipt] = self.append_records(self.owed[:1])
                if isinstance(receipt, Refused):
                    raise receipt
                self.owed.pop(0)

    def action(self, type, parameters=None, **more):
        """A `with` block that runs only once its intent is logged; see Action."""
        return Action(self, type, parameters, more)


class Action:
    """An intent, and its outcome with a ref to it. intent and outcome are their receipts. An outcome that cannot
    be logged is an error, and kept: the next action of this Client begins only after it is logged. (Who has to
    go on without takes it out of Client.owed.)"""

    def __init__(self, client, type, parameters, more):
        self._client, self._parameters = client, parameters
        self._fields = {"agent": client.agent, **more, "type": type}
        self.intent = self.outcome = None
        self._ended = False  # the outcome is logged, or kept

    def __enter__(self):
        self._client.settle()
        # The id: so that no receipt of an older intent is one of this.
        content = {"phase": "intent", "id": secrets.token_hex(8), "parameters": self._parameters}
        text = self._text(content)
        if content["id"] not in text:
            raise ValueError("the parameters are too long, or cannot be told as JSON")
        self.intent = self._client.append(content=text, **self._fields)
        return self

    @staticmethod
    def _text(content):
        """As JSON; what JSON cannot hold as Python shows it, and of what is too long the digest."""
        try:
            text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), default=repr)
        except Exception:  # of a key that is no text, a circle, its own __repr__
            text = json.dumps({"phase": content["phase"], "unreadable": True}, separators=(",", ":"))
        data = text.encode("utf-8", "replace")
        if len(data) > CONTENT_MAX:
            digest = {"phase": content["phase"], "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            data = json.dumps(digest, separators=(",", ":")).encode()
        return data.decode("utf-8")

    def _say(self, content):
        record = Record(content=self._text(content),
                        **{**self._fields, "ref": self.intent.index, "request_id": None})
        with self._client._lock:
            self._ended = True
            self._client.owed.append(record)  # until there is a receipt
            [outcome] = self._client.append_records([record])
            if isinstance(outcome, Refused):
                raise outcome
            self._client.owed.remove(record)
        self.outcome = outcome
        return outcome

    def result(self, result=None):
        """Logs what came of it."""
        return self._say({"phase": "result", "result": result})

    def refuse(self, reason):
        """Logs that it was not done after all."""
        return self._say({"phase": "refusal", "reason": reason})

    def __exit__(self, kind, error, _):
        if not self._ended:
            self._say({"phase": "result", "result": None} if error is None else
                      {"phase": "failure", "error": self._error(kind, error)})
        return False

    @staticmethod
    def _error(kind, error):
        try:
            return f"{kind.__name__}: {error}"[:4000]
        except Exception:  # of its own __str__
            return kind.__name__
