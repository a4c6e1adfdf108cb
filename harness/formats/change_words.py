"""Puts changes of the history into words, the same in every format. Texts of devices and users are not escaped here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.analysis.checked_history import RANKED, CheckedHistory, OpShift, is_open
from harness.analysis.metrics import Metric
from harness.formats.comparison_words import signed, value
from harness.records.asked import model_label
from harness.records.history import Change, ChangeVerdict, SeriesKey


def summary(checked: CheckedHistory) -> str:
    """Return `1 confirmed, 2 suspected, 3 improved`: the changes that count; `no change` without any."""
    counts = Counter(one.verdict for one in checked.changes if one.counts)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in RANKED if counts[verdict]) or "no change"


def looked_at(checked: CheckedHistory) -> str:
    """Return `24 series over 61 nights`, with the number of series that are too short."""
    short = len(checked.too_short)
    text = f"{_count(len(checked.series), 'series', 'series')} over {_count(checked.nights, 'night', 'nights')}"
    return text + (f"; {short} of them with too few nights to show a change" if short else "")


def change(one: Change) -> str:
    """Return `+3.1 % (+2.2 % to +4.0 %)`: more is worse for every metric."""
    return signed(one.ratio, one.ci_low, one.ci_high)


def levels(one: Change) -> str:
    """Return `10.000 ms -> 10.310 ms`."""
    return f"{value(one.before, one.unit)} -> {value(one.after, one.unit)}"


def changes(group: Sequence[Change]) -> str:
    """Return the change of one, or from the least to the most of several: `+2.9 % to +3.4 %`."""
    if len(group) == 1:
        return change(group[0])
    low, high = (signed(one, one, one).partition(" (")[0] for one in _ends(group))
    return low if low == high else f"{low} to {high}"


def metric_words(key: SeriesKey) -> str:
    """Return `average latency`; the metric's own name if a newer harness stored it."""
    return Metric(key.metric).words if key.metric in list(Metric) else key.metric


def cell(key: SeriesKey) -> str:
    """Return the name of a series without its metric: `mobilenet on R5CT1 cpu 1 thr big`."""
    return key.words if key.metric == "inference_avg" else key.words.removesuffix(f" {key.metric}")


def group_name(group: Sequence[Change]) -> str:
    """Name what the series of a group have in common: `mobilenet cpu 1 thr big on 4 devices`."""
    keys = [one.series for one in group]
    if len({cell(key) for key in keys}) == 1:
        return cell(keys[0])
    parts = [_common([model_label(key.model, key.variant) for key in keys], "models")]
    parts += [_common([key.cell.delegate for key in keys], "delegates")]
    parts += _alike([f"{key.threads} thr" for key in keys]) + _alike([key.cpus for key in keys])
    parts += _alike([key.binary for key in keys])
    parts += [f"on {_common([key.device for key in keys], 'devices')}"]
    return " ".join(part for part in parts if part)


def group_metrics(group: Sequence[Change]) -> str:
    """Return the metric of a group, or its metrics: `average latency, peak memory`."""
    return ", ".join(dict.fromkeys(metric_words(one.series) for one in group))


def since(group: Sequence[Change]) -> str:
    """Return `since 2026-11-20`, or from the first to the last of a group that is dated apart; in UTC."""
    days = sorted({f"{one.first_bad_at:%Y-%m-%d}" for one in group})
    return f"since {days[0]}" if len(days) == 1 else f"since {days[0]} to {days[-1]}"


def verdict(one: Change) -> str:
    """Return the verdict with what people said: `confirmed, accepted`, `suspected, muted until 2026-12-01`.

    The day is local, as somebody typed it.
    """
    words = [str(one.verdict)]
    words += ["accepted"] if one.accepted else []
    if one.muted:
        words += [f"muted until {one.muted_until.astimezone():%Y-%m-%d}" if one.muted_until else "muted"]
    words += ["no longer seen"] if one.unseen_since else []
    words += ["over"] if one.mended_since else []
    return ", ".join(words)


def group_verdict(group: Sequence[Change]) -> str:
    """Return the verdict of a group, or how many have which: `1 confirmed, 3 suspected`."""
    counts = Counter(verdict(one) for one in group)
    if len(counts) == 1:
        return verdict(group[0])
    return ", ".join(f"{count} {words}" for words, count in counts.items())


def op_shift(one: OpShift) -> str:
    """Return `CONV_2D conv1 +0.310 ms (1.200 -> 1.510)`."""
    before, after = (f"{cost / 1000:.3f}" if cost is not None else "none" for cost in (one.before_us, one.after_us))
    return f"{one.node_type} {one.name} {one.change_us / 1000:+.3f} ms ({before} -> {after})"


def ops(group: Sequence[Change], checked: CheckedHistory) -> list[str]:
    """Return a line on the ops that moved most, of the first change of a group whose nights were profiled."""
    for one in group:
        if found := checked.ops.get(one.id):
            where = f" (on {one.series.device})" if len({each.series.device for each in group}) > 1 else ""
            return [f"ops that moved most{where}: {', '.join(map(op_shift, found))}"]
    return []


def evidence(one: Change) -> str:
    """Return what an experiment measured, or nothing: `+3.0 % (+2.5 % to +3.5 %) in 120 s on the device, 2026-11-21`."""
    found = one.evidence
    if found is None:
        return ""
    ratio = signed(found.ratio, found.ci_low, found.ci_high)
    return f"{ratio} in {found.device_s:.0f} s on the device, {found.at:%Y-%m-%d}"


def facts(one: Change) -> list[str]:
    """Return the sentences on a change: what explains it, what an experiment said, notes."""
    lines = [f"explained by: {text}" for text in one.explained_by]
    lines += [f"experiment: {evidence(one)}"] if one.evidence is not None else []
    return [*lines, *one.notes]


def failure(one: Change) -> str:
    """Return one line for a change that fails the check."""
    return f"{verdict(one)}: {metric_words(one.series)} {change(one)} {since([one])} ({one.id})"


def quiet(checked: CheckedHistory) -> str:
    """Return the number of known changes that need no decision any more; empty if there are none."""
    rest = [one for one in checked.changes if not one.counts]
    counts = Counter(
        "accepted" if one.accepted else "muted" if one.muted else "over" if one.mended_since else "no longer seen"
        for one in rest
    )
    return ", ".join(f"{count} {words}" for words, count in sorted(counts.items()))


def to_be_sure(group: Sequence[Change]) -> str | None:
    """Return the id of the change of a group that an experiment should look at first: the largest; None if none is open."""
    open_ones = [one for one in group if is_open(one) and one.verdict is ChangeVerdict.SUSPECTED]
    return max(open_ones, key=lambda one: one.ratio).id if open_ones else None


def _ends(group: Sequence[Change]) -> tuple[float, float]:
    ratios = [one.ratio for one in group]
    return min(ratios), max(ratios)


def _common(values: Sequence[str], several: str) -> str:
    different = set(values)
    return values[0] if len(different) == 1 else f"{len(different)} {several}"


def _alike(values: Sequence[str]) -> list[str]:
    return [values[0]] if len(set(values)) == 1 else []


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
