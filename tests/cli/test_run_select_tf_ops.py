"""A model with Select TF ops in a run: skipped where the binary has no Flex, before anything is pushed; run where it has."""

from __future__ import annotations

import json
from pathlib import Path

from harness.records import Status
from harness.records.causes import Cause
from harness.runs.run_store import load_run
from tests.cli.running import harness, write_suite
from tests.cli.scripted_program import HELP, OUTPUT, UNTIL_SEEN
from tests.model_files import shipped


def test_a_binary_without_flex_skips_the_model_and_runs_the_others(tmp_path: Path, repository: Path) -> None:
    flex = repository / "tests" / "data" / "models" / "flex_erf.tflite"
    suite = write_suite(tmp_path, [flex, shipped("cnn_fp32.tflite")])
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    by_model = {result.trial.model.name: result for result in load_run(tmp_path / "run").results}
    skipped = by_model["flex_erf"]
    assert (skipped.status, skipped.causes) == (Status.SKIPPED, (Cause.OP_UNSUPPORTED,))
    assert "FlexErf" in (skipped.message or "")
    assert "harness build --source DIR --abi linux_" in (skipped.message or "")
    assert by_model["cnn_fp32"].status is Status.OK
    pushed = [
        line for line in (tmp_path / "run" / "logs" / "harness.log").read_text().splitlines() if ": push " in line
    ]
    assert any(by_model["cnn_fp32"].trial.model.sha256 in line for line in pushed)
    assert not any(skipped.trial.model.sha256 in line for line in pushed)


def test_of_two_binaries_the_one_with_flex_runs_it(tmp_path: Path, repository: Path) -> None:
    flex = repository / "tests" / "data" / "models" / "flex_erf.tflite"
    program = tmp_path / "benchmark_model_plus_flex"
    program.write_text(f"#!/bin/sh\n{HELP}{UNTIL_SEEN}{OUTPUT}")
    program.chmod(0o755)
    more = f"binaries: [host, {{name: flexed, path: {program.name}}}]\nprocesses: 2\n"
    suite = write_suite(tmp_path, [flex, shipped("cnn_fp32.tflite")], more)
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    results = load_run(tmp_path / "run").results
    got = {(one.trial.model.name, one.trial.binary, one.status) for one in results}
    assert got == {
        ("flex_erf", "host", Status.SKIPPED),
        ("flex_erf", "flexed", Status.OK),
        ("cnn_fp32", "host", Status.OK),
        ("cnn_fp32", "flexed", Status.OK),
    }


def test_a_plan_says_so_too(tmp_path: Path, repository: Path) -> None:
    suite = write_suite(
        tmp_path, [repository / "tests" / "data" / "models" / "flex_erf.tflite", shipped("cnn_fp32.tflite")]
    )
    done = harness("run", suite, "--device", "virtual:1", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {one["model"] for one in document["trials"]} == {"cnn_fp32"}
    assert all("Select TF ops (FlexErf)" in one["reason"] for one in document["skipped"])
    assert document["skipped"]
