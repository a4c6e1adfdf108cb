"""Runs made up for the tests of memory. The numbers are arithmetic, not measurements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from harness.records import Memory, Purpose, Result
from tests.analysis.made_up import result
from tests.cli.comparable_runs import noise


def memory_cell(
    peak_mb: float, *, seed: int, delegate: str = "cpu", model: str = "m", count: int = 10, spread: float = 0.002
) -> list[Result]:
    """The memory processes of a cell, with peaks around `peak_mb`."""
    found = []
    for block, peak in enumerate(noise(seed, peak_mb, count, spread)):
        one = result(1000.0, delegate=delegate, model=model, purpose=Purpose.MEMORY, block=block)
        assert one.measurement is not None
        memory = Memory(init_delta_mb=1.0, overall_delta_mb=2.0, periodic_peak_mb=peak)
        found.append(replace(one, measurement=replace(one.measurement, memory=memory)))
    return found


def both_delegates(head_mb: float, *, models: Iterable[str] = ("m",), count: int = 10) -> list[Result]:
    """Models on the built-in kernels with a peak of 20 MB, and on XNNPACK with one of `head_mb`."""
    found: list[Result] = []
    for place, model in enumerate(models):
        found += memory_cell(20.0, seed=2 * place + 1, model=model, count=count)
        found += memory_cell(head_mb, seed=2 * place + 2, model=model, delegate="xnnpack", count=count)
    return found
