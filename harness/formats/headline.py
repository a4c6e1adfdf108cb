"""The answer of a run in one sentence for each question: `xnnpack is 3.2x faster than cpu`. Pure.

The terminal and the report say it in the same words, so names come in as the caller writes them (on a page they are isolated and escaped).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from harness.analysis.comparison import Comparison, Table
from harness.analysis.verdict import Verdict
from harness.formats.comparison_words import percent
from harness.records import Scalar

_DECIDED = (Verdict.FASTER, Verdict.SLOWER, Verdict.SAME)
_SPLIT_WORDS = {
    Verdict.FASTER: "faster",
    Verdict.SLOWER: "slower",
    Verdict.SAME: "as fast",
    Verdict.SUSPECTED: "suspected to differ",
    Verdict.INCONCLUSIVE: "undecided",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What the comparisons of one configuration with the baseline come to."""

    values: Mapping[str, Scalar]
    """What the configuration is, in the dimensions that the baseline fixes: `{"delegate": "xnnpack"}`."""
    counts: Mapping[Verdict, int]
    """Comparisons by verdict."""
    ratio: float | None
    """Head over base: of all devices together where there is such an estimate of one question, else the median of the comparisons."""
    low: float | None
    high: float | None
    """Ends of the interval of all devices together, or of the one comparison; else the smallest and the largest ratio."""
    spans: bool
    """`low` and `high` are the range of several comparisons, not an interval."""
    devices: int
    synthetic: bool

    @property
    def verdict(self) -> Verdict | None:
        """The verdict that all comparisons have; None where they differ or decide nothing."""
        [*verdicts] = self.counts
        return verdicts[0] if len(verdicts) == 1 and verdicts[0] in _DECIDED else None

    @property
    def decides(self) -> bool:
        """Whether any comparison has an answer."""
        return any(verdict in _DECIDED for verdict in self.counts)

    def words(self) -> str:
        """What follows `xnnpack is`: `3.2x faster than`, with `{}` for the baseline's name."""
        if self.verdict is None:
            (first, most), *rest = self._ordered()
            others = "".join(f", {_SPLIT_WORDS[verdict]} in {count}" for verdict, count in rest)
            than = "as" if first is Verdict.SAME else "than"
            return f"{_SPLIT_WORDS[first]} {than} {{}} in {most} of {sum(self.counts.values())} comparisons{others}"
        if self.verdict is Verdict.SAME:
            return "as fast as {}"
        word = "faster" if self.verdict is Verdict.FASTER else "slower"
        return f"{self._size(self.ratio)} {word} than {{}}"

    def everywhere(self) -> str:
        """` on both devices`, where several give the same answer."""
        if self.devices < 2 or self.verdict is None:
            return ""
        return " on both devices" if self.devices == 2 else f" on all {self.devices} devices"

    def evidence(self) -> str:
        """What stands behind it, for brackets: `median of 6 comparisons, 2.1x to 4.4x`, `2.9x to 3.5x, 95 % interval`."""
        parts = []
        if self.low is not None and self.high is not None and self.verdict not in (None, Verdict.SAME):
            ends = (self.high, self.low) if self.verdict is Verdict.FASTER else (self.low, self.high)
            span = " to ".join(self._size(end) for end in ends)
            parts.append(
                f"median of {sum(self.counts.values())} comparisons, each of them sure: {span}" if self.spans else span
            )
        elif self.low is not None and self.high is not None and self.verdict is Verdict.SAME:
            parts.append(f"within {percent(max(self.high - 1, 1 - self.low))}")
        parts += ["synthetic"] if self.synthetic else []
        return ", ".join(parts)

    def _ordered(self) -> list[tuple[Verdict, int]]:
        order = (*_DECIDED, Verdict.SUSPECTED, Verdict.INCONCLUSIVE)
        return [(verdict, self.counts[verdict]) for verdict in order if self.counts.get(verdict)]

    def _size(self, ratio: float | None) -> str:
        """`3.2x`, or `12 %` where that says more: how much faster or slower."""
        if ratio is None:
            return ""
        factor = 1 / ratio if self.verdict is Verdict.FASTER else ratio
        if factor >= 1.95:
            return f"{factor:.1f}x" if factor < 99.5 else f"{factor:.0f}x"
        return percent(1 - ratio if self.verdict is Verdict.FASTER else ratio - 1)


def headlines(table: Table, dimensions: Sequence[str]) -> list[Headline]:
    """One for each configuration that is compared with the baseline, in the order of the table; none where nothing has an answer.

    Args:
        table: the run's cells against their baselines.
        dimensions: what the baseline fixes: configurations differ in these.
    """
    groups: dict[tuple[Scalar, ...], list[Comparison]] = {}
    for one in table.comparisons:
        if one.state == "measured":
            groups.setdefault(tuple(getattr(one.key, name) for name in dimensions), []).append(one)
    found = [_headline(dict(zip(dimensions, values, strict=True)), group, table) for values, group in groups.items()]
    return [one for one in found if one.decides]


def _headline(values: Mapping[str, Scalar], group: Sequence[Comparison], table: Table) -> Headline:
    ratios = [one.estimate.ratio for one in group if one.estimate.ratio is not None]
    questions = {(one.key.model, one.key.delegate, one.key.threads, one.key.cpus, one.key.binary) for one in group}
    pooled = [one for one in table.overall if (one.model, one.delegate, one.threads, one.cpus, one.binary) in questions]
    estimates = [one.estimate for one in pooled] if len(questions) == 1 and len(pooled) == 1 else []
    estimates = estimates or ([group[0].estimate] if len(group) == 1 else [])
    if estimates:
        ratio, low, high = estimates[0].ratio, estimates[0].ci_low, estimates[0].ci_high
    else:
        ratio, low, high = (median(ratios), min(ratios), max(ratios)) if ratios else (None, None, None)
    return Headline(
        values=values,
        counts=Counter(one.judgement.verdict for one in group),
        ratio=ratio,
        low=low,
        high=high,
        spans=not estimates,
        devices=len({one.key.device for one in group}),
        synthetic=any(one.synthetic for one in group),
    )
