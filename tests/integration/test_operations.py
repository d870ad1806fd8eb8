"""What those who run a service see of it: metrics, a supervisor, its journal."""
import json
import os
import re
import signal
import socket
import subprocess

from teelogtest import TEELOG, Case, Service, lines, main, not_in_gramine, record


def metrics(service):
    """{name with labels: value}, and the lines that are no such thing."""
    status, fields, body = service.get("/metrics")
    assert status == 200, body
    assert fields["Content-Type"].startswith("text/plain; version=0.0.4"), fields
    values, types = {}, {}
    for line in body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
        elif not line.startswith("# HELP "):
            name, value = re.fullmatch(r'(teelog_[a-z_]+(?:\{[^}]*\})?) ([0-9.]+)', line).groups()
            assert name not in values, name
            values[name] = float(value)
    for name in values:
        base = re.sub(r"(_bucket|_sum|_count)?(\{.*)?$", "", name)
        assert base in types or name.split("{")[0] in types, name
    return values


class Metrics(Case):
    def test_they_count_what_happens(self):
        service = self.serve()
        before = metrics(service)
        self.append([record(requestId="r1"), record(agent="bob"), record(ref=7 ** 9)], code=3)
        self.append([record(requestId="r1"), record(agent="bob")])
        self.append([record(requestId="r1")])
        service.get("/nothing")
        after = metrics(service)

        def grown(name):
            return after[name] - before.get(name, 0)

        self.assertEqual(before["teelog_log_size"], 1)
        self.assertEqual(grown("teelog_records_total"), after["teelog_records_total"])
        self.assertEqual(grown("teelog_log_size"), grown("teelog_statements_total"))
        self.assertEqual(grown("teelog_sessions_total"), 2)
        self.assertEqual(after["teelog_subjects"], 3)
        self.assertGreaterEqual(grown("teelog_records_repeated_total"), 1)
        self.assertGreaterEqual(grown("teelog_records_refused_total"), 1)
        self.assertEqual(grown('teelog_http_requests_total{code="404"}'), 1)
        self.assertGreaterEqual(grown('teelog_http_requests_total{code="200"}'), 2)
        self.assertEqual(after["teelog_commit_seconds_count"], after["teelog_commits_total"])
        self.assertEqual(after['teelog_commit_seconds_bucket{le="+Inf"}'],
                         after["teelog_commits_total"])
        self.assertGreater(after["teelog_commit_seconds_sum"], 0)
        steps = [v for k, v in after.items() if k.startswith("teelog_commit_seconds_bucket")]
        self.assertEqual(steps, sorted(steps))
        self.assertGreater(after["teelog_store_bytes"], 0)
        self.assertEqual(after['teelog_frozen'], 0)

    def test_a_client_that_leaves_is_counted(self):
        service = self.serve()
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(service.socket)
            s.sendall(b"POST /v1/records HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            s.shutdown(socket.SHUT_WR)
            s.recv(100)
        self.assertEqual(metrics(service)["teelog_http_requests_cut_total"], 1)


class Journal(Case):
    def test_json(self):
        with Service(self.dir, "--log-format", "json", "--access-log", env=self.env) as service:
            ready = json.loads(service.ready)
            self.assertEqual(ready["event"], "ready")
            self.assertIs(ready["simulated"], True)
            self.assertEqual(ready["socket"], service.socket)
            self.assertRegex(ready["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.append([record()])
            service.get("/v1/agents")
            service.get("/v1/none?content=private")
            service.ask("GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(service.stop(), 0)
            said = [json.loads(line) for line in service.process.stderr]
        requests = [(e.get("method"), e.get("path"), e.get("status")) for e in said
                    if e["event"] == "request"]
        self.assertEqual(requests[0], ("POST", "/v1/records", 200))
        self.assertIn(("GET", "/v1/agents", 200), requests)
        self.assertIn(("GET", "/v1/none", 404), requests)
        self.assertEqual(requests[-1][2], 400)
        self.assertNotIn("private", json.dumps(said))

    def test_text(self):
        with Service(self.dir, "--access-log", env=self.env) as service:
            self.append([record()])
            self.assertEqual(service.stop(), 0)
            said = service.process.stderr.read()
        self.assertRegex(said, r"^teelog: POST /v1/records 200, \d+ bytes in, \d+\.\d{3} ms\n$")

    def test_another_form_is_refused(self):
        got = self.teelog("serve", "--data", self.data, "--log-format", "xml", code=2)
        self.assertIn("text or json", got.stderr)

    def test_errors_are_json_too(self):
        got = self.teelog("serve", "--data", self.data, "--log-format", "json", "--tee", "auto",
                          code=2)
        self.assertIn("--tee sim", json.loads(got.stderr.splitlines()[0])["message"])


class Supervisor(Case):
    def listen(self, name):
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(heard.close)
        heard.bind(name)
        heard.settimeout(10)
        return heard

    @not_in_gramine("it has no datagrams: a supervisor outside is told nothing")
    def test_ready_alive_stopping(self):
        for name in (self.path("notify"), "\0teelog-test-%d" % os.getpid()):
            heard = self.listen(name)
            env = dict(self.env, NOTIFY_SOCKET=name.replace("\0", "@"), WATCHDOG_USEC="200000")
            with Service(self.dir, env=env) as service:
                ready = heard.recv(2000).decode().splitlines()
                self.assertEqual(ready[0], "READY=1")
                self.assertIn("SIMULATED", ready[1])
                self.assertEqual([heard.recv(100) for _ in range(3)], [b"WATCHDOG=1\n"] * 3)
                service.process.send_signal(signal.SIGTERM)
                last = heard.recv(100)
                while last == b"WATCHDOG=1\n":
                    last = heard.recv(100)
                self.assertEqual(last, b"STOPPING=1\n")
                self.assertEqual(service.process.wait(30), 0)

    @not_in_gramine("it has no datagrams: a supervisor outside is told nothing")
    def test_a_child_of_run_does_not_have_it(self):
        heard = self.listen(self.path("notify"))
        env = dict(self.env, NOTIFY_SOCKET=self.path("notify"), WATCHDOG_USEC="200000",
                   WATCHDOG_PID="1")
        got = subprocess.run([TEELOG, "run", "--data", self.data, "--tee", "sim", "--", "env"],
                             env=env, capture_output=True, text=True)
        self.assertEqual(got.returncode, 0, got.stderr)
        self.assertNotIn("NOTIFY", got.stdout)
        self.assertNotIn("WATCHDOG", got.stdout)
        self.assertTrue(heard.recv(2000).startswith(b"READY=1\n"))

    def test_nobody_listens(self):
        for name in ("/nonexistent/socket", "relative", "@", "/" + "x" * 200):
            env = dict(self.env, NOTIFY_SOCKET=name, WATCHDOG_USEC="junk")
            with Service(self.dir, env=env) as service:
                self.assertTrue(service.ready.startswith("teelog: ready"))
                self.assertEqual(service.stop(), 0)


if __name__ == "__main__":
    main()
