"""libteelog for others: the least program that verifies, and the verifier built alone."""
import os
import pathlib
import subprocess
import time

from teelogtest import Case, main, record

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEEDLESS = ("sqlite", "event", "curl", "libssl")


class Library(Case):
    def bundle(self):
        """A bundle with keys of both kinds, the policy that pins it, and one with a byte changed."""
        self.serve()
        self.append([record("alice")])
        self.append([record("bob")], "--alg", "ES256K")
        self.teelog("export", "--data", self.data, "-o", "good")
        self.teelog("policy", "init", "good", "-o", "policy")
        data = bytearray(pathlib.Path(self.path("good")).read_bytes())
        data[len(data) // 2] ^= 1
        pathlib.Path(self.path("bad")).write_bytes(data)

    def run_in(self, *args):
        return subprocess.run(args, capture_output=True, text=True, cwd=self.dir, env=self.env)

    def test_the_least_program(self):
        self.bundle()
        program = os.environ["VERIFY_MIN"]
        pathlib.Path(self.path("empty")).write_text('{"teelog_policy": 1}')
        for words, code, said in ((("good", "policy"), 0, "TRUSTED\n"), (("bad", "policy"), 1, "REJECTED\n"),
                                  (("good", "empty"), 1, "REJECTED\n"), (("none", "policy"), 2, ""),
                                  (("good", "good"), 2, ""), (("good",), 2, "")):
            # Twenty lines leave the freeing to the end of the process.
            self.env["ASAN_OPTIONS"] = "detect_leaks=0"
            done = self.run_in(program, *words)
            self.assertEqual((done.returncode, done.stdout), (code, said), words)
        source = (ROOT / "examples" / "verify_min.c").read_text()
        self.assertLessEqual(len(source.split("int main")[1].splitlines()), 22)

    def test_the_verifier_alone(self):
        build = self.path("alone")
        done = self.run_in("meson", "setup", build, str(ROOT), "-Dservice=disabled", "-Dbuildtype=debug",
                           "-Dman=false")
        self.assertEqual(done.returncode, 0, done.stdout)
        done = self.run_in("ninja", "-C", build)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:])
        alone = os.path.join(build, "src", "cli", "teelog")
        for file in (alone, os.path.join(build, "src", "verify", "libteelog.so")):
            needed = self.run_in("ldd", file).stdout
            self.assertIn("libcrypto", needed)
            for name in NEEDLESS:
                self.assertNotIn(name, needed)
        commands = [line.split()[0] for line in self.run_in(alone, "help").stdout.splitlines()
                    if line.startswith("  ")]
        self.assertEqual(commands, ["verify", "policy", "quote", "version"])
        self.bundle()
        self.assertEqual(self.run_in(alone, "verify", "good", "--policy", "policy").returncode, 0)
        self.assertEqual(self.run_in(alone, "verify", "bad", "--policy", "policy").returncode, 1)
        self.assertEqual(self.run_in(alone, "serve").returncode, 2)
        words = ("verify", "good", "--policy", "policy", "--json", "--at", str(int(time.time())))
        whole, again = self.teelog(*words), self.run_in(alone, *words)
        self.assertEqual(again.stdout, whole.stdout)
        done = self.run_in(alone, "quote", "collateral", "good", "-o", "x")
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    main()
