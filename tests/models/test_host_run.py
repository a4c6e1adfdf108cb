from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import ModelFailed, UsageError
from harness.models.host_run import run_on_host
from harness.models.tensor_facts import TensorFacts, as_stored, dequantised
from tests.models.small_models import counting, remembering

SHIPPED = Path(__file__).parents[2] / "suites" / "models"


def test_a_quantised_model_takes_floats_and_answers_in_numbers() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)
    run = run_on_host(SHIPPED / "cnn_int8.tflite", {"image": samples})
    (given,), (output,) = run.inputs, run.outputs
    assert (given.name, given.dtype) == ("image", "int8")
    assert run.fed["image"].dtype == np.dtype("int8")
    assert run.fed["image"].shape == (2, 1, 64, 64, 3)
    assert np.abs(dequantised(run.fed["image"], given)[:, 0] - samples).max() <= given.scale / 2 + 1e-9
    stored = run.stored[output.name]
    assert run.values[output.name] == pytest.approx((stored.astype(float) - output.zero_point) * output.scale)
    again = run_on_host(SHIPPED / "cnn_int8.tflite", {given.tensor: run.fed["image"]})
    assert np.array_equal(again.stored[output.name], stored)


def test_samples_that_do_not_fit_are_named() -> None:
    model = SHIPPED / "cnn_fp32.tflite"
    for samples, message in (
        ({"picture": np.zeros((1, 64, 64, 3), np.float32)}, "no samples of the input 'image'"),
        (
            {"image": np.zeros((1, 32, 64, 3), np.float32)},
            "a sample of 'image' is 1x32x64x3, the model takes 1x64x64x3",
        ),
        ({"image": np.array(["a"])}, "a sample of 'image' is a single number"),
    ):
        with pytest.raises(UsageError, match=message):
            run_on_host(model, samples)
    with pytest.raises(UsageError, match="no signature 'nope'"):
        run_on_host(model, None, signature="nope")


def test_a_file_that_is_no_model_fails_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"\0\0\0\0TFL3" + b"\0" * 40)
    with pytest.raises(ModelFailed, match=r"x\.tflite"):
        run_on_host(tmp_path / "x.tflite", None)


def test_stored_forms_lose_nothing_in_silence() -> None:
    plain = TensorFacts(name="x", tensor="x", dtype="int32", shape=(1, 2))
    assert as_stored(np.array([[1, 2]], np.int64), plain).dtype == np.int32
    for values, message in (
        (np.array([[1, 2**40]]), "beyond int32"),
        (np.array([[1.5, 2.0]]), "holds float64, the model takes int32"),
    ):
        with pytest.raises(UsageError, match=message):
            as_stored(values, plain)
    whole = TensorFacts(name="x", tensor="x", dtype="int8", shape=(1, 2), scale=0.5, zero_point=3)
    assert as_stored(np.array([[1.0, 1000.0]]), whole).tolist() == [[[5, 127]]]
    with pytest.raises(UsageError, match="NaN or infinite"):
        as_stored(np.array([[np.nan, 0.0]]), whole)


def test_each_sample_begins_with_the_state_of_a_fresh_model(tmp_path: Path) -> None:
    ones = np.ones((3, 3, 2), np.float32)
    sums = run_on_host(remembering(tmp_path / "rnn.tflite"), {"x": ones}, signature="sum").values["y"]
    assert sums[:, 0, :, 0].tolist() == [[1, 2, 3]] * 3
    plain = run_on_host(tmp_path / "rnn.tflite", {"a": ones[:, 0]}, signature="plain").values["b"]
    assert (plain == 2).all(), "the other signature's state has no memory that could be reset"
    totals = run_on_host(counting(tmp_path / "variable.tflite"), {"x": np.array([[1], [2], [3]], np.float32)})
    assert totals.values["y"].tolist() == [[11], [12], [13]]
