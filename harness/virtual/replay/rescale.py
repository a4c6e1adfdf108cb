"""Rewrites a recorded output for another model: its name and size, and all times multiplied by one factor. Pure.

The factor is the ratio of the files' sizes. This does not estimate a phone's times; it only makes larger models slower, so that tables and
charts look real. Therefore the result is marked synthetic.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_SIZE = re.compile(r"(The input model file size \(MB\): )([0-9.e+-]+)")
_LINE = re.compile(
    r"(?P<counts>count=\d+ .*)|(?P<session>Initialized session in )(?P<ms>[0-9.e+]+)ms"
    r"|(?P<summary>(?:Average inference|Inference) timings in us: )(?P<times>.*)"
)
_COUNT_TIME = re.compile(r"\b(first|curr|min|max|avg|std|p5|median|p95)=([0-9.e+]+)")
_SUMMARY_TIME = re.compile(
    r"((?:Init|First inference|Warmup(?: \(avg\))?|Inference(?: \(avg\))?|no stats): )([0-9.e+]+)"
)
_TABLE_TITLE = re.compile(r"\[node type\]", re.IGNORECASE)
_TIME_COLUMNS = frozenset({"[start]", "[first]", "[avg ms]"})
_PROFILE = re.compile(
    r"^(?:INFO: )?(?:Profiling Info for Benchmark Initialization|Operator-wise Profiling Info)", re.MULTILINE
)


def recorded_size_mb(stdout: str) -> float | None:
    """Return the size of the recorded model in MB (10^6 bytes), if the output says it."""
    match = _SIZE.search(stdout)
    return float(match[2]) if match else None


def rescale(stdout: str, *, factor: float, graph: str, size_mb: float) -> str:
    """Rewrite an output.

    Args:
        stdout: the recorded output.
        factor: the factor for all times.
        graph: path of the requested model.
        size_mb: its size in MB.
    """
    lines: list[str] = []
    columns: list[int] = []
    for line in stdout.split("\n"):
        cells = line.split("\t")
        if _TABLE_TITLE.search(line):
            columns = [at for at, cell in enumerate(cells) if cell.strip() in _TIME_COLUMNS]
            lines.append(line)
        elif columns and len(cells) > max(columns):
            lines.append(
                "\t".join(_scaled_ms(cell, factor) if at in columns else cell for at, cell in enumerate(cells))
            )
        else:
            lines.append(_rewritten(line, factor, graph, size_mb))
    return "\n".join(lines)


def without_profile(stdout: str) -> str:
    """Remove the tables of a profile, for a process that is not asked for one."""
    match = _PROFILE.search(stdout)
    return stdout[: match.start()] if match else stdout


def _rewritten(line: str, factor: float, graph: str, size_mb: float) -> str:
    line = _SIZE.sub(lambda match: f"{match[1]}{size_mb:g}", line)
    line = re.sub(r"(Graph: \[)[^\]]*\]", lambda match: f"{match[1]}{graph}]", line)
    line = re.sub(r"(Loaded model ).*", lambda match: f"{match[1]}{graph}", line)
    match = _LINE.search(line)
    if match is None:
        return line
    before = line[: match.start()]
    if match["counts"]:
        return before + _COUNT_TIME.sub(_times(factor), match["counts"])
    if match["session"]:
        return f"{before}{match['session']}{float(match['ms']) * factor:g}ms."
    return before + match["summary"] + _SUMMARY_TIME.sub(lambda m: f"{m[1]}{float(m[2]) * factor:g}", match["times"])


def _times(factor: float) -> Callable[[re.Match[str]], str]:
    def scaled(match: re.Match[str]) -> str:
        # These lines have whole microseconds, except for the average.
        value = float(match[2]) * factor
        return f"{match[1]}={value:g}" if match[1] == "avg" else f"{match[1]}={round(value)}"

    return scaled


def _scaled_ms(cell: str, factor: float) -> str:
    try:
        return f"{float(cell) * factor:.3f}".rjust(len(cell))
    except ValueError:
        return cell
