"""Reads the summary of `benchmark_model_performance_options`, which runs a model with one option after the other in a single process:

    ==============Summary of All Runs w/ Different Performance Options==============
                      gpu-fp16: count=50 first=2 curr=9 min=1 max=10 avg=5.5 std=2
              cpu w/ 1 threads: count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2
     nnapi(w/o accel name):  failed!

Source: tensorflow/lite/tools/benchmark/benchmark_performance_options.cc of TensorFlow 1.15 to LiteRT of 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.benchmark_model.needles import present
from harness.benchmark_model.numbers import parse_statistics
from harness.records import OptionRun

_OPTION = re.compile(
    r"(?P<name>cpu w/ (?P<threads>-?\d{1,6}) threads(?P<xnnpack> \(xnnpack(?:-fp16)?\))?"
    r"|gpu-(?:fp16|default)|nnapi\(.{1,200}\)|dsp w/ hexagon|coreml): {1,8}(?:(?P<failed>failed!)|(?P<runs>count=.{0,400}))$"
)
_TITLES = (
    "The list of TFLite runtime options to be benchmarked: [",
    "Summary of All Runs w/ Different Performance Options",
    "There are invalid perf options in --perf_options_list: ",
)
_PROGRAM_NAME = "benchmark_model_performance_options"
_USAGE = re.compile(r"usage: \S{0,1000}\bbenchmark_model_performance_options <flags>")
_PROGRAM = re.compile(r"(?:^|[\s/'\"])benchmark_model_performance_options(?=$|[\s'\"])")
_DELEGATES = {"gpu": "GPU", "nnapi": "NNAPI", "dsp": "HEXAGON", "coreml": "COREML"}


def is_of_performance_options(text: str) -> bool:
    """Return whether a text is from this tool."""
    if any(title in text for title in present(text, _TITLES)):
        return True
    return bool(present(text, [_PROGRAM_NAME])) and _USAGE.search(text) is not None


def starts_performance_options(command: str) -> bool:
    """Return whether a command line starts this tool."""
    return _PROGRAM.search(command) is not None


@dataclass(slots=True)
class OptionRuns:
    """The lines of the summary, one per option."""

    runs: list[OptionRun] = field(default_factory=list)

    def feed(self, text: str, *, cut: bool = False) -> bool:
        """Take one message. Return whether it belongs to the summary. `cut`: it is the last one and lacks its line end."""
        match = _OPTION.match(text)
        if match is None:
            return False
        name = match["name"]
        delegate = _DELEGATES.get(re.split(r"[-(\s]", name)[0])
        self.runs.append(
            OptionRun(
                option=name,
                delegate="XNNPACK" if match["xnnpack"] else delegate,
                threads=int(match["threads"]) if match["threads"] else None,
                completed=match["failed"] is None,
                runs=parse_statistics(match["runs"], cut=cut) if match["runs"] else None,
            )
        )
        return True
