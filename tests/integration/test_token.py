"""`teelog token`, and what tokens are good for."""
import datetime
import hashlib
import json
import os
import re
import socket
import stat
import subprocess
import time

from teelogtest import TEELOG, Case, main, record


class Token(Case):
    def token(self, *args, code=0):
        return self.teelog("token", *args, "--data", self.data, code=code)

    def create(self, *args):
        return self.token("create", *args).stdout.strip()

    def listed(self):
        return json.loads(self.token("list", "--json").stdout)["tokens"]

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def test_made_shown_and_revoked(self):
        self.serve()
        done = self.token("create", "--scope", "append", "--scope", "read", "--agent", "alice",
                          "--agent", "bob", "--label", "a \x1b[31mlabel")
        text = done.stdout.strip()
        self.assertRegex(text, "^teelog_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$")
        self.assertIn("only time", done.stderr)
        told = self.token("list").stdout
        self.assertIn("append,read  agents alice,bob  a ?[31mlabel", told)
        self.assertNotIn(text[24:], told)
        answer = json.loads(self.token("create", "--scope", "admin", "--json").stdout)
        self.assertEqual((answer["scopes"], answer["agents"], answer["expiresMs"]), (["admin"], [], None))
        self.assertEqual([t["id"] for t in self.listed()], [text.split("_")[1], answer["id"]])
        self.token("revoke", answer["id"])
        self.token("revoke", answer["id"], code=3)
        self.assertEqual(json.loads(self.token("revoke", text.split("_")[1], "--json").stdout),
                         {"revoked": text.split("_")[1]})
        self.assertEqual(self.listed(), [])

    def test_the_first_one_where_nobody_reaches_the_socket(self):
        text = "0123456789abcdef" * 4
        owner, other = self.write("owner", text + "\n"), self.write("other", text[:-1] + "0\n")
        digest = hashlib.sha256(text.encode()).hexdigest()
        service = self.serve("--listen", "127.0.0.1:0", "--admin-token", digest)
        port, = re.findall(r"127\.0\.0\.1:(\d+)", service.ready)
        at = ("--url", f"http://127.0.0.1:{port}")
        create = ("token", "create", "--scope", "append", "--agent", "alice", "-o", "alice")
        self.teelog(*create, *at, code=3)
        self.teelog(*create, *at, "--token-file", other, code=3)
        self.teelog(*create, *at, "--token-file", self.write("digest", digest), code=3)
        self.teelog(*create, *at, "--token-file", owner)
        line = json.dumps(record()) + "\n"
        self.teelog("append", *at, "--token-file", self.path("alice"), stdin=line)
        # It makes tokens, and does nothing else itself.
        self.teelog("append", *at, "--token-file", owner, stdin=line, code=3)
        self.teelog("records", *at, "--token-file", owner, code=3)
        listed = json.loads(self.teelog("token", "list", "--json", *at, "--token-file", owner).stdout)
        self.assertEqual([t["agents"] for t in listed["tokens"]], [["alice"]])
        # Without the option it is nobody's.
        service.stop()
        again = self.serve("--listen", "127.0.0.1:0")
        port, = re.findall(r"127\.0\.0\.1:(\d+)", again.ready)
        self.teelog("token", "list", "--url", f"http://127.0.0.1:{port}", "--token-file", owner, code=3)
        for bad in digest[:-1], digest + "0", "x" * 64, text + "0", "":
            done = self.teelog("serve", "--data", self.data, "--tee", "sim", "--admin-token", bad, code=2)
            self.assertIn("64 hex digits", done.stderr)

    def test_into_a_file(self):
        self.serve()
        here = self.path("t")
        done = self.token("create", "--scope", "append", "-o", here)
        self.assertEqual(done.stdout, "")
        self.assertEqual(stat.S_IMODE(os.stat(here).st_mode), 0o600)
        self.append([record()], "--token-file", here)
        self.env["TEELOG_TOKEN_FILE"] = here
        self.append([record()])
        self.token("list", code=3)  # the token that is shown counts, not the socket
        del self.env["TEELOG_TOKEN_FILE"]
        self.token("create", "--scope", "append", "-o", "/proc/nowhere/t", code=3)
        self.assertEqual(len(self.listed()), 1)  # what cannot be written is not made

    def test_wrong_usage(self):
        self.token("create", code=2)
        self.token(code=2)
        self.token("make", code=2)
        self.token("revoke", code=2)
        self.token("list", "more", code=2)
        for when in ("0", "-1", "soon", "2027-02-30", "2027-01-31T25:00:00Z", "40000", "x" * 100):
            self.token("create", "--scope", "read", "--expires", when, code=2)
        self.serve()
        done = self.token("create", "--scope", "all", code=2)
        self.assertIn("append, read, erase, admin", done.stderr)
        self.token("create", "--scope", "read", "--agent", "a b", code=2)
        self.token("create", "--scope", "admin", "--agent", "a", code=2)
        self.token("create", "--scope", "read", "--expires", "2020-01-31", code=2)
        self.token("revoke", "x", code=2)
        for text in ("", "\n", "a b", "tok\nen", "é"):
            path = self.write("bad", text)
            self.token("list", "--token-file", path, code=2)
        self.token("list", "--token-file", self.path("nothing"), code=3)
        self.assertEqual(self.listed(), [])

    def test_expiry(self):
        service = self.serve()
        day = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(3)).date().isoformat()
        self.create("--scope", "read", "--expires", day)
        self.create("--scope", "read", "--expires", "30")
        self.create("--scope", "read", "--expires", f"{day}T08:00:00Z")
        days = [t["expiresMs"] - 1000 * time.time() for t in self.listed()]
        self.assertTrue(2 < days[0] / 86400000 < 3)
        self.assertTrue(29.99 < days[1] / 86400000 < 30.01)
        self.assertEqual(round(days[2] - days[0]), 8 * 3600 * 1000)
        self.assertIn(f"until {day} 08:00:00 UTC", self.token("list").stdout)
        soon = round(1000 * time.time()) + 1500
        body = json.dumps({"scopes": ["append"], "expiresMs": soon})
        status, _, answer = service.ask(f"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                        f"Content-Length: {len(body)}\r\n\r\n{body}")
        self.assertEqual(status, 201)
        path = self.write("soon", json.loads(answer)["token"])
        self.append([record()], "--token-file", path)
        while 1000 * time.time() <= soon:
            time.sleep(0.05)
        self.append([record()], "--token-file", path, code=3)
        self.assertIn("EXPIRED", self.token("list").stdout)

    def test_they_outlive_the_service(self):
        service = self.serve()
        one, two = (self.write(n, self.create("--scope", "append")) for n in ("one", "two"))
        with open(two, encoding="ascii") as f:
            self.token("revoke", f.read().split("_")[1])
        service.stop()
        again = self.serve()
        self.append([record()], "--token-file", one)
        self.append([record()], "--token-file", two, code=3)
        again.stop(9)
        self.serve()
        self.append([record()], "--token-file", one)
        self.append([record()], "--token-file", two, code=3)

    def test_a_revoked_tail_ends(self):
        """One that is sent nothing more than heartbeats, and one with something to say."""
        service = self.serve()
        text = self.create("--scope", "read")
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(service.socket)
            s.settimeout(30)
            s.sendall(f"GET /v1/tail HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {text}\r\n\r\n".encode())
            self.append([record(content="before")])
            got = b""
            while b"before" not in got:
                got += s.recv(65536)
            self.token("revoke", text.split("_")[1])
            self.append([record(content="behind it")])
            while not got.endswith(b"\r\n0\r\n\r\n"):
                more = s.recv(65536)
                self.assertTrue(more, got)
                got += more
        self.assertNotIn(b"behind it", got)
        self.assertIn(b"event: error", got)

    def test_under_run(self):
        """Its command's token is for appending; tokens of the log are what they are."""
        service = self.serve()
        reader, admin = (self.write(s, self.create("--scope", s)) for s in ("read", "admin"))
        self.append([record()])
        service.stop()
        script = ("teelog append </dev/null && teelog token list; echo $?; unset TEELOG_TOKEN; "
                  f"teelog token list; echo $?; teelog token list --token-file {admin} --json; "
                  f"teelog records --json --agent alice --token-file {reader}")
        done = subprocess.run([TEELOG, "run", "--data", self.data, "--tee", "sim", "--", "sh", "-c", script],
                              env=self.env, capture_output=True, text=True, timeout=60, check=True)
        first, second, tokens, said = done.stdout.splitlines()
        self.assertEqual((first, second), ("3", "3"))
        self.assertEqual(len(json.loads(tokens)["tokens"]), 2)
        self.assertIn("5 USDC", said)


if __name__ == "__main__":
    main()
