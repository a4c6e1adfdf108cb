"""Two separate runs: what a control takes out of the comparison, and that without one nothing is sure. The truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from harness.cli.main import run_cli
from harness.records import Conditions, Measurement, Result
from tests.cli.comparable_runs import run_json
from tests.cli.controlled_runs import shifted_run, stored, with_canary


def test_a_shift_between_two_runs_is_no_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Nothing changed but the phone, which was 4 % slower on the second day.
    base = stored(tmp_path / "base", shifted_run(1, control=False), None)
    head = stored(tmp_path / "head", shifted_run(2, shift=1.04, control=False), None)
    (one,) = run_json(capsys, str(base), str(head))["comparisons"]
    assert (one["verdict"], one["control"]) == ("suspected", None)
    assert one["ratio"] == pytest.approx(1.04, abs=0.01)
    assert any("--print-suite" in note or "control:" in note for note in one["notes"])


def test_two_runs_without_a_control_do_not_show_that_nothing_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = stored(tmp_path / "base", shifted_run(1, control=False), None)
    head = stored(tmp_path / "head", shifted_run(2, control=False), None)
    (one,) = run_json(capsys, str(base), str(head))["comparisons"]
    assert one["verdict"] == "inconclusive"


def test_the_control_takes_the_shift_away_and_leaves_the_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = stored(tmp_path / "base", shifted_run(1, cells=2, blocks=16))
    same = stored(tmp_path / "same", shifted_run(2, shift=1.04, cells=2, blocks=16))
    found = run_json(capsys, str(base), str(same))
    assert [(one["model"], one["verdict"]) for one in found["comparisons"]] == [("m0", "same"), ("m1", "same")]
    assert not found["control_missing"]
    # The shift even hides the change: without the control both would look alike.
    slower = stored(tmp_path / "slower", shifted_run(3, shift=1 / 1.05, change=1.05, cells=2))
    for one in run_json(capsys, str(base), str(slower))["comparisons"]:
        assert (one["verdict"], one["control"]) == ("slower", "reference cpu 1 thr big")
        assert one["ratio"] == pytest.approx(1.05, abs=0.01)
        assert any("-4." in note and "control" in note for note in one["notes"]), one["notes"]


def test_the_control_is_no_result_and_may_lie_outside_the_selection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, head = (
        stored(tmp_path / name, shifted_run(seed, cells=2, blocks=16)) for name, seed in (("base", 1), ("head", 2))
    )
    found = run_json(capsys, f"{base}@model=m1", f"{head}@model=m1")
    assert [(one["model"], one["verdict"]) for one in found["comparisons"]] == [("m1", "same")]
    assert run_cli(["compare", f"{base}@model=reference", f"{head}@model=reference"]) == 2
    assert "not compared with itself" in capsys.readouterr().err


@pytest.mark.parametrize("named_by", ["base", "head"])
def test_one_run_that_names_the_control_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], named_by: str
) -> None:
    runs = [
        stored(tmp_path / name, shifted_run(seed, blocks=16), {"model": "reference"} if name == named_by else None)
        for name, seed in (("base", 1), ("head", 2))
    ]
    (one,) = run_json(capsys, *map(str, runs))["comparisons"]
    assert (one["verdict"], one["control"]) == ("same", "reference cpu 1 thr big")


def test_a_control_of_another_binary_would_divide_the_regression_away(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = stored(tmp_path / "base", shifted_run(1))
    new = [
        one if one.trial.model.name != "reference" else _of_binary(one, "new")
        for one in shifted_run(2, shift=1.05, artifact="new")
    ]
    head = stored(tmp_path / "head", new)
    found = run_json(capsys, str(base), str(head))["comparisons"]
    assert {one["model"]: one["verdict"] for one in found} == {"m0": "suspected", "reference": "suspected"}
    assert any("does not count: the benchmark binary differs" in note for note in found[0]["notes"])


def _of_binary(one: Result, artifact: str) -> Result:
    return replace(one, artifact_sha256=artifact * 8)


def test_a_control_that_one_run_lacks_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = stored(tmp_path / "base", shifted_run(1))
    head = stored(tmp_path / "head", shifted_run(2, change=1.05, control=False))
    found = run_json(capsys, str(base), str(head))["comparisons"]
    (one,) = [one for one in found if one["model"] == "m0"]
    assert one["verdict"] == "suspected"
    assert any("HEAD has no average latency of it" in note for note in one["notes"])


def test_a_block_without_a_control_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The blocks without a control are three times as slow in head: they would be seen.
    slow = [
        one if one.trial.block < 16 else replace(one, measurement=Measurement(inference_avg_us=3000.0))
        for one in shifted_run(2, spare=(16, 17, 18), blocks=19)
    ]
    base, head = stored(tmp_path / "base", shifted_run(1, blocks=19)), stored(tmp_path / "head", slow)
    (one,) = run_json(capsys, str(base), str(head))["comparisons"]
    assert one["verdict"] == "same"
    assert (one["base"]["n"], one["head"]["n"]) == (19, 19)
    few = stored(tmp_path / "few", shifted_run(3, change=1.05, spare=range(4, 10)))
    (one,) = run_json(capsys, str(base), str(few))["comparisons"]
    assert one["verdict"] == "suspected"
    assert any("only 4 of 10 processes share a block" in note for note in one["notes"])


def test_the_canary_stands_in_where_no_control_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = stored(tmp_path / "base", with_canary(shifted_run(1, control=False, blocks=16)), None)
    day = shifted_run(2, shift=1.05, control=False, blocks=16)
    head = stored(tmp_path / "head", with_canary(day, 1.05, seed=1), None)
    (one,) = run_json(capsys, str(base), str(head))["comparisons"]
    assert (one["verdict"], one["control"]) == ("same", "canary")
    for name, results in (
        ("once", [one if one.trial.block != 3 else replace(one, conditions=Conditions()) for one in with_canary(day)]),
        ("new", with_canary(shifted_run(2, shift=1.05, control=False, artifact="new"))),
    ):
        other = stored(tmp_path / name, results, None)
        (one,) = run_json(capsys, str(base), str(other))["comparisons"]
        assert (one["verdict"], one["control"]) == ("suspected", None), name
    (one,) = run_json(capsys, str(base), str(head), "--metric", "init")["comparisons"]
    assert one["control"] is None, "it is timed by its inferences"


@pytest.mark.parametrize(("change", "code"), [(1.06, 1), (1.015, 0), (1.0, 0)])
def test_a_gate_without_a_control_answers_by_what_it_suspects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: float, code: int
) -> None:
    base = str(stored(tmp_path / "base", shifted_run(1, control=False), None))
    head = str(stored(tmp_path / "head", shifted_run(2, change=change, control=False), None))
    assert run_cli(["compare", base, head, "--gate", "3%"]) == code
    printed = " ".join(capsys.readouterr().out.split())
    assert "a control is missing" in printed
    assert "holds" not in printed
    assert ("breaks the gate" in printed) is bool(code)
    assert run_cli(["compare", base, head, "--gate", "3%", "--strict"]) == 2
    assert "no control" in capsys.readouterr().err
    assert run_cli(["compare", base, head, "--strict"]) == 0, "without a gate nothing is promised"
    capsys.readouterr()
    run_cli(["compare", base, head, "--gate", "3%", "--format", "markdown"])
    assert "A control is missing" in capsys.readouterr().out
    run_cli(["compare", base, head, "--gate", "3%", "--format", "junit"])
    document = etree.fromstring(capsys.readouterr().out.encode())
    assert document.get("failures") == str(code)
    assert "a control is missing" in (document.findtext("testsuite/system-out") or "")
    if code:
        assert "suspected +" in (next(document.iter("failure")).get("message") or "")


def test_a_gate_with_a_control_is_sure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = str(stored(tmp_path / "base", shifted_run(1)))
    same = str(stored(tmp_path / "same", shifted_run(2, shift=1.08)))
    slower = str(stored(tmp_path / "slower", shifted_run(3, change=1.08)))
    assert run_cli(["compare", base, same, "--gate", "3%", "--strict"]) == 0
    assert "gate of 3 %: holds" in capsys.readouterr().out
    assert run_cli(["compare", base, slower, "--gate", "3%", "--strict"]) == 1
    printed = capsys.readouterr().out
    assert "broken (1 of 1 cells slower)" in printed
    assert "control is missing" not in printed


@pytest.mark.parametrize("change", [1.08, 1 / 1.08, 2.6])
@pytest.mark.parametrize("form", ["text", "markdown", "junit", "csv"])
def test_what_is_only_suspected_is_never_called_faster_or_slower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: float, form: str
) -> None:
    base = stored(tmp_path / "base", shifted_run(1, control=False), None)
    head = stored(tmp_path / "head", shifted_run(2, change=change, control=False), None)
    run_cli(["compare", str(base), str(head), "--format", form])
    printed = capsys.readouterr().out
    assert "suspected" in printed
    assert "faster" not in printed
    assert "slower" not in printed
