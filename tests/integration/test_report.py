"""What is written about bundles and receipts, held against its own description: JSON
against docs/*.schema.json, and the page of HTML."""
import html.parser
import json
import os
import re
import unittest

from teelogtest import ROOT, Case, main, record

try:
    from jsonschema import Draft202012Validator
except ImportError:
    Draft202012Validator = None


def schema(name):
    loaded = json.loads((ROOT / "docs" / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(loaded)
    return Draft202012Validator(loaded)


class Page(html.parser.HTMLParser):
    """Its text, its elements, and whether each that was opened is closed."""
    VOID = {"meta"}

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.text += data


class Reports(Case):
    def bundle(self):
        """A log of two agents, under a policy that trusts it."""
        with self.serve("--origin", "example.org/log"):
            self.append([record(), record(agent="bob"), record(content="<b>&\"'")])
            self.teelog("export", "--data", self.data, "-o", "b")
            self.teelog("export", "--data", self.data, "--agent", "bob", "-o", "chain")
            self.teelog("export", "--data", self.data, "--from", "2", "--to", "3",
                        "--withhold-bodies", "-o", "records")
        self.teelog("policy", "init", "b", "-o", "p.json")
        with open(self.path("b"), "rb") as f:
            good = f.read()
        with open(self.path("bad"), "wb") as f:
            f.write(good.replace(b"5 USDC to bob", b"9 USDC to eve"))
        with open(self.path("cut"), "wb") as f:
            f.write(good[:-7])
        return ["b", "chain", "records", "bad", "cut"]

    def page(self, bundle, *options):
        self.verdict(self.path(bundle), *options, "--html", self.path("page.html"))
        with open(self.path("page.html"), encoding="utf-8") as f:
            return f.read()

    def test_the_page(self):
        want = {"b": "TRUSTED", "chain": "TRUSTED", "records": "TRUSTED", "bad": "REJECTED",
                "cut": "REJECTED"}
        for bundle in self.bundle():
            with self.subTest(bundle=bundle):
                text = self.page(bundle, "--policy", self.path("p.json"))
                page = Page(text)
                self.assertEqual(page.open, [])
                self.assertIn(want[bundle], page.text)
                for question in ("genuine", "code and log", "keys", "history"):
                    self.assertIn(question, page.text)
                # Nothing outside, nothing that runs.
                self.assertNotIn("script", page.seen)
                self.assertFalse([a for a in page.attributes
                                  if a[0] in ("src", "href") or a[0].startswith("on")])
                self.assertNotRegex(text, r"https?:|url\(|@import")
                self.assertIn(("content", "default-src 'none'; style-src 'unsafe-inline'"),
                              page.attributes)
                self.assertIn("simulated", page.text)
        self.assertIn("bob", Page(self.page("b")).text)

    def test_it_says_what_failed(self):
        self.bundle()
        page = Page(self.page("bad", "--policy", self.path("p.json")))
        self.assertRegex(page.text, r"body\s*\d+\s*the body is not the one that was signed")

    def test_standard_output_stays_as_it_is(self):
        self.bundle()
        plain = self.teelog("verify", "b", "--policy", "p.json", "--at", self.now()).stdout
        both = self.teelog("verify", "b", "--policy", "p.json", "--at", self.now(), "--html",
                           "page.html").stdout
        self.assertEqual(plain, both)

    def now(self):
        """One time for two reports."""
        self.at = getattr(self, "at", str(int(os.stat(self.path("b")).st_mtime) + 1))
        return self.at

    def test_a_page_that_cannot_be_written(self):
        self.bundle()
        got = self.teelog("verify", "b", "--policy", "p.json", "--html", "no/such/page.html", code=3)
        self.assertIn("no/such/page.html", got.stderr)
        self.assertEqual(got.stdout, "")

    @unittest.skipUnless(Draft202012Validator, "no jsonschema (Debian: python3-jsonschema)")
    def test_json_reports(self):
        check = schema("report")
        for bundle in self.bundle():
            for options in ([], ["--policy", self.path("p.json")]):
                with self.subTest(bundle=bundle, options=options):
                    report = self.verdict(self.path(bundle), *options)
                    check.validate(report)
                    self.assertFalse(check.is_valid({**report, "more": 1}))
                    for member in report:
                        less = {k: v for k, v in report.items() if k != member}
                        self.assertFalse(check.is_valid(less), member)

    @unittest.skipUnless(Draft202012Validator, "no jsonschema (Debian: python3-jsonschema)")
    def test_receipts(self):
        check = schema("receipt")
        self.serve()
        receipts = self.append([record(requestId="r"), record(agent="bob")])
        receipts += self.append([record(requestId="r")])
        receipts += self.append([record()], "--full")
        receipts += self.append([record(), record(ref=99)], code=3)
        for receipt in receipts:
            check.validate(receipt)
            for member in receipt:
                # What was erased has no salt.
                if member not in ("simulated", "repeated", "field", "salt"):
                    less = {k: v for k, v in receipt.items() if k != member}
                    self.assertFalse(check.is_valid(less), member)
            self.assertFalse(check.is_valid({**receipt, "more": 1}))
        self.assertTrue(receipts[2]["repeated"])
        self.assertIn("path", receipts[3])
        self.assertIn("error", receipts[5])


if __name__ == "__main__":
    main()
