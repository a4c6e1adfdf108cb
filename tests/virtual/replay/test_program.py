"""The launcher as a virtual device runs it, here without one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.benchmark_model.synthetic import synthetic_origin
from harness.virtual.replay.replay_launcher import write_launcher
from harness.virtual.replay.replay_program import asked_delegate
from tests.model_files import shipped


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("launcher") / "benchmark_model"
    write_launcher(path)
    return path


def run(launcher: Path, replay: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "HARNESS_REPLAY": replay}
    return subprocess.run([launcher, *arguments], env=environment, capture_output=True, timeout=60, check=False)


def test_the_flags_say_which_delegate_is_meant() -> None:
    assert asked_delegate({"use_gpu": "true", "use_xnnpack": "false"}) == "gpu"
    assert asked_delegate({"use_nnapi": "1"}) == "nnapi"
    assert asked_delegate({"use_gpu": "false"}) == "xnnpack"
    assert asked_delegate({"use_xnnpack": "false"}) == "cpu"
    assert asked_delegate({"external_delegate_path": "/a.so"}) == "external"


def test_a_delegate_with_a_recording_is_played_back_and_says_so(launcher: Path) -> None:
    model = shipped("cnn_fp32.tflite")
    done = run(launcher, "gpu=gpu_full;nnapi=nnapi_failed", f"--graph={model}", "--use_gpu=true")
    assert done.returncode == 0
    assert b"Explicitly applied GPU delegate" in done.stdout
    assert f"Loaded model {model}".encode() in done.stdout
    origin = synthetic_origin(done.stderr)
    assert origin is not None
    assert "gpu_full" in origin
    assert run(launcher, "gpu=gpu_full;nnapi=nnapi_failed", f"--graph={model}", "--use_nnapi=true").returncode == 1


def test_what_has_no_recording_is_measured(launcher: Path) -> None:
    flags = [f"--graph={shipped('cnn_fp32.tflite')}", "--num_runs=1", "--min_secs=0", "--warmup_min_secs=0"]
    for replay in ("", "gpu=gpu_full"):
        done = run(launcher, replay, *flags, "--use_xnnpack=true")
        assert done.returncode == 0, done.stderr
        assert synthetic_origin(done.stderr) is None
        assert b"Inference timings in us" in done.stdout


def test_a_model_that_is_none_is_never_played_back(launcher: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"not a model at all")
    for model in ("bad.tflite", "missing.tflite"):
        done = run(launcher, "gpu=gpu_full", f"--graph={tmp_path / model}", "--use_gpu=true")
        assert done.returncode == 1
        assert synthetic_origin(done.stderr) is None


def test_a_recording_that_has_gone_is_a_failure_that_says_why(launcher: Path) -> None:
    done = run(launcher, "gpu=/gone.log", f"--graph={shipped('cnn_fp32.tflite')}", "--use_gpu=true")
    assert done.returncode == 1
    assert b"there is no recording" in done.stderr
    assert done.stdout == b""


def test_a_second_process_finds_the_cache_of_the_first(launcher: Path, tmp_path: Path) -> None:
    flags = [f"--graph={shipped('cnn_fp32.tflite')}", "--use_gpu=true"]
    cache = [f"--delegate_serialize_dir={tmp_path}", "--delegate_serialize_token=t"]
    first, second = (run(launcher, "gpu=gpu_full", *flags, *cache) for _ in range(2))
    assert b"from serialized data" not in first.stderr
    assert b"from serialized data" in second.stderr


def test_the_line_is_found_wherever_it_stands_and_only_as_a_line() -> None:
    assert synthetic_origin(b"noise\nharness-replay: synthetic, recording x\r\nmore") == "recording x"
    assert synthetic_origin(b"harness-replay: synthetic") == "a source that is not named"
    assert synthetic_origin(b"model harness-replay: synthetic") is None
    assert synthetic_origin(b"harness-replay: syntheticity") is None
