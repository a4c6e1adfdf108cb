"""Comparisons for real, on virtual devices of this machine: `python -m benchmarks.real_aa`.

Twenty times one and the same program against itself, in one interleaved run each, with the shipped MobileNet: whatever is not `same` or
`inconclusive` is false. Neighbouring runs are compared with each other too, as a continuous integration would. Then XNNPACK against the
built-in kernels, where the difference is plain, and the ops must explain it. Exit code 1 where what the harness claims does not hold.

About ten minutes. Inference is real and runs on this machine's cores, so everything else that runs here is noise: load shows in the
spread. It is printed with the load average.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from harness.analysis.ratio_interval import BUDGET
from harness.files.shipped_data import data_dir

FALSE_ALLOWED = 1
"""Of twenty."""
OPS_ALLOWED = 0.02
"""Share of the profiled difference that may lie outside all ops."""

_RUN = "run: {min_runs: 10, min_s: 0.3, max_s: 10, warmup_runs: 1, warmup_s: 0.1, timeout_s: 60}\n"
_ALIKE = "binaries: [{name: a, use: host}, {name: b, use: host}]\ndelegates: [xnnpack]\n"
_UNLIKE = "delegates: [cpu, xnnpack]\npurposes: [latency, profile]\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything and print what came of it. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=20, help="A/A comparisons (default: 20)")
    parser.add_argument("--processes", type=int, default=BUDGET, help=f"a side (default: {BUDGET})")
    parser.add_argument("--model", type=Path, default=data_dir("suites") / "models" / "mobilenet_fp32.tflite")
    parser.add_argument("--device", default="virtual:1")
    parser.add_argument("--keep", type=Path, help="folder for the runs (default: a temporary one)")
    options = parser.parse_args(arguments)
    print(f"{options.model.stem} on {options.device}, {options.processes} processes a side, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="real-aa-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        held = all([_same_against_same(options, folder), _delegates(options, folder)])
    print("holds" if held else "DOES NOT HOLD")
    return 0 if held else 1


def _same_against_same(options: argparse.Namespace, folder: Path) -> bool:
    print("\nthe same program twice, interleaved; n, ratio, 95 % interval, spread of base, load")
    runs: list[Path] = []
    verdicts: list[str] = []
    for number in range(options.comparisons):
        run = _measured(options, folder / f"aa-{number}", _ALIKE, seed=number)
        one = _compared(f"{run}@binary=a", f"{run}@binary=b")["comparisons"][0]
        runs.append(run)
        verdicts.append(one["verdict"])
        print(f"{number + 1:>3}  {_line(one)}  {_spread(run):6.1%}  load {os.getloadavg()[0]:.1f}", flush=True)
    wrong = sum(verdict in ("faster", "slower") for verdict in verdicts)
    print(f"{_counted(verdicts)}: {wrong} false; at most {FALSE_ALLOWED} allowed")
    apart = [
        _compared(f"{base}@binary=a", f"{head}@binary=b")["comparisons"][0]["verdict"] for base, head in pairwise(runs)
    ]
    print(f"neighbouring runs: {_counted(apart)}")
    return wrong <= FALSE_ALLOWED


def _delegates(options: argparse.Namespace, folder: Path) -> bool:
    print("\nXNNPACK against the built-in kernels")
    run = _measured(options, folder / "delegates", _UNLIKE, seed=1)
    document = _compared(f"{run}@delegate=cpu", f"{run}@delegate=xnnpack")
    (one,), (ops,) = document["comparisons"], document["ops"]
    explained = sum(change["change_us"] for change in ops["changes"])
    rest = abs(ops["change_us"] - explained) / abs(ops["change_us"])
    print(f"  {_line(one)}")
    print(
        f"  profiled: {ops['base_us'] / 1000:.3f} to {ops['head_us'] / 1000:.3f} ms, {ops['change_us'] / 1000:+.3f} ms; "
        f"{len(ops['changes'])} groups of ops add up to {explained / 1000:+.3f} ms, {rest:.2%} lies outside all ops "
        f"(at most {OPS_ALLOWED:.0%} allowed)"
    )
    return one["verdict"] in ("faster", "slower") and rest <= OPS_ALLOWED


def _measured(options: argparse.Namespace, run: Path, extra: str, *, seed: int) -> Path:
    suite = run.with_suffix(".yaml")
    models = json.dumps([str(options.model.resolve())])
    suite.write_text(
        f"suite: {run.name}\nmodels: {models}\nprocesses: {options.processes}\norder: {{seed: {seed}}}\n{extra}{_RUN}"
    )
    _harness("run", str(suite), "--device", options.device, "--out", str(run))
    return run


def _compared(base: str, head: str) -> dict[str, Any]:
    document = json.loads(_harness("compare", base, head, "--json"))
    assert isinstance(document, dict)
    return document


def _harness(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "harness", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"harness {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def _line(one: dict[str, Any]) -> str:
    return (
        f"n={one['base']['n']}/{one['head']['n']}  {one['ratio']:.3f} [{one['ci_low']:.3f}, {one['ci_high']:.3f}]  "
        f"{one['verdict']:<12}"
    )


def _spread(run: Path) -> float:
    """Standard deviation of base's processes over their average."""
    lines = (json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines())
    values = [float(line["measurement"]["inference_avg_us"]) for line in lines if line["trial"]["binary"] == "a"]
    return statistics.stdev(values) / statistics.mean(values)


def _counted(verdicts: Sequence[str]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in Counter(verdicts).most_common())


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"{time.monotonic() - began:.0f} s")
    sys.exit(code)
