"""What reading and writing runs costs, each against its target.

    python -m benchmarks.costs [--times N] [--only WORD]

Writes synthetic runs (their numbers are arithmetic and marked so) and runs the command on them, each time in a process of its own. Prints
seconds on the wall, seconds of computing and peak memory, all of the least costly of N times. On a busy machine the wall also says how busy
it is, so a target counts as missed where computing alone misses it. `python -m benchmarks.report_scale` looks at the large report in a
browser, `python -m benchmarks.parse_speed` at more kinds of logs.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.parse_speed import megabytes_read
from benchmarks.report_scale import LIMITS, cost_of, write_run


@dataclass(frozen=True)
class Task:
    """A command and what it may cost."""

    name: str
    prepare: Callable[[Path], list[str]]
    """Writes what it needs into a folder, unless it is there; returns the command's arguments."""
    wall_s: float | None = None
    memory_mb: float | None = None


def _large(folder: Path) -> Path:
    run = folder / "large"
    if not run.exists():
        write_run(run, trials=10_000, op_rows=1_000_000)
    return run


def _small(folder: Path) -> Path:
    run = folder / "small"
    if not run.exists():
        write_run(run, trials=10, op_rows=1_000, processes=1)
    return run


def _pair(folder: Path, *, ops: int) -> list[str]:
    """Two runs of 500 cells with ten processes for latency and ten for the profile."""
    runs = [folder / f"pair-{ops}-{seed}" for seed in (1, 2)]
    for seed, run in enumerate(runs, 1):
        if not run.exists():
            write_run(run, trials=10_000, op_rows=ops * 5_000, run_id=f"run-{seed}", seed=seed)
    return [str(run) for run in runs]


def _export(run: Path, table: str, file_format: str, output: Path) -> list[str]:
    return ["export", str(run), "--table", table, "--format", file_format, "-o", str(output)]


TASKS = (
    Task(
        "report of 10,000 trials",
        lambda folder: ["report", str(_large(folder))],
        wall_s=LIMITS["report made (s)"],
        memory_mb=LIMITS["peak memory (MB)"],
    ),
    Task("report of 10 trials", lambda folder: ["report", str(_small(folder))], wall_s=1.0),
    Task(
        "export of 1,000,000 op rows",
        lambda folder: _export(_large(folder), "ops", "parquet", folder / "ops.parquet"),
        wall_s=3.0,
    ),
    Task("the same rows as CSV", lambda folder: _export(_large(folder), "ops", "csv", folder / "ops.csv")),
    Task("compare of 500 cells", lambda folder: ["compare", *_pair(folder, ops=0), "--json"], wall_s=2.0),
    Task("compare of 500 cells with 20 ops", lambda folder: ["compare", *_pair(folder, ops=20), "--json"], wall_s=2.0),
)


def _against(value: float, target: float | None, surely: float | None = None) -> str:
    if target is None:
        return ""
    missed = value > target and (surely is None or surely > target)
    return f" (target {target:g}{', missed' if missed else ''})"


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="how often each command runs; the least costly counts")
    parser.add_argument("--only", default="", help="only what has this word in its name")
    options = parser.parse_args()
    for name, milliseconds, target in megabytes_read(options.only):
        print(f"{name:32} {milliseconds:8.1f} ms{_against(milliseconds, target)}")
    with tempfile.TemporaryDirectory() as scratch:
        for task in TASKS:
            if options.only not in task.name:
                continue
            arguments = task.prepare(Path(scratch))
            costs = [cost_of(arguments) for _ in range(options.times)]
            wall, computing, memory = (
                min(getattr(cost, name) for cost in costs) for name in ("wall_s", "computing_s", "memory_mb")
            )
            print(
                f"{task.name:32} {wall:8.2f} s{_against(wall, task.wall_s, computing)}, {computing:.2f} s of computing, "
                f"{memory:.0f} MB{_against(memory, task.memory_mb)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
