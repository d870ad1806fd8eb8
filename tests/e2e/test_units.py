"""The package's own tests, `npm test`: each is one of node's."""
import os
import subprocess
import unittest

from elizaos import package


class Units(unittest.TestCase):
    def test_npm_test(self):
        done = subprocess.run(["npm", "test"], cwd=package(), capture_output=True, text=True, timeout=600, check=False,
                              env={k: v for k, v in os.environ.items() if not k.startswith(("TEE", "ENABLE_TEE"))})
        self.assertEqual(done.returncode, 0, done.stdout[-6000:])
        self.assertRegex(done.stdout, r"(#|ℹ) fail 0")


if __name__ == "__main__":
    unittest.main()
