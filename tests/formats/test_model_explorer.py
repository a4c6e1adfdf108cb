"""Overlays for Model Explorer, in themselves and in Model Explorer."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, expect

from harness.cli.main import run_cli
from harness.records import Purpose, Result
from harness.runs.run_store import load_run
from tests.analysis.made_up import OTHER_PHONE, PHONE, op, result
from tests.cli.comparable_runs import two_delegates, write_run
from tests.model_files import shipped


def profiled(delegate: str, *ops: tuple[str, str, float], device: str = PHONE.serial, model: str = "m") -> Result:
    rows = [op(index, *row) for index, row in enumerate(ops)]
    return result(1000.0, delegate=delegate, purpose=Purpose.PROFILE, ops=rows, device=device, model=model)


BUILT_IN = (("CONV_2D", "[a/conv]:0", 500.0), ("ADD", "[add]:1", 100.0), ("SPLIT", "[one, two]:2", 50.0))


def overlay(run: Path, capsys: pytest.CaptureFixture[str], where: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run_cli(["export", str(run), "--format", "model-explorer", "--where", where]) == 0
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def values(document: dict[str, Any]) -> dict[str, float]:
    return {node: entry["value"] for node, entry in document["results"].items()}


def test_built_in_kernels_are_nodes_by_their_first_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", [profiled("cpu", *BUILT_IN)])
    document = overlay(run, capsys, "delegate=cpu")
    assert document["name"] == "us: cpu 1 thr big on R5CT1"
    assert values(document) == {"a/conv": 500.0, "add": 100.0, "one": 50.0}


def test_a_delegates_kernels_stand_for_the_nodes_that_they_match(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels = [("Convolution (NHWC, F32) IGEMM", "Delegate/Convolution (NHWC, F32) IGEMM:0", 200.0)]
    kernels += [("Add (ND)", "Delegate/Add (ND):1", 20.0), ("SPLIT", "[one, two]:2", 60.0)]
    run = write_run(tmp_path / "run", [profiled("xnnpack", *kernels), profiled("cpu", *BUILT_IN)])
    assert values(overlay(run, capsys, "delegate=xnnpack")) == {"a/conv": 200.0, "add": 20.0, "one": 60.0}


def test_what_stands_for_several_nodes_goes_nowhere_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = [("TfLiteGpuDelegateV2", "[add]:3", 75.0), ("SPLIT", "[one, two]:2", 25.0)]
    run = write_run(tmp_path / "run", [profiled("gpu", *whole), profiled("cpu", *BUILT_IN)])
    document = overlay(run, capsys, "delegate=gpu")
    assert values(document) == {"one": 25.0}
    assert document["name"] == "us: gpu 1 thr big on R5CT1, 25.0% of the time"


def test_without_the_built_in_kernels_a_delegates_go_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels = [("Add (ND)", "Delegate/Add (ND):0", 30.0), ("SPLIT", "[one, two]:2", 10.0)]
    other_model = profiled("cpu", *BUILT_IN, model="n")
    run = write_run(tmp_path / "run", [profiled("xnnpack", *kernels), other_model])
    document = overlay(run, capsys, "delegate=xnnpack")
    assert values(document) == {"one": 10.0}
    assert "25.0% of the time" in document["name"]


def test_another_device_may_have_run_the_built_in_kernels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = [profiled("xnnpack", ("Add (ND)", "Delegate/Add (ND):0", 30.0))]
    results += [profiled("cpu", ("ADD", "[add]:0", 90.0), device=OTHER_PHONE.serial)]
    run = write_run(tmp_path / "run", results, devices=(PHONE, OTHER_PHONE))
    assert values(overlay(run, capsys, "delegate=xnnpack")) == {"add": 30.0}


def test_a_comparison_shows_what_each_node_contributes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slower = [("CONV_2D", "[a/conv]:0", 520.0), ("ADD", "[add]:1", 70.0), ("SPLIT", "[one, two]:2", 50.0)]
    run = write_run(tmp_path / "run", [profiled("cpu", *BUILT_IN), profiled("xnnpack", *slower)])
    sides = [f"{run}@delegate=cpu", f"{run}@delegate=xnnpack"]
    assert run_cli(["compare", *sides, "--format", "model-explorer"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert values(document) == {"a/conv": 20.0, "add": -30.0, "one": 0.0}
    assert document["name"].startswith("change us: xnnpack 1 thr big on R5CT1 against delegate=cpu")
    stops = [(stop["stop"], stop["bgColor"]) for stop in document["gradient"]]
    assert stops == [(0.0, "#1565c0"), (0.6, "#ffffff"), (1.0, "#d84315")]


def test_a_comparison_with_synthetic_numbers_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = [replace(profiled(delegate, *BUILT_IN), synthetic=True) for delegate in ("cpu", "xnnpack")]
    run = write_run(tmp_path / "run", both)
    sides = [f"{run}@delegate=cpu", f"{run}@delegate=xnnpack"]
    assert run_cli(["compare", *sides, "--format", "model-explorer"]) == 0
    name = json.loads(capsys.readouterr().out)["name"]
    assert name == "change us: xnnpack 1 thr big on R5CT1 against delegate=cpu, synthetic"


def test_measured_ops_are_not_set_against_synthetic_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    half = [replace(profiled("cpu", *BUILT_IN), synthetic=True), profiled("xnnpack", *BUILT_IN)]
    run = write_run(tmp_path / "run", half)
    sides = [f"{run}@delegate=cpu", f"{run}@delegate=xnnpack"]
    assert run_cli(["compare", *sides, "--format", "model-explorer"]) == 2
    assert "one side is synthetic and the other was measured" in capsys.readouterr().err


def test_a_comparison_of_whole_delegates_shows_no_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = ("TfLiteGpuDelegateV2", "[add]:3", 75.0)
    run = write_run(tmp_path / "run", [profiled("cpu", *BUILT_IN), profiled("gpu", whole)])
    sides = [f"{run}@delegate=cpu", f"{run}@delegate=gpu"]
    assert run_cli(["compare", *sides, "--format", "model-explorer", "-o", str(tmp_path / "o.json")]) == 0
    document = json.loads((tmp_path / "o.json").read_text())
    assert document["results"] == {}
    assert run_cli(["compare", *sides, "--format", "model-explorer", "-o", str(tmp_path / "folder")]) == 0
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["m-gpu-1thr-big-R5CT1.json"]


def test_a_folder_holds_a_file_for_each_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "../<b>x</b>\n"
    run = two_delegates(tmp_path / "run", model=hostile)
    assert run_cli(["export", str(run), "--table", "ops", "--format", "model-explorer", "-o", str(tmp_path / "o")]) == 0
    names = sorted(path.name for path in (tmp_path / "o").iterdir())
    assert names == ["b-x-b-cpu-1thr-big-R5CT1.json", "b-x-b-xnnpack-1thr-big-R5CT1.json"]
    assert "written: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "model-explorer"], "name a folder"),
        (["--format", "model-explorer", "-o", "one.json"], "2 cells have a profile"),
        (["--format", "model-explorer", "--table", "trials"], "--table ops"),
        (["--format", "model-explorer", "-o", "run/manifest.json/x"], "is part of the run"),
        (["--format", "trace", "-o", "no/such/folder.json"], "cannot write"),
    ],
)
def test_wrong_requests(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    two_delegates(Path("run"))
    assert run_cli(["export", "run", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_no_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", [result(5.0)])
    assert run_cli(["export", str(run), "--format", "model-explorer"]) == 2
    assert "purposes: [latency, profile]" in capsys.readouterr().err


@pytest.fixture(scope="module")
def real_overlays(real_run: Path) -> dict[str, Path]:
    """Files by delegate."""
    folder = real_run.parent / "overlays"
    assert run_cli(["export", str(real_run), "--format", "model-explorer", "-o", str(folder)]) == 0
    return {name: path for name in ("cpu", "xnnpack") for path in folder.glob(f"*-{name}-*.json")}


def test_the_packages_classes_take_it(real_overlays: dict[str, Path]) -> None:
    from model_explorer import node_data_builder as builder

    document = json.loads(real_overlays["cpu"].read_text())
    results = {key: builder.NodeDataResult(**entry) for key, entry in document["results"].items()}
    stops = [builder.GradientItem(**stop) for stop in document["gradient"]]
    again = builder.GraphNodeData(results=results, name=document["name"], gradient=stops)
    written = json.loads(again.to_json_string())
    assert {key: written[key] for key in document} == document


def test_every_key_is_the_node_that_the_op_is(real_run: Path, real_overlays: dict[str, Path]) -> None:
    """Against the graph as the package's own reader of `.tflite` files has it."""
    from ai_edge_model_explorer_adapter import ConvertFlatbufferDirectlyToJson, VisualizeConfig

    model = json.loads(ConvertFlatbufferDirectlyToJson(VisualizeConfig(), str(shipped("mixed_fp32.tflite"))))
    labels = {
        attribute["value"]: node["label"]
        for node in model[0]["subgraphs"][0]["nodes"]
        for output in node.get("outputsMetadata", ())
        for attribute in output["attrs"]
        if attribute["key"] == "tensor_name"
    }
    for delegate, path in real_overlays.items():
        (profile,) = (
            one.measurement
            for one in load_run(real_run).results
            if one.trial.purpose is Purpose.PROFILE and one.trial.delegate.label == delegate
        )
        assert profile is not None
        shown = values(json.loads(path.read_text()))
        costs = [(row.avg_us or 0) * (row.times_called or 1) for row in profile.ops or ()]
        assert sum(shown.values()) == pytest.approx(sum(costs), rel=1e-3)
        if delegate == "cpu":
            ops = [row.node_type.lower() for row in profile.ops or ()]
            assert [labels[tensor] for tensor in shown] == ops
        else:
            assert set(shown) <= set(labels)


