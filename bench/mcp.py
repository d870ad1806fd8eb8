"""What `teelog mcp` adds to a call: beside the same server without it, and beside raw appends."""
import os
import subprocess
import sys
import time

from bench_tools import Serve, latency, say

CALLS = 400
ROUNDS = 3
ANSWERS = b'{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"ok"}]}}\n'
SERVER = """
import sys
for line in sys.stdin.buffer:
    number = line.split(b'"id":', 1)[1].split(b",", 1)[0]
    sys.stdout.buffer.write(%r %% number)
    sys.stdout.buffer.flush()
""" % ANSWERS


def calls(words):
    """Milliseconds of each call, sorted; the next is made when the one before is answered."""
    p = subprocess.Popen([*words, sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    times = []
    for i in range(CALLS):
        start = time.monotonic()
        p.stdin.write(b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"pay","arguments":'
                      b'{"to":"bob","amount":%d}}}\n' % (i, i))
        p.stdin.flush()
        p.stdout.readline()
        times.append((time.monotonic() - start) * 1e3)
    p.stdin.close()
    p.wait()
    return times


def bench_mcp(args, found):
    """By turns, since the disk and the machine change."""
    serve = Serve(args, os.path.join(args.dir, "mcp"))
    proxy = [args.teelog, "mcp", "--socket", serve.socket, "--log-key", serve.ask("/v1/status")["logKey"]]
    plain, passed, logged, appends = [], [], [], []
    for _ in range(ROUNDS):
        plain += calls([])
        passed += calls([*proxy, "--rule", "*=pass", "--"])
        logged += calls([*proxy, "--"])
        appends += latency(args, serve, CALLS, "--full")
    serve.stop()
    p50 = [sorted(t)[len(t) // 2] for t in (plain, passed, logged, appends)]
    found.update(mcp_direct_p50_ms=p50[0], mcp_pass_p50_ms=p50[1], mcp_logged_p50_ms=p50[2],
                 mcp_append_p50_ms=p50[3], mcp_added_p50_ms=p50[2] - p50[0] - 2 * p50[3])
    say("a call of an MCP server, without teelog mcp", "%.2f ms" % p50[0])
    say("through it, not logged", "%.2f ms" % p50[1])
    say("through it, with two records", "%.2f ms" % p50[2], "an append, full receipt: %.2f ms" % p50[3])
