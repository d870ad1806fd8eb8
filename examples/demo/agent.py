#!/usr/bin/env python3
"""An agent that says what it does before it does it.

It replays the actions of a recorded elizaOS agent. Each record goes to one
`teelog append` that runs as long as the agent, and the agent waits for the
receipt before it goes on: no receipt, no action. The result of an action refers
back to the record of its intent.

usage: teelog run --data DIR --tee sim -- agent.py TRANSCRIPT
"""
import json
import subprocess
import sys


class Log:
    """Records in, receipts out, one at a time."""

    def __init__(self):
        self.append = subprocess.Popen(["teelog", "append"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)

    def record(self, action):
        self.append.stdin.write(json.dumps(action) + "\n")
        self.append.stdin.flush()
        receipt = json.loads(self.append.stdout.readline() or '{"error": "no answer"}')
        if "error" in receipt:
            sys.exit(f"agent: not logged, so not done: {receipt['error']}")
        return receipt

    def close(self):
        self.append.stdin.close()
        return self.append.wait()


def phase(action):
    """"intent", "result" or "error" for an action; None for messages and models."""
    if not action["type"].startswith("Action:"):
        return None
    return json.loads(action["content"]).get("phase")


def replay(log, transcript):
    intents = {}  # by type: the index under which the last one was logged
    count = 0
    for line in transcript:
        action = json.loads(line)
        if phase(action) in ("result", "error"):
            action["ref"] = intents[action["type"]]
        receipt = log.record(action)
        if phase(action) == "intent":
            intents[action["type"]] = receipt["index"]
            # Here the action itself would run.
        count += 1
        if count <= 5:
            say(action, receipt)
    print(f"  … {count} actions logged, the last as statement {receipt['index']} of "
          f"{receipt['treeSize']}")


def say(action, receipt):
    of = f" (result of {action['ref']})" if "ref" in action else ""
    print(f"  statement {receipt['index']}: {action['type']}{of}\n"
          f"    receipt {receipt['leafHash'][:16]}…, {receipt['class']}, "
          f"{'simulated' if receipt.get('simulated') else 'attested'}")


def main():
    log = Log()
    with open(sys.argv[1], encoding="utf-8") as transcript:
        replay(log, transcript)
    sys.exit(log.close())


main()
