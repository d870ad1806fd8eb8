"""deploy/dstack, deploy/docker and deploy/systemd. Each test says what it needs, and skips where
it is not there."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

from teelogtest import ROOT, TEELOG, Case, main

DEPLOY = ROOT / "deploy"
VECTORS = pathlib.Path(os.environ.get("TEELOG_VECTORS", ROOT.parent / "shared" / "vectors")) / "dcap"
SANITIZED = b"__asan_" in pathlib.Path(TEELOG).read_bytes()


def run(*args, **more):
    return subprocess.run(args, text=True, capture_output=True, check=False, **more)


class Dstack(Case):
    def app(self, compose=None, **more):
        """An app-compose.json with this compose file, the tree's own with a digest without it."""
        if compose is None:
            compose = (DEPLOY / "dstack" / "docker-compose.yaml").read_text(encoding="utf-8")
            compose = compose.replace("0" * 64, "12" * 32)
        path = self.path("app-compose.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump({"manifest_version": 2, "name": "teelog", "runner": "docker-compose",
                       "docker_compose_file": compose, "kms_enabled": True, **more}, f)
        return path

    def compose_policy(self, *args, code=0):
        done = run(DEPLOY / "dstack" / "compose-policy", *args, cwd=self.dir,
                   env={**self.env, "TEELOG": TEELOG})
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def test_the_hash_is_of_the_bytes(self):
        path = self.app()
        done = self.compose_policy(path)
        with open(path, "rb") as f:
            self.assertEqual(done.stdout.strip(), hashlib.sha256(f.read()).hexdigest())
        self.assertEqual(done.stderr, "")
        with open(path, "a", encoding="utf-8") as f:
            f.write("\n")
        self.assertNotEqual(self.compose_policy(path).stdout, done.stdout)

    def test_what_is_not_measured_is_said(self):
        def said(word, *args, **more):
            self.assertIn(word, self.compose_policy(self.app(*args, **more)).stderr)

        said("not pinned by its digest", "services: {}\n  image: teelog:latest\n")
        for compose in ('{"services": {"x": {"image": "teelog:latest"}}}',
                        "services: {x: {image: 'teelog:latest', tty: true}}\n",
                        "services:\n  x:\n    'image' : teelog@sha256:12\n",
                        "services:\n  x:\n    image: >-\n      teelog:latest\n"):
            said("not pinned by its digest", compose)
        for word in "build", "env_file", "extends", "include":
            said(f"{word}: a service", f"services:\n  x:\n    {word}: y\n")
        said("files of the host's", "services:\n  x:\n    volumes: [/dstack/.host-shared:/x]\n")
        said("into all others", "services:\n  x:\n    volumes: [/run/docker.sock:/s]\n")
        said("init_script", init_script=["true"])
        said("no key provider", key_provider="none")
        self.assertEqual(self.compose_policy(self.app(key_provider="kms", kms_enabled=False)).stderr,
                         "")
        self.assertIn("not what runs", self.compose_policy(self.app(runner="bash"), code=1).stderr)
        said("example's digest", (DEPLOY / "dstack" / "docker-compose.yaml").read_text())
        said("environment that nobody measures", "services:\n  x:\n    command: ${CMD}\n")
        said("pre_launch_script", pre_launch_script="true")
        said("API_KEY", allowed_envs=["API_KEY"])
        said("no key provider", kms_enabled=False)
        with open(self.path("junk"), "w", encoding="utf-8") as f:
            f.write("[]")
        self.assertIn("no app-compose.json", self.compose_policy("junk", code=1).stderr)

    def test_a_policy_to_be_filled_in_is_none(self):
        self.compose_policy(self.app(), "-o", "policy.json")
        open(self.path("empty"), "wb").close()
        self.teelog("verify", "empty", "--policy", "policy.json", code=2)
        with open(self.path("policy.json"), encoding="utf-8") as f:
            entry, = json.load(f)["evidence"]
        self.assertEqual(set(entry), {"platform", "mrtd", "rtmr0", "rtmr1", "rtmr2", "compose_hash",
                                      "key_provider"})

    @unittest.skipUnless(VECTORS.exists(), "skipped: the shared vectors are not there")
    def test_real_machines(self):
        logs = VECTORS / "eventlog"
        quote = bytes(json.loads((logs / "near-mpc-quote.json").read_text())).hex()
        info = json.loads((logs / "near-mpc-tcb-info.json").read_text())
        answer = self.path("answer.json")
        with open(answer, "w", encoding="utf-8") as f:
            json.dump({"quote": quote, "event_log": json.dumps(info["event_log"])}, f)
        compose = str(logs / "near-mpc-app-compose.json")
        done = self.compose_policy(compose, "--quote", answer, "-o", "policy.json")
        self.assertEqual(done.stdout.strip(), info["compose_hash"])
        case = next((VECTORS / "real").glob("near-mpc*"))
        judged = ["quote", "verify", str(case / "quote.bin"), "--collateral",
                  str(case / "collateral.json"), "--at", "1786622400", "--event-log",
                  str(logs / "near-mpc-tcb-info.json")]
        self.teelog(*judged, "--policy", "policy.json")
        # Another application on that machine, and another machine's log: nothing is written.
        os.remove(self.path("policy.json"))
        said = self.compose_policy(self.app(), "--quote", answer, "-o", "policy.json", code=1)
        self.assertIn("another application", said.stderr)
        other = str(logs / "dstack-quote-report.json")
        self.compose_policy(compose, "--quote", other, "-o", "policy.json", code=1)
        self.assertFalse(os.path.exists(self.path("policy.json")))


