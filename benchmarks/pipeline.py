"""What the harness costs beside the benchmark itself, side by side with the plain `adb` way.

    python -m benchmarks.pipeline            all of it, about two minutes
    python -m benchmarks.pipeline --only push

Prints: adb round trips and milliseconds of overhead per trial; push throughput against `adb push` of the same file; bytes pushed by a first
and a second run; the share of wall time in which a device runs `benchmark_model`, for 1, 2 and 8 devices. Everything on virtual devices of
this machine, whose cores they share: read the ratios, not the absolute times.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import adbutils

from harness.analysis.stopping import Step
from harness.benchmark_model.command_line import BinaryFacts, trial_flags
from harness.binaries.choice import program_for
from harness.devices.adb_target import AdbTarget
from harness.devices.device_config import load_device_configs
from harness.devices.inventory import Inventory, take_inventory
from harness.devices.push import Blob
from harness.files.shipped_data import data_dir
from harness.measuring.schedule import LanePlan, Schedule
from harness.measuring.turns import Turns
from harness.records import Result, Trial
from harness.runs.run_store import Manifest, RunStore, load_run
from harness.suite.expand import DevicePlan, Expansion, expand
from harness.suite.suite_file import LoadedSuite, load_suite
from harness.virtual.farm import VirtualFarm, default_profiles

SUITE = """
suite: pipeline
models: [{model}]
delegates: [xnnpack]
threads: [1]
cpus: [all]
processes: {processes}
run: {{min_runs: 5, min_s: {min_s}, max_s: 10, warmup_runs: 1, warmup_s: 0.1, timeout_s: 60}}
order: {{seed: 1}}
"""


class _Silent:
    def started(self, trial: Trial) -> None:
        pass

    def finished(self, result: Result) -> None:
        pass

    def note(self, serial: str, message: str) -> None:
        print(f"  {serial}: {message}")

    def looked(self, step: Step) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["push", "trial", "share"])
    arguments = parser.parse_args()
    sections: dict[str, Callable[[], None]] = {"push": push, "trial": trial, "share": share}
    for name, section in sections.items():
        if arguments.only in (None, name):
            section()


def push(size: int = 200_000_000, rounds: int = 5) -> None:
    """Push throughput, the two ways in turn."""
    print(f"push of {size / 1e6:.0f} MB, {rounds} rounds in turn")
    with VirtualFarm(["virtual-flagship"]) as farm, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "blob"
        file.write_bytes(os.urandom(size))
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        ours, theirs = [], []
        for _ in range(rounds):
            ours.append(_seconds(lambda: target.push(file, "/data/local/tmp/ours")))
            theirs.append(_seconds(lambda: _adb(farm.adb_port, "push", str(file), "/data/local/tmp/theirs")))
        ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
        print(f"  harness   {size / 1e6 / statistics.median(ours):7.0f} MB/s")
        print(f"  adb push  {size / 1e6 / statistics.median(theirs):7.0f} MB/s")
        print(f"  harness / adb push: {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f})")


def trial(processes: int = 12) -> None:
    """Round trips and overhead of a trial; then the same trials with `adb` commands."""
    print(f"one trial, {processes} processes each")
    with VirtualFarm(["virtual-flagship"]) as farm, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        loaded = _suite(work, processes, 0.3)
        first = _run(farm, loaded, work / "first")
        second = _run(farm, loaded, work / "second")
        results = load_run(work / "second").results
        overheads = [(r.duration_s - r.conditions.process_s) * 1000 for r in results if r.conditions.process_s]
        targets = second.targets
        print(
            f"  harness: {sum(t.round_trips for t in targets) / processes:.2f} adb round trips a trial (sessions included)"
        )
        print(f"  harness: {statistics.median(overheads):.0f} ms a trial beside the process itself (median)")
        print(
            f"  harness: {second.wall_s / processes * 1000:.0f} ms of wall time a trial, process and bookkeeping included"
        )
        print(
            f"  bytes pushed: first run {sum(t.bytes_pushed for t in first.targets):,}, second run {sum(t.bytes_pushed for t in targets):,}"
        )
        plain_s, trips = _plain_adb(farm, loaded, work, processes)
        print(
            f"  plain adb (push, push, shell, per trial): {trips} adb commands, {plain_s / processes * 1000:.0f} ms of wall time a trial"
        )
        print(f"  harness / plain adb, wall time: {second.wall_s / plain_s:.2f}")


def share() -> None:
    """Share of wall time in which a device runs `benchmark_model`."""
    print("share of wall time in which a device runs benchmark_model (0.5 s of warm-up and measuring a process)")
    for count in (1, 2, 8):
        with VirtualFarm(default_profiles(count)) as farm, tempfile.TemporaryDirectory() as folder:
            loaded = _suite(Path(folder), max(2, 16 // count), 0.4)
            run = _run(farm, loaded, Path(folder) / "run", parallel=count)
            results = load_run(Path(folder) / "run").results
            busy = sum(result.conditions.process_s or 0.0 for result in results)
            failed = sum(result.status != "ok" for result in results)
            print(
                f"  {count} devices: {busy / run.wall_s / count:5.1%} each, {len(results)} trials in {run.wall_s:.1f} s, {failed} not ok"
            )


class _Run:
    def __init__(self, wall_s: float, targets: list[AdbTarget]) -> None:
        self.wall_s = wall_s
        self.targets = targets


def _run(farm: VirtualFarm, loaded: LoadedSuite, path: Path, parallel: int = 1) -> _Run:
    configs = load_device_configs()
    found = [(target, take_inventory(target, configs)) for target in _targets(farm)]
    expansion = _expand(loaded, found)
    programs = {t.serial: program_for(i.info, {}, path.parent) for t, i in found}
    manifest = Manifest(
        run_id=path.name,
        suite="pipeline",
        suite_text=loaded.text,
        started_at=datetime.now(UTC),
        harness_version="benchmark",
        devices=tuple(inventory.info for _, inventory in found),
        models=loaded.models,
        trials=expansion.trials,
    )
    slot = Turns(parallel)
    lanes = [
        LanePlan(
            target=target,
            inventory=inventory,
            program=programs[target.serial].blob,
            trials=tuple(t for t in expansion.trials if t.device == target.serial),
            slot=slot,
        )
        for target, inventory in found
    ]
    models = {m.sha256: Blob(path=Path(m.path), sha256=m.sha256, size=m.size_bytes) for m in loaded.models}
    with RunStore.create(path, manifest) as store:
        began = time.monotonic()
        Schedule(store, models, configs, _Silent(), owner=path.name).run(lanes)
        return _Run(time.monotonic() - began, [target for target, _ in found])


def _expand(loaded: LoadedSuite, found: list[tuple[AdbTarget, Inventory]]) -> Expansion:
    plans = [DevicePlan(serial=t.serial, topology=i.topology, cpu_sets={}) for t, i in found]
    return expand(loaded.suite, loaded.models, plans, seed=1)


def _plain_adb(farm: VirtualFarm, loaded: LoadedSuite, work: Path, processes: int) -> tuple[float, int]:
    """What people script: push binary and model, run, for each trial."""
    target = _targets(farm)[0]
    inventory = take_inventory(target, {})
    program = program_for(inventory.info, {}, work)
    one = _expand(loaded, [(target, inventory)]).trials[0]
    flags = trial_flags(
        graph="/data/local/tmp/plain.tflite",
        delegate=one.delegate,
        threads=one.threads,
        purpose=one.purpose,
        run=one.run,
        binary=BinaryFacts(flags=frozenset()),
    )
    command = f"taskset {one.cpus.hex} /data/local/tmp/plain_bm {' '.join(map(shlex.quote, flags))}"

    def all_trials() -> None:
        for _ in range(processes):
            _adb(farm.adb_port, "push", str(program.blob.path), "/data/local/tmp/plain_bm")
            _adb(farm.adb_port, "push", loaded.models[0].path, "/data/local/tmp/plain.tflite")
            _adb(farm.adb_port, "shell", command)

    return _seconds(all_trials), 3


def _suite(folder: Path, processes: int, min_s: float) -> LoadedSuite:
    model = data_dir("suites") / "models" / "mobilenet_fp32.tflite"
    file = folder / "suite.yaml"
    file.write_text(SUITE.format(model=model, processes=processes, min_s=min_s))
    return load_suite(file)


def _targets(farm: VirtualFarm) -> list[AdbTarget]:
    return [AdbTarget(serial, port=farm.adb_port) for serial in farm.serials]


def _adb(port: int, *arguments: str) -> None:
    subprocess.run([adbutils.adb_path(), "-P", str(port), *arguments], check=True, capture_output=True)


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
