#!/usr/bin/env python3
"""Kills the service at random moments while it appends in bulk, erases, and writes its
indexes behind, and holds what it answers against a naive scan.

Questions are asked while it appends, at once after each start, when the index is not
complete, and again when it is. The scan goes over what `teelog export` says.

usage: query_rounds.py TEELOG_BINARY; TEELOG_LONG=1 for 100 rounds."""
import collections
import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import threading
import time
import urllib.parse

import host
from host import check

ROUNDS = 100 if host.LONG else 5
RECORDS = 9000          # appended in a round, unless it is killed before
QUESTIONS = 15          # at once after a start, and as many later
LOOK_AT = 40 << 20      # bytes of a database that is copied to see what the kill has left
CELL, TEXT = 4096, 7    # leaves; the level of contents: docs/format.md section 12

AGENTS = ["alice", "bob", "carol", "a"]
ROOMS = ["kitchen", "hall", "room-3", "Kitchen", "ä"]
USERS = ["ann", "ben", "ann ", "dora", "e"]
TYPES = ["Action:PAY", "Action:SAY", "note", "t"]
OWN_TYPES = ["teelog.boot", "teelog.session", "teelog.heads", "teelog.erasure", "teelog.end"]

Row = collections.namedtuple("Row", "agent type seq time room user content lower")
Asked = collections.namedtuple("Asked", "question pages low high rest")


class Scan:
    """The log, as its exports have it, and a loop over it."""

    def __init__(self, path):
        self.path, self.rows = path, []
        self.erased = {}  # index: of the statement that says so

    def learn(self, service):
        known = len(self.rows)
        if service.progress()[1] == known:
            return
        service.export(self.path, *(["--from", str(known)] if known else []))
        for leaf in host.leaves(self.path):
            if leaf.index < known:
                continue
            check(leaf.index == len(self.rows), f"leaf {leaf.index} is out of place")
            room, user, content = (leaf.body[k] for k in (2, 3, 4)) if self.is_record(leaf) \
                else (None, None, None)
            lower = content.encode().lower() if content is not None else None
            self.rows.append(Row(leaf.subject, leaf.type, leaf.seq, leaf.time, room, user, content,
                                 lower))
            if leaf.type == "teelog.erasure":
                for index in leaf.body[1]:
                    self.erased.setdefault(index, leaf.index)

    @staticmethod
    def is_record(leaf):
        return not leaf.type.startswith("teelog.") and leaf.body is not None

    def matches(self, q, size, is_erased):
        """The indexes, ascending, of the first size leaves."""
        own = q.get("type", "").startswith("teelog.")
        text = q["text"].encode().lower() if "text" in q else None
        hidden = any(k in q for k in ("room", "user", "text"))
        found = []
        for i in range(q.get("from", 0), min(q.get("to", size), size)):
            r = self.rows[i]
            if ((not own and r.type.startswith("teelog.")) or
                    ("agent" in q and r.agent != q["agent"]) or
                    ("type" in q and r.type != q["type"]) or
                    r.time < q.get("after", 0) or r.time >= q.get("before", 1 << 60)):
                continue
            if hidden and (r.content is None or is_erased(i) or
                           ("room" in q and r.room != q["room"]) or
                           ("user" in q and r.user != q["user"]) or
                           (text is not None and text not in r.lower)):
                continue
            found.append(i)
        return found


