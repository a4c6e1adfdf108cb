"""Puts a comparison into words, the same in every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from harness.analysis.cells import KEYS, cell_words
from harness.analysis.comparison import Breach, Comparison, Overall, Table, gate_breach, needed_processes
from harness.analysis.op_diff import OpChange
from harness.analysis.op_profile import OpRow
from harness.analysis.pair_estimates import Difference
from harness.analysis.ratio_interval import Estimate
from harness.analysis.samples import LEVEL
from harness.analysis.sides import OUTPUT_DIFFERS, SideSummary
from harness.analysis.verdict import Judgement, Verdict
from harness.formats import difference_words
from harness.records import model_label


def percent(fraction: float) -> str:
    """Return `3 %` or `1.5 %`: two significant digits."""
    return f"{100 * fraction:.2g} %" if abs(fraction) < 0.995 else f"{100 * fraction:.0f} %"


def level(table: Table | None, *, space: str = " ") -> str:
    """Return the level of a table's intervals: `95 %`, or that of each look of an adaptive run, `97 %`.

    An interval beside a verdict in a table of several cells is wider (`harness.analysis.multiple_claims`), so the lowest level counts.
    """
    levels = [one.estimate.level for one in table.comparisons] if table else []
    return f"{100 * min(levels, default=LEVEL):.3g}{space}%"


def ratio(estimate: Estimate) -> str:
    """Return `0.877 [0.856, 0.899]`; `-` without a ratio."""
    if estimate.ratio is None:
        return "-"
    return f"{estimate.ratio:.3f} {interval(estimate)}".rstrip()


def interval(estimate: Estimate) -> str:
    """Return `[0.856, 0.899]`; empty without an interval."""
    if estimate.ci_low is None or estimate.ci_high is None:
        return ""
    return f"[{_times(estimate.ci_low)}, {_times(estimate.ci_high)}]"


def _times(ratio: float) -> str:
    # The interval of two processes may span ten powers of ten: further digits would only take up the line.
    return f"{ratio:.3f}" if 0.01 <= ratio < 100 else f"{ratio:.3g}"


def value(amount: float | None, unit: str) -> str:
    """Return `12.345 ms` or `38.2 MB`; `-` without a value."""
    if amount is None:
        return "-"
    return f"{amount:.1f} MB" if unit == "mb" else f"{amount / 1000:.3f} ms"


_OF_MEMORY = {Verdict.SLOWER: "more", Verdict.FASTER: "less"}


def verdict_name(verdict: Verdict, unit: str) -> str:
    """Return `slower`, or `more` for megabytes. Documents for scripts say `slower` for both."""
    return _OF_MEMORY.get(verdict, str(verdict)) if unit == "mb" else str(verdict)


def change(estimate: Estimate, judgement: Judgement, unit: str = "us", *, difference: Difference | None = None) -> str:
    """Return `slower by 3.1 % (2.2 to 4.0 %)`, for megabytes `more by 3.1 % (...)`, or why there is no verdict.

    A change that is only suspected is called neither faster nor slower.
    """
    if difference is not None:
        return difference_words.change(difference, judgement) or inconclusive(judgement)
    low, high = estimate.ci_low, estimate.ci_high
    if estimate.ratio is None or low is None or high is None or judgement.verdict is Verdict.INCONCLUSIVE:
        return inconclusive(judgement)
    if judgement.verdict is Verdict.SAME:
        return f"the same within {percent(max(high - 1, 1 - low))}"
    if judgement.verdict is Verdict.SUSPECTED:
        return f"suspected {signed(estimate.ratio, low, high)}"
    name = verdict_name(judgement.verdict, unit)
    if judgement.verdict is Verdict.SLOWER:
        return f"{name} {_by(estimate.ratio, low, high)}"
    # Nobody calls a third of the memory `3x less`, so it is less by 67 %.
    return f"{name} {_by(1 / estimate.ratio, 1 / high, 1 / low, flipped=True, factors=unit != 'mb')}"


def verdict(one: Comparison) -> str:
    """Return a cell's verdict, `slower by 3.1 % (...)`, marked if it is synthetic; or why there is none."""
    if one.state == "incomparable":
        text = f"no verdict: {'BASE' if one.base.synthetic else 'HEAD'} is synthetic, the other side was measured"
        return text + (f" ({OUTPUT_DIFFERS})" if one.output_differs else "")
    if one.state != "measured":
        return trouble(one)
    words = change(one.estimate, one.judgement, one.metric.unit, difference=one.difference)
    return words + marks(one)


