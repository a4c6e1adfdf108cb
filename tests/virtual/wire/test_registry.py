from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.files.user_folders import farms_folder
from harness.virtual import registry
from harness.virtual.registry import FarmRecord


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FarmRecord:
    """Of this test's own parent process, which is certainly alive."""
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "state"))
    return registry.describe_farm(4711, ("emulator-1", "emulator-3"), ("a", "b"), tmp_path)


def test_a_record_is_read_as_it_was_written(record: FarmRecord) -> None:
    registry.write(record)
    assert registry.running_farms() == [record]
    assert record.pid == os.getppid()
    assert record.started_at <= datetime.now(UTC)


def test_records_of_the_dead_are_removed(record: FarmRecord) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    for stale in (
        replace(record, pid=gone.pid),
        replace(record, start_ticks=record.start_ticks + 1),
        replace(record, boot_id="another boot"),
    ):
        registry.write(stale)
        assert registry.record_path(stale.pid).exists()
        assert registry.running_farms() == []
        assert not registry.record_path(stale.pid).exists()


def test_damaged_records_are_removed_and_newer_ones_left_alone(record: FarmRecord) -> None:
    registry.write(record)
    folder = farms_folder()
    for name, content in (("farm-1.json", "{"), ("farm-2.json", "[]"), ("farm-3.json", '{"format": 1}')):
        (folder / name).write_text(content)
    (folder / "farm-4.json").write_text(json.dumps({"format": registry.FORMAT + 1}))
    assert registry.running_farms() == [record]
    assert {path.name for path in folder.iterdir()} == {registry.record_path(record.pid).name, "farm-4.json"}


def test_without_a_folder_there_are_no_farms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "nowhere"))
    assert registry.running_farms() == []
