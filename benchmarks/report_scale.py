"""What the report of a large run costs: 10,000 trials, 1,000,000 op rows.

    python -m benchmarks.report_scale [--trials 10000] [--op-rows 1000000] [--processes 10] [--keep FOLDER]

Writes a synthetic run (its numbers are arithmetic and marked so), makes its report in a process of its own, opens it in headless Chromium,
and prints seconds, peak memory, bytes, first paint and first filter beside their limits. Exits 1 where a limit is broken.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.kept_bytecode import kept_bytecode
from harness.records import (
    Conditions,
    CpuRequest,
    DelegateRequest,
    DelegateUse,
    DeviceInfo,
    Measurement,
    Memory,
    ModelRef,
    OpTiming,
    Purpose,
    Result,
    RunLengths,
    RunStatistics,
    Sample,
    Status,
    Trial,
)
from harness.runs.run_folder import TRIALS
from harness.runs.run_store import Manifest, RunStore

BEGAN = datetime(2026, 8, 1, 9, 30, tzinfo=UTC)
LIMITS = {
    "report made (s)": 5.0,
    "peak memory (MB)": 400.0,
    "file (MB)": 5.0,
    "first paint (s)": 1.5,
    "first filter (s)": 1.5,
}
DELEGATES = ("cpu", "xnnpack", "gpu", "nnapi", "hexagon")
FACTORS = {"cpu": 1.0, "xnnpack": 0.3, "gpu": 0.2, "nnapi": 0.5, "hexagon": 0.15}
THREADS = (1, 4)
_KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "FULLY_CONNECTED", "RESHAPE", "SOFTMAX", "MUL", "CONCATENATION")


def devices() -> tuple[DeviceInfo, ...]:
    """Two phones that do not exist."""
    return tuple(
        DeviceInfo(serial=f"SYNTHETIC{number}", model=f"Synthetic {number}", soc="none", abis=("arm64-v8a",))
        for number in (1, 2)
    )


def write_run(
    path: Path, *, trials: int, op_rows: int, processes: int = 10, run_id: str = "report-scale", seed: int = 7
) -> None:
    """A run with so many trials, all synthetic, and so many op rows over the profiled half of them.

    Args:
        path: where to.
        trials: half of them latency, half profile.
        op_rows: over all profiles.
        processes: of each cell and purpose; the fewer, the more cells.
        run_id: its id.
        seed: of its noise.
    """
    cells = trials // (2 * processes)
    per_model = len(DELEGATES) * len(THREADS) * 2
    models = tuple(
        ModelRef(
            name=f"synthetic_model_{number:03d}",
            path=f"models/{number}.tflite",
            sha256=sha256(str(number).encode()).hexdigest(),
            size_bytes=4_000_000 + number,
        )
        for number in range(math.ceil(cells / per_model))
    )
    questions = [
        (model, device.serial, delegate, threads)
        for model in models
        for device in devices()
        for delegate in DELEGATES
        for threads in THREADS
    ][:cells]
    planned = [
        _trial(question, purpose, process)
        for process in range(processes)
        for purpose in (Purpose.LATENCY, Purpose.PROFILE)
        for question in questions
    ]
    manifest = Manifest(
        run_id=run_id,
        suite="report-scale",
        suite_text="# made by benchmarks/report_scale.py: synthetic\n",
        started_at=BEGAN,
        harness_version="0",
        devices=devices(),
        models=models,
        trials=tuple(planned),
        seed=7,
        baseline={"delegate": "cpu"},
    )
    RunStore.create(path, manifest).close()
    # As the store writes them, but for one fsync each: nothing would be lost here.
    adapter = TypeAdapter(Result)
    with (path / TRIALS).open("wb") as file:
        for result in _results(planned, op_rows // max(1, len(planned) // 2), seed):
            file.write(adapter.dump_json(result) + b"\n")


def _trial(question: tuple[ModelRef, str, str, int], purpose: Purpose, process: int) -> Trial:
    model, device, delegate, threads = question
    identity = sha256(f"{model.name} {device} {delegate} {threads} {purpose} {process}".encode()).hexdigest()
    return Trial(
        trial_id=f"t-{identity[:12]}",
        device=device,
        model=model,
        delegate=DelegateRequest(name=delegate),
        threads=threads,
        cpus=CpuRequest(label="big", mask=0xF0),
        purpose=purpose,
        process=process,
        block=process,
        run=RunLengths(),
    )


def _results(planned: list[Trial], ops_each: int, seed: int) -> Iterator[Result]:
    noise = random.Random(seed)  # noqa: S311  # not for secrets
    for number, trial in enumerate(planned):
        model = int(trial.model.path.removeprefix("models/").removesuffix(".tflite"))
        us = (5_000 + 700 * model) * FACTORS[trial.delegate.name] / math.sqrt(trial.threads) * noise.gauss(1, 0.008)
        profiled = trial.purpose is Purpose.PROFILE
        warm = 35 + 6 * math.sin(number / 400)
        yield Result(
            trial=trial,
            status=Status.OK,
            measurement=Measurement(
                init_us=20_000 * noise.gauss(1, 0.05),
                first_inference_us=us * 1.3,
                warmup_avg_us=us * 1.05,
                inference_avg_us=us,
                runs=RunStatistics(count=50, first=us, curr=us, min=us * 0.97, max=us * 1.2, avg=us, std=us * 0.02),
                memory=Memory(init_delta_mb=20.5, overall_delta_mb=24.25),
                delegates=() if trial.delegate.name == "cpu" else (_use(trial, ops_each),),
                ops=tuple(_ops(trial, model, us, ops_each, noise)) if profiled else None,
            ),
            conditions=Conditions(
                cpus_asked="f0",
                affinity_expected="4-7",
                affinity_observed="4-7",
                temperature_before_c=warm,
                temperature_after_c=warm + noise.uniform(0.2, 1.5),
                frequency_khz=2_367_000 - 1000 * noise.randrange(200),
                samples=tuple(
                    Sample(t_s=second / 2, frequency_khz={4: 2_367_000, 5: 2_300_000}, temperature_c=warm + second / 8)
                    for second in range(1, 6)
                ),
            ),
            started_at=BEGAN + timedelta(seconds=3.2 * number),
            duration_s=2.9,
            synthetic=True,
            logs={kind: f"logs/{trial.trial_id}/{kind}.txt" for kind in ("stdout", "stderr")},
        )


def _use(trial: Trial, ops: int) -> DelegateUse:
    return DelegateUse(
        name=trial.delegate.name.upper(), applied="partial", nodes_delegated=ops - 4, nodes_total=ops, partitions=5
    )


def _ops(trial: Trial, model: int, us: float, count: int, noise: random.Random) -> Iterator[OpTiming]:
    weights = [1 + (index * 7 + model) % 5 for index in range(count)]
    total = sum(weights)
    for index, weight in enumerate(weights):
        kind = _KINDS[(index + model) % len(_KINDS)]
        on_cpu = trial.delegate.name == "cpu" or index % 50 == 49
        cost = us * 0.97 * weight / total * noise.gauss(1, 0.02)
        yield OpTiming(
            index=index,
            node_type=kind if on_cpu else f"{kind.title()} (NHWC, F32)",
            name=f"[model_{model}/block_{index}/{kind.lower()}]:{index}"
            if on_cpu
            else f"Delegate/{kind.title()}:{index}",
            first_us=cost * 1.1,
            avg_us=cost,
            percent=100 * weight / total,
            cdf_percent=100.0,
            mem_kb=0.0,
            times_called=1,
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one process, its start included."""

    wall_s: float
    computing_s: float
    memory_mb: float
    """At its peak."""


