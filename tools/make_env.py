"""Make a virtual environment with pip in it, also where Python came without `ensurepip`.

    python3 tools/make_env.py FOLDER

Debian and Ubuntu split `ensurepip` off into the package python3-venv. Where it is missing, pip's own wheel is taken from PyPI (the
hash that PyPI states is checked) and installs itself. Uses nothing but the standard library: this runs before anything is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import venv
from pathlib import Path

INDEX = "https://pypi.org/pypi/pip/json"
PROJECT_PAGE = "https://pypi.org/simple/pip/"


def main() -> int:
    """Make the environment; the exit code is the return value."""
    parser = argparse.ArgumentParser(description="make a virtual environment with pip in it")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--without-ensurepip", action="store_true", help="as on a Python that lacks it")
    arguments = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036  # this script is what an older Python is refused by
        print(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=...", file=sys.stderr)
        return 3
    with_pip = not arguments.without_ensurepip and _has_ensurepip()
    venv.create(arguments.folder, clear=True, symlinks=True, with_pip=with_pip)
    if with_pip:
        return 0
    try:
        return _bootstrap(arguments.folder / "bin" / "python")
    except (urllib.error.URLError, TimeoutError) as error:
        print(f"no pip here, and PyPI cannot be reached ({error}): apt-get install python3-venv", file=sys.stderr)
        return 3


def _has_ensurepip() -> bool:
    try:
        import ensurepip  # noqa: F401  # whether it is there is the question
    except ImportError:
        return False
    return True


def _bootstrap(python: Path) -> int:
    with urllib.request.urlopen(INDEX, timeout=60) as answer:
        files = json.load(answer)["urls"]
    wheel = next(file for file in files if file["packagetype"] == "bdist_wheel")
    # A mirror may give addresses that are relative to the project's page of the simple index.
    address = urllib.parse.urljoin(PROJECT_PAGE, wheel["url"])
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310  # the address that PyPI itself names
        data = answer.read()
    if hashlib.sha256(data).hexdigest() != wheel["digests"]["sha256"]:
        print(f"{wheel['filename']} did not arrive whole: try again", file=sys.stderr)
        return 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / wheel["filename"]
        path.write_bytes(data)
        command = [python, path / "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check", path]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
