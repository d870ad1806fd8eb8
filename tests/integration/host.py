"""What the host-side tests share: a service to start and kill, clients, a reader
of bundles, and RFC 6962 roots. Standard library only."""
import atexit
import base64
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

LONG = os.environ.get("TEELOG_LONG") == "1"


running = []  # services to be killed, and directories to be removed, at the end
directories = []


def clean_up():
    for service in list(running):
        service.kill()
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def fail(text):
    """Ends the whole test, from any thread."""
    print("FAILED: " + text, flush=True)
    clean_up()
    os._exit(1)


def fail_in_thread(args):
    traceback.print_exception(args.exc_type, args.exc_value, args.exc_traceback)
    fail(f"in {args.thread}")


threading.excepthook = fail_in_thread
atexit.register(clean_up)


def check(good, text):
    if not good:
        fail(text)


def seeded():
    """A random source whose seed is printed, and can be given again."""
    seed = int(os.environ.get("TEELOG_SEED") or random.SystemRandom().getrandbits(32))
    print(f"seed {seed} (TEELOG_SEED repeats it)", flush=True)
    return random.Random(seed)


def binary():
    check(len(sys.argv) == 2, "usage: %s TEELOG_BINARY" % sys.argv[0])
    return str(pathlib.Path(sys.argv[1]).resolve())


class Service:
    """`teelog serve` on a data directory."""

    def __init__(self, teelog, data, *options):
        self.teelog, self.data, self.options = teelog, str(data), options
        self.socket = os.path.join(self.data, "teelog.sock")
        self.process = None

    def spawn(self):
        self.process = subprocess.Popen(
            [self.teelog, "serve", "--data", self.data, "--tee", "sim", "--origin", "test/host",
             *self.options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        running.append(self)

    def start(self):
        """Starts, waits until it says that it is ready; returns the seconds."""
        begin = time.monotonic()
        self.spawn()
        line = self.process.stdout.readline()
        seconds = time.monotonic() - begin
        if b"ready" not in line:
            fail(f"serve did not start: {line!r} {self.process.stderr.read().decode()}")
        return seconds

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        check(code == 0, f"serve ended with {code}: {self.process.stderr.read().decode()}")
        self.close()

    def close(self):
        running.remove(self)
        self.process.stdout.close()
        self.process.stderr.close()
        self.process = None

    def get(self, path):
        """GET over the socket: the body, or None where the service is gone."""
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(20)
                s.connect(self.socket)
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                parts = []
                while part := s.recv(65536):
                    parts.append(part)
        except OSError:
            return None
        head, end, body = b"".join(parts).partition(b"\r\n\r\n")
        if not end or b" 200 " not in head.split(b"\r\n")[0]:
            return None
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length" and int(value) != len(body):
                return None  # cut off by a kill
        return body

    def command(self, *args, **more):
        return subprocess.run([self.teelog, *args], capture_output=True, timeout=600, **more)

    def append(self, lines, *args):
        """Appends the lines and returns the answers, parsed, in order."""
        text = "".join(json.dumps(l) + "\n" for l in lines).encode()
        done = self.command("append", "--socket", self.socket, *args, input=text)
        return [json.loads(l) for l in done.stdout.splitlines()]

    def export(self, path, *args):
        done = self.command("export", "-o", str(path), "--socket", self.socket, *args)
        check(done.returncode == 0, f"export: {done.stderr.decode()}")

    def verify(self, path, policy=None):
        """(exit code, report)"""
        args = ["--policy", str(policy)] if policy else []
        done = self.command("verify", str(path), "--json", *args)
        return done.returncode, json.loads(done.stdout)


# Deterministic CBOR, as far as bundles have it.

def cbor_head(data, at):
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info < 24:
        return major, info, at
    check(info < 28, "indefinite or reserved CBOR length")
    size = 1 << (info - 24)
    return major, int.from_bytes(data[at:at + size], "big"), at + size


def cbor(data, at=0):
    """(value, where it ends)"""
    major, n, at = cbor_head(data, at)
    if major == 0:
        return n, at
    if major == 1:
        return -1 - n, at
    if major in (2, 3):
        check(at + n <= len(data), "CBOR string beyond the end")
        part = bytes(data[at:at + n])
        return (part if major == 2 else part.decode()), at + n
    if major == 4:
        items = []
        for _ in range(n):
            item, at = cbor(data, at)
            items.append(item)
        return items, at
    if major == 5:
        items = {}
        for _ in range(n):
            key, at = cbor(data, at)
            items[key], at = cbor(data, at)
        return items, at
    if major == 6:
        return cbor(data, at)
    check(n in (20, 21, 22), "CBOR simple value")
    return {20: False, 21: True, 22: None}[n], at


class Leaf:
    def __init__(self, index, statement, body):
        self.index = index
        self.hash = hashlib.sha256(b"\0" + statement).digest()
        protected = cbor(cbor(statement)[0][0])[0]
        self.subject = protected[15][2]
        _, self.type, self.seq, self.time = protected[-70001][:4]
        self.body = cbor(body)[0] if body is not None else None


def leaves(path):
    """Those of a bundle, in order."""
    data, at = pathlib.Path(path).read_bytes(), 0
    while at < len(data):
        item, at = cbor(data, at)
        if item[0] == 2:
            yield Leaf(item[1], item[2], item[3])


class Bundle:
    """A whole log's bundle: its leaves in order, and what its checkpoint says."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        at, self.leaves = 0, []
        while at < len(data):
            item, at = cbor(data, at)
            if item[0] == 0:
                self.size, self.root = parse_checkpoint(item[4])
            elif item[0] == 2:
                check(item[1] == len(self.leaves), f"leaf {item[1]} is out of place")
                self.leaves.append(Leaf(item[1], item[2], item[3]))
        check(len(self.leaves) == self.size, "leaves are missing")

    def roots(self, sizes):
        """{size: root of the first size leaves}"""
        wanted, found, stack = set(sizes), {}, []
        for i in range(self.size + 1):
            if i in wanted:
                found[i] = stack_root(stack)
            if i < self.size:
                push(stack, self.leaves[i].hash)
        return found


def push(stack, leaf_hash):
    """Adds a leaf to the complete subtrees [(leaves, root)]."""
    width, node = 1, leaf_hash
    while stack and stack[-1][0] == width:
        node = hashlib.sha256(b"\1" + stack.pop()[1] + node).digest()
        width *= 2
    stack.append((width, node))


def stack_root(stack):
    if not stack:
        return hashlib.sha256(b"").digest()
    node = stack[-1][1]
    for _, left in reversed(stack[:-1]):
        node = hashlib.sha256(b"\1" + left + node).digest()
    return node


def parse_checkpoint(note):
    """(size, root) of a signed checkpoint."""
    origin, size, root = note.split(b"\n\n")[0].split(b"\n")[:3]
    check(origin == b"test/host", "a checkpoint of another log")
    return int(size), base64.b64decode(root)


def root_from_path(index, size, leaf_hash, path):
    """RFC 9162 section 2.1.3.2"""
    fn, sn, r = index, size - 1, leaf_hash
    for p in path:
        check(sn > 0, "the inclusion path is too long")
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn >>= 1
        sn >>= 1
    check(sn == 0, "the inclusion path is too short")
    return r


def data_directory():
    """A directory that goes away at the end; short, since a socket's path is."""
    directories.append(tempfile.mkdtemp(prefix="tl-host-"))
    return pathlib.Path(directories[-1])
