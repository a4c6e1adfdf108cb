"""Prints and writes the results after the measurement: timings, memory, and the requested files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.litert_host import tool_output as output
from harness.litert_host.delegation import Partition
from harness.litert_host.graph import Subgraph, Tensor
from harness.litert_host.profile import ModelProfile
from harness.litert_host.profile_printer import INIT_TITLE, RUNS_TITLE, render
from harness.litert_host.statistics import Statistics, number

_NOTE = (
    "Note: as the benchmark tool itself affects memory footprint, the following is only APPROXIMATE to the actual memory footprint of the"
    " model at runtime. Take the information at your discretion."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOutcome:
    """The numbers of a whole run. Memory is in KB; `init_kb` and `overall_kb` are the growth of the peak."""

    init_us: int
    warmup: Statistics
    runs: Statistics
    init_kb: int
    overall_kb: int
    peak_kb: int | None
    now_kb: Mapping[str, int]
    """`VmRSS`, `RssAnon`, `RssFile`, `RssShmem` after the runs."""
    model_bytes: int
    input_bytes: int

    def say(self) -> None:
        """Print the lines after the runs."""
        output.info(
            f"Inference timings in us: Init: {self.init_us}, First inference: {self.warmup.first},"
            f" Warmup (avg): {number(self.warmup.average)}, Inference (avg): {number(self.runs.average)}"
        )
        output.info(_NOTE)
        output.info(
            "Memory footprint delta from the start of the tool (MB):"
            f" init={number(self.init_kb / 1024)} overall={number(self.overall_kb / 1024)}"
        )
        if self.peak_kb is None:
            return
        output.info(f"Overall peak memory footprint (MB) via periodic monitoring: {number(self.peak_kb / 1024)}")
        now = self.now_kb
        output.info("Memory status at the end of exeution:")
        output.info(f"- VmRSS              : {now.get('VmRSS', 0) // 1024} MB")
        output.info(f"+ RssAnnon           : {now.get('RssAnon', 0) // 1024} MB")
        output.info(f"+ RssFile + RssShmem : {(now.get('RssFile', 0) + now.get('RssShmem', 0)) // 1024} MB")


def _write(path: str, data: bytes) -> bool:
    try:
        Path(path).write_bytes(data)
    except OSError:
        return False
    return True


def write_profile(init: ModelProfile, runs: ModelProfile, mode: str, path: str) -> None:
    """Write both blocks of a profile to a file, or print them if there is no file or it cannot be written.

    Args:
        init: profile of the initialisation.
        runs: profile of the measured runs.
        mode: stdout (aligned text), csv or proto.
        path: the file, or an empty text.
    """
    if mode == "proto":
        from harness.litert_host.protos import profiling_data

        message = profiling_data(init, runs)
        if not path or not _write(path, message.SerializeToString()):
            output.info(str(message))
        return
    blocks = [render(INIT_TITLE, init, csv=mode == "csv"), render(RUNS_TITLE, runs, csv=mode == "csv")]
    if not path or not _write(path, "".join(blocks).encode("utf-8", "surrogateescape")):
        for block in blocks:
            output.info(block)


def write_runtime_info(subgraph: Subgraph, subgraph_index: int, groups: Sequence[Partition] | None, path: str) -> None:
    """Write where each node ran; print it if the file cannot be written.

    Args:
        subgraph: the subgraph that ran.
        subgraph_index: its number.
        groups: its nodes by where they ran; None if unknown, and then nothing is written.
        path: the file.
    """
    from harness.litert_host.runtime_details import model_runtime_details

    if groups is None:
        output.error("Which nodes XNNPACK took could not be found out: no runtime info is written.")
        return
    message = model_runtime_details(subgraph, subgraph_index, groups)
    if not path or not _write(path, message.SerializeToString()):
        output.error(f"Failed to open file: {path}")
        output.info(str(message))


def write_outputs(outputs: Sequence[bytes], path: Path) -> None:
    """Write the bytes of all outputs, one after the other. An unwritable file is not an error."""
    _write(str(path), b"".join(outputs))


def write_example(tensors: Sequence[Tensor], outputs: Sequence[bytes], path: Path) -> None:
    """Write all outputs as a `tensorflow.Example`. An unwritable file is not an error."""
    from harness.litert_host.example_proto import example

    named = [(tensor.name, tensor.element, data) for tensor, data in zip(tensors, outputs, strict=True)]
    _write(str(path), example(named))


def write_result(outcome: BenchmarkOutcome, path: str) -> None:
    """Write the summary as a proto."""
    from harness.litert_host.protos import benchmark_result

    message = benchmark_result(
        runs=outcome.runs,
        warmup=outcome.warmup,
        init_us=outcome.init_us,
        init_kb=outcome.init_kb,
        overall_kb=outcome.overall_kb,
        peak_kb=outcome.peak_kb,
        model_bytes=outcome.model_bytes,
        input_bytes=outcome.input_bytes,
    )
    if not _write(path, message.SerializeToString()):
        output.error(f"Failed to save benchmark result to: {path}")
        return
    output.info(f"Saving benchmark result to: {path}")
    output.info(f"Saved benchmark result to: {path}")
