"""Where files of a run and of calibrations lie, what they look like, and what is said where they cannot be written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import SetupError, UsageError
from harness.records import ModelRef
from harness.runs import run_store
from harness.runs.calibration_files import FILE, load, save
from harness.runs.run_folder import refuse_occupied, refuse_own_file
from harness.runs.run_store import Manifest, RunStore, load_run, runnable_models
from tests.analysis.made_up import PHONE
from tests.runs.test_calibration_notes import FOUND, GPU
from tests.runs.test_run_store import decision, manifest, result, trial

OF_THE_PHONE = "e0f435f60f81db29.json"
"""The first 16 digits of the SHA-256 of its serial, R5CT1."""


def test_a_phone_s_calibrations_lie_in_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def place() -> Path:
        return save(tmp_path / "run", [GPU], [PHONE])[1]

    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "own"))
    assert place() == tmp_path / "own" / "calibration" / OF_THE_PHONE
    monkeypatch.delenv("HARNESS_STATE_DIR")
    assert place() == tmp_path / "xdg" / "litert-device-harness" / "calibration" / OF_THE_PHONE
    monkeypatch.delenv("XDG_STATE_HOME")
    assert place() == tmp_path / "home" / ".local" / "state" / "litert-device-harness" / "calibration" / OF_THE_PHONE
    assert list(load([], [PHONE]).values()) == [GPU]


def test_a_virtual_device_before_a_phone_does_not_keep_it_from_being_known(tmp_path: Path) -> None:
    virtual = replace(PHONE, serial="emulator-5554", virtual=True)
    cells = [GPU, replace(GPU, device=virtual.serial)]
    assert [path.name for path in save(tmp_path, cells, [virtual, PHONE])] == [FILE, OF_THE_PHONE]


def test_folders_that_are_missing_are_made(tmp_path: Path) -> None:
    save(tmp_path / "a" / "b", [GPU], [])
    assert (tmp_path / "a" / "b" / FILE).is_file()
    RunStore.create(tmp_path / "c" / "d", manifest()).close()
    assert (tmp_path / "c" / "d" / "logs").is_dir()


def test_files_are_indented_by_one_and_end_with_a_line(tmp_path: Path) -> None:
    save(tmp_path / "a", [GPU], [])
    text = (tmp_path / "a" / FILE).read_text()
    assert text.startswith('{\n "format_version": 2,\n "cells": [\n  {\n   "run_id": "monday",\n')
    assert text.endswith("\n}\n")
    with RunStore.create(tmp_path / "b", manifest()) as store:
        first = (tmp_path / "b" / "manifest.json").read_text()
        store.extend_manifest(manifest())
    for text in (first, (tmp_path / "b" / "manifest.json").read_text()):
        assert text.startswith('{\n "run_id": "r",\n "suite": "s",\n')
        assert text.endswith("\n}\n")
        assert json.loads(text)["format_version"] == 2


def test_what_is_no_number_reaches_no_file(tmp_path: Path) -> None:
    broken = replace(GPU, found=replace(FOUND, spread=float("nan")))
    with pytest.raises(ValueError, match="nan"):
        save(tmp_path, [broken], [])
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_may_grow(tmp_path: Path) -> None:
    more = replace(manifest(), trials=(trial(0), trial(1), trial(2)))
    with RunStore.create(tmp_path, manifest()) as store:
        store.extend_manifest(more)
        assert store.manifest == more
    assert load_run(tmp_path).manifest == more
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "manifest.json").mkdir()
    with RunStore(tmp_path, more) as store, pytest.raises(SetupError, match=r"cannot write .*manifest\.json"):
        store.extend_manifest(manifest())
    assert store.manifest == more


def test_a_run_needs_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="is not a folder"):
            RunStore.create(path, manifest())
    with pytest.raises(UsageError, match=r"cannot make .*: File name too long"):
        RunStore.create(tmp_path / ("x" * 300), manifest())


def test_a_folder_of_logs_that_is_there_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    RunStore.create(tmp_path, manifest()).close()
    assert load_run(tmp_path).results == ()


def test_each_trial_has_its_folder_of_logs(tmp_path: Path) -> None:
    with RunStore.create(tmp_path, manifest()) as store:
        folder = store.log_dir("0123abcd")
        assert folder == tmp_path / "logs" / "0123abcd"
        assert folder.is_dir()
        assert store.log_dir("0123abcd") == folder, "a second time it is there"
        folder.rmdir()
        (tmp_path / "logs").rmdir()
        assert store.log_dir("0123abcd").is_dir(), "somebody tidied up"
        folder.rmdir()
        folder.write_text("")
        with pytest.raises(SetupError, match="cannot make") as caught:
            store.log_dir("0123abcd")
        assert caught.value.remedy == "free some room"


def test_a_full_disk_tells_how_to_go_on(tmp_path: Path) -> None:
    RunStore.create(tmp_path, manifest()).close()
    (tmp_path / "trials.jsonl").unlink()
    (tmp_path / "trials.jsonl").symlink_to("/dev/full")
    (tmp_path / "decisions.jsonl").symlink_to("/dev/full")
    with RunStore(tmp_path, manifest()) as store:
        with pytest.raises(SetupError) as of_a_result:
            store.append(result(1))
        with pytest.raises(SetupError) as of_a_decision:
            store.decide(decision())
    for caught in (of_a_result, of_a_decision):
        assert caught.value.remedy == f"free some room, then --resume {tmp_path}"


def test_damage_is_named_by_line_and_first_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged line is left out, since the rest of the run is worth reading; a damaged manifest leaves nothing to read."""
    RunStore.create(tmp_path, manifest()).close()
    (tmp_path / "decisions.jsonl").write_text('{"device": "x"}\n')
    assert load_run(tmp_path).decisions == ()
    assert "decisions.jsonl:1 is damaged and left out: head: Field required" in caplog.text
    (tmp_path / "manifest.json").write_text('{"suite": 3}')
    with pytest.raises(UsageError, match=r"manifest\.json is damaged: run_id: Field required"):
        load_run(tmp_path)


