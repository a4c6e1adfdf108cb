"""The benchmark of large reports, small: that it measures what it says, not how fast this machine is."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.report_scale import LIMITS, cost_of, write_run
from harness.runs.run_store import load_run


def test_the_benchmark_writes_a_synthetic_run_of_the_size_asked_for_and_reports_it(tmp_path: Path) -> None:
    write_run(tmp_path / "run", trials=400, op_rows=8000, processes=5)
    run = load_run(tmp_path / "run")
    assert len(run.results) == len(run.manifest.trials) == 400
    assert sum(len(r.measurement.ops or ()) for r in run.results if r.measurement) == 8000
    assert all(result.synthetic for result in run.results)
    cost = cost_of(["report", str(tmp_path / "run")])
    assert cost.computing_s > 0
    assert cost.wall_s > 0
    assert 20 < cost.memory_mb < LIMITS["peak memory (MB)"]
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "400 of 400 results were replayed or modelled, not measured." in page
    assert "All of them rest on numbers that were replayed or modelled" in page


def test_the_memory_of_a_command_is_its_own() -> None:
    ours = bytearray(300_000_000)
    ours[::4096] = bytes([1]) * len(ours[::4096])
    assert cost_of(["--version"]).memory_mb < 200


def test_a_command_that_fails_has_no_cost(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="exit code 2"):
        cost_of(["report", str(tmp_path / "none")])
