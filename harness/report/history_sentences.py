"""Puts the changes of a history into sentences. Names are strangers' text: each is isolated and escaped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from markupsafe import Markup

from harness.analysis.checked_history import OpShift
from harness.analysis.metrics import Metric
from harness.formats.change_words import op_shift
from harness.records import model_label
from harness.records.history import Change, ChangeVerdict, NightEstimate, Series, SeriesKey
from harness.report.history_rows import ChangeGroup, Rank, SeriesRow
from harness.report.wording import name, number_of, thread_words

_MOST_LINKS = 8
_MOST_NAMED = 3
_MOST_EXPERIMENTS = 2
_NIGHT = timedelta(hours=36)
"""If more time passes between the last good night and the first bad one, nights are missing between them."""


@dataclass(frozen=True, slots=True)
class GroupWords:
    """A group of changes in words."""

    rank: Rank
    states: tuple[str, ...]
    """Its verdict, then what silences it."""
    what: Markup
    """How large, on what, since when."""
    why: tuple[Markup, ...]
    """What is known of the cause: commit, files, ground, experiment."""
    links: Markup
    """Leads to its series; empty for a single one, which `what` links to."""


def change_states(change: Change) -> list[str]:
    """Return the verdict, then what silences it: `accepted`, `muted`, `no longer seen`, `over`."""
    silenced = {
        "accepted": change.accepted,
        "muted": change.muted,
        "no longer seen": change.unseen_since is not None,
        "over": change.mended_since is not None,
    }
    return [str(change.verdict), *(state for state, holds in silenced.items() if holds)]


def day(moment: datetime, now: datetime) -> str:
    """Return `12 Nov`, in another year than now's `12 Nov 2025`; in UTC."""
    shown, today = _utc(moment), _utc(now)
    return f"{shown.day} {_MONTHS[shown.month - 1]}" + ("" if shown.year == today.year else f" {shown.year}")


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def amount(ratio: float, low: float, high: float, key: SeriesKey) -> str:
    """Return `is 3.1 % slower (2.5 % to 3.8 %)`; from a factor of two on `takes 2.4× as long (2.2× to 2.6×)`."""
    metric = Metric(key.metric) if key.metric in set(Metric) else None
    of_memory = metric is not None and metric.unit == "mb"
    what = metric.words if metric is not None else key.metric
    if ratio >= 2 or ratio <= 0.5:
        interval = f"({ratio_words(low)} to {ratio_words(high)})"
        if metric is Metric.INFERENCE_AVG:
            return f"takes {ratio_words(ratio)} as long {interval}"
        return (
            f"takes {ratio_words(ratio)} the {what} {interval}"
            if of_memory
            else f"takes {ratio_words(ratio)} as long in its {what} {interval}"
        )
    more = ratio > 1
    size = f"{_percent(abs(ratio - 1))} %"
    ends = (low - 1, high - 1) if more else (1 - high, 1 - low)
    interval = f"({_percent(ends[0])} % to {_percent(ends[1])} %)"
    if metric is Metric.INFERENCE_AVG:
        return f"is {size} {'slower' if more else 'faster'} {interval}"
    if of_memory:
        return f"takes {size} {'more' if more else 'less'} {what} {interval}"
    return f"takes {size} {'longer' if more else 'less time'} in its {what} {interval}"


def ratio_words(ratio: float) -> str:
    """Return `2.4×`."""
    return f"{ratio:#.2g}\u00d7" if ratio < 10 else f"{ratio:.0f}\u00d7"


def _percent(fraction: float) -> str:
    text = f"{100 * fraction:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", "\u2212")


