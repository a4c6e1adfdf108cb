"""A device whose processes only wait: what they print, what they are marked as, and what they leave to the real program."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.benchmark_model import parse_output
from harness.benchmark_model.synthetic import synthetic_origin
from harness.devices.device_config import load_device_configs
from harness.errors import UsageError
from harness.records import DelegateRequest
from harness.virtual.replay.replay_launcher import write_launcher
from harness.virtual.replay.waiting import WAITED_LOG, WAITS_VARIABLE, that_waits, waiting_environment
from tests.model_files import shipped
from tests.virtual.android.booted import booted, run

MODEL = shipped("cnn_fp32.tflite")


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("launcher") / "benchmark_model"
    write_launcher(path)
    return path


@pytest.fixture(params=["namespaces", "path-mapping"])
def mode(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HARNESS_VIRTUAL_NAMESPACES", "1" if request.param == "namespaces" else "0")
    return str(request.param)


@pytest.fixture(params=["sh", "mksh"])
def shell(request: pytest.FixtureRequest) -> str:
    found = shutil.which(str(request.param))
    if found is None:
        pytest.skip(f"needs {request.param}")
    return found


def waited(folder: Path) -> list[tuple[float, float]]:
    lines = (folder / Path(WAITED_LOG).name).read_text().splitlines()
    return [(float(began), float(ended)) for began, ended in (line.split() for line in lines)]


def start(shell: str, launcher: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **waiting_environment(0.01), "TMPDIR": str(folder)}
    return subprocess.run([shell, launcher, *arguments], env=environment, capture_output=True, timeout=60, check=False)


def test_a_process_prints_an_output_that_reads_as_a_good_one_and_says_that_it_is_made_up(
    shell: str, launcher: Path, tmp_path: Path
) -> None:
    info = tmp_path / "info.pb"
    done = start(shell, launcher, tmp_path, f"--graph={MODEL}", f"--model_runtime_info_output_file={info}")
    assert done.returncode == 0
    asked = DelegateRequest(name="xnnpack")
    read = parse_output(done.stdout, stderr=done.stderr, runtime_info=info.read_bytes(), exit_code=0, requested=asked)
    assert read.status == "ok"
    assert read.measurement.inference_avg_us == 8340.78
    origin = synthetic_origin(done.stderr)
    assert origin is not None
    assert "only waits" in origin


def test_each_process_notes_when_it_ran(shell: str, launcher: Path, tmp_path: Path) -> None:
    for _ in range(2):
        start(shell, launcher, tmp_path, f"--graph={MODEL}")
    first, second = waited(tmp_path)
    assert first[0] + 0.01 <= first[1] <= second[0]


def test_help_and_a_model_that_is_not_there_are_left_to_the_real_program(launcher: Path, tmp_path: Path) -> None:
    missing = start("sh", launcher, tmp_path, f"--graph={tmp_path / 'missing.tflite'}")
    assert missing.returncode == 1
    helped = start("sh", launcher, tmp_path, f"--graph={MODEL}", "--help")
    assert b"--num_threads" in helped.stdout + helped.stderr
    assert synthetic_origin(missing.stderr) is None
    assert synthetic_origin(helped.stderr) is None
    assert not (tmp_path / Path(WAITED_LOG).name).exists()


async def on_a_device(root: Path, launcher: Path) -> None:
    profile = that_waits(load_device_configs()["virtual-flagship"], 0.01)
    async with booted(root, profile) as device:
        said = await run(device, "getprop ro.harness.waits_s")
        assert said.out == "0.01\n"
        done = await run(device, f"taskset 1 sh {launcher} --graph={MODEL}")
        assert done.code == 0, done.err
        assert synthetic_origin(done.err.encode()) is not None
    assert len(waited((root / "fs" / WAITED_LOG).parent)) == 1


def test_a_device_says_that_it_waits_and_does(mode: str, launcher: Path, tmp_path: Path) -> None:
    asyncio.run(on_a_device(tmp_path, launcher))


def test_a_device_that_does_not_wait_has_no_variable() -> None:
    assert waiting_environment(None) == {}
    assert waiting_environment(1.0) == {WAITS_VARIABLE: "1"}


def test_only_a_profile_that_can_be_played_waits() -> None:
    phone = load_device_configs()["google-pixel-6"]
    with pytest.raises(UsageError, match="no `virtual` part"):
        that_waits(phone, 1.0)
