"""Makes the sentences about comparisons that the reports of a run and of two sides share. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from harness.analysis.comparison import Comparison, Table
from harness.analysis.metrics import Metric
from harness.analysis.samples import MIN_BLOCKS
from harness.analysis.verdict import Verdict
from harness.formats import comparison_words as words
from harness.records import model_label
from harness.report.verdicts import Verdicts, in_the_page
from harness.report.wording import name, number_of, thread_words

MESSAGE_LENGTH = 200
_ORDER = (Verdict.SLOWER, Verdict.FASTER, Verdict.SAME, Verdict.SUSPECTED, Verdict.INCONCLUSIVE)
_MOST_TOGETHER = 6
_MOST_SLOWER = 3
_MOST_CAUTIONS = 6


def verdict_counts(counts: Mapping[Verdict, int], unit: str) -> str:
    """Return `2 slower, 1 the same`, or `2 more` for megabytes."""
    shown = {verdict: words.verdict_name(verdict, unit) for verdict in _ORDER} | {Verdict.SAME: "the same"}
    return ", ".join(f"{counts[verdict]} {shown[verdict]}" for verdict in _ORDER if counts.get(verdict))


def noun(table: Table) -> str:
    """Name the quantity that ratios compare: `latency`, `peak memory`."""
    return "latency" if table.metric is Metric.INFERENCE_AVG else table.metric.words


def together(table: Table) -> list[Markup]:
    """Name the decided verdicts on all devices together."""
    decided = [one for one in table.overall if one.judgement.verdict is not Verdict.INCONCLUSIVE]
    if not decided:
        return []
    listed = [
        Markup("{} {}{}, {}").format(
            name(model_label(one.model, one.variant)),
            name(one.delegate, 60),
            Markup(" ({})").format(thread_words(one.threads)) if len({o.threads for o in table.overall}) > 1 else "",
            words.change(one.estimate, one.judgement, table.metric.unit) + words.marks(one),
        )
        for one in decided[:_MOST_TOGETHER]
    ]
    more = Markup("; and {} more below").format(len(decided) - _MOST_TOGETHER) if len(decided) > _MOST_TOGETHER else ""
    return [Markup("All devices together: {}{}").format(Markup("; ").join(listed), more)]


def extremes(measured: Sequence[Comparison], verdicts: Verdicts) -> list[Markup]:
    """Name the largest slowdowns and the largest speed-up, if the groups of many comparisons would hide them."""
    if len(measured) < 3:
        return []
    ranked = sorted(measured, key=lambda one: -(one.estimate.ratio or 0))
    slower = [one for one in ranked if one.judgement.verdict is Verdict.SLOWER]
    faster = [one for one in ranked if one.judgement.verdict is Verdict.FASTER]
    found = []
    more, less = ("increase", "decrease") if measured[0].metric.unit == "mb" else ("slowdown", "speed-up")
    for title, chosen in (
        (f"Largest {more}" if len(slower) == 1 else f"Largest {more}s", slower[:_MOST_SLOWER]),
        (f"Largest {less}", faster[-1:]),
    ):
        if chosen:
            listed = [Markup("{}, {}").format(link(one, verdicts), words.verdict(one)) for one in chosen]
            found.append(Markup("{}: {}").format(title, Markup("; ").join(listed)))
    return found


def link(one: Comparison, verdicts: Verdicts) -> Markup:
    """Return a cell's names as a link that opens it."""
    key, place = one.key, verdicts.shown_id(one)
    parts = [name(key.model_label), name(key.device, 40), name(key.delegate, 60), thread_words(key.threads)]
    parts += [name(key.cpus, 40)] + ([name(key.binary)] if key.binary else [])
    return Markup('<a href="#cell={}" data-cell-link="{}">{}</a>').format(place, place, Markup(" \u00b7 ").join(parts))


_DESIGNS = {
    "paired": "paired block by block",
    "unpaired": "the processes of each side taken as a sample of their own",
}


def method(table: Table, measured: Sequence[Comparison]) -> Markup:
    """Say how the verdicts are made."""
    rules = table.rules
    judged = sum(one.judgement.q_value is not None for one in measured)
    fewest = min(one.estimate.n for one in measured)
    if not judged:
        return Markup(
            "No verdict is possible: {} a side, and one needs at least {}. Ratios are shown with their intervals all the same."
        ).format(number_of(fewest, "process", "processes"), MIN_BLOCKS)
    text = Markup(
        "How sure: a cell is called {} only where the whole {} interval lies beyond \u00b1{} and the p-value of just that, "
        "corrected for all {} (Holm), is at most {:g}; {}, {} a side."
    ).format(
        "less or more" if table.metric.unit == "mb" else "faster or slower",
        words.level(table, space="\u202f"),
        words.percent(rules.min_effect),
        number_of(judged, "comparison"),
        rules.alpha,
        "; ".join(_DESIGNS[design] for design in dict.fromkeys(one.estimate.design for one in measured)),
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


def cautions(measured: Sequence[Comparison], *, sided: bool = False) -> list[Markup]:
    """Warn of unlike sides, and name calibrated comparisons."""
    unlike = Counter(note.text for one in measured for note in one.notes if note.unlike)
    found = [
        Markup("Not measured alike in {}: {}").format(
            number_of(count, "comparison"), name(text if sided else in_the_page(text), MESSAGE_LENGTH)
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
