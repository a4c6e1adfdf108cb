"""Recorded logs under tests/data/logs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

CASES = Path(__file__).resolve().parent.parent / "data" / "cases"
LOGS = Path(__file__).resolve().parent.parent / "data" / "logs"
FILES = LOGS / "host" / "files"


def host_log(name: str) -> bytes:
    """A log of `host/` by name, without `.log`."""
    return (LOGS / "host" / f"{name}.log").read_bytes()


def host_names() -> list[str]:
    """All logs of `host/`."""
    return sorted(path.stem for path in (LOGS / "host").glob("*.log"))


def other_names() -> list[str]:
    """All logs of `others/`."""
    return sorted(path.stem for path in (LOGS / "others").glob("*.json"))


def other_log(name: str) -> tuple[bytes, dict[str, Any]]:
    """A log of `others/`, and what a person read in it."""
    folder = LOGS / "others"
    expected: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["expected"]
    packed = folder / f"{name}.log.gz"
    return (
        gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / f"{name}.log").read_bytes()
    ), expected


def streams(name: str) -> tuple[str, str, int]:
    """A recorded command of `host/` taken apart by hand: stdout, stderr, exit code."""
    text = host_log(name).decode()
    body, _, code = text.rstrip("\n").rpartition("# exit: ")
    stdout, _, stderr = body.partition("# ---- stdout ----\n")[2].partition("# ---- stderr ----\n")
    return stdout, stderr, int(code)
