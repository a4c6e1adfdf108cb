"""Sources in a suite: what is asked for, and mistakes with line, key and the nearest word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.errors import SuiteError
from harness.suite.suite_file import LoadedSuite, Suite, load_suite
from tests.model_files import copy_of_shipped


def _load(folder: Path, text: str) -> LoadedSuite:
    copy_of_shipped(folder / "digits.tflite")
    np.savez(folder / "test.npz", image=np.zeros((3, 2)), label=np.zeros(3))
    (folder / "suite.yaml").write_text("suite: s\n" + text, encoding="utf-8")
    return load_suite(folder / "suite.yaml")


def test_a_source_with_everything(tmp_path: Path) -> None:
    loaded = _load(
        tmp_path,
        "models:\n  - {source: digits.tflite, variants: [fp32, int8], calibration: test.npz, batch: 2, select_tf_ops: true,\n"
        "     name: mine, evaluate: {data: test.npz, labels: label, metric: top5}, inputs: [{name: image, shape: [1, 8]}]}\n"
        "purposes: [latency, accuracy]\naccuracy: {samples: 60, reference: int8, limits: {argmax: 0.9}}\n"
        "baseline: {variant: fp32}\n",
    )
    (source,) = loaded.sources
    assert (source.name, source.variants, source.batch, source.select_tf_ops) == ("mine", ("fp32", "int8"), 2, True)
    assert source.calibration == tmp_path / "test.npz"
    assert source.evaluation is not None
    assert (source.evaluation.labels, source.evaluation.metric) == ("label", "top5")
    assert loaded.models == ()
    assert loaded.suite.accuracy_lengths().timeout_s == 120 * 7


_SOURCE = "models:\n  - source: digits.tflite\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (_SOURCE + "    variants: [fp32, int9]\n", 4, "did you mean `int8`"),
        (_SOURCE + "    variant: [fp32]\n", 4, "did you mean `variants`"),
        (_SOURCE + "    variants: [fp32, fp32]\n", 4, "'fp32' is listed twice"),
        (_SOURCE + "    calibration: tset.npz\n", 4, "did you mean 'test.npz'"),
        ("models:\n  - source: digit.tflite\n", 3, "did you mean 'digits.tflite'"),
        (_SOURCE + "    evaluate: {data: test.npz, labels: lable}\n", 4, "it holds 'image', 'label'"),
        (_SOURCE + "    evaluate: {data: test.npz, labels: label, metric: top2}\n", 4, "top1, top5, mse, mae"),
        (_SOURCE + "  - digits.tflite\n", 3, "two models are called 'digits'"),
        (
            _SOURCE + "  - {source: digits.tflite, variants: [int8, fp32]}\n",
            4,
            "fp32 of digits.tflite is asked for twice",
        ),
        (_SOURCE + "baseline: {variant: int8}\n", 4, "no cell has variant 'int8'"),
        (_SOURCE + "purposes: [accurracy]\n", 4, "did you mean `accuracy`"),
        (_SOURCE + "accuracy: {samples: 8, limits: {argmax: 0.98}}\n", 4, "give `samples: 50` or more"),
        (_SOURCE + "accuracy: {reference: fp16}\n", 4, "no model has the variant 'fp16'"),
        (_SOURCE + "accuracy: {reference: fp33}\n", 4, "'fp33' is no variant"),
        (_SOURCE + "accuracy: {limits: {max_abd: 1}}\n", 4, "did you mean `max_abs`"),
        ("models:\n  - {path: digits.tflite, variants: [fp32]}\n", 3, "unknown key"),
    ],
)
def test_mistakes_name_their_line_and_the_nearest_word(tmp_path: Path, text: str, line: int, says: str) -> None:
    with pytest.raises(SuiteError) as caught:
        _load(tmp_path, text)
    assert f"suite.yaml:{line}: " in str(caught.value)
    assert says in str(caught.value)


def test_the_schema_knows_sources(tmp_path: Path) -> None:
    schema = Suite.model_json_schema()
    source = schema["$defs"]["SourceEntry"]["properties"]
    assert "int8_io" in source["variants"]["items"]["enum"]
    assert "accuracy" in schema["$defs"]["Purpose"]["enum"]


def test_all_mistakes_of_a_source_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        _load(tmp_path, _SOURCE + "    variants: [int9]\n    calibraton: test.npz\n    batch: 0\n")
    said = str(caught.value).splitlines()
    assert [line.split(": ")[0].rpartition(":")[2] for line in said] == ["4", "5", "6"]
    assert "did you mean `calibration`" in said[1]
