"""The report's answer in words: what differs, by how much, how sure, on which devices, and what could not be measured. Pure.

The numbers and verdicts are those of `harness compare` (see `verdicts.py`); this only puts them into sentences. Names are strangers'
text, so sentences are made as markup in which each name is isolated and escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from harness.analysis.comparison import Comparison, Table
from harness.analysis.ratio_interval import MIN_BLOCKS
from harness.analysis.verdict import Verdict
from harness.formats import comparison_words as words
from harness.formats import decision_words
from harness.formats.headline import Headline, headlines
from harness.records import DeviceInfo, Scalar
from harness.records.adaptive_decisions import Decision
from harness.report.cell_summaries import ReportCell, cell_id
from harness.report.verdicts import Baseline, Verdicts, in_the_page
from harness.report.wording import baseline_words, name, number_of, thread_words, times

_ORDER = (Verdict.SLOWER, Verdict.FASTER, Verdict.SAME, Verdict.SUSPECTED, Verdict.INCONCLUSIVE)
_SHOWN = {Verdict.SAME: "the same"}
_MOST_GROUPS = 8
_MOST_SENTENCES = 3
_MOST_TOGETHER = 6
_MOST_SLOWER = 3
_MOST_UNMEASURED = 6
_MOST_CAUTIONS = 6
_MESSAGE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """Sentences, the most wanted first. All of it is markup that is safe to show."""

    lead: Markup
    findings: tuple[Markup, ...]
    method: Markup | None
    cautions: tuple[Markup, ...]
    unmeasured: tuple[Markup, ...]


def answer_of(
    verdicts: Verdicts, cells: Sequence[ReportCell], devices: Sequence[DeviceInfo], decisions: Sequence[Decision] = ()
) -> ReportAnswer:
    """Put the comparisons of a run into words.

    Args:
        verdicts: the comparisons.
        cells: of the run.
        devices: of the run.
        decisions: why an adaptive run measured its comparisons no longer.
    """
    table = verdicts.table
    measured = [one for one in table.comparisons if one.state == "measured"] if table else []
    return ReportAnswer(
        lead=_lead(verdicts, measured, devices),
        findings=(*_groups(measured, verdicts.baseline), *_together(table), *_extremes(measured))
        if table
        else tuple(_latencies(cells)),
        method=_method(table, measured) + _stopping(decisions) if table and measured else None,
        cautions=tuple(_cautions([one for one in table.comparisons if words.has_ratio(one)] if table else [])),
        unmeasured=tuple(_unmeasured(cells)),
    )


def _lead(verdicts: Verdicts, measured: Sequence[Comparison], devices: Sequence[DeviceInfo]) -> Markup:
    baseline = verdicts.baseline
    if baseline.origin == "nothing":
        return Markup(
            "All was measured in one configuration, so there is nothing to compare within this run. "
            "<code>harness compare BASE HEAD</code> sets it against another run."
        )
    against = _against(baseline)
    table = verdicts.table
    planned = len(table.comparisons) if table else 0
    if not planned:
        return Markup("Nothing could be compared {}.").format(against)
    where = _devices_words({one.key.device for one in measured}, devices)
    counts = Counter(one.judgement.verdict for one in measured)
    mixed = sum(one.state == "incomparable" for one in table.comparisons) if table else 0
    lacking = planned - len(measured) - mixed
    text = (
        Markup("").join(
            Markup("<strong>{}</strong>{}. ").format(_sentence(one, baseline), _evidence(one))
            for one in headlines(table, list(baseline.changes))[:_MOST_SENTENCES]
        )
        if table
        else Markup("")
    )
    text += Markup("{} of the average latency {}{}: {}").format(
        number_of(planned, "comparison"), against, where, _verdict_counts(counts) or "none could be made"
    )
    if lacking and measured:
        text += Markup("; {} could not be made, as a side was not measured").format(lacking)
    if mixed:
        text += Markup(
            '; {} without a verdict, as one side is <strong class="tag synthetic">synthetic</strong>'
        ).format(mixed)
    return text + Markup(".") + _synthetic(measured)


def _sentence(one: Headline, baseline: Baseline) -> Markup:
    before, _, after = one.words().partition("{}")
    return Markup("{} is {}{}{}{}").format(
        baseline_words(one.values), before, baseline_words(baseline.changes), after, one.everywhere()
    )


def _evidence(one: Headline) -> Markup:
    return Markup(" ({})").format(one.evidence()) if one.evidence() else Markup("")


def _synthetic(measured: Sequence[Comparison]) -> Markup:
    count = sum(any(note.kind == "synthetic" for note in one.notes) for one in measured)
    if not count:
        return Markup("")
    share = "All of them rest" if count == len(measured) else f"{count} of them rest{'s' if count == 1 else ''}"
    return Markup(
        ' <strong class="tag synthetic">synthetic</strong> {} on numbers that were replayed or modelled, not measured.'
    ).format(share)


def _against(baseline: Baseline) -> Markup:
    base = Markup("<strong>{}</strong>").format(baseline_words(baseline.changes))
    if baseline.origin == "suite":
        return Markup("against {} (the suite\u2019s baseline)").format(base)
    if baseline.origin == "lacking":
        return Markup("against {} (the run has nothing of the baseline that the suite names)").format(base)
    return Markup("against {} (the suite names no baseline; this is the first that it measures)").format(base)


def _devices_words(serials: Iterable[str], devices: Sequence[DeviceInfo]) -> Markup:
    known = {device.serial: device for device in devices}
    shown = sorted(
        serials, key=lambda serial: (serial not in known, list(known).index(serial) if serial in known else 0)
    )
    if not shown:
        return Markup("")
    if len(shown) > 3:
        return Markup(" on {}").format(number_of(len(shown), "device"))
    # Two units of one phone are told apart by their serials.
    models = Counter(device.model for serial in shown if (device := known.get(serial)))
    listed = [_device_words(serial, known.get(serial), models) for serial in shown]
    return Markup(" on ") + Markup(" and ").join(listed)


def _device_words(serial: str, device: DeviceInfo | None, models: Mapping[str | None, int]) -> Markup:
    if device is None or not device.model:
        return name(serial, 40)
    marks = [*([name(serial, 40)] if models[device.model] > 1 else []), *(["virtual"] if device.virtual else [])]
    return name(device.model, 40) + (Markup(" ({})").format(Markup(", ").join(marks)) if marks else Markup(""))


def _verdict_counts(counts: Mapping[Verdict, int]) -> str:
    return ", ".join(f"{counts[verdict]} {_SHOWN.get(verdict, verdict)}" for verdict in _ORDER if counts.get(verdict))


def _groups(measured: Sequence[Comparison], baseline: Baseline) -> list[Markup]:
    """One line for each combination of the baseline's dimensions."""
    groups: dict[tuple[Scalar, ...], list[Comparison]] = {}
    for one in measured:
        groups.setdefault(tuple(getattr(one.key, dim) for dim in baseline.changes), []).append(one)
    if len(groups) > _MOST_GROUPS:
        return []
    if (
        len(groups) == 1
        and len(measured) > 1
        and {one.verdict for one in measured} in ({Verdict.FASTER}, {Verdict.SLOWER})
    ):
        return []  # the first sentence has said it
    return [_group(dict(zip(baseline.changes, values, strict=True)), group) for values, group in groups.items()]