def marks(one: Comparison | Overall) -> str:
    """Return ` (synthetic, output differs)`, as far as it is so."""
    found = [*(["synthetic"] if one.synthetic else []), *([OUTPUT_DIFFERS] if one.output_differs else [])]
    return f" ({', '.join(found)})" if found else ""


def ratio_of(one: Comparison) -> str:
    """Return `0.877 [0.856, 0.899]`, `+1.20 MB [+0.80, +1.60]` if there is no ratio; followed by `(synthetic)` if a side is."""
    if one.difference is not None:
        return difference_words.difference(one.difference) + (" (synthetic)" if one.synthetic else "")
    return ratio(one.estimate) + (" (synthetic)" if one.synthetic and one.estimate.ratio is not None else "")


def bare_ratio(one: Comparison) -> str:
    """Return `0.877`, or `+1.20 MB` if there is no ratio; `-` without either."""
    if one.estimate.ratio is not None:
        return f"{one.estimate.ratio:.3f}"
    found = one.difference
    return f"{found.value:+.2f} MB" if found is not None and found.value is not None else "-"


def interval_of(one: Comparison) -> str:
    """Of the ratio, or of the difference."""
    return difference_words.interval(one.difference) if one.difference is not None else interval(one.estimate)


def has_ratio(one: Comparison) -> bool:
    """Return whether both sides have a number, with or without a verdict."""
    return one.state in ("measured", "incomparable")


def inconclusive(judgement: Judgement) -> str:
    """Say why there is no verdict, and what would give one."""
    parts = ["inconclusive", *judgement.reasons]
    if judgement.more_processes is not None:
        parts.append(f"about {judgement.more_processes} more processes a side would decide")
    return "; ".join(parts)


def cell_name(one: Comparison) -> str:
    """Name the compared cells in one line."""
    key = one.key
    parts = [cell_words(key)]
    if one.base.key is not None and one.head.key is not None:
        base = one.base.key
        other = [f"{name}={getattr(base, name)}" for name in KEYS if getattr(base, name) != getattr(key, name)]
        if other:
            parts.append(f"(against {', '.join(other)})")
    return " ".join(parts)


def overall_name(one: Overall) -> str:
    """Name a comparison over all devices, with their number."""
    binary = f" {one.binary}" if one.binary else ""
    mark = ", synthetic" if one.synthetic else ""
    mark += f", {OUTPUT_DIFFERS}" if one.output_differs else ""
    return f"{model_label(one.model, one.variant)} {one.delegate} {one.threads} thr {one.cpus}{binary}, {len(one.devices)} devices{mark}"


def summary_line(table: Table) -> str:
    """Return `2 slower, 1 same, 3 inconclusive, 2 not measured`."""
    counts = Counter(one.judgement.verdict for one in table.comparisons if one.state == "measured")
    unit = table.metric.unit
    parts = [f"{counts[verdict]} {verdict_name(verdict, unit)}" for verdict in Verdict if counts[verdict]]
    states = Counter(one.state for one in table.comparisons)
    lacking = states["unmeasured"] + states["skipped"]
    parts += [f"{states['incomparable']} synthetic against measured"] if states["incomparable"] else []
    parts += [f"{lacking} not measured"] if lacking else []
    return ", ".join(parts) or "nothing compared"


def incomplete(table: Table) -> list[str]:
    """Return a line for each unfinished side: `HEAD is incomplete: 20 of 28 trials never ran`."""
    return [f"{one.side} is incomplete: {one.left} of {one.planned} trials never ran" for one in table.incomplete]


