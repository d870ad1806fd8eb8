"""A log with three witnesses beside one without: what waiting for a quorum adds to an append, and
what witnesses cost a bulk load. Tiles served on one core, and what it takes to see that a log
only grew."""
import json
import os
import signal
import subprocess

from bench_tools import Serve, append, latency, lines, raw, say, tool

ROUNDS = 3  # of bulk loads with and without, by turns


class Witness:
    """`teelog witness` on a port of its own."""

    def __init__(self, args, number, log_key):
        self.process = subprocess.Popen(
            [args.teelog, "witness", "--data", os.path.join(args.dir, "w%d" % number), "--name",
             "w%d.bench" % number, "--log", log_key, "--listen", "127.0.0.1:0", "--json"],
            stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.line = "witness w%d %s http://%s\n" % (number, ready["key"], ready["listening"])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def begin(args):
    """(data, policy, witnesses) of a log that three of them know."""
    data = os.path.join(args.dir, "witnessed")
    serve = Serve(args, data)
    key = serve.ask("/v1/status")["logKey"]
    serve.stop()
    witnesses = [Witness(args, i, key) for i in range(3)]
    policy = os.path.join(args.dir, "witnesses")
    with open(policy, "w") as f:
        f.write("".join(w.line for w in witnesses))
        f.write("group all 2 w0 w1 w2\nquorum all\n")
    return data, policy, witnesses


def middle(values):
    return sorted(values)[len(values) // 2]


def percentiles(times):
    return times[len(times) // 2], times[len(times) * 99 // 100]


def bench_waits(args, plain, witnessed, found):
    """By turns, since the disk and the machine change."""
    rounds = [(latency(args, plain, 500), latency(args, witnessed, 500, "--wait-cosigned")) for _ in range(ROUNDS)]
    alone = percentiles(sorted(t for r in rounds for t in r[0]))
    waits = percentiles(sorted(t for r in rounds for t in r[1]))
    sync = raw(args, "fdatasync", args.dir, 1000)
    found.update(append_p50_ms=alone[0], append_p99_ms=alone[1], cosigned_p50_ms=waits[0], cosigned_p99_ms=waits[1],
                 cosigned_added_p50_ms=waits[0] - alone[0], fdatasync=sync)
    say("raw fdatasync of 4 KiB, p50 and p99", "%.2f, %.2f ms" % (sync["p50_ms"], sync["p99_ms"]))
    say("one client's durable append, p50 and p99", "%.2f, %.2f ms" % alone)
    say("the same, cosigned by 2 of 3, p50 and p99", "%.2f, %.2f ms" % waits,
        "%.2f ms more at p50 (target below 10)" % (waits[0] - alone[0]))


def bench_bulk(args, plain, witnessed, path, count, found):
    """Ratios of pairs: by the clock, and of the service's own CPU time for each record."""
    clock, cpu, rates = [], [], []
    for i in range(ROUNDS):
        took = {}
        for serve in (plain, witnessed) if i % 2 == 0 else (witnessed, plain):
            before = serve.cpu()
            took[serve] = append(args, serve, path), serve.cpu() - before
        clock.append(took[plain][0] / took[witnessed][0])
        cpu.append(took[witnessed][1] / took[plain][1])
        rates.append(count / took[witnessed][0])
    found.update(witnessed_append=middle(rates), witnessed_ratio=middle(clock), witnessed_cpu_ratio=middle(cpu))
    say("bulk append with three witnesses, %d records" % count, "%.0f /s" % middle(rates),
        "%.3f of without (target 0.95); %.3f of its CPU time" % (middle(clock), middle(cpu)))


def bench_witnesses(args, found):
    path = os.path.join(args.dir, "records.jsonl")
    count = min(args.records, 200000)
    lines(path, count)
    data, policy, witnesses = begin(args)
    plain = Serve(args, os.path.join(args.dir, "plain"))
    witnessed = Serve(args, data, "--witnesses", policy)
    try:
        witnessed.until(lambda status: status["fence"] == "open")
        bench_waits(args, plain, witnessed, found)
        bench_bulk(args, plain, witnessed, path, count, found)
    finally:
        witnessed.stop()
        plain.stop()
        for w in witnesses:
            w.stop()


def numbered(n):
    """c2sp.org/tlog-tiles: 1234067 is x001/x234/067."""
    text = "%03d" % (n % 1000)
    while n >= 1000:
        n //= 1000
        text = "x%03d/" % (n % 1000) + text
    return text


def ask_again(args, serve, what, paths, found, key, target=""):
    """Several connections, several requests under way on each; by the clock, and a second of the
    service's own CPU time, which is what one core does."""
    got = tool(args, "get", serve.socket, serve.process.pid, 4, 8, 3, *paths)
    bare = tool(args, "get", "raw", int(got["bytes"]), 4, 8, 3)
    found[key] = {"ours": got, "raw": bare}
    say(what, "%.0f /s" % got["per_cpu_second"],
        "%.0f by the clock; a raw server %.0f, %.0f%s" % (
            got["per_second"], bare["per_cpu_second"], bare["per_second"], target))


def bench_tiles(args, found):
    path = os.path.join(args.dir, "records.jsonl")
    lines(path, args.records)
    serve = Serve(args, os.path.join(args.dir, "tiles"))
    append(args, serve, path)
    whole = serve.ask("/v1/status")["size"] // 256
    print("  %d full tiles of 8 KiB; answers a second of one core" % whole, flush=True)
    some = ["/tile/0/" + numbered(i) for i in range(min(whole, 256))]
    every = ["/tile/0/" + numbered(i) for i in range(whole)]
    entries = ["/tile/entries/" + numbered(i) for i in range(min(whole, 64))]
    ask_again(args, serve, "%d tiles, again and again" % len(some), some, found, "tiles",
              " (target 15,000)")
    ask_again(args, serve, "all of them in turn, most from the disk", every, found, "tiles_all",
              " (target 15,000)")
    ask_again(args, serve, "%d bundles of 256 entries" % len(entries), entries, found, "tiles_entries")
    ask_again(args, serve, "/checkpoint", ["/checkpoint"], found, "checkpoint")
    serve.stop()


def bench_since(args, found):
    """A reader kept the log's first checkpoints. Later he is shown one record, with its proof."""
    serve = Serve(args, os.path.join(args.dir, "since"))
    path, kept, bundle = (os.path.join(args.dir, name) for name in ("records.jsonl", "kept", "one.teelog"))
    rows, size = [], 0
    sizes = [n for n in (1000, 10000, 100000, 1000000) if n <= args.records]
    for n in [500, *sizes]:
        lines(path, n - size)
        append(args, serve, path)
        size = n
        if n == 500:
            with open(kept, "wb") as f:
                f.write(serve.get("/checkpoint"))
            first = serve.ask("/v1/status")["size"]
            continue
        subprocess.run([args.teelog, "export", "--socket", serve.socket, "-o", bundle, "--from", str(first), "--to",
                        str(first + 1)], check=True, stdout=subprocess.DEVNULL)
        got = tool(args, "run", 41, args.teelog, "verify", bundle, "--since", kept)
        if got["exit"] != 4:  # UNPINNED: no policy
            raise SystemExit("bench: verify --since ended with %d" % got["exit"])
        path_bytes = len(serve.get("/v1/consistency?from=%d" % first))
        rows.append({"size": n, "bundle": os.path.getsize(bundle), "receipt": path_bytes, **got})
        say("verify --since at %d" % n, "%.1f ms" % got["p50_ms"],
            "bundle of %d bytes, a receipt of consistency %d" % (rows[-1]["bundle"], path_bytes))
    serve.stop()
    found["since"] = rows
