#!/usr/bin/env python3
"""The model of logs, witnesses and the host, exhausted by spin; TAP on standard output.

usage: check_model.py [NAME…]

HOLDS: every order of events, and no promise is broken. BREAKS: one thing that the promises rest
on is taken out, and spin must find how they break. REACHES: states that the model must come to.
With TEELOG_LONG=1 the bounds are wider. docs/model.md says what it all means.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

LONG = os.environ.get("TEELOG_LONG") == "1"
HERE = pathlib.Path(__file__).resolve().parent
PROMISES = ("one_history", "nothing_lost", "proven_before_boot", "on_the_only_history",
            "frozen_is_still", "no_false_alarm", "one_voice")

# k of n witnesses, of which f lie, with 2k > n + f.
ONE_LIES = {"WITNESSES": 4, "FAULTY": 1, "QUORUM": 3}
FIVE = {"WITNESSES": 5, "FAULTY": 1, "QUORUM": 4}
NO_HOST = {"HOST": 0, "NODES": 6}

HOLDS = {
    "2 of 3": {"NODES": 5},
    "3 of 4, one lies": ONE_LIES,
    "4 of 5, one lies": FIVE,
    "2 of 3, both disks put back": {"HOST": 2},
    "2 of 3, answers to this start": {"REPLAYS": 0},
    "2 of 3, degraded starts": {"DEGRADED": 1},
    "2 of 3, a host that only stops it": NO_HOST,
    "3 of 4, one lies, a host that only stops it": {**ONE_LIES, **NO_HOST},
    "2 of 3, degraded starts, a host that only stops it": {"DEGRADED": 1, "HOST": 0, "NODES": 5},
}
LONGER = {
    "2 of 3, both disks put back, 5": {"HOST": 2, "NODES": 5},
    "4 of 5, one lies, 5": {**FIVE, "NODES": 5},
    "3 of 4, one lies, degraded starts": {**ONE_LIES, "DEGRADED": 1, "HOST": 2},
}
BREAKS = {
    "no fence": ("on_the_only_history", {"NO_PROVING": 1, "NO_FENCE": 1}),
    "no fence after the boot": ("on_the_only_history", {"NO_FENCE": 1}),
    "no proof before the boot": ("proven_before_boot", {"NO_PROVING": 1, "REPLAYS": 0}),
    "a degraded start that is not told": ("on_the_only_history", {"DEGRADED": 1, "QUIET_DEGRADED": 1}),
    "a witness answers before it stores: forks": ("one_history", {"EARLY_ANSWER": 1}),
    "a witness answers before it stores: loss": ("nothing_lost", {"EARLY_ANSWER": 1}),
    "1 of 3: forks": ("one_history", {"QUORUM": 1}),
    "1 of 3: loss": ("nothing_lost", {"QUORUM": 1}),
    "2 of 3, one lies: forks": ("one_history", {"FAULTY": 1}),
    "2 of 3, one lies: loss": ("nothing_lost", {"FAULTY": 1}),
    "2 of 4: forks": ("one_history", {"WITNESSES": 4}),
    "a note before it is durable: a fork of its own": ("one_voice", {"EARLY_NOTE": 1, **NO_HOST}),
    "a note before it is durable: frozen by itself": ("no_false_alarm", {"EARLY_NOTE": 1, **NO_HOST}),
    "cosigned is said too early": ("nothing_lost", {"EARLY_ACK": 1}),
    "proof is not looked at": ("frozen_is_still", {"NO_FREEZE": 1}),
    "proof is not kept": ("frozen_is_still", {"FORGETFUL_FREEZE": 1, "DEGRADED": 1}),
    "one witness's word freezes": ("no_false_alarm", {"FREEZE_ON_WORD": 1, **ONE_LIES, **NO_HOST}),
}
REACHES = {
    "all is acknowledged": ({}, "acked == 15"),
    "a copy of the newest disk goes on": ({}, "phase[1] == OPEN && depth[disk[1]] == 3"),
    "and the original is frozen": ({}, "phase[1] == OPEN && phase[0] == FROZEN && kept[0]"),
    "an older disk gets no further than its boot":
        ({}, "phase[1] == BOOTING && disk[1] == memory[1] && behind[1]"),
    "a start that cannot prove what is stored":
        ({}, "phase[1] == PROVING && HAS(quorums, 1) && !AGREE(1, disk[1]) && quorums != 1"),
    "two boots wait on two histories":
        ({}, "phase[0] == BOOTING && phase[1] == BOOTING && !AGREE(boot[0], boot[1])"),
    "records of a degraded start on a fork":
        ({"DEGRADED": 1}, "phase[1] == OPEN && degraded[1] && behind[1] && memory[1] != boot[1]"),
    "a degraded start is made good": ({"DEGRADED": 1}, "CAN_MEND(1)"),
    "a crash takes what was not committed": (NO_HOST, "CAN_START(0) && disk[0] == 1 && made == 2"),
}


def pan(name, flags, optimise):
    """What the exhausted model says: its output."""
    with tempfile.TemporaryDirectory(prefix="teelog-model-") as folder:
        for path in HERE.glob("*.pml"):
            shutil.copy(path, folder)
        defines = [f"-D{key}={value}" for key, value in {"NODES": 4, **flags}.items()
                   if key != "REACH"]

        def run(*words):
            done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.STDOUT)
            return done.returncode, done.stdout

        if "REACH" in flags:
            free = pathlib.Path(folder, "free.pml")
            free.write_text(f"#define REACH ({flags['REACH']})\n" + free.read_text("utf-8"), "utf-8")
        code, said = run("spin", *defines, "-a", "free.pml")
        if code or "rror" in said:
            return "spin: " + said
        code, said = run(os.environ.get("CC", "cc").split()[-1], optimise, "-w", "-DSAFETY", "-DNOFAIR",
                         *(["-DCOLLAPSE"] if LONG else []), "-o", "pan", "pan.c")
        if code:
            return "cc: " + said
        return run("./pan", "-m1000000", "-w24")[1]


def judge(name, flags, promise):
    """None where all is as it must be; else what is wrong. promise: what must break, or None."""
    said = pan(name, flags, "-O2" if promise is None else "-O1")
    states = re.search(r"(\d+) states, stored", said)
    whole = "max search depth too small" not in said and "Search not completed" not in said
    broken = re.search(r"assertion violated \(?(\w+)", said)
    found = broken[1] if broken else None
    if found == promise and states and (promise or (whole and "errors: 0" in said)):
        return f"# {name}: " + (f"{found} breaks" if found else states[1] + " states"), True
    return f"# {name}: {found} in place of {promise}\n# " + said.replace("\n", "\n# "), False


def cases():
    holds = {**HOLDS, **(LONGER if LONG else {})}
    for name, flags in holds.items():
        yield name, flags, None
    for name, (promise, flags) in BREAKS.items():
        yield name, {**flags, "ONLY": PROMISES.index(promise) + 1}, promise
    for name, (flags, state) in REACHES.items():
        yield name, {**flags, "REACH": state}, "not_reached"


def main():
    if not shutil.which("spin"):
        print("1..0 # SKIP spin is not installed")
        return 77
    wanted = [case for case in cases() if not sys.argv[1:] or case[0] in sys.argv[1:]]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        for number, (case, (text, good)) in enumerate(
                zip(wanted, workers.map(lambda case: judge(*case), wanted)), 1):
            print(f"{text}\n{'ok' if good else 'not ok'} {number} - {case[0].replace(' ', '-')}", flush=True)
            failed += not good
    print(f"1..{len(wanted)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
