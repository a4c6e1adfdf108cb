"""Changes as rows of the history's table, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.history.series_reader import KnownSeries
from harness.records.history import Change, ChangeVerdict, Evidence

_EXPERIMENTS = (ChangeVerdict.CONFIRMED, ChangeVerdict.REFUTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """The result of the experiments on a change."""

    verdict: ChangeVerdict | None = None
    """`confirmed` or `refuted`; None if they did not decide."""
    evidence: Evidence | None = None
    notes: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether they decided."""
        return self.verdict in _EXPERIMENTS


def found_values(change: Change) -> dict[str, Any]:
    """Return the columns that a check updates each time it finds the change."""
    return {
        "first_bad": change.first_bad,
        "first_bad_at": change.first_bad_at,
        "last_good": change.last_good,
        "last_good_at": change.last_good_at,
        "before": change.before,
        "after": change.after,
        "ratio": change.ratio,
        "ci_low": change.ci_low,
        "ci_high": change.ci_high,
        "kind": change.kind,
        "explained_by": list(change.explained_by),
        "notes": list(change.notes),
    }


def change_of(row: Any, known: KnownSeries, now: datetime) -> Change:
    """Return the change of a row.

    Args:
        row: a row of the table.
        known: its series.
        now: the moment that decides whether it is still muted.
    """
    experiment = experiment_of(row)
    until = row.muted_until
    unseen, mended = row.unseen_since, row.mended_since
    return Change(
        id=row.id,
        group=row.group_id,
        series=known.key,
        unit=known.unit,
        first_bad=row.first_bad,
        first_bad_at=row.first_bad_at,
        last_good=row.last_good,
        last_good_at=row.last_good_at,
        before=row.before,
        after=row.after,
        ratio=row.ratio,
        ci_low=row.ci_low,
        ci_high=row.ci_high,
        verdict=ChangeVerdict(row.verdict),
        kind=row.kind,
        found_at=row.found_at,
        explained_by=tuple(row.explained_by),
        evidence=experiment.evidence,
        accepted=row.accepted_at is not None,
        muted_until=until,
        muted=row.muted_at is not None and (until is None or now < until),
        unseen_since=unseen,
        mended_since=mended,
        notes=(*row.notes, *experiment.notes, *_states(unseen, mended)),
    )


def verdict_of(change: Change, experiment: Experiment) -> ChangeVerdict:
    """Return the verdict: an experiment overrides what the nights suggest, and a confirmed decrease is an improvement."""
    if experiment.verdict is ChangeVerdict.REFUTED:
        return ChangeVerdict.REFUTED
    if experiment.verdict is ChangeVerdict.CONFIRMED:
        return ChangeVerdict.CONFIRMED if change.worse else ChangeVerdict.IMPROVED
    return change.verdict


def experiment_of(row: Any) -> Experiment:
    """Return the result of the experiments on a row's change."""
    document = row.evidence
    if not isinstance(document, Mapping):
        return Experiment()
    found, verdict = document.get("found"), document.get("verdict")
    return Experiment(
        verdict=ChangeVerdict(verdict) if verdict else None,
        evidence=None if found is None else Evidence(**{**found, "at": datetime.fromisoformat(found["at"])}),
        notes=tuple(document.get("notes", ())),
    )


def experiment_document(experiment: Experiment) -> dict[str, Any]:
    """Return it for the column `evidence`.

    Raises:
        ValueError: a number of it is infinite or NaN.
    """
    evidence = experiment.evidence
    found = None
    if evidence is not None:
        if not all(map(math.isfinite, (evidence.ratio, evidence.ci_low, evidence.ci_high, evidence.device_s))):
            raise ValueError("an experiment without a finite ratio and interval is no evidence")
        found = {
            "run_id": evidence.run_id,
            "run_path": evidence.run_path,
            "ratio": evidence.ratio,
            "ci_low": evidence.ci_low,
            "ci_high": evidence.ci_high,
            "device_s": evidence.device_s,
            "at": evidence.at.isoformat(),
        }
    return {
        "verdict": None if experiment.verdict is None else str(experiment.verdict),
        "found": found,
        "notes": list(experiment.notes),
    }


def _states(unseen: datetime | None, mended: datetime | None) -> Sequence[str]:
    return [
        *([f"no longer seen since {unseen:%Y-%m-%d}: later nights do not bear it out"] if unseen else []),
        *([f"the level before it is back since {mended:%Y-%m-%d}"] if mended else []),
    ]
