from __future__ import annotations

import json
from pathlib import Path

import pytest

import harness
from harness.analysis.metrics import Metric
from harness.cli.main import run_cli
from harness.errors import UsageError
from tests.cli.comparable_runs import two_delegates


def test_it_is_what_the_command_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "run")
    base, head = f"{run}@delegate=cpu", f"{run}@delegate=xnnpack"
    found = harness.compare(base, head, gate=0.03)
    assert capsys.readouterr() == ("", "")
    (one,) = found.comparisons
    assert one.estimate.ratio == pytest.approx(1.1, abs=0.01)
    assert one.judgement.verdict == "slower"
    assert found.gate_broken
    assert run_cli(["compare", base, head, "--gate", "3%", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(found.document()))


def test_the_gate_and_the_smallest_effect_are_fractions(tmp_path: Path) -> None:
    run = two_delegates(tmp_path / "run", count=16)
    sides = f"{run}@delegate=cpu", f"{run}@delegate=xnnpack"
    assert not harness.compare(*sides).gate_broken
    assert not harness.compare(*sides, gate=0.15).gate_broken
    (one,) = harness.compare(*sides, min_effect=0.2).comparisons
    assert one.judgement.verdict == "same"


def test_one_key_or_several(tmp_path: Path) -> None:
    run = two_delegates(tmp_path / "run")
    for by in ("delegate", ["delegate"]):
        (one,) = harness.compare(run, run, by=by).comparisons
        assert one.base.key is not None
        assert (one.base.key.delegate, one.key.delegate) == ("cpu", "xnnpack")


def test_a_metric_by_its_name(tmp_path: Path) -> None:
    run = two_delegates(tmp_path / "run")
    assert harness.compare(run, run, by="delegate", metric="inference_avg").table.metric is Metric.INFERENCE_AVG
    with pytest.raises(UsageError, match="no such metric") as caught:
        harness.compare(run, run, by="delegate", metric="speed")
    assert "inference_avg" in str(caught.value.remedy)


def test_no_measurement_shows_that_two_things_are_exactly_the_same(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than 0%"):
        harness.compare("a", "b", min_effect=0)
