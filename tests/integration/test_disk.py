"""A disk without room: limits that are met in time, and a disk that is full for real."""
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time

from teelogtest import IN_GRAMINE, TEELOG, Case, Service, lines, main, not_in_gramine, record

BULKY = 60000  # bytes of a record


def fill_up(case, data, size):
    """Appends until that fails; what was acknowledged, and the last answer."""
    acknowledged = []
    for i in range(1000):
        got = subprocess.run([TEELOG, "append", "--data", data], env=case.env, check=False,
                             input=lines([record(content="x" * size, requestId=f"{size} {i}")]),
                             text=True, capture_output=True, timeout=60)
        answers = [json.loads(line) for line in got.stdout.splitlines()]
        acknowledged += [a for a in answers if "leafHash" in a]
        if got.returncode:
            return acknowledged, got
    return case.fail("the disk is never full")


class Limits(Case):
    def refused(self, service, *words):
        """Appending is refused with a sentence, and changes nothing."""
        before = service.status()["size"]
        done = self.teelog("append", "--socket", service.socket, stdin=lines([record()]), code=3)
        for word in ("nothing of it was appended", *words):
            self.assertIn(word, done.stderr)
        self.assertEqual([json.loads(line)["error"] for line in done.stdout.splitlines()],
                         ["not appended: the service refused the request"])
        status, _, body = service.get("/healthz")
        self.assertEqual(status, 507, body)
        state = service.status()
        self.assertTrue(state["full"])
        self.assertIn(words[0], state["fullWhy"])
        self.assertEqual(state["size"], before)
        self.assertIn("teelog_full 1", service.get("/metrics")[2].decode())

    def test_max_bytes(self):
        service = self.serve("--max-bytes", "1900K")
        self.assertFalse(service.status()["full"])
        done = self.teelog("append", "--data", self.data, code=3,
                           stdin=lines([record(content="x" * 1000000)]))
        self.assertIn("--max-bytes allows 1945600", done.stderr)
        self.assertFalse(service.status()["full"])
        acknowledged = fill_up(self, self.data, BULKY)[0]
        self.assertGreater(len(acknowledged), 3)
        self.assertLess(len(acknowledged), 40)
        fill_up(self, self.data, 10)
        self.refused(service, "--max-bytes")
        self.assertEqual(service.status()["maxBytes"], 1900 << 10)
        # It is the same boot still, it can be read, and it ends well.
        self.assertEqual(service.status()["boot"], 0)
        self.teelog("export", "--data", self.data, "-o", "b")
        self.verdict(self.path("b"))
        self.assertEqual(service.stop(), 0)
        with self.serve("--max-bytes", "1G") as service:
            self.assertFalse(service.status()["full"])
            self.append([record()])
        self.teelog("fsck", "--data", self.data, "--tee", "sim")

    def test_min_free(self):
        with self.serve("--min-free", "4000T") as service:
            self.refused(service, "--min-free", "make room")
            self.assertEqual(service.stop(), 0)
        with self.serve("--min-free", "0") as service:
            self.append([record()])
            state = service.status()
            self.assertEqual((state["full"], state["minFree"], state["maxBytes"]), (False, 0, 0))
            self.assertGreater(state["freeBytes"], 0)
            self.assertGreater(state["storeBytes"], 8192)

    def test_the_default_leaves_room(self):
        with self.serve() as service:
            self.assertEqual(service.status()["minFree"], 64 << 20)

    def test_sizes(self):
        for bad in ("", "K", "-1", "1KB", "0x10", "1.5G", "9999999T", " 1"):
            done = self.teelog("serve", "--data", self.data, "--tee", "sim", "--max-bytes", bad,
                               code=2)
            self.assertIn("--max-bytes takes bytes", done.stderr)


@contextlib.contextmanager
def small_disk(where, size):
    """A file system of this size; None where we may not mount one."""
    os.mkdir(where)
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", where], capture_output=True,
        check=False).returncode == 0
    try:
        yield where if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", where], check=True)


