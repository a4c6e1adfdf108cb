"""What a recorded command line asks for, and how the command ended."""

from __future__ import annotations

from typing import Any

import pytest

from harness.benchmark_model.foreign import read_foreign_log
from harness.benchmark_model.foreign.recorded_command import (
    RecordedCommand,
    asked_in_command,
    asks_for_full_delegation,
    exit_code_in_prompt,
    unwrap,
)
from tests.benchmark_model.foreign.logs import read
from tests.benchmark_model.outputs import GOOD, RUN, START, TIMINGS


@pytest.mark.parametrize(
    "flag",
    [
        "--use_gpu=true",
        "'--use_gpu=1'",
        '"--use_gpu=true"',
        "--use_gpu='true'",
        "--use_gpu true",
        "--use_gpu",
        "-use_gpu=1",
    ],
)
def test_a_delegate_that_only_the_command_line_asks_for(flag: str) -> None:
    for command in (f"./benchmark_model {flag} --graph=x", f'adb shell "./benchmark_model --graph=x {flag}"'):
        got = read(f"# cmd: {command}\n# ---- stdout ----\n{GOOD}# exit: 0\n")
        assert (got["status"], got["causes"]) == ("invalid", ["delegate_not_applied"])


@pytest.mark.parametrize("flag", ["--use_gpu=false", "--use_gpu=0", "--use_gpu false", "--graph=a--use_gpu=true"])
def test_a_delegate_that_the_command_line_does_not_ask_for(flag: str) -> None:
    assert read(f"# cmd: ./benchmark_model --graph=x {flag}\n# ---- stdout ----\n{GOOD}# exit: 0\n")["status"] == "ok"


def verdict(text: str, **keywords: Any) -> tuple[str, list[str]]:
    got = read(text, **keywords)
    return got["status"], got["causes"]


def test_the_exit_code_in_the_prompt() -> None:
    assert verdict(START + "1|device:/data/local/tmp $ ") == ("failed", ["unknown"])
    assert verdict(GOOD + "139|umi:/ # \n") == ("failed", ["crashed"])


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        ("", RecordedCommand(stdout="")),
        ("a\n# exit: 1\n", RecordedCommand(stdout="a\n# exit: 1\n")),  # markers count in a file that begins with one
        ("# a comment\n", RecordedCommand(stdout="# a comment\n")),
        ("# cmd: ./x --a\nout\n", RecordedCommand(stdout="out\n", command="./x --a")),
        (
            "# cmd: ./x\n# ---- stdout ----\na\nb\n# exit: -9\n",
            RecordedCommand(stdout="a\nb\n", command="./x", exit_code=-9),
        ),
        (
            "# ---- stderr ----\nerr\n# ---- stdout ----\nout\n# exit: 0",
            RecordedCommand(stdout="out\n", stderr="err\n", exit_code=0),
        ),
        ("# cmd: x\n# ---- stderr ----\n", RecordedCommand(stdout="", stderr="", command="x")),
        (
            "# cmd: x\n# ---- stdout ----\na\n# ---- stderr ----\nb\n# exit: 1\n# cmd: y\n# ---- stdout ----\nc\n",
            RecordedCommand(stdout="c\n", command="y"),
        ),
        (
            "# cmd: x\na\n# cmd: y\nb\n# cmd: z\nc\n# exit: 3\n",
            RecordedCommand(stdout="c\n", command="z", exit_code=3),
        ),
    ],
)
def test_a_recording_taken_apart(text: str, recorded: RecordedCommand) -> None:
    assert unwrap(text)[-1] == recorded


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("./b --use_gpu=true --use_nnapi=1 --use_gpu=true", ["GPU", "NNAPI"]),
        ("./b --use_gpu true", ["GPU"]),
        ("./b --use_gpu false --use_nnapi", ["NNAPI"]),
        ("./b --use_gpu --graph=x", ["GPU"]),
        ("./b --external_delegate_path=a.so", ["EXTERNAL"]),
        ("./b --external_delegate_path", []),
        ("./b --num_threads=4", []),
        ("./b --use_gpu 7", ["GPU"]),
    ],
)
def test_what_a_command_line_asks_for(command: str, asked: list[str]) -> None:
    assert asked_in_command(command) == asked


def test_full_delegation_in_a_command_line() -> None:
    for flag, asks in (("=true", True), ("=1", True), ("=false", False), ("=10", False), ("", False)):
        assert asks_for_full_delegation(f"./b --require_full_delegation{flag} --a") is asks
    partial = "Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate.\n"
    command = "# cmd: ./b --use_gpu=true --require_full_delegation={}\n# ---- stdout ----\n"
    assert verdict(command.format("true") + START + partial + RUN + TIMINGS) == ("invalid", ["delegate_partial"])
    assert verdict(command.format("false") + START + partial + RUN + TIMINGS) == ("ok", [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1|device:/data/local/tmp $ ", 1),
        ("out\n139|umi:/ # \n", 139),
        ("x" * 500 + "\n1|device:/ $ ", 1),
        ("device:/ $ ", None),
        ("a 1|device:/ $ ", None),
        ("1|device:/ $ ./x", None),
        ("", None),
    ],
)
def test_android_s_prompt(text: str, code: int | None) -> None:
    assert exit_code_in_prompt(text) == code


def test_what_is_given_counts_before_what_was_recorded_and_that_before_the_prompt() -> None:
    recorded = (
        f"# cmd: ./b --a\n# ---- stdout ----\nNum threads: [2]\nMin num runs: [7]\n{GOOD}139|umi:/ #\n# exit: 137\n"
    )
    assert verdict(recorded) == ("failed", ["killed"])
    assert verdict(recorded, exit_code=124) == ("failed", ["timeout"])
    assert verdict(recorded, exit_code=0) == ("ok", [])
    assert verdict(recorded.replace("# exit: 137\n", "")) == ("failed", ["crashed"])
    log = read_foreign_log(recorded)
    assert (log.command, log.exit_code, log.threads, log.lengths.min_runs) == ("./b --a", 137, 2, 7)
    plain = read_foreign_log(GOOD)
    assert (plain.command, plain.exit_code, plain.threads, plain.lengths.min_runs) == (None, None, None, 50)


def test_stderr_that_was_recorded_apart_is_read_with_it() -> None:
    failed = "ERROR: Failed to apply GPU delegate.\n"
    assert verdict(f"# cmd: ./b\n# ---- stdout ----\n{GOOD}# ---- stderr ----\n{failed}") == (
        "invalid",
        ["delegate_not_applied"],
    )
    assert verdict(GOOD, stderr=failed) == ("invalid", ["delegate_not_applied"])
    assert verdict(f"# cmd: ./b\n# ---- stdout ----\n{GOOD}# ---- stderr ----\n{failed}", stderr="") == ("ok", [])
    assert verdict(START, stderr="Segmentation fault\n")[1] == ["crashed"]
