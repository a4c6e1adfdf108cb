"""The benchmark of large reports, small: that it measures what it says, not how fast this machine is."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report_scale import LIMITS, make_report, write_run
from harness.runs.run_store import load_run


def test_the_benchmark_writes_a_synthetic_run_of_the_size_asked_for_and_reports_it(tmp_path: Path) -> None:
    write_run(tmp_path / "run", trials=400, op_rows=8000, processes=5)
    run = load_run(tmp_path / "run")
    assert len(run.results) == len(run.manifest.trials) == 400
    assert sum(len(r.measurement.ops or ()) for r in run.results if r.measurement) == 8000
    assert all(result.synthetic for result in run.results)
    seconds, computing, megabytes = make_report(tmp_path / "run")
    assert computing > 0
    assert seconds > 0
    assert 20 < megabytes < LIMITS["peak memory (MB)"]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "400 of 400 results were replayed or modelled, not measured." in page
    assert "All of them rest on numbers that were replayed or modelled" in page
