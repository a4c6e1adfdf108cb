"""Separate runs made up for the tests of controls: a shift between them that hits all cells alike. The numbers are arithmetic."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.records import Result, Scalar
from tests.analysis.made_up import result
from tests.cli.comparable_runs import write_run

CONTROL: Mapping[str, Scalar] = {"model": "reference"}


def shifted_run(
    seed: int,
    *,
    shift: float = 1.0,
    change: float = 1.0,
    cells: int = 1,
    blocks: int = 10,
    control: bool = True,
    artifact: str = "binary",
    noise: float = 0.003,
    spare: Iterable[int] = (),
) -> list[Result]:
    """A run of models `m0`, `m1`, ..., all of it `shift` times as slow, its models beside the control `change` times.

    Args:
        seed: of the noise.
        shift: what hits all cells alike.
        change: what hits all but the control.
        cells: how many models.
        blocks: processes of each.
        control: whether it has the control, of a binary that stays the same.
        artifact: the binary of the models.
        noise: standard deviation of a process.
        spare: blocks without the control.
    """
    rng = np.random.default_rng(seed)
    left_out = set(spare)
    results = []
    for block in range(blocks):
        for number in range(cells):
            value = 1000.0 * shift * change * math.exp(rng.normal(0, noise))
            results.append(result(value, model=f"m{number}", block=block, artifact=artifact))
        if control and block not in left_out:
            value = 700.0 * shift * math.exp(rng.normal(0, noise))
            results.append(result(value, model="reference", block=block))
    return results


def stored(path: Path, results: Iterable[Result], control: Mapping[str, Scalar] | None = CONTROL) -> Path:
    """A run on disk whose suite names the control."""
    return write_run(path, results, control=control)


def with_canary(results: Iterable[Result], shift: float = 1.0, *, seed: int = 0) -> list[Result]:
    """The same with a canary before each block."""
    rng = np.random.default_rng(seed)
    times: dict[int, float] = {}
    found = []
    for one in results:
        us = times.setdefault(one.trial.block, 300.0 * shift * math.exp(rng.normal(0, 0.002)))
        found.append(replace(one, conditions=replace(one.conditions, canary_us=us)))
    return found
