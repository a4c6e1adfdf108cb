"""How fast outputs are read, and that time grows no faster than the input.

    python benchmarks/parse_speed.py

Prints milliseconds for 1 MB of driver chatter, 1 MB of a profile's table and the recorded logs (best of 5), and seconds per 10 MB of what
is hard to read.
"""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from harness.benchmark_model.foreign import read_foreign_log

LOGS = Path(__file__).resolve().parent.parent / "tests" / "data" / "logs"
NOISY = LOGS / "others" / "015-imx8mp-yolov3tiny-vx-driver-noise.log.gz"
CHATTER_MS, TABLE_MS = 15.0, 100.0
"""What 1 MB of either may take."""

ROW = "\t             CONV_2D\t    0.683\t    0.597\t  1.340%\t  1.340%\t     0.000\t        1\t[a]:0\n"
HARD = {
    "driver counters": "[    3] AXI_READ_BANDWIDTH  (MByte): 0.25\n",
    "driver warnings": "W [query_hardware_caps:71]Unsupported evis version\n",
    "logcat of others": "08-17 21:47:49.138 29423 29423 I ExecutionPlan: ModelBuilder::findBestDevice = 0\n",
    "errors of others": "E something bad happened in the driver at line 123456\n",
    "profile rows": ROW,
    "count lines": "count=50 first=1 curr=2 min=1 max=3 avg=2 std=1\n",
    "percent signs, one line": "%",
    "blanks, one line": " ",
    "escape sequences": "\x1b[0;31mx",
    "proto, printed": "init_profile {\n  a: 1\n}\n",
}


def best(run: Callable[[], object], times: int = 5) -> float:
    """Seconds of computing of the fastest of some runs: the machine may be busy with other things."""
    spent = []
    for _ in range(times):
        started = time.process_time()
        run()
        spent.append(time.process_time() - started)
    return min(spent)


def megabyte_of_chatter() -> bytes:
    """The noisy log with as many of its drivers' lines left out as it takes: what the tool printed among them stays."""
    lines = gzip.decompress(NOISY.read_bytes()).splitlines(keepends=True)
    excess = sum(map(len, lines)) - 1_000_000
    kept = []
    for line in lines:
        if excess > 0 and line.startswith(b"[ ") and not line.endswith(b"]\n"):
            excess -= len(line)
        else:
            kept.append(line)
    return b"".join(kept)


def megabytes_read(word: str = "") -> Iterator[tuple[str, float, float]]:
    """Yield name, milliseconds and limit of 1 MB of each kind with a word in its name."""
    for name, log, limit in (
        ("1 MB of driver chatter", megabyte_of_chatter(), CHATTER_MS),
        ("1 MB of a profile's table", (ROW * (1_000_000 // len(ROW))).encode(), TABLE_MS),
    ):
        if word in name:
            yield name, best(partial(read_foreign_log, log)) * 1e3, limit


def main() -> int:
    """Entry point; 1 where a megabyte takes longer than its limit."""
    broken = False
    for name, milliseconds, limit in megabytes_read():
        broken = broken or milliseconds > limit
        print(f"{name:28} {milliseconds:8.1f} ms   (limit {limit:g})")
    logs = [path.read_bytes() for path in sorted(LOGS.glob("*/*.log"))]
    total = best(lambda: [read_foreign_log(log) for log in logs], 3) * 1e3
    print(f"{'the other recorded logs':28} {total:8.1f} ms   ({len(logs)} logs, {total / len(logs):.2f} ms each)")
    for name, piece in HARD.items():
        seconds = []
        for megabytes in (2.5, 10):
            text = piece * int(megabytes * 1e6 / len(piece))
            seconds.append(best(lambda text=text: read_foreign_log(text), 1))  # type: ignore[misc]  # a default binds the loop's value
        print(
            f"{name:28} {seconds[1]:8.2f} s per 10 MB   ({seconds[1] / max(seconds[0], 1e-9):.1f} times that of 2.5 MB)"
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
