"""The suite of an experiment: valid, and what was asked on those nights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.api.suite_source import loaded_suite
from harness.experiments.two_sided_suite import SideFiles, TwoSidedSuite, two_sided_suite
from harness.records import DelegateRequest, ModelInput, ModelRef, Purpose, RunLengths, Trial
from harness.suite.model_files import model_ref
from harness.suite.suite_file import LoadedSuite
from tests.analysis.made_up import result
from tests.experiments.changes_made_up import KEY, change, night, sha
from tests.model_files import shipped

NIGHTS = [night(0), night(1, binary="new")]
LENGTHS = RunLengths(min_runs=3, min_s=0.0, max_s=2.0, warmup_runs=1, warmup_s=0.0, timeout_s=20.0)


def asked(**of_trial: object) -> Trial:
    trial = replace(result(1.0).trial, run=LENGTHS)
    return replace(trial, **of_trial)  # type: ignore[arg-type]


def files(folder: Path, binary: str, model: str = "cnn_fp32.tflite", **of_model: object) -> SideFiles:
    program = folder / binary
    program.write_text("#!/bin/sh\n")
    ref: ModelRef = replace(model_ref(shipped(model), "m"), **of_model)  # type: ignore[arg-type]
    return SideFiles(model=ref, model_file=shipped(model), binary_sha256=sha(binary), binary_file=program)


def made(
    old: SideFiles,
    new: SideFiles,
    *,
    trial: Trial | None = None,
    text: str = "",
    metric: str = "inference_avg",
    budget_s: float = 60.0,
    process_s: float = 0.5,
    **suspected: float,
) -> tuple[TwoSidedSuite, LoadedSuite]:
    suspicion = change(NIGHTS, 1, key=replace(KEY, metric=metric), **suspected)  # type: ignore[arg-type]
    suite = two_sided_suite(suspicion, trial or asked(), text, old, new, budget_s=budget_s, process_s=process_s)
    return suite, loaded_suite(suite.entries)


def test_two_binaries_take_turns_until_it_is_decided(tmp_path: Path) -> None:
    suite, loaded = made(files(tmp_path, "a"), files(tmp_path, "b"), budget_s=90.0, ratio=1.1, ci_low=1.06)
    one = loaded.suite
    assert (suite.old, suite.new, suite.cells) == ("binary=old", "binary=new", 2)
    assert [(b.name, b.paths) for b in one.binary_requests(tmp_path)] == [
        ("old", (str(tmp_path / "a"),)),
        ("new", (str(tmp_path / "b"),)),
    ]
    assert one.baseline == {"binary": "old"}
    assert one.adaptive is not None
    assert one.adaptive.device_s == 90.0
    assert one.adaptive.until == pytest.approx(0.06)
    assert one.run.lengths() == LENGTHS
    assert one.order.interleave
    assert [model.name for model in loaded.models] == ["m"]


def test_two_models_take_turns_on_one_binary(tmp_path: Path) -> None:
    old, new = files(tmp_path, "a"), files(tmp_path, "a", model="cnn_int8.tflite")
    suite, loaded = made(old, new)
    assert (suite.old, suite.new, suite.cells) == ("model=old", "model=new", 2)
    assert [(model.name, Path(model.path).name) for model in loaded.models] == [
        ("old", "cnn_fp32.tflite"),
        ("new", "cnn_int8.tflite"),
    ]
    assert loaded.suite.baseline == {"model": "old"}
    assert len(loaded.suite.binaries) == 1


def test_where_both_changed_each_runs_with_each(tmp_path: Path) -> None:
    suite, loaded = made(files(tmp_path, "a"), files(tmp_path, "b", model="cnn_int8.tflite"))
    assert (suite.old, suite.new, suite.cells) == ("model=old,binary=old", "model=new,binary=new", 4)
    assert loaded.suite.baseline == {"model": "old", "binary": "old"}


def test_what_was_asked_is_asked_again(tmp_path: Path) -> None:
    inputs = (ModelInput(name="input", shape=(1, 28, 28, 1), range=(0, 9)),)
    old, new = (files(tmp_path, name) for name in ("a", "b"))
    name = next(iter(loaded_inputs(old)))
    inputs = (replace(inputs[0], name=name, shape=loaded_inputs(old)[name]),)
    old, new = (replace(side, model=replace(side.model, inputs=inputs)) for side in (old, new))
    trial = asked(delegate=DelegateRequest(name="gpu", options={"precision": "fp16"}, require="full"), start="cold")
    text = "suite: s\nmodels: [m.tflite]\nconditions: {idle_s: 2}\nsynthetic: forbid\nprocesses: 3\n"
    _, loaded = made(old, new, trial=trial, text=text)
    one = loaded.suite
    assert one.delegate_requests() == (trial.delegate,)
    assert one.start == ["cold"]
    assert one.conditions.idle_s == 2
    assert one.synthetic == "forbid"
    assert loaded.models[0].inputs == inputs
    assert one.cpus == ["big"]


def loaded_inputs(side: SideFiles) -> dict[str, tuple[int, ...]]:
    from harness.litert_host.graph import read_graph

    graph = read_graph(side.model_file.read_bytes())
    subgraph = graph.subgraphs[0]
    return {subgraph.tensors[index].name: subgraph.tensors[index].shape for index in subgraph.inputs}


def test_a_metric_that_blocks_do_not_end_early_for_gets_what_the_budget_has_room_for(tmp_path: Path) -> None:
    sides = files(tmp_path, "a"), files(tmp_path, "b")
    counts = [made(*sides, metric="init", budget_s=budget_s)[1].suite for budget_s in (1.0, 10.0, 30.0, 1000.0)]
    assert [one.most_processes(Purpose.LATENCY) for one in counts] == [5, 10, 30, 60]
    assert all(one.adaptive is None for one in counts)


def test_memory_is_measured_by_processes_for_memory(tmp_path: Path) -> None:
    sides = files(tmp_path, "a"), files(tmp_path, "b")
    _, loaded = made(*sides, metric="peak_memory", trial=asked(purpose=Purpose.MEMORY))
    assert loaded.suite.purposes == [Purpose.MEMORY]
    assert loaded.suite.most_processes(Purpose.MEMORY) == 60
