"""Logs that a test makes of entries that it has, under a key of its own, and gives out as tiles
(c2sp.org/tlog-tiles), with whatever is to be wrong with them."""
import base64
import contextlib
import hashlib
import http.server
import socket
import subprocess
import threading

import rfc6962


class Key:
    """An Ed25519 key for notes: type 1 of a log, 4 of a witness. OpenSSL signs."""

    def __init__(self, name, directory, kind=1, seed=b"\7" * 32):
        self.name, self.kind = name, kind
        self.path = f"{directory}/{hashlib.sha256(name.encode() + seed).hexdigest()[:8]}"
        with open(self.path + ".der", "wb") as f:
            f.write(bytes.fromhex("302e020100300506032b657004220420") + seed)
        self.openssl("pkey", "-in", self.path + ".der", "-inform", "DER", "-pubout", "-outform", "DER", "-out",
                     self.path + ".pub")
        with open(self.path + ".pub", "rb") as f:
            self.public = bytes([kind]) + f.read()[-32:]
        self.id = hashlib.sha256(name.encode() + b"\n" + self.public).digest()[:4]

    def openssl(self, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, timeout=60)

    def verifier(self):
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.public).decode()}"

    def sign(self, message):
        with open(self.path + ".in", "wb") as f:
            f.write(message)
        self.openssl("pkeyutl", "-sign", "-inkey", self.path + ".der", "-keyform", "DER", "-rawin", "-in",
                     self.path + ".in", "-out", self.path + ".sig")
        with open(self.path + ".sig", "rb") as f:
            return f.read()

    def line(self, text, time=None):
        """A signature line over a checkpoint's text; of a witness with its time."""
        if time is None:
            payload = self.sign(text)
        else:
            payload = time.to_bytes(8, "big") + self.sign(b"cosignature/v1\ntime %d\n" % time + text)
        return f"\u2014 {self.name} {base64.b64encode(self.id + payload).decode()}\n".encode()


class Tree:
    """All that a log of these entries gives out."""

    def __init__(self, key, entries, size=None):
        self.key, self.entries = key, entries[:size]
        self.hashes = [hashlib.sha256(b"\0" + e).digest() for e in self.entries]

    def text(self):
        root = rfc6962.root(self.hashes) if self.hashes else hashlib.sha256().digest()
        return b"%s\n%d\n%s\n" % (self.key.name.encode(), len(self.hashes), base64.b64encode(root))

    def note(self):
        return self.text() + b"\n" + self.key.line(self.text())

    def level(self, level):
        hashes = self.hashes
        for _ in range(level):
            hashes = [rfc6962.root(hashes[i:i + 256]) for i in range(0, len(hashes) // 256 * 256, 256)]
        return hashes

    def files(self):
        """{path: bytes}, as a mirror has them."""
        found = {"checkpoint": self.note()}
        for level in range(3):
            hashes = self.level(level)
            for n in range(0, len(hashes), 256):
                width = min(256, len(hashes) - n)
                suffix = "" if width == 256 else f".p/{width}"
                found[f"tile/{level}/{n // 256:03}{suffix}"] = b"".join(hashes[n:n + width])
                if level == 0:
                    found[f"tile/entries/{n // 256:03}{suffix}"] = b"".join(
                        len(e).to_bytes(2, "big") + e for e in self.entries[n:n + width])
        return found


def entries_of(get, size):
    """The statements of a service: get gives the body of a path."""
    found = []
    for n in range(0, size, 256):
        width = min(256, size - n)
        data = get(f"/tile/entries/{n // 256:03}" + ("" if width == 256 else f".p/{width}"))
        while data:
            length = int.from_bytes(data[:2], "big")
            found.append(data[2:2 + length])
            data = data[2 + length:]
    return found


class Server:
    """Gives out self.files over HTTP, below any prefix that is a key of self.under."""

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self):
                with contextlib.suppress(OSError):  # who has seen enough goes
                    super().handle()
                    self.wfile.flush()
                    self.connection.shutdown(socket.SHUT_WR)
                    self.connection.settimeout(30)
                    while self.connection.recv(65536):  # else what is under way to the client is lost
                        pass

            def do_GET(self):
                body = outer.give(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.answered = getattr(self, "answered", 0) + 1
                if self.answered == outer.patience:
                    self.send_header("Connection", "close")  # and what was asked for meanwhile is lost
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.files, self.asked = {}, []
        self.patience = None  # answers on one connection
        self.hook = None  # of a path: bytes in place of the file's, or None
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def give(self, path):
        self.asked.append(path)
        changed = self.hook(path) if self.hook else None
        return changed if changed is not None else self.files.get(path.removeprefix("/"))

    def put(self, tree, prefix=""):
        """This tree is there from now on, and what was there before stays below it, as with a log that is a
        service; the checkpoint is the last to change."""
        files = tree.files()
        for path, data in sorted(files.items(), reverse=True):
            self.files[prefix + path] = data

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
