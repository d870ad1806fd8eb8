"""A real elizaOS runtime, offline with a model that says what it is told, and teelog beside it: what
happened is what the log has, one to one, and what cannot be logged does not happen."""
import collections
import json
import os
import pathlib
import signal
import subprocess
import unittest

from elizaos import Agents, Case, Service, ready

MINE = ("TRANSFER_FUNDS", "CHECK_BALANCE", "THROWS", "FAILS", "LOOKS")
WHY = "could not be logged"


def once(test):
    """What is of the plugin alone is tried with one version of elizaOS, and that is the quick one."""
    def run(self):
        if self.version == "2":
            test(self)
    return run


class Elizaos(Case):
    version = None

    @classmethod
    def setUpClass(cls):
        if cls.version is None:
            raise unittest.SkipTest("of each version below")
        cls.folder = ready(cls.version)

    def setUp(self):
        super().setUp()
        self.options = ("--origin", "example.org/log")
        self.service = self.serve(*self.options)
        self.key = self.service.status()["logKey"]

    def agents(self, **env):
        a = Agents(self.folder, self.version, {**self.env, "TEELOG_SOCKET": self.service.socket, "TEELOG_LOG_KEY": self.key,
                                               "TEE_LOG_WAIT_MS": "10000", **env}, self.path("agent.err"))
        self.addCleanup(a.close)
        return a

    def start(self, agents, name="Tee"):
        return agents.ask("start", agent=name)["agentId"]

    def records(self, agent):
        """Of this agent, oldest first, with what their contents say."""
        out, cursor = [], ""
        while True:
            page = json.loads(self.service.get(f"/v1/records?agent={agent}&limit=1000{cursor}")[2])
            out += [r for r in page["records"] if not r["type"].startswith("teelog.")]
            if "next" not in page:
                break
            cursor = "&cursor=" + page["next"]
        for r in out:
            r["said"] = json.loads(r["content"]) if r["type"].startswith(("Action:", "Model:")) or r["content"].startswith("{") else {}
        return out

    def pairs(self, records):
        """(name, intent, outcome) of each action; each intent has one outcome, of the same action."""
        answers = collections.defaultdict(list)
        for r in records:
            if "ref" in r:
                answers[r["ref"]].append(r)
        out = []
        for r in records:
            if r["type"].startswith("Action:") and r["said"]["phase"] == "intent":
                [outcome] = answers.pop(r["index"])
                self.assertEqual(outcome["type"], r["type"])
                out.append((r["said"]["action"], r, outcome))
        self.model_calls(records, answers)
        return out

    def model_calls(self, records, answers):
        for intent in (r for r in records if r["type"].startswith("Model:") and r["said"]["phase"] == "intent"):
            outcomes = [(o["type"], o["said"]["phase"]) for o in answers.pop(intent["index"], [])]
            self.assertIn(outcomes, ([(intent["type"], "result")], []))  # none yet of one that still runs
        self.assertEqual(answers, {}, "an outcome without an intent")

    def ran(self, records):
        return [name for name, _, outcome in self.pairs(records) if outcome["said"]["phase"] != "refusal" and name in MINE]

    def exported(self):
        self.teelog("export", "--data", self.data, "-o", self.path("log.teelog"))
        self.teelog("policy", "init", self.path("log.teelog"), "-o", self.path("policy.json"))
        return self.path("log.teelog")

    def trusted(self):
        bundle = self.exported()
        policy = json.loads(pathlib.Path(self.path("policy.json")).read_text(encoding="utf-8"))
        self.assertEqual(policy["log"]["keys"], [self.key])
        self.assertEqual(self.verdict(bundle, "--policy", self.path("policy.json"))["verdict"], "TRUSTED")

    def test_what_happened_is_what_is_logged(self):
        agents = self.agents()
        tee = self.start(agents)
        scenes = [
            ("hi", {"actions": ["REPLY"], "reply": "Hello there"}, []),
            ("pay bob", {"actions": ["TRANSFER_FUNDS"], "reply": "paying"}, ["TRANSFER_FUNDS"]),
            ("balance, then pay", {"actions": ["CHECK_BALANCE", "TRANSFER_FUNDS"], "reply": "both"}, ["CHECK_BALANCE", "TRANSFER_FUNDS"]),
            ("break", {"actions": ["THROWS"], "reply": "trying"}, ["THROWS"]),
            ("too much", {"actions": ["FAILS"], "reply": "trying"}, ["FAILS"]),
            ("look", {"actions": ["LOOKS"], "reply": "looking"}, ["LOOKS"]),
            ("fly", {"actions": ["FLY_TO_THE_MOON"], "reply": "up"}, []),
        ]
        did, said, answers = [], [], []
        for text, script, expected in scenes:
            answer = agents.ask("message", agent="Tee", text=text, **script)
            with self.subTest(text=text):
                self.assertEqual(answer["ran"], expected)
            did += answer["ran"]
            said += [r.get("text") for r in answer["replies"]]
            answers.append(answer)
        agents.ask("stop", agent="Tee")
        records = self.records(tee)
        self.assertEqual(self.ran(records), did)
        phases = {name: outcome["said"]["phase"] for name, _, outcome in self.pairs(records)}
        self.assertEqual({k: v for k, v in phases.items() if k in MINE},
                         {"TRANSFER_FUNDS": "result", "CHECK_BALANCE": "result", "THROWS": "failure", "FAILS": "failure", "LOOKS": "result"})
        # Its handler has asked the log itself: there its intent was, before it ran.
        [(intent, outcome)] = [(i, o) for n, i, o in self.pairs(records) if n == "LOOKS"]
        self.assertEqual(outcome["said"]["result"]["data"]["seen"], [intent["index"]])
        self.assertEqual([r["content"] for r in records if r["type"] == "Message:in"], [text for text, _, _ in scenes])
        self.assertEqual([r["content"] for r in records if r["type"] == "Message:out"], said)
        self.assertNotIn("Action:FLY-TO-THE-MOON", [r["type"] for r in records])
        [thrown] = [o for n, _, o in self.pairs(records) if n == "THROWS"]
        self.assertEqual(thrown["said"]["error"], {"name": "Error", "message": "the chain is down"})
        [failed] = [o for n, _, o in self.pairs(records) if n == "FAILS"]
        self.assertEqual(failed["said"]["result"]["error"], "not enough")
        calls = answers[-1]["calls"]
        asked = [r for r in records if r["type"].startswith("Model:") and r["said"]["phase"] == "intent"]
        logged = collections.Counter(r["said"]["model"] for r in asked)
        self.assertEqual(sum(v for k, v in logged.items() if k != "TEXT_EMBEDDING"), sum(v for k, v in calls.items() if k != "TEXT_EMBEDDING"))
        self.assertTrue(all(set(r["said"]["prompt"]) == {"sha256", "bytes"} for r in asked))
        self.receipts(answers, records)
        self.trusted()

    def receipts(self, answers, records):
        """Replies carry the receipts of what led to them."""
        by_index = {r["index"]: r for r in records}
        replies = [r for a in answers for r in a["replies"]]
        self.assertGreaterEqual(len(replies), 3)
        for reply in replies:
            told = reply["metadata"]["teelog"]
            self.assertEqual(told["log"], self.key)
            for receipt in told["records"]:
                self.assertEqual(receipt["leafHash"], by_index[receipt["index"]]["leafHash"])
                self.assertEqual(receipt["type"], by_index[receipt["index"]]["type"])
            last = by_index[told["records"][-1]["index"]]
            self.assertEqual((last["type"], last["content"]), ("Message:out", reply["text"]))

    def test_killed_in_the_middle(self):
        agents = self.agents(TEE_LOG_WAIT_MS="700")
        tee = self.start(agents)
        agents.ask("message", agent="Tee", text="one", actions=["TRANSFER_FUNDS"])
        agents.tell("message", agent="Tee", text="two", actions=["TRANSFER_FUNDS"], hold=True)
        self.assertEqual(agents.answer(), {"held": True})
        self.service.stop(signal.SIGKILL)
        agents.tell("go")
        answer = [a for a in (agents.answer(), agents.answer()) if a][0]
        self.assertEqual(answer["ran"], [])
        self.assertIn(WHY, answer["replies"][0]["text"])
        answer = agents.ask("message", agent="Tee", text="three", actions=["TRANSFER_FUNDS"])
        self.assertEqual(answer["ran"], [])
        self.assertIn(WHY, answer["replies"][0]["text"])
        self.service.__exit__()
        self.service = self.serve(*self.options)
        self.assertEqual(self.service.status()["logKey"], self.key)
        answer = agents.ask("message", agent="Tee", text="four", actions=["TRANSFER_FUNDS"])
        self.assertEqual(answer["ran"], ["TRANSFER_FUNDS"])
        agents.ask("stop", agent="Tee")
        records = self.records(tee)
        self.assertEqual([(i["said"]["text"], o["said"]["phase"]) for _, i, o in self.pairs(records)],
                         [("one", "result"), ("two", "refusal"), ("three", "refusal"), ("four", "result")])
        self.assertEqual([r["content"] for r in records if r["type"] == "Message:in"], ["one", "two", "three", "four"])
        self.assertEqual(self.ran(records), ["TRANSFER_FUNDS"] * 2)
        self.trusted()

    def test_killed_again_and_again(self):
        """While it acts: whatever was under way, each handler that ran has one intent and one outcome."""
        agents = self.agents(TEE_LOG_WAIT_MS="400")
        tee = self.start(agents)
        self.until_it_runs(agents)
        did = []
        for round_ in range(3):
            agents.tell("calls", agent="Tee", action="CHECK_BALANCE", text=f"round {round_}")
            self.assertEqual(agents.answer(), {"began": True})
            self.service.stop(signal.SIGKILL)
            self.service.__exit__()
            self.service = self.serve(*self.options)
            agents.ask("enough")  # a few more, and the answer to all of it comes
            answer = agents.answer()
            did += answer["ran"]
            print(f"elizaOS {self.version}: the log was killed and started again, {answer['gap']:.0f} ms without an action")
        agents.ask("stop", agent="Tee")
        pairs = [(i["said"]["text"], o["said"]["phase"]) for _, i, o in self.pairs(self.records(tee)) if i["said"]["text"] != "x"]
        self.assertEqual(len(pairs), len({text for text, _ in pairs}), "an action is in the log twice")
        self.assertEqual([text for text, phase in pairs if phase == "result"], did)
        self.trusted()

    @once
    def test_open_where_that_is_wished(self):
        agents = self.agents(TEE_LOG_WAIT_MS="200", TEE_LOG_FAIL="open")
        tee = self.start(agents)
        agents.ask("message", agent="Tee", text="one", actions=["TRANSFER_FUNDS"])
        self.service.stop(signal.SIGKILL)
        self.assertEqual(agents.ask("message", agent="Tee", text="two", actions=["TRANSFER_FUNDS"])["ran"], ["TRANSFER_FUNDS"])
        self.service.__exit__()
        self.service = self.serve(*self.options)
        self.assertEqual(agents.ask("message", agent="Tee", text="three", actions=["TRANSFER_FUNDS"])["ran"], ["TRANSFER_FUNDS"])
        agents.ask("stop", agent="Tee")
        self.assertEqual(self.ran(self.records(tee)), ["TRANSFER_FUNDS"] * 3)  # what waited came after all

    @once
    def test_another_log(self):
        """A host that routes to another genuine log: nothing runs."""
        other = self.path("other")
        os.mkdir(other)
        with Service(other, "--origin", "example.org/log", env=self.env) as service:
            agents = self.agents(TEELOG_SOCKET=service.socket, TEE_LOG_WAIT_MS="300")
            self.start(agents)
            answer = agents.ask("message", agent="Tee", text="pay", actions=["TRANSFER_FUNDS"])
            self.assertEqual(answer["ran"], [])
            self.assertIn("this is another log", answer["replies"][0]["text"])

    @once
    def test_no_pin_no_start(self):
        agents = self.agents(TEELOG_LOG_KEY="")
        agents.tell("start", agent="Tee")
        self.assertIn("TEELOG_LOG_KEY is missing", agents.answer()["failed"])

    def until_it_runs(self, agents):
        for _ in range(200):
            ran = len(agents.ask("call", agent="Tee", action="CHECK_BALANCE")["ran"])
            if ran:
                return ran
        raise AssertionError("it does not go on")

    @once
    def test_stalled(self):
        """A service that is there and does not answer: what waits is bounded, and nothing runs."""
        agents = self.agents(TEE_LOG_WAIT_MS="20", TEE_LOG_QUEUE_BYTES=str(1 << 20))
        tee = self.start(agents)
        ran = self.until_it_runs(agents)
        before = agents.ask("memory")
        self.service.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(300):
                answer = agents.ask("call", agent="Tee", action="CHECK_BALANCE", message="x" * 60000)
                self.assertEqual(answer["ran"], [])
                self.assertFalse(answer["result"]["success"])
            self.assertIn("records wait for the log already", answer["result"]["text"])
            after = agents.ask("memory")
        finally:
            self.service.process.send_signal(signal.SIGCONT)
        # 300 intents of 60 KB are 18 MB.
        self.assertLess(after["heap"] - before["heap"], 12 << 20)
        ran += self.until_it_runs(agents)
        agents.ask("stop", agent="Tee")
        outcomes = [o["said"]["phase"] for _, _, o in self.pairs(self.records(tee))]
        self.assertEqual(outcomes.count("result"), ran)
        self.assertGreater(outcomes.count("refusal"), 0)

    def test_time_and_identity(self):
        agents = self.agents()
        self.start(agents)
        answer = agents.ask("measure", agent="Tee", action="CHECK_BALANCE", times=15, file=self.path("raw"))
        self.assertTrue(answer["same"], "a handler's result is another object")
        self.assertFalse(answer["shared"], "the plugin's own action was changed")
        p50, p99 = answer["p50"], answer["p99"]
        print(f"elizaOS {self.version}: an action takes {p50['action']:.2f} ms at p50 ({p99['action']:.2f} at p99), one by itself {p50['apart']:.2f}, its handler alone {p50['handler']:.3f}; "
              f"in the same run one durable append takes {p50['append']:.2f}, fdatasync of 4 KiB {p50['fdatasync']:.2f}")
        # A machine that is busy, or slow to sync a disk, is not the plugin's fault.
        self.assertLess(p50["action"] - p50["handler"], max(2, 2 * p50["append"]))

    @once
    def test_a_restart_is_a_new_session(self):
        sessions = []
        for text in ("one", "two"):
            agents = self.agents()
            tee = self.start(agents)
            agents.ask("message", agent="Tee", text=text, actions=["CHECK_BALANCE"])
            agents.close()  # killed
            sessions.append({r["session"] for r in self.records(tee)})
        self.assertEqual([len(s) for s in sessions], [1, 2])

    def test_several_agents(self):
        agents = self.agents()
        one, two = self.start(agents, "One"), self.start(agents, "Two")
        agents.ask("message", agent="One", text="first", actions=["TRANSFER_FUNDS"])
        agents.ask("message", agent="Two", text="second", actions=["CHECK_BALANCE"])
        agents.ask("stop", agent="One")
        self.assertEqual(agents.ask("message", agent="Two", text="third", actions=["CHECK_BALANCE"])["ran"], ["CHECK_BALANCE"])
        agents.ask("stop", agent="Two")
        self.assertEqual(self.ran(self.records(one)), ["TRANSFER_FUNDS"])
        self.assertEqual(self.ran(self.records(two)), ["CHECK_BALANCE"] * 2)
        self.trusted()


class Elizaos1(Elizaos):
    version = "1"


class Elizaos2(Elizaos):
    version = "2"


del Elizaos

if __name__ == "__main__":
    unittest.main()  # test_elizaos.py Elizaos1: one of them
