"""docs/policy.schema.json says of policies what the reader says (tests/unit/test_policy.c
reads the same table), and the examples in docs/policy.md are policies."""
import json
import re
import unittest

from teelogtest import ROOT, Case, main

try:
    from jsonschema import Draft202012Validator
except ImportError:
    Draft202012Validator = None

TABLE = json.loads((ROOT / "tests" / "vectors" / "policy.json").read_text(encoding="utf-8"))
SCHEMA = json.loads((ROOT / "docs" / "policy.schema.json").read_text(encoding="utf-8"))


def examples():
    """The policies in docs/policy.md, with bytes where it says how many."""
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```json\n(.*?)^```$", page, re.M | re.S):
        block = re.sub(r"<(\d+) hex>", lambda m: "ab" * (int(m[1]) // 2), block)
        yield block.replace("<verifier key>", TABLE["good"][6]["log"]["keys"][0])


@unittest.skipUnless(Draft202012Validator, "no jsonschema (Debian: python3-jsonschema)")
class Schema(unittest.TestCase):
    def setUp(self):
        self.valid = Draft202012Validator(SCHEMA).is_valid

    def test_it_is_a_schema(self):
        Draft202012Validator.check_schema(SCHEMA)

    def test_good_policies(self):
        for policy in TABLE["good"]:
            with self.subTest(policy=policy):
                self.assertTrue(self.valid(policy))

    def test_bad_policies(self):
        for case in TABLE["bad"]:
            with self.subTest(case=case):
                self.assertFalse(self.valid(case["policy"]))

    def test_what_a_schema_cannot_say(self):
        for case in TABLE["reader_only"]:
            with self.subTest(case=case):
                self.assertTrue(self.valid(case["policy"]))

    def test_long_lists(self):
        for n, good in (1024, True), (1025, False):
            for policy in ({"evidence": [{"platform": "tdx-tsm"}] * n},
                           {"evidence": [{"platform": "sgx-gramine", "mrenclave": ["00" * 32] * n}]},
                           {"evidence": [{"platform": "tdx-tsm", "mrtd": ["00" * 48] * n}]},
                           {"evidence": [{"platform": "tdx-dstack", "app_id": ["00" * 20] * n}]},
                           {"evidence": [{"platform": "tdx-dstack", "key_provider": ["a"] * n}]},
                           {"evidence": [{"platform": "sgx-gramine", "isv_prod_id": [1] * n}]},
                           {"tcb": {"accept": ["UpToDate"] * n}},
                           {"tcb": {"advisories": {"allow": ["INTEL-SA-1"] * n}}},
                           {"attributes": {"allow": ["td-debug"] * n}},
                           {"attributes": {"refuse": ["td-pks"] * n}}):
                self.assertEqual(self.valid({"teelog_policy": 1, **policy}), good)

    def test_documented_examples(self):
        for text in examples():
            with self.subTest(text=text):
                self.assertTrue(self.valid(json.loads(text)))


class Examples(Case):
    def test_documented_examples_are_read(self):
        """A policy that cannot be used is wrong usage (2); an empty bundle is REJECTED (1)."""
        texts = list(examples())
        self.assertGreaterEqual(len(texts), 4)
        bundle, policy = self.path("empty.teelog"), self.path("policy.json")
        open(bundle, "wb").close()
        for text in ["{}", *texts]:
            with self.subTest(text=text), open(policy, "w", encoding="utf-8") as f:
                f.write(text)
                f.flush()
                self.teelog("verify", bundle, "--policy", policy, code=2 if text == "{}" else 1)


if __name__ == "__main__":
    main()
