#!/usr/bin/env python3
"""Looks for what was logged in every file of the data directory: while the service
runs under load, after a stop, after kill -9, and after `teelog run`. Content, room,
user, attributes, requestId and the command line must not be there, neither as they
are nor in base64, hex or UTF-16; agent ids and types are public, and are found.

usage: plaintext.py TEELOG_BINARY"""
import base64
import json
import os
import pathlib
import stat
import subprocess
import threading
import time

import host
from host import check

ROUNDS = 30 if host.LONG else 3
BATCH = 40  # records of one append
AGENT, TYPE = "public-agent-Quetzalcoatl-7", "Public type/Wxyz-31415"


def marker(what, number):
    return f"Zyx{what}Marker-{number:05d}-\u00e4\u20ac-qpwoeiruty-{what[::-1]}"


FIELDS = ("content", "room", "user", "key", "value", "request", "command", "refused")


def record(i):
    m = {f: marker(f, i) for f in FIELDS}
    return {"agentId": AGENT, "type": TYPE, "content": f"before {m['content']} after",
            "roomId": m["room"], "userId": m["user"], "requestId": m["request"],
            "attributes": {m["key"]: [{"deep": m["value"]}], "n": i}}


def base64_inside(text):
    """The characters that every base64 text with these bytes in it must have, for
    each of the three places that they may begin at, in both alphabets."""
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(b"\0" * shift + text).rstrip(b"=")
            yield coded[(shift * 8 + 5) // 6:(shift + len(text)) * 8 // 6]


def forms(text):
    """Every form that is looked for, by name."""
    raw = text.encode()
    found = {"raw": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(),
             "UTF-16LE": text.encode("utf-16-le"), "UTF-16BE": text.encode("utf-16-be"),
             "JSON": json.dumps(text)[1:-1].encode()}
    for i, coded in enumerate(base64_inside(raw)):
        found[f"base64 {i // 2} {i % 2}"] = coded
    return found


# The number in a marker differs from record to record; what stands before and
# after it is the same in all of them, and is long enough to be no accident.
SECRETS = {f"{field}, {part}": text for field in FIELDS
           for part, text in zip(("front", "tail"), marker(field, 0).split("00000"))}
NEEDLES = {f"{name} as {form}": needle for name, text in SECRETS.items()
           for form, needle in forms(text).items()}


def files_of(directory, pid=None):
    """Every regular file below directory, and every one that pid has open."""
    for path, _, names in os.walk(directory):
        for name in names:
            yield pathlib.Path(path, name)
    if pid:
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            yield fd


def contents(path, seen):
    """Of a regular file that has not been seen yet by another name."""
    try:
        it = path.stat()
        if not stat.S_ISREG(it.st_mode) or (it.st_dev, it.st_ino) in seen:
            return b""
        seen.add((it.st_dev, it.st_ino))
        return path.read_bytes()
    except OSError:
        return b""  # gone meanwhile


def search(directory, needles, pid=None):
    """(bytes looked at, {needle name: file})"""
    size, found, seen = 0, {}, set()
    for path in files_of(directory, pid):
        data = contents(path, seen)
        size += len(data)
        found.update({name: str(path) for name, needle in needles.items() if needle in data})
    return size, found


def check_nothing(directory, when, pid=None):
    size, found = search(directory, NEEDLES, pid)
    check(not found, f"{when}: {found}")
    _, public = search(directory, {"agent": AGENT.encode(), "type": TYPE.encode()}, pid)
    check(len(public) == 2, f"{when}: the search does not find what is public")
    print(f"{when}: {size} bytes, nothing readable", flush=True)


def check_search(directory):
    """The search finds each form of each secret where it is."""
    for name, needle in NEEDLES.items():
        (directory / "control").write_bytes(b"\x80junk" + needle + b"junk\x80")
        check(name in search(directory, NEEDLES)[1], f"the search does not find {name}")
    for shift in range(3):
        for field in FIELDS:
            text = b"x" * shift + marker(field, 77777).encode()
            (directory / "control").write_bytes(base64.b64encode(text))
            found = search(directory, NEEDLES)[1]
            check(any(n.startswith(f"{field}, front as base64") for n in found),
                  f"the search does not find {field} in base64 at {shift}")


def check_modes(directory):
    for path, _, names in os.walk(directory):
        check(stat.S_IMODE(os.lstat(path).st_mode) == 0o700, f"{path} is not 0700")
        for name in names:
            mode = os.lstat(os.path.join(path, name)).st_mode
            check(stat.S_IMODE(mode) == 0o600, f"{path}/{name} is {stat.S_IMODE(mode):o}")


def load(service, stop, from_number):
    number = from_number
    while not stop.is_set():
        lines = [record(number + i) for i in range(BATCH)]
        bad = record(number)
        bad["requestId"] = None
        bad["content"] = marker("refused", number)
        bad["attributes"] = {marker("refused", number): 1.5}
        answers = service.append([*lines, bad])
        good = sum(1 for a in answers if "error" not in a)
        check(good == BATCH or stop.is_set(), f"{good} of {BATCH} records were taken")
        number += BATCH
        stop.wait(0.1)  # so that searching keeps up


def search_under_load(service, data, round_number):
    stop = threading.Event()
    loader = threading.Thread(target=load, args=(service, stop, round_number * 10_000))
    loader.start()
    time.sleep(0.3)
    for _ in range(3):
        check_nothing(data, f"round {round_number}, under load", service.process.pid)
        check_modes(data)
    return stop, loader


def check_run(teelog, directory):
    """`run` keeps the command line too, sealed."""
    data = directory / "run"
    script = f"cat >/dev/null <<X\n{marker('command', 1)}\nX\ncat \"$0\" | \"$1\" append"
    lines = directory / "lines"
    lines.write_text("".join(json.dumps(record(i)) + "\n" for i in range(20)))
    done = subprocess.run([teelog, "run", "--data", str(data), "--tee", "sim", "--export",
                           str(directory / "bundle.teelog"), "--", "sh", "-c", script, str(lines),
                           teelog, marker("command", 2)], capture_output=True, timeout=60)
    check(done.returncode == 0 and done.stdout.count(b"leafHash") == 20,
          f"run: {done.returncode} {done.stderr.decode()}")
    check_nothing(data, "after run")
    check_modes(data)
    exported = search(directory, {n: NEEDLES[n] for n in NEEDLES if n == "content, front as raw"})
    check(exported[1], "the bundle has no bodies, so this shows nothing")


def main():
    teelog = host.binary()
    os.umask(0)  # modes are the service's own doing
    control = host.data_directory()
    check_search(control)
    directory = host.data_directory()
    data = directory / "data"
    service = host.Service(teelog, data)
    for number in range(ROUNDS):
        service.start()
        stop, loader = search_under_load(service, data, number)
        stop.set()
        if number % 2 == 0:
            service.kill()
            loader.join()
            check_nothing(data, "after kill -9")
        else:
            loader.join()
            service.stop()
            check_nothing(data, "after a stop")
    service.start()
    service.stop()
    check_nothing(data, "at the end")
    check_modes(data)
    check_run(teelog, directory)


if __name__ == "__main__":
    os.environ.pop("TEELOG_SOCKET", None)
    main()
