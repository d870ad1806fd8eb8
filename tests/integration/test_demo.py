"""`make demo`: what it shows, how quickly, and that it leaves nothing behind."""
import os
import subprocess
import time

from teelogtest import ROOT, TEELOG, Case, main


class Demo(Case):
    def test_the_demo(self):
        tmp = self.path("tmp")
        os.mkdir(tmp)
        start = time.monotonic()
        done = subprocess.run([ROOT / "scripts" / "demo", TEELOG], capture_output=True, text=True,
                              env=dict(self.env, TMPDIR=tmp), timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertLess(time.monotonic() - start, 60)  # ten seconds, on a quiet machine
        self.assertEqual(os.listdir(tmp), [])
        trusted, rejected = done.stdout.index("TRUSTED"), done.stdout.index("REJECTED")
        self.assertLess(trusted, rejected)
        self.assertIn("229 actions logged", done.stdout)
        self.assertIn("body at index 6", done.stdout)
        self.assertIn("simulated", done.stdout)


if __name__ == "__main__":
    main()
