"""Packages of others for JavaScript: package-lock.json has each one's version and its hash."""
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def install(name, directory, *options, timeout=300):
    """Those of a folder here, or of one by its whole path. Why they cannot be had, or None."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "there is no npm"
    for lock in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name / lock, directory)
    # Not `npm ci`, which wants optional packages that are not to be had everywhere to be locked as well.
    try:
        done = subprocess.run(["npm", "install", "--omit=optional", "--no-audit", "--no-fund", "--ignore-scripts", *options],
                              cwd=directory, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return f"npm does not install {name} in {timeout} seconds"
    if "EINTEGRITY" in done.stderr:
        raise AssertionError(f"what npm was given is not what {name} is pinned to: {done.stderr}")
    return None if done.returncode == 0 else f"npm cannot install {name}"