class Full(Case):
    def check_all_there(self, data, acknowledged):
        self.teelog("fsck", "--data", data, "--tee", "sim")
        self.teelog("export", "--data", data, "--tee", "sim", "-o", self.path("b"))
        self.assertEqual(self.verdict(self.path("b"))["verdict"], "UNPINNED")
        with Service(os.path.dirname(data), env=self.env) as service:
            for i, receipt in enumerate(acknowledged):
                again = record(content="x" * BULKY, requestId=f"{BULKY} {i}")
                done = self.teelog("append", "--socket", service.socket, stdin=lines([again]))
                got = json.loads(done.stdout)
                self.assertEqual((got["index"], got["leafHash"]),
                                 (receipt["index"], receipt["leafHash"]))

    def room_for(self, disk, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)

    def test_a_full_disk_ends_the_boot_and_loses_nothing(self):
        with small_disk(self.path("disk"), "3m") as disk:
            if not disk:
                self.skipTest("no file system of one's own can be mounted here")
            with Service(disk, "--min-free", "0", env=self.env) as service:
                self.assertIn("ready", service.ready)
                acknowledged, last = fill_up(self, service.data, BULKY)
                self.assertEqual(last.returncode, 3)
                self.assertIn("there is no room on the log's disk", last.stderr)
                self.assertIn("requestId", last.stderr)
                self.assertEqual(service.process.wait(30), 3)
                said = service.process.stderr.read()
                self.assertIn("there is no room on the log's disk: make room", said)
            self.assertGreater(len(acknowledged), 5)
            # Nothing is free: a start either works or says why not.
            with Service(disk, "--min-free", "0", env=self.env) as service:
                if "ready" not in service.ready:
                    self.assertEqual(service.process.wait(30), 3)
                    self.assertIn("no room", service.process.stderr.read())
            self.room_for(disk, "200m")
            self.check_all_there(service.data, acknowledged)

    @not_in_gramine("slow")
    def test_room_that_is_kept_keeps_the_boot(self):
        with small_disk(self.path("disk"), "90m") as disk:
            if not disk:
                self.skipTest("no file system of one's own can be mounted here")
            with Service(disk, env=self.env) as service:
                acknowledged, last = fill_up(self, service.data, BULKY)
                self.assertIn("--min-free", last.stderr)
                # Somebody else takes room, and gives it back.
                with open(os.path.join(disk, "other"), "wb") as other:
                    other.write(bytes(15 << 20))
                time.sleep(1.1)
                self.assertTrue(service.status()["full"])
                self.assertEqual(fill_up(self, service.data, 1)[0], [])
                os.remove(os.path.join(disk, "other"))
                self.room_for(disk, "400m")
                status = service.status()
                self.assertEqual((status["boot"], status["full"]), (0, False))
                self.assertEqual(service.stop(), 0)
            self.check_all_there(service.data, acknowledged)


class ReadOnly(Case):
    """A directory that cannot be written to can be read, and served it says why not."""

    def reads(self, data, **how):
        out = self.path("out")
        for args in (["agents"], ["fsck"], ["export", "-o", out], ["records"]):
            done = self.run_on(data, *args, **how)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.verdict(out)["verdict"], "UNPINNED")

    def run_on(self, data, *args, **how):
        return subprocess.run([TEELOG, *args, "--data", data, "--tee", "sim"], env=self.env,
                              text=True, capture_output=True, timeout=60, check=False, **how)

    def refuses_to_serve(self, data, **how):
        done = self.run_on(data, "serve", **how)
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("cannot be written to", done.stderr)

    def make(self, directory, kill=False):
        with Service(directory, env=self.env) as service:
            self.teelog("append", "--socket", service.socket,
                        stdin=lines([record(), record(agent="bob")]))
            service.stop(signal.SIGKILL if kill else signal.SIGTERM)
        return service.data

    def test_a_file_system(self):
        with small_disk(self.path("a ?#%41 disk"), "100m") as disk:
            if not disk:
                self.skipTest("no file system of one's own can be mounted here")
            data = self.make(disk)
            os.mkdir(os.path.join(disk, "killed"))
            killed = self.make(os.path.join(disk, "killed"), kill=True)
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            self.reads(data)
            self.refuses_to_serve(data)
            done = self.run_on(os.path.join(disk, "new"), "serve")
            self.assertEqual(done.returncode, 3)
            self.assertIn("Read-only file system", done.stderr)
            # What a kill left beside the database cannot be brought in there, but elsewhere.
            done = self.run_on(killed, "agents")
            self.assertEqual(done.returncode, 3)
            self.assertIn("teelog.db-wal is not in the database yet", done.stderr)
            self.assertIn("copy the directory", done.stderr)
            shutil.copytree(killed, self.path("copy"), ignore=shutil.ignore_patterns("*.sock"))
            self.reads(self.path("copy"))
            # Nobody has it open; where somebody has, that is said. This process has flock.
            if IN_GRAMINE:
                return
            with open(os.path.join(data, "lock"), "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self.assertIn("another teelog has this log open",
                              self.run_on(data, "agents").stderr)

    def test_a_directory(self):
        data = self.make(self.dir)
        how = {}
        if os.getuid() == 0:  # who may do all: somebody else reads
            how = {"user": 65534, "group": 65534}
            subprocess.run(["chown", "-R", "65534:65534", self.dir], check=True)
            os.chmod(self.dir, 0o755)
        os.chmod(data, 0o555)
        try:
            self.env["TMPDIR"] = self.dir
            self.reads(data, **how)
            self.refuses_to_serve(data, **how)
            os.chmod(data, 0o755)
            os.remove(os.path.join(data, "lock"))
            os.chmod(data, 0o555)
            self.reads(data, **how)
        finally:
            os.chmod(data, 0o755)


if __name__ == "__main__":
    main()
