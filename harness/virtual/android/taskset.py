"""Answers `taskset` as toybox does, with its messages and exit codes (seen with toybox 0.8.9), on mapped cores.

The device has the profile's cores, the host has fewer or others: device core i is host core `cpu_map[i]`. A mask is checked against the
device's cores; the mask that is set is the host's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.virtual.android.bus import CommandAnswer

_SEE_HELP = ' (see "taskset --help")'
_MAX_DIGITS = 256  # toybox' own limit is of this size; no phone has a thousand cores


@dataclass(frozen=True, slots=True)
class TasksetOutcome:
    """The outcome of a `taskset` call: the answer, and, if a mask was accepted, that mask (device cores) and its PID."""

    answer: CommandAnswer
    mask: int | None = None
    pid: int | None = None
    command: tuple[str, ...] = ()


def host_mask(mask: int, cpu_map: Mapping[int, int]) -> int:
    """Return the host cores of these device cores."""
    found = 0
    for core, host in cpu_map.items():
        if mask >> core & 1:
            found |= 1 << host
    return found


def device_mask(mask: int, cpu_map: Mapping[int, int]) -> int:
    """Return the device cores on these host cores. Each can have several, so this does not undo `host_mask`."""
    return sum(1 << core for core, host in cpu_map.items() if mask >> host & 1)


def taskset(
    words: list[str], *, own_pid: int, cpu_map: Mapping[int, int], affinity: Callable[[int], int | None]
) -> TasksetOutcome:
    """Answer one call. Cores outside the map are missing or not in the caller's cpuset; like the kernel, this drops them silently.

    Args:
        words: the arguments, without `taskset`.
        own_pid: PID of the calling script, which becomes the command.
        cpu_map: device core to host core.
        affinity: reads the device mask of a PID of the device; None: no such process.
    """
    options, rest = _options(words)
    if isinstance(rest, TasksetOutcome):
        return rest
    if "p" in options:
        return _existing(options, rest, cpu_map, affinity)
    if not rest:
        return _fail("Needs 1 argument" + _SEE_HELP)
    mask = _mask(rest[0])
    if mask is None:
        return _fail(f"bad mask '{rest[0]}'")
    if len(rest) < 2:
        return _fail("Needs 2 args")
    if not host_mask(mask, cpu_map):
        return _fail(f"failed to set pid {own_pid}'s affinity: Invalid argument")
    consumed = len(words) - len(rest) + 1
    directive = f"run {host_mask(mask, cpu_map):x} {consumed}"
    return TasksetOutcome(CommandAnswer(directive=directive), mask, own_pid, tuple(rest[1:]))


def _options(words: list[str]) -> tuple[set[str], list[str] | TasksetOutcome]:
    """Read leading options as toybox does: up to the first other word, or up to `--`, which is dropped once."""
    options: set[str] = set()
    for index, word in enumerate(words):
        if word == "--help":
            return options, TasksetOutcome(CommandAnswer(directive="help"))
        if word == "--":
            return options, words[index + 1 :]
        if not word.startswith("-") or word == "-":
            return options, words[index:]
        if word.startswith("--"):
            return options, _fail(f"Unknown option '{word[2:]}'{_SEE_HELP}")
        for letter in word[1:]:
            if letter not in "ap":
                return options, _fail(f"Unknown option '{letter}'{_SEE_HELP}")
            options.add(letter)
    return options, []


def _existing(
    options: set[str], rest: list[str], cpu_map: Mapping[int, int], affinity: Callable[[int], int | None]
) -> TasksetOutcome:
    if not rest:
        return _fail("Needs 1 argument" + _SEE_HELP)
    target = rest[-1]
    if not re.fullmatch(r"\d+", target):
        return _fail(f"Not int {target}")
    pid = int(target)
    before = affinity(pid)
    if before is None:
        return _fail(f"failed to get pid {pid}'s affinity: No such process")
    out = f"pid {pid}'s current affinity mask: {before:x}\n"
    if len(rest) == 1:
        return TasksetOutcome(CommandAnswer(out=out))
    mask = _mask(rest[0])
    if mask is None:
        return _fail(f"bad mask '{rest[0]}'", out=out)
    if not host_mask(mask, cpu_map):
        return _fail(f"failed to set pid {pid}'s affinity: Invalid argument", out=out)
    out += f"pid {pid}'s new affinity mask: {device_mask(host_mask(mask, cpu_map), cpu_map):x}\n"
    flags = "-ap" if "a" in options else "-p"
    return TasksetOutcome(
        CommandAnswer(out=out, directive=f"set {host_mask(mask, cpu_map):x} {flags} {pid}"), mask, pid
    )


def _mask(word: str) -> int | None:
    """Read a mask in bare hex; `0xf0` is refused."""
    return int(word or "0", 16) if re.fullmatch(rf"[0-9a-fA-F]{{0,{_MAX_DIGITS}}}", word) else None


def _fail(message: str, *, out: str = "") -> TasksetOutcome:
    return TasksetOutcome(CommandAnswer(out=out, err=f"taskset: {message}\n", code=1))
