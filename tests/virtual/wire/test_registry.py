from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.files.user_folders import farms_folder
from harness.virtual import registry
from harness.virtual.registry import FarmRecord


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    held = registry.reserve(tmp_path / "farm-1")
    yield held
    os.close(held)


@pytest.fixture
def record(tmp_path: Path, lock: int) -> FarmRecord:
    """Of this test's own parent process, which is certainly alive."""
    made = registry.describe_farm(4711, ("emulator-1", "emulator-3"), ("a", "b"), tmp_path / "farm-1")
    registry.write(made)
    return made


def test_a_record_is_read_as_it_was_written(record: FarmRecord) -> None:
    assert registry.running_farms() == [record]
    assert registry.farms_elsewhere() == []
    assert record.pid == os.getppid()
    assert record.started_at <= datetime.now(UTC)
    assert registry.can_be_signalled(record)


def test_a_record_goes_with_the_last_process_that_has_its_lock(record: FarmRecord, lock: int) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[lock]) as heir:
        os.dup2(os.open(os.devnull, os.O_RDONLY), lock)
        assert registry.running_farms() == [record]
        assert heir.stdin is not None
        heir.stdin.close()
    assert not registry.is_running(record)
    registry.ask_to_end(record)
    assert registry.running_farms() == []
    assert list(farms_folder().iterdir()) == []


def test_a_farm_whose_processes_cannot_be_seen_is_alive_and_not_signalled(record: FarmRecord) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    for unseen in (
        replace(record, pid=gone.pid),
        replace(record, start_ticks=record.start_ticks + 1),
        replace(record, pids="another container's"),
    ):
        registry.write(unseen)
        assert registry.running_farms() == [unseen]
        assert registry.is_running(unseen)
        assert not registry.can_be_signalled(unseen)


def test_a_farm_with_a_network_of_its_own_is_elsewhere(record: FarmRecord) -> None:
    elsewhere = replace(record, network="another")
    registry.write(elsewhere)
    assert (registry.running_farms(), registry.farms_elsewhere()) == ([], [elsewhere])


def test_a_farm_that_still_starts_keeps_its_empty_record(tmp_path: Path, lock: int) -> None:
    assert registry.running_farms() == []
    assert registry.record_path(tmp_path / "farm-1").exists()


def test_damaged_records_are_removed_and_newer_ones_left_alone(record: FarmRecord) -> None:
    folder = farms_folder()
    for name, content in (("farm-2.json", "{"), ("farm-3.json", "[]"), ("farm-4.json", '{"format": 1}')):
        (folder / name).write_text(content)
    (folder / "farm-5.json").write_text(json.dumps({"format": registry.FORMAT + 1}))
    assert registry.running_farms() == [record]
    assert {path.name for path in folder.iterdir()} == {"farm-1.json", "farm-5.json"}


def test_without_a_folder_there_are_no_farms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "nowhere"))
    assert registry.running_farms() == []
