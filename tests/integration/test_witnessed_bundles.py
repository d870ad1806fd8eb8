"""Bundles of a log with three `teelog witness`, two of which are a quorum, under a policy that asks
for it: before and after they have cosigned, degraded, frozen, stopped, and of a successor."""
import json
import os
import shutil

import test_witnessed as base
from teelogtest import Case, Service, main, record


class Bundles(Case):
    options = ()
    witnesses = base.Witnessed.witnesses
    start = base.Witnessed.start
    until = base.Witnessed.until
    until_open = base.Witnessed.until_open
    key_of_a_new_log = base.Witnessed.key_of_a_new_log
    a_witnessed_log = base.Witnessed.a_witnessed_log

    def export(self, name, *options, data=None):
        """(path, what was said on stderr, what --json says)"""
        out = self.path(name)
        done = self.teelog("export", "--data", data or self.data, "-o", out, "--json", *options)
        return out, done.stderr, json.loads(done.stdout)

    def quorum_policy(self, bundle, name="quorum.json"):
        """The policy that trusts the log of this bundle, if its witnesses do."""
        self.teelog("policy", "init", bundle, "-o", self.path("plain.json"))
        with open(self.path("plain.json"), encoding="utf-8") as f:
            policy = json.load(f)
        os.unlink(self.path("plain.json"))
        with open(self.path("policy"), encoding="utf-8") as f:
            policy["history"] = {"quorum": f.read(), "faulty": 0, "max_age_s": 3600}
        policy["admission"] = {"child": True, "bearer": True}
        with open(self.path(name), "w", encoding="utf-8") as f:
            json.dump(policy, f)
        self.policy = self.path(name)

    def verdict_of(self, bundle, *options):
        report = self.verdict(bundle, "--policy", self.policy, *options)
        self.failed = [c for c in report["checks"] if not c["ok"]]
        return report["verdict"]

    def stop_a_quorum(self):
        for w in self.all[:2]:
            w.stop()

    def test_of_a_running_log(self):
        self.a_witnessed_log()
        self.append([record(f"agent-{i % 2}", f"content {i}") for i in range(20)])
        bundle, said, told = self.export("whole")
        self.quorum_policy(bundle)
        for options in ([], ["--agent", "agent-1"], ["--from", "5", "--to", "7"],
                        ["--withhold-bodies"]):
            with self.subTest(options=options):
                bundle, said, told = self.export("b", *options)
                self.assertEqual((said, told["cosigned"]), ("", True))
                report = self.verdict(bundle, "--policy", self.policy)
                self.assertEqual(report["verdict"], "TRUSTED")
                self.assertEqual(report["history"]["size"], told["size"])
                self.assertLessEqual(told["size"], told["cosignedSize"])
        # Beyond what they have seen.
        seen = self.export("b")[2]["cosignedSize"]
        self.stop_a_quorum()
        self.append([record("agent-1", "unseen")])
        for options in (["--cosigned", "1"], ["--cosigned", "0"]):
            bundle, said, told = self.export("b", *options)
            self.assertIn("not cosigned by a quorum of the log's witnesses: a policy with a quorum "
                          "will refuse it", said)
            self.assertIn(f"--to {told['cosignedSize']} exports those", said)
            self.assertFalse(told["cosigned"])
            self.assertGreater(told["size"], told["cosignedSize"])
            self.assertEqual(self.verdict_of(bundle), "REJECTED")
        bundle, said, told = self.export("b", "--cosigned", "0", "--to", str(told["cosignedSize"]))
        self.assertEqual((said, told["cosigned"]), ("", True))
        self.assertGreaterEqual(told["size"], seen)
        self.assertEqual(self.verdict_of(bundle), "TRUSTED")
        # The running log vouches for the rest itself: its witnesses let it start.
        self.teelog("attest", "--data", self.data, "--agent", "agent-1", "--nonce", "5f" * 32, "-o",
                    self.path("now"))
        report = self.verdict(self.path("now"), "--policy", self.policy, "--nonce", "5f" * 32)
        self.assertEqual(report["verdict"], "TRUSTED")
        self.assertEqual(report["fresh"]["mode"], "fenced")
        self.assertEqual(report["fresh"]["cosigned"], told["cosignedSize"])

    def test_of_a_stopped_log(self):
        service = self.a_witnessed_log()
        self.append([record(content="before the end")])
        self.quorum_policy(self.export("whole")[0])
        service.stop()  # its witnesses see the ends of its sessions, and its heads
        bundle, said, told = self.export("b", "--tee", "sim")
        self.assertEqual((said, told["cosigned"]), ("", True))
        self.assertEqual(self.verdict_of(bundle), "TRUSTED")
        # After some boots: each piece of evidence is judged as of its own time.
        for _ in range(2):
            service = self.start()
            self.until_open(service)
            self.append([record(content="again")])
            service.stop()
        report = self.verdict(self.export("b", "--tee", "sim")[0], "--policy", self.policy)
        self.assertEqual(report["verdict"], "TRUSTED")
        self.assertEqual(report["history"]["evidence"]["beyond"], 0)
        self.assertLess(report["history"]["evidence"]["from"],
                        report["history"]["evidence"]["to"] + 1)

    def test_of_other_witnesses(self):
        """Started with others than those whom its readers go by: it says so, and they notice."""
        service = self.a_witnessed_log()
        self.append([record(content="before")])
        self.quorum_policy(self.export("whole")[0])
        self.assertIn("this start has witnesses, where it had none. ", base.Witnessed.stderr_of(self, service))
        with open(self.path("other"), "w", encoding="utf-8") as f:
            f.write(f"{self.all[0].line()}quorum w1\n")
        then = self.options
        self.options = ["--origin", "example.org/log", "--witnesses", self.path("other")]
        for options, wanted in (([], "this start has other witnesses or another quorum. "),
                                (["--degraded-starts"], "this start has degraded starts, which it did not allow. ")):
            service = self.start(*options)
            self.until_open(service)
            self.append([record(content="after")], "--wait-cosigned", "--timeout", "30")
            bundle, said, told = self.export("b")
            self.assertEqual((said, told["cosigned"]), ("", True))  # by those of today
            self.assertEqual(self.verdict_of(bundle), "REJECTED")
            self.assertIn(wanted, base.Witnessed.stderr_of(self, service))
        for options, wanted in ((["--origin", "example.org/log"],
                                 "this start has no witnesses any more, no degraded starts any more. "),
                                (then, "this start has witnesses, where it had none. ")):
            self.options = options
            service = self.start()
            if options == then:
                self.until_open(service)
            self.assertIn(wanted, base.Witnessed.stderr_of(self, service))
        self.options = then
        self.assertNotIn("unlike its last boot", base.Witnessed.stderr_of(self, self.start()))

    def test_of_run(self):
        service = self.a_witnessed_log()
        self.quorum_policy(self.export("whole")[0])
        service.stop()
        done = self.teelog("run", "--data", self.data, "--tee", "sim", *self.options, "--export",
                           self.path("b"), "--", "true")
        self.assertNotIn("not cosigned", done.stderr)
        self.assertEqual(self.verdict_of(self.path("b")), "TRUSTED", self.failed)

    def test_of_a_degraded_log(self):
        service = self.a_witnessed_log()
        self.quorum_policy(self.export("whole")[0])
        key = service.status()["logKey"]
        service.stop()
        self.stop_a_quorum()
        service = self.start("--degraded-starts", "--witness-wait", "1")
        self.until_open(service)
        self.append([record(content="degraded")])
        bundle, said, told = self.export("b", "--cosigned", "1")
        self.assertIn("not cosigned by a quorum", said)
        self.assertEqual(self.verdict_of(bundle), "REJECTED")
        self.teelog("attest", "--data", self.data, "--nonce", "5f" * 32, "-o", self.path("now"))
        report = self.verdict(self.path("now"))
        self.assertEqual(report["fresh"]["mode"], "degraded")
        self.assertEqual(self.verdict_of(self.path("now"), "--nonce", "5f" * 32), "REJECTED")
        for w in self.all[:2]:
            w.start(key)
        self.until(service, lambda s: not s["degraded"], "degraded no more")
        bundle, said, told = self.export("b", "--cosigned", "60")
        self.assertEqual((said, told["cosigned"]), ("", True))
        self.assertEqual(self.verdict_of(bundle), "TRUSTED", self.failed)

    def test_of_a_frozen_log(self):
        service = self.a_witnessed_log()
        self.append([record(content="one")])
        self.quorum_policy(self.export("whole")[0])
        service.stop()
        shutil.copytree(self.data, self.path("old"))
        service = self.start()
        self.until_open(service)
        self.append([record(content="what the host regrets")], "--wait-cosigned", "--timeout", "30")
        service.stop()
        shutil.rmtree(self.data)
        shutil.move(self.path("old"), self.data)
        service = self.start()
        status = self.until(service, lambda s: s["frozen"], "frozen")
        # What is there was cosigned, and says what was so then; no answer comes from it now.
        bundle, said, told = self.export("b")
        self.assertEqual((said, told["cosigned"], told["size"]), ("", True, status["size"]))
        self.assertEqual(self.verdict_of(bundle), "TRUSTED")
        self.assertIn("frozen", self.teelog("attest", "--data", self.data, "-o", self.path("now"),
                                            code=3).stderr)

    def test_of_a_successor(self):
        service = self.a_witnessed_log()
        old = service.status()
        self.append([record(content="the last")])
        service.stop()
        size = self.export("old", "--tee", "sim")[2]["size"]
        with open(os.path.join(self.data, "sim", "sealing.key"), "wb") as f:
            f.write(os.urandom(32))
        # The largest note that a quorum cosigned is in the directory; nobody's word is needed.
        os.mkdir(self.path("home"))
        data = self.path("home/log")
        done = self.teelog("successor", "--data", data, "--tee", "sim", "--origin",
                           "example.org/log/2", "--old", self.data, "--log-key", old["logKey"],
                           "--witnesses", self.path("policy"), "--json")
        begun = json.loads(done.stdout)
        self.assertEqual((begun["succeeds"]["origin"], begun["succeeds"]["size"]),
                         ("example.org/log", size))
        self.assertGreaterEqual(begun["succeeds"]["cosigned"]["witnesses"], 2)
        # Its witnesses learn its key, and it is trusted once that is pinned.
        for w in self.all:
            w.stop()
            w.start(begun["logKey"])
        with Service(self.path("home"), "--witnesses", self.path("policy"), env=self.env) as new:
            self.until_open(new)
            self.teelog("append", "--data", data, stdin=json.dumps(record()) + "\n")
            bundle = self.export("new", data=data)[0]
        self.quorum_policy(self.path("old"))
        self.assertEqual(self.verdict_of(self.path("old")), "TRUSTED")
        self.assertEqual(self.verdict_of(bundle), "REJECTED")
        self.quorum_policy(bundle, "new.json")
        self.assertEqual(self.verdict_of(bundle), "TRUSTED")
        self.assertEqual(self.verdict(bundle)["log"]["succeeds"]["size"], size)

    def test_of_an_older_disk_and_a_witness_of_the_hosts_own(self):
        """The host can have a log opened so. It says so, and deceives nobody who goes by the others."""
        service = self.a_witnessed_log()
        key = service.status()["logKey"]
        self.append([record(content="before")])
        service.stop()
        shutil.copytree(self.data, self.path("older"))
        service = self.start()
        self.until_open(service)
        self.append([record(content="regretted")], "--wait-cosigned", "--timeout", "30")
        newest = self.export("newest")[0]
        self.quorum_policy(newest)
        self.assertEqual(self.verdict_of(newest), "TRUSTED")
        service.stop()
        shutil.rmtree(self.data)
        shutil.move(self.path("older"), self.data)
        own = base.Witness(self, 9, key)
        self.addCleanup(own.stop)
        with open(self.path("other"), "w", encoding="utf-8") as f:
            f.write(f"{own.line()}quorum w9\n")
        self.options = ["--origin", "example.org/log", "--witnesses", self.path("other")]
        service = self.start()
        self.until_open(service)
        (receipt,) = self.append([record(content="another story")], "--wait-cosigned", "--timeout", "30")
        self.assertEqual(receipt["class"], "cosigned 1 of 1")
        bundle, said, told = self.export("b")
        self.assertEqual((said, told["cosigned"]), ("", True))  # by the host's own
        self.assertEqual(self.verdict_of(bundle), "REJECTED")
        self.assertIn("this start has other witnesses or another quorum. ",
                      base.Witnessed.stderr_of(self, service))

    def test_successor_of_an_older_disk(self):
        """What was acknowledged as cosigned is left out by no successor without a word."""
        service = self.a_witnessed_log()
        key = service.status()["logKey"]
        service.stop()
        shutil.copytree(self.data, self.path("older"))
        service = self.start()
        self.until_open(service)
        self.append([record(content="acknowledged")], "--wait-cosigned", "--timeout", "30")
        service.stop()
        follow = ["successor", "--data", self.path("next"), "--tee", "sim", "--origin", "example.org/log/2",
                  "--old", self.path("older"), "--log-key", key, "--witnesses", self.path("policy")]
        said = self.teelog(*follow, code=3).stderr
        self.assertRegex(said, "witness w[123] has a note of size")
        self.assertIn("--note FILE", said)
        self.assertFalse(os.path.exists(os.path.join(self.path("next"), "teelog.db")))
        for w in self.all:
            w.stop()
        done = self.teelog(*follow)
        for i in (1, 2, 3):
            self.assertIn(f"witness w{i} could not be asked", done.stderr)


if __name__ == "__main__":
    main()
