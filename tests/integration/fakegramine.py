"""Stand-ins for Gramine's tools, which are no Debian package: enough for our Makefile and
templates. gramine-manifest renders with the same engine and globals, gramine-sgx-sign expands
and hashes trusted files, fills in what the real one fills in, and writes a SIGSTRUCT whose
MRENCLAVE is the SHA-256 of the manifest (the real one measures pages). gramine-direct runs the
manifest's command line on the host, with the paths of its mounts put back.

usage: fakegramine.py install DIRECTORY     writes the tools there
"""
import hashlib
import os
import pathlib
import re
import struct
import sys

try:
    import tomllib
except ImportError:
    import tomli as tomllib

RUNTIME = "/usr/lib/x86_64-linux-gnu/gramine/runtime/glibc"
TOOLS = "gramine-manifest", "gramine-sgx-sign", "gramine-direct"
HEADERS = (bytes.fromhex("06000000e10000000000010000000000"),
           bytes.fromhex("01010000600000006000000001000000"))


def render(template, variables):
    import jinja2
    env = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    env.globals["gramine"] = {"libos": "/usr/lib/x86_64-linux-gnu/gramine/libsysdb.so",
                              "runtimedir": lambda libc="glibc": RUNTIME}
    env.globals["env"] = os.environ
    return env.from_string(template).render(**variables)


def manifest(args):
    variables = dict(a[2:].split("=", 1) for a in args if a.startswith("-D"))
    source, target = [a for a in args if not a.startswith("-D")]
    pathlib.Path(target).write_text(render(pathlib.Path(source).read_text(), variables))


def sigstruct(mrenclave, debug=False, svn=1):
    sig = bytearray(1808)
    sig[:16], sig[24:40] = HEADERS
    sig[128:512] = b"\x5a" * 384
    struct.pack_into("<Q", sig, 928, 6 if debug else 4)
    sig[960:992] = mrenclave
    struct.pack_into("<HH", sig, 1024, 1, svn)
    return bytes(sig)


def sign(args):
    o = dict(zip(args[::2], args[1::2]))
    text = pathlib.Path(o["--manifest"]).read_text()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", o["--date"]) and os.path.getsize(o["--key"])

    def hashed(match):
        # Gramine's own libraries are not on this machine.
        path = pathlib.Path(match[1].removeprefix("file:"))
        known = match[1].startswith("file:" + RUNTIME)
        digest = hashlib.sha256(b"" if known else path.read_bytes()).hexdigest()
        return f'uri = "{match[1]}"\nsha256 = "{digest}"'

    text = re.sub(r'^uri = "(.*)"$', hashed, text, flags=re.M)
    pathlib.Path(o["--output"]).write_text(text)
    measured = hashlib.sha256(text.encode()).digest()
    pathlib.Path(o["--manifest"].removesuffix(".manifest") + ".sig").write_bytes(
        sigstruct(measured, tomllib.loads(text)["sgx"]["debug"]))


def direct(args):
    m = tomllib.loads(pathlib.Path(args[0] + ".manifest").read_text())
    mounts = {x["path"]: x["uri"].removeprefix("file:") for x in m["fs"]["mounts"] if "uri" in x}

    def outside(word):
        for path, uri in mounts.items():
            if word == path or word.startswith(path + "/"):
                return os.path.abspath(uri + word[len(path):])
        return word

    # The host's lock is none of the program's in Gramine. Here it is on the host, and takes it.
    os.closerange(3, 64)
    argv = [outside(a) for a in m["loader"]["argv"]]
    os.execve(outside(m["libos"]["entrypoint"]), argv, {"PATH": "/usr/bin:/bin"})


def install(folder):
    for name in TOOLS:
        tool = pathlib.Path(folder, name)
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{os.path.abspath(__file__)}" {name} "$@"\n')
        tool.chmod(0o755)


if __name__ == "__main__":
    {"install": lambda a: install(a[0]), "gramine-manifest": manifest, "gramine-sgx-sign": sign,
     "gramine-direct": direct}[sys.argv[1]](sys.argv[2:])
