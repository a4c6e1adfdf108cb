"""Reads the command line, and accepts and refuses flags as the real tool does.

Only `--name=value` is a flag; everything else is reported, not refused. Numbers are read up to the first character that does not belong to
them (`3.7` is 3 for a whole number). Flags of missing delegates (GPU, NNAPI) are unknown, as to a real tool built without them. Flags that
tune the interpreter or a GPU are accepted and announced, and have no effect.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from harness.litert_host.flag_table import FLAGS, LABELS, Flag, Kind, Value

_BY_NAME: dict[str, Flag] = {flag.name: flag for flag in reversed(FLAGS)}  # the first flag of a name counts
_ALWAYS = ("verbose", "graph", "signature_to_run_for")
_NOT_VERBOSE = frozenset({"list_signatures"})
"""Announced only if given."""
_INT = re.compile(r"\s*([+-]?)0*(\d+)")
_FLOAT = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_EMPTY: dict[Kind, Value] = {"int32": 0, "float": 0.0, "bool": False, "string": ""}
_BOOLS = {"true": True, "1": True, "false": False, "0": False}


class FlagError(Exception):
    """The command line cannot be used. `lines` go to stderr as errors."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0])
        self.lines = lines


def _read(kind: Kind, text: str) -> Value | None:
    """Read a value as C++ streams do; None if it does not fit.

    The real tool accepts whatever a stream read if it reached the end of the text: an empty text is 0, too large a number is the largest.
    """
    if kind == "string":
        return text
    if kind == "bool":
        return _BOOLS.get(text)
    match = (_INT if kind == "int32" else _FLOAT).match(text)
    if match is None:
        return (0 if kind == "int32" else 0.0) if re.fullmatch(r"\s*[+-]?", text) else None
    if kind == "int32":
        # Python refuses numbers of thousands of digits; more than 18 digits are beyond the type anyway.
        whole = int(match[1] + match[2][:19])
        if -(2**31) <= whole < 2**31:
            return whole
        at_end = match.end() == len(text)
        return (2**31 - 1 if whole > 0 else -(2**31)) if at_end else None
    # The real tool holds these in 32 bits: it prints 0.1 for 0.1 but compares the rounded value.
    try:
        return float(struct.unpack("f", struct.pack("f", float(match[0])))[0])
    except OverflowError:
        return math.inf if match.end() == len(text) else None


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Options:
    """The flags of a command line."""

    values: dict[str, Value]
    given: frozenset[str]
    leftover: tuple[str, ...]

    def text(self, name: str) -> str:
        """Value of a string flag."""
        return str(self.values[name])

    def on(self, name: str) -> bool:
        """Value of a boolean flag."""
        return bool(self.values[name])

    def whole(self, name: str) -> int:
        """Value of an int32 flag."""
        return int(self.values[name])

    def real(self, name: str) -> float:
        """Value of a float flag."""
        return float(self.values[name])

    def replaced(self, **values: Value) -> Options:
        """Return a copy with other values, which count as given."""
        return Options({**self.values, **values}, self.given | set(values), self.leftover)

    def announcements(self) -> list[str]:
        """Return `Label: [value]` for each flag that was set, or for every flag with --verbose."""
        verbose = self.on("verbose")
        return [
            f"{label}: [{_shown(self.values[name])}]"
            for name, label in LABELS
            if name in self.given or name in _ALWAYS or (verbose and name not in _NOT_VERBOSE)
        ]


def usage(program: str) -> str:
    """Return the text of --help."""
    lines = [f"usage: {program} <flags>", "Flags:"]
    for flag in FLAGS:
        lines.append(f"\t{f'--{flag.name}={flag.default}':<47}\t{flag.kind}\toptional\t{flag.about}")
    return "\n".join(lines) + "\n"


def parse(program: str, arguments: Sequence[str]) -> Options:
    """Read a command line.

    Args:
        program: the program's name, for the usage text.
        arguments: the arguments after it.

    Raises:
        FlagError: a value does not fit, or --help was asked for.
    """
    values: dict[str, Value] = {
        name: _read(flag.kind, flag.default) or _EMPTY[flag.kind] for name, flag in _BY_NAME.items()
    }
    given: set[str] = set()
    leftover: list[str] = []
    errors: list[str] = []
    for argument in arguments:
        name, equals, text = argument.removeprefix("--").partition("=")
        if argument == "--help":
            values["help"] = True
        elif not argument.startswith("--") or not equals or name not in _BY_NAME or name in given:
            leftover.append(argument)
        else:
            value = _read(_BY_NAME[name].kind, text)
            given.add(name)
            if value is None:
                errors.append(f"Failed to parse flag '{name}' against argv '{argument}'")
            else:
                values[name] = value
    if errors or values["help"]:
        raise FlagError(*errors, usage(program))
    return Options(values, frozenset(given), tuple(leftover))
