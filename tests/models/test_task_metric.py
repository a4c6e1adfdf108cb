from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.errors import ModelFailed, UsageError
from harness.models.evaluation import Evaluation, evaluation_of
from harness.models.task_metric import task_metric

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.2, 0.2, 0.6], [0.9, 0.05, 0.05]])
DIGITS = np.array([1, 0, 2, 2])


def of(metric: str, values: Any, labels: Any, **more: Any) -> Evaluation:
    return evaluation_of(metric, {"y": np.asarray(values, float)}, np.asarray(labels), **more)


@pytest.mark.parametrize(
    "labels",
    [
        DIGITS,
        DIGITS[:, None],
        DIGITS.astype(float),
        DIGITS.astype(np.uint8),
        np.eye(3)[DIGITS],
        np.eye(3, dtype=bool)[DIGITS],
    ],
    ids=["numbers", "column", "floats", "bytes", "one-hot", "one-hot booleans"],
)
def test_top1_counts_the_largest(labels: Any) -> None:
    found = of("top1", SCORES[:, None, :], labels)
    assert found.per_sample.tolist() == [1, 1, 1, 0]
    assert (found.value, found.n, found.interval, found.better) == (0.75, 4, "clopper-pearson", "higher")
    assert (found.ci_low, found.ci_high) == pytest.approx((0.1941204, 0.9936905))


def test_top5_counts_the_five_largest() -> None:
    values = np.arange(8.0)[None].repeat(8, axis=0)
    assert of("top5", values, range(8)).per_sample.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]


def test_of_equal_outputs_the_first_is_larger() -> None:
    values = np.zeros((8, 8))
    assert of("top1", values, range(8)).per_sample.tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert of("top5", values, range(8)).per_sample.sum() == 5


def test_nan_is_never_right() -> None:
    values = np.array([[np.nan, np.nan], [np.nan, -1.0], [-np.inf, -np.inf], [np.inf, 1.0]])
    assert of("top1", values, [0, 1, 0, 0]).per_sample.tolist() == [0, 1, 1, 1]


def test_mean_errors_by_hand() -> None:
    values = np.array([[[1.0], [2.0]], [[3.0], [5.0]]])
    squared = of("mse", values, [[1, 1], [3, 1]])
    assert (squared.per_sample.tolist(), squared.value, squared.interval) == ([0.5, 8.0], 4.25, "t")
    assert (squared.better, squared.ci_low) == ("lower", 0.0)
    absolute = of("mae", values, [[1, 1], [3, 1]])
    assert (absolute.per_sample.tolist(), absolute.value) == ([0.5, 2.0], 1.25)
    assert of("mae", np.zeros((3, 1)), [1, 1, 1]).interval == "t", "errors of exactly 1 are no shares"
    assert of("mse", [[1.0]], [3.0]).ci_low is None, "one sample has no interval"


