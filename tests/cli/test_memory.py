"""Memory stands beside the latency: in the table, the headline, the ratios and the gate of a run that measures it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import html as lxml_html

from harness.api.run_outcome import RunOutcome
from harness.cli.main import run_cli
from harness.cli.run_summary import print_summary, summary_document
from harness.records import Result
from harness.report import render_report
from harness.runs.run_store import Run, load_run
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, run_json, selections, write_run
from tests.cli.memory_runs import both_delegates

CPU = {"delegate": "cpu"}


def latency(head: float = 250.0, model: str = "m") -> list[Result]:
    return cell(noise(21, spread=0.001), model=model) + cell(
        noise(22, head, spread=0.001), model=model, delegate="xnnpack"
    )


def summary_of(path: Path, results: list[Result], capsys: pytest.CaptureFixture[str]) -> list[str]:
    run = load_run(write_run(path, results, baseline=CPU))
    print_summary(run, None)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_table_and_headline_hold_it_beside_the_latency(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = summary_of(tmp_path / "run", latency() + both_delegates(22.4), capsys)
    assert re.fullmatch(
        r"xnnpack is 4\.0x faster than cpu \(4\.0x to 4\.0x\), with 12 % more peak memory \(12 % to 12 %\)\.", lines[0]
    )
    [heading] = [line for line in lines if line.startswith("model")]
    assert heading == "delegate threads cpus median ms spread ratio n peak MB MB ratio status".join(("model ", ""))
    [row] = [line for line in lines if line.startswith("m xnnpack")]
    assert re.search(r"0\.25x faster 10 22\.\d 1\.12x more ok", row)


def test_one_process_a_side_is_a_ratio_without_a_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = summary_of(tmp_path / "run", latency() + both_delegates(22.4, count=1), capsys)
    assert "with 1.12x the peak memory (no verdict: 1 process a side)." in " ".join(lines)


def test_a_run_that_measures_none_says_nothing_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(summary_of(tmp_path / "run", latency(), capsys))
    assert "memory" not in text
    assert "MB" not in text


def test_a_run_of_memory_alone_has_its_sentence_and_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = summary_of(tmp_path / "run", both_delegates(50.0), capsys)
    assert lines[0].startswith("xnnpack takes 2.5x the peak memory of cpu (2.5x to 2.5x).")
    [heading] = [line for line in lines if line.startswith("model")]
    assert heading == "model delegate threads cpus n peak MB MB ratio status"
    [row] = [line for line in lines if line.startswith("m xnnpack")]
    assert row.startswith("m xnnpack 1 big 10 50.")
    assert any("more, less or same if that is sure" in line for line in lines)


def answer_of(run: Run) -> str:
    page = lxml_html.fromstring(render_report(run))
    [lead] = page.xpath('//section[@id="summary"]//p[@class="lead"]')
    return " ".join(lead.text_content().split())


def test_the_report_of_a_run_of_memory_alone_compares_memory(tmp_path: Path) -> None:
    run = load_run(write_run(tmp_path / "run", both_delegates(10.0, models=("m", "n")), baseline=CPU))
    text = answer_of(run)
    assert text.startswith("xnnpack takes 50 % less peak memory than cpu (median of 2 comparisons")
    assert "2 comparisons of the peak memory against cpu" in text
    assert text.endswith(": 2 less.")
    assert "none could be made" not in text
    page = " ".join(lxml_html.fromstring(render_report(run)).text_content().split())
    assert "A ratio is a cell\u2019s peak memory over the baseline\u2019s" in page


def test_the_report_says_it_beside_the_latency(tmp_path: Path) -> None:
    run = load_run(write_run(tmp_path / "run", latency() + both_delegates(22.4), baseline=CPU))
    assert ", with 12 % more peak memory (12 % to 12 %). 1 comparison of the average latency" in answer_of(run)


def test_a_gate_on_it_holds_or_breaks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = selections(write_run(tmp_path / "run", both_delegates(22.4), baseline=CPU))
    metric = ("--metric", "peak_memory")
    assert run_cli(["compare", *sides, *metric, "--gate", "3%"]) == 1
    said = capsys.readouterr().out
    assert "more, breaks the gate" in said
    assert "peak memory: 1 more" in said
    assert "gate of 3 %: broken (1 of 1 cells take more)" in said
    assert "base MB" in said
    assert "slower" not in said
    assert run_cli(["compare", *sides, *metric, "--gate", "20%"]) == 0
    assert "gate of 20 %: holds" in capsys.readouterr().out
    [one] = run_json(capsys, *sides, *metric)["comparisons"]
    assert one["verdict"] == "slower", "documents for scripts keep their words"


@pytest.mark.parametrize(("file_format", "said"), [("markdown", "more by 11.9"), ("junit", "more by 11.9")])
def test_other_formats_say_it_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file_format: str, said: str
) -> None:
    sides = selections(write_run(tmp_path / "run", both_delegates(22.4), baseline=CPU))
    run_cli(["compare", *sides, "--metric", "peak_memory", "--format", file_format])
    printed = capsys.readouterr().out
    assert said in printed
    assert "slower" not in printed


def test_less_memory_is_a_share_and_no_factor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sides = selections(write_run(tmp_path / "run", both_delegates(5.0), baseline=CPU))
    run_cli(["compare", *sides, "--metric", "peak_memory", "--format", "markdown"])
    assert "less by 75." in capsys.readouterr().out


def test_json_of_a_run_has_ratios_and_verdicts_of_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_run(tmp_path / "run", latency() + both_delegates(22.4), baseline=CPU)
    cpu, xnnpack = summary_document(RunOutcome(run=load_run(path)))["cells"]
    assert (cpu["is_baseline"], cpu["ratio"], cpu["verdict"]) == (True, None, None)
    [one] = run_json(capsys, *selections(path))["comparisons"]
    assert xnnpack["is_baseline"] is False
    for key in ("ratio", "ci_low", "ci_high", "verdict"):
        assert xnnpack[key] == one[key], "as harness compare has it"
    [one] = run_json(capsys, *selections(path), "--metric", "peak_memory")["comparisons"]
    assert {key: xnnpack["memory"][key] for key in ("ratio", "ci_low", "ci_high", "verdict")} == {
        key: one[key] for key in ("ratio", "ci_low", "ci_high", "verdict")
    }
    assert xnnpack["memory"]["peak_mb"] == one["head"]["estimate_mb"]
    assert xnnpack["memory"]["processes"] == 10


def test_json_of_a_run_without_a_baseline_has_no_ratio(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", latency())
    for one in summary_document(RunOutcome(run=load_run(path)))["cells"]:
        assert (one["is_baseline"], one["ratio"], one["verdict"], one["memory"]["peak_mb"]) == (False, None, None, None)
