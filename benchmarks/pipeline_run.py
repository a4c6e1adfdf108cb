"""One measurement for `benchmarks.pipeline`: the whole command `harness run`, or plain `adb` commands, on devices that wait."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean

from benchmarks.adb_proxy import round_trips
from benchmarks.cpu_parts import CpuClock
from benchmarks.lane_parts import Device, Parts, busy_seconds, device_of, gaps_of, outside, parts_of, read_trace
from benchmarks.waiting_farm import WaitingFarm
from harness.files.shipped_data import data_dir
from harness.runs.run_store import load_run

MODELS = data_dir("suites") / "models"
CELLS = 6
_SUITE = """
suite: pipeline
models: [{folder}/cnn_fp32.tflite, {folder}/mobilenet_fp32.tflite]
delegates: [xnnpack]
threads: [1, 2, 4]
cpus: [all]
processes: {processes}
run: {{min_runs: 1, min_s: 0.2, max_s: 60, warmup_runs: 0, warmup_s: 0, timeout_s: 60}}
order: {{seed: 1}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of it. Times are in seconds."""

    way: str
    seconds: float
    """Length of a process, as set."""
    devices: Mapping[str, Device]
    before: float
    """From the command's start to the first process."""
    after: float
    """From the end of the last process to the command's."""
    requests: Counter[str]
    cpu: Mapping[str, float]
    """By part, between the first process's begin and the last one's end."""
    parts: Parts | None = None
    before_parts: Mapping[str, float] = field(default_factory=dict)
    after_parts: Mapping[str, float] = field(default_factory=dict)
    failed: int = 0
    trace: Path | None = field(default=None, compare=False)

    @property
    def trials(self) -> int:
        """Number of processes that ran."""
        return sum(len(device.processes) for device in self.devices.values())

    @property
    def ends(self) -> tuple[float, float]:
        """When the first process began and the last one ended, on whatever device."""
        ran = [stretch for device in self.devices.values() for stretch in device.processes]
        return min(began for began, _ in ran), max(ended for _, ended in ran)

    @property
    def wall(self) -> float:
        """From the first process's begin to the last one's end."""
        return self.ends[1] - self.ends[0]

    @property
    def busy(self) -> float:
        """Share of the wall time in which a device runs a process, averaged over the devices."""
        return busy_seconds(self.devices) / self.wall / len(self.devices)

    @property
    def beside_ms(self) -> float:
        """Milliseconds between two processes of a device."""
        gaps = [gap for device in self.devices.values() for gap in gaps_of(device.processes)]
        return mean(gaps) * 1000 if gaps else float("nan")

    @property
    def round_trips(self) -> float:
        """Requests to devices a trial, those of sessions included."""
        return round_trips(self.requests) / self.trials


def run_harness(farm: WaitingFarm, processes: int, name: str) -> Ran:
    """Measure `harness run` with so many processes of each of the `CELLS` cells on each device."""
    suite = farm.folder / f"{name}.yaml"
    suite.write_text(_SUITE.format(folder=MODELS, processes=processes))
    trace, out = farm.folder / f"{name}.trace.json", farm.folder / name
    arguments = ["run", str(suite), "--device=any", f"--out={out}", f"--trace={trace}"]
    with (farm.folder / f"{name}.log").open("wb") as log:

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                [sys.executable, "-m", "harness", *arguments], env=farm.environment, stdout=log, stderr=log
            )

        ran = _watched(farm, "harness", lambda: _waited_for(farm, start))
    failed = sum(result.status != "ok" for result in load_run(out).results)
    tracks = read_trace(json.loads(trace.read_text()))
    first, last = ran.ends
    return replace(
        ran,
        parts=parts_of(tracks, ran.devices),
        before_parts=outside(tracks, list(ran.devices), first - ran.before, first),
        after_parts=outside(tracks, list(ran.devices), last, last + ran.after),
        failed=failed,
        trace=trace,
    )


def run_plain(farm: WaitingFarm, way: str, action: Callable[[], None]) -> Ran:
    """Measure `adb` commands, whose CPU time counts as this benchmark's children and is not told."""

    def watched() -> CpuClock:
        with CpuClock(command=0, guardian=farm.guardian) as clock:
            action()
        return clock

    return _watched(farm, way, watched)


def _waited_for(farm: WaitingFarm, start: Callable[[], subprocess.Popen[bytes]]) -> CpuClock:
    guardian = farm.guardian
    process = start()
    with CpuClock(command=process.pid, guardian=guardian) as clock:
        process.wait()
    return clock


def _watched(farm: WaitingFarm, way: str, action: Callable[[], CpuClock]) -> Ran:
    farm.forget()
    requests = farm.proxy.counts()
    began = time.time()
    clock = action()
    ended = time.time()
    processes = farm.processes()
    ran = [stretch for mine in processes.values() for stretch in mine]
    if not ran:
        raise SystemExit(f"{way}: no process ran; see what it said in {farm.folder}")
    first, last = min(since for since, _ in ran), max(until for _, until in ran)
    devices = {serial: device_of(mine, farm.events(serial, since=began)) for serial, mine in processes.items() if mine}
    return Ran(
        way=way,
        seconds=farm.seconds,
        devices=devices,
        before=first - began,
        after=ended - last,
        requests=farm.proxy.counts() - requests,
        cpu=clock.between(first, last),
    )
