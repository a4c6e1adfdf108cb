"""The tool as it is pushed to a device, and models to run on it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.litert_host.launcher import write_launcher
from tests.litert_host import models

SHORT = ("--num_runs=4", "--min_secs=0", "--warmup_min_secs=0")


@dataclass(frozen=True)
class Finished:
    """What came of one call of the tool. `exit_code` is a shell's: 128 + N after signal N."""

    stdout: str
    stderr: str
    exit_code: int


Tool = Callable[..., Finished]


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("device") / "benchmark_model"
    write_launcher(path)
    return path


@pytest.fixture
def tool(launcher: Path, tmp_path: Path) -> Tool:
    def call(*arguments: str) -> Finished:
        done = subprocess.run(
            [str(launcher), *arguments],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        code = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Finished(
            done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode("utf-8", "surrogateescape"), code
        )

    return call


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every model of `models`, and files that are none."""
    folder = tmp_path_factory.mktemp("models")
    makers = (
        models.add,
        models.image,
        models.two_inputs,
        models.convolutions,
        models.quantized,
        models.partly_delegated,
        models.gather,
        models.unknown_op,
        models.two_signatures,
        models.dynamic_batch,
        models.data_dependent_output,
    )
    for make in makers:
        make(folder / f"{make.__name__}.tflite")
    models.unknown_op(folder / "flex.tflite", "FlexMatrixInverse")
    (folder / "empty.tflite").touch()
    whole = (folder / "convolutions.tflite").read_bytes()
    (folder / "half.tflite").write_bytes(whole[: len(whole) // 2])
    return folder
