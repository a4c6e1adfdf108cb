"""`harness run --dry-run`: a summary by cell for people, every trial for scripts, also of what is left of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import harness as api
from harness.analysis.cells import group_by_cell
from harness.api.resume_plan import left_of, plan_resume
from harness.api.run_suite import RunPlan
from harness.cli.dry_run import dry_run_document, print_dry_run
from harness.devices.topology import build_topology
from harness.errors import UsageError
from harness.runs.run_store import load_run
from harness.suite.expand import DevicePlan, expand
from harness.suite.suite_file import load_suite
from tests.cli.running import harness, write_suite
from tests.model_files import copy_of_shipped, shipped

EIGHT = build_topology(
    present="0-7", online="0-7", capacities={i: 300 if i < 4 else 1024 for i in range(8)}, max_frequencies_khz={}
)


def planned(folder: Path, text: str, models: int = 1) -> RunPlan:
    for number in range(models):
        (folder / f"m{number}.tflite").write_bytes(b"x")
    file = folder / "s.yaml"
    file.write_text(f"suite: s\nmodels: ['m*.tflite']\n{text}", encoding="utf-8")
    suite = load_suite(file)
    devices = [DevicePlan(serial=name, topology=EIGHT, cpu_sets={}) for name in ("one", "two")]
    return RunPlan(suite=suite, expansion=expand(suite.suite, suite.models, devices, seed=1))


def test_a_row_is_a_cell_with_the_processes_of_each_purpose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        "delegates: [cpu, xnnpack]\npurposes: [latency, memory]\nprocesses: {latency: 7, memory: 3}\ncpus: [all, f00]\n"
    )
    plan = planned(tmp_path, text)
    print_dry_run(plan)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["model", "delegate", "threads", "cpus", "devices", "latency", "memory"]
    assert rows[1:3] == [
        ["m0", "cpu", "1", "all", "(ff)", "2", "14", "6"],
        ["m0", "xnnpack", "1", "all", "(ff)", "2", "14", "6"],
    ]
    skipped = [" ".join(row) for row in rows if row[:1] == ["skipped:"]]
    assert len(skipped) == 2
    assert skipped[0].startswith("skipped: 20 trials on one: the device has no cores 'f00'")
    assert "40 trials of suite s, seed 1" in [" ".join(row) for row in rows]


@pytest.mark.parametrize(
    ("processes", "least", "says"),
    [
        (
            "5",
            6,
            "12 comparisons with the baseline: a verdict needs at least 6 processes of a cell (`same`: 16), and the suite runs 5",
        ),
        (
            "10",
            6,
            "12 comparisons with the baseline: a verdict needs at least 6 processes of a cell (`same`: 16) 160 trials",
        ),
        (
            "{min: 5, max: 30, until: 2%}",
            7,
            "a verdict needs at least 7 processes of a cell (`same`: 16) 80 to 480 trials",
        ),
    ],
)
def test_it_says_how_many_processes_a_verdict_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], processes: str, least: int, says: str
) -> None:
    """Two devices, three delegates beside the baseline, twice: 4^-5 is too likely by chance in a table of twelve, 4^-6 is not."""
    text = (
        f"delegates: [cpu, xnnpack, gpu, nnapi]\nthreads: [1, 2]\nprocesses: {processes}\nbaseline: {{delegate: cpu}}\n"
    )
    plan = planned(tmp_path, text)
    print_dry_run(plan)
    assert says.strip() in " ".join(capsys.readouterr().out.split())
    document = dry_run_document(plan)
    assert (document["comparisons"], document["least_processes"]) == (12, least)
    assert document["least_processes_same"] == 16
    (tmp_path / "s.yaml").unlink()
    plain = planned(tmp_path, "delegates: [cpu, xnnpack]\n")
    assert dry_run_document(plain)["least_processes"] is None


def test_a_large_suite_fits_on_a_screen_and_is_whole_as_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = planned(tmp_path, "delegates: [cpu, xnnpack, gpu]\nthreads: [1, 2, 4]\nprocesses: 50\n", models=20)
    print_dry_run(plan)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 60
    assert "... and 140 more cells; --json lists every trial" in lines
    assert "delegates: cpu, gpu, xnnpack" in lines
    assert "18000 trials of suite s, seed 1" in lines
    document = dry_run_document(plan)
    assert len({trial["trial_id"] for trial in document["trials"]}) == document["count"] == 18000


def test_what_is_left_of_a_run_is_planned_without_a_device_or_a_change(tmp_path: Path) -> None:
    """Three of four trials are taken away, and the file of the model that is through with its trials."""
    first, second = copy_of_shipped(tmp_path / "a.tflite"), copy_of_shipped(tmp_path / "b.tflite", "cnn_int8.tflite")
    suite = write_suite(tmp_path, [first, second], "processes: 2\norder: {interleave: false}\n")
    path = tmp_path / "run"
    assert api.run(suite, devices="virtual:1", out=path, report=False).good
    lines = (path / "trials.jsonl").read_bytes().splitlines(keepends=True)
    (path / "trials.jsonl").write_bytes(b"".join(lines[:2]))
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    first.unlink()

    done = harness("run", "--resume", path, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [trial["model"] for trial in document["trials"]] == ["b", "b"]
    assert (document["count"], document["done"]) == (2, 2)
    done = harness("run", "--resume", path, "--dry-run")
    assert "2 trials are left of 4 in suite" in done.stdout
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before

    second.rename(tmp_path / "c.tflite")
    with pytest.raises(UsageError, match=r"b\.tflite cannot be read"):
        plan_resume(path)
    (tmp_path / "c.tflite").rename(second)
    outcome = api.resume(path, report=False)
    assert outcome.good
    assert len(group_by_cell(outcome.results)) == 2
    assert left_of(load_run(path)).trials == ()


def test_models_are_looked_at_before_the_run(tmp_path: Path) -> None:
    page = tmp_path / "page.tflite"
    page.write_text("<html>Sign in</html>")
    suite = write_suite(tmp_path, [page, shipped("cnn_int8.tflite")], "processes: 1\n")
    done = harness("run", suite, "--device", "virtual:1", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"warning: {page} is no TensorFlow Lite model: it is an HTML page" in done.stderr


def test_every_mistake_of_a_suite_is_a_line_on_the_terminal(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")], "processes: 0\nthreads: [none]\ndelegate: [cpu]\n")
    done = harness("run", suite, "--device", "virtual:1", "--dry-run")
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("harness: ")]
    assert [key for line in lines for key in ("processes", "threads[0]", "delegate") if f": {key}: " in line] == [
        "processes",
        "threads[0]",
        "delegate",
    ]
