"""What adding a large run to the history costs: 10,000 trials with 1,000,000 op rows, against 60 s and 1 GB.

    python -m benchmarks.history_add [--times N] [--database URL]

Writes a synthetic run (its numbers are arithmetic and marked so) and runs `harness history add` on it, each time in a process of its own:
into a new SQLite file, and into the database of `--database` if one is named, whose rows of the run are replaced each time. Then it adds
the run once more, which changes nothing. Prints seconds on the wall, seconds of computing, peak memory and the size of the file. Exits 1
where a limit is broken by computing alone, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.report_scale import Cost, cost_of, write_run

MOST_S, MOST_MB = 60.0, 1000.0


def _told(name: str, costs: list[Cost]) -> bool:
    """Print the least costly, and return whether it keeps the limits."""
    wall = min(one.wall_s for one in costs)
    computing, memory = min(one.computing_s for one in costs), min(one.memory_mb for one in costs)
    print(
        f"{name:24} {wall:8.2f} s (target {MOST_S:g}), {computing:.2f} s of computing, {memory:.0f} MB (target {MOST_MB:g})"
    )
    return computing <= MOST_S and memory <= MOST_MB


def main() -> int:
    """Entry point; 1 where a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="how often each is done; the least costly counts")
    parser.add_argument("--database", help="also add to this one, such as postgresql://USER@HOST/NAME")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HARNESS_STATE_DIR"] = str(Path(scratch) / "state")
        run = Path(scratch) / "large"
        write_run(run, trials=10_000, op_rows=1_000_000)
        files = [Path(scratch) / f"{number}.db" for number in range(options.times)]
        kept = [_told("a new SQLite file", [_add(run, str(file)) for file in files])]
        print(f"{'its size':24} {files[0].stat().st_size / 1e6:8.0f} MB")
        kept.append(_told("the same run again", [_add(run, str(file)) for file in files]))
        if options.database:
            costs = []
            for _ in range(options.times):
                with (run / "trials.jsonl").open("ab") as stream:
                    stream.write(b"\n")  # an empty line is no result, but another content: all rows are written anew
                costs.append(_add(run, options.database))
            kept.append(_told("the named database", costs))
    return 0 if all(kept) else 1


def _add(run: Path, database: str) -> Cost:
    return cost_of(["history", "add", str(run), "--database", database])


if __name__ == "__main__":
    raise SystemExit(main())
