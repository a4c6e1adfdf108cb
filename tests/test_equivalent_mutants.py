"""The list of mutants that change nothing: `make mutants` refuses one that names code which is not there any more."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tools.mutants.equivalent import LIST, equivalent_in

ROOT = Path(__file__).resolve().parents[1]
ROOMS = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutants"]["rooms"])


@pytest.mark.parametrize("room", ROOMS)
def test_each_line_that_is_named_is_there(room: str) -> None:
    equivalent_in(room, ROOT)  # exits if it is not


def test_a_line_that_has_moved_away_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="not there any more: harness/"):
        equivalent_in(ROOMS[0], tmp_path)


def test_each_is_of_a_room_and_has_a_reason() -> None:
    entries = tomllib.loads(LIST.read_text(encoding="utf-8"))["equivalent"]
    assert all(entry["reason"] for entry in entries)
    assert {entry["file"].split("/")[1] for entry in entries} <= set(ROOMS)