@pytest.mark.parametrize(
    ("metric", "values", "labels", "words"),
    [
        ("top1", SCORES, [1, 0, 2], "there are 3 labels for 4 samples"),
        ("top1", SCORES, 1, "the labels are a single number"),
        ("top1", SCORES, [1, 0, 2, 3], "the label of sample 3 is 3, the output has the classes 0 to 2"),
        ("top1", SCORES, [1, 0, -1, 2], "the label of sample 2 is -1"),
        ("top1", SCORES, [1, 0.5, 2, 2], "the label of sample 1 is 0.5; top1 takes class numbers"),
        ("top1", SCORES, [1, np.nan, 2, 2], "the label of sample 1 is nan"),
        ("top1", SCORES, ["a", "b", "c", "d"], "the labels hold str32; top1 takes class numbers"),
        ("top1", SCORES, np.eye(4), "a label has 4 numbers, the output has 3 classes"),
        ("top1", SCORES, np.full((4, 3), 0.5), "the label of sample 0 is no one-hot row"),
        ("top1", SCORES, np.zeros((4, 3)), "the label of sample 0 is no one-hot row"),
        ("top1", SCORES, np.zeros((4, 2, 3)), "a label is 2x3; top1 takes one class number"),
        ("top1", np.zeros((4, 8, 8, 3)), DIGITS, "the output 'y' is 8x8x3; top1 takes one score for each class"),
        ("top1", np.zeros((4, 1)), DIGITS, "the output 'y' is one number"),
        ("top5", SCORES, DIGITS, "with 3 classes top5 is always right"),
        ("mse", SCORES, DIGITS, "a label is a single number, the output 'y' is 3"),
        ("mae", SCORES, np.full((4, 3), np.inf), "the label of sample 0 is NaN or infinite"),
        ("mae", SCORES, np.full((4, 3), "a"), "the labels hold str32; mae takes numbers"),
        ("f1", SCORES, DIGITS, "'f1' is no metric"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(metric: str, values: Any, labels: Any, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        of(metric, values, labels)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_classes_that_are_counted_from_1_get_the_remedy() -> None:
    with pytest.raises(UsageError) as caught:
        of("top1", SCORES, [1, 2, 3, 1])
    assert caught.value.remedy == "count classes from 0"


def test_a_mean_error_of_nan_is_none() -> None:
    with pytest.raises(ModelFailed, match="'y' is NaN or infinite for 1 of 2 samples: mse has no value"):
        of("mse", [[1.0], [np.nan]], [[1.0], [1.0]])


def test_one_of_several_outputs_is_named() -> None:
    outputs = {"boxes": np.zeros((4, 7)), "classes": SCORES}
    assert evaluation_of("top1", outputs, DIGITS, output="classes").value == 0.75
    with pytest.raises(UsageError, match="the model has 2 outputs, and top1 judges one") as caught:
        evaluation_of("top1", outputs, DIGITS)
    assert caught.value.remedy == "name it with --output: 'boxes', 'classes'"
    with pytest.raises(UsageError, match="no output 'y'"):
        evaluation_of("top1", outputs, DIGITS, output="y")


@pytest.fixture
def own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "task_scores_of_a_test.py").write_text(
        "import numpy as np\n"
        "def right(outputs, labels):\n    print('noise')\n    return outputs['y'].argmax(axis=1) == labels\n"
        "def margin(outputs, labels):\n    return outputs['y'].max(axis=1)\n"
        "def names(outputs, labels):\n    return np.full(len(labels), len(outputs))\n"
        "def one(outputs, labels):\n    return 0.5\n"
        "def text(outputs, labels):\n    return ['a'] * len(labels)\n"
        "def infinite(outputs, labels):\n    return np.full(len(labels), np.inf)\n"
        "def broken(outputs, labels):\n    return outputs['z']\n"
        "def leaves(outputs, labels):\n    raise SystemExit(3)\n"
    )
    (tmp_path / "broken_of_a_test.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("own")
def test_a_function_of_the_user_s(capsys: pytest.CaptureFixture[str]) -> None:
    found = of("task_scores_of_a_test:right", SCORES[:, None], DIGITS)
    assert (found.value, found.interval, found.better) == (0.75, "clopper-pearson", None)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "noise\n"), "a JSON document on stdout stays whole"
    assert of("task_scores_of_a_test:margin", SCORES, DIGITS).interval == "t"
    outputs = {"y": SCORES, "z": SCORES}
    assert evaluation_of("task_scores_of_a_test:names", outputs, DIGITS).value == 2
    assert evaluation_of("task_scores_of_a_test:names", outputs, DIGITS, output="z").value == 1


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("task_scores_of_a_test:one", "returned a single number for 4 samples"),
        ("task_scores_of_a_test:text", "returned str32"),
        ("task_scores_of_a_test:infinite", "returned NaN or infinite scores"),
        ("task_scores_of_a_test:broken", "failed with KeyError: 'z' ("),
        ("task_scores_of_a_test:leaves", "failed with SystemExit: 3 ("),
        ("task_scores_of_a_test:nothing", "has no function nothing"),
        ("nowhere_at_all:f", "there is no module nowhere_at_all"),
        ("broken_of_a_test:f", "failed with ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
        ("a/b:f", "'a/b:f' is no metric"),
        (":f", "':f' is no metric"),
    ],
)
def test_a_function_of_the_user_s_that_fails(name: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        of(name, SCORES, DIGITS)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("own")
def test_the_user_s_traceback_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="harness"), pytest.raises(UsageError):
        of("task_scores_of_a_test:broken", SCORES, DIGITS)
    assert "return outputs['z']" in caplog.text


def test_names_say_which_way_is_better() -> None:
    assert [task_metric(name).better for name in ("top1", "top5", "mse", "mae")] == [
        "higher",
        "higher",
        "lower",
        "lower",
    ]
