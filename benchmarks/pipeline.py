"""What the harness costs beside the benchmark itself, on virtual devices that only wait, beside the plain `adb` way.

    python -m benchmarks.pipeline                                   all of it, about six minutes
    python -m benchmarks.pipeline --devices 1,8 --seconds 0.5,1     these numbers of devices, and these lengths of a process
    python -m benchmarks.pipeline --only plain                      only the comparison with `adb`, one device

For each it prints how much of the wall time a device runs its process, the milliseconds and the ADB round trips that a trial costs beside
it, what lies before the first process and after the last, where the milliseconds go, and the CPU time of each part. `--keep FOLDER` keeps
the harness's own traces for Perfetto. The devices share this machine's cores with the harness: where they alone need all of them, the busy
share says less about the harness, and a line says so. `benchmarks.push_speed` is about pushes.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.cpu_parts import OTHERS, PARTS
from benchmarks.lane_parts import PROCESS, busy_seconds
from benchmarks.pipeline_run import CELLS, MODELS, Ran, run_harness, run_plain
from benchmarks.plain_adb import PlainAdb
from benchmarks.waiting_farm import waiting_farm
from harness.virtual.replay.replay_launcher import write_launcher

PROCESSES = {1: 10, 8: 5}
"""Processes of each cell by the number of devices; else `_FEW`."""
_FEW = 2
PLAIN_PROCESSES, PLAIN_SECONDS = 60, 0.5
BESIDE_MS, ROUND_TRIPS, OUTSIDE_S, PLAIN_RATIO = 25.0, 1.1, 1.0, 0.95
"""The targets: milliseconds and round trips a trial, seconds before and after, wall time as a share of plain adb's."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=_numbers, default=[1, 8, 32, 64], metavar="N,N")
    parser.add_argument("--seconds", type=_numbers, default=[1.0], metavar="S,S", help="lengths of a process")
    parser.add_argument(
        "--processes", type=int, help="of each of the six cells (default: 10 for 1 device, 5 for 8, else 2)"
    )
    parser.add_argument("--only", choices=["devices", "plain"])
    parser.add_argument("--keep", type=Path, help="folder for the harness's own traces")
    options = parser.parse_args(arguments)
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    if options.only != "plain":
        for seconds in options.seconds:
            for devices in options.devices:
                share(int(devices), seconds, options.processes or PROCESSES.get(int(devices), _FEW), options.keep)
    if options.only != "devices":
        plain(options.keep)


def share(devices: int, seconds: float, processes: int, keep: Path | None) -> None:
    """One number of devices with one length of a process."""
    print(
        f"\n{'1 device' if devices == 1 else f'{devices} devices'}, processes of {seconds:g} s, {processes * CELLS} trials a device",
        flush=True,
    )
    with waiting_farm(devices, seconds) as farm:
        new = run_harness(farm, 1, "new")
        ran = run_harness(farm, processes, "run")
        _keep(ran, keep, f"{devices}-devices-{seconds:g}-s.json")
    say_share(ran)
    say_outside("before the first process", ran.before, ran.before_parts)
    say_outside("after the last process", ran.after, ran.after_parts)
    print(f"  {'before the first, new devices':34} {new.before:.2f} s")
    say_requests(ran)
    say_cpu(ran)
    say_parts(ran)


