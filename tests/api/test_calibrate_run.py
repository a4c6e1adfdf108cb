from __future__ import annotations

import json
from pathlib import Path

import pytest

import harness
from harness.cli.main import run_cli
from harness.errors import UsageError
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, write_run
from tests.model_files import shipped


def test_it_is_what_the_command_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", cell(noise(7, count=20)) + cell(noise(8, count=5), delegate="gpu"))
    found = harness.calibrate(run, processes=[20, 5])
    assert capsys.readouterr() == ("", "")
    assert (len(found.cells), found.left_out) == (1, 1)
    assert found.cells[0].found.blocks == 20
    assert [one.processes for one in found.cells[0].found.detectable] == [5, 20]
    assert found.written[0] == run / "calibration.json"
    assert all(path.exists() for path in found.written)
    assert run_cli(["calibrate", str(run), "--processes", "5", "--processes", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(found.document()))


def test_some_cells_only(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cell(noise(7, count=20)) + cell(noise(8, count=20), delegate="gpu"))
    found = harness.calibrate(run, where={"delegate": "gpu"})
    assert [(one.delegate, found.left_out) for one in found.cells] == [("gpu", 0)]


def test_wrong_requests(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cell(noise(7, count=9)))
    with pytest.raises(UsageError, match="the most is 9"):
        harness.calibrate(run)
    with pytest.raises(UsageError, match="more than 0%"):
        harness.calibrate(run, min_effect=0)
    with pytest.raises(UsageError, match="no such metric"):
        harness.calibrate(run, metric="speed")
    assert not (run / "calibration.json").exists()


def test_a_suite_that_does_not_interleave_is_not_run_for_it() -> None:
    suite = {"suite": "s", "models": [shipped("cnn_int8.tflite")], "order": {"interleave": False}}
    with pytest.raises(UsageError, match="without interleaving"):
        harness.run_for_calibration(suite, devices="virtual:1")
