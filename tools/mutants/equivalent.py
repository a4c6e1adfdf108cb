"""The list of mutants that change nothing that anybody could see: `equivalent.toml`, each with its reason."""

from __future__ import annotations

import tomllib
from pathlib import Path

LIST = Path(__file__).with_name("equivalent.toml")


def equivalent_in(room: str, checkout: Path) -> set[tuple[str, str, str]]:
    """Return what is listed of a room: file, line as it is, line of the mutant.

    Raises:
        SystemExit: the list names a line that is not there any more.
    """
    listed = {
        (entry["file"], entry["before"], after)
        for entry in tomllib.loads(LIST.read_text(encoding="utf-8"))["equivalent"]
        if entry["file"].startswith(f"harness/{room}/")
        for after in ([entry["after"]] if isinstance(entry["after"], str) else entry["after"])
    }
    for file, before, _ in sorted(listed):
        path = checkout / file
        if not path.is_file() or before not in {line.strip() for line in path.read_text(encoding="utf-8").splitlines()}:
            raise SystemExit(f"{LIST.name} names a line that is not there any more: {file}: {before}")
    return listed
