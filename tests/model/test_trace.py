#!/usr/bin/env python3
"""The checker of traces: it takes what a right log does, and refuses each wrong thing."""
import copy
import hashlib
import os
import shutil
import sys
import unittest

import trace


class Seen:
    """Writes traces of logs that are made up."""

    def __init__(self):
        self.events, self.count, self.leaves = [], 0, {}

    def say(self, do, p, **more):
        self.events.append({"do": do, "log": p, **more})

    def begin(self, p, disk=None):
        self.leaves[p] = list(disk or [])
        self.say("begin", p, head=self.head(p) if disk else None)

    def add(self, p, kind=""):
        self.count += 1
        self.leaves[p].append([hashlib.sha256(b"%d" % self.count).hexdigest(), kind])

    def head(self, p, size=None):
        leaves = self.leaves[p][:size]
        return [len(leaves), trace.tree_root([bytes.fromhex(h) for h, _ in leaves]).hex()]

    def cosigned(self, p, *witnesses, size=None):
        size, root = self.head(p, size)
        self.say("note", p, size=size, root=root)
        for w in witnesses:
            self.say("cosigned", p, witness=w, size=size, root=root)

    def ack(self, p, kind):
        self.say("ack", p, index=len(self.leaves[p]) - 1, size=len(self.leaves[p]), **{"class": kind})

    def frozen(self, p, theirs):
        self.say("frozen", p, theirs=theirs)

    def end(self, p):
        self.say("end", p, head=self.head(p), leaves=list(self.leaves[p]))
        return list(self.leaves[p])

    def start(self, p, disk=None):
        """As it should be, up to a session and one record."""
        if disk is not None or p in self.leaves:
            self.begin(p, disk or self.leaves[p])
            self.cosigned(p, 0, 1)
        else:
            self.begin(p)
        self.add(p, "boot")
        self.cosigned(p, 1, 2)
        self.add(p)
        self.add(p)
        self.ack(p, "signed")


