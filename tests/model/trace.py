"""Whether what was seen of running services is what the rules of the model allow.

A trace is a list of events, in the order in which they were seen. Each is a dict with "do" and
"log", the number of a data directory:

    begin     a service starts there: head [size, root in hex], or None at genesis
    end       it has ended: head, and leaves, [hash in hex, kind] of each statement there
    note      it has submitted a checkpoint to a witness: size, root
    cosigned  witness (a number) has cosigned it: size, root
    ack       a receipt: index, size (its tree's), class
    frozen    it says so: theirs [size, root], or None where no note shows why

Kinds of leaves: boot, heads, and "" for all else. Sizes and roots become nodes of the model; what
a size contains is known from the leaves, which are read from the disk after the end. check()
writes the events as a process of the model, and spin goes through it.
"""
import hashlib
import pathlib
import re
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
NODES_MAX = 30


class Refused(Exception):
    """What is wrong with a trace, and at which event."""


def tree_root(leaves):
    """RFC 9162 2.1.1, of leaf hashes."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_root(leaves[:k]) + tree_root(leaves[k:])).digest()


class Run:
    """A service from its begin to its end, and the statements that it ended with."""

    def __init__(self, leaves):
        self.hashes = [bytes.fromhex(h) for h, _ in leaves]
        self.kinds = [kind for _, kind in leaves]
        self.size = 0  # of what the model has of it

    def root(self, size):
        return tree_root(self.hashes[:size]).hex()


class Compiler:
    def __init__(self, events, honest, quorum, count):
        self.events = events
        self.quorum, self.count = quorum, count
        self.lines = {}  # (size, root): the witnesses that have cosigned it
        self.witness = {w: i for i, w in enumerate(honest)}
        self.nodes = {}  # (size, root): number
        self.runs = {}   # of each log, the present one
        self.steps = []  # (event, call)

    def step(self, at, call):
        self.steps.append((at, call))

    def ensure(self, condition, at, text):
        if not condition:
            raise Refused(f"event {at}, {self.events[at]}: {text}")

    def node(self, at, size, root):
        self.ensure((size, root) in self.nodes, at, "nobody has ever had such a tree")
        return self.nodes[size, root]

    def new_node(self, at, run, size):
        key = (size, run.root(size))
        self.ensure(key not in self.nodes, at, "two processes have made the same tree")
        self.ensure(len(self.nodes) < NODES_MAX, at, "the trace is too long for the model")
        self.nodes[key] = len(self.nodes)

    def grow(self, at, p, size):
        """All that was added since, up to size: each boot, each list of heads, all else."""
        run = self.runs[p]
        self.ensure(size <= len(run.hashes), at, "it was not on the disk after the end")
        while run.size < size:
            first = run.kinds[run.size]
            end = run.size + 1
            while end < size and first != "boot" and run.kinds[end] == first:
                end += 1
            genesis = run.size == 0
            self.ensure(not genesis or first == "boot", at, "it does not begin with a boot")
            self.ensure(not genesis or not self.nodes, at, "a second genesis")
            run.size = end
            self.new_node(at, run, end)
            if not genesis:
                self.step(at, {"boot": f"boots({p})", "heads": f"heads({p})"}.get(first, f"grows({p})"))

    def begin(self, at, p, head):
        end = next((e for e in self.events[at:] if e["do"] == "end" and e["log"] == p), None)
        self.ensure(end, at, "it has no end")
        self.runs[p] = Run(end["leaves"])
        if head is None:
            return
        size, root = head
        node = self.node(at, size, root)
        self.ensure(size <= len(self.runs[p].hashes) and self.runs[p].root(size) == root, at,
                    "what was on the disk is not there any more after the end")
        self.runs[p].size = size
        self.step(at, f"begins({p}, {node})")

    def cosigned(self, at, e, root):
        """`cosigned k of n`: a quorum, of so many witnesses, which were seen to cosign this tree."""
        k, n = re.fullmatch(r"cosigned (\d+) of (\d+)", e["class"]).groups()
        lines = self.lines.get((e["size"], root), ())
        self.ensure(int(n) == self.count, at, f"there are {self.count} witnesses")
        self.ensure(self.quorum <= int(k) <= len(lines), at, f"{len(lines)} witnesses have cosigned it")

    def event(self, at, e):
        p, do = e["log"], e["do"]
        if do == "begin":
            self.begin(at, p, e["head"])
            return
        self.ensure(p in self.runs, at, "nothing runs there")
        run = self.runs[p]
        if do in ("note", "cosigned"):
            self.ensure(e["size"] <= len(run.hashes) and run.root(e["size"]) == e["root"], at,
                        "this checkpoint is not of what was on the disk after the end")
            if e["size"] > run.size:
                self.grow(at, p, e["size"])
            if do == "cosigned":
                self.lines.setdefault((e["size"], e["root"]), set()).add(e["witness"])
            if do == "cosigned" and e["witness"] in self.witness:
                self.step(at, f"cosigns({p}, {self.witness[e['witness']]}, {self.node(at, e['size'], e['root'])})")
        elif do == "ack":
            self.ensure(e["index"] < e["size"], at, "it is not in its own tree")
            self.grow(at, p, e["size"])
            if e["class"].startswith("cosigned"):
                self.cosigned(at, e, run.root(e["size"]))
                self.step(at, f"cosigned({p}, {self.node(at, e['size'], run.root(e['size']))})")
            elif e["class"] == "signed":
                self.step(at, f"signed({p})")
            elif e["class"] == "degraded":
                self.step(at, f"said_degraded({p})")
            else:
                self.ensure(False, at, "no such class")
        elif do == "frozen":
            self.step(at, f"freezes({p}, {self.node(at, *e['theirs'])})" if e["theirs"]
                      else f"freezes_by_word({p})")
        elif do == "end":
            self.grow(at, p, e["head"][0])
            self.step(at, f"ends({p}, {self.node(at, *e['head'])})")
            del self.runs[p]
        else:
            self.ensure(False, at, "no such event")

    def text(self, quorum, faulty, degraded, replays):
        logs = 1 + max(e["log"] for e in self.events)
        lines = [f"#define NODES {NODES_MAX}", f"#define LOGS {logs}", f"#define QUORUM {quorum}",
                 f"#define WITNESSES {len(self.witness) + faulty}", f"#define FAULTY {faulty}",
                 f"#define DEGRADED {int(degraded)}", f"#define REPLAYS {int(replays)}",
                 (HERE / "trace.pml").read_text("utf-8"), "init {", "    d_step { genesis(); look() };"]
        for at, call in self.steps:
            lines.append(f'    printf("event {at}\\n"); d_step {{ {call} }};')
        return "\n".join([*lines, '    printf("accepted\\n")', "}", ""])


def check(events, honest, quorum, faulty=0, degraded=False, replays=False, count=None):
    """Raises Refused. honest: the numbers of the witnesses that do as they should, of count (all).
    replays: a start may be given answers to another."""
    compiler = Compiler(events, honest, quorum, len(honest) if count is None else count)
    for at, e in enumerate(events):
        compiler.event(at, e)
    with tempfile.TemporaryDirectory(prefix="teelog-trace-") as folder:
        for path in HERE.glob("*.pml"):
            (pathlib.Path(folder) / path.name).write_bytes(path.read_bytes())
        (pathlib.Path(folder) / "run.pml").write_text(compiler.text(quorum, faulty, degraded, replays), "utf-8")
        done = subprocess.run(["spin", "-T", "run.pml"], cwd=folder, text=True, timeout=600,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = done.stdout.split("\n")
    if "accepted" in lines:
        return len(compiler.nodes)
    seen = [line for line in lines if line.startswith("event ")]
    if not seen:
        raise RuntimeError(done.stdout)
    at = int(seen[-1].split()[1])
    why = next((line for line in lines if "text of failed" in line), done.stdout)
    raise Refused(f"event {at}, {events[at]}: " + (
        "no rule of the model allows it" if "!(refused)" in why else "a promise breaks: " + why))
