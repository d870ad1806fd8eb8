#!/usr/bin/env python3
"""The bench: ours beside the raw figures of the same run.

usage: bench.py TEELOG BIN [--only PART] [--records N] [--bundle N] [--dir DIR] [--json FILE]

BIN is the folder of raw, quotes, run, get and makedcap. PART is append (with queries), verify, es256k,
quotes, witnesses, tiles, since or mcp.

Machines are shared and noisy, so every figure of ours is a ratio to a raw
figure measured just before and just after it.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import mcp
import queries
import witnesses
from bench_tools import Serve, append, latency, lines, rate, raw, say, tool

ORIGINAL = 482  # records a second, plugin-tee-log, measured on this machine kind

# Real quotes with their collateral; not part of the source.
VECTORS = os.path.join(os.environ.get("TEELOG_VECTORS") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../shared/vectors"), "dcap/real")
REAL = (
    ("SGX v3", "phala-dcap-qvl__sgx_quote__sgx-00a067110000-eval17-2025-06-19"),
    ("TDX v4", "phala-dcap-qvl__tdx_quote__tdx-b0c06f000000-eval17-2025-06-19"),
    ("TDX v4, dstack",
     "near-mpc__public_data.json-darr317__tdx-b0c06f000000-eval20-2026-08-13"),
)
SIMULATED = (("SGX v3", "sgx-v3"), ("TDX v4", "tdx-v4"))


def bench_append(args, data, found):
    path = os.path.join(args.dir, "records.jsonl")
    lines(path, args.records)
    before = rate(args, "sign")
    serve = Serve(args, data)
    took = append(args, serve, path)
    peak, now = serve.memory()
    after = rate(args, "sign")
    signs = (before + after) / 2
    ours = args.records / took
    found.update(raw_sign=signs, append=ours, append_ratio=ours / signs, rss_peak=peak)
    say("raw ES256 signatures, all cores", "%.0f /s" % signs, "before %.0f, after %.0f" % (before, after))
    say("bulk append, %d records" % args.records, "%.0f /s" % ours,
        "%.2f of raw (target 0.40), %.0f times the original" % (ours / signs, ours / ORIGINAL))
    say("resident memory under load", "%.1f MiB" % peak, "now %.1f (target below 64)" % now)
    os.unlink(path)
    return serve


def bench_latency(args, serve, found):
    sync = raw(args, "fdatasync", args.dir, 1000)
    times = latency(args, serve, 3000)
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    found.update(fdatasync=sync, append_p50_ms=p50, append_p99_ms=p99)
    say("raw fdatasync of 4 KiB, p50 and p99", "%.2f, %.2f ms" % (sync["p50_ms"], sync["p99_ms"]))
    say("one client's durable append, p50 and p99", "%.2f, %.2f ms" % (p50, p99), "(target p99 below 2)")


def bench_start(args, data, serve, found):
    serve.stop(signal.SIGKILL)
    again = Serve(args, data)
    found.update(start_after_kill=again.ready)
    say("start after kill -9 at %d records" % args.records, "%.2f s" % again.ready, "(target below 1)")
    again.stop()
    clean = Serve(args, data)
    found.update(start=clean.ready)
    say("start after a clean stop", "%.2f s" % clean.ready)
    clean.stop()


def bench_verify(args, found):
    data = os.path.join(args.dir, "verify")
    path = os.path.join(args.dir, "records.jsonl")
    bundle = os.path.join(args.dir, "bench.teelog")
    policy = os.path.join(args.dir, "policy.json")
    lines(path, args.bundle)
    serve = Serve(args, data)
    append(args, serve, path)
    start = time.monotonic()
    subprocess.run([args.teelog, "export", "--socket", serve.socket, "-o", bundle], check=True,
                   stdout=subprocess.DEVNULL)
    export = time.monotonic() - start
    serve.stop()
    subprocess.run([args.teelog, "policy", "init", bundle, "-o", policy], check=True,
                   stdout=subprocess.DEVNULL)
    before = rate(args, "verify")
    start = time.monotonic()
    subprocess.run([args.teelog, "verify", bundle, "--policy", policy], check=True,
                   stdout=subprocess.DEVNULL)
    took = time.monotonic() - start
    verifies = (before + rate(args, "verify")) / 2
    ours = args.bundle / took
    found.update(raw_verify=verifies, verify=ours, verify_ratio=ours / verifies,
                 export=args.bundle / export, bundle_bytes=os.path.getsize(bundle))
    say("export of %d records" % args.bundle, "%.0f /s" % (args.bundle / export),
        "%.0f bytes a record" % (os.path.getsize(bundle) / args.bundle))
    say("raw ES256 verifications, all cores", "%.0f /s" % verifies)
    say("verify a bundle of %d records" % args.bundle, "%.0f /s" % ours,
        "%.2f of raw (target 0.85)" % (ours / verifies))


def bench_es256k(args, found):
    """Append and verify again, all of it by keys on secp256k1."""
    path = os.path.join(args.dir, "records.jsonl")
    bundle = os.path.join(args.dir, "es256k.teelog")
    lines(path, args.bundle)
    serve = Serve(args, os.path.join(args.dir, "es256k"))
    before = rate(args, "sign-k")
    took = append(args, serve, path, "--alg", "ES256K")
    signs = (before + rate(args, "sign-k")) / 2
    subprocess.run([args.teelog, "export", "--socket", serve.socket, "-o", bundle], check=True,
                   stdout=subprocess.DEVNULL)
    serve.stop()
    before = rate(args, "verify-k")
    start = time.monotonic()
    if subprocess.run([args.teelog, "verify", bundle], stdout=subprocess.DEVNULL).returncode != 4:
        sys.exit("bench: the bundle does not verify")
    checked = time.monotonic() - start
    verifies = (before + rate(args, "verify-k")) / 2
    ours, theirs = args.bundle / took, args.bundle / checked
    found.update(raw_sign_k=signs, append_k=ours, append_k_ratio=ours / signs,
                 raw_verify_k=verifies, verify_k=theirs, verify_k_ratio=theirs / verifies)
    say("raw ES256K signatures, all cores", "%.0f /s" % signs)
    say("bulk append by ES256K, %d records" % args.bundle, "%.0f /s" % ours,
        "%.2f of raw" % (ours / signs))
    say("raw ES256K verifications, all cores", "%.0f /s" % verifies)
    say("verify a bundle of %d records" % args.bundle, "%.0f /s" % theirs,
        "%.2f of raw" % (theirs / verifies))


def quote_cases(args):
    """Name, folder, time to verify at and, of the simulated, the root."""
    for name, folder in REAL:
        path = os.path.join(VECTORS, folder)
        if os.path.exists(path):
            with open(os.path.join(path, "case.json")) as f:
                yield name, path, json.load(f)["verify_time"], None
        else:
            print("  skipped: no quote %s" % path, flush=True)
    for name, kind in SIMULATED:
        path = os.path.join(args.dir, kind)
        os.mkdir(path)
        subprocess.run([os.path.join(args.bin, "makedcap"), kind, path], check=True)
        with open(os.path.join(path, "about.json")) as f:
            yield name + ", simulated", path, json.load(f)["time"], os.path.join(path, "root.pem")


def bench_quote(args, name, path, time_at, root):
    quote, collateral = os.path.join(path, "quote.bin"), os.path.join(path, "collateral.json")
    ours = tool(args, "quotes", *(["--any-root"] if root else []), quote, collateral, time_at)
    process = tool(args, "run", 41, args.teelog, "quote", "verify", quote,
                   "--collateral", collateral, "--at", time_at, *(["--root", root] if root else []))
    us = ours["us"]
    parts = [("%d signatures" % ours["full_signatures"], ours["full_signatures"] * us["raw"])]
    parts += [(what, us[what]) for what in ("keys", "x509", "json", "collateral")]
    parts.append(("rest", us["full"] - sum(cost for _, cost in parts)))
    # Each simulated chain signs its root anew, so that they have more signatures.
    more = ""
    if ours["full_signatures"] != 10:
        more = "; %.2f of raw / %d" % (ours["full_own_ratio"], ours["full_signatures"])
    say(name + ", full", "%.0f /s" % ours["full"],
        "%.2f of raw / 10 (target 0.65)%s" % (ours["full_ratio"], more))
    print("    us: " + ", ".join("%s %.0f" % part for part in parts), flush=True)
    say(name + ", cached", "%.0f /s" % ours["cached"],
        "%.2f of raw / 3 (target 0.70); %.2f of raw / %d" % (
            ours["cached_ratio"], ours["cached_own_ratio"], ours["cached_signatures"]))
    say(name + ", teelog quote verify", "%.1f ms" % process["p50_ms"],
        "resident %.1f MiB" % process["rss_peak"])
    ours["process"] = process
    return ours


def bench_quotes(args, found):
    """Quotes, on one core, each beside raw verifications in the same process."""
    quotes = found["quotes"] = {}
    for name, path, time_at, root in quote_cases(args):
        quotes[name] = bench_quote(args, name, path, time_at, root)
    raws = sorted(q["raw"] for q in quotes.values())
    say("raw ES256 verifications, one core", "%.0f /s" % raws[len(raws) // 2],
        "%.0f to %.0f" % (raws[0], raws[-1]))
    start = tool(args, "run", 41, args.teelog, "--version")
    found["process_start_ms"] = start["p50_ms"]
    say("teelog --version, start to end", "%.1f ms" % start["p50_ms"],
        "resident %.1f MiB" % start["rss_peak"])


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("teelog")
    p.add_argument("bin")
    p.add_argument("--only", choices=("append", "verify", "es256k", "quotes", "witnesses", "tiles", "since", "mcp"))
    p.add_argument("--records", type=int, default=1000000)
    p.add_argument("--bundle", type=int, default=100000)
    p.add_argument("--dir")
    p.add_argument("--json")
    args = p.parse_args()
    args.teelog = os.path.abspath(args.teelog)
    args.bin = os.path.abspath(args.bin)
    made = args.dir is None
    args.dir = args.dir or tempfile.mkdtemp(prefix="teelog-bench-")
    found = {"cpus": os.cpu_count(), "records": args.records, "bundle": args.bundle}
    print("teelog bench, SIMULATED platform, %d CPUs" % os.cpu_count())
    try:
        if args.only in (None, "append"):
            data = os.path.join(args.dir, "data")
            serve = bench_append(args, data, found)
            bench_latency(args, serve, found)
            queries.run(args, serve, latency, found, say)
            bench_start(args, data, serve, found)
        if args.only in (None, "verify"):
            bench_verify(args, found)
        if args.only in (None, "es256k"):
            bench_es256k(args, found)
        if args.only in (None, "quotes"):
            bench_quotes(args, found)
        if args.only in (None, "witnesses"):
            witnesses.bench_witnesses(args, found)
        if args.only in (None, "tiles"):
            witnesses.bench_tiles(args, found)
        if args.only in (None, "since"):
            witnesses.bench_since(args, found)
        if args.only in (None, "mcp"):
            mcp.bench_mcp(args, found)
    finally:
        if made:
            shutil.rmtree(args.dir, ignore_errors=True)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(found, f, indent=1)


if __name__ == "__main__":
    main()
