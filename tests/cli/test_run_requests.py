"""What `harness run` refuses, with which exit code and remedy, and what it would do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.virtual.farm import VirtualFarm
from tests.cli.running import harness, no_traceback, write_suite
from tests.model_files import shipped


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("suite: s\nmodels: [m.tflite]\nthread: [1]\n", ["suite.yaml:3", "thread", "threads"]),
        ("suite: s\nmodels: [none.tflite]\n", ["suite.yaml:2", "none.tflite"]),
        ("suite: s\nmodels: ['none_*.tflite']\n", ["suite.yaml:2", "none_*.tflite"]),
    ],
)
def test_a_wrong_suite_is_one_clear_line(tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "suite.yaml").write_text(text)
    (tmp_path / "m.tflite").write_bytes(b"x")
    done = harness("run", "suite.yaml", "--device", "virtual:1", cwd=tmp_path)
    no_traceback(done)
    assert done.returncode == 2
    assert all(word in done.stderr for word in words), done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run"], 2, "which suite"),
        (["run", "nothing.yaml"], 2, "quickstart.yaml"),
        (["run", "quickstart", "--device", "virtual:x"], 2, "virtual-flagship"),
        (["run", "quickstart", "--device", "virtual:1", "--binary", "x86_64=/nothing"], 2, "no such file"),
        (["run", "quickstart", "--device", "virtual:1", "--binary", "mips=/bin/sh"], 2, "arm64-v8a"),
        (["run", "--resume", "/nothing"], 2, "manifest.json"),
        (["nonsense"], 2, "nonsense"),
        (["run", "--nonsense"], 2, "--nonsense"),
    ],
)
def test_wrong_requests(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = harness(*arguments, cwd=tmp_path)
    no_traceback(done)
    assert done.returncode == code
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_device_is_exit_3_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A server that lists nothing stands for a machine without phones.

    with VirtualFarm(["virtual-old"]) as farm:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        done = harness("run", "quickstart", "--device", "not-attached", cwd=tmp_path)
    assert done.returncode == 3
    assert "--device virtual:2" in done.stderr


def test_dry_run_lists_and_does_nothing(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 2\nthreads: [1, 9]\ncpus: [little]\n")
    done = harness("run", suite, "--device", "virtual:1", "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["count"] == 4
    assert document["warnings"]
    assert {path.name for path in tmp_path.iterdir()} == {"suite.yaml"}


def test_one_delegate_in_two_spellings_is_refused(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "delegates: [xnnpack, {name: xnnpack}]\n")
    done = harness("run", suite, "--device", "virtual:1")
    assert done.returncode == 2
    assert "listed twice" in done.stderr


def test_a_word_for_cores_that_means_nothing_is_named_with_its_line(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")], "processes: 1\ncpus: [all, huge]\n")
    done = harness("run", suite, "--device", "virtual:1", "--dry-run")
    assert done.returncode == 2
    assert f"{suite}:5: cpus[1]: 'huge'" in done.stderr


@pytest.mark.parametrize("label", ["3-0", "0-99999999999", "0,7-4", "5000,1"])
def test_a_list_of_cores_that_is_none_is_named_with_its_line(tmp_path: Path, label: str) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")], f"processes: 1\ncpus: [all, '{label}']\n")
    done = harness("run", suite, "--device", "virtual:1", "--dry-run")
    no_traceback(done)
    assert done.returncode == 2
    assert f"{suite}:5: cpus[1]: {label!r} is not a list of cores such as 0-3 or 0,2-3" in done.stderr


@pytest.mark.parametrize(
    ("baseline", "what", "remedy"),
    [
        ("{delegate: gpu}", "delegate 'gpu'", "one of cpu, xnnpack"),
        ("{delegate: cpu, threads: 2}", "threads 2", "one of 1, 4"),
        ("{model: other}", "model 'other'", "one of cnn_int8"),
        ("{binary: old}", "binary 'old'", "the suite names no binary"),
    ],
)
def test_a_baseline_that_is_no_cell_is_named_with_its_line(
    tmp_path: Path, baseline: str, what: str, remedy: str
) -> None:
    extra = f"processes: 1\ndelegates: [cpu, xnnpack]\nthreads: [1, 4]\nbaseline: {baseline}\n"
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")], extra)
    done = harness("run", suite, "--device", "virtual:1", "--dry-run")
    assert done.returncode == 2
    assert f"{suite}:7: baseline: no cell has {what}: there would be nothing to compare with" in done.stderr
    assert remedy in done.stderr


def test_a_baseline_whose_cells_this_device_lacks_is_one(tmp_path: Path) -> None:
    extra = "processes: 1\ncpus: [all, f00]\nbaseline: {cpus: f00}\n"
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")], extra)
    assert harness("run", suite, "--device", "virtual:1", "--dry-run").returncode == 0
