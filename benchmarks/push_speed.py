"""How fast files reach a device, beside `adb push` of the same files.

    python -m benchmarks.push_speed

Every way is taken once in each round, in an order that turns, and its ratio to the harness is formed within the round; printed is the
Hodges-Lehmann estimate with its 95 % interval, which other work on this machine spoils least. `adb push` compresses by default where the
device offers it, as phones since Android 12 do, so it is also asked to send files as they are (`-Z`). All files are random: nobody gains by
compression.

On virtual devices of this machine, whose cores client, server and device share: read the ratios, not the absolute times. Exit code 1 where
the promises below do not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import adbutils
import numpy as np

from harness.analysis.samples import paired_many
from harness.devices.adb_target import AdbTarget
from harness.devices.lease import open_folder
from harness.devices.push import Blob, push_missing
from harness.devices.target import Outgoing
from harness.virtual.farm import VirtualFarm

LARGE_AT_LEAST = 0.97
"""Lower end of the interval of the speed as a multiple of `adb push -Z`, one file of 200 MB."""
MANY_AT_LEAST = 2.0
"""Speed as a multiple of `adb push`, 50 files of 1 MB."""
PLACE = "/data/local/tmp/push_speed"

Way = Callable[[], object]
T = TypeVar("T")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--only", choices=["large", "many"])
    arguments = parser.parse_args()
    sections: dict[str, Callable[[AdbTarget, Path, int], bool]] = {"large": _large, "many": _many}
    with VirtualFarm(["virtual-flagship"]) as farm, tempfile.TemporaryDirectory() as folder:
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        target.run(f"mkdir -p {PLACE}", timeout_s=60)
        held = [
            section(target, Path(folder), arguments.rounds)
            for name, section in sections.items()
            if arguments.only in (None, name)
        ]
    print("holds" if all(held) else "DOES NOT HOLD")
    return 0 if all(held) else 1


def _large(target: AdbTarget, folder: Path, rounds: int, size: int = 200_000_000) -> bool:
    file = folder / "large"
    file.write_bytes(os.urandom(size))
    print(f"one file of {size / 1e6:.0f} MB, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    low = _table(
        {
            "harness": lambda: target.push([Outgoing(local=file, remote=f"{PLACE}/ours")]),
            "adb push": lambda: _adb(target, "push", file, f"{PLACE}/theirs"),
            "adb push -Z": lambda: _adb(target, "push", "-Z", file, f"{PLACE}/theirs"),
        },
        rounds,
        size,
    )
    file.unlink()
    target.run(f"rm -f {PLACE}/*", timeout_s=60)
    print(f"  lower end against adb push -Z at least {LARGE_AT_LEAST:g}: {low['adb push -Z'][0]:.2f}")
    return low["adb push -Z"][0] >= LARGE_AT_LEAST


def _many(target: AdbTarget, folder: Path, rounds: int, count: int = 50, size: int = 1_000_000) -> bool:
    files = [folder / f"file{number:02}" for number in range(count)]
    for file in files:
        file.write_bytes(os.urandom(size))
    blobs = [Blob(path=file, sha256=hashlib.sha256(file.read_bytes()).hexdigest(), size=size) for file in files]
    outgoing = [Outgoing(local=file, remote=f"{PLACE}/{file.name}") for file in files]
    open_folder(target, owner="benchmark")
    print(f"{count} files of {size / 1e6:.0f} MB, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    ratios = _table(
        {
            "harness": lambda: target.push(outgoing),
            "harness, each hashed and named there": lambda: push_missing(target, blobs, {}),
            "(the device's hashing alone)": lambda: target.run(f"sha256sum {PLACE}/*", timeout_s=600),
            "harness, a session for each": lambda: _each(outgoing, lambda one: target.push([one])),
            "adb push FILE... DIR": lambda: _adb(target, "push", *files, PLACE),
            "adb push -Z FILE... DIR": lambda: _adb(target, "push", "-Z", *files, PLACE),
            f"{count} times adb push -Z FILE": lambda: _each(
                files, lambda file: _adb(target, "push", "-Z", file, PLACE)
            ),
        },
        rounds,
        count * size,
    )
    for name in ("adb push FILE... DIR", "adb push -Z FILE... DIR", f"{count} times adb push -Z FILE"):
        low, mean, _ = ratios[name]
        words = "yes" if low >= MANY_AT_LEAST else "yes, on average" if mean >= MANY_AT_LEAST else "no"
        print(f"  at least {MANY_AT_LEAST:g} times as fast as {name}: {words}")
    return ratios[f"{count} times adb push -Z FILE"][1] >= MANY_AT_LEAST


def _table(ways: Mapping[str, Way], rounds: int, size: int) -> dict[str, tuple[float, float, float]]:
    """Take all ways in turn; print a line each, and return how many times as fast the first is: low, mean, high by way."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            began = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - began)
    # The first round fills caches, and starts what the server keeps.
    taken = {name: np.array(values[1:]) for name, values in seconds.items()}
    ratios = {name: interval(np.log(values / taken[names[0]]).tolist()) for name, values in taken.items()}
    for name, values in taken.items():
        low, mean, high = ratios[name]
        said = (
            ""
            if name == names[0] or name.startswith("(")
            else f"   harness is {mean:.2f} times as fast ({low:.2f} to {high:.2f})"
        )
        print(f"  {name:38} {np.median(values) * 1e3:7.0f} ms  {size / 1e6 / np.median(values):6.0f} MB/s{said}")
    return ratios


def interval(logs: Sequence[float]) -> tuple[float, float, float]:
    """Return the typical ratio and its 95 % interval, from logarithms: low, ratio, high."""
    found = paired_many(np.array(logs), level=0.95)
    return float(np.exp(found.low)), float(np.exp(found.centre)), float(np.exp(found.high))


def _each(items: Iterable[T], act: Callable[[T], None]) -> None:
    for item in items:
        act(item)


def _adb(target: AdbTarget, *arguments: str | Path) -> None:
    words = [adbutils.adb_path(), "-P", str(target.port), "-s", target.serial, *map(str, arguments)]
    subprocess.run(words, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
