"""Files that a converter could have made wrongly, held against outputs of the shipped models."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from harness.models.check_samples import Samples, random_samples
from harness.models.host_run import run_on_host
from harness.models.verification import VariantVerdict, verify
from tests.model_files import shipped, truncated

FLOAT, SMALL = shipped("cnn_fp32.tflite"), shipped("cnn_int8.tflite")


@pytest.fixture(scope="module")
def checked() -> tuple[Samples, Samples]:
    run = run_on_host(FLOAT, None)
    key = run.signature or ""
    samples = random_samples({key: run.inputs})
    return samples, {key: run_on_host(FLOAT, samples[key], signature=key or None).values}


def changed(reference: Samples, by: str) -> Samples:
    ((key, outputs),) = reference.items()
    ((name, values),) = outputs.items()
    values = values.copy()
    if by == "noise":
        values += np.random.default_rng(0).normal(0, np.ptp(values), values.shape)
    elif by == "little":
        values[0, ..., 0] += 0.005 * np.ptp(values)
    elif by == "shape":
        values = values[..., :-1]
    elif by == "opposite":
        values = -values
    return {key: {"renamed" if by == "name" else name: values}}


def test_the_same_file_is_right(checked: tuple[Samples, Samples]) -> None:
    verdict = verify(FLOAT, "fp32", *checked)
    assert (verdict.problem, verdict.note, verdict.snr_db) == (None, None, None)
    assert all(error.equal for error in verdict.errors.values())


def test_a_quantised_file_is_right_with_its_noise(checked: tuple[Samples, Samples]) -> None:
    verdict = verify(SMALL, "int8", *checked)
    assert verdict.problem is None
    assert verdict.snr_db is not None
    assert 5 < verdict.snr_db < 80


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("noise", "of its range"),
        ("shape", "is 10 instead of 9|is 1x10 instead of 1x9|instead of"),
        ("name", "'renamed' is missing, there is"),
    ],
)
def test_float_outputs_that_are_not_the_sources_are_refused(
    checked: tuple[Samples, Samples], by: str, said: str
) -> None:
    verdict = verify(FLOAT, "fp32", checked[0], changed(checked[1], by))
    assert verdict.problem is not None
    assert verdict.problem.startswith("converted, but its outputs are not the source's: ")
    assert re.search(said, verdict.problem)


def test_a_small_error_of_a_float_file_is_noted(checked: tuple[Samples, Samples]) -> None:
    verdict = verify(FLOAT, "fp32", checked[0], changed(checked[1], "little"))
    assert verdict.problem is None
    assert "differs by 0.005 of its range" in str(verdict.note)


def test_a_quantised_file_is_refused_only_for_nonsense(checked: tuple[Samples, Samples]) -> None:
    assert verify(SMALL, "int8", checked[0], changed(checked[1], "little")).problem is None
    assert "dB" in str(verify(SMALL, "int8", checked[0], changed(checked[1], "opposite")).problem)


def test_a_file_that_stayed_float_is_not_quantised(checked: tuple[Samples, Samples]) -> None:
    assert "nothing in it is quantised" in str(verify(FLOAT, "int8", *checked).problem)


def test_nan_and_damage_are_refused(checked: tuple[Samples, Samples], tmp_path: Path) -> None:
    samples = {
        key: {name: np.full_like(values, np.nan) for name, values in fed.items()} for key, fed in checked[0].items()
    }
    assert "NaN or infinite" in str(verify(FLOAT, "fp32", samples, checked[1]).problem)
    verdict: VariantVerdict = verify(truncated(tmp_path / "half.tflite"), "fp32", *checked)
    assert "no whole .tflite" in str(verdict.problem)
