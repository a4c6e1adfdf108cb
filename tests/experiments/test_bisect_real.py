"""`harness bisect` from the command line alone: a real Bazel, a program that really works more from one commit on, a virtual device."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.binaries.workspace import git, missing_packages
from tests.experiments.bisect_workspace import COMMITS, BisectSite, bisect_site
from tests.model_files import shipped

GUILTY = 11
BROKEN = (8, 9)
_WORK = {0: 300, GUILTY: 600}
"""Twice the work. An inference takes about a millisecond, so that some of a process are not disturbed by what else runs here: their
5th percentile decides."""

SUITE = """
suite: small
models: [{model}]
delegates: [cpu]
run: {{min_runs: 100, min_s: 0, max_s: 5, warmup_runs: 1, warmup_s: 0, timeout_s: 60}}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BisectSite]:
    if missing := missing_packages():
        pytest.skip(f"needs the system package {', '.join(missing)}")
    with bisect_site(tmp_path_factory.mktemp("bisect"), _WORK, BROKEN) as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("work")
    (made / "suite.yaml").write_text(SUITE.format(model=json.dumps(str(shipped("cnn_fp32.tflite")))))
    return made


def command(site: BisectSite, *more: object) -> list[str]:
    words = ("bisect", "--source", site.tree, "--good", "r0", "--bad", f"r{COMMITS}", "--suite", "suite.yaml")
    return [
        sys.executable,
        "-m",
        "harness",
        *map(str, (*words, "--device", "virtual:1", "--metric", "p5", "--json", *more)),
    ]


def bisect(site: BisectSite, folder: Path, *more: object) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        command(site, *more), cwd=folder, env=site.environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def stored_runs(folder: Path) -> dict[str, Any]:
    file = folder / "bisection.json"
    runs = json.loads(file.read_bytes())["runs"] if file.exists() else {}
    assert isinstance(runs, dict)
    return runs


@pytest.mark.timeout(1200)
def test_it_finds_the_commit_after_a_kill_and_builds_nothing_twice(site: BisectSite, folder: Path) -> None:
    before = (git(site.tree, "rev-parse", "HEAD"), git(site.tree, "status", "--porcelain", "--untracked-files=no"))
    process = subprocess.Popen(
        command(site, "--out", "first"),
        cwd=folder,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 600
        while not any(key.startswith("midpoint") for key in stored_runs(folder / "first")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        process.kill()
        process.communicate()
    known = stored_runs(folder / "first")
    logs = {run["run"]: (folder / "first" / run["run"] / "trials.jsonl").read_bytes() for run in known.values()}

    code, found, stderr = bisect(site, folder, "--out", "first")
    assert (code, found["outcome"]) == (0, "found"), (found, stderr)
    assert found["found"]["commit"] == site.commit(GUILTY)
    assert found["found"]["subject"] == f"Change number {GUILTY}"
    assert found["found"]["base"] == site.commit(GUILTY - 1)
    assert found["found"]["ratio"] > 1.5
    assert found["found"]["ci_low"] > 1.01
    assert found["found"]["ops"][0]["head_ops"][0]["node_type"] == "CONV_2D"
    assert 0 < found["error_probability"] < 0.05
    assert [one["commit"] for one in found["not_built"]] == [site.commit(place) for place in BROKEN]
    assert all("failed" in one["reason"] for one in found["not_built"])
    assert found["remaining"] == []
    assert found["cell"].endswith("cpu 1 thr all")
    # What was measured before the kill is there as it was.
    now = stored_runs(folder / "first")
    assert {key: now[key] for key in known} == known
    for run, log in logs.items():
        assert (folder / "first" / run / "trials.jsonl").read_bytes() == log

    # Again: nothing is measured or built, not even the revisions that do not build.
    built = site.builds()
    state = json.loads((folder / "first" / "bisection.json").read_bytes())
    assert built <= len(state["programs"]) + len(state["not_built"]) + 1  # the kill may have hit one
    again = bisect(site, folder, "--out", "first")
    assert (again[0], again[1]) == (0, found)
    assert "measuring" not in again[2]
    resumed = subprocess.run(
        [sys.executable, "-m", "harness", "bisect", "--resume", "first"],
        cwd=folder,
        env=site.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (resumed.returncode, "makes it slower" in resumed.stdout) == (0, True), resumed.stderr
    assert site.builds() == built
    assert before == (
        git(site.tree, "rev-parse", "HEAD"),
        git(site.tree, "status", "--porcelain", "--untracked-files=no"),
    )


@pytest.mark.timeout(900)
def test_a_second_bisection_takes_its_programs_from_the_store(site: BisectSite, folder: Path) -> None:
    words = ("--good", f"r{GUILTY - 1}", "--bad", f"r{GUILTY}", "--abi", "linux_x86_64", "--budget", 2)
    code, found, stderr = bisect(site, folder, *words, "--out", "second")
    assert (code, found["outcome"]) == (1, "undecided"), stderr
    assert "budget" in found["reason"]
    assert [one["commit"] for one in found["remaining"]] == [site.commit(GUILTY)]
    assert found["error_probability"] < 0.05
    built = site.builds()
    code, other, stderr = bisect(site, folder, *words, "--out", "other")
    assert (code, other["outcome"], other["device_s"] > 0) == (1, "undecided", True), stderr
    assert site.builds() == built


def test_ctrl_c_keeps_what_ran_and_says_how_to_go_on(site: BisectSite, folder: Path) -> None:
    words = ("--good", f"r{GUILTY - 1}", "--bad", f"r{GUILTY}", "--out", "third")
    process = subprocess.Popen(
        command(site, *words),
        cwd=folder,
        env=site.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    trials = folder / "third" / "runs" / "ends-0-1-0" / "trials.jsonl"
    try:
        deadline = time.monotonic() + 300
        while not (trials.exists() and trials.read_bytes()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out) == (130, "")
    assert "harness bisect --resume third" in err
    assert "Traceback" not in err
    kept = trials.read_bytes()
    assert kept.count(b"\n") >= 1
    assert stored_runs(folder / "third") == {}
    # The run that was interrupted goes on, too: its finished trials are not run again.
    code, found, stderr = bisect(site, folder, *words)
    assert (code, found["found"]["commit"]) == (0, site.commit(GUILTY)), stderr
    assert trials.read_bytes().startswith(kept)
    assert found["found"]["ratio"] == pytest.approx(700 / 400, rel=0.2)


def test_an_end_that_does_not_build_is_said(site: BisectSite, folder: Path) -> None:
    done = subprocess.run(
        command(site, "--bad", f"r{BROKEN[0]}", "--abi", "linux_x86_64"),
        cwd=folder,
        env=site.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert f"--bad {site.commit(BROKEN[0])[:12]} does not build" in done.stderr
    assert "error: expected" in done.stderr
    assert "Traceback" not in done.stderr
