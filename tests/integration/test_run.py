"""`teelog run`: the log first, then the command, then the bundle."""
import json
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time

from teelogtest import TEELOG, Case, lines, main, record


class Run(Case):
    def run_it(self, *command, options=(), code=0):
        return self.teelog("run", "--data", self.data, "--tee", "sim", *options, "--", *command,
                           code=code)

    def await_file(self, path):
        for _ in range(600):
            if os.path.exists(path):
                return
            time.sleep(0.05)
        self.fail(f"{path} has not come")

    @staticmethod
    def runs(pid):
        """Whether it is there, and no zombie."""
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                return f.read().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def test_exit_codes(self):
        self.run_it("true")
        self.run_it("sh", "-c", "exit 7", code=7)
        self.run_it("sh", "-c", "kill -9 $$", code=137)
        self.run_it("sh", "-c", "kill -TERM $$", code=143)
        done = self.run_it(self.path("nothing"), code=125)
        self.assertIn("cannot start", done.stderr)
        self.teelog("run", "--data", self.data, "--tee", "sim", code=2)
        self.teelog("run", "--tee", "sim", "--", "true", code=2)

    def test_the_command_runs_only_beside_its_log(self):
        mark = self.path("ran")
        if not os.path.exists("/dev/attestation"):
            self.teelog("run", "--data", self.data, "--", "touch", mark, code=125)
        self.teelog("run", "--data", "/proc/nowhere", "--tee", "sim", "--", "touch", mark, code=125)
        with open(self.path("file"), "w", encoding="ascii"):
            pass
        self.run_it("touch", mark, options=["--socket", self.path("file")], code=125)
        self.assertFalse(os.path.exists(mark))

    def test_the_environment_of_the_command(self):
        self.env.update(TEELOG_DATA="/x", TEELOG_POLICY="/y", TEELOG_TOKEN="old", OTHER="kept")
        seen = json.loads(self.run_it(
            "python3", "-c", "import json,os; print(json.dumps(dict(os.environ)))").stdout)
        self.assertEqual({k for k in seen if k.startswith("TEELOG_")},
                         {"TEELOG_SOCKET", "TEELOG_TOKEN", "TEELOG_LOG_KEY"})
        self.assertRegex(seen["TEELOG_LOG_KEY"], r"^[A-Za-z0-9._:@/-]+\+[0-9a-f]{8}\+A[A-Za-z0-9+/]{43}$")
        self.assertEqual(seen["OTHER"], "kept")
        self.assertRegex(seen["TEELOG_TOKEN"], "^[0-9a-f]{64}$")
        self.assertEqual(seen["TEELOG_SOCKET"], os.path.join(self.data, "teelog.sock"))
        again = self.run_it("sh", "-c", "echo $TEELOG_TOKEN").stdout.strip()
        self.assertNotEqual(again, seen["TEELOG_TOKEN"])

    def test_the_command_has_ordinary_signals(self):
        seen = self.run_it("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status").stdout
        for line in seen.splitlines():
            # Signals 32 and 33 are the C library's own; who starts us may ignore them.
            self.assertEqual(int(line.split()[1], 16) & 0x7fffffff, 0, line)

    def test_the_bundle_is_made_after_the_command(self):
        script = "teelog append --agent alice > receipts; sleep 0.2; teelog append --agent alice"
        with open(self.path("two"), "w", encoding="utf-8") as f:
            f.write(lines([record(agent=None)]))
        done = self.run_it("sh", "-c", f"exec < {self.path('two')}; {script}",
                           options=["--export", self.path("b")])
        self.assertIn("SIMULATED", done.stderr)
        report = self.verdict(self.path("b"))
        self.assertEqual(report["verdict"], "UNPINNED")
        self.assertFalse(os.path.exists(self.path("b.part")))
        self.teelog("policy", "init", self.path("b"), "-o", self.path("p"))
        report = self.verdict(self.path("b"), "--policy", self.path("p"))
        self.assertEqual(report["verdict"], "TRUSTED")

    def test_every_simulated_platform(self):
        for kind in ("sim", "sim-tdx", "sim-tdx-v5"):
            data, bundle, policy = (self.path(f"{kind}.{what}") for what in ("log", "b", "p"))
            self.teelog("run", "--data", data, "--tee", kind, "--export", bundle, "--",
                        "sh", "-c", "echo '" + json.dumps(record()) + "' | teelog append")
            self.teelog("policy", "init", bundle, "-o", policy)
            self.assertIn("TRUSTED (simulated)",
                          self.teelog("verify", bundle, "--policy", policy).stdout)
            self.teelog("fsck", "--data", data, "--tee", kind)
            other = "sim" if kind != "sim" else "sim-tdx"
            done = self.teelog("run", "--data", data, "--tee", other, "--", "true", code=125)
            self.assertIn("--tee " + ("sim" if kind == "sim" else "sim-tdx"), done.stderr)

    def test_the_token_is_needed_and_dies(self):
        out = self.run_it("sh", "-c", "echo $TEELOG_TOKEN; unset TEELOG_TOKEN; "
                          f"echo '{json.dumps(record())}' | teelog append >&2; echo $?")
        token, code = out.stdout.split()
        self.assertEqual(code, "3")
        self.assertIn("TEELOG_TOKEN", out.stderr)
        self.env["TEELOG_TOKEN"] = token
        out = self.run_it("sh", "-c", f"TEELOG_TOKEN={token}; export TEELOG_TOKEN; "
                          f"echo '{json.dumps(record())}' | teelog append; echo $?")
        self.assertEqual(out.stdout.split()[-1], "3")

    def test_a_child_is_admitted_as_one(self):
        out = self.run_it("sh", "-c", f"echo '{json.dumps(record())}' | teelog append >/dev/null; "
                          "teelog agents --json")
        self.assertEqual(json.loads(out.stdout)["agents"][0]["admission"], "child")

    def test_declared_agents(self):
        text = lines([record("alice"), record("eve"), record("bob")]).replace("\n", "\\n")
        out = self.run_it("sh", "-c", f"printf '{text}' | teelog append; echo $?",
                          options=["--agent", "alice", "--agent", "bob"])
        got = [json.loads(line) for line in out.stdout.splitlines()]
        self.assertEqual([r.get("agentId") for r in got[:3]], ["alice", None, "bob"])
        self.assertEqual((got[1]["field"], got[1]["line"]), ("agentId", 2))
        self.assertEqual(got[3], 3)

    def test_signals_are_passed_on(self):
        mark = self.path("mark")
        script = f"trap 'echo got > {mark}; exit 5' TERM; touch {mark}.ready; " \
                 "while :; do sleep 0.05; done"
        p = subprocess.Popen([TEELOG, "run", "--data", self.data, "--tee", "sim", "--export",
                              self.path("b"), "--", "sh", "-c", script], env=self.env,
                             stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: p.poll() is None and p.kill())
        self.await_file(mark + ".ready")
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(60), 5)
        with open(mark, encoding="ascii") as f:
            self.assertEqual(f.read(), "got\n")
        self.assertTrue(os.path.exists(self.path("b")))

    def test_signals_reach_what_the_command_has_started(self):
        mark = self.path("mark")
        below = f"trap 'echo got > {mark}; exit' TERM; touch {mark}.ready; " \
                "while :; do sleep 0.05; done"
        # The command itself does not heed it, from before the other is there (which would
        # inherit that it is ignored, but not a handler), and ends when that has.
        script = "import signal,subprocess,sys; signal.signal(signal.SIGTERM, lambda *_: None); " \
                 "p = subprocess.Popen(['sh', '-c', sys.argv[1]]); p.wait(); sys.exit(5)"
        p = subprocess.Popen([TEELOG, "run", "--data", self.data, "--tee", "sim", "--",
                              sys.executable, "-c", script, below], env=self.env,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: p.poll() is None and p.kill())
        self.await_file(mark + ".ready")
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(60), 5)
        self.assertTrue(os.path.exists(mark))

    def test_a_process_group_of_its_own(self):
        script = "import os; print(os.getpgrp() == os.getpid())"
        self.assertEqual(self.run_it(sys.executable, "-c", script).stdout, "True\n")

    def test_a_terminal_can_be_read(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(TEELOG, [TEELOG, "run", "--data", self.data, "--tee", "sim", "--", "sh", "-c",
                               "read x; echo got $x; read x; echo never"], self.env)
        seen = b""
        try:
            os.write(terminal, b"one\n")
            while b"got one" not in seen:
                self.assertTrue(select.select([terminal], [], [], 60)[0], seen)
                seen += os.read(terminal, 4096)
            os.write(terminal, b"\x03")
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 130)
        finally:
            os.close(terminal)

    def test_the_command_ends_with_its_log(self):
        """A full disk, under a command that ignores SIGTERM and has a process that does."""
        script = """if True:
            import os, signal, subprocess, sys, time
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            teelog, data, records, mark = sys.argv[1:]
            other = subprocess.Popen(["sleep", "300"])
            with open(mark + ".pids", "w") as f:
                print(os.getpid(), other.pid, file=f)
            while subprocess.run([teelog, "append"], input=records.encode()).returncode == 0:
                pass
            # The log is closed while this goes on: nobody has its keys or its lock.
            while subprocess.run([teelog, "fsck", "--data", data, "--tee", "sim"]).returncode:
                time.sleep(0.1)
            open(mark, "w").close()
            time.sleep(300)
        """

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

        mark = self.path("mark")
        p = subprocess.Popen([TEELOG, "run", "--data", self.data, "--tee", "sim", "--export",
                              self.path("b"), "--", sys.executable, "-c", script, TEELOG, self.data,
                              lines([record(content="x" * 20000)] * 5), mark], env=self.env,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, preexec_fn=small_files)
        self.addCleanup(p.stderr.close)
        self.addCleanup(lambda: p.poll() is None and p.kill())
        start = time.monotonic()
        try:
            self.assertEqual(p.wait(60), 125)
        finally:
            with open(mark + ".pids", encoding="ascii") as f:
                pids = [int(pid) for pid in f.read().split()]
            alive = [pid for pid in pids if self.runs(pid)]
            for pid in alive:
                os.kill(pid, signal.SIGKILL)
        self.assertEqual(alive, [])
        self.assertGreater(time.monotonic() - start, 5)
        self.assertTrue(os.path.exists(mark))
        self.assertIn("the log has stopped", p.stderr.read())
        self.assertFalse(os.path.exists(self.path("b")))

    def test_core_dumps(self):
        if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
            self.skipTest("the hard limit is 0 already")

        def cores():
            resource.setrlimit(resource.RLIMIT_CORE, (4096, resource.RLIM_INFINITY))

        # Some sanitizers forbid cores of their own accord.
        for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
            self.env[name] = ":".join([*self.env.get(name, "").split(), "disable_coredump=0"])
        script = "grep core /proc/$PPID/limits; grep core /proc/self/limits"
        done = subprocess.run([TEELOG, "run", "--data", self.data, "--tee", "sim", "--", "sh", "-c",
                               script], env=self.env, preexec_fn=cores, capture_output=True,
                              text=True, timeout=60, check=True)
        self.assertEqual([line.split()[4] for line in done.stdout.splitlines()], ["1", "4096"])

    def test_the_next_run_goes_on(self):
        out = []
        for _ in range(3):
            out.append(json.loads(self.run_it(
                "sh", "-c", f"echo '{json.dumps(record())}' | teelog append").stdout))
        # Each run has a boot, a session and a record of run's, a session and a record of this,
        # run's second record, two ends, and heads.
        self.assertEqual([r["index"] for r in out], [4, 13, 22])
        self.assertEqual([r["seq"] for r in out], [1, 4, 7])

    def own_records(self):
        """What run has logged itself, by the log and by index."""
        out = self.teelog("records", "--data", self.data, "--tee", "sim", "--agent", "teelog-run",
                          "--oldest", "--json").stdout
        rows = [json.loads(line) for line in out.splitlines()]
        return [r for r in rows if r["type"].startswith("run.")]

    def everything(self):
        out = self.teelog("records", "--data", self.data, "--tee", "sim", "--oldest", "--json").stdout
        return [json.loads(line) for line in out.splitlines()]

    def ended(self, attributes):
        """The last two of run's are a start and its exit, with these attributes: the start."""
        start, exit_ = self.own_records()[-2:]
        self.assertEqual((start["type"], exit_["type"]), ("run.start", "run.exit"))
        self.assertEqual(exit_["ref"], start["index"])
        self.assertEqual(exit_["attributes"], attributes)
        return start

    def test_start_and_exit_are_logged(self):
        for script, code, attributes in (("exit 0", 0, {"code": 0}), ("exit 7", 7, {"code": 7}),
                                         ("kill -9 $$", 137, {"signal": 9}),
                                         ("kill -SEGV $$", 139, {"signal": 11})):
            self.run_it("sh", "-c", script, code=code)
            start = self.ended(attributes)
            self.assertEqual(json.loads(start["content"]), ["sh", "-c", script])
        self.run_it(self.path("nothing"), code=125)
        start, exit_ = self.own_records()[-2:]
        self.assertIn("No such file", exit_["attributes"]["error"])
        self.assertEqual((exit_["ref"], exit_["content"]), (start["index"],
                                                            exit_["attributes"]["error"]))
        self.assertEqual(len(self.own_records()), 10)

    def test_all_of_the_command_is_between_start_and_exit(self):
        """A process that outlives the command has no token any more when the exit is logged."""
        append = f"echo '{json.dumps(record())}' | teelog append >/dev/null 2>&1"
        self.run_it("sh", "-c", f"{append}; (while {append}; do :; done) & {append}",
                    options=["--export", self.path("b")])
        types = [(r["agentId"], r["type"]) for r in self.everything()]
        self.assertEqual([t for t in types if t[1].startswith("run.")],
                         [("teelog-run", "run.start"), ("teelog-run", "run.exit")])
        own = [i for i, (agent, _) in enumerate(types) if agent == "teelog-run"]
        theirs = [i for i, (agent, kind) in enumerate(types)
                  if agent == "alice"]
        self.assertGreaterEqual(len(theirs), 2)
        self.assertLess(own[0], theirs[0])
        self.assertLess(theirs[-1], own[1])
        self.teelog("policy", "init", self.path("b"), "-o", self.path("p"))
        report = self.verdict(self.path("b"), "--policy", self.path("p"))
        self.assertEqual(report["verdict"], "TRUSTED")

    def test_nobody_logs_as_run(self):
        as_run = f"echo '{json.dumps(record('teelog-run'))}' | teelog append; echo $?"
        out = self.run_it("sh", "-c", as_run)
        refusal, code = out.stdout.splitlines()
        self.assertEqual((json.loads(refusal)["field"], code), ("agentId", "3"))
        self.run_it("sh", "-c", as_run, options=["--agent", "teelog-run"])
        self.assertEqual([r["type"] for r in self.own_records()], 2 * ["run.start", "run.exit"])
        with self.serve():
            self.append([record("teelog-run")], code=3)

    def test_run_says_what_it_is(self):
        out = self.run_it("teelog", "agents", "--json")
        self.assertEqual([(a["id"], a["admission"]) for a in json.loads(out.stdout)["agents"]],
                         [("teelog-run", "child")])

    def test_nothing_runs_unlogged(self):
        mark = self.path("ran")
        done = self.run_it("touch", mark, options=["--max-bytes", "1"], code=125)
        self.assertIn("start cannot be logged", done.stderr)
        self.assertIn("--max-bytes", done.stderr)
        done = self.run_it("touch", mark, *(6 * ['"' * 100000]), code=125)
        self.assertIn("start cannot be logged", done.stderr)
        done = self.run_it("touch", mark, b"\xff", code=125)
        self.assertIn("UTF-8", done.stderr)
        self.assertFalse(os.path.exists(mark))
        self.assertEqual(self.own_records(), [])
        self.run_it("sh", "-c", f": > {mark}")
        self.assertTrue(os.path.exists(mark))

    def test_the_exit_is_logged_in_a_full_log(self):
        self.run_it("true")
        size = os.path.getsize(os.path.join(self.data, "teelog.db"))
        text = lines([record(content="x" * 20000)] * 5)
        with open(self.path("records"), "w", encoding="utf-8") as f:
            f.write(text)
        done = self.run_it("sh", "-c", f"while teelog append < {self.path('records')}; do :; done",
                           options=["--max-bytes", str(size + (4 << 20))])
        self.assertIn("--max-bytes", done.stderr)
        self.ended({"code": 0})

    def test_an_exit_that_cannot_be_logged(self):
        """The disk takes nothing any more when the command ends."""
        script = "import os, resource; " \
                 "resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (4096, 4096))"
        done = subprocess.run([TEELOG, "run", "--data", self.data, "--tee", "sim", "--export",
                               self.path("b"), "--", sys.executable, "-c", script], env=self.env,
                              preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 125, done.stderr)
        self.assertIn("the command has ended, and that cannot be logged", done.stderr)
        self.assertEqual([r["type"] for r in self.own_records()], ["run.start"])
        self.run_it("true")
        self.ended({"code": 0})

    def test_a_command_that_heeds_the_second_signal(self):
        mark = self.path("mark")
        script = f"trap 'trap - TERM; touch {mark}.one' TERM; touch {mark}.ready; " \
                 "while :; do sleep 0.05; done"
        p = subprocess.Popen([TEELOG, "run", "--data", self.data, "--tee", "sim", "--", "sh", "-c",
                              script], env=self.env, stdin=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: p.poll() is None and p.kill())
        self.await_file(mark + ".ready")
        p.send_signal(signal.SIGTERM)
        self.await_file(mark + ".one")
        p.send_signal(signal.SIGTERM)
        p.send_signal(signal.SIGTERM)  # and one that comes too late, or as late
        self.assertEqual(p.wait(60), 143)
        self.ended({"signal": 15})
        self.teelog("fsck", "--data", self.data, "--tee", "sim")

    def test_run_killed_itself(self):
        """A start without an exit; the next run has both."""
        p = subprocess.Popen([TEELOG, "run", "--data", self.data, "--tee", "sim", "--", "sh", "-c",
                              f"touch {self.path('up')}; exec sleep 300"], env=self.env,
                             stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             start_new_session=True)
        self.await_file(self.path("up"))
        child = subprocess.run(["pgrep", "-P", str(p.pid)], capture_output=True, text=True,
                               check=True).stdout.split()
        p.kill()
        p.wait(60)
        os.kill(int(child[0]), signal.SIGKILL)
        self.run_it("true")
        self.assertEqual([r["type"] for r in self.own_records()],
                         ["run.start", "run.start", "run.exit"])
        self.ended({"code": 0})

    def test_a_failing_export_is_a_failure(self):
        done = self.run_it("true", options=["--export", "/proc/nowhere/b"], code=125)
        self.assertIn("teelog: run", done.stderr)


if __name__ == "__main__":
    main()