def words_of(
    group: ChangeGroup,
    rows: Mapping[SeriesKey, SeriesRow],
    now: datetime,
    ops: Mapping[str, Sequence[OpShift]] | None = None,
) -> GroupWords:
    """Put a group into words.

    Args:
        group: the group.
        rows: the series of the page. A change of another series has no link.
        now: the moment of the report.
        ops: the ops that moved most, by the change's id.
    """
    changes = group.changes
    single = rows.get(changes[0].series) if len(changes) == 1 else None
    subject = _subject(changes)
    if single is not None:
        subject = Markup('<a href="#series={0}" data-series-link="{0}">{1}</a>{2}').format(
            single.id, subject, _mark(single)
        )
    return GroupWords(
        rank=group.rank,
        states=tuple(change_states(changes[0])),
        what=Markup("{} {}{} since {}").format(subject, _amount(changes), _where(changes), _since(changes, now)),
        why=(*_reasons(changes, rows, now), *_ops(changes, ops or {}), *_end(changes, rows, now)),
        links=Markup("") if single is not None else _links(changes, rows),
    )


def _subject(changes: Sequence[Change]) -> Markup:
    labels = list(dict.fromkeys(model_label(change.series.model, change.series.variant) for change in changes))
    return Markup("<strong>{}</strong>").format(_names(labels, "model"))


def _names(names: Sequence[str], noun: str) -> Markup:
    if len(names) > _MOST_NAMED:
        return Markup("{}").format(number_of(len(names), noun))
    parts = [name(one, 60) for one in names]
    return parts[0] if len(parts) == 1 else Markup("{} and {}").format(Markup(", ").join(parts[:-1]), parts[-1])


def _amount(changes: Sequence[Change]) -> Markup:
    """How large it is. For several series, the median, and the range that holds all their intervals."""
    low, high = min(change.ci_low for change in changes), max(change.ci_high for change in changes)
    metrics = list(dict.fromkeys(change.series.metric for change in changes))
    words = Markup("{}").format(amount(median(change.ratio for change in changes), low, high, changes[0].series))
    if len(metrics) > 1:
        words += Markup(" (also in {})").format(_names([_metric_words(metric) for metric in metrics[1:]], "metric"))
    return words


def _metric_words(metric: str) -> str:
    return Metric(metric).words if metric in set(Metric) else metric


def _where(changes: Sequence[Change]) -> Markup:
    devices = list(dict.fromkeys(change.series.device for change in changes))
    delegates = list(dict.fromkeys(change.series.delegate for change in changes))
    where = Markup(" on {}").format(
        _names(devices, "device") if len(devices) == 1 else number_of(len(devices), "device")
    )
    if len(delegates) <= _MOST_NAMED:
        where += Markup(" with {}").format(_names(delegates, "delegate"))
    threads = {change.series.threads for change in changes}
    if len(changes) == 1:
        where += Markup(", {}").format(thread_words(threads.pop()))
    return where


def _since(changes: Sequence[Change], now: datetime) -> Markup:
    newest = min(changes, key=lambda change: change.first_bad_at)
    text = day(newest.first_bad_at, now)
    if newest.first_bad_at - newest.last_good_at > _NIGHT:
        text += f" (the last night before it: {day(newest.last_good_at, now)})"
    return Markup("{}").format(text)


def _reasons(changes: Sequence[Change], rows: Mapping[SeriesKey, SeriesRow], now: datetime) -> Iterable[Markup]:
    pairs = [pair for change in changes if (pair := _nights(change, rows)) is not None]
    commits = dict.fromkeys((_commit(good), _commit(bad)) for good, bad in pairs)
    for good, bad in list(commits)[:_MOST_NAMED]:
        if good and bad:
            yield (
                Markup("the same commit {} on both nights").format(name(good, 40))
                if good == bad
                else Markup("commit {} \u2192 {}").format(name(good, 40), name(bad, 40))
            )
    changed = [
        words
        for words, differs in (
            ("the model\u2019s file changed", any(good.model_sha256 != bad.model_sha256 for good, bad in pairs)),
            ("the binary changed", any(good.binary_sha256 != bad.binary_sha256 for good, bad in pairs)),
        )
        if differs
    ]
    if changed:
        yield Markup("{}").format(" and ".join(changed))
    explained = dict.fromkeys(sentence for change in changes for sentence in change.explained_by)
    for sentence in list(explained)[:_MOST_NAMED]:
        yield Markup("{}").format(name(sentence, 300))
    confirmed = sum(change.verdict is ChangeVerdict.CONFIRMED for change in changes)
    if 0 < confirmed < len(changes) and changes[0].counts:
        yield Markup("confirmed in {} of its {} series").format(confirmed, len(changes))
    yield from _experiment(changes)
    muted = max((change.muted_until for change in changes if change.muted and change.muted_until), default=None)
    if muted is not None:
        yield Markup("muted until {}").format(day(muted, now))


