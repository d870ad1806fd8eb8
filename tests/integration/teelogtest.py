"""What the tests of the commands share: a directory for each, and services."""
import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TEELOG = os.path.realpath(os.environ.get("TEELOG", ROOT / "build" / "teelog"))
IN_GRAMINE = "in-gramine" in TEELOG  # behind tests/lib/gramine_calls.c
not_in_gramine = functools.partial(unittest.skipIf, IN_GRAMINE)  # with the reason
TRANSCRIPT = ROOT / "examples" / "elizaos-1.7.2.jsonl"

# What whoever started the tests ignores (nohup, a shell's background job) is not ours to test.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def record(agent="alice", content="5 USDC to bob", **more):
    fields = {"agentId": agent, "roomId": "room", "userId": "user", "type": "Action:PAY",
              "content": content}
    fields.update(more)
    return {k: v for k, v in fields.items() if v is not None}


def lines(records):
    return "".join(json.dumps(r) + "\n" for r in records)


class Service:
    """`teelog serve`, until the with block ends."""

    def __init__(self, directory, *options, env=None, preexec_fn=None):
        self.data = os.path.join(directory, "log")
        self.process = subprocess.Popen(
            [TEELOG, "serve", "--data", self.data, "--tee", "sim", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env,
            preexec_fn=preexec_fn)
        self.ready = self.process.stdout.readline()
        self.socket = os.path.join(self.data, "teelog.sock")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30)

    def get(self, target):
        """(status, headers, body) of a GET."""
        return self.ask(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    def ask(self, request):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.socket)
            s.sendall(request.encode())
            answer = b"".join(iter(lambda: s.recv(65536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *fields = head.decode().split("\r\n")
        return int(first.split()[1]), dict(f.split(": ", 1) for f in fields), body

    def status(self):
        return json.loads(self.get("/v1/status")[2])


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="teelog-test-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.data = os.path.join(self.dir, "log")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("TEELOG_")}
        bin_dir = os.path.join(self.dir, "bin")
        os.mkdir(bin_dir)
        os.symlink(TEELOG, os.path.join(bin_dir, "teelog"))
        self.env["PATH"] = bin_dir + ":" + self.env["PATH"]

    def path(self, name):
        return os.path.join(self.dir, name)

    def serve(self, *options):
        service = Service(self.dir, *options, env=self.env)
        self.addCleanup(service.__exit__)
        self.assertIn("ready", service.ready)
        return service

    def teelog(self, *args, stdin="", code=0, text=True):
        """Runs a command that must end with this exit code."""
        done = subprocess.run([TEELOG, *args], input=stdin, capture_output=True, text=text,
                              env=self.env, cwd=self.dir, timeout=300)
        self.assertEqual(done.returncode, code, f"teelog {args}: {done.stdout!r} {done.stderr!r}")
        return done

    def append(self, records, *options, code=0):
        text = records if isinstance(records, str) else lines(records)
        done = self.teelog("append", "--data", self.data, *options, stdin=text, code=code)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def verdict(self, bundle, *options):
        done = subprocess.run([TEELOG, "verify", bundle, "--json", *options], capture_output=True,
                              text=True, env=self.env, cwd=self.dir, timeout=300)
        report = json.loads(done.stdout)
        codes = {"TRUSTED": 0, "REJECTED": 1, "UNPINNED": 4}
        self.assertEqual(done.returncode, codes[report["verdict"]], done.stderr)
        return report


@contextlib.contextmanager
def piped(args, env):
    """A command with pipes to write to and read from."""
    p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, env=env)
    try:
        yield p
    finally:
        if p.poll() is None:
            p.kill()
        p.wait()
        for pipe in (p.stdin, p.stdout, p.stderr):
            pipe.close()


main = unittest.main
