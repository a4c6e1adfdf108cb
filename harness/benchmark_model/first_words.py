"""First words of the messages that matter in a line without a level that does not begin like one of the tool's.

All other such lines are passed over, so that a driver's chatter costs little.
"""

from __future__ import annotations

from harness.benchmark_model.failures import MESSAGE_WORDS, REASON_WORDS
from harness.benchmark_model.on_cpu import FIRST_WORDS as CPU_WORDS

LINE_ENDS = ("]", "created.", "partitions", "partitions.", "nodes.", "nodes")
"""Ends of messages that begin with an arbitrary name."""

CLOSELY = (
    MESSAGE_WORDS
    | REASON_WORDS
    | CPU_WORDS
    | frozenset(["=", "`", "-", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
    | {
        "nn",
        "hexagon",
        "explicitly",
        "applied",
        "though",
        "replacing",
        "restored",
        "failed",
        "created",
        "node",
        "first",
    }
    | {"could", "no", "model", "warmup", "memory", "init", "overall", "peak", "fully"}
    | {
        "benchmarking",
        "runtimeerror",
        "benchmarkinfo",
        "prefill",
        "decode",
        "time",
        "total",
        "number",
        "cpu",
        "gpu",
        "nnapi",
        "dsp",
        "coreml",
    }
)
