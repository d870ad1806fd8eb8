"""Lines of a pipe or a socket, for the tests of the MCP proxy."""
import json
import os
import pathlib
import re
import select
import time

from teelogtest import TEELOG

PATIENCE = 30  # seconds
SANITIZED = b"__asan_" in pathlib.Path(TEELOG).read_bytes()


def records(case, agent):
    """What is logged of this agent by the proxy, with its contents read, and without their random ids, which
    are those of the calls: the same in what belongs together, and in nothing else."""
    done = case.teelog("records", "--json", "--agent", agent, "--data", case.data)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    found = [r | {"content": json.loads(r["content"])} for r in found if r["type"].startswith("mcp.")]
    ids = {}
    for record in found:
        unique = record["content"].pop("id")
        case.assertTrue(re.fullmatch("[0-9a-f]{32}", unique), unique)
        intent = ids.setdefault(unique, record["index"])
        case.assertEqual(intent, record.get("ref", record["index"]))
    return found


class Lines:
    """Lines from a file descriptor, as they come."""

    def __init__(self, fd):
        self.fd, self.rest = fd, b""

    def read(self, patience=PATIENCE):
        """The next line with its LF; what is left at the end; b"" after it; None: nothing came."""
        until = time.monotonic() + patience
        while b"\n" not in self.rest:
            if not select.select([self.fd], [], [], max(0, until - time.monotonic()))[0]:
                return None
            chunk = os.read(self.fd, 1 << 20)
            if not chunk:
                line, self.rest = self.rest, b""
                return line
            self.rest += chunk
        line, _, self.rest = self.rest.partition(b"\n")
        return line + b"\n"
