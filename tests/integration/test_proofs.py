"""`verify` of an older checkpoint (--since), of tlog-proofs and of receipts: files and exit codes."""
import base64
import json

from teelogtest import Case, main, record

# Made by another program (shared vectors, generated): the entry is "leaf 128".
PROOF = """c2sp.org/tlog-proof@v1
index 128
rmXzpRw2tu/UJGMfFsW4OfNzIVG3Lf7yLbg60ERfc5k=
JVFWLLEwIsvTk5gkcurE40D3az8SPNy5I7/5rfbHVP8=
sXiU5AIej/UBZmhjv8hBbmWA38MRAuIFfDiKGTIEv7g=
cngpRYjhpYnWmxGOYubIRAyQpqJ32SeGwnUFHfAbE9k=
4qEF87mxjOjdYV3QhBPX2iH9X1Bd6VYOZx897drVGpg=
vq6t/c9yESJBIAJoQGtLLzoWzC/Lze8k4ft1Q7a9U0o=
7ZQLZBUEnuvNPn0ZhUfSRUDfliVVm4AYSDJgq6y3qcQ=
Y55lYTwfnfLi3O0OXMvxRVrdcvrEniAhMpahEeJ51RA=
d3QiiY7L9//1QBZZ1AvIEHfvfsF/o9uNqPnP6JKjWfg=

log.example/agents/1
300
56/ILTiUT8eTBUUygJHUWCMojB9zTL2sBjlnE+vUtdU=

\u2014 log.example/agents/1 BvWYcKi5ODZySREQSNqXwgweq/KMUFrAUSHXQEZg4FjGYvYdX6x+jf9ivzdjbemOzVr9RiqQrcXx/xMNdGXWpGstogI=
\u2014 witness.example/w1 K4VYhgAAAABq494A6zjjUDsuT68hbwflsNb+cmDbfLKdoYZdM/3WN+8ljVV9Nx3WdCxwMU34DCaCntY7XZMZg8zrJDugOGkK2Al6CQ==
"""
LOG = "log log.example/agents/1+06f59870+Aa5DABEjFeD9BFdx/xJ97l2h21m6yPTW3fQHrk7TM+7L\n"
WITNESS = "witness w witness.example/w1+2b855886+BDEsst9hi/mRcXbtbXEDDQXWSsbo7LBmyaN+QClwP93n\n"


class Proofs(Case):
    def write(self, name, content):
        data = content if isinstance(content, bytes) else content.encode()
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def test_a_proof_that_another_program_made(self):
        proof = self.write("p.tlog-proof", PROOF)
        entry = self.write("entry", "leaf 128")
        policy = self.write("policy", LOG + WITNESS + "quorum w\n")
        done = self.teelog("verify", proof, "--policy", policy, "--entry", entry)
        self.assertIn("LOGGED: ", done.stdout)
        self.assertIn("index 128 of size 300, cosigned by 1 witnesses", done.stdout)
        report = json.loads(self.teelog("verify", proof, "--policy", policy, "--entry", entry,
                                        "--json").stdout)
        self.assertEqual((report["verdict"], report["kind"], report["index"], report["size"],
                          report["cosigned"], report["time"], report["entry"]),
                         ("LOGGED", "tlog-proof", 128, 300, 1, 1793318400, None))
        other = self.write("other", "leaf 129")
        done = self.teelog("verify", proof, "--policy", policy, "--entry", other, code=1)
        self.assertIn("REJECTED", done.stdout)
        done = self.teelog("verify", proof, "--policy", policy, code=2)
        self.assertIn("does not carry the entry", done.stderr)
        self.teelog("verify", proof, "--entry", entry, code=2)
        self.teelog("verify", proof, "--entry", entry, "--policy", policy, "--at", "5", code=2)
        cut = self.write("cut", LOG + WITNESS)
        done = self.teelog("verify", proof, "--policy", cut, "--entry", entry, code=2)
        self.assertIn("no line that begins with quorum", done.stderr)

    def test_a_proof_of_a_running_log(self):
        service = self.serve("--origin", "example.org/log")
        index = self.append([record("alice", "one"), record("alice", "two")])[0]["index"]
        status, _, body = service.get(f"/v1/records/{index}")
        self.assertEqual(status, 200)
        found = json.loads(body)
        proof = self.write("p.tlog-proof", "c2sp.org/tlog-proof@v1\n"
                           f"extra {found['statement']}\nindex {index}\n"
                           + "".join(h + "\n" for h in found["path"]) + "\n" + found["checkpoint"])
        self.teelog("export", "--data", self.data, "-o", self.path("all"))
        self.teelog("policy", "init", self.path("all"), "-o", self.path("policy.json"))
        done = self.teelog("verify", proof, "--policy", self.path("policy.json"))
        self.assertIn("LOGGED: the entry is in the tree that the log has signed; no witnesses are "
                      "asked for, so rollback and forks are not excluded\n", done.stdout)
        self.assertIn("entry: Action:PAY of alice, seq 1\n", done.stdout)
        # What the proof carries is no more than what is given.
        entry = self.write("entry", base64.b64decode(found["statement"]))
        self.teelog("verify", proof, "--policy", self.path("policy.json"), "--entry", entry)

    def test_since(self):
        service = self.serve("--origin", "example.org/log")
        self.append([record("alice", "one")])
        older = self.write("older", service.get("/checkpoint")[2])
        self.append([record("alice", f"{i}") for i in range(20)])
        newer = self.write("newer", service.get("/checkpoint")[2])
        self.teelog("export", "--data", self.data, "-o", self.path("all"))
        self.teelog("policy", "init", self.path("all"), "-o", self.path("policy.json"))
        for since in (older, newer):
            report = self.verdict(self.path("all"), "--policy", self.path("policy.json"),
                                  "--since", since)
            self.assertEqual(report["verdict"], "TRUSTED")
            [check] = [c for c in report["checks"] if c["name"] == "consistency"]
            self.assertIn("and so is the checkpoint that was given", check["detail"])
        # What another log signed is not this one's past.
        stranger = self.write("stranger", PROOF[PROOF.index("\n\n") + 2:])
        report = self.verdict(self.path("all"), "--since", stranger)
        self.assertEqual(report["verdict"], "REJECTED")
        done = self.teelog("verify", self.path("all"), "--since", self.path("all"), code=2)
        self.assertIn("was not judged", done.stderr)


if __name__ == "__main__":
    main()
