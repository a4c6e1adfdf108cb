"""The output, line by line with its numbers masked, against that of the real tool for the same command lines."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.litert_host.conftest import Tool

DATA = Path(__file__).parent / "data"
# Which of our models stands for the one that was recorded.
MODELS = {
    "mbv2_fp32": "convolutions",
    "add": "add",
    "gather": "gather",
    "multisig": "two_signatures",
    "dynshape": "dynamic_batch",
    "custom_inv": "unknown_op",
    "flex_inv": "flex",
    "empty": "empty",
    "corrupt_half": "half",
}
SPECIAL_MODEL = {"81_float_range": "image", "81c_badrange_name": "image"}
# These are compared in tests of their own, below.
OTHERWISE = {"21_help", "23_badint", "23b_badbool", "31_verbose"}
CASES = sorted(path.stem for path in DATA.glob("*.log") if path.stem not in OTHERWISE)


class Recorded:
    """One recorded case."""

    def __init__(self, name: str) -> None:
        text = (DATA / f"{name}.log").read_text()
        head, _, rest = text.partition("# ---- stdout ----\n")
        self.arguments = shlex.split(head.splitlines()[0].removeprefix("# cmd: "))[1:]
        self.stdout, _, rest = rest.partition("# ---- stderr ----\n")
        self.stderr, _, code = rest.rpartition("# exit: ")
        self.exit_code = int(code)


def here(text: str, name: str, model_dir: Path) -> str:
    """With our models in place of the recorded ones, and files in the working folder."""

    def model(match: re.Match[str]) -> str:
        return str(model_dir / f"{SPECIAL_MODEL.get(name, MODELS[match[1]])}.tflite")

    return re.sub(r"logs/files/", "", re.sub(r"models/(\w+)\.tflite", model, text))


def shape(text: str) -> list[str]:
    """Lines without what differs from run to run or from model to model."""
    lines = []
    for line in text.splitlines():
        # LiteRT's own error lines name their source file; the real tool is not built on that part of it.
        if line.startswith("ERROR: [") or (line.startswith("\t") and "node type]" not in line.lower()):
            continue
        if re.search(r"%, .*%, ", line) and not line.startswith("node type"):
            continue  # a row of mode csv
        # A handful of runs may or may not take equally long.
        line = re.sub(r"count=(?!1 |0)\d+ (first=.*? std=\d+|curr=\d+\(all same\))", "count=N TIMES", line)
        lines.append(re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "N", line))
    return lines


@pytest.mark.parametrize("name", CASES)
def test_prints_what_the_real_tool_prints(name: str, tool: Tool, model_dir: Path) -> None:
    recorded = Recorded(name)
    done = tool(*(here(argument, name, model_dir) for argument in recorded.arguments))
    assert shape(done.stdout) == shape(here(recorded.stdout, name, model_dir))
    assert shape(done.stderr) == shape(here(recorded.stderr, name, model_dir))
    assert done.exit_code == recorded.exit_code


@pytest.mark.parametrize("name", ["21_help", "23_badint", "23b_badbool"])
def test_help_lists_flags_with_the_real_types_and_defaults(name: str, tool: Tool, launcher: Path) -> None:
    recorded = Recorded(name)
    done = tool(*recorded.arguments)

    def flags(text: str) -> set[tuple[str, ...]]:
        return {tuple(line.split("\t")[1:4]) for line in text.splitlines() if line.startswith("\t--")}

    def others(text: str) -> list[str]:
        return [
            line
            for line in text.replace(str(launcher), "bin/benchmark_model").splitlines()
            if not line.startswith("\t--")
        ]

    assert len(flags(done.stderr)) > 30
    assert flags(done.stderr) <= flags(recorded.stderr)
    assert others(done.stderr) == others(recorded.stderr)
    assert (done.stdout, done.exit_code) == (recorded.stdout, recorded.exit_code)


def test_verbose_announces_every_flag_in_the_real_order(tool: Tool, model_dir: Path) -> None:
    recorded = Recorded("31_verbose")
    done = tool(*(here(argument, "31_verbose", model_dir) for argument in recorded.arguments))
    ours = [line for line in shape(done.stdout) if re.search(r": \[.*\]$", line)]
    theirs = [line for line in shape(here(recorded.stdout, "31_verbose", model_dir)) if re.search(r": \[.*\]$", line)]
    assert len(ours) > 30
    assert [line for line in theirs if line in ours] == [line for line in ours if "List signatures" not in line]
