"""The embedded data of the history's page, beside its nights (`harness.report.history_nights`). Pure but for asking which reports exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from harness.analysis.checked_history import OpShift
from harness.analysis.metrics import Metric
from harness.formats.change_words import op_shift
from harness.records.history import Change, Evidence, SeriesKey
from harness.report.embed import Json, rounded
from harness.report.history_nights import report_link, seconds
from harness.report.history_rows import SeriesRow, rank_of
from harness.report.history_sentences import change_states

_TEXT_PARTS = ("device", "model", "variant", "delegate", "cpus", "start", "binary", "metric")


def history_data(
    rows: Sequence[SeriesRow], *, now: datetime, folder: Path, ops: Mapping[str, Sequence[OpShift]]
) -> Json:
    """Return the series in the order of the page, and their changes."""
    texts: dict[str, dict[str, int]] = {part: {} for part in _TEXT_PARTS}
    return {
        "now": round(seconds(now)),
        "series": [_series(row, texts, folder, ops) for row in rows],
        "texts": {part: list(places) for part, places in texts.items()},
        "metrics": {metric.value: metric.words for metric in Metric},
    }


def _series(
    row: SeriesRow, texts: dict[str, dict[str, int]], folder: Path, ops: Mapping[str, Sequence[OpShift]]
) -> Json:
    key = row.series.key
    last = row.last
    return {
        "id": row.id,
        "key": [texts[part].setdefault(_part(key, part), len(texts[part])) for part in _TEXT_PARTS],
        "threads": key.threads,
        "unit": row.series.unit,
        "rank": int(row.rank),
        "nights": len(row.series.estimates),
        "last": None
        if last is None
        else [
            round(seconds(last.at)),
            rounded(last.value),
            rounded(last.ci_low),
            rounded(last.ci_high),
            last.processes,
        ],
        "level": rounded(row.level),
        "chief": None if row.chief is None else row.changes.index(row.chief),
        "synthetic": sum(night.synthetic for night in row.series.estimates),
        "differs": bool(last and last.output_differs),
        "changes": [_change(change, folder, ops.get(change.id, ())) for change in row.changes],
    }


def _part(key: SeriesKey, part: str) -> str:
    return str(getattr(key, part))


def _change(change: Change, folder: Path, ops: Sequence[OpShift]) -> Json:
    return {
        "id": change.id,
        "group": change.group,
        "rank": int(rank_of(change)),
        "verdict": str(change.verdict),
        "states": change_states(change),
        "kind": change.kind,
        "bad": [change.first_bad, round(seconds(change.first_bad_at))],
        "good": [change.last_good, round(seconds(change.last_good_at))],
        "before": rounded(change.before),
        "after": rounded(change.after),
        "ratio": [rounded(change.ratio), rounded(change.ci_low), rounded(change.ci_high)],
        "found": round(seconds(change.found_at)),
        "explained": list(change.explained_by),
        "evidence": None if change.evidence is None else _evidence(change.evidence, folder),
        "until": None if change.muted_until is None else round(seconds(change.muted_until)),
        "notes": list(change.notes),
        "mended": None if change.mended_since is None else round(seconds(change.mended_since)),
        "ops": [op_shift(shift) for shift in ops],
    }


def _evidence(evidence: Evidence, folder: Path) -> Json:
    return {
        "run": evidence.run_id,
        "path": evidence.run_path,
        "href": report_link(evidence.run_path, folder),
        "ratio": [rounded(evidence.ratio), rounded(evidence.ci_low), rounded(evidence.ci_high)],
        "device": rounded(evidence.device_s),
        "at": round(seconds(evidence.at)),
    }
