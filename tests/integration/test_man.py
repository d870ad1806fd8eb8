"""The man pages: every command and option has its words, every example runs."""
import pathlib
import re
import subprocess

from teelogtest import ROOT, Case, main

MAN = ROOT / "man"


def section(page, name):
    text = (MAN / f"{page}.1.scd").read_text(encoding="utf-8")
    found = re.search(rf"^# {name}\n(.*?)(?=^# |\Z)", text, re.M | re.S)
    return found.group(1) if found else ""


def pages():
    return sorted(p.name.removesuffix(".1.scd") for p in pathlib.Path(MAN).glob("*.scd"))


class Man(Case):
    def test_every_command_has_its_page(self):
        names = re.findall(r"^  (\w+) ", self.teelog("help").stdout, re.M)
        self.assertEqual(sorted(["teelog"] + [f"teelog-{n}" for n in names]), pages())
        for name in names:
            self.assertIn(f"*{name}*", section("teelog", "DESCRIPTION"))

    def test_options_are_those_of_the_program(self):
        for page in pages()[1:]:
            name = page.removeprefix("teelog-")
            told = set(re.findall(r"(?:^|[\s\[|])(--?[a-z][-\w]*)",
                                  self.teelog("help", name).stdout, re.M))
            written = set(re.findall(r"\*(-[-\w]+)\*",
                                     "\n".join(line for line in section(page, "OPTIONS").splitlines()
                                               if line.startswith("*-"))))
            self.assertEqual(written - {"--help", "--output"}, told, page)

    def test_examples_run(self):
        for page in pages():
            with self.subTest(page=page):
                blocks = re.findall(r"^```\n(.*?)^```$", section(page, "EXAMPLES"), re.M | re.S)
                self.assertTrue(blocks, "no example")
                here = pathlib.Path(self.path(page))
                here.mkdir()
                done = subprocess.run(["sh", "-eu"], input="".join(blocks), text=True, cwd=here,
                                      env=self.env, capture_output=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
