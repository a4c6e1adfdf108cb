"""Several outputs of one `harness compare`, and what it says of a gate that nobody would see otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lxml import etree

from harness.cli.main import run_cli
from harness.records import Status
from harness.records.causes import Cause
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, selections, two_delegates, write_run


@pytest.fixture
def sides(tmp_path: Path) -> tuple[str, str]:
    return selections(two_delegates(tmp_path / "run"))


def test_one_call_prints_the_table_and_writes_three_files(
    tmp_path: Path, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: tmp_path / f"out.{name}" for name in ("html", "junit", "markdown")}
    options = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    assert run_cli(["compare", *sides, "--gate", "3%", *options]) == 1
    said = capsys.readouterr()
    assert said.out.count("gate of 3 %: broken (1 of 1 cells slower)") == 1
    assert said.err == "", "the table has said it"
    assert "1 slower" in files["html"].read_text(encoding="utf-8")
    assert etree.parse(files["junit"]).getroot().get("failures") == "1"
    assert files["markdown"].read_text(encoding="utf-8").startswith("### average latency: 1 slower")


def test_files_beside_a_document_do_not_disturb_it(
    tmp_path: Path, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["compare", *sides, "--json", "--html", str(tmp_path / "c.html")]) == 0
    assert json.loads(capsys.readouterr().out)["comparisons"]
    assert (tmp_path / "c.html").stat().st_size > 10_000


def test_html_goes_where_any_format_goes(
    tmp_path: Path, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["compare", *sides, "--format", "html", "-o", str(tmp_path / "c.html")]) == 0
    assert capsys.readouterr().out == ""
    assert run_cli(["compare", *sides, "--format", "html"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("<!doctype html>")
    assert printed.count("data-cell-link") == (tmp_path / "c.html").read_text(encoding="utf-8").count("data-cell-link")


def test_a_broken_gate_is_one_line_on_the_terminal_where_the_table_goes_to_a_file(
    tmp_path: Path, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["compare", *sides, "--gate", "3%", "--format", "junit", "-o", str(tmp_path / "c.xml")]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "gate of 3 %: broken (1 of 1 cells slower)\n")
    assert run_cli(["compare", *sides, "--gate", "50%", "--format", "junit", "-o", str(tmp_path / "c.xml")]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", ""), "nothing to be told of"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--html", "x", "--junit", "x"), "--html and --junit name the same file"),
        (("-o", "x", "--html", "./x"), "-o and --html name the same file"),
        (("--format", "junit", "-o", "a", "--format", "html", "-o", "b"), "was given 2 times"),
        (("--html", "-"), "--html needs a file"),
        (("--html", ""), "it needs a name"),
    ],
)
def test_outputs_that_would_lose_one_another_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sides: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert run_cli(["compare", *sides, *options]) == 2
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_an_output_that_cannot_be_written_costs_none_of_the_others(
    tmp_path: Path, sides: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--html", str(tmp_path / "no" / "c.html"), "--junit", str(tmp_path / "c.xml"), "--gate", "3%")
    assert run_cli(["compare", *sides, *options]) == 2
    said = capsys.readouterr()
    assert "1 slower" in said.out
    assert "no/c.html" in said.err
    assert (tmp_path / "c.xml").exists()


@pytest.mark.parametrize("option", ["--html", "--junit", "--markdown"])
def test_no_output_is_written_over_what_was_measured(
    tmp_path: Path, sides: tuple[str, str], capsys: pytest.CaptureFixture[str], option: str
) -> None:
    before = (tmp_path / "run" / "trials.jsonl").read_bytes()
    assert run_cli(["compare", *sides, option, str(tmp_path / "run" / "trials.jsonl")]) == 2
    assert "is part of the run" in capsys.readouterr().err
    assert (tmp_path / "run" / "trials.jsonl").read_bytes() == before


def test_what_plus_n_means_is_said_only_where_one_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = cell([None] * 3, status=Status.FAILED, causes=(Cause.CRASHED,))
    both = [*cell(noise(1, count=3)), *cell(noise(2, count=3), delegate="gpu")]
    for name, results in (("base", cell(noise(1))), ("head", failed), ("few", both)):
        write_run(tmp_path / name, results)
    run_cli(["compare", str(tmp_path / "base"), str(tmp_path / "head")])
    assert "+N" not in capsys.readouterr().out
    run_cli(["compare", f"{tmp_path / 'few'}@delegate=cpu", f"{tmp_path / 'few'}@delegate=gpu"])
    assert "+N" in capsys.readouterr().out
