"""Makes the JSON document of a bisection. Pure."""

from __future__ import annotations

from typing import Any

from harness.analysis.ratio_interval import Estimate
from harness.experiments.bisect_places import Place
from harness.experiments.bisect_records import BisectStep
from harness.experiments.bisection import Bisection


def bisection_document(one: Bisection) -> dict[str, Any]:
    """Return the document of `harness bisect --json`."""
    answer, places = one.answer, one.places
    change = answer.change
    between = None
    if change is not None:
        between = {
            "base": _identity(places[change.base]),
            "head": _identity(places[change.head]),
            **_numbers(change.estimate),
            "run": change.runs[0] if change.runs else None,
            "profiled_base_us": one.profiled_us[0] if one.profiled_us is not None else None,
            "profiled_head_us": one.profiled_us[1] if one.profiled_us is not None else None,
            "ops": list(one.ops),
        }
    found = None
    if answer.outcome == "found" and between is not None:
        found = {**_place(places[answer.upto]), **{key: value for key, value in between.items() if key != "head"}}
    ends = next((step for step in answer.steps if step.part == "ends"), None)
    return {
        "outcome": answer.outcome,
        "reason": answer.reason or None,
        "found": found,
        "error_probability": answer.error,
        "good": _place(places[0]),
        "bad": _place(places[-1]),
        "cell": answer.cell or (ends.cell if ends is not None else None),
        "metric": one.asked.metric,
        "change": between,
        "steps": [_step(step, places) for step in answer.steps],
        "not_built": [{**_place(places[place]), "reason": reason} for place, reason in answer.skipped.items()],
        "remaining": [_place(places[place]) for place in answer.remaining] if found is None else [],
        "notes": list(answer.notes),
        "device_s": round(answer.device_s, 3),
        "synthetic": one.synthetic,
        "folder": str(one.folder),
    }


def _step(step: BisectStep, places: tuple[Place, ...]) -> dict[str, Any]:
    return {
        "part": step.part,
        "revision": _identity(places[step.head]),
        "base": _identity(places[step.base]),
        "verdict": step.verdict,
        "between": step.between,
        "same_program": step.same_program,
        **_numbers(step.estimate),
        "error": step.level,
        "cell": step.cell,
        "run": step.runs[0] if step.runs else None,
        "runs": list(step.runs),
        "device_s": round(step.device_s, 3),
    }


def _numbers(estimate: Estimate | None) -> dict[str, Any]:
    return {
        "ratio": estimate.ratio if estimate is not None else None,
        "ci_low": estimate.ci_low if estimate is not None else None,
        "ci_high": estimate.ci_high if estimate is not None else None,
        "level": estimate.level if estimate is not None and estimate.ci_low is not None else None,
        "blocks": estimate.n if estimate is not None else 0,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "commit": place.commit,
        "subject": place.subject,
        "author": place.author,
        "date": place.date,
        "path": place.path,
        "sha256": place.sha256,
    }


def _identity(place: Place) -> str:
    return place.commit or place.path or place.name
