"""How often the test for an effect of the predecessor finds one that is there, and one that is not: `python -m benchmarks.predecessors`.

Synthetic latencies in the harness's own order, disturbed as in `benchmarks.orders`; exit code 1 where it speaks of an effect that is not
there in more than 2.5 % of the runs (its own level is 0.5 %), or overlooks a planted one in more than 20 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.latency_model import Floats
from benchmarks.orders import HEATS, OWN, SLOW, Disturbance, Ints, simulated
from harness.analysis.carry_over import carry_over
from harness.records import (
    CpuRequest,
    DelegateRequest,
    Measurement,
    ModelRef,
    Purpose,
    Result,
    RunLengths,
    Status,
    Trial,
)

MOST_FALSE, LEAST_FOUND = 0.025, 0.8
_SEED = 12
_BEGAN = datetime(2026, 8, 1, tzinfo=UTC)
_MODEL = ModelRef(name="m", path="m", sha256="m", size_bytes=1)

NOTHING = (Disturbance(name="nothing"), *SLOW)


@dataclass(frozen=True, slots=True)
class Found:
    """Share of the runs in which an effect is said, and mean size of those said, as a share."""

    share: float
    size: float


def found(
    disturbance: Disturbance, *, cells: int, blocks: int, noise: float, experiments: int, seed: int = _SEED
) -> Found:
    """Run the test on many runs of cells that are all alike.

    Args:
        disturbance: what slows processes.
        cells: how many.
        blocks: in each every cell runs once.
        noise: standard deviation of a process, as a share.
        experiments: how many.
        seed: of chance.
    """
    orders, values = simulated(
        OWN, disturbance, cells=cells, blocks=blocks, noise=noise, experiments=experiments, seed=seed
    )
    ran = orders.reshape(experiments, -1)
    said = [
        effect for order, row in zip(ran, values, strict=True) for effect in carry_over(_results(order, row, cells))
    ]
    return Found(len(said) / experiments, float(np.mean([one.change for one in said])) if said else 0.0)


def _results(order: Ints, values: Floats, cells: int) -> list[Result]:
    return [
        Result(
            trial=Trial(
                trial_id=str(place),
                device="phone",
                model=_MODEL,
                delegate=DelegateRequest(name=f"cell{cell}"),
                threads=1,
                cpus=CpuRequest(label="all", mask=1),
                purpose=Purpose.LATENCY,
                process=place // cells,
                block=place // cells,
                run=RunLengths(),
            ),
            status=Status.OK,
            measurement=Measurement(inference_avg_us=1000.0 * float(np.exp(value))),
            started_at=_BEGAN + timedelta(seconds=2 * place),
            duration_s=1.0,
        )
        for place, (cell, value) in enumerate(zip(order, values, strict=True))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--experiments", type=int, default=400, help="per number (default: 400)")
    experiments = parser.parse_args(arguments).experiments
    print(
        f"Synthetic latencies, {experiments} runs a number, seed {_SEED}: share in which an effect is said, and its mean size"
    )
    held = True
    for cells, blocks in ((2, 10), (2, 20), (3, 10), (5, 10), (8, 10)):
        for noise in (0.005, 0.01):
            row = []
            for disturbance in (*NOTHING, HEATS):
                one = found(disturbance, cells=cells, blocks=blocks, noise=noise, experiments=experiments)
                held &= one.share >= LEAST_FOUND if disturbance is HEATS else one.share <= MOST_FALSE
                row.append(f"{disturbance.name} {one.share:.1%} ({one.size:+.1%})")
            print(f"{cells} cells, {blocks} blocks, noise {noise:.1%}: {'; '.join(row)}", flush=True)
    print("holds" if held else "DOES NOT HOLD")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
