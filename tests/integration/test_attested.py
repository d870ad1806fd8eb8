"""`teelog serve --ra-tls` and `--peer-policy`: a certificate that shows what code answers."""
import json
import os
import re
import ssl
import subprocess

from doors import make_certificate
from teelogtest import Case, lines, main, record


class Attested(Case):
    def open(self, *options):
        service = self.serve("--listen", "127.0.0.1:0", *options)
        self.port = int(re.search(r"listening on \S+:(\d+)", service.ready)[1])
        self.url = f"https://127.0.0.1:{self.port}"
        return service

    def policy(self):
        """A policy that names the running code; its path."""
        self.append([record()])
        self.teelog("export", "--data", self.data, "-o", self.path("bundle"))
        self.teelog("policy", "init", self.path("bundle"), "-o", self.path("policy"))
        return self.path("policy")

    def edited(self, edit):
        with open(self.path("policy"), encoding="utf-8") as f:
            policy = json.load(f)
        edit(policy)
        with open(self.path("edited"), "w", encoding="utf-8") as f:
            json.dump(policy, f)
        return self.path("edited")

    def certificate(self):
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.port)))
        with open(self.path("cert.der"), "wb") as f:
            f.write(der)
        return der

    def test_every_command(self):
        self.open("--ra-tls", "full")
        at = ("--url", self.url, "--peer-policy", self.policy())
        for scope in ("append", "read", "erase", "admin"):
            self.teelog("token", "create", "--data", self.data, "--scope", scope, "-o", self.path(scope))

        def ask(command, *args, scope, stdin=""):
            done = self.teelog(command, *args, *at, "--token-file", self.path(scope), stdin=stdin)
            self.assertEqual(done.stderr.count("SIMULATED"), 1, command)
            return done.stdout

        ask("append", scope="append", stdin=lines([record() for _ in range(2000)]))
        self.assertEqual(len(ask("records", "--json", scope="read").splitlines()), 2001)
        self.assertIn("alice", ask("agents", scope="read"))
        ask("export", "-o", self.path("b"), scope="read")
        self.assertEqual(self.verdict(self.path("b"), "--policy", self.path("policy"))["verdict"], "TRUSTED")
        ask("attest", "-o", self.path("f"), scope="read")
        ask("erase", "2", "--yes", scope="erase")
        ask("token", "list", scope="admin")

    def test_which_code(self):
        self.open("--ra-tls", "full")
        good = self.policy()

        def other(policy):
            policy["evidence"][0]["mrenclave"] = ["ab" * 32]

        def root(policy):
            policy["evidence"][0]["root"] = "ab" * 32

        def nothing(policy):
            del policy["evidence"]

        def unpinned(policy):
            del policy["evidence"][0]["mrenclave"]

        self.teelog("agents", "--url", self.url, "--peer-policy", good)
        for edit, words in ((other, "code: "), (root, "root: "), (nothing, "not good under"), (unpinned, "pin: ")):
            done = self.teelog("agents", "--url", self.url, "--peer-policy", self.edited(edit), code=3)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stdout, "")
        # Nothing else is good for it, and it is good for nothing else.
        self.assertIn("not good: self", self.teelog("agents", "--url", self.url, code=3).stderr)

    def test_a_certificate_of_a_ca_is_not_enough(self):
        cert, key = make_certificate(self.dir)
        self.open("--tls-cert", cert, "--tls-key", key)
        done = self.teelog("agents", "--url", self.url, "--peer-policy", self.policy(), code=3)
        self.assertIn("claims: it carries no evidence", done.stderr)

    def test_small(self):
        self.open("--ra-tls", "small")
        good = self.policy()
        self.assertLess(len(self.certificate()), 16384)
        done = self.teelog("agents", "--url", self.url, "--peer-policy", good, code=3)
        self.assertIn("collateral: ", done.stderr)

    def test_as_openssl_reads_it(self):
        self.open("--ra-tls", "full")
        der = self.certificate()
        text = subprocess.run(["openssl", "x509", "-inform", "DER", "-in", self.path("cert.der"), "-noout", "-text"],
                              check=True, capture_output=True, text=True).stdout
        for words in ("2.23.133.5.4.9", "1.3.6.1.5.5.7.1.35", "CN = teelog", "ecdsa-with-SHA256"):
            self.assertIn(words, text)
        self.assertIn(b"\xd9\xea\x60\x82", der)
        pem = ssl.DER_cert_to_PEM_cert(der)
        with open(self.path("cert.pem"), "w", encoding="ascii") as f:
            f.write(pem)
        subprocess.run(["openssl", "verify", "-CAfile", self.path("cert.pem"), self.path("cert.pem")], check=True,
                       capture_output=True)

    def test_usage(self):
        cert, key = make_certificate(self.dir)
        tls = ("--tls-cert", cert, "--tls-key", key)
        here = ("--listen", "127.0.0.1:0")
        for options, words in (((*here, "--ra-tls", "big"), "full or small"),
                               (("--ra-tls", "full"), "--listen"),
                               ((*here, *tls, "--ra-tls", "full"), "leave out")):
            done = self.teelog("serve", "--data", self.data, "--tee", "sim", *options, code=2)
            self.assertIn(words, done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.data, "teelog.db")))
        with open(self.path("p"), "w", encoding="utf-8") as f:
            f.write('{"teelog_policy": 1}')
        policy = ("--peer-policy", self.path("p"))
        for options, words in ((("--url", "https://localhost:1", "--ca", cert, *policy), "leave out"),
                               (("--url", "http://127.0.0.1:1", *policy), "https://"),
                               (("--socket", "s", *policy), "elsewhere"),
                               (("--data", "d", *policy), "elsewhere"),
                               (("--url", "https://localhost:1", "--peer-collateral", cert), "goes with"),
                               (("--url", "https://localhost:1", "--peer-policy", cert), "cannot be used")):
            done = self.teelog("agents", *options, code=2)
            self.assertIn(words, done.stderr)
        self.teelog("agents", "--url", "https://localhost:1", "--peer-policy", self.path("no"), code=3)


if __name__ == "__main__":
    main()
