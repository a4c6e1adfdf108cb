"""`Tensor # 0 is named left but flags call it right`: the tool fed one input with what another was meant to have."""

from __future__ import annotations

import pytest

from harness.benchmark_model import parse_output
from harness.records import Status
from harness.records.causes import Cause

SWAPPED = (
    "WARN: Tensor # 0 is named left but flags call it right\nWARN: Tensor # 1 is named right but flags call it left\n"
)


def output(layers: str, warnings: str, *, end: bool = True) -> str:
    timings = "INFO: Inference timings in us: Init: 500, First inference: 9, Warmup (avg): 9, Inference (avg): 8\n"
    begin = f"INFO: STARTING!\nINFO: Graph: [m.tflite]\nINFO: Input layers: [{layers}]\nINFO: Loaded model m.tflite\n"
    return begin + warnings + (timings if end else "")


def test_swapped_inputs_make_a_result_invalid() -> None:
    parsed = parse_output(output("right,left", SWAPPED), exit_code=0)
    assert (parsed.status, parsed.causes) == (Status.INVALID, (Cause.BAD_INPUT,))
    assert parsed.message == "Tensor # 0 is named left but flags call it right"
    assert parsed.measurement.inference_avg_us == 8


def test_an_invented_name_among_several_does_so_too() -> None:
    [warning, _] = SWAPPED.splitlines(keepends=True)
    assert parse_output(output("x,right", warning), exit_code=0).causes == (Cause.BAD_INPUT,)


@pytest.mark.parametrize(
    ("layers", "warning"),
    [
        ("x", "WARN: Tensor # 0 is named serving_default_x:0 but flags call it x\n"),
        ("a_0,b_0", "WARN: Tensor # 0 is named a:0 but flags call it a_0\n"),
    ],
    ids=["one input has nothing to be mixed up with", "the flags cannot carry the name"],
)
def test_names_that_mix_nothing_up(layers: str, warning: str) -> None:
    assert parse_output(output(layers, warning), exit_code=0).status is Status.OK


def test_what_ended_the_run_stays_the_first_cause() -> None:
    parsed = parse_output(output("right,left", SWAPPED, end=False), exit_code=137)
    assert (parsed.status, parsed.causes) == (Status.FAILED, (Cause.KILLED,))
