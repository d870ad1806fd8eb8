"""Real agents of elizaOS for tests: the package under test, built and packed as it is published, beside
versions of elizaOS that lock files pin. Installed once, beside the build, for all tests that come."""
import atexit
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE.parent / "interop")]
from npm import install as npm  # noqa: E402
from teelogtest import ROOT, TEELOG, Case, Service  # noqa: E402, F401

PACKAGE = ROOT / "integrations" / "elizaos"
CACHE = pathlib.Path(os.environ.get("TEELOG_E2E") or ROOT / "build" / "e2e")
# Not their native parts, nor the peers of peers; and no long wait where there is nothing to install from.
OPTIONS = ("--legacy-peer-deps", "--prefer-offline", "--fetch-retries=1", "--fetch-timeout=60000")
CANNOT_S = 1800  # so long nobody tries again
ANSWER_S = 300


@contextlib.contextmanager
def locked():
    """One test at a time installs."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def digest(*files):
    return hashlib.sha256(b"\0".join(f.read_bytes() for f in files)).hexdigest()


def installed(name, lock_files, folder):
    """The packages that the lock file in that folder names, in CACHE/name."""
    where, want = CACHE / name, digest(lock_files / "package.json", lock_files / "package-lock.json")
    marker, cannot = where / "installed", CACHE / f"{name}.cannot"
    if marker.exists() and marker.read_text() == want:
        return where
    if cannot.exists() and time.time() - cannot.stat().st_mtime < CANNOT_S:
        raise unittest.SkipTest(cannot.read_text())
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(folder, where, ignore=shutil.ignore_patterns("node_modules", "dist"))
    missing = npm.install(str(lock_files), where, *OPTIONS, timeout=600)
    if missing:
        cannot.write_text(missing)
        raise unittest.SkipTest(missing)
    marker.write_text(want)
    return where


def built():
    """The package, its sources as they are now, in CACHE/package; and as npm packs it."""
    where = installed("package", PACKAGE, PACKAGE)
    sources = sorted(p for part in ("src", "examples", "test") for p in (PACKAGE / part).iterdir())
    want = digest(*sources, PACKAGE / "package.json", PACKAGE / "tsconfig.json", PACKAGE / "README.md")
    packed = where / f"{want}.tgz"
    if not packed.exists():
        for part in ("src", "examples", "test", "dist"):
            shutil.rmtree(where / part, ignore_errors=True)
        shutil.copytree(PACKAGE, where, ignore=shutil.ignore_patterns("node_modules", "dist"), dirs_exist_ok=True)
        subprocess.run(["node", "node_modules/typescript/bin/tsc", "-p", "."], cwd=where, check=True, timeout=600)
        done = subprocess.run(["npm", "pack", "--ignore-scripts", "--json"], cwd=where, check=True, timeout=300, capture_output=True, text=True)
        os.rename(where / json.loads(done.stdout)[0]["filename"], packed)
    return where, packed


def with_plugin(version):
    """The folder with this version of elizaOS, and the package in it."""
    lock_files = HERE.parent / "interop" / "npm" / f"elizaos_{version}"
    where = installed(f"elizaos_{version}", lock_files, lock_files)
    _, packed = built()
    if (where / "plugin").exists() and (where / "plugin").read_text() == packed.name:
        return where
    plugin = where / "node_modules" / "plugin-teelog"
    shutil.rmtree(plugin, ignore_errors=True)
    with tarfile.open(packed) as tar:
        tar.extractall(where / "unpacked", filter="data")
    shutil.move(where / "unpacked" / "package", plugin)
    (where / "plugin").write_text(packed.name)
    return where


@functools.cache
def package():
    with locked():
        return built()[0]


@functools.cache
def ready(version):
    """A folder of this process alone, where node finds this version, the package, and the agent."""
    with locked():
        where = with_plugin(version)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="teelog-e2e-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.symlink(where / "node_modules", folder / "node_modules")
    (folder / "package.json").write_text('{"type": "module"}\n')
    shutil.copy(HERE / "agent.mjs", folder)
    return folder


def compile_ts(folder, *args):
    """As somebody who writes TypeScript has it compiled; the result of tsc."""
    modules = package() / "node_modules"
    return subprocess.run(["node", modules / "typescript" / "bin" / "tsc", "--strict", "--target", "es2022", "--types", "node",
                           "--typeRoots", modules / "@types", *args], cwd=folder, capture_output=True, text=True, timeout=600, check=False)


class Agents:
    """A process with agents in it."""

    def __init__(self, folder, version, env, errors):
        self.errors = open(errors, "w", encoding="utf-8")
        self.process = subprocess.Popen(
            ["node", "--expose-gc", "agent.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env={**env, "ELIZA": version, "LOG_LEVEL": "warn", "ELIZA_LOG_LEVEL": "warn"})
        assert self.answer() == {"ready": True}

    def tell(self, op, **what):
        self.process.stdin.write(json.dumps({"op": op, **what}) + "\n")
        self.process.stdin.flush()

    def answer(self):
        late = threading.Timer(ANSWER_S, self.process.kill)
        late.start()
        line = self.process.stdout.readline()
        late.cancel()
        if not line:
            raise AssertionError("the agent's process has ended: " + open(self.errors.name, encoding="utf-8").read()[-3000:])
        return json.loads(line)

    def ask(self, op, **what):
        self.tell(op, **what)
        answer = self.answer()
        if "failed" in answer:
            raise AssertionError(answer["failed"])
        return answer

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()
        said = pathlib.Path(self.errors.name).read_text(encoding="utf-8")
        assert "UNHANDLED" not in said, said[-3000:]  # a promise of which nobody looks at the end
