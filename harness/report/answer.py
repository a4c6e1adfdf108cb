"""Puts the report's answer into words: differences, how large and sure they are, on which devices, and failures to measure. Pure.

The numbers and verdicts are those of `harness compare` (see `verdicts.py`). Names are strangers' text, so the sentences are markup in which
each name is isolated and escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from harness.analysis.comparison import Comparison, Table
from harness.analysis.metrics import Metric
from harness.analysis.sides import OUTPUT_DIFFERS
from harness.analysis.verdict import Verdict
from harness.formats import comparison_words as words
from harness.formats import decision_words
from harness.formats.headline import Headline, headlines, memory_alone, with_memory
from harness.records import DeviceInfo, Scalar
from harness.records.adaptive_decisions import Decision
from harness.report.cell_summaries import ReportCell
from harness.report.sentences import MESSAGE_LENGTH, cautions, extremes, link, method, noun, together, verdict_counts
from harness.report.verdicts import Baseline, Verdicts
from harness.report.wording import baseline_words, name, number_of, times

_MOST_GROUPS = 8
_MOST_SENTENCES = 3
_MOST_UNMEASURED = 6
_DIFFERS = Markup(' <span class="tag failed">{}</span>').format(OUTPUT_DIFFERS)


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """Sentences, the most important first. All are markup that is safe to show."""

    lead: Markup
    findings: tuple[Markup, ...]
    method: Markup | None
    cautions: tuple[Markup, ...]
    unmeasured: tuple[Markup, ...]


def answer_of(
    verdicts: Verdicts, cells: Sequence[ReportCell], devices: Sequence[DeviceInfo], decisions: Sequence[Decision] = ()
) -> ReportAnswer:
    """Put a run's comparisons, cells and adaptive decisions into words."""
    table = verdicts.table
    measured = [one for one in table.comparisons if one.state == "measured"] if table else []
    return ReportAnswer(
        lead=_lead(verdicts, measured, devices),
        findings=(*_groups(measured, verdicts, table), *together(table), *extremes(measured, verdicts))
        if table
        else tuple(_latencies(cells)),
        method=method(table, measured) + _stopping(decisions) if table and measured else None,
        cautions=tuple(cautions([one for one in table.comparisons if words.has_ratio(one)] if table else [])),
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
    text = _sentences(table, verdicts.memory, baseline) if table else Markup("")
    text += Markup("{} of the {} {}{}: {}").format(
        number_of(planned, "comparison"),
        table.metric.words if table else Metric.INFERENCE_AVG.words,
        against,
        where,
        verdict_counts(counts, table.metric.unit if table else "us") or "none could be made",
    )
    if lacking and measured:
        text += Markup("; {} could not be made, as a side was not measured").format(lacking)
    if mixed:
        text += Markup(
            '; {} without a verdict, as one side is <strong class="tag synthetic">synthetic</strong>'
        ).format(mixed)
    return text + Markup(".") + _synthetic(measured)


def _sentences(table: Table, memory: Table | None, baseline: Baseline) -> Markup:
    latency = headlines(table, list(baseline.changes))
    of_memory = headlines(memory, list(baseline.changes), undecided=True) if memory else []
    said = [
        (one, with_memory(one, of_memory) if one in latency else "")
        for one in (*latency, *memory_alone(latency, of_memory))
    ]
    return Markup("").join(
        Markup("<strong>{}</strong>{}{}. ").format(_sentence(one, baseline), _evidence(one), clause)
        for one, clause in said[:_MOST_SENTENCES]
    )


def _sentence(one: Headline, baseline: Baseline) -> Markup:
    before, _, after = one.words().partition("{}")
    return Markup("{} {}{}{}{}").format(
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
    # Serials tell two units of one phone apart.
    models = Counter(device.model for serial in shown if (device := known.get(serial)))
    listed = [_device_words(serial, known.get(serial), models) for serial in shown]
    return Markup(" on ") + Markup(" and ").join(listed)


def _device_words(serial: str, device: DeviceInfo | None, models: Mapping[str | None, int]) -> Markup:
    if device is None or not device.model:
        return name(serial, 40)
    marks = [*([name(serial, 40)] if models[device.model] > 1 else []), *(["virtual"] if device.virtual else [])]
    return name(device.model, 40) + (Markup(" ({})").format(Markup(", ").join(marks)) if marks else Markup(""))


def _groups(measured: Sequence[Comparison], verdicts: Verdicts, table: Table) -> list[Markup]:
    """Write a line for each combination of the baseline's dimensions."""
    baseline = verdicts.baseline
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
        return []  # the first sentence says it
    return [
        _group(dict(zip(baseline.changes, values, strict=True)), group, verdicts, table)
        for values, group in groups.items()
    ]


def _group(values: Mapping[str, Scalar], group: Sequence[Comparison], verdicts: Verdicts, table: Table) -> Markup:
    head = Markup("<strong>{}</strong>: ").format(baseline_words(values))
    ratios = [one.estimate.ratio for one in group if one.estimate.ratio is not None]
    if not ratios:
        return head + Markup("no ratio")
    if len(group) == 1:
        one = group[0]
        if one.verdict in (Verdict.FASTER, Verdict.SLOWER):
            return head + Markup("{} ({})").format(words.verdict(one), link(one, verdicts))
        interval = words.interval(one.estimate)
        return head + Markup("{} the {}{}, {} ({})").format(
            times(ratios[0]), noun(table), f" {interval}" if interval else "", words.verdict(one), link(one, verdicts)
        )
    text = head + Markup("{} the {} (median of {}, from {} to {}): {}").format(
        times(median(ratios)),
        noun(table),
        number_of(len(ratios), "comparison"),
        times(min(ratios)),
        times(max(ratios)),
        verdict_counts(Counter(one.judgement.verdict for one in group), table.metric.unit),
    )
    differing = sum(one.output_differs for one in group)
    mark = Markup("; <strong>{} in {}</strong>").format(OUTPUT_DIFFERS, differing) if differing else Markup("")
    return text + mark + _by_device(group, table.metric.unit)


def _by_device(group: Sequence[Comparison], unit: str) -> Markup:
    """Add the verdicts by device if the devices disagree."""
    devices: dict[str, Counter[Verdict]] = {}
    for one in group:
        devices.setdefault(one.key.device, Counter())[one.judgement.verdict] += 1
    if len({tuple(sorted(counts)) for counts in devices.values()}) < 2 or len(devices) > 4:
        return Markup("")
    parts = [
        Markup("{}: {}").format(name(device, 40), verdict_counts(counts, unit)) for device, counts in devices.items()
    ]
    return Markup(". By device: ") + Markup("; ").join(parts)


def _latencies(cells: Sequence[ReportCell]) -> list[Markup]:
    """List the latencies, if there is nothing to compare."""
    measured = [cell for cell in cells if cell.state == "ok" and cell.latency]
    if len(measured) > _MOST_GROUPS:
        return []
    return [
        Markup('<a href="#cell={}" data-cell-link="{}">{}</a> on {}: <strong>{:.4g}\u202fms</strong>{}').format(
            cell.id,
            cell.id,
            name(cell.key.model_label),
            name(cell.key.device, 40),
            cell.latency.centre / 1000,
            f" (median of {cell.latency.count} processes, {cell.latency.low / 1000:.4g} to {cell.latency.high / 1000:.4g})"
            if cell.latency.count > 1
            else " (one process)",
        )
        + (Markup(' <span class="tag synthetic">synthetic</span>') if cell.synthetic else Markup(""))
        + (_DIFFERS if cell.summary.output_differs else Markup(""))
        for cell in measured
        if cell.latency
    ]


def _stopping(decisions: Sequence[Decision]) -> Markup:
    if not decisions:
        return Markup("")
    return Markup(
        " The run chose its number of processes by its ratios ({}); intervals and p-values allow for the looking: {}."
    ).format(decision_words.reason_counts(decisions), decision_words.CITED)


def _unmeasured(cells: Sequence[ReportCell]) -> list[Markup]:
    """List the cells without a latency that counts, by their causes."""
    groups: dict[tuple[str, str, str, tuple[str, ...], str], list[ReportCell]] = {}
    for cell in cells:
        if cell.state in ("failed", "invalid", "skipped", "pending"):
            # Skipped cells have no cause; the message has the reason.
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
    return text + (Markup(": {}").format(name(message, MESSAGE_LENGTH)) if message else Markup(""))
