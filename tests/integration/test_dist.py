"""`make dist`: one commit gives one tarball, whoever makes it, and it builds."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def run(*args, **more):
    return subprocess.run(args, check=True, capture_output=True, text=True, **more).stdout


@unittest.skipUnless((ROOT / ".git").exists() and shutil.which("git"),
                     "skipped: not a git checkout")
class Dist(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="teelog-test-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def tarball(self, name, umask, **env):
        """Its path, made in a clone of its own."""
        clone = os.path.join(self.dir, name)
        run("git", "clone", "-q", str(ROOT), clone)
        run("bash", "-c", f"umask {umask}; scripts/dist", cwd=clone, env={**os.environ, **env})
        made, = pathlib.Path(clone, "build", "dist").iterdir()
        return made

    def test_the_same_bytes_everywhere(self):
        one = self.tarball("one", "022", TZ="UTC", LC_ALL="C")
        two = self.tarball("another", "077", TZ="Asia/Tokyo", LC_ALL="C.UTF-8", USER="somebody")
        self.assertEqual(hashlib.sha256(one.read_bytes()).digest(),
                         hashlib.sha256(two.read_bytes()).digest())
        with tarfile.open(one) as tar:
            names = tar.getnames()
            top = one.name.removesuffix(".tar.gz")
            self.assertTrue(all(n == top or n.startswith(top + "/") for n in names))
            self.assertIn(f"{top}/meson.build", names)
            self.assertFalse([n for n in names if "/.git/" in n or "/build/" in n])
            self.assertEqual({m.uid for m in tar}, {0})

    def test_what_is_not_committed_is_not_in_it(self):
        clone = os.path.join(self.dir, "clone")
        run("git", "clone", "-q", str(ROOT), clone)
        with open(os.path.join(clone, "README.md"), "a") as f:
            f.write("more\n")
        got = subprocess.run(["scripts/dist"], cwd=clone, capture_output=True, text=True)
        self.assertEqual(got.returncode, 1)
        self.assertIn("not committed", got.stderr)


if __name__ == "__main__":
    unittest.main()