def warnings(table: Table) -> dict[str, int]:
    """Number the notes on unlike sides. Each affected cell shows the number."""
    texts = dict.fromkeys(note.text for one in table.comparisons if has_ratio(one) for note in one.notes if note.unlike)
    return {text: number for number, text in enumerate(texts, 1)}


def numbers_of(one: Comparison, numbered: Mapping[str, int]) -> list[int]:
    """Return the numbers of a cell's warnings."""
    if not has_ratio(one):
        return []
    return [numbered[note.text] for note in one.notes if note.unlike]


def trouble(one: Comparison) -> str:
    """Say why a cell has no number."""
    return "; ".join(note.text for note in one.notes) or one.state


def side(summary: SideSummary, unit: str) -> str:
    """Return `12.345 ms (n=10)` or `12.345 ms (n=10, synthetic)`."""
    mark = ", synthetic" if summary.synthetic and summary.n else ""
    return f"{value(summary.estimate, unit)} (n={summary.n}{mark})"


def ops_name(op_change: OpChange) -> str:
    """Return `CONV_2D #3 -> Convolution (NHWC, F32) IGEMM #2`, shortened if a side is many ops."""
    base, head = _side_name(op_change.base), _side_name(op_change.head)
    if op_change.kind == "same":
        return head
    return f"{base or '(nothing)'} -> {head or '(nothing)'}"


def _side_name(rows: tuple[OpRow, ...]) -> str:
    if not rows:
        return ""
    first = f"{rows[0].node_type} #{rows[0].index}"
    return first if len(rows) == 1 else f"{len(rows)} ops ({first} .. #{rows[-1].index})"


def signed(ratio: float, low: float, high: float) -> str:
    """Return `+3.1 % (+2.2 % to +4.0 %)`; `2.50x (2.40x to 2.75x)` for large changes."""
    if ratio >= 2 or ratio <= 0.5:
        return f"{ratio:.2f}x ({low:.2f}x to {high:.2f}x)"
    return f"{100 * (ratio - 1):+.1f} % ({100 * (low - 1):+.1f} % to {100 * (high - 1):+.1f} %)"


def _by(factor: float, low: float, high: float, *, flipped: bool = False, factors: bool = True) -> str:
    """Percent of the base for small changes, a factor for large ones: few people read "faster by 96 %" as 25 times as fast."""
    if factor >= 2 and factors:
        return f"{factor:.2f}x ({low:.2f}x to {high:.2f}x)"
    if flipped:
        factor, low, high = 2 - 1 / factor, 2 - 1 / low, 2 - 1 / high
    return f"by {100 * (factor - 1):.1f} % ({100 * (low - 1):.1f} % to {100 * (high - 1):.1f} %)"


_BREACHES: dict[Breach, str] = {
    "slower": "slower",
    "suspected": "suspected",
    "not_measured": "measured in BASE and not in HEAD",
    "fails_more": "failing more often in HEAD",
    "interrupted": "undecided, as HEAD was interrupted",
    "too_few": "with too few processes in HEAD",
}


def only_suspects(table: Table) -> str:
    """Say why the gate rests on suspicions; empty if it is sure."""
    if not table.control_missing:
        return ""
    why = "a control is missing: the runs are separate"
    if table.one_run:
        why = "cells share too few blocks (`order: {interleave: true}` lets them take turns)"
    return f"{why}, so the gate rests on what is only suspected"


