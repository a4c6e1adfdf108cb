"""Runs made up for the tests of comparing and calibrating. The numbers are arithmetic, not measurements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.cli.main import run_cli
from harness.records import DeviceInfo, Purpose, Result, Scalar
from harness.records.adaptive_decisions import AdaptivePlan
from harness.runs.run_store import Manifest, RunStore
from tests.analysis.made_up import BEGAN, PHONE, cell, op, result


def noise(seed: int, centre: float = 1000.0, count: int = 10, spread: float = 0.005) -> list[float | None]:
    """Averages of processes around `centre` microseconds."""
    return list(centre * np.exp(np.random.default_rng(seed).normal(0, spread, count)))


def write_run(
    path: Path,
    results: Iterable[Result],
    *,
    devices: tuple[DeviceInfo, ...] = (PHONE,),
    baseline: Mapping[str, Scalar] | None = None,
    adaptive: AdaptivePlan | None = None,
    control: Mapping[str, Scalar] | None = None,
) -> Path:
    """A run on disk that holds `results`."""
    manifest = Manifest(
        run_id=path.name,
        suite="made-up",
        suite_text="suite: made-up\n",
        started_at=BEGAN,
        harness_version="0",
        devices=devices,
        baseline=baseline,
        adaptive=adaptive,
        control=control,
    )
    with RunStore.create(path, manifest) as store:
        for one in results:
            store.append(one)
    return path


def two_delegates(path: Path, *, head: float = 1100.0, model: str = "m", count: int = 10) -> Path:
    """One run: the built-in kernels at 1 ms, XNNPACK at `head` microseconds; profiles of both."""
    results = cell(noise(1, count=count), model=model)
    results += cell(noise(2, head, count=count), delegate="xnnpack", model=model)
    results.append(
        result(
            1010.0,
            model=model,
            purpose=Purpose.PROFILE,
            block=count,
            ops=[op(0, "CONV_2D", "[conv]:0", 700.0), op(1, "SOFTMAX", "[out|x]:1", 300.0)],
        )
    )
    results.append(
        result(
            head + 20.0,
            model=model,
            delegate="xnnpack",
            purpose=Purpose.PROFILE,
            block=count,
            ops=[
                op(0, "Convolution (NHWC, F32) IGEMM", "Delegate/Convolution (NHWC, F32) IGEMM:0", head - 300.0),
                op(1, "SOFTMAX", "[out|x]:1", 310.0),
            ],
        )
    )
    return write_run(path, results, baseline={"delegate": "cpu"})


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What `harness compare --json` prints."""
    run_cli(["compare", *arguments, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def selections(run: Path) -> tuple[str, str]:
    """The two sides of a run of `two_delegates`."""
    return f"{run}@delegate=cpu", f"{run}@delegate=xnnpack"
