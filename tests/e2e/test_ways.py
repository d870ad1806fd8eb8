"""The ways to a log: the newcomer's ten lines, `teelog run` with elizaOS, attested TLS, and the client without
elizaOS, with whatever may stand between it and its log."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

os.environ.setdefault("AGENT_C", "/bin/false")  # clients of other languages are tried elsewhere
from elizaos import HERE, PACKAGE, ROOT, TEELOG, Agents, Case, Service, compile_ts, ready  # noqa: E402
import liar  # noqa: E402
import test_clients  # noqa: E402


def lines_of_readme():
    text = (PACKAGE / "README.md").read_text(encoding="utf-8")
    return re.search(r"## From npm install.*?```sh\n(.*?)```", text, re.S)[1].splitlines()


class Newcomer(Case):
    def test_ten_lines(self):
        ready("2")  # or skipped
        lines = lines_of_readme()
        self.assertLessEqual(len(lines), 10)
        shutil.copytree(PACKAGE, self.path("integrations/elizaos"), ignore=shutil.ignore_patterns("node_modules", "dist"))
        os.mkdir(self.path("agent"))
        for name in ("package.json", "package-lock.json"):  # what a newcomer has of them is what the registry has that day
            shutil.copy(HERE.parent / "interop" / "npm" / "elizaos_2" / name, self.path("agent"))
        done = subprocess.run(["sh", "-ec", "\n".join(lines)], cwd=self.dir, capture_output=True, text=True, timeout=900,
                              env={**self.env, "HOME": self.dir, "npm_config_prefer_offline": "true", "npm_config_audit": "false",
                                   "npm_config_cache": os.environ.get("npm_config_cache", os.path.expanduser("~/.npm"))}, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])
        self.assertIn("TRUSTED (simulated)", done.stdout)
        self.assertIn("(the money moves: pay bob 5)", done.stdout)
        self.assertRegex(done.stdout, r"statement \d+: Action:PAY, signed")
        intent, moved = done.stdout.index("Action:PAY, signed"), done.stdout.index("the money moves")
        self.assertLess(moved, intent)  # the reply comes after; that it was logged before, the records say
        self.assertIn('"phase":"intent"', done.stdout)

    def test_links(self):
        for page in (PACKAGE / "README.md", ROOT / "docs" / "elizaos.md"):
            for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
                if "://" not in link:
                    self.assertTrue((page.parent / link).exists(), f"{page.name}: {link}")


class Run(Case):
    def test_teelog_run(self):
        """An agent and its log by one command; what was started is in the log too."""
        folder = ready("2")
        shutil.copy(PACKAGE / "examples" / "first.mjs", folder)
        done = subprocess.run([TEELOG, "run", "--data", self.data, "--tee", "sim", "--export", self.path("b"), "--", "node", "first.mjs"],
                              cwd=folder, capture_output=True, text=True, env=self.env, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        self.teelog("policy", "init", "b", "-o", "policy")
        report = self.verdict("b", "--policy", "policy")
        self.assertEqual(report["verdict"], "TRUSTED")
        agents = {a["agent"]: a["count"] for a in report["scope"]["agents"]}
        self.assertEqual(agents["teelog-run"], 4)  # session, start, exit, end
        self.assertEqual(len(agents), 2)  # and it


class AttestedTls(Case):
    def setUp(self):
        super().setUp()
        self.folder = ready("2")
        self.service = self.serve("--origin", "example.org/log", "--listen", "127.0.0.1:0", "--ra-tls", "full")
        self.url = "https://127.0.0.1:" + re.search(r"listening on \S+:(\d+)", self.service.ready)[1]
        self.append([{"agentId": "x", "roomId": "", "userId": "", "type": "t", "content": ""}])
        self.teelog("export", "--data", self.data, "-o", "b")
        self.teelog("policy", "init", "b", "-o", "policy")
        self.teelog("token", "create", "--data", self.data, "--scope", "append", "-o", "token")

    def agents(self, **env):
        return Agents(self.folder, "2", {**self.env, "TEELOG_URL": self.url, "TEELOG_TOKEN_FILE": self.path("token"), "TEE_LOG_WAIT_MS": "30000",
                                           "TEELOG_LOG_KEY": self.service.status()["logKey"], "TEELOG_PROGRAM": TEELOG, **env}, self.path("agent.err"))

    def message(self, **env):
        agents = self.agents(**env)
        try:
            agents.ask("start", agent="Tee")
            return agents.ask("message", agent="Tee", text="pay", actions=["CHECK_BALANCE"], reply="x")
        finally:
            agents.close()

    def policy(self, change):
        policy = json.loads(pathlib.Path(self.path("policy")).read_text(encoding="utf-8"))
        change(policy)
        pathlib.Path(self.path("changed")).write_text(json.dumps(policy), encoding="utf-8")
        return self.path("changed")

    def test_the_code_that_is_pinned(self):
        self.assertEqual(self.message(TEELOG_PEER_POLICY=self.path("policy"))["ran"], ["CHECK_BALANCE"])

    def test_many_requests_of_one_connection(self):
        agents = self.agents(TEELOG_PEER_POLICY=self.path("policy"))
        self.addCleanup(agents.close)
        agents.ask("start", agent="Tee")
        took = agents.ask("measure", agent="Tee", action="CHECK_BALANCE", times=3, file=self.path("raw"))["p50"]
        print(f"over attested TLS an action takes {took['action']:.2f} ms at p50, one append {took['append']:.2f}, fdatasync {took['fdatasync']:.2f}")
        self.assertLess(took["action"], 500)  # where a connection is good for one request it is a second
        for _ in range(4):
            agents.tell("service", agent="Tee", method="getAllAgents", args=[])
        for _ in range(4):
            self.assertIn("scope read", agents.answer()["error"])

    def refused(self, words, **env):
        size = self.service.status()["size"]
        answer = self.message(TEE_LOG_WAIT_MS="2500", **env)
        self.assertEqual(answer["ran"], [])
        self.assertRegex(json.dumps(answer["replies"]), words)
        self.assertEqual(self.service.status()["size"], size)

    def test_other_code(self):
        def other(policy):
            policy["evidence"][0]["mrenclave"] = ["ab" * 32]

        def unpinned(policy):
            del policy["evidence"][0]["mrenclave"]

        for change in (other, unpinned):
            self.refused("not what the policy pins", TEELOG_PEER_POLICY=self.policy(change))

    def test_a_signer_is_not_the_code(self):
        """What `teelog quote verify` says of a policy that pins the signer alone."""
        program = pathlib.Path(self.path("teelog"))
        program.write_text(f"#!/bin/sh\n{TEELOG} \"$@\" | sed 's/\"pin\": *\"code\"/\"pin\":\"signer\"/'\n", encoding="utf-8")
        program.chmod(0o755)
        self.refused("its signer at most", TEELOG_PEER_POLICY=self.path("policy"), TEELOG_PROGRAM=str(program))

    def test_no_pin_and_no_authority(self):
        self.refused("could not be logged", TEELOG_URL=self.url)


class Patient(liar.Liar):
    """The client looks at the checkpoint before it sends anything: that is answered as it is."""

    def passed_on(self, request):
        request = re.sub(rb"(?i)connection: [^\r]*\r\n", b"", request)
        return re.sub(rb"(?i)connection: close\r\n", b"", liar.ask(self.service, request))

    def _request(self, connection):
        while request := super()._request(connection):
            if not request.startswith(b"GET"):
                return re.sub(rb"(?i)connection: [^\r]*\r\n", b"", request)
            connection.sendall(self.passed_on(request))
        return None


class TypeScript(test_clients.Agents):
    """examples/agent.ts, where those of other languages are tried as well."""
    repeating, between = ("TypeScript",), Patient

    @classmethod
    def setUpClass(cls):
        folder = ready("2")
        shutil.copy(ROOT / "examples" / "agent.ts", folder)
        done = compile_ts(folder, "--module", "nodenext", "agent.ts")
        if done.returncode != 0:
            raise AssertionError(done.stdout)
        cls.agents = {"TypeScript": ["node", str(folder / "agent.js")]}

    def test_under_teelog_run(self):
        done = self.teelog("run", "--data", self.path("run"), "--tee", "sim", "--export", "bundle", "--", *self.agents["TypeScript"], stdin="bob 5\n")
        self.assertIn("paid bob 5\n", done.stdout)
        self.teelog("policy", "init", "bundle", "-o", "policy")
        self.assertEqual(self.verdict("bundle", "--policy", "policy")["verdict"], "TRUSTED")


class Types(unittest.TestCase):
    def test_the_plugin_is_one_of_elizaos(self):
        """For who writes TypeScript: it is a Plugin of both cores."""
        for version in ("1", "2"):
            folder = ready(version)
            (folder / "types.ts").write_text("import type {Plugin} from '@elizaos/core';\nimport {teeLogPlugin} from 'plugin-teelog';\n"
                                             "export const plugin: Plugin = teeLogPlugin;\n", encoding="utf-8")
            done = compile_ts(folder, "--module", "esnext", "--moduleResolution", "bundler", "--noEmit", "--skipLibCheck", "types.ts")
            self.assertEqual(done.returncode, 0, done.stdout)


del test_clients.Agents, Service
if __name__ == "__main__":
    unittest.main()
