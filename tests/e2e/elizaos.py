"""Real agents of elizaOS for tests: the package under test, built and packed as it is published,
in folders with one version of elizaOS each, which are kept beside the build."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from teelogtest import ROOT, Case, Service  # noqa: E402, F401

PACKAGE = ROOT / "integrations" / "elizaos"
TOOLS = ["typescript@5.9.3", "@types/node@20.19.43"]
VERSIONS = {
    "1": ["@elizaos/core@1.7.2", "@elizaos/plugin-sql@1.7.2", "@elizaos/plugin-bootstrap@1.7.2"],
    "2": ["@elizaos/core@2.0.0-alpha.537"],
}


def cache():
    return pathlib.Path(os.environ.get("TEELOG_E2E", os.path.join(tempfile.gettempdir(), "teelog-e2e")))


def install(name, packages):
    """A folder with these packages, from the last run where that had the same ones."""
    folder = cache() / name
    marker = folder / "installed"
    if marker.exists() and marker.read_text().split() == packages:
        return folder
    if not shutil.which("node") or not shutil.which("npm"):
        raise unittest.SkipTest("there is no npm")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"name": "e2e", "private": true, "type": "module"}\n')
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-save", "--no-package-lock", "--ignore-scripts",
                           "--omit=optional", "--omit=peer", "--prefer-offline", *packages],
                          cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise unittest.SkipTest(f"npm cannot install {packages[0]}")
    marker.write_text("\n".join(packages))
    return folder


def pack():
    """The package as npm packs it."""
    tools = install("tools", TOOLS)
    build = cache() / "package"
    shutil.rmtree(build, ignore_errors=True)
    shutil.copytree(PACKAGE, build, ignore=shutil.ignore_patterns("node_modules", "dist"))
    os.symlink(tools / "node_modules", build / "node_modules")
    subprocess.run(["node", "node_modules/typescript/bin/tsc", "-p", "."], cwd=build, check=True, timeout=300)
    done = subprocess.run(["npm", "pack", "--ignore-scripts", "--json"], cwd=build, check=True, timeout=120, capture_output=True, text=True)
    return build / json.loads(done.stdout)[0]["filename"]


def ready(version):
    """The folder of this version, with the package in it and the agent."""
    folder = install(f"elizaos-{version}", VERSIONS[version])
    where = folder / "node_modules" / "plugin-teelog"
    shutil.rmtree(where, ignore_errors=True)
    with tarfile.open(pack()) as tar:
        tar.extractall(folder / "unpacked", filter="data")
    shutil.move(folder / "unpacked" / "package", where)
    shutil.copy(HERE / "agent.mjs", folder)
    return folder


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
        line = self.process.stdout.readline()
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
