"""What a recorded command line asks for, and how the command ended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmark_model.foreign.logs import read
from tests.benchmark_model.outputs import GOOD, START


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
