"""Finds the cells that a selection names, and pairs the cells of two sides. Pure.

`RUN@delegate=gpu,threads=4` names all cells with these values. The cells of two selections pair by every key that the selections do not
fix differently.
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
    """The selected cells of one side. `where` maps keys to values, which may hold `*` and `?`."""

    text: str
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two cells to compare. A side is None if its run has no such cell; never both."""

    base: CellResults | None
    head: CellResults | None

    @property
    def shown(self) -> CellResults:
        """The cell that tables list the pair under: head's if there is one."""
        cell = self.head or self.base
        assert cell is not None  # noqa: S101
        return cell


def parse_where(text: str) -> dict[str, str]:
    """Read `delegate=gpu(precision=fp16,cache=1),threads=4`.

    A comma separates only outside brackets and before `KEY=`, so options and `xnnpack, cold start` keep their commas.

    Raises:
        UsageError: a key is unknown, given twice or without a value.
    """
    where: dict[str, str] = {}
    for part in _split(text):
        key, equals, value = part.partition("=")
        key, value = key.strip(), value.strip()
        if key not in KEYS:
            near = _nearest(key, KEYS)
            raise UsageError(
                f"a selection cannot name {key!r}",
                remedy=f"did you mean {near!r}?" if near else f"it can name {', '.join(KEYS)}",
            )
        if not equals or not value:
            raise UsageError(f"selection {part!r} lacks a value", remedy=f"write {key}=VALUE")
        if key in where:
            raise UsageError(f"selection {text!r} names {key} twice")
        where[key] = value
    return where


def select(cells: Sequence[CellResults], selection: Selection) -> list[CellResults]:
    """Find the cells that a selection names.

    Raises:
        UsageError: there is none; the message names the first key without a match and the nearest existing value.
    """
    left = list(cells)
    for key, pattern in selection.where.items():
        # An exact match wins: `xnnpack` does not mean `xnnpack, cold start` if both exist.
        kept = [cell for cell in left if str(getattr(cell.key, key)) == pattern]
        kept = kept or [cell for cell in left if _matches(cell, key, pattern)]
        if not kept:
            there = sorted({str(getattr(cell.key, key)) for cell in left})
            near = _nearest(pattern, there)
            raise UsageError(
                f"{selection.text}: nothing has {key}={pattern}",
                remedy=(f"did you mean {key}={near}?" if near else f"there is {', '.join(there) or 'nothing'}"),
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
        devices: head's serials by base's serials, for devices that replace each other (`same_devices`).
        baseline: the suite's baseline, which chooses among several fitting base cells.

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
        # Several base cells may share a place, and head needs only one of them. Only a place without any head cell is missing there.
        taken = {place(cell, is_head=True) for cell in head}
        for there, candidates in by_place.items():
            if there not in taken:
                pairs += [Pair(base=cell, head=None) for cell in _narrowed(candidates, keys, baseline)]
    # Sorted, because the order of running is random by design.
    return sorted(pairs, key=lambda pair: pair.shown.key)


def fixed_apart(base: Selection, head: Selection) -> list[str]:
    """Return the keys that two selections fix differently, by which cells do not pair.

    A model or device that only one side names narrows both sides: nobody means to compare one model with all the others.
    """
    return [
        key
        for key in KEYS
        if base.where.get(key) != head.where.get(key)
        and (key not in ("model", "device") or (key in base.where and key in head.where))
    ]


def narrowed(cells: Sequence[CellResults], own: Selection, other: Selection) -> list[CellResults]:
    """Keep the cells that the other side's selection allows: a model or device that only one side names holds for both."""
    left = list(cells)
    for key in ("model", "device"):
        if key in other.where and key not in own.where:
            # The other side's device may have a replacement here with another serial.
            left = [cell for cell in left if _matches(cell, key, other.where[key])] or left
    return left


def same_devices(base: Sequence[DeviceInfo], head: Sequence[DeviceInfo]) -> dict[str, str]:
    """Map base's serials to head's: the same serial, else the only remaining unit of the same phone model on both sides."""
    ours, theirs = {d.serial: d for d in base}, {d.serial: d for d in head}
    # The serial of a virtual device is only its port, where another profile may sit the next time.
    same = {s: s for s in ours if s in theirs and _kind(ours[s]) == _kind(theirs[s])}
    for serial, info in ours.items():
        if serial in same:
            continue
        twins = [s for s, other in theirs.items() if s not in same.values() and _kind(other) == _kind(info)]
        rivals = [s for s, other in ours.items() if s not in same and _kind(other) == _kind(info)]
        if len(twins) == len(rivals) == 1:
            same[serial] = twins.pop()
    return same


def _nearest(name: str, names: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(name, [*names])), None)


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
