"""A provisioning service, or an HTTPS proxy before one, on this machine: it answers as
Intel's PCS or as a PCCS does, or as badly as a test wants it to."""
import base64
import contextlib
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

INTEL_HOSTS = ["api.trustedservices.intel.com", "certificates.trustedservices.intel.com"]
PARTS = ["tcb", "qe", "pckcrl", "rootcrl"]  # in the order in which they are asked for


def part_of(target):
    """What a request's target asks for, or None."""
    path = target.partition("?")[0]
    for end, part in (("/tcb", "tcb"), ("/qe/identity", "qe"), ("/pckcrl", "pckcrl"),
                      ("/rootcacrl", "rootcrl"), ("/IntelSGXRootCA.der", "rootcrl"),
                      ("/pckcert", "pckcert")):
        if path.endswith(end):
            return part
    return None


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class Certificates:
    """A CA of the tests' own, and server certificates under it."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.ca = self.dir / "ca.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.dir / "ca.key", "-out", self.ca, "-days", "2",
                "-subj", "/CN=teelog test CA", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign")
        names = ["DNS:localhost", "IP:127.0.0.1", *(f"DNS:{host}" for host in INTEL_HOSTS)]
        self.good = self.leaf("good", ",".join(names))
        self.other = self.leaf("other", "DNS:elsewhere.example")

    def leaf(self, name, names):
        key, csr, crt = (self.dir / f"{name}.{end}" for end in ("key", "csr", "crt"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", csr, "-subj", f"/CN={name}",
                "-addext", f"subjectAltName={names}")
        openssl("x509", "-req", "-in", csr, "-CA", self.ca, "-CAkey", self.dir / "ca.key",
                "-CAcreateserial", "-out", crt, "-days", "2", "-copy_extensions", "copy")
        return crt, key


class Pieces:
    """What makedcap wrote, as answers."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)

    def read(self, name):
        return (self.dir / name).read_bytes()

    def chain(self, name):
        return urllib.parse.quote(self.read(name).decode(), safe="")

    def expected(self):
        """The collateral that is to come of it. makedcap signs certificates anew for each
        file, so that those in its own collateral.json are others."""
        whole = json.loads(self.read("collateral.json"))
        text = {k: self.read(k).decode() for k in ("signer_chain.pem", "pck_issuer_chain.pem",
                                                   "pck.pem")}
        whole["tcb_info_issuer_chain"] = text["signer_chain.pem"]
        whole["qe_identity_issuer_chain"] = text["signer_chain.pem"]
        whole["pck_crl_issuer_chain"] = text["pck_issuer_chain.pem"]
        if "pck_certificate_chain" in whole:
            whole["pck_certificate_chain"] = text["pck.pem"] + text["pck_issuer_chain.pem"]
        return whole

    def answer(self, part, pccs):
        """status, headers, body."""
        crl = bytes.hex if pccs else bytes
        if part == "tcb":
            name = "SGX-TCB-Info-Issuer-Chain" if pccs else "TCB-Info-Issuer-Chain"
            return 200, {name: self.chain("signer_chain.pem")}, self.read("tcb_info.json")
        if part == "qe":
            return (200, {"SGX-Enclave-Identity-Issuer-Chain": self.chain("signer_chain.pem")},
                    self.read("qe_identity.json"))
        if part == "pckcrl":
            return (200, {"SGX-PCK-CRL-Issuer-Chain": self.chain("pck_issuer_chain.pem")},
                    crl(self.read("pck_crl.der")))
        if part == "pckcert":
            return (200, {"SGX-PCK-Certificate-Issuer-Chain": self.chain("pck_issuer_chain.pem")},
                    self.read("pck.pem"))
        return 200, {}, crl(self.read("root_crl.der"))


def pem_crl(der, end="\n"):
    lines = base64.b64encode(der).decode()
    lines = [lines[i:i + 64] for i in range(0, len(lines), 64)]
    return end.join(["-----BEGIN X509 CRL-----", *lines, "-----END X509 CRL-----", ""]).encode()


def head(status, headers, length=None):
    lines = [f"HTTP/1.1 {status} x", *(f"{k}: {v}" for k, v in headers.items())]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


class Server:
    """change: part -> function of (status, headers, body), which gives the same in
    return; or, where it gives a function, that one gets the connection and whatever it
    sends is the answer, after which the connection is cut."""

    def __init__(self, certificates, pieces, pccs=True, proxy=None, leaf=None):
        self.pieces, self.pccs, self.proxy = pieces, pccs, proxy
        self.change = {}
        self.on_accept = None
        self.asked = []  # (connection, target)
        self.tunnels = []
        self.connections = 0
        self.stopping = False
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*(leaf or certificates.good))
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def close(self):
        self.stopping = True
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for thread in self.threads:
            thread.join(10)

    def targets(self):
        return [target for _, target in self.asked]

    def accept(self):
        while not self.stopping:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self.connection, daemon=True,
                                      args=(connection, self.connections))
            self.threads.append(thread)
            thread.start()

    def connection(self, connection, number):
        connection.settimeout(20)
        with contextlib.suppress(OSError), connection:
            if self.on_accept:
                self.on_accept(connection)
                return
            if self.proxy and not self.tunnel(connection):
                return
            with self.context.wrap_socket(connection, server_side=True) as tls:
                while self.request(tls, number):
                    pass

    @staticmethod
    def read_head(connection):
        text = b""
        while not text.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return None
            text += byte
        return text.decode()

    def tunnel(self, connection):
        text = self.read_head(connection)
        if text is None:
            return False
        method, target, _ = text.split(" ", 2)
        assert method == "CONNECT", text
        self.tunnels.append(target)
        status = self.proxy(target, text)
        # Headers of the proxy's are not the service's.
        connection.sendall(head(status, {"SGX-TCB-Info-Issuer-Chain": "proxy",
                                         "TCB-Info-Issuer-Chain": "proxy"}))
        return status == 200

    def request(self, tls, number):
        text = self.read_head(tls)
        if text is None:
            return False
        target = text.split(" ", 2)[1]
        self.asked.append((number, target))
        part = part_of(target)
        answer = self.pieces.answer(part, self.pccs) if part else (404, {}, b"")
        change = self.change.get(part) or self.change.get("all")
        if change:
            answer = change(answer)
        if callable(answer):
            answer(tls)
            return False
        status, headers, body = answer
        body = body.encode() if isinstance(body, str) else body
        tls.sendall(head(status, headers, len(body)) + body)
        return True


def drip(data, seconds, stop):
    """Sends a byte at a time."""
    def send(tls):
        for i in range(len(data)):
            if stop():
                return
            tls.sendall(data[i:i + 1])
            time.sleep(seconds)
    return send


def made(makedcap, kind, directory, at):
    os.makedirs(directory, exist_ok=True)
    subprocess.run([makedcap, kind, directory, str(int(at))], check=True)
    return Pieces(directory)
