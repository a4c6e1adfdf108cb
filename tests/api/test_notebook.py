"""What a notebook shows where a cell ends with something of the API: a line, or a small table, and never screens full of trials."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import html as lxml_html

from harness.api.calibrate_run import CalibratedRun
from harness.api.compare_runs import compare
from harness.api.ingest_logs import Ingested
from harness.api.run_outcome import RunOutcome
from harness.formats.frames import load
from harness.records import Status
from harness.records.causes import Cause
from harness.runs.run_store import load_run
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, selections, two_delegates, write_run
from tests.cli.memory_runs import both_delegates

HOSTILE = "<script>alert(1)</script>"


def rows_of(markup: str) -> list[list[str]]:
    return [
        [column.text_content() for column in row] for row in lxml_html.fragment_fromstring(markup, "div").iter("tr")
    ]


def test_a_line_says_what_it_is(tmp_path: Path) -> None:
    path = two_delegates(tmp_path / "run")
    run = load_run(path)
    assert repr(run) == f"Run({str(path)!r}, suite 'made-up': 22 ok)"
    assert repr(load(path)) == f"RunFrames({run!r})"
    outcome = RunOutcome(run=run, unfinished=3, interrupted=True)
    assert repr(outcome) == f"RunOutcome({str(path)!r}, suite 'made-up': 22 ok; interrupted, 3 did not run)"
    assert repr(run.manifest) == "Manifest('run', suite 'made-up': 1 devices, 0 trials)"
    found = compare(*selections(path))
    assert repr(found) == f"RunComparison({found.base!r}, {found.head!r}: average latency: 1 slower)"
    assert repr(CalibratedRun(path=path, cells=(), left_out=2, written=())) == (
        f"CalibratedRun({str(path)!r}: 0 cells, 2 with too few processes)"
    )
    assert repr(Ingested(path=path, results=run.results)) == f"Ingested({str(path)!r}: 22 ok)"


def test_a_run_is_a_small_table(tmp_path: Path) -> None:
    path = two_delegates(tmp_path / "run", head=500.0)
    head, cpu, xnnpack = rows_of(RunOutcome(run=load_run(path))._repr_html_())
    assert head == ["model", "device", "delegate", "threads", "cpus", "median", "ratio", "n", "status"]
    assert cpu[5].endswith(" ms")
    assert cpu[6:] == ["", "10", "ok"]
    assert xnnpack[2] == "xnnpack"
    assert xnnpack[6].startswith("0.499 [")
    assert xnnpack[6].endswith(" faster")
    assert load(path)._repr_html_() == RunOutcome(run=load_run(path))._repr_html_()


def test_memory_has_a_column_where_it_was_measured(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", cell(noise(1)) + both_delegates(40.0))
    head, cpu, _ = rows_of(load(path)._repr_html_())
    assert cpu[head.index("peak memory")].endswith(" MB")


def test_a_comparison_has_the_numbers_of_the_command(tmp_path: Path) -> None:
    found = compare(*selections(two_delegates(tmp_path / "run")), gate=0.03)
    markup = found._repr_html_()
    [_, row] = rows_of(markup)
    assert row[-1].startswith("slower by ")
    assert "gate of 3 %: broken (1 of 1 cells slower)" in markup


@pytest.mark.parametrize("status", [Status.OK, Status.FAILED])
def test_names_are_escaped(tmp_path: Path, status: Status) -> None:
    results = cell(noise(1), model=HOSTILE, status=status, causes=(Cause.CRASHED,) if status is Status.FAILED else ())
    path = write_run(tmp_path / "run", results + cell(noise(2), model=HOSTILE, delegate="xnnpack"))
    assert "<script" not in load(path)._repr_html_()
    assert HOSTILE in rows_of(load(path)._repr_html_())[1][0]
    assert "<script" not in compare(f"{path}@delegate=cpu", f"{path}@delegate=xnnpack")._repr_html_()


def test_a_large_run_stays_small(tmp_path: Path) -> None:
    results = [one for model in range(60) for one in cell([1000.0, 1001.0], model=f"m{model:02}")]
    path = write_run(tmp_path / "run", results)
    markup = load(path)._repr_html_()
    assert len(rows_of(markup)) == 21
    assert "and 40 more" in markup
    assert len(repr(load(path))) < 200