class Asker:
    """Random questions, and what was answered to them."""

    def __init__(self, service, scan, rng):
        self.service, self.scan, self.rng = service, scan, rng
        self.asked, self.figures = [], collections.Counter()

    def text(self):
        rng, rows = self.rng, self.scan.rows
        content = rows[rng.randrange(len(rows))].content if rows else None
        if not content or rng.random() < 0.15:
            return rng.choice(["zzz", "ab", "b"])
        n = rng.randint(1, 3) if rng.random() < 0.6 else rng.randint(4, 12)
        at = rng.randrange(max(1, len(content) - n + 1))
        text = content[at:at + n]
        return text.replace("a", "A") if rng.random() < 0.3 else text

    def question(self, size):
        """Of any of these many leaves, and of some that may come."""
        rng, q, times = self.rng, {}, [r.time for r in self.scan.rows[-20000::37]]
        for name, chance, values in (("agent", 0.4, AGENTS + ["test/host", "nobody"]),
                                     ("room", 0.3, ROOMS + ["attic"]), ("user", 0.3, USERS),
                                     ("type", 0.35, TYPES + OWN_TYPES)):
            if rng.random() < chance:
                q[name] = rng.choice(values)
        if rng.random() < 0.35:
            q["text"] = self.text()
        if rng.random() < 0.3:
            q["from"] = rng.randrange(size)
        if rng.random() < 0.3:
            q["to"] = rng.randint(q.get("from", 0) + 1, size)
        for name in ("after", "before"):
            if times and rng.random() < 0.2:
                q[name] = rng.choice(times) + rng.randint(0, 1)
        if q.get("after", 0) >= q.get("before", 1 << 60):
            del q["after"]
        return q

    def ask(self):
        """One of them, page by page. False where the service is gone."""
        status = self.service.get("/v1/status")
        if status is None:
            return False
        status = json.loads(status)
        question = self.question(status["size"])
        rest = self.rng.random() < 0.25 and not question.get("type", "").startswith("teelog.")
        pages = self.rest_pages(question) if rest else self.pages(question, status["size"])
        after = self.service.get("/v1/status") if pages else None
        high = json.loads(after)["size"] if after else 1 << 60
        if pages:
            self.asked.append(Asked(question, pages, status["size"], high, rest))
            self.figures["index incomplete"] += status["indexed"] < status["size"]
        return after is not None

    def pages(self, question, size):
        question.setdefault("to", size)
        walk = {"order": self.rng.choice(["newest", "oldest"]),
                "limit": self.rng.choice([1, 3, 20, 1000, 1000])}
        if self.rng.random() < 0.5:
            walk["total"] = 1
        pages = []
        while len(pages) < 5:
            body = self.service.get("/v1/records?" + urllib.parse.urlencode(
                question | walk, quote_via=urllib.parse.quote))
            if body is None:
                break
            pages.append((dict(walk), json.loads(body)))
            if "next" not in pages[-1][1]:
                break
            walk.pop("total", None)
            walk["cursor"] = pages[-1][1]["next"]
        return pages

    def rest_pages(self, question):
        """POST /tee/logs: a page of those with an exact total."""
        names = {"agent": "agentId", "room": "roomId", "user": "userId", "type": "type",
                 "text": "containsContent"}
        for name in ("from", "to"):
            question.pop(name, None)
        query = {names[k]: v for k, v in question.items() if k in names}
        if "after" in question:
            query["startTimestamp"] = question["after"]
        if "before" in question:
            query["endTimestamp"] = question["before"] - 1  # it belongs to the range
        ask = {"page": self.rng.choice([1, 1, 2, 7]), "pageSize": self.rng.choice([1, 10, 50]),
               "query": query}
        answer = self.service.post("/tee/logs", ask)
        return [(ask, answer)] if answer else []


def check_row(scan, index, got, rest):
    """One row; whether it was shown as erased."""
    row, erased = scan.rows[index], got.get("erased", False)
    want = {"agentId": row.agent, "type": row.type, "timestamp" if rest else "time": row.time}
    if not rest:
        want["seq"] = row.seq
    if not erased and row.content is not None:
        want |= {"roomId": row.room, "userId": row.user, "content": row.content}
    check(all(got.get(k) == v for k, v in want.items()) and
          (not erased or not got.get("content")), f"row {index}: {got} is not {want}")
    return erased


def check_asked(scan, a):
    """Everything that was answered to one question. What an erasure took away while it was
    answered may be there, or not: then this is not exact, which is returned."""
    size = size_of(a)
    most = least = scan.matches(a.question, size, lambda i: scan.erased.get(i, size) < size)
    exact = not any(size <= at < a.high for at in scan.erased.values())
    if not exact:
        least = scan.matches(a.question, size, lambda i: i in scan.erased)
    (check_rest if a.rest else check_pages)(scan, a, least, most, exact)
    return exact


def size_of(a):
    """The tree that was asked."""
    return a.pages[0][1]["log"]["size"] if a.rest else a.low


def check_rows(scan, a, rows, want, exact):
    """Rows of answers, against as many indexes, in order."""
    got = [int(r["id"]) if a.rest else r["index"] for r in rows]
    if exact:
        check(got == want, f"{a.question} {a.pages[0][0]}: {got[:20]} should be {want[:20]}")
    else:
        check(set(got) <= set(want), f"{a.question}: {got} within {want}")
    size = size_of(a)
    for index, row in zip(got, rows):
        erased = check_row(scan, index, row, a.rest)
        check(not exact or erased == (scan.erased.get(index, size) < size),
              f"{a.question}: {row} is erased, or is not")


def check_total(a, total, least, most):
    check(len(least) <= total <= len(most),
          f"{a.question}: total {total}, should be {len(least)} to {len(most)}")


