"""What `harness bisect` refuses before anything is built or measured: one line, exit code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.binaries.workspace import TENSORFLOW, git
from tests.in_process import harness
from tests.model_files import shipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A suite, and a source tree with two revisions that nobody builds."""
    (tmp_path / "suite.yaml").write_text(f"suite: s\nmodels: [{json.dumps(str(shipped('cnn_fp32.tflite')))}]\n")
    here = tmp_path / "src" / TENSORFLOW
    here.mkdir(parents=True)
    git(tmp_path / "src", "init", "--quiet", "--initial-branch=main")
    for name in ("v1", "v2"):
        (here / "BUILD").write_text(name)
        git(tmp_path / "src", "add", "--all")
        git(tmp_path / "src", "commit", "--quiet", "--message", name)
        git(tmp_path / "src", "tag", name)
    return tmp_path


RANGE = ("--source", "src", "--good", "v1", "--bad", "v2")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "which suite?"),
        (("--suite", "none.yaml", *RANGE), "no such suite"),
        (("--suite", "suite.yaml"), "one of --source DIR and --models GLOB"),
        (("--suite", "suite.yaml", "--source", "src", "--good", "v1"), "--good REV and --bad REV"),
        (("--suite", "suite.yaml", "--source", "src", "--good", "v0", "--bad", "v2"), "--good v0"),
        (("--suite", "suite.yaml", "--source", "src", "--good", "v2", "--bad", "v1"), "newer than"),
        (("--suite", "suite.yaml", *RANGE, "--cell", "colour=red"), "cannot name"),
        (("--suite", "suite.yaml", *RANGE, "--abi", "mips"), "--abi mips"),
        (("--suite", "suite.yaml", *RANGE, "--min-effect", "3"), "not a percentage"),
        (("--suite", "suite.yaml", *RANGE, "--metric", "beauty"), "beauty"),
        (("--suite", "suite.yaml", *RANGE, "--budget", "0"), "--budget"),
        (("--resume", "none"), "holds no bisection"),
        (("--resume", "none", "--device", "virtual:1"), "leave --device out"),
    ],
)
def test_a_wrong_request_is_one_line(folder: Path, arguments: tuple[str, ...], words: str) -> None:
    done = harness("bisect", *arguments, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "runs").exists()


def test_without_a_device_it_says_so_and_goes_on_from_there(folder: Path) -> None:
    done = harness("bisect", "--suite", "suite.yaml", *RANGE, "--device", "nobody", "--out", "b", cwd=folder)
    assert done.returncode == 3, done.stderr
    assert (folder / "b" / "bisection.json").exists()
    # Another question does not go into the same folder.
    other = harness("bisect", "--suite", "suite.yaml", *RANGE, "--device", "any", "--out", "b", cwd=folder)
    assert other.returncode == 2
    assert 'devices was ["nobody"], is ["any"]' in other.stderr


def test_a_changed_suite_is_not_gone_on_with(folder: Path) -> None:
    harness("bisect", "--suite", "suite.yaml", *RANGE, "--device", "nobody", "--out", "b", cwd=folder)
    with (folder / "suite.yaml").open("a") as suite:
        suite.write("threads: [2]\n")
    done = harness("bisect", "--resume", "b", cwd=folder)
    assert done.returncode == 2
    assert "is not the suite" in done.stderr


def test_the_help_has_examples_and_exit_codes() -> None:
    said = harness("bisect", "--help").stdout
    assert "harness bisect --models" in said
    assert "1 undecided" in said