def _group(values: Mapping[str, Scalar], group: Sequence[Comparison]) -> Markup:
    head = Markup("<strong>{}</strong>: ").format(baseline_words(values))
    ratios = [one.estimate.ratio for one in group if one.estimate.ratio is not None]
    if not ratios:
        return head + Markup("no ratio")
    if len(group) == 1:
        one = group[0]
        if one.verdict in (Verdict.FASTER, Verdict.SLOWER):
            return head + Markup("{} ({})").format(words.verdict(one), _link(one))
        interval = words.interval(one.estimate)
        return head + Markup("{} the latency{}, {} ({})").format(
            times(ratios[0]), f" {interval}" if interval else "", words.verdict(one), _link(one)
        )
    text = head + Markup("{} the latency (median of {}, from {} to {}): {}").format(
        times(median(ratios)),
        number_of(len(ratios), "comparison"),
        times(min(ratios)),
        times(max(ratios)),
        _verdict_counts(Counter(one.judgement.verdict for one in group)),
    )
    return text + _by_device(group)


def _by_device(group: Sequence[Comparison]) -> Markup:
    """Said only where the devices do not agree."""
    devices: dict[str, Counter[Verdict]] = {}
    for one in group:
        devices.setdefault(one.key.device, Counter())[one.judgement.verdict] += 1
    if len({tuple(sorted(counts)) for counts in devices.values()}) < 2 or len(devices) > 4:
        return Markup("")
    parts = [Markup("{}: {}").format(name(device, 40), _verdict_counts(counts)) for device, counts in devices.items()]
    return Markup(". By device: ") + Markup("; ").join(parts)


