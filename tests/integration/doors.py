"""The ways into a service: its socket, plain TCP on loopback, TLS."""
import os
import re
import socket
import ssl
import subprocess

DOORS = ("socket", "tcp", "tls")


def make_certificate(directory, name="localhost", *more):
    """A certificate for localhost and its key: their paths."""
    cert, key = (os.path.join(directory, name + end) for end in (".crt", ".key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", cert, "-days", "30", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", *more],
                   check=True, capture_output=True)
    os.chmod(key, 0o600)
    return cert, key


class Door:
    """One service, and connections to it through one of DOORS."""

    def __init__(self, case, kind, *options):
        self.kind = kind
        if kind != "socket":
            options += ("--listen", "127.0.0.1:0")
        if kind == "tls":
            self.cert, key = make_certificate(case.dir)
            options += ("--tls-cert", self.cert, "--tls-key", key)
            self.context = ssl.create_default_context(cafile=self.cert)
        self.service = case.serve(*options)
        if kind != "socket":
            host, port = re.search(r"listening on (\S+):(\d+)", self.service.ready).groups()
            self.address = host, int(port)

    def raw(self):
        """A TCP connection without TLS, or one to the socket."""
        if self.kind == "socket":
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.service.socket)
        else:
            s = socket.create_connection(self.address)
        s.settimeout(30)
        return s

    def dial(self):
        s = self.raw()
        return self.context.wrap_socket(s, server_hostname="localhost") if self.kind == "tls" else s

    def ask(self, data, token=None):
        """All that is answered to these bytes, up to the connection's end."""
        if token:
            data = data.replace(b"\r\n", b"\r\nAuthorization: Bearer " + token.encode() + b"\r\n", 1)
        with self.dial() as s:
            try:
                s.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return read_all(s)

    def get(self, target, token=None):
        """(status, body)."""
        answer = self.ask(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), token)
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body


def read_all(s):
    got = b""
    try:
        while more := s.recv(65536):
            got += more
    except (ConnectionResetError, ssl.SSLError):
        pass
    return got
