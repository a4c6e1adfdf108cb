"""Reads the results of LiteRT's own tool, `benchmark_litert_model`, whose Android prebuilt is also called `benchmark_model`.

It runs the same loop and prints the same `count=` lines, but its results form a separate block, in milliseconds with two decimals:

    ========== BENCHMARK RESULTS ==========
    Signature name:       prefill_1024          (2026 on)
    Model initialization: 12.34 ms
    Warmup (first):       1.50 ms
    Warmup (avg):         0.50 ms (958 runs)
    Inference (avg):      0.46 ms (2112 runs)
    Inference (min):      0.40 ms
    Inference (max):      0.90 ms
    Inference (std):      0.05
    Throughput:           1234.00 MB/s
    Memory Usage:
    Init footprint:       10.00 MB
    Overall footprint:    12.00 MB
    Peak memory:          44.00 MB
    ======================================

Its Python counterpart (2026) prints the same block under a title line, with `Inference (median)`, `(p5)` and `(p95)`.

Source: litert/tools/benchmark_litert_model.h and litert/python/tools/benchmark_litert_model.py of LiteRT 2.0 to main of 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.benchmark_model.numbers import NUMBER, number, scaled, whole

_LINE = re.compile(
    rf"(?:(Model initialization|First inference|Warmup \((?:first|avg)\)|Inference \((?:avg|min|max|median|p5|p95)\)):"
    rf" {{1,40}}({NUMBER}) ms(?: \((\d{{1,12}}) runs?\))?"
    rf"|(Inference \(std\)): {{1,40}}({NUMBER})(?: ms)?"
    rf"|(Init footprint|Overall footprint|Peak memory): {{1,40}}({NUMBER}) MB)$"
)
"""The unit is part of the pattern, because people write `Inference (avg): 30386.6 us` for the other tool."""
_TIMES = {
    "Model initialization": "init",
    "Warmup (first)": "first",
    "First inference": "first",
    "Warmup (avg)": "warmup",
    "Inference (avg)": "inference",
    "Inference (min)": "min",
    "Inference (max)": "max",
    "Inference (std)": "std",
    "Inference (median)": "median",
    "Inference (p5)": "p5",
    "Inference (p95)": "p95",
}
_SIZES = {
    "Init footprint": "init_delta_mb",
    "Overall footprint": "overall_delta_mb",
    "Peak memory": "periodic_peak_mb",
}


@dataclass(slots=True)
class LitertResults:
    """The block of results: times in microseconds (from milliseconds, so exact to 10 us), sizes in MB."""

    times_us: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    runs: int | None = None
    warmup_runs: int | None = None
    blocks: int = 0
    python: bool = False
    """The output is the Python counterpart's: the C++ tool has no median and does not say whether all was accelerated."""
    seen: bool = False
    """The block's title or average was seen, so the output is this tool's."""

    def feed(self, text: str, *, cut: bool = False) -> bool:
        """Take one message. Return whether it belongs to the block. `cut`: it is the last one and lacks its line end."""
        if text.startswith(("=", "BENCH")) and text.strip("= ") == "BENCHMARK RESULTS":
            # One block per signature that ran: numbers of two blocks never mix, and the last block counts.
            self.blocks += 1
            self.times_us.clear()
            self.memory_mb.clear()
            self.runs = self.warmup_runs = None
            self.seen = True
            return True
        if text.startswith("Fully accelerated: "):
            self.python = self.python or self.seen
            return self.seen
        if text in ("No inference runs were performed.", "Memory Usage:"):
            return self.seen
        match = _LINE.match(text.partition("  #")[0].rstrip())  # its documentation adds comments to the lines
        if match is None:
            return False
        if match[6]:
            size = number(match[7])
            if size is not None:
                self.memory_mb[_SIZES[match[6]]] = size
            return True
        self.python = self.python or match[1] == "Inference (median)"
        label, figure = (match[1], match[2]) if match[1] else (match[4], match[5])
        value = scaled(figure, 3)
        if value is not None and not (cut and label == "Inference (std)"):
            self.times_us[_TIMES[label]] = value
        if label == "Inference (avg)":
            self.seen = True
            self.runs = whole(match[3] or "")
        elif label == "Warmup (avg)":
            self.warmup_runs = whole(match[3] or "")
        return True
