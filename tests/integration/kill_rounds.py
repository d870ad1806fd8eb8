#!/usr/bin/env python3
"""Kills the service under load at random moments, and holds what it had promised
against what is there after the next start.

After each round: every acknowledged receipt's leaf is in the log, with that very
hash; every checkpoint that was seen is a prefix of the later tree; the bundle
verifies under the policy of the first round; no record is there twice; a start
takes less than a second; a repeated requestId gives the first receipt.

usage: kill_rounds.py TEELOG_BINARY; TEELOG_LONG=1 for 300 rounds and a start at
a million records, TEELOG_ROUNDS=N for fewer."""
import json
import os
import subprocess
import threading
import time

import host
from host import check

ROUNDS = 300 if host.LONG else int(os.environ.get("TEELOG_ROUNDS", "12"))
AUDIT_EVERY = 15 if host.LONG else 4  # rounds between two looks at every leaf
CLIENTS = 4
IN_FLIGHT = 250  # lines of one client that are not answered yet
START_MAX = 1.0  # seconds
MILLION = 1_000_000


class Promises:
    """What the service has said, by which it is held."""

    def __init__(self):
        self.lock = threading.Lock()
        self.receipts = {}     # content: receipt
        self.sent = {}         # content: the record, of unknown fate
        self.checkpoints = {}  # size: root

    def see(self, note):
        if note is None:
            return
        size, root = host.parse_checkpoint(note)
        with self.lock:
            check(self.checkpoints.setdefault(size, root) == root,
                  f"two checkpoints of size {size}")

    def acknowledge(self, record, receipt):
        if "error" in receipt:
            return
        content, full = record["content"], receipt.pop("statement", None)
        if full is not None:
            self.see_full(receipt, host.base64.b64decode(full))
        with self.lock:
            first = self.receipts.get(content)
            if first is None:
                self.receipts[content] = receipt
                return
        same = all(first[k] == receipt[k] for k in ("index", "seq", "leafHash", "agentId"))
        check(same and receipt.get("repeated") is True,
              f"a repeated request has another receipt: {first}, {receipt}")

    def see_full(self, receipt, statement):
        note = receipt.pop("checkpoint").encode()
        path = [host.base64.b64decode(h) for h in receipt.pop("path")]
        self.see(note)
        size, root = host.parse_checkpoint(note)
        leaf = host.hashlib.sha256(b"\0" + statement).digest()
        check(leaf.hex() == receipt["leafHash"] and size == receipt["treeSize"] and
              host.root_from_path(receipt["index"], size, leaf, path) == root,
              f"a full receipt that does not verify: {receipt}")


