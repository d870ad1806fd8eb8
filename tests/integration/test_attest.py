"""teelog attest: the running log's answer to a nonce, and what a replay of one is worth."""
import json
import os
import re

from teelogtest import Case, main, record

NONCE = "00112233445566778899aabbccddeeff"


class Attest(Case):
    def pin(self):
        self.teelog("export", "--data", self.data, "-o", "whole.teelog")
        self.teelog("policy", "init", "whole.teelog", "-o", "policy.json")

    def judge(self, bundle, nonce):
        return self.verdict(bundle, "--policy", "policy.json", "--nonce", nonce)

    def failed(self, report):
        return [c["name"] for c in report["checks"] if not c["ok"]]

    def test_answers_and_replays(self):
        service = self.serve()
        self.append([record(), record("bob"), record()])
        self.pin()
        made = self.teelog("attest", "--data", self.data, "--agent", "alice", "-o", "a.teelog").stdout
        self.assertRegex(made, r"^[0-9a-f]{64}\n$")
        report = self.judge("a.teelog", made.strip())
        self.assertEqual(report["verdict"], "TRUSTED")
        self.assertEqual(report["fresh"], {
            "nonce": made.strip(), "asked": True, "size": service.status()["size"], "agent": "alice",
            "count": 3, "mode": "unwitnessed", "cosigned": None})
        # It says so to people, and that others cannot tell when it was made.
        text = self.teelog("verify", "a.teelog", "--policy", "policy.json", "--nonce", made.strip()).stdout
        self.assertIn("the running log answered the nonce given: size ", text)
        text = self.teelog("verify", "a.teelog", "--policy", "policy.json").stdout
        self.assertIn("nobody can tell when that was made (give --nonce)", text)
        # The same answer to another question; a question to a bundle without an answer.
        self.assertEqual(self.failed(self.judge("a.teelog", NONCE)), ["fresh"])
        self.assertEqual(self.failed(self.judge("whole.teelog", NONCE)), ["fresh"])
        # After a restart, to the same nonce: another boot, and both answers are what they are.
        service.stop()
        self.serve()
        again = self.teelog("attest", "--data", self.data, "--nonce", made.strip(), "--agent", "alice",
                            "--json", "-o", "b.teelog").stdout
        self.assertEqual(json.loads(again), {"nonce": made.strip()})
        report = self.judge("b.teelog", made.strip())
        self.assertEqual(report["verdict"], "TRUSTED")
        self.assertEqual(report["fresh"]["count"], 4)  # its session was ended
        self.assertGreater(report["fresh"]["size"], 6)

    def test_chain(self):
        self.serve()
        self.append([record(), record("bob"), record()])
        self.pin()
        self.append([record()])
        self.assertEqual(self.teelog("attest", "--data", self.data, "--agent", "alice", "--chain",
                                     "--nonce", NONCE, "-o", "c.teelog").stdout, "")
        report = self.judge("c.teelog", NONCE)
        self.assertEqual(report["scope"]["kind"], "chain")
        self.assertTrue(report["scope"]["agents"][0]["complete"])
        self.assertEqual(report["fresh"]["count"], report["scope"]["agents"][0]["count"])

    def test_wrong_usage(self):
        service = self.serve()
        for args in (("-o", "x", "--nonce", "00"), ("-o", "x", "--nonce", NONCE + "0"),
                     ("-o", "x", "--nonce", "g" + NONCE[1:]), ("-o", "x", "--nonce", NONCE * 5), (),
                     ("-o", "x", "--chain"), ("-o", "x", "more"), ("-o", "x", "--nonce", "")):
            self.teelog("attest", "--data", self.data, *args, code=2)
            self.assertFalse(os.path.exists(self.path("x")))
        self.teelog("attest", "--data", self.data, "--agent", "nobody", "--chain", "-o", "x", code=3)
        self.teelog("attest", "--data", self.data, "--agent", "a b", "-o", "x", code=2)
        self.assertFalse(os.path.exists(self.path("x")))
        self.assertEqual(service.status()["size"], 1)
        service.stop()
        self.teelog("attest", "--data", self.data, "-o", "x", code=3)
        self.assertEqual(os.listdir(self.dir).count("x"), 0)
        for nonce in ("", "00", "zz" * 16):
            self.teelog("verify", "x", "--nonce", nonce, code=2)

    def test_to_standard_output(self):
        self.serve()
        done = self.teelog("attest", "--data", self.data, "-o", "-", text=False, stdin=b"")
        nonce = re.search(rb"nonce ([0-9a-f]{64})", done.stderr).group(1).decode()
        with open(self.path("o.teelog"), "wb") as f:
            f.write(done.stdout)
        report = self.verdict("o.teelog", "--nonce", nonce)
        self.assertEqual(report["verdict"], "UNPINNED")
        self.assertTrue(report["fresh"]["asked"])


if __name__ == "__main__":
    main()
