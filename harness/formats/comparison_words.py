"""Puts a comparison into words, the same in every format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from harness.analysis.cells import KEYS
from harness.analysis.comparison import Breach, Comparison, Overall, Table, gate_breach
from harness.analysis.op_diff import OpChange
from harness.analysis.op_profile import OpRow
from harness.analysis.pair_estimates import Difference
from harness.analysis.ratio_interval import LEVEL, MIN_BLOCKS, Estimate
from harness.analysis.sides import SideSummary
from harness.analysis.verdict import Judgement, Verdict
from harness.formats import difference_words


def percent(fraction: float) -> str:
    """`3 %`, `1.5 %`: two digits that mean something."""
    return f"{100 * fraction:.2g} %" if abs(fraction) < 0.995 else f"{100 * fraction:.0f} %"


def level(table: Table | None, *, space: str = " ") -> str:
    """How to call the intervals of a table: `95 %`, or the level of each look of an adaptive run, such as `99.2 %`."""
    levels = [one.estimate.level for one in table.comparisons] if table else []
    return f"{100 * max(levels, default=LEVEL):.3g}{space}%"


def ratio(estimate: Estimate) -> str:
    """`0.877 [0.856, 0.899]`; `-` without one."""
    if estimate.ratio is None:
        return "-"
    return f"{estimate.ratio:.3f} {interval(estimate)}".rstrip()


def interval(estimate: Estimate) -> str:
    """`[0.856, 0.899]`; empty without one."""
    if estimate.ci_low is None or estimate.ci_high is None:
        return ""
    return f"[{_times(estimate.ci_low)}, {_times(estimate.ci_high)}]"


def _times(ratio: float) -> str:
    # With two processes an interval may span ten powers of ten: digits that mean nothing would only push the rest off the line.
    return f"{ratio:.3f}" if 0.01 <= ratio < 100 else f"{ratio:.3g}"


def value(amount: float | None, unit: str) -> str:
    """`12.345 ms`, `38.2 MB`."""
    if amount is None:
        return "-"
    return f"{amount:.1f} MB" if unit == "mb" else f"{amount / 1000:.3f} ms"


def change(estimate: Estimate, judgement: Judgement, difference: Difference | None = None) -> str:
    """`slower by 3.1 % (2.2 to 4.0 %)`, or what keeps it from being said. What is only suspected is neither called faster nor slower."""
    if difference is not None:
        return difference_words.change(difference, judgement) or inconclusive(judgement)
    low, high = estimate.ci_low, estimate.ci_high
    if estimate.ratio is None or low is None or high is None or judgement.verdict is Verdict.INCONCLUSIVE:
        return inconclusive(judgement)
    if judgement.verdict is Verdict.SAME:
        return f"the same within {percent(max(high - 1, 1 - low))}"
    if judgement.verdict is Verdict.SUSPECTED:
        return f"suspected {_signed(estimate.ratio, low, high)}"
    if judgement.verdict is Verdict.SLOWER:
        return f"slower {_by(estimate.ratio, low, high)}"
    return f"faster {_by(1 / estimate.ratio, 1 / high, 1 / low, flipped=True)}"


def verdict(one: Comparison) -> str:
    """What came of a cell: `slower by 3.1 % (...)`, marked where it is synthetic; or why there is no verdict."""
    if one.state == "incomparable":
        return f"no verdict: {'BASE' if one.base.synthetic else 'HEAD'} is synthetic, the other side was measured"
    if one.state != "measured":
        return trouble(one)
    return change(one.estimate, one.judgement, one.difference) + (" (synthetic)" if one.synthetic else "")


def ratio_of(one: Comparison) -> str:
    """`0.877 [0.856, 0.899]`; `0.877 (synthetic)` where a side is; `+1.20 MB [+0.80, +1.60]` where there is no ratio."""
    if one.difference is not None:
        return difference_words.difference(one.difference) + (" (synthetic)" if one.synthetic else "")
    return ratio(one.estimate) + (" (synthetic)" if one.synthetic and one.estimate.ratio is not None else "")


def bare_difference(one: Comparison) -> str:
    """`+1.20 MB`; empty where there is a ratio, or neither."""
    found = one.difference
    return f"{found.value:+.2f} MB" if found is not None and found.value is not None else ""


def interval_of(one: Comparison) -> str:
    """Of the ratio, or of the difference."""
    return difference_words.interval(one.difference) if one.difference is not None else interval(one.estimate)


def has_ratio(one: Comparison) -> bool:
    """Whether both sides have a number, be there a verdict or not."""
    return one.state in ("measured", "incomparable")


def inconclusive(judgement: Judgement) -> str:
    """Why there is no verdict, and what would bring one."""
    parts = ["inconclusive", *judgement.reasons]
    if judgement.more_processes is not None:
        parts.append(f"about {judgement.more_processes} more processes a side would decide")
    return "; ".join(parts)


def cell_name(one: Comparison) -> str:
    """What is compared with what, in one line."""
    key = one.key
    parts = [key.model, f"on {key.device}", key.delegate, f"{key.threads} thr", key.cpus]
    if key.binary:
        parts.append(key.binary)
    if one.base.key is not None and one.head.key is not None:
        base = one.base.key
        other = [f"{name}={getattr(base, name)}" for name in KEYS if getattr(base, name) != getattr(key, name)]
        if other:
            parts.append(f"(against {', '.join(other)})")
    return " ".join(parts)


def overall_name(one: Overall) -> str:
    """The question, and how many devices answered it."""
    binary = f" {one.binary}" if one.binary else ""
    mark = ", synthetic" if one.synthetic else ""
    return f"{one.model} {one.delegate} {one.threads} thr {one.cpus}{binary}, {len(one.devices)} devices{mark}"


def summary_line(table: Table) -> str:
    """`2 slower, 1 same, 3 inconclusive, 2 not measured`."""
    counts = Counter(one.judgement.verdict for one in table.comparisons if one.state == "measured")
    parts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    states = Counter(one.state for one in table.comparisons)
    lacking = states["unmeasured"] + states["skipped"]
    parts += [f"{states['incomparable']} synthetic against measured"] if states["incomparable"] else []
    parts += [f"{lacking} not measured"] if lacking else []
    return ", ".join(parts) or "nothing compared"


def incomplete(table: Table) -> list[str]:
    """`HEAD is incomplete: 20 of 28 trials never ran`: a line for each side whose run did not finish."""
    return [f"{one.side} is incomplete: {one.left} of {one.planned} trials never ran" for one in table.incomplete]


def warnings(table: Table) -> dict[str, int]:
    """Number everything in which two measured sides are unlike: each affected cell shows the number."""
    texts = dict.fromkeys(note.text for one in table.comparisons if has_ratio(one) for note in one.notes if note.unlike)
    return {text: number for number, text in enumerate(texts, 1)}


def numbers_of(one: Comparison, numbered: Mapping[str, int]) -> list[int]:
    """The numbers of a cell's warnings."""
    if not has_ratio(one):
        return []
    return [numbered[note.text] for note in one.notes if note.unlike]