def _ops(changes: Sequence[Change], ops: Mapping[str, Sequence[OpShift]]) -> Iterable[Markup]:
    """Name the op that moved most, of the first change whose nights were profiled."""
    for change in changes:
        for shift in ops.get(change.id, ())[:1]:
            yield Markup("the op that moved most{}: {}").format(
                Markup(" on {}").format(name(change.series.device, 40)) if len(changes) > 1 else "",
                name(op_shift(shift), 160),
            )
            return


def _end(changes: Sequence[Change], rows: Mapping[SeriesKey, SeriesRow], now: datetime) -> Iterable[Markup]:
    mended = [change.mended_since for change in changes if change.mended_since is not None]
    if mended:
        yield Markup("back at the level before it since {}").format(day(min(mended), now))
    else:
        yield from _later(changes, rows, now)
    unseen = [change.unseen_since for change in changes if change.unseen_since is not None]
    if unseen:
        yield Markup("later nights do not bear it out, says the check of {}").format(day(min(unseen), now))


def _experiment(changes: Sequence[Change]) -> Iterable[Markup]:
    found = [(change, change.evidence) for change in changes if change.evidence is not None]
    for change, evidence in found[:_MOST_EXPERIMENTS]:
        yield Markup("an experiment on {} found {} ({} to {}) in {} of device time").format(
            name(change.series.device, 40),
            signed_percent(evidence.ratio),
            signed_percent(evidence.ci_low),
            signed_percent(evidence.ci_high),
            f"{evidence.device_s:.0f}\u202fs" if evidence.device_s < 600 else f"{evidence.device_s / 60:.0f}\u202fmin",
        )
    if len(found) > _MOST_EXPERIMENTS:
        yield Markup("and {}").format(number_of(len(found) - _MOST_EXPERIMENTS, "more experiment"))


def signed_percent(ratio: float) -> str:
    """Return `+3.1 %`; from a factor of two on `2.4×`."""
    if ratio >= 2 or ratio <= 0.5:
        return ratio_words(ratio)
    text = f"{100 * (ratio - 1):+.1f}"
    return f"{'0.0' if float(text) == 0 else text.replace('-', chr(0x2212))} %"


def _later(changes: Sequence[Change], rows: Mapping[SeriesKey, SeriesRow], now: datetime) -> Iterable[Markup]:
    """Say when the series of a regression improved again."""
    later = {
        change.series: min(better, key=lambda one: one.first_bad_at)
        for change in changes
        if change.worse and change.series in rows
        if (
            better := [
                one
                for one in rows[change.series].changes
                if one.first_bad_at > change.first_bad_at and not one.worse and one.verdict is not ChangeVerdict.REFUTED
            ]
        )
    }
    if later:
        began = min(change.first_bad_at for change in later.values())
        places = "" if len(changes) == 1 else f" in {len(later)} of its {len(changes)} series"
        yield Markup("less again since {}{}").format(day(began, now), places)


def _nights(change: Change, rows: Mapping[SeriesKey, SeriesRow]) -> tuple[NightEstimate, NightEstimate] | None:
    row = rows.get(change.series)
    if row is None:
        return None
    by_run = {
        night.run_id: night for night in row.series.estimates if night.run_id in (change.last_good, change.first_bad)
    }
    return (by_run[change.last_good], by_run[change.first_bad]) if len(by_run) == 2 else None


def _commit(night: NightEstimate) -> str:
    return dict(night.labels).get("commit", "")


