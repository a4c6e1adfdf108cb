"""`harness models evaluate` as a script calls it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.cli.running import harness, no_traceback
from tests.models.small_models import doubled, reversed_scores

N = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    images = rng.permuted(np.tile(np.arange(10, dtype=np.float32), (N, 1)), axis=1)
    labels = images.argmax(axis=1)
    labels[:4] = (labels[:4] + 1) % 10
    np.savez(tmp_path / "test.npz", x=images, label=labels, half=labels / 2, few=labels[:7], target=2 * images)
    doubled(tmp_path / "a.tflite")
    reversed_scores(tmp_path / "b.tflite")
    doubled(tmp_path / "two.tflite", inputs=("x", "target"))
    (tmp_path / "scores_for_cli.py").write_text("def failing(outputs, labels):\n    raise ValueError('no\\nway')\n")
    return tmp_path


def evaluate(
    folder: Path, *arguments: object, labels: str = "label", metric: str = "top1", model: str = "a.tflite"
) -> subprocess.CompletedProcess[str]:
    return harness(
        "models",
        "evaluate",
        model,
        "--data",
        "test.npz",
        "--labels",
        labels,
        "--metric",
        metric,
        *arguments,
        cwd=folder,
    )


def test_the_document(folder: Path) -> None:
    done = evaluate(folder, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert list(document)[:5] == ["metric", "value", "ci_low", "ci_high", "n"]
    assert (document["metric"], document["value"], document["n"], document["path"]) == ("top1", 0.9, N, "a.tflite")
    assert document["interval"] == "clopper-pearson"
    assert (document["ci_low"], document["ci_high"]) == pytest.approx((0.7633626, 0.9720746))


def test_another_model_is_tested_sample_by_sample(folder: Path) -> None:
    done = evaluate(folder, "--against", "b.tflite")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "a.tflite: top1 0.900 [0.763, 0.972], 40 samples",
        "b.tflite: top1 0.000 [0.000, 0.088]",
        "0.900 against 0.000: higher by 0.900, which is better, with 40 samples (p < 0.0001, McNemar's exact test: "
        "36 samples right only here, 0 only there)",
    ]
    against = json.loads(evaluate(folder, "--against", "b.tflite", "--json").stdout)["against"]
    assert (against["path"], against["value"], against["test"], against["shown"]) == ("b.tflite", 0.0, "mcnemar", True)
    assert (against["only_this"], against["only_other"], against["difference"]) == (36, 0, 0.9)


def test_errors_and_outputs_by_name(folder: Path) -> None:
    done = evaluate(folder, labels="target", metric="mae")
    assert done.stdout == "a.tflite: mae 0.000 [0.000, 0.000], 40 samples\n"
    done = evaluate(folder, labels="target", metric="mse", model="two.tflite")
    assert (done.returncode, done.stdout) == (2, "")
    assert "the data hold no samples of two.tflite's input 'target'" in done.stderr
    np.savez(folder / "both.npz", x=np.ones((3, 10)), target=np.zeros((3, 10)), want=np.ones((3, 10)))
    words = ["models", "evaluate", "two.tflite", "--data", "both.npz", "--labels", "want", "--metric", "mse"]
    done = harness(*words, cwd=folder)
    assert done.returncode == 2
    assert "name it with --output: 'y_target', 'y_x'" in " ".join(done.stderr.split())
    assert harness(*words, "--output", "y_x", cwd=folder).stdout.startswith("two.tflite: mse 1.000 ")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"labels": "nobody"}, 2, "test.npz holds no labels 'nobody'"),
        ({"labels": "half"}, 2, "top1 takes class numbers"),
        ({"labels": "few"}, 2, "there are 7 labels for 40 samples"),
        ({"metric": "f1"}, 2, "'f1' is no metric"),
        ({"metric": "scores_for_cli:failing"}, 2, "scores_for_cli:failing failed with ValueError: no way ("),
        ({"model": "none.tflite"}, 2, "none.tflite"),
        ({"model": "test.npz"}, 1, "test.npz"),
        ({"model": "."}, 2, "."),
    ],
)
def test_what_is_wrong_is_said_in_a_line(folder: Path, change: dict[str, str], code: int, words: str) -> None:
    done = evaluate(folder, **change)
    no_traceback(done)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert done.stderr.count("\n") <= 2


def test_verbose_shows_the_user_s_traceback(folder: Path) -> None:
    done = evaluate(folder, "-v", metric="scores_for_cli:failing")
    assert "raise ValueError('no\\nway')" in done.stderr


def test_missing_options_are_named() -> None:
    done = harness("models", "evaluate", "a.tflite")
    assert (done.returncode, "Missing option" in done.stderr) == (2, True)
