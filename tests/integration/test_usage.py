"""The command line: help from one table, wrong usage told, errors that begin alike."""
import json
import re

from teelogtest import Case, main

KEY = "example.org/log+89b7ddcc+AcT+Vytqa/tqBZ3d+yLG6M5OvzChyG6oRlFJR/yrNOyj"


class Usage(Case):
    def commands(self):
        return re.findall(r"^  (\w+) ", self.teelog("help").stdout, re.M)

    def test_help(self):
        self.assertEqual(self.teelog(code=2).stdout, "")
        names = self.commands()
        self.assertEqual(names, ["serve", "run", "append", "agents", "records", "recover", "successor", "tail", "mcp", "mirror", "monitor", "proof", "witness", "erase", "export", "backup", "restore", "attest", "token", "fsck", "verify", "policy",
                                 "quote", "version"])
        for name in names:
            text = self.teelog("help", name).stdout
            self.assertIn(f"usage: teelog {name}", text)
            self.assertEqual(self.teelog(name, "--help").stdout, text)
        self.teelog("help", "nothing", code=2)

    def test_unknown_things(self):
        self.teelog("nothing", code=2)
        for name in self.commands():
            done = self.teelog(name, "--nonsense", code=2)
            self.assertTrue(done.stderr.startswith("teelog: "), done.stderr)
            self.assertIn(f"teelog help {name}", done.stderr)

    def test_missing_things(self):
        for args in (["serve"], ["run", "--tee", "sim", "--", "true"], ["append"], ["agents"],
                     ["export"], ["export", "-o", "x"], ["verify"], ["verify", "a", "b"],
                     ["policy"], ["policy", "init", "x"], ["policy", "show", "x", "-o", "y"],
                     ["append", "--log-key", "x", "--data", "d"],
                     ["fsck"], ["version", "x"], ["serve", "x", "--data", "d"],
                     ["agents", "--tee", "sim"], ["records"], ["tail"],
                     ["records", "--tee", "sim"], ["records", "x", "--data", "d"],
                     ["records", "1", "2", "--data", "d"], ["records", "1", "--agent", "a"],
                     ["records", "--limit", "0", "--data", "d"],
                     ["records", "--after", "now", "--data", "d"],
                     ["records", "--agent", "", "--data", "d"],
                     ["tail", "-n", "1001", "--data", "d"],
                     ["tail", "-n", "1", "--from", "1", "--data", "d"],
                     ["tail", "--to", "5", "--data", "d"], ["tail", "x", "--data", "d"], ["mcp", "--", "true"], ["mcp", "--log-key", KEY], ["mcp", "--log-key", "x", "--data", "d", "--", "true"],
                     ["mcp", "--log-key", KEY, "--trust-on-first-use", "--data", "d", "--", "true"],
                     ["mcp", "--log-key", KEY, "--rule", "x=y", "--data", "d", "--", "true"],
                     ["mcp", "--log-key", KEY, "--log-timeout", "0", "--data", "d", "--", "true"],
                     ["mcp", "--log-key", KEY, "--listen", "127.0.0.1:0", "--data", "d", "--", "true"],
                     ["mcp", "--log-key", KEY, "--url", "http://localhost/", "--data", "d", "--", "true"],
                     ["mirror"], ["mirror", "m"], ["mirror", "a", "b", "--data", "d"],
                     ["mirror", "m", "--log-key", "x", "--data", "d"], ["mirror", "m", "--every", "0", "--data", "d"],
                     ["successor"], ["successor", "--data", "d", "--origin", "o"],
                     ["successor", "--data", "d", "--old", "x"],
                     ["successor", "--data", "d", "--origin", "o", "--old", "x", "--note", "n"],
                     ["successor", "--data", "d", "--origin", "o", "--note", "n"],
                     ["successor", "--data", "d", "--origin", "o", "--old", "x", "--log-key", "k"],
                     ["successor", "--data", "d", "--origin", "o", "--old", "x", "y"],
                     ["monitor"], ["monitor", "u", "--log-key", "x"], ["monitor", "u", "--state", "s"],
                     ["monitor", "u", "--state", "s", "--log-key", "x"],
                     ["monitor", "u", "v", "--state", "s", "--log-key", KEY],
                     ["monitor", "u", "--data", "d", "--state", "s", "--log-key", KEY],
                     ["monitor", "--state", "s", "--log-key", KEY],
                     ["monitor", "http://example.org/", "--state", "s", "--log-key", KEY],
                     ["monitor", "https://example.org/a b", "--state", "s", "--log-key", KEY],
                     ["monitor", "u", "--state", "s", "--log-key", KEY, "--interval", "0"],
                     ["monitor", "u", "--state", "s", "--log-key", KEY, "--lag", "x"],
                     ["monitor", "u", "--state", "s", "--log-key", KEY, "--max-age", "60"],
                     ["proof"], ["proof", "--data", "d"], ["proof", "x", "--data", "d"], ["proof", "1", "2", "--data", "d"],
                     ["proof", "1", "--cose", "--transparent", "--data", "d"], ["proof", "1", "--since", "5", "--data", "d"],
                     ["proof", "--since", "0", "--data", "d"], ["proof", "1", "--log-key", "x", "--data", "d"],
                     ["proof", "1", "--keys", "k", "--data", "d"], ["proof", "1", "--json", "--data", "d"],
                     ["proof", "1", "--log-key", "x", "--policy", "p", "--data", "d"],
                     ["witness"], ["witness", "--data", "d"], ["witness", "--data", "d", "--log", "x"],
                     ["witness", "x", "--data", "d", "--policy", "p"], ["witness", "--data", "d", "--policy", "p", "--tls-key", "k"],
                     ["witness", "--data", "d", "--policy", "p", "--tls-key", "k", "--tls-cert", "c"], ["export", "-o", "x", "--tee", "sim"]):
            with self.subTest(args=args):
                done = self.teelog(*args, code=2)
                self.assertTrue(done.stderr.startswith("teelog: "), done.stderr)
                self.assertEqual(done.stdout, "")

    def test_version(self):
        version = json.loads(self.teelog("version", "--json").stdout)["version"]
        self.assertEqual(self.teelog("version").stdout, f"teelog {version}\n")
        self.assertEqual(self.teelog("--version").stdout, f"teelog {version}\n")

    def test_fsck_of_nothing(self):
        self.assertTrue(self.teelog("fsck", "--data", self.dir, "--tee", "sim",
                                    code=3).stderr.startswith("teelog: "))


if __name__ == "__main__":
    main()
