from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import harness
from harness.errors import UsageError
from harness.records import Status
from harness.runs.run_store import load_run
from tests.benchmark_model.recorded import LOGS

HOST = LOGS / "host"
AT = datetime(2126, 8, 1, 12, tzinfo=UTC)


def test_a_file_and_a_log_in_memory_become_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_memory = harness.RecordedLog(name="-", source="a pipe", data=(HOST / "01_default_fp16.log").read_bytes(), at=AT)
    logs: list[Path | harness.RecordedLog] = [HOST / "01_default_fp32.log", in_memory]
    taken = harness.ingest(logs, device="Pixel 6", model="mobilenet", delegate="xnnpack", out=tmp_path / "run")
    assert taken.good
    assert taken.results == load_run(taken.path).results
    assert [result.trial.process for result in taken.results] == [0, 1]
    assert taken.results[1].started_at == AT
    assert taken.results[1].measurement is not None
    assert taken.results[1].measurement.notes[0] == "recorded elsewhere and read from a pipe"
    assert capsys.readouterr() == ("", "")


def test_a_log_of_a_failure_is_a_result_that_is_not_good(tmp_path: Path) -> None:
    taken = harness.ingest(str(HOST / "17_badpath.log"), device="d", model="m", delegate="cpu", out=tmp_path / "run")
    assert [result.status for result in taken.results] == [Status.FAILED]
    assert not taken.good


def test_wrong_requests_write_nothing(tmp_path: Path) -> None:
    log, out = HOST / "01_default_fp32.log", tmp_path / "run"
    with pytest.raises(UsageError, match="cannot read"):
        harness.ingest([log, tmp_path / "none.log"], device="d", model="m", delegate="cpu", out=out)
    with pytest.raises(UsageError, match="needs a name"):
        harness.ingest(log, device=" ", model="m", delegate="cpu", out=out)
    with pytest.raises(UsageError, match="not a delegate's name"):
        harness.ingest(log, device="d", model="m", delegate="a b", out=out)
    with pytest.raises(UsageError, match="no log"):
        harness.ingest([], device="d", model="m", delegate="cpu", out=out)
    assert not out.exists()


def test_logs_count_as_run_in_the_order_of_their_times(tmp_path: Path) -> None:
    names = ["01_default_fp32.log", "01_default_fp16.log", "11_threads_2.log"]
    texts = [(HOST / name).read_bytes() for name in names]

    def sources(minutes: list[float]) -> list[str]:
        logs = [
            harness.RecordedLog(name=name, source=name, data=text, at=AT + timedelta(minutes=at))
            for name, text, at in zip(names, texts, minutes, strict=True)
        ]
        out = tmp_path / str(minutes)
        taken = harness.ingest(logs, device="d", model="m", delegate="xnnpack", out=out, threads=None)
        blocks = [result.trial.block for result in taken.results]
        assert blocks == [0, 1, 2]
        assert [result.trial.block for result in load_run(out).results] == blocks
        notes = [result.measurement.notes[0] for result in taken.results if result.measurement]
        return [note.removeprefix("recorded elsewhere and read from ") for note in notes]

    assert sources([0, 1, 2]) == names
    assert sources([2, 0, 1]) == [names[1], names[2], names[0]]
    assert sources([0, 0, 0]) == names, "equal times say nothing"
    assert sources([0.02, 0.01, 0.0]) == names, "written within a second: copied"
    assert sources([1, 0, 0]) == [names[1], names[2], names[0]]
