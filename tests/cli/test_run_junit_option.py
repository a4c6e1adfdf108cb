"""`harness run --junit` and `harness export --format junit`."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from harness.cli.main import run_cli
from harness.records import Status
from harness.records.causes import Cause
from harness.report.log_tails import log_tails
from harness.runs.run_store import load_run
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, two_delegates, write_run
from tests.cli.running import harness, no_traceback, write_suite
from tests.model_files import shipped


def test_a_run_writes_it_and_its_end_is_that_of_the_exit_code(tmp_path: Path) -> None:
    suite = write_suite(
        tmp_path, [shipped("cnn_fp32.tflite")], "delegates: [cpu, {name: gpu, require: full}]\nprocesses: 1\n"
    )
    file = tmp_path / "run" / "junit.xml"
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run", "--junit", file)
    no_traceback(done)
    assert done.returncode == 1
    document = etree.parse(file).getroot()
    assert (document.get("tests"), document.get("failures")) == ("2", "1")
    assert "last lines of" in "".join(document.xpath("//system-err/text()"))
    again = harness("export", tmp_path / "run", "--format", "junit")
    assert again.stdout == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no/junit.xml", "there is no folder"),
        ("folder", "it is a folder"),
        ("run/trials.jsonl", "is part of the run"),
        ("run/logs", "is part of the run"),
        ("-", "standard output is taken"),
        ("old/report.html", "is part of the run"),
    ],
)
def test_a_place_that_would_fail_in_the_end_is_refused_at_the_start(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder").mkdir()
    two_delegates(tmp_path / "old")
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")])
    done = harness("run", suite, "--device", "virtual:1", "--out", "run", "--junit", name, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_dry_run_has_no_results(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")])
    done = harness("run", suite, "--device", "virtual:1", "--dry-run", "--junit", tmp_path / "j.xml")
    assert done.returncode == 2
    assert "--junit" in done.stderr


def test_export_takes_one_run_as_a_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(two_delegates(tmp_path / "run"))
    assert run_cli(["export", path, "--format", "junit", "--where", "delegate=cpu"]) == 2
    assert run_cli(["export", path, path, "--format", "junit"]) == 2
    capsys.readouterr()
    assert run_cli(["export", path, "--format", "junit", "-o", f"{path}/trials.jsonl"]) == 2
    assert "is part of the run" in capsys.readouterr().err
    assert run_cli(["export", path, "--format", "junit", "-o", str(tmp_path / "j.xml")]) == 0
    assert etree.parse(tmp_path / "j.xml").getroot().get("tests") == "2"
    assert log_tails(Path(path), load_run(Path(path)).results) == {}


def test_a_run_without_a_good_result_is_exported_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = cell([None] * 3, status=Status.FAILED, causes=(Cause.CRASHED,))
    path = write_run(tmp_path / "run", failed + cell(noise(1), delegate="gpu", status=Status.INVALID))
    assert run_cli(["export", str(path), "--format", "junit"]) == 0
    assert etree.fromstring(capsys.readouterr().out.encode()).get("failures") == "2"
