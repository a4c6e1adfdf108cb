"""What `harness compare` pairs, decides and refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.main import run_cli
from harness.records import Status
from harness.records.adaptive_decisions import AdaptivePlan
from harness.records.causes import Cause
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, run_json, selections, two_delegates, write_run


def test_the_documents_keys_are_those_of_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, *selections(two_delegates(tmp_path / "run")))
    (one,) = document["comparisons"]
    assert {"device", "model", "delegate", "threads", "cpus", "metric", "base", "head", "notes"} <= set(one)
    assert one["verdict"] == "slower"
    assert one["ratio"] == pytest.approx(1.1, abs=0.01)
    assert 1.08 < one["ci_low"] < one["ratio"] < one["ci_high"] < 1.12
    assert one["p_value"] <= one["q_value"] <= 0.01
    assert (one["base"]["n"], one["head"]["n"], one["design"]) == (10, 10, "paired")
    assert one["base"]["estimate_us"] == pytest.approx(1000, rel=0.01)
    assert one["cpus"] == "f0"


def test_an_adaptive_run_is_compared_at_the_level_of_a_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02)
    results = cell(noise(1)) + cell(noise(2, 1100.0), delegate="xnnpack")
    fixed, found = (
        run_json(capsys, *selections(write_run(tmp_path / name, results, adaptive=one)))["comparisons"][0]
        for name, one in (("fixed", None), ("adaptive", plan))
    )
    assert (fixed["level"], found["level"]) == (0.95, 0.97)
    assert found["ci_low"] < fixed["ci_low"] < fixed["ci_high"] < found["ci_high"]
    assert any("97 %" in note and "all its looks" in note for note in found["notes"])
    for run, level in (("fixed", "95 %"), ("adaptive", "97 %")):
        run_cli(["compare", *selections(tmp_path / run), "--format", "markdown"])
        assert f"| head/base ({level}) |" in capsys.readouterr().out
        run_cli(["compare", *selections(tmp_path / run)])
        assert f"{level} interval" in capsys.readouterr().out


def test_ops_add_up_to_the_change_of_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, *selections(two_delegates(tmp_path / "run")))
    (ops,) = document["ops"]
    assert ops["change_us"] == pytest.approx(110.0)
    assert [change["kind"] for change in ops["changes"]] == ["renamed", "same"]
    assert sum(change["change_us"] for change in ops["changes"]) + ops["unexplained_us"] == pytest.approx(110.0)


@pytest.mark.parametrize(
    ("head", "gate", "code"), [(1100.0, "3%", 1), (1100.0, "15%", 0), (900.0, "3%", 0), (1025.0, "3%", 0)]
)
def test_the_gate(tmp_path: Path, head: float, gate: str, code: int) -> None:
    run = two_delegates(tmp_path / "run", head=head)
    assert run_cli(["compare", *selections(run), "--gate", gate]) == code


def test_a_head_that_crashes_does_not_pass_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write_run(tmp_path / "base", cell(noise(1)))
    head = write_run(tmp_path / "head", cell([None] * 10, status=Status.FAILED, causes=(Cause.CRASHED,)))
    assert run_cli(["compare", str(base), str(head), "--gate", "3%"]) == 1
    assert "crashed" in capsys.readouterr().out
    assert run_cli(["compare", str(base), str(head)]) == 0


def test_by_names_what_differs_and_the_baseline_chooses_the_base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = two_delegates(tmp_path / "run")
    (one,) = run_json(capsys, str(run), str(run), "--by", "delegate")["comparisons"]
    assert (one["base"]["cell"]["delegate"], one["head"]["cell"]["delegate"]) == ("cpu", "xnnpack")


def test_two_runs_are_compared_unpaired_and_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = two_delegates(tmp_path / "a"), write_run(tmp_path / "b", cell(noise(5, 1200.0)))
    document = run_json(capsys, str(base), str(head))
    (one,) = [one for one in document["comparisons"] if one["state"] == "measured"]
    assert one["design"] == "unpaired"
    assert any("separate runs" in note for note in one["notes"])
    (missing,) = [one for one in document["comparisons"] if one["state"] == "missing"]
    assert missing["delegate"] == "xnnpack"
    assert missing["head"]["estimate_us"] is None


def test_strict_refuses_unlike_conditions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write_run(tmp_path / "base", cell(noise(1)))
    other = [replace(one, artifact_sha256="f" * 64) for one in cell(noise(2))]
    head = write_run(tmp_path / "head", other)
    assert run_cli(["compare", str(base), str(head)]) == 0
    assert "the benchmark binary differs" in capsys.readouterr().out
    assert run_cli(["compare", str(base), str(head), "--strict"]) == 2
    assert "the benchmark binary differs" in capsys.readouterr().err
    alike = write_run(tmp_path / "alike", cell(noise(3)))
    assert run_cli(["compare", str(base), str(alike), "--strict"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "RUN"], "name what differs: --by delegate"),
        (["RUN@delgate=cpu", "RUN"], "did you mean 'delegate'"),
        (["RUN@delegate=xnpack", "RUN"], "did you mean delegate=xnnpack"),
        (["RUN@delegate=cpu", "RUN", "--by", "thread"], "did you mean 'threads'"),
        (["RUN@delegate=cpu", "RUN", "--gate", "3"], "write it like 3%"),
        (["RUN@delegate=cpu", "RUN", "--gate", "2000%"], "not between"),
        (["RUN@delegate=cpu", "RUN", "--min-effect", "0%"], "more than 0%"),
        (["RUN@delegate=cpu", "RUN", "-o", "no/such/folder/x.txt"], "cannot write"),
        (["nowhere@delegate=cpu", "RUN"], "holds no run"),
        (["EMPTY", "RUN"], "EMPTY: no trial has finished there"),
        (["RUN@delegate=cpu", "RUN", "--format", "parquet"], "name a file"),
        (["RUN@delegate=cpu", "RUN", "--table", "ops"], "--format csv"),
    ],
)
def test_wrong_requests_are_one_line_and_exit_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    two_delegates(Path("RUN"))
    write_run(Path("EMPTY"), [])
    assert run_cli(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_path_may_hold_an_at_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "me@home")
    assert len(run_json(capsys, *selections(run))["comparisons"]) == 1
    assert len(run_json(capsys, str(run), str(run), "--by", "delegate")["comparisons"]) == 1


def test_a_model_that_one_side_names_narrows_the_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = [one for model in ("m", "n") for one in cell(noise(1), model=model)]
    results += [one for model in ("m", "n") for one in cell(noise(2), model=model, delegate="xnnpack")]
    run = write_run(tmp_path / "run", results)
    document = run_json(capsys, f"{run}@delegate=cpu,model=m", f"{run}@delegate=xnnpack")
    measured = [one for one in document["comparisons"] if one["state"] == "measured"]
    assert [(one["base"]["cell"]["model"], one["head"]["cell"]["model"]) for one in measured] == [("m", "m")]


def test_values_that_no_device_yields_are_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny, huge = write_run(tmp_path / "tiny", cell([1e-300] * 10)), write_run(tmp_path / "huge", cell([1e300] * 10))
    (one,) = run_json(capsys, str(tiny), str(huge))["comparisons"]
    assert one["verdict"] == "suspected"
    wild = write_run(tmp_path / "wild", cell([1e-200, 1e200]))
    (one,) = run_json(capsys, str(tiny), str(wild))["comparisons"]
    assert (one["verdict"], one["base"]["n"], one["head"]["n"]) == ("inconclusive", 10, 2)
    run_cli(["compare", str(tiny), str(wild)])
    assert "inconclusive" in capsys.readouterr().out
