#!/usr/bin/env python3
"""Two services on one directory, other commands on a log that is in use, copies of
a directory, and a database that was altered: each is met with a sentence that says
what to do, and nothing is hurt.

usage: copies.py TEELOG_BINARY"""
import os
import shutil
import sqlite3

import host
from host import check


def refused(done, *words):
    """Exit 3, nothing on standard output, and one sentence with these words."""
    said = done.stderr.decode()
    check(done.returncode == 3, f"{done.args}: exit {done.returncode}: {said}")
    check(done.stdout == b"", f"{done.args}: {done.stdout!r}")
    check(said.startswith("teelog: ") and said.count("\n") == 1, f"not one sentence: {said!r}")
    for word in words:
        check(word in said, f"{done.args}: {said!r} lacks {word!r}")


def record(text):
    return {"agentId": "alice", "roomId": "r", "userId": "u", "type": "T", "content": text}


def second_comers(service, directory):
    data = str(directory / "data")
    out = directory / "refused.teelog"
    other_socket = str(directory / "other.sock")
    for args in (("serve",), ("serve", "--socket", other_socket),
                 ("serve", "--origin", "another/log")):
        refused(service.command(args[0], "--data", data, "--tee", "sim", *args[1:]),
                "another teelog", "stop it")
    ran = service.command("run", "--data", data, "--tee", "sim", "--", "echo", "ran")
    check(ran.returncode == 125 and b"another teelog" in ran.stderr and ran.stdout == b"",
          f"run: {ran}")
    refused(service.command("fsck", "--data", data, "--tee", "sim"), "another teelog", "stop it")
    refused(service.command("export", "--data", data, "--tee", "sim", "-o", str(out)),
            "another teelog", "--socket")
    check(not out.exists(), "a refused export leaves a file")
    check(not os.path.exists(other_socket), "a refused serve leaves a socket")


def still_serves(service, directory):
    """The first goes on as if nothing had been, over the same socket."""
    answers = service.append([record("still here")])
    check(answers[0]["seq"] > 0 and "error" not in answers[0], f"append: {answers}")
    service.export(directory / "bundle.teelog")
    code, report = service.verify(directory / "bundle.teelog")
    check(code == 4 and report["verdict"] == "UNPINNED", f"verify: {code}")


def copied_directory(service, directory):
    """A copy that is started is a fork: each verifies for itself, and what they
    sign of one size is not the same."""
    service.stop()
    shutil.copytree(directory / "data", directory / "copy", symlinks=True)
    copy = host.Service(service.teelog, directory / "copy")
    bundles = []
    policy = directory / "policy.json"
    for one in (service, copy):
        one.start()
    for number, one in enumerate((service, copy)):
        one.append([record(f"by {number}")])
        path = directory / f"fork{number}.teelog"
        one.export(path)
        if number == 0:
            made = one.command("policy", "init", str(path), "-o", str(policy))
            check(made.returncode == 0, made.stderr.decode())
        code, report = one.verify(path, policy)
        check(code == 0 and "forks are not excluded" in str(report), f"verify: {code} {report}")
        bundles.append(host.Bundle(path))
    for one in (service, copy):
        one.stop()
    check(bundles[0].size == bundles[1].size and bundles[0].root != bundles[1].root,
          "the two histories do not part")


def alter(directory, sql):
    db = sqlite3.connect(directory / "data" / "teelog.db")
    with db:
        check(db.execute(sql).rowcount > 0, f"nothing changed: {sql}")
    db.close()


def altered_database(service, directory):
    """What the host changes while the log is stopped is told in one sentence, by
    serve, or by the export that reads it; fsck finds it."""
    data = str(directory / "data")
    shutil.copytree(data, directory / "kept")
    out = directory / "altered.teelog"
    cases = (("UPDATE meta SET value = zeroblob(69) WHERE name = 'head'", "no head written", None),
             ("DELETE FROM leaf WHERE idx = 2", "fsck", None),
             ("INSERT INTO leaf SELECT 1000, statement, body, extra FROM leaf WHERE idx = 2",
              "beyond the authenticated head", None),
             ("UPDATE leaf SET body = zeroblob(100) WHERE idx = 2", None, "statement 2"))
    for sql, on_start, on_export in cases:
        shutil.rmtree(data)
        shutil.copytree(directory / "kept", data)
        alter(directory, sql)
        found = service.command("fsck", "--data", data, "--tee", "sim")
        check(found.returncode == 1 and b"clean" not in found.stdout + found.stderr,
              f"fsck after {sql}: {found}")
        if on_start:
            refused(service.command("serve", "--data", data, "--tee", "sim"), on_start)
            continue
        service.start()
        # A slow service has sent the bundle's first bytes before it comes to what was
        # altered: then the answer ends without its end.
        got = service.command("export", "-o", str(out), "--socket", service.socket)
        if got.returncode != 3 or b"broke off after" not in got.stderr:
            refused(got, on_export)
        check(not out.exists(), "an export that broke off leaves a file")
        service.stop()
        refused(service.command("export", "-o", str(out), "--data", data, "--tee", "sim"),
                on_export)
        check(not out.exists(), "a failed export leaves a file")


def main():
    teelog = host.binary()
    directory = host.data_directory()
    service = host.Service(teelog, directory / "data")
    service.start()
    service.append([record("first")])
    second_comers(service, directory)
    still_serves(service, directory)
    copied_directory(service, directory)
    altered_database(service, directory)
    print("second comers are told, copies part, what was altered is found", flush=True)


if __name__ == "__main__":
    os.environ.pop("TEELOG_SOCKET", None)
    main()