def _latencies(cells: Sequence[ReportCell]) -> list[Markup]:
    """What can be said without anything to compare with: the latencies themselves."""
    measured = [cell for cell in cells if cell.state == "ok" and cell.latency]
    if len(measured) > _MOST_GROUPS:
        return []
    return [
        Markup('<a href="#cell={}" data-cell-link="{}">{}</a> on {}: <strong>{:.4g}\u202fms</strong>{}').format(
            cell.id,
            cell.id,
            name(cell.key.model),
            name(cell.key.device, 40),
            cell.latency.centre / 1000,
            f" (median of {cell.latency.count} processes, {cell.latency.low / 1000:.4g} to {cell.latency.high / 1000:.4g})"
            if cell.latency.count > 1
            else " (one process)",
        )
        + (Markup(' <span class="tag synthetic">synthetic</span>') if cell.synthetic else Markup(""))
        for cell in measured
        if cell.latency
    ]


def _together(table: Table) -> list[Markup]:
    """The verdicts on all devices together, those that decide something first."""
    decided = [one for one in table.overall if one.judgement.verdict is not Verdict.INCONCLUSIVE]
    if not decided:
        return []
    listed = [
        Markup("{} {}{}, {}").format(
            name(one.model),
            name(one.delegate, 60),
            Markup(" ({})").format(thread_words(one.threads)) if len({o.threads for o in table.overall}) > 1 else "",
            words.change(one.estimate, one.judgement) + (" (synthetic)" if one.synthetic else ""),
        )
        for one in decided[:_MOST_TOGETHER]
    ]
    more = Markup("; and {} more below").format(len(decided) - _MOST_TOGETHER) if len(decided) > _MOST_TOGETHER else ""
    return [Markup("All devices together: {}{}").format(Markup("; ").join(listed), more)]


def _extremes(measured: Sequence[Comparison]) -> list[Markup]:
    """The largest slowdowns and the largest speed-up, where there are enough comparisons for them to be lost in the groups."""
    if len(measured) < 3:
        return []
    ranked = sorted(measured, key=lambda one: -(one.estimate.ratio or 0))
    slower = [one for one in ranked if one.judgement.verdict is Verdict.SLOWER]
    faster = [one for one in ranked if one.judgement.verdict is Verdict.FASTER]
    found = []
    for title, chosen in (
        ("Largest slowdown" if len(slower) == 1 else "Largest slowdowns", slower[:_MOST_SLOWER]),
        ("Largest speed-up", faster[-1:]),
    ):
        if chosen:
            listed = [Markup("{}, {}").format(_link(one), words.verdict(one)) for one in chosen]
            found.append(Markup("{}: {}").format(title, Markup("; ").join(listed)))
    return found


def _link(one: Comparison) -> Markup:
    key = one.key
    parts = [name(key.model), name(key.device, 40), name(key.delegate, 60), thread_words(key.threads)]
    parts += [name(key.cpus, 40)] + ([name(key.binary)] if key.binary else [])
    return Markup('<a href="#cell={}" data-cell-link="{}">{}</a>').format(
        cell_id(key), cell_id(key), Markup(" \u00b7 ").join(parts)
    )


