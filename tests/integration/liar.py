"""Something between a client and its log: it passes requests on, and answers as it likes."""
import contextlib
import json
import os
import re
import socket
import threading


def ask(path, request):
    """The whole answer of the service on a socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        return b"".join(iter(lambda: s.recv(1 << 16), b""))


def answer(body, status="200 OK", *fields):
    head = "".join(f"{f}\r\n" for f in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields))
    return head.encode() + b"\r\n" + body


def body_of(request_or_answer):
    return request_or_answer.partition(b"\r\n\r\n")[2]


def with_body(request, body):
    """The request with another body."""
    head = request.partition(b"\r\n\r\n")[0]
    head = re.sub(rb"(?i)content-length: \d+", b"Content-Length: %d" % len(body), head)
    return head + b"\r\n\r\n" + body


class Liar:
    """A Unix socket. lies: one for each request, called with the Liar, the connection and the request;
    it sends what it likes. None: the truth, which is told when they are used up as well."""

    def __init__(self, path, service, *lies):
        self.path, self.service, self.lies = path, service, list(lies)
        self.requests, self.answers = [], []
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def close(self):
        # shutdown wakes accept, which close alone does not.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(30)

    def truth(self, request):
        """What the service answers; kept in answers."""
        got = re.sub(rb"(?i)connection: close\r\n", b"", ask(self.service, request))
        self.answers.append(got)
        return got

    def _request(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(1 << 16)
            if not piece:
                return None
            data += piece
        size = re.search(rb"(?i)content-length: (\d+)", data.partition(b"\r\n\r\n")[0])
        while len(body_of(data)) < int(size[1] if size else 0):
            piece = connection.recv(1 << 16)
            if not piece:
                return None
            data += piece
        return data

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(30)
                while request := self._request(connection):
                    self.requests.append(request)
                    lie = self.lies.pop(0) if self.lies else None
                    if lie:
                        lie(self, connection, request)
                    else:
                        connection.sendall(self.truth(request))


# ---- what it may do; those with a _ last are told what

def lose_request(_, connection, __):
    connection.shutdown(socket.SHUT_RDWR)


def lose_answer(liar, connection, request):
    liar.truth(request)
    connection.shutdown(socket.SHUT_RDWR)


def busy(_, connection, __):
    connection.sendall(answer(b'{"error":"too much is waiting already"}\n', "503 Service Unavailable",
                              "Retry-After: 1"))


def frozen(_, connection, __):
    connection.sendall(answer(b'{"error":"the log is frozen"}\n', "503 Service Unavailable"))


def other_log_(path):
    """Another genuine log takes the request."""
    return lambda _, connection, request: connection.sendall(ask(path, request))


def older_receipt(liar, connection, _):
    """The answer that it gave last."""
    connection.sendall(liar.answers[-1])


def other_record_(before, after):
    """The log gets another record than was sent."""
    def lie(liar, connection, request):
        connection.sendall(liar.truth(with_body(request, body_of(request).replace(before, after))))
    return lie


def altered_(change):
    """The receipt's members are changed."""
    def lie(liar, connection, request):
        out = []
        for line in body_of(liar.truth(request)).splitlines():
            receipt = json.loads(line)
            change(receipt)
            out.append(json.dumps(receipt, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        connection.sendall(answer(b"".join(out)))
    return lie


def says_(body):
    return lambda _, connection, __: connection.sendall(answer(body))


def endless(_, connection, __):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000000\r\n\r\n")
    while True:  # until the client has gone
        connection.sendall(b" " * 65536)


def endless_head(_, connection, __):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-More: yes\r\n" * 1000)


def no_http(_, connection, __):
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


def silent(_, connection, __):
    connection.recv(1)  # until the client has gone
