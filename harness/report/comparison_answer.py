"""Puts a comparison's answer into words, as `answer.py` does for a run: differences, how large and sure they are. Pure.

Names are strangers' text, so the sentences are markup in which each name is isolated and escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from harness.analysis.comparison import Table
from harness.formats import comparison_words as words
from harness.formats.headline import headlines
from harness.records import Scalar
from harness.report.sentences import cautions, extremes, method, together
from harness.report.side_facts import ComparedSide
from harness.report.verdicts import Verdicts
from harness.report.wording import baseline_words, name, number_of

_MOST_SENTENCES = 3
_MOST_NOTES = 6


@dataclass(frozen=True, slots=True)
class ComparisonAnswer:
    """Sentences, the most important first. All are markup that is safe to show."""

    lead: Markup
    findings: tuple[Markup, ...]
    method: Markup | None
    cautions: tuple[Markup, ...]
    notes: tuple[Markup, ...]


def comparison_answer(
    verdicts: Verdicts, table: Table, base: ComparedSide, head: ComparedSide, apart: Sequence[str]
) -> ComparisonAnswer:
    """Put a comparison into words.

    Args:
        verdicts: verdicts with this table alone.
        table: the comparisons.
        base: the base side.
        head: the head side.
        apart: the keys in which the sides differ on purpose.
    """
    measured = [one for one in table.comparisons if one.state == "measured"]
    shown = [one for one in table.comparisons if words.has_ratio(one)]
    return ComparisonAnswer(
        lead=_lead(table, base, head, apart),
        findings=(*together(table), *(extremes(measured, verdicts) if measured else ())),
        method=method(table, measured) if measured else None,
        cautions=tuple(cautions(shown, sided=True)),
        notes=tuple(_notes(table)),
    )


def _lead(table: Table, base: ComparedSide, head: ComparedSide, apart: Sequence[str]) -> Markup:
    against = _against(table, apart)
    dimensions = list(against)
    text = Markup("")
    for one in headlines(table, dimensions)[:_MOST_SENTENCES]:
        before, _, after = one.words().partition("{}")
        who = baseline_words(one.values) if dimensions else Markup("Head")
        whom = baseline_words(against) if dimensions else Markup("base")
        evidence = Markup(" ({})").format(one.evidence()) if one.evidence() else Markup("")
        text += Markup("<strong>{} {}{}{}{}</strong>{}. ").format(who, before, whom, after, one.everywhere(), evidence)
    return text + Markup("{} of the {}, head {} over base {}: {}.").format(
        number_of(len(table.comparisons), "cell"),
        table.metric.words,
        name(head.text),
        name(base.text),
        words.summary_line(table),
    )


def _against(table: Table, apart: Sequence[str]) -> Mapping[str, Scalar]:
    """Return base's values of the keys in which the sides differ; nothing if they vary, so that the page says `base`."""
    keys = {tuple(getattr(one.base.key, key) for key in apart) for one in table.comparisons if one.base.key is not None}
    return dict(zip(apart, *keys, strict=True)) if len(keys) == 1 and apart else {}


def _notes(table: Table) -> list[Markup]:
    """List the notes that are no warnings, each with its number of cells."""
    counts = Counter(
        note.text for one in table.comparisons if words.has_ratio(one) for note in one.notes if not note.unlike
    )
    # A note on one cell stands beside its number; here it would hide the notes on many.
    few = len(counts) <= _MOST_NOTES
    shown = [(text, count) for text, count in counts.most_common() if count > 1 or few][:_MOST_NOTES]
    found = [Markup("{}{}").format(name(text, 300), f" ({count} cells)" if count > 1 else "") for text, count in shown]
    if len(counts) > len(shown):
        rest = number_of(len(counts) - len(shown), "more note")
        found.append(Markup("{} of single cells: beside their numbers").format(rest))
    return found
