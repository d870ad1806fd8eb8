"""deploy/gramine: its templates, Makefile and scripts. With Gramine's tools where they are
installed, and always with stand-ins for them (fakegramine.py)."""
import copy
import fcntl
import hashlib
import importlib.util
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import unittest
from importlib.machinery import SourceFileLoader

import fakegramine
from teelogtest import ROOT, TEELOG, Case, Service, main, record

try:
    import jinja2
except ImportError:
    jinja2 = None

try:
    import tomllib
except ImportError:
    import tomli as tomllib

GRAMINE = ROOT / "deploy" / "gramine"


def script(name):
    loader = SourceFileLoader(name.replace("-", "_"), str(GRAMINE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


check_manifest = script("check-manifest")
GOOD = {
    "loader": {"entrypoint": {"uri": "file:/x/libsysdb.so"}, "log_level": "error",
               "argv": ["teelog", "serve", "--tee", "sgx-gramine", "--data", "/data"],
               "env": {"LD_LIBRARY_PATH": "/lib"}},
    "libos": {"entrypoint": "/usr/bin/teelog"},
    "fs": {"mounts": [{"path": "/data", "uri": "file:data"}, {"type": "tmpfs", "path": "/tmp"}]},
    "sgx": {"allowed_files": ["file:data/"], "remote_attestation": "dcap", "debug": False,
            "enclave_size": "128M", "max_threads": 28,
            "trusted_files": [{"uri": "file:teelog", "sha256": "00" * 32}]},
    "sys": {"enable_sigterm_injection": True},
}
# (where, what to put there): each alone has to be refused.
BAD = [
    ("loader.insecure__use_cmdline_argv", True),
    ("loader.insecure__use_host_env", True),
    ("loader.insecure__disable_aslr", False),
    ("fs.insecure__keys", {"default": "00" * 16}),
    ("sys.insecure__allow_eventfd", True),
    ("sgx.insecure__rpc_thread_num", 0),
    ("sgx.file_check_policy", "allow_all_but_log"),
    ("sgx.anything", 1),
    ("anything", 1),
    ("loader.argv_src_file", "file:data/argv"),
    ("loader.env_src_file", "file:data/env"),
    ("loader.env.NODE_OPTIONS", "--require /data/x.js"),
    ("loader.env.HOME", {"passthrough": True}),
    ("loader.env.LD_PRELOAD", {"passthrough": True}),
    ("loader.log_level", "debug"),
    ("loader.argv", []),
    ("loader.argv", "teelog serve"),
    ("loader.argv", ["teelog", "serve", "--tee", "sim"]),
    ("loader.argv", ["teelog", "serve", "--tee", "auto"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine:/data/fake"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--tee", "sim"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--tee=sim"]),
    ("loader.argv", ["teelog", "serve"]),
    ("loader.argv", ["sh", "-c", "teelog serve --tee sgx-gramine"]),
    ("loader.argv", ["teelog", "run", "--tee", "sgx-gramine"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--", "node"]),
    ("libos.entrypoint", "/data/teelog"),
    ("sgx.debug", True),
    ("sgx.debug", 0),
    ("sgx.remote_attestation", "none"),
    ("sgx.edmm_enable", "no"),
    ("sgx.enclave_size", 128),
    ("sgx.max_threads", "28"),
    ("sys.enable_sigterm_injection", False),
    ("sgx.allowed_files", ["file:data/", "file:/agent/"]),
    ("sgx.allowed_files", ["file:/"]),
    ("sgx.allowed_files", []),
    ("sgx.trusted_files", []),
    ("sgx.trusted_files", ["file:teelog", "file:/usr/lib/"]),
    ("sgx.trusted_files", ["file:teelog", "file:data/x.so"]),
    ("sgx.trusted_files", ["file:teelog", "file:teelog"]),
    ("sgx.trusted_files", [{"uri": "file:teelog", "sha256": "00"}]),
    ("sgx.trusted_files", [{"uri": "file:teelog", "more": 1}]),
    ("fs.mounts", []),
    ("fs.mounts", [{"path": "/data", "uri": "file:data"}, {"path": "/", "uri": "file:/"}]),
    ("fs.mounts", [{"path": "/data", "uri": "file:data"},
                   {"path": "/dev/attestation", "uri": "file:fake"}]),
    ("fs.mounts", [{"path": "/data", "uri": "file:data"}, {"path": "/x", "uri": "file:data/x"}]),
    ("fs.mounts", [{"path": "/data", "uri": "file:elsewhere"}]),
    ("fs.mounts", [{"path": "/data", "uri": "file:data"},
                   {"type": "untrusted_shm", "path": "/s", "uri": "dev:/dev/shm"}]),
    ("fs.mounts", [{"path": "/data", "uri": "file:data"},
                   {"type": "encrypted", "path": "/k", "uri": "file:k", "key_name": "_sgx_mrsigner"}]),
    ("fs.mounts", [{"path": "/data", "uri": "file:data"},
                   {"type": "encrypted", "path": "/k", "uri": "file:k"}]),
    # Other spellings of what is refused above.
    ("'sgx.debug'", False),
    ("loader.'x.y'", False),
    ("loader.env.LD_LIBRARY_PATH", "/lib:/data"),
    ("loader.env.LD_LIBRARY_PATH", "data/lib"),
    ("loader.env.HOME", "/agent/../data"),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--origin"]),
    ("loader.argv", ["teelog", "serve", "--origin", "--tee", "sgx-gramine"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--origin=x"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--recovery-key", "/data/x.pub"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--admit-attested", "data/p"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--witnesses", "/data/w"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--witness-ca", "/data/ca"]),
    ("loader.argv", ["teelog", "run", "--tee", "sgx-gramine", "--"]),
    ("loader.argv", ["teelog", "serve", "--tee", "sgx-gramine", "--"]),
    ("loader.argv", ["teelog", "run", "--tee", "sgx-gramine", "/data/agent", "--", "x"]),
    ("loader.argv", ["teelog", "run", "--tee", "sgx-gramine", "--origin", "--", "--tee", "sim"]),
    *(("loader.argv", ["teelog", "run", "--tee", "sgx-gramine", "--", "/usr/bin/node", word])
      for word in ("/data/x.js", "data/x.js", "--require=//data/x.js", "file:///data/x.js",
                   "/agent/../data/x.js", "/data", "/dev/stdin", "/proc/self/cwd/data/x.js")),
    ("sgx.trusted_files", ["file:teelog", "file:./data/x.so"]),
    *(("fs.mounts", [{"path": "/data", "uri": "file:data"}, {"path": path, "uri": uri}])
      for path, uri in (("/./dev/attestation", "file:fake"), ("dev/attestation", "file:fake"),
                        ("//dev/attestation", "file:fake"), ("/x/../dev", "file:fake"),
                        ("/dev/", "file:fake"), ("/usr/bin/teelog", "file:./data/teelog"),
                        ("/usr/bin/teelog", "file:x/../data/teelog"), ("/x", "file:data//x"),
                        ("/x", "file:."), ("/x", "file:"), ("/x", "dev:tty"), ("/x", "data"),
                        ("", "file:x"), ("/", "file:x"))),
]


def changed(where, value):
    """Of a key in quotes, with its dots: of one key."""
    manifest = copy.deepcopy(GOOD)
    *path, last = [word.strip("'") for word in re.findall(r"'[^']*'|[^.]+", where)]
    table = manifest
    for key in path:
        table = table.setdefault(key, {})
    table[last] = value
    return manifest


class Rules(unittest.TestCase):
    def test_good(self):
        for where, value in (
                ("loader.log_level", "error"),
                ("loader.argv", ["teelog", "serve", "--access-log", "--tee", "sgx-gramine",
                                 "--recovery-key", "/owner.pub"]),
                ("loader.argv", ["teelog", "serve", "--degraded-starts", "--tee", "sgx-gramine",
                                 "--witnesses", "/etc/w"]),
                ("loader.argv", ["teelog", "run", "--tee", "sgx-gramine", "--data", "/data", "--",
                                 "/usr/bin/node", "/agent/database/x.js", "--", "a=b"]),
                ("fs.mounts", [{"path": "/data", "uri": "file:./data"},
                               {"path": "/lib", "uri": "file:/usr/lib"},
                               {"path": "/a", "uri": "file:../database"},
                               {"type": "tmpfs", "path": "/tmp"}])):
            self.assertEqual(list(check_manifest.trouble(changed(where, value))), [])

    def test_options_without_a_value(self):
        """As teelog has them: a word after another option is its value."""
        table = (ROOT / "src/cli/service_options.h").read_text(encoding="utf-8")
        flags = {f"--{name}" for name in re.findall(r'"([a-z-]+)", no_argument', table)}
        self.assertIn("--access-log", flags)
        self.assertLessEqual(flags - {"--help"}, check_manifest.FLAGS)

    def test_bad(self):
        for where, value in BAD:
            with self.subTest(where=where, value=value):
                self.assertTrue(list(check_manifest.trouble(changed(where, value))))

    def test_what_is_needed(self):
        for key in check_manifest.NEEDED:
            manifest = copy.deepcopy(GOOD)
            *path, last = key.split(".")
            table = manifest
            for name in path:
                table = table[name]
            del table[last]
            self.assertTrue(list(check_manifest.trouble(manifest)), key)

    def test_trying(self):
        for where, value in (("sgx.debug", True), ("loader.log_level", "debug"),
                             ("loader.argv", ["teelog", "serve", "--tee", "sim"])):
            self.assertEqual(list(check_manifest.trouble(changed(where, value), True)), [])
        self.assertTrue(list(check_manifest.trouble(changed("sgx.insecure__x", 1), True)))


class Files(Case):
    """What ./trusted-files lists, and what it refuses."""

    def setUp(self):
        super().setUp()
        self.agent = pathlib.Path(self.dir, "agent")
        (self.agent / "lib").mkdir(parents=True)
        (self.agent / "main.js").write_text("1")
        (self.agent / "lib" / "a b.js").write_text("2")

    def list(self, *what, code=0):
        done = subprocess.run([GRAMINE / "trusted-files", *what], cwd=self.dir, text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr if code else [f["uri"] for f in
                                         tomllib.loads(done.stdout)["sgx"]["trusted_files"]]

    def test_every_file_of_a_directory(self):
        (self.agent / "lib" / 'q"\\').write_text("3")
        (self.agent / "link.js").symlink_to("main.js")
        self.assertEqual(self.list("agent/"), ["file:agent/link.js", "file:agent/main.js",
                                               "file:agent/lib/a b.js", 'file:agent/lib/q"\\'])

    def test_libraries_of_a_program(self):
        got = self.list(TEELOG)
        self.assertTrue(any("/libcrypto.so" in uri for uri in got))
        self.assertTrue(all(os.path.isfile(uri.removeprefix("file:")) for uri in got))
        self.assertFalse([uri for uri in got if "/libc.so" in uri or "/ld-linux" in uri])
        self.assertEqual(len(self.list(TEELOG, TEELOG)), len(got))

    def test_nothing_is_passed_over(self):
        def refused(make, word):
            shutil.rmtree(self.agent / "t", ignore_errors=True)
            (self.agent / "t").mkdir()
            make(self.agent / "t" / "x")
            self.assertIn(word, self.list("agent", code=1))

        refused(lambda p: p.symlink_to("/etc/hostname"), "link out")
        refused(lambda p: p.symlink_to(self.agent / "lib"), "link to a directory")
        refused(lambda p: p.symlink_to("nowhere"), "No such file")
        refused(os.mkfifo, "no file and no directory")
        refused(lambda p: (p.parent / ".env").write_text("KEY=1"), "secrets")
        refused(lambda p: (p.parent / "a\nb").write_text(""), "control character")
        self.assertIn("nowhere", self.list("nowhere", code=1))


class Measure(Case):
    def measure(self, sig, *options, code=0):
        path = self.path("x.sig")
        pathlib.Path(path).write_bytes(sig)
        done = subprocess.run([GRAMINE / "measure", path, *options], cwd=self.dir, text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr if code else dict(line.split() for line in done.stdout.splitlines())

    def policy_is_read(self):
        """A policy that cannot be used is wrong usage (2); an empty bundle is REJECTED (1)."""
        open(self.path("empty"), "wb").close()
        self.teelog("verify", "empty", "--policy", "policy.json", code=1)
        with open(self.path("policy.json"), encoding="utf-8") as f:
            return json.load(f)

    def test_policy(self):
        sig = fakegramine.sigstruct(bytes(range(32)), svn=7)
        got = self.measure(sig, "--policy", "policy.json")
        self.assertEqual(got, {"mrenclave": bytes(range(32)).hex(), "isv_prod_id": "1",
                               "isv_svn": "7", "debug": "false",
                               "mrsigner": hashlib.sha256(b"\x5a" * 384).hexdigest()})
        evidence = [{"platform": "sgx-gramine", "mrenclave": [bytes(range(32)).hex()]}]
        self.assertEqual(self.policy_is_read(), {"teelog_policy": 1, "evidence": evidence,
                                                 "history": "unwitnessed"})
        table = json.loads((ROOT / "tests/vectors/policy.json").read_text(encoding="utf-8"))
        log = next(p["log"] for p in table["good"] if "log" in p)
        self.measure(sig, "--policy", "policy.json", "--origin", log["origin"],
                     "--log-key", log["keys"][0])
        self.assertEqual(self.policy_is_read()["log"],
                         {"origin": log["origin"], "keys": log["keys"][:1]})

    def test_refused(self):
        good = fakegramine.sigstruct(bytes(32))
        for bad in good[:-1], good + b"\0", b"\1" + good[1:], b"":
            self.assertIn("no SIGSTRUCT", self.measure(bad, code=1))
        debug = fakegramine.sigstruct(bytes(32), debug=True)
        self.assertEqual(self.measure(debug)["debug"], "true")
        self.assertIn("debug", self.measure(debug, "--policy", "policy.json", code=1))
        self.assertFalse(os.path.exists(self.path("policy.json")))
        self.measure(good, "--log-key", "x", code=2)


@unittest.skipUnless(jinja2, "skipped: no jinja2 (Debian: python3-jinja2)")
@unittest.skipUnless(shutil.which("make") and shutil.which("strip"), "skipped: no make")
class Make(Case):
    """The Makefile, with stand-ins for Gramine's tools."""

    def setUp(self):
        super().setUp()
        self.gramine = pathlib.Path(self.dir, "gramine")
        shutil.copytree(GRAMINE, self.gramine, ignore=shutil.ignore_patterns(
            "build", "data", "agent-data", "teelog", "*.manifest", "*.sgx", "*.sig", "settings"))
        self.install()
        self.env["HOME"] = self.dir
        for name in "SGX", "DEBUG", "EDMM", "MAKEFLAGS", "MAKELEVEL", "APP":
            self.env.pop(name, None)

    def install(self):
        fakegramine.install(self.path("bin"))
        pathlib.Path(self.path("key.pem")).write_text("a key\n")

    def make(self, *args, code=0):
        done = subprocess.run(["make", "-C", self.gramine, f"TEELOG={TEELOG}", "ARCH_LIBDIR=/lib/x",
                               f"SGX_SIGNER_KEY={self.path('key.pem')}", "SIGN_DATE=2026-01-02",
                               *args], env=self.env, text=True, capture_output=True, timeout=120,
                              check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def manifest(self, name="teelog.manifest.sgx"):
        return tomllib.loads((self.gramine / name).read_text(encoding="utf-8"))

    def test_enclave(self):
        said = self.make("SGX=1")
        sgx = self.manifest()["sgx"]
        self.assertEqual((sgx["debug"], sgx["enclave_size"], sgx["edmm_enable"]),
                         (False, "128M", False))
        self.assertTrue(all("sha256" in f for f in sgx["trusted_files"]))
        self.assertIn(hashlib.sha256((self.gramine / "teelog.manifest.sgx").read_bytes()).hexdigest(),
                      said)
        first = {n: (self.gramine / n).read_bytes() for n in ("teelog.manifest.sgx", "teelog.sig")}
        self.make("clean")
        self.assertFalse((self.gramine / "teelog.sig").exists())
        self.make("SGX=1", "policy")
        for name, data in first.items():
            self.assertEqual((self.gramine / name).read_bytes(), data)
        with open(self.gramine / "teelog.policy.json", encoding="utf-8") as f:
            self.assertIn(json.load(f)["evidence"][0]["mrenclave"][0], said)

    def test_other_settings_are_another_enclave(self):
        self.make("SGX=1", "ORIGIN=one.example/log")
        first = (self.gramine / "teelog.sig").read_bytes()
        self.make("SGX=1", "ORIGIN=two.example/log", "OPTIONS=--min-free 1G")
        self.assertNotEqual((self.gramine / "teelog.sig").read_bytes(), first)
        argv = self.manifest()["loader"]["argv"]
        self.assertIn("two.example/log", argv)
        self.assertEqual(argv[-2:], ["--min-free", "1G"])
        self.make("SGX=1", "EDMM=1", "DEBUG=1")
        sgx = self.manifest()["sgx"]
        self.assertEqual((sgx["debug"], sgx["edmm_enable"]), (True, True))
        self.assertIn("debug", self.make("SGX=1", "DEBUG=1", "policy", code=2))

    def test_node(self):
        self.make("SGX=1", "APP=teelog-node", "AGENT_MEMORY=1G")
        m = self.manifest("teelog-node.manifest.sgx")
        argv = m["loader"]["argv"]
        self.assertEqual(argv[argv.index("--"):], ["--", "/usr/bin/node", "/agent/main.mjs"])
        trusted = {f["uri"] for f in m["sgx"]["trusted_files"]}
        self.assertIn("file:agent/main.mjs", trusted)
        self.assertIn("file:/usr/bin/node", trusted)
        # A file that comes later is measured too; a link out of the tree ends it.
        (self.gramine / "agent" / "more.js").write_text("1")
        self.make("SGX=1", "APP=teelog-node", "AGENT_MEMORY=1G")
        self.assertIn("file:agent/more.js", {f["uri"] for f in
                      self.manifest("teelog-node.manifest.sgx")["sgx"]["trusted_files"]})
        (self.gramine / "agent" / "hosts").symlink_to("/etc/hosts")
        self.assertIn("link out", self.make("SGX=1", "APP=teelog-node", code=2))

    def test_witnesses(self):
        """Whom the log asks is measured, and what asks them is inside."""
        for app in "teelog", "teelog-node":
            name = f"{app}.manifest.sgx"
            self.make("SGX=1", f"APP={app}")
            without = self.manifest(name)
            self.assertNotIn("--witnesses", without["loader"]["argv"])
            (self.gramine / "their.policy").write_text("quorum none\n")
            (self.gramine / "ca.pem").write_text("a certificate\n")
            wanted = "SGX=1", f"APP={app}", "WITNESSES=their.policy", "WITNESS_CA=ca.pem"
            self.make(*wanted, "OPTIONS=--degraded-starts --faulty 0")
            m = self.manifest(name)
            argv = m["loader"]["argv"]
            own = argv[:argv.index("--")] if "--" in argv else argv
            mounts = {x["path"]: x.get("uri") for x in m["fs"]["mounts"]}
            for option, file in ("--witnesses", "their.policy"), ("--witness-ca", "ca.pem"):
                path = own[own.index(option) + 1]
                self.assertEqual(mounts[path], "file:" + file)
                self.assertIn("file:" + file, {f["uri"] for f in m["sgx"]["trusted_files"]})
            self.assertEqual(own[-3:], ["--degraded-starts", "--faulty", "0"])
            self.assertTrue(m["sys"]["enable_extra_runtime_domain_names_conf"])
            self.assertGreater(m["sgx"]["max_threads"], without["sgx"]["max_threads"])
            # Another policy is another enclave.
            first = (self.gramine / f"{app}.sig").read_bytes()
            (self.gramine / "their.policy").write_text("# another\nquorum none\n")
            self.make("clean")
            self.make(*wanted, "OPTIONS=--degraded-starts --faulty 0")
            self.assertNotEqual((self.gramine / f"{app}.sig").read_bytes(), first)
        self.assertIn("-Dpcs=enabled", self.make("-n", "TEELOG=", "WITNESSES=their.policy", "teelog"))
        self.assertIn("-Dpcs=disabled", self.make("-n", "TEELOG=", "teelog"))

    def test_a_template_that_gives_the_host_a_say(self):
        template = self.gramine / "teelog.manifest.template"
        text = template.read_text(encoding="utf-8")
        template.write_text("loader.insecure__use_host_env = true\n" + text, encoding="utf-8")
        self.assertIn("insecure__use_host_env", self.make("SGX=1", code=2))
        self.assertFalse((self.gramine / "teelog.manifest").exists())

    def test_no_key(self):
        os.remove(self.path("key.pem"))
        self.assertIn("gramine-sgx-gen-private-key", self.make("SGX=1", code=2))

    def test_no_gramine(self):
        os.remove(os.path.join(self.path("bin"), "gramine-manifest"))
        if not shutil.which("gramine-manifest"):
            self.assertIn("Gramine is not installed", self.make(code=2))

    def test_it_runs(self):
        said = self.make("check", "LISTEN=127.0.0.1:0")
        self.assertIn("[ Success 1/1 ]", said)
        self.assertTrue((self.gramine / "data" / "teelog.db").exists())
        # Not a second one on what is there.
        with open(self.gramine / "data" / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for target in "start", "check":
                self.assertIn("another teelog has", self.make(target, "LISTEN=127.0.0.1:0", code=2))
        self.make("distclean")
        self.assertTrue((self.gramine / "data" / "teelog.db").exists())

    @unittest.skipUnless(os.access("/usr/bin/node", os.X_OK), "skipped: no /usr/bin/node")
    def test_the_agent_runs(self):
        self.make("APP=teelog-node")
        (self.gramine / "data").mkdir()
        said = subprocess.run(["gramine-direct", "teelog-node"], cwd=self.gramine, env=self.env,
                              text=True, capture_output=True, timeout=60, check=True).stdout
        self.assertIn("logged as statement", said)
        said = self.teelog("records", "--data", str(self.gramine / "data"), "--tee", "sim").stdout
        self.assertIn("5 USDC to bob", said)


class Fits(Case):
    """What the manifest of teelog alone gives it is enough."""

    @unittest.skipIf(b"__asan_" in pathlib.Path(TEELOG).read_bytes(), "skipped: a sanitizer's build")
    def test_memory_and_threads(self):
        template = (GRAMINE / "teelog.manifest.template").read_text(encoding="utf-8")
        threads = int(re.search(r"^sgx.max_threads = (\d+)$", template, re.M)[1])

        def as_in_an_enclave():
            # Gramine's stacks, and 128 MB less what Gramine itself takes.
            resource.setrlimit(resource.RLIMIT_STACK, (256 << 10, 256 << 10))
            resource.setrlimit(resource.RLIMIT_AS, (88 << 20, 88 << 20))

        with Service(self.dir, env={**self.env, "MALLOC_ARENA_MAX": "1"},
                     preexec_fn=as_in_an_enclave) as service:
            for part in range(3):
                done = self.append([record(content="x" * 200, roomId=f"r{i % 50}")
                                    for i in range(part * 4000, part * 4000 + 4000)])
                self.assertEqual(len(done), 4000)
            self.teelog("records", "--data", self.data, "--text", "no such", "--total")
            self.teelog("export", "--data", self.data, "-o", self.path("all.teelog"))
            now = len(os.listdir(f"/proc/{service.process.pid}/task"))
            self.assertEqual(service.stop(), 0)
        # At most 8 signers, where there are as many processors; the threads of collateral,
        # retention, renewal and quotes, which are not always there; and Gramine's three.
        self.assertLessEqual(now - min(len(os.sched_getaffinity(0)), 8) + 8 + 6 + 3, threads)


@unittest.skipUnless(shutil.which("gramine-manifest") and shutil.which("gramine-sgx-sign") and
                     shutil.which("gramine-sgx-gen-private-key"),
                     "skipped: Gramine's tools are not installed")
class WithGramine(Make):
    """The same with the real tools: what they take, they take from our templates. What runs
    has to run under gramine-direct."""

    def install(self):
        subprocess.run(["gramine-sgx-gen-private-key", self.path("key.pem")], check=True,
                       capture_output=True)

    def test_no_gramine(self):
        self.skipTest("skipped: Gramine is installed")

    def test_enclave(self):
        self.make("SGX=1", "policy")
        view = json.loads(subprocess.run(
            ["gramine-sgx-sigstruct-view", "--verbose", "--output-format=json", "teelog.sig"],
            cwd=self.gramine, check=True, capture_output=True, text=True).stdout)
        with open(self.gramine / "teelog.policy.json", encoding="utf-8") as f:
            self.assertEqual(json.load(f)["evidence"][0]["mrenclave"], [view["mr_enclave"]])


if __name__ == "__main__":
    main()
