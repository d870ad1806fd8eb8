"""Agents in an enclave of their own: `serve --admit-attested` and a client's `--attest`, from
the certificate to `teelog verify`."""
import hashlib
import json
import os
import re
import socket
import ssl
import subprocess
import time

from teelogtest import TEELOG, Case, lines, main, record


def run(*argv, stdin=None):
    return subprocess.run(argv, input=stdin, capture_output=True, check=True).stdout


def root_of(directory):
    """SHA-256 of the key of a simulated platform's root."""
    with open(os.path.join(directory, "sim", "signer.pem"), encoding="utf-8") as f:
        for pem in re.findall("-----BEGIN CERT.*?-----END CERTIFICATE-----", f.read(), re.S):
            names = run("openssl", "x509", "-noout", "-subject", "-issuer", stdin=pem.encode()).decode()
            subject, issuer = (line.split("=", 1)[1] for line in names.splitlines())
            if subject == issuer:
                public = run("openssl", "x509", "-noout", "-pubkey", stdin=pem.encode())
                der = run("openssl", "pkey", "-pubin", "-outform", "DER", stdin=public)
                return hashlib.sha256(der).hexdigest()
    raise AssertionError("no root")


class Peers(Case):
    def setUp(self):
        super().setUp()
        self.agent = self.path("agent")
        os.mkdir(self.agent)
        # Whoever runs the service decides about its code first, and then about its peers'.
        service = self.serve()
        self.append([record(agentId="first")])
        self.teelog("export", "--data", self.data, "-o", self.path("bundle"))
        self.teelog("policy", "init", self.path("bundle"), "-o", self.path("service.json"))
        service.stop()
        # The agent's platform makes its keys when it is first used.
        self.teelog("agents", "--url", "https://127.0.0.1:1", "--attest", f"sim:{self.agent}",
                    "--peer-policy", self.path("service.json"), code=3)
        self.policy = self.write_policy("policy.json")

    def write_policy(self, name, **members):
        """The service's own policy, and an entry for the peer's code with these members."""
        with open(self.path("service.json"), encoding="utf-8") as f:
            policy = json.load(f)
        entry = dict(policy["evidence"][0], root=root_of(self.agent))
        entry.update(members)
        policy["admission"] = {"child": False, "bearer": True,
                               "attested": [{k: v for k, v in entry.items() if v is not None}]}
        with open(self.path(name), "w", encoding="utf-8") as f:
            json.dump(policy, f)
        return self.path(name)

    def open(self, *options, policy=None):
        service = self.serve("--listen", "127.0.0.1:0", "--ra-tls", "full", "--admit-attested",
                             policy or self.policy, *options)
        self.port = int(re.search(r"listening on \S+:(\d+)", service.ready)[1])
        self.url = f"https://127.0.0.1:{self.port}"
        return service

    def say(self, *records, code=0, options=(), attest=True):
        mine = ("--attest", f"sim:{self.agent}") if attest else ()
        return self.teelog("append", "--url", self.url, "--peer-policy", self.path("service.json"),
                           *mine, *options, stdin=lines(list(records) or [record()]), code=code)

    def verdict_of_log(self, policy):
        self.teelog("export", "--data", self.data, "-o", self.path("bundle"))
        return self.verdict(self.path("bundle"), "--policy", policy)

    def expect(self, policy, want, check=None):
        got = self.verdict_of_log(policy)
        self.assertEqual(got["verdict"], want)
        if check:
            self.assertEqual([c["name"] for c in got["checks"] if not c["ok"]], [check])
        return got

    def test_from_enclave_to_verdict(self):
        service = self.open()
        self.assertEqual(self.say().stderr.count("SIMULATED"), 2)
        got = self.expect(self.policy, "TRUSTED")
        agents = {a["agent"]: a for a in got["scope"]["agents"]}
        self.assertEqual(agents["alice"]["admitted"], {"child": 0, "attested": 1, "bearer": 0})
        self.assertEqual(agents["first"]["admitted"]["bearer"], 1)
        shown = got["evidence"][agents["alice"]["peers"][0]["evidence"]]
        self.assertEqual(shown["root"], root_of(self.agent))
        # It was started again, with a new key: a session of its own.
        time.sleep(1.1)
        self.say()
        self.assertEqual(self.expect(self.policy, "TRUSTED")["scope"]["agents"][0]["sessions"], 2)
        # A verifier's policy decides, and not the service's.
        self.expect(self.path("service.json"), "REJECTED", "admission")
        self.expect(self.write_policy("other.json", mrenclave=["00" * 32]), "REJECTED", "admission")
        self.expect(self.write_policy("open.json", mrenclave=None), "UNPINNED")
        # What it takes to check is kept: after a new start, without any peer.
        service.stop()
        service = self.serve()
        self.expect(self.policy, "TRUSTED")
        service.stop()
        self.teelog("fsck", "--data", self.data, "--tee", "sim")

    def test_one_agent(self):
        self.open()
        done = self.say(record(), record(agentId="bob"), code=3)
        self.assertIn("this peer speaks for alice", done.stdout)
        # With a token it has the token's agents, and still comes in as a peer.
        self.teelog("token", "create", "--data", self.data, "--scope", "append", "--agent", "bob",
                    "--agent", "carl", "-o", self.path("token"))
        token = ("--token-file", self.path("token"))
        self.say(record(agentId="bob"), record(agentId="carl"), options=token)
        self.assertIn("not one of the agents", self.say(code=3, options=token).stdout)
        agents = {a["agent"]: a["admitted"]["attested"]
                  for a in self.expect(self.policy, "TRUSTED")["scope"]["agents"]}
        self.assertEqual((agents["bob"], agents["carl"]), (1, 1))
        # And without a certificate it is a bearer.
        self.say(record(agentId="dora"), code=3, options=token, attest=False)
        time.sleep(10.1)
        self.say(record(agentId="bob"), options=token, attest=False)
        agents = {a["agent"]: a["admitted"] for a in self.expect(self.policy, "TRUSTED")["scope"]["agents"]}
        self.assertEqual((agents["bob"]["attested"], agents["bob"]["bearer"]), (1, 1))

    def test_who_is_not_let_in(self):
        service = self.open()
        # Nobody without a certificate, and nobody whose code is another.
        self.assertIn("needs a token", self.say(code=3, attest=False).stderr)
        service.stop()
        self.open(policy=self.write_policy("other.json", mrenclave=["00" * 32]))
        self.assertIn("code: no entry matches", self.say(code=3).stderr)
        # A certificate that is refused takes nothing away: what is public, and what a token gives.
        mine = ("--url", self.url, "--peer-policy", self.path("service.json"), "--attest", f"sim:{self.agent}")
        self.teelog("agents", *mine)
        self.teelog("token", "create", "--data", self.data, "--scope", "append", "-o", self.path("token"))
        self.say(options=("--token-file", self.path("token")))
        agents = self.verdict_of_log(self.path("other.json"))["scope"]["agents"]
        self.assertEqual(agents[0]["admitted"], {"child": 0, "attested": 0, "bearer": 1})

    def capture(self):
        """The certificate that the agent shows to somebody who asks for one; a path."""
        key, cert, seen = self.path("trap.key"), self.path("trap.pem"), self.path("seen.pem")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=trap", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert)
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        trap = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", cert, "-key", key,
             "-verify", "1", "-tls1_3", "-alpn", "http/1.1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(trap.stdin.close)
        for line in trap.stdout:
            if b"ACCEPT" in line:
                break
        client = subprocess.Popen(
            [TEELOG, "agents", "--url", f"https://127.0.0.1:{port}", "--ca", cert, "--attest",
             f"sim:{self.agent}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.env)
        out = b""
        for line in trap.stdout:
            out += line
            if b"END CERTIFICATE" in line:
                break
        for child in (client, trap):
            child.kill()
            child.wait()
        trap.stdout.close()
        pem = re.search(b"-----BEGIN CERT.*?-----END CERTIFICATE-----\n", out, re.S)
        self.assertTrue(pem, out[-2000:])
        with open(seen, "wb") as f:
            f.write(pem[0])
        return seen

    def test_captured_certificate(self):
        """Who has seen a peer's certificate, and has not its key, gets nowhere with it."""
        seen = self.capture()
        public = run("openssl", "pkey", "-pubin", "-outform", "DER",
                     stdin=run("openssl", "x509", "-in", seen, "-noout", "-pubkey"))
        mine = run("openssl", "ec", "-in", self.path("trap.key"), "-outform", "DER")
        # A key that says that it goes with that certificate: its own scalar, the other's point.
        forged = mine[:-65] + public[-65:]
        run("openssl", "ec", "-inform", "DER", "-out", self.path("forged.key"), stdin=forged)
        self.open()
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

        def ask():
            with socket.create_connection(("127.0.0.1", self.port), 10) as tcp, context.wrap_socket(tcp) as tls:
                tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return tls.recv(100)

        self.assertIn(b"200 OK", ask())
        context.load_cert_chain(seen, self.path("forged.key"))
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            ask()

    def test_usage(self):
        for options, said in ((("--admit-attested", self.policy), "Give --listen"),
                              (("--admit-attested", self.policy, "--listen", "127.0.0.1:0"), "--ra-tls full"),
                              (("--admit-attested", self.path("service.json"), "--listen", "127.0.0.1:0",
                                "--ra-tls", "full"), "lets no attested peer in"),
                              (("--admit-attested", self.path("none"), "--listen", "127.0.0.1:0",
                                "--ra-tls", "full"), "none")):
            done = self.teelog("serve", "--data", self.path("new"), "--tee", "sim", *options, code=2)
            self.assertIn(said, done.stderr)
        for options, said in ((("--attest", "sim", "--url", "https://127.0.0.1:1"), "sim:DIR"),
                              (("--attest", "sim:x", "--url", "http://127.0.0.1:1"), "https://"),
                              (("--attest", "sim:x", "--data", self.data), "elsewhere")):
            self.assertIn(said, self.teelog("agents", *options, code=2).stderr)


if __name__ == "__main__":
    main()
