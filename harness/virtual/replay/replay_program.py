"""The program itself: replays a recording if the device has one for the requested delegate, else runs the real program.

The real program is `harness.litert_host`: inference on the host's CPU. It also gets every missing or invalid model, whatever the delegate:
its error is better than a recording of another model's success.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from harness.benchmark_model.synthetic import SYNTHETIC_LINE
from harness.errors import SetupError
from harness.virtual.replay.in_float16 import FLOAT16, compute_in_float16
from harness.virtual.replay.recordings import VARIABLE, Recording, read_environment, read_recording
from harness.virtual.replay.rescale import recorded_size_mb, rescale, without_profile

_ASKS = {
    "use_gpu": "gpu",
    "use_nnapi": "nnapi",
    "use_hexagon": "hexagon",
    "use_coreml": "coreml",
    "use_npu": "npu",
}
_LEAST_S, _MOST_S = 0.15, 0.5
"""Seconds that a replaying process lasts: long enough for the device's sampler to see its cores, short enough not to wait for."""


def main(program: str, arguments: Sequence[str]) -> NoReturn:
    """Run as a program.

    Args:
        program: the program's name.
        arguments: the arguments after it.
    """
    flags = _flags(arguments)
    word = read_environment(os.environ.get(VARIABLE, "")).get(asked_delegate(flags), "")
    graph = Path(flags.get("graph", ""))
    if not word or not _is_model(graph) or "help" in flags:
        from harness.litert_host.program import main as measure

        measure(program, arguments)
    if word == FLOAT16:
        sys.exit(compute_in_float16(program, arguments, asked_delegate(flags)))
    cache = _cache_file(flags)
    try:
        recording = read_recording(
            word, profiled=_on(flags, "enable_op_profiling"), cached=cache is not None and cache.exists()
        )
    except SetupError as error:
        sys.stderr.write(
            f"{SYNTHETIC_LINE}, but nothing was played back\nERROR: {error}\nERROR: Benchmarking failed.\n"
        )
        sys.exit(1)
    code = play(recording, flags, graph)
    if cache is not None and code == 0:
        cache.write_text(f"{SYNTHETIC_LINE}: stands for the cache of {recording.name}\n", encoding="utf-8")
    sys.exit(code)


def asked_delegate(flags: Mapping[str, str]) -> str:
    """Return the suite's name of the delegate that the flags ask for."""
    for flag, name in _ASKS.items():
        if _on(flags, flag):
            return name
    if flags.get("external_delegate_path"):
        return "external"
    return "cpu" if "use_xnnpack" in flags and not _on(flags, "use_xnnpack") else "xnnpack"


def play(recording: Recording, flags: Mapping[str, str], graph: Path) -> int:
    """Print a recording as if it were of this model, and return its exit code."""
    size_mb = graph.stat().st_size / 1e6
    recorded_mb = recorded_size_mb(recording.stdout) or recording.size_mb
    factor = size_mb / recorded_mb if recorded_mb else 1.0
    stdout = recording.stdout if _on(flags, "enable_op_profiling") else without_profile(recording.stdout)
    scaled = f"times multiplied by {factor:.3g}, the ratio of the models' sizes" if recorded_mb else "times as recorded"
    sys.stderr.write(f"{SYNTHETIC_LINE}, recording {recording.name}, {scaled}\n{recording.stderr}")
    sys.stderr.flush()
    time.sleep(min(max(_LEAST_S, factor), _MOST_S))
    sys.stdout.write(rescale(stdout, factor=factor, graph=str(graph), size_mb=size_mb))
    sys.stdout.flush()
    return recording.exit_code


def _flags(arguments: Sequence[str]) -> dict[str, str]:
    """Read `--name=value` as the real tool does: the first of duplicates wins."""
    flags: dict[str, str] = {}
    for argument in arguments:
        name, _, value = argument.removeprefix("--").partition("=")
        flags.setdefault(name, value)
    return flags


def _on(flags: Mapping[str, str], name: str) -> bool:
    return flags.get(name, "").lower() in ("true", "1")


def _is_model(graph: Path) -> bool:
    try:
        with graph.open("rb") as stream:
            return stream.read(8)[4:] == b"TFL3"
    except OSError:
        return False


def _cache_file(flags: Mapping[str, str]) -> Path | None:
    """Return the file that stands in for the replayed delegate's cache."""
    if flags.get("xnnpack_weight_cache_file_path"):
        return Path(flags["xnnpack_weight_cache_file_path"])
    folder, token = flags.get("delegate_serialize_dir"), flags.get("delegate_serialize_token")
    return Path(folder) / f"{token}.bin" if folder and token else None
