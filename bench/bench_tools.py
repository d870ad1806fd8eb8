"""What the parts of the bench share: services, records, raw figures."""
import atexit
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time


def tool(args, name, *words):
    """One of our own measuring programs: what it found."""
    out = subprocess.run([os.path.join(args.bin, name), *map(str, words)], check=True,
                         stdout=subprocess.PIPE, text=True)
    return json.loads(out.stdout)


def raw(args, *words):
    return tool(args, "raw", *words)


def rate(args, what):
    return raw(args, what, 2)["per_second"]


TYPES = ("Action:TRANSFER", "Message:IN", "Message:OUT")


def lines(path, n, agents=4):
    """n records of 200 bytes of content, from a few agents, many rooms and more users."""
    text = "Sent 5 USDC to bob; " * 10
    with open(path, "w") as f:
        for i in range(n):
            f.write('{"agentId":"agent-%d","roomId":"room-%d","userId":"user-%d","type":"%s",'
                    '"content":"%s"}\n' % (i % agents, i % 1009, i % 10007, TYPES[i % 3], text))


class Serve:
    """A running service, and how long it took to be ready."""

    def __init__(self, args, data, *options):
        self.socket = os.path.join(data, "teelog.sock")
        start = time.monotonic()
        self.process = subprocess.Popen(
            [args.teelog, "serve", "--data", data, "--tee", "sim", "--origin", "bench/log",
             *options],
            stdout=subprocess.PIPE, text=True)
        atexit.register(self.process.kill)  # where the bench itself fails
        line = self.process.stdout.readline()
        self.ready = time.monotonic() - start
        if "ready" not in line:
            sys.exit("bench: the service did not start: " + line)

    def get(self, target):
        client = http.client.HTTPConnection("localhost", timeout=600)
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.connect(self.socket)
        client.request("GET", target)
        answer = client.getresponse()
        body = answer.read()
        client.close()
        if answer.status != 200:
            sys.exit("bench: %s: %d %s" % (target, answer.status, body[:300]))
        return body

    def ask(self, target):
        return json.loads(self.get(target))

    def until(self, condition):
        end = time.monotonic() + 60
        while not condition(self.ask("/v1/status")):
            if time.monotonic() > end:
                sys.exit("bench: %s" % self.ask("/v1/status"))
            time.sleep(0.02)

    def cpu(self):
        """Seconds of CPU time, all threads."""
        with open("/proc/%d/stat" % self.process.pid) as f:
            words = f.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Highest and present resident size, in MiB."""
        found = {}
        for line in open("/proc/%d/status" % self.process.pid):
            words = line.split()
            if words[0] in ("VmHWM:", "VmRSS:"):
                found[words[0]] = int(words[1]) / 1024
        return found["VmHWM:"], found["VmRSS:"]

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait()


def append(args, serve, path, *options):
    start = time.monotonic()
    with open(path) as f, open(os.devnull, "w") as null:
        subprocess.run([args.teelog, "append", "--socket", serve.socket, *options], stdin=f,
                       stdout=null, check=True)
    return time.monotonic() - start


def latency(args, serve, n, *options):
    """One client that waits for each receipt: milliseconds, sorted."""
    line = ('{"agentId":"agent-0","roomId":"r","userId":"u","type":"Action:PAY","content":"%s"}\n'
            % ("x" * 200)).encode()
    client = subprocess.Popen([args.teelog, "append", "--socket", serve.socket, *options],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    reader = client.stdout
    times = []
    for _ in range(n):
        start = time.monotonic()
        client.stdin.write(line)
        got = b""
        while not got.endswith(b"\n"):
            part = reader.read(65536)
            if not part:
                sys.exit("bench: append ended early")
            got += part
        times.append((time.monotonic() - start) * 1e3)
    client.stdin.close()
    client.wait()
    return sorted(times)


def say(name, value, note=""):
    print("  %-44s %14s  %s" % (name, value, note), flush=True)
