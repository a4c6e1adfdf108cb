from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness.errors import UsageError
from tests.report.runs import demo_run, write_run


def test_a_run_as_frames(tmp_path: Path) -> None:
    demo_run(tmp_path / "run")
    run = harness.load(str(tmp_path / "run"))
    assert run.manifest.suite == "demo"
    assert len(run.trials) == 252
    assert str(run.trials["started_at"].dtype).endswith("UTC]")
    assert run.trials["threads"].dtype == "Int64"
    killed = run.trials[run.trials["causes"] == "timeout"]
    assert killed["inference_avg_us"].isna().all()
    assert killed["run_count"].isna().all()
    cost = run.ops["cost_us"].groupby(run.ops["trial_id"]).sum()
    assert len(cost) == 36
    assert run.ops["on_delegate"].dtype == "boolean"


def test_samples_are_one_row_per_reading_and_core(tmp_path: Path) -> None:
    demo_run(tmp_path / "run")
    samples = harness.load(tmp_path / "run").samples
    first = samples[samples["trial_id"] == samples["trial_id"].iloc[0]]
    assert first["cpu"].tolist() == [4, 5, pd.NA]
    assert first["t_s"].tolist() == [0.5, 0.5, 1.0]
    assert first["affinity"].tolist() == ["4-7", "4-7", pd.NA]


def test_an_empty_run_has_empty_frames_of_the_same_types(tmp_path: Path) -> None:
    write_run(tmp_path / "run", [])
    run = harness.load(tmp_path / "run")
    assert run.trials.empty
    assert run.ops.empty
    assert run.samples.empty
    assert run.trials["inference_avg_us"].dtype == "Float64"
    assert str(run.trials["started_at"].dtype).endswith("UTC]")


def test_no_run_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        harness.load(tmp_path)


def test_frames_need_no_pyarrow(tmp_path: Path) -> None:
    demo_run(tmp_path / "run")
    code = (
        "import sys; sys.modules['pyarrow'] = None; import harness; run = harness.load(sys.argv[1]); "
        "print(len(run.trials), len(run.ops), len(run.samples), run.trials['device'].dtype)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    run = harness.load(tmp_path / "run")
    assert done.stdout.split() == [str(len(run.trials)), str(len(run.ops)), str(len(run.samples)), "string"]


def test_importing_the_package_does_not_import_pandas() -> None:
    code = "import sys, harness; sys.exit('pandas' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
