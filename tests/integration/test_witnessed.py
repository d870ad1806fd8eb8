"""A log with three `teelog witness` of which two are a quorum: how it starts, what its receipts
say, and what becomes of an older disk, of a copy, and of witnesses that are down."""
import json
import os
import shutil
import signal
import subprocess
import time

from teelogtest import TEELOG, Case, Service, lines, main, record

LONG = 60  # seconds that something may take on a slow machine


class Witness:
    """`teelog witness`, which can be stopped and started again."""

    def __init__(self, case, number, log_key):
        self.case, self.number, self.process = case, number, None
        self.data = case.path(f"w{number}")
        self.listen = "127.0.0.1:0"
        self.start(log_key)

    def start(self, log_key):
        args = [TEELOG, "witness", "--data", self.data, "--name", f"w{self.number}.example", "--listen", self.listen,
                "--json"]
        self.process = subprocess.Popen([*args, "--log", log_key], stdout=subprocess.PIPE, text=True, env=self.case.env)
        ready = json.loads(self.process.stdout.readline())
        self.listen, self.key = ready["listening"], ready["key"]

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(LONG)
        self.process.stdout.close()

    def line(self):
        return f"witness w{self.number} {self.key} http://{self.listen}\n"


class Witnessed(Case):
    def setUp(self):
        super().setUp()
        self.options = []

    def witnesses(self, log_key, count=3, down=0):
        self.all = [Witness(self, i + 1, log_key) for i in range(count)]
        for w in self.all:
            self.addCleanup(w.stop)
        for w in self.all[:down]:
            w.stop()
        policy = self.path("policy")
        with open(policy, "w", encoding="utf-8") as f:
            f.write("".join(w.line() for w in self.all))
            f.write(f"group all 2 {' '.join(f'w{w.number}' for w in self.all)}\nquorum all\n")
        self.options = ["--origin", "example.org/log", "--witnesses", policy]

    def give_key(self, log_key):
        for w in self.all:
            w.stop()
            w.start(log_key)

    def start(self, *options):
        return self.serve(*self.options, *options)

    def until(self, service, condition, what):
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            status = service.status()
            if condition(status):
                return status
            time.sleep(0.05)
        self.fail(f"not {what} in {LONG} s: {status}")

    def until_open(self, service):
        return self.until(service, lambda s: s["fence"] == "open", "open")

    def a_witnessed_log(self):
        """Begun and open; witnesses that know its key."""
        self.witnesses(self.key_of_a_new_log())
        service = self.start()
        self.until_open(service)
        return service

    def key_of_a_new_log(self):
        """Its key exists from the first start on, which here knows no witness."""
        with Service(self.dir, "--origin", "example.org/log", env=self.env) as service:
            return service.status()["logKey"]

    def stderr_of(self, service):
        service.stop()
        return service.process.stderr.read()

    def killed(self, service):
        service.stop(signal.SIGKILL)
        return service.process.stderr.read()

    def test_genesis_waits_until_the_witnesses_know_its_key(self):
        self.witnesses(self.other_key())
        service = self.start()
        status = self.until(service, lambda s: s["witnesses"] and all("404" in w.get("why", "") or "403" in
                                                                      w.get("why", "") for w in s["witnesses"]), "asked")
        self.assertEqual((status["fence"], status["boot"], status["size"], status["quorum"]), ("booted", 0, 1, 2))
        code, fields, body = service.get("/healthz")
        self.assertEqual(code, 503)
        self.assertIn("Retry-After", fields)
        self.assertIn("until 2 of its 3 witnesses have cosigned its start", json.loads(body)["error"])
        key = status["logKey"]
        said = self.killed(service)
        service = self.start()  # the same log: it has something on its disk to prove now
        status = service.status()
        self.assertEqual((status["fence"], status["size"], status["logKey"]), ("proving", 1, key))
        self.give_key(key)
        self.until_open(service)
        self.assertEqual(service.get("/healthz")[0], 200)
        (receipt,) = self.append([record("alice", "x")], "--wait-cosigned", "--timeout", "30")
        self.assertRegex(receipt["class"], "^cosigned [23] of 3$")
        said += self.stderr_of(service)
        self.assertIn(f"give each of them its key, {key}", said)
        self.assertIn("2 of 3 witnesses have cosigned the log's start", said)

    # A witness has to be told of some log at its start.
    def other_key(self):
        os.mkdir(self.path("other"))
        with Service(self.path("other"), env=self.env) as other:
            return other.status()["logKey"]

    def test_receipts_are_cosigned(self):
        service = self.a_witnessed_log()
        (receipt,) = self.append([record("alice", "x")], "--wait-cosigned", "--full", "--timeout", "30")
        self.assertRegex(receipt["class"], "^cosigned [23] of 3$")
        text, _, signatures = receipt["checkpoint"].partition("\n\n")
        self.assertEqual(int(text.splitlines()[1]), receipt["treeSize"])
        names = {line.split(" ")[1] for line in signatures.splitlines()}
        self.assertIn("example.org/log", names)
        self.assertGreaterEqual(len(names & {f"w{i}.example" for i in (1, 2, 3)}), 2)
        self.assertGreater(receipt["treeSize"], receipt["index"])
        (receipt,) = self.append([record("alice", "y")])
        self.assertEqual(receipt["class"], "signed")
        status = self.until(service, lambda s: s["cosignedSize"] == s["size"] and all(w["good"] and w["size"] ==
                                                                                      s["size"] for w in s["witnesses"]),
                            "all cosigned")
        self.assertFalse(status["degraded"] or status["frozen"])
        self.assertLess(abs(status["cosignedTime"] - time.time()), 120)
        metrics = service.get("/metrics")[2].decode()
        for line in ("teelog_fence_open 1", "teelog_degraded 0", f"teelog_cosigned_size {status['size']}",
                     'teelog_witness_good{witness="w1.example"} 1',
                     f'teelog_witness_size{{witness="w3.example"}} {status["size"]}'):
            self.assertIn(line + "\n", metrics)
        # After a clean stop, and after kill -9, it proves itself and goes on.
        for number in (signal.SIGTERM, signal.SIGKILL):
            service.stop(number)
            service = self.start()
            self.until_open(service)
            (receipt,) = self.append([record("alice", "z")], "--wait-cosigned", "--timeout", "30")
            self.assertRegex(receipt["class"], "^cosigned")
        service.stop()
        self.teelog("fsck", "--data", self.data, "--tee", "sim")

    def test_a_proof_has_the_cosignatures(self):
        service = self.a_witnessed_log()
        (receipt,) = self.append([record("alice", "x")], "--wait-cosigned", "--timeout", str(LONG))
        index, key = str(receipt["index"]), service.status()["logKey"]
        policy, proof = self.path("log-and-policy"), self.path("p.tlog-proof")
        with open(self.path("policy"), encoding="utf-8") as f, open(policy, "w", encoding="utf-8") as to:
            to.write(f"log {key}\n" + f.read())

        def cosigned():
            report = json.loads(self.teelog("verify", proof, "--policy", policy, "--json").stdout)
            self.assertEqual((report["verdict"], report["kind"], report["index"], report["entry"]["subject"]),
                             ("LOGGED", "tlog-proof", int(index), "alice"))
            with open(proof, encoding="utf-8") as f:
                names = {line.split(" ")[1] for line in f if line.startswith("\u2014 ")}
            self.assertEqual(len(names & {f"w{w.number}.example" for w in self.all}), report["cosigned"])
            return report["cosigned"]
        with open(proof, "wb") as f:
            f.write(service.get(f"/v1/proof/{index}")[2])
        self.assertGreaterEqual(cosigned(), 2)
        self.teelog("proof", index, "--data", self.data, "--policy", policy, "-o", proof)
        self.assertGreaterEqual(cosigned(), 2)
        for w in self.all[:2]:
            w.stop()
        (receipt,) = self.append([record("alice", "unseen")])
        later = str(receipt["index"])
        done = self.teelog("proof", later, "--data", self.data, "--policy", policy, "-o", "q", code=1)
        self.assertIn("which is no quorum", done.stderr)
        self.assertFalse(os.path.exists(self.path("q")))
        self.teelog("proof", later, "--data", self.data, "--log-key", key, "-o", "q")
        self.assertIn("which is no quorum", self.teelog("verify", "q", "--policy", policy, code=1).stdout)
        # What a quorum has seen they have seen.
        self.teelog("proof", index, "--data", self.data, "--policy", policy, "-o", proof)
        self.assertGreaterEqual(cosigned(), 2)

    def test_a_quorum_that_is_down_keeps_a_start_waiting(self):
        service = self.a_witnessed_log()
        self.append([record("alice", "x")])
        service.stop()
        for w in self.all[:2]:
            w.stop()
        service = self.start()
        status = self.until(service, lambda s: sum(w["good"] for w in s["witnesses"]) == 1 and
                            sum("why" in w for w in s["witnesses"]) == 2, "asked")
        self.assertEqual((status["fence"], "boot" in status), ("proving", False))
        code, fields, body = service.ask("POST /v1/records HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                         f"Content-Length: {len(lines([record()]))}\r\n\r\n" + lines([record()]))
        self.assertEqual((code, fields.get("Retry-After")), (503, "1"))
        self.assertIn("cosigned the history that is on its disk", json.loads(body)["error"])
        self.teelog("export", "--data", self.data, "-o", self.path("b.teelog"))
        self.assertEqual(self.verdict(self.path("b.teelog"))["verdict"], "UNPINNED")
        self.assertEqual(service.get("/checkpoint")[0], 200)
        self.killed(service)
        service = self.start()
        again = service.status()
        self.assertEqual((again["fence"], again["size"]), ("proving", status["size"]))
        for w in self.all[:2]:
            w.start(status["logKey"])
        self.until_open(service)
        self.append([record("alice", "y")])

    def test_degraded_starts_are_seen_and_end(self):
        key = self.key_of_a_new_log()
        self.witnesses(key, down=2)
        service = self.start("--degraded-starts", "--witness-wait", "1")
        status = self.until_open(service)
        self.assertTrue(status["degraded"])
        self.assertEqual(json.loads(service.get("/healthz")[2]), {"ok": True, "degraded": True})
        self.assertEqual(self.append([record("alice", "x")])[0]["class"], "degraded")
        done = self.teelog("append", "--data", self.data, "--wait-cosigned", "--timeout", "1", code=3,
                           stdin=lines([record("alice", "y", requestId="1")]))
        self.assertIn("signed and durable, and not cosigned", done.stderr)
        self.assertIn("signed and durable, and not cosigned", done.stdout)
        for w in self.all[:2]:
            w.start(key)
        self.until(service, lambda s: not s["degraded"], "degraded no more")
        (again,) = self.append([record("alice", "y", requestId="1")], "--wait-cosigned", "--timeout", "30")
        self.assertTrue(again["repeated"])
        self.assertRegex(again["class"], "^cosigned")
        self.assertIn("the log goes on DEGRADED", self.stderr_of(service))

    def test_refused_lines_are_not_called_durable(self):
        service = self.a_witnessed_log()
        self.append([record("alice", "x")], "--wait-cosigned", "--timeout", "30")
        for w in self.all[:2]:
            w.stop()
        size = service.status()["size"]
        done = self.teelog("append", "--data", self.data, "--wait-cosigned", "--timeout", "1", code=3,
                           stdin=lines([record("alice", "good", requestId="g")]) + '{"no":"record"}\n' +
                           lines([record("alice", "too", requestId="h")]))
        first, second, third = (json.loads(line) for line in done.stdout.splitlines())
        for answer, line in ((first, 1), (third, 3)):
            self.assertIn("signed and durable, and not cosigned", answer["error"])
            self.assertEqual(answer["line"], line)
        self.assertEqual((second["field"], second["line"]), ("no", 2))
        self.assertNotIn("durable", second["error"])
        self.assertIn("1 of 3 lines were refused", done.stderr)
        self.assertEqual(service.status()["size"], size + 2)

    def test_an_older_disk_freezes(self):
        service = self.a_witnessed_log()
        self.append([record("alice", "x")])
        service.stop()
        shutil.copytree(self.data, self.path("old"))
        service = self.start()
        self.until_open(service)
        self.append([record("alice", "what the host regrets")], "--wait-cosigned", "--timeout", "30")
        service.stop()
        shutil.rmtree(self.data)
        shutil.move(self.path("old"), self.data)
        service = self.start()
        status = self.until(service, lambda s: s["frozen"], "frozen")
        self.assertFalse("boot" in status)
        ours, theirs = status["fork"]["ours"], status["fork"]["theirs"]
        self.assertEqual(int(ours.splitlines()[1]), status["size"])
        self.assertGreater(int(theirs.splitlines()[1]), status["size"])
        self.assertRegex(status["fork"]["from"], r"^w[123]\.example$")
        code, _, body = service.get("/healthz")
        self.assertEqual(code, 503)
        self.assertIn("an older disk was put back", json.loads(body)["error"])
        self.append([record("alice", "another story")], code=3)
        self.teelog("export", "--data", self.data, "-o", self.path("b.teelog"))
        said = self.stderr_of(service)
        self.assertIn("THE LOG IS FROZEN", said)
        self.assertIn(theirs.splitlines()[2], said)
        # It is known at the next start without asking anybody.
        for w in self.all:
            w.stop()
        service = self.start()
        self.assertTrue(service.status()["frozen"])
        self.assertEqual(service.status()["fork"]["theirs"], theirs)
        self.assertIn("THE LOG IS FROZEN", self.stderr_of(service))

    def test_a_copy_beside_the_original_freezes_one_of_them(self):
        service = self.a_witnessed_log()
        self.append([record("alice", "x")], "--wait-cosigned", "--timeout", "30")
        service.stop()
        os.mkdir(self.path("beside"))
        shutil.copytree(self.data, self.path("beside/log"))
        service = self.start()
        self.until_open(service)
        copy = Service(self.path("beside"), *self.options, env=self.env)
        self.addCleanup(copy.__exit__)
        self.assertIn("ready", copy.ready)
        self.until(copy, lambda s: s["frozen"], "frozen")
        self.append([record("alice", "y")], "--wait-cosigned", "--timeout", "30")
        self.assertFalse(service.status()["frozen"])
        self.assertNotEqual(copy.status()["fence"], "open")

    def test_run_starts_its_command_once_they_have_cosigned(self):
        key = self.key_of_a_new_log()
        self.witnesses(key, down=2)
        args = [TEELOG, "run", "--data", self.data, "--tee", "sim", *self.options, "--", "touch", self.path("ran")]
        run = subprocess.Popen(args, stderr=subprocess.PIPE, text=True, env=self.env)
        self.addCleanup(run.stderr.close)
        self.addCleanup(run.kill)
        while "takes records once" not in run.stderr.readline():
            self.assertIsNone(run.poll())
        self.assertFalse(os.path.exists(self.path("ran")))
        for w in self.all[:2]:
            w.start(key)
        self.assertEqual(run.wait(LONG), 0)
        self.assertTrue(os.path.exists(self.path("ran")))

    def test_run_ends_where_the_log_is_frozen(self):
        service = self.a_witnessed_log()
        service.stop()
        shutil.copytree(self.data, self.path("old"))
        service = self.start()
        self.until_open(service)
        self.append([record("alice", "x")], "--wait-cosigned", "--timeout", "30")
        service.stop()
        shutil.rmtree(self.data)
        shutil.move(self.path("old"), self.data)
        done = self.teelog("run", "--data", self.data, "--tee", "sim", *self.options, "--", "touch", self.path("ran"),
                           code=125)
        self.assertIn("the log is frozen", done.stderr)
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_what_is_no_quorum_of_witnesses(self):
        key = self.key_of_a_new_log()
        self.witnesses(key)
        lines_of = "".join(w.line() for w in self.all)
        for text, wanted in ((f"log {key}\n{lines_of}group g 2 w1 w2 w3\nquorum g\n", "begins with log"),
                             (f"{lines_of}group g 1 w1 w2 w3\nquorum g\n", "2 k > n + faulty"),
                             (f"{lines_of}quorum none\n", "one group that has all of them"),
                             (f"{self.all[0].line()}quorum w1\n".replace("http:", "ftp:"), "is none to ask it at"),
                             ("nonsense\n", "line 1"), ("", "quorum")):
            with open(self.path("policy"), "w", encoding="utf-8") as f:
                f.write(text)
            done = self.teelog("serve", "--data", self.data, "--tee", "sim", *self.options, code=2)
            self.assertIn(wanted, done.stderr)
        for options in (("--faulty", "1"), ("--degraded-starts",), ("--witness-ca", "x"),
                        ("--witnesses", self.path("policy"), "--witness-wait", "5"),
                        ("--witnesses", self.path("policy"), "--faulty", "x")):
            self.teelog("serve", "--data", self.data, "--tee", "sim", *options, code=2)

    def test_without_witnesses_nobody_waits(self):
        service = self.serve()
        self.assertEqual(service.status()["fence"], "unwitnessed")
        self.assertNotIn("witnesses", service.status())
        done = self.teelog("append", "--data", self.data, "--wait-cosigned", stdin=lines([record()]), code=3)
        self.assertIn("this log has no witnesses", done.stderr)
        for query, wanted in (("wait=x", "must be cosigned"), ("timeout=5", "wait=cosigned alone"),
                              ("wait=cosigned&timeout=0", "1 to 300"), ("wait=cosigned&timeout=301", "1 to 300")):
            body = lines([record()])
            code, _, answer = service.ask(f"POST /v1/records?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                          f"Content-Length: {len(body)}\r\n\r\n{body}")
            self.assertEqual(code, 400)
            self.assertIn(wanted, json.loads(answer)["error"])
        self.teelog("append", "--data", self.data, "--timeout", "5", stdin=lines([record()]), code=2)
        self.teelog("append", "--data", self.data, "--wait-cosigned", "--timeout", "0", stdin="", code=2)


if __name__ == "__main__":
    main()
