"""`teelog quote show`, `verify` and `eventlog`, as a relying party uses them."""
import json
import os
import pathlib
import subprocess
import time
import unittest

from teelogtest import ROOT, TEELOG, Case, main

MAKEDCAP = os.path.realpath(os.environ["MAKEDCAP"])
QUOTE_VERIFY = os.path.realpath(os.environ["QUOTE_VERIFY"])
VECTORS = pathlib.Path(os.environ.get("TEELOG_VECTORS", ROOT.parent / "shared" / "vectors")) / "dcap"
TIME = "1790000000"
KINDS = {"sgx-v3": ("sgx", 3), "sgx-v4": ("sgx", 4), "sgx-v5": ("sgx", 5), "tdx-v4": ("tdx", 4),
         "tdx-v5-10": ("tdx", 5), "tdx-v5-15": ("tdx", 5)}


class Quote(Case):
    def make(self, kind, at=TIME):
        out = self.path(kind)
        os.mkdir(out)
        subprocess.run([MAKEDCAP, kind, out, at], check=True)
        return [os.path.join(out, n) for n in ("quote.bin", "collateral.json", "root.pem")]

    def judge(self, code, *arguments):
        done = self.teelog("quote", "verify", *arguments, "--json", code=code)
        report = json.loads(done.stdout)
        self.assertEqual(report["verdict"], "reject" if code == 1 else "accept")
        return report

    def write(self, name, content):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(content)
        return self.path(name)

    def test_every_kind(self):
        for kind, (tee, version) in KINDS.items():
            with self.subTest(kind=kind):
                quote, collateral, root = self.make(kind)
                given = [quote, "--collateral", collateral, "--at", TIME]
                report = self.judge(4, *given, "--root", root)
                self.assertEqual((report["ok"], report["stage"], report["tcb_status"]),
                                 (True, None, "UpToDate"))
                self.assertEqual((report["tee"], report["version"]), (tee, version))
                self.assertEqual(report["advisories"], [])
                self.assertEqual((report["pinned"], report["simulated"]), (False, True))
                self.assertEqual([r["rule"] for r in report["policy"]],
                                 ["tcb-status", "advisories", "tcb-evaluation-number",
                                  "collateral-age", "attributes", "platform", "code"])
                self.assertTrue(all(r["ok"] for r in report["policy"]))
                # Under Intel's root it is nobody's.
                report = self.judge(1, *given)
                self.assertEqual((report["ok"], report["stage"]), (False, "root"))
                self.assertNotIn("mrenclave", report)
                report = self.judge(1, quote, "--collateral", collateral, "--root", root, "--at",
                                    str(int(TIME) + 40 * 86400))
                self.assertEqual(report["stage"], "validity")

    def policy_for(self, report, **changes):
        names = ["mrenclave"] if report["tee"] == "sgx" else ["mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"]
        entry = {"platform": "simulator", "root": report["root"],
                 **{n: [report[n]] for n in names}, **changes}
        return self.write("policy.json", json.dumps({"teelog_policy": 1, "evidence": [entry]}))

    def test_policies(self):
        for kind in ("sgx-v3", "tdx-v5-15"):
            with self.subTest(kind=kind):
                quote, collateral, root = self.make(kind)
                given = [quote, "--collateral", collateral, "--at", TIME]
                shown = self.judge(4, *given, "--root", root)
                # The policy names the root itself.
                report = self.judge(0, *given, "--policy", self.policy_for(shown))
                self.assertTrue(report["pinned"])
                text = self.teelog("quote", "verify", *given, "--policy", self.path("policy.json"))
                self.assertTrue(text.stdout.startswith("ACCEPT (simulated): "), text.stdout)
                member = "mrenclave" if kind == "sgx-v3" else "rtmr3"
                other = self.policy_for(shown, **{member: ["00" * (len(shown[member]) // 2)]})
                report = self.judge(1, *given, "--policy", other)
                self.assertTrue(report["ok"])
                self.assertEqual([r["rule"] for r in report["policy"] if not r["ok"]], ["code"])
                report = self.judge(1, *given, "--policy",
                                    self.policy_for(shown, root="11" * 32))
                self.assertEqual(report["stage"], "root")
        strict = self.write("strict.json", json.dumps(
            {"teelog_policy": 1, "tcb": {"max_collateral_age_s": 10, "min_evaluation_number": 9999}}))
        report = self.judge(1, *given, "--root", root, "--policy", strict)
        self.assertEqual([r["rule"] for r in report["policy"] if not r["ok"]],
                         ["tcb-evaluation-number", "collateral-age"])
        self.teelog("quote", "verify", *given, "--policy", self.write("bad.json", "{}"), code=2)

    def test_report_data(self):
        for kind in ("sgx-v3", "tdx-v5-15"):
            quote, collateral, root = self.make(kind)
            given = [quote, "--collateral", collateral, "--at", TIME, "--root", root]
            shown = self.judge(4, *given)
            self.assertEqual(len(shown["policy"]), 7)
            data = shown["report_data"]
            self.assertIn("Report data was not compared", self.verify_text(4, given))
            for wanted, code in ((data, 4), (data.upper(), 4), (data[:-2] + f"{int(data[-2:], 16) ^ 1:02x}", 1),
                                 ("ab", 1)):
                with self.subTest(kind=kind, wanted=wanted):
                    report = self.judge(code, *given, "--report-data", wanted)
                    self.assertEqual(report["policy"][:7], shown["policy"])
                    self.assertEqual((report["policy"][7]["rule"], report["policy"][7]["ok"]),
                                     ("report-data", code == 4))
                    self.assertTrue(report["ok"])
                    text = self.verify_text(code, given + ["--report-data", wanted])
                    self.assertEqual("its report data is not what was asked for" in text, code == 1)
            for wrong in ("", "a", "0g", "00" * 65, "0x00"):
                done = self.teelog("quote", "verify", *given, "--report-data", wrong, code=2)
                self.assertIn("--report-data needs 1 to 64 bytes in hex", done.stderr)

    def verify_text(self, code, arguments):
        return self.teelog("quote", "verify", *arguments, code=code).stdout

    def test_a_signer_is_not_the_code(self):
        quote, collateral, root = self.make("sgx-v3")
        given = [quote, "--collateral", collateral, "--at", TIME, "--root", root]
        shown = self.judge(4, *given)
        self.assertEqual((shown["pinned"], shown["pin"]), (False, "none"))
        for pin, entry in (("signer", {"mrsigner": [shown["mrsigner"]],
                                       "isv_prod_id": [shown["isv_prod_id"]],
                                       "min_isv_svn": shown["isv_svn"]}),
                           ("code", {"mrenclave": [shown["mrenclave"]]})):
            policy = self.write("policy.json", json.dumps(
                {"teelog_policy": 1, "evidence": [{"platform": "sgx-gramine", **entry}]}))
            report = self.judge(0, *given, "--policy", policy)
            self.assertEqual((report["pinned"], report["pin"]), (True, pin))
            text = self.verify_text(0, given + ["--policy", policy])
            self.assertEqual("the policy names its code" in text, pin == "code")
            self.assertEqual("names its signer, who" in text, pin == "signer")

    def test_the_example(self):
        now = str(int(time.time()))
        quote, collateral, root = self.make("tdx-v4", now)
        shown = self.judge(4, quote, "--collateral", collateral, "--at", now, "--root", root)
        policy = self.policy_for(shown)
        data = self.path("data")

        def example(code, wanted, *paths):
            with open(data, "wb") as f:
                f.write(wanted)
            done = subprocess.run([QUOTE_VERIFY, *(paths or (quote, collateral, policy)), data],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            return done.stdout

        right = bytes.fromhex(shown["report_data"])
        self.assertTrue(example(0, right).startswith("ACCEPT (simulated): "))
        self.assertIn("its report data is not what was asked for", example(1, b"another"))
        example(1, b"")
        example(1, right + b"\0")
        example(1, right, collateral, collateral, policy)
        unpinned = self.write("open.json", json.dumps(
            {"teelog_policy": 1, "evidence": [{"platform": "simulator", "root": shown["root"]}]}))
        self.assertTrue(example(1, right, quote, collateral, unpinned).startswith("ACCEPT"))
        example(2, right, quote, collateral, collateral)
        example(2, right, quote, collateral, self.path("none"))
        self.assertEqual(subprocess.run([QUOTE_VERIFY], capture_output=True, check=False).returncode, 2)

    def test_forms_of_a_quote(self):
        quote, collateral, root = self.make("sgx-v3")
        given = ["--collateral", collateral, "--at", TIME, "--root", root]
        data = pathlib.Path(quote).read_bytes()
        for text in (data.hex(), "0x" + data.hex().upper() + "\n",
                     "\n".join(data.hex()[i:i + 64] for i in range(0, 2 * len(data), 64))):
            self.judge(4, self.write("hex", text), *given)
        for answer in ({"quote": data.hex(), "event_log": "[]", "vm_config": "{}"},
                       {"event_log": [{"a": [1]}], "quote": "0x" + data.hex()}):
            self.judge(4, self.write("answer.json", json.dumps(answer)), *given)
        for answer in ('{"quote": 1}', '{"quote": "', '{"a": "%s"}' % data.hex(),
                       '{"quote": "%s", "quote": ""}' % data.hex(), '{"quote": "zz"}', "{}"):
            self.assertEqual(self.judge(1, self.write("answer.json", answer), *given)["stage"],
                             "quote")
        for content in (b"", b"\0", data[:-1], b"zz", data[:3] + b"\x01" + data[4:], b"\xff" * 5000):
            with open(self.path("cut"), "wb") as f:
                f.write(content)
            report = self.judge(1, self.path("cut"), *given)
            self.assertIn(report["stage"], ("quote", "signature", "pck-chain"))

    def test_too_long(self):
        """What is longer than there may be is malformed, and no failure of this machine."""
        quote, collateral, root = self.make("tdx-v4")
        data = pathlib.Path(quote).read_bytes()
        judged = [collateral, "--at", TIME, "--root", root]

        def longer(name, start, n, fill):
            with open(self.path(name), "wb") as f:
                f.write(start + fill * (n - len(start)))
            return self.path(name)

        # What follows a quote does not matter, up to the limit.
        most = 1 << 20
        self.judge(4, longer("huge", data, most, b"\xff"), "--collateral", *judged)
        text = data.hex().encode()
        self.judge(4, longer("huge", text, 2 * most, b"\n"), "--collateral", *judged)
        self.judge(4, longer("huge", text, 2 * most, b"a"), "--collateral", *judged)
        for start, n, fill in ((data, most + 1, b"\xff"), (data, 3 * most, b"\xff"),
                               (b"", 3 * most, b"\0"), (text, 2 * most + 2, b"a"),
                               (text, 2 * most + 40, b"a"), (text, 5 * most, b"a"),
                               (text, 5 * most, b"\n"), (b"", 3 * most, b"\n")):
            huge = longer("huge", start, n, fill)
            report = self.judge(1, huge, "--collateral", *judged)
            self.assertEqual((report["ok"], report["stage"], report["detail"]),
                             (False, "quote", "a quote is at most 1048576 bytes long"))
            done = self.teelog("quote", "verify", huge, "--collateral", *judged, code=1)
            self.assertTrue(done.stdout.startswith("REJECT: "), done.stdout)
            done = self.teelog("quote", "show", huge, "--json", code=1)
            self.assertIn("at most 1048576 bytes", done.stderr)
        # Collateral, at the limit and above it.
        text = pathlib.Path(collateral).read_bytes()
        self.judge(4, quote, "--collateral", longer("huge", text, most, b" "), *judged[1:])
        for n in (most + 1, 5 * most):
            report = self.judge(1, quote, "--collateral", longer("huge", text, n, b" "), *judged[1:])
            self.assertEqual((report["ok"], report["stage"], report["detail"]),
                             (False, "collateral", "collateral is at most 1048576 bytes long"))
        # An event log. That this one is of another quote shows later.
        for n in (most + 1, 5 * most):
            huge = longer("huge", b"[]", n, b" ")
            report = self.judge(1, quote, "--collateral", *judged, "--event-log", huge)
            self.assertIn("longer than 1048576 bytes", json.dumps(report))
            done = self.teelog("quote", "eventlog", huge, "--quote", quote, "--json", code=1)
            shown = json.loads(done.stdout)
            self.assertFalse(shown["ok"])
            self.assertIn("longer than 1048576 bytes", done.stdout)

    def test_wrong_usage(self):
        quote, collateral, root = self.make("sgx-v3")
        for arguments in ([], ["nonsense"], ["verify"], ["verify", quote], ["show"],
                          ["show", quote, quote], ["eventlog", quote], ["eventlog"],
                          ["verify", quote, "--collateral", collateral, "--at", "x"],
                          ["verify", quote, "--collateral", collateral, "--root", collateral]):
            with self.subTest(arguments=arguments):
                done = self.teelog("quote", *arguments, code=2)
                self.assertTrue(done.stderr.startswith("teelog: "), done.stderr)
                self.assertEqual(done.stdout, "")
        self.teelog("quote", "verify", self.path("none"), "--collateral", collateral, code=3)
        report = self.judge(1, quote, "--collateral", self.write("empty", ""), "--at", TIME)
        self.assertEqual(report["stage"], "collateral")
        text = self.teelog("quote", "verify", quote, "--collateral", self.path("empty"), code=1)
        self.assertIn("What to do: teelog quote collateral", text.stdout)
        text = self.teelog("quote", "verify", quote, "--collateral", collateral, "--at", TIME, code=1)
        self.assertTrue(text.stdout.startswith("REJECT: not genuine, at root: "), text.stdout)
        self.assertNotIn("What to do", text.stdout)

    def test_show(self):
        for kind in KINDS:
            quote = self.make(kind)[0]
            shown = json.loads(self.teelog("quote", "show", quote, "--json").stdout)
            self.assertFalse(shown["verified"])
            self.assertIn("not verified", self.teelog("quote", "show", quote).stdout)
        self.teelog("quote", "show", self.write("junk", "junk"), code=1)

    def test_event_logs(self):
        if not VECTORS.exists():
            self.skipTest("skipped: the shared vectors are not there")
        logs = VECTORS / "eventlog"
        with open(logs / "near-mpc-quote.json", encoding="utf-8") as f:
            quote = self.write("near", bytes(json.load(f)).hex())
        near = [str(logs / "near-mpc-tcb-info.json"), "--quote", quote]
        compose = str(logs / "near-mpc-app-compose.json")
        shown = json.loads(self.teelog("quote", "eventlog", *near, "--compose", compose,
                                       "--json").stdout)
        self.assertTrue(shown["ok"])
        self.assertTrue(all(r["ok"] for r in shown["rtmr"]))
        self.teelog("quote", "eventlog", *near, "--compose", quote, code=1)
        for name in ("dstack-quote-report.json", "dstack-tdx-lite-getquote.json"):
            with open(logs / name, encoding="utf-8") as f:
                other = self.write("other", json.load(f)["quote"])
            self.teelog("quote", "eventlog", str(logs / name), "--quote", other)
            self.teelog("quote", "eventlog", str(logs / name), "--quote", quote, code=1)
        # The same in one verdict, pinned by what dstack measures.
        case = next((VECTORS / "real").glob("near-mpc*"))
        given = [str(case / "quote.bin"), "--collateral", str(case / "collateral.json"), "--at",
                 "1786622400", "--event-log", near[0], "--compose", compose]
        shown = self.judge(4, *given)
        pins = {n: [shown[n]] for n in ("mrtd", "rtmr0", "rtmr1", "rtmr2", "compose_hash",
                                        "key_provider")}
        policy = self.write("dstack.json", json.dumps(
            {"teelog_policy": 1, "evidence": [{"platform": "tdx-dstack", **pins}]}))
        self.assertTrue(self.judge(0, *given, "--policy", policy)["pinned"])
        report = self.judge(1, *given[:5], "--policy", policy)
        self.assertIn("--event-log", report["policy"][-1]["detail"])
        report = self.judge(1, *given[:-1], quote)
        self.assertEqual(report["stage"], "compose")

    def test_vectors(self):
        if not VECTORS.exists():
            self.skipTest("skipped: the shared vectors are not there")
        cases = sorted(VECTORS.glob("*/*/case.json"))
        self.assertEqual(len(cases), 258)
        for path in cases:
            with self.subTest(case=path.parent.name):
                with open(path, encoding="utf-8") as f:
                    case = json.load(f)
                root = path.parent / "root_ca.pem"
                done = subprocess.run(
                    [TEELOG, "quote", "verify", path.parent / "quote.bin", "--collateral",
                     path.parent / "collateral.json", "--at", str(case["verify_time"]),
                     *(["--root", root] if root.exists() else []), "--json"],
                    capture_output=True, text=True, check=False)
                report = json.loads(done.stdout)
                error = case["expected"].startswith("error")
                self.assertEqual(report["ok"], not error)
                self.assertEqual(report["tcb_status"], None if error else case["expected"])
                if "advisories" in case and not error:
                    self.assertEqual(report["advisories"], case["advisories"])
                default = case["expected"] in ("UpToDate", "SWHardeningNeeded")
                if error or not default or "default_policy" in case:
                    self.assertEqual((report["verdict"], done.returncode), ("reject", 1))
                else:
                    attributes = next(r for r in report["policy"] if r["rule"] == "attributes")
                    self.assertEqual(done.returncode, 4 if attributes["ok"] else 1)


if __name__ == "__main__":
    main()
