"""Which cells of a run a selection means, and which cells belong together. Pure.

`RUN@delegate=gpu,threads=4` names cells by what they have in common. Two selections pair by every key that they do not fix differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase

from harness.analysis.cells import KEYS, CellResults
from harness.errors import UsageError
from harness.records import CellKey, DeviceInfo, Scalar

_NEXT_KEY = re.compile(r"\s*\w+\s*=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Cells of one side. `where` maps keys to values; values may hold `*` and `?`."""

    text: str
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two cells to compare. One side is None where the other run has no such cell."""

    base: CellResults | None
    head: CellResults | None

    @property
    def shown(self) -> CellKey:
        """The cell that the pair is listed under: head's."""
        cell = self.head or self.base
        assert cell is not None  # noqa: S101  # a pair of nothing is never made
        return cell.key


def parse_where(text: str) -> dict[str, str]:
    """Read `delegate=gpu(precision=fp16,cache=1),threads=4`.

    Only a comma outside of brackets with `KEY=` behind it divides: options and `xnnpack, cold start` keep theirs.

    Raises:
        UsageError: an unknown key, one given twice, or no value.
    """
    where: dict[str, str] = {}
    for part in _split(text):
        key, equals, value = part.partition("=")
        key, value = key.strip(), value.strip()
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1)
            raise UsageError(
                f"a selection cannot name {key!r}",
                remedy=f"did you mean {near[0]!r}?" if near else f"it can name {', '.join(KEYS)}",
            )
        if not equals or not value:
            raise UsageError(f"selection {part!r} lacks a value", remedy=f"write {key}=VALUE")
        if key in where:
            raise UsageError(f"selection {text!r} names {key} twice")
        where[key] = value
    return where


def select(cells: Sequence[CellResults], selection: Selection) -> list[CellResults]:
    """Find the cells that a selection means.

    Raises:
        UsageError: none, naming the first key without a match and the nearest value that would have one.
    """
    left = list(cells)
    for key, pattern in selection.where.items():
        # The very word wins: `xnnpack` is not `xnnpack, cold start` where there is both.
        kept = [cell for cell in left if str(getattr(cell.key, key)) == pattern]
        kept = kept or [cell for cell in left if _matches(cell, key, pattern)]
        if not kept:
            there = sorted({str(getattr(cell.key, key)) for cell in left})
            near = get_close_matches(pattern, there, n=1)
            raise UsageError(
                f"{selection.text}: nothing has {key}={pattern}",
                remedy=(f"did you mean {key}={near[0]}?" if near else f"there is {', '.join(there) or 'nothing'}"),
            )
        left = kept
    return left


def pair_cells(
    base: Sequence[CellResults],
    head: Sequence[CellResults],
    *,
    apart: Iterable[str] = (),
    devices: Mapping[str, str] | None = None,
    baseline: Mapping[str, Scalar] | None = None,
) -> list[Pair]:
    """Pair cells that agree in every key but those in `apart`.

    Args:
        base: cells of the one side.
        head: cells of the other.
        apart: keys in which the sides may differ.
        devices: head's serials by base's serials, where a device stands for another one (`same_devices`).
        baseline: values that decide where several base cells would do (the suite's `baseline`).

    Raises:
        UsageError: several base cells fit one head cell.
    """
    keys = [key for key in KEYS if key not in set(apart)]
    renamed = {theirs: ours for ours, theirs in (devices or {}).items()}

    def place(cell: CellResults, *, is_head: bool) -> tuple[object, ...]:
        values = {key: getattr(cell.key, key) for key in keys}
        if is_head and "device" in values:
            values["device"] = renamed.get(cell.key.device, cell.key.device)
        return tuple(values.values())

    by_place: dict[tuple[object, ...], list[CellResults]] = {}
    for cell in base:
        by_place.setdefault(place(cell, is_head=False), []).append(cell)
    pairs: list[Pair] = []
    used: set[CellKey] = set()
    for cell in head:
        candidates = by_place.get(place(cell, is_head=True), [])
        candidates = _narrowed(candidates, keys, baseline)
        if len(candidates) > 1:
            raise _ambiguous(cell, candidates, keys)
        found = candidates[0] if candidates else None
        if found is not None:
            used.add(found.key)
            if found.results == cell.results:
                continue  # a cell is not compared with itself
        pairs.append(Pair(base=found, head=cell))
    if not apart:
        pairs += [Pair(base=cell, head=None) for cell in base if cell.key not in used]
    else:
        # Of several base cells in one place only one is asked for; but a place that head does not have at all is something that it lacks.
        taken = {place(cell, is_head=True) for cell in head}
        for there, candidates in by_place.items():
            if there not in taken:
                pairs += [Pair(base=cell, head=None) for cell in _narrowed(candidates, keys, baseline)]
    # The order of running is random by design and would make every table look different.
    return sorted(pairs, key=lambda pair: pair.shown)


