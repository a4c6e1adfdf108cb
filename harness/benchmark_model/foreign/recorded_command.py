"""Splits a recorded command into its command line, its output and its exit code.

One file holds all: `# cmd: ...`, `# ---- stdout ----`, `# ---- stderr ----`, `# exit: N`, each on its own line and each optional.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.benchmark_model.delegates import requested_by_flag

_MARKER = re.compile(r"^# (?:---- (stdout|stderr) ----|exit: (-?\d{1,10})|cmd: (.*))$", re.MULTILINE)
_COMMAND_FLAG = re.compile(
    r"(?<![\w-])-{1,2}(\w{1,80})(?:(=)[\"'\\\\]{0,2}([^\s\"'\\\\;]{0,1000})|\s{1,8}([^\s-]\S{0,20}))?"
)
_FULL = re.compile(r"(?<![\w-])--require_full_delegation=(?:true|1)\b")
_PROMPT = re.compile(r"(?:^|\n)(\d{1,3})\|\w{1,40}:\S{1,200} [#$] {0,4}\n{0,4}$")
"""Android's shell puts the last exit code before its prompt if it is not 0: `1|device:/ $ `."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCommand:
    """The parts of a recorded command. `stderr` is None if it was not recorded separately from stdout."""

    stdout: str
    stderr: str | None = None
    exit_code: int | None = None
    command: str | None = None


def unwrap(text: str) -> list[RecordedCommand]:
    """Split a file into its recorded commands; an output without markers is a single one, unchanged.

    Markers count only in a file that begins with one, because a tool's own output may contain such a line.
    """
    if not text.startswith("# "):
        return [RecordedCommand(stdout=text)]
    recorded: list[RecordedCommand] = []
    streams: dict[str, list[str]] = {"stdout": [], "stderr": []}
    separate = False
    current = "stdout"
    exit_code: int | None = None
    command: str | None = None
    position = 0

    def taken() -> RecordedCommand:
        return RecordedCommand(
            stdout="".join(streams["stdout"]),
            stderr="".join(streams["stderr"]) if separate else None,
            exit_code=exit_code,
            command=command,
        )

    for match in _MARKER.finditer(text):
        streams[current].append(text[position : match.start()])
        position = min(match.end() + 1, len(text))
        if match[1]:
            current = match[1]
            separate = separate or current == "stderr"
        elif match[2]:
            exit_code = int(match[2])
        else:
            if command is not None:
                recorded.append(taken())
                streams = {"stdout": [], "stderr": []}
                current, separate, exit_code = "stdout", False, None
            command = match[3]
    if position == 0:
        return [RecordedCommand(stdout=text)]
    streams[current].append(text[position:])
    return [*recorded, taken()]


def asked_in_command(command: str) -> list[str]:
    """Return the delegates that a command line asks for, in any quoting (`adb shell "... --use_gpu=true"`).

    A flag in a form that the tool ignores (`--use_gpu true`, `--use_gpu`) counts too: it was meant, and old versions do not report that
    they ignored it.
    """
    names = []
    for flag, equals, value, apart in _COMMAND_FLAG.findall(command):
        if not equals:
            value = apart if apart.lower() in ("true", "false", "0", "1") else "true" if flag.startswith("use_") else ""
        name = requested_by_flag(f"--{flag}={value}")
        if name is not None and name not in names:
            names.append(name)
    return names


def asks_for_full_delegation(command: str) -> bool:
    """Return whether a command line demands that delegates take the whole graph."""
    return _FULL.search(command) is not None


def exit_code_in_prompt(text: str) -> int | None:
    """Return the exit code in the prompt at the end of a text; None if it is 0 or there is no prompt."""
    match = _PROMPT.search(text[-400:])
    return None if match is None else int(match[1])
