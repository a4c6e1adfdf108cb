"""What holds of any input: a result in strict JSON, in time, and no number that the input does not hold."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.benchmark_model import parse_output, to_json
from harness.benchmark_model.foreign import read_foreign_log
from harness.benchmark_model.foreign.log_prefixes import strip_log_prefix
from harness.benchmark_model.prefixes import strip_tool_prefix
from harness.benchmark_model.rows import parse_header, parse_op_row
from tests.benchmark_model.recorded import host_log

ROOT = Path(__file__).resolve().parent.parent.parent
HEADING = "\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]"

printable = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)
node_types = printable.map(str.strip).filter(lambda text: text and "\t" not in text)
microseconds = st.integers(0, 10**9)


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=400), st.text(max_size=400)))
def test_any_input_gives_a_result(data: bytes | str) -> None:
    file = data if isinstance(data, bytes) else None
    for parsed in (parse_output(data, profile=file), read_foreign_log(data, profile=file).parsed):
        json.dumps(to_json(parsed), allow_nan=False)


@settings(max_examples=200)
@given(node_types, microseconds, microseconds, st.integers(1, 999), printable)
def test_rows_come_back(node_type: str, first: int, average: int, times: int, name: str) -> None:
    row = (
        f"\t{node_type:>24}\t{first / 1000:9.3f}\t{average / 1000:9.3f}\t  1.500%\t 50.000%\t 0.000\t{times:9}\t{name}"
    )
    got = parse_op_row(row, parse_header(HEADING))
    assert got is not None
    assert (got.node_type, got.first_us, got.avg_us, got.times_called) == (node_type, first, average, times)
    assert got.name == name.strip()


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_a_prefix_never_makes_text(text: str) -> None:
    assert text.endswith(strip_log_prefix(text).text)
    assert text.endswith(strip_tool_prefix(text).text)


@settings(max_examples=30)
@given(st.data())
def test_a_log_cut_anywhere_says_nothing_new(data: st.DataObject) -> None:
    whole = host_log("92c_mixed_gpu").decode().partition("# ---- stdout ----\n")[2]
    part = whole[: data.draw(st.integers(0, len(whole)))]
    got, all_of_it = to_json(read_foreign_log(part).parsed), to_json(read_foreign_log(whole).parsed)
    for key in ("init_us", "first_inference_us", "warmup_avg_us", "inference_avg_us", "model_size_mb"):
        assert got[key] in (None, all_of_it[key])


def test_mutations_of_recorded_logs() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "fuzz_parser.py"), "--count", "1500", "--seed", "42"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr


ROW = "\t CONV_2D\t 0.683\t 0.597\t 1.340%\t 1.340%\t 0.000\t 1\t[a]:0\n"


@pytest.mark.parametrize(
    "hostile",
    [
        " " * 100,
        "%" * 100,
        "1.0% " * 20,
        "\t" * 100,
        ", " * 50,
        "count=1 ",
        "Node number 1 (",
        "> " * 50,
        "[" * 100,
        "\x1b]",
        "2020-01-01T00:00:00Z ",
        "08-17 21:47:49.138 ",
        "Subgraph (index: 1, name: ",
        ROW,
        "INFO: " * 20,
        "sh: x: y not found ",
        "init_profile {\n}\n",
    ],
)
@pytest.mark.parametrize("end", ["", "\n"])
def test_time_is_linear_whatever_the_input_holds(hostile: str, end: str) -> None:
    piece = hostile + end

    def seconds(size: int) -> float:
        data = piece * max(1, size // len(piece))
        best = float("inf")
        for _ in range(2):
            started = time.process_time()
            read_foreign_log(data)
            best = min(best, time.process_time() - started)
        return best

    # Four times as much may take ten times as long on a noisy machine; anything quadratic takes sixteen times, and far more than this.
    assert seconds(400_000) < 10 * seconds(100_000) + 0.25
