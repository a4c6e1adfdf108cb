"""The list of mutants that change nothing: `make mutants` refuses one that names code which is not there any more."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENTRIES = tomllib.loads((ROOT / "tools/mutants/equivalent.toml").read_text(encoding="utf-8"))["equivalent"]


@pytest.mark.parametrize("file", sorted({entry["file"] for entry in ENTRIES}))
def test_each_line_that_is_named_is_there_and_has_a_reason(file: str) -> None:
    lines = {line.strip() for line in (ROOT / file).read_text(encoding="utf-8").splitlines()}
    entries = [entry for entry in ENTRIES if entry["file"] == file]
    assert [entry["before"] for entry in entries if entry["before"] not in lines] == []
    assert all(entry["reason"] for entry in entries)
