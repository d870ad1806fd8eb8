"""A stand-in of dstack's guest agent on a Unix socket, for teelog and for programs of
others (dstack's own SDKs). It answers as both of the agent's interfaces do: dstack.sock's,
and that of tappd.sock before it. Quotes are simulated, over the report data that was
asked for, and its event log replays to their RTMRs. As in later versions of dstack there
is no EmitEvent.

    agent = Agent(directory, makedcap)          # serves directory/dstack.sock and tappd.sock
    agent.manner = lambda connection, answer: … # does something else with the bytes of answers
    agent.close()
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

P256 = bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107")


def der(tag, *contents):
    body = b"".join(contents)
    assert len(body) < 128
    return bytes([tag, len(body)]) + body


def private_key(scalar):
    """PKCS #8 in PEM."""
    key = der(0x30, b"\x02\x01\x01", der(0x04, scalar))
    text = base64.b64encode(der(0x30, b"\x02\x01\x00", der(0x30, P256), der(0x04, key))).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----", ""])


class Refused(Exception):
    """What the agent answers with status 400."""


class Agent:
    def __init__(self, directory, makedcap, seed=b"seed"):
        self.makedcap = makedcap
        self.seed = seed
        self.time = int(time.time())
        self.asked = []      # methods
        self.manner = None   # (connection, bytes of the answer): sends them, or does not
        self.change = None   # (method, answer): another one
        self.scratch = tempfile.TemporaryDirectory(prefix="teelog-test-")
        self.made = self.make("00" * 64)
        self.sockets = []
        self.paths = [os.path.join(directory, name) for name in ("dstack.sock", "tappd.sock")]
        for path, methods in zip(self.paths, (self.current, self.legacy)):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen(128)
            self.sockets.append(listener)
            threading.Thread(target=self.accept, args=(listener, methods()), daemon=True).start()

    def close(self):
        while self.sockets:
            listener = self.sockets.pop()
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.scratch.cleanup()

    # What it knows.

    def make(self, report_data):
        """{file: bytes} of a quote over this, its log and its collateral."""
        with tempfile.TemporaryDirectory(dir=self.scratch.name) as out:
            subprocess.run([self.makedcap, "tdx-dstack", out, str(self.time), report_data],
                           check=True)
            return {p.name: p.read_bytes() for p in pathlib.Path(out).iterdir()}

    @property
    def collateral(self):
        return self.made["collateral.json"]

    def derive(self, path):
        return hmac.new(self.seed, path.encode(), hashlib.sha256).digest()

    # The interfaces.

    def current(self):
        return {"/GetQuote": self.get_quote, "/GetKey": self.get_key, "/Info": self.info,
                "/Version": lambda _: {"version": "0.5.12", "rev": "stand-in"}}

    def legacy(self):
        return {"/prpc/Tappd.TdxQuote": self.tdx_quote,
                "/prpc/Tappd.DeriveKey": self.derive_key, "/prpc/Tappd.Info": self.info}

    def get_quote(self, ask):
        data = bytes.fromhex(ask["report_data"])
        if len(data) > 64:
            raise Refused("Report data is too long")
        padded = data.ljust(64, b"\0").hex()
        made = self.make(padded)
        return {"quote": made["quote.bin"].hex(), "event_log": made["event_log.json"].decode(),
                "report_data": padded, "vm_config": "{}", "attestation": ""}

    def get_key(self, ask):
        return {"key": self.derive(ask.get("path", "")).hex(), "signature_chain": ["00" * 65] * 2}

    def info(self, _ask):
        events = {e["event"]: e["event_payload"] for e in json.loads(self.made["event_log.json"])}
        compose = events["compose-hash"]
        return {"app_id": events["app-id"], "instance_id": "", "app_cert": "", "app_name": "teelog",
                "device_id": "00" * 32, "mr_aggregated": "00" * 32, "os_image_hash": "",
                "key_provider_info": "", "compose_hash": compose, "vm_config": "{}",
                "tcb_info": json.dumps({"compose_hash": compose, "app_compose": "{}",
                                        "event_log": []})}

    def tdx_quote(self, ask):
        algorithm = ask.get("hash_algorithm") or "sha512"
        data = bytes.fromhex(ask["report_data"])
        if algorithm == "raw":
            if len(data) != 64:
                raise Refused("Invalid report data length for raw hash algorithm")
        elif algorithm == "sha512":
            data = hashlib.sha512((ask.get("prefix") or "app-data").encode() + b":" + data).digest()
        else:
            raise Refused("Unsupported hash algorithm")
        made = self.get_quote({"report_data": data.hex()})
        return {"quote": made["quote"], "event_log": made["event_log"],
                "hash_algorithm": algorithm, "prefix": "" if algorithm == "raw" else "app-data"}

    def derive_key(self, ask):
        return {"key": private_key(self.derive("p256/" + ask.get("path", ""))),
                "certificate_chain": []}

    # HTTP.

    def accept(self, listener, methods):
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection, methods), daemon=True).start()

    def serve(self, connection, methods):
        with connection:
            try:
                answer = self.answer(connection.makefile("rb"), methods)
                if answer and self.manner:
                    self.manner(connection, answer)
                elif answer:
                    connection.sendall(answer)
            except OSError:
                pass  # the caller has gone

    def answer(self, stream, methods):
        method, target, _ = stream.readline().decode().split() or ["", "", ""]
        length = 0
        while (line := stream.readline().strip()):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = stream.read(length)
        self.asked.append(target)
        status = "200 OK"
        try:
            name = target.partition("?")[0]  # ?json says what the body is; so does its type
            if method != "POST" or name not in methods:
                raise Refused(f"Method not found: {target}")
            said = methods[name](json.loads(body or b"{}"))
        except Refused as e:
            status, said = "400 Bad Request", {"error": str(e)}
        if self.change:
            said = self.change(target, said)
        text = said if isinstance(said, bytes) else json.dumps(said).encode()
        return (f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\nserver: Rocket\r\n"
                f"content-length: {len(text)}\r\n\r\n").encode() + text