def check_pages(scan, a, least, most, exact):
    walk, first = a.pages[0]
    newest, rows = walk["order"] == "newest", [r for _, p in a.pages for r in p["records"]]
    whole = "next" not in a.pages[-1][1]
    for _, page in a.pages[:-1]:
        check("next" in page and (not exact or len(page["records"]) == walk["limit"]),
              f"{a.question}: a short page")
    if "total" in walk:
        check_total(a, first["total"], least, most)
    want = most[::-1] if newest else most
    check(len(rows) <= len(want) and (not exact or whole == (len(rows) == len(want))),
          f"{a.question} {walk}: {len(rows)} rows of {len(want)}, whole {whole}")
    check_rows(scan, a, rows, want[:len(rows)] if exact else want, exact)


def check_rest(scan, a, least, most, exact):
    ask, answer = a.pages[0]
    logs, skip = answer["logs"], (ask["page"] - 1) * ask["pageSize"]
    check_total(a, logs["total"], least, most)
    check_rows(scan, a, logs["data"], most[skip:skip + ask["pageSize"]] if exact else most, exact)


class Service(host.Service):
    @property
    def database(self):
        return os.path.join(self.data, "teelog.db")

    def post(self, path, body):
        """The answer to JSON, parsed; None where there is none that is good."""
        text = json.dumps(body).encode()
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(60)
                s.connect(self.socket)
                s.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          f"Content-Length: {len(text)}\r\n\r\n".encode() + text)
                answer = b"".join(iter(lambda: s.recv(65536), b""))
        except OSError:
            return None
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head:
            return None
        check(b" 200 " in head.split(b"\r\n")[0], f"{path} {text}: {answer[:500]}")
        try:
            return json.loads(body)
        except ValueError:
            return None  # cut off by a kill

    def progress(self):
        status = json.loads(self.get("/v1/status"))
        return status["indexed"], status["size"]

    def wait_for_index(self):
        end = time.monotonic() + 120
        while True:
            indexed, size = self.progress()
            if indexed == size:
                return
            check(time.monotonic() < end, f"the index stays at {indexed} of {size}")
            time.sleep(0.01)


def some_content(rng):
    """Few letters, so that short texts are found often and long ones seldom."""
    n = rng.randint(0, 40) if rng.random() < 0.97 else rng.randint(1500, 4000)
    return "".join(rng.choices("abAB äz", k=n))


def some_lines(rng, count):
    return "".join(json.dumps({"agentId": rng.choice(AGENTS), "roomId": rng.choice(ROOMS),
                               "userId": rng.choice(USERS), "type": rng.choice(TYPES),
                               "content": some_content(rng)}) + "\n" for _ in range(count))


def erase_on(service, scan, rng):
    """Until the service is gone. Only what the scan has seen: it could not know what stood
    in the others."""
    while scan.rows:
        low = rng.randrange(max(1, len(scan.rows) - 3 * CELL))
        indexes = [i for i in rng.sample(range(low, len(scan.rows)), min(60, len(scan.rows) - low))
                   if not scan.rows[i].type.startswith("teelog.")]
        body = {"indexes": indexes} if indexes and rng.random() < 0.8 else \
            {"user": rng.choice(USERS), "room": rng.choice(ROOMS), "agent": rng.choice(AGENTS), "before": scan.rows[-1].time}
        if service.post("/v1/erasures", body) is None:
            return
        time.sleep(rng.uniform(0, 0.05))


def ask_on(asker):
    while asker.ask():
        time.sleep(0.003)


def blocks_of(path):
    """{(level, n, number): id} of the index: src/store/sqlite_blocks.c"""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return {(i >> 58, i >> 17 & (1 << 41) - 1, i & (1 << 17) - 1): i
                for i, in db.execute("SELECT id FROM block")}


def half_written(service, directory):
    """Whether blocks of a segment lie there, or contents of a cell, that do not count: half
    written by a kill, or what is left of lose_blocks. None where the database is too large to
    be copied."""
    copy, database = directory / "copy.db", service.database
    if os.path.getsize(database) > LOOK_AT:
        return None
    for end in ("", "-wal"):
        if os.path.exists(database + end):
            shutil.copyfile(database + end, str(copy) + end)
    blocks = blocks_of(copy)
    whole = {(level, n) for level, n, k in blocks if k == 0 and level < TEXT}
    begun = {(level, n) for level, n, k in blocks if level < TEXT}
    covered = {c for level, n in whole for c in range(n << 4 * level, n + 1 << 4 * level)}
    return bool(begun - whole) or bool({n for level, n, k in blocks if level == TEXT} - covered)


