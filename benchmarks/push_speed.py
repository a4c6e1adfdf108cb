"""How fast files get onto a device, against `adb push` of the same files.

    python -m benchmarks.push_speed                  one file of 200 MB, five rounds in turn
    python -m benchmarks.push_speed --files 50 --mb 1

On a virtual device of this machine, whose cores both ways share: read the ratio, not the throughput.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness.devices.adb_target import AdbTarget
from harness.virtual.adb_server import find_adb
from harness.virtual.farm import VirtualFarm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--mb", type=float, default=200, help="size of each file in MB (10^6 bytes)")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    push(arguments.files, round(arguments.mb * 1e6), arguments.rounds)


def push(count: int, size: int, rounds: int) -> None:
    """Push both ways in turn, and print throughput and ratio."""
    print(f"push of {count} x {size / 1e6:g} MB, {rounds} rounds in turn")
    with VirtualFarm(["virtual-flagship"]) as farm, tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"blob{number}" for number in range(count)]
        for file in files:
            file.write_bytes(os.urandom(size))
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        adb = [str(find_adb()), "-P", str(farm.adb_port)]
        for name in ("ours", "theirs"):
            subprocess.run([*adb, "shell", f"mkdir /data/local/tmp/{name}"], check=True, capture_output=True)

        def ours() -> None:
            for file in files:
                target.push(file, f"/data/local/tmp/ours/{file.name}")

        def theirs() -> None:
            subprocess.run([*adb, "push", *map(str, files), "/data/local/tmp/theirs/"], check=True, capture_output=True)

        pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
    total_mb = count * size / 1e6
    ratios = [b / a for a, b in pairs]
    print(f"  harness   {total_mb / statistics.median(a for a, _ in pairs):7.0f} MB/s")
    print(f"  adb push  {total_mb / statistics.median(b for _, b in pairs):7.0f} MB/s")
    print(f"  harness / adb push: {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f})")


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
