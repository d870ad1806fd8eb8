"""`teelog serve`: one line when ready, one writer, a clean end."""
import contextlib
import json
import os
import resource
import signal
import socket
import stat
import subprocess
import unittest

from teelogtest import IN_GRAMINE, TEELOG, Case, Service, lines, main, record


class Serve(Case):
    def test_the_ready_line(self):
        service = self.serve("--origin", "example.org/log")
        status = service.status()
        self.assertTrue(service.ready.startswith("teelog: ready, SIMULATED platform, "))
        self.assertIn("origin example.org/log", service.ready)
        self.assertIn(service.socket, service.ready)
        self.assertIn(status["logKey"], service.ready)
        self.assertEqual(status["origin"], "example.org/log")
        self.assertIs(status["simulated"], True)
        self.assertEqual(status["platform"], "simulator")
        if not IN_GRAMINE:
            self.assertEqual(stat.S_IMODE(os.stat(service.socket).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.data).st_mode), 0o700)

    def test_a_signal_ends_it_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            service = self.serve()
            self.append([record()])
            self.assertEqual(service.stop(number), 0)
            self.assertFalse(os.path.exists(service.socket))
            self.assertEqual(service.process.stderr.read(), "")
        # Each boot has ended its session: boot, session, record, end, heads.
        self.teelog("export", "--data", self.data, "--tee", "sim", "-o", "b")
        self.assertEqual(self.verdict(self.path("b"))["log"]["size"], 10)
        self.teelog("fsck", "--data", self.data, "--tee", "sim")

    def test_what_nohup_ignores_stays_ignored(self):
        service = Service(self.dir, env=self.env,
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        with service:
            service.process.send_signal(signal.SIGHUP)
            self.append([record()])
            self.assertEqual(service.stop(), 0)
        with self.serve() as service:
            self.assertEqual(service.stop(signal.SIGHUP), 0)

    def test_a_full_disk_ends_the_service(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        acknowledged = []
        with Service(self.dir, env=self.env, preexec_fn=small_files) as service:
            for _ in range(50):
                got = subprocess.run([TEELOG, "append", "--data", self.data], env=self.env,
                                     input=lines([record(content="x" * 20000)] * 10), text=True,
                                     capture_output=True, timeout=60, check=False)
                answers = [json.loads(line) for line in got.stdout.splitlines()]
                acknowledged += [a for a in answers if "leafHash" in a]
                if got.returncode != 0:
                    break
            self.assertEqual(got.returncode, 3)
            self.assertEqual(service.process.wait(30), 3)
            self.assertIn("the log has stopped", service.process.stderr.read())
        self.assertGreater(len(acknowledged), 10)
        # What was acknowledged is there, and the log goes on.
        with self.serve():
            self.assertGreater(self.append([record()])[0]["index"], acknowledged[-1]["index"])
        self.teelog("fsck", "--data", self.data, "--tee", "sim")

    def test_a_second_writer_is_told(self):
        service = self.serve()
        for args in (["serve"], ["run"]):
            done = subprocess.run([TEELOG, *args, "--data", self.data, "--tee", "sim", "--socket",
                                   self.path("other"), *(["--", "true"] if args == ["run"] else [])],
                                  capture_output=True, text=True, env=self.env, timeout=60)
            self.assertEqual(done.returncode, 125 if args == ["run"] else 3)
            self.assertIn("has this log open", done.stderr)
            self.assertEqual(done.stdout, "")
        self.assertEqual(self.append([record()])[0]["seq"], 1)
        self.teelog("fsck", "--data", self.data, "--tee", "sim", code=3)
        self.assertEqual(service.stop(), 0)

    def test_a_socket_that_is_in_use_is_left_alone(self):
        service = self.serve()
        done = self.teelog("serve", "--data", self.path("log2"), "--tee", "sim", "--socket",
                           service.socket, code=3)
        self.assertIn("answers on", done.stderr)
        self.assertEqual(service.status()["size"], 1)

    def test_after_a_kill_the_socket_is_taken_over(self):
        first = self.serve()
        first.process.kill()
        first.process.wait()
        self.assertTrue(os.path.exists(first.socket))
        self.assertEqual(self.serve().status()["size"], 2)

    def test_no_tee_is_told_to_use_sim(self):
        if any(map(os.path.exists, ("/dev/attestation", "/var/run/dstack.sock",
                                    "/sys/kernel/config/tsm/report"))):
            self.skipTest("there is a TEE here")
        for options in ([], ["--tee", "auto"]):
            done = self.teelog("serve", "--data", self.data, *options, code=2)
            self.assertIn("--tee sim", done.stderr)
        self.teelog("serve", "--data", self.data, "--tee", "sgx", code=2)

    def test_the_origin_is_for_ever(self):
        self.serve("--origin", "a.example/log").stop()
        self.teelog("serve", "--data", self.data, "--tee", "sim", "--origin", "b.example/log",
                    code=2)
        self.assertEqual(self.serve().status()["origin"], "a.example/log")

    def test_the_environment_names_data_and_socket(self):
        self.env["TEELOG_SOCKET"] = self.path("s")
        self.env["TEELOG_DATA"] = self.data
        service = self.serve()
        self.assertIn(f"socket {self.path('s')}", service.ready)
        done = self.teelog("append", stdin=lines([record()]))
        self.assertEqual(json.loads(done.stdout)["seq"], 1)
        self.assertIn("alice", self.teelog("agents").stdout)

    def test_long_socket_path(self):
        done = self.teelog("serve", "--data", self.data, "--tee", "sim", "--socket",
                           self.path("x" * 120), code=2)
        self.assertIn("--socket", done.stderr)

    def test_the_hosts_openssl_configuration_is_not_read(self):
        with open(self.path("openssl.cnf"), "w", encoding="ascii") as f:
            f.write("openssl_conf = a\n[a]\nproviders = b\n[b]\nnull = c\n[c]\nactivate = 1\n")
        self.env["OPENSSL_CONF"] = self.path("openssl.cnf")
        with self.serve() as service:
            self.append([record()])
            self.assertEqual(service.stop(), 0)

    def test_an_idle_connection_makes_room(self):
        service = self.serve()
        healthz = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        with contextlib.ExitStack() as stack:
            def connect():
                s = stack.enter_context(socket.socket(socket.AF_UNIX))
                s.connect(service.socket)
                s.settimeout(30)
                return s

            busy = connect()
            busy.sendall(healthz[:10])
            first, second, *others = [connect() for _ in range(511)]
            # The last is answered, so all are there; and the first is not the idlest.
            for s in (others[-1], first):
                s.sendall(healthz)
                self.assertIn(b"200 OK", s.recv(4096))
            self.assertEqual(service.get("/healthz")[0], 200)
            self.assertEqual(second.recv(1), b"")
            for s, request in ((busy, healthz[10:]), (first, healthz), (others[0], healthz)):
                s.sendall(request)
                self.assertIn(b"200 OK", s.recv(4096))

    def test_agents(self):
        service = self.serve()
        self.append([record("bob"), record("alice"), record("bob")])
        answer = json.loads(self.teelog("agents", "--data", self.data, "--json").stdout)
        self.assertIs(answer["simulated"], True)
        agents = answer["agents"]
        self.assertEqual([(a["id"], a["count"], a["open"]) for a in agents],
                         [("alice", 2, True), ("bob", 3, True)])
        table = self.teelog("agents", "--data", self.data).stdout
        self.assertTrue(table.startswith("SIMULATED platform\n"), table)
        self.assertIn("alice", table)
        service.stop()
        table = self.teelog("agents", "--data", self.data, "--tee", "sim").stdout
        self.assertTrue(table.startswith("SIMULATED platform\n"), table)
        answer = json.loads(self.teelog("agents", "--data", self.data, "--tee", "sim",
                                        "--json").stdout)
        self.assertIs(answer["simulated"], True)
        stopped = answer["agents"]
        self.assertEqual([(a["id"], a["count"]) for a in stopped], [("alice", 3), ("bob", 4)])

    @unittest.skipUnless(os.path.exists("/proc/self/status"), "no /proc")
    def test_ten_thousand_records_in_little_memory(self):
        service = self.serve()
        self.append([record(f"a{i % 5}", "x" * 300) for i in range(10000)])
        with open(f"/proc/{service.process.pid}/status", encoding="ascii") as f:
            rss = [int(line.split()[1]) for line in f if line.startswith("VmRSS")][0]
        if "san" not in TEELOG and "SAN" not in os.environ.get("TEELOG_BUILD", ""):
            self.assertLess(rss, 64 << 10)  # KiB


if __name__ == "__main__":
    main()
