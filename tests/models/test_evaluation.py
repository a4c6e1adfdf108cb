from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import ModelFailed, UsageError
from harness.models import evaluation
from harness.models.evaluation import evaluate
from harness.models.mapped_arrays import open_arrays
from tests.litert_host import models
from tests.models.small_models import doubled, reversed_scores

RNG = np.random.default_rng(4)
N = 150
IMAGES = RNG.permuted(np.tile(np.arange(10, dtype=np.float32), (N, 1)), axis=1)
DIGITS = IMAGES.argmax(axis=1)


def test_a_whole_set_is_run_and_counted(tmp_path: Path) -> None:
    labels = DIGITS.copy()
    labels[[3, 70, 149]] = (labels[[3, 70, 149]] + 1) % 10
    seen: list[tuple[int, int]] = []
    model = doubled(tmp_path / "m.tflite")
    found = evaluate(model, {"x": IMAGES}, labels, "top1", progress=lambda done, total: seen.append((done, total)))
    assert np.flatnonzero(found.per_sample == 0).tolist() == [3, 70, 149]
    assert (found.value, found.n) == (147 / 150, 150)
    assert seen[0] == (evaluation.FIRST_CHUNK, N)
    assert seen[-1] == (N, N)
    assert evaluate(reversed_scores(tmp_path / "r.tflite"), {"x": IMAGES}, DIGITS, "top1").value == 0


def test_the_size_of_the_parts_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = doubled(tmp_path / "m.tflite")
    targets = RNG.normal(size=(20, 10))
    whole = evaluate(model, {"x": IMAGES[:20]}, targets, "mse")
    monkeypatch.setattr(evaluation, "FIRST_CHUNK", 6)
    monkeypatch.setattr(evaluation, "_GROWTH", 2)
    parts = evaluate(model, {"x": IMAGES[:20]}, targets, "mse")
    assert parts.per_sample.tolist() == whole.per_sample.tolist()
    assert whole.per_sample == pytest.approx(np.square(2 * IMAGES[:20] - targets).mean(axis=1))


def test_samples_are_found_by_the_input_s_or_the_tensor_s_name(tmp_path: Path) -> None:
    model = doubled(tmp_path / "m.tflite")
    for name in ("x", "serving_default_x:0"):
        arrays = {name: IMAGES[:5], "ids of the images": np.arange(3), "note": np.array("text")}
        assert evaluate(model, arrays, DIGITS[:5], "top1").value == 1, "other arrays are left alone"


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    model = doubled(tmp_path / "m.tflite", inputs=("b", "a"))
    arrays = {"a": IMAGES[:5], "b": -IMAGES[:5]}
    assert evaluate(model, arrays, DIGITS[:5], "top1", output="y_a").value == 1
    assert evaluate(model, arrays, DIGITS[:5], "top1", output="y_b").value == 0
    two = models.two_signatures(tmp_path / "two.tflite")
    ones = np.ones((4, 5), np.float32)
    found = evaluate(two, {"a": ones, "b": 3 * ones}, ones, "mae", signature="two")
    assert found.value == 2


def test_what_does_not_fit_is_said_in_one_line(tmp_path: Path) -> None:
    model = doubled(tmp_path / "m.tflite")
    for arrays, labels, words in (
        ({"image": IMAGES}, DIGITS, r"the data hold no samples of m\.tflite's input 'x'"),
        ({"x": IMAGES}, DIGITS[:-1], "there are 149 labels for 150 samples"),
        ({"x": IMAGES[:0]}, DIGITS[:0], "'x' holds no sample"),
        ({"x": IMAGES[:, :4]}, DIGITS, "a sample of 'x' is 1x4, the model takes 1x10"),
        ({"x": IMAGES}, DIGITS + 5, "the output has the classes 0 to 9"),
    ):
        with pytest.raises(UsageError, match=words):
            evaluate(model, arrays, labels, "top1")
    with pytest.raises(ModelFailed, match="MatrixInverse"):
        evaluate(models.unknown_op(tmp_path / "u.tflite"), {"x": IMAGES}, DIGITS, "top1")


def test_large_files_are_mapped(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "d.npz", x=IMAGES, label=DIGITS)
    with open_arrays(tmp_path / "d.npz", large_bytes=1) as mapped, open_arrays(tmp_path / "d.npz") as read:
        assert all(isinstance(values, np.memmap) for values in mapped.values())
        assert not any(isinstance(values, np.memmap) for values in read.values())
        assert sorted(mapped) == sorted(read) == ["label", "x"]
        assert np.array_equal(mapped["x"], read["x"])
        model = doubled(tmp_path / "m.tflite")
        assert evaluate(model, {"x": mapped["x"]}, mapped["label"], "top1").value == 1


def test_mistakes_in_large_files_are_named_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", x=np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "cut.npz", x=IMAGES)
    whole = (tmp_path / "cut.npz").read_bytes()
    place = whole.index(IMAGES[3].tobytes())
    (tmp_path / "cut.npz").write_bytes(whole[:place] + b"\xff" * 8 + whole[place + 8 :])
    (tmp_path / "text.npz").write_text("no archive")
    for name, words in (
        ("objects", "Python objects"),
        ("cut", "damaged"),
        ("text", "no .npz file"),
        ("none", "cannot be read"),
    ):
        with pytest.raises(UsageError, match=words), open_arrays(tmp_path / f"{name}.npz", large_bytes=1):
            pass