def trouble(one: Comparison) -> str:
    """Why a cell has no number."""
    return "; ".join(note.text for note in one.notes) or one.state


def side(summary: SideSummary, unit: str) -> str:
    """`12.345 ms (n=10)`, `12.345 ms (n=10, synthetic)`."""
    mark = ", synthetic" if summary.synthetic and summary.n else ""
    return f"{value(summary.estimate, unit)} (n={summary.n}{mark})"


def ops_name(op_change: OpChange) -> str:
    """`CONV_2D [conv1] -> Convolution (NHWC, F32) IGEMM`, shortened where a side is many ops."""
    base, head = _side_name(op_change.base), _side_name(op_change.head)
    if op_change.kind == "same":
        return head
    return f"{base or '(nothing)'} -> {head or '(nothing)'}"


def _side_name(rows: tuple[OpRow, ...]) -> str:
    if not rows:
        return ""
    first = f"{rows[0].node_type} #{rows[0].index}"
    return first if len(rows) == 1 else f"{len(rows)} ops ({first} .. #{rows[-1].index})"


def _signed(ratio: float, low: float, high: float) -> str:
    """`+3.1 % (+2.2 % to +4.0 %)`; `2.50x (2.40x to 2.75x)` for large ones."""
    if ratio >= 2 or ratio <= 0.5:
        return f"{ratio:.2f}x ({low:.2f}x to {high:.2f}x)"
    return f"{100 * (ratio - 1):+.1f} % ({100 * (low - 1):+.1f} % to {100 * (high - 1):+.1f} %)"


def _by(factor: float, low: float, high: float, *, flipped: bool = False) -> str:
    """Percent of the base for small changes, a factor for large ones: "faster by 96 %" tells few people that it is 25 times as fast."""
    if factor >= 2:
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
NO_CONTROL = "a control is missing: the runs are separate, so the gate rests on what is only suspected"


def gate(table: Table) -> str:
    """`broken (2 of 5 cells measured in BASE and not in HEAD)` or `holds`; or what keeps it from holding without being a breach.

    Cells that are undecided do not break the gate, and do not prove that nothing became slower; nor do those that base never measured.
    """
    cells = table.comparisons
    if table.gate_broken:
        counts = Counter(gate_breach(one, table.rules) for one in cells)
        parts = [
            f"{counts[breach]} of {len(cells)} cells {text}" for breach, text in _BREACHES.items() if counts[breach]
        ]
        return f"broken ({'; '.join(parts)})"
    measured = [one for one in cells if one.state == "measured"]
    undecided = sum(one.judgement.verdict is Verdict.INCONCLUSIVE for one in measured)
    unknown = sum(not one.base.n for one in cells)
    suspected = sum(one.judgement.verdict is Verdict.SUSPECTED for one in measured)
    parts = [f"{undecided} of {len(measured)} inconclusive"] if undecided else []
    parts += [f"{suspected} of {len(measured)} only suspected"] if suspected else []
    mixed = sum(one.state == "incomparable" for one in cells)
    parts += [f"{unknown} of {len(cells)} cells not measured in BASE"] if unknown else []
    parts += [f"{mixed} of {len(cells)} cells synthetic on one side only"] if mixed else []
    return f"not broken ({'; '.join(parts)})" if parts else "holds"


def breach_reason(one: Comparison, table: Table) -> str | None:
    """Why a cell breaks the gate: `slower by 9.8 % (...), the gate is 3 %`, `measured in BASE and not in HEAD: ...`; else None."""
    breach = gate_breach(one, table.rules)
    if breach is None or table.rules.gate is None:
        return None
    if breach in ("slower", "suspected"):
        lacking = ", without a control" if breach == "suspected" else ""
        return f"{verdict(one)}{lacking}, the gate is {percent(table.rules.gate)}"
    if breach == "too_few":
        why = f"{one.head.n} against {one.base.n}, a verdict needs {MIN_BLOCKS}"
        return "; ".join([f"{_BREACHES[breach]}: {why}", *_lacking(one)])
    return f"{_BREACHES[breach]}: {'; '.join(_lacking(one)) or one.state}"


def _lacking(one: Comparison) -> list[str]:
    """What a cell's sides lack, and nothing else that is noted of them."""
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