def test_formats_that_are_read(tmp_path: Path) -> None:
    RunStore.create(tmp_path, manifest()).close()
    file = tmp_path / "manifest.json"
    data = json.loads(file.read_text())
    for version in (1, 2, 3, 4):
        file.write_text(json.dumps(data | {"format_version": version}))
        assert load_run(tmp_path).manifest.format_version == version
    file.write_text(json.dumps(data | {"format_version": 5}))
    with pytest.raises(UsageError, match="has format 5, this harness reads up to 4"):
        load_run(tmp_path)


def test_a_run_that_is_to_come_keeps_its_files_for_itself_too(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    run = tmp_path / "link" / "run"
    with pytest.raises(UsageError, match="part of the run"):
        refuse_own_file(tmp_path / "run" / "manifest.json", run=run)
    refuse_own_file(tmp_path / "other" / "manifest.json", run=run)
    refuse_own_file(tmp_path / "run" / "mine.json", run=run)


def test_the_models_that_run_are_those_of_some_trial_or_all_of_an_older_run() -> None:
    idle = ModelRef(name="idle", path="/i", sha256="f" * 64, size_bytes=1)
    whole = replace(manifest(), models=(trial().model, idle))
    assert runnable_models(whole) == (trial().model,)
    further = replace(trial(9), model=idle)
    assert runnable_models(replace(whole, further=(further,))) == (trial().model, idle)
    assert runnable_models(replace(whole, trials=())) == (trial().model, idle)


def test_a_run_in_words(tmp_path: Path) -> None:
    with RunStore.create(tmp_path, manifest()) as store:
        assert repr(load_run(tmp_path)).endswith(": no result)")
        store.append(result())
    assert repr(load_run(tmp_path)).endswith(": 1 invalid)")


def test_logs_of_results_that_no_longer_count_are_numbered(tmp_path: Path) -> None:
    name = trial().trial_id
    RunStore.create(tmp_path / "run", manifest()).close()
    for number in range(4):
        with RunStore.open(tmp_path / "run") as store:
            if number:
                store.retry([name])
            (store.log_dir(name) / "stdout.txt").write_text(str(number))
            store.append(replace(result(), duration_s=1.0 + number))
    kept = {path.parent.name: path.read_text() for path in (tmp_path / "run" / "logs").rglob("stdout.txt")}
    assert kept == {f"{name}.1": "0", f"{name}.2": "1", f"{name}.3": "2", name: "3"}


def test_a_run_that_cannot_be_made_is_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, content: bytes) -> None:
        raise SetupError(f"cannot write {file}")

    with monkeypatch.context() as patch:
        patch.setattr(run_store, "write_whole", full)
        with pytest.raises(SetupError, match=r"cannot write .*manifest\.json") as caught:
            RunStore.create(tmp_path, manifest())
    RunStore.create(tmp_path, manifest()).close()
    assert caught.value.remedy is None, "kept until here: what it refers to is not closed for being forgotten"


def test_where_a_new_run_may_lie(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    # Whoever makes the folder says that a file is none.
    for path in ("new", "new/below", "empty", "file", "file/below"):
        refuse_occupied(tmp_path / path)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UsageError, match=r"cannot read .*loop: Too many levels of symbolic links"):
        refuse_occupied(tmp_path / "loop")


def test_a_run_whose_manifest_breaks_while_it_is_opened_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunStore.create(tmp_path, manifest()).close()
    told = iter([manifest()])

    def broken_the_second_time(path: Path) -> Manifest:
        for one in told:
            return one
        raise UsageError(f"{path} is damaged")

    with monkeypatch.context() as patch:
        patch.setattr(run_store, "read_manifest", broken_the_second_time)
        with pytest.raises(UsageError, match="is damaged") as caught:
            RunStore.open(tmp_path)
    RunStore.open(tmp_path).close()
    assert caught.value.remedy is None, "kept until here: what it refers to is not closed for being forgotten"
