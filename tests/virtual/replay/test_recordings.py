from __future__ import annotations

from pathlib import Path

import pytest

from harness.benchmark_model import parse_output
from harness.errors import SetupError
from harness.virtual.replay.recordings import (
    read_environment,
    read_recording,
    replay_environment,
    shipped,
)
from harness.virtual.replay.rescale import recorded_size_mb, rescale, without_profile


def test_every_recording_that_ships_can_be_read() -> None:
    assert len(shipped()) >= 11
    for name in shipped():
        recording = read_recording(name, profiled=False, cached=False)
        assert "STARTING!" in recording.stdout
        assert recorded_size_mb(recording.stdout) or recording.size_mb or recording.exit_code


def test_the_variant_that_fits_is_chosen() -> None:
    assert read_recording("gpu_full", profiled=True, cached=True).name == "gpu_full.profile"
    assert read_recording("gpu_full", profiled=False, cached=True).name == "gpu_full.cached"
    assert read_recording("gpu_partial", profiled=True, cached=True).name == "gpu_partial"


def test_the_environment_comes_back_as_it_went(tmp_path: Path) -> None:
    own = tmp_path / "a recording.log"
    own.write_text("# ---- stdout ----\nSTARTING!\n# ---- stderr ----\n# exit: 1\n")
    replay = {"gpu": "gpu_full", "external": str(own)}
    environment = replay_environment(replay)
    assert read_environment(environment["HARNESS_REPLAY"]) == replay
    assert read_recording(str(own), profiled=False, cached=False).exit_code == 1
    assert replay_environment({}) == {}
    assert read_environment("") == {}


@pytest.mark.parametrize("word", ["none", "../recordings", "gpu_full.log", "/nowhere/at/all.log", ""])
def test_a_recording_that_is_not_there_is_named(word: str) -> None:
    with pytest.raises(SetupError, match="no recording"):
        replay_environment({"gpu": word})


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("STARTING!\n")
    with pytest.raises(SetupError, match="is no recording"):
        read_recording(str(tmp_path / "a.log"), profiled=False, cached=False)


def test_all_times_are_multiplied_and_nothing_else() -> None:
    recording = read_recording("gpu_full", profiled=True, cached=False)
    before = parse_output(recording.stdout).measurement
    after = parse_output(rescale(recording.stdout, factor=10, graph="/m.tflite", size_mb=139.2)).measurement
    assert after.model_size_mb == 139.2
    for name in ("init_us", "first_inference_us", "warmup_avg_us", "inference_avg_us"):
        assert getattr(after, name) == pytest.approx(10 * getattr(before, name), rel=1e-4)
    assert before.runs is not None
    assert after.runs is not None
    assert after.runs.count == before.runs.count
    assert after.runs.median == pytest.approx(10 * (before.runs.median or 0))
    assert before.ops is not None
    assert after.ops is not None
    assert [op.name for op in after.ops] == [op.name for op in before.ops]
    for old, new in zip(before.ops, after.ops, strict=True):
        assert new.avg_us == pytest.approx(10 * (old.avg_us or 0))
        assert (new.percent, new.times_called) == (old.percent, old.times_called)
    assert after.notes == before.notes


def test_a_process_that_is_not_asked_to_profile_prints_no_profile() -> None:
    recording = read_recording("gpu_partial", profiled=False, cached=False)
    assert parse_output(recording.stdout).measurement.ops is not None
    plain = parse_output(without_profile(recording.stdout))
    assert plain.measurement.ops is None
    assert plain.measurement.inference_avg_us == 1287