# The process tells its own peak: what a parent is told (`ru_maxrss`) counts the parent's own memory before the exec, too.
_MEASURED = """
import atexit, os, runpy, sys

def tell(file=sys.argv[1]):
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    open(file, "w").write(f"{sum(os.times()[:4])} {int(peak.split()[1]) / 1000}")

atexit.register(tell)
sys.argv[:] = ["harness", *sys.argv[2:]]
runpy.run_module("harness", run_name="__main__", alter_sys=True)
"""


def cost_of(arguments: Sequence[str]) -> Cost:
    """Run the command `harness` once, in a process of its own.

    Raises:
        SystemExit: it failed.
    """
    with tempfile.NamedTemporaryFile("r") as told:
        command = [sys.executable, "-c", _MEASURED, told.name, *arguments]
        started = time.perf_counter()
        code = subprocess.run(command, env=kept_bytecode(), stdout=subprocess.DEVNULL, check=False).returncode
        wall_s = time.perf_counter() - started
        if code:
            raise SystemExit(f"exit code {code} of harness {' '.join(arguments)}")
        computing_s, memory_mb = map(float, told.read().split())
    return Cost(wall_s, computing_s, memory_mb)


def best_of(report: Path, times: int) -> dict[str, float]:
    """The fastest of several openings, each in a browser of its own: the machine may be busy with other things."""
    seen = [open_report(report) for _ in range(times)]
    return {name: min(one[name] for one in seen) for name in seen[0]}


