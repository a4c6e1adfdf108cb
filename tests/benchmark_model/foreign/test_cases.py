"""Logs that were once read wrongly: what each says (tests/data/cases)."""

from __future__ import annotations

import pytest

from tests.benchmark_model.foreign.logs import read
from tests.benchmark_model.outputs import named
from tests.benchmark_model.recorded import CASES


@pytest.mark.parametrize("name", ["10-flex", "10-flex-quoted"])
def test_an_op_that_is_not_registered_is_the_first_cause(name: str) -> None:
    got = read((CASES / f"{name}.log").read_bytes())
    assert (got["status"], got["causes"]) == ("failed", ["op_unsupported", "prepare_failed"])
    assert got["message"].startswith("Op type not registered 'RegexSplitWithOffsets'")


def test_a_count_line_that_the_kernel_broke_gives_no_average() -> None:
    got = read((CASES / "18-imx93.log").read_bytes())
    assert (got["status"], got["inference_avg_us"], got["notes"]) == ("ok", 3871.9, [])
    assert (got["runs"]["count"], got["runs"]["min"], got["runs"]["avg"]) == (258, 3856, None)
    assert named(got) == [("ETHOSU", "full", 1, 1, 1), ("EXTERNAL", "full", 1, 1, 1)]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("26-only-reference", "NNAPI accelerators available: [nnapi-reference]"),
        ("26-named-reference", "NNAPI accelerator name: [nnapi-reference]"),
    ],
)
def test_the_cpu_reference_of_nnapi_is_no_accelerator(name: str, line: str) -> None:
    got = read((CASES / f"{name}.log").read_bytes())
    assert (got["status"], got["causes"]) == ("invalid", ["delegate_not_applied"])
    assert got["message"] == f"NNAPI ran on the CPU: {line}"


def test_a_delegate_whose_application_was_undone_failed() -> None:
    got = read((CASES / "29-android-studio.log").read_bytes())
    assert (got["status"], got["causes"]) == ("failed", ["delegate_not_applied", "prepare_failed"])
    assert got["message"] == (
        "TfLiteGpuDelegate Init: CONCATENATION: Expected a 4D tensor of shape BxHxWxC but got 1x2x512x640x3"
    )
    assert named(got) == [("GPU", "failed", 357, 1640, 72)]
