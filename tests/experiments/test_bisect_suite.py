"""The suites that a bisection makes of the user's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.analysis.metrics import Metric
from harness.api.run_suite import plan
from harness.experiments.bisect_places import Place
from harness.experiments.bisect_suite import BisectSuites, Kind, side_name
from harness.records import Purpose
from harness.suite.suite_file import LoadedSuite, load_suite
from tests.model_files import shipped

OLD = Place(name="0123456789ab", commit="0123456789ab" * 3)
NEW = Place(name="112233445566", commit="112233445566" * 3)
PROGRAMS = [{"name": OLD.name, "use": "host"}, {"name": NEW.name, "use": "host"}]

SUITE = """
suite: several
models: [{models}]
delegates: [cpu, {{name: xnnpack, require: any}}]
threads: [1, 2]
purposes: [latency, memory]
processes: {{latency: 9, memory: 2}}
baseline: {{delegate: cpu}}
control: {{delegate: cpu}}
order: {{interleave: false}}
run: {{min_runs: 7, min_s: 0}}
"""


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedSuite:
    models = ", ".join(json.dumps(str(shipped(name))) for name in ("cnn_fp32.tflite", "cnn_int8.tflite"))
    (tmp_path / "suite.yaml").write_text(SUITE.format(models=models))
    return load_suite(tmp_path / "suite.yaml")


def test_both_ends_run_in_every_cell_of_the_suite_in_turn(loaded: LoadedSuite) -> None:
    suite = BisectSuites(loaded=loaded, kind="binary", metric=Metric.INFERENCE_AVG).ends([OLD, NEW], PROGRAMS, 6).suite
    assert suite.binary_names() == (OLD.name, NEW.name)
    assert (len(suite.models), len(suite.delegates), suite.threads) == (2, 2, [1, 2])
    assert (suite.purposes, suite.most_processes(Purpose.LATENCY)) == ([Purpose.LATENCY], 6)
    assert (suite.baseline, suite.control, suite.order.interleave) == ({"binary": OLD.name}, None, True)
    assert suite.run.min_runs == 7


def test_a_pair_runs_in_the_cell_that_decides_alone(loaded: LoadedSuite) -> None:
    suites = BisectSuites(loaded=loaded, kind="binary", metric=Metric.INFERENCE_AVG)
    trials = plan(suites.ends([OLD, NEW], PROGRAMS, 6), devices="virtual:1").expansion.trials
    cell = next(one for one in trials if (one.model.name, one.delegate.name, one.threads) == ("cnn_int8", "xnnpack", 2))
    pair = suites.pair([OLD, NEW], PROGRAMS, 6, cell=cell, profile=True)
    again = plan(pair, devices="virtual:1").expansion.trials
    assert {(one.model.sha256, one.delegate_label, one.threads, one.cpus.label) for one in again} == {
        (cell.model.sha256, cell.delegate_label, 2, cell.cpus.label)
    }
    assert {one.binary for one in again} == {OLD.name, NEW.name}
    assert {one.delegate.require for one in again} == {"any"}
    assert {one.run for one in again} == {cell.run}
    assert sum(one.purpose is Purpose.LATENCY for one in again) == 12
    assert sum(one.purpose is Purpose.PROFILE for one in again) == 10


@pytest.mark.parametrize(("kind", "metric"), [("binary", Metric.PEAK_MEMORY), ("binary", Metric.INIT)])
def test_the_metric_chooses_the_purpose(loaded: LoadedSuite, kind: Kind, metric: Metric) -> None:
    suite = BisectSuites(loaded=loaded, kind=kind, metric=metric).ends([OLD, NEW], PROGRAMS, 6).suite
    assert suite.purposes == [Purpose.MEMORY if metric is Metric.PEAK_MEMORY else Purpose.LATENCY]
    assert suite.most_processes(suite.purposes[0]) == 6


def test_models_take_the_place_of_the_suites_own(loaded: LoadedSuite) -> None:
    files = [Place(name=str(path), path=str(path)) for path in map(shipped, ("cnn_fp32.tflite", "cnn_int8.tflite"))]
    suite = BisectSuites(loaded=loaded, kind="model", metric=Metric.INFERENCE_AVG).ends(files, [], 6)
    assert [model.path for model in suite.models] == [file.path for file in files]
    assert suite.suite.baseline == {"model": side_name(files[0])}
    assert suite.suite.binary_names() == (None,)


def test_a_side_is_a_word_that_selections_can_name() -> None:
    assert side_name(Place(name="exports/net v1,2@x=3.tflite")) == "exports-net-v1-2-x-3.tflite"
    assert side_name(OLD) == OLD.name