def open_report(report: Path) -> dict[str, float]:
    """First paint, start and first filter in headless Chromium, in seconds. Empty where Chromium is missing."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return {}
    from playwright.sync_api import sync_playwright

    arguments = ["--disable-gpu", "--no-first-run", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(report.as_uri())
        page.locator("#toolbar").wait_for(state="visible")
        painted = page.evaluate(
            "performance.getEntriesByType('paint').find((entry) => entry.name === 'first-contentful-paint').startTime"
        )
        ready = page.evaluate("performance.now()")
        filtered = page.evaluate(_FILTER)
        browser.close()
    return {"first paint (s)": painted / 1e3, "ready (s)": ready / 1e3, "first filter (s)": filtered / 1e3}


# From the key press to the frame in which the matrix shows only what matches.
_FILTER = """async () => {
  const rows = () => [...document.querySelectorAll('#matrix tbody tr')].filter((row) => !row.hidden).length;
  const before = rows();
  const box = document.getElementById('filter');
  const began = performance.now();
  box.value = 'model_003 gpu';
  box.dispatchEvent(new Event('input', { bubbles: true }));
  while (rows() === before) await new Promise((done) => requestAnimationFrame(done));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}"""


def main() -> int:
    """Entry point; 1 where a limit is broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--op-rows", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=10, help="of each cell; the fewer, the more cells")
    parser.add_argument("--openings", type=int, default=3, help="how often the report is opened; the fastest counts")
    parser.add_argument(
        "--keep", type=Path, help="folder for the run, kept; one that holds it already is used as it is"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run = options.keep or Path(scratch) / "run"
        if not (run / TRIALS).exists():
            write_run(run, trials=options.trials, op_rows=options.op_rows, processes=options.processes)
        cost = cost_of(["report", str(run)])
        report = run / "report.html"
        seen = {
            "report made (s)": cost.wall_s,
            "computing (s)": cost.computing_s,
            "peak memory (MB)": cost.memory_mb,
            "file (MB)": report.stat().st_size / 1e6,
            **best_of(report, options.openings),
        }
    broken = 0
    for name, value in seen.items():
        limit = LIMITS.get(name)
        state = "" if limit is None else "   BROKEN" if value > limit else ""
        broken += bool(state)
        print(f"{name:20} {value:10.2f}" + (f"   (limit {limit:g}){state}" if limit is not None else ""))
    if "first paint (s)" not in seen:
        print("first paint and filter: not measured, the system package chromium is missing")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