@unittest.skipUnless(shutil.which("spin"), "spin is not installed")
class Trace(unittest.TestCase):
    def setUp(self):
        self.seen = Seen()

    def accepted(self, **how):
        return trace.check(self.seen.events, **{"honest": [0, 1, 2], "quorum": 2, **how})

    def refused(self, do, **how):
        with self.assertRaises(trace.Refused) as got:
            self.accepted(**how)
        self.assertIn(f"'do': '{do}'", str(got.exception))
        return str(got.exception)

    def test_takes_a_log_that_runs_and_is_started_again(self):
        s = self.seen
        s.start(0)
        s.cosigned(0, 0, 1, 2)
        s.ack(0, "cosigned 3 of 3")
        s.add(0, "heads")
        s.end(0)
        s.start(0)
        s.cosigned(0, 2, 1)
        s.ack(0, "cosigned 2 of 3")
        s.end(0)
        self.assertEqual(self.accepted(), 5)

    def test_refuses_records_before_the_boot_is_cosigned(self):
        s = self.seen
        s.begin(0)
        s.add(0, "boot")
        s.cosigned(0, 1)
        s.add(0)
        s.ack(0, "signed")
        s.end(0)
        self.refused("ack")

    def test_refuses_a_boot_before_the_disk_is_proven(self):
        s = self.seen
        s.start(0)
        s.cosigned(0, 0, 1)
        s.end(0)
        s.begin(0, s.leaves[0])
        s.cosigned(0, 1)
        s.add(0, "boot")
        s.cosigned(0, 1, 2)
        s.end(0)
        self.refused("note")

    def test_refuses_cosigned_without_a_quorum(self):
        s = self.seen
        s.start(0)
        s.cosigned(0, 2)
        s.ack(0, "cosigned 2 of 3")
        s.end(0)
        self.refused("ack")

    def test_refuses_more_witnesses_than_there_are(self):
        s = self.seen
        s.start(0)
        s.cosigned(0, 2, 1, 1)
        for said in ("cosigned 3 of 3", "cosigned 2 of 2", "cosigned 1 of 3", "sighed"):
            good = s.events[:]
            s.ack(0, said)
            s.end(0)
            self.refused("ack")
            s.events = good
        s.ack(0, "cosigned 2 of 3")
        s.end(0)
        self.accepted()
        self.refused("ack", count=4)

    def test_refuses_a_note_that_was_not_durable(self):
        s = self.seen
        s.start(0)
        s.add(0)
        s.cosigned(0, 1)
        s.leaves[0].pop()
        s.end(0)
        self.refused("note")

    def test_refuses_a_head_below_what_was_said(self):
        s = self.seen
        s.start(0)
        s.end(0)
        s.events[-1]["head"] = s.head(0, 2)
        self.refused("end")

    def test_refuses_a_witness_that_cosigns_a_fork(self):
        s = self.seen
        s.start(0)
        s.cosigned(0, 0, 1)
        disk = s.end(0)
        s.start(0)
        s.cosigned(0, 0, 1, 2)
        s.end(0)
        s.begin(1, disk)
        s.cosigned(1, 1)
        s.end(1)
        self.refused("cosigned")

    def test_takes_an_older_disk_that_stands_still(self):
        s = self.seen
        s.start(0)
        s.cosigned(0, 0, 1)
        disk = s.end(0)
        s.start(0)
        s.cosigned(0, 0, 1)
        newest = s.head(0)
        s.end(0)
        s.begin(1, disk)
        s.cosigned(1)
        s.frozen(1, newest)
        s.end(1)
        self.accepted()
        good = copy.deepcopy(s.events)
        s.begin(1, disk)
        s.add(1, "boot")
        s.cosigned(1)
        s.end(1)
        self.refused("note")
        s.events = good
        s.frozen(0, newest)
        self.refused("frozen")

    def test_refuses_an_append_after_the_freeze(self):
        s = self.seen
        s.start(0)
        s.cosigned(0, 0, 1)
        s.begin(1, s.leaves[0])
        s.cosigned(1, 0, 1)
        s.add(1, "boot")
        s.cosigned(1, 0, 1)
        s.frozen(0, s.head(1))
        s.add(0)
        s.ack(0, "signed")
        s.end(0)
        s.end(1)
        self.refused("ack")

    def test_refuses_a_freeze_by_less_than_can_be_faulty(self):
        s = self.seen
        s.start(0)
        s.cosigned(0, 0, 1, 2)
        s.frozen(0, None)
        s.end(0)
        self.refused("frozen")
        self.refused("frozen", honest=[0, 1, 2], faulty=1, quorum=3)

    def test_degraded_is_said_and_no_more_than_that(self):
        s = self.seen
        s.start(0)
        s.cosigned(0, 0, 1)
        s.end(0)
        s.begin(0, s.leaves[0])
        s.add(0, "boot")
        s.add(0)
        s.ack(0, "degraded")
        good = copy.deepcopy(s.events)
        s.end(0)
        self.accepted(degraded=True)
        self.refused("ack")
        s.events = good[:]
        s.ack(0, "signed")
        s.end(0)
        self.refused("ack", degraded=True)
        s.events = good[:]
        s.cosigned(0, 0, 2)
        s.ack(0, "signed")
        s.end(0)
        self.accepted(degraded=True)

    def test_refuses_degraded_where_nothing_is(self):
        s = self.seen
        s.start(0)
        good = copy.deepcopy(s.events)
        s.ack(0, "degraded")
        s.end(0)
        self.refused("ack")
        self.refused("ack", degraded=True)
        s.events = good
        s.end(0)
        s.begin(0, s.leaves[0])
        s.add(0, "boot")
        s.add(0)
        s.ack(0, "degraded")
        s.cosigned(0, 0, 1)
        s.ack(0, "cosigned 2 of 3")
        good = copy.deepcopy(s.events)
        s.end(0)
        self.accepted(degraded=True)
        s.events = good
        s.ack(0, "degraded")  # a quorum has cosigned the boot by now
        s.end(0)
        self.refused("ack", degraded=True)

    def test_refuses_what_nobody_made(self):
        s = self.seen
        s.start(0)
        s.end(0)
        s.begin(1, s.leaves[0][:-1])
        s.end(1)
        self.refused("begin")
        s.events.pop(-2)
        s.events[-1] = {"do": "note", "log": 0, "size": 1, "root": "00"}
        self.refused("note")


if __name__ == "__main__":
    if not shutil.which("spin"):
        sys.exit(77)
    os.environ.pop("PYTHONWARNINGS", None)
    unittest.main()