def fixed_apart(base: Selection, head: Selection) -> list[str]:
    """Keys that two selections fix differently: cells do not pair by these.

    A model or a device that only one side names narrows the comparison: nobody means to compare one model with all the others.
    """
    return [
        key
        for key in KEYS
        if base.where.get(key) != head.where.get(key)
        and (key not in ("model", "device") or (key in base.where and key in head.where))
    ]


def narrowed(cells: Sequence[CellResults], own: Selection, other: Selection) -> list[CellResults]:
    """The cells of one side that the other side's selection lets pair: a model or a device that only one side names is meant for both."""
    left = list(cells)
    for key in ("model", "device"):
        if key in other.where and key not in own.where:
            # A device may stand for another one, whose serial nothing here has.
            left = [cell for cell in left if _matches(cell, key, other.where[key])] or left
    return left


def same_devices(base: Sequence[DeviceInfo], head: Sequence[DeviceInfo]) -> dict[str, str]:
    """Head's serial for each of base's: the same serial, else the only other unit of the same phone model on both sides."""
    ours, theirs = {d.serial: d for d in base}, {d.serial: d for d in head}
    # A serial of a virtual device says only on which port it sat: another profile may sit there the next time.
    same = {s: s for s in ours if s in theirs and _kind(ours[s]) == _kind(theirs[s])}
    for serial, info in ours.items():
        if serial in same:
            continue
        twins = [s for s, other in theirs.items() if s not in same.values() and _kind(other) == _kind(info)]
        rivals = [s for s, other in ours.items() if s not in same and _kind(other) == _kind(info)]
        if len(twins) == 1 and rivals == [serial]:
            same[serial] = twins[0]
    return same


def _kind(info: DeviceInfo) -> tuple[str | None, str | None, bool]:
    return (info.model, info.soc, info.virtual)


def _matches(cell: CellResults, key: str, pattern: str) -> bool:
    values = [str(getattr(cell.key, key))]
    if key == "delegate":
        values.append(cell.results[0].trial.delegate.name)
    if key == "cpus":
        values.append(cell.mask)
    return any(value == pattern or fnmatchcase(value, pattern) for value in values)


def _narrowed(
    candidates: list[CellResults], keys: Sequence[str], baseline: Mapping[str, Scalar] | None
) -> list[CellResults]:
    for key, value in (baseline or {}).items():
        if len(candidates) > 1 and key not in keys:
            candidates = [cell for cell in candidates if _matches(cell, key, str(value))]
    return candidates


def _ambiguous(cell: CellResults, candidates: Sequence[CellResults], keys: Sequence[str]) -> UsageError:
    open_keys = [key for key in KEYS if key not in keys]
    differing = [key for key in open_keys if len({getattr(c.key, key) for c in candidates}) > 1]
    values = {key: sorted({str(getattr(c.key, key)) for c in candidates}) for key in differing}
    listed = "; ".join(f"{key}: {', '.join(values[key])}" for key in differing)
    example = ",".join(f"{key}={values[key][0]}" for key in differing)
    return UsageError(
        f"BASE has {len(candidates)} cells to compare {cell.key.model} on {cell.key.device} with ({listed})",
        remedy=f"choose one, such as BASE@{example}",
    )


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth <= 0 and _NEXT_KEY.match(text, index + 1):
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]
