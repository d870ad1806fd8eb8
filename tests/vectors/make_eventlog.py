#!/usr/bin/env python3
"""Writes eventlog.json beside itself: a dstack event log with an event of every
kind, the RTMRs that it gives, and the compose file that it names. The digests
are made with hashlib and json alone.
"""
import hashlib
import json
import pathlib
import struct

RUNTIME = 0x08000001
COMPOSE = b'{"name":"small"}\n'


def sha384(data):
    return hashlib.sha384(data).digest()


def boot(imr, kind, payload=b"", name="", digest_of=None):
    digest = sha384(payload if digest_of is None else digest_of)
    return {"imr": imr, "event_type": kind, "digest": digest.hex(), "event": name,
            "event_payload": payload.hex()}


def preimage_of(name, payload, version):
    if version == 1:
        return struct.pack("<I", RUNTIME) + b":" + name.encode() + b":" + payload
    return json.dumps({"name": name, "payload": payload.hex(), "type": RUNTIME},
                      ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def run(name, payload=b"", version=1, digest=True, say_version=False, preimage=False):
    hashed = preimage_of(name, payload, version)
    event = {"imr": 3, "event_type": RUNTIME, "digest": sha384(hashed).hex() if digest else "",
             "event": name, "event_payload": payload.hex()}
    if version == 2 or say_version:
        event["version"] = version
    if preimage:
        event["preimage"] = hashed.hex()
    return event, sha384(hashed)


def events():
    compose_hash = hashlib.sha256(COMPOSE).digest()
    for event in (
            boot(0, 0x8000000B, b"\1\2", digest_of=b"a"),
            boot(0, 4, bytes(4)),
            boot(0, 10, b"ACPI DATA", "acpi-loader", b"b"),
            boot(0, 10, b"ACPI DATA", "acpi-rsdp", b"c"),
            boot(0, 10, b"ACPI DATA", "acpi-tables", b"d"),
            boot(0, 10, b"ACPI DATA", "", b"e"),
            boot(1, 0x80000007, b"Exit Boot Services Invocation"),
            boot(1, 0x80000001, b"", digest_of=b"f"),
            boot(1, 0x80000001, b"variable"),
            boot(2, 6, b"Linux initrd\0", digest_of=b"g")):
        yield event, bytes.fromhex(event["digest"])
    yield run("system-preparing")
    yield run("app-id", compose_hash[:20], digest=False)
    yield run("compose-hash", compose_hash, version=2, preimage=True)
    yield run("instance-id", bytes(range(20)), say_version=True, preimage=True)
    yield run("boot-mr-done", version=2, digest=False)
    yield run("os-image-hash", bytes(range(32, 64)), version=2)
    yield run("key-provider", b'{"name":"kms","id":"3059"}')
    yield run('\b\f\n\r\t\x01\x1f"\\/\x7f\u00e9\u2028\U0001f980', b"\xab\xcd\xef", version=2)
    yield run("a:b", b"c", version=2)
    yield run("system-ready")
    yield run("app-id", b"\x3a\x01\x02")
    yield run("system-ready", version=2)
    yield run("key-provider", b"x")
    yield run("one:two", b"three")


def lines(value):
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join("  " + json.dumps(v) for v in value) + "\n ]"


def main():
    rtmr = [bytes(48)] * 4
    log = []
    for event, digest in events():
        log.append(event)
        rtmr[event["imr"]] = sha384(rtmr[event["imr"]] + digest)
    members = {"event_log": log, "rtmr": [r.hex() for r in rtmr], "compose": COMPOSE.decode(),
               "key_provider": "kms:3059"}
    text = ",\n".join(f" {json.dumps(k)}: {lines(v)}" for k, v in members.items())
    path = pathlib.Path(__file__).with_name("eventlog.json")
    path.write_text("{\n" + text + "\n}\n", encoding="ascii")


if __name__ == "__main__":
    main()