def lose_blocks(service, rng):
    """As where much less of the index had been written: some segments, or blocks, are gone."""
    blocks = blocks_of(service.database)
    level, n, _ = rng.choice(sorted(blocks)) if blocks else (0, 0, 0)
    lost = {0: lambda b: True, 1: lambda b: b[:2] == (level, n), 2: lambda b: b[2] == 0,
            3: lambda b: rng.random() < 0.3, 4: lambda b: b[0] == TEXT}[rng.randrange(5)]
    with contextlib.closing(sqlite3.connect(service.database)) as db, db:
        db.executemany("DELETE FROM block WHERE id = ?",
                       [(i,) for b, i in blocks.items() if lost(b)])


def wait_for_a_moment(service, rng):
    """Any, or one within the writing of a cell."""
    cell = service.progress()[1] // CELL
    end = time.monotonic() + 20
    if rng.random() < 0.5:
        while service.progress()[1] // CELL == cell and time.monotonic() < end:
            pass
        time.sleep(rng.uniform(0, 0.015))
    else:
        time.sleep(rng.uniform(0.01, 0.6))


def load_and_kill(service, asker, directory, rng):
    """Bulk appends, questions and, now and then, erasures, until a kill."""
    lines = directory / "lines"
    lines.write_text(some_lines(rng, RECORDS), encoding="utf-8")
    others = [threading.Thread(target=ask_on, args=(asker,)) for _ in range(2)]
    erases = rng.random() < 0.4
    if erases:
        others.append(threading.Thread(target=erase_on, args=(service, asker.scan, rng)))
    for t in others:
        t.start()
    with open(lines, "rb") as f:
        process = subprocess.Popen([service.teelog, "append", "--socket", service.socket], stdin=f,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for_a_moment(service, rng)
    service.kill()
    figures = asker.figures
    figures["kills within an append"] += process.wait() != 0
    for t in others:
        t.join()
    figures["kills beside erasures"] += erases
    look(service, figures, directory)


def look(service, figures, directory):
    half = half_written(service, directory)
    figures["kills looked at"] += half is not None
    figures["of them with an index half written"] += bool(half)


def make_again_and_kill(service, asker, directory, rng):
    """Much of the index is gone, and a kill while it is made again."""
    lose_blocks(service, rng)
    service.start()
    asker.ask()
    time.sleep(rng.uniform(0, 0.2))
    service.kill()
    look(service, asker.figures, directory)


def settle(asker, what):
    """Looks at all that was answered, now that the scan has what it was asked of."""
    begin = time.monotonic()
    asker.scan.learn(asker.service)
    for a in asker.asked:
        exact = check_asked(asker.scan, a)
        asker.figures[what] += 1
        asker.figures["beside an erasure, within bounds"] += not exact
        asker.figures["rows"] += sum(len(p["logs"]["data"] if a.rest else p["records"])
                                     for _, p in a.pages)
    asker.asked.clear()
    asker.figures["seconds of scans"] += time.monotonic() - begin


def one_round(service, asker, directory, rng):
    load_and_kill(service, asker, directory, rng)
    if rng.random() < 0.5:
        make_again_and_kill(service, asker, directory, rng)
    service.start()
    during, asker.asked = asker.asked, []
    for _ in range(QUESTIONS):
        asker.ask()
    at_once, asker.asked = asker.asked, during
    settle(asker, "while it appended")
    asker.asked = at_once
    settle(asker, "at once after a start")
    if rng.random() < 0.7:
        service.wait_for_index()
        for _ in range(QUESTIONS):
            asker.ask()
        settle(asker, "later")


def main():
    teelog, rng, directory = host.binary(), host.seeded(), host.data_directory()
    service = Service(teelog, directory / "data", "--quote-rate", "1000")
    asker = Asker(service, Scan(directory / "export.teelog"), rng)
    service.start()
    for number in range(1, ROUNDS + 1):
        one_round(service, asker, directory, rng)
        if number % 10 == 0 or number == ROUNDS:
            print(f"round {number}: {len(asker.scan.rows)} leaves, {len(asker.scan.erased)} erased, "
                  + ", ".join(f"{n:.0f} {what}" for what, n in asker.figures.items()), flush=True)
    service.wait_for_index()
    service.stop()
    done = service.command("fsck", "--data", service.data, "--tee", "sim")
    check(done.returncode == 0, f"fsck: {done.stderr.decode()}")
    print(f"{ROUNDS} rounds: every answer as the scan's", flush=True)


if __name__ == "__main__":
    os.environ.pop("TEELOG_SOCKET", None)
    main()
