"""One nightly at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import SetupError
from harness.experiments.nightly_lock import one_nightly

HOLDER = """
import sys
from pathlib import Path
from harness.experiments.nightly_lock import one_nightly
with one_nightly(Path(sys.argv[1]), 0):
    print("holds", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_one_leaves_and_says_who_is_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "nightly.lock"
    with (
        held_elsewhere(path) as other,
        pytest.raises(SetupError, match=f"another nightly runs .pid {other.pid}, since 20"),
        one_nightly(path, 0),
    ):
        pytest.fail("two at a time")


def test_a_second_one_waits_until_the_first_ends(tmp_path: Path) -> None:
    path = tmp_path / "nightly.lock"
    heard: list[str] = []
    with held_elsewhere(path) as other:

        def waiting(holder: str) -> None:
            heard.append(holder)
            other.kill()

        with one_nightly(path, 120, waiting):
            assert other.wait() != 0
    assert heard == [heard[0]]
    assert f"pid {other.pid}" in heard[0]


def test_a_wait_ends(tmp_path: Path) -> None:
    path = tmp_path / "nightly.lock"
    with held_elsewhere(path), pytest.raises(SetupError, match="another nightly runs"), one_nightly(path, 0.2):
        pytest.fail("two at a time")


def test_a_lock_left_by_a_killed_one_is_free(tmp_path: Path) -> None:
    path = tmp_path / "nightly.lock"
    with held_elsewhere(path):
        pass
    for _ in range(2):
        with one_nightly(path, 0):
            assert path.read_text().startswith("pid ")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot write"), one_nightly(tmp_path / "file" / "nightly.lock", 0):
        pytest.fail("no lock there")