@pytest.fixture
def explorer(real_overlays: dict[str, Path], tmp_path: Path) -> Iterator[str]:
    """Address of Model Explorer's own server with the model and its overlay."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("model-explorer")
    arguments = [str(shipped("mixed_fp32.tflite")), "--node_data_paths", str(real_overlays["xnnpack"])]
    with (tmp_path / "explorer.log").open("wb") as log:
        server = subprocess.Popen(
            [program, *arguments, "--host", "127.0.0.1", "--port", str(port), "--no_open_in_browser"],
            stdout=log,
            stderr=log,
        )
        try:
            yield _address(server, port, tmp_path / "explorer.log")
        finally:
            server.terminate()
            server.wait(30)


def _address(server: subprocess.Popen[bytes], port: int, log: Path) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        printed = re.search(rf"http://127\.0\.0\.1:{port}/\?data=\S+", log.read_text())
        try:
            if printed and requests.get(f"http://127.0.0.1:{port}/", timeout=5).ok:
                return printed.group()
        except requests.ConnectionError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"Model Explorer did not start: {log.read_text()}")


def test_model_explorer_shows_it(explorer: str, real_overlays: dict[str, Path], chromium: Browser) -> None:
    document = json.loads(real_overlays["xnnpack"].read_text())
    page = chromium.new_page(viewport={"width": 1500, "height": 900})
    try:
        page.goto(explorer)
        expect(page.get_by_text(document["name"]).first).to_be_visible(timeout=60_000)
        expect(page.get_by_text("Aggregated stats")).to_be_visible(timeout=60_000)
        shown = page.inner_text("body")
    finally:
        page.close()
    assert "Failed to" not in shown
    # One row a node: its label and what the overlay says of it.
    for label, value in zip(("cumsum", "arg_max", "topk_v2"), _values_of(document), strict=True):
        assert re.search(rf"{label}\s+{re.escape(value)}", shown), f"{label} {value} is not in {shown}"
    total = re.search(r"Sum\s+([\d.]+)", shown)
    assert total is not None
    assert float(total.group(1)) == pytest.approx(sum(values(document).values()), rel=1e-6)


def _values_of(document: dict[str, Any]) -> list[str]:
    ends = ("Cumsum", "ArgMax", "StatefulPartitionedCall_1:0")
    found = [next(value for node, value in values(document).items() if node.endswith(end)) for end in ends]
    return [f"{value:.3f}".rstrip("0").rstrip(".") for value in found]
