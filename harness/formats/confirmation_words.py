"""Reports what experiments on suspicions found, in words and as JSON. Takes plain values, since the room `experiments` lies above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from harness.files.terminal_text import printable
from harness.formats.change_words import metric_words
from harness.formats.changes_json import change_document
from harness.formats.comparison_words import signed
from harness.records.history import Change, NightEstimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationFacts:
    """The facts about one experiment, or the reason why there was none."""

    change: Change
    answer: Literal["confirmed", "refuted", "undecided", "not tried"]
    reason: str
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    device_s: float = 0.0
    run_path: str | None = None
    old: NightEstimate | None = None
    new: NightEstimate | None = None
    notes: tuple[str, ...] = ()


def confirmation_lines(one: ConfirmationFacts) -> list[str]:
    """Return lines for a terminal: the answer with its ratio first. Texts of users and devices are safe to print."""
    change = one.change
    head = f"{change.id} {one.answer}: {metric_words(change.series)} of {change.series.words}"
    lines = [printable(head)]
    if one.ratio is not None and one.ci_low is not None and one.ci_high is not None:
        lines.append(
            f"  new over old: {signed(one.ratio, one.ci_low, one.ci_high)}, in {one.device_s:.0f} s on the device"
        )
    lines.append(
        f"  suspected: {signed(change.ratio, change.ci_low, change.ci_high)} since {change.first_bad_at:%Y-%m-%d}"
    )
    lines.append(printable(f"  {one.reason}"))
    lines += [f"  {what}: {before[:12]} -> {after[:12]}" for what, before, after in _files(one)]
    lines += [printable(f"  {note}") for note in one.notes]
    lines += [printable(f"  its run: {one.run_path}")] if one.run_path is not None else []
    return lines


def confirmation_document(one: ConfirmationFacts) -> dict[str, Any]:
    """Return the outcome of one experiment, for `--json`."""
    return {
        "id": one.change.id,
        "answer": one.answer,
        "verdict": str(one.change.verdict),
        "reason": one.reason,
        "ratio": one.ratio,
        "ci_low": one.ci_low,
        "ci_high": one.ci_high,
        "device_s": round(one.device_s, 3),
        "run_path": one.run_path,
        "old": None if one.old is None else _night(one.old),
        "new": None if one.new is None else _night(one.new),
        "notes": list(one.notes),
        "change": change_document(one.change),
    }


def tried_document(every: Sequence[ConfirmationFacts]) -> list[dict[str, Any]]:
    """Return the outcomes of all experiments of a check."""
    return [confirmation_document(one) for one in every]


def _night(night: NightEstimate) -> dict[str, Any]:
    return {
        "run_id": night.run_id,
        "at": night.at.isoformat(),
        "model_sha256": night.model_sha256,
        "binary_sha256": night.binary_sha256,
        "labels": dict(night.labels),
    }


def _files(one: ConfirmationFacts) -> list[tuple[str, str, str]]:
    if one.old is None or one.new is None:
        return []
    pairs = (
        ("binary", one.old.binary_sha256, one.new.binary_sha256),
        ("model", one.old.model_sha256, one.new.model_sha256),
    )
    return [pair for pair in pairs if pair[1] != pair[2]]