def plain(keep: Path | None) -> None:
    """The same processes by the harness and by `adb` commands, on one device."""
    print(f"\n1 device, {PLAIN_PROCESSES} processes of {PLAIN_SECONDS:g} s", flush=True)
    with waiting_farm(1, PLAIN_SECONDS) as farm:
        program = farm.folder / "benchmark_model"
        write_launcher(program)
        adb = PlainAdb(farm, program, MODELS / "mobilenet_fp32.tflite")
        run_harness(farm, 1, "new")
        ours = run_harness(farm, PLAIN_PROCESSES // CELLS, "run")
        _keep(ours, keep, "beside-plain-adb.json")
        theirs = [run_plain(farm, way, partial(action, PLAIN_PROCESSES)) for way, action in adb.ways.items()]
    print(f"  {'':34} {'wall s':>7} {'busy':>6} {'ms beside':>9} {'round trips':>11} {'harness is':>10}")
    for ran in (ours, *theirs):
        beside = "" if ran is ours else f"{ours.wall / ran.wall:9.3f}x"
        print(
            f"  {ran.way:34} {ran.wall:7.2f} {ran.busy:6.1%} {ran.beside_ms:9.0f} {ran.round_trips:11.2f} {beside:>10}"
        )
    ratio = ours.wall / theirs[0].wall
    _row("wall time, harness / plain adb", f"{ratio:.3f}", f"at most {PLAIN_RATIO:g}", ratio <= PLAIN_RATIO)
    alone = busy_seconds(ours.devices) / theirs[0].wall
    print(f"  {'a harness without any cost':34} {alone:.3f}, since processes alone take that share of plain adb's time")
    _row("round trips a trial", f"{ours.round_trips:.2f}", f"at most {ROUND_TRIPS:g}", ours.round_trips <= ROUND_TRIPS)
    say_parts(ours)


def say_share(ran: Ran) -> None:
    """Wall time, busy share, and the cost of a trial."""
    least = 0.97 if len(ran.devices) <= 8 else 0.92
    print(f"  {'trials':34} {ran.trials}" + (f", {ran.failed} of them not ok" if ran.failed else ""))
    print(f"  {'wall, first begin to last end':34} {ran.wall:.2f} s")
    target = f"at least {least:.0%} with 1 s"
    _row("busy share", f"{ran.busy:.1%}", target, ran.busy >= least if ran.seconds == 1 else None)
    _row(
        "beside the process, a trial",
        f"{ran.beside_ms:.0f} ms",
        f"at most {BESIDE_MS:g} ms",
        ran.beside_ms <= BESIDE_MS,
    )


def say_outside(name: str, seconds: float, parts: Mapping[str, float]) -> None:
    """What lies outside all processes, and what it is."""
    _row(name, f"{seconds:.2f} s", f"at most {OUTSIDE_S:g} s", seconds <= OUTSIDE_S)
    print(f"    {', '.join(f'{part} {spent:.2f}' for part, spent in _most(parts) if spent >= 0.02)}")


def say_requests(ran: Ran) -> None:
    """Requests a trial by kind. Fewer trials share a session's requests among fewer."""
    enough = ran.trials / len(ran.devices) >= 60
    target = f"at most {ROUND_TRIPS:g} with 60 trials a device"
    _row("round trips a trial", f"{ran.round_trips:.2f}", target, ran.round_trips <= ROUND_TRIPS if enough else None)
    kinds = ", ".join(f"{kind} {number / ran.trials:.2f}" for kind, number in sorted(ran.requests.items()))
    print(f"  {'':34} a trial: {kinds}")


def say_cpu(ran: Ran) -> None:
    """CPU milliseconds a trial by part, and whether the devices alone need more cores than there are."""
    each = {part: ran.cpu[part] / ran.trials * 1000 for part in PARTS}
    told = ", ".join(f"{part} {ms:.0f}" for part, ms in each.items())
    print(f"  {'CPU ms a trial':34} {sum(each.values()):.0f}: {told}")
    cores = len(os.sched_getaffinity(0))
    ours = sum(ran.cpu[part] for part in PARTS)
    print(f"  {'cores in use':34} {ours / ran.wall:.2f} of {cores}, and {ran.cpu[OTHERS] / ran.wall:.2f} by other work")
    devices_ms = sum(each[part] for part in ("adb server", "virtual devices", "shell and tools"))
    needed = devices_ms / 1000 * len(ran.devices) / (ran.seconds + BESIDE_MS / 1000)
    if needed > cores:
        print(
            f"  the devices alone would need {needed:.1f} of {cores} cores: at most {cores / needed:.0%} busy on this machine"
        )


def say_parts(ran: Ran) -> None:
    """Where a lane's time goes, per trial."""
    if ran.parts is None or not ran.parts.gaps:
        return
    gaps = ran.parts.gaps
    print(f"  {'from one process to the next, ms:':34} {'wall':>7} {'CPU':>6}")
    for name, seconds in _most(ran.parts.lane):
        if name != PROCESS and seconds / gaps >= 0.00005:
            print(f"    {name:32} {seconds / gaps * 1000:7.1f} {ran.parts.cpu.get(name, 0.0) / gaps * 1000:6.1f}")
    in_requests = sum(seconds for name, seconds in ran.parts.cpu.items() if name not in ran.parts.lane)
    print(f"    {'requests, all (only CPU)':32} {'':7} {in_requests / gaps * 1000:6.1f}")
    beside = ", ".join(f"{name} {s / gaps * 1000:.1f}" for name, s in _most(ran.parts.beside)[:5] if s / gaps > 5e-5)
    if beside:
        print(f"    beside the lanes: {beside}")


def _most(seconds: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda one: -one[1])


def _row(name: str, value: str, target: str, holds: bool | None) -> None:
    verdict = "" if holds is None else "  holds" if holds else "  MISSED"
    print(f"  {name:34} {value:10} target: {target}{verdict}")


def _keep(ran: Ran, folder: Path | None, name: str) -> None:
    if folder is not None and ran.trace is not None:
        shutil.copy(ran.trace, folder / name)


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split(",")]


if __name__ == "__main__":
    main()