@unittest.skipUnless(shutil.which("strip") and shutil.which("ldd"), "skipped: no strip, no ldd")
class Docker(Case):
    def rootfs(self, name, **env):
        root = self.path(name)
        done = run(DEPLOY / "docker" / "rootfs", root, TEELOG,
                   env={**self.env, "SOURCE_DATE_EPOCH": "1700000000", **env})
        self.assertEqual(done.returncode, 0, done.stderr)
        return root

    def tarball(self, root):
        done = subprocess.run(["tar", "--sort=name", "--format=ustar", "-C", root, "-c", "."],
                              check=True, capture_output=True)
        return hashlib.sha256(done.stdout).hexdigest()

    def test_the_same_twice(self):
        one = self.rootfs("one", TZ="UTC")
        two = self.rootfs("two", TZ="Asia/Tokyo", LC_ALL="C.UTF-8")
        self.assertEqual(self.tarball(one), self.tarball(two))
        self.assertEqual(self.rootfs_is_small(one), [])
        self.assertEqual(run(DEPLOY / "docker" / "rootfs", one, TEELOG).returncode, 1)

    def rootfs_is_small(self, root):
        """Programs besides teelog: none."""
        names = [p for p in pathlib.Path(root).rglob("*") if p.is_file() and not p.is_symlink()]
        return [str(p) for p in names if os.access(p, os.X_OK) and ".so" not in p.name and
                p.name != "teelog"]

    @unittest.skipUnless(os.geteuid() == 0, "skipped: chroot needs root")
    @unittest.skipIf(SANITIZED, "skipped: a sanitizer's build")
    def test_it_runs_there_as_nobody(self):
        root = self.rootfs("root")
        os.chmod(self.dir, 0o755)
        # As a container does it: /proc, and no more of this machine.
        inside = ["unshare", "--mount", "sh", "-c", 'mount --bind /proc "$0/proc" && '
                  'exec chroot --userspec=10001:10001 "$0" /usr/bin/teelog "$@"', root]
        if run("unshare", "--mount", "mount", "--bind", "/proc", root + "/proc").returncode:
            self.skipTest("skipped: no mounts of our own here")
        done = run(*inside, "version")
        self.assertEqual(done.returncode, 0, done.stderr)
        with subprocess.Popen([*inside, "serve", "--data", "/data", "--tee", "sim"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as serving:
            self.assertIn("ready", serving.stdout.readline())
            self.assertEqual(run(*inside, "agents", "--data", "/data").returncode, 0)
            serving.send_signal(signal.SIGTERM)
            self.assertEqual(serving.wait(30), 0)
        # What the image's health is asked with fails once nobody answers.
        self.assertNotEqual(run(*inside, "agents", "--data", "/data").returncode, 0)

    def test_the_image(self):
        text = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
        self.assertRegex(text, r"(?m)^USER 10001:10001$")
        self.assertRegex(text, r"(?m)^FROM scratch$")
        if not shutil.which("docker") or run("docker", "info").returncode:
            self.skipTest("skipped: no docker daemon")
        if run("docker", "image", "inspect", "debian:12-slim").returncode:
            self.skipTest("skipped: the base image debian:12-slim is not on this machine")
        built = run("docker", "build", "-q", "-f", DEPLOY / "docker" / "Dockerfile", ROOT)
        self.assertEqual(built.returncode, 0, built.stderr)
        done = run("docker", "run", "--rm", "--read-only", "--cap-drop", "ALL", built.stdout.strip(),
                   "version")
        self.assertEqual(done.returncode, 0, done.stderr)


@unittest.skipUnless(shutil.which("systemd-analyze"), "skipped: no systemd-analyze")
class Systemd(Case):
    def setUp(self):
        super().setUp()
        self.unit = (DEPLOY / "systemd" / "teelog.service").read_text(encoding="utf-8")
        self.file = self.path("teelog.service")
        with open(self.file, "w", encoding="utf-8") as f:
            # The program and its manual are not installed where the tests run.
            f.write(re.sub("^Documentation=.*$", "", self.unit.replace("/usr/bin/teelog", TEELOG),
                           flags=re.M))

    def test_it_is_a_unit(self):
        done = run("systemd-analyze", "verify", "--man=no", self.file)
        self.assertEqual((done.returncode, done.stderr.replace("\n", "")), (0, ""))

    def test_exposure(self):
        """systemd's own score, 0 to 10: 1.5, of which the network is most."""
        done = run("systemd-analyze", "security", "--offline=true", "--threshold=16", self.file)
        if "unrecognized option" in done.stderr:
            self.skipTest("skipped: systemd-analyze security works offline since version 250")
        self.assertEqual(done.returncode, 0, done.stdout[-300:] + done.stderr)

    def allowed(self):
        """The system calls that the unit's filter lets through."""
        def members(name):
            if not name.startswith("@"):
                return {name}
            lines = run("systemd-analyze", "syscall-filter", name).stdout.splitlines()[1:]
            words = [line.strip() for line in lines if line.strip() and "#" not in line]
            return set().union(*map(members, words))

        calls = set()
        for line in re.findall("^SystemCallFilter=(.*)$", self.unit, re.M):
            named = set().union(*map(members, line.lstrip("~").split()))
            calls = calls - named if line.startswith("~") else calls | named
        return calls

    @unittest.skipUnless(shutil.which("strace"), "skipped: no strace")
    @unittest.skipIf(SANITIZED, "skipped: a sanitizer's build")
    def test_the_filter_has_what_it_calls(self):
        trace = self.path("trace")
        with subprocess.Popen(["strace", "-f", "-qq", "-o", trace, TEELOG, "serve", "--data", self.data,
                               "--tee", "sim", "--listen", "127.0.0.1:0", "--retain", "t=1d"],
                              stdout=subprocess.PIPE, text=True, env=self.env) as tracer:
            first = tracer.stdout.readline()
            if not first:
                self.skipTest("skipped: strace may not trace here")
            self.append([{"agentId": "a", "roomId": "r", "userId": "u", "type": "t", "content": "c"}])
            self.teelog("export", "--data", self.data, "-o", self.path("b"))
            self.teelog("backup", "--data", self.data, "-o", self.path("backup"))
            self.teelog("attest", "--data", self.data, "--nonce", "00" * 16, "-o", self.path("fresh"))
            children = pathlib.Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read_text()
            for pid in children.split():
                os.kill(int(pid), signal.SIGTERM)
            deadline = time.monotonic() + 60
            while tracer.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        with open(trace, encoding="utf-8", errors="replace") as f:
            used = set(re.findall(r"^\d+ +(\w+)\(", f.read(), re.M))
        self.assertIn("fdatasync", used)
        self.assertEqual(used - self.allowed(), set())


class Hosts(unittest.TestCase):
    def test_no_registry_is_named(self):
        """What is fetched is for those who deploy to choose."""
        for path in DEPLOY.rglob("*"):
            if path.is_file() and not {"build", "data", "agent-data"} & set(path.parts):
                try:
                    text = path.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    continue
                self.assertNotRegex(text, r"(?i)https?://|\b[\w-]+\.(io|org|com)/", str(path))


if __name__ == "__main__":
    main()
