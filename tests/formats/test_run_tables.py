from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from harness.cli.export import export
from harness.errors import UsageError
from harness.formats.run_tables import TableName, delegated_nodes, iso_utc, to_parquet, to_text
from harness.records import DelegateUse, Measurement, ModelInput, OpTiming, Result, RunStatistics, Status
from harness.runs.run_store import Run, load_run
from tests.report.runs import PHONE, demo_results, demo_run, model_ref, write_run

TRIALS = (
    "run_id trial_id suite device device_model soc android abi model model_sha256 delegate threads cpus purpose process status causes "
    "init_us first_inference_us warmup_avg_us inference_avg_us median_us min_us max_us std_us run_count peak_memory_mb "
    "temperature_before_c temperature_after_c frequency_khz affinity_observed delegated_nodes total_nodes started_at duration_s "
    "synthetic binary start model_asked variant source source_sha256 model_size_bytes "
    "output_max_abs output_max_rel output_snr_db output_cosine output_argmax output_nan "
    "reference_max_abs reference_max_rel reference_snr_db reference_cosine reference_argmax reference_nan "
    "reference_variant accuracy_samples accuracy_inputs task_metric task_value"
)
OPS = (
    "run_id trial_id device model delegate threads cpus op_index node_type name avg_us percent times_called on_delegate synthetic "
    "binary start cost_us model_asked variant source source_sha256 model_size_bytes"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return demo_run(tmp_path_factory.mktemp("export") / "run")


def _bare(tmp_path: Path, measurement: Measurement | None = None) -> Run:
    """A run of one result about which next to nothing is known."""
    template = demo_results((model_ref("m"),), (PHONE,))[0]
    result = Result(
        trial=template.trial,
        status=Status.OK,
        measurement=measurement,
        started_at=datetime(2026, 8, 1, 12, tzinfo=timezone(timedelta(hours=2))),
        duration_s=1.5,
    )
    return write_run(tmp_path / "bare", [result], devices=())


def _count(count: int) -> RunStatistics:
    return RunStatistics(count=count)


def exported(runs: list[Run], table: TableName, file_format: str) -> str:
    out = io.StringIO(newline="")
    to_text(runs, table, file_format, out)
    return out.getvalue()


def _json(runs: list[Run], table: TableName) -> list[dict[str, object]]:
    rows = json.loads(exported(runs, table, "json"))
    assert isinstance(rows, list)
    return rows


@pytest.mark.parametrize(("table", "columns"), [("trials", TRIALS), ("ops", OPS)])
def test_columns_are_the_promised_ones_in_order(run: Run, tmp_path: Path, table: TableName, columns: str) -> None:
    assert exported([run], table, "csv").splitlines()[0] == columns.replace(" ", ",")
    assert all(list(row) == columns.split() for row in _json([run], table))
    out = tmp_path / "t.parquet"
    CliRunner().invoke(
        export, [str(run.path), "--table", table, "--format", "parquet", "-o", str(out)], catch_exceptions=False
    )
    assert pq.read_schema(out).names == columns.split()


def test_a_trial_row_says_what_is_known(run: Run) -> None:
    row = next(
        r
        for r in _json([run], "trials")
        if r["delegate"] == "gpu" and r["status"] == "ok" and r["purpose"] == "latency"
    )
    assert row["device_model"] == "Pixel 8"
    assert row["cpus"] == "f0"
    assert (row["delegated_nodes"], row["total_nodes"]) == (64, 66)
    assert row["abi"] == "arm64-v8a"
    assert row["run_count"] == 120
    assert row["causes"] == ""
    assert str(row["started_at"]).endswith("Z")
    assert row["synthetic"] is False
    invalid = next(r for r in _json([run], "trials") if r["status"] == "invalid")
    assert invalid["causes"] == "unconsumed_flags,delegate_not_applied"


def test_ops_say_where_they_ran(run: Run) -> None:
    placed = {(row["delegate"], row["node_type"]): row["on_delegate"] for row in _json([run], "ops")}
    assert placed[("cpu", "CONV_2D")] is False
    assert placed[("xnnpack", "Add (ND)")] is True
    assert placed[("xnnpack", "SOFTMAX")] is False


@pytest.mark.parametrize(
    ("measurement", "cost"),
    [
        (Measurement(), 30.0),  # ops of one name in two partitions are one row
        (Measurement(tool="benchmark_litert_model", warmup=_count(1), runs=_count(2)), 10.0),
    ],
)
def test_the_cost_of_an_op_is_that_of_one_inference(tmp_path: Path, measurement: Measurement, cost: float) -> None:
    calls = {"named": 3, "old": 0, "silent": None}
    ops = tuple(
        OpTiming(index=i, node_type="CONV_2D", name=name, avg_us=10.0, times_called=count)
        for i, (name, count) in enumerate(calls.items())
    )
    rows = _json([_bare(tmp_path, replace(measurement, ops=ops))], "ops")
    assert {row["name"]: row["cost_us"] for row in rows} == {"named": cost, "old": 10.0, "silent": 10.0}
    assert {row["name"]: row["times_called"] for row in rows} == calls


def test_what_the_suite_says_of_the_model_stands_in_both_tables(tmp_path: Path) -> None:
    run = _bare(tmp_path, Measurement(ops=(OpTiming(index=0, node_type="CONV_2D", name="x", avg_us=1.0),)))
    result = run.results[0]
    fed = replace(result.trial.model, signature="decode", inputs=(ModelInput(name="ids", shape=(1, 8), range=(0, 9)),))
    asked = replace(run, results=(result, replace(result, trial=replace(result.trial, model=fed))))
    for table in ("trials", "ops"):
        assert [row["model_asked"] for row in _json([asked], table)] == [None, "signature decode, ids 1x8 in 0..9"]


def test_what_is_not_known_is_null_in_every_format(tmp_path: Path) -> None:
    seen = Measurement(runs=RunStatistics(count=1, curr=10050.0), inference_avg_us=float("nan"))
    run = _bare(tmp_path, seen)
    [row] = _json([run], "trials")
    known = {name for name, value in row.items() if value is not None}
    assert known == {
        *("run_id", "trial_id", "suite", "device", "model", "model_sha256", "delegate", "threads", "cpus", "purpose"),
        *("process", "status", "causes", "run_count", "started_at", "duration_s", "synthetic", "start"),
    }
    assert row["started_at"] == "2026-08-01T10:00:00Z"
    [cells] = csv.DictReader(io.StringIO(exported([run], "trials", "csv")))
    assert {name for name, text in cells.items() if text} == known - {"causes"}
    out = tmp_path / "t.parquet"
    CliRunner().invoke(export, [str(run.path), "--format", "parquet", "-o", str(out)], catch_exceptions=False)
    assert pq.read_table(out).to_pylist() == [row]


def test_several_runs_follow_one_another(run: Run, tmp_path: Path) -> None:
    other = _bare(tmp_path)
    result = CliRunner().invoke(export, [str(run.path), str(other.path), "--format", "json"], catch_exceptions=False)
    rows = json.loads(result.stdout)
    assert [row["run_id"] for row in rows] == ["run"] * 252 + ["bare"]


def test_formulas_are_defused_in_csv_and_exact_elsewhere(tmp_path: Path) -> None:
    names = ["=cmd|' /C calc'!A0", "+1", "-2+3", "@SUM(A1)", "\tx", "plain", 'quo"te, comma\nline', "'quoted"]
    ops = tuple(OpTiming(index=i, node_type="CONV_2D", name=name, avg_us=-1.5) for i, name in enumerate(names))
    run = _bare(tmp_path, Measurement(ops=ops))
    in_csv = list(csv.DictReader(io.StringIO(exported([run], "ops", "csv"), newline="")))
    assert [row["name"] for row in in_csv] == [*("'" + name for name in names[:5]), *names[5:]]
    assert {row["avg_us"] for row in in_csv} == {"-1.5"}
    assert [row["name"] for row in _json([run], "ops")] == names


@pytest.mark.parametrize("odd", [None, "nan", "tool"])
def test_stored_ops_and_ops_in_memory_give_the_same_tables(tmp_path: Path, odd: str | None) -> None:
    stored = demo_run(tmp_path / "run")
    results = list(stored.results)
    at = next(at for at, result in enumerate(results) if result.measurement and result.measurement.ops)
    seen = results[at].measurement
    assert seen is not None
    assert seen.ops is not None
    if odd == "nan":  # JSON has no such number, so it is not stored in columns
        results[at] = replace(results[at], measurement=replace(seen, ops=(replace(seen.ops[0], avg_us=float("nan")),)))
    elif odd == "tool":
        results[at] = replace(results[at], measurement=replace(seen, tool="benchmark_litert_model", warmup=_count(3)))
    run = load_run(write_run(tmp_path / "odd", results).path)
    in_memory = replace(run, results=tuple(_as_rows(result) for result in run.results))
    by_columns, by_rows = io.BytesIO(), io.BytesIO()
    to_parquet([run, stored], "ops", by_columns)
    to_parquet([in_memory, stored], "ops", by_rows)
    assert pq.read_table(by_columns).num_rows > 100
    assert by_columns.getvalue() == by_rows.getvalue()
    for file_format in ("csv", "json"):
        assert exported([run, stored], "ops", file_format) == exported([in_memory, stored], "ops", file_format)


def test_odd_values_of_ops_are_null_or_escaped_in_every_format(tmp_path: Path) -> None:
    op = OpTiming(index=0, node_type="C\udce9", name="\udce9 \u00e9", avg_us=float("inf"), percent=float("-inf"))
    run = _bare(tmp_path)
    seen = replace(run.results[0], measurement=Measurement(ops=(op, replace(op, avg_us=1.5))))
    odd = replace(run, manifest=replace(run.manifest, run_id="r\udce9"), results=(seen,))
    shown = {"run_id": "r\\udce9", "node_type": "C\\udce9", "name": "\\udce9 \u00e9", "percent": None}
    averages: list[float | None] = [None, 1.5]
    rows = _json([odd], "ops")
    assert [{name: row[name] for name in shown} for row in rows] == [shown, shown]
    assert [row["avg_us"] for row in rows] == [row["cost_us"] for row in rows] == averages
    in_csv = list(csv.DictReader(io.StringIO(exported([odd], "ops", "csv").encode().decode())))
    assert [(row["name"], row["avg_us"], row["percent"]) for row in in_csv] == [
        (shown["name"], "", ""),
        (shown["name"], "1.5", ""),
    ]
    out = io.BytesIO()
    to_parquet([odd], "ops", out)
    assert pq.read_table(out).to_pylist() == rows


def _as_rows(result: Result) -> Result:
    seen = result.measurement
    return (
        result if seen is None or seen.ops is None else replace(result, measurement=replace(seen, ops=tuple(seen.ops)))
    )


def test_no_rows_is_still_a_table(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [])
    assert exported([run], "ops", "json") == "[]\n"
    assert exported([run], "ops", "csv") == OPS.replace(" ", ",") + "\n"
    out = tmp_path / "t.parquet"
    CliRunner().invoke(
        export, [str(run.path), "--table", "ops", "--format", "parquet", "-o", str(out)], catch_exceptions=False
    )
    assert pq.read_table(out).num_rows == 0


def test_parquet_is_not_written_to_standard_output(run: Run) -> None:
    with pytest.raises(UsageError, match="-o FILE"):
        CliRunner().invoke(export, [str(run.path), "--format", "parquet"], catch_exceptions=False)


@pytest.mark.parametrize(("file_format", "code"), [("parquet", 3), ("csv", 0), ("json", 0)])
def test_without_pyarrow_only_parquet_is_refused(run: Run, tmp_path: Path, file_format: str, code: int) -> None:
    start = "import sys; sys.modules['pyarrow'] = None; from harness.cli.main import main; main()"
    out = tmp_path / "t"
    command = [sys.executable, "-c", start, "export", str(run.path), "--format", file_format, "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr
    assert out.exists() == (code == 0)
    if code:
        said, remedy = done.stderr.splitlines()
        assert said.startswith("harness: Parquet needs the Python package pyarrow")
        assert remedy.strip() == "pip install 'litert-device-harness[parquet]'"


def test_places_that_cannot_be_read_or_written_are_clear_errors(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        CliRunner().invoke(export, [str(tmp_path)], catch_exceptions=False)
    with pytest.raises(UsageError, match="cannot write"):
        CliRunner().invoke(export, [str(run.path), "-o", str(tmp_path / "no" / "x.csv")], catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []


def test_delegated_nodes_are_those_of_the_delegate_asked_for() -> None:
    gpu = DelegateUse(name="GPU", applied="partial", nodes_delegated=60, nodes_total=66, partitions=2)
    xnnpack = DelegateUse(name="XNNPACK", applied="implicit", nodes_delegated=6)
    both = Measurement(delegates=(gpu, xnnpack))
    assert delegated_nodes(both, "gpu") == (60, 66)
    assert delegated_nodes(both, "xnnpack") == (6, None)
    assert delegated_nodes(both, "nnapi") == (None, None)
    assert delegated_nodes(replace(both, delegates=(gpu,)), "external") == (60, 66)
    named = (DelegateUse(name="EXTERNAL", applied="partial"), replace(gpu, name="QNN"), both.delegates[1])
    assert delegated_nodes(replace(both, delegates=named), "external") == (60, 66)
    # What the CPU took is never counted as another delegate's.
    assert delegated_nodes(replace(both, delegates=(both.delegates[1],)), "external") == (None, None)
    assert delegated_nodes(replace(both, delegates=(both.delegates[1],)), "gpu") == (None, None)
    assert delegated_nodes(None, "gpu") == (None, None)


def test_times_are_utc() -> None:
    assert iso_utc(datetime(2026, 8, 1, 12, 0, 0, 250_000, tzinfo=UTC)) == "2026-08-01T12:00:00.250000Z"
    assert iso_utc(datetime(2026, 8, 1, 12)) == "2026-08-01T12:00:00Z"


def test_a_name_that_is_no_text_is_escaped_in_every_format(tmp_path: Path) -> None:
    """A file name of arbitrary bytes, as Python has them."""
    run = _bare(tmp_path)
    odd = Run(path=run.path, manifest=replace(run.manifest, suite="caf\udce9 \u00e9"), results=run.results)
    assert _json([odd], "trials")[0]["suite"] == "caf\\udce9 \u00e9"
    assert "caf\\udce9 \u00e9" in exported([odd], "trials", "csv").encode().decode()
    with (tmp_path / "t.parquet").open("wb") as stream:
        to_parquet([odd], "trials", stream)
    assert pq.read_table(tmp_path / "t.parquet").to_pylist()[0]["suite"] == "caf\\udce9 \u00e9"


def test_a_number_that_parquet_has_no_room_for_is_one_line(tmp_path: Path) -> None:
    run = _bare(tmp_path)
    result = run.results[0]
    huge = replace(result, trial=replace(result.trial, process=2**70))
    odd = Run(path=run.path, manifest=run.manifest, results=(huge,))
    assert _json([odd], "trials")[0]["process"] == 2**70
    with (tmp_path / "t.parquet").open("wb") as stream, pytest.raises(UsageError, match="process holds a number"):
        to_parquet([odd], "trials", stream)