def _links(changes: Sequence[Change], rows: Mapping[SeriesKey, SeriesRow]) -> Markup:
    shown = [change for change in changes if change.series in rows]
    links = [series_link(rows[change.series], change) for change in shown[:_MOST_LINKS]]
    if len(shown) > _MOST_LINKS:
        links.append(Markup("and {} more below").format(len(shown) - _MOST_LINKS))
    if len(shown) < len(changes):
        links.append(Markup("{} not on this page").format(number_of(len(changes) - len(shown), "series", "series")))
    return Markup("; ").join(links)


def series_link(row: SeriesRow, change: Change | None = None) -> Markup:
    """Return a series' names as a link that opens it."""
    parts = Markup(" \u00b7 ").join(key_parts(row.series.key, model=change is None))
    ratio = Markup(" {}").format(signed_percent(change.ratio)) if change is not None else ""
    return Markup('<a href="#series={0}" data-series-link="{0}">{1}</a>{2}{3}').format(row.id, parts, ratio, _mark(row))


def _mark(row: SeriesRow) -> Markup:
    synthetic = any(night.synthetic for night in row.series.estimates)
    return Markup(' <span class="tag synthetic">synthetic</span>') if synthetic else Markup("")


def key_parts(key: SeriesKey, *, model: bool = True) -> list[Markup]:
    """Return the names of a series one by one, for people."""
    parts = [name(model_label(key.model, key.variant))] if model else []
    parts += [name(key.device, 40), name(key.delegate, 60)]
    parts += [] if key.start == "warm" else [Markup("{} start").format(key.start)]
    parts += [Markup("{}").format(thread_words(key.threads)), name(key.cpus, 40)]
    parts += [name(key.binary)] if key.binary else []
    return parts + ([] if key.metric == Metric.INFERENCE_AVG else [name(_metric_words(key.metric))])


def lead(series: Sequence[Series], groups: Sequence[ChangeGroup], now: datetime) -> Markup:
    """Return the first sentence of the page."""
    nights = [night.at for one in series for night in one.estimates]
    if not nights:
        return Markup("There is nothing to show: no estimate matches. <code>harness history add RUN</code> adds a run.")
    days = len({_utc(moment).date() for moment in nights})
    first, last = min(nights), max(nights)
    # A span over two years names both.
    seen_from = last if _utc(first).year == _utc(last).year == _utc(now).year else datetime.min
    span = f"{day(first, seen_from)} to {day(last, seen_from)}" if days > 1 else day(first, now)
    over = f"{number_of(len(series), 'series', 'series')}, {number_of(days, 'night')} ({span})"
    if days == 1:
        return Markup("One night so far, so there is nothing to compare it with: {}.").format(over)
    counted = [
        number_of(count, one, many)
        for rank, one, many in _COUNTED
        if (count := sum(group.rank is rank for group in groups))
    ]
    if not counted:
        few = " A change shows only against a level of several nights." if days < _FEW_NIGHTS else ""
        return Markup("No change in {}.{}").format(over, few)
    regressions = sum(group.rank is Rank.CONFIRMED for group in groups)
    first_words = Markup('<strong class="bad">{}</strong>').format(counted[0]) if regressions else counted[0]
    return Markup("{}{} in {}.").format(first_words, _after(counted[1:]), over)


_FEW_NIGHTS = 7
_COUNTED = (
    (Rank.CONFIRMED, "confirmed regression", "confirmed regressions"),
    (Rank.SUSPECTED, "suspected regression", "suspected regressions"),
    (Rank.EXPLAINED, "change that the ground explains", "changes that the ground explains"),
    (Rank.IMPROVED, "improvement", "improvements"),
    (Rank.SILENCED, "change that no longer counts", "changes that no longer count"),
)


def _after(parts: Sequence[str]) -> str:
    """Go on with a list: `, 2 improvements and 1 change`."""
    if not parts:
        return ""
    return f"{''.join(f', {part}' for part in parts[:-1])} and {parts[-1]}"
