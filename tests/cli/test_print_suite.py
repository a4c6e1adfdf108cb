"""`harness compare --print-suite`: the suite that measures both sides of two runs in one, ready to paste and valid."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from harness.cli.main import run_cli
from harness.records import Artifact, DeviceInfo, ModelInput, ModelRef, Result
from harness.runs.run_store import Manifest, RunStore
from harness.suite.suite_file import LoadedSuite, read_suite
from tests.analysis.made_up import BEGAN, PHONE, cell
from tests.cli.comparable_runs import noise
from tests.model_files import shipped


def of_model(results: Iterable[Result], path: Path, **asked: object) -> list[Result]:
    ref = ModelRef(
        name=path.stem, path=str(path), sha256=sha256(path.read_bytes()).hexdigest(), size_bytes=path.stat().st_size
    )
    ref = replace(ref, **asked)  # type: ignore[arg-type]
    return [replace(one, trial=replace(one.trial, model=ref)) for one in results]


def of_binary(results: Iterable[Result], artifact: Artifact) -> list[Result]:
    return [replace(one, artifact_sha256=artifact.sha256) for one in results]


def binary(name: str, *, origin: str, source: str | None = None, content: bytes = b"") -> Artifact:
    digest = sha256(content or name.encode()).hexdigest()
    return Artifact(name=name, sha256=digest, abi="arm64-v8a", size_bytes=1, origin=origin, source=source)


def stored(
    path: Path,
    results: Iterable[Result],
    artifacts: tuple[Artifact, ...] = (),
    devices: tuple[DeviceInfo, ...] = (PHONE,),
    suite: str = "suite: made-up\n",
) -> Path:
    manifest = Manifest(
        run_id=path.name,
        suite="made-up",
        suite_text=suite,
        started_at=BEGAN,
        harness_version="0",
        devices=devices,
        artifacts=artifacts,
    )
    with RunStore.create(path, manifest) as store:
        for one in results:
            store.append(one)
    return path


def printed_suite(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[LoadedSuite, str]:
    assert run_cli(["compare", *map(str, arguments), "--print-suite"]) == 0
    text = capsys.readouterr().out
    return read_suite(text, Path("both.yaml")), text


def test_both_binaries_in_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Path(shipped("cnn_int8.tflite"))
    own = tmp_path / "old" / "benchmark_model"
    own.parent.mkdir()
    own.write_bytes(b"old program")
    old = binary("benchmark_model", origin="import", source=str(own), content=b"old program")
    new = binary("v2.17", origin="prebuilt")
    conditions = "suite: s\nmodels: [m.tflite]\nconditions: {canary: true, idle_s: 2}\n"
    base = stored(tmp_path / "base", of_binary(of_model(cell(noise(1)), model), old), (old,))
    head = stored(tmp_path / "head", of_binary(of_model(cell(noise(2, 1100.0)), model), new), (new,), suite=conditions)
    loaded, text = printed_suite(capsys, base, head)
    suite = loaded.suite
    assert [(one.name, one.use, one.paths) for one in suite.binary_requests(tmp_path)] == [
        ("base", None, (str(own),)),
        ("head", new.sha256[:16], ()),
    ]
    assert suite.baseline == {"binary": "base"}
    assert [one.path for one in loaded.models] == [str(model)]
    assert suite.devices == [PHONE.serial]
    assert suite.order.interleave
    assert (suite.most_processes(suite.purposes[0]), suite.conditions.canary, suite.conditions.idle_s) == (10, True, 2)
    assert "harness compare runs/both@binary=base runs/both@binary=head" in text


def test_both_models_in_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = []
    for day, name in (("monday", "cnn_fp32.tflite"), ("tuesday", "cnn_int8.tflite")):
        (tmp_path / day).mkdir()
        paths.append(Path(shutil.copy(shipped(name), tmp_path / day / "m.tflite")))
    base = stored(tmp_path / "base", of_model(cell(noise(1)), paths[0]))
    head = stored(tmp_path / "head", of_model(cell(noise(2), threads=1), paths[1]))
    loaded, _ = printed_suite(capsys, base, head)
    assert [(one.name, one.path) for one in loaded.models] == [("m base", str(paths[0])), ("m head", str(paths[1]))]
    assert loaded.suite.baseline == {"model": "m base"}
    assert not loaded.suite.binaries


def test_a_model_that_was_rebuilt_in_place_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(shutil.copy(shipped("cnn_fp32.tflite"), tmp_path / "m.tflite"))
    base = stored(tmp_path / "base", of_model(cell(noise(1)), path))
    shutil.copy(shipped("cnn_int8.tflite"), path)
    head = stored(tmp_path / "head", of_model(cell(noise(2)), path))
    _, text = printed_suite(capsys, base, head)
    (warning,) = [line for line in text.splitlines() if line.startswith("#") and "m.tflite" in line]
    assert "is not what BASE measured" in warning


def test_delegates_with_options_and_a_model_with_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Path(shipped("cnn_int8.tflite"))
    whole = yaml.safe_dump(
        {"suite": "s", "models": [str(model)], "delegates": ["cpu", {"name": "gpu", "precision": "fp16"}]}
    )
    delegates = {one.label: one for one in read_suite(whole, Path("s.yaml")).suite.delegate_requests()}
    runs = []
    for name, label in (("base", "cpu"), ("head", "gpu(precision=fp16)")):
        results = [
            replace(one, trial=replace(one.trial, delegate=delegates[label])) for one in of_model(cell(noise(1)), model)
        ]
        runs.append(stored(tmp_path / name, results))
    loaded, _ = printed_suite(capsys, *runs, "--by", "delegate")
    assert [one.label for one in loaded.suite.delegate_requests()] == list(delegates)
    assert loaded.suite.baseline == {"delegate": "cpu"}


def test_names_of_strangers_stay_in_their_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = tmp_path / "a\nmodels: [evil.tflite]\n#"
    model = Path(shipped("cnn_int8.tflite"))
    old, new = binary("old", origin="prebuilt"), binary("new", origin="prebuilt")
    base = stored(hostile, of_binary(of_model(cell(noise(1)), model), old), (old,))
    head = stored(tmp_path / "head", of_binary(of_model(cell(noise(2)), model), new), (new,))
    loaded, _ = printed_suite(capsys, base, head)
    assert [one.path for one in loaded.models] == [str(model)]


def test_the_same_binary_and_model_leave_nothing_to_interleave(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, head = (str(stored(tmp_path / name, cell(noise(seed)))) for name, seed in (("base", 1), ("head", 2)))
    assert run_cli(["compare", base, head, "--print-suite"]) == 2
    assert "control" in capsys.readouterr().err


def test_the_note_on_a_suspicion_names_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Path(shipped("cnn_int8.tflite"))
    old, new = binary("old", origin="prebuilt"), binary("new", origin="prebuilt")
    folder = tmp_path / "two words"
    folder.mkdir()
    base = stored(folder / "base", of_binary(of_model(cell(noise(1)), model), old), (old,))
    head = stored(tmp_path / "head", of_binary(of_model(cell(noise(2, 1200.0)), model), new), (new,))
    for form in ("text", "markdown", "json", "junit", "csv"):
        run_cli(["compare", str(base), str(head), "--format", form])
        printed = " ".join(capsys.readouterr().out.split())
        assert "To be sure, measure both in one run: harness compare" in printed, form
        assert "--print-suite" in printed, form
    run_cli(["compare", str(base), str(head), "--format", "csv"])
    assert f"'{base}'" in capsys.readouterr().out, "as a shell takes it"


def test_inputs_and_signatures_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Path(shipped("cnn_int8.tflite"))
    old, new = binary("old", origin="prebuilt"), binary("new", origin="prebuilt")
    asked = (ModelInput(name="ids", shape=(1, 8), range=(0, 9)),)
    base = stored(tmp_path / "base", of_binary(of_model(cell(noise(1)), model, inputs=asked), old), (old,))
    head = stored(tmp_path / "head", of_binary(of_model(cell(noise(2)), model, inputs=asked), new), (new,))
    assert run_cli(["compare", str(base), str(head), "--print-suite"]) == 0
    data = yaml.safe_load(capsys.readouterr().out)
    assert data["models"][0]["inputs"] == [{"name": "ids", "shape": [1, 8], "range": [0, 9]}]
