"""What LiteRT's own tool says: `benchmark_litert_model`, whose Android prebuilt is also called `benchmark_model`.

It runs the same loop and prints the same `count=` lines, but its results are a block of its own, in milliseconds with two decimals:

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

Source: litert/tools/benchmark_litert_model.h of LiteRT 2.0 to main of 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.benchmark_model.numbers import NUMBER, number, scaled, whole

_LINE = re.compile(
    rf"(Model initialization|Warmup \((?:first|avg)\)|Inference \((?:avg|min|max|std)\)"
    rf"|Init footprint|Overall footprint|Peak memory): {{1,40}}({NUMBER})(?: (ms|MB))?(?: \((\d{{1,12}}) runs?\))?$"
)
_TIMES = {
    "Model initialization": "init",
    "Warmup (first)": "first",
    "Warmup (avg)": "warmup",
    "Inference (avg)": "inference",
    "Inference (min)": "min",
    "Inference (max)": "max",
    "Inference (std)": "std",
}
_SIZES = {
    "Init footprint": "init_delta_mb",
    "Overall footprint": "overall_delta_mb",
    "Peak memory": "periodic_peak_mb",
}


@dataclass(slots=True)
class LitertResults:
    """The block of results: times in microseconds (milliseconds times 1000: exact to 10 us), sizes in MB."""

    times_us: dict[str, float] = field(default_factory=dict)
    memory_mb: dict[str, float] = field(default_factory=dict)
    runs: int | None = None
    warmup_runs: int | None = None
    blocks: int = 0
    seen: bool = False
    """The block's title or its average was seen: the output is this tool's."""

    def feed(self, text: str) -> bool:
        """Take one message; says whether it belongs to the block."""
        if text.startswith("=") and text.strip("= ") == "BENCHMARK RESULTS":
            # One block for each signature that ran: numbers of two are never mixed, the last stands.
            self.blocks += 1
            self.times_us.clear()
            self.memory_mb.clear()
            self.runs = self.warmup_runs = None
            self.seen = True
            return True
        if text in ("No inference runs were performed.", "Memory Usage:"):
            return self.seen
        match = _LINE.match(text)
        if match is None:
            return False
        if match[1] in _TIMES:
            value = scaled(match[2], 3)
            if value is not None:
                self.times_us[_TIMES[match[1]]] = value
            if match[1] == "Inference (avg)":
                self.seen = True
                self.runs = whole(match[4] or "")
            elif match[1] == "Warmup (avg)":
                self.warmup_runs = whole(match[4] or "")
        else:
            size = number(match[2])
            if size is not None:
                self.memory_mb[_SIZES[match[1]]] = size
        return True