def gate(table: Table) -> str:
    """Return `broken (2 of 5 cells measured in BASE and not in HEAD)`, `holds`, or `not broken (...)` with the reason.

    Cells that are undecided or that base never measured neither break the gate nor prove that nothing became slower.
    """
    cells = table.comparisons
    if table.gate_broken:
        counts = Counter(gate_breach(one, table.rules) for one in cells)
        parts = [
            f"{counts[breach]} of {len(cells)} cells {_breach_words(breach, table)}"
            for breach in _BREACHES
            if counts[breach]
        ]
        return f"broken ({'; '.join([*parts, *_differing(table)])})"
    measured = [one for one in cells if one.state == "measured"]
    # For a gate, which asks whether head is slower, `same` so far is answer enough.
    undecided = sum(one.judgement.verdict is Verdict.INCONCLUSIVE and not one.judgement.same_so_far for one in measured)
    unknown = sum(not one.base.n for one in cells)
    suspected = sum(one.judgement.verdict is Verdict.SUSPECTED for one in measured)
    parts = [f"{undecided} of {len(measured)} inconclusive"] if undecided else []
    parts += [f"{suspected} of {len(measured)} only suspected"] if suspected else []
    mixed = sum(one.state == "incomparable" for one in cells)
    parts += [f"{unknown} of {len(cells)} cells not measured in BASE"] if unknown else []
    parts += [f"{mixed} of {len(cells)} cells synthetic on one side only"] if mixed else []
    parts += _differing(table)
    return f"not broken ({'; '.join(parts)})" if parts else "holds"


def _differing(table: Table) -> list[str]:
    """A gate is about speed, so a note must say if the outputs differ."""
    count = sum(one.output_differs for one in table.comparisons)
    return [f"in {count} of {len(table.comparisons)} cells the {OUTPUT_DIFFERS}"] if count else []


def _breach_words(breach: Breach, table: Table) -> str:
    return "take more" if breach == "slower" and table.metric.unit == "mb" else _BREACHES[breach]


def gate_line(table: Table) -> str:
    """Return `gate of 3 %: broken (2 of 5 cells slower)`; empty without a gate."""
    return f"gate of {percent(table.rules.gate)}: {gate(table)}" if table.rules.gate is not None else ""


def breach_reason(one: Comparison, table: Table) -> str | None:
    """Say why a cell breaks the gate: `slower by 9.8 % (...), the gate is 3 %`, `measured in BASE and not in HEAD: ...`; else None."""
    breach = gate_breach(one, table.rules)
    if breach is None or table.rules.gate is None:
        return None
    if breach in ("slower", "suspected"):
        apart = "without taking turns" if table.one_run else "without a control"
        lacking = f", {apart}" if breach == "suspected" else ""
        return f"{_beyond(one)}{lacking}, the gate is {percent(table.rules.gate)}"
    if breach == "too_few":
        cells = f" in a table of {one.judgement.cells} cells" if one.judgement.cells > 1 else ""
        why = f"{one.head.n} against {one.base.n}, a verdict{cells} needs {needed_processes(one)}"
        return "; ".join([f"{_BREACHES[breach]}: {why}", *_lacking(one)])
    return f"{_BREACHES[breach]}: {'; '.join(_lacking(one)) or one.state}"


def _beyond(one: Comparison) -> str:
    """Return the verdict; where the region of indifference is wider than the gate, the ratio instead."""
    estimate = one.estimate
    decided = one.verdict in (Verdict.SLOWER, Verdict.SUSPECTED)
    if decided or estimate.ratio is None or estimate.ci_low is None or estimate.ci_high is None:
        return verdict(one)
    return signed(estimate.ratio, estimate.ci_low, estimate.ci_high)


def _lacking(one: Comparison) -> list[str]:
    """What a cell's sides lack, without their other notes."""
    kinds = ("missing", "failures", "fails_more", "no_value", "odd_values", "interrupted")
    return [note.text for note in one.notes if note.kind in kinds]


def breaches(table: Table, *, most: int = 10) -> list[str]:
    """A line for each cell that breaks the gate otherwise than by its verdict: `m on R5CT1 cpu 1 thr big: measured in BASE ...`."""
    found = [
        f"{cell_name(one)}: {breach_reason(one, table)}"
        for one in table.comparisons
        if gate_breach(one, table.rules) not in (None, "slower", "suspected")
    ]
    return [*found[:most], *([f"and {len(found) - most} more cells"] if len(found) > most else [])]
