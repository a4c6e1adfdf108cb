from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import SetupError, UsageError
from harness.files.lock import held, lock_if_free

_HOLDER = """
import sys
from pathlib import Path
from harness.files.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_of_two_open_files_one_has_the_lock_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("ab") as first, path.open("ab") as second:
        assert lock_if_free(first)
        assert not lock_if_free(second)
        first.close()
        assert lock_if_free(second.fileno())


def test_whoever_comes_second_waits_for_another_process_and_is_told_so_once(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "one"
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    told: list[str] = []

    def waiting() -> None:
        told.append("waiting")
        other.communicate("")

    with held(path, waiting):
        assert other.returncode == 0
        told.append("held")
    assert told == ["waiting", "held"]


def test_a_process_that_is_killed_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "one"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        other.kill()
    with held(path, lambda: pytest.fail("somebody still holds it")):
        pass


def test_to_refuse_is_to_raise(tmp_path: Path) -> None:
    def refuse() -> None:
        raise UsageError("not twice")

    with held(tmp_path / "one"), pytest.raises(UsageError, match="not twice"), held(tmp_path / "one", refuse):
        pytest.fail("held twice")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_closed_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SetupError, match="cannot write"), held(tmp_path / "one"):
        pass


def test_a_file_in_the_way_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot write"), held(tmp_path / "file" / "one"):
        pass