def _method(table: Table, measured: Sequence[Comparison]) -> Markup:
    rules = table.rules
    judged = sum(one.judgement.q_value is not None for one in measured)
    fewest = min(one.estimate.n for one in measured)
    if not judged:
        return Markup(
            "No verdict is possible: {} a side, and one needs at least {}. Ratios are shown with their intervals all the same."
        ).format(number_of(fewest, "process", "processes"), MIN_BLOCKS)
    text = Markup(
        "How sure: a cell is called faster or slower only where the whole {} interval lies beyond \u00b1{} and the p-value, "
        "corrected for all {} (Benjamini and Hochberg), is at most {:g}; paired block by block, {} a side."
    ).format(
        words.level(table, space="\u202f"),
        words.percent(rules.min_effect),
        number_of(judged, "comparison"),
        rules.alpha,
        number_of(fewest, "process", "processes")
        if fewest == max(one.estimate.n for one in measured)
        else f"{fewest} to {max(one.estimate.n for one in measured)} processes",
    )
    more = [one.judgement.more_processes for one in measured if one.judgement.more_processes]
    if more:
        text += Markup(" About {} a side would decide {} of the inconclusive ones.").format(
            number_of(max(more), "more process", "more processes"), len(more)
        )
    return text


def _stopping(decisions: Sequence[Decision]) -> Markup:
    if not decisions:
        return Markup("")
    return Markup(
        " The run chose its number of processes by its ratios ({}); intervals and p-values allow for the looking: {}."
    ).format(decision_words.reason_counts(decisions), decision_words.CITED)


def _cautions(measured: Sequence[Comparison]) -> list[Markup]:
    """What was not alike on the two sides, and what a calibration says: it stands beside the numbers."""
    unlike = Counter(note.text for one in measured for note in one.notes if note.unlike)
    found = [
        Markup("Not measured alike in {}: {}").format(
            number_of(count, "comparison"), name(in_the_page(text), _MESSAGE_LENGTH)
        )
        for text, count in unlike.most_common(_MOST_CAUTIONS)
    ]
    if len(unlike) > _MOST_CAUTIONS:
        found.append(Markup("and {} more such differences, beside their numbers").format(len(unlike) - _MOST_CAUTIONS))
    calibrated = sum(any(note.kind == "calibration" for note in one.notes) for one in measured)
    if calibrated:
        found.append(
            Markup("{} calibrated by A/A comparisons; what those found stands beside the number").format(
                number_of(calibrated, "comparison is", "comparisons are")
            )
        )
    return found


def _unmeasured(cells: Sequence[ReportCell]) -> list[Markup]:
    """Cells without a latency that counts, by their causes."""
    groups: dict[tuple[str, str, str, tuple[str, ...], str], list[ReportCell]] = {}
    for cell in cells:
        if cell.state in ("failed", "invalid", "skipped", "pending"):
            # All that was skipped has one cause; why it was stands in the message.
            why = (_first_message([cell]) or "") if cell.state == "skipped" else ""
            groups.setdefault((cell.key.delegate, cell.key.device, cell.state, cell.causes, why), []).append(cell)
    ranked = sorted(groups.items(), key=lambda item: -len(item[1]))
    found = [_group_unmeasured(*what[:4], group) for what, group in ranked[:_MOST_UNMEASURED]]
    if len(ranked) > _MOST_UNMEASURED:
        rest = sum(len(group) for _, group in ranked[_MOST_UNMEASURED:])
        found.append(Markup("and {} more; see Problems").format(number_of(rest, "cell")))
    return found


def _first_message(cells: Sequence[ReportCell]) -> str | None:
    return next((result.message for cell in cells for result in cell.results if result.message), None)


def _group_unmeasured(
    delegate: str, device: str, state: str, causes: tuple[str, ...], group: Sequence[ReportCell]
) -> Markup:
    shown = "never ran" if state == "pending" else state
    text = Markup('{} on {}: {} <a href="#cell={}" data-cell-link="{}">{}</a>').format(
        name(delegate),
        name(device, 40),
        number_of(len(group), "cell"),
        group[0].id,
        group[0].id,
        shown,
    )
    if causes:
        text += Markup(", {}").format(", ".join(causes))
    message = _first_message(group)
    return text + (Markup(": {}").format(name(message, _MESSAGE_LENGTH)) if message else Markup(""))