class Client(threading.Thread):
    """One `teelog append`, fed until the service is gone."""

    def __init__(self, service, promises, number, round_number, rng):
        super().__init__()
        self.service, self.promises, self.rng = service, promises, rng
        self.agent = f"agent-{number}"
        self.name_of_round = f"{round_number}/{number}"
        self.full = number == 0
        self.answered, self.gone = 0, False

    def record(self, i):
        content = f"record {self.name_of_round}/{i}"
        return {"agentId": self.agent, "roomId": "room", "userId": "user", "type": "Action:T",
                "content": content, "requestId": content}

    def feed(self, pipe, sent):
        try:
            for i in range(100_000):
                record = self.record(i)
                sent.append(record)
                with self.promises.lock:
                    self.promises.sent[record["content"]] = record
                pipe.write(json.dumps(record).encode() + b"\n")
                if i % self.burst == 0:
                    pipe.flush()
                    time.sleep(self.pause)
                while len(sent) - self.answered > IN_FLIGHT and not self.gone:
                    time.sleep(self.pause)
        except OSError:
            pass
        finally:
            try:
                pipe.close()
            except OSError:
                pass

    def run(self):
        self.burst = self.rng.choice([1, 3, 20, 60])
        self.pause = self.rng.choice([0.002, 0.006])
        args = ["append", "--socket", self.service.socket] + (["--full"] if self.full else [])
        process = subprocess.Popen([self.service.teelog, *args], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        sent = []
        feeder = threading.Thread(target=self.feed, args=(process.stdin, sent))
        feeder.start()
        for at, line in enumerate(process.stdout):
            self.promises.acknowledge(sent[at], json.loads(line))
            self.answered = at + 1
        self.gone = True
        feeder.join()
        process.wait()
        process.stdout.close()


def watch(service, promises, stop):
    while not stop.is_set():
        promises.see(service.get("/checkpoint"))
        time.sleep(0.005)


def quick_start(service, what):
    """A start in less than a second; a busy machine gets three tries."""
    tries = []
    for _ in range(3):
        tries.append(service.start())
        if tries[-1] < START_MAX:
            return tries[-1]
        service.kill()
    host.fail(f"{what}: a start took {min(tries):.2f} s at best")


def load_and_kill(service, promises, rng, round_number):
    stop = threading.Event()
    clients = [Client(service, promises, i, round_number, rng) for i in range(CLIENTS)]
    watcher = threading.Thread(target=watch, args=(service, promises, stop))
    for t in [watcher, *clients]:
        t.start()
    time.sleep(rng.uniform(0.02, 0.5))
    service.kill()
    stop.set()
    for t in [watcher, *clients]:
        t.join()


def kill_while_starting(service, rng):
    service.spawn()
    time.sleep(rng.uniform(0, 0.06))
    service.kill()


def repeat_some(service, promises, rng):
    """Repeats requests: some acknowledged, some whose fate nobody was told."""
    with promises.lock:
        known = [promises.sent[c] for c in promises.receipts]
        unknown = [r for c, r in promises.sent.items() if c not in promises.receipts]
    again = rng.sample(known, min(20, len(known))) + unknown
    answers = service.append(again)
    check(len(answers) == len(again), "a repeated request has no answer")
    for record, answer in zip(again, answers):
        check("error" not in answer, f"a repeated request fails: {answer}")
        promises.acknowledge(record, answer)
    repeated = sum(1 for a in answers[len(again) - len(unknown):] if a.get("repeated"))
    return len(unknown), repeated


def check_sizes(service, promises):
    note = service.get("/checkpoint")
    check(note is not None, "no checkpoint")
    size, _ = host.parse_checkpoint(note)
    check(size >= max(promises.checkpoints, default=0), "a checkpoint that was seen is larger")
    check(all(r["index"] < size for r in promises.receipts.values()),
          "an acknowledged record lies beyond the tree")
    promises.see(note)


def audit(service, promises, directory, policy):
    """Every leaf of the log against every promise."""
    path = directory / "bundle.teelog"
    service.export(path)
    if not policy.exists():
        made = service.command("policy", "init", str(path), "-o", str(policy))
        check(made.returncode == 0, f"policy init: {made.stderr.decode()}")
    code, report = service.verify(path, policy)
    check(code == 0 and report["verdict"] == "TRUSTED", f"verify: {code} {report}")
    bundle = host.Bundle(path)
    places = {}
    for leaf in bundle.leaves:
        check((leaf.subject, leaf.seq) not in places,
              f"{leaf.subject} has two statements with seq {leaf.seq}")
        places[leaf.subject, leaf.seq] = leaf.index
    contents = [leaf.body[4] for leaf in bundle.leaves if not leaf.type.startswith("teelog.")]
    check(len(contents) == len(set(contents)), "a record was appended twice")
    for content, receipt in promises.receipts.items():
        leaf = bundle.leaves[receipt["index"]]
        check(leaf.hash.hex() == receipt["leafHash"] and leaf.seq == receipt["seq"] and
              leaf.subject == receipt["agentId"] and leaf.body[4] == content,
              f"an acknowledged record is lost: {content} {receipt}")
    for size, root in bundle.roots(promises.checkpoints).items():
        check(root == promises.checkpoints[size], f"the checkpoint of size {size} is a fork")
    check(max(promises.checkpoints) <= bundle.size, "a checkpoint was larger than the log")
    return bundle.size


def kill_rounds(teelog, rng, directory):
    service, promises = host.Service(teelog, directory / "data"), Promises()
    policy, slowest, unknown, landed, size = directory / "policy.json", 0.0, 0, 0, 0
    service.start()
    for number in range(1, ROUNDS + 1):
        load_and_kill(service, promises, rng, number)
        if rng.random() < 0.25:
            kill_while_starting(service, rng)
        slowest = max(slowest, quick_start(service, f"round {number}"))
        check_sizes(service, promises)
        more, of_those = repeat_some(service, promises, rng)
        unknown, landed = unknown + more, landed + of_those
        if number % AUDIT_EVERY == 0 or number in (1, ROUNDS):
            size = audit(service, promises, directory, policy)
            print(f"round {number}: {len(promises.receipts)} acknowledged, "
                  f"{len(promises.checkpoints)} checkpoints, {size} leaves", flush=True)
    service.kill()
    last = quick_start(service, f"{size} leaves")
    service.stop()
    check(landed <= unknown and len(promises.receipts) > ROUNDS, "there was hardly any load")
    print(f"{ROUNDS} rounds: nothing lost, nothing forked; of {unknown} appends whose answer the "
          f"kill cut off, {landed} had taken effect; starts took at most {slowest:.2f} s, the last "
          f"{last:.2f} s", flush=True)


def start_at_a_million(teelog, directory):
    if not host.LONG:
        print("skipped: the start at a million records (TEELOG_LONG=1)", flush=True)
        return
    service = host.Service(teelog, directory / "million")
    service.start()
    process = subprocess.Popen([teelog, "append", "--socket", service.socket],
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    for i in range(MILLION):
        process.stdin.write(b'{"agentId":"agent-%d","roomId":"r","userId":"u","type":"T",'
                            b'"content":"%d"}\n' % (i % 7, i))
    process.stdin.close()
    check(process.wait() == 0, "appending a million records failed")
    service.kill()
    after_kill = quick_start(service, "a million records, after a kill")
    service.stop()
    after_stop = quick_start(service, "a million records, after a stop")
    service.stop()
    print(f"a million records: {after_kill:.2f} s after a kill, {after_stop:.2f} s after a stop",
          flush=True)


def main():
    teelog, rng = host.binary(), host.seeded()
    directory = host.data_directory()
    kill_rounds(teelog, rng, directory)
    start_at_a_million(teelog, directory)


if __name__ == "__main__":
    os.environ.pop("TEELOG_SOCKET", None)
    main()
